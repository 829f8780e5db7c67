"""Interceptors, typed messages, and calls that block."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ixt_sdk import InteractionKind, InvocationContext, StreamErrorCode
from ixt_sdk.blocking import BlockingClient
from ixt_sdk.client import CallStream, Client
from ixt_sdk.errors import CallError, FrameTooLargeError, PayloadError
from ixt_sdk.interceptors import (
    Audit,
    Deadline,
    Handler,
    Interceptor,
    Metrics,
    Request,
    Span,
    Tracing,
)
from ixt_sdk.module import CallContext, Module
from ixt_sdk.payload import Capnp, Codec, Json
from ixt_sdk.streaming import Outcome
from ixt_sdk.testing import Host, run

Bytes = CallStream[bytes, bytes]


def media(*interceptors: Interceptor) -> Module:
    module = Module("media", interceptors=interceptors)

    @module.unary("echo")
    async def echo(message: bytes, ctx: CallContext) -> bytes:
        return message

    @module.unary("sleep")
    async def sleep(message: bytes, ctx: CallContext) -> bytes:
        await asyncio.sleep(float(message))
        return b""

    @module.unary("fail")
    async def fail(message: bytes, ctx: CallContext) -> bytes:
        raise CallError(StreamErrorCode.NOT_FOUND)

    @module.service("both", kind=InteractionKind.BIDI_STREAM)
    async def both(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            await stream.send(message)

    @module.service("down", kind=InteractionKind.SERVER_STREAM)
    async def down(stream: Bytes, ctx: CallContext) -> None:
        async for message in stream:
            for number in range(int(message)):
                await stream.send(b"%d" % number)

    @module.service("up", kind=InteractionKind.CLIENT_STREAM)
    async def up(stream: Bytes, ctx: CallContext) -> bytes:
        return b"".join([message async for message in stream])

    return module


class Noted(Interceptor):
    """Notes when it is asked."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    def call(self, request: Request) -> Callable[[InvocationContext, Outcome], None]:
        self.notes.append(f"{self.name} before")
        request.metadata["by"] = request.metadata.get("by", "") + self.name

        def over(context: InvocationContext, outcome: Outcome) -> None:
            self.notes.append(f"{self.name} after")

        return over

    async def handle(self, stream: Bytes, context: CallContext, handler: Handler) -> object:
        self.notes.append(f"{self.name} in {context.metadata.get('by')}")
        try:
            return await handler(stream, context)
        finally:
            self.notes.append(f"{self.name} out")


def test_interceptors_stand_around_calls_in_order() -> None:
    notes: list[str] = []

    async def main() -> None:
        module = media(Noted("c", notes), Noted("d", notes))
        interceptors = [Noted("a", notes), Noted("b", notes)]
        async with Host() as host, module.running(host):
            async with Client("caller", host, interceptors=interceptors) as client:
                assert await client.unary("echo", b"x") == b"x"
                inside = ["a before", "b before", "c in ab", "d in ab", "d out", "c out"]
                assert notes == [*inside, "b after", "a after"]
                notes.clear()
                too_large = bytes((1 << 20) + 1)
                with pytest.raises(FrameTooLargeError):
                    await client.unary("echo", too_large)
                with pytest.raises(FrameTooLargeError):
                    client.server_stream("down", too_large)
                assert notes == ["a before", "b before", "b after", "a after"] * 2
                notes.clear()
                async with client.bidi_stream("both") as stream:
                    await stream.send(b"x")
                    assert await stream.receive() == b"x"
                    stream.close()
                    assert await stream.receive() is None
                    await asyncio.sleep(1)
                assert notes == [*inside, "b after", "a after"]

    run(main())


def test_an_interceptor_may_refuse_and_may_answer() -> None:
    class Refuses(Interceptor):
        async def handle(self, stream: Bytes, context: CallContext, handler: Handler) -> object:
            if "key" not in context.metadata:
                raise CallError(StreamErrorCode.UNAUTHENTICATED, "no key")
            return b"from the door"

    async def main() -> None:
        async with Host() as host, media(Refuses()).running(host):
            async with Client("caller", host) as client:
                with pytest.raises(CallError, match="unauthenticated: no key"):
                    await client.unary("echo", b"x")
                assert await client.unary("echo", b"x", metadata={"key": "1"}) == b"from the door"

    run(main())


def test_a_deadline_for_those_that_have_none() -> None:
    async def main() -> None:
        async with Host() as host, media().running(host):
            async with Client("caller", host, interceptors=[Deadline(2.0)]) as client:
                assert await client.unary("sleep", b"1") == b""
                with pytest.raises(CallError) as late:
                    await client.unary("sleep", b"3")
                assert late.value.code == StreamErrorCode.DEADLINE_EXCEEDED
                assert await client.unary("sleep", b"3", timeout=4) == b""

    run(main())


