"""From time to place: one scale for the whole picture, true everywhere but where idle time is cut out.

Idle is a time in which nothing is drawn that has a known end. Where it would
squeeze all else, it is cut out; the cut is drawn and says how long it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from collector.event import HOUR, MINUTE, SECOND
from renderers.times import local

DAY = 24 * HOUR
LARGE = 0.5
"""An idle time is cut out if it is longer than this part of all that would be left without it."""
CUTS = 6
"""The most cuts in one picture."""
CUT = 30.0
"""How wide a cut is drawn."""
PAD = 0.03
"""The room before the first and behind the last thing, as a part of the whole."""
STEPS = tuple(n * SECOND for n in (1, 2, 5, 10, 15, 30)) + tuple(n * MINUTE for n in (1, 2, 5, 10, 15, 30)) + (
    tuple(n * HOUR for n in (1, 2, 3, 6, 12)) + tuple(n * DAY for n in (1, 2, 5, 10, 30, 100, 365, 3_650, 36_500))
)  # fmt: skip
"""How far ticks may be from each other."""


class Piece(msgspec.Struct, frozen=True):
    """A time that is drawn at scale."""

    start: int
    end: int
    left: float
    right: float

    def at(self, time: float) -> float:
        """The place of a time within the piece."""
        return self.left + (time - self.start) * (self.right - self.left) / max(1, self.end - self.start)


class Scale(msgspec.Struct, frozen=True):
    """The pieces of the axis, in order; between each two of them is a cut."""

    pieces: tuple[Piece, ...]

    def __call__(self, time: int) -> float:
        """The place of a time; what lies in a cut, or outside, is at the nearest end of a piece."""
        place = bisect_right([piece.start for piece in self.pieces], time) - 1
        piece = self.pieces[max(0, place)]
        return piece.at(min(max(time, piece.start), piece.end))

    @property
    def cuts(self) -> list[tuple[Piece, Piece]]:
        """What is left and right of each cut."""
        return list(pairwise(self.pieces))

    @property
    def end(self) -> int:
        return self.pieces[-1].end

    def ticks(self, zone: str, apart: float) -> list[tuple[int, float]]:
        """Round times in the zone with their places, at least ``apart`` from each other; none within a cut."""
        round_times: list[tuple[int, float]] = []
        for piece in self.pieces:
            step = _step(piece, apart)
            behind = local(piece.start, zone).utcoffset()
            offset = int(behind.total_seconds()) * SECOND if behind else 0
            time = -((-piece.start - offset) // step) * step - offset
            while time <= piece.end:
                place = piece.at(time)
                if not round_times or place - round_times[-1][1] >= apart:
                    round_times.append((time, place))
                time += step
        return round_times


def _step(piece: Piece, apart: float) -> int:
    fits = apart * max(1, piece.end - piece.start) / max(1.0, piece.right - piece.left)
    return next((step for step in STEPS if step >= fits), STEPS[-1])


def scale(spans: Iterable[tuple[int, int]], left: float, right: float) -> Scale:
    """The scale that shows these spans of time between two places; a single moment has a minute around it."""
    busy = _joined(spans) or [(0, 0)]
    gaps = sorted(((after[0] - before[1], before[1], after[0]) for before, after in pairwise(busy)),
                  reverse=True)  # fmt: skip
    total = busy[-1][1] - busy[0][0]
    cut: list[tuple[int, int]] = []
    most = min(CUTS, int((right - left) / (4 * CUT)))
    for length, start, end in gaps:
        if len(cut) == most or length <= max(MINUTE, LARGE * (total - length)):
            break
        cut.append((start, end))
        total -= length
    pad = max(int(total * PAD), SECOND if total else MINUTE // 2)
    edges = [busy[0][0] - pad, *(edge for start, end in sorted(cut) for edge in (start + pad, end - pad)),
             busy[-1][1] + pad]  # fmt: skip
    return Scale(tuple(_pieces(edges, left, right)))


def _pieces(edges: list[int], left: float, right: float) -> Iterable[Piece]:
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    per = (right - left - CUT * (len(spans) - 1)) / sum(end - start for start, end in spans)
    position = left
    for start, end in spans:
        yield Piece(start, end, position, position + (end - start) * per)
        position += (end - start) * per + CUT


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans with those that touch as one, in order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, max(start, end)))
    return joined
