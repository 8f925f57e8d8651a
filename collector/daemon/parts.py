"""The parts of a daemon, made out of its settings."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from collector import projections
from collector.bodies import Limits
from collector.drafting import DraftJob
from collector.drafts import options_of, postmortem
from collector.erasure import Eraser, Redrawn
from collector.errors import TimelinedError, Unavailable
from collector.event import SECOND
from collector.follower import Follower
from collector.intake import Endpoint, Intake
from collector.log import EventLog, database_path, migrations, seal, servers, shown
from collector.log.acknowledged import Loss
from collector.log.beside import Beside
from collector.log.checkpoint import EVENTS, Signer
from collector.log.lost import UNKNOWN, About, origin_after
from collector.log.lost import accepted as accepted_loss
from collector.projections import Projections
from collector.refusals import Refusals
from collector.retention import RetentionJob
from collector.sealing import SealJob
from collector.settings import Settings, Unread
from collector.sources import SOURCES
from collector.web import Limits as WebLimits
from collector.web import Postmortem, Readiness, build_app
from collector.writer import Writer
from renderers.document import Options

log = structlog.get_logger(__name__)

PATIENCE = 5.0
"""Seconds that readiness waits for the database before it says no."""

FORMATS = ("md", "json")
_FACTS = (
    "position", "lag", "queue", "writer", "schema", "lists", "follows", "sealed", "sealing", "lost", "log", "server",
    "timeline",
)  # fmt: skip
"""What readiness says beside yes or no; whatever is away, each is there, null where nothing is known."""
Clock = Callable[[], int]
"""Now, µs UTC."""


def wall_clock() -> int:
    """The time of this machine, µs UTC."""
    return time.time_ns() // 1000


class Parts:
    """What is open: the log, what reads it and what writes to it, and the application over them."""

    def __init__(
        self, settings: Settings, store: EventLog, lists: Projections, clock: Clock, about: About = UNKNOWN
    ) -> None:
        self.settings = settings
        self.log = store
        self.projections = lists
        self.clock = clock
        self.stopping = False
        self.serving = False
        """Whether this is a daemon, and not one command."""
        self.unrecorded = False
        """Whether our start could not be recorded yet: what keeps it out would keep deliveries out."""
        self.follower: Follower | None = None
        """Where this process is the one that follows the log."""
        self.about = about
        """Which log this is."""
        self.storage: dict[str, Any] = {}
        """Which server the log was on when we started, and which timeline of it; nothing where it is a file."""
        self.accepted: Loss | None = None
        """What was found lost by this start, and accepted."""
        self.sealing = SealJob(
            log=store,
            beside=beside_of(settings, about),
            origin=origin_after(settings.proof.origin, about.accepted),
            signer=signer_of(settings, about),
        )
        self.writer = Writer(store, queue_events=settings.web.queue_events, queue_bytes=settings.web.queue_bytes)
        self.intake = Intake(self.writer, _endpoints(settings), _limits(settings))
        self.refusals = Refusals(clock)
        self.drafts = self._draft_job()
        ages = {name: said.retention.ages for name, said in settings.sources.items() if said.retention.ages}
        self.retention = RetentionJob(store, ages, clock)
        self.eraser = Eraser(store, lists, self.redraw, self._forget)

    def app(self, tokens: tuple[bytes, ...], *, local_only: bool) -> web.Application:
        """The HTTP face over these parts."""
        return build_app(
            intake=self.intake,
            log=self.log,
            projections=self.projections,
            postmortems=_postmortems(self.projections, self.settings),
            readiness=self.readiness,
            clock=self.clock,
            api_tokens=tokens,
            local_only=local_only,
            hosts=self.settings.web.names,
            erase=self.eraser.erase,
            redraw=self.redraw,
            refusals=self.refusals,
            limits=WebLimits(
                read_timeout=self.settings.web.read_timeout / SECOND,
                retry_after=max(1, self.settings.web.retry_after // SECOND),
            ),
        )

    def _draft_job(self) -> DraftJob:
        drafts = self.settings.drafts
        rendered = _postmortems(self.projections, self.settings)
        return DraftJob(
            projections=self.projections,
            render=lambda number, form: rendered[form](number, None, {}),
            folder=Path(drafts.dir),
            stale_after=drafts.stale_after,
            clock=self.clock,
        )

    async def redraw(self, events: Collection[str]) -> Redrawn:
        """Write the drafts again that cite these events, whoever asks for drafts otherwise."""
        try:
            written, edited = await self.drafts.again(events)
        except (OSError, TimelinedError) as error:
            log.warning("cannot write drafts again", error=str(error))
            return Redrawn(failed=str(error))
        return Redrawn(written=written, edited=edited)

    async def _forget(self) -> None:
        if self.follower is not None:
            await self.follower.forget()

    async def readiness(self) -> Readiness:
        """Whether deliveries can be stored. A follower that lags loses nothing, so its lag is only told."""
        facts: dict[str, Any] = dict.fromkeys(_FACTS)
        facts |= {"queue": self.writer.events, "follows": self.follower is not None, "log": self.about.identity.hex()}
        facts["sealing"] = self.sealing.failure or "well"
        if self.stopping:
            # At once: a balancer waits for this answer, and it is the same whatever the database says.
            return Readiness(ready=False, reason="the daemon is stopping", facts=facts)
        try:
            async with asyncio.timeout(PATIENCE):
                reason = await self._ask(facts)
        except TimeoutError:
            reason = f"the database does not answer within {PATIENCE:g} s"
        except Unavailable as error:
            reason = str(error)
        return Readiness(ready=not reason, reason=reason, facts=facts)

    async def _ask(self, facts: dict[str, Any]) -> str:
        """Fill in what the database and the writer say; why deliveries cannot be stored, empty where they can."""
        schema = await self.log.query(migrations.schema)
        facts["schema"] = schema.revision
        facts |= await self.log.query(servers.described)
        facts["position"] = await self.log.head()
        if not schema.mismatch:
            sealed, accepted = await self.log.query(lambda c: (seal.last(c, EVENTS), accepted_loss(c)))
            facts |= {"sealed": sealed.size if sealed else 0, "lost": accepted.title if accepted else None}
        unfit = await projections.mismatch(self.log)
        if not unfit:
            facts["lag"] = facts["position"] - await self.projections.position()
        failure = await self.writer.check() or await self._kept_out()
        facts["writer"] = failure or "well"
        remaking = "" if unfit else await self.projections.remaking()
        facts["lists"] = unfit or remaking or await self._trouble() or "well"
        # Whoever is about to make the lists takes deliveries meanwhile.
        beginning = self.follower is not None and not self.follower.begun
        return schema.mismatch or ("" if beginning else unfit) or failure

    async def _trouble(self) -> str:
        """What keeps lists from holding everything."""
        if self.follower is not None and self.follower.failure:
            return f"cannot follow the log: {self.follower.failure}"
        count = await self.projections.set_aside()
        return f"{count} events are set aside, which grouping could not take; the log names them" if count else ""

    async def _kept_out(self) -> str:
        """Why nothing can be stored, asked anew for as long as our own start is not; empty where it can."""
        try:
            if self.unrecorded:
                await self.log.append([])
        except Unavailable as error:
            return str(error)
        return ""


def _endpoints(settings: Settings) -> dict[str, Endpoint]:
    return {
        name: Endpoint(
            source=SOURCES[said.kind],
            credentials=said.credentials,
            reading=said.reading,
            size=said.max_body,
            redaction=said.redaction,
            refire_after=said.refire_after,
        )
        for name, said in settings.sources.items()
    }


def _limits(settings: Settings) -> Limits:
    return Limits(
        size=settings.web.max_body,
        seconds=settings.web.read_timeout / SECOND,
        in_flight=settings.web.queue_bytes,
    )


def _options(settings: Settings) -> Options:
    drafts = settings.drafts
    return Options(zone=drafts.zone, detail=drafts.detail, profile=drafts.profile, citations=drafts.citations,
                   seconds=drafts.seconds)  # fmt: skip


def _postmortems(lists: Projections, settings: Settings) -> dict[str, Postmortem]:
    defaults = _options(settings)

    async def render(form: str, number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(lists, number, format=form, as_of=as_of, options=options_of(asked, defaults),
                                external_url=settings.web.external_url)  # fmt: skip

    return {form: partial(render, form) for form in FORMATS}


def beside_of(settings: Settings, about: About = UNKNOWN) -> Beside:
    """What is kept outside the database: beside a file, and by the identity of a log that is no file."""
    file = database_path(settings.storage.url)
    folder = settings.proof.dir or f"{file or Path('data', f'timelined-{about.identity.hex()[:16]}')}.proof"
    return Beside(Path(folder), origin_after(settings.proof.origin, about.accepted))


def pointer_of(settings: Settings) -> Path | None:
    """The file that names the log to which the address of a server led before; none where the log is a file."""
    if database_path(settings.storage.url) is not None or settings.proof.dir:
        return None
    return Path("data", f"timelined-{_digest(settings)}.log")


def former_of(settings: Settings) -> Path | None:
    """Where an earlier version kept what lies beside a server's log: by its address and our port."""
    if database_path(settings.storage.url) is not None or settings.proof.dir:
        return None
    return Path("data", f"timelined-{_digest(settings)}-{settings.web.port}.proof")


def _digest(settings: Settings) -> str:
    return hashlib.sha256(shown(settings.storage.url).encode()).hexdigest()[:8]


def signer_of(settings: Settings, about: About = UNKNOWN) -> Signer | None:
    """What signs checkpoints, if anything does, and where its key was read."""
    proof = settings.proof
    if not proof.signing_key or isinstance(proof.signing_key, Unread):
        return None
    return Signer.load(origin_after(proof.origin, about.accepted), proof.signing_key)
