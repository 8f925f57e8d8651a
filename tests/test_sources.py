"""Every source, over its recordings: verified, parsed, refused when touched, the same twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import reading as fit
from collector.episodes import episodes
from collector.errors import MalformedWebhook, UnverifiedWebhook
from collector.event import EVENT_TYPES, Event, RecordedEvent
from collector.intake import Endpoint, Intake, kept_headers
from collector.log import open_log
from collector.signing import signature_of
from collector.sources import SOURCES
from collector.sources.alertmanager import fingerprint_of, query_of
from collector.sources.pagerduty import TYPES as PAGERDUTY_TYPES
from collector.sources.slack import plain
from collector.times import moment, parse, rfc3339
from collector.webhook import Channel, Credentials, Mapped, Reading, Webhook
from collector.writer import Writer
from tests import sns
from tests.lookout import LOOKOUT, LOOKOUT_SIGNS

ROOT = Path(__file__).parent
RECORDINGS = ROOT / "recordings"
SENDERS = ROOT.parent / "config" / "senders"
PAYLOADS = Path(os.environ.get("TIMELINED_PAYLOADS") or ROOT.parent.parent / "shared" / "payloads")
"""Bodies copied from public documentation; they may be absent, and are not part of the project."""

CASES = sorted(path.parent for path in RECORDINGS.glob("*/*/body"))
RECEIVED = parse("2026-03-04T16:00:00Z") or 0

SECRET, EARLIER = b"larkfield-made-up-secret", b"larkfield-earlier-secret"
SIGNED = Credentials(signing=(SECRET, EARLIER))
TOKEN = Credentials(bearer=(b"larkfield-made-up-token",))
BASIC = Credentials(basic=((b"larkfield", b"larkfield-made-up-token"),))
PATH = Credentials(path=(b"larkfield-made-up-token",))
PROOFS = {"signature": SIGNED, "bearer": TOKEN, "basic": BASIC, "path": PATH, "certificate": Credentials()}
CREDENTIALS = {kind: PROOFS[source.proofs[0]] for kind, source in SOURCES.items()}
CREDENTIALS["aws"] = Credentials(certificates=(sns.CERTIFICATE,), topics=(sns.TOPIC,))
CREDENTIALS["mapped"] = msgspec.structs.replace(SIGNED, scheme=LOOKOUT_SIGNS)
READING = Reading(
    types={
        "com.larkfield.deploy.*": Mapped(
            type="change.succeeded",
            fields={
                "service": "data.service",
                "environment": "data.environment",
                "actor": "data.author",
                "title": "data.summary",
                "entity": "data.id",
            },
            refs={"deployment": "data.id", "commit": "data.sha"},
        ),
        "com.larkfield.flag.toggled": Mapped(type="change.flag_toggled", fields={"actor": "data.by"}),
        "com.larkfield.*": Mapped(),
    },
    mapping=LOOKOUT,
    channels={"C0INC000001": Channel(name="incidents"), "C0PAY000002": Channel(name="payments", service="checkout")},
)


def webhook_of(
    kind: str, body: bytes, headers: Mapping[str, str] | None = None, received_at: int = RECEIVED, token: str = ""
) -> Webhook:
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return Webhook(source=kind, headers=lowered, body=body, received_at=received_at, token=token)


def recorded(case: Path, received_at: int = RECEIVED) -> Webhook:
    headers = json.loads((case / "headers.json").read_text("utf-8"))
    kind = case.parent.name
    token = PATH.path[0].decode() if CREDENTIALS[kind] is PATH else ""
    return webhook_of(kind, (case / "body").read_bytes(), headers, received_at, token)


def parsed(case: Path) -> tuple[Event, ...]:
    return SOURCES[case.parent.name].parse(recorded(case), READING)


def parse_json(kind: str, body: Any, headers: Mapping[str, str] | None = None) -> tuple[Event, ...]:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCES[kind].parse(webhook_of(kind, encoded, headers), READING)


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")


# --- every source -----------------------------------------------------------------------------------------------------


@every_case
def test_a_recording_is_verified(case: Path) -> None:
    """What a sender really sends proves who sent it."""
    kind = case.parent.name
    way = SOURCES[kind].verify(recorded(case), CREDENTIALS[kind])
    assert way == SOURCES[kind].proofs[0]


@every_case
def test_a_recording_becomes_its_events(case: Path) -> None:
    """A recorded delivery is read as the events beside it say."""
    expected = msgspec.json.decode((case / "events.json").read_bytes(), type=tuple[Event, ...])
    assert parsed(case) == expected


@every_case
def test_a_recording_changed_by_one_byte_is_refused(case: Path) -> None:
    """Where a sender signs, no byte of the body may differ from what was signed."""
    kind, webhook = case.parent.name, recorded(case)
    if CREDENTIALS[kind].certificates:
        # What is not signed of an envelope may differ: where its certificate lies, how to unsubscribe.
        other = webhook.body.replace(b'"Message": "', b'"Message": "!')
        with pytest.raises(UnverifiedWebhook):
            SOURCES[kind].verify(msgspec.structs.replace(webhook, body=other), CREDENTIALS[kind])
        return
    if not CREDENTIALS[kind].signing:
        headers = {**webhook.headers, "authorization": "Bearer another"}
        webhook = msgspec.structs.replace(webhook, headers=headers, token="another" if webhook.token else "")
        with pytest.raises(UnverifiedWebhook):
            SOURCES[kind].verify(webhook, CREDENTIALS[kind])
        return
    for place in range(0, len(webhook.body), 97):
        touched = bytearray(webhook.body)
        touched[place] ^= 1
        with pytest.raises(UnverifiedWebhook):
            SOURCES[kind].verify(msgspec.structs.replace(webhook, body=bytes(touched)), CREDENTIALS[kind])


@every_case
def test_a_recording_delivered_later_keeps_its_ids(case: Path) -> None:
    """Ids come from what the sender says; the hour of receipt moves none of them."""
    again = SOURCES[case.parent.name].parse(recorded(case, RECEIVED + 86_400_000_000), READING)
    assert [event.id for event in again] == [event.id for event in parsed(case)]


@every_case
def test_events_are_of_known_types_and_can_be_stored(case: Path) -> None:
    """Every event has a type of the table, an id of 32 digits, and content that JSON and PostgreSQL take."""
    for event in parsed(case):
        assert_storable(event)


def assert_storable(event: Event) -> None:
    encoded = msgspec.json.encode(event)
    assert event.type in EVENT_TYPES
    assert len(event.id) == 32
    assert int(event.id, 16) >= 0
    assert b"\\u0000" not in encoded
    assert all(
        len(part.encode()) <= 1100 for part in (event.title, event.entity, event.actor or "", event.service or "")
    )
    assert event.title
    assert event.entity
    assert rfc3339(event.occurred_at)
    assert msgspec.json.decode(encoded, type=Event) == event


def assert_read_or_malformed(webhook: Webhook) -> None:
    try:
        events = SOURCES[webhook.source].parse(webhook, READING)
    except MalformedWebhook as malformed:
        events, places = (), [malformed.place, str(malformed)]
    else:
        places = []
    assert all(0 < len(place) < 400 for place in places)
    for event in events:
        assert_storable(event)


def test_every_source_has_recordings_a_sender_page_and_a_kind() -> None:
    """Adding a source is not done before it is recorded and its sender's page is written."""
    for kind, source in SOURCES.items():
        assert source.kind == kind
        assert len([case for case in CASES if case.parent.name == kind]) >= 4, kind
        assert [page for page in SENDERS.glob(f"{kind}.*") if page.stat().st_size > 200], kind
        assert all((case / name).exists() for case in CASES for name in ("headers.json", "events.json"))


