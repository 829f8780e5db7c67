"""Replays `traces.jsonl` against an engine's `ixt trace`, by the comparison rule."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from random_traces import Trace, failures, show

TRACES = Path(__file__).resolve().parent / "traces.jsonl"


def load() -> dict[str, Trace]:
    """The committed traces by name."""
    with TRACES.open(encoding="utf-8", newline="\n") as lines:
        return {
            run["name"]: Trace(run["endpoint"], [(one["in"], one["out"]) for one in run["steps"]])
            for run in map(json.loads, lines)
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ixt", default="target/release/ixt", help="the program; runs `IXT trace`")
    parser.add_argument("--command", help="another command line in its place")
    chosen = parser.parse_args()
    command = shlex.split(chosen.command) if chosen.command else [chosen.ixt, "trace"]
    traces = load()
    try:
        failed, trouble = failures(command, list(traces.values()))
    except OSError as problem:
        print(f"{command[0]} does not run: {problem}", file=sys.stderr)
        return 2
    names = {id(trace): name for name, trace in traces.items()}
    for trace in failed[:3]:
        print(names[id(trace)])
        show(command, trace)
    if trouble:
        print(trouble)
    print(f"traces: {len(traces) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
