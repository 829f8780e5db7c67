"""What an agent is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from arcp._errors import BudgetExhaustedError, InvalidRequestError, LeaseExpiredError
from arcp._messages import Lease, LeaseConstraints
from arcp._runtime.job import Job
from arcp._runtime.stream import ResultStream

if TYPE_CHECKING:
    from arcp._credentials import Credential

__all__ = ["Delegated", "JobContext"]

LogLevel = Literal["debug", "info", "warn", "error"]


class Delegated:
    """A job that an agent delegated. Awaited, it is what that gave, or raises how it failed."""

    __slots__ = ("_future", "delegate_id", "job_id")

    def __init__(self, delegate_id: str, job_id: str, future: asyncio.Future[Any]) -> None:
        self.delegate_id = delegate_id
        """As the agent named it: the ``call_id`` of its ``tool_result``."""
        self.job_id = job_id
        """What clients call it."""
        self._future = future

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(self._future).__await__()


class JobContext:
    """What an agent is given beside its input: what the job may, and how to tell what happens.

    Methods that tell something wait while a reader is slow. Once the job has ended they raise
    ``CancelledError`` or ``TimeoutError`` of this package; the agent's task is cancelled then too,
    so that what it awaits raises ``asyncio.CancelledError``.
    """

    __slots__ = ("_running", "chunk_size_cap", "job", "logger", "runtime", "signal")

    def __init__(
        self,
        job: Job,
        runtime: Any,
        signal: asyncio.Event,
        logger: Any,
        chunk_size_cap: int = 1 << 20,
    ) -> None:
        if job._running is None:
            raise InvalidRequestError("the job has not been started here")
        self.job = job
        self.runtime = runtime
        """The ``ARCPRuntime`` that runs it."""
        self.signal = signal
        """Set when the job has ended under its agent: cancelled, timed out, its lease over."""
        self.logger = logger or logging.getLogger("arcp")
        self.chunk_size_cap = chunk_size_cap
        """Bytes of one part of a streamed result."""
        self._running = job._running

    # What it is.

    @property
    def job_id(self) -> str:
        """What clients call the job."""
        return self.job.job_id

    @property
    def session_id(self) -> str:
        """The session that submitted it."""
        return self.job.session.session_id

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self.job.agent

    @property
    def agent_version(self) -> str | None:
        """The version that was chosen."""
        return self.job.agent_version

    @property
    def agent_ref(self) -> str:
        """Both."""
        return self.job.agent_ref

    @property
    def trace_id(self) -> str | None:
        """The job's trace."""
        return self.job.trace_id

    @property
    def attempt(self) -> int:
        """Which time the job is started: 1, and more after the runtime has ended under it."""
        return self.job.attempt

    # What it may.

    @property
    def lease(self) -> Lease:
        """What the job may: patterns by namespace."""
        return self.job.lease

    @property
    def lease_constraints(self) -> LeaseConstraints | None:
        """Until when."""
        return self.job.lease_constraints

    @property
    def budget(self) -> dict[str, Decimal]:
        """What is left of each currency."""
        return self.job.budget

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The job's credentials of upstream services."""
        return self.job.credentials

    def authorize(
        self,
        capability: str,
        target: str,
        *,
        cost: dict[str, Decimal] | None = None,
        now: datetime | None = None,
    ) -> str:
        """Whether the job may do this: to be asked before every operation that needs authority
        (§9.3).

        Args:
            capability: The lease's namespace, such as ``fs.read``; ``cost.budget`` asks whether
                something is left of a currency.
            target: What is read, written, fetched, called or used; the currency.
            cost: What it will cost, where that is known.
            now: Another time than now, for tests: later ones alone change something.

        Returns:
            The target in the form that was held against the lease. Use that one.

        Raises:
            PermissionDeniedError: The lease does not cover it.
            BudgetExhaustedError: Nothing is left of a currency, or not so much.
            LeaseExpiredError: Its time is over.
        """
        constraints = self.job.lease_constraints
        if now is not None and constraints is not None and constraints.expires_at is not None:
            until = datetime.fromisoformat(constraints.expires_at)
            if until <= now.astimezone(UTC):
                raise LeaseExpiredError("the lease has ended")
        if capability == "cost.budget" and (rest := self.budget.get(target)) is not None:
            if rest <= 0:
                raise BudgetExhaustedError(f"nothing is left of {target}")
            canonical = target
        else:
            canonical = self._running.authorize(capability, target)
        if cost:
            left = self.budget
            for currency, amount in cost.items():
                if currency in left and left[currency] < amount:
                    raise BudgetExhaustedError(
                        f"{amount} {currency} is more than is left: {left[currency]}"
                    )
        return canonical

    def authorize_model(self, model_id: str, *, now: datetime | None = None) -> str:
        """Whether the job may use this model (§9.7). Raises as ``authorize`` does."""
        return self.authorize("model.use", model_id, now=now)

    # What happens.

    async def emit(self, kind: str, body: Any) -> None:
        """An event of any kind; ``x-vendor.…`` is for one's own."""
        await self.job.emit_event(kind, body)

    async def log(
        self, level: LogLevel, message: str, attributes: dict[str, Any] | None = None
    ) -> None:
        """A line of a log."""
        body: dict[str, Any] = {"level": level, "message": message}
        if attributes is not None:
            body["attributes"] = attributes
        if self._running.emit("log", body):
            await self._running.ready()

    async def thought(self, text: str) -> None:
        """What the agent thinks."""
        if self._running.emit("thought", {"text": text}):
            await self._running.ready()

    async def status(self, phase: str, message: str | None = None) -> None:
        """The phase that the job is in."""
        body = {"phase": phase} if message is None else {"phase": phase, "message": message}
        if self._running.emit("status", body):
            await self._running.ready()

    async def metric(self, body: dict[str, Any]) -> None:
        """A figure: ``name``, ``value`` and ``unit``. One whose name begins with ``cost.`` and
        whose unit is budgeted is a cost; what is left is told behind it.

        Raises:
            InvalidRequestError: A cost below 0, or ``cost.budget.remaining``, which is the
                runtime's to
                tell: nothing is emitted then.
        """
        if self._running.emit("metric", body):
            await self._running.ready()

    async def tool_call(self, body: dict[str, Any]) -> None:
        """A tool is called: ``call_id``, ``tool``, ``args``."""
        if self._running.emit("tool_call", body):
            await self._running.ready()

    async def tool_result(self, body: dict[str, Any]) -> None:
        """What a tool gave: ``call_id``, and ``result`` or ``error``."""
        if self._running.emit("tool_result", body):
            await self._running.ready()

    async def artifact_ref(self, body: dict[str, Any]) -> None:
        """Something that was made, and where it is."""
        if self._running.emit("artifact_ref", body):
            await self._running.ready()

    async def progress(
        self,
        current: int,
        *,
        total: int | None = None,
        units: str | None = None,
        message: str | None = None,
    ) -> None:
        """How far the job is; nothing where no client asked for it."""
        body: dict[str, Any] = {"current": current}
        if total is not None:
            body["total"] = total
        if units is not None:
            body["units"] = units
        if message is not None:
            body["message"] = message
        if self._running.emit("progress", body):
            await self._running.ready()

    async def result_chunk(self, body: dict[str, Any]) -> None:
        """A part of a streamed result: ``data``, ``encoding`` and ``more``. The runtime names and
        numbers it. ``stream_result`` does more."""
        await self._running.result_chunk(body)

    def stream_result(self, *, result_id: str | None = None) -> ResultStream:
        """Writes a result piece by piece."""
        return ResultStream(self, result_id=result_id or f"res_{self.job_id}")

    async def rotate_credential(self, credential_id: str, new_value: str) -> None:
        """A credential has a new value (§9.8.2): its submitter is told it, others only that. Revoke
        the old value first."""
        self._running.rotate(credential_id, new_value)

    async def delegate(
        self,
        agent: str,
        input: Any = None,  # noqa: A002 (the protocol's word)
        *,
        delegate_id: str | None = None,
        lease_request: Lease | None = None,
        lease_constraints: LeaseConstraints | None = None,
    ) -> Delegated:
        """Delegates work to another agent, which the runtime runs (§10). It has no more authority
        than the job, and ends with it. Await what is given for its result.

        Raises:
            PermissionDeniedError: The lease has no ``agent.delegate`` for it.
            AgentNotAvailableError: There is no such agent.
            LeaseSubsetViolationError: It would have more than the job has.
        """
        body: dict[str, Any] = {"agent": agent, "input": input}
        if delegate_id is not None:
            body["delegate_id"] = delegate_id
        if lease_request is not None:
            body["lease_request"] = lease_request
        if lease_constraints is not None:
            body["lease_constraints"] = lease_constraints.model_dump(exclude_none=True)
        return Delegated(*self._running.delegate(body))
