"""Who may read of what: incidents that are private to groups, hidden from all other readers in one place.

An incident is private by what people stated of it (``incident.restricted``);
what is private belongs to it and to no incident that the reader may see. A
reader who may not read of it reads over a connection on which none of it is:
lists, counts, searches and what names it are as if it had never been. What is
not grouped yet is hidden with it, since nobody can say where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from collector.event import MACHINE, PEOPLE, RESTRICTED, RecordedEvent, current
from collector.log import EventLog, queries
from collector.projections import restrictions
from collector.projections.restrictions import JOINED, LEFT, NOBODY, OPENED, SPLIT, Groups, Restricted
from collector.projections.shape import position
from collector.projections.tables import event_index, event_kind, event_unit, incident, incident_number, member, signal
from collector.schema.tables import event as stored
from collector.storage.sql import AMONG, Shadowed, select_among

READER: ContextVar[frozenset[str] | None] = ContextVar("reader", default=None)
"""The groups of whoever reads now; None: the daemon itself and whoever may read everything."""
T = TypeVar("T")
_SAID = {PEOPLE: (RESTRICTED, SPLIT, LEFT, JOINED), MACHINE: (SPLIT,)}
"""Source → the types of what says who may read; what grouping says has left is looked up of private incidents alone."""


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
        return bool(self.numbers or self.events)


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """What is private in one view of the lists."""

    groups: Mapping[int, Groups] = {}
    """Incident → the groups of which a reader needs every one. Incidents that everybody may read are left out."""
    keys: Mapping[int, tuple[str, ...]] = {}
    """Incident → the events by which it was made private."""
    numbers: Mapping[int, tuple[int, ...]] = {}
    """Incident → the numbers by which it was made private: its own, and those that became part of it."""
    events: Mapping[str, Groups] = {}
    """Events that came out of private incidents, or count no longer → the groups of which a reader needs every one."""
    alerts: frozenset[str] = frozenset()
    """Those of them that are alerts, and what says where they went: rules alone make nothing public."""
    position: int = 0

    def __bool__(self) -> bool:
        return bool(self.groups or self.events)

    def groups_text(self, number: int) -> str | None:
        """The groups of an incident in words; None where everybody may read of it."""
        return ", ".join(sorted(self.groups[number])) if number in self.groups else None

    def kept_from(self, reader: Groups | None) -> frozenset[int]:
        """The incidents that somebody in these groups may not read of."""
        return frozenset() if reader is None else frozenset(n for n, each in self.groups.items() if not each <= reader)


OPEN = Privacy()

_in_incidents = event_unit.join(member, member.c.uid == event_unit.c.unit)
_IS_STATED = select(event_kind.c.type).where(event_kind.c.source == PEOPLE, event_kind.c.type == bindparam("type"))
_STATED = (
    select(event_index.c.id)
    .distinct()
    .where(event_index.c.source == bindparam("source"), event_index.c.type == bindparam("type"))
)
_TOLD = (
    select(event_index.c.id, event_index.c.type)
    .distinct()
    .where(event_index.c.source == MACHINE, event_index.c.type.in_((JOINED, LEFT)), event_index.c.entity.in_(AMONG))
)
# A number that no incident goes by any longer is its own: its title stands in lists.
_CURRENT_NUMBERS = select(
    incident_number.c.number, func.coalesce(incident_number.c.goes_by, incident_number.c.number).label("goes_by")
).where(incident_number.c.number.in_(AMONG))
# Of one event, by when it happened; a corrected one happened at several times.
_TIMES_OF = select(event_index.c.occurred_at).distinct().where(event_index.c.id == bindparam("event"))
_ANNOUNCED = select(event_index.c.id).where(
    event_index.c.family == "incident", event_index.c.source == MACHINE, event_index.c.type.in_((OPENED, JOINED)),
    event_index.c.occurred_at.in_(_TIMES_OF),
)  # fmt: skip
_SIGNAL_OF = select(event_unit.c.event, event_unit.c.unit).where(event_unit.c.event.in_(AMONG))
_EVENTS_OF = select(event_unit.c.event, event_unit.c.unit).where(event_unit.c.unit.in_(AMONG))
_KIND_OF = (
    select(event_unit.c.event, signal.c.opening, signal.c.kind)
    .join_from(event_unit, signal, signal.c.uid == event_unit.c.unit)
    .where(event_unit.c.event.in_(AMONG))
)
_NUMBERS_OF = (
    select(event_unit.c.event, member.c.number).select_from(_in_incidents).where(event_unit.c.event.in_(AMONG))
)
_ONE_NOW = select(incident_number.c.number, incident_number.c.goes_by).where(incident_number.c.goes_by.in_(AMONG))
_MERGED_INTO = select(incident_number.c.number).where(incident_number.c.goes_by.in_(AMONG))
_POSITIONS = select(event_index.c.position).where(event_index.c.id.in_(AMONG))
_DELIVERIES = select(stored.c.delivery).where(stored.c.position.in_(AMONG))
_INSIDE = select(event_unit.c.event, member.c.uid).select_from(_in_incidents).where(member.c.number.in_(AMONG))
_MEMBERS = select(member.c.uid, member.c.number).where(member.c.uid.in_(AMONG))
_KEYS = select(incident.c.key).where(incident.c.number.in_(AMONG))
_OF_ENTITIES = select(event_index.c.id).where(event_index.c.entity.in_(AMONG))


def read(connection: Connection) -> Privacy:
    """What is private, by what was said so far."""
    if connection.execute(_IS_STATED, {"type": RESTRICTED}).first() is None:
        return OPEN
    statements = [
        each for source, kinds in _SAID.items() for kind in kinds for each in _stated(connection, source, kind)
    ]
    statements = _numbered(connection, statements)
    at = dict(map(tuple, select_among(connection, _NUMBERS_OF, restrictions.incident_ids(statements))))
    private = restrictions.restricted(statements, at)
    numbers = [int(name[1:]) for name in private.stated if name.startswith("#") and name[1:].isdecimal()]
    announcements = _announcements(connection, numbers)
    departures = _departures(connection, announcements, statements)
    movements = [fact for fact in announcements if fact.type == LEFT or departures.keys() & restrictions.moved(fact)]
    if movements:
        known = {fact.id for fact in movements}
        after = _announcements(connection, sorted({number for each in departures.values() for number in each}))
        movements += [fact for fact in after if fact.id not in known and departures.keys() & restrictions.moved(fact)]
        people = [name for fact in statements for name in restrictions.moved(fact)]
        signals = {row.event: row.unit for row in select_among(connection, _SIGNAL_OF, people)}
        private = restrictions.restricted([*statements, *movements], at, signals, departures)
    return _placed(connection, private)


def _numbered(connection: Connection, statements: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    """The statements; each that names no number, as those of earlier versions, with the one that its incident had."""
    return [
        msgspec.structs.replace(statement, data={**statement.data, "numbers": _numbers_then(connection, statement)})
        if statement.type == RESTRICTED and not restrictions.has_number(statement)
        else statement
        for statement in statements
    ]


def _numbers_then(connection: Connection, statement: RecordedEvent) -> list[int]:
    """Where the event that a statement names was when it was stated, by what was last announced of it."""
    numbers = []
    for key in restrictions.incident_ids([statement]):
        ids = list(connection.execute(_ANNOUNCED, {"event": key}).scalars())
        facts = [
            fact for fact in queries.read_ids(connection, ids)
            if key in restrictions.moved(fact) and fact.position < statement.position
        ]  # fmt: skip
        numbers += [fact.data["number"] for fact in sorted(facts, key=attrgetter("position"))[-1:]]
    return numbers


def _announcements(connection: Connection, numbers: Collection[int]) -> list[RecordedEvent]:
    """What grouping said it put into incidents and took out of them, and of those that are one with them now."""
    rows = select_among(connection, _ONE_NOW, sorted(set(_living(connection, numbers).values())))
    entities = {f"incident:{number}" for number in (*numbers, *(row.number for row in rows))}
    ids = [row.id for row in select_among(connection, _TOLD, sorted(entities))]
    return current(queries.read_ids(connection, ids))


def _living(connection: Connection, numbers: Iterable[int]) -> dict[int, int]:
    """The numbers that these incidents go by now."""
    return dict(map(tuple, select_among(connection, _CURRENT_NUMBERS, sorted(set(numbers)))))


def _departures(
    connection: Connection, announcements: Iterable[RecordedEvent], statements: Iterable[RecordedEvent]
) -> dict[str, set[int]]:  # fmt: skip
    """What is not in the incident any longer that grouping put it into, and the numbers under which it is now.

    What went straight into another incident was never said to have left. What was split off was said to be.
    """
    joined = [
        (name, int(fact.data.get("number", 0)))
        for fact in announcements
        if fact.type == JOINED
        for name in restrictions.moved(fact)
    ]
    numbers_of: dict[str, set[int]] = {name: set() for name, _ in joined}
    for event, number in select_among(connection, _NUMBERS_OF, sorted(numbers_of)):
        numbers_of[event].add(number)
    living = _living(connection, (number for _, number in joined))
    split = {(each.data.get("from"), each.data.get("number")) for each in statements if each.source == MACHINE}
    names = {
        name
        for name, number in joined
        if living.get(number, number) not in numbers_of[name]
        and not any((number, now) in split for now in numbers_of[name])
    }
    rows = list(select_among(connection, _ONE_NOW, sorted({number for name in names for number in numbers_of[name]})))
    return {
        name: numbers_of[name] | {row.number for row in rows if row.goes_by in numbers_of[name]}
        for name in sorted(names)
    }


def _stated(connection: Connection, source: str, kind: str) -> list[RecordedEvent]:
    """The statements of one kind, as they stand."""
    ids = connection.execute(_STATED, {"source": source, "type": kind}).scalars()
    return current(queries.read_ids(connection, list(ids)))


def _placed(connection: Connection, private: Restricted) -> Privacy:
    """What is private, found where it stands now."""
    groups: dict[int, set[str]] = {}
    keys: dict[int, list[str]] = {}
    numbers: dict[int, list[int]] = {}
    stated_groups = {name: each for name, each in private.stated.items() if not name.startswith("#")}
    kinds = list(select_among(connection, _KIND_OF, list(private.left)))
    # What opens incidents is of one alone, which says what it is about.
    stated_groups |= {row.event: private.left[row.event] for row in kinds if row.opening}
    alone = {**stated_groups, **private.left}
    for key, number in select_among(connection, _NUMBERS_OF, list(stated_groups)):
        groups.setdefault(number, set()).update(stated_groups[key])
        keys.setdefault(number, []).append(key)
        if key not in private.left:
            alone.pop(key, None)
    told = {int(name[1:]): each for name, each in private.stated.items() if name[1:].isdecimal() and name[0] == "#"}
    for number, current_number in select_among(connection, _CURRENT_NUMBERS, list(told)):
        groups.setdefault(current_number, set()).update(told[number])
        numbers.setdefault(current_number, []).append(number)
    signals = {row.event: row.unit for row in select_among(connection, _SIGNAL_OF, list(private.left))}
    rows = list(select_among(connection, _EVENTS_OF, sorted(set(signals.values()))))
    groups_by_signal: dict[str, Groups] = {}
    for event, signal_id in signals.items():
        groups_by_signal[signal_id] = groups_by_signal.get(signal_id, NOBODY) | private.left[event]
    alone |= {row.event: groups_by_signal[row.unit] for row in rows}
    alert_signals = {signals[row.event] for row in kinds if row.kind.endswith("alert")}
    alerts = {row.event for row in rows if row.unit in alert_signals}
    notices = _notices(connection, {event: groups for event, groups in alone.items() if event in alerts})
    return Privacy(
        groups={number: frozenset(each) for number, each in groups.items()},
        keys={number: tuple(sorted(each)) for number, each in keys.items()},
        numbers={number: tuple(sorted(each)) for number, each in numbers.items()},
        events={**alone, **notices},
        alerts=frozenset({*alerts, *notices}),
        position=position(connection),
    )  # fmt: skip


def _notices(connection: Connection, alerts: Mapping[str, Groups]) -> dict[str, Groups]:
    """What grouping said of these alerts in the incidents that it put them into, as private as they are."""
    numbers = {row.number for row in select_among(connection, _NUMBERS_OF, sorted(alerts))}
    named = [(fact.id, alerts.keys() & restrictions.moved(fact)) for fact in _announcements(connection, numbers)]
    return {notice: NOBODY.union(*(alerts[name] for name in names)) for notice, names in named if names}


def hidden(connection: Connection, privacy: Privacy, reader: Groups | None) -> Hidden:
    """What somebody in these groups may not see."""
    kept_numbers = privacy.kept_from(reader)
    withheld = [] if reader is None else [event for event, groups in privacy.events.items() if not groups <= reader]
    if not kept_numbers and not withheld:
        return Hidden(position=privacy.position)
    numbers = kept_numbers | {row.number for row in select_among(connection, _MERGED_INTO, sorted(kept_numbers))}
    keys = {*withheld, *(key for number in numbers for key in privacy.keys.get(number, ()))}
    events = _belonging(connection, sorted(kept_numbers)) | _about(connection, sorted(numbers), keys)
    elsewhere = {
        event for event, number in select_among(connection, _NUMBERS_OF, withheld) if number not in kept_numbers
    }
    events |= set(withheld) - (elsewhere - privacy.alerts)
    positions = [row.position for row in select_among(connection, _POSITIONS, sorted(events))]
    deliveries = {row.delivery for row in select_among(connection, _DELIVERIES, positions) if row.delivery}
    return Hidden(
        numbers=numbers, events=frozenset(events), deliveries=frozenset(deliveries), position=privacy.position
    )  # fmt: skip


def _belonging(connection: Connection, numbers: list[int]) -> set[str]:
    """Events of these incidents that are of no other one."""
    signals: dict[str, set[str]] = {}
    for event, signal_id in select_among(connection, _INSIDE, numbers):
        signals.setdefault(signal_id, set()).add(event)
    members = select_among(connection, _MEMBERS, sorted(signals))
    shared = {row.uid for row in members if row.number not in numbers}
    return {event for signal_id, events in signals.items() if signal_id not in shared for event in events}


def _about(connection: Connection, numbers: list[int], events: Iterable[str]) -> set[str]:
    """What people and the daemon said of these incidents and those that these events opened, whatever it is in."""
    keys = select_among(connection, _KEYS, numbers)
    names = {f"incident:{row.key}" for row in keys} | {f"incident:{number}" for number in numbers}
    names |= {f"incident:{event}" for event in events}
    return {row.id for row in select_among(connection, _OF_ENTITIES, sorted(names))}


def of_events(connection: Connection, private: Privacy, events: Iterable[str]) -> dict[str, str]:
    """The groups of those of these events that belong to private incidents and to no other."""
    if not private:
        return {}
    numbers: dict[str, set[int]] = {event: set() for event in events if event in private.events}
    for event, number in select_among(connection, _NUMBERS_OF, list(events)):
        numbers.setdefault(event, set()).add(number)
    groups = {
        event: private.events.get(event, NOBODY).union(*(private.groups.get(each, NOBODY) for each in found))
        for event, found in numbers.items()
        if found <= private.groups.keys() or event in private.alerts
    }
    return {event: ", ".join(sorted(each)) for event, each in groups.items()}


def of_deliveries(marks: Mapping[str, str], events_by_delivery: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The groups of deliveries: of all that each of them told (``events_by_delivery``), by the ``marks`` of "
    "those events."""
    groups_by_delivery = {
        delivery: {group for event in events if event in marks for group in marks[event].split(", ")}
        for delivery, events in events_by_delivery.items()
    }
    return {delivery: ", ".join(sorted(groups)) for delivery, groups in groups_by_delivery.items() if groups}


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
# As text: it is put before the statement that is run, whoever wrote that, and by then that is text too.
_LISTED = {"sqlite": "SELECT value FROM json_each(?)", "postgresql": "SELECT unnest(CAST(? AS text[]))"}
_HEX = {"sqlite": "lower(hex(id))", "postgresql": "encode(id, 'hex')"}


def shadowed(connection: Connection, hid: Hidden, *, lists: bool = True) -> Connection:
    """The connection on which nothing is that is hidden; ``lists``: of the lists, with the log beside them."""
    if not hid:
        return connection
    kind = connection.dialect.name
    schema, log = ("main.", "log." if lists else "main.") if kind == "sqlite" else ("", "")
    among, not_hidden = ", ".join(map(str, sorted(hid.numbers))) or "0", "NOT IN (SELECT id FROM hidden_event)"
    tables = {name: f"SELECT * FROM {schema}{name} WHERE number NOT IN ({among})" for name in _BY_NUMBER}  # noqa: S608
    tables |= {name: f"SELECT * FROM {schema}{name} WHERE {column} {not_hidden}" for name, column in _BY_EVENT.items()}  # noqa: S608
    grouped = f"position <= {hid.position} AND {_HEX[kind]} {not_hidden}"
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
