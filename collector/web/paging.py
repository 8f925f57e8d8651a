"""Lists by pages: a cursor that stays true while the log grows, in the body and as a Link; an ETag; JSON, or a row on
each line where a client asks for that.

A page is read and written some rows at a time, so that a long one keeps nobody
waiting; one of large rows ends before its limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from collector.web import answers
from collector.web.negotiation import lines_asked
from collector.web.reads import READS

T = TypeVar("T")

TOGETHER = 100
"""Rows that are read and written at a time."""


async def page(
    request: web.Request,
    name: str,
    fetch: Callable[[str | None, int], Awaitable[Sequence[T]]],
    limit: int,
    row_shape: Callable[[T], object],
    parameter: str,
    cursor: Callable[[T], str],
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """One page of a list of at most ``limit`` rows.

    ``fetch`` gives so many rows at most behind the row that a cursor names; behind the request's own cursor where that
    is None. ``cursor`` names a row; given back as ``parameter`` it asks for what follows.
    """
    reads = request.app[READS]
    rows_encoded: list[bytes] = []
    size, following = 0, None
    while len(rows_encoded) < limit and size < reads.limits.page:
        count = min(TOGETHER, limit - len(rows_encoded))
        if following is not None:
            await reads.give_way()
        rows = await fetch(following, count + 1)
        some = [answers.encode(row_shape(row)) for row in rows[:count]]
        rows_encoded += some
        size += sum(map(len, some))
        following = cursor(rows[count - 1]) if len(rows) > count else None
        if following is None:
            break
    return _answer(request, name, rows_encoded, parameter, following, more)


async def paged(
    request: web.Request, name: str, rows: Sequence[object], parameter: str, following: str | None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:  # fmt: skip
    """One page of rows as they are shown; ``following`` as ``parameter`` asks for the next one."""
    rows_encoded: list[bytes] = []
    for start in range(0, len(rows), TOGETHER):
        if start:
            await request.app[READS].give_way()
        rows_encoded += [answers.encode(row) for row in rows[start : start + TOGETHER]]
    return _answer(request, name, rows_encoded, parameter, following, more)


def _answer(
    request: web.Request, name: str, rows_encoded: Sequence[bytes], parameter: str, following: str | None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:  # fmt: skip
    headers = {"Vary": "Accept"}
    if following:
        headers["Link"] = f'<{request.rel_url.update_query({parameter: following})}>; rel="next"'
    if lines := lines_asked(request):
        body = b"".join(row + b"\n" for row in rows_encoded)
        return answers.with_etag(request, web.Response(body=body, headers=headers, content_type=lines))
    rest = answers.encode({"next": following, **(more or {})})
    body = b'{"%b":[%b],%b' % (name.encode(), b",".join(rows_encoded), rest[1:])
    return answers.with_etag(request, web.Response(body=body, headers=headers, content_type="application/json"))
