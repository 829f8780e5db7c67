"""Callers and providers of all languages that call each other, and what must have become of their calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ground import BOUND, Ground, World
from processes import (
    MIB,
    PATIENCE,
    ExpectationError,
    Process,
    Programs,
    descriptors,
    settled,
    until,
)

LANGUAGES = ("rust", "go", "python")
CALLERS = {f"caller-{language}": language for language in LANGUAGES}
PROVIDERS = {f"provider-{language}": language for language in LANGUAGES}
#: The services of a program, one for each kind, and those of the module in C.
SERVICES = {"c": "upper,count,echo"}
EVERY = "upper,count,sum,echo"

#: Seconds within which modules come back to a server that was started again, or that can be reached again.
BACK = 10.0
#: How much a process may grow over all moments.
GROWTH = 32 * MIB

#: What may become of a stream when who carries it is gone: specification 25, section 5. A call that is opened when
#: its provider is gone finds nobody, and one that is opened without a connection none.
COMPLETED = {"completed"}
CALLER_GONE = COMPLETED | {"cancelled:consumerGone"}
PROVIDER_GONE = COMPLETED | {"failed:unavailable", "failed:notFound"}
SERVER_GONE_CALLS = COMPLETED | {"failed:unavailable", "refused:unavailable"}
SERVER_GONE_ANSWERS = COMPLETED | {"failed:unavailable"}
#: Without a host in between, who answers is told of a caller that cannot be reached as of one that is gone.
SERVER_OUTLIVED_ANSWERS = SERVER_GONE_ANSWERS | CALLER_GONE
#: What waited for a server may reach it before its provider does.
SERVER_BACK_CALLS = SERVER_GONE_CALLS | {"failed:notFound"}

#: The outcomes that a program may report: of its `calls`, or of the `answers` that it gave.
Allowed = Callable[[str, str], set[str]]


def undisturbed(_name: str, _what: str) -> set[str]:
    return COMPLETED


class Crowd:
    """A world with a caller and a provider in each language, and the provider in C where it can be."""

    def __init__(self, programs: Programs, folder: Path, ground: Ground) -> None:
        self.world = World(programs, folder, ground)
        self.ground = ground
        self.providers = PROVIDERS | ({"c": "c"} if ground.has_c else {})
        try:
            for name, language in (CALLERS | self.providers).items():
                self.world.begin(name, language)
            for process in self.world.modules.values():
                process.line()
            self.announced()
        except BaseException:
            self.world.stop()
            raise
        self.descriptors: dict[str, int] = {}
        self.memory: dict[str, tuple[int, int]] = {}
        self.seen: Counter[str] = Counter()
        """How many calls and answers ended how."""

    def language(self, name: str) -> str:
        return (CALLERS | self.providers)[name]

    def announced(self) -> None:
        wanted = {"c-example" if name == "c" else name for name in CALLERS | self.providers}
        until(
            lambda: wanted <= self.ground.modules(),
            BACK,
            lambda: f"{sorted(wanted - self.ground.modules())} did not come back",
        )

    def tellers(self) -> dict[str, Process]:
        """The programs that tell what happened."""
        return {name: process for name, process in self.world.modules.items() if name != "c"}

    def tell(self, callers: list[str], line: str) -> None:
        for caller in callers:
            self.world.modules[caller].tell(line)

    def drained(
        self, survivors: dict[str, Process], waiting: bool = True, within: float = BOUND
    ) -> dict[str, Any]:
        """Waits until no call is open, and none is answered, in any of these, and gives their reports. Calls that
        only wait for a connection count if `waiting`."""
        found: dict[str, dict[str, Any]] = {}

        def all_over() -> bool:
            found.update({name: each.ask("report", BOUND) for name, each in survivors.items()})
            keys = ("busy", "answering", "waiting") if waiting else ("busy", "answering")
            return not any(report.get(key) for report in found.values() for key in keys)

        until(all_over, within, lambda: f"calls are still open: {found}")
        return found

    def traffic(self, pairs: dict[str, str]) -> None:
        """Has each caller call its provider, and waits until it has got answers of each kind."""
        for process in self.tellers().values():
            process.forget()
        for caller, provider in pairs.items():
            self.tell([caller], f"traffic {provider} {SERVICES.get(provider, EVERY)}")
        self.go_on(pairs, {})

    def completed(self, caller: str) -> dict[str, int]:
        """How many calls of each service of a caller are over, and well."""
        calls = self.world.modules[caller].ask("report")["calls"]
        return {service: counts.get("completed", 0) for service, counts in calls.items()}

    def go_on(
        self, pairs: dict[str, str], since: dict[str, dict[str, int]], within: float = PATIENCE
    ) -> None:
        """Waits until each caller has got more answers of each kind."""
        waiting = dict(pairs)

        def all_answered() -> bool:
            for caller, provider in list(waiting.items()):
                now, before = self.completed(caller), since.get(caller, {})
                services = SERVICES.get(provider, EVERY).split(",")
                if all(now.get(service, 0) > before.get(service, 0) for service in services):
                    del waiting[caller]
            return not waiting

        until(all_answered, within, lambda: f"no answers: {waiting}")

    def judge(self, reports: dict[str, dict[str, Any]], allowed: Allowed) -> Counter[str]:
        """Holds the outcomes against what is allowed; gives how many streams of each program did not complete."""
        broken: Counter[str] = Counter()
        for name, report in reports.items():
            if report["wrong"]:
                raise ExpectationError(f"{name}: {report['wrong'][:3]}")
            for what in ("calls", "answers"):
                outcomes: Counter[str] = Counter()
                for counts in report[what].values():
                    outcomes.update(counts)
                if strange := set(outcomes) - allowed(name, what):
                    raise ExpectationError(f"{name}: its {what} ended as {strange}: {report[what]}")
                broken[name] += outcomes.total() - outcomes["completed"]
        return broken

    def count(self, reports: dict[str, dict[str, Any]]) -> None:
        """Remembers how all of these ended."""
        for report in reports.values():
            for what in ("calls", "answers"):
                for counts in report[what].values():
                    self.seen.update({f"{what} {outcome}": n for outcome, n in counts.items()})

    def all_seen(self) -> str:
        return ", ".join(f"{what} {n}" for what, n in sorted(self.seen.items()))

    def quiet(self, pairs: dict[str, str]) -> None:
        """Once more, and nothing happens to anybody."""
        self.traffic(pairs)
        self.tell(list(pairs), "stop")
        self.judge(self.drained(self.tellers()), undisturbed)

    def no_stream(self) -> None:
        left: list[dict[str, Any]] = []

        def none() -> bool:
            left[:] = self.ground.streams()
            return not left

        until(none, BOUND, lambda: f"streams in the host: {left}")

    def no_leak(self) -> None:
        """Holds descriptors and memory against what they were when the process was first looked at."""
        for name in self.ground.descriptors():
            self.as_many(name, partial(self.of_servers, name))
        for name, process in self.tellers().items():
            self.as_many(name, partial(descriptors, process))
        for name, process in {**self.tellers(), **self.ground.servers}.items():
            self.no_larger(name, process)

    def of_servers(self, name: str) -> int:
        return self.ground.descriptors()[name]

    def as_many(self, name: str, measure: Callable[[], int]) -> None:
        if name in self.descriptors:
            known = self.descriptors[name]
            until(
                lambda: measure() == known,
                BOUND,
                lambda: f"{name} had {known} descriptors, and has {measure()}",
            )
        else:
            self.descriptors[name] = settled(measure)

    def no_larger(self, name: str, process: Process) -> None:
        pid, memory = self.memory.get(name, (0, 0))
        if pid != process.process.pid:
            self.memory[name] = (process.process.pid, process.memory)
        elif process.memory > memory + GROWTH:
            raise ExpectationError(f"{name} grew from {memory} to {process.memory} bytes")

    def stop(self) -> None:
        self.world.stop()
