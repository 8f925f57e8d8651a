"""A laid-out picture as SVG: no script, no font, no address; a stranger's text only ever as text.

What can be pointed at or reached with the keyboard has a ``<title>`` with the
exact time in UTC and the citation; the same is written into the last lines of
the picture while it is pointed at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from renderers import escape, times
from renderers.cite import citation
from renderers.markup import on_a_line as escaped
from renderers.picture.layout import LINE, MARGIN, MARKS, ROW, Brace, Cut, Flag, PictureLayout, Strip, called, legend
from renderers.picture.placing import FONT, GLYPH, Bar, PlacedUnit
from renderers.picture.style import STYLE
from renderers.picture.text import width, widths_known, wrap
from renderers.picture.values import Item
from renderers.words import apart, duration

SHAPES = {
    "critical": ("f", "m-5.5 4.5h11l-5.5-10z"),
    "high": ("f", "m0-6l6 6l-6 6l-6-6z"),
    "unrated": ("f", "m-4.5-4.5h9v9h-9z"),
    "warning": ("h", "m-5 4h10l-5-9z"),
    "info": ("h", "m0-3.5a3.5 3.5 0 1 0 .01 0z"),
    "page": ("f", "m-5-4.5h5a4.5 4.5 0 0 1 0 9h-5z"),
    "change": ("f", "m-4-5l9 5l-9 5z"),
    "rollback": ("f", "m4-5l-9 5l9 5z"),
    "acknowledged": ("s", "m-5 0l3.5 4l6.5-8"),
    "note": ("h", "m0-4.5a4.5 4.5 0 1 0 .01 0z"),
    "status": ("h", "m-5-4.5h10v7h-5l-3 3v-3h-2z"),
    "action": ("h", "m-5 0l2.5-4.5h5l2.5 4.5l-2.5 4.5h-5z"),
    "report": ("f", "m-5.5-4.5h11l-5.5 10z"),
    "observation": ("f", "m0-3.5a3.5 3.5 0 1 0 .01 0z"),
    "statement": ("f", "m-4 6v-12l9 4l-9 4z"),
    "source": ("s", "m-4-4l8 8m0-8l-8 8"),
}
"""Each sign: filled, hollow or a stroke, and its path around its middle."""
BAR = 16.0
LISTED = 5
"""How many of the things at one place its title tells one by one."""
DROPS = 12
"""With more changes than this none is drawn through all lanes."""


def draw(sheet: PictureLayout, *, style: bool, anchor: str) -> str:
    """The picture as one ``<svg>`` element; ``style`` says whether it carries its style sheet."""
    return "".join(_Pencil(sheet, anchor).picture(style=style)) + "\n"


def exact(at: int) -> str:
    """``2026-03-04 18:02:10 UTC``, with the part of a second where there is one."""
    day, _, rest = times.utc(at).partition("T")
    time, _, part = rest.removesuffix("Z").partition(".")
    fraction = part.rstrip("0")
    return f"{day} {time}{f'.{fraction}' if fraction else ''} UTC"


def number(value: float) -> str:
    """A place as short as it can be: tenths, no zeros behind the point."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


