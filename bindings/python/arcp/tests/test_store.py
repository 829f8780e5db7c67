"""Logs of events: the one in memory and the one in a file do the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcp._store import EventLog, InMemoryEventLog, SqliteEventLog


def envelope(seq: object, **more: object) -> dict[str, Any]:
    return {"type": "job.event", "event_seq": seq, "payload": {"a": None}, **more}


async def seqs(log: EventLog, session: str = "s", after: int = 0) -> list[int]:
    return [one["event_seq"] async for one in log.read_since_seq(session, after)]


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    made = InMemoryEventLog() if request.param == "memory" else SqliteEventLog(tmp_path / "log")
    yield made
    await made.close()


async def test_what_is_stored_is_read_in_order(log: EventLog) -> None:
    assert isinstance(log, EventLog)
    for seq in (1, 2, 3):
        await log.append("s", envelope(seq, x="ä\ud800"))
    assert [one async for one in log.read_since_seq("s", 1)] == [
        envelope(2, x="ä\ud800"),
        envelope(3, x="ä\ud800"),
    ]
    assert await seqs(log, after=3) == []
    assert await seqs(log, "other") == []
    assert (await log.latest_seq("s"), await log.latest_seq("other")) == (3, 0)


async def test_the_same_event_is_stored_once(log: EventLog) -> None:
    for seq in (1, 3, 2, 3, 1):
        await log.append("s", envelope(seq, at=seq))
    assert await seqs(log) == [1, 2, 3]


async def test_sessions_are_apart(log: EventLog) -> None:
    for session in ("a", "b"):
        await log.append(session, envelope(1))
    await log.release_through("a", 1)
    assert (await seqs(log, "a"), await seqs(log, "b")) == ([], [1])
    await log.drop_session("b")
    assert (await seqs(log, "b"), await log.latest_seq("b")) == ([], 0)


async def test_what_is_released_goes_and_stays_gone(log: EventLog) -> None:
    for seq in (1, 2, 3):
        await log.append("s", envelope(seq))
    await log.release_through("s", 2)
    await log.release_through("s", 1)
    await log.append("s", envelope(2))
    assert await seqs(log) == [3]
    await log.release_through("s", 3)
    assert await seqs(log) == []
    assert await log.latest_seq("s") == 3, "the next one is 4 all the same"


async def test_nothing_is_released_before_it_is_there(log: EventLog) -> None:
    await log.release_through("s", 9)
    await log.append("s", envelope(1))
    await log.release_through("s", 9)
    await log.append("s", envelope(2))
    assert await seqs(log) == [2]


async def test_a_dropped_session_begins_again(log: EventLog) -> None:
    await log.append("s", envelope(1))
    await log.release_through("s", 1)
    await log.drop_session("s")
    await log.append("s", envelope(1))
    assert await seqs(log) == [1]


@pytest.mark.parametrize("seq", [None, "1", 0, -1, True, 1.0])
async def test_an_event_must_have_a_place(log: EventLog, seq: object) -> None:
    with pytest.raises(ValueError, match="event_seq"):
        await log.append("s", envelope(seq))
    with pytest.raises(ValueError, match="event_seq"):
        await log.append("s", {"type": "x"})
    assert await log.latest_seq("s") == 0


async def test_a_stored_event_is_not_changed_from_outside(log: EventLog) -> None:
    stored = envelope(1)
    await log.append("s", stored)
    stored["event_seq"] = 7
    assert await seqs(log) == [1]


async def test_a_log_may_be_read_while_it_changes(log: EventLog) -> None:
    for seq in range(1, 601):
        await log.append("s", envelope(seq))
    read: list[int] = []
    async for one in log.read_since_seq("s", 0):
        read.append(one["event_seq"])
        if one["event_seq"] == 10:
            await log.release_through("s", 5)
            await log.append("s", envelope(601))
    assert read[:600] == list(range(1, 601))


async def test_a_log_may_be_closed_twice(log: EventLog) -> None:
    await log.append("s", envelope(1))
    await log.close()
    await log.close()


actions = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "release", "drop"]),
        st.sampled_from(["s", "t"]),
        st.integers(1, 6),
    ),
    max_size=20,
)


@settings(deadline=None, max_examples=50)
@given(actions)
def test_both_logs_do_the_same(steps: list[tuple[str, str, int]]) -> None:
    async def run(log: EventLog) -> list[object]:
        told: list[object] = []
        for action, session, seq in steps:
            match action:
                case "append":
                    await log.append(session, envelope(seq))
                case "release":
                    await log.release_through(session, seq)
                case _:
                    await log.drop_session(session)
            for one in ("s", "t"):
                told += [await seqs(log, one), await seqs(log, one, 3), await log.latest_seq(one)]
        await log.close()
        return told

    async def both() -> None:
        assert await run(InMemoryEventLog()) == await run(SqliteEventLog(":memory:"))

    asyncio.run(both())


# The file.


async def test_a_file_outlives_its_log(tmp_path: Path) -> None:
    first = SqliteEventLog(tmp_path / "log")
    for seq in (1, 2, 3):
        await first.append("s", envelope(seq))
    await first.release_through("s", 1)
    await first.close()
    second = SqliteEventLog(str(tmp_path / "log"))
    assert (await seqs(second), await second.latest_seq("s")) == ([2, 3], 3)
    await second.append("s", envelope(1))
    assert await seqs(second) == [2, 3]
    await second.close()


async def test_a_closed_file_stays_closed(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log")
    await log.close()
    with pytest.raises(RuntimeError, match="closed"):
        await log.append("s", envelope(1))
    assert not (tmp_path / "log").exists()


async def test_many_writers_take_turns(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log")
    await asyncio.gather(*(log.append("s", envelope(seq)) for seq in range(100, 0, -1)))
    assert await seqs(log) == list(range(1, 101))
    await log.close()


async def test_what_has_returned_is_on_the_disk(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log")
    await log.append("s", envelope(1))
    other = sqlite3.connect(tmp_path / "log")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("SELECT count(*) FROM arcp_events").fetchone() == (1,)
    other.close()
    await log.close()


async def test_a_file_of_another_kind_is_left_as_it_is(tmp_path: Path) -> None:
    """That of the official package has tables of its own."""
    other = sqlite3.connect(tmp_path / "log")
    with other:
        other.execute("CREATE TABLE events (session_id TEXT, other TEXT)")
        other.execute("INSERT INTO events VALUES ('s', 'x')")
    other.close()
    log = SqliteEventLog(tmp_path / "log")
    await log.append("s", envelope(1))
    assert await seqs(log) == [1]
    await log.close()
    other = sqlite3.connect(tmp_path / "log")
    assert other.execute("SELECT * FROM events").fetchall() == [("s", "x")]
    other.close()


async def test_what_is_no_json_is_not_stored(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log")
    with pytest.raises(ValueError, match="JSON"):
        await log.append("s", envelope(1, x=float("nan")))
    assert await log.latest_seq("s") == 0
    await log.close()


async def test_a_path_that_is_none_is_told_and_tried_again(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "missing" / "log")
    with pytest.raises(sqlite3.OperationalError):
        await log.append("s", envelope(1))
    (tmp_path / "missing").mkdir()
    await log.append("s", envelope(1))
    assert await seqs(log) == [1]
    await log.close()
