"""A postmortem as a file in a Git repository: a commit on a branch, pushed, and a request to merge it where wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from collector.errors import InvalidInput, Unavailable
from collector.publishing.forges import Forge
from collector.publishing.program import PushRejected, Repository, repository
from collector.publishing.targets import Target
from collector.publishing.values import Article, Copy, Edited, digest

_TRIES = 3
_OTHER = re.compile(r"[^a-z0-9]+")


class GitPlace:
    """A repository, by its branch and folder."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def read(self, location: Mapping[str, str]) -> Copy | None:
        """What stands there now; None where nothing does."""
        async with repository(self._target) as work_tree:
            return (await self._state(work_tree, location))[1]

    async def write(self, article: Article, location: Mapping[str, str], written_digest: str) -> Copy:
        """Commit and push it, unless somebody edited it since it had the digest ``written_digest``."""
        for _ in range(_TRIES):
            try:
                async with repository(self._target) as work_tree:
                    return await self._write(work_tree, article, self.locate(article, location), written_digest)
            except PushRejected as error:
                refused = error
        raise refused

    async def request(self, article: Article, location: Mapping[str, str]) -> str:
        """The address of the request to merge it, opened where there is none; empty where none is wanted."""
        if not self._target.forge:
            return ""
        title = f"Postmortem of incident {self._target.called(article.number)}: {article.title}"[:250]
        where = f"\n\n{article.address}" if article.address else ""
        called = self._target.called(article.number)
        told = f"The postmortem of incident {called}, as timelined wrote it from its events.{where}"
        return await Forge(self._target).request(location["branch"], self._target.branch, title, told)

    def text(self, article: Article) -> tuple[str, int]:
        """What the file is to say, and how much of it is left out: nothing."""
        return article.front + article.text, 0

    def locate(self, article: Article, location: Mapping[str, str]) -> Mapping[str, str]:
        """The path and the branch: those of before, or new ones."""
        slug = _OTHER.sub("-", article.title.casefold()).strip("-")[:60].strip("-")
        name = f"{article.number:04d}-{slug}.md" if slug else f"{article.number:04d}.md"
        parts = (self._target.folder.strip("/"), self._target.log, article.date[:4], name)
        path = "/".join(part for part in parts if part)
        own = "-".join(part for part in (self._target.log, "incident", str(article.number)) if part)
        branch = f"timelined/{own}" if self._target.forge else self._target.branch
        return {"path": location.get("path") or path, "branch": branch}

    async def _state(self, work_tree: Repository, location: Mapping[str, str]) -> tuple[str, Copy | None]:
        """The commit to go on from, and the file in it: of the branch, else of that which it is to be merged into."""
        heads = await work_tree.heads(location["branch"], self._target.branch)
        branch = next((name for name in (location["branch"], self._target.branch) if name in heads), "")
        if not branch:
            return "", None
        commit = await work_tree.fetch(branch)
        text = await work_tree.file(commit, location["path"])
        return commit, None if text is None else Copy(text=text, revision=commit, location=location)

    async def _write(self, work_tree: Repository, article: Article, location: Mapping[str, str], known: str) -> Copy:
        parent, before = await self._state(work_tree, location)
        if before is not None and before.digest != known:
            raise Edited(f"{location['path']} in {work_tree.address}")
        text, _ = self.text(article)
        message = f"Publish the postmortem of incident {self._target.called(article.number)}\n\n{article.title}\n"
        commit = await work_tree.commit(parent, location["path"], text, message, article.by)
        await work_tree.push(commit, location["branch"])
        head = (await work_tree.heads(location["branch"])).get(location["branch"])
        if head != commit:
            raise Unavailable(
                f"cannot publish: {location['branch']} in {work_tree.address} was pushed as {commit} and is {head}"
            )
        read = await work_tree.file(commit, location["path"])
        if read is None or digest(read) != digest(text):
            raise InvalidInput(
                f"cannot publish: {location['path']} in {work_tree.address} does not say what was pushed", "target"
            )
        return Copy(text=text, revision=commit, location=location)