class _Pencil:
    """Writes the elements of one picture."""

    def __init__(self, sheet: PictureLayout, anchor: str) -> None:
        self._sheet = sheet
        self._anchor = anchor
        self._id = f"tp{int(sheet.width)}"

    def picture(self, *, style: bool) -> Iterator[str]:
        sheet = self._sheet
        w, h = number(sheet.width), number(sheet.height)
        yield (f'<svg xmlns="http://www.w3.org/2000/svg" class="tp" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
               f'role="group" aria-labelledby="{self._id}-title">')  # fmt: skip
        private = f", private to {sheet.chart.private}" if sheet.chart.private else ""
        yield f'<title id="{self._id}-title">Timeline: {escaped(sheet.chart.title + private)}</title>'
        if style:
            yield f"<style>{STYLE}</style>"
        yield (f'<defs><pattern id="{self._id}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
               'patternTransform="rotate(45)"><path class="tp-x" d="M0 0v7"/></pattern></defs>')  # fmt: skip
        yield from self._ground()
        for cut in sheet.cuts:
            yield from self._cut(cut)
        yield from self._lines()
        for flag in sheet.flags:
            yield from self._flag(flag)
        for brace in sheet.braces:
            yield from self._brace(brace)
        for strip in sheet.strips:
            yield from self._strip(strip)
        yield from self._words()
        yield "</svg>"

    # Behind everything

    def _ground(self) -> Iterator[str]:
        """The lanes, the clock, and what could not be seen."""
        sheet = self._sheet
        left, right = number(0.0 if sheet.narrow else MARGIN), number(sheet.width - (0 if sheet.narrow else MARGIN))
        for y in (*(strip.y for strip in sheet.strips), sheet.bottom):
            yield f'<path class="tp-g" d="M{left} {number(y)}H{right}"/>'
        for x, middle, text in sheet.ticks:
            yield f'<path class="tp-g" d="M{number(x)} {number(sheet.top)}V{number(sheet.bottom)}"/>'
            for y in sheet.clocks:
                yield self._text(middle, y, text, "tp-l tp-m", "middle")
        for start, end, silence in sheet.silences:
            span = f"{exact(silence.start)} – {exact(silence.end)} · {duration(apart(silence.start, silence.end))}"
            shape = (f'<rect x="{number(start)}" y="{number(sheet.top)}" width="{number(end - start)}" '
                     f'height="{number(sheet.bottom - sheet.top)}" opacity=".5" '
                     f'fill="url(#{self._id}-hatch)"/>')  # fmt: skip
            yield self._thing("source", f"{silence.words} · {span}", silence.cites, shape)

    def _lines(self) -> Iterator[str]:
        """The moments, and the changes that reached the running system, through all lanes."""
        sheet = self._sheet
        for flag in sheet.flags:
            yield f'<path class="tp-d" d="M{number(flag.x)} {number(flag.y + 14)}V{number(sheet.bottom)}"/>'
        drops = [(bar.right, bar.item.tone) for strip in sheet.strips for unit in strip.bars for bar in unit.bars
                 if bar.item.kind == "change" and bar.item.end is not None and not bar.item.faint]  # fmt: skip
        for x, tone in drops if len(drops) <= DROPS else ():
            yield f'<path class="tp-d tp-{tone}" d="M{number(x)} {number(sheet.top)}V{number(sheet.bottom)}"/>'

    # The top

    def _flag(self, flag: Flag) -> Iterator[str]:
        titles = "; ".join(
            f"{called(each)} ({each.known}{f', {each.basis}' if each.basis not in ('', each.known) else ''})"
            for each in flag.moments
        )
        x, y = number(flag.x), number(flag.y + 9)
        cites = tuple(dict.fromkeys(each for moment in flag.moments for each in moment.cites))
        yield self._thing(
            "many", f"{titles} · {exact(flag.at)}", cites, f'<path class="tp-f" d="M{x} {y}m-4-4h8l-4 7z"/>'
        )
        for at, unit in enumerate(flag.units):
            yield self._text(unit.x, flag.y + at * LINE + 13, unit.text, "tp-l", unit.anchor)

    def _brace(self, brace: Brace) -> Iterator[str]:
        length, unit = brace.stretch.duration, brace.unit
        y, left, right = brace.y, number(unit.left), number(unit.right)
        dash = ' stroke-dasharray="3 2"' if length.known in ("derived", "stated") else ""
        shape = (f'<rect class="tp-b" x="{left}" y="{number(y + 1)}" width="{number(unit.right - unit.left)}" '
                 f'height="15"{dash}/>'
                 f'<path class="tp-e" d="M{left} {number(y + 1)}v15M{right} {number(y + 1)}v15"/>')  # fmt: skip
        words = (f"{length.term}: {duration(length.micros or 0)} ({length.known}) · {exact(brace.stretch.start)} – "
                 f"{exact(brace.stretch.end)}")  # fmt: skip
        yield self._thing("note", words, length.cites, shape)
        yield self._text(unit.x, y + 13, unit.text, "tp-l", unit.anchor)

    def _cut(self, cut: Cut) -> Iterator[str]:
        """Where idle time is cut out of the axis, and how long it was: behind what stands in the lanes."""
        sheet, unit = self._sheet, cut.unit
        left, right = number(unit.left), number(unit.right)
        # Not through the clock: its times stand between the label and the lanes.
        edges = f"M{left} {number(sheet.top)}V{number(sheet.bottom)}M{right} {number(sheet.top)}V{number(sheet.bottom)}"
        shape = (f'<rect class="tp-z" x="{left}" y="{number(sheet.top)}" width="{number(unit.right - unit.left)}" '
                 f'height="{number(sheet.bottom - sheet.top)}"/>'
                 f'<path class="tp-g" stroke-dasharray="4 3" d="{edges}"/>')  # fmt: skip
        length = duration(apart(cut.start, cut.end))
        told = f"{length} without anything are not drawn · {exact(cut.start)} – {exact(cut.end)}"
        yield self._thing("note", told, (), shape)
        yield self._text(unit.x, cut.y + 13, unit.text, "tp-l tp-m", unit.anchor)

    # The lanes

    def _strip(self, strip: Strip) -> Iterator[str]:
        yield self._text(MARGIN, strip.name_y, strip.name, "tp-k")
        for unit in strip.bars:
            y = strip.bars_y + unit.row * ROW + 2
            yield from self._profile(unit, y) if unit.profile else self._bars(unit, y)
            yield self._label(unit, y + 12)
        for unit in strip.marks:
            y = strip.marks_y + unit.row * MARKS + MARKS / 2
            yield self._mark(unit, y)
            yield self._label(unit, y + 4)

    def _label(self, unit: PlacedUnit, y: float) -> str:
        return self._text(unit.x, y, unit.text, "tp-l", unit.anchor)

    def _bars(self, unit: PlacedUnit, y: float) -> Iterator[str]:
        for place, bar in enumerate(unit.bars):
            sign = _sign(bar.item.tone, bar.left - GLYPH / 2, y + BAR / 2) if bar.item.kind == "alert" else ""
            shapes = _bar(bar, y) + (sign if place == 0 else "")
            faint = " tp-faint" if bar.item.faint else ""
            yield self._thing(bar.item.tone + faint, f"{bar.item.title} · {_span(bar.item)}", bar.item.cites, shapes)

    def _profile(self, unit: PlacedUnit, y: float) -> Iterator[str]:
        """A folded family: its height is how many there were at once."""
        peak = max(count for _, _, count in unit.profile)
        base = y + BAR
        shape = "".join(
            f"M{number(start)} {number(base)}v{number(-max(2.0, BAR * count / peak))}H{number(end)}V{number(base)}z"
            for start, end, count in unit.profile
        )
        tones = {item.tone for item in unit.items}
        tone = min(tones, key=list(SHAPES).index) if tones <= SHAPES.keys() else next(iter(sorted(tones)))
        yield self._thing(
            tone, _together(unit.label, unit.items), _cited(unit.items), f'<path class="tp-o" d="{shape}"/>'
        )

    def _mark(self, unit: PlacedUnit, y: float) -> str:
        x = (unit.left + unit.right) / 2
        first = unit.items[0]
        if len(unit.items) == 1:
            faint = " tp-faint" if first.faint else ""
            sign = "rollback" if first.tone == "rollback" else first.kind
            return self._thing(
                first.tone + faint, f"{first.title} · {exact(first.start)}", first.cites, _sign(sign, x, y)
            )
        many = str(len(unit.items)) if len(unit.items) < 100 else "99+"
        shape = (f'<circle class="tp-h" cx="{number(x)}" cy="{number(y)}" r="8"/>'
                 f'<text class="tp-n" x="{number(x)}" y="{number(y + 3)}">{many}</text>')  # fmt: skip
        kinds = {item.kind for item in unit.items}
        tone = first.tone if len(kinds) == 1 else "many"
        return self._thing(
            tone, _together(f"{len(unit.items):,} close together", unit.items), _cited(unit.items), shape
        )

    # Below everything

    def _words(self) -> Iterator[str]:
        """What is not known, and what the signs mean."""
        sheet = self._sheet
        for y, text in sheet.notes:
            yield self._text(MARGIN, y, text, "tp-m")
        for x, line, key, words in legend(sheet.chart, sheet.width):
            y = sheet.legend_y + line * LINE
            middle = y + 8
            if key == "silence":
                yield (f'<rect x="{number(x)}" y="{number(middle - 6)}" width="14" height="12" '
                       f'fill="url(#{self._id}-hatch)"/>')  # fmt: skip
            else:
                yield f'<g class="tp-{key}">{_sign(key, x + 7, middle)}</g>'
            yield self._text(x + 18, y + 12, words, "tp-m")

    def _thing(self, tone: str, title: str, cites: Sequence[str], shapes: str) -> str:
        """Something that can be pointed at: its shapes, its title, and the same for the last lines of the picture."""
        sheet = self._sheet
        words = " · ".join(piece for piece in (title, citation(cites, sheet.chart.short)) if piece)
        # No character is so narrow that more of them than this could be shown.
        lines = wrap(escape.clean(words[: int(sheet.width)]), sheet.width - 2 * MARGIN, FONT, sheet.tips)
        tip = "".join(self._text(MARGIN, sheet.tip_y + (at + 1) * LINE - 4, line) for at, line in enumerate(lines))
        # What anything says stands in its title whole; the lines at the end are for the eye alone.
        inner = f'<title>{escaped(words)}</title>{shapes}<g class="tp-t" aria-hidden="true">{tip}</g>'
        if self._anchor and cites:
            return f'<a href="{escaped(self._anchor + cites[0])}"><g class="tp-{tone}" role="img">{inner}</g></a>'
        return f'<g class="tp-{tone}" tabindex="0" role="img">{inner}</g>'

    def _text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
        """A text; one whose width no table knows is held within what was reckoned for it."""
        if not text:
            return ""
        class_attribute = f' class="{kind}"' if kind else ""
        turned = f' text-anchor="{anchor}"' if anchor != "start" else ""
        if widths_known(text):
            return f'<text{class_attribute} x="{number(x)}" y="{number(y)}"{turned}>{escaped(text)}</text>'
        wide = width(text, FONT) + 1
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[anchor]
        inner = {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        return (f'<svg x="{number(left)}" y="{number(y - 13)}" width="{number(wide)}" height="18">'
                f'<text{class_attribute} x="{number(inner)}" y="13"{turned}>{escaped(text)}</text></svg>')  # fmt: skip


def _sign(kind: str, x: float, y: float) -> str:
    form, path = SHAPES[kind]
    return f'<path class="tp-{form}" d="M{number(x)} {number(y)}{path}"/>'


def _bar(bar: Bar, y: float) -> str:
    """A bar at its true length; of what has no end on record its end is open. Pages are round, changes are arrows."""
    left, top, right, base = (number(each) for each in (bar.left, y, bar.right, y + BAR))
    wide = number(max(2.0, bar.right - bar.left))
    if bar.item.end is None:
        teeth = f"l-5 {number(BAR / 4)}l5 {number(BAR / 4)}l-5 {number(BAR / 4)}l5 {number(BAR / 4)}"
        shape = (f'<path class="tp-o" d="M{left} {top}H{right}{teeth}H{left}z"/>'
                 f'<path class="tp-e" stroke-dasharray="6 3" d="M{right} {top}H{left}V{base}H{right}"/>')  # fmt: skip
    elif bar.item.kind == "change":
        shape = (f'<rect class="tp-b" x="{left}" y="{top}" width="{wide}" height="{number(BAR)}"/>'
                 f'<path class="tp-f" d="M{right} {top}l6 {number(BAR / 2)}l-6 {number(BAR / 2)}z"/>')  # fmt: skip
    else:
        round_ = ' rx="7"' if bar.item.kind == "page" and bar.right - bar.left > 14 else ""
        shape = f'<rect class="tp-b" x="{left}" y="{top}" width="{wide}" height="{number(BAR)}"{round_}/>'
    ticks = "".join(f"M{number(tick)} {top}v5" for tick in bar.ticks)
    return shape + (f'<path class="tp-e" d="{ticks}"/>' if ticks else "")


def _span(item: Item) -> str:
    """From when to when, exactly."""
    return f"{exact(item.start)} – {exact(item.end) if item.end is not None else 'no end recorded'}"


def _together(called: str, items: Sequence[Item]) -> str:
    """What stands at one place, the first of it one by one."""
    told = "; ".join(f"{exact(item.start)} {item.title}" for item in items[:LISTED])
    rest = len(items) - LISTED
    return f"{called}: {told}{f'; and {rest} more' if rest > 0 else ''}"


def _cited(items: Sequence[Item]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for item in items for each in item.cites))
