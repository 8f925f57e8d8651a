"""The parts of a daemon, made out of its settings."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Metric

from collector import names
from collector.daemon import gauges
from collector.daemon.face import Host
from collector.daemon.followed_here import FollowedHere
from collector.drafting import DraftJob
from collector.drafting.rendering import MARKED, PAGE, template_of
from collector.drafting.versions import STANDING, Changed, changes
from collector.erasure import Eraser, Erasure, Redrawn, RequestedErasure
from collector.errors import Unavailable
from collector.event import SECOND, Event
from collector.fetching.values import Fetch
from collector.following import Following, Setup, Work
from collector.following.follower import Follower
from collector.intake import Endpoint, Intake
from collector.intake.body_reader import BodyLimits
from collector.intake.importing import Importer
from collector.intake.writer import Writer
from collector.jobs.retention import RetentionJob
from collector.jobs.sealing import SealJob
from collector.jobs.silences import SilenceJob
from collector.log import EventLog
from collector.projections import Lists, Projections
from collector.proof import seal, upkeep
from collector.proof.acknowledged import Loss
from collector.proof.checkpoint import EVENTS, Signer
from collector.proof.folder import ProofFolder
from collector.proof.lost import UNKNOWN, LogName, origin_after
from collector.proof.lost import accepted as accepted_loss
from collector.publishing.publisher import Publisher
from collector.reparsing import ReparseResult, Selection, look, reparse
from collector.schema import migrations
from collector.settings import DEFAULT_LOG, Settings, Unread
from collector.sources import SOURCES
from collector.storage import servers
from collector.storage.urls import database_path, without_credentials
from collector.times import rfc3339
from collector.web import OneLog, Readiness, RequestLimits, build_app
from collector.web.options import Operations, Renderings, WebLimits
from collector.webhook import Source
from renderers.choices import FORMATS
from renderers.edits import copy_taken_in, file_taken_in, renamed, stored
from renderers.formats import POLICIES, STYLES

log = structlog.get_logger(__name__)

SHOWN = 2.0
"""Seconds that whoever states a fact waits for lists to show it."""
PATIENCE = 5.0
"""Seconds that readiness waits for the database before it says no."""

FACTS = (
    "position", "lag", "queue", "writer", "schema", "lists", "follows", "sealed", "sealing", "lost", "log", "server",
    "timeline", "check", "reload", "web_config", "backup",
)  # fmt: skip
"""What readiness says beside yes or no; whatever is away, each is there, null where nothing is known."""
_GAPS = 200
"""Silences of heartbeats on record among which those that are not over are looked for."""
Clock = Callable[[], int]
"""Now, µs UTC."""


def wall_clock() -> int:
    """The time of this machine, µs UTC."""
    return time.time_ns() // 1000


class Runtime:
    """What is open: the log, what reads it and what writes to it, and the application over them."""

    def __init__(
        self, settings: Settings, store: EventLog, lists: Lists, clock: Clock, host: Host, about: LogName = UNKNOWN
    ) -> None:
        self.settings = settings
        self.log = store
        self.lists = lists
        self.projections = Projections(lists, settings.correlation, self._begun)
        self.clock = clock
        self.host, self.face = host, host.face
        self.stopping = False
        self.serving = False
        """Whether this is a daemon, and not one command."""
        self.unrecorded = False
        """Whether our start could not be recorded yet: what keeps it out would keep deliveries out."""
        self.about = about
        """Which log this is."""
        self.storage: dict[str, Any] = {}
        """Which server the log was on when we started, and which timeline of it; nothing where it is a file."""
        self.accepted: Loss | None = None
        """What was found lost by this start, and accepted."""
        self.sealing = _seal_job(settings, store, about)
        self.metrics = host.metrics
        """What is counted of our work."""
        self.writer = Writer(
            store, queue_events=settings.web.queue_events, queue_bytes=settings.web.queue_bytes, metrics=self.metrics,
        )  # fmt: skip
        self.intake = Intake(self.writer, endpoints(settings), body_limits(settings))
        self.intake.serve(endpoints(settings), endpoints(self.face.settings))
        self.importer = Importer(store, self.writer, self.intake.derived, self.intake.forms)
        self.refusals = host.refusals
        self.setup = _setup(settings, host.name)
        idle = Work(self.setup, lists, store, clock)
        self.here = FollowedHere(self.setup, self.projections, idle)
        self.following: Following = self.here
        """Whoever follows the log."""
        self.retention = RetentionJob(store, ages_of(settings), clock)
        self.publisher = Publisher(
            self.projections, settings.publishing.targets, self._rendered, self._stated, copy_taken_in, stored, clock,
            settings.web.external_url, renamed, file_taken_in,
        )  # fmt: skip
        """What publishes postmortems."""
        self.silences = SilenceJob(
            store, heartbeats_of(settings), clock, self.intake.append_facts, partial(self.projections.gaps, _GAPS)
        )
        self.eraser = Eraser(store, lists, self._redraw, self._forget, self._followed)

    def take(self, settings: Settings) -> None:
        """Have changed settings in force: sources, how long their bodies are kept, what is listened for, what signs."""
        self.settings = settings
        self.intake.serve(endpoints(settings), endpoints(self.face.settings))
        self.retention.keep(ages_of(settings))
        self.silences.keep(heartbeats_of(settings))
        self.sealing.signer = signer_of(settings)

    def app(self, *, local_only: bool) -> web.Application:
        """The HTTP face over these parts."""

        def this_one() -> Sequence[OneLog]:
            return (OneLog(name=self.host.name or DEFAULT_LOG, app=application),)

        application = build_app(
            intake=self.intake,
            log=self.log,
            projections=self.projections,
            readiness=self.readiness,
            clock=self.clock,
            renderings=self._renderings(),
            access=self.face.access(local_only=local_only),
            operations=Operations(
                publisher=self.publisher,
                erase=self._erase,
                redraw=self._redraw,
                reparse=self._reparse,
                reload=self.face.reload,
                followed=self._followed,
            ),
            bounds=WebLimits(limits=request_limits(self.settings)),
            gauges=self.gauges,
            refusals=self.refusals,
            front=self.face.front,
            root=self.host.root,
            logs=self.host.logs or this_one,
            name=self.host.name,
        )
        return application

    def _renderings(self) -> Renderings:
        return Renderings(
            postmortems={form: partial(self._render, form) for form in (*FORMATS, MARKED)},
            inlaid=partial(self._render, PAGE),
            standing=partial(self._render, STANDING),
            measures=partial(self._render, "measures"),
            remarks=partial(self._render, "remarks"),
            zone=self.settings.drafts.zone,
            people=people_of(self.settings),
            changes=self._changes,
            styles=STYLES,
            policies=POLICIES,
        )

    @property
    def follower(self) -> Follower | None:
        """What follows the log in this process, if it is this one."""
        return self.here.work.follower if self.here.work is not None else None

    @property
    def drafts(self) -> DraftJob:
        """What writes drafts in this process."""
        return self.here.job

    async def _followed(self, position: int, patience: float) -> bool:
        return await self.following.reached(position, patience)

    async def _redraw(self, events: Collection[str]) -> Redrawn:
        return await self.following.redraw(events)

    async def _render(self, form: str, number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await self.following.render(number, form, as_of, asked)

    async def _rendered(self, number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await self._render(form, number, as_of, asked)

    async def _stated(self, fact: Event) -> str:
        """Append a fact, and wait a little until lists show it."""
        receipt = await self.intake.append_facts((fact,), self.clock())
        with suppress(Unavailable):
            await self.following.reached(receipt.items[0].position, SHOWN)
        return receipt.items[0].event_id

    async def _changes(
        self, number: int, since: int | None, until: int | None, asked: Mapping[str, str]
    ) -> Sequence[Changed] | None:
        return await changes(self.following.render, number, since, until, asked)

    async def _erase(self, asked: RequestedErasure) -> Erasure:
        await self._begun()
        return await self.eraser.erase(asked)

    async def _reparse(self, selection: Selection, dry_run: bool) -> ReparseResult:
        """Read stored deliveries again, as the sources are configured now."""
        now = self.clock()
        if dry_run:
            return await self.log.query(lambda connection: look(connection, self.intake.derived, selection, now))
        return await reparse(self.log, self.intake.derived, selection, now)

    async def _begun(self) -> None:
        await self.following.begun()

    async def _forget(self) -> None:
        await self.following.forget()

    async def gauges(self) -> Sequence[Metric]:
        """What is looked up for a scrape."""
        state = await self.readiness()
        try:
            incidents: Mapping[str, int] = await self.projections.counts()
            aside: int | None = (await self.projections.state()).set_aside
        except Unavailable:
            incidents, aside = {}, None
        file = database_path(self.settings.storage.url)
        sizes = await asyncio.to_thread(gauges.sizes, file) if file is not None else {}
        records = await asyncio.to_thread(upkeep.read, self.sealing.beside.folder)
        families = gauges.families(state, incidents, sizes, self.writer.bytes, aside)
        families += gauges.reloads(not self.face.reload_failure, self.face.reloaded_at)
        return [*families, *gauges.following(self.following.vitals), *gauges.upkeep(records)]

    async def readiness(self) -> Readiness:
        """Whether deliveries can be stored. A follower that lags loses nothing, so its lag is only told."""
        facts: dict[str, Any] = dict.fromkeys(FACTS)
        facts |= {"queue": self.writer.events, "follows": self.following.follows, "log": self.about.identity.hex()}
        facts["sealing"] = self.sealing.failure or "well"
        facts |= self.face.facts
        if self.stopping:
            # At once: a balancer waits for this answer, and it is the same whatever the database says.
            return Readiness(ready=False, reason="the daemon is stopping", facts=facts | {"check": "stopping"})
        backup = (await asyncio.to_thread(upkeep.read, self.sealing.beside.folder)).get("backup")
        facts["backup"] = None if backup is None or not backup.at else rfc3339(backup.at)
        try:
            async with asyncio.timeout(PATIENCE):
                check, reason = await self._ask(facts)
        except TimeoutError:
            check, reason = "database", f"the database does not answer within {PATIENCE:g} s"
        except Unavailable as error:
            check, reason = "database", str(error)
        return Readiness(ready=not reason, reason=reason, facts=facts | {"check": check if reason else None})

    async def _ask(self, facts: dict[str, Any]) -> tuple[str, str]:
        """Fill in what the database and the writer say; which check fails and why, empty where none does."""
        schema = await self.log.query(migrations.schema)
        facts["schema"] = schema.revision
        facts |= await self.log.query(servers.described)
        facts["position"] = await self.log.head()
        if not schema.mismatch:
            sealed, accepted = await self.log.query(lambda c: (seal.last(c, EVENTS), accepted_loss(c)))
            facts |= {"sealed": sealed.size if sealed else 0, "lost": accepted.title if accepted else None}
        facts["lists"] = await self._lists(facts)
        checks = {"writer": await self.writer.check()}
        checks["disk"] = checks["writer"] or self.log.shortage()
        checks["start"] = checks["disk"] or await self._kept_out()
        failure = checks["start"]
        facts["writer"] = failure or "well"
        # Whatever becomes of the lists, deliveries are taken.
        if schema.mismatch:
            return "schema", schema.mismatch
        return next((name for name, reason in checks.items() if reason), ""), failure

    async def _lists(self, facts: dict[str, Any]) -> str:
        """What keeps lists from holding everything; ``well`` where nothing does."""
        state = await self.projections.state()
        # Until both are done a draft would be rendered without what belongs to its incident.
        facts["lag"] = facts["position"] - state.position + state.unplaced
        if self.following.trouble:
            return self.following.trouble
        if state.set_aside:
            return f"{state.set_aside} events are set aside, which grouping could not take; the log names them"
        # What lists lack is for commands to say: here the daemon answers that makes them, or another one that follows.
        return "they are being made out of the log" if state.unusable else state.remaking or "well"

    async def _kept_out(self) -> str:
        """Why nothing can be stored, asked anew for as long as our own start is not; empty where it can."""
        try:
            if self.unrecorded:
                await self.log.append([])
        except Unavailable as error:
            return str(error)
        return ""


def people_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """A person's name as it is compared → what they are called, and their zone; empty where that is not told."""
    zones = {names.fold_person(name): (name, zone) for name, zone in settings.drafts.zones.items()}
    people = dict(zones)
    for person, spellings in settings.correlation.people.items():
        key = names.fold_person(person)
        name_and_zone = (person, zones.get(key, ("", ""))[1])
        people |= {names.fold_person(spelling): name_and_zone for spelling in (person, *spellings)}
    return people


