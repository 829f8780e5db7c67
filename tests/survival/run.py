"""What real processes on real sockets live through; see README.md beside this.

run.py --ixt COMMAND --rust PROGRAM --go PROGRAM --c PROGRAM [--seed N] [--count N] [PART...]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).resolve().parents[1] / "nats"))

from crowd import Crowd
from ground import TRANSPORTS, on
from hostile import Silence, hostile
from hostile_nats import hostile_nats
from kills import kills
from network import network
from processes import ExpectationError, Programs
from sleepers import sleepers
from wires import NoNetworksError, check

PARTS = ("kills", "sleepers", "hostile", "network", "nats")
#: What chooses by the seed, and how to have it again.
SEEDED = {
    "kills": " (again by --seed {seed} --count {count} --ground {ground})",
    "network": " (again by --seed {seed} --cuts {cuts})",
    "nats": " (again by --seed {seed} --count {count})",
}


def on_wires(work: Callable[[], str]) -> str:
    """Where there can be no networks, this says so; in CI (`CI` is set) there must be."""
    try:
        check()
    except NoNetworksError as lack:
        if os.environ.get("CI"):
            raise ExpectationError(f"missing: {lack}") from None
        print(f"missing: {lack}", file=sys.stderr)
        return "no wire was cut: see above what is missing"
    return work()


def on_nats(programs: Programs, folder: Path, seed: int, count: int, mib: int) -> str:
    """All parts that need no host. Kills are mostly waiting, so both grounds are at once, each with a third of them."""
    folders = {each: folder / each for each in ("nats", "cluster", "sleepers", "hostile")}
    for each in folders.values():
        each.mkdir()

    def killed(ground: str) -> str:
        where = folders[ground]
        return f"{ground}: " + kills(
            lambda: Crowd(programs, where, on(ground, programs, where)), seed, count // 3, ground
        )

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(killed, ("nats", "cluster")))
    said.append(sleepers(programs, folders["sleepers"], "nats", mib))
    said.append(hostile_nats(programs, folders["hostile"]))
    return "; ".join(said)


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the tests of survival.")
    for name in ("ixt", "rust", "go", "c"):
        parser.add_argument(f"--{name}", required=True, metavar="PROGRAM")
    parser.add_argument("--seed", type=int, help="of the kills and the cuts; else a new one")
    parser.add_argument(
        "--count",
        type=int,
        default=60,
        help="kills (60: 20 of callers, of providers and of the host)",
    )
    parser.add_argument(
        "--ground",
        choices=TRANSPORTS,
        default="unix",
        help="what the modules of kills and sleepers connect to (unix)",
    )
    parser.add_argument(
        "--cuts", type=int, default=12, help="wires that are cut, on each transport (12)"
    )
    parser.add_argument(
        "--mib", type=int, default=1024, help="MiB past a reader that sleeps (1024)"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; else all")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    programs = Programs(arguments.ixt, arguments.rust, arguments.go, arguments.c)
    parts: dict[str, Callable[[Path], str]] = {
        "kills": lambda folder: kills(
            lambda: Crowd(programs, folder, on(arguments.ground, programs, folder)),
            seed,
            arguments.count,
        ),
        "sleepers": lambda folder: sleepers(programs, folder, arguments.ground, arguments.mib),
        "hostile": lambda folder: hostile(programs, folder),
        "network": lambda folder: on_wires(lambda: network(programs, folder, seed, arguments.cuts)),
        "nats": lambda folder: on_nats(programs, folder, seed, arguments.count, arguments.mib),
    }
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    # Ended from outside, it still removes what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        at = ""
        try:
            silence = None
            if "hostile" in (chosen := arguments.parts or PARTS):
                silence = Silence(programs, Path(stack.enter_context(TemporaryDirectory())))
                stack.callback(silence.stop)
            for at in chosen:
                print(f"{at}, seed {seed}:" if at in SEEDED else f"{at}:", flush=True)
                with TemporaryDirectory() as folder:
                    print(f"survival: {parts[at](Path(folder))}", flush=True)
            if silence is not None:
                at = "silence"
                print(f"survival: {silence.check()}", flush=True)
        except ExpectationError as error:
            again = SEEDED.get(at, "").format(**{**vars(arguments), "seed": seed})
            print(f"survival: {at}{again}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
