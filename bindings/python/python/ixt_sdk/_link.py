"""One connection on an event loop: its engine, its transport, its streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ._call import CallStream
from ._events import Cancelled, Failed, Outcome, StreamErrorCode
from ._native import (
    EVENT_ANSWERED,
    EVENT_BROKEN,
    EVENT_CLOSED,
    EVENT_DRAINED,
    EVENT_ENDED,
    EVENT_ESTABLISHED,
    EVENT_GOING_AWAY,
    EVENT_MESSAGES,
    EVENT_NOT_READY,
    EVENT_OPENED,
    EVENT_OVER,
    EVENT_PONG,
    EVENT_READY,
    Connection,
    __version__,
)
from .errors import call_error


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The settings of one end of a connection. ``None`` is the core's default."""

    max_payload: int | None = None
    """The largest message in bytes, both ways; the smaller one of the two ends' holds. 1 MiB."""
    max_streams: int | None = None
    """Streams that the peer may have open at once. 10,000."""
    window: int = 64
    """Messages of one stream that the other side may be ahead of its reader."""
    max_queued_stream: int | None = None
    """Bytes of one stream that may wait to be sent before ``send`` waits. 1 MiB."""
    max_queued: int | None = None
    """Bytes of all streams that may wait to be sent. 16 MiB."""
    idle_ms: int | None = None
    """Without a byte of the peer for so long the connection ends; 0 means never. 60,000."""
    keepalive_ms: int | None = None
    """Without a byte of the peer for so long a ping is sent; 0 means never. 15,000."""


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """How a connection ended."""

    reason: str
    """As in specification 24: ``shutdown``, ``transport``, ``idle``, …"""
    message: str
    by: str
    """``"local"`` or ``"peer"``."""


class Opened(CallStream[Any, Any]):
    """A stream that the peer opened, and the service that it wants, if it wants one."""

    __slots__ = ("service", "stream_id")

    service: str | None
    stream_id: bytes


#: What the transport may hold before it is left alone until it has written.
HIGH_WATER = 256 << 10
#: What is read at once.
READ = 64 << 10
NEVER = 1 << 63
#: Seconds that the peer of a connection that has ended may take to read why.
LINGER = 1.0


