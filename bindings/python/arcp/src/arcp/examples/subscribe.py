"""A second client follows the job of a first one, and may not cancel it (§7.6)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from arcp import JobNotFoundError
from arcp.examples._run import TOKEN, example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import AuthorizationContext, JobContext, StaticBearerVerifier

TOKEN_B = os.environ.get("ARCP_DEMO_TOKEN_B", "demo-token-b")
FEATURES = ("list_jobs", "subscribe")
STEPS = 20


async def slow(_: Any, ctx: JobContext) -> Any:
    for step in range(STEPS):
        await ctx.log("info", f"step {step}", attributes={"i": step})
        await asyncio.sleep(0.05)
    return {"steps": STEPS}


def open_to_all(asked: AuthorizationContext) -> bool:
    """Everybody may look; without a policy the principal of the job alone may."""
    return asked.operation in ("list", "subscribe")


async def serve(port: int) -> None:
    runtime = make_runtime(
        "subscribe",
        features=FEATURES,
        bearer=StaticBearerVerifier({TOKEN: "principal-a", TOKEN_B: "principal-b"}),
        job_authorization_policy=open_to_all,
    )
    await serve_runtime(runtime.register_agent("slow", slow), port)


async def client(url: str) -> None:
    async with (
        session(url, "subscribe-a", features=FEATURES) as first,
        session(url, "subscribe-b", token=TOKEN_B, features=FEATURES) as second,
    ):
        job = await first.submit(agent="slow")
        await asyncio.sleep(0.3)
        listed = [entry.job_id for entry in (await second.list_jobs()).jobs]
        expect("the job is not listed", job.job_id in listed)

        followed = await second.subscribe(job.job_id, history=True)
        print(f"followed from event {followed.subscribed_from} on, what was before comes first")
        try:
            # Who asks to cancel a job of others is not even told that there is one.
            await second.cancel_job(job.job_id)
        except JobNotFoundError as error:
            print(f"cancel: {error.code}: {error.message}")
        else:
            expect("who looks on has cancelled", False)

        steps = [event.body["attributes"]["i"] async for event in followed.handle.events()]
        print(f"seen by the second: {steps}")
        expect("a step is missing or came twice", steps == list(range(STEPS)))
        expect("the ends differ", (await followed.handle.done).result == (await job.done).result)


if __name__ == "__main__":
    example(port=7888, client=client, serve=serve)
