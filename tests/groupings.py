"""Events grouped in one step, and what came of them."""

from __future__ import annotations

from collector.correlation import Grouping, Incident, Rules, correlate
from collector.event import RecordedEvent


def grouped(*events: RecordedEvent, rules: Rules | None = None) -> Grouping:
    """The grouping of these events."""
    return correlate(events, rules or Rules())


def sizes(*events: RecordedEvent, rules: Rules | None = None) -> list[int]:
    """How many events each incident has."""
    return [len(incident.members) for incident in grouped(*events, rules=rules).incidents]


def only(*events: RecordedEvent, rules: Rules | None = None) -> Incident:
    """The one incident that these events are."""
    (incident,) = grouped(*events, rules=rules).incidents
    return incident


def rule_of(event: RecordedEvent, *others: RecordedEvent, rules: Rules | None = None) -> str:
    """By which rule an event is in an incident; why not, where it is in none."""
    grouping = grouped(event, *others, rules=rules)
    found = [m.rule for incident in grouping.incidents for m in incident.members if m.event == event.id]
    return found[0] if found else next(entry.reason for entry in grouping.unjoined if entry.event == event.id)
