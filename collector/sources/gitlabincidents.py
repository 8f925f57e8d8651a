"""GitLab's incidents, and what people write below them: https://docs.gitlab.com/user/project/integrations/webhook_events/

An incident is an issue of the type ``Incident``; all other issues are set aside,
and so are comments on anything else. One change of it comes as one delivery,
which says under ``changes`` what became another: each of these is an event. Whom
it calls is decided by its escalation policy, which not every tier has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.sources import bodies
from collector.sources.repositories import repository_ref
from collector.times import SenderTime, moment
from collector.webhook import Reading, Webhook

KINDS = frozenset({"issue", "work_item", "incident", "note"})
"""Kinds of deliveries that may be about an incident; which of them it is differs by version."""

_STATUSES = {
    "acknowledged": "page.acknowledged",
    "resolved": "page.resolved",
    "ignored": "page.status_updated",
}
"""Escalation statuses, and what going to one of them is. To ``triggered`` it goes back."""
_ACTIONS = {"open": "page.triggered", "close": "page.resolved", "reopen": "page.reopened"}


class Reference(msgspec.Struct, frozen=True):
    """A person, a policy or a project."""

    name: str | None = None
    username: str | None = None
    path_with_namespace: str | None = None
    web_url: str | None = None


class Label(msgspec.Struct, frozen=True):
    """A label; ``service::checkout`` is a scoped one."""

    title: str | None = None


class Incident(msgspec.Struct, frozen=True):
    """An issue as it stood when the delivery was made."""

    id: int
    iid: int | None = None
    type: str | None = None
    title: str | None = None
    description: str | None = None
    url: str | None = None
    action: str | None = None
    severity: str | None = None
    escalation_status: str | None = None
    escalation_policy: Reference | None = None
    created_at: str | None = None
    updated_at: str | None = None
    closed_at: str | None = None
    labels: list[Label] | None = None


class Comment(msgspec.Struct, frozen=True):
    """What somebody wrote below an issue."""

    id: int
    note: str | None = None
    system: bool | None = None
    action: str | None = None
    url: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class Body(msgspec.Struct, frozen=True):
    """A delivery about an issue."""

    object_attributes: Incident
    project: Reference | None = None
    user: Reference | None = None
    assignees: list[Reference] | None = None
    labels: list[Label] | None = None
    changes: dict[str, Any] | None = None


class CommentBody(msgspec.Struct, frozen=True):
    """A delivery about a comment; what it is written below stands under its own kind."""

    object_attributes: Comment
    project: Reference | None = None
    user: Reference | None = None
    issue: Incident | None = None
    work_item: Incident | None = None


class Step(msgspec.Struct, frozen=True):
    """One thing that happened to an incident."""

    type: str
    name: str
    """What tells it from the other things of its delivery."""
    data: dict[str, Any] = {}


_BODY = msgspec.json.Decoder(Body)
_COMMENT = msgspec.json.Decoder(CommentBody)


def read(webhook: Webhook, kind: str, reading: Reading, recipe: str) -> tuple[Event, ...]:
    """The events of a delivery of one of :data:`KINDS`; none where it is about no incident.

    Raises :class:`msgspec.ValidationError` where it is out of shape.
    """
    if kind == "note":
        return _comment(webhook, bodies.decode(_COMMENT, webhook.body, webhook.source), reading, recipe)
    body = bodies.decode(_BODY, webhook.body, webhook.source)
    incident = body.object_attributes
    if not _is_incident(incident, incident.url):
        return ()
    happened = _when(webhook, incident)
    return tuple([_event(webhook, body, step, happened, reading, recipe) for step in _steps(body)])


def _is_incident(issue: Incident, address: str | None) -> bool:
    """Whether an issue is an incident: by its type, which old versions do not say, else by what only one has."""
    kind = normalise.line(issue.type).casefold()
    return kind == "incident" or bool(issue.escalation_status) or "/issues/incident/" in (address or "")


def _when(webhook: Webhook, incident: Incident) -> SenderTime:
    times = {"open": incident.created_at, "close": incident.closed_at}
    return moment(times.get(incident.action or "") or incident.updated_at, webhook.received_at)


def _steps(body: Body) -> Iterator[Step]:
    incident = body.object_attributes
    action = normalise.line(incident.action)
    if action in _ACTIONS:
        words = normalise.text(incident.description).strip() if action == "open" else ""
        yield Step(_ACTIONS[action], action, {"summary": words})
        if action == "open" and body.assignees:
            # Being given an incident is no page.
            yield Step("page.reassigned", "assignees", {"to": ", ".join(_people(body.assignees))})
        return
    before, now = _changed(body, "escalation_status")
    if now:
        yield _status(normalise.line(before), normalise.line(now))
    before, now = _changed(body, "severity")
    if now:
        yield Step("page.priority_updated", "severity", {"from": _severity(before), "to": _severity(now)})
    before, now = _changed(body, "assignees")
    if isinstance(now, list):
        yield Step("page.reassigned", "assignees", {"from": _names(before), "to": _names(now)})
    for field, key in (("title", "text"), ("description", "summary")):
        _, now = _changed(body, field)
        if words := normalise.text(now).strip():
            yield Step("page.updated", field, {key: words})


def _changed(body: Body, field: str) -> tuple[Any, Any]:
    """What a field was and what it became; nothing where it did not change."""
    change = (body.changes or {}).get(field)
    return (change.get("previous"), change.get("current")) if isinstance(change, dict) else (None, None)


def _status(before: str, now: str) -> Step:
    if now == "triggered":
        back = "page.reopened" if before in ("resolved", "ignored") else "page.unacknowledged"
        return Step(back, "triggered")
    return Step(_STATUSES.get(now, "page.status_updated"), now, {"from": before, "to": now})


def _event(
    webhook: Webhook, body: Body, step: Step, happened: SenderTime, reading: Reading, recipe: str
) -> Event:  # fmt: skip
    incident, opens = body.object_attributes, step.type == "page.triggered"
    labels = _labels(body.labels or incident.labels)
    person = _person(body.user)
    opened = moment(incident.created_at, webhook.received_at)
    policy = incident.escalation_policy.name if incident.escalation_policy else ""
    data = {
        "kind": f"incident {normalise.line(incident.action)}",
        "number": incident.iid,
        "status": normalise.line(incident.escalation_status),
        "priority": _severity(incident.severity),
        "assignees": _people(body.assignees) if step.type == "page.reassigned" else [],
        "escalation_policy": normalise.line(policy) if opens else "",
        "declares": opens or None,
        "agent": "" if person or body.user is None else normalise.agent(body.user.name),
        "created_at": opened.at if opened.known else None,
        **step.data,
    }
    identity = ("incident", str(incident.id), step.name, happened.identity)
    return Event(
        id=event_id(recipe, webhook.source, happened.stated, *identity),
        type=step.type,
        **normalise.origin(webhook, happened),
        entity=_entity(incident),
        service=normalise.service_of(labels, reading),
        environment=normalise.environment_of(labels, reading),
        severity=_severity(incident.severity) or None,
        title=normalise.line(incident.title) or f"Incident {incident.iid or incident.id}",
        actor=person,
        links=normalise.links(("source", incident.url)),
        refs=_refs(incident, body.project),
        labels=labels,
        data={key: value for key, value in data.items() if value not in (None, "", [])},
    )


def _comment(webhook: Webhook, body: CommentBody, reading: Reading, recipe: str) -> tuple[Event, ...]:
    """What a person wrote; what they made of it later is told beside it. What GitLab notes itself is an update, too."""
    comment, incident = body.object_attributes, body.issue or body.work_item
    words = normalise.text(comment.note).strip()
    if incident is None or not _is_incident(incident, comment.url) or comment.system or not words:
        return ()
    edited = comment.action == "update"
    happened = moment(comment.updated_at if edited else comment.created_at, webhook.received_at)
    identity = ("edited", happened.identity) if edited else ()
    labels = _labels(incident.labels)
    return (
        Event(
            id=event_id(recipe, webhook.source, happened.stated, "note", str(comment.id), *identity),
            type="note.added",
            **normalise.origin(webhook, happened),
            entity=_entity(incident),
            service=normalise.service_of(labels, reading),
            environment=normalise.environment_of(labels, reading),
            title=normalise.line(words.partition("\n")[0]),
            actor=_person(body.user),
            links=normalise.links(("source", comment.url)),
            refs=_refs(incident, body.project),
            labels=labels,
            data={"text": words, "kind": "comment edited" if edited else "comment"},
        ),
    )


def _entity(incident: Incident) -> str:
    return f"incident:{incident.id}"


def _refs(incident: Incident, project: Reference | None) -> tuple[str, ...]:
    return (f"page:{_entity(incident)}", *repository_ref(project.path_with_namespace if project else None))


def _severity(word: object) -> str:
    """The severity; that it is unknown says nothing."""
    named = normalise.line(word).casefold()
    return "" if named == "unknown" else named


def _labels(given: list[Label] | None) -> dict[str, str]:
    """Scoped labels, by their scope: ``service::checkout``. Of several scopes the innermost name counts."""
    pairs = [normalise.line(label.title).rpartition("::") for label in given or ()]
    return normalise.labels({scope.strip().lower(): value.strip() for scope, _, value in pairs if scope and value})


def _person(user: Reference | None) -> str | None:
    return normalise.person(user.name, user.username) if user is not None else None


def _people(users: list[Reference] | None) -> list[str]:
    return [name for user in users or () if (name := normalise.line(user.name) or normalise.line(user.username))]


def _names(users: object) -> str:
    people = [user for user in users if isinstance(user, dict)] if isinstance(users, list) else []
    return ", ".join(name for user in people if (name := normalise.line(user.get("name"))))
