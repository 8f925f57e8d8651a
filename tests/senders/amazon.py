"""AWS."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.senders.sent import DAY, Sent, moment, utc

_ACCOUNT, _REGION = "111122223333", "eu-west-1"


def sns(message: dict[str, Any]) -> Sent:
    """A message in an envelope of Amazon SNS; nobody looks at its signature."""
    topic = f"arn:aws:sns:{_REGION}:{_ACCOUNT}:alarms"
    text = json.dumps(message)
    body = {
        "Type": "Notification", "MessageId": hashlib.sha256(text.encode()).hexdigest()[:16], "TopicArn": topic,
        "Message": text, "Timestamp": f"{DAY}T00:00:00.000Z", "SignatureVersion": "1", "Signature": "bWFkZSB1cA==",
    }  # fmt: skip
    return Sent("aws", json.dumps(body).encode(), {"content-type": "text/plain; charset=UTF-8"})


def _amazon(at: str) -> str:
    """As CloudWatch writes times."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _alarm_arn(name: str) -> str:
    return f"arn:aws:cloudwatch:{_REGION}:{_ACCOUNT}:alarm:{name}"


def cloudwatch(name: str, service: str, state: str, *, at: str, reason: str) -> dict[str, Any]:
    """What an alarm on a service of ECS publishes to its topic."""
    dimensions = [{"name": "ServiceName", "value": service}, {"name": "ClusterName", "value": "production"}]
    return {
        "AlarmName": name, "AlarmDescription": f"{service} answers 5xx", "AWSAccountId": _ACCOUNT,
        "NewStateValue": state, "OldStateValue": "OK" if state == "ALARM" else "ALARM", "NewStateReason": reason,
        "StateChangeTime": _amazon(at), "Region": "EU (Ireland)", "AlarmArn": _alarm_arn(name),
        "Trigger": {"MetricName": "5xx", "Namespace": "Shop", "Dimensions": dimensions},
    }  # fmt: skip


def bridged(kind: str, source: str, detail: dict[str, Any], resource: str, *, at: str) -> dict[str, Any]:
    """An event of EventBridge."""
    ident = hashlib.sha256(json.dumps([kind, detail, at]).encode()).hexdigest()[:16]
    return {
        "version": "0", "id": ident, "detail-type": kind, "source": source, "account": _ACCOUNT, "region": _REGION,
        "time": utc(at), "resources": [resource], "detail": detail,
    }  # fmt: skip


def cloudwatch_bridged(
    name: str, service: str, state: str, *, at: str, reason: str, fired: str | None = None
) -> dict[str, Any]:
    """The same change of an alarm as an event of EventBridge; ``fired`` is when it went into alarm before."""
    dimensions = {"ServiceName": service, "ClusterName": "production"}
    metric = {"metricStat": {"metric": {"name": "5xx", "namespace": "Shop", "dimensions": dimensions}}}
    detail: dict[str, Any] = {
        "alarmName": name, "state": {"value": state, "reason": reason, "timestamp": _amazon(at)},
        "configuration": {"description": f"{service} answers 5xx", "metrics": [metric]},
    }  # fmt: skip
    if fired:
        detail["previousState"] = {"value": "ALARM", "timestamp": _amazon(fired)}
    return bridged("CloudWatch Alarm State Change", "aws.cloudwatch", detail, _alarm_arn(name), at=at)


def ecs_deployment(ident: str, service: str, state: str, *, at: str) -> dict[str, Any]:
    """A deployment of a service of ECS, as EventBridge tells it."""
    detail = {
        "eventType": "INFO", "eventName": f"SERVICE_DEPLOYMENT_{state}", "deploymentId": f"ecs-svc/{ident}",
        "clusterArn": f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:cluster/production", "updatedAt": utc(at),
        "reason": f"ECS deployment ecs-svc/{ident} {state.lower().replace('_', ' ')}.",
    }  # fmt: skip
    resource = f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:service/production/{service}"
    return bridged("ECS Deployment State Change", "aws.ecs", detail, resource, at=at)
