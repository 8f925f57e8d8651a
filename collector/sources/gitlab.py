"""GitLab's project and group webhooks: https://docs.gitlab.com/user/project/integrations/webhook_events/

The kind of event stands in the body (``object_kind``). Pushes, feature flags
and the beginning of a pipeline say no time of their own: the receipt stands in.
Four failed deliveries in a row disable a hook, so nothing authentic is refused.
Incidents and what people write below them are read by ``gitlabincidents``.
A hook has a secret token, sent as it is, or a signing token after Standard
Webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from collector import normalise
from collector.event import MINUTE, SECOND, Event
from collector.semantics.changes import deploys
from collector.signing import authenticate, standard_webhooks
from collector.sources import bodies, gitlabincidents
from collector.sources.gitlabapi import IMPORTS, INTERFACE
from collector.sources.repositories import Fact, commit_ref, event_of, message_text, repository_ref
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "gitlab"
RECIPE = "gitlab.1"
TOKEN_HEADER = "X-Gitlab-Token"  # noqa: S105 - the name of a header

SIGNATURE = standard_webhooks("GitLab (the webhook's signing token)")

SILENT = frozenset({
    "access_token", "emoji", "member", "milestone", "project", "repository_update", "subgroup", "vulnerability",
    "wiki_page",
})  # fmt: skip
"""Kinds that say nothing of a running system."""

_DEPLOYMENTS = {
    "created": "change.requested",
    "blocked": "change.requested",
    "running": "change.started",
    "success": "change.succeeded",
    "failed": "change.failed",
    "canceled": "change.cancelled",
    "skipped": "change.cancelled",
}
_PIPELINES = {
    "created": "change.requested",
    "waiting_for_resource": "change.requested",
    "preparing": "change.requested",
    "pending": "change.requested",
    "scheduled": "change.requested",
    "manual": "change.requested",
    "running": "change.started",
    "success": "change.succeeded",
    "failed": "change.failed",
    "canceled": "change.cancelled",
    "skipped": "change.cancelled",
}
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH, _TAG = "refs/heads/", "refs/tags/"


class User(msgspec.Struct, frozen=True):
    """Who did it."""

    name: str | None = None
    username: str | None = None


class Project(msgspec.Struct, frozen=True):
    """Where it happened."""

    id: int | None = None
    web_url: str | None = None
    path_with_namespace: str | None = None
    default_branch: str | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit, as pushes, merges and releases name it."""

    id: str | None = None
    title: str | None = None
    message: str | None = None
    timestamp: str | None = None


class Attributes(msgspec.Struct, frozen=True):
    """``object_attributes``: of a pipeline, a merge request or a feature flag."""

    id: int
    iid: int | None = None
    name: str | None = None
    title: str | None = None
    description: str | None = None
    url: str | None = None
    action: str | None = None
    active: bool | None = None
    status: str | None = None
    source: Any = None
    ref: str | None = None
    tag: bool | None = None
    sha: str | None = None
    target_branch: str | None = None
    merge_commit_sha: str | None = None
    updated_at: str | None = None
    created_at: str | None = None
    finished_at: str | None = None
    duration: float | None = None


