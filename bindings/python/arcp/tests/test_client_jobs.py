"""Jobs, as a client has them: submitted, followed, listed, cancelled."""

from __future__ import annotations

import asyncio
import base64
import gc
import re
from typing import Any

import pytest
from serving import Holding, by_hand, echo, frame, serving, thought, when

from arcp import (
    AgentNotAvailableError,
    CancelledError,
    ClientInfo,
    DuplicateKeyError,
    InternalError,
    InvalidRequestError,
    JobNotFoundError,
    LeaseConstraints,
    ListJobsFilter,
    PermissionDeniedError,
    TransportClosed,
)
from arcp.client import ARCPClient, JobHandle
from arcp.runtime import JobContext

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def talking(given: int, ctx: JobContext) -> str:
    """Says so many things."""
    for number in range(given):
        await ctx.thought(str(number))
    return "said"


async def test_events_come_in_order_and_then_the_result() -> None:
    async def agent(given: Any, ctx: JobContext) -> Any:
        await ctx.status("working", "hard")
        await ctx.status("resting")
        await ctx.thought("hm")
        await ctx.log("warn", "careful", {"n": 1})
        await ctx.log("info", "fine")
        await ctx.metric({"name": "tokens", "value": 3, "unit": "tokens"})
        await ctx.tool_call({"call_id": "c1", "tool": "grep", "args": {"q": "x"}})
        await ctx.tool_result({"call_id": "c1", "result": {"hits": 2}})
        await ctx.artifact_ref({"uri": "file:///a", "content_type": "text/plain"})
        await ctx.progress(1, total=2, units="files", message="half")
        await ctx.progress(2)
        await ctx.emit("x-vendor.test.thing", {"own": True})
        return given

    async with serving({"agent": agent}) as served:
        client = await served.client()
        handle = await client.submit(agent="agent", input={"a": [1, None, "ä"]})
        events = [event async for event in handle.events()]
        assert [event.kind for event in events] == [
            *("status", "status", "thought", "log", "log", "metric", "tool_call", "tool_result"),
            *("artifact_ref", "progress", "progress", "x-vendor.test.thing"),
        ]
        bodies = [event["body"] for event in events]
        assert bodies[0] == {"phase": "working", "message": "hard"}
        assert bodies[3] == {"level": "warn", "message": "careful", "attributes": {"n": 1}}
        assert bodies[9] == {"current": 1, "total": 2, "units": "files", "message": "half"}
        assert bodies[10] == {"current": 2}
        done = await handle.done
        assert done.final_status == "success"
        assert done.result == {"a": [1, None, "ä"]}
        assert await handle.result() == done.result
        assert client.latest_event_seq == len(events) + 1


async def test_what_was_accepted_is_told() -> None:
    async with serving() as served:
        client = await served.client()
        handle = await client.submit(
            agent="echo",
            lease_request={"fs.read": ["/a/**"], "cost.budget": ["USD:1.50"]},
            lease_constraints=LeaseConstraints(expires_at="2027-01-01T00:00:00Z"),
            trace_id=TRACE,
            max_runtime_sec=60,
        )
        assert handle.agent_ref == "echo"
        assert handle.lease == {"fs.read": ["/a/**"], "cost.budget": ["USD:1.50"]}
        assert handle.lease_constraints is not None
        assert str(handle.lease_constraints.expires_at).startswith("2027-01-01T00:00:00")
        assert handle.budget == {"USD": "USD:1.5"}
        assert handle.trace_id == TRACE
        assert handle.credentials == ()
        assert repr(handle) == f"<JobHandle {handle.job_id} echo>"
        await handle.done


async def test_a_refused_submit_says_why() -> None:
    async with serving() as served:
        client = await served.client()
        with pytest.raises(AgentNotAvailableError):
            await client.submit(agent="nobody")
        with pytest.raises(InvalidRequestError, match="delegate"):
            await client.submit(agent="echo", parent_job_id="job_1")
        with pytest.raises(InvalidRequestError):
            await client.submit(agent="echo", input={1, 2})
        # The session goes on.
        assert (await (await client.submit(agent="echo", input=1)).done).result == 1


async def test_many_submits_at_once_get_their_own_answers() -> None:
    async with serving() as served:
        client = await served.client()
        handles = await asyncio.gather(
            *(client.submit(agent="echo", input=number) for number in range(50))
        )
        assert [(await handle.done).result for handle in handles] == list(range(50))


async def test_done_can_be_awaited_by_many_and_given_up_by_one() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        handle = await client.submit(agent="hold", input="x")
        first, second = (asyncio.create_task(_done(handle)) for _ in range(2))
        await holding.started.wait()
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        assert not handle.done.done()
        holding.go_on.set()
        assert await second == "x"
        assert (await handle.done).result == "x"
        assert handle.done.done()


