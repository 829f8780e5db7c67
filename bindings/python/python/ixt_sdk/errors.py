"""The exceptions of this package: one base, and one class for each kind of the core.

Catch :class:`IxtError` for all of them, or the class of one kind. ``kind`` and ``code`` are the
same in every language; the message is for people.
"""

from __future__ import annotations

from typing import ClassVar

from ._events import Cancelled, CancelReason, Failed, Outcome, StreamErrorCode

__all__ = [
    "BY_KIND",
    "AbiMismatchError",
    "AlreadyOpenError",
    "BadIdLengthError",
    "BadJsonError",
    "BadMetadataKeyError",
    "BadMethodError",
    "BadPointerError",
    "BadTextError",
    "BufferTooSmallError",
    "CallError",
    "CapabilityTooLongError",
    "ClosedError",
    "ContextTooLargeError",
    "CreditExhaustedError",
    "DuplicateCapabilityError",
    "DuplicateKeyError",
    "FrameTooLargeError",
    "GoingAwayError",
    "InvalidArgumentError",
    "InvalidGrantError",
    "IxtError",
    "MessageTextTooLongError",
    "MessageTooLargeError",
    "MetadataTooLargeError",
    "MissingMessageError",
    "NilStreamIdError",
    "NotCanonicalError",
    "NotEstablishedError",
    "NotOpenError",
    "NullPointerError",
    "PanicError",
    "PayloadError",
    "QueueFullError",
    "RefusedError",
    "StreamCancelledError",
    "StreamEndedError",
    "StreamFailedError",
    "StreamIdInUseError",
    "TokenTooLongError",
    "TooDeepError",
    "TooManyCapabilitiesError",
    "TooManyMessagesError",
    "TooManyMetadataError",
    "TooManySegmentsError",
    "TooManyStreamsError",
    "TrailingBytesError",
    "TraversalLimitError",
    "TruncatedError",
    "WindowOverflowError",
]


class IxtError(Exception):
    """Whatever went wrong in Ixt."""

    kind: ClassVar[str] = ""
    """The name of the kind, the same in every language, such as ``"Truncated"``."""
    code: ClassVar[int] = 0
    """The number of the kind, the same in every language; never used again for another one."""

    def __init__(self, message: str = "", field: str = "", offset: int | None = None) -> None:
        super().__init__(message, field, offset)
        self.message = message
        self.field = field
        """Where it went wrong, by the name in the schema; empty where none applies."""
        self.offset = offset
        """The byte of the input at which it went wrong, where decoding can tell."""

    def __str__(self) -> str:
        return self.message or self.kind


class RefusedError(IxtError, ValueError):
    """Bytes or values that break a rule of specification 20."""


class TruncatedError(RefusedError):
    """The message, or the segment table before it, ends too early."""

    kind, code = "Truncated", 1


class TrailingBytesError(RefusedError):
    """Bytes follow the message."""

    kind, code = "TrailingBytes", 2


class TooManySegmentsError(RefusedError):
    """More than 16 segments."""

    kind, code = "TooManySegments", 3


class MessageTooLargeError(RefusedError):
    """The segment table declares more than the payload limit and 20 KiB."""

    kind, code = "MessageTooLarge", 4


class FrameTooLargeError(RefusedError):
    """The payload of a data frame is larger than the limit."""

    kind, code = "FrameTooLarge", 5


class ContextTooLargeError(RefusedError):
    """An encoded context is larger than 16 KiB."""

    kind, code = "ContextTooLarge", 6


class BadPointerError(RefusedError):
    """A pointer leads outside the message or to something of the wrong shape."""

    kind, code = "BadPointer", 7


class TooDeepError(RefusedError):
    """Deeper than 8 levels."""

    kind, code = "TooDeep", 8


class TraversalLimitError(RefusedError):
    """Reading visited more than twice the words of the message."""

    kind, code = "TraversalLimit", 9


