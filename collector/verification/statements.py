"""What is asked of the tables of facts to verify them. No value is converted: a damaged row may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Integer, Select, bindparam, cast, func, select

from collector.proof.checkpoint import DELIVERIES as DELIVERY_TREE
from collector.proof.checkpoint import EVENTS as EVENT_TREE
from collector.schema.tables import content, delivery, event, head

_after: Any = bindparam("after")
_last: Any = bindparam("last")
_ITEM = 25
"""Bytes of one event in a delivery's list of what it told."""

_columns = event.c
EVENTS = (
    select(
        _columns.position,
        _columns.id,
        _columns.revision,
        _columns.amendment,
        _columns.type,
        _columns.source,
        _columns.received_at,
        _columns.occurred_at,
        _columns.delivery,
        _columns.item,
        _columns.content,
        _columns.content_commitment,
        _columns.commitment,
        _columns.leaf,
        content.c.salt,
        content.c.bytes,
        delivery.c.commitment.label("telling"),
        func.substr(delivery.c.told, cast(_columns.item * _ITEM + 1, Integer), _ITEM).label("told"),
    )
    .join_from(event, content, content.c.number == _columns.content, isouter=True)
    .outerjoin(delivery, delivery.c.number == _columns.delivery)
    .where(_columns.position > _after, _columns.position <= _last)
    .order_by(_columns.position)
)
"""What :func:`collector.verification.row_check.event_holds` takes."""
DELIVERIES = (
    select(*delivery.c, content.c.salt, content.c.bytes)
    .join_from(delivery, content, content.c.number == delivery.c.content, isouter=True)
    .where(delivery.c.number > _after, delivery.c.number <= _last)
    .order_by(delivery.c.number)
)
"""What :func:`collector.verification.row_check.delivery_holds` takes."""


def _column_numbers(statement: Select[Any]) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(statement.selected_columns.keys())}


IN_EVENT, IN_DELIVERY = _column_numbers(EVENTS), _column_numbers(DELIVERIES)
"""Where in a row of these a column is, by its name. To ask a row of SQLAlchemy's for a name itself takes 0.7 µs, and to
verify a row with all its hashes takes 6."""
LEAVES = {
    tree: select(number, leaf).where(number > _after, number <= _last).order_by(number)
    for tree, number, leaf in (
        (EVENT_TREE, event.c.position, event.c.leaf),
        (DELIVERY_TREE, delivery.c.number, delivery.c.leaf),
    )
}
HEADS = {EVENT_TREE: select(head.c.position), DELIVERY_TREE: select(head.c.delivery)}
"""The last number of each tree."""
