"""A runtime on a route of an aiohttp application. Needs aiohttp."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from arcp.examples._run import example, expect, get, make_runtime, session
from arcp.middleware.aiohttp import arcp_aiohttp_handler
from arcp.runtime import JobContext


async def echo(given: Any, _: JobContext) -> Any:
    return {"echoed": given}


async def health(_: web.Request) -> web.Response:
    return web.json_response({"ok": True})


async def serve(port: int) -> None:
    async with make_runtime("host-aiohttp").register_agent("echo", echo) as runtime:
        app = web.Application()
        app.router.add_get("/health", health)
        # allowed_hosts: names by which this is called, besides addresses and localhost.
        agents = arcp_aiohttp_handler(runtime, allowed_hosts=["agents.example.com"])
        app.router.add_get("/arcp", agents)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, host="127.0.0.1", port=port).start()
        print(f"listening on ws://127.0.0.1:{runner.addresses[0][1]}/arcp", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


async def client(url: str) -> None:
    answer = json.loads(await get(url, "/health"))
    print(f"/health: {answer}")
    expect("the application does not answer beside", answer == {"ok": True})
    async with session(url, "host-aiohttp") as arcp:
        done = await (await arcp.submit(agent="echo", input={"k": 1})).done
        print(f"{done.final_status}: {done.result}")
        expect("the echo is another", done.result == {"echoed": {"k": 1}})


if __name__ == "__main__":
    example(port=7897, client=client, serve=serve)
