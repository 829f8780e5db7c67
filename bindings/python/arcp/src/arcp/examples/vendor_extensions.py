"""Event kinds and lease namespaces of one's own, beside those of the specification (§15)."""

from __future__ import annotations

from typing import Any

from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

KIND = "x-vendor.acme.progress"


async def vendor(_: Any, ctx: JobContext) -> Any:
    await ctx.status("starting")
    ctx.authorize("x-vendor.acme.metrics", "cpu")
    for step in (1, 2, 3):
        await ctx.emit(KIND, {"i": step, "total": 3})
    await ctx.status("complete")
    return {"vendor": True}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("vendor-extensions").register_agent("vendor", vendor), port)


async def client(url: str) -> None:
    async with session(url, "vendor-extensions") as arcp:
        lease = {"x-vendor.acme.metrics": ["*"]}
        job = await arcp.submit(agent="vendor", lease_request=lease)
        known, own = 0, 0
        async for event in job.events():
            # Who does not know a kind passes over it.
            match event.kind:
                case "status":
                    known += 1
                    print(f"status: {event.body['phase']}")
                case kind if kind == KIND:
                    own += 1
                    print(f"acme: {event.body['i']} of {event.body['total']}")
                case _:
                    pass
        expect("the job has not succeeded", (await job.done).final_status == "success")
        expect("events are missing", (known, own) == (2, 3))


if __name__ == "__main__":
    example(port=7884, client=client, serve=serve)
