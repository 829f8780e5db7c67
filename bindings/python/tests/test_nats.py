"""Modules that meet on NATS: real servers, which are killed and started again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

pytest.importorskip("nats")
trustme: Any = pytest.importorskip("trustme")
sys.path.insert(0, str(ROOT / "tests" / "nats"))

from ixt_sdk import InteractionKind, StreamErrorCode, transport  # noqa: E402
from ixt_sdk._nats_url import NatsUrl, parse  # noqa: E402
from ixt_sdk.blocking import BlockingClient  # noqa: E402
from ixt_sdk.client import Backoff, CallStream, Client  # noqa: E402
from ixt_sdk.errors import CallError  # noqa: E402
from ixt_sdk.invocation import BroadcastTarget, DynamicEndpointTarget, ModuleTarget  # noqa: E402
from ixt_sdk.module import CallContext, Module  # noqa: E402

from nats_server import Cluster, Server  # noqa: E402

Bytes = CallStream[bytes, bytes]
SOON = Backoff(first=0.05, most=0.2)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a server that lives through all tests."""
    with tempfile.TemporaryDirectory() as name, Server(Path(name)) as server:
        yield server.url


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What is not closed says so where it is collected: then, and not in another test."""
    yield
    gc.collect()


def media(name: str = "media", stopped: asyncio.Event | None = None) -> Module:
    module = Module(name, backoff=SOON)

    @module.unary("echo")
    async def echo(message: bytes, ctx: CallContext) -> bytes:
        return message

    @module.unary("who")
    async def who(message: bytes, ctx: CallContext) -> bytes:
        return f"{name} for {ctx.source_module}".encode()

    @module.unary("sleep")
    async def sleep(message: bytes, ctx: CallContext) -> bytes:
        try:
            await asyncio.sleep(float(message))
        except asyncio.CancelledError:
            if stopped is not None:
                stopped.set()
            raise
        return b"slept"

    @module.service("count", kind=InteractionKind.SERVER_STREAM)
    async def count(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            for number in range(int(message)):
                await stream.send(b"%d" % number)

    @module.service("sum", kind=InteractionKind.CLIENT_STREAM)
    async def total(stream: Bytes, ctx: CallContext) -> bytes:
        return b"%d" % sum([int(message) async for message in stream])

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    @module.default
    async def default(stream: Bytes, ctx: CallContext) -> bytes:
        return b"default " + await anext(stream)

    return module


async def so(what: Callable[[], bool]) -> None:
    """Waits until it is so."""
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def code_of(call: Awaitable[object]) -> StreamErrorCode | int:
    with pytest.raises(CallError) as caught:
        await call
    return caught.value.code


class Serving:
    """A module that serves while the block runs."""

    def __init__(self, module: Module, url: str) -> None:
        self.module = module
        self.url = url

    async def __aenter__(self) -> Module:
        self.task = asyncio.create_task(self.module.serve(self.url))
        ready = asyncio.create_task(self.module.client.ready())
        await asyncio.wait((ready, self.task), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self.task.done():
            self.task.result()
        return self.module

    async def __aexit__(self, *exc: object) -> None:
        await self.module.stop(1)
        await self.task


def test_urls_are_read_and_their_secrets_not_shown() -> None:
    servers = ("a:4222", "b:1", "[::1]:4222", "[::1]:2")
    read = parse("nats://me:p%40ss@a,b:1,[::1],[::1]:2/?creds=/x%20y")
    assert read == NatsUrl(servers, "me", "p@ss", "/x y")
    assert "p@ss" not in f"{read} {read!r}"
    assert str(read) == "nats://a:4222,b:1,[::1]:4222,[::1]:2"
    assert parse("nats://word@a") == NatsUrl(("a:4222",), "word")
    for wrong in (
        "",
        "a:b",
        "a:99999",
        ":1",
        "a,",
        "a?x=1",
        "a?creds=",
        "a?",
        "a/b",
        "[::1",
        "::1",
    ):
        with pytest.raises(ValueError, match="is no nats://host") as caught:
            parse(f"nats://me:secret@{wrong}")
        assert "secret" not in str(caught.value)
    for wrong in ("%ff:secret@a", "me:secret%ff@a"):
        with pytest.raises(ValueError, match="UTF-8") as caught:
            parse(f"nats://{wrong}")
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_every_kind_of_call(url: str) -> None:
    async def main() -> None:
        async with Serving(media(), url), Client("caller", url) as client:
            assert await client.unary("echo", b"hello") == b"hello"
            assert await client.unary("who") == b"media for caller"
            assert await client.unary(ModuleTarget("media"), b"x") == b"default x"
            numbers = [b"%d" % number for number in range(3000)]
            async with client.server_stream("count", b"3000") as stream:
                assert [message async for message in stream] == numbers
            async with client.client_stream("sum") as stream:
                for number in numbers:
                    await stream.send(number)
                assert await stream.result() == b"%d" % sum(range(3000))
            async with client.bidi_stream("both") as stream:

                async def send() -> None:
                    for number in numbers:
                        await stream.send(number)
                    stream.close()

                sending = asyncio.create_task(send())
                assert [message async for message in stream] == numbers
                await sending
            for size in (0, 1, 70_000, 1 << 20):
                message = bytes(range(251)) * (size // 251 + 1)
                assert await client.unary("echo", message[:size]) == message[:size]
            assert 0 < await client.ping() < 5

    asyncio.run(main())


def test_topics_and_endpoints(url: str) -> None:
    heard: list[tuple[str, bytes]] = []

    async def main() -> None:
        listeners = [media("one"), media("two")]
        for module in listeners:

            @module.topic("news")
            async def news(stream: Bytes, ctx: CallContext, name: str = module.name) -> None:
                heard.append((name, await anext(stream)))

        async def endpoint(stream: Bytes, ctx: CallContext) -> bytes:
            return b"endpoint"

        async with (
            Serving(listeners[0], url) as module,
            Serving(listeners[1], url),
            Client("caller", url) as client,
        ):
            # Nobody hears what it says itself.
            await module.client.unary(BroadcastTarget("news"), b"own")
            await client.unary(BroadcastTarget("news"), b"item")
            name = await module.open_endpoint(endpoint)
            assert await client.unary(DynamicEndpointTarget(name)) == b"endpoint"
            await module.close_endpoint(name)
            target = DynamicEndpointTarget(name)
            assert await code_of(client.unary(target)) == StreamErrorCode.NOT_FOUND
            await so(lambda: len(heard) >= 3)

    asyncio.run(main())
    assert sorted(heard) == [("one", b"item"), ("two", b"item"), ("two", b"own")]


def test_two_providers_share(url: str) -> None:
    asked = 0

    async def main() -> None:
        providers = [media("first"), media("second")]
        for module in providers:

            @module.unary("once")
            async def once(message: bytes, ctx: CallContext) -> bytes:
                nonlocal asked
                asked += 1
                return b""

        async with (
            Serving(providers[0], url),
            Serving(providers[1], url),
            Client("caller", url) as client,
        ):
            for _ in range(20):
                await client.unary("once")
            assert asked == 20
            answers = [await client.unary("who") for _ in range(100)]
            assert min(answers.count(b"%b for caller" % name) for name in (b"first", b"second")) > 9

    asyncio.run(main())


def test_nobody_answers(url: str) -> None:
    async def main() -> None:
        async with Client("caller", url) as client:
            begin = time.monotonic()
            assert await code_of(client.unary("nothing")) == StreamErrorCode.NOT_FOUND
            target = ModuleTarget("nobody")
            assert await code_of(client.unary(target)) == StreamErrorCode.NOT_FOUND
            # Long before patience ends.
            assert time.monotonic() - begin < 2

    asyncio.run(main())


def test_cancel_and_deadline(url: str) -> None:
    async def main() -> None:
        for limit in ({}, {"timeout": 0.2}):
            stopped = asyncio.Event()
            async with Serving(media(stopped=stopped), url), Client("caller", url) as client:
                if limit:
                    code = await code_of(client.unary("sleep", b"30", timeout=0.2))
                    assert code == StreamErrorCode.DEADLINE_EXCEEDED
                else:
                    call = asyncio.create_task(client.unary("sleep", b"30"))
                    await asyncio.sleep(0.2)
                    call.cancel()
                await asyncio.wait_for(stopped.wait(), 5)

    asyncio.run(main())


PROVIDER = """
import sys
from ixt_sdk import Module
module = Module("other")

