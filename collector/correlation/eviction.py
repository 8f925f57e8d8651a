"""Memory kept within bounds: what the shelf holds anyway is let go of.

Only between rounds, when the shelf holds everything. First what nothing will
touch without fetching it: closed components (no signal of theirs reaches the
latest moment) and what attaches to nothing in memory, the least recently
touched first. Open components stay, so that an event in a large incident need
not have that incident fetched; only when there are :data:`FLOOD` times as many
units as wanted do they go as well.
"""

from __future__ import annotations

from collector.correlation.held import Component, Held
from collector.correlation.parts import Part, keys_of
from collector.correlation.signals import Unit

FLOOD = 20
"""How many times the wanted units there may be before what is open goes, too."""

_CLAIMS = 10
"""How many keys, for each wanted unit, are known to be fetched already."""


class Eviction:
    """The least recently touched goes first."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._left = 0
        """Units that the last attempt left."""

    def touch(self) -> None:
        """After a round: what it touched is the most recently touched."""
        held = self._held
        held.rounds += 1
        parts = [*held.round.alive, *held.round.loaded]
        for component in {held.component_of[part]: None for part in parts if part in held.component_of}:
            held.components.pop(component, None)
            held.components[component] = None
            component.seen = held.rounds
        for uid in held.round.found:
            if held.others.pop(uid, None) is not None:
                held.others[uid] = held.rounds

    def evict(self, most: int) -> None:
        """Let go of units until there are less than ``most``, as far as what is open allows.

        An attempt looks at everything that is open, so the next one waits until memory grew by a third.
        """
        held = self._held
        held.coverage.trim(_CLAIMS * most)
        self._left = min(self._left, len(held.units))
        if len(held.units) <= max(most, self._left + self._left // 3):
            return
        held.complete = False
        held.lessons.clear()
        self._evict(most * 3 // 4, open_too=False)
        if len(held.units) > most * FLOOD:
            self._evict(most * 3 // 4, open_too=True)
        self._left = len(held.units)

    def _evict(self, wanted: int, open_too: bool) -> None:
        held = self._held
        for uid, seen in list(held.others.items()):
            if len(held.units) <= wanted:
                return
            if seen < held.rounds and not held.attached_to.get(uid):
                self._evict_other(held.units[uid])
        for component in list(held.components):
            if len(held.units) <= wanted:
                return
            if component.seen < held.rounds and (open_too or self._closed(component)):
                self._evict_component(component)

    def _closed(self, component: Component) -> bool:
        """Whether no signal of it could tie what starts now."""
        return all(part.reach() + self._held.rules.gap < self._held.latest for part in component.parts)

    def _evict_component(self, component: Component) -> None:
        held = self._held
        for part in component.parts:
            held.index.drop_part(part)
            high = part.view(held.rules).high
            for key in part.keys:
                held.coverage.withdraw(f"incident:{key}", high)
            for unit in part.units.values():
                self._evict_opening(unit)
            for uid in part.attached:
                self._detach(uid, part)
            held.loaded.difference_update(part.numbers)
            del held.component_of[part]
        del held.components[component]

    def _detach(self, uid: str, part: Part) -> None:
        """An attached unit goes with the last of its incidents in memory: none of them is there without it."""
        left = self._held.attached_to[uid]
        left.discard(part)
        if not left:
            self._evict_other(self._held.units[uid])

    def _evict_opening(self, unit: Unit) -> None:
        held = self._held
        held.index.drop_opening(unit)
        for key in keys_of(unit):
            held.coverage.withdraw(f"tie:{key}", unit.reach + held.rules.gap)
        held.coverage.withdraw("started", unit.start)
        del held.part_of[unit.uid]
        self._forget(unit)

    def _evict_other(self, unit: Unit) -> None:
        held = self._held
        for key in held.index.keys_of[unit.uid]:
            held.coverage.withdraw(key, unit.last)
        held.coverage.withdraw("happened", unit.last)
        held.unindex_other(unit)
        held.attached_to.pop(unit.uid, None)
        self._forget(unit)

    def _forget(self, unit: Unit) -> None:
        held = self._held
        del held.units[unit.uid]
        held.tails.pop(unit.fold, None)
        for known in (held.match, held.places, held.missed):
            known.pop(unit.uid, None)
