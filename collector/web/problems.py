"""One table from error to answer, and one shape for every error body (RFC 9457).

Handlers raise; this room answers. A body says what was attempted, what was
found and what to do; it never holds a traceback, a secret or the bytes that
were refused. What nobody foresaw is logged whole and answered in one sentence:
503 to a sender of webhooks, who then comes again, and 500 to anybody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collector.errors import (
    InvalidInput,
    LogDamaged,
    MalformedWebhook,
    NotFound,
    NotPermitted,
    TimelinedError,
    TooLarge,
    Unavailable,
    UnsupportedEncoding,
    UnverifiedWebhook,
)
from collector.publishing.values import Edited
from collector.telemetry.masking import names_webhooks
from collector.web import refused
from collector.web.answers import encode
from collector.web.keys import LIMITS, NAMED
from collector.web.places import is_api, is_page
from collector.web.prefix import requested_path

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
"""Of every error's body, and of nothing else."""
LONGEST = 1000
"""Characters of a detail; a longer one is cut."""


class Unauthorised(TimelinedError):
    """The API asks for a token or a password, and none or a wrong one was given; ``basic``: passwords are known."""

    def __init__(self, message: str, *, basic: bool = False) -> None:
        super().__init__(message)
        self.basic = basic


class Misdirected(TimelinedError):
    """A name that is not this machine's: perhaps a foreign page in a browser (DNS rebinding)."""


class CrossSite(TimelinedError):
    """A browser sends it for a page of another site."""


class OtherSession(TimelinedError):
    """A form comes from a page that was shown to who had another token."""


class NotAllowed(TimelinedError):
    """Who asks is known, and may not do this."""


class NotEnabled(TimelinedError):
    """The configuration does not let anybody ask for this over HTTP."""


class NotAcceptable(TimelinedError):
    """No format that is offered was asked for."""


class InvalidParameter(InvalidInput):
    """A parameter, a header or the syntax of a body cannot be read."""


class Ambiguous(InvalidInput):
    """A short name fits several things."""


class Outdated(TimelinedError):
    """What a client would write over is newer than what it read."""


class Unconditional(TimelinedError):
    """A client would write over a text without saying which one it read."""


class UnsupportedMedia(TimelinedError):
    """A body of a kind that is not taken here."""


class ProblemKind(NamedTuple):
    """A sort of problem: the status, the last part of its ``type``, and its title."""

    status: int
    name: str
    title: str


UNVERIFIED = ProblemKind(401, "unverified", "The sender could not be authenticated")
UNAVAILABLE = ProblemKind(503, "unavailable", "Nothing can be stored or read now")
UNEXPECTED = ProblemKind(500, "unexpected", "Something went wrong here")
NOT_HTTP = ProblemKind(400, "not-http", "The request is not HTTP")
INVALID = ProblemKind(422, "invalid", "The request says something that cannot be taken")

KINDS: Mapping[type[Exception], ProblemKind] = {
    UnverifiedWebhook: UNVERIFIED,
    Unauthorised: ProblemKind(401, "unauthorised", "The API asks for a token or a password"),
    MalformedWebhook: ProblemKind(400, "malformed", "The body is not what it should be"),
    NotPermitted: ProblemKind(403, "not-permitted", "The database does not allow it"),
    NotAllowed: ProblemKind(403, "not-allowed", "The token does not allow it"),
    NotEnabled: ProblemKind(403, "not-enabled", "The configuration does not allow it"),
    NotFound: ProblemKind(404, "not-found", "There is no such thing"),
    InvalidParameter: ProblemKind(400, "invalid-parameter", "The request cannot be read"),
    Ambiguous: ProblemKind(409, "ambiguous", "The name fits several things"),
    InvalidInput: INVALID,
    CrossSite: ProblemKind(403, "cross-site", "A page of another site may not do this"),
    OtherSession: ProblemKind(403, "other-session", "Another token opened this form"),
    Misdirected: ProblemKind(421, "misdirected", "This is not the host that was asked for"),
    NotAcceptable: ProblemKind(406, "not-acceptable", "None of the offered formats was asked for"),
    UnsupportedMedia: ProblemKind(415, "unsupported-media", "The body's type is not taken here"),
    UnsupportedEncoding: ProblemKind(415, "unsupported-encoding", "The body's encoding is not taken here"),
    Outdated: ProblemKind(412, "outdated", "There is a newer text"),
    Edited: ProblemKind(409, "edited-there", "Somebody edited it where it is published"),
    Unconditional: ProblemKind(428, "unconditional", "The request does not say what it was made from"),
    TooLarge: ProblemKind(413, "too-large", "The body is too large"),
    Unavailable: UNAVAILABLE,
    LogDamaged: UNAVAILABLE,
}
"""Error → what is answered. The nearest class of an error decides."""

