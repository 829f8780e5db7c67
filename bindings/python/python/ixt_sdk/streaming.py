"""Frames, and streams under credit (specification 23).

:class:`StreamHandle` is one end of a stream for an application, :class:`StreamSender` its sending
side. :class:`Stream` is the engine below them, for routers and tests: it does no IO and waits for
nothing.

>>> from ixt_sdk.streaming import StreamData, StreamFrame, StreamId
>>> frame = StreamFrame(StreamId(bytes(range(16))), StreamData(7, b"sdk-data"))
>>> match StreamFrame.from_bytes(frame.to_bytes()):
...     case StreamFrame(_, StreamData(sequence, payload)):
...         print(sequence, payload)
7 b'sdk-data'
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from . import _native
from ._endpoint import Endpoint, FrameSink, Sink, settle
from ._events import (
    By,
    Cancelled,
    CancelReason,
    CloseReason,
    Completed,
    CreditGrown,
    Event,
    Failed,
    Finished,
    FrameBody,
    Half,
    InteractionKind,
    Outcome,
    PeerClosed,
    StreamErrorCode,
    StreamState,
    TicketEnded,
    TicketReady,
    Violation,
)
from ._interruption import Interruption
from ._native import (
    Stream,
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamFrame,
    StreamId,
    StreamOpen,
    UnknownFrame,
    decode_batch,
    encode_batch,
    split,
)
from ._reader import FrameReader
from .errors import InvalidArgumentError, StreamEndedError, WindowOverflowError, stream_ended
from .invocation import InvocationContext

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "MAX_CREDIT",
    "MAX_PAYLOAD",
    "By",
    "CancelReason",
    "Cancelled",
    "CloseReason",
    "Completed",
    "CreditGrown",
    "Event",
    "Failed",
    "Finished",
    "FrameBody",
    "FrameReader",
    "FrameSink",
    "Half",
    "InteractionKind",
    "Outcome",
    "PeerClosed",
    "Stream",
    "StreamCancel",
    "StreamClose",
    "StreamCredit",
    "StreamData",
    "StreamError",
    "StreamErrorCode",
    "StreamFrame",
    "StreamHandle",
    "StreamId",
    "StreamOpen",
    "StreamSender",
    "StreamState",
    "TicketEnded",
    "TicketReady",
    "UnknownFrame",
    "Violation",
    "decode_batch",
    "encode_batch",
    "split",
]

MAX_PAYLOAD: Final[int] = _native.MAX_PAYLOAD
"""Largest payload of a data frame in bytes, unless both ends agreed otherwise."""
MAX_CREDIT: Final[int] = _native.MAX_CREDIT
"""Most credit outstanding in one direction."""


class StreamSender:
    """Sends the messages of one stream under the peer's credit, from any task or thread.

    Where the interaction kind allows one message, sending it also closes this direction.
    """

    __slots__ = ("_endpoint", "_one")

    _endpoint: Endpoint
    _one: bool

    def __init__(
        self,
        stream_id: StreamId,
        sink: Sink,
        credit: int = 0,
        *,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        """A sender of a stream that is open already, for who routes frames by hand: hand it the
        peer's grants by :meth:`grant_credit`."""
        stream = Stream.sending(stream_id, credit, max_payload=max_payload)
        self._endpoint = Endpoint(stream, sink)
        self._one = False

    @classmethod
    def _over(cls, endpoint: Endpoint, one: bool) -> StreamSender:
        sender = cls.__new__(cls)
        sender._endpoint = endpoint
        sender._one = one
        return sender

    @property
    def stream_id(self) -> StreamId:
        """The stream's id."""
        stream_id = self._endpoint.stream.stream_id
        assert stream_id is not None
        return stream_id

    @property
    def credit(self) -> int:
        """Messages that may be sent now and that nobody waits to send."""
        return self._endpoint.stream.credit

    async def send_data(self, payload: Buffer) -> None:
        """Sends one message, waiting for credit if there is none; who waits is served in order.

        When this is cancelled, the message was not sent, and no credit is lost: it passes on to the
        next who waits.

        Raises ``FrameTooLargeError`` and ``TooManyMessagesError`` at once, and ``StreamEndedError``
        when the stream has ended or ends meanwhile.
        """
        if type(payload) is not bytes:
            payload = memoryview(payload).tobytes()
        endpoint = self._endpoint
        stream = endpoint.stream
        # Behind those who wait, also those whose credit has come and whose turn has not.
        queued = bool(endpoint.waiters) and len(payload) <= stream.max_payload
        if not queued and stream.offer(payload):
            self._sent()
            return
        ticket = stream.wait()
        try:
            await self._turn(ticket)
            stream.send_with(ticket, payload)
        finally:
            # A spent ticket is no matter; any other passes its credit on.
            stream.drop_ticket(ticket)
            endpoint.waiters.pop(ticket, None)
            self._sent()

    async def _turn(self, ticket: int) -> None:
        endpoint = self._endpoint
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if endpoint.waiters.setdefault(ticket, waiter) is not waiter:
            # Another thread was told of the ticket before it could be put here.
            endpoint.waiters[ticket] = waiter
            settle(waiter)
        endpoint.pump()
        if waiter.done():
            # Ready at once; those before may have their credit and not have run yet.
            await asyncio.sleep(0)
        await waiter

    def try_send_data(self, payload: Buffer) -> None:
        """Sends one message if there is credit that nobody waits for.

        Raises, in this order, ``StreamEndedError``, ``FrameTooLargeError``,
        ``TooManyMessagesError``, ``CreditExhaustedError``; nothing changes then.
        """
        endpoint = self._endpoint
        endpoint.stream.try_send(payload)
        endpoint.stream._pump(endpoint.sink, endpoint.tell)
        if self._one:
            self._sent()

    def _sent(self) -> None:
        if self._one and self._endpoint.stream.sent:
            self.close()
        else:
            self._endpoint.pump()

    def grant_credit(self, frames: int) -> None:
        """Takes a grant of the peer: the ``frames`` of its credit frame."""
        self._endpoint.stream.receive(StreamFrame(self.stream_id, StreamCredit(frames)))
        self._endpoint.command(True)

    def feed(self, frame: StreamFrame | Buffer) -> None:
        """Takes a frame of the peer: a credit, an error or a cancel."""
        self._endpoint.stream.receive(frame)
        self._endpoint.command(True)

    def close(self, reason: CloseReason | int = CloseReason.COMPLETED) -> bool:
        """Ends this direction in order; false where it had ended before.

        Raises ``MissingMessageError`` where the kind demands a message.
        """
        return self._endpoint.command(self._endpoint.stream.close(reason))

    def cancel(
        self, reason: CancelReason | int = CancelReason.USER_REQUESTED, message: str = ""
    ) -> bool:
        """Ends the stream as cancelled; false where it had ended before."""
        return self._endpoint.command(self._endpoint.stream.cancel(reason, message))

    def error(self, code: StreamErrorCode | int, message: str = "", details: Buffer = b"") -> bool:
        """Ends the stream as failed; false where it had ended before."""
        return self._endpoint.command(self._endpoint.stream.fail(code, message, details))

    def __repr__(self) -> str:
        return f"<StreamSender of {self._endpoint.stream!r}>"


