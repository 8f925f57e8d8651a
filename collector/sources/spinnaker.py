"""Spinnaker's events, as Echo's REST listener posts them: https://spinnaker.io/docs/setup/other_config/features/notifications/

Echo posts everything that it hears of: pipelines, their stages and tasks, builds,
pushes. A pipeline, and an operation that somebody ran by hand, are changes; all
else is a part of one, or told by its own system. The event stands alone or in a
wrapper, as the endpoint is configured.
"""

from __future__ import annotations

import msgspec

from collector.event import Event
from collector.sources.mapping import placed_by_name, read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "spinnaker"
RECIPE = "spinnaker.1"

_EXECUTION = "(payload || @).content.executionId || (payload || @).content.execution.id"
_CANCELED = (
    "ends_with((payload || @).details.type, ':failed')"
    " && contains(['CANCELED', 'STOPPED'], (payload || @).content.execution.status || '')"
)
_STAGES = "(payload || @).content.execution.stages"
_ROLLBACKS = "['rollbackCluster', 'rollbackServerGroup', 'undoRolloutManifest']"
_DEPLOYS = (
    "['deploy', 'deployManifest', 'patchManifest', 'createServerGroup', 'cloneServerGroup', 'deployCloudrunManifest',"
    " 'rollbackCluster', 'rollbackServerGroup', 'undoRolloutManifest', 'runJob', 'runJobManifest']"
)
"""Types of stages that change what runs; what a pipeline of others is, its name may say."""

MAPPING = FieldMap(
    id=f"({_EXECUTION}) && [{_EXECUTION}, (payload || @).details.type]",
    entity=_EXECUTION,
    # An execution that somebody stopped is told as one that failed, and says so in its status.
    type=(
        f"({_CANCELED} && 'canceled') || (payload || @).details.type"
    ),
    types={
        "orca:pipeline:starting": "change.started", "orca:orchestration:starting": "change.started",
        "orca:pipeline:complete": "change.succeeded", "orca:orchestration:complete": "change.succeeded",
        "orca:pipeline:failed": "change.failed", "orca:orchestration:failed": "change.failed",
        "canceled": "change.cancelled", "*": "none",
    },
    time="(payload || @).details.created",
    title="(payload || @).content.execution.name || (payload || @).content.execution.description",
    service="(payload || @).content.execution.application || (payload || @).details.application",
    status="(payload || @).content.execution.status",
    # Who stopped it, and in which words, goes before who set it off.
    text=f"{_CANCELED} && (payload || @).content.execution.cancellationReason",
    actor=(
        f"([{_CANCELED} && (payload || @).content.execution.canceledBy,"
        " (payload || @).content.execution.[trigger.user, authentication.user]][]"
        " | [?@ && @ != 'anonymous' && @ != '[anonymous]' && @ != 'spinnaker'])[0]"
    ),
    refs={
        "commit": "(payload || @).content.execution.trigger.hash",
        "repository": (
            "(payload || @).content.execution.trigger.[project, slug] | (@[0] && @[1]) && join('/', @)"
        ),
    },
    data={
        "event": "(payload || @).content.execution.trigger.type",
        "branch": "(payload || @).content.execution.trigger.branch",
        "workflow": (
            f"!({_STAGES}[?contains({_DEPLOYS}, type || '')]) && (payload || @).content.execution.name || ''"
        ),
        "task": f"({_STAGES}[?contains({_ROLLBACKS}, type || '')]) && 'rollback' || ''",
    },
)  # fmt: skip


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is no change."""
    return tuple(map(placed_by_name, read(webhook, reading, MAPPING, RECIPE, KIND)))


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body=(
            '{"details": {"source": "orca", "type": "orca:task:complete", "created": "$NOW"}, '
            '"content": {"executionId": "timelined-test"}}'
        ),
    ),
    called="Spinnaker",
    families=("change",),
    paste="echo-local.yml, rest.endpoints: url {address}, headers Authorization",
    identity=(
        *(f"{place}/{name}" for place in ("", "/payload")
          for name in ("details/type", "content/executionId", "content/execution/id", "content/execution/status")),
    ),
)  # fmt: skip
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
