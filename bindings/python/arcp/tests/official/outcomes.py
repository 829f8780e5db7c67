"""Writes what came of each test, by its id, to the file that ``OFFICIAL_OUTCOMES`` names.

A plugin of pytest: ``passed``, or the last line of how it failed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_found: dict[str, str] = {}


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    said = str(report.longrepr) if crash is None else str(crash.message)
    return said.strip().splitlines()[0 if crash is not None else -1]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "passed":
        # Of a failure in the test and one behind it, the first counts.
        if _found.get(report.nodeid, "passed") == "passed":
            _found[report.nodeid] = f"{report.outcome}: {_why(report)}"
    else:
        _found.setdefault(report.nodeid, "passed")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.outcome == "failed":
        _found[report.nodeid] = f"not collected: {_why(report)}"


def pytest_sessionfinish() -> None:
    Path(os.environ["OFFICIAL_OUTCOMES"]).write_text(json.dumps(_found), encoding="utf-8")
