"""Agents: how they are registered, how they end, and how they are ended."""

from __future__ import annotations

import asyncio
import builtins
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from serving import (
    Frame,
    Holding,
    Plain,
    echo,
    failure_of,
    frame,
    hello,
    new_runtime,
    serving,
    serving_with,
    standstill,
    until,
)

from arcp import (
    AgentNotAvailableError,
    AgentVersionNotAvailableError,
    ARCPError,
    BudgetExhaustedError,
    CancelledError,
    InternalError,
    InvalidRequestError,
    PermissionDeniedError,
    TimeoutError,  # noqa: A004 (the protocol's name)
    Transport,
    UnauthenticatedError,
    pair_memory_transports,
)
from arcp._messages import JobErrorPayload, JobResultPayload
from arcp.runtime import (
    AuthorizationContext,
    Identity,
    Job,
    JobContext,
    UpstreamBudgetExhausted,
)


def version(name: str) -> Callable[[Any, JobContext], Awaitable[Any]]:
    async def agent(given: Any, ctx: JobContext) -> Any:  # noqa: ARG001
        return [name, ctx.agent, ctx.agent_version, ctx.agent_ref]

    return agent


async def test_versions_and_their_default() -> None:
    runtime = new_runtime()
    runtime.register_agent_version("a", "1.0", version("first"))
    runtime.register_agent_version("a", "2.0", version("second"))
    runtime.register_agent("plain", echo)
    async with serving_with(runtime) as served:
        client = await served.client()
        assert client.welcome is not None
        agents = client.welcome.capabilities.agents
        told = {one.name: one for one in agents if not isinstance(one, str)}
        assert told["a"].versions == ("1.0", "2.0")
        assert told["a"].default == "1.0"
        assert told["plain"].versions == ()
        assert [entry.name for entry in runtime.agent_inventory()] == ["a", "plain"]

        async def run(agent: str) -> Any:
            return (await (await client.submit(agent=agent)).done).result

        assert await run("a") == ["first", "a", "1.0", "a@1.0"]
        assert await run("a@2.0") == ["second", "a", "2.0", "a@2.0"]
        runtime.set_default_agent_version("a", "2.0")
        assert await run("a") == ["second", "a", "2.0", "a@2.0"]
        assert {one.name: one.default for one in runtime.agent_inventory()}["a"] == "2.0"
        with pytest.raises(AgentVersionNotAvailableError):
            await client.submit(agent="a@3.0")
        with pytest.raises(AgentNotAvailableError):
            await client.submit(agent="b@1.0")
        # One that comes later is there for the next job.
        runtime.register_agent("late", echo)
        assert (await (await client.submit(agent="late", input=1)).done).result == 1


def test_names_that_are_none_or_there_already() -> None:
    runtime = new_runtime()
    runtime.register_agent("a", echo).register_agent_version("b", "1", echo)
    for bad in ("", "A B", "a@1", "a"):
        with pytest.raises(InvalidRequestError):
            runtime.register_agent(bad, echo)
    for name, number in (("b", "1"), ("a", "1"), ("c", ""), ("c", "a b")):
        with pytest.raises(InvalidRequestError):
            runtime.register_agent_version(name, number, echo)
    with pytest.raises(AgentVersionNotAvailableError):
        runtime.set_default_agent_version("b", "2")
    assert [entry.name for entry in runtime.agent_inventory()] == ["a", "b"]


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="no setting max_joy"):
        new_runtime(settings={"max_joy": 1})


class _Odd(BaseException):
    """Not an ``Exception``."""


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (ValueError("bad luck"), InternalError, "bad luck"),
        (ValueError(), InternalError, "ValueError"),
        (PermissionDeniedError("no", details={"why": 1}), PermissionDeniedError, "no"),
        (TimeoutError("too slow"), TimeoutError, "too slow"),
        (builtins.TimeoutError(), TimeoutError, "ran out of time"),
        (UpstreamBudgetExhausted("gateway: empty"), BudgetExhaustedError, "gateway: empty"),
        (asyncio.CancelledError(), CancelledError, "cancelled"),
        (_Odd("strange"), InternalError, "strange"),
        (
            ExceptionGroup(
                "all", [ValueError("x"), ExceptionGroup("in", [PermissionDeniedError("deep")])]
            ),
            PermissionDeniedError,
            "deep",
        ),
        (ExceptionGroup("all", [ValueError("first"), KeyError("y")]), InternalError, "first"),
        (
            ExceptionGroup("all", [UpstreamBudgetExhausted("spent")]),
            BudgetExhaustedError,
            "spent",
        ),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, BaseException) else "",
)
async def test_what_an_agent_raises_is_how_its_job_failed(
    raised: BaseException, kind: type[ARCPError], said: str
) -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        raise raised

    async with serving({"agent": agent, "echo": echo}) as served:
        client = await served.client()
        job = await client.submit(agent="agent")
        with pytest.raises(kind, match=said) as failed:
            await job.done
        assert type(failed.value) is kind
        if isinstance(raised, ARCPError):
            assert failed.value.details == raised.details
        # Nobody else is hurt.
        assert (await (await client.submit(agent="echo", input=1)).done).result == 1


