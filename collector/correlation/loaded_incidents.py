"""Incidents as attaching looks them up, over what lies in memory."""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.attach import NEAR
from collector.correlation.changes import Outline
from collector.correlation.interval_index import FAR
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.memory import Loader
from collector.correlation.values import IncidentTraits


class LoadedIncidents:
    """:class:`collector.correlation.attach.IncidentLookup`; it fetches what it is asked for."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory = loader, loader.memory
        self._by_key: dict[str, LiveIncident] = {}
        """Those that were looked up, by the key that attaching knows them by."""

    def incident(self, view: IncidentTraits) -> LiveIncident:
        """The incident that was looked up as this."""
        return self._by_key[view.key]

    def offering(self, key: str, start: int, end: int) -> list[IncidentTraits]:
        """Incidents with an opening signal that offers this key, near this span; for a page wherever they are."""
        if key.startswith("page:"):
            self._loader.ensure_incidents(key, -1, FAR)
            return self._incidents_with(key, -1, FAR)
        self._loader.ensure_incidents(key, start - NEAR, end + NEAR)
        return self._incidents_with(key, start, end)

    def serving(self, service: str, start: int, end: int) -> list[IncidentTraits]:
        """Incidents with an opening signal of this service and a window less than ``NEAR`` from this span."""
        key = f"service:{service}"
        self._loader.ensure_incidents(key, start - NEAR, end + NEAR)
        found = self._incidents_with(key, start, end)
        return [view for view in found if view.low - NEAR <= end and start <= view.high + NEAR]

    def holding(self, event: str) -> list[IncidentTraits]:
        """Incidents that this event belongs to as part of an opening signal."""
        signal_id = self._loader.signal_id(event)
        if signal_id is None:
            return []
        self._loader.fetch([signal_id])
        incident = self._memory.incident_of.get(signal_id)
        return [] if incident is None else self._views([incident])

    def tied(self, name: str) -> list[IncidentTraits]:
        """Incidents with a signal of this class of people's."""
        memory = self._memory
        mates = [
            signal_id
            for signal_id in memory.constraints.signals()
            if memory.constraints.linked_group(signal_id) == name
        ]
        self._loader.fetch(mates)
        return self._views(
            {memory.incident_of[signal_id]: None for signal_id in mates if signal_id in memory.incident_of}
        )

    def services_of_ref(self, ref: str) -> frozenset[str]:
        """The services that changes with this ref name."""
        return self._loader.services(ref)

    def _incidents_with(self, key: str, start: int, end: int) -> list[IncidentTraits]:
        """Incidents that offer a key. Those whose window does not reach this span are not fetched: it is missed, and
        to say by how much their outlines suffice."""
        memory = self._memory
        for outline in [*memory.outlines.get(key, {}).values()]:
            if outline.low <= end and start <= outline.high:
                self._loader.load(outline.number)
        found = self._views(memory.index.incidents(key))
        return found + [_missed(outline) for outline in memory.outlines.get(key, {}).values()]

    def _views(self, incidents: Iterable[LiveIncident]) -> list[IncidentTraits]:
        views = []
        for incident in incidents:
            view = incident.view(self._memory.rules)
            self._by_key[view.key] = incident
            views.append(view)
        return views


def _missed(outline: Outline) -> IncidentTraits:
    """An incident as one sees it that is not within its window."""
    return IncidentTraits(
        key=outline.key, start=outline.start, low=outline.low, high=outline.high, environments=frozenset()
    )  # fmt: skip
