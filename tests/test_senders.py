"""What is particular to one sender, where it is too little for a file of its own."""

from __future__ import annotations

import json

import msgspec
import pytest

from collector.correlation import Rules, correlate
from collector.errors import UnverifiedWebhook
from collector.event import MINUTE, Event, RecordedEvent
from collector.semantics.episodes import episodes
from collector.signing import signature_of
from collector.sources import SOURCES
from collector.sources.slack import plain
from collector.webhook import Credentials, Reading
from renderers import facts, rows
from renderers.document import Bullets, Options
from renderers.plain_text import plain as in_words
from renderers.replay import replay
from renderers.sections import SECTIONS
from tests.facts import fact, firing
from tests.recorded import (
    CASES,
    READING,
    RECEIVED,
    RECORDINGS,
    SECRET,
    SIGNED,
    parse_json,
    parsed,
    recorded,
    webhook_of,
)


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


def test_what_a_monitor_of_datadog_measured_is_told_where_its_template_says_so() -> None:
    """Its status is what it measured, of a firing; its query is the rule's."""
    monitor = {"timelined": "datadog.1", "title": "Load", "monitor": "7", "query": "avg:system.load.1{*} > 4",
            "status": "system.load.1 over host:a was > 4 at least once during the last 1m"}  # fmt: skip
    (event,) = parse_json("datadog", monitor | {"transition": "Triggered"})
    assert (event.data["summary"], event.data["query"]) == (monitor["status"], monitor["query"])
    assert "summary" not in parse_json("datadog", monitor | {"transition": "Recovered"})[0].data
    left = parse_json("datadog", monitor | {"transition": "Warn", "status": "$ALERT_STATUS", "query": "$ALERT_QUERY"})[
        0
    ]
    assert not {"summary", "query"} & left.data.keys()


def test_a_metric_alert_that_grows_worse_is_one_episode() -> None:
    """Warning, critical and resolved of one firing have its start; the end is the hook's time where none is told."""
    names = ("metric-alert-warning", "metric-alert-critical", "metric-alert-resolved")
    events = [parsed(RECORDINGS / "sentry" / name)[0] for name in names]
    (episode,) = episodes([msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in events])
    assert (episode.start, episode.end) == (events[0].occurred_at, events[2].occurred_at)
    assert [each.severity for each in events] == ["warning", "critical", None]


@pytest.mark.parametrize(
    ("kind", "case", "states"),
    [
        (
            "icinga",
            "problem",
            [{"state": "WARNING"}, {"state": "CRITICAL"}, {"state": "WARNING"}, {"type": "RECOVERY"}],
        ),
        ("datadog", "triggered", [{"transition": each} for each in ("Warn", "Triggered", "No Data", "Recovered")]),
    ],
)
def test_an_alert_that_changes_its_state_before_it_ends_fired_once(
    kind: str, case: str, states: list[dict[str, str]]
) -> None:
    """Each state is told as a problem of its own, at its own time; once it ended it fires again."""
    body = json.loads((RECORDINGS / kind / case / "body").read_bytes()) | {"lastok": "1772632000"}
    parsed_events: list[Event] = []
    for minute, state in enumerate([*states, states[0]]):
        when = 1_772_632_800 + 60 * minute
        parsed_events += parse_json(
            kind, body | {"since": str(when), "date": str(when * 1000), "id": str(when)} | state
        )
    events = [msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in parsed_events]
    first, second = episodes(events)
    assert [event.id for event in first.events] == [event.id for event in events[:4]]
    assert (first.start, first.end) == (events[0].occurred_at, events[3].occurred_at)
    assert (second.start, second.end) == (events[4].occurred_at, None)


def test_an_alert_on_an_issue_ends_with_the_issue() -> None:
    """Sentry tells its firing by the rule and its end by the issue, which says no start."""
    firing, end = (parsed(RECORDINGS / "sentry" / name)[0] for name in ("alert-on-an-issue", "issue-resolved"))
    told = [msgspec.convert(msgspec.to_builtins(each), RecordedEvent) for each in (firing, end)]
    told = [msgspec.structs.replace(each, entity=end.entity) for each in told]
    (episode,) = episodes(told)
    assert (episode.start, episode.end) == (firing.occurred_at, end.occurred_at)


