"""Senders and handles on asyncio: waiting, order, cancelling, deadlines, ends."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ixt_sdk.errors import (
    CreditExhaustedError,
    FrameTooLargeError,
    InvalidArgumentError,
    MissingMessageError,
    StreamCancelledError,
    StreamEndedError,
    StreamFailedError,
    TooManyMessagesError,
    TruncatedError,
)
from ixt_sdk.invocation import ActorIdentity, InvocationContext, OperatorSubject
from ixt_sdk.streaming import (
    By,
    Cancelled,
    CancelReason,
    CloseReason,
    Completed,
    FrameSink,
    InteractionKind,
    StreamCancel,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamError,
    StreamErrorCode,
    StreamFrame,
    StreamHandle,
    StreamId,
    StreamOpen,
    StreamSender,
    Violation,
    decode_batch,
)

ID = StreamId(b"\7" * 16)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(10):
            await main()

    asyncio.run(guarded(), debug=True)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Wire:
    """A sink that keeps what it gets, and passes it on once it is joined."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.to: StreamHandle | None = None

    def send_frame(self, frame: bytes, /) -> None:
        self.frames.append(frame)
        if self.to is not None:
            self.to.feed(frame)

    def bodies(self) -> list[object]:
        return [frame.body for frame in decode_batch(b"".join(self.frames))[0]]


def pair(
    kind: InteractionKind = InteractionKind.BIDI_STREAM,
    context: InvocationContext | None = None,
    window: int = 4,
    answers: int = 4,
) -> tuple[StreamHandle, StreamHandle, Wire, Wire]:
    """Two ends, joined so that each frame arrives within the call that sent it."""
    out, back = Wire(), Wire()
    opener = StreamHandle.open(out, kind=kind, context=context, stream_id=ID, window=answers)
    back.to = opener
    responder = StreamHandle.from_open(out.frames[0], back, window=window)
    out.to = responder
    return opener, responder, out, back


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_waiters_are_served_in_order() -> None:
    async def main() -> None:
        wire = Wire()
        sender = StreamSender(ID, wire)
        tasks = [asyncio.create_task(sender.send_data(bytes([n]))) for n in range(5)]
        await turns()
        assert wire.frames == []
        sender.grant_credit(2)
        # Who comes now is behind those whose credit has come and whose turn has not.
        tasks.append(asyncio.create_task(sender.send_data(b"\5")))
        with pytest.raises(CreditExhaustedError):
            sender.try_send_data(b"no overtaking")
        await turns()
        assert wire.bodies() == [StreamData(n, bytes([n])) for n in range(2)]
        sender.grant_credit(10)
        late = asyncio.create_task(sender.send_data(b"\6"))
        await asyncio.gather(*tasks, late)
        assert wire.bodies() == [StreamData(n, bytes([n])) for n in range(7)]
        assert sender.credit == 5

    run(main)


def test_a_cancelled_waiter_loses_no_credit() -> None:
    async def main() -> None:
        wire = Wire()
        sender = StreamSender(ID, wire)
        waiting, ready, last = (asyncio.create_task(sender.send_data(b"%d" % n)) for n in range(3))
        await turns()
        waiting.cancel()
        await turns()
        # Its credit has come, and it is cancelled before it runs.
        sender.grant_credit(1)
        ready.cancel()
        await asyncio.gather(waiting, ready, return_exceptions=True)
        assert waiting.cancelled()
        assert ready.cancelled()
        await last
        assert wire.bodies() == [StreamData(0, b"2")]
        assert sender.credit == 0
        sender.grant_credit(1)
        assert sender.credit == 1

    run(main)


def forsake(task: asyncio.Task[None]) -> None:
    """Ends a task as the garbage collector ends one that nobody holds any more."""
    coroutine: Any = task.get_coro()
    coroutine.close()
    setattr(task, "_log_destroy_pending", False)  # noqa: B010


