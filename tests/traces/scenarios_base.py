"""How a scenario is written: a run drives the model, and says by hand what matters.

A scenario is a function of one `Run`. It is played once at every endpoint and in every kind where
its `where` holds, and each playing is one trace. What the model answers is recorded; what a human
reads out of the specification is given as `expect`, and a difference between the two is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model import Endpoint
from reference.frames import Json
from rows import KINDS, ROLES, Where, places, receives_once, sends_once

STREAM = "0102030405060708090a0b0c0d0e0f10"
OTHER = "ffeeddccbbaa99887766554433221100"
LARGEST = 2**31 - 1
DEADLINE = 1_790_000_000_000

_TABLE: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).resolve().parent / "contexts.json").read_text(encoding="utf-8")
)
GOOD, BAD = _TABLE["good"], _TABLE["bad"]

_ANSWER = ("result", "transmit", "events")


class Unexpected(AssertionError):
    """The model's answer is not what the scenario says by hand."""


def frame(member: str, stream_id: str = STREAM, /, **fields: Any) -> Json:
    """A frame in the text form."""
    return {"stream_id": stream_id, member: fields}


def error(kind: str) -> Json:
    """The result of local misuse."""
    return {"error": kind}


@dataclass
class Run:
    """One trace in the making: an endpoint, and the steps that it was taken through."""

    role: str
    kind: str
    endpoint: Json = field(default_factory=dict)
    steps: list[Json] = field(default_factory=list)
    cited: set[str] = field(default_factory=set)
    model: Endpoint = field(init=False)

    @property
    def sends_once(self) -> bool:
        return sends_once(self.role, self.kind)

    @property
    def receives_once(self) -> bool:
        return receives_once(self.role, self.kind)

    def create(self, **header: Any) -> Run:
        """Makes the endpoint; `window`, `agreed_credit` and `max_payload` are the header's."""
        self.endpoint = {"endpoint": self.role}
        if self.role == "opener":
            self.endpoint["kind"] = self.kind
        self.endpoint["max_payload"] = header.pop("max_payload", 1 << 20)
        self.endpoint.update(header)
        self.model = Endpoint(self.endpoint)
        return self

    def start(self, send: int = 0, receive: int = 0, context: str = "", **header: Any) -> Run:
        """Makes an open stream that may send and receive so many frames.

        An opener writes what it receives and has agreed on what it sends; a responder the other
        way round. In an exactly-1 direction the number is 0 and means nothing.
        """
        send = 0 if self.sends_once else send
        receive = 0 if self.receives_once else receive
        agreed, initial = (send, receive) if self.role == "opener" else (receive, send)
        if agreed:
            header["agreed_credit"] = agreed
        self.create(**header)
        if self.role == "opener":
            self.open(initial, context)
        else:
            self.accept(initial, context)
        return self

    def take(self, given: Json, **expect: Any) -> Json:
        """One input. `expect` names parts of the answer, or fields of the state."""
        if "wait" in given and self._mentions(given["wait"]):
            raise ValueError(f"{given}: a ticket's id is new to its trace")
        out = self.model.step(given)
        for name, wanted in expect.items():
            have = out[name] if name in _ANSWER else out["state"][name]
            if have != wanted:
                raise Unexpected(f"{given}: {name} is {have}, expected {wanted}")
        self.steps.append({"in": given, "out": out})
        self.cited |= self.model.cited
        return out

    def _mentions(self, ticket: int) -> bool:
        """Whether a step has named this ticket before."""
        names = [step["in"].get(key) for step in self.steps for key in ("wait", "drop", "ticket")]
        return ticket in names

    # The application's side.

    def open(self, initial_credit: int, context: str = "", **expect: Any) -> Json:
        opened = {"stream_id": STREAM, "initial_credit": initial_credit, "context": context}
        return self.take({"open": {k: v for k, v in opened.items() if v}}, **expect)

    def send(self, payload: str = "aa", ticket: int | None = None, **expect: Any) -> Json:
        if ticket is None:
            return self.take({"send": payload}, **expect)
        return self.take({"send": payload, "ticket": ticket}, **expect)

    def wait(self, ticket: int, **expect: Any) -> Json:
        return self.take({"wait": ticket}, **expect)

    def drop(self, ticket: int, **expect: Any) -> Json:
        return self.take({"drop": ticket}, **expect)

    def grant(self, frames: int, **expect: Any) -> Json:
        return self.take({"grant": frames}, **expect)

    def consume(self, frames: int, **expect: Any) -> Json:
        return self.take({"consume": frames}, **expect)

    def close(self, reason: str | int = "completed", **expect: Any) -> Json:
        return self.take({"close": reason}, **expect)

    def fail(self, code: str | int = "internal", message: str = "", **expect: Any) -> Json:
        return self.take({"fail": {"code": code, "message": message}}, **expect)

    def cancel(self, reason: str | int = "userRequested", message: str = "", **expect: Any) -> Json:
        return self.take({"cancel": {"reason": reason, "message": message}}, **expect)

    def time(self, now: int, **expect: Any) -> Json:
        return self.take({"time": now}, **expect)

    # The peer's side.

    def receive(self, given: Json, **expect: Any) -> Json:
        return self.take({"receive": given}, **expect)

    def accept(self, initial_credit: int = 0, context: str = "", **expect: Any) -> Json:
        """The peer's open of this run's kind."""
        return self.receive(
            frame("open", interaction=self.kind, initial_credit=initial_credit, context=context),
            **expect,
        )

    def data(self, sequence: int, payload: str = "bb", **expect: Any) -> Json:
        return self.receive(frame("data", sequence=sequence, payload=payload), **expect)

    def credit(self, frames: int, **expect: Any) -> Json:
        return self.receive(frame("credit", frames=frames), **expect)

    def peer_close(self, final: int, reason: str | int = "completed", **expect: Any) -> Json:
        return self.receive(frame("close", reason=reason, final_sequence=final), **expect)

    def peer_error(
        self, code: str | int = "internal", message: str = "it broke", **expect: Any
    ) -> Json:
        return self.receive(frame("error", code=code, sequence=0, message=message), **expect)

    def peer_cancel(
        self, reason: str | int = "consumerGone", message: str = "", **expect: Any
    ) -> Json:
        return self.receive(frame("cancel", reason=reason, message=message), **expect)

    # Ways into a state.

    def end(self, how: str) -> None:
        """Ends both halves: closed in good order, failed, or cancelled."""
        if how == "failed":
            self.peer_error()
        elif how == "cancelled":
            self.peer_cancel()
        else:
            self.close_own()
            if not self.model.ended:
                self.close_peer()

    def close_own(self) -> None:
        """This endpoint closes its direction, the required message sent before."""
        if self.sends_once and not self.model.sent:
            self.send("0a")
        self.close()

    def close_peer(self) -> None:
        """The peer closes its direction, the required message delivered before."""
        if self.receives_once and not self.model.expected:
            self.data(0, "0b")
        self.peer_close(self.model.expected)


