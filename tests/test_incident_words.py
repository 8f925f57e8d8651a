"""What people wrote and named at paging and incident tools is told: all services, earlier values, notes, runbooks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from collector.event import Event
from collector.sources import SOURCES
from tests.recorded import READING, body_of, parse_json, webhook_of

CREATED = "public_incident.incident_created_v2"


def incidentio(**fields: Any) -> Event:
    incident = {"id": "01H", "created_at": "2026-03-04T14:02:10Z", **fields}
    (event,) = parse_json("incidentio", {"event_type": CREATED, CREATED: incident})
    return event


def entry(name: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"custom_field": {"name": name}, "values": list(values)}


def test_custom_fields_of_every_kind_are_kept() -> None:
    """incident.io has texts, options, entries of the catalog, links and numbers; nought is a number."""
    event = incidentio(custom_field_entries=[
        entry("Customers", {"value_numeric": "214"}), entry("Lost", {"value_numeric": 0}),
        entry("Board", {"value_link": "https://board.example/7"}), entry("Empty", {"value_text": ""}),
    ])  # fmt: skip
    assert event.labels == {"customers": "214", "lost": "0", "board": "https://board.example/7"}


def test_a_field_that_names_nothing_first_names_the_service_all_the_same() -> None:
    """``None`` is an option that teams make; every value stands in the field's label."""
    fields = [entry("Affected services", {"value_option": {"value": "None"}}, {"value_option": {"value": "cart"}})]
    event = incidentio(custom_field_entries=fields)
    assert (event.service, event.labels["affected_services"]) == ("cart", "None, cart")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Impact started at", {"value": "2026-03-04T13:40:00Z"}, 1772631600000000),
        ("impact start", {"value": "2026-03-04T13:40:00+00:00"}, 1772631600000000),
        ("Impact started at", {"value": "2026-03-04T14:02:00Z"}, None),
        ("Impact started at", None, None),
        ("Reported at", {"value": "2026-03-04T13:40:00Z"}, None),
    ],
)
def test_when_people_say_that_the_impact_began_is_kept(name: str, value: Any, expected: int | None) -> None:
    """By the name of incident.io's timestamp; one within a minute of the declaration says nothing."""
    event = incidentio(incident_timestamp_values=[{"incident_timestamp": {"name": name}, "value": value}])
    assert event.data.get("impact_started_at") == expected


def test_each_further_service_of_incidentio_is_kept_once() -> None:
    """Of a field that names several, and of fields of several names; of an alert's attributes likewise."""
    values = [{"value_option": {"value": name}} for name in ("None", "cart", "pay", "cart")]
    event = incidentio(custom_field_entries=[entry("Service", *values), entry("Services", {"value_text": "geo"})])
    assert (event.service, event.data["further_services"]) == ("cart", ["pay", "geo"])
    assert "further_services" not in incidentio(custom_field_entries=[entry("Services", values[1])]).data
    kind = "public_alert.alert_created_v1"
    several = {"attribute": {"name": "Affected services"}, "array_value": [{"label": "cart"}, {"label": "pay"}]}
    alert = {"id": "A1", "title": "Slow", "created_at": "2026-03-04T14:02:10Z", "attributes": [several]}
    (event,) = parse_json("incidentio", {"event_type": kind, kind: alert})
    assert (event.service, event.data["further_services"]) == ("cart", ["pay"])


def rootly(kind: str, **data: Any) -> Event:
    envelope = {"id": "E1", "type": kind, "issued_at": "2026-03-04T06:02:10.546-08:00"}
    (event,) = parse_json("rootly", {"event": envelope, "data": {"id": "R1", **data}})
    return event


