"""Real nats-servers as processes on 127.0.0.1, that are killed and started again: one, or a cluster of three.

    with Server(folder, "max_payload: 64KB") as server:
        ...  # at server.url
        server.kill()
        server.start()  # on the same port

The program is `build/nats-server`, which `make nats` puts there, or what `NATS_SERVER` names.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
#: How long a server may take to answer, and a cluster to find itself, in seconds.
PATIENCE = 20.0
HOST = "127.0.0.1"
#: Below what Linux gives to those who connect: a client that tries a dead server's port from that very port would
#: connect to itself, and the server could not have its port again.
PORTS = range(20_000, 32_000)
#: Those that were given already: their servers may not listen yet, or not just now.
_given: set[int] = set()


class NatsError(Exception):
    """A server that is not there, does not start, or does not do what it must in time."""


def program() -> Path:
    """The nats-server; :class:`NatsError` says how to get one where there is none."""
    path = Path(os.environ.get("NATS_SERVER") or ROOT / "build" / "nats-server")
    if not path.exists():
        raise NatsError(
            f"no nats-server at {path}: `make nats` builds it, or NATS_SERVER names one"
        )
    return path


def free_port() -> int:
    """A port at which nobody listens, and another one each time."""
    for port in random.sample([port for port in PORTS if port not in _given], 100):
        with socket.socket() as trying:
            try:
                trying.bind((HOST, port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise NatsError("no port is free")


def until(what: Callable[[], bool], why: Callable[[], str]) -> None:
    """Asks again until it is so."""
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise NatsError(f"not within {PATIENCE:g} s: {why()}")
        time.sleep(0.01)


class Server:
    """One nats-server: it runs from the beginning and through a `with`, and answers when that is reached."""

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        name: str = "nats",
        variables: dict[str, str] | None = None,
    ) -> None:
        """`folder` gets its configuration and its log; `config` is added to the configuration as it is, and may name
        these variables of the environment."""
        self.name = name
        self._variables = {**os.environ, **(variables or {})}
        #: What the next :meth:`start` adds to the configuration.
        self.config = config
        self.port = free_port()
        self.monitor = free_port()
        self.log = folder / f"{name}.log"
        self._file = folder / f"{name}.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._program = program()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{HOST}:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """That was started last."""
        if self._process is None:
            raise NatsError(f"{self.name} was never started")
        return self._process

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return self.process.pid

    @property
    def lives(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def begin(self) -> None:
        """Starts it, on its own port as ever, and does not wait."""
        if self.lives:
            raise NatsError(f"{self.name} runs already")
        head = (
            f"server_name: {self.name}\nlisten: {HOST}:{self.port}\nhttp: {HOST}:{self.monitor}\n"
        )
        self._file.write_text(head + self.config + "\n", encoding="utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", self._file],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._variables,
            )

    def await_answer(self) -> None:
        """Waits until it takes clients; :class:`NatsError` if it ends instead."""
        until(self._answers, lambda: f"{self.name} does not answer; {self.said()}")

    def start(self) -> None:
        """Starts it, on its own port as ever, and waits until it takes clients."""
        self.begin()
        self.await_answer()

    def _answers(self) -> bool:
        if not self.lives:
            raise NatsError(f"{self.name} does not run; {self.said()}")
        # Of the monitor, since a server may want TLS before it says a word to clients.
        return self.ask("/healthz").get("status") == "ok"

    def ask(self, what: str) -> dict[str, Any]:
        """What its monitor answers to a path such as `/varz`; nothing while it does not."""
        asking = http.client.HTTPConnection(HOST, self.monitor, timeout=PATIENCE)
        try:
            asking.request("GET", what)
            answer: dict[str, Any] = json.loads(asking.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            asking.close()
        return answer

    def kill(self) -> None:
        """SIGKILL: it can do nothing about it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, with which it ends its connections; nothing where it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()


class Cluster:
    """Three servers with routes between all of them, each of which may be killed and started again."""

    SIZE = 3

    def __init__(self, folder: Path, config: str = "") -> None:
        """`config` is added to the configuration of each."""
        routes = [f"nats-route://{HOST}:{free_port()}" for _ in range(self.SIZE)]
        self.servers = [
            Server(folder, f"{config}\n{self._cluster(mine, routes)}", name=f"nats-{number}")
            for number, mine in enumerate(routes)
        ]

    @staticmethod
    def _cluster(mine: str, routes: list[str]) -> str:
        listen = mine.removeprefix("nats-route://")
        others = ", ".join(f'"{route}"' for route in routes if route != mine)
        # What a server tells clients of the others they would take for servers to go to, so a test that kills one would
        # not know to which its clients go next.
        return f"cluster {{ name: test, listen: {listen}, no_advertise: true, routes: [{others}] }}"

    @property
    def urls(self) -> list[str]:
        """Where clients connect, by server."""
        return [server.url for server in self.servers]

    def await_routes(self) -> None:
        """Waits until each server that runs has routes to all others that run, and to no other."""
        living = [server for server in self.servers if server.lives]
        names = {server.name for server in living}

        def met() -> bool:
            return all(self.routes(server) == names - {server.name} for server in living)

        def why() -> str:
            found = {server.name: sorted(self.routes(server)) for server in living}
            return f"routes are {found}; {living[0].said() if living else 'none runs'}"

        until(met, why)

    @staticmethod
    def routes(server: Server) -> set[str]:
        """To which others a server has routes; there are several to each."""
        return {route["remote_name"] for route in server.ask("/routez").get("routes") or ()}

    def start(self) -> None:
        """Starts those that do not run, and waits until all answer and have their routes."""
        new = [server for server in self.servers if not server.lives]
        for server in new:
            server.begin()
        for server in new:
            server.await_answer()
        self.await_routes()

    def stop(self) -> None:
        """Stops all."""
        for server in self.servers:
            server.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
