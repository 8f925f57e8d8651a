"""What a sender gave out afterwards, on its way into the log.

The records are stored as they were fetched, as a delivery of their source, and
read as the deliveries that tell the same (``imported``). What the log knows
already adds nothing, so an import may be cut off and begun again. Where a record
has no identity in common with its delivery, the two are held to be one by what
they are about and when; if the import came first, what it brought is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from collector.errors import InvalidInput, NotFound
from collector.event import PEOPLE, Event, RecordedEvent, current, is_retracted
from collector.imported import FETCHED
from collector.log import EventLog, Submission, decode
from collector.webhook import IMPORT, Import, Webhook
from collector.writer import Writer

HOW = "import"
"""How the sender of an import's records proved itself: who brings them in may write to the log."""
SAME = "same_as"
"""The key of what an import brought and a delivery told, too: the id of the event that the delivery told."""


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some records."""

    delivery: str = ""
    """Under which number they are stored; empty where all that they say was known."""
    new: tuple[str, ...] = ()
    """The ids of the events that the log did not have."""
    known: int = 0
    """Events that it had."""
    merged: int = 0
    """Those of them that a delivery told without an identity in common."""
    withdrawn: int = 0
    """Events of an earlier import that a delivery told since."""
    not_understood: tuple[str, ...] = ()
    """Why some records could not be read; they are kept with the rest."""


class Importer:
    """Brings records in. ``derive`` reads a delivery, ``forms`` says in which forms a source's records are read."""

    def __init__(
        self, log: EventLog, writer: Writer, derive: Callable[[Webhook, str], Submission | None],
        forms: Callable[[str], Mapping[str, Import] | None],
    ) -> None:  # fmt: skip
        self._log, self._writer, self._derive, self._forms = log, writer, derive, forms

    async def take(self, source: str, form: str, records: bytes, now: int) -> Brought:
        """Store some records, a list in JSON, that were fetched ``now`` (µs UTC); those that are known add nothing.

        Raises :class:`NotFound` for a source that is not configured, :class:`InvalidInput` for a form that its kind
        does not have and for what is no JSON, and :class:`collector.errors.Unavailable`.
        """
        found = self._form(source, form)
        headers = {IMPORT: form, "content-type": "application/json"}
        told = self._derive(Webhook(source=source, headers=headers, body=records, received_at=now), HOW)
        if told is None or told.status == "malformed":
            raise InvalidInput(f"cannot bring in {form}: {'' if told is None else told.reason}", "body")
        return await self._bring_in(told, found.near, now)

    async def _bring_in(self, told: Submission, near: int, now: int) -> Brought:
        doubles: dict[str, str] = {}
        if near:
            told, doubles = await self._log.query(partial(_as_told, told=told, near=near))
        known = {each.id for each in await self._log.read_ids([event.id for event in told.events])}
        withdrawn = await self._withdraw(doubles, now)
        unread = tuple(
            dict.fromkeys(
                str(event.data.get("reason", "")) for event in told.events if event.type == "source.unrecognised"
            )
        )
        merged = sum(event.data.get(SAME) is not None for event in told.events)
        told = msgspec.structs.replace(told, events=tuple(map(_plain, told.events)))
        new = tuple(dict.fromkeys(event.id for event in told.events if event.id not in known))
        brought = Brought(
            new=new, known=len(told.events) - len(new), merged=merged, withdrawn=withdrawn, not_understood=unread
        )
        if not new:
            return brought
        receipt = await self._writer.submit(told, comes_again=False)
        return msgspec.structs.replace(brought, delivery=receipt.delivery)

    def _form(self, source: str, form: str) -> Import:
        forms = self._forms(source)
        if forms is None:
            raise NotFound(f"cannot import to {source!r}: no source has this name; timelined sources lists them")
        if form not in forms:
            known = f"it takes {', '.join(forms)}" if forms else "its kind has none"
            raise InvalidInput(f"cannot import {form!r} to {source}: its sender has no such form; {known}", "form")
        return forms[form]

    async def _withdraw(self, doubles: Mapping[str, str], now: int) -> int:
        """Take back what an earlier import brought and a delivery told since."""
        revisions = {each.id: each for each in await self._log.read_ids(list(doubles))}
        found = [each for each in revisions.values() if FETCHED in each.data and not is_retracted(each)]
        for event in found:
            fields = {name: getattr(event, name) for name in Event.__struct_fields__}
            data = dict(event.data) | {SAME: doubles[event.id]}
            said = Event(**{**fields, "revision": event.revision + 1, "amendment": "retraction", "data": data})
            await self._writer.submit(Submission(source=PEOPLE, received_at=now, events=(said,)), comes_again=False)
        return len(found)


def _as_told(connection: Connection, told: Submission, near: int) -> tuple[Submission, dict[str, str]]:
    """The events under the ids of those that deliveries told, where these are the same; and by an import's id that."""
    events, doubles = [], {}
    taken: set[str] = set()
    for event in told.events:
        same = _same(_around(connection, event, near), event, near, taken)
        if same is None:
            events.append(event)
            continue
        taken.add(same)
        doubles[event.id] = same
        events.append(msgspec.structs.replace(event, id=same, data=dict(event.data) | {SAME: same}))
    return msgspec.structs.replace(told, events=tuple(events)), doubles


def _around(connection: Connection, event: Event, near: int) -> list[RecordedEvent]:
    """What the source told of about that time. Ids begin with their time, so their index finds it."""
    first, last = (max(0, at) // 1000 for at in (event.occurred_at - near, event.occurred_at + near))
    bounds = (bytes.fromhex(f"{first:012x}{0:020x}"), bytes.fromhex(f"{last:012x}{'f' * 20}"))
    where = "WHERE event.id >= ? AND event.id <= ? AND event.source = ? ORDER BY event.position"
    return current(decode.events(connection, where, (*bounds, event.source)))


def _same(around: Sequence[RecordedEvent], event: Event, near: int, taken: set[str]) -> str | None:
    """The nearest event that a delivery told of the same thing, of this type and by nobody else."""
    found = [
        (abs(each.occurred_at - event.occurred_at), each.id)
        for each in around
        if (each.type, each.entity) == (event.type, event.entity)
        and each.id not in taken
        and FETCHED not in each.data
        and (not each.actor or not event.actor or each.actor == event.actor)
        and abs(each.occurred_at - event.occurred_at) <= near
    ]
    return min(found, default=(0, None))[1]


def _plain(event: Event) -> Event:
    if SAME not in event.data:
        return event
    return msgspec.structs.replace(event, data={key: value for key, value in event.data.items() if key != SAME})
