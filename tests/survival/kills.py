"""`kill -9` of callers, providers and servers, at seeded moments, under calls of all four kinds."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from crowd import (
    CALLER_GONE,
    CALLERS,
    COMPLETED,
    PROVIDER_GONE,
    SERVER_BACK_CALLS,
    SERVER_GONE_ANSWERS,
    SERVER_GONE_CALLS,
    SERVER_OUTLIVED_ANSWERS,
    Crowd,
    undisturbed,
)
from ground import BOUND
from processes import ExpectationError, until


@dataclass
class Moment:
    """Who calls whom, and who is killed when."""

    number: int
    role: str
    pairs: dict[str, str]
    caller: str
    """Of the pair of which one end is killed; of no matter where it is a server."""
    server: str
    before: float
    """Seconds of traffic before the kill, from when every caller has got answers of all kinds."""
    after: float
    """Seconds of traffic after it."""
    outlives: bool = False
    """Whether the modules' connections may outlive a server."""

    @property
    def victim(self) -> str:
        return {"caller": self.caller, "provider": self.pairs[self.caller], "server": self.server}[
            self.role
        ]

    def allowed(self, name: str, what: str, is_back: bool) -> set[str]:
        """The outcomes that a program may report of its calls, or of what it answered."""
        if self.role == "server" and what == "calls":
            return SERVER_BACK_CALLS if is_back else SERVER_GONE_CALLS
        if self.role == "server":
            return SERVER_OUTLIVED_ANSWERS if self.outlives else SERVER_GONE_ANSWERS
        if self.role == "caller" and what == "answers" and name == self.pairs[self.caller]:
            return CALLER_GONE
        if self.role == "provider" and what == "calls" and name == self.caller:
            return PROVIDER_GONE
        return COMPLETED


def moments(seed: int, count: int, crowd: Crowd) -> list[Moment]:
    """Each role is the victim's a third of the times."""
    providers, ground = list(crowd.providers), crowd.ground
    rng = random.Random(seed)
    roles = (["caller", "provider", "server"] * (count // 3 + 1))[:count]
    rng.shuffle(roles)
    made = []
    for number, role in enumerate(roles, 1):
        pairs = dict(zip(CALLERS, rng.sample(providers, len(CALLERS)), strict=True))
        before, after = rng.uniform(0, 0.3), rng.uniform(0, 0.1)
        caller, server = rng.choice(list(CALLERS)), rng.choice(list(ground.servers))
        made.append(
            Moment(number, role, pairs, caller, server, before, after, ground.outlives_server)
        )
    return made


class Kills:
    """A crowd in which processes die."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd

    def run(self, moment: Moment) -> str:
        """Lives through a moment, and gives a line about it."""
        crowd, ground = self.crowd, self.crowd.ground
        crowd.traffic(moment.pairs)
        time.sleep(moment.before)
        victim = crowd.world.processes()[moment.victim]
        apart = self.apart(moment)
        died = time.monotonic()
        victim.kill()
        time.sleep(moment.after)
        survivors = {name: each for name, each in crowd.tellers().items() if each is not victim}
        crowd.tell([caller for caller in moment.pairs if caller in survivors], "stop")
        if moment.role != "server":
            bound = ground.after_caller if moment.role == "caller" else ground.after_provider
            crowd.drained(survivors, within=bound)
            ended = time.monotonic() - died
        elif ground.outlives_server:
            ground.begin(moment.server)
            crowd.drained(survivors, within=ground.after_server)
            ended = time.monotonic() - died
            crowd.announced()
        else:
            # Without it nothing of it can be open; what only waits for one goes on later.
            within = ground.after_server
            self.judge(moment, crowd.drained(survivors, False, within), is_back=False)
            ended = time.monotonic() - died
            self.again(moment.server)
        for name, server in ground.servers.items():
            if not server.lives:
                raise ExpectationError(f"{name} is gone: {server.said()}")
        back = time.monotonic() - died
        reports = crowd.drained(survivors)
        broken = self.judge(moment, reports, is_back=True).total()
        crowd.judge(
            {name: report for name, report in reports.items() if name in apart}, undisturbed
        )
        crowd.count(reports)
        crowd.no_stream()
        if moment.role != "server":
            crowd.world.begin(moment.victim, crowd.language(moment.victim)).line()
            crowd.announced()
        crowd.no_leak()
        again = f", all back after {back:.2f} s" if moment.role == "server" else ""
        return (
            f"{moment.victim:16} {broken:3} streams broke, all had ended after {ended:.2f} s{again}"
        )

    def apart(self, moment: Moment) -> set[str]:
        """Of those that the death of one server of several does not touch: who is at another, and calls nobody and is
        called by nobody who is at it."""
        if moment.role != "server" or len(self.crowd.ground.servers) == 1:
            return set()
        touched = self.crowd.ground.connected(moment.server)
        pairs = [{*pair} for pair in moment.pairs.items() if not touched & {*pair}]
        return set[str]().union(*pairs)

    def again(self, server: str) -> None:
        """Starts a server again, and waits until all modules have come back."""
        world = self.crowd.world
        c = world.modules.get("c")
        if c is not None:
            until(
                lambda: not c.lives, BOUND, lambda: "the module in C does not end without its host"
            )
        self.crowd.ground.begin(server)
        if c is not None:
            world.begin("c", "c").line()
        self.crowd.announced()

    def judge(
        self, moment: Moment, reports: dict[str, dict[str, object]], is_back: bool
    ) -> Counter[str]:
        return self.crowd.judge(reports, lambda name, what: moment.allowed(name, what, is_back))


def kills(begin: Callable[[], Crowd], seed: int, count: int, where: str = "") -> str:
    """Runs all moments and gives a line about them. `where` stands before the line of each."""
    begun = time.monotonic()
    crowd = begin()
    living = Kills(crowd)
    try:
        crowd.no_leak()
        for moment in moments(seed, count, crowd):
            try:
                print(
                    f"  {where}{' ' if where else ''}{moment.number:2} {living.run(moment)}",
                    flush=True,
                )
            except ExpectationError as failure:
                raise ExpectationError(
                    f"{where}{': ' if where else ''}moment {moment.number}, kill of {moment.victim}: {failure}"
                ) from None
        crowd.quiet(moments(seed + 1, 1, crowd)[0].pairs)
    finally:
        crowd.stop()
    return f"{count} kills in {time.monotonic() - begun:.0f} s ({crowd.all_seen()})"
