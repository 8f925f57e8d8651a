"""Where real things meet: opened in order, closed in reverse.

    lock → log → follower and jobs → web

Each closing is registered the moment the thing exists, so that whatever goes
wrong, what was opened is closed and what was acknowledged stays. The same
parts, without jobs and without a port, serve the command line where no daemon
runs: :func:`offline` writes, :func:`reading` does not.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from aiohttp import web

from collector import activation, jobs, projections, retention
from collector.drafts import options_of, postmortem
from collector.erasure import Eraser, Redrawn
from collector.errors import DiskFailed, InvalidSettings, TimelinedError, Unavailable
from collector.event import MACHINE, SECOND, Event, event_id
from collector.follower import Follower
from collector.intake import Endpoint, Intake, Limits, Writer
from collector.leadership import Leadership
from collector.log import EventLog, database_path, migrations, open_log, shown
from collector.log.acknowledged import Loss
from collector.log.beside import Beside
from collector.log.checkpoint import Signer
from collector.log.lock import holder as lock_holder
from collector.loss import watched
from collector.notify import Notifier
from collector.projections import EventFilter, Projections
from collector.retention import RetentionJob
from collector.sealing import SealJob
from collector.settings import Settings
from collector.sources import SOURCES
from collector.web import Limits as WebLimits
from collector.web import Postmortem, Readiness, Runner, build_app, server_kwargs
from renderers.document import Options

log = structlog.get_logger(__name__)

T = TypeVar("T")

FORMATS = ("md", "json")
_GRACE = 5.0
"""Seconds that bodies on their way get when the daemon stops; who is slower is asked to come again."""
_SEAL_AFTER = 10.0
"""Seconds from an incident's resolve to a checkpoint that covers it."""
_BACKLOG = 4096
"""Connections that wait in the kernel while we start: as many as systemd asks for, not aiohttp's 128."""
_LAST_STARTS = 200
"""Records of starts and stops among which the last of each daemon is looked for."""
Clock = Callable[[], int]
"""Now, µs UTC."""


def wall_clock() -> int:
    """The time of this machine, µs UTC."""
    return time.time_ns() // 1000


# --- the parts --------------------------------------------------------------------------------------------------------


