"""The store of an ARCP runtime, as far as Python has it: who opens it, and the thread that runs it.

What it stores and replies is tested in ``arcp/store``.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ixt_sdk._native import ArcpStore

Ends = queue.SimpleQueue[bool]


def in_thread(store: ArcpStore) -> tuple[threading.Thread, Ends]:
    """Runs it once in a thread of its own; what that gives comes in the queue."""
    ends: Ends = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: ends.put(store.run()))
    thread.start()
    return thread, ends


def done(store: ArcpStore) -> None:
    store.close()
    assert store.run() is False


def test_who_runs_it_waits_until_it_is_closed_and_lets_others_run() -> None:
    store = ArcpStore.memory()
    thread, ends = in_thread(store)
    with pytest.raises(queue.Empty):
        ends.get(timeout=0.05)
    store.close()
    assert ends.get(timeout=10) is False
    thread.join()
    store.close()
    assert store.run() is False


def test_a_file_is_its_owners_and_one_stores_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store = ArcpStore.sqlite(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match=r"^InUse: .*jobs\.db is open elsewhere"):
        ArcpStore.sqlite(str(path), "normal")
    done(store)
    done(ArcpStore.sqlite(os.fspath(path), durability="normal"))


def test_a_store_that_nobody_has_any_more_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store: ArcpStore | None = ArcpStore.sqlite(path)
    assert store is not None
    store = None
    done(ArcpStore.sqlite(path))


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        ArcpStore.sqlite(tmp_path / "none" / "jobs.db")
    error = missing.value
    assert error.strerror == "No such file or directory"
    assert error.filename == str(tmp_path / "none" / "jobs.db")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    foreign = tmp_path / "letter"
    foreign.write_bytes(b"Dear Ada, " * 100)
    with pytest.raises(OSError, match=r"^Foreign: .*letter is no store of a runtime"):
        ArcpStore.sqlite(foreign)
    assert foreign.read_bytes() == b"Dear Ada, " * 100


@pytest.mark.parametrize("durability", ["", "Full", "none"])
def test_a_durability_that_is_none_makes_no_file(tmp_path: Path, durability: Any) -> None:
    with pytest.raises(ValueError, match="durability"):
        ArcpStore.sqlite(tmp_path / "jobs.db", durability)
    assert not list(tmp_path.iterdir())


def test_a_thread_that_still_waits_holds_up_no_end() -> None:
    program = """
import threading
from ixt_sdk._native import ArcpStore
store = ArcpStore.memory()
threading.Thread(target=store.run, daemon=True).start()
print("ends")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ends\n", "")
