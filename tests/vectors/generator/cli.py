"""The `capnp` command line as the oracle: what is canonical, and what a message says.

Calls carry many messages each, since a process a message would take minutes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .schema import CURRENT, FILE, ROOT
from .textform import MessageType

WORD = 8


def canonical(messages: Sequence[bytes]) -> list[bytes]:
    """Gives the canonical form of each message, behind its one-segment table."""
    flat = _run(["convert", "--quiet", "binary:canonical"], b"".join(messages))
    out: list[bytes] = []
    at = 0
    for _ in messages:
        size = extent(flat, at)
        out.append(b"\0\0\0\0" + size.to_bytes(4, "little") + flat[at : at + size * WORD])
        at += size * WORD
    if at != len(flat):
        raise AssertionError(f"canonical output: {len(flat) - at} bytes belong to no message")
    return out


def read(type_: MessageType, messages: Sequence[bytes], schemas: Path = CURRENT) -> list[Any]:
    """Reads each message with the schema, as the command line's JSON."""
    return [json.loads(line) for line in read_lines(type_, messages, schemas)]


def read_lines(
    type_: MessageType, messages: Sequence[bytes], schemas: Path = CURRENT
) -> list[bytes]:
    """Reads each message with the schema: a line of JSON for each, in bytes.

    Bytes, because the command line passes on text that is not UTF-8.
    """
    arguments = ["convert", "--quiet", "--short", "binary:json"]
    arguments += [str(schemas / FILE[type_]), ROOT[type_]]
    lines = _run(arguments, b"".join(messages)).split(b"\n")
    if lines.pop() or len(lines) != len(messages):
        raise AssertionError(f"{len(messages)} messages gave {len(lines)} lines")
    return lines


def refuses(type_: MessageType, message: bytes) -> bool:
    """Says whether the command line refuses this message when it reads every known field."""
    command = ["capnp", "convert", "--quiet", "--short", "binary:json"]
    command += [str(CURRENT / FILE[type_]), ROOT[type_]]
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode != 0


def extent(flat: bytes, at: int) -> int:
    """Gives the words of the canonical message at a byte offset; canonical objects lie in a row."""
    return _end(flat, at // WORD, at // WORD + 1) - at // WORD


def _end(flat: bytes, pointer_at: int, end: int) -> int:
    pointer = int.from_bytes(flat[pointer_at * WORD : pointer_at * WORD + WORD], "little")
    if pointer == 0:
        return end
    low = pointer & 0xFFFFFFFF
    offset = (low >> 2) - (1 << 30 if low >> 31 else 0)
    start = pointer_at + 1 + offset
    high = pointer >> 32
    if low & 3 == 0:
        data, pointers = high & 0xFFFF, high >> 16
        end = max(end, start + data + pointers)
        for index in range(pointers):
            end = _end(flat, start + data + index, end)
        return end
    if low & 3 != 1:
        raise AssertionError("a canonical message holds struct and list pointers only")
    code, count = high & 7, high >> 3
    if code == 7:
        tag = int.from_bytes(flat[start * WORD : start * WORD + WORD], "little")
        elements, data, pointers = (tag & 0xFFFFFFFF) >> 2, tag >> 32 & 0xFFFF, tag >> 48
        end = max(end, start + 1 + count)
        for element in range(elements):
            first = start + 1 + element * (data + pointers) + data
            for index in range(pointers):
                end = _end(flat, first + index, end)
        return end
    bits = (0, 1, 8, 16, 32, 64, 64)[code] * count
    end = max(end, start + (bits + 63) // 64)
    if code == 6:
        for index in range(count):
            end = _end(flat, start + index, end)
    return end


def _run(arguments: list[str], stdin: bytes) -> bytes:
    done = subprocess.run(["capnp", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"capnp {' '.join(arguments)}: {done.stderr.decode()[:2000]}")
    return done.stdout
