"""Every row of every table of specification 23, and every sentence under them, by name.

A row's name says the table, the state and the event: `Sender: Open | credit 0, or beyond`. A row
that says several things at once has cases, each a name of its own: `… (cancelled)`. `Text:` are the
sentences around the tables and what closes the gaps that they leave. `SPEC` gives the ids that
specification 23 has for them.

The model cites the name of each branch that it takes, so a row is covered where it was executed,
not where somebody says so. `where` says in which directions and kinds a row can happen at all:
`make.py` demands that every row is executed at every endpoint and in every kind where it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

ROLES = ("opener", "responder")
KINDS = ("unary", "clientStream", "serverStream", "bidiStream")
ONCE_TO_RESPONDER = ("unary", "serverStream")
"""Kinds in which the opener sends exactly one message."""
ONCE_TO_OPENER = ("unary", "clientStream")
"""Kinds in which the responder sends exactly one message."""

Place: TypeAlias = tuple[str, str]
"""A role and the kind of the stream; the kind is "" where the stream has none yet."""
Where: TypeAlias = Callable[[str, str], bool]


def sends_once(role: str, kind: str) -> bool:
    """Whether this endpoint's own direction carries exactly one message."""
    return kind in (ONCE_TO_RESPONDER if role == "opener" else ONCE_TO_OPENER)


def receives_once(role: str, kind: str) -> bool:
    """Whether the peer's direction carries exactly one message."""
    return kind in (ONCE_TO_OPENER if role == "opener" else ONCE_TO_RESPONDER)


def anywhere(role: str, kind: str) -> bool:
    return kind != ""


def sends_many(role: str, kind: str) -> bool:
    return kind != "" and not sends_once(role, kind)


def receives_many(role: str, kind: str) -> bool:
    return kind != "" and not receives_once(role, kind)


def at_opener(role: str, kind: str) -> bool:
    return role == "opener" and kind != ""


def at_responder(role: str, kind: str) -> bool:
    return role == "responder" and kind != ""


def before_the_open(role: str, kind: str) -> bool:
    """An opener knows its kind before the open, a responder knows none."""
    return (role == "opener") == (kind != "")


def idle_responder(role: str, kind: str) -> bool:
    return role == "responder" and kind == ""


def opener_receiving_many(role: str, kind: str) -> bool:
    return at_opener(role, kind) and receives_many(role, kind)


def responder_sending_many(role: str, kind: str) -> bool:
    return at_responder(role, kind) and sends_many(role, kind)


def bidi(role: str, kind: str) -> bool:
    return kind == "bidiStream"


def half_closes_alone(role: str, kind: str) -> bool:
    """Closing this endpoint's own direction leaves the stream open."""
    return anywhere(role, kind) and (role == "opener" or kind == "bidiStream")


def peer_half_closes_alone(role: str, kind: str) -> bool:
    """The peer's closing its direction leaves the stream open."""
    return anywhere(role, kind) and (role == "responder" or kind == "bidiStream")


def opener_but_bidi(role: str, kind: str) -> bool:
    return at_opener(role, kind) and kind != "bidiStream"


def opener_sending_many_but_bidi(role: str, kind: str) -> bool:
    return (role, kind) == ("opener", "clientStream")


def responder_but_bidi(role: str, kind: str) -> bool:
    return at_responder(role, kind) and kind != "bidiStream"


@dataclass(frozen=True)
class Row:
    """A row of a table, or a sentence, with its cases."""

    name: str
    where: Where
    cases: tuple[tuple[str, Where], ...] = ()

    def ids(self) -> Iterator[tuple[str, Where]]:
        if not self.cases:
            yield self.name, self.where
        for case, where in self.cases:
            yield f"{self.name} ({case})", where


def _same(where: Where, *cases: str) -> tuple[tuple[str, Where], ...]:
    return tuple((case, where) for case in cases)


_ENDS = _same(anywhere, "closed", "failed", "cancelled")

