"""The body of a PagerDuty change event: https://developer.pagerduty.com/docs/send-change-events

It goes to PagerDuty, not from it: what builds and deploys posts it there, and can
post the same here. What it tells is a line, a time and where it comes from; how
the change stands is said by a few usual names among the details, or not at all:
then it has begun and no more. What says of itself that it is a build or a test
changed nothing that runs.
"""

from __future__ import annotations

import msgspec

from collector.event import Event
from collector.semantics.changes import deploys, is_plain_change
from collector.sources.mapping import read, source_of
from collector.webhook import FieldMap, Reading, Sample, Webhook

KIND = "pagerdutychange"
RECIPE = "pagerdutychange.1"

_WORDS = {
    "change.requested": "queued pending waiting requested scheduled",
    "change.started": "started starting running in_progress inprogress",
    "change.succeeded": "passed success succeeded successful completed complete finished fixed deployed",
    "change.failed": "failed failure error errored broken unstable",
    "change.cancelled": "cancelled canceled aborted skipped",
}
_TYPES = {
    spelled: event_type
    for event_type, words in _WORDS.items()
    for word in words.split()
    for spelled in (word, word.upper(), word.capitalize())
}

MAPPING = FieldMap(
    id="[payload.source, payload.timestamp, payload.summary]",
    type=(
        "payload.custom_details.[build_state, deploy_state, deployment_status, state, status, result, outcome,"
        " conclusion] | ([?type(@) == 'string'])[0] || 'change event'"
    ),
    # A word that says nothing of how it stands is no reason to lose the change.
    types={**_TYPES, "*": "change.started"},
    time="payload.timestamp",
    title="payload.summary",
    text="payload.custom_details.description",
    labels="payload.custom_details",
    actor="payload.custom_details.[user, author, actor, triggered_by, deployed_by] | ([?type(@) == 'string'])[0]",
    links={"source": "links[].href"},
    refs={
        "commit": "payload.custom_details.[commit, sha, commit_sha, revision] | ([?type(@) == 'string'])[0]",
        "repository": "payload.custom_details.[repository, repo] | ([?type(@) == 'string'])[0]",
    },
    data={
        "branch": "payload.custom_details.branch",
        "run_number": "payload.custom_details.build_number",
    },
)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The change; an observation where its line says that nothing running is changed."""
    return tuple([_judged(event) for event in read(webhook, reading, MAPPING, RECIPE, KIND)])


def _judged(event: Event) -> Event:
    if not event.type.startswith("change.") or deploys(event.title) is not False:
        plain = is_plain_change(event, *event.labels)
        return msgspec.structs.replace(event, data=event.data | {"task": "change"}) if plain else event
    told = {"type": "change event", "subject": event.data.get("state", ""), "text": event.data.get("text", "")}
    return msgspec.structs.replace(
        event, type="observation.recorded", data={key: text for key, text in told.items() if text}
    )


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"routing_key": "", "payload": {"summary": "", "timestamp": "$NOW", "source": "timelined-test"}}',
    ),
    called="PagerDuty change events",
    families=("change",),
    paste="post to {address} what you post to https://events.pagerduty.com/v2/change/enqueue",
    # Of the details an id keeps what they came to, which is one of five words: all of them may be redacted.
    identity=("/payload/source", "/payload/timestamp", "/payload/summary"),
)
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse)
