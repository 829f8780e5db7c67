"""A network that goes and comes back: a host and modules in network namespaces of their own, on TCP and TLS."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from crowd import (
    BACK,
    CALLER_GONE,
    CALLERS,
    COMPLETED,
    PROVIDER_GONE,
    PROVIDERS,
    SERVER_BACK_CALLS,
    SERVER_GONE_ANSWERS,
    SERVER_GONE_CALLS,
    Crowd,
    undisturbed,
)
from ground import TcpGround, TlsGround
from processes import ExpectationError, Programs
from wires import Wires

#: Seconds without a byte after which either end of a connection takes the other one for lost.
IDLE = 3.0
#: Calls that a caller has open at once, two of each service: so many may complete by what had come before a cut.
AT_ONCE = 8
#: Seconds for which a wire is cut: shorter than the idle time, and longer.
SHORT, LONG = (0.4, 0.7), (IDLE + 0.5, IDLE + 1.0)
#: A wire that a busy machine mends later than this was not cut for a short time: TCP sends again after 0.2, 0.6, 1.4 and
#: 3.0 s, so that the third time is in time, and the fourth is not.
IN_TIME = 1.3
PORT = 7000
ROLES = ("caller", "provider", "host")
TRANSPORTS = ("tcp", "tls")


class Wired(TcpGround):
    """A host in a place of its own."""

    def __init__(self, wires: Wires, programs: Programs, folder: Path) -> None:
        self.wires = wires
        super().__init__(programs, folder, idle_ms=int(IDLE * 1000))

    def at(self, place: str, command: list[str]) -> list[str]:
        return self.wires.at(place, command)

    def addressed(self) -> None:
        self.anybody()
        self.listens = f"{self.SCHEME}://0.0.0.0:{PORT}"
        self.url = f"{self.SCHEME}://{self.name()}:{PORT}"
        # From its own place, which no cut wire is in the way of.
        self.asked = f"{self.SCHEME}://127.0.0.1:{PORT}"

    def name(self) -> str:
        return self.wires.address("host")


class WiredTls(Wired, TlsGround):
    """The same with TLS."""


@dataclass
class Cut:
    """Who calls whom, and whose wire is cut, when, how, and for how long."""

    number: int
    role: str
    way: str
    is_long: bool
    pairs: dict[str, str]
    caller: str
    """Of the pair of which one end is cut off; of no matter where it is the host."""
    before: float
    seconds: float
    lasted: float = 0.0
    """Seconds that it really was."""

    @property
    def place(self) -> str:
        return {"caller": self.caller, "provider": self.pairs[self.caller], "host": "host"}[
            self.role
        ]

    def affected(self) -> dict[str, str]:
        """The pairs between which nothing passes."""
        return self.pairs if self.role == "host" else {self.caller: self.pairs[self.caller]}

    def ends(self) -> set[str]:
        """The modules of these pairs."""
        return {*self.affected(), *self.affected().values()}

    def allowed(self, is_back: bool) -> Callable[[str, str], set[str]]:
        """The outcomes that a program may report."""
        calls = SERVER_BACK_CALLS if is_back else SERVER_GONE_CALLS
        provider = self.pairs[self.caller]
        if not self.is_long and self.lasted < IN_TIME:
            return undisturbed
        if self.role == "host":
            # To a module, its own wire and the host's are the same.
            return lambda _, what: calls if what == "calls" else SERVER_GONE_ANSWERS
        if self.role == "caller":
            special = {(self.caller, "calls"): calls, (provider, "answers"): CALLER_GONE}
        else:
            special = {
                (self.caller, "calls"): PROVIDER_GONE,
                (provider, "answers"): SERVER_GONE_ANSWERS,
            }
        return lambda name, what: special.get((name, what), COMPLETED)


def cuts(seed: str, count: int) -> list[Cut]:
    """In each twelve every role for a short and a long time, in silence and told; and in each role the languages in
    turns."""
    rng = random.Random(seed)
    told = itertools.cycle(rng.sample(("down", "unplugged"), 2))
    turns = {role: itertools.cycle(rng.sample(list(CALLERS), len(CALLERS))) for role in ROLES}
    made: list[Cut] = []
    while len(made) < count:
        kinds = [
            (role, way, is_long)
            for role, is_long in itertools.product(ROLES, (False, True))
            for way in ("silent", next(told))
        ]
        rng.shuffle(kinds)
        for role, way, is_long in kinds:
            providers = rng.sample(list(PROVIDERS), len(CALLERS))
            pairs = dict(zip(CALLERS, providers, strict=True))
            caller = next(turns[role])
            if role == "provider":
                # Here it is the language of the provider that takes its turn.
                wanted = caller.replace("caller", "provider")
                caller = next(name for name in pairs if pairs[name] == wanted)
            before, seconds = rng.uniform(0, 0.2), rng.uniform(*(LONG if is_long else SHORT))
            made.append(Cut(len(made) + 1, role, way, is_long, pairs, caller, before, seconds))
    return made[:count]


def total(completed: dict[str, int]) -> int:
    return sum(completed.values())


class Network:
    """A crowd whose wires are cut."""

    def __init__(self, crowd: Crowd, wires: Wires) -> None:
        self.crowd = crowd
        self.wires = wires

    def run(self, cut: Cut) -> str:
        """Lives through a cut, and gives a line about it."""
        crowd, others = self.crowd, dict(cut.pairs.items() - cut.affected().items())
        crowd.traffic(cut.pairs)
        time.sleep(cut.before)
        begun = time.monotonic()
        self.wires.cut(cut.place, cut.way)
        try:
            held = {caller: crowd.completed(caller) for caller in cut.affected()}
            since = {caller: crowd.completed(caller) for caller in others}
            if cut.is_long:
                crowd.go_on(others, since, within=cut.seconds)
            time.sleep(max(0, begun + cut.seconds - time.monotonic()))
            if cut.is_long:
                # While nothing passes: whoever waits for what the wire holds would wait for ever.
                crowd.tell(list(cut.affected()), "stop")
                ends = {name: crowd.world.modules[name] for name in cut.ends()}
                crowd.judge(crowd.drained(ends, waiting=False), cut.allowed(is_back=False))
            more = {c: total(crowd.completed(c)) - total(held[c]) for c in held}
            if max(more.values()) > AT_ONCE:
                raise ExpectationError("calls went on through a wire that was cut")
        finally:
            self.wires.mend(cut.place, cut.way)
            mended = time.monotonic()
            cut.lasted = mended - begun
        if cut.is_long:
            crowd.announced()
        else:
            crowd.go_on(cut.pairs, {**held, **since}, within=BACK)
        back = time.monotonic() - mended
        crowd.announced()
        crowd.go_on(others, {caller: crowd.completed(caller) for caller in others})
        crowd.tell(list(cut.pairs), "stop")
        reports = crowd.drained(crowd.tellers())
        broken = crowd.judge(reports, cut.allowed(is_back=True))
        crowd.count(reports)
        if cut.is_long and not all(broken[end] for end in cut.ends()):
            raise ExpectationError(f"streams broke at one end and not at the other: {broken}")
        crowd.no_stream()
        if not (host := crowd.ground.servers["host"]).lives:
            raise ExpectationError(f"the host is gone: {host.said()}")
        crowd.no_leak()
        told = f"{cut.place} {cut.way} for {cut.lasted:.1f} s"
        if cut.is_long:
            ended = f"{broken.total():4} streams broke and had ended by then"
            return f"{told:36} {ended}, all back after {back:.2f} s"
        broke = f", {broken.total()} streams broke" if broken.total() else ""
        return f"{told:36} all went on after {back:.2f} s{broke}"


class Networks:
    """A world on each transport, all at once: most of what is done here is waiting."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.begun: list[Callable[[], None]] = []
        """What stops that which has begun."""

    def run(self, transport: str, seed: int, count: int) -> str:
        folder = self.folder / transport
        folder.mkdir()
        wires = Wires(["host", *CALLERS, *PROVIDERS])
        self.begun.append(wires.remove)
        ground = (WiredTls if transport == "tls" else Wired)(wires, self.programs, folder)
        self.begun.append(ground.stop)
        crowd = Crowd(self.programs, folder, ground)
        self.begun.append(crowd.stop)
        crowd.no_leak()
        network = Network(crowd, wires)
        for cut in cuts(f"{seed} {transport}", count):
            try:
                print(f"  {transport} {cut.number:2} {network.run(cut)}", flush=True)
            except ExpectationError as failure:
                what = f"{cut.place} {cut.way} for {cut.lasted:.2f} s"
                raise ExpectationError(f"{transport}, {cut.number}, {what}: {failure}") from None
        crowd.quiet(cuts(f"{seed} again", 1)[0].pairs)
        return crowd.all_seen()

    def stop(self) -> None:
        for stop in reversed(self.begun):
            stop()


def network(programs: Programs, folder: Path, seed: int, count: int) -> str:
    """Cuts so many wires on each transport, and gives a line about them."""
    begun = time.monotonic()
    networks = Networks(programs, folder)
    with ThreadPoolExecutor(len(TRANSPORTS)) as pool:
        try:
            runs = [pool.submit(networks.run, each, seed, count) for each in TRANSPORTS]
            seen = [run.result() for run in as_completed(runs)]
        finally:
            # What still runs finds that everybody is gone.
            networks.stop()
    took = time.monotonic() - begun
    return f"{count} cuts each on {' and '.join(TRANSPORTS)} in {took:.0f} s ({'; '.join(seen)})"