class Link(asyncio.BufferedProtocol):
    """Drives a connection engine by an asyncio transport.

    After every input one turn of the engine is scheduled, behind the tasks that the input has
    woken: so what they send leaves in one write.
    """

    def __init__(
        self, settings: ConnectionSettings, on_opened: Callable[[Opened], None] | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        wall_us = getattr(self.loop, "wall_us", None)
        now_us = time.time_ns() // 1000 if wall_us is None else wall_us()
        self._epoch_us: int = now_us - int(self.loop.time() * 1e6)
        self.engine = Connection(
            now_us,
            max_payload=settings.max_payload,
            max_streams=settings.max_streams,
            window=settings.window,
            max_queued_stream=settings.max_queued_stream,
            max_queued=settings.max_queued,
            idle_ms=settings.idle_ms,
            keepalive_ms=settings.keepalive_ms,
            software=f"ixt-sdk {__version__} (Python)",
        )
        self._room = memoryview(bytearray(READ))
        # Half a window is granted at once, so telling of less than a quarter is in time.
        self.step = max(1, settings.window // 4)
        self.scheduled = False
        self.transport: asyncio.Transport | None = None
        self.streams: dict[int, CallStream[Any, Any]] = {}
        self.calls: dict[int, asyncio.Future[bytes]] = {}
        """Unary calls of this end."""
        self.established: asyncio.Future[None] = self.loop.create_future()
        self.lost: asyncio.Future[ConnectionEnd] = self.loop.create_future()
        self.gone: asyncio.Future[None] = self.loop.create_future()
        """Whether the transport has written what it had and is closed."""
        self.drained: asyncio.Future[None] = self.loop.create_future()
        self.going_away = False
        """Whether either end goes away, so that no stream can be opened."""
        self.end: ConnectionEnd | None = None
        self.round_trip_us: int | None = None
        self._on_opened = on_opened
        self.on_over: Callable[[], None] | None = None
        """Called whenever streams have ended."""
        self._room_waiters: list[asyncio.Future[None]] = []
        self._pongs: list[asyncio.Future[int]] = []
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_us = NEVER

    def now_us(self) -> int:
        """The time as the engine knows it: read once, moved on by the loop's clock."""
        return self._epoch_us + int(self.loop.time() * 1e6)

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Also a stream transport of another loop, which need not derive from asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.schedule()

    # Its own buffer, for asyncio would make one of 256 KiB for each read, with fresh pages.

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        events = self.engine.receive(
            self._room[:nbytes], self._epoch_us + int(self.loop.time() * 1e6)
        )
        if events:
            self._tell(events)
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._turn)

    def eof_received(self) -> None:
        # Both directions end together: the transport closes itself, and `connection_lost` follows.
        return None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.transport = None
        if not self.gone.done():
            self.gone.set_result(None)
        self.engine.transport_ended()
        self._turn()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.schedule()

    # Turns.

    def schedule(self) -> None:
        """Sees to it that what the engine has to say and to write leaves in this turn."""
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self.scheduled = False
        while True:
            transport = self.transport
            write = transport is not None and not self._paused
            data, events, timeout, more = self.engine.turn(
                self._epoch_us + int(self.loop.time() * 1e6), write
            )
            if data is not None and transport is not None:
                transport.write(data)
                if self._room_waiters:
                    self._make_room()
            if events is not None:
                self._tell(events)
            if not more:
                break
        if timeout is not None and timeout < self._timer_us:
            self._set_timer(timeout)
        if self.end is not None:
            self._finish()

    def _set_timer(self, at_us: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_us = at_us
        # Up to the next whole microsecond, so that it is not woken before its time.
        self._timer = self.loop.call_at((at_us - self._epoch_us + 1) / 1e6, self._at_timeout)

    def _at_timeout(self) -> None:
        self._timer = None
        self._timer_us = NEVER
        self._turn()

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
            # It writes what it has first, and a peer that does not read it is not waited for.
            self.loop.call_later(LINGER, self.transport.abort)
        if self.end is not None and not self.lost.done():
            self.lost.set_result(self.end)

    def go_away(self, grace: float) -> None:
        """Goes away in order: streams that run may finish until the grace is over, in seconds."""
        self.engine.go_away(int(grace * 1000), self.now_us(), "the module stops")
        self.going_away = True
        self.schedule()

    def close(self, message: str = "") -> None:
        """Ends the connection at once; every stream that runs fails as ``unavailable``."""
        self.engine.end(message)
        self._turn()

    # Events.

    def _tell(self, events: list[tuple[Any, ...]]) -> None:
        streams, calls = self.streams, self.calls
        over = False
        for event in events:
            what = event[0]
            if what == EVENT_MESSAGES:
                stream = streams.get(event[1])
                if stream is not None:
                    stream._arrived.extend(event[2])
                    if stream._readers:
                        stream._wake()
            elif what == EVENT_ANSWERED:
                over = True
                future = calls.pop(event[1], None)
                if future is not None and not future.done():
                    future.set_result(event[2])
            elif what == EVENT_OPENED:
                self._opened(*event[1:])
            elif what in (EVENT_READY, EVENT_NOT_READY):
                stream = streams.get(event[1])
                if stream is not None:
                    waiter = stream._tickets.get(event[2])
                    if waiter is not None and not waiter.done():
                        waiter.set_result(what == EVENT_READY)
            elif what == EVENT_CLOSED:
                stream = streams.get(event[1])
                if stream is not None:
                    stream._peer_closed = True
                    stream._wake()
            elif what == EVENT_BROKEN:
                self._broken(event[1], event[2])
            elif what == EVENT_OVER:
                over = True
                self._over(event[1], event[2])
            else:
                self._told(what, event)
        if over:
            self._make_room()

    def _opened(
        self,
        key: int,
        kind: Any,
        stream_id: bytes,
        context: Any,
        service: str | None,
        payloads: list[bytes],
        closed: bool,
    ) -> None:
        stream = Opened(self, key, kind, context, opener=False)
        stream.service = service
        stream.stream_id = stream_id
        stream._arrived.extend(payloads)
        stream._peer_closed = closed
        self.streams[key] = stream
        if self._on_opened is not None:
            self._on_opened(stream)
        else:
            stream.fail(StreamErrorCode.NOT_FOUND, "nothing is provided here")

    def _broken(self, key: int, outcome: Failed | Cancelled) -> None:
        stream = self.streams.get(key)
        if stream is not None:
            stream._broke(outcome)
            return
        future = self.calls.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(call_error(outcome))

    def _over(self, key: int, outcome: Outcome) -> None:
        stream = self.streams.pop(key, None)
        if stream is not None:
            stream._over(outcome)
            return
        future = self.calls.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(call_error(outcome))

    def _told(self, what: int, event: tuple[Any, ...]) -> None:
        if what == EVENT_ESTABLISHED:
            if not self.established.done():
                self.established.set_result(None)
        elif what == EVENT_PONG:
            self.round_trip_us = event[1]
            for pong in self._pongs:
                if not pong.done():
                    pong.set_result(event[1])
            self._pongs.clear()
        elif what == EVENT_GOING_AWAY:
            self.going_away = True
            self._make_room()
        elif what == EVENT_DRAINED:
            if not self.drained.done():
                self.drained.set_result(None)
        elif what == EVENT_ENDED:
            self.end = ConnectionEnd(event[1], event[2], event[3])
            self.going_away = True
            self._make_room()
            for pong in self._pongs:
                pong.cancel()
            if not self.established.done():
                error = ConnectionError(f"the connection ended: {event[1]}: {event[2]}")
                self.established.set_exception(error)
                # Somebody may have stopped waiting for it.
                self.established.exception()
            self.schedule()

    # What waits for others to end.

    def _make_room(self) -> None:
        for waiter in self._room_waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._room_waiters.clear()
        if self.on_over is not None:
            self.on_over()

    async def room(self) -> None:
        """Waits until a stream has ended, so that another one may be opened."""
        waiter: asyncio.Future[None] = self.loop.create_future()
        self._room_waiters.append(waiter)
        await waiter

    async def ping(self) -> int:
        """The time that a ping and its answer take, in microseconds."""
        pong: asyncio.Future[int] = self.loop.create_future()
        self._pongs.append(pong)
        self.engine.ping(self.now_us())
        self.schedule()
        return await pong
