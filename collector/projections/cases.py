"""What a draft is rendered from: one incident, read out of the lists and the log in one view.

It depends on the set of events alone: never on positions, arrival or numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.correlation import Catalog, Membership
from collector.event import HOUR, MACHINE, RecordedEvent, current, reading_order
from collector.log import queries
from collector.names import elsewhere
from collector.names.spelling import Spelling
from collector.projections import records
from collector.projections.tables import MEMBER
from collector.projections.values import Case, IncidentRow, NearbyEvent
from collector.semantics.episodes import UPDATED
from collector.telemetry.refusals import SLOWEST, read_back
from collector.telemetry.refusals import TYPE as REFUSED

NEARBY = 200
"""How many events that did not join a case shows, the closest to its start first."""
PROOFS = 3
"""How many events prove that a kind of source reported in an incident's window."""
HEARD = 7 * 24 * HOUR
"""How long before an incident a kind of source was heard from that could have reported in it, µs."""
FAMILIES = ("alert", "page", "change", "status", "chat", "note", "observation")
"""Kinds of reports that a draft may miss."""


_names = msgspec.json.Decoder(tuple[str, ...]).decode

_PLACED = """(SELECT {} FROM placement JOIN signal USING (uid)
    WHERE placement.number = incident.number AND rule <> 'follow_up')"""
_EVENTS = _PLACED.format("CAST(coalesce(sum(signal.events), 0) AS BIGINT)")
_LATEST = _PLACED.format("coalesce(max(last), 0)")
ROWS = f"""SELECT number, goes_by, key, title, started_at, ended_at, last_at, services, environments, severity, lead,
    incident.events + {_EVENTS}, coalesce(incident_news.position, 0), low, high, {_LATEST}
    FROM incident JOIN incident_number USING (number) LEFT JOIN incident_news USING (number) """  # noqa: S608 - ours
_OUTSIDE = """FROM signal JOIN event_index ON event_index.id = uid AND revision = 0
    WHERE start BETWEEN ? AND ? AND kind <> 'fact' AND received_at <= ? AND (kind <> 'note' OR missed <> '')
    AND NOT EXISTS (SELECT 1 FROM membership WHERE membership.uid = signal.uid AND number = ?)
    AND NOT EXISTS (SELECT 1 FROM placement WHERE placement.uid = signal.uid AND number = ?)"""
"""What began in a window and is not in an incident, by the window, the time of receipt and the number twice."""
_BESIDE = f"SELECT uid, signal.service, signal.environment, missed {_OUTSIDE}"
_SERVICES = "SELECT substr(key, 9) FROM incident_key WHERE number = ? AND key LIKE 'service:%'"
_NEAREST = f"{_BESIDE} ORDER BY abs(start - ?), uid LIMIT ?"
_DENIABLE = f"""{_BESIDE} AND (kind = 'page' OR (kind = 'change'
    AND (signal.service IS NULL OR signal.service IN ({_SERVICES})))) ORDER BY start, uid"""
_FIRED = f"""{_BESIDE} AND uid IN (SELECT min(uid) {_OUTSIDE} AND kind = 'alert'
    AND signal.service IN ({_SERVICES}) GROUP BY signal.service) ORDER BY start, uid"""


def stored(connection: Connection, number: int) -> Any:
    """The row of an incident as it lies in the lists."""
    return connection.exec_driver_sql(f"{ROWS} WHERE number = ?", (number,)).one_or_none()


def row_of(row: Any) -> IncidentRow:
    """The same as a value."""
    number, goes_by, key, title, started, ended, last, services, environments, severity, lead, events, news = row[:13]
    merged = goes_by != number
    return IncidentRow(
        number=number, key=key, status="merged" if merged else "open" if ended is None else "resolved", title=title,
        started_at=started, ended_at=ended, last_at=max(last, row[-1]), services=_names(services),
        environments=_names(environments), severity=severity, lead=lead, events=events,
        merged_into=goes_by if merged else None, last_position=news,
    )  # fmt: skip


def memberships_of(connection: Connection, number: int) -> dict[str, Membership]:
    """Why each event of an incident is in it, by the event's id."""
    statement = f"""SELECT event, rule, reason FROM {MEMBER} AS member JOIN event_unit ON unit = uid
        WHERE number = ?"""  # noqa: S608 - a constant of ours
    rows = connection.exec_driver_sql(statement, (number,))
    return {event: Membership(event=event, rule=rule, reason=reason) for event, rule, reason in rows}


def _spelt(spelling: Spelling, near: tuple[NearbyEvent, ...]) -> tuple[NearbyEvent, ...]:
    return tuple(NearbyEvent(event=spelling.told(each.event), reason=each.reason) for each in near)


