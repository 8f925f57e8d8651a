"""AWS: who signed an envelope, what stands in one, and the same without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.errors import InvalidSettings, UnverifiedWebhook
from collector.event import Event, RecordedEvent
from collector.semantics.episodes import episodes
from collector.settings import load_settings
from collector.sources import SOURCES
from collector.times import parse
from collector.webhook import Credentials, Reading, Webhook
from tests import sns
from tests.recorded import RECORDINGS

AWS = SOURCES["aws"]
RECEIVED = parse("2026-03-04T16:00:00Z") or 0
SIGNED = Credentials(certificates=(sns.CERTIFICATE,), topics=(sns.TOPIC,))
AT = "2026-03-04T14:02:10.123Z"
ALARM = {
    "AlarmName": "checkout-5xx", "NewStateValue": "ALARM", "StateChangeTime": "2026-03-04T14:02:10.123+0000",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-5xx",
}  # fmt: skip


def webhook(body: Any) -> Webhook:
    return Webhook(source="aws", headers={}, body=json.dumps(body).encode(), received_at=RECEIVED)


def events_of(body: Any) -> tuple[Event, ...]:
    return AWS.parse(webhook(body), Reading())


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "more", [{}, {"Subject": "Überlast"}, {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "u"}]
)
def test_what_amazon_signed_is_proved(version: str, more: dict[str, str]) -> None:
    """Both versions, with and without a subject, and the other kinds of envelopes."""
    assert AWS.verify(webhook(sns.envelope("Hallo\nWelt", at=AT, version=version, **more)), SIGNED) == "certificate"


@pytest.mark.parametrize(
    "name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Subject", "SignatureVersion"]
)
def test_what_was_signed_may_not_differ(name: str) -> None:
    """Every name that is signed counts, and a subject that was taken away is missed."""
    told = sns.envelope("Hello", at=AT, Subject="S")
    for changed in (told | {name: "2"}, {key: value for key, value in told.items() if key != name}):
        with pytest.raises(UnverifiedWebhook):
            AWS.verify(webhook(changed), SIGNED)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"TopicArn": sns.TOPIC + "2"}, "its TopicArn is none of those that topics names"),
        ({"Signature": "%"}, "its Signature is not Base64"),
        ({"Signature": "QUJD"}, "it names the certificate of https://sns.eu-west-1.amazonaws.com/Simple"),
        ({"Signature": "QUJD", "SigningCertURL": "https://evil.example/a.pem"}, "certificate of certificate_file$"),
        ({"Signature": 3}, "it is no signed envelope of Amazon SNS"),
        ({"SignatureVersion": "3"}, "it is no signed envelope of Amazon SNS"),
    ],
)
def test_a_refusal_says_why(fields: dict[str, Any], what: str) -> None:
    """A new certificate of Amazon's is named by its address, and no other address is repeated."""
    with pytest.raises(UnverifiedWebhook, match=what):
        AWS.verify(webhook(sns.envelope("Hello", at=AT) | fields), SIGNED)


def test_everybody_elses_topics_are_refused() -> None:
    """Amazon's certificate signs for all of its customers: a signature alone proves no topic of ours."""
    theirs = sns.envelope("Hello", at=AT, TopicArn="arn:aws:sns:eu-west-1:999999999999:alarms")
    assert AWS.verify(webhook(theirs), Credentials(certificates=(sns.CERTIFICATE,), topics=(theirs["TopicArn"],)))
    with pytest.raises(UnverifiedWebhook, match="TopicArn"):
        AWS.verify(webhook(theirs), SIGNED)


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b"{", b'{"SignatureVersion": "1", "Signature": "QUJD"}'])
def test_what_is_no_envelope_proves_nothing(body: bytes) -> None:
    """Raw delivery is not signed."""
    with pytest.raises(UnverifiedWebhook):
        AWS.verify(Webhook(source="aws", headers={}, body=body, received_at=RECEIVED), SIGNED)


