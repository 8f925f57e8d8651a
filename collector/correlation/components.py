"""Opening signals come, change and go; components grow with them, or are swept again.

A *component* is a set of opening signals closed under everything that could
ever tie two of them. It may be larger than it need be, never smaller, so a
component can be swept without looking at any other. A component is *plain* if
nothing in it could be kept apart: no two environments that are, no two that
people keep apart, no longer than ``rules.longest``. Then it is one incident,
and a signal that comes or ends costs the same however large it is. Any other
is swept again as a whole when it changes.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from collector.correlation import again, ties
from collector.correlation.held import Component, Held
from collector.correlation.parts import Part, keys_of, whole_since
from collector.correlation.pauses import tied
from collector.correlation.rounds import Changed, Grown
from collector.correlation.signals import SEPARATOR, Unit
from collector.correlation.spans import LAST, Order
from collector.correlation.sweep import AGAIN, OPENED, PAGE, PERSON, Match, Sweep

_ANEW = Grown(new=True, since=-1)


class Components:
    """The second step of a round: units → components and the incidents in them."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def apply(self, changed: Changed) -> None:
        """Have units come, change and go, in the order of their starts."""
        held = self._held
        held.fetch([uid for uid, (old, _) in changed.items() if old is not None])
        ordered = sorted(changed.values(), key=_order)
        held.ensure_all(one for _, new in ordered if new is not None and new.opening for one in ties.wanted(held, new))
        lasting = {uid for uid, (old, new) in changed.items() if old and new and _lasts_differently(old, new)}
        ties.ensure_storms(held, (new for _, new in ordered if new and new.opening and new.uid not in lasting))
        for old, new in ordered:
            if old and new and new.uid in lasting:
                self._stretch(old, new)
                continue
            if old is not None:
                self._remove(old)
            if new is not None:
                self._add(new)
        for uid, (old, new) in changed.items():
            if new is not None:
                held.round.changes.units[uid] = (new, "")
            elif old is not None:
                held.round.changes.dropped[uid] = old

    def relink(self, relinked: Iterable[str]) -> None:
        """Classes tie for ever and bars keep apart: what people's words concern is swept again."""
        held = self._held
        held.fetch(relinked)
        for uid in relinked:
            if uid in held.part_of:
                self._soil(held.component_of[held.part_of[uid]])
                for other in held.classmates(uid):
                    self._union(uid, other)
            elif uid in held.units:
                held.round.review.add(uid)

    def cross_pauses(self) -> None:
        """Tie alerts to what they were before a pause, where a page of theirs or a person's word lasts over it."""
        held, grown = self._held, self._held.round.grown
        while grown or self._reopen():
            uid, how = grown.popitem()
            if uid in held.part_of:
                for other in again.reopened(held, uid) if how.new else ():
                    self._soil(held.component_of[held.part_of[other]])
                for earlier, later in again.pairs(held, uid, how):
                    self._cross(held.units[earlier], held.units[later])

    def _reopen(self) -> bool:
        """Tie alerts to incidents that people reopened before they fired again; whether any was tied."""
        held, before = self._held, len(self._held.round.grown)
        for component in {held.component_of[part]: None for part in list(held.round.touched)}:
            if component.dirty and any(part.turned for part in component.parts):
                for earlier, later in list(again.after_reopening(held, component)):
                    self._union(earlier, later)
        return len(held.round.grown) > before

    def sweep(self) -> None:
        """Sweep dirty components again, and cut them where nothing ties them any more."""
        components = {self._held.component_of[part]: None for part in list(self._held.round.touched)}
        for component in components:
            if component.dirty:
                self._sweep(component)

    # Units

    def _remove(self, unit: Unit) -> None:
        held, uid = self._held, unit.uid
        held.round.removed.add(uid)
        held.units.pop(uid, None)
        old_keys = held.round.old_keys.setdefault(uid, set())
        if unit.opening:
            old_keys.update(f"tie:{key}" for key in keys_of(unit))
            self._soil(held.component_of[held.part_of.pop(uid)])
            held.index.drop_opening(unit)
            held.round.grown.update(dict.fromkeys(again.following(held, unit), _ANEW))
            held.round.moved.add(uid)
        else:
            old_keys.update(held.index.keys_of[uid])
            held.unindex_other(unit)
            self._teach(unit, -1)
            held.round.review.add(uid)

    def _add(self, unit: Unit) -> None:
        held = self._held
        held.units[unit.uid] = unit
        held.round.removed.discard(unit.uid)
        held.places.setdefault(unit.uid, {})
        if unit.opening:
            self._grow(unit)
        else:
            self._teach(unit, 1)
            held.index_other(unit)
            held.round.review.add(unit.uid)

    def _teach(self, unit: Unit, by: int) -> None:
        """A change that names its service says which service its refs are of."""
        if unit.kind != "change" or unit.service is None:
            return
        for token in unit.tokens:
            known = self._held.taught(token)
            before = known[unit.service] > 0
            known[unit.service] += by
            self._held.round.changes.lessons.add((token, unit.service, 0))
            if before != (known[unit.service] > 0):
                self._held.round.taught.add(token)

    def _grow(self, unit: Unit) -> None:
        """A signal that was not there: tie it to what came before and what came after it."""
        held = self._held
        held.round.moved.add(unit.uid)
        held.match[unit.uid] = (OPENED, "")
        held.index_opening(unit)
        held.round.grown[unit.uid] = _ANEW
        earlier = list(ties.earlier(held, unit))
        later = [*ties.later(held, unit, unit.order), *ties.storming(held, unit)]
        home = self._home(unit, [other for other, _ in (*earlier, *later)])
        if home is not None:
            self._settle(home, unit, earlier, later)
            return
        part = Part()
        held.component_of[part] = Component(part)
        held.round.touched[part] = None
        held.enter(part, unit)
        for other, match in earlier:
            self._better(unit.uid, match)
            self._union(unit.uid, other)
        self._tie(unit, later)
        for other in held.classmates(unit.uid):
            after = unit.uid if held.units[other].order < unit.order else other
            self._better(after, (PERSON, held.links.by(after)))
            self._union(unit.uid, other)

    def _home(self, unit: Unit, others: Iterable[str]) -> Part | None:
        """The one incident that a new signal is tied to, where that stays plain with it."""
        held = self._held
        components = {held.component_of[held.part_of[other]] for other in others}
        said = held.links.class_of(unit.uid) is not None or held.links.turns(unit.uid)
        if said or len(components) != 1:
            return None
        (component,) = components
        part = component.parts[0]
        span = max(part.latest_start, unit.start) - min(part.order[0], unit.start)
        somewhere = unit.environment is None or unit.environment in part.environments
        fits = component.plain and not component.dirty and somewhere and span <= held.rules.longest
        return part if fits else None

    def _settle(self, part: Part, unit: Unit, earlier: list[ties.Tie], later: list[ties.Tie]) -> None:
        """Have a new signal in the incident that all it is tied to are in."""
        held = self._held
        self._touch(part)
        if not earlier:
            tied = min(held.units[other].order for other, _ in later)
            began = part.whole_since == part.order == tied
            part.whole_since = unit.order if began else max(part.whole_since, tied)
        held.enter(part, unit)
        for _, match in earlier:
            self._better(unit.uid, match)
        for other, match in later:
            self._better(other, match)

    def _stretch(self, old: Unit, new: Unit) -> None:
        """A signal lasts longer or shorter than it did, or more is told of it."""
        held, part = self._held, self._held.part_of[new.uid]
        component = held.component_of[part]
        self._touch(part)
        part.gained_events.update(new.events)
        low = min(old.reach, new.reach)
        longer = old if old.reach > new.reach else new
        later = [tie for tie in ties.later(held, longer, (low + held.rules.gap, LAST)) if tie[1][0] != PAGE]
        paged = new.paging and old.reach != new.reach and not component.plain
        if (later and new.reach < old.reach) or (paged and any(p.latest_start > low for p in component.parts)):
            self._soil(component)
        if any(p.turned for p in component.parts):
            # How far it ties depends on what people said, and on whether anybody told its end.
            self._soil(component)
        if again.loosened(held, component, old, new):
            self._soil(component)
        held.units[new.uid] = new
        part.replace(new)
        held.index_opening(new)
        if new.reach > old.reach:
            self._tie(new, later)
            held.round.grown.setdefault(new.uid, Grown(new=False, since=old.reach))
            held.round.grown.update(dict.fromkeys(again.outlasted(held, new), _ANEW))

    def _tie(self, unit: Unit, later: Iterable[ties.Tie]) -> None:
        for other, match in later:
            self._better(other, match)
            self._union(unit.uid, other)

    def _better(self, uid: str, match: Match) -> None:
        """The first rule gives the reason; that it opened an incident is the last."""
        known = self._held.match[uid]
        if known[0] == OPENED or match < known:
            self._held.match[uid] = match
            self._held.round.moved.add(uid)

    def _cross(self, earlier: Unit, later: Unit) -> None:
        """Tie an alert to what it was before a pause, where a page of its incident lasts over it."""
        held = self._held
        component = held.component_of[held.part_of[earlier.uid]]
        part = component.parts[0]
        if component.dirty or not component.plain or part.whole_since >= later.order:
            # What was one incident when it fired again, only a sweep knows.
            self._union(earlier.uid, later.uid)
            self._soil(held.component_of[held.part_of[earlier.uid]])
            return
        page = again.page_over(held, part, earlier, later)
        if page is not None:
            self._union(earlier.uid, later.uid)
            known = held.match[later.uid]
            if known[0] == OPENED or known[0] >= AGAIN:
                held.match[later.uid] = (AGAIN, held.units[page].fold.partition(SEPARATOR)[2])
                held.round.moved.add(later.uid)

    # Components

    def _touch(self, part: Part) -> None:
        """Note how an incident was before this round changes it."""
        if part not in self._held.round.touched:
            self._held.round.touched[part] = None
            part.before = part.view(self._held.rules)
            part.unchanged()

    def _soil(self, component: Component) -> None:
        """Have a component swept again at the end of the round."""
        for part in component.parts:
            self._touch(part)
        component.dirty = True

    def _union(self, a: str, b: str) -> None:
        """Make the components of two signals one; if both are plain and stay so, their incidents too."""
        held = self._held
        first, second = held.component_of[held.part_of[a]], held.component_of[held.part_of[b]]
        if first is second:
            return
        keep, gone = (first, second) if len(first) >= len(second) else (second, first)
        held.components.pop(gone, None)
        for uid in [uid for part in gone.parts for uid in part.units]:
            known = held.round.grown.get(uid)
            held.round.grown[uid] = Grown(new=known is not None and known.new, since=-1)
        if all(c.plain and not c.dirty for c in (keep, gone)) and held.plain(keep.parts + gone.parts):
            tied = max(held.units[a].order, held.units[b].order)
            self._absorb(keep.parts[0], gone.parts[0], tied)
            return
        for part in gone.parts:
            held.component_of[part] = keep
        keep.parts += gone.parts
        keep.plain = False
        self._soil(keep)

    def _absorb(self, keep: Part, gone: Part, tied: Order) -> None:
        """Make two incidents one, the smaller moving into the larger; the later one of those tied is ``tied``."""
        held, noted = self._held, self._held.round
        keep.whole_since = whole_since(keep, gone, tied)
        self._touch(keep)
        self._touch(gone)
        for uid in gone.units:
            held.part_of[uid] = keep
        noted.moved.update(gone.units)
        held.index.drop_part(gone)
        held.index.put_part(keep, gone.keys)
        keep.gained.update(gone.keys)
        keep.gained_events.update(event for unit in gone.units.values() for event in unit.events)
        for uid in gone.attached:
            places = held.attached_to[uid]
            places.discard(gone)
            places.add(keep)
        noted.review.update(gone.attached)
        keep.absorb(gone)
        del held.component_of[gone], noted.touched[gone]
        if gone.keyed_as:
            noted.changes.unkeyed.add(gone.keyed_as)
        if gone.number:
            noted.gone.append(gone)

    def _sweep(self, component: Component) -> None:
        held = self._held
        units = [held.units[u] for part in component.parts for u in part.units if held.part_of.get(u) is part]
        for part in component.parts:
            self._dispose(part)
        held.components.pop(component, None)
        potential = Sweep(held.rules, held.catalog, held.links, potential=True).run(units)
        owners = tied([group.units for group in potential], held.rules, held.links)
        where = {unit.uid: owners[number] for number, group in enumerate(potential) for unit in group.units}
        sweep = Sweep(held.rules, held.catalog, held.links)
        made: dict[int, Component] = {}
        for group in sweep.run(units):
            part = self._make_part(group.units)
            part.whole_since = group.whole_since
            at = where[group.units[0].uid]
            if at in made:
                made[at].parts.append(part)
            else:
                made[at] = Component(part)
            held.component_of[part] = made[at]
        held.match.update((unit.uid, sweep.joined[unit.uid]) for unit in units)
        for new in made.values():
            new.plain = len(new.parts) == 1 and held.plain(new.parts)
        held.round.moved.update(unit.uid for unit in units)

    def _make_part(self, units: Iterable[Unit]) -> Part:
        part = Part()
        for unit in units:
            self._held.enter(part, unit)
        self._held.round.touched[part] = None
        return part

    def _dispose(self, part: Part) -> None:
        """Take an incident apart; its signals are put together anew."""
        held, noted = self._held, self._held.round
        held.index.drop_part(part)
        for uid in part.attached:
            held.attached_to[uid].discard(part)
        noted.review.update(part.attached)
        noted.gone.append(part)
        del held.component_of[part], noted.touched[part]
        if part.keyed_as:
            noted.changes.unkeyed.add(part.keyed_as)


def _order(pair: tuple[Unit | None, Unit | None]) -> tuple[int, str]:
    old, new = pair
    unit = new or old
    return (0, "") if unit is None else unit.order


def _lasts_differently(old: Unit, new: Unit) -> bool:
    """Whether two versions of a signal differ only in how long it lasts and what more was told of it."""
    if not (old.opening and new.opening):
        return False
    same = msgspec.structs.replace(
        old, end=new.end, reach=new.reach, events=new.events, last=new.last, state=new.state, taken=new.taken
    )
    return same == new
