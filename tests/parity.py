"""Compares how many vectors and traces each language replayed.

    python tests/parity.py build/counts/rust.log build/counts/python.log …

Every replayer prints `vectors: N values, M refused` and `traces: N`, and where the language has
HandlePayload `payloads: N values, M refused`. A language that replays fewer than the others passes its
tests and proves less, so the numbers must be equal, and as many as the files hold.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = re.compile(r"\bvectors: (\d+) values, (\d+) refused\b")
PAYLOADS = re.compile(r"\bpayloads: (\d+) values, (\d+) refused\b")
WITH_PAYLOADS = ("rust", "python", "go", "c")
TRACES = re.compile(r"\btraces: (\d+)(?! passed)\b")


def lines(*files: str) -> Iterator[dict[str, object]]:
    """Gives the objects of JSON lines files, split on line feeds alone: strings hold other breaks."""
    for file in files:
        for line in (HERE / file).read_text(encoding="utf-8").split("\n"):
            if line:
                yield json.loads(line)


def expected() -> tuple[int, ...]:
    """Gives what there is to replay; lines of raw text are for who parses the text form: Rust."""
    values = sum(1 for _ in lines("vectors/values.jsonl", "vectors/large.jsonl"))
    refused = lines("vectors/refused.jsonl", "vectors/refused_large.jsonl")
    return (
        values,
        sum("line" not in line for line in refused),
        sum(1 for _ in lines("traces/traces.jsonl")),
    )


def expected_payloads() -> tuple[int, int]:
    """Gives what there is to replay of HandlePayload."""
    ops = ["op" in line for line in lines("vectors/payloads.jsonl")]
    return len(ops) - sum(ops), sum(ops)


def replayed(log: Path) -> tuple[int, ...] | None:
    """Gives what a language's test run says that it replayed."""
    text = log.read_text(encoding="utf-8", errors="replace")
    vectors, traces, payloads = VECTORS.findall(text), TRACES.findall(text), PAYLOADS.findall(text)
    if not vectors or not traces or (log.stem in WITH_PAYLOADS and not payloads):
        return None
    numbers = (*vectors[-1], traces[-1], *(payloads[-1] if log.stem in WITH_PAYLOADS else ()))
    return tuple(int(number) for number in numbers)


def main(logs: list[str]) -> int:
    """Prints the table; 1 where a number differs or is missing."""
    want, payloads = expected(), expected_payloads()
    rows = [("to replay", (*want, *payloads))]
    found = [(Path(log).stem, replayed(Path(log))) for log in logs]
    print(f"{'':10} {'values':>8} {'refused':>8} {'traces':>8} {'payloads':>8} {'refused':>8}")
    for name, counts in [*rows, *found]:
        shown = [str(count) for count in counts] if counts else ["none"]
        print(f"{name:10} " + " ".join(f"{count:>8}" for count in shown))
    equal = bool(logs) and all(
        counts == ((*want, *payloads) if name in WITH_PAYLOADS else want) for name, counts in found
    )
    print("every language replays all of them" if equal else "the counts differ", flush=True)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
