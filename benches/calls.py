"""Runs the benchmarks of calls between processes, writes their table and plot in docs/benchmarks.

    calls.py --rust PROGRAM --go PROGRAM --python "INTERPRETER bench.py --host IXT"

Each program prints one JSON object a line for each comparison: nanoseconds of a message there and
back, directly, by the peer and through the host (`direct_ns`, `peer_ns`, `host_ns`), the medians of the rounds'
ratios, and the CPU seconds of a million messages, of all processes together. Peers are gRPC, and NATS alone
through a nats-server that is started here (`make nats`); in a client stream a message goes there, and not back.
Beside NATS alone stand the same calls of modules that meet on it: `on_nats_ns`, their time by that of NATS alone
(`on_nats_by_peer`), and `on_nats` of the CPU seconds, in which the server's are counted. Where ours is not on NATS
these are missing or null. With --only nothing is written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from chart import TIMES, Chart
from report import (
    AT_LEAST,
    AT_MOST,
    DASH,
    command_says,
    cpu,
    nanoseconds,
    size_of,
    system,
    times,
    write_page,
)

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "nats"))

from nats_server import Server

LANGUAGES = ("rust", "go", "python")
GRPC = ("tonic", "grpc-go", "grpcio")
#: Of gRPC's speed: streams of 64 B, unary calls.
STREAMS = {"Rust": 5.0, "Go": 4.0, "Python": 8.0}
UNARY = {"Rust": 1.5, "Go": 1.5, "Python": 3.0}
#: Through the host: this often the direct time at most.
HOST = 2.0
#: On NATS: this often the time of NATS alone at most.
ON_NATS = 1.3
#: While a peer floods: this often the 99th percentile of the quiet host at most.
SLOWER = 3.0
TICKS = (0.5, 1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    language: str
    operation: str
    size: int
    peer: str
    direct_ns: float
    peer_ns: float
    host_ns: float
    ratio: float
    host_by_direct: float
    cpu_s_per_million: dict[str, float | None]
    on_nats_ns: float | None = None
    on_nats_by_peer: float | None = None

    @property
    def target(self) -> float | None:
        """What the ratio is to reach; of small messages against gRPC alone."""
        if self.size != 64 or self.peer not in GRPC:
            return None
        return (STREAMS if self.operation.startswith("bidi") else UNARY)[self.language]

    @property
    def falls_short(self) -> bool:
        return self.target is not None and self.ratio < self.target

    @property
    def host_falls_short(self) -> bool:
        return self.host_by_direct > HOST

    @property
    def nats_falls_short(self) -> bool:
        return self.on_nats_by_peer is not None and self.on_nats_by_peer > ON_NATS


@dataclass(frozen=True)
class Flooded:
    """Calls while a peer floods, against a quiet host."""

    language: str
    operation: str
    size: int
    quiet_p99_ns: float
    flooded_p99_ns: float
    slower: float
    refused_a_second: float

    @property
    def falls_short(self) -> bool:
        return self.slower > SLOWER


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures calls and writes the page.")
    for language in LANGUAGES:
        parser.add_argument(f"--{language}", metavar="COMMAND", help="its benchmark")
    parser.add_argument("--only", metavar="LANGUAGES", help="such as rust,go; writes nothing")
    parser.add_argument("--markdown", type=Path, help="the page whose table is written anew")
    parser.add_argument("--plot", type=Path, help="the SVG that is written")
    arguments = parser.parse_args()

    languages = arguments.only.split(",") if arguments.only else list(LANGUAGES)
    missing = [language for language in languages if not getattr(arguments, language, None)]
    if missing:
        parser.error(f"no benchmark given for: {', '.join(missing)} (--only leaves languages out)")
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as nats:
        os.environ |= {"NATS_URL": nats.url, "NATS_PID": str(nats.pid)}
        found = [
            row for language in languages for row in run(language, getattr(arguments, language))
        ]
    rows = [row for row in found if isinstance(row, Row)]
    flooded = [row for row in found if isinstance(row, Flooded)]
    # Of one peer together, as a page and a plot have them.
    rows.sort(key=lambda row: (languages.index(row.language.lower()), row.peer not in GRPC))
    aimed = [row for row in rows if row.target is not None]
    met = sum(not row.falls_short for row in aimed)
    # A call may stand against two peers.
    hosted = {(row.language, row.operation, row.size): row.host_falls_short for row in rows}
    through = sum(not short for short in hosted.values())
    on_nats = [row for row in rows if row.on_nats_by_peer is not None]
    print(
        f"{met} of {len(aimed)} targets are met; {through} of {len(hosted)} through the host;"
        f" {sum(not row.nats_falls_short for row in on_nats)} of {len(on_nats)} on NATS;"
        f" {sum(not row.falls_short for row in flooded)} of {len(flooded)} beside a flood"
    )
    if arguments.only:
        print("--only: the page was left as it is")
        return 0
    if arguments.markdown:
        write_page(
            arguments.markdown, "calls", table(rows) + nats_table(on_nats) + flooded_table(flooded)
        )
    if arguments.plot:
        arguments.plot.write_text(plot(rows))
    return 0


def run(language: str, command: str) -> list[Row | Flooded]:
    """Runs a benchmark, and says each of its lines as it comes."""
    rows: list[Row | Flooded] = []
    with subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            told = json.loads(line)
            row = Flooded(**told) if "slower" in told else Row(**told)
            rows.append(row)
            print(line_for_terminal(row), flush=True)
    if process.returncode or not rows:
        raise SystemExit(f"the benchmark of {language} failed")
    return rows


def mark(short: bool) -> str:
    return " \u25bc" if short else ""


def line_for_terminal(row: Row | Flooded) -> str:
    if isinstance(row, Flooded):
        return (
            f"{row.language:7}{row.operation:34}  p99 {nanoseconds(row.quiet_p99_ns)} ns, beside"
            f" {row.refused_a_second:,.0f} refused a second {nanoseconds(row.flooded_p99_ns)} ns:"
            f" {times(row.slower)}{mark(row.falls_short)}"
        )
    return (
        f"{row.language:7}{row.operation:24}{size_of(row.size):>7}{nanoseconds(row.direct_ns):>9} ns"
        f"  {times(row.ratio):>7} {row.peer}{mark(row.falls_short)}"
        f"  host {row.host_by_direct:.2f}{TIMES} direct{mark(row.host_falls_short)}"
        + (
            ""
            if row.on_nats_by_peer is None
            else f"  on NATS {row.on_nats_by_peer:.2f}{TIMES} it{mark(row.nats_falls_short)}"
        )
    )


def seconds(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def table(rows: list[Row]) -> str:
    out = [
        f"Measured on {datetime.datetime.now(datetime.UTC).date()}: {cpu()},"
        f" {os.cpu_count()} cores, {system()}; {command_says('rustc', '--version')},"
        f" {command_says('go', 'version')}, Python {sys.version.split()[0]}.",
        "",
        "| | | Direct, ns | Peer | Peer, ns | Ratio | Target | Host, ns | Host by direct"
        f" ({AT_MOST} {HOST:g}{TIMES}) | CPU s a million: direct / peer / host |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        used = row.cpu_s_per_million
        target = DASH if row.target is None else f"{AT_LEAST} {row.target:g}{TIMES}"
        out.append(
            f"| {row.language}: {row.operation} | {size_of(row.size)} | {nanoseconds(row.direct_ns)}"
            f" | {row.peer} | {nanoseconds(row.peer_ns)} | {times(row.ratio)}{mark(row.falls_short)}"
            f" | {target} | {nanoseconds(row.host_ns)}"
            f" | {row.host_by_direct:.2f}{TIMES}{mark(row.host_falls_short)}"
            f" | {seconds(used['direct'])} / {seconds(used['peer'])} / {seconds(used['host'])} |"
        )
    return "\n".join([*out, ""])


def nats_table(rows: list[Row]) -> str:
    out = [
        "",
        f"| On NATS | | NATS alone | Its time, ns | Ours, ns | Ours by NATS alone ({AT_MOST} {ON_NATS:g}{TIMES})"
        " | CPU s a million: NATS alone / ours |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        used = row.cpu_s_per_million
        out.append(
            f"| {row.language}: {row.operation} | {size_of(row.size)} | {row.peer}"
            f" | {nanoseconds(row.peer_ns)} | {nanoseconds(row.on_nats_ns)}"
            f" | {row.on_nats_by_peer:.2f}{TIMES}{mark(row.nats_falls_short)}"
            f" | {seconds(used['peer'])} / {seconds(used.get('on_nats'))} |"
        )
    return "\n".join([*out, ""])


def flooded_table(rows: list[Flooded]) -> str:
    out = [
        "",
        f"| | | p99, ns | p99 beside the flood, ns | Slower ({AT_MOST} {SLOWER:g}{TIMES}) | Opens refused a second |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        out.append(
            f"| {row.language}: {row.operation} | {size_of(row.size)} | {nanoseconds(row.quiet_p99_ns)}"
            f" | {nanoseconds(row.flooded_p99_ns)} | {times(row.slower)}{mark(row.falls_short)}"
            f" | {row.refused_a_second:,.0f} |"
        )
    return "\n".join([*out, ""])


def plot(rows: list[Row]) -> str:
    """A row for each operation and size."""
    ratios = [row.ratio for row in rows]
    chart = Chart(min([0.5, *ratios]), max([8.0, *ratios]))
    for (language, peer), found in groupby(rows, lambda row: (row.language, row.peer)):
        chart.head(f"{language} against {peer if peer in GRPC else f'NATS alone ({peer})'}")
        for row in found:
            chart.row(f"{row.operation}, {size_of(row.size)}")
            if row.target is not None:
                chart.want(row.target)
            marks = [("canonical", row.peer_ns / row.host_ns), ("plain", row.ratio)]
            if row.on_nats_by_peer is not None:
                marks.append(("best", 1 / row.on_nats_by_peer))
            for kind, ratio in marks:
                chart.mark(kind, ratio, times(ratio))
    key = (
        '<circle class="plain" cx="22" cy="44" r="4.5"/><text x="32" y="48">directly</text>'
        '<circle class="canonical" cx="112" cy="44" r="4.5"/>'
        '<text x="122" y="48">through the host; gRPC has none between</text>'
        '<path class="best" d="M368 39l5 5l-5 5l-5 -5z"/><text x="378" y="48">on NATS</text>'
        '<line class="want" x1="452" x2="452" y1="38" y2="50"/>'
        '<text x="460" y="48">target, directly</text>'
    )
    title = "Calls between two processes: how many times as fast as gRPC and NATS (logarithmic)"
    return chart.svg(
        title, "How many times as fast as gRPC and NATS each kind of call is", key, TICKS
    )


if __name__ == "__main__":
    sys.exit(main())
