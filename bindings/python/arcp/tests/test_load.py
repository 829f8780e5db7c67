"""What many frames, slow readers, silence and strange frames do."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
import websockets.asyncio.client
from serving import (
    Frame,
    Holding,
    Plain,
    Serving,
    by_hand,
    echo,
    frame,
    hello,
    rest,
    serving,
    standstill,
    thought,
    until,
    when,
)

from arcp import (
    ARCPError,
    ClientInfo,
    HeartbeatLostError,
    InvalidRequestError,
    Transport,
    TransportClosed,
    WebSocketTransport,
    serve_websocket,
)
from arcp._client import handle as handles
from arcp.client import ARCPClient
from arcp.runtime import JobContext


async def flood(given: int, ctx: JobContext) -> int:
    text = "x" * 100
    for _ in range(given):
        await ctx.thought(text)
    return given


# Many frames, and slow readers.


async def test_ten_thousand_events_kill_no_session() -> None:
    async with serving({"flood": flood}) as served:
        client = await served.client()
        job = await client.submit(agent="flood", input=10_000)
        count = 0
        async for _ in job.events():
            count += 1
        assert count == 10_000
        assert (await job.done).result == 10_000
        assert (await (await client.submit(agent="flood", input=1)).done).result == 1


async def test_ten_thousand_events_over_a_websocket_that_nobody_iterates() -> None:
    async with (
        serving({"flood": flood}) as served,
        await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0) as server,
    ):
        client = served.new_client(auto_ack=True)
        await client.connect(await WebSocketTransport.connect(f"ws://127.0.0.1:{server.port}/arcp"))
        job = await client.submit(agent="flood", input=10_000)
        assert (await job.done).result == 10_000
        assert client.latest_event_seq == 10_001
        await client.close()


async def _transport(served: Serving, over: str, url: str) -> Transport:
    if over == "memory":
        return served.end()
    if over == "methods":
        return Plain(await WebSocketTransport.connect(url))
    if over == "library":
        return WebSocketTransport(
            await websockets.asyncio.client.connect(url, proxy=None, max_queue=4)
        )
    return await WebSocketTransport.connect(url)


@pytest.mark.parametrize("over", ["memory", "websocket", "methods", "library"])
async def test_a_slow_iteration_stops_the_reading_and_answers_still_come(
    over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "ROOM", 50)
    emitted = 0

    async def agent(given: int, ctx: JobContext) -> str:
        nonlocal emitted
        for _ in range(given):
            await ctx.thought("x" * 2000)
            emitted += 1
        return "end"

    async with (
        serving({"agent": agent}, settings={"backlog": 16}) as served,
        await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0) as server,
    ):
        client = served.new_client()
        await client.connect(await _transport(served, over, f"ws://127.0.0.1:{server.port}/arcp"))
        job = await client.submit(agent="agent", input=10_000)
        told = job.events()
        await anext(told)
        await standstill(lambda: emitted)
        # The agent stands still, since nobody takes what it says.
        assert emitted < 10_000
        assert client._is_paused
        waiting = len(job._events)
        assert len((await client.list_jobs()).jobs) == 1
        assert client._is_paused
        assert len(job._events) >= waiting
        count = 1
        async for _ in told:
            count += 1
        assert count == 10_000
        assert (await job.done).result == "end"
        assert not client._is_paused
        await client.close()


async def test_a_slow_reader_of_parts_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "_CHUNK_ROOM", 10_000)

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        async with ctx.stream_result() as result:
            for _ in range(200):
                await result.write(b"x" * 1000)

    async with serving({"agent": agent}, settings={"backlog": 4}) as served:
        client = await served.client()
        job = await client.submit(agent="agent")
        parts = job.chunks()
        await anext(parts)
        await when(lambda: client._is_paused)
        left = 1
        async for _ in parts:
            left += 1
        assert left >= 200
        assert not client._is_paused
        assert (await job.done).result_size == 200_000


async def test_an_iteration_that_is_given_up_frees_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handles, "ROOM", 50)
    async with serving({"flood": flood}) as served:
        client = await served.client()
        job = await client.submit(agent="flood", input=5000)
        told = job.events()
        await anext(told)
        await when(lambda: client._is_paused)
        await told.aclose()
        assert (await job.done).result == 5000


async def test_a_reader_that_sleeps_is_waited_for_and_costs_no_memory() -> None:
    emitted = 0

    async def agent(given: Any, ctx: JobContext) -> None:  # noqa: ARG001
        nonlocal emitted
        while True:
            await ctx.thought("x" * 1000)
            emitted += 1

    async with (
        serving(
            {"agent": agent}, settings={"backlog": 64, "max_log": 1 << 20, "patience_ms": 60_000}
        ) as served,
        await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0) as server,
    ):
        sleeper = await WebSocketTransport.connect(f"ws://127.0.0.1:{server.port}/arcp")
        await sleeper.send(hello())
        await until(sleeper, "session.welcome")
        await sleeper.send(frame("job.submit", {"agent": "agent", "input": None}))
        await until(sleeper, "job.accepted")
        await standstill(lambda: emitted)
        # What the sockets between them hold, and a little.
        assert 64 < emitted < 30_000
        transport = sleeper._conn._transport
        transport.abort()


async def test_a_ping_behind_a_flood_of_another_session() -> None:
    async with serving({"flood": flood}) as served:
        client = await served.client()
        end, _ = await served.raw()
        jobs = [await client.submit(agent="flood", input=10_000) for _ in range(2)]
        worst = 0.0
        while not all(job.is_done for job in jobs):
            began = time.perf_counter()
            await end.send(frame("session.ping", {"nonce": "n", "sent_at": ""}))
            assert (await until(end, "session.pong"))["payload"]["ping_nonce"] == "n"
            worst = max(worst, time.perf_counter() - began)
        assert worst < 0.5


# Silence.


async def test_a_client_that_is_silent_is_let_go_and_its_jobs_are_not() -> None:
    holding = Holding()
    async with serving({"hold": holding}, settings={"heartbeat_ms": 40}) as served:
        end, welcome = await served.raw()
        assert welcome["payload"]["heartbeat_interval_sec"] == pytest.approx(0.04)
        await end.send(frame("job.submit", {"agent": "hold"}))
        await holding.started.wait()
        assert "session.ping" in [said["type"] for said in await rest(end)]
        assert not holding.ended.is_set()


async def test_heartbeats_keep_a_quiet_session() -> None:
    async with serving(settings={"heartbeat_ms": 40}) as served:
        client = await served.client()
        # Time itself: several intervals.
        await asyncio.sleep(0.3)
        assert (await (await client.submit(agent="echo", input=1)).done).result == 1


async def test_a_runtime_without_heartbeats() -> None:
    async with serving(heartbeat_interval_sec=None) as served:
        _, welcome = await served.raw()
        assert "ack" in welcome["payload"]["capabilities"]["features"]
        assert "heartbeat" not in welcome["payload"]["capabilities"]["features"]


async def test_a_runtime_that_is_silent_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client, heartbeat_interval_sec=0.04)
    job = client.job("job_1")
    with caplog.at_level(logging.WARNING, "arcp"), pytest.raises(HeartbeatLostError):
        await job.done
    assert "the runtime is silent" in caplog.text
    with pytest.raises(TransportClosed):
        await client.list_jobs()
    # It has asked, and then closed.
    await until(there, "session.ping")
    await rest(there)
    await client.close()


async def test_a_hello_has_to_come_in_time() -> None:
    async with serving(settings={"hello_ms": 20}) as served:
        end = served.end()
        await rest(end)


# Strange frames.

BAD: list[Any] = [
    [],
    {},
    {"type": "job.submit"},
    {"arcp": "1.1", "id": "x", "type": 5, "payload": {}},
    {"arcp": "1.1", "id": "x", "type": "no.such", "payload": {}},
    {"arcp": "9.0", "id": "x", "type": "session.list_jobs", "payload": {}},
    frame("job.submit", {}),
    frame("job.submit", []),
    frame("job.submit", None),
    frame("job.submit", {"agent": ""}),
    frame("job.submit", {"agent": "echo", "max_runtime_sec": -1}),
    frame("job.submit", {"agent": "echo", "lease_request": {"fs.read": "x"}}),
    frame("session.list_jobs", {"limit": "many"}),
    frame("session.list_jobs", {"limit": 1e9}),
    frame("session.list_jobs", {}, session_id="sess_foreign"),
    frame("job.cancel", {}),
    frame("job.subscribe", {"job_id": 5}),
]


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_frame_is_answered_and_not_retryable(bad: Any) -> None:
    async with serving() as served:
        end, _ = await served.raw()
        await end.send(bad)
        answer = await end.recv()
        if answer["type"] == "session.jobs":
            # A limit that is too high is lowered.
            assert bad["payload"]["limit"] == 1e9
            return
        assert answer["type"] == "session.error"
        assert answer["payload"]["code"] in ("INVALID_REQUEST", "JOB_NOT_FOUND")
        assert answer["payload"]["retryable"] is False


async def test_bytes_that_are_no_json() -> None:
    async with (
        serving() as served,
        await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0) as server,
    ):
        url = f"ws://127.0.0.1:{server.port}/arcp"
        for bad in (b"{", b'{"a":NaN}', b"[" * 100_000, b'"\xff"', b'{"a":"\\ud800"}'):
            raw = await WebSocketTransport.connect(url)
            await raw.send(hello())
            await until(raw, "session.welcome")
            try:
                await raw.send_frames([bad])
                said = await until(raw, "session.error")
                assert said["payload"]["code"] == "INVALID_REQUEST"
            except TransportClosed:
                # What is no text at all is a fault of the WebSocket.
                assert b"\xff" in bad
            await raw.close()


async def test_limits_that_are_set() -> None:
    holding = Holding()
    async with serving(
        {"hold": holding, "echo": echo},
        settings={"max_jobs": 2, "max_frame": 4096, "max_depth": 10, "max_list": 1},
    ) as served:
        client = await served.client()
        jobs = [await client.submit(agent="hold") for _ in range(2)]
        with pytest.raises(ARCPError):
            await client.submit(agent="hold")
        first = await client.list_jobs()
        assert len(first.jobs) == 1
        assert first.next_cursor
        end, _ = await served.raw()
        await end.send(frame("job.submit", {"agent": "echo", "input": "x" * 5000}))
        assert (await until(end, "session.error"))["payload"]["code"] == "INVALID_REQUEST"
        deep: Any = 1
        for _ in range(20):
            deep = [deep]
        other = await served.client()
        with pytest.raises((InvalidRequestError, TransportClosed)):
            await other.submit(agent="echo", input=deep)
        holding.go_on.set()
        for job in jobs:
            await job.done


async def test_only_so_many_sessions_of_one_principal() -> None:
    async with serving(settings={"max_sessions": 2}) as served:
        for _ in range(2):
            await served.client()
        with pytest.raises(ARCPError):
            await served.client()
        await served.client("t-bob")


async def test_a_client_that_is_told_nonsense() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    nonsense: list[Any] = [
        {"type": "job.event"},
        {"arcp": "1.1", "id": "x", "type": "job.event", "payload": 5, "session_id": "sess_1"},
        frame("job.result", {}, session_id="sess_1"),
        frame("session.jobs", {"jobs": "x"}, session_id="sess_1"),
        frame("session.welcome", {}, session_id="sess_2"),
        {"type": object()},
    ]
    for one in nonsense:
        await there.send(one)
    job = client.job("job_1")
    await there.send(thought("sess_1", 1))
    told = job.events()
    first: Frame = dict(await anext(told))
    assert first["body"] == {"text": "thought 1"}
    await told.aclose()
    await there.close()
    await client.close()
