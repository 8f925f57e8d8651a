"""Uptime Kuma's notification type Webhook: https://github.com/louislam/uptime-kuma/blob/master/server/notification-providers/webhook.js

The preset ``application/json`` is read. A monitor that stays down is told again
as often as it is set: nothing new. Uptime Kuma never tries again.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Made

KIND = "uptimekuma"
RECIPE = "uptimekuma.1"

MAPPING = FieldMap(
    id="[monitor.id, heartbeat.status, heartbeat.time]",
    entity="monitor.id",
    # A test has neither a heartbeat nor a monitor.
    type="heartbeat && (heartbeat.important == `false` && 'again' || heartbeat.status) || (msg && 'test')",
    types={"0": "alert.firing", "1": "alert.resolved", "2": "none", "3": "none", "again": "none", "test": "none"},
    time="heartbeat.time",
    title="monitor.name",
    text="heartbeat.msg",
    service="(monitor.tags || `[]`)[?name == 'service'].value | [0] || monitor.name",
    labels="monitor.tags",
    links={"target": "monitor.url"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Made(
        body='{"heartbeat": null, "monitor": null, "msg": "A test of timelined"}',
    ),
    called="Uptime Kuma",
    tells=("alert",),
    paste="Settings, Notifications, Setup: Webhook, Post URL {address}, request body Preset - application/json",
    retries=False,
    identity=("/monitor/id", "/heartbeat/status", "/heartbeat/time", "/heartbeat/important"),
)
