"""PagerDuty's kinds: what each of them tells of a page."""

from __future__ import annotations

from typing import Any

import pytest

from collector.event import Event
from tests.recorded import body_of, parse_json

OTHER = {"id": "Q9", "type": "incident_reference", "summary": "[#9] API errors", "html_url": "https://pd.example/Q9"}


def page(kind: str, data: dict[str, Any], **changes: Any) -> Event:
    envelope = {"id": "01EVENT", "event_type": kind, "occurred_at": "2026-03-04T14:02:10.123Z", "data": data}
    (event,) = parse_json("pagerduty", {"event": {**envelope, **changes}})
    return event


def test_two_subscriptions_tell_one_fact() -> None:
    """The event's own id counts, not the delivery's."""
    body = {"event": {"id": "01EVENT", "event_type": "incident.resolved", "data": {"id": "Q1", "type": "incident"}}}
    ids = {parse_json("pagerduty", body, {"X-Webhook-Id": hook})[0].id for hook in ("one", "two")}
    assert len(ids) == 1


def test_an_incident_key_that_is_no_group_key_points_at_an_alert() -> None:
    """Only a SHA-256 can be Alertmanager's group key."""
    event = page("incident.triggered", {"id": "Q1", "type": "incident", "incident_key": "disk/db-3"})
    assert event.refs == ("page:Q1", "alert:disk/db-3")


def test_where_a_page_went_is_told() -> None:
    """A reassignment names the people, a delegation the policy, a priority its name."""
    data = {
        "id": "Q1",
        "type": "incident",
        "assignees": [{"summary": "Mara"}, {"summary": "Tomasz"}],
        "escalation_policy": {"summary": "Databases"},
        "priority": {"summary": "P2"},
    }
    told = {kind: page(f"incident.{kind}", data).data["to"] for kind in ("reassigned", "delegated", "priority_updated")}
    assert told == {"reassigned": "Mara, Tomasz", "delegated": "Databases", "priority_updated": "P2"}


def test_a_workflow_without_an_incident_is_an_observation() -> None:
    """A workflow that a person started by hand belongs to no page."""
    event = page("incident.workflow.started", {"id": "PFLOW", "type": "incident_workflow_instance", "summary": "Tell"})
    assert (event.type, event.entity, event.title, event.refs) == ("observation.recorded", "PFLOW", "Tell", ())


def test_data_out_of_shape_names_its_place() -> None:
    """The reason tells which field is not as PagerDuty documents it, and quotes nothing of it."""
    event = page("incident.triggered", {"id": "Q1", "type": "incident", "title": ["secret"]})
    assert event.type == "source.unrecognised"
    assert "$.event.data.title" in event.data["reason"]
    assert "secret" not in event.data["reason"]
    assert event.data["kind"] == "incident.triggered"


# --- merges -----------------------------------------------------------------------------------------------------------


def test_a_merge_is_no_resolve_and_names_the_other_page() -> None:
    """PagerDuty says so in the reason of the resolve; both pages are in the event's refs, so grouping ties them."""
    reason = {"type": "merge_resolve_reason", "incident": OTHER}
    event = page("incident.resolved", {"id": "Q1", "type": "incident", "title": "Backlog", "resolve_reason": reason})
    assert (event.type, event.data["merged_into"], event.data["to"]) == ("page.merged", "Q9", "incident 9, API errors")
    assert event.refs == ("page:Q1", "page:Q9")
    assert ("merged_into", "https://pd.example/Q9") in [(link.rel, link.url) for link in event.links]


@pytest.mark.parametrize(
    "reason",
    [
        None, "merged", {}, [], {"type": "merge_resolve_reason"}, {"type": "merge_resolve_reason", "incident": {}},
        {"type": "other", "incident": OTHER}, {"type": "merge_resolve_reason", "incident": 7},
    ],
)  # fmt: skip
def test_a_resolve_for_another_reason_is_a_resolve(reason: Any) -> None:
    """Only a reason that says merge and names the other incident makes one."""
    event = page("incident.resolved", {"id": "Q1", "type": "incident", "resolve_reason": reason})
    assert (event.type, event.refs) == ("page.resolved", ("page:Q1",))


# --- people, priorities, words ----------------------------------------------------------------------------------------


def test_who_was_asked_to_join_and_who_joined_is_told() -> None:
    """A request names who was asked and its words; an answer is by who gave it, and says which it is."""
    request_for_help = {"type": "incident_responder", "incident": OTHER, "message": "Please help", "state": "pending"}
    request_for_help["user"] = {"id": "U2", "type": "user_reference", "summary": "Tomasz"}
    event = page("incident.responder.added", request_for_help, agent={"type": "user_reference", "summary": "Mara"})
    told = [event.data[key] for key in ("to", "text", "state")]
    assert (event.actor, told) == ("Mara", ["Tomasz", "Please help", "pending"])
    event = page("incident.responder.replied", {**request_for_help, "state": "accepted"}, agent=None)
    assert (event.type, event.actor, event.data["state"]) == ("page.responder_replied", "Tomasz", "accepted")


