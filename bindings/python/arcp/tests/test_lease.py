"""Leases without a runtime: the core decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcp import _errors as errors
from arcp._lease import (
    RESERVED_CAPABILITIES,
    LeaseOpContext,
    assert_lease_subset,
    initial_budget_from_lease,
    is_lease_subset,
    validate_lease_constraints,
    validate_lease_op,
    validate_lease_shape,
)
from arcp._messages import LeaseConstraints

NOON = datetime(2026, 5, 13, 12, tzinfo=UTC)


def until(moment: datetime) -> LeaseConstraints:
    return LeaseConstraints(expires_at=moment.isoformat())


def op(capability: str, target: str, now: datetime | None = None) -> LeaseOpContext:
    return LeaseOpContext(capability=capability, target=target, now=now)


# Shape.


def test_reserved_namespaces_and_those_of_vendors() -> None:
    for namespace in RESERVED_CAPABILITIES | {"x-vendor.acme.thing"}:
        validate_lease_shape({namespace: ["USD:1.00" if namespace == "cost.budget" else "*"]})
    validate_lease_shape({})


@pytest.mark.parametrize(
    "lease",
    [
        {"totally.unknown": ["*"]},
        {"fs.read": "*"},
        {"fs.read": [1]},
        {"fs.read": None},
        {"fs.read": ["/a/../b"]},
        {"fs.read": ["/%2e%2e"]},
        {"cost.budget": ["USD:-1"]},
        {"cost.budget": ["5"]},
        {"fs.read": [float("nan")]},
        {"fs.read": [object()]},
        {"fs.read": ["\ud800"]},
    ],
)
def test_malformed_leases(lease: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequestError):
        validate_lease_shape(lease)


# Operations.


@pytest.mark.parametrize(
    ("lease", "capability", "target"),
    [
        ({"fs.read": ["/workspace/**"]}, "fs.read", "/workspace/a/b"),
        ({"fs.read": ["/workspace/*"]}, "fs.read", "/workspace/x/../a"),
        ({"net.fetch": ["https://a.example/**"]}, "net.fetch", "HTTPS://A.example:443/b"),
        ({"tool.call": ["inbox_*"]}, "tool.call", "inbox_list"),
        ({"x-vendor.acme": ["*"]}, "x-vendor.acme", "anything"),
        ({"model.use": ["tier-fast/*"]}, "model.use", "tier-fast/cheap"),
    ],
)
def test_what_a_lease_covers(lease: dict[str, list[str]], capability: str, target: str) -> None:
    validate_lease_op(lease, op(capability, target))


@pytest.mark.parametrize(
    ("lease", "capability", "target"),
    [
        ({}, "fs.read", "/a"),
        ({"fs.read": []}, "fs.read", "/a"),
        ({"fs.read": ["/workspace/**"]}, "fs.write", "/workspace/a"),
        ({"fs.read": ["/workspace/**"]}, "fs.read", "/workspace/../etc/passwd"),
        ({"fs.read": ["/workspace/**"]}, "fs.read", "/workspace/%2e%2e/etc/passwd"),
        ({"fs.read": ["/workspace/**"]}, "fs.read", "/workspace/%252e%252e/etc"),
        ({"fs.read": ["/workspace/*"]}, "fs.read", "/workspace/a/b"),
        ({"fs.read": ["/**"]}, "fs.read", "a"),
        ({"fs.read": ["/**"]}, "fs.read", "/\udc80"),
        ({"fs.read": ["/**"]}, "fs.read", "/" + "a" * 5_000),
        ({}, "model.use", "any"),
        ({"model.use": ["tier-fast/*"]}, "model.use", "tier-slow/x"),
    ],
)
def test_what_a_lease_does_not_cover(
    lease: dict[str, list[str]], capability: str, target: str
) -> None:
    with pytest.raises(errors.PermissionDeniedError):
        validate_lease_op(lease, op(capability, target))


def test_a_glob_that_has_many_stars_ends() -> None:
    with pytest.raises(errors.PermissionDeniedError):
        validate_lease_op({"tool.call": ["*a" * 200 + "b"]}, op("tool.call", "a" * 4_000))


@pytest.mark.parametrize(
    ("now", "lasts"),
    [
        (NOON - timedelta(microseconds=1), True),
        (NOON, False),
        (NOON + timedelta(days=1), False),
        (NOON.astimezone(timezone(timedelta(hours=2))) - timedelta(seconds=1), True),
        ((NOON - timedelta(seconds=1)).replace(tzinfo=None), True),
        (NOON.replace(tzinfo=None), False),
    ],
)
def test_a_lease_ends(now: datetime, lasts: bool) -> None:
    lease = {"tool.call": ["*"]}
    if lasts:
        validate_lease_op(lease, op("tool.call", "t", now), constraints=until(NOON))
    else:
        with pytest.raises(errors.LeaseExpiredError, match="expired"):
            validate_lease_op(lease, op("tool.call", "t", now), constraints=until(NOON))


def test_without_a_time_it_is_now() -> None:
    lease = {"tool.call": ["*"]}
    now = datetime.now(UTC)
    later, before = until(now + timedelta(hours=1)), until(now - timedelta(hours=1))
    validate_lease_op(lease, op("tool.call", "t"), constraints=later)
    with pytest.raises(errors.LeaseExpiredError):
        validate_lease_op(lease, op("tool.call", "t"), constraints=before)
    validate_lease_op(lease, op("tool.call", "t"), constraints=LeaseConstraints())


@pytest.mark.parametrize("left", ["0", "-1", "NaN", "-0.0"])
def test_a_spent_budget_allows_nothing(left: str) -> None:
    lease = {"tool.call": ["*"]}
    budget = {"EUR": Decimal(1), "USD": Decimal(left)}
    with pytest.raises(errors.BudgetExhaustedError, match="USD"):
        validate_lease_op(lease, op("tool.call", "t"), budget=budget)
    validate_lease_op(lease, op("tool.call", "t"), budget={"USD": Decimal("0.01")})


def test_what_is_not_allowed_is_told_before_what_is_spent() -> None:
    with pytest.raises(errors.PermissionDeniedError):
        validate_lease_op({}, op("tool.call", "t"), budget={"USD": Decimal(0)})


def test_an_end_that_is_no_time_is_no_permission() -> None:
    constraints = LeaseConstraints().model_copy(update={"expires_at": "soon"})
    with pytest.raises(errors.InvalidRequestError):
        validate_lease_op({"tool.call": ["*"]}, op("tool.call", "t"), constraints=constraints)


# Constraints.


def test_constraints_end_later() -> None:
    validate_lease_constraints(None)
    validate_lease_constraints(LeaseConstraints())
    validate_lease_constraints(until(NOON), now=NOON - timedelta(seconds=1))
    validate_lease_constraints(until(datetime.now(UTC) + timedelta(days=25)))
    for now in (NOON, NOON + timedelta(days=1), None):
        with pytest.raises(errors.InvalidRequestError, match="expires_at"):
            validate_lease_constraints(until(NOON - timedelta(days=400)), now=now)


# Subsets.


@pytest.mark.parametrize(
    ("child", "parent", "covered"),
    [
        ({}, {}, True),
        ({}, {"fs.read": ["/a"]}, True),
        ({"fs.read": ["/a/**"]}, {"fs.read": ["/a/**"]}, True),
        ({"fs.read": ["/a/b/*"]}, {"fs.read": ["/c", "/a/**"]}, True),
        ({"fs.read": ["/a/**"]}, {"fs.read": ["/a/*"]}, False),
        ({"fs.read": ["/ab"]}, {"fs.read": ["/a"]}, False),
        ({"fs.write": ["/a"]}, {"fs.read": ["/a"]}, False),
        ({"model.use": ["tier-fast/cheap"]}, {"model.use": ["tier-fast/*"]}, True),
        ({"model.use": ["anthropic/*"]}, {"model.use": ["tier-fast/*"]}, False),
        ({"model.use": ["any"]}, {}, False),
        ({"cost.budget": ["USD:5"]}, {"cost.budget": ["USD:3", "USD:2"]}, True),
        ({"cost.budget": ["USD:5.01"]}, {"cost.budget": ["USD:3", "USD:2"]}, False),
        ({"cost.budget": ["EUR:1"]}, {"cost.budget": ["USD:5"]}, False),
    ],
)
def test_subsets(child: dict[str, list[str]], parent: dict[str, list[str]], covered: bool) -> None:
    assert is_lease_subset(child, parent) is covered
    if covered:
        assert_lease_subset(child, parent)
    else:
        with pytest.raises(errors.LeaseSubsetViolationError):
            assert_lease_subset(child, parent)


@pytest.mark.parametrize(
    ("asked", "left", "covered"),
    [
        ("USD:3", {"USD": "5"}, True),
        ("USD:5", {"USD": "5"}, True),
        ("USD:10", {"USD": "5"}, False),
        ("USD:1", {}, False),
        ("USD:1", {"EUR": "5"}, False),
        ("USD:0", {"USD": "-3"}, True),
        ("USD:0.01", {"USD": "-3"}, False),
        ("USD:0.01", {"USD": "NaN"}, False),
        ("USD:1000000000000000000", {"USD": "1e400"}, True),
        ("USD:1", {"USD": "0.9999999999999999999999"}, False),
        ("USD:1", {"USD": "Infinity"}, True),
    ],
)
def test_a_child_gets_no_more_than_is_left(asked: str, left: dict[str, str], covered: bool) -> None:
    remaining = {currency: Decimal(amount) for currency, amount in left.items()}
    for parent in ({}, {"cost.budget": ["USD:5"]}):
        found = is_lease_subset({"cost.budget": [asked]}, parent, parent_budget_remaining=remaining)
        assert found is covered


def test_a_child_ends_no_later() -> None:
    hour = timedelta(hours=1)

    def fits(child: LeaseConstraints | None, parent: LeaseConstraints | None) -> bool:
        return is_lease_subset({}, {}, child_constraints=child, parent_constraints=parent)

    assert fits(until(NOON), until(NOON))
    assert fits(until(NOON - hour), until(NOON))
    assert fits(None, until(NOON))
    assert fits(until(NOON), None)
    assert not fits(until(NOON + hour), until(NOON))


def test_a_malformed_lease_is_no_subset_question() -> None:
    for child, parent in (({"fs.read": "x"}, {}), ({}, {"fs.read": "x"})):
        for remaining in (None, {"USD": Decimal(1)}):
            with pytest.raises(errors.InvalidRequestError):
                is_lease_subset(
                    child,  # type: ignore[arg-type]
                    parent,  # type: ignore[arg-type]
                    parent_budget_remaining=remaining,
                )
    with pytest.raises(errors.InvalidRequestError, match="remaining"):
        is_lease_subset({}, {}, parent_budget_remaining={"U D": Decimal(1)})


segments = st.sampled_from(["a", "b", "*", "**", "a*"])
patterns = st.lists(segments, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
targets = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.lists(patterns, max_size=3), st.lists(patterns, max_size=3), targets)
def test_a_child_may_nothing_that_its_parent_may_not(
    child: list[str], parent: list[str], target: str
) -> None:
    if not is_lease_subset({"fs.read": child}, {"fs.read": parent}):
        return

    def allows(lease: list[str]) -> bool:
        try:
            validate_lease_op({"fs.read": lease}, op("fs.read", target))
        except errors.PermissionDeniedError:
            return False
        return True

    assert allows(parent) or not allows(child)


# Budgets.


def test_amounts_of_one_currency_add_up() -> None:
    lease = {"cost.budget": ["USD:0.1", "EUR:1", "USD:0.2"], "fs.read": ["/a/../b"]}
    assert initial_budget_from_lease(lease) == {"USD": Decimal("0.3"), "EUR": Decimal(1)}
    assert initial_budget_from_lease({}) == {}
    assert initial_budget_from_lease({"cost.budget": []}) == {}
    with pytest.raises(errors.InvalidRequestError):
        initial_budget_from_lease({"cost.budget": ["USD:1", "5"]})
