"""Runs of the whole stream: fail, cancel, deadline, crossing ends, half-closes, whole calls."""

from __future__ import annotations

from rows import (
    anywhere,
    bidi,
    half_closes_alone,
    opener_but_bidi,
    peer_half_closes_alone,
    responder_but_bidi,
)
from scenarios_base import DEADLINE, GOOD, Run, at, error, frame, scenario

FAIL = "Stream: not ended | fail(code)"
CANCEL = "Stream: not ended | cancel, deadline"
PEER = "Stream: not ended | peer's error, cancel"
AFTER = "Stream: ended | open, error, cancel"
MESSAGE = "Text: fail or cancel with a message past its limit"
FINISH = "Text: the responder's close ends the stream"
HALVES = "Text: in bidi the halves are independent"
TIMED_OUT = [{"cancelled": {"reason": "deadlineExceeded", "message": "", "by": "local"}}]
UNICODE = 'Grüße, 世界 🧀 "quoted" \\ \t\n\u2028'
CODES = (
    "unknown",
    "cancelled",
    "invalidArgument",
    "deadlineExceeded",
    "notFound",
    "unauthenticated",
    "permissionDenied",
    "resourceExhausted",
    "unavailable",
    "internal",
    "protocolViolation",
    "flowControlViolation",
    "sequenceViolation",
    13,
    77,
    65535,
)
REASONS = (
    "unspecified",
    "userRequested",
    "deadlineExceeded",
    "consumerGone",
    "superseded",
    "upstreamCancelled",
    "backpressureTimeout",
    "shutdown",
    8,
    50,
    65535,
)


@scenario("stream/fail", anywhere, f"{FAIL} (both open)")
def fail(run: Run) -> None:
    run.start(send=2, receive=2)
    run.send("01")
    run.fail(
        "internal",
        "no more",
        result="ok",
        events=[],
        sender="failed",
        receiver="failed",
        credit=0,
        outstanding=0,
        transmit=[frame("error", code="internal", sequence=1, message="no more")],
    )
    run.fail("unknown", "again", result="ended", transmit=[])


@scenario("stream/fail-sender-closed", half_closes_alone, f"{FAIL} (sender closed)")
def fail_sender_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    sent = {"sequence": 1} if run.sends_once else {}
    run.fail(
        "unavailable",
        result="ok",
        sender="failed",
        receiver="failed",
        transmit=[frame("error", code="unavailable", **sent)],
    )


@scenario("stream/fail-receiver-closed", peer_half_closes_alone, f"{FAIL} (receiver closed)")
def fail_receiver_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_peer()
    run.fail(
        "permissionDenied",
        result="ok",
        sender="failed",
        receiver="failed",
        transmit=[frame("error", code="permissionDenied")],
    )


@scenario("stream/cancel", anywhere, f"{CANCEL} (cancel, both open)")
def cancel(run: Run) -> None:
    run.start(send=2, receive=2)
    run.send("01")
    run.cancel(
        "userRequested",
        "stop",
        result="ok",
        events=[],
        sender="cancelled",
        receiver="cancelled",
        transmit=[frame("cancel", reason="userRequested", message="stop")],
    )
    run.cancel(result="ended", transmit=[])
    run.data(0, result="ignored", ignored=1, events=[], transmit=[])


@scenario("stream/cancel-sender-closed", half_closes_alone, f"{CANCEL} (cancel, sender closed)")
def cancel_sender_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    run.cancel(
        "superseded",
        result="ok",
        sender="cancelled",
        receiver="cancelled",
        transmit=[frame("cancel", reason="superseded")],
    )


@scenario(
    "stream/cancel-receiver-closed", peer_half_closes_alone, f"{CANCEL} (cancel, receiver closed)"
)
def cancel_receiver_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_peer()
    run.cancel(
        "unspecified",
        result="ok",
        sender="cancelled",
        receiver="cancelled",
        transmit=[frame("cancel")],
    )


@scenario(
    "stream/peer-error",
    anywhere,
    f"{PEER} (error, both open)",
    f"{AFTER} (error)",
    f"{AFTER} (cancel)",
    f"{AFTER} (open)",
)
def peer_error(run: Run) -> None:
    run.start(send=2, receive=2)
    run.receive(
        frame("error", code="notFound", sequence=9, message="gone", details="00ff"),
        result="ok",
        transmit=[],
        sender="failed",
        receiver="failed",
        events=[{"failed": {"code": "notFound", "message": "gone", "by": "peer"}}],
    )
    run.peer_error(result="ignored", ignored=1, events=[], transmit=[])
    run.peer_cancel(result="ignored", ignored=2, events=[])
    run.accept(1, result="ignored", ignored=3, transmit=[])
    run.cancel(result="ended", transmit=[])


