"""Refusals that the segment table and the length of the input decide."""

from __future__ import annotations

from collections.abc import Iterator

from .refusals import Refusal, bad_bytes, segment
from .textform import MessageType
from .words import WORD, message, table, words

MEBIBYTE = 1024 * 1024
HEADROOM = 20 * 1024


def framing() -> Iterator[Refusal]:
    """Gives every refusal of a table or a length."""
    bases: tuple[tuple[MessageType, str], ...] = (("frame", "data"), ("context", "full"))
    for type_, base in bases:
        sound = segment(type_, base)
        yield from _truncated(type_, sound)
        yield from _trailing(type_, sound)
        yield from _segments(type_, sound)
        for name, encoded in {"one": message(b""), "two": message(b"", sound)}.items():
            yield bad_bytes(f"{type_}/no-root/{name}-segment", "BadPointer", encoded, True)
    yield from _declared()
    yield from _payloads()


def _truncated(type_: MessageType, sound: bytes) -> Iterator[Refusal]:
    whole = message(sound)

    def cut(name: str, encoded: bytes) -> Refusal:
        return bad_bytes(f"{type_}/truncated/{name}", "Truncated", encoded, bool(encoded))

    if type_ == "frame":
        yield cut("nothing", b"")
    for size in range(1, 8):
        yield cut(f"table-{size}-bytes", whole[:size])
    yield cut("no-segment", whole[:8])
    for missing in (1, 7, 8, 9, 16):
        yield cut(f"last-{missing}-bytes-missing", whole[:-missing])
    yield cut("first-word-only", whole[:16])
    half = len(sound) // WORD // 2 * WORD
    two = message(sound[:half], sound[half:])
    for size in (8, 11, 12, 15):
        yield cut(f"table-of-two-{size}-bytes", two[:size])
    yield cut("table-of-two-no-segment", two[:16])
    yield cut("second-segment-missing", two[: 16 + half])
    yield cut("second-segment-a-byte-short", two[:-1])
    three = message(sound[:half], sound[half:], bytes(8))
    for size in (8, 12, 15):
        yield cut(f"table-of-three-{size}-bytes", three[:size])
    sixteen = message(sound, *[bytes(8)] * 15)
    yield cut("table-of-sixteen-64-bytes", sixteen[:64])
    yield cut("sixteenth-segment-missing", sixteen[:-8])


def _trailing(type_: MessageType, sound: bytes) -> Iterator[Refusal]:
    whole = message(sound)
    half = len(sound) // WORD // 2 * WORD
    two = message(sound + bytes(8), bytes(8))
    tails = {
        "a-byte": whole + b"\0",
        "seven-bytes": whole + bytes(7),
        "a-zero-word": whole + bytes(8),
        "a-word-of-ones": whole + b"\xff" * 8,
        "a-newline": whole + b"\n",
        "a-second-message": whole + whole,
        "after-two-segments": two + b"\x01",
        "table-claims-less": table(half // WORD) + sound,
    }
    for name, encoded in tails.items():
        yield bad_bytes(f"{type_}/trailing/{name}", "TrailingBytes", encoded)


def _segments(type_: MessageType, sound: bytes) -> Iterator[Refusal]:
    kind = "TooManySegments"
    for count in (17, 18, 32, 64, 511, 512):
        encoded = message(sound, *[b""] * (count - 1))
        # The command line has a limit of its own, far above ours, so it is not asked.
        yield bad_bytes(f"{type_}/segments/{count}", kind, encoded)
    encoded = message(sound, *[bytes(8)] * 16)
    yield bad_bytes(f"{type_}/segments/17-with-words", kind, encoded, False)


def _declared() -> Iterator[Refusal]:
    """Sizes that the table alone declares: decided before anything behind it is looked at."""
    limit = (MEBIBYTE + HEADROOM) // WORD
    declared = {
        "two-words-past-the-default": (limit + 2,),
        "2-mib": (2 * MEBIBYTE // WORD,),
        "most-that-a-table-can-say": (2**32 - 1,),
        "two-segments-together": (limit // 2 + 2, limit // 2 + 2),
        "sixteen-huge-segments": (2**32 - 1,) * 16,
        "sum-that-wraps-32-bits": (2**31, 2**31, 8),
    }
    for name, sizes in declared.items():
        encoded = table(*sizes)
        yield bad_bytes(f"frame/too-large/declared-{name}", "MessageTooLarge", encoded)
    # Well inside the limit, so that the missing bytes are the fault.
    for words_inside in (limit - 8, MEBIBYTE // WORD):
        encoded = table(words_inside)
        yield bad_bytes(f"frame/truncated/declared-{words_inside}-words", "Truncated", encoded)
    for name, sizes in {
        "two-words-past": (16384 // WORD + 2,),
        "1-mib": (MEBIBYTE // WORD,),
        "most-that-a-table-can-say": (2**32 - 1,),
        "two-segments-together": (1030, 1030),
        "sixteen-huge-segments": (2**32 - 1,) * 16,
    }.items():
        encoded = table(*sizes)
        yield bad_bytes(f"context/too-large/declared-{name}", "ContextTooLarge", encoded)
    yield bad_bytes("context/truncated/declared-2000-words", "Truncated", table(2000))
    for limit_set in (0, 8, 1024, 65536):
        words_past = (limit_set + HEADROOM) // WORD + 2
        name = f"frame/too-large/present-past-max-payload-{limit_set}"
        unused = segment("frame", "close") + bytes(words_past * WORD)
        refusal = bad_bytes(name, "MessageTooLarge", message(unused[: words_past * WORD]), False)
        refusal.max_payload = limit_set
        yield refusal


def _payloads() -> Iterator[Refusal]:
    root = words(0x0001000400000000, 1, 2, 0, 1 << 0)
    if len(root) != 5 * WORD:
        raise AssertionError("the root of a data frame is its pointer and four words")
    for limit in (0, 1, 7, 8, 9, 1024, 4096):
        size = limit + 1
        pointer = words(1 | 2 << 32 | size << 35)
        content = b"p" * size + bytes(-size % WORD)
        encoded = message(root + pointer + content)
        name = f"frame/payload/{size}-where-{limit}-is-the-limit"
        refusal = bad_bytes(name, "FrameTooLarge", encoded, False)
        refusal.max_payload = limit
        yield refusal


def payload_past_default() -> Iterator[Refusal]:
    """Gives the refusals of one byte more than the default limit, in a file of their own."""
    size = MEBIBYTE + 1
    payload = (b"ixt-data" * (size // 8 + 1))[:size]
    root = words(0x0001000400000000, 1, 2, 0, 1)
    pointer = words(1 | 2 << 32 | size << 35)
    encoded = message(root + pointer + payload + bytes(-size % WORD))
    yield bad_bytes("frame/payload/1-mib-plus-1", "FrameTooLarge", encoded, False)
