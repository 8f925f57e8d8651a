"""Kinds of senders that a mapping reads: what a repeat is, what published bodies become, the bodies of our pages."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.event import Event, RecordedEvent
from collector.sources import BUILT_IN
from collector.sources.mapping import fields_asked
from collector.times import parse
from collector.webhook import Reading, Webhook
from renderers.replay import replay
from tests.recorded import body_of, parse_json

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "tests" / "recordings"
SENDERS = ROOT / "config" / "senders"
PAYLOADS = Path(os.environ.get("TIMELINED_PAYLOADS") or ROOT.parent / "shared" / "payloads")
"""Bodies copied from public documentation; they may be absent, and are not part of the project."""
RECEIVED = parse("2026-03-04T16:00:00Z") or 0


def events_of(kind: str, body: Any) -> tuple[Event, ...]:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BUILT_IN[kind].parse(Webhook(source=kind, headers={}, body=encoded, received_at=RECEIVED), Reading())


PUBLISHED = {
    "aws/cloudwatch-alarm-message-single.json": ("aws", "alert.firing"),
    "aws/codedeploy-deployment-event.json": ("aws", "change.succeeded"),
    "aws/eventbridge-alarm-composite-suppressed.json": ("aws", "alert.firing"),
    "aws/eventbridge-alarm-metric-math.json": ("aws", "alert.firing"),
    "aws/lambda-cloudwatch-alarm-sns-payload-multiple-metrics.json": ("aws", "alert.firing"),
    "aws/lambda-cloudwatch-alarm-sns-payload-single-metric.json": ("aws", "alert.firing"),
    "aws/sns-notification.json": ("aws", "observation.recorded"),
    "aws/sns-subscription-confirmation.json": ("aws", "observation.recorded"),
    "azure-monitor/metric-resolved.json": ("azuremonitor", "alert.resolved"),
    "betterstack/incident-acknowledged.json": ("betterstack", "page.acknowledged"),
    "google-cloud-monitoring/incident-open-v1.2.json": ("googlecloud", "alert.firing"),
    "google-cloud-monitoring/incident-pair-closed.json": ("googlecloud", "alert.resolved"),
    "newrelic/issue-activated.json": ("newrelic", "alert.firing"),
    "newrelic/issue-closed.json": ("newrelic", "alert.resolved"),
    "pingdom/http_up_to_down.json": ("pingdom", "alert.firing"),
    "pingdom/imap_down_to_up.json": ("pingdom", "alert.resolved"),
    "terraform-cloud/run-errored.json": ("hcpterraform", "change.cancelled"),
    "terraform-cloud/assessment-drifted.json": ("hcpterraform", "observation.recorded"),
    "zabbix/templated-problem.json": ("zabbix", "source.unrecognised"),
}


@pytest.mark.parametrize("path", PUBLISHED)
def test_a_published_body_becomes_the_right_event(path: str) -> None:
    """Where the bodies of the vendors' own pages are there, each is one event, at the time that it states."""
    if not (PAYLOADS / path).exists():
        pytest.skip("the published bodies are not there")
    kind, event_type = PUBLISHED[path]
    (event,) = events_of(kind, (PAYLOADS / path).read_bytes())
    assert event.type == event_type
    assert event.time_quality in ("exact", "assumed_zone") or event_type == "source.unrecognised"
    assert event.title


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("jenkins", body_of("jenkins", "completed"), body_of("jenkins", "finalized")),
        ("googlecloud", body_of("googlecloud", "closed"), body_of("googlecloud", "large-letters")),
        ("icinga", body_of("icinga", "problem"), body_of("icinga", "problem", sent=1772634732)),
        ("newrelic", body_of("newrelic", "activated"),
         body_of("newrelic", "activated", trigger="INCIDENT_ADDED", updatedAt=1772633000000)),
        ("azuremonitor", body_of("azuremonitor", "fired"), body_of("azuremonitor", "fired", data__alertContext={})),
        ("betterstack", body_of("betterstack", "started"),
         body_of("betterstack", "started", data__attributes__cause="Status 502")),
    ],
)  # fmt: skip
def test_what_is_told_again_is_one_event(kind: str, one: Any, other: Any) -> None:
    """A state that lasts, or that two deliveries tell, has one id."""
    (first,), (again,) = events_of(kind, one), events_of(kind, other)
    assert first.id == again.id


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("zabbix", body_of("zabbix", "problem"), body_of("zabbix", "problem", event="10529")),
        ("zabbix", body_of("zabbix", "acknowledged"), body_of("zabbix", "acknowledged", time="2026-03-04T15:07:00Z")),
        ("icinga", body_of("icinga", "problem"), body_of("icinga", "problem", since=1772636000)),
        ("pingdom", body_of("pingdom", "down"), body_of("pingdom", "down", state_changed_timestamp=1772636000)),
        ("uptimekuma", body_of("uptimekuma", "down"),
         body_of("uptimekuma", "down", heartbeat__time="2026-03-04 15:02:10.123")),
        ("kubernetesevents", body_of("kubernetesevents", "killed-for-memory"),
         body_of("kubernetesevents", "killed-for-memory", count=3)),
        ("healthchecks", body_of("healthchecks", "down"),
         body_of("healthchecks", "down", at="2026-03-05T04:10:00+00:00")),
    ],
)  # fmt: skip
def test_what_happens_again_is_another_event(kind: str, one: Any, other: Any) -> None:
    """The same thing failing a second time is not taken for the first."""
    (first,), (second,) = events_of(kind, one), events_of(kind, other)
    assert first.id != second.id


