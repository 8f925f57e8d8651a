"""Which keys there are, and how each is read.

One table for each section of the file, in the order of
``config/timelined.yml``; those of senders are in ``sources``. What depends on
two keys at once is checked where the section is put together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collector.correlation import Rules, Service
from collector.settings.logs import log_name
from collector.settings.marks import (
    Node,
    Reader,
    SettingsSection,
    list_of,
    made,
    mapping_of,
    one_of,
    parsed,
    positive,
    section,
    text,
    truth,
    whole,
)
from collector.settings.publishing import publishing
from collector.settings.schema import BackupSettings, Drafts, LogOutput, Proof, Settings, Storage, Web
from collector.settings.secrets import Files, readers, secrets_of
from collector.settings.sources import sources
from collector.settings.tokens import api, with_senders
from collector.settings.values import address, duration, size, zone
from collector.storage.urls import shown

LEVELS = ("debug", "info", "warning", "error")
DETAILS = ("normal", "key", "all")
CITATIONS = ("inline", "end", "none")
PROFILES = ("timelined", "pagerduty", "datadog", "rootly")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PREFIX = re.compile(r"/|(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)+/?", re.ASCII)


def _listen(written: str) -> str:
    address(written)
    return written


def _listens(written: str) -> tuple[str, ...]:
    """Several of them in one text, as a variable has them."""
    return tuple(_listen(each) for each in written.replace(",", " ").split()) or (_listen(written),)


def _addresses(place: Node) -> tuple[str, ...]:
    read = list_of(parsed(_listen))(place)
    if not read and place.sound:
        place.wrong("names no address; write HOST:PORT, or remove the line")
    # What could not be read was said, and the default goes on standing for it.
    return read or Web().listen_address


def _prefix(written: str) -> str:
    """A path of plain characters, without a slash at its end; ``/`` is none."""
    if written and not _PREFIX.fullmatch(written):
        raise ValueError(f"is {written!r}, which is no path of plain characters; write it like /timelined, or /")
    return written if written in ("", "/") else written.rstrip("/")


def _host(written: str) -> str:
    """A name as it stands in Host, without the port, which may be any."""
    if not _HOST.fullmatch(written):
        raise ValueError(
            f"is {written!r}, which is not a host's name; write it like timelined.example.com, without a port"
        )
    return written.lower()


def _url(written: str) -> str:
    scheme, _, rest = written.partition("://")
    if not rest or scheme.partition("+")[0] not in ("sqlite", "postgresql"):
        wanted = "sqlite:///data/timelined.db or postgresql://HOST/DATABASE"
        raise ValueError(f"is {shown(written)!r}, which is not a database address of ours; write it like {wanted}")
    return written


def _origin(written: str) -> str:
    """A name as signed notes take it (https://c2sp.org/signed-note); the lines of a checkpoint must stay apart."""
    if not written.isprintable() or any(character.isspace() or character == "+" for character in written):
        raise ValueError(f"is {written!r}, which cannot name a log; write it like example.com/timelined, without +")
    return written


def _external_url(written: str) -> str:
    """An address that readers can open, without the slash at its end; empty is none."""
    try:
        parts = urlsplit(written)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        known = False
    if written and not known:
        raise ValueError(f"is {written!r}, which is no web address; write it like https://timelined.example.com")
    return written.rstrip("/")


def _said(written: str) -> bool:
    if written not in ("true", "false"):
        raise ValueError(f"is {written!r}; write true or false")
    return written == "true"


def _web(files: Files) -> Reader[Web]:
    return section(made(Web), {"config_file": files.located, **_WEB})


_WEB: Mapping[str, Reader[Any]] = {
    "listen_address": _addresses,
    "hosts": list_of(parsed(_host)),
    "max_body": positive(size),
    "read_timeout": positive(duration),
    "queue_bytes": positive(size),
    "queue_events": whole,
    "retry_after": positive(duration),
    "drain": parsed(duration),
    "enable_lifecycle": truth,
    "external_url": parsed(_external_url),
    "route_prefix": parsed(_prefix),
}
_STORAGE = section(made(Storage), {"url": parsed(_url), "logs": mapping_of(parsed(_url), log_name)})
_DRAFTS = section(
    made(Drafts),
    {
        "enabled": truth,
        "dir": text,
        "zone": parsed(zone),
        "zones": mapping_of(parsed(zone)),
        "detail": one_of(*DETAILS),
        "profile": one_of(*PROFILES),
        "citations": one_of(*CITATIONS),
        "seconds": truth,
        "template": text,
        "stale_after": positive(duration),
        "keep_versions": positive(duration),
        "keep": positive(duration),
        "max_size": positive(size),
    },
)
_BACKUP = section(made(BackupSettings), {"dir": text, "every": positive(duration), "keep": whole})
_LOG = section(made(LogOutput), {"level": one_of(*LEVELS), "format": one_of("logfmt", "json")})


def _proof(files: Files) -> Reader[Proof]:
    def build(place: Node, values: dict[str, Any]) -> Proof:
        keys = secrets_of(place, values, "signing_key")
        if len(keys) > 1:
            place.note("has several signing keys; a log signs with one")
        plain = {name: values[name] for name in ("origin", "every", "dir") if name in values}
        return Proof(signing_key=keys[0] if keys else b"", **plain)

    named = {"origin": parsed(_origin), "every": positive(duration), "dir": text}
    return section(build, {**named, **readers(files, "signing_key")})


def _rules(place: Node, values: dict[str, Any]) -> Rules:
    rules = Rules(**values)
    if rules.quiet > rules.gap:
        quiet, gap = (f"{micros / 60_000_000:g}m" for micros in (rules.quiet, rules.gap))
        place.note(
            f"has quiet {quiet} above gap {gap}: an incident would take in what a new one is opened for; "
            "lower quiet or raise gap"
        )
    return rules


_CORRELATION = section(
    _rules,
    {
        "reach": positive(duration),
        "gap": positive(duration),
        "storm": parsed(duration),
        "lookback": parsed(duration),
        "follow_up": parsed(duration),
        "quiet": parsed(duration),
        "environment_aliases": mapping_of(text),
        "opening_severities": list_of(text),
        "silent_severities": list_of(text),
    },
)


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().casefold())