@module.service("open")
async def answer(stream, ctx):
    async for message in stream:
        await stream.send(message)

module.run(sys.argv[1])
"""


def provider(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROVIDER, url])


def test_a_killed_provider_is_noticed(url: str) -> None:
    async def main() -> None:
        async with Client("caller", url) as client:
            with provider(url) as process:
                try:
                    stream = await opened(client, "open")
                    process.kill()
                    process.wait()
                    begin = time.monotonic()
                    with pytest.raises(CallError) as caught:
                        await stream.receive()
                    assert caught.value.code == StreamErrorCode.UNAVAILABLE
                    assert time.monotonic() - begin < 2
                    assert await code_of(client.unary("open")) == StreamErrorCode.NOT_FOUND
                finally:
                    process.kill()

    asyncio.run(main())


async def opened(client: Client, service: str) -> Bytes:
    """A stream on which the first message has come back, once somebody provides the service."""
    async with asyncio.timeout(20):
        while True:
            stream = client.bidi_stream(service)
            try:
                await stream.send(b"first")
                assert await stream.receive() == b"first"
            except CallError:
                await asyncio.sleep(0.05)
            else:
                return stream


def test_a_server_that_is_killed_and_comes_back(folder: Path) -> None:
    async def main() -> None:
        with Server(folder) as server:
            async with (
                Serving(media(), server.url) as module,
                Client("caller", server.url, backoff=SOON) as client,
            ):
                stream = await opened(client, "both")
                # Nothing is lost of a stream on which nothing is under way until both are back.
                await asyncio.sleep(0.3)
                server.kill()
                await asyncio.sleep(0.6)
                server.start()
                await asyncio.sleep(0.8)
                await stream.send(b"second")
                assert await asyncio.wait_for(stream.receive(), 10) == b"second"
                stream.close()

                stream = await opened(client, "both")
                server.kill()
                with pytest.raises(CallError) as caught:
                    await stream.receive()
                assert caught.value.code == StreamErrorCode.UNAVAILABLE
                await so(lambda: not module.health.ok and not client.health.ok)
                assert "127.0.0.1" in client.health.last_error
                server.start()
                await client.ready()
                stream = await opened(client, "both")
                stream.close()
                assert [message async for message in stream] == []

    asyncio.run(main())


def test_goes_away_in_order_under_calls(url: str) -> None:
    """Providers come and go, and no call waits for who has gone."""

    async def main() -> None:
        async with Serving(media("stays"), url), Client("caller", url) as client:
            done = False
            slowest = 0.0
            count = answered = 0

            async def work() -> None:
                nonlocal answered, count, slowest
                while not done:
                    begin = time.monotonic()
                    # One that was on its way to who goes away is told so at once.
                    with contextlib.suppress(CallError):
                        assert (await client.unary("who")).endswith(b" for caller")
                        answered += 1
                    slowest = max(slowest, time.monotonic() - begin)
                    count += 1

            workers = [asyncio.create_task(work()) for _ in range(8)]
            for _ in range(5):
                async with Serving(media("goes"), url):
                    await asyncio.sleep(0.1)
            done = True
            await asyncio.gather(*workers)
            assert answered > 100
            assert count - answered < 5 * 8
            assert slowest < 2

    asyncio.run(main())


def test_permissions(folder: Path) -> None:
    allowed = """
