"""A runtime on a route of a Starlette application. Needs starlette and uvicorn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from uvicorn import Config, Server

from arcp.examples._run import example, expect, get, make_runtime, session
from arcp.middleware.asgi import arcp_asgi_app
from arcp.runtime import JobContext


async def echo(given: Any, _: JobContext) -> Any:
    return {"echoed": given}


async def health(_: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


async def serve(port: int) -> None:
    async with make_runtime("host-asgi").register_agent("echo", echo) as runtime:
        # allowed_hosts: names by which this is called, besides addresses and localhost.
        agents = arcp_asgi_app(runtime, allowed_hosts=["agents.example.com"])
        app = Starlette(routes=[Route("/health", health), WebSocketRoute("/arcp", agents)])
        config = Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        server = Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 (it says so by nothing else)
            await asyncio.sleep(0.01)
        bound = server.servers[0].sockets[0].getsockname()[1]
        print(f"listening on ws://127.0.0.1:{bound}/arcp", flush=True)
        await serving


async def client(url: str) -> None:
    answer = json.loads(await get(url, "/health"))
    print(f"/health: {answer}")
    expect("the application does not answer beside", answer == {"ok": True})
    async with session(url, "host-asgi") as arcp:
        done = await (await arcp.submit(agent="echo", input={"k": 1})).done
        print(f"{done.final_status}: {done.result}")
        expect("the echo is another", done.result == {"echoed": {"k": 1}})


if __name__ == "__main__":
    example(port=7896, client=client, serve=serve)