class StreamHandle:
    """One end of a stream: messages come by ``async for``, and leave by :attr:`sender`.

    The transport hands it the peer's frames by :meth:`feed`. Taking a message counts as consuming
    it, and what is consumed is granted again in steps of half a window.

    As a context manager it ties the block to the stream: when the peer or the deadline ends the
    stream, the block is cancelled and ``StreamEndedError`` raised; when the block ends, so does
    this direction, and when it raises, the stream fails as ``internal``.

    The deadline of the context is watched where the handle is made in a running event loop.
    Elsewhere call :meth:`check_deadline`.
    """

    __slots__ = ("__weakref__", "_context", "_endpoint", "_sender", "_task")

    _context: InvocationContext
    _endpoint: Endpoint
    _sender: StreamSender
    _task: Interruption | None

    def __init__(self) -> None:
        raise TypeError("use StreamHandle.open() or StreamHandle.from_open()")

    @classmethod
    def _over(cls, endpoint: Endpoint, context: InvocationContext, one: bool) -> StreamHandle:
        handle = cls.__new__(cls)
        handle._endpoint = endpoint
        handle._context = context
        handle._sender = StreamSender._over(endpoint, one)
        handle._task = None
        return handle

    @classmethod
    def open(
        cls,
        sink: Sink,
        *,
        kind: InteractionKind = InteractionKind.BIDI_STREAM,
        context: InvocationContext | None = None,
        stream_id: StreamId | None = None,
        window: int = 16,
        max_payload: int = MAX_PAYLOAD,
        agreed_credit: int = 0,
    ) -> StreamHandle:
        """Opens a stream: sends the open, with the whole window as the responder's first credit."""
        context = InvocationContext.anonymous() if context is None else context
        stream_id = StreamId.new_v7() if stream_id is None else stream_id
        kind = InteractionKind(kind)
        stream = Stream.opener(
            kind, max_payload=max_payload, window=window, agreed_credit=agreed_credit
        )
        stream.open(stream_id, window, context.to_bytes())
        endpoint = Endpoint(stream, sink)
        one = kind in (InteractionKind.UNARY, InteractionKind.SERVER_STREAM)
        handle = cls._over(endpoint, context, one)
        endpoint.start_timer(context)
        endpoint.pump()
        return handle

    @classmethod
    def from_open(
        cls,
        frame: StreamFrame | Buffer,
        sink: Sink,
        *,
        window: int = 16,
        max_payload: int = MAX_PAYLOAD,
        agreed_credit: int = 0,
    ) -> StreamHandle:
        """Accepts a stream by its open frame, and grants the whole window.

        A deadline that has passed already ends the stream here: :meth:`receive` then raises.

        Raises ``InvalidArgumentError`` where the frame is no open or breaks a rule, and the refusal
        of its context where that does not decode. The error frame that answers it has been put into
        the sink.
        """
        if not isinstance(frame, StreamFrame):
            frame = StreamFrame.from_bytes(frame, max_payload=max_payload)
        if not isinstance(frame.body, StreamOpen):
            raise InvalidArgumentError("InvalidArgument: the frame is no open", "open")
        stream = Stream.responder(
            max_payload=max_payload, window=window, agreed_credit=agreed_credit
        )
        stream.receive(frame)
        endpoint = Endpoint(stream, sink)
        endpoint.pump()
        context = InvocationContext.from_bytes(frame.body.context)
        if endpoint.opened is None:
            raise InvalidArgumentError("InvalidArgument: the open breaks a rule", "open")
        kind = endpoint.opened.interaction
        one = kind in (InteractionKind.UNARY, InteractionKind.CLIENT_STREAM)
        handle = cls._over(endpoint, context, one)
        handle.check_deadline()
        endpoint.start_timer(context)
        return handle

    @property
    def stream_id(self) -> StreamId:
        """The stream's id."""
        return self._sender.stream_id

    @property
    def kind(self) -> InteractionKind:
        """The interaction kind."""
        kind = self._endpoint.stream.kind
        assert isinstance(kind, InteractionKind)
        return kind

    @property
    def context(self) -> InvocationContext:
        """The context that the stream was opened with."""
        return self._context

    @property
    def sender(self) -> StreamSender:
        """The sender of this end's direction."""
        return self._sender

    @property
    def state(self) -> StreamState:
        """The halves and the counters."""
        return self._endpoint.stream.state

    @property
    def outcome(self) -> Outcome | None:
        """How the stream ended, once it has."""
        return self._endpoint.stream.outcome

    @property
    def violations(self) -> Counter[Violation]:
        """How often the peer broke a rule that ends no stream; for the host to count."""
        return Counter(self._endpoint.violations)

    def feed(self, frame: StreamFrame | Buffer) -> None:
        """Takes a frame of the peer, whichever kind it is, from any thread.

        Never blocks; what it may queue is bounded by the window.
        """
        self._endpoint.stream.receive(frame)
        self._endpoint.pump()

    def grant(self, frames: int) -> None:
        """Grants the peer so many messages beside what the window grants."""
        self._endpoint.stream.grant(frames)
        self._endpoint.pump()

    def check_deadline(self) -> None:
        """Ends the stream if its deadline has passed, by the wall clock."""
        if self._context.deadline_elapsed():
            self._endpoint.stream.handle_timeout(self._context.deadline_ms or 0)
            self._endpoint.command(True)

    async def receive(self) -> bytes | None:
        """The next message; ``None`` once the peer's direction has ended in order.

        Raises ``StreamEndedError`` when the stream failed, was cancelled or passed its deadline.
        Messages that came before are given first.
        """
        endpoint = self._endpoint
        while True:
            found = self._take()
            if found is not None or self._at_end():
                return found
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            endpoint.readers.add(reader)
            try:
                # Another thread may have brought something before it could know of the reader.
                if not endpoint.arrived and not self._at_end():
                    await reader
            finally:
                endpoint.readers.discard(reader)

    def _take(self) -> bytes | None:
        endpoint = self._endpoint
        try:
            payload = endpoint.arrived.popleft()
        except IndexError:
            return None
        try:
            endpoint.stream.consume(1)
        except WindowOverflowError:
            # Manual grants went too far; the message is still there.
            endpoint.arrived.appendleft(payload)
            raise
        endpoint.pump()
        return payload

    def _at_end(self) -> bool:
        """Whether nothing comes any more; raises where the stream did not end in order."""
        endpoint = self._endpoint
        if not endpoint.peer_closed and not endpoint.stream.has_ended:
            return False
        if endpoint.arrived:
            return False
        outcome = endpoint.stream.outcome
        if isinstance(outcome, Failed | Cancelled):
            raise stream_ended(outcome)
        return True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        payload = await self.receive()
        if payload is None:
            raise StopAsyncIteration
        return payload

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None or self._task is not None:
            raise RuntimeError("one task at a time may enter a stream")
        self._task = Interruption(task)
        self._endpoint.on_broken = self._task.interrupt
        if self._endpoint.broken is not None:
            self._task.interrupt()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        interruption = self._task
        self._task = None
        self._endpoint.on_broken = None
        interrupted = interruption is not None and interruption.leave()
        if interrupted and exc_type is asyncio.CancelledError:
            raise stream_ended(self._endpoint.stream.outcome) from exc
        if exc_type is None:
            self._sender.close()
        elif exc_type is asyncio.CancelledError:
            self._sender.cancel(CancelReason.USER_REQUESTED)
        elif not issubclass(exc_type, StreamEndedError):
            # Its name and no more: what an exception says may not be the peer's to read.
            self._sender.error(StreamErrorCode.INTERNAL, exc_type.__name__)

    def __repr__(self) -> str:
        return f"<StreamHandle of {self._endpoint.stream!r}>"
