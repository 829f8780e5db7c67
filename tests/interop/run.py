"""Sessions between Ixt, in Rust and in Python, and the official ARCP SDKs, as real processes over WebSocket.

Each pair runs the same session, step by step. Every step passes that the official peer can do at all; what it cannot
is named here, with the reason, and fails where it passes after all. Then `ixt arcp conform` holds the runtimes to the
draft. With `--write` the tables of `docs/interop.md` are written, without it compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "interop.md"
SESSIONS = "<!-- Sessions: what follows is written by `make test-interop`. -->"
CONFORMANCE = "<!-- Conformance: what follows is written by `make test-interop`. -->"
END = "<!-- The end. -->"
#: Sessions side by side.
AT_ONCE = 4

# What the official runtime does not do for a session that is resumed.
SILENT = "after a resume it tells no new event of the job"

# What official peers cannot do: by pair and step.
CANNOT = {
    "Ixt Rust → Python 1.1.3": {"resume in the middle of a job": SILENT},
    "Ixt Python → Python 1.1.3": {"resume in the middle of a job": SILENT},
}


# Why official runtimes fail checks of `ixt arcp conform`, by runtime and check.
FAILS = {
    "Python 1.1.3": {
        "no-token-refused": "a hello without `auth` is INTERNAL_ERROR, and to be tried again",
        "features-not-offered-are-not-used": "progress and parts of results go to a client that offered neither",
        "resume-replays": SILENT,
        "resume-has-no-hole": "neither the events behind an ack nor RESUME_WINDOW_EXPIRED",
        "jobs-survive-lost-clients": "after a resume the end of the job is not told",
        "jobs-survive-silence": "after a resume the end of the job is not told",
        "list-answered": "`submitted_at` in place of `created_at`, and no `last_event_seq`",
        "list-filters": "an agent's bare name finds no job of a version of it",
        "existence-is-not-told": "silence for a job that there is, JOB_NOT_FOUND for one that never was",
        "close-acknowledged": "it knows no session.close",
        "jobs-survive-close": "it knows no session.close",
        "timeout-is-told": "job.result with `timed_out`, and no code",
        "cancel-works": "job.result with `cancelled`, and neither job.cancelled nor CANCELLED",
        "subscriber-hears-live": "the numbers of a subscription begin again at 1",
        "subscriber-cannot-cancel": "a session that only subscribed cancels the job",
        "sequence": "the numbers of a subscription begin again at 1",
        "malformed-refused": "what is no JSON ends the connection, without a word",
        "wrong-fields-refused": "INTERNAL_ERROR, and to be tried again",
        "malformed-lease-refused": "INTERNAL_ERROR, and to be tried again",
        "expiry-is-utc": "`+00:00` is taken for `Z`",
        "malformed-budget-refused": "INTERNAL_ERROR, and to be tried again",
    },
}

Report = dict[str, Any]


@contextmanager
def serving(command: list[str], **more: str) -> Iterator[str]:
    """Runs a runtime, whose first line is its URL."""
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **more},
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise SystemExit(f"{command[0]} did not start")
        yield url
    finally:
        server.kill()
        server.wait()


def session(
    server: list[str], client: list[str], more: list[str] | None = None
) -> dict[str, str | None]:
    """The steps of a session, and why each failed."""
    with serving(server) as url:
        run = subprocess.run(
            [*client, url, *(more or [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=300,
        )
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {line["step"]: None if line["ok"] else str(line["why"]) for line in lines}


def conform(ixt: str, url: str, token: str, other: str) -> Report:
    """What `ixt arcp conform` says of a runtime."""
    run = subprocess.run(
        [ixt, "arcp", "conform", url, "--format", "json"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        env={**os.environ, "IXT_ARCP_TOKEN": token, "IXT_ARCP_OTHER_TOKEN": other},
    )
    if not run.stdout:
        raise SystemExit(f"ixt arcp conform ended by {run.returncode} without a report")
    report: Report = json.loads(run.stdout)
    return report


def conformance(reports: dict[str, Report]) -> str:
    """By section how many checks passed, failed and were skipped, and why those failed that did."""
    outcomes = ("passed", "failed", "skipped")

    def cell(checks: list[Report]) -> str:
        return " / ".join(
            str(sum(check["outcome"] == outcome for check in checks)) for outcome in outcomes
        )

    def section(check: Report) -> str:
        return ".".join(check["section"].split(".")[:2])

    found = {section(check) for report in reports.values() for check in report["checks"]}
    lines = [
        "| passed / failed / skipped | " + " | ".join(reports) + " |",
        "|---|" + "---|" * len(reports),
    ]
    for name in sorted(found, key=lambda name: [int(part) for part in name.split(".")]):
        cells = [
            cell([check for check in report["checks"] if section(check) == name])
            for report in reports.values()
        ]
        lines.append(f"| §{name} | " + " | ".join(cells) + " |")
    wholes = [cell(report["checks"]) for report in reports.values()]
    lines.append("| **all** | " + " | ".join(wholes) + " |")
    for runtime, report in reports.items():
        failed = [check for check in report["checks"] if check["outcome"] == "failed"]
        if failed:
            lines += [
                "",
                f"What {runtime} does otherwise:",
                "",
                "| § | level | check | |",
                "|---|---|---|---|",
            ]
            lines += [
                f"| {check['section']} | {check['level']} | `{check['name']}` "
                f"| {FAILS.get(runtime, {}).get(check['name'], '')} |"
                for check in failed
            ]
    return "\n".join(lines)


def unexpected(reports: dict[str, Report]) -> list[str]:
    """Checks that fail and are not said to, or the other way round."""
    wrong = []
    for runtime, report in reports.items():
        named = FAILS.get(runtime, {})
        failed = {
            check["name"]: check["why"]
            for check in report["checks"]
            if check["outcome"] == "failed"
        }
        wrong += [f"{runtime}: {name}: {why}" for name, why in failed.items() if name not in named]
        wrong += [
            f"{runtime}: {name}: it does not fail, and was said to"
            for name in named
            if name not in failed
        ]
    return wrong


def put(page: str, begin: str, written: str) -> str:
    """The page with another table between two marks."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(END)
    return f"{before}{begin}\n\n{written}\n\n{END}{after}"


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
    parser.add_argument("--ixt", required=True, help="the command ixt")
    parser.add_argument("--python", required=True, help="an interpreter that has the official SDK")
    parser.add_argument(
        "--our-python", required=True, help="an interpreter that has our package for Python"
    )
    parser.add_argument("--write", action="store_true", help="write the table")
    arguments = parser.parse_args()
    theirs = [arguments.python, "-W", "ignore"]
    python = [arguments.our_python, "-W", "ignore"]
    client, runtime, ours = (
        str(HERE / "python" / name) for name in ("client.py", "runtime.py", "ours.py")
    )
    rust = [arguments.ours, "serve"], [arguments.ours, "call"]
    # Their agents have no way to refer to an artifact.
    lacks = "artifact_ref"
    pairs: dict[str, tuple[list[str], ...]] = {
        "Python 1.1.3 → Ixt Rust": (rust[0], [*theirs, client]),
        "Ixt Rust → Python 1.1.3": ([*theirs, runtime], rust[1], [lacks]),
        "Python 1.1.3 → Ixt Python": ([*python, ours], [*theirs, client]),
        "Ixt Python → Python 1.1.3": ([*theirs, runtime], [*python, client], [lacks]),
        "Ixt Rust → Ixt Python": ([*python, ours], rust[1]),
        "Ixt Python → Ixt Rust": (rust[0], [*python, client]),
        "Ixt Python → Ixt Python": ([*python, ours], [*python, client]),
    }
    # They wait most of the time, for heartbeats and leases.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {pair: pool.submit(session, *sides) for pair, sides in pairs.items()}
        sessions = {pair: future.result() for pair, future in begun.items()}
    wrong = []
    for pair, found in sessions.items():
        if len(found) < 20:
            wrong.append(f"{pair}: the session ended after {len(found)} steps")
        for step, why in found.items():
            expected = CANNOT.get(pair, {}).get(step)
            if why is not None and expected is None:
                wrong.append(f"{pair}: {step}: {why}")
            if why is None and expected is not None:
                wrong.append(f"{pair}: {step}: it passes, and was said not to")
    serve = [
        arguments.ixt,
        "arcp",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--conform",
        "--heartbeat",
        "2",
    ]

    def report(command: list[str]) -> Report:
        with serving(command, IXT_ARCP_PRINCIPALS="a=tok-a,b=tok-b") as url:
            return conform(arguments.ixt, url, "tok-a", "tok-b")

    runtimes = {
        "Ixt Rust": serve,
        "Ixt Python": [*python, ours],
        "Python 1.1.3": [*theirs, runtime],
    }
    with ThreadPoolExecutor(len(runtimes)) as pool:
        held = {name: pool.submit(report, command) for name, command in runtimes.items()}
        reports = {name: future.result() for name, future in held.items()}
    wrong += unexpected(reports)
    tables = {SESSIONS: table(sessions), CONFORMANCE: conformance(reports)}
    old = new = PAGE.read_text()
    for begin, written in tables.items():
        print(written, end="\n\n")
        new = put(new, begin, written)
    if arguments.write:
        PAGE.write_text(new)
    elif old != new:
        wrong.append(f"{PAGE.name} has another table: make test-interop FLAGS=--write")
    print("\n".join(wrong), file=sys.stderr)
    passed = sum(why is None for found in sessions.values() for why in found.values())
    print(f"interop: {passed} steps passed, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
