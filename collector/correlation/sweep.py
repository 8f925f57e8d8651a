"""Opening signals swept into groups, in the order of their starts.

Each signal joins the groups holding a member that one of the rules ties
to it; several become one, none opens one. The cost per signal does
not grow with its group: for every key a group keeps only how far its members
reach, and groups that merged share one entry from then on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence, Set
from heapq import heappop, heappush
from typing import TypeVar

from collector.correlation.catalog import Catalog, Rules
from collector.correlation.constraints import Constraints
from collector.correlation.interval_index import Order
from collector.correlation.matches import (
    AGAIN,
    OPENED,
    PAGE,
    PERSON,
    REOPENING,
    SERVICE,
    STORM,
    Match,
    key_match,
    service_match,
    storm_match,
)
from collector.correlation.signals import FIRED, PAGED, SEPARATOR, Signal
from collector.names import PRODUCTION, apart, elsewhere, narrowest
from collector.semantics.closing import REOPENED, RESOLVED, Word, judged

_EVER = 1 << 62
K = TypeVar("K")
Recent = dict[tuple[str, str | None, bool], int]


class Group:
    """Signals that are one incident, while the sweep goes on."""

    def __init__(self, signal: Signal, called: Set[str] = frozenset(), name: str | None = None) -> None:
        """Of one signal: ``called`` are those that pages of it called, ``name`` is its class of people's."""
        self.order = self.whole_since = signal.order
        """What it begins with, and the signal by which it became one the last time."""
        self.signals = [signal]
        self.environments = {signal.environment} if signal.environment else set()
        self.classes: set[str] = set() if name is None else {name}
        self.paged_until = signal.reach if signal.paging else -1
        self.pages = [signal] if signal.kind == "page" else []
        self.page_targets: set[str] = {*signal.page_targets, *called}
        """Whom its pages called, and for which services, as far as they name their alerts."""
        self.turn: Word | None = None
        """The last word of people, by now, on whether it is over."""

    def stand_for(self, signals: Sequence[Signal], whole_since: Order, called: set[str]) -> None:
        """It is what these signals were found to be before, by start, of which it lists the first alone."""
        self.whole_since, self.page_targets = whole_since, called
        self.environments = {signal.environment for signal in signals if signal.environment}
        self.pages = [signal for signal in signals if signal.kind == "page"]
        self.paged_until = max((signal.reach for signal in signals if signal.paging), default=-1)

    def absorb(self, other: Group, since: Order) -> None:
        """Take another in, which it is one with from ``since`` on."""
        self.whole_since = since
        self.signals += other.signals
        self.order = min(self.order, other.order)
        self.environments |= other.environments
        self.classes |= other.classes
        self.pages += other.pages
        self.page_targets |= other.page_targets
        self.paged_until = max(self.paged_until, other.paged_until)
        if other.turn is not None:
            self.take_turn(other.turn)

    def take_turn(self, word: Word) -> bool:
        """Hear people's word on whether it is over; whether it is the last one by now."""
        last = self.turn is None or self.turn.order < word.order
        if last:
            self.turn = word
        return last

    def covers(self, signal: Signal, gap: int) -> int:
        """Until when a signal of it ties: people's resolve ends an alert that no sender ended, as a sender's would."""
        ended = self.turn is not None and self.turn.type == RESOLVED and signal.start <= self.turn.at
        if ended and self.turn is not None and signal.kind == "alert" and signal.end is None:
            return min(signal.reach, self.turn.at) + gap
        return signal.reach + gap

    def page_over(self, low: int, moment: int) -> Signal | None:
        """The first page of it that began by ``low`` and is open at a moment: people's resolve ends it, too."""
        ended = self.turn is not None and self.turn.type == RESOLVED and self.turn
        pages = (page for page in self.pages if page.start <= low and page.reach >= moment)
        return min(
            (page for page in pages if not ended or page.start > ended.at or moment <= ended.at),
            key=lambda page: page.order, default=None,
        )  # fmt: skip

    def reopened(self, moment: int, reach: int) -> bool:
        """Whether it is open at a moment because people reopened it, at most ``reach`` before."""
        turn = self.turn
        if turn is None or turn.type != REOPENED or not turn.at <= moment <= turn.at + reach:
            return False
        spans = (signal.span for signal in self.signals)
        by_then = (span if span.end is None or span.end < moment else span._replace(end=None) for span in spans)
        return judged(by_then, turn).at is None


