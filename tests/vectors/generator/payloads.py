"""The lines for `HandlePayload`: a context, a method and a body in one message.

A line holds the context as the bytes that it encodes to by itself, so that a replayer needs no text
form for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from . import cli
from .build import fill, new
from .later import further_in_context, make_unknown, unknown_context
from .layout import Blob, Plan, Pointers, Struct, Structs, lay, root, spread
from .lines import UNICODE, pattern, repeated
from .reading import text_form
from .schema import LATER
from .textform import Value, compact, tidy
from .values_contexts import FULL, SYSTEM, contexts, exactly
from .words import (
    BYTE,
    CAPABILITY,
    POINTER,
    body,
    find,
    list_pointer,
    message,
    put,
    struct_pointer,
    table,
    word,
    words,
)

METHOD = "resize"
BODY = b'{"width":64}'
_TOOL_REFUSES = {
    "BadPointer": True,
    "BadMethod": False,
    "FrameTooLarge": False,
    "ContextTooLarge": False,
    "DuplicateCapability": False,
    "BadIdLength": False,
}


@dataclass
class Payload:
    """A message with its bytes, or what is refused and with which kind."""

    name: str
    value: Value | None = None
    context: bytes = b""
    method: str = METHOD
    body: bytes = BODY
    hex: bytes | None = None
    also: list[bytes] = field(default_factory=list)
    unknown: bool = False
    max_payload: int | None = None
    op: str = ""
    kind: str = ""

    def render(self) -> str:
        """Writes the line as it stands in the file."""
        out: Value = {"name": f"payload/{self.name}", "type": "payload"}
        if self.op:
            out["op"] = self.op
        if self.unknown:
            out["unknown"] = True
        if self.op != "decode":
            out["context"] = self.context.hex()
            out["method"] = self.method
            out["body"] = self.body.hex()
        if self.hex is not None:
            out["hex"] = self.hex.hex()
        if self.also:
            out["also"] = [other.hex() for other in self.also]
        if self.max_payload is not None:
            out["max_payload"] = self.max_payload
        if self.kind:
            out["kind"] = self.kind
        return compact(out)


def payloads() -> list[Payload]:
    """Gives every line: values, then refusals."""
    lines = [*_values(), *_later()]
    for name, value in (("full", FULL), ("anonymous", {}), ("system", SYSTEM)):
        base = next(line for line in lines if line.name == f"context/{name}")
        base.also = list(_variants(base, value))
    _confirm(lines)
    full = next(line for line in lines if line.name == "context/full")
    refused = [*_refused_values(full), *_refused_bytes(full)]
    for line in refused:
        # A structural fault it refuses too; what breaks rules of ours alone, it reads.
        expected = _TOOL_REFUSES.get(line.kind)
        if None not in (line.hex, expected) and cli.refuses("payload", line.hex or b"") != expected:
            raise AssertionError(f"{line.name}: the command line says otherwise")
    return lines + refused


def _built(value: Value | None, method: str, content: bytes) -> bytes:
    built = new("payload")
    if value:
        fill("context", built.init("context"), value)
    if method:
        built.method = method
    if content:
        built.body = content
    return bytes(built.to_bytes())


def _standalone(value: Value) -> bytes:
    built = new("context")
    fill("context", built, value)
    return bytes(built.to_bytes())


def _values() -> list[Payload]:
    small = [line for line in contexts() if len(compact(line.value)) <= 200]
    lines = [Payload("context/full", FULL)]
    for at, carried in enumerate(small):
        content = pattern(at % 20, at)
        lines.append(Payload(carried.name, carried.value, body=content))
    lines.append(Payload("context/exactly-16-kib", exactly(16384)))
    for size in (1, 6, 7, 8, 9, 255, 256):
        lines.append(Payload(f"method/len-{size}", FULL, method=repeated("method/", size)))
    for name, text in UNICODE.items():
        lines.append(Payload(f"method/unicode-{name}", {}, method=text))
    for size in (0, 1, 7, 8, 9, 4096):
        lines.append(Payload(f"body/len-{size}", FULL, body=pattern(size)))
    canonical = cli.canonical([_built(line.value, line.method, line.body) for line in lines])
    alone = cli.canonical([_standalone(line.value or {}) for line in lines])
    for line, encoded, context in zip(lines, canonical, alone, strict=True):
        line.hex, line.context = encoded, context
    full = lines[0].hex or b""
    lines.append(replace(lines[0], name="body/all-that-fits", max_payload=len(full)))
    return lines


def _later() -> Iterator[Payload]:
    """Gives lines whose context has a target or a subject that today's schema does not know."""
    rest = {key: item for key, item in FULL.items() if key != "target"}
    for name, value, target, subject in (
        ("target", {}, "queue", None),
        ("target-full", rest, "shard", None),
        ("subject", {}, None, "service"),
        ("subject-full", {**FULL, "actor": {"capabilities": ["fs.*"]}}, None, "delegate"),
        ("both", {}, "shard", "delegate"),
    ):
        (context,) = cli.canonical([unknown_context(value, target, subject)])
        carrier = new("payload", LATER)
        make_unknown(carrier.init("context"), value, target, subject)
        carrier.method, carrier.body = METHOD, BODY
        encoded = bytes(carrier.to_bytes())
        (canonical,) = cli.canonical([encoded])
        line = Payload(f"unknown/{name}", None, context, hex=canonical, unknown=True)
        laid = lay(root(body(canonical)), Plan(segments=3, far="double", segment_of=spread))
        line.also = [laid] if encoded == canonical else [encoded, laid]
        yield line


