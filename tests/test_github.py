"""GitHub's kinds: what each of them tells, and which tell nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.errors import MalformedWebhook
from collector.event import Event
from collector.semantics.changes import kind_of, reach_of
from collector.sources.github import KINDS
from collector.sources.github.kinds import SILENT
from collector.times import rfc3339
from tests.recorded import parse_json

DOCS = Path(__file__).parents[1] / "config" / "senders" / "github.md"
PERSON, BOT = {"login": "mara", "type": "User"}, {"login": "github-actions[bot]", "type": "Bot"}


def one(kind: str, body: dict[str, Any]) -> Event:
    """The only event of a delivery of this kind."""
    repository = {"id": 7, "full_name": "larkfield/checkout", "default_branch": "main"}
    whole = {**body, "repository": {**repository, **body.get("repository", {})}}
    (event,) = parse_json("github", whole, {"X-GitHub-Event": kind})
    return event


def pushed(before: str, after: str, pushed_at: int | str, ref: str = "refs/heads/main", **more: Any) -> Event:
    """A push of a commit that was made on 1 March."""
    commit = {"id": after * 40, "message": "Use the pool", "timestamp": "2026-03-01T10:00:00Z"}
    body = {"ref": ref, "before": before * 40, "after": after * 40, "head_commit": commit, "sender": PERSON, **more}
    return one("push", {**body, "repository": {"pushed_at": pushed_at}})


def deployed(state: str, **deployment: Any) -> tuple[Event, ...]:
    body = {
        "action": "created",
        "deployment": {"id": 1, "sha": "a" * 40, "ref": "main", "environment": "production", **deployment},
        "deployment_status": {"id": 2, "state": state, "created_at": "2026-03-04T14:00:00Z"},
        "repository": {"full_name": "larkfield/checkout"},
    }
    return parse_json("github", body, {"X-GitHub-Event": "deployment_status"})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("success", "change.succeeded"), ("failure", "change.failed"), ("error", "change.failed"),
        ("in_progress", "change.started"), ("queued", "change.requested"), ("pending", "change.requested"),
        ("waiting", "change.requested"), ("exploded", "source.unrecognised"),
    ],
)  # fmt: skip
def test_a_deployments_states(state: str, expected: str) -> None:
    """What waits has not begun; each other state is the change's beginning or one of its ends."""
    assert [event.type for event in deployed(state)] == [expected]


def test_a_replaced_deployment_is_no_event() -> None:
    """``inactive`` says only that another deployment took its place."""
    assert deployed("inactive") == ()


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ({"task": "rollback"}, "change.rolled_back"),
        ({"payload": {"rollback": True}}, "change.rolled_back"),
        ({"payload": '{"rollback": true}'}, "change.rolled_back"),
        ({"payload": {"rollback": "no"}}, "change.succeeded"),
        ({"payload": "not json"}, "change.succeeded"),
        ({"description": "rollback of everything"}, "change.succeeded"),
    ],
)
def test_a_rollback_is_said_in_a_field(deployment: dict[str, Any], expected: str) -> None:
    """Only the task or the payload make a rollback, never a word in a text."""
    assert deployed("success", **deployment)[0].type == expected


def test_a_rollback_that_fails_is_called_one() -> None:
    """Also where the payload alone says that it is one."""
    events = deployed("failure", payload={"rollback": True}, task="deploy")
    assert kind_of(events) == "rollback"


def test_a_release_is_told_once() -> None:
    """``published`` and ``released`` are one fact; an edit is none."""
    body = {"release": {"id": 5, "tag_name": "v1", "published_at": "2026-03-04T14:00:00Z"}}
    events = [
        parse_json("github", {**body, "action": action}, {"X-GitHub-Event": "release"})
        for action in ("published", "released", "edited")
    ]
    assert events[0][0].id == events[1][0].id
    assert events[2] == ()


