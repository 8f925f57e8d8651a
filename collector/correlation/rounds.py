"""What is noted while one round of incremental correlation goes on, and forgotten after it."""

from __future__ import annotations

from typing import NamedTuple

from collector.correlation.changes import Changes, Grounds
from collector.correlation.live_incidents import Component, LiveIncident
from collector.correlation.signals import Signal

Changed = dict[str, tuple[Signal | None, Signal | None]]
"""Signal → as it was and as it is; None where it was not there, or is no more."""


class Grown(NamedTuple):
    """An opening signal that may be tied to more than before."""

    new: bool
    """Whether it was not there before."""
    since: int
    """Of a page: from when on it covers what it did not cover; -1 for all that it covers."""


class Round:
    """What one batch of events touched, and what it changed."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.touched: dict[LiveIncident, None] = {}
        """Incidents whose opening signals changed."""
        self.to_sweep: dict[Component, None] = {}
        """Components that are to be swept again."""
        self.broken: dict[LiveIncident, None] = {}
        """Incidents that a signal was taken from."""
        self.gone: list[LiveIncident] = []
        self.listed: dict[LiveIncident, None] = {}
        """Incidents of which only what lists show changed."""
        self.alive: dict[LiveIncident, None] = {}
        self.loaded: dict[LiveIncident, None] = {}
        """Incidents that were fetched."""
        self.review: set[str] = set()
        """Attaching signals that are to be judged again."""
        self.found: dict[str, dict[LiveIncident, Grounds]] = {}
        """Where those that were judged attach."""
        self.moved: set[str] = set()
        """Signals whose membership may have changed."""
        self.grown: dict[str, Grown] = {}
        """Opening signals that are new, last longer, or came into another component."""
        self.removed: set[str] = set()
        self.services_of_ref: set[str] = set()
        """Refs that name another set of services than before."""
        self.renumbered: dict[str, dict[int, int]] = {}
        self.old_keys: dict[str, set[str]] = {}
        self.by_view: dict[str, LiveIncident] = {}
        self.signals_of: dict[str, str | None] = {}
        """Events that were asked for in the store, each with its signal."""
