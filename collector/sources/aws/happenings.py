"""Events of EventBridge: deployments and pipelines as changes, all else as observations.

https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html

``id`` names an event for ever. Steps of every task and instance are set aside:
an auto-scaled service has thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collector import normalise
from collector.event import Event, event_id
from collector.sources.aws.common import KIND, RECIPE, environment_of, inner, name_of, text
from collector.times import moment
from collector.webhook import Reading, Webhook

_CODEDEPLOY = {
    "START": "change.started",
    "SUCCESS": "change.succeeded",
    "FAILURE": "change.failed",
    "STOP": "change.cancelled",
    "READY": "",
}
_ECS = {
    "SERVICE_DEPLOYMENT_IN_PROGRESS": "change.started",
    "SERVICE_DEPLOYMENT_COMPLETED": "change.succeeded",
    "SERVICE_DEPLOYMENT_FAILED": "change.failed",
}
_PIPELINE = {
    "STARTED": "change.started",
    "RESUMED": "",
    "STOPPING": "",
    "SUCCEEDED": "change.succeeded",
    "FAILED": "change.failed",
    "STOPPED": "change.cancelled",
    "CANCELED": "change.cancelled",
    "SUPERSEDED": "change.cancelled",
}
_SILENT = frozenset({
    "ECS Task State Change", "ECS Container Instance State Change", "CloudWatch Alarm Configuration Change",
    "CodeDeploy Instance State-change Notification", "CodePipeline Stage Execution State Change",
    "CodePipeline Action Execution State Change", "Scheduled Event",
})  # fmt: skip
"""Types that are set aside: steps of what another event tells whole, and a clock's ticks."""


def read(webhook: Webhook, reading: Reading, message: dict[str, Any]) -> tuple[Event, ...]:
    """The event of one of EventBridge's."""
    kind = text(message.get("detail-type"))
    if kind in _SILENT:
        return ()
    if not text(message.get("id")):
        return (normalise.unrecognised(webhook, "an event of EventBridge without an id", kind),)
    how = _READERS.get(kind)
    finding = how(message) if how else _observed(message)
    if finding is None:
        reason = f"{kind} in a state that this version does not know"
        return (normalise.unrecognised(webhook, reason, kind),)
    return (_event_of(webhook, reading, message, finding),) if finding["type"] else ()


Finding = dict[str, Any]
"""What one kind of event says: ``type`` (empty: it is set aside), ``entity``, ``title``, ``service``, ``text`` …"""


def _codedeploy(message: dict[str, Any]) -> Finding | None:
    detail = inner(message, "detail")
    state, group = text(detail.get("state")), text(detail.get("deploymentGroup"))
    if state not in _CODEDEPLOY:
        return None
    application = text(detail.get("application"))
    return _deployment(text(detail.get("deploymentId")), _CODEDEPLOY[state], state, application, group)


def _ecs(message: dict[str, Any]) -> Finding | None:
    detail = inner(message, "detail")
    state = text(detail.get("eventName"))
    if state not in _ECS:
        return None
    service, cluster = name_of(_resource(message)), name_of(text(detail.get("clusterArn")))
    finding = _deployment(text(detail.get("deploymentId")), _ECS[state], state, service, cluster)
    # The reason of a deployment that went well says that it went well.
    reason = normalise.text(detail.get("reason")) if _ECS[state] == "change.failed" else ""
    return finding | {"text": reason, "time": text(detail.get("updatedAt"))}


def _deployment(ident: str, event_type: str, state: str, service: str, group: str) -> Finding:
    return {
        "type": event_type,
        "entity": f"deployment:{ident}" if ident else service,
        "title": ident or "Deployment",
        "group": group,
        "service": service,
        "refs": (f"deployment:{ident}",) if ident else (),
        "data": {"state": state},
    }


def _pipeline(message: dict[str, Any]) -> Finding | None:
    detail = inner(message, "detail")
    state, name, ident = text(detail.get("state")), text(detail.get("pipeline")), text(detail.get("execution-id"))
    if state not in _PIPELINE:
        return None
    return {
        "type": _PIPELINE[state],
        "entity": f"pipeline:{name}:{ident}",
        "title": name or "Pipeline",
        "data": {"state": state, "workflow": name},
    }


def _rds(message: dict[str, Any]) -> Finding:
    detail = inner(message, "detail")
    return {
        "type": "observation.recorded",
        "entity": text(detail.get("SourceArn")) or _resource(message),
        "title": normalise.line(detail.get("Message")) or text(message.get("detail-type")),
        "service": text(detail.get("SourceIdentifier")) or name_of(_resource(message)),
        "text": normalise.text(detail.get("Message")),
        "data": {"kind": text(detail.get("EventID"))},
    }


def _health(message: dict[str, Any]) -> Finding:
    """What AWS says of itself. Its own times are written in a form of mail; the event's time stands for them."""
    detail = inner(message, "detail")
    given = detail.get("eventDescription")
    descriptions = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    about = " ".join(part for part in (text(detail.get("service")), text(detail.get("statusCode"))) if part)
    code = text(detail.get("eventTypeCode"))
    return {
        "type": "observation.recorded",
        "entity": text(detail.get("eventArn")),
        "title": " — ".join(part for part in (f"AWS Health: {about}".rstrip(": "), code) if part),
        "text": next((told for each in descriptions if (told := normalise.text(each.get("latestDescription")))), ""),
        "data": {"kind": text(detail.get("eventTypeCategory"))},
    }


