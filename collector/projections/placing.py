"""Placements, kept: which incidents are due, what they are decided by, and what changed.

:mod:`collector.correlation.placing` decides. Here its facts are read out of the
lists and the log, and its answers are written. Everything happens on an open
connection, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, case, exists, func, select, union, union_all

from collector.correlation import Catalog, Rules
from collector.correlation.changes import Changes
from collector.correlation.placing import (
    EARLIER,
    Candidate,
    Engagement,
    Placement,
    PlacementMove,
    Scene,
    place,
    responders,
)
from collector.event import RecordedEvent, current, id_time, reading_order
from collector.log import queries
from collector.projections import tables
from collector.projections.tables import (
    ZERO,
    event_index,
    event_unit,
    incident,
    incident_number,
    joined_nothing,
    membership,
    placement,
    placement_due,
    put,
    ref_service,
    remove,
    services_of,
    signal,
)
from collector.projections.unjoined import recounted
from collector.storage.sql import AMONG, firsts_of, in_order, rows_of, select_among

TOGETHER = 50
"""Incidents that are decided at a time."""
CANDIDATES = 500
"""The most things that joined nothing which are looked at for one incident, the closest to its start."""
ACTS = 2_000
"""The most acts of people in other incidents at the same time that are looked at for one incident."""

_FAMILIES = ("page", "note", "chat", "status", "change", "observation", "incident", "mark", "action", "report")
_ACTS = ("page", "note", "chat", "status", "mark", "incident")

_KINDS = ("change", "observation", "note")
_ACTING_KINDS = ("page", "report", "note", "fact")

_low: Any = bindparam("low")
_high: Any = bindparam("high")
_number: Any = bindparam("number")
_moment: Any = bindparam("at")
_candidate = joined_nothing & signal.c.kind.in_(_KINDS)
# Ordered joins begin with what few rows are asked for, however many there are in all.
_event_signals = (event_unit, event_unit.c.event == event_index.c.id)
_of_members = in_order(
    membership,
    (event_unit, event_unit.c.unit == membership.c.uid),
    (event_index, event_index.c.id == event_unit.c.event),
)
_read = event_index.c.position.between(bindparam("first"), bindparam("last"))


def _unindexed(column: Any) -> Any:
    """Has SQLite look by another column: what reaches a moment is few of all incidents, what began before it most."""
    return column + ZERO


def _lasting(*columns: Any, within: Any = incident) -> Any:
    """Incidents that last in some time; people may say that one was over later than any signal reaches."""
    began = _unindexed(incident.c.started_at) <= _high
    outlasted = (incident.c.ended_at > incident.c.high) & (incident.c.ended_at >= _low)
    statement = select(*columns).select_from(within)
    return statement.where(incident.c.high >= _low, began), statement.where(outlasted, began)


_until = func.coalesce(incident.c.ended_at, incident.c.high).label("until")
_alive = in_order(incident, (incident_number, incident_number.c.number == incident.c.number))
_is_alive = incident_number.c.goes_by == incident_number.c.number

_OF_SIGNALS = select(placement.c.number).distinct().where(placement.c.uid.in_(AMONG))
_LOOSE = select(signal.c.uid, signal.c.start).where(signal.c.uid.in_(AMONG), _candidate)
_LOOSE_AT = (
    select(signal.c.start)
    .distinct()
    .select_from(in_order(event_index, _event_signals, (signal, signal.c.uid == event_unit.c.unit)))
    .where(_read, _candidate)
)
_OVERLAPPING = union(*_lasting(incident.c.number))
_OTHERS = union(
    *(each.where(_is_alive) for each in _lasting(incident.c.number, incident.c.started_at, _until, within=_alive))
)
_ANY_LOOSE = select(signal.c.start).where(signal.c.start.between(_low, _high), _candidate).limit(1)
_during = (
    select(incident.c.number)
    .select_from(in_order(signal, (incident, _unindexed(incident.c.started_at) <= signal.c.start)))
    .where(signal.c.start.between(_low, _high), _candidate)
)
_ONGOING = union(
    _during.where(incident.c.high >= signal.c.start),
    _during.where(incident.c.ended_at > incident.c.high, incident.c.ended_at >= signal.c.start),
)
_OF_POSITIONS = select(tables.members_at.c.number).distinct()
_ACTING_AT = (
    select(membership.c.number, event_index.c.family)
    .distinct()
    .select_from(in_order(event_index, _event_signals, (membership, membership.c.uid == event_unit.c.unit)))
    .where(_read)
)
_ACTING_SIGNALS = select(signal.c.uid).where(signal.c.uid.in_(AMONG), signal.c.kind.in_(_ACTING_KINDS))


def _last(one: Any) -> Any:
    return case((one.c.ended_at > one.c.high, one.c.ended_at), else_=one.c.high)


_mine, _other = incident.alias("mine"), incident.alias("other")
_beside = (
    select(_other.c.number)
    .select_from(in_order(_mine, (_other, _unindexed(_other.c.started_at) <= _last(_mine))))
    .where(
        _mine.c.number.in_(AMONG),
        exists().where(_candidate, signal.c.start.between(_other.c.started_at, _last(_other))).correlate(_other),
    )
)
# Who takes part in one incident may not count as a responder of another at the same time.
_BESIDE = (
    _beside.where(_other.c.high >= _mine.c.started_at),
    _beside.where(_other.c.ended_at > _other.c.high, _other.c.ended_at >= _mine.c.started_at),
)
_DUE = select(placement_due.c.number).order_by(placement_due.c.number).limit(TOGETHER)
_last_of = func.coalesce(incident.c.ended_at, incident.c.high)
_NEAR_LOOSE = select(incident.c.number).where(
    incident.c.number.in_(AMONG),
    exists()
    .where(_candidate, signal.c.start.between(incident.c.started_at - EARLIER, _last_of + bindparam("follow_up")))
    .correlate(incident),
)
_WITH_PLACED = select(placement.c.number).distinct().where(placement.c.number.in_(AMONG))
_ONE = (
    select(
        incident.c.key, incident.c.started_at, incident.c.ended_at, incident.c.low, incident.c.high, incident.c.services
    )
    .join_from(incident, incident_number, incident_number.c.number == incident.c.number)
    .where(incident.c.number == _number, _is_alive)
)
_loose = select(signal.c.uid, signal.c.start, signal.c.last, signal.c.missed, signal.c.service).where(_candidate)
# From the moment on to both sides: put in order by how far they are, all of a day would be read.
_later = _loose.where(signal.c.start.between(_moment, _high)).order_by(signal.c.start, signal.c.uid).limit(CANDIDATES)
_sooner = (
    _loose.where(signal.c.start >= _low, signal.c.start < _moment)
    .order_by(signal.c.start.desc(), signal.c.uid)
    .limit(CANDIDATES)
)
_around = union_all(*(select(side.subquery()) for side in (_later, _sooner))).subquery()
_CANDIDATES = select(_around).order_by(func.abs(_around.c.start - _moment), _around.c.uid).limit(CANDIDATES)
_EVENTS_OF = select(event_unit.c.event, event_unit.c.unit).where(event_unit.c.unit.in_(AMONG))
_NAMED_BY = select(ref_service.c.service).where(ref_service.c.token == bindparam("ref"))
_SCENE = (
    select(event_index.c.id)
    .distinct()
    .select_from(_of_members)
    .where(membership.c.number == _number, event_index.c.family.in_(_FAMILIES))
)
_ACTED = (
    select(membership.c.number, event_index.c.id)
    .distinct()
    .select_from(_of_members)
    .where(membership.c.number.in_(AMONG), event_index.c.family.in_(_ACTS))
)
_BEFORE = select(placement).where(placement.c.number.in_(AMONG))


_names = msgspec.json.Decoder(tuple[str, ...]).decode


class Decision(msgspec.Struct, frozen=True):
    """One incident's placements, decided anew."""

    number: int
    alive: bool
    """Whether an incident goes by the number."""
    key: str
    placed: Mapping[str, Placement]
    starts: Mapping[str, int]


