"""Which room words the row of which type, and the rows that stand for one event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from collector.event import MINUTE, RecordedEvent
from renderers.history import FlappingRun
from renderers.phrases import Phrase, text_in
from renderers.rows import alerts, changes, pages, people
from renderers.rows.plan import Plan, RowContext

Words = Callable[[RowContext, RecordedEvent], Phrase]

_TYPES: dict[str, Words] = {
    "alert.firing": alerts.fired_alone,
    "alert.updated": alerts.updated_alone,
    "alert.resolved": alerts.ended_alone,
    "page.triggered": pages.triggered,
    "page.acknowledged": pages.acknowledged,
    "page.escalated": pages.escalated,
    "page.priority_updated": pages.priority_updated,
    "page.responder_added": pages.responder_added,
    "page.responder_replied": pages.responder_replied,
    "page.role_assigned": pages.role_assigned,
    "page.merged": pages.merged,
    "page.status_updated": pages.status_updated,
    "page.update_sent": pages.update_sent,
    "report.received": people.reported,
    "note.added": people.note,
    "chat.message": people.chat,
    "status.updated": people.status,
    "observation.recorded": people.observed,
    "incident.opened": people.reported,
    "mark.set": people.marked,
    "incident.resolved": people.declared_over,
    "incident.reopened": people.declared_not_over,
}
_FAMILIES: dict[str, Words] = {"page": pages.page_step, "change": changes.told_alone}
"""What words the types of a family that have no words of their own."""
_FOLDED = frozenset({"alert.firing", "alert.updated", "alert.resolved"})
"""Types of which series and flapping are told together; they have rows of their own, see :func:`alerts.plans`."""


def plans(table: RowContext) -> Iterator[Plan]:
    """A row for each event that is not an alert's, and for the largest value that an alert told after its firing; the
    states of one change are told together."""
    again = {event.id for events in table.still.values() for event in events}
    alike = _muted_alike(table)
    again |= {each.id for group in alike.values() for each in group[1:]}
    for event in table.history.events:
        if event.type in _FOLDED and event.id not in table.grown and event.id not in table.unbegun:
            continue
        if event.id in again:
            continue
        change = table.changes.get(event.id)
        if change is not None:
            yield from changes.plans(change, event)
        elif (alone := _alone(event)) is not None:
            later = table.still.get(event.id, ())
            row = _with_later(alone, event, later) if later else alone
            row = _all_muted(row, alike[event.id]) if event.id in alike else row
            wordy = any(event.id in told for told in _told_of_pages(table))
            yield msgspec.structs.replace(row, wordy=True) if wordy else row


def _told_of_pages(table: RowContext) -> tuple[Mapping[str, object], ...]:
    """What a step of a page may tell beside itself, by the step's id: none of that is a detail."""
    return table.described, table.reprioritised, table.led, table.retitled, table.restated, table.dated, table.widened


def unfolded(table: RowContext) -> Iterator[Plan]:
    """A row for each event; an alert whose firing was not received has one more, for its start."""
    for alert in table.history.alerts:
        if alert.fired.type == "alert.resolved":
            spell = FlappingRun(start=alert.start, end=alert.end, entity=alert.entity, episodes=(alert,))
            yield alerts.fired_plan([[spell]], table)
    for event in table.history.events:
        change = table.changes.get(event.id)
        row = changes.plan(change, event) if change else _alone(event)
        if row is not None:
            yield row


def _alone(event: RecordedEvent) -> Plan | None:
    """The row of one event, or None for what belongs elsewhere in the draft."""
    words = _TYPES.get(event.type) or _FAMILIES.get(event.type.partition(".")[0])
    if words is None or (event.type == "mark.set" and text_in(event.data, "mark") not in people.MARKS):
        return None
    return Plan(at=event.occurred_at, type=event.type, cites=(event.id,), wording=partial(_worded, words, event),
                led_by=(event,))  # fmt: skip


def _muted_alike(table: RowContext) -> dict[str, list[RecordedEvent]]:
    """What keeps alerts of one name from being told, where it does so of several within a minute: of a storm there may
    be hundreds. By the first of them; none of those that are told again later."""
    groups: dict[tuple[str, str, str], list[list[RecordedEvent]]] = {}
    lasting = table.still.keys() | {event.id for events in table.still.values() for event in events}
    for event in table.history.observations:
        kind = text_in(event.data, "type")
        if not kind.endswith("_muted_alert") or event.id in lasting:
            continue
        runs = groups.setdefault((event.source, kind, people.muted_words(event)), [])
        if runs and event.occurred_at - runs[-1][0].occurred_at < MINUTE:
            runs[-1].append(event)
        else:
            runs.append([event])
    return {run[0].id: run for runs in groups.values() for run in runs if len(run) > 1}


def _all_muted(alone: Plan, events: Sequence[RecordedEvent]) -> Plan:
    return msgspec.structs.replace(alone, cites=tuple([each.id for each in events]), led_by=tuple(events),
                                   wording=partial(people.all_muted, tuple(events)))  # fmt: skip


def _with_later(alone: Plan, event: RecordedEvent, later: Sequence[RecordedEvent]) -> Plan:
    """The row of an inhibition with those that told it again."""

    def words(table: RowContext) -> Phrase:
        return (*alone.wording(table), *people.told_again(table, event))

    return msgspec.structs.replace(alone, cites=(event.id, *[each.id for each in later]), wording=words)


def _worded(words: Words, event: RecordedEvent, table: RowContext) -> Phrase:
    return words(table, event)