@pytest.mark.parametrize(
    ("action", "conclusion", "expected"),
    [
        ("requested", None, "change.requested"), ("in_progress", None, "change.started"),
        ("completed", "success", "change.succeeded"), ("completed", "timed_out", "change.failed"),
        ("completed", "cancelled", "change.cancelled"), ("completed", "skipped", "change.cancelled"),
        ("completed", "stale", "change.cancelled"), ("completed", "action_required", "change.requested"),
        ("completed", "neutral", "observation.recorded"), ("dreamt", None, "source.unrecognised"),
    ],
)  # fmt: skip
def test_a_workflow_runs_states(action: str, conclusion: str | None, expected: str) -> None:
    """A run that was cancelled, skipped or grew stale did not fail; one that needs an approval waits for it."""
    body = {"action": action, "workflow_run": {"id": 1, "conclusion": conclusion}}
    (event,) = parse_json("github", body, {"X-GitHub-Event": "workflow_run"})
    assert event.type == expected


@pytest.mark.parametrize("body", [b"zen=1", b"payload=%ff", b"\xff", b"payload={", b"&".join([b"a=1"] * 200)])
def test_a_form_that_cannot_be_read_is_malformed(body: bytes) -> None:
    """A form without a readable payload is refused with its place, not taken for an event."""
    headers = {"X-GitHub-Event": "push", "Content-Type": "application/x-www-form-urlencoded"}
    with pytest.raises(MalformedWebhook, match=r"payload|byte"):
        parse_json("github", body, headers)


def test_a_delivery_without_a_kind_is_kept() -> None:
    """GitHub's kind stands in a header; without it nothing can be read, and nothing is lost."""
    (event,) = parse_json("github", {"ref": "x"})
    assert (event.type, event.data["reason"]) == ("source.unrecognised", "X-GitHub-Event is absent")


# --- pushes -----------------------------------------------------------------------------------------------------------


def test_a_push_happened_when_it_was_pushed() -> None:
    """The commit's own time may be days old; it stands beside."""
    event = pushed("a", "b", 1_772_632_272)
    assert (rfc3339(event.occurred_at), event.time_quality) == ("2026-03-04T13:51:12Z", "exact")
    assert rfc3339(event.data["committed_at"]) == "2026-03-01T10:00:00Z"
    assert "time_of" not in event.data


def test_forward_back_and_forward_again_are_three_pushes() -> None:
    """The same two commits pushed twice at two times are two facts; one push told by two hooks is one."""
    events = [pushed("a", "b", 1_772_632_000), pushed("b", "a", 1_772_632_100), pushed("a", "b", 1_772_632_200)]
    assert len({event.id for event in events}) == 3
    assert pushed("a", "b", "2026-03-04T13:46:40Z").id == events[0].id


def test_a_push_without_a_time_of_its_own_keeps_its_first_identity() -> None:
    """Where `pushed_at` is absent the commit's time stands in, and is said to."""
    body = {"ref": "refs/heads/main", "before": "a" * 40, "after": "b" * 40}
    event = one("push", {**body, "head_commit": {"id": "b" * 40, "timestamp": "2026-03-01T10:00:00Z"}})
    assert (rfc3339(event.occurred_at), event.data["time_of"]) == ("2026-03-01T10:00:00Z", "commit")


@pytest.mark.parametrize(
    ("ref", "more", "expected", "title"),
    [
        ("refs/heads/main", {}, "change.pushed", "Use the pool"),
        ("refs/heads/a/b", {"deleted": True}, "change.pushed", "Branch a/b was deleted"),
        ("refs/tags/v1", {}, "change.tagged", "Tag v1"),
        ("refs/tags/v1", {"deleted": True}, "change.tagged", "Tag v1 was deleted"),
    ],
)
def test_a_branch_and_a_tag_are_told_apart(ref: str, more: dict[str, Any], expected: str, title: str) -> None:
    """A tag is a tag, and what was deleted is named."""
    event = pushed("a", "b", 1_772_632_272, ref, **more)
    assert (event.type, event.title) == (expected, title)
    assert event.data["state"] == ("deleted" if more else "pushed")


@pytest.mark.parametrize(
    ("ref", "more", "reach"),
    [
        ("refs/heads/main", {}, "merged"), ("refs/heads/fix", {}, "none"), ("refs/tags/v1", {}, "none"),
        ("refs/heads/main", {"deleted": True}, "none"),
    ],
)  # fmt: skip
def test_only_a_push_to_the_default_branch_may_be_deployed(ref: str, more: dict[str, Any], reach: str) -> None:
    """Other branches, tags and deletions reach nothing that runs."""
    assert reach_of([pushed("a", "b", 1_772_632_272, ref, **more)]) == reach


# --- deployments and runs ---------------------------------------------------------------------------------------------


