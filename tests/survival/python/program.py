"""Python's program of the tests of survival; see tests/survival/README.md."""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable

from ixt_sdk import CallContext, CallError, CallStream, Client, InteractionKind, Module
from ixt_sdk.client import Backoff
from ixt_sdk.streaming import Cancelled, Completed, Failed, Outcome
from ixt_sdk.transport import ConnectionSettings

Bytes = CallStream[bytes, bytes]
Handler = Callable[[Bytes], Awaitable[bytes | None]]

PAUSE = 0.01
"""How long a worker waits after a call that did not end well, in seconds."""


def name_of(outcome: Outcome | None) -> str:
    match outcome:
        case Completed():
            return "completed"
        case Failed(code):
            return f"failed:{code}"
        case Cancelled(reason):
            return f"cancelled:{reason}"
        case _:
            return "none"


class Tally:
    """What happened to the calls that this program made, and to those that it answered."""

    def __init__(self) -> None:
        self.round = 0
        self.busy = 0
        self.streams: list[tuple[str, Bytes]] = []
        """That are being answered."""
        self.reset()

    def reset(self) -> None:
        self.calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.wrong: list[str] = []

    def called(self, service: str, error: CallError | None) -> None:
        outcome = "completed"
        if error is not None:
            outcome = f"refused:{error.code}" if error.outcome is None else name_of(error.outcome)
        self.busy -= 1
        self.calls[service][outcome] += 1

    def look(self) -> None:
        """Counts the streams that are over."""
        for service, stream in self.streams:
            if stream.outcome is not None:
                self.answers[service][name_of(stream.outcome)] += 1
        self.streams = [stream for stream in self.streams if stream[1].outcome is None]

    def report(self) -> dict[str, object]:
        self.look()
        return {
            "busy": self.busy,
            "answering": len(self.streams),
            "wrong": self.wrong,
            "calls": self.calls,
            "answers": self.answers,
        }


class Sum:
    """The running sum of messages: how many, and the CRC-32 of all their bytes."""

    def __init__(self) -> None:
        self.count = self.crc = 0

    def add(self, message: bytes) -> None:
        self.count += 1
        self.crc = zlib.crc32(message, self.crc)

    def __str__(self) -> str:
        return f"{self.count}:{self.crc:08x}"


def messages(count: int, size: int) -> Iterable[bytes]:
    """Each its number in eight bytes, little-endian, and zeros."""
    rest = bytes(size - 8)
    return (struct.pack("<Q", index) + rest for index in range(count))


def provide(module: Module, tally: Tally) -> None:
    def service(kind: InteractionKind) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            name = handler.__name__.removesuffix("_")

            @module.service(f"{module.name}.{name}", kind=kind)
            async def answer(stream: Bytes, ctx: CallContext) -> bytes | None:
                tally.streams.append((name, stream))
                if len(tally.streams) > 64:
                    tally.look()
                return await handler(stream)

            return handler

        return register

    @service(InteractionKind.UNARY)
    async def upper(stream: Bytes) -> bytes:
        return (await anext(stream)).upper()

    @service(InteractionKind.SERVER_STREAM)
    async def count(stream: Bytes) -> None:
        for number in range(int(await anext(stream))):
            await stream.send(b"%d" % number)

    @service(InteractionKind.CLIENT_STREAM)
    async def sum_(stream: Bytes) -> bytes:
        count = size = 0
        async for message in stream:
            count += 1
            size += len(message)
        return b"%d:%d" % (count, size)

    @service(InteractionKind.BIDI_STREAM)
    async def echo(stream: Bytes) -> None:
        async for message in stream:
            await stream.send(message)

    @service(InteractionKind.CLIENT_STREAM)
    async def sink(stream: Bytes) -> bytes:
        await asyncio.sleep(int(await anext(stream)) / 1000)
        total = Sum()
        async for message in stream:
            total.add(message)
        return str(total).encode()

    @service(InteractionKind.SERVER_STREAM)
    async def source(stream: Bytes) -> None:
        count, size = map(int, (await anext(stream)).split())
        for message in messages(count, size):
            await stream.send(message)


async def counted(stream: Bytes, until: int) -> bool:
    """Reads the numbers up to one that does not come any more."""
    right, following = True, 0
    async for message in stream:
        right = right and message == b"%d" % following
        following += 1
    return right and following == until


