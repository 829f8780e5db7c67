"""Calls in one message: the values, the vectors, and modules that answer them."""

from __future__ import annotations

import pickle
from collections.abc import Coroutine
from typing import Any

import pytest

from ixt_sdk import (
    ActorIdentity,
    HandlePayload,
    InvocationContext,
    StreamErrorCode,
    message_handler,
)
from ixt_sdk.client import CallOptions, Client
from ixt_sdk.errors import (
    BY_KIND,
    BadMethodError,
    BadTextError,
    CallError,
    FrameTooLargeError,
    InvalidArgumentError,
    IxtError,
    TruncatedError,
)
from ixt_sdk.interceptors import Interceptor
from ixt_sdk.invocation import (
    BroadcastTarget,
    DynamicEndpointTarget,
    ModuleTarget,
    OperatorSubject,
    ServiceTarget,
)
from ixt_sdk.module import CallContext, Module
from ixt_sdk.testing import Host, run

from conftest import lines, payloads

CONTEXT = InvocationContext(source_module="gateway", target=ServiceTarget("media"))


def test_vectors() -> None:
    for vector in lines("vectors/payloads.jsonl"):
        try:
            replay(vector)
        except BaseException as error:
            error.add_note(vector["name"])
            raise


def replay(vector: dict[str, Any]) -> None:
    limits = {"max_payload": vector["max_payload"]} if "max_payload" in vector else {}

    def made() -> HandlePayload:
        context = InvocationContext.from_bytes(bytes.fromhex(vector["context"]))
        return HandlePayload(context, vector["method"], bytes.fromhex(vector["body"]))

    def decoded(form: str) -> HandlePayload:
        return HandlePayload.from_bytes(bytes.fromhex(form), **limits)

    if "op" in vector:
        encodes = vector["op"] == "encode"
        with pytest.raises(IxtError) as refused:
            made().to_bytes(**limits) if encodes else decoded(vector["hex"])
        assert type(refused.value) is BY_KIND[vector["kind"]]
        payloads["refused"] += 1
        return
    data = bytes.fromhex(vector["hex"])
    assert made().to_bytes(**limits) == data
    for form in (vector["hex"], *vector.get("also", [])):
        read = decoded(form)
        assert read.context.to_bytes() == bytes.fromhex(vector["context"])
        assert (read.method, read.body) == (vector["method"], bytes.fromhex(vector["body"]))
        assert read.to_bytes(**limits) == data
        assert HandlePayload.accept(bytes.fromhex(form), read.context) == read
    payloads["values"] += 1


def test_it_is_a_value() -> None:
    payload = HandlePayload(CONTEXT, "resize", bytearray(b"64"))
    assert (payload.context, payload.method, payload.body) == (CONTEXT, "resize", b"64")
    same = HandlePayload.from_bytes(bytes(payload))
    assert same == payload
    assert hash(same) == hash(payload)
    assert pickle.loads(pickle.dumps(payload)) == payload
    assert payload != HandlePayload(CONTEXT, "resize", b"65")
    assert payload != HandlePayload(CONTEXT, "crop", b"64")
    assert payload != HandlePayload(InvocationContext.anonymous(), "resize", b"64")
    assert payload != b"64"
    assert HandlePayload(CONTEXT, "resize").body == b""
    assert "64" not in repr(payload)
    assert "resize" in repr(payload)
    with pytest.raises(AttributeError):
        payload.method = "crop"  # type: ignore[misc]


def test_a_refusal_says_where() -> None:
    with pytest.raises(BadMethodError) as refused:
        HandlePayload(CONTEXT, "").to_bytes()
    assert refused.value.field == "method"
    with pytest.raises(BadTextError):
        HandlePayload(CONTEXT, "\ud800")
    with pytest.raises(TruncatedError):
        HandlePayload.from_bytes(b"")
    other = CONTEXT.child(b"12345678", "gateway", ServiceTarget("media"))
    with pytest.raises(InvalidArgumentError) as differs:
        HandlePayload.accept(bytes(HandlePayload(other, "resize")), CONTEXT)
    assert differs.value.field == "context"


async def shout(payload: HandlePayload, ctx: CallContext) -> bytes:
    assert payload.context == ctx.invocation
    match payload.method:
        case "shout":
            return payload.body.upper()
        case "who":
            return ctx.source_module.encode()
        case other:
            raise CallError(StreamErrorCode.NOT_FOUND, f"no method {other}")


