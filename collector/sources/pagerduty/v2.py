"""PagerDuty's V2 webhooks: https://developer.pagerduty.com/docs/v2-overview

A body is a list of messages, each with an id of its own that a retry repeats. It
holds the whole incident and the log entries of what was done; who did it, and
the text of a note, stand in the entries. Each message is told as V3 would tell
it, so that a team's drafts read the same whichever it sends. Nothing is signed.
Of a merge V2 says ``merged`` and not into which incident.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import Event
from collector.sources import bodies
from collector.sources.pagerduty import v3
from collector.webhook import Reading, Webhook

KINDS = {
    "incident.trigger": "incident.triggered",
    "incident.acknowledge": "incident.acknowledged",
    "incident.unacknowledge": "incident.unacknowledged",
    "incident.resolve": "incident.resolved",
    "incident.assign": "incident.reassigned",
    "incident.escalate": "incident.escalated",
    "incident.delegate": "incident.delegated",
    "incident.annotate": "incident.annotated",
}
"""V2's kinds of message and V3's."""

_MERGED = "merged"
_OLDEST = (
    "a webhook of PagerDuty's version 1, which is not read: add a subscription under Integrations, "
    "Generic Webhooks (v3)"
)


class Assignment(msgspec.Struct, frozen=True):
    """Whom an incident stands with."""

    assignee: v3.Reference | None = None


class NamedThing(msgspec.Struct, frozen=True):
    """A service or a priority: ``summary`` and ``name`` say the same."""

    id: str | None = None
    summary: str | None = None
    name: str | None = None
    html_url: str | None = None


class AlertKey(msgspec.Struct, frozen=True):
    """An alert of the incident, by the key that its sender gave."""

    alert_key: str | None = None


class Incident(msgspec.Struct, frozen=True):
    """The incident when the message was made."""

    id: str | None = None
    incident_number: int | str | None = None
    title: str | None = None
    description: str | None = None
    summary: str | None = None
    created_at: str | None = None
    status: str | None = None
    html_url: str | None = None
    incident_key: str | None = None
    alerts: list[AlertKey] | None = None
    urgency: str | None = None
    resolve_reason: Any = None
    priority: NamedThing | None = None
    service: NamedThing | None = None
    escalation_policy: v3.Reference | None = None
    assignments: list[Assignment] | None = None


class Channel(msgspec.Struct, frozen=True):
    """By what it was done; of a note, the note itself."""

    type: str | None = None
    summary: str | None = None
    content: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """What was done, as PagerDuty's own log has it."""

    agent: v3.Reference | None = None
    channel: Channel | None = None
    note: str | None = None
    summary: str | None = None
    assignees: list[v3.Reference] | None = None


class Message(msgspec.Struct, frozen=True):
    """One thing that happened to an incident."""

    id: str
    event: str
    created_on: str | None = None
    incident: Incident | None = None
    log_entries: list[Entry] | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery; one message as a rule, more where they follow each other closely."""

    messages: list[msgspec.Raw]


_BODY = msgspec.json.Decoder(Body)
_MESSAGE = msgspec.json.Decoder(Message)


def is_older(webhook: Webhook) -> bool:
    """Whether a body is of version 1 or 2: both are a list of messages."""
    try:
        bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError:
        return False
    return True


def events_of(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of each message, in their order."""
    messages = bodies.decode(_BODY, webhook.body, webhook.source).messages
    return tuple([_event_of(webhook, raw, place, reading) for place, raw in enumerate(messages)])


def _event_of(webhook: Webhook, raw: msgspec.Raw, place: int, reading: Reading) -> Event:
    where = f"$.messages[{place}]"
    try:
        message = bodies.decode(_MESSAGE, raw, webhook.source, where)
    except msgspec.ValidationError as error:
        oldest = isinstance(found := normalise.decode_any(bytes(raw), webhook.source), dict) and "data" in found
        reason = _OLDEST if oldest else str(error).replace("`$", f"`{where}")
        return normalise.unrecognised(webhook, reason, v3.KIND, bytes(raw))
    incident = message.incident or Incident()
    if message.event not in KINDS or not incident.id:
        reason = (
            "the message names no incident" if message.event in KINDS
            else "PagerDuty sent a kind of message that this version does not know"
        )  # fmt: skip
        return normalise.unrecognised(webhook, reason, message.event, bytes(raw), service=_called(incident.service))
    return _event(webhook, message, incident, reading)


def _event(webhook: Webhook, message: Message, incident: Incident, reading: Reading) -> Event:
    entries = message.log_entries or []
    envelope = v3.Envelope(
        id=message.id,
        event_type=KINDS[message.event],
        occurred_at=message.created_on,
        agent=next((entry.agent for entry in entries if entry.agent is not None), None),
    )
    event = v3.event_of(webhook, envelope, _data(message, incident, entries), reading)
    merged = event.type == "page.resolved" and incident.resolve_reason == _MERGED
    keys = [key for alert in incident.alerts or () if (key := normalise.line(alert.alert_key))]
    stands_with = [name for each in _assigned(incident) if (name := normalise.name(each.summary))]
    data = event.data | {"kind": message.event} | ({"assignees": stands_with} if stands_with else {})
    if event.type == "note.added":
        # A note is no word on how the page stands.
        data = {key: value for key, value in data.items() if key in ("kind", "text")}
    return msgspec.structs.replace(
        event,
        type="page.merged" if merged else event.type,
        refs=tuple(dict.fromkeys((*event.refs, *(v3.alert_ref(key) for key in keys)))),
        data=data,
    )


def _assigned(incident: Incident) -> list[v3.Reference]:
    return [given.assignee for given in incident.assignments or () if given.assignee is not None]


def _data(message: Message, incident: Incident, entries: list[Entry]) -> v3.Data:
    """The incident as V3's bodies have it."""
    asked_people = [assignee for entry in entries for assignee in entry.assignees or ()]
    service, priority = incident.service, incident.priority
    return v3.Data(
        id=incident.id,
        type="incident",
        html_url=incident.html_url,
        number=incident.incident_number,
        status=incident.status,
        title=incident.title or incident.description,
        summary=incident.summary,
        incident_key=incident.incident_key,
        created_at=incident.created_at,
        urgency=incident.urgency,
        resolve_reason=incident.resolve_reason,
        priority=v3.Reference(priority.id, None, _called(priority)) if priority else None,
        service=v3.Reference(service.id, "service", _called(service), service.html_url) if service else None,
        escalation_policy=incident.escalation_policy,
        assignees=asked_people or _assigned(incident),
        content=_note(entries) if message.event == "incident.annotate" else None,
    )


def _called(thing: NamedThing | None) -> str | None:
    return (normalise.name(thing.summary) or normalise.name(thing.name)) if thing else None


def _note(entries: list[Entry]) -> str | None:
    """The text of a note: in the entry, or in what it came by."""
    for entry in entries:
        by = entry.channel or Channel()
        if text := entry.note or by.content or by.summary:
            return text
    return None
