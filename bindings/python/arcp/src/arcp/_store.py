"""Logs of events: what a session is told again when it goes on (§6.3).

Each is the envelopes of a session by their ``event_seq``. The same one twice is stored once.
"""

from __future__ import annotations

import asyncio
import bisect
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

__all__ = ("EventLog", "InMemoryEventLog", "SqliteEventLog")

_T = TypeVar("_T")

_PAGE = 256


@runtime_checkable
class EventLog(Protocol):
    """Where events are kept until a session has seen them."""

    async def append(self, session_id: str, envelope: dict[str, Any]) -> None:
        """Stores an envelope, unless its ``event_seq`` is there or was released."""
        ...

    def read_since_seq(self, session_id: str, after_seq: int) -> AsyncIterator[dict[str, Any]]:
        """The envelopes behind ``after_seq``, in their order."""
        ...

    async def latest_seq(self, session_id: str) -> int:
        """The highest ``event_seq`` that was ever stored; 0 for a session that is not known."""
        ...

    async def release_through(self, session_id: str, through_seq: int) -> None:
        """The session has seen all to this one: they may go."""
        ...

    async def drop_session(self, session_id: str) -> None:
        """The session is over: all of it may go."""
        ...

    async def close(self) -> None:
        """Nothing comes any more."""
        ...


def _place(envelope: dict[str, Any]) -> int:
    seq: object = envelope.get("event_seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 1:
        raise ValueError("an envelope in a log must have an event_seq from 1 on")
    return seq


class _Session:
    __slots__ = ("envelopes", "latest", "released", "seqs")

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.envelopes: list[dict[str, Any]] = []
        self.latest = 0
        self.released = 0


class InMemoryEventLog:
    """A log that ends with the process."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    async def append(self, session_id: str, envelope: dict[str, Any]) -> None:
        """Stores an envelope, unless its ``event_seq`` is there or was released.

        Raises:
            ValueError: it has no ``event_seq``.
        """
        seq = _place(envelope)
        session = self._sessions.setdefault(session_id, _Session())
        if seq <= session.released:
            return
        # The end, but for what comes late.
        at = bisect.bisect_left(session.seqs, seq) if seq <= session.latest else len(session.seqs)
        if at < len(session.seqs) and session.seqs[at] == seq:
            return
        session.seqs.insert(at, seq)
        session.envelopes.insert(at, dict(envelope))
        session.latest = max(session.latest, seq)

    async def read_since_seq(
        self, session_id: str, after_seq: int
    ) -> AsyncIterator[dict[str, Any]]:
        """The envelopes behind ``after_seq`` that are there now, in their order."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        # A copy of the list: it may change while this waits.
        for envelope in session.envelopes[bisect.bisect_right(session.seqs, after_seq) :]:
            yield envelope

    async def latest_seq(self, session_id: str) -> int:
        """The highest ``event_seq`` that was ever stored; 0 for a session that is not known."""
        session = self._sessions.get(session_id)
        return session.latest if session else 0

    async def release_through(self, session_id: str, through_seq: int) -> None:
        """The session has seen all to this one: they go."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        # No further than what there was: the next one has not been seen.
        through = min(through_seq, session.latest)
        session.released = max(session.released, through)
        seen = bisect.bisect_right(session.seqs, session.released)
        del session.seqs[:seen], session.envelopes[:seen]

    async def drop_session(self, session_id: str) -> None:
        """The session is over: all of it goes."""
        self._sessions.pop(session_id, None)

    async def close(self) -> None:
        """Forgets everything."""
        self._sessions.clear()


_SCHEMA = """
CREATE TABLE IF NOT EXISTS arcp_sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    latest INTEGER NOT NULL,
    released INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arcp_events (
    session_id TEXT NOT NULL,
    event_seq INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    PRIMARY KEY (session_id, event_seq)
) WITHOUT ROWID;
"""


class SqliteEventLog:
    """A log in a file, of SQLite. What ``append`` has returned from is on the disk.

    The file is opened by the first use. Work is done in threads, one at a time.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._closed = False

    async def append(self, session_id: str, envelope: dict[str, Any]) -> None:
        """Stores an envelope, unless its ``event_seq`` is there or was released.

        Raises:
            ValueError: it has no ``event_seq``, or is no JSON.
        """
        seq = _place(envelope)
        text = json.dumps(envelope, separators=(",", ":"), allow_nan=False)

        told = {"session": session_id, "seq": seq, "text": text}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO arcp_sessions VALUES (:session, :seq, 0) ON CONFLICT DO UPDATE"
                " SET latest = max(latest, :seq)",
                told,
            )
            connection.execute(
                "INSERT OR IGNORE INTO arcp_events SELECT :session, :seq, :text FROM arcp_sessions"
                " WHERE session_id = :session AND released < :seq",
                told,
            )

        await self._run(work)

    async def read_since_seq(
        self, session_id: str, after_seq: int
    ) -> AsyncIterator[dict[str, Any]]:
        """The envelopes behind ``after_seq``, in their order; those that come meanwhile too."""
        while True:
            rows = await self._run(_page(session_id, after_seq))
            for seq, text in rows:
                after_seq = seq
                yield json.loads(text)
            if len(rows) < _PAGE:
                return

    async def latest_seq(self, session_id: str) -> int:
        """The highest ``event_seq`` that was ever stored; 0 for a session that is not known."""

        def work(connection: sqlite3.Connection) -> int:
            asked = "SELECT latest FROM arcp_sessions WHERE session_id = ?"
            row = connection.execute(asked, (session_id,)).fetchone()
            return int(row[0]) if row else 0

        return await self._run(work)

    async def release_through(self, session_id: str, through_seq: int) -> None:
        """The session has seen all to this one: they go."""

        told = {"session": session_id, "seq": through_seq}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE arcp_sessions SET released = max(released, min(latest, :seq))"
                " WHERE session_id = :session",
                told,
            )
            connection.execute(
                "DELETE FROM arcp_events WHERE session_id = :session AND event_seq <= :seq",
                told,
            )

        await self._run(work)

    async def drop_session(self, session_id: str) -> None:
        """The session is over: all of it goes."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM arcp_events WHERE session_id = ?", (session_id,))
            connection.execute("DELETE FROM arcp_sessions WHERE session_id = ?", (session_id,))

        await self._run(work)

    async def close(self) -> None:
        """Closes the file. What is called afterwards raises ``RuntimeError``."""

        def work() -> None:
            with self._lock:
                self._closed = True
                if self._opened is not None:
                    self._opened.close()
                    self._opened = None

        await asyncio.to_thread(work)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        def locked() -> _T:
            with self._lock:
                connection = self._connection()
                with connection:
                    return work(connection)

        return await asyncio.to_thread(locked)

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise RuntimeError("the event log is closed")
        if self._opened is None:
            # Threads take turns, by the lock.
            connection = sqlite3.connect(self._path, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            self._opened = connection
        return self._opened


def _page(session_id: str, after_seq: int) -> Callable[[sqlite3.Connection], list[tuple[int, str]]]:
    def work(connection: sqlite3.Connection) -> list[tuple[int, str]]:
        return connection.execute(
            "SELECT event_seq, envelope FROM arcp_events WHERE session_id = ? AND event_seq > ?"
            " ORDER BY event_seq LIMIT ?",
            (session_id, after_seq, _PAGE),
        ).fetchall()

    return work
