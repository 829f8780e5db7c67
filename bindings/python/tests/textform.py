"""The text form of specification 20, to and from this package's values.

For tests alone: it calls the public constructors with what the text says, and reads the public
attributes. Nothing of it checks anything; what is wrong is for the package to refuse.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from ixt_sdk.invocation import (
    ActorIdentity,
    BroadcastTarget,
    DynamicEndpointTarget,
    ExternalSubject,
    InvocationContext,
    ModuleSubject,
    ModuleTarget,
    OperatorSubject,
    ReplyTarget,
    ServiceTarget,
    Subject,
    SystemSubject,
    Target,
    UnknownSubject,
    UnknownTarget,
)
from ixt_sdk.streaming import (
    CancelReason,
    CloseReason,
    FrameBody,
    InteractionKind,
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamErrorCode,
    StreamFrame,
    StreamId,
    StreamOpen,
    UnknownFrame,
)

Json = dict[str, Any]
E = TypeVar("E", bound=StrEnum)


def enumerant(cls: type[E], value: str | int) -> E | int:
    return value if isinstance(value, int) else cls(value)


def to_body(kind: str, fields: Json) -> FrameBody:
    match kind:
        case "open":
            return StreamOpen(
                enumerant(InteractionKind, fields.get("interaction", "unary")),
                fields.get("initial_credit", 0),
                bytes.fromhex(fields.get("context", "")),
            )
        case "data":
            payload = bytes.fromhex(fields.get("payload", ""))
            return StreamData(fields.get("sequence", 0), payload)
        case "error":
            return StreamError(
                enumerant(StreamErrorCode, fields.get("code", "unknown")),
                fields.get("sequence", 0),
                fields.get("message", ""),
                bytes.fromhex(fields.get("details", "")),
            )
        case "close":
            ended = enumerant(CloseReason, fields.get("reason", "unspecified"))
            return StreamClose(ended, fields.get("final_sequence", 0))
        case "cancel":
            reason = enumerant(CancelReason, fields.get("reason", "unspecified"))
            return StreamCancel(reason, fields.get("message", ""))
        case "credit":
            return StreamCredit(fields.get("frames", 0))
        case _:
            raise AssertionError(kind)


def to_frame(value: Json) -> StreamFrame:
    stream_id = bytes.fromhex(value["stream_id"])
    [(kind, fields)] = [item for item in value.items() if item[0] != "stream_id"]
    if kind == "unknown":
        return StreamFrame.from_bytes(unknown_message(stream_id, fields["tag"]))
    return StreamFrame(StreamId(stream_id), to_body(kind, fields))


def unknown_message(stream_id: bytes, tag: int) -> bytes:
    """A frame of a later schema, as tests/traces/README.md lays it out."""
    words = [
        5 << 32,
        4 << 32,
        *(int.from_bytes(stream_id[i : i + 8], "big") for i in (0, 8)),
        0,
        tag,
    ]
    return b"".join(word.to_bytes(8, "little") for word in words)


def without_defaults(fields: Json) -> Json:
    """Fields that hold their default are left out; the empty name of an enumerant is its zero."""
    zeros: tuple[object, ...] = (0, "", "unspecified", "unary", "unknown")
    return {name: value for name, value in fields.items() if value not in zeros}


def from_body(body: FrameBody) -> tuple[str, Json]:
    match body:
        case StreamOpen(interaction, initial_credit, context):
            return "open", {
                "interaction": interaction,
                "initial_credit": initial_credit,
                "context": context.hex(),
            }
        case StreamData(sequence, payload):
            return "data", {"sequence": sequence, "payload": payload.hex()}
        case StreamError(code, sequence, message, details):
            return "error", {
                "code": code,
                "sequence": sequence,
                "message": message,
                "details": details.hex(),
            }
        case StreamClose(reason, final_sequence):
            return "close", {"reason": reason, "final_sequence": final_sequence}
        case StreamCancel(reason, message):
            return "cancel", {"reason": reason, "message": message}
        case StreamCredit(frames):
            return "credit", {"frames": frames}
        case UnknownFrame(tag, _):
            return "unknown", {"tag": tag}


def from_frame(frame: StreamFrame) -> Json:
    kind, fields = from_body(frame.body)
    return {"stream_id": str(frame.stream_id), kind: without_defaults(fields)}


def to_target(value: Json) -> Target:
    [(kind, what)] = value.items()
    match kind:
        case "service":
            return ServiceTarget(what)
        case "module":
            return ModuleTarget(what)
        case "broadcast":
            return BroadcastTarget(what)
        case "reply":
            return ReplyTarget(bytes.fromhex(what))
        case "dynamic_endpoint":
            return DynamicEndpointTarget(what)
        case _:
            raise AssertionError(kind)


def from_target(target: Target) -> Json:
    match target:
        case ServiceTarget(name):
            return {"service": name}
        case ModuleTarget(name):
            return {"module": name}
        case BroadcastTarget(topic):
            return {"broadcast": topic}
        case ReplyTarget(reply):
            return {"reply": reply.hex()}
        case DynamicEndpointTarget(name):
            return {"dynamic_endpoint": name}
        case UnknownTarget(tag):
            return {"unknown": {"tag": tag}}


def to_subject(value: Json) -> Subject:
    [(kind, what)] = value.items()
    match kind:
        case "external":
            return ExternalSubject(what)
        case "operator":
            return OperatorSubject(what)
        case "module":
            return ModuleSubject(what)
        case "system":
            return SystemSubject()
        case _:
            raise AssertionError(kind)


def from_subject(subject: Subject) -> Json:
    match subject:
        case ExternalSubject(name):
            return {"external": name}
        case OperatorSubject(name):
            return {"operator": name}
        case ModuleSubject(name):
            return {"module": name}
        case SystemSubject():
            return {"system": True}
        case UnknownSubject(tag):
            return {"unknown": {"tag": tag}}


def to_context(value: Json) -> InvocationContext:
    def octets(name: str) -> bytes | None:
        return bytes.fromhex(value[name]) if name in value else None

    actor = value.get("actor", {})
    return InvocationContext(
        correlation_id=octets("correlation_id"),
        span_id=octets("span_id"),
        parent_span_id=octets("parent_span_id"),
        deadline_ms=value.get("deadline_ms"),
        trace_flags=value.get("trace_flags", 0),
        source_module=value.get("source_module"),
        target=to_target(value["target"]) if "target" in value else None,
        actor=ActorIdentity(
            to_subject(actor["subject"]) if "subject" in actor else None,
            bytes.fromhex(actor.get("token_ref", "")),
            actor.get("capabilities", []),
        ),
        metadata=value.get("metadata"),
    )


def from_context(context: InvocationContext) -> Json:
    def octets(value: bytes) -> str:
        return value.hex() if any(value) else ""

    target = from_target(context.target)
    subject = from_subject(context.actor.subject)
    actor = {
        "subject": {} if subject == {"external": ""} else subject,
        "token_ref": context.actor.token_ref.expose().hex(),
        "capabilities": list(context.actor.capabilities),
    }
    fields = {
        "correlation_id": octets(context.correlation_id),
        "span_id": octets(context.span_id),
        "deadline_ms": context.deadline_ms or 0,
        "trace_flags": context.trace_flags,
        "source_module": context.source_module,
        "parent_span_id": octets(context.parent_span_id),
        "target": {} if target == {"service": ""} else target,
        "actor": {name: held for name, held in actor.items() if held},
        "metadata": dict(context.metadata),
    }
    return {name: held for name, held in fields.items() if held}
