"""Icinga 2 and Nagios, by a notification command: https://icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/

They call a command, so the body is a script's; this mapping reads the one of
``config/senders/icinga.md``. A host, or a service on it, is the alert.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "icinga"
RECIPE = "icinga.1"

_STATE = "contains(['PROBLEM', 'RECOVERY'], type)"
_NOTE = "contains(['ACKNOWLEDGEMENT', 'CUSTOM'], type)"
_DOWNTIME = "starts_with(type, 'DOWNTIME')"
_HAPPENED = " || ".join(
    f"type == '{word}' && '{said}'"
    for word, said in (
        ("DOWNTIMESTART", "Downtime began for"), ("DOWNTIMEEND", "Downtime ended for"),
        ("DOWNTIMEREMOVED", "Downtime was removed from"), ("DOWNTIMECANCELLED", "Downtime was cancelled for"),
        ("FLAPPINGSTART", "Flapping began on"), ("FLAPPINGEND", "Flapping ended on"),
        ("FLAPPINGSTOP", "Flapping ended on"), ("FLAPPINGDISABLED", "Flapping is not looked for any more on"),
    )
)  # fmt: skip
"""What stands before the name of what it happened to."""

MAPPING = FieldMap(
    # A state is told again for as long as it lasts, with the time at which it began.
    id=f"[host, service, type, state, {_STATE} && since || sent]",
    entity="join('!', [host, service || ''])",
    type="(timelined == 'icinga.1' && type) || `null`",
    types={
        "PROBLEM": "alert.firing", "RECOVERY": "alert.resolved", "ACKNOWLEDGEMENT": "note.added",
        "CUSTOM": "note.added", "FLAPPINGSTART": "observation.recorded", "FLAPPINGEND": "observation.recorded",
        "FLAPPINGSTOP": "observation.recorded", "FLAPPINGDISABLED": "observation.recorded",
        "DOWNTIMESTART": "observation.recorded",
        "DOWNTIMEEND": "observation.recorded", "DOWNTIMEREMOVED": "observation.recorded",
        "DOWNTIMECANCELLED": "observation.recorded",
    },
    time=f"{_STATE} && since || sent",
    title=(
        f"{_NOTE} && comment || ({_NOTE} || {_STATE}) && (service || host)"
        f" || join(' ', [{_HAPPENED}, service || host])"
    ),
    # Of a downtime somebody says why; what the check said last is no part of that.
    text=f"({_NOTE} || {_DOWNTIME}) && comment || !({_NOTE} || {_DOWNTIME}) && output",
    severity="type == 'PROBLEM' && state",
    severities={"CRITICAL": "critical", "DOWN": "critical", "UNREACHABLE": "critical", "WARNING": "warning",
                "UNKNOWN": "error"},
    status=f"{_STATE} && state || type",
    actor=f"({_NOTE} || {_DOWNTIME}) && author",
    labels="{instance: host, check: service}",
    # What the team wrote to a check is for who looks at it, and so is where it keeps more of that.
    links={"source": "url", "runbook": "notes_url"},
    # A warning that becomes critical is another problem, and the same alert: it was well last at one time.
    data={
        "operation": f"type == 'ACKNOWLEDGEMENT' && 'acknowledged' || {_DOWNTIME} && 'downtime' || ''",
        "cycle": "type == 'PROBLEM' && lastok || ''",
        "instructions": "type == 'PROBLEM' && notes",
    },
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"timelined": "icinga.1", "type": "DOWNTIMEEND", "host": "timelined-test", "sent": "$NOW"}',
    ),
    called="Icinga",
    families=("alert",),
    paste="a NotificationCommand that runs the script of its sender page with {address}",
    identity=("/host", "/service", "/type", "/state", "/since", "/sent", "/timelined"),
)
