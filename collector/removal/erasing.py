"""Erasing, on an open connection: what goes, and its removal in the transaction that records it.

Only rows of ``content`` are ever removed: the salt with the content, so that
nobody can guess from a leaf what was there. Rows of ``event`` and ``delivery``
stay, and with them every position, leaf and proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from collector.event import Event, RecordedEvent
from collector.log import queries
from collector.log.appending import ITEMS, append
from collector.log.contract import Receipt, Submission, receipt_of
from collector.log.headers import content_of
from collector.storage.sql import select_in


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
    last = connection.exec_driver_sql("SELECT delivery FROM head").scalar_one()
    told = {bytes.fromhex(one) for one in ids}
    found = dict(_chosen(connection, tuple(deliveries))) | dict(_tellers(connection, revisions, after))
    spared = {identity for packed in found.values() for identity, _, _ in ITEMS.iter_unpack(packed)} - told
    return Extent(
        revisions=revisions,
        bodies=tuple(sorted(found)),
        spared=tuple(sorted(identity.hex() for identity in spared)),
        delivery=last,
    )


def _chosen(connection: Connection, numbers: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    statement = "SELECT delivery.number, told FROM delivery JOIN content ON content.number = delivery.content "
    return [(row[0], row[1]) for row in select_in(connection, statement + "WHERE delivery.number IN ({})", numbers)]


def _tellers(
    connection: Connection, revisions: Sequence[RecordedEvent], after: int
) -> Iterable[tuple[int, bytes]]:  # fmt: skip
    """Deliveries with a body that told one of these events, first or again.

    A repeat is only in the delivery's own list of what it told, so the deliveries of the source are walked through from
    the event's first one on.
    """
    wanted: dict[str, set[bytes]] = {}
    first: dict[str, int] = {}
    for event in revisions:
        if event.delivery:
            number = int(event.delivery[1:])
            wanted.setdefault(event.source, set()).add(bytes.fromhex(event.id))
            first[event.source] = min(number, first.get(event.source, number))
    statement = """SELECT delivery.number, told FROM delivery JOIN content ON content.number = delivery.content
        WHERE delivery.number >= ? AND source = ?"""
    for source, ids in wanted.items():
        low = max(first[source], after + 1)
        for number, told in connection.exec_driver_sql(statement, (low, source)):
            if any(identity in ids for identity, _, _ in ITEMS.iter_unpack(told)):
                yield number, told
    yield from _retellers(connection, {one for ids in wanted.values() for one in ids}, after)


def _retellers(connection: Connection, ids: set[bytes], after: int) -> Iterable[tuple[int, bytes]]:
    """Deliveries with a body that tell one of these events by a later parser alone, as the log records."""
    statement = """SELECT content.bytes FROM event JOIN content ON content.number = event.content
        WHERE event.type = 'delivery.reread'"""
    found: dict[int, set[bytes]] = {}
    for (content,) in connection.exec_driver_sql(statement):
        said = _reread(content).data
        told = {bytes.fromhex(one) for one in said.events}
        if told & ids:
            found.setdefault(int(said.delivery[1:]), set()).update(told)
    for number, packed in _chosen(connection, sorted(number for number in found if number > after)):
        # What the row names lies in the same body.
        yield number, packed + b"".join([ITEMS.pack(one, 0, True) for one in found[number]])


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
        connection.exec_driver_sql("DELETE FROM alert_text WHERE firing = ?", (bytes.fromhex(one),))
    remove_bodies(connection, bodies)
    return receipt


def _contents(connection: Connection, ids: Sequence[str]) -> list[int]:
    """The contents of all revisions but the last, which is the erasure."""
    statement = "SELECT id, content FROM event WHERE id IN ({}) ORDER BY id, revision"
    rows: dict[bytes, list[int]] = {}
    for identity, content in select_in(connection, statement, [bytes.fromhex(one) for one in dict.fromkeys(ids)]):
        rows.setdefault(identity, []).append(content)
    return [content for contents in rows.values() for content in contents[:-1]]


def remove_bodies(connection: Connection, numbers: Sequence[int]) -> None:
    """Remove the bodies of deliveries, and the headers that are content. Whoever calls this records it as well."""
    statement = "SELECT content, headers FROM delivery WHERE number IN ({})"
    rows = list(select_in(connection, statement, list(numbers)))
    _remove(connection, [number for content, headers in rows for number in (content, content_of(headers)) if number])


def _remove(connection: Connection, contents: Sequence[int]) -> None:
    if contents:
        connection.exec_driver_sql("DELETE FROM content WHERE number = ?", [(number,) for number in contents])


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


def removed_texts(before: Iterable[RecordedEvent], left: Iterable[Event]) -> frozenset[str]:
    """What was said in these revisions and is not said by what their erasure leaves."""
    said = texts([msgspec.to_builtins(event) for event in before])
    kept = texts([msgspec.to_builtins(event) for event in left])
    return frozenset(text for text in said - kept if len(text) > 1)
