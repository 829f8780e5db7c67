"""Runs of the sender half: credit, tickets, sizes, its close."""

from __future__ import annotations

from rows import (
    anywhere,
    half_closes_alone,
    responder_but_bidi,
    sends_many,
    sends_once,
)
from scenarios_base import LARGEST, Run, at, error, frame, scenario

TICKET = "Sender: Open | send, waiting"
ENDED_SEND = "Sender: Closed, Failed, Cancelled | send"
ORDER = "Text: local order is state, size, cardinality, credit"
IGNORED_CREDIT = "Text: credit frames for an exactly-1 direction are ignored"


@scenario(
    "sender/send",
    sends_many,
    "Sender: Open, c > 0, nobody waits | send",
    "Sender: Open, c = 0 | try_send",
)
def send(run: Run) -> None:
    run.start(send=2, receive=1)
    run.send(
        "73646b2d64617461",
        result="ok",
        credit=1,
        events=[],
        transmit=[frame("data", payload="73646b2d64617461")],
    )
    run.send("", result="ok", credit=0, transmit=[frame("data", sequence=1)])
    run.send("ff", result=error("CreditExhausted"), transmit=[], credit=0)
    run.credit(1, result="ok", events=[{"credit": 1}], credit=1)
    run.send("ff", transmit=[frame("data", sequence=2, payload="ff")], credit=0)


@scenario(
    "sender/send-once",
    sends_once,
    "Sender: Open | second send where one is allowed",
    "Text: an exactly-1 direction has one implicit credit",
    f"{ORDER} (cardinality before credit)",
)
def send_once(run: Run) -> None:
    run.start(receive=1)
    run.send("aa", result="ok", transmit=[frame("data", payload="aa")], credit=0)
    run.send("bb", result=error("TooManyMessages"), transmit=[], sender="open")
    run.send("bb", ticket=1, result=error("TooManyMessages"))
    run.close(transmit=[frame("close", reason="completed", final_sequence=1)])


@scenario("sender/no-credit-at-the-open", sends_many, "Sender: Open, c = 0 | try_send")
def no_credit(run: Run) -> None:
    run.start()
    run.send(result=error("CreditExhausted"), transmit=[], sender="open", credit=0)
    run.send(result=error("CreditExhausted"))
    run.credit(1)
    run.send("01", transmit=[frame("data", payload="01")])


@scenario("sender/grants-add-up", sends_many, "Sender: Open | credit g ≥ 1, c+g ≤ 2^31-1")
def grants_add_up(run: Run) -> None:
    run.start(send=1)
    run.credit(2, credit=3, events=[{"credit": 2}])
    run.credit(3, credit=6)
    for left in (5, 4, 3, 2, 1, 0):
        run.send(credit=left)
    run.send(result=error("CreditExhausted"))


@scenario("sender/credit-to-the-bound", sends_many, "Sender: Open | credit g ≥ 1, c+g ≤ 2^31-1")
def credit_bound(run: Run) -> None:
    run.start(send=1)
    run.credit(LARGEST - 1, result="ok", credit=LARGEST)
    run.send(credit=LARGEST - 1)
    run.credit(1, credit=LARGEST)


@scenario("sender/credit-zero", sends_many, "Sender: Open | credit 0, or beyond (0)")
def credit_zero(run: Run) -> None:
    run.start(send=2)
    run.send()
    run.credit(
        0,
        result="ok",
        sender="failed",
        receiver="failed",
        credit=0,
        transmit=[frame("error", code="flowControlViolation", sequence=1)],
        events=[{"failed": {"code": "flowControlViolation", "message": "", "by": "local"}}],
    )
    run.send(result=error("StreamEnded"))
    run.credit(0, result="ignored", ignored=1)


@scenario("sender/credit-beyond", sends_many, "Sender: Open | credit 0, or beyond (beyond)")
def credit_beyond(run: Run) -> None:
    run.start(send=1)
    run.credit(LARGEST, sender="failed", transmit=[frame("error", code="flowControlViolation")])


@scenario("sender/credit-largest-number", sends_many, "Sender: Open | credit 0, or beyond (beyond)")
def credit_largest(run: Run) -> None:
    run.start()
    run.wait(1)
    run.credit(
        2**32 - 1,
        sender="failed",
        events=[
            {"failed": {"code": "flowControlViolation", "message": "", "by": "local"}},
            {"ended": 1},
        ],
    )


