"""The read side: lists, pages, and everything a draft is rendered from.

Each answer is read in one consistent view. What goes into a draft
(:meth:`Projections.case`) depends on the set of events alone: never on
positions, arrival or numbers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from collector.correlation import Catalog, Membership, Rules
from collector.correlation.signals import Unit
from collector.errors import Unavailable
from collector.event import HOUR, MACHINE, RecordedEvent, current, is_retracted, reading_order
from collector.log import queries
from collector.names import elsewhere
from collector.names.spelling import Spelling
from collector.projections import across, records, search, unjoined
from collector.projections.across import Across
from collector.projections.database import Lists
from collector.projections.shape import remaking, unusable
from collector.projections.tables import MEMBER
from collector.projections.values import (
    Case,
    EventFilter,
    Explanation,
    IncidentRow,
    NearbyEvent,
    News,
    SignalRow,
)
from collector.semantics.episodes import UPDATED
from collector.storage.sql import select_in
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

T = TypeVar("T")
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_decode = msgspec.msgpack.Decoder(Unit).decode

_PLACED = """(SELECT {} FROM placement JOIN signal USING (uid)
    WHERE placement.number = incident.number AND rule <> 'follow_up')"""
_EVENTS = _PLACED.format("CAST(coalesce(sum(signal.events), 0) AS BIGINT)")
_LATEST = _PLACED.format("coalesce(max(last), 0)")
_ROWS = f"""SELECT number, goes_by, key, title, started_at, ended_at, last_at, services, environments, severity, lead,
    incident.events + {_EVENTS}, coalesce(incident_news.position, 0), low, high, {_LATEST}
    FROM incident JOIN incident_number USING (number) LEFT JOIN incident_news USING (number) """  # noqa: S608 - ours
_STATUS = {
    "open": "goes_by = number AND ended_at IS NULL",
    "resolved": "goes_by = number AND ended_at IS NOT NULL",
    "merged": "(goes_by IS NULL OR goes_by <> number)",
}
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
_PATTERN = re.compile("[%_!]")
"""What stands for itself in a pattern only behind an exclamation mark."""
_SAYS = "(lower(title || ' ' || services || ' ' || coalesce(lead, '')) LIKE lower(?) ESCAPE '!')"
_TOLD = """EXISTS (SELECT 1 FROM {} AS belonging JOIN event_unit ON unit = belonging.uid JOIN event_index
    ON event_index.id = event WHERE belonging.number = incident.number AND event_index.source || '' = ?{})"""
_KNOWN_BY = f"""goes_by = number AND EXISTS (SELECT 1 FROM {MEMBER} AS belonging JOIN event_unit ON unit = belonging.uid
    JOIN event_index ON event_index.id = event WHERE belonging.number = incident.number AND received_at <= ?)"""  # noqa: S608
"""Of which something was received by then, by the grouping of now."""
_TOLD_BY = "(" + _TOLD.format("membership", "") + " OR " + _TOLD.format("placement", " AND rule <> 'follow_up'") + ")"


class Projections:
    """What the follower made of the log so far. The same ``rules`` as the follower's, for the names in them."""

    def __init__(
        self, lists: Lists, rules: Rules | None = None, begun: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``begun`` waits, with patience, until whoever makes the lists has read what there was at the start."""
        self._lists, self._begun = lists, begun
        self._rules = rules or Rules()
        self._catalog = Catalog(self._rules)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Read lists, unless they are being made: what is in them until then is not what happened.

        Raises :class:`collector.errors.Unavailable` in that case.
        """
        if self._begun is not None:
            await self._begun()
        return await self._lists.query(lambda connection: _whole(connection, work))

    async def state(self) -> State:
        """How the lists are, whatever that is."""
        return await self._lists.query(_state)

    async def position(self) -> int:
        """The last position that the lists have taken in; below 0 before they are there."""
        return await self._lists.query(lambda connection: -1 if unusable(connection) else _cursor(connection))

    async def gaps(self, limit: int) -> list[RecordedEvent]:
        """The last gaps that the daemon recorded of sources, newest first, also those that lists do not show yet."""
        return await self._lists.query(lambda connection: records.gaps(connection, _position(connection), limit))

    async def lives(self, limit: int) -> list[RecordedEvent]:
        """The last records of starts, stops and losses, newest first, also those that lists do not show yet."""
        return await self._lists.query(lambda connection: records.lives(connection, _position(connection), limit))

    async def incidents(
        self, *, status: str | None = None, service: str | None = None, since: int | None = None,
        until: int | None = None, before: int | None = None, limit: int = 50, severity: str | None = None,
        source: str | None = None, text: str | None = None, known_by: int | None = None,
    ) -> list[IncidentRow]:  # fmt: skip
        """Newest number first; ``before`` is the last number seen. ``since``/``until`` are on the start, µs.

        ``severity`` is a sender's word; ``source`` told one of its events; ``text`` stands in its title, services or
        lead; something of it was received by ``known_by``, µs. The rows are those of now.
        """
        key = None if service is None else f"service:{self._catalog.key(service)}"
        pattern = None if text is None else "%" + _PATTERN.sub(r"!\g<0>", text) + "%"
        wanted: list[tuple[str, Any]] = [
            ("number IN (SELECT number FROM incident_key WHERE key = ?)", key),
            ("started_at >= ?", since),
            ("started_at < ?", until),
            ("number < ?", before),
            ("lower(severity) = lower(?)", severity),
            (_TOLD_BY, source),
            (_KNOWN_BY, known_by),
            (_SAYS, pattern),
        ]
        used = [(condition, value) for condition, value in wanted if value is not None]
        conditions = [_STATUS.get(status, "1 = 0")] if status is not None else []
        clause = " AND ".join([*conditions, *(condition for condition, _ in used)]) or "1 = 1"
        statement = f"{_ROWS} WHERE {clause} ORDER BY number DESC LIMIT ?"
        values = (*(value for condition, value in used for _ in range(condition.count("?"))), limit)
        return await self._read(lambda c: [_row(row) for row in c.exec_driver_sql(statement, values)])

    def same_service(self, one: str, other: str) -> bool:
        """Whether two names are one service, as grouping takes them."""
        return self._catalog.key(one) == self._catalog.key(other)

    async def news(self, rows: Sequence[IncidentRow]) -> Mapping[int, News]:
        """Who acknowledged each of these incidents, and what was told of it last, by its number."""
        return await self._read(lambda connection: _news(connection, rows))

    async def across(self, since: int, until: int) -> Across:
        """What can be said of many incidents together: of what began from ``since`` until before ``until``, µs."""
        return await self._read(lambda connection: across.read(connection, since, until))

    async def members(self, number: int) -> Mapping[str, Membership]:
        """Why each event of an incident is in it, by the event's id."""
        return await self._read(lambda connection: _memberships(connection, number))

    async def incidents_of(self, events: Sequence[str]) -> Mapping[str, int]:
        """The incident that each of these events is in; of those that are in none there is no entry."""
        return await self._read(lambda connection: _incidents_of(connection, events))

    async def counts(self) -> dict[str, int]:
        """How many incidents are open, and how many are over."""
        return await self._read(_counts)

    async def incident(self, number: int) -> IncidentRow | None:
        """One incident, also one that was merged away (``merged_into`` says where it went)."""
        found = await self._read(lambda c: _stored(c, number))
        return None if found is None else _row(found)

    async def events(self, filter: EventFilter) -> list[RecordedEvent]:  # noqa: A002 - what it is
        """Recorded events that pass a filter, by position."""
        service = None if filter.service is None else self._catalog.key(filter.service)
        return await self._read(lambda c: search.revisions(c, search.matching(c, filter, service)))

    async def named(self, text: str) -> list[str]:
        """The ids that a citation (the last digits of an id), a whole id or a position names."""
        return await self._lists.query(lambda connection: search.named(connection, text))

    async def case(self, number: int, as_of: int | None = None) -> Case | None:
        """What a draft is rendered from; follows a merge. ``as_of`` keeps what was received by then."""
        found = await self._read(lambda connection: _CaseReader(connection, self._catalog, as_of).case(number))
        rules = self._rules
        return found and msgspec.structs.replace(
            found, lookback=rules.lookback,
            opening_severities=rules.opening_severities, silent_severities=rules.silent_severities,
        )  # fmt: skip

    async def signals(self, after: tuple[int, str] | None = None, limit: int = 1000) -> list[SignalRow]:
        """What fires, or is not resolved, now; by start, µs, and event. ``after`` are those of the last one seen."""
        return await self._read(lambda connection: _signals(connection, after or (-1, ""), limit))

    async def why(self, event_id: str) -> Explanation | None:
        """Why an event is in, or not in, an incident; None where nobody knows the event."""
        return await self._read(lambda connection: _why(connection, event_id))

    async def unjoined(self, limit: int = 50) -> tuple[int, Mapping[str, int], Sequence[NearbyEvent]]:
        """How many events joined nothing, counted by reason, and the newest of them."""
        return await self._read(lambda connection: _unjoined(connection, limit))


def _whole(connection: Connection, work: Callable[[Connection], T]) -> T:
    if unusable(connection):
        raise Unavailable("cannot read the lists: they are not made yet; try again")
    if reason := remaking(connection):
        raise Unavailable(f"cannot read the lists: {reason}; try again")
    return work(connection)


class State(msgspec.Struct, frozen=True):
    """How the lists are."""

    unusable: str = ""
    """Why they cannot be read; empty where they can."""
    remaking: str = ""
    """How far they are where they are being made anew out of the log; empty where they are not."""
    position: int = 0
    """The last position that they have taken in."""
    set_aside: int = 0
    """How many events grouping could not take, and goes on without."""
    unplaced: int = 0
    """In how many incidents placing what nothing else ties to them is still to be done."""


def _state(connection: Connection) -> State:
    if reason := unusable(connection):
        return State(unusable=reason)
    count = int(connection.exec_driver_sql("SELECT count(*) FROM set_aside").scalar_one())
    unplaced = int(connection.exec_driver_sql("SELECT count(*) FROM placement_due").scalar_one())
    return State("", remaking(connection), _cursor(connection), count, unplaced)


def _counts(connection: Connection) -> dict[str, int]:
    statement = """SELECT ended_at IS NULL, count(*) FROM incident JOIN incident_number USING (number)
        WHERE goes_by = number GROUP BY 1"""
    found = {bool(is_open): int(number) for is_open, number in connection.exec_driver_sql(statement)}
    return {"open": found.get(True, 0), "resolved": found.get(False, 0)}


def _position(connection: Connection) -> int:
    return 0 if unusable(connection) else _cursor(connection)


def _cursor(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT coalesce(max(position), 0) FROM cursor").scalar_one())


def _stored(connection: Connection, number: int) -> Any:
    return connection.exec_driver_sql(f"{_ROWS} WHERE number = ?", (number,)).one_or_none()


def _row(row: Any) -> IncidentRow:
    number, goes_by, key, title, started, ended, last, services, environments, severity, lead, events, news = row[:13]
    merged = goes_by != number
    return IncidentRow(
        number=number, key=key, status="merged" if merged else "open" if ended is None else "resolved", title=title,
        started_at=started, ended_at=ended, last_at=max(last, row[-1]), services=_names(services),
        environments=_names(environments), severity=severity, lead=lead, events=events,
        merged_into=goes_by if merged else None, last_position=news,
    )  # fmt: skip


def _news(connection: Connection, rows: Sequence[IncidentRow]) -> dict[int, News]:
    numbers = [row.number for row in rows]
    taken: dict[int, tuple[int, str]] = {}
    pages = "SELECT number, body FROM membership JOIN signal USING (uid) WHERE kind = 'page' AND number IN ({})"
    for number, body in select_in(connection, pages, numbers):
        first = _decode(body).taken
        if first is not None:
            taken[number] = min(first, taken.get(number, first))
    places = [row.last_position for row in rows if row.last_position]
    found = select_in(connection, "SELECT position, id FROM event_index WHERE position IN ({})", places)
    told = {event.position: event for event in queries.read_ids(connection, [event for _, event in found])}
    return {row.number: News(taken=taken.get(row.number), latest=told.get(row.last_position)) for row in rows}


def _memberships(connection: Connection, number: int) -> dict[str, Membership]:
    statement = f"""SELECT event, rule, reason FROM {MEMBER} AS member JOIN event_unit ON unit = uid
        WHERE number = ?"""  # noqa: S608 - a constant of ours
    rows = connection.exec_driver_sql(statement, (number,))
    return {event: Membership(event=event, rule=rule, reason=reason) for event, rule, reason in rows}


def _incidents_of(connection: Connection, events: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for table, rule in (("membership", ""), ("placement", " AND rule <> 'follow_up'")):
        statement = f"SELECT event, number FROM event_unit JOIN {table} ON uid = unit WHERE event IN ({{}}){rule}"  # noqa: S608 - names of ours
        for event, number in select_in(connection, statement, events):
            found[event] = min(number, found.get(event, number))
    return found


def _spelt(spelling: Spelling, near: tuple[NearbyEvent, ...]) -> tuple[NearbyEvent, ...]:
    return tuple(NearbyEvent(event=spelling.told(each.event), reason=each.reason) for each in near)


class _CaseReader:
    """One case being read."""

    def __init__(self, connection: Connection, catalog: Catalog, as_of: int | None) -> None:
        self._connection, self._catalog, self._as_of = connection, catalog, as_of
        self._until = (1 << 62) if as_of is None else as_of

    def case(self, number: int) -> Case | None:
        """Everything of the incident that a number goes by now; None where nothing of it was known by ``as_of``."""
        found = _stored(self._connection, number)
        if found is not None and found[1] is not None and found[1] != number:
            found = _stored(self._connection, found[1])
        if found is None or found[1] is None:
            return None
        row, low, high = _row(found), found[-3], found[-2]
        memberships = _memberships(self._connection, row.number)
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


def _signals(connection: Connection, after: tuple[int, str], limit: int) -> list[SignalRow]:
    statement = """SELECT body, min(number) FROM signal LEFT JOIN membership USING (uid)
        WHERE ended = 0 AND (start > ? OR (start = ? AND signal.uid > ?))
        GROUP BY signal.uid ORDER BY start, signal.uid LIMIT ?"""
    values = (after[0], after[0], after[1], limit)
    rows = [(_decode(body), number) for body, number in connection.exec_driver_sql(statement, values)]
    events = [event for unit, _ in rows for event in unit.events]
    repeats = queries.repeats(connection, events)
    told = select_in(connection, "SELECT id, source, entity, received_at FROM event_index WHERE id IN ({})", events)
    first: dict[str, tuple[str, str, int]] = {}
    for event, source, entity, received_at in told:
        first[event] = (source, entity, max(received_at, first.get(event, ("", "", 0))[2]))
    return [_signal(unit, number, repeats, first) for unit, number in rows]


def _signal(
    unit: Unit, number: int | None, repeats: Mapping[str, Any], told: Mapping[str, tuple[str, str, int]]
) -> SignalRow:
    again = [repeats[event] for event in unit.events if event in repeats]
    times = [told[event][2] for event in unit.events if event in told] + [repeat.last_at for repeat in again]
    source, entity, _ = told.get(unit.uid, ("", "", 0))
    return SignalRow(
        kind=unit.kind, event=unit.uid, source=source, entity=entity, title=unit.title,
        service=unit.service_name or None, environment=unit.environment_name or None, severity=unit.severity,
        state=unit.state, since=unit.start, incident=number,
        notifications=len(unit.events) + sum(repeat.count for repeat in again), last_at=max(times, default=unit.last),
    )  # fmt: skip


def _why(connection: Connection, event_id: str) -> Explanation | None:
    revisions = queries.read_ids(connection, [event_id])
    if not revisions:
        return None
    event = max(revisions, key=lambda one: one.revision)
    statement = f"""SELECT number, rule, reason FROM event_unit JOIN {MEMBER} AS member ON uid = unit
        JOIN incident USING (number) WHERE event = ? ORDER BY started_at, number LIMIT 1"""  # noqa: S608 - a constant of ours
    found = connection.exec_driver_sql(statement, (event_id,)).one_or_none()
    if found is not None:
        return Explanation(event=event, incident=found[0], rule=found[1], reason=found[2])
    return Explanation(event=event, incident=None, rule="", reason=_why_not(connection, event))


def _why_not(connection: Connection, event: RecordedEvent) -> str:
    execute = connection.exec_driver_sql
    ignored = execute("SELECT reason FROM ignored WHERE event = ?", (event.id,)).scalar()
    if ignored is not None:
        return f"not followed: {ignored}"
    statement = "SELECT missed FROM event_unit JOIN signal ON uid = unit WHERE event = ?"
    missed = execute(statement, (event.id,)).scalar()
    if missed:
        return str(missed)
    if event.source == MACHINE or event.type.startswith(("source.", "collector.", "delivery.")):
        return "the daemon's own record; such events are not grouped"
    if is_retracted(event):
        return "it was retracted"
    error = execute("SELECT error FROM set_aside WHERE event = ? ORDER BY position DESC", (event.id,)).scalar()
    if error is not None:
        return f"set aside: grouping could not take it ({error}); it is tried again when the lists are made anew"
    taken = execute("SELECT 1 FROM event_index WHERE id = ?", (event.id,)).scalar()
    return "it belongs to no incident" if taken else "not looked at yet: the follower lags"


def _unjoined(connection: Connection, limit: int) -> tuple[int, dict[str, int], list[NearbyEvent]]:
    counts = unjoined.counts(connection)
    newest = f"SELECT uid, missed FROM signal WHERE {unjoined.LOOSE} ORDER BY start DESC, uid DESC LIMIT ?"  # noqa: S608 - ours
    rows = list(connection.exec_driver_sql(newest, (limit,)))
    events = {event.id: event for event in current(queries.read_ids(connection, [uid for uid, _ in rows]))}
    near = [NearbyEvent(event=events[uid], reason=missed) for uid, missed in rows if uid in events]
    return sum(counts.values()), counts, near
