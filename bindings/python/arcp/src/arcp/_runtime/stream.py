"""A result that is written piece by piece (ARCP §8.4)."""

from __future__ import annotations

import base64
from types import TracebackType
from typing import Literal, Protocol, Self

from arcp._errors import InvalidRequestError
from arcp._runtime.running import Running

__all__ = ["ResultStream"]


class _Context(Protocol):
    """What is needed of the job's context."""

    chunk_size_cap: int
    _running: Running


class ResultStream:
    """Writes a streamed result. Closed, it ends the job; with ``async with`` it is closed at the
    end, and where an exception leaves the block the job fails with that instead.

    A result that begins with bytes is bytes throughout, and one that begins with text is text.
    """

    __slots__ = ("_ctx", "_is_closed", "_result_id")

    def __init__(self, ctx: _Context, *, result_id: str) -> None:
        self._ctx = ctx
        self._result_id = result_id
        self._is_closed = False

    @property
    def result_id(self) -> str:
        """As the agent names it here; clients are told the name that the runtime gives it."""
        return self._result_id

    async def write(
        self, data: bytes | str, *, encoding: Literal["utf8", "base64"] | None = None
    ) -> None:
        """A part of the result, of any size: larger ones go in several. A ``str`` with the encoding
        ``base64`` stands for its bytes. Waits while a reader is slow.

        Raises:
            InvalidRequestError: The stream is closed, or text follows on bytes that are none.
            InternalError: The result is larger than it may be, which ends the job.
        """
        if self._is_closed:
            raise InvalidRequestError("the result is closed")
        if isinstance(data, str) and encoding == "base64":
            data = base64.b64decode(data, validate=True)
        running, cap = self._ctx._running, self._ctx.chunk_size_cap
        if isinstance(data, str):
            # A character has four bytes at most.
            for at in range(0, max(len(data), 1), cap // 4):
                await running.chunk(data[at : at + cap // 4], more=True)
            return
        for at in range(0, max(len(data), 1), cap):
            await running.chunk(bytes(data[at : at + cap]), more=True)

    async def close(self, *, summary: str | None = None) -> None:
        """Ends the result, and the job with it; ``summary`` is for people. Once more does
        nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._ctx._running.chunk("", more=False)
        self._ctx._running.finish(None, summary)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self.close()
        self._is_closed = True
