"""What is known of one incident while it is kept up to date, one signal at a time.

Every question is answered without looking at all of its signals: counts,
heaps whose outdated entries are skipped, and one list by start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush

import msgspec

from collector.correlation.catalog import Rules
from collector.correlation.constraints import Constraints
from collector.correlation.interval_index import IntervalIndex, Order
from collector.correlation.signals import PAGED, Signal
from collector.correlation.values import IncidentTraits
from collector.semantics import closing
from collector.semantics.closing import Word


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What lists show of an incident."""

    key: str
    title: str
    started_at: int
    ended_at: int | None
    last_at: int
    services: tuple[str, ...]
    environments: tuple[str, ...]
    severity: str | None
    lead: str | None
    events: int
    low: int
    high: int


class LiveIncident:
    """One incident: its opening signals, and what attached to it."""

    def __init__(self, number: int = 0, numbers: Mapping[int, str] | None = None) -> None:
        """With a number, one that lies in the store."""
        self.signals: dict[str, Signal] = {}
        self.attached: dict[str, Signal] = {}
        self.numbers: dict[int, str] = dict(numbers or {})
        """The numbers it has, each with the event it hangs on."""
        self.known_numbers: dict[int, int] = dict.fromkeys(self.numbers, number)
        """Those in the store, each with the number it is known to go by."""
        self.number = number
        """The one it goes by; 0 until it was given one."""
        self.keyed_as = number
        """The number under which its keys are in the store."""
        self.stored_as: tuple[int, int] = (0, 0)
        """The number and the component under which it is in the store."""
        self.classes: set[str] = set()
        self.whole_since: Order = (-1, "")
        """From here on it was one incident, whatever of its signals came later: those by then tie each other."""
        self.calls: set[tuple[str, ...]] = set()
        """Whom its pages called that name their alerts, see :attr:`Signal.page_targets`."""
        self.turned = False
        """Whether people said of one of its signals that the incident is over, or not."""
        self.keys: Counter[str] = Counter()
        """What attaching finds it by: the keys its signals offer, and their services."""
        self.before: IncidentTraits | None = None
        """As it was when this round began; None where it is new."""
        self.gained: set[str] = set()
        """Keys that it did not have when this round began."""
        self.gained_events: set[str] = set()
        """Events of its signals, likewise."""
        self.tied_by_page = False
        """Whether a signal of it offers a page, which ties for ever."""
        self._order: list[tuple[int, str]] = []
        self._reaches: list[tuple[int, str]] = []
        self._ends: list[tuple[int, str]] = []
        self._by_entity: dict[str, list[tuple[int, str]]] = {}
        """Of each alert, page and report its signals here, by start."""
        self._open = 0
        """How many of those have a last signal that is open."""
        self._events = 0
        self._last = 0
        self._environments: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._acknowledged: tuple[int, str] | None = None
        self._lead_signals: set[str] = set()
        """The pages that ever named a lead."""
        self._spellings: dict[str, tuple[tuple[bool, tuple[int, str]], str]] = {}
        self._pages: IntervalIndex | None = None
        self._view: tuple[Rules, IncidentTraits] | None = None
        """What attaching saw last: it asks of all incidents of a service for each event, and they seldom change."""

    def __len__(self) -> int:
        return len(self.signals)

    # What is known of it beside its signals

    def remember(self, rules: Rules) -> None:
        """A round begins to change it: note how it was, and from here on what it gains."""
        self.before = self.view(rules)
        self.gained, self.gained_events = set(), set()

    def as_stored(self) -> None:
        """All its signals were fetched: it was one incident by the last of them, and gained nothing."""
        self.whole_since = self.latest
        self.gained, self.gained_events = set(), set()

    def unite(self, since: Order) -> None:
        """It was one incident from here on."""
        self.whole_since = since

    def precede(self, order: Order, tied: Order) -> None:
        """A signal of ``order`` comes that nothing ties to what was before it, and that ties one of ``tied``."""
        began = self.whole_since == self.order == tied
        self.whole_since = order if began else max(self.whole_since, tied)

    def hang(self, number: int, anchor: str) -> None:
        """Have a number, which hangs on an event."""
        self.numbers[number] = anchor

    def lose(self, number: int) -> None:
        """Have a number no more."""
        del self.numbers[number]

    def go_by(self, number: int) -> None:
        """Go by one of its numbers."""
        self.number = number

    def write_numbers(self) -> None:
        """The store is told of its numbers as they are."""
        self.known_numbers = dict.fromkeys(self.numbers, self.number)

    def write_keys(self) -> None:
        """The store is told of its keys under the number it goes by."""
        self.keyed_as = self.number

    def write_component(self, component: int) -> None:
        """The store is told of it, and that it is in the component of this name."""
        self.stored_as = (self.number, component)

    # Signals come, change and go

    def add(self, signal: Signal, constraints: Constraints) -> list[str]:
        """Take a signal in; the keys that it was not found by before."""
        self._view = None
        keys = keys_of(signal)
        fresh = [key for key in keys if key not in self.keys]
        self.gained.update(fresh)
        self.gained_events.update(signal.events)
        if not self._order:
            self.whole_since = signal.order
        insort(self._order, signal.order)
        self._fold_in(signal)
        if signal.kind == "alert":
            self._alerts[signal.title] += 1
            self._name("alert:", signal, signal.id)
        for key in keys:
            self.keys[key] += 1
        if signal.environment is not None:
            self._environments[signal.environment] += 1
            self._name(f"environment:{signal.environment}", signal, signal.environment_name)
        if signal.service is not None:
            self._name(f"service:{signal.service}", signal, signal.service_name)
        if signal.severity:
            self._severities[signal.severity] += 1
        if (name := constraints.linked_group(signal.id)) is not None:
            self.classes.add(name)
        self.turn(signal.id, constraints)
        if signal.page_targets:
            self.calls.add(signal.page_targets)
        self.tied_by_page = self.tied_by_page or offers_page(signal)
        self._measure(signal)
        return fresh

    def turn(self, signal_id: str, constraints: Constraints) -> None:
        """Know of what people said on whether it is over, naming an event of this signal."""
        self.turned = self.turned or bool(constraints.turns(signal_id))

    def replace(self, signal: Signal) -> None:
        """A signal lasts longer or shorter than it did, or more is told of it; nothing else of it changed."""
        self._view = None
        old = self.signals[signal.id]
        self._open -= self._is_open(signal.entity_key)
        self.signals[signal.id] = signal
        self._open += self._is_open(signal.entity_key)
        self._events -= len(old.events)
        self.gained_events.update(signal.events)
        self._measure(signal)
        if signal.last < old.last == self._last:
            self.recount()
        if (
            old.acknowledged is not None
            and old.acknowledged == self._acknowledged
            and signal.acknowledged != old.acknowledged
        ):
            self._acknowledged = min(
                (u.acknowledged for u in self.signals.values() if u.acknowledged is not None), default=None
            )

    def _fold_in(self, signal: Signal) -> None:
        """A signal without an end goes on with the next one of its alert: only the last of them can be open."""
        self._open -= self._is_open(signal.entity_key)
        self.signals[signal.id] = signal
        insort(self._by_entity.setdefault(signal.entity_key, []), signal.order)
        self._open += self._is_open(signal.entity_key)

    def _is_open(self, entity_key: str) -> bool:
        own = self._by_entity.get(entity_key)
        return own is not None and self.signals[own[-1][1]].span.end is None

    def _measure(self, signal: Signal) -> None:
        self._events += len(signal.events)
        self._last = max(self._last, signal.last)
        self._note_page(signal)
        heappush(self._reaches, (-signal.reach, signal.id))
        end = signal.span.end
        if end is not None:
            heappush(self._ends, (-end, signal.id))
        if signal.acknowledged is not None:
            self._acknowledged = min(self._acknowledged or signal.acknowledged, signal.acknowledged)
        if signal.lead_given is not None:
            self._lead_signals.add(signal.id)

    def _note_page(self, signal: Signal) -> None:
        if signal.kind == "page":
            self._pages = self._pages or IntervalIndex()
            self._pages.put(signal.order, signal.reach)

    def _name(self, key: str, signal: Signal, spelling: str) -> None:
        """An alert's spelling comes before a page's, of equals the first."""
        self._name_as(key, (signal.kind != "alert", signal.order), spelling)

    def _name_as(self, key: str, order: tuple[bool, tuple[int, str]], spelling: str) -> None:
        known = self._spellings.get(key)
        if known is None or order < known[0]:
            self._spellings[key] = (order, spelling)

    def absorb(self, other: LiveIncident, tied: Order) -> None:
        """Take all of another, smaller incident in, the later one of those tied being ``tied``; the other is of no more
        use."""
        self._view = None
        self.whole_since = whole_since(self, other, tied)
        self.gained.update(other.keys)
        self.gained_events.update(event for signal in other.signals.values() for event in signal.events)
        self.numbers.update(other.numbers)
        self.classes |= other.classes
        self.turned = self.turned or other.turned
        self.calls |= other.calls
        self.tied_by_page = self.tied_by_page or other.tied_by_page
        self.keys.update(other.keys)
        for signal in other.signals.values():
            insort(self._order, signal.order)
            self._fold_in(signal)
            self._note_page(signal)
        for entry in other._reaches:
            heappush(self._reaches, entry)
        for entry in other._ends:
            heappush(self._ends, entry)
        self._environments.update(other._environments)
        self._severities.update(other._severities)
        self._alerts.update(other._alerts)
        self._lead_signals |= other._lead_signals
        if other._acknowledged is not None:
            self._acknowledged = min(self._acknowledged or other._acknowledged, other._acknowledged)
        for key, (order, spelling) in other._spellings.items():
            self._name_as(key, order, spelling)
        self._events += sum(len(signal.events) for signal in other.signals.values())
        self._last = max([self._last, *(signal.last for signal in other.signals.values())])
        for signal in other.attached.values():
            self.attach(signal)

    def attach(self, signal: Signal) -> None:
        """Something else belongs here."""
        if (old := self.attached.get(signal.id)) is not None:
            self._events -= len(old.events)
        self.attached[signal.id] = signal
        self._events += len(signal.events)
        self._last = max(self._last, signal.last)
        if old is not None and signal.last < old.last == self._last:
            self.recount()

    def detach(self, signal_id: str) -> None:
        """It does not belong here any more."""
        if self.attached.pop(signal_id, None) is not None:
            self.recount()

    def recount(self) -> None:
        """Count events anew, where taking away leaves no other way."""
        everything = [*self.signals.values(), *self.attached.values()]
        self._events = sum(len(signal.events) for signal in everything)
        self._last = max((signal.last for signal in everything), default=0)

    # Questions

    @property
    def order(self) -> tuple[int, str]:
        """Start and key."""
        return self._order[0]

    @property
    def latest(self) -> Order:
        """Start and id of its last signal."""
        return self._order[-1]

    @property
    def latest_start(self) -> int:
        return self._order[-1][0]

    @property
    def environments(self) -> frozenset[str]:
        return frozenset(self._environments)

    def signals_before(self, order: Order) -> list[Signal]:
        """Its signals before a point, by start."""
        return [self.signals[signal_id] for _, signal_id in self._order[: bisect_left(self._order, order)]]

    def signals_from(self, order: Order) -> list[Signal]:
        """Its signals from a point on, by start."""
        return [self.signals[signal_id] for _, signal_id in self._order[bisect_left(self._order, order) :]]

    def reach(self) -> int:
        """The furthest that any of its signals reaches."""
        while self.signals[self._reaches[0][1]].reach != -self._reaches[0][0]:
            heappop(self._reaches)
        return -self._reaches[0][0]

    def first_page(self, until: int, moment: int) -> str | None:
        """Its first page that began by ``until`` and is open at a moment."""
        return None if self._pages is None else self._pages.first(until, moment)

    def view(self, rules: Rules) -> IncidentTraits:
        """As attaching sees it."""
        if self._view is None or self._view[0] is not rules:
            self._view = (rules, self._traits(rules))
        return self._view[1]

    def _traits(self, rules: Rules) -> IncidentTraits:
        start, key = self.order
        return IncidentTraits(
            key=key,
            start=start,
            low=start - rules.lookback,
            high=self.reach() + rules.quiet,
            environments=self.environments,
            classes=frozenset(self.classes),
        )

    def words(self) -> list[Word]:
        """What people said of it as a whole."""
        return [signal.word for signal in self.attached.values() if signal.word is not None]

    def _ended(self, words: Iterable[Word]) -> int | None:
        """As :func:`collector.semantics.closing.closing` says, without looking at all signals."""
        turn = closing.last_turn(words)
        if turn is not None and turn.type == closing.RESOLVED:
            later = self._order[bisect_right(self._order, (turn.at, "\U0010ffff")) :]
            return closing.judged([self.signals[signal_id].span for _, signal_id in later], turn).at
        if self._open:
            return None
        while self.signals[self._ends[0][1]].span.end != -self._ends[0][0]:
            heappop(self._ends)
        last = self.signals[self._ends[0][1]]
        return closing.judged([last.span], turn).at

    def summary(self, rules: Rules) -> Summary:
        """What lists show of it."""
        words = self.words()
        edits = {word.field: word.value for word in sorted(words, key=lambda w: w.order) if word.type == closing.EDITED}
        view = self.view(rules)
        return Summary(
            key=view.key,
            title=edits.get("title") or self._title(),
            started_at=view.start,
            ended_at=self._ended(words),
            last_at=self._last,
            services=self._spellings_of("service:"),
            environments=self._spellings_of("environment:"),
            severity=closing.peak(edits.get("severity", ""), self._severities),
            lead=edits.get("lead") or self._lead(),
            events=self._events,
            low=view.low,
            high=view.high,
        )

    def _lead(self) -> str | None:
        """Whom an on-call tool has as the lead, at the end; else the first to acknowledge a page or an alert."""
        pages = [*(self.signals[signal_id] for signal_id in self._lead_signals), *self.attached.values()]
        given = max([signal.lead_given for signal in pages if signal.lead_given is not None], default=None)
        if given is not None:
            return given[2]
        notes = [signal.acknowledged for signal in self.attached.values() if signal.acknowledged is not None]
        first = min([*notes, *([self._acknowledged] if self._acknowledged else ())], default=None)
        return first[1] if first else None

    def _spellings_of(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted(shown for name, (_, shown) in self._spellings.items() if name.startswith(kind)))

    def _title(self) -> str:
        """After its first alert, and how many others, by name and not by series; else after its first page or report.

        As :func:`collector.semantics.closing.title` says, without looking at all signals.
        """
        if self._alerts:
            first = self.signals[self._spellings["alert:"][1]]
            return closing.alert_title(closing.TitledSignal(first.title, first.service_name), len(self._alerts) - 1)
        return closing.title(
            "", (), [closing.TitledSignal(self.signals[signal_id].title) for _, signal_id in self._order]
        )


def whole_since(incident: LiveIncident, other: LiveIncident, tied: Order) -> Order:
    """From when on two incidents are one, that a signal of ``tied`` ties to an earlier one of the other."""
    for first, second in ((incident, other), (other, incident)):
        if second.whole_since == second.order == tied:
            # It is tied by the signal that it begins with, so that there never were two.
            return first.whole_since
    return max(incident.whole_since, other.whole_since, tied)


def offers_page(signal: Signal) -> bool:
    """Whether others find it by a page, whenever they are."""
    return any(key.startswith(("page:", PAGED)) for key in signal.offers)


def keys_of(signal: Signal) -> list[str]:
    """What attaching finds a signal's incident by."""
    return [*signal.offers, *([f"service:{signal.service}"] if signal.service is not None else [])]
