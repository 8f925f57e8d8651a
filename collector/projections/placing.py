"""Placements, kept: which incidents are due, what they are decided by, and what changed.

:mod:`collector.correlation.placing` decides. Here its facts are read out of the
lists and the log, and its answers are written. Everything happens on an open
connection, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.correlation import Catalog, Rules
from collector.correlation.changes import Changes
from collector.correlation.placing import EARLIER, Candidate, Engagement, Placement, Scene, place, responders
from collector.event import RecordedEvent, current, reading_order
from collector.log import queries
from collector.projections import tables
from collector.projections.tables import put, remove
from collector.projections.unjoined import recounted
from collector.storage.sql import select_in

CANDIDATES = 500
"""The most things that joined nothing which are looked at for one incident, the closest to its start."""
ACTS = 2_000
"""The most acts of people in other incidents at the same time that are looked at for one incident."""

_FAMILIES = "('page', 'note', 'chat', 'status', 'change', 'observation', 'incident', 'mark', 'action', 'report')"
_ACTS = ("page", "note", "chat", "status", "mark", "incident")
_ACTING = str(_ACTS)


_names = msgspec.json.Decoder(tuple[str, ...]).decode


class Moved(msgspec.Struct, frozen=True):
    """A candidate that came into an incident or left it."""

    uid: str
    number: int
    start: int
    before: Placement | None
    """None where it was not placed in the incident."""
    after: Placement | None
    """None where it is not placed in the incident any more."""


class Decision(msgspec.Struct, frozen=True):
    """One incident's placements, decided anew."""

    number: int
    alive: bool
    """Whether an incident goes by the number."""
    key: str
    placed: Mapping[str, Placement]
    starts: Mapping[str, int]


# --- which are due ----------------------------------------------------------------------------------------------------