class BadTextError(RefusedError):
    """Text that is not UTF-8, holds a NUL, or lacks its final NUL."""

    kind, code = "BadText", 10


class NilStreamIdError(RefusedError):
    """The stream id is all zeros."""

    kind, code = "NilStreamId", 11


class BadIdLengthError(RefusedError):
    """An id of the wrong length."""

    kind, code = "BadIdLength", 12


class DuplicateKeyError(RefusedError):
    """A metadata key stands twice."""

    kind, code = "DuplicateKey", 13


class DuplicateCapabilityError(RefusedError):
    """A capability stands twice."""

    kind, code = "DuplicateCapability", 14


class BadMetadataKeyError(RefusedError):
    """A metadata key that is empty, longer than 128 bytes, or not ``[a-z0-9_.-]+``."""

    kind, code = "BadMetadataKey", 15


class TooManyMetadataError(RefusedError):
    """More than 64 metadata entries."""

    kind, code = "TooManyMetadata", 16


class MetadataTooLargeError(RefusedError):
    """A metadata value over 4 KiB, or all entries together over 8 KiB."""

    kind, code = "MetadataTooLarge", 17


class TooManyCapabilitiesError(RefusedError):
    """More than 64 capabilities."""

    kind, code = "TooManyCapabilities", 18


class CapabilityTooLongError(RefusedError):
    """A capability longer than 256 bytes."""

    kind, code = "CapabilityTooLong", 19


class TokenTooLongError(RefusedError):
    """A token reference longer than 1 KiB."""

    kind, code = "TokenTooLong", 20


class MessageTextTooLongError(RefusedError):
    """A message text or error details longer than 4 KiB."""

    kind, code = "MessageTextTooLong", 21


class NotCanonicalError(RefusedError):
    """The bytes decode, but the value encodes to other bytes."""

    kind, code = "NotCanonical", 22


class BadJsonError(RefusedError):
    """The text form is malformed. This package has no text form; the kind stands in the table."""

    kind, code = "BadJson", 23


class BadMethodError(RefusedError):
    """A method that is empty or longer than 256 bytes."""

    kind, code = "BadMethod", 24


class NotOpenError(IxtError):
    """The stream has not been opened."""

    kind, code = "NotOpen", 100


class AlreadyOpenError(IxtError):
    """The stream has been opened already."""

    kind, code = "AlreadyOpen", 101


class TooManyMessagesError(IxtError):
    """The interaction kind allows one message in this direction, and it has been sent."""

    kind, code = "TooManyMessages", 102


class MissingMessageError(IxtError):
    """The interaction kind demands a message before the close."""

    kind, code = "MissingMessage", 103


