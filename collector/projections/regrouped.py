"""The lists held to the log: everything is grouped again in a scratch database, and compared row by row.

Numbers of incidents are history and no consequence of the events, so an
incident is known here by the event that opened it. What was set aside stays
out, as it does of the lists. Nothing is written but the scratch, and of that
nothing stays.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    ExceptionContext,
    MetaData,
    Select,
    Table,
    bindparam,
    cast,
    create_engine,
    except_,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.event import listen

from collector.correlation import Catalog, Rules
from collector.correlation.incremental import Regrouping
from collector.errors import Unavailable
from collector.event import MACHINE
from collector.log import queries
from collector.people import amendments
from collector.projections import placing, tables
from collector.projections.grouping_store import SqlGroupingStore, index_row, write
from collector.projections.search import index_events
from collector.projections.shape import hindrances, next_number, rules_digest
from collector.projections.tables import put
from collector.schema.tables import Text, event
from collector.verification.scan import MOST, StoredDifference, cause

LISTS = "lists"
"""The table that differences of the lists are said to be in."""

_BATCH = 1_000
_CROWDED = 2_000
_SETTINGS = ("journal_mode = MEMORY", "synchronous = OFF")
"""Of the scratch, which nobody needs after a power cut."""
_LONGEST = 80
"""Characters of a value that a difference shows."""

_incident, _number = tables.incident.c, tables.incident_number.c
_numbered = tables.incident.join(tables.incident_number, _number.number == _incident.number)
_alive = (
    select(_incident.number, _incident.key)
    .select_from(_numbered)
    .where(_number.goes_by == _number.number)
    .subquery("alive")
)
_CURSOR = select(tables.cursor.c.position, tables.cursor.c.rules)
_ANCHORS = select(_number.number, _number.anchor).order_by(_number.number)
_SET_ASIDE = select(tables.set_aside)
_DUE = select(func.count()).select_from(tables.placement_due)
_NUMBERS = select(_number.number).where(_number.goes_by == _number.number).order_by(_number.number)
# Nothing is placed by the daemon's own facts: the last of a stop is never followed before the next start.
_BEHIND = (
    select(func.count()).select_from(event).where(event.c.position > bindparam("position"), event.c.source != MACHINE)
)


class RegroupingDifference(msgspec.Struct, frozen=True):
    """What came of it."""

    differences: tuple[StoredDifference, ...] = ()
    """Empty where the lists are what the log makes of them."""
    unseen: tuple[str, ...] = ()
    """What was not compared, and why."""


class _Listing(NamedTuple):
    """What is compared together: rows by their first columns."""

    subject: str
    statement: Select[Any]
    keys: int

    def name(self, number: int) -> str:
        """What a column is called."""
        return str(list(self.statement.selected_columns)[number].name)


def _by_incident(subject: str, table: Table, *columns: str) -> _Listing:
    """What a table says of each incident."""
    key = func.coalesce(_alive.c.key, literal("number ").concat(cast(table.c.number, Text)), type_=Text)
    statement = select(key.label("incident"), *(table.c[name] for name in columns)).join_from(
        table, _alive, _alive.c.number == table.c.number, isouter=True
    )
    return _Listing(subject, statement, 2)


_LISTINGS = (
    _Listing("event at position", select(tables.event_index), 1),
    _Listing("kind of event", select(tables.event_kind), 2),
    _Listing("grouping of event", select(tables.event_unit), 1),
    _Listing("influence of", select(tables.influence), 2),
    _Listing("signal", select(tables.signal), 1),
    _Listing("key of signal", select(tables.signal_key), 2),
    _Listing(
        "incident of",
        select(*(column for column in _incident if column.name not in ("number", "component")))
        .select_from(_numbered)
        .where(_number.goes_by == _number.number),
        1,
    ),
    _by_incident("key of incident", tables.incident_key, "key"),
    _by_incident("membership", tables.membership, "uid", "rule", "reason"),
    _by_incident("placement", tables.placement, "uid", "rule", "reason"),
    _Listing("service by reference", select(tables.ref_service), 2),
    _Listing("count of unjoined events by reason", select(tables.unjoined).where(tables.unjoined.c.events != 0), 1),
    _Listing("ignored statement", select(tables.ignored), 1),
)

_BY_PLACEMENT = ("placement", "count of unjoined events by reason")
"""What placements decide, and is not compared while some of them are still to be decided."""


def compare(connection: Connection, rules: Rules) -> RegroupingDifference:
    """Group the log again, up to where the lists follow it, and compare them with what comes of it.

    Takes as long as making the lists anew, on one consistent view. Raises nothing for what is damaged.
    """
    try:
        if reason := _not_comparable(connection, rules):
            return RegroupingDifference(unseen=(f"{LISTS}: {reason}",))
        with _scratch() as scratch:
            return _compared(connection, scratch, rules)
    except (OSError, Unavailable) as error:
        return RegroupingDifference(unseen=(f"{LISTS}: {error}",))
    except Exception as error:
        return RegroupingDifference(
            (StoredDifference(LISTS, 0, f"they cannot be compared: {type(error).__name__}: {cause(error)}"),)
        )


def _not_comparable(connection: Connection, rules: Rules) -> str:
    """Why there is nothing to compare now; empty where there is."""
    not_made, half_made = hindrances(connection)
    if not_made:
        return "another version made them, or none; the daemon of this version makes them anew"
    if half_made:
        return half_made
    followed = connection.execute(_CURSOR).one_or_none()
    if followed is None:
        return "they were not made yet"
    if followed.position and followed.rules != rules_digest(rules):
        return "they were grouped by other rules than the configuration's; timelined db rebuild applies these"
    return ""


@contextmanager
def _scratch() -> Iterator[Connection]:
    """Empty lists, gone afterwards; nobody else can read them meanwhile."""
    with tempfile.TemporaryDirectory(prefix="timelined-lists-") as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'lists.db'}")
        listen(engine, "handle_error", _no_room)
        try:
            with engine.connect() as connection:
                for setting in _SETTINGS:
                    connection.exec_driver_sql(f"PRAGMA {setting}")
                tables.metadata.create_all(connection)
                connection.commit()
                yield connection
        finally:
            engine.dispose()


def _no_room(context: ExceptionContext) -> None:
    """What fails in the scratch says nothing of the lists."""
    error = context.original_exception
    raise Unavailable(f"they cannot be compared in the folder for temporary files (TMPDIR): {error}")


def _compared(log: Connection, scratch: Connection, rules: Rules) -> RegroupingDifference:
    position = int(log.execute(_CURSOR).one().position)
    _take_numbers(log, scratch)
    _group(log, scratch, rules, position)
    unseen = _decide_placements(log, scratch, rules, position)
    differences: list[StoredDifference] = []
    for listing in _LISTINGS:
        if len(differences) < MOST and not (unseen and listing.subject in _BY_PLACEMENT):
            differences += _differing(listing, log, scratch)
    return RegroupingDifference(tuple(differences), tuple(unseen))


# --- grouping again ---------------------------------------------------------------------------------------------------


def _take_numbers(log: Connection, scratch: Connection) -> None:
    """Begin as a rebuild does: numbers stay with the events they hang on, and no incident goes by them yet."""
    put(scratch, tables.incident_number, [(row.number, row.anchor, None) for row in log.execute(_ANCHORS)])
    put(scratch, tables.set_aside, list(map(tuple, log.execute(_SET_ASIDE))))
    scratch.commit()


def _group(log: Connection, scratch: Connection, rules: Rules, until: int) -> None:
    """Take in everything up to a position, as the follower does."""
    groups, catalog = Regrouping(rules), Catalog(rules)
    groups.forget(complete=True, settled=next_number(scratch))
    aside = {row.position for row in scratch.execute(_SET_ASIDE)}
    position = 0
    begin = {"one": 1, "position": position, "quiet": 0, "settled": 0, "rules": "", "leaf": b""}
    scratch.execute(insert(tables.cursor), begin)
    while position < until:
        events = queries.read(log, position, min(_BATCH, until - position))
        if not events:
            raise ValueError(f"the log ends at position {position}, and the lists follow it up to {until}")
        groups.evict(_CROWDED)
        grouped = (e for e in events if e.source != MACHINE and e.position not in aside)
        write(scratch, groups.take(grouped, SqlGroupingStore(scratch, log)))
        index_events(scratch, [index_row(e, catalog, aside=e.position in aside) for e in events])
        position = events[-1].position
        scratch.execute(update(tables.cursor).values(position=position))
        scratch.commit()


def _decide_placements(log: Connection, scratch: Connection, rules: Rules, position: int) -> list[str]:
    """Decide every placement again; what keeps kept ones from being compared with that."""
    behind = int(log.execute(_BEHIND, {"position": position}).scalar_one())
    due = int(log.execute(_DUE).scalar_one())
    if behind or due:
        return [f"placements in the {LISTS}: {behind} events and {due} incidents are still to be followed"]
    deciding = placing.Deciding(scratch, rules, Catalog(rules), log)
    for number in list(scratch.execute(_NUMBERS).scalars()):
        placing.write_decisions(scratch, [deciding.decide(number)], position)
    scratch.commit()
    return []


# --- comparing --------------------------------------------------------------------------------------------------------


def _differing(listing: _Listing, log: Connection, scratch: Connection) -> list[StoredDifference]:
    """What differs, each row once; not many more than :data:`MOST`."""
    columns = [Column(column.name, column.type) for column in listing.statement.selected_columns]
    stored = Table("stored", MetaData(), *columns, prefixes=["TEMPORARY"])
    stored.create(scratch)
    for rows in log.execute(listing.statement).mappings().partitions(_BATCH):
        scratch.execute(insert(stored), list(map(dict, rows)))
    stored_rows = _only_in(select(stored), listing.statement, listing, scratch)
    made_rows = _only_in(listing.statement, select(stored), listing, scratch)
    stored.drop(scratch)
    scratch.commit()
    sentences = (
        _sentence(listing, key, stored_rows.get(key), made_rows.get(key)) for key in sorted({*stored_rows, *made_rows})
    )
    return [StoredDifference(LISTS, 0, sentence) for sentence in sentences if sentence]


def _only_in(
    one: Select[Any], other: Select[Any], listing: _Listing, scratch: Connection
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = scratch.execute(except_(one, other).limit(MOST))
    return {tuple(row[: listing.keys]): tuple(row) for row in rows}


def _sentence(listing: _Listing, key: tuple[Any, ...], stored_row: Any, fresh_row: Any) -> str:
    """What differs in one row; empty where it is only what an erasure put in a reason's place."""
    name = f"{listing.subject} {' '.join(map(_value_text, key))}"
    if stored_row is None:
        return f"{name} is missing"
    if fresh_row is None:
        return f"{name} is there, and does not follow from the log"
    differing = [number for number in range(listing.keys, len(stored_row)) if stored_row[number] != fresh_row[number]]
    if [listing.name(number) for number in differing] == ["reason"] and stored_row[differing[0]] == amendments.ERASED:
        return ""
    differences = (
        f"{listing.name(n)} is {_value_text(stored_row[n])}, and not {_value_text(fresh_row[n])}" for n in differing
    )
    return f"{name}: {'; '.join(differences)}"


def _value_text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bytes):
        return f"{len(value)} other bytes"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
