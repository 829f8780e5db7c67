"""Plants one bug after another into a copy of the sources; the proof must find each.

    planted.py [NAME...]

A property that never fails says nothing. Here every property of the model (proof/model), every invariant
of the simulation (proof/simulation) and every scene of the schedules (sdk/tests/schedules.rs) fails
once, by a bug made for it. A bug whose place is not
found any more, because the code changed, is an error too: move it along.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SENDER, RECEIVER, STREAM = (f"core/src/flow/{name}.rs" for name in ("sender", "receiver", "stream"))
OUTBOX, ENGINE, TRANSMIT, RECEIVE = (
    f"core/src/connection/{name}.rs" for name in ("outbox", "engine", "transmit", "receive")
)
HOST, OPENING, RELAYING = (f"host/src/{name}.rs" for name in ("host", "open", "relaying"))
LEDGER = "proof/simulation/src/ledger.rs"
NODE, NODE_RECEIVE = (f"host/src/node/{name}.rs" for name in ("engine", "receive"))
LEAVING = "host/src/leaving.rs"
SHARED, SENDING, HANDLE = (f"sdk/src/{name}.rs" for name in ("shared", "sender", "handle"))


@dataclass(frozen=True)
class Bug:
    """Edits that make it, and what must find it: a property of the model of a kind, an invariant of
    the simulation in so many seeds from the first, or a scene."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    found_by: str
    kind: str = ""
    seeds: int = 0
    first: int = 0


SEND_FREELY = (
    SENDER,
    "None if self.credit > 0 => self.credit -= 1,",
    "None => self.credit = self.credit.saturating_sub(1),",
)
ANY_SEQUENCE = (RECEIVER, "if sequence != self.expected {", "if false {")

