"""What modules connect to: servers that start, die and start again, and a URL.

A part that needs nothing but a `Ground` runs on every transport.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from nats_server import Cluster, Server
from processes import PATIENCE, ExpectationError, Process, Programs, Started, until

#: The transports of :func:`on`.
TRANSPORTS = ("unix", "tcp", "tls", "nats", "cluster")
#: Seconds within which every open stream ends at both its ends, once it is known that one of three processes is gone.
BOUND = 5.0
#: `idleMs` where nothing else is said: the host's and the modules'.
IDLE_MS = 60_000

#: Whoever reaches an address of TCP may do everything.
EVERYTHING = """[default]
provide = ["*"]
subscribe = ["*"]
call = ["*"]
capabilities = ["*"]
subjects = ["*"]
"""


class Ground(ABC):
    """What modules stand on. Each of its servers may be a victim."""

    url: str
    """Where a module connects."""
    roots: str = "-"
    """The file with the certificates that a module trusts; `-` where it needs none."""
    has_c: bool = False
    """Whether the module in C of the examples can connect to it."""
    after_caller: float = BOUND
    """Seconds within which the streams end of a caller that is gone."""
    after_provider: float = BOUND
    """Seconds within which the streams end of a provider that is gone."""
    after_server: float = BOUND
    """Seconds within which streams end when a server is gone that carried them."""
    outlives_server: bool = False
    """Whether streams may live on when a server dies. It is then started again at once."""

    def __init__(self, programs: Programs, folder: Path, idle_ms: int = IDLE_MS) -> None:
        self.programs = programs
        self.folder = folder
        self.idle_ms = idle_ms
        self.servers: dict[str, Process] = {}
        """That it consists of, by name."""

    @abstractmethod
    def begin(self, server: str) -> None:
        """Starts a server, for the first time or again where it was, and waits until modules can connect to it."""

    @abstractmethod
    def modules(self) -> set[str]:
        """The names of the modules that it knows."""

    @abstractmethod
    def streams(self) -> list[dict[str, Any]]:
        """The streams that it knows, as `ixt streams --json` tells them; none where it knows of none."""

    @abstractmethod
    def counting(self, sender: int, size: int) -> Callable[[], tuple[int, int | None] | None]:
        """Counts the messages of so many bytes of one stream from now on: how many have come to it from the caller (0) or
        the provider (1) of the stream, and how many of them it has passed on, if it can tell. None while it knows of no
        stream."""

    def url_of(self, module: str) -> str:
        """Where this module connects."""
        return self.url

    def at(self, place: str, command: list[str]) -> list[str]:
        """A command as it is run in the place of a module or server, where each has one of its own."""
        return command

    def connected(self, server: str) -> set[str]:
        """The modules that are connected to this server: those that its death may touch, and who talks to them."""
        return self.modules()

    def descriptors(self) -> dict[str, int]:
        """How many its servers have open, by what is to have as many again when nothing goes on."""
        return {name: server.descriptors for name, server in self.servers.items()}

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()


class HostGround(Ground):
    """One host. This is its Unix socket, and what is the same on other transports."""

    def __init__(
        self, programs: Programs, folder: Path, *options: str, idle_ms: int = IDLE_MS
    ) -> None:
        """`options` are the host's."""
        super().__init__(programs, folder, idle_ms)
        self.options = [*options, "--idle", f"{idle_ms // 1000}"]
        self.socket = folder / "host.sock"
        self.addressed()
        self.begin("host")

    def addressed(self) -> None:
        """Says where the host listens, where modules connect, and where this process asks it."""
        self.has_c = True
        self.listens = self.url = self.asked = f"unix://{self.socket}"

    @property
    def host(self) -> Process:
        return self.servers["host"]

    def begin(self, server: str) -> None:
        ixt = self.programs.ixt
        command = [ixt, "host", "--grace", "0", *self.options, self.listens]
        log = self.folder / f"{server}.log"
        known = log.stat().st_size if log.exists() else 0
        host = Process(server, self.folder, self.at(server, command))
        self.servers[server] = host
        until(
            lambda: b"listening" in log.read_bytes()[known:] or not host.lives,
            PATIENCE,
            lambda: f"the host does not listen; {host.said()}",
        )
        if not host.lives:
            raise ExpectationError(f"the host does not begin: {host.said()}")

    def ixt(self, *arguments: str) -> str:
        command = [self.programs.ixt, "--color", "never", *arguments, "--host", self.asked]
        if self.roots != "-":
            command += ["--tls-roots", self.roots]
        done = subprocess.run(
            self.at("host", command),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise ExpectationError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def modules(self) -> set[str]:
        lines = self.ixt("modules").splitlines()
        return {line.split()[0] for line in lines if line and not line.startswith(" ")}

    def streams(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ixt("streams", "--json").splitlines()]

    def counting(self, sender: int, size: int) -> Callable[[], tuple[int, int | None] | None]:
        def count() -> tuple[int, int | None] | None:
            for stream in self.streams():
                passed: int = stream["passed"][sender]
                return passed, passed - int(stream["waiting"][sender])
            return None

        return count


class TcpGround(HostGround):
    """A host that listens on TCP."""

    SCHEME = "tcp"

    def addressed(self) -> None:
        self.anybody()
        at = f"{self.SCHEME}://127.0.0.1:{free_port()}"
        self.listens = self.url = self.asked = at

    def anybody(self) -> None:
        policy = self.folder / "policy.toml"
        policy.write_text(EVERYTHING, encoding="utf-8")
        self.options += ["--policy", str(policy)]


class TlsGround(TcpGround):
    """A host that listens on TCP, with TLS."""

    SCHEME = "tls"

    def anybody(self) -> None:
        super().anybody()
        self.roots = str(self.folder / "roots.pem")
        chain, key = self.folder / "chain.pem", self.folder / "key.pem"
        certified(self.name(), Path(self.roots), chain, key)
        self.options += ["--tls-certificate", str(chain), "--tls-key", str(key)]

    def name(self) -> str:
        """The address under which modules know the host."""
        return "127.0.0.1"


class NatsGround(Ground):
    """One server of NATS, and no host: a node in each module."""

    #: Who has heard nothing for a second asks, and is told that nobody is there.
    after_caller = 2.0
    #: The same, but what is not yet taken may be taken by another one: the patience of a node, five seconds.
    after_provider = 6.0
    #: The lease, and what it takes to be back.
    after_server = 8.0
    outlives_server = True

    def __init__(self, programs: Programs, folder: Path, idle_ms: int = IDLE_MS) -> None:
        super().__init__(programs, folder, idle_ms)
        self.nats = self.made()
        self.url = f"nats://{','.join(server.url.removeprefix('nats://') for server in self.nats)}"
        try:
            self.first()
        except BaseException:
            for server in self.nats:
                server.kill()
            raise
        for server in self.nats:
            self.servers[server.name] = Started(server.name, server.log, server.process)

    def made(self) -> list[Server]:
        """The servers, which do not run yet."""
        return [Server(self.folder)]

    def first(self) -> None:
        """Starts all."""
        self.nats[0].start()

    def begin(self, server: str) -> None:
        [found] = [each for each in self.nats if each.name == server]
        found.start()
        self.servers[server] = Started(server, found.log, found.process)

    def modules(self) -> set[str]:
        command = [self.programs.ixt, "--color", "never", "modules", "--host", self.url]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        lines = done.stdout.splitlines()
        return {line.split()[0] for line in lines if line and not line.startswith(" ")}

    def streams(self) -> list[dict[str, Any]]:
        return []

    def counting(self, sender: int, size: int) -> Callable[[], tuple[int, int | None] | None]:
        def came() -> int:
            return sum(server.ask("/varz")["in_bytes"] for server in self.nats)

        # What else goes through it is of no weight beside them, and where it goes it waits in nodes.
        before = came()
        return lambda: (round((came() - before) / size), None)

    def connected(self, server: str) -> set[str]:
        [found] = [each for each in self.nats if each.name == server]
        names = set()
        for client in found.ask("/connz?subs=1&limit=1000").get("connections") or ():
            for subject in client.get("subscriptions_list") or ():
                # The replies of a node: `ixt.i-<module>.<module>.<instance>.*`.
                tokens = subject.split(".")
                if len(tokens) == 5:
                    names.add(tokens[2])
        return names


class NatsClusterGround(NatsGround):
    """A cluster of three servers. Modules know all of them, and are each at any."""

    def made(self) -> list[Server]:
        self.cluster = Cluster(self.folder)
        return self.cluster.servers

    def first(self) -> None:
        self.cluster.start()

    def begin(self, server: str) -> None:
        super().begin(server)
        self.cluster.await_routes()

    def descriptors(self) -> dict[str, int]:
        # Of each as many as it has clients just now, but of all together as ever.
        return {"the cluster": sum(super().descriptors().values())}


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def certified(name: str, roots: Path, chain: Path, key: Path) -> None:
    """Writes an authority, a certificate of it for this name and this machine, and its key."""
    issued = _authority().issue_cert(*dict.fromkeys((name, "127.0.0.1")))
    _authority().cert_pem.write_to_path(str(roots))
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))


