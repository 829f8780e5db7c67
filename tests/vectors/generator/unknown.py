"""Lines whose union member is of a later schema: kept as bytes, whatever their form."""

from __future__ import annotations

from collections.abc import Iterator

from . import cli
from .build import halves
from .later import unknown_context, unknown_frame
from .layout import Plan, lay, root, spread
from .lines import Line
from .textform import MessageType, Value, tidy
from .values_contexts import FULL
from .values_frames import ID
from .words import BYTE, body, far_pointer, list_pointer, message, struct_pointer, words

FRAME_MEMBERS = {"heartbeat": 6, "pause": 7, "annotate": 8}
TARGETS = {"queue": 5, "shard": 6}
SUBJECTS = {"service": 4, "delegate": 5}


def unknown() -> Iterator[Line]:
    """Gives every line with an unknown union member."""
    yield from _frames()
    yield from _targets_and_subjects()


def _line(name: str, type_: MessageType, value: Value, encoded: bytes) -> Line:
    return Line(f"{type_}/unknown/{name}", type_, value, unknown=True, hex=encoded)


def _frame_value(tag: int, stream_id: str = ID) -> Value:
    return {"stream_id": stream_id, "unknown": {"tag": tag}}


def _frames() -> Iterator[Line]:
    for member, tag in FRAME_MEMBERS.items():
        for id_name, stream_id in (("", ID), ("-id-of-ones", "ff" * 16)):
            built = unknown_frame(member, halves(stream_id))
            value = _frame_value(tag, stream_id)
            canonical = cli.canonical([built])[0]
            yield _line(f"{member}{id_name}", "frame", value, canonical)
            if built != canonical:
                yield _line(f"{member}{id_name}-untruncated", "frame", value, built)
    built = cli.canonical([unknown_frame("heartbeat", halves(ID))])[0]
    in_segments = lay(root(body(built)), Plan(segments=3, segment_of=spread))
    yield _line("heartbeat-in-three-segments", "frame", _frame_value(6), in_segments)
    double = lay(root(body(built)), Plan(segments=4, far="double", segment_of=spread, gap=1))
    yield _line("heartbeat-by-double-far", "frame", _frame_value(6), double)
    high, low = halves(ID)
    for tag in (6, 7, 8, 9, 255, 256, 32768, 65535):
        bare = message(words(struct_pointer(0, 4, 0), high, low, 0, tag))
        yield _line(f"tag-{tag}", "frame", _frame_value(tag), bare)
    nowhere = (list_pointer(2**20, BYTE, 9), far_pointer(9, 9))
    wild = message(words(struct_pointer(0, 5, 2), high, low, 1, 6, 2, *nowhere))
    # What is behind an unknown member is nobody's to read, so it is no fault.
    yield _line("pointers-to-nowhere", "frame", _frame_value(6), wild)


def _targets_and_subjects() -> Iterator[Line]:
    full = {key: item for key, item in FULL.items() if key != "target"}
    for target, tag in TARGETS.items():
        shown: Value = {"unknown": {"tag": tag}}
        small = unknown_context({}, target, None)
        yield from _both_forms(f"target-{target}", {"target": shown}, small)
        large = unknown_context(full, target, None)
        yield from _both_forms(f"target-{target}-full", {**full, "target": shown}, large)
    for subject, tag in SUBJECTS.items():
        shown = {"unknown": {"tag": tag}}
        small = unknown_context({}, None, subject)
        yield from _both_forms(f"subject-{subject}", {"actor": {"subject": shown}}, small)
        actor = {**FULL["actor"], "subject": shown}
        rest = {**FULL, "actor": {k: v for k, v in FULL["actor"].items() if k != "subject"}}
        large = unknown_context(rest, None, subject)
        yield from _both_forms(f"subject-{subject}-full", {**FULL, "actor": actor}, large)
    both: Value = {
        "target": {"unknown": {"tag": 6}},
        "actor": {"subject": {"unknown": {"tag": 5}}, "capabilities": ["*"]},
    }
    built = unknown_context({"actor": {"capabilities": ["*"]}}, "shard", "delegate")
    yield from _both_forms("target-and-subject", both, built)
    for tag in (5, 255, 65535):
        laid = (struct_pointer(0, 0, 2), 0, struct_pointer(0, 1, 0), tag)
        value: Value = {"target": {"unknown": {"tag": tag}}}
        yield _line(f"target-tag-{tag}", "context", value, message(words(*laid)))
    for tag in (4, 255, 65535):
        subject_at = (struct_pointer(0, 0, 1), struct_pointer(0, 1, 0))
        value = {"actor": {"subject": {"unknown": {"tag": tag}}}}
        bare = message(words(struct_pointer(0, 0, 3), 0, 0, *subject_at, tag))
        yield _line(f"subject-tag-{tag}", "context", value, bare)
    wild = (struct_pointer(0, 0, 2), 0, struct_pointer(0, 1, 1), 5, far_pointer(3, 3))
    value = {"target": {"unknown": {"tag": 5}}}
    yield _line("target-pointer-to-nowhere", "context", value, message(words(*wild)))


def _both_forms(name: str, value: Value, built: bytes) -> Iterator[Line]:
    """Gives the canonical bytes, and others of the same value: each is kept as it came."""
    shown = tidy("context", value)
    canonical = cli.canonical([built])[0]
    yield _line(name, "context", shown, canonical)
    yield _line(f"{name}-untruncated", "context", shown, built)
    laid = lay(root(body(canonical)), Plan(segments=3, far="double", segment_of=spread))
    yield _line(f"{name}-in-segments", "context", shown, laid)