def test_a_severity_that_somebody_changed_in_zabbix_is_the_alerts() -> None:
    """The update stays that person's note, and the problem fires on in its new state."""
    done = "acknowledged, changed severity from High to Disaster"
    changed = body_of("zabbix", "acknowledged", action=done, severity="5")
    (problem,), (note, firing) = events_of("zabbix", body_of("zabbix", "problem")), events_of("zabbix", changed)
    assert (note.type, note.severity, note.data["operation"]) == ("note.added", None, done)
    assert (firing.type, firing.severity, firing.title) == ("alert.firing", "disaster", problem.title)
    assert (firing.entity, firing.data["cycle"]) == (problem.entity, problem.data["cycle"])
    known = [msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in (problem, firing)]
    (alert,) = replay(known).alerts
    assert (alert.start, alert.severity) == (problem.occurred_at, "disaster")


def test_the_body_of_the_page_on_healthchecks_is_read() -> None:
    """With its placeholders filled as Healthchecks.io fills them."""
    (body,) = re.findall(r"^ *(\{\"timelined\".*\})$", (SENDERS / "healthchecks.md").read_text("utf-8"), re.MULTILINE)
    filled = {"$CODE": "5f1c", "$STATUS": "down", "$NOW": "2026-03-04T04:10:00+00:00", "$NAME_JSON": '"a \\"b\\""',
              "$TAGS": "prod"}  # fmt: skip
    for name, value in filled.items():
        body = body.replace(name, value)
    (event,) = events_of("healthchecks", body.encode())
    assert (event.type, event.title, event.labels) == ("alert.firing", 'a "b"', {"tags": "prod"})


@pytest.mark.parametrize("kind", ["zabbix", "icinga"])
def test_a_script_of_ours_sends_what_its_mapping_asks_for(kind: str) -> None:
    """A field that no script sends could be left out of the mapping."""
    mapping = BUILT_IN[kind].mapping
    assert mapping is not None
    expressions = [mapping.id, mapping.type, mapping.time, mapping.title, mapping.text, mapping.severity, mapping.actor]
    expressions_used = set().union(
        *[fields_asked(one) for one in [*expressions, mapping.labels, *mapping.links.values()]]
    )
    page = (SENDERS / f"{kind}.md").read_text("utf-8")
    script = "".join(re.findall(r"```(?:js|sh)\n(.*?)```", page, re.DOTALL))
    assert {name for name in expressions_used if not re.search(rf"\b{name}\b", script)} == set()


def test_what_runs_a_service_in_kubernetes_names_it() -> None:
    """An autoscaler without labels is called like its service; a pod has letters of its own."""

    def told(kind: str, name: str) -> str | None:
        thing = {"kind": kind, "namespace": "production", "name": name}
        body = {"metadata": {"uid": "u"}, "reason": "SuccessfulRescale", "message": "New size: 12", "count": 1}
        (event,) = parse_json("kubernetesevents", body | {"involvedObject": thing})
        return event.service

    assert told("HorizontalPodAutoscaler", "search") == told("Deployment", "search") == "search"
    assert told("Pod", "search-7d9f-x2") is None
