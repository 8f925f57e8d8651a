"""The fold: one incident's events into its History.

Pure, and blind to arrival: the same set of events gives the same History in
whatever order they come. Only the highest revision of an event counts, and
the machine's own decisions do not count at all; what people state does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, combinations
from operator import attrgetter

import msgspec

from collector import names
from collector.event import (
    MACHINE,
    PUBLISHED,
    RESTRICTED,
    REVIEWED,
    REVISED,
    SENDER,
    RecordedEvent,
    current,
    reading_order,
)
from collector.names.spelling import Spelling
from collector.semantics import severities
from collector.semantics.closing import REOPENED, RESOLVED, OpenSpan, Word, closing, word_of
from collector.semantics.episodes import ENDED, UPDATED
from renderers import episodes, moments
from renderers.facts import LATE, last_ended, lateness, statement_order
from renderers.flapping import flapping_runs
from renderers.history import Alert, Change, Context, Family, History, Page, RereadEvent

_NOTHING = Context()

_Entities = dict[tuple[str, str], list[RecordedEvent]]
"""Source and entity → the events about it, in reading order."""


def replay(events: Iterable[RecordedEvent], as_of: int | None = None, context: Context = _NOTHING) -> History:
    """Fold the events of one incident, all their revisions, into what happened.

    ``as_of`` (µs) leaves only what had been received by then. ``context`` is carried along for the sections.
    """
    revisions_known = list(events) if as_of is None else [each for each in events if each.received_at <= as_of]
    current_events: Sequence[RecordedEvent] = current(_as_first_received(revisions_known))
    current_events = current_events if context.spelt else Spelling(current_events).all(current_events)
    facts = [e for e in current_events if not (e.source == MACHINE and e.type.startswith("incident."))]
    sorted_out = _Kinds(facts)
    words = sorted_out.words()
    alerts, pages = _as_set(sorted_out.alerts(words), context), sorted_out.pages()
    afterwards, stale = _told_after(alerts, sorted_out.of(UPDATED))
    reviews, revisions = sorted_out.of(REVIEWED), sorted_out.of(REVISED)
    about = (*reviews, *revisions, *sorted_out.of(PUBLISHED), *sorted_out.of(RESTRICTED))
    context, facts = _without(context, facts, {*stale, *(each.id for each in about)})
    opened = tuple(sorted_out.of("incident.opened"))
    measured = tuple([each for each in alerts if each.opening]) or alerts
    openers = tuple([each for each in measured if each.opening]) if pages or opened else measured
    reports = tuple(sorted([*opened, *sorted_out.of("report.received")], key=reading_order))
    folded = History(
        events=tuple(facts),
        by_id={each.id: each for each in (*facts, *afterwards, *reviews)},
        told_after=afterwards,
        alerts=alerts,
        unbegun=_unbegun(alerts, sorted_out.of(ENDED)),
        families=_families(alerts, divided=_divided(alerts)),
        divided=_divided(alerts),
        measured=measured,
        last_ended=last_ended(alerts),
        last_measured=last_ended(measured),
        flapping_runs=flapping_runs(alerts),
        pages=pages,
        changes=sorted_out.changes(),
        notes=tuple(sorted_out.notes),
        statuses=tuple(sorted_out.of("status.updated")),
        observations=tuple(sorted_out.of("observation.recorded")),
        reports=reports,
        actions=sorted_out.actions(),
        late=tuple([each for each in facts if each.received_at - each.occurred_at >= LATE and lateness(each)]),
        reread=_reread(revisions_known, {each.id for each in facts}),
        collector=sorted_out.collector(),
        marks=sorted_out.newest_by("mark.set", "mark"),
        edits={str(e.data.get("field")): e for e in sorted_out.newest_by("incident.edited", "field")},
        review=max(reviews, key=statement_order, default=None),
        revised=max(revisions, key=statement_order, default=None),
        openers=openers,
        closing=closing(_spans(openers, pages, opened), words),
        services=_names("service", alerts, pages, reports),
        environments=_names("environment", alerts, pages, reports),
        kinds=_kinds(current_events, context),
        context=context,
        as_of=as_of,
    )
    return _measured(folded)


def _without(
    context: Context, facts: list[RecordedEvent], beside: Collection[str]
) -> tuple[Context, list[RecordedEvent]]:
    """The same without the events that are no part of what happened."""
    if not beside:
        return context, facts
    grouped = {event: why for event, why in context.grouped.items() if event not in beside}
    return msgspec.structs.replace(context, grouped=grouped), [each for each in facts if each.id not in beside]


def _kinds(events: Iterable[RecordedEvent], context: Context) -> dict[str, str]:
    """The kind of each source that has another name, as the newest of the known events says it."""
    beside = chain.from_iterable(near.events for near in (*context.nearby, *context.followed, *context.lasting))
    said = [each for each in chain(events, beside, context.collector) if isinstance(each.data.get(SENDER), str)]
    return {each.source: each.data[SENDER] for each in sorted(said, key=reading_order)}


def _as_set(alerts: tuple[Alert, ...], context: Context) -> tuple[Alert, ...]:
    """The alerts, each opening an incident or not as the team set its severities."""
    opening, silent = context.opening_severities, context.silent_severities
    if not opening and not silent:
        return alerts
    return tuple([
        msgspec.structs.replace(each, opening=severities.opens(each.severity, opening, silent, name=each.name))
        for each in alerts
    ])  # fmt: skip


def _as_first_received(events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
    """Revisions with the time at which the event was first received: a correction of last night's alert is not late."""
    if not any(map(attrgetter("revision"), events)):
        return events
    first: dict[str, int] = {}
    for event in events:
        first[event.id] = min(event.received_at, first.get(event.id, event.received_at))
    return [_received(event, first[event.id]) for event in events]