async def test_a_task_group_of_an_agent_fails_with_what_went_wrong() -> None:
    async def bad() -> None:
        raise PermissionDeniedError("not here")

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with asyncio.TaskGroup() as group:
            group.create_task(bad())
            group.create_task(asyncio.Event().wait())

    async with serving({"agent": agent}) as served:
        job = await (await served.client()).submit(agent="agent")
        with pytest.raises(PermissionDeniedError, match="not here"):
            await job.done


async def test_a_result_that_is_no_json_fails_the_job() -> None:
    async def agent(given: Any, ctx: JobContext) -> Any:  # noqa: ARG001
        return {"an": object()}

    async with serving({"agent": agent}) as served:
        job = await (await served.client()).submit(agent="agent")
        error = await failure_of(job.done)
        assert "result" in error.message


async def test_only_so_many_agents_run_at_once() -> None:
    running = most = 0
    full = asyncio.Event()
    go_on = asyncio.Event()

    async def agent(given: int, ctx: JobContext) -> int:  # noqa: ARG001
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            full.set()
        await go_on.wait()
        running -= 1
        return given

    async with serving({"agent": agent}, max_concurrent_jobs=2) as served:
        client = await served.client()
        jobs = [await client.submit(agent="agent", input=number) for number in range(5)]
        await full.wait()
        # One that waits for its turn can be cancelled.
        await jobs[4].cancel()
        with pytest.raises(CancelledError):
            await jobs[4].done
        assert running == 2
        go_on.set()
        assert [(await job.done).result for job in jobs[:4]] == [0, 1, 2, 3]
        assert most == 2


async def test_a_cancelled_agent_cannot_say_anything_more() -> None:
    said: list[BaseException] = []
    started, over = asyncio.Event(), asyncio.Event()

    async def agent(given: Any, ctx: JobContext) -> str:  # noqa: ARG001
        started.set()
        try:
            await ctx.signal.wait()
            raise AssertionError("the task was not cancelled")
        except asyncio.CancelledError:
            for attempt in (ctx.thought("late"), ctx.progress(1), ctx.stream_result().write(b"x")):
                try:
                    await attempt
                except ARCPError as error:
                    said.append(error)
        finally:
            over.set()
        return "nevertheless"

    async with serving({"agent": agent}) as served:
        client = await served.client()
        job = await client.submit(agent="agent")
        await started.wait()
        await job.cancel("enough")
        with pytest.raises(CancelledError):
            await job.done
        await over.wait()
        assert [type(error) for error in said] == [CancelledError] * 3
        assert [event async for event in job.events()] == []


async def test_a_job_runs_no_longer_than_it_may() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        job = await (await served.client()).submit(agent="hold", max_runtime_sec=1)
        with pytest.raises(TimeoutError):
            await job.done
        await holding.ended.wait()
        assert holding.was_cancelled


async def test_jobs_outlive_their_connection() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        end = served.end()
        client = served.new_client()
        await client.connect(end)
        job = await client.submit(agent="hold", input="kept")
        await holding.started.wait()
        await end.close()
        other = await served.client()
        subscription = await other.subscribe(job.job_id)
        holding.go_on.set()
        assert (await subscription.handle.done).result == "kept"
        assert not holding.was_cancelled


async def test_a_job_as_its_agent_sees_it() -> None:
    seen: dict[str, Any] = {}

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        job = ctx.job
        seen.update(
            job_id=ctx.job_id,
            session=ctx.session_id,
            principal=job.submitter_principal,
            trace=ctx.trace_id,
            lease=ctx.lease,
            constraints=ctx.lease_constraints,
            credentials=ctx.credentials,
            attempt=ctx.attempt,
            state=job.state,
            shown=repr(job),
            parent=job.parent_job_id,
            is_told=job.should_emit_budget_remaining("USD"),
        )

    async with serving({"agent": agent}) as served:
        client = await served.client()
        job = await client.submit(agent="agent", lease_request={"fs.read": ["/a"]})
        await job.done
        assert seen == {
            "job_id": job.job_id,
            "session": client.session_id,
            "principal": "alice",
            "trace": job.trace_id,
            "lease": {"fs.read": ["/a"]},
            "constraints": None,
            "credentials": (),
            "attempt": 1,
            "state": "running",
            "shown": f"<Job {job.job_id} agent>",
            "parent": None,
            "is_told": False,
        }


async def test_what_an_agent_may_not_emit() -> None:
    refused: list[str] = []

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        for attempt in (
            ctx.metric({"name": "cost.x", "value": -1, "unit": "USD"}),
            ctx.metric({"name": "cost.budget.remaining", "value": 1, "unit": "USD"}),
            ctx.emit("thought", object()),
            ctx.result_chunk({"data": 5}),
            ctx.result_chunk({"data": "x", "encoding": "rot13"}),
            ctx.result_chunk({"data": "?", "encoding": "base64"}),
        ):
            try:
                await attempt
            except InvalidRequestError as error:
                refused.append(error.message)

    async with serving({"agent": agent}) as served:
        client = await served.client()
        job = await client.submit(agent="agent", lease_request={"cost.budget": ["USD:5"]})
        await job.done
        assert len(refused) == 6
        assert [event async for event in job.events()] == []


