"""Seeds for the fuzz targets, from the vectors and traces.

    python fuzz/seed.py FOLDER      writes FOLDER/<target>/<seed>

`make fuzz-corpus` minimises them into `fuzz/corpus/`, which is committed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import seed_arcp

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 2048


def lines(name: str) -> Iterator[dict[str, Any]]:
    with (ROOT / "tests" / name).open(encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


def messages() -> Iterator[tuple[str, bytes]]:
    """Every message of the vectors, good and bad, with its type."""
    for line in lines("vectors/values.jsonl"):
        for text in [line["hex"], *line.get("also", [])]:
            yield line["type"], bytes.fromhex(text)
    for line in lines("vectors/refused.jsonl"):
        if "hex" in line:
            yield line["type"], bytes.fromhex(line["hex"])


def texts() -> Iterator[str]:
    for line in lines("vectors/values.jsonl"):
        yield json.dumps(line.get("input", line["value"]), ensure_ascii=False)
    for line in lines("vectors/refused.jsonl"):
        if line["op"] == "encode":
            yield line["line"] if "line" in line else json.dumps(line["value"], ensure_ascii=False)


def traces() -> Iterator[str]:
    for run in lines("traces/traces.jsonl"):
        yield "\n".join(
            json.dumps(line) for line in [run["endpoint"], *(step["in"] for step in run["steps"])]
        )


# What the targets of ARCP begin with; their parts are of a line each.
ARCP = {
    "arcp_glob": [
        "/workspace/*/src/**\n/workspace/**\n/workspace/app/src/a.rs",
        "a*a*a*b\n*a?*\naaaaaaaa",
        "search.*\nsearch.?eb\nsearch.web",
    ],
    "arcp_target": [
        "fs.read\n/workspace/%2e%2e/./a//b/%252e\n/workspace/../**",
        "net.fetch\nHTTPS://Example.COM:443/a/../b%20c?q=%2f#top\nhttps://*.example.com/**",
        "net.fetch\nhttp://[2001:DB8::1]:81/\nhttp://user@127.0.0.1:80/",
        "tool.call\nsearch.web\nsearch.*",
    ],
    "arcp_amount": ["5.00", "3.4499999999999996e-05", "-0.0", "USD:5\nx:10\nUSD:0.5", "1E+18"],
    "arcp_time": [
        "2026-05-13T19:42:13.020Z",
        "2016-12-31T23:59:60.5Z",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "code-refactor@2.0.0",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
    "arcp_lease": [
        '{"fs.read":["/a/**"],"cost.budget":["USD:5"]}\n'
        '{"fs.read":["/a/*.rs"],"cost.budget":["USD:1"]}\nfs.read\n/a/b.rs',
        '{"model.use":["small-*"],"x-a.b":[]}\n{}\nmodel.use\nsmall-1',
        '{"net.fetch":["https://*/**"]}\n{"net.fetch":["https://h/?"]}\nnet.fetch\nhttps://h/x',
        '{"expires_at":"2026-05-13T23:42:00Z"}\n\n\n',
    ],
    "arcp_json": [
        r'{"b": 1.50e3, "a": ["\u00e4\n", true, null, {"b": -0}], "b": {}}',
        r'[[[["\"\\"]]], 1E-400, "\ud800"]',
    ],
}


def seeds() -> Iterator[tuple[str, bytes]]:
    for kind, message in messages():
        # With its own table, and behind one that the target makes up.
        for first, rest in [(0, message), (1, message[8:])]:
            yield f"{kind}_decode", bytes([first]) + rest
            yield "general_reader", bytes([first | (2 if kind == "context" else 0)]) + rest
    for line in lines("vectors/payloads.jsonl"):
        for text in [line.get("hex", ""), *line.get("also", [])]:
            yield "payload_decode", b"\0" + bytes.fromhex(text)
            yield "payload_decode", b"\1" + bytes.fromhex(text)[8:]
    for text in texts():
        yield "text_form", text.encode("utf-8", "surrogatepass")
    for text in traces():
        yield "trace_form", text.encode()
    # Lines with several inputs, which are refused.
    yield (
        "trace_form",
        b'{"endpoint":"responder"}\n{"grant":1,"time":1}\n{"wait":1,"close":"completed","ticket":2}',
    )
    # Inputs of this target are a code of its own; the fuzzer finds it quickly.
    for first in range(16):
        yield (
            "flow_events",
            bytes([0, first, 2, 3, 0, 4, 0, 14, first >> 1, 3, 0, 2, 2, 16, 0, 2, 9, 3, 10, 1]),
        )
        yield (
            "flow_events",
            bytes([1, first, 2, 3, 4, 0, 2, 0, 0, 2, 1, 0, 3, 0, 7, 2, 3, 1, 10, 1]),
        )
    for target, inputs in ARCP.items():
        for text in inputs:
            yield target, text.encode()
    # So are inputs of these: settings, then steps. Any bytes are a run.
    for seed in range(64):
        noise = hashlib.shake_256(bytes([seed])).digest(64 + 24 * seed)
        yield "connection", bytes([seed % 2]) + noise
        yield "host", noise
    for recorded in seed_arcp.client():
        yield "arcp_client", recorded
    for recorded in seed_arcp.runtime():
        yield "arcp_runtime", recorded


def main() -> None:
    out = Path(sys.argv[1])
    for target, seed in seeds():
        if len(seed) > LARGEST:
            continue
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main()
