"""Versions of an agent: the default one, a pinned one, and one that is not there (§7.5)."""

from __future__ import annotations

from typing import Any

from arcp import AgentVersionNotAvailableError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def summarize(_: Any, ctx: JobContext) -> Any:
    return {"version": ctx.agent_version}


async def serve(port: int) -> None:
    runtime = make_runtime("agent-versions", features=["agent_versions"])
    for version in ("1.0.0", "1.2.3", "2.0.0-rc.1"):
        runtime.register_agent_version("summarize", version, summarize)
    await serve_runtime(runtime.set_default_agent_version("summarize", "1.2.3"), port)


async def client(url: str) -> None:
    async with session(url, "agent-versions", features=("agent_versions",)) as arcp:
        agents = arcp.welcome.capabilities.agents if arcp.welcome else ()
        print(f"offered: {[entry.model_dump() for entry in agents if not isinstance(entry, str)]}")
        for ref, version in (("summarize", "1.2.3"), ("summarize@1.0.0", "1.0.0")):
            job = await arcp.submit(agent=ref)
            print(f"{ref} is {job.agent_ref}")
            expect("another version has run", (await job.done).result == {"version": version})
        try:
            await arcp.submit(agent="summarize@9.9.9")
        except AgentVersionNotAvailableError as error:
            print(f"{error.code}: {error.message}")
        else:
            expect("a version that is not there has run", False)


if __name__ == "__main__":
    example(port=7889, client=client, serve=serve)