def heartbeats_of(settings: Settings) -> dict[str, tuple[str, int]]:
    """What is listened for: source → an alert that it tells without end, and how long it may not be heard, µs."""
    heartbeats = ((name, source.heartbeat) for name, source in settings.sources.items())
    return {name: (heartbeat.alert, heartbeat.within) for name, heartbeat in heartbeats if heartbeat is not None}


def ages_of(settings: Settings) -> dict[str, dict[str, int]]:
    """How long bodies are kept, by source."""
    return {name: dict(source.retention.ages) for name, source in settings.sources.items() if source.retention.ages}


def endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Each configured source, by its name."""
    own = (*settings.correlation.opening_severities, *settings.correlation.silent_severities)
    return {
        name: Endpoint(
            source=SOURCES[source.kind],
            credentials=source.credentials,
            reading=msgspec.structs.replace(source.reading, severities=own),
            size=source.max_body,
            redaction=source.redaction,
            refire_after=source.refire_after,
        )
        for name, source in settings.sources.items()
    }


def fetched_from(runtime: Runtime) -> dict[str, tuple[Source, Fetch]]:
    """Each configured source of which something is fetched, by its name."""
    sources = runtime.settings.sources.items()
    return {name: (SOURCES[source.kind], source.fetch) for name, source in sources if source.fetch is not None}


def body_limits(settings: Settings) -> BodyLimits:
    """How much of a stranger's body is taken."""
    return BodyLimits(
        size=settings.web.max_body,
        seconds=settings.web.read_timeout / SECOND,
        in_flight=settings.web.queue_bytes,
    )


