"""Runs around the open: before it, the open itself, and what refuses it."""

from __future__ import annotations

from rows import (
    anywhere,
    at_opener,
    at_responder,
    before_the_open,
    idle_responder,
    opener_receiving_many,
    receives_many,
    receives_once,
    responder_sending_many,
    sends_many,
    sends_once,
)
from scenarios_base import (
    BAD,
    DEADLINE,
    GOOD,
    LARGEST,
    OTHER,
    STREAM,
    Run,
    at,
    error,
    frame,
    scenario,
)

NOT_OPEN = "Opening: Idle | send, close, fail, cancel, grant"
OTHER_FRAME = "Opening: Idle | any other frame; at the opener an open too"
FIRST = "Text: initialCredit means nothing for an exactly-1 direction"


@scenario(
    "opening/before-the-open/local",
    before_the_open,
    "Opening: Idle | time",
    "Opening: Idle | drop, consume (drop)",
    "Opening: Idle | drop, consume (consume)",
    *(f"{NOT_OPEN} ({what})" for what in ("send", "close", "fail", "cancel", "grant", "wait")),
)
def local_before_the_open(run: Run) -> None:
    run.create(window=4)
    refused = error("NotOpen")
    run.send("aa", result=refused, sender="idle", receiver="idle", credit=0, outstanding=0)
    run.send("aa", ticket=8, result=refused)
    run.wait(1, result=refused)
    run.close(result=refused)
    run.fail(result=refused, transmit=[])
    run.cancel(result=refused, transmit=[])
    run.grant(1, result=refused)
    run.grant(0, result=refused)
    run.consume(1, result="ok")
    run.drop(1, result="ok")
    run.time(DEADLINE, result="ok", sender="idle")


@scenario(
    "opening/before-the-open/frames",
    before_the_open,
    *(
        f"{OTHER_FRAME} ({what})"
        for what in ("data", "error", "close", "cancel", "credit", "unknown")
    ),
)
def frames_before_the_open(run: Run) -> None:
    run.create()
    unknown = [{"violation": "UnknownStream"}]
    run.data(0, result="ok", events=unknown, transmit=[], ignored=0)
    run.peer_error(events=unknown)
    run.peer_close(0, events=unknown)
    run.peer_cancel(events=unknown)
    run.credit(1, events=unknown)
    run.credit(0, events=unknown)
    run.receive(frame("unknown", tag=6), result="ok", events=unknown, ignored=0)
    if run.role == "opener":
        run.accept(1, events=unknown, sender="idle")
        run.open(0, GOOD["simple"], result="ok", sender="open")
    else:
        run.receive(frame("open", interaction="bidiStream"), result="ok", sender="open")


@scenario("opening/before-the-open/peer-opens", at_opener, f"{OTHER_FRAME} (open)")
def peer_opens_first(run: Run) -> None:
    run.create(agreed_credit=1)
    run.accept(
        1,
        GOOD["simple"],
        result="ok",
        events=[{"violation": "UnknownStream"}],
        transmit=[],
        sender="idle",
        receiver="idle",
        ignored=0,
    )
    run.open(1, GOOD["simple"], result="ok", sender="open", receiver="open")


@scenario(
    "opening/opener/open", at_opener, "Opening: Idle, opener | open", "Opening: opened | open"
)
def opener_opens(run: Run) -> None:
    run.create()
    credit = 1 if run.sends_once else 0
    outstanding = 1 if run.receives_once else 4
    shown = {"interaction": run.kind, "initial_credit": 4, "context": GOOD["full"]}
    if run.kind == "unary":
        del shown["interaction"]  # a default is left out
    run.open(
        4,
        GOOD["full"],
        result="ok",
        transmit=[frame("open", **shown)],
        events=[],
        sender="open",
        receiver="open",
        credit=credit,
        outstanding=outstanding,
    )
    run.open(4, GOOD["full"], result=error("AlreadyOpen"), transmit=[], sender="open")
    run.end("cancelled")
    run.open(4, GOOD["full"], result=error("AlreadyOpen"), sender="cancelled")


@scenario("opening/opener/no-credit-no-context", at_opener, "Opening: Idle, opener | open")
def opener_opens_bare(run: Run) -> None:
    run.create()
    shown = {} if run.kind == "unary" else {"interaction": run.kind}
    run.open(0, transmit=[frame("open", **shown)])
    run.time(LARGEST, sender="open")
    run.send("")


