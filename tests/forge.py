"""A stand-in for GitHub: issues, their comments and pull requests, with the limits and refusals that it documents."""

from __future__ import annotations

from typing import Any

from aiohttp import web

TOKEN = "a made-up token"
MOST = 65_536
"""Characters that a comment may have: what its error speaks of."""


class FakeGitHub:
    """One repository, ``acme/postmortems``."""

    def __init__(self) -> None:
        self.comments: dict[int, dict[str, Any]] = {}
        self.pulls: list[dict[str, Any]] = []
        self.failing = 0
        """How many requests are answered 502 from now on."""
        self.asked: list[str] = []

    def app(self) -> web.Application:
        """What answers."""
        app = web.Application(middlewares=[self._guard])
        project = "/repos/acme/postmortems"
        app.router.add_post(f"{project}/issues/{{issue}}/comments", self._create)
        app.router.add_get(f"{project}/issues/comments/{{comment}}", self._read)
        app.router.add_patch(f"{project}/issues/comments/{{comment}}", self._update)
        app.router.add_get(f"{project}/pulls", self._list)
        app.router.add_post(f"{project}/pulls", self._open)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.failing:
            self.failing -= 1
            return web.json_response({"message": "bad gateway"}, status=502)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        if request.match_info["issue"] != "42":
            return web.json_response({"message": "Not Found"}, status=404)
        return await self._kept(request, len(self.comments) + 1, 201)

    async def _update(self, request: web.Request) -> web.Response:
        return await self._kept(request, int(request.match_info["comment"]), 200)

    async def _kept(self, request: web.Request, number: int, status: int) -> web.Response:
        body = (await request.json())["body"]
        if len(body) > MOST:
            errors = [{"message": "body is too long (maximum is 65536 characters)"}]
            return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)
        self.edit(number, body)
        return web.json_response(self.comments[number], status=status)

    def edit(self, number: int, body: str) -> None:
        """What a comment says from now on; line ends are those of a browser."""
        moment = f"2026-03-04T15:{len(self.asked) % 60:02d}:00Z"
        address = f"https://github.example/acme/postmortems/issues/42#issuecomment-{number}"
        self.comments[number] = {
            "id": number, "body": body.replace("\r\n", "\n").replace("\n", "\r\n"), "html_url": address,
            "updated_at": moment,
        }  # fmt: skip

    async def _read(self, request: web.Request) -> web.Response:
        found = self.comments.get(int(request.match_info["comment"]))
        return web.json_response(found) if found else web.json_response({"message": "Not Found"}, status=404)

    async def _list(self, request: web.Request) -> web.Response:
        head = request.query["head"].partition(":")[2]
        return web.json_response([each for each in self.pulls if each["head"]["ref"] == head])

    async def _open(self, request: web.Request) -> web.Response:
        body = await request.json()
        if any(each["head"]["ref"] == body["head"] for each in self.pulls):
            return web.json_response({"message": "A pull request already exists"}, status=422)
        address = f"https://github.example/acme/postmortems/pull/{len(self.pulls) + 1}"
        self.pulls.append({"head": {"ref": body["head"]}, "html_url": address, "title": body["title"]})
        return web.json_response(self.pulls[-1], status=201)
