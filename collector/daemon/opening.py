"""Opening the log and what is made of it: for a daemon, or for one command where no daemon runs."""

from __future__ import annotations

import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from collector import projections
from collector.backup import before_upgrade
from collector.daemon.face import Host
from collector.daemon.leader_tasks import followed
from collector.daemon.runtime import Clock, Runtime, former_proof_folder, log_pointer, proof_folder_of, wall_clock
from collector.daemon.scratch import scratch_lists
from collector.errors import Unavailable
from collector.files import FOLDER_MODE, close_to_others
from collector.following.follower import Follower
from collector.jobs.loss_check import watch
from collector.log import FOLLOWING, JOBS, EventLog, open_log
from collector.projections import Lists, Projections
from collector.projections.database import close_lists_to_others
from collector.projections.former import drop_former, has_former
from collector.projections.shape import unusable
from collector.proof import lost
from collector.proof.acknowledged import Loss
from collector.proof.folder import ACKNOWLEDGED
from collector.settings import Settings
from collector.storage import servers
from collector.storage.lock import holder as lock_holder
from collector.storage.urls import database_path, without_credentials

log = structlog.get_logger(__name__)

Say = Callable[[str], None]


@asynccontextmanager
async def opened(
    settings: Settings, clock: Clock, host: Host | None = None, *, writable: bool, jobs_too: bool = False,
    accept_loss: bool = False, own_process: bool = False, say: Say = lambda text: None,
) -> AsyncIterator[Runtime]:  # fmt: skip
    """The log and what is made of it, without a face.

    ``writable`` takes the writer's lock, or shares the log where several may write. Then the log is followed while its
    lease is ours, with ``own_process`` not in this one; and with ``jobs_too`` the jobs run. ``say`` is told what a
    person waits for.
    """
    async with AsyncExitStack() as stack:
        made_runtime = _runtime(
            settings,
            clock,
            host,
            writable=writable,
            jobs_too=jobs_too,
            accept_loss=accept_loss,
            own_process=own_process,
            say=say,
        )
        runtime = await stack.enter_async_context(made_runtime)
        if writable:
            stack.push_async_callback(_seal_at_end, runtime)
            await stack.enter_async_context(followed(runtime, jobs_too=jobs_too, own_process=own_process))
            stack.push_async_callback(runtime.writer.close)
        yield runtime


@asynccontextmanager
async def _runtime(
    settings: Settings, clock: Clock, host: Host | None = None, *, writable: bool, jobs_too: bool = False,
    accept_loss: bool = False, own_process: bool = False, say: Say = lambda text: None,
) -> AsyncIterator[Runtime]:  # fmt: skip
    """The log, held to what was acknowledged; nobody follows it yet."""
    async with AsyncExitStack() as stack:
        # A command beside daemons keeps nothing of its own.
        watching = writable and (jobs_too or accept_loss or database_path(settings.storage.url) is not None)
        if watching:
            _make_folder(settings, warn=jobs_too)
        store = await open_log(
            settings.storage.url, writable=writable, extra_metadata=[projections.metadata],
            lease=JOBS if own_process else FOLLOWING, keep_copy=before_upgrade,
        )  # fmt: skip
        stack.push_async_callback(store.close)
        about = await store.query(lost.about)
        lacks = None
        if watching:
            lacks = await stack.enter_async_context(_recorded(settings, store, about, clock, accept_loss=accept_loss))
            about = await store.query(lost.about)
        lists = await _lists(stack, settings, store, writable, say)
        runtime = Runtime(settings, store, lists, clock, host or Host.of_command(settings, clock), about)
        runtime.accepted = lacks
        if writable and database_path(settings.storage.url) is not None:
            await _drop_former(store)
        if database_path(settings.storage.url) is None:
            runtime.storage = {"log": about.identity.hex(), **await store.query(servers.described)}
        yield runtime


async def _drop_former(store: EventLog) -> None:
    """Drop the lists of earlier versions; what cannot be written now is tried at the next start."""
    try:
        if await store.query(has_former) and await store.transact(drop_former):
            log.info("dropped the lists that an earlier version kept in the log's own file; they are made anew")
    except Unavailable as error:
        log.warning("cannot drop the lists that an earlier version kept in the log's own file", error=str(error))


async def _lists(stack: AsyncExitStack, settings: Settings, store: EventLog, writable: bool, say: Say) -> Lists:
    """What lists are read from. Who only reads makes what is missing for itself, where no daemon is about to."""
    path = database_path(settings.storage.url)
    if writable and path is not None:
        close_lists_to_others(path)
    lists = projections.open_lists(store)
    stack.push_async_callback(lists.close)
    wrong = "" if writable else await lists.query(unusable)
    if not wrong:
        return lists
    if path is None or lock_holder(path) is not None:
        raise Unavailable(f"cannot read {without_credentials(settings.storage.url)}: {wrong}")
    return await stack.enter_async_context(scratch_lists(path, settings.correlation, say))


async def _seal_at_end(runtime: Runtime) -> None:
    """The last thing a daemon does with its log; a single command leaves that to the next daemon."""
    if runtime.serving and await runtime.log.lead():
        await runtime.sealing.run()


