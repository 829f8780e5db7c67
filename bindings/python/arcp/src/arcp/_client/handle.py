"""A job, as its client follows it."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, Protocol

from arcp._errors import InvalidRequestError
from arcp._events import Event, event_of
from arcp._messages import (
    CredentialPayload,
    JobAcceptedPayload,
    JobResultPayload,
    Lease,
    LeaseConstraints,
)

__all__ = ["Chunk", "JobHandle", "JobSubscription"]

Told = tuple[str, str | None, dict[str, Any], int | None]
"""Kind, time, body and the number in the session of an event."""

ROOM = 10_000
"""Events of one job that wait for who iterates over them before the connection is read no more."""
_CHUNK_ROOM = 32 << 20
"""The same for parts of results, in bytes."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a streamed result, decoded."""

    result_id: str
    chunk_seq: int
    is_text: bool
    data: bytes
    more: bool

    def body(self) -> dict[str, Any]:
        """As it stands on the wire (§8.4)."""
        text = self.data.decode() if self.is_text else base64.b64encode(self.data).decode()
        return {
            "result_id": self.result_id,
            "chunk_seq": self.chunk_seq,
            "data": text,
            "encoding": "utf8" if self.is_text else "base64",
            "more": self.more,
        }


class _Client(Protocol):
    """What is needed of the client whose handle it is."""

    async def cancel_job(self, job_id: str, *, reason: str = ...) -> None: ...

    def _choked(self, handle: JobHandle, is_full: bool) -> None: ...


