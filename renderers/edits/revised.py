"""A draft with what people wrote in the whole of it."""

from __future__ import annotations

from renderers.edits.combine import combined
from renderers.edits.kept import people_of, with_statements
from renderers.edits.marks import plain
from renderers.edits.merge import merge


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
