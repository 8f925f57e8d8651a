"""Every incident's number, the same from round to round.

A number hangs on the event that first opened its incident; where that opens
none any more (it was retracted, or is not grave after all), on the first of what
it opened with it. An incident with several goes by that of its first part; the
others say where they went.
"""

from __future__ import annotations

from collector.correlation.held import Held
from collector.correlation.parts import Part
from collector.correlation.spans import FAR


class Numbering:
    """The fourth step of a round: incidents → their numbers."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._hung_anew: set[int] = set()
        """Numbers that hang on another event since this round."""

    def number(self) -> None:
        """Give every incident its number: that of its first part that has one, else a new one."""
        held, noted = self._held, self._held.round
        self._hung_anew.clear()
        alive = {part: None for part in [*noted.touched, *noted.listed] if part in held.component_of}
        homeless = self._rehome(alive)
        self._follow_anchors(alive)
        for part in sorted((part for part in alive if not part.numbers), key=lambda part: part.order):
            part.numbers[held.next_number] = part.order[1]
            noted.changes.first.add(held.next_number)
            held.next_number += 1
        for part in alive:
            self._choose(part)
        for number, anchor, part in homeless:
            held.homeless[anchor] = number
            noted.changes.numbers[number] = (anchor, self._whereto(part))
        noted.alive = alive

    def _rehome(self, alive: dict[Part, None]) -> list[tuple[int, str, Part]]:
        """Numbers of incidents that are gone go where their events went; those that went nowhere are the answer.

        Where the event went nowhere that a number hangs on, the first that it was an incident with takes its place.
        """
        held = self._held
        homeless = []
        for part in held.round.gone:
            for number, anchor in part.numbers.items():
                home = held.part_of.get(held.uid(anchor) or "") or self._inherit(part, number)
                if home is None:
                    homeless.append((number, anchor, part))
                    continue
                home.numbers.setdefault(number, anchor)
                alive[home] = None
        return homeless

    def _inherit(self, part: Part, number: int) -> Part | None:
        """Hang a number on the first signal of an incident that lives on and has none; where that is now, if any."""
        held = self._held
        for unit in sorted(part.units.values(), key=lambda unit: unit.order):
            home = held.part_of.get(unit.uid)
            if home is not None and unit.uid not in home.numbers.values():
                home.numbers[number] = unit.uid
                held.round.changes.first.add(number)
                self._hung_anew.add(number)
                return home
        return None

    def _follow_anchors(self, alive: dict[Part, None]) -> None:
        """A number goes where the event goes that it hangs on: there it is found again when lists are made anew."""
        held = self._held
        away = [
            (part, number, anchor)
            for part in alive
            for number, anchor in part.numbers.items()
            if anchor not in part.units
        ]
        homes = held.uids([anchor for _, _, anchor in away]) if away else {}
        for part, number, anchor in away:
            home = held.part_of.get(homes.get(anchor, ""))
            if home is None and self._opens_nothing(homes.get(anchor)):
                self._inherit(part, number)
            if home is not None and home is not part:
                del part.numbers[number]
                home.numbers[number] = anchor
                alive[home] = None

    def _opens_nothing(self, uid: str | None) -> bool:
        """Whether an event's unit, if it has one, is known to be in no incident of its own."""
        unit = self._held.units.get(uid) if uid is not None else None
        return uid is None or (unit is not None and not unit.opening)

    def _choose(self, part: Part) -> None:
        held = self._held
        chosen = min(part.numbers, key=lambda number: self._rank(part, number)) if len(part.numbers) > 1 else (
            next(iter(part.numbers)))  # fmt: skip
        if chosen != part.number:
            self._renumber(part, chosen)
        for number, anchor in part.numbers.items():
            if part.known_numbers.get(number) != chosen or number in self._hung_anew:
                held.round.changes.numbers[number] = (anchor, chosen)
        part.known_numbers = dict.fromkeys(part.numbers, chosen)
        held.loaded.update(part.numbers)

    def _rank(self, part: Part, number: int) -> tuple[bool, int, str, int]:
        """Numbers by the start of what they hang on; one that hangs on nothing here comes last."""
        uid = self._held.uid(part.numbers[number]) or ""
        start, first = part.units[uid].order if self._held.part_of.get(uid) is part else (FAR, "")
        return (number >= self._held.settled, start, first, number)

    def _renumber(self, part: Part, number: int) -> None:
        noted = self._held.round
        noted.moved.update(part.units)
        for uid in part.attached.keys() - noted.found.keys():
            noted.renumbered.setdefault(uid, {})[part.number] = number
            noted.moved.add(uid)
        part.number = number

    def _whereto(self, part: Part) -> int | None:
        """The incident that the first of a vanished one's signals went to."""
        for unit in sorted(part.units.values(), key=lambda unit: unit.order):
            if unit.uid in self._held.part_of:
                return self._held.part_of[unit.uid].number
        return None
