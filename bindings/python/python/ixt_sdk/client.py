"""Calling others.

    async with Client("gateway", "unix:///run/ixt.sock") as client:
        thumbnail = await client.unary("thumbs", picture, timeout=2.0)
        async with client.server_stream("logs", b"today") as lines:
            async for line in lines:
                print(line)

Calls made in a handler are children of the call that it answers: same correlation, no more
authority, no later deadline. Calls fail with :class:`~ixt_sdk.errors.CallError`.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, overload

from ._call import CallStream
from ._context import CURRENT
from ._events import (
    By,
    Cancelled,
    CancelReason,
    CloseReason,
    Completed,
    Failed,
    InteractionKind,
    Outcome,
)
from ._events import StreamErrorCode as Code
from ._link import ConnectionSettings, Link
from ._message import encode
from ._native import ActorIdentity, InvocationContext, invocation
from ._session import Backoff, Health, Session
from .errors import (
    CallError,
    ClosedError,
    GoingAwayError,
    IxtError,
    NotEstablishedError,
    QueueFullError,
    StreamEndedError,
    TooManyStreamsError,
)
from .interceptors import Interceptor, Request
from .transport import Address

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .invocation import Target
    from .payload import Codec

__all__ = ["Backoff", "CallOptions", "CallStream", "Client", "Health"]

Q = TypeVar("Q")
A = TypeVar("A")

UNARY = InteractionKind.UNARY
SERVER_STREAM = InteractionKind.SERVER_STREAM
OverCall = Callable[[InvocationContext, Outcome], None]


class CallOptions(TypedDict, total=False):
    """What every call takes beside its target and its message."""

    timeout: float
    """Seconds until the call is cancelled as ``deadlineExceeded``, on both sides."""
    deadline_ms: int
    """The same as a time: milliseconds since the Unix epoch."""
    capabilities: Iterable[str]
    """What of the own authority the call gets; all of it by default."""
    metadata: Mapping[str, str]
    """Sent along."""
    actor: ActorIdentity
    """On whose behalf, where it is not a child of the current call. The host asks the policy."""
    trace: tuple[bytes, bytes, int]
    """The trace that it belongs to, where it is not a child of the current call: trace id, the span
    that causes it, and flags, as :func:`~ixt_sdk.invocation.from_traceparent` gives them."""


class Client:
    """Calls services, modules, topics and endpoints by a host.

    It belongs to the event loop that it is connected in. A lost connection is made again in the
    background; meanwhile calls fail as ``unavailable``, and :meth:`ready` waits.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        *,
        token: bytes = b"",
        ssl: _ssl.SSLContext | None = None,
        settings: ConnectionSettings | None = None,
        interceptors: Sequence[Interceptor] = (),
        backoff: Backoff | None = None,
        direct: bool = False,
    ) -> None:
        """A client that announces itself by this name, or, ``direct``, speaks to a module that
        listens without a host."""
        self._session = Session(name, token=token, ssl=ssl, settings=settings, backoff=backoff)
        self._session.direct = direct
        self._address: Address | None = address
        self._interceptors = tuple(interceptors)
        self._running: asyncio.Task[None] | None = None

    @classmethod
    def _over(cls, session: Session, interceptors: Sequence[Interceptor]) -> Client:
        client = cls.__new__(cls)
        client._session = session
        client._address = None
        client._interceptors = tuple(interceptors)
        client._running = None
        return client

    @property
    def name(self) -> str:
        """The name of the module that calls."""
        return self._session.name

    @property
    def health(self) -> Health:
        """How it is."""
        return self._session.health()

    async def connect(self) -> None:
        """Connects. Raises ``OSError`` where nobody can be reached, ``CallError`` where the host
        refuses."""
        if self._address is None:
            raise RuntimeError("a module's client connects with its module")
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._session.run(self._address, first))
        # The failure of the first attempt is told by `first`.
        self._running.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await first
        except BaseException:
            self._running.cancel()
            raise

    async def close(self, grace: float = 0.0) -> None:
        """Disconnects; calls that run may finish until the grace is over, in seconds."""
        if self._running is None:
            return
        await self._session.stop(grace)
        await asyncio.wait((self._running,))
        self._running = None

    async def ready(self) -> None:
        """Waits until it is connected."""
        await self._session.ready()

    async def ping(self) -> float:
        """Seconds that a ping to the other end of the connection and its answer take."""
        return await self._session.connected().ping() / 1e6

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # Calls.

    @overload
    async def unary(
        self,
        to: str | Target,
        message: Buffer = b"",
        *,
        codec: None = None,
        **options: Unpack[CallOptions],
    ) -> bytes: ...
    @overload
    async def unary(
        self, to: str | Target, message: Q, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> A: ...
    def unary(
        self,
        to: str | Target,
        message: Any = b"",
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """One message, one answer. ``to`` is a service by its name, or any target.

        Cancelling this cancels the call.
        """
        return self._unary(to, message, codec, None, options)

    async def message(
        self,
        to: str | Target,
        method: str,
        body: Buffer = b"",
        **options: Unpack[CallOptions],
    ) -> bytes:
        """A call in one message: what is asked, and with what; the answer's body comes back.

        ``to`` is a service by its name, or any target. A method that is empty or longer than 256
        bytes is ``BadMethodError``, before anything is sent.
        """
        answer: bytes = await self._unary(to, body, None, method, options)
        return answer

    async def _unary(
        self,
        to: str | Target,
        message: Any,
        codec: Codec[Any, Any] | None,
        method: str | None,
        options: CallOptions,
    ) -> Any:
        payload = message if codec is None else codec.encode_request(message)
        link = self._session.connected()
        overs: list[OverCall] | None = None
        if options or self._interceptors:
            context, overs = self._prepare(to, UNARY, link, options)
        else:
            parent = CURRENT.get()
            context = invocation(
                self._session.name, to, None if parent is None else parent.invocation
            )
        try:
            if method is not None:
                payload = encode(context, method, message)
            while True:
                try:
                    key = link.engine.request(UNARY, context, payload)
                    break
                except (TooManyStreamsError, QueueFullError):
                    await link.room()
                    link = self._session.connected()
        except BaseException as error:
            raise _not_opened(overs, context, error) from None
        future: asyncio.Future[bytes] = link.loop.create_future()
        link.calls[key] = future
        if not link.scheduled:
            link.schedule()
        if overs:
            answer = await _watched(link, key, future, context, overs)
        else:
            try:
                answer = await future
            except asyncio.CancelledError:
                _cancel(link, key)
                raise
        return answer if codec is None else codec.decode_answer(answer)

    @overload
    def server_stream(
        self,
        to: str | Target,
        message: Buffer = b"",
        *,
        codec: None = None,
        **options: Unpack[CallOptions],
    ) -> CallStream[bytes, bytes]: ...
    @overload
    def server_stream(
        self, to: str | Target, message: Q, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> CallStream[Q, A]: ...
    def server_stream(
        self,
        to: str | Target,
        message: Any = b"",
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> CallStream[Any, Any]:
        """One message, many answers: iterate over it, in an ``async with`` where you may leave
        early."""
        payload = message if codec is None else codec.encode_request(message)
        return self._open(SERVER_STREAM, to, codec, options, payload)

    @overload
    def client_stream(
        self, to: str | Target, *, codec: None = None, **options: Unpack[CallOptions]
    ) -> CallStream[bytes, bytes]: ...
    @overload
    def client_stream(
        self, to: str | Target, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> CallStream[Q, A]: ...
    def client_stream(
        self,
        to: str | Target,
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> CallStream[Any, Any]:
        """Many messages, one answer: ``send`` them, then ``await stream.result()``."""
        return self._open(InteractionKind.CLIENT_STREAM, to, codec, options)

    @overload
    def bidi_stream(
        self, to: str | Target, *, codec: None = None, **options: Unpack[CallOptions]
    ) -> CallStream[bytes, bytes]: ...
    @overload
    def bidi_stream(
        self, to: str | Target, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> CallStream[Q, A]: ...
    def bidi_stream(
        self,
        to: str | Target,
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> CallStream[Any, Any]:
        """Many messages each way, in any order."""
        return self._open(InteractionKind.BIDI_STREAM, to, codec, options)

    def _open(
        self,
        kind: InteractionKind,
        to: str | Target,
        codec: Codec[Any, Any] | None,
        options: CallOptions,
        payload: bytes | None = None,
    ) -> CallStream[Any, Any]:
        link = self._session.connected()
        context, overs = self._prepare(to, kind, link, options)
        try:
            if payload is None:
                key = link.engine.open(kind, context)
            else:
                key = link.engine.request(kind, context, payload)
        except IxtError as error:
            raise _not_opened(overs, context, error) from None
        stream: CallStream[Any, Any] = CallStream(
            link, key, kind, context, opener=True, codec=codec
        )
        if overs:
            stream._on_over = lambda outcome: _all(overs, context, outcome)
        link.streams[key] = stream
        link.schedule()
        return stream

    def _prepare(
        self, to: str | Target, kind: InteractionKind, link: Link, options: CallOptions
    ) -> tuple[InvocationContext, list[OverCall]]:
        parent = CURRENT.get()
        timeout = options.get("timeout")
        deadline_ms = options.get("deadline_ms")
        capabilities = options.get("capabilities")
        metadata = options.get("metadata")
        actor = options.get("actor")
        trace = options.get("trace")
        span_id = None
        overs: list[OverCall] = []
        if self._interceptors:
            request = Request(
                to,
                kind,
                timeout,
                deadline_ms,
                None if capabilities is None else list(capabilities),
                dict(metadata or {}),
                actor,
                None,
                trace,
            )
            for interceptor in self._interceptors:
                over = interceptor.call(request)
                if over is not None:
                    overs.insert(0, over)
            to, timeout, deadline_ms = request.to, request.timeout, request.deadline_ms
            capabilities, metadata, actor = request.capabilities, request.metadata, request.actor
            span_id, trace = request.span_id, request.trace
        if timeout is not None:
            at_ms = max(1, link.now_us() // 1000 + int(timeout * 1000))
            deadline_ms = at_ms if deadline_ms is None else min(at_ms, deadline_ms)
        context = invocation(
            self._session.name,
            to,
            None if parent is None else parent.invocation,
            deadline_ms,
            capabilities,
            metadata,
            actor,
            span_id,
            trace,
        )
        return context, overs


def _cancel(link: Link, key: int) -> None:
    link.calls.pop(key, None)
    link.engine.cancel(key, CancelReason.USER_REQUESTED)
    link.schedule()


def _not_opened(
    overs: list[OverCall] | None, context: InvocationContext, error: BaseException
) -> BaseException:
    """What to raise for a call that did not begin; its interceptors are told."""
    match error:
        case TooManyStreamsError() | QueueFullError():
            error = CallError(Code.RESOURCE_EXHAUSTED, str(error))
        case GoingAwayError() | NotEstablishedError() | ClosedError():
            error = CallError(Code.UNAVAILABLE, str(error))
        case _:
            pass
    if overs:
        code = error.code if isinstance(error, CallError) else Code.INVALID_ARGUMENT
        outcome: Outcome = Failed(code, str(error), b"", By.LOCAL)
        if isinstance(error, asyncio.CancelledError):
            outcome = Cancelled(CancelReason.USER_REQUESTED, "", By.LOCAL)
        _all(overs, context, outcome)
    return error


def _all(overs: list[OverCall], context: InvocationContext, outcome: Outcome) -> None:
    for over in overs:
        over(context, outcome)


async def _watched(
    link: Link,
    key: int,
    future: asyncio.Future[bytes],
    context: InvocationContext,
    overs: list[OverCall],
) -> bytes:
    outcome: Outcome = Completed(CloseReason.COMPLETED)
    try:
        return await future
    except asyncio.CancelledError:
        _cancel(link, key)
        outcome = Cancelled(CancelReason.USER_REQUESTED, "", By.LOCAL)
        raise
    except (CallError, StreamEndedError) as error:
        outcome = outcome if error.outcome is None else error.outcome
        raise
    finally:
        _all(overs, context, outcome)
