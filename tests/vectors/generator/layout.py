"""Other layouts of the same message: its objects elsewhere, in several segments, wider, dirtier.

A canonical segment is read into a tree, and the tree is laid again. Readers must see no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from .words import (
    BYTE,
    COMPOSITE,
    POINTER,
    WORD,
    far_pointer,
    list_pointer,
    message,
    offset_of,
    padded,
    struct_pointer,
    word,
    words,
)


@dataclass
class Struct:
    """A struct: its data words and what its pointers point at."""

    data: list[int]
    pointers: list[Node | None]


@dataclass
class Blob:
    """A list of bytes, NUL of a text included; `filling` goes into the rest of the last word."""

    content: bytes
    filling: int = 0


@dataclass
class Pointers:
    """A list of pointers."""

    items: list[Node | None]


@dataclass
class Structs:
    """A list of structs, all of one size."""

    items: list[Struct]
    data: int = 0
    pointers: int = 0


@dataclass
class Wild:
    """A raw pointer that leads nowhere; only for places that no reader looks at."""

    pointer: int


Node = Struct | Blob | Pointers | Structs | Wild
Raw = Literal["single", "double"]


def parse(segment: bytes, at: int = 0) -> Node | None:
    """Reads what a pointer of a canonical segment leads to."""
    pointer = word(segment, at)
    if pointer == 0:
        return None
    start = at + 1 + offset_of(pointer)
    high = pointer >> 32
    if pointer & 3 == 0:
        return _parse_struct(segment, start, high & 0xFFFF, high >> 16)
    code, count = high & 7, high >> 3
    if code == BYTE:
        return Blob(segment[start * WORD : start * WORD + count])
    if code == POINTER:
        return Pointers([parse(segment, start + index) for index in range(count)])
    if code != COMPOSITE:
        raise AssertionError("the schemas hold no such list")
    tag = word(segment, start)
    data, pointers = tag >> 32 & 0xFFFF, tag >> 48
    first = start + 1
    size = data + pointers
    items = [
        _parse_struct(segment, first + index * size, data, pointers)
        for index in range((tag & 0xFFFFFFFF) >> 2)
    ]
    return Structs(items, data, pointers)


def root(segment: bytes) -> Struct:
    """Reads a whole canonical segment."""
    parsed = parse(segment)
    if not isinstance(parsed, Struct):
        raise AssertionError("the root is a struct")
    return parsed


def _parse_struct(segment: bytes, start: int, data: int, pointers: int) -> Struct:
    return Struct(
        [word(segment, start + index) for index in range(data)],
        [parse(segment, start + data + index) for index in range(pointers)],
    )


@dataclass
class Plan:
    """How a tree is to be laid."""

    segments: int = 1
    far: Raw = "single"
    backwards: bool = False
    gap: int = 0
    share: bool = False
    tail: int = 0
    segment_of: Callable[[int, int], int] = field(default=lambda number, segments: 0)


def spread(number: int, segments: int) -> int:
    """Puts each object into another segment than the one before it."""
    return number % segments


def lay(tree: Struct, plan: Plan | None = None) -> bytes:
    """Lays a tree by a plan and gives the message."""
    return _Layer(plan or Plan()).lay(tree)


class _Layer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.segments: list[list[int]] = [[] for _ in range(plan.segments)]
        self.places: dict[int, tuple[int, int]] = {}
        self.blobs: dict[bytes, tuple[int, int]] = {}

    def lay(self, tree: Struct) -> bytes:
        self.segments[0].append(0)
        numbered = list(enumerate(_preorder(tree)))
        for number, node in reversed(numbered) if self.plan.backwards else numbered:
            self._place(number, node)
        self._point(0, 0, tree)
        for _, node in numbered:
            self._fill(node)
        self.segments[-1] += [0x6E75_7365_6420_2100 + index for index in range(self.plan.tail)]
        return message(*(words(*segment) for segment in self.segments))

    def _place(self, number: int, node: Node) -> None:
        if isinstance(node, Wild):
            return
        if self.plan.share and isinstance(node, Blob) and node.content in self.blobs:
            self.places[id(node)] = self.blobs[node.content]
            return
        at = self.plan.segment_of(number, self.plan.segments)
        segment = self.segments[at]
        segment += [0xDEAD_BEEF_0BAD_F00D] * self.plan.gap
        self.places[id(node)] = at, len(segment)
        if isinstance(node, Blob):
            self.blobs[node.content] = at, len(segment)
        segment += [0] * _size(node)

    def _fill(self, node: Node) -> None:
        if isinstance(node, Wild):
            return
        at, start = self.places[id(node)]
        segment = self.segments[at]
        if isinstance(node, Blob):
            size = len(padded(node.content))
            filled = node.content + bytes([node.filling]) * (size - len(node.content))
            for index in range(size // WORD):
                segment[start + index] = word(filled, index)
        elif isinstance(node, Pointers):
            for index, item in enumerate(node.items):
                self._point(at, start + index, item)
        elif isinstance(node, Structs):
            segment[start] = struct_pointer(len(node.items), node.data, node.pointers)
            for index, struct in enumerate(node.items):
                self._struct(at, start + 1 + index * (node.data + node.pointers), struct)
        else:
            self._struct(at, start, node)

    def _struct(self, at: int, start: int, node: Struct) -> None:
        for index, item in enumerate(node.data):
            self.segments[at][start + index] = item
        for index, pointer in enumerate(node.pointers):
            self._point(at, start + len(node.data) + index, pointer)

    def _point(self, at: int, where: int, node: Node | None) -> None:
        if node is None:
            return
        if isinstance(node, Wild):
            self.segments[at][where] = node.pointer
            return
        if isinstance(node, Struct) and _size(node) == 0:
            self.segments[at][where] = struct_pointer(-1, 0, 0)
            return
        target, start = self.places[id(node)]
        if target == at:
            self.segments[at][where] = _pointer(node, start - where - 1)
        elif self.plan.far == "single":
            pad = len(self.segments[target])
            self.segments[target].append(_pointer(node, start - pad - 1))
            self.segments[at][where] = far_pointer(target, pad)
        else:
            pads = (target + 1) % self.plan.segments
            pad = len(self.segments[pads])
            self.segments[pads] += [far_pointer(target, start), _pointer(node, 0)]
            self.segments[at][where] = far_pointer(pads, pad, double=True)


def _preorder(node: Node) -> Iterator[Node]:
    yield node
    children: list[Node | None] = []
    if isinstance(node, Struct):
        children = node.pointers
    elif isinstance(node, Pointers):
        children = node.items
    elif isinstance(node, Structs):
        children = [pointer for item in node.items for pointer in item.pointers]
    for child in children:
        if child is not None:
            yield from _preorder(child)


def _size(node: Node) -> int:
    if isinstance(node, Wild):
        return 0
    if isinstance(node, Struct):
        return len(node.data) + len(node.pointers)
    if isinstance(node, Blob):
        return len(padded(node.content)) // WORD
    if isinstance(node, Pointers):
        return len(node.items)
    return 1 + len(node.items) * (node.data + node.pointers)


def _pointer(node: Node, offset: int) -> int:
    if isinstance(node, Wild):
        return node.pointer
    if isinstance(node, Struct):
        return struct_pointer(offset, len(node.data), len(node.pointers))
    if isinstance(node, Blob):
        return list_pointer(offset, BYTE, len(node.content))
    if isinstance(node, Pointers):
        return list_pointer(offset, POINTER, len(node.items))
    return list_pointer(offset, COMPOSITE, len(node.items) * (node.data + node.pointers))
