"""Grafana Alerting's webhook contact point:
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/

A notification has the shape of an Alertmanager's, with ``version`` 1 and some
fields more; as there, every body repeats its whole group. Grafana 12 writes the
end of a resolved alert over its start (https://github.com/grafana/grafana/issues/106065),
so a start that does not lie before its end is not taken for one. Dashboards'
alerts of Grafana 8 and before (legacy) state neither a time nor an id.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from collector import normalise
from collector.event import MINUTE, Event, Link, event_id
from collector.signing import Signature, authenticate
from collector.sources import bodies, grafanaannotations, grafanahistory
from collector.sources.rule_texts import links_in, others_in, texts_in
from collector.times import SenderTime, moment
from collector.webhook import IMPORT, Credentials, Reading, Sample, Source, Webhook

KIND = "grafana"
RECIPE = "grafana.1"

_TIMESTAMP = "X-Grafana-Alerting-Timestamp"
_STATUSES = {"firing": "alert.firing", "resolved": "alert.resolved"}
_LEGACY = {"alerting": "alert.firing", "ok": "alert.resolved", "no_data": "observation.recorded"}
"""States of a dashboard's alert. ``no_data`` says neither that it fires nor that it does not."""
_LEGACY_SILENT = frozenset({"pending", "paused"})
"""States that say nothing of what runs."""
_ALERTS_OF_GRAFANA = frozenset({"DatasourceNoData", "DatasourceError"})
"""What Grafana calls an alert whose rule got no data, or an error; the rule's own name is a label."""
_REASON = "grafana_state_reason"
"""The annotation by which Grafana says why an alert is in its state, where the rule's condition is not why."""
_UNREAD = frozenset({"NoData", "Error"})
"""Reasons of a rule that fires for want of data."""
_ENDED_AS = {
    "MissingSeries": "its series is gone", "Updated": "its rule was changed", "Paused": "its rule was paused",
    "RuleDeleted": "its rule was deleted",
}  # fmt: skip
"""Reasons why an alert ended though nobody knows that its condition had."""


def _signed(webhook: Webhook) -> bytes:
    """The body; with the time and a colon before it, where a header for the time is configured at Grafana."""
    written = webhook.headers.get(_TIMESTAMP.lower())
    return webhook.body if written is None else written.encode("utf-8", "surrogatepass") + b":" + webhook.body


