"""What was told anew of an alert that fired already: another severity, another name, that there is data again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.event import RecordedEvent, reading_order
from collector.semantics import severities
from collector.semantics.episodes import CONTINUES, told_at
from renderers.history import Alert, History


def regraded(history: History) -> dict[str, tuple[Alert, str]]:
    """The firings that told another severity than was told of the alert before, by id; each with its alert and that
    severity."""
    by_firing: dict[str, tuple[Alert, str]] = {}
    for alert in history.alerts:
        before = alert.fired.severity
        for event in _firings(history, alert) if len(alert.events) > 1 else ():
            if not event.severity:
                continue
            # Words of one grade, warn and warning, are no change.
            if before and severities.rank(event.severity)[0] != severities.rank(before)[0]:
                by_firing[event.id] = (alert, before)
            before = event.severity
    return by_firing


def _firings(history: History, alert: Alert) -> list[RecordedEvent]:
    known = [history.by_id[each] for each in alert.events if each in history.by_id]
    firings = [event for event in known if event.type == "alert.firing"]
    return sorted(firings, key=lambda event: (event.occurred_at, told_at(event)))


def renamed(history: History) -> dict[str, tuple[Alert, str]]:
    """The firings by which an alert that fired already was called something else than before, by id; each with its
    alert and what it was called before. Names that differ in their numbers only are one, and so are names that a
    change of the severity goes with: of that there is a row."""
    by_firing: dict[str, tuple[Alert, str]] = {}
    for alert in history.alerts:
        before = alert.fired.title
        for each in alert.events if len(alert.events) > 1 else ():
            event = history.by_id.get(each)
            if event is None or event.type != "alert.firing" or event.title == before:
                continue
            if _NUMBERS.sub("", event.title) != _NUMBERS.sub("", before):
                by_firing[event.id] = (alert, before)
            before = event.title
    return by_firing


def begun_anew(history: History) -> dict[str, Alert]:
    """The firings of another start than before of an alert of which no end was told in between, by id, each with its
    alert: whether it had ended, nobody knows."""
    return {each: alert for alert in history.alerts for each in alert.anew}


def back_with_data(history: History) -> dict[str, Alert]:
    """The firings by which an alert that fired already went on after its sender had no data for it, by id; each with
    its alert."""
    without = {event.entity for event in history.observations if _without_data(event)}
    by_firing: dict[str, Alert] = {}
    for alert in history.alerts:
        dark = False
        for event in sorted(_told_of(history, alert, without), key=reading_order):
            if event.type == "observation.recorded":
                dark = True
            elif event.type == "alert.firing" and event.id != alert.fired.id:
                if dark or event.data.get(CONTINUES) is True:
                    by_firing[event.id] = alert
                dark = False
    return by_firing


def _told_of(history: History, alert: Alert, without: set[str]) -> Iterator[RecordedEvent]:
    """The events of an alert and what was observed of it while it fired, where its sender missed data of it."""
    if len(alert.events) > 1:
        yield from [history.by_id[each] for each in alert.events if each in history.by_id]
        if alert.entity in without:
            seen = [each for each in history.observations if each.entity == alert.entity]
            yield from [each for each in seen if _without_data(each) and each.occurred_at >= alert.start]


def _without_data(event: RecordedEvent) -> bool:
    """Whether a sender tells that it misses the data from which it would know whether an alert fires."""
    return str(event.data.get("type")).endswith(".no_data")


_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
