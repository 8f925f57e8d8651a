"""What an import brought and a delivery told is one event, also where the two have no identity in common.

They are one where source, type, entity and person are the same and their times
within what the form of the import allows. What the delivery told stands: an
import takes its id, and what an import brought earlier is taken back when the
delivery arrives. Where the daemon was ended in between, or nothing could be
stored, :meth:`Doubles.make_up` does it later.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, select

from collector.errors import Unavailable
from collector.event import PEOPLE, Event, RecordedEvent, current, is_retracted
from collector.intake.imported import FETCHED, HOW
from collector.intake.writer import Writer
from collector.log import Submission, decode, queries
from collector.log.headers import headers_of
from collector.schema.tables import delivery
from collector.schema.tables import event as logged
from collector.storage.sql import AMONG, select_among
from collector.webhook import IMPORT, Import

EVERY = 600
"""Seconds between two looks at whether something is left to be taken back."""
LAST = 2_000
"""How many of the last events are looked at then: what was not taken back yet is of the last few commits."""
SAME = "same_as"
"""The key of what an import brought and a delivery told, too: the id of the event that the delivery told."""

_of_source = delivery.c.source == bindparam("source")
_IMPORTED_AFTER = (
    select(delivery.c.number)
    .where(_of_source, delivery.c.number > bindparam("after"), delivery.c.authentication == HOW)
    .limit(1)
)
_LAST_OF = select(func.max(delivery.c.number)).where(_of_source)
_AROUND = decode.PLACED.where(
    logged.c.id >= bindparam("low"), logged.c.id <= bindparam("high"), logged.c.source == bindparam("source")
).order_by(logged.c.position)


def _by_delivery(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a delivery told an event for which this holds."""
    return exists().where(delivery.c.number == logged.c.delivery, condition).correlate(logged)


_BROUGHT_IN = _AROUND.where(_by_delivery(delivery.c.authentication == HOW))
_DELIVERED = decode.PLACED.where(
    logged.c.position > bindparam("after"),
    logged.c.source == bindparam("source"),
    _by_delivery(delivery.c.authentication != HOW),
).order_by(logged.c.position)
_HEADERS = select(delivery.c.number, delivery.c.headers).where(delivery.c.number.in_(AMONG))


class Doubles:
    """Takes back what an import brought and a delivery told since."""

    def __init__(self, writer: Writer) -> None:
        self._log, self._writer = writer.log, writer
        self._scan_by_source: dict[str, tuple[int, bool]] = {}
        """By source the last delivery that was looked at, and whether one of them was an import."""
        self._owed = True
        """Whether something may be left to be taken back: after a start, and where it could not be."""

    async def find(self, submission: Submission, near: int) -> tuple[Submission, dict[str, str]]:
        """The records of an import under the ids of events that are known, and by their own ids those that deliveries
        told; ``near`` in µs."""
        return await self._log.query(partial(_with_known_ids, submission=submission, near=near))

    async def merge(self, source: str, events: Sequence[Event], forms: Mapping[str, Import], now: int) -> int:
        """Take back what an import of ``source`` brought of these events, new ones of a delivery; how many those are.

        Free where nothing was ever imported for the source. What cannot be taken back now is left to :meth:`make_up`:
        the delivery is stored.
        """
        near = {form: said.near for form, said in forms.items() if said.near}
        try:
            if not near or not events or not await self._ever_imported(source):
                return 0
            found = await self._log.query(partial(_imported, events=events, near=near))
            return await self.withdraw(found, now)
        except Unavailable:
            self._owed = True
            return 0

    async def make_up(self, forms: Mapping[str, Mapping[str, Import]], now: int) -> int:
        """Take back what was left to be taken back when the daemon ended, or could not be, by source its forms; how
        many those are.

        Free where nothing is left, and where nothing was ever imported. Raises :class:`collector.errors.Unavailable`.
        """
        if not self._owed:
            return 0
        self._owed = False
        count = 0
        try:
            for source, said in forms.items():
                near = {form: one.near for form, one in said.items() if one.near}
                if near and await self._ever_imported(source):
                    found = await self._log.query(partial(_not_withdrawn, source=source, near=near))
                    count += await self.withdraw(found, now)
        except BaseException:
            self._owed = True
            raise
        return count

    async def _ever_imported(self, source: str) -> bool:
        seen, found = self._scan_by_source.get(source, (0, False))
        if not found:
            self._scan_by_source[source] = await self._log.query(partial(_import_after, source=source, number=seen))
        return self._scan_by_source[source][1]

    async def withdraw(self, doubles: Mapping[str, str], now: int) -> int:
        """Take back those of some events that an import brought, each with the id of what a delivery told."""
        revisions = {each.id: each for each in await self._log.read_ids(list(doubles))}
        doubled = [each for each in revisions.values() if FETCHED in each.data and not is_retracted(each)]
        for event in doubled:
            fields = {name: getattr(event, name) for name in Event.__struct_fields__}
            data = dict(event.data) | {SAME: doubles[event.id]}
            said = Event(**{**fields, "revision": event.revision + 1, "amendment": "retraction", "data": data})
            await self._writer.submit(Submission(source=PEOPLE, received_at=now, events=(said,)), sender_retries=False)
        return len(doubled)