class Job(msgspec.Struct, frozen=True):
    """A job of a pipeline."""

    name: str | None = None
    status: str | None = None
    allow_failure: bool | None = None
    failure_reason: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery: every field that we read of any kind of it."""

    object_kind: str
    project: Project | None = None
    user: User | None = None
    object_attributes: Attributes | None = None
    deployment_id: int | None = None
    status: str | None = None
    status_changed_at: str | None = None
    deployable_url: str | None = None
    environment: Any = None
    environment_external_url: str | None = None
    commit_url: str | None = None
    commit_title: str | None = None
    ref: str | None = None
    before: str | None = None
    after: str | None = None
    user_name: str | None = None
    user_username: str | None = None
    commits: list[Commit] | None = None
    total_commits_count: int | None = None
    id: int | None = None
    action: str | None = None
    name: str | None = None
    tag: Any = None
    url: str | None = None
    released_at: str | None = None
    created_at: Any = None
    commit: Commit | None = None
    builds: list[Job] | None = None
    build_id: int | None = None
    build_name: str | None = None
    build_status: str | None = None
    build_finished_at: str | None = None
    build_duration: float | None = None
    build_allow_failure: bool | None = None
    build_failure_reason: str | None = None
    sha: str | None = None

    @property
    def where(self) -> Project:
        """The project, or one without a name."""
        return self.project or Project()


_BODY = msgspec.json.Decoder(Body)
_KIND_ONLY = msgspec.json.Decoder(dict[str, Any])


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE, TOKEN_HEADER)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery, or one of each thing that it says of an incident; none for what is set aside."""
    try:
        kind = bodies.decode(_KIND_ONLY, webhook.body, webhook.source).get("object_kind")
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    kind = kind if isinstance(kind, str) else ""
    if kind in SILENT:
        return ()
    try:
        if kind in gitlabincidents.KINDS:
            return gitlabincidents.read(webhook, kind, reading, RECIPE)
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), normalise.line(kind) or KIND),)
    read = KINDS.get(body.object_kind)
    if read is None:
        return _unread(webhook, body, "GitLab sent a kind of event that this version does not read")
    fact = read(webhook, body)
    if isinstance(fact, str):
        return _unread(webhook, body, fact)
    where = body.where
    return () if fact is None else (event_of(webhook, fact, RECIPE, where.path_with_namespace, where.web_url),)


def _unread(webhook: Webhook, body: Body, reason: str) -> tuple[Event, ...]:
    return (
        normalise.unrecognised(webhook, reason, body.object_kind, refs=repository_ref(body.where.path_with_namespace)),
    )


Finding = Fact | str | None
"""What is read in a delivery: a fact; why it cannot be read; nothing."""


def _deployment(_webhook: Webhook, body: Body) -> Finding:
    if body.deployment_id is None or body.status is None:
        return "a deployment without its id or its status"
    if body.status not in _DEPLOYMENTS:
        return "a deployment's status that this version does not know"
    entity = f"deployment:{body.deployment_id}"
    sha = _sha((body.commit_url or "").rpartition("/")[2])
    environment = normalise.name(body.environment)
    return Fact(
        type=_DEPLOYMENTS[body.status],
        entity=entity,
        when=body.status_changed_at,
        identity=("deployment", str(body.deployment_id), body.status),
        title=normalise.line(body.commit_title) or f"Deployment {body.deployment_id}",
        actor=_person(body.user),
        environment=environment,
        links=(("log", body.deployable_url), ("environment", body.environment_external_url)),
        refs=(entity, *commit_ref(sha)),
        data={"ref": body.ref, "sha": sha, "state": body.status},
    )


def _pipeline(_webhook: Webhook, body: Body) -> Finding:
    """A pipeline; all it is before it runs is one fact, and of its beginning GitLab says no time."""
    run = body.object_attributes
    if run is None or run.status is None:
        return "a pipeline without its id or its status"
    if run.status == "canceling":
        # It is not over yet; what it comes to is told next.
        return None
    if run.status not in _PIPELINES:
        return "a pipeline's status that this version does not know"
    event_type = _PIPELINES[run.status]
    times = {"change.requested": run.created_at, "change.started": None}
    name = normalise.line(run.name)
    return Fact(
        type=event_type,
        entity=f"workflow_run:{run.id}",
        when=times.get(event_type, run.finished_at),
        identity=("pipeline", str(run.id), event_type),
        title=name or normalise.line(body.commit.title if body.commit else "") or f"Pipeline {run.id}",
        actor=_person(body.user),
        links=(("log", run.url or _address(body, f"pipelines/{run.id}")),),
        refs=commit_ref(run.sha),
        data={
            "ref": run.ref,
            "sha": run.sha,
            "state": run.status,
            "workflow": name or "pipeline",
            "event": run.source if isinstance(run.source, str) else None,
            "branch": None if run.tag else run.ref,
            "default_branch": body.where.default_branch,
            "run_number": run.iid,
            "duration": _micros(run.duration) if event_type in ("change.succeeded", "change.failed") else None,
            "text": _failures(body.builds) if event_type == "change.failed" else None,
        },
    )