OPENING = (
    Row("Opening: Idle, opener | open", at_opener),
    Row(
        "Opening: Idle, opener | open with initialCredit > 2^31-1 where it counts",
        opener_receiving_many,
    ),
    Row("Opening: Idle, opener | open with a context that does not decode", at_opener),
    Row("Opening: opened | open", at_opener),
    Row(
        "Opening: Idle | send, close, fail, cancel, grant",
        before_the_open,
        _same(before_the_open, "send", "close", "fail", "cancel", "grant", "wait"),
    ),
    Row("Opening: Idle | time", before_the_open),
    Row(
        "Opening: Idle | drop, consume", before_the_open, _same(before_the_open, "drop", "consume")
    ),
    Row("Opening: Idle, responder | open", at_responder),
    Row("Opening: Idle, responder | open of an unknown kind", idle_responder),
    Row(
        "Opening: Idle, responder | open with initialCredit > 2^31-1 where it counts",
        responder_sending_many,
    ),
    Row("Opening: Idle, responder | open with a context that does not decode", at_responder),
    Row(
        "Opening: Idle | any other frame; at the opener an open too",
        before_the_open,
        (
            ("open", lambda role, kind: at_opener(role, kind)),
            *_same(before_the_open, "data", "error", "close", "cancel", "credit", "unknown"),
        ),
    ),
    Row("Opening: stream not ended | a second open; at the opener any open", anywhere),
)

SENDER = (
    Row("Sender: Open, c > 0, nobody waits | send", anywhere),
    Row("Sender: Open, c = 0 | try_send", sends_many),
    Row(
        "Sender: Open | send, waiting",
        anywhere,
        (
            ("ready at once", anywhere),
            ("queued", sends_many),
            ("credit goes to tickets in order", sends_many),
            ("try_send does not overtake", sends_many),
            ("dropped while it waits", sends_many),
            ("dropped when ready, passed on", sends_many),
            ("dropped when ready, nobody waits", anywhere),
            ("no such ticket to drop", anywhere),
            ("a ready ticket dropped after the end", anywhere),
            ("sent with", anywhere),
            ("not ready", anywhere),
            ("the one message sent or its credit held", sends_once),
        ),
    ),
    Row(
        "Sender: Open | send, too large",
        anywhere,
        (("without a ticket", anywhere), ("the ticket keeps its credit", anywhere)),
    ),
    Row("Sender: Open | second send where one is allowed", sends_once),
    Row("Sender: Open | credit g ≥ 1, c+g ≤ 2^31-1", sends_many),
    Row("Sender: Open | credit 0, or beyond", sends_many, _same(sends_many, "0", "beyond")),
    Row(
        "Sender: Open | close",
        anywhere,
        (("close(n)", anywhere), ("tickets still waiting", sends_many)),
    ),
    Row("Sender: Open | close before the required message", sends_once),
    Row(
        "Sender: Closed, Failed, Cancelled | send",
        anywhere,
        (
            *_ENDS,
            *_same(anywhere, "wait when closed", "wait when failed", "wait when cancelled"),
            ("with a ready ticket", anywhere),
        ),
    ),
    Row("Sender: Closed, Failed, Cancelled | close", anywhere, _ENDS),
    Row("Sender: Closed, Failed, Cancelled | credit", anywhere, _ENDS),
)

RECEIVER = (
    Row("Receiver: Open | grant g ≥ 1, o+g ≤ 2^31-1", receives_many),
    Row("Receiver: Open | grant 0", receives_many),
    Row("Receiver: Open | grant beyond", receives_many),
    Row("Receiver: Open | data s = e, o > 0", anywhere),
    Row("Receiver: Open | data beyond the kind", receives_once),
    Row("Receiver: Open | data s ≠ e", anywhere),
    Row("Receiver: Open | data, o = 0", receives_many),
    Row("Receiver: Open | data, too large", anywhere),
    Row("Receiver: Open | close(e), the kind satisfied", anywhere),
    Row("Receiver: Open | close(≠ e)", anywhere),
    Row("Receiver: Open | close(e), required message missing", receives_once),
    Row(
        "Receiver: Closed by its close frame | data, or a close with another number, also after "
        "the stream has ended",
        anywhere,
        (
            ("data", peer_half_closes_alone),
            ("close", peer_half_closes_alone),
            ("data after the end", anywhere),
            ("close after the end", anywhere),
        ),
    ),
    Row("Receiver: Closed by its close frame | a close with the same number", anywhere),
    Row("Receiver: ended otherwise | data, close", anywhere, _same(anywhere, "data", "close")),
    Row("Receiver: not Open | grant", anywhere),
)

