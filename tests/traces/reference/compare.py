"""The comparison rule: when an engine's output line is the expected one."""

from __future__ import annotations

import copy
from typing import Any

_MADE = {"error", "cancel"}
_TOLD = {"failed", "cancelled"}


def same(expected: dict[str, Any], actual: Any) -> bool:
    """Whether an output is the expected one, but for messages that engines make for people.

    A message that the expected output leaves out (of an error or cancel frame) or leaves empty (of
    a `failed` or `cancelled` event) is an engine's own, and whatever stands in its place is right.
    """
    if not isinstance(actual, dict):
        return False
    actual = copy.deepcopy(actual)
    for kind, blank in (("transmit", _MADE), ("events", _TOLD)):
        theirs = actual.get(kind)
        if not isinstance(theirs, list) or len(theirs) != len(expected[kind]):
            return False
        for want, have in zip(expected[kind], theirs, strict=True):
            _forget_message(want, have, blank)
    return _strict(expected, actual)


def _forget_message(want: dict[str, Any], have: Any, members: set[str]) -> None:
    """Puts the expected message in the place of the actual one where it is not compared."""
    for name in members & want.keys():
        if want[name].get("message") or not isinstance(have, dict):
            continue
        if isinstance(told := have.get(name), dict):
            if not isinstance(told.get("message", ""), str):
                continue
            told.pop("message", None)
            told.update({k: v for k, v in want[name].items() if k == "message"})


def _strict(left: Any, right: Any) -> bool:
    """Equality that keeps `true` and 1 apart, and 1 and 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_strict(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_strict, left, right))
    return bool(left == right)
