"""What attaches, judged again where a change could concern it.

An attaching signal is judged when it is new, when an incident gained or lost
something that it looks for, and when what is known of a repository changed. What is
found is always judged against all incidents that it could join.
"""

from __future__ import annotations

from collector.correlation.attach import NEAR, Attacher
from collector.correlation.changes import Attachments, Grounds
from collector.correlation.interval_index import FAR
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.loaded_incidents import LoadedIncidents
from collector.correlation.memory import KeySpan, Loader
from collector.correlation.signals import Signal

_FEW = 100
"""Keys of an incident up to which what looks for them is asked for by each of them; else all of that time is."""


class Reattacher:
    """The third step of a round: incidents that changed → who attaches to them."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        memory = loader.memory
        self._attachments: Attachments = {}
        self._lookup = LoadedIncidents(loader)
        self._attacher = Attacher(memory.rules, memory.catalog, memory.constraints, self._lookup)

    def judge(self) -> Attachments:
        """Judge again everything that what changed could concern; where each of that is attached now."""
        memory, noted = self._memory, self._round
        self._relearn()
        concerned = [*noted.touched, *noted.removed_incidents]
        self._review_names(self._gained_events(concerned))
        self._review_keys([wanted for incident in concerned for wanted in self._concern(incident)])
        if any(incident.classes for incident in concerned):
            self._loader.fetch(sorted(memory.constraints.signals()))
            noted.review(*(one for one in memory.constraints.signals() if one not in memory.incident_of))
        ignored = {entry.event for entry in memory.constraints.ignored}
        self._loader.fetch(sorted(noted.to_review))
        for signal_id in sorted(noted.to_review):
            for number in memory.grounds.get(signal_id, ()):
                self._loader.load(number)
            signal = memory.signals.get(signal_id)
            if signal is None or signal.opening:
                self._settle(signal_id, None, {}, "")
            else:
                self._judge_one(signal, signal_id in ignored)
        return self._attachments

    # Who is to be judged

    def _relearn(self) -> None:
        memory, noted = self._memory, self._round
        for ref in noted.relearned:
            self._loader.ensure(f"learn:{ref}", -1, FAR)
            for signal_id in list(memory.index.found_by(f"learn:{ref}", -1, FAR)):
                signal = memory.signals[signal_id]
                # Rewritten in any case: what was fetched just now was indexed by what is known now, its keys are older.
                noted.unkey(signal_id, memory.index.keys_of[signal_id])
                noted.unkey(signal_id, self._loader.service_keys(signal, self._services_before))
                memory.unindex_other(signal)
                self._loader.index_other(signal)
                if signal_id not in noted.changes.signals:
                    noted.changes.put_signal(signal, memory.missed.get(signal_id, ""))
                noted.review(signal_id)

    def _services_before(self, ref: str) -> frozenset[str]:
        """The services that a ref named when the round began."""
        known = self._round.services_before.get(ref)
        return self._loader.services(ref) if known is None else known

    def _gained_events(self, incidents: list[LiveIncident]) -> set[str]:
        """Events that are in another incident than before, or in one that attaching sees differently."""
        events: set[str] = set()
        for incident in incidents:
            events |= incident.gained_events
            if self._looks_different(incident):
                events.update(event for signal in incident.signals.values() for event in signal.events)
        return events

    def _looks_different(self, incident: LiveIncident) -> bool:
        """Whether an incident is new, gone, or another than before to all that could attach to it."""
        old = incident.before
        if incident not in self._memory.component_of or old is None:
            return True
        new = incident.view(self._memory.rules)
        return (old.start, old.key, old.environments) != (new.start, new.key, new.environments)

    def _concern(self, incident: LiveIncident) -> list[KeySpan]:
        """Note what one incident's change may concern; what looks for these keys may be concerned as well."""
        memory, old = self._memory, incident.before
        new = old if incident not in memory.component_of else incident.view(memory.rules)
        views = [view for view in (old, new) if view is not None]
        if not views:
            return []
        low, high = min(view.low for view in views), max(view.high for view in views)
        gained = set(incident.gained)
        if self._looks_different(incident):
            gained |= incident.keys.keys()
            self._round.review(*incident.attached)
        if old is not None and new is not None and old.high != new.high:
            self._review_since(incident, min(old.high, new.high), high + NEAR)
        return [
            (f"seek:{key}", -1, FAR) if key.startswith("page:") else (f"seek:{key}", low - NEAR, high + NEAR)
            for key in gained
        ]

    def _review_keys(self, sought: list[KeySpan]) -> None:
        self._loader.ensure_all(sought)
        for key, low, high in sought:
            self._round.review(*self._memory.index.found_by(key, low, high))

    def _review_names(self, events: set[str]) -> None:
        """Who names one of these events joins the incident it is in, whenever that was."""
        memory = self._memory
        if not memory.complete:
            self._loader.fetch(self._loader.store.naming(sorted(events)))
        for event in events:
            self._round.review(*memory.index.found_by(f"name:{event}", -1, FAR))

    def _review_since(self, incident: LiveIncident, low: int, high: int) -> None:
        """Of what happened then, whatever looks for something of an incident that ends otherwise: it may be within it
        now, or further from it. All else of a day would be judged again in each round, and fetched for that."""
        memory = self._memory
        if len(incident.keys) <= _FEW:
            self._loader.ensure_all((f"seek:{key}", low, high) for key in incident.keys)
        else:
            self._loader.ensure_happened(low, high)
        for key in memory.index.sought(incident.keys):
            self._round.review(*memory.index.found_by(f"seek:{key}", low, high))

    # Judging

    def _judge_one(self, signal: Signal, ignored: bool) -> None:
        places, missed = ([], "") if ignored else self._attacher.attach(signal)
        found = {self._lookup.incident(place.view): Grounds(place.rule, place.reason) for place in places}
        self._settle(signal.id, signal, found, missed)

    def _settle(self, signal_id: str, signal: Signal | None, grounds: dict[LiveIncident, Grounds], missed: str) -> None:
        """Note where a signal is attached now; None where it attaches no more."""
        memory, noted = self._memory, self._round
        for incident in memory.attached_to.get(signal_id, set()) - grounds.keys():
            noted.relist(incident)
            memory.detach(incident, signal_id)
        if signal is not None:
            for incident in grounds:
                if incident.attached.get(signal_id) is not signal:
                    noted.relist(incident)
                    memory.attach(incident, signal)
            if memory.missed.get(signal_id, "") != missed or signal_id in noted.changes.signals:
                noted.changes.put_signal(signal, missed)
            memory.miss(signal_id, missed)
        self._attachments[signal_id] = grounds
        noted.move(signal_id)
