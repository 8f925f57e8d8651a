"""Erasing: what follows from grouping, and its removal from the lists.

The log's part is in ``collector.removal.erasing``. Here is what only the lists
know: which events share a name, what an event was attached to, and which
announcements of the daemon repeat its words.

An erasure is planned (:func:`plan_erasure`, :func:`announcements_with`) on a
connection that reads the lists and the log. It is recorded on the log's own
connection, and cleaned up after on that of the lists.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, case, or_, select, update

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.event import MACHINE, PEOPLE, PUBLISHED, REVIEWED, REVISED, Event, RecordedEvent, event_id, is_erased
from collector.log import Submission, queries
from collector.people import amendments, required_text
from collector.people.forgetting import forgotten
from collector.projections.shape import hindrances
from collector.projections.tables import (
    NOTHING,
    event_index,
    event_unit,
    incident,
    incident_number,
    member,
    membership,
    signal,
)
from collector.removal.erasing import Extent, erase, extent, ranges, removed_texts
from collector.storage.sql import AMONG, select_among

ERASED = "delivery.erased"
"""The type of the record of removed bodies; ``collector.removal.recorded_removals`` says what it means."""

_SIGNALS = event_index.c.family.in_(("alert", "page"))
_NAMES = select(event_index.c.source, event_index.c.entity).distinct().where(_SIGNALS, event_index.c.id.in_(AMONG))
_OF_NAME = (
    select(event_index.c.id)
    .distinct()
    .where(event_index.c.source == bindparam("source"), event_index.c.entity == bindparam("entity"), _SIGNALS)
)
_in_incidents = event_unit.join(member, member.c.uid == event_unit.c.unit)
_NUMBERS_OF = select(member.c.number).distinct().select_from(_in_incidents).where(event_unit.c.event.in_(AMONG))
_PUBLISHED = (
    select(event_index.c.id)
    .distinct()
    .select_from(_in_incidents.join(event_index, event_index.c.id == event_unit.c.event))
    .where(event_index.c.type.in_((PUBLISHED, REVISED, REVIEWED)), member.c.number.in_(AMONG))
)
_ATTACHED = (
    select(event_unit.c.event, incident.c.key)
    .select_from(
        _in_incidents.join(signal, signal.c.uid == event_unit.c.unit).join(
            incident, incident.c.number == member.c.number
        )
    )
    .where(signal.c.opening == 0, event_unit.c.event.in_(AMONG))
    .order_by(event_unit.c.event, incident.c.key)
)
_SIGNALS_OF = select(event_unit.c.unit).where(event_unit.c.event.in_(AMONG))
_CURRENT_NUMBERS = select(incident_number.c.number, incident_number.c.goes_by)
_own_events = select(event_index.c.id).distinct().where(event_index.c.source.concat(NOTHING) == MACHINE)
_OWN = _own_events.where(event_index.c.family == "incident")
# By the entity where there is one: there are few events of an incident, and many of a family.
_OWN_OF = _own_events.where(event_index.c.family.concat(NOTHING) == "incident", event_index.c.entity.in_(AMONG))
_of_number: Any = bindparam("of_number")
_WORDS = [column for column in incident.columns if column.type.python_type is str and column is not incident.c.key]
"""What an incident's row has of what senders and people wrote."""
EMPTIED = {column.name: None for column in _WORDS} | {
    "title": amendments.ERASED,
    "services": "[]",
    "environments": "[]",
}
"""What stands in their place once it is erased."""
_FORMER = (
    select(*_WORDS)
    .join_from(incident, incident_number, incident_number.c.number == incident.c.number)
    .where(
        incident.c.number == _of_number,
        or_(incident_number.c.goes_by.is_(None), incident_number.c.goes_by != incident.c.number),
    )
)
_EMPTY_INCIDENT = update(incident).where(incident.c.number == _of_number).values(EMPTIED)
_REASONS = select(membership.c.uid, membership.c.reason, membership.c.detail).where(membership.c.number == _of_number)
_EMPTY_REASON = (
    update(membership)
    .where(membership.c.uid == bindparam("of_uid"), membership.c.number == _of_number)
    .values(reason=amendments.ERASED, detail=amendments.ERASED)
)
_CLEAN_INDEX = (
    update(event_index)
    .where(event_index.c.id == bindparam("of_event"))
    .values(entity=bindparam("left"), service=case((bindparam("of_none") == 1, None), else_=event_index.c.service))
)


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


class ErasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure is about, as one transaction sees it."""

    ids: tuple[str, ...]
    """The events that are erased; also those that are already."""
    entities: dict[str, str]
    """Of an erasure of everything: each event of the alerts and pages → the name that they share afterwards."""
    extent: Extent
    erased: tuple[str, ...]
    """Ids of the events that have something to erase."""
    bodies: tuple[int, ...]
    """The numbers of the deliveries whose bodies go."""
    numbers: frozenset[int]
    """The incidents that these events are in, or were."""
    attached: dict[str, list[str]]
    """Event → the opening events of the incidents that it is attached to."""
    published: tuple[str, ...]
    """Where postmortems of these incidents were published."""
    records: tuple[str, ...]
    """Ids of the records of publications and reviews of these incidents, and of what came back."""
    position: int
    """The head of the log."""
    texts: frozenset[str] = frozenset()
    """What was removed, as far as others may repeat it. Known once the plan was executed."""


def plan_erasure(connection: Connection, request: RequestedErasure) -> ErasurePlan:
    """What would go. Raises as :meth:`collector.erasure.Eraser.erase` does."""
    not_made, half_made = hindrances(connection)
    if reason := not_made or half_made:
        raise Unavailable(f"cannot erase now: what is grouped is not known, {reason}; try again")
    deliveries = [_number(name) for name in request.deliveries]
    chosen = [*request.events, *(_told_by(connection, deliveries) if request.with_events else ())]
    entities = _entities(connection, chosen) if request.everything else {}
    ids = tuple(dict.fromkeys([*chosen, *entities]))
    reach = extent(connection, ids, deliveries)
    _check(ids, reach.revisions, deliveries, connection)
    numbers = _incidents_of(connection, ids)
    return ErasurePlan(
        ids=ids,
        entities=entities,
        extent=reach,
        erased=tuple(event.id for event in _open(reach.revisions, request.everything)),
        bodies=reach.bodies,
        numbers=numbers,
        attached=_attached_to(connection, ids),
        published=_published(connection, ids),
        records=tuple(row.id for row in select_among(connection, _PUBLISHED, sorted(numbers))),
        position=queries.head(connection),
    )


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
    deliveries = (queries.delivery(connection, f"d{number}") for number in numbers)
    return [item.event_id for delivery in deliveries if delivery for item in delivery.items]


def _entities(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Every event of the alerts and pages that these events are of → the name they share once theirs is gone."""
    names: dict[str, str] = {}
    for row in list(select_among(connection, _NAMES, list(ids))):
        together = sorted(connection.execute(_OF_NAME, {"source": row.source, "entity": row.entity}).scalars())
        names |= dict.fromkeys(together, f"erased:{together[0]}")
    return names


def _published(connection: Connection, ids: Sequence[str]) -> tuple[str, ...]:
    """Where a postmortem was published of an incident that one of these events is in."""
    numbers = sorted({row.number for row in select_among(connection, _NUMBERS_OF, list(ids))})
    publications = [row.id for row in select_among(connection, _PUBLISHED, numbers)]
    addresses: dict[tuple[str, str], str] = {}
    for event in queries.read_ids(connection, publications):
        if event.type == PUBLISHED and event.data.get("status") == "published":
            where = str(event.data.get("url") or event.data.get("revision") or "")
            addresses[event.entity, str(event.data.get("target"))] = f"{event.data.get('target')}: {where}"
    return tuple(sorted(addresses.values()))


