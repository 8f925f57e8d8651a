"""Azure Monitor's action groups: https://learn.microsoft.com/en-us/azure/azure-monitor/alerts/alerts-common-schema

The common alert schema is read. ``alertId`` names one firing and its end.
Alerts on logs that are stateless are never resolved. What stands in the activity
log happened and does not last: that somebody restarted something, what Azure
says of its own health. Nothing ever resolves what was spent of a budget, either.
What was measured, and by which query, stands in a context that differs by the kind
of rule; an alert of Prometheus has labels and annotations there. Azure signs nothing.
"""

from __future__ import annotations

import html
import re

import msgspec

from collector.event import Event
from collector.sources.mapping import read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "azuremonitor"
RECIPE = "azuremonitor.1"

_RESOLVED = "data.essentials.monitorCondition == 'Resolved'"

_HAPPENED = "(data.essentials.signalType == 'Activity Log' || data.essentials.monitoringService == 'CostAlerts')"
_TEST_RULE, _TEST_GROUP = "test-", b"/test-RG/"
"""How the rule is called, and where the resource lies, that **Test action group** makes up."""
_LOG = "data.alertContext"
_CONDITION = f"{_LOG}.condition.allOf"
_MEASURED = (
    f"join('; ', {_CONDITION}[?metricValue != `null`].join('', ["
    "metricName || metricMeasureColumn || timeAggregation || 'value', ': ', to_string(metricValue),"
    " threshold != `null` && join('', [' (', operator || 'threshold', ' ', to_string(threshold), ')']) || '',"
    " dimensions && join('', dimensions[].join('', [', ', name || '', '=', to_string(value)])) || '']))"
)
"""``Percentage CPU: 97.7 (GreaterThan 90), Computer=checkout-3``: the words of the body, for each condition."""
_PROMETHEUS = f"({_LOG}.expressionValue && join(': ', [{_LOG}.expression, to_string({_LOG}.expressionValue)]))"
_SAID = (
    f"({_LOG}.properties.[details, description, defaultLanguageContent, communication] | [?@] | [0]) || "
    f"({_LOG}.AlertData.[SpentAmount, BudgetThreshold] | (@[0] && @[1]) && join(' of ', @))"
)
_WATCHED = "data.essentials.configurationItems"
_MARKUP = re.compile(r"<[^<>]{1,1000}>")

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
    title=f"({_HAPPENED} && {_LOG}.properties.title) || data.essentials.alertRule || {_LOG}.AlertData.BudgetName",
    # What the rule is described by is not what happened.
    text=f"({_HAPPENED} && ({_SAID})) || (!({_HAPPENED}) && ({_LOG}.annotations.summary || "
         "data.essentials.description))",
    # A property of the team's own may name the service; else it is the resource that is watched.
    service_else=f"{_WATCHED}[0]",
    environment="data.customProperties.environment || data.customProperties.env",
    severity="data.essentials.severity",
    severities={"Sev0": "critical", "Sev1": "error", "Sev2": "warning", "Sev3": "informational", "Sev4": "debug"},
    labels=f"merge(length({_WATCHED} || `[]`) > `1` && {{resources: join(', ', {_WATCHED})}} || `{{}}`, "
           f"{_LOG}.labels || `{{}}`, data.customProperties || `{{}}`)",
    actor=f"{_HAPPENED} && {_LOG}.caller",
    links={
        "source": "data.essentials.investigationLink",
        "runbook": f"{_LOG}.annotations.runbook_url",
        "log": f"{_LOG}.LinkToFilteredSearchResultsUI || {_LOG}.LinkToSearchResults"
               f" || {_CONDITION}[].[linkToFilteredSearchResultsUI || linkToSearchResultsUI][]",
    },
    data={
        # What is measured when an alert ends is no part of how bad it was.
        "description": f"!({_HAPPENED}) && !({_RESOLVED}) && ({_LOG}.annotations.description || {_PROMETHEUS} || "
                       f"{_MEASURED})",
        "further_services": _WATCHED,
        "query": f"{_LOG}.expression || {_LOG}.SearchQuery || {_CONDITION}[0].searchQuery",
        "type": f"{_HAPPENED} && join(' ', [{_LOG}.operationName || {_LOG}.AlertCategory || 'activity log', "
                f"{_LOG}.status || ''])",
        "subject": f"{_HAPPENED} && ({_LOG}.properties.service || {_WATCHED}[0])",
    },
)  # fmt: skip


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery, none for a test of an action group; what Azure writes of its own health in HTML is
    read as people read it."""
    events = read(webhook, reading, MAPPING, RECIPE, KIND)
    return tuple([_plain(_of_resources(event)) for event in events if not _is_test(webhook, event)])


def _is_test(webhook: Webhook, event: Event) -> bool:
    return event.title.startswith(_TEST_RULE) and _TEST_GROUP in webhook.body


def _of_resources(event: Event) -> Event:
    """The event; where a property names its service, the resources that are watched are none beside it."""
    if event.labels.get("resources", "").startswith(f"{event.service}, "):
        return event
    data = {key: value for key, value in event.data.items() if key != "further_services"}
    return msgspec.structs.replace(event, data=data)


def _plain(event: Event) -> Event:
    text = event.data.get("text", "")
    if event.type != "observation.recorded" or "<" not in text:
        return event
    words = " ".join(html.unescape(_MARKUP.sub(" ", text)).split())
    return msgspec.structs.replace(event, data=event.data | {"text": words})


_MAPPED = source_of(
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
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