@pytest.mark.parametrize(
    ("action", "called"),
    [("unresolved", "issue unresolved"), ("archived", "issue archived"), ("ignored", "issue ignored")],
)
def test_what_is_set_aside_has_not_ended(action: str, called: str) -> None:
    """An issue that came back, or that a team does not look at, is told as it is and ends no alert."""
    case = RECORDINGS / "sentry" / "issue-resolved"
    body = json.loads((case / "body").read_bytes()) | {"action": action}
    (event,) = SOURCES["sentry"].parse(msgspec.structs.replace(recorded(case), body=json.dumps(body).encode()), READING)
    assert (event.type, event.data["called"]) == ("observation.recorded", called)


def test_an_end_alone_opens_no_incident_whoever_sends_it() -> None:
    """A resolve whose firing nobody told opens one only where it says itself since when the alert fired."""
    ends = [each for case in CASES for each in parsed(case) if each.type in ("alert.resolved", "page.resolved")]
    assert len({each.source for each in ends}) > 12
    for end in ends:
        began = any(name in end.data for name in ("starts_at", "created_at"))
        told = [msgspec.convert(msgspec.to_builtins(end) | {"severity": "critical"}, RecordedEvent)]
        assert bool(correlate(told, Rules()).incidents) == began, end


@pytest.mark.parametrize(
    ("case", "absent", "words", "title", "operation"),
    [
        ("zabbix/acknowledged", "", "Rolling back.", "Rolling back.", "acknowledged, commented"),
        ("zabbix/acknowledged", "message", None, "Checkout answers slowly", "acknowledged, commented"),
        ("icinga/acknowledged", "", "Rolling back.", "Rolling back.", "acknowledged"),
        ("icinga/acknowledged", "comment", None, "http", "acknowledged"),
    ],
)
def test_a_persons_words_are_theirs_alone(
    case: str, absent: str, words: str | None, title: str, operation: str
) -> None:  # fmt: skip
    """What was done with an alert stands beside what was written, and where nothing was written, nothing is quoted."""
    body = json.loads((RECORDINGS / case / "body").read_bytes()) | ({absent: ""} if absent else {})
    (event,) = parse_json(case.partition("/")[0], body)
    assert (event.data.get("text"), event.title, event.data["operation"]) == (words, title, operation)
    note = msgspec.convert(msgspec.to_builtins(event), RecordedEvent)
    history = replay([note])
    (row,) = rows.timeline(history, Options()).rows
    done = f'"{title}" ({operation}, by {event.actor})'
    if operation == "acknowledged":
        done = f'"{title}" was acknowledged by {event.actor} in {event.source}'
    quoted = f'Note by {event.actor} ({operation}): "' if words else done
    assert in_words(row.parts).startswith(quoted)
    assert history.moments["acknowledged"].cites == (event.id,)


def _opened_by(name: str) -> dict[str, object]:
    kind, user = "public_incident.incident_created_v2", {"name": name, "email": "deploy@shop.example"}
    return {"event_type": kind, kind: {"id": "I", "name": "Slow", "creator": {"user": user}}}


