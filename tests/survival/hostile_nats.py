"""Nodes that keep no rule, on a real server of NATS with permissions, while others call each other.

What the server refuses never reaches anybody; the rest is up to the node of who is attacked, in its own process.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ground import BOUND, NatsGround
from hostile import HONEST, MILLION, SHARE, TARGET, Code, Honest, code_of, expect
from ixt_sdk import InvocationContext
from ixt_sdk.invocation import ServiceTarget
from ixt_sdk.streaming import StreamData, StreamError, StreamFrame
from nats_peer import ASK, OPEN, PIPE, RESET, TELL, WHO, NatsPeer, message
from nats_server import Server
from processes import MIB, ExpectationError, Programs, descriptors, settled, until

#: Peers by hand: one that keeps no rule, and one of which nobody has heard before.
PEERS = ("liar", "newcomer")
#: What their policy lets them call, and all that they may.
UPPER, ECHO = f"{TARGET}.upper", f"{TARGET}.echo"
WORD = "s3cret"
#: What the process of who is attacked may grow by: streams of one connection, control frames, and what its client
#: holds of messages that wait for its node.
QUEUES = 256 * MIB
#: Nodes that it makes up: twice as many as a node takes.
NODES = 20_000
#: Seconds after which a node that is not heard of is given up.
LEASE = 5.0


class Permitted(NatsGround):
    """A server with the permissions that `ixt nats-permissions` makes of a policy, and users with one password."""

    def made(self) -> list[Server]:
        policy, names = "", [*HONEST, *HONEST.values()]
        for uid, name in enumerate(names, 1):
            services = [
                f"{name}.{what}" for what in ("upper", "count", "sum", "echo", "sink", "source")
            ]
            policy += f'[module.{name}]\nuid = {uid}\ncall = ["*"]\nprovide = {services}\n'
        for uid, name in enumerate(PEERS, 1000):
            policy += f'[module.{name}]\nuid = {uid}\ncall = ["{UPPER}", "{ECHO}"]\n'
        file = self.folder / "policy.toml"
        file.write_text(policy, encoding="utf-8")
        command = [self.programs.ixt, "nats-permissions", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        variables = [f"IXT_PASSWORD_{name.upper().replace('-', '_')}" for name in (*names, *PEERS)]
        return [Server(self.folder, done.stdout, variables=dict.fromkeys(variables, WORD))]

    def url_of(self, module: str) -> str:
        return self.url.replace("nats://", f"nats://{module}:{WORD}@")


class Stage(Honest):
    """A server of NATS, modules that keep the rules, and nodes that do not."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.ground = Permitted(programs, folder)
        super().__init__(programs, folder, self.ground)
        self.target = self.world.modules[TARGET]
        self.watched = [self.target, *self.ground.servers.values()]
        self.descriptors = [settled(partial(descriptors, each)) for each in self.watched]

    @contextmanager
    def peer(self, name: str = "liar", answers: bool = True) -> Iterator[NatsPeer]:
        with NatsPeer(self.ground.nats[0].port, name, WORD, answers=answers) as peer:
            yield peer

    def is_whole(self) -> None:
        """Nobody has died of it, and nothing of it is left open."""
        for name, process in self.world.processes().items():
            if not process.lives:
                raise ExpectationError(f"{name} is gone: {process.said()}")
        until(
            lambda: [p.descriptors for p in self.watched] == self.descriptors,
            BOUND,
            lambda: f"descriptors were {self.descriptors}: {[p.descriptors for p in self.watched]}",
        )

    @contextmanager
    def bounded(self) -> Iterator[list[int]]:
        """What is done within makes neither the target nor the server larger than that; it is told by how much."""
        before = [process.memory for process in self.watched]
        for process in self.watched:
            process.forget_peak()
        grown: list[int] = []
        yield grown
        grown += [process.peak - was for process, was in zip(self.watched, before, strict=True)]
        if max(grown) > QUEUES:
            raise ExpectationError(f"{TARGET} and the server grew by {grown} bytes")


def grew(grown: list[int]) -> str:
    return f"{TARGET} grew by {grown[0] / MIB:.0f} MiB, the server by {grown[1] / MIB:.0f}"


