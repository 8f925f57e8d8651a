"""Alerts that go on and off: the episodes of one alert that follow soon after each other, taken together.

An alert that ends and fires again within minutes, time after time, would fill
a table; a reader wants the row where that begins and the one of the last end.
Longer pauses, and one or two of them, stay as they were. Pure, and linear in
the episodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.event import MINUTE
from renderers.history import Alert, FlappingRun

FLAP_GAP = 5 * MINUTE
"""An alert that fires again within this of its end has gone off and on; later it is a new firing."""
FLAPS = 3
"""From how many such pauses on they are told together."""


def flapping_runs(alerts: Iterable[Alert]) -> tuple[FlappingRun, ...]:
    """The runs of these alerts, which come by start; the runs come by start too."""
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
    found = [_flapping_run(episodes) for run in runs for episodes in _split(run)]
    return tuple(sorted(found, key=lambda spell: spell.start))


def _split(run: list[Alert]) -> Iterable[Sequence[Alert]]:
    return [run] if len(run) > FLAPS else [[alert] for alert in run]


def _flapping_run(run: Sequence[Alert]) -> FlappingRun:
    return FlappingRun(run[0].start, run[-1].end, run[0].entity, tuple(run))


def over(alert: Alert) -> int | None:
    """When the episode was over; None while it fires."""
    return alert.end
