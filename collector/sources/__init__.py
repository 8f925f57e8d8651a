"""Every kind of sender, one line each.

A new source costs its adapter, its recordings, its sender page, its settings
block and its line here; nothing else changes.
"""

from __future__ import annotations

from collector.sources import (
    alertmanager,
    argocd,
    aws,
    cloudevents,
    datadog,
    flux,
    github,
    gitlab,
    grafana,
    mapped,
    opsgenie,
    pagerduty,
    sentry,
    slack,
    statuspage,
)
from collector.webhook import Source

SOURCES: dict[str, Source] = {
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
    "mapped": mapped.SOURCE,
}
"""Kind of sender → its adapter."""
