"""What incremental correlation holds in memory, and how it fetches what it does not hold.

Everything a round leaves behind lies in the store (the database). Memory holds
what was touched of late: whole components, the signals attached to them, and
what each was found by. Nothing here decides anything; what is missing is
fetched when it is asked for, so letting go of something (``eviction``) costs
time and never changes a result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from collector.correlation.attach import sought
from collector.correlation.catalog import Catalog, Rules
from collector.correlation.changes import Grounds, GroupingStore, Outline, Round, SpanQuery, StoredSignal
from collector.correlation.constraints import Constraints
from collector.correlation.index import KeyIndex
from collector.correlation.interval_index import FAR, Order
from collector.correlation.live_components import Component
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.loaded_ranges import LoadedRanges
from collector.correlation.matches import RULE_NAMES, Match
from collector.correlation.signals import Signal, called_together
from collector.correlation.storms import Storms
from collector.event import RecordedEvent
from collector.names import apart

_FEW = 8
"""Most environments of a component that are compared with each other."""

KeySpan = tuple[str, int, int]
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
        self.grounds: dict[str, dict[int, Grounds]] = {}
        """Signal → the numbers of the incidents it is in, each with why; as the store has it."""
        self.missed: dict[str, str] = {}
        """Of attaching signals: why they joined nothing."""
        self.attaching: dict[str, int] = {}
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

    # Signals

    def put(self, signal: Signal, grounds: Mapping[int, Grounds] | None = None) -> None:
        """Have a signal, new or as it is now; one that was fetched comes with its memberships."""
        self.signals[signal.id] = signal
        if grounds is not None:
            self.grounds[signal.id] = dict(grounds)
        elif signal.id not in self.grounds:
            self.grounds[signal.id] = {}

    def enter(self, incident: LiveIncident, signal: Signal) -> None:
        """Have an opening signal in an incident."""
        self.signals[signal.id] = signal
        keys = incident.add(signal, self.constraints)
        self.incident_of[signal.id] = incident
        for event in self.unassigned.keys() & signal.events if self.unassigned else ():
            incident.hang(self.unassigned.pop(event), event)
        self.index.put_incident(incident, keys)

    def explain(self, signal_id: str, match: Match) -> None:
        """An opening signal is where it is by this rule."""
        self.match[signal_id] = match

    def miss(self, signal_id: str, why: str) -> None:
        """An attaching signal joined nothing, for this reason; empty where it joined something."""
        self.missed[signal_id] = why

    def put_grounds(self, signal_id: str, grounds: dict[int, Grounds]) -> None:
        """The store is told which incidents a signal is in, and why."""
        self.grounds[signal_id] = grounds

    def put_tail(self, key: str, signals: Iterable[Signal], *, whole: bool) -> None:
        """These are the last signals of an entity; ``whole`` where none is before them."""
        self.tails[key] = (whole, tuple(signal.id for signal in signals))

    def drop_tail(self, key: str) -> None:
        """What the last signals of an entity are has to be asked for."""
        self.tails.pop(key, None)

    def drop_opening(self, signal: Signal) -> LiveIncident:
        """Have an opening signal no more; the incident it was in, which still counts it."""
        self.signals.pop(signal.id, None)
        self.index.drop_opening(signal)
        return self.incident_of.pop(signal.id)

    def drop_other(self, signal: Signal) -> None:
        """Have an attaching signal no more."""
        self.signals.pop(signal.id, None)
        self.unindex_other(signal)

    def forget_signal(self, signal_id: str) -> None:
        """Let go of what else is known of a signal that is no more in memory."""
        self.match.pop(signal_id, None)
        self.grounds.pop(signal_id, None)
        self.missed.pop(signal_id, None)

    def index_opening(self, signal: Signal) -> None:
        """Have a signal found by what it may tie."""
        self.index.put_opening(signal, signal.reach + self.rules.gap)
        self.latest = max(self.latest, signal.start)

    def index_other(self, signal: Signal, keys: frozenset[str]) -> None:
        """Have an attaching signal found by these keys."""
        self.index.put_other(signal, keys)
        self.attaching[signal.id] = self.rounds
        self.latest = max(self.latest, signal.start)

    def unindex_other(self, signal: Signal) -> None:
        """Have it found no more."""
        self.index.drop_other(signal)
        self.attaching.pop(signal.id, None)

    # Incidents and components

    def put_incident(self, incident: LiveIncident, component: Component) -> None:
        """Have an incident in a component."""
        component.add(incident)
        self.component_of[incident] = component

    def drop_incident(self, incident: LiveIncident) -> list[str]:
        """Have an incident no more; what attached to it and to nothing else in memory."""
        self.index.drop_incident(incident)
        del self.component_of[incident]
        return [signal_id for signal_id in incident.attached if self._separate(incident, signal_id)]

    def merge(self, larger: LiveIncident, smaller: LiveIncident, tied: Order) -> None:
        """Have the smaller incident in the larger one, the later one of the signals tied being ``tied``."""
        for signal_id in smaller.signals:
            self.incident_of[signal_id] = larger
        self.index.put_incident(larger, smaller.keys)
        for signal_id in smaller.attached:
            self.attached_to[signal_id].add(larger)
        self.drop_incident(smaller)
        larger.absorb(smaller, tied)

    def attach(self, incident: LiveIncident, signal: Signal) -> None:
        """Have a signal attached to an incident."""
        incident.attach(signal)
        self.attached_to.setdefault(signal.id, set()).add(incident)

    def detach(self, incident: LiveIncident, signal_id: str) -> None:
        """Have it attached there no more."""
        incident.detach(signal_id)
        self._separate(incident, signal_id)

    def _separate(self, incident: LiveIncident, signal_id: str) -> bool:
        """Note that a signal is not attached to an incident; whether it is attached to none now."""
        incidents = self.attached_to[signal_id]
        incidents.discard(incident)
        if not incidents:
            del self.attached_to[signal_id]
        return not incidents

    def drop_component(self, component: Component) -> None:
        """Have a component no more."""
        self.components.pop(component, None)

    def settle(self, component: Component, calls: dict[str, set[str]] | None) -> None:
        """Have known of a component whether it is one incident in any case; ``calls`` as in :attr:`Component.calls`."""
        indivisible = len(component.incidents) == 1 and self.indivisible(component.incidents)
        component.judge(indivisible, calls)

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

    # Numbers, references and people's words

    def new_number(self) -> int:
        """One that was never given."""
        self.next_number += 1
        return self.next_number - 1

    def unassign(self, number: int, anchor: str) -> None:
        """No incident has a number now; it waits for one with the event that it hangs on."""
        self.unassigned[anchor] = number

    def cover(self, numbers: Iterable[int]) -> None:
        """The components of these numbers are in memory."""
        self.loaded.update(numbers)

    def put_services(self, ref: str, services: Counter[str]) -> None:
        """So many changes with a ref name each service."""
        self.ref_services[ref] = services

    def count_service(self, ref: str, service: str, by: int) -> bool:
        """So many more of them name one; whether that is the first that does, or was the last."""
        services = self.ref_services[ref]
        before = services[service] > 0
        services[service] += by
        return before != (services[service] > 0)

    def link(self, facts: dict[str, RecordedEvent], events: frozenset[str]) -> None:
        """These are people's words on grouping, and the events that they name."""
        self.facts, self.events_named = facts, events

    def constrain(self, constraints: Constraints) -> None:
        """This is what they mean."""
        self.constraints = constraints

    # What was touched last, and what is let go of

    def touch(self, components: Iterable[Component], signal_ids: Iterable[str]) -> None:
        """A round ends: these are the most recently touched, of components and of attaching signals."""
        self.rounds += 1
        for component in components:
            self.components.pop(component, None)
            self.components[component] = None
            component.touch(self.rounds)
        for signal_id in signal_ids:
            if self.attaching.pop(signal_id, None) is not None:
                self.attaching[signal_id] = self.rounds

    def rely(self) -> None:
        """From here on something may lie in the store alone."""
        self.complete = False
        self.ref_services.clear()

    def evict_incident(self, incident: LiveIncident) -> list[str]:
        """Let go of an incident, its opening signals aside; what attached to it and to nothing else in memory."""
        self.loaded.difference_update(incident.numbers)
        return self.drop_incident(incident)

    def put_outline(self, key: str, outline: Outline) -> None:
        """This is an incident that a key finds and that is not in memory."""
        self.outlines.setdefault(key, {})[outline.number] = outline

    def drop_outlines(self, keys: Iterable[str], number: int) -> None:
        """It is in memory now."""
        for key in keys:
            self.outlines.get(key, {}).pop(number, None)

    def trim_outlines(self, since: int, most: int) -> None:
        """Let go of the outlines that nothing new is near, and of those that were looked for first."""
        count = 0
        for key, outlines in list(self.outlines.items()):
            for outline in [each for each in outlines.values() if each.high < since]:
                self.coverage.withdraw(f"incident:{key}", outline.high)
                del outlines[outline.number]
            count += len(outlines)
            if not outlines:
                del self.outlines[key]
        for key in list(self.outlines) if count > most else ():
            self.coverage.forget(f"incident:{key}")
            count -= len(self.outlines.pop(key))
            if count <= most // 2:
                return


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
                for number in entry.grounds:
                    self.load(number)
            else:
                self._admit_other(entry)

    def _admit_other(self, entry: StoredSignal) -> None:
        signal = entry.signal
        self.memory.put(signal, entry.grounds)
        self.memory.miss(signal.id, entry.missed)
        self.index_other(signal)

    def load(self, number: int) -> None:
        """Have an incident and its component in memory."""
        if self.memory.complete or number in self.memory.loaded:
            return
        component = Component()
        for one, (signals, numbers) in sorted(self.store.component(number).items()):
            self.memory.cover((one,))
            incident = self._load_incident(one, signals, numbers)
            self.memory.put_incident(incident, component)
            self.loaded[incident] = None
        if component.incidents:
            name = min(incident.number for incident in component.incidents)
            for incident in component.incidents:
                incident.write_component(name)
            self.memory.settle(component, {} if component.called_together else None)

    def _load_incident(self, number: int, signals: list[StoredSignal], numbers: dict[int, str]) -> LiveIncident:
        incident, memory = LiveIncident(number, numbers), self.memory
        for entry in signals:
            signal = entry.signal
            if signal.opening:
                grounds = entry.grounds[number]
                memory.put(signal, entry.grounds)
                memory.explain(signal.id, (RULE_NAMES.index(grounds.rule), grounds.detail))
                memory.enter(incident, signal)
                memory.index_opening(signal)
            else:
                self._load_attached(incident, entry)
        incident.as_stored()
        memory.drop_outlines(incident.keys, number)
        return incident

    def _load_attached(self, incident: LiveIncident, entry: StoredSignal) -> None:
        """An attached signal of an incident; where this round changed it already, the incident's row is outdated."""
        signal_id = entry.signal.id
        if signal_id not in self.round.removed:
            if signal_id not in self.memory.signals:
                self._admit_other(entry)
            self.memory.attach(incident, self.memory.signals[signal_id])
        if self.memory.signals.get(signal_id) != entry.signal:
            self.round.relist(incident)

    def ensure(self, key: str, low: int, high: int) -> None:
        """Have everything in memory that is found by a key and has to do with the time from ``low`` to ``high``."""
        if (asked := self._claim(key, low, high)) is not None:
            self.fetch(self.store.keyed([asked]))

    def ensure_all(self, spans: Iterable[KeySpan]) -> None:
        """The same for many keys, asked for together."""
        if not self.memory.complete:
            queries = [one for key, low, high in spans if (one := self._claim(key, low, high)) is not None]
            if queries:
                self.fetch(self.store.keyed(queries))

    def ensure_incidents(self, key: str, low: int, high: int) -> None:
        """Have all incidents in memory, or their outlines, that offer a key and whose window overlaps this time."""
        if (asked := self._claim(f"incident:{key}", low, high)) is not None:
            for outline in self.store.incidents_of(key, low, asked.high):
                if outline.number not in self.memory.loaded:
                    self.memory.put_outline(key, outline)

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

    def services_of_ref(self, ref: str) -> Mapping[str, int]:
        """How many changes with a ref name which service."""
        memory = self.memory
        if ref not in memory.ref_services:
            memory.put_services(ref, Counter() if memory.complete else self.store.ref_services(ref))
        return memory.ref_services[ref]

    def services(self, ref: str) -> frozenset[str]:
        """The services that changes with this ref name."""
        return frozenset(service for service, count in self.services_of_ref(ref).items() if count > 0)

    def service_keys(self, signal: Signal, services_of_ref: Callable[[str], frozenset[str]]) -> set[str]:
        """The keys of the services that an attaching signal looks for."""
        return {f"seek:service:{service}" for service in sought(signal, self.memory.catalog, services_of_ref)}

    def index_other(self, signal: Signal) -> None:
        """Have an attaching signal found when something that it could concern changes."""
        memory = self.memory
        keys = {f"seek:{key}" for key in signal.seeks} | {f"name:{event}" for event in signal.incident_refs}
        keys |= self.service_keys(signal, self.services)
        if signal.service is None:
            keys |= {f"learn:{ref}" for ref in signal.change_refs}
        memory.index_other(signal, frozenset(keys))
