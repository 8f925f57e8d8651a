"""Counting what is refused at ``/webhooks``: by the error, never by what was sent."""

from __future__ import annotations

from aiohttp import web

from collector.errors import BrokenOff, MalformedWebhook, TimelinedError, UnverifiedWebhook
from collector.intake import Verifier
from collector.projections import EventFilter, Projections
from collector.telemetry.refusals import TYPE, Refusals, RefusedRow, read_back
from collector.times import rfc3339
from collector.web import shapes
from collector.web.keys import INTAKE, METRICS, REFUSALS

KNOWN: web.AppKey[Verifier] = web.AppKey("known")
"""Who knows the sources of an application that takes no deliveries."""
MOST = 200
"""The most refusals that are shown beside one page of deliveries."""


def note(request: web.BaseRequest, app: web.Application, error: Exception, status: int, title: str) -> None:
    """Count a delivery that was refused; a body that is kept though nobody can read it was not."""
    if isinstance(error, MalformedWebhook) and not isinstance(error, BrokenOff):
        return
    match = request.match_info if isinstance(request, web.Request) else {}
    name = match.get("source", "")
    verifier = app[KNOWN] if KNOWN in app else app[INTAKE].verifier
    source = name if name in verifier.endpoints else None
    app[METRICS].refused(source, status)
    app[REFUSALS].note(source, status, _reason(error, source, title), str(error) if source and _ours(error) else "")


def _ours(error: Exception) -> bool:
    return isinstance(error, TimelinedError)


def _reason(error: Exception, source: str | None, title: str) -> str:
    if isinstance(error, web.HTTPException):
        # An address that takes no such request: no source was looked for.
        return title
    if source is None:
        return "there is no source of this name"
    if isinstance(error, UnverifiedWebhook):
        # What the adapters say: what was missing or wrong, then what to do.
        return str(error).partition(": ")[2].partition(";")[0] or title
    return title


async def refused(
    refusals: Refusals, lists: Projections, *, source: str | None = None, since: int | None = None,
    until: int | None = None, before: int | None = None, limit: int = MOST,
) -> list[tuple[RefusedRow, int]]:  # fmt: skip
    """Refusals, the newest first, each with the position of its event; 0 where it is not recorded yet."""
    wanted = EventFilter(type=TYPE, since=since, until=until, before=before, limit=limit, newest_first=True)
    stored = [(read_back(event), event.position) for event in await lists.events(wanted)]
    pending = [] if before is not None else [(each, 0) for each in refusals.pending() if _within(each, since, until)]
    found = [row for row in (*pending, *stored) if source in (None, row[0].source)]
    return sorted(found, key=lambda row: row[0].last_at, reverse=True)


def _within(refused: RefusedRow, since: int | None, until: int | None) -> bool:
    return (since is None or refused.last_at >= since) and (until is None or refused.first_at < until)


def refused_row(row: tuple[RefusedRow, int]) -> shapes.Refused:
    """Refusals as a row beside deliveries."""
    refusal, position = row
    return shapes.Refused(
        id=f"refused-{refusal.event().id[-12:]}",
        source=refusal.source,
        received_at=rfc3339(refusal.first_at),
        last_at=rfc3339(refusal.last_at),
        status="refused",
        answered=refusal.status,
        reason=refusal.reason,
        count=refusal.count,
        position=position or None,
    )
