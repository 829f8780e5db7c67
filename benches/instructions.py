"""Counts what the five hottest operations execute, and compares with what is committed.

    instructions.py --check PROGRAM     fails when a count differs by more than 3 %
    instructions.py --write PROGRAM     writes benches/instructions.json

PROGRAM is the release build of ixt-instructions. valgrind's callgrind counts, so the machine's load and
speed do not matter. The compiler does: with another rustc than the committed counts were made with,
--check says so and passes. Counts go down as well as up; both ask for --write, and for a look at why.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).with_name("instructions.json")
OPERATIONS = ("frame encode", "frame decode", "context decode", "try_send", "receive and consume")
TOLERANCE = 0.03
COUNT = 10_000


def executed(program: str, operation: str, count: int) -> int:
    """Instructions of a whole run."""
    run = subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            program,
            operation,
            str(count),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or collected is None:
        sys.exit(f"{program} {operation!r} under callgrind failed:\n{run.stderr}")
    return int(collected[1])


def measure(program: str) -> dict[str, float]:
    """Instructions of one iteration, by operation."""
    counts = {}
    for operation in OPERATIONS:
        once, twice = (executed(program, operation, COUNT * times) for times in (1, 2))
        counts[operation] = round((twice - once) / COUNT, 1)
    return counts


def toolchain() -> dict[str, str]:
    """What the counts depend on besides the code."""
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return {"rustc": rustc.stdout.strip(), "machine": platform.machine()}


def check(program: str) -> int:
    committed = json.loads(FILE.read_text(encoding="utf-8"))
    here = toolchain()
    there = committed["toolchain"]
    if here != there:
        print(f"instructions: NOT CHECKED, counted with {there}, and this is {here}")
        return 0
    failed = 0
    counts = measure(program)
    for operation in OPERATIONS:
        before, now = committed["instructions"][operation], counts[operation]
        change = now / before - 1
        wrong = abs(change) > TOLERANCE
        failed += wrong
        print(
            f"instructions: {operation}: {now:.1f}, committed {before:.1f} ({change:+.1%})"
            + (f" MORE THAN {TOLERANCE:.0%}" if wrong else "")
        )
    if failed:
        print(
            "instructions: find out why; if it is meant, `make instructions` writes the new counts"
        )
    return 1 if failed else 0


def write(program: str) -> int:
    content = {"toolchain": toolchain(), "instructions": measure(program)}
    FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {FILE.name}: {content['instructions']}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", metavar="PROGRAM")
    action.add_argument("--write", metavar="PROGRAM")
    arguments = parser.parse_args()
    return check(arguments.check) if arguments.check else write(arguments.write)


if __name__ == "__main__":
    sys.exit(main())
