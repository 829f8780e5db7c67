"""Runs of the receiver half: grants, consumption, data, the peer's close."""

from __future__ import annotations

from typing import Any

from reference.frames import Json
from rows import (
    anywhere,
    at_responder,
    opener_receiving_many,
    peer_half_closes_alone,
    receives_many,
    receives_once,
)
from scenarios_base import LARGEST, Run, at, error, frame, scenario

IGNORED_GRANT = "Text: grants for an exactly-1 direction are ignored"
ORDER = "Text: peer order is state, cardinality, sequence, credit, size"
WINDOW = "Text: the whole window at the open"
CONSUMPTION = "Text: consumption"
AFTER_CLOSE = (
    "Receiver: Closed by its close frame | data, or a close with another number, "
    "also after the stream has ended"
)
SAME_NUMBER = "Receiver: Closed by its close frame | a close with the same number"


def failed(code: str) -> list[Json]:
    """The events of a stream that ends because of its peer's misuse."""
    return [{"failed": {"code": code, "message": "", "by": "local"}}]


def violates(code: str, sent: int = 0) -> dict[str, Any]:
    """What is expected when the peer's frame ends the stream."""
    sequence = {"sequence": sent} if sent else {}
    return {
        "result": "ok",
        "sender": "failed",
        "receiver": "failed",
        "events": failed(code),
        "transmit": [frame("error", code=code, **sequence)],
    }


@scenario(
    "receiver/data",
    receives_many,
    "Receiver: Open | data s = e, o > 0",
    "Receiver: Open | data, o = 0",
)
def data(run: Run) -> None:
    run.start(send=1, receive=2)
    run.data(
        0,
        "73646b",
        result="ok",
        outstanding=1,
        transmit=[],
        events=[{"data": {"sequence": 0, "payload": "73646b"}}],
    )
    run.data(1, "", outstanding=0, events=[{"data": {"sequence": 1, "payload": ""}}])
    run.data(2, "01", outstanding=0, **violates("flowControlViolation"))


@scenario(
    "receiver/data-once",
    receives_once,
    "Receiver: Open | data s = e, o > 0",
    "Receiver: Open | data beyond the kind",
    f"{ORDER} (cardinality before credit)",
)
def data_once(run: Run) -> None:
    run.start(send=2)
    run.send("01")
    run.data(0, "aa", outstanding=0, events=[{"data": {"sequence": 0, "payload": "aa"}}])
    run.data(1, "bb", **violates("protocolViolation", 1))


@scenario(
    "receiver/data-once-again",
    receives_once,
    f"{ORDER} (cardinality before sequence)",
    f"{ORDER} (cardinality before size)",
)
def data_once_again(run: Run) -> None:
    run.start(max_payload=1)
    run.data(0, "aa")
    run.data(0, "aabb", **violates("protocolViolation"))


@scenario("receiver/data-out-of-sequence", anywhere, "Receiver: Open | data s ≠ e")
def out_of_sequence(run: Run) -> None:
    run.start(send=1, receive=3)
    run.send("01")
    run.data(1, "aa", **violates("sequenceViolation", 1))
    run.data(0, "aa", result="ignored", ignored=1)


@scenario("receiver/data-duplicate", receives_many, "Receiver: Open | data s ≠ e")
def duplicate(run: Run) -> None:
    run.start(receive=3)
    run.data(0)
    run.data(0, **violates("sequenceViolation"))


@scenario("receiver/data-largest-sequence", anywhere, "Receiver: Open | data s ≠ e")
def largest_sequence(run: Run) -> None:
    run.start(receive=1)
    run.data(2**64 - 1, **violates("sequenceViolation"))


@scenario(
    "receiver/data-without-credit",
    receives_many,
    "Receiver: Open | data, o = 0",
    f"{ORDER} (credit before size)",
)
def without_credit(run: Run) -> None:
    run.start(send=2, max_payload=1)
    run.data(0, "aabb", **violates("flowControlViolation"))


@scenario(
    "receiver/data-sequence-before-credit", receives_many, f"{ORDER} (sequence before credit)"
)
def sequence_before_credit(run: Run) -> None:
    run.start()
    run.data(1, "aa", **violates("sequenceViolation"))


