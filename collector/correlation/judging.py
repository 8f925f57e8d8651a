"""What attaches, judged again where a change could concern it.

An attaching unit is judged when it is new, when an incident gained or lost
something that it looks for, and when a lesson on a repository changed. What is
found is always judged against all incidents that it could join.
"""

from __future__ import annotations

from collector.correlation.attach import NEAR
from collector.correlation.changes import Place
from collector.correlation.held import Held, Wanted
from collector.correlation.parts import Part
from collector.correlation.signals import Unit
from collector.correlation.spans import FAR


class Judging:
    """The third step of a round: incidents that changed → who attaches to them."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def judge(self) -> None:
        """Judge again everything that what changed could concern."""
        held, noted = self._held, self._held.round
        self._relearn()
        concerned = [*noted.touched, *noted.gone]
        self._review_names(self._gained_events(concerned))
        self._review_keys([wanted for part in concerned for wanted in self._concern(part)])
        if any(part.classes for part in concerned):
            held.fetch(sorted(held.links.units()))
            noted.review |= {uid for uid in held.links.units() if uid not in held.part_of}
        ignored = {entry.event for entry in held.links.ignored}
        held.fetch(sorted(noted.review))
        for uid in sorted(noted.review):
            for number in held.places.get(uid, ()):
                held.load(number)
            unit = held.units.get(uid)
            if unit is None or unit.opening:
                self._settle(uid, None, {}, "")
            else:
                self._judge_one(unit, uid in ignored)

    # Who is to be judged

    def _relearn(self) -> None:
        held = self._held
        for token in held.round.taught:
            held.ensure(f"learn:{token}", -1, FAR)
            for uid in list(held.index.found_by(f"learn:{token}", -1, FAR)):
                unit = held.units[uid]
                # Rewritten in any case: what was fetched just now was indexed by the new lesson, its keys by the old.
                held.round.old_keys.setdefault(uid, set()).update(held.index.keys_of[uid])
                held.unindex_other(unit)
                held.index_other(unit)
                held.round.changes.units.setdefault(uid, (unit, held.missed.get(uid, "")))
                held.round.review.add(uid)

    def _gained_events(self, parts: list[Part]) -> set[str]:
        """Events that are in another incident than before, or in one that attaching sees differently."""
        found: set[str] = set()
        for part in parts:
            found |= part.gained_events
            if self._looks_different(part):
                found.update(event for unit in part.units.values() for event in unit.events)
        return found

    def _looks_different(self, part: Part) -> bool:
        """Whether an incident is new, gone, or another than before to all that could attach to it."""
        old = part.before
        if part not in self._held.component_of or old is None:
            return True
        new = part.view(self._held.rules)
        return (old.start, old.key, old.environments) != (new.start, new.key, new.environments)

    def _concern(self, part: Part) -> list[Wanted]:
        """Note what one incident's change may concern; what looks for these keys may be concerned as well."""
        held, old = self._held, part.before
        new = old if part not in held.component_of else part.view(held.rules)
        views = [view for view in (old, new) if view is not None]
        if not views:
            return []
        low, high = min(view.low for view in views), max(view.high for view in views)
        gained = set(part.gained)
        if self._looks_different(part):
            gained |= part.keys.keys()
            held.round.review.update(part.attached)
        if old is not None and new is not None and old.high != new.high:
            self._review_since(min(old.high, new.high), high + NEAR)
        return [
            (f"seek:{key}", -1, FAR) if key.startswith("page:") else (f"seek:{key}", low - NEAR, high + NEAR)
            for key in gained
        ]

    def _review_keys(self, sought: list[Wanted]) -> None:
        self._held.ensure_all(sought)
        for key, low, high in sought:
            self._held.round.review.update(self._held.index.found_by(key, low, high))

    def _review_names(self, events: set[str]) -> None:
        """Who names one of these events joins the incident it is in, whenever that was."""
        held = self._held
        if not held.complete:
            held.fetch(held.shelf.naming(sorted(events)))
        for event in events:
            held.round.review.update(held.index.found_by(f"name:{event}", -1, FAR))

    def _review_since(self, low: int, high: int) -> None:
        self._held.ensure_happened(low, high)
        self._held.round.review.update(self._held.index.others.overlapping(low, high))

    # Judging

    def _judge_one(self, unit: Unit, ignored: bool) -> None:
        held = self._held
        places, missed = ([], "") if ignored else held.attaching.attach(unit)
        found = {held.round.by_view[place.view.key]: Place(place.rule, place.reason) for place in places}
        self._settle(unit.uid, unit, found, missed)

    def _settle(self, uid: str, unit: Unit | None, found: dict[Part, Place], missed: str) -> None:
        """Note where a unit is attached now; None where it attaches no more."""
        held, noted = self._held, self._held.round
        for part in held.attached_to.pop(uid, set()) - found.keys():
            noted.listed[part] = None
            part.detach(uid)
        if unit is not None:
            for part in found:
                if part.attached.get(uid) is not unit:
                    noted.listed[part] = None
                    part.attach(unit)
            if held.missed.get(uid, "") != missed or uid in noted.changes.units:
                noted.changes.units[uid] = (unit, missed)
            held.missed[uid] = missed
        if found:
            held.attached_to[uid] = set(found)
        noted.found[uid] = found
        noted.moved.add(uid)
