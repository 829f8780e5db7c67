"""The engine below links: bytes and the time in, events and bytes out, from any thread."""

from __future__ import annotations

import gc
import pickle
import threading
from typing import Any

import pytest

from ixt_sdk import InteractionKind, InvocationContext, _native
from ixt_sdk._native import (
    EVENT_ANSWERED,
    EVENT_BROKEN,
    EVENT_CLOSED,
    EVENT_DRAINED,
    EVENT_ENDED,
    EVENT_ESTABLISHED,
    EVENT_GOING_AWAY,
    EVENT_MESSAGES,
    EVENT_OPENED,
    EVENT_OVER,
    EVENT_PONG,
    EVENT_READY,
    HostEngine,
    invocation,
)
from ixt_sdk.errors import (
    FrameTooLargeError,
    GoingAwayError,
    InvalidArgumentError,
    NotEstablishedError,
    StreamEndedError,
    TooManyStreamsError,
)
from ixt_sdk.streaming import CancelReason, CloseReason, Completed, Half
from ixt_sdk.transport import Connection

NOW = 1_790_000_000_000_000
Event = tuple[Any, ...]


class Pair:
    """Two ends, and what passes between them."""

    def __init__(self, **settings: Any) -> None:
        self.now = NOW
        self.ends = (Connection(NOW, **settings), Connection(NOW, **settings))
        self.told: tuple[list[Event], list[Event]] = ([], [])
        self.turn()

    def turn(self, seconds: float = 0) -> None:
        """Passes all bytes until there are none."""
        self.now += int(seconds * 1e6)
        moved = True
        while moved:
            moved = False
            for number, end in enumerate(self.ends):
                data, events, _, more = end.turn(self.now)
                self.told[number].extend(events or [])
                if data is not None:
                    moved = True
                    self.told[1 - number].extend(self.ends[1 - number].receive(data, self.now))
                assert not more or data is not None

    def forget(self) -> None:
        """What was told so far is of no interest."""
        for told in self.told:
            told.clear()

    def take(self, number: int) -> list[Event]:
        """What an end was told since the last time."""
        told = list(self.told[number])
        self.told[number].clear()
        return told


def context(service: str = "thumbs") -> InvocationContext:
    return invocation("caller", service)


def test_every_number_of_an_event_has_one_name() -> None:
    numbers = {name: getattr(_native, name) for name in dir(_native) if name.startswith("EVENT_")}
    assert sorted(numbers.values()) == list(range(len(numbers)))


def test_hellos() -> None:
    pair = Pair(max_payload=1000)
    for number in (0, 1):
        [event] = pair.take(number)
        assert event[:3] == (EVENT_ESTABLISHED, 1000, 10_000)
    with pytest.raises(NotEstablishedError):
        Connection(NOW).open(InteractionKind.UNARY, context())
    with pytest.raises(InvalidArgumentError):
        Connection(NOW, window=0)
    with pytest.raises(InvalidArgumentError):
        Connection(NOW, idle_ms=5, keepalive_ms=10)


def test_a_unary_call_is_one_event_on_each_side() -> None:
    pair = Pair()
    pair.forget()
    key = pair.ends[0].request(InteractionKind.UNARY, context(), b"question")
    pair.turn()
    [opened] = pair.take(1)
    what, theirs, kind, stream_id, came, service, payloads, closed = opened
    assert (what, kind, service) == (EVENT_OPENED, InteractionKind.UNARY, "thumbs")
    assert (payloads, closed, len(stream_id)) == ([b"question"], True, 16)
    assert isinstance(came, InvocationContext)
    assert came.source_module == "caller"
    assert pair.ends[1].finish(theirs, b"answer")
    pair.turn()
    assert pair.take(0) == [(EVENT_ANSWERED, key, b"answer", CloseReason.COMPLETED)]
    assert [event[0] for event in pair.take(1)] == [EVENT_OVER]
    assert len(pair.ends[0]) == len(pair.ends[1]) == 0
    assert pair.ends[0].state(key) is None
    assert pair.ends[0], "an end without streams is still an end"


def test_messages_of_one_stream_come_as_one_list() -> None:
    pair = Pair()
    first = pair.ends[0].open(InteractionKind.BIDI_STREAM, context())
    second = pair.ends[0].open(InteractionKind.BIDI_STREAM, invocation("caller", "other"))
    pair.turn()
    keys = [event[1] for event in pair.take(1) if event[0] == EVENT_OPENED]
    for number in range(10):
        assert pair.ends[0].try_send(first, b"%d" % number)
        assert pair.ends[0].try_send(second, bytearray(b"x"))
    pair.turn()
    assert pair.take(1) == [
        (EVENT_MESSAGES, keys[0], [b"%d" % number for number in range(10)]),
        (EVENT_MESSAGES, keys[1], [b"x"] * 10),
    ]
    assert pair.ends[0].close(first)
    assert not pair.ends[0].close(first)
    pair.turn()
    assert pair.take(1) == [(EVENT_CLOSED, keys[0], CloseReason.COMPLETED)]
    assert pair.ends[1].cancel(keys[1], CancelReason.SUPERSEDED, "why")
    pair.turn()
    events = [event for event in pair.take(0) if event[1] == second]
    assert [event[0] for event in events] == [EVENT_BROKEN, EVENT_OVER]
    assert events[0][2] == events[1][2]
    with pytest.raises(StreamEndedError):
        pair.ends[0].try_send(second, b"late")
    with pytest.raises(StreamEndedError):
        pair.ends[0].wait(second)
    assert not pair.ends[0].cancel(second, CancelReason.UNSPECIFIED)


