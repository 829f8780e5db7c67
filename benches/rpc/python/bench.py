"""Calls between two Python processes over a Unix socket: Ixt against grpcio's asyncio.

    python benches/rpc/python/bench.py [--host path/to/ixt] [--rounds 9]

All echo bytes as they are, grpcio too (no protobuf on either side). The ways take turns in each round,
the first round warms up, and medians are told: one JSON object a line, with nanoseconds a message
there and back, the ratio, and the CPU seconds that a million messages take, of all processes of that
way together. With `--host` the same goes through `ixt host` too.
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
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

#: Operation, size, messages a round, calls at once (0: one bidi stream), and grpcio's share of the
#: messages, so that a round does not take minutes.
CASES = [
    ("unary", 64, 2_000, 1, 0.5),
    ("unary, 64 at once", 64, 8_000, 64, 0.25),
    ("bidi stream", 64, 60_000, 0, 0.05),
    ("bidi stream", 16 << 10, 8_000, 0, 0.25),
]


class Caller(Protocol):
    """One way to call."""

    async def unary(self, message: bytes) -> bytes:
        """Sends it there and back."""
        ...

    async def bidi(self, message: bytes, count: int) -> int:
        """Sends it so often on one stream, and gives how often it came back."""
        ...


async def serve_ixt(path: str, through_host: bool) -> None:
    """Echoes by a module that listens, or that is at a host."""
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

    if through_host:
        await module.serve(f"unix://{path}")
    else:
        await module.listen(f"unix://{path}")
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


async def measure(caller: Caller, size: int, count: int, at_once: int) -> float:
    """Nanoseconds a message."""
    message = os.urandom(size)
    begun = time.perf_counter_ns()
    if at_once == 0:
        received = await caller.bidi(message, count)
        if received != count:
            raise RuntimeError(f"{received} of {count} messages came back")
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

    async def round(self, size: int, count: int, at_once: int) -> None:
        """Measures once."""
        before = cpu_seconds(self.pids)
        self.times.append(await measure(self.caller, size, count, at_once))
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

    async def serve(what: str, path: str) -> int:
        return await start(sys.executable, __file__, "--serve", what, "--path", path)

    async def there(path: str) -> None:
        async with asyncio.timeout(30):
            while not Path(path).exists():
                await asyncio.sleep(0.02)

    direct, grpc_path, host_path = (f"{folder}/{name}" for name in ("direct", "grpc", "host"))
    pids = [await serve("direct", direct), await serve("grpc", grpc_path)]
    await there(direct)
    await there(grpc_path)
    client = await stack.enter_async_context(Client("caller", f"unix://{direct}", direct=True))
    grpc: Any = import_module("grpc")
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{grpc_path}"))
    await channel.channel_ready()
    found = {"direct": Way(Ixt(client), pids[:1]), "peer": Way(Grpc(channel), pids[1:])}
    if host is not None:
        host_pid = await start(str(host), "host", f"unix://{host_path}")
        await there(host_path)
        module_pid = await serve("module", host_path)
        hosted = await stack.enter_async_context(Client("caller", f"unix://{host_path}"))
        found["host"] = Way(Ixt(hosted), [host_pid, module_pid])
        # Until the module is announced.
        await asyncio.sleep(2)
    return found


async def compare(rounds: int, host: Path | None) -> None:
    """Measures every case and prints it."""
    async with AsyncExitStack() as stack:
        found = await ways(stack, host)
        for operation, size, count, at_once, share in CASES:
            for number in range(rounds + 1):
                for name, way in found.items():
                    mine = int(count * share) if name == "peer" else count
                    await way.round(size, mine, at_once)
                    if number == 0:
                        way.forget()
            line: dict[str, object] = {
                "language": "Python",
                "operation": operation,
                "size": size,
                "peer": "grpcio",
            }
            for name, way in found.items():
                line[f"{name}_ns"] = round(statistics.median(way.times))

            def ratio(over: Way, under: Way) -> float:
                pairs = zip(over.times, under.times, strict=True)
                return round(statistics.median(a / b for a, b in pairs), 2)

            line["ratio"] = ratio(found["peer"], found["direct"])
            if "host" in found:
                line["host_by_direct"] = ratio(found["host"], found["direct"])
            line["cpu_s_per_million"] = {
                name: round(way.cpu / way.messages * 1e6, 1) for name, way in found.items()
            }
            print(json.dumps(line), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ixt against grpcio, over a Unix socket")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--host", type=Path, help="the command `ixt`, to go through its host too")
    parser.add_argument("--serve", choices=("direct", "module", "grpc"), help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    match arguments.serve:
        case "grpc":
            asyncio.run(serve_grpc(arguments.path))
        case "direct" | "module":
            asyncio.run(serve_ixt(arguments.path, arguments.serve == "module"))
        case _:
            asyncio.run(compare(arguments.rounds, arguments.host))


if __name__ == "__main__":
    main()
