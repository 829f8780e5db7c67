#!/usr/bin/env python3
"""Relays a file through four processes, each in another language, and compares every byte.

    Python (opens the stream, reads the file) -> Go -> C -> Rust -> Python (takes it, answers)

Each hop decodes every frame with its language's SDK, checks it, encodes it again and passes it on
under credit. At the end a table, and a line that says whether all agree. The exit status is 0 only
where the wire bytes are the same at every hop, the payload equals the file, and credit was kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE / "python"))

from proxy import Flip, Proxy, TwoSegments  # noqa: E402
from rich.box import SIMPLE_HEAD  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import (  # noqa: E402
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table  # noqa: E402
from tap import HASHED, Tap, TapReader  # noqa: E402

WINDOW = 8
TABLE_WIDTH = 150
SMALLEST = 8 << 20
QUIET_SECONDS = 30.0
"""For how long nothing may happen before the relay is given up."""

#: What a hop says when it fails only because a neighbour did.
NEIGHBOUR = re.compile(
    r"\bwent\b|\bgone\b|\bpeer\b|EOF|reset|broken ?pipe|closed|refused to connect|No such file",
    re.IGNORECASE,
)


@dataclass
class Process:
    """One process of the relay, and what it said."""

    name: str
    command: list[str]
    popen: subprocess.Popen[str] | None = None
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    ended_at: float = 0.0
    ended_here: bool = False
    readers: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.popen = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        for stream, lines in ((self.popen.stdout, self.out), (self.popen.stderr, self.err)):
            reader = threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            reader.start()
            self.readers.append(reader)
        waiter = threading.Thread(target=self._wait, daemon=True)
        waiter.start()
        self.readers.append(waiter)

    def _wait(self) -> None:
        assert self.popen is not None
        self.popen.wait()
        self.ended_at = time.monotonic()

    def is_gone(self) -> bool:
        return self.ended_at > 0

    @property
    def failed(self) -> bool:
        """Whether it ended by itself, and not well."""
        ended = self.popen is not None and self.popen.poll() not in (None, 0)
        return ended and not self.ended_here

    @property
    def said(self) -> str:
        return "".join(self.err).strip()

    def stop(self) -> None:
        """Ends it if it runs still, and reaps it."""
        if self.popen is None:
            self.ended_at = time.monotonic()
            return
        if self.popen.poll() is None:
            self.ended_here = True
            self.popen.terminate()
            try:
                self.popen.wait(2)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()
        for reader in self.readers:
            reader.join(2)

    def stats(self) -> list[dict[str, Any]]:
        found = []
        for line in self.out:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found


@dataclass
class Row:
    """One line of the table."""

    hop: str
    language: str
    tap: Tap
    process: Process
    stats: dict[str, Any] = field(default_factory=dict)


class Relay:
    """The chain, its taps, and what came of it."""

    def __init__(self, args: argparse.Namespace, console: Console, work: Path) -> None:
        self.args = args
        self.console = console
        self.input: Path = args.input
        self.size = self.input.stat().st_size

        names = ["go", "c", "rust"]
        sockets = {name: work / f"{name}.sock" for name in [*names, "sink"]}
        taps = {name: Tap(work / f"{name}.tap") for name in ["source", *names, "sink"]}
        taps["go"].capture = args.capture
        listens = dict(sockets)
        order = ["python", *names]
        behind = dict(zip(order, [*names, "sink"], strict=True))
        for hop, change in self._changes():
            later = behind[hop]
            listens[later] = work / f"{later}-itself.sock"
            Proxy(sockets[later], listens[later], change)

        endpoint = [
            sys.executable,
            str(HERE / "python" / "endpoint.py"),
            *("--connect", str(sockets["go"])),
            *("--listen", str(listens["sink"])),
            *("--tap-out", str(taps["source"].path)),
            *("--tap-in", str(taps["sink"].path)),
            *("--input", str(self.input)),
        ]
        self.python = Process("python", endpoint)
        self.processes = []
        for name in names:
            command = [
                str(getattr(args, name)),
                *("--listen", str(listens[name])),
                *("--connect", str(sockets[behind[name]])),
                *("--tap", str(taps[name].path)),
            ]
            self.processes.append(Process(name, command))
        self.rows = [
            Row("source", "python", taps["source"], self.python),
            *(
                Row(f"hop {number}", process.name, taps[process.name], process)
                for number, process in enumerate(self.processes, 1)
            ),
            Row("sink", "python", taps["sink"], self.python),
        ]
        self.processes.append(self.python)
        self.readers = [TapReader(row.tap, row.process.is_gone) for row in self.rows]

    def _changes(self) -> list[tuple[str, Any]]:
        changes: list[tuple[str, Any]] = []
        if self.args.flip is not None:
            hop, _, offset = self.args.flip.partition(":")
            changes.append((hop, Flip(int(offset))))
        if self.args.two_segments:
            changes.append(("python", TwoSegments()))
        return changes

    def run(self) -> bool:
        """Runs the chain to its end; false where it was given up because nothing happened."""
        try:
            for reader in self.readers:
                reader.start()
            for process in self.processes:
                process.start()
            return self._watch()
        finally:
            # The ends first: the hops notice, and bring their taps to an end by themselves.
            self.python.stop()
            self._settle(2)
            for process in self.processes:
                process.stop()
            for reader in self.readers:
                reader.join(5)
            for row in self.rows:
                for stats in row.process.stats():
                    if stats.get("role", row.hop) == row.hop:
                        row.stats = stats

    def _watch(self) -> bool:
        last, since = -1, time.monotonic()
        with self._progress() as progress:
            task = progress.add_task("relaying", total=self.size) if progress else None
            shown = 0
            while True:
                running = [process for process in self.processes if not process.is_gone()]
                done = self.rows[-1].tap.payload_bytes
                if progress is not None and task is not None:
                    progress.update(task, completed=done)
                elif self.size and done * 10 // self.size > shown:
                    shown = done * 10 // self.size
                    self.console.print(f"relayed {shown * 10} % of {self.size:,} bytes")
                if not running:
                    return True
                if any(process.failed for process in self.processes):
                    # The others notice by themselves, or are ended.
                    self._settle(3)
                    return True
                seen = sum(sum(row.tap.frames.values()) for row in self.rows) - len(running)
                if seen != last:
                    last, since = seen, time.monotonic()
                elif time.monotonic() - since > self.args.quiet:
                    return False
                time.sleep(0.05)

    def _settle(self, seconds: float) -> None:
        """Waits for all to end by themselves."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not all(p.is_gone() for p in self.processes):
            time.sleep(0.02)

    def _progress(self) -> Any:
        if not self.console.is_terminal:
            return _Nothing()
        return Progress(
            TextColumn("[bold]Python → Go → C → Rust → Python"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )

    def table(self) -> Table:
        title = f"{self.input.name}, {self.size:,} bytes"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("hop", "language"):
            table.add_column(name, no_wrap=True)
        for name in ("open", "data", "credit", "close", "payload\nbytes"):
            table.add_column(name, justify="right", no_wrap=True)
        for kind in HASHED:
            table.add_column(f"SHA-256\nof {kind}", no_wrap=True)
        for name in ("most\ncredit", "credit\nwaits", "credit\nwaited", "MB/s"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            stats = row.stats
            seconds = stats.get("seconds") or 0.0
            rate = f"{row.tap.payload_bytes / seconds / 1e6:.1f}" if seconds else "-"
            wait = stats.get("credit_wait_ms")
            frames = stats.get("frames", row.tap.frames)
            table.add_row(
                row.hop,
                {"go": "Go", "c": "C", "rust": "Rust", "python": "Python"}[row.language],
                *(str(frames.get(kind, 0)) for kind in ("open", "data", "credit", "close")),
                f"{row.tap.payload_bytes:,}",
                *(row.tap.digest(kind)[:16] for kind in HASHED),
                str(stats.get("max_outstanding", "-")),
                str(stats.get("credit_waits", "-")),
                "-" if wait is None else f"{wait / 1000:.3f} s",
                rate,
            )
        return table

    def verdict(self, finished: bool) -> tuple[bool, str]:
        """Whether all is well, and the line that says so."""
        fault = self._fault(finished)
        if fault is not None:
            return False, fault
        return True, (
            "all wire digests are equal at every hop, the payload equals the input, "
            f"and credit never went beyond the window of {WINDOW}"
        )

    def _fault(self, finished: bool) -> str | None:
        different = self._first_difference()
        if different is not None:
            row, at = different
            return f"{self._named(row)} differs first: frame {at} is not what the source sent"
        if not finished:
            row = self._first_behind()
            return f"{self._named(row)} stands still: {len(row.tap.forward)} frames came from it"
        failed = self._first_failure()
        if failed is not None:
            says = failed.said or f"exit status {failed.popen.returncode if failed.popen else '?'}"
            return f"{failed.name} failed first: {says}"
        for row in self.rows:
            if row.tap.broken is not None:
                return f"{self._named(row)} wrote a tap that does not decode: {row.tap.broken}"
            if row.tap.digests() != self.rows[0].tap.digests():
                return f"{self._named(row)} differs first: its digests are not the source's"
            if not row.stats:
                return f"{self._named(row)} said nothing of itself"
            if row.tap.payload_bytes != self.size:
                return f"{self._named(row)} passed on {row.tap.payload_bytes} of {self.size} bytes"
            if row.stats.get("payload_equal", True) is not True:
                return f"{self._named(row)} says that the payload differs from the input"
            if int(row.stats["max_outstanding"]) > WINDOW:
                return f"{self._named(row)} saw {row.stats['max_outstanding']} credits outstanding"
        for row in self.rows[1:-1]:
            if row.tap.most_outstanding > WINDOW or row.tap.least_outstanding < 0:
                return f"{self._named(row)} let credit go beyond the window of {WINDOW}"
        return None

    def _named(self, row: Row) -> str:
        return row.language if row.hop.startswith("hop") else f"{row.language} ({row.hop})"

    def _first_difference(self) -> tuple[Row, int] | None:
        """The first hop that sent another frame than the source, and the number of the frame."""
        sent = self.rows[0].tap.forward
        for number, row in enumerate(self.rows[1:], 1):
            for at, (here, there) in enumerate(zip(row.tap.forward, sent, strict=False)):
                if here != there:
                    # A hop that broke off may owe its tap the frame, so the first to be wrong is
                    # the one behind the last that is known to have been right.
                    right = [n for n in range(number) if len(self.rows[n].tap.forward) > at]
                    return self.rows[right[-1] + 1], at
        return None

    def _first_failure(self) -> Process | None:
        """Who failed by itself; a hop whose neighbour went fails too, and says so."""
        failed = [process for process in self.processes if process.failed]
        own = [process for process in failed if process.said and not NEIGHBOUR.search(process.said)]
        return min(own or failed, key=lambda process: process.ended_at, default=None)

    def _first_behind(self) -> Row:
        """Once nothing moves, what a hop took it has sent: the first with fewer holds all up."""
        for before, row in zip(self.rows, self.rows[1:], strict=False):
            if len(row.tap.forward) < len(before.tap.forward):
                return row
        return self.rows[-1]


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def default_input(target: Path) -> Path | None:
    """The largest file of at least 8 MiB that the build itself produced."""
    release = target / "release"
    built = [release / "libixt.so", release / "libixt.a"]
    if (release / "deps").is_dir():
        built += (release / "deps").iterdir()
    sizes = [(path.stat().st_size, path) for path in built if path.is_file()]
    largest = max((found for found in sizes if found[0] >= SMALLEST), default=None)
    return None if largest is None else largest[1]


def arguments() -> argparse.Namespace:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    build = ROOT / "build"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, help="the file to relay (default: the largest built)")
    parser.add_argument("--go", type=Path, default=build / "relay-go", help="the Go hop")
    parser.add_argument("--c", type=Path, default=build / "relay-c", help="the C hop")
    parser.add_argument(
        "--rust", type=Path, default=target / "release" / "relay-rust", help="the Rust hop"
    )
    parser.add_argument(
        "--capture", type=Path, default=build / "relay" / "go.ixt", help="gets all that Go sends"
    )
    parser.add_argument("--flip", metavar="HOP:OFFSET", help=argparse.SUPPRESS)
    parser.add_argument("--two-segments", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--quiet", type=float, default=QUIET_SECONDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.flip is not None and not re.fullmatch(r"(python|go|c|rust):\d+", args.flip):
        parser.error("--flip takes python, go, c or rust, a colon, and an offset")
    args.input = args.input or default_input(target)
    if args.input is None:
        parser.error(f"no file of {SMALLEST:,} bytes below {target}/release; name one by --input")
    if not args.input.is_file():
        parser.error(f"{args.input} is no file")
    for name in ("go", "c", "rust"):
        if not os.access(getattr(args, name), os.X_OK):
            parser.error(f"the {name} hop is not built: {getattr(args, name)}")
    return args


def main() -> int:
    args = arguments()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ixt-relay-") as work:
        relay = Relay(args, console, Path(work))
        finished = relay.run()
    # Never narrower than the table: a wrapped line reads better than a cut digest.
    Console(width=max(console.width, TABLE_WIDTH)).print(relay.table())
    good, says = relay.verdict(finished)
    if good:
        capture = f"capture of hop 1, Go: {_short(args.capture)}"
        console.print(capture, highlight=False, soft_wrap=True)
    console.print(("OK: " if good else "FAILED: ") + says, highlight=False, soft_wrap=True)
    return 0 if good else 1


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
