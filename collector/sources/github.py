"""GitHub's webhooks: https://docs.github.com/en/webhooks/webhook-events-and-payloads

The kind of event stands in ``X-GitHub-Event``, not in the body; the body is
JSON, or a form with the JSON in ``payload``, and is signed as it is sent.
GitHub never comes again by itself after a failure. Check runs and suites tell
what workflow runs tell too, and become no events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from collector import reading as fit
from collector.event import Event, event_id
from collector.signing import Signature, authenticate
from collector.times import moment
from collector.webhook import Credentials, Reading, Source, Webhook

KIND = "github"
RECIPE = "github.1"

# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
SIGNATURE = Signature(
    header="X-Hub-Signature-256", prefix="sha256=", also=("X-Hub-Signature",), sender="GitHub (the webhook's Secret)"
)

_FORM = "application/x-www-form-urlencoded"
_SILENT = frozenset({"ping", "check_run", "check_suite", "installation", "meta"})
"""Kinds that say nothing about a running system, or say it twice."""

_DEPLOYMENT_STATES = {
    "success": "change.succeeded",
    "failure": "change.failed",
    "error": "change.failed",
    "in_progress": "change.started",
    "queued": "change.started",
    "pending": "change.started",
    "waiting": "change.started",
}
"""``inactive`` is missing on purpose: GitHub sets it on the deployments that a newer one replaced."""

_CONCLUSIONS = {
    "success": "change.succeeded",
    "failure": "change.failed",
    "timed_out": "change.failed",
    "startup_failure": "change.failed",
    "cancelled": "change.failed",
    "stale": "change.failed",
}
"""Of a completed workflow run; ``neutral``, ``skipped`` and ``action_required`` changed nothing: observations."""


class User(msgspec.Struct, frozen=True):
    """An account; ``type`` is ``User``, ``Bot`` or ``Organization``."""

    login: str | None = None
    type: str | None = None


class Repository(msgspec.Struct, frozen=True):
    """Where it happened."""

    id: int | None = None
    full_name: str | None = None
    html_url: str | None = None


class Deployment(msgspec.Struct, frozen=True):
    """A request to deploy a commit; ``payload`` is whatever the requester put there, an object or a string."""

    id: int
    sha: str | None = None
    ref: str | None = None
    task: str | None = None
    payload: Any = None
    environment: str | None = None
    description: str | None = None
    creator: User | None = None
    created_at: str | None = None


class DeploymentStatus(msgspec.Struct, frozen=True):
    """One state a deployment came into."""

    id: int
    state: str
    description: str | None = None
    environment: str | None = None
    target_url: str | None = None
    log_url: str | None = None
    environment_url: str | None = None
    creator: User | None = None
    created_at: str | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit, as pushes and workflow runs name it."""

    id: str | None = None
    message: str | None = None
    timestamp: str | None = None


class WorkflowRun(msgspec.Struct, frozen=True):
    """A run of a workflow; a re-run keeps the id and counts ``run_attempt``."""

    id: int
    name: str | None = None
    display_title: str | None = None
    run_attempt: int = 1
    run_number: int | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    head_sha: str | None = None
    html_url: str | None = None
    created_at: str | None = None
    run_started_at: str | None = None
    updated_at: str | None = None
    actor: User | None = None
    triggering_actor: User | None = None


class Workflow(msgspec.Struct, frozen=True):
    """The file that a run follows."""

    name: str | None = None


