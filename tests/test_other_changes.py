"""Spinnaker, PagerDuty change events and Splunk On-Call: what their words mean, and how an address is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from collector.errors import InvalidSettings, UnverifiedWebhook
from collector.event import Event
from collector.semantics.changes import deploys, kind_of, reach_of
from collector.settings import load_settings
from collector.sources import SOURCES
from collector.webhook import Credentials
from tests.recorded import PAYLOADS, parse_json, webhook_of

ADDRESS = "https://timelined.larkfield.example/webhooks/calls"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def pipeline(kind: str, **execution: Any) -> Event:
    run = {"id": "E1", "name": "checkout", "application": "checkout", "status": "SUCCEEDED", **execution}
    details = {"type": kind, "created": "1772632930000"}
    (event,) = parse_json("spinnaker", {"details": details, "content": {"execution": run, "executionId": "E1"}})
    return event


@pytest.mark.parametrize(
    ("stages", "kind", "reach"),
    [
        (["bake", "deployManifest"], "deploy", "deployed"), (["jenkins"], "workflow", "unknown"),
        (["undoRolloutManifest"], "rollback", "deployed"), ([], "workflow", "unknown"),
    ],
)  # fmt: skip
def test_what_its_stages_are_says_whether_a_pipeline_deploys(stages: list[str], kind: str, reach: str) -> None:
    """A pipeline has a name of the team's own; the types of its stages are Spinnaker's."""
    event = pipeline("orca:pipeline:complete", stages=[{"type": each} for each in stages])
    assert (event.type, kind_of([event]), reach_of([event])) == ("change.succeeded", kind, reach)


@pytest.mark.parametrize(("user", "told"), [("mara", "mara"), ("[anonymous]", None), ("anonymous", None), (None, None)])
def test_nobody_is_no_person(user: str | None, told: str | None) -> None:
    """Spinnaker has a word for whom it does not know."""
    assert pipeline("orca:pipeline:starting", trigger={"user": user}).actor == told


def test_an_event_of_spinnaker_is_read_in_its_wrapper() -> None:
    """Echo wraps its events unless told otherwise."""
    details = {"type": "orca:pipeline:failed", "created": "1772632930000"}
    inner = {"details": details, "content": {"executionId": "E1", "execution": {"status": "CANCELED"}}}
    plain, wrapped = (parse_json("spinnaker", body)[0] for body in (inner, {"eventName": "x", "payload": inner}))
    assert plain == wrapped
    assert (plain.type, plain.time_text) == ("change.cancelled", "1772632930000")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Checkout: deploy to production", True),
        ("checkout", None),
        ("Raised the pool of checkout to 40", None),
        ("Check deploy", False),
        ("PR checks", False),
        ("checkout tests", False),
    ],
)
def test_a_service_called_checkout_is_no_check(name: str, told: bool | None) -> None:
    """A beginning that a service's name has as well says nothing of what a run does."""
    assert deploys(name) is told


def change(summary: str, **details: Any) -> Event:
    told = {"summary": summary, "timestamp": "2020-07-17T08:42:58.315+0000", "source": "ci", "custom_details": details}
    (event,) = parse_json("pagerdutychange", {"routing_key": "secret", "payload": told})
    assert b"secret" not in repr(event).encode()
    return event


@pytest.mark.parametrize(
    ("details", "event_type"),
    [
        ({"state": "SUCCESS"}, "change.succeeded"), ({"status": "Failed"}, "change.failed"), ({}, "change.started"),
        ({"state": 7, "result": "passed"}, "change.succeeded"), ({"state": "odd"}, "change.started"),
        ({"state": None, "outcome": "cancelled"}, "change.cancelled"),
    ],
)  # fmt: skip
def test_how_a_change_event_stands_is_found_among_its_details(details: dict[str, Any], event_type: str) -> None:
    """PagerDuty prescribes no name for it; a word that nobody knows loses nothing."""
    event = change("Deployed cart", **details)
    assert (event.type, event.title, event.occurred_at) == (event_type, "Deployed cart", 1594975378315000)