@asynccontextmanager
async def _recorded(
    settings: Settings, store: EventLog, about: lost.LogName, clock: Clock, *, accept_loss: bool
) -> AsyncIterator[Loss | None]:
    """Keep what is acknowledged, in the folder of this very log."""
    folder = proof_folder_of(settings, about).folder
    former = former_proof_folder(settings)
    if former is not None and former.is_dir() and not folder.exists():
        former.rename(folder)
    _make(folder, "proof.dir")
    close_to_others(folder)
    record, file = folder / ACKNOWLEDGED, database_path(settings.storage.url)
    place = "" if file is None else f"{socket.gethostname()}:{record.absolute()}"
    kept = watch(store, record, clock, accept_loss=accept_loss, location=place, pointer=log_pointer(settings))
    async with kept as lacks:
        yield lacks


def _make(folder: Path, setting: str) -> None:
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"cannot make the data directory {folder}: {error.strerror}; make it yourself, or set {setting}"
        ) from error


def _make_folder(settings: Settings, *, warn: bool) -> None:
    """With ``warn`` it is said who else can look into it: a daemon says so at its start, and not every command."""
    path = database_path(settings.storage.url)
    if path is None:
        return
    _make(path.parent, "storage.url")
    _make(proof_folder_of(settings).folder, "proof.dir")
    if warn and stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
        # It may hold other things, so its mode is not ours to change. What we put there others cannot read.
        log.warning("others can look into the folder of the database; chmod 700 it", folder=str(path.parent))


def holder(settings: Settings) -> str | None:
    """Where the daemon that writes to this log listens; None where nobody does, or several may.

    Raises :class:`collector.errors.Unavailable` where somebody writes to it who does not listen: another command, or a
    daemon that is starting.
    """
    path = database_path(settings.storage.url)
    lock = None if path is None else lock_holder(path)
    if lock is not None and not lock.address:
        raise Unavailable(f"cannot write to {path}: process {lock.pid} does, and does not listen yet; try again")
    return lock.address if lock is not None else None


@asynccontextmanager
async def offline(
    settings: Settings, clock: Clock = wall_clock, name: str = ""
) -> AsyncIterator[web.Application]:  # fmt: skip
    """The whole application over a log that no daemon holds, for one command that writes. It listens nowhere.

    ``name`` is what the log is called where there are several.
    """
    async with opened(settings, clock, Host.of_command(settings, clock, name), writable=True) as runtime:
        yield runtime.app(local_only=True)


async def accept_loss(settings: Settings, clock: Clock = wall_clock) -> Loss | None:
    """Record what the log lacks of what was acknowledged as lost for good; what that is, None where it lacks nothing.

    Raises :class:`collector.errors.Unavailable` where a daemon writes to the file.
    """
    async with opened(settings, clock, writable=True, accept_loss=True) as runtime:
        return runtime.accepted


async def set_aside(settings: Settings) -> int:
    """How many events grouping could not take, of a log in a file whose lists can be read; else 0."""
    path = database_path(settings.storage.url)
    if path is None or not projections.lists_path(path).exists():
        return 0
    lists = projections.SqliteLists(path)
    try:
        return (await Projections(lists, settings.correlation).state()).set_aside
    except Unavailable:
        return 0
    finally:
        await lists.close()


async def rebuild(settings: Settings, clock: Clock = wall_clock) -> int:
    """Drop the lists and make them again out of the log; how many events they follow then.

    Raises :class:`collector.errors.Unavailable` where a daemon writes to the file or follows the log. Where it is cut
    off, the next daemon goes on with it.
    """
    async with _runtime(settings, clock, writable=True) as runtime:
        if not await runtime.log.lead():
            raise Unavailable("cannot make the lists anew: a daemon follows the log; stop all of them, and try again")
        lists = projections.open_lists(runtime.log, owner=True)
        try:
            await Follower(lists, runtime.log, settings.correlation, clock=clock).rebuild()
        finally:
            await lists.close()
        await runtime.writer.close()
        return await runtime.projections.position()


async def compact(settings: Settings, clock: Clock = wall_clock) -> str:
    """Write the files of the log and its lists anew, without the room that removed rows left; why not all of it could
    be done, empty where it was.

    Raises :class:`collector.errors.Unavailable` where a daemon writes to the file, or there is none.
    """
    async with _runtime(settings, clock, writable=True) as runtime:
        lists = projections.open_lists(runtime.log, owner=True)
        try:
            remaining = await lists.scrub() or await runtime.log.scrub()
        finally:
            await lists.close()
        await runtime.writer.close()
        return remaining


@asynccontextmanager
async def read_only(
    settings: Settings, clock: Clock = wall_clock, say: Say = lambda text: None, name: str = ""
) -> AsyncIterator[web.Application]:
    """The application over a log that a daemon may be writing to; whatever writes is refused. It listens nowhere.

    ``say`` is told where lists have to be made first; ``name`` is what the log is called where there are several.
    """
    host = Host.of_command(settings, clock, name)
    async with opened(settings, clock, host, writable=False, say=say) as runtime:
        yield runtime.app(local_only=True)