def speaks_as_another(stage: Stage) -> str:
    """Publishes and listens in another's name: to the server nothing else is its name but its user."""
    inbox = f"ixt.i-{TARGET}.caller-rust.{1:016x}"
    with stage.peer() as peer:
        _, opened = peer.opened(UPPER)
        for subject in (peer.to(UPPER, "caller-rust"), inbox, "ixt.t-.caller-rust"):
            peer.publish(subject, opened)
        peer.publish(peer.to("provider-go.upper"), opened)
        others = [f"ixt.i-{TARGET}.>", f"ixt.s-{UPPER.replace('.', '=2e')}.* ixt", "ixt.>"]
        for subject in others:
            peer.listen(subject)
        peer.flush()
        refused = [error for error in peer.errors if "Permissions Violation" in error]
        kinds = Counter(
            "Publish" if "for Publish" in error else "Subscription" for error in refused
        )
        expect("the server refuses", dict(kinds), {"Publish": 4, "Subscription": 3})
        expect("what it may", peer.call(UPPER, b"truth").payload, b"TRUTH")
    return "the server refuses 4 subjects of others to speak to, and 3 to hear"


def lies(stage: Stage) -> str:
    """Speaks by its own subject, and says something else in it."""
    stage.world.modules[TARGET].forget()
    upper = ServiceTarget(UPPER)
    with stage.peer() as peer:
        other = InvocationContext(source_module="caller-rust", target=upper)
        expect("another's module", code_of(peer.call(UPPER, b"", other)), Code.PERMISSION_DENIED)
        # A subject that does not bear out what it holds has no effect.
        elsewhere = InvocationContext(source_module="liar", target=ServiceTarget(f"{TARGET}.sum"))
        stream, opened = peer.opened(UPPER, elsewhere)
        peer.publish(peer.to(UPPER), opened)
        # On a pipe a service is not opened at all: the server's permissions would not decide.
        pipe = peer.met(UPPER)
        context = InvocationContext(source_module="liar", target=ServiceTarget(f"{TARGET}.sum"))
        beside, opened = peer.opened(UPPER, context)
        peer.say(pipe, opened[40:])
        expect("by the pipe", code_of(peer.answer(beside, (StreamError,))), Code.PERMISSION_DENIED)
        if any(frame.stream_id == stream for frame in pipe.frames):
            raise ExpectationError("an open was taken whose subject is another one's")
        expect("what it may", peer.call(UPPER, b"truth").payload, b"TRUTH")
    return "permissionDenied for another's name, and for a service that is opened by a pipe"


def garbage(stage: Stage) -> str:
    """Messages that are none, to everything to which it may speak: they have no effect."""
    with stage.peer() as peer:
        pipe = peer.met(UPPER)
        _, opened = peer.opened(UPPER)
        broken = [b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(39), os.urandom(4096), bytes(1 << 20)]
        broken += [opened[:length] for length in (1, 39, 40, 48, len(opened) - 8)]
        broken += [message(kind, peer.instance) for kind in (0, 9, 255)]
        broken += [
            message(kind, peer.instance, os.urandom(64)) for kind in range(1, 9) if kind != PIPE
        ]
        broken += [
            message(OPEN, peer.instance, opened[40:], version=2),
            message(OPEN, 1, taken=65535),
        ]
        # Frames of which the second one is another stream's, and an open within an open.
        broken += [opened + peer.opened(UPPER)[1][40:], opened + os.urandom(8)]
        subjects = [peer.to(UPPER), peer.to(ECHO), pipe.inbox, f"ixt.i-{TARGET}.liar.{0:016x}"]
        for subject in subjects:
            for each in broken:
                peer.publish(subject, each)
        peer.flush()
        expect("the server's refusals", peer.errors, [])
        expect("another call", peer.call(UPPER, b"still here").payload, b"STILL HERE")
    return f"{len(broken)} messages that are none to {len(subjects)} subjects have no effect"


def resets(peer: NatsPeer, count: int) -> bool:
    """Whether so many pipes were said to be over."""
    return sum(heard.payload[1] == RESET for heard in peer.heard if heard.payload) >= count


