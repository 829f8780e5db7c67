"""A reader of encoded InvocationContexts, by hand and from the standard library alone.

The state machine needs two things of a context: its deadline, and whether it decodes at all (with
the kind of refusal when it does not). This reader gives just these. It reads one segment: the
traces hold no context in several, and `OutOfScope` says so aloud instead of guessing.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

MAX_CONTEXT = 16 * 1024
MAX_SEGMENTS = 16
MAX_DEPTH = 8
MAX_CAPABILITIES = 64
MAX_CAPABILITY = 256
MAX_TOKEN = 1024
MAX_ENTRIES = 64
MAX_VALUE = 4 * 1024
MAX_METADATA = 8 * 1024
ENTRY_COST = 32
REPLY_LENGTH = 16
KEY = re.compile(rb"[a-z0-9_.-]{1,128}")

BYTE_ELEMENTS = 2
POINTER_ELEMENTS = 6
STRUCT_ELEMENTS = 7


class Refused(Exception):
    """The context does not decode; `kind` is its kind of refusal."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class OutOfScope(Exception):
    """The context uses what this reader leaves to the vectors (several segments)."""


@dataclass(frozen=True)
class _Struct:
    """A struct's two sections, in words; a null pointer is a struct of two empty sections."""

    data: int
    data_words: int
    pointers: int
    pointer_words: int


