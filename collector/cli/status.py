"""How the daemon is, in a few lines for a person; and what is wrong, with what to do about it."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import time as clock
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from collector.cli import output
from collector.cli.access import CONFIG_FILE, OUTPUT, STORAGE_URL, LogAccess, asking
from collector.cli.output import Json
from collector.errors import InvalidSettings, TimelinedError, Unavailable
from collector.event import HOUR
from collector.settings import DEFAULT_LOG, EVERY, EVERY_LOG, Settings, log_names, of_log
from collector.storage.urls import database_path, without_credentials
from collector.times import rfc3339

if TYPE_CHECKING:
    from collector.cli.client import ApiClient

_MOST = 1000
"""Incidents and signals that are counted; more are said to be so many or more."""
_FEW = 5
"""Sources that are named where all of a kind are alike."""
_DAY = 24 * HOUR
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX = 512
"""Bytes, more than the kernel's struct timex has."""


@click.command()
@OUTPUT
@asking
def status(access: LogAccess, form: str) -> None:
    """Say how the daemon, its log and its sources are.

    If there are several logs, each is listed; everything else is about the log that is asked. Exits with 4 if
    deliveries cannot be stored, and says why.
    """

    async def read_answers(api: ApiClient) -> Json:
        ready = (await api.get("/-/ready")).json()
        open_ones = (await api.get("/api/v1/incidents", status="open", limit=_MOST)).json()["incidents"]
        signals = (await api.get("/api/v1/signals", limit=_MOST)).json()["signals"]
        arrived = (await api.get("/api/v1/sources")).json()
        return {"ready": ready, "open": open_ones, "signals": signals, "arrived": arrived}

    answers = {**access.ask(read_answers), "logs": _every_log(access)}
    if form == "json":
        last_received = {one["source"]: one["last_received_at"] for one in answers["arrived"]["sources"]}
        counts = {
            "open_incidents": len(answers["open"]),
            "signals": len(answers["signals"]),
            "arrived": answers["arrived"],
        }
        listed = {"logs": answers["logs"]} if answers["logs"] else {}
        sources = {"sources": {k: at for k, at in last_received.items() if at}}
        return output.as_json({**answers["ready"], **counts, **sources, **listed})
    _show(access, answers)
    return None


def _every_log(access: LogAccess) -> list[Json]:
    """How each log is, where there are several and none of them is named."""
    every = access.of_every()
    found: list[Json] = every.get("/api/v1/logs").json()["logs"] if every.chosen_log == EVERY_LOG else []
    return found if len(found) > 1 else []


def _show(access: LogAccess, answers: Json) -> None:
    if answers["logs"]:
        rows = [
            (each["name"], "" if each["position"] is None else str(each["position"]),
             "are stored" if each["ready"] else f"cannot be stored: {each['reason']}")
            for each in answers["logs"]
        ]  # fmt: skip
        output.table(("LOG", "EVENTS", "DELIVERIES"), rows)
        click.echo(f"\nOf the log {DEFAULT_LOG}; --log NAME asks another one:")
    ready, now = answers["ready"], datetime.fromtimestamp(clock.time(), UTC).isoformat()
    unsealed = (ready["position"] or 0) - (ready["sealed"] or 0)
    where, deliveries = _origin(access)
    output.facts([
        ("Asked", where),
        ("Deliveries", deliveries),
        ("Log", f"{ready['position']} events, {unsealed} of them not sealed yet"),
        ("Sealing", ready["sealing"] if ready["sealing"] != "well" else ""),
        ("Lists", "whole" if ready["lists"] == "well" else str(ready["lists"])),
        ("Behind", f"{ready['lag']} events" if ready["lag"] else ""),
        ("Last backup", output.time(ready["backup"]) if ready.get("backup") else ""),
        ("Reload", "" if ready.get("reload") in (None, "well") else str(ready["reload"])),
        ("Incidents", f"{_counted(answers['open'])} open"),
        ("Signals", f"{_counted(answers['signals'])} firing or paging"),
    ])  # fmt: skip
    _arrived(answers["arrived"], now)


