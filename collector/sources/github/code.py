"""``push``, ``pull_request`` and ``release``: what became of the code."""

from __future__ import annotations

from typing import Any

from collector import normalise
from collector.event import Event
from collector.sources.github.common import MOVED, RECIPE, event_of, person
from collector.sources.github.payloads import Commit, PullRequestBody, PushBody, ReleaseBody
from collector.sources.repositories import Fact, commit_ref, message_text
from collector.times import moment
from collector.webhook import Reading, Webhook

_BRANCH, _TAG = "refs/heads/", "refs/tags/"


def pull_request(webhook: Webhook, body: PullRequestBody, _reading: Reading) -> tuple[Event, ...]:
    """A pull request was merged; nothing else about it changes a system."""
    pull = body.pull_request
    if body.action != "closed" or not (pull.merged or pull.merged_at):
        return ()
    url = normalise.line(pull.html_url)
    entity = normalise.line(f"pr:{url}" if url else f"pull_request:{pull.id}")
    fact = Fact(
        type="change.merged",
        entity=entity,
        when=pull.merged_at,
        identity=("pull_request", str(pull.id), "merged"),
        title=normalise.line(pull.title) or f"Pull request {pull.number or pull.id}",
        actor=person(pull.merged_by, body.sender),
        links=(("pull_request", pull.html_url),),
        refs=(entity, *commit_ref(pull.merge_commit_sha)),
        data={
            "ref": pull.base.ref,
            "sha": pull.merge_commit_sha,
            "state": "merged",
            "number": pull.number,
            "branch": pull.base.ref,
            "default_branch": body.where.default_branch,
        },
    )
    return (event_of(webhook, body, fact),)


def push(webhook: Webhook, body: PushBody, _reading: Reading) -> tuple[Event, ...]:
    """Commits were pushed to a branch, a tag was set, or one of the two was deleted.

    It happened at ``repository.pushed_at``, which is part of its identity: a branch that goes forward, back and forward
    again is pushed three times. Where that is absent the head commit's time stands in, which may be old.
    """
    tag = body.ref.startswith(_TAG)
    name = normalise.line(body.ref.removeprefix(_BRANCH).removeprefix(_TAG).removeprefix("refs/"))
    commit = body.head_commit if body.head_commit is not None and not body.removes else Commit()
    pushed_at = body.where.pushed_at
    identity = ("push", str(body.where.id or body.where.full_name or ""), body.ref, body.before, body.after)
    pushed = moment(pushed_at, webhook.received_at)
    by_known_push = pushed.known
    fact = Fact(
        type="change.tagged" if tag else "change.pushed",
        entity=normalise.line(f"{'tag' if tag else 'branch'}:{body.where.full_name or ''}:{name}"),
        when=pushed_at if by_known_push else commit.timestamp,
        identity=(*identity, pushed.identity) if by_known_push else identity,
        title=_title(body, commit, name, tag=tag),
        actor=person(body.sender),
        links=(("compare", body.compare),),
        refs=() if body.removes else commit_ref(body.after),
        data=_data(webhook, body, commit, name, tag=tag),
        recipe=MOVED if by_known_push else RECIPE,
    )
    return (event_of(webhook, body, fact),)


def _title(body: PushBody, commit: Commit, name: str, *, tag: bool) -> str:
    subject = f"Tag {name}" if tag else f"Branch {name}"
    if body.removes:
        return f"{subject} was deleted"
    message = normalise.line((commit.message or "").strip().partition("\n")[0])
    if tag:
        return subject
    return message or f"{name} was pushed"


def _data(webhook: Webhook, body: PushBody, commit: Commit, name: str, *, tag: bool) -> dict[str, Any]:
    committed = moment(commit.timestamp, webhook.received_at)
    timed = moment(body.where.pushed_at, webhook.received_at).known
    return {
        "ref": name,
        "sha": None if body.removes else body.after,
        "state": "deleted" if body.removes else "forced" if body.forced else "pushed",
        "branch": None if tag else name,
        "default_branch": None if tag else body.where.default_branch,
        "commits": len(body.commits or ()),
        "committed_at": committed.at if committed.known else None,
        "time_of": "commit" if committed.known and not timed else None,
        "text": commit.message if tag else message_text(commit.message),
    }


def release(webhook: Webhook, body: ReleaseBody, _reading: Reading) -> tuple[Event, ...]:
    """A release was published; ``published`` and ``released`` both say so, and are one fact."""
    release = body.release
    if body.action not in ("published", "released"):
        return ()
    fact = Fact(
        type="change.released",
        entity=normalise.line(f"release:{release.id}"),
        when=release.published_at,
        identity=("release", str(release.id)),
        title=normalise.line(release.name) or normalise.line(release.tag_name) or f"Release {release.id}",
        actor=person(release.author, body.sender),
        links=(("release", release.html_url),),
        refs=commit_ref(release.target_commitish),
        data={"ref": release.tag_name, "state": "released", "prerelease": release.prerelease or None},
    )
    return (event_of(webhook, body, fact),)
