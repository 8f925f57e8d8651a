"""Which keys there are, and how each is read.

One table for each section of the file, in the order of
``config/timelined.yml``. What depends on two keys at once is checked where
the section is put together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from collector.correlation import Rules, Service
from collector.event import EVENT_TYPES, MACHINE, PEOPLE
from collector.redaction import Redaction, pattern, pointer, touches
from collector.settings.fetch import fetch, fetch_of
from collector.settings.mapping import expression, field_map, header_name, scheme
from collector.settings.marks import (
    Node,
    Reader,
    SettingsSection,
    Wrong,
    list_of,
    mapping_of,
    one_of,
    parsed,
    section,
    text,
    truth,
    whole,
)
from collector.settings.publishing import publishing
from collector.settings.schema import (
    Drafts,
    Heartbeat,
    LogOutput,
    Proof,
    Retention,
    Settings,
    SourceSettings,
    Storage,
    Web,
)  # fmt: skip
from collector.settings.secrets import Files, Unread, basic, credentials, readers, secrets_of
from collector.settings.tokens import api, with_senders
from collector.settings.values import address, duration, size, zone
from collector.sources import LEFT_OUT, SOURCES
from collector.sources.mapping import fields_asked
from collector.storage.urls import shown
from collector.webhook import ChatChannel, Credentials, FieldMap, Mapped, Reading, Source

S = TypeVar("S", bound=msgspec.Struct)

LEVELS = ("debug", "info", "warning", "error")
DETAILS = ("normal", "key", "all")
CITATIONS = ("inline", "end", "none")
PROFILES = ("timelined", "pagerduty", "datadog", "rootly")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PREFIX = re.compile(r"/|(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)+/?", re.ASCII)
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAPPED_FIELDS = ("service", "environment", "severity", "actor", "title", "entity")
_OF_SOME = ("types", "channels", "reactions", "mapping")
"""What only some kinds of senders have."""
_READING = ("service_labels", "environment_labels", "severity_labels", "exporters", *_OF_SOME)
MAPPABLE = tuple(
    name
    for name in EVENT_TYPES
    if name.startswith("change.") or name in ("status.updated", "chat.message", "note.added", "observation.recorded")
)
"""Types that a sender's own may be read as. Alerts and pages need more than a few fields: their adapters read them."""


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


def _positive(parse: Callable[[str], int]) -> Reader[int]:
    def read(written: str) -> int:
        value = parse(written)
        if not value:
            raise ValueError(f"is {written!r}, which leaves nothing; write more than 0")
        return value

    return parsed(read)


def _made(kind: type[S]) -> Callable[[Node, dict[str, Any]], S]:
    """Keys that are absent keep the default of the struct."""
    return lambda place, values: kind(**values)


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
    return section(_made(Web), {"config_file": files.located, **_WEB})


_WEB: Mapping[str, Reader[Any]] = {
    "listen_address": _addresses,
    "hosts": list_of(parsed(_host)),
    "max_body": _positive(size),
    "read_timeout": _positive(duration),
    "queue_bytes": _positive(size),
    "queue_events": whole,
    "retry_after": _positive(duration),
    "drain": parsed(duration),
    "enable_lifecycle": truth,
    "external_url": parsed(_external_url),
    "route_prefix": parsed(_prefix),
}
_STORAGE = section(_made(Storage), {"url": parsed(_url)})
_DRAFTS = section(
    _made(Drafts),
    {
        "enabled": truth,
        "dir": text,
        "zone": parsed(zone),
        "detail": one_of(*DETAILS),
        "profile": one_of(*PROFILES),
        "citations": one_of(*CITATIONS),
        "seconds": truth,
        "template": text,
        "stale_after": _positive(duration),
    },
)
_LOG = section(_made(LogOutput), {"level": one_of(*LEVELS), "format": one_of("logfmt", "json")})


def _proof(files: Files) -> Reader[Proof]:
    def build(place: Node, values: dict[str, Any]) -> Proof:
        keys = secrets_of(place, values, "signing_key")
        if len(keys) > 1:
            place.note("has several signing keys; a log signs with one")
        plain = {name: values[name] for name in ("origin", "every", "dir") if name in values}
        return Proof(signing_key=keys[0] if keys else b"", **plain)

    named = {"origin": parsed(_origin), "every": _positive(duration), "dir": text}
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
        "reach": _positive(duration),
        "gap": _positive(duration),
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


def _mapped(place: Node, values: dict[str, Any]) -> Mapped:
    fields = {name: values[name] for name in _MAPPED_FIELDS if name in values}
    return Mapped(type=values.get("type", Mapped().type), fields=fields, refs=values.get("refs", {}))


