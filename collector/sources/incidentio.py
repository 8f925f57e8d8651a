"""incident.io's webhooks: https://docs.incident.io/integrations/webhooks

The payload stands under a key that is called like the event's type. Svix carries
and signs it, as Standard Webhooks says; ``webhook-id`` is the message's own name,
which a retry repeats. A status has a name that the team chose and a category that
it did not: the category says whether an incident is looked at, over or dropped.
Of a private incident only an id is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from collector import normalise
from collector.event import MINUTE, Event, event_id
from collector.signing import authenticate, standard_webhooks
from collector.sources import bodies
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "incidentio"
RECIPE = "incidentio.1"
OF_TASKS = "incidentio.2"
"""The recipe of what is to be done: an endpoint may ask for two versions of one event, which have a message each."""

SIGNATURE = standard_webhooks("incident.io (the endpoint's signing secret)")

_INCIDENTS = {
    "public_incident.incident_created_v2": "page.triggered",
    "public_incident.incident_updated_v2": "page.updated",
    "public_incident.incident_status_updated_v2": "page.status_updated",
}
_ALERTS = {"public_alert.alert_created_v1": "alert.firing", "public_alert.alert_resolved_v1": "alert.resolved"}
_TASKS = ("public_incident.follow_up_", "public_incident.action_")
_ASIDE = (
    "private_", "schedule.", "public_schedule.", "public_incident.postmortem_document_",
    "public_incident.follow_up_updated_", "public_incident.action_updated_",
)  # fmt: skip
"""What is of a private incident, of which only an id comes; is no step of an incident; or says again what is to be
done."""
_OVER = frozenset({"learning", "closed", "declined", "canceled", "cancelled"})
"""Categories of statuses in which nobody works on an incident any more."""
_REASONS = {"declined": "declined", "canceled": "cancelled", "cancelled": "cancelled"}
"""Those of them in which it was none."""
_UNREAL = frozenset({"test", "tutorial"})
"""Modes of incidents that were opened to try things out."""
_LATER = "retrospective"
"""The mode of an incident that was written down after it was over."""


_SERVICES = ("service", "services", "affected_service", "affected_services", "impacted_services")
_ENVIRONMENTS = ("environments", "affected_environment", "affected_environments", "impacted_environments")
"""How teams call the fields that name what is affected, where it may be several."""


class NamedThing(msgspec.Struct, frozen=True):
    """A severity, a status, a person, a key of the API: by its name."""

    name: str | None = None
    email: str | None = None
    category: str | None = None


class Creator(msgspec.Struct, frozen=True):
    """Who or what opened an incident; one of these."""

    user: NamedThing | None = None
    api_key: NamedThing | None = None
    workflow: NamedThing | None = None
    alert: Any = None


class Option(msgspec.Struct, frozen=True):
    """What was chosen of a list."""

    value: str | None = None


class Value(msgspec.Struct, frozen=True):
    """A value of a custom field; which of these is set depends on the field's kind."""

    value_text: str | None = None
    value_link: str | None = None
    value_numeric: str | int | float | None = None
    value_option: Option | None = None
    value_catalog_entry: NamedThing | None = None


class FieldEntry(msgspec.Struct, frozen=True):
    """A custom field of an incident and its values."""

    custom_field: NamedThing | None = None
    values: list[Value] | None = None


class Timestamp(msgspec.Struct, frozen=True):
    """When something of an incident was, as people set it or as a status set it for them."""

    incident_timestamp: NamedThing | None = None
    value: Any = None


class Role(msgspec.Struct, frozen=True):
    """A role in a response; teams call it as they like, and ``role_type`` says which one is the lead's."""

    name: str | None = None
    role_type: str | None = None


class RoleAssignment(msgspec.Struct, frozen=True):
    """Who has a role; nobody, where it is not assigned."""

    role: Role | None = None
    assignee: NamedThing | None = None


class Incident(msgspec.Struct, frozen=True):
    """An incident as it stood when the message was made."""

    id: str | None = None
    name: str | None = None
    summary: str | None = None
    reference: str | None = None
    permalink: str | None = None
    call_url: str | None = None
    mode: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    severity: NamedThing | None = None
    incident_status: NamedThing | None = None
    creator: Creator | None = None
    custom_field_entries: list[FieldEntry] | None = None
    incident_role_assignments: list[RoleAssignment] | None = None
    incident_timestamp_values: list[Timestamp] | None = None


class StatusChange(msgspec.Struct, frozen=True):
    """An incident went from one status to another; what was said of it by whoever did it."""

    incident: Incident | None = None
    message: str | None = None
    new_status: NamedThing | None = None
    previous_status: NamedThing | None = None


class Issue(msgspec.Struct, frozen=True):
    """Where a task is kept outside of incident.io."""

    issue_permalink: str | None = None


