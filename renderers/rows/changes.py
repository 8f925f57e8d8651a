"""The rows of changes: a short one is one row at its end, a longer one has a row for its start and one for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from collector.event import MINUTE, RecordedEvent
from renderers import phrases
from renderers.document import Name
from renderers.history import Change
from renderers.phrases import Phrase, named, quoted, say, when
from renderers.rows.plan import Plan, Table

CHANGE_SPAN = 10 * MINUTE
"""A change that took no longer than this is one row, at its end."""


def plans(change: Change, event: RecordedEvent) -> Iterator[Plan]:
    """The rows that stand where this event of the change does; none for a state in between."""
    if event.id == change.last.id:
        short = change.first.id != change.last.id and (change.end or 0) - change.start <= CHANGE_SPAN
        yield plan(change, event, change.events if short or change.last.id == change.first.id else (event.id,))
    elif event.id == change.first.id and (change.end is None or change.end - change.start > CHANGE_SPAN):
        yield plan(change, event, tuple(e for e in change.events if e != change.last.id))


def plan(change: Change, event: RecordedEvent, ids: tuple[str, ...] = ()) -> Plan:
    """The row of one event of a change, citing ``ids`` or the event alone."""
    return Plan(at=event.occurred_at, type=event.type, cites=ids or (event.id,), told=partial(_worded, change, event),
                led_by=(event,))  # fmt: skip


def _worded(change: Change, event: RecordedEvent, table: Table) -> Phrase:
    return told(change, event)


def told(change: Change, event: RecordedEvent) -> Phrase:
    """A change as its event left it: started, or what came of it."""
    ended = event.id == change.last.id
    outcome = change.outcome if ended else event.type.removeprefix("change.")
    words = _KINDS.get(change.kind, _deploy_told)
    return words(change, phrases.OUTCOMES.get(outcome, outcome), ended)


def _took(change: Change, ended: bool) -> str:
    given = change.last.data.get("duration")
    if not ended or change.outcome == "started":
        return ""
    if change.end is not None and change.end > change.start:
        return f" in {phrases.lasted(change.end - change.start)}"
    return f" in {phrases.lasted(given)}" if isinstance(given, int) and given > 0 else ""


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
    return say(noun, named(" of ", change.service or phrases.repository(change)), named(" to ", change.environment),
               f" {outcome}", _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


def _rollback_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Rollback", named(" of ", change.service or phrases.repository(change)),
               named(" in ", change.environment), f" {outcome}", _took(change, ended))  # fmt: skip


def _merge_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("PR", phrases.pull_request_number(change), quoted(" ", change.title), " merged",
               named(" by ", change.actor))  # fmt: skip


def _push_told(change: Change, outcome: str, ended: bool) -> Phrase:
    ref = phrases.text_in(change.last.data, "ref")
    return say("Push", named(" to ", ref), named(" of ", phrases.repository(change)), named(" by ", change.actor),
               quoted(": ", change.title))  # fmt: skip


def _release_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Release", quoted(" ", change.title), named(" of ", change.service or phrases.repository(change)),
               " published", named(" by ", change.actor))  # fmt: skip


def _flag_told(change: Change, outcome: str, ended: bool) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    return say("Flag", quoted(" ", change.title), named(" of ", change.service), named(" in ", change.environment),
               named(" set to ", state) if state else " changed", named(" by ", change.actor))  # fmt: skip


def _workflow_told(change: Change, outcome: str, ended: bool) -> Phrase:
    name = phrases.text_in(change.last.data, "workflow") or change.title
    title = change.title if change.title != name else None
    owner = named(" of ", change.service or phrases.repository(change))
    return say("Workflow", quoted(" ", name), owner, f" {outcome}",
               _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


_KINDS: dict[str, Callable[[Change, str, bool], Phrase]] = {
    "deploy": _deploy_told,
    "rollback": _rollback_told,
    "merge": _merge_told,
    "push": _push_told,
    "release": _release_told,
    "flag": _flag_told,
    "workflow": _workflow_told,
}


def told_alone(table: Table, event: RecordedEvent) -> Phrase:
    """A change's event that belongs to no change that replay knows."""
    state = event.type.removeprefix("change.").replace("_", " ")
    return say("Change", named(" of ", event.service), f" {state}", named(" by ", event.actor),
               quoted(": ", event.title))  # fmt: skip