authorization { users = [
  { user: all, password: "p@ss" }
  { user: caller, password: "p@ss", permissions: {
      publish: ["ixt.s-who.caller", "ixt.*.caller.*"]
      subscribe: ["ixt.i-caller.>", "ixt.m-caller.*", "ixt.t-.*"] } }
  { user: silent, password: "p@ss", permissions: { subscribe: { deny: "ixt.s-echo.*" } } }
] }
"""

    async def main() -> None:
        with Server(folder, allowed) as server:

            def of(user: str, password: str = "p%40ss") -> str:
                return server.url.replace("//", f"//{user}:{password}@")

            async with Serving(media(), of("all")), Client("caller", of("all")) as everybody:
                assert await everybody.unary("echo", b"x") == b"x"
                async with Client("caller", of("caller"), backoff=SOON) as client:
                    assert await client.unary("who") == b"media for caller"
                    code = await code_of(client.unary("echo", b"x"))
                    assert code == StreamErrorCode.PERMISSION_DENIED
            with pytest.raises(CallError) as refused:
                await media().serve(of("silent"))
            assert refused.value.code == StreamErrorCode.PERMISSION_DENIED
            for wrong in (of("all", "wrong-word"), of("wrong-word").replace(":p%40ss", "")):
                # It hangs up at once, so its word may be lost.
                with pytest.raises(ConnectionRefusedError, match=r"uthorization|reset") as caught:
                    await Client("caller", wrong).connect()
                assert "wrong-word" not in str(caught.value)
                assert str(server.port) in str(caught.value)

    asyncio.run(main())


def test_a_wrong_password_at_a_cluster(folder: Path) -> None:
    async def main() -> None:
        users = 'authorization { users = [{ user: all, password: "right" }] }'
        # As clusters are: a server tells its clients of the others.
        cluster = Cluster(folder, users)
        for server in cluster.servers:
            server.config = server.config.replace("no_advertise: true", "no_advertise: false")
        with cluster:
            hosts = ",".join(url.removeprefix("nats://") for url in cluster.urls)
            began = time.monotonic()
            with pytest.raises(ConnectionRefusedError, match=r"uthorization|reset"):
                await Client("caller", f"nats://all:wrong@{hosts}").connect()
            assert time.monotonic() - began < 5

    asyncio.run(main())


def test_nobody_listens_or_is_direct() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="nobody listens at nats://a:4222"):
            await media().listen("nats://me:secret@a")
        with pytest.raises(ValueError, match="nobody listens") as caught:
            await transport.listen("nats://me:secret@a", asyncio.Protocol)
        assert "secret" not in str(caught.value)
        with pytest.raises(ValueError, match="direct"):
            await Client("caller", "nats://a", direct=True).connect()

    asyncio.run(main())


def test_no_server_is_a_refused_connection() -> None:
    async def main() -> None:
        with socket.socket() as bound:
            # It does not listen.
            bound.bind(("127.0.0.1", 0))
            url = f"nats://me:secret@127.0.0.1:{bound.getsockname()[1]}"
            begin = time.monotonic()
            with pytest.raises(ConnectionRefusedError, match=r"127\.0\.0\.1") as caught:
                await Client("caller", url).connect()
            assert "secret" not in str(caught.value)
            assert time.monotonic() - begin < 2

    asyncio.run(main())


def test_without_nats_py_the_extra_is_named() -> None:
    code = """
