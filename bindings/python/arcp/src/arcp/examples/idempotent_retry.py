"""A submit that is sent twice with one key is one job; other parameters are refused (§7.2)."""

from __future__ import annotations

from typing import Any

from arcp import DuplicateKeyError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def agent(given: Any, ctx: JobContext) -> Any:
    return {"agent": ctx.agent, "input": given}


async def serve(port: int) -> None:
    runtime = make_runtime("idempotent-retry")
    await serve_runtime(runtime.register_agent("a", agent).register_agent("b", agent), port)


async def client(url: str) -> None:
    async with session(url, "idempotent-retry") as arcp:
        key = "order-17"
        first = await arcp.submit(agent="a", input={"x": 1}, idempotency_key=key)
        result = (await first.done).result
        # As after a lost answer: the same again, from the same place or another.
        again = await arcp.submit(agent="a", input={"x": 1}, idempotency_key=key)
        print(f"first {first.job_id}, again {again.job_id}")
        expect("the retry is another job", again.job_id == first.job_id)
        expect("the retry has another result", (await again.done).result == result)
        try:
            await arcp.submit(agent="b", input={"x": 1}, idempotency_key=key)
        except DuplicateKeyError as error:
            print(f"{error.code}: {error.message}")
        else:
            expect("the key was taken for something else", False)


if __name__ == "__main__":
    example(port=7881, client=client, serve=serve)
