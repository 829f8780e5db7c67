"""The table "Sender half": credit *c*, next sequence *n*, and the tickets that wait."""

from __future__ import annotations

from reference import frames
from reference.frames import BadJson, Enumerant
from reference.state import CLOSED, ENDED, LARGEST, OK, OPEN, Result, State, misuse


class Sender(State):
    """What an endpoint sends, and what it may."""

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
        if self.idle:
            self.cite("Opening: Idle | drop, consume", "drop")
        elif ticket in self.waiting:
            self.cite(row, "dropped while it waits")
            self.waiting.remove(ticket)
        elif ticket not in self.ready:
            self.cite(row, "no such ticket to drop")
        elif self.sender != OPEN:
            self.cite(row, "a ready ticket dropped after the end")
            self.ready.discard(ticket)
        else:
            case = "passed on" if self.waiting else "nobody waits"
            self.cite(row, f"dropped when ready, {case}")
            self.ready.discard(ticket)
            self.credit += 1
            self._hand_out()
        return OK

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
