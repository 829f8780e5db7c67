#!/usr/bin/env python3
"""The C hop alone, between a source and a sink that are this script: test.py PROGRAM LIBIXT.SO

Frames are laid out here by hand, so that nothing but the hop is judged; contexts come from the library.
"""

from __future__ import annotations

import ctypes
import json
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ID = bytes(range(1, 17))
BIDI = 3


def frame(tag: int, word2: int, content: bytes = b"", word4: int | None = None) -> bytes:
    """A canonical frame with at most one pointer, to Data."""
    words = [int.from_bytes(ID[:8]), int.from_bytes(ID[8:]), word2, tag]
    if word4:
        words.append(word4)
    while words[-1] == 0:
        words.pop()
    data = b"".join(struct.pack("<Q", word) for word in words)
    pointer = struct.pack("<II", 1, len(content) << 3 | 2) if content else b""
    padded = content + bytes(-len(content) % 8)
    root = struct.pack("<IHH", 0, len(words), 1 if content else 0)
    body = root + data + pointer + padded
    return struct.pack("<II", 0, len(body) // 8) + body


def open_frame(context: bytes, credit: int) -> bytes:
    return frame(0, BIDI | credit << 32, context)


def data(sequence: int, payload: bytes) -> bytes:
    return frame(1, sequence, payload)


def close(final: int) -> bytes:
    return frame(3, 1, word4=final)


def cancel(reason: int) -> bytes:
    return frame(4, reason)


def credit(frames: int) -> bytes:
    return frame(5, frames)


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Entry(ctypes.Structure):
    _fields_ = [("key", Slice), ("value", Slice)]


class Context(ctypes.Structure):
    _fields_ = [
        ("correlation_id", ctypes.c_uint8 * 16),
        ("span_id", ctypes.c_uint8 * 8),
        ("parent_span_id", ctypes.c_uint8 * 8),
        ("deadline_ms", ctypes.c_uint64),
        ("subject_kind", ctypes.c_uint16),
        ("target_kind", ctypes.c_uint16),
        ("trace_flags", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 3),
        ("source_module", Slice),
        ("subject", Slice),
        ("target", Slice),
        ("token_ref", Slice),
        ("capabilities", ctypes.POINTER(Slice)),
        ("capability_count", ctypes.c_size_t),
        ("metadata", ctypes.POINTER(Entry)),
        ("metadata_count", ctypes.c_size_t),
    ]


def text(value: bytes) -> Slice:
    return Slice(value, len(value))


def context(
    library: ctypes.CDLL,
    *,
    subject_kind: int = 1,
    capability: bytes = b"relay.*",
    deadline_ms: int = 2**63,
    key: bytes = b"tenant",
) -> bytes:
    """An encoded context that a hop accepts, but for what is changed."""
    value = Context(subject_kind=subject_kind, subject=text(b"alice"), deadline_ms=deadline_ms)
    value.capabilities = (Slice * 1)(text(capability))
    value.capability_count = 1
    value.metadata = (Entry * 1)(Entry(text(key), text(b"acme")))
    value.metadata_count = 1
    out, written = ctypes.create_string_buffer(1024), ctypes.c_size_t()
    status = library.ixt_context_encode(ctypes.byref(value), out, 1024, ctypes.byref(written), None)
    assert status == 0, status
    return out.raw[: written.value]


class Hop:
    """The program between two sockets of ours."""

    def __init__(self, program: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        up, down, self.tap = (Path(self.folder.name) / name for name in ("up", "down", "tap"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(down))
        listener.listen(1)
        self.process = subprocess.Popen(
            [program, "--listen", up, "--connect", down, "--tap", self.tap],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        listener.settimeout(20)
        self.down, _ = listener.accept()
        self.up = socket.socket(socket.AF_UNIX)
        self.up.connect(str(up))
        listener.close()
        for side in (self.up, self.down):
            side.settimeout(20)

    def wait(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        self.up.close()
        self.down.close()
        return self.process.returncode, out.decode(), err.decode()


def read(side: socket.socket, length: int) -> bytes:
    """So many bytes, or what came before the end."""
    got = b""
    while len(got) < length:
        some = side.recv(length - len(got))
        if not some:
            break
        got += some
    return got


def pieces(side: socket.socket, stream: bytes, rng: random.Random) -> None:
    """Sends in pieces that know nothing of frames."""
    at = 0
    while at < len(stream):
        end = at + rng.choice([1, 7, 100, 4096, 200_000])
        side.sendall(stream[at:end])
        at = end


def whole_run(program: str, library: ctypes.CDLL, seed: int) -> None:
    """Messages forward, an answer back, credit both ways: the bytes pass unchanged."""
    rng = random.Random(seed)
    hop = Hop(program)
    payloads = [rng.randbytes(rng.choice([0, 1, 8, 9, 1000, 65_536])) for _ in range(40)]
    answer = b"got it all"
    opened = open_frame(context(library), 4)
    forward = [data(index, payload) for index, payload in enumerate(payloads)] + [
        close(len(payloads))
    ]
    backward = [credit(8)] * 5 + [data(0, answer), close(1)]

    hop.up.sendall(opened)
    assert read(hop.down, len(opened)) == opened, hop.wait()
    seen: dict[str, bytes] = {}

    def sink() -> None:
        got = b""
        for index in range(5):
            hop.down.sendall(credit(8))
            window = b"".join(forward[8 * index : 8 * index + 8])
            got += read(hop.down, len(window))
        got += read(hop.down, len(forward[-1]))
        seen["forward"] = got
        hop.down.sendall(data(0, answer))
        hop.down.sendall(close(1))

    thread = threading.Thread(target=sink)
    thread.start()
    back = b""
    for index in range(5):
        back += read(hop.up, 48)
        pieces(hop.up, b"".join(forward[8 * index : 8 * index + 8]), rng)
    pieces(hop.up, forward[-1], rng)
    back += read(hop.up, len(b"".join(backward)) - len(back))
    thread.join(60)
    status, out, err = hop.wait()
    assert status == 0, err
    assert seen["forward"] == b"".join(forward)
    assert back == b"".join(backward)
    line = json.loads(out)
    assert line["language"] == "c"
    assert line["frames"] == {
        "open": 1,
        "data": 41,
        "credit": 5,
        "close": 2,
        "error": 0,
        "cancel": 0,
    }, line
    assert line["payload_bytes"] == sum(map(len, payloads)), line
    assert line["max_outstanding"] == 8, line
    assert line["credit_waits"] >= 4, line
    assert line["credit_wait_ms"] >= 0, line
    assert line["seconds"] > 0, line
    assert sorted(hop.tap.read_bytes()) == sorted(opened + b"".join(forward) + b"".join(backward))


def refused(
    program: str, upstream: bytes, kind: str, downstream: bytes = b"", shut: bool = False
) -> None:
    """What is wrong ends the hop with a line that names it."""
    hop = Hop(program)
    hop.up.sendall(upstream)
    if downstream:
        read(hop.down, 8)
        hop.down.sendall(downstream)
    if shut:
        hop.up.shutdown(socket.SHUT_WR)
    status, out, err = hop.wait()
    assert status == 1, (kind, status, out, err)
    assert err.startswith(f"relay-c: {kind}: "), (kind, err)
    assert err.count("\n") == 1, err
    assert out == "", out


def passed_on(program: str, library: ctypes.CDLL) -> None:
    """A cancel of the peer goes on to the next one before the hop ends."""
    hop = Hop(program)
    opened = open_frame(context(library), 4)
    hop.up.sendall(opened + cancel(3))
    got = read(hop.down, len(opened) + len(cancel(3)))
    assert got == opened + cancel(3), got
    status, _, err = hop.wait()
    assert status == 1, err
    assert "StreamCancelled" in err, err


def main(program: str, path: str) -> None:
    library = ctypes.CDLL(path)
    for seed in range(3):
        whole_run(program, library, seed)
    passed_on(program, library)
    good = open_frame(context(library), 4)
    refused(program, open_frame(context(library, subject_kind=0), 4), "permissionDenied")
    refused(program, open_frame(context(library, capability=b"relay"), 4), "permissionDenied")
    refused(program, open_frame(context(library, deadline_ms=1), 4), "permissionDenied")
    refused(program, open_frame(context(library, key=b"tenants"), 4), "permissionDenied")
    refused(program, open_frame(b"no context", 4), "StreamFailed")
    refused(program, bytes(4) + b"\xff\xff\xff\x7f", "MessageTooLarge")
    refused(program, good[:16] + bytes(16) + good[32:], "NilStreamId")
    refused(program, data(0, b"x"), "UnknownStream")
    refused(program, good + data(1, b"x"), "StreamFailed", shut=True)
    refused(program, good, "Truncated", shut=True)
    print("relay-c: 3 runs, 11 faults")


if __name__ == "__main__":
    main(*sys.argv[1:])
