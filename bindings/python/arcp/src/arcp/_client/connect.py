"""A client in one line."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from arcp._client.client import ARCPClient
from arcp._messages import ClientInfo
from arcp._transport.websocket import WebSocketTransport
from arcp._version import IMPL_VERSION

__all__ = ["connect"]


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: str,
    client: ARCPClient | None = None,
    reconnect: bool = True,
    **kwargs: Any,
) -> AsyncGenerator[ARCPClient, None]:
    """A session with the runtime at ``ws://host:port/arcp`` or ``wss://…``, closed at the end of
    the block.

    With ``reconnect`` it is gone on with when its connection is lost, as long as the runtime keeps
    it: handles stay, and are told what happened meanwhile; requests wait.

    Args:
        url: Where to.
        token: Says whose session it is.
        client: A client with settings of its own; its token counts then.
        reconnect: Whether the session outlives its connection by itself.
        kwargs: Of ``WebSocketTransport.connect``.

    Raises:
        OSError: The connection cannot be made.
        ARCPError: The runtime refuses the session.
    """

    async def dial() -> WebSocketTransport:
        return await WebSocketTransport.connect(url, **kwargs)

    made = client or ARCPClient(
        client=ClientInfo(name="ixt-arcp", version=IMPL_VERSION), token=token, auto_ack=True
    )
    async with made:
        await made.connect(await dial())
        if reconnect:
            made._keep(dial)
        yield made