@pytest.mark.parametrize(
    ("kind", "body", "agent"),
    [
        ("splunkoncall", {"STATE.INCIDENT_NAME": "7", "STATE.CURRENT_ALERT_PHASE": "ACKED", "STATE.ACK_USER": "SYSTEM",
                          "STATE.ACK_TIMESTAMP": "1772633000000"}, "Splunk On-Call"),
        ("splunkoncall", {"STATE.INCIDENT_NAME": "7", "STATE.CURRENT_ALERT_PHASE": "ACKED",
                          "STATE.ACK_USER": "remediation-bot"}, "remediation-bot"),
        ("betterstack", {"event": "acknowledged", "data": {"id": "1", "attributes": {
            "name": "Shop", "acknowledged_by": "Ops Bot"}}}, "Ops Bot"),
        ("rootly", {"event": {"id": "e", "type": "incident.mitigated"}, "data": {
            "id": "i", "mitigated_by": {"full_name": "Rootly Bot"}}}, "Rootly Bot"),
        ("rootly", {"event": {"id": "e", "type": "incident.resolved"}, "data": {
            "id": "i", "resolved_by": {"data": {"type": "workflows", "attributes": {"name": "Tidy up"}}}}}, "Tidy up"),
        ("opsgenie", {"action": "Acknowledge", "alert": {"alertId": "a", "username": "Opsgenie"}}, "Opsgenie"),
        ("pagerduty", {"event": {"id": "e", "event_type": "incident.acknowledged", "agent": {
            "type": "user_reference", "summary": "restart[bot]"}, "data": {"id": "P", "type": "incident"}}},
         "restart[bot]"),
        ("incidentio", _opened_by("Deploy Bot"), "Deploy Bot"),
    ],
)  # fmt: skip
def test_an_automation_is_nobody_whoever_sends_it(kind: str, body: dict[str, object], agent: str) -> None:
    """It neither leads nor answers; that it acted is told."""
    (event,) = parse_json(kind, body)
    assert (event.actor, event.data["agent"]) == (None, agent)
    history = replay([msgspec.convert(msgspec.to_builtins(event), RecordedEvent)])
    assert facts.lead(history) == ""


@pytest.mark.parametrize("nobody", ["N/A", "unknown", "-", "${user}"])
def test_who_is_named_by_a_placeholder_is_no_automation(nobody: str) -> None:
    """Nobody knows who did it, and a draft does not say that no person did."""
    for kind, body in (
        ("splunkoncall", {"STATE.INCIDENT_NAME": "7", "STATE.CURRENT_ALERT_PHASE": "ACKED", "STATE.ACK_USER": nobody}),
        ("rootly", {"event": {"id": "e", "type": "incident.resolved"}, "data": {"id": "i", "resolved_by": nobody}}),
        ("opsgenie", {"action": "Acknowledge", "alert": {"alertId": "a", "username": nobody}}),
        ("pagerduty", {"event": {"id": "e", "event_type": "incident.acknowledged", "agent": {"summary": nobody},
                                 "data": {"id": "P", "type": "incident"}}}),
    ):  # fmt: skip
        (event,) = parse_json(kind, body)
        assert (event.actor, event.data.get("agent")) == (None, None), kind
    (event,) = parse_json("incidentio", _opened_by(nobody))
    assert event.actor == "deploy@shop.example"


def test_what_azures_activity_log_tells_happened_and_does_not_last() -> None:
    """A restart is what somebody did, and no alert that fires without an end; a service principal is nobody."""
    body = json.loads((RECORDINGS / "azuremonitor/fired/body").read_bytes())
    body["data"]["essentials"] |= {"signalType": "Activity Log", "alertRule": "restarted", "severity": "Sev4"}
    log = {"caller": "ana@shop.example", "operationName": "Microsoft.Web/sites/restart/action", "status": "Succeeded",
           "eventTimestamp": "2026-03-04T14:06:05Z"}  # fmt: skip
    body["data"]["alertContext"] = log
    (event,) = parse_json("azuremonitor", body)
    assert (event.type, event.actor, event.title) == ("observation.recorded", "ana@shop.example", "restarted")
    assert event.data["type"] == "Microsoft.Web/sites/restart/action Succeeded"
    assert event.time_text == log["eventTimestamp"]
    health = {"title": "App Service - Active", "service": "App Service"}
    body["data"]["alertContext"] = log | {"caller": "1b2c3d4e-0000-4000-8000-000000000001", "properties": health}
    (event,) = parse_json("azuremonitor", body)
    assert (event.actor, event.title, event.data["subject"]) == (None, "App Service - Active", "App Service")


