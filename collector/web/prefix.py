"""Below a path of our own: it is taken off each request's address before anybody looks at it, and put on each link.

So all else knows one set of addresses, whatever stands before them.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from aiohttp import web

Factory = Callable[..., web.BaseRequest]
_PREFIX: web.RequestKey[str] = web.RequestKey("prefix", str)
_OUTSIDE: web.RequestKey[str] = web.RequestKey("outside", str)


def within(prefix: str, factory: Factory) -> Factory:
    """What makes requests, each without this prefix; one that has it not is :func:`outside`."""
    if not prefix:
        return factory

    def made(*arguments: Any) -> web.BaseRequest:
        request = factory(*arguments)
        path = request.rel_url.raw_path
        inside = path == prefix or path.startswith(f"{prefix}/")
        if inside:
            inner = path.removeprefix(prefix) or "/"
            request = request.clone(rel_url=request.rel_url.with_path(inner, encoded=True, keep_query=True))
        request[_PREFIX if inside else _OUTSIDE] = prefix
        return request

    return made


def outside(request: web.BaseRequest) -> str | None:
    """The prefix that a request's address does not have; None where all is well."""
    return request.get(_OUTSIDE)


def asked(request: web.BaseRequest) -> str:
    """The path that was asked for, percent-encoded, with the prefix."""
    return (request.get(_PREFIX) or "") + request.rel_url.raw_path


def lead(headers: MutableMapping[str, str], root: str) -> None:
    """Have the links of an answer's headers begin as our addresses do for whoever reads them."""
    if headers.get("Location", "").startswith("/"):
        headers["Location"] = root + headers["Location"]
    if headers.get("Link", "").startswith("</"):
        headers["Link"] = f"<{root}{headers['Link'][1:]}"