class StreamEndedError(IxtError):
    """This direction, or the whole stream, has ended."""

    kind, code = "StreamEnded", 104

    def __init__(
        self,
        message: str = "",
        field: str = "",
        offset: int | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(message, field, offset)
        self.args = (message, field, offset, outcome)
        self.outcome = outcome
        """How the stream ended, once it has: ``Completed``, ``Failed`` or ``Cancelled``."""


class StreamFailedError(StreamEndedError):
    """The stream failed, by the peer, by a broken rule, or by this end's application."""


class StreamCancelledError(StreamEndedError):
    """The stream was cancelled, by the peer, by its deadline, or by this end's application."""


class InvalidGrantError(IxtError):
    """A grant of nothing, or for more than was delivered."""

    kind, code = "InvalidGrant", 105


class WindowOverflowError(IxtError):
    """A grant would take the outstanding credit past 2^31 - 1."""

    kind, code = "WindowOverflow", 106


class CreditExhaustedError(IxtError):
    """There is no credit for this send."""

    kind, code = "CreditExhausted", 107


class QueueFullError(IxtError):
    """Too much waits to be sent."""

    kind, code = "QueueFull", 108


class TooManyStreamsError(IxtError):
    """The peer allows no more streams on this connection."""

    kind, code = "TooManyStreams", 109


class StreamIdInUseError(IxtError):
    """The stream id is in use on this connection, or was lately."""

    kind, code = "StreamIdInUse", 110


class NotEstablishedError(IxtError):
    """The peer of the connection has not said hello yet."""

    kind, code = "NotEstablished", 111


class GoingAwayError(IxtError):
    """The connection is going away: no stream can be opened any more."""

    kind, code = "GoingAway", 112


class InvalidArgumentError(IxtError, ValueError):
    """An argument that the function cannot take."""

    kind, code = "InvalidArgument", 200


class NullPointerError(IxtError):
    """A NULL where a pointer is required. Python has none; the kind stands in the table."""

    kind, code = "NullPointer", 201


class BufferTooSmallError(IxtError):
    """The caller's buffer is smaller than the output."""

    kind, code = "BufferTooSmall", 202


class ClosedError(IxtError):
    """The handle was closed before."""

    kind, code = "Closed", 203


class PanicError(IxtError):
    """A defect of Ixt that it noticed itself.

    A panic of the native module comes as ``PanicException`` of PyO3 instead, which is no
    ``Exception``: ``except Exception`` does not hide it.
    """

    kind, code = "Panic", 204


class AbiMismatchError(IxtError):
    """The loaded library is of another version than its caller was built for."""

    kind, code = "AbiMismatch", 205


class CallError(IxtError):
    """A call that failed or was cancelled; a handler raises it to fail its call.

    Its ``code`` is a :class:`~ixt_sdk.streaming.StreamErrorCode`, and not the number of a kind:
    what went wrong is the callee's word, not a rule of this package. A call that was cancelled has
    the code ``CANCELLED``, or ``DEADLINE_EXCEEDED`` where its deadline did it; ``outcome`` says
    more.
    """

    # The one class whose code is a name: callers match what the other side said.
    code: StreamErrorCode | int  # type: ignore[assignment, misc]

    def __init__(
        self,
        code: StreamErrorCode | int,
        message: str = "",
        details: bytes = b"",
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__(message)
        self.args = (code, message, details, outcome)
        self.code = code  # pyright: ignore[reportIncompatibleVariableOverride]
        self.details = details
        """The application's bytes, at most 4 KiB."""
        self.outcome = outcome
        """How the stream of the call ended; ``None`` for an error that is yet to be sent."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else f"{self.code}"


class PayloadError(IxtError, ValueError):
    """A message that is not what the codec of the call takes. In a handler it fails the call as
    ``invalidArgument``."""


def _by_kind() -> dict[str, type[IxtError]]:
    found: dict[str, type[IxtError]] = {}
    todo: list[type[IxtError]] = [IxtError]
    while todo:
        for subclass in todo.pop().__subclasses__():
            todo.append(subclass)
            if "kind" in vars(subclass):
                found[subclass.kind] = subclass
    return found


BY_KIND: dict[str, type[IxtError]] = _by_kind()
"""The class of each kind, by its name."""


def stream_ended(outcome: Outcome | None) -> StreamEndedError:
    """The exception that tells how a stream ended."""
    says = "StreamEnded: the stream has ended"
    match outcome:
        case Failed():
            return StreamFailedError(f"{says}: {outcome}", outcome=outcome)
        case Cancelled():
            return StreamCancelledError(f"{says}: {outcome}", outcome=outcome)
        case _:
            return StreamEndedError(says, outcome=outcome)


def call_error(outcome: Outcome | None) -> CallError | StreamEndedError:
    """The exception for a call that ended so."""
    match outcome:
        case Failed(code, message, details):
            return CallError(code, message, details, outcome)
        case Cancelled(CancelReason.DEADLINE_EXCEEDED, message):
            return CallError(StreamErrorCode.DEADLINE_EXCEEDED, message, outcome=outcome)
        case Cancelled():
            return CallError(StreamErrorCode.CANCELLED, str(outcome), outcome=outcome)
        case _:
            return stream_ended(outcome)