@scenario("receiver/data-too-large", anywhere, "Receiver: Open | data, too large")
def too_large(run: Run) -> None:
    run.start(send=1, receive=1, max_payload=3)
    run.send("01")
    run.data(0, "01020304", **violates("resourceExhausted", 1))


@scenario("receiver/data-of-the-largest-size", anywhere, "Receiver: Open | data s = e, o > 0")
def largest_size(run: Run) -> None:
    run.start(receive=1, max_payload=3)
    run.data(
        0,
        "010203",
        result="ok",
        receiver="open",
        events=[{"data": {"sequence": 0, "payload": "010203"}}],
    )


@scenario("receiver/data-sequence-before-size", anywhere, f"{ORDER} (sequence before size)")
def sequence_before_size(run: Run) -> None:
    run.start(receive=1, max_payload=1)
    run.data(5, "0102", **violates("sequenceViolation"))


@scenario(
    "receiver/grant",
    receives_many,
    "Receiver: Open | grant g ≥ 1, o+g ≤ 2^31-1",
    "Receiver: Open | grant 0",
    "Receiver: Open | grant beyond",
)
def grant(run: Run) -> None:
    run.start(receive=1)
    run.grant(3, result="ok", transmit=[frame("credit", frames=3)], events=[], outstanding=4)
    run.grant(0, result=error("InvalidGrant"), transmit=[], outstanding=4)
    run.grant(LARGEST, result=error("WindowOverflow"), transmit=[], outstanding=4)
    run.grant(2**32 - 1, result=error("WindowOverflow"))
    run.grant(LARGEST - 4, result="ok", outstanding=LARGEST)
    run.grant(1, result=error("WindowOverflow"), receiver="open")
    run.data(0, outstanding=LARGEST - 1)
    run.grant(1, result="ok", outstanding=LARGEST)


@scenario(
    "receiver/grant-for-one-message",
    receives_once,
    *(f"{IGNORED_GRANT} ({what})" for what in ("some", "0", "beyond")),
)
def grant_for_one(run: Run) -> None:
    run.start(send=1)
    run.grant(2, result="ok", transmit=[], outstanding=1)
    run.grant(0, result="ok", transmit=[])
    run.grant(2**32 - 1, result="ok", transmit=[], outstanding=1)
    run.data(0, outstanding=0)
    run.grant(1, result="ok", transmit=[], outstanding=0)
    run.data(1, sender="failed")


@scenario("receiver/grant-when-not-open", anywhere, "Receiver: not Open | grant")
def grant_not_open(run: Run) -> None:
    run.start(send=1, receive=1, window=4)
    run.close_peer()
    for given in (1, 0, 2**32 - 1):
        run.grant(given, result="ok", transmit=[], outstanding=0)
    run.consume(1, result="ok", transmit=[])


@scenario("receiver/close", anywhere, "Receiver: Open | close(e), the kind satisfied", SAME_NUMBER)
def close(run: Run) -> None:
    run.start(send=2, receive=2)
    run.data(0, "01")
    out = run.peer_close(1, result="ok", receiver="closed", outstanding=0, transmit=[])
    assert out["events"][0] == {"closed": "completed"}
    run.peer_close(1, result="ignored", ignored=1, events=[], transmit=[])


@scenario(
    "receiver/close-without-data", receives_many, "Receiver: Open | close(e), the kind satisfied"
)
def close_without_data(run: Run) -> None:
    run.start(receive=2)
    out = run.peer_close(0, "goingAway", receiver="closed")
    assert out["events"][0] == {"closed": "goingAway"}


@scenario("receiver/close-wrong-number", anywhere, "Receiver: Open | close(≠ e)")
def close_wrong_number(run: Run) -> None:
    run.start(send=1, receive=2)
    run.data(0, "01")
    run.peer_close(2, **violates("sequenceViolation"))
    run.peer_close(1, result="ignored", ignored=1)


@scenario("receiver/close-too-early", receives_many, "Receiver: Open | close(≠ e)")
def close_too_early(run: Run) -> None:
    run.start(receive=2)
    run.data(0, "01")
    run.peer_close(0, **violates("sequenceViolation"))


@scenario(
    "receiver/close-missing-message",
    receives_once,
    "Receiver: Open | close(e), required message missing",
)
def close_missing(run: Run) -> None:
    run.start(send=1)
    run.peer_close(0, **violates("protocolViolation"))


