"""What a job may: leases, budgets, delegation, results in parts, policies and credentials."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from serving import Holding, Serving, echo, serving, until, when

from arcp import (
    AgentNotAvailableError,
    ARCPError,
    BudgetExhaustedError,
    CancelledError,
    InternalError,
    InvalidRequestError,
    JobNotFoundError,
    Lease,
    LeaseConstraints,
    LeaseExpiredError,
    LeaseSubsetViolationError,
    PermissionDeniedError,
)
from arcp.client import JobHandle
from arcp.runtime import (
    AuthorizationContext,
    Credential,
    CredentialConstraints,
    InMemoryCredentialProvisioner,
    InMemoryRevocationLog,
    JobContext,
    JobCredentialContext,
)


async def _result(served: Serving, agent: str = "agent", **options: Any) -> Any:
    client = await served.client()
    return (await (await client.submit(agent=agent, **options)).done).result


async def _fails(work: Any, kind: type[ARCPError]) -> str:
    try:
        found = work()
        if found is not None:
            await found
    except kind as error:
        return error.code
    raise AssertionError(f"it is not {kind.__name__}")


# Operations.


async def test_an_operation_is_held_against_the_lease() -> None:
    async def agent(given: Any, ctx: JobContext) -> Any:  # noqa: ARG001
        found = [ctx.authorize("fs.read", "/workspace/a/../b")]
        for namespace, target in (
            ("fs.read", "/workspace/../etc/passwd"),
            ("fs.read", "/workspace/%2e%2e/etc/passwd"),
            ("fs.write", "/workspace/a"),
            ("model.use", "tiny"),
        ):
            with pytest.raises(PermissionDeniedError):
                ctx.authorize(namespace, target)
        return found

    async with serving({"agent": agent}) as served:
        result = await _result(served, lease_request={"fs.read": ["/workspace/**"]})
        assert result == ["/workspace/b"]


async def test_models_are_those_of_the_lease_and_all_by_a_setting() -> None:
    async def agent(given: str, ctx: JobContext) -> str:
        return ctx.authorize_model(given)

    async with serving({"agent": agent}) as served:
        assert await _result(served, input="m-1", lease_request={"model.use": ["m-*"]}) == "m-1"
        with pytest.raises(PermissionDeniedError):
            await _result(served, input="other", lease_request={"model.use": ["m-*"]})
        with pytest.raises(PermissionDeniedError):
            await _result(served, input="m-1")
    async with serving({"agent": agent}, settings={"any_model_by_default": True}) as served:
        assert await _result(served, input="m-1") == "m-1"


async def test_a_glob_of_many_stars_ends() -> None:
    async def agent(given: Any, ctx: JobContext) -> str:  # noqa: ARG001
        with pytest.raises(PermissionDeniedError):
            ctx.authorize("fs.read", "/" + "a" * 20_000)
        return "in time"

    async with serving({"agent": agent}) as served:
        lease = {"fs.read": ["/" + "*a" * 40 + "b"]}
        assert await _result(served, lease_request=lease) == "in time"


# Money.


async def test_costs_are_exact_and_what_is_left_is_told() -> None:
    async def agent(given: Any, ctx: JobContext) -> list[str]:  # noqa: ARG001
        assert ctx.job.initial_budget == {"USD": Decimal("0.30")}
        for _ in range(2):
            await ctx.metric({"name": "cost.x", "value": 0.1, "unit": "USD"})
        left = [str(ctx.budget["USD"])]
        with pytest.raises(BudgetExhaustedError):
            ctx.authorize("fs.read", "/a", cost={"USD": Decimal("0.2")})
        ctx.authorize("fs.read", "/a", cost={"USD": Decimal("0.1"), "EUR": Decimal(5)})
        assert ctx.job.apply_cost_metric("cost.y", "0.05", "USD") == Decimal("0.05")
        assert ctx.job.apply_cost_metric("cost.y", 1, "EUR") is None
        assert ctx.job.apply_cost_metric("tokens", 1, None) is None
        return left

    async with serving({"agent": agent}) as served:
        client = await served.client()
        lease = {"cost.budget": ["USD:0.10", "USD:0.20"], "fs.read": ["/a"]}
        job = await client.submit(agent="agent", lease_request=lease)
        events = [event["body"] async for event in job.events()]
        assert (await job.done).result == ["0.1"]
        told = [body["value"] for body in events if body["name"] == "cost.budget.remaining"]
        assert told[-1] == 0.05


async def test_what_is_spent_allows_nothing_more() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        await ctx.metric({"name": "cost.x", "value": 2, "unit": "USD"})
        ctx.authorize("fs.read", "/a")

    async with serving({"agent": agent}) as served:
        lease = {"cost.budget": ["USD:1"], "fs.read": ["/a"]}
        with pytest.raises(BudgetExhaustedError):
            await _result(served, lease_request=lease)


@pytest.mark.parametrize("amount", ["USD:1e3", "USD:-1", "USD:inf", "USD:NaN", "USD", ":1"])
async def test_amounts_that_are_none(amount: str) -> None:
    async with serving({"echo": echo}) as served:
        with pytest.raises(InvalidRequestError):
            await _result(served, "echo", lease_request={"cost.budget": [amount]})


# Time.


def _in(seconds: float) -> LeaseConstraints:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return LeaseConstraints(expires_at=until.isoformat().replace("+00:00", "Z"))


async def test_a_lease_that_ends_ends_its_job() -> None:
    audit: list[dict[str, Any]] = []
    holding = Holding()
    async with serving({"hold": holding}, audit=audit.append) as served:
        client = await served.client()
        job = await client.submit(agent="hold", lease_constraints=_in(0.15))
        with pytest.raises(LeaseExpiredError):
            await job.done
        await holding.ended.wait()
        assert holding.was_cancelled
        assert any(job.job_id in str(one) for one in audit)


async def test_a_time_that_is_to_come_can_be_asked_about() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        assert ctx.lease_constraints is not None
        ctx.authorize("fs.read", "/a")
        ctx.authorize("fs.read", "/a", now=datetime.now(UTC))
        ctx.authorize("fs.read", "/a", now=datetime.now(UTC) + timedelta(hours=2))

    async with serving({"agent": agent}) as served:
        with pytest.raises(LeaseExpiredError):
            await _result(served, lease_request={"fs.read": ["/a"]}, lease_constraints=_in(3600))


async def test_times_that_are_over_and_such_as_are_far() -> None:
    async with serving({"echo": echo}) as served:
        for days in (25, 400):
            constraints = _in(days * 86_400)
            assert await _result(served, "echo", lease_constraints=constraints, input=1) == 1
        with pytest.raises(InvalidRequestError):
            await _result(served, "echo", lease_constraints=_in(-5))


# Delegation.


async def test_work_is_delegated_within_the_lease() -> None:
    children: list[Any] = []

    async def child(given: Any, ctx: JobContext) -> Any:
        children.append((ctx.job.parent_job_id, ctx.lease, ctx.trace_id))
        await ctx.metric({"name": "cost.x", "value": 1, "unit": "USD"})
        return [given]

    async def agent(given: Any, ctx: JobContext) -> Any:
        lease: Lease = {"fs.read": ["/a/b"], "cost.budget": ["USD:2"]}
        delegated = await ctx.delegate(
            "child", given, delegate_id="d", lease_request=lease, lease_constraints=_in(60)
        )
        assert delegated.delegate_id == "d"
        return [await delegated, delegated.job_id, str(ctx.budget["USD"])]

    async with serving({"agent": agent, "child": child}) as served:
        client = await served.client()
        lease = {"agent.delegate": ["child"], "fs.read": ["/a/**"], "cost.budget": ["USD:5"]}
        job = await client.submit(agent="agent", input="x", lease_request=lease)
        kinds = [event.kind async for event in job.events()]
        told: list[Any] = await job.result()
        result, child_id, left = told
        assert (result, left) == (["x"], "4")
        assert "delegate" in kinds
        assert "tool_result" in kinds
        trace = job.trace_id
        assert children == [(job.job_id, {"fs.read": ["/a/b"], "cost.budget": ["USD:2"]}, trace)]
        (listed,) = [one for one in (await client.list_jobs()).jobs if one.job_id == child_id]
        assert listed.parent_job_id == job.job_id


async def test_delegations_that_are_refused() -> None:
    async def agent(given: Any, ctx: JobContext) -> list[str]:  # noqa: ARG001
        return [
            await _fails(lambda: ctx.delegate("other"), PermissionDeniedError),
            await _fails(lambda: ctx.delegate("nobody"), AgentNotAvailableError),
            await _fails(
                lambda: ctx.delegate("child", lease_request={"fs.write": ["/"]}),
                LeaseSubsetViolationError,
            ),
            await _fails(lambda: ctx.delegate("child", object()), InvalidRequestError),
        ]

    async with serving({"agent": agent, "child": echo, "other": echo}) as served:
        lease = {"agent.delegate": ["child", "nobody"]}
        result = await _result(served, lease_request=lease)
        assert result == [
            "PERMISSION_DENIED",
            "AGENT_NOT_AVAILABLE",
            "LEASE_SUBSET_VIOLATION",
            "INVALID_REQUEST",
        ]


async def test_how_a_delegated_job_fails_is_raised() -> None:
    async def child(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        raise BudgetExhaustedError("no more")

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        # One whose end nobody asks for.
        await ctx.delegate("child")
        await ctx.emit("delegate", {"agent": "child", "input": 1, "delegate_id": "by-event"})
        await (await ctx.delegate("child"))

    async with serving({"agent": agent, "child": child}) as served:
        with pytest.raises(BudgetExhaustedError, match="no more"):
            await _result(served, lease_request={"agent.delegate": ["*"]})


async def test_a_delegated_job_ends_with_who_delegated_it() -> None:
    child = Holding()

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        await (await ctx.delegate("child"))

    async with serving({"agent": agent, "child": child}) as served:
        client = await served.client()
        job = await client.submit(agent="agent", lease_request={"agent.delegate": ["*"]})
        await child.started.wait()
        await job.cancel()
        await child.ended.wait()
        assert child.was_cancelled
        with pytest.raises(CancelledError):
            await job.done


# Results in parts.


async def _collected(served: Serving, **options: Any) -> tuple[Any, JobHandle]:
    client = await served.client(**options)
    job = await client.submit(agent="agent")
    return await job.result(), job


async def test_a_result_of_bytes_comes_in_parts() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            assert result.result_id == f"res_{ctx.job_id}"
            for number in range(5):
                await result.write(bytes([number]) * 1000)
            await result.write("AAE=", encoding="base64")
            await result.write(b"")

    async with serving({"agent": agent}, chunk_size_cap=512) as served:
        whole, job = await _collected(served)
        assert whole == b"".join(bytes([number]) * 1000 for number in range(5)) + b"\x00\x01"
        done = await job.done
        assert done.result_id
        assert done.result_size == len(whole)
        other = await (await served.client()).subscribe(job.job_id, history=True)
        parts = [part async for part in other.handle.chunks()]
        assert [part["chunk_seq"] for part in parts] == list(range(len(parts)))
        assert all(len(part["data"]) <= 700 for part in parts)
        assert {part["encoding"] for part in parts} == {"base64"}
        assert [part["more"] for part in parts][-1] is False


async def test_a_result_of_text_and_its_summary() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        result = ctx.stream_result(result_id="mine")
        await result.write("äöü" * 100)
        await result.close(summary="umlauts")
        await result.close()
        with pytest.raises(InvalidRequestError, match="closed"):
            await result.write("more")

    async with serving({"agent": agent}, chunk_size_cap=64) as served:
        whole, job = await _collected(served)
        assert whole.decode() == "äöü" * 100
        assert (await job.done).summary == "umlauts"


async def test_parts_as_the_wire_has_them() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        await ctx.result_chunk({"data": "AA==", "encoding": "base64", "more": True})
        await ctx.emit("result_chunk", {"data": "AQ==", "encoding": "base64", "more": False})

    async with serving({"agent": agent}) as served:
        whole, _ = await _collected(served)
        assert whole == b"\x00\x01"


async def test_a_stream_that_is_left_by_an_exception_fails_the_job() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            await result.write("half")
            raise ValueError("torn")

    async with serving({"agent": agent}) as served:
        with pytest.raises(InternalError, match="torn"):
            await _collected(served)


async def test_parts_that_were_not_negotiated_are_gathered() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            for piece in ("a", "b", "c"):
                await result.write(piece)

    async with serving({"agent": agent}) as served:
        whole, job = await _collected(served, features=("ack",))
        assert whole == "abc"
        assert (await job.done).result_id is None


async def test_a_result_that_is_too_large_fails_retryably() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            for _ in range(10):
                await result.write(b"x" * 100)

    async with serving({"agent": agent}, settings={"max_result": 500}) as served:
        with pytest.raises(InternalError) as failed:
            await _collected(served)
        assert failed.value.retryable


async def test_text_does_not_follow_on_bytes() -> None:
    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            await result.write(b"\xff\xfe")
            await result.write("text")
            with pytest.raises(InvalidRequestError):
                await ctx._running.chunk(5, more=True)  # type: ignore[arg-type]

    async with serving({"agent": agent}) as served:
        with pytest.raises(ARCPError):
            await _collected(served)


# Policies.


async def test_a_policy_opens_jobs_to_others() -> None:
    asked: list[tuple[str, str, str, str]] = []

    def policy(about: AuthorizationContext) -> bool:
        job = about.job
        asked.append((about.requester_principal, job.submitter_principal, job.agent, job.state))
        if about.operation == "cancel":
            raise RuntimeError("who knows")
        return job.agent == "open"

    holding = Holding()
    async with serving(
        {"open": holding, "secret": holding}, job_authorization_policy=policy
    ) as served:
        client, bob = await served.client(), await served.client("t-bob")
        opened, secret = [await client.submit(agent=name) for name in ("open", "secret")]
        await holding.started.wait()
        assert [one.job_id for one in (await bob.list_jobs()).jobs] == [opened.job_id]
        subscription = await bob.subscribe(opened.job_id)
        with pytest.raises(PermissionDeniedError):
            await bob.subscribe(secret.job_id)
        # A policy that fails says no.
        with pytest.raises((PermissionDeniedError, JobNotFoundError)):
            await bob.cancel_job(opened.job_id)
        holding.go_on.set()
        await subscription.handle.done
        assert ("bob", "alice", "open", "running") in asked


async def test_the_existence_of_jobs_is_concealed_by_a_setting() -> None:
    async with serving({"echo": echo}, settings={"conceal_existence": True}) as served:
        job = await (await served.client()).submit(agent="echo")
        with pytest.raises(JobNotFoundError):
            await (await served.client("t-bob")).subscribe(job.job_id)


async def test_who_asks_about_jobs_is_audited() -> None:
    audit: list[dict[str, Any]] = []
    async with serving({"echo": echo}, audit=audit.append) as served:
        job = await (await served.client()).submit(agent="echo")
        with pytest.raises(PermissionDeniedError):
            await (await served.client("t-bob")).subscribe(job.job_id)
        (told,) = [one for one in audit if "bob" in one.values()]
        assert job.job_id in told.values()


# Credentials.


def _issue(lease: Lease, ctx: JobCredentialContext) -> tuple[Credential, ...]:
    held = CredentialConstraints(
        cost_budget=tuple(lease.get("cost.budget", ())),
        model_use=("m-*",),
        expires_at="2999-01-01T00:00:00Z",
    )
    return (
        Credential("c1", "bearer", "value-one", "https://a.test", "openai", held),
        Credential(f"c2-{ctx.agent}", "bearer", "value-two", "https://b.test"),
    )


def _issuing(**options: Any) -> dict[str, Any]:
    return {
        "credential_provisioner": InMemoryCredentialProvisioner(factory=_issue),
        "revocation_log": InMemoryRevocationLog(),
        **options,
    }


async def test_credentials_are_the_submitters_and_are_revoked() -> None:
    issuing = _issuing()
    holding = Holding()
    async with serving({"hold": holding}, **issuing) as served:
        end, _ = await served.raw()
        client = await served.client()
        job = await client.submit(agent="hold", lease_request={"cost.budget": ["USD:1"]})
        first, second = job.credentials
        assert (first.value, second.value) == ("value-one", "value-two")
        assert "value-one" not in repr(job.accepted)
        assert first.constraints is not None
        assert tuple(first.constraints.model_use) == ("m-*",)
        await holding.started.wait()
        seen = holding.contexts[0].credentials
        assert [one.id for one in seen] == ["c1", "c2-hold"]
        assert seen[0].constraints == CredentialConstraints(
            ("USD:1",), ("m-*",), "2999-01-01T00:00:00Z"
        )
        assert len(await issuing["revocation_log"].outstanding()) == 2
        # Nobody else is told, nor lists.
        await end.send(_asked("job.subscribe", {"job_id": job.job_id, "history": True}))
        await end.send(_asked("session.list_jobs", {}))
        said = [await until(end, "job.subscribed"), await until(end, "session.jobs")]
        assert "value-" not in str(said)
        holding.go_on.set()
        await job.done
        provisioner = issuing["credential_provisioner"]
        await when(lambda: len(provisioner.revoked) == 2)
        assert sorted(provisioner.revoked) == ["c1", "c2-hold"]
        await when(lambda: not issuing["revocation_log"]._outstanding)


def _asked(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"arcp": "1.1", "id": kind, "type": kind, "payload": payload}


async def test_a_new_value_is_told_the_submitter_alone() -> None:
    go_on = asyncio.Event()

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        await go_on.wait()
        await ctx.rotate_credential("c1", "value-new")
        with pytest.raises(ARCPError):
            await ctx.rotate_credential("c9", "x")

    async with serving({"agent": agent}, **_issuing()) as served:
        client, other = await served.client(), await served.client()
        job = await client.submit(agent="agent")
        subscription = await other.subscribe(job.job_id)
        go_on.set()
        (told,) = [event async for event in job.events()]
        assert told["body"]["value"] == "value-new"
        # A repr goes to logs.
        assert "value-new" not in repr(told)
        watched = [event async for event in subscription.handle.events()]
        assert watched
        assert "value-new" not in str([dict(event["body"]) for event in watched])


async def test_no_credentials_no_job(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(InMemoryCredentialProvisioner):
        error: Exception = ValueError("with the secret s3cr3t")

        async def issue(self, lease: Lease, ctx: JobCredentialContext) -> tuple[Credential, ...]:
            if ctx.agent == "echo":
                raise self.error
            return await super().issue(lease, ctx)

    provisioner = Failing()
    options = _issuing(credential_provisioner=provisioner)
    async with serving({"echo": echo}, **options) as served:
        client = await served.client()
        with pytest.raises(InternalError) as failed:
            await client.submit(agent="echo")
        assert "s3cr3t" not in str(failed.value)
        assert "no credentials for job" in caplog.text
        provisioner.error = PermissionDeniedError("not for you")
        with pytest.raises(PermissionDeniedError, match="not for you"):
            await client.submit(agent="echo")


async def test_a_revocation_that_fails_is_not_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(InMemoryCredentialProvisioner):
        tried = asyncio.Event()

        async def revoke(self, credential_id: str) -> None:
            self.tried.set()
            raise OSError(f"the gateway is away: {credential_id}")

    provisioner = Failing()
    options = _issuing(credential_provisioner=provisioner)
    async with serving({"echo": echo}, **options) as served:
        await _result(served, "echo")
        await provisioner.tried.wait()
    assert "could not be revoked" in caplog.text
    assert len(await options["revocation_log"].outstanding()) == 1
    # The next runtime does it.
    later = InMemoryCredentialProvisioner()
    options["credential_provisioner"] = later
    async with serving({"echo": echo}, **options) as served:
        await served.client()
        await when(lambda: bool(later.revoked))
    assert not await options["revocation_log"].outstanding()


async def test_credentials_that_another_runtime_left_are_revoked() -> None:
    issuing = _issuing()
    await issuing["revocation_log"].record("job_before", "old-credential")
    async with serving({"echo": echo}, **issuing) as served:
        await served.client()
        await when(lambda: not issuing["revocation_log"]._outstanding)
        assert issuing["credential_provisioner"].revoked == ("old-credential",)


async def test_who_issues_must_remember() -> None:
    with pytest.raises(InvalidRequestError, match="revocation_log"):
        async with serving(credential_provisioner=InMemoryCredentialProvisioner()):
            pass
