"""`kill -9` of callers, providers and the host, at seeded moments, under calls of all four kinds."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import MIB, PATIENCE, ExpectationError, Process, Programs, World, until

LANGUAGES = ("rust", "go", "python")
CALLERS = {f"caller-{language}": language for language in LANGUAGES}
PROVIDERS = {f"provider-{language}": language for language in LANGUAGES} | {"c": "c"}
#: The services of a program, one for each kind, and those of the module in C.
SERVICES = {"c": "upper,count,echo"}
EVERY = "upper,count,sum,echo"

#: Seconds within which every open stream ends at both its ends, once one of three processes is dead.
BOUND = 5.0
#: Seconds within which modules come back to a host that was started again.
BACK = 10.0
#: How much a process may grow over all moments.
GROWTH = 32 * MIB

#: What may become of a stream where a process dies that carries it: specification 25, section 5. A call that is
#: opened when its provider is gone finds nobody, and one that is opened without a connection none.
COMPLETED = {"completed"}
CALLER_GONE = COMPLETED | {"cancelled:consumerGone"}
PROVIDER_GONE = COMPLETED | {"failed:unavailable", "failed:notFound"}
HOST_GONE_CALLS = COMPLETED | {"failed:unavailable", "refused:unavailable"}
HOST_GONE_ANSWERS = COMPLETED | {"failed:unavailable"}
#: What waited for a host may reach it before its provider does.
HOST_BACK_CALLS = HOST_GONE_CALLS | {"failed:notFound"}


@dataclass
class Moment:
    """Who calls whom, and who is killed when."""

    number: int
    role: str
    pairs: dict[str, str]
    caller: str
    """Of the pair of which one end is killed; of no matter where it is the host."""
    before: float
    """Seconds of traffic before the kill, from when every caller has got answers of all kinds."""
    after: float
    """Seconds of traffic after it."""

    @property
    def victim(self) -> str:
        return {"caller": self.caller, "provider": self.pairs[self.caller], "host": "host"}[
            self.role
        ]

    def allowed(self, name: str, what: str, is_back: bool) -> set[str]:
        """The outcomes that a program may report of its calls, or of what it answered."""
        if self.role == "host" and what == "calls":
            return HOST_BACK_CALLS if is_back else HOST_GONE_CALLS
        if self.role == "host":
            return HOST_GONE_ANSWERS
        if self.role == "caller" and what == "answers" and name == self.pairs[self.caller]:
            return CALLER_GONE
        if self.role == "provider" and what == "calls" and name == self.caller:
            return PROVIDER_GONE
        return COMPLETED


def moments(seed: int, count: int) -> list[Moment]:
    rng = random.Random(seed)
    roles = (["caller", "provider", "host"] * (count // 3 + 1))[:count]
    rng.shuffle(roles)
    made = []
    for number, role in enumerate(roles, 1):
        pairs = dict(zip(CALLERS, rng.sample(list(PROVIDERS), len(CALLERS)), strict=True))
        before, after = rng.uniform(0, 0.3), rng.uniform(0, 0.1)
        made.append(Moment(number, role, pairs, rng.choice(list(CALLERS)), before, after))
    return made


class Kills:
    """A world in which processes die."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.world = World(programs, folder)
        for name, language in (CALLERS | PROVIDERS).items():
            self.world.begin(name, language)
        for process in self.world.at.values():
            process.line()
        self.announced()
        self.descriptors: dict[str, int] = {}
        self.memory: dict[str, tuple[int, int]] = {}
        self.seen: Counter[str] = Counter()

    def announced(self) -> None:
        wanted = {"c-example" if name == "c" else name for name in CALLERS | PROVIDERS}
        until(
            lambda: wanted <= self.world.modules(),
            BACK,
            lambda: f"{sorted(wanted - self.world.modules())} did not come back",
        )

    def programs(self) -> dict[str, Process]:
        """Those that tell what happened."""
        return {name: process for name, process in self.world.at.items() if name != "c"}

    def reports(self, names: dict[str, Process]) -> dict[str, dict[str, Any]]:
        return {name: process.ask("report", BOUND) for name, process in names.items()}

    def drained(self, survivors: dict[str, Process], waiting: bool = True) -> dict[str, Any]:
        """Waits until no call is open, and none is answered, in any of these."""
        found: dict[str, dict[str, Any]] = {}

        def all_over() -> bool:
            found.update(self.reports(survivors))
            keys = ("busy", "answering", "waiting") if waiting else ("busy", "answering")
            return not any(report.get(key) for report in found.values() for key in keys)

        until(all_over, BOUND, lambda: f"calls are still open: {found}")
        return found

    def traffic(self, moment: Moment) -> None:
        """Begins the calls, and waits until each caller has got answers of each kind."""
        for process in self.programs().values():
            process.forget()
        for caller, provider in moment.pairs.items():
            services = SERVICES.get(provider, EVERY)
            self.world.at[caller].tell(f"traffic {provider} {services}")
        waiting = dict(moment.pairs)

        def all_answered() -> bool:
            for caller, provider in list(waiting.items()):
                calls = self.world.at[caller].ask("report")["calls"]
                services = SERVICES.get(provider, EVERY).split(",")
                if all(calls.get(service, {}).get("completed") for service in services):
                    del waiting[caller]
            return not waiting

        until(all_answered, PATIENCE, lambda: f"no answers: {waiting}")

    def run(self, moment: Moment) -> str:
        """Lives through a moment, and gives a line about it."""
        world = self.world
        self.traffic(moment)
        time.sleep(moment.before)
        victim = world.host if moment.role == "host" else world.at[moment.victim]
        died = time.monotonic()
        victim.kill()
        time.sleep(moment.after)
        survivors = {name: each for name, each in self.programs().items() if each is not victim}
        for caller in moment.pairs:
            if caller in survivors:
                survivors[caller].tell("stop")
        if moment.role == "host":
            # While there is no host nothing can be open; what only waits for one goes on later.
            self.judge(moment, self.drained(survivors, waiting=False), is_back=False)
        else:
            self.drained(survivors)
        ended = time.monotonic() - died
        if moment.role == "host":
            c = world.at["c"]
            until(
                lambda: not c.lives, BOUND, lambda: "the module in C does not end without its host"
            )
            world.begin_host()
            world.begin("c", "c").line()
            self.announced()
        elif not world.host.lives:
            raise ExpectationError(f"the host is gone: {world.host.said()}")
        back = time.monotonic() - died
        broken = self.judge(moment, self.drained(survivors), is_back=True)
        self.no_stream()
        if moment.role != "host":
            world.begin(moment.victim, (CALLERS | PROVIDERS)[moment.victim]).line()
            self.announced()
        self.no_leak()
        again = f", all back after {back:.2f} s" if moment.role == "host" else ""
        return (
            f"{moment.victim:16} {broken:3} streams broke, all had ended after {ended:.2f} s{again}"
        )

    def judge(self, moment: Moment, reports: dict[str, dict[str, Any]], is_back: bool) -> int:
        """Holds the outcomes against the specification; gives how many streams did not complete."""
        broken = 0
        for name, report in reports.items():
            if report["wrong"]:
                raise ExpectationError(f"{name}: {report['wrong'][:3]}")
            for what in ("calls", "answers"):
                outcomes: Counter[str] = Counter()
                for counts in report[what].values():
                    outcomes.update(counts)
                if strange := set(outcomes) - moment.allowed(name, what, is_back):
                    raise ExpectationError(f"{name}: its {what} ended as {strange}: {report[what]}")
                if is_back:
                    self.seen.update({f"{what} {outcome}": n for outcome, n in outcomes.items()})
                broken += sum(n for outcome, n in outcomes.items() if outcome != "completed")
        return broken

    def no_stream(self) -> None:
        left: list[dict[str, Any]] = []

        def none() -> bool:
            left[:] = self.world.streams()
            return not left

        until(none, BOUND, lambda: f"streams in the host: {left}")

    def no_leak(self) -> None:
        """Holds descriptors and memory against what they were when the process was first looked at."""
        for name, process in {**self.programs(), "host": self.world.host}.items():
            self.looked_at(name, process)

    def looked_at(self, name: str, process: Process) -> None:
        if name in self.descriptors:
            known = self.descriptors[name]
            until(
                lambda: process.descriptors == known,
                BOUND,
                lambda: f"{name} had {known} descriptors, and has {process.descriptors}",
            )
        else:
            self.descriptors[name] = settled(lambda: process.descriptors)
        pid, memory = self.memory.get(name, (0, 0))
        if pid != process.process.pid:
            self.memory[name] = (process.process.pid, process.memory)
        elif process.memory > memory + GROWTH:
            raise ExpectationError(f"{name} grew from {memory} to {process.memory} bytes")


