"""Alerts of one name and service that fired with severities of which not all open an incident."""

from __future__ import annotations

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Name
from renderers.history import Alert, Family, History
from renderers.phrases import Phrase, say, with_name


def alert_graded(history: History, alert: Alert) -> Phrase:
    """The alert's name; with its severity where one called so fired on its service that opens no incident, too."""
    alike = [each for each in history.alerts if (each.name, each.service) == (alert.name, alert.service)]
    graded = any(each.opening != alert.opening for each in alike)
    return say(phrases.alert_named(alert.name), with_name(" (", alert.severity if graded else None, ")"))


def series_as_grave(family: Family, alert: Alert) -> int:
    """How many series of the alert fired that open an incident, or none, as it does."""
    return facts.series_in(each for each in family.alerts if each.opening == alert.opening)


def lower_before(family: Family, alert: Alert) -> tuple[Phrase, RecordedEvent | None]:
    """``; with severity warning it had fired 30 min before``, and what proves it."""
    lower = family.first
    if lower.start >= alert.start or lower.opening or not lower.severity:
        return (), None
    ahead = phrases.between(lower.start, alert.start)
    return say("; with severity ", Name(lower.severity), " it had fired ", ahead, " before"), lower.fired
