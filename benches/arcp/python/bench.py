"""Python's side of what benches/arcp.py measures: run with the official SDK it is theirs, and run with our
package, which has the same names, it is ours. As benches/arcp/rust.

    bench.py runtime --listen 127.0.0.1:0 [--heartbeat SECONDS] [--store FILE | --store-normal FILE]
    bench.py client URL MEASURE
    bench.py memory events

A line of JSON for each figure. Where it prints a mark, it goes on once a line is written to it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, JobContext, StaticBearerVerifier

import arcp
from arcp import WebSocketTransport, pair_memory_transports

TOKEN = "bench"
EVENTS = 20_000
FLOOD = 100_000
HISTORY = 5000
SESSIONS = 1000
JOBS = 2000
AT_A_TIME = 64
PAUSE = 0.001
SLEPT = 1_000_000
FINISHED = (5000, 10_000, 20_000)


def tell(**told: object) -> None:
    print(json.dumps(told), flush=True)


async def go_on() -> None:
    if not await asyncio.to_thread(sys.stdin.readline):
        raise SystemExit("the driver is gone")


async def mark(name: str) -> None:
    tell(mark=name)
    await go_on()


# The runtime, with its settings as they are.


async def echo(given: Any, ctx: JobContext) -> Any:
    return given


async def emit(given: Any, ctx: JobContext) -> Any:
    for _ in range(given["count"]):
        await ctx.log("info", "one of many lines of a log")
    if given["stays"]:
        await asyncio.sleep(3600)
    return given["count"]


def runtime(heartbeat: int = 30, **ours: Any) -> ARCPRuntime:
    made = ARCPRuntime(
        runtime=arcp.RuntimeInfo(name="bench", version="1"),
        bearer=StaticBearerVerifier({TOKEN: "bench"}),
        heartbeat_interval_sec=heartbeat,
        **ours,
    )
    return made.register_agent("echo", echo).register_agent("emit", emit)


def stored(given: dict[str, str]) -> dict[str, Any]:
    """Our runtime's store; the official one has none that outlives it."""
    for option, durability in (("--store", "full"), ("--store-normal", "normal")):
        if option in given:
            from arcp.runtime import SqliteStore

            return {"store": SqliteStore(given[option], durability=durability)}
    return {}


async def listen(options: list[str]) -> None:
    given = dict(zip(options[::2], options[1::2], strict=True))
    host, _, port = given["--listen"].rpartition(":")
    serving = runtime(int(given.get("--heartbeat", 30)), **stored(given))
    server = await arcp.serve_websocket(serving.accept, host=host, port=int(port))
    port = next(iter(server.sockets)).getsockname()[1]
    tell(url=f"ws://{host}:{port}/arcp")
    await server.wait_closed()


# What the SDK's own client measures.


async def over(transport: Any) -> ARCPClient:
    client = ARCPClient(client=arcp.ClientInfo(name="bench", version="1"), token=TOKEN)
    await client.connect(transport)
    return client


async def dial(url: str) -> WebSocketTransport:
    """Without compression, which their transport has by default and ours has not: it only costs here."""
    return await WebSocketTransport.connect(url, compression=None)


async def connect(url: str) -> ARCPClient:
    return await over(await dial(url))


async def follow(handle: Any, count: int) -> None:
    """Reads the next `count` events of a job."""
    seen = 0
    async for _ in handle.events():
        seen += 1
        if seen == count:
            return
    raise AssertionError(f"{seen} of {count} events")


async def read(client: ARCPClient, count: int) -> None:
    """All events of a job, and its end."""
    handle = await client.submit(agent="emit", input={"count": count, "stays": False})
    await follow(handle, count)
    told = (await handle.done).result
    assert told == count, told


