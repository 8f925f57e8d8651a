"""Prometheus Alertmanager's webhook, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

Every body repeats the whole group, most of it known already; members of a
cluster each send their own. So an event's identity is the alert's fingerprint
and its own times, and never the receiver, the sender's address or the body.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collector import normalise
from collector.event import Event, Link, event_id
from collector.sources import bodies
from collector.sources.rule_texts import links_in, others_in, texts_in
from collector.times import SenderTime, moment
from collector.webhook import Reading, Webhook

KIND = "alertmanager"
RECIPE = "alertmanager.1"

_STATUSES = {"firing": "alert.firing", "resolved": "alert.resolved"}


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """One alert of a group. Versions before 0.12 send no fingerprint, some forks no status of its own."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    status: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)
    fingerprint: str | None = None


class Group(msgspec.Struct, frozen=True, rename="camel"):
    """A notification: one group of alerts, the firing and the newly resolved ones."""

    version: str | int | None = None
    group_key: str | None = None
    status: str | None = None
    receiver: str | None = None
    group_labels: dict[str, str] | None = None
    common_labels: dict[str, str] | None = None
    external_url: str | None = msgspec.field(name="externalURL", default=None)
    truncated_alerts: int | None = None
    notification_reason: str | None = msgspec.field(name="notification_reason", default=None)


class WholeGroup(Group, frozen=True, rename="camel"):
    """A group whose alerts are all as they should be."""

    alerts: list[Alert] | None = None


class LooseGroup(Group, frozen=True, rename="camel"):
    """A group of which some alert is not."""

    alerts: list[msgspec.Raw] | None = None


_WHOLE = msgspec.json.Decoder(WholeGroup)
_LOOSE = msgspec.json.Decoder(LooseGroup)
_ALERT = msgspec.json.Decoder(Alert)


class Common(msgspec.Struct, frozen=True):
    """What all alerts of one body share, made fit to keep once."""

    group_key: str
    group_labels: dict[str, str]
    fields: dict[str, str]
    """``receiver`` and ``reason``, where they are known."""
    status: str
    source_url: str | None
    refs: tuple[str, ...]
    starts: dict[str | None, SenderTime]
    """The starts read so far: alerts of one group often began together."""


def read(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """One event for each alert, and one for what Alertmanager says it left out."""
    try:
        group: WholeGroup | LooseGroup = bodies.decode(_WHOLE, webhook.body, webhook.source)
    except msgspec.ValidationError:
        try:
            group = bodies.decode(_LOOSE, webhook.body, webhook.source)
        except msgspec.ValidationError as error:
            return (normalise.unrecognised(webhook, str(error), KIND),)
    if str(group.version) != "4":
        return (normalise.unrecognised(webhook, _about_version(group.version), KIND),)
    if not group.alerts and not group.truncated_alerts:
        return (
            normalise.unrecognised(webhook, _NO_ALERTS, KIND, service=normalise.service_of(_shared(group), reading)),
        )
    common = _common(group)
    alerts: Sequence[Alert | msgspec.Raw] = group.alerts or ()
    events = [_event_of(webhook, alert, place, common, reading) for place, alert in enumerate(alerts)]
    return (*events, *_gap(webhook, group.truncated_alerts or 0, common, events))


_NO_ALERTS = "the body has no alerts; Alertmanager sends at least one, and a payload template must keep them"


def _shared(group: Group) -> dict[str, str]:
    """What a group says of itself where it has no alerts: the labels that they would have in common."""
    return {**normalise.labels(group.group_labels), **normalise.labels(group.common_labels)}


def _about_version(version: str | int | None) -> str:
    """Grafana sends "1"; a ``payload`` template of Alertmanager 0.32 and later may send none at all."""
    found = "the body has no version" if version is None else f"version is {normalise.line(str(version))[:20]}"
    return f"{found}, and this adapter reads version 4; Grafana's webhooks have an address of their own"


def _common(group: Group) -> Common:
    key = group.group_key or ""
    constants: dict[str, str] = {}
    if receiver := _receiver(group.receiver or ""):
        constants["receiver"] = receiver
    if reason := normalise.line(group.notification_reason):
        constants["reason"] = reason
    return Common(
        group_key=normalise.text(key),
        group_labels=normalise.labels(group.group_labels),
        fields=constants,
        status=group.status or "",
        source_url=group.external_url,
        refs=refs_of(key),
        starts={},
    )


@normalise.remembered
def _receiver(name: str) -> str:
    """The receiver's name, which arrives quoted for a regular expression: ``web\\.hook``."""
    return re.sub(r"\\(.)", r"\1", normalise.line(name))


@normalise.remembered
def refs_of(group_key: str) -> tuple[str, ...]:
    """What PagerDuty names this group by, too; a group notifies again and again."""
    return (f"alertgroup:{hashlib.sha256(group_key.encode()).hexdigest()}",) if group_key else ()


def _event_of(webhook: Webhook, item: Alert | msgspec.Raw, index: int, common: Common, reading: Reading) -> Event:
    if isinstance(item, Alert):
        alert = item
    else:
        try:
            alert = bodies.decode(_ALERT, item, webhook.source, f"$.alerts[{index}]")
        except msgspec.ValidationError as error:
            reason = str(error).replace("`$", f"`$.alerts[{index}]")
            return normalise.unrecognised(webhook, reason, KIND, bytes(item))
    status = alert.status or common.status
    if status in _STATUSES:
        return alert_event(webhook, alert, status, common, reading)
    reason = f"neither firing nor resolved - at `$.alerts[{index}].status`"
    return normalise.unrecognised(webhook, reason, KIND, msgspec.json.encode(alert))


def alert_event(webhook: Webhook, alert: Alert, status: str, common: Common, reading: Reading) -> Event:
    starts = common.starts.get(alert.starts_at)
    if starts is None:
        starts = common.starts[alert.starts_at] = moment(alert.starts_at, webhook.received_at)
    # Old versions announce a firing alert's expiry as its end; only a resolved alert has one.
    ends = moment(alert.ends_at, webhook.received_at) if status == "resolved" else None
    happened = ends or starts
    labels = normalise.labels(alert.labels)
    annotations = alert.annotations or {}
    fingerprint = normalise.line(alert.fingerprint) or fingerprint_of(alert.labels)
    times = (starts.identity,) if ends is None else (starts.identity, ends.identity)
    severity = normalise.severity_of(labels, reading)
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, fingerprint, status, *times),
        type=_STATUSES[status],
        **normalise.origin(webhook, happened),
        entity=fingerprint,
        service=normalise.service_of(labels, reading),
        environment=normalise.environment_of(labels, reading),
        severity=severity,
        title=normalise.line(labels.get("alertname"))
        or normalise.line(annotations.get("summary"))
        or "Alert without a name",
        links=_links(alert, annotations, common),
        refs=common.refs,
        labels=labels,
        data=_data(alert, status, starts, ends, common) | _ends(webhook.source, fingerprint, starts, ends),
    )


