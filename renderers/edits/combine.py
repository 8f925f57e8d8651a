"""Edits that were made apart, of one postmortem in two places, in one file.

By what both began as: what one of them changed is taken from there, and where
both changed the same lines both stand, one below the other, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from renderers.edits import marks
from renderers.edits.sheets import DraftLine, DraftSheet, form, sheet_of, units_of

BOTH = "> **Two people edited this apart. The lines above were here, those below come from {}.**"


class _Run(NamedTuple):
    """Lines that follow each other in all three, by where they begin; or what lies before them."""

    base: int
    ours: int
    theirs: int
    length: int


def combined(base: str, ours: str, theirs: str, origin: str) -> str:
    """One file with the edits of both; ``base`` is what stood in both before, ``origin`` where ``theirs`` comes from.

    All three are marked drafts. A statement that nobody touched is the same in all of them, whatever it says by now.
    """
    units = units_of(base)
    before, here, there = (sheet_of(_unix(text), units) for text in (base, ours, theirs))
    old = [line for line in _body(before) if not line.key or not there.index or line.key in there.index]
    lines = list(_merged(old, _body(here), _body(there), origin))
    index = {**there.index, **here.index}
    return "\n".join(lines).rstrip("\n") + "\n\n" + marks.index_text(index.values())


def _unix(text: str) -> str:
    return re.sub("\r\n?", "\n", text)


def _body(sheet: DraftSheet) -> list[DraftLine]:
    """The lines above the definitions of links, which are made anew."""
    return [line for line in sheet.lines if not line.key.startswith("ref/")]


def _token(line: DraftLine) -> str:
    """By what two lines are the same: the statement, where nobody touched it; else the words, marked or not."""
    return f"\x02{line.key}" if line.key else marks.bare(line.text).rstrip()


def _merged(
    base: Sequence[DraftLine], ours: Sequence[DraftLine], theirs: Sequence[DraftLine], origin: str
) -> Iterator[str]:
    at = _Run(0, 0, 0, 0)
    for run in (*_common(base, ours, theirs), _Run(len(base), len(ours), len(theirs), 0)):
        yield from _between(base[at.base : run.base], ours[at.ours : run.ours], theirs[at.theirs : run.theirs], origin)
        yield from (line.text for line in ours[run.ours : run.ours + run.length])
        at = _Run(run.base + run.length, run.ours + run.length, run.theirs + run.length, 0)


def _between(
    base: Sequence[DraftLine], ours: Sequence[DraftLine], theirs: Sequence[DraftLine], origin: str
) -> Iterator[str]:
    """What stands between two runs: of who changed it, or of both."""
    old, here, there = ([_token(line) for line in lines] for lines in (base, ours, theirs))
    if old == there or here == there:
        yield from (line.text for line in ours)
    elif old == here:
        yield from (line.text for line in theirs)
    else:
        yield from (line.text for line in ours)
        known = {*here, *_untouched(old)}
        added = [line for line in theirs if form(line.text) == "blank" or _token(line) not in known]
        if any(form(line.text) != "blank" for line in added):
            yield from _apart([line.text for line in added], origin, any(form(each.text) != "blank" for each in ours))


def _untouched(tokens: Sequence[str]) -> Iterator[str]:
    """The statements that the one removed and the other left as it was: they stay removed."""
    return (token for token in tokens if token.startswith("\x02"))


def _apart(lines: Sequence[str], place: str, both: bool) -> Iterator[str]:
    if both:
        yield from ("", BOTH.format(place), "")
    yield from lines


def _common(base: Sequence[DraftLine], ours: Sequence[DraftLine], theirs: Sequence[DraftLine]) -> Iterator[_Run]:
    """The runs of lines that are the same in all three."""
    old, here, there = ([_token(line) for line in lines] for lines in (base, ours, theirs))
    first = SequenceMatcher(None, old, here, autojunk=False).get_matching_blocks()
    second = SequenceMatcher(None, old, there, autojunk=False).get_matching_blocks()
    first_at = two = 0
    while first_at < len(first) and two < len(second):
        a, b = first[first_at], second[two]
        low, high = max(a.a, b.a), min(a.a + a.size, b.a + b.size)
        if low < high:
            yield _Run(low, a.b + low - a.a, b.b + low - b.a, high - low)
        if a.a + a.size <= b.a + b.size:
            first_at += 1
        else:
            two += 1
