"""An agent delegates part of its lease to another one; both jobs are of one trace (§10, §11)."""

from __future__ import annotations

from typing import Any

from arcp import PermissionDeniedError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def child(_: Any, ctx: JobContext) -> Any:
    await ctx.log("info", "the child runs")
    return {"trace": ctx.trace_id, "may_read": ctx.lease.get("fs.read", [])}


async def parent(_: Any, ctx: JobContext) -> Any:
    # The child gets less than its parent has: more is refused.
    delegated = await ctx.delegate("child", lease_request={"fs.read": ["/project/a/**"]})
    answer = await delegated
    try:
        await ctx.delegate("stranger")
    except PermissionDeniedError as error:
        refused = error.code
    else:
        refused = ""
    return {"parent_trace": ctx.trace_id, "child": answer, "refused": refused}


async def serve(port: int) -> None:
    runtime = make_runtime("delegate")
    for name, agent in (("parent", parent), ("child", child), ("stranger", child)):
        runtime.register_agent(name, agent)
    await serve_runtime(runtime, port)


async def client(url: str) -> None:
    async with session(url, "delegate") as arcp:
        lease = {"fs.read": ["/project/**"], "agent.delegate": ["child"]}
        job = await arcp.submit(agent="parent", lease_request=lease)
        children = [event.body async for event in job.events() if event.kind == "delegate"]
        result = await job.result()
        print(f"delegated: {children}")
        print(f"result: {result}")
        expect("no delegation was told", children and children[0]["child_job_id"])
        expect("the jobs are not of one trace", result["child"]["trace"] == result["parent_trace"])
        expect("the child has another lease", result["child"]["may_read"] == ["/project/a/**"])
        expect("a stranger was delegated to", result["refused"] == "PERMISSION_DENIED")


if __name__ == "__main__":
    example(port=7878, client=client, serve=serve)
