"""Files of ours that pages load: nothing in them is anybody's, so they need no token."""

from __future__ import annotations

from aiohttp import web

from collector.web.pages import rendering

routes = web.RouteTableDef()

_MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.Response:
    """One file, to be kept for as long as its address holds: the address changes with its content."""
    name = request.match_info["name"]
    file = rendering.files(request.app).get(name)
    if file is None:
        raise web.HTTPNotFound
    body, digest = file
    response = web.Response(body=body, content_type=_MEDIA[name.rpartition(".")[2]], charset="utf-8")
    fresh = request.query.get("v") == digest
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"
    response.enable_compression()
    return response