class Branch(msgspec.Struct, frozen=True):
    """The branch a pull request goes to."""

    ref: str | None = None


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request."""

    id: int
    number: int
    title: str | None = None
    html_url: str | None = None
    merged: bool | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    merged_by: User | None = None
    base: Branch = Branch()


class Release(msgspec.Struct, frozen=True):
    """A release."""

    id: int
    tag_name: str | None = None
    name: str | None = None
    html_url: str | None = None
    target_commitish: str | None = None
    published_at: str | None = None
    author: User | None = None


class Common(msgspec.Struct, frozen=True):
    """What every body has."""

    action: str | None = None
    repository: Repository | None = None
    sender: User | None = None

    @property
    def where(self) -> Repository:
        """The repository, or one without a name for what an organisation does."""
        return self.repository or Repository()


class DeploymentBody(Common, frozen=True, kw_only=True):
    """``deployment`` and ``deployment_status``."""

    deployment: Deployment
    deployment_status: DeploymentStatus | None = None


class WorkflowRunBody(Common, frozen=True, kw_only=True):
    """``workflow_run``."""

    workflow_run: WorkflowRun
    workflow: Workflow | None = None


class PullRequestBody(Common, frozen=True, kw_only=True):
    """``pull_request``."""

    pull_request: PullRequest


class PushBody(Common, frozen=True, kw_only=True):
    """``push``; of a deleted branch ``after`` is zeros and there is no commit."""

    ref: str
    before: str = ""
    after: str
    deleted: bool = False
    forced: bool = False
    compare: str | None = None
    head_commit: Commit | None = None
    commits: list[msgspec.Raw] | None = None


class ReleaseBody(Common, frozen=True, kw_only=True):
    """``release``."""

    release: Release


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, _reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for a ping, and for states that change nothing."""
    kind = fit.line(webhook.headers.get("x-github-event", ""))
    body = _json_of(webhook)
    if kind in _KINDS:
        decoder, read = _KINDS[kind]
        try:
            return read(webhook, fit.decode(decoder, body, webhook.source))
        except msgspec.ValidationError as error:
            return (fit.unrecognised(webhook, str(error), kind),)
    fit.check_syntax(body, webhook.source)
    if kind in _SILENT:
        return ()
    reason = "GitHub sent a kind of event that this version does not read" if kind else "X-GitHub-Event is absent"
    return (fit.unrecognised(webhook, reason, kind),)


def _json_of(webhook: Webhook) -> bytes:
    """The body, or the ``payload`` of a form."""
    if not webhook.headers.get("content-type", "").lower().startswith(_FORM):
        return webhook.body
    try:
        form = parse_qs(webhook.body.decode("utf-8"), encoding="utf-8", errors="strict", max_num_fields=100)
        return form["payload"][0].encode("utf-8")
    except KeyError as error:
        raise fit.malformed(webhook.source, "the form has no field of that name", "payload") from error
    except ValueError as error:
        raise fit.malformed(webhook.source, "the form cannot be read", "payload") from error


def _deployment(webhook: Webhook, body: DeploymentBody) -> tuple[Event, ...]:
    """A deployment was requested."""
    deployment = body.deployment
    if body.action not in (None, "created"):
        return ()
    identity = ("deployment", str(deployment.id))
    return (_deployment_event(webhook, body, DeploymentStatus(deployment.id, "requested"), "change.started", identity),)


def _deployment_status(webhook: Webhook, body: DeploymentBody) -> tuple[Event, ...]:
    """A deployment came into a state; ``inactive`` only says that another one took its place."""
    status = body.deployment_status
    if status is None:
        return (fit.unrecognised(webhook, "the body has no deployment_status", "deployment_status"),)
    if status.state == "inactive" or body.action not in (None, "created"):
        return ()
    event_type = _DEPLOYMENT_STATES.get(status.state)
    if event_type is None:
        return (fit.unrecognised(webhook, "a deployment state that this version does not know", "deployment_status"),)
    if event_type == "change.succeeded" and _puts_back(body.deployment):
        event_type = "change.rolled_back"
    identity = ("deployment_status", str(status.id))
    return (_deployment_event(webhook, body, status, event_type, identity),)


def _deployment_event(
    webhook: Webhook, body: DeploymentBody, status: DeploymentStatus, event_type: str, identity: tuple[str, ...]
) -> Event:
    deployment, entity = body.deployment, fit.line(f"deployment:{body.deployment.id}")
    environment = fit.name(status.environment) or fit.name(deployment.environment)
    place = f" to {environment}" if environment else ""
    told = fit.line(deployment.description) or fit.line(status.description)
    data = {"ref": deployment.ref, "sha": deployment.sha, "state": status.state, "task": deployment.task}
    data["text"] = status.description
    links = (("log", status.log_url or status.target_url), ("environment", status.environment_url))
    return _event(
        webhook,
        body,
        event_type,
        entity,
        status.created_at or deployment.created_at,
        identity,
        title=told or fit.line(f"Deployment of {body.where.full_name} {deployment.ref}{place}"),
        actor=_person(deployment.creator, body.sender, status.creator),
        service=fit.name(_payload(deployment).get("service")),
        environment=environment,
        links=links,
        refs=(entity, *_commit_ref(deployment.sha)),
        data=data,
    )


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


