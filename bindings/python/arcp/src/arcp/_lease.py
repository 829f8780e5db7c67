"""Leases (§9): whether one is well formed, covers an operation, or is a part of another.

The core decides all of it, as it does for a runtime that is running.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Final

from ixt_sdk import _native

from ._errors import (
    BudgetExhaustedError,
    InvalidRequestError,
    LeaseSubsetViolationError,
    PermissionDeniedError,
)
from ._messages.execution import Lease, LeaseConstraints

__all__ = (
    "ANY_MODEL_BY_DEFAULT",
    "RESERVED_CAPABILITIES",
    "LeaseOpContext",
    "assert_lease_subset",
    "initial_budget_from_lease",
    "is_lease_subset",
    "validate_lease_constraints",
    "validate_lease_op",
    "validate_lease_shape",
)

RESERVED_CAPABILITIES: frozenset[str] = frozenset(
    {
        "fs.read",
        "fs.write",
        "net.fetch",
        "tool.call",
        "agent.delegate",
        "cost.budget",
        "model.use",
    }
)
"""The namespaces that are not a vendor's."""

ANY_MODEL_BY_DEFAULT: Final = False
"""Whether a lease without ``model.use`` allows every model. The draft is silent; in the official
package it allows none, and who comes from there relies on it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = Decimal(10) ** 18
_FINEST = Decimal(1).scaleb(-18)


@dataclass(frozen=True)
class LeaseOpContext:
    """An operation that a lease shall cover.

    ``cost`` is not looked at: a budget is spent by what was done, and not by what may be done.
    """

    capability: str
    target: str
    cost: dict[str, Decimal] | None = None
    now: datetime | None = None
    """When it is done; without it, now. One without a time zone is in UTC."""


def validate_lease_shape(lease: Lease) -> None:
    """Checks a lease as somebody asks for it.

    Raises:
        InvalidRequestError: a namespace is neither reserved nor a vendor's, a value is no list of
            texts, an amount is none, or no target can match a pattern.
    """
    for namespace in lease:
        if namespace not in RESERVED_CAPABILITIES and not namespace.startswith("x-vendor."):
            raise InvalidRequestError(f"unknown lease capability namespace: {namespace[:64]!r}")
    _native.arcp_lease_budget(_json(lease))


def validate_lease_constraints(
    constraints: LeaseConstraints | None, *, now: datetime | None = None
) -> None:
    """Checks constraints as somebody asks for them.

    Raises:
        InvalidRequestError: ``expires_at`` is no time in UTC, or has come.
    """
    if constraints is not None and constraints.expires_at is not None:
        asked = json.dumps({"expires_at": constraints.expires_at})
        _native.arcp_constraints_check(asked, _micros(now))


def validate_lease_op(
    lease: Lease,
    ctx: LeaseOpContext,
    *,
    constraints: LeaseConstraints | None = None,
    budget: dict[str, Decimal] | None = None,
) -> None:
    """Checks an operation against the lease. The target is compared in its canonical form: paths
    without ``..``, addresses in lower case.

    Raises:
        LeaseExpiredError: the lease has ended.
        PermissionDeniedError: no pattern matches.
        BudgetExhaustedError: of ``budget``, a currency has nothing left.
        InvalidRequestError: the lease or ``expires_at`` is malformed.
    """
    if constraints is not None and constraints.expires_at is not None:
        _native.arcp_lease_lasts(constraints.expires_at, _micros(ctx.now))
    try:
        _native.arcp_lease_check(_json(lease), ctx.capability, ctx.target, ANY_MODEL_BY_DEFAULT)
    except UnicodeEncodeError:
        # Half of a surrogate pair: nothing that a pattern could match.
        raise PermissionDeniedError("the target is not text") from None
    for currency, remaining in (budget or {}).items():
        if remaining.is_nan() or remaining <= 0:
            raise BudgetExhaustedError(f"the {currency} budget is exhausted")


def initial_budget_from_lease(lease: Lease) -> dict[str, Decimal]:
    """The amounts of ``cost.budget``, those of one currency added up.

    Raises:
        InvalidRequestError: an amount is none.
    """
    if "cost.budget" not in lease:
        return {}
    amounts = _native.arcp_lease_budget(_json({"cost.budget": lease["cost.budget"]}))
    return {currency: Decimal(amount) for currency, amount in amounts}


def is_lease_subset(
    child: Lease,
    parent: Lease,
    *,
    parent_budget_remaining: dict[str, Decimal] | None = None,
    parent_constraints: LeaseConstraints | None = None,
    child_constraints: LeaseConstraints | None = None,
) -> bool:
    """Whether a job with the lease ``parent`` may delegate to one with ``child`` (§9.4).

    Every pattern must be covered, no amount be more than is left, and the end not be later. Without
    ``parent_budget_remaining`` nothing of the parent's budget is spent. A child without an end has
    the parent's.

    Raises:
        InvalidRequestError: a lease is malformed.
    """
    try:
        assert_lease_subset(
            child,
            parent,
            parent_budget_remaining=parent_budget_remaining,
            parent_constraints=parent_constraints,
            child_constraints=child_constraints,
        )
    except LeaseSubsetViolationError:
        return False
    return True


def assert_lease_subset(
    child: Lease,
    parent: Lease,
    *,
    parent_budget_remaining: dict[str, Decimal] | None = None,
    parent_constraints: LeaseConstraints | None = None,
    child_constraints: LeaseConstraints | None = None,
) -> None:
    """As :func:`is_lease_subset`.

    Raises:
        LeaseSubsetViolationError: it is none; the message names what is not covered.
        InvalidRequestError: a lease is malformed.
    """
    remaining = parent_budget_remaining
    _native.arcp_lease_subset(
        _json(child),
        _json(parent),
        None if remaining is None else [(name, _digits(left)) for name, left in remaining.items()],
        child_constraints.expires_at if child_constraints else None,
        parent_constraints.expires_at if parent_constraints else None,
        ANY_MODEL_BY_DEFAULT,
    )


def _json(lease: Lease) -> str:
    try:
        return json.dumps(lease)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError("the lease: expected an object of lists of texts") from None


def _micros(now: datetime | None) -> int:
    moment = now or datetime.now(UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _digits(left: Decimal) -> str:
    """What is left, as the core reads it: never more than it is, and nothing of a debt."""
    if left.is_nan() or left <= 0:
        return "0"
    with localcontext() as context:
        context.prec = 60
        return format(min(left, _LARGEST).quantize(_FINEST, ROUND_FLOOR), "f")