def _ends(source: str, fingerprint: str, starts: SenderTime, ends: SenderTime | None) -> dict[str, str]:
    """The firing that a resolve ends, named by its id."""
    if ends is None or not starts.known:
        return {}
    return {"ends": event_id(RECIPE, source, starts.stated, fingerprint, "firing", starts.identity)}


def _links(alert: Alert, annotations: dict[str, str], common: Common) -> tuple[Link, ...]:
    pairs = (("rule", alert.generator_url), *links_in(annotations), ("source", common.source_url))
    rels, urls = zip(*pairs, strict=True)
    return normalise.links_of(rels, urls)


def _data(alert: Alert, status: str, starts: SenderTime, ends: SenderTime | None, common: Common) -> dict[str, Any]:
    annotations = alert.annotations or {}
    data: dict[str, Any] = {"status": status, "group_key": common.group_key, "group_labels": common.group_labels}
    if starts.known:
        data["starts_at"] = starts.at
    if ends is not None and ends.known:
        data["ends_at"] = ends.at
    data.update(common.fields)
    data.update(texts_in(annotations))
    if others := others_in(annotations):
        data["annotations"] = others
    if query := query_of(alert.generator_url or ""):
        data["query"] = query
    return data


def _gap(webhook: Webhook, missing: int, common: Common, events: Sequence[Event]) -> tuple[Event, ...]:
    """The event for alerts that ``max_alerts`` cut off; the same cut of the same alerts is the same fact."""
    if missing <= 0:
        return ()
    missing = min(missing, 2**53)
    ids = sorted(event.id for event in events)
    alerts = "1 alert" if missing == 1 else f"{missing} alerts"
    return (
        Event(
            id=event_id(RECIPE, webhook.source, None, "truncated", common.group_key, *ids),
            type="source.gap",
            **normalise.origin(webhook),
            entity=common.refs[0] if common.refs else "alertgroup:",
            title=f"Alertmanager left {alerts} of a group out of a notification (max_alerts)",
            links=normalise.links(("source", common.source_url)),
            refs=common.refs,
            data={"missing": missing, "group_key": common.group_key, "group_labels": common.group_labels},
        ),
    )


@normalise.remembered
def query_of(generator_url: str) -> str:
    """The PromQL of a rule, out of its link to Prometheus' graph page; empty where the link holds none."""
    try:
        expressions = parse_qs(urlsplit(generator_url).query, max_num_fields=100).get("g0.expr", [])
    except ValueError:
        return ""
    return normalise.text(expressions[0]) if expressions else ""


def fingerprint_of(labels: dict[str, str]) -> str:
    """The fingerprint that Alertmanager itself computes, for versions that do not send it.

    FNV-1a over the sorted names and values, each closed by the byte 255, after
    ``LabelSet.Fingerprint`` of https://github.com/prometheus/common/tree/main/model.
    """
    digest = 0xCBF29CE484222325
    for name in sorted(labels, key=str.encode):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
