"""Secrets that were exchanged in their files: taken in by themselves, seconds after, with no reload.

Files are looked at every second. Where one changed, the configuration is read again, and taken in if it is the one in
force but for its secrets. An edited configuration waits for its reload, with whatever was exchanged meanwhile; a file
that is gone, empty or half written changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import structlog

from collector.daemon.fronting import EVERY, stamps
from collector.daemon.reloading import Load, Reloader
from collector.errors import InvalidSettings
from collector.settings import Api, Settings
from collector.tasks import ended
from collector.webhook import Credentials

log = structlog.get_logger(__name__)


class Rotation:
    """Keeps the secrets of one daemon at what their files hold."""

    def __init__(self, reloader: Reloader, load: Load) -> None:
        self._reloader, self._load = reloader, load
        self._files: Sequence[str] | None = None
        """Those of the last reading; None before the first."""
        self._stamps: tuple[tuple[int, ...], ...] = ()
        self._reason = ""

    async def look(self) -> None:
        """Take exchanged secrets in. Why they cannot be is said once; what is in force goes on."""
        now = await asyncio.to_thread(stamps, self._files or ())
        if self._files is not None and now == self._stamps and not self._reason:
            return
        self._stamps = now
        try:
            settings = await asyncio.to_thread(self._read)
        except InvalidSettings as error:
            self._say(f"the configuration cannot be read: {error}")
            return
        if plain(settings) != plain(self._reloader.settings):
            self._say("the configuration changed as well, and waits for a reload")
            return
        self._reason = ""
        exchanged = self._reloader.as_signed(settings)
        if exchanged != settings:
            log.warning("proof.signing_key was exchanged; the former one signs on until a reload")
        if exchanged != self._reloader.settings:
            await self._reloader.exchange(exchanged)
            log.info("took exchanged secrets in")

    def _read(self) -> Settings:
        files: list[str] = []
        try:
            return self._load(files=files)
        finally:
            # What could not be read is looked at as well: it may come.
            self._files, self._stamps = tuple(files), stamps(files)

    def _say(self, why: str) -> None:
        if why != self._reason:
            log.error("cannot take exchanged secrets in; those in force go on", reason=why)
        self._reason = why


def plain(settings: Settings) -> Settings:
    """A configuration without its secrets; how many there are of each kind is left."""
    sources = {
        name: msgspec.structs.replace(said, credentials=_emptied(said.credentials))
        for name, said in settings.sources.items()
    }
    # TLS and its users have a watch of their own.
    web = msgspec.structs.replace(settings.web, file=None)
    proof = msgspec.structs.replace(settings.proof, signing_key=b"")
    return msgspec.structs.replace(settings, sources=sources, api=_without(settings.api), web=web, proof=proof)


def _emptied(credentials: Credentials) -> Credentials:
    return msgspec.structs.replace(
        credentials,
        signing=(b"",) * len(credentials.signing), header=(b"",) * len(credentials.header),
        bearer=(b"",) * len(credentials.bearer),
        basic=tuple((user, b"") for user, _ in credentials.basic), path=(b"",) * len(credentials.path),
        certificates=(b"",) * len(credentials.certificates),
    )  # fmt: skip


def _without(api: Api) -> Api:
    named_tokens = tuple(msgspec.structs.replace(token, secret=b"") for token in api.named_tokens)
    senders = tuple(msgspec.structs.replace(token, secret=b"", line=0) for token in api.senders)
    return msgspec.structs.replace(api, tokens=(b"",) * len(api.tokens), named_tokens=named_tokens, senders=senders)


@asynccontextmanager
async def rotated(reloader: Reloader | None, load: Load | None) -> AsyncIterator[None]:
    """Keep secrets at what their files hold for the length of the block, where the configuration can be read again."""
    if reloader is None or load is None:
        yield
        return
    rotation = Rotation(reloader, load)

    async def keep() -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await rotation.look()
            except Exception:
                log.exception("cannot look for exchanged secrets")

    task = asyncio.create_task(keep(), name="secrets")
    try:
        yield
    finally:
        await ended(task)
