"""A client's session: how it begins and how it ends."""

from __future__ import annotations

import asyncio
import logging

import pytest
from serving import Holding, by_hand, frame, hello, serving, thought, until, when

from arcp import (
    Capabilities,
    ClientInfo,
    InvalidRequestError,
    TransportClosed,
    UnauthenticatedError,
    pair_memory_transports,
)
from arcp.client import ARCPClient, AutoAckOptions


async def test_a_welcome_says_what_both_can() -> None:
    async with serving(capabilities=Capabilities(features=("ack", "progress"))) as served:
        client = served.new_client(features=("progress", "subscribe"))
        assert client.session_id is None
        welcome = await client.connect(served.end())
        assert welcome.runtime.name == "test-runtime"
        assert welcome.session_id == client.session_id
        assert client.welcome is welcome
        assert client.negotiated_features == ("progress",)
        assert client.has_feature("progress")
        assert not client.has_feature("subscribe")
        assert not client.has_feature("ack")


async def test_capabilities_go_before_features() -> None:
    client = ARCPClient(
        client=ClientInfo(name="t", version="1"),
        token="t",
        capabilities=Capabilities(features=("ack",)),
        features=("progress",),
    )
    assert client.features == ("ack",)


async def test_a_wrong_token_is_refused_and_the_transport_ends() -> None:
    async with serving() as served:
        end = served.end()
        client = served.new_client("nobody's")
        with pytest.raises(UnauthenticatedError):
            await client.connect(end)
        assert not client.welcome
        await when(lambda: end.is_closed)
        with pytest.raises(TransportClosed):
            await client.submit(agent="echo")


async def test_a_refused_client_can_try_again() -> None:
    async with serving() as served:
        client = served.new_client("nobody's")
        with pytest.raises(UnauthenticatedError):
            await client.connect(served.end())
        client.token = "t-alice"
        await client.connect(served.end())
        assert (await (await client.submit(agent="echo", input=1)).done).result == 1


async def test_a_silent_runtime_is_waited_for_as_long_as_was_said() -> None:
    here, there = pair_memory_transports()
    client = ARCPClient(
        client=ClientInfo(name="t", version="1"), token="t", handshake_timeout_sec=0.02
    )
    with pytest.raises(TimeoutError):
        await client.connect(here)
    assert (await there.recv())["type"] == "session.hello"
    with pytest.raises(TransportClosed):
        await there.recv()
    await client.close()


async def test_a_transport_that_ends_before_the_welcome() -> None:
    here, there = pair_memory_transports()
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    connecting = asyncio.create_task(client.connect(here))
    await there.recv()
    await there.close()
    with pytest.raises(TransportClosed):
        await connecting


async def test_nothing_can_be_asked_before_the_connection_and_after_its_end() -> None:
    async with serving() as served:
        client = served.new_client()
        with pytest.raises(InvalidRequestError):
            await client.list_jobs()
        await client.connect(served.end())
        await client.close()
        with pytest.raises(TransportClosed):
            await client.list_jobs()


async def test_close_is_said_answered_and_done_once() -> None:
    async with serving() as served:
        end = served.end()
        async with served.new_client() as client:
            await client.connect(end)
        assert end.is_closed
        await client.aclose()


async def test_close_says_why_and_waits_for_the_answer() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    closing = asyncio.create_task(client.close(reason="enough"))
    said = await there.recv()
    assert said["type"] == "session.close"
    assert said["payload"]["reason"] == "enough"
    assert not closing.done()
    await there.send(frame("session.closed", {}, session_id="sess_1"))
    await closing
    with pytest.raises(TransportClosed):
        await there.recv()


async def test_close_ends_what_waits() -> None:
    holding = Holding()
    async with serving({"hold": holding}) as served:
        client = await served.client()
        handle = await client.submit(agent="hold")
        await client.close()
        assert handle.is_done
        with pytest.raises(TransportClosed):
            await handle.done
        assert [event async for event in handle.events()] == []