def _workflow_run(webhook: Webhook, body: WorkflowRunBody) -> tuple[Event, ...]:
    """A workflow run was requested, began or ended."""
    run, action = body.workflow_run, body.action or ""
    times = {"requested": run.created_at, "in_progress": run.run_started_at, "completed": run.updated_at}
    if action not in times:
        return (fit.unrecognised(webhook, "an action on a workflow run that this version does not know", action),)
    conclusion = run.conclusion or ""
    ended = _CONCLUSIONS.get(conclusion, "observation.recorded")
    workflow = fit.line(body.workflow.name if body.workflow else "") or fit.line(run.name)
    state = conclusion if action == "completed" else action
    event = _event(
        webhook,
        body,
        ended if action == "completed" else "change.started",
        fit.line(f"workflow_run:{run.id}:{run.run_attempt}"),
        times[action],
        ("workflow_run", str(run.id), str(run.run_attempt), action),
        title=fit.line(run.display_title) or workflow or f"Workflow run {run.id}",
        actor=_person(run.triggering_actor, run.actor, body.sender),
        links=(("log", run.html_url),),
        refs=_commit_ref(run.head_sha),
        data={
            "ref": run.head_branch,
            "sha": run.head_sha,
            "state": state,
            "workflow": workflow,
            "run_number": run.run_number,
            "duration": _duration(run, webhook) if action == "completed" else None,
        },
    )
    return (event,)


def _duration(run: WorkflowRun, webhook: Webhook) -> int | None:
    """How long the run took, in µs, by GitHub's own two times."""
    began, ended = (moment(value, webhook.received_at).stated for value in (run.run_started_at, run.updated_at))
    return ended - began if began is not None and ended is not None and ended >= began else None


def _pull_request(webhook: Webhook, body: PullRequestBody) -> tuple[Event, ...]:
    """A pull request was merged; nothing else about it changes a system."""
    pull = body.pull_request
    if body.action != "closed" or not (pull.merged or pull.merged_at):
        return ()
    url = fit.line(pull.html_url)
    entity = fit.line(f"pr:{url}" if url else f"pull_request:{pull.id}")
    event = _event(
        webhook,
        body,
        "change.merged",
        entity,
        pull.merged_at,
        ("pull_request", str(pull.id), "merged"),
        title=fit.line(pull.title) or f"Pull request {pull.number}",
        actor=_person(pull.merged_by, body.sender),
        links=(("pull_request", pull.html_url),),
        refs=(entity, *_commit_ref(pull.merge_commit_sha)),
        data={"ref": pull.base.ref, "sha": pull.merge_commit_sha, "state": "merged", "number": pull.number},
    )
    return (event,)


def _push(webhook: Webhook, body: PushBody) -> tuple[Event, ...]:
    """Commits were pushed, or a branch or tag was deleted.

    The time is the head commit's, by its author's clock, and may be old; the
    body holds no other.
    """
    branch = fit.line(body.ref.removeprefix("refs/heads/").removeprefix("refs/"))
    commit = body.head_commit if body.head_commit is not None and not body.deleted else Commit()
    message = fit.line((commit.message or "").strip().partition("\n")[0])
    state = "deleted" if body.deleted else "forced" if body.forced else "pushed"
    title = f"{branch} was deleted" if body.deleted else message or f"{branch} was pushed"
    repository = str(body.where.id or body.where.full_name or "")
    event = _event(
        webhook,
        body,
        "change.pushed",
        fit.line(f"branch:{body.where.full_name}:{branch}"),
        commit.timestamp,
        ("push", repository, body.ref, body.before, body.after),
        title=fit.line(title),
        actor=_person(body.sender),
        links=(("compare", body.compare),),
        refs=() if body.deleted else _commit_ref(body.after),
        data={
            "ref": branch,
            "sha": None if body.deleted else body.after,
            "state": state,
            "commits": len(body.commits or ()),
            "time_of": "commit" if commit.timestamp else None,
        },
    )
    return (event,)


