"""Every kind of sender, one line each.

A new source costs its adapter, its recordings, its sender page, its settings
block and its line here; nothing else changes.
"""

from __future__ import annotations

from collector.sources import (
    alertmanager,
    argocd,
    aws,
    azuremonitor,
    betterstack,
    bitbucket,
    buildkite,
    cloudevents,
    datadog,
    flux,
    gitea,
    github,
    gitlab,
    googlecloud,
    grafana,
    hcpterraform,
    healthchecks,
    icinga,
    incidentio,
    jenkins,
    kubernetesevents,
    launchdarkly,
    mapped,
    newrelic,
    opsgenie,
    pagerduty,
    pagerdutychange,
    pingdom,
    rootly,
    sentry,
    slack,
    spinnaker,
    splunkoncall,
    statuspage,
    uptimekuma,
    zabbix,
)
from collector.sources.installed import load
from collector.webhook import Source

BUILT_IN: dict[str, Source] = {
    "alertmanager": alertmanager.SOURCE,
    "pagerduty": pagerduty.SOURCE,
    "github": github.SOURCE,
    "gitlab": gitlab.SOURCE,
    "grafana": grafana.SOURCE,
    "opsgenie": opsgenie.SOURCE,
    "datadog": datadog.SOURCE,
    "argocd": argocd.SOURCE,
    "flux": flux.SOURCE,
    "sentry": sentry.SOURCE,
    "slack": slack.SOURCE,
    "statuspage": statuspage.SOURCE,
    "cloudevents": cloudevents.SOURCE,
    "aws": aws.SOURCE,
    "azuremonitor": azuremonitor.SOURCE,
    "betterstack": betterstack.SOURCE,
    "bitbucket": bitbucket.SOURCE,
    "buildkite": buildkite.SOURCE,
    "gitea": gitea.SOURCE,
    "googlecloud": googlecloud.SOURCE,
    "healthchecks": healthchecks.SOURCE,
    "icinga": icinga.SOURCE,
    "incidentio": incidentio.SOURCE,
    "jenkins": jenkins.SOURCE,
    "kubernetesevents": kubernetesevents.SOURCE,
    "launchdarkly": launchdarkly.SOURCE,
    "newrelic": newrelic.SOURCE,
    "pingdom": pingdom.SOURCE,
    "rootly": rootly.SOURCE,
    "splunkoncall": splunkoncall.SOURCE,
    "spinnaker": spinnaker.SOURCE,
    "pagerdutychange": pagerdutychange.SOURCE,
    "hcpterraform": hcpterraform.SOURCE,
    "uptimekuma": uptimekuma.SOURCE,
    "zabbix": zabbix.SOURCE,
    "mapped": mapped.SOURCE,
}
"""The kinds of this package. Without a configuration these are served."""

_INSTALLED, LEFT_OUT = load(BUILT_IN)
SOURCES: dict[str, Source] = {**BUILT_IN, **_INSTALLED}
"""Kind of sender → its adapter, those of installed packages with them. ``LEFT_OUT`` has why others cannot be used."""
