"""Refusals of sound structure: ids, limits, duplicates. Each comes as bytes and as a value.

The bytes are made with pycapnp, which knows none of these rules, so that nothing else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import cli
from .build import fill, new
from .lines import pattern
from .refusals import FRAMES, Refusal, bad_bytes, bad_value, segment
from .textform import MessageType, Value
from .values_contexts import exactly, filled, many
from .values_frames import ID
from .words import (
    BYTE,
    COMPOSITE,
    POINTER,
    WORD,
    list_pointer,
    message,
    padded,
    put,
    struct_pointer,
    words,
)

NIL = "0" * 32


def values_refused() -> Iterator[Refusal]:
    """Gives every refusal of what a sound message says."""
    yield from _nil()
    yield from _ids()
    yield from _frame_limits()
    yield from _context_limits()
    yield from _keys()
    yield from _duplicates()
    yield from _traversal()
    yield from _shared()


def _both(name: str, kind: str, value: Value) -> Iterator[Refusal]:
    """Gives the same fault as bytes and as a value."""
    type_: MessageType = "frame" if name.startswith("frame/") else "context"
    builder = new(type_)
    fill(type_, builder, value)
    encoded = cli.canonical([bytes(builder.to_bytes())])[0]
    yield bad_bytes(f"{name}/decode", kind, encoded, False)
    yield bad_value(f"{name}/encode", kind, value)


def _nil() -> Iterator[Refusal]:
    for member, fields in FRAMES.items():
        yield from _both(
            f"frame/nil-stream-id/{member}", "NilStreamId", {"stream_id": NIL, member: fields}
        )
    kind = "NilStreamId"
    yield bad_bytes("frame/nil-stream-id/null-root", kind, message(words(0)), False)
    empty = message(words(struct_pointer(-1, 0, 0)))
    yield bad_bytes("frame/nil-stream-id/empty-root", kind, empty, False)
    later = message(words(struct_pointer(0, 4, 0), 0, 0, 9, 6))
    yield bad_bytes("frame/nil-stream-id/unknown-member", kind, later, False)


def _ids() -> Iterator[Refusal]:
    kind = "BadIdLength"
    for size in (1, 8, 15, 17, 32, 64):
        name = f"context/reply-length/{size}"
        yield from _both(name, kind, {"target": {"reply": pattern(size).hex()}})
    yield bad_value("context/reply-length/0/encode", kind, {"target": {"reply": ""}})
    no_reply = segment("context", "reply")
    null = message(put(no_reply, len(no_reply) // 8 - 3, 0))
    yield bad_bytes("context/reply-length/null/decode", kind, null, False)
    empty = message(put(no_reply, len(no_reply) // 8 - 3, list_pointer(0, BYTE, 0)))
    yield bad_bytes("context/reply-length/empty/decode", kind, empty, False)
    for digits in (0, 2, 16, 30, 34, 64):
        value: Value = {"stream_id": "01" * (digits // 2), "data": FRAMES["data"]}
        yield bad_value(f"frame/stream-id-digits/{digits}", kind, value)
    for digits in (2, 16, 30, 34):
        value = {"correlation_id": "01" * (digits // 2)}
        yield bad_value(f"context/correlation-id-digits/{digits}", kind, value)
    for field in ("span_id", "parent_span_id"):
        for digits in (2, 14, 18, 32):
            name = f"context/{field.replace('_', '-')}-digits/{digits}"
            yield bad_value(name, kind, {field: "01" * (digits // 2)})


def _frame_limits() -> Iterator[Refusal]:
    def frame(name: str, kind: str, member: str, **fields: Any) -> Iterator[Refusal]:
        value: Value = {"stream_id": ID, member: {**FRAMES[member], **fields}}
        yield from _both(f"frame/limit/{name}", kind, value)

    text = "MessageTextTooLong"
    yield from frame("error-message-4097", text, "error", message="m" * 4097)
    yield from frame("error-message-8192", text, "error", message="m" * 8192)
    # 2049 characters of two bytes: over in bytes, not in characters.
    yield from frame("error-message-4098-of-umlauts", text, "error", message="ü" * 2049)
    yield from frame("error-message-4100-of-astral", text, "error", message="😀" * 1025)
    yield from frame("error-details-4097", text, "error", details="5a" * 4097)
    yield from frame("cancel-message-4097", text, "cancel", message="m" * 4097)
    yield from frame("cancel-message-4098-of-cjk", text, "cancel", message="世" * 1366)
    for size in (16385, 16392, 20000):
        context = (b"context!" * 2500)[:size].hex()
        yield from frame(f"open-context-{size}", "ContextTooLarge", "open", context=context)


def _context_limits() -> Iterator[Refusal]:
    def context(name: str, kind: str, value: Value) -> Iterator[Refusal]:
        yield from _both(f"context/limit/{name}", kind, value)

    for size in (16392, 16400, 20000):
        yield from context(f"encoded-{size}", "ContextTooLarge", exactly(size))
    largest = [f"{index:02d}." + "c" * 253 for index in range(64)]
    value: Value = {"actor": {"capabilities": largest}}
    yield from context("encoded-64-capabilities-of-256", "ContextTooLarge", value)
    for size in (1025, 1032, 4096):
        value = {"actor": {"token_ref": pattern(size).hex()}}
        yield from context(f"token-ref-{size}", "TokenTooLong", value)
    for size in (257, 264, 1024):
        value = {"actor": {"capabilities": ["a.b", "c" * size]}}
        yield from context(f"capability-{size}", "CapabilityTooLong", value)
    value = {"actor": {"capabilities": ["ü" * 129]}}
    yield from context("capability-258-of-umlauts", "CapabilityTooLong", value)
    for count in (65, 66, 128):
        listed = [f"c{index:03d}" for index in range(count)]
        value = {"actor": {"capabilities": listed}}
        yield from context(f"capabilities-{count}", "TooManyCapabilities", value)
        metadata = {f"k{index:03d}": "" for index in range(count)}
        yield from context(f"metadata-{count}", "TooManyMetadata", {"metadata": metadata})
    for size in (4097, 4104, 8000):
        value = {"metadata": {"key": "v" * size}}
        yield from context(f"metadata-value-{size}", "MetadataTooLarge", value)
    value = {"metadata": {"key": "ü" * 2049}}
    yield from context("metadata-value-4098-of-umlauts", "MetadataTooLarge", value)
    for entries in (3, 17, 64):
        value = {"metadata": filled(8193, entries)}
        yield from context(f"metadata-total-8193-of-{entries}", "MetadataTooLarge", value)
    value = {"metadata": filled(10000, 40)}
    yield from context("metadata-total-10000", "MetadataTooLarge", value)


def _keys() -> Iterator[Refusal]:
    keys = {
        "empty": "",
        "upper-case": "Tenant",
        "space": "a b",
        "leading-space": " tenant",
        "slash": "a/b",
        "colon": "a:b",
        "at": "a@b",
        "star": "a.*",
        "equals": "a=b",
        "comma": "a,b",
        "plus": "a+b",
        "tilde": "a~b",
        "newline": "a\n",
        "delete": "a\x7f",
        "before-digits": "a\x2f",
        "after-digits": "a\x3a",
        "before-letters": "a`",
        "after-letters": "a{",
        "latin": "é",
        "digit-of-another-script": "٣",
        "full-width": "ａ",
        "astral": "😀",
        "129-bytes": "k" * 129,
        "1000-bytes": "k" * 1000,
    }
    for name, key in keys.items():
        value: Value = {"metadata": {key: "v"}}
        yield from _both(f"context/metadata-key/{name}", "BadMetadataKey", value)
    value = {"metadata": {"a": "1", "b": "2", "C": "3", "d": "4"}}
    yield from _both("context/metadata-key/among-good-ones", "BadMetadataKey", value)


def _duplicates() -> Iterator[Refusal]:
    lists: dict[str, list[str]] = {
        "adjacent": ["a", "a"],
        "apart": ["a", "b", "a"],
        "sorted": ["a", "b", "b", "c"],
        "stars": ["*", "*"],
        "empty": ["", ""],
        "first-and-last-of-64": [*many(63), many(1)[0]],
        "malformed": ["a..b", "x", "a..b"],
        "astral": ["😀", "😀"],
    }
    for name, listed in lists.items():
        builder = new("context")
        made = builder.init("actor").init("capabilities", len(listed))
        for at, capability in enumerate(listed):
            made[at] = capability
        kind = "DuplicateCapability"
        encoded = cli.canonical([bytes(builder.to_bytes())])[0]
        yield bad_bytes(f"context/duplicate-capability/{name}/decode", kind, encoded, False)
        value: Value = {"actor": {"capabilities": listed}}
        yield bad_value(f"context/duplicate-capability/{name}/encode", kind, value)
    entries: dict[str, list[tuple[str, str]]] = {
        "same-value": [("a", "1"), ("a", "1")],
        "other-value": [("a", "1"), ("a", "2")],
        "empty-values": [("a", ""), ("a", "")],
        "apart": [("tenant", "1"), ("baggage", "2"), ("tenant", "3")],
        "sorted": [("a", "1"), ("b", "2"), ("b", "3"), ("c", "4")],
        "first-and-last-of-64": [(f"k{index % 63}", "v") for index in range(64)],
    }
    for name, listed_entries in entries.items():
        builder = new("context")
        made = builder.init("metadata", len(listed_entries))
        for at, (key, text) in enumerate(listed_entries):
            made[at].key = key
            made[at].value = text
        encoded = cli.canonical([bytes(builder.to_bytes())])[0]
        yield bad_bytes(f"context/duplicate-key/{name}", "DuplicateKey", encoded, False)


def _traversal() -> Iterator[Refusal]:
    """Pointers that share what they point at, until far more is read than the message holds.

    The command line's own bound is an absolute one, so it reads these.
    """
    # Metadata: 10 keys of their own, and one value of 700 bytes for all of them.
    entries = 10
    head = words(struct_pointer(0, 0, 4), 0, 0, 0, list_pointer(0, COMPOSITE, 2 * entries))
    list_words = [struct_pointer(entries, 0, 2)]
    blob_at = 1 + 2 * entries + entries
    for index in range(entries):
        at = 1 + 2 * index
        list_words.append(list_pointer(1 + 2 * entries + index - at - 1, BYTE, 3))
        list_words.append(list_pointer(blob_at - at - 2, BYTE, 701))
    keys = b"".join(padded(b"k%d\0" % index) for index in range(entries))
    shared = padded(b"v" * 700 + b"\0")
    kind = "TraversalLimit"
    encoded = message(head + words(*list_words) + keys + shared)
    yield bad_bytes("context/traversal/metadata-values-shared", kind, encoded, False)
    # Capabilities: 31 texts, each the end of the one before it, so that all differ.
    count, text_words = 31, 32
    actor = words(struct_pointer(0, 0, 3), 0, 0, struct_pointer(0, 0, 3))
    actor += words(0, 0, list_pointer(0, POINTER, count))
    pointers = [list_pointer(count - 1, BYTE, (text_words - index) * 8) for index in range(count)]
    tail = b"".join(b"%07d." % index for index in range(text_words))[:-1] + b"\0"
    encoded = message(actor + words(*pointers) + tail)
    yield bad_bytes("context/traversal/capabilities-share-a-tail", kind, encoded, False)
    # Source module, target, subject and token reference all at one text of 1,000 bytes.
    size = 1000
    blob = padded(b"t" * (size - 1) + b"\0")
    laid = [struct_pointer(0, 0, 3), 0, 0, 0, 0, 0, 0, 0, 0, 0]
    laid[1] = list_pointer(8, BYTE, size)
    laid[2] = struct_pointer(1, 1, 1)
    laid[3] = struct_pointer(2, 0, 2)
    laid[4:6] = [1, list_pointer(4, BYTE, size)]
    laid[6:8] = [struct_pointer(1, 1, 1), list_pointer(2, BYTE, size)]
    laid[8:10] = [1, list_pointer(0, BYTE, size)]
    encoded = message(words(*laid) + blob)
    yield bad_bytes("context/traversal/one-text-for-four-fields", kind, encoded, False)


def _shared() -> Iterator[Refusal]:
    """Two pointers at one text, so that canonical form, which holds it twice, is above the limit.

    Within the bound on traversal, and the message itself within the limit on a context.
    """
    for text_words in (1022, 1500, 2040):
        size = text_words * WORD
        laid = words(
            struct_pointer(0, 0, 2),
            list_pointer(2, BYTE, size),
            struct_pointer(0, 0, 1),
            list_pointer(0, BYTE, size),
        )
        encoded = message(laid + b"t" * (size - 1) + b"\0")
        name = f"context/limit/one-text-of-{size}-for-two-fields"
        yield bad_bytes(name, "ContextTooLarge", encoded, False)
