"""The frames in the text form of specification 20: one small class a frame, both ways.

An enumerant is its schema's name, or its number when no name is known. Fields that hold their
default are optional on input and left out on output.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Enumerant: TypeAlias = str | int
Json: TypeAlias = dict[str, Any]

INTERACTIONS = ("unary", "clientStream", "serverStream", "bidiStream")
CLOSE_REASONS = ("unspecified", "completed", "limitReached", "idle", "goingAway")
CANCEL_REASONS = (
    "unspecified",
    "userRequested",
    "deadlineExceeded",
    "consumerGone",
    "superseded",
    "upstreamCancelled",
    "backpressureTimeout",
    "shutdown",
)
ERROR_CODES = (
    "unknown",
    "cancelled",
    "invalidArgument",
    "deadlineExceeded",
    "notFound",
    "unauthenticated",
    "permissionDenied",
    "resourceExhausted",
    "unavailable",
    "internal",
    "protocolViolation",
    "flowControlViolation",
    "sequenceViolation",
)

ID = re.compile(r"[0-9a-f]{32}")
BYTES = re.compile(r"(?:[0-9a-f]{2})*")


class BadJson(ValueError):
    """The line is not what the text form or the trace form allows."""


@dataclass(frozen=True)
class Open:
    interaction: Enumerant
    initial_credit: int
    context: bytes


@dataclass(frozen=True)
class Data:
    sequence: int
    payload: bytes


@dataclass(frozen=True)
class Error:
    code: Enumerant
    sequence: int
    message: str
    details: bytes


@dataclass(frozen=True)
class Close:
    reason: Enumerant
    final_sequence: int


@dataclass(frozen=True)
class Cancel:
    reason: Enumerant
    message: str


@dataclass(frozen=True)
class Credit:
    frames: int


@dataclass(frozen=True)
class Unknown:
    """A member of the frame's union that a later schema may add."""

    tag: int


Body: TypeAlias = Open | Data | Error | Close | Cancel | Credit | Unknown


def number(bits: int) -> Callable[[Any], int]:
    """A parser of an unsigned number of so many bits."""

    def parse(value: Any) -> int:
        if type(value) is not int or not 0 <= value < 1 << bits:
            raise BadJson(f"not an unsigned {bits}-bit number: {value!r}")
        return value

    return parse


def enumerant(names: tuple[str, ...]) -> Callable[[Any], Enumerant]:
    """A parser of a name of these, or a number: a number that has a name becomes the name."""

    def parse(value: Any) -> Enumerant:
        if isinstance(value, str):
            if value not in names:
                raise BadJson(f"no such name: {value!r}")
            return value
        raw = number(16)(value)
        return names[raw] if raw < len(names) else raw

    return parse


def octets(value: Any) -> bytes:
    """Bytes from lower-case hex."""
    if not isinstance(value, str) or not BYTES.fullmatch(value):
        raise BadJson(f"not lower-case hex: {value!r}")
    return bytes.fromhex(value)


def string(value: Any) -> str:
    """A string as it is."""
    if not isinstance(value, str):
        raise BadJson(f"not a string: {value!r}")
    return value


def stream_id(value: Any) -> str:
    """A stream id of 32 digits of lower-case hex; the nil id passes here."""
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise BadJson(f"not a stream id: {value!r}")
    return value


close_reason = enumerant(CLOSE_REASONS)
cancel_reason = enumerant(CANCEL_REASONS)
error_code = enumerant(ERROR_CODES)
interaction = enumerant(INTERACTIONS)


@dataclass(frozen=True)
class _Field:
    parse: Callable[[Any], Any]
    default: Any
    """As it stands in the text form, so that parsing it gives the value."""


@dataclass(frozen=True)
class _Member:
    body: Callable[..., Body]
    fields: dict[str, _Field]


_MEMBERS = {
    "open": _Member(
        Open,
        {
            "interaction": _Field(interaction, INTERACTIONS[0]),
            "initial_credit": _Field(number(32), 0),
            "context": _Field(octets, ""),
        },
    ),
    "data": _Member(Data, {"sequence": _Field(number(64), 0), "payload": _Field(octets, "")}),
    "error": _Member(
        Error,
        {
            "code": _Field(error_code, ERROR_CODES[0]),
            "sequence": _Field(number(64), 0),
            "message": _Field(string, ""),
            "details": _Field(octets, ""),
        },
    ),
    "close": _Member(
        Close,
        {
            "reason": _Field(close_reason, CLOSE_REASONS[0]),
            "final_sequence": _Field(number(64), 0),
        },
    ),
    "cancel": _Member(
        Cancel, {"reason": _Field(cancel_reason, CANCEL_REASONS[0]), "message": _Field(string, "")}
    ),
    "credit": _Member(Credit, {"frames": _Field(number(32), 0)}),
    "unknown": _Member(Unknown, {"tag": _Field(number(16), 0)}),
}


def fields(given: Any, known: dict[str, Callable[[Any], Any]], defaults: Json) -> list[Any]:
    """The parsed values of an object's fields in the order of `known`, each optional."""
    if not isinstance(given, dict) or not given.keys() <= known.keys():
        raise BadJson(f"not an object of {', '.join(known)}: {given!r}")
    return [parse(given.get(name, defaults[name])) for name, parse in known.items()]


def parse_frame(given: Any) -> tuple[str, Body]:
    """A frame's stream id and body from its text form."""
    if not isinstance(given, dict) or len(given) != 2 or "stream_id" not in given:
        raise BadJson(f"not a frame: {given!r}")
    (name,) = given.keys() - {"stream_id"}
    member = _MEMBERS.get(name)
    if member is None:
        raise BadJson(f"no such frame: {name!r}")
    known = {key: field.parse for key, field in member.fields.items()}
    defaults = {key: field.default for key, field in member.fields.items()}
    return stream_id(given["stream_id"]), member.body(*fields(given[name], known, defaults))


def frame_text(stream: str, body: Body) -> Json:
    """A frame's text form, its defaults left out."""
    name = type(body).__name__.lower()
    shown: Json = {}
    for key, field in _MEMBERS[name].fields.items():
        value = getattr(body, key)
        text = value.hex() if isinstance(value, bytes) else value
        if text != field.default:
            shown[key] = text
    return {"stream_id": stream, name: shown}
