"""Sessions between Ixt and the official ARCP SDKs, as real processes over WebSocket.

Each pair runs the same session, step by step. Every step passes that the official peer can do at all; what it cannot
is named here, with the reason, and fails where it passes after all. With `--write` the table of `docs/interop.md` is
written, without it compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "interop.md"
BEGIN, END = (
    "<!-- Sessions: what follows is written by `make test-interop`. -->",
    "<!-- The end. -->",
)

# What official peers cannot do: by pair and step.
CANNOT = {
    "Ixt → Python 1.1.3": {
        "resume in the middle of a job": "after a resume it tells no new event of the job",
    },
}


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """Runs a runtime, whose first line is its URL."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise SystemExit(f"{command[0]} did not start")
        yield url
    finally:
        server.kill()
        server.wait()


def session(server: list[str], client: list[str], *more: str) -> dict[str, str | None]:
    """The steps of a session, and why each failed."""
    with serving(server) as url:
        run = subprocess.run(
            [*client, url, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=300,
        )
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {line["step"]: None if line["ok"] else str(line["why"]) for line in lines}


def table(sessions: dict[str, dict[str, str | None]]) -> str:
    steps = list(dict.fromkeys(step for found in sessions.values() for step in found))
    lines = ["| | " + " | ".join(sessions) + " |", "|---|" + "---|" * len(sessions)]
    for step in steps:
        cells = []
        for pair, found in sessions.items():
            if step not in found:
                cells.append("–")
            elif found[step] is None:
                cells.append("✓")
            else:
                cells.append(f"✗ {CANNOT.get(pair, {}).get(step, '')}".strip())
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    passed = [
        f"{sum(why is None for why in found.values())} of {len(found)}"
        for found in sessions.values()
    ]
    lines.append("| **steps that pass** | " + " | ".join(passed) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the program ixt-interop")
    parser.add_argument("--python", required=True, help="an interpreter that has the official SDK")
    parser.add_argument("--write", action="store_true", help="write the table")
    arguments = parser.parse_args()
    theirs = [arguments.python, "-W", "ignore"]
    client, runtime = str(HERE / "python" / "client.py"), str(HERE / "python" / "runtime.py")
    sessions = {
        "Python 1.1.3 → Ixt": session([arguments.ours, "serve"], [*theirs, client]),
        "Ixt → Python 1.1.3": session([*theirs, runtime], [arguments.ours, "call"], "artifact_ref"),
    }
    wrong = []
    for pair, found in sessions.items():
        if len(found) < 19:
            wrong.append(f"{pair}: the session ended after {len(found)} steps")
        for step, why in found.items():
            expected = CANNOT.get(pair, {}).get(step)
            if why is not None and expected is None:
                wrong.append(f"{pair}: {step}: {why}")
            if why is None and expected is not None:
                wrong.append(f"{pair}: {step}: it passes, and was said not to")
    written = table(sessions)
    print(written)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    if arguments.write:
        PAGE.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{after}")
    elif old.strip() != written:
        wrong.append(f"{PAGE.name} has another table: make test-interop FLAGS=--write")
    print("\n".join(wrong), file=sys.stderr)
    passed = sum(why is None for found in sessions.values() for why in found.values())
    print(f"interop: {passed} steps passed, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
