"""Transports without sockets: memory, whatever has the four methods, and standard streams."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from serving import Frame, Holding, Plain, Serving, cut, echo, frame, hello, serving, until

from arcp import (
    ClientInfo,
    StdioTransport,
    Transport,
    TransportClosed,
    pair_memory_transports,
)
from arcp.client import ARCPClient
from arcp.runtime import JobContext

# Memory.


async def test_two_ends_in_memory() -> None:
    one, other = pair_memory_transports()
    assert isinstance(one, Transport)
    await one.send({"n": 1})
    await one.send({"n": 2})
    assert [await other.recv(), await other.recv()] == [{"n": 1}, {"n": 2}]
    waiting = asyncio.create_task(other.recv())
    await asyncio.sleep(0)
    await one.close()
    await one.close()
    assert one.is_closed
    with pytest.raises(TransportClosed):
        await waiting
    assert other.is_closed
    for attempt in (one.send({}), one.recv(), other.recv()):
        with pytest.raises(TransportClosed):
            await attempt


async def test_who_waits_at_an_end_that_is_closed_hears_of_it() -> None:
    one, _ = pair_memory_transports()
    waiting = asyncio.create_task(one.recv())
    await asyncio.sleep(0)
    await one.close()
    with pytest.raises(TransportClosed):
        await waiting


async def test_what_was_sent_before_an_engine_came_is_there() -> None:
    async with serving() as served:
        here, there = pair_memory_transports()
        await here.send(hello())
        served.serve(there)
        assert (await here.recv())["type"] == "session.welcome"
        await here.send(frame("session.list_jobs", {}))
        assert (await here.recv())["type"] == "session.jobs"
        await here.close()


async def test_an_end_that_was_closed_before_an_engine_came() -> None:
    async with serving() as served:
        here, there = pair_memory_transports()
        await here.send(hello())
        await here.close()
        await served.runtime.accept(there)
        third, fourth = pair_memory_transports()
        await fourth.close()
        await served.runtime.accept(fourth)
        with pytest.raises(TransportClosed):
            await third.recv()


async def test_a_frame_that_no_json_can_say() -> None:
    async with serving() as served:
        end = served.end()
        await end.send({"type": object()})
        assert (await until(end, "session.error"))["payload"]["code"] == "INVALID_REQUEST"


async def test_a_connection_that_is_no_longer_served_ends() -> None:
    async with serving() as served:
        here, there = pair_memory_transports()
        task = served.serve(there)
        client = served.new_client()
        await client.connect(here)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await cut(client)


# The four methods.


class Counting(Plain):
    """Fails at a send or a receive, if asked to."""

    fails_sending = False
    fails_receiving = False
    sent = 0

    async def send(self, envelope: Frame) -> None:
        self.sent += 1
        if self.fails_sending:
            raise ValueError("the wire is cut")
        await super().send(envelope)

    async def recv(self) -> Frame:
        found = await super().recv()
        if self.fails_receiving:
            raise ValueError("noise on the wire")
        return found


def _plain_pair() -> tuple[Counting, Counting]:
    one, other = pair_memory_transports()
    return Counting(one), Counting(other)


async def test_four_methods_are_a_transport_at_both_ends() -> None:
    async def talk(given: int, ctx: JobContext) -> str:
        for number in range(given):
            await ctx.thought(str(number))
        return "done"

    async with serving({"talk": talk}) as served:
        here, there = _plain_pair()
        assert isinstance(here, Transport)
        serving_it = served.serve(there)
        client = served.new_client()
        await client.connect(here)
        job = await client.submit(agent="talk", input=300)
        assert len([event async for event in job.events()]) == 300
        assert (await job.done).result == "done"
        await client.close()
        await serving_it
        assert here.is_closed
        assert there.is_closed


@pytest.mark.parametrize("what", ["fails_sending", "fails_receiving"])
@pytest.mark.parametrize("side", [0, 1])
async def test_a_transport_of_others_that_fails(what: str, side: int) -> None:
    async with serving() as served:
        ends = _plain_pair()
        serving_it = served.serve(ends[1])
        client = served.new_client()
        await client.connect(ends[0])
        vars(ends[side])[what] = True
        raised = await cut(client)
        if side == 0:
            assert "wire" in str(raised)
        if what == "fails_sending":
            await serving_it
        await ends[0].close()


async def test_a_peer_that_closes() -> None:
    async with serving() as served:
        here, there = _plain_pair()
        served.serve(there)
        client = served.new_client()
        await client.connect(here)
        await here.close()
        await cut(client)


# Standard streams.

CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from arcp import RuntimeInfo, StdioTransport
    from arcp.runtime import ARCPRuntime, StaticBearerVerifier

    async def echo(given, ctx):
        await ctx.thought("in " + ctx.agent)
        return given

    async def main():
        runtime = ARCPRuntime(
            runtime=RuntimeInfo(name="child", version="1"),
            bearer=StaticBearerVerifier({"t": "alice"}),
        )
        runtime.register_agent("echo", echo)
        async with runtime:
            await runtime.accept(await StdioTransport.from_std_streams())
        print("served", file=sys.stderr)

    asyncio.run(main())
    """
)