class Task(msgspec.Struct, frozen=True):
    """A follow-up or an action of an incident: ``description`` in version 1, a ``title`` before that in 2."""

    id: str | None = None
    incident_id: str | None = None
    title: str | None = None
    description: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    assignee: NamedThing | None = None
    creator: Creator | None = None
    external_issue_reference: Issue | None = None


class Alert(msgspec.Struct, frozen=True):
    """An alert that incident.io was sent by another system."""

    id: str | None = None
    title: str | None = None
    description: str | None = None
    deduplication_key: str | None = None
    source_url: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    resolved_at: str | None = None
    attributes: Any = None


_DOCUMENT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WORD = msgspec.json.Decoder(str)
_INCIDENT = msgspec.json.Decoder(Incident)
_STATUS = msgspec.json.Decoder(StatusChange)
_TASK = msgspec.json.Decoder(Task)
_ALERT = msgspec.json.Decoder(Alert)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is private, no step of an incident, or only tried out."""
    kind = ""
    try:
        document = bodies.decode(_DOCUMENT, webhook.body, webhook.source)
        kind = bodies.decode(_WORD, document.get("event_type", msgspec.Raw(b"null")), webhook.source, "$.event_type")
        if kind.startswith(_ASIDE):
            return ()
        return _read(webhook, kind, document.get(kind, msgspec.Raw(b"{}")), reading)
    except msgspec.ValidationError as error:
        return (
            normalise.unrecognised(
                webhook, str(error).replace("`$", f"`$.{normalise.line(kind)}" if kind else "`$"), kind
            ),
        )


def _read(webhook: Webhook, kind: str, payload: msgspec.Raw, reading: Reading) -> tuple[Event, ...]:
    if kind == "public_incident.incident_status_updated_v2":
        change = bodies.decode(_STATUS, payload, webhook.source, f"$.{kind}")
        return _of_incident(webhook, kind, change.incident or Incident(), change, reading)
    if kind in _INCIDENTS:
        return _of_incident(
            webhook, kind, bodies.decode(_INCIDENT, payload, webhook.source, f"$.{kind}"), None, reading
        )
    if kind in _ALERTS:
        return (_alert(webhook, kind, bodies.decode(_ALERT, payload, webhook.source, f"$.{kind}"), reading),)
    if kind.startswith(_TASKS):
        return (_task(webhook, kind, bodies.decode(_TASK, payload, webhook.source, f"$.{kind}")),)
    return (normalise.unrecognised(webhook, "incident.io sent a type of event that this version does not know", kind),)


def _identity(webhook: Webhook, *pieces: str | None) -> tuple[str, ...]:
    """The message's own name, which every attempt and every endpoint repeats; else what the body says."""
    message = normalise.line(webhook.headers.get("webhook-id", ""))
    return (message,) if message else tuple(normalise.line(part) for part in pieces)


# --- incidents --------------------------------------------------------------------------------------------------------


def _of_incident(
    webhook: Webhook, kind: str, incident: Incident, change: StatusChange | None, reading: Reading
) -> tuple[Event, ...]:  # fmt: skip
    mode = normalise.line(incident.mode).lower()
    if mode in _UNREAL:
        return ()
    if not normalise.line(incident.id):
        return (normalise.unrecognised(webhook, "the incident has no id", kind),)
    created = _INCIDENTS[kind] == "page.triggered"
    event_type = _INCIDENTS[kind] if change is None else _status_type(change)
    # One that is written down afterwards pages nobody; its own times are for people to state.
    event_type = "observation.recorded" if mode == _LATER else event_type
    happened = moment(incident.created_at if created else incident.updated_at, webhook.received_at)
    labels, page = _labels(_fields(incident)), normalise.line(incident.id)
    service = normalise.service_of(labels, reading)
    return (
        Event(
            id=event_id(RECIPE, webhook.source, None, kind, *_identity(webhook, page, incident.updated_at)),
            type=event_type,
            **normalise.origin(webhook, happened),
            entity=page,
            service=service,
            environment=normalise.environment_of(labels, reading),
            severity=normalise.name(incident.severity.name) if incident.severity else None,
            title=normalise.line(incident.name) or f"Incident {normalise.line(incident.reference) or page}",
            actor=_person(incident.creator.user) if created and incident.creator else None,
            links=normalise.links(("source", incident.permalink), ("bridge", incident.call_url)),
            refs=(f"page:{page}",),
            labels=labels,
            data=(_written_down(kind, incident) if mode == _LATER else _data(webhook, kind, incident, change))
            | _affected(_fields(incident), service),
        ),
    )


