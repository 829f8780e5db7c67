"""What went through the host between two modules, frame by frame, as `ixt tap` tells it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from typing import BinaryIO

from ixt_sdk import IxtError
from ixt_sdk.streaming import (
    FrameReader,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamFrame,
)


class Leg:
    """One stream of the relay. Its caller sends the file, and its provider answers once all of it came."""

    def __init__(
        self, caller: str, provider: str, service: str, file: BinaryIO, window: int
    ) -> None:
        self.caller = caller
        self.provider = provider
        self.service = service
        self.frames: Counter[str] = Counter()
        self.payload_bytes = 0
        self.differs: int | None = None
        """The first data frame that does not hold what the file has there."""
        self.canonical = 0
        """Frames that are what their values encode to."""
        self.most_credit = 0
        """The most that the provider had granted and the host had no frame for."""
        self.most_waiting = 0
        """The most frames that the host had and the provider had granted nothing for."""
        self.broken: str | None = None
        self.ended = asyncio.Event()
        self._moved = asyncio.Event()
        self._credit = window
        self._file = file
        self._sha = hashlib.sha256()
        self._reader = FrameReader()

    def __str__(self) -> str:
        return f"{self.caller} → {self.provider}"

    @property
    def sha256(self) -> str:
        """Of what the caller sent."""
        return self._sha.hexdigest()

    async def has(self, frames: int) -> None:
        """Waits until so many data frames of the file have been seen, or no more will be."""
        while self.frames["data"] < frames and not self.ended.is_set():
            self._moved.clear()
            await self._moved.wait()

    def over(self) -> None:
        """Nothing comes any more."""
        self.ended.set()
        self._moved.set()

    def take(self, data: bytes) -> None:
        """Takes what came; what is no frames is told of by `broken`."""
        try:
            for message in self._reader.cut(data):
                frame = StreamFrame.from_bytes(message)
                self.canonical += frame.to_bytes() == message
                self._count(frame)
        except IxtError as error:
            self.broken = str(error)
            self.over()
        self._moved.set()

    def _count(self, frame: StreamFrame) -> None:
        body = frame.body
        kind = type(body).__name__.removeprefix("Stream").lower()
        forward = not self.frames["close"]
        self.frames[kind] += 1
        if isinstance(body, StreamData) and forward:
            if self.differs is None and body.payload != self._file.read(len(body.payload)):
                self.differs = self.frames[kind] - 1
            self._sha.update(body.payload)
            self.payload_bytes += len(body.payload)
            self._credit -= 1
        elif isinstance(body, StreamCredit) and forward:
            self._credit += body.frames
        self.most_credit = max(self.most_credit, self._credit)
        self.most_waiting = max(self.most_waiting, -self._credit)
        if (isinstance(body, StreamClose) and not forward) or kind in ("error", "cancel"):
            self.over()
