"""What could tie one opening signal to those before it and those after it.

The rules are those of ``sweep`` (``matches`` names them), asked of one signal at a time: enough of the
others are named to reach every component that could be tied to it. What is asked about has to be in memory
before: ``key_spans`` and ``ensure_storms`` say what that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from collector.correlation.interval_index import FAR, LAST, Order
from collector.correlation.matches import PAGE, Match, key_match, service_match, storm_match
from collector.correlation.memory import KeySpan, Loader, Memory
from collector.correlation.signals import FIRED, Signal

Tie = tuple[str, Match]
"""Another signal, and the rule by which the later of the two joins."""


def key_spans(memory: Memory, signal: Signal) -> Iterator[KeySpan]:
    """All that has to be in memory before a new signal can be tied, other than by a storm."""
    cover = signal.reach + memory.rules.gap
    for key in signal.seeks:
        yield _key_span(key, signal.start, cover)
    for service in _services(memory, signal):
        yield _key_span(f"service:{service}", signal.start, cover)


def _key_span(key: str, low: int, high: int) -> KeySpan:
    """A page ties whenever it was."""
    return (f"tie:{key}", -1, FAR) if key.startswith("page:") else (f"tie:{key}", low, high)


def ensure_storms(loader: Loader, signals: Iterable[Signal]) -> None:
    """Have in memory what a storm could tie to these, given in the order of their starts: windows that meet are one."""
    storm = loader.memory.rules.storm
    low = high = -1
    for signal in signals:
        if signal.start - storm > high:
            if high >= 0:
                loader.ensure_started(low, high)
            low = signal.start - storm
        high = signal.start + storm
    if high >= 0:
        loader.ensure_started(low, high)


def earlier(memory: Memory, signal: Signal) -> Iterator[Tie]:
    """Earlier signals that could be tied to this one."""
    for key in signal.seeks:
        yield from _earlier_by_key(memory, signal, key)
    for service in _services(memory, signal):
        for spans in memory.index.serving(service, signal.environment):
            # Those of one service and environment that cover one moment are tied to each other already.
            found = next(spans.covering(signal.order, signal.start), None)
            if found is not None:
                yield found, service_match(signal, service)
    yield from _earlier_by_storm(memory, signal)


def _earlier_by_key(memory: Memory, signal: Signal, key: str) -> Iterator[Tie]:
    match, spans = key_match(key), memory.index.ties(key)
    if spans is None:
        return
    if match[0] == PAGE:
        signal_ids = spans.covering(signal.order, -1)
    elif _fired(key) and _page_covering(memory, signal, key, signal.id) is not None:
        # That page, found by another key, is tied to all of these.
        return
    else:
        signal_ids = spans.covering(signal.order, signal.start)
    for signal_id in signal_ids:
        yield signal_id, match
        if not _fired(key):
            # All that offer such a key and cover one moment are tied to each other already.
            return


def _earlier_by_storm(memory: Memory, signal: Signal) -> Iterator[Tie]:
    low, storms = signal.start - memory.rules.storm, memory.index.storms
    page = storms.page_before(signal)
    if page is not None:
        # It is tied to all that this one could be tied to; two of a listed service are tied by that.
        if not storms.listed(signal):
            yield page[1], storm_match(signal)
        return
    for known in storms.around(signal):
        for signal_id in known.between((low - 1, LAST), signal.start):
            if memory.signals[signal_id].order >= signal.order:
                break
            yield signal_id, storm_match(signal)


def later(memory: Memory, signal: Signal, order: Order) -> Iterator[Tie]:
    """Signals after ``order`` that a key or service of this one, reaching them, ties to it.

    Those are left out that one of these is tied to already by the same or a better rule.
    """
    cover = signal.reach + memory.rules.gap
    for key in signal.seeks:
        for signal_id in _later_by_key(memory, signal, key, order, cover):
            yield signal_id, _key_tie(signal, memory.signals[signal_id])
    for service in _services(memory, signal):
        for spans in memory.index.serving(service, signal.environment):
            for signal_id in spans.runs(order, cover):
                yield signal_id, service_match(memory.signals[signal_id], signal.service or "")


def _later_by_key(memory: Memory, signal: Signal, key: str, order: Order, cover: int) -> Iterable[str]:
    spans = memory.index.ties(key)
    if spans is None:
        return ()
    if key.startswith("page:"):
        return islice(spans.after(signal.order, FAR), 1)
    return _later_fired(memory, signal, key, order, cover) if _fired(key) else spans.runs(order, cover)


def _later_fired(memory: Memory, signal: Signal, key: str, order: Order, cover: int) -> Iterator[str]:
    """Alerts that a page is about, without those that another page is tied to: two such pages are tied themselves."""
    spans = memory.index.ties(key)
    while spans is not None and (candidate := next(spans.after_orders(order, cover), None)) is not None:
        reached = _page_covering(memory, memory.signals[candidate[1]], key, signal.id)
        if reached is None:
            yield candidate[1]
        order = candidate if reached is None else (reached, LAST)


def _fired(key: str) -> bool:
    """Whether alerts offer a key that only pages seek: no two of them are tied by it."""
    return key.startswith(FIRED)


def _page_covering(memory: Memory, signal: Signal, key: str, but: str) -> int | None:
    """Until when a page covers that is about the same as a key, began before a signal and covers its start."""
    pages = memory.index.ties(key.replace("-fired:", "-paged:", 1))
    covering = () if pages is None else pages.covering(signal.order, signal.start)
    page = next((signal_id for signal_id in covering if signal_id != but), None)
    return None if page is None or pages is None else pages.until(page)


def storming(memory: Memory, signal: Signal) -> Iterator[Tie]:
    """Later signals that started so soon after this one that they are one storm.

    Those are left out that another page of its class, tied to it, is tied to already.
    """
    storms, storm = memory.index.storms, memory.rules.storm
    low, high = signal.order, signal.start + storm
    if (before := storms.page_before(signal)) is not None:
        low = max(low, (before[0] + storm, LAST))
    last = storms.page_after(signal, signal.reach + memory.rules.gap) or (high, LAST)
    for known in storms.around(signal):
        for signal_id in known.between(low, high):
            if memory.signals[signal_id].order > last:
                break
            yield signal_id, storm_match(memory.signals[signal_id])


def _services(memory: Memory, signal: Signal) -> list[str]:
    """The service of a signal, and those beside it in the catalog."""
    return [] if signal.service is None else [signal.service, *sorted(memory.catalog.neighbours(signal.service))]


def _key_tie(earlier: Signal, later: Signal) -> Match:
    return min(key_match(key) for key in later.seeks if key in earlier.offers)
