"""Better Stack Uptime's outgoing webhooks: https://betterstack.com/docs/uptime/webhooks/

An incident calls whoever is on call, so it is a page: started, acknowledged,
resolved, reopened; what somebody writes below it comes as an event ``comment``.
That a monitor was set up or paused is no step of one. Its status pages send what
is published on them, as Statuspage does. Better Stack signs nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector.event import Event
from collector.sources import statuspage
from collector.sources.mapping import read, source_of
from collector.webhook import FieldMap, Reading, Webhook

KIND = "betterstack"
RECIPE = "betterstack.1"

_AT = "data.attributes"
_STATUS = f"{_AT}.status"
# Some bodies have the state alone, and not the event that led there.
_EVENT = (
    "(event == 'created' && 'started' || event ||"
    f" {_STATUS} == 'Started' && 'started' || {_STATUS} == 'Acknowledged' && 'acknowledged'"
    f" || {_STATUS} == 'Resolved' && 'resolved' || `null`)"
)

_COMMENT = "event == 'comment'"

MAPPING = FieldMap(
    # An incident is opened again without a time of it; what it says of its last end tells one time from the next.
    id=f"{_COMMENT} && [data.id, 'comment', comment.id || comment.content] || "
       f"event == 'reopened' && [data.id, event, {_AT}.acknowledged_at, {_AT}.resolved_at] || [data.id, {_EVENT}]",
    entity="data.id",
    type=f"data.type == 'monitor' && 'monitor' || {_EVENT}",
    types={"started": "page.triggered", "acknowledged": "page.acknowledged", "resolved": "page.resolved",
           "reopened": "page.reopened", "comment": "note.added", "monitor": "none"},
    time=f"({_EVENT} == 'started' && {_AT}.started_at) || ({_EVENT} == 'acknowledged' && {_AT}.acknowledged_at) || "
         f"({_EVENT} == 'resolved' && {_AT}.resolved_at) || ({_COMMENT} && comment.created_at)",
    title=f"{_COMMENT} && comment.content || {_AT}.name",
    text=f"{_COMMENT} && comment.content || {_EVENT} == 'started' && {_AT}.cause",
    service=f"{_AT}.name",
    status=_EVENT,
    actor=f"{_COMMENT} && (comment.author.name || comment.author.email || comment.author) || "
          f"({_EVENT} == 'acknowledged' && {_AT}.acknowledged_by) || ({_EVENT} == 'resolved' && {_AT}.resolved_by)",
    links={"target": f"{_AT}.url", "source": f"{_AT}.origin_url"},
    refs={"page": f"{_COMMENT} && data.id"},
    data={"number": "data.id"},
)  # fmt: skip


class Posted(msgspec.Struct, frozen=True):
    """What a status page tells of; an incident of Uptime stands in ``data``."""

    incident: Any = None
    maintenance: Any = None
    component_update: Any = None


_POSTED = msgspec.json.Decoder(Posted)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the incident that calls people, or the updates that a status page published."""
    try:
        posted = _POSTED.decode(webhook.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        posted = Posted()
    if posted == Posted():
        return read(webhook, reading, MAPPING, RECIPE, KIND)
    return statuspage.parse(webhook, reading)


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    called="Better Stack",
    page="Better Stack incident",
    families=("page",),
    paste="Integrations, Webhooks, Add: outgoing, URL {address}",
    identity=(
        "/data/id", "/data/type", "/event", "/data/attributes/status", "/data/attributes/acknowledged_at",
        "/data/attributes/resolved_at", "/comment/id", *statuspage.SOURCE.identity,
    ),
)  # fmt: skip
SOURCE = msgspec.structs.replace(_MAPPED, parse=parse, settings=("vendor",))
