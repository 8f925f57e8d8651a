"""The table: what happened, when, in one zone, which is named above it."""

from __future__ import annotations

from collections.abc import Sequence

from renderers import folding, times
from renderers.document import Claim, Options, Row, Section, Timeline, Words
from renderers.history import History


def section(history: History, options: Options, most: int = folding.ROWS, told: Sequence[Row] | None = None) -> Section:
    """The rows in the detail asked for, at most ``most`` of them, under the zone they are told in."""
    table = folding.timeline(history, options, most, told)
    return Section(key="timeline", blocks=(_zone(history, table, options), table))


def _zone(history: History, table: Timeline, options: Options) -> Claim:
    """``Times are UTC (+00:00).``; where the clocks changed meanwhile, each row has its offset."""
    instants = [row.at for row in table.rows] or [event.occurred_at for event in history.events[:1]] or [0]
    offsets = times.offsets(instants, options.zone)
    changed = "; the clocks changed, so each row has its offset" if len(offsets) > 1 else ""
    return Claim(parts=(Words(f"Times are {options.zone} ({', then '.join(offsets)}){changed}."),), label=True)
