"""The payloads of messages about jobs (§§7 to 9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast

from .._events import EVENT_KINDS
from .._field import field
from .._grammar import parse_agent_ref, parse_budget_amount, utc_text
from .._model import Model
from ._checks import at_least, within, within_length

__all__ = (
    "CredentialConstraintsPayload",
    "CredentialPayload",
    "JobAcceptedPayload",
    "JobCancelPayload",
    "JobCancelledPayload",
    "JobErrorPayload",
    "JobEventPayload",
    "JobResultPayload",
    "JobSubmitPayload",
    "JobSubscribePayload",
    "JobSubscribedPayload",
    "JobUnsubscribePayload",
    "Lease",
    "LeaseConstraints",
    "parse_agent_ref",
    "parse_budget_amount",
)

Lease: TypeAlias = dict[str, list[str]]
"""For each namespace the patterns of what may be done there (§9.2)."""


def _agent(ref: str) -> str:
    parse_agent_ref(ref)
    return ref


def _budget(value: object) -> object:
    """Numbers, as §7.1 has them, become the amounts that the official package has."""
    if not isinstance(value, dict):
        return value
    entries = cast("dict[str, Any]", value)
    return {currency: _amount(currency, amount) for currency, amount in entries.items()}


def _amount(currency: object, amount: object) -> object:
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        return amount
    # Of a float, the digits that were on the wire, and no exponent.
    return f"{currency}:{Decimal(str(amount)):f}"


def _known_schemes(value: object) -> object:
    """Who does not know a credential's scheme ignores the credential (§9.8)."""
    if not isinstance(value, list):
        return value
    credentials = cast("list[object]", value)
    return [one for one in credentials if not _is_other(one)]


def _is_other(credential: object) -> bool:
    if not isinstance(credential, dict):
        return False
    entries = cast("dict[str, Any]", credential)
    return bool(entries.get("scheme", "bearer") != "bearer")


def _count(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _a_kind(kind: str) -> str:
    if kind in EVENT_KINDS or kind.startswith("x-vendor."):
        return kind
    raise ValueError("expected a kind of §8.2, or one that begins with x-vendor.")


class LeaseConstraints(Model):
    """Until when a lease lasts (§9.5). ``+00:00`` is written as ``Z``."""

    expires_at: str | None = field(default=None, check=utc_text)


class JobSubmitPayload(Model):
    """``job.submit`` (§7.1)."""

    agent: str = field(check=_agent)
    input: Any = None
    lease_request: Lease = field(default_factory=dict)
    lease_constraints: LeaseConstraints | None = None
    idempotency_key: str | None = field(default=None, check=within_length(1, 256))
    max_runtime_sec: int | None = field(default=None, check=within(1, 86_400))
    parent_job_id: str | None = None
    delegate_id: str | None = None


class CredentialConstraintsPayload(Model):
    """What an upstream service enforces, for people (§9.8)."""

    cost_budget: tuple[str, ...] = field(default=(), wire="cost.budget")
    model_use: tuple[str, ...] = field(default=(), wire="model.use")
    expires_at: str | None = None


class CredentialPayload(Model):
    """A credential of an upstream service (§9.8). The ``repr`` does not show its value."""

    id: str
    scheme: Literal["bearer"]
    value: str = field(shown=False)
    endpoint: str
    profile: str | None = None
    constraints: CredentialConstraintsPayload | None = None


class JobAcceptedPayload(Model):
    """``job.accepted`` (§7.1). ``budget`` has amounts such as ``{"USD": "USD:5.00"}``."""

    job_id: str = field(heard="")
    agent: str = field(heard="")
    accepted_at: str = field(heard="")
    lease: Lease = field(default_factory=dict)
    lease_constraints: LeaseConstraints | None = None
    budget: dict[str, str] | None = field(default=None, hear=_budget)
    parent_job_id: str | None = None
    delegate_id: str | None = None
    trace_id: str | None = None
    credentials: tuple[CredentialPayload, ...] | None = field(default=None, hear=_known_schemes)
    request_id: str | None = None


class JobCancelPayload(Model):
    """``job.cancel`` (§7.4)."""

    reason: str = field(heard="")
    code: str | None = None


class JobCancelledPayload(Model):
    """``job.cancelled`` (§7.4): the cancel is heard; the job's end follows, unless it had ended."""

    job_id: str | None = None
    request_id: str | None = None
    reason: str | None = None
    already_terminal: bool = False


class JobEventPayload(Model):
    """``job.event`` (§8.1). Peers may have kinds of later versions; we may not say them."""

    kind: str = field(said=_a_kind)
    ts: str = field(heard="")
    # Of a credential that was replaced it holds the value.
    body: dict[str, Any] = field(default_factory=dict, shown=False)


class JobResultPayload(Model):
    """``job.result`` (§7.3, §8.4). Peers of 1.1.3 say here too that a job was cancelled or ran for
    too long."""

    final_status: Literal["success", "cancelled", "timed_out"] = field(heard="success")
    result: Any | None = field(default=None, also=("output", "value"))
    result_id: str | None = None
    result_size: int | None = None
    summary: str | None = None
    completed_at: str = field(heard="")


class JobErrorPayload(Model):
    """``job.error`` (§7.3, §12)."""

    final_status: Literal["error", "cancelled", "timed_out"] = "error"
    code: str = field(heard="INTERNAL_ERROR")
    message: str = field(heard="")
    retryable: bool = False
    completed_at: str = field(heard="")
    details: dict[str, Any] | None = None


class JobSubscribePayload(Model):
    """``job.subscribe`` (§7.6)."""

    job_id: str = field(heard="")
    history: bool = False
    from_event_seq: int | None = field(default=None, check=at_least(0))


class JobSubscribedPayload(Model):
    """``job.subscribed`` (§7.6). ``replayed`` is 1 where a peer says that history follows, and not
    how much."""

    request_id: str = field(heard="")
    job_id: str = field(heard="")
    current_status: str = field(heard="")
    agent: str = field(heard="")
    lease: Lease = field(default_factory=dict)
    parent_job_id: str | None = None
    trace_id: str | None = None
    subscribed_from: int = 0
    replayed: int = field(default=0, hear=_count)


class JobUnsubscribePayload(Model):
    """``job.unsubscribe`` (§7.6)."""

    job_id: str = field(heard="")
