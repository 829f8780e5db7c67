"""Structural refusals: one pointer of a sound message replaced by a bad one.

Only pointers of known, active members are touched, since nothing else is read. Left out, as two
kinds could be argued for: lists of structs given as other lists, a Text list given as structs,
huge lists of void where a list of pointers or structs is expected, nesting (the schemas are not
recursive, so no message nests deeper than eight levels in what a reader follows).
"""

from __future__ import annotations

from collections.abc import Iterator

from .refusals import Refusal, bad_bytes, segment
from .textform import MessageType
from .words import (
    BIT,
    BYTE,
    CAPABILITY,
    COMPOSITE,
    EIGHT_BYTES,
    FOUR_BYTES,
    POINTER,
    TWO_BYTES,
    VOID,
    WORD,
    far_pointer,
    find,
    list_pointer,
    message,
    offset_of,
    put,
    struct_pointer,
    word,
    words,
)

# Where a pointer stands: name, type, sound message, path from the root.
BLOBS: tuple[tuple[str, MessageType, str, tuple[int, ...]], ...] = (
    ("open-context", "frame", "open", (0,)),
    ("data-payload", "frame", "data", (0,)),
    ("error-message", "frame", "error", (0,)),
    ("error-details", "frame", "error", (1,)),
    ("cancel-message", "frame", "cancel", (0,)),
    ("source-module", "context", "full", (0,)),
    ("target-service", "context", "full", (1, 0)),
    ("target-reply", "context", "reply", (1, 0)),
    ("subject-operator", "context", "full", (2, 0, 0)),
    ("token-ref", "context", "full", (2, 1)),
    ("capability-0", "context", "full", (2, 2, 0)),
    ("capability-2", "context", "full", (2, 2, 2)),
    ("metadata-key", "context", "full", (3, 0, 0)),
    ("metadata-value", "context", "full", (3, 5, 1)),
)
STRUCTS: tuple[tuple[str, MessageType, str, tuple[int, ...]], ...] = (
    ("root-open", "frame", "open", ()),
    ("root-close", "frame", "close", ()),
    ("root-context", "context", "full", ()),
    ("target", "context", "full", (1,)),
    ("actor", "context", "full", (2,)),
    ("subject", "context", "full", (2, 0)),
)
LISTS: tuple[tuple[str, MessageType, str, tuple[int, ...]], ...] = (
    ("capabilities", "context", "full", (2, 2)),
    ("metadata", "context", "full", (3,)),
)
MOST = 2**29 - 1


def pointers() -> Iterator[Refusal]:
    """Gives every refusal of a bad pointer."""
    for name, type_, base, path in (*BLOBS, *STRUCTS, *LISTS):
        sound = segment(type_, base)
        at = find(sound, path)
        for fault, pointer in _anywhere(sound, at).items():
            yield _bad(f"{type_}/pointer/{name}/{fault}", put(sound, at, pointer))
    for name, type_, base, path in BLOBS:
        sound = segment(type_, base)
        at = find(sound, path)
        for fault, pointer in _for_blob(sound, at).items():
            yield _bad(f"{type_}/pointer/{name}/{fault}", put(sound, at, pointer))
    for name, type_, base, path in STRUCTS:
        sound = segment(type_, base)
        at = find(sound, path)
        for fault, pointer in _for_struct(sound, at).items():
            yield _bad(f"{type_}/pointer/{name}/{fault}", put(sound, at, pointer))
    yield from _capability_list()
    yield from _metadata_list()
    yield from _far()


def _bad(name: str, *segments: bytes) -> Refusal:
    return bad_bytes(name, "BadPointer", message(*segments), True)


