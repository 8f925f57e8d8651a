"""The goals as one picture: a bar for each figure, as long as the figure is better than its goal.

Bars of different benchmarks compare because each is a ratio to its own goal. A
bar that reaches the line has reached the goal. What is better by more than
:data:`MOST` ends there; the number beside it says by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

MOST = 3.0
"""Where bars end, in goals."""
_ROW, _NAMES, _UNIT, _REST = 20, 520, 120, 150
"""Pixels: a row, the names before the bars, one goal's length, and what stands after the bars."""
_COLOURS = {"reached": "#2e7d32", "missed": "#c62828", "no result": "#9e9e9e"}


class Bar(NamedTuple):
    """One figure that has a goal."""

    name: str
    better: float
    """How many times better than the goal; below one it missed."""
    verdict: str


def svg(bars: Sequence[Bar]) -> str:
    """The picture."""
    width, height = round(_NAMES + MOST * _UNIT + _REST), _ROW * (len(bars) + 2)
    goal = _NAMES + _UNIT
    rows = [part for number, bar in enumerate(bars, 1) for part in _row(bar, number * _ROW)]
    size_attributes = f'width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size_attributes} font-family="sans-serif" font-size="12">',
            f'<rect {size_attributes} fill="#ffffff"/>',
            *rows,
            f'<path d="M{goal} {_ROW // 2}V{height - _ROW}" stroke="#212121" stroke-dasharray="4 3"/>',
            f'<text x="{goal}" y="{height - 6}" text-anchor="middle">goal</text>',
            "</svg>\n",
        ]
    )


def _row(bar: Bar, top: int) -> list[str]:
    length, base = min(bar.better, MOST) * _UNIT, top + _ROW - 6
    return [
        f'<text x="{_NAMES - 8}" y="{base}" text-anchor="end">{escape(bar.name)}</text>',
        f'<rect x="{_NAMES}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 6}" fill="{_COLOURS[bar.verdict]}"/>',
        f'<text x="{_NAMES + length + 6:.1f}" y="{base}">{bar.better:.2f} ({bar.verdict})</text>',
    ]
