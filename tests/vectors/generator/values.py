"""All value lines with their bytes: built by pycapnp, made canonical and read back by `capnp`."""

from __future__ import annotations

from collections.abc import Sequence

from . import cli
from .also import BASES, variants
from .build import build
from .lines import Line
from .reading import text_form
from .textform import Value, compact, tidy
from .unknown import unknown
from .values_contexts import carried, contexts, opens_of
from .values_frames import frames, large_frames


def values() -> list[Line]:
    """Gives every ordinary value line, encoded and checked."""
    lines = [*frames(), *contexts()]
    names = list(carried())
    encoded = cli.canonical([build("context", value) for value in carried().values()])
    lines += opens_of(dict(zip(names, encoded, strict=True)))
    encode(lines)
    by_name = {line.name: line for line in lines}
    for name in BASES:
        by_name[name].also = list(variants(by_name[name]).values())
    lines += unknown()
    confirm(lines, [[line.hex, *line.also] for line in lines])
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
            if got != compact(_without_unknown(line)):
                raise AssertionError(f"{line.name}: {message.hex()[:400]} reads as {got[:400]}")


def _without_unknown(line: Line) -> Value:
    """Gives what today's schema sees of a value: a member that it does not know is not there."""
    if not line.unknown:
        return line.value
    value = {key: item for key, item in line.value.items() if key != "unknown"}
    if "unknown" in value.get("target", {}):
        del value["target"]
    if "unknown" in value.get("actor", {}).get("subject", {}):
        actor = value["actor"]
        value["actor"] = {key: item for key, item in actor.items() if key != "subject"}
    return tidy(line.type, value)
