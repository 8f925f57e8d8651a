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
from sqlalchemy import Connection, ExceptionContext, create_engine
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
from collector.projections.shape import remaking, rules_digest, unusable
from collector.projections.tables import put
from collector.verification.scan import MOST, StoredDifference, cause

LISTS = "lists"
"""The table that differences of the lists are said to be in."""

_BATCH = 1_000
_CROWDED = 2_000
_SETTINGS = ("journal_mode = MEMORY", "synchronous = OFF")
"""Of the scratch, which nobody needs after a power cut."""
_LONGEST = 80
"""Characters of a value that a difference shows."""

_ALIVE = "(SELECT number, key FROM incident JOIN incident_number USING (number) WHERE goes_by = number) AS alive"
_KEY = "coalesce(alive.key, 'number ' || {0}.number)"


class RegroupingDifference(msgspec.Struct, frozen=True):
    """What came of it."""

    differences: tuple[StoredDifference, ...] = ()
    """Empty where the lists are what the log makes of them."""
    unseen: tuple[str, ...] = ()
    """What was not compared, and why."""


class _Listing(NamedTuple):
    """What is compared together: rows by their first columns."""

    what: str
    columns: str
    keys: int
    rest: str

    @property
    def statement(self) -> str:
        return f"SELECT {self.columns} {self.rest}"

    def name(self, number: int) -> str:
        """What a column is called."""
        return self.columns.split(", ")[number].rpartition(".")[2]


def _by_incident(what: str, table: str, column: str, rest: str = "") -> _Listing:
    """What a table says of each incident."""
    # The name of a key must not hold a comma and a blank, by which columns are told apart.
    key = _KEY.format(table).replace(", ", ",")
    return _Listing(what, f"{key}, {table}.{column}{rest}", 2, f"FROM {table} LEFT JOIN {_ALIVE} USING (number)")


_LISTINGS = (
    _Listing(
        "event at position",
        "position, id, revision, type, family, source, service, entity, occurred_at, received_at", 1,
        "FROM event_index",
    ),
    _Listing("kind of event", "source, type, family", 2, "FROM event_kind"),
    _Listing("grouping of event", "event, unit, fold", 1, "FROM event_unit"),
    _Listing("influence of", "fold, event", 2, "FROM influence"),
    _Listing(
        "signal", "uid, kind, opening, fold, start, last, ended, service, environment, events, missed, body", 1,
        "FROM signal",
    ),
    _Listing("key of signal", "key, uid, start, cover", 2, "FROM signal_key"),
    _Listing(
        "incident of",
        "key, title, started_at, ended_at, last_at, services, environments, severity, lead, events, low, high", 1,
        "FROM incident JOIN incident_number USING (number) WHERE goes_by = number",
    ),
    _by_incident("key of incident", "incident_key", "key"),
    _by_incident("membership", "membership", "uid", ", rule, reason"),
    _by_incident("placement", "placement", "uid", ", rule, reason"),
    _Listing("service by reference", "token, service, count", 2, "FROM ref_service"),
    _Listing("count of unjoined events by reason", "reason, events", 1, "FROM unjoined WHERE events <> 0"),
    _Listing("ignored statement", "event, reason", 1, "FROM ignored"),
)  # fmt: skip

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
    if unusable(connection):
        return "another version made them, or none; the daemon of this version makes them anew"
    if reason := remaking(connection):
        return reason
    row = connection.exec_driver_sql("SELECT position, rules FROM cursor").one_or_none()
    if row is None:
        return "they were not made yet"
    if row[0] and row[1] != rules_digest(rules):
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
    position = int(log.exec_driver_sql("SELECT position FROM cursor").scalar_one())
    _take_numbers(log, scratch)
    _group(log, scratch, rules, position)
    unseen = _place(log, scratch, rules, position)
    found: list[StoredDifference] = []
    for listing in _LISTINGS:
        if len(found) < MOST and not (unseen and listing.what in _BY_PLACEMENT):
            found += _differing(listing, log, scratch)
    return RegroupingDifference(tuple(found), tuple(unseen))


# --- grouping again ---------------------------------------------------------------------------------------------------


def _take_numbers(log: Connection, scratch: Connection) -> None:
    """Begin as a rebuild does: numbers stay with the events they hang on, and no incident goes by them yet."""
    rows = log.exec_driver_sql("SELECT number, anchor FROM incident_number ORDER BY number")
    put(scratch, tables.incident_number, [(number, anchor, None) for number, anchor in rows])
    aside = log.exec_driver_sql("SELECT position, event, error FROM set_aside")
    put(scratch, tables.set_aside, list(map(tuple, aside)))
    scratch.commit()


