"""CloudWatch alarms, in both forms: what an alarm publishes to SNS, and its state change in EventBridge.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html

Both tell the same change of state by the same alarm and time, and become one
event. ``INSUFFICIENT_DATA`` neither fires nor resolves: an alarm that comes back
from it fires on if it fired before.
"""

from __future__ import annotations

from typing import Any

from collector import normalise
from collector.event import Event, event_id
from collector.sources.aws.common import KIND, RECIPE, environment_of, inner, service_of, text
from collector.times import SenderTime, moment
from collector.webhook import Reading, Webhook

_NO_DATA = "INSUFFICIENT_DATA"
_GAP = "no datapoints were received"
"""How CloudWatch says that an alarm is in its state since data is missing."""
_TYPES = {"ALARM": "alert.firing", "OK": "alert.resolved", _NO_DATA: "observation.recorded"}
_CHANGE = "CloudWatch Alarm State Change"


def is_change(message: dict[str, Any]) -> bool:
    """Whether an event of EventBridge tells the state of an alarm."""
    return message.get("detail-type") == _CHANGE


def read(webhook: Webhook, reading: Reading, message: dict[str, Any]) -> tuple[Event, ...]:
    """The alarm's event."""
    alarm = _of_eventbridge(message) if is_change(message) else _of_sns(message)
    if alarm["state"] not in _TYPES:
        reason = "a state of an alarm that this version does not know"
        return (normalise.unrecognised(webhook, reason, alarm["state"] or KIND),)
    if not (alarm["arn"] or alarm["name"]):
        return (normalise.unrecognised(webhook, "an alarm without a name", KIND),)
    return (_event_of(webhook, reading, alarm),)


def _of_sns(message: dict[str, Any]) -> dict[str, Any]:
    trigger = inner(message, "Trigger")
    return {
        "arn": text(message.get("AlarmArn")),
        "name": text(message.get("AlarmName")),
        "account": text(message.get("AWSAccountId")),
        "region": text(message.get("Region")),
        "state": text(message.get("NewStateValue")),
        "before": text(message.get("OldStateValue")),
        "reason": normalise.text(message.get("NewStateReason")),
        "summary": normalise.text(message.get("AlarmDescription")),
        "time": text(message.get("StateChangeTime")),
        "labels": _metric(trigger, "MetricName", "Namespace", "Dimensions") or _metrics(trigger.get("Metrics")),
    }


def _of_eventbridge(message: dict[str, Any]) -> dict[str, Any]:
    detail, state = inner(message, "detail"), inner(message, "detail", "state")
    resources = message.get("resources")
    before = inner(detail, "previousState")
    return {
        "arn": text(resources[0]) if isinstance(resources, list) and resources else "",
        "name": text(detail.get("alarmName")),
        "account": text(message.get("account")),
        "region": text(message.get("region")),
        "state": text(state.get("value")),
        "before": text(before.get("value")),
        "reason": normalise.text(state.get("reason")),
        "summary": normalise.text(inner(detail, "configuration").get("description")),
        "time": text(state.get("timestamp")) or text(message.get("time")),
        "started": text(before.get("timestamp")) if before.get("value") == "ALARM" else "",
        "suppressed": text(state.get("actionsSuppressedBy")),
        "labels": _metrics(inner(detail, "configuration").get("metrics")),
    }


def _metrics(metrics: object) -> dict[str, str]:
    """The first metric of several that says what it measures; an expression says nothing of that."""
    for entry in metrics if isinstance(metrics, list) else ():
        stat = inner(entry, "MetricStat", "Metric")
        described = _metric(stat, "MetricName", "Namespace", "Dimensions") if stat else _metric(
            inner(entry, "metricStat", "metric"), "name", "namespace", "dimensions"
        )  # fmt: skip
        if described:
            return described
    return {}


def _metric(metric: dict[str, Any], name: str, namespace: str, dimensions: str) -> dict[str, str]:
    """A metric's name, namespace and dimensions, which are a list of pairs at SNS and an object at EventBridge."""
    fields = {"MetricName": text(metric.get(name)), "Namespace": text(metric.get(namespace))}
    pairs_given = metric.get(dimensions)
    listed = [each for each in pairs_given if isinstance(each, dict)] if isinstance(pairs_given, list) else []
    pairs = (
        list(pairs_given.items())
        if isinstance(pairs_given, dict)
        else [(each.get("name"), each.get("value")) for each in listed]
    )
    fields |= {text(key): text(value) for key, value in pairs}
    return {key: value for key, value in fields.items() if key and value}


def _event_of(webhook: Webhook, reading: Reading, alarm: dict[str, Any]) -> Event:
    happened = moment(alarm["time"], webhook.received_at)
    started = moment(alarm.get("started"), webhook.received_at)
    entity = alarm["arn"] or ":".join(part for part in (alarm["account"], alarm["region"], alarm["name"]) if part)
    labels = normalise.labels(alarm["labels"])
    event_type = _TYPES[alarm["state"]]
    name = alarm["name"] or entity
    return Event(
        id=_id(webhook, happened, entity, alarm["state"]),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=normalise.line(entity),
        service=service_of(labels, reading),
        environment=environment_of(labels, labels.get("ClusterName", ""), reading),
        severity=normalise.severity_of(labels, reading),
        title=name,
        labels=labels,
        data=_data(webhook, alarm, event_type, happened, started, entity),
    )


def _id(webhook: Webhook, happened: SenderTime, entity: str, state: str) -> str:
    return event_id(RECIPE, webhook.source, happened.stated, entity, state, happened.identity)


def _data(
    webhook: Webhook, alarm: dict[str, Any], event_type: str, happened: SenderTime, started: SenderTime, entity: str
) -> dict[str, Any]:
    if event_type == "observation.recorded":
        data: dict[str, Any] = {
            "type": "aws.no_data", "called": "no data", "kind": alarm["state"], "text": alarm["reason"],
        }  # fmt: skip
        return {key: value for key, value in data.items() if value}
    resolved = event_type == "alert.resolved"
    data = {"status": "resolved" if resolved else "firing", "reason": alarm["reason"], "summary": alarm["summary"]}
    if alarm.get("suppressed"):
        data["kind"] = normalise.line(f"actions suppressed by {alarm['suppressed']}")
    if not resolved:
        # What it measured stands in the reason alone.
        data["description"] = alarm["reason"]
    # A gap may be treated as breaching, or as not.
    if _GAP in alarm["reason"].casefold():
        data |= {"ended_as": "no data came any more"} if resolved else {"no_data": True}
    if not resolved and alarm["before"] == _NO_DATA:
        data["continues"] = True
    if happened.known:
        data["ends_at" if resolved else "starts_at"] = happened.at
    if resolved and started.known and started.at <= happened.at:
        data |= {"starts_at": started.at, "ends": _id(webhook, started, entity, "ALARM")}
    return {key: value for key, value in data.items() if value}
