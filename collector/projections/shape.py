"""Whether the projections in a database have the shape this version works with, and giving it to them.

Projections are never migrated. The shape (the tables, and what is packed into
their columns) has a digest that the database keeps, with the identity of the
log that they are of; where these differ from ours, or the log has not the
event they were followed up to, they are dropped and made again out of the log.
Numbers of incidents outlive that as they outlive a rebuild: in their table
where that one did not change, else in our own ``incident.opened`` events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, func, insert, inspect, select, text, update
from sqlalchemy.schema import CreateIndex, CreateTable

from collector.correlation import Rules
from collector.correlation.live_incidents import Summary
from collector.correlation.signals import Signal
from collector.log import queries
from collector.projections.incident_rows import put_incidents
from collector.projections.tables import CONTENT, REBUILT, cursor, incident_number, metadata, put, shape
from collector.proof import lost
from collector.schema.tables import event
from collector.storage.sql import firsts_of

_DIGESTS: dict[tuple[Any, ...], str] = {}

_SHAPE = select(lost.IDENTITY.scalar_subquery().label("identity"), text("shape.*")).select_from(shape)
"""The identity of the log, and what stands here, with whatever columns it has: another version's has others."""
_POSITION = select(func.coalesce(func.max(cursor.c.position), 0))
_FOLLOWED = select(
    cursor.c.position, cursor.c.quiet, cursor.c.settled, cursor.c.leaf, event.c.leaf.label("in_log")
).join_from(cursor, event, event.c.position == cursor.c.position, isouter=True)
_LEAF = select(event.c.leaf).where(event.c.position == bindparam("position"))
_FOLLOWS = select(cursor.c.one)
_NUMBERED = select(incident_number.c.number).limit(1)
_NEXT_NUMBER = select(func.coalesce(func.max(incident_number.c.number), 0) + 1)
_LISTS_SCHEMA = select(func.quote_ident(func.current_schema().op("||")("_incidents")))


def digest(connection: Connection) -> str:
    """What stands for the shape this version works with, on this kind of database."""
    key = (connection.dialect.name, CONTENT, Signal, metadata)
    if key not in _DIGESTS:
        described = [CONTENT, _packed(msgspec.json.schema(Signal))]
        for table in metadata.sorted_tables:
            described.append(str(CreateTable(table).compile(dialect=connection.dialect)))
            indexes = (str(CreateIndex(index).compile(dialect=connection.dialect)) for index in table.indexes)
            described += sorted(indexes)
        _DIGESTS[key] = sha256("\n".join(described).encode()).hexdigest()
    return _DIGESTS[key]


def rules_digest(rules: Rules) -> str:
    """What stands for the rules that grouped what lies in the lists."""
    return sha256(msgspec.json.encode(rules, order="sorted")).hexdigest()


def fits(connection: Connection) -> bool:
    """Whether what lies in the database can be read and gone on with: of this shape, and of this log."""
    if not inspect(connection).has_table(shape.name):
        return False
    row = connection.execute(_SHAPE).one_or_none()
    return row is not None and _made_for(row) == (digest(connection), _identity_in(row))


def _made_for(row: Any) -> tuple[str | None, str | None]:
    """The digest and the log that stand in a row of :data:`_SHAPE`; None for what another version has not."""
    columns = row._asdict()
    return columns.get("digest"), columns.get("log")


def _identity_in(row: Any) -> str:
    """The identity of the log at hand."""
    return bytes(row.identity or b"").hex()


def goes_on(connection: Connection) -> bool:
    """Whether the log still has the event that the lists were followed up to; one that lost events has not."""
    return _goes_on(connection.execute(_FOLLOWED).one_or_none())


def _goes_on(followed: Any) -> bool:
    """The same of a row of :data:`_FOLLOWED`; None where nothing was followed yet."""
    return followed is None or bytes(followed.leaf) == bytes(followed.in_log or b"")


def leaf_at(connection: Connection, position: int) -> bytes:
    """The leaf of the event at a position; nothing where there is none."""
    return next(map(bytes, firsts_of(connection, _LEAF, {"position": position})), b"")


def _log(connection: Connection) -> str:
    return lost.identity(connection).hex()


def fit(connection: Connection) -> bool:
    """Drop what has another shape, or is of another log, and make it anew, to be read from the log's beginning.

    Whether there was anything before. Within the caller's transaction; the follower alone does it.
    """
    with _beside(connection):
        tables = set(inspect(connection).get_table_names())
        used = "cursor" in tables and connection.execute(_FOLLOWS).first() is not None
        has_cursor = _same(connection, cursor, tables)
    # What says which log this is lies in the log's own schema.
    ours = _ours(connection, tables, has_cursor=has_cursor)
    with _beside(connection):
        stale = [t for t in metadata.sorted_tables if t in REBUILT or not (ours and _same(connection, t, tables))]
        metadata.drop_all(connection, tables=stale)
        metadata.create_all(connection)
    # Without a number of its own the follower takes them from the log.
    if has_numbers(connection):
        empty(connection)
    connection.execute(delete(shape))
    connection.execute(insert(shape), {"one": 1, "digest": digest(connection), "log": _log(connection)})
    return used


