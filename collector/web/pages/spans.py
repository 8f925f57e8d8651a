"""When incidents were, as bars over one axis, and when a source was not heard."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collector.event import RecordedEvent
from collector.projections import IncidentRow

WIDE = 1000
"""How wide the axis is, in units of its own."""
LEAST = 7.0
"""How wide a bar is at least, so that a finger finds it."""
ROWS = 6
"""The most rows of bars; what finds no room in them stands in the last one, over others."""


class SpanBar(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, or a time in which something was not heard."""

    left: float
    width: float
    row: int
    number: int
    title: str
    status: str
    start: int
    end: int | None


class IncidentBars(msgspec.Struct, frozen=True, kw_only=True):
    """The picture."""

    since: int
    until: int
    """From when to when the axis goes, µs."""
    rows: int
    bars: Sequence[SpanBar]
    gaps: Sequence[SpanBar]


def spans(
    rows: Sequence[IncidentRow], gaps_recorded: Sequence[RecordedEvent], now: int, since: int | None, until: int | None
) -> IncidentBars | None:
    """The bars of a list; None where there are fewer than two incidents. ``gaps_recorded`` are gaps of "
    "sources on record."""
    drawn = sorted((row for row in rows if row.status != "merged"), key=lambda row: (row.started_at, row.number))
    if len(drawn) < 2:
        return None
    first = min(row.started_at for row in drawn) if since is None else since
    last = max(_end(row, now) for row in drawn) if until is None else until
    length = max(last - first, 1)

    def offset(at: int) -> float:
        return min(max((at - first) / length, 0.0), 1.0) * (WIDE - LEAST)

    ends: list[float] = []
    bars = []
    for row in drawn:
        x = offset(row.started_at)
        wide = max(offset(_end(row, now)) - x, LEAST)
        line = next((at for at, end in enumerate(ends) if end <= x), min(len(ends), ROWS - 1))
        ends[line:line] = [0.0] if line == len(ends) else []
        ends[line] = max(ends[line], x + wide + 2)
        bars.append(
            SpanBar(left=x, width=wide, row=line, number=row.number, title=row.title, status=row.status,
                    start=row.started_at, end=row.ended_at)
        )  # fmt: skip
    gaps = [
        SpanBar(left=offset(start), width=max(offset(end or now) - offset(start), 1.0), row=0, number=0, title=title,
                status="gap", start=start, end=end)
        for start, end, title in _gaps(gaps_recorded) if start < last and (end or now) > first
    ]  # fmt: skip
    return IncidentBars(since=first, until=last, rows=len(ends), bars=bars, gaps=gaps)


def _end(row: IncidentRow, now: int) -> int:
    if row.status == "open":
        return max(now, row.started_at)
    return max(row.ended_at or row.last_at, row.started_at)


def _gaps(events: Sequence[RecordedEvent]) -> list[tuple[int, int | None, str]]:
    """From when until when (None: still), and what it is called; of several records of one the last one."""
    by_source: dict[str, tuple[int, int | None, str]] = {}
    for event in sorted(events, key=lambda each: each.position):
        until = event.data.get("until")
        by_source[event.entity] = (
            event.occurred_at,
            until if isinstance(until, int) else None,
            event.title or event.type,
        )
    return list(by_source.values())
