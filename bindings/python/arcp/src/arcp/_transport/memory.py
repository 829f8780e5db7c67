"""Two ends within a process."""

from __future__ import annotations

import asyncio
from typing import Any

from arcp._errors import TransportClosed
from arcp._transport.base import Endpoint, Frames, Link
from ixt_sdk._native import arcp_loads

__all__ = ["MemoryTransport", "pair_memory_transports"]

Queue = asyncio.Queue[dict[str, Any] | None]


class MemoryTransport:
    """One end of a connection within the process: what is put into ``outbox`` the other end finds
    in its ``inbox``; None ends it.

    Where an engine of this package is at both ends of a pair, frames go from one to the other as
    they are, and the queues stay empty.
    """

    __slots__ = ("_inbox", "_is_closed", "_link", "_outbox", "_peer")

    def __init__(self, inbox: Queue, outbox: Queue) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._is_closed = False
        self._peer: MemoryTransport | None = None
        self._link: _MemoryLink | None = None

    async def send(self, envelope: dict[str, Any]) -> None:
        """Sends an envelope, or raises ``TransportClosed``."""
        if self._is_closed:
            raise TransportClosed("the transport is closed")
        self._put(envelope)
        # As other transports do, so that no sender keeps the loop for itself.
        await asyncio.sleep(0)

    async def recv(self) -> dict[str, Any]:
        """Waits for the next envelope, or raises ``TransportClosed``."""
        if self._is_closed and self._inbox.empty():
            raise TransportClosed("the transport is closed")
        envelope = await self._inbox.get()
        if envelope is None:
            self._is_closed = True
            raise TransportClosed("the peer has closed")
        return envelope

    async def close(self) -> None:
        """Ends it; once more does nothing."""
        self._end()

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._is_closed

    def _put(self, envelope: dict[str, Any] | None) -> None:
        """To the other end: its engine, or its queue."""
        link = None if self._peer is None else self._peer._link
        if link is None:
            self._outbox.put_nowait(envelope)
        elif envelope is None:
            link.end()
        else:
            link.take_object(envelope)

    def _end(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._put(None)
        # Who waits here hears of it too.
        if self._link is None:
            self._inbox.put_nowait(None)
        else:
            self._link.end()

    def _attach(self, endpoint: Endpoint) -> Link | None:
        if self._peer is None:
            return None
        link = _MemoryLink(self, self._peer, endpoint)
        self._link = link
        while not self._inbox.empty():
            envelope = self._inbox.get_nowait()
            if envelope is None:
                link.end()
            else:
                link.take_object(envelope)
        if self._is_closed:
            link.end()
        return link


class _MemoryLink:
    """An engine at one end. What comes is taken in the loop's next turn, so that no engine is
    entered from within another."""

    __slots__ = (
        "_ended",
        "_endpoint",
        "_incoming",
        "_is_closing",
        "_is_paused",
        "_is_scheduled",
        "_loop",
        "_own",
        "_peer",
    )

    def __init__(self, own: MemoryTransport, peer: MemoryTransport, endpoint: Endpoint) -> None:
        self._own = own
        self._peer = peer
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        # Frames, or an envelope.
        self._incoming: list[tuple[Frames | None, Any]] = []
        self._is_scheduled = False
        self._is_paused = False
        self._is_closing = False
        self._ended = False

    # What the engine here says.

    def flush(self) -> None:
        other = self._peer._link
        if other is not None and other._is_paused:
            return
        while frames := self._endpoint.give():
            if self._own.is_closed:
                continue
            if other is None:
                for frame in frames:
                    self._own._put(arcp_loads(frame))
            else:
                other._take(frames)
                if other._is_paused:
                    break
            self._endpoint.sent()
        if self._is_closing:
            self._own._end()

    def close(self) -> None:
        self._is_closing = True
        self.flush()

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        if not self._is_paused:
            return
        self._is_paused = False
        self._schedule()
        other = self._peer._link
        if other is not None:
            self._loop.call_soon(other.flush)

    # What the other end says.

    def _take(self, frames: Frames) -> None:
        self._incoming.append((frames, None))
        self._schedule()

    def take_object(self, envelope: dict[str, Any]) -> None:
        self._incoming.append((None, envelope))
        self._schedule()

    def end(self) -> None:
        self._ended = True
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._is_scheduled = False
        incoming, self._incoming = self._incoming, []
        for frames, envelope in incoming:
            if frames is not None:
                self._endpoint.take(frames)
            else:
                self._endpoint.take_object(envelope)
        if self._ended and not self._incoming:
            self._own._is_closed = True
            endpoint, self._endpoint = self._endpoint, _NOBODY
            endpoint.lost(None)


class _Nobody:
    """Where a connection was."""

    __slots__ = ()

    def take(self, frames: Frames) -> None: ...

    def take_object(self, frame: dict[str, Any]) -> None: ...

    def take_socket(self, socket: Any, data: bytes) -> bool:  # noqa: ARG002
        return False

    def give(self) -> Frames:
        return []

    def give_socket(self, socket: Any) -> bytes | None:  # noqa: ARG002
        return None

    def sent(self) -> None: ...

    def lost(self, why: BaseException | None) -> None: ...


_NOBODY = _Nobody()


def pair_memory_transports() -> tuple[MemoryTransport, MemoryTransport]:
    """Two ends of one connection."""
    there: Queue = asyncio.Queue()
    back: Queue = asyncio.Queue()
    one, other = MemoryTransport(back, there), MemoryTransport(there, back)
    one._peer, other._peer = other, one
    return one, other
