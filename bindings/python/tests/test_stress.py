"""Long runs: many threads, waiters that give up, fork, exit, and memory over a million cycles.

Quick by default; ``IXT_STRESS=50`` makes each run fifty times as long (``make prove``).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from ixt_sdk import InvocationContext
from ixt_sdk.errors import CreditExhaustedError, StreamEndedError
from ixt_sdk.streaming import (
    FrameReader,
    InteractionKind,
    StreamData,
    StreamFrame,
    StreamHandle,
    StreamId,
    StreamSender,
    decode_batch,
)

STRESS = int(os.environ.get("IXT_STRESS", "1"))
ID = StreamId(b"\7" * 16)
THREADS = 6


@pytest.fixture(autouse=True)
def switch_often() -> object:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield None
    sys.setswitchinterval(interval)


def together(*work: Callable[[], int]) -> list[int]:
    """Runs all at once, each in a thread of its own; what each gave."""
    barrier = threading.Barrier(len(work))

    def begin(task: Callable[[], int]) -> int:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(work)) as pool:
        return [done.result(timeout=600) for done in [pool.submit(begin, task) for task in work]]


def sequences(frames: list[bytes]) -> list[int]:
    bodies = [StreamFrame.from_bytes(frame).body for frame in frames]
    return [body.sequence for body in bodies if isinstance(body, StreamData)]


def test_waiters_of_many_threads_give_up_and_no_credit_is_lost() -> None:
    """Tasks in the loops of several threads wait on one sender and are cancelled at any moment,
    while others try without waiting and a thread grants. Every credit is then spent or free."""
    frames: list[bytes] = []
    sender = StreamSender(ID, frames.append)
    each = 60 * STRESS
    granted = THREADS * each

    def wait(seed: int) -> Callable[[], int]:
        draw = random.Random(seed)

        async def one() -> int:
            task = asyncio.ensure_future(sender.send_data(b"x"))
            for _ in range(draw.randrange(4)):
                await asyncio.sleep(0)
            if draw.random() < 0.5:
                task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return 0
            return 1

        async def main() -> int:
            async with asyncio.timeout(300):
                sent = 0
                for _ in range(each // 6):
                    sent += sum(await asyncio.gather(*(one() for _ in range(6))))
                return sent

        return lambda: asyncio.run(main())

    def offer() -> int:
        sent = 0
        for _ in range(each):
            try:
                sender.try_send_data(b"y")
            except CreditExhaustedError:
                continue
            sent += 1
        return sent

    def grant() -> int:
        for _ in range(granted):
            sender.grant_credit(1)
        return 0

    spent = sum(together(*(wait(seed) for seed in range(THREADS - 1)), offer, grant))
    assert len(frames) == spent
    assert sequences(frames) == list(range(spent))
    assert sender.credit == granted - spent


def test_an_end_wakes_the_waiters_of_every_thread() -> None:
    for number in range(5 * STRESS):
        sender = StreamSender(ID, len)
        waiting = threading.Semaphore(0)

        def wait(sender: StreamSender, waiting: threading.Semaphore) -> int:
            async def main() -> int:
                tasks = [asyncio.create_task(sender.send_data(b"x")) for _ in range(4)]
                await asyncio.sleep(0)
                waiting.release()
                async with asyncio.timeout(60):
                    done = await asyncio.gather(*tasks, return_exceptions=True)
                return sum(isinstance(result, StreamEndedError) for result in done)

            return asyncio.run(main())

        def end(number: int, sender: StreamSender, waiting: threading.Semaphore) -> int:
            # Now with all waiting, now while they begin to.
            for _ in range(THREADS if number % 2 else 1):
                waiting.acquire()
            (sender.close, sender.cancel)[number % 3 == 0]()
            return 0

        waiters = [partial(wait, sender, waiting)] * THREADS
        ended = together(*waiters, partial(end, number, sender, waiting))
        assert sum(ended) == 4 * THREADS


def test_a_fork_while_threads_send() -> None:
    """The child of a process whose threads are inside the sender has one of its own that works."""
    sender = StreamSender(ID, len, 2**31 - 1)
    reader = FrameReader()
    data = StreamFrame(ID, StreamData(7, b"x" * 64)).to_bytes()
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            sender.try_send_data(b"x")
            decode_batch(data)

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10 * STRESS):
            child = os.fork()
            if child == 0:
                # What a lock that the fork copied while it was held would stop, the alarm ends.
                signal.alarm(20)
                status = 1
                try:
                    own = StreamSender(ID, len, 1)
                    own.try_send_data(b"x")
                    asyncio.run(_waits(own))
                    reader.feed(data)
                    StreamFrame.from_bytes(data).to_bytes()
                    status = 0
                finally:
                    os._exit(status)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


async def _waits(sender: StreamSender) -> None:
    task = asyncio.create_task(sender.send_data(b"x"))
    await asyncio.sleep(0)
    sender.grant_credit(1)
    await task


EXIT = """
import asyncio, random, sys, threading, time
from ixt_sdk import StreamHandle, StreamId, StreamSender
from ixt_sdk.streaming import StreamData, StreamFrame
sys.setswitchinterval(1e-5)
sender = StreamSender(StreamId(b"1" * 16), len)
handles = [StreamHandle.open(len) for _ in range(3)]
data = StreamFrame(StreamId(b"1" * 16), StreamData(7, b"x" * 64))
async def main():
    waiting = [sender.send_data(b"x") for _ in range(20)] + [h.receive() for h in handles]
    await asyncio.gather(*waiting)
