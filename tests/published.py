"""A daemon that publishes: to a real Git repository, and to stand-ins for a forge and a wiki."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from collector.drafting.rendering import postmortem
from collector.event import Event
from collector.publishing.publisher import Publisher
from collector.publishing.targets import Target
from collector.web.keys import INTAKE, PUBLISHING
from renderers.edits import copy_taken_in, file_taken_in, renamed, stored
from tests import face as faces
from tests import wiki as wikis
from tests.conftest import require
from tests.face import Answer, Connect, Face
from tests.forge import TOKEN, FakeGitHub
from tests.wiki import FakeConfluence

PUBLISH = "/api/v1/incidents/1/publish"


@dataclass
class PublishingSetup:
    """A daemon with targets, the repository and the forge that they name."""

    face: Face
    forge: FakeGitHub
    repository: Path
    publisher: Publisher
    targets: dict[str, Target]
    wiki: FakeConfluence

    async def publish(self, target: str, **fields: Any) -> Answer:
        """Ask for it, a second after the one before."""
        self.face.now += 1_000_000
        return await self.face.post(PUBLISH, {"target": target, "by": "Ada", **fields})

    async def changed(self) -> None:
        """The postmortem says something else from now on."""
        self.face.now += 1_000_000
        said = {"field": "summary", "value": f"Nobody could pay at {self.face.now}.", "by": "Ada"}
        assert (await self.face.post("/api/v1/incidents/1/edit", said)).status == 201

    def token(self, value: str | None) -> None:
        """What the file with the token says from now on; None removes it."""
        file = Path(self.targets["tracker"].token_file)
        file.unlink() if value is None else file.write_text(value, "utf-8")

    def git(self, *words: str, stdin_text: str = "") -> str:
        """What git tells of the repository, or does there as somebody."""
        named = {f"GIT_{who}_{what}": "Ben <ben@x>" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *words], cwd=self.repository, input=stdin_text, capture_output=True, text=True,
                              errors="surrogateescape", check=True, env={**os.environ, **named})  # fmt: skip
        return done.stdout

    def file(self, branch: str = "main") -> tuple[str, str]:
        """The only file on a branch, and what it says."""
        (path,) = self.git("ls-tree", "-r", "--name-only", branch).split()
        return path, self.git("cat-file", "blob", f"{branch}:{path}")

    def edits(self, text: str, branch: str = "main") -> None:
        """Somebody commits another text of the file."""
        path, _ = self.file(branch)
        blob = self.git("hash-object", "-w", "--stdin", stdin_text=text).strip()
        tree = _tree(self, path.split("/"), blob)
        commit = self.git("commit-tree", tree, "-p", branch, "-m", "edit").strip()
        self.git("update-ref", f"refs/heads/{branch}", commit)


def _tree(setup: PublishingSetup, path: list[str], blob: str) -> str:
    """A tree of nothing but this file."""
    entry = f"100644 blob {blob}\t{path[-1]}\n"
    tree = setup.git("mktree", stdin_text=entry).strip()
    for name in reversed(path[:-1]):
        tree = setup.git("mktree", stdin_text=f"040000 tree {tree}\t{name}\n").strip()
    return tree


def _wikis(address: str, token: Path) -> dict[str, Target]:
    """The stand-in as both editions."""
    wiki = Target(kind="confluence", api_url=address.rstrip("/"), space="OPS", token_file=str(token), username="ada@x")
    server = msgspec.structs.replace(wiki, edition="datacenter", username="")
    return {"cloud": wiki, "datacenter": server, "nospace": msgspec.structs.replace(wiki, space="NONE")}


def _made(repository: Path) -> None:
    """An empty repository."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", repository], check=True)


@pytest.fixture
async def setup(tmp_path: Path, aiohttp_client: Connect) -> AsyncIterator[PublishingSetup]:
    require("git")
    forge, box = FakeGitHub(), list[Face]()
    server = TestServer(forge.app())
    await server.start_server()
    wiki, wiki_token = FakeConfluence(), tmp_path / "wiki-token"
    wiki_token.write_text(wikis.TOKEN, "utf-8")
    wiki_server = TestServer(wiki.app())
    await wiki_server.start_server()
    repository = tmp_path / "postmortems.git"
    _made(repository)
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n", "utf-8")
    comment = Target(
        kind="comment", api_url=str(server.make_url("")).rstrip("/"), project="acme/postmortems", forge="github",
        token_file=str(token),
    )  # fmt: skip
    targets = {
        "archive": Target(kind="git", repository=str(repository)),
        "public": Target(kind="git", repository=str(repository), people="roles"),
        "reviewed": msgspec.structs.replace(comment, kind="git", repository=str(repository)),
        "tracker": comment,
        **_wikis(str(wiki_server.make_url("")), wiki_token),
        "away": Target(kind="git", repository=str(tmp_path / "nowhere.git")),
    }

    async def render(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(box[0].lists, number, format=form, as_of=as_of, options=asked)

    async def record(fact: Event) -> str:
        receipt = await box[0].app[INTAKE].append_facts((fact,), box[0].now)
        await box[0].followed()
        return receipt.items[0].event_id

    async with faces.running(tmp_path, connect=aiohttp_client, publisher=lambda lists: Publisher(
        lists, targets, render, record, copy_taken_in, stored, lambda: box[0].now, "https://x.example", renamed,
        file_taken_in,
    )) as face:  # fmt: skip
        box.append(face)
        await face.incident(1)
        publisher = face.app[PUBLISHING]
        yield PublishingSetup(face, forge, repository, publisher, targets, wiki)
    await server.close()
    await wiki_server.close()


def below(text: str, heading: str, words: str) -> str:
    """The file with a paragraph of somebody's below a heading."""
    return re.sub(rf"(?m)^(## {heading}.*)$", rf"\1\n\n{words}\n", text, count=1)


async def pulled(setup: PublishingSetup, target: str, **fields: Any) -> Answer:
    """Take in what people edited there, a second after what came before."""
    setup.face.now += 1_000_000
    return await setup.face.post("/api/v1/incidents/1/pull", {"target": target, "by": "Ada", **fields})
