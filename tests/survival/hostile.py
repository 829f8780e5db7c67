"""Peers that keep no rule, at a real host on a real socket, while others call each other."""

from __future__ import annotations

import json
import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crowd import EVERY
from ground import BOUND, EVERYTHING, Ground, HostGround, World
from ixt_sdk import InteractionKind, InvocationContext
from ixt_sdk.invocation import ActorIdentity, OperatorSubject, ServiceTarget
from ixt_sdk.streaming import StreamError, StreamErrorCode
from peer import BIDI, Peer, closing, data
from processes import MIB, PATIENCE, ExpectationError, Programs, settled, until

Code = StreamErrorCode
CLIENT, SERVER = InteractionKind.CLIENT_STREAM, InteractionKind.SERVER_STREAM

#: Who calls whom meanwhile. The provider in Rust is the one that is attacked.
HONEST = {
    "caller-rust": "provider-go",
    "caller-go": "provider-python",
    "caller-python": "provider-rust",
}
TARGET = "provider-rust"

LIAR = """
[module.liar]
uid = UID
call = ["provider-rust.upper"]
"""

MILLION = 1_000_000
#: The most streams that one caller can have at a provider that takes 10,000.
SHARE = 9_000

#: What a host keeps for one connection: 64 MiB of streams, and as much of control frames. Beside it, what the
#: allocator has not given back.
QUEUES = 128 * MIB + 32 * MIB


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ExpectationError(f"{what}: {found!r}, and not {wanted!r}")


def code_of(answer: object) -> object:
    return answer.code if isinstance(answer, StreamError) else answer


class Honest:
    """Modules that keep the rules, and call each other."""

    def __init__(self, programs: Programs, folder: Path, ground: Ground) -> None:
        self.world = World(programs, folder, ground)
        try:
            for name in (*HONEST, *HONEST.values()):
                self.world.begin(name, name.split("-")[1])
            for process in self.world.modules.values():
                process.line()
        except BaseException:
            self.world.stop()
            raise
        for caller, provider in HONEST.items():
            self.world.modules[caller].tell(f"traffic {provider} {EVERY}")

    def done(self) -> Counter[str]:
        """Calls that the honest callers have made, all of which must have completed."""
        done: Counter[str] = Counter()
        for caller in HONEST:
            report = self.world.modules[caller].ask("report")
            if report["wrong"]:
                raise ExpectationError(f"{caller}: {report['wrong'][:3]}")
            for service, outcomes in report["calls"].items():
                if set(outcomes) != {"completed"}:
                    raise ExpectationError(f"{caller} suffers: {service} ended as {outcomes}")
                done[f"{caller} {service}"] += outcomes["completed"]
        return done

    def go_on(self, since: Counter[str]) -> int:
        """Waits until every caller has got more answers of each kind; gives how many more."""

        def more() -> bool:
            now = self.done()
            return len(now) == 4 * len(HONEST) and all(now[key] > since[key] for key in now)

        until(more, PATIENCE, lambda: f"they do not go on: {since}, {self.done()}")
        return (self.done() - since).total()

    def ended_at_target(self, service: str, count: int, *outcomes: str) -> None:
        """Waits until so many of the target's handlers of a service have ended, in these ways."""
        found: dict[str, int] = {}

        def over() -> bool:
            report = self.world.modules[TARGET].ask("report")
            found.clear()
            found.update(report["answers"].get(service, {}))
            return set(found) == set(outcomes) and sum(found.values()) >= count

        wanted = f"{count} as {' or '.join(outcomes)}"
        until(over, BOUND, lambda: f"{service} ended as {found}, and not {wanted}")


class Stage(Honest):
    """A host, modules that keep the rules, and peers that do not."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        policy = folder / "policy.toml"
        policy.write_text(EVERYTHING + LIAR.replace("UID", str(os.getuid())), encoding="utf-8")
        self.ground = HostGround(programs, folder, "--policy", str(policy))
        super().__init__(programs, folder, self.ground)
        self.host = self.ground.host
        self.heard = 0
        self.descriptors = settled(lambda: self.host.descriptors)

    @contextmanager
    def peer(self, name: str = "", *services: str) -> Iterator[Peer]:
        with Peer(self.ground.socket) as peer:
            if name:
                expect("announced", peer.announce(name, *services), None)
            yield peer

    def audit(self) -> list[dict[str, Any]]:
        """The refusals since the last time."""
        lines = self.host.log.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines[self.heard :] if line.startswith("{")]
        self.heard = len(lines)
        return found

    def audited(self, count: int) -> list[dict[str, Any]]:
        """So many refusals, and no more."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            found.extend(self.audit())
            return len(found) >= count

        until(came, BOUND, lambda: f"{count} refusals are to be audited, and are: {found}")
        expect("refusals", len(found), count)
        return found


