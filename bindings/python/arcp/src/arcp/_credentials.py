"""Credentials that a runtime issues for a job (§9.8), and who issues them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ._errors import UpstreamBudgetExhausted
from ._messages.execution import Lease, LeaseConstraints

__all__ = (
    "Credential",
    "CredentialConstraints",
    "CredentialProvisioner",
    "InMemoryCredentialProvisioner",
    "InMemoryRevocationLog",
    "JobCredentialContext",
    "RevocationLog",
    "UpstreamBudgetExhausted",
)


@dataclass(frozen=True)
class CredentialConstraints:
    """What the upstream service enforces."""

    cost_budget: tuple[str, ...] = ()
    model_use: tuple[str, ...] = ()
    expires_at: str | None = None


@dataclass(frozen=True)
class Credential:
    """A credential for one upstream service. The ``repr`` does not show its value."""

    id: str
    scheme: str
    """``bearer``."""
    value: str = field(repr=False)
    endpoint: str
    """The base URL that it is for, and no other."""
    profile: str | None = None
    """Which protocol is spoken there, such as ``openai``."""
    constraints: CredentialConstraints | None = None


@dataclass(frozen=True)
class JobCredentialContext:
    """The job that credentials are for, when it is accepted."""

    job_id: str
    agent: str
    agent_version: str | None
    submitter_principal: str
    parent_job_id: str | None
    lease: Lease
    lease_constraints: LeaseConstraints | None


@runtime_checkable
class CredentialProvisioner(Protocol):
    """Who issues credentials, and takes them back."""

    async def issue(self, lease: Lease, ctx: JobCredentialContext) -> tuple[Credential, ...]:
        """The credentials of a job that is about to be accepted. What it raises refuses the job."""
        ...

    async def revoke(self, credential_id: str) -> None:
        """Makes one worthless. It is called again, over restarts too, until it succeeds."""
        ...


@runtime_checkable
class RevocationLog(Protocol):
    """Which credentials are still to be revoked; kept over restarts, so that none is forgotten."""

    async def record(self, job_id: str, credential_id: str) -> None:
        """One was issued."""
        ...

    async def forget(self, job_id: str, credential_id: str) -> None:
        """It is revoked."""
        ...

    async def outstanding(self) -> tuple[tuple[str, str], ...]:
        """The job and the id of each that is not."""
        ...


class InMemoryRevocationLog:
    """For tests, and for runtimes whose credentials end by themselves: a restart forgets it."""

    def __init__(self) -> None:
        # A dict for its order: the oldest first.
        self._outstanding: dict[tuple[str, str], None] = {}

    async def record(self, job_id: str, credential_id: str) -> None:
        """One was issued."""
        self._outstanding[job_id, credential_id] = None

    async def forget(self, job_id: str, credential_id: str) -> None:
        """It is revoked."""
        self._outstanding.pop((job_id, credential_id), None)

    async def outstanding(self) -> tuple[tuple[str, str], ...]:
        """The job and the id of each that is not."""
        return tuple(self._outstanding)


class InMemoryCredentialProvisioner:
    """For tests and examples: it issues what ``factory`` makes, or one that opens nothing, and
    remembers what it did."""

    def __init__(
        self,
        *,
        factory: Callable[[Lease, JobCredentialContext], tuple[Credential, ...]] | None = None,
    ) -> None:
        self._factory = factory or _for_nothing
        self._issued: list[Credential] = []
        self._revoked: list[str] = []

    async def issue(self, lease: Lease, ctx: JobCredentialContext) -> tuple[Credential, ...]:
        """The credentials of a job."""
        issued = tuple(self._factory(lease, ctx))
        self._issued += issued
        return issued

    async def revoke(self, credential_id: str) -> None:
        """Remembers that it was revoked."""
        self._revoked.append(credential_id)

    @property
    def issued(self) -> tuple[Credential, ...]:
        """All that were issued."""
        return tuple(self._issued)

    @property
    def revoked(self) -> tuple[str, ...]:
        """The ids of all that were revoked, as often as they were."""
        return tuple(self._revoked)


def _for_nothing(lease: Lease, ctx: JobCredentialContext) -> tuple[Credential, ...]:
    until = ctx.lease_constraints.expires_at if ctx.lease_constraints else None
    constraints = CredentialConstraints(
        cost_budget=tuple(lease.get("cost.budget", ())),
        model_use=tuple(lease.get("model.use", ())),
        expires_at=until,
    )
    credential = Credential(
        id=f"cred_{ctx.job_id}",
        scheme="bearer",
        value=f"test-token-{ctx.job_id}",
        endpoint="https://gateway.example.test/v1",
        profile="test",
        constraints=constraints,
    )
    return (credential,)
