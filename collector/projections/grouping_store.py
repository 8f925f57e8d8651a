"""What correlation left behind: fetched for the next round, and written after it.

Everything happens on an open connection, inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, bindparam, delete, func, or_, select

from collector.correlation.catalog import Catalog
from collector.correlation.changes import Changes, Grounds, Outline, SpanQuery, StoredSignal
from collector.correlation.constraints import LINKING
from collector.correlation.signals import SEPARATOR, Signal
from collector.event import MACHINE, RecordedEvent, current
from collector.log import queries
from collector.projections import tables
from collector.projections.incident_rows import put_incidents
from collector.projections.shape import next_number, position
from collector.projections.tables import ZERO, put, remove
from collector.projections.unjoined import recounted
from collector.storage.sql import AMONG, firsts_of, rows_of, select_among, select_asked

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Signal).decode

# As text, since what is asked comes as a table of rows, which SQLAlchemy writes anew each time: the first takes 34 µs
# for one key in place of 1,117, and 355 for 64 in place of 3,172; the second 37 in place of 782, and 713 in place of
# 6,038 (medians of 200 rounds that took turns, SQLite in memory).
_LAST = """SELECT body FROM asked CROSS JOIN signal WHERE fold = asked.key AND start >= coalesce(
    (SELECT start FROM signal AS other WHERE fold = asked.key ORDER BY start DESC LIMIT 1 OFFSET 1), -1)
    ORDER BY start DESC"""
_KEY = ("key TEXT",)
_KEYED = """SELECT uid FROM asked CROSS JOIN signal_key WHERE signal_key.key = asked.key
    AND start > asked.after AND start <= asked.high AND cover >= asked.low"""
_SPAN = ("key TEXT", "low BIGINT", "high BIGINT", "after BIGINT")


_INDEXED = select(*(func.set_config(f"enable_{plan}", "off", True) for plan in ("seqscan", "hashjoin", "mergejoin")))
_signal, _event_unit, _influence = tables.signal.c, tables.event_unit.c, tables.influence.c
_incident, _number = tables.incident.c, tables.incident_number.c
_other = tables.incident.alias("other")
_INFLUENCING = select(_influence.event).where(_influence.fold == bindparam("fold"))
_FOLD_OF = select(_event_unit.fold).where(_event_unit.event == bindparam("event"))
_INFLUENCED = select(_influence.fold).where(_influence.event == bindparam("event"))
_SET_ASIDE = select(tables.set_aside.c.position)
_SIGNALS_OF = select(_event_unit.event, _event_unit.unit).where(_event_unit.event.in_(AMONG))
_stored = select(_signal.uid, _signal.missed, _signal.body)
_SIGNALS = _stored.where(_signal.uid.in_(AMONG))
_BEFORE = (
    select(_signal.start, _signal.body)
    .where(_signal.fold == bindparam("fold"), _signal.start < bindparam("before"))
    .order_by(_signal.start.desc())
    .limit(bindparam("most", type_=_signal.start.type))
)
_MEMBERSHIPS = select(tables.membership).where(tables.membership.c.uid.in_(AMONG))
_LATEST = select(func.coalesce(func.max(_signal.start), 0))
_WITH_KEY = select(tables.signal_key.c.uid).where(tables.signal_key.c.key.in_(AMONG))
_STARTED = select(_signal.uid).where(_signal.start.between(bindparam("low"), bindparam("high")), _signal.opening == 1)
_HAPPENED = select(_signal.uid).where(
    _signal.last >= bindparam("low"), _signal.start <= bindparam("high"), _signal.opening == ZERO
)
_INCIDENTS_OF = (
    select(_incident.number, _incident.key, _incident.started_at, _incident.low, _incident.high)
    .join_from(tables.incident_key, tables.incident, _incident.number == tables.incident_key.c.number)
    .where(
        tables.incident_key.c.key == bindparam("key"),
        _incident.high >= bindparam("low"),
        _incident.low <= bindparam("high"),
    )
)
_COMPONENT = (
    select(_other.c.number)
    .join_from(tables.incident, _other, _other.c.component == _incident.component)
    .join(tables.incident_number, (_number.number == _other.c.number) & (_number.goes_by == _other.c.number))
    .where(_incident.number == bindparam("number"))
)
_MEMBERS = _stored.join_from(tables.membership, tables.signal, _signal.uid == tables.membership.c.uid).where(
    tables.membership.c.number == bindparam("number")
)
_NUMBERS = select(_number.number, _number.anchor).where(_number.goes_by == bindparam("goes_by"))
_REF_SERVICES = select(tables.ref_service.c.service, tables.ref_service.c.count).where(
    tables.ref_service.c.token == bindparam("token")
)
_LINKS = (
    select(tables.event_index.c.id)
    .distinct()
    .where(
        tables.event_index.c.family == "incident",
        tables.event_index.c.source != MACHINE,
        tables.event_index.c.type.in_(sorted(LINKING)),
    )
)
_UNASSIGNED = select(_number.anchor, _number.number).where(_number.goes_by.is_(None))
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
        _by_index(connection)

    def _firsts(self, statement: Executable, **values: Any) -> list[Any]:
        return firsts_of(self._connection, statement, values)

    def report(self, key: str) -> list[RecordedEvent]:
        """The current events that a report's key stands for: its own, and those that influence it."""
        own = key.partition(SEPARATOR)[2]
        return self.events([own, *self._firsts(_INFLUENCING, fold=key)])

    def events(self, ids: Sequence[str]) -> list[RecordedEvent]:
        """These events, each as it was told last; what the follower did not read yet does not count."""
        revisions = queries.read_ids(self._log, ids)
        return self._current(revisions)

    def _current(self, revisions: Iterable[RecordedEvent]) -> list[RecordedEvent]:
        return current(e for e in revisions if e.position <= self._position and e.position not in self.aside)

    @cached_property
    def aside(self) -> set[int]:
        """Positions that grouping could not take."""
        return set(self._firsts(_SET_ASIDE))

    @cached_property
    def _position(self) -> int:
        """Up to where the log was followed: the log itself is ahead of what lies here."""
        return position(self._connection)

    def entity_keys(self, event: str) -> tuple[str, ...]:
        """The keys an event was folded under."""
        owner = self._firsts(_FOLD_OF, event=event)
        return (*owner, *sorted(self._firsts(_INFLUENCED, event=event)))

    def signal_of(self, events: Sequence[str]) -> dict[str, str]:
        """The signals that these events belong to."""
        rows = select_among(self._connection, _SIGNALS_OF, events)
        return {row.event: row.unit for row in rows if row.unit}

    def signals(self, signal_ids: Sequence[str]) -> list[StoredSignal]:
        """These signals."""
        return self._stored_signals(list(select_among(self._connection, _SIGNALS, signal_ids)))

    def signals_before(self, key: str, start: int) -> Iterator[Signal]:
        """The signals of one entity that began before ``start``, latest first."""
        size, before = 2, start
        while rows := rows_of(self._connection, _BEFORE, {"fold": key, "before": before, "most": size}):
            yield from (_decode(row.body) for row in rows)
            size, before = 4 * size, rows[-1].start

    def last_signals(self, keys: Sequence[str]) -> dict[str, list[Signal]]:
        """Of those of these entities that have signals: the last two, latest first, or the only one."""
        by_entity: dict[str, list[Signal]] = {}
        for (body,) in select_asked(self._connection, _LAST, _KEY, [(key,) for key in keys]):
            signal = _decode(body)
            by_entity.setdefault(signal.entity_key, []).append(signal)
        return by_entity

    def _stored_signals(self, rows: Sequence[Any]) -> list[StoredSignal]:
        grounds: dict[str, dict[int, Grounds]] = {row.uid: {} for row in rows}
        for member in select_among(self._connection, _MEMBERSHIPS, list(grounds)):
            grounds[member.uid][member.number] = Grounds(member.rule, member.reason, member.detail)
        found = {r.uid: StoredSignal(signal=_decode(r.body), grounds=grounds[r.uid], missed=r.missed) for r in rows}
        return list(found.values())

    def latest(self) -> int:
        """The latest start of any signal."""
        return int(self._firsts(_LATEST)[0])

    def keyed(self, spans: Sequence[SpanQuery]) -> list[str]:
        """Signals that one of these questions is about."""
        return [signal_id for (signal_id,) in select_asked(self._connection, _KEYED, _SPAN, spans)]

    def naming(self, events: Sequence[str]) -> list[str]:
        """Signals that name one of these events."""
        keys = [f"name:{event}" for event in events]
        return [row.uid for row in select_among(self._connection, _WITH_KEY, keys)]

    def started(self, low: int, high: int) -> list[str]:
        """Opening signals that started from ``low`` to ``high``."""
        return self._firsts(_STARTED, low=low, high=high)

    def happened(self, low: int, high: int) -> list[str]:
        """Other signals that started by ``high``, with an event at ``low`` or later."""
        return self._firsts(_HAPPENED, low=low, high=high)

    def incidents_of(self, key: str, low: int, high: int) -> list[Outline]:
        """Incidents found by a key, with a window that overlaps ``low`` to ``high``."""
        rows = rows_of(self._connection, _INCIDENTS_OF, {"key": key, "low": low, "high": high})
        return [Outline(*row) for row in rows]

    def component(self, number: int) -> dict[int, tuple[list[StoredSignal], dict[int, str]]]:
        """All incidents of an incident's component: their signals, and the numbers each has with their anchors."""
        return {one: (self._members(one), self._numbers(one)) for one in self._firsts(_COMPONENT, number=number)}

    def _members(self, number: int) -> list[StoredSignal]:
        return self._stored_signals(rows_of(self._connection, _MEMBERS, {"number": number}))

    def _numbers(self, number: int) -> dict[int, str]:
        rows = rows_of(self._connection, _NUMBERS, {"goes_by": number})
        return {int(row.number): str(row.anchor) for row in rows}

    def ref_services(self, ref: str) -> Counter[str]:
        """How many changes with a ref name which service."""
        rows = rows_of(self._connection, _REF_SERVICES, {"token": ref})
        return Counter({str(service): int(count) for service, count in rows})

    def links(self) -> list[RecordedEvent]:
        """People's words on what belongs together."""
        return self._current(queries.read_ids(self._log, self._firsts(_LINKS)))

    def next_number(self) -> int:
        """A number that was never given."""
        return next_number(self._connection)

    def unassigned(self) -> dict[str, int]:
        """Numbers that no incident has, by the events they hang on."""
        return {str(row.anchor): int(row.number) for row in rows_of(self._connection, _UNASSIGNED)}


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
    joined_nothing = [signal_id for signal_id, (_, missed) in changes.signals.items() if missed]
    with recounted(connection, [*changes.dropped, *changes.signals], joined_nothing):
        _write_signals(connection, changes)
    _write_incidents(connection, changes)
    put(connection, tables.ref_service, [x for x in changes.ref_services if x[2] > 0])
    gone = [(ref, service) for ref, service, count in changes.ref_services if count <= 0]
    remove(connection, gone, tables.ref_service.c.token, tables.ref_service.c.service)
    if changes.ignored is not None:
        connection.execute(delete(tables.ignored))
        put(connection, tables.ignored, [(e.event, e.reason) for e in changes.ignored])


