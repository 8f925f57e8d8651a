"""Bitbucket Cloud's webhooks: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/

The kind of event stands in ``X-Event-Key``. A push tells each branch and tag
that it moved, with the time of the newest commit and not of the push.
"""

from __future__ import annotations

from collector.signing import Signature
from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Made

KIND = "bitbucket"
RECIPE = "bitbucket.1"

_TAG = "(new.type == 'tag' || old.type == 'tag')"
_NAME = "(new.name || old.name)"
_PULL = "_body.pullrequest"

MAPPING = FieldMap(
    items="push.changes || [@]",
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
    status=f"{_PULL} && 'merged' || new && 'pushed' || 'deleted'",
    actor="_body.actor.display_name || _body.actor.nickname",
    links={"pull_request": f"{_PULL}.links.html.href", "compare": "links.html.href",
           "source": "_body.repository.links.html.href"},
    refs={"pr": f"{_PULL}.links.html.href", "commit": "new.target.hash", "repository": "_body.repository.full_name"},
    data={"time_of": "new.target.date && 'commit' || ''", "number": f"{_PULL}.id",
          "ref": f"{_PULL}.destination.branch.name || {_NAME}",
          "branch": f"{_PULL}.destination.branch.name || (new.type == 'branch' && new.name || '')"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    signature=Signature(header="X-Hub-Signature", prefix="sha256=", sender="Bitbucket (the webhook's Secret)"),
    kind=KIND,
    sample=Made(body='{"actor": {"display_name": "A test of timelined"}}', headers={"x-event-key": "repo:updated"}),
    called="Bitbucket",
    tells=("change",),
    paste="the repository or workspace, Settings, Webhooks, Add: URL {address}, and a Secret",
    proofs=("signature", "path"),
    identity=(
        "/push/changes/*/new/name", "/push/changes/*/old/name", "/push/changes/*/new/target/hash",
        "/push/changes/*/old/target/hash", "/repository/full_name", "/pullrequest/id",
    ),
)  # fmt: skip
