"""Calls between two Python processes: Ixt against grpcio's asyncio, over a Unix socket, and NATS alone.

    python benches/rpc/python/bench.py [--host path/to/ixt] [--rounds 9]

All echo bytes as they are, grpcio too (no protobuf on either side). The ways take turns in each round,
the first round warms up, and medians are told: one JSON object a line, with nanoseconds a message
there and back, the ratio, and the CPU seconds that a million messages take, of all processes of that
way together. With `--host` the same goes through `ixt host` too. NATS takes part where `NATS_URL` names its
server, alone and with ours on it; `NATS_PID` is the process whose CPU seconds count with both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

NATS, ON_NATS = "nats-py", "on NATS"


@dataclass(frozen=True)
class Case:
    """What is measured."""

    operation: str
    size: int
    #: Messages a round.
    count: int
    #: Calls at once; none: one stream.
    at_once: int = 0
    #: grpcio's share of the messages, so that a round does not take minutes; none: it takes no part.
    grpcio: float = 0
    nats: bool = False

    @property
    def one_way(self) -> bool:
        """Whether messages go there alone, and at their end one message tells how many came."""
        return self.operation == "client stream"

    def messages(self, way: str) -> int:
        """How many a round has by one of the ways; none: it takes no part."""
        if way == "grpcio":
            return int(self.count * self.grpcio)
        return self.count if way not in (NATS, ON_NATS) or self.nats else 0


CASES = [
    Case("unary", 64, 2_000, 1, grpcio=0.5, nats=True),
    Case("unary, 64 at once", 64, 8_000, 64, grpcio=0.25, nats=True),
    Case("bidi stream", 64, 60_000, grpcio=0.05),
    Case("bidi stream", 16 << 10, 8_000, grpcio=0.25),
    # NATS' server gives up a reader for whom more than 64 MiB wait: a round is less.
    Case("client stream", 64, 60_000, nats=True),
    Case("client stream", 16 << 10, 4_000, nats=True),
]
#: Against whom ours is held.
PEERS = ("grpcio", NATS)


class Caller(Protocol):
    """One way to call."""

    async def unary(self, message: bytes) -> bytes:
        """Sends it there and back."""
        ...


class Echoer(Caller, Protocol):
    """One with streams both ways."""

    async def bidi(self, message: bytes, count: int) -> int:
        """Sends it so often on one stream, and gives how often it came back."""
        ...


class Counter(Caller, Protocol):
    """One that is measured one way."""

    async def count(self, message: bytes, count: int) -> int:
        """Sends it so often, and gives how often it arrived, as the other side tells."""
        ...


async def serve_ixt(url: str, through_host: bool) -> None:
    """Echoes by a module that listens at the URL, or that is at a host there."""
    from ixt_sdk.client import CallStream
    from ixt_sdk.module import CallContext, Module
    from ixt_sdk.streaming import InteractionKind

    module = Module("bench")

    @module.unary("unary")
    async def unary(message: bytes, _ctx: CallContext) -> bytes:
        return message

    @module.service("bidi", kind=InteractionKind.BIDI_STREAM)
    async def bidi(stream: CallStream[bytes, bytes], _ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    @module.service("count", kind=InteractionKind.CLIENT_STREAM)
    async def count(stream: CallStream[bytes, bytes], _ctx: CallContext) -> bytes:
        received = 0
        async for _ in stream:
            received += 1
        return b"%d" % received

    if through_host:
        await module.serve(url)
    else:
        await module.listen(url)
        await asyncio.Event().wait()


async def serve_grpc(path: str) -> None:
    """Echoes by grpcio."""
    grpc: Any = import_module("grpc")

    async def unary(message: bytes, _context: object) -> bytes:
        return message

    async def bidi(messages: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    server = grpc.aio.server()
    handlers = {
        "unary": grpc.unary_unary_rpc_method_handler(unary),
        "bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", handlers),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await server.wait_for_termination()


#: Those who answer are one queue group, as modules of one service are.
NATS_GROUP, NATS_UNARY, NATS_COUNT = "bench", "bench.unary", "bench.count"


async def serve_nats(url: str) -> None:
    """Echoes and counts by nats-py."""
    nats: Any = import_module("nats")
    connection = await nats.connect(url)
    received = 0

    async def unary(message: Any) -> None:
        await message.respond(message.data)

    async def count(message: Any) -> None:
        nonlocal received
        # The last one asks, and is none of those that are counted.
        if message.reply:
            await message.respond(b"%d" % received)
            received = 0
        else:
            received += 1

    # What waits here is bounded by a round.
    await connection.subscribe(NATS_UNARY, NATS_GROUP, cb=unary)
    await connection.subscribe(
        NATS_COUNT, NATS_GROUP, cb=count, pending_msgs_limit=-1, pending_bytes_limit=-1
    )
    await asyncio.Event().wait()


class Ixt:
    """The caller with Ixt."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def unary(self, message: bytes) -> bytes:
        answer: bytes = await self.client.unary("unary", message)
        return answer

    async def bidi(self, message: bytes, count: int) -> int:
        async with self.client.bidi_stream("bidi") as stream:

            async def send() -> None:
                for _ in range(count):
                    await stream.send(message)
                stream.close()

            sending = asyncio.create_task(send())
            received = 0
            async for _ in stream:
                received += 1
            await sending
            return received

    async def count(self, message: bytes, count: int) -> int:
        async with self.client.client_stream("count") as stream:
            for _ in range(count):
                await stream.send(message)
            return int(await stream.result())