def _group(log: Connection, scratch: Connection, rules: Rules, until: int) -> None:
    """Take in everything up to a position, as the follower does."""
    groups, catalog = Regrouping(rules), Catalog(rules)
    settled = scratch.exec_driver_sql("SELECT coalesce(max(number), 0) + 1 FROM incident_number").scalar_one()
    groups.forget(complete=True, settled=int(settled))
    aside = set(scratch.exec_driver_sql("SELECT position FROM set_aside").scalars())
    position = 0
    while position < until:
        events = queries.read(log, position, min(_BATCH, until - position))
        if not events:
            raise ValueError(f"the log ends at position {position}, and the lists follow it up to {until}")
        groups.evict(_CROWDED)
        grouped = (e for e in events if e.source != MACHINE and e.position not in aside)
        write(scratch, groups.take(grouped, SqlGroupingStore(scratch, log)))
        index_events(scratch, [index_row(e, catalog, aside=e.position in aside) for e in events])
        position = events[-1].position
        put(scratch, tables.cursor, [(1, position, 0, 0, "", b"")])
        scratch.commit()


def _place(log: Connection, scratch: Connection, rules: Rules, position: int) -> list[str]:
    """Decide every placement again; what keeps kept ones from being compared with that."""
    # Nothing is placed by the daemon's own facts: the last of a stop is never followed before the next start.
    statement = "SELECT count(*) FROM event WHERE position > ? AND source <> ?"
    behind = int(log.exec_driver_sql(statement, (position, MACHINE)).scalar_one())
    due = int(log.exec_driver_sql("SELECT count(*) FROM placement_due").scalar_one())
    if behind or due:
        return [f"placements in the {LISTS}: {behind} events and {due} incidents are still to be followed"]
    deciding = placing.Deciding(scratch, rules, Catalog(rules), log)
    numbers = scratch.exec_driver_sql("SELECT number FROM incident_number WHERE goes_by = number ORDER BY number")
    for number in list(numbers.scalars()):
        placing.write_decisions(scratch, [deciding.decide(number)], position)
    scratch.commit()
    return []


# --- comparing --------------------------------------------------------------------------------------------------------


def _differing(listing: _Listing, log: Connection, scratch: Connection) -> list[StoredDifference]:
    """What differs, each row once; not many more than :data:`MOST`."""
    width = len(listing.columns.split(", "))
    scratch.exec_driver_sql("DROP TABLE IF EXISTS kept")
    scratch.exec_driver_sql(f"CREATE TEMP TABLE kept ({', '.join(f'c{number}' for number in range(width))})")
    statement = f"INSERT INTO kept VALUES ({', '.join('?' * width)})"  # noqa: S608 - marks
    for rows in log.exec_driver_sql(listing.statement).partitions(_BATCH):
        scratch.exec_driver_sql(statement, [tuple(row) for row in rows])
    kept = _only_in("SELECT * FROM kept", listing.statement, listing, scratch)
    made = _only_in(listing.statement, "SELECT * FROM kept", listing, scratch)
    scratch.commit()
    sentences = (_sentence(listing, key, kept.get(key), made.get(key)) for key in sorted({*kept, *made}))
    return [StoredDifference(LISTS, 0, sentence) for sentence in sentences if sentence]


def _only_in(one: str, other: str, listing: _Listing, scratch: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = scratch.exec_driver_sql(f"{one} EXCEPT {other} LIMIT {MOST}")
    return {tuple(row[: listing.keys]): tuple(row) for row in rows}


def _sentence(listing: _Listing, key: tuple[Any, ...], kept: Any, made: Any) -> str:
    """What differs in one row; empty where it is only what an erasure put in a reason's place."""
    name = f"{listing.what} {' '.join(map(_shown, key))}"
    if kept is None:
        return f"{name} is missing"
    if made is None:
        return f"{name} is there, and does not follow from the log"
    differing = [number for number in range(listing.keys, len(kept)) if kept[number] != made[number]]
    if [listing.name(number) for number in differing] == ["reason"] and kept[differing[0]] == amendments.ERASED:
        return ""
    parts = (f"{listing.name(n)} is {_shown(kept[n])}, and not {_shown(made[n])}" for n in differing)
    return f"{name}: {'; '.join(parts)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bytes):
        return f"{len(value)} other bytes"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