def _anywhere(sound: bytes, at: int) -> dict[str, int]:
    """Faults that no pointer may have, whatever it should point at."""
    return {
        "capability": CAPABILITY,
        "other-kind-with-number": CAPABILITY | 7 << 32,
        "far-to-no-segment": far_pointer(1, 0),
        "far-to-last-number": far_pointer(2**32 - 1, 0),
        "far-past-the-end": far_pointer(0, len(sound) // WORD),
        "double-far-to-no-segment": far_pointer(1, 0, double=True),
    }


def _for_blob(sound: bytes, at: int) -> dict[str, int]:
    total = len(sound) // WORD
    pointer = word(sound, at)
    offset = offset_of(pointer)
    to_end = total - at - 1
    return {
        "struct": struct_pointer(-at - 1, 1, 0),
        "list-of-void": list_pointer(offset, VOID, 8),
        "list-of-void-amplified": list_pointer(offset, VOID, MOST),
        "list-of-bits": list_pointer(offset, BIT, 8),
        "list-of-two-bytes": list_pointer(offset, TWO_BYTES, 2),
        "list-of-pointers": list_pointer(-at - 1, POINTER, 1),
        "at-the-end": list_pointer(to_end, BYTE, 1),
        "past-the-end": list_pointer(to_end + 5, BYTE, 9),
        "a-word-too-long": list_pointer(offset, BYTE, (to_end - offset + 1) * WORD),
        "most-bytes": list_pointer(offset, BYTE, MOST),
        "furthest": list_pointer(2**29 - 1, BYTE, 1),
        "before-the-start": list_pointer(-at - 2, BYTE, 1),
        "furthest-before": list_pointer(-(2**29), BYTE, 1),
    }


def _for_struct(sound: bytes, at: int) -> dict[str, int]:
    to_end = len(sound) // WORD - at - 1
    offset = offset_of(word(sound, at))
    return {
        "list-of-bytes": list_pointer(offset, BYTE, 8),
        "list-of-words": list_pointer(offset, EIGHT_BYTES, 1),
        "at-the-end": struct_pointer(to_end, 1, 0),
        "past-the-end": struct_pointer(to_end + 3, 1, 1),
        "data-too-long": struct_pointer(offset, to_end - offset + 1, 0),
        "most-words": struct_pointer(offset, 65535, 65535),
        "before-the-start": struct_pointer(-at - 2, 1, 0),
        "furthest-before": struct_pointer(-(2**29), 1, 0),
    }


def _capability_list() -> Iterator[Refusal]:
    sound = segment("context", "full")
    at = find(sound, (2, 2))
    offset = offset_of(word(sound, at))
    to_end = len(sound) // WORD - at - 1
    faults = {
        "struct": struct_pointer(offset, 1, 0),
        "list-of-void": list_pointer(offset, VOID, 3),
        "list-of-bits": list_pointer(offset, BIT, 3),
        "list-of-bytes": list_pointer(offset, BYTE, 3),
        "list-of-four-bytes": list_pointer(offset, FOUR_BYTES, 3),
        "list-of-words": list_pointer(offset, EIGHT_BYTES, 3),
        "past-the-end": list_pointer(to_end, POINTER, 3),
        "before-the-start": list_pointer(-at - 2, POINTER, 1),
    }
    for fault, pointer in faults.items():
        yield _bad(f"context/pointer/capabilities/{fault}", put(sound, at, pointer))


def _metadata_list() -> Iterator[Refusal]:
    sound = segment("context", "full")
    at = find(sound, (3,))
    pointer = word(sound, at)
    offset = offset_of(pointer)
    to_end = len(sound) // WORD - at - 1
    count = pointer >> 35
    faults = {
        "struct": struct_pointer(offset, 1, 0),
        "list-of-bits": list_pointer(offset, BIT, 6),
        "past-the-end": list_pointer(to_end, COMPOSITE, 2),
        "a-word-too-long": list_pointer(offset, COMPOSITE, to_end - offset),
        "most-words": list_pointer(offset, COMPOSITE, MOST),
        "before-the-start": list_pointer(-at - 2, COMPOSITE, 0),
    }
    for fault, bad in faults.items():
        yield _bad(f"context/pointer/metadata/{fault}", put(sound, at, bad))
    tag_at = at + 1 + offset
    tags = {
        "tag-is-a-list": list_pointer(6, BYTE, 2),
        "tag-is-far": far_pointer(0, 0),
        "tag-is-a-capability": CAPABILITY,
        "tag-counts-one-too-many": struct_pointer(7, 0, 2),
        "tag-elements-too-large": struct_pointer(6, 1, 2),
        "tag-with-most-words": struct_pointer(6, 65535, 65535),
    }
    for fault, tag in tags.items():
        yield _bad(f"context/pointer/metadata/{fault}", put(sound, tag_at, tag))
    shorter = list_pointer(offset, COMPOSITE, count - 1)
    yield _bad("context/pointer/metadata/a-word-too-short", put(sound, at, shorter))


def _far() -> Iterator[Refusal]:
    """Far pointers whose landing pads are wrong; a data frame's payload is what they lead to."""
    sound = segment("frame", "data")
    at = find(sound, (0,))
    payload = sound[(at + 1) * WORD :]
    head = sound[: (at + 1) * WORD]
    near = list_pointer(0, BYTE, 8)

    def far(name: str, pointer: int, *others: bytes) -> Refusal:
        return _bad(f"frame/pointer/far/{name}", put(head, at, pointer), *others)

    yield far("pad-past-the-end", far_pointer(1, 2), words(near) + payload)
    yield far("pad-in-an-empty-segment", far_pointer(1, 0), b"")
    yield far("pad-is-far", far_pointer(1, 0), words(far_pointer(2, 0)), words(near) + payload)
    yield far("pad-is-itself", far_pointer(1, 0), words(far_pointer(1, 0)))
    yield far("pad-is-a-struct", far_pointer(1, 0), words(struct_pointer(0, 1, 0)) + payload)
    yield far("pad-is-a-capability", far_pointer(1, 0), words(CAPABILITY))
    yield far("content-past-the-end", far_pointer(1, 0), words(near))
    yield far("content-before-the-start", far_pointer(1, 0), words(list_pointer(-2, BYTE, 8)))
    yield far("to-segment-2-of-2", far_pointer(2, 0), words(near) + payload)
    twice = far_pointer(1, 0, double=True)
    tag = list_pointer(0, BYTE, 8)
    yield far("double-pad-is-near", twice, words(near, tag) + payload)
    yield far("double-pad-cut", twice, words(far_pointer(2, 0)), payload)
    yield far("double-to-no-segment", twice, words(far_pointer(7, 0), tag), payload)
    yield far("double-past-the-end", twice, words(far_pointer(2, 1), tag), payload)
    struct_tag = struct_pointer(0, 1, 0)
    yield far("double-tag-is-a-struct", twice, words(far_pointer(2, 0), struct_tag), payload)
    bits = list_pointer(0, BIT, 8)
    yield far("double-tag-is-a-list-of-bits", twice, words(far_pointer(2, 0), bits), payload)
    longer = list_pointer(0, BYTE, 9)
    yield far("double-tag-too-long", twice, words(far_pointer(2, 0), longer), payload)
