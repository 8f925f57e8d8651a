"""The same alert again while a page of its incident is open, or after people reopened it.

Such a page may last longer than an alert's own gap. It ties an episode of an
alert to the one before it, so that it is asked for a component at a time: the
page must be in the component of the earlier episode. What :func:`pairs` names
may be more than what belongs together, never less. Of a pair :func:`page_over`
says which page ties it, where all that came before the later episode is known
to be one incident already; else the sweep decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from collector.correlation.changes import Grown
from collector.correlation.interval_index import FAR, LAST
from collector.correlation.live_components import Component
from collector.correlation.live_incidents import LiveIncident
from collector.correlation.memory import Loader, Memory
from collector.correlation.pauses import pauses
from collector.correlation.signals import PAGED, Signal, alert_key
from collector.semantics.closing import REOPENED

Pair = tuple[str, str]
"""Two episodes of one alert that follow each other, by id."""


def pairs(loader: Loader, signal_id: str, grown: Grown) -> list[Pair]:
    """Episodes that a page may tie, as far as this signal is one of them or the page; they are in memory then."""
    signal = loader.memory.signals[signal_id]
    if signal.kind == "page":
        return list(_of_page(loader, signal, grown.since))
    key = alert_key(signal)
    if key is None:
        return []
    found = list(_with_next(loader, signal, key))
    return found + list(_with_previous(loader, signal, key)) if grown.new else found


def page_over(memory: Memory, incident: LiveIncident, earlier: Signal, later: Signal) -> str | None:
    """The first page of an incident that lasts over the pause before an alert's later episode."""
    gap = memory.rules.gap
    cover = earlier.reach + gap
    spans = memory.index.ties(alert_key(later) or "")
    longer = () if spans is None else spans.covering(later.order, cover + 1)
    covers = [
        cover,
        *(
            memory.signals[signal_id].reach + gap
            for signal_id in longer
            if memory.incident_of.get(signal_id) is incident
        ),
    ]
    return incident.first_page(max(covers), later.start)


def reopened(loader: Loader, signal_id: str) -> list[str]:
    """Signals in incidents with an alert of which this is an episode, that people reopened not long before it."""
    memory = loader.memory
    signal = memory.signals[signal_id]
    if (key := alert_key(signal)) is None:
        return []
    found = memory.constraints.reopened(signal.start - memory.rules.reach, signal.start)
    loader.fetch(found)
    inside = [other for other in dict.fromkeys(found) if other in memory.incident_of]
    return [other for other in inside if any(key in incident.keys for incident in _of(memory, other).incidents)]


def after_reopening(loader: Loader, component: Component) -> Iterator[Pair]:
    """Alerts of incidents that people reopened, and their later episodes elsewhere; all are in memory then."""
    memory = loader.memory
    words = [
        word.at
        for incident in component.incidents
        for signal_id in incident.signals
        for word in memory.constraints.turns(signal_id)
        if word.type == REOPENED
    ]
    keys = (
        sorted({key for incident in component.incidents for key in incident.keys if key.startswith("alert:")})
        if words
        else []
    )
    for at in words:
        until = at + memory.rules.reach
        loader.ensure_all((f"tie:{key}", at, until) for key in keys)
        for key in keys:
            spans = memory.index.ties(key)
            own = [
                signal_id
                for signal_id in (() if spans is None else spans.after((-1, ""), until))
                if _of(memory, signal_id) is component
            ]
            for signal_id in () if spans is None or not own else list(spans.after((at, ""), until)):
                if (
                    _of(memory, signal_id) is not component
                    and memory.signals[own[0]].order < memory.signals[signal_id].order
                ):
                    yield own[0], signal_id


def following(memory: Memory, signal: Signal) -> list[str]:
    """Of an alert's episode that goes: the next one, which has another before it from now on."""
    spans = memory.index.ties(alert_key(signal) or "")
    return [] if spans is None else list(islice(spans.after(signal.order, FAR), 1))


def outlasted(memory: Memory, signal: Signal) -> list[str]:
    """Of an alert's episode: the next ones, as far as it may last longer than the one before them."""
    later: list[str] = []
    spans = memory.index.ties(alert_key(signal) or "")
    for signal_id in () if spans is None else spans.after(signal.order, FAR):
        later.append(signal_id)
        if memory.signals[signal_id].reach >= signal.reach:
            break
    return later


def loosened(memory: Memory, component: Component, old: Signal, new: Signal) -> bool:
    """Whether a signal that ends earlier than it did may have tied an alert to what it was before a pause."""
    if new.reach >= old.reach or not any(PAGED in incident.keys for incident in component.incidents):
        return False
    if new.kind != "page":
        return bool(following(memory, new))
    refired = memory.index.refired.after((new.reach, LAST), old.reach)
    return any(_of(memory, signal_id) is component for signal_id in refired)


def _of_page(loader: Loader, page: Signal, since: int) -> Iterator[Pair]:
    """Alerts of the page's component that fire again while it is open, and after ``since``."""
    memory = loader.memory
    low = (page.start, "") if since < page.start else (since, LAST)
    loader.ensure_started(low[0], page.reach)
    component = memory.component_of[memory.incident_of[page.id]]
    for signal_id in list(memory.index.refired.after(low, page.reach)):
        later = memory.signals[signal_id]
        before = _previous(memory, later)
        if before is not None and _of(memory, before.id) is component and pauses(before, later, memory.rules.gap):
            yield before.id, signal_id


def _with_next(loader: Loader, signal: Signal, key: str) -> Iterator[Pair]:
    memory = loader.memory
    component = memory.component_of[memory.incident_of[signal.id]]
    if not any(PAGED in incident.keys for incident in component.incidents):
        return
    high = max(incident.reach() for incident in component.incidents)
    loader.ensure(f"tie:{key}", signal.start, high)
    spans = memory.index.ties(key)
    signal_id = None if spans is None else next(spans.after(signal.order, high), None)
    if signal_id is not None and _paged(memory, signal, memory.signals[signal_id]):
        yield signal.id, signal_id


def _with_previous(loader: Loader, signal: Signal, key: str) -> Iterator[Pair]:
    memory = loader.memory
    loader.ensure(f"tie:{PAGED}", signal.start, signal.start)
    pages = memory.index.ties(PAGED)
    # Pages are found until their gap is over; what is found too early costs a question more.
    page = None if pages is None else pages.first(signal.start, signal.start)
    if page is None:
        return
    loader.ensure(f"tie:{key}", memory.signals[page].start, signal.start)
    before = _previous(memory, signal)
    if before is not None and _paged(memory, before, signal):
        yield before.id, signal.id


def _previous(memory: Memory, signal: Signal) -> Signal | None:
    spans = memory.index.ties(alert_key(signal) or "")
    signal_id = None if spans is None else next(spans.covering(signal.order, -1), None)
    return None if signal_id is None else memory.signals[signal_id]


def _paged(memory: Memory, earlier: Signal, later: Signal) -> bool:
    """Whether a page of the earlier one's component is open when the later one starts, and nothing else ties them."""
    if not pauses(earlier, later, memory.rules.gap):
        return False
    return any(
        incident.first_page(later.start, later.start) is not None for incident in _of(memory, earlier.id).incidents
    )


def _of(memory: Memory, signal_id: str) -> Component:
    return memory.component_of[memory.incident_of[signal_id]]
