"""PagerDuty's log entries, as its webhooks tell them: https://developer.pagerduty.com/api-reference (Log Entries)

A log entry's id is not that of the event that a webhook told, so the two are
found to be one by incident, kind, person and time. Who was notified by which
means is set aside, and so is the assignment that comes with every page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.errors import InvalidInput
from collector.event import HOUR, SECOND
from collector.sources.pagerduty.v3 import ENTRY
from collector.times import rfc3339
from collector.webhook import Ask, Deliveries, Import, Interface, Pages, RecordSpan

_END = "_log_entry"
_KINDS = {
    "trigger": "incident.triggered",
    "acknowledge": "incident.acknowledged",
    "unacknowledge": "incident.unacknowledged",
    "resolve": "incident.resolved",
    "assign": "incident.reassigned",
    "delegate": "incident.delegated",
    "escalate": "incident.escalated",
    "snooze": "log_entry.snooze",
    "annotate": "incident.annotated",
    "priority_change": "incident.priority_updated",
    "custom_field_value_change": "incident.custom_field_values.updated",
}
"""PagerDuty's kinds of log entry, and of event. What is no kind of event is told as a detail of the page."""
_DETAILS = {
    "exhaust_escalation_path": "nobody is left to escalate to",
    "repeat_escalation_path": "the escalation policy was begun again",
    "reach_ack_limit": "the limit of acknowledgements was reached",
    "reach_trigger_limit": "the limit of triggers was reached",
    "urgency_change": "its urgency was changed",
    "field_value_change": "a field was changed",
}
_SILENT = frozenset({"notify"})
_PERSON = "user"
DAY = 24 * HOUR
MOST = 10_000
"""Log entries that can be asked for by an offset."""
_PAGE = 100


def entry(record: Mapping[str, Any]) -> Deliveries:
    """The event of a log entry; none of those that are set aside."""
    kind = str(record["type"]).removesuffix("_reference").removesuffix(_END)
    agent = record.get("agent") or {}
    if kind in _SILENT or (kind == "assign" and _PERSON not in str(agent.get("type"))):
        return []
    if kind not in _KINDS and kind not in _DETAILS:
        raise LookupError(kind)
    data = {"type": "log_entry", "incident": record["incident"], **_fields(kind, record)}
    if service := record.get("service") or record["incident"].get("service"):
        data["service"] = service
    event = {
        "id": record["id"],
        "event_type": _KINDS.get(kind, ENTRY + kind),
        "occurred_at": record["created_at"],
        "agent": agent or None,
        "data": data,
    }
    return [({}, {"event": event})]


def _fields(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry says beyond its kind."""
    channel = record.get("channel") or {}
    if kind == "annotate":
        return {"content": channel.get("content") or channel.get("summary") or record.get("summary")}
    if kind in ("assign", "escalate"):
        return {"assignees": record.get("assignees") or []}
    if kind in _DETAILS:
        return {"summary": _DETAILS[kind]}
    incident = record["incident"]
    if kind == "trigger":
        names = ("incident_key", "created_at", "urgency", "priority")
        return {name: incident[name] for name in names if incident.get(name)}
    return {}


async def _pages(ask: Ask, span: RecordSpan) -> Pages:
    """A day at a time: more than 10,000 are not given out by an offset."""
    for start in range(span.since, span.until, DAY):
        offset, more = 0, True
        while more:
            if offset >= MOST:
                raise InvalidInput(
                    f"cannot fetch log entries: PagerDuty has more than {MOST:,} for the day from {rfc3339(start)}; "
                    "export them, and import the file"
                )
            query = [
                ("since", rfc3339(start)), ("until", rfc3339(min(start + DAY, span.until))), ("limit", str(_PAGE)),
                ("offset", str(offset)), ("include[]", "incidents"), ("include[]", "channels"),
            ]  # fmt: skip
            page, _ = await ask("/log_entries", query)
            yield page["log_entries"]
            more, offset = bool(page.get("more")), offset + _PAGE


def _headers(token: str) -> Mapping[str, str]:
    return {"Accept": "application/vnd.pagerduty+json;version=2", "Authorization": f"Token token={token}"}


INTERFACE = Interface(url="https://api.pagerduty.com", headers=_headers)
IMPORTS = {
    "log_entries": Import(
        called="log entries of PagerDuty's GET /log_entries",
        sent=entry,
        within="log_entries",
        near=2 * SECOND,
        pages=_pages,
    )
}
