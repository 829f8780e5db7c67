"""Bounds of fields."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ("at_least", "within", "within_length")


def at_least(least: int) -> Callable[[int], int]:
    """A number that is not below ``least``."""

    def check(number: int) -> int:
        if number < least:
            raise ValueError(f"expected {least} or more")
        return number

    return check


def within(least: int, most: int) -> Callable[[int], int]:
    """A number from ``least`` to ``most``."""

    def check(number: int) -> int:
        if not least <= number <= most:
            raise ValueError(f"expected {least} to {most}")
        return number

    return check


def within_length(least: int, most: int) -> Callable[[str], str]:
    """A text of ``least`` to ``most`` characters."""

    def check(text: str) -> str:
        if not least <= len(text) <= most:
            raise ValueError(f"expected {least} to {most} characters")
        return text

    return check