WHOLE = (
    Row(
        "Stream: not ended | fail(code)",
        anywhere,
        (
            ("both open", anywhere),
            ("sender closed", half_closes_alone),
            ("receiver closed", peer_half_closes_alone),
        ),
    ),
    Row(
        "Stream: not ended | cancel, deadline",
        anywhere,
        tuple(
            (f"{event}, {halves}", where)
            for event in ("cancel", "deadline")
            for halves, where in (
                ("both open", anywhere),
                ("sender closed", half_closes_alone),
                ("receiver closed", peer_half_closes_alone),
            )
        ),
    ),
    Row(
        "Stream: not ended | peer's error, cancel",
        anywhere,
        tuple(
            (f"{event}, {halves}", where)
            for event in ("error", "cancel")
            for halves, where in (
                ("both open", anywhere),
                ("sender closed", half_closes_alone),
                ("receiver closed", peer_half_closes_alone),
            )
        ),
    ),
    Row("Stream: ended | fail, cancel", anywhere, _same(anywhere, "fail", "cancel")),
    Row(
        "Stream: ended | open, error, cancel", anywhere, _same(anywhere, "open", "error", "cancel")
    ),
)

TEXT = (
    Row("Text: an exactly-1 direction has one implicit credit", sends_once),
    Row(
        "Text: credit frames for an exactly-1 direction are ignored",
        sends_once,
        _same(sends_once, "some", "0", "beyond"),
    ),
    Row(
        "Text: grants for an exactly-1 direction are ignored",
        receives_once,
        _same(receives_once, "some", "0", "beyond"),
    ),
    Row(
        "Text: initialCredit means nothing for an exactly-1 direction",
        anywhere,
        (
            (
                "at the opener",
                lambda role, kind: at_opener(role, kind) and receives_once(role, kind),
            ),
            (
                "at the responder",
                lambda role, kind: at_responder(role, kind) and sends_once(role, kind),
            ),
        ),
    ),
    Row("Text: the responder's first credit is open.initialCredit", responder_sending_many),
    Row(
        "Text: the opener's first credit is what was agreed on",
        lambda role, kind: at_opener(role, kind) and sends_many(role, kind),
    ),
    Row(
        "Text: the responder knows the opener's agreed credit",
        lambda role, kind: at_responder(role, kind) and receives_many(role, kind),
    ),
    Row("Text: tickets that wait end with the stream", sends_many),
    Row("Text: a frame of another stream", anywhere),
    Row(
        "Text: fail or cancel with a message past its limit",
        anywhere,
        _same(anywhere, "fail, too long", "cancel, too long", "fail, NUL", "cancel, NUL"),
    ),
    Row(
        "Text: local order is state, size, cardinality, credit",
        anywhere,
        (
            ("size before cardinality", sends_once),
            ("size before credit", anywhere),
            ("cardinality before credit", sends_once),
        ),
    ),
    Row(
        "Text: peer order is state, cardinality, sequence, credit, size",
        anywhere,
        (
            ("cardinality before sequence", receives_once),
            ("cardinality before credit", receives_once),
            ("cardinality before size", receives_once),
            ("sequence before credit", receives_many),
            ("sequence before size", anywhere),
            ("credit before size", receives_many),
        ),
    ),
    Row("Text: a close is checked for its number, then for the required message", receives_once),
    Row(
        "Text: order at the responder's open",
        responder_sending_many,
        (
            ("kind before credit", idle_responder),
            ("kind before context", idle_responder),
            ("credit before context", responder_sending_many),
        ),
    ),
    Row(
        "Text: order at the opener's open",
        at_opener,
        (
            ("id before credit", opener_receiving_many),
            ("id before context", at_opener),
            ("credit before context", opener_receiving_many),
        ),
    ),
    Row("Text: the nil stream id", at_opener),
    Row("Text: a time before the deadline, or none", anywhere, _same(anywhere, "before", "none")),
    Row("Text: a time after the end", anywhere),
    Row(
        "Text: the responder's close ends the stream",
        lambda role, kind: anywhere(role, kind) and kind != "bidiStream",
        (
            ("at the responder, receiver open", responder_but_bidi),
            ("at the responder, receiver closed", responder_but_bidi),
            ("at the opener, finished", opener_but_bidi),
            ("at the opener, tickets end", opener_sending_many_but_bidi),
            ("at the opener, sender closed", opener_but_bidi),
        ),
    ),
    Row(
        "Text: in bidi the halves are independent",
        bidi,
        _same(
            bidi, "own close first", "own close second", "peer's close first", "peer's close second"
        ),
    ),
    Row("Text: an unknown frame kind is surfaced and counted", anywhere),
    Row("Text: an unknown frame kind after the end", anywhere),
    Row(
        "Text: the whole window at the open",
        lambda role, kind: at_responder(role, kind) and receives_many(role, kind),
        _same(
            lambda role, kind: at_responder(role, kind) and receives_many(role, kind),
            "granted",
            "covered by the agreed credit",
        ),
    ),
    Row(
        "Text: consumption",
        receives_many,
        (
            ("below the threshold", receives_many),
            ("at the threshold", receives_many),
            # Not at a responder: it fills its window at the open, which is past the threshold.
            ("of all that was granted", opener_receiving_many),
            ("of nothing", receives_many),
            ("of more than was delivered", receives_many),
            ("grant beyond", receives_many),
            ("without effect", anywhere),
        ),
    ),
)

