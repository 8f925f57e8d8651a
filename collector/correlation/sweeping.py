"""Components that could fall apart, swept again at the end of a round: as a whole, or from what changed in them on.

What comes before a change is as it was, and what comes long after it mostly is, too. So a sweep begins where each
incident that is under way was one already, with what of these can still tie something, and ends once it comes to what
was known before. Only incidents that turn out to be others are made anew. As a whole a component is swept where people
said anything of it, and at times besides: only that finds out that it fell into several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge

from collector.correlation.interval_index import Order
from collector.correlation.live_components import Component
from collector.correlation.live_incidents import LiveIncident, offers_page
from collector.correlation.memory import Loader
from collector.correlation.pauses import tied
from collector.correlation.signals import Signal
from collector.correlation.sweep import Group, Sweep, called_for

SMALL = 64
"""Signals of a component that is always swept as a whole."""
_WHOLE: Order = (-1, "")
_OFTEN = 4
"""How many times its signals a component may be swept in part before it is swept as a whole."""
_FIRST_LOOK = 8
"""Signals after which it is looked for the first time whether a sweep came to what was known."""


class Sweeping:
    """Components that are to be swept again, and the sweep."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        self._marked: dict[Component, None] = {}
        """Components that are to be swept again."""
        self.broken: dict[LiveIncident, None] = {}
        """Incidents that a signal was taken from."""

    def mark(self, component: Component, since: Order | None = None, until: int = 0) -> None:
        """Have a component swept again at the end of the round, from ``since`` on: what changed of it ties nothing
        before, and nothing after ``until`` by itself. Without ``since`` it is swept as a whole."""
        self._marked[component] = None
        if since is None or any(incident.turned or incident.classes for incident in component.incidents):
            since = _WHOLE
            for incident in component.incidents:
                self.touch(incident)
        component.mark(since, until)

    def touch(self, incident: LiveIncident) -> None:
        """Note how an incident was before this round changes it."""
        self._round.touch(incident, self._memory.rules)

    def note_detached(self, incident: LiveIncident) -> None:
        """A signal was taken from an incident."""
        self.touch(incident)
        self.broken[incident] = None

    def sweep(self) -> None:
        """Sweep what was marked."""
        for component in list(self._marked):
            if not component.changed:
                continue
            size = len(component)
            component.sort_changes()
            known = component.changed[-1][0] != _WHOLE and component.calls is not None
            if not known or size <= SMALL or component.spent > _OFTEN * size:
                self._sweep_whole(component)
            while component.changed:
                _ComponentSweep(self._loader, self, component).sweep()

    def _sweep_whole(self, component: Component) -> None:
        """Cut a component where nothing ties it any more, and find the incidents in it."""
        memory = self._memory
        signals = [
            memory.signals[u]
            for incident in component.incidents
            for u in incident.signals
            if memory.incident_of.get(u) is incident
        ]
        for incident in component.incidents:
            self.dispose(incident)
        component.clear_changes()
        memory.drop_component(component)
        potential = Sweep(memory.rules, memory.catalog, memory.constraints, potential=True).run(signals)
        owners = tied([group.signals for group in potential], memory.rules, memory.constraints)
        where = {signal.id: owners[number] for number, group in enumerate(potential) for signal in group.signals}
        sweep = Sweep(memory.rules, memory.catalog, memory.constraints)
        component_by_owner: dict[int, Component] = {}
        for group in sweep.run(signals):
            incident = self.make_incident(group.signals, group.whole_since)
            memory.put_incident(incident, component_by_owner.setdefault(where[group.signals[0].id], Component()))
        for signal in signals:
            memory.explain(signal.id, sweep.joined[signal.id])
        for new in component_by_owner.values():
            signal_ids = [] if new.called_together else [each for one in new.incidents for each in one.signals]
            memory.settle(new, {each: sweep.calls[each] for each in signal_ids if each in sweep.calls})
        self._round.move(*(signal.id for signal in signals))

    def make_incident(self, signals: Iterable[Signal], whole_since: Order) -> LiveIncident:
        """A new incident of these signals."""
        incident = LiveIncident()
        for signal in signals:
            self._memory.enter(incident, signal)
        incident.unite(whole_since)
        self._round.create(incident)
        return incident

    def dispose(self, incident: LiveIncident) -> None:
        """Take an incident apart; its signals are put together anew."""
        self.touch(incident)
        self._round.review(*incident.attached)
        self._memory.drop_incident(incident)
        self._round.drop(incident)


