"""Rootly's webhooks: https://docs.rootly.com/configuration/webhooks

``event`` says what happened and when, with an id of its own; ``data`` is the
incident or the alert as it stands. ``incident.updated`` comes for any field and
does not say which. The signature's header holds the time of signing as well:
``t=…,v1=…``, over that time and the body without anything between them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import MINUTE, SECOND, Event, event_id
from collector.signing import Signature, authenticate, signature_of
from collector.sources import bodies
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "rootly"
RECIPE = "rootly.1"

_HEADER = "X-Rootly-Signature"


def _signed(webhook: Webhook) -> bytes:
    """The time of signing, as the header has it, and the body."""
    parts = [part.strip() for part in webhook.headers.get(_HEADER.lower(), "").split(",")]
    time = next((part[2:] for part in parts if part.startswith("t=")), "")
    return time.encode("utf-8", "replace") + webhook.body


# How old a signature may be is not said, and a delivery that comes again tells nothing new: no age is refused.
SIGNATURE = Signature(
    header=_HEADER, prefix="v1=", separator=",", sender="Rootly (the webhook's secret)", signed=_signed
)

TYPES = {
    "incident.created": "page.triggered",
    "incident.updated": "page.updated",
    "incident.in_triage": "page.status_updated",
    "incident.mitigated": "page.status_updated",
    "incident.resolved": "page.resolved",
    "incident.cancelled": "page.resolved",
    "incident.deleted": "page.resolved",
    "alert.created": "alert.firing",
    "alert.updated": "alert.updated",
    "alert.acknowledged": "observation.recorded",
    "alert.resolved": "alert.resolved",
}
"""Rootly's types and ours."""
_ASIDE = (
    "incident.scheduled.", "incident_post_mortem.", "genius_workflow_run.", "pulse.", "alert.deleted", "status_page",
    "incident_status_page_event.",
)  # fmt: skip
"""Maintenance that is planned, documents, automation, and what Rootly itself posts elsewhere."""
_UNREAL = ("test", "example", "scheduled")
"""Beginnings of kinds of incidents that were opened to try things out, or that are planned."""
_LATER = "backfilled"
"""The kind of an incident that was written down after it was over."""
_STATUSES = {"incident.in_triage": "triage", "incident.mitigated": "mitigated"}
_MESSAGES = {
    "incident.mitigated": "mitigation_message",
    "incident.resolved": "resolution_message",
    "incident.cancelled": "cancellation_message",
}
_REASONS = {"incident.cancelled": "cancelled", "incident.deleted": "deleted"}
"""How an incident ended that was not called resolved."""
_DOERS = {
    "incident.created": ("started_by", "user"),
    "incident.in_triage": ("in_triage_by",),
    "incident.mitigated": ("mitigated_by",),
    "incident.resolved": ("resolved_by",),
    "incident.cancelled": ("cancelled_by",),
}
"""Where the person stands who did it."""


_LISTS = {"environments": 2, "functionalities": 1, "groups": 1, "incident_types": 1, "causes": 1}
"""What names several things, and from how many on all of them stand in a label: the first environment is its own."""


class Envelope(msgspec.Struct, frozen=True):
    """``event``: what happened, and when."""

    type: str
    id: str | None = None
    issued_at: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery."""

    event: Envelope
    data: dict[str, Any] = {}


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def sign(body: bytes, secret: bytes, at: int) -> dict[str, str]:
    """The header with which Rootly proves a body at a time, in µs."""
    seconds = str(at // SECOND)
    return {_HEADER.lower(): f"t={seconds},v1={signature_of(seconds.encode() + body, secret)}"}


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is set aside or only tried out."""
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    kind, data = normalise.line(body.event.type), body.data
    if kind.startswith(_ASIDE) or normalise.line(data.get("kind")).startswith(_UNREAL):
        return ()
    if kind not in TYPES or not normalise.line(data.get("id")):
        known = "what it is about has no id" if kind in TYPES else "Rootly sent a type that this version does not know"
        return (normalise.unrecognised(webhook, known, kind, service=_first(data.get("services"))),)
    told = _alert if kind.startswith("alert.") else _incident
    return (told(webhook, body.event, data, reading),)


