"""The read side: lists, pages, and everything a draft is rendered from.

Each answer is read in one consistent view. What goes into a draft
(:meth:`Projections.case`) depends on the set of events alone: never on
positions, arrival or numbers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from collector.correlation import Catalog, Membership, Rules
from collector.correlation.signals import Unit
from collector.errors import Unavailable
from collector.event import MACHINE, RecordedEvent, current, is_retracted
from collector.log import queries
from collector.projections import across, privacy, records, search, unjoined
from collector.projections.across import Across
from collector.projections.cases import ROWS, CaseReader, memberships_of, row_of, stored
from collector.projections.database import Lists
from collector.projections.privacy import Hidden, Privacy
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
from collector.storage.sql import select_in

T = TypeVar("T")
Marked = TypeVar("Marked", IncidentRow, SignalRow)
_decode = msgspec.msgpack.Decoder(Unit).decode

_STATUS = {
    "open": "goes_by = number AND ended_at IS NULL",
    "resolved": "goes_by = number AND ended_at IS NOT NULL",
    "merged": "(goes_by IS NULL OR goes_by <> number)",
}
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
        self._private = (-1, privacy.OPEN, dict[privacy.Groups | None, privacy.Hidden]())
        """A position, what is private up to it, and what of that each kind of reader may not see."""

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Read what the reader of now may see of the lists; see :meth:`_query`."""
        reader = privacy.READER.get()

        def seen(connection: Connection) -> T:
            return work(privacy.shadowed(connection, self._hidden(connection, reader)))

        return await self._query(work if reader is None else seen)

    async def _query(self, work: Callable[[Connection], T]) -> T:
        """Read lists, unless they are being made: what is in them until then is not what happened.

        Raises :class:`collector.errors.Unavailable` in that case.
        """
        if self._begun is not None:
            await self._begun()
        return await self._lists.query(lambda connection: _whole(connection, work))

    async def private(self) -> Privacy:
        """Which incidents are private, and to whom."""
        return await self._query(self._privacy)

    async def hidden(self) -> Hidden:
        """What the reader of now may not see."""
        reader = privacy.READER.get()
        return Hidden() if reader is None else await self._query(lambda connection: self._hidden(connection, reader))

    def _privacy(self, connection: Connection) -> Privacy:
        at = _cursor(connection)
        if self._private[0] != at:
            self._private = (at, privacy.read(connection), {})
        return self._private[1]

    def _hidden(self, connection: Connection, reader: privacy.Groups | None) -> Hidden:
        private = self._privacy(connection)
        known = self._private[2]
        if reader not in known:
            known[reader] = privacy.hidden(connection, private, reader)
        return known[reader]

    async def private_events(self, events: Sequence[str]) -> Mapping[str, str]:
        """The groups of those of these events that belong to private incidents alone."""
        return await self._query(lambda connection: privacy.of_events(connection, self._privacy(connection), events))

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
        statement = f"{ROWS} WHERE {clause} ORDER BY number DESC LIMIT ?"
        values = (*(value for condition, value in used for _ in range(condition.count("?"))), limit)
        rows = await self._read(lambda c: [row_of(row) for row in c.exec_driver_sql(statement, values)])
        return await self._marked(rows)

    async def _marked(self, rows: Sequence[Marked]) -> list[Marked]:
        """The same rows, each with the groups that it is private to."""
        private = await self.private()
        found = []
        for row in rows:
            shown = private.shown((row.number if isinstance(row, IncidentRow) else row.incident) or 0)
            found.append(msgspec.structs.replace(row, private=shown) if shown else row)
        return found

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
        return await self._read(lambda connection: memberships_of(connection, number))

    async def incidents_of(self, events: Sequence[str]) -> Mapping[str, int]:
        """The incident that each of these events is in; of those that are in none there is no entry."""
        return await self._read(lambda connection: _incidents_of(connection, events))

    async def counts(self) -> dict[str, int]:
        """How many incidents are open, and how many are over."""
        return await self._read(_counts)

    async def incident(self, number: int) -> IncidentRow | None:
        """One incident, also one that was merged away (``merged_into`` says where it went)."""
        found = await self._read(lambda c: stored(c, number))
        return None if found is None else (await self._marked([row_of(found)]))[0]

    async def events(self, filter: EventFilter) -> list[RecordedEvent]:  # noqa: A002 - what it is
        """Recorded events that pass a filter, by position."""
        service = None if filter.service is None else self._catalog.key(filter.service)
        return await self._read(lambda c: search.revisions(c, search.matching(c, filter, service)))

    async def named(self, text: str) -> list[str]:
        """The ids that a citation (the last digits of an id), a whole id or a position names."""
        look = partial(search.named, text=text)
        return await (self._lists.query(look) if privacy.READER.get() is None else self._read(look))

    async def case(self, number: int, as_of: int | None = None) -> Case | None:
        """What a draft is rendered from; follows a merge. ``as_of`` keeps what was received by then.

        It is the same for all who may read it: of other incidents it has what those in this one's groups may see.
        """

        def read(connection: Connection) -> Case | None:
            row = stored(connection, number)
            private = self._privacy(connection)
            own = private.groups.get(row[1] if row is not None and row[1] is not None else number, frozenset())
            seen = privacy.shadowed(connection, self._hidden(connection, own))
            case = CaseReader(seen, self._catalog, as_of).case(number)
            return case and msgspec.structs.replace(
                case, row=msgspec.structs.replace(case.row, private=private.shown(case.row.number))
            )

        hid = await self.hidden()
        found = None if number in hid.numbers else await self._query(read)
        rules = self._rules
        return found and msgspec.structs.replace(
            found, lookback=rules.lookback,
            opening_severities=rules.opening_severities, silent_severities=rules.silent_severities,
        )  # fmt: skip

    def opens(self, severity: str) -> bool:
        """Whether an alert of this severity opens an incident, as the team set it."""
        return self._rules.opens(severity)

    async def signals(self, after: tuple[int, str] | None = None, limit: int = 1000) -> list[SignalRow]:
        """What fires, or is not resolved, now; by start, µs, and event. ``after`` are those of the last one seen."""
        rows = await self._read(lambda connection: _signals(connection, after or (-1, ""), limit))
        return await self._marked(rows)

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


def _incidents_of(connection: Connection, events: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for table, rule in (("membership", ""), ("placement", " AND rule <> 'follow_up'")):
        statement = f"SELECT event, number FROM event_unit JOIN {table} ON uid = unit WHERE event IN ({{}}){rule}"  # noqa: S608 - names of ours
        for event, number in select_in(connection, statement, events):
            found[event] = min(number, found.get(event, number))
    return found


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
