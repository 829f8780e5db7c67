"""Values behave as Python's own do: equality, hashes, `match`, pickling, `repr`, arguments."""

from __future__ import annotations

import array
import copy
import pickle
import uuid
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ixt_sdk
from ixt_sdk import _native, metadata_keys
from ixt_sdk.errors import (
    BadIdLengthError,
    BadTextError,
    CreditExhaustedError,
    FrameTooLargeError,
    InvalidArgumentError,
    NilStreamIdError,
    TruncatedError,
)
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
    SystemSubject,
    TokenRef,
    UnknownSubject,
    UnknownTarget,
    attenuates,
    covers,
    from_traceparent,
    is_concrete,
    is_ingress_key,
    is_pattern,
    new_correlation_id,
    new_span_id,
)
from ixt_sdk.serialization import IpcSerializer
from ixt_sdk.streaming import (
    CancelReason,
    CloseReason,
    FrameReader,
    InteractionKind,
    Stream,
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamErrorCode,
    StreamFrame,
    StreamId,
    StreamOpen,
    decode_batch,
    encode_batch,
    split,
)

from textform import unknown_message

ID = StreamId(bytes(range(16)))
UNKNOWN = StreamFrame.from_bytes(unknown_message(bytes(ID), 6))

VALUES: list[Any] = [
    ID,
    StreamOpen(InteractionKind.BIDI_STREAM, 8, b"\0" * 16),
    StreamData(7, b"payload"),
    StreamError(StreamErrorCode.INTERNAL, 3, "message", b"details"),
    StreamClose(CloseReason.COMPLETED, 2**64 - 1),
    StreamCancel(CancelReason.USER_REQUESTED, "message"),
    StreamCredit(5),
    UNKNOWN.body,
    StreamFrame(ID, StreamData(7, b"payload")),
    StreamFrame(ID, StreamClose(99)),
    UNKNOWN,
    ExternalSubject("name"),
    OperatorSubject("name"),
    ModuleSubject("name"),
    SystemSubject(),
    UnknownSubject(9),
    ServiceTarget("name"),
    ModuleTarget("name"),
    BroadcastTarget("topic"),
    ReplyTarget(bytes(16)),
    DynamicEndpointTarget("name"),
    UnknownTarget(9),
    ActorIdentity(OperatorSubject("alice"), capabilities=["fs.*"]),
    InvocationContext(actor=ActorIdentity(capabilities=["a"]), metadata={"tenant": "acme"}),
    InvocationContext.system(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value(value: Any) -> None:
    for again in (
        *(pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, 6)),
        copy.copy(value),
        copy.deepcopy(value),
    ):
        assert again == value
        assert hash(again) == hash(value)
        assert type(again) is type(value)
    assert len({value, *VALUES}) == len(VALUES)
    assert value != object()
    assert (value == None) is False  # noqa: E711
    assert type(value).__module__ in ("ixt_sdk.streaming", "ixt_sdk.invocation")
    assert len(repr(value)) < 400
    with pytest.raises(AttributeError):
        value.something = 1
    with pytest.raises(TypeError):
        type("Sub", (value.__class__,), {})


@pytest.mark.parametrize(
    "value",
    [
        StreamData(0, b"x" * 100_000),
        StreamOpen(0, 0, b"x" * 16_000),
        StreamError(1, 0, "x" * 4000, b"x" * 4000),
        StreamCancel(1, "x" * 4000),
        StreamFrame(ID, StreamData(0, b"x" * 100_000)),
        InvocationContext(
            source_module="x" * 4000,
            target=ServiceTarget("x" * 4000),
            actor=ActorIdentity(OperatorSubject("x" * 2000), capabilities=["x" * 200, "y" * 200]),
        ),
        ActorIdentity(capabilities=[f"{number:0200}" for number in range(64)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_repr_is_bounded(value: Any) -> None:
    assert len(repr(value)) < 800


def test_frames_are_matched() -> None:
    frame = StreamFrame(ID, StreamClose(CloseReason.IDLE, 4))
    match StreamFrame.from_bytes(frame.to_bytes()):
        case StreamFrame(stream_id, StreamClose(CloseReason.IDLE, 4)):
            assert stream_id == ID
        case other:
            pytest.fail(repr(other))


def test_the_version_is_one() -> None:
    assert ixt_sdk.__version__ == version("ixt-sdk") == _native.__version__


def test_metadata_keys_are_the_cores() -> None:
    names = {name for name in vars(metadata_keys) if name.isupper()}
    assert {name: getattr(metadata_keys, name) for name in names} == dict(_native.METADATA_KEYS)


def test_schemas_in_the_package_are_the_repositorys() -> None:
    root = Path(__file__).resolve().parents[3] / "schemas"
    for name in IpcSerializer.SCHEMAS:
        assert IpcSerializer.schema(name) == (root / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("cls", "body", "field"),
    [
        (InteractionKind, StreamOpen, "interaction"),
        (CloseReason, StreamClose, "reason"),
        (CancelReason, StreamCancel, "reason"),
        (StreamErrorCode, StreamError, "code"),
    ],
)
def test_enumerations_are_the_cores(cls: type[StrEnum], body: Any, field: str) -> None:
    def through(value: object) -> object:
        return getattr(body(value), field)

    members = list(cls)
    assert [through(number) for number in range(len(members))] == members
    assert through(len(members)) == len(members)
    assert type(through(len(members))) is int
    assert all(through(member) is member for member in members)
    for wrong in ("Completed", "", 65536, -1):
        with pytest.raises(InvalidArgumentError):
            through(wrong)
    with pytest.raises(TypeError):
        through(None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: StreamData(-1),
        lambda: StreamData(2**64),
        lambda: StreamCredit(2**32),
        lambda: InvocationContext(trace_flags=256),
        lambda: InvocationContext(deadline_ms=-1),
        lambda: Stream.responder(window=0),
        lambda: Stream.responder(window=2**31),
        lambda: InvocationContext(target=UnknownTarget(7)),
        lambda: InvocationContext.system().child(b"\1" * 8, "", UnknownTarget(7)),
        lambda: ActorIdentity(UnknownSubject(7)),
        lambda: StreamId.from_hex("g" * 32),
        lambda: StreamId.from_hex("+" + "1" * 31),
    ],
)
def test_what_is_out_of_range_is_an_invalid_argument(make: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        make()


#: The same names, for what no type checker would let through.
untyped: Any = SimpleNamespace(**vars(ixt_sdk))


@pytest.mark.parametrize(
    "make",
    [
        lambda: untyped.StreamData("1"),
        lambda: untyped.StreamData(1, "text"),
        lambda: untyped.StreamData(1, 5),
        lambda: untyped.StreamData(1, [1, 2]),
        lambda: untyped.StreamFrame(ID, object()),
        lambda: untyped.StreamFrame(ID, UNKNOWN.body),
        lambda: untyped.StreamFrame(bytes(16), StreamCredit(1)),
        lambda: untyped.StreamFrame.from_bytes("00"),
        lambda: untyped.UnknownFrame(6, b""),
        lambda: untyped.InvocationContext(target="service"),
        lambda: untyped.InvocationContext(actor=OperatorSubject("alice")),
        lambda: untyped.ActorIdentity("alice"),
        lambda: untyped.ActorIdentity(capabilities="fs.*"),
        lambda: untyped.ActorIdentity(capabilities=[b"fs.*"]),
        lambda: untyped.InvocationContext(metadata={"a": 1}),
        lambda: untyped.InvocationContext(b""),
    ],
)
def test_a_wrong_type_is_a_type_error(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


def test_text_that_utf8_cannot_say() -> None:
    for make in (
        lambda: OperatorSubject("\ud800"),
        lambda: StreamCancel(1, "\ud800"),
        lambda: InvocationContext(metadata={"a": "\ud800"}),
        lambda: ActorIdentity(capabilities=["\ud800"]),
    ):
        with pytest.raises(BadTextError):
            make()
    # Where the question is one of authority, the answer is no.
    assert not covers("*", "\ud800")
    assert not InvocationContext.system().has_capability("\ud800")
    assert not is_pattern("\ud800")
    assert from_traceparent("\ud800") is None


def test_any_buffer_is_read_and_copied() -> None:
    data = StreamFrame(ID, StreamData(1, b"payload")).to_bytes()
    for other in (bytearray(data), memoryview(data), array.array("B", data)):
        assert StreamFrame.from_bytes(other) == StreamFrame.from_bytes(data)
    buffer = bytearray(b"payload")
    kept = StreamData(1, buffer)
    buffer[:] = b"changed"
    assert kept.payload == b"payload"
    assert StreamData(1, memoryview(b"p.a.y.")[::2]).payload == b"pay"


def test_ids() -> None:
    assert str(ID) == ID.hex == "000102030405060708090a0b0c0d0e0f"
    assert StreamId.from_hex(ID.hex) == ID
    assert bytes(ID) == bytes(range(16))
    assert StreamId(b"\0" * 15 + b"\1") < ID
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(BadIdLengthError):
            StreamId(wrong)
    with pytest.raises(NilStreamIdError):
        StreamId(bytes(16))
    made = [StreamId.new_v7() for _ in range(100)]
    assert len(set(made)) == 100
    parsed = uuid.UUID(bytes=bytes(made[0]))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert len(new_correlation_id()) == 16
    assert len(new_span_id()) == 8


def test_contexts() -> None:
    parent = InvocationContext(
        correlation_id=b"\7" * 16,
        span_id=b"\1" * 8,
        trace_flags=1,
        deadline_ms=5000,
        actor=ActorIdentity(OperatorSubject("alice"), b"handle", ["fs.*", "net.dial"]),
        metadata=[("tenant", "acme"), ("baggage", "a=1")],
    )
    assert parent.traceparent() == f"00-{'07' * 16}-{'01' * 8}-01"
    parsed = from_traceparent(parent.traceparent() or "")
    assert parsed is not None
    assert parsed == (parent.correlation_id, parent.span_id, parent.trace_flags)
    assert list(parent.metadata) == ["baggage", "tenant"]
    untyped_metadata: Any = parent.metadata
    with pytest.raises(TypeError):
        untyped_metadata["tenant"] = "other"
    assert parent.deadline_elapsed(5000)
    assert not parent.deadline_elapsed(4999)
    assert parent.deadline_elapsed()
    assert parent.remaining(4000) == 1000
    assert parent.remaining(5010, max_skew_ms=50) == 40
    assert InvocationContext.anonymous().remaining() is None

    child = parent.child(b"\2" * 8, "gateway", ServiceTarget("files"), capabilities=["fs.read"])
    assert child.parent_span_id == parent.span_id
    assert child.actor.token_ref == parent.actor.token_ref
    assert child.actor.capabilities == ("fs.read",)
    assert child.metadata == parent.metadata
    with pytest.raises(InvalidArgumentError):
        parent.child(b"\2" * 8, "", ServiceTarget(""), capabilities=["db.read"])
    with pytest.raises(InvalidArgumentError):
        parent.child(b"\2" * 8, "", ServiceTarget(""), metadata={"tenant": "other"})
    assert parent.actor is parent.actor
    assert parent.target is parent.target


def test_a_context_takes_its_parts_as_they_are() -> None:
    actor = ActorIdentity(OperatorSubject("alice"), b"handle", ("fs.*", "net.dial"))
    unsorted = ActorIdentity(capabilities=("b", "a"))
    assert unsorted.capabilities == ("a", "b")
    given = {"tenant": "acme", "baggage": "a=1"}
    context = InvocationContext(source_module="m", actor=actor, metadata=given)
    given["tenant"] = "other"
    assert context.actor is actor
    assert dict(context.metadata) == {"baggage": "a=1", "tenant": "acme"}

    # Read from bytes, it answers the same, and its parts make the same context again.
    read = InvocationContext.from_bytes(context.to_bytes())
    assert read == context
    assert hash(read) == hash(context)
    assert read.source_module == "m"
    assert read.actor == actor
    assert read.actor.token_ref.expose() == b"handle"
    assert read.actor.has_capability("fs.read")
    assert read.metadata is read.metadata
    again = InvocationContext(source_module="m", actor=read.actor, metadata=read.metadata)
    assert again.to_bytes() == context.to_bytes()

    # What holds more than the canonical bytes gives the canonical ones.
    message = context.to_bytes()
    longer = message[:4] + (message[4] + 1).to_bytes(1) + message[5:] + bytes(8)
    assert InvocationContext.from_bytes(longer).to_bytes() == message
    assert InvocationContext.from_bytes(b"") == InvocationContext.anonymous()
    assert InvocationContext.from_bytes(b"").metadata == {}


def test_capabilities() -> None:
    assert covers("fs.*", "fs.read")
    assert not covers("fs.*", "fs")
    assert attenuates(["fs.*"], {"fs.read", "fs.home.*"})
    assert not attenuates(["fs.read"], ["fs.*"])
    assert is_pattern("fs.*")
    assert not is_concrete("fs.*")
    assert is_ingress_key("ingress.kind")
    assert not is_ingress_key("baggage")
    assert ActorIdentity(capabilities=iter(["b", "a"])).capabilities == ("a", "b")


FRAMES = [
    StreamFrame(ID, StreamOpen(InteractionKind.BIDI_STREAM, 3)),
    StreamFrame(ID, StreamData(0, b"x" * 1000)),
    StreamFrame(StreamId(b"\1" * 16), StreamData(0, b"")),
    UNKNOWN,
    StreamFrame(ID, StreamClose(CloseReason.COMPLETED, 1)),
]


def test_batches() -> None:
    data = encode_batch(FRAMES)
    assert data == b"".join(frame.to_bytes() for frame in FRAMES)
    assert decode_batch(data) == (FRAMES, len(data))
    assert decode_batch(data[:-1]) == (FRAMES[:-1], len(data) - len(FRAMES[-1].to_bytes()))
    assert decode_batch(b"") == ([], 0)
    assert split(data) == (len(FRAMES[0].to_bytes()), True)
    assert split(b"\0\0\0\0\7\0\0\0") == (64, False)
    assert split(b"") == (8, False)
    # The frames before a refused one are given first.
    first = FRAMES[0].to_bytes()
    assert decode_batch(first + b"\xff" * 8) == ([FRAMES[0]], len(first))
    with pytest.raises(ixt_sdk.errors.TooManySegmentsError):
        decode_batch(b"\xff" * 8)
    with pytest.raises(FrameTooLargeError):
        encode_batch(FRAMES, max_payload=999)


@pytest.mark.parametrize("size", [1, 7, 8, 64, 1000, 10_000])
def test_a_reader_cuts_at_any_place(size: int) -> None:
    data = encode_batch(FRAMES * 3)
    decoding, cutting = FrameReader(), FrameReader()
    frames: list[StreamFrame] = []
    messages: list[bytes] = []
    for start in range(0, len(data), size):
        frames += decoding.feed(data[start : start + size])
        messages += cutting.cut(bytearray(data[start : start + size]))
    assert frames == FRAMES * 3
    assert messages == [frame.to_bytes() for frame in FRAMES * 3]
    assert decoding.held == cutting.held == 0


@pytest.mark.parametrize("how", ["feed", "cut"])
def test_a_reader_stays_refused(how: str) -> None:
    reader = FrameReader()
    take = getattr(reader, how)
    assert len(take(FRAMES[0].to_bytes() + b"\xff" * 8)) == 1
    for _ in range(2):
        with pytest.raises(ixt_sdk.errors.TooManySegmentsError):
            take(FRAMES[0].to_bytes())


def test_limits() -> None:
    frame = StreamFrame(ID, StreamData(0, b"123456789"))
    with pytest.raises(FrameTooLargeError):
        frame.to_bytes(max_payload=8)
    with pytest.raises(FrameTooLargeError):
        StreamFrame.from_bytes(frame.to_bytes(), max_payload=8)
    large = StreamFrame(ID, StreamData(0, bytes((1 << 20) + 1)))
    with pytest.raises(FrameTooLargeError):
        large.to_bytes()
    assert StreamFrame.from_bytes(large.to_bytes(max_payload=1 << 21), max_payload=1 << 21) == large


def test_the_engine_is_no_value() -> None:
    stream = Stream.sending(ID)
    with pytest.raises(TypeError):
        pickle.dumps(stream)
    with pytest.raises(CreditExhaustedError):
        stream.try_send(b"")
    with pytest.raises(TruncatedError):
        stream.receive(b"")
    assert "open" in repr(stream)


def test_pycapnp_reads_and_writes_the_same() -> None:
    pytest.importorskip("capnp")
    schemas = IpcSerializer()
    frame = StreamFrame(ID, StreamData(7, b"sdk-data"))
    with schemas.stream_frame.from_bytes(frame.to_bytes()) as reader:
        assert reader.which() == "data"
        assert (reader.data.sequence, reader.data.payload) == (7, b"sdk-data")
    builder = schemas.stream_frame.new_message(streamIdHigh=1, streamIdLow=2)
    builder.init("close").reason = "completed"
    again = StreamFrame.from_bytes(schemas.canonical(builder), canonical=True)
    assert again.body == StreamClose(CloseReason.COMPLETED)
    assert schemas.invocation_context.new_message().to_bytes()


CANARY = b"canary-d3adb33f"


def test_a_token_never_shows() -> None:
    token = TokenRef(CANARY)
    actor = ActorIdentity(OperatorSubject("alice"), token, ["a"])
    context = InvocationContext(actor=actor)
    stream = Stream.opener(InteractionKind.UNARY)
    stream.open(ID, 0, context.to_bytes())
    frame = StreamFrame(ID, StreamOpen(InteractionKind.UNARY, 0, context.to_bytes()))
    decoded = InvocationContext.from_bytes(context.to_bytes())
    assert decoded.actor.token_ref.expose() == CANARY
    held = [token, actor, context, stream, frame, frame.body, decoded, decoded.actor]
    for value in [*held, decoded.actor.token_ref, vars, held]:
        for shown in shows(value):
            for canary in (CANARY.decode(), CANARY.hex(), repr(CANARY), str(len(CANARY))):
                assert canary not in shown, type(value)
    assert hash(token) == hash(TokenRef(b"other"))
    assert token == TokenRef(CANARY)
    assert token != TokenRef(b"other")
    assert bool(token)
    assert not TokenRef(b"")


def shows(value: object) -> list[str]:
    """All that a value says of itself when nobody asks for a token."""
    shown = [repr(value), str(value), f"{value}", f"{value!a}", f"{[value]}"]
    for attempt in (
        lambda: format(value, ">40"),
        lambda: __import__("json").dumps(value),
        lambda: __import__("json").dumps(value, default=str),
        lambda: __import__("pprint").pformat(value),
        lambda: vars(value),
        lambda: bytes(getattr(value, "token_ref", 0)),
    ):
        try:
            shown.append(str(attempt()))
        except Exception as error:
            shown += [str(error), repr(error)]
    return shown


def test_a_token_does_not_pickle() -> None:
    actor = ActorIdentity(OperatorSubject("alice"), CANARY)
    for value in (TokenRef(CANARY), actor, InvocationContext(actor=actor)):
        for protocol in range(6):
            with pytest.raises(TypeError) as refused:
                pickle.dumps(value, protocol)
            assert "canary" not in str(refused.value)
        assert copy.copy(value) == value
        assert copy.deepcopy(value) == value


def test_a_refused_token_does_not_show() -> None:
    with pytest.raises(ixt_sdk.errors.TokenTooLongError) as refused:
        ActorIdentity(token_ref=CANARY * 100)
    assert "canary" not in f"{refused.value} {refused.value!r} {refused.value.args}"
