"""The reference model: one endpoint of one stream, as wire.md section 4 has it.

It is written to be read beside the tables: every branch cites the row that it implements, by the
names of `rows.py`. Nothing is clever and nothing is fast. `step` takes an input of the trace form
(section 8) and gives its output; `cited` collects the rows that were executed.

`python model.py --serve` speaks the protocol of `ixt trace` on stdin and stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

import rows
from reference import context, frames
from reference.frames import BadJson, Body, Enumerant, Json

LARGEST = 2**31 - 1
"""The most credit that one direction may have outstanding."""
MESSAGE_LIMIT = 4 * 1024
DEFAULT_MAX_PAYLOAD = 1 << 20
NIL = "0" * 32

IDLE, OPEN, CLOSED, FAILED, CANCELLED = "idle", "open", "closed", "failed", "cancelled"
OK, ENDED, IGNORED = "ok", "ended", "ignored"

Result = str | Json


def misuse(kind: str) -> Result:
    """Local misuse: a typed error, no frame, no change of state."""
    return {"error": kind}


class Endpoint:
    """One endpoint of one stream."""

    def __init__(self, header: Json) -> None:
        known = {"endpoint", "kind", "max_payload", "window", "agreed_credit"}
        if not header.keys() <= known or header.get("endpoint") not in rows.ROLES:
            raise BadJson(f"not a header: {header!r}")
        self.role: str = header["endpoint"]
        self.kind: str = header["kind"] if self.role == "opener" else ""
        if self.role == "opener" and self.kind not in rows.KINDS:
            raise BadJson(f"not a kind: {self.kind!r}")
        self.max_payload: int = header.get("max_payload", DEFAULT_MAX_PAYLOAD)
        self.window: int | None = header.get("window")
        self.agreed_credit: int = header.get("agreed_credit", 0)

        self.stream_id = NIL
        self.deadline = 0
        self.ignored = 0
        self.sender = IDLE
        self.credit = 0  # free credit: what ready tickets hold is not in it
        self.sent = 0  # n, the next sequence
        self.waiting: list[int] = []  # tickets without a credit, first come first
        self.ready: set[int] = set()  # tickets that hold one credit each
        self.receiver = IDLE
        self.outstanding = 0  # o
        self.expected = 0  # e
        self.unconsumed = 0  # delivered, and not yet consumed by the application
        self.consumed = 0  # consumed, and not yet granted again
        self.closed_at: int | None = None  # the number in the peer's close frame, once it came

        self.transmit: list[Json] = []
        self.events: list[Json] = []
        self.cited: set[str] = set()

    # What the tables speak of.

    @property
    def sends_once(self) -> bool:
        """Whether this endpoint's direction carries exactly one message."""
        return rows.sends_once(self.role, self.kind)

    @property
    def receives_once(self) -> bool:
        """Whether the peer's direction carries exactly one message."""
        return rows.receives_once(self.role, self.kind)

    @property
    def idle(self) -> bool:
        return self.sender == IDLE

    @property
    def ended(self) -> bool:
        """The stream has ended when both halves have."""
        return not self.idle and OPEN not in (self.sender, self.receiver)

    def cite(self, row: str, case: str = "") -> None:
        """Records that the branch of a row is taken."""
        name = f"{row} ({case})" if case else row
        if name not in rows.ROW_IDS:
            raise KeyError(name)
        self.cited.add(name)

    def step(self, given: Json) -> Json:
        """One input of the trace form, and its output after the engine is drained."""
        self.transmit, self.events = [], []
        result = self._dispatch(given)
        return {
            "result": result,
            "transmit": self.transmit,
            "events": self.events,
            "state": {
                "sender": self.sender,
                "receiver": self.receiver,
                "credit": self.credit if self.sender == OPEN else 0,
                "outstanding": self.outstanding if self.receiver == OPEN else 0,
                "ignored": self.ignored,
            },
        }

    def _dispatch(self, given: Json) -> Result:
        match given:
            case {"send": payload, "ticket": ticket, **rest} if not rest:
                return self._send(frames.octets(payload), frames.number(32)(ticket))
            case {"receive": frame, **rest} if not rest:
                return self._receive(*frames.parse_frame(frame))
        if len(given) != 1:
            raise BadJson(f"not an input: {given!r}")
        ((name, value),) = given.items()
        simple: dict[str, Callable[[Any], Result]] = {
            "open": self._open,
            "send": lambda payload: self._send(frames.octets(payload), None),
            "wait": lambda ticket: self._wait(frames.number(32)(ticket)),
            "drop": lambda ticket: self._drop(frames.number(32)(ticket)),
            "grant": lambda grant: self._grant(frames.number(32)(grant)),
            "consume": lambda count: self._consume(frames.number(32)(count)),
            "close": lambda reason: self._close(frames.close_reason(reason)),
            "fail": self._fail,
            "cancel": self._cancel,
            "time": lambda now: self._time(frames.number(64)(now)),
        }
        if name not in simple:
            raise BadJson(f"no such input: {name!r}")
        return simple[name](value)

    def _emit(self, body: Body) -> None:
        self.transmit.append(frames.frame_text(self.stream_id, body))

    def _violation(self, kind: str) -> Result:
        """Tells the host of a frame that is no ground to fail: neither counted nor answered."""
        self.events.append({"violation": kind})
        return OK

    def _ignore(self) -> Result:
        self.ignored += 1
        return IGNORED

    # Opening.

    def _become_open(self, stream: str, deadline: int, credit: int, outstanding: int) -> None:
        self.stream_id, self.deadline = stream, deadline
        self.sender = self.receiver = OPEN
        if self.sends_once:
            self.cite("Text: an exactly-1 direction has one implicit credit")
        self.credit = 1 if self.sends_once else credit
        self.outstanding = 1 if self.receives_once else outstanding

    def _open(self, given: Any) -> Result:
        if self.role != "opener":
            raise BadJson("a responder does not open")
        parsers = {
            "stream_id": frames.stream_id,
            "initial_credit": frames.number(32),
            "context": frames.octets,
        }
        stream, initial, encoded = frames.fields(
            given, parsers, {"stream_id": NIL, "initial_credit": 0, "context": ""}
        )
        if not self.idle:
            self.cite("Opening: opened | open")
            return misuse("AlreadyOpen")
        faults: list[tuple[str, str]] = []
        if stream == NIL:
            faults.append(("id", "NilStreamId"))
        if initial > LARGEST and not self.receives_once:
            faults.append(("credit", "WindowOverflow"))
        try:
            deadline = context.deadline_of(encoded)
        except context.Refused as refused:
            faults.append(("context", refused.kind))
            deadline = 0
        if faults:
            return self._refuse_open(faults)
        self.cite("Opening: Idle, opener | open")
        if self.receives_once and initial != 1:
            self.cite(
                "Text: initialCredit means nothing for an exactly-1 direction", "at the opener"
            )
        if not self.sends_once and self.agreed_credit:
            self.cite("Text: the opener's first credit is what was agreed on")
        self._become_open(stream, deadline, self.agreed_credit, initial)
        self._emit(frames.Open(self.kind, initial, encoded))
        return OK

    def _refuse_open(self, faults: list[tuple[str, str]]) -> Result:
        first, kind = faults[0]
        for later, _ in faults[1:]:
            self.cite("Text: order at the opener's open", f"{first} before {later}")
        if first == "id":
            self.cite("Text: the nil stream id")
        elif first == "credit":
            self.cite("Opening: Idle, opener | open with initialCredit > 2^31-1 where it counts")
        else:
            self.cite("Opening: Idle, opener | open with a context that does not decode")
        return misuse(kind)

    def _accept(self, stream: str, opened: frames.Open) -> Result:
        """The responder's open: kind, then credit, then context."""
        self.stream_id = stream
        known = opened.interaction in rows.KINDS
        self.kind = str(opened.interaction) if known else ""
        faults: list[tuple[str, str]] = []
        if not known:
            faults.append(("kind", "protocolViolation"))
        if opened.initial_credit > LARGEST and not self.sends_once:
            faults.append(("credit", "flowControlViolation"))
        try:
            deadline = context.deadline_of(opened.context)
        except context.Refused:
            faults.append(("context", "invalidArgument"))
            deadline = 0
        if faults:
            return self._refuse_accept(faults)
        self.cite("Opening: Idle, responder | open")
        if self.sends_once and opened.initial_credit != 1:
            self.cite(
                "Text: initialCredit means nothing for an exactly-1 direction", "at the responder"
            )
        elif not self.sends_once and opened.initial_credit:
            self.cite("Text: the responder's first credit is open.initialCredit")
        if not self.receives_once and self.agreed_credit:
            self.cite("Text: the responder knows the opener's agreed credit")
        self._become_open(stream, deadline, opened.initial_credit, self.agreed_credit)
        told = {"kind": self.kind, "context": opened.context.hex()}
        self.events.append({"opened": told})
        if self.window is not None and not self.receives_once:
            first = self.window - self.agreed_credit
            row = "Text: the whole window at the open"
            self.cite(row, "granted" if first > 0 else "covered by the agreed credit")
            if first > 0:
                self._grant_now(first)
        return OK

    def _refuse_accept(self, faults: list[tuple[str, str]]) -> Result:
        first, code = faults[0]
        for later, _ in faults[1:]:
            self.cite("Text: order at the responder's open", f"{first} before {later}")
        self.cite(
            {
                "kind": "Opening: Idle, responder | open of an unknown kind",
                "credit": "Opening: Idle, responder | "
                "open with initialCredit > 2^31-1 where it counts",
                "context": "Opening: Idle, responder | open with a context that does not decode",
            }[first]
        )
        return self._fail_peer(code)

    # The sender half.

    def _send(self, payload: bytes, ticket: int | None) -> Result:
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "send")
            return misuse("NotOpen")
        if self.sender != OPEN:
            row = "Sender: Closed, Failed, Cancelled | send"
            self.cite(row, self.sender)
            if ticket in self.ready:
                self.cite(row, "with a ready ticket")
            return misuse("StreamEnded")
        has_credit = self.credit > 0 if ticket is None else ticket in self.ready
        faults: list[tuple[str, str]] = []
        if len(payload) > self.max_payload:
            faults.append(("size", "FrameTooLarge"))
        if self.sends_once and self.sent:
            faults.append(("cardinality", "TooManyMessages"))
        if not has_credit:
            faults.append(("credit", "CreditExhausted"))
        if faults:
            return self._refuse_send(faults, ticket)
        if ticket is None:
            self.cite("Sender: Open, c > 0, nobody waits | send")
            self.credit -= 1
        else:
            self.cite("Sender: Open | send, waiting", "sent with")
            self.ready.discard(ticket)
        self._emit(frames.Data(self.sent, payload))
        self.sent += 1
        return OK

    def _refuse_send(self, faults: list[tuple[str, str]], ticket: int | None) -> Result:
        first, kind = faults[0]
        for later, _ in faults[1:]:
            self.cite(
                "Text: local order is state, size, cardinality, credit", f"{first} before {later}"
            )
        if first == "size":
            self.cite(
                "Sender: Open | send, too large",
                "the ticket keeps its credit" if ticket in self.ready else "without a ticket",
            )
        elif first == "cardinality":
            self.cite("Sender: Open | second send where one is allowed")
        elif ticket is not None:
            self.cite("Sender: Open | send, waiting", "not ready")
        elif self.waiting:
            self.cite("Sender: Open | send, waiting", "try_send does not overtake")
        elif not self.sends_once:
            self.cite("Sender: Open, c = 0 | try_send")
        return misuse(kind)

    def _wait(self, ticket: int) -> Result:
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "wait")
            return misuse("NotOpen")
        if self.sender != OPEN:
            self.cite("Sender: Closed, Failed, Cancelled | send", f"wait when {self.sender}")
            return misuse("StreamEnded")
        if ticket in self.ready or ticket in self.waiting:
            raise BadJson(f"ticket {ticket} is in use")
        row = "Sender: Open | send, waiting"
        if self.sends_once and not self.credit:
            self.cite(row, "the one message sent or its credit held")
            return misuse("TooManyMessages")
        if self.credit:
            self.cite(row, "ready at once")
        else:
            self.cite(row, "queued")
        self.waiting.append(ticket)
        self._hand_out()
        return OK

    def _hand_out(self) -> None:
        """Gives free credit to the tickets that wait, first come first."""
        while self.credit and self.waiting:
            ticket = self.waiting.pop(0)
            self.credit -= 1
            self.ready.add(ticket)
            self.events.append({"ready": ticket})

    def _drop(self, ticket: int) -> Result:
        row = "Sender: Open | send, waiting"
        if ticket in self.waiting:
            self.cite(row, "dropped while it waits")
            self.waiting.remove(ticket)
        elif ticket in self.ready and self.sender == OPEN:
            self.cite(
                row,
                "dropped when ready, passed on"
                if self.waiting
                else "dropped when ready, nobody waits",
            )
            self.ready.discard(ticket)
            self.credit += 1
            self._hand_out()
        else:
            self.cite(row, "no such ticket to drop")
            self.ready.discard(ticket)
        return OK

    def _end_tickets(self) -> None:
        """Tickets that still wait end; a ready one learns of it when it is used."""
        if self.waiting:
            self.cite("Text: tickets that wait end with the stream")
        self.events.extend({"ended": ticket} for ticket in self.waiting)
        self.waiting.clear()

    def _receive_credit(self, grant: int) -> Result:
        if self.sender != OPEN:
            self.cite("Sender: Closed, Failed, Cancelled | credit", self.sender)
            return self._ignore()
        if self.sends_once:
            self.cite(
                "Text: credit frames for an exactly-1 direction are ignored",
                "0" if not grant else "beyond" if grant > LARGEST else "some",
            )
            return self._ignore()
        held = self.credit + len(self.ready)
        if not grant or held + grant > LARGEST:
            self.cite("Sender: Open | credit 0, or beyond", "beyond" if grant else "0")
            return self._fail_peer("flowControlViolation")
        self.cite("Sender: Open | credit g ≥ 1, c+g ≤ 2^31-1")
        if self.waiting:
            self.cite("Sender: Open | send, waiting", "credit goes to tickets in order")
        self.credit += grant
        self.events.append({"credit": grant})
        self._hand_out()
        return OK

    def _close(self, reason: Enumerant) -> Result:
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "close")
            return misuse("NotOpen")
        if self.sender != OPEN:
            self.cite("Sender: Closed, Failed, Cancelled | close", self.sender)
            return ENDED
        if self.sends_once and not self.sent:
            self.cite("Sender: Open | close before the required message")
            return misuse("MissingMessage")
        self.cite("Sender: Open | close", "tickets still waiting" if self.waiting else "close(n)")
        self._emit(frames.Close(reason, self.sent))
        self.sender = CLOSED
        if self.kind == "bidiStream":
            self.cite(
                "Text: in bidi the halves are independent",
                "own close first" if self.receiver == OPEN else "own close second",
            )
        elif self.role == "responder":
            self.cite(
                "Text: the responder's close ends the stream",
                f"at the responder, receiver {self.receiver}",
            )
            self.receiver = CLOSED
        self._end_tickets()
        return OK

    # The receiver half.

    def _grant_now(self, grant: int) -> None:
        self.outstanding += grant
        self._emit(frames.Credit(grant))

    def _grant(self, grant: int) -> Result:
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "grant")
            return misuse("NotOpen")
        if self.receiver != OPEN:
            self.cite("Receiver: not Open | grant")
            return OK
        if self.receives_once:
            self.cite(
                "Text: grants for an exactly-1 direction are ignored",
                "0" if not grant else "beyond" if grant > LARGEST else "some",
            )
            return OK
        if not grant:
            self.cite("Receiver: Open | grant 0")
            return misuse("InvalidGrant")
        if self.outstanding + grant > LARGEST:
            self.cite("Receiver: Open | grant beyond")
            return misuse("WindowOverflow")
        self.cite("Receiver: Open | grant g ≥ 1, o+g ≤ 2^31-1")
        self._grant_now(grant)
        return OK

    def _consume(self, count: int) -> Result:
        row = "Text: consumption"
        if self.receiver != OPEN or self.window is None or self.receives_once:
            self.cite(row, "without effect")
            return OK
        if not count:
            self.cite(row, "of nothing")
            return OK
        if count > self.unconsumed:
            self.cite(row, "of more than was delivered")
            return misuse("InvalidGrant")
        grant = self.consumed + count
        if grant < max(1, self.window // 2):
            self.cite(row, "below the threshold")
            self.consumed = grant
        elif self.outstanding + grant > LARGEST:
            self.cite(row, "grant beyond")
            return misuse("WindowOverflow")
        else:
            self.cite(row, "at the threshold")
            self.consumed = 0
            self._grant_now(grant)
        self.unconsumed -= count
        return OK

    def _receive_data(self, data: frames.Data) -> Result:
        if self.receiver != OPEN:
            return self._late_data()
        faults: list[tuple[str, str]] = []
        if self.receives_once and self.expected:
            faults.append(("cardinality", "protocolViolation"))
        if data.sequence != self.expected:
            faults.append(("sequence", "sequenceViolation"))
        if not self.outstanding:
            faults.append(("credit", "flowControlViolation"))
        if len(data.payload) > self.max_payload:
            faults.append(("size", "resourceExhausted"))
        if faults:
            first, code = faults[0]
            for later, _ in faults[1:]:
                self.cite(
                    "Text: peer order is state, cardinality, sequence, credit, size",
                    f"{first} before {later}",
                )
            self.cite(
                {
                    "cardinality": "Receiver: Open | data beyond the kind",
                    "sequence": "Receiver: Open | data s ≠ e",
                    "credit": "Receiver: Open | data, o = 0",
                    "size": "Receiver: Open | data, too large",
                }[first]
            )
            return self._fail_peer(code)
        self.cite("Receiver: Open | data s = e, o > 0")
        self.outstanding -= 1
        self.expected += 1
        self.unconsumed += 1
        told = {"sequence": data.sequence, "payload": data.payload.hex()}
        self.events.append({"data": told})
        return OK

    def _late_data(self) -> Result:
        if self.closed_at is None:
            self.cite("Receiver: ended otherwise | data, close", "data")
            return self._ignore()
        self.cite(
            "Receiver: Closed by its close frame | data, or a close with another number, "
            "also after the stream has ended",
            "data after the end" if self.ended else "data",
        )
        return self._violation("FrameAfterClose")

    def _receive_close(self, close: frames.Close) -> Result:
        if self.receiver != OPEN:
            return self._late_close(close.final_sequence)
        missing = self.receives_once and not self.expected
        if close.final_sequence != self.expected:
            if missing:
                self.cite("Text: a close is checked for its number, then for the required message")
            self.cite("Receiver: Open | close(≠ e)")
            return self._fail_peer("sequenceViolation")
        if missing:
            self.cite("Receiver: Open | close(e), required message missing")
            return self._fail_peer("protocolViolation")
        self.cite("Receiver: Open | close(e), the kind satisfied")
        self.receiver = CLOSED
        self.closed_at = close.final_sequence
        self.events.append({"closed": close.reason})
        if self.kind == "bidiStream":
            self.cite(
                "Text: in bidi the halves are independent",
                "peer's close first" if self.sender == OPEN else "peer's close second",
            )
        elif self.role == "opener":
            self._finish()
        return OK

    def _finish(self) -> None:
        """The responder's close ends the stream in every kind but bidi."""
        row = "Text: the responder's close ends the stream"
        if self.sender != OPEN:
            self.cite(row, "at the opener, sender closed")
            return
        self.cite(row, "at the opener, tickets end" if self.waiting else "at the opener, finished")
        self.sender = CLOSED
        self.events.append({"finished": True})
        self._end_tickets()

    def _late_close(self, number: int) -> Result:
        if self.closed_at is None:
            self.cite("Receiver: ended otherwise | data, close", "close")
            return self._ignore()
        if number == self.closed_at:
            self.cite("Receiver: Closed by its close frame | a close with the same number")
            return self._ignore()
        self.cite(
            "Receiver: Closed by its close frame | data, or a close with another number, "
            "also after the stream has ended",
            "close after the end" if self.ended else "close",
        )
        return self._violation("FrameAfterClose")

    # The whole stream.

    def _halves(self) -> str:
        """Which half, if any, is already closed when the whole stream ends."""
        if self.sender == CLOSED:
            return "sender closed"
        return "receiver closed" if self.receiver == CLOSED else "both open"

    def _end(self, how: str) -> None:
        """Both halves end, a Closed one too."""
        self.sender = self.receiver = how
        self._end_tickets()

    def _fail_peer(self, code: str) -> Result:
        """Peer misuse: one error frame, and the stream ends."""
        self._emit(frames.Error(code, self.sent, "", b""))
        self.events.append({"failed": {"code": code, "message": "", "by": "local"}})
        self._end(FAILED)
        return OK

    def _refuse_message(self, what: str, message: str) -> Result | None:
        row = "Text: fail or cancel with a message past its limit"
        if len(message.encode()) > MESSAGE_LIMIT:
            self.cite(row, f"{what}, too long")
            return misuse("MessageTextTooLong")
        if "\0" in message:
            self.cite(row, f"{what}, NUL")
            return misuse("BadText")
        return None

    def _fail(self, given: Any) -> Result:
        code, message = frames.fields(
            given,
            {"code": frames.error_code, "message": frames.string},
            {"code": "unknown", "message": ""},
        )
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "fail")
            return misuse("NotOpen")
        if self.ended:
            self.cite("Stream: ended | fail, cancel", "fail")
            return ENDED
        if refusal := self._refuse_message("fail", message):
            return refusal
        self.cite("Stream: not ended | fail(code)", self._halves())
        self._emit(frames.Error(code, self.sent, message, b""))
        self._end(FAILED)
        return OK

    def _cancel(self, given: Any) -> Result:
        reason, message = frames.fields(
            given,
            {"reason": frames.cancel_reason, "message": frames.string},
            {"reason": "unspecified", "message": ""},
        )
        if self.idle:
            self.cite("Opening: Idle | send, close, fail, cancel, grant", "cancel")
            return misuse("NotOpen")
        if self.ended:
            self.cite("Stream: ended | fail, cancel", "cancel")
            return ENDED
        if refusal := self._refuse_message("cancel", message):
            return refusal
        self.cite("Stream: not ended | cancel, deadline", f"cancel, {self._halves()}")
        self._emit(frames.Cancel(reason, message))
        self._end(CANCELLED)
        return OK

    def _time(self, now: int) -> Result:
        if self.idle:
            self.cite("Opening: Idle | time")
        elif self.ended:
            self.cite("Text: a time after the end")
        elif not self.deadline or now < self.deadline:
            self.cite(
                "Text: a time before the deadline, or none", "before" if self.deadline else "none"
            )
        else:
            self.cite("Stream: not ended | cancel, deadline", f"deadline, {self._halves()}")
            self._emit(frames.Cancel("deadlineExceeded", ""))
            told = {"reason": "deadlineExceeded", "message": "", "by": "local"}
            self.events.append({"cancelled": told})
            self._end(CANCELLED)
        return OK

    # A frame of the peer.

    def _receive(self, stream: str, body: Body) -> Result:
        if self.idle:
            if self.role == "responder" and isinstance(body, frames.Open):
                return self._accept(stream, body)
            self.cite(
                "Opening: Idle | any other frame; at the opener an open too",
                type(body).__name__.lower(),
            )
            return self._violation("UnknownStream")
        if stream != self.stream_id:
            self.cite("Text: a frame of another stream")
            return self._violation("UnknownStream")
        match body:
            case frames.Credit(frames=grant):
                return self._receive_credit(grant)
            case frames.Data():
                return self._receive_data(body)
            case frames.Close():
                return self._receive_close(body)
            case frames.Unknown():
                return self._receive_unknown()
            case frames.Open() | frames.Error() | frames.Cancel() if self.ended:
                self.cite("Stream: ended | open, error, cancel", type(body).__name__.lower())
                return self._ignore()
            case frames.Open():
                self.cite("Opening: stream not ended | a second open; at the opener any open")
                return self._fail_peer("protocolViolation")
            case frames.Error(code=code, message=message):
                self.cite("Stream: not ended | peer's error, cancel", f"error, {self._halves()}")
                told = {"code": code, "message": message, "by": "peer"}
                self.events.append({"failed": told})
                self._end(FAILED)
            case frames.Cancel(reason=reason, message=message):
                self.cite("Stream: not ended | peer's error, cancel", f"cancel, {self._halves()}")
                told = {"reason": reason, "message": message, "by": "peer"}
                self.events.append({"cancelled": told})
                self._end(CANCELLED)
        return OK

    def _receive_unknown(self) -> Result:
        if self.ended:
            self.cite("Text: an unknown frame kind after the end")
        else:
            self.cite("Text: an unknown frame kind is surfaced and counted")
            self.events.append({"violation": "UnknownFrame"})
        return self._ignore()


def line(value: Json) -> str:
    """A value as one line: compact, and UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def serve(lines: TextIO, answers: TextIO, make: Callable[[Json], Endpoint] = Endpoint) -> None:
    """What `ixt trace` does: a header starts an endpoint, an input gives a line of output."""
    endpoint: Endpoint | None = None
    for text in lines:
        given = json.loads(text)
        if "endpoint" in given:
            endpoint = make(given)
        elif endpoint is None:
            raise BadJson("an input before the header")
        else:
            print(line(endpoint.step(given)), file=answers)


if __name__ == "__main__":
    if sys.argv[1:] != ["--serve"]:
        sys.exit("usage: model.py --serve")
    serve(sys.stdin, sys.stdout)
