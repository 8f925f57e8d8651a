"""CloudEvents: what the words of a type and the usual keys of the data say without a mapping, and with one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import normalise
from collector.errors import MalformedWebhook
from collector.event import EVENT_TYPES, Event, RecordedEvent
from collector.sources import SOURCES
from collector.sources.cloudevents.types import called, event_type
from collector.webhook import Reading, TypeMapping
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.phrases import words_of
from renderers.replay import replay
from tests.recorded import READING, webhook_of

PAGE = Path(__file__).parents[1] / "config" / "senders" / "cloudevents.md"
HEADERS = {"Content-Type": "application/cloudevents+json"}


def sent(
    kind: str = "com.example.thing.happened", data: Any = None, reading: Reading | None = None, **more: Any
) -> Event:
    """The event of one structured delivery; without a mapping unless ``reading`` has one."""
    body = {**CLOUD_EVENT, "type": kind, "data": data, **more}
    (event,) = cloud(HEADERS, body, reading or Reading())
    return event


def documented() -> list[tuple[str, str]]:
    """The rows of the page's table: a type, and what it becomes."""
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("kind", "expected"), documented())
def test_the_documented_types_become_what_the_page_says(kind: str, expected: str) -> None:
    """Each row of the table in the sender's page holds."""
    assert sent(kind).type == expected


@pytest.mark.parametrize(
    ("source", "is_page"),
    [("https://status.example.com/api", True), ("/status", True), ("urn:x:statuspage", True), ("//status-page/1", True),
     ("status.example.com", True), ("/orders/status", False), ("https://example.com/status", False), ("/shop", False)],
)  # fmt: skip
def test_a_post_is_known_by_the_status_page_that_is_its_source(source: str, is_page: bool) -> None:
    """A type alone that could be of an order, or of the team's own incident, is not read as a public post."""
    data = {"status": "Identified", "message": "A bad rule."}
    for kind in ("status", "com.example.status.updated", "com.example.incident.updated"):
        event = sent(kind, data, source=source)
        found = (event.type, event.data.get("kind"), event.title)
        kind_told = ("status.updated", "identified") if is_page else ("observation.recorded", None)
        assert found == (*kind_told, "A bad rule.")
    assert sent("com.example.deploy.finished", data, source=source).type != "status.updated"


def test_the_page_has_a_row_for_every_type_that_words_give() -> None:
    """Nothing that the words of a type can say is undocumented."""
    documented_types = {expected for _, expected in documented()}
    assert documented_types == {
        "status.updated", "chat.message", "report.received", "change.flag_toggled", "change.requested",
        "change.started", "change.succeeded", "change.failed", "change.cancelled", "change.released",
        "change.rolled_back", "change.published", "observation.recorded", "alert.firing", "alert.resolved",
    }  # fmt: skip
    assert documented_types <= set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("dev.cdevents.pipelinerun.finished.0.2.0", "pipeline run finished"),
        ("dev.cdevents.service.deployed.0.3.0-draft", "service deployed"),
        ("com.example.paas.release.rolled-back", "release rolled back"),
        ("com.example.deploy.finished.v2", "deploy finished"),
        ("deployFinished", "deploy finished"),
        ("com.example.pg.cluster.failover", "cluster failover"),
        ("dev.cdevents.testsuiterun.started.0.2.0", "test suite run started"),
        ("Thing", "thing"),
    ],
)
def test_a_type_is_read_as_a_person_would_say_it(kind: str, words: str) -> None:
    """Neither the reversed domain nor the version is said."""
    assert called(kind) == words


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"outcome": "failure"}, "change.failed"), ({"status": "SUCCEEDED"}, "change.succeeded"),
        ({}, "change.succeeded"),
        ({"subject": {"content": {"outcome": "error"}}}, "change.failed"),
        ({"result": "cancelled"}, "change.cancelled"),
        ({"status": "weird"}, "change.succeeded"),
    ],
)  # fmt: skip
def test_how_a_finished_deployment_ended_is_taken_from_the_data(data: dict[str, Any], expected: str) -> None:
    """A type that only says it is over leaves the outcome to the data."""
    assert sent("com.example.deploy.finished", data).type == expected