def _import_after(connection: Connection, source: str, number: int) -> tuple[int, bool]:
    """The last delivery of a source, and whether one after ``number`` was an import."""
    imported = connection.execute(_IMPORTED_AFTER, {"source": source, "after": number}).first()
    last = connection.execute(_LAST_OF, {"source": source}).scalar()
    return (last or 0), imported is not None


def _imported(connection: Connection, events: Sequence[Event], near: Mapping[str, int]) -> dict[str, str]:
    """By the id of what an import brought, the id of the event that is the same; ``near`` by an import's form."""
    doubles: dict[str, str] = {}
    for event in events:
        around = _around(connection, event, max(near.values()), _BROUGHT_IN)
        _note_double(connection, event, around, near, doubles)
    return doubles


def _note_double(
    connection: Connection, event: Event, around: Sequence[RecordedEvent], near: Mapping[str, int],
    doubles: dict[str, str],
) -> None:  # fmt: skip
    forms = _forms(connection, around)
    for form, within in near.items():
        found = [each for each in around if forms.get(each.delivery) == form and FETCHED in each.data]
        if same := _nearest(found, event, within, doubles):
            doubles[same] = event.id
            return


def _not_withdrawn(connection: Connection, source: str, near: Mapping[str, int]) -> dict[str, str]:
    """The same of the last events of a source, where nothing was taken back for one of them yet.

    What an import brought after the delivery was told beside it then, and is another event.
    """
    after = queries.head(connection) - LAST
    doubles: dict[str, str] = {}
    for event in decode.events(connection, _DELIVERED, {"after": after, "source": source}):
        revisions = _revisions(connection, event, max(near.values()))
        if any(each.data.get(SAME) == event.id for each in revisions):
            continue
        around = [each for each in current(revisions) if each.position < event.position]
        _note_double(connection, event, around, near, doubles)
    return doubles


def _forms(connection: Connection, events: Sequence[RecordedEvent]) -> dict[str, str]:
    """By delivery, the form in which an import brought it in."""
    numbers = sorted({int(event.delivery[1:]) for event in events if event.delivery})
    rows = list(select_among(connection, _HEADERS, numbers))
    headers = headers_of(connection, [row.headers for row in rows])
    return {f"d{row.number}": dict(pairs).get(IMPORT, "") for row, pairs in zip(rows, headers, strict=True)}


def _with_known_ids(connection: Connection, submission: Submission, near: int) -> tuple[Submission, dict[str, str]]:
    """See :meth:`Doubles.find`."""
    events, doubles = [], {}
    claimed: set[str] = set()
    for event in submission.events:
        around = _around(connection, event, near)
        delivered = _nearest([each for each in around if FETCHED not in each.data], event, near, claimed)
        original = delivered or _fetched_before(around, event, near, claimed)
        if original is None:
            events.append(event)
            continue
        claimed.add(original)
        if delivered:
            doubles[event.id] = original
        events.append(msgspec.structs.replace(event, id=original, data=dict(event.data) | {SAME: original}))
    return msgspec.structs.replace(submission, events=tuple(events)), doubles


def _fetched_before(
    around: Sequence[RecordedEvent], event: Event, near: int, claimed: Container[str]
) -> str | None:  # fmt: skip
    """What an earlier import brought of this record: a run of GitHub is given out with a later time once it changed."""
    if any(each.id == event.id for each in around):
        return None
    return _nearest(around, event, near, claimed)


def _around(
    connection: Connection, event: Event, near: int, statement: Select[Any] = _AROUND
) -> list[RecordedEvent]:  # fmt: skip
    """What the source told of about that time."""
    return current(_revisions(connection, event, near, statement))


def _revisions(
    connection: Connection, event: Event, near: int, statement: Select[Any] = _AROUND
) -> list[RecordedEvent]:  # fmt: skip
    """All that was ever said of that. Ids begin with their time, so their index finds it."""
    first, last = (max(0, at) // 1000 for at in (event.occurred_at - near, event.occurred_at + near))
    low, high = bytes.fromhex(f"{first:012x}{0:020x}"), bytes.fromhex(f"{last:012x}{'f' * 20}")
    return decode.events(connection, statement, {"low": low, "high": high, "source": event.source})


def _nearest(around: Sequence[RecordedEvent], event: Event, near: int, claimed: Container[str]) -> str | None:
    """The nearest event of the same thing, of this type and by nobody else."""
    candidates = [
        (abs(candidate.occurred_at - event.occurred_at), candidate.id)
        for candidate in around
        if (candidate.type, candidate.entity) == (event.type, event.entity)
        and candidate.id not in claimed
        and (not candidate.actor or not event.actor or candidate.actor == event.actor)
        and abs(candidate.occurred_at - event.occurred_at) <= near
    ]
    return min(candidates, default=(0, None))[1]
