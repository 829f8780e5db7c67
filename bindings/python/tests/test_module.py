"""Modules and clients, with a host in the process and on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ixt_sdk import ActorIdentity, InteractionKind, StreamErrorCode
from ixt_sdk.client import CallStream, Client
from ixt_sdk.errors import CallError, FrameTooLargeError, StreamEndedError
from ixt_sdk.invocation import (
    BroadcastTarget,
    DynamicEndpointTarget,
    ModuleTarget,
    OperatorSubject,
    ReplyTarget,
)
from ixt_sdk.module import CallContext, Module, State, current_call
from ixt_sdk.streaming import Cancelled, CancelReason, Completed
from ixt_sdk.testing import Host, run
from ixt_sdk.transport import ConnectionSettings

Bytes = CallStream[bytes, bytes]
Main = Callable[[], Coroutine[Any, Any, None]]


def on_virtual_time(main: Main) -> Callable[[], None]:
    """A test whose body is a coroutine."""

    def test() -> None:
        run(main())

    test.__name__ = main.__name__
    test.__doc__ = main.__doc__
    return test


def everything(name: str = "media") -> Module:
    """A module that answers each kind."""
    module = Module(name)

    @module.unary("echo")
    async def echo(message: bytes, ctx: CallContext) -> bytes:
        return message

    @module.service("down", kind=InteractionKind.SERVER_STREAM)
    async def down(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            for number in range(int(message)):
                await stream.send(b"%d" % number)

    @module.service("up", kind=InteractionKind.CLIENT_STREAM)
    async def up(stream: Bytes, ctx: CallContext) -> bytes:
        return b"%d" % sum([len(message) async for message in stream])

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    @module.unary("sleep")
    async def sleep(message: bytes, ctx: CallContext) -> bytes:
        await asyncio.sleep(float(message))
        return b"slept"

    return module


@asynccontextmanager
async def pair(module: Module, policy: str | None = None) -> AsyncGenerator[Client, None]:
    """The module at a host, and a client."""
    async with Host(policy) as host, module.running(host), Client("caller", host) as client:
        yield client


async def fails(call: Awaitable[object]) -> StreamErrorCode | int:
    with pytest.raises(CallError) as failed:
        await call
    return failed.value.code


@on_virtual_time
async def test_all_four_kinds() -> None:
    async with pair(everything()) as client:
        assert await client.unary("echo", b"hello") == b"hello"
        assert await client.unary("echo") == b""
        async with client.server_stream("down", b"300") as down:
            assert [int(message) async for message in down] == list(range(300))
        assert down.outcome is not None
        assert down.outcome.is_success
        async with client.client_stream("up") as up:
            for _ in range(300):
                await up.send(b"12345")
            assert await up.result() == b"1500"
        async with client.bidi_stream("both") as both:
            for number in range(300):
                await both.send(b"%d" % number)
                assert await both.receive() == b"%d" % number
            assert both.close()
            assert not both.close()
            assert await both.receive() is None
            await asyncio.sleep(0.1)
            assert isinstance(both.outcome, Completed)


@on_virtual_time
async def test_a_thousand_calls_at_once() -> None:
    async with pair(everything()) as client:
        answers = await asyncio.gather(*(client.unary("echo", b"%d" % n) for n in range(1000)))
        assert answers == [b"%d" % n for n in range(1000)]
        assert client.health.streams == 0


@on_virtual_time
async def test_more_calls_than_the_peer_allows_wait_for_one_another() -> None:
    # The host takes 10,000 at once of a connection, and gives one provider at most 9,000 of them.
    module, another = everything(), everything("another")
    async with Host() as host, module.running(host), another.running(host):
        settings = ConnectionSettings()
        async with Client("caller", host, settings=settings) as client:
            calls = [asyncio.create_task(client.unary("sleep", b"1")) for _ in range(10_100)]
            done = await asyncio.gather(*calls)
            assert done == [b"slept"] * 10_100


@on_virtual_time
async def test_a_large_message_goes_in_parts_and_one_too_large_not_at_all() -> None:
    async with pair(everything()) as client:
        large = bytes(range(256)) * 4096
        assert await client.unary("echo", large) == large
        assert await client.unary("echo", bytearray(large)) == large
        with pytest.raises(FrameTooLargeError):
            await client.unary("echo", large + b"!")
        async with client.bidi_stream("both") as both:
            with pytest.raises(FrameTooLargeError):
                await both.send(large + b"!")
            await both.send(large)
            assert await both.receive() == large
        assert client.health.streams <= 1


@on_virtual_time
async def test_a_sleeping_reader_stops_the_sender() -> None:
    module = Module("fast")
    sent = 0

    @module.service("flood", kind=InteractionKind.SERVER_STREAM)
    async def flood(stream: Bytes, ctx: CallContext) -> None:
        nonlocal sent
        async for _ in stream:
            for _ in range(2000):
                await stream.send(bytes(1000))
                sent += 1

    async with pair(module) as client, client.server_stream("flood") as messages:
        await asyncio.sleep(60)
        ahead = sent
        # The window of the reader, and what the host lets through before it is told of it.
        assert 64 <= ahead <= 64 + 256
        for _ in range(64):
            await anext(messages)
        await asyncio.sleep(60)
        assert ahead < sent <= ahead + 64 + 1
        assert sum([1 async for _ in messages]) == 2000 - 64


@on_virtual_time
async def test_send_waits_in_order_and_cancelling_it_loses_nothing() -> None:
    module = Module("slow")
    go = asyncio.Event()
    heard: list[bytes] = []

    @module.service("read", kind=InteractionKind.CLIENT_STREAM)
    async def read(stream: Bytes, ctx: CallContext) -> bytes:
        await go.wait()
        async for message in stream:
            heard.append(message)
        return b"done"

    async with pair(module) as client, client.client_stream("read") as stream:
        waiting = 0
        while stream.try_send(b"%d" % waiting):
            waiting += 1
            # The first message tells the host how large they are: it allows more then.
            await asyncio.sleep(0.01)
        senders = [asyncio.create_task(stream.send(b"%d" % (waiting + n))) for n in range(9)]
        await asyncio.sleep(1)
        assert not any(sender.done() for sender in senders)
        assert not stream.try_send(b"nobody overtakes")
        senders[4].cancel()
        await asyncio.sleep(1)
        go.set()
        await asyncio.gather(*senders, return_exceptions=True)
        assert await stream.result() == b"done"
        expected = [n for n in range(waiting + 9) if n != waiting + 4]
        assert [int(message) for message in heard] == expected


@on_virtual_time
async def test_nobody_overtakes_who_waits_for_room() -> None:
    module = Module("reader")
    heard: list[bytes] = []

    @module.service("read", kind=InteractionKind.CLIENT_STREAM)
    async def read(stream: Bytes, ctx: CallContext) -> bytes:
        heard.extend([message async for message in stream])
        return b""

    async with Host() as host, module.running(host):
        settings = ConnectionSettings(max_queued_stream=1000)
        async with Client("caller", host, settings=settings) as client:
            async with client.client_stream("read") as stream:
                await asyncio.sleep(1)
                link = client._session.connected()
                link.pause_writing()
                while stream.try_send(bytes(300)):
                    pass
                first = asyncio.create_task(stream.send(b"first"))
                await asyncio.sleep(1)
                assert not first.done()
                # It runs before the first one hears that there is room.
                second = asyncio.create_task(stream.send(b"second"))
                link.resume_writing()
                link._turn()
                await asyncio.gather(first, second)
                await stream.result()
    assert heard[-2:] == [b"first", b"second"]


@on_virtual_time
async def test_a_cancelled_call_cancels_its_handler() -> None:
    module = Module("slow")
    ended: list[str] = []

    @module.unary("unary")
    async def unary(message: bytes, ctx: CallContext) -> bytes:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            ended.append("unary")
            raise
        return b""

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        try:
            async for _ in stream:
                pass
        except asyncio.CancelledError:
            outcome = stream.outcome
            assert isinstance(outcome, Cancelled)
            ended.append(f"both {outcome.reason}")
            raise

    async with pair(module) as client:
        call = asyncio.create_task(client.unary("unary"))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(1)
        assert ended == ["unary"]

        async with client.bidi_stream("both") as stream:
            await stream.send(b"x")
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        assert ended == ["unary", "both consumerGone"]
        with pytest.raises(CallError) as gone:
            await stream.send(b"y")
        assert gone.value.code == StreamErrorCode.CANCELLED

        async def fails_within() -> None:
            async with client.bidi_stream("both"):
                await asyncio.sleep(1)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fails_within()
        await asyncio.sleep(1)
        assert ended[2:] == ["both userRequested"]
        assert client.health.streams == module.health.streams == 0


@on_virtual_time
async def test_a_handler_cancels_its_call() -> None:
    module = Module("fussy")

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        async for _ in stream:
            stream.cancel(CancelReason.SUPERSEDED, "another one came")
            ended.append(await fails(stream.send(b"late")))

    ended: list[StreamErrorCode | int] = []
    async with pair(module) as client, client.bidi_stream("both") as stream:
        await stream.send(b"x")
        with pytest.raises(CallError, match="superseded: another one came") as cancelled:
            await stream.receive()
        assert cancelled.value.code == StreamErrorCode.CANCELLED
        assert isinstance(cancelled.value.outcome, Cancelled)
        assert ended == [StreamErrorCode.CANCELLED], "the handler goes on after its own word"


@on_virtual_time
async def test_deadlines_end_calls_on_both_sides() -> None:
    module = everything()
    ended: list[float] = []
    loop = asyncio.get_running_loop()

    @module.unary("forever")
    async def forever(message: bytes, ctx: CallContext) -> bytes:
        left = ctx.remaining()
        assert left is not None
        assert 2.4 < left <= 2.5
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(loop.time())
        return b""

    @module.unary("through")
    async def through(message: bytes, ctx: CallContext) -> bytes:
        # A call without a deadline of its own has its parent's.
        return await module.client.unary("forever")

    other = Module("other")

    @other.unary("chain")
    async def chain(message: bytes, ctx: CallContext) -> bytes:
        assert current_call() is ctx
        return await other.client.unary("forever", timeout=1000)

    async with Host() as host, module.running(host), other.running(host):
        async with Client("caller", host) as client:
            begun = loop.time()
            code = await fails(client.unary("forever", timeout=2.5))
            assert code == StreamErrorCode.DEADLINE_EXCEEDED
            assert 2.5 <= loop.time() - begun < 2.6
            await asyncio.sleep(0.01)
            assert len(ended) == 1

            begun = loop.time()
            code = await fails(client.unary("chain", timeout=2.5))
            assert code == StreamErrorCode.DEADLINE_EXCEEDED
            await asyncio.sleep(0.01)
            assert len(ended) == 2
            assert 2.4 < ended[1] - begun < 2.6

            async with client.bidi_stream("both", timeout=1.5) as stream:
                await stream.send(b"x")
                assert await stream.receive() == b"x"
                code = await fails(stream.receive())
            assert code == StreamErrorCode.DEADLINE_EXCEEDED
            assert await fails(client.unary("echo", timeout=-1)) == code


@on_virtual_time
async def test_what_handlers_raise() -> None:
    module = Module("broken")

    @module.unary("typed")
    async def typed(message: bytes, ctx: CallContext) -> bytes:
        raise CallError(StreamErrorCode.NOT_FOUND, "no such picture", b"details")

    @module.unary("untyped")
    async def untyped(message: bytes, ctx: CallContext) -> bytes:
        raise KeyError("secret")

    @module.service("silent", kind=InteractionKind.UNARY)
    async def silent(stream: Bytes, ctx: CallContext) -> None:
        await stream.receive()

    @module.service("late", kind=InteractionKind.SERVER_STREAM)
    async def late(stream: Bytes, ctx: CallContext) -> None:
        await stream.send(b"one")
        # What has not left when a stream fails never leaves.
        await asyncio.sleep(1)
        raise CallError(StreamErrorCode.RESOURCE_EXHAUSTED, "x" * 10_000)

    @module.unary("nested")
    async def nested(message: bytes, ctx: CallContext) -> bytes:
        return await module.client.unary("nobody")

    async with pair(module) as client:
        with pytest.raises(CallError) as failed:
            await client.unary("typed")
        assert str(failed.value) == "notFound: no such picture"
        assert failed.value.details == b"details"
        with pytest.raises(CallError) as failed:
            await client.unary("untyped")
        assert str(failed.value) == "internal: KeyError"
        with pytest.raises(CallError, match="gave no answer"):
            await client.unary("silent")
        async with client.server_stream("late") as stream:
            assert await stream.receive() == b"one"
            assert await fails(stream.receive()) == StreamErrorCode.RESOURCE_EXHAUSTED
            assert await fails(stream.receive()) == StreamErrorCode.RESOURCE_EXHAUSTED
        assert await fails(client.unary("nested")) == StreamErrorCode.NOT_FOUND
        assert await fails(client.unary("nobody")) == StreamErrorCode.NOT_FOUND
        code = await fails(client.client_stream("typed").result())
        assert code == StreamErrorCode.INVALID_ARGUMENT, "the host knows which kinds it answers"


@on_virtual_time
async def test_an_answer_before_the_end_of_the_requests() -> None:
    module = Module("hasty")

    @module.service("first", kind=InteractionKind.CLIENT_STREAM)
    async def first(stream: Bytes, ctx: CallContext) -> bytes:
        return await anext(stream)

    async with pair(module) as client, client.client_stream("first") as stream:
        await stream.send(b"one")
        await asyncio.sleep(1)
        with pytest.raises(StreamEndedError):
            await stream.send(b"two")
        assert await stream.result() == b"one"


POLICY = """
[module.media]
uid = 1
provide = ["*"]
subscribe = ["*"]