@scenario(
    "sender/ready-tickets-count-for-the-bound",
    sends_many,
    "Sender: Open | credit 0, or beyond (beyond)",
)
def ready_counts(run: Run) -> None:
    run.start(send=2)
    run.wait(1, credit=1)
    run.credit(LARGEST - 2, result="ok", credit=LARGEST - 1)
    run.credit(
        1,
        sender="failed",
        events=[{"failed": {"code": "flowControlViolation", "message": "", "by": "local"}}],
    )
    run.send(ticket=1, result=error("StreamEnded"))


@scenario("sender/used-tickets-do-not-count", sends_many)
def used_does_not_count(run: Run) -> None:
    run.start(send=2)
    run.wait(1)
    run.send(ticket=1)
    run.credit(LARGEST - 1, result="ok", credit=LARGEST)


@scenario(
    "sender/credit-for-one-message",
    sends_once,
    *(f"{IGNORED_CREDIT} ({what})" for what in ("some", "0", "beyond")),
    "Sender: Closed, Failed, Cancelled | credit (failed)",
)
def credit_for_one(run: Run) -> None:
    run.start(receive=1)
    run.credit(5, result="ignored", ignored=1, credit=1, events=[], transmit=[])
    run.credit(0, result="ignored", ignored=2, sender="open")
    run.credit(2**32 - 1, result="ignored", ignored=3, sender="open")
    run.send("01", credit=0)
    run.credit(1, result="ignored", ignored=4, credit=0)
    run.send("02", result=error("TooManyMessages"))
    run.fail()
    run.credit(1, result="ignored", ignored=5)


@scenario(
    "sender/too-large",
    anywhere,
    "Sender: Open | send, too large (without a ticket)",
    f"{ORDER} (size before credit)",
)
def too_large(run: Run) -> None:
    run.start(send=1, receive=1, max_payload=4)
    run.send("0102030405", result=error("FrameTooLarge"), transmit=[], credit=1)
    run.send("01020304", result="ok", credit=0, transmit=[frame("data", payload="01020304")])
    run.send("0102030405", result=error("FrameTooLarge"), sender="open")


@scenario("sender/too-large-once-sent", sends_once, f"{ORDER} (size before cardinality)")
def too_large_once_sent(run: Run) -> None:
    run.start(max_payload=2)
    run.send("0102")
    run.send("010203", result=error("FrameTooLarge"))
    run.send("01", result=error("TooManyMessages"))
    run.close()
    run.send("010203", result=error("StreamEnded"))


@scenario("sender/no-payload-allowed", anywhere)
def no_payload(run: Run) -> None:
    run.start(send=2, receive=2, max_payload=0)
    run.send("00", result=error("FrameTooLarge"))
    run.send("", result="ok", transmit=[frame("data")])


@scenario(
    "sender/ticket/ready-at-once",
    anywhere,
    f"{TICKET} (ready at once)",
    f"{TICKET} (sent with)",
    f"{TICKET} (not ready)",
)
def ready_at_once(run: Run) -> None:
    run.start(send=2, receive=1)
    left = 0 if run.sends_once else 1
    run.send("aa", ticket=9, result=error("CreditExhausted"))
    run.wait(1, result="ok", events=[{"ready": 1}], credit=left, transmit=[])
    run.send("01", ticket=1, result="ok", transmit=[frame("data", payload="01")], credit=left)
    again = "TooManyMessages" if run.sends_once else "CreditExhausted"
    run.send("02", ticket=1, result=error(again), transmit=[])


@scenario(
    "sender/ticket/fifo",
    sends_many,
    f"{TICKET} (queued)",
    f"{TICKET} (credit goes to tickets in order)",
    f"{TICKET} (try_send does not overtake)",
    f"{TICKET} (not ready)",
)
def fifo(run: Run) -> None:
    run.start()
    run.wait(7, result="ok", events=[])
    run.wait(3, events=[])
    run.wait(5, events=[])
    run.send("aa", result=error("CreditExhausted"))
    run.credit(2, events=[{"credit": 2}, {"ready": 7}, {"ready": 3}], credit=0)
    run.send("aa", result=error("CreditExhausted"))
    run.send("05", ticket=5, result=error("CreditExhausted"))
    run.send("03", ticket=3, transmit=[frame("data", payload="03")])
    run.credit(2, events=[{"credit": 2}, {"ready": 5}], credit=1)
    run.send("07", ticket=7, transmit=[frame("data", sequence=1, payload="07")], credit=1)
    run.send("aa", transmit=[frame("data", sequence=2, payload="aa")], credit=0)
    run.send("05", ticket=5, transmit=[frame("data", sequence=3, payload="05")])


