"""Calls between two Python processes over a Unix socket: Ixt against grpcio's asyncio.

    python benches/rpc/python/bench.py [--rounds 5] [--json out.json]

Both sides echo bytes as they are, grpcio too (without protobuf). Each case runs in turn with Ixt
and with gRPC, `--rounds` times; the best of each counts, for that was disturbed least. The CPU
seconds are those of both processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

#: Name, messages, size of each, calls at once (unary) or 0 (one bidi stream).
CASES = [
    ("unary round trip", 3_000, 64, 1),
    ("unary, 64 at once", 10_000, 64, 64),
    ("bidi stream, 64 B", 100_000, 64, 0),
    ("bidi stream, 16 KiB", 20_000, 16 << 10, 0),
]
#: What gRPC is given of them, so that a round does not take minutes.
SHARE = {"ixt": 1.0, "grpc": 0.25}

Unary = Callable[[bytes], Awaitable[bytes]]


async def serve_ixt(path: str) -> None:
    """Echoes by a module that listens."""
    from ixt_sdk.client import CallStream
    from ixt_sdk.module import CallContext, Module
    from ixt_sdk.streaming import InteractionKind

    module = Module("bench")

    @module.unary("unary")
    async def unary(message: bytes, ctx: CallContext) -> bytes:
        return message

    @module.service("bidi", kind=InteractionKind.BIDI_STREAM)
    async def bidi(stream: CallStream[bytes, bytes], ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    await module.listen(f"unix://{path}")
    await asyncio.Event().wait()


async def serve_grpc(path: str) -> None:
    """Echoes by grpcio."""
    import grpc

    async def unary(message: bytes, context: object) -> bytes:
        return message

    async def bidi(messages: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
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


@asynccontextmanager
async def caller(name: str, path: str) -> AsyncGenerator[Ixt | Grpc, None]:
    """Connects."""
    if name == "ixt":
        from ixt_sdk.client import Client

        async with Client("caller", f"unix://{path}", direct=True) as client:
            yield Ixt(client)
    else:
        import grpc

        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            await channel.channel_ready()
            yield Grpc(channel)


async def measure(call: Ixt | Grpc, size: int, count: int, at_once: int) -> float:
    """Seconds that so many messages take, there and back."""
    message = os.urandom(size)
    begun = time.perf_counter()
    if at_once == 0:
        received = await call.bidi(message, count)
        if received != count:
            raise RuntimeError(f"{received} of {count} messages came back")
    else:

        async def work() -> None:
            for _ in range(count // at_once):
                if await call.unary(message) != message:
                    raise RuntimeError("another message came back")

        if at_once == 1:
            await work()
        else:
            await asyncio.gather(*(work() for _ in range(at_once)))
    return time.perf_counter() - begun


def cpu_seconds(*pids: int) -> float:
    """CPU time of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def one(name: str, case: tuple[str, int, int, int], folder: str) -> dict[str, float]:
    """One case with one of the two, in a fresh server."""
    _, count, size, at_once = case
    count = max(at_once, int(count * SHARE[name]))
    path = f"{folder}/{name}"
    Path(path).unlink(missing_ok=True)
    server = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", name, "--path", path
    )
    try:
        while not Path(path).exists():
            await asyncio.sleep(0.02)
        async with caller(name, path) as call:
            await measure(call, size, max(at_once, count // 20), at_once)
            before = cpu_seconds(os.getpid(), server.pid)
            seconds = await measure(call, size, count, at_once)
            cpu = cpu_seconds(os.getpid(), server.pid) - before
    finally:
        server.kill()
        await server.wait()
    if at_once > 1:
        count -= count % at_once
    return {"us": seconds / count * 1e6, "cpu_s_per_million": cpu / count * 1e6}


async def compare(rounds: int, only: str | None) -> list[dict[str, Any]]:
    """All cases, in turns."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if only is not None and only not in case[0]:
                continue
            found: dict[str, list[dict[str, float]]] = {"ixt": [], "grpc": []}
            for _ in range(rounds):
                for name, runs in found.items():
                    runs.append(await one(name, case, folder))
            best = {name: min(runs, key=lambda run: run["us"]) for name, runs in found.items()}
            ratio = best["grpc"]["us"] / best["ixt"]["us"]
            rows.append({"case": case[0], "size": case[2], "ratio": ratio, **best})
            print(
                f"{case[0]:22} ixt {best['ixt']['us']:8.2f} us  {best['ixt']['cpu_s_per_million']:7.2f} s CPU/M"
                f"   grpcio {best['grpc']['us']:8.2f} us  {best['grpc']['cpu_s_per_million']:7.2f} s CPU/M"
                f"   {ratio:5.1f} x",
                flush=True,
            )
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--json", type=Path, help="writes the rows here too")
    parser.add_argument("--serve", choices=("ixt", "grpc"), help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run({"ixt": serve_ixt, "grpc": serve_grpc}[arguments.serve](arguments.path))
        return
    rows = asyncio.run(compare(arguments.rounds, arguments.only))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