def test_waiters_that_are_dropped_unfinished_lose_no_credit() -> None:
    wire = Wire()
    sender = StreamSender(ID, wire)
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(sender.send_data(b"never")) for _ in range(3)]
    loop.run_until_complete(turns())
    while tasks:
        forsake(tasks.pop())
    loop.close()
    gc.collect()
    sender.grant_credit(2)
    assert sender.credit == 2


def test_a_grant_to_a_closed_loop_passes_on() -> None:
    wire = Wire()
    sender = StreamSender(ID, wire)
    loop = asyncio.new_event_loop()
    task = loop.create_task(sender.send_data(b"never"))
    loop.run_until_complete(turns())
    loop.close()
    sender.grant_credit(1)
    setattr(task, "_log_destroy_pending", False)  # noqa: B010
    del task
    gc.collect()
    sender.try_send_data(b"mine")
    assert wire.bodies() == [StreamData(0, b"mine")]


def test_misuse_is_told_at_once_and_changes_nothing() -> None:
    async def main() -> None:
        wire = Wire()
        sender = StreamSender(ID, wire, 1, max_payload=8)
        for _ in range(2):
            with pytest.raises(FrameTooLargeError):
                await sender.send_data(bytes(9))
            with pytest.raises(FrameTooLargeError):
                sender.try_send_data(bytes(9))
        assert sender.credit == 1
        await sender.send_data(memoryview(b"12345678"))
        waiting = asyncio.create_task(sender.send_data(b"waits"))
        await turns()
        with pytest.raises(FrameTooLargeError):
            await sender.send_data(bytes(9))
        assert sender.close()
        assert not sender.close()
        assert not sender.cancel()
        with pytest.raises(StreamEndedError):
            await waiting
        with pytest.raises(StreamEndedError):
            await sender.send_data(b"")
        with pytest.raises(StreamEndedError):
            sender.try_send_data(b"")
        assert wire.bodies() == [StreamData(0, b"12345678"), StreamClose(CloseReason.COMPLETED, 1)]

    run(main)


def test_a_wrong_grant_fails_the_stream() -> None:
    for frames in (0, 2**31):
        wire = Wire()
        sender = StreamSender(ID, wire, 1)
        sender.grant_credit(frames)
        with pytest.raises(StreamFailedError) as ended:
            sender.try_send_data(b"")
        outcome = ended.value.outcome
        assert outcome is not None
        assert outcome.is_success is False
        [body] = wire.bodies()
        assert isinstance(body, StreamError)
        assert body.code == StreamErrorCode.FLOW_CONTROL_VIOLATION


def test_messages_arrive_in_order_under_the_window() -> None:
    async def main() -> None:
        opener, responder, out, back = pair(window=4)
        most = 0

        async def send() -> None:
            for number in range(100):
                await opener.sender.send_data(b"%d" % number)
            opener.sender.close()

        sending = asyncio.create_task(send())
        got: list[bytes] = []
        async for payload in responder:
            most = max(most, opener.sender.credit)
            got.append(payload)
            await turns(number % 3 if (number := len(got)) else 0)
        await sending
        assert got == [b"%d" % number for number in range(100)]
        assert most <= 4
        grants = [body.frames for body in back.bodies() if isinstance(body, StreamCredit)]
        assert grants[0] == 4
        assert set(grants[1:]) == {2}
        assert await responder.receive() is None
        assert responder.outcome is None
        responder.sender.close()
        assert opener.outcome == responder.outcome == Completed(CloseReason.COMPLETED)
        assert isinstance(out.bodies()[0], StreamOpen)

    run(main)


def test_nothing_is_granted_before_it_is_taken() -> None:
    async def main() -> None:
        opener, responder, _, back = pair(window=2)
        await opener.sender.send_data(b"1")
        await opener.sender.send_data(b"2")
        blocked = asyncio.create_task(opener.sender.send_data(b"3"))
        await turns(50)
        assert not blocked.done()
        assert len(back.frames) == 1
        assert responder.state.outstanding == 0
        assert await responder.receive() == b"1"
        await blocked
        responder.grant(3)
        assert opener.sender.credit == 3

    run(main)


