"""What could tie one opening signal to those before it and those after it.

The rules are those of ``sweep``, asked of one signal at a time: enough of the
others are named to reach every component that could be tied to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from collector.correlation.memory import Memory, Wanted
from collector.correlation.signals import FIRED, Unit
from collector.correlation.spans import FAR, LAST, Order
from collector.correlation.sweep import PAGE, Match, key_match, service_match, storm_match

Tie = tuple[str, Match]
"""Another signal, and the rule by which the later of the two joins."""


def wanted(memory: Memory, unit: Unit) -> Iterator[Wanted]:
    """All that has to be in memory before a new signal can be tied, other than by a storm."""
    cover = unit.reach + memory.rules.gap
    for key in unit.seeks:
        yield _wanted(key, unit.start, cover)
    for service in _services(memory, unit):
        yield _wanted(f"service:{service}", unit.start, cover)


def _wanted(key: str, low: int, high: int) -> Wanted:
    """A page ties whenever it was."""
    return (f"tie:{key}", -1, FAR) if key.startswith("page:") else (f"tie:{key}", low, high)


def ensure_storms(memory: Memory, units: Iterable[Unit]) -> None:
    """Have in memory what a storm could tie to these, given in the order of their starts: windows that meet are one."""
    storm = memory.rules.storm
    low = high = -1
    for unit in units:
        if unit.start - storm > high:
            if high >= 0:
                memory.ensure_started(low, high)
            low = unit.start - storm
        high = unit.start + storm
    if high >= 0:
        memory.ensure_started(low, high)


def earlier(memory: Memory, unit: Unit) -> Iterator[Tie]:
    """Earlier signals that could be tied to this one; what it wants is in memory."""
    for key in unit.seeks:
        yield from _earlier_by_key(memory, unit, key)
    for service in _services(memory, unit):
        for spans in memory.index.serving(service, unit.environment):
            # Those of one service and environment that cover one moment are tied to each other already.
            found = next(spans.covering(unit.order, unit.start), None)
            if found is not None:
                yield found, service_match(unit, service)
    yield from _earlier_by_storm(memory, unit)


def _earlier_by_key(memory: Memory, unit: Unit, key: str) -> Iterator[Tie]:
    match, spans = key_match(key), memory.index.ties(key)
    if spans is None:
        return
    if match[0] == PAGE:
        uids = spans.covering(unit.order, -1)
    elif _fired(key) and _page_covering(memory, unit, key, unit.uid) is not None:
        # That page, found by another key, is tied to all of these.
        return
    else:
        uids = spans.covering(unit.order, unit.start)
    for uid in uids:
        yield uid, match
        if not _fired(key):
            # All that offer such a key and cover one moment are tied to each other already.
            return


def _earlier_by_storm(memory: Memory, unit: Unit) -> Iterator[Tie]:
    low, storms = unit.start - memory.rules.storm, memory.index.storms
    memory.ensure_started(low, unit.start + memory.rules.storm)
    page = storms.page_before(unit)
    if page is not None:
        # It is tied to all that this one could be tied to; two of a listed service are tied by that.
        if not storms.listed(unit):
            yield page[1], storm_match(unit)
        return
    for known in storms.around(unit):
        for uid in known.between((low - 1, LAST), unit.start):
            if memory.units[uid].order >= unit.order:
                break
            yield uid, storm_match(unit)


def later(memory: Memory, unit: Unit, order: Order) -> Iterator[Tie]:
    """Signals after ``order`` that a key or service of this one, reaching them, ties to it.

    Those are left out that one of these is tied to already by the same or a better rule.
    """
    cover = unit.reach + memory.rules.gap
    for key in unit.seeks:
        memory.ensure(*_wanted(key, order[0], cover))
        for uid in _later_by_key(memory, unit, key, order, cover):
            yield uid, _key_tie(unit, memory.units[uid])
    for service in _services(memory, unit):
        memory.ensure(*_wanted(f"service:{service}", order[0], cover))
        for spans in memory.index.serving(service, unit.environment):
            for uid in spans.runs(order, cover):
                yield uid, service_match(memory.units[uid], unit.service or "")


def _later_by_key(memory: Memory, unit: Unit, key: str, order: Order, cover: int) -> Iterable[str]:
    spans = memory.index.ties(key)
    if spans is None:
        return ()
    if key.startswith("page:"):
        return islice(spans.after(unit.order, FAR), 1)
    return _later_fired(memory, unit, key, order, cover) if _fired(key) else spans.runs(order, cover)


def _later_fired(memory: Memory, unit: Unit, key: str, order: Order, cover: int) -> Iterator[str]:
    """Alerts that a page is about, without those that another page is tied to: two such pages are tied themselves."""
    spans = memory.index.ties(key)
    while spans is not None and (candidate := next(spans.after_orders(order, cover), None)) is not None:
        reached = _page_covering(memory, memory.units[candidate[1]], key, unit.uid)
        if reached is None:
            yield candidate[1]
        order = candidate if reached is None else (reached, LAST)


def _fired(key: str) -> bool:
    """Whether alerts offer a key that only pages seek: no two of them are tied by it."""
    return key.startswith(FIRED)


def _page_covering(memory: Memory, unit: Unit, key: str, but: str) -> int | None:
    """Until when a page covers that is about the same as a key, began before a signal and covers its start."""
    pages = memory.index.ties(key.replace("-fired:", "-paged:", 1))
    found = (uid for uid in (() if pages is None else pages.covering(unit.order, unit.start)) if uid != but)
    page = next(found, None)
    return None if page is None or pages is None else pages.until(page)


def storming(memory: Memory, unit: Unit) -> Iterator[Tie]:
    """Later signals that started so soon after this one that they are one storm.

    Those are left out that another page of its class, tied to it, is tied to already.
    """
    storms, storm = memory.index.storms, memory.rules.storm
    low, high = unit.order, unit.start + storm
    if (before := storms.page_before(unit)) is not None:
        low = max(low, (before[0] + storm, LAST))
    last = storms.page_after(unit, unit.reach + memory.rules.gap) or (high, LAST)
    for known in storms.around(unit):
        for uid in known.between(low, high):
            if memory.units[uid].order > last:
                break
            yield uid, storm_match(memory.units[uid])


def _services(memory: Memory, unit: Unit) -> list[str]:
    """The service of a signal, and those beside it in the catalog."""
    return [] if unit.service is None else [unit.service, *sorted(memory.catalog.neighbours(unit.service))]


def _key_tie(earlier: Unit, later: Unit) -> Match:
    return min(key_match(key) for key in later.seeks if key in earlier.offers)
