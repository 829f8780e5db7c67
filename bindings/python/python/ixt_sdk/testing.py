"""For the tests of modules: a host in the process, without sockets, and a clock that nobody waits
for.

    def test_thumbs() -> None:
        async def main() -> None:
            async with Host() as host:
                async with module.running(host), Client("test", host) as client:
                    assert await client.unary("thumbs", b"picture") == b"thumb"

        run(main())

:class:`Host` decides as a real host does: targets, capabilities, deadlines, limits, and the policy
that it is given. In :func:`run` a sleep of an hour takes no time: when nothing else is to be done,
the clock goes on to the next timer.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import socket
import ssl as _ssl
import struct
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from . import transport
from ._native import HostEngine

__all__ = ["Host", "VirtualLoop", "run"]

T = TypeVar("T")

#: Where virtual time begins, in microseconds since the Unix epoch, so that runs are the same.
START_US = 1_790_000_000_000_000
DAY = 24 * 3600.0


class _Selector(selectors.DefaultSelector):
    """Moves the clock on instead of waiting."""

    def __init__(self, patience: float, limit: float) -> None:
        super().__init__()
        self.now = 0.0
        self._patience = patience
        self._limit = limit

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is not None:
            self.now += timeout
            if self.now > self._limit:
                # What ends the loop cleans up in it.
                self._limit = float("inf")
                raise RuntimeError("the virtual time is over, and it has not ended")
            return ready
        # Nothing is planned: only a thread or a socket can bring something now.
        ready = super().select(self._patience)
        if not ready:
            raise RuntimeError("everybody waits, and nothing can happen any more")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while anything is to be done, and then goes on to the
    next timer. Where nobody can go on any more it raises, after ``patience`` seconds; and so when
    ``limit`` virtual seconds have passed.

    Threads and sockets live in real time: with them a timeout may pass before they have answered.
    """

    def __init__(self, patience: float = 5.0, limit: float = DAY) -> None:
        self._clock = _Selector(patience, limit)
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def wall_us(self) -> int:
        """The wall clock that goes with it, in microseconds since the Unix epoch."""
        return START_US + int(self._clock.now * 1e6)