def request_limits(settings: Settings) -> RequestLimits:
    """How much a client may ask for."""
    return RequestLimits(
        read_timeout=settings.web.read_timeout / SECOND, retry_after=max(1, settings.web.retry_after // SECOND)
    )


def _seal_job(settings: Settings, store: EventLog, about: LogName) -> SealJob:
    return SealJob(
        log=store,
        beside=proof_folder_of(settings, about),
        origin=origin_after(settings.proof.origin, about.accepted),
        signer=signer_of(settings, about),
    )


def _setup(settings: Settings, name: str) -> Setup:
    """What the follower needs to know of the configuration. None of it is a secret, but for a password in a URL."""
    drafts = settings.drafts
    return Setup(
        storage=settings.storage.url,
        rules=settings.correlation,
        drafts=drafts.enabled,
        folder=drafts.dir,
        stale_after=drafts.stale_after,
        keep_versions=drafts.keep_versions,
        keep_drafts=drafts.keep,
        drafts_size=drafts.max_size,
        options={
            "zone": drafts.zone, "detail": drafts.detail, "profile": drafts.profile, "citations": drafts.citations,
            "people": drafts.people, "seconds": str(drafts.seconds).lower(),
        },
        template=template_of(drafts.template),
        external_url=settings.web.external_url,
        level=settings.log.level,
        format=settings.log.format,
        log=name,
        number_prefix="" if name == DEFAULT_LOG else name,
    )  # fmt: skip


def proof_folder_of(settings: Settings, about: LogName = UNKNOWN) -> ProofFolder:
    """What is kept outside the database: beside a file, and by the identity of a log that is no file."""
    file = database_path(settings.storage.url)
    folder = settings.proof.dir or f"{file or Path('data', f'timelined-{about.identity.hex()[:16]}')}.proof"
    return ProofFolder(Path(folder), origin_after(settings.proof.origin, about.accepted))


def log_pointer(settings: Settings) -> Path | None:
    """The file that names the log to which the address of a server led before; none where the log is a file."""
    if database_path(settings.storage.url) is not None or settings.proof.dir:
        return None
    return Path("data", f"timelined-{_digest(settings)}.log")


def former_proof_folder(settings: Settings) -> Path | None:
    """Where an earlier version kept what lies beside a server's log: by its address and our port."""
    if database_path(settings.storage.url) is not None or settings.proof.dir:
        return None
    return Path("data", f"timelined-{_digest(settings)}-{settings.web.addresses[0][1]}.proof")


def _digest(settings: Settings) -> str:
    return hashlib.sha256(without_credentials(settings.storage.url).encode()).hexdigest()[:8]


def signer_of(settings: Settings, about: LogName = UNKNOWN) -> Signer | None:
    """What signs checkpoints, if anything does, and where its key was read."""
    proof = settings.proof
    if not proof.signing_key or isinstance(proof.signing_key, Unread):
        return None
    return Signer.load(origin_after(proof.origin, about.accepted), proof.signing_key)