@every_case
def test_what_is_read_of_a_delivery_is_kept_with_it(case: Path) -> None:
    """From the stored body and the stored headers the same events can be derived again; no proof is among these."""
    webhook = recorded(case)
    kept = dict(kept_headers(webhook.headers, SOURCES[webhook.source].headers))
    assert SOURCES[webhook.source].parse(msgspec.structs.replace(webhook, headers=kept), READING) == parsed(case)
    assert [name for name in kept if "signature" in name or "authorization" in name or "token" in name] == []


NEEDED = {
    "alertmanager": {"version", "alerts", "labels", "status", "data", "notification", "details", "silenceMutedAlert",
                     "silence", "id", "mutedAlert", "alertGrouped", "@timestamp"},
    "cloudevents": {"specversion", "id", "source", "type"},
    "github": {"id", "ref", "after", "state", "deployment", "deployment_status", "workflow_run", "pull_request",
               "release", "action", "number", "merged"},
    "gitlab": {"object_kind", "deployment_id", "status", "object_attributes", "id", "ref", "after", "action", "active"},
    "grafana": {"version", "alerts", "labels", "status", "ruleId", "state", "truncatedAlerts"},
    "argocd": {"timelined", "about", "name", "operation", "phase", "health", "status"},
    "datadog": {"timelined", "transition"},
    "flux": {"involvedObject", "kind", "name", "reason", "severity"},
    "aws": {"Type", "TopicArn", "Message"},
    "azuremonitor": {"schemaId", "data", "essentials", "alertId", "monitorCondition"},
    "betterstack": {"data", "id", "event"},
    "bitbucket": {"push", "changes", "pullrequest", "repository"},
    "gitea": {"ref", "after", "action", "pull_request", "release", "id", "merged", "merged_at"},
    "googlecloud": {"incident", "incident_id", "state"},
    "healthchecks": {"timelined", "code", "status"},
    "icinga": {"timelined", "type", "host"},
    "jenkins": {"build", "phase", "status", "number", "name", "url"},
    "kubernetesevents": {"metadata", "uid", "reason"},
    "launchdarkly": {"_id", "kind", "accesses", "resource"},
    "newrelic": {"id", "state"},
    "pingdom": {"check_id", "current_state"},
    "hcpterraform": {"notifications", "trigger", "run_id", "details", "workspace_id"},
    "uptimekuma": {"heartbeat", "status", "monitor", "id", "msg"},
    "zabbix": {"timelined", "event", "what"},
    "mapped": {"results", "check", "state"},
    "opsgenie": {"action", "alert", "alertId"},
    "statuspage": {"incident", "id", "incident_updates", "component_update"},
    "sentry": {"action", "data", "issue", "event", "event_id", "metric_alert", "id", "comment", "comment_id"},
    "slack": {"type", "event", "ts", "event_ts", "channel", "text", "message", "item", "edited", "reaction", "subtype"},
    "pagerduty": {"event", "id", "event_type", "data", "incident"},
}  # fmt: skip
"""The fields without which a body of each kind does not say what it is; every other one may be missing."""


