"""A client: one session with a runtime, over any transport."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from arcp._client.handle import Chunk, JobHandle, JobSubscription
from arcp._client.keeper import Dial, Keeper
from arcp._errors import ARCPError, InvalidRequestError, TransportClosed, error_class_for
from arcp._messages import (
    Capabilities,
    ClientInfo,
    JobAcceptedPayload,
    JobResultPayload,
    Lease,
    LeaseConstraints,
    ListJobsFilter,
    SessionJobsPayload,
    SessionResume,
    SessionWelcomePayload,
)
from arcp._transport.base import Frames, Link, Transport
from arcp._transport.pump import attach
from arcp._version import ALL_FEATURES
from ixt_sdk._native import (
    ARCP_ACCEPTED,
    ARCP_BROKEN,
    ARCP_CANCELLED,
    ARCP_CHUNK,
    ARCP_CLOSED,
    ARCP_FAILED,
    ARCP_GAP,
    ARCP_JOB,
    ARCP_JOBS,
    ARCP_LOST,
    ARCP_REFUSED,
    ARCP_RESULT,
    ARCP_SUBSCRIBED,
    ARCP_WELCOME,
)
from ixt_sdk.arcp import ArcpClient, ArcpSocket

__all__ = ["ARCPClient", "AutoAckOptions"]

_CLOSE = 1.0
"""Seconds that ``close`` waits for the runtime's answer."""

_ENDS = frozenset({"success", "error", "cancelled", "timed_out"})
"""States in which a job has ended."""
_Failure = tuple[str, str, bool, dict[str, Any] | None]


@dataclass(frozen=True)
class AutoAckOptions:
    """How often the runtime is told what was taken in (§6.5)."""

    every_n: int = 100
    """After so many events,"""
    interval_sec: float = 1.0
    """and where there was any after so many seconds."""