def _written_down(kind: str, incident: Incident) -> dict[str, Any]:
    """What an incident that was written down later says; not when anything happened."""
    words = normalise.text(incident.summary)
    return {"type": kind, "text": words} if words else {"type": kind}


def _status_type(change: StatusChange) -> str:
    """What a change of the status is, by the categories it went between."""
    before, now = (_category(each) for each in (change.previous_status, change.new_status))
    if now == "merged":
        return "page.merged"
    if now in _OVER:
        return "page.status_updated" if before in _OVER else "page.resolved"
    if before in _OVER or before == "merged":
        return "page.reopened"
    return "page.acknowledged" if before == "triage" and now not in ("", "triage") else "page.status_updated"


def _category(status: NamedThing | None) -> str:
    return normalise.line(status.category).lower() if status else ""


def _data(webhook: Webhook, kind: str, incident: Incident, change: StatusChange | None) -> dict[str, Any]:
    opened = moment(incident.created_at, webhook.received_at)
    status_change = change or StatusChange()
    new = status_change.new_status
    status = new or incident.incident_status
    creator = incident.creator or Creator()
    agent = next((each.name for each in (creator.user, creator.api_key, creator.workflow) if each), None)
    content = {
        "kind": kind,
        "number": normalise.line(incident.reference),
        "status": normalise.line(status.name) if status else "",
        "priority": normalise.line(incident.severity.name) if incident.severity else "",
        "from": normalise.line(status_change.previous_status.name) if status_change.previous_status else "",
        # A status says that it was merged, and not into which one.
        "to": normalise.line(new.name) if new and _category(new) != "merged" else "",
        "text": normalise.text(status_change.message),
        "resolve_reason": _REASONS.get(_category(new), ""),
        "summary": normalise.text(incident.summary),
        "agent": normalise.agent(agent)
        if _INCIDENTS.get(kind) == "page.triggered" and not _person(creator.user)
        else "",
        "created_at": opened.at if opened.known else None,
        "impact_started_at": _impact_started_at(webhook, incident, opened),
        "declares": _INCIDENTS.get(kind) == "page.triggered",
    }
    return {key: value for key, value in content.items() if value} | _lead(incident)


def _impact_started_at(webhook: Webhook, incident: Incident, opened: SenderTime) -> int | None:
    """When the impact began, where somebody says so: before the incident was opened. What teams call it differs in its
    end alone (``Impact started``, ``Impact start at``)."""
    for each in incident.incident_timestamp_values or ():
        name = normalise.line(each.incident_timestamp.name).casefold() if each.incident_timestamp else ""
        value = each.value.get("value") if isinstance(each.value, dict) else each.value
        began = moment(value if isinstance(value, str) else None, webhook.received_at)
        if name.startswith("impact start") and began.known and opened.known and opened.at - began.at >= MINUTE:
            return began.at
    return None


def _lead(incident: Incident) -> dict[str, str]:
    """Who leads by then; nothing where the message does not speak of roles."""
    if incident.incident_role_assignments is None:
        return {}
    leads = [each for each in incident.incident_role_assignments if each.role and each.role.role_type == "lead"]
    return {"lead": next((name for each in leads if (name := _person(each.assignee))), "")}


def _labels(fields: Iterable[tuple[str, list[str]]]) -> dict[str, str]:
    """A label for each field. Of several services that a field names, the first is what it is about."""
    labels: dict[str, str] = {}
    for name, values in fields:
        first = next(filter(normalise.agent, values), "")
        labels[name] = first if name == "service" and first else ", ".join(values)
        for asked, names in (("service", _SERVICES), ("environment", _ENVIRONMENTS)):
            if first and name in names:
                labels.setdefault(asked, first)
    return normalise.labels(labels)


def _fields(incident: Incident) -> Iterator[tuple[str, list[str]]]:
    for entry in incident.custom_field_entries or ():
        name = normalise.line(entry.custom_field.name).lower().replace(" ", "_") if entry.custom_field else ""
        values = [text for value in entry.values or () if (text := _value_text(value))]
        if name and values:
            yield name, values


def _affected(fields: Iterable[tuple[str, list[str]]], service: str | None) -> dict[str, list[str]]:
    """The services that fields name beside the first."""
    services = [each for name, values in fields if name in _SERVICES for each in values]
    return normalise.further_services(services, service) if len(services) > 1 else {}


def _value_text(value: Value) -> str:
    entry, option = value.value_catalog_entry, value.value_option
    return (
        normalise.line(entry.name if entry else None) or normalise.line(option.value if option else None)
        or normalise.line(value.value_text) or normalise.line(value.value_link)
        or normalise.line("" if value.value_numeric is None else str(value.value_numeric))
    )  # fmt: skip


def _person(person: NamedThing | None) -> str | None:
    return normalise.person(person.name, person.email) if person else None


