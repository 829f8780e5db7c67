"""What the type checkers see is what is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def test_stubs_of_the_native_module() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy.stubtest", "ixt_sdk._native"),
            *("--mypy-config-file", "pyproject.toml"),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_is_typed() -> None:
    assert (files("ixt_sdk") / "py.typed").is_file()
