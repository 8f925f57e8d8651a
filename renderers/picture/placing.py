"""Where things in one lane stand: rows of bars and of marks in which nothing runs over anything else.

What is too much for the rows there are is folded: bars of one family into a
profile of how many there were at once, marks beside each other into one with
their number. What is folded is counted, never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from renderers.picture.scale import Scale
from renderers.picture.text import fit, width, wrap
from renderers.picture.values import Item
from renderers.words import counted

FONT = 12.0
"""The height of labels."""
GLYPH = 13.0
"""The room of the sign of severity before an alert's bar, and of the arrow behind a change's."""
GAP = 6.0
"""The room between a thing and its label, and between two things of a row."""
SIGN = 4.0
"""Half of the room that the sign of a moment takes."""
MARK = 14.0
"""The room that a mark takes."""
FOLD = 5
"""So many threads of one family stand by themselves; more of them are folded."""
LONGEST = 0.6
"""The longest label of a mark, as a part of the picture's width."""


class Bar(msgspec.Struct, frozen=True):
    """One bar at its place."""

    left: float
    right: float
    item: Item
    ticks: tuple[float, ...] = ()


class PlacedUnit(msgspec.Struct, kw_only=True):
    """What stands in a row as one: the bars of a thread, a folded family, or marks at one place."""

    items: list[Item]
    left: float
    """Where it begins, signs included, and where it ends; labels are not counted."""
    right: float
    bars: list[Bar] = []
    profile: list[tuple[float, float, int]] = []
    """Of a folded family: from where to where how many of it there were at once."""
    label: str = ""
    text: str = ""
    """As much of the label as is shown."""
    x: float = 0.0
    anchor: str = "start"
    row: int = 0

    lengthy: bool = True
    """Whether it is a bar; a mark has no length, and no label stands over it."""


class Room(msgspec.Struct, frozen=True):
    """The room that units have, from left to right."""

    left: float
    right: float

    @property
    def width(self) -> float:
        return self.right - self.left


# --- bars -------------------------------------------------------------------------------------------------------


def bars(items: Sequence[Item], scale: Scale, room: Room, rows: int, *, most: int = FOLD) -> list[PlacedUnit]:
    """The bars of a lane in at most ``rows`` rows; families of more than ``most`` threads are folded."""
    units: list[PlacedUnit] = []
    families: dict[str, list[list[Item]]] = defaultdict(list)
    for thread in _threads(items):
        families[thread[0].family].append(thread)
    for threads in families.values():
        if len(threads) > most:
            items_of = [item for thread in threads for item in thread]
            units.append(_folded(items_of, scale, room, f"{items_of[0].folded} · {counted(len(items_of), 'time')}"))
        else:
            units += [_thread(thread, scale, room) for thread in threads]
    ordered = sorted(units, key=lambda unit: (unit.left, unit.items[0].cites))
    placed = rows_of(ordered, room)
    if max((unit.row for unit in placed), default=0) < rows:
        return placed
    rest = [item for unit in placed if unit.row >= rows - 1 for item in unit.items]
    above = [unit for unit in placed if unit.row < rows - 1]
    last = _folded(rest, scale, room, f"{len(rest):,} more")
    last.row = rows - 1
    label(last, room)
    return [*above, last]


def _threads(items: Sequence[Item]) -> list[list[Item]]:
    threads: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        threads[item.thread].append(item)
    return list(threads.values())


def _thread(items: list[Item], scale: Scale, room: Room) -> PlacedUnit:
    drawn = [_bar(item, scale, room) for item in items]
    first = items[0]
    again = f" · {len(items):,} times" if len(items) > 1 else ""
    before = GLYPH if first.kind == "alert" else 0.0
    after = GLYPH / 2 if first.kind == "change" else 0.0
    return PlacedUnit(
        items=items, bars=drawn, left=drawn[0].left - before, right=max(bar.right for bar in drawn) + after,
        label=first.label if not again else f"{first.folded or first.label}{again}",
    )  # fmt: skip


def _bar(item: Item, scale: Scale, room: Room) -> Bar:
    left = scale(item.start)
    right = room.right if item.end is None else max(scale(item.end), left + 2)
    return Bar(left, right, item, tuple(scale(tick) for tick in item.ticks))


def _folded(items: list[Item], scale: Scale, room: Room, called: str) -> PlacedUnit:
    profile = _profile([_bar(item, scale, room) for item in items])
    peak = max(count for _, _, count in profile)
    return PlacedUnit(items=items, profile=profile, left=profile[0][0], right=profile[-1][1],
                label=f"{called}, up to {peak} at once" if peak > 1 else called)  # fmt: skip


def _profile(drawn: Sequence[Bar]) -> list[tuple[float, float, int]]:
    """How many of the bars there are at once, from where to where."""
    change: dict[float, int] = defaultdict(int)
    for bar in drawn:
        change[round(bar.left)] += 1
        change[max(round(bar.right), round(bar.left) + 1)] -= 1
    profile: list[tuple[float, float, int]] = []
    count, before = 0, 0.0
    for position in sorted(change):
        if count:
            profile.append((before, position, count))
        count, before = count + change[position], position
    return profile


