"""Refusals of text: not UTF-8, a NUL inside, no NUL at the end.

The command line (0.9.2) asks for the final NUL alone; it is lenient about the other two. Keys of
metadata are left out where `BadMetadataKey` would say as much.
"""

from __future__ import annotations

from collections.abc import Iterator

from .refusals import CONTEXTS, FRAMES, Refusal, bad_bytes, bad_value, segment
from .textform import MessageType, Value
from .values_frames import ID
from .words import BYTE, WORD, find, list_pointer, message, offset_of, put, word

TEXTS: tuple[tuple[str, MessageType, str, tuple[int, ...]], ...] = (
    ("error-message", "frame", "error", (0,)),
    ("cancel-message", "frame", "cancel", (0,)),
    ("source-module", "context", "full", (0,)),
    ("target-service", "context", "service", (1, 0)),
    ("target-module", "context", "module", (1, 0)),
    ("target-broadcast", "context", "broadcast", (1, 0)),
    ("target-dynamic-endpoint", "context", "dynamic_endpoint", (1, 0)),
    ("subject-external", "context", "external", (2, 0, 0)),
    ("subject-operator", "context", "operator", (2, 0, 0)),
    ("subject-module", "context", "as-module", (2, 0, 0)),
    ("capability-first", "context", "full", (2, 2, 0)),
    ("capability-last", "context", "full", (2, 2, 2)),
    ("metadata-value", "context", "full", (3, 4, 1)),
)
KEY: tuple[str, MessageType, str, tuple[int, ...]] = ("metadata-key", "context", "full", (3, 4, 0))

# Each goes over the last bytes of the text, before its NUL.
ENDINGS = {
    "lone-ff": b"\xff",
    "lone-continuation": b"\x80",
    "cut-sequence": b"\xe2\x82",
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
    "interior-nul": b"\0b",
    "nul-before-the-end": b"\0",
}
MORE_ENDINGS = {
    "cut-after-lead": b"\xc3",
    "cut-four-byte": b"\xf0\x9f\x98",
    "low-surrogate": b"\xed\xbf\xbf",
    "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "overlong-nul": b"\xc0\x80",
    "overlong-three-bytes": b"\xe0\x80\xaf",
    "overlong-four-bytes": b"\xf0\x80\x80\xaf",
    "past-10ffff": b"\xf4\x90\x80\x80",
    "five-byte-form": b"\xf8\x88\x80\x80\x80",
    "lone-fe": b"\xfe",
    "latin-1": b"caf\xe9",
    "utf-16": b"h\0i",
    "lead-then-ascii": b"\xc3a",
}


def texts() -> Iterator[Refusal]:
    """Gives every refusal of a text."""
    for name, type_, base, path in TEXTS:
        sound = segment(type_, base)
        endings = {**ENDINGS, **MORE_ENDINGS} if name == "error-message" else ENDINGS
        for fault, ending in endings.items():
            yield _bad(f"{type_}/text/{name}/{fault}", _over_the_end(sound, path, ending), False)
    for name, type_, base, path in (*TEXTS, KEY):
        sound = segment(type_, base)
        at = find(sound, path)
        pointer = word(sound, at)
        count = pointer >> 35
        shorter = put(sound, at, list_pointer(offset_of(pointer), BYTE, count - 1))
        yield _bad(f"{type_}/text/{name}/no-final-nul", shorter, True)
        none = put(sound, at, list_pointer(offset_of(pointer), BYTE, 0))
        yield _bad(f"{type_}/text/{name}/no-bytes-at-all", none, True)
    yield from _encoded()


def _bad(name: str, sound: bytes, tool_refuses: bool) -> Refusal:
    return bad_bytes(name, "BadText", message(sound), tool_refuses)


def _over_the_end(sound: bytes, path: tuple[int, ...], ending: bytes) -> bytes:
    at = find(sound, path)
    pointer = word(sound, at)
    start = (at + 1 + offset_of(pointer)) * WORD
    size = (pointer >> 35) - 1
    if len(ending) > size:
        raise AssertionError("the text is too short for this ending")
    end = start + size
    return sound[: end - len(ending)] + ending + sound[end:]


def _encoded() -> Iterator[Refusal]:
    """A NUL is the one fault that a JSON string can hold and that a constructor must see."""
    nul = "a\0b"
    for member in ("error", "cancel"):
        value: Value = {"stream_id": ID, member: {**FRAMES[member], "message": nul}}
        yield bad_value(f"frame/text/{member}-message/encode-nul", "BadText", value)
        value = {"stream_id": ID, member: {**FRAMES[member], "message": "\0"}}
        yield bad_value(f"frame/text/{member}-message/encode-nul-alone", "BadText", value)
    for member in ("service", "module", "broadcast", "dynamic_endpoint"):
        value = {"target": {member: nul}}
        yield bad_value(f"context/text/target-{member}/encode-nul", "BadText", value)
    for member in ("external", "operator", "module"):
        value = {"actor": {"subject": {member: nul}}}
        yield bad_value(f"context/text/subject-{member}/encode-nul", "BadText", value)
    full = CONTEXTS["full"]
    encoded: dict[str, Value] = {
        "source-module": {**full, "source_module": "gateway\0"},
        "source-module-begins": {"source_module": "\0gateway"},
        "capability": {"actor": {"capabilities": ["fs.*", nul]}},
        "metadata-value": {"metadata": {"tenant": nul}},
    }
    for name, value in encoded.items():
        yield bad_value(f"context/text/{name}/encode-nul", "BadText", value)
