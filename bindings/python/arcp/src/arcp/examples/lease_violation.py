"""An agent asks before it acts, is refused what its lease does not cover, and goes on (§9.3)."""

from __future__ import annotations

from typing import Any

from arcp import PermissionDeniedError
from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

WISHES = (
    ("fs.read", "/tmp/notes.txt"),
    ("fs.read", "/tmp/../etc/passwd"),
    ("fs.write", "/tmp/notes.txt"),
)


async def cautious(_: Any, ctx: JobContext) -> Any:
    done: list[str] = []
    for number, (capability, target) in enumerate(WISHES):
        result: dict[str, Any] = {"call_id": f"c{number}"}
        try:
            # What comes back is the form that was checked: use that one.
            path = ctx.authorize(capability, target)
            done.append(path)
            result["result"] = {"path": path}
        except PermissionDeniedError as error:
            result["error"] = error.to_payload()
        await ctx.tool_result(result)
    return {"continued": True, "done": done}


async def serve(port: int) -> None:
    await serve_runtime(make_runtime("lease-violation").register_agent("cautious", cautious), port)


async def client(url: str) -> None:
    async with session(url, "lease-violation") as arcp:
        job = await arcp.submit(agent="cautious", lease_request={"fs.read": ["/tmp/*"]})
        codes: list[str] = []
        async for event in job.events():
            error = event.body.get("error")
            codes.append(error["code"] if error else "ok")
            print(f"{event.body['call_id']}: {error['message'] if error else 'allowed'}")
        done = await job.done
        expect("other calls were refused", codes == ["ok", *["PERMISSION_DENIED"] * 2])
        expect(
            "the job has not gone on", done.result == {"continued": True, "done": [WISHES[0][1]]}
        )


if __name__ == "__main__":
    example(port=7882, client=client, serve=serve)
