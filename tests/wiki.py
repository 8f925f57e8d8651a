"""A stand-in for Confluence, Cloud and Data Center: strict XML, versions by one, each title once, its own markup."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from aiohttp import web

TOKEN = "a made-up token of a wiki"
_ROOT = '<page xmlns:ac="urn:ac" xmlns:ri="urn:ri">'


class FakeConfluence:
    """One space, ``OPS``; what it stores it stores with markup of its own."""

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, Any]] = {}

    def app(self) -> web.Application:
        """What answers."""
        app = web.Application(middlewares=[self._guard], client_max_size=8 << 20)
        app.router.add_get("/api/v2/spaces", self._spaces)
        for path in ("/api/v2/pages", "/rest/api/content"):
            app.router.add_post(path, self._create)
            app.router.add_get(path + "/{page}", self._read)
            app.router.add_put(path + "/{page}", self._update)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        cloud = request.path.startswith("/api/v2")
        sent = request.headers.get("Authorization", "")
        if not sent.startswith("Basic " if cloud else f"Bearer {TOKEN}"):
            return web.json_response({"message": "no"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _spaces(self, request: web.Request) -> web.Response:
        known = [{"id": "77", "key": "OPS"}] if request.query["keys"] == "OPS" else []
        return web.json_response({"results": known})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("spaceId") != "77" and body.get("space") != {"key": "OPS"}:
            return web.json_response({"message": "no such space"}, status=404)
        if any(page["title"] == body["title"] for page in self.pages.values()):
            return web.json_response({"message": "A page with this title already exists"}, status=400)
        return self._kept(str(len(self.pages) + 1), body, 1)

    async def _update(self, request: web.Request) -> web.Response:
        page, body = request.match_info["page"], await request.json()
        if body["version"]["number"] != self.pages[page]["version"]["number"] + 1:
            return web.json_response({"message": "Version must be incremented"}, status=409)
        return self._kept(page, body, body["version"]["number"])

    def _kept(self, page: str, payload: dict[str, Any], version: int) -> web.Response:
        body = payload["body"].get("storage", payload["body"])
        try:
            expat.ParserCreate("UTF-8").Parse(f"{_ROOT}{body['value']}</page>".encode(), True)
        except expat.ExpatError as error:
            return web.json_response({"message": f"Error parsing xhtml: {error}"}, status=400)
        self.pages[page] = {"id": page, "title": payload["title"], "version": {"number": version}}
        self.edit(page, body["value"], version)
        return web.json_response(self.pages[page])

    def edit(self, page: str, value: str, version: int) -> None:
        """What a page says from now on, as the editor stores it."""
        stored = value.replace("<p>", '<p local-id="x">').replace(" - ", "&nbsp;- ").replace("\n", "")
        links = {"base": "https://wiki.example", "webui": f"/spaces/OPS/pages/{page}"}
        body = {"storage": {"value": stored, "representation": "storage"}}
        self.pages[page] |= {"body": body, "version": {"number": version}, "_links": links}

    async def _read(self, request: web.Request) -> web.Response:
        found = self.pages.get(request.match_info["page"])
        return web.json_response(found) if found else web.json_response({"message": "none"}, status=404)
