"""Azure Monitor's action groups: https://learn.microsoft.com/en-us/azure/azure-monitor/alerts/alerts-common-schema

The common alert schema is read. ``alertId`` names one firing and its end.
Alerts on logs that are stateless are never resolved. Azure signs nothing.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Made

KIND = "azuremonitor"
RECIPE = "azuremonitor.1"

_RESOLVED = "data.essentials.monitorCondition == 'Resolved'"

MAPPING = FieldMap(
    id="[data.essentials.alertId, data.essentials.monitorCondition]",
    entity="data.essentials.alertId",
    type="(schemaId == 'azureMonitorCommonAlertSchema' && data.essentials.monitorCondition) || `null`",
    types={"Fired": "alert.firing", "Resolved": "alert.resolved"},
    time=f"({_RESOLVED} && data.essentials.resolvedDateTime) || "
         "(data.essentials.monitorCondition == 'Fired' && data.essentials.firedDateTime)",
    started=f"{_RESOLVED} && data.essentials.firedDateTime",
    title="data.essentials.alertRule",
    text="data.essentials.description",
    # A property of the team's own may name the service; else it is the resource that is watched.
    service_else="data.essentials.configurationItems[0]",
    environment="data.customProperties.environment || data.customProperties.env",
    severity="data.essentials.severity",
    severities={"Sev0": "critical", "Sev1": "error", "Sev2": "warning", "Sev3": "informational", "Sev4": "debug"},
    labels="data.customProperties",
    links={"source": "data.essentials.investigationLink"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Made(
        body=(
            '{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertId": '
            '"timelined-test", "alertRule": "A test of timelined", "severity": "Sev4", "monitorCondition": '
            '"Resolved", "resolvedDateTime": "$NOW"}}}'
        ),
    ),
    called="Azure Monitor",
    tells=("alert",),
    paste="Monitor, Alerts, Action groups, Actions: Webhook, URI {address}, common alert schema on",
    proofs=("basic", "path"),
    identity=("/schemaId", "/data/essentials/alertId", "/data/essentials/monitorCondition"),
)
