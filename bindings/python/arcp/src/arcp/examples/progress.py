"""How far a job is, as its agent says it (§8.2.1)."""

from __future__ import annotations

import asyncio
from typing import Any

from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def report(given: Any, ctx: JobContext) -> Any:
    total = int(given["steps"])
    for step in range(1, total + 1):
        await ctx.progress(step, total=total, units="steps", message=f"step {step} of {total}")
        await asyncio.sleep(0.02)
    return {"steps": total}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("progress").register_agent("report", report), port)


async def client(url: str) -> None:
    async with session(url, "progress", features=("progress",)) as arcp:
        job = await arcp.submit(agent="report", input={"steps": 10})
        seen: list[int] = []
        async for event in job.events():
            current, total = event.body["current"], event.body["total"]
            print(f"[{'#' * current:<{total}}] {event.body['message']}")
            seen.append(current)
        expect("the job has not succeeded", (await job.done).final_status == "success")
        expect("a step is missing", seen == list(range(1, 11)))
    # Who has not agreed on it is told nothing, and the agent need not know.
    async with session(url, "progress", features=()) as arcp:
        job = await arcp.submit(agent="report", input={"steps": 2})
        expect("progress was told unasked", [event async for event in job.events()] == [])
        print("without the feature: nothing")


if __name__ == "__main__":
    example(port=7892, client=client, serve=serve)