def without_credit(stage: Stage) -> str:
    """A host lets 64 messages come before the reader has granted any; this sends 65, to a reader that sleeps."""
    burst = [b"5000", *[b"x"] * 64]
    with stage.peer("greedy") as peer:

        def greedy() -> Any:
            stream, frame = peer.open(f"{TARGET}.sink", CLIENT)
            peer.write(frame, *data(stream, burst))
            return stream

        stage.world.modules[TARGET].forget()
        expect(
            "the answer",
            code_of(peer.answer(greedy(), (StreamError,))),
            Code.FLOW_CONTROL_VIOLATION,
        )
        stage.ended_at_target("sink", 1, "failed:flowControlViolation")
        expect("another call", peer.call(f"{TARGET}.upper", b"still here").payload, b"STILL HERE")
        for _ in range(101):
            greedy()
        expect("the end", peer.end(), "tooManyViolations")
    return "flowControlViolation; after a hundred, tooManyViolations"


def floods_opens(stage: Stage) -> str:
    """A connection may have 10,000 streams open, and nine tenths of what a provider takes of all; this opens more, and
    others call the same provider."""
    with stage.peer("flood") as peer:

        def flood(provider: str, count: int) -> None:
            for _ in range(0, count, 100):
                peer.write(*(peer.open(f"{provider}.echo", BIDI)[1] for _ in range(100)))

        flood(TARGET, 9_200)
        refused = [peer.answer(None, (StreamError,)) for _ in range(200)]
        expect("the answers", {code_of(answer) for answer in refused}, {Code.RESOURCE_EXHAUSTED})
        stage.go_on(stage.done())
        flood("provider-go", 1_300)
        expect("the end", peer.end(), "tooManyViolations")
    return "resourceExhausted beyond its share; beyond its own 10,000, tooManyViolations"


def torn(stage: Stage) -> str:
    """Half a frame, and then nothing more."""
    with stage.peer("torn", "torn.service") as peer:
        _, frame = peer.open(f"{TARGET}.upper")
        peer.send(frame.to_bytes()[:-9])
    until(lambda: "torn" not in stage.ground.modules(), BOUND, lambda: "it is announced for ever")
    return "announced no more"


def garbage(stage: Stage) -> str:
    """Bytes that are no frame, before the hello and after it; frames that may not come first."""
    with Peer(stage.ground.socket, hello=False) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        expect("the end", peer.end(), "malformedFrame")
    with stage.peer("garbage") as peer:
        peer.send(struct.pack("<II", 0, 4) + b"\xff" * 32)
        expect("the end", peer.end(), "malformedFrame")
    with Peer(stage.ground.socket, hello=False) as peer:
        peer.write(peer.open("provider-rust.upper", BIDI)[1])
        expect("the end", peer.end(), "protocolViolation")
    return "malformedFrame; protocolViolation where the first frame is another"