def test_a_deployment_that_does_not_say_how_it_stands_began_and_no_more() -> None:
    """No success is claimed that nobody told."""
    assert sent("com.example.deploy", {"app": "shop"}).type == "change.started"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("com.example.kubernetes.rollout.restarted", "observation.recorded"),
        ("com.example.rollout.restarting", "observation.recorded"),
        ("com.example.rollout.started", "change.started"),
        ("com.example.rollout.finished", "change.succeeded"),
    ],
)
def test_a_restart_puts_no_other_version_there(kind: str, expected: str) -> None:
    """It is rolled out as a version is, and is something that was done, and no change of what runs."""
    assert sent(kind, {"app": "shop"}).type == expected


def test_the_configuration_goes_before_the_table() -> None:
    """A type that is mapped is what the mapping says; so is every other where a default is given."""
    kind = "com.example.chat.message.posted"
    assert sent(kind, reading=Reading(types={"com.example.*": TypeMapping()})).type == "observation.recorded"
    assert sent(kind, reading=Reading(default=TypeMapping(type="note.added"))).type == "note.added"
    assert sent(kind, reading=Reading(types={"org.*": TypeMapping(type="note.added")})).type == "chat.message"


@pytest.mark.parametrize(
    "key",
    ["summary", "message", "description", "title", "text", "reason", "body", "comment", "action", "command", "Note"],
)
def test_the_sentence_is_found_under_the_usual_keys(key: str) -> None:
    """Whatever a team calls it, the data's sentence is what is told."""
    assert sent(data={key: "Pool is empty", "n": 1}).title == "Pool is empty"


def test_a_word_is_no_sentence_of_what_was_done() -> None:
    """``action: created`` is a field of a program's, and stands in the type."""
    assert sent(data={"action": "created"}, subject="shop").title == "shop"


@pytest.mark.parametrize(
    ("data", "title"), [("Pool is empty", "Pool is empty"), ('<a b="c"/>', "shop"), ("{}", "shop")]
)
def test_data_that_is_text_is_the_sentence_unless_it_is_markup(data: str, title: str) -> None:
    """XML and JSON sent as text are no words of a person; the subject stands in."""
    assert sent(data=data, subject="shop").title == title


@pytest.mark.parametrize("key", ["title", "headline", "subject"])
@pytest.mark.parametrize("other", ["description", "text", "reason", "body", "comment"])
def test_a_title_and_a_longer_text_are_both_kept(key: str, other: str) -> None:
    """The headline is the title, the rest stands beside it whole, with its line breaks."""
    event = sent(data={key: "Cannot pay", other: "It fails.\nTwice."})
    assert (event.title, event.data["text"]) == ("Cannot pay", "It fails.\nTwice.")


@pytest.mark.parametrize("kind", ["chat.message.posted", "statuspage.updated", "support.report.created", "thing.seen"])
def test_a_draft_shows_the_title_and_the_text(kind: str) -> None:
    """What somebody wrote under a headline is not dropped, nor is a sentence said twice."""
    both = words_of(sent(f"com.example.{kind}", {"title": "Cannot pay", "body": "It fails.\nTwice."}))
    assert both == "Cannot pay: It fails.\nTwice."
    assert words_of(sent(f"com.example.{kind}", {"message": "It fails.\nTwice."})) in (
        "It fails.\nTwice.",
        "It fails. Twice.",
    )
    assert words_of(sent(f"com.example.{kind}", {"title": "It fails", "text": "It fails again"})) == "It fails again"


