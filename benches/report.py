"""Runs the benchmarks that it is told, writes the table and the plot of docs/benchmarks.

    report.py --rust PROGRAM --c PROGRAM --go PROGRAM --python "INTERPRETER bench.py" --kotlin SCRIPT

Each program prints one JSON object a line: first {"language", "versions", "context", "frame"}, the
bytes that its language makes of the values that all share, then one object for each comparison.
A language that is missing, fails, makes other bytes, or does not measure what there is a target for
fails the run. With --only nothing is written: the page is of all languages or of none.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from chart import TIMES, Chart

LANGUAGES = ("rust", "python", "go", "c", "kotlin")
# What `make bench` writes stands between two such lines each, of the targets and of all that was measured.
BEGIN = (
    "<!-- {}: what is between this line and the next of its kind is written by `make bench`. -->"
)
END = "<!-- The end of the {}. -->"
DASH, AT_LEAST, AT_MOST = "\N{EN DASH}", "\u2265", "\u2264"


@dataclass(frozen=True)
class Target:
    """What one row is to reach."""

    language: str
    operation: str
    # None for a context, whose size is that of its bytes.
    size: int | None
    peer: str
    # Of the peer's speed. Below 1 it is told as a time: 1 / 1.2 is "1.2 times the peer's time at most".
    ratio: float
    without_allocation: bool = False

    @property
    def says(self) -> str:
        if self.ratio < 1:
            return f"{AT_MOST} {1 / self.ratio:g}{TIMES} its time"
        said = "no slower" if self.ratio == 1 else f"{AT_LEAST} {self.ratio:g}{TIMES}"
        return f"{said}, 0 allocations" if self.without_allocation else said

    def measured(self, row: Row) -> str:
        ratio = row.ratio or 0
        said = f"{1 / ratio:.2f}{TIMES} its time" if self.ratio < 1 and ratio else times(row.ratio)
        return f"{said}, {count(row.ours_allocs)}" if self.without_allocation else said

    def is_met_by(self, row: Row) -> bool:
        allocates = self.without_allocation and row.ours_allocs != 0
        return row.ratio is not None and row.ratio >= self.ratio and not allocates


AS_FAST = 1 / 1.2
TARGETS = (
    Target("Rust", "frame encode", 64, "capnp", 15),
    Target("Rust", "frame decode", 64, "capnp", 8),
    Target("Rust", "context encode", None, "capnp, canonicalised", 8),
    Target("Rust", "context decode", None, "capnp, owned", 3),
    Target("Rust", "context decode, owned", None, "capnp, owned", 3),
    Target("Rust", "frame encode", 1 << 20, "memcpy", AS_FAST),
    Target("Rust", "try_send and grant", 64, "tokio Semaphore", 1),
    Target("C", "frame encode", 64, "Rust, called", AS_FAST),
    Target("C", "frame decode", 64, "Rust, called", AS_FAST),
    Target("C", "context build and encode", None, "Rust, called", AS_FAST),
    Target("C", "context decode", None, "Rust, called", AS_FAST),
    Target("C", "try_send and encode", 64, "Rust, called", AS_FAST),
    Target("Go", "frame encode", 64, "go-capnp", 12, without_allocation=True),
    Target("Go", "frame decode", 64, "go-capnp", 6, without_allocation=True),
    Target("Go", "frame encode, batch of 64", 64, "one call each", 4),
    Target("Go", "frame decode, batch of 64", 64, "cut, one call each", 4),
    Target("Python", "frame encode", 64, "pycapnp", 9),
    Target("Python", "frame decode", 64, "pycapnp", 15),
    Target("Python", "context encode", None, "pycapnp", 8),
    Target("Python", "context decode", None, "pycapnp", 8),
    Target("Python", "frame encode, batch of 64", 64, "one call each", 2),
    Target("Python", "frame decode, batch of 64", 64, "cut, one call each", 2),
    Target("Kotlin", "frame encode", 64, "protobuf-java", 0.5),
    Target("Kotlin", "frame encode, batch of 64", 64, "protobuf-java", 1),
)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    language: str
    operation: str
    size: int
    ours_ns: float
    ours_allocs: float | None
    peer: str | None
    peer_ns: float | None
    ratio: float | None
    peer_allocs: float | None

    @property
    def target(self) -> Target | None:
        for target in TARGETS:
            wanted = (target.language, target.operation, target.peer)
            same = wanted == (self.language, self.operation, self.peer)
            if same and target.size in (None, self.size):
                return target
        return None

    @property
    def falls_short(self) -> bool:
        return self.target is not None and not self.target.is_met_by(self)


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the benchmarks and writes the page.")
    for language in LANGUAGES:
        parser.add_argument(f"--{language}", metavar="COMMAND", help="its benchmark")
    parser.add_argument("--only", metavar="LANGUAGES", help="such as rust,go; writes nothing")
    parser.add_argument("--markdown", type=Path, help="the page whose table is written anew")
    parser.add_argument("--plot", type=Path, help="the SVG that is written")
    parser.add_argument("--json", type=Path, help="a file for all that was measured")
    arguments = parser.parse_args()

    languages = arguments.only.split(",") if arguments.only else list(LANGUAGES)
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown:
        parser.error(f"unknown languages: {', '.join(unknown)}")
    missing = [language for language in languages if not getattr(arguments, language)]
    if missing:
        parser.error(f"no benchmark given for: {', '.join(missing)} (--only leaves languages out)")

    headers: list[dict[str, object]] = []
    rows: list[Row] = []
    for language in languages:
        print(f"{language} …", file=sys.stderr, flush=True)
        header, found = run(language, shlex.split(getattr(arguments, language)))
        headers.append(header)
        rows.extend(found)
    for part in ("context", "frame"):
        made = {str(header["language"]): header[part] for header in headers}
        if len(set(made.values())) != 1:
            raise SystemExit(f"the languages make different bytes of one {part}: {made}")

    for row in rows:
        print(line_for_terminal(row))
    aimed = [row for row in rows if row.target]
    of_these = {str(header["language"]) for header in headers}
    lacking = {target for target in TARGETS if target.language in of_these}
    lacking -= {row.target for row in aimed if row.target}
    if lacking:
        raise SystemExit(f"not measured, but there is a target: {lacking}")
    met = sum(not row.falls_short for row in aimed)
    print(f"{len(rows)} comparisons; {met} of {len(aimed)} targets are met")
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(vars(row)) + "\n" for row in rows))
    if arguments.only:
        print("--only: the page was left as it is")
        return 0
    if arguments.markdown:
        write_page(arguments.markdown, "targets", target_table(aimed))
        write_page(arguments.markdown, "results", table(rows, headers))
    if arguments.plot:
        arguments.plot.write_text(plot(rows))
    return 0


def run(language: str, command: list[str]) -> tuple[dict[str, object], list[Row]]:
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"the benchmark of {language} failed: {error}") from error
    lines = [json.loads(line) for line in output.splitlines() if line.strip()]
    if len(lines) < 2:
        raise SystemExit(f"the benchmark of {language} measured nothing")
    return lines[0], [Row(**line) for line in lines[1:]]


# Words.


def nanoseconds(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def times(value: float | None) -> str:
    if value is None:
        return DASH
    digits = 0 if value >= 20 else 1 if value >= 1 else 2
    return f"{value:.{digits}f}{TIMES}"


def count(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}"


def size_of(value: int) -> str:
    if value >= 1 << 20:
        return f"{value >> 20} MiB"
    return f"{value >> 10} KiB" if value >= 1 << 10 else f"{value} B"


def line_for_terminal(row: Row) -> str:
    mark = f"  \u25bc {row.target.says}" if row.target and row.falls_short else ""
    return (
        f"{row.language:7}{row.operation:32}{size_of(row.size):>7}"
        f"{nanoseconds(row.ours_ns):>9} ns  {times(row.ratio):>7}  {row.peer or '':28}"
        f"{count(row.ours_allocs):>4} /{count(row.peer_allocs):>4}{mark}"
    )


def command_says(*command: str) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return output.splitlines()[0].strip() if output else "unknown"


def cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def system() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return (
        f"{name or platform.system()}, {platform.system()} {platform.release().partition('-')[0]}"
    )


def target_table(aimed: list[Row]) -> str:
    met = sum(not row.falls_short for row in aimed)
    out = [
        f"{met} of {len(aimed)} are met.",
        "",
        "| What | | Against | Target | Measured |",
        "|---|---|---|---|---|",
    ]
    order = {target: place for place, target in enumerate(TARGETS)}
    for row in sorted(aimed, key=lambda row: order[row.target] if row.target else 0):
        if row.target:
            mark = " \u25bc" if row.falls_short else ""
            out.append(
                f"| {row.language}: {row.operation} | {size_of(row.size)} | {row.peer}"
                f" | {row.target.says} | {row.target.measured(row)}{mark} |"
            )
    return "\n".join([*out, ""])


def table(rows: list[Row], headers: list[dict[str, object]]) -> str:
    versions: dict[str, str] = {}
    for header in headers:
        versions |= dict(header["versions"])  # type: ignore[call-overload]
    rustc = re.search(r"\d+\.\d+\.\d+", command_says("rustc", "--version"))
    tools = {"rustc": rustc[0] if rustc else "unknown", "cc": compiler_version(), **versions}
    out = [
        f"Measured on {datetime.datetime.now(datetime.UTC).date()}: {cpu()},"
        f" {os.cpu_count()} cores, {system()}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in tools.items()) + ".",
        "",
    ]
    for language in dict.fromkeys(row.language for row in rows):
        out += [
            f"### {language}",
            "",
            "| Operation | Size | Ours, ns | Peer | Peer, ns | Ratio | Allocations, ours / peer |",
            "|---|--:|--:|---|--:|--:|--:|",
        ]
        for row in rows:
            if row.language != language:
                continue
            ratio = times(row.ratio)
            if row.falls_short:
                ratio = f"{ratio} ▼"
            out.append(
                f"| {row.operation} | {size_of(row.size)} | {nanoseconds(row.ours_ns)}"
                f" | {row.peer or DASH} | {nanoseconds(row.peer_ns)} | {ratio}"
                f" | {count(row.ours_allocs)} / {count(row.peer_allocs)} |"
            )
        out.append("")
    return "\n".join(out)


def compiler_version() -> str:
    said = command_says(os.environ.get("CC", "cc"), "--version")
    found = re.search(r"\d+\.\d+(\.\d+)?", said)
    return found[0] if found else said


def write_page(page: Path, part: str, measured: str) -> None:
    first, last = BEGIN.format(part.capitalize()), END.format(part)
    text = page.read_text()
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the lines between which the {part} stand")
    page.write_text(f"{before}{first}\n\n{measured}\n{last}{after}")


# The plot: a row for each operation and size, a mark for each peer.

TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


def kind_of(peer: str) -> str:
    if "canonical" in peer:
        return "canonical"
    return "best" if re.search(r"scratch|no allocation|given back|inlined", peer) else "plain"


def plot(rows: list[Row]) -> str:
    shown = [row for row in rows if row.ratio is not None]
    groups: dict[str, dict[tuple[str, int], list[Row]]] = {}
    for row in shown:
        group = groups.setdefault(row.language, {})
        group.setdefault((row.operation, row.size), []).append(row)
    chart = Chart(
        max(0.25, min([0.5, *(row.ratio or 1 for row in shown)])),
        max([16.0, *(row.ratio or 1 for row in shown)]),
    )
    peers = {
        "Rust": "the capnp crate",
        "Python": "pycapnp",
        "Go": "go-capnp",
        "C": "Rust",
        "Kotlin": "protobuf-java",
    }
    for language, group in groups.items():
        chart.head(f"{language} against {peers.get(language, 'its peer')}")
        for (operation, size), found in group.items():
            chart.row(f"{operation}, {size_of(size)}")
            for target in {row.target for row in found if row.target}:
                chart.want(target.ratio)
            for row in found:
                ratio = row.ratio or 1
                chart.beyond(ratio, times(ratio))
                chart.mark(kind_of(row.peer or ""), ratio, f"{times(ratio)} {row.peer}")
    key = (
        '<circle class="plain" cx="22" cy="44" r="4.5"/><text x="32" y="48">as it is used</text>'
        '<path class="best" d="M140 39l5 5l-5 5l-5 -5z"/>'
        '<text x="150" y="48">in its fastest way</text>'
        '<circle class="canonical" cx="312" cy="44" r="4.5"/>'
        '<text x="322" y="48">made canonical, as ours always is</text>'
        '<line class="want" x1="552" x2="552" y1="38" y2="50"/>'
        '<text x="560" y="48">target</text>'
    )
    title = "How many times as fast as the peer, in one run (logarithmic)"
    return chart.svg(title, "How many times as fast as its peer each operation is", key, TICKS)


if __name__ == "__main__":
    sys.exit(main())
