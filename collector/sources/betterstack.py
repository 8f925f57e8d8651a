"""Better Stack Uptime's outgoing webhooks: https://betterstack.com/docs/uptime/webhooks/

An incident calls whoever is on call, so it is a page: started, acknowledged,
resolved. Better Stack signs nothing.
"""

from __future__ import annotations

from collector.sources.mapping import source_of
from collector.webhook import FieldMap

KIND = "betterstack"
RECIPE = "betterstack.1"

_AT = "data.attributes"
_STATUS = f"{_AT}.status"
# Some bodies have the state alone, and not the event that led there.
_EVENT = (
    f"(event || {_STATUS} == 'Started' && 'started' || {_STATUS} == 'Acknowledged' && 'acknowledged'"
    f" || {_STATUS} == 'Resolved' && 'resolved')"
)

MAPPING = FieldMap(
    id=f"[data.id, {_EVENT}]",
    entity="data.id",
    type=_EVENT,
    types={"started": "page.triggered", "acknowledged": "page.acknowledged", "resolved": "page.resolved"},
    time=f"({_EVENT} == 'started' && {_AT}.started_at) || ({_EVENT} == 'acknowledged' && {_AT}.acknowledged_at) || "
         f"({_EVENT} == 'resolved' && {_AT}.resolved_at)",
    title=f"{_AT}.name",
    text=f"event == 'started' && {_AT}.cause",
    service=f"{_AT}.name",
    status=_EVENT,
    actor=f"{_EVENT} == 'acknowledged' && {_AT}.acknowledged_by",
    links={"target": f"{_AT}.url", "source": f"{_AT}.origin_url"},
    data={"number": "data.id"},
)  # fmt: skip

SOURCE = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    called="Better Stack",
    page="Better Stack incident",
    tells=("page",),
    paste="Integrations, Webhooks, Add: outgoing, URL {address}",
    identity=("/data/id", "/event"),
)