def test_a_deployment_by_actions_is_by_the_person_who_set_its_run_off() -> None:
    """The bot that created it is no actor; the run is linked."""
    (bare,) = deployed("success", creator=BOT)
    deployment = {"id": 1, "creator": BOT, "environment": "production"}
    status = {"id": 2, "state": "success", "created_at": "2026-03-04T14:00:00Z", "creator": BOT}
    run = {"id": 9, "run_number": 4, "html_url": "https://github.com/r/9", "actor": PERSON, "triggering_actor": PERSON}
    body = {"action": "created", "deployment": deployment, "deployment_status": status, "sender": BOT}
    event = one("deployment_status", {**body, "workflow_run": run})
    assert (bare.actor, event.actor, event.data["run"], event.data["run_number"]) == (None, "mara", 9, 4)
    assert ("run", "https://github.com/r/9") in [(link.rel, link.url) for link in event.links]


@pytest.mark.parametrize(
    "body",
    [
        {"deployment": {"id": 1}, "deployment_status": {"id": 2, "state": "success"}},
        {"deployment": {"id": 1, "ref": None, "description": None}, "deployment_status": {"id": 2, "state": "failure"}},
    ],
)
def test_what_a_deployment_does_not_say_is_not_in_its_title(body: dict[str, Any]) -> None:
    """No text of ours holds the word None."""
    events = parse_json("github", body, {"X-GitHub-Event": "deployment_status"})
    assert [event.title for event in events] == ["Deployment"]
    assert one("deployment_status", body).title == "Deployment of larkfield/checkout"


@pytest.mark.parametrize(("updated", "began"), [("14:00:20", "14:00:00"), ("14:55:00", "14:55:00")])
def test_a_run_that_waited_began_after_its_wait(updated: str, began: str) -> None:
    """A run starts when it is asked for; it begins then unless it waited."""
    run = {
        "id": 1, "created_at": "2026-03-04T14:00:00Z", "run_started_at": "2026-03-04T14:00:00Z",
        "updated_at": f"2026-03-04T{updated}Z",
    }  # fmt: skip
    event = one("workflow_run", {"action": "in_progress", "workflow_run": run})
    assert rfc3339(event.occurred_at) == f"2026-03-04T{began}Z"


@pytest.mark.parametrize(
    ("run", "reach"),
    [
        ({"name": "Deploy", "event": "push", "head_branch": "main"}, "deployed"),
        ({"name": "Deploy", "event": "push", "head_branch": "fix"}, "none"),
        ({"name": "Unit tests", "event": "push", "head_branch": "main"}, "none"),
        ({"name": "Unit tests", "event": "pull_request", "head_branch": "fix"}, "none"),
        ({"name": "Close stale issues", "event": "schedule", "head_branch": "main"}, "none"),
        ({"name": "Deploy nightly", "event": "schedule", "head_branch": "main"}, "deployed"),
        ({"name": "x", "path": ".github/workflows/release.yml", "event": "push", "head_branch": "v2.0"}, "deployed"),
    ],
)
def test_a_run_says_enough_to_judge_whether_it_deployed(run: dict[str, Any], reach: str) -> None:
    """What set it off, its branch and its name are kept."""
    run = {"id": 1, "conclusion": "success", "updated_at": "2026-03-04T14:00:00Z", **run}
    assert reach_of([one("workflow_run", {"action": "completed", "workflow_run": run})]) == reach


# --- kinds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_a_documented_kind_that_tells_nothing_is_no_event(kind: str) -> None:
    """Whoever subscribes to everything does not fill drafts with what was not understood."""
    assert parse_json("github", {"action": "created"}, {"X-GitHub-Event": kind}) == ()


def test_the_page_lists_every_kind_that_is_set_aside() -> None:
    """What becomes no event is documented, and nothing stands on both lists."""
    text = DOCS.read_text("utf-8")
    assert [kind for kind in sorted(SILENT) if f"`{kind}`" not in text] == []
    assert not SILENT & set(KINDS)


def test_what_is_not_understood_says_whose_it_is() -> None:
    """An unknown kind names its repository, so that only drafts about it speak of it."""
    assert one("habitat", {}).refs == ("repository:larkfield/checkout",)
    assert one("push", {"ref": 7}).refs == ("repository:larkfield/checkout",)
