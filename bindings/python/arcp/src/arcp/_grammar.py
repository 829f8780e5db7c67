"""The small texts of the protocol: agents, amounts and times. The core decides what is one."""

from __future__ import annotations

from decimal import Decimal

from ixt_sdk import _native

__all__ = ("parse_agent_ref", "parse_budget_amount", "utc_text")

_SHOWN = 64


def parse_agent_ref(ref: str) -> tuple[str, str | None]:
    """The name and the version of ``name`` or ``name@version`` (§7.5).

    Raises:
        ValueError: it is neither. A name is ``[a-z0-9][a-z0-9._-]*``, a version
            ``[a-zA-Z0-9.+_-]+``.
    """
    found = _native.arcp_agent_ref(ref)
    if found is None:
        raise ValueError(f"invalid agent: {ref[:_SHOWN]!r} is not name or name@version")
    return found


def parse_budget_amount(amount: str) -> tuple[str, Decimal]:
    """The currency and the decimal of an amount such as ``USD:5.00`` (§9.6), exact.

    Raises:
        ValueError: it is none: a currency is a letter and up to 31 letters, digits, ``_`` or ``-``;
            a decimal has digits, and a point between them or none, and is at most 10^18.
    """
    found = _native.arcp_amount(amount)
    if found is None:
        raise ValueError(f"invalid budget amount: {amount[:_SHOWN]!r} is not as USD:5.00")
    currency, decimal = found
    return currency, Decimal(decimal)


def utc_text(text: str) -> str:
    """A time of the protocol, which ends with ``Z``; ``+00:00``, as Python writes it, becomes that.

    Raises:
        ValueError: it is no time in UTC.
    """
    if text.endswith("+00:00"):
        text = f"{text.removesuffix('+00:00')}Z"
    if _native.arcp_time(text) is None:
        raise ValueError("expected a time in UTC such as 2026-05-13T19:42:13Z")
    return text
