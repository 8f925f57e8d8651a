"""Which format a client asks for by ``Accept`` (RFC 9110 §12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from collector.web.problems import NotAcceptable

MEDIA = {
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "confluence": "application/xml; charset=utf-8",
    "archive": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}
"""The media type of each format a postmortem may have."""


LINES = ("application/x-ndjson", "application/jsonl")
"""What asks for a list as JSON Lines."""


def lines_asked(request: web.Request) -> str:
    """The media type by which a client asks for a list as JSON Lines; empty where it would rather have JSON."""
    ranges = _ranges(request)
    best = max(LINES, key=lambda media: _weight(media, ranges))
    return best if _weight(best, ranges) > _weight(MEDIA["json"], ranges) else ""


def accepted(request: web.Request, offered: Sequence[str]) -> str:
    """The format a client prefers; among equals, the one offered first."""
    ranges = _ranges(request)
    best = max(offered, key=lambda form: _weight(MEDIA[form].partition(";")[0], ranges), default="")
    if not best or _weight(MEDIA[best].partition(";")[0], ranges) <= 0:
        media = ", ".join(MEDIA[form].partition(";")[0] for form in offered)
        raise NotAcceptable(f"cannot render a postmortem in a format that was asked for; there is {media}")
    return best


def _ranges(request: web.Request) -> list[tuple[str, float]]:
    return [_range(part) for line in request.headers.getall("Accept", ["*/*"]) for part in line.split(",")]


def _range(part: str) -> tuple[str, float]:
    """A media range and its weight."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
    return media, float(weight) if weight.isascii() and weight.replace(".", "", 1).isdigit() else 0.0


def _weight(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How much a client wants a media type: the most specific range that fits decides."""
    family = media.partition("/")[0] + "/*"
    for fitting in (media, family, "*/*"):
        weights = [weight for name, weight in ranges if name == fitting]
        if weights:
            return max(weights)
    return 0.0
