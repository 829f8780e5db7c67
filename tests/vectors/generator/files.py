"""What each file holds, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .lines import Line
from .refusals import Refusal
from .refused import refused, refused_large
from .rules import rules
from .values import large, values


def render() -> dict[str, str]:
    """Gives the content of every file by its name."""
    return {
        "values.jsonl": _lines(values()),
        "large.jsonl": _lines(large()),
        "refused.jsonl": _lines(refused()),
        "refused_large.jsonl": _lines(refused_large()),
        "rules.jsonl": "".join(f"{line}\n" for line in rules()),
    }


def _lines(lines: Sequence[Line] | Sequence[Refusal]) -> str:
    _all_differ(line.name for line in lines)
    return "".join(line.render() + "\n" for line in lines)


def _all_differ(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise AssertionError(f"two lines are called {name}")
        seen.add(name)