def rows_of(units: Iterable[PlacedUnit], room: Room) -> list[PlacedUnit]:
    """Each unit in the first row in which it and its label are free."""
    ends: list[float] = []
    placed: list[PlacedUnit] = []
    for unit in units:
        left, right = label(unit, room)
        row = next((place for place, end in enumerate(ends) if end + GAP <= left), len(ends))
        ends[row:] = [right, *ends[row + 1 :]]
        unit.row = row
        placed.append(unit)
    return placed


def lines_of(place: float, text: str, room: Room) -> list[PlacedUnit]:
    """A sign with its label beside it, whole: in several lines, one below the other, where one is too long."""
    first = PlacedUnit(items=[], left=place - SIGN, right=place + SIGN, lengthy=False, label=text)
    behind, before = room.right - first.right - GAP, first.left - room.left - GAP
    if width(text, FONT) <= max(behind, before):
        return [first]
    x, anchor = (first.right + GAP, "start") if behind >= before else (first.left - GAP, "end")
    lines = wrap(text, max(behind, before), FONT)
    return [replace(first, label=line, text=line, x=x, anchor=anchor) for line in lines]


def blocks_of(blocks: Sequence[Sequence[PlacedUnit]], room: Room) -> int:
    """Each block of lines in the first rows, one below the other, in which it is free; how many rows all take."""
    ends: list[float] = []
    for units in blocks:
        spans = [label(unit, room) for unit in units]
        left, right = min(first for first, _ in spans), max(last for _, last in spans)
        row = next(at for at in range(len(ends) + 1) if all(end + GAP <= left for end in ends[at : at + len(units)]))
        ends[row : row + len(units)] = [right] * len(units)
        for at, unit in enumerate(units):
            unit.row = row + at
    return len(ends)


def label(unit: PlacedUnit, room: Room) -> tuple[float, float]:
    """Put the label inside, behind or before its unit, wherever it fits; gives the room that both take."""
    if unit.text and not unit.lengthy:
        wide = width(unit.text, FONT)
        return (unit.left, unit.x + wide) if unit.anchor == "start" else (unit.x - wide, unit.right)
    widest = max(unit.bars, key=lambda bar: bar.right - bar.left, default=None)
    inner = (widest.left, widest.right) if widest else (unit.left, unit.right)
    needed, inside = width(unit.label, FONT), inner[1] - inner[0] - 2 * GAP
    behind, before = room.right - unit.right - GAP, unit.left - room.left - GAP
    if needed <= inside:
        unit.text, unit.x, unit.anchor = fit(unit.label, inside, FONT), inner[0] + GAP, "start"
        return unit.left, unit.right
    if unit.lengthy and needed > max(behind, before):
        # Nowhere beside it: over the bar itself, as far to the right as it has to reach.
        unit.text = fit(unit.label, room.width - GAP, FONT)
        unit.x, unit.anchor = max(room.left, min(inner[0] + GAP, room.right - width(unit.text, FONT))), "start"
        return min(unit.left, unit.x), max(unit.right, unit.x + width(unit.text, FONT))
    if needed <= behind or behind >= before:
        unit.text, unit.x, unit.anchor = fit(unit.label, behind, FONT), unit.right + GAP, "start"
        return unit.left, unit.x + width(unit.text, FONT)
    unit.text, unit.x, unit.anchor = fit(unit.label, before, FONT), unit.left - GAP, "end"
    return unit.x - width(unit.text, FONT), unit.right


# --- marks ------------------------------------------------------------------------------------------------------


def marks(items: Sequence[Item], scale: Scale, room: Room, rows: int) -> list[PlacedUnit]:
    """The marks of a lane, which come by time, in at most ``rows`` rows; labels go before marks are folded."""
    lines: list[list[PlacedUnit]] = []
    for item in items:
        place = scale(item.start)
        unit = PlacedUnit(items=[item], left=place - MARK / 2, right=place + MARK / 2, lengthy=False,
                    label=fit(item.label, room.width * LONGEST, FONT))  # fmt: skip
        _mark(unit, lines, room, rows)
    for row, line in enumerate(lines):
        for unit in line:
            unit.row = row
    return [unit for line in lines for unit in line]


def _mark(unit: PlacedUnit, lines: list[list[PlacedUnit]], room: Room, rows: int) -> None:
    """Put a mark into the first row with room for it and its label, else for it alone, else to the one beside it."""
    left, _ = label(unit, room)
    for line in lines:
        if _end(line) + GAP <= left:
            line.append(unit)
            return
    if len(lines) < rows:
        lines.append([unit])
        return
    bare = PlacedUnit(items=unit.items, left=unit.left, right=unit.right, lengthy=False)
    nearest = min(lines, key=lambda line: line[-1].right)
    if nearest[-1].right <= bare.left:
        if _end(nearest) > bare.left:
            nearest[-1].text = ""
        nearest.append(bare)
        return
    nearest[-1].items += unit.items


def _end(line: Sequence[PlacedUnit]) -> float:
    """Where the last thing of a row ends, its label included."""
    last = line[-1]
    if not last.text:
        return last.right
    return last.x + width(last.text, FONT) if last.anchor == "start" else last.right