@pytest.mark.parametrize(
    ("data", "title"),
    [
        ({"flag": "new-cart", "message": "Kill it"}, "new-cart"), ({"flagKey": "new-cart"}, "new-cart"),
        ({"feature": {"name": "new-cart"}}, "new-cart"), ({"key": "new-cart", "comment": "Kill it"}, "new-cart"),
        ({"flag": True, "name": "new-cart"}, "new-cart"), ({"message": "Kill it"}, "Kill it"),
    ],
)  # fmt: skip
def test_a_flag_is_called_by_its_key_and_what_was_said_of_it_is_kept(data: dict[str, Any], title: str) -> None:
    """Which flag it was is not lost to the sentence about it, nor the sentence to the flag."""
    event = sent("com.example.flag.toggled", {**data, "to": "off"})
    assert event.title == title
    assert event.data.get("text", title) in ("Kill it", title)
    known = {name: getattr(event, name) for name in event.__struct_fields__}
    told = markdown(draft(replay([RecordedEvent(**known, position=1, received_at=event.occurred_at)])))
    assert f'Flag "{title}" set to off' in told
    assert told.count("Kill it") >= ("Kill it" in data.values())


def test_a_type_is_nobodys_words() -> None:
    """A message of which nothing could be read quotes nothing."""
    event = sent("com.example.chat.message.posted", {"n": 1}, subject=None)
    assert "text" not in event.data
    assert words_of(event) == ""


@pytest.mark.parametrize(
    ("data", "actor"),
    [
        ({"actor": "ana"}, "ana"), ({"user": {"login": "ana", "id": 7}}, "ana"), ({"by": "ana"}, "ana"),
        ({"changed_by": "ana"}, "ana"), ({"event": {"user": "ana"}}, "ana"),
        ({"triggeredBy": "ana"}, "ana"), ({"triggered_by": "ana"}, "ana"), ({"principal": "ana"}, "ana"),
        ({"author": "ana"}, None), ({"user": "renovate[bot]"}, None), ({"user": True}, None), ({}, None),
    ],
)  # fmt: skip
def test_who_did_it_is_found_under_the_usual_keys(data: dict[str, Any], actor: str | None) -> None:
    """A bot is nobody, and the author of a thing did not do what is observed."""
    assert sent(data=data).actor == actor


