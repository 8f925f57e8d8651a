"""Every source, over its recordings: verified, parsed, refused when touched, the same twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import normalise
from collector.errors import MalformedWebhook, UnverifiedWebhook
from collector.event import Event
from collector.intake import kept_headers
from collector.sources import SOURCES
from collector.times import moment
from collector.webhook import Credentials, Webhook
from tests.recorded import (
    CASES,
    CREDENTIALS,
    READING,
    RECEIVED,
    RECORDINGS,
    ROOT,
    assert_read_or_malformed_by,
    assert_storable,
    parse_json,
    parsed,
    recorded,
    webhook_of,
)

SENDERS = ROOT.parent / "config" / "senders"


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
        if own := SOURCES[kind].token_header.lower():
            headers[own] = "another"
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


def assert_read_or_malformed(webhook: Webhook) -> None:
    assert_read_or_malformed_by(lambda: SOURCES[webhook.source].parse(webhook, READING))


def test_every_source_has_recordings_a_sender_page_and_a_kind() -> None:
    """Adding a source is not done before it is recorded and its sender's page is written."""
    for kind, source in SOURCES.items():
        assert source.kind == kind
        recordings = len([case for case in CASES if case.parent.name == kind])
        assert recordings >= 4, f"record at least 4 deliveries in tests/recordings/{kind}; there are {recordings}"
        pages = [page for page in SENDERS.glob(f"{kind}.*") if page.stat().st_size > 200]
        assert pages, f"write what to enter at the sender into config/senders/{kind}.md"
        assert all((case / name).exists() for case in CASES for name in ("headers.json", "events.json"))


@every_case
def test_what_is_read_of_a_delivery_is_kept_with_it(case: Path) -> None:
    """From the stored body and the stored headers the same events can be derived again; no proof is among these."""
    webhook = recorded(case)
    kept = dict(kept_headers(webhook.headers, SOURCES[webhook.source].headers))
    assert SOURCES[webhook.source].parse(msgspec.structs.replace(webhook, headers=kept), READING) == parsed(case)
    assert [name for name in kept if "signature" in name or "authorization" in name or "token" in name] == []


def needed(kind: str) -> set[str]:
    """The fields without which a body of a kind does not say what it is; every other one may be missing."""
    path = RECORDINGS / kind / "needed"
    assert path.exists(), f"write the fields that a body cannot do without into tests/recordings/{kind}/needed"
    return set(path.read_text("utf-8").split("\n")) - {""}


@every_case
def test_a_recording_without_any_one_field_is_still_read(case: Path) -> None:
    """A field that a sender leaves out costs what it says and no more: the same facts are told."""
    webhook = recorded(case)
    without = needed(webhook.source)
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
        if path[-1] not in without:
            lost = (
                f"without {'/'.join(map(str, path))} it tells less; give {path[-1]} a default, or write it into "
                f"tests/recordings/{webhook.source}/needed"
            )
            assert len(less) >= len([kind for kind in whole if kind != "source.gap"]), lost
            unread = "source.unrecognised"
            assert [event.type for event in less].count(unread) <= whole.count(unread), lost


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


def test_it_is_known_who_does_not_come_again() -> None:
    """Who retries and who does not is known, since intake answers accordingly; and the page on the sender says so."""
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT.parent / "config" / "senders").iterdir()}
    lost = {kind for kind, page in pages.items() if "never comes again" in " ".join(page.split())}
    final = {kind for kind, source in SOURCES.items() if not source.retries}
    silent, wrong = sorted(final - lost), sorted(lost - final)
    assert not silent, f'{silent} have retries=False: say "never comes again" on their pages in config/senders'
    assert not wrong, f'{wrong} "never comes again", as their pages say: set retries=False'
    assert final


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
    source = SOURCES[kind]
    own = {*(source.sign(b"", b"a", 0) if source.sign else ()), source.token_header.lower() or "authorization"}
    names = {"authorization", "content-type", "ce-id", "x-hub-signature-256", *source.headers, *own, *PROVING}
    webhook = webhook_of(kind, body, dict.fromkeys(names, value), token=value)
    with pytest.raises(UnverifiedWebhook):
        SOURCES[kind].verify(webhook, Credentials(signing=(b"a",), basic=((b"u", b"p"),), path=(b"\xff",)))
    assert_read_or_malformed(webhook)


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "cloudevents"])
def test_broken_json_names_its_place(kind: str) -> None:
    """A cut body is malformed, and the message says where reading stopped."""
    cases = [recorded(case) for case in CASES if case.parent.name == kind]
    webhook = next(each for each in cases if each.body.startswith(b"{") and len(each.body) > 200)
    with pytest.raises(MalformedWebhook, match=r"byte 200") as caught:
        SOURCES[kind].parse(msgspec.structs.replace(webhook, body=webhook.body[:200]), READING)
    assert caught.value.position.endswith("byte 200")


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


def test_bytes_that_are_no_text_behind_a_number_of_any_size_are_malformed() -> None:
    """The number is kept as its text, and what stands behind it is looked at all the same."""
    assert normalise.decode_any(b'{"a": 1e400}', "pingdom") == {"a": "1e400"}
    with pytest.raises(MalformedWebhook, match="is not UTF-8, at byte 19"):
        normalise.decode_any(b'{"a": 1e400, "b": "\x9b"}', "pingdom")


def test_an_alert_without_its_id_is_not_understood() -> None:
    """It would be one page with every other."""
    (event,) = parse_json("opsgenie", {"action": "Create", "alert": {"alertId": " ", "message": "Errors"}})
    assert (event.type, event.data["reason"]) == ("source.unrecognised", "the alert has no alertId")


def test_moments_of_events_agree_with_their_texts() -> None:
    """Where an event is exact, its time is what its kept text says."""
    for case in CASES:
        for event in parsed(case):
            if event.time_quality == "exact":
                assert moment(event.time_text, RECEIVED).at == event.occurred_at


def test_by_which_way_an_opsgenie_alert_came_says_who_acted() -> None:
    """What was made or taken in its own pages is a person's; a name without an address at the API is an automation."""
    alert = {"alertId": "a1", "message": "Errors", "username": "ana@shop.example", "source": "ana@shop.example"}
    (made,) = parse_json("opsgenie", {"action": "Create", "alert": alert, "source": {"name": "web", "type": "API"}})
    assert (made.actor, made.data.get("agent")) == ("ana@shop.example", None)
    (sent,) = parse_json("opsgenie", {"action": "Create", "alert": alert | {"source": "Prometheus"}})
    assert (sent.actor, sent.data.get("agent")) == (None, "Prometheus")
    teams = {"teams": ["t1"], "recipients": ["Bo"]}
    (calling,) = parse_json("opsgenie", {"action": "Create", "alert": alert | teams, "source": {"type": "web"}})
    assert (calling.data["assignees"], calling.data["escalation_policy"]) == (["Bo"], "t1")
    for who, way, actor in (("Fixer", "API", None), ("ana@shop.example", "API", "ana@shop.example"),
                            ("Ana", "web", "Ana")):  # fmt: skip
        body = {"action": "Acknowledge", "alert": alert | {"username": who}, "source": {"type": way}}
        (acknowledged,) = parse_json("opsgenie", body)
        assert (acknowledged.actor, acknowledged.data.get("agent")) == (actor, None if actor else who)
