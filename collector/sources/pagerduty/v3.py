"""PagerDuty's V3 webhooks: https://developer.pagerduty.com/docs/webhooks-overview

Each body holds one event, with an id of its own that both a retry and another
subscription repeat. What stands under ``data`` depends on its type; kinds are
added without notice, and those are kept as unrecognised. A merge comes as a
resolve whose reason names the other incident.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.sources import bodies
from collector.times import moment
from collector.webhook import Reading, Webhook

KIND = "pagerduty"
RECIPE = "pagerduty.1"

ENTRY = "log_entry."
"""How the kind of a log entry begins that no webhook tells of: a detail of the page."""
TYPES = {
    "incident.triggered": "page.triggered",
    "incident.acknowledged": "page.acknowledged",
    "incident.unacknowledged": "page.unacknowledged",
    "log_entry.snooze": "page.snoozed",
    "incident.escalated": "page.escalated",
    "incident.delegated": "page.delegated",
    "incident.reassigned": "page.reassigned",
    "incident.priority_updated": "page.priority_updated",
    "incident.service_updated": "page.reclassified",
    "incident.incident_type.changed": "page.reclassified",
    "incident.reopened": "page.reopened",
    "incident.resolved": "page.resolved",
    "incident.annotated": "note.added",
    "incident.status_update_published": "page.update_sent",
    "incident.responder.added": "page.responder_added",
    "incident.responder.replied": "page.responder_replied",
    "incident.role.assigned": "page.role_assigned",
    "incident.conference_bridge.updated": "page.updated",
    "incident.custom_field_values.updated": "page.updated",
    "incident.task.created": "page.updated",
    "incident.task.updated": "page.updated",
    "incident.task.completed": "page.updated",
    "incident.action_invocation.created": "page.updated",
    "incident.action_invocation.updated": "page.updated",
    "incident.action_invocation.terminated": "page.updated",
    "incident.workflow.started": "page.updated",
    "incident.workflow.completed": "page.updated",
    "service.created": "observation.recorded",
    "service.updated": "observation.recorded",
    "service.deleted": "observation.recorded",
    "service.custom_field_values.updated": "observation.recorded",
}
"""PagerDuty's kinds of event and ours."""

_PING = "pagey.ping"
_MERGE = "merge_resolve_reason"
_REFERENCE = re.compile(r"\[#(\d{1,15})\]\s*(.*)", re.DOTALL)
"""How an incident is called where it is only referred to: its number, then its title."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Reference(msgspec.Struct, frozen=True):
    """PagerDuty's way to name a thing: its kind, id and a line about it, which may be null."""

    id: str | None = None
    type: str | None = None
    summary: str | None = None
    html_url: str | None = None


class FieldValue(msgspec.Struct, frozen=True):
    """A custom field; the value is a string, a number, a list or null, as its definition says."""

    name: str | None = None
    value: Any = None


class Bridge(msgspec.Struct, frozen=True):
    """Where responders meet; in bodies of incidents the number is a text or a number, and one only."""

    conference_number: str | int | None = None
    conference_url: str | None = None


class Number(msgspec.Struct, frozen=True):
    """A number to call."""

    label: str | None = None
    number: str | int | None = None


class ResolveReason(msgspec.Struct, frozen=True):
    """Why an incident was resolved: of a merge, which one it was merged into."""

    type: str | None = None
    incident: Reference | None = None


class RoleAssignment(msgspec.Struct, frozen=True):
    """Who took over a role of the response from whom."""

    incident: Reference | None = None
    role: Reference | None = None
    assignee: Reference | None = None
    old_assignee: Reference | None = None


class IncidentType(msgspec.Struct, frozen=True):
    """The kind of an incident, as the account defines it."""

    name: str | None = None