def test_metrics_audit_and_traces(caplog: pytest.LogCaptureFixture) -> None:
    spans: list[Span] = []
    metrics = Metrics()

    async def main() -> None:
        around = [metrics, Audit(), Tracing(spans.append)]
        async with Host() as host, media(*around).running(host):
            async with Client("caller", host, interceptors=around) as client:
                for _ in range(3):
                    await client.unary("echo", b"secret payload")
                with pytest.raises(CallError):
                    await client.unary("fail")
                call = asyncio.create_task(client.unary("sleep", b"9"))
                await asyncio.sleep(1)
                assert metrics.running == 1
                call.cancel()
                await asyncio.sleep(1)

    with caplog.at_level(logging.INFO, "ixt_sdk.audit"):
        run(main())
    assert metrics.running == 0
    assert metrics.counts["caller", "Service:echo", "completed"] == 3
    assert metrics.counts["handler", "Service:echo", "completed"] == 3
    assert metrics.counts["caller", "Service:fail", "notFound"] == 1
    assert metrics.counts["handler", "Service:fail", "CallError"] == 1
    assert metrics.counts["caller", "Service:sleep", "cancelled.userRequested"] == 1
    assert metrics.counts["handler", "Service:sleep", "CancelledError"] == 1
    snapshot: Any = json.loads(json.dumps(metrics.snapshot()))
    assert sum(snapshot["seconds"]["caller Service:echo"]["buckets"]) == 3

    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert len(lines) == 10
    assert {(line["side"], line["target"]) for line in lines} >= {("caller", "Service:echo")}
    assert "secret" not in caplog.text

    pairs = {
        span.span_id: [other for other in spans if other.span_id == span.span_id] for span in spans
    }
    assert len(pairs) == 5
    for both in pairs.values():
        assert sorted(span.side for span in both) == ["caller", "handler"]
        assert len({span.trace_id for span in both}) == 1
        assert all(span.started_ns <= span.ended_ns for span in both)


def test_json() -> None:
    module = Module("media")
    codec: Codec[Any, Any] = Json()

    @module.unary("sum", codec=codec)
    async def total(numbers: Any, ctx: CallContext) -> Any:
        return {"sum": sum(numbers)}

    @module.service("squares", kind=InteractionKind.BIDI_STREAM, codec=codec)
    async def squares(stream: CallStream[Any, Any], ctx: CallContext) -> None:
        async for number in stream:
            await stream.send(number * number)

    async def main() -> None:
        async with Host() as host, module.running(host), Client("caller", host) as client:
            assert await client.unary("sum", [1, 2, 3], codec=codec) == {"sum": 6}
            assert await client.unary("sum", b"[4]") == b'{"sum":4}'
            with pytest.raises(CallError) as wrong:
                await client.unary("sum", b"[4")
            assert wrong.value.code == StreamErrorCode.INVALID_ARGUMENT
            async with client.bidi_stream("squares", codec=codec) as stream:
                for number in (3, 4):
                    await stream.send(number)
                    assert await stream.receive() == number * number

    run(main())
    with pytest.raises(PayloadError):
        Json().decode_answer(b"\xff")


def test_capnp(tmp_path: Path) -> None:
    schema = tmp_path / "thumbs.capnp"
    schema.write_text(
        "@0xbf5147cbbecf40c1;\n"
        "struct Request { width @0 :UInt32; name @1 :Text; }\n"
        "struct Answer { pixels @0 :Data; }\n"
    )
    loaded: Any = import_module("capnp").load(str(schema))
    codec = Capnp(loaded.Request, loaded.Answer)
    module = Module("media")

    @module.unary("thumbs", codec=codec)
    async def thumbs(request: Any, ctx: CallContext) -> Any:
        return loaded.Answer.new_message(pixels=request.name.encode() * request.width)

    async def main() -> None:
        async with Host() as host, module.running(host), Client("caller", host) as client:
            request = loaded.Request.new_message(width=3, name="ab")
            answer = await client.unary("thumbs", request, codec=codec)
            assert answer.pixels == b"ababab"
            with pytest.raises(CallError) as wrong:
                await client.unary("thumbs", b"no message")
            assert wrong.value.code == StreamErrorCode.INVALID_ARGUMENT

    run(main())


PROVIDER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from test_around_calls import media
async def main():
    await media().listen(sys.argv[1])
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
def url() -> Iterator[str]:
    """A provider in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"unix://{folder}/s"
        here = str(Path(__file__).parent)
        process = subprocess.Popen(
            [sys.executable, "-c", PROVIDER, url, here], stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield url
            process.kill()


def test_blocking_calls(url: str) -> None:
    threads = threading.active_count()
    with BlockingClient("script", url, direct=True) as client:
        assert client.health.ok
        assert client.unary("echo", b"hello") == b"hello"
        assert client.unary("echo", {"a": 1}, codec=Json()) == {"a": 1}
        assert [int(n) for n in client.server_stream("down", b"500")] == list(range(500))
        assert client.client_stream("up", [b"a", b"b", b"c"]) == b"abc"
        with client.bidi_stream("both") as stream:
            for number in range(100):
                stream.send(b"%d" % number)
                assert stream.receive() == b"%d" % number
            stream.close()
            assert list(stream) == []
        with pytest.raises(CallError) as failed:
            client.unary("fail")
        assert failed.value.code == StreamErrorCode.NOT_FOUND
        with pytest.raises(CallError) as late:
            client.unary("sleep", b"5", timeout=0.05)
        assert late.value.code == StreamErrorCode.DEADLINE_EXCEEDED
        # A loop that is left early gives its call up.
        for message in client.server_stream("down", b"100000"):
            if message == b"3":
                break
        time.sleep(0.05)
        assert client.health.streams == 0

        answers: list[bytes] = []

        def work(number: int) -> None:
            answers.append(client.unary("echo", b"%d" % number))

        workers = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(map(int, answers)) == list(range(20))
    assert threading.active_count() == threads
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.unary("echo")


def test_blocking_where_nobody_is(tmp_path: Path) -> None:
    threads = threading.active_count()
    with pytest.raises(OSError, match="No such file"):
        BlockingClient("script", f"unix://{tmp_path}/nobody")
    assert threading.active_count() == threads


FORGETFUL = """
import sys, threading
from ixt_sdk.blocking import BlockingClient
client = BlockingClient("script", sys.argv[1], direct=True)
waiting = threading.Thread(target=client.unary, args=("sleep", b"1000"), daemon=True)
waiting.start()
print(client.unary("echo", b"x"))
"""


def test_a_script_that_forgets_to_close_ends_all_the_same(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", FORGETFUL, url],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"b'x'\n", b"")
