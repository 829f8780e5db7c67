"""How modules reach each other: addresses, and the settings of connections.

An address is a URL: ``unix:///run/ixt.sock``, ``tcp://host:port`` or ``tls://host:port``. Where one
is taken, so is a :class:`Connector`, which brings a connection about by other means:
:class:`ixt_sdk.testing.Host` is one.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable
from urllib.parse import SplitResult, urlsplit

from ._link import ConnectionEnd, ConnectionSettings
from ._native import Connection

__all__ = [
    "Address",
    "Connection",
    "ConnectionEnd",
    "ConnectionSettings",
    "Connector",
    "connect",
    "listen",
]


@runtime_checkable
class Connector(Protocol):
    """Connects a protocol to a host, by whatever carries bytes in order."""

    async def connect(self, protocol: asyncio.BufferedProtocol, /) -> None:
        """Returns once ``protocol.connection_made`` has been called. Raises ``OSError`` where
        nobody can be reached."""
        ...


Address: TypeAlias = str | Connector


def _parsed(url: str) -> SplitResult:
    parts = urlsplit(url)
    match parts.scheme:
        case "unix" if parts.path and not parts.netloc:
            return parts
        case "tcp" | "tls" if parts.hostname and parts.port is not None and not parts.path:
            return parts
        case _:
            raise ValueError(f"{url!r} is no unix:///path, tcp://host:port or tls://host:port")


async def connect(
    address: Address, protocol: asyncio.BufferedProtocol, *, ssl: _ssl.SSLContext | None = None
) -> None:
    """Connects a protocol. ``ssl`` is for ``tls://``; by default the system's authorities are
    trusted. Raises ``OSError`` where nobody can be reached, ``ValueError`` for no address."""
    if not isinstance(address, str):
        await address.connect(protocol)
        return
    loop = asyncio.get_running_loop()
    parts = _parsed(address)
    if parts.scheme == "unix":
        await loop.create_unix_connection(lambda: protocol, parts.path)
    else:
        secure = (ssl or _ssl.create_default_context()) if parts.scheme == "tls" else None
        host, port = parts.hostname or "", parts.port or 0
        await loop.create_connection(lambda: protocol, host, port, ssl=secure)


async def listen(
    url: str, factory: Callable[[], asyncio.BaseProtocol], *, ssl: _ssl.SSLContext | None = None
) -> asyncio.Server:
    """Listens at an address; each connection gets a protocol. ``tls://`` needs ``ssl``."""
    loop = asyncio.get_running_loop()
    parts = _parsed(url)
    if parts.scheme == "unix":
        return await loop.create_unix_server(factory, parts.path)
    if parts.scheme == "tls" and ssl is None:
        raise ValueError("tls:// needs the ssl context of a server")
    secure = ssl if parts.scheme == "tls" else None
    return await loop.create_server(factory, parts.hostname, parts.port or 0, ssl=secure)
