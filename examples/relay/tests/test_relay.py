"""The relay as `make demo` runs it, and what it says when the transport damages or re-frames bytes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
IXT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/ixt"
FRAME = 64 << 10
LANGUAGES = {"Python", "Go", "C", "Rust"}


def relay(file: Path, *switches: str) -> tuple[int, str]:
    """Runs the relay over a file: its exit status, and what it printed."""
    command: list[str | Path] = [
        sys.executable,
        ROOT / "examples/relay/relay.py",
        *("--input", file),
    ]
    capture = file.with_suffix(".ixt")
    done = subprocess.run(
        [*command, "--capture", capture, *switches],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def rows(said: str) -> list[list[str]]:
    """Gives the words of the table's lines, from the source's to the sink's."""
    words = [line.split() for line in said.splitlines()]
    return [line for line in words if LANGUAGES & set(line[1:3])]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of an odd length, of bytes that do not repeat."""
    path = tmp_path / "input"
    path.write_bytes(random.Random(7).randbytes(48 * FRAME + 12_345))
    return path


def test_every_hop_puts_the_same_bytes_on_the_wire(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    verdict = said.strip().splitlines()[-1]
    assert verdict.startswith("OK: all wire digests are equal at every hop"), said
    languages = [next(word for word in row if word in LANGUAGES) for row in rows(said)]
    assert languages == ["Python", "Go", "C", "Rust", "Python"]


def test_the_slow_reader_lets_credit_run_out(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    *_, most, waits, _waited, _seconds, _speed = rows(said)[0]
    assert most == "8", said
    assert int(waits) > 0, said


def test_the_capture_of_a_hop_is_read_by_inspect(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    page = subprocess.run(
        [IXT, "inspect", file.with_suffix(".ixt")], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert 'operator "alice"' in page
    assert "49 data" in page.splitlines()[-1] or "50 data" in page.splitlines()[-1], (
        page.splitlines()[-1]
    )


@pytest.mark.parametrize("size", [0, 1, FRAME, FRAME + 1])
def test_small_files(tmp_path: Path, size: int) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(size))
    status, said = relay(path)
    assert status == 0, said


@pytest.mark.parametrize(
    ("sender", "blamed"), [("python", "go"), ("go", "c"), ("c", "rust"), ("rust", "python (sink)")]
)
@pytest.mark.parametrize("offset", [700_001, 16])
def test_a_flipped_byte_names_the_hop(file: Path, sender: str, blamed: str, offset: int) -> None:
    """Inside a payload nobody but the digests can tell; in the open's head the decoder refuses."""
    status, said = relay(file, "--flip", f"{sender}:{offset}")
    assert status == 1, said
    verdict = said.strip().splitlines()[-1]
    assert verdict.startswith("FAILED: "), said
    assert verdict.removeprefix("FAILED: ").startswith(blamed.split(" ")[0]), said


def test_two_segments_are_canonical_from_the_first_hop_on(file: Path) -> None:
    status, said = relay(file, "--two-segments")
    assert status == 0, said


def test_a_hop_that_cannot_start_is_named(file: Path) -> None:
    status, said = relay(file, "--c", "/bin/false")
    assert status == 1, said
    assert "c failed" in said, said