def write_news(connection: Connection, first: int, last: int) -> None:
    """Note which incidents the events at these positions belong to; the events are indexed and grouped already."""
    rows = rows_of(connection, _NEWS, {"first": first, "last": last})
    put(connection, tables.incident_news, list(map(tuple, rows)))


def _write_signals(connection: Connection, changes: Changes) -> None:
    remove(connection, [(signal_id,) for signal_id in changes.dropped], tables.signal.c.uid)
    put(connection, tables.signal, [_signal_row(signal, missed) for signal, missed in changes.signals.values()])
    gone = [key for key, span in changes.keys.items() if span is None]
    remove(connection, gone, tables.signal_key.c.key, tables.signal_key.c.uid)
    kept = [(*key, *span) for key, span in changes.keys.items() if span is not None]
    put(connection, tables.signal_key, kept)
    _write_homes(connection, changes)


def _signal_row(signal: Signal, missed: str) -> tuple[Any, ...]:
    ended = not (signal.end is None and signal.kind in {"alert", "page"})
    return (
        signal.id, signal.kind, signal.opening, signal.entity_key, signal.start, signal.last, ended, signal.service,
        signal.environment, len(signal.events), missed, _encode(signal),
    )  # fmt: skip


def _write_homes(connection: Connection, changes: Changes) -> None:
    events = [(event,) for event in changes.homes]
    if any(len(keys) != 1 for _, keys in changes.homes.values()):
        remove(connection, events, tables.influence.c.event)
        remove(connection, events, tables.event_unit.c.event)
        more = [(key, event) for event, (_, keys) in changes.homes.items() for key in keys[1:]]
        put(connection, tables.influence, more, keep=True)
    kept = [(event, signal_id, keys[0]) for event, (signal_id, keys) in changes.homes.items() if keys]
    put(connection, tables.event_unit, kept)


def _write_incidents(connection: Connection, changes: Changes) -> None:
    gone = [key for key, grounds in changes.grounds.items() if grounds is None]
    remove(connection, gone, tables.membership.c.uid, tables.membership.c.number)
    rows = [(*key, g.rule, g.reason, g.detail) for key, g in changes.grounds.items() if g is not None]
    put(connection, tables.membership, rows)
    remove(connection, [(number,) for number in changes.unkeyed], tables.incident_key.c.number)
    put(connection, tables.incident_key, sorted(changes.incident_keys), keep=True)
    put_incidents(connection, changes.incidents)
    numbers = [(number, *where) for number, where in changes.numbers.items()]
    put(connection, tables.incident_number, numbers)
