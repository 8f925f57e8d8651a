"""What two drafts of one incident state differently: what was learnt in between, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from renderers.edits.insert import section_of
from renderers.edits.marks import cells, words
from renderers.edits.merge import matched
from renderers.edits.sheets import EditUnit, units_of

_CITED = re.compile(r"\[([0-9a-f]{5,32}(?:, (?:[0-9a-f]{5,32}|\+\d+))*)\]")


class StatementDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that is new, gone or changed."""

    section: str
    """The key of the section, or ``head``."""
    before: str
    """What was stated; empty where it is new."""
    after: str
    """What is stated; empty where it is gone."""
    cites: tuple[str, ...] = ()
    """What proves either, as far as the draft shows it: the last digits of the ids of events."""


def compare(before: str, after: str) -> tuple[StatementDifference, ...]:
    """The differences between two marked drafts: what is gone, then what is new or changed, in the order of the drafts.

    Questions, headings, the index of events and the digest are no statements and left out.
    """
    old, new = list(_stated(units_of(before))), list(_stated(units_of(after)))
    became = matched({unit.key: unit.cites for unit in old}, new)
    sources = {became[unit.key].key: unit for unit in old if unit.key in became}
    removed = [_difference(section_of(unit), unit, None) for unit in old if unit.key not in became]
    new_or_changed = []
    for unit in new:
        source = sources.get(unit.key)
        if source is None or source.digest != unit.digest:
            new_or_changed.append(_difference(section_of(unit), source, unit))
    return (*removed, *new_or_changed)


def _difference(section: str, before: EditUnit | None, after: EditUnit | None) -> StatementDifference:
    texts = [_text(unit) if unit is not None else "" for unit in (before, after)]
    marked = [each for unit in (before, after) if unit is not None for each in unit.cites]
    new_cites = [
        each for text in texts for group in _CITED.findall(text) for each in re.findall(r"\b[0-9a-f]{5,32}\b", group)
    ]
    return StatementDifference(
        section=section, before=texts[0], after=texts[1], cites=tuple(dict.fromkeys([*marked, *new_cites]))
    )


def _stated(units: Iterable[EditUnit]) -> Iterable[EditUnit]:
    for unit in units:
        frame = unit.section in ("ref", "removed") or unit.kind.partition("/")[2] in ("ask", "heading", "head", "index")
        if not frame and (unit.cites or unit.section != "appendix"):
            yield unit


def _text(unit: EditUnit) -> str:
    """A row's cells with bars between, any other line as it stands without its item's mark."""
    row = cells(unit.text)
    return " | ".join(row) if row is not None else words(unit.text)
