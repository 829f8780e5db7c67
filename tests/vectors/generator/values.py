"""All value lines with their bytes: built by pycapnp, made canonical and read back by `capnp`."""

from __future__ import annotations

from collections.abc import Sequence

from . import cli
from .build import build
from .lines import Line
from .reading import text_form
from .textform import compact
from .values_contexts import carried, contexts, opens_of
from .values_frames import frames, large_frames


def values() -> list[Line]:
    """Gives every ordinary value line, encoded and checked."""
    lines = [*frames(), *contexts()]
    names = list(carried())
    encoded = cli.canonical([build("context", value) for value in carried().values()])
    lines += opens_of(dict(zip(names, encoded, strict=True)))
    encode(lines)
    return lines


def large() -> list[Line]:
    """Gives the lines whose payload is about as large as it may be."""
    lines = list(large_frames())
    encode(lines)
    return lines


def encode(lines: Sequence[Line]) -> None:
    """Sets the canonical bytes of each line, and sees that the command line reads them back."""
    messages = [build(line.type, line.input or line.value) for line in lines]
    for line, message in zip(lines, cli.canonical(messages), strict=True):
        line.hex = message
    confirm(lines, [[line.hex] for line in lines])


def confirm(lines: Sequence[Line], encodings: Sequence[Sequence[bytes]]) -> None:
    """Sees that the command line reads each encoding of a line as exactly its value."""
    for type_ in ("frame", "context"):
        pairs = [
            (line, message)
            for line, messages in zip(lines, encodings, strict=True)
            for message in messages
            if line.type == type_ and message
        ]
        shown = cli.read(type_, [message for _, message in pairs])
        for (line, message), json in zip(pairs, shown, strict=True):
            got = compact(text_form(type_, json))
            if got != compact(line.value):
                raise AssertionError(f"{line.name}: {message.hex()[:400]} reads as {got[:400]}")
