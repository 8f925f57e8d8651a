"""From when to when: an alert's episodes and a page's span, out of the events that tell of them.

The one answer to this question. Grouping folds all events of an alert with it,
replay folds those of one incident, and both come to the same episodes: an
episode depends on its own events and on where the alert's other episodes begin
and end, never on arrival. A resolve that is received before its firing, or days
after it, ends the same episode as one in time.

Nothing is ended here that no sender ended. An alert whose resolve was lost, or
whose start moved while it fired, has an episode without an end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from collector.event import Event, RecordedEvent, id_time, rank

AGAIN = "again_after"
"""The key of a firing's data that names the resolve after which its sender told the same start once more."""

ENDS = "ends"
"""The key of a resolve's data that names the firing of the same start, whether that was received or not."""

CYCLE = "cycle"
"""The key of a firing's data that firings have in common which tell one alert in other states, until it ends: a warning
that became critical fired once."""

CONTINUES = "continues"
"""The key of a firing's data that is set where its sender says that the alert had not ended before: if a firing of it
is known that nobody ended, it fires on."""

ENDED = "alert.resolved"
"""That an alert ended. A sender may say so of one whose firing it never told."""

UPDATED = "alert.updated"
"""What an alert says anew belongs to an episode; it begins none and ends none."""


class Episode(msgspec.Struct, gc=False):
    """One alert from its firing to its resolve."""

    start: int
    end: int | None
    """The latest end that a sender told; None where none did."""
    events: list[RecordedEvent]
    """Its events in order: a resolve never stands before the start that it names."""
    until: int | None = None
    """Where no end is told: the alert's next end of all, by which it was over; None where none was told yet."""
    resolved: RecordedEvent | None = None
    """The event that tells the end."""

    @property
    def bounds(self) -> list[RecordedEvent]:
        """The events that say of it when it fired: all but what it said anew meanwhile."""
        return [event for event in self.events if event.type != UPDATED]

    @property
    def begun(self) -> bool:
        """Whether it is known since when it fired; a resolve without its firing may say only that it had."""
        return any(map(proves_its_start, self.bounds))


class PageSpan(msgspec.Struct, frozen=True, gc=False):
    """One page from its trigger to the resolve that was not taken back."""

    start: int
    end: int | None
    title: str
    """As it was called last."""
    triggered: RecordedEvent | None
    acknowledged: RecordedEvent | None
    """The first acknowledgement by a person; where there is none, the first of an automation."""
    resolved: RecordedEvent | None
    merged: RecordedEvent | None = None
    """The merge into another page that closed it; a merge resolves nothing."""
    begun: bool = True
    """Whether it is known that it was open at some time before its end: by another of its events, or by its sender."""


def micros(value: object) -> int | None:
    """A time out of an event's own data, µs; None where it holds none."""
    return value if type(value) is int else None


def told_at(event: RecordedEvent) -> int:
    """When a state of an alert was told, µs: some senders give each the time at which the alert began to fire."""
    at = micros(event.data.get("told_at"))
    return event.occurred_at if at is None else max(at, event.occurred_at)


def episodes(events: Iterable[RecordedEvent]) -> list[Episode]:
    """The episodes of one alert, by start; ``events`` are all of them that are known, in reading order.

    A resolve proves the firing that it names. Of several ends of one start the latest counts, and so it does where
    episodes overlap: those are one. An end told before the start that it names closes the episode at once.
    """
    begun: dict[int, Episode] = {}
    for event, start in _starts(events):
        episode = begun.get(start)
        if episode is None:
            episode = begun[start] = Episode(start, None, [])
        episode.events.append(event)
        if event.type == ENDED:
            _end(episode, max(start, event.occurred_at), event)
    return _until(_overlapping([begun[start] for start in sorted(begun)]))


def proves_its_start(event: RecordedEvent) -> bool:
    """Whether an alert's event says by itself from when on the alert fired; else any firing before it may say so."""
    return event.type == "alert.firing" or micros(event.data.get("starts_at")) is not None


def _starts(events: Iterable[RecordedEvent]) -> Iterable[tuple[RecordedEvent, int]]:
    """Each event with the start of the episode it tells of."""
    pairs: list[tuple[RecordedEvent, int]] = []
    unnamed: list[RecordedEvent] = []
    updates: list[RecordedEvent] = []
    repeated: dict[int, list[RecordedEvent]] = {}
    goes_on: tuple[object, int] = (None, 0)
    """The cycle of what fires now, and since when it does: whatever else is told of the alert breaks it off."""
    moved: dict[int, int] = {}
    """The moments of firings that go on with an earlier one, each with the start of that."""
    for event in events:
        if event.type == UPDATED:
            updates.append(event)
            continue
        start_named = micros(event.data.get("starts_at"))
        if event.type == "alert.firing":
            if start_named is not None and AGAIN in event.data:
                repeated.setdefault(start_named, []).append(event)
            cycle = event.data.get(CYCLE)
            if CONTINUES in event.data and goes_on[1]:
                moved[event.occurred_at] = goes_on[1]
            elif cycle is None or cycle != goes_on[0]:
                goes_on = (cycle, event.occurred_at)
            pairs.append((event, goes_on[1]))
            continue
        goes_on = (None, 0)
        if start_named is None:
            unnamed.append(event)
        else:
            pairs.append((event, moved.get(start_named, start_named)))
    if repeated:
        pairs = [(event, _lived_again(event, start, repeated.get(start, ()))) for event, start in pairs]
    if unnamed:
        known = sorted({start for _, start in pairs})
        pairs += [(event, _latest(known, event.occurred_at)) for event in unnamed]
    return [*pairs, *_updating(updates, {start for _, start in pairs}, repeated)] if updates else pairs


