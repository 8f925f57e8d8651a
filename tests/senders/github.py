"""GitHub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.senders.sent import Sent, as_json, rfc3339


def _github(kind: str, body: dict[str, Any], seed: str) -> Sent:
    guid = hashlib.sha256(seed.encode()).hexdigest()
    delivery = f"{guid[:8]}-{guid[8:12]}-{guid[12:16]}-{guid[16:20]}-{guid[20:32]}"
    return as_json(
        "github", body, x_github_event=kind, x_github_delivery=delivery, user_agent="GitHub-Hookshot/7e2f1a0"
    )


def _repository(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    url = f"https://github.example/{name}"
    return {"id": 81, "name": short, "full_name": name, "html_url": url, "owner": {"login": owner, "id": 7}}


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": int(hashlib.sha256(login.encode()).hexdigest()[:6], 16), "type": "User"}


@dataclass(frozen=True)
class Deployment:
    """One GitHub deployment."""

    id: int
    repository: str
    environment: str
    description: str
    by: str
    created: str
    service: str | None = None
    task: str = "deploy"
    ref: str = "main"

    @property
    def sha(self) -> str:
        return hashlib.sha1(f"{self.repository} {self.id}".encode(), usedforsecurity=False).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sha": self.sha,
            "ref": self.ref,
            "task": self.task,
            "payload": {"service": self.service} if self.service else {},
            "environment": self.environment,
            "original_environment": self.environment,
            "description": self.description,
            "creator": _user(self.by),
            "created_at": rfc3339(self.created),
            "updated_at": rfc3339(self.created),
            "url": f"https://api.github.example/repos/{self.repository}/deployments/{self.id}",
        }

    def _body(self, **more: Any) -> dict[str, Any]:
        who = {"repository": _repository(self.repository), "sender": _user(self.by)}
        return {"action": "created", "deployment": self.as_json(), **who, **more}

    def requested(self) -> Sent:
        return _github("deployment", self._body(), f"deployment {self.id}")

    def status(self, state: str, at: str) -> Sent:
        status = {
            "id": int(hashlib.sha256(f"{self.id} {state} {at}".encode()).hexdigest()[:8], 16),
            "state": state,
            "creator": _user(self.by),
            "description": "",
            "environment": self.environment,
            "target_url": f"https://ci.example/runs/{self.id}",
            "log_url": f"https://ci.example/runs/{self.id}/log",
            "environment_url": "",
            "created_at": rfc3339(at),
            "updated_at": rfc3339(at),
        }
        return _github("deployment_status", self._body(deployment_status=status), f"{self.id} {state} {at}")


def deployment(number: int, repository: str, description: str, *, at: str, **more: Any) -> Deployment:
    """A deployment requested then."""
    chosen = {"environment": "production", "by": "ana-lima", **more}
    return Deployment(number, repository, description=description, created=at, **chosen)


def merged(number: int, repository: str, title: str, *, at: str, by: str = "ana-lima") -> Sent:
    """A pull request that was merged then."""
    sha = hashlib.sha1(f"merge {repository} {number}".encode(), usedforsecurity=False).hexdigest()
    pull = {
        "id": 5_000 + number,
        "number": number,
        "state": "closed",
        "title": title,
        "html_url": f"https://github.example/{repository}/pull/{number}",
        "user": _user(by),
        "merged": True,
        "merged_by": _user(by),
        "merged_at": rfc3339(at),
        "updated_at": rfc3339(at),
        "closed_at": rfc3339(at),
        "merge_commit_sha": sha,
        "head": {"ref": "fix", "sha": sha[::-1]},
        "base": {"ref": "main", "sha": sha},
    }
    body = {"action": "closed", "number": number, "pull_request": pull}
    more = {"repository": _repository(repository), "sender": _user(by)}
    return _github("pull_request", body | more, f"pull {number} {at}")


@dataclass(frozen=True)
class Run:
    """One run of a GitHub workflow."""

    id: int
    repository: str
    workflow: str
    title: str
    by: str
    created: str
    event: str = "push"
    branch: str = "main"

    def in_progress(self, at: str) -> Sent:
        return self._send("in_progress", "in_progress", None, at)

    def completed(self, at: str, conclusion: str = "success") -> Sent:
        return self._send("completed", "completed", conclusion, at)

    def _send(self, action: str, status: str, conclusion: str | None, at: str) -> Sent:
        url = f"https://github.example/{self.repository}/actions/runs/{self.id}"
        run = {
            "id": self.id,
            "name": self.workflow,
            "path": f".github/workflows/{self.workflow.lower().replace(' ', '-')}.yml",
            "display_title": self.title,
            "run_number": self.id % 1000,
            "run_attempt": 1,
            "event": self.event,
            "status": status,
            "conclusion": conclusion,
            "head_branch": self.branch,
            "head_sha": hashlib.sha1(f"run {self.id}".encode(), usedforsecurity=False).hexdigest(),
            "html_url": url,
            "created_at": rfc3339(self.created),
            "run_started_at": rfc3339(self.created),
            "updated_at": rfc3339(at),
            "actor": _user(self.by),
            "triggering_actor": _user(self.by),
        }
        repository = _repository(self.repository) | {"default_branch": "main"}
        body = {"action": action, "workflow_run": run, "repository": repository, "sender": _user(self.by)}
        return _github("workflow_run", body, f"run {self.id} {action} {at}")


def run(number: int, repository: str, workflow: str, title: str, *, at: str, by: str = "ana-lima", **more: Any) -> Run:
    """A run that was set off then."""
    return Run(number, repository, workflow, title, by, at, **more)