def breaks_pipes(stage: Stage) -> str:
    """In a pipe: garbage, half a frame and then silence, a message twice, one too early, false numbers."""

    def noise(peer: NatsPeer) -> None:
        peer.say(peer.met(UPPER), b"\0\0\0\0\4\0\0\0" + b"\xff" * 32)

    def twice(peer: NatsPeer) -> None:
        pipe = peer.met(UPPER)
        peer.say(pipe)
        peer.publish(pipe.inbox, peer.said(pipe))

    def early(peer: NatsPeer) -> None:
        peer.say(peer.met(UPPER), jump=1)

    def asked(peer: NatsPeer) -> None:
        peer.say(peer.met(UPPER), kind=ASK, jump=7)

    def told(peer: NatsPeer) -> None:
        peer.say(peer.met(UPPER), kind=TELL, jump=1 << 40)

    for way in (noise, twice, early, asked, told):
        with stage.peer() as peer:
            way(peer)
            [pipe] = peer.pipes.values()
            peer.until(partial(resets, peer, 1), f"{way.__name__} ends the pipe")
            # Of the pipe that is over nothing is taken any more, and a new one is begun.
            peer.say(pipe)
            peer.until(partial(resets, peer, 2), "another reset")
            expect("on a new pipe", peer.call(UPPER, b"again").payload, b"AGAIN")
    with stage.peer() as peer:
        pipe = peer.met(UPPER)
        frame = StreamFrame.data(peer.opened(UPPER)[0], 0, b"x" * 64).to_bytes()
        peer.say(pipe, frame[:-9])
        # What was opened by subject meanwhile waits for the other half, which is never said.
        stream, opened = peer.opened(UPPER)
        peer.publish(peer.to(UPPER), opened)
        begun = time.monotonic()
        while time.monotonic() - begun < 0.5:
            peer.read(0.1)
        answers = [frame.body for frame in pipe.frames if frame.stream_id == stream]
        expect("answers within a frame", answers, [])
    return "a reset for each of five, and a new pipe after it; half a frame is waited with"


def resets_others(stage: Stage) -> str:
    """Says that pipes are over which are not its own, of instances and numbers that it makes up."""
    with stage.peer() as peer:
        pipe = peer.met(UPPER)
        for _ in range(1000):
            made_up = int.from_bytes(os.urandom(8), "little")
            peer.publish(pipe.inbox, message(RESET, made_up, back=made_up))
            peer.publish(pipe.inbox, message(RESET, peer.instance, back=made_up))
            peer.publish(pipe.inbox, message(PIPE, made_up, pipe=made_up, back=1, number=2))
        expect("its own goes on", peer.call(UPPER, b"mine").payload, b"MINE")
    return "3,000 resets and strange pipes have no effect"


def replays(stage: Stage) -> str:
    """The same open again: while its stream lives, it ends; later it is a stream that was already."""
    with stage.peer() as peer:
        stream, opened = peer.opened(ECHO, said=None)
        peer.met(UPPER)
        peer.publish(peer.to(ECHO), opened)
        peer.publish(peer.to(ECHO), opened)
        expect("twice", code_of(peer.answer(stream, (StreamError,))), Code.UNAVAILABLE)
        stream, opened = peer.opened(UPPER, said=b"once")
        peer.publish(peer.to(UPPER), opened)
        expect("the first", peer.answer(stream).payload, b"ONCE")
        peer.answer(stream)  # its close
        for _ in range(1000):
            peer.publish(peer.to(UPPER), opened)
        expect("another call", peer.call(UPPER, b"more").payload, b"MORE")
        [pipe] = peer.pipes.values()
        more = [
            f.body for f in pipe.frames if f.stream_id == stream and isinstance(f.body, StreamData)
        ]
        expect("answers to what was replayed", more, [])
    return "unavailable while it lives; 1,000 later ones have no effect"