def _origin(access: LogAccess) -> tuple[str, str]:
    """Who answered, and what becomes of deliveries: a database that could store them takes none by itself."""
    from collector import daemon

    if access.server:
        return access.server, "are stored"
    settings = access.settings()
    settings = settings if access.chosen_log else of_log(settings, DEFAULT_LOG)
    if database_path(settings.storage.url) is None:
        return "the database itself", "can be stored; timelined doctor says how many daemons run over it"
    try:
        holder = daemon.holder(settings)
    except Unavailable:
        return "the database itself", "another command writes to the log, or a daemon that is starting"
    if holder is None:
        return "the database itself", "none are taken, since no daemon runs over this log; start it: timelined serve"
    return f"the database itself; the daemon at {holder} writes to it", "are stored"


_NAMED = 10
"""Sources that are named one by one."""
_COUNTS = ("received", "repeats", "unrecognised", "malformed", "refused")


def _arrived(arrived: Json, now: str) -> None:
    """Each source that was heard or refused, the latest first, and the names of those that are silent."""
    last = {one["source"]: one["last_received_at"] or "" for one in arrived["sources"]}
    heard_from = [one for one in arrived["sources"] if one["last_received_at"] or one["received"]]
    silent = [one["source"] for one in arrived["sources"] if one not in heard_from]
    if heard_from:
        click.echo()
        rows = [
            (one["source"], *(str(one[count]) for count in _COUNTS), *_since(one["last_received_at"], now))
            for one in sorted(heard_from, key=lambda one: last[one["source"]], reverse=True)
        ]
        heads = ("SOURCE", "RECEIVED", "REPEATS", "NOT UNDERSTOOD", "MALFORMED", "REFUSED", "LAST (UTC)", "THAT IS")
        output.table(heads, rows)
    if arrived["since"]:
        since = output.time(arrived["since"])
        output.say(f"Counted are the last {arrived['deliveries']:,} deliveries, since {since} UTC.")
    if silent:
        named = ", ".join(silent) if len(silent) <= _NAMED else f"{len(silent)} sources; timelined sources lists all"
        output.say(f"Never heard: {named}.")


def _since(at: str | None, now: str) -> tuple[str, str]:
    return (output.time(at), f"{output.lasted(at, now)} ago") if at else ("never", "")


def _counted(some: list[Any]) -> str:
    return f"{len(some)}{' or more' if len(some) >= _MOST else ''}"


# --- doctor -----------------------------------------------------------------------------------------------------------


class Check(msgspec.Struct, frozen=True):
    """What was tried, whether it is well, and what was found; where it is not, with what to do."""

    what: str
    well: bool
    found: str


@click.command()
@CONFIG_FILE
@STORAGE_URL
@OUTPUT
def doctor(config_file: Path | None, storage_url: str | None, form: str) -> None:
    """Try configuration, secrets, database, disk, clock and reachability, and say what to do.

    It changes nothing. It exits with 1 if something is wrong.
    """
    checks = list(_findings(LogAccess(config_file=config_file, storage_url=storage_url)))
    if form == "json":
        output.as_json({"findings": [msgspec.to_builtins(each) for each in checks]})
    else:
        rows = [("well" if each.well else "NOT WELL", each.what, each.found) for each in checks]
        output.table(("STATE", "WHAT", "HOW"), rows)
    if not all(each.well for each in checks):
        raise click.exceptions.Exit(output.FAILED)