def _failures(jobs: list[Job] | None) -> str:
    """Which of a pipeline's jobs failed, each with GitLab's word for why."""
    failures = [
        job for job in jobs or () if job.status == "failed" and not job.allow_failure and normalise.line(job.name)
    ]
    return ", ".join(f"{normalise.line(job.name)}{f' ({why})' if (why := _why(job)) else ''}" for job in failures)


def _why(job: Job) -> str:
    reason = normalise.line(job.failure_reason)
    return "" if reason == "unknown_failure" else reason


def _job(_webhook: Webhook, body: Body) -> Finding:
    """A job that ended: one that failed, or whose name says that it deploys. Its pipeline tells of all others, and a
    job with an environment is told as a deployment."""
    if body.build_id is None or body.build_status is None:
        return "a job without its id or its status"
    name, status = normalise.line(body.build_name), body.build_status
    failed = status == "failed" and not body.build_allow_failure
    if body.environment is not None or not (failed or (status in ("success", "canceled") and deploys(name))):
        return None
    tag = body.tag is True
    return Fact(
        type=_PIPELINES[status],
        entity=f"workflow_run:job:{body.build_id}",
        when=body.build_finished_at,
        identity=("job", str(body.build_id), status),
        title=name or f"Job {body.build_id}",
        actor=_person(body.user),
        links=(("log", _address(body, f"jobs/{body.build_id}")),),
        refs=commit_ref(body.sha),
        data={
            "ref": body.ref,
            "sha": body.sha,
            "state": status,
            "workflow": name or "job",
            "branch": None if tag else body.ref,
            "default_branch": body.where.default_branch,
            "duration": None if status == "canceled" else _micros(body.build_duration),
            "text": _why(Job(failure_reason=body.build_failure_reason)) if failed else None,
        },
    )


def _merge_request(_webhook: Webhook, body: Body) -> Finding:
    merge = body.object_attributes
    if merge is None:
        return "a merge request without its attributes"
    if (merge.action or body.action) != "merge":
        return None
    url = normalise.line(merge.url)
    entity = normalise.line(f"pr:{url}" if url else f"merge_request:{merge.id}")
    return Fact(
        type="change.merged",
        entity=entity,
        when=merge.updated_at,
        identity=("merge_request", str(merge.id), "merged"),
        title=normalise.line(merge.title) or f"Merge request {merge.iid or merge.id}",
        actor=_person(body.user),
        links=(("pull_request", merge.url),),
        refs=(entity, *commit_ref(merge.merge_commit_sha)),
        data={
            "ref": merge.target_branch,
            "sha": merge.merge_commit_sha,
            "state": "merged",
            "number": merge.iid,
            "branch": merge.target_branch,
            "default_branch": body.where.default_branch,
        },
    )


def _push(webhook: Webhook, body: Body) -> Finding:
    if not body.ref or not body.after:
        return "a push without its ref or its commit"
    tag = body.ref.startswith(_TAG)
    name = normalise.line(body.ref.removeprefix(_BRANCH).removeprefix(_TAG))
    deleted = not body.after.strip("0")
    head = next((each for each in reversed(body.commits or ()) if each.id == body.after), Commit())
    committed = moment(head.timestamp, webhook.received_at)
    subject = f"{'Tag' if tag else 'Branch'} {name}"
    first = normalise.line(head.title) or normalise.line((head.message or "").strip().partition("\n")[0])
    return Fact(
        type="change.tagged" if tag else "change.pushed",
        entity=normalise.line(f"{'tag' if tag else 'branch'}:{body.where.path_with_namespace or ''}:{name}"),
        when=None,
        identity=("push", str(body.where.id or ""), body.ref, body.before or "", body.after),
        title=f"{subject} was deleted" if deleted else subject if tag else first or f"{name} was pushed",
        actor=_person(User(body.user_name, body.user_username)),
        refs=() if deleted else commit_ref(body.after),
        data={
            "ref": name,
            "sha": None if deleted else body.after,
            "state": "deleted" if deleted else "pushed",
            "branch": None if tag else name,
            "default_branch": None if tag else body.where.default_branch,
            "commits": body.total_commits_count,
            "text": None if tag else message_text(head.message),
            "committed_at": committed.at if committed.known else None,
        },
    )


