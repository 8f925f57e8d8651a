"""Lists by pages: a cursor that stays true while the log grows, in the body and as a Link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from collector.web import answers

T = TypeVar("T")


def page(
    request: web.Request,
    name: str,
    rows: Sequence[T],
    limit: int,
    shown: Callable[[T], answers.Json],
    parameter: str,
    cursor: Callable[[T], str],
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """One page of a list. ``rows`` holds one row beyond ``limit`` where there is another page.

    ``cursor`` names the last row shown; given back as ``parameter`` it asks for what follows.
    """
    following = cursor(rows[limit - 1]) if len(rows) > limit else None
    return paged(request, name, [shown(row) for row in rows[:limit]], parameter, following, more)


def paged(
    request: web.Request, name: str, rows: Sequence[answers.Json], parameter: str, following: str | None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:  # fmt: skip
    """One page of rows as they are shown; ``following`` as ``parameter`` asks for the next one."""
    body = {name: list(rows), "next": following, **(more or {})}
    headers = {"Link": f'<{request.rel_url.update_query({parameter: following})}>; rel="next"'} if following else None
    return answers.json(body, headers=headers)
