"""A plot of ratios: rows under heads, marks on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

TIMES = "\N{MULTIPLICATION SIGN}"
ROW, TOP, LEFT, RIGHT, WIDTH = 18, 64, 262, 24, 860
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600; font-size: 13px }
.title { font-weight: 600; font-size: 15px }
.note { fill: #57606a }
.grid { stroke: #d0d7de } .one { stroke: #57606a; stroke-width: 1.5 }
.want { stroke: #9a6700; stroke-width: 2 }
.plain { fill: #0969da } .canonical { fill: none; stroke: #0969da; stroke-width: 1.8 }
.best { fill: #8250df }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } .grid { stroke: #3d444d } .one { stroke: #9198a1 }
  .want { stroke: #d29922 } .plain { fill: #4493f8 } .canonical { stroke: #4493f8 }
  .best { fill: #ab7df8 }
}
"""


class Chart:
    """Grows downwards: a head, its rows, and in the last row what is marked there."""

    def __init__(self, least: float, most: float) -> None:
        """For ratios from `least` to `most`; what is below goes to the edge."""
        self.low, self.high = math.log2(least), math.log2(most * 1.15)
        self.marks: list[str] = []
        self.y = TOP

    def x(self, ratio: float) -> float:
        """Where a ratio stands."""
        part = (max(math.log2(ratio), self.low) - self.low) / (self.high - self.low)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def head(self, text: str) -> None:
        """Begins a group."""
        self.y += ROW + 4
        self.marks.append(f'<text class="head" x="16" y="{self.y}">{text}</text>')

    def row(self, label: str) -> None:
        """Begins a row."""
        self.y += ROW
        self.marks.append(
            f'<text x="{LEFT - 12}" y="{self.y}" text-anchor="end">{escape(label)}</text>'
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y - 4}"'
            f' y2="{self.y - 4}" stroke-dasharray="1 4"/>'
        )

    def want(self, ratio: float) -> None:
        """A target."""
        at, y = self.x(ratio), self.y
        self.marks.append(
            f'<line class="want" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 10}" y2="{y + 2}"/>'
        )

    def beyond(self, ratio: float, text: str) -> None:
        """Says a ratio that is below the edge beside it."""
        if math.log2(ratio) < self.low:
            at = self.x(ratio) + 9
            self.marks.append(f'<text class="note" x="{at:.1f}" y="{self.y}">{text}</text>')

    def mark(self, kind: str, ratio: float, title: str) -> None:
        """A ratio: `plain`, `canonical` (a ring) or `best` (a square on its corner)."""
        at, y, told = self.x(ratio), self.y, f"<title>{escape(title)}</title>"
        if kind == "best":
            shape = f'<path class="best" d="M{at:.1f} {y - 9}l5 5l-5 5l-5 -5z">{told}</path>'
        else:
            shape = f'<circle class="{kind}" cx="{at:.1f}" cy="{y - 4}" r="4.5">{told}</circle>'
        self.marks.append(shape)

    def svg(self, title: str, about: str, key: str, ticks: tuple[float, ...]) -> str:
        """All of it, with lines at these ratios."""
        bottom = self.y + 12
        grid = [
            f'<line class="{"one" if tick == 1 else "grid"}" x1="{self.x(tick):.1f}"'
            f' x2="{self.x(tick):.1f}" y1="{TOP}" y2="{bottom}"/>'
            f'<text class="note" x="{self.x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{tick:g}{TIMES}</text>"
            for tick in ticks
            if self.low <= math.log2(tick) <= self.high
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 28}"'
            f' width="{WIDTH}" height="{bottom + 28}" role="img" aria-label="{about}">\n'
            f"<style>{STYLE}</style>\n"
            f'<text class="title" x="16" y="24">{title}</text>\n'
            + "\n".join([key, *grid, *self.marks])
            + "\n</svg>\n"
        )
