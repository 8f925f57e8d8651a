"""The git program over a repository of its own in a temporary folder: no working tree, no hooks, no prompt.

What a repository holds is never checked out, so nothing in it can lead a file
elsewhere. A token goes to the program in its environment, which other users of
the machine do not see.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from collector.errors import InvalidInput, Unavailable
from collector.event import SECOND
from collector.publishing.targets import Target
from collector.publishing.values import decoded

MOST = 8 << 20
"""The largest file that is read, in bytes."""
_PROTOCOLS = "https:http:ssh:file"
_REJECTED = re.compile(r"\[(?:remote )?rejected\]|non-fast-forward|fetch first|stale info|cannot lock ref")


class PushRejected(Unavailable):
    """Somebody pushed to the branch meanwhile."""


class Repository:
    """A bare repository for the length of one publication, beside the one that is published to."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder, self._target = folder, target
        self._environment = _environment(target)

    async def begin(self) -> None:
        """Make it."""
        await self._git("init", "--quiet", "--bare")

    async def heads(self, *branches: str) -> Mapping[str, str]:
        """The commits of these branches, those that there are."""
        names = [f"refs/heads/{name}" for name in branches]
        told = await self._git("ls-remote", "--heads", self._target.repository, *names)
        found = (line.split("\t") for line in told.decode("utf-8", "replace").splitlines())
        return {name.removeprefix("refs/heads/"): commit for commit, name in found if name in names}

    async def fetch(self, branch: str) -> str:
        """The newest commit of a branch, read here."""
        await self._git("fetch", "--quiet", "--no-tags", "--depth=1", self._target.repository, f"refs/heads/{branch}")
        return (await self._git("rev-parse", "FETCH_HEAD")).decode().strip()

    async def file(self, commit: str, path: str) -> str | None:
        """What a file says in a commit; None where there is no such file."""
        listed = (await self._git("ls-tree", "-l", commit, "--", path)).decode("utf-8", "replace").split()
        if not listed:
            return None
        if listed[1] != "blob" or not listed[3].isdigit() or int(listed[3]) > MOST:
            raise InvalidInput(
                f"cannot publish: {path} in {self.address} is no file of at most {MOST >> 20} MiB", "target"
            )
        return decoded(await self._git("cat-file", "blob", listed[2]))

    async def commit(self, parent: str, path: str, text: str, message: str, author: str) -> str:
        """A commit with this file as the only change to its parent; with none to an empty repository."""
        content = text.encode("utf-8", "surrogateescape")
        blob = (await self._git("hash-object", "-w", "--stdin", stdin=content)).decode().strip()
        if parent:
            await self._git("read-tree", parent)
        await self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = (await self._git("write-tree")).decode().strip()
        after = ["-p", parent] if parent else []
        identity = _git_identity(author, self._target.author)
        made = await self._git("commit-tree", tree, *after, stdin=message.encode("utf-8", "replace"), more=identity)
        return made.decode().strip()

    async def push(self, commit: str, branch: str) -> None:
        """Have a branch be at this commit, which comes after what it was at. Raises :class:`PushRejected` where not."""
        await self._git("push", "--quiet", self._target.repository, f"{commit}:refs/heads/{branch}")

    @property
    def address(self) -> str:
        """The repository's address as messages name it."""
        return self._target.repository

    async def _git(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] = {}) -> bytes:
        seconds = self._target.timeout / SECOND
        # Who ends without reading what is written to it may be gone before that is written: then uvloop raises.
        stdin_pipe = asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                "git", *words, cwd=self._folder, env={**self._environment, **more}, start_new_session=True,
                stdin=stdin_pipe, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise InvalidInput("cannot publish: there is no git program here; install git", "target") from error
        try:
            async with asyncio.timeout(seconds):
                out, errors = await process.communicate(stdin or None)
        except TimeoutError as error:
            raise Unavailable(f"cannot publish: git {words[0]} at {self.address} took over {seconds:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            self._failed(words[0], errors.decode("utf-8", "replace"))
        return out

    def _failed(self, verb: str, errors: str) -> None:
        last = next((line for line in reversed(errors.strip().splitlines()) if line.strip()), "no reason was given")
        message = f"cannot publish: git {verb} at {self.address}: {last[:300]}"
        raise PushRejected(message) if verb == "push" and _REJECTED.search(errors) else Unavailable(message)


@asynccontextmanager
async def repository(target: Target) -> AsyncIterator[Repository]:
    """An empty repository for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="timelined-git-", ignore_cleanup_errors=True) as folder:
        made = Repository(Path(folder), target)
        await made.begin()
        yield made


def _environment(target: Target) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    options = {"http.followRedirects": "false", "core.hooksPath": os.devnull, "credential.helper": "", "gc.auto": "0"}
    token = target.token()
    if token and urlsplit(target.repository).scheme in ("http", "https"):
        pair = base64.b64encode(f"{target.username or 'x-access-token'}:{token}".encode()).decode()
        options["http.extraHeader"] = f"Authorization: Basic {pair}"
    configured = {"GIT_CONFIG_COUNT": str(len(options))}
    for place, (name, value) in enumerate(options.items()):
        configured |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    return inherited | configured | {
        "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _PROTOCOLS, "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "LC_ALL": "C",
    }  # fmt: skip


def _git_identity(author: str, committer: str) -> dict[str, str]:
    name, _, rest = committer.partition("<")
    address = rest.rstrip("> ")
    clean = " ".join("".join(c for c in author if c.isprintable() and c not in "<>").split())
    return {
        "GIT_AUTHOR_NAME": clean or name.strip(), "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name.strip(), "GIT_COMMITTER_EMAIL": address,
    }  # fmt: skip