class Parts:
    """What is open: the log, what reads it and what writes to it, and the application over them."""

    def __init__(self, settings: Settings, store: EventLog, lists: Projections, clock: Clock) -> None:
        self.settings = settings
        self.log = store
        self.projections = lists
        self.clock = clock
        self.stopping = False
        self.serving = False
        """Whether this is a daemon, and not one command."""
        self.follower: Follower | None = None
        """Where this process is the one that follows the log."""
        self.lost: Loss | None = None
        """What was lost before this start, and accepted."""
        self.sealing = SealJob(
            log=store, beside=beside_of(settings), origin=settings.proof.origin, signer=signer_of(settings)
        )
        self.writer = Writer(store, queue_events=settings.web.queue_events, queue_bytes=settings.web.queue_bytes)
        self.intake = Intake(self.writer, _endpoints(settings), _limits(settings))
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
            erase=self.eraser.erase,
            redraw=self.redraw,
            limits=WebLimits(
                read_timeout=self.settings.web.read_timeout / SECOND,
                retry_after=max(1, self.settings.web.retry_after // SECOND),
            ),
        )

    def _draft_job(self) -> jobs.DraftJob:
        drafts = self.settings.drafts
        rendered = _postmortems(self.projections, self.settings)
        return jobs.DraftJob(
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
        if self.stopping:
            return Readiness(ready=False, reason="the daemon is stopping")
        schema = await self.log.query(migrations.schema)
        unfit = await projections.mismatch(self.log)
        lag = 0 if unfit else await self.log.head() - await self.projections.position()
        failure = await self.writer.check()
        facts: dict[str, Any] = {"lag": lag, "queue": self.writer.events, "writer": failure or "well"}
        facts |= {"schema": schema.revision, "follows": self.follower is not None}
        facts |= {"sealed": self.sealing.size, "sealing": self.sealing.failure or "well"}
        if self.lost:
            facts["lost"] = str(self.lost)
        reason = schema.mismatch or unfit or failure
        return Readiness(ready=not reason, reason=reason, facts=facts)


def _endpoints(settings: Settings) -> dict[str, Endpoint]:
    return {
        name: Endpoint(
            source=SOURCES[said.kind],
            credentials=said.credentials,
            reading=said.reading,
            size=said.max_body,
            redaction=said.redaction,
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
    return Options(zone=drafts.zone, detail=drafts.detail, profile=drafts.profile)


def _postmortems(lists: Projections, settings: Settings) -> dict[str, Postmortem]:
    defaults = _options(settings)

    async def render(form: str, number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(lists, number, format=form, as_of=as_of, options=options_of(asked, defaults))

    return {form: partial(render, form) for form in FORMATS}


def beside_of(settings: Settings) -> Beside:
    """What is kept outside the database."""
    folder = settings.proof.dir or f"{database_path(settings.storage.url) or _stand_in(settings)}.proof"
    return Beside(Path(folder), settings.proof.origin)


def _stand_in(settings: Settings) -> Path:
    """For a log that is no file: what lies beside it is this daemon's own, and of this database."""
    database = hashlib.sha256(shown(settings.storage.url).encode()).hexdigest()[:8]
    return Path("data", f"timelined-{database}-{settings.web.port}")


def signer_of(settings: Settings) -> Signer | None:
    """What signs checkpoints, if anything does."""
    proof = settings.proof
    return Signer.load(proof.origin, proof.signing_key) if proof.signing_key else None


@asynccontextmanager
async def _opened(
    settings: Settings, clock: Clock, *, writable: bool, jobs_too: bool = False, accept_loss: bool = False
) -> AsyncIterator[Parts]:
    """The log and what is made of it, without a face.

    ``writable`` takes the writer's lock, or shares the log where several may write; then the log is followed here while
    its lease is ours, and ``jobs_too`` run.
    """
    async with AsyncExitStack() as stack:
        # A command beside daemons keeps nothing of its own.
        watching = jobs_too or database_path(settings.storage.url) is not None
        if writable and watching:
            _make_folder(settings)
        store = open_log(settings.storage.url, writable=writable, extra_metadata=[projections.metadata])
        stack.push_async_callback(store.close)
        parts = Parts(settings, store, projections.open_projections(store, settings.correlation), clock)
        if writable:
            stack.push_async_callback(_seal_at_end, parts)
            if watching:
                kept = parts.sealing.beside.acknowledged
                parts.lost = await stack.enter_async_context(watched(store, kept, clock, accept_loss=accept_loss))
            leadership = Leadership(store, partial(_duties, parts, jobs_too))
            stack.push_async_callback(leadership.close)
            await leadership.begin()
            stack.push_async_callback(parts.writer.close)
        elif wrong := await projections.mismatch(store):
            raise Unavailable(f"cannot read {shown(settings.storage.url)}: {wrong}")
        yield parts


async def _seal_at_end(parts: Parts) -> None:
    """The last thing a daemon does with its log; a single command leaves that to the next daemon."""
    if parts.serving and await parts.log.lead():
        await parts.sealing.run()


def _make_folder(settings: Settings) -> None:
    path = database_path(settings.storage.url)
    places = [(beside_of(settings).folder, "proof.dir")]
    if path is not None:
        places.insert(0, (path.parent, "storage.url"))
    for folder, setting in places:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot make the data directory {folder}: {error.strerror}; make it yourself, or set {setting}"
            ) from error


@asynccontextmanager
async def _duties(parts: Parts, jobs_too: bool) -> AsyncIterator[None]:
    """What only the one who holds the lease does: follow the log, from being caught up with it on, and the jobs."""
    follower = Follower(parts.log, parts.settings.correlation, clock=parts.clock)
    await follower.catch_up()
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(follower.run(), name="follower")
        stack.push_async_callback(_cancelled, task)
        parts.follower = follower
        stack.callback(setattr, parts, "follower", None)
        if jobs_too:
            _start_jobs(stack, parts, follower)
        yield


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# --- without a daemon -------------------------------------------------------------------------------------------------


def holder(settings: Settings) -> str | None:
    """Where the daemon that writes to this log listens; None where nobody does, or several may.

    Raises :class:`collector.errors.Unavailable` where somebody writes to it who does not listen: another command, or a
    daemon that is starting.
    """
    path = database_path(settings.storage.url)
    found = None if path is None else lock_holder(path)
    if found is not None and not found.address:
        raise Unavailable(f"cannot write to {path}: process {found.pid} does, and does not listen yet; try again")
    return found.address if found is not None else None


@asynccontextmanager
async def offline(settings: Settings, clock: Clock = wall_clock) -> AsyncIterator[web.Application]:
    """The whole application over a log that no daemon holds, for one command that writes. It listens nowhere."""
    async with _opened(settings, clock, writable=True) as parts:
        yield parts.app((), local_only=True)


@asynccontextmanager
async def reading(settings: Settings, clock: Clock = wall_clock) -> AsyncIterator[web.Application]:
    """The application over a log that a daemon may be writing to; whatever writes is refused. It listens nowhere."""
    async with _opened(settings, clock, writable=False) as parts:
        yield parts.app((), local_only=True)


# --- the daemon -------------------------------------------------------------------------------------------------------


class Daemon:
    """A daemon that serves."""

    def __init__(self, parts: Parts, address: str) -> None:
        self.parts = parts
        self.address = address
        """Its URL, with the port it really got."""

    @property
    def log(self) -> EventLog:
        """What it writes to."""
        return self.parts.log

    @property
    def projections(self) -> Projections:
        """What its lists are read from."""
        return self.parts.projections


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
    sockets: Sequence[socket.socket] = (),
) -> AsyncIterator[Daemon]:
    """A whole daemon for the length of the block; it listens on ``sockets`` if there are any.

    At its end it stops accepting, answers what is open, commits what was queued, and only then closes. Raises
    :class:`collector.errors.Unavailable` where the log, its folder or the port cannot be had, and
    :class:`collector.errors.LogDamaged` where acknowledged events are missing, unless ``accept_loss``.
    """
    async with AsyncExitStack() as stack:
        opened = _opened(settings, clock, writable=True, jobs_too=True, accept_loss=accept_loss)
        parts = await stack.enter_async_context(opened)
        await _record_start(parts)
        parts.serving = True
        stack.push_async_callback(_record_stop, parts)
        address = await _listen(stack, parts, sockets)
        stack.callback(setattr, parts, "stopping", True)
        yield Daemon(parts, address)


def _start_jobs(stack: AsyncExitStack, parts: Parts, follower: Follower) -> None:
    runs = jobs.scheduler()
    every = parts.settings.proof.every / SECOND
    runs.add_job(parts.sealing.run, "interval", seconds=every, id="seal", next_run_time=datetime.now(UTC))
    hourly = retention.EVERY
    runs.add_job(parts.retention.run, "interval", seconds=hourly, id="retention", next_run_time=datetime.now(UTC))
    stack.callback(follower.on_resolved(lambda number: _seal_soon(runs, parts.sealing)))
    idle = [parts.sealing.idle, parts.retention.idle]
    if parts.settings.drafts.enabled:
        idle.append(_start_drafts(stack, parts, runs, follower))
    runs.start()
    stack.push_async_callback(_stop_jobs, runs, idle)


def _seal_soon(runs: Any, sealing: SealJob) -> None:
    """A resolved incident is what proofs are asked for; those that resolve within seconds share a checkpoint."""
    if runs.get_job("seal-soon") is None:
        at = datetime.now(UTC) + timedelta(seconds=_SEAL_AFTER)
        runs.add_job(sealing.run, "date", run_date=at, id="seal-soon")


def _start_drafts(
    stack: AsyncExitStack, parts: Parts, runs: Any, follower: Follower
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Have drafts written; the answer waits until none is being written."""
    at_once = jobs.schedule(runs, parts.drafts)
    stack.callback(follower.on_resolved(at_once))
    return parts.drafts.idle


async def _stop_jobs(runs: Any, idle: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """No new pass; those that run are waited for, since they read the log and shutting down would cut them off."""
    runs.pause()
    for each in idle:
        await each()
    runs.shutdown(wait=False)


async def _listen(stack: AsyncExitStack, parts: Parts, sockets: Sequence[socket.socket]) -> str:
    """Take the port, or what was handed to us, and say in the lock file where; the answer is the URL."""
    at = parts.settings.web
    runner = Runner(parts.app(parts.settings.api.tokens, local_only=at.loopback), **server_kwargs())
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    for site in _sites(runner, at.host, at.port, _checked(sockets, parts.settings)):
        try:
            await site.start()
        except OSError as error:
            raise Unavailable(f"cannot listen on {at.listen_address}: {_why_not(error)}") from error
    stack.push_async_callback(runner.drain, _GRACE)
    address = _url(runner.addresses[0])
    parts.log.announce(address)
    # With this question others see us, before anybody is told that we serve.
    await parts.log.lead()
    return address


def _sites(runner: Runner, host: str, port: int, sockets: Sequence[socket.socket]) -> list[web.BaseSite]:
    if not sockets:
        return [web.TCPSite(runner, host or None, port)]
    return [web.SockSite(runner, one, backlog=_BACKLOG) for one in sockets]


def _checked(sockets: Sequence[socket.socket], settings: Settings) -> Sequence[socket.socket]:
    """What is open to others was checked for the address in the settings; a socket must not be open to more."""
    for one in sockets:
        if settings.web.loopback and not activation.is_loopback(one):
            host, port = one.getsockname()[:2]
            message = (
                f"cannot listen on the socket that systemd opened: others reach {host}, and web.listen_address is "
                f"{settings.web.listen_address}; set web.listen_address to {host}:{port} as well"
            )
            raise InvalidSettings((message,))
    return sockets


def _why_not(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "this host has no such name; set web.listen_address to one of its own"
    if error.errno == errno.EADDRINUSE:
        return "another process does; stop it, or set web.listen_address to another port"
    if error.errno == errno.EACCES:
        return "ports below 1024 need a privilege; set web.listen_address to a higher one"
    return f"{os.strerror(error.errno or 0)}; set web.listen_address to an address of this host"


def _url(name: Any) -> str:
    """A socket's name as the URL under which this machine reaches it."""
    host, port = name[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _record_start(parts: Parts) -> None:
    """Say in the log that we take webhooks from now on, and what is known of the time before.

    A postmortem tells a time without alerts from a time without a collector by these.
    """
    data: dict[str, Any] = {"previous_stop": await _previous_stop(parts)}
    deliveries = await parts.log.deliveries(limit=1)
    if deliveries:
        data["last_received_at"] = deliveries[0].received_at
    await _record(parts, "collector.started", data)


async def _previous_stop(parts: Parts) -> str:
    """How whoever took webhooks before us stopped: all of them, where several did."""
    if await parts.log.others():
        return "others"
    await _followed_by_another(parts)
    known = await parts.projections.events(EventFilter(type="collector.*", newest_first=True, limit=_LAST_STARTS))
    last: dict[str, str] = {}
    for event in known:
        last.setdefault(event.entity, event.type)
    if not last:
        return "first start"
    return "recorded" if set(last.values()) == {"collector.stopped"} else "missing"


async def _followed_by_another(parts: Parts) -> None:
    """Let the one who follows show what was recorded last, where that is not us; but not for long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            while await parts.projections.position() < await parts.log.head():  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # a number that another process counts up


async def _record_stop(parts: Parts) -> None:
    """Say that we stopped on purpose. Where that cannot be stored, the next start says that it is missing."""
    try:
        await _record(parts, "collector.stopped", {})
    except TimelinedError as error:
        log.warning("cannot record the stop", error=str(error))


def _name(settings: Settings) -> str:
    """By what a daemon is told from others over the same log; the only one over a file needs no name."""
    alone = database_path(settings.storage.url) is not None
    return "collector" if alone else f"collector:{socket.gethostname()}:{settings.web.listen_address}"


async def _record(parts: Parts, kind: str, data: dict[str, Any]) -> None:
    now = parts.clock()
    head = await parts.log.head()
    # The head makes it a fact of its own even on a clock that stands.
    fact = Event(
        id=event_id("collector.1", MACHINE, now, kind, str(head)),
        type=kind,
        source=MACHINE,
        entity=_name(parts.settings),
        occurred_at=now,
        data=data,
    )
    await parts.intake.append_facts([fact], now)


# --- serving ----------------------------------------------------------------------------------------------------------


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
) -> None:
    """Run until SIGTERM or SIGINT, then finish what was begun; a second signal ends the process at once.

    ``ready`` is called with the URL once it serves. systemd is told where it asks to be. Raises
    :class:`collector.errors.DiskFailed` where the disk failed to keep a write: the process must end then, without
    closing what it left open.
    """
    stop = _stop_signals()
    notifier = Notifier(os.environ)
    handed = activation.sockets(os.environ)
    notifier.status("opening the log")
    async with AsyncExitStack() as stack:
        opening = running(settings, clock=clock, accept_loss=accept_loss, sockets=handed)
        daemon = await _unless(stop, stack.enter_async_context(opening))
        if daemon is None:
            return
        stack.callback(notifier.stopping, "finishing what was accepted")
        notifier.ready(f"serving {daemon.address}")
        log.info("serving", address=daemon.address, storage=shown(settings.storage.url))
        if ready:
            ready(daemon.address)
        _show_hints(settings, daemon.address)
        async with _signs_of_life(notifier, daemon.log):
            failure = await _stopped_or_broken(stop, daemon.log)
        if failure:
            log.critical("ending, since what is on the disk is not known", reason=failure)
            raise DiskFailed(failure)
        log.info("stopping: finishing what was accepted")
    log.info("stopped")


def run(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    clock: Clock = wall_clock,
    accept_loss: bool = False,
) -> None:
    """:func:`serve` on the fastest event loop there is."""
    seldom_collect()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, ready=ready, clock=clock, accept_loss=accept_loss))


def seldom_collect() -> None:
    """Have Python look for circles of garbage less often: what is taken in holds none, and each look costs.

    What is loaded by now stays, and is looked at no more.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _stop_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one is for people who do not want to wait."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def _unless(stop: asyncio.Event, opening: Coroutine[Any, Any, T]) -> T | None:
    """What ``opening`` gives; None where we were asked to stop first, and then what it had opened is closed."""
    task = asyncio.ensure_future(opening)
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            return await task
        return None
    finally:
        asked.cancel()


async def _stopped_or_broken(stop: asyncio.Event, store: EventLog) -> str:
    """Wait until we are asked to stop, or until the log cannot know any more what it holds; why, in that case."""
    asked, broken = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(store.broken())
    try:
        await asyncio.wait((asked, broken), return_when=asyncio.FIRST_COMPLETED)
        return broken.result() if broken.done() else ""
    finally:
        asked.cancel()
        broken.cancel()


@asynccontextmanager
async def _signs_of_life(notifier: Notifier, store: EventLog) -> AsyncIterator[None]:
    """Keep the watchdog content for as long as this loop turns and the log's writer answers."""
    if notifier.watchdog is None:
        yield
        return
    task = asyncio.create_task(_keep_alive(notifier, store, notifier.watchdog / 3), name="watchdog")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_alive(notifier: Notifier, store: EventLog, interval: float) -> None:
    """One empty transaction at a time: while it hangs, so does the disk or the writer, and systemd starts us anew."""
    probe: asyncio.Future[None] | None = None
    while True:
        if probe is None or probe.done():
            probe = asyncio.ensure_future(_probe(store))
        await asyncio.wait((probe,), timeout=interval)
        if probe.done():
            notifier.alive()
        else:
            log.error("the log's writer does not answer", seconds=interval)
        await asyncio.sleep(interval)


async def _probe(store: EventLog) -> None:
    """An answer that nothing can be stored is an answer: starting anew would not empty a full disk."""
    with suppress(Unavailable):
        await store.transact(lambda connection: None)


def _show_hints(settings: Settings, address: str) -> None:
    """For a person at a terminal: what to do next, in three lines."""
    if sys.stderr.isatty():
        sys.stderr.write(hints(settings, address))


def hints(settings: Settings, address: str) -> str:
    """How to point Alertmanager at this daemon, how to try it, and where to look."""
    senders = [(name, said) for name, said in settings.sources.items() if said.kind == "alertmanager"]
    lines = ["what each sender needs:  timelined sources"]
    if senders:
        name, said = senders[0]
        url = f"{address}/webhooks/{name}"
        lines = [f"alertmanager.yml:  receivers: [{{name: timelined, webhook_configs: [{{url: '{url}'}}]}}]"]
        if said.credentials.open:
            lines.append(f"to try it:         curl {url} -H 'Content-Type: application/json' -d '{_SAMPLE}'")
    lines.append(f"then look:         timelined incidents, or {address}/api/v1/incidents")
    return "".join(f"{line}\n" for line in lines)


_SAMPLE = (
    '{"version":"4","groupKey":"try","status":"firing","alerts":[{"status":"firing",'
    '"labels":{"alertname":"TryMe","service":"demo"},"startsAt":"\'$(date -u +%FT%TZ)\'"}]}'
)
"""A delivery of Alertmanager's, for a shell, which puts the time into it."""