@scenario(
    "receiver/close-number-before-message",
    receives_once,
    "Text: a close is checked for its number, then for the required message",
)
def close_number_first(run: Run) -> None:
    run.start(send=1)
    run.peer_close(1, **violates("sequenceViolation"))


@scenario(
    "receiver/after-its-close",
    peer_half_closes_alone,
    f"{AFTER_CLOSE} (data)",
    f"{AFTER_CLOSE} (close)",
    SAME_NUMBER,
)
def after_its_close(run: Run) -> None:
    run.start(send=2, receive=3)
    late = [{"violation": "FrameAfterClose"}]
    run.data(0, "01")
    run.peer_close(1)
    run.data(1, "02", result="ok", events=late, transmit=[], ignored=0, sender="open")
    run.data(0, "02", result="ok", events=late)
    run.peer_close(2, result="ok", events=late, ignored=0)
    run.peer_close(1, result="ignored", events=[], ignored=1)
    run.peer_close(1, "goingAway", result="ignored", events=[], ignored=2)
    run.send("03", result="ok")


@scenario(
    "receiver/after-its-close-and-the-end",
    anywhere,
    f"{AFTER_CLOSE} (data after the end)",
    f"{AFTER_CLOSE} (close after the end)",
    SAME_NUMBER,
)
def after_the_end(run: Run) -> None:
    run.start(send=2, receive=3)
    run.data(0, "01")
    if run.role == "opener":
        run.close_own()
        run.peer_close(1)
    else:  # a responder's own close may end the stream, so the peer's comes first
        run.peer_close(1)
        run.close_own()
    late = [{"violation": "FrameAfterClose"}]
    run.data(1, "02", result="ok", events=late, transmit=[], ignored=0)
    run.peer_close(7, result="ok", events=late, ignored=0)
    run.peer_close(1, result="ignored", events=[], ignored=1)


def _close_then(how: str) -> None:
    """A half that its close frame closed keeps its answers when the stream fails later."""

    @scenario(
        f"receiver/closed-then-{how}",
        peer_half_closes_alone,
        f"{AFTER_CLOSE} (data after the end)",
        SAME_NUMBER,
    )
    def closed_then(run: Run) -> None:
        run.start(send=1, receive=1)
        run.close_peer()
        if how == "failed":
            run.fail(sender="failed", receiver="failed")
        else:
            run.cancel(sender="cancelled", receiver="cancelled")
        run.data(1, result="ok", events=[{"violation": "FrameAfterClose"}], ignored=0)
        run.peer_close(run.model.expected, result="ignored", ignored=1)
        run.peer_close(9, result="ok", events=[{"violation": "FrameAfterClose"}])


for _how in ("failed", "cancelled"):
    _close_then(_how)


@scenario(
    "receiver/ended-otherwise",
    anywhere,
    "Receiver: ended otherwise | data, close (data)",
    "Receiver: ended otherwise | data, close (close)",
)
def ended_otherwise(run: Run) -> None:
    run.start(send=1, receive=3)
    run.fail()
    run.data(0, result="ignored", ignored=1, events=[], transmit=[])
    run.data(9, "", result="ignored", ignored=2)
    run.peer_close(0, result="ignored", ignored=3, events=[])
    run.peer_close(5, result="ignored", ignored=4)


def _peer_reason(reason: str | int, shown: str | int) -> None:
    @scenario(f"receiver/close-reason-{reason}", at("opener", "bidiStream"))
    def closes(run: Run) -> None:
        run.start(receive=1)
        run.peer_close(0, reason, events=[{"closed": shown}], receiver="closed", sender="open")


for _given, _shown in (
    ("unspecified", "unspecified"),
    ("limitReached", "limitReached"),
    ("idle", "idle"),
    ("goingAway", "goingAway"),
    (99, 99),
    (65535, 65535),
    (5, 5),
    (3, "idle"),
):
    _peer_reason(_given, _shown)


# Consumption.