class ARCPClient:
    """A session with a runtime: submits jobs and follows them.

    ``connect`` begins it, ``close`` ends it; with ``async with`` the latter is done at the end. A
    session outlives its transport: ``resume`` goes on with it over another one (§6.3). Used from
    one event loop.

    Args:
        client: Who this is, as the runtime is told.
        token: Says whose session it is.
        capabilities: What the client can; its features say it all.
        features: The same, where ``capabilities`` is not given; by default all.
        auto_ack: Whether the runtime is told by itself what was taken in; without it ``ack`` does.
        handshake_timeout_sec: Seconds for a welcome, and for the answer to a request.
        logger: Takes warnings; by default ``logging``'s ``arcp``.
    """

    def __init__(
        self,
        *,
        client: ClientInfo,
        token: str,
        capabilities: Capabilities | None = None,
        features: tuple[str, ...] | None = None,
        auto_ack: AutoAckOptions | bool = False,
        handshake_timeout_sec: float = 5.0,
        logger: Any = None,
    ) -> None:
        self.client_info = client
        self.token = token
        if capabilities is None:
            chosen = ALL_FEATURES if features is None else tuple(features)
            capabilities = Capabilities(encodings=("json",), features=chosen)
        self.capabilities = capabilities
        self.features = tuple(capabilities.features)
        self.auto_ack = AutoAckOptions() if auto_ack is True else (auto_ack or None)
        self.handshake_timeout_sec = handshake_timeout_sec
        self.logger = logger or logging.getLogger("arcp")
        self._engine = ArcpClient(
            name=client.name, version=client.version, features=list(self.features)
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        # Of a transport with spans: the trace that is current.
        self._current_trace: Callable[[], str | None] | None = None
        self._endpoint: _Endpoint | None = None
        self._welcome: SessionWelcomePayload | None = None
        self._welcomed: asyncio.Future[SessionWelcomePayload] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._handles: dict[str, JobHandle] = {}
        # Of a session that is gone on with: jobs that nobody has asked for yet; None otherwise.
        self._unclaimed: dict[str, JobHandle] | None = None
        self._given_up: set[str] = set()
        self._choking: set[JobHandle] = set()
        self._is_paused = False
        self._is_poked = False
        self._timer: asyncio.TimerHandle | None = None
        self._ack_timer: asyncio.TimerHandle | None = None
        self._acked = 0
        self._is_closed = False
        self._keeper: Keeper | None = None

    # The session.

    @property
    def session_id(self) -> str | None:
        """The session's id, once it was welcomed."""
        return self._engine.session_id

    @property
    def welcome(self) -> SessionWelcomePayload | None:
        """What the runtime said at last when it welcomed the session."""
        return self._welcome

    @property
    def negotiated_features(self) -> tuple[str, ...]:
        """What both ends can."""
        both = set(self._engine.features)
        return tuple(name for name in self.features if name in both)

    def has_feature(self, name: str) -> bool:
        """Whether both ends can this."""
        return name in self._engine.features

    @property
    def latest_event_seq(self) -> int:
        """The number of the last event that came: what ``SessionResume`` goes on behind."""
        return self._engine.last_event

    async def connect(self, transport: Transport) -> SessionWelcomePayload:
        """Begins a session.

        Raises:
            ARCPError: The runtime refuses it; ``UnauthenticatedError`` where it is for the token.
            TimeoutError: It does not answer in ``handshake_timeout_sec``.
            TransportClosed: The transport ended first.
        """
        self._engine.forget_session()
        self._unclaimed = None
        return await self._greet(transport)

    async def resume(self, transport: Transport, *, resume: SessionResume) -> SessionWelcomePayload:
        """Goes on with a session over a new transport (§6.3), of this client or of another: what
        happened behind ``resume.last_event_seq`` is told first. Its jobs are had by ``job``.

        Raises:
            ResumeWindowExpiredError: It cannot be gone on with any more.
            ARCPError: As ``connect``.
        """
        self._engine.go_on_with(resume.session_id, resume.resume_token, resume.last_event_seq)
        self._unclaimed = {}
        return await self._greet(transport)

    async def _greet(self, transport: Transport) -> SessionWelcomePayload:
        self._is_closed = False
        # Of the last connection.
        self._is_paused = False
        self._acked = 0
        self._loop = asyncio.get_running_loop()
        self._welcomed = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._endpoint = _Endpoint(self)
        self._link = attach(transport, self._endpoint)
        self._current_trace = getattr(transport, "_current_trace", None)
        self._engine.hello(self.token)
        self._link.flush()
        try:
            async with asyncio.timeout(self.handshake_timeout_sec):
                self._welcome = await self._welcomed
        except BaseException:
            self._link.close()
            raise
        finally:
            self._welcomed = None
        self._arm()
        self._arm_ack()
        return self._welcome

    def _keep(self, dial: Dial) -> None:
        """From now on goes on with the session by itself when its connection is lost."""

        def window() -> float:
            return float(self._welcome.resume_window_sec) if self._welcome is not None else 0.0

        self._keeper = Keeper(dial, self._greet, self._give_up, window)

    def job(self, job_id: str) -> JobHandle:
        """The handle of a job of this session: the one that there is, or a new one, which is told
        what happens from now on. For what a resumed session goes on with: what was told since it
        was is there."""
        handle = self._handles.get(job_id)
        if self._unclaimed is not None:
            handle = self._unclaimed.pop(job_id, handle)
        if handle is None:
            accepted = JobAcceptedPayload.model_validate({"job_id": job_id})
            handle = self._open(job_id, accepted)
        return handle

    async def close(self, *, reason: str = "client.close") -> None:
        """Ends the session in order (§6.7), and the transport. Jobs go on; handles that wait get
        ``TransportClosed``. Once more does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._keeper is not None:
            self._keeper.stop()
        link, ended, endpoint = self._link, self._ended, self._endpoint
        if link is not None and ended is not None and not ended.done():
            self._engine.close(reason)
            link.flush()
            await _within(_CLOSE, ended)
            link.close()
        if endpoint is not None:
            await _within(_CLOSE, endpoint.gone)
        self._give_up(TransportClosed("the client was closed"))

    async def aclose(self) -> None:
        """As ``close``: for ``contextlib.aclosing``."""
        await self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # What can be asked.

    async def submit(
        self,
        *,
        agent: str,
        input: Any = None,  # noqa: A002 (the protocol's word)
        lease_request: Lease | None = None,
        lease_constraints: LeaseConstraints | None = None,
        idempotency_key: str | None = None,
        max_runtime_sec: int | None = None,
        trace_id: str | None = None,
        parent_job_id: str | None = None,
    ) -> JobHandle:
        """Submits a job (§7.1), and gives its handle once it was accepted.

        Args:
            agent: ``name``, or ``name@version``.
            input: What it works on; anything that is JSON.
            lease_request: What it shall be allowed: patterns by namespace (§9.2).
            lease_constraints: Until when.
            idempotency_key: The same key with the same parameters is the same job (§7.2).
            max_runtime_sec: How long it may run.
            trace_id: The trace that it belongs to: 32 hex digits, or a traceparent. By default the
                current one, where the transport has spans.
            parent_job_id: Refused: jobs are delegated by agents, whose lease bounds them (§10).

        Raises:
            ARCPError: Why it was not accepted.
            TransportClosed: The transport ended first: it may have been.
        """
        if parent_job_id is not None:
            raise InvalidRequestError(
                "parent_job_id: a job is delegated by the agent that has the lease (ctx.delegate)"
            )
        if trace_id is None and self._current_trace is not None:
            trace_id = self._current_trace()
        expires_at = None if lease_constraints is None else lease_constraints.expires_at
        handle: JobHandle = await self._ask(
            lambda: self._engine.submit(
                agent,
                input,
                lease_request,
                expires_at,
                idempotency_key,
                max_runtime_sec,
                trace_id,
            )
        )
        return handle

    async def cancel_job(self, job_id: str, *, reason: str = "client.cancel") -> None:
        """Cancels a job that this session submitted (§7.4). Its end follows, unless it had ended.

        Raises:
            JobNotFoundError: There is no such job, or it is another principal's.
            PermissionDeniedError: Another session of this principal submitted it.
        """
        await self._ask(lambda: self._engine.cancel(job_id, reason))

    async def list_jobs(
        self,
        *,
        filter: ListJobsFilter | None = None,  # noqa: A002 (the protocol's word)
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SessionJobsPayload:
        """The jobs that there are (§6.6), oldest first; ``next_cursor`` is where the next list goes
        on.

        Raises:
            InvalidRequestError: The runtime has no lists, or a filter or a cursor is none.
        """
        wanted: dict[str, Any] = {}
        if filter is not None:
            wanted["filter"] = filter.model_dump(exclude_none=True)
        if limit is not None:
            wanted["limit"] = limit
        if cursor is not None:
            wanted["cursor"] = cursor
        payload: dict[str, Any] = await self._ask(lambda: self._engine.list_jobs(wanted))
        return SessionJobsPayload.model_validate(payload)

    async def subscribe(
        self, job_id: str, *, history: bool = False, from_event_seq: int | None = None
    ) -> JobSubscription:
        """Follows a job of any session of this principal (§7.6). Where this client has a handle of
        it, that is followed; where its history comes again, it comes to a new handle, and the old
        one is told the end alone.

        Args:
            job_id: Which.
            history: Whether what has happened comes first.
            from_event_seq: Then from behind this of its own events on, as lists say it.

        Raises:
            InvalidRequestError: The runtime has no subscriptions.
            JobNotFoundError: There is no such job.
            PermissionDeniedError: It is another principal's.
        """
        history_from = (from_event_seq or 0) if history else None
        subscription: JobSubscription = await self._ask(
            lambda: self._engine.subscribe(job_id, history_from)
        )
        return subscription

    async def unsubscribe(self, job_id: str) -> None:
        """Follows a job no more: its handle ends with ``TransportClosed``. Who submitted a job is
        told how it goes all the same."""
        self._engine.unsubscribe(job_id)
        self._poke()
        handle = self._handles.get(job_id)
        if handle is not None and handle._is_own:
            return
        self._given_up.add(job_id)
        if handle is not None:
            del self._handles[job_id]
            handle._finish(TransportClosed("the subscription was given up"))

    async def ack(self, last_processed_seq: int) -> None:
        """Says that all events up to this number are done with (§6.5). Nothing where the runtime
        does not know acks."""
        self._engine.ack(last_processed_seq)
        self._poke()

    async def _ask(self, ask: Callable[[], int]) -> Any:
        if self._loop is None or self._link is None:
            raise InvalidRequestError("the client is not connected")
        if self._keeper is not None:
            await self._keeper.there()
        if self._is_closed or (self._ended is not None and self._ended.done()):
            raise TransportClosed(
                "the client was closed" if self._is_closed else "the transport is closed"
            )
        request = ask()
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[request] = answer
        if self._is_paused:
            self._pace()
        self._poke()
        try:
            return await answer
        finally:
            self._waiting.pop(request, None)
            if self._choking:
                self._pace()

    # What keeps it going.

    def _poke(self) -> None:
        """There is something to send: in the loop's next turn, so that what is said at once goes at
        once."""
        if not self._is_poked and self._loop is not None:
            self._is_poked = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_poked = False
        if self._link is not None:
            self._link.flush()

    def _arm(self) -> None:
        events, due = self._engine.turn()
        self._tell(events)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None and self._loop is not None:
            self._timer = self._loop.call_later(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._arm()
        self._flush()

    def _arm_ack(self) -> None:
        if self.auto_ack is not None and self._loop is not None and self.has_feature("ack"):
            self._ack_timer = self._loop.call_later(self.auto_ack.interval_sec, self._ack_late)

    def _ack_late(self) -> None:
        self._ack_now()
        self._arm_ack()

    def _ack_now(self) -> None:
        last = self._engine.last_event
        if last > self._acked:
            self._acked = last
            self._engine.ack(last)
            self._poke()

    def _choked(self, handle: JobHandle, is_full: bool) -> None:
        (self._choking.add if is_full else self._choking.discard)(handle)
        self._pace()

    def _pace(self) -> None:
        """Who iterates slowly is waited for, unless somebody waits for an answer."""
        pause = bool(self._choking) and not self._waiting
        if pause == self._is_paused or self._link is None:
            return
        self._is_paused = pause
        (self._link.pause if pause else self._link.resume)()

    # What the engine says.

    def _tell(self, events: list[tuple[Any, ...]]) -> None:
        handles = self._handles
        for event in events:
            what = event[0]
            if what == ARCP_JOB:
                handle = handles.get(event[1]) or self._resumed(event[1])
                if handle is not None:
                    handle._push((event[3], event[4], event[5], event[2]))
            elif what == ARCP_CHUNK:
                handle = handles.get(event[1]) or self._resumed(event[1])
                if handle is not None:
                    handle._push_chunk(Chunk(event[3], event[4], event[5], event[6], event[7]))
            else:
                self._tell_rarer(what, event)
        if (
            self.auto_ack is not None
            and self._engine.last_event - self._acked >= self.auto_ack.every_n
        ):
            self._ack_now()

    def _tell_rarer(self, what: int, event: tuple[Any, ...]) -> None:
        if what == ARCP_RESULT:
            self._end(event[1], JobResultPayload.model_validate(event[3]))
        elif what == ARCP_FAILED:
            self._end(event[1], _error(event[4]))
        elif what == ARCP_ACCEPTED:
            _, request, job_id, trace_id, payload = event
            payload.setdefault("job_id", job_id)
            if trace_id is not None:
                payload.setdefault("trace_id", trace_id)
            handle = self._open(job_id, JobAcceptedPayload.model_validate(payload))
            handle._is_own = True
            self._answer(request, handle)
        elif what == ARCP_SUBSCRIBED:
            self._subscribed(event)
        elif what == ARCP_CANCELLED:
            self._answer(event[1], event[3])
        elif what == ARCP_JOBS:
            self._answer(event[1], event[2])
        elif what == ARCP_REFUSED:
            self._refuse(event[1], _error(event[2]))
        elif what == ARCP_WELCOME:
            if self._welcomed is not None and not self._welcomed.done():
                payload = event[3]
                payload.setdefault("session_id", event[1])
                self._welcomed.set_result(SessionWelcomePayload.model_validate(payload))
        elif what == ARCP_BROKEN:
            self._broken(_error(event[1]))
        elif what == ARCP_LOST:
            self.logger.warning("the runtime is silent: %s", event[1][1])
            link, self._endpoint = self._link, None
            self._lost(_error(event[1]))
            if link is not None:
                link.close()
        elif what == ARCP_GAP:
            self.logger.warning(
                "events %s to %s of the session are missing", event[1], event[2] - 1
            )
        elif what == ARCP_CLOSED and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _subscribed(self, event: tuple[Any, ...]) -> None:
        _, request, job_id, replayed, subscribed_from, payload = event
        payload.setdefault("job_id", job_id)
        handle = self._open(job_id, JobAcceptedPayload.model_validate(payload), anew=replayed)
        request_id = payload.get("request_id") or ""
        self._given_up.discard(job_id)
        subscription = JobSubscription(
            job_id, request_id, subscribed_from or 0, int(replayed), handle
        )
        self._answer(request, subscription)
        if not replayed and payload.get("current_status") in _ENDS:
            # Nothing more is told of it.
            why = "the job had ended: subscribe with its history to hear how"
            self._end(job_id, InvalidRequestError(why))

    def _open(self, job_id: str, accepted: JobAcceptedPayload, *, anew: bool = False) -> JobHandle:
        older = self._handles.get(job_id)
        if older is not None and not anew:
            # The same job once more: an idempotency key came again, or one's own is followed.
            return older
        handle = JobHandle(job_id, accepted)
        handle._client = self
        # What is told from the beginning again is for the new one; both hear of the end.
        handle._older = older
        self._handles[job_id] = handle
        return handle

    def _resumed(self, job_id: str) -> JobHandle | None:
        """A handle for a job that an earlier connection began, until somebody asks for it."""
        if self._unclaimed is None or job_id in self._given_up:
            return None
        handle = self._open(job_id, JobAcceptedPayload.model_validate({"job_id": job_id}))
        self._unclaimed[job_id] = handle
        return handle

    def _end(self, job_id: str, end: JobResultPayload | BaseException) -> None:
        handle = self._handles.pop(job_id, None) or self._resumed(job_id)
        self._handles.pop(job_id, None)
        if handle is not None:
            handle._finish(end)

    def _answer(self, request: int, answer: Any) -> None:
        waiting = self._waiting.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _refuse(self, request: int, error: BaseException) -> None:
        waiting = self._waiting.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def _broken(self, error: ARCPError) -> None:
        """An error of the session, and of no request."""
        if self._welcomed is not None and not self._welcomed.done():
            self._welcomed.set_exception(error)
        else:
            self.logger.warning("the runtime says: %s", error)
            self._give_up(error)

    def _lost(self, error: BaseException) -> None:
        """The transport is over; the session is not."""
        self._engine.transport_ended()
        if self._keeper is not None and self._keeper.begin(error):
            self._pause(error)
        else:
            self._give_up(error)
        self._tell(self._engine.turn()[0])

    def _give_up(self, error: BaseException) -> None:
        """Nothing more comes of this session."""
        self._pause(error)
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            handle._finish(error)
        self._choking.clear()

    def _pause(self, error: BaseException) -> None:
        """Nothing more comes of this connection."""
        for timer in (self._timer, self._ack_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._ack_timer = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._welcomed is not None and not self._welcomed.done():
            self._welcomed.set_exception(error)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._is_paused = False


async def _within(seconds: float, future: asyncio.Future[None]) -> None:
    """Waits for it, but not longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.shield(future)


class _Endpoint:
    """The client's engine, as one transport has it."""

    __slots__ = ("_client", "gone")

    def __init__(self, client: ARCPClient) -> None:
        self._client = client
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the transport is over."""

    def take(self, frames: Frames) -> None:
        client = self._client
        client._tell(client._engine.receive(frames))
        client._poke()

    def take_object(self, frame: dict[str, Any]) -> None:
        client = self._client
        client._tell(client._engine.receive_object(frame))
        client._poke()

    def take_socket(self, socket: ArcpSocket, data: bytes) -> bool:
        client = self._client
        events, goes_on = client._engine.receive_socket(socket, data)
        client._tell(events)
        client._poke()
        return goes_on

    def give(self) -> Frames:
        return self._client._engine.transmit()

    def give_socket(self, socket: ArcpSocket) -> bytes | None:
        return self._client._engine.transmit_socket(socket)

    def sent(self) -> None: ...

    def lost(self, why: BaseException | None) -> None:
        client = self._client
        if not self.gone.done():
            self.gone.set_result(None)
        if client._endpoint is not self:
            # It has gone on over another one.
            return
        client._lost(TransportClosed(str(why) if why else "the transport is closed"))


def _error(why: _Failure) -> ARCPError:
    code, message, retryable, details = why
    error = error_class_for(code)(message, retryable=retryable, details=details)
    if error.code != code:
        error.code = code
    return error
