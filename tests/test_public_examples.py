"""Bodies copied from public documentation, which may be absent: each is read as what it is."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from collector.errors import UnverifiedWebhook
from collector.sources import SOURCES
from collector.sources.pagerduty.v3 import TYPES as PAGERDUTY_TYPES
from collector.times import rfc3339
from collector.webhook import Credentials, Reading
from tests.recorded import PAYLOADS, RECEIVED, assert_storable, parse_json, webhook_of


def _payloads(pattern: str) -> list[Path]:
    files = sorted(PAYLOADS.glob(pattern))
    if not files:
        pytest.skip("the public examples are not here")
    return files


def test_public_alertmanager_examples() -> None:
    """Bodies of many versions become one event for each alert, none of them unrecognised."""
    for path in _payloads("alertmanager/*.json"):
        body = json.loads(path.read_bytes())
        events = parse_json("alertmanager", path.read_bytes())
        assert [event.type for event in events] == [
            f"alert.{alert.get('status', body['status'])}" for alert in body["alerts"]
        ]
        for event in events:
            assert_storable(event)


def test_public_pagerduty_examples() -> None:
    """Whole deliveries and every documented kind of data become one event."""
    for path in _payloads("pagerduty/v3-*.json"):
        kind = json.loads(path.read_bytes())["event"]["event_type"]
        (event,) = parse_json("pagerduty", path.read_bytes())
        assert event.type == PAGERDUTY_TYPES[kind]
    for path in _payloads("pagerduty/v3-data/*.json"):
        data = json.loads(path.read_bytes())
        for kind, expected in PAGERDUTY_TYPES.items():
            envelope = {"id": f"E{kind}", "event_type": kind, "occurred_at": "2026-03-04T14:02:10.123Z", "data": data}
            (event,) = parse_json("pagerduty", {"event": envelope})
            assert event.type in (expected, "observation.recorded")


def test_public_pagerduty_examples_of_version_2() -> None:
    """Whole deliveries of V2 become the page's events, with their times, service, person and link."""
    expected = {"trigger": "page.triggered", "acknowledge": "page.acknowledged", "resolve": "page.resolved"}
    for path in _payloads("pagerduty/v2-*.json"):
        body = json.loads(path.read_bytes())
        (event,) = parse_json("pagerduty", path.read_bytes())
        assert event.type == expected[path.stem.rpartition(".")[2]]
        assert event.time_text == body["messages"][0]["created_on"]
        assert event.service == body["messages"][0]["incident"]["service"]["summary"]
        assert event.actor == body["messages"][0]["log_entries"][0]["agent"]["summary"]
        assert [link.url for link in event.links] == [body["messages"][0]["incident"]["html_url"]]
        assert any(ref.startswith("alert:") for ref in event.refs)


def test_public_github_examples() -> None:
    """Every example of a kind that is read becomes the event it should, and others none."""
    expected = {
        "deployment": ["change.requested"], "deployment_status": ["change.succeeded"], "push": ["change.tagged"],
        "push-new-branch": ["change.pushed"], "release.published": ["change.released"], "ping": [],
        "pull_request.closed": [], "workflow_run.completed": ["change.succeeded"], "check_run.completed": [],
        "check_suite.completed": [], "deployment-gh-pages": ["change.requested"],
        "deployment_status-gh-pages": ["change.started"],
    }  # fmt: skip
    for path in _payloads("github/*.json"):
        kind = path.name.partition(".")[0].partition("-")[0]
        events = parse_json("github", path.read_bytes(), {"X-GitHub-Event": kind})
        assert [event.type for event in events] == expected[path.stem], path.name


def test_public_cloudevents_examples() -> None:
    """Every example is an observation, with the time and the id its sender gave."""
    for path in _payloads("cloudevents/*.json"):
        batch = "-batch" if path.stem == "batch" else ""
        events = parse_json("cloudevents", path.read_bytes(), {"Content-Type": f"application/cloudevents{batch}+json"})
        assert {event.type for event in events} == {"observation.recorded"}
        assert all(event.time_quality == "exact" for event in events)


