"""Both ends of the relay: the source, which opens the stream and reads the file, and the sink,
which takes it back from the last hop, compares it with the file, and answers.

    endpoint.py --connect FIRST.sock --listen LAST.sock --tap-out TAP --tap-in TAP --input FILE

The source's tap gets every frame that it sends, the sink's every frame that it receives. At the end
each prints a line of JSON. Anything wrong gives a line on stderr and the exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from ixt_sdk import IxtError, StreamHandle, metadata_keys
from ixt_sdk.invocation import (
    ActorIdentity,
    InvocationContext,
    OperatorSubject,
    ServiceTarget,
    new_correlation_id,
    new_span_id,
)
from ixt_sdk.streaming import (
    Completed,
    FrameReader,
    StreamClose,
    StreamCredit,
    StreamData,
    StreamFrame,
    StreamOpen,
)

CHUNK = 64 << 10
WINDOW = 8
SLOW_FRAMES = 40
SLOW_SECONDS = 0.005
MINUTES_10 = 600_000


class RelayError(Exception):
    """What the relay itself finds wrong."""


class Stats:
    """What the table says of one end."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.frames: Counter[str] = Counter()
        self.payload_bytes = 0
        self.granted = 0
        self.max_outstanding = 0
        self.waits = 0
        self.wait_seconds = 0.0
        self.began = time.perf_counter()

    def count(self, frame: bytes) -> None:
        self.frames[kind_of(StreamFrame.from_bytes(frame))] += 1

    def line(self, **more: object) -> str:
        kinds = ("open", "data", "credit", "close", "error", "cancel")
        said: dict[str, object] = {
            "role": self.role,
            "language": "python",
            "frames": {kind: self.frames[kind] for kind in kinds},
            "payload_bytes": self.payload_bytes,
            "max_outstanding": self.max_outstanding,
            "credit_waits": self.waits,
            "credit_wait_ms": round(self.wait_seconds * 1000, 3),
            "seconds": time.perf_counter() - self.began,
        }
        return json.dumps(said | more)


def kind_of(frame: StreamFrame) -> str:
    match frame.body:
        case StreamOpen():
            return "open"
        case StreamData():
            return "data"
        case StreamCredit():
            return "credit"
        case StreamClose():
            return "close"
        case other:
            return type(other).__name__.removeprefix("Stream").lower()


def context() -> InvocationContext:
    """On whose behalf the file travels."""
    return InvocationContext(
        correlation_id=new_correlation_id(),
        span_id=new_span_id(),
        deadline_ms=time.time_ns() // 1_000_000 + MINUTES_10,
        source_module="relay",
        target=ServiceTarget("relay.sink"),
        actor=ActorIdentity(OperatorSubject("alice"), capabilities=["relay.*"]),
        metadata={metadata_keys.TENANT: "acme", metadata_keys.INGRESS_KIND: "relay"},
    )


def write(tap: BinaryIO, frame: bytes) -> None:
    """At once, so that the tap owes nothing when the relay is broken off."""
    tap.write(frame)
    tap.flush()


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    frames = FrameReader()
    while chunk := await reader.read(1 << 18):
        for message in frames.cut(chunk):
            yield message
    if frames.held:
        raise RelayError("Truncated: the peer went in the middle of a frame")


async def feed(handle: StreamHandle, incoming: AsyncIterator[bytes], tap: BinaryIO | None) -> None:
    """Gives the handle all that comes, until the stream has ended."""
    async for message in incoming:
        if tap is not None:
            write(tap, message)
        handle.feed(message)
        for violation in handle.violations:
            raise RelayError(f"{violation}: the peer broke a rule")
        if handle.outcome is not None:
            return
    if handle.outcome is None:
        raise RelayError("Truncated: the peer went before the end")


async def source(args: argparse.Namespace, digest: dict[str, Any]) -> Stats:
    """Opens the stream, sends the file, and checks the answer."""
    reader, writer = await connect(args.connect)
    stats = Stats("source")

    with args.tap_out.open("wb") as tap, args.input.open("rb") as file:

        def send(frame: bytes) -> None:
            writer.write(frame)
            write(tap, frame)
            stats.count(frame)

        # One message is expected back, so one credit is all that the answer needs.
        handle = StreamHandle.open(send, context=context(), window=1)
        sender = handle.sender

        async def watched() -> AsyncIterator[bytes]:
            async for message in messages(reader):
                body = StreamFrame.from_bytes(message).body
                if isinstance(body, StreamCredit):
                    stats.granted += body.frames
                    outstanding = stats.granted - stats.frames["data"]
                    stats.max_outstanding = max(stats.max_outstanding, outstanding)
                yield message

        async with asyncio.TaskGroup() as tasks:
            fed = tasks.create_task(feed(handle, watched(), None))
            hasher = hashlib.sha256()
            while chunk := file.read(CHUNK):
                hasher.update(chunk)
                began = None if sender.credit or not stats.granted else time.perf_counter()
                await sender.send_data(chunk)
                if began is not None:
                    stats.waits += 1
                    stats.wait_seconds += time.perf_counter() - began
                stats.payload_bytes += len(chunk)
            sender.close()
            digest.update(bytes=stats.payload_bytes, sha256=hasher.hexdigest())
            # Read once all is over, the answer makes no further credit.
            await fed
            answers = [answer async for answer in handle]
        await close(writer)

    digest["answer"] = [json.loads(answer) for answer in answers]
    ended_well(handle)
    return stats


