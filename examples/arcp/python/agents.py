"""The runtime of the demo: two agents, jobs that outlive the process.

    agents.py PORT FILE

`atlas` draws a map and streams it, under a lease and a budget; `lamp` burns until it is cancelled. A job of
`atlas` is started again where the runtime ended under it, and one of `lamp` is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from typing import Any

from arcp.runtime import ARCPRuntime, JobContext, SqliteStore, StaticBearerVerifier

import arcp

TOKEN = "demo"
SHEET = 64 << 10


def sheets(seed: int, count: int) -> Iterator[bytes]:
    """The map, sheet by sheet: the same for the same seed."""
    for number in range(count):
        digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
        yield digest * (SHEET // len(digest))


async def atlas(given: dict[str, Any], ctx: JobContext) -> None:
    """Streams `sheets` sheets: each is read under the lease, and costs."""
    async with ctx.stream_result() as result:
        for number, sheet in enumerate(sheets(given["seed"], given["sheets"])):
            ctx.authorize("fs.read", f"/maps/{number}.png")
            await ctx.metric({"name": "cost.ink", "value": 0.005, "unit": "USD"})
            await result.write(sheet)
            await ctx.progress(number + 1, total=given["sheets"], units="sheets")
            await asyncio.sleep(given.get("pause", 0))


async def lamp(_: Any, ctx: JobContext) -> None:
    """Burns, and says so."""
    hours = 0
    try:
        while True:
            await ctx.status("burning", f"hour {hours}")
            hours += 1
            await asyncio.sleep(0.05)
    finally:
        print(f"    (the lamp went out in hour {hours})", flush=True)


async def main(port: int, file: str) -> None:
    runtime = ARCPRuntime(
        runtime=arcp.RuntimeInfo(name="demo", version="1.0.0"),
        bearer=StaticBearerVerifier({TOKEN: "surveyor"}),
        store=SqliteStore(file, durability="normal"),
    )
    runtime.register_agent_version("atlas", "1.0.0", atlas, restartable=True)
    runtime.register_agent_version("lamp", "1.0.0", lamp)
    async with (
        runtime,
        await arcp.serve_websocket(runtime.accept, host="127.0.0.1", port=port) as server,
    ):
        print(f"ready on {server.port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
