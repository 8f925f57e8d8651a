"""What was taken back, done again and taken back once more; and when what was merged was put into what runs.

Every answer is a value that keeps its changes; nothing here is worded.
"""

from __future__ import annotations

import msgspec

from renderers import change_facts, facts
from renderers.history import Change, History


class Undoing(msgspec.Struct, frozen=True):
    """One time that a change was taken back, and from when on it was there once more."""

    back: Change
    done: int
    until: int
    """When it was done again; the end of time where it was not."""
    again: Change | None = None
    """What had done it again before that; None of the first time."""


UNDOINGS = 5
"""How many times are looked for that one change was done and taken back."""
NEVER = 1 << 62
"""Later than anything, µs."""


def undoings_of(history: History, change: Change) -> list[Undoing]:
    """Each time that a change was taken back, oldest first: a flag may be set back, set again and set back again, and
    what happened in between says nothing of how it was without the change."""
    undoings: list[Undoing] = []
    latest, again = change, None
    while len(undoings) < UNDOINGS and (back := change_facts.undone_by(history, latest)) is not None:
        done = change_facts.finished(back)
        if done is None:
            break
        repeated = _done_again(history, change, done)
        undoings.append(Undoing(back, done, repeated.start if repeated else NEVER, again))
        if repeated is None or change_facts.before(repeated, facts.reference(history)):
            break  # what was there before the first signal is a candidate of its own
        latest = again = repeated
    return undoings


def _done_again(history: History, change: Change, since: int) -> Change | None:
    """The first change from then on that did the same: set the flag so, or put that commit where it had been."""
    later = [c for c in history.changes if c.start > since and c.ran and c.outcome not in ("failed", "cancelled")]
    same = _sets_alike if change.kind == "flag" else _puts_there
    return min((c for c in later if same(c, change)), key=lambda c: (c.start, c.entity), default=None)


def _sets_alike(one: Change, other: Change) -> bool:
    state, known = change_facts.state_of(one).casefold(), change_facts.state_of(other).casefold()
    return one.kind == "flag" and one.entity == other.entity and state == known


def _puts_there(one: Change, other: Change) -> bool:
    alike = change_facts.is_same_commit(change_facts.content(one), change_facts.content(other))
    return one.kind in ("deploy", "rollback") and alike and change_facts.same_place(one, other)


def shipped_by(history: History, change: Change) -> Change | None:
    """The first deployment, or run that deploys, of the commit that was merged or pushed; None where none is known."""
    commit = change_facts.commit(change)
    if change.kind not in ("merge", "push") or not commit:
        return None
    runs = [c for c in history.changes
            if c.reach == "deployed" and change_facts.is_same_commit(change_facts.commit(c), commit)]  # fmt: skip
    ended = [c for c in runs if c.outcome in ("succeeded", "rolled_back") and not change_facts.elsewhere(history, c)]
    return min(ended, key=lambda c: (change_facts.finished(c) or 0, c.entity), default=None)
