"""Google Cloud Monitoring's webhook channel: https://cloud.google.com/monitoring/support/notification-options

``incident_id`` names one firing and its end. Its state is written in small or in
large letters. Google signs nothing, and can send a password or a token in the
address.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "googlecloud"
RECIPE = "googlecloud.1"

MAPPING = FieldMap(
    # The type is a part of every id, so that OPEN and open are one.
    id="incident.incident_id",
    entity="incident.incident_id",
    # A test of the channel has a version of its own.
    type="version == 'test' && 'test' || incident.state",
    types={"test": "none", "open": "alert.firing", "OPEN": "alert.firing", "closed": "alert.resolved",
           "CLOSED": "alert.resolved"},
    time="contains(['closed', 'CLOSED'], incident.state) && incident.ended_at || incident.started_at",
    started="contains(['closed', 'CLOSED'], incident.state) && incident.started_at",
    title="incident.condition_name || incident.policy_name",
    text="incident.summary || incident.documentation.subject",
    service_else="incident.resource.labels.service_name || incident.resource.labels.container_name",
    severity="incident.severity",
    severities={"No Severity": "", "No severity": "", "SEVERITY_UNSPECIFIED": ""},
    labels="merge(incident.resource.labels || `{}`, incident.metric.labels || `{}`, "
           "incident.metadata.user_labels || `{}`, incident.policy_user_labels || `{}`)",
    links={"source": "incident.url", "runbook": "incident.documentation.links[0].url"},
    data={"instructions": "incident.documentation.content"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body=(
            '{"version": "1.2", "incident": {"incident_id": "timelined-test", "state": "closed", '
            '"condition_name": "A test of timelined", "severity": "info"}}'
        ),
    ),
    called="Google Cloud Monitoring",
    families=("alert",),
    paste="Monitoring, Alerting, Edit notification channels: Webhooks, Endpoint URL {address}",
    proofs=("basic", "path"),
    identity=("/version", "/incident/incident_id", "/incident/state"),
)
