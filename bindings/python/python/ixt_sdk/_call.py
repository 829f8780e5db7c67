"""One stream of a connection, for the application at this end of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ._events import (
    By,
    Cancelled,
    CancelReason,
    CloseReason,
    Failed,
    InteractionKind,
    Outcome,
    StreamErrorCode,
)
from .errors import StreamEndedError, call_error

if TYPE_CHECKING:
    from ._link import Link
    from ._native import InvocationContext
    from .payload import Codec

S = TypeVar("S")
R = TypeVar("R")

ONE_REQUEST = frozenset((InteractionKind.UNARY, InteractionKind.SERVER_STREAM))
ONE_ANSWER = frozenset((InteractionKind.UNARY, InteractionKind.CLIENT_STREAM))


class CallStream(Generic[S, R]):
    """One call, at the caller or in its handler: messages come by ``async for`` and leave by
    :meth:`send`.

    Both wait for the other side: ``send`` for credit, ``async for`` for messages. It belongs to the
    event loop that it was made in. As a context manager it ends the call: what has not ended in
    order by then is cancelled.
    """

    __slots__ = (
        "__weakref__",
        "_arrived",
        "_decode",
        "_encode",
        "_engine",
        "_key",
        "_link",
        "_on_over",
        "_one_in",
        "_one_out",
        "_outcome",
        "_peer_closed",
        "_readers",
        "_step",
        "_taken",
        "_task",
        "_tickets",
        "context",
        "kind",
    )

    context: InvocationContext
    """The invocation context that the stream was opened with."""
    kind: InteractionKind
    """How many messages each side may send."""

    def __init__(
        self,
        link: Link,
        key: int,
        kind: InteractionKind,
        context: InvocationContext,
        *,
        opener: bool,
        codec: Codec[Any, Any] | None = None,
    ) -> None:
        self._link = link
        self._engine = link.engine
        self._key = key
        self.kind = kind
        self.context = context
        one_request, one_answer = kind in ONE_REQUEST, kind in ONE_ANSWER
        self._one_out, self._one_in = (
            (one_request, one_answer) if opener else (one_answer, one_request)
        )
        self._encode: Callable[[Any], bytes] | None = None
        self._decode: Callable[[bytes], Any] | None = None
        if codec is not None:
            self._use(codec, opener)
        self._arrived: deque[bytes] = deque()
        self._taken = 0
        self._step = link.step
        self._readers: list[asyncio.Future[None]] = []
        self._tickets: dict[int, asyncio.Future[bool]] = {}
        self._peer_closed = False
        self._outcome: Outcome | None = None
        self._task: asyncio.Task[object] | None = None
        self._on_over: Callable[[Outcome], None] | None = None

    def _use(self, codec: Codec[Any, Any], opener: bool) -> None:
        if opener:
            self._encode, self._decode = codec.encode_request, codec.decode_answer
        else:
            self._encode, self._decode = codec.encode_answer, codec.decode_request

    @property
    def outcome(self) -> Outcome | None:
        """How the stream ended, once it has."""
        return self._outcome

    # Sending.

    async def send(self, message: S) -> None:
        """Sends one message, waiting for credit and for room; who waits is served in order.

        Where the kind allows one message, this side is closed behind it. When this is cancelled,
        the message was not sent and no credit is lost.

        Raises ``CallError`` when the call failed or was cancelled, ``StreamEndedError`` when this
        side of it is closed, and ``FrameTooLargeError`` for a message beyond the limit.
        """
        payload: Any = message if self._encode is None else self._encode(message)
        try:
            if not self._tickets:
                engine = self._engine
                if self._one_out:
                    sent = engine.finish(self._key, payload)
                else:
                    sent = engine.try_send(self._key, payload)
                if sent:
                    link = self._link
                    if not link.scheduled:
                        link.schedule()
                    return
            await self._send_in_turn(payload)
        except StreamEndedError:
            raise self._ended() from None

    async def _send_in_turn(self, payload: bytes) -> None:
        engine, key, link = self._engine, self._key, self._link
        ticket = engine.wait(key)
        try:
            while True:
                waiter: asyncio.Future[bool] = link.loop.create_future()
                self._tickets[ticket] = waiter
                link.schedule()
                if not await waiter:
                    raise self._ended()
                if engine.send_with(key, ticket, payload, self._one_out):
                    return
        finally:
            # A spent ticket is no matter; any other passes its credit on.
            engine.drop_ticket(key, ticket)
            self._tickets.pop(ticket, None)
            link.schedule()

    def try_send(self, message: S) -> bool:
        """Sends one message if that takes no waiting; false where it would. Raises as
        :meth:`send`."""
        payload: Any = message if self._encode is None else self._encode(message)
        engine = self._engine
        try:
            if self._tickets:
                return False
            sent = (engine.finish if self._one_out else engine.try_send)(self._key, payload)
        except StreamEndedError:
            raise self._ended() from None
        self._link.schedule()
        return sent

    def close(self, reason: CloseReason | int = CloseReason.COMPLETED) -> bool:
        """Says that this side sends no more; false where it had ended before.

        Raises ``MissingMessageError`` where the kind demands a message that was not sent.
        """
        closed = self._engine.close(self._key, reason)
        self._link.schedule()
        return closed

    def cancel(
        self, reason: CancelReason | int = CancelReason.USER_REQUESTED, message: str = ""
    ) -> bool:
        """Gives the call up, whole and at once; false where it had ended before."""
        done = self._engine.cancel(self._key, reason, message)
        if done:
            self._broke(Cancelled(reason, message, By.LOCAL))
        self._link.schedule()
        return done

    def fail(self, code: StreamErrorCode | int, message: str = "", details: bytes = b"") -> bool:
        """Fails the call, whole and at once; false where it had ended before. A handler may as well
        raise ``CallError``."""
        done = self._engine.fail(self._key, code, message, details)
        if done:
            self._broke(Failed(code, message, details, By.LOCAL))
        self._link.schedule()
        return done

    # Receiving.

    def __aiter__(self) -> AsyncIterator[R]:
        return self

    async def __anext__(self) -> R:
        arrived = self._arrived
        if not arrived:
            await self._more()
            if not arrived:
                raise StopAsyncIteration
        payload: Any = arrived.popleft()
        self._taken += 1
        if not arrived or self._taken >= self._step:
            self._consume()
        if self._decode is not None:
            payload = self._decode(payload)
        message: R = payload
        return message

    async def receive(self) -> R | None:
        """The next message; ``None`` once the other side has closed.

        Raises ``CallError`` when the call failed or was cancelled; messages that came before are
        given first.
        """
        try:
            message: R = await self.__anext__()
        except StopAsyncIteration:
            return None
        return message

    async def result(self) -> R:
        """Closes this side and gives the one message that answers. For client streams."""
        if self._outcome is None and not self._one_out:
            self.close()
        answer = await self.receive()
        if answer is None:
            raise self._ended()
        return answer

    async def _more(self) -> None:
        while not self._arrived:
            if isinstance(self._outcome, (Failed, Cancelled)):
                raise call_error(self._outcome)
            if self._peer_closed or self._outcome is not None:
                return
            reader = self._link.loop.create_future()
            self._readers.append(reader)
            try:
                await reader
            finally:
                self._readers.remove(reader)

    def _consume(self) -> None:
        taken, self._taken = self._taken, 0
        if not self._one_in:
            self._engine.consume(self._key, taken)
            self._link.schedule()

    # What the link tells.

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)

    def _broke(self, outcome: Failed | Cancelled) -> None:
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._wake()
        # Whoever ends its own call goes on; everybody else's handler is stopped.
        if self._task is not None and self._task is not asyncio.current_task(self._link.loop):
            self._task.cancel()

    def _over(self, outcome: Outcome) -> None:
        if self._outcome is None:
            self._outcome = outcome
        self._peer_closed = True
        self._wake()
        if self._on_over is not None:
            self._on_over(self._outcome)

    def _ended(self) -> Exception:
        return call_error(self._outcome)

    # The end of a block.

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Over for the engine, though not told yet, is in order too.
        if self._outcome is None and self._engine.state(self._key) is not None:
            self.cancel(
                CancelReason.CONSUMER_GONE if exc_type is None else CancelReason.USER_REQUESTED
            )

    def __repr__(self) -> str:
        state = "open" if self._outcome is None else str(self._outcome)
        return f"<CallStream {self.kind} {state}>"


CallStream.__module__ = "ixt_sdk.client"
