"""A module's place at its host: connected, announced, and so again after every loss."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl as _ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ._call import CallStream
from ._events import CloseReason, InteractionKind, StreamErrorCode
from ._link import LINGER, ConnectionSettings, Link, Opened
from ._native import announce, close_endpoint, from_host, invocation, open_endpoint
from .errors import CallError, IxtError
from .transport import Address, connect, is_nats

HOST = "ixt.host"

#: What a host says that another attempt would not change.
FINAL = frozenset(
    (
        StreamErrorCode.INVALID_ARGUMENT,
        StreamErrorCode.PERMISSION_DENIED,
        StreamErrorCode.UNAUTHENTICATED,
        StreamErrorCode.NOT_FOUND,
    )
)


class State(StrEnum):
    """Where a module is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each attempt to connect again, in seconds. Each wait is a random one
    between half of it and all of it, so that many modules do not come at once."""

    first: float = 0.1
    most: float = 10.0

    def delay(self, attempt: int) -> float:
        """The wait before this attempt, of which the first is 1."""
        return min(self.most, self.first * 2.0 ** min(attempt - 1, 30)) * random.uniform(0.5, 1)


@dataclass(frozen=True, slots=True)
class Health:
    """How a module is."""

    state: State
    streams: int
    """Calls that run, either way."""
    reconnects: int
    """How often it has connected again."""
    last_error: str
    """Why it is not connected, or was not lately; empty where nothing went wrong."""

    @property
    def ok(self) -> bool:
        """Whether it is connected and announced."""
        return self.state == State.CONNECTED


class Session:
    """Holds the connection of a module or a client."""

    def __init__(
        self,
        name: str,
        *,
        token: bytes = b"",
        ssl: _ssl.SSLContext | None = None,
        settings: ConnectionSettings | None = None,
        backoff: Backoff | None = None,
        connect_timeout: float = 10.0,
        on_opened: Callable[[Opened], None] | None = None,
    ) -> None:
        self.name = name
        self.token = token
        self.ssl = ssl
        self.settings = ConnectionSettings() if settings is None else settings
        self.backoff = Backoff() if backoff is None else backoff
        self.connect_timeout = connect_timeout
        self.on_opened = on_opened
        self.services: list[tuple[str, list[InteractionKind], str]] = []
        self.topics: list[str] = []
        self.direct = False
        self.link: Link | None = None
        self.state = State.IDLE
        self.reconnects = 0
        self.last_error = ""
        self._host: CallStream[bytes, bytes] | None = None
        self._stop: asyncio.Event | None = None
        self._changed: asyncio.Event | None = None
        self._endpoints: dict[int, asyncio.Future[str]] = {}
        self._next_endpoint = 1

    def connected(self) -> Link:
        """The connection. Raises ``CallError`` (``unavailable``) where there is none."""
        link = self.link
        if link is None or link.going_away:
            why = f": {self.last_error}" if self.last_error else ""
            raise CallError(StreamErrorCode.UNAVAILABLE, f"{self.name} is {self.state}{why}")
        return link

    def health(self) -> Health:
        streams = 0
        if self.link is not None:
            streams = len(self.link.engine) - (self._host is not None)
        return Health(self.state, streams, self.reconnects, self.last_error)

    async def ready(self) -> None:
        """Waits until it is connected and announced. Raises ``CallError`` once it has stopped."""
        while self.state != State.CONNECTED:
            if self.state == State.STOPPED:
                raise CallError(StreamErrorCode.UNAVAILABLE, f"{self.name} has stopped")
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()

    def _is(self, *states: State) -> bool:
        # By a call, for type checkers do not see that it changes while somebody waits.
        return self.state in states

    def _become(self, state: State) -> None:
        self.state = state
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # Connecting.

    async def run(self, address: Address, first: asyncio.Future[None] | None = None) -> None:
        """Stays connected until it is stopped.

        Raises what the host says where it will not change its mind. With ``first`` the first
        attempt is the only one until it has succeeded, and ``first`` is told.
        """
        if not self._is(State.IDLE, State.STOPPED):
            raise RuntimeError(f"{self.name} is {self.state} already")
        self._stop = asyncio.Event()
        stopping = asyncio.ensure_future(self._stop.wait())
        attempt = 0
        try:
            self._become(State.CONNECTING)
            while not self._stop.is_set():
                try:
                    link = await self._connect(address)
                except (OSError, TimeoutError, IxtError) as error:
                    self.last_error = str(error) or type(error).__name__
                    final = isinstance(error, CallError) and error.code in FINAL
                    if final or (first is not None and not first.done()):
                        raise
                    attempt += 1
                    await asyncio.wait((stopping,), timeout=self.backoff.delay(attempt))
                    continue
                attempt = 0
                self.link = link
                self._become(State.CONNECTED)
                if first is not None and not first.done():
                    first.set_result(None)
                end = await link.lost
                self.link = None
                self._host = None
                if self._is(State.CONNECTED):
                    self.last_error = f"{end.reason}: {end.message}"
                    self.reconnects += 1
                    self._become(State.CONNECTING)
        except BaseException as error:
            if first is not None and not first.done():
                first.set_exception(error)
            raise
        finally:
            stopping.cancel()
            if self.link is not None:
                self.link.close("the module stops")
            self.link = None
            self._host = None
            self._become(State.STOPPED)

    async def _connect(self, address: Address) -> Link:
        if self.direct and is_nats(address):
            raise ValueError("nobody listens at nats://, so no client is direct there")
        link = Link(self.settings, self.on_opened)
        link.on_over = lambda: self._look_idle(link)
        try:
            async with asyncio.timeout(self.connect_timeout):
                await connect(address, link, ssl=self.ssl, name=self.name)
                await link.established
                if not self.direct:
                    await self._announce(link)
        except BaseException:
            link.close("not announced")
            raise
        return link

    async def _announce(self, link: Link) -> None:
        context = invocation(self.name, HOST)
        key = link.engine.open(InteractionKind.BIDI_STREAM, context)
        stream: CallStream[bytes, bytes] = CallStream(
            link, key, InteractionKind.BIDI_STREAM, context, opener=True
        )
        link.streams[key] = stream
        self._host = stream
        await stream.send(announce(self.name, self.services, self.topics, self.token))
        accepted = await stream.receive()
        if accepted is None or from_host(accepted) is not None:
            raise CallError(StreamErrorCode.UNAVAILABLE, "the host did not accept the module")
        task = link.loop.create_task(self._hear(link, stream))
        # The stream holds it: it ends with the stream.
        link.lost.add_done_callback(lambda _: task.cancel())

    async def _hear(self, link: Link, stream: CallStream[bytes, bytes]) -> None:
        try:
            async for message in stream:
                endpoint = from_host(message)
                waiter = None if endpoint is None else self._endpoints.pop(endpoint[0], None)
                if endpoint is not None and waiter is not None and not waiter.done():
                    waiter.set_result(endpoint[1])
        except IxtError as error:
            self.last_error = str(error)
        finally:
            for waiter in self._endpoints.values():
                waiter.cancel()
            self._endpoints.clear()
            if link.end is None and not link.going_away and self.state == State.CONNECTED:
                # Not announced any more, so of no use: come again.
                link.close("the stream to the host has ended")

    async def open_endpoint(self) -> str:
        """Asks the host for an endpoint and gives its name."""
        self.connected()
        if self._host is None:
            raise CallError(StreamErrorCode.UNAVAILABLE, "there is no host")
        number, self._next_endpoint = self._next_endpoint, self._next_endpoint + 1
        waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._endpoints[number] = waiter
        try:
            await self._host.send(open_endpoint(number))
            return await waiter
        finally:
            self._endpoints.pop(number, None)

    async def close_endpoint(self, name: str) -> None:
        """Gives an endpoint back: nobody reaches it any more."""
        if self._host is not None:
            await self._host.send(close_endpoint(name))

    # Stopping.

    def _look_idle(self, link: Link) -> None:
        """Ends the stream to the host once an end goes away and no other stream is left."""
        host = self._host
        if not link.going_away or link.end is not None:
            return
        if host is not None and host.outcome is None and len(link.engine) == 1:
            with contextlib.suppress(IxtError):
                host.close(CloseReason.GOING_AWAY)
        if link.drained.done():
            link.close()

    async def stop(self, grace: float = 10.0) -> None:
        """Takes no new calls, lets those that run finish until the grace is over, cancels the rest,
        and disconnects."""
        if self._is(State.IDLE, State.STOPPED):
            return
        link = self.link
        self._become(State.STOPPING)
        if self._stop is not None:
            self._stop.set()
        if link is not None and link.end is None:
            link.go_away(grace)
            self._look_idle(link)
            link.drained.add_done_callback(lambda _: link.close())
            # The engine keeps the grace; what is added is for a peer that does not answer.
            await asyncio.wait((link.lost,), timeout=grace + 1)
            link.close()
            if link.transport is not None:
                # So that nothing is left of it where the loop ends next.
                await asyncio.wait((link.gone,), timeout=LINGER)
        while not self._is(State.STOPPED):
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
