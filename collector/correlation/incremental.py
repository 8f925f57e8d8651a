"""Correlation kept up to date, round by round, without looking at everything again.

What any order of rounds arrives at equals :func:`correlate` over all events;
``tests/test_follower.py`` holds it to that. How it saves work:

A *component* is a set of opening signals closed under everything that could
ever tie two of them (:func:`pair_match`). It may be larger than it need be,
never smaller, so a component can be swept without looking at any other. A
component is *plain* if nothing in it could be kept apart: at most one named
environment, no two that people keep apart, no longer than ``rules.longest``.
Then it is one incident, and a signal that comes or ends costs the same however
large it is. Any other is swept again as a whole when it changes.

What attaches is judged again only if an incident that it could concern gained
or lost what attaching looks at. Closed components lie on the shelf (the
database); what is looked for is first fetched from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from collector.correlation.attach import NEAR, Attaching, View
from collector.correlation.catalog import Catalog
from collector.correlation.changes import Changes, Kept, Move, Place, Shelf
from collector.correlation.facts import Links, is_link, named_events
from collector.correlation.parts import Part, keys_of
from collector.correlation.signals import Unit, fold, fold_keys
from collector.correlation.spans import Spans
from collector.correlation.sweep import (
    OPENED,
    PAGE,
    PERSON,
    RULE_NAMES,
    Match,
    Sweep,
    key_match,
    reason,
    service_match,
    storm_match,
)
from collector.correlation.values import Rules
from collector.event import RecordedEvent

_FAR = 1 << 62
_ALONE = "event\x1f"


class Component:
    """Opening signals that only each other could be tied to."""

    def __init__(self, part: Part) -> None:
        self.parts = [part]
        self.plain = True
        self.dirty = False


class _Round:
    """What is noted while one round goes on."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.touched: dict[Part, None] = {}
        self.gone: list[Part] = []
        self.review: set[str] = set()
        self.moved: set[str] = set()
        """Opening signals whose membership may have changed."""
        self.taught: set[str] = set()
        self.removed: set[str] = set()
        self.listed: dict[Part, None] = {}
        """Incidents of which only what lists show changed."""
        self.alive: dict[Part, None] = {}
        self.found: dict[str, dict[Part, Place]] = {}
        self.renumbered: dict[str, dict[int, int]] = {}
        self.old_keys: dict[str, set[str]] = {}


