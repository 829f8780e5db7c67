"""What each file holds, as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from .lines import Line
from .payloads import Payload, payloads
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
        "payloads.jsonl": _lines(payloads()),
        "rules.jsonl": "".join(f"{line}\n" for line in rules()),
    }


def counts(files: dict[str, str]) -> list[str]:
    """Gives the rows of the table in README.md: what a replayer should have run."""
    rows = []
    for name, text in files.items():
        lines = [json.loads(line) for line in text.split("\n")[:-1]]
        split = Counter(line.get("op") or line["type"] for line in lines)
        parts = [f"{count} {what}" for what, count in sorted(split.items())]
        also = sum(len(line.get("also", ())) for line in lines)
        unknown = sum("unknown" in line for line in lines)
        parts += [f"{also} `also`"] if also else []
        parts += [f"{unknown} `unknown`"] if unknown else []
        rows.append(f"| `{name}` | {len(lines)} | {', '.join(parts)} |")
    return rows


def _lines(lines: Sequence[Line] | Sequence[Refusal] | Sequence[Payload]) -> str:
    _all_differ(line.name for line in lines)
    return "".join(line.render() + "\n" for line in lines)


def _all_differ(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise AssertionError(f"two lines are called {name}")
        seen.add(name)