@scenario("stream/peer-error-sender-closed", half_closes_alone, f"{PEER} (error, sender closed)")
def peer_error_sender_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    run.peer_error(
        "internal",
        "",
        sender="failed",
        receiver="failed",
        transmit=[],
        events=[{"failed": {"code": "internal", "message": "", "by": "peer"}}],
    )
    run.send(result=error("StreamEnded"))


@scenario(
    "stream/peer-error-receiver-closed", peer_half_closes_alone, f"{PEER} (error, receiver closed)"
)
def peer_error_receiver_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_peer()
    run.peer_error(sender="failed", receiver="failed", transmit=[])


@scenario(
    "stream/peer-cancel",
    anywhere,
    f"{PEER} (cancel, both open)",
    f"{AFTER} (error)",
    f"{AFTER} (cancel)",
    f"{AFTER} (open)",
)
def peer_cancel(run: Run) -> None:
    run.start(send=2, receive=2)
    run.peer_cancel(
        "consumerGone",
        "bye",
        result="ok",
        transmit=[],
        sender="cancelled",
        receiver="cancelled",
        events=[{"cancelled": {"reason": "consumerGone", "message": "bye", "by": "peer"}}],
    )
    run.peer_cancel(result="ignored", ignored=1, events=[])
    run.peer_error(result="ignored", ignored=2, events=[], sender="cancelled")
    run.accept(1, result="ignored", ignored=3, transmit=[])
    run.fail(result="ended", transmit=[])


@scenario("stream/peer-cancel-sender-closed", half_closes_alone, f"{PEER} (cancel, sender closed)")
def peer_cancel_sender_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    run.peer_cancel(sender="cancelled", receiver="cancelled", transmit=[])


@scenario(
    "stream/peer-cancel-receiver-closed",
    peer_half_closes_alone,
    f"{PEER} (cancel, receiver closed)",
)
def peer_cancel_receiver_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_peer()
    run.peer_cancel(sender="cancelled", receiver="cancelled", transmit=[])


@scenario("stream/crossing-ends", anywhere, f"{AFTER} (error)", f"{AFTER} (cancel)")
def crossing(run: Run) -> None:
    run.start(send=2, receive=2)
    run.cancel(sender="cancelled")
    run.peer_error(result="ignored", ignored=1, transmit=[], events=[], sender="cancelled")
    run.peer_cancel(result="ignored", ignored=2, transmit=[])
    run.credit(1, result="ignored", ignored=3)
    run.data(0, result="ignored", ignored=4)


@scenario(
    "stream/crossing-after-completion",
    anywhere,
    f"{AFTER} (error)",
    f"{AFTER} (cancel)",
    f"{AFTER} (open)",
)
def crossing_completed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.end("closed")
    run.peer_cancel(result="ignored", ignored=1, sender="closed", receiver="closed", events=[])
    run.peer_error(result="ignored", ignored=2, sender="closed", transmit=[])
    run.accept(0, result="ignored", ignored=3, transmit=[])
    run.fail(result="ended", transmit=[])
    run.cancel(result="ended", transmit=[])


def _code(code: str | int) -> None:
    @scenario(f"stream/fail-code-{code}", at("opener", "unary"), f"{FAIL} (both open)")
    def fails(run: Run) -> None:
        run.start()
        shown = {} if code == "unknown" else {"code": code}
        run.fail(code, "because", transmit=[frame("error", **shown, message="because")])

    @scenario(
        f"stream/peer-error-code-{code}",
        at("responder", "bidiStream"),
        f"{PEER} (error, both open)",
    )
    def peer_fails(run: Run) -> None:
        run.start()
        run.peer_error(code, "", events=[{"failed": {"code": code, "message": "", "by": "peer"}}])


def _reason(reason: str | int) -> None:
    @scenario(
        f"stream/cancel-reason-{reason}",
        at("responder", "clientStream"),
        f"{CANCEL} (cancel, both open)",
    )
    def cancels(run: Run) -> None:
        run.start()
        shown = {} if reason == "unspecified" else {"reason": reason}
        run.cancel(reason, "", transmit=[frame("cancel", **shown)])

    @scenario(
        f"stream/peer-cancel-reason-{reason}",
        at("opener", "serverStream"),
        f"{PEER} (cancel, both open)",
    )
    def peer_cancels(run: Run) -> None:
        run.start()
        run.peer_cancel(
            reason, "x", events=[{"cancelled": {"reason": reason, "message": "x", "by": "peer"}}]
        )


