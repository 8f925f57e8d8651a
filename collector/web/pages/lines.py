"""Several notes out of one text, each at the time that its line begins with."""

from __future__ import annotations

import csv
import re

from collector.errors import InvalidInput
from collector.web.pages.clocks import Clock

MOST = 100
"""How many notes one text may hold."""
_BEGIN = re.compile(
    r"\s*(?:[-*•]\s+)?\[?(?:(?P<day>\d{4}-\d\d-\d\d)[ T]+)?(?P<time>\d{1,2}:\d\d(?::\d\d)?)(?P<zone>Z|[+-]\d\d:\d\d)?"
    r"\]?(?:\s*[-–—:|]\s+|\s*[,;]\s*|\s+|\s*$)(?P<said>.*)",
    re.ASCII | re.DOTALL,
)
"""``14:02 text``, ``2026-03-04 14:02:10 text``, ``- [14:02] text``, ``2026-03-04T14:02:10Z text``."""

_HEAD = re.compile(r"(?:time|when|at|date|timestamp)\s*[,;]", re.ASCII | re.IGNORECASE)
"""The first line of a table that begins with times."""


def notes_in(text: str, day: str, clock: Clock, now: int) -> list[tuple[int, str]]:
    """The notes of a text, each with its time in µs: a line without a time goes on with the note above it.

    Lines of a CSV are read by their cells. ``day`` is of the first line that names none; the others are of the day of
    the line above, and ``now`` is when it was written, µs. Raises
    :class:`InvalidInput` for a first line without a time, and for a time that there is not.
    """
    notes: list[tuple[int, list[str]]] = []
    for number, line in enumerate(map(_cells, text.splitlines()), start=1):
        if number == 1 and _HEAD.match(line):
            continue
        begun = _BEGIN.match(line)
        if begun is not None:
            day = begun["day"] or day
            if not day.strip():
                raise InvalidInput(
                    f"cannot read the notes: line {number} names no day, and no line above it does; write the "
                    "day of the first note", "day"
                )  # fmt: skip
            time = f"{begun['time']:0>{8 if begun['time'].count(':') == 2 else 5}}"
            at = clock.moment(f"{day} {time}{begun['zone'] or ''}", f"line {number}", now) or 0
            notes.append((at, [begun["said"]]))
        elif notes:
            notes[-1][1].append(line)
        elif line.strip():
            raise InvalidInput(
                f"cannot read the notes: line {number} begins with no time; begin it like 14:02, or 2026-03-04 14:02",
                "text",
            )
    if not notes:
        raise InvalidInput("cannot read the notes: there is none; write one a line, each behind its time", "text")
    if len(notes) > MOST:
        raise InvalidInput(f"cannot read the notes: there are {len(notes)}; send {MOST} at a time", "text")
    return [(at, "\n".join(said).strip()) for at, said in notes]


def _cells(line: str) -> str:
    """A line of a CSV whose cells are quoted, as one without quotes would be written; any other as it is."""
    if not line.startswith('"') or '",' not in line:
        return line
    return ", ".join(filter(None, (cell.strip() for cell in next(csv.reader([line])))))