class Sweep:
    """Signals must be added in the order of :attr:`Signal.order`.

    With ``potential`` set, everything that could ever tie two signals does, whatever else stands in their groups:
    the result is the components that can be swept each on its own.
    """

    def __init__(self, rules: Rules, catalog: Catalog, constraints: Constraints, potential: bool = False) -> None:
        self._rules, self._catalog, self._constraints, self._potential = rules, catalog, constraints, potential
        self._constrained = set() if potential else constraints.constrained()
        self._parent: dict[str, str] = {}
        self._groups: dict[str, Group] = {}
        self._classes: dict[str, str] = {}
        self._keys: dict[str, dict[str, int]] = {}
        self._services: dict[str, dict[tuple[str, str | None], int]] = {}
        self._paging: Recent = {}
        self._alerting: Recent = {}
        self._open_pages: deque[tuple[int, int]] = deque()
        """When each began and until when it reaches, the earliest first."""
        self._crowded = 64
        self.calls: dict[str, set[str]] = {}
        """Of alerts that pages name: whom these called, and for which services; pages that come later count, too."""
        self._turns: list[tuple[tuple[int, int, str], str, Word]] = []
        """People's words still to come, the next one first."""
        self.joined: dict[str, Match] = {}
        """Of every signal: by which rule it joined, and the name that decided."""

    def begin(self, earlier: Iterable[tuple[Group, Sequence[Signal]]], calls: dict[str, set[str]]) -> None:
        """Go on from groups that were found before, each with those of its signals that may still tie something.

        Nothing that people said is of any of them. What comes next starts after all of these. ``calls`` is of what
        comes, and of what these were made of, see :attr:`calls`.
        """
        self.calls = calls
        earlier_signals: list[Signal] = []
        for group, signals in earlier:
            root = group.signals[0].id
            self._groups[root] = group
            self._parent.update(dict.fromkeys((root, *(signal.id for signal in signals)), root))
            earlier_signals += signals
        for signal in sorted(earlier_signals, key=lambda signal: signal.order):
            self._register(signal, None)

    def groups(self) -> list[Group]:
        """What was found, by (start, id)."""
        return sorted(self._groups.values(), key=lambda group: group.order)

    def run(self, signals: Iterable[Signal]) -> list[Group]:
        """Sweep all of these signals."""
        ordered = sorted(signals, key=lambda signal: signal.order)
        if not self._potential:
            self.calls = called_for(ordered, self._rules.gap)
        for signal in ordered:
            self.add(signal)
        return self.groups()

    def add(self, signal: Signal) -> None:
        """Put one signal into the groups that a rule ties it to."""
        while self._turns and self._turns[0][0][0] < signal.start:
            _, signal_id, word = heappop(self._turns)
            self._take_turn(self._root(signal_id), word)
        if not self._potential:
            for word in self._constraints.turns(signal.id):
                heappush(self._turns, (word.order, signal.id, word))
        matches = self._matches(signal)
        self._parent[signal.id] = signal.id
        name = self._constraints.linked_group(signal.id)
        self._groups[signal.id] = Group(signal, self.calls.get(signal.id, frozenset()), name)
        ranked = sorted(
            (rule, self._away(signal, root), self._groups[root].order, root, detail)
            for root, (rule, detail) in matches.items()
        )
        accepted = [(rule, detail) for rule, _, _, root, detail in ranked if self._accept(signal, root, rule)]
        self.joined[signal.id] = min(accepted, default=(OPENED, ""))
        self._register(signal, name)

    # Finding

    def _matches(self, signal: Signal) -> dict[str, Match]:
        """The groups that a rule ties this signal to, each with the first rule that does."""
        matches: dict[str, Match] = {}
        self._match_class(signal, matches)
        self._match_keys(signal, matches)
        self._match_services(signal, matches)
        self._match_storm(signal, matches)
        return matches

    def _match_class(self, signal: Signal, matches: dict[str, Match]) -> None:
        name = self._constraints.linked_group(signal.id)
        if name is not None and name in self._classes:
            _note(matches, self._root(self._classes[name]), (PERSON, self._constraints.by(signal.id)))

    def _match_keys(self, signal: Signal, matches: dict[str, Match]) -> None:
        for key in signal.seeks:
            if not (entries := self._keys.get(key)):
                continue
            match = key_match(key)
            for root, cover in self._fresh_keys(key, entries, signal.start).items():
                if match[0] == PAGE or (cover >= signal.start and self._young(signal, root)):
                    _note(matches, root, match)
                elif key.startswith("alert:") and not self._potential:
                    page = self._groups[root].page_over(cover, signal.start)
                    if page is not None:
                        _note(matches, root, (AGAIN, page.entity_key.partition(SEPARATOR)[2]))
                    elif self._groups[root].reopened(signal.start, self._rules.reach):
                        _note(matches, root, (REOPENING, ""))

    def _match_services(self, signal: Signal, matches: dict[str, Match]) -> None:
        if signal.service is None:
            return
        for service in (signal.service, *self._catalog.neighbours(signal.service)):
            if not (entries := self._services.get(service)):
                continue
            match = service_match(signal, service)
            for root, environment in self._fresh_services(service, entries, signal.start):
                if self._compatible(signal, root, environment) and self._young(signal, root):
                    _note(matches, root, match)

    def _match_storm(self, signal: Signal, matches: dict[str, Match]) -> None:
        self._paging = self._fresh_recent(self._paging, signal.start)
        self._match_recent(signal, self._paging, matches)
        if signal.storms:
            self._alerting = self._fresh_recent(self._alerting, signal.start)
            self._match_recent(signal, self._alerting, matches)

    def _match_recent(self, signal: Signal, recent: Recent, matches: dict[str, Match]) -> None:
        listed = self._catalog.lists(signal.service)
        for root, environment, known in recent:
            if not (listed and known) and self._compatible(signal, root, environment):
                _note(matches, root, storm_match(signal))

    def _young(self, signal: Signal, root: str) -> bool:
        group = self._groups[root]
        age = signal.start - group.order[0]
        return self._potential or age <= self._rules.longest or group.paged_until >= signal.start

    def _compatible(self, signal: Signal, root: str, environment: str | None) -> bool:
        """Whether a member of this environment in this group is where the signal is."""
        if signal.environment is None or signal.environment == environment:
            return True
        if apart(signal.environment, environment):
            return False
        return self._potential or not elsewhere(signal.environment, self._groups[root].environments)

    # Joining

    def _away(self, signal: Signal, root: str) -> bool:
        """Whether a signal that says nowhere where it is would be taken for one of a group outside of production."""
        return signal.environment is None and elsewhere(PRODUCTION, self._groups[root].environments)

    def _accept(self, signal: Signal, other: str, rule: int) -> bool:
        """Merge a matching group into the signal's, unless environments or people speak against it."""
        root, other_root = self._root(signal.id), self._root(other)
        if root == other_root:
            return True
        if not self._potential:
            if rule >= SERVICE and self._ties_environments(root, other_root):
                return False
            if rule != PERSON and self._kept_apart(root, other_root):
                return False
            if rule == STORM and self._called_apart(root, other_root):
                return False
        first = len(self._groups[root].signals) == 1
        since = self._groups[other_root].whole_since if first else signal.order
        self._merge(root, other_root, since)
        return True

    def _ties_environments(self, root: str, other_root: str) -> bool:
        """Whether a signal that could be in either would tie two environments together: one that names none, or the
        whole of which they are parts."""
        environments, other_environments = self._groups[root].environments, self._groups[other_root].environments
        if not environments or not other_environments or environments == other_environments:
            return False
        return all(elsewhere(place, other_environments) for place in narrowest(environments))

    def _called_apart(self, mine: str, theirs: str) -> bool:
        """Whether others were called for each, about alerts of their own: time alone makes no one incident of them."""
        here, there = self._groups[mine].page_targets, self._groups[theirs].page_targets
        return bool(here) and bool(there) and here.isdisjoint(there)

    def _kept_apart(self, mine: str, theirs: str) -> bool:
        here, there = self._groups[mine].classes, self._groups[theirs].classes
        return any(not self._constraints.cannot_link(name).isdisjoint(there) for name in here & self._constrained)

    def _merge(self, mine: str, theirs: str, since: Order) -> None:
        a, b = self._groups[mine], self._groups[theirs]
        keep, gone = (mine, theirs) if len(a.signals) >= len(b.signals) else (theirs, mine)
        group, absorbed = self._groups[keep], self._groups.pop(gone)
        self._parent[gone] = keep
        group.absorb(absorbed, since)
        if group.turn is not None:
            self._cover_anew(keep)

    def _root(self, signal_id: str) -> str:
        root = signal_id
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[signal_id] != root:
            self._parent[signal_id], signal_id = root, self._parent[signal_id]
        return root

    # People's words on whether it is over

    def _take_turn(self, root: str, word: Word) -> None:
        if self._groups[root].take_turn(word):
            self._cover_anew(root)

    def _cover_anew(self, root: str) -> None:
        """What a group's signals still tie, after people's words on it changed."""
        group, gap = self._groups[root], self._rules.gap
        keys: dict[str, int] = {}
        services: dict[str, dict[tuple[str, str | None], int]] = {}
        for signal in group.signals:
            cover = group.covers(signal, gap)
            for key in _sought(signal):
                _extend(keys, key, cover)
            if signal.service is not None:
                _extend(services.setdefault(signal.service, {}), (root, signal.environment), cover)
        for key, cover in keys.items():
            entries = self._fresh_keys(key, self._keys.get(key, {}), -_EVER)
            entries[root] = cover
        for service, covers in services.items():
            self._fresh_services(service, self._services.get(service, {}), -_EVER).update(covers)

    # What later signals look up

    def _register(self, signal: Signal, name: str | None) -> None:
        root = self._root(signal.id)
        cover = self._groups[root].covers(signal, self._rules.gap)
        if name is not None:
            self._classes[name] = root
        if signal.kind == "page":
            self._open_pages.append((signal.start, signal.reach))
        for key in _sought(signal):
            _extend(self._keys.setdefault(key, {}), root, cover)
        if signal.service is not None:
            _extend(self._services.setdefault(signal.service, {}), (root, signal.environment), cover)
        recent = self._paging if signal.storms else self._alerting
        _extend(recent, (root, signal.environment, self._catalog.lists(signal.service)), signal.start)
        if len(self._alerting) > self._crowded:
            self._alerting = self._fresh_recent(self._alerting, signal.start)
            self._crowded = 64 + 2 * len(self._alerting)

    def _fresh_keys(self, key: str, entries: dict[str, int], now: int) -> dict[str, int]:
        """The groups offering a key: those that merged as one, and without those that reach no more."""
        ever = key.startswith("page:")
        since = self._paged_since(now) if key.startswith("alert:") else _EVER
        fresh: dict[str, int] = {}
        for root, cover in entries.items():
            group = self._root(root)
            if ever or cover >= now or cover >= since or self._groups[group].turn is not None:
                _extend(fresh, group, cover)
        self._keys[key] = fresh
        return fresh

    def _paged_since(self, now: int) -> int:
        """When the first page that is open now began: what reached no page that is open ties nothing any more."""
        while self._open_pages and self._open_pages[0][1] < now:
            self._open_pages.popleft()
        return self._open_pages[0][0] if self._open_pages else _EVER

    def _fresh_services(
        self, service: str, entries: dict[tuple[str, str | None], int], now: int
    ) -> dict[tuple[str, str | None], int]:
        fresh: dict[tuple[str, str | None], int] = {}
        for (root, environment), cover in entries.items():
            if cover >= now:
                _extend(fresh, (self._root(root), environment), cover)
        self._services[service] = fresh
        return fresh

    def _fresh_recent(self, recent: Recent, now: int) -> Recent:
        """Those that started within ``storm``; an older entry would match nothing from now on."""
        fresh: Recent = {}
        for (root, environment, listed), start in recent.items():
            if start + self._rules.storm >= now:
                _extend(fresh, (self._root(root), environment, listed), start)
        return fresh


def called_for(signals: Sequence[Signal], gap: int) -> dict[str, set[str]]:
    """Of each alert that pages name: whom these called, where the later of the two began while the other tied."""
    pages: dict[str, list[Signal]] = {}
    for signal in signals:
        for key in signal.seeks if signal.page_targets else ():
            if key.startswith(FIRED):
                pages.setdefault(key, []).append(signal)
    calls: dict[str, set[str]] = {}
    for signal in signals if pages else ():
        for key in signal.offers if signal.kind == "alert" else ():
            for page in pages.get(key, ()):
                if max(signal.start, page.start) <= min(signal.reach, page.reach) + gap:
                    calls.setdefault(signal.id, set()).update(page.page_targets)
    return calls


def _extend(entries: dict[K, int], key: K, value: int) -> None:
    if entries.get(key, -_EVER) < value:
        entries[key] = value


def _note(matches: dict[str, Match], root: str, match: Match) -> None:
    if root not in matches or match < matches[root]:
        matches[root] = match


def _sought(signal: Signal) -> list[str]:
    """The keys it offers that others seek."""
    return [key for key in signal.offers if key != PAGED]