def test_a_message_is_the_same_with_and_without_an_envelope() -> None:
    """Raw message delivery tells the same event; so does the alarm's own event of EventBridge."""
    (raw,) = events_of(ALARM)
    (wrapped,) = events_of(sns.envelope(ALARM, at="2026-03-04T14:02:11Z"))
    bridged = {
        "id": "1", "detail-type": "CloudWatch Alarm State Change", "resources": [ALARM["AlarmArn"]],
        "detail": {"alarmName": "checkout-5xx", "state": {"value": "ALARM", "timestamp": ALARM["StateChangeTime"]}},
    }  # fmt: skip
    (through,) = events_of(bridged)
    assert raw == wrapped
    assert (raw.id, raw.type, raw.entity, raw.occurred_at) == (
        through.id, through.type, through.entity, through.occurred_at,
    )  # fmt: skip


def test_only_an_address_of_amazons_is_handed_on() -> None:
    """Whoever reaches an open source cannot have a person open theirs."""
    for address, links in (
        ("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1", 1),
        ("https://sns.cn-north-1.amazonaws.com.cn/?Token=1", 1),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/", 0),
        ("https://evil.example/?https://sns.eu-west-1.amazonaws.com/", 0),
        ("http://sns.eu-west-1.amazonaws.com/", 0),
    ):
        told = sns.envelope("You chose", at=AT, Type="SubscriptionConfirmation", Token="1", SubscribeURL=address)
        (event,) = events_of(told)
        assert len(event.links) == links, address


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (ALARM | {"NewStateValue": "MAYBE"}, "a state of an alarm that this version does not know"),
        ({"NewStateValue": "OK"}, "an alarm without a name"),
        ({"detail-type": "ECS Deployment State Change", "id": "1", "detail": {"eventName": "NEW"}},
         "ECS Deployment State Change in a state that this version does not know"),
        ({"detail-type": "AWS Health Event"}, "an event of EventBridge without an id"),
        ({"hello": 1}, "a message of no form that this version knows"),
        ("", "the message is empty"),
    ],
)  # fmt: skip
def test_what_is_not_understood_says_why(message: Any, reason: str) -> None:
    """An unknown state is not taken for the nearest one."""
    (event,) = events_of(sns.envelope(message, at=AT))
    assert (event.type, event.data["reason"]) == ("source.unrecognised", reason)


def written(folder: Path, lines: str) -> Path:
    (folder / "sns.pem").write_bytes(sns.CERTIFICATE)
    (folder / "none.pem").write_text("no certificate")
    (folder / "timelined.yml").write_text("sources:\n  aws:\n" + "".join(f"    {line}\n" for line in lines.split("; ")))
    return folder / "timelined.yml"


def test_a_certificate_is_configured_with_its_topics(tmp_path: Path) -> None:
    """What the sender page says can be loaded, and verifies."""
    (source,) = load_settings(written(tmp_path, f"certificate_file: sns.pem; topics: [{sns.TOPIC}]")).sources.values()
    assert AWS.verify(webhook(sns.envelope("Hello", at=AT)), source.credentials) == "certificate"
    several = f"certificate_file: [sns.pem, sns.pem]; topics: [{sns.TOPIC}]"
    (source,) = load_settings(written(tmp_path, several)).sources.values()
    assert len(source.credentials.certificates) == 2


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("certificate_file: sns.pem", "has no topics: the certificate is the same for everybody"),
        ("topics: [a]; path_token: b", "has no certificate_file; certificate_file and topics belong together"),
        ("certificate_file: none.pem; topics: [a]", "has a certificate_file that holds no certificate"),
        ("kind: github; certificate_file: sns.pem; topics: [a]", "but github signs with none; set secret_file"),
        ("secret: s", "has a secret, but aws signs nothing; set certificate_file, basic, bearer_token_file or path"),
    ],
)
def test_a_certificate_that_proves_nothing_stops_the_start(lines: str, sentence: str, tmp_path: Path) -> None:
    """Without its topics it would prove that anybody at all uses Amazon SNS."""
    with pytest.raises(InvalidSettings) as caught:
        load_settings(written(tmp_path, lines))
    assert any(sentence in each for each in caught.value.mistakes), caught.value.mistakes


