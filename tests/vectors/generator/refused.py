"""All refusals, with the cross-check against the command line."""

from __future__ import annotations

from . import cli
from .refusals import Refusal
from .refused_canonical import canonical_refused
from .refused_framing import framing, payload_past_default
from .refused_json import json_refused
from .refused_pointers import pointers
from .refused_text import texts
from .refused_values import values_refused


def refused() -> list[Refusal]:
    """Gives every refusal of an ordinary size."""
    lines = [*framing(), *pointers(), *texts(), *values_refused(), *json_refused()]
    lines += canonical_refused()
    cross_check(lines)
    return lines


def refused_large() -> list[Refusal]:
    """Gives the refusals that need more than a mebibyte to say."""
    lines = list(payload_past_default())
    cross_check(lines)
    return lines


def cross_check(lines: list[Refusal]) -> None:
    """Sees that the command line refuses what is structurally wrong, and reads what is not.

    What it must read goes through one process: that it does shows that the named fault is the only
    one. What it must refuse needs a process each, as it stops at the first.
    """
    for type_ in ("frame", "context"):
        sound = [line for line in lines if line.type == type_ and line.tool_refuses is False]
        cli.read_lines(type_, [line.hex for line in sound if line.hex])
    for line in lines:
        if line.tool_refuses and not cli.refuses(line.type, line.hex or b""):
            raise AssertionError(f"{line.name}: the command line accepts it")
