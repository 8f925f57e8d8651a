"""What incremental correlation holds in memory, and how it fetches what it does not hold.

Everything a round leaves behind lies in the store (the database). Memory holds
what was touched of late: whole components, the signals attached to them, and
what each was found by. Nothing here decides anything; what is missing is
fetched when it is asked for, so letting go of something (``eviction``) costs
time and never changes a result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from collector.correlation.attach import sought
from collector.correlation.catalog import Catalog, Rules
from collector.correlation.changes import Grounds, GroupingStore, Outline, Round, SpanQuery, StoredSignal
from collector.correlation.constraints import Constraints
from collector.correlation.index import KeyIndex
from collector.correlation.interval_index import FAR
from collector.correlation.live_incidents import Component, LiveIncident, keys_of
from collector.correlation.loaded_ranges import LoadedRanges
from collector.correlation.matches import RULE_NAMES, Match
from collector.correlation.signals import Signal, called_together
from collector.correlation.storms import Storms
from collector.event import RecordedEvent
from collector.names import apart

_FEW = 8
"""Most environments of a component that are compared with each other."""

Wanted = tuple[str, int, int]
"""A key, and the time from when until when."""


class Memory:
    """Signals, incidents and components in memory."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.catalog = rules, Catalog(rules)
        self.forget()

    def forget(self, complete: bool = False, settled: int = 0) -> None:
        """Let go of everything; ``complete`` says that the store is empty, so that nothing has to be fetched."""
        self.complete = complete
        self.settled = settled or FAR
        """Numbers below it go before those above."""
        self.rounds = 0
        self.facts: dict[str, RecordedEvent] | None = None
        """People's words on grouping; None before the first round."""
        self.events_named: frozenset[str] = frozenset()
        """Every event that people's words name."""
        self.constraints = Constraints((), {})
        self.signals: dict[str, Signal] = {}
        self.tails: dict[str, tuple[bool, tuple[str, ...]]] = {}
        """Of an entity: its last signals, and whether none is before them; those before end before they begin."""
        self.incident_of: dict[str, LiveIncident] = {}
        self.component_of: dict[LiveIncident, Component] = {}
        self.components: dict[Component, None] = {}
        """The least recently touched first."""
        self.match: dict[str, Match] = {}
        self.places: dict[str, dict[int, Grounds]] = {}
        self.missed: dict[str, str] = {}
        """Of attaching signals: why they joined nothing."""
        self.others: dict[str, int] = {}
        """Attaching signals, the least recently touched first, each with the round that touched it."""
        self.attached_to: dict[str, set[LiveIncident]] = {}
        self.index, self.coverage = KeyIndex(Storms(self.rules, self.catalog)), LoadedRanges()
        self.ref_services: dict[str, Counter[str]] = {}
        self.outlines: dict[str, dict[int, Outline]] = {}
        """By key and number, incidents that were looked for and are not in memory."""
        self.loaded: set[int] = set()
        """Numbers whose component is in memory."""
        self.latest = 0
        """The latest start of any signal."""
        self.next_number = 0
        self.unassigned: dict[str, int] = {}

    def begin(self, store: GroupingStore) -> None:
        """Before the first round: what every round needs to know of all that there is."""
        self.next_number, self.unassigned = store.next_number(), store.unassigned()
        self.latest = store.latest()

    def indivisible(self, incidents: Sequence[LiveIncident]) -> bool:
        """Whether nothing in these could be kept apart, so that being tied is being one incident."""
        environments = sorted({name for incident in incidents for name in incident.environments})
        # Of many the pairs are too many to look at; what is divisible is swept, and comes to the same.
        few = len(environments) <= _FEW
        one_place = few and not any(apart(a, b) for a, b in combinations(environments, 2))
        span = max(incident.latest_start for incident in incidents) - min(incident.order[0] for incident in incidents)
        constrained = self.constraints.constrained()
        kept_together = all(constrained.isdisjoint(incident.classes) for incident in incidents)
        cut = any(incident.turned for incident in incidents)
        calls = {call for incident in incidents for call in incident.calls}
        return one_place and span <= self.rules.longest and kept_together and not cut and called_together(calls)

    # Taking in

    def enter(self, incident: LiveIncident, signal: Signal) -> None:
        """Have a signal in an incident."""
        self.signals[signal.id] = signal
        keys = [key for key in keys_of(signal) if key not in incident.keys]
        incident.add(signal, self.constraints)
        self.incident_of[signal.id] = incident
        for event in self.unassigned.keys() & signal.events if self.unassigned else ():
            incident.numbers[self.unassigned.pop(event)] = event
        self.index.put_incident(incident, keys)
        incident.gained.update(keys)
        incident.gained_events.update(signal.events)

    def index_opening(self, signal: Signal) -> None:
        """Have a signal found by what it may tie."""
        self.index.put_opening(signal, signal.reach + self.rules.gap)
        self.latest = max(self.latest, signal.start)

    def unindex_other(self, signal: Signal) -> None:
        """Have it found no more."""
        self.index.drop_other(signal)
        self.others.pop(signal.id, None)


