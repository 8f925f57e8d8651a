"""Below a path of our own: it is taken off each request's address before anybody looks at it, and put on each link.

So all else knows one set of addresses, whatever stands before them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiohttp import web

Factory = Callable[..., web.BaseRequest]
Answer = Callable[[Any], Awaitable[web.StreamResponse]]
"""Answers a request: an application's handler."""
Find = Callable[[str], tuple[str, Answer] | None]
"""What to take off the beginning of an address, and who answers the rest; None: nothing, and whoever answers else."""
_PREFIX: web.RequestKey[str] = web.RequestKey("prefix", str)
_OUTSIDE: web.RequestKey[str] = web.RequestKey("outside", str)
_ANSWER: web.RequestKey[list[Answer]] = web.RequestKey("answer", list)


def within(prefix: str, factory: Factory, find: Find | None = None) -> Factory:
    """What makes requests, each without this prefix; one that has it not is :func:`outside`.

    ``find`` says of the address that is left which of several applications answers it.
    """
    if not prefix and find is None:
        return factory

    def request_within(*arguments: Any) -> web.BaseRequest:
        request = factory(*arguments)
        path = request.rel_url.raw_path
        if prefix and path != prefix and not path.startswith(f"{prefix}/"):
            request[_OUTSIDE] = prefix
            return request
        match = find(path.removeprefix(prefix) or "/") if find is not None else None
        cut = prefix + (match[0] if match is not None else "")
        if cut:
            inner = path.removeprefix(cut) or "/"
            request = request.clone(rel_url=request.rel_url.with_path(inner, encoded=True, keep_query=True))
            request[_PREFIX] = cut
        if match is not None:
            request[_ANSWER] = [match[1]]
        return request

    return request_within


def answerer(request: web.BaseRequest, otherwise: Answer) -> Answer:
    """Who answers a request, where one of several does."""
    return request[_ANSWER][0] if _ANSWER in request else otherwise


def outside(request: web.BaseRequest) -> str | None:
    """The prefix that a request's address does not have; None where all is well."""
    return request.get(_OUTSIDE)


def requested_path(request: web.BaseRequest) -> str:
    """The path that was asked for, percent-encoded, with the prefix."""
    return (request.get(_PREFIX) or "") + request.rel_url.raw_path


def lead(headers: MutableMapping[str, str], root: str) -> None:
    """Have the links of an answer's headers begin as our addresses do for whoever reads them."""
    if headers.get("Location", "").startswith("/"):
        headers["Location"] = root + headers["Location"]
    if headers.get("Link", "").startswith("</"):
        headers["Link"] = f"<{root}{headers['Link'][1:]}"
