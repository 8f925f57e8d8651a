"""What correlation left behind: fetched for the next round, and written after it.

Everything happens on an open connection, inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, or_, select

from collector.correlation.catalog import Catalog
from collector.correlation.changes import Changes, Grounds, SpanQuery, StoredSignal
from collector.correlation.facts import LINKING
from collector.correlation.signals import Unit
from collector.event import MACHINE, RecordedEvent, current
from collector.log import queries
from collector.projections import tables
from collector.projections.tables import put, remove
from collector.projections.unjoined import recounted
from collector.storage.sql import executing, select_asked, select_in

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Unit).decode
_json = msgspec.json.Encoder().encode

_ALONE = "event\x1f"
_ASKED = ("key TEXT", "low BIGINT", "high BIGINT", "after BIGINT")


_INDEXED = select(*(func.set_config(f"enable_{plan}", "off", True) for plan in ("seqscan", "hashjoin", "mergejoin")))
_member, _news = tables.members_at, tables.incident_news
_NEWS = (
    select(_member.c.number, func.max(_member.c.position))
    .join_from(_member, _news, _news.c.number == _member.c.number, isouter=True)
    .group_by(_member.c.number, _news.c.position)
    .having(or_(_news.c.position.is_(None), func.max(_member.c.position) > _news.c.position))
)


def _by_index(connection: Connection) -> None:
    """Have this transaction look up each key: a round asks for few. Of a young table the planner would read all."""
    if connection.dialect.name == "postgresql":
        connection.execute(_INDEXED)


class SqlGroupingStore:
    """:class:`collector.correlation.changes.GroupingStore` over one connection; ``log`` is another, to the events."""

    def __init__(self, connection: Connection, log: Connection | None = None) -> None:
        self._connection = connection
        self._log = log or connection
        self._execute = executing(connection)
        _by_index(connection)

    def _firsts(self, statement: str, *values: Any) -> list[Any]:
        return [row[0] for row in self._execute(statement, values)]

    def entity(self, key: str) -> list[RecordedEvent]:
        """The current events folded under a key."""
        ids = self._firsts("SELECT event FROM event_unit WHERE fold = ?", key)
        if not key.startswith(_ALONE):
            ids += self._firsts("SELECT event FROM influence WHERE fold = ?", key)
        return self.events(ids)

    def events(self, ids: Sequence[str]) -> list[RecordedEvent]:
        """These events, each as it was told last; what the follower did not read yet does not count."""
        revisions = queries.read_ids(self._log, ids)
        return self._current(revisions)

    def _current(self, revisions: Iterable[RecordedEvent]) -> list[RecordedEvent]:
        return current(e for e in revisions if e.position <= self._position and e.position not in self._aside)

    @cached_property
    def _aside(self) -> set[int]:
        """Positions that grouping could not take."""
        return set(self._firsts("SELECT position FROM set_aside"))

    @cached_property
    def _position(self) -> int:
        """Up to where the log was followed: the log itself is ahead of what lies here."""
        return int(self._firsts("SELECT coalesce(max(position), 0) FROM cursor")[0])

    def folds(self, event: str) -> tuple[str, ...]:
        """The keys an event was folded under."""
        owner = self._firsts("SELECT fold FROM event_unit WHERE event = ?", event)
        return (*owner, *sorted(self._firsts("SELECT fold FROM influence WHERE event = ?", event)))

    def unit_of(self, events: Sequence[str]) -> dict[str, str]:
        """The units that these events belong to."""
        rows = select_in(self._connection, "SELECT event, unit FROM event_unit WHERE event IN ({})", events)
        return {event: unit for event, unit in rows if unit}

    def units(self, uids: Sequence[str]) -> list[StoredSignal]:
        """These units."""
        rows = list(select_in(self._connection, "SELECT uid, missed, body FROM signal WHERE uid IN ({})", uids))
        return self._kept(rows)

    def units_before(self, key: str, start: int) -> Iterator[Unit]:
        """The units of one entity that began before ``start``, latest first."""
        statement = "SELECT start, body FROM signal WHERE fold = ? AND start < ? ORDER BY start DESC LIMIT ?"
        size, rows = 2, [(start, b"")]
        while rows:
            rows = list(self._execute(statement, (key, rows[-1][0], size)))
            yield from (_decode(body) for _, body in rows)
            size *= 4

    def last_units(self, keys: Sequence[str]) -> dict[str, list[Unit]]:
        """Of those of these entities that have units: the last two, latest first, or the only one."""
        statement = """SELECT body FROM asked CROSS JOIN signal WHERE fold = asked.key AND start >= coalesce(
            (SELECT start FROM signal AS other WHERE fold = asked.key ORDER BY start DESC LIMIT 1 OFFSET 1), -1)
            ORDER BY start DESC"""
        found: dict[str, list[Unit]] = {}
        for (body,) in select_asked(self._connection, statement, ("key TEXT",), [(key,) for key in keys]):
            unit = _decode(body)
            found.setdefault(unit.fold, []).append(unit)
        return found

    def _kept(self, rows: Sequence[Any]) -> list[StoredSignal]:
        places: dict[str, dict[int, Grounds]] = {row[0]: {} for row in rows}
        statement = "SELECT uid, number, rule, reason, detail FROM membership WHERE uid IN ({})"
        for uid, number, rule, why, detail in select_in(self._connection, statement, list(places)):
            places[uid][number] = Grounds(rule, why, detail)
        found = {uid: StoredSignal(unit=_decode(body), places=places[uid], missed=missed) for uid, missed, body in rows}
        return list(found.values())

    def latest(self) -> int:
        """The latest start of any unit."""
        return int(self._firsts("SELECT coalesce(max(start), 0) FROM signal")[0])

    def keyed(self, asked: Sequence[SpanQuery]) -> list[str]:
        """Units that one of these questions is about."""
        statement = """SELECT uid FROM asked CROSS JOIN signal_key WHERE signal_key.key = asked.key
            AND start > asked.after AND start <= asked.high AND cover >= asked.low"""
        return [uid for (uid,) in select_asked(self._connection, statement, _ASKED, asked)]

    def naming(self, events: Sequence[str]) -> list[str]:
        """Units that name one of these events."""
        keys = [f"name:{event}" for event in events]
        rows = select_in(self._connection, "SELECT uid FROM signal_key WHERE key IN ({})", keys)
        return [uid for (uid,) in rows]

    def started(self, low: int, high: int) -> list[str]:
        """Opening signals that started from ``low`` to ``high``."""
        return self._firsts("SELECT uid FROM signal WHERE start BETWEEN ? AND ? AND opening = 1", low, high)

    def happened(self, low: int, high: int) -> list[str]:
        """Other units that started by ``high``, with an event at ``low`` or later."""
        return self._firsts("SELECT uid FROM signal WHERE last >= ? AND start <= ? AND opening = 0", low, high)

    def incidents_of(self, key: str, low: int, high: int) -> list[int]:
        """Numbers of incidents found by a key, with a window that overlaps ``low`` to ``high``."""
        statement = """SELECT number FROM incident_key JOIN incident USING (number)
            WHERE incident_key.key = ? AND high >= ? AND low <= ?"""
        return self._firsts(statement, key, low, high)

    def component(self, number: int) -> dict[int, tuple[list[StoredSignal], dict[int, str]]]:
        """All incidents of an incident's component: their units, and the numbers each has with their anchors."""
        statement = """SELECT other.number FROM incident JOIN incident AS other USING (component)
            JOIN incident_number ON incident_number.number = other.number AND goes_by = other.number
            WHERE incident.number = ?"""
        return {one: (self._members(one), self._numbers(one)) for one in self._firsts(statement, number)}

    def _members(self, number: int) -> list[StoredSignal]:
        statement = "SELECT uid, missed, body FROM membership JOIN signal USING (uid) WHERE number = ?"
        return self._kept(list(self._execute(statement, (number,))))

    def _numbers(self, number: int) -> dict[int, str]:
        rows = self._execute("SELECT number, anchor FROM incident_number WHERE goes_by = ?", (number,))
        return {int(one): str(anchor) for one, anchor in rows}

    def ref_services(self, token: str) -> Counter[str]:
        """How many changes with a ref name which service."""
        rows = self._execute("SELECT service, count FROM ref_service WHERE token = ?", (token,))
        return Counter({str(service): int(count) for service, count in rows})

    def links(self) -> list[RecordedEvent]:
        """People's words on what belongs together."""
        statement = "SELECT DISTINCT id FROM event_index WHERE family = 'incident' AND source <> ? AND type IN ({})"
        marks = ",".join("?" * len(LINKING))
        ids = self._firsts(statement.format(marks), MACHINE, *sorted(LINKING))
        return self._current(queries.read_ids(self._log, ids))

    def next_number(self) -> int:
        """A number that was never given."""
        return int(self._firsts("SELECT coalesce(max(number), 0) + 1 FROM incident_number")[0])

    def unassigned(self) -> dict[str, int]:
        """Numbers that no incident has, by the events they hang on."""
        rows = self._execute("SELECT anchor, number FROM incident_number WHERE goes_by IS NULL")
        return {str(anchor): int(number) for anchor, number in rows}


