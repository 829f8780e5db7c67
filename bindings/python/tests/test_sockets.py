"""Connections over real sockets, and what breaks them."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from ixt_sdk import InteractionKind, StreamErrorCode
from ixt_sdk.client import CallStream, Client
from ixt_sdk.errors import CallError
from ixt_sdk.module import CallContext, Module
from ixt_sdk.testing import Host
from ixt_sdk.transport import ConnectionSettings, connect, listen

Bytes = CallStream[bytes, bytes]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's: the path of a Unix socket has to be short.
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def media() -> Module:
    module = Module("media")

    @module.unary("echo")
    async def echo(message: bytes, ctx: CallContext) -> bytes:
        return message

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    @module.service("flood", kind=InteractionKind.SERVER_STREAM)
    async def flood(stream: Bytes, ctx: CallContext) -> None:
        message = bytes(64 << 10)
        async for count in stream:
            for _ in range(int(count)):
                await stream.send(message)

    return module


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server for localhost, and of clients that trust it."""
    authority: Any = trustme.CA()
    server, client = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("scheme", ["unix", "tcp", "tls"])
@pytest.mark.parametrize("through_host", [False, True])
def test_every_transport(scheme: str, through_host: bool, folder: Path) -> None:
    async def main() -> None:
        url = f"unix://{folder}/s" if scheme == "unix" else f"{scheme}://localhost:{free_port()}"
        server, trusting = contexts()
        module = Module("media", ssl=trusting)
        for name, service in media()._services.items():
            module._services[name] = service
            module._session.services.append((name, [], ""))
        host = Host()
        serving: asyncio.Task[None] | None = None
        if through_host:
            await host.listen(url, ssl=server)
            serving = asyncio.create_task(module.serve(url))
            await module.client.ready()
        else:
            await module.listen(url, ssl=server)
        direct = not through_host
        async with host, Client("caller", url, ssl=trusting, direct=direct) as client:
            assert await client.unary("echo", b"hello") == b"hello"
            async with client.bidi_stream("both") as stream:

                async def send() -> None:
                    for number in range(2000):
                        await stream.send(b"%d" % number * 100)
                    stream.close()

                sending = asyncio.create_task(send())
                expected = [b"%d" % number * 100 for number in range(2000)]
                assert [message async for message in stream] == expected
                await sending
            assert 0 < await client.ping() < 5
            await module.stop(1)
        if serving is not None:
            await serving

    asyncio.run(main())


def test_tls_is_checked() -> None:
    async def main() -> None:
        url = f"tls://localhost:{free_port()}"
        server, _ = contexts()
        module = media()
        await module.listen(url, ssl=server)
        with pytest.raises(ssl.SSLCertVerificationError):
            await Client("caller", url, direct=True).connect()
        with pytest.raises(ValueError, match="server"):
            await module.listen(url)
        await module.stop(0)

    asyncio.run(main())


@pytest.mark.parametrize(
    "url", ["", "unix:", "unix://host/path", "tcp://host", "tcp://host:1/path", "http://host:1"]
)
def test_no_address(url: str) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="is no unix"):
            await connect(url, asyncio.BufferedProtocol())
        with pytest.raises(ValueError, match="is no unix"):
            await listen(url, asyncio.Protocol)

    asyncio.run(main())


def test_a_sleeping_reader_costs_no_memory(folder: Path) -> None:
    """A quarter of a GiB through a window of 8, to a reader that sleeps now and then."""

    async def main() -> None:
        module = media()
        url = f"unix://{folder}/s"
        await module.listen(url)
        settings = ConnectionSettings(window=8)
        async with Client("caller", url, direct=True, settings=settings) as client:
            # What the first messages need is not what grows.
            async with client.server_stream("flood", b"64") as warm:
                assert len([1 async for _ in warm]) == 64
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            async with client.server_stream("flood", b"4096") as stream:
                count = 0
                async for message in stream:
                    assert len(message) == 64 << 10
                    count += 1
                    if count % 1024 == 1:
                        await asyncio.sleep(0.1)
                        assert len(stream._arrived) <= 8
            assert count == 4096
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown_kib < 32 << 10
        await module.stop(0)

    asyncio.run(main())


def test_a_reader_that_reads_nothing_stalls_itself_alone(folder: Path) -> None:
    async def main() -> None:
        module = media()
        url = f"unix://{folder}/s"
        await module.listen(url)
        async with Client("caller", url, direct=True) as client:
            async with client.server_stream("flood", b"1000") as stalled:
                await anext(stalled)
                for number in range(100):
                    assert await client.unary("echo", b"%d" % number) == b"%d" % number
                async with client.bidi_stream("both") as other:
                    await other.send(b"x")
                    assert await other.receive() == b"x"
        await module.stop(0)

    asyncio.run(main())


