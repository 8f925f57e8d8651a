"""Gitea's and Forgejo's webhooks: https://docs.gitea.com/usage/repository/webhooks

The kind of event stands in a header. A push says when its commits were made and
not when they were pushed. Forgejo sends Gitea's headers beside its own.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from collector import normalise
from collector.event import Event
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.sources.repositories import Fact, commit_ref, event_of, message_text
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "gitea"
RECIPE = "gitea.1"

SIGNATURE = Signature(header="X-Gitea-Signature", sender="Gitea (the webhook's Secret)")
_EVENT = "x-gitea-event"
_EVENTS = (_EVENT, "x-forgejo-event", "x-gogs-event")
"""Headers that name the kind; the first present one speaks."""
_BRANCH, _TAG = "refs/heads/", "refs/tags/"


class User(msgspec.Struct, frozen=True):
    """An account."""

    login: str | None = None
    username: str | None = None


class Repository(msgspec.Struct, frozen=True):
    """Where it happened."""

    full_name: str | None = None
    html_url: str | None = None
    default_branch: str | None = None


class Commit(msgspec.Struct, frozen=True):
    """A commit of a push."""

    message: str | None = None
    timestamp: str | None = None


class Base(msgspec.Struct, frozen=True):
    """The branch that a pull request goes to."""

    ref: str | None = None


class Pull(msgspec.Struct, frozen=True):
    """A pull request."""

    id: int
    number: int | None = None
    title: str | None = None
    html_url: str | None = None
    merged: bool | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    merged_by: User | None = None
    base: Base | None = None


class Release(msgspec.Struct, frozen=True):
    """A release."""

    id: int
    tag_name: str | None = None
    name: str | None = None
    html_url: str | None = None
    prerelease: bool | None = None
    published_at: str | None = None
    author: User | None = None


class Run(msgspec.Struct, frozen=True):
    """A run of a workflow of Gitea Actions."""

    id: int
    name: str | None = None
    display_title: str | None = None
    run_number: int | None = None
    run_attempt: int | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    head_sha: str | None = None
    event: str | None = None
    html_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    actor: User | None = None


class Workflow(msgspec.Struct, frozen=True):
    """The workflow that a run is of."""

    name: str | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery of any kind."""

    ref: str | None = None
    before: str | None = None
    after: str | None = None
    compare_url: str | None = None
    commits: list[Commit] | None = None
    head_commit: Commit | None = None
    action: str | None = None
    pull_request: Pull | None = None
    release: Release | None = None
    workflow_run: Run | None = None
    workflow: Workflow | None = None
    repository: Repository | None = None
    pusher: User | None = None
    sender: User | None = None


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, _reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for kinds and states that change nothing."""
    kind = next((found for name in _EVENTS if (found := normalise.line(webhook.headers.get(name, "")))), "")
    if kind and kind not in _READERS:
        normalise.check_syntax(webhook.body, webhook.source)
        return ()
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), kind or KIND),)
    if not kind:
        return (normalise.unrecognised(webhook, "X-Gitea-Event is absent", KIND),)
    fact, where = _READERS[kind](body), body.repository or Repository()
    if isinstance(fact, str):
        return (normalise.unrecognised(webhook, fact, kind),)
    return () if fact is None else (event_of(webhook, fact, RECIPE, where.full_name, where.html_url),)


def _push(body: Body) -> Fact | str | None:
    if not (body.ref and body.after):
        return "a push without its ref or its commit"
    tag, where = body.ref.startswith(_TAG), body.repository or Repository()
    name = normalise.line(body.ref.removeprefix(_BRANCH).removeprefix(_TAG))
    deleted = set(body.after) == {"0"}
    commit = Commit() if deleted else body.head_commit or Commit()
    message = normalise.line((commit.message or "").strip().partition("\n")[0])
    subject = f"Tag {name}" if tag else f"Branch {name}"
    return Fact(
        type="change.tagged" if tag else "change.pushed",
        entity=normalise.line(f"{'tag' if tag else 'branch'}:{where.full_name or ''}:{name}"),
        when=commit.timestamp,
        identity=("push", where.full_name or "", body.ref, body.before or "", body.after),
        title=f"{subject} was deleted" if deleted else subject if tag else message or f"{name} was pushed",
        actor=_person(body.pusher, body.sender),
        links=(("compare", body.compare_url),),
        refs=() if deleted else commit_ref(body.after),
        data={
            "sha": "" if deleted else body.after,
            "ref": name,
            "state": "deleted" if deleted else "pushed",
            "branch": "" if tag else name,
            "default_branch": "" if tag else where.default_branch,
            "commits": len(body.commits or ()),
            "time_of": "commit" if commit.timestamp else "",
            "text": None if tag else message_text(commit.message),
        },
    )


def _pull_request(body: Body) -> Fact | str | None:
    pull = body.pull_request
    if pull is None:
        return "a pull request without its id"
    if body.action != "closed" or not (pull.merged or pull.merged_at):
        return None
    url, branch = normalise.line(pull.html_url), (pull.base or Base()).ref
    return Fact(
        type="change.merged",
        entity=f"pr:{url}" if url else f"pull_request:{pull.id}",
        when=pull.merged_at,
        identity=("pull_request", str(pull.id), "merged"),
        title=normalise.line(pull.title) or f"Pull request {pull.number or pull.id}",
        actor=_person(pull.merged_by, body.sender),
        links=(("pull_request", pull.html_url),),
        refs=(*((f"pr:{url}",) if url else ()), *commit_ref(pull.merge_commit_sha)),
        data={"sha": pull.merge_commit_sha, "ref": branch, "branch": branch, "state": "merged", "number": pull.number,
              "default_branch": (body.repository or Repository()).default_branch},
    )  # fmt: skip


def _release(body: Body) -> Fact | str | None:
    release = body.release
    if release is None:
        return "a release without its id"
    if body.action != "published":
        return None
    return Fact(
        type="change.released",
        entity=f"release:{release.id}",
        when=release.published_at,
        identity=("release", str(release.id)),
        title=normalise.line(release.name) or normalise.line(release.tag_name) or f"Release {release.id}",
        actor=_person(release.author, body.sender),
        links=(("release", release.html_url),),
        data={"ref": release.tag_name, "state": "released", "prerelease": release.prerelease or None},
    )


def _workflow_run(body: Body) -> Fact | str | None:
    run, action = body.workflow_run, body.action
    if run is None:
        return "a workflow run without its id"
    if action not in ("in_progress", "completed"):
        return None
    ended = action == "completed"
    name = normalise.line(body.workflow.name if body.workflow else "") or normalise.line(run.name)
    attempt = str(run.run_attempt or 1)
    return Fact(
        type=_CONCLUSIONS.get(run.conclusion or "", "observation.recorded") if ended else "change.started",
        entity=f"workflow_run:{run.id}:{attempt}",
        when=run.completed_at if ended else run.started_at,
        identity=("workflow_run", str(run.id), attempt, action),
        title=normalise.line(run.display_title) or name or f"Workflow run {run.id}",
        actor=_person(run.actor, body.sender),
        links=(("log", run.html_url),),
        refs=commit_ref(run.head_sha),
        data={"sha": run.head_sha, "ref": run.head_branch, "branch": run.head_branch, "workflow": name,
              "run_number": run.run_number, "event": run.event, "state": (run.conclusion or "") if ended else action,
              "default_branch": (body.repository or Repository()).default_branch},
    )  # fmt: skip


_CONCLUSIONS = {
    "success": "change.succeeded", "failure": "change.failed", "cancelled": "change.cancelled",
    "skipped": "change.cancelled",
}  # fmt: skip
_READERS: dict[str, Callable[[Body], Fact | str | None]] = {
    "push": _push,
    "pull_request": _pull_request,
    "release": _release,
    "workflow_run": _workflow_run,
}
"""The kinds that are read; a text says why one cannot be."""


def _person(*users: User | None) -> str | None:
    accounts = (user.login or user.username for user in users if user)
    return next((name for account in accounts if account not in _RUNNERS and (name := normalise.person(account))), None)


_RUNNERS = ("gitea-actions", "forgejo-actions")
"""The accounts under which workflows act."""


SOURCE = Source(
    kind=KIND,
    called="Gitea",
    sample=Sample(body='{"action": "created", "sender": {"login": "timelined-test"}}', headers={_EVENT: "issues"}),
    sign=SIGNATURE.sign,
    families=("change",),
    paste="the repository or organisation, Settings, Webhooks, Add: Gitea, Target URL {address}, and a Secret",
    proofs=("signature", "bearer", "basic", "path"),
    headers=(*_EVENTS, "x-gitea-delivery"),
    verify=verify,
    parse=parse,
    identity=(
        "/ref", "/before", "/after", "/head_commit/timestamp", "/repository/full_name", "/action",
        *(f"/pull_request/{name}" for name in ("id", "html_url", "merged", "merged_at")),
        "/release/id", "/release/published_at",
        *(f"/workflow_run/{name}" for name in ("id", "run_attempt", "started_at", "completed_at")),
    ),
)  # fmt: skip
