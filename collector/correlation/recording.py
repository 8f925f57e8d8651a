"""What a round changed, said so that it can be written down."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from collector.correlation.changes import Attachments, Grounds, Move
from collector.correlation.live_incidents import LiveIncident, keys_of
from collector.correlation.matches import RULE_NAMES, reason
from collector.correlation.memory import Loader
from collector.correlation.signals import Signal


class Recording:
    """The last step of a round: what memory holds now → what the store is to hold."""

    def __init__(self, loader: Loader, attachments: Attachments, renumbered: dict[str, dict[int, int]]) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        self._attachments, self._renumbered = attachments, renumbered

    def record(self, alive: Collection[LiveIncident]) -> None:
        """Complete the round's changes; ``alive`` are the incidents that are not as they were."""
        changes = self._round.changes
        self._record_incidents(alive)
        for signal_id in self._round.moved:
            self._record_grounds(signal_id)
        for signal_id, (signal, _) in changes.signals.items():
            self._record_keys(signal_id, signal)
        for signal_id in changes.dropped:
            self._record_keys(signal_id, None)
            self._memory.forget_signal(signal_id)
        for ref, service in self._round.ref_services:
            changes.count_service(ref, service, self._loader.services_of_ref(ref).get(service, 0))

    def _record_incidents(self, alive: Collection[LiveIncident]) -> None:
        memory = self._memory
        for incident in alive:
            self._record_incident_keys(incident)
        for component in {memory.component_of[incident]: None for incident in alive}:
            name = min(incident.number for incident in component.incidents)
            for incident in component.incidents:
                if incident in alive or incident.stored_as != (incident.number, name):
                    self._round.changes.list(incident.number, incident.summary(memory.rules), name)
                    incident.write_component(name)

    def _record_incident_keys(self, incident: LiveIncident) -> None:
        changes = self._round.changes
        keys: Iterable[str] = incident.gained & incident.keys.keys()
        if incident.number != incident.keyed_as:
            if incident.keyed_as:
                changes.unkey(incident.keyed_as)
            keys = incident.keys
            incident.write_keys()
        changes.offer(incident.number, keys)

    def _record_grounds(self, signal_id: str) -> None:
        memory, changes = self._memory, self._round.changes
        before = memory.grounds.get(signal_id, {})
        after = self._grounds(signal_id, before)
        for number in before.keys() - after.keys():
            changes.put_membership(signal_id, number, None)
        for number, grounds in after.items():
            if before.get(number) != grounds:
                changes.put_membership(signal_id, number, grounds)
        if before.keys() != after.keys():
            signal = memory.signals.get(signal_id) or changes.dropped.get(signal_id)
            start = 0 if signal is None else signal.start
            changes.move(signal_id, Move(start, frozenset(before), frozenset(after)))
        memory.put_grounds(signal_id, after)

    def _grounds(self, signal_id: str, before: dict[int, Grounds]) -> dict[int, Grounds]:
        """The numbers of the incidents that a signal is in now, each with why."""
        memory = self._memory
        incident = memory.incident_of.get(signal_id)
        if incident is not None:
            match = memory.match[signal_id]
            why = reason(memory.signals[signal_id], match, memory.rules, memory.catalog)
            return {incident.number: Grounds(RULE_NAMES[match[0]], why, match[1])}
        if signal_id in self._attachments:
            return {incident.number: grounds for incident, grounds in self._attachments[signal_id].items()}
        moved = self._renumbered.get(signal_id, {})
        return (
            {moved.get(number, number): grounds for number, grounds in before.items()}
            if signal_id in memory.signals
            else {}
        )

    def _record_keys(self, signal_id: str, signal: Signal | None) -> None:
        """The keys by which a signal is found in the store; those it had and has no more go."""
        memory, changes = self._memory, self._round.changes
        keys: Iterable[str] = ()
        cover = 0
        if signal is not None and signal.opening:
            keys, cover = [f"tie:{key}" for key in keys_of(signal)], signal.reach + memory.rules.gap
        elif signal is not None:
            keys, cover = memory.index.keys_of[signal_id], signal.last
        changes.drop_keys(signal_id, self._round.old_keys.get(signal_id, ()))
        if signal is not None:
            changes.put_keys(signal_id, keys, signal.start, cover)
