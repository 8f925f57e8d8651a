"""Alerts, pages and changes: the events of one entity folded into what happened to it.

From when to when is ``collector.semantics.episodes``' to say; here its answer gets what
sections read beside it. Every function takes the events of one entity in
reading order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from collector.event import RecordedEvent
from collector.semantics import severities
from collector.semantics.changes import (
    is_broken_off,
    is_idle,
    kind_of,
    last_of,
    reach_of,
    runs_of,
    span_of,
    took_itself_back,
)
from collector.semantics.closing import Word, goes_on, peak
from collector.semantics.episodes import UPDATED, Episode, episodes, page_span, told_at
from renderers.history import Alert, Change, Page


@lru_cache(maxsize=1_024)
def opening(severity: str | None, name: str) -> bool:
    """Whether an alert of this severity and name opens an incident: by the table of severities."""
    return severities.opens(severity, name=name)


def alert_episodes(events: Sequence[RecordedEvent], words: Sequence[Word] = ()) -> list[Alert]:
    """The episodes of one alert, by start; one that nobody ended goes on with what its sender tells next of it.

    A resolve without a firing, that does not say since when the alert fired either, is none.
    """
    return [_alert(each, anew) for each, anew in _going_on(episodes(events), words) if each.begun]


def _going_on(runs: Sequence[Episode], words: Sequence[Word]) -> Iterator[tuple[Episode, list[str]]]:
    """Those without an end as one with the next, and the firings that the joined ones began with; unless people said
    in between that it was over."""
    last: Episode | None = None
    anew: list[str] = []
    for episode in runs:
        if last is None:
            last = episode
        elif last.end is None and goes_on(last.bounds[-1].occurred_at, episode.start, words):
            last = Episode(last.start, episode.end, last.events + episode.events, episode.until, episode.resolved)
            anew += [each.id for each in episode.bounds if each.type == "alert.firing"][:1]
        else:
            yield last, anew
            last, anew = episode, []
    if last is not None:
        yield last, anew


_OF_A_START = "alertname"
"""The label of alerts whose start stays the same as long as they fire; of others a firing may only be told again."""


def _alert(episode: Episode, anew: Sequence[str]) -> Alert:
    events = episode.events
    severity = peak("", [each.severity for each in episode.bounds])
    firings = [bound for bound in episode.bounds if bound.type == "alert.firing"]
    # Of the states of an alert that have the time of its beginning the one that was told first is the firing.
    fired = min((each for each in firings if each.occurred_at == firings[0].occurred_at), key=told_at, default=None)
    teller = fired or episode.resolved or events[0]
    return Alert(
        entity=teller.entity,
        source=teller.source,
        name=teller.title,
        service=teller.service,
        environment=teller.environment,
        severity=severity,
        opening=opening(severity, teller.title),
        start=episode.start,
        end=episode.end,
        fired=teller,
        resolved=episode.resolved,
        events=tuple([each.id for each in events]),
        updates=frozenset([each.id for each in events if each.type == UPDATED]),
        anew=tuple(anew) if _OF_A_START in teller.labels else (),
    )


def page(events: Sequence[RecordedEvent]) -> Page:
    """One page, from triggered (or when its sender says it was created) to the resolve that was not taken back."""
    span = page_span(events)
    # What it was opened for: a sender that moves it to another service tells that later.
    service = next((each.service for each in (span.triggered, *events) if each is not None and each.service), None)
    environment = next((e.environment for e in (span.triggered, *events) if e is not None and e.environment), None)
    return Page(
        entity=events[0].entity,
        title=span.title,
        service=service,
        environment=environment,
        severity=peak("", [each.severity for each in events]),
        start=span.start,
        end=span.end,
        triggered=span.triggered,
        acknowledged=span.acknowledged,
        resolved=span.resolved,
        merged=span.merged,
        begun=span.begun,
        steps=tuple(events),
    )


def changes(events: Sequence[RecordedEvent]) -> list[Change]:
    """The changes of one entity: usually one, but every toggle of a flag is a change of its own."""
    return [_change(run) for run in runs_of(events)]


def _change(events: Sequence[RecordedEvent]) -> Change:
    """One change with all its states; the state it finished in speaks, or the latest where it did not finish."""
    last, span = last_of(events), span_of(events)
    actor = _set_off_by(events)
    return Change(
        entity=last.entity,
        kind=kind_of(events),
        outcome=last.type.partition(".")[2].removeprefix("flag_"),
        service=last.service or _latest(events, "service"),
        environment=last.environment or _latest(events, "environment"),
        title=last.title or _latest(events, "title") or "",
        actor=actor or last.actor,
        stopped_by=last.actor if last.type == CANCELLED and actor not in (None, last.actor) else None,
        start=span.start,
        end=span.end,
        ran=span.ran,
        measured=span.measured,
        # What took itself back did not stay; how far it had come is not known.
        reach="none" if took_itself_back(events) else reach_of(events),
        idle=is_idle(events),
        broken_off=is_broken_off(events),
        first=events[0],
        last=last,
        events=tuple([each.id for each in events]),
    )


CANCELLED = "change.cancelled"


def _set_off_by(events: Sequence[RecordedEvent]) -> str | None:
    """Who set a change off: the first whom its sender names. Of a cancellation it may be who cancelled it."""
    return next((event.actor for event in events if event.actor and event.type != CANCELLED), None)


def _latest(events: Sequence[RecordedEvent], field: str) -> str | None:
    """The field as the latest event that has it says."""
    for event in reversed(events):
        value: str | None = getattr(event, field)
        if value:
            return value
    return None
