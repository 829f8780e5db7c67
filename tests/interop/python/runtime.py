"""A Python SDK as a runtime: prints its URL and serves. Run as it is, it is the official one."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

from arcp.runtime import (
    Agent,
    ARCPRuntime,
    CredentialProvisioner,
    InMemoryRevocationLog,
    JobContext,
    StaticBearerVerifier,
)

import arcp


async def echo(given: Any, ctx: JobContext) -> Any:
    await ctx.status("working", "starting")
    await ctx.log("info", "hello from agent")
    await ctx.thought("thinking")
    await ctx.tool_call({"tool": "search.web", "args": {"q": "x"}, "call_id": "c1"})  # type: ignore[typeddict-unknown-key]
    await ctx.tool_result({"call_id": "c1", "result": {"ok": True}})  # type: ignore[typeddict-unknown-key]
    await ctx.metric({"name": "cost.inference", "value": Decimal("0.25"), "unit": "USD"})  # type: ignore[typeddict-item]
    if hasattr(ctx, "artifact_ref"):
        await ctx.artifact_ref({"uri": "s3://b/k", "content_type": "text/plain", "byte_size": 3})
    await ctx.progress(1, total=2, units="steps", message="half")
    return {"echoed": given}


async def chunky(given: Any, ctx: JobContext) -> Any:
    stream = ctx.stream_result()
    # One that ours begins with text is text throughout; with the official SDK parts are what they are.
    is_ours = hasattr(ctx, "delegate")
    await stream.write(b"hello " if is_ours else "hello ")
    await stream.write("world ")
    await stream.write(b"\x00\xff")
    return await stream.close()


async def slow(given: Any, ctx: JobContext) -> Any:
    count = (given or {}).get("n", 1000)
    for number in range(count):
        await ctx.progress(number, total=1000)
        await asyncio.sleep(0.05)
    return {"done": count}


async def noop(given: Any, ctx: JobContext) -> Any:
    return None


async def boom(given: Any, ctx: JobContext) -> Any:
    raise RuntimeError("boom")


async def spend(given: Any, ctx: JobContext) -> Any:
    count = 0
    with contextlib.suppress(arcp.BudgetExhaustedError):
        while True:
            ctx.authorize("tool.call", "search.web")
            await ctx.metric({"name": "cost.search", "value": Decimal("0.42"), "unit": "USD"})  # type: ignore[typeddict-item]
            count += 1
    return {"spent": count}


async def serve(who: arcp.RuntimeInfo, conform: Agent, provisioner: CredentialProvisioner) -> None:
    """Serves the agents of every session, and the one that does as it is told."""
    runtime = ARCPRuntime(
        runtime=who,
        bearer=StaticBearerVerifier({"tok-a": "a", "tok-b": "b"}),
        heartbeat_interval_sec=2,
        credential_provisioner=provisioner,
        revocation_log=InMemoryRevocationLog(),
    )
    for version in ("1.0.0", "2.0.0"):
        runtime.register_agent_version("echo", version, echo)
    runtime.set_default_agent_version("echo", "2.0.0")
    for version in ("1.0.0", "1.1.0"):
        runtime.register_agent_version("conform", version, conform)
    runtime.set_default_agent_version("conform", "1.1.0")
    for agent in (chunky, slow, noop, boom, spend):
        runtime.register_agent(agent.__name__, agent)
    server = await arcp.serve_websocket(runtime.accept, host="127.0.0.1", port=0)
    port = next(iter(server.sockets)).getsockname()[1]
    print(f"ws://127.0.0.1:{port}/arcp", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    from conform import Nowhere, conform

    asyncio.run(serve(arcp.RuntimeInfo(name="official", version="1.1.3"), conform, Nowhere()))