def test_an_alarm_is_told_of_what_it_measures() -> None:
    """The dimension nearest to a service names it, and a cluster that is called like an environment is one."""
    balancer = {"name": "LoadBalancer", "value": "app/checkout/50dc"}
    group, pay = {"name": "TargetGroup", "value": "targetgroup/cart/1"}, {"name": "ServiceName", "value": "pay"}
    for dimensions, service, environment in (
        ([balancer], "checkout", None),
        ([balancer, group], "cart", None),
        ([balancer, pay, {"name": "ClusterName", "value": "production"}], "pay", "production"),
        ([{"name": "FunctionName", "value": "resize"}, {"name": "ClusterName", "value": "blue"}], "resize", None),
        ("nonsense", None, None),
    ):
        (event,) = events_of(ALARM | {"Trigger": {"MetricName": "m", "Namespace": "n", "Dimensions": dimensions}})
        assert (event.service, event.environment) == (service, environment)
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_what_a_function_hands_on_is_what_it_was_called_with() -> None:
    """Each message of the list is the same event as it is by itself."""
    told = [sns.envelope(json.dumps(ALARM), at=AT), sns.envelope("Nightly export finished", at=AT)]
    records = {"Records": [{"EventSource": "aws:sns", "Sns": each} for each in told]}
    assert events_of(records) == (*events_of(told[0]), *events_of(told[1]))


def test_an_alarm_that_comes_back_from_no_data_fires_on() -> None:
    """It fired once, by either form; after OK, or where nothing is known to have fired, it fires anew."""

    def told(state: str, before: str, at: str) -> RecordedEvent:
        (event,) = events_of(ALARM | {"NewStateValue": state, "OldStateValue": before, "StateChangeTime": at})
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        return RecordedEvent(**fields, position=1, received_at=RECEIVED)

    first, none, again, over = (
        told(state, before, f"2026-03-04T14:{minute}:00.000+0000")
        for state, before, minute in (
            ("ALARM", "INSUFFICIENT_DATA", "02"), ("INSUFFICIENT_DATA", "ALARM", "05"),
            ("ALARM", "INSUFFICIENT_DATA", "09"), ("OK", "ALARM", "20"),
        )
    )  # fmt: skip
    assert none.type == "observation.recorded"
    (episode,) = episodes([first, again, over])
    assert (episode.start, episode.end) == (first.occurred_at, over.occurred_at)
    named = msgspec.structs.replace(over, data=over.data | {"starts_at": again.occurred_at})
    assert [each.start for each in episodes([first, again, named])] == [first.occurred_at]
    assert len(episodes([first, over, told("ALARM", "INSUFFICIENT_DATA", "2026-03-04T15:00:00.000+0000")])) == 2


def test_what_an_alarm_measured_is_told() -> None:
    """Its reason has the value; what it is described as stays beside it."""
    (alarm,) = events_of(json.loads((RECORDINGS / "aws" / "alarm" / "body").read_bytes()))
    assert alarm.data["summary"] == "Checkout answers 5xx"
    assert "41.0" in alarm.data["description"]


def test_an_alarm_whose_gaps_are_treated_as_breaching_fires_for_want_of_data() -> None:
    """And one whose gaps are not treated so ends since no data came."""
    for state, treated, expected in (
        ("ALARM", "Breaching", (True, None)), ("OK", "NonBreaching", (None, "no data came any more")),
    ):  # fmt: skip
        reason = (
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            f"[{treated}]."
        )
        (event,) = events_of(ALARM | {"NewStateValue": state, "OldStateValue": "OK", "NewStateReason": reason})
        assert (event.data.get("no_data"), event.data.get("ended_as")) == expected
    assert "no_data" not in events_of(ALARM | {"NewStateReason": "1 datapoint [41.0] was greater than 5.0"})[0].data
