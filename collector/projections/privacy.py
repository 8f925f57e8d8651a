"""Who may read of what: incidents that are private to groups, hidden from all other readers in one place.

An incident is private by what people stated of it (``incident.restricted``);
what is private belongs to it and to no incident that the reader may see. A
reader who may not read of it reads over a connection on which none of it is:
lists, counts, searches and what names it are as if it had never been. What is
not grouped yet is hidden with it, since nobody can say where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, select

from collector.event import PEOPLE, RESTRICTED, RecordedEvent, current, is_erased, is_retracted
from collector.log import EventLog, queries
from collector.projections.shape import position
from collector.projections.tables import event_index, event_kind, event_unit, incident, incident_number, member
from collector.schema.tables import event as stored
from collector.storage.sql import AMONG, Shadowed, select_among

READER: ContextVar[frozenset[str] | None] = ContextVar("reader", default=None)
"""The groups of whoever reads now; None: the daemon itself and whoever may read everything."""
ERASED = "(erased)"
"""Stands for a group whose name was erased: nobody has it, so only who may read everything reads on."""

Groups = frozenset[str]
T = TypeVar("T")


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader may not see."""

    numbers: frozenset[int] = frozenset()
    """Incidents, those that were merged into them included."""
    events: frozenset[str] = frozenset()
    """Ids of events."""
    deliveries: frozenset[int] = frozenset()
    """Numbers of the deliveries that told one of those events first."""
    position: int = 0
    """The last position that is grouped; what comes after it may belong to a hidden incident."""

    def __bool__(self) -> bool:
        return bool(self.numbers)


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """What is private in one view of the lists."""

    groups: Mapping[int, Groups] = {}
    """Incident → the groups of which a reader needs every one. Incidents that everybody may read are left out."""
    keys: Mapping[int, tuple[str, ...]] = {}
    """Incident → the events by which it was made private."""
    position: int = 0

    def shown(self, number: int) -> str | None:
        """The groups of an incident in words; None where everybody may read of it."""
        return ", ".join(sorted(self.groups[number])) if number in self.groups else None

    def kept_from(self, reader: Groups | None) -> frozenset[int]:
        """The incidents that somebody in these groups may not read of."""
        return frozenset() if reader is None else frozenset(n for n, each in self.groups.items() if not each <= reader)


OPEN = Privacy()

_in_incidents = event_unit.join(member, member.c.uid == event_unit.c.unit)
_IS_STATED = select(event_kind.c.type).where(event_kind.c.source == PEOPLE, event_kind.c.type == bindparam("type"))
_STATED = (
    select(event_index.c.id).distinct().where(event_index.c.source == PEOPLE, event_index.c.type == bindparam("type"))
)
_NUMBERS_OF = (
    select(event_unit.c.event, member.c.number).select_from(_in_incidents).where(event_unit.c.event.in_(AMONG))
)
_MERGED_INTO = select(incident_number.c.number).where(incident_number.c.goes_by.in_(AMONG))
_POSITIONS = select(event_index.c.position).where(event_index.c.id.in_(AMONG))
_DELIVERIES = select(stored.c.delivery).where(stored.c.position.in_(AMONG))
_INSIDE = select(event_unit.c.event, member.c.uid).select_from(_in_incidents).where(member.c.number.in_(AMONG))
_MEMBERS = select(member.c.uid, member.c.number).where(member.c.uid.in_(AMONG))
_KEYS = select(incident.c.key).where(incident.c.number.in_(AMONG))
_OF_ENTITIES = select(event_index.c.id).where(event_index.c.entity.in_(AMONG))


def read(connection: Connection) -> Privacy:
    """What is private, by what people stated so far."""
    if connection.execute(_IS_STATED, {"type": RESTRICTED}).first() is None:
        return OPEN
    wanted = _wanted(_stated(connection, RESTRICTED), _stated(connection, "incident.split"))
    groups: dict[int, set[str]] = {}
    keys: dict[int, list[str]] = {}
    for key, number in select_among(connection, _NUMBERS_OF, list(wanted)):
        groups.setdefault(number, set()).add(wanted[key])
        keys.setdefault(number, []).append(key)
    return Privacy(
        groups={number: frozenset(each) for number, each in groups.items()},
        keys={number: tuple(sorted(each)) for number, each in keys.items()},
        position=position(connection),
    )  # fmt: skip


def _stated(connection: Connection, kind: str) -> list[RecordedEvent]:
    """People's statements of a kind that they did not take back, oldest first."""
    ids = connection.execute(_STATED, {"type": kind}).scalars()
    told = current(queries.read_ids(connection, list(ids)))
    return sorted((each for each in told if not is_retracted(each)), key=_stated_at)


def _stated_at(event: RecordedEvent) -> tuple[int, str]:
    at = event.data.get("stated_at")
    return (at if isinstance(at, int) else event.occurred_at, event.id)


def _wanted(said: Iterable[RecordedEvent], splits: Iterable[RecordedEvent]) -> dict[str, str]:
    """Event → the group of the incident that it opened. What was split off from one is as private, until said anew."""
    newest: dict[str, str] = {}
    for event in said:
        group = event.data.get("group")
        for key in _keys(event):
            newest[key] = ERASED if is_erased(event) or not isinstance(group, str) else group
    for event in splits:
        apart = event.data.get("events")
        for key in _keys(event):
            for each in apart if isinstance(apart, list | tuple) and newest.get(key) else ():
                newest.setdefault(str(each), newest[key])
    return {key: group for key, group in newest.items() if group}


