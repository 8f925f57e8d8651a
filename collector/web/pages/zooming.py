"""From when to when a page shows an incident, and the times that lead nearer, further, earlier and later."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from collector.event import SECOND

SMALLEST = 10 * SECOND
"""The shortest time that is shown, µs."""


_SIZE = re.compile(r'<svg [^>]*?\bwidth="(\d+)[^"]*" height="(\d+)')


def rooms(pictures: Mapping[str, str]) -> Mapping[str, tuple[int, int]]:
    """How wide and how high each picture is; nothing where there is none."""
    sizes = {name: _SIZE.match(pictures.get(name, "")) for name in ("wide", "narrow")}
    return {name: (int(size[1]), int(size[2])) if size else (0, 0) for name, size in sizes.items()}


def ends(times: Sequence[int]) -> tuple[int, int]:
    """From when until before when all rows are, of which these are the times (µs)."""
    return (min(times), max(times) + SECOND) if times else (0, 0)


def steps(
    times: Sequence[int], since: int | None, until: int | None
) -> Mapping[str, tuple[int | None, int | None]]:  # fmt: skip
    """What the buttons beside a picture lead to, by their names: from when to when (µs), (None, None) for all of it.

    ``times`` are those of all rows. A step that would show what is shown already is left out.
    """
    if not times:
        return {}
    first, last = ends(times)
    start, end = first if since is None else since, last if until is None else until
    length = max(end - start, SMALLEST)
    middle = start + length // 2
    near, far = max(length // 4, SMALLEST // 2), length
    spans_by_button: dict[str, tuple[int | None, int | None]] = {}
    if length > SMALLEST:
        spans_by_button["nearer"] = (middle - near, middle + near)
    if (since, until) != (None, None):
        wide = (middle - far, middle + far)
        spans_by_button["further"] = (None, None) if wide[0] <= first and wide[1] >= last else wide
        spans_by_button["all"] = (None, None)
        if start > first:
            spans_by_button["earlier"] = (start - length // 2, end - length // 2)
        if end < last:
            spans_by_button["later"] = (start + length // 2, end + length // 2)
    return spans_by_button
