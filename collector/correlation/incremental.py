"""Correlation kept up to date, round by round, without looking at everything again.

What any order of rounds arrives at equals :func:`correlate` over all events;
``tests/test_follower.py`` holds it to that. A round goes through five steps:
entities are folded again (``refolding``), opening signals come and go and
their components with them (``components``), what attaches is judged again
(``reattaching``), incidents get their numbers (``numbering``), and what changed is
said (``recording``). What they work on lies in ``memory``; the rest lies in
the store and is fetched when it is asked for. The store, and what a round
notes, are known for one round only.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.correlation.catalog import Rules
from collector.correlation.changes import Changes, GroupingStore
from collector.correlation.components import Components
from collector.correlation.eviction import Eviction
from collector.correlation.linking import recall, relink
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.memory import Loader, Memory
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
        self._eviction = Eviction(self._memory)

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
        loader = Loader(self._memory, store)
        if self._memory.facts is None:
            self._memory.begin(store)
            recall(loader)
        batch = [event for event in events if entity_keys(event) or event.revision > 0]
        changed = Refolding(loader).refold(batch)
        relinked = relink(loader, batch, changed)
        components = Components(loader)
        components.apply(changed)
        components.relink(relinked)
        components.cross_pauses()
        components.sweep()
        attachments = Reattacher(loader).judge()
        numbering = Numbering(loader, attachments)
        alive = numbering.number()
        Recording(loader, attachments, numbering.renumbered).record(alive)
        self._touch([*alive, *loader.loaded], attachments)
        return loader.round.changes

    def _touch(self, incidents: Iterable[LiveIncident], signal_ids: Iterable[str]) -> None:
        """Note what a round touched: it is let go of last."""
        component_of = self._memory.component_of
        components = {component_of[incident]: None for incident in incidents if incident in component_of}
        self._memory.touch(components, signal_ids)
