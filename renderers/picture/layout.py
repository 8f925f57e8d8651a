"""The places of everything in a picture of a given width: pure reckoning, no drawing.

From the top: the moments, the durations, the clock, a lane for each service
and for pages, people and sources, the clock again, what is not known, the
signs used, and the line in which the thing pointed at is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from renderers import times
from renderers.choices import NARROWEST
from renderers.history import Moment
from renderers.picture.placing import FOLD, FONT, PlacedUnit, Room, bars, blocks_of, lines_of, marks, rows_of
from renderers.picture.scale import Scale, scale
from renderers.picture.text import fit, width, wrap
from renderers.picture.values import Chart, HatchedSilence, Item, Lane, Stretch
from renderers.words import duration

NARROW = 640
"""Below this width the names of lanes stand above them."""
ROW, MARKS, LINE, TICKS = 22.0, 20.0, 17.0, 20.0
"""The height of a row of bars, a row of marks, a line of text, and the clock."""
MARGIN = 10.0
EDGE = 8.0
"""What is left free on each side of the band of a cut."""
CLUTTER = 2_000
"""With more things than this every family is folded."""
NAMES = FONT * 1.18
"""What the names of lanes are as wide as: they are bold, which takes more room than what is measured."""
LANES, ROWS = 24, 72
"""The most lanes of services, and the most rows of bars in all of them together."""
MOMENTS = {
    "impact_started": "Impact began",
    "first_symptom": "First symptom",
    "detected": "Detected",
    "acknowledged": "Acknowledged",
    "mitigated": "Mitigated",
    "resolved": "Resolved",
    "recorded": "First received",
}
"""What the seven moments are called."""


class Flag(msgspec.Struct, kw_only=True):
    """Moments at one time: a line through the picture with a label at its top, which may take several lines."""

    moments: list[Moment]
    at: int
    x: float
    units: list[PlacedUnit] = []
    y: float = 0.0


class Brace(msgspec.Struct, kw_only=True):
    """A duration between its two ends."""

    stretch: Stretch
    unit: PlacedUnit
    y: float = 0.0


class Cut(msgspec.Struct, kw_only=True):
    """Idle time that is cut out of the axis: a band through the lanes, with a label above them."""

    start: int
    end: int
    unit: PlacedUnit
    y: float = 0.0


class Strip(msgspec.Struct, kw_only=True):
    """One lane at its place."""

    lane: Lane
    name: str
    y: float
    height: float
    name_y: float
    bars: list[PlacedUnit]
    bars_y: float
    marks: list[PlacedUnit]
    marks_y: float


class PictureLayout(msgspec.Struct, kw_only=True):
    """The whole picture."""

    chart: Chart
    width: float
    height: float
    room: Room
    scale: Scale
    flags: list[Flag]
    braces: list[Brace]
    cuts: list[Cut]
    strips: list[Strip]
    ticks: list[tuple[float, float, str]]
    """Where a line stands for a time, where the middle of its label does, and the label."""
    clocks: list[float]
    """Where the clock's times stand."""
    top: float
    """From where to where lines through the lanes go."""
    bottom: float
    silences: list[tuple[float, float, HatchedSilence]]
    notes: list[tuple[float, str]]
    """Lines of text below the lanes."""
    legend_y: float
    tip_y: float
    tips: int
    """How many lines what is pointed at may take."""

    @property
    def narrow(self) -> bool:
        return self.width < NARROW


def layout(chart: Chart, asked: int) -> PictureLayout:
    """The places of everything, for a picture this wide."""
    total = float(max(NARROWEST, asked))
    narrow = total < NARROW
    named = max((width(lane.name, NAMES) for lane in chart.lanes), default=0.0)
    room = Room(MARGIN if narrow else max(70.0, min(named, total * 0.2)) + 2 * MARGIN, total - MARGIN)
    axis = scale(chart.spans or spans(chart), room.left, room.right)
    flags, y = _flags(chart, axis, room, MARGIN)
    braces, y = _braces(chart, axis, room, y)
    cuts, y = _cuts(axis, room, y)
    clocks, top = [y + TICKS - 6], y + TICKS
    strips, y = _strips(chart, axis, room, top, narrow=narrow)
    bottom = y
    if bottom - top > 240:
        clocks.append(bottom + TICKS - 6)
        y += TICKS
    notes, y = _notes(chart, total, y + 4)
    tips = 3 if narrow else 2
    legend_y, tip_y = y + 4, y + 4 + _legend_height(chart, total) + 2
    return PictureLayout(
        chart=chart, width=total, height=tip_y + tips * LINE + 4, room=room, scale=axis, flags=flags, braces=braces,
        cuts=cuts, strips=strips, ticks=_ticks(chart, axis, total), clocks=clocks, top=top, bottom=bottom,
        silences=list(_silences(chart, axis)), notes=notes, legend_y=legend_y, tip_y=tip_y, tips=tips,
    )  # fmt: skip


