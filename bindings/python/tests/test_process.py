"""Threads, fork and the end of the interpreter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ixt_sdk.errors import CreditExhaustedError
from ixt_sdk.streaming import (
    FrameReader,
    StreamCredit,
    StreamData,
    StreamFrame,
    StreamHandle,
    StreamId,
    StreamSender,
    decode_batch,
)

ID = StreamId(b"\7" * 16)
THREADS = 4
EACH = 500


def together(*work: Callable[[], object]) -> None:
    """Runs all at once, each in a thread of its own, and raises what one of them raised."""
    barrier = threading.Barrier(len(work))

    def begin(task: Callable[[], object]) -> None:
        barrier.wait()
        task()

    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(begin, task) for task in work]:
            done.result(timeout=30)


@pytest.fixture(autouse=True)
def switch_often() -> object:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield None
    sys.setswitchinterval(interval)


def test_threads_share_a_sender_and_lose_no_credit() -> None:
    frames: list[bytes] = []
    sender = StreamSender(ID, frames.append)
    accepted = [0] * THREADS

    def send(number: int) -> Callable[[], None]:
        def work() -> None:
            while accepted[number] < EACH:
                try:
                    sender.try_send_data(b"%d" % number)
                except CreditExhaustedError:
                    continue
                accepted[number] += 1

        return work

    def grant() -> None:
        for _ in range(THREADS * EACH):
            sender.grant_credit(1)

    together(*(send(number) for number in range(THREADS)), grant)
    bodies = [StreamFrame.from_bytes(frame).body for frame in frames]
    # In wire order, whichever thread sent it and whichever handed it on.
    assert [body.sequence for body in bodies if isinstance(body, StreamData)] == list(
        range(THREADS * EACH)
    )
    assert sender.credit == 0


def test_loops_in_threads_share_a_sender_and_lose_no_wake_up() -> None:
    frames: list[bytes] = []
    sender = StreamSender(ID, frames.append)

    def send() -> None:
        async def main() -> None:
            async with asyncio.timeout(25):
                await asyncio.gather(*(sender.send_data(b"x") for _ in range(EACH)))

        asyncio.run(main())

    def grant() -> None:
        for _ in range(THREADS * EACH // 4):
            sender.feed(StreamFrame(ID, StreamCredit(4)))

    together(*[send] * THREADS, grant)
    assert len(frames) == THREADS * EACH
    assert sender.credit == 0


def test_a_thread_feeds_a_loop_that_reads() -> None:
    async def main() -> None:
        grants: list[bytes] = []
        first: list[bytes] = []
        opener = StreamHandle.open(first.append, stream_id=ID)
        reader = StreamHandle.from_open(first[0], grants.append, window=8)

        def feed() -> None:
            fed = 0
            while fed < EACH:
                while grants:
                    opener.feed(grants.pop(0))
                if opener.sender.credit:
                    opener.sender.try_send_data(b"%d" % fed)
                    fed += 1
                while len(first) > 1:
                    reader.feed(first.pop(1))
            opener.sender.close()
            reader.feed(first.pop(1))

        feeding = asyncio.get_running_loop().run_in_executor(None, feed)
        async with asyncio.timeout(25):
            got = [payload async for payload in reader]
            await feeding
        assert got == [b"%d" % number for number in range(EACH)]

    asyncio.run(main())


def test_two_streams_whose_sinks_feed_each_other_do_not_lock() -> None:
    ends: list[StreamHandle] = []
    opened: list[bytes] = []

    def forth(frame: bytes) -> None:
        if ends:
            ends[1].feed(frame)
        else:
            opened.append(frame)

    def back(frame: bytes) -> None:
        ends[0].feed(frame)

    opener = StreamHandle.open(forth, stream_id=ID, window=2**31 - 1)
    early: list[bytes] = []
    responder = StreamHandle.from_open(opened[0], early.append, window=2**31 - 1)
    opener.feed(early[0])
    ends += [opener, responder]
    responder._endpoint.sink = back

    def send(end: StreamHandle) -> Callable[[], None]:
        def work() -> None:
            for _ in range(EACH):
                end.sender.try_send_data(b"x")

        return work

    together(send(opener), send(responder), send(opener), send(responder))
    assert len(opener._endpoint.arrived) == len(responder._endpoint.arrived) == 2 * EACH


def test_it_works_after_a_fork() -> None:
    frames: list[bytes] = []
    sender = StreamSender(ID, frames.append, 10)
    sender.try_send_data(b"before")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sender.try_send_data(b"in the child")
            hashed = hash(ID) == hash(StreamId(b"\7" * 16))
            asyncio.run(sender.send_data(b"in a loop of the child"))
            status = 0 if len(frames) == 3 and hashed else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    sender.try_send_data(b"after")
    assert len(frames) == 2


PENDING = """
import asyncio
from ixt_sdk import StreamHandle, StreamSender, StreamId
sender = StreamSender(StreamId(b"1" * 16), print)
handle = StreamHandle.open(lambda frame: None)
async def main():
    tasks = [asyncio.create_task(sender.send_data(b"x")) for _ in range(3)]
    tasks += [asyncio.create_task(handle.receive())]
    await asyncio.sleep(0.01)
    KEEP.extend(tasks)
