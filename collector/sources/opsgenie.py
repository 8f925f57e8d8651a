"""Opsgenie's outgoing webhooks: https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/

Every body tells one action on one alert, which here is a page: it calls people.
``updatedAt`` is the action's time, in nanoseconds; ``createdAt`` the alert's, in
milliseconds. An escalation says neither. ``alias`` is the name that the alert's
sender gave it, and is used again by later alerts. Opsgenie signs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import authenticate
from collector.sources import bodies
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "opsgenie"
RECIPE = "opsgenie.1"

TYPES = {
    "Create": "page.triggered",
    "Acknowledge": "page.acknowledged",
    "UnAcknowledge": "page.unacknowledged",
    # Also what was acknowledged before it was snoozed is not any more when that ends.
    "Snooze": "page.snoozed",
    "SnoozeEnded": "page.snooze_ended",
    "Escalate": "page.escalated",
    "AssignOwnership": "page.reassigned",
    "TakeOwnership": "page.reassigned",
    "AddRecipient": "page.responder_added",
    "AddResponder": "page.responder_added",
    "AddTeam": "page.responder_added",
    "AddNote": "note.added",
    "UpdatePriority": "page.priority_updated",
    "UpdateMessage": "page.updated",
    "UpdateDescription": "page.updated",
    "Close": "page.resolved",
    # What is deleted calls nobody any more.
    "Delete": "page.resolved",
}
"""Opsgenie's actions and ours."""
SILENT = frozenset({"AddTags", "RemoveTags", "AddDetails", "RemoveDetails", "EscalateNext"})
"""Actions that are set aside: they say nothing of the response that another one does not. What somebody wrote with one
of them is a note, and so it is with an action that is not known."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How Opsgenie names people and teams for programs, which is no name that anybody knows."""


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """The alert; of an escalation it holds its id alone."""

    alert_id: str
    message: str | None = None
    tiny_id: str | int | None = None
    alias: str | None = None
    entity: str | None = None
    source: str | None = None
    created_at: int | str | None = None
    updated_at: int | str | None = None
    username: str | None = None
    priority: str | int | None = None
    old_priority: str | int | None = None
    note: str | None = None
    description: str | None = None
    recipient: str | None = None
    team: str | None = None
    owner: str | None = None
    tags: list[str] | None = None
    details: Any = None
    recipients: Any = None
    responders: Any = None
    teams: Any = None


class Notified(msgspec.Struct, frozen=True):
    """Whom an escalation called."""

    id: str | None = None
    name: str | None = None


class Origin(msgspec.Struct, frozen=True):
    """By which way an action came: ``web``, ``API``, ``system``."""

    name: str | None = None
    type: str | None = None


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """One delivery."""

    action: str
    alert: Alert
    source: Origin | None = None
    escalation_id: str | None = None
    escalation_name: str | None = None
    escalation_notify: Notified | None = None
    repeat_count: int | None = None


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for actions that are set aside."""
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    if body.action in SILENT and not normalise.text(body.alert.note).strip():
        return ()
    labels = _labels(body.alert)
    service = normalise.service_of(labels, reading)
    known = body.action in TYPES or body.action in SILENT
    if not known and not normalise.text(body.alert.note).strip():
        refs = (f"page:{normalise.line(body.alert.alert_id)}",)
        reason = "Opsgenie sent an action that this version does not know"
        return (normalise.unrecognised(webhook, reason, body.action, service=service, refs=refs),)
    if not normalise.line(body.alert.alert_id):
        return (normalise.unrecognised(webhook, "the alert has no alertId", body.action, service=service),)
    return (_event_of(webhook, body, labels, reading),)


def _event_of(webhook: Webhook, body: Body, labels: dict[str, str], reading: Reading) -> Event:
    alert, page = body.alert, normalise.line(body.alert.alert_id)
    happened = moment(alert.updated_at, webhook.received_at)
    content = _action_fields(body)
    event_type = TYPES.get(body.action, "note.added")
    note = event_type == "note.added"
    service = normalise.service_of(labels, reading)
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, page, body.action, *_identity(body, happened)),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=page,
        service=service,
        environment=normalise.environment_of(labels, reading),
        severity=_priority(alert.priority),
        title=(normalise.line(alert.note) if note else "") or normalise.line(alert.message) or f"Page {page}",
        actor=_person(body),
        refs=_refs(page, normalise.line(alert.alias)),
        labels=labels,
        data=_data(webhook, body) | content | normalise.further_services(_services(alert), service),
    )


def _identity(body: Body, happened: SenderTime) -> tuple[str, ...]:
    """What tells this action on the alert from its next one: its time; of an escalation, whom it calls how often."""
    if happened.known:
        return (happened.identity,)
    called = body.escalation_notify or Notified()
    return (
        normalise.line(body.escalation_id),
        normalise.line(called.id),
        normalise.line(called.name),
        str(body.repeat_count or 0),
    )


def _action_fields(body: Body) -> dict[str, str]:
    """What this action says beyond the alert's state."""
    alert = body.alert
    called = body.escalation_notify.name if body.escalation_notify else None
    to = {
        "Escalate": called or body.escalation_name,
        "AssignOwnership": alert.owner,
        "TakeOwnership": alert.owner or alert.username,
        "AddTeam": alert.team,
        "AddRecipient": alert.recipient,
        "AddResponder": alert.recipient or alert.team,
        "UpdatePriority": _priority(alert.priority),
    }.get(body.action)
    described = body.action in ("Create", "UpdateDescription")
    words = normalise.text(alert.description) if described else ""
    renamed = normalise.text(alert.message) if body.action == "UpdateMessage" else ""
    before = _priority(alert.old_priority) if body.action == "UpdatePriority" else ""
    text = normalise.text(alert.note) or renamed
    told = {"from": before, "to": normalise.line(to), "text": text, "summary": words}
    return {key: text for key, text in told.items() if text}


