"""A Python SDK, the official one or ours, as a client: a line of JSON for each step of the session.

Behind the URL stand kinds of events that the runtime's agents have no way to emit.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from arcp.client import ARCPClient

import arcp
from arcp import LeaseConstraints, SessionResume, WebSocketTransport

IS_OURS = hasattr(ARCPClient, "job")


async def connect(url: str, token: str = "tok-a") -> tuple[ARCPClient, Any]:
    client = ARCPClient(client=arcp.ClientInfo(name="official", version="1.1.3"), token=token)
    welcome = await client.connect(await WebSocketTransport.connect(url))
    return client, welcome


async def step(name: str, run: Callable[[], Awaitable[None]]) -> None:
    why = None
    try:
        await asyncio.wait_for(run(), 15)
    except BaseException as error:
        why = f"{type(error).__name__}: {error}"
    print(json.dumps({"step": name, "ok": why is None, "why": why}), flush=True)


def check(holds: bool, what: object) -> None:
    if not holds:
        raise AssertionError(str(what))


async def refused(awaited: Awaitable[Any], code: str) -> None:
    try:
        handle = await awaited
        result = await handle.done
    except arcp.ARCPError as error:
        check(error.code == code, error)
    else:
        raise AssertionError(f"not refused: {result}")


async def main(url: str, lacks: list[str]) -> None:
    made: list[ARCPClient] = []

    async def hello() -> None:
        client, welcome = await connect(url)
        made.append(client)
        check(any(agent.name == "echo" for agent in welcome.capabilities.agents), welcome)

    await step("hello", hello)
    client = made[0]

    async def events() -> None:
        lease = arcp.Lease({"cost.budget": ["USD:1.00"], "tool.call": ["search.*"]})
        handle = await client.submit(agent="echo", input={"x": 1}, lease_request=lease)
        kinds = [event["kind"] async for event in handle.events()]
        for kind in (
            "status",
            "log",
            "thought",
            "tool_call",
            "tool_result",
            "metric",
            "artifact_ref",
            "progress",
        ):
            check(kind in kinds or kind in lacks, f"no {kind} in {kinds}")
        result = await handle.done
        check(result.result == {"echoed": {"x": 1}}, result)

    await step("submit, every kind of event, result", events)

    async def streamed() -> None:
        handle = await client.submit(agent="chunky")
        result = await handle.collect_chunks()
        check(result == b"hello world \x00\xff", result)

    await step("streamed result", streamed)

    async def listing() -> None:
        handle = await client.submit(agent="slow", input={"n": 100})
        jobs = await client.list_jobs()
        await client.cancel_job(handle.job_id)
        check(any(job.job_id == handle.job_id for job in jobs.jobs), jobs)

    await step("list", listing)

    async def cancelled() -> None:
        handle = await client.submit(agent="slow", input={"n": 100})
        await asyncio.sleep(0.2)
        await client.cancel_job(handle.job_id)
        try:
            result = await handle.done
            check(result.final_status == "cancelled", result)
        except arcp.ARCPError as error:
            check(error.code == "CANCELLED", error)

    await step("cancel", cancelled)

    async def subscribed() -> None:
        watcher, _ = await connect(url)
        handle = await client.submit(agent="slow", input={"n": 100})
        await asyncio.sleep(0.3)
        subscription = await watcher.subscribe(handle.job_id, history=True, from_event_seq=0)
        async for event in subscription.handle.events():
            check(event["kind"] == "progress", event)
            # The official client drops what came before its task has seen the answer.
            check(not IS_OURS or event["body"]["current"] == 0, event)
            break
        await client.cancel_job(handle.job_id)
        await watcher.close()

    await step("subscribe with history", subscribed)

    async def foreign() -> None:
        other, _ = await connect(url, "tok-b")
        handle = await client.submit(agent="slow", input={"n": 100})
        try:
            await other.subscribe(handle.job_id)
        except arcp.PermissionDeniedError:
            pass
        else:
            raise AssertionError("it was shown to somebody else")
        with contextlib.suppress(arcp.ARCPError, TimeoutError):
            await asyncio.wait_for(other.cancel_job(handle.job_id), 2)
        await asyncio.sleep(0.1)
        jobs = await client.list_jobs()
        status = next(job.status for job in jobs.jobs if job.job_id == handle.job_id)
        await client.cancel_job(handle.job_id)
        await other.close()
        check(status == "running", status)

    await step("cancel and subscribe by another principal", foreign)

    async def acked() -> None:
        await client.ack(5)
        await client.list_jobs()

    await step("ack", acked)

    async def resumed() -> None:
        first = ARCPClient(client=arcp.ClientInfo(name="official", version="1.1.3"), token="tok-a")
        transport = await WebSocketTransport.connect(url)
        welcome = await first.connect(transport)
        handle = await first.submit(agent="slow", input={"n": 30})
        seen = 0
        async for _ in handle.events():
            seen += 1
            if seen == 5:
                break
        await transport.close()
        again = ARCPClient(client=arcp.ClientInfo(name="official", version="1.1.3"), token="tok-a")
        resume = SessionResume(
            session_id=welcome.session_id, resume_token=welcome.resume_token, last_event_seq=seen
        )
        back = await again.resume(await WebSocketTransport.connect(url), resume=resume)
        check(back.session_id == welcome.session_id, back)
        if IS_OURS:
            # The official client has no way to go on with a job.
            result = await again.job(handle.job_id).done
            check(result.result == {"done": 30}, result)
            await again.close()

    await step("resume in the middle of a job", resumed)
    for name, wanted, code in (
        ("unknown agent", {"agent": "nosuch"}, "AGENT_NOT_AVAILABLE"),
        ("unknown version", {"agent": "echo@9.9.9"}, "AGENT_VERSION_NOT_AVAILABLE"),
        (
            "lease that has ended",
            {
                "agent": "noop",
                "lease_constraints": LeaseConstraints(expires_at="2020-01-01T00:00:00Z"),
            },
            "INVALID_REQUEST",
        ),
    ):
        await step(name, lambda wanted=wanted, code=code: refused(client.submit(**wanted), code))  # type: ignore[misc]

    async def ends(wanted: dict[str, Any], code: str) -> None:
        handle = await client.submit(**wanted)
        try:
            result = await handle.done
        except arcp.ARCPError as error:
            check(error.code == code, error)
        else:
            raise AssertionError(str(result))

    await step("timeout", lambda: ends({"agent": "slow", "max_runtime_sec": 1}, "TIMEOUT"))
    await step("agent that fails", lambda: ends({"agent": "boom"}, "INTERNAL_ERROR"))
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    expires = LeaseConstraints(expires_at=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    await step(
        "lease that ends meanwhile",
        lambda: ends({"agent": "slow", "lease_constraints": expires}, "LEASE_EXPIRED"),
    )

    async def spent() -> None:
        lease = arcp.Lease({"cost.budget": ["USD:1.00"], "tool.call": ["search.*"]})
        handle = await client.submit(agent="spend", lease_request=lease)
        result = await handle.done
        check(result.result == {"spent": 3}, result)

    await step("budget that is spent", spent)
    key = f"k{time.time()}"

    async def again() -> None:
        first = await client.submit(agent="echo", input=1, idempotency_key=key)
        await first.done
        second = await client.submit(agent="echo", input=1, idempotency_key=key)
        check(first.job_id == second.job_id, second.job_id)

    await step("the same key again", again)
    await step(
        "the same key for something else",
        lambda: refused(client.submit(agent="echo", input=2, idempotency_key=key), "DUPLICATE_KEY"),
    )

    async def wrong() -> None:
        try:
            await connect(url, "wrong")
        except arcp.UnauthenticatedError:
            return
        raise AssertionError("let in")

    await step("wrong token", wrong)

    async def quiet() -> None:
        await asyncio.sleep(6)
        handle = await client.submit(agent="noop")
        await handle.done

    await step("a quiet while", quiet)
    await step("close", client.close)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
