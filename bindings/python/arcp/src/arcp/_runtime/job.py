"""A job, as its runtime has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from arcp._errors import InvalidRequestError
from arcp._messages import JobErrorPayload, JobResultPayload, Lease, LeaseConstraints
from arcp._runtime.running import Running
from arcp._runtime.session import SessionContext
from ixt_sdk.arcp import ArcpRuntime

if TYPE_CHECKING:
    from arcp._credentials import Credential

__all__ = ["Job"]


class Job:
    """A job. Of one whose agent does not run, ``lease`` and what follows it are empty."""

    __slots__ = (
        "_engine",
        "_key",
        "_running",
        "agent",
        "agent_version",
        "attempt",
        "credentials",
        "initial_budget",
        "job_id",
        "lease",
        "lease_constraints",
        "parent_job_id",
        "session",
        "submitted_at",
        "submitter_principal",
        "trace_id",
        "traceparent",
    )

    def __init__(
        self, engine: ArcpRuntime, key: int, job_id: str, principal: str, agent: str
    ) -> None:
        self._engine = engine
        self._key = key
        self._running: Running | None = None
        self.job_id = job_id
        """What clients call it."""
        name, _, version = agent.partition("@")
        self.agent = name
        """Its agent's name."""
        self.agent_version = version or None
        """The version that was chosen, where the agent has any."""
        self.submitter_principal = principal
        """Whose it is."""
        self.session = SessionContext("", principal)
        """The session that submitted it."""
        self.lease: Lease = {}
        """What it may."""
        self.lease_constraints: LeaseConstraints | None = None
        """Until when."""
        self.initial_budget: dict[str, Decimal] = {}
        """What it might spend when it was started, by currency."""
        self.parent_job_id: str | None = None
        """The job that delegated it."""
        self.trace_id: str | None = None
        """Its trace: 32 hex digits."""
        self.traceparent: str | None = None
        """The whole traceparent, where the client said one."""
        self.credentials: tuple[Credential, ...] = ()
        """Its credentials of upstream services."""
        self.attempt = 1
        """Which time it is started: more after the runtime has ended under it."""
        self.submitted_at = datetime.now(UTC)
        """When it was started."""

    @property
    def agent_ref(self) -> str:
        """``name@version``, or ``name``."""
        return self.agent if self.agent_version is None else f"{self.agent}@{self.agent_version}"

    @property
    def state(self) -> str:
        """``pending``, ``running``, or how it ended: ``success``, ``error``, ``cancelled``,
        ``timed_out``."""
        about = self._engine.about(self._key)
        return "success" if about is None else about[3]

    @property
    def budget(self) -> dict[str, Decimal]:
        """What is left of each currency, exactly."""
        left: dict[str, Decimal] = json.loads(
            self._engine.budget(self._key), parse_float=Decimal, parse_int=Decimal
        )
        return left

    async def emit_event(self, kind: str, body: dict[str, Any], *, ts: str | None = None) -> None:
        """An event of any kind; ``x-vendor.…`` is for one's own. The runtime says the time, so
        ``ts`` says nothing.

        Raises:
            InvalidRequestError: No JSON; a cost or a progress below 0, or one that is no number; a
                part of a result that is none. Nothing is emitted then.
        """
        del ts
        running = self._running
        if running is None:
            raise InvalidRequestError("the job has not been started here")
        if kind == "delegate":
            running.delegate(body)
        elif kind == "result_chunk":
            await running.result_chunk(body)
        elif running.emit(kind, body):
            await running.ready()

    async def emit_result(self, payload: JobResultPayload) -> None:
        """Ends the job as succeeded. An agent that returns does so too."""
        if self._running is None:
            raise InvalidRequestError("the job has not been started here")
        self._running.finish(payload.result, payload.summary)

    async def emit_error(self, payload: JobErrorPayload) -> None:
        """Ends the job as failed. An agent that raises does so too."""
        if self._running is None:
            raise InvalidRequestError("the job has not been started here")
        self._running.fail((payload.code, payload.message, payload.details))

    def apply_cost_metric(
        self, name: str, value: Decimal | float | str, unit: str | None
    ) -> Decimal | None:
        """Tells a cost, and what is left of its currency; None where that is not bounded. As
        ``JobContext.metric`` does, which tells more."""
        running = self._running
        if running is None:
            raise InvalidRequestError("the job has not been started here")
        running.emit("metric", {"name": name, "value": Decimal(str(value)), "unit": unit})
        return None if unit is None else self.budget.get(unit)

    def should_emit_budget_remaining(self, currency: str) -> bool:
        """False: the runtime itself tells what is left, behind every cost."""
        del currency
        return False

    def __repr__(self) -> str:
        return f"<Job {self.job_id} {self.agent_ref}>"
