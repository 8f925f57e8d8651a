"""Several logs of one daemon (``storage.logs``): their names, the settings of each, and what cannot be.

All other code knows the settings of one log. :func:`of_log` makes them: its own
database, sources, proofs, drafts and backups, and the addresses beneath its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from collector.errors import InvalidSettings, NotFound
from collector.settings.schema import DEFAULT_LOG, BackupSettings, Settings, Storage
from collector.settings.yaml_reader import Node
from collector.storage.urls import database_path, is_postgresql, without_credentials

LOGS = "/logs/"
"""What the addresses of a log with a name begin with, before its name."""
EVERY_LOG = "all"
"""Stands for all of them on the command line."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def log_names(settings: Settings) -> tuple[str, ...]:
    """The logs, the default one first."""
    return (DEFAULT_LOG, *settings.storage.logs)


def path_of(name: str) -> str:
    """What the addresses of a log begin with: nothing for the default one."""
    return "" if name == DEFAULT_LOG else LOGS + name


def of_log(settings: Settings, name: str) -> Settings:
    """The settings of one log, as if there were no other. Raises :class:`NotFound` where there is none so named."""
    if name not in log_names(settings):
        known = ", ".join(log_names(settings))
        raise NotFound(f"cannot find a log named {name!r}: storage.logs and storage.url say {known}", "log")
    if not settings.storage.logs:
        return settings
    sources = {source: said for source, said in settings.sources.items() if (said.log or DEFAULT_LOG) == name}
    if name == DEFAULT_LOG:
        return msgspec.structs.replace(
            settings, sources=sources, storage=Storage(url=settings.storage.url),
            backup=_backed_up(settings, settings.storage.url, settings.backup.dir),
        )  # fmt: skip
    return _with_name(msgspec.structs.replace(settings, sources=sources), name, settings.storage.logs[name])


def _with_name(settings: Settings, name: str, url: str) -> Settings:
    """What lies in a folder, or has a name elsewhere, lies in a folder of the log, or has its name, too."""
    replace = msgspec.structs.replace
    web, proof, drafts = settings.web, settings.proof, settings.drafts
    targets = {each: replace(target, log=name) for each, target in settings.publishing.targets.items()}
    return replace(
        settings,
        storage=Storage(url=url),
        web=replace(
            web, route_prefix=web.prefix + path_of(name),
            external_url=web.external_url + path_of(name) if web.external_url else "",
        ),
        proof=replace(proof, origin=f"{proof.origin}/{name}", dir=_below(proof.dir, name)),
        drafts=replace(drafts, dir=_below(drafts.dir, name)),
        backup=_backed_up(settings, url, _below(settings.backup.dir, name)),
        publishing=replace(settings.publishing, targets=targets),
    )  # fmt: skip


def _below(folder: str, name: str) -> str:
    return str(Path(folder) / name) if folder else ""


def _backed_up(settings: Settings, url: str, folder: str) -> BackupSettings:
    """Backups of a log in a file; PostgreSQL has tools of its own for them."""
    return msgspec.structs.replace(settings.backup, dir="" if is_postgresql(url) else folder)


def log_name(node: Node, name: str) -> None:
    """Report a name that no log can have."""
    if "/" in name:
        node.fail("has a slash, which stands between a log and a number (eu/12); leave it out")
    if not _NAME.fullmatch(name):
        node.fail(
            "cannot name a log; begin with a lower-case letter, then letters, digits, dashes and underscores, 32 at "
            "most"
        )
    if name in (DEFAULT_LOG, EVERY_LOG):
        what = "the log of storage.url" if name == DEFAULT_LOG else "all logs on the command line"
        node.fail(f"is what {what} is called; choose another name")


def mistaken_logs(settings: Settings, root: Node | None, origin: str) -> Iterator[str]:
    """What cannot be: a source whose log is not there, one database for two logs. Each as a sentence."""

    def at(*keys: str) -> str:
        line = root.line_of(*keys) if root is not None else 0
        return f"cannot read {origin}: line {line}, {'.'.join(keys)}" if line else f"cannot use {'.'.join(keys)}: it"

    yield from _without_log(settings, at)
    yield from _twice(settings.storage, at)


def _without_log(settings: Settings, at: Callable[..., str]) -> Iterator[str]:
    names_of_logs = log_names(settings)
    for source, settings_of_source in settings.sources.items():
        if settings_of_source.log and settings_of_source.log not in names_of_logs:
            yield (
                f"{at('sources', source, 'log')} is {settings_of_source.log!r}, and there is no such log; use one of "
                f"{', '.join(names_of_logs)}, or add it to storage.logs"
            )


def _twice(storage: Storage, at: Callable[..., str]) -> Iterator[str]:
    owners: dict[object, str] = {}
    urls: Mapping[str, str] = {DEFAULT_LOG: storage.url, **storage.logs}
    if len(urls) == 1:
        return
    for name, url in urls.items():
        try:
            owner = owners.setdefault(_database(url), name)
        except InvalidSettings as error:
            if name != DEFAULT_LOG:
                yield f"{at('storage', 'logs', name)} cannot be used: {error}"
            continue
        if owner != name:
            other = "storage.url" if owner == DEFAULT_LOG else f"storage.logs.{owner}"
            yield (
                f"{at('storage', 'logs', name)} is {without_credentials(url)!r}, which is the database of {other} as "
                "well; each log needs one of its own"
            )


def _database(url: str) -> object:
    """By what two addresses of one database are known to be that."""
    path = database_path(url)
    if path is None:
        return _server_and_name(without_credentials(url).partition("://")[2])
    try:
        about = path.stat()
    except OSError:
        return os.path.realpath(path)
    return (about.st_dev, about.st_ino)


def _server_and_name(address: str) -> tuple[str, ...]:
    """Hosts with their ports, the database, and what else chooses where its tables lie; TLS and the like do not."""
    authority, _, rest = address.partition("/")
    name, _, query = rest.partition("?")
    if not authority:
        return (address,)
    hosts = [host.lower() if re.search(r":\d+$", host) else f"{host.lower()}:5432" for host in authority.split(",")]
    return (*hosts, name, *sorted(option for option in query.split("&") if option.startswith("options=")))