class _ComponentSweep:
    """One component, swept again from a point on."""

    def __init__(self, loader: Loader, sweeping: Sweeping, component: Component) -> None:
        self._memory, self._round = loader.memory, loader.round
        self._sweeping, self._component = sweeping, component
        since, self._until = component.next_change()
        self._calls = self._calls_now()
        self._cut = self._beginning(min([since, *self._called_otherwise()]))
        self._end: Order | None = None
        """The first signal that was not swept again, as all after it is as it was; None where there is no such."""
        memory = loader.memory
        self._sweep = Sweep(memory.rules, memory.catalog, memory.constraints)
        self._before: dict[str, LiveIncident] = {}
        """Of each group that the sweep began with: the incident, by the group's first signal."""
        self._swept: list[Signal] = []

    def sweep(self) -> None:
        """Find the incidents anew, and make those again that are others than before."""
        component = self._component
        self._sweep.begin(self._groups_before(), self._calls)
        self._run()
        self._note_matches()
        self._make()
        component.spend(len(self._swept) + 1)
        self._memory.settle(component, self._calls)
        if not component.incidents:
            self._memory.drop_component(component)

    # Where it begins

    def _calls_now(self) -> dict[str, set[str]]:
        """Of each alert that pages name: whom these called. Empty where that keeps nothing apart."""
        if self._component.called_together:
            return {}
        incident_of = self._memory.incident_of
        signals = [
            signal
            for incident in self._component.incidents
            for signal in incident.signals.values()
            if incident_of.get(signal.id) is incident
        ]
        return called_for(signals, self._memory.rules.gap)

    def _called_otherwise(self) -> Iterator[Order]:
        """Alerts about which others were called than when they were swept: a page that came later may name them."""
        before, now, signals = self._component.calls or {}, self._calls, self._memory.signals
        for signal_id in before.keys() | now.keys():
            if signal_id in signals and before.get(signal_id) != now.get(signal_id):
                yield signals[signal_id].order

    def _beginning(self, since: Order) -> Order:
        """The last point by ``since`` at which each incident that is under way was one already."""
        cut = since
        while True:
            orders = [one.order for one in self._component.incidents if one.order < cut <= one.whole_since]
            if not orders:
                return cut
            cut = min(orders)

    def _groups_before(self) -> Iterator[tuple[Group, list[Signal]]]:
        low = self._earliest()
        for incident in self._component.incidents:
            if incident.order >= self._cut:
                continue
            under_way = incident.latest >= self._cut or incident in self._sweeping.broken
            if under_way or incident.tied_by_page or self._reaches(incident, low):
                before = incident.signals_before(self._cut)
                signals = [signal for signal in before if self._ties(signal, low)]
                if signals or under_way:
                    self._before[before[0].id] = incident
                    yield self._group(incident, before), signals

    def _group(self, incident: LiveIncident, before: list[Signal]) -> Group:
        """A part of an incident as a sweep sees it when it comes to what follows."""
        group = Group(before[0])
        called = set(before[0].page_targets).union(*(self._calls.get(one.id, one.page_targets) for one in before))
        group.stand_for(before, incident.whole_since, called)
        return group

    def _earliest(self) -> int:
        """From when on an alert counts that nothing reaches any more: a page that began by then ties it when it fires
        again."""
        now = self._cut[0]
        pages = (
            signal.start
            for incident in self._component.incidents
            if incident.tied_by_page and incident.order < self._cut
            for signal in incident.signals_before(self._cut)
            if signal.kind == "page" and signal.reach >= now
        )
        return min(pages, default=now)

    def _reaches(self, incident: LiveIncident, low: int) -> bool:
        rules = self._memory.rules
        return incident.reach() + rules.gap >= low or incident.latest_start + rules.storm >= self._cut[0]

    def _ties(self, signal: Signal, low: int) -> bool:
        rules = self._memory.rules
        return signal.reach + rules.gap >= low or signal.start + rules.storm >= self._cut[0] or offers_page(signal)

    # The sweep

    def _run(self) -> None:
        look, component = _FIRST_LOOK, self._component
        paged = any(incident.tied_by_page for incident in self._component.incidents)
        for signal in self._after():
            while component.changed and component.changed[-1][0] <= signal.order:
                self._until = max(self._until, component.next_change()[1])
            if not paged and len(self._swept) >= look and signal.start > self._until:
                look = len(self._swept) + len(self._swept) // 2
                if self._comes_to_what_was(signal.order):
                    self._end = signal.order
                    return
            self._sweep.add(signal)
            self._swept.append(signal)
        component.clear_changes()

    def _after(self) -> Iterator[Signal]:
        """All signals from the beginning of the sweep on, by start."""
        incident_of = self._memory.incident_of
        signals_by_incident = [
            [signal for signal in incident.signals_from(self._cut) if incident_of.get(signal.id) is incident]
            for incident in self._component.incidents
            if incident.latest >= self._cut
        ]
        return merge(*signals_by_incident, key=lambda signal: signal.order)

    def _comes_to_what_was(self, now: Order) -> bool:
        """Whether all that can tie something from now on is what it was before this round."""
        if any(one.latest >= now for one in self._sweeping.broken if one in self._component.incidents):
            return False
        return all(self._as_before(group, now) or self._is_over(group, now) for group in self._sweep.groups())

    def _as_before(self, group: Group, now: Order) -> bool:
        """Whether a group is an incident as it was by now, beside what came into it."""
        counts, new = self._members(group)
        if len(counts) != 1 or not all(self._is_past(one, now) for one in new):
            return False
        ((incident, count),) = counts.items()
        before = incident.signals_before(now)
        if len(before) != count or incident.whole_since >= now or incident in self._sweeping.broken:
            return False
        places = {signal.environment for signal in before if signal.environment}
        return not new or (group.order == incident.order and group.environments == places)

    def _is_over(self, group: Group, now: Order) -> bool:
        """Whether a group, and all that its signals were in, ties nothing any more."""
        known, new = self._members(group)
        return all(self._is_past(incident, now) for incident in (*known, *new))

    def _is_past(self, incident: LiveIncident, now: Order) -> bool:
        """Whether no signal of an incident is still to come, or ties one that is."""
        rules = self._memory.rules
        last = max(incident.reach() + rules.gap, incident.latest_start + rules.storm)
        return incident.latest < now and last < now[0]

    def _members(self, group: Group) -> tuple[dict[LiveIncident, int], set[LiveIncident]]:
        """The incidents of a group's signals, with how many of each, and those that were made in this round."""
        counts: dict[LiveIncident, int] = {}
        new: set[LiveIncident] = set()
        for signal in self._signals_of(group):
            incident = self._memory.incident_of[signal.id]
            if incident.number == 0:
                new.add(incident)
            else:
                counts[incident] = counts.get(incident, 0) + 1
        return counts, new

    def _signals_of(self, group: Group) -> Iterator[Signal]:
        for signal in group.signals:
            incident = self._before.get(signal.id)
            if incident is None:
                yield signal
            else:
                yield from incident.signals_before(self._cut)

    # What comes of it

    def _note_matches(self) -> None:
        memory = self._memory
        for signal in self._swept:
            match = self._sweep.joined[signal.id]
            if memory.match.get(signal.id) != match:
                memory.explain(signal.id, match)
                self._round.move(signal.id)

    def _make(self) -> None:
        """Have each group in an incident: in one that is in it as a whole, else in a new one."""
        memory, component = self._memory, self._component
        groups = [(group, list(self._signals_of(group))) for group in self._sweep.groups()]
        homes = [self._home(signals) for _, signals in groups]
        homes_in_use = {home for home in homes if home is not None}
        away = {memory.incident_of[signal.id]: None for _, signals in groups for signal in signals}
        away.update((one, None) for one in self._sweeping.broken if memory.component_of.get(one) is component)
        leftovers = [incident for incident in away if incident not in homes_in_use]
        for incident in leftovers:
            self._sweeping.dispose(incident)
        component.remove(set(leftovers))
        for (group, signals), home in zip(groups, homes, strict=True):
            if home is None:
                memory.put_incident(self._sweeping.make_incident(signals, group.whole_since), component)
                self._round.move(*(signal.id for signal in signals))
            else:
                self._fill(home, signals, group.whole_since)

    def _home(self, signals: list[Signal]) -> LiveIncident | None:
        """An incident that is in a group as a whole: the one that goes on after the sweep, else the largest."""
        memory, inside = self._memory, dict[LiveIncident, int]()
        for signal in signals:
            incident = memory.incident_of[signal.id]
            inside[incident] = inside.get(incident, 0) + 1
        whole = (
            incident
            for incident, count in inside.items()
            if incident not in self._sweeping.broken and count == self._swept_of(incident)
        )
        return max(whole, key=lambda incident: (self._goes_on(incident), inside[incident]), default=None)

    def _goes_on(self, incident: LiveIncident) -> bool:
        """Whether signals of an incident were not swept again, as they are what they were."""
        return self._end is not None and incident.latest >= self._end

    def _swept_of(self, incident: LiveIncident) -> int:
        """How many signals of an incident lie before the end of the sweep."""
        if self._end is None or incident.latest < self._end:
            return len(incident)
        return len(incident.signals_before(self._end))

    def _fill(self, home: LiveIncident, signals: list[Signal], whole_since: Order) -> None:
        memory = self._memory
        for signal in signals:
            if memory.incident_of[signal.id] is not home:
                self._sweeping.touch(home)
                memory.enter(home, signal)
                self._round.move(signal.id)
        home.unite(whole_since)
