"""``deployment`` and ``deployment_status``.

A deployment is asked for, may wait or queue, begins at ``in_progress`` and
ends. GitHub Actions creates deployments as a bot; who set its run off is the
person then.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import Event
from collector.sources.github.common import event_of, person, repository_ref, words
from collector.sources.github.payloads import Deployment, DeploymentBody, DeploymentStatus, WorkflowRun
from collector.sources.repositories import Fact, commit_ref
from collector.webhook import Reading, Webhook

_STATES = {
    "success": "change.succeeded",
    "failure": "change.failed",
    "error": "change.failed",
    "in_progress": "change.started",
    "queued": "change.requested",
    "pending": "change.requested",
    "waiting": "change.requested",
}
"""``inactive`` is missing on purpose: GitHub sets it on the deployments that a newer one replaced."""

_NOBODY = WorkflowRun(id=0)
_NOT_SERVICES = ("job", "instance")
"""Labels that name a service in alerts; in a deployment's payload they are anything."""


def deployment(webhook: Webhook, body: DeploymentBody, reading: Reading) -> tuple[Event, ...]:
    """A deployment was requested."""
    if body.action not in (None, "created"):
        return ()
    asked = DeploymentStatus(body.deployment.id, "requested")
    identity = ("deployment", str(body.deployment.id))
    return (_event(webhook, body, asked, "change.requested", identity, reading),)


def deployment_status(webhook: Webhook, body: DeploymentBody, reading: Reading) -> tuple[Event, ...]:
    """A deployment came into a state; ``inactive`` only says that another one took its place."""
    status = body.deployment_status
    if status is None:
        reason = "the body has no deployment_status"
        return (normalise.unrecognised(webhook, reason, "deployment_status", refs=repository_ref(body)),)
    if status.state == "inactive" or body.action not in (None, "created"):
        return ()
    event_type = _STATES.get(status.state)
    if event_type is None:
        reason = "a deployment state that this version does not know"
        return (normalise.unrecognised(webhook, reason, "deployment_status", refs=repository_ref(body)),)
    if event_type == "change.succeeded" and _puts_back(body.deployment):
        event_type = "change.rolled_back"
    return (_event(webhook, body, status, event_type, ("deployment_status", str(status.id)), reading),)


def _event(
    webhook: Webhook, body: DeploymentBody, status: DeploymentStatus, event_type: str, identity: tuple[str, ...],
    reading: Reading,
) -> Event:  # fmt: skip
    deployment, run = body.deployment, body.workflow_run or _NOBODY
    entity = normalise.line(f"deployment:{deployment.id}")
    environment = normalise.name(status.environment) or normalise.name(deployment.environment)
    described = normalise.line(deployment.description) or normalise.line(status.description)
    about = words("Deployment", *_preceded("of", body.where.full_name), deployment.ref, *_preceded("to", environment))
    fact = Fact(
        type=event_type,
        entity=entity,
        when=status.created_at or deployment.created_at,
        identity=identity,
        title=described or about,
        actor=person(deployment.creator, run.triggering_actor, run.actor, body.sender, status.creator),
        service=_service(deployment, reading),
        environment=environment,
        links=(
            ("log", status.log_url or status.target_url),
            ("environment", status.environment_url),
            ("run", run.html_url),
        ),
        refs=(entity, *commit_ref(deployment.sha)),
        data=_data(deployment, status, run),
    )
    return event_of(webhook, body, fact)


def _data(deployment: Deployment, status: DeploymentStatus, run: WorkflowRun) -> dict[str, Any]:
    return {
        "ref": deployment.ref,
        "sha": deployment.sha,
        "state": status.state,
        # One that fails is a rollback all the same.
        "task": "rollback" if _puts_back(deployment) else deployment.task,
        "text": status.description,
        "production": deployment.production_environment,
        "transient": deployment.transient_environment,
        "run": run.id or None,
        "run_number": run.run_number,
    }


def _preceded(word: str, text: str | None) -> tuple[str, ...]:
    return (word, text) if text else ()


def _service(deployment: Deployment, reading: Reading) -> str | None:
    """The service that the requester named in the payload."""
    texts = {key: value for key, value in _payload(deployment).items() if isinstance(value, str)}
    return normalise.service_of({key: value for key, value in texts.items() if key not in _NOT_SERVICES}, reading)


def _payload(deployment: Deployment) -> dict[str, Any]:
    """What the requester put there, which the older API keeps as a string of JSON."""
    payload = deployment.payload
    if isinstance(payload, str):
        try:
            payload = msgspec.json.decode(payload)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return {}
    return payload if isinstance(payload, dict) else {}


def _puts_back(deployment: Deployment) -> bool:
    """Whether the requester says in so many words that this is a rollback; nothing else is taken for one."""
    return deployment.task == "rollback" or _payload(deployment).get("rollback") is True
