"""Which drafts are due: a pure function of the lists, the clock and what was written before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from collector.projections import IncidentRow


class DraftRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was last written of one incident."""

    state: str
    """The digest of the incident as the lists showed it then."""
    files: Mapping[str, tuple[str, ...]] = {}
    """File name → SHA-256 of what we wrote into it: the last, and the one before in case the last never arrived."""


class DueDrafts(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that is to be written now."""

    number: int
    reason: str
    """``resolved``, ``stale``, ``changed``, ``merged`` or ``amended``."""
    state: str
    merged_into: int | None = None


def due(
    now: int, rows: Iterable[IncidentRow], records: Mapping[int, DraftRecord], stale_after: int
) -> tuple[DueDrafts, ...]:
    """The drafts to write at ``now``, in the order of their numbers. Times in µs.

    A first draft comes when an incident resolves, or when an open one has had
    no news for ``stale_after``. From then on every change of the incident is a
    reason for another, also if it is open again.
    """
    drafts = []
    for row in sorted(rows, key=lambda row: row.number):
        state = state_of(row)
        known = records.get(row.number)
        reason = _first_reason(row, now, stale_after) if known is None else _next_reason(row, known, state)
        if reason:
            drafts.append(DueDrafts(number=row.number, reason=reason, state=state, merged_into=row.merged_into))
    return tuple(drafts)


def _first_reason(row: IncidentRow, now: int, stale_after: int) -> str:
    if row.status == "open":
        return "stale" if now - row.last_at >= stale_after else ""
    return "resolved" if row.status == "resolved" else ""


def _next_reason(row: IncidentRow, known: DraftRecord, state: str) -> str:
    if known.state == state:
        return ""
    return "merged" if row.status == "merged" else "changed"


def state_of(row: IncidentRow) -> str:
    """The digest of the incident as lists know it: it changes with every event of it and every revision of one."""
    return hashlib.sha256(msgspec.json.encode(row, order="sorted")).hexdigest()
