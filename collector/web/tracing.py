"""Which request a line of the log is about: each line said while one is answered carries its id.

The id is the client's own ``X-Request-Id``, which then stands in the answer too, or one of ours. Each request is a line
at ``debug``, by the pattern of its address and never the address itself, which may hold a secret.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from time import perf_counter

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars, reset_contextvars

log = structlog.get_logger(__name__)
_quiet = logging.getLogger(__name__)

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_PROCESS = secrets.token_hex(3)
_number = itertools.count(1)


@web.middleware
async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request under its id."""
    given_id = request.headers.get(HEADER, "")
    has_id = bool(_GIVEN.fullmatch(given_id))
    begun = perf_counter()
    before = bind_contextvars(request=given_id if has_id else f"{_PROCESS}-{next(_number)}")
    try:
        response = await handler(request)
        if has_id:
            response.headers[HEADER] = given_id
        if _quiet.isEnabledFor(logging.DEBUG):
            milliseconds = round((perf_counter() - begun) * 1000, 1)
            log.debug("answered", method=request.method, code=response.status, ms=milliseconds)
    finally:
        reset_contextvars(**before)
    return response
