"""Zabbix' webhook media type: https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook

What it sends is a script of the team's own; this mapping reads the one of
``config/senders/zabbix.md``. A recovery carries the problem's own event id. An
update (acknowledged, commented, severity changed) is a person's note: what was
done stands beside what was written. One that changes the severity is a firing
of the problem, too: in another state of the same one.
"""

from __future__ import annotations

import msgspec

from collector.event import Event
from collector.sources.mapping import read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "zabbix"
RECIPE = "zabbix.1"

MAPPING = FieldMap(
    id="[event, what, time]",
    entity="event",
    # A body of another script has no version, and is not understood.
    type="(timelined == 'zabbix.1' && what) || `null`",
    types={"problem": "alert.firing", "recovery": "alert.resolved", "update": "note.added"},
    time="time",
    started="what == 'recovery' && started",
    title="what == 'update' && message || name",
    text="what == 'update' && message || what != 'update' && opdata",
    severity="what != 'update' && severity",
    severities={
        "0": "not classified", "1": "information", "2": "warning", "3": "average", "4": "high", "5": "disaster",
    },
    status="what == 'update' && action || ''",
    actor="what == 'update' && user",
    labels="merge({instance: host}, tags || `{}`)",
    links={"source": "url"},
    data={"operation": "what == 'update' && action || ''", "cycle": "what == 'problem' && event",
          "instructions": "what == 'problem' && description"},
)  # fmt: skip

REGRADING = msgspec.structs.replace(
    MAPPING,
    id="[event, 'severity', time]",
    type="(timelined == 'zabbix.1' && what == 'update' && contains(action || '', 'severity') && 'regraded') || 'other'",
    types={"regraded": "alert.firing", "other": "none"},
    started="",
    title="name",
    text="",
    severity="severity",
    status="",
    actor="",
    data={"cycle": "event"},
)
"""What an update that changes the severity says beside what a person did: how grave the problem is from then on."""


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the body; of an update that changes the severity the firing, too."""
    events = read(webhook, reading, MAPPING, RECIPE, KIND)
    if not any(event.type == "note.added" for event in events):
        return events
    return events + read(webhook, reading, REGRADING, RECIPE, KIND)


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body=(
            '{"timelined": "zabbix.1", "event": "timelined-test", "what": "recovery", "time": "$NOW", '
            '"name": "A test of timelined", "severity": "0"}'
        ),
    ),
    called="Zabbix",
    families=("alert",),
    paste="Alerts, Media types, Create: type Webhook, the script of its sender page, URL {address}",
    identity=("/event", "/what", "/time", "/timelined"),
)
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
