"""incident.io and Rootly: incidents that people declare, what their statuses are, and how they sign."""

from __future__ import annotations

from typing import Any

import pytest

from collector.errors import UnverifiedWebhook
from collector.event import Event
from collector.sources import SOURCES
from collector.webhook import Credentials
from tests.recorded import PAYLOADS, RECEIVED, parse_json, webhook_of

CREATED = "public_incident.incident_created_v2"
STATUS = "public_incident.incident_status_updated_v2"


def changed(before: str, now: str, **more: Any) -> Event:
    """The event of an incident of incident.io that went from one category to another."""
    incident = {"id": "01H", "name": "API errors", "reference": "INC-9", "updated_at": "2026-03-04T14:02:10Z"}
    statuses = {"previous_status": {"name": before.title(), "category": before}, "new_status": {"category": now}}
    (event,) = parse_json("incidentio", {"event_type": STATUS, STATUS: {"incident": incident, **statuses, **more}})
    return event


@pytest.mark.parametrize(
    ("before", "now", "event_type"),
    [
        ("triage", "live", "page.acknowledged"), ("live", "live", "page.status_updated"),
        ("live", "learning", "page.resolved"), ("live", "closed", "page.resolved"),
        ("learning", "closed", "page.status_updated"), ("closed", "live", "page.reopened"),
        ("triage", "declined", "page.resolved"), ("triage", "merged", "page.merged"),
        ("merged", "live", "page.reopened"), ("paused", "live", "page.status_updated"), ("", "", "page.status_updated"),
    ],
)  # fmt: skip
def test_a_change_of_status_is_what_its_categories_say(before: str, now: str, event_type: str) -> None:
    """Teams name their statuses themselves, so the categories say what a change of them is."""
    event = changed(before, now, message="Looking into it")
    assert (event.type, event.entity, event.data["number"]) == (event_type, "01H", "INC-9")
    assert (event.time_text, event.data["text"]) == ("2026-03-04T14:02:10Z", "Looking into it")


def test_an_incident_of_incidentio_that_was_none_was_not_resolved() -> None:
    """One that was declined or cancelled is called so; into which other one it was merged no status says."""
    reasons = [changed("triage", now).data.get("resolve_reason") for now in ("declined", "canceled", "closed")]
    assert reasons == ["declined", "cancelled", None]
    assert "to" not in changed("live", "merged", new_status={"name": "Merged", "category": "merged"}).data


def test_a_message_of_incidentio_that_comes_again_is_the_same_event() -> None:
    """The message's name counts, which every attempt and every endpoint repeats; another message is another event."""
    body = {"event_type": CREATED, CREATED: {"id": "01H", "created_at": "2026-03-04T14:02:10Z"}}
    told = [parse_json("incidentio", body, {"webhook-id": name})[0].id for name in ("msg_1", "msg_1", "msg_2")]
    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize(
    ("mode", "types"), [("test", []), ("tutorial", []), ("retrospective", ["observation.recorded"])]
)
def test_an_incident_that_was_only_tried_out_or_written_down_later_opens_nothing(mode: str, types: list[str]) -> None:
    """Neither begins when it is told."""
    body = {"event_type": CREATED, CREATED: {"id": "01H", "mode": mode}}
    assert [event.type for event in parse_json("incidentio", body)] == types


def test_a_service_is_found_in_the_fields_that_a_team_made() -> None:
    """Fields are called as the team likes: the usual names are known, and the first of several services speaks."""
    field = {"custom_field": {"name": "Affected Services"}, "values": [{"value_text": "cart"}, {"value_text": "pay"}]}
    body = {"event_type": CREATED, CREATED: {"id": "01H", "custom_field_entries": [field]}}
    (event,) = parse_json("incidentio", body)
    assert (event.service, event.labels["affected_services"]) == ("cart", "cart, pay")


def rootly(kind: str, **data: Any) -> Event:
    envelope = {"id": "E1", "type": kind, "issued_at": "2026-03-04T06:02:10.546-08:00"}
    (event,) = parse_json("rootly", {"event": envelope, "data": {"id": "R1", **data}})
    return event


@pytest.mark.parametrize(
    "severity", ["SEV1", {"name": "SEV1"}, {"data": {"attributes": {"name": "SEV1"}}}, {"attributes": {"name": "SEV1"}}]
)
def test_a_name_is_read_however_rootly_wraps_it(severity: Any) -> None:
    """Its API wraps what its webhooks may say plainly."""
    event = rootly("incident.created", severity=severity, services={"data": [{"attributes": {"name": "cart"}}]})
    assert (event.severity, event.service) == ("SEV1", "cart")


def test_what_was_said_when_an_incident_of_rootly_was_mitigated_is_kept() -> None:
    """The message and who did it stand in the event, at the time that Rootly says, with its offset."""
    event = rootly("incident.mitigated", mitigation_message="Pool doubled.", mitigated_by={"name": "Mara"})
    assert (event.type, event.actor, event.data["text"]) == ("page.status_updated", "Mara", "Pool doubled.")
    assert event.occurred_at == 1772632930546000


def test_when_people_say_that_it_was_is_kept() -> None:
    """Rootly has times of its own beside those of its messages; a start that is the declaration's says nothing."""
    at = {"created_at": "2026-03-04T06:02:00-08:00", "mitigated_at": "2026-03-04T06:01:00-08:00"}
    data = rootly("incident.mitigated", started_at="2026-03-04T05:30:00-08:00", **at).data
    assert (data["impact_started_at"], data["mitigated_at"]) == (1772631000000000, 1772632860000000)
    assert "impact_started_at" not in rootly("incident.mitigated", started_at="2026-03-04T06:01:59-08:00", **at).data


