"""A connection is lost in the midst of a job; another one goes on where it ended (§6.3)."""

from __future__ import annotations

import asyncio
from typing import Any

from arcp import SessionResume, WebSocketTransport
from arcp.examples._run import example, expect, make_runtime, new_client
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

STEPS = 10


async def slow(_: Any, ctx: JobContext) -> Any:
    for step in range(STEPS):
        await ctx.log("info", f"step {step}", attributes={"i": step})
        await asyncio.sleep(0.1)
    return {"steps": STEPS}


async def serve(port: int) -> None:
    runtime = make_runtime("resume", resume_window_sec=60)
    await serve_runtime(runtime.register_agent("slow", slow), port)


async def client(url: str) -> None:
    first = new_client("resume")
    transport = await WebSocketTransport.connect(url)
    welcome = await first.connect(transport)
    job = await first.submit(agent="slow")
    steps: list[int] = []
    async for event in job.events():
        steps.append(event.body["attributes"]["i"])
        if len(steps) == 3:
            break
    seen = first.latest_event_seq
    await transport.close()  # No session.close: as if the network had gone.
    print(f"lost after event {seen}: steps {steps}")
    await asyncio.sleep(0.3)

    async with new_client("resume") as second:
        again = await second.resume(
            await WebSocketTransport.connect(url),
            resume=SessionResume(
                session_id=welcome.session_id,
                resume_token=welcome.resume_token,
                last_event_seq=seen,
            ),
        )
        job = second.job(job.job_id)
        steps += [event.body["attributes"]["i"] async for event in job.events()]
        done = await job.done
        print(f"gone on with: steps {steps}, {done.final_status}")
        expect("a step is missing or came twice", steps == list(range(STEPS)))
        expect("the token is the old one", again.resume_token != welcome.resume_token)
        expect("it is another session", again.session_id == welcome.session_id)


if __name__ == "__main__":
    example(port=7880, client=client, serve=serve)
