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
from collector.settings.publishing import publishing
from collector.settings.schema import BackupSettings, Drafts, LogOutput, Proof, Settings, Storage, Web
from collector.settings.secrets import Files, readers, secrets_of
from collector.settings.sources import sources
from collector.settings.tokens import api, with_senders
from collector.settings.values import address, duration, size, zone
from collector.settings.yaml_reader import (
    Node,
    Reader,
    SettingsSection,
    list_of,
    mapping_of,
    one_of,
    parsed,
    positive,
    section,
    struct_of,
    text,
    truth,
    whole,
)
from collector.storage.urls import without_credentials
from renderers.choices import CITATIONS, DETAILS, PEOPLE, PROFILES

LEVELS = ("debug", "info", "warning", "error")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PREFIX = re.compile(r"/|(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)+/?", re.ASCII)


def _listen(written: str) -> str:
    address(written)
    return written


def _listens(written: str) -> tuple[str, ...]:
    """Several of them in one text, as a variable has them."""
    return tuple(_listen(each) for each in written.replace(",", " ").split()) or (_listen(written),)


def _addresses(node: Node) -> tuple[str, ...]:
    read = list_of(parsed(_listen))(node)
    if not read and node.sound:
        node.fail("names no address; write HOST:PORT, or remove the line")
    # What could not be read was said, and the default goes on standing for it.
    return read or Web().listen_address


def _prefix(value: str) -> str:
    """A path of plain characters, without a slash at its end; ``/`` is none."""
    if value and not _PREFIX.fullmatch(value):
        raise ValueError(f"is {value!r}, which is no path of plain characters; write it like /timelined, or /")
    return value if value in ("", "/") else value.rstrip("/")


def _host(value: str) -> str:
    """A name as it stands in Host, without the port, which may be any."""
    if not _HOST.fullmatch(value):
        raise ValueError(
            f"is {value!r}, which is not a host's name; write it like timelined.example.com, without a port"
        )
    return value.lower()


def _url(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if rest and scheme.partition("+")[0] in ("sqlite", "postgresql"):
        return value
    example = "sqlite:///data/timelined.db or postgresql://HOST/DATABASE"
    if rest and scheme == "postgres":
        example = without_credentials(f"postgresql://{rest}")
    elif value and ":" not in value:
        # The path of a file: one that begins with a slash comes after three.
        example = f"sqlite:///{value}"
    raise ValueError(f"is {without_credentials(value)!r}, which is no address of a database; write it like {example}")


def _origin(value: str) -> str:
    """A name as signed notes take it (https://c2sp.org/signed-note); the lines of a checkpoint must stay apart."""
    if not value.isprintable() or any(character.isspace() or character == "+" for character in value):
        raise ValueError(f"is {value!r}, which cannot name a log; write it like example.com/timelined, without +")
    return value


def _external_url(value: str) -> str:
    """An address that readers can open, without the slash at its end; empty is none."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        sound = False
    if value and not sound:
        raise ValueError(f"is {value!r}, which is no web address; write it like https://timelined.example.com")
    return value.rstrip("/")


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(f"is {value!r}; write true or false")
    return value == "true"


def _web(files: Files) -> Reader[Web]:
    return section(struct_of(Web), {"config_file": files.located, **_WEB})


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
_STORAGE = section(struct_of(Storage), {"url": parsed(_url), "logs": mapping_of(parsed(_url), log_name)})
_DRAFTS = section(
    struct_of(Drafts),
    {
        "enabled": truth,
        "dir": text,
        "zone": parsed(zone),
        "zones": mapping_of(parsed(zone)),
        "detail": one_of(*DETAILS),
        "profile": one_of(*PROFILES),
        "citations": one_of(*CITATIONS),
        "people": one_of(*PEOPLE),
        "seconds": truth,
        "template": text,
        "stale_after": positive(duration),
        "keep_versions": positive(duration),
        "keep": positive(duration),
        "max_size": positive(size),
    },
)
_BACKUP = section(struct_of(BackupSettings), {"dir": text, "every": positive(duration), "keep": whole})
_LOG = section(struct_of(LogOutput), {"level": one_of(*LEVELS), "format": one_of("logfmt", "json")})


def _proof(files: Files) -> Reader[Proof]:
    def build(node: Node, values: dict[str, Any]) -> Proof:
        keys = secrets_of(node, values, "signing_key")
        if len(keys) > 1:
            node.report("has several signing keys; a log signs with one")
        plain = {name: values[name] for name in ("origin", "every", "dir") if name in values}
        return Proof(signing_key=keys[0] if keys else b"", **plain)

    named = {"origin": parsed(_origin), "every": positive(duration), "dir": text}
    return section(build, {**named, **readers(files, "signing_key")})


def _rules(node: Node, values: dict[str, Any]) -> Rules:
    rules = Rules(**values)
    if rules.quiet > rules.gap:
        quiet, gap = (f"{micros / 60_000_000:g}m" for micros in (rules.quiet, rules.gap))
        node.report(
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


def _catalog(node: Node, values: dict[str, Any]) -> tuple[tuple[Service, ...], Mapping[str, tuple[str, ...]]]:
    """The services, each with its name, and the people; a name that means two services is a mistake."""
    services = []
    owners: dict[str, str] = {}
    for name, said in values.get("services", {}).items():
        services.append(Service(name=name, **said))
        for alias in (name, *said.get("aliases", ())):
            owner = owners.setdefault(_folded(alias), name)
            if owner != name:
                node.report(f"gives the name {alias!r} to {owner} and to {name}; keep it with one of them")
    return tuple(services), values.get("people", {})


_SERVICE = section(
    lambda node, values: values,
    {
        "aliases": list_of(text),
        "depends_on": list_of(text),
        "labels": mapping_of(text),
        "repositories": list_of(text),
    },
)
_CATALOG = section(_catalog, {"services": mapping_of(_SERVICE), "people": mapping_of(list_of(text))})


def _settings(node: Node, values: dict[str, Any]) -> Settings:
    """The catalog is a section of its own for people, and a part of the rules for the code."""
    services, known_people = values.pop("catalog", ((), {}))
    rules = msgspec.structs.replace(values.pop("correlation", Rules()), services=services, people=known_people)
    senders = values["api"].senders if "api" in values else ()
    if senders:
        values["sources"] = with_senders(node, values["api"], values.get("sources") or Settings().sources)
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
    "web.enable_lifecycle": ("web", "enable_lifecycle", parsed(_boolean)),
    "storage.url": ("storage", "url", parsed(_url)),
    "log.level": ("log", "level", one_of(*LEVELS)),
}
"""What a flag or a variable may set: the path → its section, its key, its reader."""

__all__ = ["LEVELS", "OVERRIDES", "document"]