def run(main: Coroutine[Any, Any, T], *, patience: float = 5.0, limit: float = DAY) -> T:
    """As ``asyncio.run``, on virtual time.

    Raises ``RuntimeError`` when everybody waits for ever: nothing is planned any more, or, as an
    idle connection is still pinged, ``limit`` virtual seconds have passed.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(patience, limit)) as runner:
        return runner.run(main)


class _Pipe(asyncio.Transport):
    """The end of a module, in memory. What it writes is at the host at once."""

    def __init__(self, host: Host, protocol: asyncio.BufferedProtocol, uid: int | None) -> None:
        super().__init__()
        self._host = host
        self._protocol = protocol
        self._closed = False
        self.link = host._enter(self, uid)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closed:
            self._host._receive(self.link, bytes(data))

    def deliver(self, data: bytes) -> None:
        while data and not self._closed:
            buffer = memoryview(self._protocol.get_buffer(len(data)))
            part, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(part)] = part
            self._protocol.buffer_updated(len(part))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._host._leave(self.link)
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close


def _user_of(transport: asyncio.Transport) -> int | None:
    """The user of the process behind a Unix socket, where the system tells it as Linux does."""
    found = transport.get_extra_info("socket")
    if found is None or found.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


class _Socket(asyncio.Protocol):
    """The host's end of a real connection, where it listens."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._link = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._link = self._host._enter(self, _user_of(self._transport))

    def data_received(self, data: bytes) -> None:
        self._host._receive(self._link, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._host._leave(self._link)

    def deliver(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Host:
    """A host in this process. Modules and clients take it where they take an address.

    ``policy`` is the text of a policy file; without one every module may do everything. It belongs
    to the event loop of its first connection. As a context manager it drops its connections at the
    end of the block.
    """

    def __init__(self, policy: str | None = None) -> None:
        self._policy = policy
        self._engine: HostEngine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._epoch_us = 0
        self._pipes: dict[int, _Pipe | _Socket] = {}
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._refusals: list[dict[str, Any]] = []
        self._servers: list[asyncio.Server] = []
        self.refuses_connections = False
        """While it is true, nobody can connect: as where the host is down."""

    async def connect(self, protocol: asyncio.BufferedProtocol, /) -> None:
        """Connects a module, as :class:`ixt_sdk.transport.Connector` says."""
        await self.connect_as(None, protocol)

    async def connect_as(self, uid: int | None, protocol: asyncio.BufferedProtocol, /) -> None:
        """Connects a module whose process belongs to this user."""
        if self.refuses_connections:
            raise ConnectionRefusedError("the host refuses connections")
        protocol.connection_made(_Pipe(self, protocol, uid))

    def user(self, uid: int) -> transport.Connector:
        """An address for modules whose processes belong to this user, as policies ask for."""
        return _User(self, uid)

    async def listen(self, url: str, *, ssl: _ssl.SSLContext | None = None) -> None:
        """Takes connections at a real address too."""
        self._servers.append(await transport.listen(url, lambda: _Socket(self), ssl=ssl))

    @property
    def modules(self) -> list[str]:
        """The names of the modules that are announced."""
        return [] if self._engine is None else self._engine.modules()

    @property
    def streams(self) -> list[dict[str, Any]]:
        """The calls that go through, oldest first."""
        return [] if self._engine is None else self._engine.streams()

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """What was refused so far, as a host's audit says it."""
        self._audit()
        return self._refusals

    def drop(self) -> None:
        """Breaks all connections, as a host does that is killed."""
        for pipe in list(self._pipes.values()):
            pipe.close()

    def go_away(self, grace: float = 10.0) -> None:
        """Tells every module that it goes away."""
        if self._engine is not None:
            self._engine.go_away(int(grace * 1000), self._now_us(), "the host stops")
            self._schedule()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.close()
        self.drop()
        if self._timer is not None:
            self._timer.cancel()
        # What was broken is told in the next turn of the loop.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    # Below its connections.

    def _now_us(self) -> int:
        assert self._loop is not None
        return self._epoch_us + int(self._loop.time() * 1e6)

    def _enter(self, pipe: _Pipe | _Socket, uid: int | None) -> int:
        if self._engine is None:
            self._loop = asyncio.get_running_loop()
            wall_us = getattr(self._loop, "wall_us", None)
            now_us = time.time_ns() // 1000 if wall_us is None else wall_us()
            self._epoch_us = now_us - int(self._loop.time() * 1e6)
            self._engine = HostEngine(now_us, self._policy)
        link = self._engine.connect(self._now_us(), uid)
        if link is None:
            raise ConnectionRefusedError("the host has too many connections")
        self._pipes[link] = pipe
        self._schedule()
        return link

    def _receive(self, link: int, data: bytes) -> None:
        if self._engine is not None and link in self._pipes:
            self._engine.receive(link, data, self._now_us())
            self._schedule()

    def _leave(self, link: int) -> None:
        if self._pipes.pop(link, None) is not None and self._engine is not None:
            self._engine.transport_ended(link)
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            return
        for link, data in engine.turn(self._now_us()):
            pipe = self._pipes.get(link)
            if pipe is not None:
                pipe.deliver(data)
        for link in list(self._pipes):
            if engine.has_ended(link):
                self._pipes[link].close()
        self._audit()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at_us = engine.next_timeout
        if at_us is not None:
            self._timer = loop.call_at((at_us - self._epoch_us + 1) / 1e6, self._turn)

    def _audit(self) -> None:
        if self._engine is not None:
            self._refusals += [json.loads(line) for line in self._engine.take_refusals()]


class _User:
    """The address of a host for one user."""

    def __init__(self, host: Host, uid: int) -> None:
        self._host = host
        self._uid = uid

    async def connect(self, protocol: asyncio.BufferedProtocol, /) -> None:
        await self._host.connect_as(self._uid, protocol)
