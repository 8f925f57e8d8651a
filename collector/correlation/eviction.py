"""Memory kept within bounds: what the store holds anyway is let go of.

Only between rounds, when the store holds everything. First what nothing will
touch without fetching it: closed components (no signal of theirs reaches the
latest moment) and what attaches to nothing in memory, the least recently
touched first. Open components stay, so that an event in a large incident need
not have that incident fetched; only when there are :data:`FLOOD` times as many
signals as wanted do they go as well.
"""

from __future__ import annotations

from collector.correlation.attach import NEAR
from collector.correlation.changes import Outline
from collector.correlation.live_components import Component
from collector.correlation.live_incidents import LiveIncident, keys_of
from collector.correlation.memory import Memory
from collector.correlation.signals import Signal

FLOOD = 20
"""How many times the wanted signals there may be before what is open goes, too."""

_PASSED = 2 * NEAR
"""How long after an incident's window nothing that is told in time asks for it."""
_OUTLINES = 4
"""How many outlines of incidents that are not in memory there may be, for each wanted signal."""
_CLAIMS = 10
"""How many keys, for each wanted signal, are known to be fetched already."""


class Eviction:
    """The least recently touched goes first."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._left = 0
        """Signals that the last attempt left."""

    def evict(self, most: int) -> None:
        """Let go of signals until there are less than ``most``, as far as what is open allows.

        An attempt looks at everything that is open, so the next one waits until memory grew by a third.
        """
        memory = self._memory
        memory.coverage.trim(_CLAIMS * most)
        memory.trim_outlines(memory.latest - _PASSED, _OUTLINES * most)
        self._left = min(self._left, len(memory.signals))
        if len(memory.signals) <= max(most, self._left + self._left // 3):
            return
        memory.rely()
        self._evict(most * 3 // 4, open_too=False)
        if len(memory.signals) > most * FLOOD:
            self._evict(most * 3 // 4, open_too=True)
        self._left = len(memory.signals)

    def _evict(self, target: int, open_too: bool) -> None:
        memory = self._memory
        for signal_id, last_round in list(memory.attaching.items()):
            if len(memory.signals) <= target:
                return
            if last_round < memory.rounds and not memory.attached_to.get(signal_id):
                self._evict_other(memory.signals[signal_id])
        for component in list(memory.components):
            if len(memory.signals) <= target:
                return
            if component.last_round < memory.rounds and (open_too or self._closed(component)):
                self._evict_component(component)

    def _closed(self, component: Component) -> bool:
        """Whether no signal of it could tie what starts now."""
        return all(incident.reach() + self._memory.rules.gap < self._memory.latest for incident in component.incidents)

    def _evict_component(self, component: Component) -> None:
        memory = self._memory
        for incident in component.incidents:
            self._outline(incident)
            for signal in incident.signals.values():
                self._evict_opening(signal)
            # An attached signal goes with the last of its incidents in memory: none of them is there without it.
            for signal_id in memory.evict_incident(incident):
                self._evict_other(memory.signals[signal_id])
        memory.drop_component(component)

    def _outline(self, incident: LiveIncident) -> None:
        """Leave what says that something is not within its window: things of a day ask for it again and again."""
        memory, view = self._memory, incident.view(self._memory.rules)
        outline = Outline(incident.number, view.key, view.start, view.low, view.high)
        for key in incident.keys:
            if f"incident:{key}" in memory.coverage:
                memory.put_outline(key, outline)

    def _evict_opening(self, signal: Signal) -> None:
        memory = self._memory
        for key in keys_of(signal):
            memory.coverage.withdraw(f"tie:{key}", signal.reach + memory.rules.gap)
        memory.coverage.withdraw("started", signal.start)
        memory.drop_opening(signal)
        memory.forget_signal(signal.id)
        memory.drop_tail(signal.entity_key)

    def _evict_other(self, signal: Signal) -> None:
        memory = self._memory
        for key in memory.index.keys_of[signal.id]:
            memory.coverage.withdraw(key, signal.last)
        memory.coverage.withdraw("happened", signal.last)
        memory.drop_other(signal)
        memory.forget_signal(signal.id)
        memory.drop_tail(signal.entity_key)
