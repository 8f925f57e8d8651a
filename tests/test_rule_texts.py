"""What the authors of alerting rules wrote beside an alert, and where a draft tells it."""

from __future__ import annotations

from typing import Any

import pytest

from collector.sources.rule_texts import links_in, others_in, texts_in
from tests.histories import Facts, at
from tests.recorded import body_of, parse_json
from tests.sections import rows, said

WRITTEN = {
    "summary": "5xx above 5 %", "description": "now 12%", "impact": "Customers cannot pay", "action": "Scale up",
    "playbook_url": "https://wiki.example/pay", "kibanaLink": " https://kibana.example/x ", "__orgId__": "1",
    "note": " ", "grafana": "https://grafana.example/d/1",
}  # fmt: skip


def test_each_annotation_is_kept_by_its_name() -> None:
    """Addresses are links: a runbook and a dashboard are known by a word of the name."""
    assert texts_in(WRITTEN) == {"summary": "5xx above 5 %", "description": "now 12%"}
    assert others_in(WRITTEN) == {"impact": "Customers cannot pay", "action": "Scale up"}
    assert links_in(WRITTEN) == [
        ("runbook", "https://wiki.example/pay"), ("dashboard", "https://grafana.example/d/1"),
        ("kibana", "https://kibana.example/x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("annotations", "texts", "others"),
    [
        ({"message": "Slow"}, {"description": "Slow"}, {}),
        ({"message": "Slow", "description": "2 s"}, {"description": "2 s"}, {"message": "Slow"}),
        ({"runbook": "Restart it"}, {}, {"runbook": "Restart it"}),
        ({"runbook": "https://wiki.example/x"}, {}, {}),
        ({}, {}, {}),
    ],
)
def test_nothing_is_told_twice_or_dropped(
    annotations: dict[str, str], texts: dict[str, str], others: dict[str, str]
) -> None:
    """What has no place of its own stands under its name."""
    assert (texts_in(annotations), others_in(annotations)) == (texts, others)


def test_alertmanager_and_grafana_tell_them_alike() -> None:
    """An error with which a data source answered is such a text of Grafana's."""
    alert: dict[str, Any] = {"labels": {"alertname": "X"}, "annotations": WRITTEN, "startsAt": "2026-03-04T14:02:10Z"}
    (event,) = parse_json("alertmanager", {"version": "4", "status": "firing", "groupKey": "{}", "alerts": [alert]})
    assert event.data["annotations"] == others_in(WRITTEN)
    assert ("runbook", "https://wiki.example/pay") in [(link.rel, link.url) for link in event.links]
    body = body_of("grafana", "firing")
    body["alerts"][0]["annotations"] = {"Error": "i/o timeout", "sop": "https://wiki.example/sop"}
    event, *_ = parse_json("grafana", body)
    assert event.data["annotations"] == {"Error": "i/o timeout"}
    assert ("runbook", "https://wiki.example/sop") in [(link.rel, link.url) for link in event.links]


def test_a_draft_tells_what_rules_say_of_the_impact_and_what_there_is_to_look_at() -> None:
    """Once for all alerts that say the same; who wrote out a runbook is not told to have linked none."""
    story = Facts()
    story.fires("HighErrors", "10:00:00", "checkout", data={"annotations": {"impact": "Nobody can pay", "team": "Pay"}})
    written = {"customerImpact": "Nobody can pay", "runbook": "Restart cart"}
    story.fires("SlowCart", "10:01:00", "cart", data={"annotations": written})
    assert 'The rules of HighErrors and SlowCart say of the impact: "Nobody can pay"' in said(story, "impact")
    lines = said(story, "diagnostics")
    assert [line for line in lines if line.startswith("Annotation")] == [
        'Annotation "team" of HighErrors: "Pay"', 'Annotation "runbook" of SlowCart: "Restart cart"',
    ]  # fmt: skip
    assert "Observed: the alert HighErrors links no runbook" in said(story, "lessons")


@pytest.mark.parametrize(
    ("name", "status", "reason", "no_data", "ended_as"),
    [
        ("DatasourceNoData", "firing", "", True, None), ("DatasourceError", "firing", "", True, None),
        ("X", "firing", "NoData", True, None), ("X", "firing", "Error", True, None), ("X", "firing", "", None, None),
        ("X", "firing", "KeepLast", None, None), ("X", "resolved", "NoData", None, None),
        ("X", "resolved", "MissingSeries", None, "its series is gone"),
        ("X", "resolved", "RuleDeleted", None, "its rule was deleted"),
        ("DatasourceNoData", "resolved", "", None, None),
    ],
)  # fmt: skip
def test_why_a_rule_of_grafana_is_in_its_state(
    name: str, status: str, reason: str, no_data: bool | None, ended_as: str | None
) -> None:
    """An alert for want of data says nothing of what it measures; one may end without its condition having."""
    body = body_of("grafana", "firing")
    alert = body["alerts"][0]
    alert |= {"status": status, "annotations": {"grafana_state_reason": reason}}
    alert["labels"] |= {"alertname": name, "rulename": "Errors"}
    if status == "resolved":
        alert["endsAt"] = "2026-03-04T15:30:00Z"
    event, *_ = parse_json("grafana", body | {"alerts": [alert]})
    assert (event.data.get("no_data"), event.data.get("ended_as")) == (no_data, ended_as)
    assert "annotations" not in event.data


def test_an_alert_for_want_of_data_measured_no_impact() -> None:
    """How long data was missing is not how long anything was broken."""
    story = Facts()
    story.ends(story.fires("NoData", "10:00:00", "checkout", data={"no_data": True}), "10:20:00")
    assert "Duration of the impact: not known, since the alert says only that data was missing" in said(story, "impact")
    story.ends(story.fires("Slow", "10:05:00", "checkout"), "10:30:00", data={"ended_as": "its rule was deleted"})
    duration, without = said(story, "impact")[1:]
    assert duration.endswith("to the end of the last one; that is when its rule was deleted; nobody has stated it yet")
    assert without == (
        "The alert NoData says that data was missing or could not be read, and not that a limit was passed"
    )
    assert any(row.endswith("resolved after 25 min (its rule was deleted)") for row in rows(story))


def test_what_a_rule_of_grafana_measured_is_told_where_it_has_no_words() -> None:
    """By the names of its queries."""
    body = body_of("grafana", "firing")
    values = {"B": 9.3123456789, "C": 1, "A": None}
    body["alerts"][0] |= {"annotations": {}, "values": values}
    event, *_ = parse_json("grafana", body)
    assert event.data["measured"] == "B=9.31235, C=1"
    story = Facts()
    story.fires("X", "10:00:00", "checkout", data=event.data | {"starts_at": at("10:00:00")})
    assert 'X on checkout: "B=9.31235, C=1"' in said(story, "impact")
    story.fires("Y", "10:00:00", "cart", said="Slow", data={"measured": "B=2"})
    assert 'Y on cart: "Slow"' in said(story, "impact")
    body["alerts"][0]["values"] = "none"
    assert "measured" not in parse_json("grafana", body)[0].data
