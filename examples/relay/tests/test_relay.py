"""The relay as `make demo` runs it, and what it says when a module's bytes are damaged or framed anew."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
IXT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/ixt"
FRAME = 16 << 10
SENDERS = ["python", "go", "c", "rust"]
LEGS = ["Python → Go", "Go → C", "C → Rust", "Rust → Python"]


def relay(file: Path, *switches: str | Path) -> tuple[int, str]:
    """Runs the relay over a file: its exit status, and what it printed."""
    command: list[str | Path] = [sys.executable, ROOT / "examples/relay/relay.py", "--input", file]
    done = subprocess.run(
        [*command, "--capture", file.with_suffix(".ixt"), *switches],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def rows(said: str) -> dict[str, list[str]]:
    """The cells of the table behind the service, by the leg."""
    found = {}
    for line in said.splitlines():
        leg, service, cells = line.partition(" relay.")
        if service and leg.strip() in LEGS:
            found[leg.strip()] = cells.split()[1:]
    assert list(found) == LEGS, said
    return found


def verdict(said: str) -> str:
    return said.strip().splitlines()[-1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of an odd length, of bytes that do not repeat."""
    path = tmp_path / "input"
    path.write_bytes(random.Random(7).randbytes(480 * FRAME + 12_345))
    return path


def test_every_leg_carries_the_file(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    assert verdict(said).startswith("OK: the payload equals the file on every leg"), said
    for leg, cells in rows(said).items():
        opens, data, grants, closes, canonical, size, most_credit, _most_waiting, _sha = cells
        # The answer is a message too.
        assert (opens, data, closes, most_credit) == ("1", "482", "2", "8"), leg
        assert int(canonical) == 1 + 482 + 2 + int(grants), leg
        assert int(size.replace(",", "")) == file.stat().st_size, leg
    assert len({cells[-1] for cells in rows(said).values()}) == 1, said


def test_a_sink_that_stops_reading_stops_the_source(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    stands = next(line for line in said.splitlines() if "the source stands still" in line)
    after, _of, messages = stands.split()[-3:]
    # What the four windows and the host's queues take, and not the whole file.
    assert 40 < int(after) < 400, stands
    assert messages == "481", stands
    routes = [line for line in said.splitlines() if "(service:relay." in line]
    assert len(routes) == 4, said
    # Nothing may be sent to whom nothing is read by, and it has been so for a while.
    assert "rust → python" in routes[-1], routes
    assert " 0/" in routes[-1], routes


def test_the_capture_of_a_leg_is_read_by_inspect(file: Path) -> None:
    status, said = relay(file)
    assert status == 0, said
    page = subprocess.run(
        [IXT, "inspect", file.with_suffix(".ixt")], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert 'operator "alice"' in page
    assert "1 open, 482 data, 2 close" in page.splitlines()[-1], page.splitlines()[-1]


@pytest.mark.parametrize("size", [0, 1, FRAME, FRAME + 1])
def test_small_files(tmp_path: Path, size: int) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(size))
    status, said = relay(path)
    assert status == 0, said


@pytest.mark.parametrize(("sender", "leg"), list(zip(SENDERS, LEGS, strict=True)))
def test_a_flipped_byte_of_a_payload_names_the_leg(file: Path, sender: str, leg: str) -> None:
    status, said = relay(file, "--flip", f"{sender}:700001")
    assert status == 1, said
    where = leg.lower() + " differs first: data frame 42 is not what the file has"
    assert verdict(said) == f"FAILED: {where}", said


@pytest.mark.parametrize("sender", SENDERS)
def test_a_flipped_byte_of_a_pointer_ends_the_sender(file: Path, sender: str) -> None:
    """The host takes no frame that does not decode."""
    status, said = relay(file, "--flip", f"{sender}:8")
    assert status == 1, said
    assert verdict(said).startswith(f"FAILED: {sender} failed: "), said


def test_two_segments_are_canonical_from_the_first_hop_on(file: Path) -> None:
    status, said = relay(file, "--two-segments")
    assert status == 0, said
    canonical = {leg: int(cells[4]) for leg, cells in rows(said).items()}
    assert canonical["Python → Go"] < 481 < min(canonical[leg] for leg in LEGS[1:]), said


def test_a_hop_that_cannot_start_is_named(file: Path) -> None:
    status, said = relay(file, "--c", "/bin/false")
    assert status == 1, said
    assert "c failed" in verdict(said), said


def test_the_hop_in_c_under_sanitizers(file: Path, tmp_path: Path) -> None:
    hop = tmp_path / "relay-c"
    flags = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    subprocess.run(
        [ROOT / "examples/relay/c/build.sh", hop], env=os.environ | {"CFLAGS": flags}, check=True
    )
    status, said = relay(file, "--c", hop)
    assert status == 0, said
