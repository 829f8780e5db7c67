"""Holds the reports of the Kotlin tests against what must have run.

    python reports.py target/surefire-reports

A verification of the Reactive Streams suite that is not found, or that skips itself, passes by default. So here
stands what must have run, and what alone may be skipped.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

PACKAGE = "io.github.hdv.ixt.reactive"
# Each verification and how many of its tests must have passed: all that version 1.0.4 of the suite checks at all.
# A publisher for many subscribers is optional, and a message of a stream is there once.
VERIFICATIONS = {"PublisherTest": 26, "SubscriberBlackboxTest": 11, "SubscriberWhiteboxTest": 14}
MAY_BE_SKIPPED = ("untested_", "optional_spec111_")
MUST_PASS = {
    "PublisherTest": "required_spec313_cancelMustMakeThePublisherEventuallyDropAllReferencesToTheSubscriber",
    "SubscriberWhiteboxTest": "required_spec308_requestMustRegisterGivenNumberElementsToBeProduced",
}


def read(folder: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Gives by class the tests that passed, and those that were skipped."""
    passed: dict[str, set[str]] = {}
    skipped: dict[str, set[str]] = {}
    for report in sorted(folder.glob("TEST-*.xml")):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            if case.find("failure") is None and case.find("error") is None:
                kind = passed if case.find("skipped") is None else skipped
                kind.setdefault(case.get("classname", ""), set()).add(case.get("name", ""))
    return passed, skipped


def main(folder: str) -> int:
    """Prints the counts; 1 where something is missing."""
    passed, skipped = read(Path(folder))
    wrong = [
        f"{of}: {name} was skipped"
        for of, names in skipped.items()
        for name in sorted(names)
        if not (of.startswith(PACKAGE) and name.startswith(MAY_BE_SKIPPED))
    ]
    for name, want in VERIFICATIONS.items():
        found = passed.get(f"{PACKAGE}.{name}", set())
        print(f"{name}: {len(found)} passed, {len(skipped.get(f'{PACKAGE}.{name}', ()))} left out")
        if len(found) != want:
            wrong.append(f"{name}: {len(found)} passed and {want} must")
        if name in MUST_PASS and MUST_PASS[name] not in found:
            wrong.append(f"{name}: {MUST_PASS[name]} did not pass")
    for line in wrong:
        print(line)
    total = sum(len(names) for names in passed.values())
    print(f"Kotlin: {total} passed, {len(wrong)} failed", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
