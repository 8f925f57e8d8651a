"""How a sender of the user's own is read and how it signs: the keys ``mapping``, ``signature`` and ``token_header``.

Every expression is compiled here, so that a mistake shows its path and its
line at the start and not at the first delivery.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import jmespath

from collector.settings.values import zone
from collector.settings.yaml_reader import Node, list_of, mapping_of, one_of, parsed, section, text
from collector.sources.mapping import ASIDE, KEYS, READABLE, compiled, misused
from collector.webhook import FieldMap, Scheme

_LONGEST_EXPRESSION = 2_000
"""Characters of a JMESPath expression."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PROVING = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Headers that hold a proof and are never kept."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SPANS = ("alert.", "page.")
"""Families whose events say of one thing when it began and when it ended."""


def expression(node: Node) -> str:
    """A JMESPath expression, compiled once so that a mistake shows its line now and not at the first delivery."""
    value = text(node)
    if len(value) > _LONGEST_EXPRESSION:
        node.fail(f"is {value!r}, which is longer than {_LONGEST_EXPRESSION} characters; write it shorter")
    try:
        ready = compiled(value)
        if what := misused(value):
            node.fail(f"is {value!r}, {what}")
        with suppress(jmespath.exceptions.JMESPathError):
            # What can be read may still be nested too deeply to be asked. What an empty event answers does not matter.
            ready.search({})
    except RecursionError:
        node.fail(f"is {value!r}, which is nested too deeply; write it simpler")
    except ValueError as error:
        node.fail(f"is {value!r}, which is not JMESPath: {_stopped(error, value)}")
    return value


def _stopped(error: Exception, value: str) -> str:
    """Where reading stopped; jmespath says it in several lines, and in the words of its grammar."""
    at = getattr(error, "lex_position", None)
    if at is None or at >= len(value):
        return "it ends too early"
    return f"it cannot be read from {value[at:]!r} on"


def header_name(node: Node) -> str:
    """The name of a header, in small letters."""
    value = text(node)
    if not _HEADER.fullmatch(value):
        node.fail(f"is {value!r}, which is no header's name; write it like X-Forge-Token")
    return value.lower()


def _kept_header(node: Node) -> str:
    name = header_name(node)
    if name in _PROVING or "signature" in name or "token" in name or "secret" in name:
        node.fail(f"is {name!r}, which looks like a proof; what expressions ask for is kept with each delivery")
    return name


def _our_name(node: Node, name: str) -> None:
    if not _NAME.fullmatch(name):
        node.fail("cannot be used; write it in small letters, like pull_request")


def _our_key(node: Node, name: str) -> None:
    if name not in KEYS:
        node.unknown(KEYS)


def _field_map(node: Node, values: dict[str, Any]) -> FieldMap:
    for name, what in (("id", "what makes a repeat the same event"), ("type", "which of our types it is")):
        if name not in values and node.sound:
            node.report(f"has no {name}; say {what}")
    mapping = FieldMap(**{"id": "", "type": "", **values})
    if mapping.types and mapping.type in READABLE:
        node.report(f"has types beside the type {mapping.type}, which would never be asked; remove one of them")
    given = {mapping.type, *mapping.types.values()}
    spans = sorted(kind for kind in given if kind.startswith(_SPANS))
    if spans and not mapping.entity and node.sound:
        node.report(f"gives {spans[0]} and has no entity; say what its beginning and its end have in common")
    return mapping


_EXPRESSIONS = (
    "id", "type", "items", "entity", "time", "started", "title", "text", "service", "environment", "severity", "status",
    "actor", "labels",
)  # fmt: skip

field_map = section(
    _field_map,
    {
        **dict.fromkeys(_EXPRESSIONS, expression),
        "types": mapping_of(one_of(*READABLE, ASIDE)),
        "severities": mapping_of(text),
        "zone": parsed(zone),
        "links": mapping_of(expression, _our_name),
        "refs": mapping_of(expression, _our_name),
        "data": mapping_of(expression, _our_key),
        "headers": list_of(_kept_header),
    },
)
"""``mapping``: how each body is read."""


def _scheme(node: Node, values: dict[str, Any]) -> Scheme:
    standard = values.pop("scheme", "hmac") == "standard-webhooks"
    if standard and values:
        node.report(f"has {', '.join(values)}, but Standard Webhooks says all of that; remove them")
    if not standard and "header" not in values and node.sound:
        node.report("has no header; name the one that holds the signature, or set scheme: standard-webhooks")
    return Scheme(standard=standard, base64=values.pop("encoding", "hex") == "base64", **values)


scheme = section(
    _scheme,
    {
        "scheme": one_of("hmac", "standard-webhooks"),
        "header": header_name,
        "prefix": text,
        "digest": one_of("sha1", "sha256", "sha512"),
        "encoding": one_of("hex", "base64"),
    },
)
"""``signature``: how each delivery is signed."""
