"""Python against pycapnp. One JSON object a line; benches/report.py reads them.

Run by the interpreter into which the wheel and pycapnp are installed.
"""

from __future__ import annotations

import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import capnp  # type: ignore[import-untyped]
from ixt_sdk import (
    ActorIdentity,
    InvocationContext,
    StreamData,
    StreamFrame,
    StreamId,
    StreamSender,
    decode_batch,
    encode_batch,
    split,
)
from ixt_sdk.invocation import OperatorSubject, ServiceTarget

# Short batches of one and the other take turns, so that whatever else the machine does meets both:
# see benches/rust/src/measure.rs.
BATCH = 0.00025
ROUNDS = 601

SCHEMAS = Path(__file__).parents[2] / "schemas"
stream_schema = capnp.load(str(SCHEMAS / "ipc_streaming.capnp"))
module_schema = capnp.load(str(SCHEMAS / "module.capnp"))

# The values are those of benches/rust/src/samples.rs.
STREAM_ID = bytes(range(1, 17))
SEQUENCE = 7
CORRELATION_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
SPAN_ID = bytes.fromhex("00f067aa0ba902b7")
PARENT_SPAN_ID = bytes.fromhex("53995c3f42cd8ad8")
DEADLINE_MS = 1_795_000_000_000
SOURCE_MODULE = "gateway.http"
SERVICE = "storage.documents"
OPERATOR = "alice@example.org"
TOKEN_REF = b"vault:7f3a91c2"
CAPABILITIES = ("fs.read", "storage.documents.*")
METADATA = {
    "auth.strength": "mfa",
    "ingress.kind": "http",
    "ingress.source_ip": "192.0.2.17",
    "tenant": "example-tenant",
}


# What the schema's words hold; the peer is not charged for making them.
STREAM_ID_WORDS = int.from_bytes(STREAM_ID[:8], "big"), int.from_bytes(STREAM_ID[8:], "big")
CORRELATION_WORDS = (
    int.from_bytes(CORRELATION_ID[:8], "big"),
    int.from_bytes(CORRELATION_ID[8:], "big"),
)
SPAN_WORD = int.from_bytes(SPAN_ID, "big")
PARENT_SPAN_WORD = int.from_bytes(PARENT_SPAN_ID, "big")


def payload_of(size: int) -> bytes:
    return bytes(index % 251 for index in range(size))


# Ours.


def context_of() -> InvocationContext:
    return InvocationContext(
        correlation_id=CORRELATION_ID,
        span_id=SPAN_ID,
        parent_span_id=PARENT_SPAN_ID,
        trace_flags=1,
        deadline_ms=DEADLINE_MS,
        source_module=SOURCE_MODULE,
        target=ServiceTarget(SERVICE),
        actor=ActorIdentity(OperatorSubject(OPERATOR), TOKEN_REF, CAPABILITIES),
        metadata=METADATA,
    )


def read_frame(frame: StreamFrame) -> object:
    body = frame.body
    assert type(body) is StreamData
    return frame.stream_id, body.sequence, body.payload


def read_context(context: InvocationContext) -> object:
    target = context.target
    assert type(target) is ServiceTarget
    actor = context.actor
    subject = actor.subject
    assert type(subject) is OperatorSubject
    return (
        context.correlation_id,
        context.span_id,
        context.parent_span_id,
        context.trace_flags,
        context.deadline_ms,
        context.source_module,
        target.name,
        subject.name,
        actor.token_ref.expose(),
        list(actor.capabilities),
        list(context.metadata.items()),
    )


# The peer's.


def peer_encode_frame(payload: bytes) -> bytes:
    frame = stream_schema.StreamFrame.new_message()
    frame.streamIdHigh, frame.streamIdLow = STREAM_ID_WORDS
    data = frame.init("data")
    data.sequence = SEQUENCE
    data.payload = payload
    encoded: bytes = frame.to_bytes()
    return encoded


def peer_decode_frame(encoded: bytes) -> object:
    with stream_schema.StreamFrame.from_bytes(encoded) as frame:
        assert frame.which() == "data"
        data = frame.data
        return frame.streamIdHigh, frame.streamIdLow, data.sequence, data.payload


def peer_encode_context() -> bytes:
    context = module_schema.InvocationContext.new_message()
    context.correlationHigh, context.correlationLow = CORRELATION_WORDS
    context.spanId = SPAN_WORD
    context.parentSpanId = PARENT_SPAN_WORD
    context.deadlineMs = DEADLINE_MS
    context.traceFlags = 1
    context.sourceModule = SOURCE_MODULE
    context.init("target").service = SERVICE
    actor = context.init("actor")
    actor.init("subject").operator = OPERATOR
    actor.tokenRef = TOKEN_REF
    capabilities = actor.init("capabilities", len(CAPABILITIES))
    for index, capability in enumerate(CAPABILITIES):
        capabilities[index] = capability
    metadata = context.init("metadata", len(METADATA))
    for index, (key, value) in enumerate(METADATA.items()):
        entry = metadata[index]
        entry.key = key
        entry.value = value
    encoded: bytes = context.to_bytes()
    return encoded


def peer_decode_context(encoded: bytes) -> object:
    with module_schema.InvocationContext.from_bytes(encoded) as context:
        target = context.target
        assert target.which() == "service"
        actor = context.actor
        subject = actor.subject
        assert subject.which() == "operator"
        return (
            context.correlationHigh,
            context.correlationLow,
            context.spanId,
            context.parentSpanId,
            context.traceFlags,
            context.deadlineMs,
            context.sourceModule,
            target.service,
            subject.operator,
            actor.tokenRef,
            list(actor.capabilities),
            [(entry.key, entry.value) for entry in context.metadata],
        )


