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

    async def read(self, location: Mapping[str, str]) -> Copy | None:
        """What the comment says now; None where there is none."""
        if not location.get("comment"):
            return None
        try:
            return _copy(await self._forge.comment(location["issue"], location["comment"]), location)
        except NotFound:
            return None

    async def write(self, article: Article, location: Mapping[str, str], written_digest: str) -> Copy:
        """Write the comment, unless somebody edited it since it had the digest ``written_digest``."""
        before = await self.read(location)
        if before is not None and before.digest != written_digest:
            raise Edited(f"the comment {before.url or location['comment']}")
        text, cut = self.text(article)
        told = await self._forge.write(location["issue"], location["comment"] if before is not None else "", text)
        current = await self.read({**location, "comment": str(told.get("id", ""))})
        if current is None or current.digest != digest(text):
            raise InvalidInput("cannot publish: the comment does not say what was written; look at it there", "target")
        return Copy(text=text, revision=current.revision, url=current.url, location=current.location, cut=cut)

    async def request(self, article: Article, location: Mapping[str, str]) -> str:
        """Nothing is to be merged."""
        return ""

    def text(self, article: Article) -> tuple[str, int]:
        """What the comment is to say within the forge's bound, and how much of it is left out."""
        return fitted(article.text, self._forge.way.most, article.plain, article.address)

    def locate(self, article: Article, location: Mapping[str, str]) -> Mapping[str, str]:
        """The issue and the comment."""
        if not location.get("issue"):
            raise InvalidInput("cannot publish: no issue is named; name the one to comment on with --issue", "issue")
        return {"issue": location["issue"], "comment": location.get("comment", "")}


def _copy(comment: Mapping[str, Any], location: Mapping[str, str]) -> Copy:
    body, url = comment.get("body"), comment.get("html_url") or ""
    return Copy(
        text=body if isinstance(body, str) else "", revision=str(comment.get("updated_at", "")), url=str(url),
        location={**location, "comment": str(comment.get("id", ""))},
    )  # fmt: skip