def _variants(line: Payload, value: Value) -> Iterator[bytes]:
    """Gives other encodings of the same message."""
    canonical = line.hex or b""

    def again() -> Struct:
        return root(body(canonical))

    def widened() -> Struct:
        tree = again()
        tree.data += [0x5A5A]
        further: list[Any] = [Blob(b"further"), Struct([1], [None])]
        tree.pointers += [None] * (3 - len(tree.pointers)) + further
        return tree

    later = new("payload", LATER)
    if value:
        fill("context", later.init("context"), value)
    further_in_context(later.context, value)
    later.method, later.body = line.method, line.body
    later.init("attachments", 1)[0] = b"attached"
    later.priority = 3
    longer = bytes(later.to_bytes())

    explicit = new("payload")
    fill("context", explicit.init("context"), value)
    explicit.method, explicit.body = line.method, line.body

    seen = {canonical}
    for made in (
        _built(value, line.method, line.body),
        bytes(explicit.to_bytes()),
        lay(widened()),
        lay(_backwards(again())),
        lay(again(), Plan(backwards=True)),
        lay(again(), Plan(gap=2)),
        lay(again(), Plan(tail=3)),
        lay(again(), Plan(share=True)),
        lay(again(), Plan(segments=2, segment_of=lambda number, _: min(number, 1))),
        lay(again(), Plan(segments=5, far="double", segment_of=spread)),
        lay(again(), Plan(segments=16, segment_of=spread, tail=1)),
        cli.canonical([longer])[0],
        longer,
    ):
        if made not in seen:
            seen.add(made)
            yield made


def _backwards(tree: Struct) -> Struct:
    """Turns every list of the context round, so that none is sorted."""
    context = tree.pointers[0]
    if isinstance(context, Struct):
        if len(context.pointers) > 2 and isinstance(context.pointers[2], Struct):
            for listed in context.pointers[2].pointers:
                if isinstance(listed, Pointers):
                    listed.items.reverse()
        for listed in context.pointers:
            if isinstance(listed, Structs):
                listed.items.reverse()
    return tree


def _confirm(lines: list[Payload]) -> None:
    """Sees that the command line reads each encoding as exactly what the line says."""
    pairs = [(line, encoded) for line in lines for encoded in (line.hex or b"", *line.also)]
    shown = cli.read("payload", [encoded for _, encoded in pairs])
    for (line, encoded), json in zip(pairs, shown, strict=True):
        got = (json.get("method", ""), bytes(json.get("body", [])))
        if got != (line.method, line.body):
            raise AssertionError(f"{line.name}: {encoded.hex()[:200]} reads as {got}")
        if line.value is None:
            continue
        context = text_form("context", json["context"]) if "context" in json else {}
        if compact(context) != compact(tidy("context", line.value)):
            raise AssertionError(f"{line.name}: the context reads as {compact(context)[:400]}")


