"""A browser is not a sender: what a page of another site makes it send is told apart here.

A page may have its visitor's browser post plain text to any address, that of a
daemon on the visitor's own machine included, and nobody asks the visitor.
Browsers say so in headers that no page can set or leave out; programs send
neither of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names under which a daemon bound to loopback is always asked."""

_PORTS = {"http": 80, "https": 443}


def foreign_page(headers: Mapping[str, str]) -> str:
    """The header that shows that a page of another origin sends this; empty where none does.

    ``headers`` have names in lower case.
    """
    # "none" is what a person typed or bookmarked. A page of another port is of the same site, and foreign all the same.
    if headers.get("sec-fetch-site", "none").strip().lower() not in ("same-origin", "none"):
        return "Sec-Fetch-Site"
    origin = headers.get("origin")
    if origin is not None and not _is_same(origin.strip(), headers.get("host", "").strip()):
        return "Origin"
    return ""


def is_ours(host: str | None, names: Collection[str]) -> bool:
    """Whether a ``Host`` header has a local name or one of ``names``, in lower case and without ports.

    An absent one is ours: programs of HTTP/1.0 send none, and browsers always do.
    """
    if host is None:
        return True
    name, colon, port = host.rpartition(":")
    name = (name if colon and port.isascii() and port.isdigit() else host).lower()
    return name in LOCAL_NAMES or name in names


def _is_same(origin: str, host: str) -> bool:
    """Whether an origin is the very place that was asked; a proxy in between may speak TLS where we do not."""
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        port = _PORTS[page.scheme]
        return bool(page.hostname) and (page.hostname, page.port or port) == (here.hostname, here.port or port)
    except (ValueError, KeyError):
        return False
