"""Buildkite's webhooks of builds: https://buildkite.com/docs/apis/webhooks/pipelines/build-events

``event`` says what happened, ``build`` is the build as Buildkite's API has it,
without its jobs. It may be in a later state than its event says, as Buildkite
documents: so only ``build.finished`` asks for the state. A build that waits for
a person at a block step is told as finished, with ``blocked``, and runs on when
it is unblocked. The signature's header holds the time of signing as well:
``timestamp=…,signature=…``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.event import SECOND, Event
from collector.signing import Signature, authenticate, signature_of
from collector.sources import bodies
from collector.sources.repositories import Fact, commit_ref, event_of, repository_named
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "buildkite"
RECIPE = "buildkite.1"

_HEADER = "X-Buildkite-Signature"
TOKEN_HEADER = "X-Buildkite-Token"  # noqa: S105


def _signed(webhook: Webhook) -> bytes:
    """The time of signing, as the header has it, a dot and the body."""
    parts = [part.strip() for part in webhook.headers.get(_HEADER.lower(), "").split(",")]
    time = next((part.removeprefix("timestamp=") for part in parts if part.startswith("timestamp=")), "")
    return time.encode("utf-8", "replace") + b"." + webhook.body


# How old a signature may be is left to the receiver. A delivery that comes again tells nothing new: no age is refused.
SIGNATURE = Signature(
    header=_HEADER, prefix="signature=", separator=",", sender="Buildkite (the webhook's token)", signed=_signed
)

_ASIDE = ("ping", "build.failing", "job.", "agent.", "cluster_token.")
"""Beginnings of events that say nothing of a running system, or what the end of the build says as well."""
_ENDS = {
    "passed": "change.succeeded",
    "failed": "change.failed",
    "canceled": "change.cancelled",
    "skipped": "change.cancelled",
    "not_run": "change.cancelled",
    "blocked": "change.requested",
}
"""Buildkite's states of a build that finished, and our types."""
_WAITS = "blocked"
_UNDER_WAY = frozenset({
    "creating", "scheduled", "running", "failing", "canceling", "waiting", "waiting_failed",
})  # fmt: skip
"""States of a build that was finished when its event was sent, and went on since; what it comes to is told next."""
_TRIGGERS = {"webhook": "push", "ui": "workflow_dispatch", "api": "workflow_dispatch", "trigger_job": "workflow_call"}
"""How Buildkite calls what set a build off, and how :mod:`collector.semantics.changes` knows it."""


class Person(msgspec.Struct, frozen=True):
    """Who made a build."""

    name: str | None = None


class Build(msgspec.Struct, frozen=True):
    """A run of a pipeline, as far as it is read."""

    id: str
    state: str | None = None
    blocked: bool | None = None
    number: int | None = None
    message: str | None = None
    commit: str | None = None
    branch: str | None = None
    tag: str | None = None
    source: str | None = None
    creator: Person | None = None
    pull_request: Any = None
    """Whatever it is, it says that the build is of one."""
    web_url: str | None = None
    scheduled_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class Pipeline(msgspec.Struct, frozen=True):
    """Whose run it is."""

    name: str | None = None
    slug: str | None = None
    repository: str | None = None
    default_branch: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery; those that are no build's have no build."""

    event: str
    build: Build | None = None
    pipeline: Pipeline | None = None


class EventName(msgspec.Struct, frozen=True):
    """The one field that every delivery has."""

    event: str


_BODY = msgspec.json.Decoder(Body)
_EVENT = msgspec.json.Decoder(EventName)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE, TOKEN_HEADER)


