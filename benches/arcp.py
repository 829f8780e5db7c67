"""Runs the benchmarks of ARCP, ours beside the official Python SDK, and writes their table and plot in docs/benchmarks.

    arcp.py --ours PROGRAM --python "INTERPRETER bench.py" [--language Python]

Both programs have the same parts: a runtime, a client that measures one thing, and both in one process. The
sides take turns in every repeat, and the medians of the repeats are told. With --only nothing is written.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chart import TIMES, Chart
from report import AT_LEAST, AT_MOST, DASH, command_says, cpu, system, times, write_page

PEER = "agentruntimecontrolprotocol 1.1.3 (Python)"
#: Turns of both sides, of which the medians are told.
REPEATS = 3
SESSIONS = 1000
#: Seconds that pass before the memory of idle sessions is looked at, and between their heartbeats.
SETTLE, HEARTBEAT = 7.0, 2
TICKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)

Figure = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """Something that both sides do."""

    name: str
    unit: str
    run: Callable[[Side], float | dict[str, float]]
    #: Of the peer's figure: this often as fast, or as small, at least.
    target: float | None = None
    lower: bool = False


@dataclass
class Side:
    """One of the two programs."""

    name: str
    command: list[str]
    options: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A figure of both sides."""

    name: str
    unit: str
    ours: float
    theirs: float
    target: float | None
    lower: bool
    #: What it may be at most, whatever the peer's is.
    most: float | None = None

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours if self.lower else self.ours / self.theirs

    @property
    def falls_short(self) -> bool:
        too_much = self.most is not None and self.ours > self.most
        return too_much or (self.target is not None and self.ratio < self.target)


@dataclass(frozen=True)
class Alone:
    """A figure of ours: with SQLite behind the runtime, beside the same without."""

    name: str
    unit: str
    stored: float
    without: float
    target: float = 0.5

    @property
    def ratio(self) -> float:
        return self.stored / self.without

    @property
    def falls_short(self) -> bool:
        return self.ratio < self.target


@dataclass(frozen=True)
class Memory:
    """What a runtime of ours holds, in MiB, at some moments."""

    name: str
    at: dict[str, float]


