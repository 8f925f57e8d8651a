"""The rows of changes: a short one is one row at its end, a longer one has a row for its start and one for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from collector.event import HOUR, MINUTE, RecordedEvent
from renderers import facts, phrases
from renderers.document import Name
from renderers.history import Change
from renderers.phrases import Phrase, named, quoted, say, when
from renderers.rows.plan import Plan, Table
from renderers.times import minute

CHANGE_SPAN = 10 * MINUTE
"""A change that took no longer than this is one row, at its end."""


def plans(change: Change, event: RecordedEvent) -> Iterator[Plan]:
    """The rows that stand where this event of the change does: its end, a failure before it, and the request and the
    beginning where they were long before; none for another state in between."""
    if event.id == change.last.id:
        short = change.first.id != change.last.id and (change.end or 0) - change.first.occurred_at <= CHANGE_SPAN
        yield plan(change, event, change.events if short or change.last.id == change.first.id else (event.id,))
    elif event.type == "change.failed" or (_is_turn(change, event) and _is_long(change, event)):
        yield plan(change, event)


def _is_turn(change: Change, event: RecordedEvent) -> bool:
    """Whether it is the first word on the change, or says when it began."""
    begins = event.type == "change.started" and event.occurred_at == change.start
    return event.id == change.first.id or (begins and change.first.type == "change.requested")


def _is_long(change: Change, event: RecordedEvent) -> bool:
    return change.end is None or change.end - event.occurred_at > CHANGE_SPAN


def plan(change: Change, event: RecordedEvent, ids: tuple[str, ...] = ()) -> Plan:
    """The row of one event of a change, citing ``ids`` or the event alone."""
    return Plan(at=event.occurred_at, type=event.type, cites=ids or (event.id,), told=partial(_worded, change, event),
                led_by=(event,))  # fmt: skip


def _worded(change: Change, event: RecordedEvent, table: Table) -> Phrase:
    return say(told(change, event), _committed(change, table))


def _committed(change: Change, table: Table) -> str:
    """When the pushed commit was made, where that was long before it was pushed."""
    at = change.last.data.get("committed_at")
    if change.kind != "push" or type(at) is not int or change.start - at < HOUR:
        return ""
    return f" (a commit of {minute(at, table.zone)})"


def told(change: Change, event: RecordedEvent) -> Phrase:
    """A change as its event left it: started, or what came of it."""
    ended = event.id == change.last.id
    outcome = change.outcome if ended else event.type.removeprefix("change.")
    words = _KINDS.get(change.kind, _deploy_told)
    return words(change, _never_began(change, outcome) or phrases.OUTCOMES.get(outcome, outcome), ended)


def _never_began(change: Change, outcome: str) -> str:
    """How a change that was asked for or given up reads: that it never began is said where its end is known."""
    if outcome == "requested":
        return "was requested"
    if outcome != "cancelled":
        return ""
    state = phrases.text_in(change.last.data, "state")
    word = state if state in ("skipped", "stale") else "cancelled"
    return f"was {word}" if change.ran or state == "skipped" else f"was {word}, it never began"


def _took(change: Change, ended: bool) -> str:
    if not ended or change.outcome == "cancelled" or change.end is None or change.end <= change.start:
        return ""
    length = phrases.lasted(change.end - change.start)
    return f" in {length}" if change.measured else f" {length} after it was requested"


def _reference(change: Change, *, actor: bool = True) -> Phrase:
    """``(ref, actor)``, without what the title says already."""
    ref = phrases.text_in(change.last.data, "ref") or phrases.text_in(change.last.data, "sha")[:7]
    known = [ref if ref != change.title else "", (change.actor or "") if actor else ""]
    names = [Name(each) for each in known if each]
    return say(" (", phrases.listed(names, end=", "), ")") if names else ()


def _deploy_told(change: Change, outcome: str, ended: bool) -> Phrase:
    noun = {"deploy": "Deploy"}.get(change.kind, "Change")
    if ended and change.outcome == "rolled_back":
        outcome = "was rolled back"
    title = change.title if change.title not in (change.service, change.environment) else None
    return say(noun, named(" of ", change.service or facts.repository(change)), named(" to ", change.environment),
               f" {outcome}", _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


def _rollback_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Rollback", named(" of ", change.service or facts.repository(change)),
               named(" in ", change.environment), f" {outcome}", _took(change, ended))  # fmt: skip


def _merge_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("PR", phrases.pull_request_number(change), quoted(" ", change.title), " merged",
               named(" by ", change.actor))  # fmt: skip


def _push_told(change: Change, outcome: str, ended: bool) -> Phrase:
    if phrases.text_in(change.last.data, "state") == "deleted":
        return _deleted_told(change)
    ref = phrases.text_in(change.last.data, "ref")
    forced = phrases.text_in(change.last.data, "state") == "forced"
    return say("Forced push" if forced else "Push", named(" to ", ref), named(" of ", facts.repository(change)),
               named(" by ", change.actor), quoted(": ", change.title))  # fmt: skip


def _deleted_told(change: Change) -> Phrase:
    what = "Tag" if change.kind == "tag" else "Branch"
    return say(
        what,
        named(" ", phrases.text_in(change.last.data, "ref")),
        named(" of ", facts.repository(change)),
        " deleted",
        named(" by ", change.actor),
    )


def _tag_told(change: Change, outcome: str, ended: bool) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    if state == "deleted":
        return _deleted_told(change)
    return say("Tag", named(" ", phrases.text_in(change.last.data, "ref")), named(" of ", facts.repository(change)),
               " moved" if state == "forced" else " set", named(" by ", change.actor),
               quoted(": ", phrases.text_in(change.last.data, "text")))  # fmt: skip


def _image_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Image", quoted(" ", change.title), named(" of ", change.service or facts.repository(change)),
               " published", named(" by ", change.actor))  # fmt: skip


def _release_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Release", quoted(" ", change.title), named(" of ", change.service or facts.repository(change)),
               " published", named(" by ", change.actor))  # fmt: skip


def _flag_told(change: Change, outcome: str, ended: bool) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    return say("Flag", quoted(" ", change.title), named(" of ", change.service), named(" in ", change.environment),
               named(" set to ", state) if state else " changed", named(" by ", change.actor))  # fmt: skip


def _workflow_told(change: Change, outcome: str, ended: bool) -> Phrase:
    name = phrases.text_in(change.last.data, "workflow") or change.title
    title = change.title if change.title != name else None
    owner = named(" of ", change.service or facts.repository(change))
    return say("Workflow", quoted(" ", name), owner, f" {outcome}",
               _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


_KINDS: dict[str, Callable[[Change, str, bool], Phrase]] = {
    "deploy": _deploy_told,
    "rollback": _rollback_told,
    "merge": _merge_told,
    "push": _push_told,
    "tag": _tag_told,
    "image": _image_told,
    "release": _release_told,
    "flag": _flag_told,
    "workflow": _workflow_told,
}


def told_alone(table: Table, event: RecordedEvent) -> Phrase:
    """A change's event that belongs to no change that replay knows."""
    state = event.type.removeprefix("change.").replace("_", " ")
    return say("Change", named(" of ", event.service), f" {state}", named(" by ", event.actor),
               quoted(": ", event.title))  # fmt: skip