def _keys(event: RecordedEvent) -> list[str]:
    return [ref.removeprefix("incident:") for ref in event.refs if ref.startswith("incident:")]


def hidden(connection: Connection, privacy: Privacy, reader: Groups | None) -> Hidden:
    """What somebody in these groups may not see."""
    kept = privacy.kept_from(reader)
    if not kept:
        return Hidden(position=privacy.position)
    numbers = kept | {row.number for row in select_among(connection, _MERGED_INTO, sorted(kept))}
    events = _belonging(connection, sorted(kept)) | _about(connection, sorted(numbers), privacy)
    positions = [row.position for row in select_among(connection, _POSITIONS, sorted(events))]
    deliveries = {row.delivery for row in select_among(connection, _DELIVERIES, positions) if row.delivery}
    return Hidden(
        numbers=numbers, events=frozenset(events), deliveries=frozenset(deliveries), position=privacy.position
    )  # fmt: skip


def _belonging(connection: Connection, numbers: list[int]) -> set[str]:
    """Events of these incidents that are of no other one."""
    units: dict[str, set[str]] = {}
    for event, unit in select_among(connection, _INSIDE, numbers):
        units.setdefault(unit, set()).add(event)
    members = select_among(connection, _MEMBERS, sorted(units))
    shared = {row.uid for row in members if row.number not in numbers}
    return {event for unit, events in units.items() if unit not in shared for event in events}


def _about(connection: Connection, numbers: list[int], privacy: Privacy) -> set[str]:
    """What people and the daemon said of these incidents: it names them, whatever it belongs to."""
    keys = select_among(connection, _KEYS, numbers)
    names = {f"incident:{row.key}" for row in keys} | {f"incident:{number}" for number in numbers}
    names |= {f"incident:{key}" for number in numbers for key in privacy.keys.get(number, ())}
    return {row.id for row in select_among(connection, _OF_ENTITIES, sorted(names))}


def of_events(connection: Connection, private: Privacy, events: Iterable[str]) -> dict[str, str]:
    """The groups of those of these events that belong to private incidents and to no other."""
    if not private.groups:
        return {}
    numbers: dict[str, set[int]] = {}
    for event, number in select_among(connection, _NUMBERS_OF, list(events)):
        numbers.setdefault(event, set()).add(number)
    return {
        event: ", ".join(sorted({group for number in found for group in private.groups[number]}))
        for event, found in numbers.items() if found <= private.groups.keys()
    }  # fmt: skip


_BY_NUMBER = (
    "incident",
    "incident_number",
    "incident_key",
    "incident_news",
    "membership",
    "placement",
    "placement_due",
)
_BY_EVENT = {
    "event_index": "id", "event_unit": "event", "signal": "uid", "signal_key": "uid", "ignored": "event",
    "set_aside": "event", "influence": "event",
}  # fmt: skip
_LISTED = {"sqlite": "SELECT value FROM json_each(?)", "postgresql": "SELECT unnest(CAST(? AS text[]))"}
_HEX = {"sqlite": "lower(hex(id))", "postgresql": "encode(id, 'hex')"}


def shadowed(connection: Connection, hid: Hidden, *, lists: bool = True) -> Connection:
    """The connection on which nothing is that is hidden; ``lists``: of the lists, with the log beside them."""
    if not hid:
        return connection
    kind = connection.dialect.name
    here, log = ("main.", "log." if lists else "main.") if kind == "sqlite" else ("", "")
    among, apart = ", ".join(map(str, sorted(hid.numbers))), "NOT IN (SELECT id FROM hidden_event)"
    tables = {name: f"SELECT * FROM {here}{name} WHERE number NOT IN ({among})" for name in _BY_NUMBER}  # noqa: S608
    tables |= {name: f"SELECT * FROM {here}{name} WHERE {column} {apart}" for name, column in _BY_EVENT.items()}  # noqa: S608
    grouped = f"position <= {hid.position} AND {_HEX[kind]} {apart}"
    bodies = ", ".join(map(str, sorted(hid.deliveries))) or "0"
    of_log = {"delivery": f"SELECT * FROM {log}delivery WHERE number NOT IN ({bodies})"}  # noqa: S608 - numbers
    of_log |= {"event": f"SELECT * FROM {log}event WHERE {grouped}"}  # noqa: S608 - constants and a number
    given = f"hidden_event (id) AS ({_LISTED[kind]})"
    return Shadowed(connection, {**tables, **of_log} if lists else of_log, given, (_value(kind, hid.events),))


async def read_ids(
    log: EventLog, hid: Hidden, ids: Sequence[str], as_of: int | None = None
) -> list[RecordedEvent]:  # fmt: skip
    """Every revision of these events that is not hidden; see :meth:`EventLog.read_ids`."""
    return await query(log, hid, lambda opened: queries.read_ids(opened, ids, as_of))


async def query(log: EventLog, hid: Hidden, work: Callable[[Connection], T]) -> T:
    """Run ``work`` over one view of the log without what is hidden; see :meth:`EventLog.query`."""
    return await log.query(lambda opened: work(shadowed(opened, hid, lists=False)))


def _value(kind: str, events: frozenset[str]) -> Any:
    names = sorted(events)
    return msgspec.json.encode(names).decode() if kind == "sqlite" else names
