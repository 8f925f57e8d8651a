"""A timeline picture before it has a size: lanes, bars, marks, moments, and what nobody could see.

Times are µs UTC. All text is plain, on one line, and still a stranger's:
:mod:`renderers.picture.drawing` escapes it.
"""

from __future__ import annotations

import msgspec

from renderers.history import Duration, Moment


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that is drawn: a bar from when to when, or a mark at one time."""

    kind: str
    """``alert``, ``page`` or ``change`` for bars; for marks the names in :data:`renderers.picture.drawing.SHAPES`."""
    tone: str
    """How grave an alert is (``critical``, ``high``, ``warning``, ``info``, ``unrated``), else what colours it."""
    start: int
    end: int | None = None
    """When a bar ended; None for a mark, and for a bar of which nobody told an end."""
    label: str
    """What stands beside it, as far as there is room."""
    title: str
    """What it says, whole."""
    cites: tuple[str, ...]
    """Ids of the events that prove it, oldest first."""
    thread: str = ""
    """Bars of one thread are the same thing again: they share a row."""
    family: str = ""
    """Threads of one family are folded together where they are many."""
    folded: str = ""
    """What the family is called then."""
    ticks: tuple[int, ...] = ()
    """When something new was said of it."""
    faint: bool = False
    """Whether it never reached the running system."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One service, the pages, or the people."""

    name: str
    kind: str = "service"
    """``service``, ``pages``, ``people`` or ``sources``."""
    bars: tuple[Item, ...]
    marks: tuple[Item, ...]


class HatchedSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which something may have happened that nobody could tell us."""

    start: int
    end: int
    words: str
    cites: tuple[str, ...]


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A duration between two known moments, at its place on the axis."""

    duration: Duration
    start: int
    end: int


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that a picture of one incident shows."""

    title: str
    zone: str
    lanes: tuple[Lane, ...]
    moments: tuple[Moment, ...]
    """Those that are known, in the order of time."""
    stretches: tuple[Stretch, ...]
    unknown: tuple[str, ...]
    """What is not known of moments and durations, in sentences of ours."""
    silences: tuple[HatchedSilence, ...]
    short: dict[str, str]
    """The id of each event that is drawn → how it is cited."""
    spans: tuple[tuple[int, int], ...] = ()
    """The times that have to be on the axis, where those are not the times of what is drawn."""
    private: str = ""
    """The groups that alone may read of it, cleaned; empty where everybody may."""
