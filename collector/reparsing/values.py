"""What is asked of a reading of stored deliveries, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

CHANGED = "changed"
"""A fact says something else now."""
NEW = "new"
"""A fact that nobody had understood."""
WITHDRAWN = "withdrawn"
"""A fact that the delivery does not tell after all."""
RESTORED = "restored"
"""A fact that had been withdrawn so, and is told after all."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are to be read again."""

    after: int = 0
    """Go on behind the delivery of this number."""
    limit: int = 200
    """At most so many deliveries."""
    source: str | None = None
    status: str | None = None
    """Only those that were taken so: ``read``, ``unrecognised`` or ``malformed``."""
    since: int | None = None
    """Only those received then or later, µs UTC."""
    until: int | None = None
    """Only those received before then, µs UTC."""


class RereadDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One event that differs by today's parsers."""

    event: str
    change: str
    """:data:`CHANGED`, :data:`NEW`, :data:`WITHDRAWN` or :data:`RESTORED`."""
    delivery: int
    type: str
    title: str
    source: str
    occurred_at: int
    fields: Mapping[str, tuple[Any, Any]] = {}
    """Of a changed one: each field that differs, as it was and as it is read now."""


class ReparseResult(msgspec.Struct, kw_only=True):
    """What came of some deliveries."""

    looked: int = 0
    """Deliveries that were read again."""
    changes: list[RereadDifference] = []
    skipped: dict[str, int] = {}
    """Deliveries that could not be read again, by the reason."""
    after: int | None = None
    """The number of the last delivery that was looked at; None where that was the last of all."""
    last: int = 0
    """The number of the last delivery there is."""
    position: int = 0
    """The last position of the log after the changes were appended; 0 where nothing was."""

    def skip(self, reason: str) -> None:
        """Count a delivery that cannot be read again."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
