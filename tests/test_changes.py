"""What a change was, when it ran, and whether it reached the running system."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collector.event import MINUTE, SECOND, RecordedEvent
from collector.semantics.changes import (
    deployment_named,
    deploys,
    environment_named,
    is_broken_off,
    is_plain_change,
    kind_of,
    last_of,
    reach_of,
    runs_of,
    span_of,
)
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import at, change, firing


def run(conclusion: str = "succeeded", **data: Any) -> list[RecordedEvent]:
    """A finished run of a workflow."""
    return [change(conclusion, 5, entity="workflow_run:1:1", data={"workflow": "Deploy", "event": "push", **data})]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Deploy", True), ("deploy-prod", True), ("Build, test and deploy", True), ("CD", True), ("CI/CD", True),
        ("Release to live", True), ("promoteToProduction", True), ("Terraform apply", True), ("Rollback", True),
        ("Ship it", True), ("Test and deploy", True), ("DB migrations", True), ("Publish handbook", True),
        ("Unit tests", False), ("CI", False), ("lint", False), ("CodeQL", False), ("Close stale issues", False),
        ("Terraform plan", False), ("Deploy preview", False), ("Lint release charts", False), ("Build", False),
        ("Release drafter", False), ("Nightly build", False), ("e2e", False), ("Validate deploy manifests", False),
        ("Pipeline", None), ("main", None), ("Warm the cache", None), ("", None),
    ],
)  # fmt: skip
def test_the_name_of_a_workflow_says_whether_it_deploys(name: str, expected: bool | None) -> None:
    """Deploying is said in so many words; a test, a plan and a preview deploy nothing; the rest is not known."""
    assert deploys(name) is expected


@pytest.mark.parametrize(
    ("words", "deployed"),
    [
        (["Deployed checkout"], True), (["com.acme.deploy.finished"], True), (["Rollout of cart"], True),
        (["v42"], True),
        (["checkout 2026.9 to production"], True), (["Released", "web"], True), (["CD"], True),
        (["Raised the pool of checkout to 40"], False), (["com.acme.db.migration.finished", "Orders"], False),
        (["Vacuum of orders"], False), (["Upgrade of the kernel"], False), ([""], False),
    ],
)  # fmt: skip
def test_words_and_versions_call_a_change_a_deployment(words: list[str], deployed: bool) -> None:
    """A sender of no known kind may tell of anything that was changed."""
    assert deployment_named(*words) is deployed
    event = change("succeeded", 1, title=words[0])
    assert is_plain_change(event, *words[1:]) is not deployed
    assert not is_plain_change(change("succeeded", 1, title=words[0], data={"sha": "3f0c1d9"}), *words[1:])


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([change("started", 1), change("cancelled", 5)], True),
        ([change("requested", 1), change("cancelled", 5)], False),
        ([change("started", 1), change("cancelled", 5), change("succeeded", 6)], False),
        ([change("started", 1, environment="pr-7"), change("cancelled", 5, environment="pr-7")], False),
        (run("cancelled"), False), ([*run("started"), *run("cancelled")], True), ([], False),
        ([*run("started", workflow="Unit tests"), *run("cancelled", workflow="Unit tests")], False),
    ],
    ids=str,
)  # fmt: skip
def test_what_was_broken_off_had_begun(events: list[RecordedEvent], broken: bool) -> None:
    """A deployment that was cancelled while it ran may have reached what runs; nobody says how far."""
    assert is_broken_off(events) is broken


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("Deploy to staging", "staging"), ("deploy-prod", "prod"), ("Staging deploy", "staging"), ("Deploy", None),
        ("Deploy to test", "test"), ("Test and deploy", None), ("deployToProduction", "production"),
        ("Product deploy", None), ("Deliver beta features", None), ("Deploy (uat)", "uat"),
        ("Deploy canary to production", "production"), ("promote-canary", "canary"),
    ],
)  # fmt: skip
def test_the_name_of_a_workflow_may_say_where_it_deploys(name: str, environment: str | None) -> None:
    """A word that names an environment counts; one that also means something else only behind `to`."""
    assert environment_named(name) == environment


@pytest.mark.parametrize(
    ("events", "reach"),
    [
        ([change("succeeded", 5)], "deployed"),
        ([change("failed", 5)], "deployed"),
        ([change("started", 1)], "deployed"),
        ([change("rolled_back", 5)], "deployed"),
        ([change("flag_toggled", 5)], "deployed"),
        ([change("released", 5)], "deployed"),
        ([change("released", 5, data={"prerelease": True})], "none"),
        ([change("published", 5)], "none"),
        ([change("tagged", 5)], "none"),
        ([change("requested", 1)], "none"),
        ([change("started", 1), change("cancelled", 5)], "none"),
        ([change("succeeded", 5, data={"transient": True})], "none"),
        ([change("succeeded", 5, data={"transient": True, "production": True})], "deployed"),
        ([change("succeeded", 5, data={"production": False}, environment="wave-3")], "deployed"),
        ([change("succeeded", 5, environment="pr-77")], "none"),
        ([change("succeeded", 5, environment="Preview – shop")], "none"),
        ([change("succeeded", 5, environment="production")], "deployed"),
        ([change("merged", 5, data={"branch": "main", "default_branch": "main"})], "merged"),
        ([change("merged", 5, data={"branch": "rewrite", "default_branch": "main"})], "none"),
        ([change("merged", 5, data={"branch": "develop", "default_branch": "develop"})], "merged"),
        ([change("merged", 5, data={"branch": "develop"})], "unknown"),
        ([change("pushed", 5, data={"branch": "main", "default_branch": True})], "merged"),
        ([change("pushed", 5, data={"branch": "main", "default_branch": "main", "state": "deleted"})], "none"),
        ([change("pushed", 5, data={"branch": "production", "default_branch": "main"})], "merged"),
        (run(), "deployed"),
        (run("failed"), "deployed"),
        (run("cancelled"), "none"),
        (run(workflow="Unit tests"), "none"),
        (run(event="pull_request"), "none"),
        (run(event="merge_group"), "none"),
        (run(event="schedule"), "deployed"),
        (run(event="schedule", workflow="Warm the cache"), "none"),
        (run(branch="fix-typo", default_branch="main"), "none"),
        (run(branch="hotfix", default_branch="main", event="workflow_dispatch"), "deployed"),
        (run(branch="v1.2.3", default_branch="main"), "deployed"),
        (run(workflow="Pipeline"), "unknown"),
        (run(workflow="Pipeline", path=".github/workflows/deploy.yml"), "deployed"),
        ([], "unknown"),
    ],
    ids=str,
)
def test_what_reached_production_is_told_from_what_did_not(events: list[RecordedEvent], reach: str) -> None:
    """Deployments, releases, flags and rollbacks did; tests, previews, other branches and what never ran did not."""
    assert reach_of(events) == reach


def test_a_change_that_waited_is_measured_from_its_beginning() -> None:
    """The wait for an approval is no part of how long a deployment took."""
    events = [change("requested", 0, data={"state": "waiting"}), change("started", 55), change("succeeded", 57)]
    span = span_of(events)
    assert (span.start, span.end, span.ran, span.measured) == (at(55), at(57), True, True)


def test_a_change_that_waited_and_never_said_when_it_began_is_not_measured() -> None:
    """It began by its end at the latest; no duration is told of it."""
    waited = span_of([change("requested", 0, data={"state": "waiting"}), change("succeeded", 57)])
    at_once = span_of([change("requested", 0, data={"state": "requested"}), change("succeeded", 2)])
    assert (waited.start, waited.measured) == (at(57), False)
    assert (at_once.start, at_once.measured) == (at(0), False)


def test_a_run_that_says_how_long_it_took_began_that_long_before() -> None:
    """GitHub's completed run holds both of its times."""
    span = span_of([change("succeeded", 57, data={"duration": 5 * MINUTE})])
    assert (span.start, span.end, span.measured) == (at(52), at(57), True)