ALL_ROWS = (*OPENING, *SENDER, *RECEIVER, *WHOLE, *TEXT)
ROW_IDS: dict[str, Where] = {name: where for row in ALL_ROWS for name, where in row.ids()}
"""Every name that the model may cite, with where it can happen."""


_OPEN_CREDIT = "with initialCredit > 2^31-1 where it counts"
_TICKET = "Sender: Open | send, waiting"
_ENDED = "Sender: Closed, Failed, Cancelled"
_CLOSED = "Receiver: Closed by its close frame"
_LATE = f"{_CLOSED} | data, or a close with another number, also after the stream has ended"
_FINISH = "Text: the responder's close ends the stream"

SPEC: dict[str, tuple[str, ...]] = {
    "O1": ("Opening: Idle, opener | open", "Text: the opener's first credit is what was agreed on"),
    "O2": (f"Opening: Idle, opener | open {_OPEN_CREDIT}",),
    "O3": ("Opening: Idle, opener | open with a context that does not decode",),
    "O4": ("Opening: opened | open",),
    "O5": ("Opening: Idle | send, close, fail, cancel, grant",),
    "O6": ("Opening: Idle | time",),
    "O7": (
        "Opening: Idle, responder | open",
        "Text: the responder's first credit is open.initialCredit",
        "Text: the responder knows the opener's agreed credit",
    ),
    "O8": ("Opening: Idle, responder | open of an unknown kind",),
    "O9": (f"Opening: Idle, responder | open {_OPEN_CREDIT}",),
    "O10": ("Opening: Idle, responder | open with a context that does not decode",),
    "O11": ("Opening: Idle | any other frame; at the opener an open too",),
    "O12": ("Opening: stream not ended | a second open; at the opener any open",),
    "O13": ("Text: the nil stream id",),
    "O14": ("Opening: Idle | drop, consume",),
    "O15": ("Text: a frame of another stream",),
    "S1": ("Sender: Open, c > 0, nobody waits | send",),
    "S2": ("Sender: Open, c = 0 | try_send",),
    "S3": (f"{_TICKET} (try_send does not overtake)",),
    "S4": ("Sender: Open | send, too large (without a ticket)",),
    "S5": ("Sender: Open | second send where one is allowed",),
    "S6": ("Sender: Open | credit g ≥ 1, c+g ≤ 2^31-1",),
    "S7": ("Sender: Open | credit 0, or beyond",),
    "S8": ("Sender: Open | close",),
    "S9": ("Sender: Open | close before the required message",),
    "S10": (
        f"{_ENDED} | send (closed)",
        f"{_ENDED} | send (failed)",
        f"{_ENDED} | send (cancelled)",
    ),
    "S11": (f"{_ENDED} | close",),
    "S12": (f"{_ENDED} | credit",),
    "S13": ("Text: credit frames for an exactly-1 direction are ignored",),
    "R1": ("Receiver: Open | grant g ≥ 1, o+g ≤ 2^31-1",),
    "R2": ("Receiver: Open | grant 0",),
    "R3": ("Receiver: Open | grant beyond",),
    "R4": ("Receiver: Open | data s = e, o > 0",),
    "R5": ("Receiver: Open | data beyond the kind",),
    "R6": ("Receiver: Open | data s ≠ e",),
    "R7": ("Receiver: Open | data, o = 0",),
    "R8": ("Receiver: Open | data, too large",),
    "R9": ("Receiver: Open | close(e), the kind satisfied",),
    "R10": ("Receiver: Open | close(≠ e)",),
    "R11": ("Receiver: Open | close(e), required message missing",),
    "R12": (_LATE,),
    "R13": (f"{_CLOSED} | a close with the same number",),
    "R14": ("Receiver: ended otherwise | data, close",),
    "R15": ("Receiver: not Open | grant",),
    "R16": ("Text: grants for an exactly-1 direction are ignored",),
    "T1": ("Opening: Idle | send, close, fail, cancel, grant (wait)",),
    "T2": (
        f"{_ENDED} | send (wait when closed)",
        f"{_ENDED} | send (wait when failed)",
        f"{_ENDED} | send (wait when cancelled)",
    ),
    "T3": (f"{_TICKET} (the one message sent or its credit held)",),
    "T4": (f"{_TICKET} (ready at once)",),
    "T5": (f"{_TICKET} (queued)",),
    "T6": (f"{_TICKET} (credit goes to tickets in order)",),
    "T7": (f"{_TICKET} (sent with)",),
    "T8": (f"{_TICKET} (not ready)",),
    "T9": ("Sender: Open | send, too large (the ticket keeps its credit)",),
    "T10": (f"{_TICKET} (dropped while it waits)",),
    "T11": (
        f"{_TICKET} (dropped when ready, passed on)",
        f"{_TICKET} (dropped when ready, nobody waits)",
    ),
    "T12": (f"{_TICKET} (no such ticket to drop)",),
    "T13": ("Text: tickets that wait end with the stream",),
    "T14": (
        f"{_ENDED} | send (with a ready ticket)",
        f"{_TICKET} (a ready ticket dropped after the end)",
    ),
    "W1": ("Stream: not ended | fail(code)",),
    "W2": ("Stream: not ended | cancel, deadline",),
    "W3": ("Stream: not ended | peer's error, cancel",),
    "W4": ("Stream: ended | fail, cancel",),
    "W5": ("Stream: ended | open, error, cancel",),
    "W6": (
        f"{_FINISH} (at the responder, receiver open)",
        f"{_FINISH} (at the responder, receiver closed)",
    ),
    "W7": (
        f"{_FINISH} (at the opener, finished)",
        f"{_FINISH} (at the opener, tickets end)",
        f"{_FINISH} (at the opener, sender closed)",
    ),
    "W8": ("Text: in bidi the halves are independent",),
    "W9": ("Text: an unknown frame kind is surfaced and counted",),
    "W10": ("Text: an unknown frame kind after the end",),
    "W11": (
        "Stream: not ended | cancel, deadline (deadline, both open)",
        "Stream: not ended | cancel, deadline (deadline, sender closed)",
        "Stream: not ended | cancel, deadline (deadline, receiver closed)",
    ),
    "W12": ("Text: a time before the deadline, or none", "Text: a time after the end"),
    "W13": ("Text: fail or cancel with a message past its limit",),
    "A1": ("Text: the whole window at the open",),
    "A2": ("Text: consumption (without effect)",),
    "A3": ("Text: consumption (of nothing)",),
    "A4": ("Text: consumption (of more than was delivered)",),
    "A5": ("Text: consumption (below the threshold)",),
    "A6": ("Text: consumption (at the threshold)",),
    "A7": ("Text: consumption (grant beyond)",),
    "A8": ("Text: consumption (of all that was granted)",),
}
"""The rows of specification 23 by their ids: each names rows of here, or single cases of them."""


def spec_ids(row: str) -> list[str]:
    """The ids that specification 23 has for a row; none for what it says in sentences alone."""
    return [key for key, names in SPEC.items() if row in names or row.partition(" (")[0] in names]


def places(where: Where) -> list[Place]:
    """All endpoints and kinds where a row can happen."""
    return [(role, kind) for role in ROLES for kind in (*KINDS, "") if where(role, kind)]