async def sink(args: argparse.Namespace, peer: Peer, digest: dict[str, Any]) -> Stats:
    """Accepts the stream, compares what comes with the file, and answers."""
    reader, writer = await peer.connected
    stats = Stats("sink")
    incoming = messages(reader)

    with args.tap_in.open("wb") as tap, args.input.open("rb") as file:

        def send(frame: bytes) -> None:
            writer.write(frame)
            stats.count(frame)

        first = await anext(incoming, None)
        if first is None:
            raise RelayError("Truncated: the last hop went before the open")
        write(tap, first)
        handle = StreamHandle.from_open(first, send, window=WINDOW)
        stats.began = time.perf_counter()
        stats.max_outstanding = handle.state.outstanding

        async with asyncio.TaskGroup() as tasks:
            fed = tasks.create_task(feed(handle, incoming, tap))
            hasher = hashlib.sha256()
            equal = True
            received = 0
            async for payload in handle:
                stats.max_outstanding = max(stats.max_outstanding, handle.state.outstanding)
                # A difference is told at the end, so that every hop has its say before.
                equal = equal and payload == file.read(len(payload))
                hasher.update(payload)
                stats.payload_bytes += len(payload)
                received += 1
                if received <= SLOW_FRAMES:
                    await asyncio.sleep(SLOW_SECONDS)
            equal = equal and not file.read(1)
            answer = {"bytes": stats.payload_bytes, "sha256": hasher.hexdigest()}
            await handle.sender.send_data(json.dumps(answer).encode())
            handle.sender.close()
            await fed
        await close(writer)

    digest["equal"] = equal
    ended_well(handle)
    return stats


def ended_well(handle: StreamHandle) -> None:
    match handle.outcome:
        case Completed() as outcome if outcome.is_success:
            return
        case outcome:
            raise RelayError(f"StreamEnded: the stream ended as {outcome}")


class Peer:
    """Accepts one connection."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            loop.create_future()
        )

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connected.done():
            writer.close()
        else:
            self.connected.set_result((reader, writer))


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects, and tries again for ten seconds: the hops start in any order."""
    for _ in range(500):
        try:
            return await asyncio.open_unix_connection(path)
        except OSError:
            await asyncio.sleep(0.02)
    return await asyncio.open_unix_connection(path)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    # The hop has all that it needs, and may have gone already.
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def relay(args: argparse.Namespace) -> None:
    peer = Peer()
    args.listen.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(peer.accept, args.listen)
    sent: dict[str, Any] = {}
    received: dict[str, Any] = {}
    async with server, asyncio.TaskGroup() as tasks:
        source_task = tasks.create_task(source(args, sent))
        sink_task = tasks.create_task(sink(args, peer, received))

    answer = {"bytes": sent["bytes"], "sha256": sent["sha256"]}
    answered = sent["answer"] == [answer]
    equal = received["equal"] and answered
    print(source_task.result().line(payload_equal=equal, sha256=sent["sha256"]))
    print(sink_task.result().line(payload_equal=equal, sha256=sent["sha256"]))
    if not equal:
        raise RelayError("SequenceViolation: what came back differs from the file")


def first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--connect", type=Path, required=True, help="where the first hop listens")
    parser.add_argument("--listen", type=Path, required=True, help="where the last hop connects")
    parser.add_argument("--tap-out", type=Path, required=True, help="gets what the source sends")
    parser.add_argument("--tap-in", type=Path, required=True, help="gets what the sink receives")
    parser.add_argument("--input", type=Path, required=True, help="the file to relay")
    try:
        asyncio.run(relay(parser.parse_args()))
    except BaseExceptionGroup as errors:
        return failed(first_cause(errors))
    except (IxtError, RelayError, OSError) as error:
        return failed(error)
    return 0


def failed(error: BaseException) -> int:
    named = isinstance(error, RelayError | IxtError)
    says = str(error) if named else f"{type(error).__name__}: {error}"
    print(f"relay-python: {says}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