@scenario(
    "sender/ticket/wakes-at-most-g", sends_many, f"{TICKET} (credit goes to tickets in order)"
)
def wakes_at_most_g(run: Run) -> None:
    run.start()
    for ticket in range(5):
        run.wait(ticket)
    run.credit(1, events=[{"credit": 1}, {"ready": 0}])
    run.credit(3, events=[{"credit": 3}, {"ready": 1}, {"ready": 2}, {"ready": 3}], credit=0)
    run.credit(LARGEST - 4, events=[{"credit": LARGEST - 4}, {"ready": 4}], credit=LARGEST - 5)


@scenario("sender/ticket/dropped-while-waiting", sends_many, f"{TICKET} (dropped while it waits)")
def dropped_waiting(run: Run) -> None:
    run.start()
    run.wait(1)
    run.wait(2)
    run.wait(3)
    run.drop(2, result="ok", events=[])
    run.credit(2, events=[{"credit": 2}, {"ready": 1}, {"ready": 3}], credit=0)
    run.send(ticket=2, result=error("CreditExhausted"))


@scenario("sender/ticket/all-dropped-while-waiting", sends_many)
def all_dropped(run: Run) -> None:
    run.start()
    run.wait(1)
    run.wait(2)
    run.drop(1)
    run.drop(2)
    run.credit(1, events=[{"credit": 1}], credit=1)
    run.send(result="ok")


@scenario(
    "sender/ticket/passed-on",
    sends_many,
    f"{TICKET} (dropped when ready, passed on)",
    f"{TICKET} (dropped when ready, nobody waits)",
)
def passed_on(run: Run) -> None:
    run.start(send=1)
    run.wait(1, events=[{"ready": 1}], credit=0)
    run.wait(2, events=[])
    run.wait(3, events=[])
    run.drop(1, result="ok", events=[{"ready": 2}], credit=0)
    run.drop(2, events=[{"ready": 3}], credit=0)
    run.drop(3, events=[], credit=1)
    run.drop(3, result="ok", events=[], credit=1)
    run.send("01", result="ok", credit=0)


@scenario(
    "sender/ticket/dropped-once-is-gone",
    anywhere,
    f"{TICKET} (dropped when ready, nobody waits)",
    f"{TICKET} (no such ticket to drop)",
)
def dropped_once(run: Run) -> None:
    run.start(send=1, receive=1)
    run.wait(1, credit=0)
    run.drop(1, events=[], credit=1)
    run.drop(1, credit=1)
    run.drop(99, result="ok", credit=1)
    run.send("01", ticket=1, result=error("CreditExhausted"), credit=1)
    run.wait(2, events=[{"ready": 2}], credit=0)
    run.send("02", ticket=2, result="ok")
    run.drop(2, result="ok", credit=0)


@scenario(
    "sender/ticket/too-large",
    anywhere,
    "Sender: Open | send, too large (the ticket keeps its credit)",
)
def ticket_too_large(run: Run) -> None:
    run.start(send=1, receive=1, max_payload=2)
    run.wait(1)
    run.send("010203", ticket=1, result=error("FrameTooLarge"), transmit=[], credit=0)
    run.send("010203", ticket=9, result=error("FrameTooLarge"))
    run.send("0102", ticket=1, result="ok", transmit=[frame("data", payload="0102")])


@scenario(
    "sender/ticket/of-one-message",
    sends_once,
    f"{TICKET} (the one message sent or its credit held)",
)
def ticket_for_one(run: Run) -> None:
    run.start()
    run.wait(1, events=[{"ready": 1}], credit=0)
    run.wait(2, result=error("TooManyMessages"), events=[])
    run.close(result=error("MissingMessage"))
    run.drop(1, credit=1)
    run.wait(3, events=[{"ready": 3}])
    run.send("01", ticket=3, result="ok")
    run.wait(4, result=error("TooManyMessages"))


