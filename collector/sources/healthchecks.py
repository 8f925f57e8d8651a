"""Healthchecks.io's webhook integration: https://healthchecks.io/docs/configuring_notifications/

What it sends is a template of the team's own; this mapping reads the one of
``config/senders/healthchecks.md``. Down says that no ping arrived in time, or that one said that the job failed; which
of them it was is not said.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap

KIND = "healthchecks"
RECIPE = "healthchecks.1"

MAPPING = FieldMap(
    id="[code, status, at]",
    entity="code",
    type="(timelined == 'healthchecks.1' && status) || `null`",
    types={"down": "alert.firing", "up": "alert.resolved"},
    time="at",
    title="name",
    # An exit status is that of the last ping, -1 where it had none; zero is no reason to be down.
    text="status == 'down' && exit && exit != '-1' && exit != '0' && join(' ', ['Exit status', exit])",
    labels="{tags: tags}",
)

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    called="Healthchecks.io",
    families=("alert",),
    paste="Integrations, Webhook: POST to {address}, with the two bodies of its sender page",
    identity=("/timelined", "/code", "/status", "/at"),
)