def sign(body: bytes, secret: bytes, at: int) -> dict[str, str]:
    """The header with which Buildkite proves a body at a time, in µs."""
    seconds = str(at // SECOND)
    signature = signature_of(f"{seconds}.".encode() + body, secret)
    return {_HEADER.lower(): f"timestamp={seconds},signature={signature}"}


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is set aside."""
    kind = ""
    try:
        kind = normalise.line(bodies.decode(_EVENT, webhook.body, webhook.source).event)
        if kind.startswith(_ASIDE):
            return ()
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), kind),)
    if body.build is None:
        reason = "a build's event without the build, or an event that this version does not know"
        return (normalise.unrecognised(webhook, reason, kind),)
    step = _step(body.event, body.build)
    if isinstance(step, str):
        return (normalise.unrecognised(webhook, step, kind),)
    if step is None:
        return ()
    pipeline = body.pipeline or Pipeline()
    fact = _run(webhook, body.build, pipeline, *step)
    return (event_of(webhook, fact, RECIPE, repository_named(pipeline.repository), None),)


Step = tuple[str, str, str | None]
"""The type of what is told of a build, the state it is in by that, and Buildkite's time of it."""


def _step(event: str, build: Build) -> Step | str | None:
    """What an event says of a build; why that is not known; None where the build went on since."""
    match event:
        case "build.scheduled":
            return "change.requested", "scheduled", build.scheduled_at
        case "build.running":
            return "change.started", "running", build.started_at
        case "build.skipped":
            return "change.cancelled", "skipped", None
        case "build.finished":
            return _end(build)
    return "an event that this version does not know"


def _end(build: Build) -> Step | str | None:
    state = "blocked" if build.blocked and build.state == "passed" else build.state
    if state in _UNDER_WAY:
        return None
    return (_ENDS[state], state, build.finished_at) if state in _ENDS else "a state that this version does not know"


def _run(webhook: Webhook, build: Build, pipeline: Pipeline, kind: str, state: str, when: str | None) -> Fact:
    """The build as a run of its pipeline."""
    entity = f"workflow_run:{normalise.line(build.id) or 'unnamed'}"
    name = normalise.line(pipeline.name) or normalise.line(pipeline.slug)
    message = normalise.line((build.message or "").strip().partition("\n")[0])
    tag = normalise.line(build.tag)
    ended = kind in ("change.succeeded", "change.failed")
    return Fact(
        type=kind,
        entity=entity,
        when=when,
        # A build may wait more than once, each time at another step.
        identity=(
            "build",
            build.id,
            state,
            *((moment(when, webhook.received_at).identity,) if state == _WAITS else ()),
        ),
        title=message or f"{name or 'Build'} {build.number or ''}",
        actor=normalise.person(build.creator.name) if build.creator else None,
        links=(("log", build.web_url),),
        refs=commit_ref(build.commit),
        data={
            "ref": tag or build.branch,
            "sha": build.commit,
            "state": state,
            "workflow": name or "pipeline",
            "event": "pull_request" if build.pull_request else _TRIGGERS.get(build.source or "", build.source),
            "branch": None if tag else build.branch,
            "default_branch": pipeline.default_branch,
            "run_number": build.number,
            "duration": _duration(webhook, build) if ended else None,
        },
    )


def _duration(webhook: Webhook, build: Build) -> int | None:
    """How long it ran, µs, with the time that it waited at a block step."""
    begun, ended = moment(build.started_at, webhook.received_at), moment(build.finished_at, webhook.received_at)
    return ended.at - begun.at if begun.known and ended.known and begun.at <= ended.at else None


SOURCE = Source(
    kind=KIND,
    called="Buildkite",
    families=("change",),
    paste=(
        "Settings, Notification Services, Add Webhook: URL {address}, the token sent as a signature, "
        "events build.scheduled, build.running, build.finished, build.skipped"
    ),
    sample=Sample(body='{"event": "ping", "service": {"provider": "webhook"}}'),
    sign=sign,
    proofs=("signature", "header", "path"),
    token_header=TOKEN_HEADER,
    headers=("x-buildkite-event",),
    verify=verify,
    parse=parse,
    identity=(
        "/event", "/build/id", "/build/state", "/build/blocked", "/build/scheduled_at", "/build/started_at",
        "/build/finished_at",
    ),
    retries=False,
)  # fmt: skip
