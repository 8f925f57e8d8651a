"""Datadog's webhooks integration: https://docs.datadoghq.com/integrations/webhooks/

The body is a template of the team's own; this adapter reads the one of
``config/senders/datadog.md`` alone. Every value of it is a text, and a variable
that Datadog does not know stays as it is written. A monitor is told again for as
long as it lasts (``Re-Triggered``, ``Renotify``): nothing new. What comes into
another state before it recovers fired once. Datadog signs nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import authenticate
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "datadog"
RECIPE = "datadog.1"
TEMPLATE = "datadog.1"
"""What our template calls itself, and its version."""

_TRANSITIONS = {
    "Triggered": "alert.firing",
    "Warn": "alert.firing",
    "No Data": "alert.firing",
    "Recovered": "alert.resolved",
}
_REPEATS = frozenset({"Re-Triggered", "Re-Warn", "Re-No Data", "Renotify"})


class Body(msgspec.Struct, frozen=True):
    """What our template sends."""

    timelined: str
    transition: str
    id: str | None = None
    org: str | None = None
    monitor: str | None = None
    cycle: str | None = None
    scope: str | None = None
    title: str | None = None
    text: str | None = None
    type: str | None = None
    priority: str | None = None
    date: str | int | None = None
    tags: str | None = None
    link: str | None = None
    host: str | None = None
    status: str | None = None
    query: str | None = None


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is told again."""
    body = normalise.decode_template(_BODY, webhook, KIND, TEMPLATE)
    if isinstance(body, Event):
        return (body,)
    labels = _labels(body)
    if body.transition in _REPEATS:
        return ()
    if body.transition not in _TRANSITIONS:
        reason = "a transition that this version does not know"
        return (
            normalise.unrecognised(webhook, reason, body.transition, service=normalise.service_of(labels, reading)),
        )
    return (_event_of(webhook, body, labels, reading),)


def _event_of(webhook: Webhook, body: Body, labels: dict[str, str], reading: Reading) -> Event:
    event_type = _TRANSITIONS[body.transition]
    resolved = event_type == "alert.resolved"
    happened = moment(_value(str(body.date)) if body.date is not None else None, webhook.received_at)
    entity = _entity(body)
    identity = (entity, _value(body.cycle), _value(body.id), body.transition)
    title = _value(body.title) or "Monitor without a name"
    service = normalise.service_of(labels, reading)
    data: dict[str, Any] = {"status": "resolved" if resolved else "firing", "reason": body.transition}
    if _value(body.text):
        data["description"] = normalise.text(body.text).strip()
    # What it measured when it ended is no part of how bad it was.
    if _value(body.status) and not resolved:
        data["summary"] = normalise.text(body.status).strip()
    if _value(body.query):
        data["query"] = normalise.text(body.query).strip()
    if happened.known:
        data["ends_at" if resolved else "starts_at"] = happened.at
    if not resolved:
        data["cycle"] = _value(body.cycle) or entity
    if body.transition == "No Data":
        data["no_data"] = True
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, *identity),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=entity,
        service=service,
        environment=normalise.environment_of(labels, reading),
        severity=_severity(body),
        title=f"{title}: no data" if body.transition == "No Data" else title,
        links=normalise.links(("rule", _value(body.link))),
        labels=labels,
        data=data | normalise.further_services(_services(body), service),
    )


def _value(text: str | None) -> str:
    """A variable's value; empty where Datadog left the variable as it is written."""
    written = normalise.line(text)
    return "" if written.startswith("$") else written


def _entity(body: Body) -> str:
    """The monitor and the group of it that this is about: the same in every cycle."""
    monitor, scope = _value(body.monitor), _value(body.scope)
    named = ":".join(part for part in (_value(body.org), monitor, scope) if part)
    return normalise.line(named) if monitor else _value(body.cycle) or normalise.line(named) or "monitor"


def _severity(body: Body) -> str | None:
    """The monitor's priority; without one, how grave the transition is."""
    if body.transition == "Warn":
        return "warning"
    if body.transition == "Recovered":
        return None
    priority, kind = _value(body.priority), _value(body.type)
    # P1 is a name, and is written as Datadog writes it.
    return priority.upper() or ("error" if kind == "error" else kind).lower() or None


def _tags(body: Body) -> list[str]:
    return [tag.strip() for tag in _value(body.tags).split(",")]


def _services(body: Body) -> list[str]:
    """The services that tags name, where they name several: a label holds one of them."""
    services = [tag.partition(":")[2] for tag in _tags(body) if tag.startswith("service:")]
    return services if len(services) > 1 else []


def _labels(body: Body) -> dict[str, str]:
    """The tags that have a name and a value, all others together, and the host."""
    labels: dict[str, str] = {}
    tags = _tags(body)
    for tag in tags:
        name, colon, value = tag.partition(":")
        if colon and name and value:
            labels.setdefault(name, value)
    if bare := [tag for tag in tags if tag and ":" not in tag]:
        labels.setdefault("tags", ", ".join(bare))
    if host := _value(body.host):
        labels.setdefault("host", host)
    return normalise.labels(labels)


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"timelined": "datadog.1", "transition": "Renotify", "title": "A test of timelined"}',
    ),
    called="Datadog",
    families=("alert",),
    paste="Integrations, Webhooks, New: URL {address}, with the payload of its sender page",
    verify=verify,
    parse=parse,
    identity=("/timelined", "/id", "/org", "/monitor", "/cycle", "/scope", "/transition", "/date"),
)