def _id(webhook: Webhook, event: Envelope, happened: SenderTime, ident: str) -> str:
    """Rootly's own id of what happened; else what happened to which thing when."""
    told = normalise.line(event.id)
    return event_id(RECIPE, webhook.source, happened.stated, *((told,) if told else (event.type, ident)))


def _incident(webhook: Webhook, event: Envelope, data: dict[str, Any], reading: Reading) -> Event:
    happened = moment(event.issued_at, webhook.received_at)
    page, later = normalise.line(data.get("id")), normalise.line(data.get("kind")).startswith(_LATER)
    labels = _labels(data)
    actor, agent = _doer(event.type, data)
    service = _first(data.get("services")) or normalise.service_of(labels, reading)
    return Event(
        id=_id(webhook, event, happened, page),
        type="observation.recorded" if later else TYPES[event.type],
        **normalise.origin(webhook, happened),
        entity=page,
        service=service,
        environment=_first(data.get("environments")) or normalise.environment_of(labels, reading),
        severity=_name(data.get("severity")),
        title=normalise.line(data.get("title")) or f"Incident {page}",
        actor=actor,
        links=normalise.links(
            ("source", data.get("url")), ("bridge", data.get("zoom_meeting_join_url")),
            ("bridge", data.get("google_meeting_url")),
        ),
        refs=_refs(page, data),
        labels=labels,
        data=({"type": event.type} if later
             else _incident_data(webhook, event.type, data) | ({"agent": agent} if agent else {}))
             | normalise.further_services(_names(data.get("services")), service),
    )  # fmt: skip


def _doer(kind: str, data: dict[str, Any]) -> tuple[str | None, str | None]:
    """The person who did it, and where none did the automation: Rootly has users, and other things that act."""
    things = [data.get(key) for key in _DOERS.get(kind, ())]
    doers = [(name, _type_of(each)) for each in things if (name := normalise.agent(_name(each)))]
    people = [
        name for name, type_name in doers if "user" in (type_name or "user") and normalise.person(name, tool=KIND)
    ]
    return (people[0], None) if people else (None, doers[0][0] if doers else None)


def _type_of(value: object) -> str:
    """What Rootly's API calls the kind of a thing; empty where it does not say."""
    inner = value.get("data", value) if isinstance(value, dict) else None
    return normalise.line(inner.get("type")).casefold() if isinstance(inner, dict) else ""