@pytest_asyncio.fixture
async def child() -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, stdin=pipe, stdout=pipe, stderr=pipe
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_a_child_process_is_served_by_lines(child: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(10):
        transport = await StdioTransport.from_process_pipes(child)
        client = ARCPClient(client=ClientInfo(name="t", version="1"), token="t")
        welcome = await client.connect(transport)
        assert welcome.runtime.name == "child"
        # Longer than the lines that the streams of a process take by themselves.
        given = {"text": "ä\n" * 100_000}
        job = await client.submit(agent="echo", input=given)
        assert [event["body"] async for event in job.events()] == [{"text": "in echo"}]
        assert (await job.done).result == given
        await client.close()
        assert transport.is_closed
        assert child.stderr is not None
        assert b"served" in await child.stderr.read()
        assert await child.wait() == 0


async def test_a_process_without_pipes() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    with pytest.raises(ValueError, match="stdin=PIPE"):
        await StdioTransport.from_process_pipes(process)
    await process.wait()


class _Pipes:
    """Two transports over pipes that are joined by TCP on this machine."""

    def __init__(self) -> None:
        self.ends: list[StdioTransport] = []
        self.raw: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open(self) -> tuple[StdioTransport, asyncio.StreamReader, asyncio.StreamWriter]:
        met: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.set_result((reader, writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 16)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        there = await met
        server.close()
        end = StdioTransport(*there)
        self.ends.append(end)
        self.raw.append((reader, writer))
        return end, reader, writer

    async def close(self) -> None:
        for end in self.ends:
            await end.close()
        for _, writer in self.raw:
            writer.close()


@pytest_asyncio.fixture
async def pipes() -> AsyncIterator[_Pipes]:
    made = _Pipes()
    yield made
    await made.close()


async def test_a_frame_a_line(pipes: _Pipes) -> None:
    end, reader, writer = await pipes.open()
    writer.write(b'\n  \r\n{"a": "\\n"}\r\n{"b":2}\n')
    assert [await end.recv(), await end.recv()] == [{"a": "\n"}, {"b": 2}]
    await end.send({"c": "x\ny"})
    frames = [b'{"d":1}', b'{"e":1}']
    await end.send_frames(frames)
    # What was given is the caller's.
    assert frames == [b'{"d":1}', b'{"e":1}']
    lines = [await reader.readline() for _ in range(3)]
    assert lines == [b'{"c":"x\\ny"}\n', b'{"d":1}\n', b'{"e":1}\n']


async def test_the_end_of_a_stream_and_lines_that_never_end(pipes: _Pipes) -> None:
    end, _, writer = await pipes.open()
    writer.write_eof()
    with pytest.raises(TransportClosed, match="peer"):
        await end.recv()
    assert end.is_closed
    with pytest.raises(TransportClosed):
        await end.recv()
    with pytest.raises(TransportClosed):
        await end.send({})
    longer, _, writer = await pipes.open()
    writer.write(b"x" * (1 << 18))
    with pytest.raises(TransportClosed, match="longer"):
        await longer.recv()


async def test_who_reads_a_closed_stream_is_woken(pipes: _Pipes) -> None:
    end, reader, _ = await pipes.open()
    waiting = asyncio.create_task(end.recv())
    await asyncio.sleep(0)
    await end.close()
    await end.close()
    with pytest.raises(TransportClosed):
        await waiting
    assert await reader.read() == b""


async def test_a_stream_that_is_cut(pipes: _Pipes) -> None:
    end, _, writer = await pipes.open()
    writer.transport.abort()
    async with asyncio.timeout(2):
        with pytest.raises(TransportClosed):
            await end.recv()
        with pytest.raises(TransportClosed):
            await _send_for_ever(end)


async def _send_for_ever(end: StdioTransport) -> None:
    while True:
        await end.send({"x": "y" * 10_000})


async def test_a_line_that_is_no_json_is_answered(pipes: _Pipes) -> None:
    holding = Holding()
    async with serving({"hold": holding, "echo": echo}) as served:
        end, reader, writer = await pipes.open()
        served.serve(end)
        writer.write(b"{ no json\n")
        assert b"INVALID_REQUEST" in await reader.readline()
        writer.close()
        assert isinstance(served, Serving)
