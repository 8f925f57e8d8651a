"""Which change took which back: by a rollback, by deploying what had been there, by a revert, by setting a flag back.

Every answer is a value that keeps its events; nothing here is worded.
"""

from __future__ import annotations

import re

import msgspec

from renderers import facts
from renderers.change_facts import commit, content, finished, is_same_commit, repository, same_place, state_of, version
from renderers.history import Change, History


def undone_by(history: History, change: Change) -> Change | None:
    """The rollback that took a deployment back, where both say that they are of one service or repository, of one
    environment and of two commits; or the setting of a flag that took an earlier one back.

    A deployment is taken back by a rollback if it is the latest before it, or came after the one whose commit was put
    back; by another deployment if that put back a commit which was deployed before it. What one of them does not say
    shows nothing.
    """
    if change.kind == "flag":
        return _set_back(history, change)
    if change.kind != "deploy" or change.reach != "deployed":
        return None
    backs = [c for c in history.changes if c.kind == "rollback" or (c.kind == "deploy" and c.outcome == "succeeded")]
    for back in sorted(backs, key=lambda c: (c.kind != "rollback", c.start, c.entity)):
        later = back.start > change.start and finished(back) is not None and not back.in_vain
        if later and _takes_back(history, back, change):
            return back
    return None


def _takes_back(history: History, back: Change, change: Change) -> bool:
    # A chart has a version and no commit; by that a rollback is told, and nothing else.
    of = version if back.kind == "rollback" and not commit(back) and not commit(change) else commit
    put_back = of(back)
    if not (same_place(back, change) and put_back and of(change)) or is_same_commit(of(change), put_back):
        return False
    since = back.kind != "rollback" or [
        c
        for c in history.changes
        if c.kind in ("deploy", "rollback") and c is not back and change.start < c.start < back.start
        and same_place(back, c) and c.outcome in ("succeeded", "rolled_back")
    ]  # fmt: skip
    if not since:
        return True
    starts = [
        c.start for c in history.changes if c.start < back.start and is_same_commit(of(c), put_back)
        and same_place(back, c) and c.outcome in ("succeeded", "rolled_back")
    ]  # fmt: skip
    return bool(starts) and max(starts) < change.start


_REVERT = re.compile(r"revert(?:s|ed|ing)?\b[\s:]*[\"“']?(.+)", re.IGNORECASE)
"""The title that ``git revert`` and the button of a pull request give, and how people write it, with or without the
quotation marks."""
_BEHIND = re.compile(r"[\"”']?(?:\s*$|[\s:,;.–-]*\(|[\"”'][\s:,;.–-])")
"""What may stand behind the title that a revert repeats: nothing, or what somebody added: ``(fixed lock)``."""
_NUMBER = re.compile(r"\s*\((?:#|!)\d+\)$")
"""A pull request's number, which is put behind a title when it is squashed."""


def reverted_by(history: History, change: Change) -> Change | None:
    """The first later change of the same repository, or of the same service where neither names one, whose title says
    that it reverts one titled like this; what failed or never reached a branch reverts nothing. It need not run as
    soon as it is merged."""
    title = _NUMBER.sub("", change.title)
    for back in sorted(history.changes, key=lambda each: (finished(each) or 0, each.entity)):
        later = back.start > change.start and _stands(back) and _same_origin(change, back)
        if later and _reverts(_NUMBER.sub("", back.title), title):
            return back
    return None


def _same_origin(change: Change, other: Change) -> bool:
    own, others = repository(change), repository(other)
    return own == others if own or others else bool(change.service) and change.service == other.service


def _reverts(said: str, title: str) -> bool:
    """Whether a title says that it reverts what has this one."""
    says_so = _REVERT.fullmatch(said)
    if says_so is None or not title:
        return False
    reverted = says_so[1]
    return _NUMBER.sub("", reverted.rstrip("\"”'")) == title or bool(
        reverted.startswith(title) and _BEHIND.match(reverted[len(title) :])
    )


def _stands(change: Change) -> bool:
    return finished(change) is not None and change.reach != "none" and not change.in_vain


_OPPOSITE = ({"on", "off"}, {"true", "false"}, {"enabled", "disabled"})


def _set_back(history: History, change: Change) -> Change | None:
    """The setting of a flag to what it was before; another value of it, or another rule, takes nothing back."""
    settings = [c for c in history.changes if c.kind == "flag" and c.entity == change.entity and state_of(c)]
    settings.sort(key=lambda c: (c.start, c.last.id))
    earlier = [state_of(c).casefold() for c in settings if c.start < change.start][-1:]
    state = state_of(change).casefold()
    for later in settings:
        now = state_of(later).casefold()
        if later.start > change.start and now != state and ([now] == earlier or {now, state} in _OPPOSITE):
            return later
    return None


