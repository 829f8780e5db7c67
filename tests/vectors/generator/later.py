"""Messages of the made-up later schema, with every further field set."""

from __future__ import annotations

from typing import Any

from .build import fill, new
from .schema import LATER
from .textform import MessageType, Value


def later(type_: MessageType, value: Value) -> bytes:
    """Builds a value with the later schema and sets all that today's schema does not know."""
    builder = new(type_, LATER)
    fill(type_, builder, value)
    if type_ == "frame":
        further_in_frame(builder, value)
    else:
        further_in_context(builder, value)
    return bytes(builder.to_bytes())


def further_in_frame(frame: Any, value: Value) -> None:
    """Sets the further fields of the frame and of the member that is set."""
    frame.hop = 7
    frame.sentMs = 1790000000123
    notes = frame.init("annotations", 2)
    notes[0].name, notes[0].level = "first", 1
    notes[1].name, notes[1].level = "second", 2
    if "open" in value:
        frame.open.priority = 513
        labels = frame.open.init("labels", 2)
        labels[0], labels[1] = "blue", "green"
    elif "data" in value:
        frame.data.checksum = 0xCAFEBABE
    elif "error" in value:
        frame.error.retryMs = 250
        frame.error.init("annotation").name = "why"
    elif "close" in value:
        frame.close.digest = b"\x01\x02\x03"
    elif "cancel" in value:
        frame.cancel.requester = "olga"
    elif "credit" in value:
        frame.credit.bytes = 2**40


def further_in_context(context: Any, value: Value) -> None:
    """Sets the further fields of the context and of every struct in it."""
    context.attempt = 3
    context.budgetMs = 1500
    path = context.init("tenantPath", 2)
    path[0], path[1] = "root", "acme"
    context.signature = b"not a signature"
    context.issuedMs = 1789999999999
    context.target.region = "eu-1"
    context.actor.sessionId = 42
    context.actor.init("roles", 1)[0] = "reader"
    context.actor.subject.realm = "staff"
    for index, entry in enumerate(context.metadata):
        entry.origin = f"origin-{index}"
        entry.ttlMs = 1000 + index


def unknown_frame(member: str, stream_id: tuple[int, int]) -> bytes:
    """Builds a frame whose member today's schema does not know."""
    frame = new("frame", LATER)
    frame.streamIdHigh, frame.streamIdLow = stream_id
    if member == "heartbeat":
        group = frame.init("heartbeat")
        group.nonce, group.note = 2**63 + 5, "still here"
    elif member == "pause":
        frame.pause = None
    else:
        frame.init("annotate").name = "a note"
    further_in_frame(frame, {})
    return bytes(frame.to_bytes())


def unknown_context(value: Value, target: str | None, subject: str | None) -> bytes:
    """Builds a context whose target or subject, or both, today's schema does not know."""
    context = new("context", LATER)
    make_unknown(context, value, target, subject)
    return bytes(context.to_bytes())


def make_unknown(context: Any, value: Value, target: str | None, subject: str | None) -> None:
    """Fills a context of the later schema, and sets a target or subject that today's does not know."""
    fill("context", context, value)
    if target == "queue":
        context.target.queue = "jobs"
    elif target == "shard":
        group = context.target.init("shard")
        group.key, group.count = b"\x00\x01\x02", 12
    if subject == "service":
        context.actor.subject.service = "billing"
    elif subject == "delegate":
        group = context.actor.subject.init("delegate")
        group.onBehalfOf, group.depth = "alice", 2