async def events(client: ARCPClient) -> None:
    await read(client, EVENTS // 10)
    start = time.perf_counter()
    await read(client, EVENTS)
    tell(**{"a second": EVENTS / (time.perf_counter() - start)})


async def run(client: ARCPClient, count: int, at_a_time: int) -> None:
    """Runs jobs, from submit to result, so many at a time."""

    async def some(place: int) -> None:
        for _ in range(place, count, at_a_time):
            handle = await client.submit(agent="echo", input={"x": 1})
            told = (await handle.done).result
            assert told == {"x": 1}, told

    await asyncio.gather(*(some(place) for place in range(at_a_time)))


async def jobs(client: ARCPClient, at_a_time: int) -> None:
    await run(client, JOBS // 10, at_a_time)
    start = time.perf_counter()
    await run(client, JOBS, at_a_time)
    tell(**{"a second": JOBS / (time.perf_counter() - start)})


async def sessions(url: str) -> None:
    await mark("before")
    held = [await connect(url) for _ in range(SESSIONS)]
    await mark("idle")
    del held


async def flood(url: str) -> None:
    client = await connect(url)
    await mark("ready")
    await read(client, FLOOD)


# What clients hide from their users, or lose, frame by frame, on the transport.


class Session:
    """A session by hand."""

    def __init__(self, transport: WebSocketTransport) -> None:
        self.transport = transport
        self.id: str | None = None
        self.sent = 0

    @classmethod
    async def open(cls, url: str, resume: dict[str, Any] | None = None) -> Session:
        session = cls(await dial(url))
        payload: dict[str, Any] = {
            "client": {"name": "bench", "version": "1"},
            "auth": {"scheme": "bearer", "token": TOKEN},
            "capabilities": {
                "encodings": ["json"],
                "features": ["heartbeat", "subscribe", "list_jobs"],
            },
        }
        if resume:
            payload["resume"] = resume
        await session.send("session.hello", payload)
        welcome = await session.until(lambda frame: frame["type"] == "session.welcome")
        session.id = welcome["payload"]["session_id"]
        session.token = welcome["payload"]["resume_token"]
        return session

    async def send(self, kind: str, payload: dict[str, Any]) -> None:
        self.sent += 1
        # An id has to look like a ULID.
        frame = {"arcp": "1.1", "id": f"{self.sent:026}", "type": kind, "payload": payload}
        if self.id:
            frame["session_id"] = self.id
        await self.transport.send(frame)

    async def until(self, is_it: Any) -> dict[str, Any]:
        while True:
            frame = await self.transport.recv()
            assert frame["type"] not in ("session.error", "job.error"), frame
            if is_it(frame):
                return frame

    async def emit(self, count: int) -> str:
        """Begins a job that emits and stays, and gives its id."""
        await self.send("job.submit", {"agent": "emit", "input": {"count": count, "stays": True}})
        accepted = await self.until(lambda frame: frame["type"] == "job.accepted")
        return str(accepted["payload"]["job_id"])

    async def all(self, count: int) -> None:
        """The next events, in their order and without a gap, from the first one on."""
        for due in range(1, count + 1):
            frame = await self.until(lambda frame: frame["type"] == "job.event")
            assert frame["event_seq"] == due, frame


async def ping(url: str) -> None:
    """Pings from one line of the driver to the next."""
    session = await Session.open(url)
    await mark("ready")
    is_over = asyncio.create_task(go_on())
    times: list[float] = []
    while not is_over.done():
        nonce = f"n{len(times)}"
        start = time.perf_counter()
        await session.send("session.ping", {"nonce": nonce, "sent_at": "2026-01-01T00:00:00Z"})
        await session.until(
            lambda frame, nonce=nonce: (
                frame["type"] == "session.pong" and frame["payload"]["ping_nonce"] == nonce
            )
        )
        times.append((time.perf_counter() - start) * 1e3)
        await asyncio.sleep(PAUSE)
    await is_over
    tell(pings=times)


async def history(url: str) -> None:
    """All events of a job, to a session that comes later."""
    owner = await Session.open(url)
    job_id = await owner.emit(HISTORY)
    await owner.all(HISTORY)
    other = await Session.open(url)
    start = time.perf_counter()
    wanted = {"job_id": job_id, "history": True, "from_event_seq": 0}
    await other.send("job.subscribe", wanted)
    await other.all(HISTORY)
    tell(ms=(time.perf_counter() - start) * 1e3)


async def resume(url: str) -> None:
    """All events of a session again, to one who says that it has seen none."""
    first = await Session.open(url)
    await first.emit(HISTORY)
    await first.all(HISTORY)
    await first.transport.close()
    await asyncio.sleep(0.3)
    start = time.perf_counter()
    back = {"session_id": first.id, "resume_token": first.token, "last_event_seq": 0}
    again = await Session.open(url, back)
    await again.all(HISTORY)
    tell(ms=(time.perf_counter() - start) * 1e3)


async def sleep(url: str) -> None:
    """A job that emits all that it may, and nobody who reads it."""
    await mark("0")
    session = await Session.open(url)
    await session.send("job.submit", {"agent": "emit", "input": {"count": SLEPT, "stays": True}})
    for seconds in (3, 6, 9):
        await asyncio.to_thread(time.sleep, 3)
        await mark(str(seconds))


async def finished(url: str) -> None:
    """Jobs that have ended."""
    client = await connect(url)
    await mark("0")
    done = 0
    for until in FINISHED:
        await run(client, until - done, AT_A_TIME)
        done = until
        await mark(str(done))


async def measure(url: str, wanted: str) -> None:
    if wanted == "events":
        await events(await connect(url))
    elif wanted in ("one", "many"):
        await jobs(await connect(url), 1 if wanted == "one" else AT_A_TIME)
    else:
        measures = {
            "sessions": sessions,
            "flood": flood,
            "ping": ping,
            "history": history,
            "resume": resume,
            "sleep": sleep,
            "finished": finished,
        }
        await measures[wanted](url)


async def events_in_memory() -> None:
    here, there = pair_memory_transports()
    served = asyncio.create_task(runtime().accept(there))
    await events(await over(here))
    served.cancel()


def main(arguments: list[str]) -> None:
    match arguments:
        case ["runtime", *options]:
            asyncio.run(listen(options))
        case ["client", url, wanted]:
            asyncio.run(measure(url, wanted))
        case ["memory", "events"]:
            asyncio.run(events_in_memory())
        case _:
            raise SystemExit(__doc__)


main(sys.argv[1:])
