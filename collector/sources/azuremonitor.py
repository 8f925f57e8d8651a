"""Azure Monitor's action groups: https://learn.microsoft.com/en-us/azure/azure-monitor/alerts/alerts-common-schema

The common alert schema is read. ``alertId`` names one firing and its end.
Alerts on logs that are stateless are never resolved. What stands in the activity
log happened and does not last: that somebody restarted something, what Azure
says of its own health. Azure signs nothing.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "azuremonitor"
RECIPE = "azuremonitor.1"

_RESOLVED = "data.essentials.monitorCondition == 'Resolved'"

_HAPPENED = "data.essentials.signalType == 'Activity Log'"
_LOG = "data.alertContext"

MAPPING = FieldMap(
    id="[data.essentials.alertId, data.essentials.monitorCondition]",
    entity="data.essentials.alertId",
    type=f"(schemaId == 'azureMonitorCommonAlertSchema' && ({_HAPPENED} && 'happened' || "
         "data.essentials.monitorCondition)) || `null`",
    types={"Fired": "alert.firing", "Resolved": "alert.resolved", "happened": "observation.recorded"},
    # One of the activity log had no type of its own at first.
    id_types={"observation.recorded": "alert.firing"},
    time=f"({_HAPPENED} && {_LOG}.eventTimestamp) || ({_RESOLVED} && data.essentials.resolvedDateTime) || "
         "(data.essentials.monitorCondition == 'Fired' && data.essentials.firedDateTime)",
    started=f"{_RESOLVED} && data.essentials.firedDateTime",
    title=f"({_HAPPENED} && {_LOG}.properties.title) || data.essentials.alertRule",
    # What the rule is described by is not what happened.
    text=f"!({_HAPPENED}) && data.essentials.description",
    # A property of the team's own may name the service; else it is the resource that is watched.
    service_else="data.essentials.configurationItems[0]",
    environment="data.customProperties.environment || data.customProperties.env",
    severity="data.essentials.severity",
    severities={"Sev0": "critical", "Sev1": "error", "Sev2": "warning", "Sev3": "informational", "Sev4": "debug"},
    labels="data.customProperties",
    actor=f"{_HAPPENED} && {_LOG}.caller",
    links={"source": "data.essentials.investigationLink"},
    data={
        "type": f"{_HAPPENED} && join(' ', [{_LOG}.operationName || 'activity log', {_LOG}.status || ''])",
        "subject": f"{_HAPPENED} && ({_LOG}.properties.service || data.essentials.configurationItems[0])",
    },
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body=(
            '{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertId": '
            '"timelined-test", "alertRule": "A test of timelined", "severity": "Sev4", "monitorCondition": '
            '"Resolved", "resolvedDateTime": "$NOW"}}}'
        ),
    ),
    called="Azure Monitor",
    families=("alert",),
    paste="Monitor, Alerts, Action groups, Actions: Webhook, URI {address}, common alert schema on",
    proofs=("basic", "path"),
    identity=("/schemaId", "/data/essentials/alertId", "/data/essentials/monitorCondition"),
)
