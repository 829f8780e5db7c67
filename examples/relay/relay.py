#!/usr/bin/env python3
"""Streams a file through modules in four languages and a host, and compares every byte.

    Python (reads the file) -> Go -> C -> Rust -> Python (compares it, answers)

Each arrow is a stream through `ixt host`: each hop provides a service and calls the next one. At the end a table of what
went over each of the four, and a line that says whether all is well. The exit status is 0 only where the payload equals
the file on every leg, every frame is canonical, and credit was kept.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE / "python"))

from ends import CHUNK, READS_AT_ONCE, WINDOW, Ends  # noqa: E402
from ixt_sdk import IxtError  # noqa: E402
from leg import Leg  # noqa: E402
from program import PATIENCE, Program, RelayError  # noqa: E402
from proxy import Change, Flip, Proxy, two_segments  # noqa: E402
from rich.box import SIMPLE_HEAD  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: E402
from rich.table import Table  # noqa: E402

UNDER_WAY = 256
"""Frames of one stream that the host lets be under way (specification 25)."""
SMALLEST = 8 << 20
TABLE_WIDTH = 140

HOPS = ("go", "c", "rust")
LANGUAGES = {"go": "Go", "c": "C", "rust": "Rust", "python": "Python"}


class Relay:
    """The modules, their host, and what came of it."""

    def __init__(self, args: argparse.Namespace, console: Console, work: Path) -> None:
        self.args = args
        self.console = console
        self.work = work
        self.size = args.input.stat().st_size
        self.programs: list[Program] = []
        self.legs: list[Leg] = []
        self.ends = Ends(args.input, self.legs, self._stand_still)

    async def run(self) -> str | None:
        """Runs it to its end, and gives what was wrong with it."""
        fault = await self._run()
        for program in self.programs:
            # A program may leave a signal to the system.
            if program.name in HOPS and program.running.returncode not in (0, -signal.SIGTERM):
                fault = fault or f"{program.name} failed: {program.why()}"
        return fault

    async def _run(self) -> str | None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._stop)
            chain = ["python", *HOPS, "python"]
            for caller, provider in pairwise(chain):
                service = "relay.sink" if provider == "python" else f"relay.{provider}"
                file = stack.enter_context(self.args.input.open("rb"))
                self.legs.append(Leg(caller, provider, service, file, WINDOW))
            try:
                await self._start(stack)
                client = await stack.enter_async_context(
                    self.ends.module.running(await self._url(stack, "python"), grace=0)
                )
                await self._announced()
                async with asyncio.timeout(self.args.quiet) as quiet:
                    watch = asyncio.create_task(self._watch(quiet))
                    try:
                        await self.ends.source(client)
                        for leg in self.legs:
                            await leg.ended.wait()
                    finally:
                        watch.cancel()
            except TimeoutError:
                behind = min(self.legs, key=lambda leg: leg.payload_bytes)
                return self._fault() or f"{behind} stands still: {behind.payload_bytes:,} bytes"
            except (IxtError, RelayError, OSError) as error:
                # The taps may owe what went before it.
                await asyncio.sleep(0.3)
                return self._fault() or self._lost() or str(error)
            return self._fault() or self._unkept()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        """Starts the host, the taps and the hops."""
        host = await self._spawn("host", self.args.ixt, "host", "--grace", "0", self.url)
        await host.says("listening")
        capture = stack.enter_context(self.args.capture.open("wb"))
        for leg in self.legs:
            target = f"service:{leg.service}"
            tap = await self._spawn(
                "tap", self.args.ixt, "tap", "--host", self.url, "--target", target, "-"
            )
            await tap.says("copying")
            copy = capture if leg.service == "relay.c" else None
            reads = asyncio.create_task(self._tapped(leg, tap, copy))
            stack.callback(reads.cancel)
        for name in HOPS:
            await self._spawn(name, getattr(self.args, name), await self._url(stack, name))

    @property
    def url(self) -> str:
        return f"unix://{self.work}/host.sock"

    async def _url(self, stack: contextlib.AsyncExitStack, name: str) -> str:
        """Where a module finds the host: behind a proxy, where what it sends is to be changed."""
        change: Change | None = None
        if self.args.flip and self.args.flip[0] == name:
            change = Flip(self.args.flip[1])
        elif self.args.two_segments and name == "python":
            change = two_segments
        if change is None:
            return self.url
        proxy = Proxy(self.work / f"{name}.sock", self.work / "host.sock", change)
        stack.callback((await proxy.start()).close)
        return f"unix://{self.work}/{name}.sock"

    async def _spawn(self, name: str, *command: str | Path) -> Program:
        stdout = PIPE if name == "tap" else DEVNULL
        running = await asyncio.create_subprocess_exec(*command, stdout=stdout, stderr=PIPE)
        self.programs.append(Program(name, running))
        return self.programs[-1]

    async def _tapped(self, leg: Leg, tap: Program, copy: BinaryIO | None) -> None:
        assert tap.running.stdout
        while data := await tap.running.stdout.read(1 << 18):
            leg.take(data)
            if copy is not None:
                copy.write(data)
        leg.over()

    async def _ixt(self, *command: str) -> str:
        running = await asyncio.create_subprocess_exec(
            self.args.ixt, "--color", "never", *command, "--host", self.url, stdout=PIPE
        )
        return (await running.communicate())[0].decode()

    async def _announced(self) -> None:
        """Waits until all services are there, and tells of a hop that ends before."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for program in self.programs:
                    if program.running.returncode is not None:
                        await program.stop()
                        raise RelayError(f"{program.name} failed: {program.why()}")
                found = await self._ixt("modules")
                if all(f" {leg.service} " in found for leg in self.legs):
                    return
                await asyncio.sleep(0.05)

    async def _watch(self, quiet: asyncio.Timeout) -> None:
        """Puts the end of the patience off while something happens, and shows how far it is."""
        last = -1
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
        off = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=off) as progress:
            task = progress.add_task("", total=self.size)
            while True:
                progress.update(task, completed=self.legs[-1].payload_bytes)
                seen = self.ends.sent + sum(leg.frames.total() for leg in self.legs)
                if seen != last:
                    last = seen
                    quiet.reschedule(asyncio.get_running_loop().time() + self.args.quiet)
                await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        for program in reversed(self.programs):
            await program.stop()

    # What it shows.

    async def _stand_still(self) -> None:
        """Reads nothing until the source has long had to wait, and shows what the host says of it."""
        seen = -1
        while seen != self.ends.sent:
            seen = self.ends.sent
            await asyncio.sleep(0.4)
        of = -(-self.size // CHUNK)
        self.say(
            f"the sink stops reading after {READS_AT_ONCE} messages: the source stands still after {seen} of {of}"
        )
        for line in (await self._ixt("streams")).splitlines():
            self.say(f"    {line.rstrip()}")
        self.say("the sink reads on")

    def say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    # What came of it.

    def _fault(self) -> str | None:
        for leg in self.legs:
            if leg.broken is not None:
                return f"{leg} carried what does not decode: {leg.broken}"
            if leg.differs is not None:
                return f"{leg} differs first: data frame {leg.differs} is not what the file has"
        return None

    def _lost(self) -> str | None:
        """Who lost the connection to the host, and why."""
        for program in self.programs:
            if program.name in HOPS and program.lines:
                return f"{program.name} failed: {program.why()}"
        why = self.ends.module.health.last_error
        return f"python failed: {why}" if why else None

    def _unkept(self) -> str | None:
        for leg in self.legs:
            if leg.payload_bytes != self.size:
                return f"{leg} carried {leg.payload_bytes:,} of {self.size:,} bytes"
            reframed = self.args.two_segments and leg is self.legs[0]
            if leg.canonical != leg.frames.total() and not reframed:
                return f"{leg} carried frames that are not canonical"
            if leg.most_credit > WINDOW or leg.most_waiting > UNDER_WAY:
                return f"{leg} let credit go beyond its window"
        return None

    def table(self) -> Table:
        title = f"{self.args.input.name}, {self.size:,} bytes"
        if self.ends.seconds:
            title += f" in {self.ends.seconds:.2f} s; the source waited for credit "
            title += f"{self.ends.waits} times, {self.ends.waited:.2f} s in all"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("leg", "service"):
            table.add_column(name, no_wrap=True)
        for name in (
            *("open", "data", "credit", "close", "canonical", "payload\nbytes"),
            *("most\ncredit", "most\nwaiting"),
        ):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("SHA-256 of\nthe payload", no_wrap=True)
        for leg in self.legs:
            table.add_row(
                f"{LANGUAGES[leg.caller]} → {LANGUAGES[leg.provider]}",
                leg.service,
                *(str(leg.frames[kind]) for kind in ("open", "data", "credit", "close")),
                str(leg.canonical),
                f"{leg.payload_bytes:,}",
                str(leg.most_credit),
                str(leg.most_waiting),
                leg.sha256[:16],
            )
        return table


def default_input(target: Path) -> Path | None:
    """The largest file of at least 8 MiB that the build itself produced."""
    release = target / "release"
    built: list[Path] = []
    for folder in (release, release / "deps"):
        built += folder.iterdir() if folder.is_dir() else ()
    sizes = [(path.stat().st_size, path) for path in built if path.is_file()]
    largest = max((found for found in sizes if found[0] >= SMALLEST), default=None)
    return None if largest is None else largest[1]


def arguments(words: Iterable[str] | None = None) -> argparse.Namespace:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    release, build = target / "release", ROOT / "build"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, help="the file to relay (default: the largest built)")
    programs = {
        "ixt": (release / "ixt", "the command line"),
        "go": (build / "relay-go", "the Go hop"),
        "c": (build / "relay-c", "the C hop"),
        "rust": (release / "relay-rust", "the Rust hop"),
    }
    for name, (path, what) in programs.items():
        parser.add_argument(f"--{name}", type=Path, default=path, help=what)
    parser.add_argument(
        "--capture",
        type=Path,
        default=build / "relay" / "go.ixt",
        help="gets all between Go and C",
    )
    parser.add_argument("--flip", metavar="HOP:OFFSET", help=argparse.SUPPRESS)
    parser.add_argument("--two-segments", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--quiet", type=float, default=PATIENCE, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.flip is not None:
        if not re.fullmatch(r"(python|go|c|rust):\d+", args.flip):
            parser.error("--flip takes python, go, c or rust, a colon, and an offset")
        hop, _, offset = args.flip.partition(":")
        args.flip = (hop, int(offset))
    args.input = args.input or default_input(target)
    if args.input is None:
        parser.error(f"no file of {SMALLEST:,} bytes below {target}/release; name one by --input")
    if not args.input.is_file():
        parser.error(f"{args.input} is no file")
    for name in programs:
        if not os.access(getattr(args, name), os.X_OK):
            parser.error(f"{getattr(args, name)} is not built")
    return args


def main() -> int:
    args = arguments()
    args.capture.parent.mkdir(parents=True, exist_ok=True)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ixt-relay-") as work:
        relay = Relay(args, console, Path(work))
        relay.say("a host, and modules in Python, Go, C and Rust: Python → Go → C → Rust → Python")
        fault = asyncio.run(relay.run())
    # Never narrower than the table: a wrapped line reads better than a cut digest.
    Console(width=max(console.width, TABLE_WIDTH)).print(relay.table())
    if fault is not None:
        relay.say(f"FAILED: {fault}")
        return 1
    capture = args.capture
    if capture.is_relative_to(ROOT):
        capture = capture.relative_to(ROOT)
    relay.say(f"capture of Go → C, for ixt inspect: {capture}")
    frames = "every frame from Go on" if args.two_segments else "every frame"
    relay.say(
        f"OK: the payload equals the file on every leg, {frames} is canonical, "
        f"and credit never went beyond the window of {WINDOW}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
