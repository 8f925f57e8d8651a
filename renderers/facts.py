"""What several sections ask of a History: where it began, when it recovered, what was done in between.

Every answer is a value that keeps its events; nothing here is worded. Sections
that need the same answer get it here, so that a draft never tells one thing
in two ways.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from collector.event import MINUTE, PEOPLE, RecordedEvent
from renderers.history import Alert, Change, History, Moment, Page

LATE = 5 * MINUTE
"""From how late on a reader is told that an event was received late."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person or a machine did between detection and recovery."""

    at: int
    event: RecordedEvent
    change: Change | None = None
    """None where it is an observation with an actor."""


def moment(history: History, name: str) -> Moment | None:
    """The moment, if it is known when it was."""
    found = history.moments.get(name)
    return found if found is not None and found.at is not None else None


def instant(history: History, name: str) -> int | None:
    found = moment(history, name)
    return found.at if found else None


def anchor(history: History) -> int:
    """Where the incident began: its first symptom, else its detection, else its first event."""
    for name in ("first_symptom", "detected"):
        known = instant(history, name)
        if known is not None:
            return known
    return history.events[0].occurred_at if history.events else 0


def reference(history: History) -> int:
    """What earlier changes are measured against: the first opening alert, report or page, else the first symptom.

    A low alert hours before is a symptom, but nobody was called by it; a change between the two is still a candidate.
    """
    starts = [alert.start for alert in islice((each for each in history.alerts if each.opening), 1)]
    starts += [report.occurred_at for report in history.reports[:1]] + [page.start for page in history.pages[:1]]
    return min(starts, default=anchor(history))


def began(history: History) -> bool:
    """Whether any alert, page or report was recorded: without one there is nothing to measure from."""
    return bool(history.alerts or history.pages or history.reports)


def latest(history: History) -> int:
    """The last time that anything is known of."""
    return history.events[-1].occurred_at if history.events else 0


def first_alert(history: History) -> Alert | None:
    """The first opening alert, or the first alert if none is opening."""
    return next((alert for alert in history.alerts if alert.opening), history.alerts[0] if history.alerts else None)


def last_ended(alerts: Iterable[Alert]) -> Alert | None:
    """The alert that ended last, if none still fires; of several at once the one that began first."""
    last: Alert | None = None
    latest: int | None = None
    for alert in alerts:
        if alert.end is None:
            if alert.firing:
                return None
        elif latest is None or alert.end > latest:
            last, latest = alert, alert.end
    return last


def end_event(alert: Alert) -> RecordedEvent:
    """What proves the alert's end: its resolve, else the event that tells the episode."""
    return alert.resolved or alert.fired


def primary_service(history: History) -> str | None:
    """The service of the signal that gives the incident its name."""
    alert = first_alert(history)
    if alert:
        return alert.service
    paged = next((page.service for page in history.pages if page.service), None)
    return paged or next((report.service for report in history.reports if report.service), None)


def recovery(history: History) -> Moment | None:
    """When things were better: mitigated, else resolved."""
    return moment(history, "mitigated") or moment(history, "resolved")


def before(change: Change, start: int) -> bool:
    """Whether the change could have mattered: it began, or was merged, before the first symptom."""
    return change.start <= start


def closeness(change: Change, start: int) -> tuple[int, int, str]:
    """The key that puts the change nearest before ``start`` first."""
    near = change.end if change.end is not None and change.end <= start else change.start
    return (start - near, -change.start, change.entity)


def earlier_changes(history: History) -> list[Change]:
    """The changes begun before the incident was noticed, nearest first."""
    start = reference(history)
    if not began(history):
        return []
    return sorted((c for c in history.changes if before(c, start)), key=lambda c: closeness(c, start))


def doings(history: History) -> list[Doing]:
    """Changes and observations with an actor between detection and recovery, oldest first.

    A change that was under way when the incident was detected was no answer to it.
    """
    if not began(history):
        return []
    start, better = instant(history, "detected"), recovery(history)
    low = anchor(history) if start is None else start
    high = latest(history) if better is None or better.at is None else better.at
    found = [
        Doing(at=done, event=c.last, change=c)
        for c in history.changes
        if (done := finished(c)) is not None and c.start >= low
    ]
    found += [Doing(at=o.occurred_at, event=o) for o in history.observations if o.actor]
    return sorted((d for d in found if low < d.at <= high), key=lambda d: (d.at, d.event.id))


def finished(change: Change) -> int | None:
    """When the change was done; None while it runs."""
    if change.end is not None:
        return change.end
    return None if change.outcome == "started" else change.last.occurred_at


def next_end(alerts: Iterable[Alert], after: int) -> Alert | None:
    """The first of these alerts to end after something was done; of several at once the one that began first."""
    best: Alert | None = None
    for alert in alerts:
        if alert.end is not None and alert.end >= after and (best is None or best.end is None or alert.end < best.end):
            best = alert
    return best


def lateness(event: RecordedEvent) -> int:
    """How long after it happened a sender's event was received, µs; 0 below what a reader is told."""
    late = event.received_at - event.occurred_at
    return late if late >= LATE and event.source != PEOPLE and event.time_quality != "absent" else 0


def unacknowledged(page: Page) -> int | None:
    """How long the page waited for a person, µs; None if it is not known to have ended."""
    end = page.acknowledged.occurred_at if page.acknowledged else page.end
    return None if end is None else max(0, end - page.start)


def seen(history: History, family: str) -> bool:
    """Whether a source of this family of types reported then: only then does absence say anything."""
    own = {"alert": history.alerts, "page": history.pages, "change": history.changes}.get(family)
    return bool(history.context.reported.get(family)) or bool(own)
