"""ARCP within the servers of others, and spans around its frames."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import importlib
import itertools
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from serving import Plain
from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute
from uvicorn import Config, Server

from arcp import (
    ClientInfo,
    RuntimeInfo,
    WebSocketTransport,
    pair_memory_transports,
    serve_websocket,
)
from arcp._transport.base import Transport
from arcp._transport.hosts import Hosts
from arcp.client import ARCPClient
from arcp.middleware.aiohttp import arcp_aiohttp_handler, serve_arcp_aiohttp
from arcp.middleware.asgi import arcp_asgi_app
from arcp.middleware.otel import OTEL_EXTENSION_KEY, with_tracing
from arcp.runtime import ARCPRuntime, JobContext, StaticBearerVerifier


async def echo(given: Any, ctx: JobContext) -> Any:
    await ctx.log("info", "here")
    return given


def runtime() -> ARCPRuntime:
    made = ARCPRuntime(
        runtime=RuntimeInfo(name="test", version="1"), bearer=StaticBearerVerifier({"token": "me"})
    )
    return made.register_agent("echo", echo)


def client() -> ARCPClient:
    return ARCPClient(client=ClientInfo(name="test", version="1"), token="token")


@contextlib.asynccontextmanager
async def uvicorn(app: Any) -> AsyncGenerator[int]:
    server = Server(Config(app, port=0, log_level="error", lifespan="off", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (it says so by nothing else)
        await asyncio.sleep(0.01)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task


async def exchange(url: str, **options: Any) -> Any:
    async with client() as one:
        await one.connect(await WebSocketTransport.connect(url, **options))
        handle = await one.submit(agent="echo", input={"n": 1})
        kinds = [event["kind"] async for event in handle.events()]
        assert kinds == ["log"]
        return (await handle.done).result


# Hosts: the cases of the core's own rule.


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]:7777",
        "[::1]",
        "localhost:1",
        "LOCALHOST",
        "arcp.example.com",
        "ARCP.example.com:443",
    ],
)
def test_addresses_and_names_that_were_given_are_known(host: str) -> None:
    assert Hosts(["arcp.example.com"]).knows([host])


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example.com",
        "arcp.example.com.evil.com",
        "127.0.0.1.evil.com:80",
        "localhost.evil.com",
        ":80",
        "fe80::1%eth0",
    ],
)
def test_other_hosts_are_not_known(host: str) -> None:
    assert not Hosts(["arcp.example.com"]).knows([host])


def test_a_request_has_one_host_and_a_star_is_all() -> None:
    assert Hosts(None).knows(["localhost"])
    assert not Hosts(None).knows([])
    assert not Hosts(["a"]).knows(["a", "a"])
    assert Hosts(["Arcp.Example"]).knows(["arcp.EXAMPLE:1"])
    assert Hosts(["*"]).knows(["evil.example.com"])


# ASGI.


@pytest.mark.parametrize("how", ["alone", "route", "mount"])
async def test_asgi_serves_a_runtime(how: str) -> None:
    async with runtime() as served:
        app: Any = arcp_asgi_app(served)
        if how == "route":
            app = Starlette(routes=[WebSocketRoute("/arcp", app)])
        elif how == "mount":
            app = Starlette(routes=[Mount("/arcp", app)])
        async with uvicorn(app) as port:
            path = "/arcp/" if how == "mount" else "/arcp"
            assert await exchange(f"ws://127.0.0.1:{port}{path}") == {"n": 1}


async def test_asgi_refuses_a_foreign_host() -> None:
    async with runtime() as served, uvicorn(arcp_asgi_app(served, allowed_hosts=["ours"])) as port:
        with pytest.raises(ConnectionError, match="403"):
            await WebSocketTransport.connect(
                f"ws://evil.test:{port}/arcp", sock=await socket_to(port)
            )
        answer = await exchange(f"ws://OURS:{port}/arcp", sock=await socket_to(port))
        assert answer == {"n": 1}


async def test_asgi_takes_nothing_but_websockets() -> None:
    async with runtime() as served:
        app = arcp_asgi_app(served)

        async def never(*_: Any) -> Any:
            raise AssertionError("called")

        with pytest.raises(ValueError, match="'http'"):
            await app({"type": "http"}, never, never)


async def test_asgi_hands_bad_json_to_the_engine_and_ends_with_the_runtime() -> None:
    async with runtime() as served, uvicorn(arcp_asgi_app(served)) as port:
        transport = await WebSocketTransport.connect(f"ws://127.0.0.1:{port}/arcp")
        await transport.send_frames([b"{nothing"])
        answer = await asyncio.wait_for(transport.recv(), 5)
        assert answer["payload"]["code"] == "INVALID_REQUEST"
        await transport.close()


async def socket_to(port: int) -> Any:
    """So that a name of nobody's can be called."""
    import socket

    made = socket.socket()
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    return made


