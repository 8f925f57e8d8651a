"""The timeline of an incident as a reader sees it: its rows without times and citations."""

from __future__ import annotations

from renderers import rows
from renderers.document import Options, Row, Timeline
from renderers.plain_text import plain
from tests.histories import Facts


def table(story: Facts, detail: str = "normal") -> Timeline:
    """The timeline of this incident."""
    return rows.timeline(story.history(), Options(detail=detail))


def lines(story: Facts, detail: str = "normal") -> list[str]:
    """Its rows as a reader sees them, without times and citations."""
    return [line(row) for row in table(story, detail).rows]


def line(row: Row) -> str:
    """One row: label, text, suffixes."""
    label = f"{row.label}: " if row.label else ""
    return label + plain(row.parts) + "".join(f" ({suffix})" for suffix in row.suffixes)