def test_what_is_written_of_an_incident_as_a_whole_is_kept() -> None:
    """With every step of it, since nothing says in which it changed; an incident that is declared calls nobody."""
    assert changed("live", "live", message="Looking").data.keys().isdisjoint({"summary", "declares"})
    for event in (
        rootly("incident.created", summary="Half of them fail"),
        *parse_json("incidentio", {"event_type": CREATED, CREATED: {"id": "01H", "summary": "Half of them fail"}}),
    ):
        assert (event.data["summary"], event.data["declares"]) == ("Half of them fail", True)
    later = {"id": "01H", "mode": "retrospective", "summary": "It was slow"}
    (event,) = parse_json("incidentio", {"event_type": CREATED, CREATED: later})
    assert event.data["text"] == "It was slow"


@pytest.mark.parametrize(
    ("roles", "lead"),
    [
        (None, None), ([], ""), ([{"role": {"role_type": "lead"}, "assignee": None}], ""),
        ([{"role": {"name": "Scribe", "role_type": "custom"}, "assignee": {"name": "Bo"}},
          {"role": {"name": "Commander", "role_type": "lead"}, "assignee": {"name": "Mara"}}], "Mara"),
    ],
)  # fmt: skip
def test_who_leads_an_incident_of_incidentio_stands_in_every_message(roles: Any, lead: str | None) -> None:
    """By the type of the role, which teams may call otherwise; a message without roles says nothing of it."""
    body = {"event_type": CREATED, CREATED: {"id": "01H", "incident_role_assignments": roles}}
    (event,) = parse_json("incidentio", body)
    assert event.data.get("lead") == lead


def test_what_people_write_in_opsgenie_is_kept() -> None:
    """A note with an action that is set aside, another message and another description of the alert."""

    def told(action: str, **fields: Any) -> list[tuple[str, Any]]:
        alert = {"alertId": "a", "message": "Slow", "username": "ana@shop.example", "updatedAt": 1772633041123000245}
        events = parse_json("opsgenie", {"action": action, "alert": alert | fields})
        return [(event.type, event.data.get("summary") or event.data.get("text")) for event in events]

    assert told("EscalateNext") == told("AddTags", note=" ") == []
    assert told("AddTags", note="Until 11") == [("note.added", "Until 11")]
    assert told("Snooze", note="Until 11") == [("page.snoozed", "Until 11")]
    assert told("SnoozeEnded") == [("page.snooze_ended", None)]
    assert told("UpdateMessage") == [("page.updated", "Slow")]
    assert told("UpdateDescription", description="Half of them") == [("page.updated", "Half of them")]
    assert told("Create", description="Half of them") == [("page.triggered", "Half of them")]


def test_what_opsgenie_calls_an_action_is_kept_as_text_that_can_be_stored() -> None:
    """A word of anybody's may hold what no database takes."""
    alert = {"alertId": "a", "note": "x", "updatedAt": 1772633041123000245}
    (event,) = parse_json("opsgenie", {"action": "my\u0000own", "alert": alert})
    assert "\x00" not in event.data["kind"]


def test_an_incident_of_rootly_is_one_with_the_page_that_it_names() -> None:
    """Both systems tell of one incident."""
    assert rootly("incident.created", pagerduty_incident_id="Q1").refs == ("page:R1", "page:Q1")


@pytest.mark.parametrize("kind", ["incidentio", "rootly"])
def test_a_signature_that_a_test_makes_is_accepted_and_no_other(kind: str) -> None:
    """`timelined sources send-test` signs as the sender does."""
    source, secret, body = SOURCES[kind], b"whsec_bGFya2ZpZWxk", b'{"event": {"type": "pulse.created"}}'
    assert source.sign is not None
    headers = source.sign(body, secret, RECEIVED)
    credentials = Credentials(signing=(secret,))
    assert source.verify(webhook_of(kind, body, headers), credentials) == "signature"
    for wrong in (webhook_of(kind, body + b" ", headers), webhook_of(kind, body, {})):
        with pytest.raises(UnverifiedWebhook):
            source.verify(wrong, credentials)


def test_the_time_in_the_header_of_rootly_is_signed() -> None:
    """Another time of signing is another signature."""
    body, secret = b"{}", b"made-up"
    assert SOURCES["rootly"].sign is not None
    header = SOURCES["rootly"].sign(body, secret, RECEIVED)["x-rootly-signature"]
    moved = webhook_of("rootly", body, {"x-rootly-signature": header.replace("t=17", "t=18")})
    with pytest.raises(UnverifiedWebhook):
        SOURCES["rootly"].verify(moved, Credentials(signing=(secret,)))


def test_published_bodies_of_both_are_read() -> None:
    """An alert of Rootly; a follow-up and a private action of incident.io."""
    bodies = {path.name: path for folder in ("incident-io", "rootly") for path in (PAYLOADS / folder).glob("*.json")}
    if not bodies:
        pytest.skip("the public examples are not here")
    (alert,) = parse_json("rootly", bodies["alert.created.json"].read_bytes())
    assert (alert.type, alert.title) == ("alert.firing", "database-prod-002 Memory threshold over 85%")
    assert alert.time_text == "2022-11-27T19:15:29.546-08:00"
    updated = bodies["follow_up_updated_v1.json"].read_bytes()
    assert parse_json("incidentio", updated) == ()
    (task,) = parse_json("incidentio", updated.replace(b"follow_up_updated_v1", b"follow_up_created_v1"))
    assert (task.type, task.data["text"]) == ("note.added", "Call the fire brigade")
    assert (task.entity, task.time_text) == ("01FCNDV6P870EA6S7TK1DSYDG0", "2021-08-17T13:28:57.801578Z")
    assert parse_json("incidentio", bodies["private_action_created_v1.json"].read_bytes()) == ()
