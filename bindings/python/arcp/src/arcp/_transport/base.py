"""The four methods of a transport, and how an engine is joined to one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable

from ixt_sdk._native import arcp_dumps, arcp_loads
from ixt_sdk.arcp import ArcpSocket

__all__ = ["Endpoint", "FrameTransport", "Frames", "Link", "OfFrames", "Transport"]

Frames = list[bytes]
"""Whole frames, JSON in UTF-8 each."""


@runtime_checkable
class Transport(Protocol):
    """Carries envelopes both ways, each a ``dict``. Any object with these four members is one."""

    async def send(self, envelope: dict[str, Any]) -> None:
        """Sends an envelope, or raises ``TransportClosed``."""
        ...

    async def recv(self) -> dict[str, Any]:
        """Waits for the next envelope, or raises ``TransportClosed``."""
        ...

    async def close(self) -> None:
        """Ends it; once more does nothing."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        ...


class FrameTransport(Protocol):
    """A transport that hands frames on as they are, so that nothing is decoded on the way."""

    async def recv_frame(self) -> bytes: ...

    async def send_frames(self, frames: Frames) -> None: ...

    async def close(self) -> None: ...


class OfFrames(ABC):
    """Envelopes over a transport that has frames: made and read by the core."""

    __slots__ = ()

    @abstractmethod
    async def send_frames(self, frames: Frames) -> None:
        """Sends frames as they are."""

    @abstractmethod
    async def recv_frame(self) -> bytes:
        """Waits for the next frame, as it came."""

    async def send(self, envelope: dict[str, Any]) -> None:
        """Sends an envelope, or raises ``TransportClosed``."""
        await self.send_frames([arcp_dumps(envelope)])

    async def recv(self) -> dict[str, Any]:
        """Waits for the next envelope, or raises ``TransportClosed``."""
        envelope: dict[str, Any] = arcp_loads(await self.recv_frame())
        return envelope


class Endpoint(Protocol):
    """A connection, as an engine has it. Nothing here waits."""

    def take(self, frames: Frames) -> None:
        """Frames have come."""

    def take_object(self, frame: dict[str, Any]) -> None:
        """A frame has come that is a ``dict``."""

    def take_socket(self, socket: ArcpSocket, data: bytes) -> bool:
        """Bytes of a WebSocket have come; false once nothing more comes."""
        ...

    def give(self) -> Frames:
        """Frames that are to be sent, not too many at once; none where there are none."""
        ...

    def give_socket(self, socket: ArcpSocket) -> bytes | None:
        """The same, as what is to be written to a WebSocket; None where there is nothing."""
        ...

    def sent(self) -> None:
        """What was given is written, and there may be room for more."""

    def lost(self, why: BaseException | None) -> None:
        """The transport is over. Said once."""


class Link(Protocol):
    """A transport, as an engine has it. Nothing here waits."""

    def flush(self) -> None:
        """The endpoint has something to send."""

    def close(self) -> None:
        """Nothing more comes: ends the transport once what waits is written."""

    def pause(self) -> None:
        """Reads no more until ``resume``."""

    def resume(self) -> None:
        """Reads again."""