@scenario("sender/ticket/holds-the-one-credit", sends_once)
def held_for_one(run: Run) -> None:
    run.start()
    run.wait(1)
    run.send("aa", result=error("CreditExhausted"), sender="open")
    run.credit(1, result="ignored")
    run.send("aa", ticket=1, result="ok")


@scenario("sender/ticket/large-ids", sends_many, f"{TICKET} (queued)")
def large_ids(run: Run) -> None:
    run.start()
    run.wait(2**32 - 1)
    run.wait(0)
    run.credit(2, events=[{"credit": 2}, {"ready": 2**32 - 1}, {"ready": 0}])
    run.send("00", ticket=0, result="ok")
    run.send("ff", ticket=2**32 - 1, result="ok")


@scenario("sender/ticket/many", at("opener", "bidiStream"), f"{TICKET} (queued)")
def many_tickets(run: Run) -> None:
    run.start(send=3)
    order = [(7 * index) % 31 for index in range(31)]
    for ticket in order:
        run.wait(ticket)
    for ticket in order[4:12:2]:
        run.drop(ticket, events=[])
    left = [ticket for ticket in order[3:] if ticket not in order[4:12:2]]
    run.credit(5, events=[{"credit": 5}, *({"ready": ticket} for ticket in left[:5])])
    run.drop(order[0], events=[{"ready": left[5]}])
    run.close(events=[{"ended": ticket} for ticket in left[6:]])


@scenario("sender/ticket/try-send-takes-free-credit", sends_many)
def free_credit(run: Run) -> None:
    run.start(send=3)
    run.wait(1, credit=2)
    run.send("01", credit=1)
    run.wait(2, credit=0)
    run.send("02", result=error("CreditExhausted"))
    run.drop(1, credit=1)
    run.send("03", credit=0)
    run.send("04", ticket=2, transmit=[frame("data", sequence=2, payload="04")])


@scenario(
    "sender/ticket/ended-by-close",
    sends_many,
    "Sender: Open | close (tickets still waiting)",
    "Text: tickets that wait end with the stream",
    f"{ENDED_SEND} (with a ready ticket)",
    f"{ENDED_SEND} (wait when closed)",
)
def tickets_and_close(run: Run) -> None:
    run.start(send=1, receive=1)
    run.wait(4)
    run.wait(9)
    run.wait(2)
    run.close(
        result="ok",
        transmit=[frame("close", reason="completed")],
        events=[{"ended": 9}, {"ended": 2}],
    )
    run.send(ticket=4, result=error("StreamEnded"))
    run.send(ticket=9, result=error("StreamEnded"))
    run.drop(4, result="ok", events=[])
    run.drop(9, result="ok", events=[])
    run.wait(5, result=error("StreamEnded"), events=[])


@scenario(
    "sender/ticket/ready-when-ended",
    anywhere,
    f"{ENDED_SEND} (with a ready ticket)",
    f"{TICKET} (a ready ticket dropped after the end)",
)
def ready_when_ended(run: Run) -> None:
    run.start(send=1, receive=1)
    run.wait(1)
    run.cancel(events=[], sender="cancelled")
    run.send(ticket=1, result=error("StreamEnded"), transmit=[])
    run.drop(1, result="ok", events=[])


def _ended_tickets(how: str) -> None:
    """Waiting tickets end with the stream, however it ends; the stream's own event is first."""

    @scenario(
        f"sender/ticket/ended-by-{how}", sends_many, "Text: tickets that wait end with the stream"
    )
    def ended(run: Run) -> None:
        run.start(receive=1)
        run.wait(8)
        run.wait(1)
        gone = [{"ended": 8}, {"ended": 1}]
        by_peer = {"message": "Ende 終", "by": "peer"}
        if how == "fail":
            run.fail(events=gone)
        elif how == "cancel":
            run.cancel(events=gone)
        elif how == "peer-error":
            run.peer_error(
                "unavailable",
                "Ende 終",
                events=[{"failed": {"code": "unavailable", **by_peer}}, *gone],
            )
        elif how == "peer-cancel":
            run.peer_cancel(
                "shutdown",
                "Ende 終",
                events=[{"cancelled": {"reason": "shutdown", **by_peer}}, *gone],
            )
        else:
            run.data(
                7,
                events=[
                    {"failed": {"code": "sequenceViolation", "message": "", "by": "local"}},
                    *gone,
                ],
            )
        run.credit(3, result="ignored", events=[])
        run.wait(9, result=error("StreamEnded"))


