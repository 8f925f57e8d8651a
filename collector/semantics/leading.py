"""Who answers and who leads, as the events of pages and alerts tell."""

from __future__ import annotations

import re

from collector.event import Event

_LEAD = re.compile(r"(?:incident )?(?:commander|lead|manager)", re.IGNORECASE)
"""What on-call tools call the role of whoever leads a response."""


def acknowledges(note: Event) -> bool:
    """Whether a note is an acknowledgement in the monitoring system itself."""
    operation = note.data.get("operation")
    return isinstance(operation, str) and "acknowledged" in re.split(r"[\s,;]+", operation.casefold())


def lead_of(event: Event) -> str:
    """To whom an event of a page gives the role of the incident's lead; empty for any other."""
    role, to = event.data.get("text"), event.data.get("to")
    names_lead = event.type == "page.role_assigned" and isinstance(role, str) and _LEAD.fullmatch(role.strip())
    return to if names_lead and isinstance(to, str) else ""
