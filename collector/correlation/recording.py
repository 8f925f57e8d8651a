"""What a round changed, said so that it can be written down."""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.changes import Move, Place
from collector.correlation.held import Held
from collector.correlation.parts import Part, keys_of
from collector.correlation.signals import Unit
from collector.correlation.sweep import RULE_NAMES, reason


class Recording:
    """The last step of a round: what memory holds now → what the shelf is to hold."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def record(self) -> None:
        """Complete the round's changes."""
        held, changes = self._held, self._held.round.changes
        self._record_incidents()
        for uid in held.round.moved:
            self._record_places(uid)
        for uid, (unit, _) in changes.units.items():
            self._record_keys(uid, unit)
        for uid in changes.dropped:
            self._record_keys(uid, None)
            held.missed.pop(uid, None)
            held.match.pop(uid, None)
            held.places.pop(uid, None)
        for token, service, _ in list(changes.lessons):
            changes.lessons.discard((token, service, 0))
            changes.lessons.add((token, service, held.taught(token)[service]))

    def _record_incidents(self) -> None:
        held, noted = self._held, self._held.round
        for part in noted.alive:
            self._record_incident_keys(part)
        for component in {held.component_of[part]: None for part in noted.alive}:
            name = min(part.number for part in component.parts)
            for part in component.parts:
                if part in noted.alive or part.shelved != (part.number, name):
                    noted.changes.incidents[part.number] = (part.summary(held.rules), name)
                    part.shelved = (part.number, name)

    def _record_incident_keys(self, part: Part) -> None:
        changes = self._held.round.changes
        keys: Iterable[str] = part.gained & part.keys.keys()
        if part.number != part.keyed_as:
            if part.keyed_as:
                changes.unkeyed.add(part.keyed_as)
            keys, part.keyed_as = part.keys, part.number
        changes.incident_keys.update((key, part.number) for key in keys)

    def _record_places(self, uid: str) -> None:
        held, changes = self._held, self._held.round.changes
        before = held.places.get(uid, {})
        after = self._places(uid, before)
        for number in before.keys() - after.keys():
            changes.places[(uid, number)] = None
        for number, place in after.items():
            if before.get(number) != place:
                changes.places[(uid, number)] = place
        if before.keys() != after.keys():
            unit = held.units.get(uid) or changes.dropped.get(uid)
            start = 0 if unit is None else unit.start
            changes.moves[uid] = Move(start, frozenset(before), frozenset(after))
        held.places[uid] = after

    def _places(self, uid: str, before: dict[int, Place]) -> dict[int, Place]:
        """Where a unit is now."""
        held = self._held
        part = held.part_of.get(uid)
        if part is not None:
            match = held.match[uid]
            why = reason(held.units[uid], match, held.rules, held.catalog)
            return {part.number: Place(RULE_NAMES[match[0]], why, match[1])}
        if uid in held.round.found:
            return {part.number: place for part, place in held.round.found[uid].items()}
        moved = held.round.renumbered.get(uid, {})
        return {moved.get(number, number): place for number, place in before.items()} if uid in held.units else {}

    def _record_keys(self, uid: str, unit: Unit | None) -> None:
        """The keys by which a unit is found on the shelf; those it had and has no more go."""
        held, changes = self._held, self._held.round.changes
        keys: Iterable[str] = ()
        cover = 0
        if unit is not None and unit.opening:
            keys, cover = [f"tie:{key}" for key in keys_of(unit)], unit.reach + held.rules.gap
        elif unit is not None:
            keys, cover = held.index.keys_of[uid], unit.last
        for key in held.round.old_keys.get(uid, ()):
            changes.keys[(key, uid)] = None
        if unit is not None:
            changes.keys.update({(key, uid): (unit.start, cover) for key in keys})
