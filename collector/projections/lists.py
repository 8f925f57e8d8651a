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
from sqlalchemy import ColumnElement, Connection, bindparam, exists, false, func, or_, select

from collector.correlation import Catalog, Membership, Rules
from collector.correlation.signals import Signal
from collector.event import MACHINE, RecordedEvent, current, is_retracted
from collector.log import Delivery, queries
from collector.projections import across, privacy, records, search, unjoined
from collector.projections.across import Across
from collector.projections.cases import CaseReader, memberships_of
from collector.projections.database import Lists, version
from collector.projections.incident_rows import ROWS, row_of, stored
from collector.projections.privacy import Hidden, Privacy
from collector.projections.restrictions import Groups
from collector.projections.shape import position, unusable
from collector.projections.state import State, followed_to, state_of, whole
from collector.projections.tables import (
    NOTHING,
    ZERO,
    belongs,
    event_index,
    event_unit,
    incident,
    incident_key,
    incident_number,
    member,
    membership,
    placement,
    set_aside,
    signal,
)
from collector.projections.tables import ignored as ignored_event
from collector.projections.values import (
    Case,
    EventFilter,
    Explanation,
    IncidentRow,
    NearbyEvent,
    News,
    SignalRow,
)
from collector.storage.sql import AMONG, select_among

T = TypeVar("T")
_decode = msgspec.msgpack.Decoder(Signal).decode

_current_number = incident_number.c.goes_by
_STATUS: Mapping[str, ColumnElement[bool]] = {
    "open": (_current_number == incident.c.number) & incident.c.ended_at.is_(None),
    "resolved": (_current_number == incident.c.number) & incident.c.ended_at.is_not(None),
    "merged": or_(_current_number.is_(None), _current_number != incident.c.number),
}
_PATTERN = re.compile("[%_!]")
"""What stands for itself in a pattern only behind an exclamation mark."""