@scenario(
    "opening/opener/agreed-credit",
    lambda r, k: at_opener(r, k) and sends_many(r, k),
    "Text: the opener's first credit is what was agreed on",
)
def opener_agreed(run: Run) -> None:
    run.create(agreed_credit=2)
    run.open(1, credit=2)
    run.send("01", credit=1)
    run.send("02", credit=0)
    run.send("03", result=error("CreditExhausted"))


@scenario(
    "opening/opener/agreed-credit-means-nothing", lambda r, k: at_opener(r, k) and sends_once(r, k)
)
def opener_agreed_for_one(run: Run) -> None:
    run.create(agreed_credit=5)
    run.open(1, credit=1)
    run.send("01", credit=0)
    run.send("02", result=error("TooManyMessages"))


@scenario(
    "opening/opener/initial-credit-bounds",
    opener_receiving_many,
    "Opening: Idle, opener | open with initialCredit > 2^31-1 where it counts",
)
def opener_bounds(run: Run) -> None:
    run.create()
    run.open(LARGEST + 1, result=error("WindowOverflow"), transmit=[], sender="idle")
    run.open(2**32 - 1, result=error("WindowOverflow"))
    run.open(LARGEST, result="ok", outstanding=LARGEST)
    run.grant(1, result=error("WindowOverflow"))


@scenario(
    "opening/opener/initial-credit-means-nothing",
    lambda r, k: at_opener(r, k) and receives_once(r, k),
    f"{FIRST} (at the opener)",
)
def opener_credit_for_one(run: Run) -> None:
    run.create()
    run.open(2**32 - 1, result="ok", outstanding=1)
    run.data(0, "01", outstanding=0)


@scenario(
    "opening/opener/nil-stream-id",
    at_opener,
    "Text: the nil stream id",
    "Text: order at the opener's open (id before context)",
)
def opener_nil(run: Run) -> None:
    run.create()
    nil = "0" * 32
    refused = error("NilStreamId")
    run.take({"open": {"stream_id": nil, "initial_credit": 1}}, result=refused, transmit=[])
    run.take({"open": {"stream_id": nil, "context": BAD["BadText"]}}, result=refused)
    run.take({"open": {"stream_id": nil, "initial_credit": 2**32 - 1}}, result=refused)
    run.open(1, result="ok")


@scenario(
    "opening/opener/order-of-checks",
    opener_receiving_many,
    "Text: order at the opener's open (id before credit)",
    "Text: order at the opener's open (credit before context)",
)
def opener_order(run: Run) -> None:
    run.create()
    run.take(
        {"open": {"stream_id": "0" * 32, "initial_credit": 2**31}}, result=error("NilStreamId")
    )
    run.open(2**31, BAD["Truncated"], result=error("WindowOverflow"))
    run.open(0, BAD["Truncated"], result=error("Truncated"))
    run.open(0, GOOD["simple"], result="ok")
    run.open(2**31, BAD["Truncated"], result=error("AlreadyOpen"))


@scenario(
    "opening/opener/bad-context",
    at("opener", "bidiStream", "unary"),
    "Opening: Idle, opener | open with a context that does not decode",
)
def opener_bad_contexts(run: Run) -> None:
    run.create()
    for kind, encoded in BAD.items():
        run.open(1, encoded, result=error(kind), transmit=[], events=[], sender="idle")
    run.open(1, GOOD["simple"], result="ok", sender="open")


@scenario(
    "opening/opener/bad-context-then-good",
    at_opener,
    "Opening: Idle, opener | open with a context that does not decode",
)
def opener_bad_context(run: Run) -> None:
    run.create()
    run.open(1, BAD["DuplicateCapability"], result=error("DuplicateCapability"), sender="idle")
    run.send(result=error("NotOpen"))
    run.open(1, GOOD["simple"], result="ok")


@scenario("opening/opener/contexts", at("opener", "serverStream"))
def opener_context(run: Run) -> None:
    run.create()
    run.open(
        1,
        GOOD["later_schema"],
        result="ok",
        transmit=[
            frame(
                "open", interaction="serverStream", initial_credit=1, context=GOOD["later_schema"]
            )
        ],
    )


@scenario(
    "opening/opener/peer-opens",
    at_opener,
    "Opening: stream not ended | a second open; at the opener any open",
)
def opener_is_opened(run: Run) -> None:
    run.start(send=2, receive=2)
    run.send("01")
    run.accept(
        1,
        GOOD["simple"],
        result="ok",
        sender="failed",
        receiver="failed",
        events=[{"failed": {"code": "protocolViolation", "message": "", "by": "local"}}],
        transmit=[frame("error", code="protocolViolation", sequence=1)],
    )


