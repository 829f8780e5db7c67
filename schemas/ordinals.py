"""Holds the schemas against ordinals.lock, which is only ever appended to.

A message written today has to mean the same to every later reader. Cap'n Proto keeps that promise
as long as ids, ordinals, positions and types stay as they are, and nothing in its language stops
anyone from changing them. So they are written down once, a line for each, and compared.

    python schemas/ordinals.py                 compare; exit status 1 and the line where they differ
    python schemas/ordinals.py --append        also take in what is new in the schemas
    python schemas/ordinals.py --since REF     also see that the lock has only grown since REF

It needs the `capnp` command line and nothing else.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "ordinals.lock"

FILE = re.compile(r"# (?:.*/)?([^/]+\.capnp)$")
FILE_ID = re.compile(r"(@0x[0-9a-f]{16});$")
TYPE = re.compile(r"(enum|struct) (\w+) (@0x[0-9a-f]{16}) \{(?:  # .*)?$")
ENUMERANT = re.compile(r"(\w+) (@\d+);$")
UNION = re.compile(r"(?:(\w+) :)?union \{  # tag bits (\[\d+, \d+\))$")
GROUP = re.compile(r"(\w+) :group \{(?:  # union tag = (\d+))?$")
FIELD = re.compile(r"(\w+) (@\d+) :(.+);  # (bits\[\d+, \d+\)|ptr\[\d+\])(?:, union tag = (\d+))?$")


class NotUnderstoodError(Exception):
    """The schemas hold something that this script has no line for."""


def described(schemas: list[Path]) -> list[str]:
    """Gives one line for each thing in the schemas that the wire depends on, in schema order."""
    names = [path.name for path in schemas]
    command = ["capnp", "compile", "-ocapnp", *names]
    # In the schemas' own folder, so that no path of this machine gets into the output.
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotUnderstoodError(f"capnp compile failed:\n{done.stderr.strip()}")
    return list(_lines(done.stdout))


def _lines(text: str) -> Iterator[str]:
    file = ""
    scope: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        if line == "}":
            scope.pop()
        elif found := FILE.match(line):
            file = found[1]
        elif found := FILE_ID.match(line):
            yield f"file {file} {found[1]}"
        elif found := TYPE.match(line):
            scope.append(found[2])
            yield f"{found[1]} {_path(scope)} {found[3]}"
        elif found := UNION.match(line):
            scope.append(found[1] or "")
            yield f"union {_path(scope) if found[1] else _path(scope[:-1])} tag bits{found[2]}"
        elif found := GROUP.match(line):
            scope.append(found[1])
            yield f"group {_path(scope)}" + (f" tag {found[2]}" if found[2] else "")
        elif found := ENUMERANT.match(line):
            yield f"enumerant {_path([*scope, found[1]])} {found[2]}"
        elif found := FIELD.match(line):
            name, ordinal, type_, place, tag = found.groups()
            described_field = f"field {_path([*scope, name])} {ordinal} :{type_} {place}"
            yield described_field + (f" tag {tag}" if tag else "")
        else:
            raise NotUnderstoodError(f"no line for this in a schema: {line}")


def _path(scope: list[str]) -> str:
    """Joins names; an anonymous union has none, and its members are its struct's."""
    return ".".join(name for name in scope if name)


def _key(line: str) -> str:
    """Gives what a line is about: its kind and its name, without what must not change."""
    return " ".join(line.split(" ")[:2])


def compare(locked: list[str], current: list[str]) -> tuple[list[str], list[str]]:
    """Gives the faults, and the lines that are new."""
    by_key = {_key(line): line for line in current}
    present = set(current)
    known = {_key(line) for line in locked}
    faults = []
    for number, line in enumerate(locked, start=1):
        if line in present:
            continue
        now = by_key.get(_key(line))
        change = f"changed to: {now}" if now else "removed or renamed"
        faults.append(f"ordinals.lock:{number}: {line}\n    {change}")
    doubles = sorted({line for line in locked if locked.count(line) > 1})
    faults += [f"ordinals.lock: twice: {line}" for line in doubles]
    return faults, [line for line in current if _key(line) not in known]


def grown_since(reference: str) -> list[str]:
    """Says whether the lock is what it was at a commit, or that and further lines."""
    command = ["git", "show", f"{reference}:./{LOCK.name}"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"ordinals.lock cannot be read at {reference}: {done.stderr.strip()}"]
    before = done.stdout.splitlines()
    now = LOCK.read_text().splitlines()
    for number, (old, new) in enumerate(zip(before, now, strict=False), start=1):
        if old != new:
            return [f"ordinals.lock:{number}: was at {reference}: {old}\n    is now: {new}"]
    if len(now) < len(before):
        return [f"ordinals.lock:{len(now) + 1}: was at {reference}: {before[len(now)]}\n    gone"]
    return []


def main() -> int:
    """Compares, appends where asked to, and says what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--append", action="store_true", help="append what is new to the lock")
    parser.add_argument("--since", metavar="REF", help="see that the lock has only grown since")
    arguments = parser.parse_args()
    try:
        current = described(sorted(HERE.glob("*.capnp")))
    except NotUnderstoodError as error:
        print(error, file=sys.stderr)
        return 1
    locked = LOCK.read_text().splitlines() if LOCK.exists() else []
    faults, new = compare(locked, current)
    if arguments.since:
        faults += grown_since(arguments.since)
    if faults:
        print(
            "The schemas no longer agree with what was promised:",
            *faults,
            sep="\n",
            file=sys.stderr,
        )
        return 1
    if new and not arguments.append:
        print(
            "New in the schemas, and not in ordinals.lock (--append takes it in):", *new, sep="\n"
        )
        return 1
    if new:
        LOCK.write_text("".join(f"{line}\n" for line in [*locked, *new]))
    print(f"ordinals.lock: {len(locked)} lines agree, {len(new)} appended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
