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
from sqlalchemy import Connection

from collector.event import PEOPLE, RESTRICTED, RecordedEvent, current, is_erased, is_retracted
from collector.log import EventLog, queries
from collector.projections.tables import MEMBER
from collector.storage.sql import Shadowed, select_in

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


def read(connection: Connection) -> Privacy:
    """What is private, by what people stated so far."""
    asked = "SELECT 1 FROM event_kind WHERE source = ? AND type = ?"
    if connection.exec_driver_sql(asked, (PEOPLE, RESTRICTED)).first() is None:
        return OPEN
    wanted = _wanted(_stated(connection, RESTRICTED), _stated(connection, "incident.split"))
    groups: dict[int, set[str]] = {}
    keys: dict[int, list[str]] = {}
    statement = f"SELECT event, number FROM {MEMBER} AS member JOIN event_unit ON unit = uid WHERE event IN ({{}})"  # noqa: S608
    for key, number in select_in(connection, statement, list(wanted)):
        groups.setdefault(number, set()).add(wanted[key])
        keys.setdefault(number, []).append(key)
    last = int(connection.exec_driver_sql("SELECT coalesce(max(position), 0) FROM cursor").scalar_one())
    return Privacy(
        groups={number: frozenset(each) for number, each in groups.items()},
        keys={number: tuple(sorted(each)) for number, each in keys.items()}, position=last,
    )  # fmt: skip


def _stated(connection: Connection, kind: str) -> list[RecordedEvent]:
    """People's statements of a kind that they did not take back, oldest first."""
    found = connection.exec_driver_sql(
        "SELECT DISTINCT id FROM event_index WHERE source = ? AND type = ?", (PEOPLE, kind)
    )
    told = current(queries.read_ids(connection, list(found.scalars())))
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
    statement = "SELECT number FROM incident_number WHERE goes_by IN ({})"
    numbers = kept | {number for (number,) in select_in(connection, statement, sorted(kept))}
    events = _belonging(connection, sorted(kept)) | _about(connection, sorted(numbers), privacy)
    found = select_in(connection, "SELECT position FROM event_index WHERE id IN ({})", sorted(events))
    statement = "SELECT delivery FROM event WHERE position IN ({})"
    told = {number for (number,) in select_in(connection, statement, [position for (position,) in found]) if number}
    return Hidden(
        numbers=numbers, events=frozenset(events), deliveries=frozenset(told), position=privacy.position
    )  # fmt: skip


def _belonging(connection: Connection, numbers: list[int]) -> set[str]:
    """Events of these incidents that are of no other one."""
    inside = f"SELECT event, uid FROM {MEMBER} AS member JOIN event_unit ON unit = uid WHERE number IN ({{}})"  # noqa: S608
    units: dict[str, set[str]] = {}
    for event, unit in select_in(connection, inside, numbers):
        units.setdefault(unit, set()).add(event)
    among = ", ".join(map(str, numbers))
    outside = f"SELECT uid FROM {MEMBER} AS member WHERE number NOT IN ({among}) AND uid IN ({{}})"  # noqa: S608 - numbers
    shared = {unit for (unit,) in select_in(connection, outside, sorted(units))}
    return {event for unit, events in units.items() if unit not in shared for event in events}


def _about(connection: Connection, numbers: list[int], privacy: Privacy) -> set[str]:
    """What people and the daemon said of these incidents: it names them, whatever it belongs to."""
    keys = select_in(connection, "SELECT key FROM incident WHERE number IN ({})", numbers)
    names = {f"incident:{key}" for (key,) in keys} | {f"incident:{number}" for number in numbers}
    names |= {f"incident:{key}" for number in numbers for key in privacy.keys.get(number, ())}
    found = select_in(connection, "SELECT id FROM event_index WHERE entity IN ({})", sorted(names))
    return {event for (event,) in found}


def of_events(connection: Connection, private: Privacy, events: Iterable[str]) -> dict[str, str]:
    """The groups of those of these events that belong to private incidents and to no other."""
    if not private.groups:
        return {}
    statement = f"SELECT event, number FROM event_unit JOIN {MEMBER} AS member ON uid = unit WHERE event IN ({{}})"  # noqa: S608
    numbers: dict[str, set[int]] = {}
    for event, number in select_in(connection, statement, list(events)):
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
