"""A frame a line, on pipes (ARCP §4)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from typing import Self

from arcp._errors import TransportClosed
from arcp._transport.base import Frames, OfFrames

__all__ = ["StdioTransport"]

_LONGEST = 16 << 20
"""Bytes of a line. The engines' own limit is below it, and answers politely."""


class StdioTransport(OfFrames):
    """A frame a line over any pair of streams. Nothing else may be written there."""

    __slots__ = ("_has_ended", "_is_closed", "_reader", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._is_closed = False
        self._has_ended = False

    @classmethod
    async def from_process_pipes(cls, proc: Process) -> Self:
        """The standard input and output of a child process, started with both as pipes."""
        if proc.stdin is None or proc.stdout is None:
            raise ValueError("the process has no pipes: start it with stdin=PIPE and stdout=PIPE")
        _widen(proc.stdout)
        return cls(proc.stdout, proc.stdin)

    @classmethod
    async def from_std_streams(cls) -> Self:
        """This process's own standard input and output."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LONGEST)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.streams.FlowControlMixin(), sys.stdout
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def send_frames(self, frames: Frames) -> None:
        """Sends frames as they are."""
        if self.is_closed:
            raise TransportClosed("the transport is closed")
        try:
            self._writer.write(b"\n".join([*frames, b""]))
            await self._writer.drain()
        except (ConnectionError, RuntimeError) as error:
            raise TransportClosed(str(error)) from error

    async def recv_frame(self) -> bytes:
        """Waits for the next line that is not empty, as it came."""
        while True:
            if self.is_closed:
                raise TransportClosed("the transport is closed")
            try:
                line = await self._reader.readline()
            except ValueError as error:
                raise TransportClosed(f"a line is longer than {_LONGEST} bytes") from error
            except ConnectionError as error:
                raise TransportClosed(str(error)) from error
            if not line:
                self._has_ended = True
                raise TransportClosed("the peer has closed")
            if stripped := line.strip():
                return stripped

    async def close(self) -> None:
        """Ends it; once more does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._reader.feed_eof()
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._writer.close()
            # Who is cancelled here must not cancel what the pipe itself waits for.
            await asyncio.shield(self._writer.wait_closed())

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._is_closed or self._has_ended


def _widen(reader: asyncio.StreamReader) -> None:
    """The streams of a process read lines of 64 KiB at most, unless it was started otherwise."""
    limit = getattr(reader, "_limit", 0)
    if limit < _LONGEST:
        vars(reader)["_limit"] = _LONGEST