async def test_progress_that_nobody_asked_for_is_dropped() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        await ctx.progress(1)
        await ctx.thought("x")

    async with serving({"agent": agent}) as served:
        client = await served.client(features=("ack",))
        job = await client.submit(agent="agent")
        assert [event.kind async for event in job.events()] == ["thought"]


succeeded = JobResultPayload.model_validate({"result": 1, "summary": "one"})
failed = JobErrorPayload.model_validate({"code": "PERMISSION_DENIED", "message": "no"})


@pytest.mark.parametrize("how", ["result", "error"])
async def test_an_agent_ends_its_job_before_it_returns(how: str) -> None:
    async def agent(given: Any, ctx: JobContext) -> str:  # noqa: ARG001
        await ctx.job.emit_event("thought", {"text": "x"}, ts="2026-01-01T00:00:00Z")
        if how == "result":
            await ctx.job.emit_result(succeeded)
        else:
            await ctx.job.emit_error(failed)
        return "later"

    async with serving({"agent": agent}) as served:
        job = await (await served.client()).submit(agent="agent")
        if how == "result":
            assert ((await job.done).result, (await job.done).summary) == (1, "one")
        else:
            with pytest.raises(PermissionDeniedError, match="no"):
                await job.done
        assert [event.kind async for event in job.events()] == ["thought"]


async def test_a_job_of_the_past_says_how_it_ended_and_nothing_more() -> None:
    jobs: list[Job] = []
    over = asyncio.Event()

    def policy(about: AuthorizationContext) -> bool:
        jobs.append(about.job)
        return False

    async with serving(job_authorization_policy=policy) as served:
        await (await (await served.client()).submit(agent="echo")).done
        assert (await (await served.client("t-bob")).list_jobs()).jobs == ()
        (job,) = jobs
        assert job.state == "success"
        assert job.agent_ref == "echo"
        for attempt in (
            job.emit_event("thought", {"text": "x"}),
            job.emit_result(succeeded),
            job.emit_error(failed),
        ):
            with pytest.raises(InvalidRequestError, match="not been started here"):
                await attempt
        with pytest.raises(InvalidRequestError):
            job.apply_cost_metric("cost.x", 1, "USD")
        with pytest.raises(InvalidRequestError):
            JobContext(job, served.runtime, over, None)


async def test_every_kind_of_event_waits_for_a_slow_reader() -> None:
    said = 0

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        nonlocal said
        body: dict[str, Any] = {"call_id": "c", "tool": "t", "args": {}}
        artifact = {"uri": "file:///x", "content_type": "text/plain"}
        attempts: list[Callable[[], Awaitable[None]]] = [
            lambda: ctx.thought("x"),
            lambda: ctx.status("x"),
            lambda: ctx.log("info", "x"),
            lambda: ctx.metric({"name": "m", "value": 1, "unit": "u"}),
            lambda: ctx.tool_call(body),
            lambda: ctx.tool_result({"call_id": "c", "result": 1}),
            lambda: ctx.artifact_ref(artifact),
            lambda: ctx.progress(1),
            lambda: ctx.emit("x-vendor.test.x", {}),
        ]
        for attempt in itertools.cycle(attempts):
            await attempt()
            said += 1

    settings = {"backlog": 1, "patience_ms": 60_000}
    async with serving({"agent": agent}, settings=settings) as served:
        here, there = pair_memory_transports()
        gate = Gate(there)
        served.serve(gate)
        await here.send(hello())
        await until(here, "session.welcome")
        await here.send(frame("job.submit", {"agent": "agent"}))
        await until(here, "job.accepted")
        gate.may_send.clear()
        stopped = await standstill(lambda: said)
        for _ in range(20):
            gate.may_send.set()
            await until(here, "job.event")
            gate.may_send.clear()
            now = await standstill(lambda: said)
            # A little further, and it stands again.
            assert stopped <= now < stopped + 200
            stopped = now
        await here.close()


class Gate(Plain):
    """Sends only while it may."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def send(self, envelope: Frame) -> None:
        await self.may_send.wait()
        await super().send(envelope)


class _Verifier:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def verify(self, token: str) -> Identity:
        del token
        raise self._error


async def test_a_verifier_that_fails_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(bearer=_Verifier(OSError("the directory is away: s3cr3t"))) as served:
        with pytest.raises(UnauthenticatedError) as refused:
            await served.client()
        assert "s3cr3t" not in str(refused.value)
        assert "the verifier failed" in caplog.text
    async with serving(bearer=_Verifier(PermissionDeniedError("not today"))) as served:
        with pytest.raises(ARCPError, match="not today"):
            await served.client()
