"""Where a statement goes that the file lacks: behind the one before it, whatever a person made of the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from renderers.edits import marks
from renderers.edits.sheets import DraftLine, EditUnit, delimits, form

_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})?")


def insert(
    lines: list[DraftLine],
    placed: dict[str, DraftLine],
    missing: Sequence[EditUnit],
    every: Sequence[EditUnit],
    end: str,
) -> None:
    """Put each of these that has no line yet into the file, and note its line. ``end`` is how new lines end."""
    insertion = _Insertion(
        lines, placed, missing, {unit.section: unit for unit in every if unit.key.endswith("/heading")}, end
    )
    insertion.fit_remarks()
    for at, unit in enumerate(missing):
        if unit.key not in placed:
            insertion.put(at, unit)


def section_of(unit: EditUnit) -> str:
    """The section that a statement, or a remark about one, stands in."""
    return unit.key.split("/")[1] if unit.section in ("changed", "removed") else unit.section


class _Insertion:
    """The lines of a person's file, and the statements that are to come among them."""

    def __init__(
        self,
        lines: list[DraftLine],
        placed: dict[str, DraftLine],
        units: Sequence[EditUnit],
        headings: Mapping[str, EditUnit],
        end: str,
    ) -> None:
        self._lines, self._placed, self._units, self._headings, self._end = lines, placed, units, headings, end

    def fit_remarks(self) -> None:
        """Remarks of ours that stand in the file: those that no longer hold go, others say what holds now."""
        holding = {unit.key: unit for unit in self._units if unit.section in ("changed", "removed")}
        for line in [line for line in self._lines if line.key.startswith(("changed/", "removed/"))]:
            unit = holding.get(line.key)
            if unit is None:
                self._drop(line)
            elif unit.digest != line.says[unit.key]:
                line.says = {unit.key: unit.digest}
                line.text = marks.marked(unit.text, line.says)

    def _drop(self, line: DraftLine) -> None:
        at = self._lines.index(line)
        del self._lines[at]
        self._placed.pop(line.key)
        around = self._lines[max(at - 1, 0) : at + 1]
        if len(around) > 1 and all(form(each.text) == "blank" for each in around):
            del self._lines[at - 1]

    def put(self, at: int, unit: EditUnit) -> None:
        """Put one statement where it belongs."""
        if unit.after and unit.after in self._placed:
            return self._write(self._lines.index(self._placed[unit.after]) + 1, unit)
        section = section_of(unit)
        before = next((u for u in reversed(self._units[:at]) if section_of(u) == section and self._has(u)), None)
        if before is not None:
            return self._write(self._behind(self._placed[before.key], unit), unit)
        following = next((u for u in self._units[at + 1 :] if section_of(u) == section and self._has(u)), None)
        if following is not None and unit.section != "removed":
            place = self._lines.index(self._placed[following.key])
            return None if self._renamed(place, unit) else self._write(place, unit)
        return self._begin(at, unit, section)

    def _renamed(self, place: int, unit: EditUnit) -> bool:
        """Whether the section has a heading of a person's, which stands for ours then."""
        above = [line for line in self._lines[max(place - 3, 0) : place] if form(line.text) != "blank"]
        if not unit.key.endswith("/heading") or not above or form(above[-1].text) != "heading" or above[-1].says:
            return False
        line = above[-1]
        line.says, line.edited = {unit.key: unit.digest}, True
        line.text = marks.marked(line.text, line.says)
        self._placed[unit.key] = line
        return True

    def _has(self, unit: EditUnit) -> bool:
        return unit.key in self._placed

    def _begin(self, at: int, unit: EditUnit, section: str) -> None:
        """The section has nothing left in the file: it begins anew, behind the one before it."""
        last = next((u for u in reversed(self._units[:at]) if self._has(u) and u.section != "ref"), None)
        position = self._section_end(self._placed[last.key]) if last is not None else self._body_end()
        if unit.section in ("removed", "ref"):
            return self._write(self._body_end() if unit.section == "removed" else len(self._lines), unit)
        heading = self._headings.get(section)
        if heading is None or unit is heading:
            return self._write(position, unit)
        self._write(position, heading)
        return self._write(self._lines.index(self._placed[heading.key]) + 1, unit)

    def _section_end(self, line: DraftLine) -> int:
        at = self._lines.index(line) + 1
        while at < len(self._lines) and form(self._lines[at].text) not in ("heading", "rule", "reference"):
            at += 1
        while at and form(self._lines[at - 1].text) == "blank":
            at -= 1
        return at

    def _body_end(self) -> int:
        """Behind everything but the definitions of links."""
        at = len(self._lines)
        while at and form(self._lines[at - 1].text) in ("blank", "reference"):
            at -= 1
        return at

    def _behind(self, line: DraftLine, unit: EditUnit) -> int:
        """The place behind a statement and what a person put there that belongs to it."""
        at = self._lines.index(line) + 1
        if form(line.text) == "table":
            return self._behind_row(line, at, unit)
        if form(line.text) == "reference":
            return at
        while at < len(self._lines):
            here = self._lines[at]
            blank = form(here.text) == "blank"
            deeper = here.text.startswith(("  ", "\t"))
            goes_on = blank and at + 1 < len(self._lines) and self._lines[at + 1].text.startswith(("  ", "\t"))
            remark = here.key.startswith("changed/")
            if not (remark or (not here.says and (deeper or goes_on or (not blank and self._continues(at))))):
                break
            at += 1
        return at

    def _continues(self, at: int) -> bool:
        return form(self._lines[at].text) in ("text", "quote", "item") and form(self._lines[at - 1].text) != "blank"

    def _behind_row(self, line: DraftLine, at: int, unit: EditUnit) -> int:
        """Behind a row, and those that a person put there of an earlier time; behind a table, where no row comes."""
        row = form(unit.text) == "table" and not unit.below
        when = _TIME.search((marks.cells(unit.text) or [""])[0]) if row else None
        while at < len(self._lines) and form(self._lines[at].text) == "table":
            here = self._lines[at]
            told = _TIME.search((marks.cells(here.text) or [""])[0])
            ours = bool(here.says) and not here.key.startswith("changed/")
            later = when is not None and told is not None and told[0] > when[0]
            if row and not delimits(here.text) and (ours or later):
                break
            at += 1
        return at

    def _write(self, at: int, unit: EditUnit) -> None:
        """The statement as lines of its own at a place, with blank lines where Markdown needs them."""
        text = self._fitting(at, unit)
        new = DraftLine(marks.marked(text, {unit.key: unit.digest}), self._end, {unit.key: unit.digest})
        block = [new, *([DraftLine(unit.below, self._end)] if unit.below else [])]
        if at and not self._lines[at - 1].end:
            self._lines[at - 1].end = self._end
        if at and not _adjoin(self._lines[at - 1].text, text):
            block.insert(0, DraftLine("", self._end))
        if at < len(self._lines) and not _adjoin(block[-1].text, self._lines[at].text):
            block.append(DraftLine("", self._end))
        self._lines[at:at] = block
        self._placed[unit.key] = new

    def _fitting(self, at: int, unit: EditUnit) -> str:
        """A row that comes where no table is becomes an item of a list."""
        row = marks.cells(unit.text)
        above = form(self._lines[at - 1].text) if at else "blank"
        below = form(self._lines[at].text) if at < len(self._lines) else "blank"
        if row is None or unit.below or "table" in (above, below):
            return unit.text
        return f"- {' '.join(row)}"


def _adjoin(above: str, below: str) -> bool:
    """Whether two lines may follow each other without being taken for one."""
    pair = (form(above), form(below))
    if "blank" in pair or pair in (("table", "table"), ("item", "item"), ("reference", "reference")):
        return True
    if pair[1] == "heading" or pair[0] in ("heading", "rule"):
        return pair[0] in ("heading", "rule")
    if pair[1] == "quote":
        return pair[0] in ("item", "text") and not below.lstrip("> ").startswith("**Fill in")
    return pair == ("quote", "item") or (pair == ("text", "text") and above.endswith("  "))