@every_case
def test_a_recording_without_any_one_field_is_still_read(case: Path) -> None:
    """A field that a sender leaves out costs what it says and no more: the same facts are told."""
    webhook = recorded(case)
    try:
        body = json.loads(webhook.body)
    except ValueError:
        return
    whole = [event.type for event in parsed(case)]
    for path in _fields(body):
        less = SOURCES[webhook.source].parse(
            msgspec.structs.replace(webhook, body=json.dumps(_without(body, path)).encode()), READING
        )
        for event in less:
            assert_storable(event)
        if path[-1] not in NEEDED[webhook.source]:
            assert len(less) >= len([kind for kind in whole if kind != "source.gap"]), path
            unread = "source.unrecognised"
            assert [event.type for event in less].count(unread) <= whole.count(unread), path


def _fields(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field of a JSON body, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(value, dict):
            yield (*path, key)
        yield from _fields(inner, (*path, key))


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    """The same body without the field at that path."""
    key, *rest = path
    if isinstance(value, list):
        return [_without(item, tuple(rest)) if place == key else item for place, item in enumerate(value)]
    if not rest:
        return {name: item for name, item in value.items() if name != key}
    return {name: _without(item, tuple(rest)) if name == key else item for name, item in value.items()}


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_recording_delivered_twice_is_stored_once(kind: str, tmp_path: Path) -> None:
    """The log holds each fact of a delivery once, however often it comes; the second answer says so."""
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    endpoint = Endpoint(source=SOURCES[kind], credentials=CREDENTIALS[kind], reading=READING)
    intake = Intake(Writer(log), {kind: endpoint})
    try:
        for case in [case for case in CASES if case.parent.name == kind]:
            sent = recorded(case)
            first = await intake.receive(kind, sent.headers, sent.body, sent.token, RECEIVED)
            head = len(await log.read())
            again = await intake.receive(kind, sent.headers, sent.body, sent.token, RECEIVED + 1_000_000)
            assert [item.event_id for item in again.items] == [item.event_id for item in first.items]
            assert all(item.known for item in again.items)
            assert len(await log.read()) == head
    finally:
        await intake.writer.close()
        await log.close()


def test_it_is_known_who_does_not_come_again() -> None:
    """Who retries and who does not is known, since intake answers accordingly."""
    assert [kind for kind, source in SOURCES.items() if not source.retries] == [
        "github", "gitlab", "sentry", "jenkins", "kubernetesevents", "uptimekuma",
    ]  # fmt: skip


@st.composite
def _mutations(draw: st.DrawFn) -> tuple[Path, bytes]:
    """A recording whose body lost its end, lost or gained bytes, or had some replaced by telling ones."""
    case = draw(st.sampled_from(CASES))
    body = bytearray((case / "body").read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 12)))
        body[start:end] = draw(st.sampled_from(_TELLING) | st.binary(max_size=6))
    return case, bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


