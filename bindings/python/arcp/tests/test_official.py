"""The official package's own tests, with ours in its place."""

from __future__ import annotations

import os

import pytest
from official import run


@pytest.mark.skipif(
    os.environ.get("ARCP_OFFICIAL_TESTS") == "skip",
    reason="ARCP_OFFICIAL_TESTS=skip: the official tests are not downloaded and not run",
)
def test_official_tests_pass_but_for_the_exceptions(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run.run()
    with capsys.disabled():
        print(f"\n{outcome}")
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert outcome.passed > 100, outcome