class Runtime:
    """A runtime as a process of its own."""

    def __init__(self, side: Side, *options: str) -> None:
        command = [*side.command, "runtime", "--listen", "127.0.0.1:0", *side.options, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the runtime of {side.name} did not start")
        self.url: str = json.loads(line)["url"]

    @property
    def resident(self) -> float:
        """KiB of memory that it has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return float(next(row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(side: Side, *options: str) -> Iterator[Runtime]:
    runtime = Runtime(side, *options)
    try:
        yield runtime
    finally:
        runtime.stop()


class Client:
    """A client as a process of its own: its lines, and the marks that it waits at."""

    def __init__(self, side: Side, *arguments: str) -> None:
        self.what = f"{side.name}: {' '.join(arguments)}"
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*side.command, *arguments], stdin=pipe, stdout=pipe, text=True
        )

    def __iter__(self) -> Iterator[Figure]:
        for line in self.process.stdout or ():
            yield json.loads(line)
        if self.process.wait():
            raise SystemExit(f"{self.what} failed")

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def told(side: Side, *arguments: str) -> float:
    """The one figure that a client tells."""
    figures = [value for figure in Client(side, *arguments) for value in figure.values()]
    if len(figures) != 1:
        raise SystemExit(f"{side.name}: {arguments} told {figures}")
    return float(figures[0])


def by_client(measure: str) -> Callable[[Side], float]:
    def run(side: Side) -> float:
        with serving(side) as runtime:
            return told(side, "client", runtime.url, measure)

    return run


def in_memory(side: Side) -> float:
    return told(side, "memory", "events")


def marks(side: Side, measure: str, *options: str, settle: float = 0.3) -> dict[str, float]:
    """What the runtime holds at each mark of a client, in KiB."""
    seen: dict[str, float] = {}
    with serving(side, *options) as runtime:
        client = Client(side, "client", runtime.url, measure)
        for figure in client:
            # The first one is before anything has happened.
            time.sleep(settle if seen else 0.3)
            seen[str(figure["mark"])] = runtime.resident
            client.go_on()
    return seen


def idle(side: Side) -> float:
    """KiB of one session of many."""
    seen = marks(side, "sessions", "--heartbeat", str(HEARTBEAT), settle=SETTLE)
    return (seen["idle"] - seen["before"]) / SESSIONS


def due(took: float) -> Iterator[float]:
    """A ping is due every millisecond; behind one that takes long, those due meanwhile are late too."""
    while took > 0:
        yield took
        took -= 1


def pings(side: Side) -> dict[str, float]:
    """Pings on a session of its own, while another one reads a flood."""
    with serving(side) as runtime:
        flood, ping = (Client(side, "client", runtime.url, what) for what in ("flood", "ping"))
        floods, answers = iter(flood), iter(ping)
        assert next(floods) == next(answers) == {"mark": "ready"}
        ping.go_on()
        flood.go_on()
        assert not list(floods)
        ping.go_on()
        took = sorted(late for ms in next(answers)["pings"] for late in due(float(ms)))
        assert not list(answers)
    return {"median": statistics.median(took), "99th percentile": took[int(len(took) * 0.99)]}


# What each language of ours is held to; a ping in Python to 5 ms.
TARGETS: dict[str, tuple[float | None, ...]] = {
    "Rust": (3, 3, 1.5, 3, 4, None, None, 1),
    "Python": (4, 4, 3, 3, 4, 8, 8, 1),
}
PING_MS = 5.0


def measures(language: str) -> list[Measure]:
    every = (
        Measure("20,000 events over WebSocket", "events/s", by_client("events")),
        Measure("20,000 events in memory", "events/s", in_memory),
        Measure("submit to result, one at a time", "jobs/s", by_client("one")),
        Measure("submit to result, 64 at a time", "jobs/s", by_client("many")),
        Measure("memory of an idle session", "KiB", idle, lower=True),
        Measure("replay of 5,000 events, subscriber", "ms", by_client("history"), lower=True),
        Measure("replay of 5,000 events, resume", "ms", by_client("resume"), lower=True),
        Measure("ping during a flood", "ms", pings, lower=True),
    )
    aims = zip(every, TARGETS[language], strict=True)
    return [replace(measure, target=target) for measure, target in aims]


STORED = (
    ("20,000 events over WebSocket", "events/s", "events"),
    ("submit to result, one at a time", "jobs/s", "one"),
    ("submit to result, 64 at a time", "jobs/s", "many"),
)
# What outlives what, and the option by which our runtime keeps it so.
DURABILITIES = (
    ("kept when the power fails", "--store"),
    ("kept when the process is killed", "--store-normal"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures ARCP and writes the page.")
    parser.add_argument("--ours", required=True, metavar="COMMAND")
    parser.add_argument("--python", required=True, metavar="COMMAND")
    parser.add_argument("--language", choices=sorted(TARGETS), default="Rust", help="of ours")
    parser.add_argument("--only", metavar="TEXT", help="measures whose name has it; writes nothing")
    parser.add_argument("--markdown", type=Path, help="the page whose table is written anew")
    parser.add_argument("--plot", type=Path, help="the SVG that is written")
    arguments = parser.parse_args()

    ours = Side("ours", shlex.split(arguments.ours))
    theirs = Side("theirs", shlex.split(arguments.python))
    only = arguments.only or ""
    rows = [
        row
        for measure in measures(arguments.language)
        if only in measure.name
        for row in compare(measure, ours, theirs, arguments.language)
    ]
    alone = [
        store(ours, f"{name}, {kept}", unit, what, option)
        for kept, option in DURABILITIES
        for name, unit, what in STORED
        if only in f"SQLite: {name}" and (not only or "SQLite" in only)
    ]
    held = [
        told_memory(Memory(name, marks(ours, what)))
        for name, what in (
            ("behind a reader that sleeps", "sleep"),
            ("behind ended jobs", "finished"),
        )
        if only in name
    ]
    every: list[Row | Alone] = [*rows, *alone]
    aimed = [row for row in every if row.target is not None]
    met = sum(not row.falls_short for row in aimed)
    print(f"{met} of {len(aimed)} targets are met")
    if only:
        print("--only: the page was left as it is")
        return 0
    if arguments.markdown:
        part = "arcp" if arguments.language == "Rust" else f"arcp in {arguments.language.lower()}"
        write_page(arguments.markdown, part, table(rows, alone, held))
    if arguments.plot:
        arguments.plot.write_text(plot(rows, alone, arguments.language))
    return 0


def compare(measure: Measure, ours: Side, theirs: Side, language: str) -> list[Row]:
    """Lets both sides take turns, and gives the medians."""
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(REPEATS):
        for side in (ours, theirs):
            done = measure.run(side)
            for part, value in (done if isinstance(done, dict) else {"": done}).items():
                figures.setdefault(part, {}).setdefault(side.name, []).append(value)
    rows = []
    for part, seen in figures.items():
        row = Row(
            f"{measure.name}, {part}" if part else measure.name,
            measure.unit,
            statistics.median(seen["ours"]),
            statistics.median(seen["theirs"]),
            None if part == "median" else measure.target,
            measure.lower,
            PING_MS if part == "99th percentile" and language == "Python" else None,
        )
        rows.append(row)
        print(
            f"{row.name:46}{number(row.ours):>10} {number(row.theirs):>10} {row.unit:9}"
            f"{times(row.ratio):>8}{mark(row.falls_short)}",
            flush=True,
        )
    return rows


def store(ours: Side, name: str, unit: str, measure: str, option: str) -> Alone:
    """The same of ours, with and without a store."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            kept = Side("ours", ours.command, [option, f"{folder}/store"])
            for values, side in zip(figures, (kept, ours), strict=True):
                with serving(side) as runtime:
                    values.append(told(ours, "client", runtime.url, measure))
    row = Alone(name, unit, *(statistics.median(values) for values in figures))
    print(
        f"{'SQLite: ' + name:46}{number(row.stored):>10} {number(row.without):>10} {unit:9}"
        f"{times(row.ratio):>8}{mark(row.falls_short)}",
        flush=True,
    )
    return row


def told_memory(memory: Memory) -> Memory:
    told = Memory(memory.name, {at: kib / 1024 for at, kib in memory.at.items()})
    print(memory.name, {at: f"{mib:.1f} MiB" for at, mib in told.at.items()}, flush=True)
    return told


def mark(short: bool) -> str:
    return " \u25bc" if short else ""


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def wanted(row: Row) -> str:
    if row.target is None:
        return DASH
    if row.most is not None:
        return f"{AT_MOST} {row.most:g} {row.unit}"
    if row.target == 1:
        return "no worse"
    return f"{AT_MOST} 1/{row.target:g}" if row.lower else f"{AT_LEAST} {row.target:g}{TIMES}"


def table(rows: list[Row], alone: list[Alone], held: list[Memory]) -> str:
    out = [
        f"Measured on {datetime.datetime.now(datetime.UTC).date()}: {cpu()},"
        f" {os.cpu_count()} cores, {system()}; {command_says('rustc', '--version')};"
        f" {PEER}, Python {sys.version.split()[0]}.",
        "",
        "| | Unit | Ours | Theirs | Better by | Target |",
        "|---|---|--:|--:|--:|--:|",
    ]
    out += [
        f"| {row.name} | {row.unit} | {number(row.ours)} | {number(row.theirs)}"
        f" | {times(row.ratio)}{mark(row.falls_short)} | {wanted(row)} |"
        for row in rows
    ]
    out += [
        "",
        "| Ours, with SQLite | Unit | With | Without | Of the speed without | Target |",
        "|---|---|--:|--:|--:|--:|",
    ]
    out += [
        f"| {row.name} | {row.unit} | {number(row.stored)} | {number(row.without)}"
        f" | {row.ratio:.2f}{mark(row.falls_short)} | {AT_LEAST} {row.target:g} |"
        for row in alone
    ]
    for memory, head in zip(held, ("seconds of sleep", "jobs"), strict=True):
        out += [
            "",
            f"| Memory of our runtime {memory.name}, {head} |"
            + "".join(f" {int(at):,} |" for at in memory.at),
            "|---|" + "--:|" * len(memory.at),
            "| MiB |" + "".join(f" {mib:.1f} |" for mib in memory.at.values()),
        ]
    return "\n".join([*out, ""])


def plot(rows: list[Row], alone: list[Alone], language: str) -> str:
    """A row for each figure that is compared."""
    every: list[Row | Alone] = [*rows, *alone]
    ratios = [row.ratio for row in every]
    chart = Chart(min([0.25, *ratios]), max([16.0, *ratios]))
    heads: tuple[tuple[str, list[Row] | list[Alone]], ...] = (
        (f"Against {PEER}", rows),
        ("With SQLite, against without", alone),
    )
    for head, group in heads:
        chart.head(head)
        for row in group:
            chart.row(row.name)
            if row.target is not None:
                chart.want(row.target)
            chart.mark("plain", row.ratio, times(row.ratio))
    key = (
        '<circle class="plain" cx="22" cy="44" r="4.5"/><text x="32" y="48">ours</text>'
        '<line class="want" x1="92" x2="92" y1="38" y2="50"/><text x="100" y="48">target</text>'
    )
    title = f"ARCP in {language}: how many times as fast, or as small (logarithmic)"
    about = "How many times as fast, or as small, ours is as the official Python SDK"
    return chart.svg(title, about, key, (0.25, 0.5, *TICKS))


if __name__ == "__main__":
    sys.exit(main())
