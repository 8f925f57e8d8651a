"""Entities folded again when their events change, no more of each than the change concerns.

An alert's episodes before a settled one (proven to have ended before the
change begins) stay what they are, so an alert that fires for the thousandth
time costs what it cost the first time. Any other entity is small and is folded
as a whole. Events are read back from the log when they are needed: those of
many entities at once, but not of all where a round touches a thousand long ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collector.correlation.changes import Changed
from collector.correlation.memory import Loader
from collector.correlation.signals import SEPARATOR, Signal, entity_keys, fold
from collector.event import RecordedEvent, is_retracted
from collector.semantics.episodes import proves_its_start

_EVER = -1
TOGETHER = 4_000
"""How many events are read back at a time: one that was read takes some 4 kB."""


class _Entity:
    """One entity in this round: what came, what went, and from when on it has to be folded."""

    __slots__ = ("added", "before", "bounded", "removed", "since")

    def __init__(self) -> None:
        self.added: dict[str, RecordedEvent] = {}
        self.removed: set[str] = set()
        self.since = 1 << 62
        self.before: list[Signal] = []
        self.bounded: Signal | None = None
        """The settled signal before those that are folded."""

    def put(self, event: RecordedEvent) -> None:
        """An event came, or came again; of its revisions the newest counts."""
        if event.id not in self.added or self.added[event.id].revision <= event.revision:
            self.added[event.id] = event
            self.removed.discard(event.id)

    def drop(self, event: str) -> None:
        """An event went."""
        self.added.pop(event, None)
        self.removed.add(event)

    def widen(self, since: int) -> None:
        """It has to be folded from here on, at least."""
        self.since = min(self.since, since)

    def follow(self, signals: list[Signal], settled: Signal | None) -> None:
        """These signals of it are folded again, by start, and this is the settled one before them."""
        self.before, self.bounded = signals, settled

    def alone(self, key: str) -> bool:
        """Whether it is nothing but an event that came just now."""
        amended = any(event.revision for event in self.added.values())
        return key.startswith("event" + SEPARATOR) and not amended and not self.removed


class Refolding:
    """The first step of a round: events → the signals that came, went or changed."""

    def __init__(self, loader: Loader) -> None:
        self._loader, self._memory, self._round = loader, loader.memory, loader.round
        self._last: dict[str, list[Signal]] = {}
        """Of the entities that this round asked the store for: their last signals, latest first."""

    def refold(self, batch: Sequence[RecordedEvent]) -> Changed:
        """Fold the entities that these events are of."""
        entities: dict[str, _Entity] = {}
        for event in batch:
            self._sort_in(event, entities)
        self._ask_store(entities)
        for key, entity in entities.items():
            entity.follow(*self._signals_before(key, entity))
        changed: Changed = {}
        for some in _together(entities):
            told = self._read(some)
            for key, entity in some.items():
                self._fold(key, entity, told, changed)
        return changed

    def _sort_in(self, event: RecordedEvent, entities: dict[str, _Entity]) -> None:
        keys = () if is_retracted(event) else entity_keys(event)
        before, since = self._folds_before(event)
        for key in dict.fromkeys((*before, *keys)):
            entity = entities.setdefault(key, _Entity())
            # What is taken back matters from where it began, too: a firing told again took ends from the one before it.
            entity.widen(min(since, _begins(event)))
            if key in keys:
                entity.put(event)
            else:
                entity.drop(event.id)
        if before != keys:
            self._round.changes.fold(event.id, "", keys)

    def _folds_before(self, event: RecordedEvent) -> tuple[tuple[str, ...], int]:
        """The entities an event was folded into, and the start of the signal it was in."""
        noted = self._round.changes.homes.get(event.id)
        if noted is not None:
            return noted[1], 1 << 62
        if event.revision == 0:
            return (), 1 << 62
        signal_id = self._loader.signal_id(event.id)
        if signal_id is not None:
            self._loader.fetch([signal_id])
        signal = self._memory.signals.get(signal_id or "")
        return self._loader.store.entity_keys(event.id), _EVER if signal is None else signal.start

    # What there was

    def _ask_store(self, entities: dict[str, _Entity]) -> None:
        """The last signals of the entities whose signals memory does not reach far enough back for, of all at once."""
        keys = [key for key, entity in entities.items() if not entity.alone(key) and self._beyond_memory(key, entity)]
        found = self._loader.store.last_signals(keys) if keys else {}
        self._last = {key: found.get(key, []) for key in keys}

    def _beyond_memory(self, key: str, entity: _Entity) -> bool:
        whole, _ = self._memory.tails.get(key, (self._memory.complete, ()))
        return not whole and self._walk_memory(key, _since(key, entity), []) is None

    def _signals_before(self, key: str, entity: _Entity) -> tuple[list[Signal], Signal | None]:
        """The signals to fold again, by start, and the settled one before them."""
        return ([], None) if entity.alone(key) else self._walk_back(key, _since(key, entity))

    def _walk_back(self, key: str, since: int) -> tuple[list[Signal], Signal | None]:
        """An entity's last signals, back to one that ended before ``since`` and before the next began."""
        signals: list[Signal] = []
        settled = self._walk_memory(key, since, signals)
        whole, _ = self._memory.tails.get(key, (self._memory.complete, ()))
        if settled is None and not whole:
            settled = self._walk_store(key, min([since, *(signal.start for signal in signals)]), signals)
        return signals[::-1], settled

    def _walk_memory(self, key: str, since: int, signals: list[Signal]) -> Signal | None:
        """As far as memory reaches: what was found on the way, and the settled one; None where it lies further back."""
        _, tail = self._memory.tails.get(key, (False, ()))
        for signal_id in reversed(tail):
            signal = self._memory.signals[signal_id]
            if signal.end is not None and signal.end < since:
                return signal
            signals.append(signal)
            since = min(since, signal.start)
        return None

    def _walk_store(self, key: str, since: int, signals: list[Signal]) -> Signal | None:
        """The same, further back than memory reaches."""
        signal_ids, settled = [], None
        for signal in self._signals_of(key, signals):
            if signal.end is not None and signal.end < since:
                settled = signal
                break
            signal_ids.append(signal.id)
            since = min(since, signal.start)
        self._loader.fetch(signal_ids)
        signals += [self._memory.signals[signal_id] for signal_id in signal_ids if signal_id in self._memory.signals]
        return settled

    def _signals_of(self, key: str, found: list[Signal]) -> Iterator[Signal]:
        """The signals of an entity before those already found, latest first."""
        start = found[-1].start if found else 1 << 62
        if key in self._last:
            last = self._last[key]
            yield from (signal for signal in last if signal.start < start)
            if len(last) < 2:
                return
            start = min(start, last[-1].start)
        yield from self._loader.store.signals_before(key, start)

    def _read(self, entities: dict[str, _Entity]) -> dict[str, RecordedEvent]:
        """What the log says of the events in the signals that are folded again."""
        ids = {
            event: None
            for entity in entities.values()
            for signal in entity.before
            for event in signal.events
            if event not in entity.added and event not in entity.removed
        }
        return {event.id: event for event in self._loader.store.events(list(ids))} if ids else {}

    # What there is

    def _fold(self, key: str, entity: _Entity, told: dict[str, RecordedEvent], changed: Changed) -> None:
        events = self._events(key, entity, told)
        if entity.bounded is not None and not all(map(proves_its_start, events.values())):
            # Where it began depends on any firing before it.
            entity.follow(*self._walk_back(key, _EVER))
            events = self._events(key, entity, self._read({key: entity}))
        before = {signal.id: signal for signal in entity.before}
        after = {signal.id: signal for signal in fold(key, events.values(), self._memory.rules, self._memory.catalog)}
        for signal_id in before.keys() | after.keys():
            old, new = before.get(signal_id), after.get(signal_id)
            if old != new:
                known = changed.get(signal_id, (None, None))
                changed[signal_id] = (old or known[0], new or known[1])
        self._note_homes(before, after.values(), events)
        self._keep_tail(key, entity.bounded, list(after.values()))

    def _events(self, key: str, entity: _Entity, read_events: dict[str, RecordedEvent]) -> dict[str, RecordedEvent]:
        if key.startswith("report" + SEPARATOR):
            # What influences a report is in signals of its own.
            events = {event.id: event for event in self._loader.store.report(key)}
        else:
            events = {
                event: read_events[event] for signal in entity.before for event in signal.events if event in read_events
            }
        events = {event: one for event, one in events.items() if event not in entity.removed}
        return {**events, **entity.added}

    def _note_homes(self, before: dict[str, Signal], after: Iterable[Signal], events: dict[str, RecordedEvent]) -> None:
        changes = self._round.changes
        homes = changes.homes
        for signal in after:
            old = before.get(signal.id)
            known = set(old.events) if old is not None else set()
            for event in signal.events:
                if event not in known or event in homes:
                    changes.fold(event, signal.id, homes[event][1] if event in homes else entity_keys(events[event]))

    def _keep_tail(self, key: str, settled: Signal | None, after: list[Signal]) -> None:
        """Remember an entity's last signals, from the last one on that is settled."""
        at = 0
        if key.startswith("alert" + SEPARATOR):
            at = max((i for i, signal in enumerate(after) if _settled(signal, after[i + 1 : i + 2])), default=0)
        tail = after[at:]
        if at == 0 and settled is not None and settled.id in self._memory.signals:
            tail = [settled, *tail]
        if (tail or settled) and not key.startswith("event" + SEPARATOR):
            self._memory.put_tail(key, tail, whole=at == 0 and settled is None)
        else:
            self._memory.drop_tail(key)


def _together(entities: dict[str, _Entity]) -> Iterator[dict[str, _Entity]]:
    """The entities in their order, as many at a time as their events allow, and one at least."""
    batch: dict[str, _Entity] = {}
    count = 0
    for key, entity in entities.items():
        size = sum(len(signal.events) for signal in entity.before)
        if batch and count + size > TOGETHER:
            yield batch
            batch, count = {}, 0
        batch[key] = entity
        count += size
    yield batch


def _settled(signal: Signal, following: Sequence[Signal]) -> bool:
    """Whether an episode's end is proven, and not only the beginning of the next."""
    return signal.end is not None and all(signal.end < other.start for other in following)


def _since(key: str, entity: _Entity) -> int:
    """From when on it has to be folded: other entities than alerts as a whole."""
    return entity.since if key.startswith("alert" + SEPARATOR) else _EVER


def _begins(event: RecordedEvent) -> int:
    """The first moment that an event says something of."""
    start = event.data.get("starts_at")
    return min(start, event.occurred_at) if isinstance(start, int) else event.occurred_at
