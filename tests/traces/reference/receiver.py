"""The table "Receiver half": outstanding *o*, expected *e*, and grants as frames are consumed."""

from __future__ import annotations

from reference import frames
from reference.state import CLOSED, LARGEST, OK, OPEN, Result, State, misuse


class Receiver(State):
    """What an endpoint receives, and what it grants."""

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
        if self.idle:
            self.cite("Opening: Idle | drop, consume", "consume")
            return OK
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
            if self.outstanding or count < self.unconsumed:
                self.cite(row, "below the threshold")
                self.consumed = grant
            else:
                self.cite(row, "of all that was granted")
                self.consumed = 0
                self._grant_now(grant)
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
