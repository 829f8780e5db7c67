"""The text form of the wire page, section 7: field order, defaults, sorting.

One table describes the frame members, so that building, reading and tidying cannot disagree about a
name or an order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Value = dict[str, Any]
MessageType = Literal["frame", "context", "payload"]

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


@dataclass(frozen=True)
class Field:
    """One field of a frame member: its names in the text form and the schema, and its form."""

    name: str
    schema_name: str
    kind: Literal["uint", "hex", "text", "enum"]
    names: tuple[str, ...] = ()

    def is_default(self, value: object) -> bool:
        """Says whether the field would be left out on output."""
        return value == (self.names[0] if self.names else {"uint": 0}.get(self.kind, ""))


MEMBERS: dict[str, tuple[Field, ...]] = {
    "open": (
        Field("interaction", "interaction", "enum", INTERACTIONS),
        Field("initial_credit", "initialCredit", "uint"),
        Field("context", "context", "hex"),
    ),
    "data": (Field("sequence", "sequence", "uint"), Field("payload", "payload", "hex")),
    "error": (
        Field("code", "code", "enum", ERROR_CODES),
        Field("sequence", "sequence", "uint"),
        Field("message", "message", "text"),
        Field("details", "details", "hex"),
    ),
    "close": (
        Field("reason", "reason", "enum", CLOSE_REASONS),
        Field("final_sequence", "finalSequence", "uint"),
    ),
    "cancel": (
        Field("reason", "reason", "enum", CANCEL_REASONS),
        Field("message", "message", "text"),
    ),
    "credit": (Field("frames", "frames", "uint"),),
}

TARGETS = ("service", "module", "broadcast", "reply", "dynamic_endpoint")
SUBJECTS = ("external", "operator", "module", "system")


def compact(value: object) -> str:
    """Writes JSON as the command line prints it: no spaces, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def enum_value(names: Sequence[str], value: str | int) -> str | int:
    """Gives a known number its name; an unknown one stays a number."""
    return names[value] if isinstance(value, int) and value < len(names) else value


def enum_number(names: Sequence[str], value: str | int) -> int:
    """Gives the number that goes on the wire."""
    return value if isinstance(value, int) else names.index(value)


def by_bytes(text: str) -> bytes:
    """Sort key: the order of the wire is the order of the UTF-8 bytes."""
    return text.encode()


def tidy(type_: MessageType, value: Value) -> Value:
    """Gives the output form: documented order, defaults left out, lists sorted, known names."""
    return _tidy_frame(value) if type_ == "frame" else _tidy_context(value)


def _tidy_frame(value: Value) -> Value:
    out: Value = {"stream_id": value["stream_id"]}
    for member, fields in MEMBERS.items():
        if member not in value:
            continue
        given = value[member]
        shown: Value = {}
        for field in fields:
            if field.name not in given:
                continue
            item = given[field.name]
            if field.kind == "enum":
                item = enum_value(field.names, item)
            if not field.is_default(item):
                shown[field.name] = item
        out[member] = shown
    if "unknown" in value:
        out["unknown"] = value["unknown"]
    return out


def _tidy_context(value: Value) -> Value:
    out: Value = {}
    for name in ("correlation_id", "span_id"):
        if set(value.get(name, "0")) != {"0"}:
            out[name] = value[name]
    for name in ("deadline_ms", "trace_flags", "source_module"):
        if value.get(name):
            out[name] = value[name]
    if set(value.get("parent_span_id", "0")) != {"0"}:
        out["parent_span_id"] = value["parent_span_id"]
    if value.get("target", {"service": ""}) != {"service": ""}:
        out["target"] = value["target"]
    actor: Value = {}
    given = value.get("actor", {})
    if given.get("subject", {"external": ""}) != {"external": ""}:
        actor["subject"] = given["subject"]
    if given.get("token_ref"):
        actor["token_ref"] = given["token_ref"]
    if given.get("capabilities"):
        actor["capabilities"] = sorted(given["capabilities"], key=by_bytes)
    if actor:
        out["actor"] = actor
    if value.get("metadata"):
        metadata = value["metadata"]
        out["metadata"] = {key: metadata[key] for key in sorted(metadata, key=by_bytes)}
    return out
