"""Who may see a job of somebody else, and who may cancel it: two policies (ARCP §7.6, §14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from arcp import ARCPError, ClientInfo, JobNotFoundError, RuntimeInfo, pair_memory_transports
from arcp.client import ARCPClient
from arcp.runtime import (
    ARCPRuntime,
    AuthorizationContext,
    JobAuthorizationPolicy,
    JobContext,
    StaticBearerVerifier,
)


async def _waits(_: Any, ctx: JobContext) -> None:
    await ctx.signal.wait()


@asynccontextmanager
async def two_principals(
    see: JobAuthorizationPolicy | None, cancel: JobAuthorizationPolicy | None
) -> AsyncGenerator[tuple[ARCPClient, ARCPClient]]:
    """The clients of two principals of one runtime that has the agent ``waits``."""
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="policies", version="1"),
        bearer=StaticBearerVerifier({"a": "ada", "b": "bob"}),
        job_authorization_policy=see,
        cancel_authorization_policy=cancel,
    )
    runtime.register_agent("waits", _waits)
    clients: list[ARCPClient] = []
    serving: list[asyncio.Task[None]] = []
    try:
        for token in ("a", "b"):
            ours, theirs = pair_memory_transports()
            serving.append(asyncio.create_task(runtime.accept(ours)))
            clients.append(ARCPClient(client=ClientInfo(name=token, version="1"), token=token))
            await clients[-1].connect(theirs)
        yield clients[0], clients[1]
    finally:
        for client in clients:
            await client.close()
        await asyncio.gather(*serving)
        await runtime.close()


def _yes(_: AuthorizationContext) -> bool:
    return True


async def test_who_may_see_a_job_may_not_cancel_it() -> None:
    async with two_principals(_yes, None) as (ada, bob):
        handle = await ada.submit(agent="waits")
        await bob.subscribe(handle.job_id)
        with pytest.raises(JobNotFoundError):
            await bob.cancel_job(handle.job_id)
        assert [job.status for job in (await ada.list_jobs()).jobs] == ["running"]


async def test_a_policy_of_its_own_widens_who_may_cancel() -> None:
    asked: list[tuple[str, str]] = []

    def cancels(question: AuthorizationContext) -> bool:
        asked.append((question.requester_principal, question.operation))
        return True

    async with two_principals(None, cancels) as (ada, bob):
        handle = await ada.submit(agent="waits")
        with pytest.raises(ARCPError):
            await bob.subscribe(handle.job_id)
        await bob.cancel_job(handle.job_id)
        with pytest.raises(ARCPError) as ended:
            await handle.done
        assert ended.value.code == "CANCELLED"
    assert asked == [("bob", "cancel")]
