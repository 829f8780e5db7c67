"""The agent `conform` of `ixt arcp conform` by the official SDK: docs/arcp/conform.md says what each step is to do.

It uses what a job's context offers to agents. What that has no way for is told as `unsupported`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from arcp.runtime import Credential, JobContext, JobCredentialContext, ResultStream

from arcp import ARCPError, Lease

CREDENTIAL = "cred_conform"


class Nowhere:
    """Makes credentials of no service, so that there is something to keep secret."""

    async def issue(self, _: Lease, job: JobCredentialContext) -> tuple[Credential, ...]:
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
        pass


class UnsupportedError(Exception):
    """A step that a job's context has no way for."""


async def emit(ctx: JobContext, kind: str, body: dict[str, Any]) -> None:
    """Emits an event by the method of its kind; one that the runtime refuses is left out."""
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
    with contextlib.suppress(ARCPError, ValueError):
        await emitters[kind]()


async def told(ctx: JobContext, call_id: str, authorize: Callable[[], None]) -> None:
    """What came of an operation under the lease."""
    try:
        authorize()
    except ARCPError as why:
        error = {"code": why.code, "message": why.message, "retryable": why.retryable}
        await ctx.tool_result({"call_id": call_id, "error": error})
    else:
        await ctx.tool_result({"call_id": call_id, "result": {"ok": True}})


class Steps:
    """A job on its way through its steps."""

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.stream: ResultStream | None = None

    async def chunk(self, data: str | bytes) -> None:
        self.stream = self.stream or self.ctx.stream_result()
        await self.stream.write(data)

    async def take(self, number: int, what: str, how: Any) -> None:
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
                await emit(
                    ctx, "metric", {"name": "cost.conform", "value": value, "unit": how["unit"]}
                )
            case "chunk":
                await self.chunk(how if isinstance(how, str) else base64.b64decode(how["base64"]))
            case "chunk_of":
                await self.chunk(b"x" * how)
            case "rotate":
                await ctx.rotate_credential(CREDENTIAL, f"of-{ctx.job_id}-{number}")
            case _:
                # Its agents have no way to delegate.
                raise UnsupportedError(what)


async def conform(given: Any, ctx: JobContext) -> Any:
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