_TELLING = [
    b"", b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"9" * 40, b"\\u0000", b"\\ud800", b"\xff", b'"', b"\\",
    b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59-23:59", b"true", b'{"a":' * 70, b"%", b"&payload=", b'"x":1,',
]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_mutations())
def test_no_body_breaks_an_adapter(mutation: tuple[Path, bytes]) -> None:
    """Whatever stands in an authentic body, it is read, kept as unrecognised, or malformed at a named place."""
    case, body = mutation
    assert_read_or_malformed(msgspec.structs.replace(recorded(case), body=body))


PROVING = (
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-gitlab-token",
    "webhook-signature",
    "x-pagerduty-signature",
    "x-grafana-alerting-signature",
    "x-grafana-alerting-timestamp",
)


@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=40), value=st.text(max_size=20))
def test_no_header_breaks_an_adapter(kind: str, body: bytes, value: str) -> None:
    """Neither a header nor a token can do worse than be refused."""
    names = ("authorization", "content-type", "ce-id", "x-hub-signature-256", *SOURCES[kind].headers, *PROVING)
    webhook = webhook_of(kind, body, dict.fromkeys(names, value), token=value)
    with pytest.raises(UnverifiedWebhook):
        SOURCES[kind].verify(webhook, Credentials(signing=(b"a",), basic=((b"u", b"p"),), path=(b"\xff",)))
    assert_read_or_malformed(webhook)


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "cloudevents"])
def test_broken_json_names_its_place(kind: str) -> None:
    """A cut body is malformed, and the message says where reading stopped."""
    case = next(case for case in CASES if case.parent.name == kind)
    webhook = recorded(case)
    with pytest.raises(MalformedWebhook, match=r"byte 200") as caught:
        SOURCES[kind].parse(msgspec.structs.replace(webhook, body=webhook.body[:200]), READING)
    assert caught.value.place.endswith("byte 200")


@pytest.mark.parametrize("kind", SOURCES)
def test_broken_syntax_behind_a_wrong_shape_is_malformed(kind: str) -> None:
    """A shape that is wrong early does not hide that the rest is no JSON."""
    headers = {"x-github-event": "push", "content-type": "application/cloudevents+json"}
    with pytest.raises(MalformedWebhook):
        parse_json(kind, b'{"version": [], "event": 1, "ref": 2, "alerts": {]}', headers)


def test_half_a_surrogate_pair_is_read_as_a_replacement_character() -> None:
    """Senders that cut texts in UTF-16 leave half characters; the rest of the alert still counts."""
    alert = {"labels": {"alertname": "A"}, "annotations": {"summary": "cut @"}, "startsAt": "2026-03-04T14:00:00Z"}
    body = json.dumps({"version": "4", "status": "firing", "alerts": [alert]}).replace("@", r"\ud83d")
    (event,) = parse_json("alertmanager", body.encode())
    assert event.data["summary"] == "cut \ufffd"


# --- public examples --------------------------------------------------------------------------------------------------


def _payloads(pattern: str) -> list[Path]:
    found = sorted(PAYLOADS.glob(pattern))
    if not found:
        pytest.skip("the public examples are not here")
    return found


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


# --- Statuspage and Datadog -------------------------------------------------------------------------------------------