for _one in CODES:
    _code(_one)
for _other in REASONS:
    _reason(_other)


@scenario("stream/peer-error-any-sequence", anywhere, f"{PEER} (error, both open)")
def any_sequence(run: Run) -> None:
    run.start(send=1, receive=2)
    run.data(0)
    run.receive(
        frame("error", code="cancelled", sequence=2**64 - 1),
        events=[{"failed": {"code": "cancelled", "message": "", "by": "peer"}}],
        transmit=[],
        sender="failed",
    )


@scenario("stream/known-numbers", at("responder", "unary"))
def known_numbers(run: Run) -> None:
    run.start()
    run.receive(
        frame("error", code=9),
        events=[{"failed": {"code": "internal", "message": "", "by": "peer"}}],
    )


@scenario("stream/defaults-left-out", at("opener", "bidiStream"))
def defaults_in(run: Run) -> None:
    run.start(send=1, receive=1)
    run.receive(frame("data"), events=[{"data": {"sequence": 0, "payload": ""}}])
    run.receive(frame("close", final_sequence=1), events=[{"closed": "unspecified"}])
    run.receive(
        frame("cancel"),
        events=[{"cancelled": {"reason": "unspecified", "message": "", "by": "peer"}}],
    )


@scenario("stream/unicode-fail", at("responder", "bidiStream"), f"{FAIL} (both open)")
def unicode_fail(run: Run) -> None:
    run.start()
    run.fail("internal", UNICODE, transmit=[frame("error", code="internal", message=UNICODE)])


@scenario("stream/unicode-cancel", at("opener", "bidiStream"), f"{CANCEL} (cancel, both open)")
def unicode_cancel(run: Run) -> None:
    run.start()
    run.cancel("shutdown", UNICODE, transmit=[frame("cancel", reason="shutdown", message=UNICODE)])


@scenario("stream/unicode-from-peer", at("opener", "clientStream"))
def unicode_peer(run: Run) -> None:
    run.start()
    run.peer_error(
        "unavailable",
        UNICODE,
        events=[{"failed": {"code": "unavailable", "message": UNICODE, "by": "peer"}}],
    )


@scenario(
    "stream/message-limits",
    anywhere,
    f"{MESSAGE} (fail, too long)",
    f"{MESSAGE} (cancel, too long)",
    f"{MESSAGE} (fail, NUL)",
    f"{MESSAGE} (cancel, NUL)",
)
def message_limits(run: Run) -> None:
    run.start(send=1, receive=1)
    too_long, nul = "é" * 2048 + "x", "a\0b"
    run.fail("internal", too_long, result=error("MessageTextTooLong"), transmit=[], sender="open")
    run.cancel("shutdown", too_long, result=error("MessageTextTooLong"), transmit=[])
    run.fail("internal", nul, result=error("BadText"), transmit=[])
    run.cancel("shutdown", nul, result=error("BadText"), transmit=[], sender="open")
    if run.role == "opener":
        run.fail("internal", "é" * 2048, result="ok", sender="failed")
    else:
        run.cancel("shutdown", "x" * 4096, result="ok", sender="cancelled")
    run.fail("internal", too_long, result="ended")
    run.cancel("shutdown", nul, result="ended")


@scenario("stream/message-limits-before-the-open", at("opener", "bidiStream"))
def message_limits_idle(run: Run) -> None:
    run.create()
    run.fail("internal", "x" * 4097, result=error("NotOpen"))
    run.cancel("shutdown", "\0", result=error("NotOpen"))


# Deadlines.


@scenario(
    "deadline/passes",
    anywhere,
    f"{CANCEL} (deadline, both open)",
    "Text: a time before the deadline, or none (before)",
)
def deadline(run: Run) -> None:
    run.start(send=2, receive=2, context=GOOD["deadline"])
    run.time(0, result="ok", sender="open")
    run.time(DEADLINE - 1, result="ok", sender="open", transmit=[], events=[])
    run.time(
        DEADLINE,
        result="ok",
        sender="cancelled",
        receiver="cancelled",
        events=TIMED_OUT,
        transmit=[frame("cancel", reason="deadlineExceeded")],
    )
    run.time(DEADLINE + 1, result="ok", transmit=[], events=[])
    run.peer_cancel("deadlineExceeded", result="ignored", ignored=1)


