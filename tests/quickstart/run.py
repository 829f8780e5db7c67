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
    # Whether the Kotlin SDK is in Maven's local repository.
    installed: bool = False


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


POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>quickstart</groupId><artifactId>quickstart</artifactId><version>1</version>
  <properties>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
    <kotlin.compiler.daemon>false</kotlin.compiler.daemon>
  </properties>
  <dependencies><dependency>
    <groupId>io.github.h-dv</groupId><artifactId>ixt-sdk</artifactId><version>0.1.0</version>
  </dependency></dependencies>
  <build>
    <sourceDirectory>src</sourceDirectory>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId>
        <version>KOTLIN</version>
        <configuration><jvmTarget>17</jvmTarget></configuration>
        <executions><execution><goals><goal>compile</goal></goals></execution></executions>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>
        <version>3.9.0</version>
        <configuration><outputFile>classpath</outputFile></configuration>
      </plugin>
    </plugins>
  </build>
</project>
"""


def kotlin(code: str, directory: Path, built: Built) -> str:
    """Runs a Maven project that depends on the SDK, which is put into the local repository before."""
    sdk = ROOT / "bindings/kotlin/pom.xml"
    if not built.installed:
        shell(directory, "mvn", "-B", "-q", "-f", sdk, "-DskipTests", "install")
        built.installed = True
    version = re.search(r"<kotlin.version>(.*)</kotlin.version>", sdk.read_text(encoding="utf-8"))
    assert version
    (directory / "pom.xml").write_text(POM.replace("KOTLIN", version[1]))
    (directory / "src").mkdir()
    (directory / "src/Quickstart.kt").write_text(code)
    shell(directory, "mvn", "-B", "-q", "compile", "dependency:build-classpath")
    classpath = f"target/classes:{(directory / 'classpath').read_text()}"
    return shell(directory, "java", "-cp", classpath, "QuickstartKt")


def ruby(code: str, directory: Path, built: Built) -> str:
    """Runs a script with the binding of the checkout and its library."""
    (directory / "quickstart.rb").write_text(code)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = str(built.release / f"libixt_uniffi.{suffix}")
    return shell(
        directory, "ruby", "-I", ROOT / "bindings/ruby/lib", "quickstart.rb", IXT_LIBRARY=library
    )


RUNNERS: dict[str, Callable[[str, Path, Built], str]] = {
    "rust": rust,
    "python": python,
    "go": go,
    "c": c,
    "kotlin": kotlin,
    "ruby": ruby,
}

# Pages whose example is run too, where no test of the language's own does it, and what it prints.
USAGE = {
    "kotlin": ("bindings/kotlin/README.md", "total: 50\n"),
    "ruby": ("bindings/ruby/README.md", "4 messages, message 3\n"),
}


def main() -> int:
    """Runs them all; 1 where one is missing or prints something else than the others."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments.add_argument("--release", type=Path, default=ROOT / "target/release")
    options = arguments.parse_args()
    built = Built(options.venv.absolute() / "bin/python", options.release.absolute())

    start = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = {language: code for language, code in BLOCK.findall(start) if language in RUNNERS}
    if missing := RUNNERS.keys() - blocks.keys():
        raise SystemExit(f"quick start: README.md has none for {', '.join(sorted(missing))}")

    def run(language: str, code: str) -> str:
        with tempfile.TemporaryDirectory(prefix="ixt-quickstart-") as directory:
            return RUNNERS[language](code, Path(directory), built)

    printed = {}
    for language in RUNNERS:
        printed[language] = run(language, blocks[language])
        print(f"{language}:\n{printed[language]}", end="")
    equal = len(set(printed.values())) == 1
    failed = 0 if equal else len(printed)
    for language, (page, expected) in USAGE.items():
        code = dict(BLOCK.findall((ROOT / page).read_text(encoding="utf-8")))[language]
        said = run(language, code)
        if said != expected:
            print(f"{page}: its example prints {said!r} and not {expected!r}")
            failed += 1
    print(f"quick starts: {len(printed) + len(USAGE) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
