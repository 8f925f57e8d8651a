"""Where senders deliver.

Nothing is asked of a delivery but its bytes: a source's adapter says whether
they are authentic and what they mean, whatever Content-Type they carry. The
answer comes after the commit.
"""

from __future__ import annotations

import logging

import structlog
from aiohttp import web

from collector.log import Receipt
from collector.web import answers
from collector.web.keys import CLOCK, INTAKE
from collector.web.reads import READS
from collector.web.requests import headers_of, incoming

routes = web.RouteTableDef()
log = structlog.get_logger(__name__)
_quiet = logging.getLogger(__name__)

# Any name at all, braces too: what is no source's name must get the same answer as a source that is not there.
ADDRESS = "/webhooks/{source:[^/]+}"
SECRET_ADDRESS = ADDRESS + "/{token:[^/]+}"

_METHODS = {"Allow": "POST, OPTIONS"}


@routes.post(ADDRESS)
@routes.post(SECRET_ADDRESS)
async def receive(request: web.Request) -> web.Response:
    """Take one delivery: 202 once it is stored, 200 where all of it was known, or with what its sender asked for."""
    app, match_info = request.app, request.match_info
    headers, length, token = headers_of(request), request.content_length, match_info.get("token", "")
    reads = app[READS]
    reads.webhooks += 1
    try:
        receipt = await app[INTAKE].take(
            match_info["source"], headers, incoming(request), token, app[CLOCK], length=length
        )
    finally:
        reads.webhooks -= 1
    if _quiet.isEnabledFor(logging.DEBUG):
        events = [told.event_id for told in receipt.items]
        log.debug("stored a delivery", source=match_info["source"], delivery=receipt.delivery, events=events)
    if receipt.answer:
        return web.Response(text=receipt.answer)
    return answers.json(answers.receipt(receipt), status=status_of(receipt))


def status_of(receipt: Receipt) -> int:
    """What a stored delivery is answered."""
    return 200 if receipt.nothing_new else 202


@routes.options(ADDRESS)
@routes.options(SECRET_ADDRESS)
async def allow(request: web.Request) -> web.Response:
    """Consent to deliveries, as the webhook profile of CloudEvents asks before it sends any.

    The same for every source, known or not. Consent opens nothing: each delivery proves itself. A callback address
    that a request may carry is not called.
    """
    if "WebHook-Request-Origin" not in request.headers:
        return web.Response(status=204, headers=_METHODS)
    consent = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}
    return web.Response(status=200, headers=_METHODS | consent)
