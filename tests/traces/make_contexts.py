"""Makes `contexts.json`: the encoded contexts that the traces use, from the schema by `capnp`.

Only whoever adds a context runs this: it needs the `capnp` command line, while making and
replaying the traces does not. The good ones are canonical except where their name says otherwise.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parents[1] / "schemas" / "module.capnp"
DEADLINE = 1_790_000_000_000
SOME = "spanId = 7, correlationLow = 9"


def framed(segment: bytes) -> bytes:
    """A segment as a message: one segment in standard stream framing."""
    return struct.pack("<II", 0, len(segment) // 8) + segment


def canonical(text: str, schema: Path = SCHEMA) -> bytes:
    """The message of a context that is written in Cap'n Proto's own text form."""
    done = subprocess.run(
        ["capnp", "convert", "text:canonical", str(schema), "InvocationContext"],
        input=f"({text})".encode(),
        capture_output=True,
        check=True,
    )
    return framed(done.stdout)


def later_schema() -> bytes:
    """A context of a made-up later schema, with one more word of fields than ours knows."""
    text = SCHEMA.read_text(encoding="utf-8")
    end = text.index("}", text.index("struct InvocationContext"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.capnp"
        path.write_text(text[:end] + "  later @10 :UInt64;\n}\n", encoding="utf-8")
        return canonical(f"{SOME}, deadlineMs = {DEADLINE}, later = 5", path)


def capabilities(*names: str) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{SOME}, actor = (capabilities = [{quoted}])"


def metadata(*pairs: tuple[str, str]) -> str:
    entries = ", ".join(f'(key = "{key}", value = "{value}")' for key, value in pairs)
    return f"{SOME}, metadata = [{entries}]"


def good() -> dict[str, bytes]:
    """Contexts that decode."""
    return {
        "simple": canonical(
            f'{SOME}, target = (service = "echo"), '
            'actor = (subject = (operator = "alice"), capabilities = ["fs.*"])'
        ),
        "deadline": canonical(f'{SOME}, deadlineMs = {DEADLINE}, target = (service = "echo")'),
        "deadline_one": canonical(f"{SOME}, deadlineMs = 1"),
        "deadline_last": canonical(f"{SOME}, deadlineMs = {2**64 - 1}"),
        "full": canonical(
            f"correlationHigh = {2**64 - 1}, correlationLow = 1, spanId = {2**63}, "
            f"deadlineMs = {DEADLINE}, traceFlags = 1, parentSpanId = 3, "
            'sourceModule = "käse-模块-🧀", target = (module = "файл"), '
            'actor = (subject = (external = "zoë"), tokenRef = 0x"00ff10", '
            'capabilities = ["a.b", "fs.*"]), '
            'metadata = [(key = "ingress.kind", value = "http"), '
            '(key = "tenant", value = "acme-株式会社")]'
        ),
        "system": canonical(f"{SOME}, actor = (subject = (system = void))"),
        "defaults": canonical(""),
        "later_schema": later_schema(),
    }


def bad(simple: bytes) -> dict[str, bytes]:
    """Contexts that do not decode, each named by its kind of refusal."""
    text = canonical(f'{SOME}, sourceModule = "abcdefg"')
    big = canonical(f'{SOME}, sourceModule = "{"x" * 16384}"')
    pairs = [(f"k{i:02}", "v") for i in range(65)]
    return {
        "Truncated": simple[:-8],
        "TrailingBytes": simple + bytes(8),
        "TooManySegments": struct.pack("<I", 16) + bytes(4 * 17),
        "ContextTooLarge": big,
        "BadPointer": simple[:8] + struct.pack("<I", 4 * 1000) + simple[12:],
        "BadText": text.replace(b"abcdefg", b"abc\xffefg"),
        "BadIdLength": canonical(f'{SOME}, target = (reply = 0x"{"ab" * 15}")'),
        "DuplicateCapability": canonical(capabilities("fs.read", "fs.read")),
        "TooManyCapabilities": canonical(capabilities(*(f"c{i:02}" for i in range(65)))),
        "CapabilityTooLong": canonical(capabilities("c" * 257)),
        "TokenTooLong": canonical(f'{SOME}, actor = (tokenRef = 0x"{"cd" * 1025}")'),
        "DuplicateKey": canonical(metadata(("tenant", "a"), ("tenant", "b"))),
        "BadMetadataKey": canonical(metadata(("Tenant", "a"))),
        "TooManyMetadata": canonical(metadata(*pairs)),
        "MetadataTooLarge": canonical(metadata(("tenant", "v" * 4097))),
    }


def table() -> str:
    """The text of `contexts.json`."""
    fine = good()
    made = {
        "good": {name: value.hex() for name, value in fine.items()},
        "bad": {name: value.hex() for name, value in bad(fine["simple"]).items()},
    }
    return json.dumps(made, indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "contexts.json").write_text(table(), encoding="utf-8")