def test_instructions_are_no_value_and_stand_for_a_runbook() -> None:
    """What a policy of Google Cloud says is to be done is not what an alert measured, and is told as what it is."""
    (event,) = parsed(RECORDINGS / "googlecloud" / "open")
    history = replay([msgspec.convert(msgspec.to_builtins(event), RecordedEvent)])
    sections = {key: in_words(tuple(part for block in SECTIONS[key](history, Options()).blocks
                                    if isinstance(block, Bullets) for item in block.items for part in item.parts))
                for key in ("impact", "diagnostics", "lessons")}  # fmt: skip
    assert "with a value of 4.1 s" in sections["impact"]
    assert "See the runbook" not in sections["impact"]
    assert '"See the runbook."' in sections["diagnostics"]
    assert "runbook" not in sections["lessons"]


def test_new_relic_says_that_somebody_acknowledged_and_nothing_more() -> None:
    """Nobody is named, and what the alert is called is nobody's words."""
    (event,) = parsed(RECORDINGS / "newrelic" / "acknowledged")
    history = replay([msgspec.convert(msgspec.to_builtins(event), RecordedEvent)])
    (row,) = rows.timeline(history, Options()).rows
    assert in_words(row.parts) == '"Checkout latency" was acknowledged in newrelic'
    assert history.moments["acknowledged"].cites == (event.id,)
    triggered = fact("page.triggered", 0, "P", source="pagerduty")
    triggered = msgspec.structs.replace(triggered, occurred_at=event.occurred_at - MINUTE)
    at, note = event.occurred_at - MINUTE, msgspec.convert(msgspec.to_builtins(event), RecordedEvent)
    alerts = [msgspec.structs.replace(firing(0, name, data={"starts_at": at}), occurred_at=at) for name in ("A", "B")]
    same = msgspec.structs.replace(alerts[0], source=note.source, entity=note.entity)
    for fired, called in (
        ([], "The alert"), (alerts, "An alert"), ([same, alerts[1]], "The alert A on checkout"),
    ):  # fmt: skip
        summary = SECTIONS["summary"](replay([*fired, triggered, note]), Options())
        told = [in_words(item.parts) for block in summary.blocks if isinstance(block, Bullets) for item in block.items]
        assert any(each.startswith(f"{called} was acknowledged in newrelic at ") for each in told), told


def test_what_is_no_acknowledgement_has_no_operation() -> None:
    """A note of Icinga without one is a note, and what happened to a service is told in words."""
    body = json.loads((RECORDINGS / "icinga/acknowledged/body").read_bytes())
    (note,) = parse_json("icinga", body | {"type": "CUSTOM"})
    (flapping,) = parse_json("icinga", body | {"type": "FLAPPINGSTART"})
    assert (note.data.get("operation"), flapping.title) == (None, "Flapping began on http")


def test_what_an_alert_says_is_not_put_into_the_mouth_of_who_takes_it() -> None:
    """An acknowledgement without a message quotes nothing, though its body repeats what the alert says."""
    told = [each for case in CASES for each in parsed(case) if case.parent.name in ("splunkoncall", "betterstack")]
    acknowledgements = [each for each in told if each.type == "page.acknowledged"]
    texts = {each.data.get("text") for each in told if each.type == "page.triggered"} - {None}
    assert acknowledgements
    assert texts
    assert not texts & {each.data.get("text") for each in acknowledgements}


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
            msgspec.structs.replace(webhook, headers={"idempotency-key": key}, received_at=RECEIVED + number), READING
        )[0]
        .id
        for number, key in enumerate(keys)
    ]
    assert ids[0] == ids[1] != ids[2]


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


def test_github_signs_the_form_as_it_is_sent() -> None:
    """The signature covers the raw form, not the JSON in it."""
    body = b"payload=%7B%22zen%22%3A1%7D"
    headers = {"X-Hub-Signature-256": "sha256=" + signature_of(body, SECRET), "X-GitHub-Event": "ping"}
    assert SOURCES["github"].verify(webhook_of("github", body, headers), SIGNED) == "signature"
