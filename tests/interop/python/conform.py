"""The agent `conform` of `ixt arcp conform` for Python: docs/arcp/conform.md says what each step is to do.

It uses what a job's context offers to agents, of our package or of the official SDK, which are called the same. What a
context has no way for is told as `unsupported`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from arcp.runtime import Credential, JobContext, JobCredentialContext, ResultStream

from arcp import ARCPError, Lease, LeaseConstraints

#: What the credential of each job is called.
CREDENTIAL = "cred_conform"


class Nowhere:
    """Makes credentials of no service, so that there is something to keep secret."""

    async def issue(self, lease: Lease, job: JobCredentialContext) -> tuple[Credential, ...]:
        return (
            Credential(
                id=CREDENTIAL,
                scheme="bearer",
                value=f"of-{job.job_id}",
                endpoint="https://gateway.invalid/v1",
                profile="generic",
            ),
        )

    async def revoke(self, credential_id: str) -> None:
        """There is nothing to revoke."""


class UnsupportedError(Exception):
    """A step that a job's context has no way for."""


def emitter(ctx: JobContext, kind: str, body: dict[str, Any]) -> Callable[[], Awaitable[None]]:
    """What emits an event: the context's one way for all kinds, or its method of the kind."""
    if hasattr(ctx, "emit"):
        return lambda: ctx.emit(kind, body)
    emitters: dict[str, Callable[[], Awaitable[None]]] = {
        "log": lambda: ctx.log(body["level"], body["message"]),
        "thought": lambda: ctx.thought(body["text"]),
        "tool_call": lambda: ctx.tool_call(body),
        "tool_result": lambda: ctx.tool_result(body),
        "status": lambda: ctx.status(body["phase"], body.get("message")),
        "metric": lambda: ctx.metric(body),
        "progress": lambda: ctx.progress(**body),
    }
    if kind not in emitters:
        raise UnsupportedError(f"emit {kind}")
    return emitters[kind]


async def emit(ctx: JobContext, kind: str, body: dict[str, Any]) -> None:
    """Emits an event; one that the runtime refuses is left out."""
    emitting = emitter(ctx, kind, body)
    with contextlib.suppress(ARCPError, ValueError):
        await emitting()


async def told(ctx: JobContext, call_id: str, authorize: Callable[[], object]) -> None:
    """What came of an operation under the lease."""
    try:
        authorize()
    except ARCPError as why:
        await ctx.tool_result({"call_id": call_id, "error": why.to_payload()})
    else:
        await ctx.tool_result({"call_id": call_id, "result": {"ok": True}})


class Steps:
    """A job on its way through its steps."""

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.stream: ResultStream | None = None

    async def chunk(self, data: str | bytes) -> None:
        """A part of the job's result."""
        self.stream = self.stream or self.ctx.stream_result()
        await self.stream.write(data)

    async def part(self, data: str) -> None:
        """One part, however large: a stream of ours would write a larger one as several."""
        if not hasattr(self.ctx, "emit"):
            await self.chunk(data)
            return
        self.stream = self.stream or self.ctx.stream_result()
        await self.ctx.result_chunk({"data": data, "more": True})

    async def delegate(self, how: dict[str, Any]) -> None:
        """Delegates a job, and does not wait for it; the runtime tells a refusal itself."""
        if not hasattr(self.ctx, "delegate"):
            raise UnsupportedError("delegate")
        constraints = how.get("lease_constraints")
        with contextlib.suppress(ARCPError):
            await self.ctx.delegate(
                how["agent"],
                how.get("input"),
                delegate_id="d1",
                lease_request=how.get("lease_request"),
                lease_constraints=(
                    None if constraints is None else LeaseConstraints.model_validate(constraints)
                ),
            )

    async def take(self, number: int, what: str, how: Any) -> None:
        """Takes one step."""
        ctx = self.ctx
        match what:
            case "emit":
                await emit(ctx, how["kind"], how["body"])
            case "repeat":
                for _ in range(how["count"]):
                    await emit(ctx, how["emit"]["kind"], how["emit"]["body"])
                    await asyncio.sleep(how.get("every_ms", 0) / 1000)
            case "wait":
                await asyncio.sleep(how / 1000)
            case "call":
                call_id = f"c{number}"
                await ctx.tool_call({"tool": how, "args": {}, "call_id": call_id})
                await told(ctx, call_id, lambda: ctx.authorize("tool.call", how))
            case "model":
                await told(ctx, "model", lambda: ctx.authorize_model(how))
            case "cost":
                value = Decimal(str(how["value"]))
                body = {"name": "cost.conform", "value": value, "unit": how["unit"]}
                await emit(ctx, "metric", body)
            case "delegate":
                await self.delegate(how)
            case "chunk":
                await self.chunk(how if isinstance(how, str) else base64.b64decode(how["base64"]))
            case "chunk_of":
                await self.part("x" * how)
            case "rotate":
                await ctx.rotate_credential(CREDENTIAL, f"of-{ctx.job_id}-{number}")
            case _:
                raise UnsupportedError(what)


async def conform(given: Any, ctx: JobContext) -> Any:
    """Takes the steps of the input, in order."""
    steps = Steps(ctx)
    result = None
    for number, step in enumerate(given["steps"]):
        [(what, how)] = step.items()
        if what == "fail":
            raise RuntimeError(how)
        if what == "result":
            result = how
            break
        try:
            await steps.take(number, what, how)
        except UnsupportedError as why:
            await ctx.status("unsupported", str(why))
    if steps.stream is not None:
        await steps.stream.close()
        return None
    return result
