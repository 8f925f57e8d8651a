"""A row before it is worded, and what all rows look things up in.

A large incident has thousands of rows of which a reader is shown forty, so a
row is planned first (when, of what type, which events prove it) and put into
words only once it is known that it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import msgspec

from collector.event import MINUTE, RecordedEvent, is_erased
from renderers import facts, phrases
from renderers.document import Row
from renderers.history import Alert, Change, History, Page
from renderers.phrases import Phrase

Told = Callable[["Table"], Phrase]
"""Puts a row into words."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row that could be shown."""

    at: int
    type: str
    """The type of the event that leads the row."""
    cites: tuple[str, ...]
    told: Told
    led_by: tuple[RecordedEvent, ...] = ()
    """The events that the row's suffixes speak of: how late they were received, whether they were corrected."""
    label: str = ""


class Table:
    """What the rows of one history are worded with: its zone, and which page, change and alert an event belongs to."""

    def __init__(self, history: History, zone: str) -> None:
        self.history = history
        self.zone = zone

    @cached_property
    def pages(self) -> dict[str, Page]:
        """By entity."""
        return {page.entity: page for page in self.history.pages}

    @cached_property
    def changes(self) -> dict[str, Change]:
        """By the id of each of their events."""
        return {each: change for change in self.history.changes for each in change.events}

    @cached_property
    def resolves(self) -> dict[str, Alert]:
        """Alerts by the id of what resolved them."""
        return {alert.resolved.id: alert for alert in self.history.alerts if alert.resolved is not None}


def written(plan: Plan, table: Table) -> Row:
    """The row in words."""
    suffixes = _suffixes(plan.led_by)
    return Row(at=plan.at, label=plan.label, parts=plan.told(table), cites=plan.cites, type=plan.type,
               suffixes=suffixes)  # fmt: skip


def _suffixes(events: Iterable[RecordedEvent]) -> tuple[str, ...]:
    """That events were received late, or corrected or erased by a person."""
    late, corrected, erased, count = 0, False, False, 0
    for event in events:
        count += 1
        late = max(late, facts.lateness(event))
        corrected = corrected or event.amendment == "correction"
        erased = erased or is_erased(event)
    most = "up to " if count > 1 else ""
    words = f"received {most}{phrases.lasted(late // MINUTE * MINUTE)} late" if late else ""
    amended = ("corrected" if corrected else "", "erased" if erased else "")
    return tuple(word for word in (words, *amended) if word)
