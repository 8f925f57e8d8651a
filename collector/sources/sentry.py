"""Sentry's integration platform: https://docs.sentry.io/organization/integrations/integration-platform/webhooks/

The kind of event stands in ``Sentry-Hook-Resource``, not in the body. Changes
of an issue, and most ends of metric alerts, say no time of their own: that of
the hook stands in. An alert on issues is told each time its rule fires; it is
over when its issue is called resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "sentry"
RECIPE = "sentry.1"

# https://docs.sentry.io/organization/integrations/integration-platform/webhooks/#sentry-hook-signature
SIGNATURE = Signature(header="Sentry-Hook-Signature", sender="Sentry (the integration's Client Secret)")

_RESOURCE, _TIMESTAMP = "sentry-hook-resource", "sentry-hook-timestamp"
SILENT = frozenset({"error", "installation", "seer"})
"""Resources that are set aside: single errors, and what concerns the integration itself."""
_ACTIONS = {
    "created": "issue created",
    "resolved": "issue resolved",
    "unresolved": "issue unresolved",
    "archived": "issue archived",
    "ignored": "issue ignored",
}
"""What happens to an issue, and how a person would say it."""
_PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")


class Actor(msgspec.Struct, frozen=True):
    """Who did it: a ``user``, or an ``application``, which is nobody. Whose an issue is: a ``user`` or a ``team``."""

    type: str | None = None
    name: str | None = None


class Project(msgspec.Struct, frozen=True):
    """The project of an issue."""

    slug: str | None = None


class Issue(msgspec.Struct, frozen=True):
    """An issue: errors that Sentry takes for the same."""

    id: str | int
    short_id: str | None = msgspec.field(name="shortId", default=None)
    title: str | None = None
    level: str | None = None
    permalink: str | None = None
    web_url: str | None = None
    first_seen: str | None = msgspec.field(name="firstSeen", default=None)
    count: str | int | None = None
    user_count: int | None = msgspec.field(name="userCount", default=None)
    project: Project | None = None
    assigned_to: Actor | None = msgspec.field(name="assignedTo", default=None)


class Occurrence(msgspec.Struct, frozen=True):
    """The event that an alert rule of issues fired on."""

    event_id: str
    title: str | None = None
    message: str | None = None
    level: str | None = None
    datetime: str | None = None
    web_url: str | None = None
    url: str | None = None
    issue_id: str | int | None = None
    issue_url: str | None = None
    tags: Any = None


class Rule(msgspec.Struct, frozen=True):
    """The rule of a metric alert."""

    environment: str | None = None


class MetricAlert(msgspec.Struct, frozen=True):
    """One firing of such a rule, until it resolves."""

    id: str | int
    title: str | None = None
    date_started: str | None = None
    date_closed: str | None = None
    projects: list[str] | None = None
    alert_rule: Rule | None = None


class Data(msgspec.Struct, frozen=True):
    """``data``: every field that we read of any resource."""

    issue: Issue | None = None
    event: Occurrence | None = None
    metric_alert: MetricAlert | None = None
    triggered_rule: str | None = None
    assignee: Actor | None = None
    description_text: str | None = None
    web_url: str | None = None
    comment: str | None = None
    comment_id: str | int | None = None
    issue_id: str | int | None = None
    project_slug: str | None = None
    timestamp: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery."""

    action: str
    data: Data = Data()
    actor: Actor | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery tells, before it is put into an event."""

    type: str
    entity: str
    identity: tuple[str, ...]
    when: SenderTime
    from_hook: bool = False
    """Whether ``when`` is the hook's time and the identity does without it: a further attempt has another one."""
    title: str
    service: str | None = None
    environment: str | None = None
    severity: str | None = None
    actor: str | None = None
    links: tuple[tuple[str, str | None], ...] = ()
    labels: dict[str, str] = {}
    data: dict[str, Any]