# --- which are due ----------------------------------------------------------------------------------------------------


Spans = Mapping[int, tuple[int, int]]
"""Incidents, by number, each with when it began and until when it lasts."""


class FormerPlacing:
    """What placements hang on and a round is about to change, as it was."""

    def __init__(self, connection: Connection, changes: Changes, spans: Spans) -> None:
        self.spans = spans
        touched = sorted({*changes.signals, *changes.dropped, *changes.moves})
        self.loose: dict[str, int] = dict(map(tuple, select_among(connection, _LOOSE, touched)))
        """What joined nothing, with when it happened: nothing else is placed."""


class Positions(NamedTuple):
    """The events of a round."""

    first: int
    last: int
    amended: bool
    """Whether one of them was known before: it may say something else that matters here, and change no signal."""


def note_due(connection: Connection, changes: Changes, before: FormerPlacing, events: Positions, rules: Rules) -> bool:
    """After a round of these events is written: note every incident that it may place something in; whether there is
    any.

    It is due if it changed itself, if it is near something that joins nothing or joined nothing before, or if it
    overlaps an incident whose beginning, end or places changed: what people do in one may be none of another's. It is
    not where there is nothing to decide: nothing that joined nothing is near it, and nothing is placed in it.
    """
    read = {"first": events.first, "last": events.last}
    numbers = {*changes.incidents, *changes.numbers}
    numbers.update(row.number for row in select_among(connection, _OF_SIGNALS, sorted(before.loose)))
    loose = set(before.loose.values())
    if events.amended:
        numbers.update(firsts_of(connection, _OF_POSITIONS, read))
        loose.update(firsts_of(connection, _LOOSE_AT, read))
    loose.update(one.start for one, missed in changes.signals.values() if missed and one.kind in _KINDS)
    for low, high in _merged((start - rules.follow_up, start + EARLIER) for start in loose):
        numbers.update(firsts_of(connection, _OVERLAPPING, {"low": low, "high": high}))
    differing = _differing(before.spans, _spans(changes))
    if differing and firsts_of(connection, _ANY_LOOSE, {"low": differing[0][0], "high": differing[-1][1]}):
        for low, high in differing:
            numbers.update(firsts_of(connection, _ONGOING, {"low": low, "high": high}))
    acting = sorted(_acting(connection, changes, read))
    for statement in _BESIDE:
        numbers.update(row.number for row in select_among(connection, statement, acting))
    concerned, window = sorted(numbers), {"follow_up": rules.follow_up}
    decided = {row.number for row in select_among(connection, _NEAR_LOOSE, concerned, window)}
    decided.update(row.number for row in select_among(connection, _WITH_PLACED, concerned))
    put(connection, tables.placement_due, [(number,) for number in sorted(decided)], keep=True)
    return bool(decided)


