"""Holds `docs/errors.md` against the sources: one kind of error, one number, one name in each language.

    python tests/errors.py            compare; exit status 1 and the rows where a language lacks a kind
    python tests/errors.py --write    write the page again

The core's list decides. A kind that a language does not have fails here, whatever its own tests say.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/errors.md"

CORE = re.compile(r'^    (\w+) = (\d+), "(.*)";$', re.MULTILINE)
C = re.compile(r"^  (IXT_ERR_\w+) = (\d+),$", re.MULTILINE)
GO = re.compile(r"^\t(Err\w+) +ErrorKind += (\d+)$", re.MULTILINE)
PYTHON = re.compile(
    r'^class (\w+)\([^)]*\):\n(?:(?!^class ).)*?^    kind, code = "(\w+)", (\d+)$',
    re.MULTILINE | re.DOTALL,
)

KOTLIN = re.compile(r"^    (\w+)\((\d+)\),$", re.MULTILINE)
# What uniffi generates has names alone; the number of an error comes with it.
RUBY = re.compile(r"^class ErrorKind\n(.*?)^end$", re.MULTILINE | re.DOTALL)
RUBY_NAME = re.compile(r"^  ([A-Z][A-Z_]*) = \d+$", re.MULTILINE)
SWIFT = re.compile(
    r"^public enum ErrorKind: [^{]*\{\n(.*?)^(?:\}|    \w+ func )", re.MULTILINE | re.DOTALL
)
SWIFT_NAME = re.compile(r"^    case (\w+)$", re.MULTILINE)

HEAD = """# Errors

One kind, one number, one name in each language. The numbers never change and are never used again. Callers match the
kind, people read the message; the message names the field and, where decoding can tell, the byte.

1 to 99 are refusals of bytes, values and text ([specification 20](spec/20-wire.md)), 100 to 199 local misuse of a stream
([specification 23](spec/23-streams.md)), 200 to 299 faults of the border between two languages. In Rust the kind is
`ErrorKind::<kind>`.

| number | kind | what it says | C | Python | Go | Kotlin, `ErrorKind.` | Ruby, `Ixt::ErrorKind::` | Swift, `ErrorKind` |
|---:|---|---|---|---|---|---|---|---|
"""


def read(path: str) -> str:
    """Gives a source as text."""
    return (ROOT / path).read_text(encoding="utf-8")


def listed(path: str, block: re.Pattern[str], name: re.Pattern[str]) -> set[str]:
    """Gives the names in one block of a generated source; none where there is no such block."""
    found = block.search(read(path))
    return set(name.findall(found[1])) if found else set()


def ruby_name(kind: str) -> str:
    """Gives the constant that uniffi makes of a kind."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()


def swift_name(kind: str) -> str:
    """Gives the case that uniffi makes of a kind."""
    return kind[:1].lower() + kind[1:]


def page() -> tuple[str, list[str]]:
    """Gives the page as it should be, and what the languages lack."""
    core = [
        (name, int(code), says) for name, code, says in CORE.findall(read("core/src/wire/error.rs"))
    ]
    c = {int(code): name for name, code in C.findall(read("bindings/c/include/ixt.h"))}
    go = {int(code): name for name, code in GO.findall(read("bindings/go/errors.go"))}
    python = {
        int(code): (name, kind)
        for name, kind, code in PYTHON.findall(read("bindings/python/python/ixt_sdk/errors.py"))
    }
    kotlin = {
        int(code): name
        for name, code in KOTLIN.findall(
            read("bindings/kotlin/src/main/kotlin/io/github/hdv/ixt/ErrorKind.kt")
        )
    }
    ruby = listed("bindings/ruby/lib/ixt/generated.rb", RUBY, RUBY_NAME)
    swift = listed("bindings/swift/Sources/Ixt/Ixt.swift", SWIFT, SWIFT_NAME)
    numbered = (("C", c), ("Python", python), ("Go", go), ("Kotlin", kotlin))
    lacks = [
        f"{language} has no row for {name} ({code})"
        for name, code, _ in core
        for language, names in numbered
        if code not in names
    ]
    for language, found, own in (("Ruby", ruby, ruby_name), ("Swift", swift, swift_name)):
        wanted = {own(name): f"{name} ({code})" for name, code, _ in core}
        lacks += [
            f"{language} has no row for {row}" for name, row in wanted.items() if name not in found
        ]
        # For a kind of a later core.
        extra = found - wanted.keys() - {own("Other")}
        lacks += [f"{language} has {name}, which the core has not" for name in sorted(extra)]
    lacks += [
        f"Python calls {code} {python[code][1]}, the core {name}"
        for name, code, _ in core
        if code in python and python[code][1] != name
    ]
    lacks += [
        f"Kotlin calls {code} {kotlin[code]}, the core {name}"
        for name, code, _ in core
        if code in kotlin and kotlin[code] != name
    ]
    codes = {code for _, code, _ in core}
    for language, names in numbered:
        lacks += [f"{language} has {code}, which the core has not" for code in names.keys() - codes]
    rows = [
        f"| {code} | `{name}` | {says} | `{c.get(code, '')}` | `{python.get(code, ('', ''))[0]}` | `{go.get(code, '')}`"
        f" | `{kotlin.get(code, '')}` | `{ruby_name(name)}` | `{swift_name(name)}` |"
        for name, code, says in core
    ]
    return HEAD + "\n".join(rows) + "\n", lacks


def main(arguments: list[str]) -> int:
    """Compares, or writes."""
    text, lacks = page()
    if arguments == ["--write"]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        lacks.append(
            "docs/errors.md is not what the sources say: run python tests/errors.py --write"
        )
    for lack in lacks:
        print(lack)
    print(f"errors: {0 if lacks else 1} passed, {1 if lacks else 0} failed")
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