@scenario("opening/responder/open", at_responder, "Opening: Idle, responder | open")
def responder_opens(run: Run) -> None:
    run.create()
    credit = 1 if run.sends_once else 3
    outstanding = 1 if run.receives_once else 0
    run.accept(
        3,
        GOOD["full"],
        result="ok",
        transmit=[],
        events=[{"opened": {"kind": run.kind, "context": GOOD["full"]}}],
        sender="open",
        receiver="open",
        credit=credit,
        outstanding=outstanding,
    )


@scenario("opening/responder/anonymous", at_responder, "Opening: Idle, responder | open")
def responder_anonymous(run: Run) -> None:
    run.create()
    run.accept(
        0,
        "",
        events=[{"opened": {"kind": run.kind, "context": ""}}],
        credit=1 if run.sends_once else 0,
    )


@scenario("opening/responder/contexts", at("responder", "bidiStream"))
def responder_context(run: Run) -> None:
    run.create()
    later = GOOD["later_schema"]
    run.accept(0, later, events=[{"opened": {"kind": "bidiStream", "context": later}}])
    run.time(DEADLINE, sender="cancelled")


@scenario("opening/responder/system-context", at("responder", "unary"))
def responder_system(run: Run) -> None:
    run.create()
    run.accept(0, GOOD["system"], result="ok", sender="open")


@scenario("opening/responder/default-context", at("responder", "serverStream"))
def responder_defaults(run: Run) -> None:
    run.create()
    run.accept(1, GOOD["defaults"], result="ok", sender="open")


@scenario("opening/responder/kind-as-number", at("responder", *("unary", "bidiStream")))
def responder_number(run: Run) -> None:
    run.create()
    raw = 0 if run.kind == "unary" else 3
    run.receive(
        frame("open", interaction=raw),
        sender="open",
        events=[{"opened": {"kind": run.kind, "context": ""}}],
    )


@scenario(
    "opening/responder/unknown-kind",
    idle_responder,
    "Opening: Idle, responder | open of an unknown kind",
)
def responder_unknown_kind(run: Run) -> None:
    run.create(window=4)
    opened = frame("open", interaction=4, initial_credit=1, context=GOOD["simple"])
    run.receive(
        opened,
        result="ok",
        sender="failed",
        receiver="failed",
        transmit=[frame("error", code="protocolViolation")],
        events=[{"failed": {"code": "protocolViolation", "message": "", "by": "local"}}],
    )
    run.receive(opened, result="ignored", ignored=1, transmit=[])
    run.data(0, result="ignored", ignored=2)
    run.receive(
        frame("open", OTHER, interaction="unary"),
        result="ok",
        events=[{"violation": "UnknownStream"}],
    )
    run.send(result=error("StreamEnded"))
    run.fail(result="ended", transmit=[])


@scenario(
    "opening/responder/unknown-kind-largest",
    idle_responder,
    "Text: order at the responder's open (kind before credit)",
    "Text: order at the responder's open (kind before context)",
)
def responder_unknown_first(run: Run) -> None:
    run.create()
    run.receive(
        frame("open", interaction=65535, initial_credit=2**32 - 1, context=BAD["Truncated"]),
        transmit=[frame("error", code="protocolViolation")],
    )


@scenario(
    "opening/responder/initial-credit-bound",
    responder_sending_many,
    "Text: the responder's first credit is open.initialCredit",
)
def responder_bound(run: Run) -> None:
    run.create()
    run.accept(LARGEST, sender="open", credit=LARGEST)
    run.send("01", credit=LARGEST - 1)
    run.credit(1, credit=LARGEST)
    run.credit(1, sender="failed")


@scenario(
    "opening/responder/initial-credit-beyond",
    responder_sending_many,
    "Opening: Idle, responder | open with initialCredit > 2^31-1 where it counts",
    "Text: order at the responder's open (credit before context)",
)
def responder_beyond(run: Run) -> None:
    run.create()
    run.accept(
        LARGEST + 1,
        BAD["DuplicateKey"],
        result="ok",
        sender="failed",
        transmit=[frame("error", code="flowControlViolation")],
        events=[{"failed": {"code": "flowControlViolation", "message": "", "by": "local"}}],
    )


