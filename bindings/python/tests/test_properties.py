"""What holds for every value and every input."""

from __future__ import annotations

import contextlib
import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from ixt_sdk.errors import IxtError, RefusedError
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
)
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
)

# What a machine takes for an example is no property of ours.
settings.register_profile("ixt", deadline=None)
settings.load_profile("ixt")

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
u64 = st.integers(0, 2**64 - 1)
u32 = st.integers(0, 2**32 - 1)
u16 = st.integers(0, 2**16 - 1)
octets = st.binary(max_size=80)
ids = st.binary(min_size=16, max_size=16).filter(any).map(StreamId)
bodies = st.one_of(
    st.builds(StreamOpen, st.sampled_from(InteractionKind) | u16, u32, octets),
    st.builds(StreamData, u64, octets),
    st.builds(StreamError, st.sampled_from(StreamErrorCode) | u16, u64, text, octets),
    st.builds(StreamClose, st.sampled_from(CloseReason) | u16, u64),
    st.builds(StreamCancel, st.sampled_from(CancelReason) | u16, text),
    st.builds(StreamCredit, u32),
)
frames = st.builds(StreamFrame, ids, bodies)
spans = st.binary(min_size=8, max_size=8)
contexts = st.builds(
    InvocationContext,
    correlation_id=st.binary(min_size=16, max_size=16),
    span_id=spans,
    parent_span_id=spans,
    trace_flags=st.integers(0, 255),
    deadline_ms=st.none() | u64,
    source_module=text,
    target=st.one_of(
        st.builds(ServiceTarget, text),
        st.builds(ModuleTarget, text),
        st.builds(BroadcastTarget, text),
        st.builds(ReplyTarget, st.binary(min_size=16, max_size=16)),
        st.builds(DynamicEndpointTarget, text),
    ),
    actor=st.builds(
        ActorIdentity,
        st.one_of(
            st.builds(ExternalSubject, text),
            st.builds(OperatorSubject, text),
            st.builds(ModuleSubject, text),
            st.builds(SystemSubject),
        ),
        octets,
        st.sets(text, max_size=5),
    ),
    metadata=st.dictionaries(st.from_regex(r"\A[a-z0-9_.-]{1,20}\Z"), text, max_size=5),
)


@given(frames)
def test_frames_lead_back_to_themselves(frame: StreamFrame) -> None:
    data = frame.to_bytes()
    again = StreamFrame.from_bytes(data, canonical=True)
    assert again == frame
    assert hash(again) == hash(frame)
    assert again.to_bytes() == data
    assert pickle.loads(pickle.dumps(frame)) == frame


@given(contexts)
def test_contexts_lead_back_to_themselves(context: InvocationContext) -> None:
    data = context.to_bytes()
    again = InvocationContext.from_bytes(data, canonical=True)
    assert again == context
    assert hash(again) == hash(context)
    assert again.to_bytes() == data


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 100), min_size=1))
def test_a_byte_stream_may_be_cut_anywhere(sent: list[StreamFrame], sizes: list[int]) -> None:
    data = encode_batch(sent)
    assert decode_batch(data) == (sent, len(data))
    decoding, cutting = FrameReader(), FrameReader()
    got: list[StreamFrame] = []
    messages: list[bytes] = []
    start = turn = 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        got += decoding.feed(data[start : start + size])
        messages += cutting.cut(data[start : start + size])
        start, turn = start + size, turn + 1
    assert got == sent
    assert messages == [frame.to_bytes() for frame in sent]


def attempt(data: bytes) -> None:
    for decode in (StreamFrame.from_bytes, InvocationContext.from_bytes, decode_batch):
        try:
            decode(data)
        except RefusedError:
            continue


@given(st.binary(max_size=300))
def test_no_input_does_worse_than_to_be_refused(data: bytes) -> None:
    attempt(data)


@given(frames | contexts, st.data())
def test_no_damaged_message_does_worse_than_to_be_refused(
    value: StreamFrame | InvocationContext, data: st.DataObject
) -> None:
    message = bytearray(value.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(message))


inputs = st.one_of(
    st.tuples(st.just("receive"), frames),
    st.tuples(st.just("try_send"), octets),
    st.tuples(st.just("grant"), u32),
    st.tuples(st.just("consume"), st.integers(0, 5)),
    st.tuples(st.just("wait")),
    st.tuples(st.just("drop_ticket"), st.integers(0, 5)),
    st.tuples(st.just("close"), st.sampled_from(CloseReason)),
    st.tuples(st.just("fail"), st.sampled_from(StreamErrorCode), text),
    st.tuples(st.just("cancel"), st.sampled_from(CancelReason), text),
    st.tuples(st.just("handle_timeout"), u64),
)


@settings(max_examples=200)
@given(st.lists(inputs, max_size=30), st.none() | st.integers(1, 10))
def test_the_engine_keeps_its_word(
    given_inputs: list[tuple[object, ...]], window: int | None
) -> None:
    stream = Stream.responder(window=window)
    stream_id = StreamId(b"\7" * 16)
    stream.receive(StreamFrame(stream_id, StreamOpen(InteractionKind.BIDI_STREAM, 3)))
    for name, *arguments in given_inputs:
        if name == "receive":
            [frame] = arguments
            assert isinstance(frame, StreamFrame)
            arguments = [StreamFrame(stream_id, frame.body)]
        with contextlib.suppress(IxtError):
            getattr(stream, str(name))(*arguments)
        state = stream.state
        assert 0 <= state.credit < 2**31
        assert 0 <= state.outstanding < 2**31
        stream.take_events()
    sent = [StreamFrame.from_bytes(frame).body for frame in stream.take_transmit()]
    sequences = [body.sequence for body in sent if isinstance(body, StreamData)]
    assert sequences == list(range(len(sequences)))
    ends = [n for n, body in enumerate(sent) if isinstance(body, StreamError | StreamCancel)]
    # Nothing leaves after an error or a cancel.
    assert ends in ([], [len(sent) - 1])
