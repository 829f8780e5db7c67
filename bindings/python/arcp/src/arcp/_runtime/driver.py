"""The runtime's engine on an event loop: its connections, and what its wishes come to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from arcp._auth import BearerVerifier
from arcp._errors import ARCPError, UnauthenticatedError
from arcp._runtime.running import Running
from arcp._transport.base import Frames, Link, Transport
from arcp._transport.pump import attach
from ixt_sdk._native import (
    ARCP_AUDIT,
    ARCP_AUTHENTICATE,
    ARCP_CHILD_ENDED,
    ARCP_CLOSE,
    ARCP_PERMIT,
    ARCP_PROVISION,
    ARCP_READY,
    ARCP_REVOKE,
    ARCP_START,
    ARCP_STOP,
)
from ixt_sdk.arcp import ArcpRuntime, ArcpSocket

if TYPE_CHECKING:
    from arcp._store import EventLog

__all__ = ["Connection", "Driver", "Why", "why_of"]

_WRITE = 64 << 10
"""Bytes that are written to a connection at once."""
_ROUNDS = 64
"""Rounds of one turn, before others of the loop have theirs."""

Why = tuple[str, str, dict[str, Any] | None]
"""Code, message and details of a refusal."""


def why_of(error: BaseException) -> Why:
    """As the engine takes it. What others raise is a fault of the runtime."""
    if isinstance(error, ARCPError):
        return error.code, error.message, error.details or None
    return "INTERNAL_ERROR", str(error) or type(error).__name__, None


class Driver:
    """Turns the engine's wishes into tasks and writes. Used from one event loop."""

    def __init__(
        self, engine: ArcpRuntime, verifier: BearerVerifier, logger: logging.Logger
    ) -> None:
        self.engine = engine
        self.verifier = verifier
        self.logger = logger
        self.jobs: dict[int, Running] = {}
        self.log: EventLog | None = None
        self.has_store = False
        self.loop = asyncio.get_running_loop()
        self._connections: dict[int, Connection] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writable: set[int] = set()
        self._is_poked = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.is_closed = False
        # What the runtime does about what the engine wants.
        self.start: Callable[[tuple[Any, ...]], None] = lambda _: None
        self.provision: Callable[[tuple[Any, ...]], Awaitable[None]] | None = None
        self.revoke: Callable[[tuple[Any, ...]], Awaitable[None]] | None = None
        self.permit: Callable[[str, str, list[int]], list[int]] | None = None
        self.audit: Callable[[dict[str, Any]], None] | None = None
        self.on_turn: Callable[[], None] | None = None

    def poke(self) -> None:
        """The engine was told something: sees to what it wants in the loop's next turn."""
        if not self._is_poked:
            self._is_poked = True
            self.loop.call_soon(self.turn)

    def turn(self) -> None:
        """Sees to all that the engine wants."""
        self._is_poked = False
        engine = self.engine
        due: float | None = None
        for _ in range(_ROUNDS):
            events, writable, due = engine.turn()
            if self.on_turn is not None:
                self.on_turn()
            if events is None and writable is None:
                break
            if events is not None:
                for event in events:
                    self._see_to(event)
            if writable is not None:
                # In the loop's next turn: who is ready to emit goes first, so that one write
                # carries it all.
                if not self._writable:
                    self.loop.call_soon(self._write)
                self._writable.update(writable)
        else:
            self.poke()
        self._arm(due)

    def _write(self) -> None:
        writable, self._writable = self._writable, set()
        for key in writable:
            connection = self._connections.get(key)
            if connection is not None and connection.link is not None:
                connection.link.flush()

    def _arm(self, due: float | None) -> None:
        if due is None:
            return
        at = self.loop.time() + due
        if self._timer is not None:
            # Later than it was is found out when it is due.
            if at >= self._due - 0.001 and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._due = at
        self._timer = self.loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self.is_closed:
            self.turn()

    def spawn(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """A task that nobody waits for; its failure is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.logger.error("a task of the runtime failed", exc_info=error)

    def _see_to(self, event: tuple[Any, ...]) -> None:
        what = event[0]
        if what == ARCP_READY:
            running = self.jobs.get(event[1])
            if running is not None:
                running.is_ready()
        elif what == ARCP_START:
            self.start(event)
        elif what == ARCP_STOP:
            running = self.jobs.get(event[1])
            if running is not None:
                running.stop(event[2], event[3])
        elif what == ARCP_AUTHENTICATE:
            self.spawn(self._authenticate(event[1], event[3]))
        elif what == ARCP_CHILD_ENDED:
            running = self.jobs.get(event[1])
            if running is not None:
                running.child_ended(event[2], event[3], event[4])
        elif what == ARCP_PROVISION and self.provision is not None:
            self.spawn(self.provision(event))
        elif what == ARCP_REVOKE and self.revoke is not None:
            self.spawn(self.revoke(event))
        elif what == ARCP_CLOSE:
            connection = self._connections.get(event[1])
            if connection is not None:
                connection.close()
        elif what == ARCP_PERMIT:
            _, ticket, principal, operation, jobs = event
            allowed = self.permit(principal, operation, jobs) if self.permit is not None else []
            self.engine.permitted(ticket, allowed)
        elif what == ARCP_AUDIT and self.audit is not None:
            self.audit(event[1])

    async def _authenticate(self, connection: int, token: str) -> None:
        try:
            identity = await self.verifier.verify(token)
        except ARCPError as error:
            self.engine.authenticated(connection, None, why_of(error))
        except Exception:
            # What went wrong there may name the token.
            self.logger.exception("the verifier failed")
            refusal = UnauthenticatedError("the token could not be checked")
            self.engine.authenticated(connection, None, why_of(refusal))
        else:
            self.engine.authenticated(connection, identity.principal)
        self.turn()

    async def serve(self, transport: Transport) -> None:
        """Serves a connection until it is over."""
        connection = Connection(self)
        self._connections[connection.key] = connection
        connection.link = attach(transport, connection)
        self.poke()
        try:
            await connection.over
        except asyncio.CancelledError:
            connection.link.close()
            raise
        finally:
            self._connections.pop(connection.key, None)
            if not connection.over.done():
                connection.over.cancel()
                self.engine.transport_ended(connection.key)
                self.poke()

    async def close(self) -> None:
        """Ends every connection, once what waits is written, and stops every agent where it is."""
        if self.is_closed:
            return
        self.is_closed = True
        connections = list(self._connections.values())
        for connection in connections:
            connection.close()
        overs = [connection.over for connection in connections if not connection.over.done()]
        if overs:
            await asyncio.wait(overs, timeout=1.0)
        tasks = [running.task for running in self.jobs.values() if running.task is not None]
        tasks += self._tasks
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        for connection in connections:
            if not connection.over.done():
                connection.over.set_result(None)
                # What its log did not take in time is not told.
                if connection.link is not None:
                    connection.link.close()
        if self._timer is not None:
            self._timer.cancel()


class Connection:
    """A connection of the engine, as its transport has it."""

    __slots__ = (
        "_driver",
        "_engine",
        "_is_closing",
        "_logged",
        "_logging",
        "_session",
        "key",
        "link",
        "over",
    )

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._engine = driver.engine
        self.key = driver.engine.connect()
        self.link: Link | None = None
        self.over: asyncio.Future[None] = driver.loop.create_future()
        # What waits to be sent until the user's log has it.
        self._logged: Frames = []
        self._logging: asyncio.Task[Any] | None = None
        self._session: str | None = None
        self._is_closing = False

    def close(self) -> None:
        """Ends the transport, once what waits is written: with a log, once that has it too."""
        link = self.link
        if link is None:
            return
        if self._driver.log is None:
            link.close()
        else:
            self._is_closing = True
            link.flush()

    def take(self, frames: Frames) -> None:
        if self._driver.log is not None:
            self._watch([_read(frame) for frame in frames])
        self._engine.receive(self.key, frames)
        self._driver.turn()

    def take_object(self, frame: dict[str, Any]) -> None:
        if self._driver.log is not None:
            self._watch([frame])
        try:
            self._engine.receive_object(self.key, frame)
        except ARCPError as error:
            # Nothing that JSON can say, so nothing that can be answered to.
            self._engine.receive(self.key, [f'"{error.code}"'.encode()])
        self._driver.turn()

    def take_socket(self, socket: ArcpSocket, data: bytes) -> bool:
        if self._driver.log is not None:
            frames = socket.receive(data)
            if frames:
                self.take(frames)
            return not socket.is_closed
        goes_on = self._engine.receive_socket(self.key, socket, data)
        self._driver.turn()
        return goes_on

    def give(self) -> Frames:
        if self._driver.log is not None:
            return self._give_logged()
        frames = self._engine.transmit(self.key, _WRITE)
        if not frames:
            self._ask_store()
        return frames

    def give_socket(self, socket: ArcpSocket) -> bytes | None:
        if self._driver.log is not None:
            frames = self._give_logged()
            return socket.send(frames) if frames else socket.output()
        data = self._engine.transmit_socket(self.key, socket, _WRITE)
        if data is None:
            self._ask_store()
        return data

    def _ask_store(self) -> None:
        """What there was to be sent may have to be loaded first."""
        if self._driver.has_store:
            self._driver.poke()

    def sent(self) -> None:
        # Agents that waited for room may go on.
        self._driver.poke()

    def lost(self, why: BaseException | None) -> None:  # noqa: ARG002 (nobody here asks)
        if self.over.done():
            return
        self.over.set_result(None)
        if self._logging is not None:
            self._logging.cancel()
        self._engine.transport_ended(self.key)
        self._driver.poke()

    # With a log of the user's: nothing leaves before it has it.

    def _give_logged(self) -> Frames:
        logged, self._logged = self._logged, []
        if self._logging is None:
            frames = self._engine.transmit(self.key, _WRITE)
            self._ask_store()
            if frames:
                self._logging = self._driver.spawn(self._log(frames))
            elif self._is_closing and self.link is not None:
                self._is_closing = False
                self._driver.loop.call_soon(self.link.close)
        return logged

    async def _log(self, frames: Frames) -> None:
        log = self._driver.log
        assert log is not None
        try:
            for frame in frames:
                envelope = json.loads(frame)
                session = envelope.get("session_id")
                self._session = session or self._session
                if session is not None and envelope.get("event_seq") is not None:
                    await log.append(session, envelope)
        except Exception:
            # What is not kept is not told.
            self._driver.logger.exception("the event log failed")
            if self.link is not None:
                self.link.close()
            return
        finally:
            self._logging = None
        self._logged += frames
        if self.link is not None:
            self.link.flush()

    def _watch(self, frames: list[Any]) -> None:
        log = self._driver.log
        if log is None or self._session is None:
            return
        for frame in frames:
            if not isinstance(frame, dict):
                continue
            said_here = cast(dict[str, Any], frame)
            kind = said_here.get("type")
            if kind == "session.ack":
                payload = said_here.get("payload")
                if not isinstance(payload, dict):
                    continue
                said = cast(dict[str, Any], payload).get("last_processed_seq")
                if isinstance(said, int):
                    self._driver.spawn(log.release_through(self._session, said))
            elif kind in ("session.close", "session.bye"):
                self._driver.spawn(log.drop_session(self._session))


def _read(frame: bytes) -> Any:
    """What a frame says; None where it is no JSON, which the engine answers to."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        return None
