"""A draft with what people wrote in the whole of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from renderers import escape
from renderers.edits import marks
from renderers.edits.combine import combined
from renderers.edits.kept import people_of, with_statements
from renderers.edits.marks import plain
from renderers.edits.merge import merge
from renderers.words import AS_ROLES

_LEADS = re.compile(r"/([0-9a-f]{12})(?:~\d+)?\Z")
"""The event that leads a statement, at the end of its key."""
_BASES = 8
"""How many of the latest records a file is compared with."""


class EarlierEdits(NamedTuple):
    """What was taken in of a draft before."""

    event: str
    text: str
    """What is kept of the draft that it became."""
    copy: str = ""
    """Of a file that people edited, what is kept of that alone; empty where that is the same, and of anything else."""
    words: str | None = None
    """Of the same file, taken in by the same person: the end of the id of the record whose words it was written with,
    empty where it had nobody's; None of any other."""


class FileEdits(NamedTuple):
    """What becomes of a draft once a file is taken in."""

    text: str
    """What is kept of the draft."""
    reads: str
    """The draft as it reads then, without marks."""
    copy: str
    """What is kept of the file alone."""
    words: str
    """With which words it was written, as :class:`EarlierEdits` has it."""


def file_taken_in(fresh: str, ours: str, theirs: str, earlier: Sequence[EarlierEdits], origin: str) -> FileEdits:
    """What becomes of the draft once a file that people edited is taken in.

    ``fresh`` is the draft now without anybody's words in the whole of it, ``ours`` with them, ``theirs`` the file, and
    ``earlier`` what was taken in before, oldest first. The file is brought up to date first, as ``draft --to`` does it.
    Raises ValueError where it is no draft of this incident, or one in which people stand as roles.
    """
    if "\r" in theirs and "\n" not in theirs:
        theirs = theirs.replace("\r", "\n")  # a file of a Macintosh of old
    if any(AS_ROLES in line and marks.marks_of(line) for line in theirs.split("\n")):
        raise ValueError("people stand as roles in it, and whoever is called responder 1 may be another person by now")
    index = marks.index_of(theirs)[1]
    words = "".join(index[marks.WORDS].cites) if marks.WORDS in index else ""
    proof, proven = _evidence(theirs), _evidence(fresh)
    if not proof:
        raise ValueError("no line of it has the mark of a statement with evidence")
    # Drafts of two incidents may have a change in common.
    if len(proof & proven) * 2 < min(len(proof), len(proven)):
        raise ValueError("it is a draft of another incident")
    records = [EarlierEdits(*each) for each in earlier]
    # Whoever took the file in before: what adds nothing to what it said then is not new.
    bases = (
        _base(fresh, words, records),
        *(revised(each.copy or each.text, fresh) for each in records[: -_BASES - 1 : -1]),
    )
    results = (_from_file(base, ours, theirs, fresh, escape.inner(origin)) for base in bases)
    first = next(results)
    done = next((each for each in chain((first,), results) if _alike(each.reads, plain(ours))), first)
    return done._replace(words=words)


def _from_file(base: str, ours: str, theirs: str, fresh: str, origin: str) -> FileEdits:
    """What becomes of the draft once the file is taken in that was ``base`` before people edited it."""
    done = merge(_with_removed(theirs, base), fresh)
    copy = theirs if done is None else done.text
    kept, reads = taken_in(base, ours, copy, fresh, origin)
    return FileEdits(kept, reads, people_of(copy, fresh), "")


def _alike(one: str, other: str) -> bool:
    """Whether two drafts say the same, but for blank lines."""
    first, second = ([line.rstrip() for line in text.split("\n") if line.strip()] for text in (one, other))
    return first == second


def _base(fresh: str, words: str, records: Sequence[EarlierEdits]) -> str:
    """The draft as the file had it before people edited it: as it was taken in last, else with the words that it was
    written with."""
    same = (each.copy or each.text for each in reversed(records) if each.words == words)
    written_with = (each.text for each in records if words and each.event.endswith(words))
    kept = next(chain(same, written_with), "")
    return revised(kept, fresh) if kept else fresh


def _with_removed(theirs: str, base: str) -> str:
    """The file with an index that lists what people had removed before: brought up to date since, it lists nothing that
    the draft does not have."""
    body, index = marks.index_of(theirs)
    entries = marks.index_of(base)[1].values()
    removed = [entry for entry in entries if entry.state != marks.LIVE and entry.key not in index]
    return f"{body}\n{marks.index_text([*index.values(), *removed])}" if removed else theirs


def _evidence(text: str) -> set[str]:
    """The events that statements of a marked draft rest on, by the ends of their ids; but for its appendix, which tells
    of other incidents, too."""
    body, index = marks.index_of(marks.unfolded(text))
    keys = {*index, *(mark.key for line in body.split("\n") for mark in marks.marks_of(line))} - {marks.WORDS}
    own = [key for key in keys if not key.startswith(("appendix/", "changed/", "removed/"))]
    cited = {each for key in own if key in index for each in index[key].cites}
    return cited | {found[1] for key in own if (found := _LEADS.search(key))}


def revised(kept: str, fresh: str) -> str:
    """The newly written draft, with its marks, around what is kept of an edited one (:func:`people_of`)."""
    done = merge(with_statements(kept, fresh), fresh)
    return fresh if done is None else done.text


def taken_in(base: str, ours: str, theirs: str, fresh: str, origin: str) -> tuple[str, str]:
    """What is to be kept once ``theirs`` is taken in, and the draft as it reads then.

    ``theirs`` is a copy of ``base`` that people edited at ``origin``, while here it became ``ours``; ``fresh`` is the
    draft now without anybody's words in the whole of it.
    """
    both = combined(base, ours, theirs, origin)
    done = merge(both, fresh)
    kept = people_of(both if done is None else done.text, fresh)
    return kept, plain(revised(kept, fresh))


def copy_taken_in(
    published: str, last_copy: str, ours: str, theirs: str, fresh: str, origin: str
) -> tuple[str, str, str]:
    """What is to be kept once a published copy is taken in, the draft as it reads then, and what is kept of that copy
    alone.

    ``published`` is what stood there. Where the copy was taken in since, ``last_copy`` is what was kept of it alone:
    what others had edited elsewhere was never in it, and so nobody removed it there. The rest is as :func:`taken_in`
    has it.
    """
    base = revised(last_copy, fresh) if last_copy else published
    done = merge(_with_removed(theirs, base), fresh)
    copy = theirs if done is None else done.text
    text, reads = taken_in(base, ours, copy if last_copy else theirs, fresh, origin)
    return text, reads, people_of(copy, fresh)
