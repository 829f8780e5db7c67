"""Measures what calls, streams and modules cost on one host and on NATS, and writes the tables of docs/scale.

    scale.py --bench PROGRAM --ixt COMMAND [--markdown docs/scale.md]

Processes of `ixt-bench-rpc` provide and call where they are told; this reads from /proc what each of them, and the host
or the server of NATS between them, used of the processor and of memory, and asks the server how many messages passed.
What a thousand machines would need is worked out from that by `paper.py`. --quick is to see that it runs: it measures
little, and writes nothing.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import paper
from report import cpu, system, write_page

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "nats"))

from nats_server import Server, program, until

SIZE = 64
CALLERS = 64


@dataclass(frozen=True)
class Amount:
    """How much of everything is measured."""

    rounds: int = 5
    one_by_one: int = 10_000
    at_once: int = 100_000
    messages: int = 300_000
    #: Streams that each of two callers leaves open.
    streams: int = 5_000
    modules: int = 300
    #: Calls, and messages there and back on a stream, of each of these.
    each: int = 300
    #: Seconds in which nothing happens but keepalives.
    quiet: float = 30.0
    #: Until what was allocated or was to be given back has settled.
    settle: float = 3.0


QUICK = Amount(1, 1_000, 6_400, 10_000, 500, 30, 50, 4.0, 1.0)


class Process:
    """What a process has used."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_us(self) -> float:
        """Of the processor, in microseconds; Linux counts hundredths of a second."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") * 1e6

    def memory(self) -> int:
        """Resident, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) << 10


class Crowd(Process):
    """A process of modules that do what they are told (`crowd.rs`)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process.pid)
        self._process = process

    def begin(self, command: str) -> None:
        """Tells it, and does not wait."""
        assert self._process.stdin is not None
        print(command, file=self._process.stdin, flush=True)

    def finish(self) -> float:
        """Waits until it is done; the seconds that it took."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().split()
        if not answer:
            raise SystemExit("a process of the benchmark ended early")
        return float(answer[1])

    def do(self, command: str) -> float:
        """Both."""
        self.begin(command)
        return self.finish()


@dataclass
class Ground:
    """Where modules meet, and the programs that meet there."""

    name: str
    url: str
    between: Process
    bench: str
    server: Server | None
    stack: ExitStack

    def _start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def provider(self, name: str = "echo") -> Process:
        """A module that answers; it does already."""
        process = self._start(self.bench, "provide", self.url, name)
        if not process.stdout or process.stdout.readline() != "ready\n":
            raise SystemExit("the provider ended early")
        return Process(process.pid)

    def crowd(self, name: str, modules: int = 1) -> Crowd:
        """A process of callers."""
        crowd = Crowd(self._start(self.bench, "crowd", self.url, name))
        if modules:
            crowd.do(f"modules {modules}")
        return crowd

    def passed(self) -> dict[str, int]:
        """What the server of NATS has counted; of a host nothing is."""
        return self.server.ask("/varz") if self.server else {}


@contextmanager
def host(bench: str, ixt: str) -> Iterator[Ground]:
    """`ixt host` on a Unix socket."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder, "host")
        process = subprocess.Popen([ixt, "host", f"unix://{path}"], stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        until(path.exists, lambda: "the host does not listen")
        yield Ground("host", f"unix://{path}", Process(process.pid), bench, None, stack)


@contextmanager
def nats(bench: str, _ixt: str) -> Iterator[Ground]:
    """One server of NATS."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as server,
        ExitStack() as stack,
    ):
        yield Ground("NATS", server.url, Process(server.pid), bench, server, stack)


@dataclass
class Use:
    """What something cost, of the processor: microseconds of each role for one of it; and the server's messages."""

    caller: float
    provider: float
    between: float
    a_second: float
    nats_messages: float = 0.0
    nats_bytes: float = 0.0

    @property
    def all(self) -> float:
        """Of all processes."""
        return self.caller + self.provider + self.between


