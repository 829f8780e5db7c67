"""A budget is counted down by what the agent says that it spends, up to its end (§9.6)."""

from __future__ import annotations

from typing import Any

from arcp import BudgetExhaustedError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


async def caller(_: Any, ctx: JobContext) -> Any:
    """Each call costs 0.30 of 1.00: the fourth one is the last."""
    for call in range(1, 6):
        try:
            ctx.authorize("cost.budget", "USD")
        except BudgetExhaustedError as error:
            await ctx.tool_result({"call_id": f"c{call}", "error": error.to_payload()})
            return {"completed": call - 1, "left": str(ctx.budget["USD"])}
        await ctx.metric({"name": "cost.search", "value": 0.30, "unit": "USD"})
        await ctx.tool_result({"call_id": f"c{call}", "result": f"call {call}"})
    return {"completed": 5}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("cost-budget").register_agent("caller", caller), port)


async def client(url: str) -> None:
    async with session(url, "cost-budget", features=("cost.budget",)) as arcp:
        job = await arcp.submit(agent="caller", lease_request={"cost.budget": ["USD:1.00"]})
        left: list[float] = []
        codes: list[str] = []
        async for event in job.events():
            if event.kind == "metric" and event.body["name"] == "cost.budget.remaining":
                left.append(float(event.body["value"]))
            elif event.kind == "tool_result" and "error" in event.body:
                codes.append(event.body["error"]["code"])
        result = await job.result()
        print(f"left: {left}, refused: {codes}, result: {result}")
        expect("it was counted otherwise", left[:3] == [0.7, 0.4, 0.1] and left[-1] <= 0)
        expect("no end of the budget was told", codes == ["BUDGET_EXHAUSTED"])
        expect("another number of calls was made", result["completed"] == 4)


if __name__ == "__main__":
    example(port=7891, client=client, serve=serve)