class CaseReader:
    """One case being read."""

    def __init__(self, connection: Connection, catalog: Catalog, as_of: int | None) -> None:
        self._connection, self._catalog, self._as_of = connection, catalog, as_of
        self._until = (1 << 62) if as_of is None else as_of

    def case(self, number: int) -> Case | None:
        """Everything of the incident that a number goes by now; None where nothing of it was known by ``as_of``."""
        found = stored(self._connection, number)
        if found is not None and found[1] is not None and found[1] != number:
            found = stored(self._connection, found[1])
        if found is None or found[1] is None:
            return None
        row, low, high = row_of(found), found[-3], found[-2]
        memberships = memberships_of(self._connection, row.number)
        events = queries.read_ids(self._connection, sorted(memberships), self._as_of)
        if self._as_of is not None and not events:
            return None
        told = {event.id for event in events}
        spelling = Spelling(current(events), self._catalog.place, self._catalog.people)
        nearby, unlisted = self._nearby(row, low, high)
        return Case(
            row=row,
            events=tuple(sorted(spelling.all(events), key=lambda event: (event.id, event.revision))),
            memberships={event: member for event, member in memberships.items() if event in told},
            nearby=_spelt(spelling, nearby),
            unlisted=unlisted,
            followed=_spelt(spelling, self._followed(row.number)),
            reported={family: self._proofs(family, row.started_at - HEARD, high) for family in FAMILIES},
            last_told=self._last_told(current(events)),
            collector=self._collector(low, high),
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
        window = (low, high, self._until, row.number, row.number)
        statements = (
            (_NEAREST, (*window, row.started_at, NEARBY)),
            (_DENIABLE, (*window, row.number)),
            (_FIRED, (*window, *window, row.number)),
        )
        execute = self._connection.exec_driver_sql
        rows = {found[0]: found for statement, values in statements for found in execute(statement, values)}
        total = execute(f"SELECT count(*) {_OUTSIDE}", window).scalar_one() if len(rows) >= NEARBY else len(rows)
        events = {event.id: event for event in self._current(list(rows))}
        keys = self._services(row.number)
        near = [(events[uid], self._reason(row, keys, *rest)) for uid, *rest in rows.values() if uid in events]
        return tuple(NearbyEvent(event=event, reason=reason) for event, reason in near), total - len(rows)

    def _followed(self, number: int) -> tuple[NearbyEvent, ...]:
        """What went on after the end with what the incident was about, in reading order."""
        statement = """SELECT event, reason FROM placement JOIN event_unit ON unit = uid
            WHERE number = ? AND rule = 'follow_up'"""
        reasons = dict(map(tuple, self._connection.exec_driver_sql(statement, (number,))))
        events = sorted(self._current(list(reasons)), key=reading_order)
        return tuple(NearbyEvent(event=event, reason=reasons[event.id]) for event in events)

    def _services(self, number: int) -> set[str]:
        return set(self._connection.exec_driver_sql(_SERVICES, (number,)).scalars())

    def _reason(
        self, row: IncidentRow, services: set[str], service: str | None, environment: str | None, missed: str
    ) -> str:
        """What kept something in the window out of this incident."""
        if not missed:
            return "it belongs to another incident"
        if service is None or missed.startswith("a person"):
            return missed
        if not (services & (self._catalog.neighbours(service) | {service})):
            return "other service"
        named = filter(None, map(self._catalog.environment, row.environments))
        return "other environment" if elsewhere(environment, named) else missed

    def _current(self, ids: Sequence[str]) -> list[RecordedEvent]:
        return current(queries.read_ids(self._connection, ids, self._as_of))

    def _proofs(self, family: str, low: int, high: int) -> tuple[str, ...]:
        statement = """SELECT id FROM event_index WHERE family = ? AND occurred_at BETWEEN ? AND ?
            AND source <> ? AND received_at <= ? AND revision = 0 ORDER BY occurred_at DESC, id LIMIT ?"""
        values = (family, low, high, MACHINE, self._until, PROOFS)
        return tuple(self._connection.exec_driver_sql(statement, values).scalars())

    def _collector(self, low: int, high: int) -> tuple[RecordedEvent, ...]:
        """What sources and the collector said of themselves; of refusals and silences those whose span touches the
        window."""
        statement = "SELECT id FROM event_index WHERE family IN ('collector', 'source') AND occurred_at BETWEEN ? AND ?"
        ids = list(self._connection.exec_driver_sql(statement, (low - SLOWEST, high)).scalars())
        events = [e for e in self._current(ids) if not records.is_silence(e)]
        said = [e for e in events if e.occurred_at >= low or (e.type == REFUSED and read_back(e).last_at >= low)]
        silences = self._current(records.silences(self._connection, high))
        return (*said, *records.touching(silences, low))