def used(
    ground: Ground, roles: dict[str, list[Process]], count: float, do: Callable[[], object]
) -> Use:
    """What each role used for one of so many."""
    roles = {**roles, "between": [ground.between]}

    def now() -> dict[str, float]:
        return {role: sum(one.cpu_us() for one in ones) for role, ones in roles.items()}

    server, before, begun = ground.passed(), now(), time.monotonic()
    do()
    took, after, told = time.monotonic() - begun, now(), ground.passed()
    of = {role: (after[role] - before[role]) / count for role in after}
    messages, size = (
        (told[what] - server[what]) / count if told else 0.0 for what in ("in_msgs", "in_bytes")
    )
    return Use(**of, a_second=count / took, nats_messages=messages, nats_bytes=size)


def middle(uses: list[Use]) -> Use:
    """The median of each figure."""
    return Use(
        **{
            one.name: statistics.median(getattr(use, one.name) for use in uses)
            for one in fields(Use)
        }
    )


def calls(ground: Ground, amount: Amount) -> tuple[Use, Use, Use]:
    """One call after the other, many at once, and messages of a stream, between two processes."""
    provider, crowd = ground.provider(), ground.crowd("one")
    roles: dict[str, list[Process]] = {"caller": [crowd], "provider": [provider]}

    def measure(command: str, count: int) -> Use:
        # The first round warms up.
        rounds = [
            used(ground, roles, count, lambda: crowd.do(command)) for _ in range(amount.rounds + 1)
        ]
        return middle(rounds[1:])

    whole = amount.at_once // CALLERS * CALLERS
    return (
        measure(f"unary {amount.one_by_one} {SIZE} 1", amount.one_by_one),
        measure(f"unary {whole} {SIZE} {CALLERS}", whole),
        measure(f"count {amount.messages} {SIZE}", amount.messages),
    )


def many(ground: Ground, amount: Amount) -> Use:
    """Two processes that call two others."""
    providers = [ground.provider(), ground.provider("echo-2")]
    crowds = [ground.crowd("one"), ground.crowd("two")]
    whole = amount.at_once // CALLERS * CALLERS

    def both() -> None:
        for crowd in crowds:
            crowd.begin(f"unary {whole} {SIZE} {CALLERS}")
        for crowd in crowds:
            crowd.finish()

    rounds = [
        used(ground, {"caller": [*crowds], "provider": [*providers]}, 2 * whole, both)
        for _ in range(amount.rounds + 1)
    ]
    return middle(rounds[1:])


def streams(ground: Ground, amount: Amount) -> dict[str, float]:
    """The memory of a stream that is open and idle."""
    provider, crowds = ground.provider(), [ground.crowd("one"), ground.crowd("two")]
    for crowd in crowds:
        # What the first streams allocate is there for all.
        crowd.do("streams 1")
    time.sleep(amount.settle)
    processes: dict[str, list[Process]] = {
        "caller": [*crowds],
        "provider": [provider],
        "between": [ground.between],
    }
    before = {role: sum(one.memory() for one in ones) for role, ones in processes.items()}
    for crowd in crowds:
        crowd.do(f"streams {amount.streams}")
    time.sleep(amount.settle)
    return {
        role: (sum(one.memory() for one in ones) - before[role]) / (len(crowds) * amount.streams)
        for role, ones in processes.items()
    }


@dataclass
class Modules:
    """What many modules cost that all call one."""

    #: For a module that is connected and idle: `caller` is its own process.
    module: dict[str, float]
    #: For a pair of modules of which one has called the other.
    pair: dict[str, float]
    #: Of a module, at the server of NATS.
    subscriptions: float
    #: A call, where all call at once, each one call after the other: none shares a message with another.
    calls: Use
    #: A message of a stream one way, where on all streams one goes there and back after the other.
    messages: Use
    #: For a pair with an open stream on which nothing happens, in a second.
    quiet: Use