@pytest.mark.parametrize("kind", InteractionKind)
def test_every_kind_from_end_to_end(kind: InteractionKind) -> None:
    async def main() -> None:
        opener, responder, out, back = pair(kind)
        assert opener.kind == responder.kind == kind
        many_out = kind in (InteractionKind.CLIENT_STREAM, InteractionKind.BIDI_STREAM)
        many_back = kind in (InteractionKind.SERVER_STREAM, InteractionKind.BIDI_STREAM)
        for _ in range(3 if many_out else 1):
            await opener.sender.send_data(b"ping")
        if many_out:
            opener.sender.close()
        asked = [payload async for payload in responder]
        for _ in range(3 if many_back else 1):
            await responder.sender.send_data(b"pong")
        if many_back:
            responder.sender.close()
        answered = [payload async for payload in opener]
        assert asked == [b"ping"] * (3 if many_out else 1)
        assert answered == [b"pong"] * (3 if many_back else 1)
        assert opener.outcome == responder.outcome == Completed(CloseReason.COMPLETED)
        if not many_out:
            # One message and its close leave in one call; no credit is needed.
            assert out.bodies()[1:] == [
                StreamData(0, b"ping"),
                StreamClose(CloseReason.COMPLETED, 1),
            ]
            assert not any(isinstance(body, StreamCredit) for body in back.bodies())

    run(main)


def test_one_message_is_one() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair(InteractionKind.UNARY)
        with pytest.raises(MissingMessageError):
            opener.sender.close()
        await opener.sender.send_data(b"ping")
        with pytest.raises((StreamEndedError, TooManyMessagesError)):
            await opener.sender.send_data(b"again")
        assert await responder.receive() == b"ping"

    run(main)


def test_a_failure_is_told_after_what_came_before() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()
        await opener.sender.send_data(b"before")
        waiting = asyncio.create_task(turns())
        opener.sender.error(StreamErrorCode.UNAVAILABLE, "come back later", b"\1")
        await waiting
        assert await responder.receive() == b"before"
        with pytest.raises(StreamFailedError):
            await responder.receive()
        with pytest.raises(StreamFailedError) as ended:
            await responder.receive()
        outcome = ended.value.outcome
        assert outcome == responder.outcome
        assert str(outcome) == "failed by peer with unavailable: come back later"
        assert "come back later" in str(ended.value)
        with pytest.raises(StreamFailedError):
            responder.sender.try_send_data(b"")

    run(main)


def test_a_cancel_wakes_everybody() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair(window=1)
        await opener.sender.send_data(b"1")
        sending = asyncio.create_task(opener.sender.send_data(b"2"))
        reading = [asyncio.create_task(opener.receive()) for _ in range(3)]
        await turns()
        responder.sender.cancel(CancelReason.SHUTDOWN, "bye")
        for task in (sending, *reading):
            with pytest.raises(StreamCancelledError) as ended:
                await task
            assert str(ended.value.outcome) == "cancelled by peer as shutdown: bye"
        assert await responder.receive() == b"1"
        with pytest.raises(StreamCancelledError):
            await responder.receive()

    run(main)


def test_a_local_end_wakes_readers() -> None:
    async def main() -> None:
        opener, _, _, _ = pair()
        reading = asyncio.create_task(opener.receive())
        await turns()
        opener.sender.cancel()
        with pytest.raises(StreamCancelledError):
            await reading

    run(main)


def test_a_cancelled_reader_loses_no_message() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()
        for number in range(50):
            reading = asyncio.create_task(responder.receive())
            await turns(2)
            await opener.sender.send_data(b"%d" % number)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert await responder.receive() == b"%d" % number

    run(main)


def deadline(milliseconds: int) -> InvocationContext:
    actor = ActorIdentity(OperatorSubject("alice"))
    return InvocationContext(deadline_ms=now_ms() + milliseconds, actor=actor)


