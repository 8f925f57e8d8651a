"""A part of a picture: what happened within a time, or what some events prove; pure.

What goes on beyond the time is drawn up to the edges of the picture and says
its true times. A filter does not change the axis: the rows that are left stay in their places.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from renderers.picture.layout import spans
from renderers.picture.values import Chart, Item, Lane


def narrowed(chart: Chart, since: int | None, until: int | None, only: AbstractSet[str] | None) -> Chart:
    """The chart from ``since`` until before ``until`` (µs, None: as far as it goes), of what ``only`` proves.

    None for ``only`` leaves nothing out.
    """
    whole = tuple(spans(chart))
    if not whole:
        return chart
    start = min(first for first, _ in whole) if since is None else since
    end = max(last for _, last in whole) + 1 if until is None else until

    def is_visible(item: Item, *, bar: bool) -> bool:
        last = item.start if item.end is None and not bar else item.end
        within = item.start < end and (last is None or last >= start)
        return within and (only is None or not only.isdisjoint(item.cites))

    lanes = []
    for lane in chart.lanes:
        bars = tuple(_ticked(item, start, end) for item in lane.bars if is_visible(item, bar=True))
        marks = tuple(item for item in lane.marks if is_visible(item, bar=False))
        if bars or marks:
            lanes.append(Lane(name=lane.name, kind=lane.kind, bars=bars, marks=marks))
    bounded = (since, until) != (None, None)
    return replace(
        chart,
        lanes=tuple(lanes),
        moments=tuple(each for each in chart.moments if start <= (each.at or 0) < end),
        stretches=tuple(each for each in chart.stretches if each.start < end and each.end >= start),
        spans=((start, max(start, end - 1)),) if bounded else whole,
    )


def _ticked(item: Item, start: int, end: int) -> Item:
    ticks = tuple(tick for tick in item.ticks if start <= tick < end)
    return item if len(ticks) == len(item.ticks) else replace(item, ticks=ticks)
