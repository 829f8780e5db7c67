"""A byte stream, cut into frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._native import MAX_PAYLOAD, StreamFrame, decode_batch, split
from .errors import RefusedError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class FrameReader:
    """Cuts a byte stream into frames.

    When a frame is refused, the stream cannot be cut any more: the call raises, once the frames
    before it are given, and so does each further one.
    """

    __slots__ = ("_held", "_max_payload", "_needed", "_refused", "_size")

    def __init__(self, *, max_payload: int = MAX_PAYLOAD) -> None:
        self._max_payload = max_payload
        self._held: list[bytes] = []
        self._size = 0
        self._needed = 0
        self._refused: RefusedError | None = None

    def feed(self, data: Buffer) -> list[StreamFrame]:
        """The frames that ``data`` completes."""
        whole = self._whole(data)
        frames: list[StreamFrame] = []
        used = 0
        try:
            frames, used = decode_batch(whole, max_payload=self._max_payload)
            if whole and not frames:
                self._needed, _ = split(whole, max_payload=self._max_payload)
        except RefusedError as refused:
            self._refused = refused
            raise
        self._hold(whole[used:])
        return frames

    def cut(self, data: Buffer) -> list[bytes]:
        """The messages that ``data`` completes, not decoded: who forwards passes on these bytes."""
        whole = self._whole(data)
        messages: list[bytes] = []
        start = 0
        while start < len(whole):
            # The segment table says it all, and it is never longer than this.
            table = whole[start : start + 72]
            try:
                size, _ = split(table, max_payload=self._max_payload)
            except RefusedError as refused:
                if messages:
                    break
                self._refused = refused
                raise
            if size > len(whole) - start:
                self._needed = size
                break
            messages.append(whole[start : start + size])
            start += size
        self._hold(whole[start:])
        return messages

    def _whole(self, data: Buffer) -> bytes:
        """What is held and ``data``, or nothing as long as that is less than a frame."""
        if self._refused is not None:
            raise self._refused
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        self._held.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return b""
        whole = data if len(self._held) == 1 else b"".join(self._held)
        self._held = []
        self._size = 0
        self._needed = 0
        return whole

    def _hold(self, rest: bytes) -> None:
        if rest:
            self._held.append(rest)
            self._size += len(rest)

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return self._size


FrameReader.__module__ = "ixt_sdk.streaming"
