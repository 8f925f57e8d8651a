"""What a draft is rendered from: one incident, read out of the lists and the log in one view.

It depends on the set of events alone: never on positions, arrival or numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, exists, func, or_, select

from collector.correlation import Catalog, Membership
from collector.correlation.placing import TAKEN_OUT, taken_out
from collector.event import HOUR, MACHINE, RecordedEvent, current, reading_order
from collector.log import queries
from collector.names import elsewhere
from collector.names.persons import spellings_of
from collector.names.spelling import Spelling
from collector.projections import records
from collector.projections.incident_rows import row_of, stored
from collector.projections.lasting import end_of, events_of, lasting_alerts
from collector.projections.tables import (
    NOTHING,
    belongs,
    event_index,
    event_unit,
    member,
    membership,
    placement,
    services_of,
    signal,
)
from collector.projections.values import Case, IncidentRow, NearbyEvent
from collector.semantics.changes import UNFINISHED
from collector.semantics.episodes import UPDATED
from collector.semantics.exclusions import OTHER_ENVIRONMENT, OTHER_INCIDENT, OTHER_SERVICE, UNNAMED_SERVICE
from collector.storage.sql import AMONG, select_among
from collector.telemetry.refusals import SLOWEST, read_back
from collector.telemetry.refusals import TYPE as REFUSED

NEARBY = 200
"""How many events that did not join a case shows, the closest to its start first."""
PROOFS = 3
"""How many events prove that a kind of source reported in an incident's window."""
HEARD = 7 * 24 * HOUR
"""How long before an incident a kind of source was heard from that could have reported in it, µs."""
COMPONENT = "nothing else names its component"
"""Why a post of a status page is not in an incident, where nobody knows which service its component stands for."""
POSTED = "status.updated"
FAMILIES = ("alert", "page", "change", "status", "chat", "note", "observation")
"""Kinds of reports that a draft may miss."""


_MEMBERSHIPS = (
    select(event_unit.c.event, member.c.rule, member.c.reason)
    .join_from(member, event_unit, event_unit.c.unit == member.c.uid)
    .where(member.c.number == bindparam("number"))
)


def _beside(*columns: Any, signal: Any = signal, events: Any = event_index) -> Select[Any]:
    """What began in a window, was received by then, and is not in an incident."""
    inside = (
        exists().where(table.c.uid == signal.c.uid, table.c.number == bindparam("number")).correlate(signal)
        for table in (membership, placement)
    )
    return (
        select(*columns)
        .select_from(signal.join(events, (events.c.id == signal.c.uid) & (events.c.revision == 0)))
        .where(
            signal.c.start.between(bindparam("low"), bindparam("high")),
            signal.c.kind != "fact",
            events.c.received_at <= bindparam("until"),
            or_(signal.c.kind != "note", signal.c.missed != NOTHING),
            *(~each for each in inside),
        )
    )


_BESIDE = _beside(signal.c.uid, signal.c.service, signal.c.environment, signal.c.missed)
_COUNT_BESIDE = _beside(func.count())
_NEAREST = _BESIDE.order_by(func.abs(signal.c.start - bindparam("started_at")), signal.c.uid)
_DENIABLE = _BESIDE.where(
    or_(
        signal.c.kind == "page",
        (signal.c.kind == "change") & or_(signal.c.service.is_(None), signal.c.service.in_(services_of)),
    )
).order_by(signal.c.start, signal.c.uid)
_alert, _told = signal.alias("fired"), event_index.alias("told")
_FIRED = _BESIDE.where(
    signal.c.uid.in_(
        _beside(func.min(_alert.c.uid), signal=_alert, events=_told)
        .where(_alert.c.kind == "alert", _alert.c.service.in_(services_of))
        .group_by(_alert.c.service)
    )
).order_by(signal.c.start, signal.c.uid)
_FOLLOWED = (
    select(event_unit.c.event, placement.c.reason)
    .join_from(placement, event_unit, event_unit.c.unit == placement.c.uid)
    .where(placement.c.number == bindparam("number"), ~belongs)
)
_OF_FAMILY = (
    select(event_index.c.id)
    .where(
        event_index.c.family == bindparam("family"),
        event_index.c.source != MACHINE,
        event_index.c.received_at <= bindparam("until"),
        event_index.c.revision == 0,
    )
    .order_by(event_index.c.occurred_at.desc(), event_index.c.id)
)
_PROOFS = _OF_FAMILY.where(event_index.c.occurred_at.between(bindparam("low"), bindparam("high"))).limit(PROOFS)
_EARLIER = _OF_FAMILY.where(event_index.c.occurred_at < bindparam("low")).limit(1)
_LATER = _OF_FAMILY.where(event_index.c.occurred_at > bindparam("high")).limit(1)
_OWN = select(event_index.c.id).where(
    event_index.c.family.in_(("collector", "source")),
    event_index.c.occurred_at.between(bindparam("low"), bindparam("high")),
)


_HIT = (
    select(event_index.c.position)
    .where(
        event_index.c.service == bindparam("service"),
        event_index.c.family.in_(("alert", "page")),
        event_index.c.received_at <= bindparam("until"),
    )
    .limit(1)
)
"""An alert or a page of a service, whenever it was."""


