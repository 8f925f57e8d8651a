"""GitLab's incidents: what is done with one, what is written below it, and what of GitLab's issues is none."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import Event
from tests.histories import Facts
from tests.recorded import parse_json
from tests.sections import rows

PROJECT = {"id": 412, "path_with_namespace": "shop/checkout", "web_url": "https://gitlab.example/shop/checkout"}
ANA = {"name": "Ana Lima", "username": "ana"}
ISSUE = {
    "id": 90301, "iid": 17, "title": "Payments fail", "type": "Incident", "severity": "high",
    "created_at": "2026-03-04 14:05:10 UTC", "updated_at": "2026-03-04 14:30:00 UTC",
}  # fmt: skip


def told(action: str, *, kind: str = "work_item", user: Any = ANA, changes: Any = None, **more: Any) -> list[Event]:
    """The events of a delivery about an issue."""
    people = more.pop("assignees", None)
    body = {"object_kind": kind, "project": PROJECT, "user": user, "changes": changes, "assignees": people,
            "object_attributes": {**ISSUE, "action": action, **more}}  # fmt: skip
    return list(parse_json("gitlab", body))


def commented(issue: dict[str, Any], **more: Any) -> list[Event]:
    """The events of a comment on it."""
    comment = {"id": 5, "note": "Rolling back.", "action": "create", "created_at": "2026-03-04 14:12:00 UTC", **more}
    body = {"object_kind": "note", "project": PROJECT, "user": ANA, "object_attributes": comment, "issue": issue}
    return list(parse_json("gitlab", body))


@pytest.mark.parametrize(
    ("before", "now", "event_type"),
    [
        ("triggered", "acknowledged", "page.acknowledged"), ("acknowledged", "resolved", "page.resolved"),
        ("acknowledged", "triggered", "page.unacknowledged"), ("resolved", "triggered", "page.reopened"),
        ("ignored", "triggered", "page.reopened"), ("triggered", "ignored", "page.status_updated"),
        ("triggered", "a new word", "page.status_updated"),
    ],
)  # fmt: skip
def test_a_status_is_what_it_went_between(before: str, now: str, event_type: str) -> None:
    """Each thing that a delivery says to have changed is an event; what does not matter to an incident is none."""
    change = {"escalation_status": {"previous": before, "current": now}, "weight": {"previous": 1, "current": 2}}
    (event,) = told("update", changes=change)
    assert (event.type, event.actor, event.refs[0]) == (event_type, "Ana Lima", "page:incident:90301")


@pytest.mark.parametrize(
    ("issue", "incident"),
    [
        ({"type": "Incident"}, True), ({"type": "Issue"}, False), ({"type": "Task"}, False),
        ({"type": None, "escalation_status": "triggered"}, True), ({"type": None}, False),
        ({"type": None, "url": "https://gitlab.example/shop/checkout/-/issues/incident/17"}, True),
    ],
)  # fmt: skip
def test_an_issue_is_an_incident_by_its_type(issue: dict[str, Any], incident: bool) -> None:
    """By what only an incident has where an old version does not say; comments are told of incidents alone."""
    assert [event.type for event in told("open", kind="issue", **issue)] == ["page.triggered"] * incident
    address = issue.get("url", "https://gitlab.example/shop/checkout/-/issues/17")
    assert [event.type for event in commented(ISSUE | issue, url=f"{address}#note_5")] == ["note.added"] * incident


def test_what_gitlab_opens_or_notes_itself_is_no_persons() -> None:
    """An alert opens incidents by a bot of GitLab's; a system note repeats what an update says."""
    (event,) = told("open", user={"name": "GitLab Alert Bot", "username": "alert-bot"})
    assert (event.actor, event.data["agent"]) == (None, "GitLab Alert Bot")
    assert commented(ISSUE, system=True) == []


def test_a_comment_that_was_changed_is_told_beside_the_first() -> None:
    """Nothing that somebody wrote is lost, and the same change told twice is one."""
    (first,), (again,) = commented(ISSUE), commented(ISSUE)
    edit = {"action": "update", "note": "Rolled back.", "updated_at": "2026-03-04 14:13:00 UTC"}
    (edited,), (edited_again,) = commented(ISSUE, **edit), commented(ISSUE, **edit)
    assert first.id == again.id != edited.id == edited_again.id
    assert (edited.title, edited.entity) == ("Rolled back.", first.entity)


def test_an_incident_of_gitlab_is_read_aloud() -> None:
    """Opening it by hand, and being given it, is no page; what was written with it is quoted once."""
    events = told("open", description="Half of them.", assignees=[{"name": "Jon Vega"}])
    moved = {"assignees": {"previous": [{"name": "Jon Vega"}], "current": []},
             "description": {"previous": "x", "current": "All of them fail."},
             "title": {"previous": "x", "current": "Payments fail in the EU"}}  # fmt: skip
    events += told("update", changes=moved) + told("update", updated_at="2026-03-04 14:40:00 UTC", changes={
        "escalation_status": {"previous": "triggered", "current": "resolved"}})  # fmt: skip
    events += told("close", closed_at="2026-03-04 16:00:00 UTC") + commented(ISSUE)
    edit = {"action": "update", "note": "Rolled back.", "updated_at": "2026-03-04 14:13:00 UTC"}
    events += commented(ISSUE, **edit)
    story = Facts()
    for each in sorted(events, key=lambda event: event.occurred_at):
        story.add(each.type, each.occurred_at, source="gitlab", entity=each.entity, title=each.title, actor=each.actor,
                  data=each.data, refs=each.refs)  # fmt: skip
    assert rows(story) == [
        'Detected: GitLab incident 17 was opened by Ana Lima (high): "Payments fail", and described as "Half of them."',
        "GitLab incident 17 was assigned to Jon Vega by Ana Lima",
        'Note by Ana Lima: "Rolling back."',
        'Edited note by Ana Lima: "Rolled back."',
        'GitLab incident 17 was updated by Ana Lima, and described as "All of them fail."',
        "GitLab incident 17 was taken from Jon Vega by Ana Lima",
        "Resolved: GitLab incident 17 was resolved by Ana Lima",
        "GitLab incident 17 was closed by Ana Lima",
    ]


@pytest.mark.parametrize(
    ("job", "types"),
    [
        ({"build_name": "smoke-test", "build_status": "failed"}, ["change.failed"]),
        ({"build_name": "smoke-test", "build_status": "failed", "build_allow_failure": True}, []),
        ({"build_name": "smoke-test", "build_status": "success"}, []),
        ({"build_name": "deploy-web", "build_status": "success"}, ["change.succeeded"]),
        ({"build_name": "deploy-web", "build_status": "canceled"}, ["change.cancelled"]),
        ({"build_name": "deploy-web", "build_status": "running"}, []),
        ({"build_name": "deploy-web", "build_status": "success", "environment": {"name": "production"}}, []),
    ],
)  # fmt: skip
def test_a_job_is_told_where_no_other_kind_tells_of_it(job: dict[str, Any], types: list[str]) -> None:
    """One with an environment is a deployment; of those that went well only the name says which changed something."""
    body = {"object_kind": "build", "project": PROJECT, "ref": "main", "build_id": 9, **job}
    assert [event.type for event in parse_json("gitlab", body)] == types


@pytest.mark.parametrize("kind", [{"a": 1}, ["note"], 7, None])
def test_a_kind_that_is_no_text_is_not_understood(kind: Any) -> None:
    """The delivery is kept as what this version does not read."""
    (event,) = parse_json("gitlab", {"object_kind": kind, "project": PROJECT})
    assert event.type == "source.unrecognised"
