"""Opening signals come, change and go; components grow with them, or are swept again.

A *component* is a set of opening signals closed under everything that could
ever tie two of them. It may be larger than it need be, never smaller, so a
component can be swept without looking at any other. A component is *indivisible* if
nothing in it could be kept apart: no two environments that are, no two that
people keep apart, no longer than ``rules.longest``. Then it is one incident,
and a signal that comes or ends costs the same however large it is. Any other
is swept again when it changes, from there on (``sweeping``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from collector.correlation import again, ties
from collector.correlation.changes import Changed, Grown
from collector.correlation.interval_index import LAST, Order
from collector.correlation.live_components import Component
from collector.correlation.live_incidents import LiveIncident, keys_of
from collector.correlation.matches import AGAIN, OPENED, PAGE, PERSON, Match
from collector.correlation.memory import Loader
from collector.correlation.signals import PAGED, SEPARATOR, Signal, called_together
from collector.correlation.sweeping import Sweeping

_ANEW = Grown(new=True, since=-1)


class Components:
    """The second step of a round: signals → components and the incidents in them."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        self._sweeping = Sweeping(loader)
        self._grown: dict[str, Grown] = {}
        """Opening signals that are new, last longer, or came into another component."""

    def apply(self, changed: Changed) -> None:
        """Have signals come, change and go, in the order of their starts."""
        memory = self._memory
        self._loader.fetch([signal_id for signal_id, (old, _) in changed.items() if old is not None])
        ordered = sorted(changed.values(), key=_order)
        self._loader.ensure_all(
            one for _, new in ordered if new is not None and new.opening for one in ties.key_spans(memory, new)
        )
        lasting = {
            signal_id for signal_id, (old, new) in changed.items() if old and new and _lasts_differently(old, new)
        }
        ties.ensure_storms(self._loader, (new for _, new in ordered if new and new.opening and new.id not in lasting))
        for old, new in ordered:
            if old and new and new.id in lasting:
                self._stretch(old, new)
                continue
            if old is not None:
                self._remove(old)
            if new is not None:
                self._add(new)
        for old, new in changed.values():
            if new is not None:
                self._round.changes.put_signal(new)
            elif old is not None:
                self._round.changes.drop_signal(old)

    def relink(self, relinked: Iterable[str]) -> None:
        """Classes tie for ever and bars keep apart: what people's words concern is swept again."""
        memory = self._memory
        self._loader.fetch(relinked)
        for signal_id in relinked:
            if signal_id in memory.incident_of:
                incident = memory.incident_of[signal_id]
                # What is said now may tie alerts that are elsewhere: that is asked of incidents that know of it.
                incident.turn(signal_id, memory.constraints)
                self._sweeping.mark(memory.component_of[incident])
                for other in self._loader.classmates(signal_id):
                    self._union(signal_id, other)
            elif signal_id in memory.signals:
                self._round.review(signal_id)

    def cross_pauses(self) -> None:
        """Tie alerts to what they were before a pause, where a page of theirs or a person's word lasts over it."""
        memory, grown, loader = self._memory, self._grown, self._loader
        while grown or self._reopen():
            signal_id, growth = grown.popitem()
            if signal_id in memory.incident_of:
                for other in again.reopened(loader, signal_id) if growth.new else ():
                    self._sweeping.mark(memory.component_of[memory.incident_of[other]])
                for earlier, later in again.pairs(loader, signal_id, growth):
                    self._cross(memory.signals[earlier], memory.signals[later])

    def _reopen(self) -> bool:
        """Tie alerts to incidents that people reopened before they fired again; whether any was tied."""
        memory, before = self._memory, len(self._grown)
        for component in {memory.component_of[incident]: None for incident in list(self._round.touched)}:
            if component.needs_sweep and any(incident.turned for incident in component.incidents):
                for earlier, later in list(again.after_reopening(self._loader, component)):
                    self._union(earlier, later)
        return len(self._grown) > before

    def sweep(self) -> None:
        """Sweep again the components that need it, and cut them where nothing ties them any more."""
        self._sweeping.sweep()

    # Signals

    def _remove(self, signal: Signal) -> None:
        memory, noted = self._memory, self._round
        noted.remove(signal.id)
        if signal.opening:
            noted.unkey(signal.id, [f"tie:{key}" for key in keys_of(signal)])
            incident = memory.drop_opening(signal)
            self._sweeping.note_detached(incident)
            self._sweeping.mark(memory.component_of[incident], signal.order, self._until(signal))
            self._grown.update(dict.fromkeys(again.following(memory, signal), _ANEW))
            noted.move(signal.id)
        else:
            noted.unkey(signal.id, memory.index.keys_of[signal.id])
            memory.drop_other(signal)
            self._learn(signal, -1)
            noted.review(signal.id)

    def _add(self, signal: Signal) -> None:
        self._memory.put(signal)
        self._round.restore(signal.id)
        if signal.opening:
            self._grow(signal)
        else:
            self._learn(signal, 1)
            self._loader.index_other(signal)
            self._round.review(signal.id)

    def _learn(self, signal: Signal, by: int) -> None:
        """A change that names its service says which service its refs are of."""
        if signal.kind != "change" or signal.service is None:
            return
        for ref in signal.change_refs:
            self._round.know(ref, self._loader.services(ref))
            self._round.learn(ref, signal.service, self._memory.count_service(ref, signal.service, by))

    def _grow(self, signal: Signal) -> None:
        """A signal that was not there: tie it to what came before and what came after it."""
        memory = self._memory
        self._round.move(signal.id)
        memory.explain(signal.id, (OPENED, ""))
        memory.index_opening(signal)
        self._grown[signal.id] = _ANEW
        earlier = list(ties.earlier(memory, signal))
        later = [*ties.later(memory, signal, signal.order), *ties.storming(memory, signal)]
        home = self._home(signal, [other for other, _ in (*earlier, *later)])
        if home is not None:
            self._settle(home, signal, earlier, later)
            return
        incident = LiveIncident()
        memory.put_incident(incident, Component())
        self._round.create(incident)
        memory.enter(incident, signal)
        for other, match in earlier:
            self._better(signal.id, match)
            self._union(signal.id, other)
        self._tie(signal, later)
        for other in self._loader.classmates(signal.id):
            after = signal.id if memory.signals[other].order < signal.order else other
            self._better(after, (PERSON, memory.constraints.by(after)))
            self._union(signal.id, other)
        if memory.constraints.turns(signal.id):
            # What was said before it opened anything may tie alerts that are elsewhere.
            self._sweeping.mark(memory.component_of[memory.incident_of[signal.id]])

    def _home(self, signal: Signal, signal_ids: Iterable[str]) -> LiveIncident | None:
        """The one incident that a new signal is tied to, where that stays indivisible with it."""
        memory = self._memory
        components = {memory.component_of[memory.incident_of[other]] for other in signal_ids}
        said = memory.constraints.linked_group(signal.id) is not None or memory.constraints.turns(signal.id)
        if said or len(components) != 1:
            return None
        (component,) = components
        incident = component.incidents[0]
        span = max(incident.latest_start, signal.start) - min(incident.order[0], signal.start)
        somewhere = signal.environment is None or signal.environment in incident.environments
        calls = {*incident.calls, signal.page_targets} if signal.page_targets else incident.calls
        fits = component.indivisible and not component.needs_sweep and somewhere and span <= memory.rules.longest
        fits = fits and called_together(calls)
        return incident if fits else None

    def _settle(self, incident: LiveIncident, signal: Signal, earlier: list[ties.Tie], later: list[ties.Tie]) -> None:
        """Have a new signal in the incident that all it is tied to are in."""
        memory = self._memory
        self._sweeping.touch(incident)
        if self._paged_otherwise(incident, signal.order):
            self._sweeping.mark(memory.component_of[incident], signal.order)
        if not earlier:
            incident.precede(signal.order, min(memory.signals[other].order for other, _ in later))
        memory.enter(incident, signal)
        for _, match in earlier:
            self._better(signal.id, match)
        for other, match in later:
            self._better(other, match)

    def _stretch(self, old: Signal, new: Signal) -> None:
        """A signal lasts longer or shorter than it did, or more is told of it."""
        memory, incident = self._memory, self._memory.incident_of[new.id]
        component = memory.component_of[incident]
        self._sweeping.touch(incident)
        low = min(old.reach, new.reach)
        longer = old if old.reach > new.reach else new
        self._loader.ensure_all(ties.key_spans(memory, longer))
        later = [tie for tie in ties.later(memory, longer, (low + memory.rules.gap, LAST)) if tie[1][0] != PAGE]
        if self._ties_otherwise(component, old, new, bool(later)):
            self._sweeping.mark(component, (low, ""), self._until(longer))
        memory.put(new)
        incident.replace(new)
        memory.index.stretch_opening(new, new.reach + memory.rules.gap)
        if new.reach > old.reach:
            self._tie(new, later)
            self._grown.setdefault(new.id, Grown(new=False, since=old.reach))
            self._grown.update(dict.fromkeys(again.outlasted(memory, new), _ANEW))

    def _ties_otherwise(self, component: Component, old: Signal, new: Signal, later: bool) -> bool:
        """Whether other signals may be one incident now that one lasts longer or shorter: ``later`` says whether some
        started between its ends that it could be tied to."""
        low = min(old.reach, new.reach)
        paged = new.paging and old.reach != new.reach and not component.indivisible
        return (
            (later and (new.reach < old.reach or not component.indivisible))
            or (later and self._paged_otherwise(component.incidents[0], (low, "")))
            or (paged and any(p.latest_start > low for p in component.incidents))
            # How far it ties depends on what people said, and on whether anybody told its end.
            or any(p.turned for p in component.incidents)
            # Whether a page is about an alert depends on how far both reach.
            or (old.reach != new.reach and not component.indivisible and not component.called_together)
            or again.loosened(self._memory, component, old, new)
        )

    def _paged_otherwise(self, incident: LiveIncident, since: Order) -> bool:
        """Whether a tie more from ``since`` on may have made it one incident before an alert of it fired again, so that
        another page of it was the first to last over that pause."""
        if PAGED not in incident.keys or since >= incident.whole_since:
            return False
        memory = self._memory
        refired = memory.index.refired.after(since, incident.whole_since[0])
        return any(memory.incident_of.get(signal_id) is incident for signal_id in refired)

    def _tie(self, signal: Signal, later: Iterable[ties.Tie]) -> None:
        for other, match in later:
            self._better(other, match)
            self._union(signal.id, other)

    def _until(self, signal: Signal) -> int:
        """Until when a signal may tie what starts."""
        rules = self._memory.rules
        return max(signal.reach + rules.gap, signal.start + rules.storm)

    def _better(self, signal_id: str, match: Match) -> None:
        """The first rule gives the reason; that it opened an incident is the last."""
        known = self._memory.match[signal_id]
        if known[0] == OPENED or match < known:
            self._memory.explain(signal_id, match)
            self._round.move(signal_id)

    def _cross(self, earlier: Signal, later: Signal) -> None:
        """Tie an alert to what it was before a pause, where a page of its incident lasts over it."""
        memory = self._memory
        component = memory.component_of[memory.incident_of[earlier.id]]
        incident = component.incidents[0]
        if component.needs_sweep or not component.indivisible or incident.whole_since >= later.order:
            # What was one incident when it fired again, only a sweep knows.
            self._union(earlier.id, later.id)
            self._sweeping.mark(memory.component_of[memory.incident_of[earlier.id]], earlier.order)
            return
        page = again.page_over(memory, incident, earlier, later)
        if page is not None:
            self._union(earlier.id, later.id)
            known = memory.match[later.id]
            if known[0] == OPENED or known[0] >= AGAIN:
                memory.explain(later.id, (AGAIN, memory.signals[page].entity_key.partition(SEPARATOR)[2]))
                self._round.move(later.id)

    # Components

    def _union(self, a: str, b: str) -> None:
        """Make the components of two signals one; if both are indivisible and stay so, their incidents too."""
        memory = self._memory
        first, second = memory.component_of[memory.incident_of[a]], memory.component_of[memory.incident_of[b]]
        if first is second:
            return
        larger, smaller = (first, second) if len(first) >= len(second) else (second, first)
        memory.drop_component(smaller)
        for signal_id in [signal_id for incident in smaller.incidents for signal_id in incident.signals]:
            known = self._grown.get(signal_id)
            self._grown[signal_id] = Grown(new=known is not None and known.new, since=-1)
        if all(c.indivisible and not c.needs_sweep for c in (larger, smaller)) and memory.indivisible(
            larger.incidents + smaller.incidents
        ):
            tied = max(memory.signals[a].order, memory.signals[b].order)
            self._absorb(larger.incidents[0], smaller.incidents[0], tied)
            return
        for incident in smaller.incidents:
            memory.put_incident(incident, larger)
        larger.absorb(smaller)
        self._sweeping.mark(larger, memory.signals[a].order, self._until(memory.signals[a]))

    def _absorb(self, larger: LiveIncident, smaller: LiveIncident, tied: Order) -> None:
        """Make two incidents one, the smaller moving into the larger; the later one of those tied is ``tied``."""
        memory, noted = self._memory, self._round
        if self._paged_otherwise(larger, smaller.order) or self._paged_otherwise(smaller, larger.order):
            self._sweeping.mark(memory.component_of[larger], min(larger.order, smaller.order))
        self._sweeping.touch(larger)
        self._sweeping.touch(smaller)
        noted.move(*smaller.signals)
        noted.review(*smaller.attached)
        memory.merge(larger, smaller, tied)
        noted.drop(smaller, followed=smaller.number != 0)


def _order(pair: tuple[Signal | None, Signal | None]) -> tuple[int, str]:
    old, new = pair
    signal = new or old
    return (0, "") if signal is None else signal.order


def _lasts_differently(old: Signal, new: Signal) -> bool:
    """Whether two versions of a signal differ only in how long it lasts and what more was told of it."""
    if not (old.opening and new.opening):
        return False
    expected = msgspec.structs.replace(
        old,
        end=new.end,
        reach=new.reach,
        events=new.events,
        last=new.last,
        state=new.state,
        acknowledged=new.acknowledged,
        lead_given=new.lead_given,
    )
    return expected == new
