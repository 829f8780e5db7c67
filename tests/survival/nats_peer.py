"""A node of specification 27 by hand, on a client of NATS by hand: it publishes what the server lets it."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ixt_sdk import InteractionKind, InvocationContext
from ixt_sdk._native import EVENT_ESTABLISHED, Connection, decode_batch, invocation
from ixt_sdk.streaming import (
    StreamClose,
    StreamData,
    StreamError,
    StreamFrame,
    StreamId,
    StreamOpen,
)
from peer import PATIENCE, UNARY, closing
from processes import ExpectationError

T = TypeVar("T")

# What a message is.
PIPE, ASK, TELL, RESET, OPEN, BROADCAST, WHO, HERE = range(1, 9)


def token(name: str) -> str:
    """A name in a subject."""
    return re.sub(
        "[^a-z0-9_-]", lambda found: "".join(f"={b:02x}" for b in found[0].encode()), name
    )


def message(
    kind: int,
    instance: int,
    rest: bytes = b"",
    *,
    pipe: int = 0,
    back: int = 0,
    number: int = 0,
    version: int = 1,
    taken: int = 0,
) -> bytes:
    """A message: its header, and what follows."""
    return struct.pack("<BBHIQQQQ", version, kind, taken, 0, instance, pipe, back, number) + rest


@dataclass
class Heard:
    """A message that has come."""

    subject: str
    status: str
    """`503` where the server says that nobody listens."""
    payload: bytes


@dataclass
class Pipe:
    """What runs between this node and another one."""

    inbox: str
    """Where the other node listens."""
    pipe: int
    back: int
    sent: int = 0
    rest: bytes = b""
    frames: list[StreamFrame] = field(default_factory=list)
    """That have come and were not asked for."""
    is_reset: bool = False
    """Whether the other node has said that it is over."""


class NatsPeer:
    """A client, and the node of a module."""

    def __init__(self, port: int, name: str, password: str, *, answers: bool = True) -> None:
        """One that does not answer listens to its inbox, and says no hello."""
        self.name = name
        self.answers = answers
        self.instance = int.from_bytes(os.urandom(8), "little") | 1
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.rest = b""
        self.errors: list[str] = []
        """What the server has refused."""
        self.heard: list[Heard] = []
        """What has come beside the pipes."""
        self.pipes: dict[int, Pipe] = {}
        """By the other node's number of it."""
        self.pongs = 0
        self.subscriptions = 0
        options = {"user": name, "pass": password, "headers": True, "no_responders": True}
        self.tell(f"CONNECT {json.dumps({'verbose': False, 'echo': False, **options})}")
        self.listen(f"ixt.i-{token(name)}.>")
        self.flush()

    def __enter__(self) -> NatsPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # The client.

    def tell(self, line: str) -> None:
        self.socket.sendall(f"{line}\r\n".encode())

    def listen(self, subject: str) -> None:
        self.subscriptions += 1
        self.tell(f"SUB {subject} {self.subscriptions}")

    @staticmethod
    def published(subject: str, payload: bytes, reply: str = "") -> bytes:
        """What publishes a message."""
        return f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n"

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        self.socket.sendall(self.published(subject, payload, reply))

    def flush(self) -> None:
        """Until the server has come so far."""
        wanted = self.pongs + 1
        self.tell("PING")
        self.until(lambda: self.pongs >= wanted, "the server's PONG")

    def read(self, seconds: float = PATIENCE) -> bool:
        """Reads once; false where nothing has come in so long."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            read = self.socket.recv(1 << 18)
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        if not read:
            raise ExpectationError(f"the server of NATS hung up: {self.errors}")
        self.rest += read
        while self._take():
            pass
        return True

    def _take(self) -> bool:
        """The next thing that the server has said, if it is whole."""
        line, found, rest = self.rest.partition(b"\r\n")
        if not found:
            return False
        word, *more = line.decode().split()
        if word in ("MSG", "HMSG"):
            size = int(more[-1])
            if len(rest) < size + 2:
                return False
            body, rest = rest[:size], rest[size + 2 :]
            head = int(more[-2]) if word == "HMSG" else 0
            status = body[:head].split(b"\r\n")[0].decode().partition(" ")[2]
            self._came(Heard(more[0], status, body[head:]))
        elif word == "PING":
            self.tell("PONG")
        elif word == "PONG":
            self.pongs += 1
        elif word == "-ERR":
            self.errors.append(line.decode())
        self.rest = rest
        return True

    def until(self, what: Callable[[], T], why: str, within: float = PATIENCE) -> T:
        """Reads until the answer is neither false nor none."""
        end = time.monotonic() + within
        while not (found := what()):
            if time.monotonic() > end:
                raise ExpectationError(f"not within {within:g} s: {why}; {self.errors[-3:]}")
            self.read(0.05)
        return found

    # The node.

    def inbox(self, module: str, instance: int) -> str:
        return f"ixt.i-{token(module)}.{token(self.name)}.{instance:016x}"

    def to(self, service: str, as_whom: str = "") -> str:
        """The subject of a service."""
        return f"ixt.s-{token(service)}.{token(as_whom or self.name)}"

    def opens(self, service: str, count: int) -> bytes:
        """What publishes so many opens of bidi streams, each with an id of its own: quicker than one by one."""
        one = StreamId(b"\1" * 16)
        _, opened = self.opened(service, said=None, stream=one)
        head, tail = self.published(self.to(service), opened).split(bytes(one))
        ids = os.urandom(16 * count)
        return b"".join(head + ids[at : at + 16] + tail for at in range(0, len(ids), 16))

    def opened(
        self,
        service: str,
        context: InvocationContext | None = None,
        said: bytes | None = b"hello",
        stream: StreamId | None = None,
    ) -> tuple[StreamId, bytes]:
        """A stream to a service, and the message that opens it: a unary call, or without what is said a bidi stream."""
        stream = stream or StreamId(os.urandom(16))
        context = context or invocation(self.name, service)
        kind = InteractionKind.BIDI_STREAM if said is None else UNARY
        frames = StreamFrame(stream, StreamOpen(kind, 64, context.to_bytes())).to_bytes()
        if said is not None:
            frames += StreamFrame.data(stream, 0, said).to_bytes() + closing(stream, 1).to_bytes()
        return stream, message(OPEN, self.instance, frames)

    def call(
        self,
        service: str,
        said: bytes,
        context: InvocationContext | None = None,
        within: float = PATIENCE,
    ) -> Any:
        """A unary call: the first frame that answers it."""
        stream, opened = self.opened(service, context, said)
        self.publish(self.to(service), opened)
        return self.answer(stream, within=within)

    def answer(
        self,
        stream: StreamId | None,
        kinds: tuple[type, ...] = (StreamData, StreamClose, StreamError),
        within: float = PATIENCE,
    ) -> Any:
        """The next frame of a stream, or of any, that is of one of these kinds."""

        def find() -> Any:
            for pipe in self.pipes.values():
                for index, frame in enumerate(pipe.frames):
                    if stream in (None, frame.stream_id) and isinstance(frame.body, kinds):
                        del pipe.frames[index]
                        return frame.body
            return None

        return self.until(find, f"an answer on the stream {stream}", within)

    def _came(self, heard: Heard) -> None:
        if not self.answers:
            return
        if heard.status or len(heard.payload) < 40:
            self.heard.append(heard)
            return
        fields = struct.unpack_from("<BBHIQQQQ", heard.payload)
        _, kind, taken, _, instance, back, mine, _ = fields
        pipe = self.pipes.get(back)
        if kind == PIPE:
            if pipe is None:
                module = heard.subject.split(".")[2]
                self.pipes[back] = pipe = Pipe(
                    f"ixt.i-{module}.{token(self.name)}.{instance:016x}", self.instance ^ back, back
                )
                self.say(pipe, self._hello(heard.payload[40 + 16 * taken :]))
            pipe.rest += heard.payload[40 + 16 * taken :]
            frames, count = decode_batch(pipe.rest)
            pipe.rest = pipe.rest[count:]
            pipe.frames += frames
        elif kind == ASK and pipe is not None:
            self.say(pipe, kind=TELL)
        elif kind == RESET and pipe is not None and mine == pipe.pipe:
            pipe.is_reset = True
            self.heard.append(heard)
        else:
            self.heard.append(heard)

    @staticmethod
    def _hello(theirs: bytes) -> bytes:
        now_us = time.time_ns() // 1000
        engine = Connection(now_us, software="hostile")
        data, _, _, _ = engine.turn(now_us)
        if not any(event[0] == EVENT_ESTABLISHED for event in engine.receive(theirs, now_us)):
            raise ExpectationError("the first message of a pipe is no hello")
        return data or b""

    def say(self, pipe: Pipe, rest: bytes = b"", *, kind: int = PIPE, jump: int = 0) -> None:
        """The next message of a pipe, or the one after so many others that were never sent."""
        if kind == PIPE:
            pipe.sent += 1
        self.publish(pipe.inbox, self.said(pipe, rest, kind=kind, number=pipe.sent + jump))

    def said(self, pipe: Pipe, rest: bytes = b"", *, kind: int = PIPE, number: int = 0) -> bytes:
        number = number or pipe.sent
        return message(kind, self.instance, rest, pipe=pipe.pipe, back=pipe.back, number=number)

    def met(self, service: str) -> Pipe:
        """A pipe to who provides a service, on which a call was answered."""
        answer = self.call(service, b"hello")
        if not isinstance(answer, StreamData) or answer.payload != b"HELLO":
            raise ExpectationError(f"{service} answers {answer!r}")
        return next(reversed(self.pipes.values()))
