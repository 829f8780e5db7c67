"""What every part of the model stands on: an endpoint's state, and what ends a stream."""

from __future__ import annotations

import rows
from reference import frames
from reference.frames import BadJson, Body, Json

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


class State:
    """One endpoint of one stream: what it knows, and what it has said in this step."""

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

    def _emit(self, body: Body) -> None:
        self.transmit.append(frames.frame_text(self.stream_id, body))

    def _violation(self, kind: str) -> Result:
        """Tells the host of a frame that is no ground to fail: neither counted nor answered."""
        self.events.append({"violation": kind})
        return OK

    def _ignore(self) -> Result:
        self.ignored += 1
        return IGNORED

    def _grant_now(self, grant: int) -> None:
        self.outstanding += grant
        self._emit(frames.Credit(grant))

    def _end_tickets(self) -> None:
        """Tickets that still wait end; a ready one learns of it when it is used."""
        if self.waiting:
            self.cite("Text: tickets that wait end with the stream")
        self.events.extend({"ended": ticket} for ticket in self.waiting)
        self.waiting.clear()

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
