"""Calls for programs without an event loop: scripts, notebooks, threads.

    with BlockingClient("script", "unix:///run/ixt.sock") as client:
        print(client.unary("thumbs", picture, timeout=2.0))
        for line in client.server_stream("logs", b"today"):
            print(line)

The client runs an event loop in a thread of its own. Its methods may be called from any thread but
that one.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
import threading
from collections.abc import Coroutine, Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, overload

from ._call import CallStream
from ._link import ConnectionSettings
from .client import Backoff, CallOptions, Client, Health
from .interceptors import Interceptor
from .transport import Address

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .invocation import Target
    from .payload import Codec

__all__ = ["BlockingClient", "BlockingStream"]

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")


class BlockingClient:
    """A :class:`~ixt_sdk.client.Client` whose calls block. Connected from its making to its end."""

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
        """Connects. Raises as :meth:`Client.connect <ixt_sdk.client.Client.connect>`."""
        self._client = Client(
            name,
            address,
            token=token,
            ssl=ssl,
            settings=settings,
            interceptors=interceptors,
            backoff=backoff,
            direct=direct,
        )
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a program that forgets to close ends all the same.
        self._thread = threading.Thread(target=self._loop.run_forever, name="ixt", daemon=True)
        self._thread.start()
        try:
            self._wait(self._client.connect())
        except BaseException:
            self._end()
            raise

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a blocking call in the client's own event loop would wait for ever")
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C, say: then the call is cancelled too.
            future.cancel()
            raise

    def _end(self) -> None:
        asyncio.run_coroutine_threadsafe(_end_tasks(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def health(self) -> Health:
        """How it is."""
        return self._client.health

    def close(self, grace: float = 0.0) -> None:
        """Disconnects; calls of other threads may finish until the grace is over, in seconds."""
        if not self._loop.is_closed():
            self._wait(self._client.close(grace))
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @overload
    def unary(
        self,
        to: str | Target,
        message: Buffer = b"",
        *,
        codec: None = None,
        **options: Unpack[CallOptions],
    ) -> bytes: ...
    @overload
    def unary(
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
        """One message, one answer."""
        return self._wait(self._client.unary(to, message, codec=codec, **options))

    def message(
        self, to: str | Target, method: str, body: Buffer = b"", **options: Unpack[CallOptions]
    ) -> bytes:
        """A call in one message: what is asked, and with what; the answer's body comes back."""
        return self._wait(self._client.message(to, method, body, **options))

    @overload
    def server_stream(
        self,
        to: str | Target,
        message: Buffer = b"",
        *,
        codec: None = None,
        **options: Unpack[CallOptions],
    ) -> Generator[bytes, None, None]: ...
    @overload
    def server_stream(
        self, to: str | Target, message: Q, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> Generator[A, None, None]: ...
    def server_stream(
        self,
        to: str | Target,
        message: Any = b"",
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Generator[Any, None, None]:
        """One message, many answers. Leaving the loop early cancels the call."""

        async def opened() -> CallStream[Any, Any]:
            return self._client.server_stream(to, message, codec=codec, **options)

        with BlockingStream[Any, Any](self, self._wait(opened())) as stream:
            yield from stream

    @overload
    def client_stream(
        self,
        to: str | Target,
        messages: Iterable[Buffer],
        *,
        codec: None = None,
        **options: Unpack[CallOptions],
    ) -> bytes: ...
    @overload
    def client_stream(
        self,
        to: str | Target,
        messages: Iterable[Q],
        *,
        codec: Codec[Q, A],
        **options: Unpack[CallOptions],
    ) -> A: ...
    def client_stream(
        self,
        to: str | Target,
        messages: Iterable[Any],
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Many messages, one answer."""

        async def opened() -> CallStream[Any, Any]:
            return self._client.client_stream(to, codec=codec, **options)

        with BlockingStream[Any, Any](self, self._wait(opened())) as stream:
            for message in messages:
                stream.send(message)
            return stream.result()

    @overload
    def bidi_stream(
        self, to: str | Target, *, codec: None = None, **options: Unpack[CallOptions]
    ) -> BlockingStream[bytes, bytes]: ...
    @overload
    def bidi_stream(
        self, to: str | Target, *, codec: Codec[Q, A], **options: Unpack[CallOptions]
    ) -> BlockingStream[Q, A]: ...
    def bidi_stream(
        self,
        to: str | Target,
        *,
        codec: Codec[Any, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> BlockingStream[Any, Any]:
        """Many messages each way. One thread may send while another one receives."""

        async def opened() -> CallStream[Any, Any]:
            return self._client.bidi_stream(to, codec=codec, **options)

        return BlockingStream(self, self._wait(opened()))


async def _end_tasks() -> None:
    """As ``asyncio.run`` does: what still closes a connection may say its last words."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


S = TypeVar("S")
R = TypeVar("R")


class BlockingStream(Generic[S, R]):
    """A :class:`~ixt_sdk.client.CallStream` whose methods block."""

    def __init__(self, client: BlockingClient, stream: CallStream[S, R]) -> None:
        self._owner = client
        self._stream = stream

    def send(self, message: S) -> None:
        """Sends one message, waiting for credit."""
        self._owner._wait(self._stream.send(message))

    def receive(self) -> R | None:
        """The next message; ``None`` once the other side has closed."""
        return self._owner._wait(self._stream.receive())

    def result(self) -> R:
        """Closes this side and gives the one message that answers."""
        return self._owner._wait(self._stream.result())

    def close(self) -> None:
        """Says that this side sends no more."""

        async def close() -> None:
            self._stream.close()

        self._owner._wait(close())

    def cancel(self) -> None:
        """Gives the call up."""

        async def cancel() -> None:
            self._stream.cancel()

        self._owner._wait(cancel())

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        message = self.receive()
        if message is None:
            raise StopIteration
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._owner._wait(self._stream.__aexit__(exc_type, exc, traceback))
