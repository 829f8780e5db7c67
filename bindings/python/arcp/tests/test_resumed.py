"""A session that another client goes on with, and a child process that ends."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from arcp import ClientInfo, RuntimeInfo, SessionResume, StdioTransport, pair_memory_transports
from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, JobContext, StaticBearerVerifier

CHILD = """
import asyncio
from arcp import RuntimeInfo, StdioTransport
from arcp.runtime import ARCPRuntime, StaticBearerVerifier

async def main():
    bearer = StaticBearerVerifier({"token": "me"})
    async with ARCPRuntime(runtime=RuntimeInfo(name="test", version="1"), bearer=bearer) as runtime:
        await runtime.accept(await StdioTransport.from_std_streams())

asyncio.run(main())
"""


def client() -> ARCPClient:
    return ARCPClient(client=ClientInfo(name="test", version="1"), token="token")


async def test_another_client_is_told_what_happened_before_it_asks_for_the_job() -> None:
    ended = asyncio.Event()

    async def work(_: Any, ctx: JobContext) -> str:
        for number in range(3):
            await ctx.log("info", str(number))
        ended.set()
        return "done"

    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="test", version="1"), bearer=StaticBearerVerifier({"token": "me"})
    ).register_agent("work", work)
    async with runtime:
        first, (here, there) = client(), pair_memory_transports()
        tasks = [asyncio.create_task(runtime.accept(there))]
        welcome = await first.connect(here)
        job = await first.submit(agent="work")
        await here.close()
        await ended.wait()
        here, there = pair_memory_transports()
        tasks.append(asyncio.create_task(runtime.accept(there)))
        async with client() as second:
            resume = SessionResume(
                session_id=welcome.session_id,
                resume_token=welcome.resume_token,
                last_event_seq=0,
            )
            await second.resume(here, resume=resume)
            # All of it has come, and nobody has asked.
            await asyncio.sleep(0.05)
            again = second.job(job.job_id)
            told = [event["body"]["message"] async for event in again.events()]
            assert told == ["0", "1", "2"]
            assert (await again.done).result == "done"
        await asyncio.wait(tasks)


async def test_the_pipes_of_a_child_end_in_silence() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with client() as one:
        await one.connect(await StdioTransport.from_process_pipes(process))
    assert await asyncio.wait_for(process.wait(), 10) == 0
    await asyncio.sleep(0.05)
    assert told == []