def _spans(changes: Changes) -> Spans:
    """The incidents of a round as they are now; those that went elsewhere are not there."""
    return {
        number: (one.started_at, one.high if one.ended_at is None else one.ended_at)
        for number, (one, _) in changes.incidents.items()
    }


def _differing(before: Spans, after: Spans) -> list[tuple[int, int]]:
    """The times in which an incident lasts now and did not, or did and does not now, in their order."""
    changed_spans: list[tuple[int, int]] = []
    for number in before.keys() | after.keys():
        old, new = before.get(number), after.get(number)
        if old is None or new is None:
            changed_spans += [span for span in (old, new) if span is not None]
        else:
            changed_spans += [(min(pair), max(pair)) for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    return _merged(changed_spans)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times, those that overlap or touch as one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _acting(connection: Connection, changes: Changes, read: Mapping[str, int]) -> set[int]:
    """Incidents in which people did something else than before."""
    at = rows_of(connection, _ACTING_AT, read)
    numbers = {row.number for row in at if row.family in _ACTS}
    acts = {uid for uid, (one, _) in changes.signals.items() if one.kind in _ACTING_KINDS}
    unchanged = sorted(changes.moves.keys() - changes.signals.keys())
    acts.update(row.uid for row in select_among(connection, _ACTING_SIGNALS, unchanged))
    for signal_id in changes.moves.keys() & {*acts, *changes.dropped}:
        numbers |= changes.moves[signal_id].before | changes.moves[signal_id].after
    return numbers


def due(connection: Connection) -> list[int]:
    """Numbers whose placements are to be decided again, the smallest first, some at a time."""
    return firsts_of(connection, _DUE)


# --- deciding ---------------------------------------------------------------------------------------------------------


class Deciding:
    """Reads what placements are decided by; ``log`` is another connection, to the events."""

    def __init__(
        self, connection: Connection, rules: Rules, catalog: Catalog, log: Connection | None = None
    ) -> None:  # fmt: skip
        self._connection, self._rules, self._catalog = connection, rules, catalog
        self._log = log or connection

    def decide(self, number: int) -> Decision:
        """What belongs to an incident, or followed it, beyond what service and references say."""
        rows = rows_of(self._connection, _ONE, {"number": number})
        if not rows:
            return Decision(number=number, alive=False, key="", placed={}, starts={})
        key, started_at, ended_at, low, high, services = rows[0]
        candidates = self._candidates(number, started_at, (high if ended_at is None else ended_at))
        placed: dict[str, Placement] = {}
        if candidates:
            shown = {self._catalog.key(name): name for name in _names(services)}
            scene = Scene(
                started_at=started_at, ended_at=ended_at, low=low, high=high, services=shown,
                events=self._scene_events(number),
            )  # fmt: skip
            others = self._others(number, started_at, max(high, ended_at or high))
            spans = [(start, end) for _, start, end in others]
            engagements = self._engagements(others)
            placed = place(
                scene,
                candidates,
                engagements,
                self._catalog.person,
                spans,
                follow_up=self._rules.follow_up,
                listed=self._catalog.people.listed,
            )
        return Decision(
            number=number, alive=True, key=key, placed=placed, starts={c.signal_id: c.start for c in candidates}
        )

    def _candidates(self, number: int, started_at: int, until: int) -> list[Candidate]:
        window = {"low": started_at - EARLIER, "high": until + self._rules.follow_up, "at": started_at}
        rows = rows_of(self._connection, _CANDIDATES, window)
        if not rows:
            return []
        events = self._events_of([row.uid for row in rows])
        services = self._services(number)
        return [
            Candidate(
                signal_id=row.uid, start=row.start, last=row.last, missed=row.missed, events=events[row.uid],
                elsewhere=self._elsewhere(row.service, events[row.uid], services),
            )
            for row in rows
            if row.uid in events
        ]  # fmt: skip

    def _events_of(self, signal_ids: Sequence[str]) -> dict[str, tuple[RecordedEvent, ...]]:
        signals = {row.event: row.unit for row in select_among(self._connection, _EVENTS_OF, signal_ids)}
        events: dict[str, list[RecordedEvent]] = {}
        for event in self._current(list(signals)):
            events.setdefault(signals[event.id], []).append(event)
        return {signal_id: tuple(listed) for signal_id, listed in events.items()}

    def _current(self, ids: Sequence[str]) -> list[RecordedEvent]:
        return sorted(current(queries.read_ids(self._log, ids)), key=reading_order)

    def _services(self, number: int) -> set[str]:
        return set(firsts_of(self._connection, services_of, {"number": number}))

    def _elsewhere(self, service: str | None, events: Iterable[RecordedEvent], services: set[str]) -> bool:
        """Whether the catalog, or deployments that named a service, show that it is of none of these services."""
        owners = {service} if service else self._owners(events)
        related = {other for owner in owners for other in (owner, *self._catalog.neighbours(owner))}
        return bool(owners) and related.isdisjoint(services)

    def _owners(self, events: Iterable[RecordedEvent]) -> set[str]:
        owners: set[str] = set()
        for ref in {ref for event in events for ref in event.refs if ref.startswith("repository:")}:
            owners |= self._catalog.deploys(ref.partition(":")[2])
            owners.update(firsts_of(self._connection, _NAMED_BY, {"ref": ref}))
        return owners

    def _scene_events(self, number: int) -> tuple[RecordedEvent, ...]:
        ids = firsts_of(self._connection, _SCENE, {"number": number})
        return tuple(self._current(ids))

    def _others(self, number: int, low: int, high: int) -> list[tuple[int, int, int]]:
        """The other incidents that overlap this time: number, start and end."""
        rows = rows_of(self._connection, _OTHERS, {"low": low, "high": high})
        found = [(int(row.number), int(row.started_at), int(row.until)) for row in rows]
        return sorted(other for other in found if other[0] != number)

    def _engagements(self, others: Sequence[tuple[int, int, int]]) -> list[Engagement]:
        spans = {number: (start, end) for number, start, end in others}
        found = map(tuple, select_among(self._connection, _ACTED, list(spans)))
        # A number says only which incident was seen first.
        acts = sorted(found, key=lambda act: (spans[act[0]], act[1]))[:ACTS]
        events = {event.id: event for event in self._current([event for _, event in acts])}
        engagements: list[Engagement] = []
        for number, event in acts:
            if event in events:
                people = responders([events[event]], self._catalog.person)
                engagements += [Engagement(person, *spans[number]) for person in people]
        return engagements


# --- writing ----------------------------------------------------------------------------------------------------------


def write_decisions(connection: Connection, decisions: Sequence[Decision], position: int) -> list[PlacementMove]:
    """Write them in the place of what was decided before; what moved.

    ``position`` is how far the log was followed: drafts of incidents in which something moved are news from there on.
    """
    before = _before(connection, [decision.number for decision in decisions])
    removed: list[tuple[str, int]] = []
    placed: list[tuple[str, int, str, str]] = []
    moved: list[PlacementMove] = []
    for decision in decisions:
        number, former = decision.number, before.get(decision.number, {})
        for signal_id in sorted(former.keys() | decision.placed.keys()):
            now = decision.placed.get(signal_id)
            if former.get(signal_id) == now:
                continue
            if now is None:
                removed.append((signal_id, number))
            else:
                placed.append((signal_id, number, now.rule, now.reason))
            # What is not there any more began when its id says.
            start = decision.starts.get(signal_id, id_time(signal_id))
            moved.append(PlacementMove(signal_id, number, start, former.get(signal_id), now))
    touched = [move.signal_id for move in moved]
    with recounted(connection, touched, touched):
        remove(connection, removed, placement.c.uid, placement.c.number)
        put(connection, placement, placed)
    put(connection, tables.incident_news, [(number, position) for number in sorted({m.number for m in moved})])
    remove(connection, [(decision.number,) for decision in decisions], placement_due.c.number)
    return moved


def _before(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Placement]]:
    """What is placed in each of these incidents."""
    by_number: dict[int, dict[str, Placement]] = {}
    for row in select_among(connection, _BEFORE, numbers):
        by_number.setdefault(row.number, {})[row.uid] = Placement(row.rule, row.reason)
    return by_number
