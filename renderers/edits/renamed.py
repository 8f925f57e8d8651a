"""What people edited of a draft that names nobody, as if they had edited the one with names; and back.

The two differ in what timelined wrote, and a mark knows a line by what it said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from renderers import escape
from renderers.edits import marks
from renderers.words import ROLE

_MARK = re.compile(r"(<!-- tl ([a-z0-9_/~]+) )([0-9a-f]{10})( -->)")
_ENTRY = re.compile(r"^([-+=] ([a-z0-9_/~]+) )([0-9a-f]{10})()", re.MULTILINE)
_GIVEN = re.compile(rf"\\?\[({ROLE.pattern})\\?\]|\b((?:responder|author|reporter) \d+)\b", re.IGNORECASE)
"""A role in brackets, or one that says by its number alone who is meant."""


def restated(text: str, before: str, after: str) -> str:
    """A text that people edited, whose marks know each statement as ``before`` has it, with marks that know it as
    ``after`` does; both are marked drafts."""
    return _marked_anew(text, _became(before, after))


def renamed(text: str, machine: str, with_names: str, roles: Mapping[str, str]) -> str:
    """A copy that people edited, in which ``roles`` stand, as one with the names in people's lines; what nobody
    touched stays as it is. ``machine`` and ``with_names`` are what timelined wrote of it, with roles and with names."""
    body, index = marks.index_of(marks.unfolded(text))
    became = _became(machine, with_names)
    lines = [line if _untouched(line) else _marked_anew(restored(line, roles), became) for line in body.split("\n")]
    return "\n".join(lines) + (marks.index_text(index.values()) if index else "")


def _became(before: str, after: str) -> dict[tuple[str, str], str]:
    """A statement's key and its digest → the digest of what it became."""
    old, new = marks.index_of(before)[1], marks.index_of(after)[1]
    return {(key, old[key].digest): new[key].digest for key in old.keys() & new.keys()}


def _marked_anew(text: str, became: Mapping[tuple[str, str], str]) -> str:
    def mark(found: re.Match[str]) -> str:
        return f"{found[1]}{became.get((found[2], found[3]), found[3])}{found[4]}"

    return _ENTRY.sub(mark, _MARK.sub(mark, text))


def restored(text: str, roles: Mapping[str, str]) -> str:
    """A text with names in place of roles, as text of Markdown."""

    def name(found: re.Match[str]) -> str:
        known = roles.get((found[1] or found[2]).lower())
        return found[0] if known is None else escape.inner(known)

    return _GIVEN.sub(name, text)


def _untouched(line: str) -> bool:
    """Whether a line of timelined's still says what it said."""
    known = marks.marks_of(line)
    return bool(known) and all(mark.digest == marks.digest(line) for mark in known)
