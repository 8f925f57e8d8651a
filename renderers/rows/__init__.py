"""The rows of the timeline: which events become one row, which rows are shown, and what they say.

``normal`` shows what a person can read: thousands of series of one alert are
one row, a flapping alert says how often. ``key`` keeps what a summary needs,
``all`` folds nothing. Rows are planned first and put into words only where
they are shown; see :mod:`renderers.rows.plan`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

from collector.event import rank
from renderers.document import Options, Timeline
from renderers.history import History
from renderers.rows import alerts, events
from renderers.rows.labels import labelled
from renderers.rows.lengths import fit, left_out, stormed
from renderers.rows.plan import Plan, Table, written

ROWS = 40
"""The most rows a timeline has, unless ``all`` was asked for."""

QUIET = ("page.updated", "page.responder_replied", "page.role_assigned")
"""Types that ``normal`` leaves out of the table: details of the paging, counted below it."""


class Planned:
    """All rows of one history in the detail asked for, of which as many are put into words as are wanted."""

    def __init__(self, history: History, options: Options) -> None:
        self._table = Table(history, options.zone)
        self._detail = options.detail
        self._every = _plans(self._table, options.detail)
        self._wanted = [plan for plan in self._every if _wanted(plan, options.detail)]
        self._timelines: dict[int, Timeline] = {}

    @cached_property
    def _fewer(self) -> list[Plan]:
        """The rows wanted, those that came close together as one."""
        return stormed(self._wanted)

    def timeline(self, most: int = ROWS) -> Timeline:
        """The rows, at most ``most`` of them unless the detail is ``all``, and what was left out."""
        if most not in self._timelines:
            self._timelines[most] = self._timeline(most)
        return self._timelines[most]

    def _timeline(self, most: int) -> Timeline:
        if self._detail == "all":
            return Timeline(rows=tuple([written(plan, self._table) for plan in self._every]))
        kept = fit(self._wanted if len(self._wanted) <= most else self._fewer, most)
        rows = tuple([written(plan, self._table) for plan in kept])
        return Timeline(rows=rows, left_out=left_out(self._every, kept))


def timeline(history: History, options: Options, most: int = ROWS) -> Timeline:
    """The rows of a history in the detail asked for, at most ``most`` of them unless it is ``all``."""
    return Planned(history, options).timeline(most)


def _plans(table: Table, detail: str) -> Sequence[Plan]:
    """Every row, folded as the detail asks for, in order."""
    found = events.unfolded(table) if detail == "all" else itertools.chain(alerts.plans(table), events.plans(table))
    return sorted(labelled(table, found), key=lambda plan: (plan.at, rank(plan.type), plan.cites))


def _wanted(plan: Plan, detail: str) -> bool:
    if plan.label:
        return True
    if detail == "key":
        return plan.type.startswith("change.") or plan.type == "note.added"
    return plan.type not in QUIET