BUGS = (
    Bug(
        "a sender that sends without credit",
        (SEND_FREELY,),
        "no end that keeps the rules is accused",
        "clientStream",
    ),
    Bug(
        "a sender without credit and a receiver that does not look",
        (
            SEND_FREELY,
            (RECEIVER, "if self.outstanding == 0 {", "if false {"),
            (
                RECEIVER,
                "self.outstanding -= 1;",
                "self.outstanding = self.outstanding.saturating_sub(1);",
            ),
        ),
        "received is at most granted",
        "clientStream",
    ),
    Bug(
        "a dropped ticket that keeps its credit",
        ((SENDER, "            self.credit += 1;\n            return", "            return"),),
        "credit is conserved",
        "clientStream",
    ),
    Bug(
        "a grant that goes past those who wait",
        (
            (
                STREAM,
                "while let Some(ticket) = self.sender.hand_out() {",
                "while let Some(ticket) = None::<Ticket> {",
            ),
        ),
        "no credit is free while a ticket waits",
        "clientStream",
    ),
    Bug(
        "numbers that skip, and a receiver that does not look",
        ((SENDER, "self.sent += 1;", "self.sent += 2;"), ANY_SEQUENCE),
        "the sequence has no gap",
        "clientStream",
    ),
    Bug(
        "data after the end that is delivered",
        (
            (
                RECEIVER,
                "if self.half != Half::Open {\n            return Err(if",
                "if false {\n            return Err(if",
            ),
        ),
        "nothing is delivered after the end",
        "bidiStream",
    ),
    Bug(
        "an error that is answered with an error",
        (
            (
                STREAM,
                "self.end_both(Outcome::Failed(failure), None);",
                "self.end_both(Outcome::Failed(failure), Some(Last::Outcome));",
            ),
        ),
        "no frame leaves after the end",
        "unary",
    ),
    Bug(
        "a first message that is lost, and a close that is not compared",
        (
            (
                RECEIVER,
                "        self.outstanding -= 1;\n",
                "        if self.expected == 0 { return Err(Refused::Ignored); }\n        self.outstanding -= 1;\n",
            ),
            (RECEIVER, "if final_sequence != self.expected {", "if false {"),
            (RECEIVER, "if self.one && self.expected == 0 {", "if false {"),
        ),
        "closed means that all was received",
        "clientStream",
    ),
    Bug(
        "a refused send that leaves a trace",
        (
            (
                SENDER,
                "_ => return Err(ErrorKind::CreditExhausted),",
                "_ => { self.next_ticket += 1; return Err(ErrorKind::CreditExhausted); }",
            ),
        ),
        "a refused command changes nothing",
        "clientStream",
    ),
    Bug(
        "an end that is told to a ticket with a credit",
        (
            (
                SENDER,
                "waiting.drain(..std::mem::take(&mut self.held) as usize);",
                "self.held = 0; waiting.make_contiguous();",
            ),
        ),
        "each ticket is told once",
        "clientStream",
    ),
    Bug(
        "an opener that believes its own close",
        ((STREAM, "(_, Role::Opener) => peer,", "(_, Role::Opener) => own.or(peer),"),),
        "the outcomes agree",
        "clientStream",
    ),
    Bug(
        "a window that is not granted again",
        (
            (
                RECEIVER,
                "            self.consumed = 0;\n            self.give(due);\n",
                "            self.consumed = 0;\n",
            ),
        ),
        "no deadlock while the reader grants",
        "serverStream",
    ),
    Bug(
        "a first credit below half a window that is not granted again",
        (
            (
                RECEIVER,
                "let idle = self.outstanding == 0 && self.unconsumed == 0;",
                "let idle = false;",
            ),
        ),
        "no deadlock while the reader grants",
        "serverStream",
    ),
    Bug(
        "a waiter that is served and not woken",
        ((SHARED, "let _ = waiter.send(());", "std::mem::forget(waiter);"),),
        "no_wake_up_is_lost",
    ),
    Bug(
        "a waiter that joins after its credit was told",
        (
            (
                SHARED,
                "        inner.waiters.insert(ticket, tell);\n        self.drain(&mut inner)?;\n",
                "        self.drain(&mut inner)?;\n        inner.waiters.insert(ticket, tell);\n",
            ),
        ),
        "no_wake_up_is_lost",
    ),
    Bug(
        "a waiter that gives up and keeps its place",
        (
            (
                SENDING,
                "        self.shared.drop_ticket(self.ticket);\n",
                "        let _ = (self.shared, self.ticket);\n",
            ),
        ),
        "a_dropped_waiter_loses_no_credit",
    ),
    Bug(
        "the last who came is served first",
        (
            (
                SENDER,
                "self.tickets.push_back(ticket);",
                "self.tickets.insert(self.held as usize, ticket);",
            ),
        ),
        "credit_goes_to_those_who_wait_in_order",
    ),
    Bug(
        "an end that does not wake who waits",
        (
            (
                SHARED,
                "                    inner.waiters.remove(&ticket);\n",
                "                    std::mem::forget(inner.waiters.remove(&ticket));\n",
            ),
        ),
        "the_end_wakes_all",
    ),
    Bug(
        "an answer whose close does not follow",
        ((SHARED, "if inner.stream.sends_exactly_one() {", "if false {"),),
        "one_of_two_answers_is_sent_and_its_close_follows",
    ),
    Bug(
        "a receiver that keeps the notice to itself",
        (
            (
                HANDLE,
                "                    self.shared.notify_next();\n                    return Ok(Some(payload));",
                "                    return Ok(Some(payload));",
            ),
            (
                HANDLE,
                "                    self.shared.notify_next();\n                    return broken",
                "                    return broken",
            ),
        ),
        "receivers_lose_no_message",
    ),
)