async def test_a_failure_that_nobody_asks_for_is_silent() -> None:
    async def fail(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        raise InternalError("broken")

    async with serving({"fail": fail}) as served:
        client = await served.client()
        handle = await client.submit(agent="fail")
        await when(lambda: not client._handles)
        assert handle.is_done
        del handle
        gc.collect()


async def test_cancel_ends_the_job() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        handle = await client.submit(agent="hold")
        await holding.started.wait()
        await handle.cancel("no more")
        with pytest.raises(CancelledError):
            await handle.done
        await holding.ended.wait()
        assert holding.was_cancelled
        assert holding.contexts[0].signal.is_set()
        # Once more is no error, and changes nothing.
        await client.cancel_job(handle.job_id)


async def test_cancel_is_for_who_submitted() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        handle = await client.submit(agent="hold")
        other, bob = await served.client(), await served.client("t-bob")
        with pytest.raises(PermissionDeniedError):
            await other.cancel_job(handle.job_id)
        for asking, job in ((bob, handle.job_id), (client, "job_nothing")):
            with pytest.raises(JobNotFoundError):
                await asking.cancel_job(job)
        assert not holding.ended.is_set()


async def test_a_handle_of_no_client_cannot_cancel() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    loose = JobHandle("job_1", client.job("job_1").accepted)
    with pytest.raises(InvalidRequestError, match="no client"):
        await loose.cancel()


async def test_an_idempotency_key_is_one_job() -> None:
    holding = Holding()
    async with serving({"hold": holding, "echo": echo}) as served:
        client = await served.client()
        first = await client.submit(agent="hold", input=1, idempotency_key="k")
        again = await client.submit(agent="hold", input=1, idempotency_key="k")
        assert again is first
        with pytest.raises(DuplicateKeyError):
            await client.submit(agent="hold", input=2, idempotency_key="k")
        with pytest.raises(DuplicateKeyError):
            await client.submit(agent="echo", input=1, idempotency_key="k")
        bob = await served.client("t-bob")
        assert (await bob.submit(agent="echo", idempotency_key="k")).job_id != first.job_id
        holding.go_on.set()
        # It is told how it ended wherever it was submitted.
        assert (await again.done).result == 1
        assert (await first.done).result == 1
        assert len(holding.contexts) == 1
        late = await client.submit(agent="hold", input=1, idempotency_key="k")
        assert late.job_id == first.job_id
        assert (await late.done).result == 1


async def test_lists_go_on_where_they_ended() -> None:
    holding = Holding()
    async with serving({"hold": holding, "echo": echo}) as served:
        client = await served.client()
        for number in range(3):
            await (await client.submit(agent="echo", input=number)).done
        held = await client.submit(agent="hold", trace_id=TRACE)
        first = await client.list_jobs(limit=3)
        assert [job.agent for job in first.jobs] == ["echo"] * 3
        assert first.next_cursor
        rest = await client.list_jobs(limit=3, cursor=first.next_cursor)
        assert [(job.job_id, job.status, job.trace_id) for job in rest.jobs] == [
            (held.job_id, "running", TRACE)
        ]
        assert rest.next_cursor is None
        chosen = await client.list_jobs(filter=ListJobsFilter(status=("success",), agent="echo"))
        assert len(chosen.jobs) == 3
        none = await client.list_jobs(filter=ListJobsFilter(created_after="2999-01-01T00:00:00Z"))
        assert none.jobs == ()
        with pytest.raises(InvalidRequestError):
            await client.list_jobs(cursor="not one of ours")
        # Others see none of it.
        assert (await (await served.client("t-bob")).list_jobs()).jobs == ()


async def test_what_was_not_negotiated_is_refused_by_name() -> None:
    async with serving() as served:
        client = await served.client(features=("ack",))
        job = await client.submit(agent="echo")
        with pytest.raises(InvalidRequestError, match="list_jobs"):
            await client.list_jobs()
        with pytest.raises(InvalidRequestError, match="subscribe"):
            await client.subscribe(job.job_id)


async def test_a_subscription_with_history_is_all_of_it() -> None:
    gate = asyncio.Event()

    async def agent(given: int, ctx: JobContext) -> str:
        await talking(given, ctx)
        await gate.wait()
        await ctx.thought("late")
        return "end"

    async with serving({"agent": agent}) as served:
        client, other = await served.client(), await served.client()
        job = await client.submit(agent="agent", input=3)
        told = job.events()
        for _ in range(3):
            await anext(told)
        live = await other.subscribe(job.job_id)
        assert not live.replayed
        assert live.subscribed_from == 3
        assert live.handle.agent_ref == "agent"
        watcher = await served.client()
        whole = await watcher.subscribe(job.job_id, history=True)
        assert whole.replayed
        assert re.fullmatch(r"\S+", whole.request_id)
        later = await (third := await served.client()).subscribe(
            job.job_id, history=True, from_event_seq=2
        )
        assert third.session_id != watcher.session_id
        gate.set()
        assert await _texts(live.handle) == ["late"]
        assert await _texts(whole.handle) == ["0", "1", "2", "late"]
        assert await _texts(later.handle) == ["2", "late"]
        assert (await live.handle.done).result == "end"
        await told.aclose()


async def test_a_subscription_of_ones_own_job_takes_nothing_from_its_handle() -> None:
    gate = asyncio.Event()

    async def agent(given: Any, ctx: JobContext) -> str:  # noqa: ARG001
        await ctx.thought("early")
        await gate.wait()
        return "end"

    async with serving({"agent": agent}) as served:
        client = await served.client()
        job = await client.submit(agent="agent")
        subscription = await client.subscribe(job.job_id)
        assert subscription.handle is job
        whole = await client.subscribe(job.job_id, history=True)
        gate.set()
        assert await _texts(whole.handle) == ["early"]
        for handle in (whole.handle, subscription.handle, job):
            assert (await handle.done).result == "end"


async def test_who_subscribes_too_late_hears_that_it_is() -> None:
    async with serving() as served:
        client = await served.client()
        job = await client.submit(agent="echo", input=1)
        await job.done
        other = await served.client()
        late = await other.subscribe(job.job_id)
        with pytest.raises(InvalidRequestError, match="the job had ended"):
            await late.handle.done
        told = await other.subscribe(job.job_id, history=True)
        assert (await told.handle.done).result == 1


async def test_a_subscription_is_given_up() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client, other = await served.client(), await served.client()
        job = await client.submit(agent="hold", input="r")
        subscription = await other.subscribe(job.job_id)
        await other.unsubscribe(job.job_id)
        with pytest.raises(TransportClosed, match="given up"):
            await subscription.handle.done
        await other.unsubscribe(job.job_id)
        await other.list_jobs()
        holding.go_on.set()
        assert (await job.done).result == "r"
        assert other.latest_event_seq == 0


async def test_subscriptions_that_are_refused() -> None:
    async with serving() as served:
        job = await (await served.client()).submit(agent="echo")
        bob = await served.client("t-bob")
        with pytest.raises(PermissionDeniedError):
            await bob.subscribe(job.job_id)
        with pytest.raises(JobNotFoundError):
            await bob.subscribe("job_nothing")


async def test_a_handle_by_name_is_the_one_that_there_is() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        job = await client.submit(agent="hold")
        assert client.job(job.job_id) is job
        assert client.job("job_other") is client.job("job_other")


async def test_an_iteration_that_is_left_goes_on_later() -> None:
    async with serving({"talk": talking}) as served:
        client = await served.client()
        job = await client.submit(agent="talk", input=4)
        first = job.events()
        assert (await anext(first))["body"] == {"text": "0"}
        await first.aclose()
        assert await _texts(job) == ["1", "2", "3"]


async def test_parts_of_a_result_that_are_missing() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    job = client.job("job_1")
    for seq, part in ((1, 0), (2, 2)):
        await there.send(_part(seq, part, b"x"))
    with pytest.raises(InvalidRequestError, match="part 2 of the result res_1"):
        await job.collect_chunks()
    await there.close()
    await client.close()


async def test_a_result_that_is_told_again_from_its_beginning() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    job = client.job("job_1")
    parts = [(0, b"\xff"), (1, b"b"), (0, b"\xff"), (1, b"b"), (2, b"")]
    for seq, (part, data) in enumerate(parts, 1):
        await there.send(_part(seq, part, data, more=part < 2))
    ended = {"final_status": "success", "result_id": "res_1", "result_size": 2}
    await there.send(frame("job.result", ended, session_id="sess_1", job_id="job_1", event_seq=6))
    assert await job.result() == b"\xffb"
    await there.close()
    await client.close()


async def test_unknown_jobs_do_not_disturb() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    await there.send(thought("sess_1", 1, "job_foreign"))
    await there.send(_part(2, 0, b"x", job="job_foreign"))
    ended = {"final_status": "success", "result": 1}
    await there.send(frame("job.result", ended, session_id="sess_1", job_id="f", event_seq=3))
    await there.send(frame("x-vendor.test.nothing", {}, session_id="sess_1"))
    job = client.job("job_1")
    await there.send(thought("sess_1", 4))
    told = job.events()
    assert (await anext(told))["body"] == {"text": "thought 4"}
    await told.aclose()
    await there.close()
    await client.close()


def _part(seq: int, number: int, data: bytes, *, more: bool = True, job: str = "job_1") -> Any:
    body = {
        "result_id": "res_1",
        "chunk_seq": number,
        "data": base64.b64encode(data).decode(),
        "encoding": "base64",
        "more": more,
    }
    payload = {"kind": "result_chunk", "ts": "2026-01-01T00:00:00Z", "body": body}
    return frame("job.event", payload, session_id="sess_1", job_id=job, event_seq=seq)


async def _done(handle: JobHandle) -> Any:
    return (await handle.done).result


async def _texts(handle: JobHandle) -> list[str]:
    return [event["body"]["text"] async for event in handle.events()]


async def test_who_submitted_a_job_is_told_of_it_all_the_same() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        job = await client.submit(agent="hold", input="r")
        await client.unsubscribe(job.job_id)
        await client.list_jobs()
        holding.go_on.set()
        assert (await job.done).result == "r"
