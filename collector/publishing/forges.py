"""The APIs of GitHub, GitLab and Gitea, as far as publishing asks: requests to merge, and comments on issues.

https://docs.github.com/en/rest/pulls/pulls, https://docs.github.com/en/rest/issues/comments,
https://docs.gitlab.com/api/merge_requests/, https://docs.gitlab.com/api/notes/, https://docs.gitea.com/api/1.24/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from collector.errors import InvalidInput
from collector.publishing.calls import HostApi
from collector.publishing.targets import Target


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of forge is asked."""

    authorization: tuple[str, str]
    """The header that carries the token, and what stands before it."""
    requests: str
    """The path of the requests to merge."""
    comments: str
    """The path of the comments on an issue."""
    comment: str
    """The path of one comment."""
    update: str
    """The method that changes a comment."""
    most: int
    """Characters that a comment may have."""


WAYS: Mapping[str, Way] = {
    # The error speaks of 65,536 characters, and 262,144 bytes are taken: within the first it is within both.
    "github": Way(
        authorization=("Authorization", "Bearer "), requests="/repos/{project}/pulls", update="PATCH", most=65_536,
        comments="/repos/{project}/issues/{issue}/comments", comment="/repos/{project}/issues/comments/{comment}",
    ),
    "gitlab": Way(
        authorization=("PRIVATE-TOKEN", ""), requests="/projects/{id}/merge_requests", update="PUT", most=1_000_000,
        comments="/projects/{id}/issues/{issue}/notes", comment="/projects/{id}/issues/{issue}/notes/{comment}",
    ),
    "gitea": Way(
        authorization=("Authorization", "token "), requests="/repos/{project}/pulls", update="PATCH", most=65_536,
        comments="/repos/{project}/issues/{issue}/comments", comment="/repos/{project}/issues/comments/{comment}",
    ),
}  # fmt: skip


class Forge:
    """One project at a forge."""

    def __init__(self, target: Target) -> None:
        self._target, self.way = target, WAYS[target.forge]
        token, (header, before) = target.token(), self.way.authorization
        self._api = HostApi(target.api_url, {header: before + token} if token else {}, target.timeout)

    async def request(self, branch: str, base: str, title: str, text: str) -> str:
        """The address of the open request to merge a branch; one is opened where there is none."""
        gitlab = self._target.forge == "gitlab"
        owner = self._target.project.partition("/")[0]
        query = (
            {"source_branch": branch, "state": "opened"} if gitlab else {"head": f"{owner}:{branch}", "state": "open"}
        )
        path = self._path(self.way.requests)
        found = await self._api.call("GET", path, query=query)
        for each in found if isinstance(found, list) else ():
            if _branch_of(each) == branch:
                return _address(each)
        names = ("source_branch", "target_branch", "description") if gitlab else ("head", "base", "body")
        said = dict(zip(names, (branch, base, text), strict=True)) | {"title": title}
        return _address(await self._api.call("POST", path, said))

    async def comment(self, issue: str, comment: str) -> Mapping[str, Any]:
        """A comment as the forge tells it."""
        return _object(await self._api.call("GET", self._path(self.way.comment, issue, comment)))

    async def write(self, issue: str, comment: str, text: str) -> Mapping[str, Any]:
        """Write a comment on an issue: a new one, or over one that there is."""
        if comment:
            comment_written = await self._api.call(
                self.way.update, self._path(self.way.comment, issue, comment), {"body": text}
            )
        else:
            comment_written = await self._api.call("POST", self._path(self.way.comments, issue), {"body": text})
        return _object(comment_written)

    def _path(self, path: str, issue: str = "", comment: str = "") -> str:
        project = self._target.project
        return path.format(id=quote(project, safe=""), project=quote(project), issue=quote(issue, safe=""),
                           comment=quote(comment, safe=""))  # fmt: skip


def _branch_of(request: Any) -> str:
    head = request.get("source_branch") or (request.get("head") or {}).get("ref")
    return head if isinstance(head, str) else ""


def _address(request: Any) -> str:
    found = _object(request)
    address = found.get("html_url") or found.get("web_url")
    return address if isinstance(address, str) else ""


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput("cannot publish: the forge's answer is no object; correct the address of its API", "target")
    return value
