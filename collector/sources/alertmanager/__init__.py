"""Prometheus Alertmanager: its webhook (``groups``), and its event recorder from 0.33 on (``recorder``).

Both tell the same alerts under the same ids, so that an Alertmanager may send
both to one source. Alertmanager signs nothing: use a bearer token, a password
or a secret address.
"""

from __future__ import annotations

from collector.event import Event
from collector.signing import authenticate
from collector.sources.alertmanager import groups, recorder
from collector.sources.alertmanager.api import IMPORTS, INTERFACE
from collector.sources.alertmanager.groups import KIND, RECIPE, fingerprint_of, query_of
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

__all__ = ["KIND", "RECIPE", "SOURCE", "fingerprint_of", "parse", "query_of", "verify"]

_TRIAL = (
    '{"version":"4","groupKey":"try","status":"firing","alerts":[{"status":"firing",'
    '"labels":{"alertname":"TryMe","service":"demo"},"startsAt":"\'$(date -u +%FT%TZ)\'"}]}'
)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The events of a notification, or of what the event recorder wrote."""
    if recorder.speaks(webhook.body):
        return recorder.read(webhook, reading)
    return groups.read(webhook, reading)


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"version": "4", "groupKey": "timelined-test", "status": "resolved", "alerts": [{"status": '
            '"resolved", "labels": {"alertname": "TimelinedTest", "severity": "none"}, "startsAt": "$NOW", '
            '"endsAt": "$NOW"}]}'
        ),
    ),
    called="Alertmanager",
    families=("alert",),
    paste="in alertmanager.yml, under receivers: webhook_configs: [{{url: '{address}'{proof}}}]",
    proof_entries={
        "bearer": ", http_config: {authorization: {credentials_file: /etc/alertmanager/timelined-token}}",
        "basic": (
            ", http_config: {basic_auth: {username: USER, password_file: /etc/alertmanager/timelined-password}}"
        ),
    },
    trial=_TRIAL,
    verify=verify,
    parse=parse,
    interface=INTERFACE,
    imports=IMPORTS,
    # Labels and the group's key stand in for what old versions leave out, and hold what a team may have to redact.
    identity=(
        "/alerts/*/fingerprint", "/alerts/*/startsAt", "/alerts/*/endsAt", "/alerts/*/status",
        "/version", "/status", "/truncatedAlerts",
        *recorder.IDENTITY, *(f"/0{pointer}" for pointer in recorder.IDENTITY),
    ),
)  # fmt: skip
