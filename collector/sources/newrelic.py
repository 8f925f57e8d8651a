"""New Relic's workflows, destination webhook: https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/

The default template is read. An issue is the alert: its other incidents come
and go within it. New Relic signs nothing.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "newrelic"
RECIPE = "newrelic.1"

MAPPING = FieldMap(
    # One issue has each state once; what is told again within it has another trigger.
    id="[id, state]",
    entity="id",
    type="state",
    types={
        "CREATED": "none", "ACTIVATED": "alert.firing", "ACKNOWLEDGED": "note.added",
        "CLOSED": "alert.resolved", "RESOLVED": "alert.resolved",
    },
    id_types={"note.added": "observation.recorded"},
    time="contains(['CLOSED', 'RESOLVED', 'ACKNOWLEDGED'], state) && updatedAt || createdAt",
    started="contains(['CLOSED', 'RESOLVED'], state) && createdAt",
    title="alertConditionNames[0] || title",
    # Nobody wrote it who acknowledges.
    text="state != 'ACKNOWLEDGED' && title || ''",
    service="type(impactedEntities) == 'string' && impactedEntities || "
            "length(impactedEntities || `[]`) == `1` && impactedEntities[0]",
    severity="priority",
    # A template may say who took the issue.
    actor="state == 'ACKNOWLEDGED' && owner",
    status="state",
    links={"source": "issueUrl"},
    data={
        "receiver": "workflowName",
        "operation": "state == 'ACKNOWLEDGED' && 'acknowledged' || ''",
        # An event has one service: of several entities none is more of it than others.
        "further_services": "type(impactedEntities) == 'array' && impactedEntities",
    },
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"id": "timelined-test", "state": "CREATED", "title": "A test of timelined"}',
    ),
    called="New Relic",
    families=("alert",),
    paste="Alerts, Destinations: Webhook, Endpoint URL {address}; then a workflow that notifies it",
    identity=("/id", "/state"),
)
