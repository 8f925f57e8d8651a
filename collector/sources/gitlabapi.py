"""What GitLab's REST API gives out, as its webhooks tell it: https://docs.gitlab.com/api/deployments

A record says where its project is by the addresses of its job or pipeline. The
time of its last state may differ from what the webhook said by the seconds in
which GitLab noted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from collector.event import MINUTE
from collector.webhook import Deliveries, Import


def deployment(record: Mapping[str, Any]) -> Deliveries:
    """A deployment in the state that it is in."""
    job = record.get("deployable") or {}
    commit = job.get("commit") or record.get("commit") or {}
    address = str(job.get("web_url") or (job.get("pipeline") or {}).get("web_url") or "")
    project = _project(address)
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
    told = {name: record.get(name) for name in ("id", "iid", "name", "status", "source", "ref", "tag", "sha")}
    times = {name: record.get(name) for name in ("created_at", "duration")}
    ended = record.get("finished_at") or record.get("updated_at")
    if record["status"] == "running":
        # The list of pipelines says no time at which one began, and neither does the webhook.
        return []
    run = told | times | {"finished_at": ended, "url": record.get("web_url")}
    body = {"object_kind": "pipeline", "object_attributes": run, "user": record.get("user")}
    return [({}, body | {"project": _project(str(record["web_url"]))})]


def _project(address: str) -> dict[str, str]:
    """The project of a job or a pipeline: what stands in its address before ``/-/``."""
    before, found, _ = address.partition("/-/")
    return {"web_url": before, "path_with_namespace": urlsplit(before).path.strip("/")} if found else {}


IMPORTS = {
    "deployments": Import(
        called="deployments of GitLab's GET /projects/ID/deployments", sent=deployment, near=5 * MINUTE
    ),
    "pipelines": Import(called="pipelines of GitLab's GET /projects/ID/pipelines", sent=pipeline, near=5 * MINUTE),
}
