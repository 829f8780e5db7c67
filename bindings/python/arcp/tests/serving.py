"""A runtime, and clients of it within this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from arcp import (
    ARCPError,
    ClientInfo,
    MemoryTransport,
    RuntimeInfo,
    Transport,
    TransportClosed,
    pair_memory_transports,
)
from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, JobContext, StaticBearerVerifier

TOKENS = {"t-alice": "alice", "t-bob": "bob"}
FEATURES = [
    "heartbeat",
    "ack",
    "list_jobs",
    "subscribe",
    "lease_expires_at",
    "cost.budget",
    "model.use",
    "progress",
    "result_chunk",
    "agent_versions",
    "provisioned_credentials",
    "credential_rotation",
]
LIMIT = 5.0
"""Seconds after which a test that waits for what never comes fails."""

Frame = dict[str, Any]


async def echo(given: Any, ctx: JobContext) -> Any:  # noqa: ARG001
    """Gives back what it is given."""
    return given


class Holding:
    """An agent that runs until it is let go."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = asyncio.Event()
        self.contexts: list[JobContext] = []
        self.was_cancelled = False

    async def __call__(self, given: Any, ctx: JobContext) -> Any:
        self.contexts.append(ctx)
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.ended.set()
        return given


class Plain:
    """A transport that has the four methods of the protocol and nothing else."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, envelope: Frame) -> None:
        await self._inner.send(envelope)

    async def recv(self) -> Frame:
        return await self._inner.recv()

    async def close(self) -> None:
        await self._inner.close()

    @property
    def is_closed(self) -> bool:
        return self._inner.is_closed


class Serving:
    """A runtime, with the clients of a test."""

    def __init__(self, runtime: ARCPRuntime) -> None:
        self.runtime = runtime
        self._clients: list[ARCPClient] = []
        self._ends: list[MemoryTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def end(self) -> MemoryTransport:
        """A client's end of a connection; the runtime has the other one."""
        here, there = pair_memory_transports()
        self.serve(there)
        self._ends.append(here)
        return here

    def serve(self, transport: Transport) -> asyncio.Task[None]:
        task = asyncio.create_task(self.runtime.accept(transport))
        self._tasks.add(task)
        return task

    def new_client(self, token: str = "t-alice", **options: Any) -> ARCPClient:
        """A client that is not connected."""
        client = ARCPClient(client=ClientInfo(name="t", version="1"), token=token, **options)
        self._clients.append(client)
        return client

    async def client(self, token: str = "t-alice", **options: Any) -> ARCPClient:
        """A client in a session."""
        client = self.new_client(token, **options)
        await client.connect(self.end())
        return client

    async def raw(
        self, token: str = "t-alice", features: list[str] = FEATURES, **more: Any
    ) -> tuple[MemoryTransport, Frame]:
        """A connection in a session, whose frames the test writes itself, and the welcome."""
        end = self.end()
        await end.send(hello(token, features, **more))
        return end, await end.recv()

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        for end in self._ends:
            await end.close()
        await self.runtime.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def new_runtime(**options: Any) -> ARCPRuntime:
    """A runtime that knows Alice and Bob."""
    given: dict[str, Any] = {
        "runtime": RuntimeInfo(name="test-runtime", version="1.0"),
        "bearer": StaticBearerVerifier(TOKENS),
        **options,
    }
    return ARCPRuntime(**given)


@asynccontextmanager
async def serving(
    agents: Mapping[str, Callable[[Any, JobContext], Awaitable[Any]]] | None = None,
    **options: Any,
) -> AsyncGenerator[Serving, None]:
    """A runtime with these agents; whatever waits too long in its block fails."""
    runtime = new_runtime(**options)
    for name, agent in (agents or {"echo": echo}).items():
        runtime.register_agent(name, agent)
    async with serving_with(runtime) as served:
        yield served


@asynccontextmanager
async def serving_with(runtime: ARCPRuntime) -> AsyncGenerator[Serving, None]:
    """The same, of a runtime that is there."""
    served = Serving(runtime)
    try:
        async with asyncio.timeout(LIMIT):
            yield served
    finally:
        await served.close()


def frame(kind: str, payload: Any, **more: Any) -> Frame:
    """An envelope."""
    return {"arcp": "1.1", "id": f"test-{kind}", "type": kind, "payload": payload, **more}


def hello(token: str = "t-alice", features: list[str] = FEATURES, **more: Any) -> Frame:
    return frame(
        "session.hello",
        {
            "client": {"name": "raw", "version": "1"},
            "auth": {"scheme": "bearer", "token": token},
            "capabilities": {"encodings": ["json"], "features": features},
            **more,
        },
    )


async def by_hand(client: ARCPClient, session: str = "sess_1", **more: Any) -> MemoryTransport:
    """Connects a client to a runtime whose frames the test writes itself."""
    here, there = pair_memory_transports()
    connecting = asyncio.create_task(client.connect(here))
    await until(there, "session.hello")
    payload = {
        "runtime": {"name": "by hand", "version": "1"},
        "resume_token": "secret",
        "resume_window_sec": 60,
        "capabilities": {"encodings": ["json"], "features": FEATURES},
        **more,
    }
    await there.send(frame("session.welcome", payload, session_id=session))
    await connecting
    return there


def thought(session: str, seq: int, job: str = "job_1") -> Frame:
    """An event of a job, as a runtime tells it."""
    payload = {
        "kind": "thought",
        "ts": "2026-01-01T00:00:00Z",
        "body": {"text": f"thought {seq}"},
    }
    return frame("job.event", payload, session_id=session, job_id=job, event_seq=seq)


async def until(end: Transport, kind: str) -> Frame:
    """The next frame of this type; others are passed over."""
    while True:
        found = await end.recv()
        if found["type"] == kind:
            return found


async def failure_of(work: Awaitable[Any]) -> ARCPError:
    """The error that it raises."""
    try:
        await work
    except ARCPError as error:
        return error
    raise AssertionError("it has not failed")


async def when(holds: Callable[[], bool]) -> None:
    """Gives others their turns until it holds. For what there is no event of."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def standstill(count: Callable[[], int]) -> int:
    """Waits until a number does not change for some while, and gives it."""
    before = -1
    while before != (now := count()):
        before = now
        await asyncio.sleep(0.03)
    return before


async def cut(client: ARCPClient) -> TransportClosed:
    """Asks until the connection is over, and gives what is raised then."""
    while True:
        try:
            await client.list_jobs()
        except TransportClosed as error:
            return error


async def rest(end: Transport) -> list[Frame]:
    """The frames up to the end of the transport."""
    found: list[Frame] = []
    while True:
        try:
            found.append(await end.recv())
        except TransportClosed:
            return found
