"""The table "Opening", of both endpoints."""

from __future__ import annotations

from typing import Any

import rows
from reference import context, frames
from reference.frames import BadJson
from reference.state import LARGEST, NIL, OK, OPEN, Result, State, misuse


class Opening(State):
    """The opener's open, and the responder's."""

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