def oversized(stage: Stage) -> str:
    """A frame that says to be larger than any may be."""
    with stage.peer("oversized") as peer:
        peer.send(struct.pack("<II", 0, (2 * MIB) // 8))
        expect("the end", peer.end(), "oversizedFrame")
    return "oversizedFrame, before its body"


def lies(stage: Stage) -> str:
    """Another's name, and what its policy does not allow."""
    stage.audit()
    upper = f"{TARGET}.upper"

    def claims(**more: Any) -> InvocationContext:
        return InvocationContext(target=ServiceTarget(upper), **{"source_module": "liar", **more})

    denied = Code.PERMISSION_DENIED
    with stage.peer() as peer:
        expect("who says no name", code_of(peer.call(upper, b"")), denied)
    with stage.peer() as peer:
        expect("a name that is taken", code_of(peer.announce(TARGET)), Code.RESOURCE_EXHAUSTED)
        expect("a name that is none", code_of(peer.announce("No Name")), Code.INVALID_ARGUMENT)
        expect("a service of others", code_of(peer.announce("liar", upper)), denied)
    with stage.peer("liar") as peer:
        other = claims(source_module="caller-rust")
        expect("another's module", code_of(peer.call(upper, b"", context=other)), denied)
        operator = claims(actor=ActorIdentity(OperatorSubject("root")))
        expect("another's subject", code_of(peer.call(upper, b"", context=operator)), denied)
        capable = claims(actor=ActorIdentity(capabilities=["media.all"]))
        expect("a capability", code_of(peer.call(upper, b"", context=capable)), denied)
        tenant = claims(metadata={"tenant": "acme"})
        expect("a tenant", code_of(peer.call(upper, b"", context=tenant)), denied)
        expect("what it may not call", code_of(peer.call("provider-go.upper", b"")), denied)
        expect("what it may", peer.call(upper, b"truth").payload, b"TRUTH")
    lines = stage.audited(9)
    told = [(line["wanted"], line["module"], line["code"]) for line in lines]
    refusals = ["resourceExhausted", "invalidArgument", "permissionDenied"]
    wanted = [("open", None, "permissionDenied"), *(("announce", None, code) for code in refusals)]
    expect("the audit", told, wanted + [("open", "liar", "permissionDenied")] * 5)
    expect("its reason", lines[4]["reason"], "source_module is `caller-rust`")
    expect("its target", lines[4]["target"], f"service:{upper}")
    return "permissionDenied, with a line of the audit for each of nine"


def replays(stage: Stage) -> str:
    """An id that has been used, one that is in use, and one that another's stream has at the same provider."""
    with stage.peer("replay") as peer, stage.peer("thief") as thief:
        stream, frame = peer.open(f"{TARGET}.upper")
        call = [frame, *data(stream, [b"once"]), closing(stream, 1)]
        peer.write(*call)
        expect("the first", peer.answer(stream).payload, b"ONCE")
        peer.answer(stream)  # its close
        peer.write(*call)
        expect("the second", code_of(peer.answer(stream, (StreamError,))), Code.PROTOCOL_VIOLATION)
        stream, frame = peer.open(f"{TARGET}.echo", BIDI)
        echoed = data(stream, [b"0", b"1"])
        peer.write(frame, echoed[0])
        expect("an echo", peer.answer(stream).payload, b"0")
        _, stolen = thief.open(f"{TARGET}.echo", BIDI, stream=stream)
        thief.write(stolen)
        expect("another's id", code_of(thief.answer(stream)), Code.INVALID_ARGUMENT)
        peer.write(echoed[1])
        expect("the echo goes on", peer.answer(stream).payload, b"1")
        peer.write(frame)
        expect(
            "an id in use", code_of(peer.answer(stream, (StreamError,))), Code.PROTOCOL_VIOLATION
        )
        for _ in range(101):
            peer.write(*call)
        expect("the end", peer.end(), "tooManyViolations")
    return "protocolViolation; another's id invalidArgument, and the other goes on"


def never_reads(stage: Stage) -> str:
    """Asks for as much as it can, and reads nothing of it."""
    stage.world.modules[TARGET].forget()
    stage.host.forget_peak()
    before = stage.host.memory
    exhausted = "failed:resourceExhausted"
    with stage.peer("unread") as peer:
        # Eight streams of which each may have 15 MiB under way, and one that would have 64.
        for size, count in ((60_000, 8), (256 << 10, 1)):
            for _ in range(count):
                stream, frame = peer.open(f"{TARGET}.source", SERVER, credit=(1 << 31) - 1)
                request = b"%d %d" % (4096, size)
                peer.write(frame, *data(stream, [request]), closing(stream, 1))
        stage.ended_at_target("source", 1, exhausted)
        largest = [s["waiting"][1] for s in stage.ground.streams() if s["caller"] == "unread"]
        if not largest or max(largest) > 256:
            raise ExpectationError(f"messages that wait for it: {largest}")
    stage.ended_at_target("source", 9, exhausted, "cancelled:consumerGone")
    grown = stage.host.peak - before
    if grown > QUEUES:
        raise ExpectationError(f"the host grew by {grown} bytes")
    return f"resourceExhausted; the host grew by {grown / MIB:.0f} MiB"


def reads_no_refusal(stage: Stage) -> str:
    """Opens streams that are refused, and reads none of the answers."""
    stage.host.forget_peak()
    before = stage.host.memory
    with stage.peer("deaf") as peer:
        # A deadline that has passed: a refusal without a line of the audit.
        context = InvocationContext(
            source_module="deaf", target=ServiceTarget(f"{TARGET}.upper"), deadline_ms=1
        )
        sent, begun = 0, time.monotonic()
        try:
            while (elapsed := time.monotonic() - begun) < 60:
                # Below the 200,000 opens a second that would end it for another reason.
                if sent > elapsed * 150_000:
                    time.sleep(0.002)
                    continue
                peer.send(peer.opens(1000, context))
                sent += 1000
            raise ExpectationError(f"the host takes {sent} opens of a peer that reads nothing")
        except (BrokenPipeError, ConnectionResetError):
            pass
        except TimeoutError:
            raise ExpectationError(
                f"after {sent} opens the host neither reads nor hangs up"
            ) from None
    grown = stage.host.peak - before
    if grown > QUEUES:
        raise ExpectationError(f"the host grew by {grown} bytes")
    return f"hung up after {sent} opens; the host grew by {grown / MIB:.0f} MiB"


def opens_a_million(stage: Stage) -> str:
    """A million streams at a provider that others call. It has its share of what the provider takes; each of the rest
    is refused, and it reads that."""
    stage.world.modules[TARGET].forget()
    stage.host.forget_peak()
    before, begun, opened = stage.host.memory, time.monotonic(), 0
    refused: Counter[object] = Counter()
    context = InvocationContext(source_module="million", target=ServiceTarget(f"{TARGET}.echo"))
    with stage.peer("million") as peer:
        while opened < MILLION:
            peer.send(peer.opens(1000, context))
            opened += 1000
            # All but its share. When others call less, it may have a few more.
            while refused.total() < opened - SHARE:
                frames = [frame.body for frame in peer.more()]
                refused.update(body.code for body in frames if isinstance(body, StreamError))
                if peer.closed:
                    raise ExpectationError(f"the host hung up after {opened} opens: {refused}")
        took = time.monotonic() - begun
        expect("the refusals", set(refused), {Code.RESOURCE_EXHAUSTED})
        mine = [stream for stream in stage.ground.streams() if stream["caller"] == "million"]
        if not SHARE - 1000 < len(mine) <= SHARE:
            raise ExpectationError(f"it has {len(mine)} streams")
    grown = stage.host.peak - before
    if grown > QUEUES:
        raise ExpectationError(f"the host grew by {grown} bytes")
    stage.ended_at_target("echo", len(mine), "cancelled:consumerGone", "completed")
    return f"resourceExhausted beyond {len(mine)}, {took:.0f} s; the host grew by {grown / MIB:.0f} MiB"


ATTACKS: tuple[Callable[[Stage], str], ...] = (
    without_credit,
    torn,
    garbage,
    oversized,
    lies,
    replays,
    never_reads,
    reads_no_refusal,
    floods_opens,
    opens_a_million,
)


def hostile(programs: Programs, folder: Path) -> str:
    """Runs all attacks, and gives a line about them."""
    begun = time.monotonic()
    stage = Stage(programs, folder)
    total = 0
    try:
        for attack in ATTACKS:
            since = stage.done()
            name = attack.__name__.replace("_", " ")
            try:
                what = attack(stage)
                if not stage.host.lives:
                    raise ExpectationError("the host is gone")
                calls = stage.go_on(since)
                until(
                    lambda: stage.host.descriptors <= stage.descriptors,
                    BOUND,
                    lambda: (
                        f"the host had {stage.descriptors} descriptors, has {stage.host.descriptors}"
                    ),
                )
            except ExpectationError as failure:
                raise ExpectationError(f"{name}: {failure}") from None
            total += calls
            print(f"  {name:17} {what}; {calls} calls of others meanwhile", flush=True)
    finally:
        stage.world.stop()
    return f"{len(ATTACKS)} attacks in {time.monotonic() - begun:.0f} s, {total} calls of others, none failed"


class Silence:
    """Peers that connect and say nothing, before their hello, after it, and when they are announced; and a host.
    It runs beside the other parts, since silence takes a minute."""

    #: `idleMs` of the host's settings, and how long a hello may take.
    IDLE, HELLO = 60.0, 10.0

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.ground = HostGround(programs, folder)
        self.descriptors = settled(lambda: self.ground.host.descriptors)
        self.begun = time.monotonic()
        self.peers = [
            Peer(self.ground.socket, hello=False),
            Peer(self.ground.socket),
            Peer(self.ground.socket),
        ]
        expect("announced", self.peers[2].announce("silent"), None)

    def check(self) -> str:
        """Waits until the host has hung up."""
        host = self.ground.host
        left = self.IDLE + BOUND - (time.monotonic() - self.begun)
        there, passed = host.descriptors - self.descriptors, time.monotonic() - self.begun
        if passed < self.HELLO - 1 and there < 3:
            raise ExpectationError("the host hung up before its time")
        if passed < self.IDLE - 1 and there < 2:
            raise ExpectationError("the host hung up before its time")
        if there > 2 and passed > self.HELLO + BOUND:
            raise ExpectationError("the host waits for a hello for ever")
        # The peers do not hang up themselves: the host must not wait for that.
        until(
            lambda: host.descriptors == self.descriptors,
            max(left, 1),
            lambda: f"the host had {self.descriptors} descriptors, has {host.descriptors}",
        )
        expect("modules", "silent" in self.ground.modules(), False)
        for peer in self.peers:
            expect("the end", peer.end(), "idle")
            peer.socket.close()
        return f"3 silent peers were dropped (idle): after {self.HELLO:g} s without a hello, {self.IDLE:g} s behind it"

    def stop(self) -> None:
        self.ground.stop()
