"""Versions, features, and the small texts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcp import _version as version


def test_features_depend_on_the_provisioner() -> None:
    assert len(version.V1_1_FEATURES) == 9
    plain = version.features_for_runtime(provisioner_configured=False)
    assert plain == version.V1_1_FEATURES
    full = version.features_for_runtime(provisioner_configured=True)
    assert full == (*plain, "model.use", "provisioned_credentials") == version.ALL_FEATURES


def test_an_intersection_has_the_order_of_the_first() -> None:
    assert version.intersect_features(["c", "a", "b", "a"], ("a", "c")) == ("c", "a")
    assert version.intersect_features((), ["a"]) == ()


@pytest.mark.parametrize(
    ("ref", "parsed"),
    [
        ("a", ("a", None)),
        ("code-refactor@2.0.0", ("code-refactor", "2.0.0")),
        ("0.a_b-c@A+1", ("0.a_b-c", "A+1")),
    ],
)
def test_agents(ref: str, parsed: tuple[str, str | None]) -> None:
    assert version.parse_agent_ref(ref) == parsed


@pytest.mark.parametrize("ref", ["", "@", "@1", "a@", "a@1@2", "A", "a b", "a\n", "a" * 129])
def test_no_agents(ref: str) -> None:
    with pytest.raises(ValueError, match="invalid agent"):
        version.parse_agent_ref(ref)


@pytest.mark.parametrize(
    ("amount", "parsed"),
    [
        ("USD:5", ("USD", Decimal(5))),
        ("USD:5.25", ("USD", Decimal("5.25"))),
        ("EUR:0", ("EUR", Decimal(0))),
        ("my_credits-2:0.000000000000000001", ("my_credits-2", Decimal("1e-18"))),
        ("USD:1000000000000000000", ("USD", Decimal(10) ** 18)),
    ],
)
def test_amounts(amount: str, parsed: tuple[str, Decimal]) -> None:
    assert version.parse_budget_amount(amount) == parsed


@pytest.mark.parametrize(
    "amount",
    [
        *("", "USD", "USD:", ":5", "5:USD", "USD-5", "USD:abc", "USD:-1", "USD:+1", "USD:1e3"),
        *("USD:NaN", "USD:Infinity", "USD:.5", "USD:5.", "USD: 5", "USD:5 ", "USD:٣", "1SD:5"),
        *("USD:1000000000000000001", "USD:0.0000000000000000001", f"{'U' * 33}:1", "U:1:2"),
    ],
)
def test_no_amounts(amount: str) -> None:
    with pytest.raises(ValueError, match="invalid budget amount"):
        version.parse_budget_amount(amount)


@given(st.decimals(min_value=0, max_value=10**18, places=6))
def test_amounts_are_exact(value: Decimal) -> None:
    assert version.parse_budget_amount(f"USD:{value:f}") == ("USD", value)


def test_what_is_refused_is_not_repeated_at_length() -> None:
    for parse in (version.parse_agent_ref, version.parse_budget_amount):
        with pytest.raises(ValueError, match="invalid") as raised:
            parse("x" * 10_000 + " ")
        assert len(str(raised.value)) < 200
