"""Taking in a changed configuration while serving: all of it or nothing, and each try is an event of the log.

Taken in are sources (secrets, bounds, redaction, retention), API tokens, the proxy that signs people in, the
names in ``web.hosts``, and the key that signs checkpoints. Whatever else differs needs a restart: then nothing is
taken in, and what differs is named.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import msgspec
import structlog

from collector.daemon.face import Face
from collector.daemon.keeping import Logs
from collector.daemon.runtime import Runtime, signer_of
from collector.errors import InvalidSettings, TimelinedError
from collector.event import MACHINE, Event, event_id
from collector.settings import Settings

log = structlog.get_logger(__name__)

Load = Callable[..., Settings]
"""Reads the configuration again, flags and variables included; the files of its secrets are added to a list ``files``.
Raises :class:`InvalidSettings`."""
_LIVE = ("sources", "api")
"""Sections that are taken in."""
_LIVE_FIELDS = {"web": ("hosts", "file"), "proof": ("signing_key",)}
"""What of others is; what ``web.config_file`` names is taken in by itself (:mod:`collector.daemon.fronting`)."""


class Reloader:
    """Reloads one daemon's configuration, one try after the other."""

    def __init__(self, face: Face, logs: Logs, load: Load) -> None:
        self._face, self._logs, self._load = face, logs, load
        self._alone = asyncio.Lock()

    async def reload(self) -> None:
        """Take the configuration in. Raises :class:`InvalidSettings`, and then the one in force goes on."""
        async with self._alone:
            try:
                settings = await asyncio.to_thread(self._load)
                needs = differing(self._face.settings, settings)
                if needs:
                    raise InvalidSettings((f"cannot reload: a restart is needed for {', '.join(needs)}",))
                signer_of(settings)
            except InvalidSettings as error:
                log.error("cannot reload the configuration; the one in force goes on", error=str(error))
                self._face.reloaded(str(error))
                await self._record(str(error))
                raise
            if settings.proof.signing_key != self.settings.proof.signing_key:
                log.warning("another key signs checkpoints; hand out what timelined proof --verifier-key prints")
            self._take(settings)
            self._face.reloaded("")
            log.info("reloaded the configuration", sources=",".join(settings.sources))
            await self._record("")

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self._face.settings

    async def exchange(self, settings: Settings) -> None:
        """Take in what differs in its secrets alone."""
        async with self._alone:
            self._take(settings)

    def as_signed(self, settings: Settings) -> Settings:
        """A configuration with the key that signs now. Another one waits for a reload: who verifies has to know it, so
        a file that was exchanged does not have the log signed by it."""
        proof = msgspec.structs.replace(settings.proof, signing_key=self.settings.proof.signing_key)
        return msgspec.structs.replace(settings, proof=proof)

    def _take(self, settings: Settings) -> None:
        self._face.take(settings)
        self._logs.take(settings)

    async def _record(self, failure: str) -> None:
        data = {"configuration": fingerprint(self._face.settings)} | ({"failure": failure} if failure else {})
        for runtime in self._logs.runtimes:
            await self._record_in(runtime, data)

    async def _record_in(self, runtime: Runtime, data: dict[str, str]) -> None:
        now = runtime.clock()
        try:
            head = await runtime.log.head()
            fact = Event(
                id=event_id("collector.1", MACHINE, now, "collector.reloaded", str(head)), type="collector.reloaded",
                source=MACHINE, entity="collector", occurred_at=now, data=data,
            )  # fmt: skip
            await runtime.intake.append_facts([fact], now)
        except TimelinedError as error:
            log.warning("cannot record the reload", error=str(error))


def differing(old: Settings, new: Settings) -> list[str]:
    """The settings that differ and cannot be taken in, by name."""
    names: list[str] = []
    for section in old.__struct_fields__:
        before, after = getattr(old, section), getattr(new, section)
        if section in _LIVE or before == after:
            continue
        fields = [field for field in before.__struct_fields__ if getattr(before, field) != getattr(after, field)]
        names += [f"{section}.{field}" for field in fields if field not in _LIVE_FIELDS.get(section, ())]
    return names


def fingerprint(settings: Settings) -> str:
    """By what one configuration is told from another; it says nothing of the secrets in it."""
    sources = {name: (said.kind, repr(said.reading), repr(said.redaction)) for name, said in settings.sources.items()}
    told = repr((sorted(sources.items()), settings.web, settings.storage, settings.drafts, settings.log))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
