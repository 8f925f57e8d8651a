"""Alerts of an incident's services that are no part of it, fired before its window, and had not ended when it began.

Warnings that open none, and what opened another incident. They are looked for by the services of the incident alone:
the window does not hold their beginning, so nothing else in the lists leads to them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, literal, select

from collector.event import RecordedEvent, reading_order
from collector.projections.tables import (
    ZERO,
    event_index,
    event_unit,
    incident,
    incident_key,
    membership,
    placement,
    services_of,
    signal,
    signal_key,
)
from collector.semantics.changes import UNFINISHED, last_of, runs_of
from collector.storage.sql import AMONG, in_order, select_among

MOST = 20
"""How many of them a case shows, the last that began first."""

_number: Any = bindparam("number")
_low: Any = bindparam("low")
_started_at: Any = bindparam("started_at")
_of_other = membership.alias("of_other")


def _query(*conditions: Any, source: Any = signal) -> Select[Any]:
    inside = (
        exists().where(table.c.uid == signal.c.uid, table.c.number == _number).correlate(signal)
        for table in (membership, placement)
    )
    return (
        select(signal.c.uid, signal.c.service, signal.c.environment, signal.c.missed, signal.c.start)
        .select_from(source.join(event_index, (event_index.c.id == signal.c.uid) & (event_index.c.revision == 0)))
        .where(
            signal.c.kind == "alert",
            signal.c.start < _low,
            signal.c.service.in_(services_of),
            event_index.c.received_at <= bindparam("until"),
            *conditions,
            *(~each for each in inside),
        )
        .order_by(signal.c.start.desc(), signal.c.uid)
        .limit(MOST)
    )


def _keyed(prefix: str) -> Select[Any]:
    """Those that are found by a service of the incident: what opens nothing seeks an incident, what opens one ties."""
    found_by = signal_key.c.key == literal(prefix) + incident_key.c.key
    return _query(
        incident_key.c.number == _number,
        incident_key.c.key.like("service:%"),
        signal_key.c.start < _low,
        signal_key.c.cover >= _started_at,
        source=incident_key.join(signal_key, found_by).join(signal, signal.c.uid == signal_key.c.uid),
    )


_OPEN = _query(signal.c.ended == ZERO)
_OUTLASTED = _query(
    # What ties two alerts reaches a day far: one that fired for longer is found by how long its incident lasted.
    incident.c.ended_at > incident.c.high,
    incident.c.ended_at >= _started_at,
    signal.c.last >= _started_at,
    # Few incidents last for days, and of all signals most began before.
    source=in_order(
        incident, (_of_other, _of_other.c.number == incident.c.number), (signal, signal.c.uid == _of_other.c.uid)
    ),
)
_STATEMENTS = (_OPEN, _keyed("seek:"), _keyed("tie:"), _OUTLASTED)
_EVENTS = select(event_unit.c.unit, event_unit.c.event).where(event_unit.c.unit.in_(AMONG))


def lasting_alerts(connection: Connection, number: int, low: int, started_at: int, until: int) -> list[Any]:
    """The rows of these alerts in the lists, the last that began first; ``low`` is where the incident's window begins,
    and what was received after ``until`` is not known."""
    values = {"number": number, "low": low, "started_at": started_at, "until": until}
    rows = {row.uid: row for statement in _STATEMENTS for row in connection.execute(statement, values)}
    return sorted(rows.values(), key=lambda row: (-row.start, row.uid))[:MOST]


def events_of(connection: Connection, signals: list[str]) -> dict[str, str]:
    """Event → the signal that it is of."""
    return {row.event: row.unit for row in select_among(connection, _EVENTS, signals)}


_ENDS = ("alert.resolved", "page.resolved", "page.merged")


def end_of(events: list[RecordedEvent]) -> RecordedEvent | None:
    """The end of an alert, of a page or of a change among its events; none of a page that was opened again since."""
    if any(event.type in UNFINISHED for event in events):
        done = last_of(runs_of(sorted(events, key=reading_order))[0])
        return done if done.type not in UNFINISHED else None
    ends = [event for event in events if event.type in (*_ENDS, "page.reopened")]
    last = max(ends, key=lambda event: (event.occurred_at, event.id), default=None)
    return last if last is not None and last.type in _ENDS else None