class Regrouping:
    """The groups of everything that was taken in so far."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._catalog = rules, Catalog(rules)
        self._shelf: Shelf
        self.forget()

    def forget(self, complete: bool = False, settled: int = 0) -> None:
        """Let go of everything in memory.

        ``complete`` says that the shelf is empty, so that nothing has to be fetched. Numbers below ``settled`` go
        before those above: while a log is read again, what is an incident for a moment must not take one's number.
        """
        self.complete = complete
        self._settled = settled or _FAR
        self._facts: dict[str, RecordedEvent] | None = None
        self._named: frozenset[str] = frozenset()
        """Every event that people's words name."""
        self._links = Links((), {})
        self._entities: dict[str, dict[str, RecordedEvent]] = {}
        self._units: dict[str, Unit] = {}
        self._folded: dict[str, tuple[str, ...]] = {}
        self._home: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._part_of: dict[str, Part] = {}
        self._component_of: dict[Part, Component] = {}
        self._match: dict[str, Match] = {}
        self._places: dict[str, dict[int, Place]] = {}
        self._missed: dict[str, str] = {}
        self._attached_to: dict[str, set[Part]] = {}
        self._ties: dict[str, Spans] = {}
        self._environments: dict[str, set[str | None]] = {}
        self._starts, self._pages, self._others = Spans(), Spans(), Spans()
        self._found_by: dict[str, Spans] = {}
        self._keys_of: dict[str, frozenset[str]] = {}
        self._parts_by_key: dict[str, dict[Part, None]] = {}
        self._lessons: dict[str, Counter[str]] = {}
        self._loaded: set[int] = set()
        self._ensured: dict[str, tuple[int, int]] = {}
        self._latest = 0
        self._next = 0
        self._homeless: dict[str, int] = {}
        self._by_view: dict[str, Part] = {}

    def __len__(self) -> int:
        return len(self._units)

    def take(self, events: Iterable[RecordedEvent], shelf: Shelf) -> Changes:
        """Take events in, of whatever age and order, and say what changed."""
        self._shelf, self._round = shelf, _Round()
        self._attaching = Attaching(self._rules, self._catalog, self._links, self)
        self._prepare()
        batch = [event for event in events if fold_keys(event) or event.revision > 0]
        changed = self._refold(batch)
        relinked = self._relink(batch, changed)
        self._apply(changed)
        self._apply_links(relinked)
        self._sweep_dirty()
        self._judge()
        self._number()
        self._write()
        return self._round.changes

    def _prepare(self) -> None:
        if self._facts is None:
            known = [] if self.complete else self._shelf.links()
            self._facts = {fact.id: fact for fact in known}
            self._named = frozenset(name for fact in known for name in named_events(fact))
            self._next = self._shelf.next_number()
            self._homeless = self._shelf.homeless()
            self._latest = self._shelf.latest()
            if known:
                self._links = self._linked()
                self._attaching = Attaching(self._rules, self._catalog, self._links, self)

    # Folding

    def _refold(self, batch: Sequence[RecordedEvent]) -> dict[str, tuple[Unit | None, Unit | None]]:
        """Fold the entities that these events are of again; which units came, went or changed."""
        touched: dict[str, None] = {}
        for event in batch:
            keys = () if event.amendment == "retraction" else fold_keys(event)
            before = self._folds_before(event)
            for key in dict.fromkeys((*before, *keys)):
                touched[key] = None
                entity = self._entity(key)
                if key not in keys:
                    entity.pop(event.id, None)
                elif event.id not in entity or entity[event.id].revision <= event.revision:
                    entity[event.id] = event
            if before != keys:
                self._round.changes.homes[event.id] = ("", keys)
        changed: dict[str, tuple[Unit | None, Unit | None]] = {}
        for key in touched:
            self._refold_one(key, changed)
        return changed

    def _folds_before(self, event: RecordedEvent) -> tuple[str, ...]:
        noted = self._round.changes.homes.get(event.id)
        if noted is not None:
            return noted[1]
        if event.id in self._home:
            return self._home[event.id][1]
        return self._shelf.folds(event.id) if event.revision > 0 and not self.complete else ()

    def _entity(self, key: str) -> dict[str, RecordedEvent]:
        if key not in self._entities:
            known = [] if self.complete else self._shelf.entity(key)
            self._entities[key] = {event.id: event for event in known}
        return self._entities[key]

    def _refold_one(self, key: str, changed: dict[str, tuple[Unit | None, Unit | None]]) -> None:
        entity = self._entities[key]
        before = {unit.uid: unit for unit in self._units_of_fold(key)}
        after = {unit.uid: unit for unit in fold(key, entity.values(), self._rules, self._catalog)}
        if key.startswith(_ALONE):
            del self._entities[key]
        self._folded[key] = tuple(after)
        for uid in before.keys() | after.keys():
            old, new = before.get(uid), after.get(uid)
            if old != new:
                known = changed.get(uid, (None, None))
                changed[uid] = (old or known[0], new or known[1])
        homes = self._round.changes.homes
        for unit in after.values():
            old = before.get(unit.uid)
            known_events = set(old.events) if old is not None else set()
            for event in unit.events:
                if event not in known_events or event in homes:
                    folds = homes[event][1] if event in homes else self._home_of(event)[1]
                    homes[event] = (unit.uid, folds)

    def _home_of(self, event: str) -> tuple[str, tuple[str, ...]]:
        if event not in self._home and not self.complete:
            self._home[event] = (self._shelf.unit_of([event]).get(event, ""), self._shelf.folds(event))
        return self._home.get(event, ("", ()))

    def _units_of_fold(self, key: str) -> list[Unit]:
        if key not in self._folded:
            kept = [] if self.complete else self._shelf.units_of_fold(key)
            self._admit(kept)
            self._folded[key] = tuple(entry.unit.uid for entry in kept)
        return [self._units[uid] for uid in self._folded[key]]

    def _uid(self, event: str) -> str | None:
        """The unit that an event belongs to."""
        noted = self._round.changes.homes.get(event)
        return (noted[0] if noted is not None else self._home_of(event)[0]) or None

    # People's words

    def _relink(self, batch: Sequence[RecordedEvent], changed: dict[str, tuple[Unit | None, Unit | None]]) -> set[str]:
        """Make people's words consistent again if need be; the units whose class or bars changed."""
        facts = self._facts
        assert facts is not None  # noqa: S101 - _prepare() made it
        turned = [event for event in batch if is_link(event) or event.id in facts]
        for event in turned:
            known = facts.get(event.id)
            if known is None or known.revision <= event.revision:
                if event.amendment == "retraction" or not is_link(event):
                    facts.pop(event.id, None)
                else:
                    facts[event.id] = event
        if turned:
            self._named = frozenset(name for fact in facts.values() for name in named_events(fact))
        elif not self._names_any(changed):
            return set()
        before, self._links = self._links, self._linked()
        self._attaching = Attaching(self._rules, self._catalog, self._links, self)
        self._round.changes.ignored = tuple(self._links.ignored)
        old_ignored = {entry.event for entry in before.ignored}
        self._round.review |= old_ignored ^ {entry.event for entry in self._links.ignored}
        units = before.units() | self._links.units()
        return {uid for uid in units if _standing(before, uid) != _standing(self._links, uid)}

    def _names_any(self, changed: dict[str, tuple[Unit | None, Unit | None]]) -> bool:
        """Whether people's words name an event of these units."""
        if not self._named:
            return False
        events = (event for pair in changed.values() for unit in pair if unit is not None for event in unit.events)
        return not self._named.isdisjoint(events)

    def _linked(self) -> Links:
        facts = list((self._facts or {}).values())
        found = {name: uid for name in self._named if (uid := self._uid(name)) is not None}
        return Links(facts, found)

    def _apply_links(self, relinked: set[str]) -> None:
        """Classes tie for ever and bars keep apart: sweep again what is concerned."""
        for uid in relinked:
            self._fetch([uid])
        for uid in relinked:
            if uid in self._part_of:
                self._soil(self._component_of[self._part_of[uid]])
                self._tie_class(self._units[uid])
            elif uid in self._units:
                self._round.review.add(uid)

    def _tie_class(self, unit: Unit) -> None:
        for other in self._classmates(unit.uid):
            self._union(unit.uid, other)

    def _classmates(self, uid: str) -> list[str]:
        name = self._links.class_of(uid)
        if name is None:
            return []
        mates = [other for other in self._links.units() if other != uid and self._links.class_of(other) == name]
        self._fetch(mates)
        return [other for other in mates if other in self._part_of]

    # Fetching from the shelf

    def _fetch(self, uids: Sequence[str]) -> None:
        """Have these units in memory, opening ones with their whole component."""
        if self.complete:
            return
        wanted = [uid for uid in uids if uid not in self._units and uid not in self._round.removed]
        if wanted:
            self._admit(self._shelf.units(wanted))

    def _admit(self, kept: Sequence[Kept]) -> None:
        for entry in kept:
            uid = entry.unit.uid
            if uid in self._units or uid in self._round.removed:
                continue
            if entry.unit.opening:
                for number in entry.places:
                    self._load(number)
            else:
                self._admit_other(entry)

    def _admit_other(self, entry: Kept) -> None:
        unit = entry.unit
        self._units[unit.uid] = unit
        self._places[unit.uid] = dict(entry.places)
        self._missed[unit.uid] = entry.missed
        self._index_other(unit)

    def _load(self, number: int) -> None:
        """Have an incident and its component in memory."""
        if self.complete or number in self._loaded:
            return
        component: Component | None = None
        for one, (kept, numbers) in sorted(self._shelf.component(number).items()):
            self._loaded.add(one)
            part = self._load_part(one, kept, numbers)
            if component is None:
                component = Component(part)
            else:
                component.parts.append(part)
            self._component_of[part] = component
        if component is not None:
            component.plain = len(component.parts) == 1 and self._plain(component.parts)

    def _load_part(self, number: int, kept: list[Kept], numbers: dict[int, str]) -> Part:
        part = Part()
        part.number = part.keyed_as = number
        part.numbers = dict(numbers)
        part.known_numbers = dict.fromkeys(numbers, number)
        for entry in kept:
            unit = entry.unit
            if unit.opening:
                place = entry.places[number]
                self._units[unit.uid] = unit
                self._places[unit.uid] = dict(entry.places)
                self._match[unit.uid] = (RULE_NAMES.index(place.rule), place.detail)
                self._enter(part, unit)
                self._index_opening(unit)
            else:
                self._load_attached(part, entry)
        part.gained = set()
        return part

    def _load_attached(self, part: Part, entry: Kept) -> None:
        """An attached unit of an incident; where this round has changed it already, the incident's row is outdated."""
        uid = entry.unit.uid
        if uid not in self._round.removed:
            if uid not in self._units:
                self._admit_other(entry)
            part.attach(self._units[uid])
            self._attached_to.setdefault(uid, set()).add(part)
        if self._units.get(uid) != entry.unit:
            self._round.listed[part] = None

    def _ensure(self, kind: str, key: str, low: int, high: int) -> None:
        """Have everything in memory that is found by a key and has to do with the time from ``low`` to ``high``.

        What is remembered per key is one span of time, usually from some moment on. A straggler from long before is
        fetched for, and does not bring in everything since.
        """
        if self.complete:
            return
        name = kind + key
        high = _FAR if high >= self._latest else high
        known = self._ensured.get(name)
        if known is not None and known[0] <= low and high <= known[1]:
            return
        if known is None:
            self._ensured[name] = (low, high)
        elif low <= known[1] and known[0] <= high:
            self._ensured[name] = (min(low, known[0]), max(high, known[1]))
        elif high == _FAR:
            self._ensured[name] = (low, high)
        self._fetch_found(kind, key, low, high)

    def _fetch_found(self, kind: str, key: str, low: int, high: int) -> None:
        if kind == "incident:":
            for number in self._shelf.incidents_of(key, low, high):
                self._load(number)
        elif kind == "started":
            self._fetch(self._shelf.started(low, high))
        elif kind == "happened":
            self._fetch(self._shelf.happened(low, high))
        else:
            self._fetch(self._shelf.keyed(kind + key, low, high))

    # Where things are found

    def _index_opening(self, unit: Unit) -> None:
        cover = unit.reach + self._rules.gap
        for key in self._tie_keys(unit):
            self._ties.setdefault(key, Spans()).put(unit.order, cover)
        if unit.service is not None:
            self._environments.setdefault(unit.service, set()).add(unit.environment)
        self._starts.put(unit.order, unit.start)
        if unit.paging:
            self._pages.put(unit.order, unit.start)

    def _unindex_opening(self, unit: Unit) -> None:
        for key in self._tie_keys(unit):
            self._ties[key].drop(unit.order)
            if not self._ties[key]:
                del self._ties[key]
        self._starts.drop(unit.order)
        self._pages.drop(unit.order)

    def _tie_keys(self, unit: Unit) -> list[str]:
        keys = list(unit.offers)
        if unit.service is not None:
            keys.append(_service_key(unit.service, unit.environment))
        return keys

    def _index_other(self, unit: Unit) -> None:
        for token in unit.tokens:
            self._ensure_lessons(token)
        keys = self._search_keys(unit)
        for key in keys:
            self._found_by.setdefault(key, Spans()).put(unit.order, unit.last)
        self._keys_of[unit.uid] = keys
        self._others.put(unit.order, unit.last)

    def _unindex_other(self, unit: Unit) -> None:
        for key in self._keys_of.pop(unit.uid, frozenset()):
            self._found_by[key].drop(unit.order)
        self._others.drop(unit.order)

    def _search_keys(self, unit: Unit) -> frozenset[str]:
        """By what an attaching unit is found when something that it could concern changes."""
        keys = {f"seek:{key}" for key in unit.seeks} | {f"name:{event}" for event in unit.named}
        keys |= {f"seek:service:{service}" for service in self._attaching.sought(unit)}
        if unit.service is None:
            keys |= {f"learn:{token}" for token in unit.tokens}
        return frozenset(keys)

    def _ensure_lessons(self, token: str) -> None:
        if token not in self._lessons:
            self._lessons[token] = Counter() if self.complete else self._shelf.lessons(token)

    # Opening signals come, change and go

    def _apply(self, changed: dict[str, tuple[Unit | None, Unit | None]]) -> None:
        for uid, (old, _) in changed.items():
            if old is not None and uid not in self._units:
                self._fetch([uid])
        ordered = sorted(changed.items(), key=lambda item: (item[1][1] or item[1][0] or _NOBODY).order)
        for _, (old, new) in ordered:
            if old is not None and old.opening and new is not None and new.opening and _lasts_differently(old, new):
                self._stretch(old, new)
                continue
            if old is not None:
                self._remove(old)
            if new is not None:
                self._add(new)
        for uid, (_, new) in changed.items():
            if new is None:
                self._round.changes.dropped[uid] = changed[uid][0] or _NOBODY
            else:
                self._round.changes.units[uid] = (new, "")

    def _remove(self, unit: Unit) -> None:
        uid = unit.uid
        self._round.removed.add(uid)
        self._units.pop(uid, None)
        old_keys = self._round.old_keys.setdefault(uid, set())
        if unit.opening:
            old_keys.update(f"tie:{key}" for key in keys_of(unit))
            part = self._part_of.pop(uid)
            self._soil(self._component_of[part])
            self._unindex_opening(unit)
            self._round.moved.add(uid)
        else:
            old_keys.update(self._keys_of[uid])
            self._unindex_other(unit)
            self._teach(unit, -1)
            self._round.review.add(uid)

    def _add(self, unit: Unit) -> None:
        self._units[unit.uid] = unit
        self._round.removed.discard(unit.uid)
        self._places.setdefault(unit.uid, {})
        if unit.opening:
            self._grow(unit)
        else:
            self._teach(unit, 1)
            self._index_other(unit)
            self._round.review.add(unit.uid)

    def _teach(self, unit: Unit, by: int) -> None:
        if unit.kind != "change" or unit.service is None:
            return
        for token in unit.tokens:
            self._ensure_lessons(token)
            known = self._lessons[token]
            before = known[unit.service] > 0
            known[unit.service] += by
            self._round.changes.lessons.add((token, unit.service, 0))
            if before != (known[unit.service] > 0):
                self._round.taught.add(token)

    def _enter(self, part: Part, unit: Unit) -> None:
        part.add(unit, self._links)
        self._part_of[unit.uid] = part
        for event in self._homeless.keys() & unit.events if self._homeless else ():
            part.numbers[self._homeless.pop(event)] = event
        for key in keys_of(unit):
            parts = self._parts_by_key.setdefault(key, {})
            if part not in parts:
                parts[part] = None
            part.gained.add(key)
        part.gained.update(f"\x1f{event}" for event in unit.events)

    def _grow(self, unit: Unit) -> None:
        """A signal that was not there: tie it to what came before and what came after it."""
        part = Part()
        self._component_of[part] = Component(part)
        self._round.touched[part] = None
        self._enter(part, unit)
        self._round.moved.add(unit.uid)
        self._match[unit.uid] = (OPENED, "")
        self._index_opening(unit)
        for other, match in list(self._earlier(unit)):
            self._better(unit.uid, match)
            self._union(unit.uid, other)
        self._tie_later(unit, unit.order)
        for other in self._classmates(unit.uid):
            later = unit.uid if self._units[other].order < unit.order else other
            self._better(later, (PERSON, self._links.by(later)))
            self._union(unit.uid, other)

    def _stretch(self, old: Unit, new: Unit) -> None:
        """A signal lasts longer or shorter than it did, or more is told of it."""
        part = self._part_of[new.uid]
        component = self._component_of[part]
        self._touch(part)
        for event in new.events:
            part.gained.add(f"\x1f{event}")
        low = min(old.reach, new.reach)
        later = [
            (uid, match)
            for uid, match in self._later(old if old.reach > new.reach else new, (low + self._rules.gap, _LAST))
            if match[0] != PAGE
        ]
        paged = new.paging and old.reach != new.reach and not component.plain
        if (later and new.reach < old.reach) or (paged and any(p.latest_start > low for p in component.parts)):
            self._soil(component)
        self._units[new.uid] = new
        part.replace(new)
        self._index_opening(new)
        if new.reach > old.reach:
            for other, match in later:
                self._better(other, match)
                self._union(new.uid, other)

    def _earlier(self, unit: Unit) -> Iterator[tuple[str, Match]]:
        """Earlier signals that could be tied to this one: enough of them to reach every component."""
        for key in unit.seeks:
            yield from self._earlier_by_key(unit, key)
        if unit.service is not None:
            for service in (unit.service, *sorted(self._catalog.neighbours(unit.service))):
                self._ensure("tie:", f"service:{service}", unit.start, unit.start)
                for environment in sorted(self._environments.get(service, ()), key=str):
                    if not _apart(unit.environment, environment):
                        spans = self._ties.get(_service_key(service, environment))
                        # Those of one service and environment that cover one moment are tied to each other already.
                        found = next(self._covering(spans, unit), None)
                        if found is not None:
                            yield found, service_match(unit, service)
        yield from self._earlier_by_storm(unit)

    def _earlier_by_key(self, unit: Unit, key: str) -> Iterator[tuple[str, Match]]:
        match = key_match(key)
        timeless = match[0] == PAGE
        self._ensure("tie:", key, -1 if timeless else unit.start, _FAR if timeless else unit.start)
        spans = self._ties.get(key)
        moment = -1 if timeless else unit.start
        for uid in () if spans is None else spans.covering(unit.order, moment):
            yield uid, match
            if key in unit.offers:
                return

    def _earlier_by_storm(self, unit: Unit) -> Iterator[tuple[str, Match]]:
        low = unit.start - self._rules.storm
        self._ensure("started", "", low, unit.start + self._rules.storm)
        spans = self._starts if unit.paging else self._pages
        for uid in spans.covering(unit.order, low):
            if self._storms(self._units[uid], unit):
                yield uid, storm_match(unit)

    def _covering(self, spans: Spans | None, unit: Unit) -> Iterator[str]:
        return iter(()) if spans is None else spans.covering(unit.order, unit.start)

    def _storms(self, a: Unit, b: Unit) -> bool:
        listed = self._catalog.lists(a.service) and self._catalog.lists(b.service)
        return (a.paging or b.paging) and not listed and not _apart(a.environment, b.environment)

    def _tie_later(self, unit: Unit, order: tuple[int, str]) -> None:
        """Tie what starts after ``order`` to this signal."""
        for other, match in list(self._later(unit, order)):
            self._better(other, match)
            self._union(unit.uid, other)
        high = unit.start + self._rules.storm
        for other in list((self._starts if unit.paging else self._pages).after(unit.order, high)):
            if self._storms(unit, self._units[other]):
                self._better(other, storm_match(self._units[other]))
                self._union(unit.uid, other)

    def _later(self, unit: Unit, order: tuple[int, str]) -> Iterator[tuple[str, Match]]:
        """Signals after ``order`` that a key or service of this one, reaching them, ties to it."""
        cover = unit.reach + self._rules.gap
        keys = list(unit.seeks)
        for key in keys:
            timeless = key.startswith("page:")
            self._ensure("tie:", key, -1 if timeless else order[0], _FAR if timeless else cover)
            spans = self._ties.get(key)
            if spans is not None:
                for uid in spans.after(unit.order if timeless else order, _FAR if timeless else cover):
                    yield uid, self._key_tie(unit, self._units[uid])
        if unit.service is None:
            return
        for service in (unit.service, *sorted(self._catalog.neighbours(unit.service))):
            self._ensure("tie:", f"service:{service}", order[0], cover)
            for environment in sorted(self._environments.get(service, ()), key=str):
                spans = self._ties.get(_service_key(service, environment))
                if spans is not None and not _apart(unit.environment, environment):
                    for uid in spans.after(order, cover):
                        yield uid, service_match(self._units[uid], unit.service)

    def _key_tie(self, earlier: Unit, later: Unit) -> Match:
        return min(key_match(key) for key in later.seeks if key in earlier.offers)

    def _better(self, uid: str, match: Match) -> None:
        """The first rule gives the reason; that it opened an incident is the last."""
        known = self._match[uid]
        if known[0] == OPENED or match < known:
            self._match[uid] = match
            self._round.moved.add(uid)

    # Components

    def _touch(self, part: Part) -> None:
        """Note how an incident was before this round changes it."""
        if part not in self._round.touched:
            self._round.touched[part] = None
            part.before = part.view(self._rules)
            part.gained = set()

    def _soil(self, component: Component) -> None:
        """Have a component swept again at the end of the round."""
        for part in component.parts:
            self._touch(part)
        component.dirty = True

    def _union(self, a: str, b: str) -> None:
        """Make the components of two signals one; if both are plain and stay so, their incidents too."""
        first, second = self._component_of[self._part_of[a]], self._component_of[self._part_of[b]]
        if first is second:
            return
        keep, gone = (first, second) if _size(first) >= _size(second) else (second, first)
        plain = all(c.plain and not c.dirty for c in (keep, gone)) and self._plain(keep.parts + gone.parts)
        if plain:
            self._absorb(keep.parts[0], gone.parts[0])
            return
        for part in gone.parts:
            self._component_of[part] = keep
        keep.parts += gone.parts
        keep.plain = False
        self._soil(keep)

    def _plain(self, parts: Sequence[Part]) -> bool:
        """Whether nothing in these could be kept apart, so that being tied is being one incident."""
        environments = {name for part in parts for name in part.environments}
        span = max(part.latest_start for part in parts) - min(part.order[0] for part in parts)
        guarded = self._links.guarded()
        kept_together = all(guarded.isdisjoint(part.classes) for part in parts)
        return len(environments) <= 1 and span <= self._rules.longest and kept_together

    def _absorb(self, keep: Part, gone: Part) -> None:
        self._touch(keep)
        self._touch(gone)
        for uid in gone.units:
            self._part_of[uid] = keep
        self._round.moved.update(gone.units)
        self._leave_index(gone)
        for key in gone.keys:
            self._parts_by_key.setdefault(key, {})[keep] = None
        keep.gained.update(gone.keys)
        keep.gained.update(f"\x1f{event}" for unit in gone.units.values() for event in unit.events)
        for uid in gone.attached:
            places = self._attached_to[uid]
            places.discard(gone)
            places.add(keep)
        self._round.review.update(gone.attached)
        keep.absorb(gone)
        del self._component_of[gone], self._round.touched[gone]
        if gone.keyed_as:
            self._round.changes.unkeyed.add(gone.keyed_as)
        if gone.number:
            self._round.gone.append(gone)

    def _leave_index(self, part: Part) -> None:
        for key in part.keys:
            self._parts_by_key[key].pop(part, None)
            if not self._parts_by_key[key]:
                del self._parts_by_key[key]

    def _sweep_dirty(self) -> None:
        """Sweep dirty components again, and cut them where nothing ties them any more."""
        components = {self._component_of[part]: None for part in list(self._round.touched)}
        for component in components:
            if component.dirty:
                self._sweep(component)

    def _sweep(self, component: Component) -> None:
        units = [self._units[u] for p in component.parts for u in p.units if self._part_of.get(u) is p]
        for part in component.parts:
            self._dispose(part)
        potential = Sweep(self._rules, self._catalog, self._links, potential=True).run(units)
        where = {unit.uid: number for number, group in enumerate(potential) for unit in group.units}
        sweep = Sweep(self._rules, self._catalog, self._links)
        made: dict[int, Component] = {}
        for group in sweep.run(units):
            part = self._make_part(group.units)
            at = where[group.units[0].uid]
            if at in made:
                made[at].parts.append(part)
            else:
                made[at] = Component(part)
            self._component_of[part] = made[at]
        for unit in units:
            if self._match.get(unit.uid) != sweep.joined[unit.uid]:
                self._match[unit.uid] = sweep.joined[unit.uid]
        for new in made.values():
            new.plain = len(new.parts) == 1 and self._plain(new.parts)
        self._round.moved.update(unit.uid for unit in units)

    def _make_part(self, units: Iterable[Unit]) -> Part:
        part = Part()
        for unit in units:
            self._enter(part, unit)
        self._round.touched[part] = None
        return part

    def _dispose(self, part: Part) -> None:
        self._leave_index(part)
        for uid in part.attached:
            self._attached_to[uid].discard(part)
        self._round.review.update(part.attached)
        self._round.gone.append(part)
        del self._component_of[part], self._round.touched[part]
        if part.keyed_as:
            self._round.changes.unkeyed.add(part.keyed_as)

    # What attaches

    def offering(self, key: str, start: int, end: int) -> list[View]:
        """For attaching; see :class:`collector.correlation.attach.Index`."""
        ever = key.startswith("page:")
        self._ensure("incident:", key, -1 if ever else start - NEAR, _FAR if ever else end + NEAR)
        return self._views(self._parts_by_key.get(key, ()))

    def serving(self, service: str, start: int, end: int) -> list[View]:
        """For attaching."""
        key = f"service:{service}"
        self._ensure("incident:", key, start - NEAR, end + NEAR)
        found = self._views(self._parts_by_key.get(key, ()))
        return [view for view in found if view.low - NEAR <= end and start <= view.high + NEAR]

    def holding(self, event: str) -> list[View]:
        """For attaching."""
        uid = self._uid(event)
        if uid is None:
            return []
        self._fetch([uid])
        return self._views([self._part_of[uid]] if uid in self._part_of else [])

    def tied(self, name: str) -> list[View]:
        """For attaching."""
        mates = [uid for uid in self._links.units() if self._links.class_of(uid) == name]
        self._fetch(mates)
        return self._views({self._part_of[uid]: None for uid in mates if uid in self._part_of})

    def taught(self, token: str) -> frozenset[str]:
        """For attaching."""
        self._ensure_lessons(token)
        return frozenset(service for service, count in self._lessons[token].items() if count > 0)

    def _views(self, parts: Iterable[Part]) -> list[View]:
        views = []
        for part in parts:
            view = part.view(self._rules)
            self._by_view[view.key] = part
            views.append(view)
        return views

    def _judge(self) -> None:
        """Judge again everything that what changed could concern."""
        self._relearn()
        for part in [*self._round.touched, *self._round.gone]:
            self._concerned(part)
        if any(part.classes for part in [*self._round.touched, *self._round.gone]):
            self._fetch(sorted(self._links.units()))
            self._round.review |= {uid for uid in self._links.units() if uid not in self._part_of}
        ignored = {entry.event for entry in self._links.ignored}
        self._fetch(sorted(self._round.review))
        for uid in sorted(self._round.review):
            unit = self._units.get(uid)
            for number in self._places.get(uid, ()):
                self._load(number)
            if unit is None or unit.opening:
                self._settle(uid, None, {}, "")
            else:
                self._judge_one(unit, uid in ignored)

    def _relearn(self) -> None:
        for token in self._round.taught:
            self._ensure("learn:", token, -1, _FAR)
            spans = self._found_by.get(f"learn:{token}")
            for uid in list(spans.overlapping(-1, _FAR)) if spans else ():
                unit = self._units[uid]
                # Rewritten in any case: what was fetched just now was indexed by the new lesson, its keys by the old.
                self._round.old_keys.setdefault(uid, set()).update(self._keys_of[uid])
                self._unindex_other(unit)
                self._index_other(unit)
                self._round.changes.units.setdefault(uid, (unit, self._missed.get(uid, "")))
                self._round.review.add(uid)

    def _concerned(self, part: Part) -> None:
        """Note everything that one incident's change may concern."""
        old = part.before
        gone = part not in self._component_of
        new = old if gone else part.view(self._rules)
        views = [view for view in (old, new) if view is not None]
        if not views:
            return
        low, high = min(view.low for view in views), max(view.high for view in views)
        gained = part.gained
        if gone or old is None or new is None or (old.start, old.key, old.environments) != (
            new.start, new.key, new.environments
        ):  # fmt: skip
            gained = gained | set(part.keys)
            gained = gained | {f"\x1f{event}" for unit in part.units.values() for event in unit.events}
            self._round.review.update(part.attached)
        for key in gained:
            self._review_key(key, low - NEAR, high + NEAR)
        if old is not None and new is not None and old.high != new.high:
            self._review_since(min(old.high, new.high), high + NEAR)

    def _review_key(self, key: str, low: int, high: int) -> None:
        if key.startswith("\x1f"):
            kind, key, low, high = "name:", key[1:], -1, _FAR
        else:
            kind = "seek:"
            if key.startswith("page:"):
                low, high = -1, _FAR
        self._ensure(kind, key, low, high)
        spans = self._found_by.get(kind + key)
        if spans:
            self._round.review.update(spans.overlapping(low, high))

    def _review_since(self, low: int, high: int) -> None:
        self._ensure("happened", "", low, high)
        self._round.review.update(self._others.overlapping(low, high))

    def _judge_one(self, unit: Unit, ignored: bool) -> None:
        places, missed = ([], "") if ignored else self._attaching.attach(unit)
        found = {self._by_view[place.view.key]: Place(place.rule, place.reason) for place in places}
        self._settle(unit.uid, unit, found, missed)

    def _settle(self, uid: str, unit: Unit | None, found: dict[Part, Place], missed: str) -> None:
        """Note where a unit is attached now; None where it attaches no more."""
        for part in self._attached_to.pop(uid, set()) - found.keys():
            self._round.listed[part] = None
            part.detach(uid)
        if unit is not None:
            for part in found:
                if part.attached.get(uid) is not unit:
                    self._round.listed[part] = None
                    part.attach(unit)
            if self._missed.get(uid, "") != missed or uid in self._round.changes.units:
                self._round.changes.units[uid] = (unit, missed)
            self._missed[uid] = missed
        if found:
            self._attached_to[uid] = set(found)
        self._round.found[uid] = found
        self._round.moved.add(uid)

    # Numbers

    def _number(self) -> None:
        """Give every incident its number: that of its first part that has one, else a new one."""
        orphans = [(n, anchor, part) for part in self._round.gone for n, anchor in part.numbers.items()]
        alive = {part: None for part in [*self._round.touched, *self._round.listed] if part in self._component_of}
        homeless = []
        for number, anchor, part in orphans:
            home = self._part_of.get(self._uid(anchor) or "")
            if home is None:
                homeless.append((number, anchor, part))
            else:
                home.numbers[number] = anchor
                alive[home] = None
        for part in sorted((part for part in alive if not part.numbers), key=lambda part: part.order):
            part.numbers[self._next] = part.order[1]
            self._round.changes.first.add(self._next)
            self._next += 1
        for part in alive:
            self._choose(part)
        for number, anchor, part in homeless:
            self._homeless[anchor] = number
            self._round.changes.numbers[number] = (anchor, self._whereto(part))
        self._round.alive = alive

    def _choose(self, part: Part) -> None:
        chosen = min(part.numbers, key=lambda number: self._rank(part, number))
        if chosen != part.number:
            self._renumber(part, chosen)
        for number, anchor in part.numbers.items():
            if part.known_numbers.get(number) != chosen:
                self._round.changes.numbers[number] = (anchor, chosen)
        part.known_numbers = dict.fromkeys(part.numbers, chosen)
        self._loaded.update(part.numbers)

    def _rank(self, part: Part, number: int) -> tuple[bool, int, str, int]:
        """Numbers by the start of what they hang on; one that hangs on nothing here comes last."""
        uid = self._uid(part.numbers[number]) or ""
        start, first = part.units[uid].order if self._part_of.get(uid) is part else (_FAR, "")
        return (number >= self._settled, start, first, number)

    def _renumber(self, part: Part, number: int) -> None:
        self._round.moved.update(part.units)
        for uid in part.attached.keys() - self._round.found.keys():
            self._round.renumbered.setdefault(uid, {})[part.number] = number
            self._round.moved.add(uid)
        part.number = number

    def _whereto(self, part: Part) -> int | None:
        """The incident that the first of a vanished one's signals went to."""
        for unit in sorted(part.units.values(), key=lambda unit: unit.order):
            if unit.uid in self._part_of:
                return self._part_of[unit.uid].number
        return None

    # What is kept

    def _write(self) -> None:
        changes = self._round.changes
        for part in self._round.alive:
            self._write_keys(part)
        for component in {self._component_of[part]: None for part in self._round.alive}:
            name = min(part.number for part in component.parts)
            for part in component.parts:
                if part in self._round.alive or part.shelved != (part.number, name):
                    changes.incidents[part.number] = (part.summary(self._rules), name)
                    part.shelved = (part.number, name)
        for uid in self._round.moved:
            self._write_places(uid)
        for uid, (unit, _) in changes.units.items():
            self._write_unit_keys(uid, unit)
        for uid in changes.dropped:
            self._write_unit_keys(uid, None)
            for known in (self._missed, self._match, self._places):
                known.pop(uid, None)
        for token, service, _ in list(changes.lessons):
            changes.lessons.discard((token, service, 0))
            changes.lessons.add((token, service, self._lessons[token][service]))
        for event, home in changes.homes.items():
            if home[1]:
                self._home[event] = home
            else:
                self._home.pop(event, None)

    def _write_keys(self, part: Part) -> None:
        changes = self._round.changes
        keys: Iterable[str] = part.gained & part.keys.keys()
        if part.number != part.keyed_as:
            if part.keyed_as:
                changes.unkeyed.add(part.keyed_as)
            keys, part.keyed_as = part.keys, part.number
        changes.incident_keys.update((key, part.number) for key in keys)

    def _write_places(self, uid: str) -> None:
        before = self._places.get(uid, {})
        after = self._places_of(uid, before)
        for number in before.keys() - after.keys():
            self._round.changes.places[(uid, number)] = None
        for number, place in after.items():
            if before.get(number) != place:
                self._round.changes.places[(uid, number)] = place
        if before.keys() != after.keys():
            unit = self._units.get(uid) or self._round.changes.dropped.get(uid, _NOBODY)
            self._round.changes.moves[uid] = Move(unit.start, frozenset(before), frozenset(after))
        self._places[uid] = after

    def _places_of(self, uid: str, before: dict[int, Place]) -> dict[int, Place]:
        part = self._part_of.get(uid)
        if part is not None:
            match = self._match[uid]
            why = reason(self._units[uid], match, self._rules, self._catalog)
            return {part.number: Place(RULE_NAMES[match[0]], why, match[1])}
        if uid in self._round.found:
            return {part.number: place for part, place in self._round.found[uid].items()}
        moved = self._round.renumbered.get(uid, {})
        return {moved.get(number, number): place for number, place in before.items()} if uid in self._units else {}

    def _write_unit_keys(self, uid: str, unit: Unit | None) -> None:
        """The keys by which a unit is found on the shelf; those it had and has no more go."""
        changes = self._round.changes
        keys: Iterable[str] = ()
        cover = 0
        if unit is not None and unit.opening:
            keys, cover = [f"tie:{key}" for key in keys_of(unit)], unit.reach + self._rules.gap
        elif unit is not None:
            keys, cover = self._keys_of[uid], unit.last
        for key in self._round.old_keys.get(uid, ()):
            changes.keys[(key, uid)] = None
        if unit is not None:
            changes.keys.update({(key, uid): (unit.start, cover) for key in keys})


_NOBODY = Unit(uid="", kind="", fold="", events=(), start=0, end=None, reach=0, last=0)
_LAST = "\U0010ffff"


def _service_key(service: str, environment: str | None) -> str:
    return f"service:{service}\x1f{environment or ''}"


def _apart(a: str | None, b: str | None) -> bool:
    """Whether two environments are two named ones."""
    return a is not None and b is not None and a != b


def _size(component: Component) -> int:
    return sum(len(part) for part in component.parts)


def _lasts_differently(old: Unit, new: Unit) -> bool:
    """Whether two versions of a signal differ only in how long it lasts and what more was told of it."""
    same = msgspec.structs.replace(
        old, end=new.end, reach=new.reach, events=new.events, last=new.last, state=new.state, taken=new.taken
    )
    return same == new


def _standing(links: Links, uid: str) -> tuple[str | None, frozenset[str], str]:
    """What people's words mean for a unit."""
    name = links.class_of(uid)
    return name, frozenset(links.barred(name)) if name is not None else frozenset(), links.by(uid)
