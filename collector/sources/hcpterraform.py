"""HCP Terraform's run notifications: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/notifications

Each delivery tells one step of one run. Only an apply changes anything: a run
whose plan found nothing to do, or was not to be applied, is completed as well. A run
that was cancelled comes as ``errored`` with the status ``canceled``. A run is a change
and no deployment: it may add a disk, or a whole network.
"""

from __future__ import annotations

from collector.signing import Signature
from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "hcpterraform"
RECIPE = "hcpterraform.1"

_ASSESSMENT = "_body.details.new_assessment_result"

MAPPING = FieldMap(
    items="notifications || [@]",
    id=f"[_body.run_id || {_ASSESSMENT}.id || _body.trigger, trigger, run_updated_at]",
    entity="_body.run_id || _body.details.workspace_id",
    type="contains(['canceled', 'discarded', 'planned_and_finished', 'planned_and_saved'], run_status) && run_status"
         " || trigger",
    types={
        "run:applying": "change.started", "run:completed": "change.succeeded", "run:errored": "change.failed",
        "canceled": "change.cancelled", "discarded": "change.cancelled",
        "planned_and_finished": "none", "planned_and_saved": "none", "run:needs_attention": "change.requested",
        "run:created": "none", "run:planning": "none", "verification": "none", "assessment:*": "observation.recorded",
        "workspace:*": "none", "team:*": "none",
    },
    time=f"run_updated_at || {_ASSESSMENT}.created_at",
    title="_body.run_message || message",
    service="_body.workspace_name || _body.details.workspace_name",
    # How far what runs is from what was written.
    text=f"{_ASSESSMENT} | resources_drifted != `null` && join('', ['resources_drifted: ', "
         "to_string(resources_drifted), resources_undrifted != `null` && join(' ', [', resources_undrifted:', "
         "to_string(resources_undrifted)]) || ''])",
    status="run_status",
    actor="run_updated_by",
    # It changes what runs, and deploys nothing.
    data={"task": "_body.run_id && 'change'"},
    links={"source": f"_body.run_url || {_ASSESSMENT}.url"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    signature=Signature(header="X-TFE-Notification-Signature", digest="sha512", sender="HCP Terraform (its token)"),
    kind=KIND,
    sample=Sample(
        body=(
            '{"payload_version": 1, "notifications": [{"trigger": "verification", "message": "A test of timelined"}]}'
        ),
    ),
    called="HCP Terraform",
    families=("change",),
    paste="the workspace, Settings, Notifications, Create: Webhook, URL {address}",
    proofs=("signature", "path"),
    identity=(
        "/run_id",
        "/trigger",
        "/details/workspace_id",
        "/details/new_assessment_result/id",
        "/notifications/*/trigger",
        "/notifications/*/run_updated_at",
        "/notifications/*/run_status",
    ),
)
