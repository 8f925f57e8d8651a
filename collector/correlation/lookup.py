"""Incidents as attaching looks them up, over what lies in memory."""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.attach import NEAR, View
from collector.correlation.held import Held
from collector.correlation.parts import Part
from collector.correlation.spans import FAR


class Lookup:
    """:class:`collector.correlation.attach.Index`; it fetches what it is asked for."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def offering(self, key: str, start: int, end: int) -> list[View]:
        """Incidents with an opening signal that offers this key, near this span; for a page wherever they are."""
        ever = key.startswith("page:")
        self._held.ensure_incidents(key, -1 if ever else start - NEAR, FAR if ever else end + NEAR)
        return self._views(self._held.index.parts(key))

    def serving(self, service: str, start: int, end: int) -> list[View]:
        """Incidents with an opening signal of this service and a window less than ``NEAR`` from this span."""
        key = f"service:{service}"
        self._held.ensure_incidents(key, start - NEAR, end + NEAR)
        found = self._views(self._held.index.parts(key))
        return [view for view in found if view.low - NEAR <= end and start <= view.high + NEAR]

    def holding(self, event: str) -> list[View]:
        """Incidents that this event belongs to as part of an opening signal."""
        uid = self._held.uid(event)
        if uid is None:
            return []
        self._held.fetch([uid])
        part = self._held.part_of.get(uid)
        return [] if part is None else self._views([part])

    def tied(self, name: str) -> list[View]:
        """Incidents with a signal of this class of people's."""
        held = self._held
        mates = [uid for uid in held.links.units() if held.links.class_of(uid) == name]
        held.fetch(mates)
        return self._views({held.part_of[uid]: None for uid in mates if uid in held.part_of})

    def taught(self, token: str) -> frozenset[str]:
        """The services that changes with this ref name."""
        return frozenset(service for service, count in self._held.taught(token).items() if count > 0)

    def _views(self, parts: Iterable[Part]) -> list[View]:
        views = []
        for part in parts:
            view = part.view(self._held.rules)
            self._held.round.by_view[view.key] = part
            views.append(view)
        return views