for _how in ("fail", "cancel", "peer-error", "peer-cancel", "peer-misuse"):
    _ended_tickets(_how)


@scenario(
    "sender/close",
    anywhere,
    "Sender: Open | close (close(n))",
    f"{ENDED_SEND} (closed)",
    "Sender: Closed, Failed, Cancelled | close (closed)",
    "Sender: Closed, Failed, Cancelled | credit (closed)",
)
def close(run: Run) -> None:
    run.start(send=3, receive=1)
    run.send("01")
    if not run.sends_once:
        run.send("02")
    run.close(
        result="ok",
        sender="closed",
        events=[],
        transmit=[frame("close", reason="completed", final_sequence=1 if run.sends_once else 2)],
    )
    run.send("03", result=error("StreamEnded"), transmit=[])
    run.close(result="ended", transmit=[])
    run.credit(1, result="ignored", ignored=1, credit=0)
    run.credit(0, result="ignored", ignored=2, sender="closed")


@scenario("sender/close-empty", sends_many, "Sender: Open | close (close(n))")
def close_empty(run: Run) -> None:
    run.start()
    run.close("goingAway", transmit=[frame("close", reason="goingAway")], sender="closed")


@scenario(
    "sender/close-missing-message", sends_once, "Sender: Open | close before the required message"
)
def close_missing(run: Run) -> None:
    run.start()
    for reason in ("completed", "goingAway", "unspecified"):
        run.close(reason, result=error("MissingMessage"), transmit=[], sender="open", credit=1)
    run.send("")
    run.close(result="ok")


@scenario("sender/close-reasons", at("opener", "clientStream"))
def close_unspecified(run: Run) -> None:
    run.start()
    run.close("unspecified", transmit=[frame("close")], sender="closed")


def _close_reason(reason: str | int, shown: str | int) -> None:
    @scenario(f"sender/close-reason-{reason}", at("responder", "serverStream"))
    def closes(run: Run) -> None:
        run.start(send=1)
        run.close(reason, result="ok", transmit=[frame("close", reason=shown)])


for _given, _shown in (
    ("completed", "completed"),
    ("limitReached", "limitReached"),
    ("idle", "idle"),
    ("goingAway", "goingAway"),
    (99, 99),
    (65535, 65535),
    (1, "completed"),
):
    _close_reason(_given, _shown)


def _after(how: str) -> None:
    """What an ended sender half answers."""

    @scenario(
        f"sender/after-{how}",
        anywhere,
        f"{ENDED_SEND} ({how})",
        f"{ENDED_SEND} (wait when {how})",
        f"Sender: Closed, Failed, Cancelled | close ({how})",
        f"Sender: Closed, Failed, Cancelled | credit ({how})",
        "Stream: ended | fail, cancel (fail)",
        "Stream: ended | fail, cancel (cancel)",
    )
    def after(run: Run) -> None:
        run.start(send=3, receive=3, max_payload=2)
        run.end(how)
        run.send(result=error("StreamEnded"), sender=how, receiver=how, credit=0, outstanding=0)
        run.send("010203", result=error("StreamEnded"))
        run.send(ticket=7, result=error("StreamEnded"))
        run.wait(1, result=error("StreamEnded"))
        run.drop(1, result="ok")
        run.close(result="ended", transmit=[])
        run.fail(result="ended", transmit=[])
        run.cancel(result="ended", transmit=[])
        run.credit(2, result="ignored", ignored=1, events=[])
        run.credit(0, result="ignored", ignored=2, transmit=[])
        run.grant(2, result="ok", transmit=[])
        run.grant(0, result="ok", transmit=[])
        run.time(2**64 - 1, result="ok", sender=how)


for _state in ("closed", "failed", "cancelled"):
    _after(_state)


@scenario("sender/half-closed", half_closes_alone)
def half_closed(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    run.send(result=error("StreamEnded"), receiver="open")
    run.close(result="ended")
    run.data(0, "01", result="ok", events=[{"data": {"sequence": 0, "payload": "01"}}])


@scenario("sender/close-ends-the-stream", responder_but_bidi)
def close_ends(run: Run) -> None:
    run.start(send=2, receive=2)
    run.close_own()
    run.data(0, "01", result="ignored", receiver="closed", ignored=1, events=[])
    run.peer_close(1, result="ignored", ignored=2, events=[])