@scenario("deadline/passed-long-ago", anywhere, f"{CANCEL} (deadline, both open)")
def deadline_past(run: Run) -> None:
    run.create()
    run.time(DEADLINE, result="ok", sender="idle")
    if run.role == "opener":
        run.open(1, GOOD["deadline_one"], sender="open")
    else:
        run.accept(1, GOOD["deadline_one"], sender="open")
    run.time(DEADLINE, sender="cancelled", events=TIMED_OUT)


@scenario("deadline/none", anywhere, "Text: a time before the deadline, or none (none)")
def no_deadline(run: Run) -> None:
    run.start(context=GOOD["simple"])
    run.time(2**64 - 1, result="ok", sender="open", transmit=[], events=[])


@scenario("deadline/last-moment", at("responder", "unary"))
def last_moment(run: Run) -> None:
    run.start(context=GOOD["deadline_last"])
    run.time(2**64 - 2, sender="open")
    run.time(2**64 - 1, sender="cancelled", events=TIMED_OUT)


@scenario("deadline/sender-closed", half_closes_alone, f"{CANCEL} (deadline, sender closed)")
def deadline_sender_closed(run: Run) -> None:
    run.start(send=1, receive=1, context=GOOD["deadline"])
    run.close_own()
    run.time(DEADLINE + 5, sender="cancelled", receiver="cancelled", events=TIMED_OUT)


@scenario(
    "deadline/receiver-closed", peer_half_closes_alone, f"{CANCEL} (deadline, receiver closed)"
)
def deadline_receiver_closed(run: Run) -> None:
    run.start(send=1, receive=1, context=GOOD["full"])
    run.close_peer()
    run.time(DEADLINE, sender="cancelled", receiver="cancelled", events=TIMED_OUT)


@scenario("deadline/after-the-end", anywhere, "Text: a time after the end")
def deadline_after_end(run: Run) -> None:
    run.start(send=1, receive=1, context=GOOD["deadline"])
    run.end("closed")
    run.time(DEADLINE, result="ok", sender="closed", transmit=[], events=[])


@scenario("deadline/ends-tickets", at("opener", "clientStream", "bidiStream"))
def deadline_tickets(run: Run) -> None:
    run.start(context=GOOD["deadline"])
    run.wait(2)
    run.wait(1)
    run.time(DEADLINE, events=[*TIMED_OUT, {"ended": 2}, {"ended": 1}])


@scenario("deadline/after-a-refused-context", at("opener", "unary"))
def deadline_refused(run: Run) -> None:
    run.create()
    run.open(1, GOOD["deadline_one"] + "00", result=error("TrailingBytes"))
    run.open(1, GOOD["simple"])
    run.time(DEADLINE, sender="open")


# Unknown frames.


@scenario("unknown-frame/open", anywhere, "Text: an unknown frame kind is surfaced and counted")
def unknown_frame(run: Run) -> None:
    run.start(send=1, receive=1)
    run.receive(
        frame("unknown", tag=6),
        result="ignored",
        ignored=1,
        transmit=[],
        events=[{"violation": "UnknownFrame"}],
        sender="open",
        receiver="open",
        credit=1,
        outstanding=1,
    )
    run.receive(frame("unknown", tag=65535), ignored=2)
    run.send("01", transmit=[frame("data", payload="01")])
    run.data(0, result="ok")


@scenario(
    "unknown-frame/half-closed",
    anywhere,
    "Text: an unknown frame kind is surfaced and counted",
    "Text: an unknown frame kind after the end",
)
def unknown_half_closed(run: Run) -> None:
    run.start(send=1, receive=1)
    if run.role == "opener":
        run.close_own()
    else:
        run.close_peer()
    run.receive(
        frame("unknown", tag=7), result="ignored", ignored=1, events=[{"violation": "UnknownFrame"}]
    )
    run.fail()
    run.receive(frame("unknown", tag=7), result="ignored", ignored=2, events=[])


# Half-closes.


