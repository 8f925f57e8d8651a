"""Atlassian Statuspage's webhook subscriptions: https://support.atlassian.com/statuspage/docs/enable-webhook-notifications/

A delivery about an incident repeats all updates of it, the newest first; each has
an id of its own, so what is known adds nothing. ``display_at`` is when an update
counts from, as its author says. Statuspage signs nothing and can send no header:
give it a secret address.

A page of another company is said by the setting ``vendor``: nothing in a delivery
tells it from the team's own. Its components are no services of the team's.

The status pages of Better Stack and Instatus send the same, with maintenances
beside incidents, and with changes of components that have no id of their own:
https://betterstack.com/docs/uptime/status-pages/subscribing-to-status-updates/subscribing-with-webhooks
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import authenticate
from collector.sources import bodies
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "statuspage"
RECIPE = "statuspage.1"


class NamedThing(msgspec.Struct, frozen=True):
    """A component of the page."""

    id: str | int | None = None
    name: str | None = None


class Update(msgspec.Struct, frozen=True):
    """What was published on an incident at one time."""

    id: str | int
    status: str | None = None
    body: str | None = None
    created_at: str | None = None
    display_at: str | None = None
    affected_components: list[NamedThing] | None = None


class Incident(msgspec.Struct, frozen=True):
    """An incident, or a maintenance, as the page shows it."""

    id: str | int
    name: str | None = None
    impact: str | None = None
    shortlink: str | None = None
    url: str | None = None
    incident_updates: list[msgspec.Raw] | None = None
    maintenance_updates: list[msgspec.Raw] | None = None


class Change(msgspec.Struct, frozen=True):
    """A component came into another status."""

    id: str | int | None = None
    component_id: str | int | None = None
    old_status: str | None = None
    new_status: str | None = None
    created_at: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery: about an incident, a maintenance, or a component."""

    incident: Incident | None = None
    maintenance: Incident | None = None
    component: NamedThing | None = None
    component_update: Change | None = None


_BODY = msgspec.json.Decoder(Body)
_UPDATE = msgspec.json.Decoder(Update)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """One event for each update of the incident, in the order in which they were published; or the component's."""
    events = _published_in(webhook)
    return tuple(_of_vendor(event, reading.vendor) for event in events) if reading.vendor else events


def _of_vendor(event: Event, vendor: str) -> Event:
    """The same of another company's page: what it affects is theirs, whatever it is called."""
    if event.type != "status.updated":
        return event
    data = {key: value for key, value in event.data.items() if key != "further_services"}
    return msgspec.structs.replace(event, service=None, data=data | {"vendor": vendor})


def _published_in(webhook: Webhook) -> tuple[Event, ...]:
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    for kind, notice in (("incident", body.incident), ("maintenance", body.maintenance)):
        if notice is not None:
            updates = enumerate((notice.incident_updates if kind == "incident" else notice.maintenance_updates) or ())
            return tuple(reversed([_published(webhook, kind, notice, raw, place) for place, raw in updates]))
    if body.component_update is not None:
        return (_component(webhook, body.component_update, body.component or NamedThing()),)
    return (normalise.unrecognised(webhook, "neither an incident, nor a maintenance, nor a component", KIND),)


def _published(webhook: Webhook, kind: str, incident: Incident, raw: msgspec.Raw, place: int) -> Event:
    where = f"$.{kind}.{kind}_updates[{place}]"
    try:
        update = bodies.decode(_UPDATE, raw, webhook.source, where)
    except msgspec.ValidationError as error:
        return normalise.unrecognised(webhook, str(error).replace("`$", f"`{where}"), KIND, bytes(raw))
    fields = {
        "text": normalise.text(update.body) or normalise.line(incident.name),
        "kind": normalise.line(update.status),
        "subject": normalise.line(incident.name),
    }
    affected = [name for each in update.affected_components or () if (name := normalise.name(each.name))]
    event = _event(
        webhook, (str(update.id),), update.display_at or update.created_at, f"{kind}:{incident.id}",
        next(iter(affected), None), fields, incident.shortlink or incident.url,
    )  # fmt: skip
    return msgspec.structs.replace(event, data=event.data | normalise.further_services(affected, event.service))


def _component(webhook: Webhook, change: Change, component: NamedThing) -> Event:
    name = normalise.line(component.name) or "A component"
    states = [normalise.line(each).replace("_", " ") for each in (change.old_status, change.new_status)]
    fields = {
        "text": f"{name}: {' → '.join(state for state in states if state)}".rstrip(": "),
        "kind": normalise.line(change.new_status),
    }
    ident = normalise.line(str(component.id or change.component_id or ""))
    # Without an id of its own a change is what came of which component when.
    identity = (str(change.id),) if change.id is not None else (
        "component", ident, normalise.line(change.new_status), moment(change.created_at, webhook.received_at).identity,
    )  # fmt: skip
    return _event(
        webhook, identity, change.created_at, f"component:{ident}", normalise.name(component.name), fields, None
    )


def _event(
    webhook: Webhook, ident: tuple[str, ...], when: str | None, entity: str, service: str | None,
    fields: dict[str, Any], link: str | None,
) -> Event:  # fmt: skip
    """A post; an update whose ``display_at`` is edited afterwards keeps its id, so the id does without a time."""
    happened = moment(when, webhook.received_at)
    text = fields["text"] or "Status updated"
    return Event(
        id=event_id(RECIPE, webhook.source, None, *ident),
        type="status.updated",
        **normalise.origin(webhook, happened),
        entity=normalise.line(entity),
        service=service,
        title=normalise.line(text.partition("\n")[0]) or normalise.line(text) or "Status updated",
        links=normalise.links(("source", link)),
        data={key: value for key, value in fields.items() if value},
    )


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"incident": {"id": "timelined-test", "name": "A test of timelined", "incident_updates": []}}',
    ),
    called="Statuspage",
    families=("status",),
    paste="on your status page, Subscribe to updates, Webhook: {address}",
    proofs=("path",),
    settings=("vendor",),
    verify=verify,
    parse=parse,
    identity=(
        "/incident/id",
        "/incident/incident_updates/*/id",
        "/maintenance/id",
        "/maintenance/maintenance_updates/*/id",
        "/component_update/id",
        "/component_update/component_id",
        "/component_update/new_status",
        "/component_update/created_at",
        "/component/id",
    ),
)