def _release(webhook: Webhook, body: ReleaseBody) -> tuple[Event, ...]:
    """A release was published; ``published`` and ``released`` both say so, and are one fact."""
    release = body.release
    if body.action not in ("published", "released"):
        return ()
    event = _event(
        webhook,
        body,
        "change.released",
        fit.line(f"release:{release.id}"),
        release.published_at,
        ("release", str(release.id)),
        title=fit.line(release.name) or fit.line(release.tag_name) or f"Release {release.id}",
        actor=_person(release.author, body.sender),
        links=(("release", release.html_url),),
        refs=_commit_ref(release.target_commitish),
        data={"ref": release.tag_name, "state": "released"},
    )
    return (event,)


def _event(
    webhook: Webhook,
    body: Common,
    event_type: str,
    entity: str,
    when: str | None,
    identity: tuple[str, ...],
    *,
    title: str,
    actor: str | None,
    links: tuple[tuple[str, str | None], ...],
    refs: tuple[str, ...],
    data: dict[str, Any],
    service: str | None = None,
    environment: str | None = None,
) -> Event:
    """An event with what all of GitHub's have in common."""
    happened = moment(when, webhook.received_at)
    repository = fit.line(body.where.full_name)
    content = {key: fit.line(value) if isinstance(value, str) else fit.tree(value) for key, value in data.items()}
    content["repository"] = repository
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, *identity),
        type=event_type,
        source=webhook.source,
        entity=entity,
        occurred_at=happened.at,
        time_text=happened.text,
        time_quality=happened.quality,
        service=service,
        environment=environment,
        title=title,
        actor=actor,
        links=fit.links(*links, ("source", body.where.html_url)),
        refs=(*refs, f"repository:{repository}") if repository else refs,
        data={key: value for key, value in content.items() if value not in (None, "")},
    )


def _person(*users: User | None) -> str | None:
    """The first of the accounts that is a person's; a bot is automation, and automation is no actor."""
    for user in users:
        login = fit.line(user.login) if user is not None and user.type != "Bot" else ""
        if login and not login.endswith("[bot]"):
            return login
    return None


def _commit_ref(sha: str | None) -> tuple[str, ...]:
    """A ref to the commit, where the text is a whole commit's name."""
    whole = sha is not None and len(sha) in (40, 64) and set(sha) <= set("0123456789abcdef")
    return (f"commit:{sha}",) if whole else ()


_KINDS: dict[str, tuple[msgspec.json.Decoder[Any], Callable[[Webhook, Any], tuple[Event, ...]]]] = {
    "deployment": (msgspec.json.Decoder(DeploymentBody), _deployment),
    "deployment_status": (msgspec.json.Decoder(DeploymentBody), _deployment_status),
    "workflow_run": (msgspec.json.Decoder(WorkflowRunBody), _workflow_run),
    "pull_request": (msgspec.json.Decoder(PullRequestBody), _pull_request),
    "push": (msgspec.json.Decoder(PushBody), _push),
    "release": (msgspec.json.Decoder(ReleaseBody), _release),
}
"""What each kind looks like, and who reads it."""

SOURCE = Source(
    kind=KIND,
    verify=verify,
    parse=parse,
    identity=(
        *(f"/{thing}/id" for thing in ("deployment", "deployment_status", "workflow_run", "pull_request", "release")),
        *(f"/deployment{kind}/created_at" for kind in ("", "_status")),
        *(f"/workflow_run/{name}" for name in ("run_attempt", "created_at", "run_started_at", "updated_at")),
        *("/pull_request/merged_at", "/release/published_at", "/repository/full_name", "/action"),
        *("/ref", "/before", "/after"),
    ),
    retries=False,
)
