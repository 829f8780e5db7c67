"""Engines with one bug each, to prove that the random traces find it.

`python planted.py NAME` speaks the protocol of `ixt trace`, as the model does, but wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from model import Endpoint, serve
from reference import frames
from reference.frames import Json
from reference.state import CLOSED, OPEN, Result


class LostCredit(Endpoint):
    """A ready ticket that is dropped takes its credit with it."""

    def _drop(self, ticket: int) -> Result:
        if ticket in self.ready:
            self.ready.discard(ticket)
            return "ok"
        return super()._drop(ticket)


class LastInFirstOut(Endpoint):
    """Credit goes to the ticket that came last."""

    def _hand_out(self) -> None:
        self.waiting.reverse()
        super()._hand_out()
        self.waiting.reverse()


class Unbounded(Endpoint):
    """What ready tickets hold is left out of the bound."""

    def _receive_credit(self, grant: int) -> Result:
        held, self.ready = self.ready, set()
        result = super()._receive_credit(grant)
        self.ready |= held
        return result


class LateDeadline(Endpoint):
    """The deadline passes one millisecond late."""

    def _time(self, now: int) -> Result:
        return super()._time(max(0, now - 1))


class StaysClosed(Endpoint):
    """A half that was closed stays so when the stream fails or is cancelled."""

    def _end(self, how: str) -> None:
        closed = self.receiver == CLOSED
        super()._end(how)
        if closed:
            self.receiver = CLOSED


class GrantsOnArrival(Endpoint):
    """Credit is given back when bytes arrive, not when they are consumed."""

    def _receive_data(self, data: frames.Data) -> Result:
        result = super()._receive_data(data)
        if self.receiver == OPEN and self.window is not None and not self.receives_once:
            self._consume(1)
        return result


class SizeFirst(Endpoint):
    """A received payload's size is checked before anything else."""

    def _receive_data(self, data: frames.Data) -> Result:
        if self.receiver == OPEN and len(data.payload) > self.max_payload:
            return self._fail_peer("resourceExhausted")
        return super()._receive_data(data)


class Forgetful(Endpoint):
    """Frames after a close are counted and not told to the host."""

    def _violation(self, kind: str) -> Result:
        return self._ignore() if kind == "FrameAfterClose" else super()._violation(kind)


class Crash(Endpoint):
    """The process ends when a ticket's payload is too large."""

    def _send(self, payload: bytes, ticket: int | None) -> Result:
        if ticket is not None and len(payload) > self.max_payload:
            sys.exit("it crashed")
        return super()._send(payload, ticket)


BUGS: dict[str, Callable[[Json], Endpoint]] = {
    "lost-credit": LostCredit,
    "last-in-first-out": LastInFirstOut,
    "unbounded": Unbounded,
    "late-deadline": LateDeadline,
    "stays-closed": StaysClosed,
    "grants-on-arrival": GrantsOnArrival,
    "size-first": SizeFirst,
    "forgetful": Forgetful,
    "crash": Crash,
}


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout, BUGS[sys.argv[1]])
