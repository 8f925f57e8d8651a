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
    """To whom an event of a page gives the role of the incident's lead; empty where it takes the role from whoever had
    it, None of any other event."""
    role, to = event.data.get("text"), event.data.get("to")
    if event.type != "page.role_assigned" or not isinstance(role, str) or not _LEAD.fullmatch(role.strip()):
        return None
    return to if isinstance(to, str) else ""


def leading(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """The events that gave the role of the lead to those who still have it, oldest first; ``events`` are those of
    pages, in reading order."""
    holders: dict[tuple[str, str, str], AnyEvent] = {}
    for event in events:
        to, old = lead_of(event), event.data.get("from")
        if to is None:
            continue
        role = (event.source, event.entity, str(event.data["text"]).casefold())
        held = holders.get(role)
        if to or (held is not None and old in (None, "", held.data.get("to"))):
            holders.pop(role, None)
        if to:
            holders[role] = event
    return list(holders.values())
