"""Compares how many vectors and traces each language replayed.

    python tests/parity.py build/counts/rust.log build/counts/python.log …

Every replayer prints `vectors: N values, M refused` and `traces: N`. A language that replays fewer than
the others passes its tests and proves less, so the numbers must be equal, and as many as the files hold.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = re.compile(r"\bvectors: (\d+) values, (\d+) refused\b")
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


def replayed(log: Path) -> tuple[int, ...] | None:
    """Gives what a language's test run says that it replayed."""
    text = log.read_text(encoding="utf-8", errors="replace")
    vectors, traces = VECTORS.findall(text), TRACES.findall(text)
    if not vectors or not traces:
        return None
    return (*(int(count) for count in vectors[-1]), int(traces[-1]))


def main(logs: list[str]) -> int:
    """Prints the table; 1 where a number differs or is missing."""
    want = expected()
    rows = [("to replay", want), *((Path(log).stem, replayed(Path(log))) for log in logs)]
    print(f"{'':10} {'values':>8} {'refused':>8} {'traces':>8}")
    for name, counts in rows:
        print(f"{name:10} " + " ".join(f"{count:>8}" for count in counts or ("none",) * 3))
    equal = bool(logs) and all(counts == want for _, counts in rows)
    print("every language replays all of them" if equal else "the counts differ", flush=True)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