def replaced_by(history: History, change: Change) -> Change | None:
    """The first deployment that put another commit in the place of this one before the first signal."""
    if change.kind not in ("deploy", "rollback") or not commit(change):
        return None
    start = facts.reference(history)
    later = (
        c
        for c in history.changes
        if c.kind in ("deploy", "rollback") and c.outcome in ("succeeded", "rolled_back") and c.start > change.start
        and (finished(c) or start) < start and commit(c) and not is_same_commit(commit(c), commit(change))
        and same_place(c, change)
    )  # fmt: skip
    return min(later, key=lambda c: (finished(c) or 0, c.entity), default=None)


def replaced_after(history: History, change: Change) -> Change | None:
    """The first deployment that put another commit in the place of this one once the incident was noticed, and that is
    no rollback: what somebody repaired by going on. None where another had done so before."""
    if change.kind not in ("deploy", "rollback") or not commit(change) or replaced_by(history, change) is not None:
        return None
    later = (
        c
        for c in history.changes
        if c.kind == "deploy" and c.outcome == "succeeded" and c.start >= facts.reference(history)
        and commit(c) and not is_same_commit(commit(c), commit(change)) and same_place(c, change)
    )  # fmt: skip
    return min(later, key=lambda c: (finished(c) or 0, c.entity), default=None)


def rollback_in_vain(history: History, change: Change, until: int) -> Change | None:
    """The last rollback of where a change went that failed or was cancelled in the incident, before ``until``."""
    low = facts.reference(history)
    in_vain = (c for c in history.changes if c.kind == "rollback" and c.ran and c.in_vain and same_place(c, change)
               and low <= (finished(c) or 0) <= until)  # fmt: skip
    return max(in_vain, key=lambda c: (finished(c) or 0, c.entity), default=None)


class PutBack(msgspec.Struct, frozen=True):
    """A deployment that its sender calls no rollback, and that is one."""

    undone: Change
    """What it took back."""
    earlier: Change
    """What had put the same commit there before."""


def put_back_by(history: History, back: Change) -> PutBack | None:
    """What a deployment took back by putting there what had been there before it; None where it took nothing back, or
    its sender calls it a rollback. Not asked of an incident with more than :data:`MANY`."""
    if back.kind != "deploy" or not commit(back) or len(history.changes) > MANY:
        return None
    same = (c for c in history.changes if c.start < back.start and is_same_commit(commit(c), commit(back))
            and same_place(c, back) and c.outcome in ("succeeded", "rolled_back"))  # fmt: skip
    earlier = max(same, key=lambda c: (c.start, c.entity), default=None)
    if earlier is None:
        return None
    undone = (c for c in history.changes if earlier.start < c.start < back.start and undone_by(history, c) is back)
    latest = max(undone, key=lambda c: (c.start, c.entity), default=None)
    return PutBack(latest, earlier) if latest else None


MANY = 50
"""Of how many changes of an incident it is asked which took which back: each is compared with all."""


def what_took_back(history: History, change: Change) -> Change | None:
    """The rollback or revert of a change; not asked of an incident with more than :data:`MANY`."""
    if len(history.changes) > MANY:
        return None
    return undone_by(history, change) or reverted_by(history, change)


def taken_back_later(history: History) -> list[Change]:
    """The changes begun after the incident was noticed that were taken back in it, oldest first: what made it worse may
    have come when it had begun. What takes something back itself is none."""
    if not facts.began(history):
        return []
    start = facts.reference(history)
    pairs = [(c, what_took_back(history, c)) for c in history.changes]
    backs = {id(back) for _, back in pairs}
    later = [
        c for c, back in pairs
        if back is not None and c.ran and c.start > start and c.reach == "deployed" and id(c) not in backs
        and not _tried_before(history, c)
    ]  # fmt: skip
    return sorted(later, key=lambda c: (c.start, c.entity))


def _tried_before(history: History, change: Change) -> bool:
    """Whether it is a failure of what had been deployed before: of one release Flux tells that it was applied and,
    later, that it failed."""
    return change.outcome == "failed" and any(
        c.start < change.start and same_place(c, change) and is_same_commit(content(change), content(c))
        for c in history.changes
    )


def taken_back(history: History, change: Change) -> bool:
    """Whether a change was taken back in the incident."""
    back = what_took_back(history, change)
    return back is not None and back.start >= facts.reference(history)
