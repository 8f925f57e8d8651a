"""Which clock times of a draft stand in none of the events that are cited for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.event import RecordedEvent
from renderers.document import Bullets, Claim, Document, Inline, Table, Time, Timeline
from renderers.plain_text import plain

YEAR_2000 = 946_684_800_000_000
"""A number in an event's data that is no smaller is a time, µs."""


def unproven(document: Document) -> list[str]:
    """The sentences, items and rows with a time that none of their events tells; what was looked for in a window and
    not found names the window."""
    return [
        plain(parts)
        for parts, cites, at in _cited(document)
        if not {*at, *(part.at for part in parts if isinstance(part, Time))}
        <= {instant for each in cites for instant in _instants(document.events[each])}
    ]


def _cited(document: Document) -> Iterator[tuple[Sequence[Inline], Sequence[str], tuple[int, ...]]]:
    for block in (block for section in document.sections for block in section.blocks):
        match block:
            case Bullets() | Claim():
                items = block.items if isinstance(block, Bullets) else (block,)
                yield from ((item.parts, item.cites, ()) for item in items if not _is_absence(item))
            case Timeline():
                yield from ((row.parts, row.cites, (row.at,)) for row in block.rows)
            case Table():
                yield from ((tuple(part for cell in row.cells for part in cell), row.cites, ()) for row in block.rows)


def _is_absence(claim: Claim) -> bool:
    """Whether it tells of a window: that nothing was in it, or what there was instead."""
    text = plain(claim.parts)
    return bool(claim.none) or text.startswith(("No ", "Between "))


def _instants(event: RecordedEvent) -> Iterator[int]:
    yield event.occurred_at
    for value in event.data.values():
        if type(value) is int and value >= YEAR_2000:
            yield value
    took = event.data.get("duration")
    if type(took) is int:
        yield event.occurred_at - took
