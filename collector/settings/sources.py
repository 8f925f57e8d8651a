"""How the keys under ``sources`` are read: the senders, and what each kind of them can be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from collector.event import EVENT_TYPES, MACHINE, PEOPLE
from collector.redaction import Redaction, pattern, pointer, touches
from collector.settings.fetch import fetch, fetch_of
from collector.settings.mapping import expression, field_map, header_name, scheme
from collector.settings.schema import Heartbeat, Retention, Settings, SourceSettings
from collector.settings.secrets import Files, Unread, basic, credentials, readers
from collector.settings.values import duration, size
from collector.settings.yaml_reader import (
    Node,
    Reader,
    UnreadableNode,
    list_of,
    mapping_of,
    one_of,
    parsed,
    positive,
    section,
    struct_of,
    text,
    truth,
)
from collector.sources import LEFT_OUT, SOURCES
from collector.sources.mapping import fields_asked
from collector.webhook import ChatChannel, Credentials, FieldMap, Reading, Source, TypeMapping

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAPPED_FIELDS = ("service", "environment", "severity", "actor", "title", "entity")
_OF_SOME = ("types", "channels", "reactions", "mapping", "vendor")
"""What only some kinds of senders have."""
_READING = ("service_labels", "environment_labels", "severity_labels", "exporters", *_OF_SOME)
MAPPABLE = tuple(
    name
    for name in EVENT_TYPES
    if name.startswith("change.") or name in ("status.updated", "chat.message", "note.added", "observation.recorded")
)
"""Types that a sender's own may be read as. Alerts and pages need more than a few fields: their adapters read them."""


def _mapped(node: Node, values: dict[str, Any]) -> TypeMapping:
    fields = {name: values[name] for name in _MAPPED_FIELDS if name in values}
    return TypeMapping(type=values.get("type", TypeMapping().type), fields=fields, refs=values.get("refs", {}))


_MAPPED = section(
    _mapped,
    {
        "type": one_of(*MAPPABLE),
        **dict.fromkeys(_MAPPED_FIELDS, expression),
        "refs": mapping_of(expression),
    },
)


_REDACT = section(
    struct_of(Redaction), {"pointers": list_of(parsed(pointer)), "patterns": list_of(parsed(pattern))}
)  # fmt: skip


def _keeps_identity(node: Node, kind: str, redaction: Redaction) -> None:
    """Refuse to redact what ids are made of: an id is a hash of it, and would go on saying it to whoever guesses."""
    for redacted in redaction.pointers:
        identity = next((text for text in SOURCES[kind].identity if touches(redacted, pointer(text))), None)
        if identity is not None:
            node.report(
                f"redacts /{'/'.join(redacted)}, but events of {kind} get their ids from {identity}; name "
                "other fields, or erase such events one by one"
            )


def _keeps_what_ids_ask(node: Node, mapping: FieldMap | None, redaction: Redaction) -> None:
    """The same where the user says what ids are made of."""
    if mapping is None:
        return
    field_paths = {name: path for path in ("id", "entity", "type") for name in fields_asked(getattr(mapping, path))}
    for redacted in redaction.pointers:
        name = next((part for part in reversed(redacted) if part != "*"), "")
        if name in field_paths:
            node.report(
                f"redacts /{'/'.join(redacted)}, but mapping.{field_paths[name]} asks for {name}; name other "
                "fields, or erase such events one by one"
            )


def _retention(node: Node, values: dict[str, Any]) -> Retention:
    retention = Retention(**values)
    if retention.repeats is not None and retention.deliveries is not None and retention.repeats > retention.deliveries:
        node.report("keeps repeats longer than deliveries, which repeats are too; lower retention.repeats")
    return retention


_RETENTION = section(_retention, {"repeats": positive(duration), "deliveries": positive(duration)})


def _heartbeat(node: Node, values: dict[str, Any]) -> Heartbeat:
    if "alert" not in values:
        node.fail("has no alert; name the one that its sender tells without end, like alert: Watchdog")
    return Heartbeat(**values)


_HEARTBEAT = section(_heartbeat, {"alert": text, "within": positive(duration)})


_PROOFS = {
    "signature": "secret_file",
    "header": "header_token_file",
    "bearer": "bearer_token_file",
    "basic": "basic",
    "path": "path_token_file",
    "certificate": "certificate_file",
}
"""How a sender proves itself → the setting of what it proves itself with."""


def _can_prove(node: Node, source: Source, proof: Credentials) -> None:
    """Refuse what a kind of sender never sends: with it alone, every delivery would be refused."""
    *others, last = [_PROOFS[way] for way in source.proofs]
    proofs = f"{', '.join(others)} or {last}" if others else last
    if proof.signing and "signature" not in source.proofs:
        node.report(f"has a secret, but {source.kind} signs nothing; set {proofs}")
    if source.own_scheme:
        _says_how(node, proof)
    else:
        if proof.header and not source.token_header:
            node.report(f"has a header_token, but {source.kind} has no header of its own for one; set {proofs}")
        if proof.scheme is not None or proof.token_header:
            node.report(f"says how it proves itself, but {source.kind} has its own way; remove signature, token_header")
    if proof.signing and source.signs_address and not proof.address:
        node.report(f"has no address: what {source.called} signs begins with the address as you entered it there")
    if proof.address and not (proof.signing and source.signs_address):
        node.report(f"has an address, but no signature of {source.kind} is looked at that holds one; remove it")
    _can_verify(node, source, proof, proofs)
    if proof.absent and not proof.open:
        node.report(f"has no authentication; set {proofs}, or open")