# aiohttp.


async def test_aiohttp_serves_a_runtime_and_refuses_a_foreign_host() -> None:
    async with runtime() as served:
        runner = await serve_arcp_aiohttp(served, port=0)
        port = runner.addresses[0][1]
        try:
            assert await exchange(f"ws://127.0.0.1:{port}/arcp") == {"n": 1}
            with pytest.raises(ConnectionError, match="403"):
                await WebSocketTransport.connect(
                    f"ws://evil.test:{port}/arcp", sock=await socket_to(port)
                )
        finally:
            await runner.cleanup()


async def test_aiohttp_shares_its_application() -> None:
    async with runtime() as served:
        app = web.Application()
        app.router.add_get("/agents", arcp_aiohttp_handler(served, allowed_hosts=["*"]))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        try:
            url = f"ws://anything.test:{port}/agents"
            assert await exchange(url, sock=await socket_to(port)) == {"n": 1}
        finally:
            await runner.cleanup()


def test_without_aiohttp_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "aiohttp")
    with pytest.raises(ImportError, match=r"ixt-arcp\[aiohttp\]"):
        arcp_aiohttp_handler(runtime())


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "opentelemetry")
    monkeypatch.delitem(sys.modules, "arcp.middleware.otel")
    with pytest.raises(ImportError, match=r"ixt-arcp\[otel\]"):
        importlib.import_module("arcp.middleware.otel")


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)


# OpenTelemetry.


