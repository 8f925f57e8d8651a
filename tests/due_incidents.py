"""Incidents as lists have them when drafts are due."""

from __future__ import annotations

from collector.event import HOUR, MINUTE
from collector.projections import IncidentRow

NOW = 1_772_632_800_000_000


def incident(number: int, **fields: object) -> IncidentRow:
    """An incident as lists show it: open, with its last news a minute ago, unless said otherwise."""
    ordinary = {
        "number": number, "key": f"{number:032x}", "status": "open", "title": "HighErrorRate on checkout",
        "started_at": NOW - HOUR, "ended_at": None, "last_at": NOW - MINUTE, "services": ("checkout",),
        "environments": ("production",), "severity": "critical", "lead": None, "events": 3,
    }  # fmt: skip
    return IncidentRow(**(ordinary | fields))  # type: ignore[arg-type]
