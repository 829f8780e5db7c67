"""Processes, what they say, and what the operating system knows of them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
#: How long anything may take that is not measured, in seconds.
PATIENCE = 20.0
MIB = 1 << 20


class ExpectationError(Exception):
    """Something did not happen as it must."""


def until(what: Callable[[], T], within: float, why: Callable[[], str]) -> T:
    """Asks again until the answer is neither false nor none."""
    end = time.monotonic() + within
    while not (found := what()):
        if time.monotonic() > end:
            raise ExpectationError(f"not within {within:g} s: {why()}")
        time.sleep(0.01)
    return found


def settled(measure: Callable[[], int]) -> int:
    """A measure that has not changed for half a second."""
    last, since = measure(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.02)
        if (now := measure()) != last:
            last, since = now, time.monotonic()
    return last


class Process:
    """A process whose standard output is read line by line and whose errors go to a file."""

    def __init__(self, name: str, folder: Path, command: list[str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def line(self, patience: float = PATIENCE) -> str:
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            raise ExpectationError(
                f"{self.name} says nothing for {patience:g} s; {self.said()}"
            ) from None
        if line is None:
            raise ExpectationError(f"{self.name} is gone ({self.process.wait()}); {self.said()}")
        return line

    def tell(self, line: str) -> None:
        assert self.process.stdin
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise ExpectationError(f"{self.name} is gone; {self.said()}") from None

    def ask(self, line: str, patience: float = PATIENCE) -> dict[str, Any]:
        self.tell(line)
        answer: dict[str, Any] = json.loads(self.line(patience))
        return answer

    def forget(self) -> None:
        """Has a program forget what it has counted; the report says that it has done so."""
        self.tell("reset")
        self.ask("report")

    def said(self) -> str:
        """The end of what it has said on standard error."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL: it can do nothing about it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.lives:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()

    # What the operating system knows.

    def _status(self, key: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        raise ExpectationError(f"{self.name} has no {key}")

    @property
    def memory(self) -> int:
        """Resident, in bytes."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most that was resident since :meth:`forget_peak`, in bytes."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def descriptors(process: Process) -> int:
    """How many it has open."""
    return process.descriptors


class Started(Process):
    """A process that somebody else has started, and that says nothing on its standard output."""

    def __init__(self, name: str, log: Path, process: subprocess.Popen[Any]) -> None:
        self.name = name
        self.log = log
        self.process = process
        self.lines = queue.SimpleQueue()


class Programs:
    """The commands of what is run, by language, and of `ixt`."""

    def __init__(self, ixt: str, rust: str, go: str, c: str) -> None:
        self.ixt = ixt
        self.commands = {
            "rust": [rust],
            "go": [go],
            "python": [sys.executable, str(HERE / "python/program.py")],
        }
        self.c = c