import asyncio, sys
sys.modules["nats"] = None
from ixt_sdk import Client
try:
    asyncio.run(Client("caller", "nats://me:secret@a").connect())
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ixt-sdk[nats]" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_blocking_client(url: str) -> None:
    with provider(url) as process:
        try:
            with BlockingClient("caller", url) as client:
                for _ in range(400):
                    try:
                        assert client.unary("open", b"hello") == b"hello"
                        break
                    except CallError:
                        time.sleep(0.05)
                with client.bidi_stream("open") as stream:
                    for number in range(100):
                        stream.send(b"%d" % number)
                        assert stream.receive() == b"%d" % number
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_a_subject_that_is_no_text_stops_nobody(url: str) -> None:
    """The client's reader fails at it; then its pings are not answered."""

    async def main() -> None:
        async with Serving(media(), url) as module, Client("caller", url, backoff=SOON) as client:
            assert await client.unary("echo", b"x") == b"x"
            address = url.removeprefix("nats://").split(":")
            with socket.create_connection((address[0], int(address[1]))) as raw:
                raw.sendall(b"CONNECT {}\r\nPUB ixt.s-echo.\xff 1\r\nx\r\nPING\r\n")
                said = b""
                while b"PONG" not in said:
                    said += raw.recv(4096)
            async with asyncio.timeout(30):
                while True:
                    try:
                        assert await client.unary("echo", b"y", timeout=1) == b"y"
                        break
                    except CallError:
                        await asyncio.sleep(0.1)
            assert module.health.ok

    asyncio.run(main())


