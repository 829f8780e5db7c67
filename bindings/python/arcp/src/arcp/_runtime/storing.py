"""A store, and the thread that waits for its disk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from ixt_sdk.arcp import ArcpStore

__all__ = ["SqliteStore", "Storing"]


class SqliteStore:
    """Where a runtime keeps jobs, sessions and keys, so that they survive its process: a file of
    SQLite.

    A runtime that is made with the same file goes on with them. One runtime at a time has it.

    Args:
        path: The file, which is made where there is none.
        durability: With ``full`` nothing that a client was told is lost when the power fails; with
            ``normal`` the last of it may be, and nothing is when the process is killed.
    """

    __slots__ = ("durability", "path")

    def __init__(self, path: str | Path, *, durability: str = "full") -> None:
        if durability not in ("full", "normal"):
            raise ValueError("durability: neither 'full' nor 'normal'")
        self.path = Path(path)
        self.durability = durability

    def _open(self) -> ArcpStore:
        return ArcpStore.sqlite(self.path, "full" if self.durability == "full" else "normal")


class Storing:
    """Runs a store in a thread of its own, and tells the loop when something is done."""

    def __init__(self, store: ArcpStore) -> None:
        self.store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Callable[[], None] | None = None
        self._is_told = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> None:
        """Begins to work; ``told`` is called in the loop."""
        self._loop, self._told = loop, told
        self._thread = threading.Thread(target=self._run, name="arcp-store", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Waits until all that was given is kept."""
        self.store.close()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        assert self._loop is not None
        while self.store.run():
            if not self._is_told.is_set():
                self._is_told.set()
                # The loop may be over before its runtime is.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_told.clear()
        assert self._told is not None
        self._told()