class Data(msgspec.Struct, frozen=True):
    """``event.data``: every field we read of any of its types. Old deliveries lack many."""

    id: str | None = None
    type: str | None = None
    html_url: str | None = None
    number: int | str | None = None
    status: str | None = None
    title: str | None = None
    summary: str | None = None
    name: str | None = None
    incident_key: str | None = None
    created_at: str | None = None
    urgency: str | None = None
    resolve_reason: Any = None
    priority: Reference | None = None
    service: Reference | None = None
    incident: Reference | None = None
    escalation_policy: Reference | None = None
    assignees: list[Reference] | None = None
    incident_type: IncidentType | None = None
    content: str | None = None
    message: str | None = None
    state: str | None = None
    user: Reference | None = None
    incident_role_assignments: list[RoleAssignment] | None = None
    conference_url: str | None = None
    conference_numbers: list[Number] | None = None
    conference_bridge: Any = None
    custom_fields: list[FieldValue] | None = None
    changed_custom_fields: list[FieldValue] | None = None
    action: Reference | None = None
    incident_workflow: Reference | None = None


class Envelope(msgspec.Struct, frozen=True):
    """``event``: the same for every kind."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    event_type: str
    occurred_at: str | None = None
    agent: Reference | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Body(msgspec.Struct, frozen=True):
    """One delivery."""

    event: Envelope


BODY = msgspec.json.Decoder(Body)
_DATA = msgspec.json.Decoder(Data | None)


def events_of(webhook: Webhook, envelope: Envelope, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery, or one for each role that was assigned; none for a ping."""
    kind = envelope.event_type
    if kind == _PING:
        return ()
    try:
        data = bodies.decode(_DATA, envelope.data, webhook.source, "$.event.data") or Data()
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error).replace("`$", "`$.event.data"), kind),)
    if kind not in TYPES and not kind.startswith(ENTRY):
        reason = "PagerDuty sent a kind of event that this version does not know"
        refs = _refs(_page(data), data)
        return (normalise.unrecognised(webhook, reason, kind, service=_summary(data.service), refs=refs),)
    assignments = data.incident_role_assignments or []
    further = [
        event_of(
            webhook, msgspec.structs.replace(envelope, id=f"{envelope.id}:{index}"),
            msgspec.structs.replace(data, incident_role_assignments=[each]), reading,
        )
        for index, each in enumerate(assignments[1:], 1)
    ]  # fmt: skip
    return (event_of(webhook, envelope, data, reading), *further)


def event_of(webhook: Webhook, envelope: Envelope, data: Data, reading: Reading) -> Event:
    """The event of an envelope and its data, whose kind is one of :data:`TYPES` or a log entry's."""
    happened = moment(envelope.occurred_at, webhook.received_at)
    page = _page(data)
    event_type = TYPES.get(envelope.event_type, "page.updated")
    if event_type != "observation.recorded" and not page.id:
        # A workflow that a person started by hand belongs to no incident.
        event_type = "observation.recorded"
    target = _merged_into(data) if event_type == "page.resolved" else None
    event_type = "page.merged" if target is not None else event_type
    content = _kind_fields(envelope.event_type, data) | ({} if target is None else _merge(target))
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, envelope.id),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=normalise.line(page.id) or normalise.line(_thing(data).id) or normalise.line(envelope.id),
        service=_summary(data.service) or (_summary(_thing(data)) if data.type == "service" else None),
        environment=_environment(data, reading),
        severity=_summary(data.priority) or normalise.name(data.urgency),
        title=_title(event_type, page, data, content.get("text", "")),
        actor=_actor(envelope.agent) or (_summary(data.user) if event_type == "page.responder_replied" else None),
        links=normalise.links(
            ("source", data.html_url or page.html_url),
            ("bridge", data.conference_url or _bridge(data).conference_url),
            ("merged_into", target.html_url if target else None),
        ),
        refs=_refs(page, data, target),
        data=_content(webhook, envelope, event_type, data, content),
    )