def test_a_status_update_to_subscribers_is_no_status_page() -> None:
    """It was sent by mail to those who subscribed; the page keeps its title, and the words stand beside it."""
    data = {"type": "incident_status_update", "incident": OTHER, "id": "U", "message": "We are on it"}
    event = page("incident.status_update_published", data)
    assert (event.type, event.title, event.data["text"]) == ("page.update_sent", "API errors", "We are on it")


def test_a_reference_to_an_incident_has_its_number_and_its_title() -> None:
    """`[#9] API errors` is incident 9, called API errors."""
    event = page("incident.annotated", {"type": "incident_note", "incident": OTHER, "id": "N", "content": "x"})
    assert event.data["number"] == 9
    assert page("incident.task.created", {"type": "incident_task", "incident": OTHER, "id": "T"}).title == "API errors"


@pytest.mark.parametrize(
    ("bridge", "url", "number"),
    [
        ({"conference_number": "+1-555-0100", "conference_url": "https://meet.example/1"}, "https://meet.example/1",
         "+1-555-0100"),
        ({"conference_number": 15550100, "conference_url": None}, None, "15550100"),
        (None, None, None), ("call me", None, None), ([], None, None),
    ],
)  # fmt: skip
def test_the_bridge_of_an_incident_is_kept(bridge: Any, url: str | None, number: str | None) -> None:
    """Bodies of incidents hold the bridge as well; whatever else stands there breaks nothing."""
    event = page("incident.acknowledged", {"id": "Q1", "type": "incident", "conference_bridge": bridge})
    assert next((link.url for link in event.links if link.rel == "bridge"), None) == url
    assert event.data.get("bridge") == number


# --- version 2 ----------------------------------------------------------------------------------------------------


def message(kind: str, incident: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    """A message of version 2."""
    made = {"id": "5f6c", "event": kind, "created_on": "2026-03-04T14:02:10Z", "log_entries": list(entries)}
    return {**made, "incident": {"id": "Q1", "incident_number": 9, "title": "API errors", **incident}}


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("trigger", "page.triggered"), ("acknowledge", "page.acknowledged"), ("unacknowledge", "page.unacknowledged"),
        ("resolve", "page.resolved"), ("assign", "page.reassigned"), ("escalate", "page.escalated"),
        ("delegate", "page.delegated"), ("annotate", "note.added"),
    ],
)  # fmt: skip
def test_a_message_of_version_2_is_told_as_version_3_tells_it(kind: str, type_: str) -> None:
    """Each kind of V2 is one of V3's, with who did it out of the log entry, at the message's own time."""
    mara = {"id": "P1", "type": "user_reference", "summary": "Mara"}
    body = message(f"incident.{kind}", {"service": {"name": "API"}}, {"agent": mara, "channel": {"summary": "told"}})
    (event,) = parse_json("pagerduty", {"messages": [body]})
    assert (event.type, event.entity, event.actor, event.service) == (type_, "Q1", "Mara", "API")
    assert (event.time_text, event.data["kind"]) == ("2026-03-04T14:02:10Z", f"incident.{kind}")
    assert event.data.get("number") == (None if kind == "annotate" else 9)
    assert event.title == ("told" if kind == "annotate" else "API errors")


def test_a_message_out_of_shape_spoils_no_other() -> None:
    """Of several messages each is read by itself, and the reason names the one that is wrong."""
    broken = message("incident.resolve", {"title": ["secret"]})
    told = parse_json("pagerduty", {"messages": [broken, message("incident.trigger", {})]})
    assert [event.type for event in told] == ["source.unrecognised", "page.triggered"]
    assert "$.messages[0].incident.title" in told[0].data["reason"]


def test_a_merge_of_version_2_resolves_nothing() -> None:
    """V2 says that an incident was merged and not into which one: that is told as a merge all the same."""
    (event,) = parse_json("pagerduty", {"messages": [message("incident.resolve", {"resolve_reason": "merged"})]})
    assert event.type == "page.merged"
    assert "merged_into" not in event.data


# --- what is not understood -------------------------------------------------------------------------------------------


def test_the_oldest_version_gets_a_reason_that_names_the_new_one() -> None:
    """Whoever still sends version 1 reads what to set up instead."""
    (event,) = parse_json("pagerduty", {"messages": [{"type": "incident.trigger", "data": {}}]})
    assert event.type == "source.unrecognised"
    assert "(v3)" in event.data["reason"]


def test_an_unknown_kind_names_the_page_it_is_about() -> None:
    """Drafts about that page speak of it, others do not."""
    data = {"id": "Q1", "type": "incident", "service": {"summary": "Checkout"}}
    event = page("incident.dreamt_of", data)
    assert (event.type, event.service, event.refs) == ("source.unrecognised", "Checkout", ("page:Q1",))


def test_a_note_of_nothing_that_is_seen_is_called_by_its_page() -> None:
    """A line needs something to show."""
    body = body_of("pagerduty", "annotated", event__data__content="\x00\u200b")
    (event,) = parse_json("pagerduty", body)
    assert event.title