@scenario(
    "close/responder-ends-it", responder_but_bidi, f"{FINISH} (at the responder, receiver open)"
)
def responder_ends(run: Run) -> None:
    run.start(send=1, receive=4)
    run.send("01")
    run.close(
        "completed",
        result="ok",
        sender="closed",
        receiver="closed",
        events=[],
        outstanding=0,
        transmit=[frame("close", reason="completed", final_sequence=1)],
    )
    run.data(0, result="ignored", ignored=1, events=[])
    run.peer_close(0, result="ignored", ignored=2, events=[])
    run.fail(result="ended")


@scenario(
    "close/responder-ends-it-after-the-opener",
    responder_but_bidi,
    f"{FINISH} (at the responder, receiver closed)",
)
def responder_ends_after(run: Run) -> None:
    run.start(send=1, receive=1)
    run.close_peer()
    run.close_own()
    run.peer_close(run.model.expected, result="ignored", ignored=1)
    run.data(1, events=[{"violation": "FrameAfterClose"}])


@scenario("close/opener-finished", opener_but_bidi, f"{FINISH} (at the opener, finished)")
def opener_finished(run: Run) -> None:
    run.start(send=4, receive=1)
    run.data(0, "01")
    run.peer_close(
        1,
        "completed",
        result="ok",
        sender="closed",
        receiver="closed",
        credit=0,
        transmit=[],
        events=[{"closed": "completed"}, {"finished": True}],
    )
    run.send(result=error("StreamEnded"))
    run.close(result="ended", transmit=[])
    run.cancel(result="ended", transmit=[])


@scenario(
    "close/opener-finished-with-tickets",
    at("opener", "clientStream"),
    f"{FINISH} (at the opener, tickets end)",
)
def opener_finished_tickets(run: Run) -> None:
    run.start(send=1)
    run.wait(1)
    run.wait(3)
    run.wait(2)
    run.data(0, "01")
    run.peer_close(
        1,
        "limitReached",
        sender="closed",
        receiver="closed",
        events=[{"closed": "limitReached"}, {"finished": True}, {"ended": 3}, {"ended": 2}],
    )
    run.send(ticket=1, result=error("StreamEnded"))
    run.send(ticket=3, result=error("StreamEnded"))


@scenario("close/opener-completed", opener_but_bidi, f"{FINISH} (at the opener, sender closed)")
def opener_completed(run: Run) -> None:
    run.start(send=4, receive=1)
    run.close_own()
    run.data(0, "01")
    run.peer_close(1, sender="closed", receiver="closed", events=[{"closed": "completed"}])
    run.fail(result="ended")


@scenario(
    "close/bidi-own-first", bidi, f"{HALVES} (own close first)", f"{HALVES} (peer's close second)"
)
def bidi_own_first(run: Run) -> None:
    run.start(send=2, receive=2)
    run.send("01")
    run.close(
        result="ok",
        sender="closed",
        receiver="open",
        outstanding=2,
        transmit=[frame("close", reason="completed", final_sequence=1)],
    )
    run.data(0, "02", result="ok", outstanding=1)
    run.grant(1, transmit=[frame("credit", frames=1)], outstanding=2)
    run.peer_close(1, "goingAway", receiver="closed", events=[{"closed": "goingAway"}])
    run.fail(result="ended")


@scenario(
    "close/bidi-peer-first", bidi, f"{HALVES} (peer's close first)", f"{HALVES} (own close second)"
)
def bidi_peer_first(run: Run) -> None:
    run.start(send=1, receive=2)
    run.peer_close(0, receiver="closed", sender="open", events=[{"closed": "completed"}], credit=1)
    run.send("01", result="ok")
    run.credit(1, result="ok", credit=1)
    run.send("02", result="ok")
    run.close(
        "completed",
        result="ok",
        sender="closed",
        transmit=[frame("close", reason="completed", final_sequence=2)],
    )
    run.cancel(result="ended", transmit=[])


@scenario("close/peer-first-then-tickets", at("responder", "clientStream", "bidiStream"))
def peer_first_then_ticket(run: Run) -> None:
    run.start(send=1, receive=1)
    run.close_peer()
    run.wait(1, events=[{"ready": 1}])
    run.send("01", ticket=1, result="ok")
    run.close(result="ok", sender="closed", receiver="closed")


# Whole calls, from the first frame to the last.


@scenario("story/unary", at("opener", "unary"))
def story_unary(run: Run) -> None:
    run.create()
    run.open(1, GOOD["simple"])
    run.send("7b7d", result="ok")
    run.close(result="ok", sender="closed", receiver="open")
    run.data(0, "5b5d")
    run.peer_close(1, sender="closed", receiver="closed")


