"""Asks every language for its verdict on damaged messages, and compares.

    python tests/differential/run.py [--count N] [--seed N] [--release FOLDER]

One line where all agree; else every mutant on which they do not, with each answer, and exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import Mutant, mutants

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHOWN = 10


def build(release: Path, work: Path, sanitize: bool) -> dict[str, list[str]]:
    """Builds the programs; gives the command of each language but Rust."""
    private = subprocess.run(
        ["pkg-config", "--libs", "--static", "ixt"],
        env={**os.environ, "PKG_CONFIG_PATH": str(release)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("-lixt")[1]
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    if sanitize:
        flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    source, include = HERE / "decode.c", release / "include"
    compiler = os.environ.get("CC", "cc")
    c = [
        compiler,
        *flags,
        f"-I{include}",
        str(source),
        "-o",
        str(work / "c"),
        str(release / "libixt.a"),
    ]
    subprocess.run([*c, *private.split()], check=True)
    subprocess.run(["go", "build", "-o", str(work / "go"), "."], cwd=HERE / "go", check=True)
    return {
        "python": [sys.executable, str(HERE / "decode.py")],
        "go": [str(work / "go")],
        "c": [str(work / "c")],
    }


def ask(command: Sequence[str], given: Sequence[Mutant]) -> list[str]:
    """The verdicts of one of the small programs."""
    text = "".join(f"{kind} {data.hex()}\n" for kind, data in given)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    answers = done.stdout.split("\n")[:-1]
    if done.returncode != 0 or len(answers) != len(given):
        last = given[len(answers)] if len(answers) < len(given) else None
        raise SystemExit(f"{command[-1]} ended with {done.returncode} at {last}:\n{done.stderr}")
    return answers


def ask_rust(ixt: Path, given: Sequence[Mutant]) -> list[str]:
    """The verdicts of the command line: decoded, and what it printed encoded again."""
    answers = [""] * len(given)
    for kind in ("frame", "context"):
        places = [place for place, mutant in enumerate(given) if mutant[0] == kind]
        decoded = _lines(ixt, "decode", kind, [given[place][1].hex() for place in places])
        accepted = []
        for place, line in zip(places, decoded, strict=True):
            value = json.loads(line)
            refused = value.get("error", {}).get("kind")
            if refused is not None:
                answers[place] = refused
            elif _is_later(value):
                # No text form leads back to it; it encodes to what came.
                answers[place] = f"canonical {given[place][1].hex()}"
            else:
                accepted.append((place, line))
        again = _lines(ixt, "encode", kind, [line for _, line in accepted])
        for (place, _), encoded in zip(accepted, again, strict=True):
            same = encoded == given[place][1].hex()
            answers[place] = f"{'canonical' if same else 'NotCanonical'} {encoded}"
    return answers


def _lines(ixt: Path, verb: str, kind: str, lines: Sequence[str]) -> list[str]:
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [ixt, verb, kind], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"ixt {verb} {kind} ended with {done.returncode}: {done.stderr}")
    return done.stdout.split("\n")[:-1]


def _is_later(value: dict[str, dict[str, object]]) -> bool:
    """Whether it has a union member of a later schema."""
    actor = value.get("actor", {}).get("subject", {})
    return any(
        "unknown" in part
        for part in (value, value.get("target", {}), actor)
        if isinstance(part, dict)
    )


def compare(given: Sequence[Mutant], answers: dict[str, list[str]]) -> list[str]:
    """What they do not agree on, each in a few lines."""
    found = []
    for place, (kind, data) in enumerate(given):
        said = {language: verdicts[place] for language, verdicts in answers.items()}
        if len(set(said.values())) > 1:
            each = "".join(f"\n  {language:7} {verdict}" for language, verdict in said.items())
            found.append(f"{kind} {data.hex()}{each}")
    return found


def main() -> int:
    """Compares; 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sanitize", action="store_true", help="the C program, under ASan and UBSan"
    )
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--release", type=Path, default=target / "release")
    arguments = parser.parse_args()

    given = list(mutants(arguments.seed, arguments.count))
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor() as pool:
        commands = build(arguments.release, Path(work), arguments.sanitize)
        asked = {
            language: pool.submit(ask, command, given) for language, command in commands.items()
        }
        answers = {"rust": ask_rust(arguments.release / "ixt", given)}
        answers |= {language: future.result() for language, future in asked.items()}
    differing = compare(given, answers)
    for text in differing[:SHOWN]:
        print(text, file=sys.stderr)
    verdicts = Counter(verdict.split(" ")[0] for verdict in answers["rust"])
    accepted = verdicts.pop("canonical", 0) + verdicts.pop("NotCanonical", 0)
    print(
        f"differential: {len(given)} mutants (seed {arguments.seed}), {accepted} accepted, "
        f"{verdicts.total()} refused with {len(verdicts)} kinds, {len(differing)} on which "
        f"{', '.join(answers)} differ"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
