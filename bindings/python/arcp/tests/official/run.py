"""Runs the tests of the official package with ours, as they are.

They come from its source distribution, which is downloaded once to ``build/official``. A file of
tests is run if every name that it imports of ``arcp`` is public, or one of a private module that
holds models, envelope, errors or versions alone; other files test the inside of that package.
``exceptions.toml`` names each test that is to fail, and why: one that fails and is not there is a
failure, and so is one that is there and passes.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[4] / "build" / "official"
NAME = "agentruntimecontrolprotocol"
VERSION = "1.1.3"
SHA256 = "5f22bc46087a146d44eb59cffca2c71ba1339b5e306cc96a17fe2ab06c909ee7"
ARCHIVE = CACHE / f"{NAME}-{VERSION}.tar.gz"
TESTS = CACHE / f"{NAME}-{VERSION}" / "tests"

PRIVATE = (
    "arcp._envelope",
    "arcp._errors",
    "arcp._messages",
    "arcp._messages.execution",
    "arcp._messages.session",
    "arcp._ulid",
    "arcp._version",
)
"""Private modules that may be imported: ``arcp._ulid`` is in ``shim.py``, the others are ours."""


@dataclass(frozen=True)
class Outcome:
    """What came of the tests."""

    run: int
    passed: int
    excepted: int
    left_out: tuple[str, ...]
    """Files that import what is inside the official package."""
    wrong: tuple[str, ...]
    """Tests whose outcome is not the expected one, and how."""

    def __str__(self) -> str:
        return (
            f"official tests: {self.run} run, {self.passed} passed, {self.excepted} excepted, "
            f"{len(self.wrong)} wrong; {len(self.left_out)} files left out, which test the inside "
            "of the official package"
        )


def fetch() -> None:
    """Downloads and unpacks the source distribution, if it is not here yet.

    Raises:
        RuntimeError: It cannot be had, or is another than it was.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    if not ARCHIVE.exists():
        wanted = ["--no-deps", "--no-binary", ":all:", f"{NAME}=={VERSION}", "-d", str(CACHE)]
        pip = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", *wanted],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        if pip.returncode != 0:
            raise RuntimeError(f"{NAME} {VERSION} could not be downloaded: {pip.stdout}")
    if hashlib.sha256(ARCHIVE.read_bytes()).hexdigest() != SHA256:
        raise RuntimeError(f"{ARCHIVE} is not what it was")
    if not TESTS.exists():
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(CACHE, filter="data")


def imported(file: Path) -> Iterator[tuple[str, str]]:
    """The modules of ``arcp`` that a file imports, and which name of each."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "arcp":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names if one.name.split(".")[0] == "arcp")


def may_be_run(file: Path) -> bool:
    """Whether a file of tests needs nothing that is inside the official package."""
    for module, name in imported(file):
        if module == "arcp._ulid":
            continue
        if module not in PRIVATE and any(part.startswith("_") for part in module.split(".")):
            return False
        # A public name that is missing is a failure of its tests; a private one may be missing.
        if module in PRIVATE and name and not hasattr(importlib.import_module(module), name):
            return False
        if name.startswith("_"):
            return False
    return True


def surroundings() -> dict[str, str]:
    """The environment without what tells tests that they run in CI: some of theirs skip there."""
    return {
        name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")
    }


def outcomes(files: list[str]) -> dict[str, str]:
    """Runs files of tests: what came of each test, by its id."""
    with tempfile.TemporaryDirectory() as place:
        found = Path(place) / "outcomes.json"
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        options = ["-q", "-c", str(HERE / "official.ini"), "--rootdir", str(TESTS.parent)]
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", *options),
                *("-p", "shim", "-p", "outcomes", "-p", "no:cacheprovider", *files),
            ],
            cwd=TESTS.parent,
            env={**surroundings(), "PYTHONPATH": path, "OFFICIAL_OUTCOMES": str(found)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if not found.exists():
            raise RuntimeError(run.stdout)
        read: dict[str, str] = json.loads(found.read_text(encoding="utf-8"))
    return read


def run() -> Outcome:
    """Runs the tests and holds what came of them against ``exceptions.toml``."""
    fetch()
    files = sorted(TESTS.rglob("test_*.py"))
    chosen = [file for file in files if may_be_run(file)]
    found = outcomes([str(file.relative_to(TESTS.parent)) for file in chosen])
    exceptions = tomllib.loads((HERE / "exceptions.toml").read_text(encoding="utf-8"))["exceptions"]
    failed = {test for test, said in found.items() if said != "passed"}
    wrong = [f"{test}: {found[test]}" for test in sorted(failed) if test not in exceptions]
    for test in exceptions:
        if test not in found:
            wrong.append(f"{test}: there is no such test")
        elif test not in failed:
            wrong.append(f"{test}: it passes, and was said not to")
    return Outcome(
        run=len(found),
        passed=sum(said == "passed" and test not in exceptions for test, said in found.items()),
        excepted=sum(test in exceptions for test in failed),
        left_out=tuple(str(file.relative_to(TESTS)) for file in files if file not in chosen),
        wrong=tuple(wrong),
    )


def main() -> None:
    outcome = run()
    print(*outcome.wrong, outcome, sep="\n")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