@scenario(
    "opening/responder/initial-credit-means-nothing",
    lambda r, k: at_responder(r, k) and sends_once(r, k),
    f"{FIRST} (at the responder)",
)
def responder_credit_for_one(run: Run) -> None:
    run.create()
    run.accept(2**32 - 1, result="ok", sender="open", credit=1)
    run.send("01", result="ok", credit=0)


@scenario(
    "opening/responder/bad-context",
    at_responder,
    "Opening: Idle, responder | open with a context that does not decode",
)
def responder_bad_context(run: Run) -> None:
    run.create(window=2)
    run.accept(
        1,
        BAD["DuplicateCapability"],
        result="ok",
        sender="failed",
        receiver="failed",
        transmit=[frame("error", code="invalidArgument")],
        events=[{"failed": {"code": "invalidArgument", "message": "", "by": "local"}}],
    )
    run.accept(1, GOOD["simple"], result="ignored", events=[], ignored=1)
    run.time(DEADLINE, result="ok", sender="failed")
    run.grant(1, result="ok", transmit=[])


def _refuse(kind: str) -> None:
    """One run for each kind of refusal: at a responder it ends the stream."""

    @scenario(
        f"opening/responder/bad-context-{kind}",
        at("responder", "bidiStream"),
        "Opening: Idle, responder | open with a context that does not decode",
    )
    def refused(run: Run) -> None:
        run.create()
        run.accept(1, BAD[kind], sender="failed", transmit=[frame("error", code="invalidArgument")])


for _kind in BAD:
    _refuse(_kind)


@scenario(
    "opening/responder/agreed-credit",
    lambda r, k: at_responder(r, k) and receives_many(r, k),
    "Text: the responder knows the opener's agreed credit",
)
def responder_agreed(run: Run) -> None:
    run.create(agreed_credit=2)
    run.accept(1, outstanding=2)
    run.data(0, outstanding=1)
    run.data(1, outstanding=0)
    run.data(2, sender="failed")


@scenario(
    "opening/responder/agreed-credit-means-nothing",
    lambda r, k: at_responder(r, k) and receives_once(r, k),
)
def responder_agreed_for_one(run: Run) -> None:
    run.create(agreed_credit=7, window=9)
    run.accept(1, outstanding=1, transmit=[])


@scenario(
    "opening/second-open",
    at_responder,
    "Opening: stream not ended | a second open; at the opener any open",
    "Stream: ended | open, error, cancel (open)",
)
def second_open(run: Run) -> None:
    run.start(send=2, receive=2)
    run.send("01")
    run.accept(
        2,
        result="ok",
        sender="failed",
        receiver="failed",
        transmit=[frame("error", code="protocolViolation", sequence=1)],
    )
    run.accept(2, result="ignored", ignored=1, transmit=[], events=[])


@scenario(
    "opening/second-open-half-closed",
    at_responder,
    "Opening: stream not ended | a second open; at the opener any open",
)
def second_open_half_closed(run: Run) -> None:
    run.start(send=1, receive=1)
    run.close_peer()
    run.receive(frame("open", interaction=9), sender="failed", receiver="failed")


@scenario("opening/another-stream", anywhere, "Text: a frame of another stream")
def another_stream(run: Run) -> None:
    run.start(send=1, receive=1)
    unknown = [{"violation": "UnknownStream"}]
    for member, fields in (
        ("open", {"interaction": run.kind}),
        ("data", {"payload": "aa"}),
        ("error", {"code": "internal"}),
        ("close", {"reason": "completed"}),
        ("cancel", {"reason": "shutdown"}),
        ("credit", {"frames": 3}),
        ("unknown", {"tag": 6}),
    ):
        run.receive(
            frame(member, OTHER, **fields),
            result="ok",
            events=unknown,
            transmit=[],
            ignored=0,
            sender="open",
            receiver="open",
        )
    run.end("cancelled")
    run.receive(frame("data", OTHER, payload="aa"), result="ok", events=unknown, ignored=0)


@scenario("opening/largest-id", at("opener", "unary"))
def largest_id(run: Run) -> None:
    run.create()
    stream = "f" * 32
    run.take({"open": {"stream_id": stream}}, transmit=[frame("open", stream)])
    run.receive(frame("data", stream, payload="01"), outstanding=0)
    run.receive(frame("data", STREAM, sequence=1), events=[{"violation": "UnknownStream"}])
