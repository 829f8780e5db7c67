"""WebSockets: this package's own, with and without TLS, and those of the library ``websockets``."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from serving import Holding, Serving, cut, echo, hello, serving, standstill, until, when

from arcp import TransportClosed, WebSocketTransport, serve_websocket
from arcp._transport import serve
from arcp.runtime import JobContext


@asynccontextmanager
async def listening(**options: Any) -> AsyncGenerator[tuple[Serving, serve.Server, str], None]:
    """A runtime behind a server, and its address."""

    async def talk(given: int, ctx: JobContext) -> str:
        for number in range(given):
            await ctx.thought(str(number))
        return "said"

    agents = {"echo": echo, "talk": talk}
    async with (
        serving(agents) as served,
        await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0, **options) as server,
    ):
        yield served, server, f"ws://127.0.0.1:{server.port}/arcp"


async def test_jobs_over_a_websocket() -> None:
    async with listening() as (served, server, url):
        assert server.is_serving()
        client = served.new_client()
        transport = await WebSocketTransport.connect(url)
        await client.connect(transport)
        given = {"text": "ä" * 300_000}
        assert (await (await client.submit(agent="echo", input=given)).done).result == given
        job = await client.submit(agent="talk", input=2000)
        texts = [event["body"]["text"] async for event in job.events()]
        assert texts == [str(number) for number in range(2000)]
        assert transport.write_buffer_size() == 0
        await client.close()
        assert transport.is_closed
        await transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), address]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


async def test_jobs_over_tls(certificate: tuple[Path, Path]) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with listening(ssl=own, allowed_hosts=("box.test",)) as (served, server, url):
        secure = url.replace("ws:", "wss:")
        client = served.new_client()
        await client.connect(await WebSocketTransport.connect(secure, ssl=trusting))
        assert (await (await client.submit(agent="echo", input=1)).done).result == 1
        await client.close()
        named = await WebSocketTransport.connect(
            f"wss://127.0.0.1:{server.port}/arcp", ssl=trusting, server_hostname="localhost"
        )
        await named.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await WebSocketTransport.connect(secure)
        with pytest.raises(ssl.SSLCertVerificationError):
            await WebSocketTransport.connect(secure, ssl=trusting, server_hostname="other.test")
        with pytest.raises(OSError, match=r"."):
            await WebSocketTransport.connect(url)


async def test_addresses_that_are_none() -> None:
    for bad in ("http://127.0.0.1/arcp", "ws:///arcp", "nothing"):
        with pytest.raises(ValueError, match="not ws"):
            await WebSocketTransport.connect(bad)


async def test_upgrades_that_are_refused() -> None:
    async with listening(path="/here", allowed_hosts=("box.test",)) as (_, server, url):
        with pytest.raises(ConnectionError):
            await WebSocketTransport.connect(url)
        right = f"ws://127.0.0.1:{server.port}/here"
        # A page of a foreign site says its own name.
        status = await _upgrade(server.port, "evil.test")
        assert status.split()[1] in (b"403", b"421", b"400")
        assert (await _upgrade(server.port, "box.test")).split()[1] == b"101"
        transport = await WebSocketTransport.connect(
            right, additional_headers={"X-Own": "1"}, ping_interval=None
        )
        await transport.close()
        other = await WebSocketTransport.connect(right, additional_headers=[("X-Own", "1")])
        await other.close()
    async with listening(allowed_hosts=("*",)) as (_, server, _url):
        assert (await _upgrade(server.port, "evil.test", "/arcp")).split()[1] == b"101"


async def _upgrade(port: int, host: str, path: str = "/here") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        "",
    ]
    writer.write("\r\n".join(lines).encode())
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_an_upgrade_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_HANDSHAKE", 0.02)
    async with listening() as (_, server, _url):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /arcp HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_who_does_not_speak_websocket_is_sent_away() -> None:
    async with listening() as (_, server, _url):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        answer = await reader.read()
        assert b"101" not in answer.split(b"\r\n")[0]
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_does_not_answer_an_upgrade() -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TimeoutError):
        await WebSocketTransport.connect(f"ws://127.0.0.1:{port}/arcp", open_timeout=0.05)
    server.close()
    for writer in held:
        writer.close()
    with pytest.raises(OSError, match=r"."):
        await WebSocketTransport.connect(f"ws://127.0.0.1:{port}/arcp")


async def test_a_closed_server_ends_its_connections() -> None:
    async with listening() as (served, server, url):
        client = served.new_client()
        await client.connect(await WebSocketTransport.connect(url))
        server.close()
        server.close()
        await server.wait_closed()
        await cut(client)
        assert not server.is_serving()
        with pytest.raises(OSError, match=r"."):
            await WebSocketTransport.connect(url)


async def test_a_server_serves_until_it_is_cancelled() -> None:
    async with listening() as (_, server, url):
        forever = asyncio.create_task(server.serve_forever())
        transport = await WebSocketTransport.connect(url)
        forever.cancel()
        await forever
        with pytest.raises(TransportClosed):
            await transport.recv()
        await transport.close()


async def test_a_closed_runtime_says_so_to_its_clients() -> None:
    async with listening() as (served, _, url):
        client = served.new_client()
        await client.connect(await WebSocketTransport.connect(url))
        await served.runtime.close()
        await cut(client)


async def test_the_four_methods_of_a_websocket() -> None:
    async with listening() as (_, _server, url):
        transport = await WebSocketTransport.connect(url)
        await transport.send(hello())
        welcome = await transport.recv()
        assert welcome["type"] == "session.welcome"
        waiting = asyncio.create_task(transport.recv())
        await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(TransportClosed):
            await waiting
        with pytest.raises(TransportClosed):
            await transport.send({})
        assert transport.is_closed


async def test_frames_that_came_before_an_engine_are_there() -> None:
    held: list[WebSocketTransport] = []
    taken, over = asyncio.Event(), asyncio.Event()

    async def later(transport: WebSocketTransport) -> None:
        held.append(transport)
        taken.set()
        await over.wait()

    async with (
        serving() as served,
        await serve_websocket(later, host="127.0.0.1", port=0) as server,
    ):
        url = f"ws://127.0.0.1:{server.port}/arcp"
        here = await WebSocketTransport.connect(url)
        await here.send(hello())
        await taken.wait()
        (there,) = held
        await when(lambda: bool(there._conn._frames))
        served.serve(there)
        assert (await until(here, "session.welcome"))["session_id"]
        over.set()
        await here.close()


async def test_who_sends_more_than_is_read_waits() -> None:
    held: asyncio.Queue[WebSocketTransport] = asyncio.Queue()
    over = asyncio.Event()

    async def keep(transport: WebSocketTransport) -> None:
        held.put_nowait(transport)
        await over.wait()

    async with (
        asyncio.timeout(5),
        await serve_websocket(keep, host="127.0.0.1", port=0) as server,
    ):
        here = await WebSocketTransport.connect(f"ws://127.0.0.1:{server.port}/arcp")
        there = await held.get()
        text = "x" * 30_000
        sent = 0

        async def send(sender: int) -> None:
            nonlocal sent
            for number in range(600):
                await here.send({"sender": sender, "n": number, "text": text})
                sent += 1

        sending = [asyncio.create_task(send(sender)) for sender in range(3)]
        await standstill(lambda: sent)
        # The reader sleeps, so the writers stand still.
        assert 1024 <= sent < 1800
        came: dict[int, list[int]] = {}
        for _ in range(1800):
            found = await there.recv()
            came.setdefault(found["sender"], []).append(found["n"])
        assert came == {sender: list(range(600)) for sender in range(3)}
        await asyncio.gather(*sending)
        over.set()
        await here.close()


# The library ``websockets``.


async def test_a_connection_of_the_library_is_a_transport_of_clients() -> None:
    async with (
        listening() as (served, _, url),
        websockets.asyncio.client.connect(url, proxy=None) as connection,
    ):
        client = served.new_client()
        transport = WebSocketTransport(connection)
        assert transport.write_buffer_size() == 0
        await client.connect(transport)
        job = await client.submit(agent="talk", input=50)
        assert len([event async for event in job.events()]) == 50
        await client.close()
        assert transport.is_closed
        with pytest.raises(TransportClosed):
            await transport.recv()


async def test_a_connection_of_the_library_is_a_transport_of_runtimes() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:

        async def handle(connection: Any) -> None:
            await served.runtime.accept(WebSocketTransport(connection))

        async with websockets.asyncio.server.serve(handle, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            client = served.new_client()
            await client.connect(await WebSocketTransport.connect(f"ws://127.0.0.1:{port}/arcp"))
            job = await client.submit(agent="hold", input="x")
            holding.go_on.set()
            assert (await job.done).result == "x"
            # What is no JSON is answered, whoever reads it.
            async with websockets.asyncio.client.connect(
                f"ws://127.0.0.1:{port}/arcp", proxy=None
            ) as raw:
                await raw.send("{ no json")
                assert "INVALID_REQUEST" in str(await raw.recv())
            await client.close()


async def test_a_connection_that_has_failed_is_closed() -> None:
    class Broken:
        async def send(self, data: str) -> None:
            raise OSError(f"no {data}")

        async def recv(self) -> str:
            raise OSError("nothing")

        async def close(self) -> None: ...

    for attempt in ("send", "recv"):
        transport = WebSocketTransport(Broken())
        assert not transport.is_closed
        assert transport.write_buffer_size() is None
        with pytest.raises(TransportClosed, match="no"):
            await (transport.send({}) if attempt == "send" else transport.recv())
        assert transport.is_closed
        await transport.close()
