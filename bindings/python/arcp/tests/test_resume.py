"""A session goes on over another connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from serving import Serving, cut, serving

from arcp import (
    ARCPError,
    ResumeWindowExpiredError,
    SessionResume,
    TransportClosed,
    UnauthenticatedError,
)
from arcp.client import ARCPClient
from arcp.runtime import JobContext


class Stepping:
    """Says a thought for each step that it is allowed."""

    def __init__(self) -> None:
        self.steps: asyncio.Queue[str | None] = asyncio.Queue()

    async def __call__(self, given: Any, ctx: JobContext) -> Any:
        while (step := await self.steps.get()) is not None:
            await ctx.thought(step)
        return given


def ticket(client: ARCPClient, last: int | None = None) -> SessionResume:
    assert client.welcome is not None
    return SessionResume(
        session_id=client.welcome.session_id,
        resume_token=client.welcome.resume_token,
        last_event_seq=client.latest_event_seq if last is None else last,
    )


async def lost(served: Serving, stepping: Stepping) -> tuple[ARCPClient, str]:
    """A client that was cut off after it had seen "a"; "b" happened without it."""
    end = served.end()
    client = served.new_client()
    await client.connect(end)
    job = await client.submit(agent="step", input="r")
    stepping.steps.put_nowait("a")
    events = job.events()
    assert (await anext(events))["body"] == {"text": "a"}
    await end.close()
    with pytest.raises(TransportClosed):
        await job.done
    await events.aclose()
    watcher = await served.client()
    following = (await watcher.subscribe(job.job_id)).handle.events()
    stepping.steps.put_nowait("b")
    assert (await anext(following))["body"] == {"text": "b"}
    await following.aclose()
    return client, job.job_id


async def test_the_same_client_goes_on() -> None:
    stepping = Stepping()
    async with serving({"step": stepping}) as served:
        client, job_id = await lost(served, stepping)
        before = ticket(client)
        assert before.last_event_seq == 1
        # A handle that is there when the connection is has all.
        resuming = asyncio.create_task(client.resume(served.end(), resume=before))
        job = client.job(job_id)
        welcome = await resuming
        assert welcome.session_id == before.session_id
        assert welcome.resume_token != before.resume_token
        for step in ("c", None):
            stepping.steps.put_nowait(step)
        assert [event["body"]["text"] async for event in job.events()] == ["b", "c"]
        assert (await job.done).result == "r"
        assert client.latest_event_seq == 4


async def test_another_client_goes_on() -> None:
    stepping = Stepping()
    async with serving({"step": stepping}) as served:
        client, job_id = await lost(served, stepping)
        other = served.new_client()
        job = other.job(job_id)
        await other.resume(served.end(), resume=ticket(client, 0))
        stepping.steps.put_nowait(None)
        assert [event["body"]["text"] async for event in job.events()] == ["a", "b"]
        assert (await job.done).result == "r"
        # It submits, and cancels what the first one submitted, as the session's own.
        second = await other.submit(agent="step")
        await other.cancel_job(second.job_id)


async def test_a_token_serves_until_the_next_one_has_come() -> None:
    async with serving() as served:
        client = await served.client()
        first = ticket(client)
        # The welcome may have been lost on its way.
        await served.new_client().resume(served.end(), resume=first)
        heard = served.new_client()
        await heard.resume(served.end(), resume=first)
        await heard.list_jobs()
        with pytest.raises(ARCPError):
            await served.new_client().resume(served.end(), resume=first)


async def test_the_newer_connection_takes_over() -> None:
    async with serving() as served:
        client = await served.client()
        other = served.new_client()
        await other.resume(served.end(), resume=ticket(client))
        await cut(client)
        assert (await other.list_jobs()).jobs == ()


async def test_nobody_else_goes_on_with_a_session() -> None:
    async with serving() as served:
        client = await served.client()
        before = ticket(client)
        bob = served.new_client("t-bob")
        with pytest.raises(ARCPError):
            await bob.resume(served.end(), resume=before)
        with pytest.raises(UnauthenticatedError):
            await served.new_client("nobody").resume(served.end(), resume=before)
        wrong = before.model_copy(update={"resume_token": "guessed"})
        with pytest.raises(ARCPError):
            await served.new_client().resume(served.end(), resume=wrong)
        # The session itself was not touched.
        assert (await client.list_jobs()).jobs == ()


async def test_a_session_that_is_over_cannot_be_gone_on_with() -> None:
    async with serving(settings={"resume_window_ms": 10, "unacked_window_ms": 10}) as served:
        end = served.end()
        client = served.new_client()
        await client.connect(end)
        before = ticket(client)
        await end.close()
        # The window itself.
        await asyncio.sleep(0.03)
        with pytest.raises(ResumeWindowExpiredError):
            await client.resume(served.end(), resume=before)