def loop():
    asyncio.run(main())
def codec():
    while True:
        StreamFrame.from_bytes(data.to_bytes())
def grant():
    while True:
        sender.grant_credit(1)
# Before 3.14 the interpreter ends a daemon thread that is in Python code by unwinding it; below
# native frames that is an abort (python/cpython#87135). So these threads call nothing back there.
targets = [loop, loop, codec, codec] + [grant] * (sys.version_info >= (3, 14))
for target in targets:
    threading.Thread(target=target, daemon=True).start()
time.sleep(random.random() / 10)
"""


def test_the_interpreter_exits_with_threads_inside() -> None:
    for _ in range(3 * STRESS):
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", EXIT],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Fatal" not in done.stderr
        assert "panicked" not in done.stderr


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flat(work: Callable[[int], object]) -> None:
    """Runs a cycle 20 000 times, under ``IXT_STRESS=50`` a million; memory must not follow."""
    cycles = 20_000 * STRESS
    work(min(cycles, 20_000))
    before = resident()
    work(cycles)
    grown = resident() - before
    assert grown < 4 << 20, f"{grown} bytes over {cycles} cycles"


def test_a_million_frames_and_contexts_leave_nothing_behind() -> None:
    context = InvocationContext.anonymous()
    encoded = context.to_bytes()
    frame = StreamFrame(ID, StreamData(7, b"x" * 64))

    def work(cycles: int) -> None:
        for _ in range(cycles):
            StreamFrame.from_bytes(frame.to_bytes())
            InvocationContext.from_bytes(encoded).to_bytes()

    flat(work)


def test_a_million_messages_leave_nothing_behind() -> None:
    """Each message is sent under credit, received, and its credit given back."""
    there: list[bytes] = []
    back: list[bytes] = []
    opener = StreamHandle.open(
        there.append, stream_id=ID, kind=InteractionKind.BIDI_STREAM, window=8
    )
    responder = StreamHandle.from_open(there.pop(), back.append, window=8)

    async def cycle(cycles: int) -> None:
        for _ in range(cycles):
            while back:
                opener.feed(back.pop(0))
            await opener.sender.send_data(b"x" * 64)
            responder.feed(there.pop())
            assert await responder.receive() is not None

    flat(lambda cycles: asyncio.run(cycle(cycles)))
    assert opener.outcome is None
    assert not there


def test_a_million_waiters_leave_nothing_behind() -> None:
    """Who waits and is served, and who waits and gives up."""
    sender = StreamSender(ID, len)

    async def cycle(cycles: int) -> None:
        for _ in range(cycles):
            quits = asyncio.ensure_future(sender.send_data(b"x"))
            stays = asyncio.ensure_future(sender.send_data(b"x"))
            await asyncio.sleep(0)
            quits.cancel()
            sender.grant_credit(1)
            await stays

    flat(lambda cycles: asyncio.run(cycle(cycles // 2)))
    assert sender.credit == 0
    assert not sender._endpoint.waiters
