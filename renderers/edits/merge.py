"""A person's file and a newly written draft become the file as it is to be.

Pure. What a person wrote is never left out: a line that is not word for word
what a machine had written stays as it is, where it is. All else follows the
new draft. Where the evidence of a line that a person changed has changed, what
the draft says now stands beneath it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from renderers.edits import marks, notes
from renderers.edits.insert import insert
from renderers.edits.marks import LIVE, QUIET, TOLD, Entry
from renderers.edits.sheets import DraftLine, DraftSheet, EditUnit, delimits, form, prefix, sheet_of, units_of


class Merged(NamedTuple):
    """What a file becomes."""

    text: str
    personal: bool
    """Whether a person wrote, changed or removed anything in it."""


def merge(theirs: str, fresh: str) -> Merged | None:
    """The person's file brought up to date: ``fresh`` is the draft as a renderer writes it now, with its marks.

    Merging the same draft again changes nothing. A file without a word in it becomes the draft. None where
    nothing in the file is of a draft.
    """
    if not marks.index_of(theirs)[0].strip("\ufeff \t\r\n"):
        return Merged(fresh, personal=False)
    if "\r" in theirs and "\n" not in theirs:
        done = merge(theirs.replace("\r", "\n"), fresh)
        return done and done._replace(text=done.text.replace("\n", "\r"))
    units = units_of(fresh)
    sheet = sheet_of(theirs, units)
    if not (sheet.line_by_key or sheet.index):
        return None
    work = _Merge(sheet, units)
    frame = {marks.digest(line) for line in fresh.split("\n") if not marks.marks_of(line)}
    personal = work.personal(frame)
    return Merged(work.text(), personal)


class _Merge:
    """One merge: what the file's statements became, what is to be said about them, and where all of it goes."""

    def __init__(self, sheet: DraftSheet, units: list[EditUnit]) -> None:
        self._sheet, self._units = sheet, units
        self._became = matched(self._before(), units)
        self._states = self._removed()
        self._lines = sheet.lines
        self._placed: dict[str, DraftLine] = {}
        self._removed_entries: dict[str, Entry] = {}

    def personal(self, frame: Collection[str]) -> bool:
        """Whether a line is a person's, or a statement missing. ``frame`` are the digests of what stands around
        statements."""
        lines = (line for line in self._lines if not line.key)
        return bool(self._states) or any(line.edited or marks.digest(line.text) not in frame for line in lines)

    def text(self) -> str:
        """What the file becomes; to be asked once."""
        self._hear()
        remarks = self._remarks()
        self._update()
        wanted = [unit for unit in self._units if self._states.get(unit.key, LIVE) == LIVE]
        told = notes.removed(self._units, self._states)
        insert(self._lines, self._placed, notes.woven(wanted, remarks, told), self._units, self._sheet.end)
        return "".join(line.text + line.end for line in self._lines) + self._index(remarks, told)

    def _before(self) -> dict[str, tuple[str, ...]]:
        """Key → evidence of every statement that had been written."""
        known = {key: tuple[str, ...]() for key in self._sheet.line_by_key}
        return known | {key: entry.cites for key, entry in self._sheet.index.items()}

    def _removed(self) -> dict[str, str]:
        """Key of a new statement → whether a person removed it, as far as the file can say."""
        states: dict[str, str] = {}
        for key, entry in self._sheet.index.items():
            unit = self._became.get(key)
            if unit is None or key in self._sheet.line_by_key:
                continue
            if unit.cites and not entry.cites:
                # They removed that nothing was recorded, or a question. What is recorded now they never saw.
                continue
            if entry.state != LIVE:
                states[unit.key] = entry.state
            elif self._sheet.marked:
                states[unit.key] = TOLD if entry.cites and unit.kind != "appendix/index" else QUIET
        return states

    def _hear(self) -> None:
        """A remark of ours that a person removed or changed was read: what it said is not said again."""
        # Of a file that lost its index the marks alone say what stood in it.
        for key in dict.fromkeys((*self._sheet.index, *self._sheet.line_by_key)):
            entry, line = self._sheet.index.get(key), self._sheet.line_by_key.get(key)
            if (entry is not None and entry.state != LIVE) or not key.startswith(("changed/", "removed/")):
                continue
            if line is not None and not line.edited:
                continue
            if line is not None:
                _forget(self._sheet, line, key)
            if self._sheet.marked:
                self._read(key)

    def _read(self, key: str) -> None:
        """A person saw what we wrote about their own words, or about what they removed."""
        kind, _, about = key.partition("/")
        if kind == "removed":
            self._states |= {k: QUIET for k, v in self._states.items() if v == TOLD and k.startswith(f"{about}/")}
        elif line := self._sheet.line_by_key.get(about):
            unit = self._became.get(about)
            if unit is None:
                _forget(self._sheet, line, about)
            else:
                line.says[about] = unit.digest

    def _remarks(self) -> dict[str, EditUnit]:
        """Key of a statement that a person changed → what is to be said beneath it."""
        remarks: dict[str, EditUnit] = {}
        for line in [line for line in self._lines if line.edited]:
            for key, digest in line.says.items():
                unit = self._became.get(key)
                entry = self._sheet.index.get(key)
                if unit is None and entry is not None and entry.cites:
                    remarks[key] = notes.nothing_left(key, line)
                elif unit is not None and unit.digest != digest and (digest != marks.UNKNOWN or unit.cites):
                    remarks[unit.key] = notes.changed(unit, line)
        return remarks

    def _update(self) -> None:
        """Every statement of ours that nobody touched becomes what it is now, or goes."""
        lifted = self._moved()
        lines: list[DraftLine] = []
        dropped = False
        for line in self._lines:
            if dropped and not line.says and delimits(line.text):
                continue
            dropped = bool(line.key) and self._goes(line, lifted)
            if dropped:
                _close_up(lines)
            else:
                self._rewrite(line)
                lines.append(line)
        self._lines[:] = lines

    def _goes(self, line: DraftLine, lifted: set[str]) -> bool:
        remark = line.key.startswith(("changed/", "removed/"))
        return not remark and (line.key not in self._became or line.key in lifted)

    def _rewrite(self, line: DraftLine) -> None:
        """The line under the keys of now, and as what they say now where nobody touched it."""
        digests: dict[str, str] = {}
        for key, digest in line.says.items():
            unit = self._became.get(key)
            name = unit.key if unit is not None else key
            self._placed[name] = line
            digests[name] = digest
            if unit is None and line.edited:
                self._removed_entries[key] = self._sheet.index.get(key) or Entry(key=key, digest=digest)
            elif unit is not None and not line.edited and unit.digest != digest:
                line.text, digests[name] = shaped(unit, line.text), unit.digest
        if digests:
            line.says = digests
            line.text = marks.marked(line.text, digests)

    def _moved(self) -> set[str]:
        """Keys of untouched lines whose place among the statements changed: they go to their new one."""
        order = {unit.key: at for at, unit in enumerate(self._units)}
        keys = [key for key in self._sheet.index if (line := self._sheet.line_by_key.get(key)) and not line.edited]
        pairs = [(key, order[unit.key]) for key in keys if (unit := self._became.get(key))]
        stay = _longest_rise([at for _, at in pairs])
        return {key for number, (key, _) in enumerate(pairs) if number not in stay}

    def _index(self, remarks: Mapping[str, EditUnit], told: Iterable[EditUnit]) -> str:
        entries = [self._entry(unit) for unit in self._units]
        entries += [Entry(key=unit.key, digest=unit.digest) for unit in (*remarks.values(), *told)]
        entries += self._removed_entries.values()
        # With whose words the file was written stays what it was: those of others are not put into it.
        entries += [entry for key, entry in self._sheet.index.items() if key == marks.WORDS]
        last = self._lines[-1] if self._lines else None
        before = "" if last is None or form(last.text) == "blank" else self._sheet.end
        if last is not None and not last.end:
            before = self._sheet.end * 2
        return before + marks.index_text(entries).replace("\n", self._sheet.end)

    def _entry(self, unit: EditUnit) -> Entry:
        line = self._placed.get(unit.key)
        seen = line.says[unit.key] if line is not None else unit.digest
        state = self._states.get(unit.key, LIVE) if line is None else LIVE
        return Entry(key=unit.key, digest=seen, cites=unit.cites, state=state)


