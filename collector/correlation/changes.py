"""What a round of keeping incidents up to date asks for, what it notes meanwhile, and what it says changed.

Values and one protocol. Where things are kept is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from collector.correlation.catalog import Rules
from collector.correlation.live_incidents import LiveIncident, Summary
from collector.correlation.signals import Signal
from collector.correlation.values import Unjoined
from collector.event import RecordedEvent


class Grounds(msgspec.Struct, frozen=True):
    """A signal's membership in one incident, as it is kept."""

    rule: str
    reason: str
    detail: str = ""
    """Of an opening signal: the name that decided, to compare other ties with."""


class StoredSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as it lies in the store."""

    signal: Signal
    grounds: dict[int, Grounds]
    """The numbers of the incidents it is in, each with why."""
    missed: str
    """Why it joined none."""


class Move(msgspec.Struct, frozen=True):
    """A signal that came into incidents or left them: when it began, and the numbers it was in and is in."""

    start: int
    before: frozenset[int]
    after: frozenset[int]


class Outline(NamedTuple):
    """What a thing that joins nothing asks of an incident: which one it is, and its window."""

    number: int
    key: str
    start: int
    low: int
    high: int


class SpanQuery(NamedTuple):
    """What is asked of a key: all that starts after ``after`` and by ``high``, and covers ``low`` or later."""

    key: str
    low: int
    high: int
    after: int


class GroupingStore(Protocol):
    """Where closed components lie; it answers as of the end of the last round."""

    def report(self, key: str) -> list[RecordedEvent]:
        """The current events that a report's key stands for: its own, and those that influence it."""

    def entity_keys(self, event: str) -> tuple[str, ...]:
        """The keys an event was folded under."""

    def signal_of(self, events: Sequence[str]) -> dict[str, str]:
        """The signals that these events belong to."""

    def signals(self, signal_ids: Sequence[str]) -> list[StoredSignal]: ...

    def signals_before(self, key: str, start: int) -> Iterator[Signal]:
        """The signals of one entity that began before ``start``, latest first."""

    def last_signals(self, keys: Sequence[str]) -> dict[str, list[Signal]]:
        """Of those of these entities that have signals: the last one or two, latest first."""

    def events(self, ids: Sequence[str]) -> list[RecordedEvent]:
        """These events, each as it was told last; those retracted are left out."""

    def latest(self) -> int:
        """The latest start of any signal."""

    def keyed(self, asked: Sequence[SpanQuery]) -> list[str]:
        """Signals that one of these questions is about."""

    def naming(self, events: Sequence[str]) -> list[str]:
        """Signals that name one of these events."""

    def started(self, low: int, high: int) -> list[str]:
        """Opening signals that started from ``low`` to ``high``."""

    def happened(self, low: int, high: int) -> list[str]:
        """Other signals that started by ``high``, with an event at ``low`` or later."""

    def incidents_of(self, key: str, low: int, high: int) -> list[Outline]:
        """Incidents found by a key, with a window that overlaps ``low`` to ``high``."""

    def component(self, number: int) -> dict[int, tuple[list[StoredSignal], dict[int, str]]]:
        """All incidents of an incident's component: their signals, and the numbers each has with their anchors."""

    def ref_services(self, ref: str) -> Counter[str]:
        """How many changes with a ref name which service."""

    def links(self) -> list[RecordedEvent]:
        """People's words on what belongs together."""

    def next_number(self) -> int:
        """A number that was never given."""

    def unassigned(self) -> dict[str, int]:
        """Numbers that no incident has, by the events they hang on."""