def test_the_deadline_ends_both_ends() -> None:
    async def main() -> None:
        opener, responder, out, _ = pair(context=deadline(60), window=1)
        assert responder.context == opener.context
        await opener.sender.send_data(b"1")
        began = time.monotonic()
        with pytest.raises(StreamCancelledError) as ended:
            await opener.sender.send_data(b"2")
        assert 0.03 < time.monotonic() - began < 2
        outcome = ended.value.outcome
        assert isinstance(outcome, Cancelled)
        assert outcome.reason == CancelReason.DEADLINE_EXCEEDED
        assert await responder.receive() == b"1"
        with pytest.raises(StreamCancelledError):
            await responder.receive()
        assert isinstance(out.bodies()[-1], StreamCancel | StreamData)

    run(main)


def test_an_end_stops_the_timer() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair(context=deadline(60_000))
        opener.sender.close()
        responder.sender.close()
        assert opener._endpoint.timer is None
        assert responder._endpoint.timer is None
        far = pair(context=InvocationContext(deadline_ms=2**64 - 1))
        far[0].sender.cancel()

    run(main)


def test_the_timer_keeps_no_stream_alive() -> None:
    async def main() -> None:
        handle = StreamHandle.open(Wire(), context=deadline(60_000))
        endpoint = weakref.ref(handle._endpoint)
        del handle
        gc.collect()
        assert endpoint() is None

    run(main)


def test_a_deadline_in_the_past_ends_the_stream_before_the_handler() -> None:
    async def main() -> None:
        out, back = Wire(), Wire()
        frame = StreamFrame(ID, StreamOpen(InteractionKind.BIDI_STREAM, 4, deadline(-1).to_bytes()))
        responder = StreamHandle.from_open(frame, back)
        with pytest.raises(StreamCancelledError):
            await responder.receive()
        assert isinstance(back.bodies()[-1], StreamCancel)
        assert out.frames == []

    run(main)


def test_without_a_loop_the_deadline_is_checked_by_hand() -> None:
    opener, responder, _, _ = pair(context=deadline(30))
    opener.check_deadline()
    assert opener.outcome is None
    time.sleep(0.05)
    opener.check_deadline()
    assert opener.outcome is not None
    assert responder.outcome is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (StreamOpen(9), StreamErrorCode.PROTOCOL_VIOLATION),
        (StreamOpen(InteractionKind.BIDI_STREAM, 2**31), StreamErrorCode.FLOW_CONTROL_VIOLATION),
    ],
)
def test_an_open_that_breaks_a_rule_is_answered(body: StreamOpen, code: StreamErrorCode) -> None:
    wire = Wire()
    with pytest.raises(InvalidArgumentError):
        StreamHandle.from_open(StreamFrame(ID, body), wire)
    [answer] = wire.bodies()
    assert isinstance(answer, StreamError)
    assert answer.code == code


def test_an_open_whose_context_is_refused_is_answered() -> None:
    wire = Wire()
    frame = StreamFrame(ID, StreamOpen(InteractionKind.UNARY, 0, b"\0\0\0"))
    with pytest.raises(TruncatedError):
        StreamHandle.from_open(frame.to_bytes(), wire)
    [answer] = wire.bodies()
    assert isinstance(answer, StreamError)
    assert answer.code == StreamErrorCode.INVALID_ARGUMENT


def test_what_is_no_open_is_refused() -> None:
    wire = Wire()
    with pytest.raises(InvalidArgumentError):
        StreamHandle.from_open(StreamFrame(ID, StreamCredit(1)), wire)
    with pytest.raises(TypeError):
        StreamHandle()
    assert wire.frames == []


def test_violations_are_counted_and_end_nothing() -> None:
    opener, responder, out, _ = pair()
    responder.feed(StreamFrame(StreamId(b"\1" * 16), StreamCredit(1)))
    opener.sender.close()
    responder.feed(StreamFrame(ID, StreamData(0, b"late")))
    counted = {Violation.UNKNOWN_STREAM: 1, Violation.FRAME_AFTER_CLOSE: 1}
    assert dict(responder.violations) == counted
    assert responder.outcome is None
    with pytest.raises(TruncatedError):
        responder.feed(b"")
    assert responder.stream_id == ID
    assert "StreamHandle" in repr(responder)
    assert len(out.frames) == 2


