"""Makes `traces.jsonl` from the scenarios, by the model; `--check` compares instead.

It fails when a row is not executed wherever it can happen, so nothing is covered by claim alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import scenarios_opening  # noqa: F401  (registers its scenarios)
import scenarios_receiver  # noqa: F401
import scenarios_sender  # noqa: F401
import scenarios_stream  # noqa: F401
from model import line
from rows import ROW_IDS, Place, places, spec_ids
from scenarios_base import SCENARIOS, Run, play

HERE = Path(__file__).resolve().parent
TRACES = HERE / "traces.jsonl"
README = HERE / "README.md"


def named_runs() -> dict[str, tuple[tuple[str, ...], Run]]:
    """All runs by their names, each with the rows that it is about."""
    found: dict[str, tuple[tuple[str, ...], Run]] = {}
    for chosen in SCENARIOS:
        for name, run in play(chosen):
            if name in found:
                raise ValueError(f"two runs are named {name}")
            found[name] = (chosen.rows, run)
    return found


def holes(runs: list[Run]) -> list[str]:
    """The rows that no run executes, at each place where they can happen."""
    done: set[tuple[str, Place]] = set()
    for run in runs:
        # A responder has no kind before its open, and its rows from there are not of a kind.
        for kind in {run.kind, run.model.kind}:
            done |= {(row, (run.role, kind)) for row in run.cited}
    return [
        f"{row} [{role}{' ' * bool(kind)}{kind}]"
        for row, where in ROW_IDS.items()
        for role, kind in places(where)
        if (row, (role, kind)) not in done
    ]


def unnamed(claims: list[tuple[str, ...]]) -> list[str]:
    """The rows that no run says it is about."""
    named = {row for claim in claims for row in claim}
    return [row for row in ROW_IDS if row not in named]


def shown(rows: tuple[str, ...]) -> list[str]:
    """The rows with their ids in specification 23 before them."""
    return [" ".join([*spec_ids(row), row]) for row in rows]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check: bool = arguments.parse_args().check
    runs = named_runs()
    missing = holes([run for _, run in runs.values()])
    missing += unnamed([rows for rows, _ in runs.values()])
    if missing:
        print(*missing, f"{len(missing)} rows not covered", sep="\n", file=sys.stderr)
        return 1
    steps = sum(len(run.steps) for _, run in runs.values())
    counts = f"{len(runs)} runs, {steps} steps, {len(ROW_IDS)} rows"
    text = "".join(
        line({"name": name, "rows": shown(rows), "endpoint": run.endpoint, "steps": run.steps})
        + "\n"
        for name, (rows, run) in runs.items()
    )
    if not check:
        TRACES.write_text(text, encoding="utf-8")
    elif not TRACES.exists() or TRACES.read_text(encoding="utf-8") != text:
        print("traces.jsonl is not what the scenarios and the model give", file=sys.stderr)
        return 1
    if counts not in README.read_text(encoding="utf-8"):
        print(f"README.md does not say: {counts}", file=sys.stderr)
        return 1
    print(f"traces.jsonl: {counts}, all executed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
