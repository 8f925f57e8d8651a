"""The fields that we use of GitHub's bodies: https://docs.github.com/en/webhooks/webhook-events-and-payloads

Values only; what they mean is said in the modules beside this one.
"""

from __future__ import annotations

from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True):
    """An account; ``type`` is ``User``, ``Bot`` or ``Organization``."""

    login: str | None = None
    type: str | None = None


class Repository(msgspec.Struct, frozen=True):
    """Where it happened. In pushes ``pushed_at`` is a number of seconds, elsewhere a text."""

    id: int | None = None
    full_name: str | None = None
    html_url: str | None = None
    default_branch: str | None = None
    pushed_at: int | str | None = None


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
    production_environment: bool | None = None
    transient_environment: bool | None = None


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
    event: str | None = None
    path: str | None = None
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
    path: str | None = None


class Branch(msgspec.Struct, frozen=True):
    """The branch a pull request goes to."""

    ref: str | None = None


class PullRequest(msgspec.Struct, frozen=True):
    """A pull request."""

    id: int
    number: int | None = None
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
    prerelease: bool | None = None
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
    """``deployment`` and ``deployment_status``; where GitHub Actions deployed, with its run."""

    deployment: Deployment
    deployment_status: DeploymentStatus | None = None
    workflow_run: WorkflowRun | None = None


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

    @property
    def removes(self) -> bool:
        """Whether the branch or the tag is gone, which its commit says as well."""
        return self.deleted or not self.after.strip("0")


class ReleaseBody(Common, frozen=True, kw_only=True):
    """``release``."""

    release: Release
