"""Kinds of senders that a mapping reads: what people wrote and what was measured is told, and nothing that was not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from collector.event import Event
from tests.recorded import body_of, parse_json


def azure(context: dict[str, Any], **essentials: Any) -> Event:
    """The event of an alert of Azure Monitor with that context."""
    body = copy.deepcopy(body_of("azuremonitor", "fired"))
    body["data"]["essentials"] |= essentials
    body["data"]["alertContext"] = context
    (event,) = parse_json("azuremonitor", body)
    return event


def condition(**more: Any) -> dict[str, Any]:
    return {"condition": {"windowSize": "PT5M", "allOf": [{"operator": "GreaterThan", "threshold": "90", **more}]}}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (condition(metricName="Percentage CPU", metricValue=97.7), "Percentage CPU: 97.7 (GreaterThan 90)"),
        (condition(metricMeasureColumn="Latency", metricValue=0, threshold=1, operator="LowerThan",
                   dimensions=[{"name": "Computer", "value": "checkout-3"}]),
         "Latency: 0 (LowerThan 1), Computer=checkout-3"),
        (condition(metricName="Egress", metricValue="[redacted]"), "Egress: [redacted] (GreaterThan 90)"),
        (condition(metricName="Egress", metricValue=None), None),
        ({"condition": {"allOf": [{"metricName": "A", "metricValue": 1.5}, {"metricName": "B", "metricValue": 2}]}},
         "A: 1.5; B: 2"),
        ({"condition": "[redacted]"}, None), ({"condition": {"allOf": None}}, None), ({}, None),
    ],
)  # fmt: skip
def test_what_an_alert_of_azure_measured_is_told(context: dict[str, Any], expected: str | None) -> None:
    """In the words of the body; what its rule is described by stands beside it. How it was at the end is not told."""
    event = azure(context)
    assert (event.data.get("description"), event.data["summary"]) == (expected, "CPU above 90% for 5 minutes")
    ended = azure(context, monitorCondition="Resolved", resolvedDateTime="2026-03-04T14:20:00Z")
    assert "description" not in ended.data


@pytest.mark.parametrize(("properties", "service", "expected"), [
    (None, "vm-1", ["vm-2", "vm-3"]), ({"service": "cart"}, "cart", None),
])  # fmt: skip
def test_further_resources_are_services_where_the_first_stands_for_one(
    properties: dict[str, str] | None, service: str, expected: list[str] | None
) -> None:
    """Where a property of the team names the service, they are resources of it, which a label has."""
    body = copy.deepcopy(body_of("azuremonitor", "fired"))
    body["data"]["essentials"]["configurationItems"] = ["vm-1", "vm-2", "vm-3"]
    body["data"]["customProperties"] = properties
    (event,) = parse_json("azuremonitor", body)
    assert (event.service, event.data.get("further_services")) == (service, expected)
    assert event.labels["resources"] == "vm-1, vm-2, vm-3"
    body["data"]["essentials"]["configurationItems"] = ["vm-1"]
    (event,) = parse_json("azuremonitor", body)
    assert "further_services" not in event.data


def test_an_alert_of_prometheus_in_azure_has_its_labels_and_annotations() -> None:
    """They stand in the context, as its rule has them."""
    event = azure({
        "expression": "sql_up == 0", "expressionValue": "0", "labels": {"service": "cart", "cluster": "eu-1"},
        "annotations": {"summary": "SQL is away", "runbook_url": "https://wiki.example/sql"},
    }, description="")  # fmt: skip
    assert (event.service, event.labels["cluster"]) == ("cart", "eu-1")
    assert (event.data["summary"], event.data["query"]) == ("SQL is away", "sql_up == 0")
    assert event.data["description"] == "sql_up == 0: 0"
    assert [link.url for link in event.links if link.rel == "runbook"] == ["https://wiki.example/sql"]


def test_the_query_of_an_alert_on_logs_is_kept_with_the_way_to_its_results() -> None:
    """Of either version of such rules."""
    new = azure(condition(searchQuery="Heartbeat", metricValue=0, linkToFilteredSearchResultsUI="https://p.example/1"))
    old = azure({"SearchQuery": "Perf | take 1", "LinkToSearchResults": "https://p.example/2"})
    assert [event.data["query"] for event in (new, old)] == ["Heartbeat", "Perf | take 1"]
    assert [event.links[-1].url for event in (new, old)] == ["https://p.example/1", "https://p.example/2"]


def test_what_azure_writes_of_its_own_health_is_told() -> None:
    """Its words stand in HTML; of several resources that a rule watches all are named."""
    properties = {"title": "Storage - Active", "communication": "<p>We <b>restart</b> a&nbsp;cluster.</p>"}
    event = azure({"properties": properties}, signalType="Activity Log")
    assert (event.title, event.data["text"]) == ("Storage - Active", "We restart a cluster.")
    several = azure({}, configurationItems=["checkout", "cart"])
    assert (several.service, several.labels["resources"]) == ("checkout", "checkout, cart")
    assert "resources" not in azure({}).labels


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "Memory cgroup out of memory: Killed process 4711 (java) (2 times since 2026-03-04T14:01:00Z)"),
        ({"count": 1}, "Memory cgroup out of memory: Killed process 4711 (java)"),
        ({"count": None}, "Memory cgroup out of memory: Killed process 4711 (java)"),
        ({"count": "[redacted]"}, "Memory cgroup out of memory: Killed process 4711 (java)"),
        ({"firstTimestamp": None}, "Memory cgroup out of memory: Killed process 4711 (java) (2 times)"),
        ({"count": None, "firstTimestamp": None, "eventTime": "2026-03-04T14:00:00.5Z", "message": "Back-off",
          "series": {"count": 7, "lastObservedTime": "2026-03-04T14:03:00.5Z"}},
         "Back-off (7 times since 2026-03-04T14:00:00.5Z)"),
        ({"message": None}, None),
    ],
)  # fmt: skip
def test_how_often_kubernetes_counted_an_event_is_told(changed: dict[str, Any], expected: str | None) -> None:
    """With when it first happened; one that happened once is told as it is."""
    (event,) = parse_json("kubernetesevents", body_of("kubernetesevents", "killed-for-memory") | changed)
    assert event.data.get("text") == expected


def test_why_a_check_is_down_is_not_guessed() -> None:
    """A ping may have come and said that the job failed; the exit status of the last one is told where it says so."""
    summaries = [
        parse_json("healthchecks", body_of("healthchecks", "down") | more)[0].data.get("summary")
        for more in ({}, {"exit": "-1"}, {"exit": "0"}, {"exit": "2"})
    ]
    assert summaries == [None, None, None, "Exit status 2"]


def test_a_run_of_terraform_that_applied_nothing_changed_nothing() -> None:
    """It is completed all the same, as is one whose plan waits to be applied by somebody."""
    body = body_of("hcpterraform", "completed")
    for status in ("planned_and_finished", "planned_and_saved"):
        body["notifications"][0]["run_status"] = status
        assert parse_json("hcpterraform", body) == ()


def test_each_assessment_of_terraform_is_one() -> None:
    """Another workspace, or the same on another day; told again it is the one."""
    body = body_of("hcpterraform", "drifted")
    body["details"]["new_assessment_result"] |= {"id": "asmtres-1", "resources_drifted": 4, "resources_undrifted": 55}
    other = copy.deepcopy(body)
    other["details"]["new_assessment_result"]["id"] = "asmtres-2"
    first, again, second = (parse_json("hcpterraform", each)[0] for each in (body, copy.deepcopy(body), other))
    assert first.id == again.id != second.id
    assert first.data["text"] == "resources_drifted: 4, resources_undrifted: 55"


def test_a_push_that_names_no_branch_is_no_deletion() -> None:
    """Bitbucket sends such where it lists nothing that moved."""
    push = {"push": {"changes": []}, "repository": {"full_name": "shop/cart"}, "actor": {"display_name": "Ana"}}
    assert parse_json("bitbucket", push, {"x-event-key": "repo:push"}) == ()


@pytest.mark.parametrize(("by", "actor"), [("ben", "ben"), (None, "mara"), ("spinnaker", "mara")])
def test_who_stopped_an_execution_says_why(by: str | None, actor: str) -> None:
    """That is another person than who set it off; the reason is theirs."""
    run = {"id": "E1", "name": "Deploy", "status": "CANCELED", "trigger": {"user": "mara"}, "canceledBy": by,
           "cancellationReason": "Wrong branch"}  # fmt: skip
    details = {"type": "orca:pipeline:failed", "created": "1772632930000"}
    (event,) = parse_json("spinnaker", {"details": details, "content": {"executionId": "E1", "execution": run}})
    assert (event.type, event.actor, event.data["text"]) == ("change.cancelled", actor, "Wrong branch")


def test_what_a_jobs_owners_have_it_say_is_kept() -> None:
    """Jenkins' plugin sends the notes of a job's configuration with each build."""
    body = copy.deepcopy(body_of("jenkins", "completed"))
    body["build"]["notes"] = "Tell #shop before rolling back"
    (event,) = parse_json("jenkins", body)
    assert event.data["text"] == "Tell #shop before rolling back"


def test_what_a_monitor_is_for_stands_beside_what_it_measured() -> None:
    """Somebody wrote it into Uptime Kuma for who looks at the alert."""
    body = body_of("uptimekuma", "down", monitor__description="The shop's front page")
    (event,) = parse_json("uptimekuma", body)
    assert event.data["instructions"] == "The shop's front page"
    assert event.data["summary"] != "The shop's front page"


def test_the_cause_of_an_incident_is_told_whichever_way_its_state_is() -> None:
    """Some bodies of Better Stack have the state alone, and not the event."""
    body = copy.deepcopy(body_of("betterstack", "started"))
    del body["event"]
    body["data"]["attributes"] |= {"status": "Started", "cause": "Status 502"}
    (event,) = parse_json("betterstack", body)
    assert (event.type, event.data["text"]) == ("page.triggered", "Status 502")


@pytest.mark.parametrize("nothing", ["N/A", "null", "-", "{{ service }}", "unknown"])
def test_what_names_nothing_is_no_service_and_no_environment(nothing: str) -> None:
    """A template that had no value to put there; the next place that may name it is asked."""
    body = body_of("newrelic", "activated", impactedEntities=[nothing], priority=nothing)
    (event,) = parse_json("newrelic", body)
    assert (event.service, event.severity) == (None, None)
    (build,) = parse_json("jenkins", _with_parameters({"service": nothing, "environment": nothing}))
    assert (build.service, build.environment) == (None, None)


def _with_parameters(parameters: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(body_of("jenkins", "completed"))
    body["build"]["parameters"] = parameters
    body["name"] = body["display_name"] = "checkout"
    return body


def test_the_labels_of_what_google_measured_are_labels() -> None:
    """They tell one series of a metric from another."""
    body = copy.deepcopy(body_of("googlecloud", "open"))
    body["incident"]["metric"] = {"type": "run.googleapis.com/request_count", "labels": {"response_code": "500"}}
    (event,) = parse_json("googlecloud", body)
    assert event.labels["response_code"] == "500"


def test_what_was_spent_of_a_budget_is_no_alert_that_fires_for_ever() -> None:
    """Azure tells it once, under no rule and without a severity, and never resolves it."""
    spent = {"BudgetName": "shop", "SpentAmount": "$60.10", "BudgetThreshold": "$50.00"}
    event = azure({"AlertCategory": "budgets", "AlertData": spent}, monitoringService="CostAlerts", signalType=None,
                  alertRule=None, severity=None)  # fmt: skip
    assert (event.type, event.title, event.severity) == ("observation.recorded", "shop", None)
    assert (event.data["text"], event.data["type"]) == ("$60.10 of $50.00", "budgets")
    assert event.time_text == "2026-03-04T14:02:10.3713213Z"


def test_what_a_team_wrote_to_a_check_is_for_who_looks_at_it() -> None:
    """The description of a trigger of Zabbix, the notes of a check of Icinga, and where it keeps more."""
    (problem,) = parse_json("zabbix", body_of("zabbix", "problem", description="Restart the pool"))
    assert problem.data["instructions"] == "Restart the pool"
    more = {"notes": "Restart the pool", "notes_url": "https://wiki.example/pool"}
    (problem,) = parse_json("icinga", body_of("icinga", "problem") | more)
    assert problem.data["instructions"] == "Restart the pool"
    assert [link.url for link in problem.links if link.rel == "runbook"] == ["https://wiki.example/pool"]
    (end,) = parse_json("icinga", body_of("icinga", "recovery") | more)
    assert "instructions" not in end.data


def test_a_test_of_an_action_group_opens_no_incident() -> None:
    """Azure makes up a rule and a resource for it; a rule of that name on another resource is a team's own."""
    body = copy.deepcopy(body_of("azuremonitor", "fired"))
    target = "/subscriptions/0/resourcegroups/test-RG/providers/microsoft.compute/virtualmachines/test-VM"
    body["data"]["essentials"] |= {"alertRule": "test-metricAlertRule", "alertTargetIDs": [target]}
    assert parse_json("azuremonitor", body) == ()
    body["data"]["essentials"]["alertTargetIDs"] = [target.replace("test-RG", "shop")]
    assert [event.type for event in parse_json("azuremonitor", body)] == ["alert.firing"]