# --- what belongs to incidents ----------------------------------------------------------------------------------------


def _task(webhook: Webhook, kind: str, task: Task) -> Event:
    """What somebody wrote down that is to be done; it does not say what the incident is called."""
    page, ident = normalise.line(task.incident_id), normalise.line(task.id)
    if not page:
        return normalise.unrecognised(webhook, "the follow-up or action names no incident", kind)
    happened = moment(task.created_at, webhook.received_at)
    words = [normalise.text(each).strip() for each in (task.title, task.description)]
    text = "\n".join(dict.fromkeys(filter(None, words)))
    # A follow-up stays when the incident is over; an action is a step of the response.
    follow_up = kind.startswith("public_incident.follow_up_")
    data = {"kind": kind, "text": text, "task": "follow-up" if follow_up else "action", "owner": _person(task.assignee)}
    return Event(
        id=event_id(OF_TASKS, webhook.source, None, "follow-up" if follow_up else "action", page, ident)
        if ident
        else event_id(RECIPE, webhook.source, None, kind, *_identity(webhook, ident, task.updated_at)),
        type="note.added",
        **normalise.origin(webhook, happened),
        entity=page,
        title=normalise.line(text.partition("\n")[0]) or f"Follow-up {ident}",
        actor=_person(task.creator.user) if task.creator else None,
        links=normalise.links(("issue", task.external_issue_reference.issue_permalink))
        if task.external_issue_reference
        else (),
        refs=(f"page:{page}",),
        data={key: value for key, value in data.items() if value},
    )


def _alert(webhook: Webhook, kind: str, alert: Alert, reading: Reading) -> Event:
    ident = normalise.line(alert.id) or normalise.line(alert.deduplication_key)
    if not ident:
        return normalise.unrecognised(webhook, "the alert has no id", kind)
    ends = _ALERTS[kind] == "alert.resolved"
    started = moment(alert.created_at, webhook.received_at)
    ended = moment(alert.resolved_at or alert.updated_at, webhook.received_at)
    happened = ended if ends else started
    fields = list(_attributes(alert.attributes))
    labels = _labels(fields)
    service = normalise.service_of(labels, reading)
    key = normalise.line(alert.deduplication_key)
    data: dict[str, Any] = {"status": "resolved" if ends else "firing", "summary": normalise.text(alert.description)}
    return Event(
        id=event_id(RECIPE, webhook.source, None, kind, *_identity(webhook, ident, happened.identity)),
        type=_ALERTS[kind],
        **normalise.origin(webhook, happened),
        entity=f"alert:{ident}",
        service=service,
        environment=normalise.environment_of(labels, reading),
        severity=normalise.severity_of(labels, reading),
        title=normalise.line(alert.title) or f"Alert {ident}",
        links=normalise.links(("source", alert.source_url)),
        refs=(f"alert:{key}",) if key else (),
        labels=labels,
        data={name: value for name, value in (data | _episode(started, ended, ends)).items() if value}
        | _affected(fields, service),
    )


def _episode(started: SenderTime, ended: SenderTime, ends: bool) -> dict[str, int]:
    told = {"starts_at": started.at} if started.known else {}
    return told | ({"ends_at": ended.at} if ends and ended.known else {})


def _attributes(attributes: object) -> Iterator[tuple[str, list[str]]]:
    """An alert's attributes, by name in small letters; a value stands alone or in a list."""
    for attribute in attributes if isinstance(attributes, list) else ():
        inner = attribute.get("attribute") if isinstance(attribute, dict) else None
        name = normalise.line(inner.get("name")).lower().replace(" ", "_") if isinstance(inner, dict) else ""
        several = attribute.get("array_value") if isinstance(attribute, dict) else None
        values = (
            several if isinstance(several, list) else [attribute.get("value") if isinstance(attribute, dict) else None]
        )
        texts = [text for value in values if isinstance(value, dict) and (text := normalise.line(
            value.get("label")) or normalise.line(value.get("literal")))]  # fmt: skip
        if name and texts:
            yield name, texts


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"event_type": "private_incident.incident_created_v2", '
            '"private_incident.incident_created_v2": {"id": "timelined-test"}}'
        ),
    ),
    sign=SIGNATURE.sign,
    called="incident.io",
    page="incident.io incident",
    families=("page",),
    paste="Settings, Webhooks, Add endpoint: {address}, every public_incident and public_alert event",
    proofs=("signature", "path"),
    headers=("webhook-id",),
    verify=verify,
    parse=parse,
    identity=(
        *("/event_type", "/*/id", "/*/incident_id", "/*/updated_at", "/*/created_at", "/*/resolved_at", "/*/mode"),
        *("/*/incident/id", "/*/incident/updated_at", "/*/incident/mode"),
    ),
)
