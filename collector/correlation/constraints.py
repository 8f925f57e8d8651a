"""What people said about which events belong together.

Facts name events, never numbers. They are taken newest first; one that
contradicts newer ones is ignored, and said to be. What remains is a set of
classes (signals that people tied together) and of bars between classes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from collector.correlation.values import Unjoined
from collector.event import MACHINE, RecordedEvent, refs_of
from collector.semantics.closing import REOPENED, RESOLVED, Word, word_of

TURNS = frozenset({RESOLVED, REOPENED})
LINKING = frozenset({"incident.joined", "incident.left", "incident.merged", "incident.split", *TURNS})
"""Types by which a person ties events together or keeps them apart, also by saying that an incident is over."""


def is_link(event: RecordedEvent) -> bool:
    """Whether an event is a person's word on what belongs together."""
    return event.type in LINKING and event.source != MACHINE


def named_events(fact: RecordedEvent) -> tuple[str, ...]:
    """Every event that a person's word on grouping names."""
    if fact.type in TURNS:
        return tuple(_keys(fact))
    return tuple(sorted({name for pair in (*_ties(fact), *_bars(fact)) for name in pair}))


def _keys(fact: RecordedEvent) -> list[str]:
    return refs_of(fact, "incident:")


def _listed(fact: RecordedEvent) -> list[str]:
    events = fact.data.get("events", ())
    names = [fact.data.get("event"), *(events if isinstance(events, list | tuple) else ())]
    return sorted({name for name in names if isinstance(name, str) and name})


def _ties(fact: RecordedEvent) -> list[tuple[str, str]]:
    if fact.type == "incident.joined":
        return [(event, key) for event in _listed(fact) for key in _keys(fact)]
    if fact.type == "incident.merged":
        into, source = fact.data.get("into"), fact.data.get("from")
        return [(source, into)] if isinstance(into, str) and isinstance(source, str) else []
    if fact.type == "incident.split":
        events = _listed(fact)
        return [(events[0], event) for event in events[1:]]
    return []


def _bars(fact: RecordedEvent) -> list[tuple[str, str]]:
    if fact.type in {"incident.left", "incident.split"}:
        return [(event, key) for event in _listed(fact) for key in _keys(fact)]
    return []


def stated(event: RecordedEvent) -> tuple[int, str]:
    """The order of people's facts: by when they were said, then by id."""
    at = event.data.get("stated_at")
    return (at if isinstance(at, int) else event.occurred_at, event.id)


class Constraints:
    """People's facts made consistent: classes of signals, bars between them, and when a signal's incident was over."""

    def __init__(self, facts: Iterable[RecordedEvent], signal_of: Mapping[str, str]) -> None:
        self._parent: dict[str, str] = {}
        self._bars: dict[str, set[str]] = {}
        self._by: dict[str, str] = {}
        self._signal_of = signal_of
        self._turns: dict[str, tuple[Word, ...]] = {}
        self._reopened: list[tuple[int, str]] = []
        self.ignored: list[Unjoined] = []
        for fact in sorted(facts, key=stated, reverse=True):
            if fact.type in TURNS:
                self._turn(fact)
                continue
            reason = self._contradiction(fact)
            if reason:
                self.ignored.append(Unjoined(event=fact.id, reason=reason))
            else:
                self._follow(fact)
        self._reopened.sort()

    def linked_group(self, signal_id: str) -> str | None:
        """The class of a signal; None for one that no person tied or kept apart."""
        if signal_id not in self._parent:
            return None
        while self._parent[signal_id] != signal_id:
            signal_id = self._parent[signal_id]
        return signal_id

    def cannot_link(self, name: str) -> set[str]:
        """Classes that may not be in one incident with this class."""
        return {self._root(other) for other in self._bars.get(name, ())}

    def constrained(self) -> set[str]:
        """Classes that may not be together with some other one."""
        return set(self._bars)

    def turns(self, signal_id: str) -> tuple[Word, ...]:
        """What people said on whether the incident of a signal is over, naming an event of it; in their order."""
        return self._turns.get(signal_id, ())

    def turned(self) -> set[str]:
        """Every signal of which they said so."""
        return set(self._turns)

    def reopened(self, low: int, high: int) -> list[str]:
        """Every signal of which they said from ``low`` to ``high`` that its incident is open again."""
        at = bisect_left(self._reopened, (low, ""))
        return [signal_id for _, signal_id in self._reopened[at : bisect_left(self._reopened, (high + 1, ""))]]

    def _turn(self, fact: RecordedEvent) -> None:
        word = word_of(fact)
        for name in _keys(fact):
            signal_id = self._signal_of.get(name)
            if word is not None and signal_id is not None:
                self._turns[signal_id] = tuple(
                    sorted((*self._turns.get(signal_id, ()), word), key=lambda each: each.order)
                )
                if word.type == REOPENED:
                    self._reopened.append((word.at, signal_id))

    def by(self, signal_id: str) -> str:
        """Who tied a signal, newest first."""
        return self._by.get(signal_id, "a person")

    def signals(self) -> set[str]:
        """Every signal that a person tied or kept apart."""
        return set(self._parent)

    def _root(self, signal_id: str) -> str:
        self._parent.setdefault(signal_id, signal_id)
        return self.linked_group(signal_id) or signal_id

    def _contradiction(self, fact: RecordedEvent) -> str:
        """Why a fact cannot be followed beside newer ones; empty if it can."""
        pairs = [*_ties(fact), *_bars(fact)]
        if not pairs:
            return "it names no event and no incident"
        if any(self._signal_of.get(name) is None for pair in pairs for name in pair):
            return "it names an event that is not known"
        if any(self._signal_of[a] == self._signal_of[b] for a, b in _bars(fact)):
            return "it would take a signal out of its own incident"
        trial = {signal_id: signal_id for signal_id in self._roots_of(pairs)}
        ties = [(self._root(self._signal_of[a]), self._root(self._signal_of[b])) for a, b in _ties(fact)]
        bars = [(self._root(self._signal_of[a]), self._root(self._signal_of[b])) for a, b in _bars(fact)]
        for a, b in ties:
            merged = trial[a]
            trial = {k: trial[b] if v == merged else v for k, v in trial.items()}
        return "a newer word of a person says otherwise" if self._clash(trial, bars) else ""

    def _roots_of(self, pairs: list[tuple[str, str]]) -> set[str]:
        return {self._root(self._signal_of[name]) for pair in pairs for name in pair}

    def _clash(self, trial: Mapping[str, str], bars: list[tuple[str, str]]) -> bool:
        if any(trial[a] == trial[b] for a, b in bars):
            return True
        return any(
            trial[signal_id] == trial[other]
            for signal_id in trial
            for other in self.cannot_link(signal_id)
            if other in trial
        )

    def _follow(self, fact: RecordedEvent) -> None:
        actor = fact.actor or "a person"
        for a, b in _ties(fact):
            self._tie(self._signal_of[a], self._signal_of[b], actor)
        for a, b in _bars(fact):
            first, second = self._root(self._signal_of[a]), self._root(self._signal_of[b])
            self._bars.setdefault(first, set()).add(second)
            self._bars.setdefault(second, set()).add(first)

    def _tie(self, a: str, b: str, actor: str) -> None:
        self._by.setdefault(a, actor)
        self._by.setdefault(b, actor)
        keep, absorbed = sorted((self._root(a), self._root(b)))
        if keep == absorbed:
            return
        self._parent[absorbed] = keep
        if bars := self._bars.pop(absorbed, None):
            self._bars.setdefault(keep, set()).update(bars)
