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
from collector.correlation.live_incidents import Component, LiveIncident, keys_of
from collector.correlation.memory import Loader, Memory
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

    def touch(self, loader: Loader) -> None:
        """After a round: what it touched is the most recently touched."""
        memory = self._memory
        memory.rounds += 1
        incidents = [*loader.round.alive, *loader.loaded]
        for component in {
            memory.component_of[incident]: None for incident in incidents if incident in memory.component_of
        }:
            memory.components.pop(component, None)
            memory.components[component] = None
            component.last_round = memory.rounds
        for signal_id in loader.round.attachments:
            if memory.others.pop(signal_id, None) is not None:
                memory.others[signal_id] = memory.rounds

    def evict(self, most: int) -> None:
        """Let go of signals until there are less than ``most``, as far as what is open allows.

        An attempt looks at everything that is open, so the next one waits until memory grew by a third.
        """
        memory = self._memory
        memory.coverage.trim(_CLAIMS * most)
        self._trim_outlines(_OUTLINES * most)
        self._left = min(self._left, len(memory.signals))
        if len(memory.signals) <= max(most, self._left + self._left // 3):
            return
        memory.complete = False
        memory.ref_services.clear()
        self._evict(most * 3 // 4, open_too=False)
        if len(memory.signals) > most * FLOOD:
            self._evict(most * 3 // 4, open_too=True)
        self._left = len(memory.signals)

    def _evict(self, target: int, open_too: bool) -> None:
        memory = self._memory
        for signal_id, last_round in list(memory.others.items()):
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
            memory.index.drop_incident(incident)
            self._outline(incident)
            for signal in incident.signals.values():
                self._evict_opening(signal)
            for signal_id in incident.attached:
                self._detach(signal_id, incident)
            memory.loaded.difference_update(incident.numbers)
            del memory.component_of[incident]
        del memory.components[component]

    def _outline(self, incident: LiveIncident) -> None:
        """Leave what says that something is not within its window: things of a day ask for it again and again."""
        memory, view = self._memory, incident.view(self._memory.rules)
        outline = Outline(incident.number, view.key, view.start, view.low, view.high)
        for key in incident.keys:
            if f"incident:{key}" in memory.coverage:
                memory.outlines.setdefault(key, {})[outline.number] = outline

    def _trim_outlines(self, most: int) -> None:
        """Let go of the outlines that nothing new is near, and of those that were looked for first."""
        memory, count = self._memory, 0
        for key, outlines in list(memory.outlines.items()):
            for outline in [each for each in outlines.values() if each.high + _PASSED < memory.latest]:
                memory.coverage.withdraw(f"incident:{key}", outline.high)
                del outlines[outline.number]
            count += len(outlines)
            if not outlines:
                del memory.outlines[key]
        for key in list(memory.outlines) if count > most else ():
            memory.coverage.forget(f"incident:{key}")
            count -= len(memory.outlines.pop(key))
            if count <= most // 2:
                return

    def _detach(self, signal_id: str, incident: LiveIncident) -> None:
        """An attached signal goes with the last of its incidents in memory: none of them is there without it."""
        left = self._memory.attached_to[signal_id]
        left.discard(incident)
        if not left:
            self._evict_other(self._memory.signals[signal_id])

    def _evict_opening(self, signal: Signal) -> None:
        memory = self._memory
        memory.index.drop_opening(signal)
        for key in keys_of(signal):
            memory.coverage.withdraw(f"tie:{key}", signal.reach + memory.rules.gap)
        memory.coverage.withdraw("started", signal.start)
        del memory.incident_of[signal.id]
        self._forget(signal)

    def _evict_other(self, signal: Signal) -> None:
        memory = self._memory
        for key in memory.index.keys_of[signal.id]:
            memory.coverage.withdraw(key, signal.last)
        memory.coverage.withdraw("happened", signal.last)
        memory.unindex_other(signal)
        memory.attached_to.pop(signal.id, None)
        self._forget(signal)

    def _forget(self, signal: Signal) -> None:
        memory = self._memory
        del memory.signals[signal.id]
        memory.tails.pop(signal.entity_key, None)
        for known in (memory.match, memory.places, memory.missed):
            known.pop(signal.id, None)
