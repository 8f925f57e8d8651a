"""What is said in a file about people's changes of it: that evidence changed since, and what they removed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from renderers.edits import marks
from renderers.edits.marks import TOLD
from renderers.edits.sheets import DraftLine, EditUnit, form, prefix

CHANGED = "**Changed since the words above were edited:**"
GONE = "timelined no longer writes what stood here before."

_CITED = re.compile(r"\[[0-9a-f]{5,32}(?:, (?:[0-9a-f]{5,32}|\+\d+))*\](?=[.]?$)")
_HEADING = re.compile(r"#{1,6}[ \t]+")


def changed(unit: EditUnit, line: DraftLine) -> EditUnit:
    """What the draft says now, beneath what a person made of what it had said."""
    row = marks.cells(unit.text)
    if row is not None and form(line.text) == "table":
        return _about(unit.key, f"| {' | '.join((*row[:-1], f'{CHANGED} {row[-1]}'))} |", line)
    words = " ".join(row) if row is not None else _HEADING.sub("", unit.text)
    if form(unit.text) in ("item", "quote"):
        words = words[len(prefix(words)) :].lstrip("> ")
    return _about(unit.key, f"{_indent(line)}> {CHANGED} {words.strip()}", line)


def nothing_left(key: str, line: DraftLine) -> EditUnit:
    """That nothing is left of what a person changed the words of."""
    sentence = f"{CHANGED} {GONE}"
    if form(line.text) == "table":
        columns = max(1, len(marks.cells(line.text) or ()))
        return _about(key, f"| {' | '.join((*[''] * (columns - 1), sentence))} |", line)
    return _about(key, f"{_indent(line)}> {sentence}", line)


def _about(key: str, text: str, line: DraftLine) -> EditUnit:
    return EditUnit(f"changed/{key}", text, after=key)


def _indent(line: DraftLine) -> str:
    """As far as what follows an item has to stand to belong to it."""
    return " " * len(prefix(line.text)) if form(line.text) == "item" else ""


def removed(units: Sequence[EditUnit], states: Mapping[str, str]) -> list[EditUnit]:
    """For each section, one line that names the evidence of what a person removed from it."""
    names = {unit.section: unit.text.lstrip("# ") for unit in units if unit.key.endswith("/heading")}
    cites_by_section: dict[str, list[str]] = {}
    for unit in units:
        if states.get(unit.key) == TOLD:
            cited = _CITED.search(" ".join(marks.cells(unit.text) or [unit.text]).rstrip())
            leads = [each[-5:] for each in unit.cites]
            named = cited[0] if cited else f"[{', '.join(leads[:3])}{f', +{len(leads) - 3}' if len(leads) > 3 else ''}]"
            cites_by_section.setdefault(unit.section, []).append(named)
    return [
        EditUnit(f"removed/{section}", f"> A person removed from {names.get(section, 'the head')} what was written of "
             f"{', '.join(dict.fromkeys(cited))}.")
        for section, cited in cites_by_section.items()
    ]  # fmt: skip


def woven(units: Sequence[EditUnit], remarks: Mapping[str, EditUnit], notes: Iterable[EditUnit]) -> list[EditUnit]:
    """All that is to stand in the file, in its order: each remark behind its statement, each note behind its section.

    A remark on a statement that is no longer made comes first; it finds its line by itself.
    """
    at = {unit.key: unit for unit in units}
    units_out = [remark for key, remark in remarks.items() if key not in at]
    for unit in units:
        units_out += [unit, *([remarks[unit.key]] if unit.key in remarks else [])]
    for note in notes:
        section = note.key.partition("/")[2]
        places = [place for place, unit in enumerate(units_out) if _section(unit) == section]
        units_out.insert(places[-1] + 1 if places else len(units_out), note)
    return units_out


def _section(unit: EditUnit) -> str:
    """The section that a statement, or what is said about one, stands in."""
    return unit.key.split("/")[1] if unit.section in ("changed", "removed") else unit.section
