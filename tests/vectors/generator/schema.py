"""The schemas as pycapnp loads them: today's, and the made-up later ones beside the vectors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import capnp  # type: ignore[import-untyped]

from .textform import MessageType

VECTORS = Path(__file__).resolve().parent.parent
CURRENT = VECTORS.parent.parent / "schemas"
LATER = VECTORS / "later"

FILE = {"frame": "ipc_streaming.capnp", "context": "module.capnp", "payload": "module.capnp"}
ROOT = {"frame": "StreamFrame", "context": "InvocationContext", "payload": "HandlePayload"}


# pycapnp frees a parser's schemas with the parser, even while structs of theirs are in use.
_PARSERS: list[Any] = []


@cache
def struct(directory: Path, type_: MessageType) -> Any:
    """Gives the root struct of a message type; a parser of its own for each, as the ids collide."""
    parser = capnp.SchemaParser()
    _PARSERS.append(parser)
    return getattr(parser.load(str(directory / FILE[type_])), ROOT[type_])
