"""Which code and which tests each section of ARCP 1.1 has, and which checks `ixt arcp conform` makes.

Comments of the code name the sections that they are about: `§6.2`, `ARCP §§7.1, 7.2`. Tests name them in the comment
of a file (`//!`), for all of it, or in that of a function. The checks say theirs by `ixt arcp conform --list`. From
that `docs/arcp/conformance.md` is written, and the table of all checks in `docs/arcp/conform.md`; `--check` compares.
A normative section without code or without a test is an error.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "arcp"
PAGE, CHECKS = FOLDER / "conformance.md", FOLDER / "conform.md"
BEGIN, END = "<!-- What follows is written by tools/conformance.py. -->", "<!-- The end. -->"

# Where sections are named: the code, and what tests it.
CODE = ("arcp/src", "arcp/store/src", "sdk/src/arcp")
TESTS = ("arcp/tests", "sdk/tests/arcp.rs", "arcp/store/tests", "cli/tests/arcp.rs")

# The normative sections of the draft, by its own titles. §13 has examples, §15 and §16 are about registries.
SECTIONS = {
    "4": "Transport",
    "5": "Wire Format",
    "6.1": "Authentication",
    "6.2": "Hello / Welcome",
    "6.3": "Resume",
    "6.4": "Heartbeats",
    "6.5": "Event Acknowledgement",
    "6.6": "Job Listing",
    "6.7": "Close",
    "7.1": "Submission and Acceptance",
    "7.2": "Idempotency",
    "7.3": "Lifecycle",
    "7.4": "Cancellation",
    "7.5": "Agent Versioning",
    "7.6": "Subscription",
    "7.7": "Subscribed Jobs vs Resumed Sessions",
    "8.1": "Event Envelope",
    "8.2": "Event Kinds",
    "8.3": "Ordering and Sequence Numbers",
    "8.4": "Result Streaming",
    "9.1": "Capability Model",
    "9.2": "Lease Grammar",
    "9.3": "Enforcement",
    "9.4": "Lease Subsetting",
    "9.5": "Lease Expiration",
    "9.6": "Budget Capability",
    "9.7": "Model Capability",
    "9.8": "Provisioned Credentials",
    "10": "Delegation",
    "11": "Trace Propagation",
    "12": "Error Taxonomy",
    "14": "Security Considerations",
}

NUMBER = r"\d+(?:\.\d+)*"
MARK = re.compile(rf"(?<!RFC )§(?:§({NUMBER}(?:(?:, | and |–){NUMBER})*)|({NUMBER}))")
FUNCTION = re.compile(r"\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)")


@dataclass
class Found:
    """What names a section."""

    code: list[str] = field(default_factory=list)
    tests: dict[str, list[str]] = field(default_factory=dict)


def section_of(number: str) -> str | None:
    """The section of the table that a number is of: `9.8.2` is of `9.8`, and `9` of none."""
    parts = number.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in candidates if name in SECTIONS), None)


def between(first: str, last: str) -> list[str]:
    """The sections of a range within a chapter; of one over chapters, as of a chapter alone, none: it says too little."""
    chapter = first.partition(".")[0] + "."
    if not (first.startswith(chapter) and last.startswith(chapter)):
        return []
    own = [name for name in SECTIONS if name.startswith(chapter)]
    return own[own.index(first) : own.index(last) + 1]


def sections(line: str) -> set[str]:
    """The sections that a line names."""
    named: set[str] = set()
    for several, one in MARK.findall(line):
        for part in re.split(", | and ", several or one):
            first, dash, last = part.partition("–")
            found = between(first, last) if dash else [section_of(first)]
            named.update(name for name in found if name)
    return named


def files(places: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        path = ROOT / place
        if not path.exists():
            raise SystemExit(f"{place} is not there")
        found += [path] if path.is_file() else sorted(path.rglob("*.rs"))
    return found


def collect() -> dict[str, Found]:
    found = {name: Found() for name in SECTIONS}
    for path in files(CODE):
        name = path.relative_to(ROOT).as_posix()
        # What a file's own tests name below it is no code.
        code = path.read_text(encoding="utf-8").split("#[cfg(test)]", 1)[0]
        for section in sections("\n".join(line for line in code.splitlines() if "//" in line)):
            found[section].code.append(name)
    for path in files(TESTS):
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            comment = line.strip()
            if not comment.startswith("//"):
                continue
            whole = comment.startswith("//!")
            function = None
            if not whole:
                below = (FUNCTION.match(other) for other in lines[number:])
                function = next((match.group(1) for match in below if match), None)
            for section in sections(comment):
                of_file = found[section].tests.setdefault(name, [])
                if function and function not in of_file:
                    of_file.append(function)
    return found


def link(name: str, shown: str) -> str:
    return f"[{shown}](../../{name})"


def short(name: str) -> str:
    for prefix in ("arcp/src/", "arcp/tests/"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def page(found: dict[str, Found], checks: list[dict[str, str]]) -> str:
    lines = ["| section | code | tests | checks of `ixt arcp conform` |", "|---|---|---|---|"]
    for section, title in SECTIONS.items():
        here = found[section]
        code = ", ".join(link(name, short(name)) for name in here.code)
        tests = "<br>".join(
            link(name, short(name))
            + (": " + ", ".join(f"`{test}`" for test in named) if named else "")
            for name, named in sorted(here.tests.items())
        )
        own = [check for check in checks if section_of(check["section"]) == section]
        seen = [f"`{check['name']}`" for check in own if check["how"] != "unseen"]
        unseen = len(own) - len(seen)
        cell = ", ".join(seen) + (
            f"{'; ' if seen else ''}{unseen} that no client sees" if unseen else ""
        )
        lines.append(f"| §{section} {title} | {code} | {tests} | {cell} |")
    return "\n".join(lines)


def table(checks: list[dict[str, str]]) -> str:
    lines = ["| § | level | check | what is expected | how |", "|---|---|---|---|---|"]
    for check in checks:
        how = check["how"] if check["how"] != "unseen" else f"not seen: {check['why']}"
        lines.append(
            f"| {check['section']} | {check['level']} | `{check['name']}` | {check['expected']} | {how} |"
        )
    return "\n".join(lines)


def gaps(found: dict[str, Found], checks: list[dict[str, str]]) -> list[str]:
    wrong = [f"§{name}: no code names it" for name, here in found.items() if not here.code]
    wrong += [f"§{name}: no test names it" for name, here in found.items() if not here.tests]
    checked = {section_of(check["section"]) for check in checks}
    wrong += [f"§{name}: `ixt arcp conform` has no check" for name in found if name not in checked]
    return wrong


def put(path: Path, written: str, compare: bool) -> str | None:
    """Writes what stands between the marks of a page, or says that it is another."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path.name} has no place for it")
    made = f"{before}{BEGIN}\n\n{written}\n\n{END}{after}"
    if compare:
        return (
            None
            if made == text
            else f"{path.name} is not what tools/conformance.py makes: make conformance"
        )
    path.write_text(made, encoding="utf-8")
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ixt", required=True, help="the command ixt")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    listed = subprocess.run(
        [arguments.ixt, "arcp", "conform", "--list", "--format", "json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    checks: list[dict[str, str]] = json.loads(listed.stdout)
    found = collect()
    wrong = gaps(found, checks)
    for path, written in ((PAGE, page(found, checks)), (CHECKS, table(checks))):
        difference = put(path, written, arguments.check)
        wrong += [difference] if difference else []
    print("\n".join(wrong), file=sys.stderr)
    print(f"conformance: {len(found)} sections, {len(checks)} checks, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
