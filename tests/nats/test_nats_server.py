"""The servers do as other tests rely on: what their configuration says, kill and start again, routes."""

from __future__ import annotations

import json
import random
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from nats_server import HOST, Cluster, NatsError, Server


class Wire:
    """A client of NATS' text protocol, as much of it as the tests need."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self._socket = socket.create_connection((HOST, server.port), timeout=10)
        self.info: dict[str, Any] = json.loads(self._line().removeprefix("INFO "))
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=HOST)
        self.tell(f"CONNECT {json.dumps({'verbose': False, **options})}")

    def _line(self) -> str:
        """A byte at a time, as what follows the INFO may be TLS already."""
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise ConnectionError("the server has closed")
            line += byte
        return line.decode().strip()

    def tell(self, line: str) -> None:
        self._socket.sendall(f"{line}\r\n".encode())

    def ask(self, line: str) -> str:
        self.tell(line)
        return self._line()

    def heard(self) -> str:
        """The body of the next message, without waiting long: the interest of others takes a while to come round."""
        self._socket.settimeout(0.05)
        try:
            self._line()
            return self._line()
        except TimeoutError:
            return ""

    def close(self) -> None:
        self._socket.close()


@contextmanager
def wire(server: Server, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Wire]:
    client = Wire(server, tls, **options)
    try:
        yield client
    finally:
        client.close()


#: By its name in the protocol, which is a word of Python's.
PASSWORD: dict[str, Any] = {"pass": "1234"}


def refuses(server: Server) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex((HOST, server.port)) != 0


def passes(sender: Server, receiver: Server) -> bool:
    """Whether a message goes from a client of one to a client of the other, in time."""
    with wire(sender) as one, wire(receiver) as other:
        assert other.ask("SUB news 1\r\nPING") == "PONG"
        for _ in range(100):
            assert one.ask("PUB news 5\r\nhello\r\nPING") == "PONG"
            if other.heard() == "hello":
                return True
    return False


def test_takes_clients_by_its_configuration(tmp_path: Path) -> None:
    with Server(tmp_path, "max_payload: 64KB") as server, wire(server) as client:
        assert client.info["max_payload"] == 65536
        assert client.info["port"] == server.port
        assert server.url == f"nats://127.0.0.1:{server.port}"
        assert client.ask("PING") == "PONG"
        assert passes(server, server)


def test_users_and_what_they_may(tmp_path: Path) -> None:
    config = """authorization {
        users = [{ user: module, password: "1234", permissions: { publish: "ixt.>", subscribe: "ixt.>" } }]
    }"""
    with Server(tmp_path, config) as server:
        with wire(server, user="module", password="12345") as client:
            assert "Authorization Violation" in client.ask("PING")
        with wire(server, user="module", **PASSWORD) as client:
            assert client.ask("PUB ixt.a 0\r\n\r\nPING") == "PONG"
            assert "Permissions Violation for Publish" in client.ask("PUB other 0\r\n\r\nPING")


@pytest.mark.parametrize("first", [False, True], ids=["after its INFO", "handshake first"])
def test_tls(tmp_path: Path, first: bool) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    files = f'cert_file: "{chain}", key_file: "{key}", handshake_first: {str(first).lower()}'
    with Server(tmp_path, f"tls {{ {files} }}") as server:
        if first:
            plain = socket.create_connection((HOST, server.port), timeout=10)
            with trusted.wrap_socket(plain, server_hostname=HOST) as client:
                assert client.recv(5) == b"INFO "
        else:
            with wire(server, trusted) as talking:
                assert talking.ask("PING") == "PONG"
            with wire(server) as talking, pytest.raises((ConnectionError, UnicodeDecodeError)):
                talking.ask("PING")


def test_is_killed_and_starts_on_the_same_port(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        port, pid = server.port, server.pid
        with wire(server) as client:
            assert client.ask("PING") == "PONG"
            server.kill()
            with pytest.raises(ConnectionError):
                client.ask("PING")
        assert not server.lives
        assert refuses(server)
        server.config = "max_payload: 2048"
        server.start()
        assert server.pid != pid
        with wire(server) as client:
            assert client.info["port"] == port
            assert client.info["max_payload"] == 2048
        with pytest.raises(NatsError, match="runs already"):
            server.start()
    assert not server.lives
    assert refuses(server)
    server.stop()


def test_says_why_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NatsError, match=r"(?s)nats does not run.*no_such_setting"):
        Server(tmp_path, "no_such_setting: 1").start()
    monkeypatch.setenv("NATS_SERVER", str(tmp_path / "nowhere"))
    with pytest.raises(NatsError, match="make nats"):
        Server(tmp_path)


def test_two_have_ports_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Before they run, and where there are few to choose from.
    monkeypatch.setattr(random, "sample", lambda found, _count: found)
    servers = [Server(tmp_path), Server(tmp_path)]
    assert len({port for server in servers for port in (server.port, server.monitor)}) == 4


def test_a_cluster_and_the_loss_of_one(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        one, two, three = cluster.servers
        assert cluster.urls == [one.url, two.url, three.url]
        assert cluster.routes(one) == {two.name, three.name}
        for sender, receiver in ((one, two), (two, three), (three, one)):
            assert passes(sender, receiver)

        two.kill()
        cluster.await_routes()
        assert cluster.routes(one) == {three.name}
        assert refuses(two)
        assert passes(one, three)

        cluster.start()
        assert cluster.routes(two) == {one.name, three.name}
        assert passes(one, two)
        assert passes(two, three)
    assert not any(server.lives for server in cluster.servers)


def test_a_cluster_waits_for_all_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nats_server.PATIENCE", 1.0)
    cluster = Cluster(tmp_path)
    alone = cluster.servers[1]
    alone.config = ""
    with pytest.raises(NatsError, match=rf"routes are .*'{alone.name}': \[\]"), cluster:
        pass
    assert not any(server.lives for server in cluster.servers)
