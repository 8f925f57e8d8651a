"""What the senders of the stories put on the wire, in their own formats.

Every body is built here from a few words, faithful to ``webhook version 4``
of Alertmanager, PagerDuty's V3, GitHub's REST shapes, CloudEvents 1.0 and the
pages of the senders' makers. The
companies, people and machines are made up.
"""

from __future__ import annotations

from tests.senders.alerting import Alert, alert, alertmanager, grafana, group_key, zabbix
from tests.senders.amazon import bridged, cloudwatch, cloudwatch_bridged, ecs_deployment, sns
from tests.senders.github import Deployment, Run, deployment, merged, run
from tests.senders.pagerduty import Page, incident_key, page
from tests.senders.pipelines import argocd_sync, cloudevent, gitlab_merged, jenkins
from tests.senders.sent import Sent, micros, moment, rfc3339
from tests.senders.sentry import sentry_comment, sentry_issue, sentry_metric, sentry_rule
from tests.senders.slack import pinned, slack, slack_ts

__all__ = [
    "Alert",
    "Deployment",
    "Page",
    "Run",
    "Sent",
    "alert",
    "alertmanager",
    "argocd_sync",
    "bridged",
    "cloudevent",
    "cloudwatch",
    "cloudwatch_bridged",
    "deployment",
    "ecs_deployment",
    "gitlab_merged",
    "grafana",
    "group_key",
    "incident_key",
    "jenkins",
    "merged",
    "micros",
    "moment",
    "page",
    "pinned",
    "rfc3339",
    "run",
    "sentry_comment",
    "sentry_issue",
    "sentry_metric",
    "sentry_rule",
    "slack",
    "slack_ts",
    "sns",
    "zabbix",
]