_MAPPED = section(
    _mapped,
    {
        "type": one_of(*MAPPABLE),
        **dict.fromkeys(_MAPPED_FIELDS, expression),
        "refs": mapping_of(expression),
    },
)


_REDACT = section(
    _made(Redaction), {"pointers": list_of(parsed(pointer)), "patterns": list_of(parsed(pattern))}
)  # fmt: skip


def _keeps_identity(place: Node, kind: str, redaction: Redaction) -> None:
    """Refuse to redact what ids are made of: an id is a hash of it, and would go on saying it to whoever guesses."""
    for one in redaction.pointers:
        known = next((text for text in SOURCES[kind].identity if touches(one, pointer(text))), None)
        if known is not None:
            place.note(
                f"redacts /{'/'.join(one)}, but events of {kind} get their ids from {known}; name other fields, "
                "or erase such events one by one"
            )


def _keeps_what_ids_ask(place: Node, mapping: FieldMap | None, redaction: Redaction) -> None:
    """The same where the user says what ids are made of."""
    if mapping is None:
        return
    asked = {name: path for path in ("id", "entity", "type") for name in fields_asked(getattr(mapping, path))}
    for one in redaction.pointers:
        name = next((part for part in reversed(one) if part != "*"), "")
        if name in asked:
            place.note(
                f"redacts /{'/'.join(one)}, but mapping.{asked[name]} asks for {name}; name other fields, or erase "
                "such events one by one"
            )


def _retention(place: Node, values: dict[str, Any]) -> Retention:
    kept = Retention(**values)
    if kept.repeats is not None and kept.deliveries is not None and kept.repeats > kept.deliveries:
        place.note("keeps repeats longer than deliveries, which repeats are too; lower retention.repeats")
    return kept


_RETENTION = section(_retention, {"repeats": _positive(duration), "deliveries": _positive(duration)})


def _heartbeat(place: Node, values: dict[str, Any]) -> Heartbeat:
    if "alert" not in values:
        place.wrong("has no alert; name the one that its sender tells without end, like alert: Watchdog")
    return Heartbeat(**values)


_HEARTBEAT = section(_heartbeat, {"alert": text, "within": _positive(duration)})


_PROOFS = {
    "signature": "secret_file",
    "header": "header_token_file",
    "bearer": "bearer_token_file",
    "basic": "basic",
    "path": "path_token_file",
    "certificate": "certificate_file",
}
"""How a sender proves itself → the setting of what it proves itself with."""


def _can_prove(place: Node, source: Source, proof: Credentials) -> None:
    """Refuse what a kind of sender never sends: with it alone, every delivery would be refused."""
    *others, last = [_PROOFS[way] for way in source.proofs]
    ways = f"{', '.join(others)} or {last}" if others else last
    if proof.signing and "signature" not in source.proofs:
        place.note(f"has a secret, but {source.kind} signs nothing; set {ways}")
    if source.own_scheme:
        _says_how(place, proof)
    else:
        if proof.header and not source.token_header:
            place.note(f"has a header_token, but {source.kind} has no header of its own for one; set {ways}")
        if proof.scheme is not None or proof.token_header:
            place.note(f"says how it proves itself, but {source.kind} has its own way; remove signature, token_header")
    if proof.signing and source.signs_address and not proof.address:
        place.note(f"has no address: what {source.called} signs begins with the address as you entered it there")
    if proof.address and not (proof.signing and source.signs_address):
        place.note(f"has an address, but no signature of {source.kind} is looked at that holds one; remove it")
    _can_verify(place, source, proof, ways)
    if proof.absent and not proof.open:
        place.note(f"has no authentication; set {ways}, or open")


def _can_verify(place: Node, source: Source, proof: Credentials, ways: str) -> None:
    """Refuse a certificate that nothing can be verified with, or that proves nothing by itself."""
    check = source.check_certificate
    if check is None:
        if proof.certificates or proof.topics:
            place.note(f"has a certificate or topics, but {source.kind} signs with none; set {ways}")
        return
    if bool(proof.certificates) != bool(proof.topics):
        missing = "topics: the certificate is the same for everybody" if proof.certificates else "certificate_file"
        place.note(f"has no {missing}; certificate_file and topics belong together")
    for pem in proof.certificates:
        try:
            if not isinstance(pem, Unread):
                check(pem)
        except ValueError as error:
            place.note(f"has a certificate_file that {error}")


