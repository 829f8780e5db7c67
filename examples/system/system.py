"""A host, and modules in Python, Go, Rust and C that call each other through it; or a server of NATS and no host.

    system.py --ixt COMMAND --go COMMAND --rust COMMAND --c COMMAND [--nats]

It starts them as processes, calls through all of them with a deadline, a cancel and a refused capability, and prints
what happened. Exit status 0 means that all of it happened as it must. `make demo-system` builds what it needs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ixt_sdk import CallError, Client

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "tests/nats"))

from nats_server import Server  # noqa: E402

PATIENCE = 20.0
ANSWER = "HELLO (C, called by Rust for go), called by Go for python, called by Python for desk"


class Process:
    """A process, and what it has printed."""

    def __init__(self, name: str, folder: Path, *command: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def await_line(self, line: str) -> str:
        """Waits until the process has printed a line that holds this, and gives that line."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for found in self.said().splitlines():
                if line in found:
                    return found
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit(f"{self.name} did not say `{line}`; it said:\n{self.said()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def system(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, dict[str, Process]]]:
    """What they connect to, and the modules, all announced. Nothing but the URL tells them what it is."""
    processes: dict[str, Process] = {}
    server = Server(folder) if arguments.nats else None
    try:
        if server:
            url = server.url
            server.start()
        else:
            url = f"unix://{folder}/host.sock"
            processes["host"] = Process("host", folder, arguments.ixt, "host", "--grace", "1", url)
            processes["host"].await_line("listening")
        processes["c"] = Process("c", folder, arguments.c, url if server else f"{folder}/host.sock")
        processes["rust"] = Process("rust", folder, arguments.rust, url)
        processes["go"] = Process("go", folder, arguments.go, url)
        processes["python"] = Process(
            "python", folder, sys.executable, str(HERE / "python/front.py"), url
        )
        end = time.monotonic() + PATIENCE
        wanted = {"c-example", "rust", "go", "python"}
        while not wanted <= (found := modules(arguments.ixt, url)):
            if time.monotonic() > end:
                raise SystemExit(f"not announced: {sorted(wanted - found)}")
            time.sleep(0.05)
        yield url, processes
    finally:
        for process in reversed(processes.values()):
            process.stop()
        if server:
            server.stop()


def listing(ixt: str, url: str) -> list[str]:
    """What `ixt modules` prints; nothing while nobody answers."""
    command = [ixt, "--color", "never", "modules", "--host", url]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def modules(ixt: str, url: str) -> set[str]:
    return {line.split()[0] for line in listing(ixt, url) if line and not line.startswith(" ")}


async def calls(url: str, processes: dict[str, Process], say: Callable[[str], None]) -> None:
    async def line_of(name: str, line: str) -> str:
        # In a thread: what the client has to send must go on meanwhile.
        return await asyncio.to_thread(processes[name].await_line, line)

    async with Client("desk", url) as client:
        began = time.perf_counter()
        answer = await client.unary("front.shout", b"hello", capabilities=["demo.*"], timeout=5)
        took = (time.perf_counter() - began) * 1000
        say(f"a call through four modules, in {took:.1f} ms:\n    {answer.decode()}")
        if answer.decode() != ANSWER:
            raise SystemExit(f"it should be\n    {ANSWER}")

        try:
            await client.unary("front.shout", b"hello")
            raise SystemExit("a call without its capability was answered")
        except CallError as error:
            say(f"without the capability: {error.code}: {error}")
        if "host" in processes:
            audit = json.loads(await line_of("host", '"permissionDenied"'))
            say(f"    the host's audit: {audit['module']} → {audit['target']}: {audit['reason']}")

        began = time.perf_counter()
        try:
            await client.unary("front.nap", b"", timeout=0.3)
            raise SystemExit("a nap of a minute took less than its deadline")
        except CallError as error:
            took = (time.perf_counter() - began) * 1000
            say(
                f"a call that takes too long: {error.code} after {took:.0f} ms, and every handler was stopped:"
            )
        for name in ("python", "go", "rust"):
            say(f"    {await line_of(name, 'nap for')}")

        async with client.server_stream("front.ticks", b"") as ticks:
            got = [await ticks.receive() for _ in range(5)]
        say(f"a stream that is cancelled after {len(got)} messages, and every handler was stopped:")
        for name in ("python", "go", "rust"):
            say(f"    {await line_of(name, 'ticks for')}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the system demo.")
    for program in ("ixt", "go", "rust", "c"):
        parser.add_argument(f"--{program}", required=True, metavar="COMMAND")
    parser.add_argument("--nats", action="store_true", help="on a server of NATS, without a host")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        system(arguments, Path(folder)) as (url, processes),
    ):
        where = "a server of NATS, no host" if arguments.nats else "a host"
        print(f"{where}, and modules in Python, Go, Rust and C:")
        print("".join(f"    {line}\n" for line in listing(arguments.ixt, url)), end="")
        asyncio.run(calls(url, processes, lambda line: print(line, flush=True)))
    print("all of it as it must be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
