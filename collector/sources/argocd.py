"""Argo CD's notifications: https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/

Their body is whatever its template makes; this adapter reads the template of
``config/senders/argocd.md`` alone, which sends parts of the Application as they
are. A sync is an operation with a beginning and an end of its own; the same
revision may be synced again. Argo CD signs nothing.
"""

from __future__ import annotations

import re

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import authenticate
from collector.sources import bodies
from collector.sources.repositories import repository_named
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "argocd"
RECIPE = "argocd.1"
TEMPLATE = "argocd.1"
"""What our template calls itself, and its version."""

_PHASES = {
    "Running": "change.started",
    "Succeeded": "change.succeeded",
    "Failed": "change.failed",
    "Error": "change.failed",
}
"""Of an operation; ``Terminating`` is told by how it ends."""
_SHA = re.compile(r"[0-9a-f]{40}")


class Sync(msgspec.Struct, frozen=True):
    """What an operation was asked to sync, or did: one revision, or one for each source."""

    revision: str | None = None
    revisions: list[str] | None = None


class Initiator(msgspec.Struct, frozen=True):
    """Who asked for it."""

    username: str | None = None
    automated: bool | None = None


class RequestedOperation(msgspec.Struct, frozen=True):
    """What was asked for."""

    sync: Sync | None = None
    initiated_by: Initiator | None = msgspec.field(name="initiatedBy", default=None)


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """``status.operationState``; absent before the first operation."""

    phase: str
    started_at: str | None = None
    finished_at: str | None = None
    message: str | None = None
    operation: RequestedOperation | None = None
    sync_result: Sync | None = None


class Health(msgspec.Struct, frozen=True):
    """``status.health``."""

    status: str | None = None
    message: str | None = None
    changed_at: str | None = msgspec.field(name="lastTransitionTime", default=None)


class Body(msgspec.Struct, frozen=True):
    """What our template sends."""

    timelined: str
    about: str
    name: str
    namespace: str | None = None
    uid: str | None = None
    labels: dict[str, str] | None = None
    project: str | None = None
    url: str | None = None
    repository: str | None = None
    operation: Operation | None = None
    health: Health | None = None


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery: a sync's state, or that an application is degraded."""
    body = normalise.decode_template(_BODY, bodies.unmarked(_BODY, webhook), KIND, TEMPLATE)
    if isinstance(body, Event):
        return (body,)
    service = normalise.service_of(normalise.labels(body.labels), reading) or normalise.name(body.name)
    if body.about == "sync" and body.operation is not None:
        return _synced(webhook, body, body.operation, service, reading)
    if body.about == "health" and body.health is not None:
        return _degraded(webhook, body, body.health, service, reading)
    return (
        normalise.unrecognised(webhook, "neither a sync nor a health", normalise.line(body.about), service=service),
    )


def _app(body: Body) -> str:
    """The application's own id; its name, where the cluster gives none."""
    return normalise.line(body.uid) or normalise.line(f"{body.namespace or ''}/{body.name}")


def _synced(
    webhook: Webhook, body: Body, operation: Operation, service: str | None, reading: Reading
) -> tuple[Event, ...]:
    if operation.phase == "Terminating":
        return ()
    event_type = _PHASES.get(operation.phase)
    if event_type is None:
        return (normalise.unrecognised(webhook, "a phase that this version does not know", KIND, service=service),)
    begun = moment(operation.started_at, webhook.received_at)
    happened = begun if event_type == "change.started" else moment(operation.finished_at, webhook.received_at)
    entity = normalise.line(f"deployment:{_app(body)}:{begun.identity}")
    revisions = _revisions(operation)
    repository = repository_named(body.repository)
    refs = [entity, *(f"commit:{each}" for each in revisions if _SHA.fullmatch(each))]
    data = {
        "state": operation.phase,
        "sha": next((each for each in revisions if _SHA.fullmatch(each)), ""),
        "ref": ", ".join(each for each in revisions if not _SHA.fullmatch(each)),
        "repository": repository,
        "text": "" if event_type == "change.succeeded" else normalise.text(operation.message),
    }
    return (
        Event(
            id=event_id(RECIPE, webhook.source, happened.stated, "sync", _app(body), begun.identity, event_type),
            type=event_type,
            **normalise.origin(webhook, happened),
            entity=entity,
            service=service,
            environment=normalise.environment_of(normalise.labels(body.labels), reading),
            title=_title(body, revisions, service),
            actor=_person(operation),
            links=normalise.links(("source", body.url)),
            refs=(*refs, f"repository:{repository}") if repository else tuple(refs),
            labels=normalise.labels(body.labels),
            data={key: text for key, text in data.items() if text},
        ),
    )


def _title(body: Body, revisions: list[str], service: str | None) -> str:
    """The application, unless it is called like its service, and what was synced."""
    known = ["" if body.name == service else body.name, *(each[:12] for each in revisions)]
    return normalise.line(" ".join(each for each in known if each)) or normalise.line(body.name) or "Sync"


def _revisions(operation: Operation) -> list[str]:
    """What was synced; while it runs, what was asked for."""
    for sync in (operation.sync_result, operation.operation.sync if operation.operation else None):
        if sync is not None and (found := sync.revisions or ([sync.revision] if sync.revision else [])):
            return [normalise.line(each) for each in found if normalise.line(each)]
    return []


def _person(operation: Operation) -> str | None:
    by = operation.operation.initiated_by if operation.operation else None
    return None if by is None or by.automated else normalise.person(by.username)


def _degraded(webhook: Webhook, body: Body, health: Health, service: str | None, reading: Reading) -> tuple[Event, ...]:
    """That an application is degraded. That it is healthy, or on its way, ends and begins nothing."""
    if health.status != "Degraded":
        return ()
    happened = moment(health.changed_at, webhook.received_at)
    data = {"type": "argocd.degraded", "called": "degraded application", "subject": normalise.line(body.name)}
    message = normalise.text(health.message)
    return (
        Event(
            id=event_id(RECIPE, webhook.source, happened.stated, "degraded", _app(body), happened.identity),
            type="observation.recorded",
            **normalise.origin(webhook, happened),
            entity=normalise.line(f"application:{_app(body)}"),
            service=service,
            environment=normalise.environment_of(normalise.labels(body.labels), reading),
            title=normalise.line(message.partition("\n")[0]) or normalise.line(body.name),
            links=normalise.links(("source", body.url)),
            labels=normalise.labels(body.labels),
            data=data | ({"text": message} if message else {}),
        ),
    )


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"timelined": "argocd.1", "about": "health", "name": "timelined-test", "health": {"status": '
            '"Healthy"}}'
        ),
    ),
    called="Argo CD",
    families=("change",),
    paste="in argocd-notifications-cm: service.webhook.timelined, url {address}, and the template of its sender page",
    verify=verify,
    parse=parse,
    identity=(
        "/uid", "/name", "/namespace", "/operation/startedAt", "/operation/finishedAt", "/operation/phase",
        "/health/lastTransitionTime", "/health/status", "/timelined", "/about",
    ),
)  # fmt: skip
