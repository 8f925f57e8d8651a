"""Bitbucket's webhooks: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/

Cloud and Data Center name their kinds and fields differently. The kind of event
stands in ``X-Event-Key``. A push tells each branch and tag that it moved; in
Cloud with the time of the newest commit and not of the push.
"""

from __future__ import annotations

import msgspec

from collector.event import Event
from collector.signing import Signature
from collector.sources.mapping import read, source_of
from collector.sources.repositories import message_text
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "bitbucket"
RECIPE = "bitbucket.1"

_TAG = "(new.type == 'tag' || old.type == 'tag')"
_NAME = "(new.name || old.name)"
_PULL = "_body.pullrequest"

MAPPING = FieldMap(
    # A push may list nothing: then no branch is known to have moved.
    items="push.changes || [!push && @][?@]",
    headers=("x-event-key",),
    id=f"_body.push && [_body.repository.full_name, {_NAME}, old.target.hash, new.target.hash] || "
       f"['pull request', _body.repository.full_name, {_PULL}.id]",
    entity=f"{_PULL}.links.html.href && join(':', ['pr', {_PULL}.links.html.href]) || "
           f"join(':', [{_TAG} && 'tag' || 'branch', _body.repository.full_name || '', {_NAME} || ''])",
    type=f"_body.push && {_TAG} && 'tag' || _body.push && 'push' || _headers.\"x-event-key\"",
    types={"push": "change.pushed", "tag": "change.tagged", "pullrequest:fulfilled": "change.merged", "*": "none"},
    time=f"new.target.date || {_PULL}.updated_on",
    title=f"{_PULL}.title || (new && !{_TAG} && new.target.message) || "
          f"join(' ', [{_TAG} && 'Tag' || 'Branch', {_NAME}, new && 'was set' || 'was deleted'])",
    text=f"new && !{_TAG} && new.target.message",
    status=f"{_PULL} && 'merged' || new && 'pushed' || 'deleted'",
    actor="_body.actor.type != 'app_user' && (_body.actor.display_name || _body.actor.nickname)",
    links={"pull_request": f"{_PULL}.links.html.href", "compare": "links.html.href",
           "source": "_body.repository.links.html.href"},
    refs={"pr": f"{_PULL}.links.html.href", "commit": "new.target.hash", "repository": "_body.repository.full_name"},
    # Of the commit that a merge made, a body has the beginning of its name.
    data={"time_of": "new.target.date && 'commit' || ''", "number": f"{_PULL}.id", "sha": f"{_PULL}.merge_commit.hash",
          "ref": f"{_PULL}.destination.branch.name || {_NAME}",
          "branch": f"{_PULL}.destination.branch.name || (new.type == 'branch' && new.name || '')"},
)  # fmt: skip

_REPOSITORY = "(_body.repository || _body.pullRequest.toRef.repository)"
_FULL_NAME = f"join('/', [{_REPOSITORY}.project.key || '', {_REPOSITORY}.slug || ''])"
_MERGED = "_body.pullRequest"
_KIND = "(ref.type == 'TAG' && 'tag' || 'branch')"

DATA_CENTER = FieldMap(
    items="changes || [@]",
    headers=("x-event-key",),
    id=f"{_MERGED} && ['pull request', {_FULL_NAME}, {_MERGED}.id] || [{_FULL_NAME}, ref.id, fromHash, toHash]",
    entity=f"{_MERGED} && join(':', ['pull_request', {_FULL_NAME}, to_string({_MERGED}.id)]) || "
           f"join(':', [{_KIND}, {_FULL_NAME}, ref.displayId || ''])",
    type=f"{_MERGED} && 'merged' || {_KIND}",
    types={"branch": "change.pushed", "tag": "change.tagged", "merged": "change.merged"},
    time="_body.date",
    title=f"{_MERGED}.title || join(' ', [ref.type == 'TAG' && 'Tag' || 'Branch', ref.displayId, "
          "type == 'DELETE' && 'was deleted' || 'was set'])",
    status=f"{_MERGED} && 'merged' || type == 'DELETE' && 'deleted' || 'pushed'",
    actor="_body.actor.type != 'SERVICE' && (_body.actor.displayName || _body.actor.name)",
    links={"pull_request": f"{_MERGED}.links.self[0].href", "source": f"{_REPOSITORY}.links.self[0].href"},
    refs={"commit": f"{_MERGED}.properties.mergeCommit.id || (type != 'DELETE' && toHash)", "repository": _FULL_NAME},
    data={"number": f"{_MERGED}.id", "ref": f"{_MERGED}.toRef.displayId || ref.displayId",
          "branch": f"{_MERGED}.toRef.displayId || (ref.type == 'BRANCH' && ref.displayId)"},
)  # fmt: skip
"""What Bitbucket Data Center sends: https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html"""


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The events of the delivery; none for kinds that change nothing."""
    theirs = webhook.headers.get("x-event-key") in ("repo:refs_changed", "pr:merged")
    events = read(webhook, reading, DATA_CENTER if theirs else MAPPING, RECIPE, KIND)
    return tuple(map(_without_trailers, events))


def _without_trailers(event: Event) -> Event:
    """The event; a push with its message, where that is more than its title."""
    data = {key: value for key, value in event.data.items() if key != "text"}
    text = message_text(event.data.get("text"))
    return msgspec.structs.replace(event, data=data | ({"text": text} if text else {}))


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    signature=Signature(header="X-Hub-Signature", prefix="sha256=", sender="Bitbucket (the webhook's Secret)"),
    kind=KIND,
    sample=Sample(body='{"actor": {"display_name": "A test of timelined"}}', headers={"x-event-key": "repo:updated"}),
    called="Bitbucket",
    families=("change",),
    paste="the repository or workspace, Settings, Webhooks, Add: URL {address}, and a Secret",
    proofs=("signature", "path"),
    identity=(
        *(f"/push/changes/*/{side}/{name}" for side in ("new", "old") for name in ("type", "name", "target/hash")),
        "/repository/full_name", "/pullrequest/id", "/pullrequest/links/html/href",
        "/changes/*/toHash", "/changes/*/fromHash", "/changes/*/ref/id", "/changes/*/ref/displayId",
        "/changes/*/ref/type", "/pullRequest/id",
        *(f"{place}/{name}" for place in ("/repository", "/pullRequest/toRef/repository")
          for name in ("project/key", "slug")),
    ),
)  # fmt: skip
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
