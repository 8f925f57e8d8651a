"""People's words on what belongs together, kept consistent from round to round."""

from __future__ import annotations

from collections.abc import Sequence

from collector.closing import Word
from collector.correlation.facts import Links, is_link, named_events
from collector.correlation.held import Held
from collector.correlation.rounds import Changed
from collector.event import RecordedEvent, is_retracted


class Linking:
    """Which units people tied together or keep apart."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def recall(self) -> None:
        """Before the first round: read what people said so far."""
        held = self._held
        known = [] if held.complete else held.shelf.links()
        held.facts = {fact.id: fact for fact in known}
        held.named = frozenset(name for fact in known for name in named_events(fact))
        if known:
            held.links = self._linked()

    def relink(self, batch: Sequence[RecordedEvent], changed: Changed) -> set[str]:
        """Take new words in; the units for which people's words mean something else than before."""
        held = self._held
        if self._take(batch):
            held.named = frozenset(name for fact in (held.facts or {}).values() for name in named_events(fact))
        elif not self._names_any(changed):
            return set()
        before, held.links = held.links, self._linked()
        held.round.changes.ignored = tuple(held.links.ignored)
        old_ignored = {entry.event for entry in before.ignored}
        held.round.review |= old_ignored ^ {entry.event for entry in held.links.ignored}
        units = before.units() | held.links.units() | before.turned() | held.links.turned()
        return {uid for uid in units if _standing(before, uid) != _standing(held.links, uid)}

    def _take(self, batch: Sequence[RecordedEvent]) -> bool:
        """Note the words in a batch; whether there are any, or one was taken back."""
        facts = self._held.facts if self._held.facts is not None else {}
        turned = [event for event in batch if is_link(event) or event.id in facts]
        for event in turned:
            known = facts.get(event.id)
            if known is None or known.revision <= event.revision:
                if is_retracted(event) or not is_link(event):
                    facts.pop(event.id, None)
                else:
                    facts[event.id] = event
        return bool(turned)

    def _names_any(self, changed: Changed) -> bool:
        """Whether people's words name an event of these units."""
        if not self._held.named:
            return False
        events = (event for pair in changed.values() for unit in pair if unit is not None for event in unit.events)
        return not self._held.named.isdisjoint(events)

    def _linked(self) -> Links:
        return Links(list((self._held.facts or {}).values()), self._held.uids(self._held.named))


def _standing(links: Links, uid: str) -> tuple[str | None, frozenset[str], str, tuple[Word, ...]]:
    """What people's words mean for a unit."""
    name = links.class_of(uid)
    barred = frozenset(links.barred(name)) if name is not None else frozenset()
    return name, barred, links.by(uid), links.turns(uid)
