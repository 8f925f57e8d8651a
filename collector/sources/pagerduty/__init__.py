"""PagerDuty's webhooks: V3 subscriptions, and the V2 extensions that some accounts still have.

A V3 subscription signs with ``v1=`` HMAC-SHA256, twice while its secret is being
changed; a V2 extension signs nothing. The body says which of the two it is.
"""

from __future__ import annotations

import msgspec

from collector import normalise
from collector.event import Event
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.sources.pagerduty import v2, v3
from collector.sources.pagerduty.log_entries import IMPORTS, INTERFACE
from collector.sources.pagerduty.v3 import KIND
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

# https://developer.pagerduty.com/docs/verifying-webhook-signatures
SIGNATURE = Signature(header="X-PagerDuty-Signature", prefix="v1=", separator=",", sender="PagerDuty")


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of a V3 delivery, or one for each message of a V2 delivery; none for a ping."""
    try:
        envelope = bodies.decode(v3.BODY, webhook.body, webhook.source).event
    except msgspec.ValidationError as error:
        return v2.events_of(webhook, reading) if v2.is_older(webhook) else (
            normalise.unrecognised(webhook, str(error), KIND),
        )  # fmt: skip
    return v3.events_of(webhook, envelope, reading)


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"event": {"id": "timelined-test", "event_type": "pagey.ping", "resource_type": "pagey", '
            '"occurred_at": "$NOW", "data": {"message": "A test of timelined", "type": "ping"}}}'
        ),
    ),
    sign=SIGNATURE.sign,
    called="PagerDuty",
    page="PagerDuty incident",
    families=("page",),
    paste="Integrations, Generic Webhooks (v3), New Webhook: URL {address}",
    proofs=("signature", "bearer", "basic", "path"),
    headers=("x-webhook-id", "x-webhook-subscription"),
    verify=verify,
    parse=parse,
    interface=INTERFACE,
    imports=IMPORTS,
    identity=(
        "/event/id", "/event/event_type", "/event/occurred_at", "/event/data/id", "/event/data/incident/id",
        "/messages/*/id", "/messages/*/event", "/messages/*/created_on", "/messages/*/incident/id",
    ),
)  # fmt: skip