class Traffic:
    """Two workers for each service of a provider, which call it one call after the other."""

    def __init__(self, client: Client, tally: Tally) -> None:
        self.client = client
        self.tally = tally
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self, provider: str, services: Iterable[str]) -> None:
        self.tally.round += 1
        for service in services:
            for worker in range(2):
                task = asyncio.create_task(self._work(provider, service, worker, self.tally.round))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _work(self, provider: str, service: str, turn: int, number: int) -> None:
        tally, call = self.tally, getattr(self, service)
        while tally.round == number:
            tally.busy += 1
            try:
                if not await call(provider, turn):
                    tally.wrong.append(f"{provider}.{service}: turn {turn}: something else")
                tally.called(service, None)
            except CallError as error:
                tally.called(service, error)
                await asyncio.sleep(PAUSE)
            turn += 2

    async def upper(self, provider: str, turn: int) -> bool:
        size = turn * 7919 % 30_000
        return await self.client.unary(f"{provider}.upper", b"a" * size) == b"A" * size

    async def count(self, provider: str, turn: int) -> bool:
        until = 1 + turn * 613 % 3000
        async with self.client.server_stream(f"{provider}.count", b"%d" % until) as stream:
            return await counted(stream, until)

    async def sum(self, provider: str, turn: int) -> bool:
        count = 1 + turn * 37 % 500
        async with self.client.client_stream(f"{provider}.sum") as stream:
            for _ in range(count):
                await stream.send(b"\7" * 100)
            return await stream.result() == b"%d:%d" % (count, count * 100)

    async def echo(self, provider: str, turn: int) -> bool:
        """Sends and reads at once."""
        count = 1 + turn * 101 % 2000

        async def send(stream: Bytes) -> None:
            for number in range(count):
                await stream.send(b"%d" % number)
            stream.close()

        async with self.client.bidi_stream(f"{provider}.echo") as stream:
            # What the reader hears says more than that the sender could not go on.
            right, sent = await asyncio.gather(
                counted(stream, count), send(stream), return_exceptions=True
            )
        for done in (right, sent):
            if isinstance(done, BaseException):
                raise done
        return right is True


async def pour(
    client: Client, provider: str, count: int, size: int, sleep_ms: str
) -> dict[str, str]:
    """Sends into the provider's sink, whose reader is told to sleep first."""
    total = Sum()
    async with client.client_stream(f"{provider}.sink") as stream:
        await stream.send(sleep_ms.encode())
        for message in messages(count, size):
            total.add(message)
            await stream.send(message)
        return {"sent": str(total), "received": (await stream.result()).decode()}


async def draw(client: Client, provider: str, what: str, sleep: float) -> dict[str, str]:
    """Reads the provider's source, after a sleep."""
    total = Sum()
    async with client.server_stream(f"{provider}.source", what.encode()) as stream:
        await asyncio.sleep(sleep)
        async for message in stream:
            total.add(message)
    return {"received": str(total)}


async def obey(line: str, client: Client, traffic: Traffic, tally: Tally) -> None:
    """Does what a line of standard input says."""
    said: object = None
    match line.split():
        case ["traffic", provider, services]:
            traffic.begin(provider, services.split(","))
        case ["stop"]:
            tally.round += 1
        case ["reset"]:
            tally.look()
            tally.reset()
        case ["report"]:
            said = tally.report()
        case ["pour", provider, count, size, sleep_ms]:
            said = await pour(client, provider, int(count), int(size), sleep_ms)
        case ["draw", provider, count, size, sleep_ms]:
            said = await draw(client, provider, f"{count} {size}", int(sleep_ms) / 1000)
        case _:
            raise SystemExit(f"what is `{line}`?")
    if said is not None:
        print(json.dumps(said), flush=True)


async def main(url: str, name: str, window: str, idle_ms: str, roots: str) -> None:
    tally = Tally()
    idle = int(idle_ms)
    settings = ConnectionSettings(window=int(window), idle_ms=idle, keepalive_ms=idle // 4)
    trusted = None if roots == "-" else ssl.create_default_context(cafile=roots)
    module = Module(name, settings=settings, backoff=Backoff(first=0.1), ssl=trusted)
    provide(module, tally)
    serving = asyncio.create_task(module.serve(url))
    await module.client.ready()
    print("ready", flush=True)
    traffic = Traffic(module.client, tally)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        await obey(line.decode().strip(), module.client, traffic, tally)
    serving.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:6]))