@pytest.fixture
def spans() -> tuple[trace.Tracer, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test"), exporter


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    found = [span for span in exporter.get_finished_spans() if span.name == name]
    assert found, f"no span {name}: {[span.name for span in exporter.get_finished_spans()]}"
    return found[0]


@pytest.mark.parametrize("over", ["memory", "websocket", "methods"])
async def test_a_trace_goes_from_the_callers_span_to_the_agent_and_back(
    over: str, spans: tuple[trace.Tracer, InMemorySpanExporter]
) -> None:
    tracer, exporter = spans
    parents: list[str | None] = []

    async def look(_: Any, ctx: JobContext) -> None:
        parents.append(ctx.job.traceparent)
        await ctx.log("info", "seen")

    async with runtime().register_agent("look", look) as served, client() as one:

        async def accept(transport: Transport) -> None:
            await served.accept(with_tracing(transport, tracer=tracer))

        async with contextlib.AsyncExitStack() as ends:
            if over == "websocket":
                server = await ends.enter_async_context(
                    await serve_websocket(accept, host="127.0.0.1", port=0)
                )
                here: Transport = await WebSocketTransport.connect(
                    f"ws://127.0.0.1:{server.port}/arcp"
                )
            else:
                here, there = pair_memory_transports()
                far: Transport = Plain(there) if over == "methods" else there
                task = asyncio.create_task(accept(far))
                ends.push_async_callback(asyncio.wait, [task])
                ends.push_async_callback(one.close)
                here = Plain(here) if over == "methods" else here
            await one.connect(with_tracing(here, tracer=tracer))
            with tracer.start_as_current_span("caller") as caller:
                handle = await one.submit(agent="look", input={"password": "geheim"})
            assert [event["kind"] async for event in handle.events()] == ["log"]
            await handle.done
            await one.close()

    submit, got = named(exporter, "arcp.send job.submit"), named(exporter, "arcp.recv job.submit")
    event, seen = named(exporter, "arcp.send job.event"), named(exporter, "arcp.recv job.event")
    assert handle.trace_id == trace.format_trace_id(caller.get_span_context().trace_id)
    chain = [named(exporter, "caller"), submit, got, event, seen]
    for parent, child in itertools.pairwise(chain):
        assert child.parent is not None
        assert child.parent.span_id == context_of(parent).span_id
    span_id = trace.format_span_id(context_of(submit).span_id)
    (traceparent,) = parents
    assert str(traceparent).startswith(f"00-{handle.trace_id}-{span_id}-")


def context_of(span: ReadableSpan) -> trace.SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


async def test_attributes_name_no_secret(spans: tuple[trace.Tracer, InMemorySpanExporter]) -> None:
    tracer, exporter = spans
    async with runtime() as served, client() as one:
        here, there = pair_memory_transports()
        task = asyncio.create_task(served.accept(with_tracing(there, tracer=tracer)))
        welcome = await one.connect(with_tracing(here, tracer=tracer))
        lease = {"fs.read": ["/geheim/**"]}
        handle = await one.submit(agent="echo", input="geheim", lease_request=lease)
        await handle.done
        await one.close()
        await task
    told = json.dumps([span.to_json() for span in exporter.get_finished_spans()])
    assert "fs.read" in told
    for secret in ('"token"', "geheim", welcome.resume_token):
        assert secret not in told


async def test_a_plain_peer_is_served_and_gets_the_context(
    spans: tuple[trace.Tracer, InMemorySpanExporter],
) -> None:
    tracer, _ = spans
    here, there = pair_memory_transports()
    async with runtime() as served:
        task = asyncio.create_task(served.accept(with_tracing(there, tracer=tracer)))
        bad: list[Any] = [
            {OTEL_EXTENSION_KEY: "no"},
            {OTEL_EXTENSION_KEY: {"traceparent": 1}},
            [],
            None,
        ]
        for held in bad:
            ping: dict[str, Any] = {"arcp": "1.1", "id": "a", "type": "session.ping", "payload": {}}
            await here.send({**ping, "extensions": held})
        answer = await asyncio.wait_for(here.recv(), 5)
        assert answer["type"] == "session.error"
        assert set(answer["extensions"][OTEL_EXTENSION_KEY]) == {"traceparent"}
        await here.close()
        await task


async def test_what_strangers_send_is_bounded_and_left_to_the_engine(
    spans: tuple[trace.Tracer, InMemorySpanExporter],
) -> None:
    tracer, exporter = spans
    long = "x" * 100_000
    frame = {"arcp": "1.1", "id": "a", "type": long, "job_id": long, "trace_id": long}
    deep = b'{"arcp":' + b"[" * 200_000
    async with runtime() as served:

        async def accept(transport: Transport) -> None:
            await served.accept(with_tracing(transport, tracer=tracer))

        async with await serve_websocket(accept, host="127.0.0.1", port=0) as server:
            for said in (deep, b"nothing", json.dumps({**frame, "event_seq": 1 << 80}).encode()):
                url = f"ws://127.0.0.1:{server.port}/arcp"
                transport = await WebSocketTransport.connect(url)
                await transport.send_frames([said])
                answer = await asyncio.wait_for(transport.recv(), 5)
                assert answer["payload"]["code"] == "INVALID_REQUEST"
                await transport.close()
    (got,) = [span for span in exporter.get_finished_spans() if "recv" in span.name]
    told = [got.name, *(str(value) for value in (got.attributes or {}).values())]
    assert max(len(one) for one in told) <= 256
    assert "arcp.event_seq" not in (got.attributes or {})
