"""Either side knows within two intervals that the other one is gone; pings fill silence (§6.4).

A silent peer is made by hand here: a transport whose frames nobody answers.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from arcp import TransportClosed, WebSocketTransport
from arcp.examples._run import TOKEN, example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

INTERVAL = 1


async def long(given: Any, _: JobContext) -> Any:
    await asyncio.sleep(given or 12)
    return {"ok": True}


async def serve(port: int) -> None:
    runtime = make_runtime("heartbeat", features=["heartbeat"], heartbeat_interval_sec=INTERVAL)
    await serve_runtime(runtime.register_agent("long", long), port)


async def client(url: str) -> None:
    async with session(url, "heartbeat", features=("heartbeat",)) as arcp:
        expect("no heartbeat was agreed on", arcp.has_feature("heartbeat"))
        interval = arcp.welcome.heartbeat_interval_sec if arcp.welcome else None
        print(f"something comes every {interval} s")
        # A silent job is no silent connection: the client answers pings by itself.
        quiet, ended = await asyncio.gather(living(arcp), silent(url))
        print(f"a job of {quiet:.1f} s went on; a silent client was left after {ended:.1f} s")
        expect("the silent client was left at another time", INTERVAL < ended < 3.5 * INTERVAL)


async def living(arcp: Any) -> float:
    began = time.monotonic()
    job = await arcp.submit(agent="long", input=2.5 * INTERVAL)
    expect("the job was lost", (await job.done).result == {"ok": True})
    return time.monotonic() - began


async def silent(url: str) -> float:
    transport = await WebSocketTransport.connect(url)
    await transport.send(
        {
            "arcp": "1.1",
            "id": "hello",
            "type": "session.hello",
            "payload": {
                "client": {"name": "silent", "version": "1"},
                "auth": {"scheme": "bearer", "token": TOKEN},
                "capabilities": {"encodings": ["json"], "features": ["heartbeat"]},
            },
        }
    )
    began = time.monotonic()
    types: list[str] = []
    try:
        while True:
            frame = json.loads(await transport.recv_frame())
            types.append(frame["type"])
    except TransportClosed:
        pass
    print(f"the silent client was sent {types}")
    expect("it was not asked", "session.ping" in types)
    return time.monotonic() - began


if __name__ == "__main__":
    example(port=7885, client=client, serve=serve)
