"""Where signals and incidents in memory are found: by key and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collector.correlation.interval_index import FAR, IntervalIndex, Order
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.signals import Signal, alert_key
from collector.correlation.storms import Storms
from collector.names import apart


class KeyIndex:
    """Opening signals by what ties them, attaching signals by what they look for, incidents by what they offer."""

    def __init__(self, storms: Storms) -> None:
        self.storms, self.attaching = storms, IntervalIndex()
        self.refired = IntervalIndex()
        """Episodes of an alert that had one before."""
        self.keys_of: dict[str, frozenset[str]] = {}
        """Of attaching signals: the keys they are found by."""
        self._ties: dict[str, IntervalIndex] = {}
        self._found_by: dict[str, IntervalIndex] = {}
        self._environments: dict[str, set[str | None]] = {}
        self._incidents: dict[str, dict[LiveIncident, None]] = {}

    # Opening signals

    def put_opening(self, signal: Signal, cover: int) -> None:
        """Have a signal found by those that it reaches until ``cover``."""
        self.stretch_opening(signal, cover)
        if signal.service is not None:
            self._environments.setdefault(signal.service, set()).add(signal.environment)
        self._note_refired(signal)

    def stretch_opening(self, signal: Signal, cover: int) -> None:
        """Have one that is found already found until another moment."""
        for key in _tie_keys(signal):
            _put(self._ties, key, signal.order, cover)
        self.storms.put(signal, cover)

    def drop_opening(self, signal: Signal) -> None:
        """Have a signal found no more."""
        for key in _tie_keys(signal):
            _drop(self._ties, key, signal.order)
        if signal.service is not None and _service_key(signal.service, signal.environment) not in self._ties:
            named = self._environments.get(signal.service, set())
            named.discard(signal.environment)
            if not named:
                self._environments.pop(signal.service, None)
        self.storms.drop(signal)
        self.refired.drop(signal.order)

    def _note_refired(self, signal: Signal) -> None:
        key = alert_key(signal)
        if key is None:
            return
        spans = self._ties[key]
        if next(spans.covering(signal.order, -1), None) is not None:
            self.refired.put(signal.order, signal.start)
        following = next(spans.after_orders(signal.order, FAR), None)
        if following is not None:
            self.refired.put(following, following[0])

    def ties(self, key: str) -> IntervalIndex | None:
        """The signals that offer a key."""
        return self._ties.get(key)

    def serving(self, service: str, environment: str | None) -> Iterator[IntervalIndex]:
        """The signals of a service, by environment: those where a signal of this environment could be."""
        for other in sorted(self._environments.get(service, ()), key=str):
            spans = self._ties.get(_service_key(service, other))
            if spans is not None and not apart(environment, other):
                yield spans

    # Attaching signals

    def put_other(self, signal: Signal, keys: frozenset[str]) -> None:
        """Have an attaching signal found by these keys, and by when it happened."""
        for key in keys:
            _put(self._found_by, key, signal.order, signal.last)
        self.keys_of[signal.id] = keys
        self.attaching.put(signal.order, signal.last)

    def drop_other(self, signal: Signal) -> None:
        """Have it found no more."""
        for key in self.keys_of.pop(signal.id, frozenset()):
            _drop(self._found_by, key, signal.order)
        self.attaching.drop(signal.order)

    def found_by(self, key: str, low: int, high: int) -> Iterable[str]:
        """Attaching signals under a key that start by ``high``, with an event at ``low`` or later."""
        spans = self._found_by.get(key)
        return () if spans is None else spans.overlapping(low, high)

    def sought(self, keys: Mapping[str, int]) -> list[str]:
        """Those of these keys that an attaching unit looks for: of a large incident's, few are."""
        if len(keys) <= len(self._found_by):
            return [key for key in keys if f"seek:{key}" in self._found_by]
        return [key for name in self._found_by if name.startswith("seek:") and (key := name[5:]) in keys]

    # Incidents

    def put_incident(self, incident: LiveIncident, keys: Iterable[str]) -> None:
        """Have an incident found by these keys."""
        for key in keys:
            self._incidents.setdefault(key, {})[incident] = None

    def drop_incident(self, incident: LiveIncident) -> None:
        """Have an incident found no more."""
        for key in incident.keys:
            known = self._incidents.get(key, {})
            known.pop(incident, None)
            if not known:
                self._incidents.pop(key, None)

    def incidents(self, key: str) -> tuple[LiveIncident, ...]:
        """The incidents with a signal that offers this key, or is of this service."""
        return tuple(self._incidents.get(key, ()))


def _put(spans: dict[str, IntervalIndex], key: str, order: Order, cover: int) -> None:
    if key not in spans:
        spans[key] = IntervalIndex()
    spans[key].put(order, cover)


def _drop(spans: dict[str, IntervalIndex], key: str, order: Order) -> None:
    if (found := spans.get(key)) is not None:
        found.drop(order)
        if not found:
            del spans[key]


def _tie_keys(signal: Signal) -> list[str]:
    keys = list(signal.offers)
    if signal.service is not None:
        keys.append(_service_key(signal.service, signal.environment))
    return keys


def _service_key(service: str, environment: str | None) -> str:
    return f"service:{service}\x1f{environment or ''}"