def _call(message: dict[str, Any]) -> Finding:
    """What somebody did by AWS' API, as CloudTrail has it: which call it was, to which service, and by whom."""
    detail = inner(message, "detail")
    name, service = text(detail.get("eventName")), text(detail.get("eventSource"))
    return {
        "type": "observation.recorded",
        "entity": _resource(message) or ":".join(part for part in (service, name) if part),
        "title": name,
        "text": normalise.text(detail.get("errorMessage")).strip(),
        "actor": _caller(inner(detail, "userIdentity")),
        "data": {"subject": service},
        "time": text(detail.get("eventTime")),
    }


def _caller(identity: dict[str, Any]) -> str | None:
    """The person who called: a user, or whose address a session is called by. A role's other sessions are programs."""
    if text(identity.get("type")) == "IAMUser":
        return normalise.person(identity.get("userName"))
    session = text(identity.get("principalId")).rpartition(":")[2]
    return normalise.person(session) if "@" in session else None


def _observed(message: dict[str, Any]) -> Finding:
    """An event of a kind that is not read further: what it is, of what."""
    kind, resource = text(message.get("detail-type")), _resource(message)
    detail = inner(message, "detail")
    words = [told for key in _WORDS if (told := normalise.text(detail.get(key)).strip())]
    return {
        "type": "observation.recorded",
        "entity": resource,
        "title": f"{kind}: {name_of(resource)}" if resource else kind,
        "text": next(iter(words), ""),
    }


_WORDS = ("message", "Message", "description", "Description", "reason", "Cause", "StatusMessage", "title")
"""Under which of these names a service of AWS writes a sentence, the one that says most first."""

_READERS: dict[str, Callable[[dict[str, Any]], Finding | None]] = {
    "CodeDeploy Deployment State-change Notification": _codedeploy,
    "ECS Deployment State Change": _ecs,
    "CodePipeline Pipeline Execution State Change": _pipeline,
    "RDS DB Instance Event": _rds,
    "RDS DB Cluster Event": _rds,
    "AWS Health Event": _health,
    "AWS API Call via CloudTrail": _call,
}


def _resource(message: dict[str, Any]) -> str:
    resources = message.get("resources")
    return text(resources[0]) if isinstance(resources, list) and resources else ""


def _event_of(webhook: Webhook, reading: Reading, message: dict[str, Any], finding: Finding) -> Event:
    happened = moment(finding.get("time") or text(message.get("time")), webhook.received_at)
    labels = normalise.labels(
        {key: value for key in ("account", "region") if (value := text(message.get(key)))},
    )
    data = dict(finding.get("data", {}))
    if finding.get("text"):
        data["text"] = finding["text"]
    if finding["type"] == "observation.recorded":
        data |= {"type": text(message.get("detail-type")), "source": text(message.get("source"))}
    service = normalise.name(finding.get("service"))
    return Event(
        id=event_id(RECIPE, webhook.source, moment(text(message.get("time")), webhook.received_at).stated,
                    text(message.get("id"))),
        type=finding["type"],
        **normalise.origin(webhook, happened),
        entity=normalise.line(finding["entity"]) or text(message.get("source")) or KIND,
        service=service or normalise.service_of(labels, reading),
        environment=environment_of(labels, finding.get("group", ""), reading),
        title=normalise.line(finding["title"]) or text(message.get("detail-type")) or "Event of AWS",
        actor=finding.get("actor"),
        refs=tuple(finding.get("refs", ())),
        labels=labels,
        data={key: value for key, value in data.items() if value},
    )  # fmt: skip


def read_rds(
    webhook: Webhook, reading: Reading, message: dict[str, Any], envelope: dict[str, Any]
) -> tuple[Event, ...]:
    """What RDS itself publishes to a topic, without EventBridge."""
    about, message_text = text(message.get("Source ID")), normalise.text(message.get("Event Message"))
    happened = moment(text(message.get("Event Time")), webhook.received_at)
    kind = text(message.get("Event Source"))
    data = {
        "type": kind,
        "source": "RDS",
        "kind": text(message.get("Event ID")).rpartition("#")[2],
        "text": message_text,
    }
    identity = text(envelope.get("MessageId")) or "\x1f".join((happened.text, message_text))
    return (
        Event(
            id=event_id(RECIPE, webhook.source, happened.stated, kind, about, identity),
            type="observation.recorded",
            **normalise.origin(webhook, happened),
            entity=normalise.line(":".join(part for part in (kind, about) if part)) or KIND,
            service=about or None,
            environment=normalise.environment_of({}, reading),
            title=normalise.line(message_text.partition("\n")[0]) or f"RDS event of {about or kind}",
            links=normalise.links(("source", message.get("Identifier Link"))),
            data={key: value for key, value in data.items() if value},
        ),
    )