def free_port() -> int:
    """A port on which nobody listens, and which the system gives no connection of its own: a module that connects
    while the host is dead would else meet itself there."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.SystemRandom().sample(range(10_000, max(first, 10_001)), 100):
        with socket.socket() as trying:
            try:
                trying.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ExpectationError("no port is free")


def on(transport: str, programs: Programs, folder: Path) -> Ground:
    """A ground of this transport, which has begun."""
    kinds: dict[str, Callable[[Programs, Path], Ground]] = {
        "unix": HostGround,
        "tcp": TcpGround,
        "tls": TlsGround,
        "nats": NatsGround,
        "cluster": NatsClusterGround,
    }
    return kinds[transport](programs, folder)


class World:
    """A ground, and programs on it."""

    def __init__(self, programs: Programs, folder: Path, ground: Ground) -> None:
        self.programs = programs
        self.folder = folder
        self.ground = ground
        self.modules: dict[str, Process] = {}

    def begin(self, name: str, language: str, window: int = 64) -> Process:
        """Starts a program under a name; it does not wait for it."""
        ground = self.ground
        if language == "c":
            command = [self.programs.c, ground.url.removeprefix("unix://")]
        else:
            command = [*self.programs.commands[language], ground.url_of(name), name, str(window)]
            command += [str(ground.idle_ms), ground.roots]
        process = Process(name, self.folder, ground.at(name, command))
        self.modules[name] = process
        return process

    def processes(self) -> dict[str, Process]:
        """All, by name."""
        return {**self.modules, **self.ground.servers}

    def stop(self) -> None:
        for process in self.modules.values():
            process.stop()
        self.ground.stop()
