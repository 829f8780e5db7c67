"""A log of the user's: nothing is told before it has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from serving import Frame, Holding, Plain, echo, frame, serving, until

from arcp import (
    ARCPError,
    TransportClosed,
    UnauthenticatedError,
    WebSocketTransport,
    pair_memory_transports,
    serve_websocket,
)
from arcp.runtime import InMemoryEventLog, JobContext, SqliteEventLog


class Slow(InMemoryEventLog):
    """Keeps nothing until it is allowed to, and says what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.released: asyncio.Queue[int] = asyncio.Queue()
        self.dropped: asyncio.Queue[str] = asyncio.Queue()
        self.is_closed = False
        self.fails = False

    async def append(self, session_id: str, envelope: Frame) -> None:
        self.asked.put_nowait(envelope["event_seq"])
        await self.may.wait()
        if self.fails:
            raise OSError("the disk is full")
        await super().append(session_id, envelope)

    async def release_through(self, session_id: str, through_seq: int) -> None:
        await super().release_through(session_id, through_seq)
        self.released.put_nowait(through_seq)

    async def drop_session(self, session_id: str) -> None:
        self.dropped.put_nowait(session_id)

    async def close(self) -> None:
        self.is_closed = True


async def talk(given: int, ctx: JobContext) -> None:
    for number in range(given):
        await ctx.thought(str(number))


async def _all(log: InMemoryEventLog | SqliteEventLog, session: str | None) -> list[Frame]:
    told: AsyncIterator[Frame] = log.read_since_seq(session or "", 0)
    return [envelope async for envelope in told]


async def test_nothing_is_told_before_the_log_has_it() -> None:
    log = Slow()
    async with serving({"talk": talk}, event_log=log) as served:
        client = await served.client()
        submitting = asyncio.create_task(client.submit(agent="talk", input=2))
        assert await log.asked.get() == 1
        for _ in range(20):
            await asyncio.sleep(0)
        assert client.latest_event_seq == 0
        log.may.set()
        job = await submitting
        assert len([event async for event in job.events()]) == 2
        kept = await _all(log, client.session_id)
        assert [envelope["event_seq"] for envelope in kept] == [1, 2, 3]
        assert [envelope["type"] for envelope in kept] == ["job.event", "job.event", "job.result"]
    assert log.is_closed


async def test_what_was_seen_is_released_and_a_closed_session_dropped() -> None:
    log = Slow()
    log.may.set()
    async with serving({"talk": talk}, event_log=log) as served:
        client = await served.client()
        await (await client.submit(agent="talk", input=2)).done
        await client.ack(2)
        assert await log.released.get() == 2
        session = client.session_id
        await client.close()
        assert await log.dropped.get() == session


async def test_a_log_that_fails_closes_the_connection() -> None:
    log = Slow()
    log.fails = True
    log.may.set()
    async with serving({"talk": talk}, event_log=log) as served:
        client = await served.client()
        with pytest.raises(TransportClosed):
            await (await client.submit(agent="talk", input=1)).done
        assert client.latest_event_seq == 0
        # What comes later is kept, and told.
        log.fails = False
        again = await served.client()
        await (await again.submit(agent="talk", input=1)).done


@pytest.mark.parametrize(
    "bad",
    [
        {"arcp": "1.1", "id": "a", "type": "session.ack", "payload": 5},
        {"arcp": "1.1", "id": "a", "type": "session.ack", "payload": {"last_processed_seq": "x"}},
        {"arcp": "1.1", "id": "a", "type": "session.ack"},
        {"arcp": "1.1", "id": "a", "type": ["session.ack"]},
    ],
)
async def test_strange_frames_beside_a_log(bad: Any) -> None:
    log = Slow()
    log.may.set()
    async with serving({"echo": echo}, event_log=log) as served:
        end, _ = await served.raw()
        await end.send(bad)
        assert (await until(end, "session.error"))["payload"]["code"] == "INVALID_REQUEST"
        await end.send(frame("session.list_jobs", {}))
        await until(end, "session.jobs")


async def test_a_websocket_with_a_log_has_frames_that_are_no_json() -> None:
    log = Slow()
    log.may.set()
    async with serving({"talk": talk}, event_log=log) as served:
        server = await serve_websocket(served.runtime.accept, host="127.0.0.1", port=0)
        async with server:
            url = f"ws://127.0.0.1:{server.port}/arcp"
            client = served.new_client()
            await client.connect(await WebSocketTransport.connect(url))
            await (await client.submit(agent="talk", input=3)).done
            assert len(await _all(log, client.session_id)) == 4
            raw = await WebSocketTransport.connect(url)
            await raw.send_frames([b"{ no json", b"[" * 50_000])
            said = await raw.recv()
            assert said["type"] == "session.error"
            await raw.close()
            await client.close()


async def test_a_log_in_a_file(tmp_path: Any) -> None:
    log = SqliteEventLog(tmp_path / "log.db")
    holding = Holding()
    async with serving({"talk": talk, "hold": holding}, event_log=log) as served:
        client = await served.client()
        job = await client.submit(agent="talk", input=20)
        assert len([event async for event in job.events()]) == 20
        assert len(await _all(log, client.session_id)) == 21
        # A job that is cancelled is in it too.
        held = await client.submit(agent="hold")
        await held.cancel()
        with pytest.raises(ARCPError):
            await held.done
        assert (await _all(log, client.session_id))[-1]["type"] == "job.error"


async def test_the_last_words_of_a_connection_are_told_with_a_log_too() -> None:
    log = Slow()
    log.may.set()
    async with serving(event_log=log) as served:
        with pytest.raises(UnauthenticatedError):
            await served.new_client("nobody").connect(served.end())
        end, _ = await served.raw()
        await end.send(frame("session.close", {}))
        await until(end, "session.closed")
        with pytest.raises(TransportClosed):
            await end.recv()
        # The same where an engine is at the end of a transport that has methods alone.
        one, other = pair_memory_transports()
        served.serve(Plain(other))
        with pytest.raises(UnauthenticatedError):
            await served.new_client("nobody").connect(one)


async def test_a_log_that_never_answers_does_not_keep_a_runtime_open() -> None:
    log = Slow()
    async with serving({"talk": talk}, event_log=log) as served:
        client = await served.client()
        submitting = asyncio.create_task(client.submit(agent="talk", input=1))
        await log.asked.get()
        await served.runtime.close()
        with pytest.raises(TransportClosed):
            await submitting
        assert client.latest_event_seq == 0
