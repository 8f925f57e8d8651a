"""What may be gone from the log because the log itself records its removal.

An event's content may be gone if a later revision of it is an erasure. A
delivery's body may be gone if none was kept, or if a recorded fact names it:

- ``delivery.erased`` by ``data.deliveries``, pairs of the first and the last
  number of a row of deliveries, both included;
- ``delivery.expired`` by ``data.source`` and the numbers ``data.first`` to
  ``data.last``, both included: all deliveries of that source where ``data.kind``
  is ``deliveries``, and those that told something and nothing new where it is
  ``repeats``.

Headers that are content go with the body. Whatever else is gone was lost. These
facts cover what they name whether or not a body was there to remove, and they
can be neither erased nor amended.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, select

from collector.log.appending import ITEMS
from collector.schema.tables import content, event, head

_ERASURES = select(event.c.id, event.c.revision).where(event.c.amendment == "erasure")
_FACTS = (
    select(event.c.type, content.c.bytes)
    .join_from(event, content, content.c.number == event.c.content)
    .where(event.c.type.in_(("delivery.erased", "delivery.expired")))
)
_LAST = select(head.c.position)

IntervalIndex = list[tuple[int, int]]


class _RemovalFacts(msgspec.Struct):
    deliveries: list[tuple[int, int]] = []
    source: str = ""
    kind: str = ""
    first: int = 0
    last: int = -1


class _RemovalRecord(msgspec.Struct):
    data: _RemovalFacts = msgspec.field(default_factory=_RemovalFacts)


_recorded = msgspec.json.Decoder(_RemovalRecord).decode


class RecordedRemovals:
    """What the log records of removals, read once, when the first thing is found to be gone."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._erasures: dict[bytes, int] | None = None
        self._erased: IntervalIndex = []
        self._expired: dict[tuple[str, str], IntervalIndex] | None = None

    def over(self, connection: Connection) -> RecordedRemovals:
        """The same, to be read over this connection where it was not read yet."""
        self._connection = connection
        return self

    def event(self, identity: bytes, revision: int) -> bool:
        """Whether the content of this revision may be gone."""
        if self._erasures is None:
            self._erasures = {}
            for erased, last in self._rows(_ERASURES):
                if isinstance(erased, bytes) and isinstance(last, int):
                    self._erasures[erased] = max(last, self._erasures.get(erased, 0))
        return revision < self._erasures.get(identity, 0)

    def body(self, number: int, source: str, items: bytes) -> bool:
        """Whether the body of this delivery may be gone. ``items`` is its row's list of what it told."""
        if self._expired is None:
            self._expired = {}
            self._read()
        repeats = bool(items) and all(known for _, _, known in ITEMS.iter_unpack(items))
        kinds = ("deliveries", "repeats") if repeats else ("deliveries",)
        spans = [self._erased, *(self._expired.get((source, kind), []) for kind in kinds)]
        return any(first <= number <= last for some in spans for first, last in some)

    def _read(self) -> None:
        for kind, packed in self._facts():
            try:
                fact = _recorded(packed).data
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
                continue  # a damaged record excuses nothing
            if kind == "delivery.erased":
                self._erased += fact.deliveries
            elif self._expired is not None:
                self._expired.setdefault((fact.source, fact.kind), []).append((fact.first, fact.last))

    def _facts(self) -> Iterable[tuple[str, bytes]]:
        return [(row.type, row.bytes) for row in self._rows(_FACTS)]

    def _rows(self, statement: Select[Any]) -> list[Any]:
        """What a statement about ``event`` finds. Where some row cannot be read every other one is looked at by itself:
        a removal is excused by its own record, whatever else is damaged."""
        assert self._connection is not None  # noqa: S101 - over() comes first
        execute = self._connection.execute
        rows: list[Any] = []
        try:
            return list(execute(statement))
        except Exception:
            single = statement.where(event.c.position == bindparam("position"))
            for position in range(1, self._last() + 1):
                with suppress(Exception):
                    rows += execute(single, {"position": position})
            return rows

    def _last(self) -> int:
        """The last position, as far as the head row can be read and says one."""
        assert self._connection is not None  # noqa: S101 - over() comes first
        with suppress(Exception):
            return int(self._connection.execute(_LAST).scalar_one())
        return 0
