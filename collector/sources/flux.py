"""Flux' notification-controller, provider ``generic-hmac``: https://fluxcd.io/flux/components/notification/providers/

A body is one event of one Flux object: a Kustomization or a HelmRelease is
applied, or cannot be. ``reason`` says which; the revision stands in ``metadata``
under a name that ends in ``revision``. The controller sends the same event at
most once in five minutes.
"""

from __future__ import annotations

import re

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "flux"
RECIPE = "flux.1"

# https://fluxcd.io/flux/components/notification/providers/#generic-webhook-with-hmac
SIGNATURE = Signature(header="X-Signature", prefix="sha256=", sender="Flux (the token in the Provider's Secret)")

_APPLIERS = frozenset({"Kustomization", "HelmRelease"})
"""Kinds of objects that change what runs; the others fetch what is to be applied."""
_REASONS = {
    "Progressing": "change.started",
    "ReconciliationSucceeded": "change.succeeded",
    "InstallSucceeded": "change.succeeded",
    "UpgradeSucceeded": "change.succeeded",
    "RollbackSucceeded": "change.rolled_back",
}
"""Reasons of events that are no error. Any error of an object that applies is a failure."""
_SHA = re.compile(r"[0-9a-f]{40}")
_REVISIONS = ("commit", "originRevision", "revision")
"""How the names of revisions in ``metadata`` end, the one that says most first."""

_GROUPS = ("", "kustomize.toolkit.fluxcd.io~1", "helm.toolkit.fluxcd.io~1", "source.toolkit.fluxcd.io~1")
"""What stands before those names in versions of Flux, as a JSON pointer writes it."""


class Object(msgspec.Struct, frozen=True):
    """The Flux object that an event is about."""

    kind: str
    name: str
    namespace: str | None = None
    uid: str | None = None


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """One event."""

    involved_object: Object
    reason: str
    severity: str | None = None
    timestamp: str | None = None
    message: str | None = None
    metadata: dict[str, str] | None = None


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none of an object that changes nothing that runs, unless it fails."""
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    event_type = _type_of(body)
    return () if event_type is None else (_event_of(webhook, body, event_type, reading),)


def _type_of(body: Body) -> str | None:
    applies, fails = body.involved_object.kind in _APPLIERS, body.severity == "error"
    if fails:
        return "change.failed" if applies else "observation.recorded"
    return _REASONS.get(body.reason) if applies else None


def _event_of(webhook: Webhook, body: Body, event_type: str, reading: Reading) -> Event:
    resource, happened = body.involved_object, moment(body.timestamp, webhook.received_at)
    labels = {_last(key): text for key, text in normalise.labels(body.metadata).items()}
    revision = next((found for name in _REVISIONS if (found := normalise.line(labels.get(name)))), "")
    commit = _SHA.search(revision)
    sha = commit[0] if commit else ""
    subject = normalise.line(f"{resource.kind}/{resource.namespace or ''}/{resource.name}")
    message = normalise.text(body.message)
    data = {
        "state": normalise.line(body.reason), "sha": sha, "ref": "" if sha else revision,
        "text": "" if event_type == "change.succeeded" else message,
    }  # fmt: skip
    observed = {
        "type": f"flux.{normalise.line(resource.kind).lower()}",
        "called": "error of Flux",
        "subject": subject,
        "text": message,
    }
    return Event(
        id=_id(webhook, body, happened, normalise.line(resource.uid) or subject, revision),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=subject,
        service=normalise.service_of(labels, reading) or normalise.name(resource.name),
        environment=normalise.environment_of({"namespace": resource.namespace or "", **labels}, reading),
        title=_title(body, revision, sha, event_type),
        refs=(f"commit:{sha}",) if sha else (),
        labels={key: text for key, text in labels.items() if not key.endswith(_REVISIONS)},
        data={
            key: text
            for key, text in (observed if event_type == "observation.recorded" else data).items()
            if text
        },
    )  # fmt: skip


def _id(webhook: Webhook, body: Body, happened: SenderTime, resource: str, revision: str) -> str:
    """What one event is told by. An error comes again for as long as it lasts: of one revision it is one fact."""
    if body.severity == "error":
        return event_id(RECIPE, webhook.source, None, resource, body.reason, revision)
    return event_id(RECIPE, webhook.source, happened.stated, resource, body.reason, revision, happened.identity)


def _last(key: str) -> str:
    """A name of metadata without its group: older versions write ``kustomize.toolkit.fluxcd.io/revision``."""
    return key.rpartition("/")[2]


def _title(body: Body, revision: str, sha: str, event_type: str) -> str:
    first = normalise.line((body.message or "").partition("\n")[0])
    if event_type == "observation.recorded":
        return first or normalise.line(body.reason) or "Flux"
    # Why it failed stands beside what was to be applied.
    said = first or normalise.line(body.reason) if event_type == "change.failed" else ""
    return sha[:12] or revision or said or normalise.line(body.involved_object.name) or "Flux"


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"involvedObject": {"kind": "GitRepository", "name": "timelined-test"}, "severity": "info", '
            '"reason": "NewArtifact", "message": "A test of timelined", "timestamp": "$NOW"}'
        ),
    ),
    sign=SIGNATURE.sign,
    called="Flux",
    families=("change",),
    paste="a Provider of type generic-hmac with address {address}, and an Alert for Kustomization and HelmRelease",
    proofs=("signature", "bearer", "basic", "path"),
    headers=("gotk-component",),
    verify=verify,
    parse=parse,
    identity=(
        *(f"/involvedObject/{name}" for name in ("uid", "kind", "name", "namespace")),
        "/reason", "/severity", "/timestamp",
        *(f"/metadata/{group}{name}" for group in _GROUPS for name in _REVISIONS),
    ),
)  # fmt: skip
