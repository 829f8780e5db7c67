"""A reader that sleeps: much data through a window of eight messages, and nobody's memory grows by it."""

from __future__ import annotations

import json
import struct
import time
import zlib
from pathlib import Path

from ground import World, on
from processes import MIB, ExpectationError, Process, Programs, until

WINDOW = 8
SIZE = 64 << 10
#: The reader's sleep. By its middle all that the window lets through has long been sent.
SLEEP_MS = 1000
#: How much a process may grow by it.
GROWTH = 32 * MIB
#: What a host, or the provider's node, lets an opener send before the provider has said anything: `initialCredit` of
#: its settings.
AT_ONCE = 15


def expected(count: int) -> str:
    crc, rest = 0, bytes(SIZE - 8)
    for index in range(count):
        crc = zlib.crc32(struct.pack("<Q", index) + rest, crc)
    return f"{count}:{crc:08x}"


def through(world: World, caller: Process, line: str, sender: int, ahead: int, count: int) -> str:
    """Sends it all, and gives a line about time and memory. `sender` is 0 for the caller, 1 for the provider."""
    servers = list(world.ground.servers.values())
    names = ", ".join(world.ground.servers)
    processes = [caller, *servers, world.modules["provider"]]
    before = [process.memory for process in processes]
    for process in processes:
        process.forget_peak()
    begun = time.monotonic()
    counted = world.ground.counting(sender, SIZE)
    caller.tell(line)
    time.sleep(SLEEP_MS / 2000)
    came, gone = until(counted, 5, lambda: "the stream is not in the host") or (0, None)
    # The reader sleeps: what has come is what was allowed, and what a host has passed on is the window.
    if not WINDOW <= came <= ahead or (gone is not None and gone > WINDOW + 1):
        raise ExpectationError(
            f"while the reader sleeps, {came} messages have come and {gone} are passed on"
        )
    answer = caller_answer(caller)
    took = time.monotonic() - begun - SLEEP_MS / 1000
    want = expected(count)
    if set(answer.values()) != {want}:
        raise ExpectationError(f"{answer}, and not {want}")
    grown = [process.peak - least for process, least in zip(processes, before, strict=True)]
    if max(grown) >= GROWTH:
        raise ExpectationError(f"caller, {names} and provider grew by {grown} bytes")
    sizes = ", ".join(f"{size / MIB:.1f}" for size in grown)
    return (
        f"{count * SIZE / MIB / took:5.0f} MiB/s; caller, {names} and provider grew by {sizes} MiB"
    )


def caller_answer(caller: Process) -> dict[str, str]:
    answer: dict[str, str] = json.loads(caller.line(120))
    return answer


def sleepers(programs: Programs, folder: Path, transport: str, mib: int) -> str:
    """Each language sends and reads, as caller and as provider."""
    count = mib * MIB // SIZE
    begun = time.monotonic()
    for language in programs.commands:
        world = World(programs, folder, on(transport, programs, folder))
        try:
            provider = world.begin("provider", language, WINDOW)
            caller = world.begin("caller", language, WINDOW)
            provider.line(), caller.line()
            # What is needed anyway is there before anything is measured.
            caller.ask(f"pour provider 256 {SIZE} 0")
            caller.ask(f"draw provider 256 {SIZE} 0")
            line = f"pour provider {count} {SIZE} {SLEEP_MS}"
            # The first message says how long to sleep.
            print(
                f"  {language:6} pours: {through(world, caller, line, 0, AT_ONCE, count)}",
                flush=True,
            )
            line = f"draw provider {count} {SIZE} {SLEEP_MS}"
            print(
                f"  {language:6} draws: {through(world, caller, line, 1, WINDOW, count)}",
                flush=True,
            )
        finally:
            world.stop()
    return f"{mib} MiB to readers that slept, 6 times in {time.monotonic() - begun:.0f} s"
