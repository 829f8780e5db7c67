"""ARCP on a route of an ASGI server: Starlette, FastAPI, Litestar, Quart, or uvicorn alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from arcp._errors import TransportClosed
from arcp._runtime.runtime import ARCPRuntime
from arcp._transport.base import Frames, OfFrames
from arcp._transport.hosts import Hosts

__all__ = ("ASGIApp", "arcp_asgi_app")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application of ASGI 3."""

_POLICY_VIOLATION = 1008


def arcp_asgi_app(runtime: ARCPRuntime, *, allowed_hosts: Sequence[str] | None = None) -> ASGIApp:
    """An ASGI application that serves a runtime on WebSockets: mount it, or give it to a route.

    Args:
        runtime: Accepts each connection. Close it when the server ends.
        allowed_hosts: Names by which clients may call this, besides addresses and ``localhost``;
            ``"*"`` is all. Others are refused before the upgrade.
    """
    return _App(runtime, Hosts(allowed_hosts))


class _App:
    """Not a function: Starlette takes one of those for an endpoint of its own kind."""

    __slots__ = ("_hosts", "_runtime")

    def __init__(self, runtime: ARCPRuntime, hosts: Hosts) -> None:
        self._runtime = runtime
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") != "websocket":
            raise ValueError(
                f"an ASGI scope of type {scope.get('type')!r}: ARCP is spoken on a WebSocket"
            )
        message = await receive()
        if message.get("type") != "websocket.connect":
            return
        called = [
            value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"
        ]
        if not self._hosts.knows(called):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        await send({"type": "websocket.accept"})
        transport = _AsgiTransport(receive, send)
        try:
            await self._runtime.accept(transport)
        finally:
            await transport.close()


class _AsgiTransport(OfFrames):
    """The WebSocket of one scope."""

    __slots__ = ("_is_closed", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_closed = False

    async def send_frames(self, frames: Frames) -> None:
        for frame in frames:
            if self._is_closed:
                raise TransportClosed("the transport is closed")
            try:
                await self._send({"type": "websocket.send", "text": frame.decode()})
            except asyncio.CancelledError:
                raise
            except Exception as error:  # each server has its own for a client that is gone
                self._is_closed = True
                raise TransportClosed(str(error)) from error

    async def recv_frame(self) -> bytes:
        if self._is_closed:
            raise TransportClosed("the transport is closed")
        message = await self._receive()
        if message.get("type") != "websocket.receive":
            self._is_closed = True
            raise TransportClosed("the peer has closed")
        text: str | None = message.get("text")
        # What is no UTF-8 or no JSON is the engine's to answer.
        return (
            text.encode("utf-8", "surrogatepass")
            if text is not None
            else bytes(message.get("bytes") or b"")
        )

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(Exception):
            await self._send({"type": "websocket.close", "code": 1000})

    @property
    def is_closed(self) -> bool:
        return self._is_closed