class Changes:
    """What a round changed: what the store is to be told."""

    def __init__(self) -> None:
        self.signals: dict[str, tuple[Signal, str]] = {}
        """Signals new or changed, each with why it joined nothing."""
        self.dropped: dict[str, Signal] = {}
        self.homes: dict[str, tuple[str, tuple[str, ...]]] = {}
        """Event → its signal and the keys it is folded under; no keys where it is folded no more."""
        self.keys: dict[tuple[str, str], tuple[int, int] | None] = {}
        """(key, signal) → from when until when; None where it is gone."""
        self.grounds: dict[tuple[str, int], Grounds | None] = {}
        """(signal, number of an incident) → why it is in it; None where it is not any more."""
        self.incidents: dict[int, tuple[Summary, int]] = {}
        """Number → what lists show, and the component (named after the smallest number in it)."""
        self.unkeyed: set[int] = set()
        """Numbers whose keys are no more."""
        self.incident_keys: set[tuple[str, int]] = set()
        self.numbers: dict[int, tuple[str, int | None]] = {}
        """Number → the event it hangs on, and the number it goes by now; None where that event opens no incident."""
        self.ref_services: set[tuple[str, str, int]] = set()
        self.ignored: tuple[Unjoined, ...] | None = None
        self.moves: dict[str, Move] = {}
        self.first: set[int] = set()
        """Numbers given out in this round."""

    @property
    def regroups(self) -> bool:
        """Whether anything is in another incident than before, or a number means another."""
        return bool(self.moves or self.numbers)

    # Of signals and events

    def put_signal(self, signal: Signal, missed: str = "") -> None:
        """A signal is new or changed, and joined nothing for this reason."""
        self.signals[signal.id] = (signal, missed)

    def drop_signal(self, signal: Signal) -> None:
        """A signal is no more."""
        self.dropped[signal.id] = signal

    def fold(self, event: str, signal_id: str, keys: tuple[str, ...]) -> None:
        """An event is in this signal, folded under these keys."""
        self.homes[event] = (signal_id, keys)

    def drop_keys(self, signal_id: str, keys: Iterable[str]) -> None:
        """A signal is found by these keys no more."""
        self.keys.update({(key, signal_id): None for key in keys})

    def put_keys(self, signal_id: str, keys: Iterable[str], start: int, cover: int) -> None:
        """A signal is found by these keys, from when it starts until when it covers."""
        self.keys.update({(key, signal_id): (start, cover) for key in keys})

    def put_membership(self, signal_id: str, number: int, grounds: Grounds | None) -> None:
        """A signal is in an incident for this reason; None where it is not in it any more."""
        self.grounds[(signal_id, number)] = grounds

    def move(self, signal_id: str, move: Move) -> None:
        """A signal came into incidents or left them."""
        self.moves[signal_id] = move

    def count_service(self, ref: str, service: str, changes: int) -> None:
        """So many changes with a ref name this service."""
        self.ref_services.add((ref, service, changes))

    def ignore(self, statements: Iterable[Unjoined]) -> None:
        """These words of people are not followed."""
        self.ignored = tuple(statements)

    # Of incidents

    def list(self, number: int, summary: Summary, component: int) -> None:
        """Lists show this of an incident."""
        self.incidents[number] = (summary, component)

    def offer(self, number: int, keys: Iterable[str]) -> None:
        """An incident is found by these keys."""
        self.incident_keys.update((key, number) for key in keys)

    def unkey(self, number: int) -> None:
        """An incident is found by this number no more."""
        self.unkeyed.add(number)

    def give(self, number: int) -> None:
        """A number hangs on what no number hung on."""
        self.first.add(number)

    def renumber(self, number: int, anchor: str, goes_by: int | None) -> None:
        """A number hangs on an event, and goes by this one."""
        self.numbers[number] = (anchor, goes_by)


Changed = dict[str, tuple[Signal | None, Signal | None]]
"""Signal → as it was and as it is; None where it was not there, or is no more."""


class Grown(NamedTuple):
    """An opening signal that may be tied to more than before."""

    new: bool
    """Whether it was not there before."""
    since: int
    """Of a page: from when on it covers what it did not cover; -1 for all that it covers."""


Attachments = dict[str, dict[LiveIncident, Grounds]]
"""Attaching signal → the incidents that it is attached to."""


class Round:
    """What one batch of events touched, and what it changed."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.touched: dict[LiveIncident, None] = {}
        """Incidents whose opening signals changed."""
        self.removed_incidents: list[LiveIncident] = []
        self.listed: dict[LiveIncident, None] = {}
        """Incidents of which only what lists show changed."""
        self.to_review: set[str] = set()
        """Attaching signals that are to be judged again."""
        self.moved: set[str] = set()
        """Signals whose membership may have changed."""
        self.removed: set[str] = set()
        self.ref_services: set[tuple[str, str]] = set()
        """Refs and services that another number of changes names together than before."""
        self.relearned: set[str] = set()
        """Refs that name another set of services than before."""
        self.services_before: dict[str, frozenset[str]] = {}
        """Which services a ref named when the round began, of those that more or fewer changes name now."""
        self.old_keys: dict[str, set[str]] = {}

    # Signals

    def move(self, *signal_ids: str) -> None:
        """The membership of these signals may have changed."""
        self.moved.update(signal_ids)

    def review(self, *signal_ids: str) -> None:
        """Have these attaching signals judged again."""
        self.to_review.update(signal_ids)

    def remove(self, signal_id: str) -> None:
        """A signal is no more: the store's one is not to be fetched."""
        self.removed.add(signal_id)

    def restore(self, signal_id: str) -> None:
        """It is there again."""
        self.removed.discard(signal_id)

    def unkey(self, signal_id: str, keys: Iterable[str]) -> None:
        """A signal was found by these keys before."""
        self.old_keys.setdefault(signal_id, set()).update(keys)

    def know(self, ref: str, services: frozenset[str]) -> None:
        """These services a ref names, before anything of it changes."""
        self.services_before.setdefault(ref, services)

    def learn(self, ref: str, service: str, otherwise: bool) -> None:
        """Another number of changes with a ref name a service; ``otherwise`` where that was none, or is none now."""
        self.ref_services.add((ref, service))
        if otherwise:
            self.relearned.add(ref)

    # Incidents

    def create(self, incident: LiveIncident) -> None:
        """An incident is new."""
        self.touched[incident] = None

    def touch(self, incident: LiveIncident, rules: Rules) -> None:
        """An incident's opening signals change: note how it was before."""
        if incident not in self.touched:
            self.touched[incident] = None
            incident.remember(rules)

    def relist(self, incident: LiveIncident) -> None:
        """What lists show of an incident may have changed."""
        self.listed[incident] = None

    def drop(self, incident: LiveIncident, *, followed: bool = True) -> None:
        """A touched incident is no more; ``followed`` where its numbers and what attached to it go elsewhere."""
        del self.touched[incident]
        if incident.keyed_as:
            self.changes.unkey(incident.keyed_as)
        if followed:
            self.removed_incidents.append(incident)