@pytest.mark.parametrize(
    "kind", ["com.example.chat.message.posted", "com.example.deploy.finished", "com.example.support.report.created"]
)
def test_the_author_of_a_message_a_change_or_a_report_is_its_actor(kind: str) -> None:
    """Whoever wrote it is who said or did it."""
    assert sent(kind, {"author": "ana"}).actor == "ana"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"service": "shop", "env": "prod", "level": "ERROR"}, ("shop", "prod", "error")),
        ({"app": "shop", "environment": "production", "severity": "P0"}, ("shop", "production", "p0")),
        ({"application": {"name": "shop"}, "stage": "live"}, ("shop", "live", None)),
        ({"subject": {"content": {"service": {"id": "shop"}, "environment": {"id": "eu"}}}}, ("shop", "eu", None)),
        ({"labels": {"app": "shop", "env": "prod"}}, ("shop", "prod", None)),
        ({"serviceName": "shop", "environment_name": "prod", "Severity": "P1"}, ("shop", "prod", "p1")),
        ({"App": "shop", "ENV": "prod"}, ("shop", "prod", None)),
        ({"namespace": "prod", "deployment": "shop"}, ("shop", "prod", None)),
        ({"event": {"app": "shop"}}, ("shop", None, None)),
        (
            {"subject": {"id": "shop", "type": "service", "content": {"environment": {"id": "prod"}}}},
            ("shop", "prod", None),
        ),
        ({"subject": {"id": "prod", "type": "environment"}}, (None, "prod", None)),
        ({"subject": {"id": "run-9", "type": "pipelineRun"}}, (None, None, None)),
        ({"components": ["Web"]}, (None, None, None)),
    ],
)
def test_service_environment_and_severity_are_found_as_in_labels(
    data: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """The data's usual keys count like labels, at the top or one step below."""
    event = sent(data=data)
    assert (event.service, event.environment, event.severity) == expected


@pytest.mark.parametrize(
    ("data", "ref"),
    [
        ({"pagerduty_incident": 311}, "page:#311"), ({"pagerduty_incident": "#311"}, "page:#311"),
        ({"pagerdutyIncident": "Q2LARK0042"}, "page:Q2LARK0042"),
        ({"incident_url": "https://acme.pagerduty.com/incidents/Q2LARK0042"}, "page:Q2LARK0042"),
        ({"url": "https://acme.pagerduty.com/incidents/Q2LARK0042?x=1"}, "page:Q2LARK0042"),
        ({"links": ["https://acme.pagerduty.com/incidents/Q2LARK0042"]}, "page:Q2LARK0042"),
        ({"text": "see https://acme.pagerduty.com/incidents/Q2LARK0042, I am on it"}, "page:Q2LARK0042"),
        ({"incident_key": "disk/db-3"}, "alert:disk/db-3"), ({"dedup_key": "0" * 64}, "alertgroup:" + "0" * 64),
        ({"fingerprint": "5d1c04a87e92b3f6"}, "alert:5d1c04a87e92b3f6"),
        ({"commit": "A" * 40}, "commit:" + "a" * 40), ({"repo": "acme/shop"}, "repository:acme/shop"),
        ({"repository": "git@github.com:acme/shop.git"}, "repository:acme/shop"),
        ({"pull_request": "https://github.com/acme/shop/pull/7"}, "pr:https://github.com/acme/shop/pull/7"),
    ],
)  # fmt: skip
def test_what_the_data_points_at_is_a_ref(data: dict[str, Any], ref: str) -> None:
    """Numbers, keys and addresses of pages and alerts, commits, repositories and pull requests."""
    assert sent(data=data).refs == (ref,)


@pytest.mark.parametrize(
    "data",
    [
        {"incident": 42},
        {"page": 3},
        {"commit": "abc"},
        {"url": "https://x.example/a"},
        {"text": "https://x.example/incidents/2024-outage"},
        {"links": [1, None, {}]},
    ],
)
def test_what_may_be_anything_is_no_ref(data: dict[str, Any]) -> None:
    """A number under `incident` may be anybody's, and half a commit names none."""
    assert sent(data=data).refs == ()


def test_two_deployments_of_one_subject_are_two_things() -> None:
    """What tells one change from the next is part of its entity; start and end of one share it."""
    ends = [sent("com.example.deploy.finished", {"version": v}, subject="shop") for v in ("1", "2")]
    begun = sent("com.example.deploy.started", {"version": "1"}, subject="shop")
    assert ends[0].entity == begun.entity != ends[1].entity


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000, b"-" + b"9" * 400])
def test_a_number_that_no_double_holds_is_kept_as_text(number: bytes) -> None:
    """It is a sender's value like any other, whatever its size."""
    body = json.dumps({**CLOUD_EVENT, "data": {"n": 0}}).encode().replace(b'"n": 0', b'"n": ' + number)
    (structured,) = cloud(HEADERS, body, Reading())
    (binary,) = cloud(
        {**{f"ce-{name}": value for name, value in CLOUD_EVENT.items()}, "Content-Type": "application/json"},
        b'{"n": ' + number + b"}", Reading(),
    )  # fmt: skip
    assert structured.data["data"]["n"] == binary.data["data"]["n"] == number.decode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["summary", "user", "subject", "content", "labels", "app", "status", "pagerduty_incident", "repo", "url", "x"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(kind=st.text("abcdeploy.-_/0129releaseFlg", min_size=1, max_size=30), data=_JSON)
def test_no_type_and_no_data_break_the_reading(kind: str, data: Any) -> None:
    """Whatever a sender calls its event and puts into it, it becomes one event of a known type."""
    event = sent(kind, data)
    assert event.type in EVENT_TYPES
    assert event.title
    assert event_type(kind) in EVENT_TYPES


CLOUD_EVENT = {"specversion": "1.0", "type": "com.example.thing", "source": "/here", "id": "1"}


def cloud(headers: dict[str, str], body: Any = None, reading: Reading = READING) -> tuple[Event, ...]:
    encoded = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCES["cloudevents"].parse(webhook_of("cloudevents", encoded, headers), reading)


def test_all_modes_give_the_same_id() -> None:
    """Source and id name the event, however it is sent."""
    (structured,) = cloud({"Content-Type": "application/cloudevents+json"}, CLOUD_EVENT)
    (batched,) = cloud({"Content-Type": "APPLICATION/CLOUDEVENTS-BATCH+JSON; charset=utf-8"}, [CLOUD_EVENT])
    (binary,) = cloud({f"ce-{name}": value for name, value in CLOUD_EVENT.items()}, b"\x00\xff")
    assert structured.id == batched.id == binary.id
    assert binary.data["data_base64"] == "AP8="


@pytest.mark.parametrize("value", ["%C0%A0", "%FF", "\udcff"])
def test_a_header_that_is_no_utf8_is_malformed(value: str) -> None:
    """Percent-encoding is undone once and strictly, and the message names the header."""
    headers = {f"ce-{name}": text for name, text in CLOUD_EVENT.items()}
    with pytest.raises(MalformedWebhook, match="header ce-subject"):
        cloud({**headers, "ce-subject": value})


@pytest.mark.parametrize("missing", ["id", "source", "type", "specversion"])
def test_a_required_attribute_cannot_be_missing(missing: str) -> None:
    """An event without one of its four names is kept as unrecognised."""
    body = {name: value for name, value in CLOUD_EVENT.items() if name != missing}
    (event,) = cloud({"Content-Type": "application/cloudevents+json"}, body)
    assert event.type == "source.unrecognised"
    assert missing in event.data["reason"]


def test_another_version_or_format_is_unrecognised() -> None:
    """What cannot be read is said to be so, and kept."""
    (old,) = cloud({"Content-Type": "application/cloudevents+json"}, {**CLOUD_EVENT, "specversion": "0.3"})
    (xml,) = cloud({"Content-Type": "application/cloudevents+xml"}, b"<event/>")
    assert (old.type, xml.type) == ("source.unrecognised", "source.unrecognised")


def test_the_longest_mapping_speaks() -> None:
    """An exact type goes before a pattern, a longer pattern before a shorter, and a default comes last."""
    reading = Reading(
        types={
            "com.example.*": TypeMapping(type="change.started"),
            "com.example.thing*": TypeMapping(type="change.failed"),
            "com.example.thing.exact": TypeMapping(type="change.merged"),
            "*": TypeMapping(type="chat.message"),
        }
    )
    kinds = ("com.example.thing.exact", "com.example.things", "com.example.x", "org.other")
    headers = {"Content-Type": "application/cloudevents+json"}
    found = [cloud(headers, {**CLOUD_EVENT, "type": kind}, reading)[0].type for kind in kinds]
    assert found == ["change.merged", "change.failed", "change.started", "chat.message"]


def test_a_mapping_that_does_not_fit_finds_nothing() -> None:
    """An expression over data that is not there leaves the field absent; lists become several refs."""
    mapped = TypeMapping(
        fields={"service": "data.nothing.here", "actor": "length(data)", "title": "data.number"},
        refs={"commit": "data.commits[].sha", "pr": "abs(data)"},
    )
    body = {**CLOUD_EVENT, "data": {"number": 7, "commits": [{"sha": "aa"}, {"sha": "bb"}, {"sha": None}]}}
    (event,) = cloud({"Content-Type": "application/cloudevents+json"}, body, Reading(default=mapped))
    assert (event.service, event.actor, event.title) == (None, "2", "7")
    assert event.refs == ("commit:aa", "commit:bb")


def test_a_great_deal_of_data_is_cut_visibly() -> None:
    """An event carries a bounded part of a sender's data; the body is kept whole elsewhere."""
    body = {**CLOUD_EVENT, "subject": "s" * 5000, "data": {"text": "ü" * 200_000}}
    (event,) = cloud({"Content-Type": "application/cloudevents+json"}, body)
    assert event.data["data"].endswith(normalise.CUT)
    assert event.title.endswith(normalise.CUT)
    assert len(msgspec.json.encode(event)) < 40_000