def _incident_data(webhook: Webhook, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    opened = moment(_time(data.get("created_at")), webhook.received_at)
    started, mitigated, resolved = [
        moment(_time(data.get(key)), webhook.received_at) for key in ("started_at", "mitigated_at", "resolved_at")
    ]
    # Without anybody's word an incident starts when it is opened.
    begun = started.known and opened.known and opened.at - started.at >= MINUTE
    content = {
        "kind": kind,
        "number": _number(data.get("sequential_id")),
        "status": normalise.line(data.get("status")),
        "priority": _name(data.get("severity")),
        "to": _STATUSES.get(kind, ""),
        "text": normalise.text(data.get(_MESSAGES.get(kind, ""))),
        "summary": normalise.text(data.get("summary")),
        "resolve_reason": _REASONS.get(kind, ""),
        "created_at": opened.at if opened.known else None,
        "impact_started_at": started.at if begun else None,
        "mitigated_at": mitigated.at if mitigated.known else None,
        "resolved_at": resolved.at if resolved.known else None,
        "declares": TYPES[kind] == "page.triggered" or None,
    }
    return {key: value for key, value in content.items() if value not in (None, "")}


def _number(value: object) -> int | str | None:
    """What people call the incident by: a number, also where it came as a text."""
    if isinstance(value, int):
        return value if not isinstance(value, bool) and 0 <= value < 2**53 else None
    text = normalise.line(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text


def _refs(page: str, data: dict[str, Any]) -> tuple[str, ...]:
    """The incident, and the pages of other systems that it was opened for or that it opened."""
    others = [data.get(key) for key in ("pagerduty_incident_id", "opsgenie_alert_id", "victor_ops_incident_id")]
    known = [page, *(normalise.line(other) for other in others)]
    return tuple(dict.fromkeys(f"page:{each}" for each in known if each))


def _alert(webhook: Webhook, event: Envelope, data: dict[str, Any], reading: Reading) -> Event:
    event_type, ident = TYPES[event.type], normalise.line(data.get("id"))
    happened = moment(event.issued_at, webhook.received_at)
    started = moment(_time(data.get("started_at")), webhook.received_at)
    ended = moment(_time(data.get("ended_at")), webhook.received_at)
    firing, ends = event_type == "alert.firing", event_type == "alert.resolved"
    at = started if firing and started.known else ended if ends and ended.known else happened
    labels = _labels(data)
    content: dict[str, Any] = {"type": event.type}
    if event_type.startswith("alert."):
        content = {"status": "resolved" if ends else "firing"} | ({"starts_at": started.at} if started.known else {})
        content |= {"ends_at": at.at} if ends and at.known else {}
        content |= {"description": words} if (words := normalise.text(data.get("description")).strip()) else {}
    service = _first(data.get("services")) or normalise.service_of(labels, reading)
    return Event(
        id=_id(webhook, event, happened, ident),
        type=event_type,
        **normalise.origin(webhook, at),
        entity=f"alert:{ident}",
        service=service,
        environment=_first(data.get("environments")) or normalise.environment_of(labels, reading),
        severity=normalise.severity_of(labels, reading),
        title=normalise.line(data.get("summary")) or f"Alert {ident}",
        links=normalise.links(("source", data.get("external_url")), ("source", data.get("url"))),
        refs=(f"alert:{other}",) if (other := normalise.line(data.get("external_id"))) else (),
        labels=labels,
        data=content | normalise.further_services(_names(data.get("services")), service),
    )


# --- how Rootly says what a thing is called --------------------------------------------------------------------------


def _name(value: object) -> str | None:
    """A thing's name: as a text, in an object, or one step below it as in Rootly's API."""
    if isinstance(value, str):
        return normalise.name(value)
    for _ in range(3):
        if not isinstance(value, dict):
            return None
        found = next((name for key in ("full_name", "name", "email") if (name := normalise.name(value.get(key)))), None)
        if found:
            return found
        value = value.get("data") or value.get("attributes")
    return None


def _first(value: object) -> str | None:
    """The name of the first of several things."""
    return next(iter(_names(value)), None)


def _names(value: object) -> list[str]:
    """The names of all of them."""
    several = value.get("data", value) if isinstance(value, dict) else value
    members = several if isinstance(several, list) else [several]
    return [name for member in members if (name := _name(member))]


def _labels(data: dict[str, Any]) -> dict[str, str]:
    """Labels as an object, or as a list of objects with a key and a value; and what else it names than its
    services and its first environment."""
    listing = data.get("labels")
    pairs = listing.items() if isinstance(listing, dict) else [
        (each.get("key"), each.get("value")) for each in listing if isinstance(each, dict)
    ] if isinstance(listing, list) else ()  # fmt: skip
    listed = {key: ", ".join(_names(data.get(key))) for key in _LISTS if len(_names(data.get(key))) >= _LISTS[key]}
    return normalise.labels(
        listed | {name: str(value) for key, value in pairs if (name := normalise.line(key)) and value is not None}
    )


def _time(value: object) -> str | None:
    return value if isinstance(value, str) else None


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"event": {"id": "timelined-test", "type": "pulse.created", "issued_at": "$NOW"}, "data": {}}',
    ),
    sign=sign,
    called="Rootly",
    page="Rootly incident",
    families=("page",),
    paste="Settings, Webhooks, New Webhook: URL {address}, every incident and alert event",
    proofs=("signature", "path"),
    verify=verify,
    parse=parse,
    identity=("/event/id", "/event/type", "/event/issued_at", "/data/id", "/data/kind"),
)
