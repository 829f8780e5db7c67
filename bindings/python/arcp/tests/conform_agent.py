"""The agent ``conform``: it does as its input tells it, for ``ixt arcp conform``.

``docs/arcp/conform.md`` says what each step is to do. What the runtime refuses of a call, a model
or a delegation is told as a ``tool_result``, and the next step follows.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arcp import ARCPError, InvalidRequestError, Lease, LeaseConstraints
from arcp.runtime import Credential, JobContext, JobCredentialContext, ResultStream

CREDENTIAL = "cred_conform"
"""What the credential of each job is called."""


class Nowhere:
    """Makes credentials of no service, so that there is something to keep secret."""

    async def issue(self, lease: Lease, job: JobCredentialContext) -> tuple[Credential, ...]:
        del lease
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
        del credential_id


async def emit(ctx: JobContext, event: dict[str, Any]) -> None:
    """Emits an event; one that the runtime refuses is left out."""
    with contextlib.suppress(InvalidRequestError):
        await ctx.emit(event["kind"], event["body"])


async def told(ctx: JobContext, call_id: str, operation: Callable[[], object]) -> None:
    """Does something that needs authority, and tells what came of it."""
    try:
        operation()
    except ARCPError as why:
        await ctx.tool_result({"call_id": call_id, "error": why.to_payload()})
    else:
        await ctx.tool_result({"call_id": call_id, "result": {"ok": True}})


class Steps:
    """A job on its way through its steps."""

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.stream: ResultStream | None = None

    async def write(self, data: str | bytes) -> None:
        """A part of the job's result."""
        self.stream = self.stream or self.ctx.stream_result()
        await self.stream.write(data)

    async def delegate(self, how: dict[str, Any]) -> None:
        """Delegates a job, and does not wait for it; the runtime tells a refusal itself."""
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
                await emit(ctx, how)
            case "repeat":
                for _ in range(how["count"]):
                    await emit(ctx, how["emit"])
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
                await emit(ctx, {"kind": "metric", "body": body})
            case "delegate":
                await self.delegate(how)
            case "chunk":
                await self.write(how if isinstance(how, str) else base64.b64decode(how["base64"]))
            case "chunk_of":
                await ctx.result_chunk({"data": "x" * how, "more": True})
            case "rotate":
                await ctx.rotate_credential(CREDENTIAL, f"of-{ctx.job_id}-{number}")
            case _:
                await ctx.status("unsupported", what)


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
        await steps.take(number, what, how)
    if steps.stream is not None:
        await steps.stream.close()
        return None
    return result
