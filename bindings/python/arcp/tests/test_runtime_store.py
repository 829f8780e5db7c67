"""A store: jobs survive their runtime."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from serving import Holding, Serving, echo, new_runtime, rest, serving_with
from test_resume import ticket

from arcp import InternalError, RuntimeInfo, TransportClosed
from arcp.runtime import ARCPRuntime, JobContext, SqliteStore, StaticBearerVerifier


def stored(path: Path, agents: dict[str, Any], restartable: bool = False) -> ARCPRuntime:
    runtime = new_runtime(store=SqliteStore(path, durability="normal"))
    for name, agent in agents.items():
        runtime.register_agent(name, agent, restartable=restartable)
    return runtime


async def test_ended_jobs_are_listed_and_answer_to_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    async with serving_with(stored(path, {"echo": echo})) as served:
        client = await served.client()
        job = await client.submit(agent="echo", input={"n": 1}, idempotency_key="k")
        assert (await job.done).result == {"n": 1}
    ran: list[Any] = []

    async def again(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        ran.append(given)

    async with serving_with(stored(path, {"echo": again})) as served:
        client = await served.client()
        (listed,) = (await client.list_jobs()).jobs
        assert (listed.job_id, listed.status) == (job.job_id, "success")
        # Each time the end is loaded from the store.
        for _ in range(12):
            once_more = await client.submit(agent="echo", input={"n": 1}, idempotency_key="k")
            assert once_more.job_id == job.job_id
            assert (await once_more.done).result == {"n": 1}
            whole = await client.subscribe(job.job_id, history=True)
            assert (await whole.handle.done).result == {"n": 1}
        assert ran == []


async def _cut(served: Serving) -> tuple[Any, str]:
    """Starts a job that runs when the runtime ends: as what resumes it, and its name."""
    client = await served.client()
    job = await client.submit(agent="hold", input="given")
    told = job.events()
    assert (await anext(told))["body"] == {"text": "before"}
    await told.aclose()
    return ticket(client, 0), job.job_id


class Telling(Holding):
    async def __call__(self, given: Any, ctx: JobContext) -> Any:
        await ctx.thought("before" if ctx.attempt == 1 else f"attempt {ctx.attempt}")
        return await super().__call__(given, ctx)


async def test_a_session_goes_on_with_a_runtime_that_is_new(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    async with serving_with(stored(path, {"hold": Telling()}, True)) as served:
        before, job_id = await _cut(served)
    second = Telling()
    async with serving_with(stored(path, {"hold": second}, True)) as served:
        client = served.new_client()
        job = client.job(job_id)
        await client.resume(served.end(), resume=before)
        second.go_on.set()
        told = [event["body"]["text"] async for event in job.events() if event.kind == "thought"]
        assert told == ["before", "attempt 2"]
        assert (await job.done).result == "given"
        assert second.contexts[0].attempt == 2


async def test_a_job_whose_agent_cannot_start_again_has_failed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    async with serving_with(stored(path, {"hold": Telling()})) as served:
        before, job_id = await _cut(served)
    second = Telling()
    async with serving_with(stored(path, {"hold": second})) as served:
        client = served.new_client()
        job = client.job(job_id)
        await client.resume(served.end(), resume=before)
        with pytest.raises(InternalError):
            await job.done
        assert not second.contexts


async def test_versions_and_defaults_are_there_again(tmp_path: Path) -> None:
    runtime = new_runtime(store=str(tmp_path / "jobs.db"))
    runtime.register_agent_version("a", "1", echo, restartable=True)
    runtime.register_agent_version("a", "2", echo)
    runtime.set_default_agent_version("a", "2")
    async with serving_with(runtime) as served:
        client = await served.client()
        job = await client.submit(agent="a", input="x")
        assert job.agent_ref == "a@2"
        assert (await job.done).result == "x"


def test_a_durability_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="durability"):
        SqliteStore(tmp_path / "x.db", durability="perhaps")


async def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    runtime = new_runtime(store=str(tmp_path / "nowhere" / "jobs.db"))
    with pytest.raises(Exception, match=r"jobs\.db"):
        await runtime.accept(Serving(runtime).end())
    await runtime.close()


async def test_a_closed_runtime_takes_nobody(tmp_path: Path) -> None:
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="r", version="1"),
        bearer=StaticBearerVerifier({}),
        store=str(tmp_path / "jobs.db"),
    )
    async with runtime:
        pass
    served = Serving(runtime)
    end = served.end()
    assert await rest(end) == []
    await runtime.close()


async def test_a_store_that_fails_ends_the_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jobs.db"
    runtime = stored(path, {"echo": echo})
    async with serving_with(runtime) as served:
        client = await served.client()
        await (await client.submit(agent="echo")).done
        # No file may grow any more: the disk is full.
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            with pytest.raises(TransportClosed):
                await client.submit(agent="echo")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "the store has failed" in caplog.text
