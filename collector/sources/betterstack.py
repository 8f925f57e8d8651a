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

MAPPING = FieldMap(
    id="[data.id, event]",
    entity="data.id",
    type="event",
    types={"started": "page.triggered", "acknowledged": "page.acknowledged", "resolved": "page.resolved"},
    time=f"(event == 'started' && {_AT}.started_at) || (event == 'acknowledged' && {_AT}.acknowledged_at) || "
         f"(event == 'resolved' && {_AT}.resolved_at)",
    title=f"{_AT}.name",
    text=f"event == 'started' && {_AT}.cause",
    service=f"{_AT}.name",
    status="event",
    actor=f"event == 'acknowledged' && {_AT}.acknowledged_by",
    links={"target": f"{_AT}.url"},
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