def _merged_into(data: Data) -> Reference | None:
    """The incident that this one was merged into, where that is why it was resolved."""
    try:
        reason = msgspec.convert(data.resolve_reason, ResolveReason | None)
    except msgspec.ValidationError:
        return None
    target = reason.incident if reason is not None and reason.type == _MERGE else None
    return target if target is not None and normalise.line(target.id) else None


def _merge(target: Reference) -> dict[str, str]:
    called = normalise.line(target.summary)
    if referred := _REFERENCE.fullmatch(called):
        called = normalise.line(f"incident {referred[1]}, {referred[2]}".rstrip(", "))
    return {"merged_into": normalise.line(target.id), "to": called or f"page {normalise.line(target.id)}"}


def _bridge(data: Data) -> Bridge:
    """The bridge in a body of an incident; some fields of it were of other kinds over the years."""
    try:
        return msgspec.convert(data.conference_bridge, Bridge | None) or Bridge()
    except msgspec.ValidationError:
        return Bridge()


def _number_to_call(data: Data) -> str:
    known = [_bridge(data).conference_number, *(each.number for each in data.conference_numbers or ())]
    return next((normalise.line(str(number)) for number in known if number), "")


def _page(data: Data) -> Reference:
    """The incident that the event is about, wherever this type of data keeps it."""
    if data.type == "incident":
        return Reference(data.id, "incident", data.title or data.summary, data.html_url)
    if data.incident is not None:
        return data.incident
    assignments = data.incident_role_assignments or []
    return next((given.incident for given in assignments if given.incident is not None), Reference())


def _thing(data: Data) -> Reference:
    """What the event is about where it is no incident: a service, or a workflow that a person started."""
    if data.id is None and data.service is not None:
        return data.service
    return Reference(data.id, data.type, data.summary or data.name, data.html_url)


def _summary(reference: Reference | None) -> str | None:
    return normalise.name(reference.summary) if reference else None


def _actor(agent: Reference | None) -> str | None:
    """The person who did it; an integration or a service is none."""
    return normalise.person(agent.summary) if agent is not None and "user" in (agent.type or "user") else None


def _environment(data: Data, reading: Reading) -> str | None:
    fields = {field.name: field.value for field in data.custom_fields or () if field.name}
    return normalise.first_label(
        {key: value for key, value in fields.items() if isinstance(value, str)}, reading.environment_labels
    )


def _title(event_type: str, page: Reference, data: Data, told: str) -> str:
    # What is written may be nothing that anybody sees.
    if event_type == "note.added" and (line := normalise.line(told)):
        return line
    about = normalise.line((page if page.id else _thing(data)).summary)
    if referred := _REFERENCE.fullmatch(about):
        about = referred[2]
    return about or (f"Page {normalise.line(page.id)}" if page.id else "PagerDuty configuration")


def _refs(page: Reference, data: Data, target: Reference | None = None) -> tuple[str, ...]:
    refs = [f"page:{normalise.line(each.id)}" for each in (page, target) if each is not None and each.id]
    key = normalise.line(data.incident_key)
    return tuple([*refs, alert_ref(key)] if key else refs)


def alert_ref(key: str) -> str:
    """What an alert's key points at: Alertmanager gives PagerDuty the SHA-256 of its group key, which joins the two
    without guessing."""
    return f"alertgroup:{key}" if _SHA256.fullmatch(key) else f"alert:{key}"


