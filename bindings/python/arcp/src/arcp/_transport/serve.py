"""A WebSocket server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from arcp._transport.websocket import NOT_NEEDED, SocketProtocol, WebSocketTransport
from ixt_sdk.arcp import ArcpSocket

__all__ = ["Server", "serve_websocket"]

_HANDSHAKE = 10.0
"""Seconds in which an upgrade has to come."""
OnTransport = Callable[[WebSocketTransport], Awaitable[None]]


class Server:
    """A WebSocket server that listens. Used with ``async with`` it is closed at the end."""

    def __init__(self, on_transport: OnTransport, path: str, hosts: list[str] | None) -> None:
        self._on_transport = on_transport
        self._path = path
        self._hosts = hosts
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._protocols: set[SocketProtocol] = set()
        self._is_closed = False
        self._closing = asyncio.Event()

    async def _listen(self, host: str, port: int, **options: Any) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connected, host, port, **options)
        return self

    def _connected(self) -> SocketProtocol:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        protocol = SocketProtocol(ArcpSocket.server(self._path, self._hosts), opened)
        late = loop.call_later(_HANDSHAKE, _too_late, protocol)
        self._protocols.add(protocol)

        def ready(opened: asyncio.Future[None]) -> None:
            late.cancel()
            if opened.cancelled() or opened.exception() is not None or self._is_closed:
                self._protocols.discard(protocol)
                return
            task = loop.create_task(self._serve(protocol))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        opened.add_done_callback(ready)
        return protocol

    async def _serve(self, protocol: SocketProtocol) -> None:
        transport = WebSocketTransport(protocol)
        try:
            await self._on_transport(transport)
        finally:
            self._protocols.discard(protocol)
            await transport.close()

    @property
    def sockets(self) -> tuple[Any, ...]:
        """The sockets on which it listens."""
        return tuple(self._server.sockets) if self._server is not None else ()

    @property
    def port(self) -> int:
        """The port on which it listens: the one that the system chose, where 0 was asked for."""
        return int(self.sockets[0].getsockname()[1])

    def is_serving(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None and self._server.is_serving()

    def close(self, close_connections: bool = True) -> None:
        """Takes no more connections, and ends those that there are."""
        if self._is_closed:
            return
        self._is_closed = True
        self._closing.set()
        if self._server is not None:
            self._server.close()
        if close_connections:
            for protocol in list(self._protocols):
                protocol.close()

    async def wait_closed(self) -> None:
        """Waits until it was closed, and then until all connections have ended; those that do not
        within two seconds are cut."""
        await self._closing.wait()
        if not self._connections:
            return
        _, left = await asyncio.wait(set(self._connections), timeout=2.0)
        for protocol in list(self._protocols):
            _too_late(protocol)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)

    async def serve_forever(self) -> None:
        """Serves until it is cancelled."""
        if self._server is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._server.serve_forever()
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        await self.wait_closed()


def _too_late(protocol: SocketProtocol) -> None:
    if protocol._transport is not None:
        protocol._transport.abort()


async def serve_websocket(
    on_transport: OnTransport,
    *,
    host: str,
    port: int,
    path: str = "/arcp",
    allowed_hosts: tuple[str, ...] | None = None,
    **kwargs: Any,
) -> Server:
    """Listens for WebSocket clients, and hands each to ``on_transport``, mostly ``runtime.accept``.

    Args:
        on_transport: Called for each client; when it returns, the connection is closed.
        host: Where to listen.
        port: On which port; 0 takes any, which ``Server.port`` tells.
        path: The one that clients ask for.
        allowed_hosts: Names by which clients may call this, besides addresses and ``localhost``:
            what a page of a foreign site says in its ``Host`` header is none of them. ``"*"``
            allows all.
        kwargs: Of ``asyncio.loop.create_server``, ``ssl`` for one. Those of the library
            ``websockets`` that say nothing here are taken, and do nothing.

    Raises:
        OSError: The address is not to be had.
    """
    options = {
        name: value
        for name, value in kwargs.items()
        if name not in NOT_NEEDED and name != "open_timeout"
    }
    hosts = (
        None if allowed_hosts is not None and "*" in allowed_hosts else list(allowed_hosts or ())
    )
    return await Server(on_transport, path, hosts)._listen(host, port, **options)