def test_a_block_is_cancelled_with_its_stream() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()

        async def handle() -> None:
            async with responder:
                await asyncio.sleep(60)

        handling = asyncio.create_task(handle())
        await turns()
        opener.sender.cancel(CancelReason.SUPERSEDED)
        with pytest.raises(StreamCancelledError):
            await handling
        assert not handling.cancelled()

    run(main)


def test_a_block_that_was_cancelled_from_outside_cancels_its_stream() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()

        async def handle() -> None:
            async with responder:
                await asyncio.sleep(60)

        handling = asyncio.create_task(handle())
        await turns()
        handling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handling
        assert str(opener.outcome) == "cancelled by peer as userRequested: "

    run(main)


def test_a_block_that_raises_fails_its_stream() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()

        async def handle() -> None:
            async with responder:
                raise KeyError("a secret")

        with pytest.raises(KeyError):
            await handle()
        assert str(opener.outcome) == "failed by peer with internal: KeyError"

    run(main)


def test_a_block_that_ends_closes_its_direction() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()
        async with responder, opener:
            pass
        assert opener.outcome == responder.outcome == Completed(CloseReason.COMPLETED)
        async with responder:
            pass

    run(main)


def test_a_block_of_a_stream_that_has_failed_already() -> None:
    async def main() -> None:
        opener, responder, _, _ = pair()
        opener.sender.cancel()

        async def handle() -> None:
            async with responder:
                await asyncio.sleep(60)

        with pytest.raises(StreamCancelledError):
            await handle()

    run(main)


class GoneError(Exception):
    """The transport is gone."""


def test_a_sink_that_raises_cancels_the_stream() -> None:
    async def main() -> None:
        frames: list[bytes] = []

        def sink(frame: bytes) -> None:
            if len(frames) == 2:
                raise GoneError
            frames.append(frame)

        handle = StreamHandle.open(sink, stream_id=ID, agreed_credit=2)
        reading = asyncio.create_task(handle.receive())
        handle.sender.try_send_data(b"1")
        with pytest.raises(GoneError):
            handle.sender.try_send_data(b"2")
        with pytest.raises(StreamCancelledError) as ended:
            await reading
        outcome = ended.value.outcome
        assert isinstance(outcome, Cancelled)
        assert outcome.reason == CancelReason.CONSUMER_GONE
        with pytest.raises(StreamCancelledError):
            handle.sender.try_send_data(b"3")
        assert len(frames) == 2

    run(main)


def test_a_sink_may_be_an_object_or_a_callable() -> None:
    frames: list[bytes] = []
    assert isinstance(Wire(), FrameSink)
    StreamSender(ID, frames.append, 1).try_send_data(b"1")
    wire = Wire()
    StreamSender(ID, wire, 1).try_send_data(b"1")
    assert wire.frames == frames


def test_what_has_not_left_when_the_stream_fails_never_leaves() -> None:
    """A sink that ends the stream while data waits behind it: the data is dropped."""
    frames: list[bytes] = []
    senders: list[StreamSender] = []

    def sink(frame: bytes) -> None:
        frames.append(frame)
        if len(frames) == 1:
            senders[0].try_send_data(b"dropped")
            senders[0].close()
            senders[0].cancel()

    def left() -> list[object]:
        return [frame.body for frame in decode_batch(b"".join(frames))[0]]

    senders.append(StreamSender(ID, sink, 9))
    senders[0].try_send_data(b"first")
    # A sending end has ended with its close, so there is nothing left to cancel.
    sent = [StreamData(0, b"first"), StreamData(1, b"dropped")]
    assert left() == [*sent, StreamClose(CloseReason.COMPLETED, 2)]

    frames.append(b"")
    handle = StreamHandle.open(sink, stream_id=ID, agreed_credit=9)
    frames.clear()
    senders[0] = handle.sender
    handle.sender.try_send_data(b"first")
    assert left() == [StreamData(0, b"first"), StreamCancel(CancelReason.USER_REQUESTED)]
    assert handle.outcome == Cancelled(CancelReason.USER_REQUESTED, "", By.LOCAL)
