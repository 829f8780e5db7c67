"""A job, and what happens in it: most kinds of events (§7.1, §8.2)."""

from __future__ import annotations

from typing import Any

from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def echo(given: Any, ctx: JobContext) -> Any:
    await ctx.status("starting")
    await ctx.log("info", "input is here", attributes={"keys": sorted(given)})
    await ctx.thought("first fetch, then summarise")
    await ctx.tool_call({"call_id": "c1", "tool": "fetch", "args": {"url": "x://page"}})
    await ctx.tool_result({"call_id": "c1", "result": {"bytes": 42}})
    await ctx.metric({"name": "tokens.in", "value": 12, "unit": "tokens"})
    await ctx.artifact_ref({"uri": "x://report", "content_type": "text/plain", "byte_size": 7})
    await ctx.status("complete")
    return {"summary": "ok"}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("submit-and-stream").register_agent("echo", echo), port)


async def client(url: str) -> None:
    async with session(url, "submit-and-stream") as arcp:
        job = await arcp.submit(agent="echo", input={"hello": "world"})
        kinds: list[str] = []
        async for event in job.events():
            print(f"{event.seq}: {event.kind} {event.body}")
            kinds.append(event.kind)
        done = await job.done
        print(f"{done.final_status}: {done.result}")
        expect("the events are not those of the agent", len(kinds) == 8 and kinds[3] == "tool_call")
        expect("the job has not succeeded", done.final_status == "success")


if __name__ == "__main__":
    example(port=7879, client=client, serve=serve)
