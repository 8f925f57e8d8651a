"""Where stored deliveries are read again with today's parsers, some at a time.

A client goes on with ``after`` until that is null. So no answer takes long, and a run that was cut off can
go on. With ``dry_run`` nothing is
written.
"""

from __future__ import annotations

from aiohttp import web

from collector.reparsing import ReparseResult, RereadDifference, Selection
from collector.times import rfc3339
from collector.web import answers, payloads, shapes, statements
from collector.web.keys import REDRAW, REPARSE
from collector.web.requests import optional_moment, statement

routes = web.RouteTableDef()


@routes.post("/api/v1/replays")
async def replay(request: web.Request) -> web.Response:
    """Read the next deliveries again: 201 where anything was appended, 200 where nothing differs or it was only asked.

    Drafts that show what changed are written again before the answer.
    """
    body = (await statement(request, payloads.ReplayBody)).body
    selection = Selection(
        after=body.after,
        limit=body.limit,
        source=body.source,
        status=body.status,
        since=optional_moment(body.since, "since"),
        until=optional_moment(body.until, "until"),
    )
    result = await request.app[REPARSE](selection, body.dry_run)
    if result.position:
        await statements.wait_for_lists(request.app, result.position)
        await request.app[REDRAW](tuple([change.event for change in result.changes]))
    return answers.json(_replayed(result), status=201 if result.position else 200)


def _replayed(found: ReparseResult) -> shapes.Replayed:
    changes = [_reread(each) for each in found.changes]
    return shapes.Replayed(found.looked, changes, found.skipped, found.after, found.last)


def _reread(difference: RereadDifference) -> shapes.Reread:
    return shapes.Reread(
        event=difference.event,
        change=difference.change,
        delivery=f"d{difference.delivery}",
        type=difference.type,
        source=difference.source,
        title=difference.title,
        occurred_at=rfc3339(difference.occurred_at),
        fields={name: shapes.Field(before, after) for name, (before, after) in difference.fields.items()},
    )
