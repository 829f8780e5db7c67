"""What the tests share: where the vectors are, and the line that says how many were replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

#: Replayed so far: values, refusals, traces.
counts = {"values": 0, "refused": 0, "traces": 0}

#: Of HandlePayload.
payloads = {"values": 0, "refused": 0}


def lines(*names: str) -> Iterator[Any]:
    """The objects of JSON-lines files below ``tests/`` of the repository."""
    for name in names:
        with (ROOT / "tests" / name).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if any(counts.values()):
        terminalreporter.write_line(
            f"vectors: {counts['values']} values, {counts['refused']} refused; "
            f"traces: {counts['traces']}"
        )
    if any(payloads.values()):
        terminalreporter.write_line(
            f"payloads: {payloads['values']} values, {payloads['refused']} refused"
        )