class FormerPlacing:
    """What placements hang on and a round is about to change, as it was."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self.spans = _spans(connection, changes)
        touched = sorted({*changes.units, *changes.dropped, *changes.moves})
        self.loose: set[int] = {start for (start,) in select_in(connection, _LOOSE, touched)}
        """When what joined nothing happened."""


def note_due(
    connection: Connection, changes: Changes, before: FormerPlacing, first: int, last: int, rules: Rules
) -> None:
    """After a round of these positions is written: note every incident that it may place something in.

    That is what changed itself, what is near something that joined nothing or did so before, and what overlaps an
    incident that began, ended or went elsewhere than before: what people do in one may be none of another's.
    """
    execute = connection.exec_driver_sql
    numbers = {*changes.incidents, *changes.numbers}
    touched = sorted({*changes.units, *changes.dropped, *changes.moves})
    numbers.update(n for (n,) in select_in(connection, _OF_UNITS, touched))
    loose = {*before.loose, *execute(_LOOSE_AT, (first, last)).scalars()}
    loose.update(start for (start,) in select_in(connection, _LOOSE, touched))
    for start in loose:
        numbers.update(execute(_OVERLAPPING, (start - rules.follow_up, start + EARLIER) * 2).scalars())
    for low, high in _differing(before.spans, _spans(connection, changes)):
        numbers.update(execute(_ONGOING, (low, high) * 2).scalars())
    numbers.update(execute(_OF_POSITIONS, (first, last) * 2).scalars())
    acting = sorted(_acting(connection, changes, first, last))
    for reaching in _REACHING:
        numbers.update(n for (n,) in select_in(connection, _BESIDE + reaching, acting))
    put(connection, tables.placement_due, [(number,) for number in sorted(numbers)], keep=True)


_KINDS = "('change', 'observation', 'note')"
_OF_UNITS = "SELECT DISTINCT number FROM placement WHERE uid IN ({})"
_LOOSE = f"SELECT start FROM signal WHERE uid IN ({{}}) AND missed <> '' AND kind IN {_KINDS}"  # noqa: S608 - a constant
# CROSS JOIN has SQLite begin with what few rows are asked for, however many there are in all.
_LOOSE_AT = f"""SELECT DISTINCT start FROM event_index CROSS JOIN event_unit CROSS JOIN signal
    WHERE event = id AND uid = unit AND position BETWEEN ? AND ? AND missed <> '' AND kind IN {_KINDS}"""  # noqa: S608 - a constant
# People may say that it was over later than any signal reaches. What reaches a moment is few of all incidents, and what
# began before it is most: a sign before a column has SQLite look by the other one.
_OVERLAPPING = """SELECT number FROM incident WHERE high >= ? AND +started_at <= ? UNION
    SELECT number FROM incident WHERE ended_at > high AND ended_at >= ? AND +started_at <= ?"""
_ALIVE = """SELECT incident.number, started_at, coalesce(ended_at, high) FROM incident
    CROSS JOIN incident_number AS known WHERE known.number = incident.number AND goes_by = known.number AND"""
_OTHERS = f"""{_ALIVE} high >= ? AND +started_at <= ? UNION
    {_ALIVE} ended_at > high AND ended_at >= ? AND +started_at <= ?"""
_DURING = f"""SELECT number FROM signal CROSS JOIN incident
    WHERE start BETWEEN ? AND ? AND missed <> '' AND kind IN {_KINDS} AND +started_at <= start AND"""  # noqa: S608
_ONGOING = f"{_DURING} high >= start UNION {_DURING} ended_at > high AND ended_at >= start"
_OF_POSITIONS = f"SELECT DISTINCT number FROM {tables.MEMBERS_AT} AS member"  # noqa: S608 - a constant of ours
_ACTING_AT = """SELECT DISTINCT number, family FROM event_index CROSS JOIN event_unit CROSS JOIN membership
    WHERE event = id AND uid = unit AND position BETWEEN ? AND ?"""
_ACTING_UNITS = "SELECT uid FROM signal WHERE uid IN ({}) AND kind IN ('page', 'report', 'note', 'fact')"
_UNTIL = "CASE WHEN {0}.ended_at > {0}.high THEN {0}.ended_at ELSE {0}.high END"
# Who takes part in one incident may not count as a responder of another at the same time.
_BESIDE = f"""SELECT other.number FROM incident AS mine CROSS JOIN incident AS other
    WHERE mine.number IN ({{}}) AND +other.started_at <= {_UNTIL.format("mine")} AND EXISTS (
        SELECT 1 FROM signal WHERE missed <> '' AND kind IN {_KINDS}
        AND start BETWEEN other.started_at AND {_UNTIL.format("other")}
    ) AND """  # noqa: S608 - a constant of ours
_REACHING = ("other.high >= mine.started_at", "other.ended_at > other.high AND other.ended_at >= mine.started_at")


def _spans(connection: Connection, changes: Changes) -> dict[int, tuple[int, int]]:
    """From when until when the incidents of a round last; those that went elsewhere are not there."""
    statement = """SELECT number, started_at, coalesce(ended_at, high) FROM incident JOIN incident_number USING (number)
        WHERE goes_by = number AND number IN ({})"""
    rows = select_in(connection, statement, sorted({*changes.incidents, *changes.numbers}))
    return {int(number): (int(start), int(end)) for number, start, end in rows}


def _differing(
    before: Mapping[int, tuple[int, int]], after: Mapping[int, tuple[int, int]]
) -> list[tuple[int, int]]:  # fmt: skip
    """The times in which an incident lasts now and did not, or did and does not now; what overlaps is one."""
    found: list[tuple[int, int]] = []
    for number in before.keys() | after.keys():
        old, new = before.get(number), after.get(number)
        if old is None or new is None:
            found += [span for span in (old, new) if span is not None]
        else:
            found += [(min(pair), max(pair)) for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _acting(connection: Connection, changes: Changes, first: int, last: int) -> set[int]:
    """Incidents in which people did something else than before."""
    at = connection.exec_driver_sql(_ACTING_AT, (first, last))
    numbers = {number for number, family in at if family in _ACTS}
    acts = {uid for (uid,) in select_in(connection, _ACTING_UNITS, sorted(changes.moves))}
    for uid in changes.moves.keys() & {*acts, *changes.dropped}:
        numbers |= changes.moves[uid].before | changes.moves[uid].after
    return numbers


def due(connection: Connection, limit: int = 50) -> list[int]:
    """Numbers whose placements are to be decided again, the smallest first."""
    statement = "SELECT number FROM placement_due ORDER BY number LIMIT ?"
    return list(connection.exec_driver_sql(statement, (limit,)).scalars())


# --- deciding ---------------------------------------------------------------------------------------------------------


class Deciding:
    """Reads what placements are decided by; ``log`` is another connection, to the events."""

    def __init__(
        self, connection: Connection, rules: Rules, catalog: Catalog, log: Connection | None = None
    ) -> None:  # fmt: skip
        self._connection, self._rules, self._catalog = connection, rules, catalog
        self._log = log or connection

    def decide(self, number: int) -> Decision:
        """What belongs to an incident, or followed it, beyond what service and references say."""
        statement = """SELECT key, started_at, ended_at, low, high, services FROM incident
            JOIN incident_number USING (number) WHERE number = ? AND goes_by = number"""
        row = self._connection.exec_driver_sql(statement, (number,)).one_or_none()
        if row is None:
            return Decision(number=number, alive=False, key="", placed={}, starts={})
        key, started_at, ended_at, low, high, services = row
        candidates = self._candidates(number, started_at, (high if ended_at is None else ended_at))
        placed: dict[str, Placement] = {}
        if candidates:
            shown = {self._catalog.key(name): name for name in _names(services)}
            scene = Scene(
                started_at=started_at, ended_at=ended_at, low=low, high=high, services=shown,
                events=self._scene_events(number),
            )  # fmt: skip
            others = self._others(number, started_at, max(high, ended_at or high))
            spans = [(start, end) for _, start, end in others]
            engagements = self._engagements(others)
            placed = place(
                scene,
                candidates,
                engagements,
                self._catalog.person,
                spans,
                follow_up=self._rules.follow_up,
                listed=self._catalog.people.listed,
            )
        return Decision(number=number, alive=True, key=key, placed=placed, starts={c.uid: c.start for c in candidates})

    def _candidates(self, number: int, started_at: int, until: int) -> list[Candidate]:
        statement = """SELECT uid, start, last, missed, service FROM signal WHERE missed <> '' AND start BETWEEN ? AND ?
            AND kind IN ('change', 'observation', 'note') ORDER BY abs(start - ?), uid LIMIT ?"""
        values = (started_at - EARLIER, until + self._rules.follow_up, started_at, CANDIDATES)
        rows = list(self._connection.exec_driver_sql(statement, values))
        if not rows:
            return []
        events = self._events_of([row[0] for row in rows])
        services = self._services(number)
        return [
            Candidate(
                uid=uid, start=start, last=last, missed=missed, events=events[uid],
                elsewhere=self._elsewhere(service, events[uid], services),
            )
            for uid, start, last, missed, service in rows
            if uid in events
        ]  # fmt: skip

    def _events_of(self, uids: Sequence[str]) -> dict[str, tuple[RecordedEvent, ...]]:
        rows = list(select_in(self._connection, "SELECT event, unit FROM event_unit WHERE unit IN ({})", uids))
        units = dict(map(tuple, rows))
        events: dict[str, list[RecordedEvent]] = {}
        for event in self._current(list(units)):
            events.setdefault(units[event.id], []).append(event)
        return {uid: tuple(listed) for uid, listed in events.items()}

    def _current(self, ids: Sequence[str]) -> list[RecordedEvent]:
        return sorted(current(queries.read_ids(self._log, ids)), key=reading_order)

    def _services(self, number: int) -> set[str]:
        statement = "SELECT substr(key, 9) FROM incident_key WHERE number = ? AND key LIKE 'service:%'"
        return set(self._connection.exec_driver_sql(statement, (number,)).scalars())

    def _elsewhere(self, service: str | None, events: Iterable[RecordedEvent], services: set[str]) -> bool:
        """Whether the catalog, or deployments that named a service, show that it is of none of these services."""
        owners = {service} if service else self._owners(events)
        related = {other for owner in owners for other in (owner, *self._catalog.neighbours(owner))}
        return bool(owners) and related.isdisjoint(services)

    def _owners(self, events: Iterable[RecordedEvent]) -> set[str]:
        owners: set[str] = set()
        for ref in {ref for event in events for ref in event.refs if ref.startswith("repository:")}:
            owners |= self._catalog.deploys(ref.partition(":")[2])
            statement = "SELECT service FROM ref_service WHERE token = ?"
            owners.update(self._connection.exec_driver_sql(statement, (ref,)).scalars())
        return owners

    def _scene_events(self, number: int) -> tuple[RecordedEvent, ...]:
        # CROSS JOIN has SQLite begin with the incident; it would read all there ever was of these families first.
        statement = f"""SELECT DISTINCT id FROM membership CROSS JOIN event_unit CROSS JOIN event_index
            WHERE number = ? AND unit = uid AND id = event AND family IN {_FAMILIES}"""  # noqa: S608 - a constant
        ids = list(self._connection.exec_driver_sql(statement, (number,)).scalars())
        return tuple(self._current(ids))

    def _others(self, number: int, low: int, high: int) -> list[tuple[int, int, int]]:
        """The other incidents that overlap this time: number, start and end."""
        rows = self._connection.exec_driver_sql(_OTHERS, (low, high) * 2)
        found = [(int(other), int(start), int(end)) for other, start, end in rows]
        return sorted(other for other in found if other[0] != number)

    def _engagements(self, others: Sequence[tuple[int, int, int]]) -> list[Engagement]:
        spans = {number: (start, end) for number, start, end in others}
        statement = f"""SELECT DISTINCT number, id FROM membership CROSS JOIN event_unit CROSS JOIN event_index
            WHERE number IN ({{}}) AND unit = uid AND id = event AND family IN {_ACTING}"""  # noqa: S608 - a constant
        found = map(tuple, select_in(self._connection, statement, list(spans)))
        # A number says only which incident was seen first.
        acts = sorted(found, key=lambda act: (spans[act[0]], act[1]))[:ACTS]
        events = {event.id: event for event in self._current([event for _, event in acts])}
        engagements: list[Engagement] = []
        for number, event in acts:
            if event in events:
                people = responders([events[event]], self._catalog.person)
                engagements += [Engagement(person, *spans[number]) for person in people]
        return engagements


# --- writing ----------------------------------------------------------------------------------------------------------


def write_decisions(connection: Connection, decisions: Sequence[Decision], position: int) -> list[Moved]:
    """Write them in the place of what was decided before; what moved.

    ``position`` is how far the log was followed: drafts of incidents in which something moved are news from there on.
    """
    moved: list[Moved] = []
    for decision in decisions:
        before = _before(connection, decision.number)
        gone = [(uid, decision.number) for uid in before.keys() - decision.placed.keys()]
        fresh = {uid: p for uid, p in decision.placed.items() if before.get(uid) != p}
        placed = [(uid, decision.number, p.rule, p.reason) for uid, p in sorted(fresh.items())]
        with recounted(connection, [*(uid for uid, _ in gone), *fresh]):
            remove(connection, gone, tables.placement.c.uid, tables.placement.c.number)
            put(connection, tables.placement, placed)
        for uid in sorted({*(uid for uid, _ in gone), *fresh}):
            start = decision.starts.get(uid, _start_of(uid))
            moved.append(Moved(uid, decision.number, start, before.get(uid), decision.placed.get(uid)))
    put(connection, tables.incident_news, [(number, position) for number in sorted({m.number for m in moved})])
    remove(connection, [(decision.number,) for decision in decisions], tables.placement_due.c.number)
    return moved


def _start_of(uid: str) -> int:
    """When the event of this id happened, to the millisecond: for what is not there any more, µs."""
    return int(uid[:12], 16) * 1000


def _before(connection: Connection, number: int) -> dict[str, Placement]:
    rows: Any = connection.exec_driver_sql("SELECT uid, rule, reason FROM placement WHERE number = ?", (number,))
    return {uid: Placement(rule, reason) for uid, rule, reason in rows}
