"""Damages messages of the vectors, the same way for the same seed.

Some of the damage is blind; most knows where words and pointers are, for what is blind rarely gets past the table.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
WORD = 8
LARGEST = 4096

Mutant = tuple[str, bytes]


def messages() -> list[Mutant]:
    """Every message of the vectors of a moderate size, with its type."""
    found: dict[Mutant, None] = {}
    for name in ("values.jsonl", "refused.jsonl"):
        for line in (VECTORS / name).read_text(encoding="utf-8").split("\n"):
            vector = json.loads(line) if line else {}
            for text in [vector.get("hex"), *vector.get("also", [])]:
                if text and len(text) <= 2 * LARGEST:
                    found[vector["type"], bytes.fromhex(text)] = None
    return list(found)


def mutants(seed: int, count: int) -> Iterator[Mutant]:
    """Gives so many damaged messages."""
    draw = random.Random(seed)
    sources = messages()
    for _ in range(count):
        kind, message = draw.choice(sources)
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            message = draw.choice(DAMAGE)(draw, message)
        if draw.random() < 0.02:
            kind = "context" if kind == "frame" else "frame"
        yield kind, message


def _word(draw: random.Random, message: bytes) -> int:
    """The place of some word past the table, if there is one."""
    return WORD * draw.randrange(1, max(2, len(message) // WORD))


def _put(message: bytes, at: int, part: bytes) -> bytes:
    return message[:at] + part + message[at + len(part) :]


def _fitted(message: bytes) -> bytes:
    """The message with the table of one segment that fits it."""
    words = max(0, len(message) // WORD - 1)
    return bytes(4) + words.to_bytes(4, "little") + message[WORD : WORD + words * WORD]


def _bit(draw: random.Random, message: bytes) -> bytes:
    if not message:
        return b"\1"
    at = draw.randrange(len(message))
    return _put(message, at, bytes([message[at] ^ 1 << draw.randrange(8)]))


def _byte(draw: random.Random, message: bytes) -> bytes:
    at = draw.randrange(len(message) + 1)
    return _put(message, at, bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))]))


def _number(draw: random.Random, message: bytes) -> bytes:
    number = draw.choice((0, 1, 2, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
    return _put(message, _word(draw, message), number.to_bytes(WORD, "little"))


def _pointer(draw: random.Random, message: bytes) -> bytes:
    """A word that looks like a pointer: its kind, a small offset, and small sizes."""
    kind, offset = draw.randrange(4), draw.randrange(-4, 12)
    high = draw.randrange(8) | draw.choice((0, 1, 2, 8, 17, 40, 2**29 - 1)) << 3
    word = kind | (offset & 0x3FFFFFFF) << 2 | high << 32
    return _put(message, _word(draw, message), word.to_bytes(WORD, "little"))


def _swap(draw: random.Random, message: bytes) -> bytes:
    one, other = _word(draw, message), _word(draw, message)
    first, second = message[one : one + WORD], message[other : other + WORD]
    if len(first) != WORD or len(second) != WORD:
        return message
    return _put(_put(message, one, second), other, first)


def _copy(draw: random.Random, message: bytes) -> bytes:
    """One word over another: pointers that share what they lead to."""
    word = message[_word(draw, message) :][:WORD]
    return _put(message, _word(draw, message), word)


def _cut(draw: random.Random, message: bytes) -> bytes:
    return message[: draw.randrange(len(message) + 1)]


def _cut_words(draw: random.Random, message: bytes) -> bytes:
    return _fitted(message[: _word(draw, message)])


def _longer(draw: random.Random, message: bytes) -> bytes:
    return message + bytes(draw.randrange(1, 17))


def _insert(draw: random.Random, message: bytes) -> bytes:
    at = _word(draw, message)
    return _fitted(message[:at] + draw.randbytes(WORD) + message[at:])


def _segments(draw: random.Random, message: bytes) -> bytes:
    """The same words behind a table of two segments, cut somewhere."""
    if len(message) < 2 * WORD or message[:4] != bytes(4):
        return message
    words = len(message) // WORD - 1
    first = draw.randrange(words + 1)
    sizes = (1, first, words - first, 0)
    return b"".join(size.to_bytes(4, "little") for size in sizes) + message[WORD:]


def _table(draw: random.Random, message: bytes) -> bytes:
    number = draw.choice((0, 1, 15, 16, 511, 512, 2**31, 2**32 - 1))
    return _put(message, draw.choice((0, 4)), number.to_bytes(4, "little"))


DAMAGE = (
    _bit, _bit, _byte, _byte, _number, _pointer, _pointer, _pointer, _swap, _copy,
    _cut, _cut_words, _longer, _insert, _segments, _table,
)  # fmt: skip