def _catalog(place: Node, values: dict[str, Any]) -> tuple[tuple[Service, ...], Mapping[str, tuple[str, ...]]]:
    """The services, each with its name, and the people; a name that means two services is a mistake."""
    services = []
    owners: dict[str, str] = {}
    for name, said in values.get("services", {}).items():
        services.append(Service(name=name, **said))
        for alias in (name, *said.get("aliases", ())):
            owner = owners.setdefault(_folded(alias), name)
            if owner != name:
                place.note(f"gives the name {alias!r} to {owner} and to {name}; keep it with one of them")
    return tuple(services), values.get("people", {})


_SERVICE = section(
    lambda place, values: values,
    {
        "aliases": list_of(text),
        "depends_on": list_of(text),
        "labels": mapping_of(text),
        "repositories": list_of(text),
    },
)
_CATALOG = section(_catalog, {"services": mapping_of(_SERVICE), "people": mapping_of(list_of(text))})


def _settings(place: Node, values: dict[str, Any]) -> Settings:
    """The catalog is a section of its own for people, and a part of the rules for the code."""
    services, known_people = values.pop("catalog", ((), {}))
    rules = msgspec.structs.replace(values.pop("correlation", Rules()), services=services, people=known_people)
    senders = values["api"].senders if "api" in values else ()
    if senders:
        values["sources"] = with_senders(place, values["api"], values.get("sources") or Settings().sources)
    return Settings(correlation=rules, **values)


def document(files: Files) -> SettingsSection[Settings]:
    """The whole file."""
    return section(
        _settings,
        {
            "web": _web(files),
            "storage": _STORAGE,
            "api": api(files),
            "sources": sources(files),
            "correlation": _CORRELATION,
            "catalog": _CATALOG,
            "drafts": _DRAFTS,
            "publishing": publishing(files),
            "proof": _proof(files),
            "backup": _BACKUP,
            "log": _LOG,
        },
    )


OVERRIDES: Mapping[str, tuple[str, str, Reader[Any]]] = {
    "web.listen_address": ("web", "listen_address", parsed(_listens)),
    "web.external_url": ("web", "external_url", parsed(_external_url)),
    "web.route_prefix": ("web", "route_prefix", parsed(_prefix)),
    "web.enable_lifecycle": ("web", "enable_lifecycle", parsed(_said)),
    "storage.url": ("storage", "url", parsed(_url)),
    "log.level": ("log", "level", one_of(*LEVELS)),
}
"""What a flag or a variable may set: the path → its section, its key, its reader."""

__all__ = ["CITATIONS", "DETAILS", "LEVELS", "OVERRIDES", "PROFILES", "document"]
