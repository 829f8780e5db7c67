"""What the engine tells: enumerations, states, events and outcomes.

They are public by the name of :mod:`ixt_sdk.streaming`, and stand here because the errors speak of
them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ._native import (
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamOpen,
    UnknownFrame,
)


class InteractionKind(StrEnum):
    """How many messages each side may send."""

    UNARY = "unary"
    CLIENT_STREAM = "clientStream"
    SERVER_STREAM = "serverStream"
    BIDI_STREAM = "bidiStream"


class CloseReason(StrEnum):
    """Why a direction ended in order. Only ``COMPLETED`` is success."""

    UNSPECIFIED = "unspecified"
    COMPLETED = "completed"
    LIMIT_REACHED = "limitReached"
    IDLE = "idle"
    GOING_AWAY = "goingAway"


class CancelReason(StrEnum):
    """Why a stream was given up."""

    UNSPECIFIED = "unspecified"
    USER_REQUESTED = "userRequested"
    DEADLINE_EXCEEDED = "deadlineExceeded"
    CONSUMER_GONE = "consumerGone"
    SUPERSEDED = "superseded"
    UPSTREAM_CANCELLED = "upstreamCancelled"
    BACKPRESSURE_TIMEOUT = "backpressureTimeout"
    SHUTDOWN = "shutdown"


class StreamErrorCode(StrEnum):
    """Why a stream failed."""

    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    INVALID_ARGUMENT = "invalidArgument"
    DEADLINE_EXCEEDED = "deadlineExceeded"
    NOT_FOUND = "notFound"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permissionDenied"
    RESOURCE_EXHAUSTED = "resourceExhausted"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    PROTOCOL_VIOLATION = "protocolViolation"
    FLOW_CONTROL_VIOLATION = "flowControlViolation"
    SEQUENCE_VIOLATION = "sequenceViolation"


class By(StrEnum):
    """Who ended a stream."""

    PEER = "peer"
    LOCAL = "local"


class Half(StrEnum):
    """The state of one direction at this end."""

    IDLE = "idle"
    OPEN = "open"
    CLOSED = "closed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Violation(StrEnum):
    """A rule that the peer broke and that ends no stream; for the host to count."""

    UNKNOWN_STREAM = "UnknownStream"
    FRAME_AFTER_CLOSE = "FrameAfterClose"
    UNKNOWN_FRAME = "UnknownFrame"


@dataclass(frozen=True, slots=True)
class StreamState:
    """What an endpoint looks like at one moment."""

    sender: Half
    receiver: Half
    credit: int
    """Messages that may be sent now and that no ticket holds; 0 unless the sender half is open."""
    outstanding: int
    """Messages that the peer may still send; 0 unless the receiver half is open."""
    ignored: int
    """Frames of the peer that were ignored."""


@dataclass(frozen=True, slots=True)
class CreditGrown:
    """The credit to send grew by so many messages."""

    frames: int


@dataclass(frozen=True, slots=True)
class TicketReady:
    """The ticket has its credit: send with it, or drop it."""

    ticket: int


@dataclass(frozen=True, slots=True)
class TicketEnded:
    """The stream, or its sender half, ended before the ticket had a credit."""

    ticket: int


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer's direction ended in order."""

    reason: CloseReason | int


@dataclass(frozen=True, slots=True)
class Finished:
    """The responder's close ended this opener's sender half; no frame is sent for it."""


@dataclass(frozen=True, slots=True)
class Completed:
    """Both directions ended in order."""

    reason: CloseReason | int

    @property
    def is_success(self) -> bool:
        """Whether the stream did what it was to do."""
        return self.reason == CloseReason.COMPLETED


@dataclass(frozen=True, slots=True)
class Failed:
    """The stream failed."""

    code: StreamErrorCode | int
    message: str
    details: bytes
    by: By

    @property
    def is_success(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"failed by {self.by} with {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The stream was cancelled."""

    reason: CancelReason | int
    message: str
    by: By

    @property
    def is_success(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"cancelled by {self.by} as {self.reason}: {self.message}"


Outcome: TypeAlias = Completed | Failed | Cancelled
"""How a stream ended. The first terminal event decides; nothing changes it."""

FrameBody: TypeAlias = (
    StreamOpen | StreamData | StreamError | StreamClose | StreamCancel | StreamCredit | UnknownFrame
)

Event: TypeAlias = (
    StreamOpen
    | StreamData
    | CreditGrown
    | TicketReady
    | TicketEnded
    | PeerClosed
    | Finished
    | Failed
    | Cancelled
    | Violation
)
"""What an engine tells: the peer's open and messages, and what happened to the stream."""

for _public in (
    *(InteractionKind, CloseReason, CancelReason, StreamErrorCode, By, Half, Violation),
    *(StreamState, CreditGrown, TicketReady, TicketEnded, PeerClosed, Finished),
    *(Completed, Failed, Cancelled),
):
    _public.__module__ = "ixt_sdk.streaming"
