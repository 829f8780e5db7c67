"""A process of the relay."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process

PATIENCE = 30.0
"""For how long nothing may happen, in seconds, before the relay is given up."""


class RelayError(Exception):
    """What the relay itself finds wrong."""


class Program:
    """A process, and what it complained of."""

    def __init__(self, name: str, running: Process) -> None:
        self.name = name
        self.running = running
        self.lines: list[str] = []
        self._reads = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.running.stderr
        async for line in self.running.stderr:
            self.lines.append(line.decode(errors="replace").strip())

    async def says(self, word: str) -> str:
        """Waits for a line with this word."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in self.lines:
                    if word in line:
                        return line
                if self._reads.done():
                    raise RelayError(f"{self.name} failed: {self.why()}")
                await asyncio.sleep(0.01)

    def why(self) -> str:
        return self.lines[-1] if self.lines else f"exit status {self.running.returncode}"

    async def stop(self) -> None:
        if self.running.returncode is None:
            self.running.terminate()
            try:
                await asyncio.wait_for(self.running.wait(), 5)
            except TimeoutError:
                self.running.kill()
        await self.running.wait()
        await self._reads
