"""A module: what it provides, and its life at a host.

    module = Module("media")

    @module.unary("thumbs", requires="media.thumbs")
    async def thumbs(picture: bytes, ctx: CallContext) -> bytes:
        return shrink(picture)

    @module.service("frames", kind=InteractionKind.SERVER_STREAM)
    async def frames(stream: CallStream[bytes, bytes], ctx: CallContext) -> None:
        async for movie in stream:
            for frame in split(movie):
                await stream.send(frame)

    module.run("unix:///run/ixt.sock")

A handler that raises :class:`~ixt_sdk.errors.CallError` fails its call with that code; any other
exception fails it as ``internal`` and tells the caller its class alone. When the call is cancelled
or fails, its handler's task is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl as _ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

from . import transport
from ._call import CallStream
from ._context import CURRENT, CallContext
from ._events import Cancelled, CancelReason, Failed, InteractionKind
from ._events import StreamErrorCode as Code
from ._link import ConnectionSettings, Link, Opened
from ._message import MessageFunc, as_unary, message_handler
from ._session import Backoff, Health, Session, State
from .client import Client
from .errors import (
    CallError,
    IxtError,
    MissingMessageError,
    PayloadError,
    StreamEndedError,
    TooManyMessagesError,
)
from .interceptors import Handler, Interceptor
from .invocation import BroadcastTarget, DynamicEndpointTarget, ModuleTarget, ReplyTarget
from .payload import Codec
from .transport import Address

__all__ = [
    "CallContext",
    "CallStream",
    "Handler",
    "Health",
    "MessageFunc",
    "Module",
    "State",
    "current_call",
    "message_handler",
]

LOG = logging.getLogger("ixt_sdk")

H = TypeVar("H", bound=Handler)
Q = TypeVar("Q")
A = TypeVar("A")
One = Callable[[Q, CallContext], Awaitable[A]]


def current_call() -> CallContext | None:
    """The call whose handler this runs in, also in tasks that it has begun; else ``None``."""
    return CURRENT.get()


class _Service:
    """A handler, and what goes with it."""

    __slots__ = ("call", "codec", "kinds", "one")

    def __init__(
        self,
        handler: Handler,
        codec: Codec[Any, Any] | None,
        kinds: frozenset[InteractionKind],
        one: One[Any, Any] | None = None,
    ) -> None:
        self.call = handler
        self.codec = codec
        self.kinds = kinds
        self.one = one
        """Of a unary service without interceptors, the function itself."""


def _within(interceptor: Interceptor, handler: Handler) -> Handler:
    return lambda stream, context: interceptor.handle(stream, context, handler)


def _short(text: str) -> str:
    return text[:1000]


class Module:
    """A named participant at a host: it provides services, and calls those of others by
    :attr:`client`. It belongs to the event loop that it is served in."""

    def __init__(
        self,
        name: str,
        *,
        token: bytes = b"",
        ssl: _ssl.SSLContext | None = None,
        settings: ConnectionSettings | None = None,
        interceptors: Sequence[Interceptor] = (),
        backoff: Backoff | None = None,
    ) -> None:
        self._session = Session(
            name,
            token=token,
            ssl=ssl,
            settings=settings,
            backoff=backoff,
            on_opened=self._opened,
        )
        self._interceptors = tuple(interceptors)
        self._client = Client._over(self._session, interceptors)
        self._services: dict[str, _Service] = {}
        self._topics: dict[str, _Service] = {}
        self._endpoints: dict[str, _Service] = {}
        self._default: _Service | None = None
        self._replies: _Service | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._direct: set[Link] = set()

    @property
    def name(self) -> str:
        """Its name."""
        return self._session.name

    @property
    def client(self) -> Client:
        """Calls in the name of this module, by its connection."""
        return self._client

    @property
    def health(self) -> Health:
        """How it is."""
        return self._session.health()

    # What it provides. To be said before it is served.

    def service(
        self,
        name: str,
        *,
        kind: InteractionKind | Iterable[InteractionKind] | None = None,
        requires: str = "",
        codec: Codec[Any, Any] | None = None,
    ) -> Callable[[H], H]:
        """Registers ``async def handler(stream, ctx)`` for a service, of these kinds or of all;
        ``requires`` is the capability that its callers need, which the host sees to."""
        if kind is None:
            kinds = list[InteractionKind]()
        else:
            kinds = [InteractionKind(kind)] if isinstance(kind, str) else list(kind)

        def register(handler: H) -> H:
            self._offer(name, handler, kinds, requires, codec)
            return handler

        return register

    @overload
    def unary(
        self, name: str, *, requires: str = "", codec: None = None
    ) -> Callable[[One[bytes, bytes]], One[bytes, bytes]]: ...
    @overload
    def unary(
        self, name: str, *, requires: str = "", codec: Codec[Q, A]
    ) -> Callable[[One[Q, A]], One[Q, A]]: ...
    def unary(
        self, name: str, *, requires: str = "", codec: Codec[Any, Any] | None = None
    ) -> Callable[[One[Any, Any]], One[Any, Any]]:
        """Registers ``async def handler(message, ctx)``, which returns the answer."""

        def register(handler: One[Any, Any]) -> One[Any, Any]:
            async def answer(stream: CallStream[Any, Any], context: CallContext) -> object:
                return await handler(await anext(stream), context)

            one = None if self._interceptors else handler
            self._offer(name, answer, [InteractionKind.UNARY], requires, codec, one)
            return handler

        return register

    def handle_message(
        self, name: str, *, requires: str = ""
    ) -> Callable[[MessageFunc], MessageFunc]:
        """Registers ``async def handler(payload, ctx)`` for a service whose calls are each one
        message, a :class:`~ixt_sdk.invocation.HandlePayload`; it returns the answer's body.

        :meth:`Client.message <ixt_sdk.client.Client.message>` makes such calls. A message that is
        none, or says another context than its open, ends the call as ``invalidArgument``.
        """

        def register(handler: MessageFunc) -> MessageFunc:
            self.unary(name, requires=requires)(as_unary(handler))
            return handler

        return register

    def topic(self, name: str, *, codec: Codec[Any, Any] | None = None) -> Callable[[H], H]:
        """Registers a handler for broadcasts on a topic; what it answers is not read."""

        def register(handler: H) -> H:
            self._topics[name] = self._made(handler, codec, [InteractionKind.UNARY])
            self._session.topics = list(self._topics)
            return handler

        return register

    def default(self, handler: H) -> H:
        """Registers the handler of calls to this module by its name."""
        self._default = self._made(handler, None, [])
        return handler

    def replies(self, handler: H) -> H:
        """Registers the handler of replies to calls that wait; ``ctx.invocation.target`` tells to
        which one."""
        self._replies = self._made(handler, None, [])
        return handler

    async def open_endpoint(self, handler: Handler) -> str:
        """Opens an endpoint of its own for this handler and gives its name, which nobody can
        guess.

        Whoever is told the name may call ``DynamicEndpointTarget(name)``, until it is closed or
        this module's connection is lost.
        """
        name = await self._session.open_endpoint()
        self._endpoints[name] = self._made(handler, None, [])
        return name

    async def close_endpoint(self, name: str) -> None:
        """Closes an endpoint."""
        self._endpoints.pop(name, None)
        await self._session.close_endpoint(name)

    def _made(
        self,
        handler: Handler,
        codec: Codec[Any, Any] | None,
        kinds: Iterable[InteractionKind],
        one: One[Any, Any] | None = None,
    ) -> _Service:
        for interceptor in reversed(self._interceptors):
            handler = _within(interceptor, handler)
        return _Service(handler, codec, frozenset(kinds) or frozenset(InteractionKind), one)

    def _offer(
        self,
        name: str,
        handler: Handler,
        kinds: list[InteractionKind],
        requires: str,
        codec: Codec[Any, Any] | None,
        one: One[Any, Any] | None = None,
    ) -> None:
        if name in self._services:
            raise ValueError(f"{self.name} provides {name!r} already")
        self._services[name] = self._made(handler, codec, kinds, one)
        self._session.services.append((name, kinds, requires))

    # Its life.

    async def serve(self, address: Address) -> None:
        """Connects, announces itself and answers calls until :meth:`stop`.

        It tries again for as long as the host cannot be reached, and whenever the connection is
        lost. Raises ``CallError`` where the host refuses it for good. Cancelling it disconnects at
        once.
        """
        try:
            await self._session.run(address)
        finally:
            await self._end_tasks()

    @asynccontextmanager
    async def running(self, address: Address, grace: float = 10.0) -> AsyncGenerator[Client, None]:
        """Serves it for the time of a block, which begins once it is announced, and gives its
        client."""
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._session.run(address, first))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await first
        try:
            yield self._client
        finally:
            await self.stop(grace)
            await asyncio.wait((task,))

    def run(self, address: Address, *, grace: float = 10.0) -> None:
        """Serves it in an event loop of its own until SIGINT or SIGTERM comes, then stops it."""

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            stopping: list[asyncio.Task[None]] = []

            def stop() -> None:
                stopping.append(loop.create_task(self.stop(grace)))

            for number in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(NotImplementedError):
                    loop.add_signal_handler(number, stop)
            await self.serve(address)
            await asyncio.gather(*stopping)

        asyncio.run(serve())

    async def stop(self, grace: float = 10.0) -> None:
        """Takes no new calls, lets those that run finish until the grace is over, in seconds,
        cancels the rest, and disconnects."""
        for server in self._servers:
            server.close()
        links = [link for link in self._direct if link.end is None]
        for link in links:
            link.go_away(grace)
        await self._session.stop(grace)
        if links:
            waiting = [asyncio.ensure_future(_drained(link)) for link in links]
            await asyncio.wait(waiting, timeout=grace + 1)
            for link in links:
                link.close("the module stops")
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        """Lets handlers that were cancelled clean up."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)

    async def listen(self, url: str, *, ssl: _ssl.SSLContext | None = None) -> asyncio.Server:
        """Answers peers that connect to this address without a host (``Client(…, direct=True)``).

        There is no authority then: who reaches the address may call everything, and what a context
        claims is not checked. For benchmarks, and for peers that are trusted otherwise.
        """

        def made() -> Link:
            link = Link(self._session.settings, self._opened)
            self._direct.add(link)
            link.lost.add_done_callback(lambda _: self._direct.discard(link))
            return link

        server = await transport.listen(url, made, ssl=ssl)
        self._servers.append(server)
        return server

    # Answering.

    def _find(self, stream: Opened) -> _Service | None:
        if stream.service is not None:
            return self._services.get(stream.service)
        match stream.context.target:
            case ModuleTarget():
                return self._default
            case BroadcastTarget(topic):
                return self._topics.get(topic)
            case DynamicEndpointTarget(name):
                return self._endpoints.get(name)
            case ReplyTarget():
                return self._replies
            case _:
                return None

    def _opened(self, stream: Opened) -> None:
        service = self._find(stream)
        if service is None:
            stream.fail(Code.NOT_FOUND, "this module has no handler for it")
            return
        if stream.kind not in service.kinds:
            stream.fail(Code.INVALID_ARGUMENT, f"it does not answer {stream.kind} calls")
            return
        if service.codec is not None:
            stream._use(service.codec, False)
        link = stream._link
        task = link.loop.create_task(self._answer(service, stream, link))
        stream._task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, service: _Service, stream: Opened, link: Link) -> None:
        context = CallContext(stream.context, stream.stream_id, link)
        CURRENT.set(context)
        try:
            if service.one is not None:
                result = await service.one(await stream.__anext__(), context)
            else:
                result = await service.call(stream, context)
            if stream._one_out:
                if result is None:
                    stream.close()
                else:
                    await stream.send(result)
            elif stream._outcome is None:
                stream.close()
        except asyncio.CancelledError:
            stream.cancel(CancelReason.SHUTDOWN, "the handler was cancelled")
            raise
        except Exception as error:
            self._failed(stream, error)

    def _failed(self, stream: Opened, error: Exception) -> None:
        if isinstance(stream.outcome, (Failed, Cancelled)):
            # It ended first, and that is what the handler heard.
            return
        match error:
            case MissingMessageError():
                stream.fail(Code.INTERNAL, "the handler gave no answer")
            case TooManyMessagesError() | StreamEndedError() if stream.outcome is not None:
                # It had answered, and then something more was sent.
                LOG.error("%s: a handler sent after its end", self.name, exc_info=error)
            case CallError(code=code):
                stream.fail(code, _short(error.message), error.details)
            case PayloadError():
                stream.fail(Code.INVALID_ARGUMENT, _short(str(error)))
            case IxtError():
                stream.fail(Code.INTERNAL, _short(str(error)))
            case _:
                # Its name and no more: what an exception says may not be the peer's to read.
                LOG.error("%s: a handler failed", self.name, exc_info=error)
                stream.fail(Code.INTERNAL, type(error).__name__)


async def _drained(link: Link) -> None:
    await asyncio.wait((link.drained, link.lost), return_when=asyncio.FIRST_COMPLETED)
