"""What lists say of many incidents together: alerts by their exact identity, what opened incidents, late senders.

Everything is counted from what is on record, and what is not known is counted
as that. Nothing is estimated, and no mean is made of lengths: they have no
typical value that a mean would be near.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec
from sqlalchemy import Connection

from collector.correlation.signals import SEPARATOR, Unit
from collector.event import MACHINE, PEOPLE
from collector.projections.tables import MEMBER
from collector.storage.sql import select_in

MOST = 20_000
"""The most episodes and the most events that are looked at; the newest ones."""

_decode = msgspec.msgpack.Decoder(Unit).decode
_ANSWERS = ("note", "status", "chat", "mark", "action")
"""Families of what people say in an incident; beside them, a page that somebody acknowledged."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of one source, by its fingerprint, and what became of it."""

    event: str
    """The event that began its newest episode."""
    title: str
    service: str
    source: str
    episodes: int
    lengths: Sequence[int]
    """How long each of those took whose end was told, µs."""
    alone: int
    """How many of its episodes are in no incident."""
    incidents: Sequence[int]
    """Those that its episodes are in, by number."""
    answered: Sequence[int]
    """Those of them in which a person acknowledged a page or said anything."""

    @property
    def usual(self) -> int | None:
        """The median of the lengths, µs; None where no end was told."""
        return int(median(self.lengths)) if self.lengths else None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An incident, and what its first opening event was."""

    number: int
    started_at: int
    family: str
    """``alert``, ``page``, ``incident`` for a report, or what else it was; empty where that is not known."""


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """How long after it happened a source told what it told, µs."""

    source: str
    events: int
    median: int
    most: int
    latest: str
    """The event that came latest."""
    ninety_ninth: int | None
    """What 99 of 100 were not above; None of fewer than 100."""


class Across(msgspec.Struct, frozen=True, kw_only=True):
    """Many incidents."""

    identities: Sequence[Identity]
    """Those that fired most often first."""
    episodes: int
    """How many episodes were looked at."""
    whole: bool
    """Whether those are all of the period."""
    opened: Sequence[Opened]
    late: Sequence[Lateness]
    """The slowest first; of the newest events, whenever they happened."""


def read(connection: Connection, since: int, until: int) -> Across:
    """Of what began from ``since`` until before ``until``, µs."""
    statement = f"""SELECT body, number FROM (SELECT uid, body, start FROM signal WHERE start >= ? AND start < ?
        AND kind = 'alert' ORDER BY start DESC LIMIT {MOST + 1}) AS found LEFT JOIN {MEMBER} AS member USING (uid)
        ORDER BY start DESC"""  # noqa: S608 - constants of ours
    rows = [(_decode(body), number) for body, number in connection.exec_driver_sql(statement, (since, until))]
    episodes = len({unit.uid for unit, _ in rows})
    return Across(
        identities=_identities(connection, rows),
        episodes=min(episodes, MOST),
        whole=episodes <= MOST,
        opened=_opened(connection, since, until),
        late=_late(connection),
    )


def _identities(connection: Connection, rows: Sequence[tuple[Unit, int | None]]) -> list[Identity]:
    places: dict[str, set[int]] = defaultdict(set)
    units: dict[str, Unit] = {}
    for unit, number in rows:
        units.setdefault(unit.uid, unit)
        if number is not None:
            places[unit.uid].add(number)
    answered = _answered(connection, sorted({number for numbers in places.values() for number in numbers}))
    folds: dict[str, list[Unit]] = defaultdict(list)
    for unit in units.values():
        folds[unit.fold].append(unit)
    found = [_identity(each, places, answered) for each in folds.values()]
    return sorted(found, key=lambda one: (-one.episodes, one.title, one.event))


def _identity(units: Sequence[Unit], places: Mapping[str, set[int]], answered: set[int]) -> Identity:
    numbers = sorted({number for unit in units for number in places.get(unit.uid, ())})
    newest = units[0]
    return Identity(
        event=newest.uid, title=newest.title, service=newest.service_name, source=newest.fold.split(SEPARATOR)[1],
        episodes=len(units), lengths=[unit.end - unit.start for unit in units if unit.end is not None],
        alone=sum(1 for unit in units if not places.get(unit.uid)), incidents=numbers,
        answered=[number for number in numbers if number in answered],
    )  # fmt: skip


def _answered(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """The incidents in which a person acknowledged a page or said anything."""
    families = ", ".join(f"'{family}'" for family in _ANSWERS)
    statement = f"""SELECT DISTINCT number FROM {MEMBER} AS member JOIN event_unit ON unit = uid
        JOIN event_index ON id = event WHERE number IN ({{}})
        AND (source = '{PEOPLE}' OR family IN ({families}) OR type = 'page.acknowledged')"""  # noqa: S608 - constants
    return {int(number) for (number,) in select_in(connection, statement, numbers)}


def _opened(connection: Connection, since: int, until: int) -> list[Opened]:
    statement = """SELECT incident.number, started_at, (SELECT family FROM event_index WHERE id = incident.key
        AND revision = 0) FROM incident JOIN incident_number USING (number)
        WHERE goes_by = incident.number AND started_at >= ? AND started_at < ? ORDER BY started_at"""
    rows: Iterable[tuple[int, int, str | None]] = connection.exec_driver_sql(statement, (since, until))
    return [Opened(number=number, started_at=at, family=family or "") for number, at, family in rows]


def _late(connection: Connection) -> list[Lateness]:
    last = int(connection.exec_driver_sql("SELECT coalesce(max(position), 0) FROM event_index").scalar_one())
    statement = """SELECT source, received_at - occurred_at, id FROM event_index
        WHERE position > ? AND revision = 0 AND source <> ? AND source <> ? ORDER BY position"""
    behind: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for source, length, event in connection.exec_driver_sql(statement, (last - MOST, MACHINE, PEOPLE)):
        behind[source].append((int(length), event))
    found = [_lateness(source, sorted(each)) for source, each in behind.items()]
    return sorted(found, key=lambda one: (-one.median, one.source))


def _lateness(source: str, behind: Sequence[tuple[int, str]]) -> Lateness:
    lengths = [length for length, _ in behind]
    rank = -(-len(lengths) * 99 // 100) - 1
    return Lateness(
        source=source, events=len(lengths), median=int(median(lengths)), most=lengths[-1], latest=behind[-1][1],
        ninety_ninth=lengths[rank] if len(lengths) >= 100 else None,
    )  # fmt: skip