def test_all_that_an_incident_of_rootly_names_is_kept() -> None:
    """An event has one service; where there are more, the others stand beside it, and functionalities in a label."""
    event = rootly("incident.created", services=[{"name": "cart"}, {"name": "pay"}], environments=[{"name": "prod"}],
                   functionalities=[{"name": "Checkout"}], labels={"tier": 1})  # fmt: skip
    assert (event.service, event.environment) == ("cart", "prod")
    assert event.labels == {"functionalities": "Checkout", "tier": "1"}
    assert event.data["further_services"] == ["pay"]
    alone = rootly("incident.created", services=[{"name": "cart"}])
    assert (alone.labels, alone.data.get("further_services")) == ({}, None)
    alert = rootly("alert.created", services=[{"name": "cart"}, {"name": "pay"}, {"name": "pay"}, {"name": "n/a"}])
    assert (alert.service, alert.data["further_services"]) == ("cart", ["pay"])
    assert rootly("alert.created", summary="p99", description="Above 2 s").data["description"] == "Above 2 s"


def test_all_components_that_an_update_affects_are_kept() -> None:
    """The first is the service of what a status page published; the others stand beside it."""
    update = {"id": "u1", "status": "investigating", "body": "Slow", "created_at": "2026-03-04T14:02:10Z"}
    affected = [{"name": "Checkout"}, {"name": "Search"}]
    incident = {"id": "i1", "name": "Slow", "incident_updates": [update | {"affected_components": affected}]}
    (event,) = parse_json("statuspage", {"incident": incident})
    assert (event.service, event.labels, event.data["further_services"]) == ("Checkout", {}, ["Search"])
    reading = msgspec.structs.replace(READING, vendor="Fastly")
    (theirs,) = SOURCES["statuspage"].parse(
        webhook_of("statuspage", json.dumps({"incident": incident}).encode()), reading
    )
    assert (theirs.id, theirs.service) == (event.id, None)
    assert (theirs.data["vendor"], "further_services" in theirs.data) == ("Fastly", False)
    incident["incident_updates"] = [update | {"affected_components": affected[:1]}]
    (event,) = parse_json("statuspage", {"incident": incident})
    assert (event.service, event.labels) == ("Checkout", {})
    assert "further_services" not in event.data


def test_several_entities_of_an_issue_and_who_took_it_are_kept() -> None:
    """New Relic names all that an issue is about; a template may say whose it is."""
    body = {"id": "1", "state": "ACKNOWLEDGED", "title": "Slow", "impactedEntities": ["cart", "pay"], "owner": "Ana"}
    (event,) = parse_json("newrelic", body)
    assert (event.type, event.actor, event.service) == ("note.added", "Ana", None)
    assert (event.labels, event.data["further_services"]) == ({}, ["cart", "pay"])
    (event,) = parse_json("newrelic", body | {"state": "ACTIVATED", "owner": "N/A"})
    assert event.actor is None


def opsgenie(action: str, **fields: Any) -> Event:
    alert = {"alertId": "a", "message": "Slow", "username": "ana@shop.example", "updatedAt": 1772633041123000245}
    (event,) = parse_json("opsgenie", {"action": action, "alert": alert | fields})
    return event


@pytest.mark.parametrize(("tags", "expected"), [
    (["service:cart", "service:pay", "eu"], ["pay"]), (["service:cart"], None), (["eu"], None),
])  # fmt: skip
def test_all_services_that_tags_name_are_kept(tags: list[str], expected: list[str] | None) -> None:
    """A label holds the first; Datadog writes tags in a row."""
    assert opsgenie("Create", tags=tags).data.get("further_services") == expected
    body = body_of("datadog", "triggered")
    body["tags"] = ",".join(tags)
    (event,) = parse_json("datadog", body)
    assert event.data.get("further_services") == expected


def test_what_a_priority_was_before_is_kept() -> None:
    """Opsgenie says both."""
    data = opsgenie("UpdatePriority", priority="P1", oldPriority="P3").data
    assert (data["from"], data["to"]) == ("P3", "P1")
    assert "from" not in opsgenie("UpdatePriority", priority="P1").data


