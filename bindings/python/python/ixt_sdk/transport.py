"""How modules reach each other: addresses, and the settings of connections.

An address is a URL: ``unix:///run/ixt.sock``, ``tcp://host:port`` or ``tls://host:port`` of a host,
or ``nats://[user[:password]@]host[:port][,host[:port]...][?creds=FILE]`` where modules meet on NATS
without one, which needs ``ixt-sdk[nats]``. Where an address is taken, so is a :class:`Connector`,
which brings a connection about by other means: :class:`ixt_sdk.testing.Host` is one.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable
from urllib.parse import SplitResult, urlsplit

from . import _nats_url
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
            raise ValueError(
                f"{url!r} is no unix:///path, tcp://host:port, tls://host:port or nats://host"
            )


def is_nats(address: Address) -> bool:
    """Whether an address is of NATS, where there is no host."""
    return isinstance(address, str) and address.startswith(_nats_url.SCHEME)


async def connect(
    address: Address,
    protocol: asyncio.BufferedProtocol,
    *,
    ssl: _ssl.SSLContext | None = None,
    name: str = "ixt-sdk",
) -> None:
    """Connects a protocol. ``ssl`` is for ``tls://``, and for ``nats://`` where the server demands
    it; by default the system's authorities are trusted. ``name`` is whom servers of NATS list.
    Raises ``OSError`` where nobody can be reached, ``ValueError`` for no address, ``ImportError``
    for ``nats://`` without ``ixt-sdk[nats]``."""
    if not isinstance(address, str):
        await address.connect(protocol)
        return
    if is_nats(address):
        servers = _nats_url.parse(address)
        try:
            from . import _nats
        except ImportError as error:
            raise ImportError(
                "nats:// needs nats-py, which is not here: pip install 'ixt-sdk[nats]'"
            ) from error
        await _nats.connect(servers, protocol, ssl, f"ixt {name}")
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
    """Listens at an address; each connection gets a protocol. ``tls://`` needs ``ssl``. Nobody
    listens at ``nats://``, which is ``ValueError``."""
    if is_nats(url):
        shown = _nats_url.parse(url)
        raise ValueError(f"nobody listens at {shown}: modules and clients connect to nats://")
    loop = asyncio.get_running_loop()
    parts = _parsed(url)
    if parts.scheme == "unix":
        return await loop.create_unix_server(factory, parts.path)
    if parts.scheme == "tls" and ssl is None:
        raise ValueError("tls:// needs the ssl context of a server")
    secure = ssl if parts.scheme == "tls" else None
    return await loop.create_server(factory, parts.hostname, parts.port or 0, ssl=secure)