# https://github.com/grafana/alerting/blob/main/http/hmac.go
SIGNATURE = Signature(
    header="X-Grafana-Alerting-Signature",
    sender="Grafana (the contact point's HMAC Signature)",
    signed=_signed,
    timestamp=_TIMESTAMP,
    timestamp_required=False,
)


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """One alert of a group. Grafana 8 sends no fingerprint."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    status: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)
    fingerprint: str | None = None
    dashboard_url: str | None = msgspec.field(name="dashboardURL", default=None)
    panel_url: str | None = msgspec.field(name="panelURL", default=None)
    values: Any = None


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """A notification, of either kind: ``alerts`` stand in one of Grafana Alerting, ``rule…`` in a legacy one."""

    version: str | int | None = None
    org_id: int | str | None = None
    group_key: str | None = None
    status: str | None = None
    receiver: str | None = None
    group_labels: dict[str, str] | None = None
    common_labels: dict[str, str] | None = None
    external_url: str | None = msgspec.field(name="externalURL", default=None)
    truncated_alerts: int | None = None
    alerts: list[msgspec.Raw] | None = None
    state: str | None = None
    message: str | None = None
    rule_id: int | str | None = None
    rule_name: str | None = None
    rule_url: str | None = None
    tags: dict[str, str] | None = None


_IMPORTED = {
    grafanaannotations.FORM: grafanaannotations.event_of,
    grafanahistory.FORM: grafanahistory.event_of,
}
_BODY = msgspec.json.Decoder(Body)
_ALERT = msgspec.json.Decoder(Alert)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """One event for each alert, and one for what Grafana says it left out; of an import what it is of."""
    imported = _IMPORTED.get(webhook.headers.get(IMPORT, ""))
    if imported is not None:
        return (imported(webhook, reading),)
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    if body.rule_id is not None and body.alerts is None:
        return _legacy(webhook, body, reading)
    if str(body.version) != "1":
        return (normalise.unrecognised(webhook, _about_version(body.version), KIND),)
    if not body.alerts and not body.truncated_alerts:
        service = normalise.service_of(normalise.labels(body.common_labels), reading)
        return (
            normalise.unrecognised(
                webhook, "the body has no alerts; Grafana sends at least one", KIND, service=service
            ),
        )
    events = [_event_of(webhook, item, place, body, reading) for place, item in enumerate(body.alerts or ())]
    return (*[event for event in events if not _is_test(event)], *_gap(webhook, body, events))


def _is_test(event: Event) -> bool:
    """Whether it is what **Test** at a contact point sends, with the labels that Grafana makes up for it."""
    return (event.labels.get("alertname"), event.labels.get("instance")) == ("TestAlert", "Grafana")


def _about_version(version: str | int | None) -> str:
    found = "the body has no version" if version is None else f"version is {normalise.line(str(version))[:20]}"
    return f"{found}, and this adapter reads version 1; a payload template of your own goes to a source of another kind"


def _event_of(webhook: Webhook, item: msgspec.Raw, place: int, body: Body, reading: Reading) -> Event:
    where = f"$.alerts[{place}]"
    try:
        alert = bodies.decode(_ALERT, item, webhook.source, where)
    except msgspec.ValidationError as error:
        return normalise.unrecognised(webhook, str(error).replace("`$", f"`{where}"), KIND, bytes(item))
    status = alert.status or body.status or ""
    if status not in _STATUSES:
        return normalise.unrecognised(webhook, f"neither firing nor resolved - at `{where}.status`", KIND, bytes(item))
    return _alert_event(webhook, alert, status, body, reading)


def _alert_event(webhook: Webhook, alert: Alert, status: str, body: Body, reading: Reading) -> Event:
    starts = moment(alert.starts_at, webhook.received_at)
    ends = moment(alert.ends_at, webhook.received_at) if status == "resolved" else None
    if ends is not None and not _before(starts, ends):
        starts = moment(None, webhook.received_at)
    happened = ends or starts
    labels, annotations = normalise.labels(alert.labels), alert.annotations or {}
    entity = _entity(body.org_id, normalise.line(alert.fingerprint) or _fingerprint_of(alert.labels))
    times = (starts.identity,) if ends is None else (starts.identity, ends.identity)
    severity = normalise.severity_of(labels, reading)
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, entity, status, *times),
        type=_STATUSES[status],
        **normalise.origin(webhook, happened),
        entity=entity,
        service=normalise.service_of(labels, reading),
        environment=normalise.environment_of(labels, reading),
        severity=severity,
        title=_title(labels, annotations),
        links=_links(alert, annotations, body),
        refs=_refs(body),
        labels=labels,
        data=_data(webhook, body, annotations, entity, status, starts, ends)
        | (_as_it_fires(labels, alert, annotations) if ends is None else _as_it_ends(annotations)),
    )


def _before(starts: SenderTime, ends: SenderTime) -> bool:
    """Whether a start lies before the end; one that does not is the end once more."""
    return starts.stated is not None and (ends.stated is None or starts.stated < ends.stated)


def _entity(org: int | str | None, fingerprint: str) -> str:
    """A fingerprint is made of labels alone, and two organisations of one Grafana may have the same."""
    return normalise.line(f"{org}:{fingerprint}") if org else fingerprint


def _fingerprint_of(labels: dict[str, str]) -> str:
    """Stands for the fingerprint of versions that send none: one for each set of labels."""
    return hashlib.sha256(msgspec.json.encode(sorted(labels.items()))).hexdigest()[:16]


def _title(labels: dict[str, str], annotations: dict[str, str]) -> str:
    name = normalise.line(labels.get("alertname"))
    if name in _ALERTS_OF_GRAFANA and (rule := normalise.line(labels.get("rulename"))):
        return normalise.line(f"{name}: {rule}")
    return name or normalise.line(annotations.get("summary")) or "Alert without a name"


def _links(alert: Alert, annotations: dict[str, str], body: Body) -> tuple[Link, ...]:
    links = links_in(annotations)
    return normalise.links(
        ("rule", alert.generator_url),
        *[pair for pair in links if pair[0] == "runbook"],
        ("dashboard", alert.dashboard_url),
        *[pair for pair in links if pair[0] != "runbook"],
        ("panel", alert.panel_url),
        ("source", body.external_url),
    )


def _refs(body: Body) -> tuple[str, ...]:
    """What Grafana gives PagerDuty as the key of this group, too."""
    return (f"alertgroup:{hashlib.sha256(body.group_key.encode()).hexdigest()}",) if body.group_key else ()


def _data(
    webhook: Webhook, body: Body, annotations: dict[str, str], entity: str, status: str, starts: SenderTime,
    ends: SenderTime | None,
) -> dict[str, Any]:  # fmt: skip
    data: dict[str, Any] = {
        "status": status, "group_key": normalise.text(body.group_key),
        "group_labels": normalise.labels(body.group_labels),
    }  # fmt: skip
    if starts.known:
        data["starts_at"] = starts.at
    if ends is not None and ends.known:
        data["ends_at"] = ends.at
    content: dict[str, Any] = {
        "receiver": normalise.line(body.receiver),
        **texts_in(annotations),
        "annotations": {name: text for name, text in others_in(annotations).items() if name != _REASON},
    }
    data |= {key: value for key, value in content.items() if value}
    if ends is not None and starts.known:
        data["ends"] = event_id(RECIPE, webhook.source, starts.stated, entity, "firing", starts.identity)
    return data


def _as_it_fires(labels: dict[str, str], alert: Alert, annotations: dict[str, str]) -> dict[str, str | bool]:
    """Whether it fires for want of data, and what its rule's queries came to."""
    for_want = labels.get("alertname") in _ALERTS_OF_GRAFANA or annotations.get(_REASON) in _UNREAD
    values = alert.values.items() if isinstance(alert.values, dict) else ()
    numbers = [
        f"{normalise.line(name)}={value:.6g}" for name, value in sorted(values) if isinstance(value, int | float)
    ]
    return ({"no_data": True} if for_want else {}) | ({"measured": ", ".join(numbers)} if numbers else {})


