"""What people stated of an incident, in words: each statement once, the newest first, also what was taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from collector.event import PEOPLE, RecordedEvent, newest_revisions
from collector.projections import EventFilter, IncidentRow
from collector.web.keys import PROJECTIONS

SHOWN = 200
"""How many of the newest statements are shown."""

_NOUNS: Mapping[str, str] = {
    "note.added": "Note", "mark.set": "Moment", "action.added": "Action", "incident.edited": "Set",
    "incident.joined": "Belongs here", "incident.left": "Does not belong here", "incident.split": "Of their own",
    "incident.merged": "Merged", "incident.resolved": "Over", "incident.reopened": "Not over",
    "incident.opened": "Report",
}  # fmt: skip
"""Type of a statement → what it is called in a list."""


def words_of(event: RecordedEvent) -> tuple[str, str]:
    """What a statement is called, and what it says; other events by their type and title."""
    data: Mapping[str, Any] = event.data
    match event.type:
        case "mark.set":
            text = " ".join(filter(None, [str(data.get("mark", "")).replace("_", " "), event.title]))
        case "incident.edited":
            text = f"{str(data.get('field', '')).replace('_', ' ')}: {data.get('value', '')}"
        case "incident.joined" | "incident.left":
            text = f"event {str(data.get('event', ''))[-5:]}"
        case "incident.split":
            text = ", ".join(f"event {str(name)[-5:]}" for name in data.get("events", ()))
        case "action.added":
            due = f", due {data['due']}" if data.get("due") else ""
            text = f"{event.title} ({data.get('owner') or 'nobody'}{due}, {data.get('state', 'open')})"
        case _:
            text = event.title
    return _NOUNS.get(event.type, event.type), text


def stated_at(event: RecordedEvent) -> int:
    """When it was said, µs; what it tells may have happened at another time."""
    at = event.data.get("stated_at")
    return at if isinstance(at, int) else event.received_at


async def statements_of(app: web.Application, row: IncidentRow) -> list[RecordedEvent]:
    """The newest statements about an incident, each as it stands now."""
    lists = app[PROJECTIONS]
    inside = EventFilter(incident=row.number, source=PEOPLE, limit=SHOWN, newest_first=True)
    # What was taken back is in no incident any more; it still names this one.
    about = EventFilter(entity=f"incident:{row.key}", source=PEOPLE, limit=SHOWN, newest_first=True)
    revisions = [*await lists.events(inside), *await lists.events(about)]
    return sorted(newest_revisions(revisions), key=lambda event: (stated_at(event), event.id), reverse=True)[:SHOWN]
