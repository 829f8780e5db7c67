"""One end of a stream below its handle and its sender: the engine, its sink, and who waits."""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from ._events import Cancelled, Event, Failed, PeerClosed, TicketEnded, TicketReady, Violation
from ._native import Stream, StreamData, StreamOpen
from .invocation import InvocationContext


@runtime_checkable
class FrameSink(Protocol):
    """Where a stream puts its encoded frames, one whole frame a call, in wire order.

    It must not block: a transport's ``write`` or a queue's ``put_nowait`` is the usual one. Credit
    bounds what a stream can have in it. One thread at a time calls it for one stream. What it
    raises cancels the stream and passes on to whoever caused the frame.
    """

    def send_frame(self, frame: bytes, /) -> object: ...


Sink: TypeAlias = FrameSink | Callable[[bytes], object]


class Endpoint:
    """What the handle and the sender of one stream share: the engine, its sink, and who waits.

    Outputs go through :meth:`Stream._pump`, which lets one thread at a time hand them on. So
    nothing here takes a lock, and a sink may call back into the stream.
    """

    def __init__(self, stream: Stream, sink: Sink) -> None:
        self.stream = stream
        self.sink = sink.send_frame if isinstance(sink, FrameSink) else sink
        self.waiters: dict[int, asyncio.Future[None] | None] = {}
        """Who waits for credit, by ticket; ``None`` where the engine answered first."""
        self.arrived: deque[bytes] = deque()
        self.readers: set[asyncio.Future[None]] = set()
        self.opened: StreamOpen | None = None
        self.peer_closed = False
        self.broken: Failed | Cancelled | None = None
        self.violations: Counter[Violation] = Counter()
        self.on_broken: Callable[[], None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.timer_loop: asyncio.AbstractEventLoop | None = None

    def pump(self) -> None:
        """Hands on what the last input caused. To be called after every input."""
        self.stream._pump(self.sink, self.tell)

    def tell(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case StreamData():
                    self.arrived.append(event.payload)
                    self.wake_readers()
                case TicketReady(ticket) | TicketEnded(ticket):
                    waiter = self.waiters.setdefault(ticket, None)
                    if waiter is not None and not wake(waiter):
                        # Its loop is closed: the credit passes on.
                        self.waiters.pop(ticket, None)
                        self.stream.drop_ticket(ticket)
                case StreamOpen():
                    self.opened = event
                case PeerClosed():
                    self.peer_closed = True
                    self.wake_readers()
                case Failed() | Cancelled():
                    self.broken = event
                    self.wake_readers()
                    if self.on_broken is not None:
                        self.on_broken()
                case Violation():
                    self.violations[event] += 1
                case _:
                    pass
        if self.timer is not None and self.stream.has_ended:
            self.stop_timer()

    def wake_readers(self) -> None:
        for reader in tuple(self.readers):
            wake(reader)

    def command(self, done: bool) -> bool:
        """After a command of the application that may have ended the stream."""
        self.pump()
        if self.stream.has_ended:
            self.wake_readers()
            self.stop_timer()
        return done

    # The deadline is turned into the loop's clock once: a step of the wall clock does not move it.

    def start_timer(self, context: InvocationContext) -> None:
        at_ms = self.stream.next_timeout
        loop = running_loop()
        if at_ms is None or loop is None:
            return
        left_ms = context.remaining() or 0
        self.timer_loop = loop
        # Weakly: a stream that nobody holds any more need not live until its deadline.
        held: weakref.ref[Endpoint] = weakref.ref(self)
        self.timer = loop.call_at(loop.time() + left_ms / 1000, _at_deadline, held, at_ms)

    def deadline(self, at_ms: int) -> None:
        self.timer = None
        self.stream.handle_timeout(at_ms)
        self.command(True)

    def stop_timer(self) -> None:
        timer, loop = self.timer, self.timer_loop
        self.timer = None
        if timer is None or loop is None or loop.is_closed():
            return
        if loop is running_loop():
            timer.cancel()
        else:
            call_soon(loop, timer.cancel)


def _at_deadline(held: weakref.ref[Endpoint], at_ms: int) -> None:
    endpoint = held()
    if endpoint is not None:
        endpoint.deadline(at_ms)


def running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> bool:
    """Calls in the loop's thread; false where the loop is closed, so that nobody waits there."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return False
    return True


def wake(waiter: asyncio.Future[None]) -> bool:
    """Wakes who waits, in whichever thread; false where its loop is closed."""
    loop = waiter.get_loop()
    if loop is running_loop():
        settle(waiter)
        return True
    return call_soon(loop, lambda: settle(waiter))


def settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


FrameSink.__module__ = "ixt_sdk.streaming"
