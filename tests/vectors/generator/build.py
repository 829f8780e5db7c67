"""From the text form to a message, with pycapnp's builder.

The bytes are not canonical yet; the command line does that. What the canonical form leaves open
is closed here, by the rules of the wire page, section 1: what is empty or only defaults is not set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .schema import CURRENT, struct
from .textform import MEMBERS, MessageType, Value, enum_number, tidy

_CAMEL = {"dynamic_endpoint": "dynamicEndpoint"}


def build(type_: MessageType, value: Value) -> bytes:
    """Builds one message from a value or an input, in fresh memory, following the rules."""
    message = new(type_)
    fill(type_, message, value)
    return bytes(message.to_bytes())


def new(type_: MessageType, schemas: Path = CURRENT) -> Any:
    """Gives an empty builder of today's or of the later schema."""
    return struct(schemas, type_).new_message()


def fill(type_: MessageType, message: Any, value: Value) -> None:
    """Sets every field of the value that is not a default."""
    tidied = tidy(type_, value)
    if type_ == "frame":
        _fill_frame(message, tidied)
    else:
        _fill_context(message, tidied)


def halves(id_: str) -> tuple[int, int]:
    """Splits 16 bytes in hex into the two big-endian words of the schema."""
    return int(id_[:16], 16), int(id_[16:], 16)


def _fill_frame(message: Any, value: Value) -> None:
    message.streamIdHigh, message.streamIdLow = halves(value["stream_id"])
    for member, fields in MEMBERS.items():
        if member not in value:
            continue
        group = message.init(member)
        for field in fields:
            if field.name not in value[member]:
                continue
            item = value[member][field.name]
            if field.kind == "enum":
                item = enum_number(field.names, item)
            elif field.kind == "hex":
                item = bytes.fromhex(item)
            setattr(group, field.schema_name, item)


def _fill_context(message: Any, value: Value) -> None:
    if "correlation_id" in value:
        message.correlationHigh, message.correlationLow = halves(value["correlation_id"])
    message.spanId = int(value.get("span_id", "0"), 16)
    message.parentSpanId = int(value.get("parent_span_id", "0"), 16)
    message.deadlineMs = value.get("deadline_ms", 0)
    message.traceFlags = value.get("trace_flags", 0)
    if "source_module" in value:
        message.sourceModule = value["source_module"]
    if "target" in value:
        _choose(message.init("target"), value["target"])
    actor = value.get("actor", {})
    if actor:
        built = message.init("actor")
        if "subject" in actor:
            _choose(built.init("subject"), actor["subject"])
        if "token_ref" in actor:
            built.tokenRef = bytes.fromhex(actor["token_ref"])
        if "capabilities" in actor:
            listed = built.init("capabilities", len(actor["capabilities"]))
            for at, capability in enumerate(actor["capabilities"]):
                if capability:
                    listed[at] = capability
    if "metadata" in value:
        entries = message.init("metadata", len(value["metadata"]))
        for at, (key, text) in enumerate(value["metadata"].items()):
            entries[at].key = key
            if text:
                entries[at].value = text


def _choose(union: Any, choice: Value) -> None:
    """Sets one member of a union; an empty text becomes the tag alone, with a null pointer."""
    ((member, content),) = choice.items()
    name = _CAMEL.get(member, member)
    if content is True:
        setattr(union, name, None)
    elif content == "":
        union.init(name, 0)
        union.disown(name)
        _tag_only(union, name)
    else:
        setattr(union, name, bytes.fromhex(content) if member == "reply" else content)


def _tag_only(union: Any, name: str) -> None:
    if str(union.which()) != name:
        raise AssertionError(f"the tag of {name} was lost")