def many_nodes(stage: Stage) -> str:
    """Opens from 20,000 instances that it makes up. There is room for so many nodes, of which one module has nine tenths
    at most; the rest has no effect."""
    with stage.bounded() as grown, stage.peer(answers=False) as peer:
        made = []
        for _ in range(NODES):
            peer.instance = int.from_bytes(os.urandom(8), "little") | 1
            made.append(peer.published(peer.to(UPPER), peer.opened(UPPER)[1]))
        # All at once: a node that says nothing is forgotten after its lease.
        peer.socket.sendall(b"".join(made))
        peer.flush()
        with stage.peer("newcomer") as newcomer:
            expect("a newcomer", newcomer.call(UPPER, b"room").payload, b"ROOM")
        stage.go_on(stage.done())
        since = time.monotonic()

    def has_room() -> bool:
        with stage.peer() as honest, suppress(ExpectationError):
            return code_of(honest.call(UPPER, b"room", within=1)) is not None
        return False

    # Its own room is full of nodes that say nothing, until their lease is over.
    until(has_room, LEASE + BOUND, lambda: f"{TARGET} takes nothing of `liar` any more")
    took = time.monotonic() - since
    return (
        f"of {NODES} nodes there was room for some, and {took:.0f} s later for more; {grew(grown)}"
    )


def asks_for_all(stage: Stage) -> str:
    """Asks who is there, which its policy does not let it, 10,000 times."""
    with stage.peer() as peer:
        for _ in range(10_000):
            peer.publish("ixt.t-ixt=2eadmin.liar", message(WHO, peer.instance))
        peer.flush()
        refused = sum("Permissions Violation" in error for error in peer.errors)
        expect("the server refuses", refused, 10_000)
    return "the server refuses 10,000 questions"


def opens_a_million(stage: Stage) -> str:
    """A million streams by subject at a provider that others call. It has its share of what the provider takes; each of
    the rest is refused, and it reads that."""
    stage.target.forget()
    refused: Counter[object] = Counter()
    begun, sent = time.monotonic(), 0
    with stage.bounded() as grown, stage.peer() as peer:
        pipe = peer.met(UPPER)
        while sent < MILLION:
            peer.socket.sendall(peer.opens(ECHO, 1000))
            sent += 1000
            # All but its share, and a few: when others call less, it has more.
            while refused.total() < sent - SHARE - 500:
                if pipe.is_reset or not peer.read():
                    raise ExpectationError(f"after {sent} opens: {refused}, reset {pipe.is_reset}")
                bodies = [frame.body for frame in pipe.frames]
                refused.update(body.code for body in bodies if isinstance(body, StreamError))
                pipe.frames.clear()
        expect("the refusals", set(refused), {Code.RESOURCE_EXHAUSTED})
        took = time.monotonic() - begun
    stage.ended_at_target("echo", SHARE // 2, "cancelled:consumerGone", "completed")
    return f"resourceExhausted beyond {sent - refused.total()}, {took:.0f} s; {grew(grown)}"


def never_reads(stage: Stage) -> str:
    """Opens as quickly as the server takes it for three seconds, and reads none of the answers."""
    sent, begun = 0, time.monotonic()
    with stage.bounded() as grown, stage.peer() as peer:
        peer.met(UPPER)
        with suppress(OSError):
            while time.monotonic() - begun < 3:
                peer.socket.sendall(peer.opens(ECHO, 1000))
                sent += 1000
    return f"{sent} opens in 3 s; {grew(grown)}"


ATTACKS: tuple[Callable[[Stage], str], ...] = (
    speaks_as_another,
    lies,
    garbage,
    breaks_pipes,
    resets_others,
    replays,
    many_nodes,
    asks_for_all,
    opens_a_million,
    never_reads,
)


def hostile_nats(programs: Programs, folder: Path) -> str:
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
                calls = stage.go_on(since)
                stage.is_whole()
            except ExpectationError as failure:
                raise ExpectationError(f"{name}: {failure}") from None
            total += calls
            print(f"  {name:17} {what}; {calls} calls of others meanwhile", flush=True)
    finally:
        stage.world.stop()
    return f"{len(ATTACKS)} attacks in {time.monotonic() - begun:.0f} s, {total} calls of others, none failed"
