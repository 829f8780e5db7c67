"""Lists of jobs, by filter and by pages (§6.6)."""

from __future__ import annotations

import asyncio
from typing import Any

from arcp import ListJobsFilter
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def hold(given: Any, _: JobContext) -> Any:
    if given == "ends":
        return given
    return await asyncio.Event().wait()


async def serve(port: int) -> None:
    runtime = make_runtime("list-jobs", features=["list_jobs"])
    await serve_runtime(runtime.register_agent("hold", hold), port)


async def client(url: str) -> None:
    async with session(url, "list-jobs", features=("list_jobs",)) as arcp:
        await (await arcp.submit(agent="hold", input="ends")).done
        running = {(await arcp.submit(agent="hold")).job_id for _ in range(3)}
        seen: list[str] = []
        cursor = None
        while True:
            wanted = ListJobsFilter(status=("running",))
            page = await arcp.list_jobs(filter=wanted, limit=2, cursor=cursor)
            print("page:", [f"{job.job_id} {job.agent} {job.status}" for job in page.jobs])
            seen += [job.job_id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
        expect("a page is longer than asked for, or a job is missing", len(seen) == 3)
        expect("other jobs were listed", set(seen) == running)
        everything = await arcp.list_jobs()
        expect("the one that ended is not listed", len(everything.jobs) == 4)


if __name__ == "__main__":
    example(port=7887, client=client, serve=serve)
