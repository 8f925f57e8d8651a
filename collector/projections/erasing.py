"""Erasing: what follows from grouping, and its removal from the lists.

The log's part is in ``collector.removal.erasing``. Here is which events share a
name, what an event was attached to, and what the daemon itself said in words of
theirs. What looks (:class:`ErasurePlan`, :func:`echoes`) is given a view of the lists
and the log, what records the log's own connection, and what cleans the lists'.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.event import MACHINE, PEOPLE, PUBLISHED, Event, RecordedEvent, event_id, is_erased
from collector.log import Submission, queries
from collector.people import amendments, spoken
from collector.projections.shape import remaking, unusable
from collector.projections.tables import MEMBER
from collector.removal.erasing import Extent, erase, extent, ranges, removed_texts
from collector.storage.sql import select_in

ERASED = "delivery.erased"
"""The type of the record of removed bodies; ``collector.removal.recorded`` says what it means."""


class RequestedErasure(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to be gone."""

    events: tuple[str, ...] = ()
    """Ids."""
    deliveries: tuple[str, ...] = ()
    """Ids; their bodies go, and what was read out of them stays."""
    by: str
    reason: str
    key: str
    """Names the command."""
    stated_at: int
    everything: bool = False
    """Also what grouping rests on; then all events of an alert or a page go together."""
    with_events: bool = False
    """Also the events that the chosen deliveries told."""
    dry_run: bool = False


class ErasurePlan:
    """What an erasure is about, as one transaction sees it."""

    def __init__(self, connection: Connection, asked: RequestedErasure) -> None:
        if reason := unusable(connection) or remaking(connection):
            raise Unavailable(f"cannot erase now: what is grouped is not known, {reason}; try again")
        numbers = [_number(name) for name in asked.deliveries]
        ids = [*asked.events, *(_told_by(connection, numbers) if asked.with_events else ())]
        self.entities = _entities(connection, ids) if asked.everything else {}
        self.ids = tuple(dict.fromkeys([*ids, *self.entities]))
        self.extent: Extent = extent(connection, self.ids, numbers)
        self.position = queries.head(connection)
        self.erased: tuple[str, ...] = tuple(event.id for event in _open(self.extent.revisions, asked.everything))
        self.bodies = self.extent.bodies
        self.texts: frozenset[str] = frozenset()
        self.numbers = _incidents_of(connection, self.ids)
        self.attached = _attached_to(connection, self.ids)
        self.published = _published(connection, self.ids)
        self.echoes = 0
        _check(self.ids, self.extent.revisions, numbers, connection)


def _check(
    ids: Sequence[str], revisions: Sequence[RecordedEvent], numbers: Sequence[int], connection: Connection
) -> None:  # fmt: skip
    known = {event.id for event in revisions}
    if missing := [one for one in ids if one not in known]:
        raise NotFound(f"cannot erase event {missing[0]}: the log holds no event of this id", "events")
    if any(event.type.startswith("delivery.") for event in revisions):
        raise InvalidInput("cannot erase the record of an erasure or a retention: it holds no content", "events")
    for number in numbers:
        if queries.delivery(connection, f"d{number}") is None:
            raise NotFound(f"cannot erase delivery d{number}: the log holds none of this id", "deliveries")
    if not ids and not numbers:
        raise InvalidInput("cannot erase: nothing is named; name events or deliveries", "events")


def _number(name: str) -> int:
    digits = name.removeprefix("d")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise NotFound("cannot erase the delivery: no delivery has this id; list /api/v1/deliveries", "deliveries")
    return int(digits)


def _told_by(connection: Connection, numbers: Sequence[int]) -> list[str]:
    found = (queries.delivery(connection, f"d{number}") for number in numbers)
    return [item.event_id for delivery in found if delivery for item in delivery.items]


