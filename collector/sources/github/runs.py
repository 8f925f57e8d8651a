"""``workflow_run``: a workflow was asked for, began or ended."""

from __future__ import annotations

from typing import Any

from collector import normalise
from collector.event import MINUTE, Event
from collector.semantics.changes import deploys, environment_named
from collector.sources.github.common import MOVED, RECIPE, event_of, person, repository_ref
from collector.sources.github.payloads import WorkflowRun, WorkflowRunBody
from collector.sources.repositories import Fact, commit_ref
from collector.times import moment
from collector.webhook import Reading, Webhook

_CONCLUSIONS = {
    "success": "change.succeeded",
    "failure": "change.failed",
    "timed_out": "change.failed",
    "startup_failure": "change.failed",
    "cancelled": "change.cancelled",
    "skipped": "change.cancelled",
    "stale": "change.cancelled",
    "action_required": "change.requested",
}
"""Of a completed run; ``neutral`` says of itself that it says nothing: an observation."""

_WAITED = MINUTE
"""From how long on between a run's start and its beginning it is said to have waited, µs."""


def workflow_run(webhook: Webhook, body: WorkflowRunBody, _reading: Reading) -> tuple[Event, ...]:
    """A workflow run was requested, began or ended."""
    run, action = body.workflow_run, body.action or ""
    if action not in ("requested", "in_progress", "completed"):
        reason = "an action on a workflow run that this version does not know"
        return (normalise.unrecognised(webhook, reason, action, refs=repository_ref(body)),)
    waited = action == "in_progress" and _waited(run, webhook)
    times = {"requested": run.created_at, "in_progress": run.run_started_at or run.updated_at}
    name = normalise.line(body.workflow.name if body.workflow else "") or normalise.line(run.name)
    fact = Fact(
        type=_type(action, run.conclusion or ""),
        entity=normalise.line(f"workflow_run:{run.id}:{run.run_attempt}"),
        when=run.updated_at if waited else times.get(action, run.updated_at),
        identity=("workflow_run", str(run.id), str(run.run_attempt), action),
        title=normalise.line(run.display_title) or name or f"Workflow run {run.id}",
        actor=person(run.triggering_actor, run.actor, body.sender),
        environment=environment_named(name) if deploys(name) else None,
        links=(("log", run.html_url),),
        refs=commit_ref(run.head_sha),
        data=_data(webhook, body, action, name),
        recipe=MOVED if waited else RECIPE,
    )
    return (event_of(webhook, body, fact),)


def _type(action: str, conclusion: str) -> str:
    if action == "completed":
        return _CONCLUSIONS.get(conclusion, "observation.recorded")
    return "change.started" if action == "in_progress" else "change.requested"


def _data(webhook: Webhook, body: WorkflowRunBody, action: str, name: str) -> dict[str, Any]:
    run = body.workflow_run
    ended = action == "completed" and run.conclusion not in ("skipped", "stale", "action_required")
    return {
        "ref": run.head_branch,
        "sha": run.head_sha,
        "state": (run.conclusion or "") if action == "completed" else action,
        "workflow": name,
        "path": run.path or (body.workflow.path if body.workflow else None),
        "event": run.event,
        "branch": run.head_branch,
        "default_branch": body.where.default_branch,
        "run_number": run.run_number,
        "duration": _between(run, webhook) if ended else None,
    }


def _between(run: WorkflowRun, webhook: Webhook) -> int | None:
    """From the run's start to its last word, µs, by GitHub's own two times."""
    began, ended = (moment(value, webhook.received_at).stated for value in (run.run_started_at, run.updated_at))
    return ended - began if began is not None and ended is not None and ended >= began else None


def _waited(run: WorkflowRun, webhook: Webhook) -> bool:
    """Whether a run that begins now had waited: ``run_started_at`` is when its attempt was asked for."""
    between = _between(run, webhook)
    return between is not None and between > _WAITED
