"""Pingdom's webhooks: https://www.pingdom.com/resources/webhooks/

A check that changes between up and down, and a transaction between success and
failure. Pingdom signs nothing and can send no header: give it a secret address.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap, Sample

KIND = "pingdom"
RECIPE = "pingdom.1"

MAPPING = FieldMap(
    id="[check_id, current_state, state_changed_timestamp]",
    entity="check_id",
    type="current_state",
    types={"DOWN": "alert.firing", "FAILING": "alert.firing", "UP": "alert.resolved", "SUCCESS": "alert.resolved"},
    time="state_changed_timestamp || state_changed_utc_time",
    title="check_name",
    text="custom_message || long_description || description",
    severity="importance_level",
    service_else="check_name",
    labels="tags",
    links={"target": "check_params.full_url"},
    data={"reason": "description"},
)

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body=(
            '{"check_id": 0, "check_name": "A test of timelined", "current_state": "SUCCESS", '
            '"importance_level": "LOW", "state_changed_utc_time": "$NOW"}'
        ),
    ),
    called="Pingdom",
    families=("alert",),
    paste="Settings, Integrations, Add integration: Webhook, URL {address}; then choose it at each check",
    proofs=("path",),
    identity=("/check_id", "/current_state", "/state_changed_timestamp"),
)