_DIGITS = 16
"""More than this a count does not have."""
_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for resources and actions that are set aside."""
    resource = normalise.line(webhook.headers.get(_RESOURCE, ""))
    if resource in SILENT:
        normalise.check_syntax(webhook.body, webhook.source)
        return ()
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), resource or KIND),)
    read = RESOURCES.get(resource)
    if read is None:
        reason = (
            "Sentry sent a resource that this version does not read" if resource else "Sentry-Hook-Resource is absent"
        )
        return (normalise.unrecognised(webhook, reason, resource),)
    fact = read(webhook, body, reading)
    if isinstance(fact, str):
        return (normalise.unrecognised(webhook, fact, resource),)
    return () if fact is None else (_event_of(webhook, fact),)


Finding = Fact | str | None
"""What a delivery tells: a fact; why it cannot be read; nothing."""


def _issue(webhook: Webhook, body: Body, _reading: Reading) -> Finding:
    """That an issue came up, came back, or was set aside; nobody was called, so it is no alert. That it was called
    resolved ends the alert that a rule told of it, if one did.

    Who called it so did nothing to what failed, so nobody is named as having acted.
    """
    issue = body.data.issue
    if issue is None:
        return "the body has no issue"
    if body.action in ("assigned", "unassigned"):
        return _assigned(webhook, body, issue)
    if body.action not in _ACTIONS:
        return "an action on an issue that this version does not know"
    first = moment(issue.first_seen, webhook.received_at)
    created = body.action == "created" and first.known
    hook = _hook_time(webhook)
    over = body.action == "resolved"
    return Fact(
        type="alert.resolved" if over else "observation.recorded",
        entity=normalise.line(f"issue:{issue.id}"),
        identity=("issue", str(issue.id), body.action, "" if created else hook.identity),
        when=first if created else hook,
        title=normalise.line(issue.title) or f"Issue {issue.short_id or issue.id}",
        service=normalise.name(issue.project.slug if issue.project else None),
        severity=None if over else _level(issue.level),
        # Who calls it resolved ended the alert; who assigns or archives it did nothing to what failed.
        actor=_person(body.actor) if over else None,
        links=(("source", issue.web_url or issue.permalink),),
        data=({"status": "resolved"} if over else {}) | {
            "type": f"sentry.issue.{body.action}", "called": _ACTIONS[body.action],
            "subject": normalise.line(issue.short_id),
        } | _counted(issue, webhook),
    )  # fmt: skip


def _assigned(webhook: Webhook, body: Body, issue: Issue) -> Fact:
    """Whose an issue is: something that was done with it and not with what runs, so it is a note without words."""
    assignee = body.data.assignee or issue.assigned_to
    owner = normalise.agent(assignee.name) if assignee and body.action == "assigned" else ""
    hook = _hook_time(webhook)
    return Fact(
        type="note.added",
        entity=normalise.line(f"issue:{issue.id}"),
        identity=("issue", str(issue.id), body.action, hook.identity),
        when=hook,
        title=normalise.line(issue.title) or f"Issue {issue.short_id or issue.id}",
        service=normalise.name(issue.project.slug if issue.project else None),
        actor=_person(body.actor),
        links=(("source", issue.web_url or issue.permalink),),
        data={"operation": f"{body.action} to {owner}" if owner else body.action, "kind": body.action}
        | _counted(issue, webhook),
    )


def _counted(issue: Issue, webhook: Webhook) -> dict[str, int]:
    """How many events and users of an issue Sentry had counted when it told of it, since when."""
    first, hook = moment(issue.first_seen, webhook.received_at), _hook_time(webhook)
    count = str(issue.count or "")
    events = int(count) if count.isdecimal() and len(count) < _DIGITS else 0
    users = issue.user_count or 0
    if not events or not first.known:
        return {}
    until = hook.at if hook.known else webhook.received_at
    counted = {"seen_events": events, "seen_since": first.at, "seen_until": until}
    return counted | ({"seen_users": users} if 0 < users < 10**_DIGITS else {})


def _event_alert(webhook: Webhook, body: Body, reading: Reading) -> Finding:
    """A rule of issues fired: it says when. What ends it is that the issue is resolved."""
    event = body.data.event
    if event is None:
        return "the body has no event"
    tags = _tags(event.tags)
    issue = event.issue_id or (event.issue_url or "").rstrip("/").rpartition("/")[2] or event.event_id
    project = _PROJECT.search(event.url or "")
    when = moment(event.datetime, webhook.received_at)
    rule = normalise.line(body.data.triggered_rule)
    return Fact(
        type="alert.firing",
        entity=normalise.line(f"issue:{issue}"),
        identity=("event_alert", event.event_id, rule),
        when=when,
        title=normalise.line(event.title) or normalise.line(event.message) or rule or "Alert without a name",
        service=normalise.service_of(tags, reading) or normalise.name(project[1] if project else None),
        environment=normalise.environment_of(tags, reading),
        severity=_level(event.level) or _level(tags.get("level")),
        links=(("source", event.web_url),),
        labels=tags,
        data={"status": "firing", "reason": rule} | ({"starts_at": when.at} if when.known else {}),
    )


def _metric_alert(webhook: Webhook, body: Body, _reading: Reading) -> Finding:
    """A metric alert: every word on one firing of its rule has the firing's start."""
    alert = body.data.metric_alert
    if alert is None:
        return "the body has no metric_alert"
    if body.action not in ("critical", "warning", "resolved"):
        return "an action of a metric alert that this version does not know"
    starts, closed = (moment(text, webhook.received_at) for text in (alert.date_started, alert.date_closed))
    resolved = body.action == "resolved"
    hook = resolved and not closed.known
    when = (_hook_time(webhook) if hook else closed) if resolved else starts
    data: dict[str, Any] = {
        "status": "resolved" if resolved else "firing", "description": normalise.text(body.data.description_text),
    }  # fmt: skip
    sent = _hook_time(webhook)
    if starts.known:
        data["starts_at"] = starts.at
    if not resolved and sent.known:
        data["told_at"] = sent.at
    if resolved and when.known:
        data["ends_at"] = when.at
    return Fact(
        type="alert.resolved" if resolved else "alert.firing",
        entity=normalise.line(f"metric_alert:{alert.id}"),
        identity=("metric_alert", str(alert.id), body.action),
        when=when,
        from_hook=hook,
        title=normalise.line(alert.title) or f"Metric alert {alert.id}",
        service=next((name for each in alert.projects or () if (name := normalise.name(each))), None),
        environment=normalise.name(alert.alert_rule.environment if alert.alert_rule else None),
        severity=None if resolved else body.action,
        links=(("source", body.data.web_url),),
        data=data,
    )


