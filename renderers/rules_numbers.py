"""Rules about numbers, times and days: what evidence does not show, what has no day, and what is late.

Each gives the line, the column from 0, and what is the matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from renderers.lint import SAYS_NOTHING
from renderers.lint_lines import ROW_TIME, LintLine, rows, section_of, unquoted

Found = Iterator[tuple[LintLine, int, str]]

TARGET = 15 * 60
"""How long it may take until it is noticed, seconds, before something should be done about that."""
REVIEW = {True: timedelta(days=3), False: timedelta(days=7)}
"""How long after its end an incident should be reviewed: one of the gravest severities, another (five working days)."""
_LENGTH = re.compile(
    r"\b(\d+(?:[.,]\d+)?)\s*(seconds?|secs?|s|minutes?|mins?|min|hours?|hrs?|h|days?|d)\b", re.IGNORECASE
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_CLOCK = re.compile(r"(?<![\d:.+])(?<!\(-)([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?![\d:])")
_COUNT = re.compile(r"\b(\d{1,6}) (alert|page|deploy|deployment|rollback|responder)s?\b", re.IGNORECASE)
_DAY = re.compile(
    r"\b\d{4}-\d\d-\d\d\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d|\b\d{1,2}\.? "
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b(?:the )?(?:next|same|following|day before|previous) (?:day|morning|night|evening)\b",
    re.IGNORECASE,
)
_GRAVE = re.compile(r"\*\*Incident:\*\*.* · (?:critical|sev-?[01]|p[01]|high urgency)\b", re.IGNORECASE)
_STATUS = re.compile(r"\*\*Status:\*\* Resolved\b(?!.*· (?:Reviewed|Published) \()")


def unknown(lines: Sequence[LintLine]) -> Found:
    """What people write of lengths, times and counts that no evidence in the file has."""
    yield from _unknown_lengths(lines)
    yield from _unknown_times(lines)
    yield from _unknown_counts(lines)


def _lines_of_people(lines: Sequence[LintLine]) -> list[LintLine]:
    """The lines of people but for rows of the timeline, whose time is theirs to tell.

    What timelined says of what was not recorded cites nothing, too.
    """
    theirs = [line for line in lines if line.prose and not ROW_TIME.match(line.text)]
    return [line for line in theirs if not SAYS_NOTHING.match(f"- {line.text.removeprefix('- ')}")]


def _unknown_times(lines: Sequence[LintLine]) -> Found:
    evidence = {_minute(found) for line in lines if line.cited for found in _CLOCK.finditer(line.text)}
    evidence |= {_minute(found) for line in lines if ROW_TIME.match(line.text) for found in _CLOCK.finditer(line.text)}
    for line in _lines_of_people(lines) if evidence else ():
        for found in _CLOCK.finditer(unquoted(line.text)):
            if _minute(found) not in evidence:
                yield line, found.start(), f"{found[0]} is no time that the evidence in this file has"


def _minute(found: re.Match[str]) -> tuple[int, int]:
    return int(found[1]), int(found[2])


def _unknown_counts(lines: Sequence[LintLine]) -> Found:
    """A count of something that the evidence counts, too, and never so."""
    evidence: dict[str, set[int]] = {}
    for line in lines:
        for match in _COUNT.finditer(line.text) if line.cited and not line.stated else ():
            evidence.setdefault(match[2].casefold(), set()).add(int(match[1]))
    for line in _lines_of_people(lines) if evidence else ():
        for match in _COUNT.finditer(unquoted(line.text)):
            counted = evidence.get(match[2].casefold())
            if counted and int(match[1]) not in counted:
                yield line, match.start(), f"{match[0]}: the evidence in this file counts {_listed(counted)}"


def _listed(counted: set[int]) -> str:
    return " or ".join(map(str, sorted(counted)))


def undated(lines: Sequence[LintLine]) -> Found:
    """Times of people without a day, where the timeline is of more than one."""
    days = {line.text[2:12] for line, _ in rows(lines)}
    for line in _lines_of_people(lines) if len(days) > 1 else ():
        text = unquoted(line.text)
        found = _CLOCK.search(text)
        if found and not _DAY.search(text):
            yield line, found.start(), f"{found[0]} has no day, and the timeline has {len(days)} of them: say which"


def slow_detection(lines: Sequence[LintLine]) -> LintLine | None:
    """The row that tells how long it took to be noticed, where that is more than :data:`TARGET`."""
    for line in lines:
        cells = line.text.split("|")
        if line.cited and len(cells) > 2 and cells[1].strip() in ("Time to detect", "Time to Detect", "TTD"):
            return line if sum(seconds for _, _, seconds, _ in _whole(cells[2])) > TARGET else None
    return None


def overdue(lines: Sequence[LintLine], now: datetime) -> Found:
    """Actions whose day has passed, and which nobody calls done."""
    for line in section_of(lines, "actions"):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.text.strip().strip("|"))]
        day = _day_of(cells[2]) if line.text.startswith("|") and len(cells) > 2 else None
        done = re.search(r"~~|[(\[]x?(?:done|dropped|closed)\b|✅|\b(?:done|dropped|closed)\Z", line.text.strip(" |"))
        if day is not None and not done and day < now.date():
            yield line, line.text.index(cells[2]), f"this action was due on {day} and is not called done"


def _day_of(text: str) -> date | None:
    found = re.search(r"\d{4}-\d\d-\d\d", text)
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def late_review(lines: Sequence[LintLine], now: datetime) -> Found:
    """That it is over for days, and nobody has reviewed it."""
    status = next((line for line in lines if _STATUS.match(line.text)), None)
    timed = rows(lines)
    if status is None or not timed:
        return
    grave = any(_GRAVE.match(line.text) for line in lines)
    ended = next((at for line, at in reversed(timed) if "**Resolved" in line.text), timed[-1][1])
    if now.astimezone(UTC) - ended > REVIEW[grave]:
        yield status, 0, (f"it is over for {(now.astimezone(UTC) - ended).days} days and is not called reviewed: "
                          f"{REVIEW[grave].days} days are the usual bound")  # fmt: skip


def _lengths(text: str) -> Iterator[tuple[re.Match[str], int, int]]:
    """Each length of time with its seconds, and the seconds of the unit that it is told in."""
    for found in _LENGTH.finditer(text):
        unit = _UNITS[found[2][0].lower()]
        yield found, round(float(found[1].replace(",", ".")) * unit), unit


def _unknown_lengths(lines: Sequence[LintLine]) -> Iterator[tuple[LintLine, int, str]]:
    """What people write of times that no evidence in the file has, rounded as they do."""
    evidence_lengths = {seconds for line in lines if line.cited for _, _, seconds, _ in _whole(line.text)}
    for line in lines:
        if not line.prose or not evidence_lengths:
            continue
        text = unquoted(line.text)
        for start, end, seconds, unit in _whole(text):
            if not any(abs(seconds - each) <= unit for each in evidence_lengths):
                yield line, start, f"{text[start:end]} is no length of time that the evidence in this file has"


def _whole(text: str) -> list[tuple[int, int, int, int]]:
    """The lengths of time in a line, ``1 h 7 min 35 s`` being one: from where to where, and the seconds of it and of
    its smallest unit."""
    lengths: list[tuple[int, int, int, int]] = []
    for length, seconds, unit in _lengths(text):
        if lengths and length.start() <= lengths[-1][1] + 1:
            start, _, before, _ = lengths.pop()
            lengths.append((start, length.end(), before + seconds, unit))
        else:
            lengths.append((length.start(), length.end(), seconds, unit))
    return lengths
