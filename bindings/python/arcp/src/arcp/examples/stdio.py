"""The same protocol over the pipes of a child process, a frame a line (§4).

Here ``--serve`` speaks on its own standard input and output, so there is no port and no ``--url``.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from arcp import StdioTransport
from arcp.examples._run import child, example, expect, make_runtime, new_client
from arcp.runtime import JobContext


async def echo(given: Any, ctx: JobContext) -> Any:
    await ctx.log("info", "on pipes")
    return {"echoed": given}


async def serve(_port: int) -> None:
    # Nothing else may be written to standard output; standard error is free.
    print("speaking on standard input and output", file=sys.stderr)
    async with make_runtime("stdio").register_agent("echo", echo) as runtime:
        await runtime.accept(await StdioTransport.from_std_streams())


async def client(_url: str) -> None:
    async with child("--serve", stdin=asyncio.subprocess.PIPE) as process:
        async with new_client("stdio") as arcp:
            await arcp.connect(await StdioTransport.from_process_pipes(process))
            job = await arcp.submit(agent="echo", input={"hello": "pipes"})
            kinds = [event.kind async for event in job.events()]
            done = await job.done
            print(f"{kinds}, {done.final_status}: {done.result}")
            expect("the event is missing", kinds == ["log"])
            expect("the echo is another", done.result == {"echoed": {"hello": "pipes"}})
        expect("the child did not end with its session", await process.wait() == 0)


if __name__ == "__main__":
    example(port=0, client=client, serve=serve, own_runtime=True)
