"""What was taken back, done again and taken back once more; and when what was merged was put into what runs.

Every answer is a value that keeps its changes; nothing here is worded.
"""

from __future__ import annotations

import msgspec

from collector.event import RecordedEvent, reading_order
from renderers import change_facts, facts, reversals
from renderers.episodes import changes
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
    while len(undoings) < UNDOINGS and (back := reversals.undone_by(history, latest)) is not None:
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
    later = [c for c in history.changes if c.start > since and c.ran and not c.in_vain]
    same = _sets_alike if change.kind == "flag" else _puts_there
    return min((c for c in later if same(c, change)), key=lambda c: (c.start, c.entity), default=None)


def redone_after(history: History, change: Change, end: int) -> RecordedEvent | None:
    """What did the same again after an end, of a change that had been taken back by then: in the incident, or among
    what went on with it afterwards. None where it was taken back once more, or where an alert of what was hit fired
    beside the incident after that: then it shows nothing."""
    undoings = undoings_of(history, change)
    if not undoings or undoings[-1].done > end:
        return None
    own = _done_again(history, change, end)
    again = _followed_alike(history, change, end) if own is None else own.last
    return None if again is None or _fired_beside(history, again.occurred_at) else again


def _followed_alike(history: History, change: Change, end: int) -> RecordedEvent | None:
    """The last of what followed an end that set the same flag, or deployed to the same place, if it did the same."""
    followed = sorted((near.event for near in history.context.followed), key=reading_order)
    later = [c for event in followed if event.occurred_at > end for c in changes([event])
             if c.kind == "flag" or c.outcome in ("succeeded", "rolled_back")]  # fmt: skip
    here = [c for c in later if c.entity == change.entity or change_facts.same_place(c, change)]
    same = _sets_alike if change.kind == "flag" else _puts_there
    return here[-1].last if here and same(here[-1], change) else None


def _fired_beside(history: History, since: int) -> bool:
    hit = facts.hit(history)
    beside = [near.event for near in history.context.nearby if near.event.type == "alert.firing"]
    return any(event.occurred_at >= since and facts.folded(event.service or event.title) in hit for event in beside)


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