def _data(webhook: Webhook, body: Body) -> dict[str, Any]:
    alert = body.alert
    opened = moment(alert.created_at, webhook.received_at)
    data: dict[str, Any] = {"kind": normalise.line(body.action)}
    number = str(alert.tiny_id) if alert.tiny_id is not None else ""
    if TYPES.get(body.action, "note.added").startswith("page."):
        data |= {
            "number": int(number) if number.isdecimal() and len(number) < 16 else normalise.line(number),
            "priority": _priority(alert.priority),
            "incident_key": normalise.line(alert.alias),
            "agent": _agent(body),
            "assignees": _called(alert) if body.action == "Create" else [],
            "escalation_policy": normalise.line(_groups(body)),
            "resolve_reason": "deleted" if body.action == "Delete" else "",
        }
        if opened.known:
            data["created_at"] = opened.at
    return {key: value for key, value in data.items() if value not in (None, "", [])}


def _person(body: Body) -> str | None:
    """Who did it: of what came by the API or from Opsgenie itself only a user, whom an address names. An alert's
    creator is the integration that sent it unless it was made by hand, and nobody closes by an escalation."""
    contacts, name = _ways(body), normalise.name(body.alert.username)
    if body.action == "Escalate" or (body.action == "Create" and contacts.isdisjoint(_BY_HAND)):
        return None
    return None if contacts & _AUTOMATIC and "@" not in (name or "") else normalise.person(name, tool=KIND)


def _agent(body: Body) -> str:
    """What acted where no person did."""
    if _person(body) or body.action == "Escalate":
        return ""
    return normalise.agent(body.alert.source if body.action == "Create" else body.alert.username)


def _ways(body: Body) -> set[str]:
    """What the body says of the way by which the action came."""
    way = body.source or Origin()
    return {normalise.line(way.name).casefold(), normalise.line(way.type).casefold()}


_BY_HAND = frozenset({"web", "mobile"})
_AUTOMATIC = frozenset({"api", "system", "integration"})


def _called(alert: Alert) -> list[str]:
    """Whom a new alert calls, as far as it has their names; a team or a schedule is nobody."""
    people = [each for each in _dicts(alert.responders) if each.get("type") not in _GROUPS]
    responders = [each.get("name") or each.get("username") for each in people]
    recipients = alert.recipients if isinstance(alert.recipients, list) else []
    return _names_in((*recipients, *responders))


def _names_in(things: Iterable[object]) -> list[str]:
    """Those of them that are names."""
    lines = map(normalise.line, things)
    return [name for name in lines if name and _ID.fullmatch(name) is None]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_GROUPS = frozenset({"team", "schedule", "escalation"})
"""Types of responders that are no people: by their rules people are called."""


def _groups(body: Body) -> str:
    """The teams, schedules and escalations whose rules say whom to call: of a new alert, or the team that is added to
    one. Some bodies have their ids alone."""
    alert = body.alert
    groups: list[object] = []
    if body.action == "Create":
        groups += alert.teams if isinstance(alert.teams, list) else []
        groups += [each.get("name") for each in _dicts(alert.responders) if each.get("type") in _GROUPS]
    elif body.action in ("AddTeam", "AddResponder") and not alert.recipient:
        groups += [alert.team]
    return ", ".join(dict.fromkeys(_names_in(groups)))


def _priority(priority: str | int | None) -> str | None:
    """``P3``; some bodies have the number alone."""
    if isinstance(priority, int):
        return f"P{priority}" if 0 < priority < 6 else None
    return normalise.name(priority)


def _refs(page: str, alias: str) -> tuple[str, ...]:
    """The page, and the alert that its alias names: Alertmanager gives the hash of its group as alias."""
    named = f"alertgroup:{alias}" if _SHA256.fullmatch(alias) else f"alert:{alias}"
    return (f"page:{page}", named) if alias else (f"page:{page}",)


def _services(alert: Alert) -> list[str]:
    """The services that tags name, where they name several: a label holds one of them."""
    services = [tag.partition(":")[2] for tag in alert.tags or () if tag.startswith("service:")]
    return services if len(services) > 1 else []


def _labels(alert: Alert) -> dict[str, str]:
    """What the alert says by name: its details, its tags of the form ``name:value``, its other tags
    together, and its entity as a service."""
    details = alert.details if isinstance(alert.details, dict) else {}
    by_name = {normalise.line(key): normalise.text(value) for key, value in details.items() if isinstance(value, str)}
    bare = [word for tag in alert.tags or () if ":" not in tag and (word := normalise.line(tag))]
    for tag in alert.tags or ():
        name, colon, value = tag.partition(":")
        if colon and name and value:
            by_name.setdefault(normalise.line(name), normalise.text(value))
    if bare:
        by_name.setdefault("tags", ", ".join(bare))
    if normalise.line(alert.entity):
        by_name.setdefault("service", normalise.line(alert.entity))
    return by_name


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"action": "AddTags", "alert": {"alertId": "timelined-test"}}',
    ),
    called="Opsgenie",
    page="Opsgenie alert",
    families=("page",),
    paste="Settings, Integrations, Webhook: URL {address}, custom header Authorization, alert details on",
    verify=verify,
    parse=parse,
    # Whom an escalation calls is told by an id; the name beside that may be redacted.
    identity=(
        *("/alert/alertId", "/alert/updatedAt", "/action"),
        *("/escalationId", "/escalationNotify/id", "/repeatCount"),
    ),
)