def _ours(connection: Connection, known: set[str], *, has_cursor: bool) -> bool:
    """Whether numbers that lie here are of this log as it is; ``has_cursor``: whether the cursor can be read."""
    if not {"shape", "cursor"} <= known:
        return True
    row = connection.execute(_SHAPE).one_or_none()
    if row is None or _made_for(row)[1] not in (None, _identity_in(row)):
        return row is None
    return not has_cursor or goes_on(connection)


@contextmanager
def _beside(connection: Connection) -> Iterator[None]:
    """Have what is made in the block made in the lists' own schema, where one database holds the log as well."""
    if connection.dialect.name == "sqlite":
        yield
        return
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    lists = connection.execute(_LISTS_SCHEMA).scalar_one()
    connection.exec_driver_sql(f"SET LOCAL search_path TO {lists}, pg_temp")
    yield
    connection.execute(select(func.set_config("search_path", path, True)))


def fitted(connection: Connection) -> None:
    """:func:`fit`, where it is needed."""
    if not (fits(connection) and goes_on(connection)):
        fit(connection)


def emptied(connection: Connection) -> None:
    """:func:`empty`, or :func:`fit` where what is there cannot be gone on with."""
    if fits(connection) and goes_on(connection):
        empty(connection)
    else:
        fit(connection)


def empty(connection: Connection) -> None:
    """Forget everything but the numbers, so that the log is read again from its beginning, quietly."""
    for table in REBUILT:
        connection.execute(delete(table))
    connection.execute(update(incident_number).values(goes_by=None))
    begin = {"one": 1, "position": 0, "rules": "", "leaf": b""}
    announced = {"quiet": queries.head(connection), "settled": next_number(connection)}
    connection.execute(insert(cursor), begin | announced)


def position(connection: Connection) -> int:
    """The last position that the lists have taken in."""
    return int(firsts_of(connection, _POSITION)[0])


def has_numbers(connection: Connection) -> bool:
    """Whether any number was given out."""
    return connection.execute(_NUMBERED).first() is not None


def give_numbers(connection: Connection, rows: Sequence[tuple[int, str, str, int]]) -> None:
    """Numbers that no incident has yet, each with the event it hangs on, and the title and start (µs) announced for it.

    Numbers that are there stay as they are.
    """
    for number, anchor, title, start in rows:
        summary = Summary(
            key=anchor, title=title, started_at=start, ended_at=None, last_at=start, services=(), environments=(),
            severity=None, lead=None, events=0, low=start, high=start,
        )  # fmt: skip
        put_incidents(connection, {number: (summary, number)}, keep=True)
        put(connection, incident_number, [(number, anchor, None)], keep=True)


def next_number(connection: Connection) -> int:
    """A number that was never given."""
    return int(firsts_of(connection, _NEXT_NUMBER)[0])


def unusable(connection: Connection) -> str:
    """Why lists cannot be read now; empty where they can."""
    return hindrances(connection)[0]


def hindrances(connection: Connection) -> tuple[str, str]:
    """Why lists cannot be read now, and how far they are where they are being made anew out of the log; each empty
    where that is not so.

    Until they are made an incident may lack what is known of it, and a number may stand for none.
    """
    if not fits(connection):
        return "its lists are not those of this version and this log; start the daemon, which makes them", ""
    followed = connection.execute(_FOLLOWED).one_or_none()
    if not _goes_on(followed):
        return "its lists are of events that the log has not; start the daemon, which makes them anew", ""
    if followed is None or (followed.position >= followed.quiet and not followed.settled):
        return "", ""
    position = min(followed.position, followed.quiet)
    return "", f"they are being made anew out of the log, {position} of {followed.quiet} events so far"


def _same(connection: Connection, table: Table, known: set[str]) -> bool:
    """Whether a table that outlives a rebuild has the columns of ours."""
    if table.name not in known:
        return False
    found = [column["name"] for column in inspect(connection).get_columns(table.name)]
    return found == [column.name for column in table.columns]


def _packed(described: Any) -> str:
    """A description of packed values, without the words that are for people."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(one) for key, one in value.items() if key not in ("description", "title")}
        return [bare(one) for one in value] if isinstance(value, list) else value

    return msgspec.json.encode(bare(described), order="sorted").decode()