CDEVENTS = {
    "environment_modified": ("change.succeeded", None, "mySubject123"),
    "incident_detected": ("alert.firing", "myApp", "prod1"),
    "incident_reported": ("report.received", "myApp", "prod1"),
    "incident_resolved": ("alert.resolved", "myApp", "prod1"),
    "service_deployed": ("change.succeeded", "mySubject123", "test123"),
    "service_removed": ("change.succeeded", "mySubject123", "test123"),
    "service_rolledback": ("change.rolled_back", "mySubject123", "test123"),
    "service_upgraded": ("change.succeeded", "mySubject123", "test123"),
}
"""Conformance file of CDEvents → what it becomes, of which service, where."""


def test_public_cdevents_examples() -> None:
    """Each conformance file, carried by a CloudEvent as the binding says: its kind, time, service and environment."""
    for path in _payloads("cdevents/*.json"):
        context = json.loads(path.read_bytes())["context"]
        (event,) = parse_json("cloudevents", _carried(path.stem), STRUCTURED)
        (bare,) = parse_json("cloudevents", path.read_bytes(), {"Content-Type": "application/json"})
        assert bare == event
        assert (event.type, event.service, event.environment) == CDEVENTS[path.stem], path.stem
        assert event.time_text == context["timestamp"]
    both = [
        parse_json("cloudevents", _carried(name), STRUCTURED)[0] for name in ("incident_detected", "incident_resolved")
    ]
    assert both[0].entity == both[1].entity


STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def _carried(name: str) -> dict[str, object]:
    data = json.loads((PAYLOADS / "cdevents" / f"{name}.json").read_bytes())
    context = data["context"]
    told = {"specversion": "1.0", "subject": data["subject"]["id"], "time": context["timestamp"], "data": data}
    return told | {key: context[key] for key in ("id", "source", "type")}


SCHEMES = {"github": "github", "slack-v0": "slack", "standard-webhooks": "gitlab"}
"""Published vectors, and the source that signs so."""


def test_public_signature_vectors() -> None:
    """Every published vector of a scheme that a source has verifies, at the time at which it was signed."""
    (path,) = _payloads("signatures/vectors.json")
    vectors = [vector for vector in json.loads(path.read_bytes())["vectors"] if vector["scheme"] in SCHEMES]
    for vector in vectors:
        kind, secret = SCHEMES[vector["scheme"]], Credentials(signing=(vector["secret"].encode(),))
        signed_at = next(
            (int(text) for name, text in vector["headers"].items() if name.lower().endswith("timestamp")), 0
        )
        received_at = signed_at * 1_000_000 or RECEIVED
        webhook = webhook_of(kind, vector["body"].encode(), vector["headers"], received_at)
        assert SOURCES[kind].verify(webhook, secret) == "signature"
        with pytest.raises(UnverifiedWebhook):
            SOURCES[kind].verify(msgspec.structs.replace(webhook, body=webhook.body + b" "), secret)
    assert {vector["scheme"] for vector in vectors} == set(SCHEMES)


def test_public_statuspage_examples() -> None:
    """Every update is told at its own time; what a later delivery repeats is known by its id."""
    events_by_name = {path.stem: parse_json("statuspage", path.read_bytes()) for path in _payloads("statuspage/*.json")}
    for events in events_by_name.values():
        assert {event.type for event in events} == {"status.updated"}
        assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    assert events_by_name["incident_created"][0].id in {event.id for event in events_by_name["incident_update"]}
    assert rfc3339(events_by_name["incident_created"][0].occurred_at) == "2017-12-26T07:32:00.548000Z"