def index_row(event: RecordedEvent, catalog: Catalog, *, aside: bool) -> tuple[Any, ...]:
    """What the list of events says of one; of a service only where grouping could take it."""
    service = None if aside else catalog.service(event)[0]
    return (
        event.position, event.id, event.revision, event.type, event.type.partition(".")[0], event.source, service,
        event.entity, event.occurred_at, event.received_at,
    )  # fmt: skip


def write(connection: Connection, changes: Changes) -> None:
    """Put what a round changed into the store."""
    _by_index(connection)
    with recounted(connection, [*changes.dropped, *changes.units]):
        _write_units(connection, changes)
    _write_incidents(connection, changes)
    put(connection, tables.ref_service, [x for x in changes.ref_services if x[2] > 0])
    gone = [(token, service) for token, service, count in changes.ref_services if count <= 0]
    remove(connection, gone, tables.ref_service.c.token, tables.ref_service.c.service)
    if changes.ignored is not None:
        connection.execute(delete(tables.ignored))
        put(connection, tables.ignored, [(e.event, e.reason) for e in changes.ignored])


def write_news(connection: Connection, first: int, last: int) -> None:
    """Note which incidents the events at these positions belong to; the events are indexed and grouped already."""
    rows = connection.execute(_NEWS, {"first": first, "last": last}).all()
    put(connection, tables.incident_news, list(map(tuple, rows)))


