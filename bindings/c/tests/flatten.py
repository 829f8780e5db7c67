#!/usr/bin/env python3
"""Turns the vectors and traces into lines that C reads without a JSON library.

    flatten.py vectors|traces FOLDER > FILE

One fact a line: a key, then its words with a blank between. Bytes and texts are hex; nothing after the
blank is the empty one. An item begins with `begin NAME` and is done with `run`. Frames and contexts are
written field by field, never as bytes, so that the replayer must build them by the constructors of the
library. Lines of raw text (`BadJson` and the like) are left out: C has no text form.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

INTERACTIONS = ["unary", "clientStream", "serverStream", "bidiStream"]
CLOSES = ["unspecified", "completed", "limitReached", "idle", "goingAway"]
CANCELS = [
    "unspecified", "userRequested", "deadlineExceeded", "consumerGone",
    "superseded", "upstreamCancelled", "backpressureTimeout", "shutdown",
]  # fmt: skip
CODES = [
    "unknown", "cancelled", "invalidArgument", "deadlineExceeded", "notFound", "unauthenticated",
    "permissionDenied", "resourceExhausted", "unavailable", "internal",
    "protocolViolation", "flowControlViolation", "sequenceViolation",
]  # fmt: skip
KINDS = ["open", "data", "error", "close", "cancel", "credit"]
TARGETS = ["service", "module", "broadcast", "reply", "dynamic_endpoint"]
SUBJECTS = ["external", "operator", "module", "system"]
UNKNOWN = 65535


def number(names: list[str], value: object) -> int:
    """The number of an enumerant, which stands there by name or by number."""
    return value if isinstance(value, int) else names.index(value)  # type: ignore[arg-type]


def text(value: str) -> str:
    """A text as hex."""
    return value.encode().hex()


def lines(path: Path) -> Iterator[dict]:
    """The objects of a file, split at line feeds alone."""
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            yield json.loads(line)


def frame(value: dict, prefix: str) -> Iterator[str]:
    """The fields of a frame."""
    yield f"{prefix}new"
    yield f"{prefix}id {value['stream_id']}"
    if "unknown" in value:
        yield f"{prefix}kind {UNKNOWN}"
        yield f"{prefix}tag {value['unknown']['tag']}"
        return
    (kind,) = (kind for kind in KINDS if kind in value)
    body = value[kind]
    yield f"{prefix}kind {KINDS.index(kind)}"
    if "interaction" in body:
        yield f"{prefix}interaction {number(INTERACTIONS, body['interaction'])}"
    for field in ("initial_credit", "frames"):
        if field in body:
            yield f"{prefix}credit {body[field]}"
    for field in ("sequence", "final_sequence"):
        if field in body:
            yield f"{prefix}sequence {body[field]}"
    if "code" in body:
        yield f"{prefix}code {number(CODES, body['code'])}"
    if "reason" in body:
        yield f"{prefix}reason {number(CLOSES if kind == 'close' else CANCELS, body['reason'])}"
    for field in ("context", "payload", "details"):
        if field in body:
            yield f"{prefix}{field} {body[field]}"
    if "message" in body:
        yield f"{prefix}message {text(body['message'])}"


def union(value: dict, names: list[str], prefix: str, field: str) -> Iterator[str]:
    """One member of a target or subject."""
    ((member, content),) = value.items()
    if member == "unknown":
        yield f"{prefix}{field}_kind {UNKNOWN}"
        yield f"{prefix}{field}_tag {content['tag']}"
        return
    yield f"{prefix}{field}_kind {names.index(member)}"
    if member == "reply":
        yield f"{prefix}{field} {content}"
    elif member != "system":
        yield f"{prefix}{field} {text(content)}"


def context(value: dict, prefix: str) -> Iterator[str]:
    """The fields of a context."""
    yield f"{prefix}new"
    for field in ("correlation_id", "span_id", "parent_span_id", "deadline_ms", "trace_flags"):
        if field in value:
            yield f"{prefix}{field} {value[field]}"
    if "source_module" in value:
        yield f"{prefix}source_module {text(value['source_module'])}"
    if "target" in value:
        yield from union(value["target"], TARGETS, prefix, "target")
    actor = value.get("actor", {})
    if "subject" in actor:
        yield from union(actor["subject"], SUBJECTS, prefix, "subject")
    if "token_ref" in actor:
        yield f"{prefix}token_ref {actor['token_ref']}"
    for capability in actor.get("capabilities", []):
        yield f"{prefix}capability {text(capability)}"
    for key, content in value.get("metadata", {}).items():
        yield f"{prefix}metadata {text(key)} {text(content)}"


def message(line: dict, value: dict, prefix: str) -> Iterator[str]:
    """The fields of a frame or of a context."""
    yield from (frame if line["type"] == "frame" else context)(value, prefix)


def vectors(folder: Path) -> Iterator[str]:
    """Values, refusals, calls in one message and rules."""
    for file in ("values.jsonl", "large.jsonl"):
        for line in lines(folder / file):
            yield f"begin {line['name']}"
            yield f"type {line['type']}"
            yield f"unknown {int(line.get('unknown', False))}"
            yield from message(line, line.get("input", line["value"]), "in.")
            yield from message(line, line["value"], "is.")
            yield f"hex {line['hex']}"
            for other in line.get("also", []):
                yield f"also {other}"
            yield "run value"
    for file in ("refused.jsonl", "refused_large.jsonl"):
        for line in lines(folder / file):
            if "line" in line:
                continue
            yield f"begin {line['name']}"
            yield f"type {line['type']}"
            yield f"op {line['op']}"
            yield f"max_payload {line.get('max_payload', 1 << 20)}"
            yield f"error {line['kind']}"
            if line["op"] == "encode":
                yield from message(line, line["value"], "in.")
            else:
                yield f"hex {line['hex']}"
            yield "run refusal"
    for line in lines(folder / "payloads.jsonl"):
        yield f"begin {line['name']}"
        yield f"op {line.get('op', 'value')}"
        yield f"max_payload {line.get('max_payload', 1 << 20)}"
        yield f"error {line.get('kind', '')}"
        if "context" in line:
            yield f"payload.context {line['context']}"
            yield f"payload.method {text(line['method'])}"
            yield f"payload.body {line['body']}"
        if "hex" in line:
            yield f"hex {line['hex']}"
        for other in line.get("also", []):
            yield f"also {other}"
        yield "run payload"
    for index, line in enumerate(lines(folder / "rules.jsonl")):
        yield f"begin rule {index + 1}: {line['op']}"
        yield from rule(line)
        yield f"run {line['op']}"


def rule(line: dict) -> Iterator[str]:
    """One line of rules.jsonl."""
    expect = line["expect"]
    if line["op"] == "covers":
        yield f"pattern {text(line['granted'])}"
        yield f"pattern {text(line['required'])}"
    elif line["op"] == "attenuates":
        for pattern in line["parent"]:
            yield f"pattern {text(pattern)}"
        yield f"parents {len(line['parent'])}"
        for pattern in line["child"]:
            yield f"pattern {text(pattern)}"
    else:
        yield f"pattern {text(line['header'])}"
        if expect is not None:
            yield f"trace {expect['trace_id']} {expect['parent_id']} {expect['flags']}"
    yield f"expect {int(bool(expect))}"


def step(given: dict) -> Iterator[str]:
    """One input of a trace."""
    (name,) = (name for name in given if name != "ticket")
    value = given[name]
    if name == "open":
        yield f"do open {value['stream_id']} {value.get('initial_credit', 0)} {value.get('context', '')}"
    elif name == "send" and "ticket" in given:
        yield f"do send_with {given['ticket']} {value}"
    elif name == "send":
        yield f"do send {value}"
    elif name == "close":
        yield f"do close {number(CLOSES, value)}"
    elif name == "fail":
        code = number(CODES, value.get("code", 0))
        yield f"do fail {code} {text(value.get('message', ''))} {value.get('details', '')}"
    elif name == "cancel":
        yield f"do cancel {number(CANCELS, value.get('reason', 0))} {text(value.get('message', ''))}"
    elif name == "receive":
        yield from frame(value, "rx.")
        yield "do receive"
    else:
        yield f"do {name} {value}"


def event(value: dict) -> str:
    """One event of a trace."""
    ((name, content),) = value.items()
    if name == "opened":
        return f"event opened {number(INTERACTIONS, content['kind'])} {content['context']}"
    if name == "data":
        return f"event data {content['sequence']} {content['payload']}"
    if name == "closed":
        return f"event closed {number(CLOSES, content)}"
    if name == "failed":
        return f"event failed {number(CODES, content['code'])} {content['by']} {text(content['message'])}"
    if name == "cancelled":
        return f"event cancelled {number(CANCELS, content['reason'])} {content['by']} {text(content['message'])}"
    if name == "finished":
        return "event finished"
    return f"event {name} {content}"


def traces(folder: Path) -> Iterator[str]:
    """Runs of the state machine."""
    for line in lines(folder / "traces.jsonl"):
        yield f"begin {line['name']}"
        endpoint = line["endpoint"]
        kind = number(INTERACTIONS, endpoint.get("kind", "bidiStream"))
        yield (
            f"endpoint {endpoint['endpoint']} {kind} {endpoint['max_payload']} "
            f"{endpoint.get('window', 0)} {endpoint.get('agreed_credit', 0)}"
        )
        for each in line["steps"]:
            out = each["out"]
            result = out["result"]
            yield f"result {result if isinstance(result, str) else result['error']}"
            for sent in out["transmit"]:
                yield from frame(sent, "tx.")
                yield "transmit"
            for happened in out["events"]:
                yield event(happened)
            state = out["state"]
            yield (
                f"state {state['sender']} {state['receiver']} {state['credit']} "
                f"{state['outstanding']} {state['ignored']}"
            )
            yield from step(each["in"])
        yield "run trace"


if __name__ == "__main__":
    what, where = sys.argv[1:]
    for out in {"vectors": vectors, "traces": traces}[what](Path(where)):
        sys.stdout.write(out + "\n")