def _says_how(place: Node, proof: Credentials) -> None:
    """Refuse a secret without a word where the sender puts it, and the word without the secret."""
    if bool(proof.signing) != (proof.scheme is not None):
        missing = "signature, which says how it signs" if proof.signing else "secret_file"
        place.note(f"has no {missing}; secret_file and signature belong together")
    if bool(proof.header) != bool(proof.token_header):
        missing = "token_header, which names the header" if proof.header else "header_token_file"
        place.note(f"has no {missing}; header_token_file and token_header belong together")


def _can_read(place: Node, kind: str, values: Mapping[str, Any]) -> None:
    """Refuse what a kind of sender does not have: it would be set and never asked."""
    for name in _OF_SOME:
        if name in values and name not in SOURCES[kind].settings:
            others = " or ".join(other for other, source in SOURCES.items() if name in source.settings)
            what = f"maps types, but {kind} has its own" if name == "types" else f"has {name}, but {kind} has none"
            place.note(f"{what}; {name} belong to a source of kind {others}")
    for name in SOURCES[kind].needs:
        if name not in values and place.sound:
            place.note(f"has no {name}, without which nothing that {kind} sends can be read; set it")


def _kind(place: Node) -> str:
    """A kind that there is; of one that an installed package offers and that cannot be used, why not."""
    word = place.text()
    if word in LEFT_OUT:
        place.wrong(f"is {word!r}, which an installed package offers and which cannot be used: {LEFT_OUT[word]}")
    return one_of(*SOURCES)(place)


def _source(files: Files, name: str) -> Reader[SourceSettings]:
    def build(place: Node, values: dict[str, Any]) -> SourceSettings:
        kind = values.get("kind", name)
        if not place.sound:
            raise Wrong
        if kind not in SOURCES:
            place.wrong(
                f"has no kind; say which sender it is, like kind: {next(iter(SOURCES))}; "
                "config/senders has a page on each"
            )
        _can_read(place, kind, values)
        proof = msgspec.structs.replace(
            credentials(place, values), scheme=values.get("signature"), token_header=values.get("token_header", "")
        )
        _can_prove(place, SOURCES[kind], proof)
        _keeps_identity(place, kind, values.get("redact", Redaction()))
        _keeps_what_ids_ask(place, values.get("mapping"), values.get("redact", Redaction()))
        reading = Reading(**{key: values[key] for key in _READING if key in values})
        return SourceSettings(
            kind=kind,
            credentials=proof,
            reading=reading,
            redaction=values.get("redact", Redaction()),
            retention=values.get("retention", Retention()),
            heartbeat=values.get("heartbeat"),
            fetch=fetch_of(kind, values.get("fetch")),
            max_body=values.get("max_body"),
            **{key: values[key] for key in ("refire_after",) if key in values},
        )

    return section(
        build,
        {
            "kind": _kind,
            "open": truth,
            **readers(files, "secret", "header_token", "bearer_token", "path_token", "certificate"),
            "topics": list_of(text),
            "address": text,
            "basic": basic(files),
            "max_body": _positive(size),
            "refire_after": _positive(duration),
            "redact": _REDACT,
            "retention": _RETENTION,
            "heartbeat": _HEARTBEAT,
            "fetch": fetch(files),
            "service_labels": list_of(text),
            "environment_labels": list_of(text),
            "severity_labels": list_of(text),
            "exporters": list_of(text),
            "types": mapping_of(_MAPPED),
            "channels": mapping_of(section(_made(ChatChannel), {"name": text, "service": text})),
            "reactions": list_of(text),
            "mapping": field_map,
            "signature": scheme,
            "token_header": header_name,
        },
    )


def _source_name(place: Node, name: str) -> None:
    if not _SOURCE_NAME.fullmatch(name):
        place.wrong("cannot stand in an address; use lower-case letters, digits, dashes and underscores")
    if name in (PEOPLE, MACHINE):
        place.wrong(f"is a name that timelined uses itself; choose another and set kind: {next(iter(SOURCES))}")


def _sources(files: Files) -> Reader[Mapping[str, SourceSettings]]:
    def read(place: Node) -> Mapping[str, SourceSettings]:
        if place.empty:
            return Settings().sources
        return mapping_of(lambda source: _source(files, _last(source))(source), _source_name)(place)

    return read


def _last(place: Node) -> str:
    return place.path.rpartition(".")[2]


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
            "sources": _sources(files),
            "correlation": _CORRELATION,
            "catalog": _CATALOG,
            "drafts": _DRAFTS,
            "publishing": publishing(files),
            "proof": _proof(files),
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

__all__ = ["CITATIONS", "DETAILS", "LEVELS", "MAPPABLE", "OVERRIDES", "PROFILES", "document"]
