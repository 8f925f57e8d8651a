"""What is particular to Alertmanager: which facts are one, and what a body that lacks something says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collector.sources import SOURCES
from collector.sources.alertmanager import fingerprint_of, query_of
from collector.times import parse, rfc3339
from tests.recorded import READING, RECEIVED, parse_json, webhook_of


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Slow", "service": "checkout"},
        "startsAt": "2026-03-04T14:02:10.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "5d1c04a87e92b3f6",
        **changes,
    }


def group(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "groupKey": "{}:{}", "alerts": list(alerts), **changes}


def test_peers_of_a_cluster_tell_the_same_fact() -> None:
    """Receiver, address, offset and the rest of the group do not make another alert of it."""
    (first,) = parse_json("alertmanager", group(alert(), externalURL="http://am-0", receiver="a"))
    other, _ = parse_json(
        "alertmanager",
        group(
            alert(startsAt="2026-03-04T16:02:10.123456789+02:00"), alert(fingerprint="99"), externalURL="http://am-1"
        ),
    )
    assert first.id == other.id


def test_an_earlier_start_by_a_nanosecond_is_another_fact() -> None:
    """Identity has the sender's own precision, although times are kept in microseconds."""
    ids = {
        parse_json("alertmanager", group(alert(startsAt=f"2026-03-04T14:02:10.12345678{digit}Z")))[0].id
        for digit in range(10)
    }
    assert len(ids) == 10


def test_an_alerts_own_status_counts_not_the_groups() -> None:
    """A resolved alert in a firing group is resolved."""
    (event,) = parse_json("alertmanager", group(alert(status="resolved", endsAt="2026-03-04T14:30:00Z")))
    assert (event.type, rfc3339(event.occurred_at)) == ("alert.resolved", "2026-03-04T14:30:00Z")
    assert event.data["starts_at"] == parse("2026-03-04T14:02:10.123456Z")


def test_a_resolve_names_the_episode_it_ends() -> None:
    """Two episodes with one end are two facts."""
    ends = {"status": "resolved", "endsAt": "2026-03-04T14:30:00Z"}
    (first,) = parse_json("alertmanager", group(alert(**ends)))
    (second,) = parse_json("alertmanager", group(alert(**ends, startsAt="2026-03-04T14:03:00Z")))
    assert first.id != second.id


def test_a_time_from_the_future_is_clamped_and_its_id_stays() -> None:
    """An impossible start is replaced by the receipt, but identity keeps to what was said."""
    body = json.dumps(group(alert(startsAt="2031-01-01T00:00:00Z"))).encode()
    adapter = SOURCES["alertmanager"]
    early, late = (
        adapter.parse(webhook_of("alertmanager", body, received_at=RECEIVED + wait), READING)[0] for wait in (0, 9_000)
    )
    assert (early.time_quality, early.occurred_at, late.occurred_at) == ("clamped", RECEIVED, RECEIVED + 9_000)
    assert early.id == late.id


def test_the_fingerprint_of_old_versions_is_alertmanagers_own() -> None:
    """For a sender without fingerprints we compute the one that Alertmanager 0.25 sent for these labels."""
    labels = {"alertname": "HighLatency", "env": "prod", "place": "Köln ☂", "service": "checkout"}
    assert fingerprint_of({**labels, "severity": "critical"}) == "3994dc0c02f71430"
    assert fingerprint_of(dict(reversed([*labels.items(), ("severity", "critical")]))) == "3994dc0c02f71430"


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "kube-state-metrics", "app": "ledger"}, "ledger"),
        ({"service": "prom-stack-kube-state-metrics", "job": "monitoring/node-exporter"}, None),
        ({"service": "", "application": "search"}, "search"),
        ({"service": "  ", "component": "cart"}, "cart"),
        ({"job": "Prometheus"}, None),
        ({"job": "checkout", "app": "shop"}, "shop"),
        ({}, None),
    ],
)
def test_the_service_is_the_first_label_that_names_one(labels: dict[str, str], service: str | None) -> None:
    """Empty labels are absent, and an exporter is no service."""
    (event,) = parse_json("alertmanager", group(alert(labels={"alertname": "A", **labels})))
    assert event.service == service


def test_the_query_comes_out_of_the_rules_link() -> None:
    """PromQL is read from Prometheus' graph link; other links hold none, and none breaks anything."""
    assert query_of("http://p:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1") == "up == 0"
    assert query_of("https://grafana.example/alerting/grafana/x/view") == ""
    assert query_of("http://[broken") == ""


def test_links_are_http_and_hold_no_password() -> None:
    """A link is an http(s) address out of a URL field; other schemes and credentials do not get through."""
    annotations = {"runbook_url": "javascript:alert(1)", "dashboard": "https://me:secret@grafana.example/d/1"}
    (event,) = parse_json("alertmanager", group(alert(annotations=annotations, generatorURL="/graph")))
    assert [(link.rel, link.url) for link in event.links] == [("dashboard", "https://grafana.example/d/1")]


def test_the_same_cut_is_the_same_gap() -> None:
    """A repeat of a truncated notification is no second gap; a cut of other alerts is."""
    gaps = [
        parse_json("alertmanager", group(*alerts, truncatedAlerts=cut))[-1]
        for alerts, cut in (([alert()], 3), ([alert()], 3), ([alert(fingerprint="77")], 3))
    ]
    assert [gap.type for gap in gaps] == ["source.gap"] * 3
    assert gaps[0].id == gaps[1].id != gaps[2].id
    assert gaps[0].data["missing"] == 3


@pytest.mark.parametrize("body", [[], "x", {"version": "1", "alerts": []}, {"alerts": {}}, {"version": None}, 7])
def test_what_is_no_version_4_is_kept_as_unrecognised(body: Any) -> None:
    """Another shape is stored with a reason, never refused."""
    (event,) = parse_json("alertmanager", body)
    assert event.type == "source.unrecognised"
    assert event.data["reason"]


@pytest.mark.parametrize("alerts", [{}, {"alerts": None}, {"alerts": []}])
def test_a_body_without_alerts_is_not_silent(alerts: dict[str, Any]) -> None:
    """A template that lost the alerts is found by its reason, and its service says whom it concerns."""
    body = {"version": "4", "status": "firing", "commonLabels": {"service": "checkout"}, **alerts}
    (event,) = parse_json("alertmanager", body)
    assert (event.type, event.service) == ("source.unrecognised", "checkout")
    assert "no alerts" in event.data["reason"]


def test_a_body_whose_alerts_were_all_cut_off_is_a_gap() -> None:
    """What Alertmanager itself says that it left out is understood."""
    (event,) = parse_json("alertmanager", group(truncatedAlerts=4))
    assert event.type == "source.gap"


def test_an_alert_of_unknown_status_does_not_spoil_the_others() -> None:
    """Each alert is judged alone, and the reason names its place."""
    events = parse_json("alertmanager", group(alert(status="paused"), alert(), alert(startsAt=5)))
    assert [event.type for event in events] == ["source.unrecognised", "alert.firing", "source.unrecognised"]
    assert "$.alerts[0].status" in events[0].data["reason"]
    assert "$.alerts[2].startsAt" in events[2].data["reason"]
