"""A reader that falls asleep slows its agent down, and loses nothing (§6.5)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from arcp import Transport, WebSocketTransport
from arcp.client import AutoAckOptions
from arcp.examples._run import example, expect, make_runtime, new_client
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext

EVENTS = 3000
PADDING = "x" * 8192
NAP = 0.5


async def chatty(_: Any, ctx: JobContext) -> Any:
    waited = 0.0
    for number in range(EVENTS):
        began = time.monotonic()
        # Returns once there is room again.
        await ctx.log("info", PADDING, attributes={"i": number})
        pause = time.monotonic() - began
        if pause > 0.1:
            await ctx.status("back_pressure", f"waited {pause:.1f} s for the reader")
        waited += pause
    return {"waited": round(waited, 1)}


async def serve(port: int) -> None:
    # The agent waits while 50 events have not left; after 5 s it would go on without its reader.
    settings = {"backlog": 50, "patience_ms": 5000}
    runtime = make_runtime("ack-backpressure", features=["ack"], settings=settings)
    await serve_runtime(runtime.register_agent("chatty", chatty), port)


class Sleepy:
    """A transport that does not read for a while. Any object with these four members is one."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.is_asleep = False

    async def recv(self) -> dict[str, Any]:
        if self.is_asleep:
            await asyncio.sleep(NAP)
            self.is_asleep = False
        return await self.inner.recv()

    async def send(self, envelope: dict[str, Any]) -> None:
        await self.inner.send(envelope)

    async def close(self) -> None:
        await self.inner.close()

    @property
    def is_closed(self) -> bool:
        return self.inner.is_closed


async def client(url: str) -> None:
    # Says that it is done with events after every 100 of them, and five times a second.
    acks = AutoAckOptions(every_n=100, interval_sec=0.2)
    async with new_client("ack-backpressure", features=("ack",), auto_ack=acks) as arcp:
        transport = Sleepy(await WebSocketTransport.connect(url))
        await arcp.connect(transport)
        job = await arcp.submit(agent="chatty")
        transport.is_asleep = True
        numbers: list[int] = []
        pauses = 0
        async for event in job.events():
            if event.kind == "status":
                pauses += 1
                print(f"after {len(numbers)} events: {event.body['message']}")
            else:
                numbers.append(event.body["attributes"]["i"])
        print(f"{len(numbers)} events, {(await job.done).result}")
        expect("the agent did not wait for its reader", pauses > 0)
        expect("an event is missing", numbers == list(range(EVENTS)))


if __name__ == "__main__":
    example(port=7886, client=client, serve=serve)