_PLACED = select(placement.c.uid).distinct().where(placement.c.uid.in_(AMONG), belongs)


def memberships_of(connection: Connection, number: int) -> dict[str, Membership]:
    """Why each event of an incident is in it, by the event's id."""
    rows = connection.execute(_MEMBERSHIPS, {"number": number})
    return {event: Membership(event=event, rule=rule, reason=reason) for event, rule, reason in rows}


def _hits(event: RecordedEvent) -> bool:
    return event.type.startswith(("alert.", "page.", "change."))


def _goes_on(event: RecordedEvent) -> bool:
    return event.type.startswith(("alert.", "page.")) or event.type in UNFINISHED


def _spelt(spelling: Spelling, near: tuple[NearbyEvent, ...]) -> tuple[NearbyEvent, ...]:
    return tuple(msgspec.structs.replace(each, event=spelling.respelled(each.event)) for each in near)


def _judged(near: tuple[NearbyEvent, ...], out: Collection[str]) -> tuple[NearbyEvent, ...]:
    """The same with a person's word in place of why grouping did not join what people took out of the incident."""
    return tuple(msgspec.structs.replace(each, reason=TAKEN_OUT) if each.event.id in out else each for each in near)


class CaseReader:
    """One case being read."""

    def __init__(self, connection: Connection, catalog: Catalog, as_of: int | None) -> None:
        self._connection, self._catalog, self._as_of = connection, catalog, as_of
        self._until = (1 << 62) if as_of is None else as_of

    def case(self, number: int) -> Case | None:
        """Everything of the incident that a number goes by now; None where nothing of it was known by ``as_of``."""
        stored_incident = stored(self._connection, number)
        if stored_incident is not None and stored_incident.goes_by is not None and stored_incident.goes_by != number:
            stored_incident = stored(self._connection, stored_incident.goes_by)
        if stored_incident is None or stored_incident.goes_by is None:
            return None
        row, low, high = row_of(stored_incident), stored_incident.low, stored_incident.high
        memberships = memberships_of(self._connection, row.number)
        events = queries.read_ids(self._connection, sorted(memberships), self._as_of)
        if self._as_of is not None and not events:
            return None
        event_ids = {event.id for event in events}
        standing = current(events)
        # What ties later events reaches a day far; what lasts longer is looked at to its last event, as its draft says.
        high = max([high, *(event.occurred_at for event in standing)])
        spelling = Spelling(standing, self._catalog.whereabouts, self._catalog.people)
        nearby, unlisted = self._nearby(row, low, high)
        followed = self._followed(row.number)
        lasting = self._lasting(row, low)
        near = (*nearby, *followed, *lasting)
        nearby_events = [event for each in near for event in (each.event, each.end) if event is not None]
        heard_since = row.started_at - HEARD
        reported = {family: self._proofs(family, heard_since, high) for family in FAMILIES}
        unheard = [family for family, proofs in reported.items() if not proofs]
        return Case(
            row=row,
            events=tuple(sorted(spelling.all(events), key=lambda event: (event.id, event.revision))),
            memberships={event: member for event, member in memberships.items() if event in event_ids},
            nearby=_judged(_spelt(spelling, nearby), taken_out(standing)),
            unlisted=unlisted,
            followed=_spelt(spelling, followed),
            lasting=_spelt(spelling, lasting),
            reported=reported,
            reported_within=HEARD,
            reported_before=frozenset(each for each in unheard if self._was_told(_EARLIER, each, low=heard_since)),
            reported_after=frozenset(each for each in unheard if self._was_told(_LATER, each, high=high)),
            last_told=self._last_told(standing),
            collector=self._collector(low, high),
            people=spellings_of((*events, *nearby_events), self._catalog.people),
        )

    def _last_told(self, events: Sequence[RecordedEvent]) -> dict[str, int]:
        """When texts were told last, where that is known: of an earlier moment nothing is, once any was told after."""
        if not any(event.type == UPDATED for event in events):
            return {}
        found = queries.last_told(self._connection, events)
        return {} if any(at > self._until for at in found.values()) else found

    def _nearby(self, row: IncidentRow, low: int, high: int) -> tuple[tuple[NearbyEvent, ...], int]:
        """The first events of what began in the window and is not in the incident, and how many more there are.

        The nearest of it, and however far it is and however much there is: each page, each change of the incident's
        services or of none, and an alert of each of these services. Where a draft says that there was none, none was.
        """
        execute = self._connection.execute
        window = {"low": low, "high": high, "until": self._until, "number": row.number}
        rows = {other.uid: other for other in execute(_NEAREST.limit(NEARBY), {**window, "started_at": row.started_at})}
        rows |= {other.uid: other for statement in (_DENIABLE, _FIRED) for other in execute(statement, window)}
        total = execute(_COUNT_BESIDE, window).scalar_one() if len(rows) >= NEARBY else len(rows)
        events = {event.id: event for event in self._current(list(rows))}
        keys = self._services(row.number)
        # What is placed somewhere else was missed by its service and its references, and keeps that reason.
        placed = {other.uid for other in select_among(self._connection, _PLACED, list(rows))}
        near = [
            (
                events[other.uid],
                self._reason(row, keys, other.service, other.environment, "" if other.uid in placed else other.missed),
            )
            for other in rows.values() if other.uid in events
        ]  # fmt: skip
        services = keys | {other.service for other in rows.values() if other.uid in events and _hits(events[other.uid])}
        near = [
            (event, self._unless_unknown(event, rows[event.id].service, services, reason)) for event, reason in near
        ]
        ends = self._ends([event.id for event, _ in near if _goes_on(event) and event.occurred_at < row.started_at])
        return tuple(
            NearbyEvent(event=event, reason=reason, end=ends.get(event.id)) for event, reason in near
        ), total - len(rows)

    def _lasting(self, row: IncidentRow, low: int) -> tuple[NearbyEvent, ...]:
        """Alerts of the incident's services that had fired since before the window, and went on when it began."""
        rows = {
            each.uid: each for each in lasting_alerts(self._connection, row.number, low, row.started_at, self._until)
        }
        keys, near = self._services(row.number), []
        for uid, events in self._by_signal(list(rows)).items():
            fired, end = next((event for event in events if event.id == uid), None), end_of(events)
            reason = self._reason(row, keys, rows[uid].service, rows[uid].environment, rows[uid].missed)
            if fired is not None and reason != OTHER_ENVIRONMENT and (end is None or end.occurred_at >= row.started_at):
                near.append(NearbyEvent(event=fired, reason=reason, end=end))
        return tuple(near)

    def _ends(self, signals: list[str]) -> dict[str, RecordedEvent]:
        """The end of each of these alerts and pages that has one."""
        ends = {uid: end_of(events) for uid, events in self._by_signal(signals).items()}
        return {uid: end for uid, end in ends.items() if end is not None}

    def _by_signal(self, signals: list[str]) -> dict[str, list[RecordedEvent]]:
        of = events_of(self._connection, signals)
        by_signal: dict[str, list[RecordedEvent]] = {uid: [] for uid in signals}
        for event in self._current(list(of)):
            by_signal[of[event.id]].append(event)
        return by_signal

    def _followed(self, number: int) -> tuple[NearbyEvent, ...]:
        """What went on after the end with what the incident was about, in reading order."""
        reasons = {row.event: row.reason for row in self._connection.execute(_FOLLOWED, {"number": number})}
        events = sorted(self._current(list(reasons)), key=reading_order)
        return tuple(NearbyEvent(event=event, reason=reasons[event.id]) for event in events)

    def _services(self, number: int) -> set[str]:
        return set(self._connection.execute(services_of, {"number": number}).scalars())

    def _reason(
        self, row: IncidentRow, services: set[str], service: str | None, environment: str | None, missed: str
    ) -> str:
        """What kept something in the window out of this incident."""
        if not missed:
            return OTHER_INCIDENT
        if service is None or missed.startswith("a person"):
            return missed
        if not (services & (self._catalog.neighbours(service) | {service})):
            return OTHER_SERVICE
        named = filter(None, map(self._catalog.environment, row.environments))
        return OTHER_ENVIRONMENT if elsewhere(environment, named) else missed

    def _unless_unknown(
        self, event: RecordedEvent, service: str | None, services: Collection[str | None], reason: str
    ) -> str:
        """The reason, where the name is known to be another service's: a post may name a component of a status page,
        and a change a workspace, that no signal and no catalog knows as a service."""
        if reason != OTHER_SERVICE or self._catalog.has(service):
            return reason
        if event.type == POSTED:
            return reason if service in services else COMPONENT
        unnamed = event.type.startswith("change.") and not self._was_hit(service)
        return UNNAMED_SERVICE if unnamed else reason

    def _was_hit(self, service: str | None) -> bool:
        """Whether an alert or a page ever named a service."""
        return self._connection.execute(_HIT, {"service": service, "until": self._until}).first() is not None

    def _current(self, ids: Sequence[str]) -> list[RecordedEvent]:
        return current(queries.read_ids(self._connection, ids, self._as_of))

    def _proofs(self, family: str, low: int, high: int) -> tuple[str, ...]:
        values = {"family": family, "low": low, "high": high, "until": self._until}
        return tuple(self._connection.execute(_PROOFS, values).scalars())

    def _was_told(self, statement: Select[Any], family: str, **bound: int) -> bool:
        values = {"family": family, "until": self._until, **bound}
        return self._connection.execute(statement, values).first() is not None

    def _collector(self, low: int, high: int) -> tuple[RecordedEvent, ...]:
        """What sources and the collector said of themselves; of refusals and silences those whose span touches the
        window."""
        ids = list(self._connection.execute(_OWN, {"low": low - SLOWEST, "high": high}).scalars())
        events = [e for e in self._current(ids) if not records.is_silence(e)]
        said = [e for e in events if e.occurred_at >= low or (e.type == REFUSED and read_back(e).last_at >= low)]
        silences = self._current(records.silences(self._connection, high))
        return (*said, *records.touching(silences, low))
