"""People's words on what belongs together, kept consistent from round to round."""

from __future__ import annotations

from collections.abc import Sequence

from collector.correlation.changes import Changed
from collector.correlation.constraints import Constraints, is_link, named_events
from collector.correlation.memory import Loader
from collector.event import RecordedEvent, is_retracted
from collector.semantics.closing import Word


class Linking:
    """Which signals people tied together or keep apart."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round

    def recall(self) -> None:
        """Before the first round: read what people said so far."""
        memory = self._memory
        statements = [] if memory.complete else self._loader.store.links()
        memory.facts = {fact.id: fact for fact in statements}
        memory.events_named = frozenset(name for fact in statements for name in named_events(fact))
        if statements:
            memory.constraints = self._linked()

    def relink(self, batch: Sequence[RecordedEvent], changed: Changed) -> set[str]:
        """Take new words in; the signals for which people's words mean something else than before."""
        memory = self._memory
        if self._take(batch):
            memory.events_named = frozenset(
                name for fact in (memory.facts or {}).values() for name in named_events(fact)
            )
        elif not self._names_any(changed):
            return set()
        before, memory.constraints = memory.constraints, self._linked()
        self._round.changes.ignored = tuple(memory.constraints.ignored)
        old_ignored = {entry.event for entry in before.ignored}
        self._round.review |= old_ignored ^ {entry.event for entry in memory.constraints.ignored}
        signals = before.signals() | memory.constraints.signals() | before.turned() | memory.constraints.turned()
        return {
            signal_id
            for signal_id in signals
            if _standing(before, signal_id) != _standing(memory.constraints, signal_id)
        }

    def _take(self, batch: Sequence[RecordedEvent]) -> bool:
        """Note the words in a batch; whether there are any, or one was taken back."""
        facts = self._memory.facts if self._memory.facts is not None else {}
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
        """Whether people's words name an event of these signals."""
        if not self._memory.events_named:
            return False
        events = (
            event for pair in changed.values() for signal in pair if signal is not None for event in signal.events
        )
        return not self._memory.events_named.isdisjoint(events)

    def _linked(self) -> Constraints:
        return Constraints(
            list((self._memory.facts or {}).values()), self._loader.signal_ids(self._memory.events_named)
        )


def _standing(constraints: Constraints, signal_id: str) -> tuple[str | None, frozenset[str], str, tuple[Word, ...]]:
    """What people's words mean for a signal."""
    name = constraints.linked_group(signal_id)
    cannot_link = frozenset(constraints.cannot_link(name)) if name is not None else frozenset()
    return name, cannot_link, constraints.by(signal_id), constraints.turns(signal_id)
