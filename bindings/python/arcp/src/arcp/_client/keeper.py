"""Goes on with a session when its connection is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from arcp._errors import (
    ARCPError,
    PermissionDeniedError,
    ResumeWindowExpiredError,
    UnauthenticatedError,
)
from arcp._transport.base import Transport

__all__ = ["Dial", "Keeper"]

Dial = Callable[[], Awaitable[Transport]]
"""Makes a new connection to the same runtime."""

_FIRST, _LAST = 0.05, 5.0
"""Seconds between two tries, doubled each time."""
_HOPELESS = (PermissionDeniedError, ResumeWindowExpiredError, UnauthenticatedError)


class Keeper:
    """Connects again until the session goes on, or cannot. Requests wait meanwhile."""

    __slots__ = ("_dial", "_give_up", "_greet", "_there", "_window", "_work")

    def __init__(
        self,
        dial: Dial,
        greet: Callable[[Transport], Awaitable[object]],
        give_up: Callable[[BaseException], None],
        window: Callable[[], float],
    ) -> None:
        self._dial = dial
        self._greet = greet
        self._give_up = give_up
        self._window = window
        self._there = asyncio.Event()
        self._there.set()
        self._work: asyncio.Task[None] | None = None

    def begin(self, why: BaseException) -> bool:
        """The connection is lost. False where nothing is tried any more."""
        if self._work is not None and not self._work.done():
            # A try of its own has failed, and it knows.
            return True
        self._there.clear()
        self._work = asyncio.get_running_loop().create_task(self._again(why))
        return True

    async def there(self) -> None:
        """Waits until there is a connection, or nothing is tried any more."""
        await self._there.wait()

    def stop(self) -> None:
        """Tries no more."""
        if self._work is not None:
            self._work.cancel()
        self._there.set()

    async def _again(self, why: BaseException) -> None:
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._window(), _FIRST
        try:
            while True:
                try:
                    await self._greet(await self._dial())
                    return
                except _HOPELESS as error:
                    self._give_up(error)
                    return
                except (ARCPError, OSError, TimeoutError, ConnectionError) as error:
                    why = error
                except Exception as error:  # whatever a dial of others raises
                    why = error
                if loop.time() + pause > until:
                    self._give_up(why)
                    return
                # Not all clients of a runtime that was gone come back at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LAST)
        finally:
            self._there.set()
