"""The same alert again while a page of its incident is open, or after people reopened it.

Such a page may last longer than an alert's own gap. It ties an episode of an
alert to the one before it, so that it is asked for a component at a time: the
page must be in the component of the earlier episode. What :func:`pairs` names
may be more than what belongs together, never less. Of a pair :func:`page_over`
says which page ties it, where all that came before the later episode is known
to be one incident already; else the sweep decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from collector.closing import REOPENED
from collector.correlation.held import Component, Held
from collector.correlation.parts import Part
from collector.correlation.pauses import pauses
from collector.correlation.rounds import Grown
from collector.correlation.signals import PAGED, Unit, alert_key
from collector.correlation.spans import FAR, LAST

Pair = tuple[str, str]
"""Two episodes of one alert that follow each other, by id."""


def pairs(held: Held, uid: str, grown: Grown) -> list[Pair]:
    """Episodes that a page may tie, as far as this signal is one of them or the page; they are in memory then."""
    unit = held.units[uid]
    if unit.kind == "page":
        return list(_of_page(held, unit, grown.since))
    key = alert_key(unit)
    if key is None:
        return []
    found = list(_with_next(held, unit, key))
    return found + list(_with_previous(held, unit, key)) if grown.new else found


def page_over(held: Held, part: Part, earlier: Unit, later: Unit) -> str | None:
    """The first page of an incident that lasts over the pause before an alert's later episode."""
    gap = held.rules.gap
    cover = earlier.reach + gap
    spans = held.index.ties(alert_key(later) or "")
    longer = () if spans is None else spans.covering(later.order, cover + 1)
    covers = [cover, *(held.units[uid].reach + gap for uid in longer if held.part_of.get(uid) is part)]
    return part.first_page(max(covers), later.start)


def reopened(held: Held, uid: str) -> list[str]:
    """Signals in incidents with an alert of which this is an episode, that people reopened not long before it."""
    unit = held.units[uid]
    if (key := alert_key(unit)) is None:
        return []
    found = held.links.reopened(unit.start - held.rules.reach, unit.start)
    held.fetch(found)
    inside = [other for other in dict.fromkeys(found) if other in held.part_of]
    return [other for other in inside if any(key in part.keys for part in _of(held, other).parts)]


def after_reopening(held: Held, component: Component) -> Iterator[Pair]:
    """Alerts of incidents that people reopened, and their later episodes elsewhere; all are in memory then."""
    words = [
        word.at
        for part in component.parts
        for uid in part.units
        for word in held.links.turns(uid)
        if word.type == REOPENED
    ]
    keys = sorted({key for part in component.parts for key in part.keys if key.startswith("alert:")}) if words else []
    for at in words:
        until = at + held.rules.reach
        held.ensure_all((f"tie:{key}", at, until) for key in keys)
        for key in keys:
            spans = held.index.ties(key)
            own = [
                uid for uid in (() if spans is None else spans.after((-1, ""), until)) if _of(held, uid) is component
            ]
            for uid in () if spans is None or not own else list(spans.after((at, ""), until)):
                if _of(held, uid) is not component and held.units[own[0]].order < held.units[uid].order:
                    yield own[0], uid


def following(held: Held, unit: Unit) -> list[str]:
    """Of an alert's episode that goes: the next one, which has another before it from now on."""
    spans = held.index.ties(alert_key(unit) or "")
    return [] if spans is None else list(islice(spans.after(unit.order, FAR), 1))


def outlasted(held: Held, unit: Unit) -> list[str]:
    """Of an alert's episode: the next ones, as far as it may last longer than the one before them."""
    found: list[str] = []
    spans = held.index.ties(alert_key(unit) or "")
    for uid in () if spans is None else spans.after(unit.order, FAR):
        found.append(uid)
        if held.units[uid].reach >= unit.reach:
            break
    return found


def loosened(held: Held, component: Component, old: Unit, new: Unit) -> bool:
    """Whether a signal that ends earlier than it did may have tied an alert to what it was before a pause."""
    if new.reach >= old.reach or not any(PAGED in part.keys for part in component.parts):
        return False
    if new.kind != "page":
        return bool(following(held, new))
    refired = held.index.refired.after((new.reach, LAST), old.reach)
    return any(_of(held, uid) is component for uid in refired)


def _of_page(held: Held, page: Unit, since: int) -> Iterator[Pair]:
    """Alerts of the page's component that fire again while it is open, and after ``since``."""
    low = (page.start, "") if since < page.start else (since, LAST)
    held.ensure_started(low[0], page.reach)
    component = held.component_of[held.part_of[page.uid]]
    for uid in list(held.index.refired.after(low, page.reach)):
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
    pages = held.index.ties(PAGED)
    # Pages are found until their gap is over; what is found too early costs a question more.
    page = None if pages is None else pages.first(unit.start, unit.start)
    if page is None:
        return
    held.ensure(f"tie:{key}", held.units[page].start, unit.start)
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
    return any(part.first_page(later.start, later.start) is not None for part in _of(held, earlier.uid).parts)


def _of(held: Held, uid: str) -> Component:
    return held.component_of[held.part_of[uid]]