def test_credit_and_tickets() -> None:
    pair = Pair(window=4)
    key = pair.ends[0].open(InteractionKind.CLIENT_STREAM, context())
    sent = 0
    while pair.ends[0].try_send(key, b"x"):
        sent += 1
    assert sent == 4
    ticket = pair.ends[0].wait(key)
    pair.turn()
    [opened] = [event for event in pair.take(1) if event[0] == EVENT_OPENED]
    pair.take(0)
    pair.ends[1].consume(opened[1], 2)
    pair.turn()
    assert pair.take(0) == [(EVENT_READY, key, ticket)]
    assert pair.ends[0].send_with(key, ticket, b"y")
    assert pair.ends[0].try_send(key, b"z")
    assert not pair.ends[0].try_send(key, b"z")
    state = pair.ends[0].state(key)
    assert state is not None
    assert (state.sender, state.credit) == (Half.OPEN, 0)


def test_what_is_queued_has_a_bound() -> None:
    pair = Pair(max_queued_stream=1000, window=100)
    key = pair.ends[0].open(InteractionKind.CLIENT_STREAM, context())
    queued = 0
    while pair.ends[0].try_send(key, bytes(100)):
        queued += 1
    assert 5 <= queued <= 10
    ticket = pair.ends[0].wait(key)
    _, events, _, _ = pair.ends[0].turn(NOW, False)
    assert events is None, "there is credit, and no room"
    assert pair.ends[0].queued > 1000
    pair.turn()
    assert (EVENT_READY, key, ticket) in pair.take(0)
    assert pair.ends[0].queued == 0


def test_nothing_is_opened_for_what_cannot_be_sent() -> None:
    pair = Pair(max_payload=100, max_streams=2)
    with pytest.raises(FrameTooLargeError):
        pair.ends[0].request(InteractionKind.UNARY, context(), bytes(101))
    assert len(pair.ends[0]) == 0
    for _ in range(2):
        pair.ends[0].request(InteractionKind.UNARY, context(), bytes(100))
    with pytest.raises(TooManyStreamsError):
        pair.ends[0].request(InteractionKind.UNARY, context(), b"")
    with pytest.raises(TooManyStreamsError):
        pair.ends[0].open(InteractionKind.UNARY, context())