def test_public_statuspage_examples() -> None:
    """Every update is told at its own time; what a later delivery repeats is known by its id."""
    told = {path.stem: parse_json("statuspage", path.read_bytes()) for path in _payloads("statuspage/*.json")}
    for events in told.values():
        assert {event.type for event in events} == {"status.updated"}
        assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    assert told["incident_created"][0].id in {event.id for event in told["incident_update"]}
    assert rfc3339(told["incident_created"][0].occurred_at) == "2017-12-26T07:32:00.548000Z"


def test_a_variable_that_datadog_left_as_it_is_says_nothing() -> None:
    """An absent host, priority or tag is absent, and no service is called $HOSTNAME."""
    body = {"timelined": "datadog.1", "transition": "Triggered", "title": "Errors", "monitor": "7", "date": "$DATE",
            "tags": "$TAGS", "host": "$HOSTNAME", "priority": "$ALERT_PRIORITY", "link": "$LINK"}  # fmt: skip
    (event,) = parse_json("datadog", body)
    assert (event.service, event.severity, event.labels, event.links, event.time_quality) == (
        None,
        None,
        {},
        (),
        "absent",
    )


# --- Flux -------------------------------------------------------------------------------------------------------------


def test_public_flux_examples() -> None:
    """An object that cannot be applied is a change that failed, at its time and with its commit."""
    for path in _payloads("flux/*.json"):
        (event,) = parse_json("flux", path.read_bytes())
        assert (event.type, event.service, event.time_text) == ("change.failed", "webapp", "2022-10-28T07:26:19Z")
        assert event.refs == ("commit:731f7eaddfb6af01cb2173e18f0f75b0ba780ef1",)
        assert_storable(event)


# --- Opsgenie ---------------------------------------------------------------------------------------------------------


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


# --- Sentry -----------------------------------------------------------------------------------------------------------


def test_a_metric_alert_that_grows_worse_is_one_episode() -> None:
    """Warning, critical and resolved of one firing have its start; the end is the hook's time where none is told."""
    names = ("metric-alert-warning", "metric-alert-critical", "metric-alert-resolved")
    told = [parsed(RECORDINGS / "sentry" / name)[0] for name in names]
    (episode,) = episodes([msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in told])
    assert (episode.start, episode.end) == (told[0].occurred_at, told[2].occurred_at)
    assert [each.severity for each in told] == ["warning", "critical", None]


def test_public_sentry_examples() -> None:
    """Issues are observed, alerts on them fire, each at its time and with its project."""
    for path in _payloads("sentry/*.json"):
        resource = "issue" if path.name.startswith("issue_") else "event_alert"
        headers = {"Sentry-Hook-Resource": resource, "Sentry-Hook-Timestamp": "1588227300"}
        for event in parse_json("sentry", path.read_bytes(), headers):
            assert event.type == ("observation.recorded" if resource == "issue" else "alert.firing"), path.name
            assert (event.time_quality, event.service) == ("exact", "zulip-integration-testing")
            assert_storable(event)
    assert [path.stem for path in _payloads("sentry/*.json") if _is_set_aside(path)] == [
        "issue_assigned_to_individual", "issue_ignored",
    ]  # fmt: skip


def _is_set_aside(path: Path) -> bool:
    resource = "issue" if path.name.startswith("issue_") else "event_alert"
    return parse_json("sentry", path.read_bytes(), {"Sentry-Hook-Resource": resource}) == ()


# --- Slack ------------------------------------------------------------------------------------------------------------


def test_slacks_challenge_is_given_back_and_nothing_else_is() -> None:
    """Only an address being tried is answered with what was sent; no other body gets an echo."""
    ask = SOURCES["slack"].challenge
    assert ask is not None
    sent = {case.name: ask(recorded(case)) for case in CASES if case.parent.name == "slack"}
    assert sent.pop("challenge") == "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    assert set(sent.values()) == {""}
    assert {
        ask(webhook_of("slack", body)) for body in (b"", b"[", b"\xff", b"[]", b'{"type": "url_verification"}')
    } == {""}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<@U1> <@U2|ana> <#C1|general> <!here> <!subteam^S1|@oncall>", "@U1 @ana #general @here @oncall"),
        ("<https://x.example/a?b=1&amp;c=2>", "https://x.example/a?b=1&c=2"),
        ("<https://x.example|the page> <mailto:a@x.example|a@x.example>", "the page (https://x.example) a@x.example"),
        ("1 < 2 <", "1 < 2 <"), ("", ""), ("  ", ""),
    ],
)  # fmt: skip
def test_a_message_reads_as_people_see_it(written: str, read: str) -> None:
    """Slack's brackets and escapes are no part of what was written."""
    assert plain(written) == read