def test_a_peer_that_does_not_read_costs_no_memory(folder: Path) -> None:
    """The credit is for 256 MiB; what waits is bounded by the settings all the same."""

    async def main() -> None:
        module = media()
        url = f"unix://{folder}/s"
        await module.listen(url)
        settings = ConnectionSettings(window=4096)
        async with Client("caller", url, direct=True, settings=settings) as client:
            stream = client.server_stream("flood", b"4096")
            await stream.receive()
            mine, theirs = client._session.connected(), next(iter(module._direct))
            assert mine.transport is not None
            assert theirs.transport is not None
            mine.transport.pause_reading()
            await asyncio.sleep(0.3)
            # A message more than each limit, at most.
            assert 1 << 20 <= theirs.engine.queued < (1 << 20) + (65 << 10)
            assert theirs.transport.get_write_buffer_size() <= 2 * (256 << 10)
            mine.transport.resume_reading()
            assert len([1 async for _ in stream]) == 4095
        await module.stop(0)

    asyncio.run(main())


def test_a_peer_that_does_not_read_is_not_waited_for(folder: Path) -> None:
    async def main() -> None:
        module = media()
        url = f"unix://{folder}/s"
        await module.listen(url)
        settings = ConnectionSettings(window=4096)
        async with Client("caller", url, direct=True, settings=settings) as client:
            stream = client.server_stream("flood", b"4096")
            await stream.receive()
            mine, theirs = client._session.connected(), next(iter(module._direct))
            assert mine.transport is not None
            mine.transport.pause_reading()
            await asyncio.sleep(0.1)
            theirs.close("enough")
            assert theirs.lost.done()
            assert theirs.transport is not None, "it still has something to write"
            await until(lambda: theirs.transport is None)
        await module.stop(0)

    asyncio.run(main())


def test_a_host_knows_whose_process_it_is(folder: Path) -> None:
    policy = f"[module.media]\nuid = {os.getuid()}\n[module.other]\nuid = {os.getuid() + 1}\n"

    async def main() -> None:
        async with Host(policy) as host:
            await host.listen(f"unix://{folder}/s")
            async with Client("media", f"unix://{folder}/s"):
                assert host.modules == ["media"]
            with pytest.raises(CallError) as refused:
                await Client("other", f"unix://{folder}/s").connect()
            assert refused.value.code == StreamErrorCode.UNAUTHENTICATED

    asyncio.run(main())


HOSTILE = [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, bytes(64), b"\x00\x00\x00\x00\xff\xff\xff\x7f"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_bytes_that_are_no_frames_end_their_connection_alone(hostile: bytes, folder: Path) -> None:
    async def main() -> None:
        module = media()
        await module.listen(f"unix://{folder}/s")
        async with Client("caller", f"unix://{folder}/s", direct=True) as client:
            reader, writer = await asyncio.open_unix_connection(f"{folder}/s")
            writer.write(hostile)
            # It says its hello, and why it goes.
            assert b"goingAway" not in await asyncio.wait_for(reader.read(), 5)
            writer.close()
            assert await client.unary("echo", b"x") == b"x"
        await module.stop(0)

    asyncio.run(main())


def test_a_peer_that_says_nothing_is_given_up(folder: Path) -> None:
    async def main() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(silent, f"{folder}/s")
        client = Client("caller", f"unix://{folder}/s")
        client._session.connect_timeout = 0.2
        with pytest.raises(TimeoutError):
            await client.connect()
        await asyncio.sleep(0.05)
        server.close()

    asyncio.run(main())


async def until(true: Callable[[], bool]) -> None:
    """Waits for what another process does."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


PROVIDER = """
import sys
from ixt_sdk.module import Module
module = Module("media")
@module.unary("echo")
async def echo(message, ctx): return message
@module.unary("forever")
async def forever(message, ctx):
    import asyncio
    await asyncio.sleep(1000)
module.run(sys.argv[1], grace=0.2)
"""


def test_a_provider_that_is_killed_and_one_that_is_terminated(folder: Path) -> None:
    """In a process of its own: what its callers see, and that it ends in order on SIGTERM."""

    async def main() -> None:
        url = f"unix://{folder}/host"
        async with Host() as host:
            await host.listen(url)
            async with Client("caller", host) as client:
                for signal, status in (("kill", -9), ("terminate", 0)):
                    process = await asyncio.create_subprocess_exec(
                        sys.executable, "-W", "error", "-c", PROVIDER, url, stderr=subprocess.PIPE
                    )
                    await until(lambda: "media" in host.modules)
                    assert await client.unary("echo", b"x") == b"x"
                    waiting = asyncio.create_task(client.unary("forever"))
                    await asyncio.sleep(0.1)
                    getattr(process, signal)()
                    with pytest.raises(CallError) as lost:
                        await waiting
                    if signal == "kill":
                        assert lost.value.code == StreamErrorCode.UNAVAILABLE
                    else:
                        assert lost.value.code == StreamErrorCode.CANCELLED
                    _, stderr = await process.communicate()
                    assert process.returncode == status, stderr.decode()
                    assert stderr == b""
                    await until(lambda: "media" not in host.modules)

    asyncio.run(main())


def test_descriptors_are_given_back(folder: Path) -> None:
    async def main() -> None:
        module = media()
        await module.listen(f"unix://{folder}/s")
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            async with Client("caller", f"unix://{folder}/s", direct=True) as client:
                await client.unary("echo")
        await asyncio.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) == before
        assert not module._direct
        await module.stop(0)

    asyncio.run(main())
