"""What AWS tells: CloudWatch alarms and EventBridge events, through Amazon SNS or as they are.

SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
EventBridge: https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html

SNS puts a message as text into an envelope that it signs, and calls it
``text/plain``; with raw message delivery, and from an API destination of
EventBridge, the message is the body. A function of Lambda that hands on what it
was called with has envelopes in a list. A subscription that waits for its
confirmation is told with the address that confirms it; nothing here opens it.
"""

from __future__ import annotations

from typing import Any

from collector import normalise
from collector.errors import MalformedWebhook
from collector.event import Event, event_id
from collector.sources.aws import alarms, happenings
from collector.sources.aws.common import KIND, RECIPE, inner, text
from collector.sources.aws.envelope import ADDRESS, check_certificate, verify
from collector.times import moment
from collector.webhook import Reading, Sample, Source, Webhook

_CONFIRMATIONS = {
    "SubscriptionConfirmation": ("asks to confirm that {topic} may deliver here", "subscribe"),
    "UnsubscribeConfirmation": ("ended the subscription to {topic}; its address restores it", "subscribe again"),
}

_ENVELOPE = ("Type", "Message", "MessageId", "TopicArn", "Timestamp")
"""What ids are made of in an envelope."""


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery, or one of each envelope; none for what is set aside."""
    body = normalise.decode_any(webhook.body, webhook.source)
    if not isinstance(body, dict):
        return (normalise.unrecognised(webhook, "the body is no JSON object", KIND),)
    records = body.get("Records")
    if isinstance(records, list) and (envelopes := [told for each in records if (told := inner(each, "Sns"))]):
        return tuple([event for envelope in envelopes for event in _enveloped(webhook, reading, envelope)])
    return _enveloped(webhook, reading, body)


def _enveloped(webhook: Webhook, reading: Reading, body: dict[str, Any]) -> tuple[Event, ...]:
    kind = text(body.get("Type"))
    if "TopicArn" not in body or "Message" not in body:
        return _message(webhook, reading, body, {})
    if kind in _CONFIRMATIONS:
        return (_confirmation(webhook, body, kind),)
    if kind != "Notification":
        return (normalise.unrecognised(webhook, "a type of envelope that this version does not know", kind),)
    message = body["Message"]
    found = _json(message) if isinstance(message, str) else message
    if isinstance(found, dict):
        return _message(webhook, reading, found, body)
    if not text(message):
        return (normalise.unrecognised(webhook, "the message is empty", kind),)
    return (_observation(webhook, body, normalise.text(message)),)


def _json(message: str) -> Any:
    """The JSON that a message is; None where it is a text for people."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        return normalise.decode_any(message.encode("utf-8", "replace"), "")
    except MalformedWebhook:
        return None


def _message(
    webhook: Webhook, reading: Reading, message: dict[str, Any], envelope: dict[str, Any]
) -> tuple[Event, ...]:
    """What stands within the envelope, or came without one."""
    if "NewStateValue" in message or alarms.is_change(message):
        return alarms.read(webhook, reading, message)
    if "detail-type" in message:
        return happenings.read(webhook, reading, message)
    if "Event Source" in message:
        return happenings.read_rds(webhook, reading, message, envelope)
    return (
        normalise.unrecognised(webhook, "a message of no form that this version knows", text(envelope.get("Subject"))),
    )


def _observation(webhook: Webhook, envelope: dict[str, Any], message: str) -> Event:
    """A text for people that was published to a topic."""
    happened = moment(text(envelope.get("Timestamp")), webhook.received_at)
    topic = text(envelope.get("TopicArn"))
    data = {"type": "sns.notification", "source": topic, "text": message}
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, topic, text(envelope.get("MessageId")) or message),
        type="observation.recorded",
        **normalise.origin(webhook, happened),
        entity=topic or "sns",
        title=text(envelope.get("Subject"))
        or normalise.line(message.strip().partition("\n")[0])
        or "A message of no words",
        data={key: told for key, told in data.items() if told},
    )


def _confirmation(webhook: Webhook, envelope: dict[str, Any], kind: str) -> Event:
    """A subscription that begins or ended, with the address that a person may open."""
    happened = moment(text(envelope.get("Timestamp")), webhook.received_at)
    topic, sentence, rel = text(envelope.get("TopicArn")), *_CONFIRMATIONS[kind]
    address = text(envelope.get("SubscribeURL"))
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, topic, kind, text(envelope.get("MessageId"))),
        type="observation.recorded",
        **normalise.origin(webhook, happened),
        entity=topic or "sns",
        title=normalise.line(f"Amazon SNS {sentence.format(topic=topic or 'a topic')}"),
        # Whoever can reach an open source may send any address here; only Amazon's own is handed on.
        links=normalise.links((rel, address)) if ADDRESS.match(address) else (),
        data={"type": f"sns.{kind}", "source": topic} if topic else {"type": f"sns.{kind}"},
    )


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"id": "timelined-test", "detail-type": "Scheduled Event", "source": "aws.events", "time": '
            '"$NOW", "detail": {}}'
        ),
    ),
    called="AWS",
    families=("alert", "change"),
    paste="Amazon SNS, your topic, Create subscription: protocol HTTPS, endpoint {address}",
    proofs=("certificate", "basic", "bearer", "path"),
    headers=("x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn", "x-amz-sns-rawdelivery"),
    verify=verify,
    check_certificate=check_certificate,
    parse=parse,
    # Without its envelope an RDS message names itself by its words alone; those may be redacted.
    identity=(
        *(f"/{name}" for name in _ENVELOPE), *(f"/Records/*/Sns/{name}" for name in _ENVELOPE),
        "/AlarmArn", "/NewStateValue", "/StateChangeTime", "/id", "/time", "/detail-type", "/detail", "/resources",
        "/Event Source", "/Source ID", "/Event Time",
    ),
)  # fmt: skip
