"""Properties of the reference model itself, over random input; and that nothing has drifted."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import make_contexts
from model import Endpoint
from planted import BUGS
from random_traces import Generator, Trace
from reference import context, frames
from reference.compare import same
from reference.frames import Json
from rows import ALL_ROWS, KINDS, ROLES, ROW_IDS, SPEC, receives_once, sends_once
from scenarios_base import BAD, GOOD, LARGEST, OTHER, STREAM, frame

HERE = Path(__file__).resolve().parent
SPECIFICATION = HERE.parents[1] / "docs" / "spec" / "23-streams.md"
TERMINAL = {"failed", "cancelled"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=HERE, capture_output=True, text=True, check=False
    )


def over_traces(check: Callable[[Trace], None]) -> Callable[[int], None]:
    """A test that checks a property over random traces, forty of each seed."""

    @pytest.mark.parametrize("seed", range(15))
    def test(seed: int) -> None:
        for number in range(40):
            check(Generator(random.Random(f"properties/{seed}/{number}")).trace())

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


def members(out: Json, part: str, *names: str) -> list[Any]:
    """What a part of an output holds under these names."""
    return [one[name] for one in out[part] for name in names if name in one]


@over_traces
def test_what_is_received_was_granted_and_what_is_sent_was_credited(trace: Trace) -> None:
    granted = credited = received = sent = 0
    once: tuple[bool, bool] | None = None
    for given, out in trace.steps:
        role = trace.endpoint["endpoint"]
        agreed = trace.endpoint.get("agreed_credit", 0)
        for opened, kind in [
            *((one, trace.endpoint["kind"]) for one in members(out, "transmit", "open")),
            *((given["receive"]["open"], one["kind"]) for one in members(out, "events", "opened")),
        ]:
            initial = opened.get("initial_credit", 0)
            once = sends_once(role, kind), receives_once(role, kind)
            credited, granted = (agreed, initial) if role == "opener" else (initial, agreed)
            credited, granted = 1 if once[0] else credited, 1 if once[1] else granted
        credited += sum(members(out, "events", "credit"))
        granted += sum(one["frames"] for one in members(out, "transmit", "credit"))
        received += len(members(out, "events", "data"))
        for data in members(out, "transmit", "data"):
            assert data.get("sequence", 0) == sent
            sent += 1
        assert received <= granted
        assert sent <= credited
        if once and once[0]:
            assert sent <= 1
        if once and once[1]:
            assert received <= 1


@over_traces
def test_nothing_leaves_after_the_end(trace: Trace) -> None:
    closed = gone = False
    for given, out in trace.steps:
        if gone:
            assert not out["transmit"]
        if closed:
            assert not members(out, "transmit", "data", "close")
        ends = members(out, "transmit", "error", "cancel")
        assert len(ends) <= 1
        if given.get("receive", {}).keys() & {"error", "cancel"}:
            assert not out["transmit"]
        closed = closed or bool(members(out, "transmit", "close"))
        told = members(out, "events", "failed", "cancelled", "finished")
        gone = gone or bool(ends) or bool(told)


@over_traces
def test_the_first_end_wins(trace: Trace) -> None:
    before = {"sender": "idle", "receiver": "idle"}
    for _, out in trace.steps:
        halves = {half: out["state"][half] for half in before}
        if "open" not in before.values() and "idle" not in before.values():
            assert halves == before
        for half, was in before.items():
            if was in TERMINAL:
                assert halves[half] == was
        before = halves


@over_traces
def test_local_misuse_changes_nothing(trace: Trace) -> None:
    state = {"sender": "idle", "receiver": "idle", "credit": 0, "outstanding": 0, "ignored": 0}
    for given, out in trace.steps:
        if isinstance(out["result"], dict) or out["result"] == "ended":
            assert "receive" not in given
            assert (out["transmit"], out["events"], out["state"]) == ([], [], state)
        counted = out["state"]["ignored"] - state["ignored"]
        assert counted == (1 if out["result"] == "ignored" else 0)
        assert 0 <= out["state"]["credit"] <= LARGEST
        assert 0 <= out["state"]["outstanding"] <= LARGEST
        state = out["state"]


@over_traces
def test_no_ticket_is_lost(trace: Trace) -> None:
    waiting: list[int] = []
    ready: set[int] = set()
    for given, out in trace.steps:
        if "wait" in given and out["result"] == "ok":
            waiting.append(given["wait"])
        if "drop" in given:
            waiting = [ticket for ticket in waiting if ticket != given["drop"]]
            ready.discard(given["drop"])
        for ticket in members(out, "events", "ready"):
            assert waiting.pop(0) == ticket
            ready.add(ticket)
        if ended := members(out, "events", "ended"):
            assert ended == waiting
            waiting.clear()
        if "ticket" in given and out["result"] == "ok":
            ready.remove(given["ticket"])
        if waiting:
            assert out["state"]["sender"] == "open"
            assert out["state"]["credit"] == 0


@dataclass
class Side:
    """One endpoint of a pair, and what is on its way to it."""

    model: Endpoint
    inbox: deque[Json] = field(default_factory=deque)
    tickets: int = 0

    def give(self, given: Json, peer: Side) -> Json:
        out = self.model.step(given)
        peer.inbox.extend(out["transmit"])
        return out

    def inputs(self, draw: random.Random) -> Json:
        """What an application might do, right or wrong: the peer must never notice."""
        self.tickets += 1
        options: list[Json] = [
            {"send": draw.randbytes(draw.randint(0, 5)).hex()},
            {"send": "aa"},
            {"wait": self.tickets},
            {"drop": draw.randint(1, self.tickets)},
            {"grant": draw.choice([0, 1, 2, 3, LARGEST])},
            {"consume": draw.randint(0, 3)},
            {"time": draw.choice([0, 1])},
        ]
        if self.model.ready:
            options.append({"send": "bb", "ticket": min(self.model.ready)})
        if draw.random() < 0.2:
            options.append({"close": draw.choice(frames.CLOSE_REASONS)})
        if draw.random() < 0.02:
            options += [{"fail": {"code": "internal"}}, {"cancel": {"reason": "shutdown"}}]
        return draw.choice(options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40))
def test_two_endpoints_never_blame_each_other(kind: str, seed: int) -> None:
    """Whatever the applications do, no correct peer is ever told that it broke a rule."""
    draw = random.Random(f"pair/{kind}/{seed}")
    agreed = draw.choice([0, 0, 3])
    shared: Json = {"max_payload": 4, "agreed_credit": agreed}
    opener = Side(Endpoint({"endpoint": "opener", "kind": kind, **shared}))
    responder = Side(Endpoint({"endpoint": "responder", "window": draw.randint(1, 5), **shared}))
    initial = draw.randint(0, 4)
    opener.give({"open": {"stream_id": STREAM, "initial_credit": initial}}, responder)
    for _ in range(150):
        side, peer = draw.choice([(opener, responder), (responder, opener)])
        if side.inbox and draw.random() < 0.5:
            out = side.give({"receive": side.inbox.popleft()}, peer)
        else:
            out = side.give(side.inputs(draw), peer)
        blamed = members(out, "events", "failed", "cancelled")
        assert all(one["by"] == "peer" for one in blamed)
        assert not members(out, "events", "violation")
        check_credit(opener, responder)
        check_credit(responder, opener)


def check_credit(sender: Side, receiver: Side) -> None:
    """Credit is only ever held, on its way, or spent on data that is on its way."""
    if sender.model.sender != "open" or receiver.model.receiver != "open":
        return
    flying = sum("data" in one for one in receiver.inbox)
    granted = 0
    if not sender.model.sends_once:
        granted = sum(one["credit"]["frames"] for one in sender.inbox if "credit" in one)
    held = sender.model.credit + len(sender.model.ready)
    assert held + flying + granted == receiver.model.outstanding


def test_comparison_ignores_messages_made_by_the_engine() -> None:
    def out(message: str | None, told: str) -> Json:
        shown = {} if message is None else {"message": message}
        failed = {"code": "internal", "message": told, "by": "local"}
        return {
            "result": "ok",
            "transmit": [frame("error", code="internal", **shown)],
            "events": [{"failed": failed}],
        }

    assert same(out(None, ""), out("made by the engine", "and told"))
    assert same(out(None, ""), out(None, ""))
    assert same(out("a", "b"), out("a", "b"))
    assert not same(out("a", "b"), out("x", "b"))
    assert not same(out("a", "b"), out("a", "x"))
    assert not same(out("a", "b"), out(None, "b"))
    assert not same(out(None, ""), {**out(None, ""), "events": []})
    assert not same(
        {"transmit": [], "events": [], "x": 1}, {"transmit": [], "events": [], "x": True}
    )
    assert not same(out(None, ""), None)
    assert not same(out(None, ""), {"error": "no"})


@pytest.mark.parametrize("kind", BAD)
def test_bad_contexts_are_refused_by_their_kind(kind: str) -> None:
    with pytest.raises(context.Refused, match=f"^{kind}$"):
        context.deadline_of(bytes.fromhex(BAD[kind]))


@pytest.mark.parametrize("name", GOOD)
def test_every_cut_of_a_context_is_refused(name: str) -> None:
    encoded = bytes.fromhex(GOOD[name])
    context.deadline_of(encoded)
    for length in range(1, len(encoded)):
        with pytest.raises(context.Refused, match="Truncated"):
            context.deadline_of(encoded[:length])


def test_damaged_contexts_are_refused_or_read_and_nothing_else() -> None:
    draw = random.Random("damage")
    for _ in range(4000):
        encoded = bytearray.fromhex(draw.choice(list(GOOD.values())))
        encoded[draw.randrange(8, len(encoded))] ^= 1 << draw.randrange(8)
        try:
            context.deadline_of(bytes(encoded))
        except (context.Refused, context.OutOfScope):
            continue


@pytest.mark.skipif(shutil.which("capnp") is None, reason="needs the capnp command line")
def test_the_contexts_are_what_capnp_makes() -> None:
    assert make_contexts.table() == (HERE / "contexts.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", ROLES)
def test_another_stream_changes_nothing(role: str) -> None:
    model = Endpoint({"endpoint": role, **({"kind": "unary"} if role == "opener" else {})})
    if role == "opener":
        model.step({"open": {"stream_id": STREAM}})
    else:
        model.step({"receive": frame("open")})
    before = model.step({"time": 0})
    after = model.step({"receive": frame("data", OTHER)})
    assert after == {**before, "events": [{"violation": "UnknownStream"}]}


def test_every_row_of_the_specification_has_its_name() -> None:
    names = set(ROW_IDS) | {row.name for row in ALL_ROWS}
    assert {name for names in SPEC.values() for name in names} <= names
    ids = re.findall(r"^\| ([A-Z]\d+) \|", SPECIFICATION.read_text(encoding="utf-8"), re.M)
    assert sorted(ids) == sorted(SPEC)


def test_the_committed_traces_are_what_the_model_gives() -> None:
    done = run("make.py", "--check")
    assert done.returncode == 0, done.stderr


def replay(make: Callable[[Json], Endpoint]) -> list[str]:
    """The names of the committed traces that such an endpoint answers otherwise."""
    failed = []
    with (HERE / "traces.jsonl").open(encoding="utf-8", newline="\n") as lines:
        for trace in map(json.loads, lines):
            model = make(trace["endpoint"])
            try:
                answers = [model.step(step["in"]) for step in trace["steps"]]
            except SystemExit:
                answers = []
            if answers != [step["out"] for step in trace["steps"]]:
                failed.append(trace["name"])
    return failed


def test_the_committed_traces_replay() -> None:
    assert not replay(Endpoint)


@pytest.mark.parametrize("bug", BUGS)
def test_the_committed_traces_find_a_planted_bug(bug: str) -> None:
    assert replay(BUGS[bug])


def test_random_traces_pass_against_the_model() -> None:
    command = f"{sys.executable} model.py --serve"
    done = run("random_traces.py", "--command", command, "--count", "200", "--seed", "5")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("traces: 200 passed, 0 failed\n")


@pytest.mark.parametrize("bug", BUGS)
def test_random_traces_find_a_planted_bug(bug: str) -> None:
    command = f"{sys.executable} planted.py {bug}"
    done = run("random_traces.py", "--command", command, "--count", "400", "--seed", "5")
    assert done.returncode == 1, done.stdout
    assert "  expected " in done.stdout
    assert re.fullmatch(r"traces: \d+ passed, [1-9]\d* failed", done.stdout.splitlines()[-1])
