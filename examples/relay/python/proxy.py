"""Stands between two hops and tampers with what goes forward. For the relay's own tests."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ixt_sdk.streaming import FrameReader

Change = Callable[[bytes], bytes]


class Flip:
    """Flips the lowest bit of one byte of the stream."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._seen = 0

    def __call__(self, data: bytes) -> bytes:
        at = self._offset - self._seen
        self._seen += len(data)
        if not 0 <= at < len(data):
            return data
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


class TwoSegments:
    """Writes each message anew in two segments, as any Cap'n Proto writer may.

    The first segment is a far pointer, which leads to the root pointer at the front of the second.
    """

    def __init__(self) -> None:
        self._frames = FrameReader()

    def __call__(self, data: bytes) -> bytes:
        return b"".join(self._split(message) for message in self._frames.cut(data))

    @staticmethod
    def _split(message: bytes) -> bytes:
        segment = message[8:]
        table = [1, 1, len(segment) // 8, 0]
        far_pointer = (2 | 1 << 32).to_bytes(8, "little")
        return b"".join(number.to_bytes(4, "little") for number in table) + far_pointer + segment


class Proxy:
    """Listens where the later hop is expected, and connects to where that one really listens."""

    def __init__(self, listen: Path, connect: Path, change: Change) -> None:
        self._connect = connect
        self._change = change
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(listen))
        self._listener.listen(1)
        self._listener.settimeout(20)
        threading.Thread(target=self._run, name="proxy", daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError), self._listener:
            earlier, _ = self._listener.accept()
            later = self._reach()
            with earlier, later:
                back = threading.Thread(
                    target=self._pass, args=(later, earlier, bytes), name="proxy back", daemon=True
                )
                back.start()
                self._pass(earlier, later, self._change)
                back.join()

    def _reach(self) -> socket.socket:
        later = socket.socket(socket.AF_UNIX)
        for _ in range(500):
            try:
                later.connect(str(self._connect))
            except OSError:
                time.sleep(0.02)
            else:
                break
        return later

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, change: Change) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                target.sendall(change(data))
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
