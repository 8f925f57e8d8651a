"""Finding events: by what a reader filters for, and by what people write of one.

Every way in is a key. An event of a source and a type is found by both of them
together, in the order of positions; which pairs there are is a short list
(``event_kind``). The last digits of an id are found by an index that is in
order within blocks of positions only: digits fall anywhere, and one order over
all of a long log would have each event written to another page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from collector.event import RecordedEvent
from collector.log import queries
from collector.projections.shape import unusable
from collector.projections.tables import BLOCK, ENDING, MEMBER, event_index, event_kind, put
from collector.projections.values import EventFilter
from collector.storage.sql import chunked

_ARMS = 64
"""Pairs of a source and a type in one statement; SQLite takes 500 selects at most."""

_KIND = [event_index.c.keys().index(name) for name in event_kind.c.keys()]  # noqa: SIM118 - of columns, not of a mapping

_CHANGES_OF = """(SELECT event FROM signal_key JOIN signal USING (uid) JOIN event_unit ON unit = uid
    WHERE key = 'seek:service:' || ? AND kind = 'change' AND coalesce(signal.service, ?) = ?)"""
"""Changes that name no service, by whose grouping takes them to be: what deployed them, or their repository's name."""
_EVENTS_OF = f"""SELECT event FROM event_unit JOIN {MEMBER} AS member ON uid = unit WHERE number =
    (SELECT goes_by FROM incident_number WHERE number = ?)"""  # noqa: S608 - a constant of ours

_Conditions = list[tuple[str, Any]]


def index_events(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows of ``event_index``, and the pairs of source and type that are in them."""
    put(connection, event_index, rows)
    kinds = {tuple(row[column] for column in _KIND) for row in rows}
    put(connection, event_kind, sorted(kinds), keep=True)


# --- by a filter ------------------------------------------------------------------------------------------------------


def matching(connection: Connection, asked: EventFilter, service: str | None) -> list[tuple[int, str]]:
    """Positions and ids of the events that pass a filter, in its order; ``service`` is the key of the one it names."""
    conditions = _conditions(asked, service)
    order = "DESC" if asked.newest_first else "ASC"
    kinds = _kinds(asked)
    narrow = (asked.entity, asked.incident, service) != (None, None, None)
    if narrow or not kinds:
        # Not by the index of kinds: what an incident or an entity has is less than what there is of a type.
        return _selected(connection, [[*((f"{column} || '' = ?", value) for column, value in kinds), *conditions]],
                         order, asked.limit)  # fmt: skip
    found: list[tuple[int, str]] = []
    clause = " AND ".join(f"{column} = ?" for column, _ in kinds)
    statement = f"SELECT source, type FROM event_kind WHERE {clause} ORDER BY source, type"  # noqa: S608 - names of ours
    pairs = list(connection.exec_driver_sql(statement, tuple(value for _, value in kinds)))
    arms = [[("source = ?", source), ("type = ?", kind), *conditions] for source, kind in pairs]
    for start in range(0, len(arms), _ARMS):
        found += _selected(connection, arms[start : start + _ARMS], order, asked.limit)
    return sorted(found, reverse=asked.newest_first)[: asked.limit]


def _kinds(asked: EventFilter) -> list[tuple[str, str]]:
    """What is asked of source and type, by column."""
    family, _, rest = (asked.type or "").partition(".")
    wanted = (
        ("source", asked.source),
        ("family", family if rest == "*" else None),
        ("type", None if rest == "*" else asked.type),
    )
    return [(column, value) for column, value in wanted if value is not None]


def _conditions(asked: EventFilter, service: str | None) -> _Conditions:
    wanted: _Conditions = [
        (f"(service = ? OR (service IS NULL AND id IN {_CHANGES_OF}))", service),
        ("occurred_at >= ?", asked.since),
        ("occurred_at < ?", asked.until),
        ("entity = ?", asked.entity),
        ("id IN (" + _EVENTS_OF + ")", asked.incident),
        ("received_at <= ?", asked.known_by),
        ("position > ?", asked.after),
        ("position < ?", asked.before),
    ]
    return [(condition, value) for condition, value in wanted if value is not None]


def _selected(
    connection: Connection, arms: Iterable[_Conditions], order: str, limit: int
) -> list[tuple[int, str]]:  # fmt: skip
    """The first rows of each of these arms, all of them together in order."""
    selects: list[str] = []
    values: list[Any] = []
    for arm in arms:
        clause = " AND ".join(condition for condition, _ in arm) or "1 = 1"
        selects.append(f"SELECT position, id FROM event_index WHERE {clause} ORDER BY position {order} LIMIT ?")  # noqa: S608 - made of the constants above
        values += [*(value for condition, value in arm for _ in range(condition.count("?"))), limit]
    statement = selects[0]
    if len(selects) > 1:
        whole = " UNION ALL ".join(f"SELECT position, id FROM ({select}) AS arm" for select in selects)  # noqa: S608
        statement = f"{whole} ORDER BY position {order} LIMIT ?"
        values.append(limit)
    return [(position, identity) for position, identity in connection.exec_driver_sql(statement, tuple(values))]


# --- by what people write ---------------------------------------------------------------------------------------------


def named(connection: Connection, text: str) -> list[str]:
    """The ids that a whole id, a position or a citation (the last digits of an id) names.

    What the lists have taken in is found by their index, what came after it by looking through that.
    """
    read = 0 if unusable(connection) else _position(connection)
    found = queries.resolve_id(connection, text, after=read)
    digits = queries.citation(text)
    if digits and read:
        found += _ending_in(connection, digits)
    return list(dict.fromkeys(found))


def _ending_in(connection: Connection, digits: str) -> list[str]:
    last = int(connection.exec_driver_sql("SELECT coalesce(max(position), 0) FROM event_index").scalar_one())
    statement = f"""SELECT id FROM event_index WHERE {BLOCK} IN ({{}}) AND {ENDING} = '{digits[-4:]}'
        AND revision = 0"""  # noqa: S608 - digits, and constants of ours
    rows = chunked(connection.exec_driver_sql, statement, range((last >> 14) + 1))
    return [identity for (identity,) in rows if identity.endswith(digits)]


def _position(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT coalesce(max(position), 0) FROM cursor").scalar_one())


def revisions(connection: Connection, rows: Sequence[tuple[int, str]]) -> list[RecordedEvent]:
    """The recorded events at these positions, with these ids, in the same order."""
    found = {event.position: event for event in queries.read_ids(connection, [identity for _, identity in rows])}
    return [found[position] for position, _ in rows if position in found]