def _window(window: int) -> None:
    """The whole window at the open, then again whenever max(1, window / 2) are consumed."""

    @scenario(f"consume/window-{window}", receives_many, f"{CONSUMPTION} (at the threshold)")
    def windowed(run: Run) -> None:
        half = max(1, window // 2)
        run.start(send=1, receive=0 if run.role == "responder" else window, window=window)
        for sequence in range(window):
            run.data(sequence, outstanding=window - sequence - 1)
        for _ in range(half - 1):
            run.consume(1, result="ok", transmit=[], outstanding=0)
        run.consume(1, result="ok", transmit=[frame("credit", frames=half)], outstanding=half)
        for sequence in range(window, window + half):
            run.data(sequence)
        run.consume(window, transmit=[frame("credit", frames=window)], outstanding=window)


for _size in (1, 2, 3, 4, 5, 8, 9):
    _window(_size)


@scenario(
    "consume/window-at-the-open",
    lambda r, k: at_responder(r, k) and receives_many(r, k),
    f"{WINDOW} (granted)",
)
def window_at_the_open(run: Run) -> None:
    run.create(window=8, agreed_credit=0)
    out = run.accept(1, transmit=[frame("credit", frames=8)], outstanding=8, result="ok")
    assert list(out["events"][0]) == ["opened"]


@scenario(
    "consume/window-and-agreed-credit",
    lambda r, k: at_responder(r, k) and receives_many(r, k),
    f"{WINDOW} (granted)",
)
def window_agreed(run: Run) -> None:
    run.create(window=8, agreed_credit=3)
    run.accept(1, transmit=[frame("credit", frames=5)], outstanding=8)


@scenario(
    "consume/agreed-credit-covers-the-window",
    lambda r, k: at_responder(r, k) and receives_many(r, k),
    f"{WINDOW} (covered by the agreed credit)",
)
def agreed_covers(run: Run) -> None:
    run.create(window=4, agreed_credit=4)
    run.accept(1, transmit=[], outstanding=4)
    run.data(0)
    run.data(1)
    run.consume(2, transmit=[frame("credit", frames=2)], outstanding=4)


@scenario(
    "consume/more-agreed-than-the-window",
    lambda r, k: at_responder(r, k) and receives_many(r, k),
    f"{WINDOW} (covered by the agreed credit)",
)
def agreed_exceeds(run: Run) -> None:
    run.create(window=2, agreed_credit=5)
    run.accept(1, transmit=[], outstanding=5)
    run.data(0)
    run.consume(1, transmit=[frame("credit", frames=1)], outstanding=5)


@scenario("consume/opener-grants-nothing-at-the-open", opener_receiving_many)
def opener_grants_nothing(run: Run) -> None:
    run.create(window=8)
    out = run.open(3, outstanding=3)
    assert len(out["transmit"]) == 1
    run.data(0)
    run.data(1)
    run.data(2, outstanding=0)
    run.consume(2, transmit=[], outstanding=0)
    run.grant(1, transmit=[frame("credit", frames=1)])
    run.data(3)
    run.consume(2, transmit=[frame("credit", frames=4)], outstanding=4)


ALL_GRANTED = f"{CONSUMPTION} (of all that was granted)"


@scenario("consume/first-credit-below-half-the-window", opener_receiving_many, ALL_GRANTED)
def few_at_the_open(run: Run) -> None:
    """Nobody could send or grant any more: what was consumed is granted before half is due."""
    run.create(window=8)
    run.open(3, outstanding=3)
    for sequence in range(3):
        run.data(sequence)
    run.consume(1, transmit=[], outstanding=0)
    run.consume(1, transmit=[], outstanding=0)
    run.consume(1, transmit=[frame("credit", frames=3)], outstanding=3)
    run.consume(0, transmit=[], outstanding=3)
    run.data(3)
    run.data(4)
    run.consume(2, transmit=[], outstanding=1)
    run.data(5, outstanding=0)
    run.consume(1, transmit=[frame("credit", frames=3)], outstanding=3)


@scenario("consume/first-credit-of-one", opener_receiving_many, ALL_GRANTED)
def one_at_the_open(run: Run) -> None:
    run.create(window=LARGEST)
    run.open(1, outstanding=1)
    for sequence in range(3):
        run.data(sequence, outstanding=0)
        run.consume(1, transmit=[frame("credit", frames=1)], outstanding=1)


@scenario("consume/first-credit-of-none-and-a-grant", opener_receiving_many, ALL_GRANTED)
def none_at_the_open(run: Run) -> None:
    run.create(window=8)
    run.open(0, outstanding=0)
    run.consume(0, result="ok", transmit=[], outstanding=0)
    run.grant(2, transmit=[frame("credit", frames=2)])
    run.data(0)
    run.consume(1, transmit=[], outstanding=1)
    run.data(1, outstanding=0)
    run.consume(0, transmit=[], outstanding=0)
    run.consume(1, transmit=[frame("credit", frames=2)], outstanding=2)


@scenario(
    "consume/bounds",
    receives_many,
    f"{CONSUMPTION} (of nothing)",
    f"{CONSUMPTION} (of more than was delivered)",
    f"{CONSUMPTION} (below the threshold)",
)
def consume_bounds(run: Run) -> None:
    run.start(receive=0 if run.role == "responder" else 6, window=6)
    run.consume(1, result=error("InvalidGrant"), transmit=[])
    run.consume(0, result="ok", transmit=[])
    run.data(0)
    run.data(1)
    run.data(2)
    run.consume(4, result=error("InvalidGrant"), outstanding=3)
    run.consume(2, result="ok", transmit=[], outstanding=3)
    run.consume(2, result=error("InvalidGrant"), transmit=[])
    run.consume(0, result="ok", transmit=[])
    run.consume(1, transmit=[frame("credit", frames=3)], outstanding=6)
    run.consume(1, result=error("InvalidGrant"))


@scenario("consume/several-thresholds-at-once", receives_many, f"{CONSUMPTION} (at the threshold)")
def several_thresholds(run: Run) -> None:
    run.start(receive=0 if run.role == "responder" else 4, window=4)
    for sequence in range(4):
        run.data(sequence)
    run.consume(3, transmit=[frame("credit", frames=3)], outstanding=3)
    run.data(4)
    run.consume(1, transmit=[], outstanding=2)
    run.consume(1, transmit=[frame("credit", frames=2)], outstanding=4)


@scenario("consume/manual-grants-beside", receives_many)
def manual_beside(run: Run) -> None:
    run.start(receive=0 if run.role == "responder" else 2, window=2)
    run.grant(5, transmit=[frame("credit", frames=5)], outstanding=7)
    run.data(0)
    run.consume(1, transmit=[frame("credit", frames=1)], outstanding=7)


@scenario("consume/grant-beyond", receives_many, f"{CONSUMPTION} (grant beyond)")
def consume_beyond(run: Run) -> None:
    run.start(receive=0 if run.role == "responder" else 2, window=2)
    run.data(0, outstanding=1)
    run.grant(LARGEST - 1, result="ok", outstanding=LARGEST)
    run.consume(1, result=error("WindowOverflow"), transmit=[], outstanding=LARGEST)
    run.data(1, outstanding=LARGEST - 1)
    run.consume(2, result=error("WindowOverflow"), transmit=[])
    run.consume(1, result="ok", transmit=[frame("credit", frames=1)], outstanding=LARGEST)


@scenario("consume/without-a-window", anywhere, f"{CONSUMPTION} (without effect)")
def without_window(run: Run) -> None:
    run.start(send=1, receive=2)
    run.data(0)
    run.consume(1, result="ok", transmit=[], events=[])
    run.consume(9, result="ok", transmit=[])
    run.consume(0, result="ok", transmit=[])


@scenario("consume/of-one-message", receives_once, f"{CONSUMPTION} (without effect)")
def consume_one(run: Run) -> None:
    run.start(send=1, window=1)
    run.consume(1, result="ok", transmit=[], outstanding=1)
    run.data(0)
    run.consume(1, result="ok", transmit=[], outstanding=0)


@scenario("consume/after-the-end", receives_many, f"{CONSUMPTION} (without effect)")
def consume_ended(run: Run) -> None:
    run.start(receive=0 if run.role == "responder" else 2, window=2)
    run.data(0)
    run.data(1)
    run.cancel()
    run.consume(2, result="ok", transmit=[], outstanding=0)
    run.consume(7, result="ok", transmit=[])


@scenario("consume/largest-window", at("responder", "bidiStream"), f"{WINDOW} (granted)")
def largest_window(run: Run) -> None:
    run.create(window=LARGEST, agreed_credit=0)
    run.accept(1, transmit=[frame("credit", frames=LARGEST)], outstanding=LARGEST)
    run.grant(1, result=error("WindowOverflow"))
    run.data(0)
    run.consume(1, result="ok", transmit=[])