KEEP = []
"""


@pytest.mark.parametrize(
    "end",
    [
        "asyncio.run(main())",
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
        "import threading\n"
        "threading.Thread(target=lambda: asyncio.run(asyncio.wait_for(handle.receive(), 60)),"
        " daemon=True).start()\nasyncio.run(main())",
    ],
    ids=["run", "loop", "closed-loop", "daemon-thread"],
)
def test_the_interpreter_exits_with_waiters_pending(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PENDING + end],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Fatal" not in done.stderr


BUSY = """
import sys, threading, time
from ixt_sdk import StreamCredit, StreamFrame, StreamHandle, StreamId, StreamSender
from ixt_sdk.errors import CreditExhaustedError, TruncatedError
ID = StreamId(b"1" * 16)
def sink():
    sender = StreamSender(ID, lambda frame: [None for _ in range(9)], 2**31 - 1)
    while True:
        sender.try_send_data(b"x")
def events():
    frames = []
    handle = StreamHandle.open(frames.append)
    while True:
        handle.feed(StreamFrame(handle.sender.stream_id, StreamCredit(1)))
        handle.sender.try_send_data(b"x")
        handle._endpoint.stream.state
def errors():
    sender = StreamSender(ID, print)
    while True:
        try:
            sender.try_send_data(b"x")
        except CreditExhaustedError:
            pass
        try:
            StreamFrame.from_bytes(bytearray(b""))
        except TruncatedError:
            pass
sys.setswitchinterval(1e-5)
for _ in range(4):
    threading.Thread(target=globals()[sys.argv[1]], daemon=True).start()
time.sleep(0.05)
"""


@pytest.mark.parametrize("work", ["sink", "events", "errors"])
def test_the_interpreter_exits_while_daemon_threads_call_back(work: str) -> None:
    for _ in range(3 * int(os.environ.get("IXT_STRESS", "1"))):
        done = subprocess.run(
            [sys.executable, "-c", BUSY, work],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_memory_is_steady() -> None:
    data = StreamFrame(ID, StreamData(7, b"x" * 64)).to_bytes()
    sender = StreamSender(ID, len, 2**31 - 1)
    reader = FrameReader()

    def work(count: int) -> None:
        for _ in range(count):
            StreamFrame.from_bytes(data).to_bytes()
            decode_batch(data)
            sender.try_send_data(b"x")
            reader.feed(data)

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    work(1000)
    tracemalloc.start()
    before, resident_before = tracemalloc.get_traced_memory()[0], resident()
    work(20_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000
    assert resident() - resident_before < 8 << 20