def _entities(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Every event of the alerts and pages that these events are of → the name they share once theirs is gone."""
    statement = "SELECT DISTINCT source, entity FROM event_index WHERE family IN ('alert', 'page') AND id IN ({})"
    names: dict[str, str] = {}
    for source, entity in list(select_in(connection, statement, list(ids))):
        rows = connection.exec_driver_sql(
            "SELECT DISTINCT id FROM event_index WHERE source = ? AND entity = ? AND family IN ('alert', 'page')",
            (source, entity),
        )
        together = sorted(str(one) for one in rows.scalars())
        names |= dict.fromkeys(together, f"erased:{together[0]}")
    return names


def _published(connection: Connection, ids: Sequence[str]) -> tuple[str, ...]:
    """Where a postmortem was published of an incident that one of these events is in."""
    among = f"SELECT DISTINCT number FROM {MEMBER} AS member JOIN event_unit ON unit = uid WHERE event IN ({{}})"  # noqa: S608
    numbers = sorted({number for (number,) in select_in(connection, among, list(ids))})
    statement = f"""SELECT DISTINCT id FROM event_index JOIN event_unit ON event = id
        JOIN {MEMBER} AS member ON unit = uid WHERE type = '{PUBLISHED}' AND number IN ({{}})"""  # noqa: S608 - constants of ours
    found = [event for (event,) in select_in(connection, statement, numbers)]
    places: dict[tuple[str, str], str] = {}
    for event in queries.read_ids(connection, found):
        if event.data.get("status") == "published":
            where = str(event.data.get("url") or event.data.get("revision") or "")
            places[event.entity, str(event.data.get("target"))] = f"{event.data.get('target')}: {where}"
    return tuple(sorted(places.values()))


def _open(revisions: Iterable[RecordedEvent], everything: bool) -> list[RecordedEvent]:
    """The last revisions of those events that have something to erase."""
    last = {event.id: event for event in revisions}
    return [e for e in last.values() if not is_erased(e) or (everything and not e.data.get("everything"))]


def carry_out(connection: Connection, asked: RequestedErasure, found: ErasurePlan) -> ErasurePlan:
    """Record it and remove the contents, in one transaction of the log."""
    late = extent(connection, found.ids, (), after=found.extent.delivery)
    found.bodies = tuple(sorted({*found.bodies, *late.bodies}))
    events = _open(late.revisions, asked.everything)
    left = [_left(e, asked, found.entities.get(e.id, ""), found.attached.get(e.id, ())) for e in events]
    found.erased = tuple(event.id for event in left)
    emptied = {event.id for event in left}
    found.texts = removed_texts([event for event in late.revisions if event.id in emptied], left)
    _record(connection, asked, left, found.bodies)
    found.position = queries.head(connection)
    return found


def _left(event: RecordedEvent, asked: RequestedErasure, entity: str = "", incidents: Sequence[str] = ()) -> Event:
    return amendments.erased(
        event, by=asked.by, reason=asked.reason, stated_at=asked.stated_at, everything=asked.everything, entity=entity,
        incidents=incidents,
    )  # fmt: skip


def _attached_to(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The opening events of the incidents that these events are attached to; nothing for signals that open some."""
    statement = f"""SELECT event, incident.key FROM event_unit JOIN signal ON signal.uid = unit
        JOIN {MEMBER} AS member ON member.uid = unit JOIN incident USING (number)
        WHERE opening = 0 AND event IN ({{}}) ORDER BY event, incident.key"""  # noqa: S608 - a constant of ours
    found: dict[str, list[str]] = {}
    for event, key in select_in(connection, statement, ids):
        known = found.setdefault(event, [])
        if key not in known:
            known.append(key)
    return found


def _record(connection: Connection, asked: RequestedErasure, left: Sequence[Event], bodies: Sequence[int]) -> None:
    facts = [*left, *([_removal(asked, bodies)] if bodies else [])]
    if facts:
        submission = Submission(source=PEOPLE, received_at=asked.stated_at, events=tuple(facts))
        erase(connection, submission, [event.id for event in left], bodies)


def _removal(asked: RequestedErasure, bodies: Sequence[int]) -> Event:
    """Names the deliveries whose bodies went. A body goes once, so they are part of what identifies the record."""
    named = ranges(bodies)
    return Event(
        id=event_id("erasure.1", PEOPLE, None, asked.key, str(named)),
        type=ERASED,
        source=PEOPLE,
        entity="deliveries",
        occurred_at=asked.stated_at,
        actor=spoken(asked.by, "by"),
        data={"stated_at": asked.stated_at, "reason": spoken(asked.reason, "reason"), "deliveries": named},
    )


# --- what repeats it --------------------------------------------------------------------------------------------------


def _incidents_of(connection: Connection, ids: Sequence[str]) -> frozenset[int]:
    """The numbers of the incidents that these events are in, were said to be in, or gave their number."""
    statement = f"""SELECT number FROM event_unit JOIN {MEMBER} AS member ON uid = unit
        WHERE event IN ({{}})"""  # noqa: S608 - a constant of ours
    found = {number for (number,) in select_in(connection, statement, list(ids))}
    named = {*ids, *(u for (u,) in select_in(connection, "SELECT unit FROM event_unit WHERE event IN ({})", list(ids)))}
    for fact in _own(connection, ()):
        if fact.data.get("event") in named or any(ref[9:] in named for ref in fact.refs):
            found.add(int(fact.data.get("number", 0)))
    rows = connection.exec_driver_sql("SELECT number, goes_by FROM incident_number")
    return frozenset(found | {number for number, goes_by in rows if goes_by in found})


def _own(connection: Connection, numbers: Collection[int]) -> list[RecordedEvent]:
    """The last revisions of what the daemon said of these incidents; of all of them where none is named."""
    # By the entity where there is one: there are few events of an incident, and many of a family.
    where = f" AND entity IN ({','.join('?' * len(numbers))})" if numbers else ""
    family = "family || ''" if numbers else "family"
    statement = f"SELECT DISTINCT id FROM event_index WHERE {family} = 'incident' AND source || '' = ?{where}"  # noqa: S608 - marks
    values = (MACHINE, *(f"incident:{number}" for number in sorted(numbers)))
    ids = [str(one) for one in connection.exec_driver_sql(statement, values).scalars()]
    return list({event.id: event for event in queries.read_ids(connection, ids)}.values())


def echoes(connection: Connection, found: ErasurePlan) -> list[RecordedEvent]:
    """What the daemon said of the events' incidents in words of theirs, as far as lists show it."""
    if not found.texts or not found.numbers:
        return []
    spoken_of = _pattern(found.texts)
    own = (event for event in _own(connection, found.numbers) if not is_erased(event))
    return [e for e in own if spoken_of.search(e.title) or spoken_of.search(str(e.data.get("reason", "")))]


def _pattern(texts: Collection[str]) -> re.Pattern[str]:
    """Any of these texts as whole words."""
    alternatives = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def record_echoes(connection: Connection, asked: RequestedErasure, found: Sequence[RecordedEvent]) -> int:
    """Erase what the daemon said, in one transaction of the log; its head after that."""
    last = {event.id: event for event in queries.read_ids(connection, [event.id for event in found])}
    _record(connection, asked, [_left(event, asked) for event in last.values() if not is_erased(event)], ())
    return queries.head(connection)


def clean(connection: Connection, done: ErasurePlan) -> bool:
    """Remove what the lists still say; whether grouping had said any of it again."""
    # Grouping may have read an event before it was erased, and indexed it after.
    last = {event.id: event for event in queries.read_ids(connection, done.ids)}
    _clean_index(connection, filter(is_erased, last.values()))
    if done.texts:
        _clean_incidents(connection, done)
    return _clean_memberships(connection, done)


def _clean_incidents(connection: Connection, done: ErasurePlan) -> None:
    """What lists show of numbers that no incident goes by any more: nobody else writes those rows again."""
    spoken_of = _pattern(done.texts)
    for number in done.numbers:
        statement = """SELECT title, services, environments, severity, lead FROM incident JOIN incident_number
            USING (number) WHERE number = ? AND (goes_by IS NULL OR goes_by <> number)"""
        for row in list(connection.exec_driver_sql(statement, (number,))):
            if any(text and spoken_of.search(text) for text in row):
                connection.exec_driver_sql(
                    """UPDATE incident SET title = ?, services = '[]', environments = '[]', severity = NULL, lead = NULL
                    WHERE number = ?""",
                    (amendments.ERASED, number),
                )


def _clean_memberships(connection: Connection, done: ErasurePlan) -> bool:
    """Reasons that quote what was said: they are kept by unit and incident, and judged anew only with the unit."""
    if not done.texts:
        return False
    found = False
    spoken_of = _pattern(done.texts)
    for number in done.numbers:
        rows = connection.exec_driver_sql("SELECT uid, reason, detail FROM membership WHERE number = ?", (number,))
        for uid, reason, detail in list(rows):
            if spoken_of.search(reason) or spoken_of.search(detail):
                connection.exec_driver_sql(
                    "UPDATE membership SET reason = ?, detail = ? WHERE uid = ? AND number = ?",
                    (amendments.ERASED, amendments.ERASED, uid, number),
                )
                found = True
    return found


def _clean_index(connection: Connection, left: Iterable[Event]) -> None:
    """The lists' own copies of what an event is about, for every revision of it."""
    rows: list[tuple[Any, ...]] = [(event.entity, event.service is None, event.id) for event in left]
    if rows:
        connection.exec_driver_sql(
            "UPDATE event_index SET entity = ?, service = CASE WHEN ? THEN NULL ELSE service END WHERE id = ?", rows
        )