# Measuring.


def timed(operation: Callable[[], object], iterations: int) -> float:
    """Nanoseconds of one iteration; the loop itself is part of both sides."""
    turns = range(iterations)
    start = time.perf_counter_ns()
    for _ in turns:
        operation()
    return (time.perf_counter_ns() - start) / iterations


def calibrate(operation: Callable[[], object]) -> int:
    iterations = 1
    while True:
        # The fastest of some, for one that is interrupted would make the batches too short.
        took = min(timed(operation, iterations) for _ in range(5)) * iterations
        if took >= BATCH * 1e9 / 4:
            return max(1, int(iterations * BATCH * 1e9 / took))
        iterations *= 2


def compare(
    operation: str,
    size: int,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    peer: str,
    per: int = 1,
) -> None:
    """Measures both in turns and prints their line; one call of each does `per` operations."""
    ours_count, theirs_count = calibrate(ours), calibrate(theirs)
    rounds: list[tuple[float, float]] = []
    for index in range(ROUNDS):
        if index % 2:
            first = timed(ours, ours_count)
            rounds.append((first, timed(theirs, theirs_count)))
        else:
            first = timed(theirs, theirs_count)
            rounds.append((timed(ours, ours_count), first))
    line = {
        "language": "Python",
        "operation": operation,
        "size": size,
        "ours_ns": statistics.median(mine for mine, _ in rounds) / per,
        "peer": peer,
        "peer_ns": statistics.median(other for _, other in rounds) / per,
        "ratio": statistics.median(other / mine for mine, other in rounds),
        # Python counts the blocks that are held, not those that were asked for.
        "ours_allocs": None,
        "peer_allocs": None,
    }
    print(json.dumps(line), flush=True)


def compare_frames(stream_id: StreamId, size: int) -> None:
    payload = payload_of(size)
    encoded = StreamFrame.data(stream_id, SEQUENCE, payload).to_bytes()
    assert StreamFrame.from_bytes(peer_encode_frame(payload)).to_bytes() == encoded
    make, decode = StreamFrame.data, StreamFrame.from_bytes
    compare(
        "frame encode",
        size,
        lambda: make(stream_id, SEQUENCE, payload).to_bytes(),
        lambda: peer_encode_frame(payload),
        "pycapnp",
    )
    compare(
        "frame decode",
        size,
        lambda: read_frame(decode(encoded)),
        lambda: peer_decode_frame(encoded),
        "pycapnp",
    )


def compare_batches(stream_id: StreamId, size: int, count: int) -> None:
    """So many frames in one call, against one call each; the times are those of one frame."""
    payload = payload_of(size)
    frames = [StreamFrame.data(stream_id, number, payload) for number in range(count)]
    encoded = encode_batch(frames)
    parts = [frame.to_bytes() for frame in frames]
    assert encoded == b"".join(parts)
    decode = StreamFrame.from_bytes

    def decode_all() -> None:
        found, _ = decode_batch(encoded)
        for frame in found:
            read_frame(frame)

    def decode_each() -> None:
        for part in parts:
            read_frame(decode(part))

    def cut_and_decode_each() -> None:
        start = 0
        while start < len(encoded):
            length, _ = split(encoded[start : start + 8])
            read_frame(decode(encoded[start : start + length]))
            start += length

    name = f"frame encode, batch of {count}"
    compare(
        name,
        size,
        lambda: encode_batch(frames),
        lambda: [frame.to_bytes() for frame in frames],
        "one call each",
        count,
    )
    name = f"frame decode, batch of {count}"
    compare(name, size, decode_all, cut_and_decode_each, "cut, one call each", count)
    compare(name, size, decode_all, decode_each, "one call each", count)


def main() -> None:
    stream_id = StreamId(STREAM_ID)
    context = context_of()
    frame = StreamFrame.data(stream_id, SEQUENCE, payload_of(64)).to_bytes()
    versions = {"CPython": platform.python_version(), "pycapnp": capnp.__version__}
    header = {"language": "Python", "versions": versions}
    print(json.dumps(header | {"context": context.to_bytes().hex(), "frame": frame.hex()}))
    gc.disable()
    # Objects here and there, as in any process that has run for a while: in an empty one the interpreter
    # gives its memory back to the system, and asks for it again, in the middle of an operation.
    heap = [bytes(size) for size in range(0, 480, 16) for _ in range(2000)][::20]

    for size in (64, 1 << 10, 64 << 10):
        compare_frames(stream_id, size)
    compare_batches(stream_id, 64, 64)

    encoded = context.to_bytes()
    assert InvocationContext.from_bytes(peer_encode_context()) == context
    size = len(encoded)
    # A context is encoded when it is built, so its parts are where ours begins too.
    compare(
        "context encode",
        size,
        lambda: context_of().to_bytes(),
        peer_encode_context,
        "pycapnp",
    )
    compare(
        "context decode",
        size,
        lambda: read_context(InvocationContext.from_bytes(encoded)),
        lambda: peer_decode_context(encoded),
        "pycapnp",
    )

    payload = payload_of(64)
    sender = StreamSender(stream_id, Discard(), 2**31 - 1)
    compare(
        "try_send and encode",
        64,
        lambda: sender.try_send_data(payload),
        lambda: peer_encode_frame(payload),
        "pycapnp, encode alone",
    )
    assert heap


class Discard:
    """A sink that keeps nothing."""

    def send_frame(self, frame: bytes, /) -> None:
        pass


if __name__ == "__main__":
    main()