def test_whoever_sends_too_quickly_waits(url: str) -> None:
    async def main() -> None:
        sent = 0
        begun = asyncio.Event()
        module = media()

        @module.service("slow", kind=InteractionKind.CLIENT_STREAM)
        async def slow(stream: Bytes, ctx: CallContext) -> bytes:
            await begun.wait()
            return b"%d" % sum([len(message) async for message in stream])

        async with Serving(module, url), Client("caller", url) as client:
            async with client.client_stream("slow") as stream:

                async def send() -> None:
                    nonlocal sent
                    for _ in range(1000):
                        await stream.send(bytes(64 << 10))
                        sent += 1

                sending = asyncio.create_task(send())
                before = -1
                while sent > before:
                    before = sent
                    await asyncio.sleep(0.5)
                # Those of the window, and what waits on the way to it.
                assert 64 <= sent < 200
                begun.set()
                await sending
                assert await stream.result() == b"%d" % (1000 * (64 << 10))

    asyncio.run(main())


def test_tls_where_the_server_demands_it(folder: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    config = f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem" }}'

    async def main() -> None:
        with Server(folder, config) as server:
            module = Module("media", ssl=trusting)

            @module.unary("echo")
            async def echo(message: bytes, ctx: CallContext) -> bytes:
                return message

            async with (
                Serving(module, server.url),
                Client("caller", server.url, ssl=trusting) as client,
            ):
                assert await client.unary("echo", bytes(300_000)) == bytes(300_000)
            with pytest.raises(ConnectionRefusedError, match=r"(?i)certificate"):
                await Client("caller", server.url).connect()

    asyncio.run(main())


class Key:
    """A key of NATS, and what it signs."""

    def __init__(self, kind: int) -> None:
        nkeys: Any = pytest.importorskip("nkeys")
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), kind)
        self._pair: Any = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def jwt(self, subject: str, name: str, claims: dict[str, Any]) -> str:
        def part(data: bytes) -> str:
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        body = {"iat": int(time.time()), "iss": self.public, "sub": subject, "name": name}
        body |= {"nats": {"version": 2, **claims}}
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode()
        head = part(b'{"typ":"JWT","alg":"ed25519-nkey"}')
        signed = f"{head}.{part(json.dumps(body).encode())}"
        return f"{signed}.{part(self._pair.sign(signed.encode()))}"


def test_a_file_of_credentials(folder: Path) -> None:
    nkeys: Any = pytest.importorskip("nkeys")
    operator, account, user = (
        Key(kind)
        for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    )
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    of_operator = operator.jwt(operator.public, "o", {"type": "operator"})
    of_account = operator.jwt(account.public, "a", {"type": "account", "limits": limits})
    of_user = account.jwt(user.public, "u", {"type": "user", "subs": -1, "data": -1, "payload": -1})
    file = folder / "user.creds"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    config = (
        f"operator: {of_operator}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {account.public}: {of_account} }}\n"
    )

    async def main() -> None:
        with Server(folder, config) as server:
            url = f"{server.url}?creds={file}"
            async with Serving(media(), url), Client("caller", url) as client:
                assert await client.unary("echo", b"x") == b"x"
            with pytest.raises(ConnectionRefusedError, match="uthorization"):
                await Client("caller", server.url).connect()
            with pytest.raises(FileNotFoundError):
                await Client("caller", f"{url}.not").connect()
            file.write_text(user.seed.decode())
            with pytest.raises(ValueError, match="no file of NATS credentials") as caught:
                await Client("caller", url).connect()
            assert user.seed.decode() not in str(caught.value)

    asyncio.run(main())