def test_a_pin_tells_the_message_that_was_received_already() -> None:
    """A message is one fact, whether it came as itself or with its pin."""
    pinned = RECORDINGS / "slack" / "pinned"
    message = {"type": "message", "user": "U0ANA0001", "text": "All clear since 14:24 UTC.", "ts": "1772633340.000700"}
    event = message | {"channel": "C0INC000001", "event_ts": "1772633340.000700", "channel_type": "channel"}
    (first,) = parse_json("slack", {"type": "event_callback", "team_id": "T0LARK001", "event": event})
    assert (first,) == parsed(pinned)


def test_without_chosen_channels_every_channel_is_read() -> None:
    """What is configured narrows; a direct message is read in no case."""
    for name, events in (("another-channel", 1), ("direct-message", 0)):
        assert len(SOURCES["slack"].parse(recorded(RECORDINGS / "slack" / name), Reading())) == events


def test_public_slack_examples() -> None:
    """Every documented shape is read or set aside, none of them fails; a challenge is no event."""
    for path in _payloads("slack/*.json"):
        for event in SOURCES["slack"].parse(webhook_of("slack", path.read_bytes()), Reading()):
            assert_storable(event)
            assert event.type in ("chat.message", "source.unrecognised")
    (path,) = _payloads("slack/reaction_added.json")
    assert SOURCES["slack"].parse(webhook_of("slack", path.read_bytes()), Reading(reactions=("grinning",))) == ()


# --- GitLab -----------------------------------------------------------------------------------------------------------


def test_gitlabs_secret_token_proves_a_hook_that_does_not_sign() -> None:
    """The token in its own header is enough where the hook has no signing token; beside a signature it is not."""
    webhook = recorded(RECORDINGS / "gitlab" / "deployment-succeeded")
    secret = Credentials(header=(b"larkfield-secret-token",))
    plain = {name: text for name, text in webhook.headers.items() if not name.startswith("webhook-")}
    verify = SOURCES["gitlab"].verify
    assert verify(msgspec.structs.replace(webhook, headers=plain), secret) == "header"
    for headers in (webhook.headers, plain | {"x-gitlab-token": "another"}, plain | {"x-gitlab-token": ""}):
        with pytest.raises(UnverifiedWebhook):
            verify(msgspec.structs.replace(webhook, headers=headers), secret)