@dataclass(frozen=True)
class Scenario:
    """A scenario, where it is played, and the rows that it is about."""

    name: str
    where: Where
    rows: tuple[str, ...]
    play: Callable[[Run], None]


SCENARIOS: list[Scenario] = []


def scenario(
    name: str, where: Where, *rows: str
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Registers a scenario; each playing must execute every row that it names."""

    def register(play: Callable[[Run], None]) -> Callable[[Run], None]:
        SCENARIOS.append(Scenario(name, where, rows, play))
        return play

    return register


def at(role: str, *kinds: str) -> Where:
    """Only at this endpoint and in these kinds; without a kind, in all."""
    wanted = kinds or KINDS
    return lambda r, k: r == role and k in wanted


def play(chosen: Scenario) -> list[tuple[str, Run]]:
    """The traces of a scenario, each by its name."""
    played = []
    for role, kind in places(chosen.where):
        run = Run(role, kind)
        try:
            chosen.play(run)
        except Unexpected as problem:
            raise Unexpected(f"{chosen.name}/{role}-{kind}: {problem}") from None
        if missing := set(chosen.rows) - run.cited:
            raise Unexpected(f"{chosen.name}/{role}-{kind} does not execute {sorted(missing)}")
        played.append((f"{chosen.name}/{role}-{kind or 'unopened'}", run))
    return played


__all__ = [
    "BAD",
    "DEADLINE",
    "GOOD",
    "KINDS",
    "LARGEST",
    "OTHER",
    "ROLES",
    "STREAM",
    "Run",
    "Scenario",
    "at",
    "error",
    "frame",
    "play",
    "scenario",
]
