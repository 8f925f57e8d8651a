"""Uptime Kuma's notification type Webhook: https://github.com/louislam/uptime-kuma/blob/master/server/notification-providers/webhook.js

The presets ``application/json`` and ``multipart/form-data`` are read; the latter
has the same JSON in one field. A monitor that stays down is told again
as often as it is set: nothing new. Uptime Kuma never tries again.
"""

from __future__ import annotations

import re

import msgspec

from collector.event import Event
from collector.sources.mapping import read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "uptimekuma"
RECIPE = "uptimekuma.1"

MAPPING = FieldMap(
    id="heartbeat && [monitor.id, heartbeat.status, heartbeat.time] || [monitor.id, msg]",
    entity="monitor.id",
    # A test has neither a heartbeat nor a monitor.
    type="heartbeat && (heartbeat.important == `false` && 'again' || heartbeat.status) || (monitor && msg && 'notice')"
         " || (msg && 'test')",
    types={"0": "alert.firing", "1": "alert.resolved", "2": "none", "3": "none", "again": "none", "test": "none",
           "notice": "observation.recorded"},
    time="heartbeat.time",
    title="heartbeat && monitor.name || msg",
    text="heartbeat.msg || msg",
    service_else="monitor.name",
    labels="monitor.tags",
    links={"target": "monitor.url"},
    data={"instructions": "heartbeat.status == `0` && monitor.description"},
)  # fmt: skip

_FIELD = re.compile(
    rb'--([^\r\n]{1,100})\r?\ncontent-disposition: form-data; name="data"[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n'
    rb"(.*?)\r?\n--\1",
    re.DOTALL | re.IGNORECASE,
)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for tests and for what is not down and not up."""
    form = _FIELD.search(webhook.body) if webhook.body.startswith(b"--") else None
    if form is not None:
        webhook = msgspec.structs.replace(webhook, body=form[2])
    return read(webhook, reading, MAPPING, RECIPE, KIND)


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"heartbeat": null, "monitor": null, "msg": "A test of timelined"}',
    ),
    called="Uptime Kuma",
    families=("alert",),
    paste="Settings, Notifications, Setup: Webhook, Post URL {address}, request body Preset - application/json",
    retries=False,
    # Only what is told without a heartbeat names itself by its words; those may be redacted.
    identity=("/monitor/id", "/heartbeat/status", "/heartbeat/time", "/heartbeat/important"),
)
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
