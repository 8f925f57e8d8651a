"""Alerts, pages and changes: the events of one entity folded into what happened to it.

An alert's notifications overlap, repeat and get lost, so its episodes are found
by what the sender says of start and end, never by what arrived first (design
§5). Every function takes the events of one entity in reading order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from collector.changes import SINGLE, kind_of, last_of, reach_of, span_of
from collector.event import RecordedEvent, reading_order
from renderers.history import Alert, Change, Page

LOW_SEVERITIES = frozenset(
    {
        *("warning", "warn", "minor", "low", "medium", "moderate", "info", "informational", "information", "notice"),
        *("debug", "none", "ok", "page_low", "p3", "p4", "p5", "sev3", "sev4", "sev5", "3", "4", "5"),
    }
)
"""Severities that open no incident: ``warning``, its equals and what is below; the same as grouping's, by a test."""


@lru_cache(maxsize=1_024)
def opening(severity: str | None) -> bool:
    """Whether an alert of this severity opens an incident: it is above ``warning``, or nobody said."""
    return severity is None or severity.casefold() not in LOW_SEVERITIES


def micros(value: Any) -> int | None:
    """A time out of an event's own data, or nothing where it holds none."""
    return value if type(value) is int else None


class _Episode(msgspec.Struct, gc=False):
    """One episode while its events are gathered."""

    start: int
    end: int | None
    events: list[RecordedEvent]
    until: int | None = None
    mixed: bool = False

    def take(self, events: Iterable[RecordedEvent], end: int | None) -> None:
        """Events of an overlapping episode; the later end counts."""
        self.mixed = True
        self.events.extend(events)
        if end is not None and (self.end is None or end > self.end):
            self.end = end


def alert_episodes(events: Sequence[RecordedEvent]) -> list[Alert]:
    """The episodes of one alert, by start.

    A resolve proves its firing; of several ends of one start, or of overlapping episodes, the latest counts; a firing
    inside a closed episode belongs to it; one that nothing closed is over, without a known end, by the next firing.
    """
    begun, ends = _by_start(events)
    found: list[_Episode] = []
    last: _Episode | None = None
    for start in sorted(begun):
        if last is not None and last.end is not None and start < last.end:
            last.take(begun[start], ends.get(start))
            continue
        if last is not None:
            last.until = start
        last = _Episode(start, ends.get(start), begun[start])
        found.append(last)
    return [_alert(each) for each in found]


def _by_start(events: Iterable[RecordedEvent]) -> tuple[dict[int, list[RecordedEvent]], dict[int, int]]:
    """The events by the start of the episode they speak of, and the latest end told of each start."""
    begun: dict[int, list[RecordedEvent]] = {}
    ends: dict[int, int] = {}
    latest: int | None = None
    for event in events:
        start = end = event.occurred_at
        if event.type == "alert.resolved":
            said = micros(event.data.get("starts_at"))
            # One that does not say what it closes closes the latest episode begun before it.
            closed = latest if said is None else said
            if closed is not None and closed < end:
                start = closed
            ends[start] = end
        if start in begun:
            begun[start].append(event)
        else:
            begun[start] = [event]
        if latest is None or start > latest:
            latest = start
    return begun, ends


def _alert(episode: _Episode) -> Alert:
    events = sorted(episode.events, key=reading_order) if episode.mixed else episode.events
    fired = resolved = severity = None
    for each in events:
        severity = each.severity or severity
        if each.type == "alert.firing":
            fired = fired or each
        elif each.occurred_at == episode.end:
            resolved = each
    told = fired or resolved or events[0]
    return Alert(
        entity=told.entity,
        name=told.title,
        service=told.service,
        environment=told.environment,
        severity=severity,
        opening=opening(severity),
        start=episode.start,
        end=episode.end,
        fired=told,
        resolved=resolved,
        events=tuple([each.id for each in events]),
        until=episode.until if episode.end is None else None,
    )


def page(events: Sequence[RecordedEvent]) -> Page:
    """One page, from triggered (or when its sender says it was created) to the resolve that was not taken back."""
    title = ""
    service = environment = severity = triggered = acknowledged = resolved = None
    for each in events:
        title, service = each.title or title, each.service or service
        environment, severity = each.environment or environment, each.severity or severity
        if each.type == "page.triggered":
            triggered = triggered or each
        elif each.type == "page.acknowledged":
            acknowledged = acknowledged or each
        elif each.type == "page.resolved":
            resolved = each
        elif each.type == "page.reopened":
            resolved = None
    return Page(
        entity=events[0].entity,
        title=title,
        service=service,
        environment=environment,
        severity=severity,
        start=triggered.occurred_at if triggered else _opened(events),
        end=resolved.occurred_at if resolved else None,
        triggered=triggered,
        acknowledged=acknowledged,
        resolved=resolved,
        steps=tuple(events),
    )


def _opened(events: Sequence[RecordedEvent]) -> int:
    """When a page was opened whose trigger was not received: when its sender says so, or its first event."""
    created = [at for each in events if (at := micros(each.data.get("created_at"))) is not None]
    return min([events[0].occurred_at, *created])


def changes(events: Sequence[RecordedEvent]) -> list[Change]:
    """The changes of one entity: usually one, but every toggle of a flag is a change of its own."""
    whole = [each for each in events if each.type not in SINGLE]
    return [_change([each]) for each in events if each.type in SINGLE] + ([_change(whole)] if whole else [])


def _change(events: Sequence[RecordedEvent]) -> Change:
    """One change with all its states; the state it finished in speaks, or the latest where it did not finish."""
    last, span = last_of(events), span_of(events)
    return Change(
        entity=last.entity,
        kind=kind_of(events),
        outcome=last.type.partition(".")[2].removeprefix("flag_"),
        service=last.service or _latest(events, "service"),
        environment=last.environment or _latest(events, "environment"),
        title=last.title or _latest(events, "title") or "",
        actor=last.actor or _latest(events, "actor"),
        start=span.start,
        end=span.end,
        ran=span.ran,
        measured=span.measured,
        reach=reach_of(events),
        first=events[0],
        last=last,
        events=tuple([each.id for each in events]),
    )


def _latest(events: Sequence[RecordedEvent], field: str) -> str | None:
    """The field as the latest event that has it says."""
    for event in reversed(events):
        value: str | None = getattr(event, field)
        if value:
            return value
    return None
