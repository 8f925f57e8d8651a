"""What an import brought in, as it is looked at."""

from __future__ import annotations

from typing import Any

from collector.event import Event, RecordedEvent, current
from tests import senders
from tests.served import Rig

MARKS = ("imported_at",)


async def facts(place: Rig) -> dict[str, Event]:
    """What senders' events say now, without what says that they were imported."""
    return {e.id: bare(e) for e in current(await place.log.read(limit=1000)) if e.source not in ("timelined", "people")}


def bare(event: RecordedEvent) -> Event:
    fields = {name: getattr(event, name) for name in Event.__struct_fields__}
    data = {key: value for key, value in event.data.items() if key not in MARKS}
    return Event(**{**fields, "revision": 0, "amendment": "", "data": data})


def entry(kind: str, at: str, by: str = "", **more: Any) -> dict[str, Any]:
    """A log entry of page 311, a second after the webhook's own time of it."""
    agent = {"type": "user_reference", "summary": by} if by else {"type": "service_reference", "summary": "checkout"}
    moment = senders.rfc3339(at).replace(".000Z", "Z")
    page = {"id": senders.page(311, "Errors", at="14:03").id, "type": "incident_reference", "summary": "[#311] Errors"}
    made = {"id": f"R{kind}{at}", "type": f"{kind}_log_entry", "created_at": moment, "agent": agent, "incident": page}
    return made | {"service": {"id": "P1", "summary": "checkout"}} | more


EVENING = (
    entry("trigger", "14:03:01"), entry("assign", "14:03:01"), entry("notify", "14:03:02"),
    entry("acknowledge", "14:05:01", by="Ana"),
    entry("annotate", "14:09", by="Ana", channel={"summary": "rolling back"}),
    entry("snooze", "14:10", by="Ana"), entry("resolve", "14:22:01", by="Ana"),
)  # fmt: skip