def _comment(webhook: Webhook, body: Body, _reading: Reading) -> Finding:
    """What somebody wrote below an issue; what they made of it later is told beside it."""
    if body.action not in ("created", "updated"):
        return None
    if not body.data.comment or body.data.comment_id is None:
        return "a comment without its id or its text"
    text, edited = normalise.text(body.data.comment), body.action == "updated"
    # An edit says when the comment was written, or not when it was edited: the hook's time tells one from the next.
    hook = _hook_time(webhook)
    return Fact(
        type="note.added",
        entity=normalise.line(f"issue:{body.data.issue_id or ''}"),
        identity=("comment", str(body.data.comment_id), *((body.action, hook.identity) if edited else ())),
        when=hook if edited else moment(body.data.timestamp, webhook.received_at),
        title=normalise.line(text.strip().partition("\n")[0]) or "Comment",
        service=normalise.name(body.data.project_slug),
        actor=_person(body.actor),
        data={"text": text, "kind": "comment edited" if edited else "comment"},
    )


RESOURCES: dict[str, Callable[[Webhook, Body, Reading], Finding]] = {
    "issue": _issue,
    "event_alert": _event_alert,
    "metric_alert": _metric_alert,
    "comment": _comment,
}
"""Who reads each resource."""


def _event_of(webhook: Webhook, fact: Fact) -> Event:
    return Event(
        id=event_id(RECIPE, webhook.source, None if fact.from_hook else fact.when.stated, *fact.identity),
        type=fact.type,
        **normalise.origin(webhook, fact.when),
        entity=fact.entity,
        service=fact.service,
        environment=fact.environment,
        severity=fact.severity,
        title=fact.title,
        actor=fact.actor,
        links=normalise.links(*fact.links),
        labels=normalise.labels(fact.labels),
        data={key: value for key, value in fact.data.items() if value not in (None, "")},
    )


def _hook_time(webhook: Webhook) -> SenderTime:
    return moment(webhook.headers.get(_TIMESTAMP), webhook.received_at)


def _tags(given: Any) -> dict[str, str]:
    """The tags of an event, which come as pairs."""
    pairs = given if isinstance(given, list) else []
    return {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str)
    }


def _level(level: str | None) -> str | None:
    named = normalise.name(level)
    return named.lower() if named else None


def _person(actor: Actor | None) -> str | None:
    return normalise.person(actor.name) if actor is not None and actor.type == "user" else None


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"action": "created", "data": {}}',
        headers={'sentry-hook-resource': 'installation'},
    ),
    sign=SIGNATURE.sign,
    called="Sentry",
    families=("alert",),
    paste="Settings, Custom Integrations, New Internal Integration: Webhook URL {address}, Alert Rule Action on",
    proofs=("signature", "bearer", "basic", "path"),
    headers=(_RESOURCE, _TIMESTAMP, "request-id"),
    verify=verify,
    parse=parse,
    identity=(
        "/action", "/data/issue/id", "/data/issue/firstSeen", "/data/event/event_id", "/data/event/datetime",
        "/data/event/issue_id", "/data/event/issue_url", "/data/triggered_rule", "/data/metric_alert/id",
        "/data/metric_alert/date_started", "/data/metric_alert/date_closed", "/data/comment_id", "/data/timestamp",
        "/data/issue_id",
    ),
    retries=False,
)  # fmt: skip
