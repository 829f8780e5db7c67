"""A lease that ends in the midst of a job, and takes the job with it (§9.5)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from arcp import InvalidRequestError, LeaseConstraints, LeaseExpiredError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def slow(_: Any, ctx: JobContext) -> Any:
    for second in range(10):
        await ctx.log("info", f"{second} s")
        await asyncio.sleep(1)
    return {"ok": True}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("lease-expires-at").register_agent("slow", slow), port)


def after(seconds: float) -> LeaseConstraints:
    """UTC, and written with a Z."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return LeaseConstraints(expires_at=until.isoformat().replace("+00:00", "Z"))


async def client(url: str) -> None:
    async with session(url, "lease-expires-at", features=("lease_expires_at",)) as arcp:
        job = await arcp.submit(agent="slow", lease_constraints=after(1.5))
        print(f"until {job.lease_constraints.expires_at if job.lease_constraints else None}")
        try:
            await job.done
        except LeaseExpiredError as error:
            print(f"{error.code}: {error.message}")
            expect("it could be tried again", not error.retryable)
        else:
            expect("the job has outlived its lease", False)
        try:
            await arcp.submit(agent="slow", lease_constraints=after(-1))
        except InvalidRequestError as error:
            print(f"{error.code}: {error.message}")
        else:
            expect("a lease that has ended was granted", False)


if __name__ == "__main__":
    example(port=7890, client=client, serve=serve)