class _Segment:
    """The one segment of a message, read by words."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.words = len(body) // 8

    def word(self, at: int) -> int:
        return int(struct.unpack_from("<Q", self.body, at * 8)[0])

    def u64(self, of: _Struct, index: int) -> int:
        """A field past the end of a shorter struct is zero."""
        return self.word(of.data + index) if index < of.data_words else 0

    def _pointer(self, of: _Struct, index: int) -> tuple[int, int] | None:
        """Where the pointer stands and its word; None when absent or null."""
        if index >= of.pointer_words:
            return None
        at = of.pointers + index
        word = self.word(at)
        return (at, word) if word else None

    def _target(self, at: int, word: int, kind: int) -> int:
        """The first word that a near pointer of this kind points to."""
        if word & 3 == 2:
            raise OutOfScope("a far pointer")
        if word & 3 != kind:
            raise Refused("BadPointer")
        offset = (word >> 2) & 0x3FFF_FFFF
        if offset >= 1 << 29:
            offset -= 1 << 30
        return at + 1 + offset

    def _bounds(self, start: int, words: int) -> None:
        if start < 0 or start + words > self.words:
            raise Refused("BadPointer")

    def struct_at(self, at: int, word: int, depth: int) -> _Struct:
        if depth > MAX_DEPTH:
            raise Refused("TooDeep")
        if not word:
            return _Struct(0, 0, 0, 0)
        start = self._target(at, word, 0)
        data_words = (word >> 32) & 0xFFFF
        pointer_words = word >> 48
        self._bounds(start, data_words + pointer_words)
        return _Struct(start, data_words, start + data_words, pointer_words)

    def child(self, of: _Struct, index: int, depth: int) -> _Struct:
        found = self._pointer(of, index)
        return self.struct_at(*found, depth) if found else _Struct(0, 0, 0, 0)

    def _list(self, at: int, word: int, element: int) -> tuple[int, int]:
        start = self._target(at, word, 1)
        if (word >> 32) & 7 != element:
            raise Refused("BadPointer")
        return start, word >> 35

    def data(self, of: _Struct, index: int) -> bytes:
        found = self._pointer(of, index)
        if not found:
            return b""
        start, count = self._list(*found, BYTE_ELEMENTS)
        self._bounds(start, (count + 7) // 8)
        return self.body[start * 8 : start * 8 + count]

    def text(self, of: _Struct, index: int) -> bytes:
        if not self._pointer(of, index):
            return b""
        raw = self.data(of, index)
        if not raw or raw[-1] or 0 in raw[:-1]:
            raise Refused("BadText")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("BadText") from None
        return raw[:-1]

    def texts(self, of: _Struct, index: int) -> list[bytes]:
        found = self._pointer(of, index)
        if not found:
            return []
        start, count = self._list(*found, POINTER_ELEMENTS)
        self._bounds(start, count)
        row = _Struct(start, 0, start, count)
        return [self.text(row, i) for i in range(count)]

    def structs(self, of: _Struct, index: int, depth: int) -> list[_Struct]:
        found = self._pointer(of, index)
        if not found:
            return []
        start, words = self._list(*found, STRUCT_ELEMENTS)
        self._bounds(start, words + 1)
        if depth > MAX_DEPTH:
            raise Refused("TooDeep")
        tag = self.word(start)
        if tag & 3:
            raise Refused("BadPointer")
        count, data_words, pointer_words = (tag >> 2) & 0x3FFF_FFFF, (tag >> 32) & 0xFFFF, tag >> 48
        size = data_words + pointer_words
        if count * size > words or (count and not size):
            raise Refused("BadPointer")
        first = start + 1
        return [
            _Struct(first + i * size, data_words, first + i * size + data_words, pointer_words)
            for i in range(count)
        ]


def _open_segment(message: bytes) -> _Segment:
    """The checks of the segment table, in the order of the rules."""
    if len(message) < 4:
        raise Refused("Truncated")
    segments = int(struct.unpack_from("<I", message)[0]) + 1
    if segments > MAX_SEGMENTS:
        raise Refused("TooManySegments")
    table = (4 + 4 * segments + 7) // 8 * 8
    if len(message) < table:
        raise Refused("Truncated")
    words = sum(struct.unpack_from(f"<{segments}I", message, 4))
    if table + words * 8 > MAX_CONTEXT:
        raise Refused("ContextTooLarge")
    if len(message) < table + words * 8:
        raise Refused("Truncated")
    if len(message) > table + words * 8:
        raise Refused("TrailingBytes")
    if segments > 1:
        raise OutOfScope("several segments")
    if not words:
        raise Refused("Truncated")
    return _Segment(message[table:])


def _check_actor(segment: _Segment, actor: _Struct) -> None:
    subject = segment.child(actor, 0, 3)
    if segment.u64(subject, 0) & 0xFFFF in (0, 1, 2):
        segment.text(subject, 0)
    if len(segment.data(actor, 1)) > MAX_TOKEN:
        raise Refused("TokenTooLong")
    capabilities = segment.texts(actor, 2)
    if len(capabilities) > MAX_CAPABILITIES:
        raise Refused("TooManyCapabilities")
    if any(len(capability) > MAX_CAPABILITY for capability in capabilities):
        raise Refused("CapabilityTooLong")
    if len(set(capabilities)) < len(capabilities):
        raise Refused("DuplicateCapability")


def _check_metadata(segment: _Segment, root: _Struct) -> None:
    entries = [
        (segment.text(entry, 0), segment.text(entry, 1)) for entry in segment.structs(root, 3, 2)
    ]
    if len(entries) > MAX_ENTRIES:
        raise Refused("TooManyMetadata")
    if not all(KEY.fullmatch(key) for key, _ in entries):
        raise Refused("BadMetadataKey")
    total = sum(len(key) + len(value) + ENTRY_COST for key, value in entries)
    if total > MAX_METADATA or any(len(value) > MAX_VALUE for _, value in entries):
        raise Refused("MetadataTooLarge")
    if len({key for key, _ in entries}) < len(entries):
        raise Refused("DuplicateKey")


def deadline_of(message: bytes) -> int:
    """The context's deadline in Unix milliseconds, 0 for none; raises `Refused`.

    A context of zero bytes is `anonymous()`: it has no deadline.
    """
    if not message:
        return 0
    if len(message) > MAX_CONTEXT:
        raise Refused("ContextTooLarge")
    segment = _open_segment(message)
    root = segment.struct_at(0, segment.word(0), 1)
    segment.text(root, 0)
    target = segment.child(root, 1, 2)
    tag = segment.u64(target, 0) & 0xFFFF
    if tag in (0, 1, 2, 4):
        segment.text(target, 0)
    elif tag == 3 and len(segment.data(target, 0)) != REPLY_LENGTH:
        raise Refused("BadIdLength")
    _check_actor(segment, segment.child(root, 2, 2))
    _check_metadata(segment, root)
    return segment.u64(root, 3)