class Loader:
    """One round's way to what lies in the store: whatever is asked for is in memory then."""

    def __init__(self, memory: Memory, store: GroupingStore) -> None:
        self.memory, self.store, self.round = memory, store, Round()
        self._signals_of: dict[str, str | None] = {}
        """Events that were asked for in the store, each with its signal."""
        self.loaded: dict[LiveIncident, None] = {}
        """Incidents that were fetched."""

    # Fetching

    def fetch(self, signal_ids: Iterable[str]) -> None:
        """Have these signals in memory, opening ones with their whole component."""
        if self.memory.complete:
            return
        known, removed = self.memory.signals, self.round.removed
        missing = [signal_id for signal_id in signal_ids if signal_id not in known and signal_id not in removed]
        if missing:
            self.admit(self.store.signals(missing))

    def admit(self, kept: Sequence[StoredSignal]) -> None:
        """Take in what was fetched, opening signals with their whole component."""
        for entry in kept:
            signal_id = entry.signal.id
            if signal_id in self.memory.signals or signal_id in self.round.removed:
                continue
            if entry.signal.opening:
                for number in entry.places:
                    self.load(number)
            else:
                self._admit_other(entry)

    def _admit_other(self, entry: StoredSignal) -> None:
        signal = entry.signal
        self.memory.signals[signal.id] = signal
        self.memory.places[signal.id] = dict(entry.places)
        self.memory.missed[signal.id] = entry.missed
        self.index_other(signal)

    def load(self, number: int) -> None:
        """Have an incident and its component in memory."""
        if self.memory.complete or number in self.memory.loaded:
            return
        component: Component | None = None
        for one, (signals, numbers) in sorted(self.store.component(number).items()):
            self.memory.loaded.add(one)
            incident = self._load_incident(one, signals, numbers)
            if component is None:
                component = Component(incident)
            else:
                component.incidents.append(incident)
            self.memory.component_of[incident] = component
            self.loaded[incident] = None
        if component is not None:
            name = min(incident.number for incident in component.incidents)
            for incident in component.incidents:
                incident.stored_as = (incident.number, name)
            component.indivisible = len(component.incidents) == 1 and self.memory.indivisible(component.incidents)
            component.calls = {} if component.called_together else None

    def _load_incident(self, number: int, signals: list[StoredSignal], numbers: dict[int, str]) -> LiveIncident:
        incident = LiveIncident()
        incident.number = incident.keyed_as = number
        incident.numbers = dict(numbers)
        incident.known_numbers = dict.fromkeys(numbers, number)
        for entry in signals:
            signal = entry.signal
            if signal.opening:
                place = entry.places[number]
                self.memory.places[signal.id] = dict(entry.places)
                self.memory.match[signal.id] = (RULE_NAMES.index(place.rule), place.detail)
                self.memory.enter(incident, signal)
                self.memory.index_opening(signal)
            else:
                self._load_attached(incident, entry)
        incident.whole_since = incident.latest
        incident.unchanged()
        for key in incident.keys:
            self.memory.outlines.get(key, {}).pop(number, None)
        return incident

    def _load_attached(self, incident: LiveIncident, entry: StoredSignal) -> None:
        """An attached signal of an incident; where this round changed it already, the incident's row is outdated."""
        signal_id = entry.signal.id
        if signal_id not in self.round.removed:
            if signal_id not in self.memory.signals:
                self._admit_other(entry)
            incident.attach(self.memory.signals[signal_id])
            self.memory.attached_to.setdefault(signal_id, set()).add(incident)
        if self.memory.signals.get(signal_id) != entry.signal:
            self.round.listed[incident] = None

    def ensure(self, key: str, low: int, high: int) -> None:
        """Have everything in memory that is found by a key and has to do with the time from ``low`` to ``high``."""
        if (asked := self._claim(key, low, high)) is not None:
            self.fetch(self.store.keyed([asked]))

    def ensure_all(self, spans: Iterable[Wanted]) -> None:
        """The same for many keys, asked for together."""
        if not self.memory.complete:
            queries = [one for key, low, high in spans if (one := self._claim(key, low, high)) is not None]
            if queries:
                self.fetch(self.store.keyed(queries))

    def ensure_incidents(self, key: str, low: int, high: int) -> None:
        """Have all incidents in memory, or their outlines, that offer a key and whose window overlaps this time."""
        if (asked := self._claim(f"incident:{key}", low, high)) is not None:
            outlines = self.memory.outlines.setdefault(key, {})
            for outline in self.store.incidents_of(key, low, asked.high):
                if outline.number not in self.memory.loaded:
                    outlines[outline.number] = outline

    def ensure_started(self, low: int, high: int) -> None:
        """Have all opening signals in memory that started in this time."""
        if (asked := self._claim("started", low, high)) is not None:
            self.fetch(self.store.started(max(low, asked.after + 1), asked.high))

    def ensure_happened(self, low: int, high: int) -> None:
        """Have all other signals in memory that have to do with this time."""
        if (asked := self._claim("happened", low, high)) is not None:
            self.fetch(self.store.happened(low, asked.high))

    def _claim(self, name: str, low: int, high: int) -> SpanQuery | None:
        """What is to be asked for to have it in memory; None where it is there."""
        if self.memory.complete:
            return None
        live = high >= self.memory.latest
        high = FAR if live else high
        after = self.memory.coverage.claim(name, low, high, live)
        return None if after is None else SpanQuery(name, low, high, after)

    # Who is what

    def signal_id(self, event: str) -> str | None:
        """The signal that an event belongs to."""
        return self.signal_ids([event]).get(event)

    def signal_ids(self, events: Iterable[str]) -> dict[str, str]:
        """The signals that these events belong to, where they belong to one."""
        signal_id_of: dict[str, str | None] = {}
        homes, cache = self.round.changes.homes, self._signals_of
        for event in events:
            if event in homes:
                signal_id_of[event] = homes[event][0]
            else:
                # A signal is called after its first event.
                signal_id_of[event] = event if event in self.memory.signals else cache.get(event)
        unknown = [
            event
            for event in signal_id_of
            if event not in homes and event not in self.memory.signals and event not in cache
        ]
        if unknown:
            answer = self.store.signal_of(unknown)
            cache.update((event, answer.get(event)) for event in unknown)
            signal_id_of.update(answer)
        return {event: signal_id for event, signal_id in signal_id_of.items() if signal_id}

    def classmates(self, signal_id: str) -> list[str]:
        """The other opening signals that people tied to this one."""
        name = self.memory.constraints.linked_group(signal_id)
        if name is None:
            return []
        mates = [
            other
            for other in self.memory.constraints.signals()
            if other != signal_id and self.memory.constraints.linked_group(other) == name
        ]
        self.fetch(mates)
        return [other for other in mates if other in self.memory.incident_of]

    def services_of_ref(self, ref: str) -> Counter[str]:
        """How many changes with a ref name which service."""
        if ref not in self.memory.ref_services:
            self.memory.ref_services[ref] = Counter() if self.memory.complete else self.store.ref_services(ref)
        return self.memory.ref_services[ref]

    def services(self, ref: str) -> frozenset[str]:
        """The services that changes with this ref name."""
        return frozenset(service for service, count in self.services_of_ref(ref).items() if count > 0)

    def index_other(self, signal: Signal) -> None:
        """Have an attaching signal found when something that it could concern changes."""
        memory = self.memory
        keys = {f"seek:{key}" for key in signal.seeks} | {f"name:{event}" for event in signal.incident_refs}
        keys |= {f"seek:service:{service}" for service in sought(signal, memory.catalog, self.services)}
        if signal.service is None:
            keys |= {f"learn:{ref}" for ref in signal.change_refs}
        memory.index.put_other(signal, frozenset(keys))
        memory.others[signal.id] = memory.rounds
        memory.latest = max(memory.latest, signal.start)
