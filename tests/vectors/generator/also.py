"""Other encodings that must decode to the value of a line, and are not canonical.

By class: lists not sorted, empty objects where canonical bytes have null, structs longer than
needed and longer than known, stale bytes where today's schema has nothing, objects in another
order, with gaps, shared, with dirty padding, in several segments by single and double far pointers,
and messages of a later schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import cli
from .build import build, fill, new
from .later import later
from .layout import Blob, Node, Plan, Pointers, Struct, Structs, Wild, lay, root, spread
from .lines import Line
from .textform import MEMBERS, MessageType, Value
from .words import BYTE, body, far_pointer, list_pointer, message, struct_pointer, words

BASES = (
    "frame/open/empty",
    "frame/open/bidiStream",
    "frame/open/bidiStream-full",
    "frame/open/unknown-kind-4",
    "frame/open/opaque-context-9",
    "frame/data/empty",
    "frame/data/wire-page",
    "frame/data/payload-len-9",
    "frame/data/payload-len-25",
    "frame/data/sequence-18446744073709551615",
    "frame/error/internal",
    "frame/error/message-and-details",
    "frame/error/details-only",
    "frame/error/unknown-code-13",
    "frame/error/unicode-astral-emoji",
    "frame/close/empty",
    "frame/close/completed-after-3",
    "frame/close/unknown-reason-5",
    "frame/cancel/userRequested-why",
    "frame/cancel/unknown-reason-8",
    "frame/cancel/unicode-rtl-hebrew",
    "frame/credit/zero",
    "frame/credit/5",
    "context/anonymous",
    "context/system",
    "context/full",
    "context/deadline/18446744073709551615",
    "context/source/len-9",
    "context/target/service",
    "context/target/broadcast-empty",
    "context/target/reply-bytes",
    "context/target/dynamic_endpoint",
    "context/subject/external",
    "context/subject/module-empty",
    "context/subject/system",
    "context/token-ref/len-9",
    "context/capabilities/count-3",
    "context/capabilities/empty-text-among-others",
    "context/metadata/count-9",
    "context/metadata/empty-values",
    "context/metadata/equal-values",
    "context/equal-texts",
    "context/metadata/unicode-edges",
    "context/combined/reply-system",
    "context/combined/dynamic_endpoint-operator",
)
JUNK = 0x5A5A_A5A5_1234_8765
NOWHERE = (
    list_pointer(2**28, BYTE, 2**28),
    struct_pointer(-1000, 9, 9),
    far_pointer(77, 5),
)


def variants(line: Line) -> dict[str, bytes]:
    """Gives every other encoding that says something new about this line, by class."""
    segment = body(line.hex)

    def again() -> Struct:
        return root(segment)

    made = {
        "untruncated": build(line.type, line.value),
        "empty-not-null": explicit(line.type, line.value),
        "full-size": lay(_widen(line.type, again(), 0)),
        "longer": lay(_widen(line.type, again(), 2)),
        "stale": lay(_stale(line, _widen(line.type, again(), 0))),
        "unsorted": lay(_each(again(), _reverse)),
        "backwards": lay(again(), Plan(backwards=True)),
        "gaps": lay(again(), Plan(gap=2)),
        "words-after": lay(again(), Plan(tail=3)),
        "dirty-padding": lay(_each(again(), _dirty)),
        "shared": lay(again(), Plan(share=True)),
        "two-segments": lay(again(), Plan(segments=2, segment_of=_root_apart)),
        "two-segments-double-far": lay(
            again(), Plan(segments=2, far="double", segment_of=_root_apart)
        ),
        "three-segments": lay(again(), Plan(segments=3, segment_of=spread)),
        "five-segments-double-far": lay(again(), Plan(segments=5, far="double", segment_of=spread)),
        "sixteen-segments": lay(again(), Plan(segments=16, segment_of=spread, tail=1)),
        "far-root": lay(again(), Plan(segments=2, segment_of=_all_in_second)),
        "double-far-root": lay(again(), Plan(segments=3, far="double", segment_of=_all_in_second)),
        "everything-at-once": lay(
            _each(_each(_widen(line.type, again(), 1), _reverse), _dirty),
            Plan(segments=4, far="double", backwards=True, gap=1, tail=2, segment_of=spread),
        ),
        "later": cli.canonical([later(line.type, line.value)])[0],
        "later-untruncated": later(line.type, line.value),
    }
    if line.name == "context/anonymous":
        made["zero-bytes"] = b""
        made["null-root"] = message(words(0))
    seen = {line.hex}
    return {
        name: encoded
        for name, encoded in made.items()
        if not (encoded in seen or seen.add(encoded))  # type: ignore[func-returns-value]
    }


def explicit(type_: MessageType, value: Value) -> bytes:
    """Builds a value with an empty object in every place where the canonical form has null."""
    builder = new(type_)
    fill(type_, builder, value)
    if type_ == "frame":
        for member, fields in MEMBERS.items():
            if member in value:
                _empty_fields(getattr(builder, member), fields, value[member])
        return bytes(builder.to_bytes())
    if not value.get("source_module"):
        builder.sourceModule = ""
    _empty_union(builder, "target", value.get("target", {"service": ""}))
    actor = value.get("actor", {})
    if not actor:
        builder.init("actor")
    _empty_union(builder.actor, "subject", actor.get("subject", {"external": ""}))
    if "token_ref" not in actor:
        builder.actor.tokenRef = b""
    if "capabilities" not in actor:
        builder.actor.init("capabilities", 0)
    for index, capability in enumerate(actor.get("capabilities", [])):
        if not capability:
            builder.actor.capabilities[index] = ""
    if "metadata" not in value:
        builder.init("metadata", 0)
    for entry in builder.metadata:
        if not entry.value:
            entry.value = ""
    return bytes(builder.to_bytes())


def _empty_fields(group: Any, fields: Any, given: Value) -> None:
    for field in fields:
        if field.kind in ("hex", "text") and field.name not in given:
            setattr(group, field.schema_name, b"" if field.kind == "hex" else "")


def _empty_union(parent: Any, name: str, choice: Value) -> None:
    ((member, content),) = choice.items()
    if content == "":
        camel = "dynamicEndpoint" if member == "dynamic_endpoint" else member
        setattr(getattr(parent, name), camel, "")


def _root_apart(number: int, _segments: int) -> int:
    return min(number, 1)


def _all_in_second(_number: int, _segments: int) -> int:
    return 1


def _each(tree: Struct, change: Callable[[Node], None]) -> Struct:
    """Applies a change to every node of the tree."""

    def visit(node: Node | None) -> None:
        if node is None:
            return
        change(node)
        if isinstance(node, Struct):
            children: list[Node | None] = node.pointers
        elif isinstance(node, Pointers):
            children = node.items
        elif isinstance(node, Structs):
            children = [pointer for item in node.items for pointer in item.pointers]
        else:
            children = []
        for child in children:
            visit(child)

    visit(tree)
    return tree


def _reverse(node: Node) -> None:
    if isinstance(node, Pointers | Structs):
        node.items.reverse()


def _dirty(node: Node) -> None:
    if isinstance(node, Blob):
        node.filling = 0xEE


def _widen(type_: MessageType, tree: Struct, beyond: int) -> Struct:
    """Gives every struct all words that the schema knows, and `beyond` words of junk more."""
    if type_ == "frame":
        _grow(tree, 5, 2, beyond)
        return tree
    target, actor, metadata = ([*tree.pointers, None, None, None, None])[1:4]
    _grow(tree, 6, 4, beyond)
    if isinstance(target, Struct):
        _grow(target, 1, 1, beyond)
    if isinstance(actor, Struct):
        subject = actor.pointers[0] if actor.pointers else None
        _grow(actor, 0, 3, beyond)
        if isinstance(subject, Struct):
            _grow(subject, 1, 1, beyond)
    if isinstance(metadata, Structs):
        for item in metadata.items:
            _grow(item, 0, 2, beyond)
        metadata.data, metadata.pointers = beyond, 2 + beyond
    return tree


def _grow(struct: Struct, data: int, pointers: int, beyond: int) -> None:
    struct.data += [0] * (data - len(struct.data)) + [JUNK] * beyond
    struct.pointers += [None] * (pointers - len(struct.pointers))
    further: list[Node | None] = [Blob(b"further"), Struct([JUNK], [None, Blob(b"x\0")])]
    struct.pointers += further[:beyond]


def _stale(line: Line, tree: Struct) -> Struct:
    """Puts junk wherever today's schema has nothing, or nothing of the member that is set."""
    if line.type == "context":
        tree.data[4] |= JUNK << 8
        unions = [tree.pointers[1]]
        if isinstance(tree.pointers[2], Struct):
            unions.append(tree.pointers[2].pointers[0])
        for union in unions:
            if isinstance(union, Struct):
                union.data[0] |= JUNK << 16
        if line.value.get("actor", {}).get("subject") == {"system": True}:
            system = unions[1]
            if isinstance(system, Struct):
                system.pointers[0] = Wild(NOWHERE[0])
    else:
        member = next(name for name in MEMBERS if name in line.value)
        shift = {"data": 64, "credit": 32}.get(member, 16)
        # Of an open, only the gap between the kind and the credit is free.
        tree.data[2] |= 0xABCD << 16 if member == "open" else JUNK << shift
        tree.data[3] |= JUNK << 16
        if member not in ("error", "close"):
            tree.data[4] = JUNK
        if member in ("close", "credit"):
            tree.pointers[0] = Wild(NOWHERE[1])
        if member != "error":
            tree.pointers[1] = Wild(NOWHERE[2])
    for struct in (tree, *(item for item in tree.pointers if isinstance(item, Struct))):
        struct.data = [item & (2**64 - 1) for item in struct.data]
    return tree