def _items(chart: Chart) -> Iterable[Item]:
    return (item for lane in chart.lanes for item in (*lane.bars, *lane.marks))


def spans(chart: Chart) -> Iterable[tuple[int, int]]:
    """The times of what is drawn."""
    for item in _items(chart):
        yield item.start, item.start if item.end is None else item.end
    for moment in chart.moments:
        yield moment.at or 0, moment.at or 0


# --- the top ----------------------------------------------------------------------------------------------------


def called(moment: Moment) -> str:
    """What a moment is called; one that was derived is called by what it was derived from."""
    derived = moment.name == "mitigated" and moment.known == "derived"
    return f"{moment.basis[:1].upper()}{moment.basis[1:]}" if derived else MOMENTS[moment.name]


def _flags(chart: Chart, axis: Scale, room: Room, y: float) -> tuple[list[Flag], float]:
    """The moments, those of one time together, each label in the first line in which it is free."""
    flags: list[Flag] = []
    for moment in chart.moments:
        if flags and flags[-1].at == moment.at:
            flags[-1].moments.append(moment)
            continue
        at = moment.at or 0
        flags.append(Flag(moments=[moment], at=at, x=axis(at)))
    for flag in flags:
        time = times.second(flag.at, chart.zone)
        flag.units = lines_of(flag.x, f"{', '.join(map(called, flag.moments))} {time}", room)
    rows = blocks_of([flag.units for flag in flags], room)
    for flag in flags:
        flag.y = y + flag.units[0].row * LINE
    return flags, y + rows * LINE + (4 if rows else 0)


def _braces(chart: Chart, axis: Scale, room: Room, y: float) -> tuple[list[Brace], float]:
    braces: list[Brace] = []
    for stretch in sorted(chart.stretches, key=lambda stretch: (stretch.start, stretch.end)):
        left, right = axis(stretch.start), max(axis(stretch.end), axis(stretch.start) + 2)
        term, length = stretch.duration.term, duration(stretch.duration.micros or 0)
        derived = f" ({stretch.duration.known})" if stretch.duration.known in ("derived", "stated") else ""
        braces.append(
            Brace(stretch=stretch, unit=PlacedUnit(items=[], left=left, right=right, label=f"{term} {length}{derived}"))
        )
    rows = _depth([brace.unit for brace in braces], room)
    for brace in braces:
        brace.y = y + brace.unit.row * MARKS
    return braces, y + rows * MARKS + (4 if rows else 0)


def _cuts(axis: Scale, room: Room, y: float) -> tuple[list[Cut], float]:
    """The cuts of the axis, each with how long it is in a line of its own: within the lanes it would run over them."""
    cuts: list[Cut] = []
    for before, after in axis.cuts:
        unit = PlacedUnit(items=[], left=before.right + EDGE, right=after.left - EDGE, lengthy=False,
                          label=f"{duration(after.start - before.end)} not drawn")  # fmt: skip
        cuts.append(Cut(start=before.end, end=after.start, unit=unit))
    rows = _depth([cut.unit for cut in cuts], room)
    for cut in cuts:
        cut.y = y + cut.unit.row * LINE
    return cuts, y + rows * LINE


def _depth(units: Sequence[PlacedUnit], room: Room) -> int:
    """Put each into the first row in which it and its label are free; how many rows that takes."""
    return max((unit.row for unit in rows_of(units, room)), default=-1) + 1


# --- the lanes --------------------------------------------------------------------------------------------------