def _reread(revisions: Sequence[RecordedEvent], facts: set[str]) -> tuple[RereadEvent, ...]:
    """What was read again with a later parser, in reading order; each with the last revision from before that."""
    fresh: dict[str, RecordedEvent] = {}
    before: dict[str, RecordedEvent] = {}
    for event in revisions:
        found = fresh if _READ_AGAIN in event.data else before
        if event.id not in found or found[event.id].revision < event.revision:
            found[event.id] = event
    told = sorted((event for name, event in fresh.items() if name in facts), key=reading_order)
    return tuple([RereadEvent(event=event, before=before.get(event.id)) for event in told])


_READ_AGAIN = "reread_at"
"""What a revision's data holds that a later parser made."""


def _received(event: RecordedEvent, at: int) -> RecordedEvent:
    return event if event.received_at == at else msgspec.structs.replace(event, received_at=at)


def _measured(history: History) -> History:
    """The history with what only the whole of it can tell."""
    known = msgspec.structs.replace(history, moments=moments.moments(history))
    return msgspec.structs.replace(known, durations=moments.durations(known))


class _Kinds:
    """The facts by type, and by entity where several of them are one thing."""

    def __init__(self, facts: Iterable[RecordedEvent]) -> None:
        self.notes: list[RecordedEvent] = []
        self._types: dict[str, list[RecordedEvent]] = defaultdict(list)
        self._families: dict[str, _Entities] = {name: defaultdict(list) for name in ("alert", "page", "change")}
        families: dict[str, _Entities | None] = {}
        for event in facts:
            if event.type not in families:
                families[event.type] = self._families.get(event.type.partition(".")[0])
            entities = families[event.type]
            if entities is not None:
                entities[event.source, event.entity].append(event)
                if event.type in (UPDATED, ENDED):
                    self._types[event.type].append(event)
            elif event.type in ("note.added", "chat.message"):
                self.notes.append(event)
            else:
                self._types[event.type].append(event)

    def of(self, event_type: str) -> list[RecordedEvent]:
        return self._types.get(event_type, [])

    def alerts(self, words: Sequence[Word]) -> tuple[Alert, ...]:
        """By start, entity and the id of what tells them."""
        entities = sorted(self._families["alert"].items(), key=lambda item: item[0][1])
        episodes_found = [each for _, events in entities for each in episodes.alert_episodes(events, words)]
        if len({entity for _, entity in self._families["alert"]}) < len(entities):
            # Only where two sources tell of one entity are the entities not in order by now.
            episodes_found.sort(key=attrgetter("entity", "fired.id"))
        episodes_found.sort(key=attrgetter("start"))
        return tuple(episodes_found)

    def pages(self) -> tuple[Page, ...]:
        found = [episodes.page(events) for events in self._families["page"].values()]
        return tuple(sorted(found, key=lambda each: (each.start, each.entity, each.steps[0].id)))

    def changes(self) -> tuple[Change, ...]:
        found = [each for events in self._families["change"].values() for each in episodes.changes(events)]
        return tuple(sorted(found, key=lambda c: (c.start if c.end is None else c.end, c.entity, c.last.id)))

    def collector(self) -> tuple[RecordedEvent, ...]:
        """What sources and the collector said of themselves."""
        own = [kind for kind in self._types if kind.startswith(("source.", "collector."))]
        return tuple([event for kind in own for event in self._types[kind]])

    def actions(self) -> tuple[RecordedEvent, ...]:
        """The newest statement on each follow-up, in the order they were first told; an on-call tool's own, too."""
        newest: dict[str, RecordedEvent] = {}
        follow_ups = [each for each in self.notes if each.data.get("task") == "follow-up"]
        for event in sorted((*self.of("action.added"), *follow_ups), key=reading_order):
            # A follow-up that a tool tells has the entity of its page.
            key = event.entity if event.type == "action.added" else event.id
            known = newest.get(key)
            newest[key] = event if known is None else max(known, event, key=statement_order)
        return tuple(newest.values())

    def newest_by(self, event_type: str, key: str) -> tuple[RecordedEvent, ...]:
        """The newest statement for each value of a key of the data, by that value."""
        newest: dict[str, RecordedEvent] = {}
        for event in self.of(event_type):
            value = str(event.data.get(key))
            newest[value] = event if value not in newest else max(newest[value], event, key=statement_order)
        return tuple(newest[value] for value in sorted(newest))

    def words(self) -> list[Word]:
        """What people said on whether the incident is over."""
        return list(filter(None, map(word_of, chain(self.of(RESOLVED), self.of(REOPENED)))))


