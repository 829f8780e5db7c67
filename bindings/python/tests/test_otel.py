"""Spans of calls, as an exporter of OpenTelemetry gets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ixt_sdk import InteractionKind, StreamErrorCode
from ixt_sdk.client import CallStream, Client
from ixt_sdk.errors import CallError
from ixt_sdk.invocation import from_traceparent
from ixt_sdk.module import CallContext, Module
from ixt_sdk.otel import OpenTelemetry
from ixt_sdk.testing import Host, run


def memory() -> tuple[InMemorySpanExporter, TracerProvider]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider


def chain(provider: TracerProvider, around: OpenTelemetry) -> tuple[Module, Module]:
    """``outer`` calls ``inner``, which starts a span of its own."""
    tracer = provider.get_tracer("of the application")
    outer = Module("outer", interceptors=[around])
    inner = Module("inner", interceptors=[around])

    @outer.unary("outer")
    async def call(message: bytes, ctx: CallContext) -> bytes:
        match message:
            case b"fail":
                raise CallError(StreamErrorCode.NOT_FOUND, "a secret")
            case b"raise":
                raise ValueError("a secret")
            case b"sleep":
                await asyncio.sleep(600)
            case _:
                pass
        return await outer.client.unary("inner", message)

    @inner.unary("inner")
    async def work(message: bytes, ctx: CallContext) -> bytes:
        with tracer.start_as_current_span("work"):
            return message

    @inner.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: CallStream[bytes, bytes], ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    return outer, inner


def ids(span: ReadableSpan) -> tuple[int, int, int]:
    """Trace, span, and parent."""
    assert span.context is not None
    parent = 0 if span.parent is None else span.parent.span_id
    return span.context.trace_id, span.context.span_id, parent


def one(spans: tuple[ReadableSpan, ...], name: str, kind: SpanKind) -> ReadableSpan:
    found = [span for span in spans if span.name == name and span.kind is kind]
    assert len(found) == 1, [(span.name, span.kind) for span in spans]
    return found[0]


def test_callers_and_handlers_that_trace_give_one_tree() -> None:
    exporter, provider = memory()
    around = OpenTelemetry(provider, calls=True)

    async def main() -> None:
        outer, inner = chain(provider, around)
        async with Host() as host, outer.running(host), inner.running(host):
            async with Client("caller", host, interceptors=[around]) as client:
                # A request from outside, whose span is current.
                with provider.get_tracer("of the application").start_as_current_span("request"):
                    assert await client.unary("outer", b"x") == b"x"

    run(main())
    spans = exporter.get_finished_spans()
    assert len(spans) == 6
    trace, parent, _ = ids(one(spans, "request", SpanKind.INTERNAL))
    for name, kind in [
        ("outer", SpanKind.CLIENT),
        ("outer", SpanKind.SERVER),
        ("inner", SpanKind.CLIENT),
        ("inner", SpanKind.SERVER),
        ("work", SpanKind.INTERNAL),
    ]:
        span = one(spans, name, kind)
        assert (ids(span)[0], ids(span)[2]) == (trace, parent), (name, kind)
        parent = ids(span)[1]
    attributes: Any = one(spans, "inner", SpanKind.SERVER).attributes
    assert attributes["ixt.target"] == "service:inner"
    assert attributes["ixt.caller"] == "outer"
    assert attributes["ixt.kind"] == "unary"
    assert attributes["ixt.outcome"] == "completed"


def test_handlers_stand_beneath_their_calls() -> None:
    exporter, provider = memory()
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    async def main() -> None:
        outer, inner = chain(provider, OpenTelemetry(provider))
        async with Host() as host, outer.running(host), inner.running(host):
            async with Client("caller", host) as client:
                trace = from_traceparent(header)
                assert trace is not None
                assert await client.unary("outer", b"x", trace=trace) == b"x"
                async with client.bidi_stream("both", trace=trace) as stream:
                    await stream.send(b"x")
                    assert await stream.receive() == b"x"
                    stream.close()
                    assert await stream.receive() is None

            async with Client("gateway", host, interceptors=[OpenTelemetry(provider)]) as client:
                with provider.get_tracer("of the application").start_as_current_span("request"):
                    await client.unary("inner", b"x")

    run(main())
    spans = exporter.get_finished_spans()
    request = one(spans, "request", SpanKind.INTERNAL)
    # What the request causes is in its trace, and not beneath it: between is the span of the call.
    caused = [span for span in spans if span is not request and ids(span)[0] == ids(request)[0]]
    assert sorted(span.name for span in caused) == ["inner", "work"]
    assert all(ids(span)[2] not in (0, ids(request)[1]) for span in caused)
    spans = tuple(span for span in spans if ids(span)[0] != ids(request)[0])
    assert sorted(span.name for span in spans) == ["both", "inner", "outer", "work"]
    assert {ids(span)[0] for span in spans} == {0x0AF7651916CD43DD8448EB211C80319C}
    outer, inner = (one(spans, name, SpanKind.SERVER) for name in ("outer", "inner"))
    # Its parent is the span of the call, which the host exports.
    assert ids(outer)[2] not in (0, 0xB7AD6B7169203331, ids(inner)[2])
    assert ids(one(spans, "work", SpanKind.INTERNAL))[2] == ids(inner)[1]


def test_what_goes_wrong_is_a_status() -> None:
    exporter, provider = memory()
    around = OpenTelemetry(provider, calls=True)

    async def main() -> None:
        outer, inner = chain(provider, around)
        async with Host() as host, outer.running(host), inner.running(host):
            async with Client("caller", host, interceptors=[around]) as client:
                for message in (b"fail", b"raise"):
                    with pytest.raises(CallError):
                        await client.unary("outer", message)
                call = asyncio.create_task(client.unary("outer", b"sleep"))
                await asyncio.sleep(1)
                call.cancel()
                await asyncio.sleep(1)

    run(main())
    spans = exporter.get_finished_spans()
    told = sorted((span.kind.name, span.status.description or "-") for span in spans)
    assert told == [
        ("CLIENT", "-"),
        ("CLIENT", "internal"),
        ("CLIENT", "notFound"),
        ("SERVER", "cancelled"),
        ("SERVER", "internal"),
        ("SERVER", "notFound"),
    ]
    assert sum(span.status.status_code is StatusCode.ERROR for span in spans) == 5
    assert not any("secret" in span.to_json() for span in spans)


@pytest.mark.parametrize("follows", [False, True])
def test_the_flag_decides_where_it_is_followed(follows: bool) -> None:
    exporter, provider = memory()

    async def main() -> None:
        outer, inner = chain(provider, OpenTelemetry(provider, follow_flags=follows))
        async with Host() as host, outer.running(host), inner.running(host):
            async with Client("caller", host) as client:
                await client.unary("outer", b"x")

    run(main())
    assert len(exporter.get_finished_spans()) == (0 if follows else 3)
