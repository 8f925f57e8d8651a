"""People's words on what belongs together, kept consistent from round to round."""

from __future__ import annotations

from collections.abc import Sequence

from collector.correlation.changes import Changed
from collector.correlation.constraints import Constraints, is_link, named_events
from collector.correlation.memory import Loader, Memory
from collector.event import RecordedEvent, is_retracted
from collector.semantics.closing import Word


def recall(loader: Loader) -> None:
    """Before the first round: read what people said so far."""
    memory = loader.memory
    statements = [] if memory.complete else loader.store.links()
    _link(memory, {fact.id: fact for fact in statements})
    if statements:
        memory.constrain(_constraints(loader))


def relink(loader: Loader, batch: Sequence[RecordedEvent], changed: Changed) -> set[str]:
    """Take new words in; the signals for which people's words mean something else than before."""
    memory, noted = loader.memory, loader.round
    if (facts := _facts(memory, batch)) is not None:
        _link(memory, facts)
    elif not _names_any(memory, changed):
        return set()
    before, after = memory.constraints, _constraints(loader)
    memory.constrain(after)
    noted.changes.ignore(after.ignored)
    noted.review(*{entry.event for entry in before.ignored} ^ {entry.event for entry in after.ignored})
    signals = before.signals() | after.signals() | before.turned() | after.turned()
    return {signal_id for signal_id in signals if _standing(before, signal_id) != _standing(after, signal_id)}


def _link(memory: Memory, facts: dict[str, RecordedEvent]) -> None:
    memory.link(facts, frozenset(name for fact in facts.values() for name in named_events(fact)))


def _facts(memory: Memory, batch: Sequence[RecordedEvent]) -> dict[str, RecordedEvent] | None:
    """People's words with those of a batch; None where it has none, and takes none back."""
    facts = memory.facts or {}
    turned = [event for event in batch if is_link(event) or event.id in facts]
    if not turned:
        return None
    facts = dict(facts)
    for event in turned:
        known = facts.get(event.id)
        if known is None or known.revision <= event.revision:
            if is_retracted(event) or not is_link(event):
                facts.pop(event.id, None)
            else:
                facts[event.id] = event
    return facts


def _names_any(memory: Memory, changed: Changed) -> bool:
    """Whether people's words name an event of these signals."""
    if not memory.events_named:
        return False
    events = (event for pair in changed.values() for signal in pair if signal is not None for event in signal.events)
    return not memory.events_named.isdisjoint(events)


def _constraints(loader: Loader) -> Constraints:
    memory = loader.memory
    return Constraints(list((memory.facts or {}).values()), loader.signal_ids(memory.events_named))


def _standing(constraints: Constraints, signal_id: str) -> tuple[str | None, frozenset[str], str, tuple[Word, ...]]:
    """What people's words mean for a signal."""
    name = constraints.linked_group(signal_id)
    cannot_link = frozenset(constraints.cannot_link(name)) if name is not None else frozenset()
    return name, cannot_link, constraints.by(signal_id), constraints.turns(signal_id)
