"""What could tie one opening signal to those before it and those after it.

The rules are those of ``sweep``, asked of one signal at a time: enough of the
others are named to reach every component that could be tied to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collector.correlation.held import FAR, Held, Wanted
from collector.correlation.index import apart
from collector.correlation.signals import Unit
from collector.correlation.spans import Order
from collector.correlation.sweep import PAGE, Match, key_match, service_match, storm_match

Tie = tuple[str, Match]
"""Another signal, and the rule by which the later of the two joins."""


def wanted(held: Held, unit: Unit) -> Iterator[Wanted]:
    """All that has to be in memory before a new signal can be tied, other than by a storm."""
    cover = unit.reach + held.rules.gap
    for key in unit.seeks:
        yield _wanted(key, unit.start, cover)
    for service in _services(held, unit):
        yield _wanted(f"service:{service}", unit.start, cover)


def _wanted(key: str, low: int, high: int) -> Wanted:
    """A page ties whenever it was."""
    return (f"tie:{key}", -1, FAR) if key.startswith("page:") else (f"tie:{key}", low, high)


def ensure_storms(held: Held, units: Iterable[Unit]) -> None:
    """Have in memory what a storm could tie to these, given in the order of their starts: windows that meet are one."""
    storm = held.rules.storm
    low = high = -1
    for unit in units:
        if unit.start - storm > high:
            if high >= 0:
                held.ensure_started(low, high)
            low = unit.start - storm
        high = unit.start + storm
    if high >= 0:
        held.ensure_started(low, high)


def earlier(held: Held, unit: Unit) -> Iterator[Tie]:
    """Earlier signals that could be tied to this one; what it wants is in memory."""
    for key in unit.seeks:
        yield from _earlier_by_key(held, unit, key)
    for service in _services(held, unit):
        for spans in held.index.serving(service, unit.environment):
            # Those of one service and environment that cover one moment are tied to each other already.
            found = next(spans.covering(unit.order, unit.start), None)
            if found is not None:
                yield found, service_match(unit, service)
    yield from _earlier_by_storm(held, unit)


def _earlier_by_key(held: Held, unit: Unit, key: str) -> Iterator[Tie]:
    match = key_match(key)
    timeless = match[0] == PAGE
    spans = held.index.ties(key)
    for uid in () if spans is None else spans.covering(unit.order, -1 if timeless else unit.start):
        yield uid, match
        if key in unit.offers:
            return


def _earlier_by_storm(held: Held, unit: Unit) -> Iterator[Tie]:
    low = unit.start - held.rules.storm
    held.ensure_started(low, unit.start + held.rules.storm)
    spans = held.index.starts if unit.storms else held.index.pages
    for uid in spans.covering(unit.order, low):
        if _storms(held, held.units[uid], unit):
            yield uid, storm_match(unit)


def later(held: Held, unit: Unit, order: Order) -> Iterator[Tie]:
    """Signals after ``order`` that a key or service of this one, reaching them, ties to it."""
    cover = unit.reach + held.rules.gap
    for key in unit.seeks:
        timeless = key.startswith("page:")
        held.ensure(*_wanted(key, order[0], cover))
        spans = held.index.ties(key)
        if spans is not None:
            for uid in spans.after(unit.order if timeless else order, FAR if timeless else cover):
                yield uid, _key_tie(unit, held.units[uid])
    for service in _services(held, unit):
        held.ensure(*_wanted(f"service:{service}", order[0], cover))
        for spans in held.index.serving(service, unit.environment):
            for uid in spans.after(order, cover):
                yield uid, service_match(held.units[uid], unit.service or "")


def storming(held: Held, unit: Unit) -> Iterator[Tie]:
    """Later signals that started so soon after this one that they are one storm."""
    spans = held.index.starts if unit.storms else held.index.pages
    for uid in spans.after(unit.order, unit.start + held.rules.storm):
        if _storms(held, unit, held.units[uid]):
            yield uid, storm_match(held.units[uid])


def _services(held: Held, unit: Unit) -> list[str]:
    """The service of a signal, and those beside it in the catalog."""
    return [] if unit.service is None else [unit.service, *sorted(held.catalog.neighbours(unit.service))]


def _storms(held: Held, a: Unit, b: Unit) -> bool:
    listed = held.catalog.lists(a.service) and held.catalog.lists(b.service)
    return (a.storms or b.storms) and not listed and not apart(a.environment, b.environment)


def _key_tie(earlier: Unit, later: Unit) -> Match:
    return min(key_match(key) for key in later.seeks if key in earlier.offers)
