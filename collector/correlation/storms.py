"""Opening signals by what a storm asks of them: where they are, and whether they page.

Rule 5 ties what started within minutes of a page. Signals of one class are tied to whatever one of them is tied to, so
that of a class one signal is named and not each: twenty thousand of one moment cost no more than one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.correlation.catalog import Catalog, Rules
from collector.correlation.interval_index import IntervalIndex, Order
from collector.correlation.signals import Signal
from collector.names import apart


class Class:
    """The signals of one environment that a storm treats alike, by their starts."""

    def __init__(self, *, mutual: bool) -> None:
        self.spans = IntervalIndex()
        self._mutual = mutual
        """Whether those that cover each other are tied: pages by the storm itself, and all of a listed service."""

    def between(self, after: Order, high: int) -> Iterator[str]:
        """Ids of signals after ``after`` that start by ``high``: enough to reach all of them."""
        return self.spans.runs(after, high) if self._mutual else self.spans.after(after, high)


class Storms:
    """The classes. A *listed* service is one whose dependencies the catalog lists: a storm ties no two of them."""

    def __init__(self, rules: Rules, catalog: Catalog) -> None:
        self._rules, self._catalog = rules, catalog
        self._classes: dict[str | None, dict[tuple[str, bool], Class]] = {}

    def listed(self, signal: Signal) -> bool:
        """Whether a signal's service is listed."""
        return self._catalog.lists(signal.service)

    def put(self, signal: Signal, reach: int) -> None:
        """Have a signal found; a listed service's signals are tied to each other until ``reach``."""
        service, pages = name = self._name(signal)
        classes = self._classes.setdefault(signal.environment, {})
        if name not in classes:
            classes[name] = Class(mutual=pages or bool(service))
        classes[name].spans.put(signal.order, reach if service else signal.start + self._rules.storm)

    def drop(self, signal: Signal) -> None:
        """Have it found no more."""
        name, classes = self._name(signal), self._classes.get(signal.environment, {})
        if name in classes:
            classes[name].spans.drop(signal.order)
            if not classes[name].spans:
                del classes[name]
        if not classes:
            self._classes.pop(signal.environment, None)

    def around(self, signal: Signal) -> Iterator[Class]:
        """The classes of which a storm could tie a signal to this one."""
        for place in [each for each in self._classes if not apart(signal.environment, each)]:
            for (service, pages), known in self._classes[place].items():
                if (pages or signal.storms) and not (service and self.listed(signal)):
                    yield known

    def page_before(self, signal: Signal) -> Order | None:
        """Of a page: the last page of its class before it that it is tied to, and that started within the storm."""
        if not signal.storms:
            return None
        spans = self._classes[signal.environment][self._name(signal)].spans
        found = next(spans.covering_orders(signal.order, signal.start), None)
        return found if found is not None and found[0] >= signal.start - self._rules.storm else None

    def page_after(self, signal: Signal, reach: int) -> Order | None:
        """Of a page: the first one of its class after it, likewise."""
        if not signal.storms:
            return None
        spans = self._classes[signal.environment][self._name(signal)].spans
        high = signal.start + self._rules.storm
        return next(spans.after_orders(signal.order, min(high, reach) if self.listed(signal) else high), None)

    def _name(self, signal: Signal) -> tuple[str, bool]:
        return (signal.service or "" if self.listed(signal) else "", signal.storms)