def voice(interceptors: tuple[Interceptor, ...] = ()) -> Module:
    module = Module("provider", interceptors=interceptors)
    module.handle_message("voice")(shout)
    module.default(message_handler(shout))
    return module


async def fails(call: Coroutine[Any, Any, object]) -> StreamErrorCode | int:
    with pytest.raises(CallError) as failed:
        await call
    return failed.value.code


@pytest.mark.parametrize("interceptors", [(), (Interceptor(),)])
def test_a_message_is_answered(interceptors: tuple[Interceptor, ...]) -> None:
    async def main() -> None:
        module = voice(interceptors)
        async with Host() as host, module.running(host):
            endpoint = await module.open_endpoint(message_handler(shout))
            async with Client("caller", host, interceptors=interceptors) as client:
                for to in ("voice", ModuleTarget("provider"), DynamicEndpointTarget(endpoint)):
                    assert await client.message(to, "shout", b"hello") == b"HELLO"
                    assert await client.message(to, "shout") == b""
                    assert await client.message(to, "who", timeout=5) == b"caller"
                    assert await fails(client.message(to, "whisper")) == StreamErrorCode.NOT_FOUND
                with pytest.raises(BadMethodError):
                    await client.message("voice", "")
                with pytest.raises(BadMethodError):
                    await client.message("voice", "m" * 257)
                with pytest.raises(FrameTooLargeError):
                    await client.message("voice", "shout", bytes(1 << 20))

    run(main())


def test_a_message_cannot_say_more_than_its_open() -> None:
    """The context within decides nothing: where it is not the open's, the handler is not asked."""

    async def main() -> None:
        asked: list[tuple[HandlePayload, CallContext]] = []
        module = Module("provider")

        @module.handle_message("voice")
        async def handler(payload: HandlePayload, ctx: CallContext) -> bytes:
            asked.append((payload, ctx))
            return b""

        system = InvocationContext(
            source_module="caller",
            target=ServiceTarget("voice"),
            actor=ActorIdentity(capabilities=["*"]),
        )
        async with Host() as host, module.running(host), Client("caller", host) as client:
            for message in (
                bytes(HandlePayload(system, "shout")),
                bytes(HandlePayload(InvocationContext.anonymous(), "shout")),
                b"no message",
                b"",
            ):
                code = await fails(client.unary("voice", message))
                assert code == StreamErrorCode.INVALID_ARGUMENT
        assert not asked

    run(main())


def test_what_is_lifted_out_of_the_context() -> None:
    async def main() -> None:
        module = Module("provider")
        seen: list[CallContext] = []

        @module.handle_message("inner", requires="a.b")
        async def inner(payload: HandlePayload, ctx: CallContext) -> bytes:
            said = payload.context
            assert ctx.correlation_id == said.correlation_id
            assert ctx.span_id == said.span_id
            assert ctx.source_module == said.source_module == "caller"
            assert ctx.actor == said.actor
            assert ctx.actor.subject == OperatorSubject("alice")
            assert ctx.capabilities == ("a.b",)
            assert ctx.deadline_ms == said.deadline_ms is not None
            assert dict(ctx.metadata) == {"k": "v"}
            seen.append(ctx)
            return b""

        actor = ActorIdentity(OperatorSubject("alice"), capabilities=["a.b"])
        async with Host() as host, module.running(host), Client("caller", host) as client:
            options: CallOptions = {"actor": actor, "metadata": {"k": "v"}, "timeout": 5.0}
            await client.message("inner", "look", **options)
            code = await fails(client.message("inner", "look"))
            assert code == StreamErrorCode.PERMISSION_DENIED
        assert len(seen) == 1

    run(main())


def test_a_broadcast_may_be_a_message() -> None:
    async def main() -> None:
        module = Module("provider")
        heard: list[bytes] = []

        async def hear(payload: HandlePayload, ctx: CallContext) -> bytes:
            assert ctx.invocation.target == BroadcastTarget("news")
            heard.append(payload.body)
            return b""

        module.topic("news")(message_handler(hear))
        async with Host() as host, module.running(host), Client("caller", host) as client:
            await client.message(BroadcastTarget("news"), "tell", b"now")
            await client.message(BroadcastTarget("news"), "tell", b"then")
            while len(heard) < 2:
                await client.ping()
        assert sorted(heard) == [b"now", b"then"]

    run(main())