def _as_it_ends(annotations: dict[str, str]) -> dict[str, str]:
    """Why it ended, where its condition was not why."""
    ended_as = _ENDED_AS.get(annotations.get(_REASON, ""))
    return {"ended_as": ended_as} if ended_as else {}


def _gap(webhook: Webhook, body: Body, events: list[Event]) -> tuple[Event, ...]:
    """The event for alerts that ``Max Alerts`` of the contact point cut off."""
    missing = min(body.truncated_alerts or 0, 2**53)
    if missing <= 0:
        return ()
    alerts = "1 alert" if missing == 1 else f"{missing} alerts"
    refs = _refs(body)
    return (
        Event(
            id=event_id(RECIPE, webhook.source, None, "truncated", *refs, *sorted(event.id for event in events)),
            type="source.gap",
            **normalise.origin(webhook),
            entity=refs[0] if refs else "alertgroup:",
            title=f"Grafana left {alerts} of a group out of a notification (Max Alerts)",
            links=normalise.links(("source", body.external_url)),
            refs=refs,
            data={
                "missing": missing,
                "group_key": normalise.text(body.group_key),
                "group_labels": normalise.labels(body.group_labels),
            },
        ),
    )


# --- dashboards' alerts, before Grafana 9 ---------------------------------------------------------------------------


def _legacy(webhook: Webhook, body: Body, reading: Reading) -> tuple[Event, ...]:
    """The event of a dashboard's alert, at the time of receipt.

    Nothing in the body tells one firing of a rule from its next one, so the minute of receipt is part of the id: the
    same body sent again at once is one event.
    """
    state = body.state or ""
    if state in _LEGACY_SILENT:
        return ()
    if state not in _LEGACY:
        return (normalise.unrecognised(webhook, "a state of a legacy alert that this version does not know", KIND),)
    entity = _entity(body.org_id, normalise.line(f"rule:{body.rule_id}"))
    labels = normalise.labels(body.tags)
    severity = normalise.severity_of(labels, reading)
    content = {"status": "firing" if state == "alerting" else "resolved", "summary": normalise.text(body.message)}
    observed = {"type": "grafana.no_data", "called": "no data", "kind": state, "text": normalise.text(body.message)}
    observation = _LEGACY[state] == "observation.recorded"
    return (
        Event(
            id=event_id(RECIPE, webhook.source, None, "legacy", entity, state, str(webhook.received_at // MINUTE)),
            type=_LEGACY[state],
            **normalise.origin(webhook),
            entity=entity,
            service=normalise.service_of(labels, reading),
            environment=normalise.environment_of(labels, reading),
            severity=severity,
            title=normalise.line(body.rule_name) or "Alert without a name",
            links=normalise.links(("dashboard", body.rule_url)),
            labels=labels,
            data={key: value for key, value in (observed if observation else content).items() if value},
        ),
    )


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"version": "1", "groupKey": "timelined-test", "status": "resolved", "alerts": [{"status": '
            '"resolved", "labels": {"alertname": "TimelinedTest", "severity": "none"}, "startsAt": "$NOW", '
            '"endsAt": "$NOW", "fingerprint": "0000000000000000"}]}'
        ),
    ),
    sign=SIGNATURE.sign,
    called="Grafana",
    families=("alert",),
    paste="Alerting, Contact points, Add contact point: integration Webhook, URL {address}",
    proofs=("signature", "bearer", "basic", "path"),
    verify=verify,
    parse=parse,
    interface=grafanaannotations.INTERFACE,
    imports={**grafanaannotations.IMPORTS, **grafanahistory.IMPORTS},
    # Labels and the group's key stand in for what old versions leave out, and hold what a team may have to redact.
    identity=(
        "/alerts/*/fingerprint", "/alerts/*/startsAt", "/alerts/*/endsAt", "/alerts/*/status", "/orgId", "/ruleId",
        "/state", "/version", "/status", "/truncatedAlerts",
    ),
)  # fmt: skip