def test_a_note_with_an_action_of_a_teams_own_is_kept() -> None:
    """What was done is not known, and what somebody wrote is; without words it is not understood."""
    event = opsgenie("Restart the pool", note="Trying this")
    assert (event.type, event.title, event.actor) == ("note.added", "Trying this", "ana@shop.example")
    assert event.data == {"kind": "Restart the pool", "text": "Trying this"}
    assert opsgenie("Restart the pool").type == "source.unrecognised"


def pagerduty(kind: str, data: dict[str, Any]) -> tuple[Event, ...]:
    event = {"id": "01X", "event_type": kind, "occurred_at": "2026-03-04T14:02:10Z", "data": data}
    return parse_json("pagerduty", {"event": event})


def test_each_role_that_was_assigned_is_an_event() -> None:
    """PagerDuty tells several in one body; the first keeps its id."""
    incident = {"id": "Q1", "type": "incident_reference"}
    roles = [{"incident": incident, "role": {"summary": role}, "assignee": {"summary": person}}
             for role, person in (("Commander", "Ana"), ("Scribe", "Bo"))]  # fmt: skip
    both = pagerduty("incident.role.assigned", {"incident_role_assignments": roles})
    (alone,) = pagerduty("incident.role.assigned", {"incident_role_assignments": roles[:1]})
    assert [(event.data["text"], event.data["to"]) for event in both] == [("Commander", "Ana"), ("Scribe", "Bo")]
    assert (both[0].id, both[0].entity, both[1].entity) == (alone.id, "Q1", "Q1")
    assert both[1].id != both[0].id


def test_fields_that_stayed_as_they_were_are_no_news() -> None:
    """PagerDuty sends all custom fields, and beside them the earlier values of those that changed."""
    fields = [{"name": "environment", "value": "production"}, {"name": "customers", "value": 214}]
    data = {"incident": {"id": "Q1"}, "custom_fields": fields, "type": "incident_field_values"}
    kind = "incident.custom_field_values.updated"
    (event,) = pagerduty(kind, data | {"changed_custom_fields": [{"name": "customers", "value": None}]})
    assert (event.data["text"], event.data["from"]) == ("customers: 214", "customers: none")
    assert event.environment == "production"
    (event,) = pagerduty(kind, data | {"changed_custom_fields": []})
    assert (event.data["text"], "from" in event.data) == ("environment: production; customers: 214", False)


def test_annotations_of_splunk_on_call_are_kept() -> None:
    """Its rules put runbooks and notes to an alert, under names of the team's own."""
    body = {"STATE.INCIDENT_NAME": "7", "STATE.CURRENT_ALERT_PHASE": "UNACKED", "ALERT.state_message": "p99 above 2 s",
            "ALERT.vo_annotate.u.Checkout Runbook": "https://wiki.example/checkout",
            "ALERT.vo_annotate.s.Note": "Ask payments first", "ALERT.vo_annotate.u.Graph": "no address"}  # fmt: skip
    (event,) = parse_json("splunkoncall", body)
    assert [(link.rel, link.url) for link in event.links] == [("runbook", "https://wiki.example/checkout")]
    assert event.data["text"] == "p99 above 2 s\nNote: Ask payments first"
    (taken,) = parse_json("splunkoncall", body | {"STATE.CURRENT_ALERT_PHASE": "ACKED", "STATE.ACK_MSG": "On it"})
    assert (taken.links, taken.data["text"]) == ((), "On it")


def test_what_a_cluster_says_of_itself_in_flux_is_kept() -> None:
    """The metadata of an Alert are labels; revisions stand elsewhere."""
    group = "kustomize.toolkit.fluxcd.io"
    metadata = {f"{group}/revision": "main@sha1:" + "a" * 40, "cluster": "eu-1", "summary": "The shop's cluster"}
    body = {"involvedObject": {"kind": "Kustomization", "name": "cart"}, "reason": "ReconciliationSucceeded",
            "severity": "info", "timestamp": "2026-03-04T14:02:10Z", "metadata": metadata}  # fmt: skip
    (event,) = parse_json("flux", body)
    assert event.labels == {"cluster": "eu-1", "summary": "The shop's cluster"}


