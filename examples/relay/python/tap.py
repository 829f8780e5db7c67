"""Reads what a hop writes to its tap: counts, digests and credit, frame by frame."""

from __future__ import annotations

import hashlib
import os
import select
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ixt_sdk import IxtError
from ixt_sdk.streaming import (
    FrameReader,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamFrame,
    StreamOpen,
)

HASHED = ("open", "data", "close")


class Tap:
    """The frames that one end or hop of the relay wrote, in order.

    A tap holds both directions. The sink answers after the source's close, so what stands before
    the first close (and that close) went forward, but for the credit, which came back.
    """

    def __init__(self, path: Path, capture: Path | None = None) -> None:
        self.path = path
        self.capture = capture
        self.frames: Counter[str] = Counter()
        self.payload_bytes = 0
        self.granted = 0
        self.most_outstanding = 0
        self.least_outstanding = 0
        self.closed = False
        self.broken: str | None = None
        self.forward: list[bytes] = []
        """A digest of each open, data and close that went forward."""
        self._hashes = {kind: hashlib.sha256() for kind in HASHED}
        self._reader = FrameReader()

    def digest(self, kind: str) -> str:
        """SHA-256 of the wire bytes of all frames of this kind that went forward."""
        return self._hashes[kind].hexdigest()

    def digests(self) -> tuple[str, ...]:
        return tuple(self.digest(kind) for kind in HASHED)

    def take(self, data: bytes) -> None:
        """Takes what came; a tap that is no frames any more is told of by `broken`."""
        if self.broken is not None:
            return
        try:
            for message in self._reader.cut(data):
                self._count(message, StreamFrame.from_bytes(message))
        except IxtError as error:
            self.broken = str(error)

    def _count(self, message: bytes, frame: StreamFrame) -> None:
        match frame.body:
            case StreamOpen():
                self._sent("open", message)
            case StreamData():
                self._sent("data", message)
                if not self.closed:
                    self.payload_bytes += len(frame.body.payload)
            case StreamClose():
                self._sent("close", message)
                self.closed = True
            case StreamCredit(frames):
                self.frames["credit"] += 1
                if not self.closed:
                    self.granted += frames
            case other:
                self.frames[type(other).__name__.removeprefix("Stream").lower()] += 1
        if not self.closed:
            outstanding = self.granted - self.frames["data"]
            self.most_outstanding = max(self.most_outstanding, outstanding)
            self.least_outstanding = min(self.least_outstanding, outstanding)

    def _sent(self, kind: str, message: bytes) -> None:
        self.frames[kind] += 1
        if not self.closed:
            self._hashes[kind].update(message)
            self.forward.append(hashlib.blake2b(message, digest_size=16).digest())


class TapReader(threading.Thread):
    """Reads one FIFO until its writer is gone."""

    def __init__(self, tap: Tap, writer_gone: Callable[[], bool]) -> None:
        super().__init__(name=f"tap {tap.path.name}", daemon=True)
        self._tap = tap
        self._writer_gone = writer_gone
        os.mkfifo(tap.path)
        # Not blocking, so that a writer that never comes holds nobody up.
        self._fd = os.open(tap.path, os.O_RDONLY | os.O_NONBLOCK)

    def run(self) -> None:
        capture: BinaryIO | None = None
        if self._tap.capture is not None:
            self._tap.capture.parent.mkdir(parents=True, exist_ok=True)
            capture = self._tap.capture.open("wb")
        try:
            while True:
                gone = self._writer_gone()
                data = self._read()
                if data:
                    self._tap.take(data)
                    if capture is not None:
                        capture.write(data)
                elif gone:
                    return
        finally:
            os.close(self._fd)
            if capture is not None:
                capture.close()

    def _read(self) -> bytes:
        select.select([self._fd], [], [], 0.05)
        try:
            data = os.read(self._fd, 1 << 18)
        except BlockingIOError:
            return b""
        if not data:
            # Nobody has opened it yet, or nobody has it any more: readable at once either way.
            threading.Event().wait(0.01)
        return data
