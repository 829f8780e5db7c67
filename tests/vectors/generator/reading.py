"""From the command line's JSON of a message to the text form: the way back, by another route."""

from __future__ import annotations

from typing import Any

from .textform import MEMBERS, TARGETS, MessageType, Value, tidy

_SUBJECTS = ("external", "operator", "module", "system")


def text_form(type_: MessageType, shown: Any) -> Value:
    """Gives the text form of what the command line printed; a union it does not know is absent."""
    return tidy(type_, _frame(shown) if type_ == "frame" else _context(shown))


def _hex(numbers: list[int]) -> str:
    return bytes(numbers).hex()


def _id(shown: Any, *names: str) -> str:
    return "".join(f"{int(shown[name]):016x}" for name in names)


def _frame(shown: Any) -> Value:
    value: Value = {"stream_id": _id(shown, "streamIdHigh", "streamIdLow")}
    for member, fields in MEMBERS.items():
        if member not in shown:
            continue
        group: Value = {}
        for field in fields:
            if field.schema_name in shown[member]:
                item = shown[member][field.schema_name]
                if field.kind == "hex":
                    item = _hex(item)
                group[field.name] = int(item) if field.kind == "uint" else item
        value[member] = group
    return value


def _context(shown: Any) -> Value:
    value: Value = {
        "correlation_id": _id(shown, "correlationHigh", "correlationLow"),
        "span_id": _id(shown, "spanId"),
        "parent_span_id": _id(shown, "parentSpanId"),
        "deadline_ms": int(shown["deadlineMs"]),
        "trace_flags": shown["traceFlags"],
        "source_module": shown.get("sourceModule", ""),
    }
    for member in TARGETS:
        name = "dynamicEndpoint" if member == "dynamic_endpoint" else member
        if name in shown.get("target", {}):
            content = shown["target"][name]
            value["target"] = {member: _hex(content) if member == "reply" else content}
    actor = shown.get("actor", {})
    built: Value = {"token_ref": _hex(actor.get("tokenRef", []))}
    for member in _SUBJECTS:
        if member in actor.get("subject", {}):
            content = actor["subject"][member]
            built["subject"] = {member: True if member == "system" else content}
    built["capabilities"] = actor.get("capabilities", [])
    value["actor"] = built
    value["metadata"] = {
        entry.get("key", ""): entry.get("value", "") for entry in shown.get("metadata", [])
    }
    return value
