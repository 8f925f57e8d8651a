"""What a round changed, said so that it can be written down."""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.changes import Grounds, Move
from collector.correlation.live_incidents import LiveIncident, keys_of
from collector.correlation.memory import Memory
from collector.correlation.signals import Unit
from collector.correlation.sweep import RULE_NAMES, reason


class Recording:
    """The last step of a round: what memory holds now → what the store is to hold."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def record(self) -> None:
        """Complete the round's changes."""
        memory, changes = self._memory, self._memory.round.changes
        self._record_incidents()
        for uid in memory.round.moved:
            self._record_places(uid)
        for uid, (unit, _) in changes.units.items():
            self._record_keys(uid, unit)
        for uid in changes.dropped:
            self._record_keys(uid, None)
            memory.missed.pop(uid, None)
            memory.match.pop(uid, None)
            memory.places.pop(uid, None)
        for token, service, _ in list(changes.ref_services):
            changes.ref_services.discard((token, service, 0))
            changes.ref_services.add((token, service, memory.services_of_ref(token)[service]))

    def _record_incidents(self) -> None:
        memory, noted = self._memory, self._memory.round
        for incident in noted.alive:
            self._record_incident_keys(incident)
        for component in {memory.component_of[incident]: None for incident in noted.alive}:
            name = min(incident.number for incident in component.incidents)
            for incident in component.incidents:
                if incident in noted.alive or incident.stored_as != (incident.number, name):
                    noted.changes.incidents[incident.number] = (incident.summary(memory.rules), name)
                    incident.stored_as = (incident.number, name)

    def _record_incident_keys(self, incident: LiveIncident) -> None:
        changes = self._memory.round.changes
        keys: Iterable[str] = incident.gained & incident.keys.keys()
        if incident.number != incident.keyed_as:
            if incident.keyed_as:
                changes.unkeyed.add(incident.keyed_as)
            keys, incident.keyed_as = incident.keys, incident.number
        changes.incident_keys.update((key, incident.number) for key in keys)

    def _record_places(self, uid: str) -> None:
        memory, changes = self._memory, self._memory.round.changes
        before = memory.places.get(uid, {})
        after = self._places(uid, before)
        for number in before.keys() - after.keys():
            changes.places[(uid, number)] = None
        for number, place in after.items():
            if before.get(number) != place:
                changes.places[(uid, number)] = place
        if before.keys() != after.keys():
            unit = memory.units.get(uid) or changes.dropped.get(uid)
            start = 0 if unit is None else unit.start
            changes.moves[uid] = Move(start, frozenset(before), frozenset(after))
        memory.places[uid] = after

    def _places(self, uid: str, before: dict[int, Grounds]) -> dict[int, Grounds]:
        """Where a unit is now."""
        memory = self._memory
        incident = memory.incident_of.get(uid)
        if incident is not None:
            match = memory.match[uid]
            why = reason(memory.units[uid], match, memory.rules, memory.catalog)
            return {incident.number: Grounds(RULE_NAMES[match[0]], why, match[1])}
        if uid in memory.round.found:
            return {incident.number: place for incident, place in memory.round.found[uid].items()}
        moved = memory.round.renumbered.get(uid, {})
        return {moved.get(number, number): place for number, place in before.items()} if uid in memory.units else {}

    def _record_keys(self, uid: str, unit: Unit | None) -> None:
        """The keys by which a unit is found in the store; those it had and has no more go."""
        memory, changes = self._memory, self._memory.round.changes
        keys: Iterable[str] = ()
        cover = 0
        if unit is not None and unit.opening:
            keys, cover = [f"tie:{key}" for key in keys_of(unit)], unit.reach + memory.rules.gap
        elif unit is not None:
            keys, cover = memory.index.keys_of[uid], unit.last
        for key in memory.round.old_keys.get(uid, ()):
            changes.keys[(key, uid)] = None
        if unit is not None:
            changes.keys.update({(key, uid): (unit.start, cover) for key in keys})