def test_the_published_change_event_is_a_build() -> None:
    """It says of itself that it is one, so nothing that runs was changed by it."""
    path = PAYLOADS / "pagerduty" / "change-event-v2-enqueue.json"
    if not path.exists():
        pytest.skip("the public examples are not here")
    (event,) = parse_json("pagerdutychange", path.read_bytes())
    assert (event.type, event.links[0].url) == ("observation.recorded", "https://acme.pagerduty.dev/build/2")


def signed(form: dict[str, str], address: str, code: bytes) -> str:
    """As Splunk On-Call's page describes it: the address, then every key and value, sorted by key."""
    text = address + "".join(f"{key}{form[key]}" for key in sorted(form))
    return base64.b64encode(hmac.new(code, text.encode(), hashlib.sha1).digest()).decode()


def test_a_form_is_signed_with_the_address_that_was_entered() -> None:
    """The same form at another address, another form, and no signature are refused."""
    form = {"incident": "31", "entity_display_name": '"Ünder test + more"', "message": ""}
    body, code = urlencode(form).encode(), b"made-up-code"
    headers = {**FORM, "X-VictorOps-Signature": signed(form, ADDRESS, code)}
    verify, proof = SOURCES["splunkoncall"].verify, Credentials(signing=(code,), address=ADDRESS)
    assert verify(webhook_of("splunkoncall", body, headers), proof) == "signature"
    for sent, credentials in (
        (webhook_of("splunkoncall", body, headers), Credentials(signing=(code,), address=ADDRESS + "/")),
        (webhook_of("splunkoncall", body + b"1", headers), proof),
        (webhook_of("splunkoncall", body, FORM), proof),
    ):
        with pytest.raises(UnverifiedWebhook):
            verify(sent, credentials)


def test_a_form_and_its_json_tell_one_event() -> None:
    """A page told by an escalation and by an outgoing webhook is one page that waits."""
    form = {"incident": "31", "message_type": '"CRITICAL"', "vo_alert_rcv_time": '"1772632930000"', "summary": "Slow"}
    (event,) = parse_json("splunkoncall", urlencode(form).encode(), FORM)
    assert (event.type, event.entity, event.occurred_at) == ("page.triggered", "31", 1772632930000000)
    assert event.title == "Slow"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("secret: x", "has no address: what Splunk On-Call signs begins with the address"),
        ("bearer_token: x, address: https://a.example", "has an address, but no signature of splunkoncall"),
    ],
)
def test_a_secret_that_signs_an_address_needs_it(tmp_path: Path, lines: str, sentence: str) -> None:
    """Without it no signature could be right; without a secret nobody looks at it."""
    (tmp_path / "timelined.yml").write_text(f"sources: {{calls: {{kind: splunkoncall, {lines}}}}}\n")
    with pytest.raises(InvalidSettings, match=sentence):
        load_settings(tmp_path / "timelined.yml")


@pytest.mark.parametrize(
    ("name", "environment"), [("Deploy to staging", "staging"), ("deploy-prod", "prod"), ("Integration tests qa", None)]
)
def test_a_pipeline_is_of_the_environment_that_its_name_tells(name: str, environment: str | None) -> None:
    """As a workflow's is, where it deploys and nothing else says where."""
    execution = {"id": "1", "application": "cart", "name": name, "status": "SUCCEEDED"}
    details = {"type": "orca:pipeline:complete", "created": "1772632630000"}
    (spinnaker,) = parse_json("spinnaker", {"details": details, "content": {"execution": execution}})
    build = {"number": 1, "phase": "COMPLETED", "status": "SUCCESS", "timestamp": 1772632630000}
    (jenkins,) = parse_json("jenkins", {"name": name, "build": build})
    assert (spinnaker.environment, jenkins.environment) == (environment, environment)
    (told,) = parse_json("jenkins", {"name": name, "build": build | {"parameters": {"environment": "eu"}}})
    assert told.environment == "eu"


def test_what_was_changed_of_a_flag_stands_beside_the_comment() -> None:
    """A comment need not say it."""
    entry = {
        "_id": "1", "kind": "flag", "name": "tax", "date": 1772632630000, "titleVerb": "updated the rollout",
        "comment": "More", "description": "- Served 50% on", "accesses": [{"resource": "proj/a:env/b:flag/tax"}],
    }  # fmt: skip
    (event,) = parse_json("launchdarkly", entry)
    assert event.data["text"] == "updated the rollout: More\nServed 50% on"
