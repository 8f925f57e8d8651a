"""The same alert again while a page of its incident is open.

Such a page may last longer than an alert's own gap. It ties an episode of an
alert to the one before it, so that it is asked for a component at a time: the
page must be in the component of the earlier episode. What this names may be
more than what belongs together, never less; the sweep decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from collector.correlation.held import Component, Held
from collector.correlation.pauses import pauses
from collector.correlation.signals import PAGED, Unit, alert_key
from collector.correlation.spans import FAR

Pair = tuple[str, str]
"""Two episodes of one alert that follow each other, by id."""


def pairs(held: Held, uid: str, new: bool) -> list[Pair]:
    """Episodes that a page may tie, as far as this signal is one of them or the page; all of them are in memory then.

    ``new`` says that the signal was not there before: the episode before it has to be asked, too.
    """
    unit = held.units[uid]
    if unit.kind == "page":
        return list(_of_page(held, unit))
    key = alert_key(unit)
    if key is None:
        return []
    found = list(_with_next(held, unit, key))
    return found + list(_with_previous(held, unit, key)) if new else found


def following(held: Held, unit: Unit) -> list[str]:
    """Of an alert's episode that goes: the next one, which has another before it from now on."""
    spans = held.index.ties(alert_key(unit) or "")
    return [] if spans is None else list(islice(spans.after(unit.order, FAR), 1))


def _of_page(held: Held, page: Unit) -> Iterator[Pair]:
    """Alerts of the page's component that fire again while it is open."""
    held.ensure_started(page.start, page.reach)
    component = held.component_of[held.part_of[page.uid]]
    for uid in list(held.index.refired.after((page.start, ""), page.reach)):
        later = held.units[uid]
        before = _previous(held, later)
        if before is not None and _of(held, before.uid) is component and pauses(before, later, held.rules.gap):
            yield before.uid, uid


def _with_next(held: Held, unit: Unit, key: str) -> Iterator[Pair]:
    component = held.component_of[held.part_of[unit.uid]]
    if not any(PAGED in part.keys for part in component.parts):
        return
    high = max(part.reach() for part in component.parts)
    held.ensure(f"tie:{key}", unit.start, high)
    spans = held.index.ties(key)
    uid = None if spans is None else next(spans.after(unit.order, high), None)
    if uid is not None and _paged(held, unit, held.units[uid]):
        yield unit.uid, uid


def _with_previous(held: Held, unit: Unit, key: str) -> Iterator[Pair]:
    held.ensure(f"tie:{PAGED}", unit.start, unit.start)
    since = min((page.start for page in _open_pages(held, unit.start)), default=None)
    if since is None:
        return
    held.ensure(f"tie:{key}", since, unit.start)
    before = _previous(held, unit)
    if before is not None and _paged(held, before, unit):
        yield before.uid, unit.uid


def _previous(held: Held, unit: Unit) -> Unit | None:
    spans = held.index.ties(alert_key(unit) or "")
    uid = None if spans is None else next(spans.covering(unit.order, -1), None)
    return None if uid is None else held.units[uid]


def _paged(held: Held, earlier: Unit, later: Unit) -> bool:
    """Whether a page of the earlier one's component is open when the later one starts, and nothing else ties them."""
    if not pauses(earlier, later, held.rules.gap):
        return False
    component = _of(held, earlier.uid)
    return any(_of(held, page.uid) is component for page in _open_pages(held, later.start))


def _open_pages(held: Held, moment: int) -> Iterator[Unit]:
    spans = held.index.ties(PAGED)
    for uid in () if spans is None else spans.overlapping(moment, moment):
        if (page := held.units[uid]).reach >= moment:
            yield page


def _of(held: Held, uid: str) -> Component:
    return held.component_of[held.part_of[uid]]
