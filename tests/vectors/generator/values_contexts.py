"""The values of `InvocationContext`, and the open frames that carry them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .lines import UNICODE, Line, line, pattern, repeated
from .textform import INTERACTIONS, Value, by_bytes, tidy

CORRELATION = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = "b7ad6b7169203331"
REPLY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

FULL: Value = {
    "correlation_id": CORRELATION,
    "span_id": SPAN,
    "deadline_ms": 1790000000000,
    "trace_flags": 1,
    "source_module": "gateway",
    "parent_span_id": PARENT,
    "target": {"service": "echo"},
    "actor": {
        "subject": {"operator": "alice"},
        "token_ref": "746f6b656e2d7265662d3031",
        "capabilities": ["fs.*", "net.dial", "stream.open"],
    },
    "metadata": {
        "auth.strength": "mfa",
        "baggage": "k=v",
        "ingress.kind": "http",
        "ingress.source_ip": "192.0.2.7",
        "tenant": "acme",
        "tracestate": "congo=t61rcWkgMzE",
    },
}
SYSTEM: Value = {"actor": {"subject": {"system": True}, "capabilities": ["*"]}}
EIGHT_KIB = 8192
ENTRY_COST = 32


def context(name: str, value: Value) -> Line:
    """Makes one line for a context."""
    return line(f"context/{name}", "context", value)


def contexts() -> Iterator[Line]:
    """Gives every line for contexts."""
    yield context("anonymous", {})
    yield context("system", SYSTEM)
    yield context("full", FULL)
    yield from _ids_and_numbers()
    yield from _sources()
    yield from _targets()
    yield from _actors()
    yield from _capabilities()
    yield from _metadata()
    yield from _limits()
    same: Value = {"source_module": "storage", "target": {"module": "storage"}}
    yield context("equal-texts", {**same, "actor": {"subject": {"module": "storage"}}})
    yield from _combined()
    yield from _roundabout()


def carried() -> dict[str, Value]:
    """Gives the contexts that open frames carry, by name."""
    return {"full": FULL, "system": SYSTEM, "anonymous": {}, "exactly-16-kib": exactly(16384)}


def opens_of(encoded: dict[str, bytes]) -> Iterator[Line]:
    """Gives open frames of every kind around real, already canonical contexts."""
    for (name, content), kind in product(encoded.items(), INTERACTIONS):
        value: Value = {"interaction": kind, "initial_credit": 8, "context": content.hex()}
        stream_id = "018f3c5e7d2a7b4c9e1f0a2b3c4d5e6f"
        yield line(f"frame/open/{kind}-{name}", "frame", {"stream_id": stream_id, "open": value})


def many(count: int, prefix: str = "cap.n") -> list[str]:
    """Gives sorted, distinct capabilities."""
    return [f"{prefix}{index:02d}" for index in range(count)]


def filled(total: int, entries: int) -> Value:
    """Gives metadata whose keys, values and entry costs add up to exactly `total`."""
    metadata = {f"key{index:02d}": "" for index in range(entries)}
    left = total - entries * (5 + ENTRY_COST)
    for index, key in enumerate(metadata):
        size = min(4096, left // (entries - index))
        metadata[key] = repeated("value ", size)
        left -= size
    if left:
        raise AssertionError(f"{left} bytes of metadata left over")
    return metadata


def exactly(size: int) -> Value:
    """Gives a context whose canonical message, its table included, is exactly `size` bytes.

    The table, the root pointer and the one pointer of the truncated struct take 8 bytes each; the
    source module and its NUL have the rest.
    """
    return {"source_module": repeated("source-", size - 24 - 1)}


def _ids_and_numbers() -> Iterator[Line]:
    ids = {
        "wire-page": CORRELATION,
        "all-ones": "ff" * 16,
        "one": "00" * 15 + "01",
        "high-only": "0102030405060708" + "00" * 8,
        "low-only": "00" * 8 + "0102030405060708",
        "top-bit": "80" + "00" * 15,
    }
    for name, id_ in ids.items():
        yield context(f"correlation/{name}", {"correlation_id": id_})
    for name, id_ in (("w3c", SPAN), ("one", "00" * 7 + "01"), ("all-ones", "ff" * 8)):
        yield context(f"span/{name}", {"span_id": id_})
        yield context(f"parent-span/{name}", {"parent_span_id": id_})
    for deadline in (1, 1790000000000, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1):
        yield context(f"deadline/{deadline}", {"deadline_ms": deadline})
    for flags in (1, 2, 3, 127, 128, 255):
        yield context(f"trace-flags/{flags}", {"trace_flags": flags})
    trace: Value = {"correlation_id": CORRELATION, "span_id": SPAN, "trace_flags": 1}
    yield context("trace/w3c", trace)
    yield context("trace/with-parent", {**trace, "parent_span_id": PARENT})


def _sources() -> Iterator[Line]:
    for size in (1, 6, 7, 8, 9, 15, 16, 17, 255, 256, 4096):
        name = repeated("gateway/", size)
        yield context(f"source/len-{size}", {"source_module": name})
    for name, text in UNICODE.items():
        yield context(f"source/unicode-{name}", {"source_module": text})


def _targets() -> Iterator[Line]:
    texts = ("service", "module", "broadcast", "dynamic_endpoint")
    for member in texts:
        yield context(f"target/{member}", {"target": {member: f"a-{member}"}})
        for size in (1, 7, 8, 255):
            yield context(f"target/{member}-len-{size}", {"target": {member: "t" * size}})
        if member != "service":
            yield context(f"target/{member}-empty", {"target": {member: ""}})
        for name in ("cjk", "astral-emoji", "rtl-arabic", "combining"):
            yield context(f"target/{member}-unicode-{name}", {"target": {member: UNICODE[name]}})
    for name, reply in (("bytes", REPLY), ("zero", "00" * 16), ("ones", "ff" * 16)):
        yield context(f"target/reply-{name}", {"target": {"reply": reply}})


def _actors() -> Iterator[Line]:
    for member in ("external", "operator", "module"):
        yield context(f"subject/{member}", {"actor": {"subject": {member: f"an-{member}"}}})
        for size in (1, 7, 8, 255):
            value: Value = {"actor": {"subject": {member: "s" * size}}}
            yield context(f"subject/{member}-len-{size}", value)
        if member != "external":
            yield context(f"subject/{member}-empty", {"actor": {"subject": {member: ""}}})
        for name in ("cyrillic", "zwj-family", "rtl-hebrew", "edges"):
            value = {"actor": {"subject": {member: UNICODE[name]}}}
            yield context(f"subject/{member}-unicode-{name}", value)
    yield context("subject/system", {"actor": {"subject": {"system": True}}})
    for size in (*range(1, 10), 16, 64, 1023, 1024):
        yield context(f"token-ref/len-{size}", {"actor": {"token_ref": pattern(size, 5).hex()}})
    yield context("token-ref/zero-bytes", {"actor": {"token_ref": "00" * 8}})


def _capabilities() -> Iterator[Line]:
    def caps(name: str, listed: list[str]) -> Line:
        return context(f"capabilities/{name}", {"actor": {"capabilities": listed}})

    for count in (1, 2, 3, 7, 8, 9, 31, 32, 33, 40, 41, 42, 43, 63, 64):
        yield caps(f"count-{count}", many(count))
    for size in (1, 7, 8, 9, 255, 256):
        yield caps(f"len-{size}", [repeated("fs.", size - 1) + "x"])
    yield caps("star", ["*"])
    yield caps("prefixes-sorted", ["fs", "fs.*", "fs.read", "fs.read.home", "fsx"])
    yield caps("unsorted-two", ["b", "a"])
    yield caps("unsorted-reversed-64", many(64)[::-1])
    yield caps("unsorted-prefixes", ["fsx", "fs.read", "fs", "fs.*"])
    yield caps("unsorted-by-case", ["a", "B", "_", "C", "b", "A"])
    # Bytes, not UTF-16 code units: U+FFFD (ef bf bd) sorts before U+1F600 (f0 9f 98 80).
    yield caps("unsorted-astral-after-bmp", ["\U0001f600", "\ufffd", "z", "é"])
    yield caps("unsorted-shorter-first", ["aaa", "aa", "aaaa", "a"])
    yield caps("empty-text", [""])
    yield caps("empty-text-among-others", ["a", "", "b"])
    yield caps("malformed-kept", ["*.fs", "a..b", "fs.*.x", "has space", "trailing."])
    yield caps("all-allowed-characters", ["ABCXYZ.abcxyz.0189._:/@-.*"])
    for name in ("greek", "astral-letters", "noncharacters"):
        yield caps(f"unicode-{name}", [UNICODE[name]])


def _metadata() -> Iterator[Line]:
    def meta(name: str, metadata: Value) -> Line:
        return context(f"metadata/{name}", {"metadata": metadata})

    for count in (1, 2, 3, 8, 9, 32, 63, 64):
        yield meta(f"count-{count}", {f"k{index:02d}": f"v{index}" for index in range(count)})
    for key in ("tenant", "auth.strength", "ingress.kind", "ingress.source_ip", "tracestate"):
        yield meta(f"conventional-{key}", {key: "value"})
    yield meta("reserved-prefix", {"ixt.internal": "1"})
    yield meta("one-character-keys", {key: key for key in "-.09_az"})
    yield meta("all-key-characters", {"abcdefghijklmnopqrstuvwxyz0123456789_.-": "all"})
    for size in (7, 8, 127, 128):
        yield meta(f"key-len-{size}", {"k" * size: "v"})
    for size in (0, 1, 6, 7, 8, 9, 4095, 4096):
        yield meta(f"value-len-{size}", {"key": repeated("0123456789", size)})
    yield meta("empty-values", {"a": "", "b": "", "c": "x", "d": ""})
    yield meta("equal-values", {"a": "the same text", "b": "the same text"})
    yield meta("unsorted-two", {"tenant": "acme", "baggage": "b"})
    yield meta("unsorted-punctuation", {"a_b": "1", "a.b": "2", "a-b": "3", "ab": "4", "a": "5"})
    reverse = {f"k{index:02d}": str(index) for index in reversed(range(64))}
    yield meta("unsorted-reversed-64", reverse)
    for name, text in UNICODE.items():
        yield meta(f"unicode-{name}", {"key": text})


def _limits() -> Iterator[Line]:
    for entries in (3, 5, 17, 63, 64):
        metadata = filled(EIGHT_KIB, entries)
        yield context(f"metadata/exactly-8-kib-{entries}-entries", {"metadata": metadata})
    two: Value = {"key0": repeated("a", 4096), "key1": repeated("b", 8192 - 4096 - 72)}
    yield context("metadata/exactly-8-kib-2-entries", {"metadata": two})
    largest = [f"{index:02d}." + "c" * 253 for index in range(40)]
    yield context("capabilities/40-of-256-bytes", {"actor": {"capabilities": largest}})
    yield context("exactly-16-kib", exactly(16384))
    yield context("one-word-under-16-kib", exactly(16376))
    everything: Value = {
        **FULL,
        "actor": {
            "subject": {"module": repeated("module ", 255)},
            "token_ref": pattern(1024).hex(),
            "capabilities": sorted((f"{i}." + "x" * 50 for i in range(64)), key=by_bytes),
        },
        "metadata": filled(7000, 20),
    }
    yield context("nearly-everything-largest", everything)


def _combined() -> Iterator[Line]:
    """Every target with every subject, so that the places of their words meet in every way."""
    targets: list[Value] = [
        {"service": "svc"},
        {"module": "mod"},
        {"broadcast": ""},
        {"reply": REPLY},
        {"dynamic_endpoint": "ep-1"},
    ]
    subjects: list[Value] = [
        {"external": "caller"},
        {"operator": "olga"},
        {"module": ""},
        {"system": True},
    ]
    for number, (target, subject) in enumerate(product(targets, subjects)):
        value: Value = {
            "correlation_id": f"{number + 1:032x}",
            "span_id": f"{number * 257 + 1:016x}",
            "deadline_ms": 1790000000000 + number,
            "trace_flags": number,
            "source_module": "m" * number,
            "target": target,
            "actor": {"subject": subject, "capabilities": many(number % 4)},
            "metadata": {f"k{index}": "v" * index for index in range(number % 5)},
        }
        name = f"{next(iter(target))}-{next(iter(subject))}"
        yield context(f"combined/{name}", tidy("context", value))


def _roundabout() -> Iterator[Line]:
    """Inputs that say defaults aloud."""
    defaults: Value = {
        "correlation_id": "0" * 32,
        "span_id": "0" * 16,
        "deadline_ms": 0,
        "trace_flags": 0,
        "source_module": "",
        "parent_span_id": "0" * 16,
        "target": {"service": ""},
        "actor": {"subject": {"external": ""}, "token_ref": "", "capabilities": []},
        "metadata": {},
    }
    yield context("input/all-defaults", defaults)
    yield context("input/empty-actor", {"source_module": "m", "actor": {}})
    yield context("input/default-subject", {"actor": {"subject": {"external": ""}}})
    yield context("input/default-target", {"span_id": SPAN, "target": {"service": ""}})
    shuffled = {key: FULL[key] for key in reversed(FULL)}
    shuffled["metadata"] = {key: FULL["metadata"][key] for key in reversed(FULL["metadata"])}
    yield context("input/everything-out-of-order", shuffled)
