"""A postmortem as a page of Confluence: Cloud by version 2 of its API, Data Center by ``/rest/api/content``.

https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/
https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/

The page is found by its id, and written over only at the version that was read. The wiki adds markup of its own to what
it stores, so what a page says is compared, and not its bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from collector.errors import InvalidInput, NotFound, Unavailable
from collector.publishing.calls import Conflict, HostApi
from collector.publishing.storage import shortened, words_of
from collector.publishing.targets import Target
from collector.publishing.values import Article, Copy, Edited, digest

_TITLE = 255
"""Characters that a title may have."""
MOST = 5 << 20
"""Bytes of a page's body that are sent: above it editors of the wiki no longer open it."""


class WikiPlace:
    """One space of a wiki."""

    def __init__(self, target: Target) -> None:
        self._target, self._cloud = target, target.edition == "cloud"
        token = target.token()
        pair = base64.b64encode(f"{target.username}:{token}".encode()).decode()
        authorization = f"Basic {pair}" if target.username else f"Bearer {token}"
        self._api = HostApi(target.api_url, {"Authorization": authorization} if token else {}, target.timeout)

    async def read(self, location: Mapping[str, str]) -> Copy | None:
        """What the page says now; None where there is none."""
        found = await self._page(location.get("page", ""))
        return None if found is None else self._copy(found)

    async def write(self, article: Article, location: Mapping[str, str], last_digest: str) -> Copy:
        """Write the page, unless somebody edited it since it had the digest ``last_digest``."""
        before = await self._page(location.get("page", ""))
        if before is not None and self._copy(before).digest != last_digest:
            raise Edited(f"page {location['page']}")
        try:
            page = await self._put(article, before)
        except Conflict as error:
            raise Unavailable(f"{error}: somebody wrote the page meanwhile, or another one has its title") from error
        current = await self.read({"page": str(page.get("id", ""))})
        text, cut = self.text(article)
        if current is None or current.digest != digest(text):
            raise InvalidInput("cannot publish: the page does not say what was written; look at it there", "target")
        return msgspec.structs.replace(current, text=text, cut=cut)

    async def request(self, article: Article, location: Mapping[str, str]) -> str:
        """Nothing is to be merged."""
        return ""

    def text(self, article: Article) -> tuple[str, int]:
        """What the page is to say, and how much of it is left out."""
        body, cut = shortened(article.page, MOST, article.address)
        return words_of(body), cut

    def locate(self, article: Article, location: Mapping[str, str]) -> Mapping[str, str]:
        """The page's id, where there is one."""
        return {"page": location["page"]} if location.get("page") else {}

    async def _page(self, page: str) -> Mapping[str, Any] | None:
        if not page:
            return None
        path = f"/api/v2/pages/{quote(page, safe='')}" if self._cloud else f"/rest/api/content/{quote(page, safe='')}"
        query = {"body-format": "storage"} if self._cloud else {"expand": "body.storage,version"}
        try:
            return _object(await self._api.call("GET", path, query=query))
        except NotFound:
            return None

    async def _put(self, article: Article, before: Mapping[str, Any] | None) -> Mapping[str, Any]:
        body, _ = shortened(article.page, MOST, article.address)
        title = f"Postmortem {self._target.called(article.number)}: {article.title}"[:_TITLE]
        storage = {"value": body, "representation": "storage"}
        page: dict[str, Any] = {"title": title}
        if before is not None:
            number = {"number": int(_object(before.get("version", {})).get("number", 0)) + 1}
            page |= {"id": str(before["id"]), "version": number}
        if self._cloud:
            page |= {"status": "current", "body": storage}
            if before is not None:
                return _object(await self._api.call("PUT", f"/api/v2/pages/{page['id']}", page))
            page |= {"spaceId": await self._space()} | (
                {"parentId": self._target.parent} if self._target.parent else {}
            )
            return _object(await self._api.call("POST", "/api/v2/pages", page))
        page |= {"type": "page", "body": {"storage": storage}}
        if before is not None:
            return _object(await self._api.call("PUT", f"/rest/api/content/{page['id']}", page))
        page |= {"space": {"key": self._target.space}}
        page |= {"ancestors": [{"id": self._target.parent}]} if self._target.parent else {}
        return _object(await self._api.call("POST", "/rest/api/content", page))

    async def _space(self) -> str:
        """The id of the space, which version 2 asks for in place of its key."""
        spaces = _object(await self._api.call("GET", "/api/v2/spaces", query={"keys": self._target.space})).get(
            "results"
        )
        if not isinstance(spaces, list) or not spaces:
            raise NotFound(f"cannot publish: the wiki shows no space {self._target.space}; correct space", "target")
        return str(_object(spaces[0]).get("id", ""))

    def _copy(self, page: Mapping[str, Any]) -> Copy:
        body = _object(_object(page.get("body", {})).get("storage", {})).get("value")
        links = _object(page.get("_links", {}))
        base, path = links.get("base") or self._target.api_url, links.get("webui") or ""
        return Copy(
            text=words_of(body if isinstance(body, str) else ""), body=body if isinstance(body, str) else "",
            revision=str(_object(page.get("version", {})).get("number", "")),
            url=f"{base}{path}", location={"page": str(page.get("id", ""))},
        )  # fmt: skip


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput("cannot publish: the wiki's answer is no object; correct the address of its API", "target")
    return value
