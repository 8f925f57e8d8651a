"""Opening signals by what a storm asks of them: where they are, and whether they page.

Rule 5 ties what started within minutes of a page. Signals of one class are tied to whatever one of them is tied to, so
that of a class one signal is named and not each: twenty thousand of one moment cost no more than one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.correlation.catalog import Catalog
from collector.correlation.signals import Unit
from collector.correlation.spans import Order, Spans
from collector.correlation.values import Rules
from collector.names import apart


class Class:
    """The signals of one environment that a storm treats alike, by their starts."""

    def __init__(self, *, mutual: bool) -> None:
        self.spans = Spans()
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

    def listed(self, unit: Unit) -> bool:
        """Whether a signal's service is listed."""
        return self._catalog.lists(unit.service)

    def put(self, unit: Unit, reach: int) -> None:
        """Have a signal found; a listed service's signals are tied to each other until ``reach``."""
        service, pages = name = self._name(unit)
        classes = self._classes.setdefault(unit.environment, {})
        if name not in classes:
            classes[name] = Class(mutual=pages or bool(service))
        classes[name].spans.put(unit.order, reach if service else unit.start + self._rules.storm)

    def drop(self, unit: Unit) -> None:
        """Have it found no more."""
        name, classes = self._name(unit), self._classes.get(unit.environment, {})
        if name in classes:
            classes[name].spans.drop(unit.order)
            if not classes[name].spans:
                del classes[name]
        if not classes:
            self._classes.pop(unit.environment, None)

    def around(self, unit: Unit) -> Iterator[Class]:
        """The classes of which a storm could tie a signal to this one."""
        for place in [each for each in self._classes if not apart(unit.environment, each)]:
            for (service, pages), known in self._classes[place].items():
                if (pages or unit.storms) and not (service and self.listed(unit)):
                    yield known

    def page_before(self, unit: Unit) -> Order | None:
        """Of a page: the last page of its class before it that it is tied to, and that started within the storm."""
        if not unit.storms:
            return None
        spans = self._classes[unit.environment][self._name(unit)].spans
        found = next(spans.covering_orders(unit.order, unit.start), None)
        return found if found is not None and found[0] >= unit.start - self._rules.storm else None

    def page_after(self, unit: Unit, reach: int) -> Order | None:
        """Of a page: the first one of its class after it, likewise."""
        if not unit.storms:
            return None
        spans = self._classes[unit.environment][self._name(unit)].spans
        high = unit.start + self._rules.storm
        return next(spans.after_orders(unit.order, min(high, reach) if self.listed(unit) else high), None)

    def _name(self, unit: Unit) -> tuple[str, bool]:
        return (unit.service or "" if self.listed(unit) else "", unit.storms)