def matched(before: Mapping[str, tuple[str, ...]], units: Sequence[EditUnit]) -> dict[str, EditUnit]:
    """What each statement that had been written became: the one of the same key, of common evidence, or of the same
    first words."""
    by_key = {unit.key: unit for unit in units}
    pairs = {key: by_key[key] for key in before if key in by_key}
    used = set(pairs)
    old = [EditUnit(key, "", cites) for key, cites in before.items() if key not in pairs]
    for alike in (_proven, _worded):
        table: dict[str, list[EditUnit]] = {}
        for unit in [unit for unit in units if unit.key not in used]:
            for name in alike(unit):
                table.setdefault(name, []).append(unit)
        for unit in [unit for unit in old if unit.key not in pairs]:
            alike_ones = (u for name in alike(unit) for u in table.get(name, ()) if u.key not in used)
            new = next((u for u in alike_ones if _could_be(unit, u)), None)
            if new is not None:
                pairs[unit.key] = new
                used.add(new.key)
    return pairs


def _could_be(old: EditUnit, new: EditUnit) -> bool:
    """Two statements whose evidence is known and has nothing in common are two."""
    return not (old.cites and new.cites) or not set(old.cites).isdisjoint(new.cites)


def _proven(unit: EditUnit) -> list[str]:
    """What a row or a line of evidence is known by, if its key is not the same: the events it tells of."""
    if unit.kind.endswith(("/say", "/ask", "/head", "/heading")):
        return []
    lead = unit.key.rpartition("/")[2].partition("~")[0]
    return [f"{unit.kind} {each}" for each in dict.fromkeys((*unit.cites, lead))]


