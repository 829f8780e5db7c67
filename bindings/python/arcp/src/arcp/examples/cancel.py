"""A client cancels its job; the agent is stopped where it waits, and may tidy up (§7.4)."""

from __future__ import annotations

import asyncio
from typing import Any

from arcp import CancelledError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

tidied: list[str] = []


async def patient(_: Any, ctx: JobContext) -> Any:
    try:
        for tick in range(60):
            await ctx.log("info", f"tick {tick}")
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        tidied.append(ctx.job_id)
        raise


async def was_tidied(job_id: Any, _: JobContext) -> Any:
    return job_id in tidied


async def serve(port: int) -> None:
    runtime = make_runtime("cancel").register_agent("patient", patient)
    await serve_runtime(runtime.register_agent("was-tidied", was_tidied), port)


async def client(url: str) -> None:
    async with session(url, "cancel") as arcp:
        job = await arcp.submit(agent="patient")
        ticks = 0
        async for event in job.events():
            print(event.body["message"])
            ticks += 1
            if ticks == 3:
                await job.cancel("demo.cancel")
        try:
            await job.done
        except CancelledError as error:
            print(f"{error.code}: {error.message}")
        else:
            expect("the job has succeeded", False)
        check = await arcp.submit(agent="was-tidied", input=job.job_id)
        expect("the agent was not told", (await check.done).result is True)


if __name__ == "__main__":
    example(port=7883, client=client, serve=serve)