def _refused_values(full: Payload) -> Iterator[Payload]:
    """Gives what encoding refuses."""

    def bad(name: str, kind: str, **changes: Any) -> Payload:
        return replace(
            full, name=f"refused/{name}", op="encode", kind=kind, hex=None, also=[], **changes
        )

    yield bad("value-method-empty", "BadMethod", method="")
    yield bad("value-method-too-long", "BadMethod", method=repeated("method/", 257))
    # 129 characters, and a byte too many.
    yield bad("value-method-too-long-in-bytes", "BadMethod", method="é" * 128 + "x")
    yield bad("value-method-with-nul", "BadText", method="re\0size")
    fits = len(full.hex or b"")
    yield bad("value-a-word-more-than-fits", "FrameTooLarge", max_payload=fits - 1)
    yield bad("value-nothing-fits", "FrameTooLarge", max_payload=0)


def _refused_bytes(full: Payload) -> Iterator[Payload]:
    """Gives what decoding refuses."""
    sound = full.hex or b""
    segment = body(sound)

    def bad(name: str, kind: str, encoded: bytes, max_payload: int | None = None) -> Payload:
        name = f"refused/{name}"
        return Payload(name, op="decode", kind=kind, hex=encoded, max_payload=max_payload)

    for length in (0, 4, 8, 16, len(sound) - 8, len(sound) - 1):
        yield bad(f"cut-at-{length}", "Truncated", sound[:length])
    yield bad("a-byte-after", "TrailingBytes", sound + b"\0")
    yield bad("too-many-segments", "TooManySegments", table(*[0] * 17) + segment)
    yield bad("larger-than-a-payload", "FrameTooLarge", sound, len(sound) - 1)
    yield bad("method-null", "BadMethod", message(put(segment, find(segment, [1]), 0)))
    yield bad("nothing-at-all", "BadMethod", message(words(0)))
    long_method = cli.canonical([_built(FULL, repeated("method/", 257), BODY)])[0]
    yield bad("method-too-long", "BadMethod", long_method)

    def texts(change: Callable[[bytes], bytes]) -> bytes:
        tree = root(segment)
        tree.pointers[1] = Blob(change(METHOD.encode() + b"\0"))
        return lay(tree)

    yield bad("method-with-nul", "BadText", texts(lambda text: b"a\0" + text))
    yield bad("method-not-utf-8", "BadText", texts(lambda text: b"\xff" + text))
    yield bad("method-without-its-nul", "BadText", texts(lambda text: text[:-1]))

    for at, what in enumerate(("context", "method", "body")):
        where = find(segment, [at])
        beyond = put(segment, where, list_pointer(2**20, BYTE, 9))
        yield bad(f"{what}-beyond-the-message", "BadPointer", message(beyond))
        yield bad(f"{what}-a-capability", "BadPointer", message(put(segment, where, CAPABILITY)))
    struct_there = put(segment, find(segment, [2]), struct_pointer(-1, 0, 0))
    yield bad("body-a-struct", "BadPointer", message(struct_there))
    texts_there = put(segment, find(segment, [1]), list_pointer(-2, POINTER, 1))
    yield bad("method-a-list-of-pointers", "BadPointer", message(texts_there))
    list_there = put(segment, find(segment, [0]), word(segment, find(segment, [2])))
    yield bad("context-a-list", "BadPointer", message(list_there))

    twice = root(segment)
    context = twice.pointers[0]
    if not isinstance(context, Struct) or not isinstance(context.pointers[2], Struct):
        raise AssertionError("the full context has an actor")
    capabilities = context.pointers[2].pointers[2]
    if not isinstance(capabilities, Pointers):
        raise AssertionError("the full context has capabilities")
    capabilities.items[1] = capabilities.items[0]
    yield bad("context-capability-twice", "DuplicateCapability", lay(twice))
    too_large = cli.canonical([_built(exactly(16392), METHOD, BODY)])[0]
    yield bad("context-too-large", "ContextTooLarge", too_large)
    reply = cli.canonical([_built({"target": {"reply": "00" * 15}}, METHOD, BODY)])[0]
    yield bad("context-reply-of-15-bytes", "BadIdLength", reply)
