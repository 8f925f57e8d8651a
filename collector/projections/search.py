"""Finding events: by what a reader filters for, and by what people write of one.

Every way in is a key. An event of a source and a type is found by both of them
together, in the order of positions; which pairs there are is a short list
(``event_kind``). The last digits of an id are found by an index that is in
order within blocks of positions only: digits fall anywhere, and one order over
all of a long log would have each event written to another page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, or_, select, union_all

from collector.event import RecordedEvent
from collector.log import queries
from collector.projections.state import followed_to
from collector.projections.tables import (
    BLOCK,
    BLOCK_BITS,
    ENDING,
    NOTHING,
    event_index,
    event_kind,
    event_unit,
    incident_number,
    member,
    put,
    signal,
    signal_key,
)
from collector.projections.values import EventFilter
from collector.storage.sql import AMONG, select_among

_ARMS = 64
"""Pairs of a source and a type in one statement; SQLite takes 500 selects at most."""

_KIND = itemgetter(*(event_index.c.keys().index(name) for name in event_kind.c.keys()))  # noqa: SIM118 - of columns

_PLACES = select(event_index.c.position, event_index.c.id)
_ENDING = select(event_index.c.id).where(
    literal_column(BLOCK, event_index.c.position.type).in_(AMONG),
    literal_column(ENDING) == bindparam("ending", type_=event_index.c.id.type),
    event_index.c.revision == 0,
)
_LAST = select(func.coalesce(func.max(event_index.c.position), 0))

_Conditions = list[ColumnElement[bool]]


def index_events(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows of ``event_index``, and the pairs of source and type that are in them."""
    put(connection, event_index, rows)
    put(connection, event_kind, sorted(set(map(_KIND, rows))), keep=True)


# --- by a filter ------------------------------------------------------------------------------------------------------


def matching(connection: Connection, event_filter: EventFilter, service: str | None) -> list[tuple[int, str]]:
    """Positions and ids of the events that pass a filter, in its order; ``service`` is the key of the one it names."""
    conditions = _conditions(event_filter, service)
    kinds = _kinds(event_filter)
    narrow = (event_filter.entity, event_filter.incident, service) != (None, None, None)
    if narrow or not kinds:
        # Not by the index of kinds: what an incident or an entity has is less than what there is of a type.
        of_kind = [event_index.c[column].concat(NOTHING) == value for column, value in kinds]
        return _selected(connection, [[*of_kind, *conditions]], event_filter)
    rows: list[tuple[int, str]] = []
    wanted = [event_kind.c[column] == value for column, value in kinds]
    pairs = connection.execute(
        select(event_kind.c.source, event_kind.c.type).where(*wanted).order_by(event_kind.c.source, event_kind.c.type)
    ).all()
    arms = [[event_index.c.source == pair.source, event_index.c.type == pair.type, *conditions] for pair in pairs]
    for start in range(0, len(arms), _ARMS):
        rows += _selected(connection, arms[start : start + _ARMS], event_filter)
    return sorted(rows, reverse=event_filter.newest_first)[: event_filter.limit]


def _kinds(event_filter: EventFilter) -> list[tuple[str, str]]:
    """What is asked of source and type, by column."""
    family, _, rest = (event_filter.type or "").partition(".")
    values = (
        ("source", event_filter.source),
        ("family", family if rest == "*" else None),
        ("type", None if rest == "*" else event_filter.type),
    )
    return [(column, value) for column, value in values if value is not None]


def _conditions(event_filter: EventFilter, service: str | None) -> _Conditions:
    column = event_index.c
    filters: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (service, _is_of),
        (event_filter.since, lambda at: column.occurred_at >= at),
        (event_filter.until, lambda at: column.occurred_at < at),
        (event_filter.entity, lambda entity: column.entity == entity),
        (event_filter.incident, _is_in),
        (event_filter.known_by, lambda at: column.received_at <= at),
        (event_filter.after, lambda position: column.position > position),
        (event_filter.before, lambda position: column.position < position),
    )
    return [condition(value) for value, condition in filters if value is not None]


def _is_of(service: str) -> ColumnElement[bool]:
    """Of a service; so are changes that name none, by whose grouping takes them to be: what deployed them, or their
    repository's name."""
    changes = (
        select(event_unit.c.event)
        .select_from(
            signal_key.join(signal, signal.c.uid == signal_key.c.uid).join(
                event_unit, event_unit.c.unit == signal.c.uid
            )
        )
        .where(
            signal_key.c.key == f"seek:service:{service}",
            signal.c.kind == "change",
            func.coalesce(signal.c.service, service) == service,
        )
    )
    named = event_index.c.service
    return or_(named == service, named.is_(None) & event_index.c.id.in_(changes))


def _is_in(incident: int) -> ColumnElement[bool]:
    """In the incident that a number goes by."""
    current_number = select(incident_number.c.goes_by).where(incident_number.c.number == incident).scalar_subquery()
    events = (
        select(event_unit.c.event)
        .join_from(event_unit, member, member.c.uid == event_unit.c.unit)
        .where(member.c.number == current_number)
    )
    return event_index.c.id.in_(events)


def _selected(
    connection: Connection, arms: Sequence[_Conditions], event_filter: EventFilter
) -> list[tuple[int, str]]:  # fmt: skip
    """The first rows of each of these arms, all of them together in order."""
    column = event_index.c.position
    order = column.desc() if event_filter.newest_first else column.asc()
    selects = [_PLACES.where(*arm).order_by(order).limit(event_filter.limit) for arm in arms]
    if len(selects) == 1:
        return list(map(tuple, connection.execute(selects[0])))
    whole = union_all(*(select(each.subquery()) for each in selects))
    together: Any = literal_column("position")
    last = whole.order_by(together.desc() if event_filter.newest_first else together.asc()).limit(event_filter.limit)
    return list(map(tuple, connection.execute(last)))


# --- by what people write ---------------------------------------------------------------------------------------------


def resolve_id(connection: Connection, text: str) -> list[str]:
    """The ids that a whole id, a position or a citation (the last digits of an id) names.

    What the lists have taken in is found by their index, what came after it by looking through that.
    """
    read = followed_to(connection)
    ids = queries.resolve_id(connection, text, after=read)
    digits = queries.citation(text)
    if digits and read:
        ids += _ending_in(connection, digits)
    return list(dict.fromkeys(ids))


def _ending_in(connection: Connection, digits: str) -> list[str]:
    last = int(connection.execute(_LAST).scalar_one())
    rows = select_among(connection, _ENDING, range((last >> BLOCK_BITS) + 1), {"ending": digits[-4:]})
    return [row.id for row in rows if row.id.endswith(digits)]


def revisions(connection: Connection, rows: Sequence[tuple[int, str]]) -> list[RecordedEvent]:
    """The recorded events at these positions, with these ids, in the same order."""
    found = {event.position: event for event in queries.read_ids(connection, [identity for _, identity in rows])}
    return [found[position] for position, _ in rows if position in found]