DETAILS: Mapping[int, str] = {
    400: "The bytes are not an HTTP/1.1 request as RFC 9112 writes it, or a line or header is too long.",
    403: "The certificate that the client shows names none of those that are let in.",
    404: "Nothing answers at this address; GET / lists what there is.",
    405: "This address does not take that method; see the Allow header.",
    413: "The body is larger than this address takes.",
    417: "Of expectations, only 100-continue is met here.",
}
"""What is said where aiohttp refuses a request before any handler sees it. None of these repeats the request."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    """Where it happened: the path; for webhooks, one and the same text whatever the source."""
    errors: Sequence[Mapping[str, str]] = ()
    """The places that were refused: ``pointer`` (a parameter, a field, a byte) and ``detail``."""


def problem(
    kind: ProblemKind,
    detail: str,
    *,
    instance: str = "/",
    pointer: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An error answer."""
    shortened = detail if len(detail) <= LONGEST else detail[: LONGEST - 1] + "…"
    body = Problem(
        type=f"urn:timelined:problem:{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=shortened,
        instance=instance,
        errors=({"pointer": pointer, "detail": shortened},) if pointer else (),
    )
    return web.Response(body=encode(body), status=kind.status, headers=headers, content_type=MEDIA_TYPE)


def answer(
    error: Exception, instance: str, *, from_sender: bool = False, retry_after: int = 5, log_name: str = ""
) -> web.Response:
    """The answer to an error, by the table. ``from_sender`` is whether a webhook was being taken, ``log_name`` which
    log was asked, where there are several."""
    if isinstance(error, web.HTTPException):
        return from_http(error, instance)
    kind = next((KINDS[known] for known in type(error).__mro__ if known in KINDS), None)
    if kind is None:
        # The one place where a traceback is written: nobody foresaw this, and nobody else will report it.
        log.error("cannot answer a request to %s: %s", instance, type(error).__name__, exc_info=error)
        kind = UNAVAILABLE if from_sender else UNEXPECTED
    return problem(
        kind,
        _detail(error, kind, log_name),
        instance=instance,
        pointer=_pointer(error),
        headers=_headers(error, kind, retry_after),
    )


def title_of(error: Exception) -> str:
    """The title of what an error is answered with."""
    if isinstance(error, web.HTTPException):
        return HTTPStatus(error.status).phrase
    kind = next((KINDS[known] for known in type(error).__mro__ if known in KINDS), UNAVAILABLE)
    return kind.title


def from_http(error: web.HTTPException, instance: str = "/") -> web.Response:
    """What aiohttp says by raising (404, 405, 413 …), in our shape and without its words."""
    status = HTTPStatus(error.status)
    allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    kind = ProblemKind(error.status, status.phrase.lower().replace(" ", "-"), status.phrase)
    detail = DETAILS.get(error.status, status.description or status.phrase)
    return problem(kind, detail, instance=instance, headers=allowed)


def instance_of(request: web.BaseRequest) -> str:
    """Where a request went: its path (percent-encoded, so ASCII) if it is one of ours, a constant elsewhere.

    A mistyped address of a webhook may hold its secret anywhere.
    """
    path = request.rel_url.raw_path
    if names_webhooks(path):
        return "/webhooks"
    return requested_path(request) if is_api(path) or is_page(path) or path.startswith(_OURS) else "/"


_OURS = ("/-/", "/metrics", "/static/", "/login", "/logout")


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever a handler raises, by the table."""
    try:
        return await handler(request)
    except Exception as error:
        from_sender = request.path.startswith("/webhooks/")
        patience = request.app[LIMITS].retry_after
        log_name = request.app.get(NAMED, "")
        response = answer(error, instance_of(request), from_sender=from_sender, retry_after=patience, log_name=log_name)
        if from_sender:
            refused.note(request, request.app, error, response.status, title_of(error))
        return closing_if_needed(response, request)


def closing_if_needed(response: web.Response, request: web.Request) -> web.Response:
    """An error answer, and whether its connection goes on."""
    if response.status in (413, 503) and request.method not in ("GET", "HEAD"):
        # What is still to come of the body is not wanted; the sender's next try is another connection.
        response.force_close()
    return response


_OF_A_LOG = frozenset({NotFound, Ambiguous, InvalidInput, Edited})
"""What is refused because of what a log has, or lacks: numbers and short names of events are each log's own. A request
that cannot be read is the same in each."""


def _detail(error: Exception, kind: ProblemKind, log_name: str) -> str:
    """The sentence: our own errors speak for themselves, anything else says nothing of its cause."""
    if kind is UNVERIFIED:
        return "The source is unknown, or its credentials are missing or wrong; the daemon's log says which."
    if log_name and type(error) in _OF_A_LOG:
        return f"{error}; the log asked is {log_name}"
    if isinstance(error, TimelinedError):
        return str(error)
    if kind is UNAVAILABLE:
        return "The delivery could not be taken now; send it again."
    return "This is a mistake of timelined's own; its log has it whole."


def _pointer(error: Exception) -> str:
    if isinstance(error, MalformedWebhook):
        return error.position
    return error.pointer if isinstance(error, InvalidInput) else ""


def _headers(error: Exception, kind: ProblemKind, retry_after: int) -> dict[str, str]:
    if kind.status == 503:
        least = error.retry_after if isinstance(error, Unavailable) else 1
        return {"Retry-After": str(max(least, retry_after))}
    if kind.status == 401:
        # A browser asks its user for a password where it is told that there are some.
        basic = ', Basic realm="timelined", charset="UTF-8"' if isinstance(error, Unauthorised) and error.basic else ""
        return {"WWW-Authenticate": f'Bearer realm="timelined"{basic}'}
    return {}
