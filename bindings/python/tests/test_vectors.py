"""Every vector of the repository: values through this package's constructors, and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ixt_sdk.errors import BY_KIND, IxtError, NotCanonicalError
from ixt_sdk.invocation import InvocationContext
from ixt_sdk.streaming import StreamFrame

from conftest import counts, lines
from textform import from_context, from_frame, to_context, to_frame

Value = StreamFrame | InvocationContext


def make(of: str, value: dict[str, Any]) -> Value:
    return to_frame(value) if of == "frame" else to_context(value)


def decode(of: str, data: bytes, canonical: bool = False, **limits: int) -> Value:
    if of == "frame":
        return StreamFrame.from_bytes(data, canonical=canonical, **limits)
    return InvocationContext.from_bytes(data, canonical=canonical)


def text(value: Value) -> str:
    """The text form, in the documented order of fields."""
    form = from_frame(value) if isinstance(value, StreamFrame) else from_context(value)
    return json.dumps(form, ensure_ascii=False)


def replay_value(vector: dict[str, Any]) -> None:
    of, expected = vector["type"], json.dumps(vector["value"], ensure_ascii=False)
    data = bytes.fromhex(vector["hex"])
    decoded = decode(of, data)
    assert text(decoded) == expected
    assert decoded.to_bytes() == data
    if vector.get("unknown"):
        return
    assert decode(of, data, canonical=True) == decoded
    made = make(of, vector.get("input", vector["value"]))
    assert made.to_bytes() == data
    assert made == decoded
    assert hash(made) == hash(decoded)
    for other in vector.get("also", []):
        again = decode(of, bytes.fromhex(other))
        assert text(again) == expected
        assert again.to_bytes() == data
        if other:
            with pytest.raises(NotCanonicalError):
                decode(of, bytes.fromhex(other), canonical=True)


def given(vector: dict[str, Any]) -> Any:
    """The value to encode; a raw line may name a field twice, which then stays a list of pairs."""

    def pairs(found: list[tuple[str, Any]]) -> Any:
        return dict(found) if len(dict(found)) == len(found) else found

    if "value" in vector:
        return vector["value"]
    return json.loads(vector["line"], object_pairs_hook=pairs)


def attempt(vector: dict[str, Any]) -> None:
    of = vector["type"]
    limits = {"max_payload": vector["max_payload"]} if "max_payload" in vector else {}
    match vector["op"]:
        case "encode":
            made = make(of, given(vector))
            if isinstance(made, StreamFrame):
                made.to_bytes(**limits)
        case "decode":
            decode(of, bytes.fromhex(vector["hex"]), **limits)
        case "decode_canonical":
            decode(of, bytes.fromhex(vector["hex"]), canonical=True, **limits)
        case op:
            raise AssertionError(op)


def refuse(vector: dict[str, Any]) -> None:
    with pytest.raises(IxtError) as refused:
        attempt(vector)
    assert type(refused.value) is BY_KIND[vector["kind"]]
    assert refused.value.kind == vector["kind"]


def test_values() -> None:
    for vector in lines("vectors/values.jsonl", "vectors/large.jsonl"):
        try:
            replay_value(vector)
        except BaseException as error:
            error.add_note(vector["name"])
            raise
        counts["values"] += 1


def test_refused() -> None:
    for vector in lines("vectors/refused.jsonl", "vectors/refused_large.jsonl"):
        if vector["kind"] == "BadJson":
            continue  # The text form is the command line's.
        try:
            refuse(vector)
        except BaseException as error:
            error.add_note(vector["name"])
            raise
        # A raw line counts for who reads the text form, whatever its fault.
        counts["refused"] += "line" not in vector
