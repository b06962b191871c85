"""Small SVG pictures: bars and columns, with a text that says the same. They know no page; a table stands beside each,
or is around it.

Colour is never alone: every bar has its name and its number, and patterns of the parts differ in lightness too.
Colours are classes, so that a dark page and a printed one can choose theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

import msgspec

from provenance.page.html import Markup, el

WIDTH = 720
FILL = {
    "block": "#a3161b",
    "quarantine": "#762a86",
    "warn": "#875600",
    "allow": "#1a6b3a",
    "unknown": "#8a939d",
    "skipped": "#2c3138",
    "count": "#2b67ab",
}
"""As on a light page; a style overrides them, which WeasyPrint does not apply inside a picture."""
SOFT, LINE, PAPER = "#505a65", "#d3d9df", "#ffffff"


class Piece(msgspec.Struct, frozen=True):
    """A part of a bar."""

    kind: str
    """Its class: what colour it has."""
    count: int
    name: str


def stacked(title: str, pieces: Sequence[Piece]) -> Markup:
    """One bar of parts that make up a whole. Parts too thin to see are two units wide."""
    whole = sum(one.count for one in pieces) or 1
    room = float(WIDTH)
    thin = [one for one in pieces if one.count and one.count / whole * WIDTH < 2]
    room -= 2 * len(thin)
    thick = sum(one.count for one in pieces if one.count and one not in thin) or 1
    at, drawn = 0.0, []
    for one in pieces:
        if not one.count:
            continue
        wide = 2.0 if one in thin else room * one.count / thick
        drawn.append(
            el(
                "rect",
                x=round(at, 2),
                y=0,
                width=round(wide, 2),
                height=28,
                fill=FILL[one.kind],
                class_=f"p-{one.kind}",
            )
        )
        if at:
            drawn.append(
                el("line", x1=round(at, 2), x2=round(at, 2), y1=0, y2=28, stroke=PAPER, stroke_width=2, class_="gap")
            )
        at += wide
    return _svg(title, 28, drawn)


def bar(title: str, pieces: Sequence[Piece], most: int) -> Markup:
    """One bar of a table's cell, on a scale up to ``most``; it takes the cell's width, whatever that is."""
    at, drawn = 0.0, []
    for one in pieces:
        wide = max(100 * one.count / (most or 1), 0.6) if one.count else 0.0
        if one.count:
            drawn.append(
                el(
                    "rect",
                    x=round(at, 2),
                    y=0,
                    width=round(wide, 2),
                    height=10,
                    fill=FILL[one.kind],
                    class_=f"p-{one.kind}",
                )
            )
        at += wide
    return el(
        "svg", el("title", title), drawn,
        viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=title, class_="bar",
    )  # fmt: skip


def columns(title: str, values: Sequence[tuple[str, int]], most: int, kind: str, height: int = 84) -> Markup:
    """Columns over time on a scale up to ``most``, with the first and last name below and lines at round numbers."""
    left, right, top, below = 64, 8, 12, 24
    room = WIDTH - left - right
    step = room / max(len(values), 1)
    drawn = []
    for tick in ticks(most):
        y = round(top + height - height * tick / (most or 1), 2)
        drawn.append(el("line", x1=left, x2=WIDTH - right, y1=y, y2=y, stroke=LINE, class_="grid"))
        drawn.append(
            el(
                "text",
                f"{tick:,}",
                x=left - 8,
                y=round(y + 4, 2),
                text_anchor="end",
                fill=SOFT,
                font_size=12,
                class_="tick",
            )
        )
    for number, (_, count) in enumerate(values):
        if count:
            tall = max(height * count / (most or 1), 1.5)
            drawn.append(
                el(
                    "rect",
                    x=round(left + number * step + min(step * 0.12, 1), 2),
                    y=round(top + height - tall, 2),
                    width=round(max(step - 2 * min(step * 0.12, 1), 0.8), 2),
                    height=round(tall, 2),
                    fill=FILL[kind],
                    class_=f"p-{kind}",
                )
            )
    if values:
        foot = top + height + 16
        drawn.append(el("text", values[0][0], x=left, y=foot, fill=SOFT, font_size=12, class_="tick"))
        if len(values) > 1:
            drawn.append(
                el(
                    "text",
                    values[-1][0],
                    x=WIDTH - right,
                    y=foot,
                    text_anchor="end",
                    fill=SOFT,
                    font_size=12,
                    class_="tick",
                )
            )
    return _svg(title, top + height + below, drawn)


def ticks(most: int) -> list[int]:
    """Up to four round numbers from 0 to ``most``."""
    if most <= 0:
        return [0]
    unit = 10 ** floor(log10(most))
    step = next(one for one in (unit // 5, unit // 2, unit, unit * 2, unit * 5) if one and most / one <= 3.999)
    return list(range(0, most + 1, step))


def _svg(title: str, height: float, drawn: Sequence[Markup]) -> Markup:
    return el(
        "svg",
        el("title", title),
        drawn,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=title,
        class_="picture",
        preserveAspectRatio="xMinYMin meet",
    )
