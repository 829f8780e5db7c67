"""Words laid by hand: pointers, segment tables, and the way to a pointer inside a message.

The names are the encoding specification's. Everything malformed is made from these.
"""

from __future__ import annotations

from collections.abc import Sequence

WORD = 8
VOID, BIT, BYTE, TWO_BYTES, FOUR_BYTES, EIGHT_BYTES, POINTER, COMPOSITE = range(8)
CAPABILITY = 3
"""A capability pointer: kind 3, capability number 0."""


def struct_pointer(offset: int, data: int, pointers: int) -> int:
    """Points at a struct `offset` words past the end of the pointer."""
    return (offset & 0x3FFFFFFF) << 2 | data << 32 | pointers << 48


def list_pointer(offset: int, code: int, count: int) -> int:
    """Points at a list; for a composite one, `count` is its words without the tag."""
    return (offset & 0x3FFFFFFF) << 2 | 1 | code << 32 | count << 35


def far_pointer(segment: int, pad: int, double: bool = False) -> int:
    """Points at a landing pad, `pad` words into another segment."""
    return pad << 3 | (4 if double else 0) | 2 | segment << 32


def words(*items: int) -> bytes:
    """Lays words, little-endian."""
    return b"".join((item & (2**64 - 1)).to_bytes(WORD, "little") for item in items)


def padded(content: bytes) -> bytes:
    """Fills bytes up to whole words."""
    return content + bytes(-len(content) % WORD)


def table(*sizes: int) -> bytes:
    """Lays a segment table for segments of so many words."""
    return padded(b"".join(number.to_bytes(4, "little") for number in (len(sizes) - 1, *sizes)))


def message(*segments: bytes) -> bytes:
    """Lays a whole message: table and segments."""
    return table(*(len(segment) // WORD for segment in segments)) + b"".join(segments)


def body(encoded: bytes) -> bytes:
    """Gives the one segment of a message that has one."""
    if encoded[:4] != bytes(4):
        raise AssertionError("the message has several segments")
    return encoded[WORD:]


def word(segment: bytes, at: int) -> int:
    """Reads one word."""
    return int.from_bytes(segment[at * WORD : at * WORD + WORD], "little")


def put(segment: bytes, at: int, value: int) -> bytes:
    """Gives the segment with one word replaced."""
    return segment[: at * WORD] + words(value) + segment[at * WORD + WORD :]


def offset_of(pointer: int) -> int:
    """Gives the signed offset of a struct or list pointer."""
    low = pointer & 0xFFFFFFFF
    return (low >> 2) - (1 << 30 if low >> 31 else 0)


def find(segment: bytes, path: Sequence[int]) -> int:
    """Gives the word where a pointer stands: pointer numbers from the root down.

    In a list of pointers a step is the element; in a list of structs it is the element, and the
    step after it the pointer inside that element.
    """
    at = 0
    steps = list(path)
    while steps:
        pointer = word(segment, at)
        start = at + 1 + offset_of(pointer)
        high = pointer >> 32
        if pointer & 3 == 0:
            at = start + (high & 0xFFFF) + steps.pop(0)
        elif high & 7 == POINTER:
            at = start + steps.pop(0)
        elif high & 7 == COMPOSITE:
            tag = word(segment, start)
            data, pointers = tag >> 32 & 0xFFFF, tag >> 48
            at = start + 1 + steps.pop(0) * (data + pointers) + data + steps.pop(0)
        else:
            raise AssertionError("the path leads through a list of bytes")
    return at
