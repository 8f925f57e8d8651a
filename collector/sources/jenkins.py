"""Jenkins' notification plugin: https://plugins.jenkins.io/notification/

One body for each phase of a build. COMPLETED and FINALIZED both say how it
ended, and are one event. Jenkins looks at no answer: what cannot be stored is
lost.
"""

from __future__ import annotations

import msgspec

from collector.event import Event
from collector.sources.mapping import placed_by_name, read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "jenkins"
RECIPE = "jenkins.1"

MAPPING = FieldMap(
    id="[url || name, build.number]",
    entity="join('#', [url || name, to_string(build.number)])",
    type="contains(['COMPLETED', 'FINALIZED'], build.phase) && join('.', ['ended', build.status]) || build.phase",
    types={
        "QUEUED": "none", "NONE": "none", "STARTED": "change.started", "ended.SUCCESS": "change.succeeded",
        "ended.FAILURE": "change.failed", "ended.UNSTABLE": "change.failed", "ended.ABORTED": "change.cancelled",
        "ended.NOT_BUILT": "change.cancelled",
    },
    time="build.timestamp",
    title="display_name || name",
    environment="build.parameters.environment || build.parameters.ENVIRONMENT",
    service="build.parameters.service || build.parameters.SERVICE",
    # What the job's owners have it say of a build, in its own configuration.
    text="build.phase != 'STARTED' && build.notes",
    status="build.status || build.phase",
    links={"log": "build.full_url"},
    refs={"commit": "build.scm.commit"},
    data={"workflow": "name", "run_number": "build.number", "branch": "build.scm.branch"},
)  # fmt: skip


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is no change."""
    return tuple(map(placed_by_name, read(webhook, reading, MAPPING, RECIPE, KIND)))


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"name": "timelined-test", "build": {"number": 1, "phase": "QUEUED"}}',
    ),
    called="Jenkins",
    families=("change",),
    paste="the job, Configure, Job Notifications: JSON, HTTP, URL {address}",
    proofs=("basic", "path"),
    retries=False,
    identity=("/url", "/name", "/build/number", "/build/phase", "/build/status"),
)
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
