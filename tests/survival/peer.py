"""A peer that writes what it likes: the handshake is the engine's, and all that follows is made by hand."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import capnp  # type: ignore[import-untyped]
from ixt_sdk import InteractionKind, InvocationContext
from ixt_sdk._native import (
    EVENT_ESTABLISHED,
    Connection,
    announce,
    decode_batch,
    from_host,
    invocation,
)
from ixt_sdk.streaming import (
    CloseReason,
    StreamClose,
    StreamData,
    StreamError,
    StreamFrame,
    StreamId,
    StreamOpen,
)
from processes import ExpectationError

#: Seconds for an answer of the host.
PATIENCE = 10.0
UNARY, BIDI = InteractionKind.UNARY, InteractionKind.BIDI_STREAM


class Peer:
    """One connection to a host, by hand."""

    def __init__(self, path: Path, hello: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(PATIENCE)
        self.rest = b""
        self.name = ""
        self.frames: list[StreamFrame] = []
        """That have come and were not asked for."""
        self.own: set[StreamId] = set()
        """The streams that it opened."""
        self.closed = False
        if hello:
            self._hello()

    def _hello(self) -> None:
        now_us = time.time_ns() // 1000
        engine = Connection(now_us, software="hostile")
        data, _, _, _ = engine.turn(now_us)
        self.send(data or b"")
        while not any(
            event[0] == EVENT_ESTABLISHED for event in engine.receive(self._read(), now_us)
        ):
            pass

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def fresh(self) -> StreamId:
        stream = StreamId(os.urandom(16))
        self.own.add(stream)
        return stream

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def write(self, *frames: StreamFrame) -> None:
        self.send(b"".join(frame.to_bytes() for frame in frames))

    def _read(self) -> bytes:
        try:
            read = self.socket.recv(1 << 16)
        except TimeoutError:
            raise ExpectationError("the host does not answer") from None
        except ConnectionResetError:
            read = b""
        self.closed = self.closed or not read
        return read

    def more(self) -> list[StreamFrame]:
        """Reads once; nothing once the host has hung up."""
        self.rest += self._read()
        frames, taken = decode_batch(self.rest)
        self.rest = self.rest[taken:]
        return frames

    def answer(
        self,
        stream: StreamId | None,
        kinds: tuple[type, ...] = (StreamData, StreamClose, StreamError),
    ) -> Any:
        """The next frame of a stream, or of any, that is of one of these kinds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for index, frame in enumerate(self.frames):
                if stream in (None, frame.stream_id) and isinstance(frame.body, kinds):
                    del self.frames[index]
                    return frame.body
            if self.closed:
                break
            self.frames += self.more()
        raise ExpectationError(
            f"no answer on the stream; the connection is {'closed' if self.closed else 'open'}"
        )

    def announce(self, name: str, *services: str) -> Any:
        """Says who it is; what the host says to it."""
        self.name = name
        stream = self.fresh()
        offers = [(service, list[InteractionKind](), "") for service in services]
        self.write(
            StreamFrame(stream, StreamOpen(BIDI, 64, invocation(name, "ixt.host").to_bytes())),
            StreamFrame.data(stream, 0, announce(name, offers, [], b"")),
        )
        answer = self.answer(stream)
        return from_host(answer.payload) if isinstance(answer, StreamData) else answer

    def open(
        self,
        service: str,
        kind: InteractionKind = UNARY,
        *,
        stream: StreamId | None = None,
        credit: int = 64,
        context: InvocationContext | None = None,
    ) -> tuple[StreamId, StreamFrame]:
        """The frame that opens a stream to a service, and its id."""
        stream = stream or self.fresh()
        context = context or invocation(self.name, service)
        return stream, StreamFrame(stream, StreamOpen(kind, credit, context.to_bytes()))

    def opens(self, count: int, context: InvocationContext) -> bytes:
        """So many opens of bidi streams, each with an id of its own, as bytes: quicker than frames."""
        one = StreamId(b"\1" * 16)
        head, tail = (
            self.open("", BIDI, stream=one, context=context)[1].to_bytes().split(bytes(one))
        )
        ids = os.urandom(16 * count)
        return b"".join(head + ids[at : at + 16] + tail for at in range(0, len(ids), 16))

    def call(self, service: str, message: bytes, **options: Any) -> Any:
        """A unary call: the first frame that answers it."""
        stream, frame = self.open(service, **options)
        self.write(frame, StreamFrame.data(stream, 0, message), closing(stream, 1))
        return self.answer(stream)

    def end(self) -> str:
        """Reads until the host hangs up, and gives the reason of its last word; empty where it gave none."""
        reason = ""
        while True:
            for frame in self.frames:
                # Only the host's control stream has messages without our asking: its pings, and this.
                if isinstance(frame.body, StreamData) and frame.stream_id not in self.own:
                    with _schema().ConnectionMessage.from_bytes(frame.body.payload) as message:
                        if message.which() == "goingAway":
                            reason = str(message.goingAway.reason)
            self.frames.clear()
            if self.closed:
                return reason
            self.frames += self.more()


def closing(stream: StreamId, count: int) -> StreamFrame:
    """The close of a direction on which so many messages were sent."""
    return StreamFrame(stream, StreamClose(CloseReason.COMPLETED, count))


def data(stream: StreamId, messages: Iterable[bytes]) -> list[StreamFrame]:
    return [StreamFrame.data(stream, number, message) for number, message in enumerate(messages)]


@cache
def _schema() -> Any:
    with as_file(files("ixt_sdk").joinpath("schemas", "connection.capnp")) as path:
        return capnp.load(str(path))
