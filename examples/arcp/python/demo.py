"""Jobs that survive their connection and, by kill -9, their runtime: the story of `make demo-arcp`, in Python.

Each line that is printed was checked; what is not as it must be ends the demo with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from agents import SHEET, TOKEN, sheets
from arcp.client import ARCPClient, JobHandle

import arcp

HERE = Path(__file__).parent
LEASE = {"fs.read": ["/maps/**"], "cost.budget": ["USD:2.00"]}


def say(text: str) -> None:
    print(text, flush=True)


def must(holds: object, wrong: str) -> None:
    if not holds:
        raise SystemExit(f"it is not as it must be: {wrong}")


class Runtime:
    """The runtime, as a process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = 0
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "agents.py"),
            str(self.port),
            str(self.file),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        must(line.startswith("ready on "), "the runtime did not start")
        self.port = int(line.split()[-1])

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()


class Wire:
    """A wire between client and runtime that can be cut."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ends: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def lay(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/arcp"

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def take_away(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._runtime.port)
        except OSError:
            writer.transport.abort()
            return
        self._ends += [writer, back]
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    @staticmethod
    async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(64 << 10):
                writer.write(data)
                await writer.drain()
        writer.close()


class Watch:
    """Reads all of a job, and that the session's numbers have no gap."""

    def __init__(self, handle: JobHandle) -> None:
        self.handle = handle
        self.seen: list[int] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.handle.events():
            if event.seq is not None:
                self.seen.append(event.seq)

    async def reached(self, count: int) -> None:
        while len(self.seen) < count:
            await asyncio.sleep(0.005)
            must(not self.task.done(), f"the job ended behind {len(self.seen)} events")


def whole(seed: int, count: int) -> bytes:
    return b"".join(sheets(seed, count))


async def client(url: str) -> ARCPClient:
    made = ARCPClient(client=arcp.ClientInfo(name="demo", version="1"), token=TOKEN)
    await made.connect(await arcp.WebSocketTransport.connect(url))
    return made


async def story(folder: Path) -> None:
    runtime = Runtime(folder / "jobs.db")
    await runtime.start()
    wire = Wire(runtime)
    url = await wire.lay()
    direct = f"ws://127.0.0.1:{runtime.port}/arcp"
    say("a runtime with two agents, atlas@1.0.0 and lamp@1.0.0, keeps its jobs in SQLite")

    async with arcp.connect(url, token=TOKEN) as first:
        session = first.session_id
        count = 160
        job = await first.submit(
            agent="atlas",
            input={"seed": 1, "sheets": count, "pause": 0.002},
            lease_request=LEASE,
            idempotency_key="map-1",
        )
        say(f"submitted {job.job_id}: {count} sheets under the lease {LEASE}")
        watch = Watch(job)
        await watch.reached(100)
        wire.cut()
        say(f"the connection was cut behind {len(watch.seen)} events of it")
        drawn = await job.collect_chunks()
        done = await job.done
        await watch.task
        must(first.session_id == session, "the session is another one")
        must(drawn == whole(1, count), f"the map has {len(drawn)} bytes, and is not the map")
        must(done.result_size == len(drawn), "the result's size is another one")
        must(watch.seen == sorted(set(watch.seen)), "events came twice, or out of order")
        # A part for each sheet, one that ends the result, and the job's end have numbers too.
        told = len(watch.seen) + count + 1 + 1
        must(
            first.latest_event_seq == told,
            f"{told} were told, and the last is {first.latest_event_seq}",
        )
        say(
            f"the session went on: the map is whole, {len(drawn):,} bytes; {told} events, numbered without a gap"
        )

        lamp = await first.submit(agent="lamp")
        second = await client(direct)
        followed = await second.subscribe(lamp.job_id, history=True)
        seen = 0
        async for event in followed.handle.events():
            seen += 1
            must(event["kind"] == "status", "a lamp says more than it should")
            if seen == 5:
                break
        say(f"a second client follows {lamp.job_id} from its first event on: {seen} of them")
        try:
            await second.cancel_job(lamp.job_id)
            must(False, "another session cancelled it")
        except arcp.PermissionDeniedError:
            say("it may not cancel it; who submitted it may")
        await lamp.cancel("it is day")
        try:
            await lamp.done
            must(False, "the lamp still burns")
        except arcp.CancelledError as error:
            say(f"cancelled: {error.message}")
        await second.close()

        left = await first.submit(agent="lamp")
        again = await first.submit(
            agent="atlas", input={"seed": 2, "sheets": count, "pause": 0.01}, lease_request=LEASE
        )
        watch = Watch(again)
        await watch.reached(20)
        await runtime.kill()
        say(f"killed the runtime by kill -9: {left.job_id} and {again.job_id} were running")
        await runtime.start()
        say("started it again")
        try:
            await left.done
            must(False, "a lamp burns without its runtime")
        except arcp.InternalError as error:
            must(error.retryable, "it says that trying again is of no use")
            say(f"{left.job_id} ended as {error.code}, which may be tried again")
        drawn = await again.collect_chunks()
        await again.done
        await watch.task
        must(drawn == whole(2, count), f"the second map has {len(drawn)} bytes, and is not the map")
        say(
            f"{again.job_id} was started again: the map is whole, {len(drawn):,} bytes of {SHEET:,} a sheet"
        )

        jobs = (await first.list_jobs(limit=100)).jobs
        states = [(one.job_id, one.agent, one.status) for one in jobs]
        must(
            [state for *_, state in states] == ["success", "cancelled", "error", "success"],
            f"the jobs are {states}",
        )
        for job_id, agent, state in states:
            say(f"    {job_id}  {agent:12} {state}")
        same = await first.submit(
            agent="atlas",
            input={"seed": 1, "sheets": count, "pause": 0.002},
            lease_request=LEASE,
            idempotency_key="map-1",
        )
        must(same.job_id == job.job_id, "the key stands for another job")
        must((await same.done).result_size == len(whole(1, count)), "the key's job has another end")
        say(f"submitted again by its idempotency key, it is the same job: {same.job_id}")
    wire.take_away()
    await runtime.kill()


async def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.timeout(60):
            await story(Path(folder))
    say(f"all of it as it must be, in {time.monotonic() - began:.1f} s")


asyncio.run(main())