def _kind_fields(kind: str, data: Data) -> dict[str, str]:
    """What this kind says beyond the page's state: a text, and who or what it went from and to."""
    assignees = ", ".join(_people(data))
    match kind.removeprefix("incident."):
        case "annotated":
            fields = {"text": data.content}
        case "status_update_published":
            fields = {"text": data.message}
        case "reassigned" | "escalated":
            fields = {"to": assignees}
        case "delegated":
            fields = {"to": _summary(data.escalation_policy)}
        case "priority_updated":
            fields = {"to": _summary(data.priority)}
        case "service_updated":
            fields = {"to": _summary(data.service)}
        case "incident_type.changed":
            fields = {"to": data.incident_type.name if data.incident_type else None}
        case "responder.added" | "responder.replied":
            asked = _summary(data.user) or _summary(data.escalation_policy) or assignees
            fields = {"to": asked, "text": data.message, "state": data.state}
        case "role.assigned":
            fields = _role(data)
        case _:
            fields = _other(kind, data)
    return {key: text for key, value in fields.items() if (text := normalise.text(value))}


def _role(data: Data) -> dict[str, str | None]:
    assignment = next(iter(data.incident_role_assignments or ()), RoleAssignment())
    return {
        "text": _summary(assignment.role),
        "from": _summary(assignment.old_assignee),
        "to": _summary(assignment.assignee),
    }


def _other(kind: str, data: Data) -> dict[str, str | None]:
    """Bridges, fields, tasks, automation and workflows: which of them, and how it stands."""
    if kind.startswith(ENTRY):
        return {"text": data.summary}
    if ".custom_field_values." in kind:
        before = data.changed_custom_fields or []
        changed = {field.name for field in before}
        # Where it says which fields are others than before, the rest of them is no news.
        now = [field for field in data.custom_fields or () if not changed or field.name in changed]
        # Of a service's settings an observation is told, which came from nothing.
        return {"text": _fields(now), "from": "" if kind.startswith("service.") else _fields(before)}
    if ".conference_bridge." in kind:
        return {"text": "conference bridge"}
    if any(f".{part}." in kind for part in ("task", "action_invocation", "workflow")):
        about = _summary(data.action) or _summary(data.incident_workflow) or data.summary or data.name
        return {"text": about, "state": data.state or data.status or kind.rpartition(".")[2]}
    return {}


def _fields(fields: list[FieldValue]) -> str:
    return "; ".join(f"{field.name}: {_value(field.value)}" for field in fields if field.name)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return "none" if value is None else str(value)


def _people(data: Data) -> list[str]:
    return [summary for assignee in data.assignees or () if (summary := _summary(assignee))]


def _content(webhook: Webhook, envelope: Envelope, event_type: str, data: Data, told: dict[str, str]) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": envelope.event_type, **told}
    opened = moment(data.created_at, webhook.received_at)
    if opened.known:
        content["created_at"] = opened.at
    if event_type == "observation.recorded":
        content |= {"type": envelope.event_type, "subject": normalise.line(_thing(data).summary)}
        if envelope.event_type.startswith("service."):
            # A service of PagerDuty is a setting of it, and whoever changes that does nothing to what runs.
            words = envelope.event_type.replace(".", " ").replace("_", " ")
            content |= {"called": f"PagerDuty {words}", "operation": "settings"}
    fields = {
        "number": _number(data.number) or _referred_number(_page(data)),
        "status": normalise.line(data.status),
        "urgency": normalise.line(data.urgency),
        "priority": _summary(data.priority),
        "assignees": _people(data),
        "escalation_policy": _summary(data.escalation_policy),
        "incident_key": normalise.line(data.incident_key),
        "resolve_reason": normalise.bounded_tree(data.resolve_reason),
        "bridge": _number_to_call(data),
        "agent": None if _actor(envelope.agent) else normalise.agent(_summary(envelope.agent)),
    }
    content.update({key: value for key, value in fields.items() if value})
    return content


def _referred_number(page: Reference) -> int | None:
    """The number that a reference to an incident begins with."""
    referred = _REFERENCE.fullmatch(normalise.line(page.summary)) if page.type == "incident_reference" else None
    return int(referred[1]) if referred else None


def _number(number: int | str | None) -> int | None:
    """The number people say; older bodies and proxies give it as text."""
    if isinstance(number, str):
        number = int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None
    return number if number is not None and 0 <= number < 2**53 else None