def modules(ground: Ground, amount: Amount) -> Modules:
    """The memory of modules and of pairs of them, and what keeps a pair alive."""
    provider, crowd = ground.provider(), ground.crowd("many")
    crowd.do("each")
    processes = {"caller": crowd, "provider": provider, "between": ground.between}

    def memory() -> dict[str, int]:
        time.sleep(amount.settle)
        return {role: one.memory() for role, one in processes.items()}

    def grown(after: dict[str, int], before: dict[str, int]) -> dict[str, float]:
        return {role: (after[role] - before[role]) / amount.modules for role in after}

    empty, told = memory(), ground.passed()
    crowd.do(f"modules {amount.modules}")
    connected, now = memory(), ground.passed()
    crowd.do("each")
    called = memory()
    crowd.do("streams 1")
    time.sleep(amount.settle)
    # The first module of the crowd is one more.
    pairs = amount.modules + 1
    roles: dict[str, list[Process]] = {"caller": [crowd], "provider": [provider]}

    def busy(command: str, count: int) -> Use:
        rounds = [
            used(ground, roles, count, lambda: crowd.do(command)) for _ in range(amount.rounds)
        ]
        return middle(rounds)

    call, message = (
        busy(f"all {amount.each}", pairs * amount.each),
        busy(f"echo {amount.each}", 2 * pairs * amount.each),
    )
    time.sleep(amount.settle)
    quiet = used(ground, roles, pairs * amount.quiet, lambda: time.sleep(amount.quiet))
    return Modules(
        module=grown(connected, empty),
        pair=grown(called, connected),
        subscriptions=(now["subscriptions"] - told["subscriptions"]) / amount.modules
        if told
        else 0.0,
        calls=call,
        messages=message,
        quiet=quiet,
    )


@dataclass
class Measured:
    """All of one ground. CPU in microseconds, memory in bytes."""

    name: str
    one_by_one: Use
    at_once: Use
    message: Use
    #: Two callers and two providers.
    many: Use
    #: For an idle open stream, by role.
    stream: dict[str, float]
    modules: Modules


def measure(
    at: Callable[[str, str], AbstractContextManager[Ground]], bench: str, ixt: str, amount: Amount
) -> Measured:
    """Each part on a fresh ground."""
    with at(bench, ixt) as ground:
        name = ground.name
        one_by_one, at_once, message = calls(ground, amount)
    say(f"{name}: unary, one after the other", one_by_one)
    say(f"{name}: unary, {CALLERS} at once", at_once)
    say(f"{name}: message of a stream", message)
    with at(bench, ixt) as ground:
        crowded = many(ground, amount)
    say(f"{name}: two callers, two providers", crowded)
    with at(bench, ixt) as ground:
        stream = streams(ground, amount)
    print(f"{name}: bytes of an idle stream: {stream}", flush=True)
    with at(bench, ixt) as ground:
        crowd = modules(ground, amount)
    print(f"{name}: bytes of a module {crowd.module}, of a pair {crowd.pair}", flush=True)
    say(f"{name}: a call of one of {amount.modules} modules", crowd.calls)
    say(f"{name}: a message of one of {amount.modules} streams", crowd.messages)
    say(f"{name}: a pair with an idle stream, a second", crowd.quiet)
    return Measured(name, one_by_one, at_once, message, crowded, stream, crowd)


def say(what: str, use: Use) -> None:
    """A line for the terminal."""
    print(
        f"{what}: {use.caller:.2f} + {use.provider:.2f} + {use.between:.2f} us of CPU,"
        f" {use.a_second:,.0f} a second, {use.nats_messages:.3f} messages",
        flush=True,
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures what one host and NATS cost.")
    parser.add_argument("--bench", required=True, help="ixt-bench-rpc")
    parser.add_argument("--ixt", required=True, help="the command ixt")
    parser.add_argument("--quick", action="store_true", help="little, and nothing is written")
    parser.add_argument("--markdown", type=Path, help="the page whose tables are written anew")
    arguments = parser.parse_args()
    amount = QUICK if arguments.quick else Amount()
    load = os.getloadavg()[0]
    hosted, on_nats = (measure(at, arguments.bench, arguments.ixt, amount) for at in (host, nats))
    where = (
        f"Measured on {datetime.datetime.now(datetime.UTC).date()}: {cpu()}, {os.cpu_count()} cores,"
        f" {system()}; nats-server {version()}."
        f" The machine's load before it was {load:.1f}."
    )
    tables = paper.costs(hosted, on_nats, amount)
    thousand = paper.thousand(hosted, on_nats)
    if arguments.markdown and not arguments.quick:
        write_page(arguments.markdown, "costs", f"{where}\n\n{tables}")
        write_page(arguments.markdown, "thousand hosts", thousand)
    else:
        print(f"{where}\n\n{tables}\n{thousand}")
    return 0


def version() -> str:
    """Of nats-server."""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().rpartition("v")[2]


if __name__ == "__main__":
    sys.exit(main())