@scenario("story/unary-served", at("responder", "unary"))
def story_unary_served(run: Run) -> None:
    run.create(window=8)
    run.accept(1, GOOD["simple"], transmit=[])
    run.data(0, "7b7d")
    run.consume(1, transmit=[])
    run.peer_close(1, receiver="closed", sender="open")
    run.send("5b5d")
    run.close(sender="closed", receiver="closed")


@scenario("story/early-answer", at("responder", "clientStream"))
def story_early_answer(run: Run) -> None:
    run.create(window=4)
    run.accept(1, GOOD["simple"], transmit=[frame("credit", frames=4)])
    run.data(0, "01")
    run.send("0f", result="ok")
    run.close("limitReached", receiver="closed")
    run.data(1, "02", result="ignored", ignored=1)
    run.data(2, "03", result="ignored", ignored=2)
    run.peer_close(3, result="ignored", ignored=3)


@scenario("story/early-answer-seen", at("opener", "clientStream"))
def story_early_answer_seen(run: Run) -> None:
    run.create()
    run.open(1, GOOD["simple"])
    run.wait(1)
    run.credit(2, events=[{"credit": 2}, {"ready": 1}], credit=1)
    run.send("01", ticket=1)
    run.send("02", credit=0)
    run.wait(2)
    run.data(0, "0f")
    run.peer_close(
        1, "limitReached", events=[{"closed": "limitReached"}, {"finished": True}, {"ended": 2}]
    )


@scenario("story/server-stream", at("opener", "serverStream"))
def story_server_stream(run: Run) -> None:
    run.create(window=4)
    run.open(4, GOOD["deadline"], outstanding=4)
    run.send("01")
    run.close()
    sequence = 0
    for _ in range(4):
        for _ in range(2):
            run.data(sequence, f"{sequence:02x}")
            sequence += 1
        run.consume(2, transmit=[frame("credit", frames=2)], outstanding=4)
        run.time(DEADLINE - 100 + sequence, sender="closed", receiver="open")
    run.peer_close(8, events=[{"closed": "completed"}])


@scenario("story/server-stream-served", at("responder", "serverStream"))
def story_server_stream_served(run: Run) -> None:
    run.create()
    run.accept(2, GOOD["deadline"])
    run.data(0, "01")
    run.peer_close(1)
    run.send("00")
    run.send("01", credit=0)
    run.wait(1)
    run.wait(2)
    run.credit(1, events=[{"credit": 1}, {"ready": 1}])
    run.drop(1, events=[{"ready": 2}])
    run.send("02", ticket=2, transmit=[frame("data", sequence=2, payload="02")])
    run.close(transmit=[frame("close", reason="completed", final_sequence=3)])
    run.credit(2, result="ignored", ignored=1)


@scenario("story/relay-window-8", at("responder", "bidiStream"))
def story_relay(run: Run) -> None:
    run.create(window=8, agreed_credit=0)
    run.accept(8, GOOD["full"], transmit=[frame("credit", frames=8)], credit=8, outstanding=8)
    sequence = 0
    for _ in range(3):
        for _ in range(4):
            payload = f"{sequence:04x}"
            run.data(sequence, payload, result="ok")
            run.send(
                payload,
                transmit=[
                    frame("data", payload=payload)
                    if not sequence
                    else frame("data", sequence=sequence, payload=payload)
                ],
            )
            sequence += 1
        run.consume(4, transmit=[frame("credit", frames=4)], outstanding=8)
        run.credit(4, credit=8)
    run.peer_close(12, events=[{"closed": "completed"}])
    run.close(
        transmit=[frame("close", reason="completed", final_sequence=12)],
        sender="closed",
        receiver="closed",
    )


@scenario("story/consumer-gone", at("opener", "bidiStream"))
def story_consumer_gone(run: Run) -> None:
    run.create(agreed_credit=2)
    run.open(2, GOOD["simple"])
    run.send("01")
    run.wait(1)
    run.wait(2)
    run.peer_cancel(
        "consumerGone",
        "the reader left 🚪",
        sender="cancelled",
        transmit=[],
        events=[
            {
                "cancelled": {
                    "reason": "consumerGone",
                    "message": "the reader left 🚪",
                    "by": "peer",
                }
            },
            {"ended": 2},
        ],
    )
    run.send("02", ticket=1, result=error("StreamEnded"))
    run.credit(2, result="ignored", ignored=1)
    run.peer_error(result="ignored", ignored=2)
