"""Who answers and who leads, as the events of pages and alerts tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from collector.event import Event

AnyEvent = TypeVar("AnyEvent", bound=Event)

_LEAD = re.compile(r"(?:incident )?(?:commander|lead|manager)", re.IGNORECASE)
"""What on-call tools call the role of whoever leads a response."""


def acknowledges(note: Event) -> bool:
    """Whether a note is an acknowledgement in the monitoring system itself."""
    operation = note.data.get("operation")
    return isinstance(operation, str) and "acknowledged" in re.split(r"[\s,;]+", operation.casefold())


def lead_of(event: Event) -> str | None:
    """To whom an event of a page gives the role of the incident's lead, or who has it by then; empty where it says that
    nobody has, None of any other event."""
    if event.type != "page.role_assigned":
        lead = event.data.get("lead") if event.type.startswith("page.") else None
        return lead if isinstance(lead, str) else None
    role, to = event.data.get("text"), event.data.get("to")
    if not isinstance(role, str) or not _LEAD.fullmatch(role.strip()):
        return None
    return to if isinstance(to, str) else ""


def role_of(event: Event) -> str:
    """What the role is called that :func:`lead_of` tells of."""
    return str(event.data["text"]) if event.type == "page.role_assigned" else "Incident Lead"


def lead_changes(events: Iterable[AnyEvent]) -> list[tuple[AnyEvent, AnyEvent | None]]:
    """The events by which somebody became the lead, or with which nobody is it any more, oldest first; each with the
    event that had made the one before the lead. ``events`` are those of pages, in reading order."""
    changes: list[tuple[AnyEvent, AnyEvent | None]] = []
    holders: dict[tuple[str, str, str], AnyEvent] = {}
    for event in events:
        to = lead_of(event)
        if to is None:
            continue
        role = (event.source, event.entity, role_of(event).casefold())
        current = holders.get(role)
        loser = event.data.get("from") if event.type == "page.role_assigned" else ""
        if to:
            if current is None or lead_of(current) != to:
                changes.append((event, current))
                holders.pop(role, None)
                holders[role] = event
        elif current is not None and loser in (None, "", lead_of(current)):
            changes.append((event, current))
            del holders[role]
    return changes


def leading(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """The events that made those the lead who still are, oldest first; ``events`` as in :func:`lead_changes`."""
    standing: dict[str, AnyEvent] = {}
    for event, current in lead_changes(events):
        if current is not None:
            del standing[current.id]
        if lead_of(event):
            standing[event.id] = event
    return list(standing.values())
