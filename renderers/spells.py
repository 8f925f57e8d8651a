"""Alerts that flap: the episodes of one alert that follow soon after each other, taken together.

An alert that ends and fires again within minutes has flapped; a reader wants
one line of it and not eight. Pure, and linear in the episodes.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.event import MINUTE
from renderers.history import Alert, Spell

FLAP_GAP = 15 * MINUTE
"""An alert that fires again within this of its end has flapped; later it is a new firing."""


def spells(alerts: Iterable[Alert]) -> tuple[Spell, ...]:
    """The spells of these alerts, which come by start; the spells come by start too."""
    latest: dict[str, list[Alert]] = {}
    runs: list[list[Alert]] = []
    for alert in alerts:
        run = latest.get(alert.entity)
        before = over(run[-1]) if run else None
        if run is not None and before is not None and alert.start - before <= FLAP_GAP:
            run.append(alert)
        else:
            latest[alert.entity] = run = [alert]
            runs.append(run)
    return tuple([Spell(run[0].start, run[-1].end, run[0].entity, tuple(run)) for run in runs])


def over(alert: Alert) -> int | None:
    """When the episode was over; None while it fires."""
    return alert.end
