"""What `decode` accepts and `decode_canonical` refuses, and what both refuse."""

from __future__ import annotations

from collections.abc import Iterator

from . import cli
from .also import variants
from .build import build
from .lines import Line
from .refusals import FRAMES, Refusal, bad_bytes, segment
from .textform import Value, tidy
from .values import confirm
from .values_contexts import FULL, REPLY
from .values_frames import ID
from .words import message, put, words


def canonical_refused() -> Iterator[Refusal]:
    """Gives every refusal of `decode_canonical`."""
    system: Value = {"target": {"reply": REPLY}, "actor": {"subject": {"system": True}}}
    lines = [
        *(
            Line(f"frame/{member}", "frame", {"stream_id": ID, member: FRAMES[member]})
            for member in ("open", "data", "error", "credit")
        ),
        Line("context/anonymous", "context", {}),
        Line("context/full", "context", FULL),
        Line("context/system-reply", "context", tidy("context", system)),
    ]
    built = [build(line.type, line.value) for line in lines]
    for line, encoded in zip(lines, cli.canonical(built), strict=True):
        line.hex = encoded
        others = variants(line)
        confirm([line], [list(others.values())])
        for name, other in others.items():
            where = line.name.replace("/", "/canonical/")
            yield _canonical(f"{where}-{name}", "NotCanonical", other)
    sound = segment("frame", "data")
    refused = {
        "truncated": ("Truncated", message(sound)[:-1]),
        "trailing": ("TrailingBytes", message(sound) + b"\0"),
        "far-to-nowhere": ("BadPointer", message(put(sound, 5, 0x0000000100000002))),
        "nil": ("NilStreamId", message(put(put(sound, 1, 0), 2, 0))),
        "17-segments": ("TooManySegments", message(sound, *[b""] * 16)),
    }
    for name, (kind, encoded) in refused.items():
        yield _canonical(f"frame/canonical/also-refused-{name}", kind, encoded)
    null_root = message(words(0))
    yield _canonical("frame/canonical/also-refused-null-root", "NilStreamId", null_root)


def _canonical(name: str, kind: str, encoded: bytes) -> Refusal:
    refusal = bad_bytes(name, kind, encoded)
    refusal.op = "decode_canonical"
    return refusal
