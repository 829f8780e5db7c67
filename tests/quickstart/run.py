"""Runs the quick starts of README.md as a new user would: each in an empty directory, against what was built.

    python tests/quickstart/run.py --venv .venv --release target/release

The code is taken from the page itself. All languages do the same thing, so all must print the same.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Built:
    """Where the packages are."""

    python: Path
    release: Path


def shell(directory: Path, *command: str | Path, **environment: str) -> str:
    """Runs a command in a directory and gives what it prints; what it complains of goes through."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode != 0:
        raise SystemExit(f"quick start: {command[0]} gave status {done.returncode}\n{done.stdout}")
    return done.stdout


def rust(code: str, directory: Path, built: Built) -> str:
    """Runs a Cargo project that depends on the SDK by its path, with the versions that are locked here."""
    (directory / "Cargo.toml").write_text(
        '[package]\nname = "quickstart"\nedition = "2024"\n[dependencies]\n'
        f'ixt = {{ path = "{ROOT / "sdk"}" }}\n'
        'tokio = { version = "1", features = ["macros", "rt"] }\n[workspace]\n'
    )
    shutil.copy(ROOT / "Cargo.lock", directory)
    (directory / "src").mkdir()
    (directory / "src/main.rs").write_text(code)
    return shell(directory, "cargo", "run", "--quiet")


def python(code: str, directory: Path, built: Built) -> str:
    """Runs a script with the wheel that is installed in the virtual environment."""
    (directory / "quickstart.py").write_text(code)
    return shell(directory, built.python, "quickstart.py")


def go(code: str, directory: Path, built: Built) -> str:
    """Runs a module that requires the SDK, replaced by the checkout."""
    module = "github.com/h-dv/ixt/bindings/go"
    (directory / "go.mod").write_text(
        f"module quickstart\ngo 1.24\nrequire {module} v0.0.0\nreplace {module} => {ROOT / 'bindings/go'}\n"
    )
    (directory / "main.go").write_text(code)
    return shell(directory, "go", "run", ".")


def c(code: str, directory: Path, built: Built) -> str:
    """Compiles by what pkg-config says and nothing else, and runs with the shared library."""
    (directory / "quickstart.c").write_text(code)
    paths = {"PKG_CONFIG_PATH": str(built.release), "LD_LIBRARY_PATH": str(built.release)}
    flags = shell(directory, "pkg-config", "--cflags", "--libs", "ixt", **paths).split()
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
    shell(
        directory, os.environ.get("CC", "cc"), *warnings, "quickstart.c", *flags, "-o", "quickstart"
    )
    return shell(directory, directory / "quickstart", **paths)


RUNNERS: dict[str, Callable[[str, Path, Built], str]] = {
    "rust": rust,
    "python": python,
    "go": go,
    "c": c,
}


def main() -> int:
    """Runs them all; 1 where one is missing or prints something else than the others."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments.add_argument("--release", type=Path, default=ROOT / "target/release")
    options = arguments.parse_args()
    built = Built(options.venv.absolute() / "bin/python", options.release.absolute())

    page = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = {language: code for language, code in BLOCK.findall(page) if language in RUNNERS}
    if missing := RUNNERS.keys() - blocks.keys():
        raise SystemExit(f"quick start: README.md has none for {', '.join(sorted(missing))}")

    printed = {}
    for language, run in RUNNERS.items():
        with tempfile.TemporaryDirectory(prefix="ixt-quickstart-") as directory:
            printed[language] = run(blocks[language], Path(directory), built)
        print(f"{language}:\n{printed[language]}", end="")
    equal = len(set(printed.values())) == 1
    failed = 0 if equal else len(printed)
    print(f"quick starts: {len(printed) - failed} passed, {failed} failed")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
