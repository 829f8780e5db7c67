"""A block that ends with its stream."""

from __future__ import annotations

import asyncio

from ._endpoint import call_soon


class Interruption:
    """Cancels the task of a block when its stream ends, as ``asyncio.timeout`` does at its time."""

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task
        self.loop = task.get_loop()
        self.before = task.cancelling()
        self.inside = True
        self.done = False

    def interrupt(self) -> None:
        call_soon(self.loop, self._cancel)

    def _cancel(self) -> None:
        if self.inside and not self.done:
            self.done = True
            self.task.cancel()

    def leave(self) -> bool:
        """Ends the block; whether it was this that cancelled the task, and nobody else."""
        self.inside = False
        return self.done and self.task.uncancel() <= self.before