def _can_verify(node: Node, source: Source, proof: Credentials, proofs: str) -> None:
    """Refuse a certificate that nothing can be verified with, or that proves nothing by itself."""
    check = source.check_certificate
    if check is None:
        if proof.certificates or proof.topics:
            node.report(f"has a certificate or topics, but {source.kind} signs with none; set {proofs}")
        return
    if bool(proof.certificates) != bool(proof.topics):
        missing = "topics: the certificate is the same for everybody" if proof.certificates else "certificate_file"
        node.report(f"has no {missing}; certificate_file and topics belong together")
    for pem in proof.certificates:
        try:
            if not isinstance(pem, Unread):
                check(pem)
        except ValueError as error:
            node.report(f"has a certificate_file that {error}")


def _says_how(node: Node, proof: Credentials) -> None:
    """Refuse a secret without a word where the sender puts it, and the word without the secret."""
    if bool(proof.signing) != (proof.scheme is not None):
        missing = "signature, which says how it signs" if proof.signing else "secret_file"
        node.report(f"has no {missing}; secret_file and signature belong together")
    if bool(proof.header) != bool(proof.token_header):
        missing = "token_header, which names the header" if proof.header else "header_token_file"
        node.report(f"has no {missing}; header_token_file and token_header belong together")


def _can_read(node: Node, kind: str, values: Mapping[str, Any]) -> None:
    """Refuse what a kind of sender does not have: it would be set and never asked."""
    for name in _OF_SOME:
        if name in values and name not in SOURCES[kind].settings:
            others = " or ".join(other for other, source in SOURCES.items() if name in source.settings)
            what = f"maps types, but {kind} has its own" if name == "types" else f"has {name}, but {kind} has none"
            node.report(f"{what}; set {name} of a source of kind {others}")
    for name in SOURCES[kind].needs:
        if name not in values and node.sound:
            node.report(f"has no {name}, without which nothing that {kind} sends can be read; set it")


def _kind(node: Node) -> str:
    """A kind that there is; of one that an installed package offers and that cannot be used, why not."""
    word = node.text()
    if word in LEFT_OUT:
        node.fail(f"is {word!r}, which an installed package offers and which cannot be used: {LEFT_OUT[word]}")
    return one_of(*SOURCES)(node)


def _source(files: Files, name: str) -> Reader[SourceSettings]:
    def build(node: Node, values: dict[str, Any]) -> SourceSettings:
        kind = values.get("kind", name)
        if not node.sound:
            raise UnreadableNode
        if kind not in SOURCES:
            node.fail(
                f"has no kind; say which sender it is, like kind: {next(iter(SOURCES))}; "
                "config/senders has a page on each"
            )
        _can_read(node, kind, values)
        proof = msgspec.structs.replace(
            credentials(node, values), scheme=values.get("signature"), token_header=values.get("token_header", "")
        )
        _can_prove(node, SOURCES[kind], proof)
        _keeps_identity(node, kind, values.get("redact", Redaction()))
        _keeps_what_ids_ask(node, values.get("mapping"), values.get("redact", Redaction()))
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
            **{key: values[key] for key in ("refire_after", "log") if key in values},
        )

    return section(
        build,
        {
            "kind": _kind,
            "log": text,
            "open": truth,
            **readers(files, "secret", "header_token", "bearer_token", "path_token", "certificate"),
            "topics": list_of(text),
            "address": text,
            "basic": basic(files),
            "max_body": positive(size),
            "refire_after": positive(duration),
            "redact": _REDACT,
            "retention": _RETENTION,
            "heartbeat": _HEARTBEAT,
            "fetch": fetch(files),
            "service_labels": list_of(text),
            "environment_labels": list_of(text),
            "severity_labels": list_of(text),
            "exporters": list_of(text),
            "types": mapping_of(_MAPPED),
            "channels": mapping_of(section(struct_of(ChatChannel), {"name": text, "service": text})),
            "reactions": list_of(text),
            "vendor": text,
            "mapping": field_map,
            "signature": scheme,
            "token_header": header_name,
        },
    )


def _source_name(node: Node, name: str) -> None:
    if not _SOURCE_NAME.fullmatch(name):
        node.fail("cannot stand in an address; use lower-case letters, digits, dashes and underscores")
    if name in (PEOPLE, MACHINE):
        node.fail(f"is a name that timelined uses itself; choose another and set kind: {next(iter(SOURCES))}")


def sources(files: Files) -> Reader[Mapping[str, SourceSettings]]:
    def read(node: Node) -> Mapping[str, SourceSettings]:
        if node.empty:
            return Settings().sources
        return mapping_of(lambda source: _source(files, _last(source))(source), _source_name)(node)

    return read


def _last(node: Node) -> str:
    return node.path.rpartition(".")[2]