class JobHandle:
    """A job that was submitted or subscribed to.

    Events wait here until they are read: iterate, or await ``done`` alone. Where 10,000 wait for an
    iteration that is under way, the connection is not read any more until some are read.
    """

    __slots__ = (
        "_chunk_bytes",
        "_chunk_waiter",
        "_chunks",
        "_client",
        "_end",
        "_event_waiter",
        "_events",
        "_is_iterated",
        "_is_over",
        "_is_own",
        "_older",
        "_terminal",
        "accepted",
        "job_id",
    )

    def __init__(self, job_id: str, accepted: JobAcceptedPayload) -> None:
        self.job_id = job_id
        self.accepted = accepted
        self._client: _Client | None = None
        self._older: JobHandle | None = None
        self._events: deque[Told] = deque()
        self._event_waiter: asyncio.Future[None] | None = None
        self._chunks: deque[Chunk] = deque()
        self._chunk_bytes = 0
        self._chunk_waiter: asyncio.Future[None] | None = None
        self._is_iterated = False
        # This session submitted it.
        self._is_own = False
        self._is_over = False
        self._end: JobResultPayload | BaseException | None = None
        self._terminal: asyncio.Future[JobResultPayload] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def agent_ref(self) -> str:
        """``name@version``, or the name of an agent without versions."""
        return self.accepted.agent or ""

    @property
    def lease(self) -> Lease:
        """What the job may."""
        return self.accepted.lease or {}

    @property
    def lease_constraints(self) -> LeaseConstraints | None:
        """Until when."""
        return self.accepted.lease_constraints

    @property
    def budget(self) -> dict[str, str] | None:
        """What it may spend, as it was accepted: amounts by currency."""
        return self.accepted.budget

    @property
    def credentials(self) -> tuple[CredentialPayload, ...]:
        """Its credentials of upstream services; its submitter alone has them."""
        return tuple(self.accepted.credentials or ())

    @property
    def trace_id(self) -> str | None:
        """The trace that it belongs to."""
        return self.accepted.trace_id

    @property
    def done(self) -> _Done:
        """Awaited, it is the payload of ``job.result``, or raises the error that the job ended
        with.

        It can be awaited many times. Cancelling who waits cancels nothing else.
        """
        return _Done(self._terminal)

    @property
    def is_done(self) -> bool:
        """Whether the job has ended, or the client has."""
        return self._terminal.done()

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens in the job, in order, up to its end. Parts of a result come by
        ``chunks``."""
        self._is_iterated = True
        events, job_id = self._events, self.job_id
        try:
            while True:
                while events:
                    kind, ts, body, seq = events.popleft()
                    if self._is_over:
                        self._breathe()
                    yield event_of(kind, ts, body, seq, job_id)
                if self._terminal.done():
                    return
                self._event_waiter = asyncio.get_running_loop().create_future()
                await self._event_waiter
        finally:
            self._is_iterated = False
            self._breathe()

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The parts of a streamed result, as they stand on the wire, up to the job's end."""
        async for chunk in self._parts():
            yield chunk.body()

    async def collect_chunks(self) -> bytes:
        """All of a streamed result: waits for the job's end.

        Raises:
            InvalidRequestError: Parts are missing.
        """
        whole = bytearray()
        expected: tuple[str, int] | None = None
        async for chunk in self._parts():
            if chunk.chunk_seq == 0:
                # It begins, or a subscription tells it from its beginning again.
                whole.clear()
            elif expected != (chunk.result_id, chunk.chunk_seq):
                raise InvalidRequestError(
                    f"part {chunk.chunk_seq} of the result {chunk.result_id[:64]}"
                    " came without those before it"
                )
            whole += chunk.data
            expected = (chunk.result_id, chunk.chunk_seq + 1)
        return bytes(whole)

    async def result(self) -> Any:
        """What the agent gave: its result, or the bytes of one that was streamed.

        Raises:
            ARCPError: How the job failed; its ``code`` says so.
        """
        collected = await self.collect_chunks()
        done = await self.done
        return collected if done.result_id is not None else done.result

    async def cancel(self, reason: str = "client.cancel") -> None:
        """Asks for its end (§7.4); ``done`` then raises ``CancelledError``."""
        if self._client is None:
            raise InvalidRequestError("the job belongs to no client")
        await self._client.cancel_job(self.job_id, reason=reason)

    async def _parts(self) -> AsyncGenerator[Chunk, None]:
        self._is_iterated = True
        try:
            while True:
                while self._chunks:
                    chunk = self._chunks.popleft()
                    self._chunk_bytes -= len(chunk.data)
                    if self._is_over:
                        self._breathe()
                    yield chunk
                if self._terminal.done():
                    return
                self._chunk_waiter = asyncio.get_running_loop().create_future()
                await self._chunk_waiter
        finally:
            self._is_iterated = False
            self._breathe()

    # What the client says.

    def _push(self, told: Told) -> None:
        self._events.append(told)
        waiter = self._event_waiter
        if waiter is not None:
            self._event_waiter = None
            if not waiter.done():
                waiter.set_result(None)
        elif self._is_iterated and len(self._events) > ROOM:
            self._choke()

    def _push_chunk(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self._chunk_bytes += len(chunk.data)
        waiter = self._chunk_waiter
        if waiter is not None:
            self._chunk_waiter = None
            if not waiter.done():
                waiter.set_result(None)
        elif self._is_iterated and self._chunk_bytes > _CHUNK_ROOM:
            self._choke()

    def _finish(self, end: JobResultPayload | BaseException) -> None:
        """How it ended; once."""
        older, self._older = self._older, None
        if older is not None:
            older._finish(end)
        if self._terminal.done():
            return
        if isinstance(end, BaseException):
            self._terminal.set_exception(end)
            # Nobody has to ask.
            self._terminal.exception()
        else:
            self._terminal.set_result(end)
        for waiter in (self._event_waiter, self._chunk_waiter):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        self._event_waiter = self._chunk_waiter = None

    def _choke(self) -> None:
        if not self._is_over and self._client is not None:
            self._is_over = True
            self._client._choked(self, True)

    def _breathe(self) -> None:
        enough = len(self._events) <= ROOM // 2 and self._chunk_bytes <= _CHUNK_ROOM // 2
        if self._is_over and (enough or not self._is_iterated) and self._client is not None:
            self._is_over = False
            self._client._choked(self, False)

    def __repr__(self) -> str:
        return f"<JobHandle {self.job_id} {self.agent_ref}>"


class _Done:
    """Waits for an end without owning it: a waiter that is cancelled cancels nobody else."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[JobResultPayload]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, None, JobResultPayload]:
        return asyncio.shield(self._future).__await__()

    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()


@dataclass
class JobSubscription:
    """A job that is followed, though another session submitted it (§7.6). The job's end ends it."""

    job_id: str
    request_id: str
    subscribed_from: int
    """The number of the job's own event behind which live ones begin."""
    replayed: int
    """Whether what had happened comes first."""
    handle: JobHandle