def _open(revisions: Iterable[RecordedEvent], everything: bool) -> list[RecordedEvent]:
    """The last revisions of those events that have something to erase."""
    last = {event.id: event for event in revisions}
    return [e for e in last.values() if not is_erased(e) or (everything and not e.data.get("everything"))]


def execute(connection: Connection, request: RequestedErasure, plan: ErasurePlan) -> ErasurePlan:
    """Record it and remove the contents, in one transaction of the log; the plan as it was carried out.

    More may be erased than was planned: what was stored in between goes as well.
    """
    late = extent(connection, plan.ids, (), after=plan.extent.delivery)
    bodies = tuple(sorted({*plan.bodies, *late.bodies}))
    events = _open(late.revisions, request.everything)
    erasures = [_erasure_of(e, request, plan.entities.get(e.id, ""), plan.attached.get(e.id, ())) for e in events]
    erased = {event.id for event in erasures}
    texts = removed_texts([event for event in late.revisions if event.id in erased], erasures)
    _record(connection, request, erasures, bodies)
    _forget_publications(connection, request, plan)
    return msgspec.structs.replace(
        plan,
        erased=tuple(event.id for event in erasures),
        bodies=bodies,
        texts=texts,
        position=queries.head(connection),
    )


def _forget_publications(connection: Connection, request: RequestedErasure, plan: ErasurePlan) -> None:
    """Have records of publications and reviews forget the digests by which what was erased could be guessed."""
    last = {event.id: event for event in queries.read_ids(connection, plan.records) if event.id not in plan.ids}
    records = [event for event in sorted(last.values(), key=lambda event: event.position) if not is_erased(event)]
    statement: dict[str, Any] = {"by": request.by, "reason": request.reason, "stated_at": request.stated_at}
    revisions = [revision for event in records if (revision := forgotten(event, plan.ids, **statement)) is not None]
    if plan.ids and revisions:
        _record(connection, request, revisions, ())


def _erasure_of(
    event: RecordedEvent, request: RequestedErasure, entity: str = "", incidents: Sequence[str] = ()
) -> Event:  # fmt: skip
    """The revision that takes the content of an event away."""
    return amendments.erased(
        event, by=request.by, reason=request.reason, stated_at=request.stated_at, everything=request.everything,
        entity=entity, incidents=incidents,
    )  # fmt: skip


