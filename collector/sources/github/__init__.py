"""GitHub's webhooks: https://docs.github.com/en/webhooks/webhook-events-and-payloads

The kind of event stands in ``X-GitHub-Event``, not in the body; the body is
JSON, or a form with the JSON in ``payload``, and is signed as it is sent.
GitHub never comes again by itself after a failure. Kinds that it documents and
that tell nothing of a running system become no events; see ``kinds``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from collector import normalise
from collector.event import Event
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.sources.github import code, deployments, runs
from collector.sources.github.api import IMPORTS, INTERFACE
from collector.sources.github.common import repository_ref
from collector.sources.github.kinds import SILENT
from collector.sources.github.payloads import (
    Common,
    DeploymentBody,
    PullRequestBody,
    PushBody,
    ReleaseBody,
    WorkflowRunBody,
)
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "github"

# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
SIGNATURE = Signature(
    header="X-Hub-Signature-256", prefix="sha256=", also=("X-Hub-Signature",), sender="GitHub (the webhook's Secret)"
)

_FORM = "application/x-www-form-urlencoded"
_COMMON = msgspec.json.Decoder(Common)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for a ping, for kinds set aside, and for states that change nothing."""
    kind = normalise.line(webhook.headers.get("x-github-event", ""))
    body = _json_of(webhook)
    if kind in KINDS:
        decoder, read = KINDS[kind]
        try:
            return read(webhook, bodies.decode(decoder, body, webhook.source), reading)
        except msgspec.ValidationError as error:
            return (normalise.unrecognised(webhook, str(error), kind, refs=_about(webhook, body)),)
    normalise.check_syntax(body, webhook.source)
    if kind in SILENT:
        return ()
    reason = "GitHub sent a kind of event that this version does not read" if kind else "X-GitHub-Event is absent"
    return (normalise.unrecognised(webhook, reason, kind, refs=_about(webhook, body)),)


def _about(webhook: Webhook, body: bytes) -> tuple[str, ...]:
    """The repository that a body names, whatever else it holds."""
    try:
        return repository_ref(bodies.decode(_COMMON, body, webhook.source))
    except msgspec.ValidationError:
        return ()


def _json_of(webhook: Webhook) -> bytes:
    """The body, or the ``payload`` of a form."""
    if not webhook.headers.get("content-type", "").lower().startswith(_FORM):
        return webhook.body
    try:
        form = parse_qs(webhook.body.decode("utf-8"), encoding="utf-8", errors="strict", max_num_fields=100)
        return form["payload"][0].encode("utf-8")
    except KeyError as error:
        raise normalise.malformed(webhook.source, "the form has no field of that name", "payload") from error
    except ValueError as error:
        raise normalise.malformed(webhook.source, "the form cannot be read", "payload") from error


KINDS: dict[str, tuple[msgspec.json.Decoder[Any], Callable[[Webhook, Any, Reading], tuple[Event, ...]]]] = {
    "deployment": (msgspec.json.Decoder(DeploymentBody), deployments.deployment),
    "deployment_status": (msgspec.json.Decoder(DeploymentBody), deployments.deployment_status),
    "workflow_run": (msgspec.json.Decoder(WorkflowRunBody), runs.workflow_run),
    "pull_request": (msgspec.json.Decoder(PullRequestBody), code.pull_request),
    "push": (msgspec.json.Decoder(PushBody), code.push),
    "release": (msgspec.json.Decoder(ReleaseBody), code.release),
}
"""What each kind looks like, and who reads it."""

SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"zen": "A test of timelined", "hook_id": 1}',
        headers={"x-github-event": "ping"},
    ),
    sign=SIGNATURE.sign,
    called="GitHub",
    families=("change",),
    paste="Settings, Webhooks, Add webhook: Payload URL {address}, application/json, let me select events",
    proofs=("signature", "bearer", "basic", "path"),
    headers=("x-github-event", "x-github-delivery", "x-github-hook-id"),
    verify=verify,
    parse=parse,
    interface=INTERFACE,
    imports=IMPORTS,
    identity=(
        *(f"/{thing}/id" for thing in ("deployment", "deployment_status", "workflow_run", "pull_request", "release")),
        *(f"/deployment{kind}/created_at" for kind in ("", "_status")),
        *(f"/workflow_run/{name}" for name in ("run_attempt", "created_at", "run_started_at", "updated_at")),
        *(f"/pull_request/{name}" for name in ("html_url", "merged", "merged_at")),
        *(f"/repository/{name}" for name in ("id", "full_name", "pushed_at")),
        *("/deployment_status/state", "/release/published_at", "/head_commit/timestamp"),
        *("/action", "/ref", "/before", "/after"),
    ),
    retries=False,
)