def test_a_monitors_message_is_kept_where_a_template_has_it() -> None:
    """The line is the team's to add; a variable that nobody filled in says nothing."""
    body = {"timelined": "datadog.1", "transition": "Triggered", "monitor": "7", "title": "p99"}
    assert parse_json("datadog", body | {"text": "p99 is 2.4 s"})[0].data["description"] == "p99 is 2.4 s"
    assert "description" not in parse_json("datadog", body | {"text": "$TEXT_ONLY_MSG"})[0].data


@pytest.mark.parametrize("key", ["message", "description", "Cause", "StatusMessage"])
def test_a_sentence_of_a_service_of_aws_is_kept(key: str) -> None:
    """Its services call it by different names."""
    body = {"id": "1", "detail-type": "EC2 Instance Launch Unsuccessful", "source": "aws.autoscaling",
            "time": "2026-03-04T14:02:10Z", "resources": [], "detail": {key: "No capacity"}}  # fmt: skip
    (event,) = parse_json("aws", body)
    assert event.data["text"] == "No capacity"


def test_an_edited_comment_is_told_beside_the_first() -> None:
    """Sentry does not say when it was edited: that is when its hook was sent."""

    def comment(action: str, text: str, hook: str) -> Event:
        data = {"comment": text, "comment_id": 7, "issue_id": 88, "timestamp": "2026-03-04T14:10:00Z"}
        headers = {"sentry-hook-resource": "comment", "sentry-hook-timestamp": hook}
        (event,) = parse_json(
            "sentry", {"action": action, "data": data, "actor": {"type": "user", "name": "Ana"}}, headers
        )
        return event

    first, edit = comment("created", "It is the pool", "1772633400"), comment("updated", "It is DNS", "1772633500")
    assert (edit.type, edit.data, edit.actor) == ("note.added", {"text": "It is DNS", "kind": "comment edited"}, "Ana")
    assert (edit.entity, edit.occurred_at) == (first.entity, 1772633500000000)
    assert len({first.id, edit.id, comment("updated", "It is both", "1772633600").id}) == 3
    assert edit.id == comment("updated", "It is DNS", "1772633500").id


def test_tags_without_a_value_are_kept() -> None:
    """Somebody chose them: at Opsgenie and Datadog they stand together in one label."""
    event = opsgenie("Close", tags=["gold", "service:cart", "eu"])
    assert event.labels == {"service": "cart", "tags": "gold, eu"}
    assert opsgenie("Close", tags=["gold"], details={"tags": "mine"}).labels == {"tags": "mine"}
    body = {"timelined": "datadog.1", "transition": "Triggered", "monitor": "7", "tags": "monitor,env:prod,,team:shop"}
    assert parse_json("datadog", body)[0].labels == {"env": "prod", "team": "shop", "tags": "monitor"}


def betterstack(event: str, **more: Any) -> Event:
    attributes = {"name": "cart", "started_at": "2026-03-04T14:02:10Z", "acknowledged_at": None, "resolved_at": None}
    incident = {"id": "25", "type": "incident", "attributes": attributes | more.pop("attributes", {})}
    (page,) = parse_json("betterstack", {"event": event, "data": incident, **more})
    return page


@pytest.mark.parametrize("author", ["Ana", {"name": "Ana"}, {"email": "Ana"}, {"name": None, "email": "Ana"}])
def test_a_comment_below_an_incident_of_better_stack_is_a_note(author: Any) -> None:
    """With who wrote it; told again it is the one, and another one is another."""
    first = betterstack("comment", comment={"id": 1, "content": "It is the pool", "author": author})
    assert (first.type, first.actor, first.data) == ("note.added", "Ana", {"kind": "comment", "text": "It is the pool"})
    assert (first.entity, first.refs, first.service) == ("25", ("page:25",), "cart")
    ids = [betterstack("comment", comment={"id": n, "content": "It is the pool", "author": author}).id for n in (1, 2)]
    assert ids[0] == first.id != ids[1]
    assert betterstack("comment", comment={"content": "A"}).id != betterstack("comment", comment={"content": "B"}).id


