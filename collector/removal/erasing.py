"""Erasing, on an open connection: what goes, and its removal in the transaction that records it.

Only rows of ``content`` are ever removed: the salt with the content, so that
nobody can guess from a leaf what was there. Rows of ``event`` and ``delivery``
stay, and with them every position, leaf and proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from collector.event import Event, RecordedEvent
from collector.log import queries
from collector.log.appending import ITEMS, append
from collector.log.contract import Receipt, Submission, receipt_of
from collector.log.headers import content_of
from collector.schema.tables import alert_text, content, delivery, event, head
from collector.storage.sql import AMONG, select_among

_LAST = select(head.c.delivery)
_with_body = select(delivery.c.number, delivery.c.told).join_from(
    delivery, content, content.c.number == delivery.c.content
)
_CHOSEN = _with_body.where(delivery.c.number.in_(AMONG))
_SINCE = _with_body.where(delivery.c.number >= bindparam("low"), delivery.c.source == bindparam("source"))
_REREAD = (
    select(content.c.bytes)
    .join_from(event, content, content.c.number == event.c.content)
    .where(event.c.type == "delivery.reread")
)
_FORGET_TEXTS = delete(alert_text).where(alert_text.c.firing == bindparam("of_firing"))
_CONTENTS = select(event.c.id, event.c.content).where(event.c.id.in_(AMONG)).order_by(event.c.id, event.c.revision)
_BODIES = select(delivery.c.content, delivery.c.headers).where(delivery.c.number.in_(AMONG))
_REMOVE = delete(content).where(content.c.number == bindparam("of_number"))


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure of some events and deliveries takes with it."""

    revisions: tuple[RecordedEvent, ...]
    """Every revision of the chosen events, by position."""
    bodies: tuple[int, ...]
    """The numbers of the deliveries that still have a body, and told one of the events or were chosen."""
    spared: tuple[str, ...]
    """Other events that those bodies told: their own content stays."""
    delivery: int
    """The last delivery that was looked at; a later one is found in the transaction."""


def extent(connection: Connection, ids: Sequence[str], deliveries: Iterable[int] = (), after: int = 0) -> Extent:
    """What goes with these events and deliveries. ``after`` is the last delivery that was looked at before."""
    revisions = tuple(queries.read_ids(connection, ids))
    last = connection.execute(_LAST).scalar_one()
    told = {bytes.fromhex(one) for one in ids}
    tellers = dict(_chosen(connection, tuple(deliveries))) | dict(_tellers(connection, revisions, after))
    spared = {identity for packed in tellers.values() for identity, _, _ in ITEMS.iter_unpack(packed)} - told
    return Extent(
        revisions=revisions,
        bodies=tuple(sorted(tellers)),
        spared=tuple(sorted(identity.hex() for identity in spared)),
        delivery=last,
    )


def _chosen(connection: Connection, numbers: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    return [(row.number, row.told) for row in select_among(connection, _CHOSEN, numbers)]


def _tellers(
    connection: Connection, revisions: Sequence[RecordedEvent], after: int
) -> Iterable[tuple[int, bytes]]:  # fmt: skip
    """Deliveries with a body that told one of these events, first or again.

    A repeat is only in the delivery's own list of what it told, so the deliveries of the source are walked through from
    the event's first one on.
    """
    ids_by_source: dict[str, set[bytes]] = {}
    first: dict[str, int] = {}
    for revision in revisions:
        if revision.delivery:
            number = int(revision.delivery[1:])
            ids_by_source.setdefault(revision.source, set()).add(bytes.fromhex(revision.id))
            first[revision.source] = min(number, first.get(revision.source, number))
    for source, ids in ids_by_source.items():
        low = max(first[source], after + 1)
        for row in connection.execute(_SINCE, {"low": low, "source": source}):
            if any(identity in ids for identity, _, _ in ITEMS.iter_unpack(row.told)):
                yield row.number, row.told
    yield from _retellers(connection, {one for ids in ids_by_source.values() for one in ids}, after)


def _retellers(connection: Connection, ids: set[bytes], after: int) -> Iterable[tuple[int, bytes]]:
    """Deliveries with a body that tell one of these events by a later parser alone, as the log records."""
    by_delivery: dict[int, set[bytes]] = {}
    for row in connection.execute(_REREAD):
        record = _reread(row.bytes).data
        told = {bytes.fromhex(one) for one in record.events}
        if told & ids:
            by_delivery.setdefault(int(record.delivery[1:]), set()).update(told)
    for number, packed in _chosen(connection, sorted(number for number in by_delivery if number > after)):
        # What the row names lies in the same body.
        yield number, packed + b"".join([ITEMS.pack(one, 0, True) for one in by_delivery[number]])


class _ErasedItems(msgspec.Struct):
    delivery: str = "d0"
    events: list[str] = []


class _ErasureRecord(msgspec.Struct):
    data: _ErasedItems = msgspec.field(default_factory=_ErasedItems)


_reread = msgspec.json.Decoder(_ErasureRecord).decode


def erase(connection: Connection, recorded: Submission, ids: Sequence[str], bodies: Sequence[int]) -> Receipt:
    """Append what records the erasure, and remove every earlier content of these events and the bodies of deliveries.

    ``recorded`` holds the erasure's revisions of the events and the fact that names the deliveries. Raises what
    :func:`collector.log.appending.append` raises, and then nothing may be committed.
    """
    receipt = receipt_of(*append(connection, [recorded]).answers)
    _remove(connection, _contents(connection, ids))
    # By these the texts could be guessed.
    for one in dict.fromkeys(ids):
        connection.execute(_FORGET_TEXTS, {"of_firing": bytes.fromhex(one)})
    remove_bodies(connection, bodies)
    return receipt


def _contents(connection: Connection, ids: Sequence[str]) -> list[int]:
    """The contents of all revisions but the last, which is the erasure."""
    numbers: dict[bytes, list[int]] = {}
    for row in select_among(connection, _CONTENTS, [bytes.fromhex(one) for one in dict.fromkeys(ids)]):
        numbers.setdefault(row.id, []).append(row.content)
    return [number for each in numbers.values() for number in each[:-1]]


def remove_bodies(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove the bodies of deliveries, and the headers that are content. Whoever calls this records it as well."""
    rows = list(select_among(connection, _BODIES, list(numbers)))
    _remove(connection, [number for row in rows for number in (row.content, content_of(row.headers)) if number])


def _remove(connection: Connection, contents: Sequence[int]) -> None:
    if contents:
        connection.execute(_REMOVE, [{"of_number": number} for number in contents])


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as pairs of first and last, as an erasure's record names them."""
    pairs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if pairs and pairs[-1][1] == number - 1:
            pairs[-1][1] = number
        else:
            pairs.append([number, number])
    return pairs


def texts(value: Any) -> set[str]:
    """Every text in a value, keys left out."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {text for one in value.values() for text in texts(one)}
    if isinstance(value, list | tuple | set | frozenset):
        return {text for one in value for text in texts(one)}
    return set()


def removed_texts(before: Iterable[RecordedEvent], erasures: Iterable[Event]) -> frozenset[str]:
    """What was said in these revisions and is not said by what their erasure leaves."""
    said = texts([msgspec.to_builtins(event) for event in before])
    kept = texts([msgspec.to_builtins(event) for event in erasures])
    return frozenset(text for text in said - kept if len(text) > 1)