def _attached_to(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The opening events of the incidents that these events are attached to; nothing for signals that open some."""
    keys: dict[str, list[str]] = {}
    for event, key in select_among(connection, _ATTACHED, ids):
        of_event = keys.setdefault(event, [])
        if key not in of_event:
            of_event.append(key)
    return keys


def _record(
    connection: Connection, request: RequestedErasure, erasures: Sequence[Event], bodies: Sequence[int]
) -> None:
    facts = [*erasures, *([_removal(request, bodies)] if bodies else [])]
    if facts:
        submission = Submission(source=PEOPLE, received_at=request.stated_at, events=tuple(facts))
        erase(connection, submission, [event.id for event in erasures], bodies)


def _removal(request: RequestedErasure, bodies: Sequence[int]) -> Event:
    """Names the deliveries whose bodies went. A body goes once, so they are part of what identifies the record."""
    delivery_ranges = ranges(bodies)
    return Event(
        id=event_id("erasure.1", PEOPLE, None, request.key, str(delivery_ranges)),
        type=ERASED,
        source=PEOPLE,
        entity="deliveries",
        occurred_at=request.stated_at,
        actor=required_text(request.by, "by"),
        data={
            "stated_at": request.stated_at,
            "reason": required_text(request.reason, "reason"),
            "deliveries": delivery_ranges,
        },
    )


# --- what repeats it --------------------------------------------------------------------------------------------------


def _incidents_of(connection: Connection, ids: Sequence[str]) -> frozenset[int]:
    """The numbers of the incidents that these events are in, were said to be in, or gave their number."""
    numbers = {row.number for row in select_among(connection, _NUMBERS_OF, list(ids))}
    named = {*ids, *(row.unit for row in select_among(connection, _SIGNALS_OF, list(ids)))}
    for fact in _announcements(connection, ()):
        if fact.data.get("event") in named or any(ref[9:] in named for ref in fact.refs):
            numbers.add(int(fact.data.get("number", 0)))
    rows = connection.execute(_CURRENT_NUMBERS)
    return frozenset(numbers | {row.number for row in rows if row.goes_by in numbers})


def _announcements(connection: Connection, numbers: Collection[int]) -> list[RecordedEvent]:
    """The last revisions of what the daemon said of these incidents; of all of them where none is named."""
    entities = [f"incident:{number}" for number in sorted(numbers)]
    rows: Iterable[Any] = select_among(connection, _OWN_OF, entities) if numbers else connection.execute(_OWN)
    ids = [row.id for row in rows]
    return list({event.id: event for event in queries.read_ids(connection, ids)}.values())


def announcements_with(
    connection: Connection, texts: Collection[str], numbers: Collection[int]
) -> list[RecordedEvent]:  # fmt: skip
    """What the daemon said of these incidents, as far as lists show it, with one of these texts in it."""
    if not texts or not numbers:
        return []
    erased_text = _pattern(texts)
    own = (event for event in _announcements(connection, numbers) if not is_erased(event))
    return [e for e in own if erased_text.search(e.title) or erased_text.search(str(e.data.get("reason", "")))]


def _pattern(texts: Collection[str]) -> re.Pattern[str]:
    """Any of these texts as whole words."""
    alternatives = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def erase_announcements(
    connection: Connection, request: RequestedErasure, announcements: Iterable[RecordedEvent]
) -> int:  # fmt: skip
    """Erase what the daemon said, in one transaction of the log; its head after that."""
    last = {event.id: event for event in queries.read_ids(connection, [event.id for event in announcements])}
    _record(connection, request, [_erasure_of(event, request) for event in last.values() if not is_erased(event)], ())
    return queries.head(connection)


def clean(connection: Connection, executed: ErasurePlan) -> bool:
    """Remove what the lists still say; whether grouping had said any of it again."""
    # Grouping may have read an event before it was erased, and indexed it after.
    last = {event.id: event for event in queries.read_ids(connection, executed.ids)}
    _clean_index(connection, filter(is_erased, last.values()))
    if executed.texts:
        _clean_incidents(connection, executed)
    return _clean_memberships(connection, executed)


def _clean_incidents(connection: Connection, executed: ErasurePlan) -> None:
    """What lists show of numbers that no incident goes by any more: nobody else writes those rows again."""
    erased_text = _pattern(executed.texts)
    for number in executed.numbers:
        for row in list(connection.execute(_FORMER, {"of_number": number})):
            if any(text and erased_text.search(text) for text in row):
                connection.execute(_EMPTY_INCIDENT, {"of_number": number})


def _clean_memberships(connection: Connection, executed: ErasurePlan) -> bool:
    """Reasons that quote what was said: they are kept by signal and incident, and judged anew only with the signal."""
    if not executed.texts:
        return False
    cleaned = False
    erased_text = _pattern(executed.texts)
    for number in executed.numbers:
        for row in list(connection.execute(_REASONS, {"of_number": number})):
            if erased_text.search(row.reason) or erased_text.search(row.detail):
                connection.execute(_EMPTY_REASON, {"of_uid": row.uid, "of_number": number})
                cleaned = True
    return cleaned


def _clean_index(connection: Connection, erased: Iterable[Event]) -> None:
    """The lists' own copies of what an event is about, for every revision of it."""
    rows = [{"of_event": e.id, "left": e.entity, "of_none": int(e.service is None)} for e in erased]
    if rows:
        connection.execute(_CLEAN_INDEX, rows)