def test_an_incident_of_better_stack_may_be_opened_again() -> None:
    """More than once; and what becomes of a monitor is no step of an incident."""
    ends = [betterstack("reopened", attributes={"resolved_at": f"2026-03-04T1{n}:00:00Z"}) for n in (4, 5)]
    assert [event.type for event in ends] == ["page.reopened"] * 2
    assert ends[0].id != ends[1].id
    assert betterstack("created").id == betterstack("started").id
    monitor = {"id": "1", "type": "monitor", "attributes": {"url": "https://shop.example", "paused_at": None}}
    assert [parse_json("betterstack", {"event": each, "data": monitor}) for each in ("created", "paused")] == [(), ()]


def test_a_build_may_wait_more_than_once() -> None:
    """Each time at another step, which Buildkite tells by when it came to wait; told again it is the same wait."""

    def wait(finished_at: str) -> Event:
        build = {"id": "b", "state": "passed", "blocked": True, "finished_at": finished_at, "message": "Deploy"}
        (event,) = parse_json("buildkite", {"event": "build.finished", "build": build, "pipeline": {"name": "shop"}})
        return event

    first, again, second = (wait(f"2026-03-04T14:0{minute}:00Z") for minute in (2, 2, 9))
    assert (first.type, first.id == again.id, first.id == second.id) == ("change.requested", True, False)


def task(kind: str, message: str, **fields: Any) -> Event:
    body = {"id": "F1", "incident_id": "01H", "created_at": "2026-03-04T14:58:00Z", **fields}
    name = f"public_incident.{kind}"
    (event,) = parse_json("incidentio", {"event_type": name, name: body}, {"webhook-id": message})
    return event


def test_what_is_to_be_done_is_kept_with_who_wrote_it() -> None:
    """Its title and what is written below it, and where it is kept elsewhere."""
    issue = {"issue_permalink": "https://issues.example/7", "issue_name": "SHOP-7"}
    event = task("follow_up_created_v2", "m1", title="Alert on a full pool", description="Before it hurts.",
                 creator={"user": {"name": "Ana"}}, external_issue_reference=issue)  # fmt: skip
    assert (event.title, event.data["text"]) == ("Alert on a full pool", "Alert on a full pool\nBefore it hurts.")
    assert (event.actor, [link.url for link in event.links]) == ("Ana", ["https://issues.example/7"])


def test_two_versions_of_one_follow_up_are_one_event() -> None:
    """An endpoint that asks for every event gets both, in messages of their own; an action of that id is another."""
    first = task("follow_up_created_v1", "m1", description="Alert on a full pool")
    second = task("follow_up_created_v2", "m2", title="Alert on a full pool", description="Alert on a full pool")
    assert (first.id, first.data["text"]) == (second.id, second.data["text"])
    others = [task("follow_up_created_v2", "m2", id="F2"), task("action_created_v1", "m3")]
    assert len({first.id, *(event.id for event in others)}) == 3


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "IAMUser", "userName": "ana"}, "ana"),
        ({"type": "AssumedRole", "principalId": "AROA7:ana@shop.example"}, "ana@shop.example"),
        ({"type": "AssumedRole", "principalId": "AROA7:i-0abc1234"}, None),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, None),
        ("[redacted]", None),
    ],
)
def test_what_somebody_did_by_the_api_of_aws_is_told_with_who_it_was(identity: Any, actor: str | None) -> None:
    """CloudTrail names the call and the caller; a session that is no person's is a program's."""
    detail = {"eventName": "ModifyDBInstance", "eventSource": "rds.amazonaws.com", "userIdentity": identity,
              "eventTime": "2026-03-04T14:02:09Z"}  # fmt: skip
    body = {"id": "1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.rds",
            "time": "2026-03-04T14:02:10Z", "detail": detail}  # fmt: skip
    (event,) = parse_json("aws", body)
    assert (event.type, event.title, event.actor) == ("observation.recorded", "ModifyDBInstance", actor)
    assert (event.data["subject"], event.time_text) == ("rds.amazonaws.com", "2026-03-04T14:02:09Z")