def test_deadlines_pings_and_going_away_by_the_time_that_is_told() -> None:
    pair = Pair()
    pair.forget()
    late = invocation("caller", "thumbs", None, NOW // 1000 + 50)
    key = pair.ends[0].request(InteractionKind.UNARY, late, b"")
    pair.turn()
    assert pair.ends[0].turn(NOW)[2] == NOW + 50_000
    pair.turn(0.05)
    assert [event[0] for event in pair.take(0)] == [EVENT_BROKEN, EVENT_OVER]
    assert [event[0] for event in pair.take(1)] == [EVENT_OPENED, EVENT_BROKEN, EVENT_OVER]
    pair.turn(10)
    pair.ends[0].ping(pair.now)
    pair.turn()
    assert pair.take(0) == [(EVENT_PONG, 0)]
    key = pair.ends[0].open(InteractionKind.BIDI_STREAM, context())
    pair.turn(5)
    pair.ends[0].go_away(2000, pair.now, "bye")
    pair.turn(1.9)
    assert [event for event in pair.take(1) if event[0] == EVENT_GOING_AWAY] == [
        (EVENT_GOING_AWAY, "shutdown", 2000, "bye")
    ]
    assert pair.take(0) == []
    with pytest.raises(GoingAwayError):
        pair.ends[1].open(InteractionKind.UNARY, context())
    pair.turn(0.2)
    told = pair.take(0)
    assert [event[0] for event in told] == [EVENT_BROKEN, EVENT_OVER, EVENT_DRAINED]
    assert told[0][1] == key
    pair.ends[0].end("done")
    pair.turn()
    assert pair.take(0) == [(EVENT_ENDED, "shutdown", "done", "local")]
    assert pair.ends[0].has_ended
    # The peer waits for its transport to end.
    assert not pair.ends[1].has_ended
    pair.ends[1].transport_ended()
    pair.turn()
    assert pair.take(1)[-1][:2] == (EVENT_ENDED, "transport")


def test_the_end_of_the_transport_fails_every_stream() -> None:
    pair = Pair()
    keys = {pair.ends[0].request(InteractionKind.UNARY, context(), b"") for _ in range(3)}
    pair.take(0)
    pair.ends[0].transport_ended()
    pair.turn()
    told = pair.take(0)
    assert {event[1] for event in told if event[0] == EVENT_BROKEN} == keys
    assert told[-1][:2] == (EVENT_ENDED, "transport")


@pytest.mark.parametrize("size", [1, 7, 8, 100])
def test_frames_may_come_in_pieces(size: int) -> None:
    one, other = Connection(NOW), Connection(NOW)
    told: list[Event] = []
    for sender, receiver in ((one, other), (other, one)):
        data, _, _, _ = sender.turn(NOW)
        assert data is not None
        for at in range(0, len(data), size):
            told += receiver.receive(memoryview(data)[at : at + size], NOW)
    assert [event[0] for event in told] == [EVENT_ESTABLISHED] * 2


@pytest.mark.parametrize("damage", [b"\xff" * 8, bytes(8), b"GET / HT"])
def test_hostile_bytes_end_the_connection_with_a_reason(damage: bytes) -> None:
    end = Connection(NOW)
    told = end.receive(damage, NOW)
    data, events, timeout, _ = end.turn(NOW)
    [ended] = told + (events or [])
    assert data is not None, "the peer is told why"
    assert timeout is None
    assert ended[0] == EVENT_ENDED
    assert ended[1] in ("malformedFrame", "oversizedFrame", "protocolViolation")
    assert end.receive(b"more", NOW) == []


def test_what_no_caller_may_do() -> None:
    end = Connection(NOW)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(end)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(HostEngine(NOW))
    with pytest.raises(OverflowError):
        end.state(-1)
    assert end.state(0) is None
    assert end.state(2**64 - 1) is None
    end.drop_ticket(7, 7)
    end.consume(7, 7)
    assert repr(end) == "<Connection lives streams=0 queued=0>" or "queued=" in repr(end)
    assert end.stats["frames_in"] == 0
    with pytest.raises(ValueError, match="policy"):
        HostEngine(NOW, "nonsense")


def test_contexts_of_calls() -> None:
    root = invocation("caller", "thumbs", deadline_ms=5, metadata={"k": "v"})
    assert root.correlation_id != invocation("caller", "thumbs").correlation_id
    assert bytes(8) != root.span_id != root.parent_span_id == bytes(8)
    child = invocation("thumbs", "disk", root, 9)
    assert child.correlation_id == root.correlation_id
    assert child.parent_span_id == root.span_id
    assert child.deadline_ms == 5
    own = invocation("thumbs", "disk", root, actor=root.actor)
    assert own.correlation_id != root.correlation_id


def test_many_threads_lose_nothing() -> None:
    """Threads call while others drain, and each call gets its own answer."""
    pair = Pair()
    pair.forget()
    one, other = pair.ends
    keys: dict[int, bytes] = {}
    answers: dict[int, bytes] = {}
    stop = threading.Event()
    # Each direction of the pipe is one thing: what was taken first must arrive first.
    there, back, noting = threading.Lock(), threading.Lock(), threading.Lock()

    def call(number: int) -> None:
        for round_ in range(100):
            question = b"%d.%d" % (number, round_)
            with noting:
                keys[one.request(InteractionKind.UNARY, context(), question)] = question

    def move() -> None:
        while not stop.is_set() or len(answers) < len(keys):
            with there:
                data = one.turn(NOW)[0]
                events = other.receive(data, NOW) if data else []
            for event in events:
                if event[0] == EVENT_OPENED and event[6]:
                    assert other.finish(event[1], event[6][0])
                elif event[0] == EVENT_MESSAGES:
                    # A write may end between an open and its message.
                    assert other.finish(event[1], event[2][0])
            with back:
                data = other.turn(NOW)[0]
                events = one.receive(data, NOW) if data else []
            for event in events:
                if event[0] == EVENT_ANSWERED:
                    answers[event[1]] = event[2]

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    movers = [threading.Thread(target=move) for _ in range(3)]
    for thread in (*callers, *movers):
        thread.start()
    for thread in callers:
        thread.join(30)
    stop.set()
    for thread in movers:
        thread.join(30)
        assert not thread.is_alive()
    assert len(keys) == 400
    assert answers == keys


def test_a_finalizer_may_call_the_engine() -> None:
    """No Python code runs under the lock: what a collection calls finds it free."""
    pair = Pair()
    called = 0

    class Cyclic:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            nonlocal called
            called += len(pair.ends[0]) >= 0

    gc.collect()
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            Cyclic()
            pair.ends[0].request(InteractionKind.UNARY, context(), b"x")
            pair.turn()
    finally:
        gc.set_threshold(*before)
    assert called > 0
    assert Completed(CloseReason.COMPLETED).is_success
