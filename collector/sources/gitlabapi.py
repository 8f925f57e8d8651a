"""What GitLab's REST API gives out, as its webhooks tell it: https://docs.gitlab.com/api/deployments

A record says where its project is by the addresses of its job or pipeline. The
time of its last state may differ from what the webhook said by the seconds in
which GitLab noted it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from collector.event import MINUTE
from collector.times import rfc3339
from collector.webhook import Ask, Deliveries, Import, Interface, Pages, RecordSpan


def deployment(record: Mapping[str, Any]) -> Deliveries:
    """A deployment in the state that it is in."""
    job = record.get("deployable") or {}
    commit = job.get("commit") or record.get("commit") or {}
    address = str(job.get("web_url") or (job.get("pipeline") or {}).get("web_url") or "")
    project = _project(address) or record.get("project") or {}
    body = {
        "object_kind": "deployment",
        "deployment_id": record["id"],
        "status": record["status"],
        "status_changed_at": job.get("finished_at") or record.get("updated_at") or record["created_at"],
        "deployable_url": address or None,
        "environment": (record.get("environment") or {}).get("name"),
        "environment_external_url": (record.get("environment") or {}).get("external_url"),
        "commit_url": f"{project.get('web_url', '')}/-/commit/{record['sha']}",
        "commit_title": commit.get("title"),
        "ref": record.get("ref"),
        "user": record.get("user"),
        "project": project,
    }
    return [({}, body)]


def pipeline(record: Mapping[str, Any]) -> Deliveries:
    """A pipeline in the state that it is in."""
    attributes = {name: record.get(name) for name in ("id", "iid", "name", "status", "source", "ref", "tag", "sha")}
    times = {name: record.get(name) for name in ("created_at", "duration")}
    ended = record.get("finished_at") or record.get("updated_at")
    if record["status"] == "running":
        # The list of pipelines says no time at which one began, and neither does the webhook.
        return []
    run = attributes | times | {"finished_at": ended, "url": record.get("web_url")}
    body = {"object_kind": "pipeline", "object_attributes": run, "user": record.get("user")}
    return [({}, body | {"project": _project(str(record["web_url"]))})]


def delivery(record: Mapping[str, Any]) -> Deliveries:
    """What a webhook's delivery held, as GitLab keeps it for a week; nothing where only its receipt would say when.

    A push, a flag and the beginning of a pipeline say no time of their own, and that of the import would be wrong.
    """
    told = record["request_data"]
    body = json.loads(told) if isinstance(told, str) else dict(told)
    kind = str(body["object_kind"])
    began = kind == "pipeline" and not (body.get("object_attributes") or {}).get("finished_at")
    return [({}, body)] if kind in _DATED and not began else []


def _project(address: str) -> dict[str, str]:
    """The project of a job or a pipeline: what stands in its address before ``/-/``."""
    before, found, _ = address.partition("/-/")
    return {"web_url": before, "path_with_namespace": urlsplit(before).path.strip("/")} if found else {}


# --- asking for them --------------------------------------------------------------------------------------------------


async def _deployments(ask: Ask, span: RecordSpan) -> Pages:
    """Those whose state changed, oldest first; each says whose it is, since one without a job does not."""
    for name in span.names:
        async for page in _numbered(ask, f"{_path(name)}/deployments", _changed(span)):
            yield [{**each, "project": {"path_with_namespace": name}} for each in page]


async def _pipelines(ask: Ask, span: RecordSpan) -> Pages:
    """Each asked for by itself: the list says neither when one ended nor whose it is."""
    for name in span.names:
        async for page in _numbered(ask, f"{_path(name)}/pipelines", _changed(span)):
            yield [(await ask(f"{_path(name)}/pipelines/{each['id']}", ()))[0] for each in page]


def _path(name: str) -> str:
    return f"/projects/{quote(name, safe='')}"


def _changed(span: RecordSpan) -> Mapping[str, str]:
    first, last = (f"{rfc3339(at)[:19]}Z" for at in (span.since, span.until))
    return {"updated_after": first, "updated_before": last, "order_by": "updated_at", "sort": "asc"}


async def _numbered(ask: Ask, path: str, query: Mapping[str, str], size: int = 100) -> Pages:
    number, more = 1, True
    while more:
        page, _ = await ask(path, {**query, "per_page": str(size), "page": str(number)})
        if page:
            yield page
        number, more = number + 1, len(page) == size


async def _missed(ask: Ask, source: str, span: RecordSpan) -> AsyncIterator[tuple[str, Any]]:
    """Deliveries of which no attempt succeeded, of the webhooks that lead to this source."""
    for name in span.names:
        async for hooks in _numbered(ask, f"{_path(name)}/hooks", {}):
            for hook in hooks:
                if f"/webhooks/{source}" in str(hook.get("url", "")).split("?")[0]:
                    async for found in _failed(ask, f"{_path(name)}/hooks/{hook['id']}/events"):
                        yield found


async def _failed(ask: Ask, path: str) -> AsyncIterator[tuple[str, Any]]:
    failed: dict[str, Any] = {}
    delivered: set[str] = set()
    looked = 0
    async for page in _numbered(ask, path, {}, _EVENTS):
        for attempt in page:
            key = str((attempt.get("request_headers") or {}).get("Idempotency-Key") or attempt["id"])
            if str(attempt.get("response_status") or "").startswith("2"):
                delivered.add(key)
            elif attempt.get("request_data"):
                failed[key] = attempt
        looked += len(page)
        if looked >= _MOST:
            break
    for key, attempt in failed.items():
        if key not in delivered:
            yield f"{path} {key}", attempt


async def _whole(ask: Ask, record: Any) -> tuple[str, Any]:
    return "deliveries", {name: record[name] for name in ("id", "trigger", "request_data") if name in record}


_DATED = frozenset({"deployment", "merge_request", "pipeline", "release"})
"""Kinds that say when it happened."""
_EVENTS = 20
"""Deliveries of a webhook that GitLab gives out in one answer."""
_MOST = 1_000
"""Deliveries of one webhook that are looked at in one run."""

INTERFACE = Interface(
    url="https://gitlab.com/api/v4", headers=lambda token: {"PRIVATE-TOKEN": token} if token else {},
    repositories=True, groups=True, missed=_missed, whole=_whole,
)  # fmt: skip
IMPORTS = {
    "deployments": Import(
        called="deployments of GitLab's GET /projects/ID/deployments", sent=deployment, pages=_deployments,
        near=5 * MINUTE,
    ),
    "pipelines": Import(
        called="pipelines of GitLab's GET /projects/ID/pipelines", sent=pipeline, pages=_pipelines, near=5 * MINUTE
    ),
    "deliveries": Import(called="deliveries of GitLab's GET /projects/ID/hooks/ID/events", sent=delivery),
}  # fmt: skip
