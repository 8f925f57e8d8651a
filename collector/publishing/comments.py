"""A postmortem as a comment on an issue, the same one each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.errors import InvalidInput, NotFound
from collector.publishing.forges import Forge
from collector.publishing.targets import Target
from collector.publishing.values import Article, Copy, Edited, digest, fitted


class CommentPlace:
    """The issues of one project."""

    def __init__(self, target: Target) -> None:
        self._forge = Forge(target)

    async def read(self, place: Mapping[str, str]) -> Copy | None:
        """What the comment says now; None where there is none."""
        if not place.get("comment"):
            return None
        try:
            return _copy(await self._forge.comment(place["issue"], place["comment"]), place)
        except NotFound:
            return None

    async def write(self, article: Article, place: Mapping[str, str], known: str) -> Copy:
        """Write the comment, unless somebody edited it since it had the digest ``known``."""
        before = await self.read(place)
        if before is not None and before.digest != known:
            raise Edited(f"the comment {before.url or place['comment']}")
        text, cut = self.text(article)
        told = await self._forge.write(place["issue"], place["comment"] if before is not None else "", text)
        stands = await self.read({**place, "comment": str(told.get("id", ""))})
        if stands is None or stands.digest != digest(text):
            raise InvalidInput("cannot publish: the comment does not say what was written; look at it there", "target")
        return Copy(text=text, revision=stands.revision, url=stands.url, place=stands.place, cut=cut)

    async def request(self, article: Article, place: Mapping[str, str]) -> str:
        """Nothing is to be merged."""
        return ""

    def text(self, article: Article) -> tuple[str, int]:
        """What the comment is to say within the forge's bound, and how much of it is left out."""
        return fitted(article.text, self._forge.way.most, article.plain, article.address)

    def place(self, article: Article, place: Mapping[str, str]) -> Mapping[str, str]:
        """The issue and the comment."""
        if not place.get("issue"):
            raise InvalidInput("cannot publish: no issue is named; name the one to comment on with --issue", "issue")
        return {"issue": place["issue"], "comment": place.get("comment", "")}


def _copy(told: Mapping[str, Any], place: Mapping[str, str]) -> Copy:
    body, url = told.get("body"), told.get("html_url") or ""
    return Copy(
        text=body if isinstance(body, str) else "", revision=str(told.get("updated_at", "")), url=str(url),
        place={**place, "comment": str(told.get("id", ""))},
    )  # fmt: skip