def _strips(chart: Chart, axis: Scale, room: Room, y: float, *, narrow: bool) -> tuple[list[Strip], float]:
    lanes = _merged(chart.lanes)
    most = FOLD if sum(1 for _ in _items(chart)) <= CLUTTER else 1
    rows = max(3, ROWS // max(1, len(lanes)))
    strips: list[Strip] = []
    for lane in lanes:
        name_height = LINE + 2 if narrow else 0.0
        placed = bars(lane.bars, axis, room, rows, most=most)
        points = marks(lane.marks, axis, room, 4 if not lane.bars else 2)
        deep = max((unit.row for unit in placed), default=-1) + 1
        more = max((unit.row for unit in points), default=-1) + 1
        marks_y = y + 4 + name_height
        bars_y = marks_y + more * MARKS
        height = max(bars_y + deep * ROW + 2 - y, 26.0)
        name = fit(lane.name, room.width if narrow else room.left - 2 * MARGIN, NAMES) or lane.name[:1]
        strips.append(Strip(lane=lane, name=name, y=y, height=height, name_y=y + LINE, bars=placed, bars_y=bars_y,
                           marks=points, marks_y=marks_y))  # fmt: skip
        y += height
    return strips, y


def _merged(lanes: Sequence[Lane]) -> list[Lane]:
    """The lanes, those of services beyond the most there may be as one."""
    services = [lane for lane in lanes if not _is_beside(lane)]
    if len(services) <= LANES:
        return list(lanes)
    rest = services[LANES - 1 :]
    points = sorted((item for lane in rest for item in lane.marks), key=lambda item: (item.start, item.cites))
    more = Lane(name=f"{len(rest)} others", bars=tuple(item for lane in rest for item in lane.bars),
                marks=tuple(points))  # fmt: skip
    return [*services[: LANES - 1], more, *(lane for lane in lanes if _is_beside(lane))]


def _is_beside(lane: Lane) -> bool:
    return lane.kind != "service"


# --- the rest ---------------------------------------------------------------------------------------------------


def _ticks(chart: Chart, axis: Scale, total: float) -> list[tuple[float, float, str]]:
    """The clock's times: with seconds where they are close, with the day where that is another one."""
    ticks = axis.ticks(chart.zone, 74.0)
    labelled: list[tuple[float, float, str]] = []
    day, end = "", 0.0
    seconds = any(time % 60_000_000 for time, _ in ticks)
    for time, x in ticks:
        today, clock = times.clock(time, chart.zone)
        text = clock if seconds else clock[:5]
        # A new day is written as its date; that it begins at midnight goes without saying.
        if day and today != day:
            text = today[5:] if clock == "00:00:00" else f"{today[5:]} {text}"
        half = width(text, FONT) / 2 + 2
        middle = min(max(x, half), total - half)
        if middle - half < end:
            continue
        day, end = today, middle + half
        labelled.append((x, middle, text))
    return labelled


def _silences(chart: Chart, axis: Scale) -> Iterable[tuple[float, float, HatchedSilence]]:
    first, last = axis.pieces[0].start, axis.pieces[-1].end
    for silence in chart.silences:
        if silence.start < last and silence.end > first:
            left = axis(silence.start)
            yield left, max(axis(silence.end), left + 2), silence


def _notes(chart: Chart, total: float, y: float) -> tuple[list[tuple[float, str]], float]:
    """Which clock it is, and what is not known."""
    first = chart.moments[0].at if chart.moments else min((item.start for item in _items(chart)), default=0)
    notes = [
        *([f"Private to {chart.private}."] if chart.private else []),
        f"Times are {chart.zone}, from {times.day(first or 0, chart.zone)} on.",
        *(f"{each}." for each in chart.unknown),
    ]
    lines = [line for text in notes for line in wrap(text, total - 2 * MARGIN, FONT)]
    return [(y + (place + 1) * LINE - 4, line) for place, line in enumerate(lines)], y + len(lines) * LINE


def legend(chart: Chart, total: float) -> list[tuple[float, int, str, str]]:
    """The signs that the picture uses: x, line, kind or tone, and what it is called."""
    used = {item.tone if item.kind == "alert" else item.kind if item.tone != "rollback" else "rollback"
            for item in _items(chart)}  # fmt: skip
    signs: list[tuple[float, int, str, str]] = []
    x, line = MARGIN, 0
    for key, words in SIGNS.items():
        if key not in used and not (key == "silence" and chart.silences):
            continue
        wide = 18 + width(words, FONT) + 12
        if x + wide > total and x > MARGIN:
            x, line = MARGIN, line + 1
        signs.append((x, line, key, words))
        x += wide
    return signs


SIGNS = {
    "critical": "critical alert",
    "high": "alert that opens an incident",
    "unrated": "alert of no severity",
    "warning": "warning",
    "info": "lesser alert",
    "page": "page, step of a page",
    "change": "change",
    "rollback": "rollback",
    "acknowledged": "acknowledgement",
    "note": "note or message",
    "status": "status post",
    "action": "follow-up action",
    "report": "report",
    "observation": "observation",
    "statement": "moment stated by a person",
    "source": "word of a source on itself",
    "silence": "nothing could be received",
}
"""What each sign means, in the order in which they are explained."""


def _legend_height(chart: Chart, total: float) -> float:
    shown = legend(chart, total)
    return (shown[-1][1] + 1) * LINE if shown else 0.0
