"""ARCP on a route of an aiohttp server. Needs aiohttp: ``pip install "ixt-arcp[aiohttp]"``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from arcp._errors import TransportClosed
from arcp._runtime.runtime import ARCPRuntime
from arcp._transport.base import Frames, OfFrames
from arcp._transport.hosts import Hosts

if TYPE_CHECKING:
    from types import ModuleType

    from aiohttp import web

__all__ = ("arcp_aiohttp_handler", "serve_arcp_aiohttp")

_LONGEST = 16 << 20
"""Bytes of a message. The engine's own limit is below it, and answers politely."""


def arcp_aiohttp_handler(
    runtime: ARCPRuntime, *, allowed_hosts: Sequence[str] | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler of requests that serves a runtime on WebSockets.

    Args:
        runtime: Accepts each connection. Close it when the server ends.
        allowed_hosts: Names by which clients may call this, besides addresses and ``localhost``;
            ``"*"`` is all. Others get 403.

    Raises:
        ImportError: aiohttp is not installed.
    """
    server = _web()
    hosts = Hosts(allowed_hosts)

    async def handler(request: web.Request) -> web.StreamResponse:
        if not hosts.knows(request.headers.getall("Host", [])):
            return server.Response(status=403, text="this host is not served here")  # type: ignore[no-any-return]
        socket: web.WebSocketResponse = server.WebSocketResponse(max_msg_size=_LONGEST)
        await socket.prepare(request)
        transport = _AiohttpTransport(socket)
        try:
            await runtime.accept(transport)
        finally:
            await transport.close()
        return socket

    return handler


async def serve_arcp_aiohttp(
    runtime: ARCPRuntime,
    *,
    host: str = "127.0.0.1",
    port: int = 7777,
    path: str = "/arcp",
    allowed_hosts: Sequence[str] | None = None,
) -> web.AppRunner:
    """Serves a runtime alone. Ended by ``cleanup()`` of what is returned; ``addresses`` there says
    where it listens.

    Raises:
        ImportError: aiohttp is not installed.
        OSError: The address is not to be had.
    """
    server = _web()
    app = server.Application()
    app.router.add_get(path, arcp_aiohttp_handler(runtime, allowed_hosts=allowed_hosts))
    # Connections are told of the end by the runtime's own close.
    runner: web.AppRunner = server.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await server.TCPSite(runner, host=host, port=port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


def _web() -> ModuleType:
    try:
        from aiohttp import web
    except ImportError as error:
        raise ImportError(
            'arcp.middleware.aiohttp needs aiohttp: pip install "ixt-arcp[aiohttp]"'
        ) from error
    return web


class _AiohttpTransport(OfFrames):
    """A WebSocket that aiohttp has."""

    __slots__ = ("_is_closed", "_socket")

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._is_closed = False

    async def send_frames(self, frames: Frames) -> None:
        for frame in frames:
            if self.is_closed:
                raise TransportClosed("the transport is closed")
            try:
                await self._socket.send_str(frame.decode())
            except (ConnectionError, RuntimeError) as error:
                raise TransportClosed(str(error)) from error

    async def recv_frame(self) -> bytes:
        if self.is_closed:
            raise TransportClosed("the transport is closed")
        try:
            message = await self._socket.receive()
        except asyncio.CancelledError:
            raise
        except (ConnectionError, RuntimeError) as error:
            raise TransportClosed(str(error)) from error
        # What is no JSON is the engine's to answer.
        if isinstance(message.data, str) and message.type.name == "TEXT":
            return message.data.encode()
        if isinstance(message.data, bytes) and message.type.name == "BINARY":
            return message.data
        raise TransportClosed("the peer has closed")

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(ConnectionError, RuntimeError, asyncio.TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.close()

    @property
    def is_closed(self) -> bool:
        return self._is_closed or self._socket.closed
