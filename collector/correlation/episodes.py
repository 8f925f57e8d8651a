"""From when to when one alert fired: its events cut into episodes."""

from __future__ import annotations

from bisect import bisect_right

from collector.event import RecordedEvent, reading_order

Episode = tuple[int, int | None, list[RecordedEvent]]
"""Start, end (None while it fires) and the events that tell it, in reading order."""


def episodes_of(firing: list[RecordedEvent], resolved: list[RecordedEvent]) -> list[Episode]:
    """From when to when an alert fired, with the events that tell it, in order.

    A resolved item proves its firing too. The latest of several ends counts, a
    firing inside a closed episode belongs to it, and an unclosed one ends where
    the next begins.
    """
    closed = _closed(firing, resolved)
    starts = [episode[0] for episode in closed]
    opened: dict[int, list[RecordedEvent]] = {}
    for event in firing:
        at = bisect_right(starts, event.occurred_at) - 1
        if at >= 0 and (event.occurred_at < closed[at][1] or event.occurred_at == closed[at][0]):
            closed[at][2].append(event)
        else:
            opened.setdefault(event.occurred_at, []).append(event)
    every = sorted([*starts, *opened])
    episodes: list[Episode] = [(start, end, sorted(events, key=reading_order)) for start, end, events in closed]
    for start, events in opened.items():
        following = bisect_right(every, start)
        episodes.append((start, every[following] if following < len(every) else None, events))
    return sorted(episodes, key=lambda episode: episode[0])


def _closed(firing: list[RecordedEvent], resolved: list[RecordedEvent]) -> list[tuple[int, int, list[RecordedEvent]]]:
    """Closed episodes: what resolved items prove, overlapping ones made one."""
    times = [event.occurred_at for event in firing]
    proven = sorted(((*_proven(event, times), event) for event in resolved), key=lambda p: (p[0], p[1], p[2].id))
    closed: list[tuple[int, int, list[RecordedEvent]]] = []
    for start, end, event in proven:
        if closed and (start < closed[-1][1] or start == closed[-1][0]):
            first, latest, events = closed[-1]
            closed[-1] = (first, max(latest, end), [*events, event])
        else:
            closed.append((start, end, [event]))
    return closed


def _proven(event: RecordedEvent, firing: list[int]) -> tuple[int, int]:
    """The interval a resolved item proves: from its ``starts_at``, else from the latest firing before it."""
    end = event.occurred_at
    start = event.data.get("starts_at")
    if not isinstance(start, int):
        at = bisect_right(firing, end) - 1
        start = firing[at] if at >= 0 else end
    return min(start, end), end


def proves_its_start(event: RecordedEvent) -> bool:
    """Whether an alert's event says by itself from when on the alert fired; else any firing before it may say so."""
    return event.type == "alert.firing" or isinstance(event.data.get("starts_at"), int)