def _unbegun(alerts: Iterable[Alert], resolves: Sequence[RecordedEvent]) -> tuple[RecordedEvent, ...]:
    """The resolves that are of none of the alerts."""
    if not resolves:
        return ()
    known = {each for alert in alerts for each in alert.events}
    return tuple([each for each in resolves if each.id not in known])


def _told_after(
    alerts: Iterable[Alert], updates: Sequence[RecordedEvent]
) -> tuple[tuple[RecordedEvent, ...], set[str]]:
    """What alerts said anew after their ends: of those that were told as a whole afterwards, as in an import, it is of
    the time in which they fired; of others it is a word of a cluster's member that lags, which tells nothing. The
    former, and the ids of both."""
    if not updates:
        return (), set()
    of = {each: alert for alert in alerts for each in alert.events}
    late = [each for each in updates if (alert := of.get(each.id)) is None or each.occurred_at > (alert.end or _FAR)]
    imported = (each for each in late if (alert := of.get(each.id)) is not None and _is_imported(alert))
    return tuple(imported), {each.id for each in late}


_FAR = 1 << 62


def _is_imported(alert: Alert) -> bool:
    """Whether its firing was received after its end."""
    return alert.end is not None and alert.fired is not alert.resolved and alert.fired.received_at > alert.end


def _spans(alerts: Iterable[Alert], pages: Iterable[Page], reports: Iterable[RecordedEvent]) -> Iterator[OpenSpan]:
    """What can keep the incident open."""
    for alert in alerts:
        proof = (alert.resolved or alert.fired).id
        yield OpenSpan(f"alert {alert.source} {alert.entity}", alert.start, alert.end, "alert", proof)
    for page in (page for page in pages if page.begun):
        ended = page.resolved or page.merged
        yield OpenSpan(f"page {page.entity}", page.start, page.end, "page", ended.id if ended else "")
    for report in reports:
        yield OpenSpan(f"report {report.id}", report.occurred_at, None, "report")


def _families(alerts: tuple[Alert, ...], *, divided: bool) -> tuple[Family, ...]:
    """The alerts by name, service and, if it is divided, environment; the first opening one's family first, then in
    the order they began."""
    by_key: dict[tuple[str, str | None, str | None], list[Alert]] = {}
    for alert in alerts:
        by_key.setdefault((alert.name, alert.service, alert.environment if divided else None), []).append(alert)
    opens = next((alert for alert in alerts if alert.opening), None)
    families = [
        Family(name=key[0], service=key[1], environment=key[2], alerts=tuple(own)) for key, own in by_key.items()
    ]
    return tuple(sorted(families, key=lambda family: opens is not None and opens not in family.alerts))


def _divided(alerts: Iterable[Alert]) -> bool:
    """Whether two of them name environments that are two."""
    keys = {names.environment_key(each) for each in {alert.environment for alert in alerts} if each}
    return any(names.apart(one, other) for one, other in combinations(sorted(keys), 2))


def _names(field: str, *signals: Iterable[Alert | Page | RecordedEvent]) -> tuple[str, ...]:
    """What the signals say in this field, each once, sorted."""
    return tuple(sorted(set(filter(None, map(attrgetter(field), chain(*signals))))))