def _has_event(table: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an event for which this holds is in an incident by a table."""
    events = table.join(event_unit, event_unit.c.unit == table.c.uid).join(
        event_index, event_index.c.id == event_unit.c.event
    )
    inside = exists().select_from(events).where(table.c.number == incident.c.number, *conditions)
    return inside.correlate(incident)


def _told_by(source: str) -> ColumnElement[bool]:
    # Not by the index of kinds: a source has many more events than an incident.
    told = event_index.c.source.concat(NOTHING) == source
    return or_(_has_event(membership, told), _has_event(placement, told, belongs))


def _known_by(at: int) -> ColumnElement[bool]:
    """Of which something was received by then, by the grouping of now."""
    return (_current_number == incident.c.number) & _has_event(member, event_index.c.received_at <= at)


def _says(text: str) -> ColumnElement[bool]:
    pattern = "%" + _PATTERN.sub(r"!\g<0>", text) + "%"
    lead = func.coalesce(incident.c.lead, "")
    words = incident.c.title.concat(" ").concat(incident.c.services).concat(" ").concat(lead)
    return func.lower(words).like(func.lower(pattern), escape="!")


def _has_key(key: str) -> ColumnElement[bool]:
    return incident.c.number.in_(select(incident_key.c.number).where(incident_key.c.key == key))


_COUNTS = (
    select(incident.c.ended_at.is_(None).label("open"), func.count().label("count"))
    .join_from(incident, incident_number, incident_number.c.number == incident.c.number)
    .where(_current_number == incident.c.number)
    .group_by(incident.c.ended_at.is_(None))
)
_PAGES = (
    select(membership.c.number, signal.c.body)
    .join_from(membership, signal, signal.c.uid == membership.c.uid)
    .where(signal.c.kind == "page", membership.c.number.in_(AMONG))
)
_AT = select(event_index.c.position, event_index.c.id).where(event_index.c.position.in_(AMONG))
_NEWEST = (
    select(func.max(event_index.c.position))
    .join_from(event_index, event_unit, event_unit.c.event == event_index.c.id)
    .join(membership, membership.c.uid == event_unit.c.unit)
    .where(membership.c.number == bindparam("number"))
)
_MEMBERS = (
    select(event_unit.c.event, membership.c.number)
    .join_from(event_unit, membership, membership.c.uid == event_unit.c.unit)
    .where(event_unit.c.event.in_(AMONG))
)
_PLACED = (
    select(event_unit.c.event, placement.c.number)
    .join_from(event_unit, placement, placement.c.uid == event_unit.c.unit)
    .where(event_unit.c.event.in_(AMONG), belongs)
)
_OPEN = (
    select(signal.c.body, func.min(membership.c.number).label("number"))
    .join_from(signal, membership, membership.c.uid == signal.c.uid, isouter=True)
    .where(
        signal.c.ended == ZERO,
        or_(
            signal.c.start > bindparam("start"),
            (signal.c.start == bindparam("start")) & (signal.c.uid > bindparam("uid")),
        ),
    )
    .group_by(signal.c.uid)
    .order_by(signal.c.start, signal.c.uid)
    .limit(bindparam("most", type_=signal.c.start.type))
)
_TELLINGS = select(event_index.c.id, event_index.c.source, event_index.c.entity, event_index.c.received_at).where(
    event_index.c.id.in_(AMONG)
)
_event: Any = bindparam("event")
_WHY = (
    select(member.c.number, member.c.rule, member.c.reason)
    .select_from(
        event_unit.join(member, member.c.uid == event_unit.c.unit).join(incident, incident.c.number == member.c.number)
    )
    .where(event_unit.c.event == _event)
    .order_by(incident.c.started_at, incident.c.number)
    .limit(1)
)
_IGNORED = select(ignored_event.c.reason).where(ignored_event.c.event == _event)
_MISSED = (
    select(signal.c.missed)
    .join_from(event_unit, signal, signal.c.uid == event_unit.c.unit)
    .where(event_unit.c.event == _event)
)
_ERROR = select(set_aside.c.error).where(set_aside.c.event == _event).order_by(set_aside.c.position.desc())
_INDEXED = select(event_index.c.position).where(event_index.c.id == _event).limit(1)


class Projections:
    """What the follower made of the log so far. The same ``rules`` as the follower's, for the names in them."""

    def __init__(
        self, lists: Lists, rules: Rules | None = None, begun: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``begun`` waits, with patience, until whoever makes the lists has read what there was at the start."""
        self._lists, self._begun = lists, begun
        self._rules = rules or Rules()
        self._catalog = Catalog(self._rules)
        self._private = (-1, privacy.OPEN, dict[Groups | None, privacy.Hidden]())
        """A position, what is private up to it, and what of that each kind of reader may not see."""

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """Read what the reader of now may see of the lists; see :meth:`_query`."""
        reader = privacy.READER.get()

        def work_for_reader(connection: Connection) -> T:
            return work(privacy.shadowed(connection, self._hidden(connection, reader)))

        return await self._query(work if reader is None else work_for_reader)

    async def _query(self, work: Callable[[Connection], T]) -> T:
        """Read lists, unless they are being made: what is in them until then is not what happened.

        Raises :class:`collector.errors.Unavailable` in that case.
        """
        if self._begun is not None:
            await self._begun()
        return await self._lists.query(lambda connection: whole(connection, work))

    async def private(self) -> Privacy:
        """Which incidents are private, and to whom."""
        return await self._query(self._privacy)

    async def hidden(self) -> Hidden:
        """What the reader of now may not see."""
        reader = privacy.READER.get()
        return Hidden() if reader is None else await self._query(lambda connection: self._hidden(connection, reader))

    def _privacy(self, connection: Connection) -> Privacy:
        at = position(connection)
        if self._private[0] != at:
            self._private = (at, privacy.read(connection), {})
        return self._private[1]

    def _hidden(self, connection: Connection, reader: Groups | None) -> Hidden:
        private = self._privacy(connection)
        by_reader = self._private[2]
        if reader not in by_reader:
            by_reader[reader] = privacy.hidden(connection, private, reader)
        return by_reader[reader]

    async def private_events(self, events: Sequence[str]) -> Mapping[str, str]:
        """The groups of those of these events that belong to private incidents alone."""
        return await self._query(lambda connection: privacy.of_events(connection, self._privacy(connection), events))

    async def private_deliveries(self, deliveries: Sequence[Delivery]) -> Mapping[str, str]:
        """The groups of those of these deliveries that told anything of private incidents alone, by their ids."""
        told = {each.id: [item.event_id for item in each.items] for each in deliveries}
        marks = await self.private_events(sorted({event for events in told.values() for event in events}))
        return privacy.of_deliveries(marks, told)

    async def state(self) -> State:
        """How the lists are, whatever that is."""
        return await self._lists.query(state_of)

    async def position(self) -> int:
        """The last position that the lists have taken in; below 0 before they are there."""
        return await self._lists.query(lambda connection: -1 if unusable(connection) else position(connection))

    async def gaps(self, limit: int) -> list[RecordedEvent]:
        """The last gaps that the daemon recorded of sources, newest first, also those that lists do not show yet."""
        return await self._lists.query(lambda connection: records.gaps(connection, followed_to(connection), limit))

    async def lives(self, limit: int) -> list[RecordedEvent]:
        """The last records of starts, stops and losses, newest first, also those that lists do not show yet."""
        return await self._lists.query(lambda connection: records.lives(connection, followed_to(connection), limit))

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
        filters: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
            (status, lambda status: _STATUS.get(status, false())),
            (key, _has_key),
            (since, lambda at: incident.c.started_at >= at),
            (until, lambda at: incident.c.started_at < at),
            (before, lambda number: incident.c.number < number),
            (severity, lambda word: func.lower(incident.c.severity) == func.lower(word)),
            (source, _told_by),
            (known_by, _known_by),
            (text, _says),
        )
        conditions = (condition(value) for value, condition in filters if value is not None)
        statement = ROWS.where(*conditions).order_by(incident.c.number.desc()).limit(limit)
        rows = await self._read(lambda c: [row_of(row) for row in c.execute(statement)])
        return await self._marked(rows)

    async def _marked(self, rows: Sequence[IncidentRow]) -> list[IncidentRow]:
        """The same rows, each with the groups that it is private to."""
        private = await self.private()
        marked = []
        for row in rows:
            shown = private.groups_text(row.number if row.merged_into is None else row.merged_into)
            marked.append(msgspec.structs.replace(row, private=shown) if shown else row)
        return marked

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

    async def resolve_id(self, text: str) -> list[str]:
        """The ids that a citation (the last digits of an id), a whole id or a position names."""
        look = partial(search.resolve_id, text=text)
        return await (self._lists.query(look) if privacy.READER.get() is None else self._read(look))

    async def version(self) -> tuple[object, ...] | None:
        """What is another one wherever anything can have changed that is read here; None where nobody can tell."""
        known = await self._query(version)
        return known and (privacy.READER.get(), *known)

    async def case(self, number: int, as_of: int | None = None) -> Case | None:
        """What a draft is rendered from; follows a merge. ``as_of`` keeps what was received by then.

        It is the same for all who may read it: of other incidents it has what those in this one's groups may see.
        """

        def read(connection: Connection) -> Case | None:
            row = stored(connection, number)
            private = self._privacy(connection)
            current_number = None if row is None else row.goes_by
            own = private.groups.get(number if current_number is None else current_number, frozenset())
            seen = privacy.shadowed(connection, self._hidden(connection, own))
            case = CaseReader(seen, self._catalog, as_of).case(number)
            return case and msgspec.structs.replace(
                case, row=msgspec.structs.replace(case.row, private=private.groups_text(case.row.number))
            )

        hid = await self.hidden()
        case_read = None if number in hid.numbers else await self._query(read)
        rules = self._rules
        return case_read and msgspec.structs.replace(
            case_read, lookback=rules.lookback,
            opening_severities=rules.opening_severities, silent_severities=rules.silent_severities,
        )  # fmt: skip

    def opens(self, severity: str) -> bool:
        """Whether an alert of this severity opens an incident, as the team set it."""
        return self._rules.opens(severity)

    async def signals(self, after: tuple[int, str] | None = None, limit: int = 1000) -> list[SignalRow]:
        """What fires, or is not resolved, now; by start, µs, and event. ``after`` are those of the last one seen."""
        rows = await self._read(lambda connection: _signals(connection, after or (-1, ""), limit))
        marks = await self.private_events([row.event for row in rows])
        return [msgspec.structs.replace(row, private=marks.get(row.event)) for row in rows]

    async def why(self, event_id: str) -> Explanation | None:
        """Why an event is in, or not in, an incident; None where nobody knows the event."""
        return await self._read(lambda connection: _why(connection, event_id))

    async def unjoined(self, limit: int = 50) -> tuple[int, Mapping[str, int], Sequence[NearbyEvent]]:
        """How many events joined nothing, counted by reason, and the newest of them."""
        return await self._read(lambda connection: _unjoined(connection, limit))


def _counts(connection: Connection) -> dict[str, int]:
    found = {bool(is_open): int(count) for is_open, count in connection.execute(_COUNTS)}
    return {"open": found.get(True, 0), "resolved": found.get(False, 0)}


def _news(connection: Connection, rows: Sequence[IncidentRow]) -> dict[int, News]:
    taken_by: dict[int, tuple[int, str]] = {}
    for number, body in select_among(connection, _PAGES, [row.number for row in rows]):
        first = _decode(body).acknowledged
        if first is not None:
            taken_by[number] = min(first, taken_by.get(number, first))
    # Of what was taken out of another incident nothing has come since it is one.
    numbers_at = [(row.number, row.last_position) for row in rows]
    newest = {n: at or connection.execute(_NEWEST, {"number": n}).scalar() for n, at in numbers_at}
    ids = [row.id for row in select_among(connection, _AT, [at for at in newest.values() if at])]
    told = {event.position: event for event in queries.read_ids(connection, ids)}
    return {number: News(acknowledged=taken_by.get(number), latest=told.get(at or 0)) for number, at in newest.items()}


def _incidents_of(connection: Connection, events: Sequence[str]) -> dict[str, int]:
    numbers_by_event: dict[str, int] = {}
    for statement in (_MEMBERS, _PLACED):
        for event, number in select_among(connection, statement, events):
            numbers_by_event[event] = min(number, numbers_by_event.get(event, number))
    return numbers_by_event


def _signals(connection: Connection, after: tuple[int, str], limit: int) -> list[SignalRow]:
    found = connection.execute(_OPEN, {"start": after[0], "uid": after[1], "most": limit})
    rows = [(_decode(row.body), row.number) for row in found]
    events = [event for signal, _ in rows for event in signal.events]
    repeats = queries.repeats(connection, events)
    first: dict[str, tuple[str, str, int]] = {}
    for event, source, entity, received_at in select_among(connection, _TELLINGS, events):
        first[event] = (source, entity, max(received_at, first.get(event, ("", "", 0))[2]))
    return [_signal(signal, number, repeats, first) for signal, number in rows]


def _signal(
    signal: Signal, number: int | None, repeats: Mapping[str, Any], index_rows: Mapping[str, tuple[str, str, int]]
) -> SignalRow:
    repeated = [repeats[event] for event in signal.events if event in repeats]
    times = [index_rows[event][2] for event in signal.events if event in index_rows] + [
        repeat.last_at for repeat in repeated
    ]
    source, entity, _ = index_rows.get(signal.id, ("", "", 0))
    return SignalRow(
        kind=signal.kind, event=signal.id, source=source, entity=entity, title=signal.title,
        service=signal.service_name or None, environment=signal.environment_name or None, severity=signal.severity,
        state=signal.state, since=signal.start, incident=number,
        notifications=len(signal.events) + sum(repeat.count for repeat in repeated),
        last_at=max(times, default=signal.last),
    )  # fmt: skip


def _why(connection: Connection, event_id: str) -> Explanation | None:
    revisions = queries.read_ids(connection, [event_id])
    if not revisions:
        return None
    event = max(revisions, key=lambda one: one.revision)
    found = connection.execute(_WHY, {"event": event_id}).one_or_none()
    if found is not None:
        return Explanation(event=event, incident=found.number, rule=found.rule, reason=found.reason)
    return Explanation(event=event, incident=None, rule="", reason=_why_not(connection, event))


def _why_not(connection: Connection, event: RecordedEvent) -> str:
    values = {"event": event.id}
    ignored = connection.execute(_IGNORED, values).scalar()
    if ignored is not None:
        return f"not followed: {ignored}"
    missed = connection.execute(_MISSED, values).scalar()
    if missed:
        return str(missed)
    if event.source == MACHINE or event.type.startswith(("source.", "collector.", "delivery.")):
        return "the daemon's own record; such events are not grouped"
    if is_retracted(event):
        return "it was retracted"
    error = connection.execute(_ERROR, values).scalar()
    if error is not None:
        return f"set aside: grouping could not take it ({error}); it is tried again when the lists are made anew"
    taken = connection.execute(_INDEXED, values).scalar()
    return "it belongs to no incident" if taken else "not looked at yet: the follower lags"


def _unjoined(connection: Connection, limit: int) -> tuple[int, dict[str, int], list[NearbyEvent]]:
    counts = unjoined.counts(connection)
    newest = (
        select(signal.c.uid, signal.c.missed).where(unjoined.loose).order_by(signal.c.start.desc(), signal.c.uid.desc())
    )
    rows = list(connection.execute(newest.limit(limit)))
    events = {event.id: event for event in current(queries.read_ids(connection, [row.uid for row in rows]))}
    near = [NearbyEvent(event=events[row.uid], reason=row.missed) for row in rows if row.uid in events]
    return sum(counts.values()), counts, near