def _write_units(connection: Connection, changes: Changes) -> None:
    remove(connection, [(uid,) for uid in changes.dropped], tables.unit.c.uid)
    put(connection, tables.unit, [_unit_row(unit, missed) for unit, missed in changes.units.values()])
    gone = [key for key, span in changes.keys.items() if span is None]
    remove(connection, gone, tables.unit_key.c.key, tables.unit_key.c.uid)
    kept = [(*key, *span) for key, span in changes.keys.items() if span is not None]
    put(connection, tables.unit_key, kept)
    _write_homes(connection, changes)


def _unit_row(unit: Unit, missed: str) -> tuple[Any, ...]:
    ended = not (unit.end is None and unit.kind in {"alert", "page"})
    return (
        unit.uid, unit.kind, unit.opening, unit.fold, unit.start, unit.last, ended, unit.service, unit.environment,
        len(unit.events), missed, _encode(unit),
    )  # fmt: skip


def _write_homes(connection: Connection, changes: Changes) -> None:
    events = [(event,) for event in changes.homes]
    if any(len(folds) != 1 for _, folds in changes.homes.values()):
        remove(connection, events, tables.influence.c.event)
        remove(connection, events, tables.event_unit.c.event)
        more = [(fold, event) for event, (_, folds) in changes.homes.items() for fold in folds[1:]]
        put(connection, tables.influence, more, keep=True)
    kept = [(event, uid, folds[0]) for event, (uid, folds) in changes.homes.items() if folds]
    put(connection, tables.event_unit, kept)


def _write_incidents(connection: Connection, changes: Changes) -> None:
    gone = [key for key, place in changes.places.items() if place is None]
    remove(connection, gone, tables.membership.c.uid, tables.membership.c.number)
    kept = [(*key, p.rule, p.reason, p.detail) for key, p in changes.places.items() if p is not None]
    put(connection, tables.membership, kept)
    remove(connection, [(number,) for number in changes.unkeyed], tables.incident_key.c.number)
    put(connection, tables.incident_key, sorted(changes.incident_keys), keep=True)
    put(connection, tables.incident, list(_incident_rows(changes)))
    numbers = [(number, *where) for number, where in changes.numbers.items()]
    put(connection, tables.incident_number, numbers)


def _incident_rows(changes: Changes) -> Iterable[tuple[Any, ...]]:
    for number, (summary, component) in changes.incidents.items():
        yield (
            number, component, summary.key, summary.title, summary.started_at, summary.ended_at, summary.last_at,
            _json(summary.services).decode(), _json(summary.environments).decode(), summary.severity, summary.lead,
            summary.events, summary.low, summary.high,
        )  # fmt: skip