async def test_who_waits_for_an_answer_hears_of_the_transports_end() -> None:
    async with serving() as served:
        end = served.end()
        client = served.new_client()
        await client.connect(end)
        waiting = asyncio.create_task(client.list_jobs())
        await asyncio.sleep(0)
        await end.close()
        with pytest.raises(TransportClosed):
            await waiting
        with pytest.raises(TransportClosed):
            await client.list_jobs()


async def test_a_client_begins_another_session() -> None:
    async with serving() as served:
        client = await served.client()
        first = client.session_id
        await client.close()
        await client.connect(served.end())
        assert client.session_id not in (None, first)
        assert (await (await client.submit(agent="echo", input=2)).done).result == 2


async def test_acks_go_by_themselves_after_so_many_events() -> None:
    client = ARCPClient(
        client=ClientInfo(name="t", version="1"),
        token="t",
        auto_ack=AutoAckOptions(every_n=3, interval_sec=60),
    )
    there = await by_hand(client)
    client.job("job_1")
    for seq in range(1, 8):
        await there.send(thought("sess_1", seq))
    acked = [(await until(there, "session.ack"))["payload"]["last_processed_seq"]]
    if acked == [3]:
        acked.append((await until(there, "session.ack"))["payload"]["last_processed_seq"])
    assert acked[-1] >= 6
    assert client.latest_event_seq == 7
    await there.close()
    await client.close()


async def test_acks_go_by_themselves_after_a_while() -> None:
    client = ARCPClient(
        client=ClientInfo(name="t", version="1"),
        token="t",
        auto_ack=AutoAckOptions(every_n=100, interval_sec=0.01),
    )
    there = await by_hand(client)
    await there.send(thought("sess_1", 1))
    async with asyncio.timeout(1):
        assert (await until(there, "session.ack"))["payload"] == {"last_processed_seq": 1}
    await there.close()
    await client.close()


async def test_acks_of_another_session_begin_anew() -> None:
    client = ARCPClient(
        client=ClientInfo(name="t", version="1"),
        token="t",
        auto_ack=AutoAckOptions(every_n=2, interval_sec=60),
    )
    for session in ("sess_1", "sess_2"):
        there = await by_hand(client, session)
        for seq in (1, 2):
            await there.send(thought(session, seq))
        async with asyncio.timeout(1):
            acked = await until(there, "session.ack")
        assert acked["payload"] == {"last_processed_seq": 2}
        await there.close()
        await client.close()


async def test_an_ack_by_hand() -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    await there.send(thought("sess_1", 1))
    await when(lambda: client.latest_event_seq >= 1)
    await client.ack(1)
    assert (await until(there, "session.ack"))["payload"] == {"last_processed_seq": 1}
    await there.close()
    await client.close()


async def test_missing_events_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    with caplog.at_level(logging.WARNING, "arcp"):
        await there.send(thought("sess_1", 1))
        await there.send(thought("sess_1", 4))
        await when(lambda: client.latest_event_seq >= 4)
    assert "events 2 to 3 of the session are missing" in caplog.text
    await there.close()
    await client.close()


async def test_an_error_of_the_session_ends_what_waits(caplog: pytest.LogCaptureFixture) -> None:
    client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
    there = await by_hand(client)
    handle = client.job("job_1")
    await there.send(
        {
            "arcp": "1.1",
            "id": "e",
            "type": "session.error",
            "session_id": "sess_1",
            "payload": {"code": "X_OWN", "message": "the house burns", "retryable": True},
        }
    )
    with pytest.raises(Exception, match="the house burns") as raised:
        await handle.done
    assert vars(raised.value)["code"] == "X_OWN"
    assert "the house burns" in caplog.text
    await there.close()
    await client.close()


async def test_a_token_does_not_stand_in_the_errors_of_its_refusal() -> None:
    async with serving() as served:
        end = served.end()
        await end.send(hello("my-secret-token"))
        said = await until(end, "session.error")
        assert said["payload"]["code"] == "UNAUTHENTICATED"
        assert "my-secret-token" not in str(said)