def test_public_flux_examples() -> None:
    """An object that cannot be applied is a change that failed, at its time and with its commit."""
    for path in _payloads("flux/*.json"):
        (event,) = parse_json("flux", path.read_bytes())
        assert (event.type, event.service, event.time_text) == ("change.failed", "webapp", "2022-10-28T07:26:19Z")
        assert event.refs == ("commit:731f7eaddfb6af01cb2173e18f0f75b0ba780ef1",)
        assert_storable(event)


def test_public_opsgenie_examples() -> None:
    """Each action is a word on its page, at the time of the action and not of the alert."""
    expected = {
        "create": "page.triggered", "acknowledge": "page.acknowledged", "unacknowledge": "page.unacknowledged",
        "escalate": "page.escalated", "addnote": "note.added", "close": "page.resolved",
    }  # fmt: skip
    for path in _payloads("opsgenie/*.json"):
        (event,) = parse_json("opsgenie", path.read_bytes())
        assert (event.type, event.time_quality) == (
            expected[path.stem], "absent" if path.stem == "escalate" else "exact",
        )  # fmt: skip
        assert event.refs[0] == f"page:{event.entity}"
        assert_storable(event)
    (created,) = parse_json("opsgenie", (PAYLOADS / "opsgenie" / "create.json").read_bytes())
    assert rfc3339(created.occurred_at) == "2017-08-14T11:25:56.288000Z"


def test_public_sentry_examples() -> None:
    """Issues are observed, a resolved one ends its alert, whose one is is a note, and alerts on them fire, each at its
    time and with a project."""
    types = {"issue_resolved": "alert.resolved", "issue_assigned_to_individual": "note.added"}
    count = 0
    for path in _payloads("sentry/*.json"):
        resource = "issue" if path.name.startswith("issue_") else "event_alert"
        headers = {"Sentry-Hook-Resource": resource, "Sentry-Hook-Timestamp": "1588227300"}
        for event in parse_json("sentry", path.read_bytes(), headers):
            count += 1
            issue = types.get(path.stem, "observation.recorded")
            assert event.type == (issue if resource == "issue" else "alert.firing"), path.name
            assert (event.time_quality, event.service) == ("exact", "zulip-integration-testing")
            assert_storable(event)
    assert count == len(_payloads("sentry/*.json"))


def test_public_slack_examples() -> None:
    """Every documented shape is read or set aside, none of them fails; a challenge is no event."""
    for path in _payloads("slack/*.json"):
        for event in SOURCES["slack"].parse(webhook_of("slack", path.read_bytes()), Reading()):
            assert_storable(event)
            assert event.type in ("chat.message", "source.unrecognised")
    (path,) = _payloads("slack/reaction_added.json")
    assert SOURCES["slack"].parse(webhook_of("slack", path.read_bytes()), Reading(reactions=("grinning",))) == ()


def test_public_gitlab_examples() -> None:
    """Each example is read as what it is; a merge request is a change once it is merged."""
    expected = {
        "deployment": ("change.succeeded", "2021-04-28T19:50:00Z"), "feature_flag": ("change.flag_toggled", ""),
        "pipeline": ("change.succeeded", "2016-08-12T15:26:29Z"), "push": ("change.pushed", ""),
        "release": ("change.released", "2021-02-25T21:23:34Z"), "tag_push": ("change.tagged", ""),
    }  # fmt: skip
    for path in _payloads("gitlab/*.json"):
        events_of_file = [
            (event.type, rfc3339(event.occurred_at) if event.time_quality == "exact" else "")
            for event in parse_json("gitlab", path.read_bytes())
        ]
        assert events_of_file == ([expected[path.stem]] if path.stem in expected else []), path.name


def test_public_grafana_examples() -> None:
    """Bodies of Grafana Alerting become one event for each alert; of dashboards' alerts, one."""
    for path in _payloads("grafana/*.json"):
        body = json.loads(path.read_bytes())
        events = parse_json("grafana", path.read_bytes())
        assert [event.type for event in events] == ["alert.firing"] * len(body.get("alerts", [body])), path.name
        for event in events:
            assert_storable(event)
