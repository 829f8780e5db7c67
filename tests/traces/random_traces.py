"""Random traces: the reference model against an engine.

A seeded generator drives the model, mostly with what a correct application and a correct peer would
do and sometimes with what neither should, and writes down inputs and expected outputs. All traces
then go through one process of the engine (`ixt trace`, or what `--command` says), and its answers
are compared. A trace that differs is shortened step by step while it still differs, and printed.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from model import Endpoint, line
from reference import frames
from reference.compare import same
from reference.frames import Json
from rows import KINDS, ROW_IDS
from scenarios_base import BAD, DEADLINE, GOOD, LARGEST, OTHER, STREAM, frame

STEPS = 40
HOSTILE = 0.12
"""How often an input is one that no correct application or peer gives."""
MORE_HOSTILE = 0.5
"""The same, once the stream has lived as long as it was meant to."""
RELUCTANCE = 0.9
"""How often an input that would end the stream before that is drawn again."""
TAIL = 8
"""How many inputs still come after the end of a stream."""
MESSAGES = ("", "", "no more", "Grüße, 世界 🧀", 'a "quoted" \\ line\n', "\u2028\u007f")
NUMBERS = (0, 1, 2, 3, 1000, LARGEST - 1, LARGEST, LARGEST + 1, 2**32 - 1)
TIMES = (0, 1, 2, DEADLINE - 1, DEADLINE, DEADLINE + 1, 2**64 - 1)
SOME_BAD = [BAD[kind] for kind in BAD if kind != "ContextTooLarge"]


@dataclass
class Trace:
    """A header, and inputs with the outputs that the model gave."""

    endpoint: Json
    steps: list[tuple[Json, Json]]


class Generator:
    """Chooses the inputs of one trace, with the model at hand to know what is plausible."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.tickets: list[int] = []  # drawn for a wait, whether or not it came to that
        header: Json = {"endpoint": draw.choice(["opener", "responder"])}
        if header["endpoint"] == "opener":
            header["kind"] = self._kind()
        header["max_payload"] = draw.choice([0, 1, 4, 64, 1 << 20])
        if draw.random() < 0.6:
            header["window"] = draw.choice([1, 1, 2, 3, 4, 5, 8, 16, LARGEST])
        if draw.random() < 0.5:
            header["agreed_credit"] = draw.choice([0, 1, 2, 5, 8, LARGEST])
        self.header = header
        self.hostile = HOSTILE
        self.model = Endpoint(header)

    def _kind(self) -> str:
        """A kind: the more streams in it, the more there is to try."""
        return self.draw.choices(KINDS, (1, 2, 2, 4))[0]

    def trace(self) -> Trace:
        """One whole trace: about `STEPS` steps, fewer when the stream has ended early."""
        steps: list[tuple[Json, Json]] = []
        life = self.draw.randint(0, STEPS)
        left = self.draw.randint(STEPS // 2, STEPS * 3 // 2)
        while left:
            self.hostile = HOSTILE if len(steps) < life else MORE_HOSTILE
            given = self.choose()
            if len(steps) < life and self._ends_it(given) and self.draw.random() < RELUCTANCE:
                continue
            steps.append((given, self.model.step(given)))
            left -= 1
            if self.model.ended:
                left = min(left, TAIL)
        return Trace(self.header, steps)

    def _ends_it(self, given: Json) -> bool:
        """Whether this input would end a stream that is open."""
        if self.model.idle or self.model.ended:
            return False
        trial = copy.deepcopy(self.model)
        trial.step(given)
        return trial.ended

    def choose(self) -> Json:
        """The next input."""
        if self.model.idle:
            return self._before()
        if self.draw.random() < self.hostile:
            return self._hostile()
        return self._plausible()

    def _before(self) -> Json:
        if self.draw.random() < 0.2:
            return self._hostile()
        kind = self.model.kind or self._kind()
        credit = self._some(NUMBERS) if self.draw.random() < 0.2 else self.draw.randint(0, 9)
        encoded = self.draw.choice(["", *GOOD.values()])
        if self.draw.random() < 0.1:
            encoded = self.draw.choice(SOME_BAD)
        if self.model.role == "opener":
            stream = STREAM if self.draw.random() < 0.97 else "0" * 32
            opened = {"stream_id": stream, "initial_credit": credit, "context": encoded}
            return {"open": opened}
        shown: str | int = kind if self.draw.random() < 0.95 else self.draw.choice([4, 77, 65535])
        return self._receive("open", interaction=shown, initial_credit=credit, context=encoded)

    def _some(self, values: tuple[Any, ...]) -> Any:
        return self.draw.choice(values)

    def _payload(self) -> str:
        """A payload that is mostly within the limit, at it often, and sometimes past it."""
        limit = self.model.max_payload
        length = self.draw.choice([0, 1, 3, 8, limit, limit, limit + 1])
        if length > 128:
            length = self.draw.randint(0, 40)
        if length > limit and self.draw.random() < 0.9:
            length = limit
        return self.draw.randbytes(length).hex()

    def _enumerant(self, names: tuple[str, ...]) -> str | int:
        draw = self.draw
        return draw.choice(names) if draw.random() < 0.85 else draw.choice([1, 13, 50, 99, 65535])

    def _ticket(self) -> int:
        fresh = self.draw.randrange(1 << 16)
        while fresh in self.tickets:
            fresh = self.draw.randrange(1 << 16)
        self.tickets.append(fresh)
        return fresh

    def _any_ticket(self) -> int:
        """A ticket that waits or is ready, mostly; else one that was or never was."""
        alive = [*self.model.waiting, *sorted(self.model.ready)]
        if alive and self.draw.random() < 0.8:
            return self.draw.choice(alive)
        return self.draw.choice(self.tickets) if self.tickets else 1 << 20

    def _receive(self, member: str, **fields: Any) -> Json:
        return {"receive": frame(member, STREAM, **fields)}

    def _plausible(self) -> Json:
        """What a correct application or a correct peer might do now."""
        model, draw = self.model, self.draw
        options: list[tuple[float, Json]] = [
            (0.7, {"drop": self._any_ticket()}),
            (0.4, {"time": draw.choice([0, 1, DEADLINE - 1])}),
            (0.1, {"time": self._some(TIMES)}),
            (1, {"grant": draw.randint(1, 5)}),
            (1, {"consume": draw.randint(0, max(1, min(model.unconsumed, 6)))}),
            (0.2, self._receive("unknown", tag=draw.randint(6, 65535))),
        ]
        if model.sender == "open":
            ready = sorted(model.ready)
            options += [
                (0.5 if model.sends_once and model.sent else 4, {"send": self._payload()}),
                (0.5 if model.sends_once else 2, {"wait": self._ticket()}),
                (2.5, self._receive("credit", frames=draw.randint(1, 4))),
                (4 * bool(ready), {"send": self._payload(),
                                   "ticket": draw.choice(ready) if ready else 0}),
                (1.5 * bool(ready and model.waiting), {"drop": ready[0] if ready else 0}),
                (0.3, {"close": self._enumerant(frames.CLOSE_REASONS)}),
            ]  # fmt: skip
        if model.receiver == "open":
            options += [
                (6 if model.outstanding else 0.1,
                 self._receive("data", sequence=model.expected, payload=self._payload())),
                (0.3, self._receive("close", reason=self._enumerant(frames.CLOSE_REASONS),
                                    final_sequence=model.expected)),
            ]  # fmt: skip
        options += [(0.1 if not model.ended else 1, one) for one in self._ends()]
        weights, inputs = zip(*options, strict=True)
        chosen: Json = draw.choices(inputs, weights)[0]
        return chosen

    def _ends(self) -> list[Json]:
        """What ends a stream, or meets one that has ended."""
        code, reason = frames.ERROR_CODES, frames.CANCEL_REASONS
        message = self._some(MESSAGES)
        return [
            {"fail": {"code": self._enumerant(code), "message": message}},
            {"cancel": {"reason": self._enumerant(reason), "message": message}},
            self._receive("error", code=self._enumerant(code), sequence=self.draw.randint(0, 9),
                          message=message, details=self.draw.choice(["", "00ff"])),
            self._receive("cancel", reason=self._enumerant(reason), message=message),
        ]  # fmt: skip

    def _hostile(self) -> Json:
        """What nobody correct does now, or anything at all."""
        model, draw = self.model, self.draw
        near = max(0, model.expected + draw.choice([-1, 0, 0, 1, 2]))
        large = draw.randbytes(min(model.max_payload, 100) + 1).hex()
        held = model.credit + len(model.ready)
        options: list[Json] = [
            self._receive("credit", frames=max(0, LARGEST - held + draw.choice([0, 1]))),
            {"grant": max(0, LARGEST - model.outstanding + draw.choice([0, 1]))},
            {"send": large},
            {"send": self._payload()},
            {"send": self._payload(), "ticket": self._any_ticket()},
            {"send": large, "ticket": self._any_ticket()},
            {"wait": self._ticket()},
            {"drop": draw.randrange(1 << 16)},
            {"grant": self._some(NUMBERS)},
            {"grant": self._some(NUMBERS)},
            {"consume": self._some(NUMBERS)},
            {"close": self._enumerant(frames.CLOSE_REASONS)},
            {"fail": {"code": "internal", "message": draw.choice(["a\0b", "é" * 2049])}},
            {"cancel": {"reason": "shutdown", "message": draw.choice(["\0", "x" * 4097])}},
            {"time": self._some(TIMES)},
            self._receive("credit", frames=self._some(NUMBERS)),
            self._receive("data", sequence=near, payload=self._payload()),
            self._receive("data", sequence=near, payload=large),
            self._receive("data", sequence=model.expected, payload=large),
            self._receive("data", sequence=draw.choice([0, 2**64 - 1])),
            self._receive("close", reason="completed", final_sequence=near),
            self._receive("unknown", tag=6),
            {"receive": frame(draw.choice(["data", "close", "credit", "cancel", "open"]), OTHER)},
        ]
        if draw.random() < (0.7 if model.ended else 0.1):
            options += self._ends()
            options.append(self._receive("open", interaction=draw.choice([*KINDS, 9])))
        if model.role == "opener" and not model.idle:
            options.append({"open": {"stream_id": STREAM, "initial_credit": self._some(NUMBERS)}})
        return draw.choice(options)


def expect(endpoint: Json, inputs: list[Json]) -> Trace:
    """The model's answers to these inputs."""
    model = Endpoint(endpoint)
    return Trace(endpoint, [(given, model.step(given)) for given in inputs])


def answers(command: list[str], traces: list[Trace]) -> tuple[list[Any], str]:
    """The engine's answers, one after the other, and what to say if it broke off."""
    lines = []
    for trace in traces:
        lines.append(line(trace.endpoint))
        lines += [line(given) for given, _ in trace.steps]
    done = subprocess.run(
        command, input=("\n".join(lines) + "\n").encode(), capture_output=True, check=False
    )
    found: list[Any] = []
    # A line ends at a line feed alone: strings hold other separators, U+2028 among them.
    for text in done.stdout.decode("utf-8", "replace").split("\n")[:-1]:
        try:
            found.append(json.loads(text))
        except ValueError:
            found.append({"not JSON": text})
    trouble = done.stderr.decode("utf-8", "replace")[-2000:]
    return found, f"exit status {done.returncode}\n{trouble}" if done.returncode else ""


def first_difference(trace: Trace, found: list[Any]) -> int | None:
    """The first step that was answered otherwise, or not at all."""
    for index, (_, wanted) in enumerate(trace.steps):
        if index >= len(found) or not same(wanted, found[index]):
            return index
    return None


def failures(command: list[str], traces: list[Trace]) -> tuple[list[Trace], str]:
    """The traces that the engine answers otherwise, and what to say if it broke off.

    An engine that breaks off answers nothing more: the first trace that it owes an answer is the
    one to blame, and what comes after it counts as failed too.
    """
    found, trouble = answers(command, traces)
    failed, start = [], 0
    for trace in traces:
        end = start + len(trace.steps)
        if first_difference(trace, found[start:end]) is not None:
            failed.append(trace)
        start = end
    if len(found) > start and not failed:
        return traces[-1:], "more lines of output than inputs"
    return failed, trouble


def shorten(command: list[str], trace: Trace) -> Trace:
    """The trace with every step taken out that the difference does not need."""
    inputs = [given for given, _ in trace.steps]

    def differs(candidate: list[Json]) -> bool:
        shorter = expect(trace.endpoint, candidate)
        return first_difference(shorter, answers(command, [shorter])[0]) is not None

    cut = first_difference(trace, answers(command, [trace])[0])
    if cut is None:
        return trace
    inputs = inputs[: cut + 1]
    size = len(inputs) // 2
    while size:
        at = 0
        while at < len(inputs):
            candidate = inputs[:at] + inputs[at + size :]
            if candidate and differs(candidate):
                inputs = candidate
            else:
                at += size
        size //= 2
    return expect(trace.endpoint, inputs)


def show(command: list[str], trace: Trace) -> None:
    """Prints a trace with what was expected and what came."""
    found, trouble = answers(command, [trace])
    print(line(trace.endpoint))
    for index, (given, wanted) in enumerate(trace.steps):
        have = found[index] if index < len(found) else None
        print(line(given))
        if same(wanted, have):
            print(f"  = {line(wanted)}")
        else:
            print(f"  expected {line(wanted)}")
            print(f"  answered {line(have) if have is not None else 'nothing'}")
    if trouble:
        print(trouble)


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--ixt", default="target/release/ixt", help="the program; runs `IXT trace`")
    parser.add_argument("--command", help="another command line in its place")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="how many traces")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Runs the traces; the exit status is 1 when any was answered otherwise."""
    chosen = arguments(given)
    command = shlex.split(chosen.command) if chosen.command else [chosen.ixt, "trace"]
    began = time.monotonic()
    executed: set[str] = set()
    traces = []
    for number in range(chosen.count):
        generator = Generator(random.Random(f"{chosen.seed}/{number}"))
        traces.append(generator.trace())
        executed |= generator.model.cited
    try:
        failed, trouble = failures(command, traces)
    except OSError as problem:
        print(f"{command[0]} does not run: {problem}", file=sys.stderr)
        return 2
    if failed:
        if trouble:
            print(trouble)
        shortest = min((shorten(command, one) for one in failed[:3]), key=lambda t: len(t.steps))
        print(f"seed {chosen.seed}: the engine answers otherwise than the model")
        show(command, shortest)
    steps = sum(len(trace.steps) for trace in traces)
    print(
        f"random traces: seed {chosen.seed}, {steps} steps, {len(executed)} of {len(ROW_IDS)} "
        f"rows, {time.monotonic() - began:.1f} s"
    )
    print(f"traces: {len(traces) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
