"""How HTTP is spoken, out of what ``web.config_file`` names: taken in at the start, and again whenever it changes.

Certificates, keys, users and headers are in force for the next connection or
request once their files are whole; until then what was in force goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from collector.daemon.face import Face
from collector.errors import InvalidSettings
from collector.settings import WebFile, context_of, read_web_file, why_not
from collector.tasks import ended
from collector.web import Front

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks at the files."""


class Fronting:
    """Keeps one daemon's :class:`Front` at what its files say."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._path = face.settings.web.config_file
        file = face.settings.web.file or WebFile()
        self._tls = file.tls is not None
        self._files: Sequence[str] = file.files or (self._path,)
        self._stamps = stamps(self._files)
        _take(face.front, file)
        face.front_failure = "" if self._path else None

    def look(self) -> None:
        """Take changed files in; where they cannot be, what is in force goes on, and why is said once."""
        before, now = self._face.front_failure, stamps(self._files)
        # What was wrong may lie in a file that is named only by what was refused.
        if now == self._stamps and not before:
            return
        self._stamps = now
        try:
            file = read_web_file(self._path)
            self._check(file)
            _take(self._face.front, file)
        except (InvalidSettings, OSError, ValueError) as error:
            failure = str(error) if isinstance(error, InvalidSettings) else why_not(error)
            self._face.front_failure = failure
            if failure != before:
                log.error("cannot take the changed web.config_file in; what is in force goes on", error=failure)
            return
        self._files = file.files
        self._stamps = stamps(self._files)
        self._face.front_failure = ""
        log.info("took the changed web.config_file in", users=len(file.users), tls=self._tls)

    def _check(self, file: WebFile) -> None:
        if (file.tls is not None) != self._tls:
            raise ValueError(f"{self._path}: TLS is {'gone' if self._tls else 'new'}; a restart is needed for that")
        settings = self._face.settings
        if not file.users and not settings.api.all and not settings.web.loopback:
            raise ValueError(f"{self._path}: without users, and without api.token_file, the API would be open")


def _take(front: Front, file: WebFile) -> None:
    context = context_of(file.tls) if file.tls is not None else None
    names = file.tls.names if file.tls is not None else ()
    front.take(users=file.users, headers=file.headers, names=names, context=context)


def stamps(paths: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """By what a changed file is told, also where another was moved into its place, or what a link leads to."""
    signatures: list[tuple[int, ...]] = []
    for path in paths:
        try:
            about = Path(path).stat()
            signatures.append((about.st_mtime_ns, about.st_size, about.st_ino, about.st_dev))
        except OSError as error:
            signatures.append((error.errno or 0,))
    return tuple(signatures)


@asynccontextmanager
async def fronted(face: Face) -> AsyncIterator[None]:
    """Take in how HTTP is spoken, and keep to it for the length of the block. Raises :class:`InvalidSettings`."""
    try:
        fronting = Fronting(face)
    except (OSError, ValueError) as error:
        raise InvalidSettings((f"cannot use {face.settings.web.config_file}: {why_not(error)}",)) from error

    async def keep() -> None:
        while True:
            await asyncio.sleep(EVERY)
            await asyncio.to_thread(fronting.look)

    task = asyncio.create_task(keep(), name="front") if face.settings.web.config_file else None
    try:
        yield
    finally:
        if task is not None:
            await ended(task)