SIMULATED = (
    Bug(
        "a provider that is not told that its caller is gone",
        (
            (
                RELAYING,
                "        self.end(id, if unwanted {",
                "        if unwanted { return self.end(id, HowEnded::Cancelled(gone)); }\n"
                "        self.end(id, if unwanted {",
            ),
        ),
        "every stream ends",
        seeds=60,
    ),
    Bug(
        "a message whose last byte is lost where it came in parts",
        (
            (
                RECEIVE,
                "if part.is_empty() { 0..0 } else { start..start + part.len() }",
                "if part.is_empty() { 0..0 } else { start..start + part.len() - 1 }",
            ),
        ),
        "messages come once, in order and whole",
        seeds=20,
    ),
    Bug(
        "a broadcast of which nobody knows that it was sent",
        ((LEDGER, "ends: [End { sent: 1, ", "ends: [End { sent: 0, "),),
        "no message comes that was not sent",
        seeds=20,
    ),
    Bug(
        "a host that drops the rest of a stream, and a reader that does not count",
        (
            (
                RELAYING,
                "self.command(to, to_key, Command::Data(bytes, false));",
                "if data.sequence < 3 { self.command(to, to_key, Command::Data(bytes, false)); }",
            ),
            (RECEIVER, "if final_sequence != self.expected {", "if false {"),
        ),
        "completed means that all came",
        seeds=20,
    ),
    Bug(
        "a host that allows more than the reader has granted",
        ((RELAYING, "let give = owed.min(most", "let give = u32::MAX.min(most"),),
        "credit is not exceeded",
        seeds=20,
    ),
    Bug(
        "a caller that is told to be gone when its provider is",
        (
            (
                RELAYING,
                "let unwanted = side == Side::Caller && code",
                "let unwanted = code",
            ),
        ),
        "every outcome has its cause",
        seeds=60,
    ),
    Bug(
        "a deadline that is kept half a second late",
        (
            (
                ENGINE,
                "let at = deadline_ms.saturating_mul(1000);",
                "let at = deadline_ms.saturating_mul(1000) + 500_000;",
            ),
        ),
        "no call outlives its deadline",
        seeds=20,
    ),
    Bug(
        "a host that drops the context of an open whose credit it cuts",
        (
            (
                OPENING,
                "Frame::open(id, open.interaction, metered, open.context)",
                "Frame::open(id, open.interaction, metered, &[])",
            ),
        ),
        "a call is opened once, as it was made",
        seeds=20,
    ),
    Bug(
        "a queue without a bound",
        (
            (
                OUTBOX,
                "self.queued() >= config.max_queued || lane.len() >= config.max_queued_stream",
                "self.queued() > config.max_queued.max(1 << 30) || lane.len() > 1 << 30",
            ),
        ),
        "queues stay within their bounds",
        seeds=60,
    ),
    Bug(
        "a name that outlives its connection",
        ((HOST, "            self.registry.withdraw(&module);\n", ""),),
        "every module comes back",
        seeds=20,
    ),
    Bug(
        "a host that keeps what it knew of a stream",
        (
            (
                RELAYING,
                "        for (link, key) in route.ends.into_array() {\n"
                "            self.forget(link, key);\n        }\n",
                "",
            ),
        ),
        "nothing is left",
        seeds=20,
    ),
    Bug(
        "an engine that takes no message beyond 1,000 bytes",
        (
            (
                ENGINE,
                "let (id, sequence) = sender.spend(payload.len(), ticket)?;",
                "let length = if payload.len() > 1000 { usize::MAX } else { payload.len() };\n"
                "        let (id, sequence) = sender.spend(length, ticket)?;",
            ),
        ),
        "no command is refused without cause",
        seeds=20,
    ),
    Bug(
        "an end that never asks whether its peer is there",
        (
            (
                TRANSMIT,
                "            self.ping();\n        }\n",
                "            self.pinged_us = now_us;\n        }\n",
            ),
        ),
        "no connection ends without cause",
        seeds=20,
    ),
    Bug(
        "senders that are let go in the order of a hash map",
        (
            (
                OUTBOX,
                "        have_room.sort_unstable_by_key(|(_, held_back)| held_back.number);\n",
                "        have_room.rotate_left(0);\n",
            ),
        ),
        "a seed is one run",
        seeds=20,
    ),
)

OUTCOME = "every outcome has its cause"

