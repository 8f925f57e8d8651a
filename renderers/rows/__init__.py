"""The rows of the timeline: which events become one row, which rows are shown, and what they say.

``normal`` folds what would repeat itself: series of one alert, alerts that go
on and off, ends that come together; runs of workflows that change nothing are
counted below the table. ``key`` keeps what a summary needs, ``all`` folds
nothing. No row is left out because there are many.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from collector.event import rank
from renderers import phrases
from renderers.document import Claim, Code, Options, Timeline
from renderers.history import History
from renderers.phrases import Phrase
from renderers.rows import alerts, events
from renderers.rows.labels import labelled
from renderers.rows.plan import Plan, RowContext, row_of
from renderers.words import counted

QUIET = ("page.updated",)
"""Types that ``normal`` leaves out of the table: details of the paging, counted below it."""


def timeline(history: History, options: Options) -> Timeline:
    """The rows of a history in the detail asked for, and how many it does not show."""
    table = RowContext(history, options.zone)
    every = _plans(table, options.detail)
    shown = [plan for plan in every if _is_shown(plan, options.detail)]
    return Timeline(rows=tuple([row_of(plan, table) for plan in shown]), left_out=_left_out(every, shown))


def sentences(history: History, zone: str) -> dict[str, Phrase]:
    """What the row of each event says by itself, by the event's id; alerts, which have bars of their own, are not
    among them, but for ends of those whose firing is not known."""
    table = RowContext(history, zone)
    rows = [each for each in events.unfolded(table) if not each.type.startswith("alert.") or _unbegun(each, table)]
    return {plan.cites[0]: plan.wording(table) for plan in rows}


def _unbegun(plan: Plan, table: RowContext) -> bool:
    return not table.unbegun.isdisjoint(plan.cites)


def _plans(table: RowContext, detail: str) -> Sequence[Plan]:
    """Every row, folded as the detail asks for, in order."""
    found = events.unfolded(table) if detail == "all" else itertools.chain(alerts.plans(table), events.plans(table))
    return sorted(labelled(table, found), key=lambda plan: (plan.at, rank(plan.type), plan.cites))


def _is_shown(plan: Plan, detail: str) -> bool:
    if plan.label or plan.wordy or detail == "all":
        return True
    if plan.idle:
        return False
    if detail == "key":
        family = plan.type.partition(".")[0]
        return family in ("change", "mark", "incident", "status") or plan.type == "note.added"
    return plan.type not in QUIET


def _left_out(every: Sequence[Plan], shown: Iterable[Plan]) -> Claim | None:
    """How many rows are not shown, of which kinds, and how to see them."""
    known = {id(plan) for plan in shown}
    missing = [plan for plan in every if id(plan) not in known]
    if not missing:
        return None
    counts = Counter(map(_kind, missing))
    words = [counted(number, *kind) for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    verb = "is" if len(missing) == 1 else "are"
    return phrases.claim(
        f"{counted(len(missing), 'row')} {verb} not shown here ({', '.join(words)}); ",
        Code("--detail all"),
        " shows every event",
        proof=tuple(dict.fromkeys(each for plan in missing for each in plan.cites)),
    )


_KINDS = {
    "alert.firing": ("firing", "firings"),
    "alert.resolved": ("end of an alert", "ends of alerts"),
    "chat": ("message", "messages"),
    "observation": ("observation", "observations"),
    "page": ("detail of a page", "details of pages"),
    "report": ("report", "reports"),
}


IDLE = ("workflow run that changes nothing", "workflow runs that change nothing")
"""Tests, chores and runs of pull requests, as the line below the table calls them."""


def _kind(plan: Plan) -> tuple[str, str]:
    if plan.idle:
        return IDLE
    return _KINDS.get(plan.type) or _KINDS.get(plan.type.partition(".")[0]) or ("statement", "statements")
