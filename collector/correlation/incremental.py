"""Correlation kept up to date, round by round, without looking at everything again.

What any order of rounds arrives at equals :func:`correlate` over all events;
``tests/test_follower.py`` holds it to that. A round goes through five steps:
entities are folded again (``refolding``), opening signals come and go and
their components with them (``components``), what attaches is judged again
(``judging``), incidents get their numbers (``numbering``), and what changed is
said (``recording``). What they work on is ``held`` in memory; the rest lies on
the store and is fetched when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.attach import Attacher
from collector.correlation.catalog import Rules
from collector.correlation.changes import Changes, GroupingStore, Round
from collector.correlation.components import Components
from collector.correlation.eviction import Eviction
from collector.correlation.linking import Linking
from collector.correlation.loaded_incidents import LoadedIncidents
from collector.correlation.memory import Memory
from collector.correlation.numbering import Numbering
from collector.correlation.reattaching import Reattacher
from collector.correlation.recording import Recording
from collector.correlation.refolding import Refolding
from collector.correlation.signals import entity_keys
from collector.event import RecordedEvent


class Regrouping:
    """The groups of everything that was taken in so far."""

    def __init__(self, rules: Rules) -> None:
        self._memory = Memory(rules)
        self._lookup, self._linking = LoadedIncidents(self._memory), Linking(self._memory)
        self._refolding, self._components = Refolding(self._memory), Components(self._memory)
        self._judging, self._numbering = Reattacher(self._memory), Numbering(self._memory)
        self._recording, self._eviction = Recording(self._memory), Eviction(self._memory)

    def forget(self, complete: bool = False, settled: int = 0) -> None:
        """Let go of everything in memory.

        ``complete`` says that the store is empty, so that nothing has to be fetched. Numbers below ``settled`` go
        before those above: while a log is read again, what is an incident for a moment must not take one's number.
        """
        self._memory.forget(complete, settled)

    def evict(self, most: int) -> None:
        """Between two rounds: keep memory to about ``most`` signals, as far as what is open allows (``eviction``)."""
        self._eviction.evict(most)

    def __len__(self) -> int:
        return len(self._memory.signals)

    def take(self, events: Iterable[RecordedEvent], store: GroupingStore) -> Changes:
        """Take events in, of whatever age and order, and say what changed. The store must then be brought up to it."""
        memory = self._memory
        memory.store, memory.round = store, Round()
        self._prepare()
        batch = [event for event in events if entity_keys(event) or event.revision > 0]
        changed = self._refolding.refold(batch)
        relinked = self._linking.relink(batch, changed)
        self._attach_by_links()
        self._components.apply(changed)
        self._components.relink(relinked)
        self._components.cross_pauses()
        self._components.sweep()
        self._judging.judge()
        self._numbering.number()
        self._recording.record()
        self._eviction.touch()
        return memory.round.changes

    def _prepare(self) -> None:
        """In the first round: what every round needs to know of all that there is."""
        memory = self._memory
        self._attach_by_links()
        if memory.facts is None:
            memory.next_number, memory.unassigned = memory.store.next_number(), memory.store.unassigned()
            memory.latest = memory.store.latest()
            self._linking.recall()
            self._attach_by_links()

    def _attach_by_links(self) -> None:
        memory = self._memory
        memory.attacher = Attacher(memory.rules, memory.catalog, memory.constraints, self._lookup)
