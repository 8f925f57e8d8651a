"""The table: what happened, when, in one zone, which is named above it."""

from __future__ import annotations

from renderers import rows, times
from renderers.document import Claim, Options, Section, Timeline, Words
from renderers.history import History


def section(history: History, options: Options, most: int = rows.ROWS, planned: rows.Planned | None = None) -> Section:
    """The rows in the detail asked for, at most ``most`` of them, under the zone they are told in.

    ``planned`` are the history's rows, where the caller has them already.
    """
    table = (planned or rows.Planned(history, options)).timeline(most)
    return Section(key="timeline", blocks=(_zone(history, table, options), table))


def _zone(history: History, table: Timeline, options: Options) -> Claim:
    """``Times are UTC (+00:00).``; where the clocks changed meanwhile, each row has its offset."""
    instants = [row.at for row in table.rows] or [event.occurred_at for event in history.events[:1]] or [0]
    offsets = times.offsets(instants, options.zone)
    changed = "; the clocks changed, so each row has its offset" if len(offsets) > 1 else ""
    return Claim(parts=(Words(f"Times are {options.zone} ({', then '.join(offsets)}){changed}."),), label=True)
