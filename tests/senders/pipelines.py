"""CloudEvents, GitLab, Argo CD and Jenkins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.senders.sent import Sent, as_json, micros, moment, rfc3339, utc


def cloudevent(kind: str, ident: str, *, at: str, subject: str = "", sender: str = "/ops/console", **data: Any) -> Sent:
    """One structured CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": ident,
        "source": sender,
        "type": kind,
        "time": rfc3339(at),
        "subject": subject,
        "datacontenttype": "application/json",
        "data": data,
    }
    sent = as_json("cloudevents", {k: v for k, v in event.items() if v != ""})
    return replace(sent, headers={"content-type": "application/cloudevents+json"})


def _gitlab(kind: str, repository: str, **more: Any) -> Sent:
    project = {
        "id": 412, "web_url": f"https://gitlab.example/{repository}", "path_with_namespace": repository,
        "default_branch": "main",
    }  # fmt: skip
    return as_json("gitlab", {"object_kind": kind, "project": project, **more})


def _spelt(at: str) -> str:
    """As GitLab writes most of its times."""
    return moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def gitlab_merged(number: int, repository: str, title: str, *, at: str, by: str, sha: str) -> Sent:
    """A merge request was merged."""
    url = f"https://gitlab.example/{repository}/-/merge_requests/{number}"
    merge = {
        "id": 5000 + number, "iid": number, "title": title, "target_branch": "main", "action": "merge", "url": url,
        "state": "merged", "merge_commit_sha": sha, "updated_at": _spelt(at),
    }  # fmt: skip
    return _gitlab("merge_request", repository, user={"name": by, "username": "x"}, object_attributes=merge)


def argocd_sync(
    name: str, repository: str, sha: str, phase: str, *, began: str, ended: str | None = None, by: str | None = None
) -> Sent:
    """A sync of an application, by the template of its sender page."""
    initiator = {"username": by} if by else {"automated": True}
    operation = {
        "phase": phase, "startedAt": utc(began), "finishedAt": utc(ended) if ended else None,
        "message": "successfully synced (all tasks run)" if phase == "Succeeded" else "",
        "operation": {"initiatedBy": initiator, "sync": {"revision": sha}},
        "syncResult": {"revision": sha},
    }  # fmt: skip
    body = {
        "timelined": "argocd.1", "about": "sync", "name": name, "namespace": "argocd", "uid": f"uid-of-{name}",
        "labels": {"app": name, "env": "production"}, "url": f"https://argocd.example/applications/{name}",
        "repository": f"https://gitlab.example/{repository}.git", "operation": operation,
    }  # fmt: skip
    return as_json("argocd", body)


def jenkins(job: str, number: int, service: str, phase: str, *, at: str, sha: str) -> Sent:
    """A phase of a build that deploys a service to production, and went well."""
    build = {
        "full_url": f"https://ci.example/job/{job}/{number}/", "number": number, "timestamp": micros(at) // 1000,
        "phase": phase, "scm": {"commit": sha, "branch": "origin/main"},
        "parameters": {"service": service, "environment": "production"},
    }  # fmt: skip
    if phase != "STARTED":
        build["status"] = "SUCCESS"
    return as_json("jenkins", {"name": job, "display_name": job, "url": f"job/{job}/", "build": build})
