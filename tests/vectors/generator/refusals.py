"""One line of the file of refusals, and the messages that the faults are put into."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from . import cli
from .build import build
from .lines import pattern
from .textform import MessageType, Value, compact
from .values_contexts import FULL, REPLY
from .values_frames import ID
from .words import body

Operation = Literal["decode", "decode_canonical", "encode"]


@dataclass
class Refusal:
    """What is refused, by which operation, and with which kind."""

    name: str
    type: MessageType
    op: Operation
    kind: str
    hex: bytes | None = None
    value: Value | None = None
    line: str | None = None
    max_payload: int | None = None
    tool_refuses: bool | None = None
    """Whether the command line refuses it too; None where the question makes no sense for it."""

    def render(self) -> str:
        """Writes the line as it stands in the file."""
        out: Value = {"name": self.name, "type": self.type, "op": self.op}
        if self.hex is not None:
            out["hex"] = self.hex.hex()
        if self.value is not None:
            out["value"] = self.value
        if self.line is not None:
            out["line"] = self.line
        if self.max_payload is not None:
            out["max_payload"] = self.max_payload
        out["kind"] = self.kind
        return compact(out)


def bad_bytes(name: str, kind: str, encoded: bytes, tool_refuses: bool | None = None) -> Refusal:
    """Makes a line for bytes that decoding refuses; the name begins with the type."""
    type_ = _type_of(name)
    return Refusal(name, type_, "decode", kind, hex=encoded, tool_refuses=tool_refuses)


def bad_value(name: str, kind: str, value: Value) -> Refusal:
    """Makes a line for a value that a constructor refuses."""
    return Refusal(name, _type_of(name), "encode", kind, value=value)


def _type_of(name: str) -> MessageType:
    return "frame" if name.startswith("frame/") else "context"


FRAMES: dict[str, Value] = {
    "open": {"interaction": "bidiStream", "initial_credit": 8, "context": pattern(20).hex()},
    "data": {"sequence": 7, "payload": "73646b2d64617461"},
    "error": {"code": "internal", "sequence": 3, "message": "it broke", "details": "0011223344"},
    "close": {"reason": "completed", "final_sequence": 3},
    "cancel": {"reason": "userRequested", "message": "enough of it"},
    "credit": {"frames": 5},
}
CONTEXTS: dict[str, Value] = {
    "full": FULL,
    "service": {"target": {"service": "echo"}},
    "module": {"target": {"module": "storage"}},
    "broadcast": {"target": {"broadcast": "topic"}},
    "reply": {"target": {"reply": REPLY}},
    "dynamic_endpoint": {"target": {"dynamic_endpoint": "ep-1"}},
    "external": {"actor": {"subject": {"external": "caller"}}},
    "operator": {"actor": {"subject": {"operator": "olga"}}},
    "as-module": {"actor": {"subject": {"module": "indexer"}}},
}


@cache
def segment(type_: MessageType, name: str) -> bytes:
    """Gives the canonical segment of one of the sound messages above."""
    value = {"stream_id": ID, name: FRAMES[name]} if type_ == "frame" else CONTEXTS[name]
    return body(cli.canonical([build(type_, value)])[0])