def _release(_webhook: Webhook, body: Body) -> Finding:
    if body.action in ("update", "delete"):
        return None
    if body.id is None:
        return "a release without its id"
    tag = normalise.line(body.tag)
    return Fact(
        type="change.released",
        entity=f"release:{body.id}",
        when=body.released_at or (body.created_at if isinstance(body.created_at, str) else None),
        identity=("release", str(body.id)),
        title=normalise.line(body.name) or tag or f"Release {body.id}",
        links=(("release", body.url),),
        refs=commit_ref(body.commit.id if body.commit else None),
        data={"ref": tag, "state": "released"},
    )


def _feature_flag(webhook: Webhook, body: Body) -> Finding:
    """A flag was set. The body says neither when nor which time it was, so the delivery's own key tells that.

    Versions before 17.4 send no such key: there the minute of receipt stands in.
    """
    flag = body.object_attributes
    if flag is None or flag.active is None:
        return "a feature flag without its id or its state"
    headers = webhook.headers
    delivery = headers.get("idempotency-key") or headers.get("webhook-id") or str(webhook.received_at // MINUTE)
    return Fact(
        type="change.flag_toggled",
        entity=f"flag:{flag.id}",
        when=None,
        identity=("feature_flag", str(flag.id), str(flag.active), delivery),
        title=f"{normalise.line(flag.name) or f'flag {flag.id}'} {'on' if flag.active else 'off'}",
        actor=_person(body.user),
        data={"state": "on" if flag.active else "off", "text": flag.description},
    )


KINDS: dict[str, Callable[[Webhook, Body], Finding]] = {
    "deployment": _deployment,
    "pipeline": _pipeline,
    "build": _job,
    "merge_request": _merge_request,
    "push": _push,
    "tag_push": _push,
    "release": _release,
    "feature_flag": _feature_flag,
}
"""Who reads each kind."""


def _person(user: User | None) -> str | None:
    """The user, unless it is one that GitLab makes for access tokens: automation is no actor."""
    return normalise.person(user.name, user.username) if user is not None else None


def _sha(text: str | None) -> str | None:
    return text if text is not None and _SHA.fullmatch(text) else None


def _address(body: Body, path: str) -> str | None:
    return f"{body.where.web_url}/-/{path}" if body.where.web_url else None


def _micros(seconds: float | None) -> int | None:
    return int(seconds * SECOND) if seconds is not None and 0 <= seconds < 2**32 else None


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"object_kind": "wiki_page", "object_attributes": {"title": "A test of timelined"}}',
    ),
    sign=SIGNATURE.sign,
    called="GitLab",
    page="GitLab incident",
    families=("change",),
    paste=(
        "Settings, Webhooks, Add new webhook: URL {address}, triggers Deployment, Merge request, Push, Releases, "
        "Work items, Comments"
    ),
    proofs=("signature", "header", "bearer", "basic", "path"),
    token_header=TOKEN_HEADER,
    headers=(
        "x-gitlab-event", "x-gitlab-event-uuid", "x-gitlab-webhook-uuid", "x-gitlab-instance", "idempotency-key",
        "webhook-id", "webhook-timestamp",
    ),
    verify=verify,
    parse=parse,
    interface=INTERFACE,
    imports=IMPORTS,
    identity=(
        "/object_kind", "/action", "/deployment_id", "/status", "/status_changed_at", "/id", "/ref", "/before",
        "/after", "/project/id", "/project/path_with_namespace", "/released_at", "/created_at",
        *(f"/object_attributes/{name}" for name in (
            "id", "type", "url", "action", "status", "active", "system", "escalation_status", "created_at",
            "finished_at", "updated_at", "closed_at",
        )),
        "/changes/escalation_status/current", "/issue/id", "/work_item/id",
        "/build_id", "/build_status", "/build_finished_at", "/build_allow_failure",
    ),
    retries=False,
)  # fmt: skip