class Nats:
    """The caller with NATS alone."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def unary(self, message: bytes) -> bytes:
        answer: bytes = (await self.connection.request(NATS_UNARY, message, timeout=10)).data
        return answer

    async def count(self, message: bytes, count: int) -> int:
        for _ in range(count):
            await self.connection.publish(NATS_COUNT, message)
        await self.connection.flush()
        return int((await self.connection.request(NATS_COUNT, b"", timeout=10)).data)


class Grpc:
    """The caller with grpcio."""

    def __init__(self, channel: Any) -> None:
        self._unary = channel.unary_unary("/bench/unary")
        self._bidi = channel.stream_stream("/bench/bidi")

    async def unary(self, message: bytes) -> bytes:
        answer: bytes = await self._unary(message)
        return answer

    async def bidi(self, message: bytes, count: int) -> int:
        call = self._bidi()

        async def send() -> None:
            for _ in range(count):
                await call.write(message)
            await call.done_writing()

        sending = asyncio.create_task(send())
        received = 0
        async for _ in call:
            received += 1
        await sending
        return received


def cpu_seconds(pids: list[int]) -> float:
    """CPU time of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(caller: Caller, case: Case, count: int) -> float:
    """Nanoseconds a message."""
    message = os.urandom(case.size)
    at_once = case.at_once
    begun = time.perf_counter_ns()
    if at_once == 0:
        if case.one_way:
            received = await cast(Counter, caller).count(message, count)
        else:
            received = await cast(Echoer, caller).bidi(message, count)
        if received != count:
            raise RuntimeError(f"{received} of {count} messages came")
    else:

        async def work() -> None:
            for _ in range(count // at_once):
                if await caller.unary(message) != message:
                    raise RuntimeError("another message came back")

        await asyncio.gather(*(work() for _ in range(at_once)))
    return (time.perf_counter_ns() - begun) / count


class Way:
    """One way to call, its processes, and what was measured of it."""

    def __init__(self, caller: Caller, pids: list[int]) -> None:
        self.caller = caller
        self.pids = [os.getpid(), *pids]
        self.times: list[float] = []
        self.cpu = 0.0
        self.messages = 0

    async def round(self, case: Case, count: int) -> None:
        """Measures once."""
        before = cpu_seconds(self.pids)
        self.times.append(await measure(self.caller, case, count))
        self.cpu += cpu_seconds(self.pids) - before
        self.messages += count

    def forget(self) -> None:
        """Begins anew."""
        self.times, self.cpu, self.messages = [], 0.0, 0


async def ways(stack: AsyncExitStack, host: Path | None) -> dict[str, Way]:
    """Starts the servers and connects to them."""
    from ixt_sdk.client import Client

    folder = stack.enter_context(tempfile.TemporaryDirectory())

    async def start(*command: str) -> int:
        process = await asyncio.create_subprocess_exec(*command)

        async def end() -> None:
            process.kill()
            await process.wait()

        stack.push_async_callback(end)
        return process.pid

    async def serve(what: str, at: str) -> int:
        return await start(sys.executable, __file__, "--serve", what, "--at", at)

    async def there(path: str) -> None:
        async with asyncio.timeout(30):
            while not Path(path).exists():
                await asyncio.sleep(0.02)

    async def ixt(url: str, direct: bool) -> Ixt:
        return Ixt(await stack.enter_async_context(Client("caller", url, direct=direct)))

    # Ours differ by their URL, and by whether that is the other side itself or a place where both meet.
    direct, grpc_path, host_path = (f"{folder}/{name}" for name in ("direct", "grpc", "host"))
    pids = [await serve("direct", f"unix://{direct}"), await serve("grpc", grpc_path)]
    await there(direct)
    await there(grpc_path)
    grpc: Any = import_module("grpc")
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{grpc_path}"))
    await channel.channel_ready()
    found = {
        "direct": Way(await ixt(f"unix://{direct}", True), pids[:1]),
        "grpcio": Way(Grpc(channel), pids[1:]),
    }
    if host is not None:
        host_pid = await start(str(host), "host", f"unix://{host_path}")
        await there(host_path)
        module_pid = await serve("module", f"unix://{host_path}")
        hosted = await ixt(f"unix://{host_path}", False)
        found["host"] = Way(hosted, [host_pid, module_pid])
    if url := os.environ.get("NATS_URL"):
        nats: Any = import_module("nats")
        server = [int(pid)] if (pid := os.environ.get("NATS_PID")) else []
        pids = [await serve("nats", url), *server]
        connection = await nats.connect(url)
        stack.push_async_callback(connection.close)
        found[NATS] = Way(Nats(connection), pids)
        pids = [await serve("module", url), *server]
        found[ON_NATS] = Way(await ixt(url, False), pids)
    if len(found) > 2:
        # Until the module is announced, and NATS' server knows who answers.
        await asyncio.sleep(2)
    return found


async def compare(rounds: int, host: Path | None) -> None:
    """Measures every case and prints it."""
    async with AsyncExitStack() as stack:
        all_ways = await ways(stack, host)
        for case in CASES:
            found = {name: way for name, way in all_ways.items() if case.messages(name)}
            for way in found.values():
                way.forget()
            for number in range(rounds + 1):
                for name, way in found.items():
                    await way.round(case, case.messages(name))
                    # The first round warms up.
                    if number == 0:
                        way.forget()
            for peer in PEERS:
                if peer in found:
                    print(json.dumps(line(case, peer, found)), flush=True)


def line(case: Case, peer: str, found: dict[str, Way]) -> dict[str, object]:
    """What was measured of ours and a peer."""

    def ratio(over: Way, under: Way) -> float:
        pairs = zip(over.times, under.times, strict=True)
        return round(statistics.median(a / b for a, b in pairs), 2)

    told: dict[str, object] = {
        "language": "Python",
        "operation": case.operation,
        "size": case.size,
        "peer": peer,
    }
    names = {"direct": "direct", peer: "peer", "host": "host"}
    if peer == NATS:
        # What NATS alone takes is held against ours on NATS, too.
        names[ON_NATS] = "on_nats"
    of = {name: found[way] for way, name in names.items() if way in found}
    for name, way in of.items():
        told[f"{name}_ns"] = round(statistics.median(way.times))
    told["ratio"] = ratio(of["peer"], of["direct"])
    if "host" in of:
        told["host_by_direct"] = ratio(of["host"], of["direct"])
    if "on_nats" in of:
        told["on_nats_by_peer"] = ratio(of["on_nats"], of["peer"])
    told["cpu_s_per_million"] = {
        name: round(way.cpu / way.messages * 1e6, 1) for name, way in of.items()
    }
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ixt against grpcio and NATS")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--host", type=Path, help="the command `ixt`, to go through its host too")
    parser.add_argument(
        "--serve", choices=("direct", "module", "grpc", "nats"), help=argparse.SUPPRESS
    )
    parser.add_argument("--at", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    match arguments.serve:
        case "grpc":
            asyncio.run(serve_grpc(arguments.at))
        case "nats":
            asyncio.run(serve_nats(arguments.at))
        case "direct" | "module":
            asyncio.run(serve_ixt(arguments.at, arguments.serve == "module"))
        case _:
            asyncio.run(compare(arguments.rounds, arguments.host))


if __name__ == "__main__":
    main()
