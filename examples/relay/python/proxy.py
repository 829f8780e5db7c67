"""Stands between a module and the host, and tampers with what the module sends on its relay's stream. For the relay's own
tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from ixt_sdk.invocation import InvocationContext, ServiceTarget
from ixt_sdk.streaming import FrameReader, StreamData, StreamFrame, StreamId, StreamOpen

Change = Callable[[bytes], bytes]


class Flip:
    """Flips the lowest bit of one byte of all the data frames."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._seen = 0

    def __call__(self, message: bytes) -> bytes:
        at = self._offset - self._seen
        self._seen += len(message)
        if not 0 <= at < len(message):
            return message
        return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]


def two_segments(message: bytes) -> bytes:
    """Writes a message anew in two segments, as any Cap'n Proto writer may.

    The first segment is a far pointer, which leads to the root pointer at the front of the second.
    """
    segment = message[8:]
    table = [1, 1, len(segment) // 8, 0]
    far_pointer = (2 | 1 << 32).to_bytes(8, "little")
    return b"".join(number.to_bytes(4, "little") for number in table) + far_pointer + segment


class Proxy:
    """Takes one connection and makes it onwards; data frames that the module sends on streams which it opened to a
    service of the relay are changed."""

    def __init__(self, listen: Path, connect: Path, change: Change) -> None:
        self._listen = listen
        self._connect = connect
        self._change = change
        self._streams: set[StreamId] = set()

    async def start(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._accept, self._listen)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_host, to_host = await asyncio.open_unix_connection(self._connect)
        frames = FrameReader()

        def changed(data: bytes) -> bytes:
            return b"".join(self._changed(message) for message in frames.cut(data))

        await asyncio.gather(
            self._pass(reader, to_host, changed), self._pass(from_host, writer, bytes)
        )

    def _changed(self, message: bytes) -> bytes:
        frame = StreamFrame.from_bytes(message)
        match frame.body:
            case StreamOpen():
                target = InvocationContext.from_bytes(frame.body.context).target
                if isinstance(target, ServiceTarget) and target.name.startswith("relay."):
                    self._streams.add(frame.stream_id)
            case StreamData() if frame.stream_id in self._streams:
                return self._change(message)
            case _:
                pass
        return message

    @staticmethod
    async def _pass(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, change: Change
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 18):
                target.write(change(data))
                await target.drain()
        with contextlib.suppress(OSError):
            target.close()