def test_a_beginning_that_is_told_after_the_end_is_none() -> None:
    """A sender that says no time of it is known by the receipt, which may come late."""
    span = span_of([change("succeeded", 57, data={"duration": 5 * MINUTE}), change("started", 177)])
    assert (span.start, span.end, span.measured) == (at(52), at(57), True)


def test_what_begins_anew_after_its_end_is_another_change() -> None:
    """One deployment that failed and was tried again took no hour; a beginning of which only the receipt is known, or
    that is one time with the end, is none."""
    tried = [change("started", 0), change("failed", 3)]
    again = [change("started", 55), change("succeeded", 60)]
    assert runs_of([*tried, *again]) == [tried, again]
    assert len(runs_of([*tried, change("started", 55, time_quality="absent")])) == 1
    assert len(runs_of([*tried, change("started", 3.01)])) == 1
    assert runs_of([*tried, again[1]]) == [tried, again[1:]]
    assert len(runs_of([*tried, change("succeeded", 3.5)])) == 1


@pytest.mark.parametrize(
    "events", [[change("requested", 0)], [change("requested", 0), change("cancelled", 9)], [change("cancelled", 9)]]
)
def test_a_change_that_was_never_begun_did_not_run(events: list[RecordedEvent]) -> None:
    """What waits, was refused, skipped or grew stale has no beginning."""
    assert not span_of(events).ran