def _worded(unit: EditUnit) -> list[str]:
    """What a sentence is known by, if its key is not the same."""
    return [unit.stem] if unit.key.count("/") > 1 and not unit.kind.endswith(("/row", "/index", "/action")) else []


def shaped(unit: EditUnit, like: str) -> str:
    """The statement in the form of the line that it replaces: a row may have become an item, an item a paragraph."""
    row, shape = marks.cells(unit.text), form(like)
    if unit.below or form(unit.text) == shape == "table":
        return unit.text
    words = " ".join(row) if row is not None else unit.text
    if form(unit.text) == "item":
        words = unit.text[len(prefix(unit.text)) :]
    if shape == "item":
        return prefix(like) + words
    if shape == "table":
        return f"| {words} |"
    return words if shape in ("text", "quote") and form(unit.text) in ("table", "item") else unit.text


def _forget(sheet: DraftSheet, line: DraftLine, key: str) -> None:
    """The line is not this statement any more; if it is no other either, it is a person's."""
    sheet.line_by_key.pop(key)
    line.says.pop(key)
    line.text = marks.marked(line.text, line.says)
    line.edited = bool(line.says)


def _close_up(lines: list[DraftLine]) -> None:
    """Where something is left out between two blank lines, one of them goes with it."""
    if len(lines) > 1 and form(lines[-1].text) == form(lines[-2].text) == "blank":
        lines.pop()


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The places of a longest rising run of these numbers, which need not be neighbours."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            at.append(index)
        else:
            ends[length], at[length] = number, index
    rise: set[int] = set()
    index = at[-1] if at else -1
    while index >= 0:
        rise.add(index)
        index = before[index]
    return rise
