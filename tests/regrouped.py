"""The projections as they are kept, and as correlation makes them afresh from the same events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from collector.correlation import Rules, correlate
from collector.event import RecordedEvent


def batch(events: Sequence[RecordedEvent], rules: Rules) -> Any:
    """What correlation says of all events at once, numbers aside: incidents, what joined nothing, what is ignored."""
    grouping = correlate(events, rules)
    incidents = {
        i.key: (i.started_at, i.ended_at, *i.window, {m.event: (m.rule, m.reason) for m in i.members}, len(i.members))
        for i in grouping.incidents
    }
    unjoined = {entry.event: entry.reason for entry in grouping.unjoined}
    return incidents, unjoined, {entry.event: entry.reason for entry in grouping.ignored}


def kept(connection: Connection) -> Any:
    """The same out of the projections, each incident with its members and with how many it says it has."""
    execute = connection.exec_driver_sql
    members: dict[int, dict[str, tuple[str, str]]] = {}
    statement = "SELECT number, event, rule, reason FROM membership JOIN event_unit ON unit = uid"
    for number, told, rule, reason in execute(statement):
        members.setdefault(number, {})[told] = (rule, reason)
    statement = """SELECT key, started_at, ended_at, low, high, number, events FROM incident
        JOIN incident_number USING (number) WHERE goes_by = number"""
    incidents: dict[str, tuple[Any, ...]] = {}
    for key, started, ended, lowest, highest, number, count in execute(statement):
        incidents[key] = (started, ended, lowest, highest, members.pop(number, {}), count)
    # Members of an incident that is not listed would otherwise go unnoticed.
    incidents.update({f"number {number}": (stray,) for number, stray in members.items()})
    unjoined = execute("SELECT event, missed FROM event_unit JOIN signal ON uid = unit WHERE missed <> ''")
    return incidents, dict(map(tuple, unjoined)), dict(map(tuple, execute("SELECT event, reason FROM ignored")))