def test_the_state_that_a_change_finished_in_speaks() -> None:
    """A failure before a success, and a cancellation of what had succeeded, do not speak for the whole."""
    events = [change("started", 0), change("failed", 1), change("succeeded", 2), change("cancelled", 3)]
    assert last_of(events).type == "change.succeeded"
    assert last_of(events[:1]).type == "change.started"


def test_a_kind_is_told_by_the_type_then_by_the_task() -> None:
    """A rollback that failed is one all the same."""
    assert kind_of([change("started", 0, data={"task": "Rollback"}), change("failed", 1)]) == "rollback"
    assert kind_of([change("started", 0)]) == "deploy"
    assert kind_of(run()) == "workflow"
    assert kind_of([change("tagged", 0)]) == "tag"


@pytest.mark.parametrize(
    ("states", "phrase"),
    [
        (("requested", "cancelled"), "was cancelled, it never began"),
        (("requested", "started", "cancelled"), "was cancelled"),
        (("started", "cancelled"), "was cancelled"),
        (("cancelled",), "was cancelled"),
        (("requested",), "was requested"),
    ],
)
def test_a_draft_says_of_a_change_that_it_never_began_only_where_that_was_to_be_heard(
    states: tuple[str, ...], phrase: str
) -> None:
    """Whoever told of the request would have told of the beginning; of a cancellation alone nothing follows."""
    events = [firing(10), *(change(state, 1 + n, title="v42") for n, state in enumerate(states))]
    text = markdown(draft(replay(events)))
    (row,) = (line for line in text.split("\n") if "| Deploy of checkout" in line and "was " in line)
    assert f" {phrase}:" in row or f" {phrase}, begun at " in row
    assert ("never began" in text) == phrase.endswith("never began")


def test_what_ends_after_an_end_is_another_change() -> None:
    """A service that is rolled back ten minutes after its deploy changed twice, whatever its sender calls the two."""
    states = ["succeeded", "rolled_back", "succeeded", "failed", "succeeded"]
    events = [change(state, 10.0 * n) for n, state in enumerate(states)]
    services = [msgspec.structs.replace(event, entity="/cd#billing") for event in events]
    assert [[each.type for each in run] for run in runs_of(services)] == [
        ["change.succeeded"], ["change.rolled_back"], ["change.succeeded"], ["change.failed"], ["change.succeeded"],
    ]  # fmt: skip
    soon = msgspec.structs.replace(services[4], occurred_at=services[3].occurred_at + 30 * SECOND)
    assert len(runs_of([services[3], soon])) == 1
    deploys = [msgspec.structs.replace(event, entity="deployment:1") for event in events[:2]]
    assert len(runs_of(deploys)) == 1
    commits = [msgspec.structs.replace(event, type="change.failed" if n else "change.succeeded", data={"sha": sha})
               for n, (event, sha) in enumerate(zip(services[:2], "ab", strict=True))]  # fmt: skip
    assert len(runs_of(commits)) == 2
