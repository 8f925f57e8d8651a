"""Every incident's number, the same from round to round.

A number hangs on the event that first opened its incident; where that opens
none any more (it was retracted, or is not grave after all), on the first of what
it opened with it. An incident with several goes by that of its first part; the
others say where they went.
"""

from __future__ import annotations

from functools import partial

from collector.correlation.changes import Attachments
from collector.correlation.interval_index import FAR
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.memory import Loader


class Numbering:
    """The fourth step of a round: incidents → their numbers."""

    def __init__(self, loader: Loader, attachments: Attachments) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        self._attachments = attachments
        self.renumbered: dict[str, dict[int, int]] = {}
        """Of attached signals that were not judged: numbers of their incidents, as they were and as they are."""
        self._hung_anew: set[int] = set()
        """Numbers that hang on another event since this round."""

    def number(self) -> dict[LiveIncident, None]:
        """Give every incident its number: that of its first part that has one, else a new one. Those that are not as
        they were before this round."""
        memory, noted = self._memory, self._round
        alive = {incident: None for incident in [*noted.touched, *noted.listed] if incident in memory.component_of}
        unassigned = self._rehome(alive)
        self._follow_anchors(alive)
        for incident in sorted(
            (incident for incident in alive if not incident.numbers), key=lambda incident: incident.order
        ):
            number = memory.new_number()
            incident.hang(number, incident.order[1])
            noted.changes.give(number)
        for incident in alive:
            self._choose(incident)
        for number, anchor, incident in unassigned:
            memory.unassign(number, anchor)
            noted.changes.renumber(number, anchor, self._whereto(incident))
        return alive

    def _rehome(self, alive: dict[LiveIncident, None]) -> list[tuple[int, str, LiveIncident]]:
        """Numbers of incidents that are gone go where their events went; those that went nowhere are the answer.

        Where the event went nowhere that a number hangs on, the first that it was an incident with takes its place.
        """
        memory = self._memory
        adrift, unassigned = [], []
        for incident in self._round.removed_incidents:
            for number, anchor in incident.numbers.items():
                home = memory.incident_of.get(self._loader.signal_id(anchor) or "")
                if home is None:
                    adrift.append((number, anchor, incident))
                    continue
                home.hang(number, anchor)
                alive[home] = None
        # Only now is known on what no number hangs.
        for number, anchor, incident in adrift:
            home = self._inherit(incident, number)
            if home is None:
                unassigned.append((number, anchor, incident))
            else:
                alive[home] = None
        return unassigned

    def _inherit(self, incident: LiveIncident, number: int) -> LiveIncident | None:
        """Hang a number on the first signal of an incident that lives on and has none; where that is now, if any."""
        memory = self._memory
        for signal in sorted(incident.signals.values(), key=lambda signal: signal.order):
            home = memory.incident_of.get(signal.id)
            if home is not None and signal.id not in home.numbers.values():
                home.hang(number, signal.id)
                self._round.changes.give(number)
                self._hung_anew.add(number)
                return home
        return None

    def _follow_anchors(self, alive: dict[LiveIncident, None]) -> None:
        """A number goes where the event goes that it hangs on: there it is found again when lists are made anew."""
        memory = self._memory
        away = [
            (incident, number, anchor)
            for incident in alive
            for number, anchor in incident.numbers.items()
            if anchor not in incident.signals
        ]
        homes = self._loader.signal_ids([anchor for _, _, anchor in away]) if away else {}
        for incident, number, anchor in away:
            home = memory.incident_of.get(homes.get(anchor, ""))
            if home is not None and home is not incident:
                incident.lose(number)
                home.hang(number, anchor)
                alive[home] = None
        for incident, number, anchor in away:
            if homes.get(anchor, "") not in memory.incident_of and self._opens_nothing(homes.get(anchor)):
                self._inherit(incident, number)

    def _opens_nothing(self, signal_id: str | None) -> bool:
        """Whether an event's signal, if it has one, is known to be in no incident of its own."""
        signal = self._memory.signals.get(signal_id) if signal_id is not None else None
        return signal_id is None or (signal is not None and not signal.opening)

    def _choose(self, incident: LiveIncident) -> None:
        several = len(incident.numbers) > 1
        new_number = (
            min(incident.numbers, key=partial(self._rank, incident)) if several else next(iter(incident.numbers))
        )
        if new_number != incident.number:
            self._renumber(incident, new_number)
        for number, anchor in incident.numbers.items():
            if incident.known_numbers.get(number) != new_number or number in self._hung_anew:
                self._round.changes.renumber(number, anchor, new_number)
        incident.write_numbers()
        self._memory.cover(incident.numbers)

    def _rank(self, incident: LiveIncident, number: int) -> tuple[bool, int, str, int]:
        """Numbers by the start of what they hang on; one that hangs on nothing here comes last."""
        signal_id = self._loader.signal_id(incident.numbers[number]) or ""
        start, first = (
            incident.signals[signal_id].order if self._memory.incident_of.get(signal_id) is incident else (FAR, "")
        )
        return (number >= self._memory.settled, start, first, number)

    def _renumber(self, incident: LiveIncident, number: int) -> None:
        attached = incident.attached.keys() - self._attachments.keys()
        for signal_id in attached:
            self.renumbered.setdefault(signal_id, {})[incident.number] = number
        self._round.move(*incident.signals, *attached)
        incident.go_by(number)

    def _whereto(self, incident: LiveIncident) -> int | None:
        """The incident that the first of a vanished one's signals went to."""
        for signal in sorted(incident.signals.values(), key=lambda signal: signal.order):
            if signal.id in self._memory.incident_of:
                return self._memory.incident_of[signal.id].number
        return None