def settled(measure: Callable[[], int]) -> int:
    """A measure that has not changed for half a second."""
    last, since = measure(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.02)
        if (now := measure()) != last:
            last, since = now, time.monotonic()
    return last


def kills(programs: Programs, folder: Path, seed: int, count: int) -> str:
    """Runs all moments and gives a line about them."""
    begun = time.monotonic()
    living = Kills(programs, folder)
    try:
        living.no_leak()
        for moment in moments(seed, count):
            try:
                print(f"  {moment.number:2} {living.run(moment)}", flush=True)
            except ExpectationError as failure:
                raise ExpectationError(
                    f"moment {moment.number}, kill of {moment.victim}: {failure}"
                ) from None
        # Once more, and nobody dies.
        last = moments(seed + 1, 1)[0]
        living.traffic(last)
        for caller in last.pairs:
            living.world.at[caller].tell("stop")
        for name, report in living.drained(living.programs()).items():
            for what in ("calls", "answers"):
                if any(set(counts) - COMPLETED for counts in report[what].values()):
                    raise ExpectationError(f"{name}: nobody was killed: {report[what]}")
    finally:
        living.world.stop()
    seen = ", ".join(f"{what} {n}" for what, n in sorted(living.seen.items()))
    return f"{count} kills in {time.monotonic() - begun:.0f} s ({seen})"