def test_an_id_is_no_name() -> None:
    """Opsgenie's oldest bodies have the ids of whom they call and of their teams, and no names."""
    ident = "daed1180-0ce8-438b-8f8e-57e1a5920a2d"
    called = opsgenie("Create", recipients=[ident, "ana@shop.example"], teams=[ident], responders=[{"name": "Shop"}])
    assert called.data["assignees"] == ["ana@shop.example", "Shop"]
    assert "escalation_policy" not in called.data
    assert opsgenie("Create", teams=["Shop"]).data["escalation_policy"] == "Shop"


def test_a_team_or_a_schedule_of_opsgenie_is_nobody() -> None:
    """It is told as what calls people, also where it stands among responders or is added later."""
    responders = [
        {"name": "Ana Lima", "type": "user"}, {"name": "Shop", "type": "team"}, {"name": "Nights", "type": "schedule"},
        {"name": "Shop escalation", "type": "escalation"},
    ]  # fmt: skip
    data = opsgenie("Create", responders=responders, teams=["Shop"]).data
    assert (data["assignees"], data["escalation_policy"]) == (["Ana Lima"], "Shop, Nights, Shop escalation")
    added = opsgenie("AddTeam", team="Payments").data
    assert (added["to"], added["escalation_policy"]) == ("Payments", "Payments")
    assert "escalation_policy" not in opsgenie("AddResponder", recipient="ben@shop.example").data


def slack(**message: Any) -> list[tuple[str, str]]:
    event = {"type": "message", "channel": "C0INC000001", "user": "U1", "ts": "1772633041.000100", **message}
    body = {"type": "event_callback", "team_id": "T1", "event": event}
    return [(each.title, each.data["text"]) for each in parse_json("slack", body)]


def test_what_a_message_shares_is_told() -> None:
    """A screenshot, or another message, also beside words; what Slack shows of a link is nobody's word."""
    files = [{"title": "p99 of checkout", "name": "image.png"}, {"name": "pool.txt"}, "x"]
    shared = [{"is_share": True, "text": "The pool is <http://w.example|full>", "fallback": "…"}, {"fallback": "Note"}]
    assert slack(text="", subtype="file_share", files=files) == [("p99 of checkout", "p99 of checkout\npool.txt")]
    assert slack(attachments=shared)[0][1] == "The pool is full (http://w.example)\nNote"
    beside = "Look &lt;\nThe pool is full (http://w.example)\np99 of checkout\npool.txt"
    assert slack(text="Look &amp;lt;", files=files, attachments=shared) == [("Look &lt;", beside)]
    assert slack(text="", files="[redacted]") == slack(text="", attachments=[{}]) == []


@pytest.mark.parametrize(
    ("count", "users", "expected"),
    [
        ("41", 12, (41, 12)), ("1", 0, (1, None)), (None, 3, (None, None)), ("many", 3, (None, None)),
        ("9" * 30, 3, (None, None)), (7, -1, (7, None)),
    ],
)  # fmt: skip
def test_sentry_says_how_many_errors_and_users_it_counted(
    count: object, users: int, expected: tuple[int | None, int | None]
) -> None:
    """Since the issue was seen first, until the hook was sent; a count that is none is left out."""
    body = body_of("sentry", "issue-created", data__issue__count=count, data__issue__userCount=users)
    headers = {"Sentry-Hook-Resource": "issue", "Sentry-Hook-Timestamp": "1772633000"}
    (event,) = parse_json("sentry", body, headers)
    assert (event.data.get("seen_events"), event.data.get("seen_users")) == expected
    if expected[0]:
        assert (event.data["seen_since"], event.data["seen_until"]) == (event.occurred_at, 1772633000 * 10**6)