def _findings(access: LogAccess) -> Iterator[Check]:
    unread: list[str] = []
    try:
        settings = access.settings(secrets=EVERY, unread=unread)
    except InvalidSettings as error:
        for mistake in error.mistakes:
            yield Check("configuration", False, mistake)
        return
    yield Check("configuration", True, f"{access.config_file or 'the defaults'}, without a mistake")
    for each in unread:
        yield Check("secret", False, f"{each}; as root say CREDENTIALS_DIRECTORY=FOLDER before the command")
    if opened := [name for name, source in settings.sources.items() if source.credentials.open]:
        yield Check("secret", True, f"only this machine reaches what takes anybody's deliveries: {_few(opened)}")
    names = log_names(settings)
    for name in names:
        for subject, look in _LOOKS.items():
            try:
                check = look(access.of(name), of_log(settings, name))
            except TimelinedError as error:
                check = Check(subject, False, str(error))
            yield Check(f"{check.what} ({name})", check.well, check.found) if len(names) > 1 else check
    yield _clock()


def _few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more sources" if more > 0 else "")


def _database(access: LogAccess, settings: Settings) -> Check:
    ready = access.get("/-/ready").json()
    description = (
        f"{without_credentials(settings.storage.url)}: {ready['position']} events at revision {ready['schema']}"
    )
    if ready["lists"] != "well":
        return Check("database", False, f"{description}; {ready['lists']}")
    return Check("database", True, description)


def _disk(access: LogAccess, settings: Settings) -> Check:
    path = database_path(settings.storage.url)
    if path is None:
        return Check("disk", True, "the server's own; look there")
    if not path.exists():
        raise Unavailable(f"{path} is not there; timelined serve makes it")
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    space = f"{free // 1_000_000} MB free beside a log of {size // 1_000_000} MB"
    if free < 2 * size + 500_000_000:
        return Check("disk", False, f"{space}; make room: a backup, an upgrade and an erasure need as much again each")
    return Check("disk", True, space)


def _backup(access: LogAccess, settings: Settings) -> Check:
    from collector import daemon
    from collector.proof import upkeep

    latest = upkeep.read(daemon.proof_folder_of(settings).folder).get("backup")
    old = 2 * (settings.backup.every if settings.backup.dir else _DAY)
    if database_path(settings.storage.url) is None:
        return Check("backup", True, "its own tools make them; timelined sees none")
    if latest is None or not latest.at:
        return Check("backup", False, "none is known; set backup.dir, or run timelined backup FILE from a timer")
    last_made = f"the last one was made at {output.time(rfc3339(latest.at))} UTC"
    if not latest.well or daemon.wall_clock() - latest.at > old:
        why = "the log of the daemon says why" if settings.backup.dir else "run timelined backup FILE from a timer"
        return Check("backup", False, f"{last_made}, and none since; {why}")
    return Check("backup", True, last_made)


def _clock() -> Check:
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    if state == _UNSYNCHRONISED:
        return Check("clock", False, "the kernel says that nothing keeps it right; run an NTP client")
    return Check("clock", True, "kept right, as the kernel says")


def _reachable(access: LogAccess, settings: Settings) -> Check:
    from collector import daemon

    if database_path(settings.storage.url) is None:
        return over_server(settings)
    holder = daemon.holder(settings)
    if holder is None:
        return Check("daemon", False, "none runs over this log, so nothing is taken; start it: timelined serve")
    LogAccess(server=holder, tls=access.trust(holder)).get("/-/healthy")
    others = "others reach it" if not settings.web.loopback else "only this machine reaches it (web.listen_address)"
    return Check("daemon", True, f"answers at {holder}; {others}")


def over_server(settings: Settings) -> Check:
    """Whether a daemon is over a log on a server: none of them is asked, since any may be on another machine."""
    from collector.log import open_log

    async def counted() -> int:
        store = await open_log(settings.storage.url, writable=False)
        try:
            return await store.others()
        finally:
            await store.close()

    count = asyncio.run(counted())
    if not count:
        return Check("daemon", False, "none runs over this log, so nothing is taken; start it: timelined serve")
    return Check("daemon", True, f"{count} {'runs' if count == 1 else 'run'} over this log, as its server says")


_LOOKS: dict[str, Callable[[LogAccess, Settings], Check]] = {
    "database": _database, "disk": _disk, "backup": _backup, "daemon": _reachable,
}  # fmt: skip
