"""Alertmanager's event recorder: the same alerts as its webhook tells, and what no webhook does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from collector.errors import MalformedWebhook
from collector.event import Event
from collector.intake import Endpoint, Intake
from collector.intake.writer import Writer
from collector.log import open_log
from collector.sources import SOURCES
from collector.times import parse
from collector.webhook import Credentials, Reading, Webhook
from tests.recorder import alert_of, entry, labels_of, muted, notification, silence
from tests.scenario import Story, draft_files
from tests.senders import Sent, alert, alertmanager

ALERTMANAGER = SOURCES["alertmanager"]
RECEIVED = parse("2026-03-04T16:00:00Z") or 0


def events_of(body: Any) -> tuple[Event, ...]:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    webhook = Webhook(source="alertmanager", headers={}, body=encoded, received_at=RECEIVED)
    return ALERTMANAGER.parse(webhook, Reading())


def by_webhook(*, ends: str = "") -> Event:
    """The same alert as the webhook tells it."""
    labels = labels_of("CheckoutErrorRate", "checkout")
    told = {"status": "resolved" if ends else "firing", "labels": labels, "startsAt": "2026-03-04T14:02:10.123456789Z",
            "endsAt": ends or "0001-01-01T00:00:00Z", "annotations": {}}  # fmt: skip
    body = {"version": "4", "groupKey": '{}:{alertname="CheckoutErrorRate"}', "alerts": [told]}
    (event,) = events_of(body)
    return event


@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("ends", ["", "2026-03-04T14:23:05.5Z"])
def test_an_alert_is_the_webhooks_alert(maps: bool, ends: str) -> None:
    """Same id, entity, time, labels and group, so that what both tell is one event; in both forms of labels."""
    told = alert_of("CheckoutErrorRate", ends=ends, maps=maps)
    (event,) = events_of(entry("notification", notification([told], [])))
    webhook_event = by_webhook(ends=ends)
    for name in ("id", "type", "entity", "occurred_at", "labels", "service", "environment", "severity", "refs"):
        assert getattr(event, name) == getattr(webhook_event, name), name
    assert (event.data["receiver"], event.data["reason"]) == ("oncall", "some alerts resolved")
    assert event.data.get("ends") == webhook_event.data.get("ends")


def test_a_resolve_is_told_once_by_its_two_events() -> None:
    """A notification has the resolve, and so has the alert's own event behind it."""
    told = alert_of("CheckoutErrorRate", ends="2026-03-04T14:23:05.5Z")
    (first,) = events_of(entry("notification", notification([], [told])))
    (second,) = events_of(entry("alertResolved", {"alert": {"hash": "1", "details": told}}))
    assert first.id == second.id


@pytest.mark.parametrize("kind", ["silenceMutedAlert", "inhibitionMutedAlert"])
def test_an_alert_is_suppressed_once(kind: str) -> None:
    """Each pass of evaluation says so again, and each member of a cluster."""
    recorded = {"silence": silence(), "mutedAlert": muted("A"), "inhibitingFingerprints": ["7", "9"]}
    (first,) = events_of(entry(kind, recorded))
    (again,) = events_of(entry(kind, recorded, at="2026-03-04T15:00:00Z") | {"instance": "am-1"})
    (other,) = events_of(entry(kind, recorded | {"mutedAlert": muted("B")}))
    assert first.id == again.id != other.id
    assert (first.type, first.service, first.environment) == ("observation.recorded", "checkout", "production")


def test_an_inhibition_is_one_whoever_names_which_of_its_causes() -> None:
    """Of two alerts that inhibit a third each member of a pair may name one, or both in any order; a day later it is
    another."""
    events = [
        events_of(entry("inhibitionMutedAlert", {"mutedAlert": muted("A"), "inhibitingFingerprints": by}, at=at))[0]
        for by, at in (
            (["7"], "2026-03-04T14:05:00Z"), (["9"], "2026-03-04T14:05:02Z"), (["9", "7"], "2026-03-04T14:06:00Z"),
            (["7", "9"], "2026-03-04T14:07:00Z"), (["7"], "2026-03-05T14:05:00Z"),
        )
    ]  # fmt: skip
    assert len({event.id for event in events[:4]}) == 1
    assert events[4].id != events[0].id
    assert {event.title for event in events} == {"Alert A was inhibited by another alert"}