[module.caller]
uid = 2
call = ["*"]
capabilities = ["media.*"]
subjects = ["operator"]
"""


@on_virtual_time
async def test_authority_is_the_hosts() -> None:
    module = Module("media")

    @module.unary("thumbs", requires="media.thumbs")
    async def thumbs(message: bytes, ctx: CallContext) -> bytes:
        assert ctx.source_module == "caller"
        assert ctx.actor.subject == OperatorSubject("alice")
        assert ctx.has_capability("media.thumbs")
        assert ctx.metadata == {"colour": "blue"}
        return repr(ctx.capabilities).encode()

    async with Host(POLICY) as host, module.running(host.user(1)):
        async with Client("caller", host.user(2)) as client:
            assert await fails(client.unary("thumbs")) == StreamErrorCode.PERMISSION_DENIED
            alice = ActorIdentity(OperatorSubject("alice"), capabilities=["media.thumbs"])
            answer = await client.unary("thumbs", actor=alice, metadata={"colour": "blue"})
            assert answer == b"('media.thumbs',)"
            root = ActorIdentity(OperatorSubject("alice"), capabilities=["root"])
            assert (
                await fails(client.unary("thumbs", actor=root)) == StreamErrorCode.PERMISSION_DENIED
            )
        assert [refusal["code"] for refusal in host.refusals] == ["permissionDenied"] * 2
        impostor = Client("media", host.user(2))
        assert await fails(impostor.connect()) == StreamErrorCode.UNAUTHENTICATED
        assert await fails(Client("unknown", host).connect()) == StreamErrorCode.PERMISSION_DENIED


@on_virtual_time
async def test_calls_in_a_handler_are_children() -> None:
    outer, inner = Module("outer"), Module("inner")
    seen: list[CallContext] = []

    @outer.unary("outer")
    async def call(message: bytes, ctx: CallContext) -> bytes:
        seen.append(ctx)
        # Tasks inherit what they are in.
        return await asyncio.create_task(
            outer.client.unary("inner", capabilities=["media.read"], metadata={"k": "v"})
        )

    @inner.unary("inner")
    async def called(message: bytes, ctx: CallContext) -> bytes:
        seen.append(ctx)
        return b""

    async with Host() as host, outer.running(host), inner.running(host):
        async with Client("caller", host) as client:
            actor = ActorIdentity(OperatorSubject("alice"), capabilities=["media.*"])
            await client.unary("outer", actor=actor, timeout=5)
    parent, child = (ctx.invocation for ctx in seen)
    assert child.correlation_id == parent.correlation_id != bytes(16)
    assert child.parent_span_id == parent.span_id != child.span_id
    assert child.actor.subject == parent.actor.subject
    assert child.actor.capabilities == ("media.read",)
    assert child.deadline_ms == parent.deadline_ms
    assert child.source_module == "outer"
    assert dict(child.metadata)["k"] == "v"
    assert current_call() is None


@on_virtual_time
async def test_every_target() -> None:
    module = Module("media")
    news: list[bytes] = []
    replies: list[bytes] = []

    @module.default
    async def default(stream: Bytes, ctx: CallContext) -> bytes:
        return b"module " + await anext(stream)

    @module.topic("news")
    async def heard(stream: Bytes, ctx: CallContext) -> bytes:
        news.append(await anext(stream))
        return b"not read"

    @module.unary("wait")
    async def wait(message: bytes, ctx: CallContext) -> bytes:
        return await module.client.unary(ReplyTarget(ctx.stream_id), b"how large?")

    caller = Module("caller")

    @caller.replies
    async def reply(stream: Bytes, ctx: CallContext) -> bytes:
        replies.append(await anext(stream))
        assert isinstance(ctx.invocation.target, ReplyTarget)
        return b"large"

    async def endpoint(stream: Bytes, ctx: CallContext) -> bytes:
        return b"endpoint"

    async with Host() as host, module.running(host), caller.running(host) as client:
        assert await client.unary(ModuleTarget("media"), b"hello") == b"module hello"
        assert await client.unary(BroadcastTarget("news"), b"rain") == b""
        await asyncio.sleep(1)
        assert news == [b"rain"]
        assert await client.unary("wait") == b"large"
        assert replies == [b"how large?"]
        name = await module.open_endpoint(endpoint)
        assert await client.unary(DynamicEndpointTarget(name)) == b"endpoint"
        await module.close_endpoint(name)
        await asyncio.sleep(0.1)
        code = await fails(client.unary(DynamicEndpointTarget(name)))
        assert code == StreamErrorCode.NOT_FOUND


@on_virtual_time
async def test_it_connects_again_and_announces_itself_again() -> None:
    module = everything()
    async with Host() as host, module.running(host), Client("caller", host) as client:
        waiting = asyncio.create_task(client.unary("sleep", b"100"))
        stream = client.bidi_stream("both")
        await stream.send(b"x")
        await asyncio.sleep(1)
        host.refuses_connections = True
        host.drop()
        assert await fails(waiting) == StreamErrorCode.UNAVAILABLE
        assert await stream.receive() == b"x"
        assert await fails(stream.receive()) == StreamErrorCode.UNAVAILABLE
        assert await fails(client.unary("echo")) == StreamErrorCode.UNAVAILABLE
        assert client.health.state == State.CONNECTING
        await asyncio.sleep(60)
        assert "refuses" in client.health.last_error
        host.refuses_connections = False
        await client.ready()
        await asyncio.sleep(20)
        assert await client.unary("echo", b"again") == b"again"
        assert client.health.reconnects == module.health.reconnects == 1
        assert sorted(host.modules) == ["caller", "media"]


@on_virtual_time
async def test_a_graceful_stop_lets_calls_finish() -> None:
    module = everything()
    async with Host() as host, Client("caller", host) as client:
        async with module.running(host):
            calls = [asyncio.create_task(client.unary("sleep", b"%d" % n)) for n in (3, 100)]
            await asyncio.sleep(1)
            stopping = asyncio.create_task(module.stop(10))
            await asyncio.sleep(0.1)
            assert module.health.state == State.STOPPING
            new = await fails(client.unary("echo"))
            assert new in (StreamErrorCode.UNAVAILABLE, StreamErrorCode.NOT_FOUND)
            assert await calls[0] == b"slept"
            begun = asyncio.get_running_loop().time()
            assert await fails(calls[1]) == StreamErrorCode.CANCELLED
            assert 6 < asyncio.get_running_loop().time() - begun < 9
            await stopping
            assert not module.health.ok
            assert not module._tasks
        assert host.modules == ["caller"]


@on_virtual_time
async def test_a_stop_without_calls_takes_no_grace() -> None:
    module = everything()
    async with Host() as host:
        serving = asyncio.create_task(module.serve(host))
        await module.client.ready()
        begun = asyncio.get_running_loop().time()
        await module.stop()
        assert asyncio.get_running_loop().time() - begun < 0.1
        await serving
        # And it may be served again.
        async with module.running(host), Client("caller", host) as client:
            assert await client.unary("echo", b"x") == b"x"


@on_virtual_time
async def test_a_host_that_goes_away() -> None:
    module = everything()
    async with Host() as host, module.running(host), Client("caller", host) as client:
        call = asyncio.create_task(client.unary("sleep", b"3"))
        await asyncio.sleep(1)
        host.go_away(10)
        await asyncio.sleep(0.1)
        assert await fails(client.unary("echo")) == StreamErrorCode.UNAVAILABLE
        assert await call == b"slept", "what runs may finish"
        await client.ready()
        await asyncio.sleep(20)
        assert await client.unary("echo", b"x") == b"x", "they have come again"


@on_virtual_time
async def test_serve_tries_until_the_host_is_there_and_gives_up_where_it_refuses() -> None:
    async with Host() as host:
        host.refuses_connections = True
        module = everything()
        serving = asyncio.create_task(module.serve(host))
        await asyncio.sleep(100)
        assert not serving.done()
        host.refuses_connections = False
        await module.client.ready()
        host.refuses_connections = True
        with pytest.raises(ConnectionRefusedError):
            await Client("caller", host).connect()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert module.health.state == State.STOPPED
    async with Host(POLICY) as strict:
        assert await fails(everything().serve(strict)) == StreamErrorCode.UNAUTHENTICATED


@on_virtual_time
async def test_an_idle_connection_stays_and_a_ping_tells_its_time() -> None:
    async with pair(everything()) as client:
        await asyncio.sleep(3600)
        assert await client.ping() == 0.0
        assert await client.unary("echo", b"x") == b"x"
        assert client.health.reconnects == 0


def test_virtual_time_does_not_hang() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing can happen any more"):
        run(never(), patience=0.05)

    async def pinged() -> None:
        async with pair(everything()):
            await never()

    with pytest.raises(RuntimeError, match="the virtual time is over"):
        run(pinged(), limit=600)
