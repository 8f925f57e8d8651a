"""What a round read, and what came of it, before any of it is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from collector.correlation import Catalog
from collector.correlation.changes import Changes
from collector.event import MACHINE, RecordedEvent, is_unreadable
from collector.projections.grouping_store import index_row


class RoundInput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Events that follow each other in the log, and what they change."""

    first: int
    last: int
    rows: list[tuple[Any, ...]]
    """Of the index of events."""
    changes: Changes
    damaged: list[int]
    """Positions of events whose content cannot be read."""
    erased: bool
    """Whether something was erased."""
    amended: bool
    """Whether more was told of an event than it told at first."""
    grouped: bool
    """Whether any of the events is another's than our own."""


def round_of(
    events: Sequence[RecordedEvent], changes: Changes, catalog: Catalog, aside: Collection[int] = ()
) -> RoundInput:  # fmt: skip
    """The round of these events; ``aside`` has positions of what grouping goes on without."""
    return RoundInput(
        first=events[0].position,
        last=events[-1].position,
        rows=[index_row(event, catalog, aside=event.position in aside) for event in events],
        changes=changes,
        damaged=[event.position for event in events if is_unreadable(event)],
        erased=any(event.amendment == "erasure" for event in events),
        amended=any(event.revision for event in events),
        grouped=any(event.source != MACHINE for event in events),
    )