def test_a_silence_says_who_and_why() -> None:
    """Made, changed, and ended before its time."""
    created, changed, ended = (
        event
        for kind, more in (
            ("silenceCreated", {}),
            ("silenceUpdated", {"updatedAt": "2026-03-04T14:10:00Z", "endsAt": "2026-03-04T18:00:00Z"}),
            ("silenceUpdated", {"updatedAt": "2026-03-04T14:30:00Z", "endsAt": "2026-03-04T14:30:00Z"}),
        )
        for event in events_of(entry(kind, {"silence": silence(**more)}))
    )
    assert [event.title for event in (created, changed, ended)] == [
        f'Silence {word}: service="checkout"' for word in ("created", "updated", "ended")
    ]
    assert (created.actor, created.service, created.data["text"]) == (
        "mara",
        "checkout",
        "Known; the rollback is under way.",
    )
    assert len({created.entity, changed.entity, ended.entity}) == 1


def test_its_file_is_read_line_by_line() -> None:
    """Lines with another order of keys count, a cut one is kept, and one pretty object is no file."""
    lines = [entry("alertmanagerShutdownEvent", {}), entry("silenceCreated", {"silence": silence()})]
    body = "\n".join(json.dumps(each) for each in lines) + '\n{"@timestamp": "2026'
    assert [event.type for event in events_of(body.encode())] == [
        "observation.recorded", "observation.recorded", "source.unrecognised",
    ]  # fmt: skip
    (event,) = events_of(json.dumps(lines[0], indent=2).encode())
    assert event.title == "Alertmanager stopped on am-0"
    for broken in (b'{"@timestamp": \n', b'{"@timestamp":\n{"@timestamp":\n', b"[1,\n2"):
        with pytest.raises(MalformedWebhook):
            events_of(broken)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "a list of no events"),
        ([1], "a kind of recorded event that this version does not know"),
        (entry("chat", {}), "a kind of recorded event that this version does not know"),
        (entry("silenceCreated", {}), "silenceCreated without the alert or the silence that it is about"),
        (entry("notification", {"alerts": [{"hash": "1"}]}), "notification without the alert or the silence"),
        (entry("silenceMutedAlert", {"silence": silence()}), "silenceMutedAlert without the alert or the silence"),
    ],
)
def test_what_is_not_understood_says_why(body: Any, reason: str) -> None:
    """What a later version records is kept, and spoils nothing beside it."""
    (event,) = events_of(body)
    assert event.type == "source.unrecognised"
    assert str(event.data["reason"]).startswith(reason)


async def test_both_ways_of_one_alertmanager_are_one_event(tmp_path: Path) -> None:
    """The recorder's notification adds nothing to the webhook's, and the other way round."""
    log = await open_log(f"sqlite:///{tmp_path / 'timelined.db'}")
    intake = Intake(Writer(log), {"alertmanager": Endpoint(source=ALERTMANAGER, credentials=Credentials(open=True))})
    told = entry("notification", notification([alert_of("CheckoutErrorRate")], []))
    try:
        first = await intake.receive("alertmanager", {}, json.dumps([told, told]).encode(), "", RECEIVED)
        assert len({item.event_id for item in first.items}) == 1
        assert [event.id for event in await log.read()] == [by_webhook().id]
    finally:
        await intake.writer.close()
        await log.close()


async def test_a_draft_tells_of_silences(tmp_path: Path) -> None:
    """Where a sender tells what it suppresses, a draft does not say that nobody would see it."""
    fired = alert("CheckoutErrorRate", since="14:02:10")

    def recorded(kind: str, told: dict[str, Any], at: str) -> Sent:
        return Sent("alertmanager", json.dumps(entry(kind, told, at)).encode())

    async def drafted(name: str, more: Iterable[Sent]) -> str:
        story = Story()
        story.given("14:02:25", alertmanager(fired))
        story.given("14:06:00", *more)
        story.given("14:23:20", alertmanager(fired.resolved("14:23:05")))
        return (await draft_files(story, tmp_path / name))["draft.md"]

    suppressed = recorded(
        "silenceMutedAlert", {"silence": silence(), "mutedAlert": muted("CartSlow")}, "2026-03-04T14:05:10Z"
    )
    assert "silenced or inhibited" in await drafted("without.db", ())
    draft_text = await drafted("with.db", (suppressed,))
    assert "silenced or inhibited" not in draft_text
    assert "Alert CartSlow was silenced" in draft_text
