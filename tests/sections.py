"""One section of an incident's draft, as tests look at it: its sentences, its rows and what it asks."""

from __future__ import annotations

from typing import Any

from renderers.document import Bullets, Claim, Options, Prompt, Section, Table, Timeline
from renderers.history import History
from renderers.plain_text import plain
from renderers.sections import SECTIONS
from tests.histories import Facts


def section(told: Facts, key: str, **options: Any) -> Section:
    """One section of this incident's draft."""
    return SECTIONS[key](told.history(), Options(**options))


def claims(told: Facts, key: str, **options: Any) -> list[Claim]:
    """Its sentences."""
    blocks = section(told, key, **options).blocks
    return [item for block in blocks if isinstance(block, Bullets) for item in block.items]


def cells(told: Facts, key: str, **options: Any) -> list[str]:
    """The rows of one table of the section on detection, their cells divided by bars."""
    blocks = section(told, "detection", **options).blocks
    rows = [row for block in blocks if isinstance(block, Table) and block.key == key for row in block.rows]
    return [" | ".join(plain(cell) for cell in row.cells) for row in rows]


def rows(told: Facts) -> list[str]:
    """The rows of the timeline, without their times, and what stands behind them."""
    blocks = section(told, "timeline").blocks
    (table,) = [block for block in blocks if isinstance(block, Timeline)]
    return [f"{row.label}: {plain(row.parts)}{''.join(f' ({each})' for each in row.suffixes)}".removeprefix(": ")
            for row in table.rows]  # fmt: skip


def drafted(history: History, key: str) -> list[str]:
    """The sentences of one section of a history."""
    blocks = SECTIONS[key](history, Options()).blocks
    return [plain(item.parts) for block in blocks if isinstance(block, Bullets) for item in block.items]


def said(told: Facts, key: str, **options: Any) -> list[str]:
    """Its sentences as a reader sees them."""
    return [plain(item.parts) for item in claims(told, key, **options)]


def prompts(told: Facts, key: str) -> list[str]:
    """What it asks."""
    return [block.question for block in section(told, key).blocks if isinstance(block, Prompt)]
