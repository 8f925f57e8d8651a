"""A person's file without what machines wrote in it, and with it again: what is kept of an edited postmortem.

What is kept holds a person's words, and of each statement that nobody touched
its mark alone. So it does not grow with the evidence, and what is erased of the
evidence does not live on in it.
"""

from __future__ import annotations

from renderers.edits import marks
from renderers.edits.marks import Entry
from renderers.edits.merge import matched
from renderers.edits.sheets import DraftSheet, EditUnit, sheet_of, units_of

_OURS = ("changed/", "removed/")


def people_of(text: str, fresh: str) -> str:
    """The file with nothing of the statements that nobody touched but their marks, and without remarks of ours.

    ``fresh`` is a marked draft of the time, by which statements are known that lost their mark.
    """
    sheet = sheet_of(text, units_of(fresh))
    lines = []
    for line in sheet.lines:
        if line.key.startswith(_OURS):
            continue
        mark = "".join(f"<!-- tl {key} {seen} -->" for key, seen in line.says.items())
        lines.append(mark if line.key and not line.key.startswith("ref/") else line.text)
    return "\n".join(lines) + "\n" + marks.index_text(_entries(sheet))


def _entries(sheet: DraftSheet) -> list[Entry]:
    """What had been written; a remark that nobody touched is made anew where it still holds."""
    return [
        entry for key, entry in sheet.index.items()
        if not key.startswith(_OURS) or ((line := sheet.line_by_key.get(key)) is not None and line.edited)
    ]  # fmt: skip


def with_statements(stored: str, fresh: str) -> str:
    """What was kept as a file again, each statement as ``fresh`` states it now; one that it does not state is left out.

    To be merged with ``fresh``, which puts in what is new.
    """
    body, index = marks.index_of(stored)
    became = matched({key: entry.cites for key, entry in index.items()}, units_of(fresh))
    lines, dropped, stand = [], set(), dict[str, EditUnit]()
    for line in body.split("\n"):
        marks_here = marks.marks_of(line)
        if not marks_here or marks.bare(line).strip():
            lines.append(line)
            continue
        unit = became.get(marks_here[0].key)
        if unit is None:
            dropped.add(marks_here[0].key)
        else:
            stand[marks_here[0].key] = unit
            lines.append(marks.marked(unit.text, {unit.key: unit.digest}))
    # What stands here is in the index as what it is now: under its key of before it would be taken for another
    # statement of the same evidence, which a person removed. What they removed is found by its evidence again.
    now = {unit.key for unit in stand.values()}
    entries = [entry for key, entry in index.items() if key not in dropped and key not in stand and key not in now]
    entries += [Entry(key=unit.key, digest=unit.digest, cites=unit.cites) for unit in stand.values()]
    return "\n".join(lines).rstrip("\n") + "\n\n" + marks.index_text(entries)