def test_a_flag_set_again_is_another_fact_and_a_retry_is_not() -> None:
    """GitLab's body says neither when a flag was set nor which time it was; the delivery's key does."""
    webhook = recorded(RECORDINGS / "gitlab" / "flag-off")
    keys = ("a", "a", "b")
    ids = [
        SOURCES["gitlab"]
        .parse(
            msgspec.structs.replace(webhook, headers={"idempotency-key": key}, received_at=RECEIVED + place), READING
        )[0]
        .id
        for place, key in enumerate(keys)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_public_gitlab_examples() -> None:
    """Each example is read as what it is; a merge request is a change once it is merged."""
    expected = {
        "deployment": ("change.succeeded", "2021-04-28T19:50:00Z"), "feature_flag": ("change.flag_toggled", ""),
        "pipeline": ("change.succeeded", "2016-08-12T15:26:29Z"), "push": ("change.pushed", ""),
        "release": ("change.released", "2021-02-25T21:23:34Z"), "tag_push": ("change.tagged", ""),
    }  # fmt: skip
    for path in _payloads("gitlab/*.json"):
        told = [
            (event.type, rfc3339(event.occurred_at) if event.time_quality == "exact" else "")
            for event in parse_json("gitlab", path.read_bytes())
        ]
        assert told == ([expected[path.stem]] if path.stem in expected else []), path.name


# --- Grafana ----------------------------------------------------------------------------------------------------------


def test_a_start_that_grafana_overwrote_is_not_taken_for_one() -> None:
    """Such a resolve names no start and no firing, and ends the episode that was open."""
    firing, resolved = (parsed(RECORDINGS / "grafana" / name)[0] for name in ("firing", "resolved-by-grafana-12"))
    assert (firing.entity, "starts_at" in resolved.data, "ends" in resolved.data) == (resolved.entity, False, False)
    events = [msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in (firing, resolved)]
    (episode,) = episodes(events)
    assert (episode.start, episode.end) == (firing.occurred_at, resolved.occurred_at)


def test_a_resolve_of_grafana_names_its_firing_where_it_says_the_start() -> None:
    """Versions before 12 tell the start, and so which firing ended."""
    firing, resolved = (parsed(RECORDINGS / "grafana" / name)[0] for name in ("firing", "resolved-with-its-start"))
    assert resolved.data["ends"] == firing.id


def test_a_dashboards_alert_fires_and_ends_at_its_receipt() -> None:
    """Legacy bodies say no time; one that comes twice at once is one fact, one that comes later is another."""
    body = {
        "orgId": 1,
        "ruleId": 3,
        "ruleName": "Checkout errors",
        "state": "alerting",
        "tags": {"service": "checkout"},
    }
    raw, parse_at = json.dumps(body).encode(), SOURCES["grafana"].parse
    minute = 60_000_000
    first, again, later = (
        parse_at(webhook_of("grafana", raw, received_at=RECEIVED + wait), READING)[0]
        for wait in (0, minute - 1, 90 * minute)
    )
    assert first.id == again.id != later.id
    assert (first.type, first.title, first.service, first.time_quality) == (
        "alert.firing", "Checkout errors", "checkout", "absent",
    )  # fmt: skip
    assert parse_json("grafana", body | {"state": "ok"})[0].type == "alert.resolved"
    assert parse_json("grafana", body | {"state": "no_data"})[0].type == "observation.recorded"
    assert parse_json("grafana", body | {"state": "paused"}) == ()


def test_public_grafana_examples() -> None:
    """Bodies of Grafana Alerting become one event for each alert; of dashboards' alerts, one."""
    for path in _payloads("grafana/*.json"):
        body = json.loads(path.read_bytes())
        events = parse_json("grafana", path.read_bytes())
        assert [event.type for event in events] == ["alert.firing"] * len(body.get("alerts", [body])), path.name
        for event in events:
            assert_storable(event)


# --- Alertmanager -----------------------------------------------------------------------------------------------------


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
    (one,) = parse_json("alertmanager", group(alert(), externalURL="http://am-0", receiver="a"))
    other, _ = parse_json(
        "alertmanager",
        group(
            alert(startsAt="2026-03-04T16:02:10.123456789+02:00"), alert(fingerprint="99"), externalURL="http://am-1"
        ),
    )
    assert one.id == other.id


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


# --- CloudEvents ------------------------------------------------------------------------------------------------------

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
            "com.example.*": Mapped(type="change.started"),
            "com.example.thing*": Mapped(type="change.failed"),
            "com.example.thing.exact": Mapped(type="change.merged"),
            "*": Mapped(type="chat.message"),
        }
    )
    kinds = ("com.example.thing.exact", "com.example.things", "com.example.x", "org.other")
    headers = {"Content-Type": "application/cloudevents+json"}
    found = [cloud(headers, {**CLOUD_EVENT, "type": kind}, reading)[0].type for kind in kinds]
    assert found == ["change.merged", "change.failed", "change.started", "chat.message"]


def test_a_mapping_that_does_not_fit_finds_nothing() -> None:
    """An expression over data that is not there leaves the field absent; lists become several refs."""
    mapped = Mapped(
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
    assert event.data["data"].endswith(fit.CUT)
    assert event.title.endswith(fit.CUT)
    assert len(msgspec.json.encode(event)) < 40_000


def test_github_signs_the_form_as_it_is_sent() -> None:
    """The signature covers the raw form, not the JSON in it."""
    body = b"payload=%7B%22zen%22%3A1%7D"
    headers = {"X-Hub-Signature-256": "sha256=" + signature_of(body, SECRET), "X-GitHub-Event": "ping"}
    assert SOURCES["github"].verify(webhook_of("github", body, headers), SIGNED) == "signature"


def test_moments_of_events_agree_with_their_texts() -> None:
    """Where an event is exact, its time is what its kept text says."""
    for case in CASES:
        for event in parsed(case):
            if event.time_quality == "exact":
                assert moment(event.time_text, RECEIVED).at == event.occurred_at