ON_NATS = (
    Bug(
        "a node that does not look at numbers",
        (
            (NODE_RECEIVE, "if header.number != peer.heard + 1 {", "if false {"),
            (NODE_RECEIVE, "if header.number != peer.heard {", "if false {"),
        ),
        OUTCOME,
        seeds=100,
    ),
    Bug(
        "a node that takes no reset",
        ((NODE_RECEIVE, "if peer.pipe == header.back || is_of_its_own {", "if false {"),),
        OUTCOME,
        seeds=100,
    ),
    Bug(
        "a node that does not tell what it has taken",
        ((NODE_RECEIVE, "            peer.taken.push_back(id);\n", ""),),
        OUTCOME,
        seeds=10,
    ),
    Bug(
        "a cancelled call that is forgotten before it was taken",
        ((LEAVING, "            leaving.streams.insert(id, stream);\n        }\n", "        }\n"),),
        OUTCOME,
        seeds=30,
    ),
    Bug(
        "what waited for its taker, and is lost",
        ((LEAVING, "if index < stream.sent {", "if index <= stream.sent {"),),
        OUTCOME,
        seeds=30,
    ),
    Bug(
        "a node that keeps the streams of one that is gone",
        (
            (
                NODE,
                "        self.host.transport_ended(link);\n        self.collect();\n    }\n\n    /// Tells of",
                "        self.collect();\n    }\n\n    /// Tells of",
            ),
        ),
        "every stream ends",
        seeds=60,
    ),
    Bug(
        "a message that was lost last, and is found by the next stream",
        ((NODE, "if peer.settled == peer.sent {", "if true {"),),
        OUTCOME,
        seeds=1,
        first=59,
    ),
)


def copy(to: Path) -> None:
    """The files under version control, as they are now."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in files.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


def run(tree: Path, bug: Bug) -> str:
    """What the proof says of the tree; nothing where it finds no fault."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "planted"
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "CARGO_TERM_QUIET": "true"}
    if bug.kind:
        command = ["cargo", "run", "--locked", "-p", "ixt-model", "--", "small", bug.kind]
    elif bug.seeds:
        package = ["--locked", "-p", "ixt-simulation"]
        command = [
            "cargo",
            "run",
            *package,
            "--",
            "--seeds",
            f"{bug.first}..{bug.first + bug.seeds}",
        ]
    else:
        command = [
            "cargo",
            "test",
            "--locked",
            "-p",
            "ixt",
            "--test",
            "schedules",
            "--",
            bug.found_by,
        ]
        environment |= {"RUSTFLAGS": "--cfg shuttle", "CARGO_TARGET_DIR": f"{target}-schedules"}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if "could not compile" in said:
        sys.exit(f"planted: {bug.name}: it does not compile\n{said}")
    return "" if done.returncode == 0 else said


def finds(tree: Path, bug: Bug) -> bool:
    """Makes the bug, looks whether it is found, and mends it."""
    for file, right, wrong in bug.edits:
        source = (tree / file).read_text(encoding="utf-8")
        if source.count(right) != 1:
            sys.exit(f"planted: {bug.name}: its place is not in {file} once:\n{right}")
        (tree / file).write_text(source.replace(right, wrong), encoding="utf-8")
    said = run(tree, bug)
    for file, _, _ in bug.edits:
        shutil.copy(ROOT / file, tree / file)
        os.utime(tree / file)
    expected = (
        f"does not hold: {bug.found_by}\n"
        if bug.kind or bug.seeds
        else f"---- {bug.found_by} stdout ----"
    )
    return expected in said


def main(names: list[str]) -> int:
    bugs = [bug for bug in (*BUGS, *SIMULATED, *ON_NATS) if not names or bug.name in names]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy(tree)
        for bug in bugs:
            found = finds(tree, bug)
            missed += not found
            print(
                f"planted: {bug.name}: {'found by' if found else 'NOT FOUND BY'} {bug.found_by}",
                flush=True,
            )
    print(f"planted: {len(bugs)} bugs, {missed} not found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
