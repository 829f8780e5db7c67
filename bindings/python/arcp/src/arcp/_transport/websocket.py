"""WebSocket: asyncio has the socket, the core the protocol.

A connection that an engine is joined to crosses into the core once for each read and once for each
write, with all the frames of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl as tls
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Self, cast
from urllib.parse import urlsplit

from arcp._errors import TransportClosed
from arcp._transport.base import Endpoint, Frames, Link, OfFrames
from ixt_sdk.arcp import ArcpSocket

__all__ = ["NOT_NEEDED", "SocketProtocol", "WebSocketTransport"]

_CONNECT = 10.0
"""Seconds in which a connection has to be made."""
_CLOSE = 1.0
"""Seconds that a close waits for the peer's."""
_READ_AHEAD = 1024
"""Frames that wait for ``recv`` before no more is read."""
NOT_NEEDED = frozenset(
    {
        "close_timeout",
        "compression",
        "logger",
        "max_queue",
        "max_size",
        "ping_interval",
        "ping_timeout",
        "write_limit",
    }
)
"""Options of the library ``websockets`` that say nothing here: limits are the engines', and so are
heartbeats."""


class SocketProtocol(asyncio.Protocol):
    """A WebSocket on one of asyncio's transports. Without an engine, frames wait for ``recv``."""

    __slots__ = (
        "_closed",
        "_endpoint",
        "_frames",
        "_is_closing",
        "_is_full",
        "_is_reading",
        "_opened",
        "_reader",
        "_transport",
        "_writer",
        "socket",
    )

    def __init__(self, socket: ArcpSocket, opened: asyncio.Future[None] | None = None) -> None:
        self.socket = socket
        self._opened = opened
        self._endpoint: Endpoint | None = None
        self._transport: asyncio.Transport | None = None
        self._frames: deque[bytes] | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._is_full = False
        self._is_reading = True
        self._is_closing = False
        self._closed = False

    # What asyncio says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write(self.socket.output())

    def data_received(self, data: bytes) -> None:
        socket = self.socket
        if self._endpoint is not None:
            if not self._endpoint.take_socket(socket, data):
                self._write(socket.output())
                self._end()
            return
        frames = socket.receive(data)
        self._write(socket.output())
        if self._opened is not None and socket.is_open:
            opened, self._opened = self._opened, None
            if not opened.done():
                opened.set_result(None)
        if frames:
            if self._frames is None:
                self._frames = deque()
            self._frames += frames
            self._wake_reader()
            if len(self._frames) > _READ_AHEAD:
                self.pause()
        if socket.is_closed:
            self._end()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
        self.flush()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._closed = True
        self.socket.end()
        if self._opened is not None and not self._opened.done():
            why = self.socket.error or (str(exc) if exc else "the peer has closed")
            self._opened.set_exception(ConnectionError(why))
        self._wake_reader()
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.lost(exc)

    # What an engine says.

    def attach(self, endpoint: Endpoint) -> Link:
        """Joins an engine: frames go there from now on."""
        self._endpoint = endpoint
        # An empty one takes more memory than all else here, and idle sessions are many.
        frames, self._frames = list(self._frames or ()), None
        loop = asyncio.get_running_loop()
        if frames:
            loop.call_soon(endpoint.take, frames)
        if self._closed:
            self._endpoint = None
            loop.call_soon(endpoint.lost, None)
        self.resume()
        return self

    def flush(self) -> None:
        endpoint, transport = self._endpoint, self._transport
        if endpoint is None or transport is None:
            return
        while not self._is_full and (data := endpoint.give_socket(self.socket)) is not None:
            transport.write(data)
            endpoint.sent()
        if self._is_closing and not self._is_full:
            self.socket.close()
            self._write(self.socket.output())
            self._end()

    def close(self) -> None:
        self._is_closing = True
        self.flush()

    def pause(self) -> None:
        if self._is_reading and self._transport is not None and not self._closed:
            self._is_reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._is_reading and self._transport is not None and not self._closed:
            self._is_reading = True
            self._transport.resume_reading()

    # What the methods of a transport say.

    async def recv(self) -> bytes:
        while not self._frames:
            if self._closed or self.socket.is_closed:
                raise TransportClosed(self.socket.error or "the transport is closed")
            await self._news()
        frame = self._frames.popleft()
        if not self._frames:
            self.resume()
        return frame

    async def send(self, frames: Frames) -> None:
        transport = self._transport
        if self._closed or transport is None or not self.socket.is_open:
            raise TransportClosed(self.socket.error or "the transport is closed")
        self._write(self.socket.send(frames))
        while self._is_full and not self._closed:
            if self._writer is None or self._writer.done():
                self._writer = asyncio.get_running_loop().create_future()
            # Others may wait for the same.
            await asyncio.shield(self._writer)

    async def shut(self) -> None:
        """Says that it closes, and waits a moment for the peer to do so."""
        transport = self._transport
        if transport is None or self._closed:
            return
        self.socket.close()
        self._write(self.socket.output())
        deadline = asyncio.get_running_loop().time() + _CLOSE
        while not self._closed and asyncio.get_running_loop().time() < deadline:
            if self.socket.is_closed:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE):
                    await self._news()
        transport.close()

    async def _news(self) -> None:
        """Waits until something has come, or nothing comes any more. Many may wait."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._reader)

    @property
    def is_closed(self) -> bool:
        return self._closed or self.socket.is_closed

    @property
    def buffered(self) -> int | None:
        return None if self._transport is None else self._transport.get_write_buffer_size()

    def _write(self, data: bytes | None) -> None:
        if data is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end(self) -> None:
        self._wake_reader()
        if self._transport is not None:
            self._transport.close()

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


class WebSocketTransport(OfFrames):
    """A WebSocket, of this package's own (``connect``, ``serve_websocket``) or of another: ``conn``
    is then a connection of the library ``websockets``, or what has its ``send``, ``recv`` and
    ``close``.
    """

    __slots__ = ("_conn", "_is_closed")

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._is_closed = False

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
        additional_headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        open_timeout: float | None = _CONNECT,
        **kwargs: Any,
    ) -> Self:
        """Connects to ``ws://host:port/arcp`` or ``wss://…``.

        Args:
            url: Where to.
            ssl: Whom to trust with ``wss``; the system's authorities by default.
            server_hostname: The name that the certificate has to be for; that of the URL by
                default.
            additional_headers: What the upgrade says besides.
            open_timeout: Seconds in which all of it has to be done; None waits for ever.
            kwargs: Of ``asyncio.loop.create_connection``: ``local_addr``, ``family``, ``sock``.
                Those of the library ``websockets`` that say nothing here are taken, and do nothing.

        Raises:
            OSError: The connection cannot be made; a refused upgrade is a ``ConnectionError``.
            TimeoutError: Nor in time.
            ValueError: The address is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"{url}: not ws:// or wss://")
        options = {name: value for name, value in kwargs.items() if name not in NOT_NEEDED}
        socket = ArcpSocket.client(url, _pairs(additional_headers))
        if parts.scheme == "wss":
            options["ssl"] = ssl or tls.create_default_context()
            options["server_hostname"] = server_hostname or parts.hostname
        if "sock" not in options:
            options["host"] = parts.hostname
            options["port"] = parts.port or (443 if parts.scheme == "wss" else 80)
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        async with asyncio.timeout(open_timeout):
            _, protocol = await loop.create_connection(
                lambda: SocketProtocol(socket, opened), **options
            )
            try:
                await opened
            except BaseException:
                if protocol._transport is not None:
                    protocol._transport.abort()
                raise
        return cls(protocol)

    async def send_frames(self, frames: Frames) -> None:
        """Sends frames as they are."""
        if isinstance(self._conn, SocketProtocol):
            await self._conn.send(frames)
            return
        try:
            for frame in frames:
                await self._conn.send(frame.decode())
        except Exception as error:
            self._is_closed = True
            raise TransportClosed(str(error)) from error

    async def recv_frame(self) -> bytes:
        """Waits for the next frame, as it came."""
        if isinstance(self._conn, SocketProtocol):
            return await self._conn.recv()
        try:
            frame: str | bytes = await self._conn.recv()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._is_closed = True
            raise TransportClosed(str(error)) from error
        return frame.encode() if isinstance(frame, str) else frame

    async def close(self) -> None:
        """Ends it; once more does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if isinstance(self._conn, SocketProtocol):
            await self._conn.shut()
        else:
            await self._conn.close()

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        if isinstance(self._conn, SocketProtocol):
            return self._is_closed or self._conn.is_closed
        return self._is_closed

    def write_buffer_size(self) -> int | None:
        """Bytes that wait to be written; None where that cannot be told."""
        if isinstance(self._conn, SocketProtocol):
            return self._conn.buffered
        transport = getattr(self._conn, "transport", None)
        return None if transport is None else int(transport.get_write_buffer_size())

    def _attach(self, endpoint: Endpoint) -> Link | None:
        if isinstance(self._conn, SocketProtocol):
            return self._conn.attach(endpoint)
        return None


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if isinstance(headers, Mapping):
        named = cast(Mapping[str, str], headers)
        return list(named.items())
    return list(headers)
