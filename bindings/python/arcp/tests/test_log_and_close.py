"""What a runtime says before it closes a connection is told where it has an event log, too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from serving import Plain

from arcp import (
    ClientInfo,
    RuntimeInfo,
    Transport,
    UnauthenticatedError,
    WebSocketTransport,
    pair_memory_transports,
    serve_websocket,
)
from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, InMemoryEventLog, StaticBearerVerifier


@pytest.mark.parametrize("over", ["websocket", "memory", "methods"])
async def test_a_refusal_is_told_before_the_end(over: str) -> None:
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="test", version="1"),
        bearer=StaticBearerVerifier({"token": "me"}),
        event_log=InMemoryEventLog(),
    )
    async with runtime, await serve_websocket(runtime.accept, host="127.0.0.1", port=0) as server:
        here, there = pair_memory_transports()
        near: Transport = here
        if over == "websocket":
            near = await WebSocketTransport.connect(f"ws://127.0.0.1:{server.port}/arcp")
        far: Transport = Plain(there) if over == "methods" else there
        serving = asyncio.create_task(runtime.accept(far))
        client = ARCPClient(client=ClientInfo(name="test", version="1"), token="wrong")
        with pytest.raises(UnauthenticatedError):
            await client.connect(near)
        await here.close()
        await asyncio.wait_for(serving, 5)


async def test_a_close_is_answered() -> None:
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="test", version="1"),
        bearer=StaticBearerVerifier({"token": "me"}),
        event_log=InMemoryEventLog(),
    )
    async with runtime, await serve_websocket(runtime.accept, host="127.0.0.1", port=0) as server:
        transport = await WebSocketTransport.connect(f"ws://127.0.0.1:{server.port}/arcp")
        hello = {
            "client": {"name": "test", "version": "1"},
            "auth": {"scheme": "bearer", "token": "token"},
            "capabilities": {"encodings": ["json"], "features": []},
        }
        await transport.send({"arcp": "1.1", "id": "1", "type": "session.hello", "payload": hello})
        welcome = await transport.recv()
        close: dict[str, Any] = {"arcp": "1.1", "id": "2", "type": "session.close", "payload": {}}
        await transport.send({**close, "session_id": welcome["session_id"]})
        assert (await asyncio.wait_for(transport.recv(), 5))["type"] == "session.closed"
        await transport.close()