def _updating(
    updates: Iterable[RecordedEvent], starts: set[int], repeated: Mapping[int, Sequence[RecordedEvent]]
) -> Iterator[tuple[RecordedEvent, int]]:
    """Each update with the start of its episode; one whose firing was taken back has none."""
    in_order = sorted(starts)
    for event in updates:
        named = micros(event.data.get("starts_at"))
        start = _lived_again(event, named, repeated.get(named, ())) if named is not None else None
        if start is None and in_order:
            start = in_order[max(0, bisect_right(in_order, event.occurred_at) - 1)]
        if start in starts:
            yield event, start


def _lived_again(event: RecordedEvent, start: int, repeated: Sequence[RecordedEvent]) -> int:
    """Where a resolve names a start that was told again: the firing that it ends.

    That is the last one whose resolve before it is further away from this end than the firing itself: clocks differ.
    """
    if event.type == "alert.firing":
        return start
    fitting = [each.occurred_at for each in repeated if 2 * event.occurred_at > each.occurred_at + _ended_before(each)]
    return max(fitting, default=start)


def _ended_before(again: RecordedEvent) -> int:
    """When the alert had ended that this firing tells anew."""
    return id_time(str(again.data[AGAIN]))


def _latest(starts: Sequence[int], end: int) -> int:
    """The start that a resolve closes which names none: the latest by then, else its own moment, which is no start."""
    at = bisect_right(starts, end) - 1
    return starts[at] if at >= 0 else end


def _end(episode: Episode, end: int, event: RecordedEvent) -> None:
    if episode.end is None or end >= episode.end:
        episode.end, episode.resolved = end, event


def _overlapping(runs: Sequence[Episode]) -> list[Episode]:
    """Episodes by start, those that overlap made one."""
    merged: list[Episode] = []
    for episode in runs:
        last = merged[-1] if merged else None
        if last is None or last.end is None or episode.start >= last.end:
            _put_in_order(episode)
            merged.append(episode)
            continue
        last.events += episode.events
        if episode.end is not None and episode.resolved is not None:
            _end(last, episode.end, episode.resolved)
        _put_in_order(last)
    return merged


def _put_in_order(episode: Episode) -> None:
    """By time, an end never before the start; causes before effects."""
    if len(episode.events) > 1:
        episode.events.sort(key=lambda each: (max(each.occurred_at, episode.start), rank(each.type), each.id))


def _until(runs: list[Episode]) -> list[Episode]:
    next_end: int | None = None
    for episode in reversed(runs):
        if episode.end is None:
            episode.until = next_end
        else:
            next_end = episode.end
    return runs


def acted_alone(event: Event) -> bool:
    """Whether an automation did it by itself: its sender names what acted, and no person."""
    return not event.actor and bool(event.data.get("agent"))


def page_span(events: Sequence[RecordedEvent]) -> PageSpan:
    """One page, out of its ``page.*`` events in reading order.

    It begins with its trigger; where that was not received, when its sender says it was opened, or with its first
    event. One that is over ends no second time when it is closed or deleted, unless it was worked on in between.
    """
    title, waits = "", True
    triggered = acknowledged = resolved = merged = None
    for event in events:
        # A word that does not repeat the page's title is titled by its id.
        title = event.title if event.title and event.title != f"Page {event.entity}" else title or event.title
        waits = waits or event.type in _WORKED_ON
        if event.type == "page.triggered":
            triggered = triggered or event
        elif event.type == "page.acknowledged":
            if acknowledged is None or (acted_alone(acknowledged) and not acted_alone(event)):
                acknowledged = event
        elif event.type == "page.resolved":
            resolved, merged = (event, None) if waits else (resolved, merged)
            waits = False
        elif event.type == "page.merged":
            resolved, merged, waits = None, event, False
        elif event.type == "page.reopened" or status_open(event):
            resolved = merged = None
    start = triggered.occurred_at if triggered is not None else _opened(events)
    closed = resolved or merged
    end = None if closed is None else max(closed.occurred_at, start)
    begun = start < events[0].occurred_at or any(each.type not in _CLOSING for each in events)
    return PageSpan(start, end, title, triggered, acknowledged, resolved, merged, begun)


_OPEN = frozenset({"started", "in triage", "triage", "investigating", "identified", "fixing", "active"})


def status_open(event: Event) -> bool:
    """Whether an update of a page says beside something else that it is worked on: Rootly tells in no other way that an
    incident was opened again, or that it was not mitigated after all."""
    status = event.data.get("status") if event.type == "page.updated" else None
    return isinstance(status, str) and status.replace("_", " ").casefold() in _OPEN


_CLOSING = ("page.resolved", "page.merged")
_WORKED_ON = ("page.triggered", "page.acknowledged", "page.unacknowledged", "page.escalated", "page.reopened")
"""What shows that a page is open, or is again."""


def _opened(events: Sequence[RecordedEvent]) -> int:
    created = [at for each in events if (at := micros(each.data.get("created_at"))) is not None]
    return min([events[0].occurred_at, *created])
