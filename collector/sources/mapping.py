"""A body read by a mapping: each field of an event by a JMESPath expression.

What an expression does not find is left out. A body that lacks what an event
cannot do without, its id or its type, is not understood, and the reason says
which expression found nothing. Expressions are compiled once; whether they
are JMESPath at all is for the settings to check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from collector import normalise
from collector.event import EVENT_DATA, EVENT_TYPES, Event, event_id
from collector.semantics.changes import deploys, environment_named, is_plain_change
from collector.signing import Signature, authenticate
from collector.times import SenderTime, moment
from collector.webhook import Credentials, FieldMap, Reading, Source, Webhook

ASIDE = "none"
"""What ``types`` writes for a word that becomes no event."""
READABLE = tuple(
    name
    for name in EVENT_TYPES
    if name.startswith(("alert.", "page.", "change."))
    or name in ("report.received", "status.updated", "chat.message", "note.added", "observation.recorded")
)
"""Types that a mapping may give. The others are stated by people or by the daemon itself."""
KEYS = (
    "number", "urgency", "priority", "escalation_policy", "incident_key", "resolve_reason", "from", "to", "repository",
    "ref", "sha", "branch", "time_of", "task", "workflow", "run_number", "event", "path", "channel", "thread", "reason",
    "description", "query", "receiver", "kind", "subject", "operation", "cycle",
)  # fmt: skip
"""Keys of an event's data that a mapping may fill: those that hold a text."""
_FIELDS = (
    "id", "type", "entity", "time", "started", "title", "text", "service", "service_else", "environment", "severity",
    "status", "actor",
)  # fmt: skip
"""Expressions that find texts, in the order in which they are told."""
WRITTEN = ("note", "chat", "status", "report", "observation")
"""Families of which a title may be all that was written."""
_WORDS = ("type", "status")
"""Expressions for which a truth value is a word."""
OWN = "mapped"
"""The kind whose mapping is the user's own: what is wrong is told by the keys of it."""
_NOTHING = "finds nothing"
_FIELDS_NAMED = 6
"""Fields that are named at most where nothing was found."""
_APART = re.compile(r"[\s,]+")
"""What stands between the labels of a text."""
_PAIR = re.compile(r"([^:=\s][^:=]*)[:=](.+)", re.DOTALL)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What the expressions of a mapping gave for one event."""

    texts: Mapping[str, tuple[str, ...]]
    """The path of each expression that was asked (``id``, ``refs.commit``) → the values that it found, if any."""
    labels: Mapping[str, str]
    event: Event | None
    """What became of it; None where it is set aside."""


def source_of(mapping: FieldMap, *, recipe: str, signature: Signature | None = None, **fields: Any) -> Source:
    """The adapter of a kind of sender that a mapping reads; ``fields`` is what else :class:`Source` says of it."""
    kind: str = fields["kind"]
    token_header: str = fields.get("token_header", "")

    def verify(webhook: Webhook, credentials: Credentials) -> str:
        return authenticate(webhook, credentials, signature, token_header)

    def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
        return read(webhook, reading, mapping, recipe, kind)

    sign = signature.sign if signature is not None else None
    return Source(verify=verify, parse=parse, sign=sign, mapping=mapping, headers=mapping.headers, **fields)


def read(webhook: Webhook, reading: Reading, mapping: FieldMap, recipe: str, kind: str) -> tuple[Event, ...]:
    """The events of a body: one, or one for each item of the list that ``items`` finds.

    ``recipe`` names the mapping in ids. Raises :class:`collector.errors.MalformedWebhook` for broken syntax.
    """
    found = explain(webhook, reading, mapping, recipe, kind)
    return tuple([each.event for each in found if each.event is not None])


def explain(
    webhook: Webhook, reading: Reading, mapping: FieldMap, recipe: str, kind: str
) -> tuple[Evaluation, ...]:  # fmt: skip
    """The same with what each expression gave, also for what is set aside or not understood."""
    body = normalise.decode_any(webhook.body, webhook.source)
    headers = {name: normalise.line(webhook.headers.get(name, "")) for name in mapping.headers}
    if not mapping.items:
        if not isinstance(body, dict):
            return (_unread(webhook, "the body is no JSON object; mapping.items says where a list is", kind),)
        return (_evaluation(webhook, reading, mapping, recipe, kind, body | {"_headers": headers}, None),)
    items = _search(mapping.items, body if not isinstance(body, dict) else body | {"_headers": headers})
    if not isinstance(items, list):
        return (_unread(webhook, "mapping.items finds no list", kind),)
    envelope = {"_body": body, "_headers": headers}
    return tuple([_item(webhook, reading, mapping, recipe, kind, item, envelope) for item in items])


def _item(
    webhook: Webhook, reading: Reading, mapping: FieldMap, recipe: str, kind: str, item: Any, envelope: dict[str, Any]
) -> Evaluation:
    encoded_item = msgspec.json.encode(normalise.tree(item))
    if not isinstance(item, dict):
        return _unread(webhook, "an item that mapping.items finds is no JSON object", kind, encoded_item)
    return _evaluation(webhook, reading, mapping, recipe, kind, item | envelope, encoded_item)


def _unread(webhook: Webhook, reason: str, kind: str, encoded_item: bytes | None = None) -> Evaluation:
    return Evaluation(texts={}, labels={}, event=normalise.unrecognised(webhook, reason, kind, encoded_item))


def _evaluation(
    webhook: Webhook, reading: Reading, mapping: FieldMap, recipe: str, kind: str, document: dict[str, Any],
    encoded_item: bytes | None,
) -> Evaluation:  # fmt: skip
    texts = {path: _texts(path, _search(expression, document)) for path, expression in _expressions(mapping)}
    texts["id"] = _places(_search(mapping.id, document))
    labels = normalise.labels(_labels(_search(mapping.labels, document) if mapping.labels else None))
    event_type, reason = _type_of(mapping, texts)
    if event_type == ASIDE:
        return Evaluation(texts=texts, labels=labels, event=None)
    reason = reason or _missing(mapping, event_type, texts)
    if reason:
        service = _service(texts, labels, reading)
        word = next(iter(texts.get("type", ())), kind)
        said = reason if kind == OWN else _in_words(mapping, reason, word)
        return Evaluation(
            texts=texts, labels=labels, event=normalise.unrecognised(webhook, said, word, encoded_item, service=service)
        )  # fmt: skip
    event = _event_of(webhook, reading, mapping, recipe, event_type, texts, labels)
    if kind == OWN and is_plain_change(event, event.source, *texts.get("type", ())):
        event = msgspec.structs.replace(event, data=event.data | {"task": "change"})
    return Evaluation(texts=texts, labels=labels, event=event)


def _in_words(mapping: FieldMap, reason: str, word: str) -> str:
    """A reason for who did not write the mapping: where nothing was found, or the word that nobody knows."""
    name, _, found = reason.removeprefix("mapping.").partition(" ")
    if found != _NOTHING:
        return f"the body says {normalise.line(word)[:60]!r}, which this version does not know"
    lacks = {"type": "say what happened", "id": "name itself", "entity": "say what it is about"}[name]
    asked = sorted(each for each in fields_asked(getattr(mapping, name)) if not each.startswith("_"))
    return f"the body does not {lacks}; that is looked for under {', '.join(asked[:_FIELDS_NAMED])}"


def _missing(mapping: FieldMap, event_type: str, texts: Mapping[str, tuple[str, ...]]) -> str:
    """Which expression found nothing where something has to be; empty where all did."""
    if not texts["id"]:
        return f"mapping.id {_NOTHING}"
    # What begins and what ends it would be two things, and the alert would fire for ever.
    ties = event_type.startswith(("alert.", "page."))
    return f"mapping.entity {_NOTHING}" if ties and mapping.entity and not texts["entity"] else ""


def _expressions(mapping: FieldMap) -> Iterable[tuple[str, str]]:
    """The path of each expression in the mapping, and the expression; a type that stands as it is, is none."""
    for name in _FIELDS:
        expression = getattr(mapping, name)
        if expression and not (name == "type" and expression in READABLE):
            yield name, expression
    for group in ("links", "refs", "data"):
        for name, expression in getattr(mapping, group).items():
            yield f"{group}.{name}", expression


def _type_of(mapping: FieldMap, texts: Mapping[str, tuple[str, ...]]) -> tuple[str, str]:
    """Our type, or ``none``; else the reason why there is none."""
    if mapping.type in READABLE:
        return mapping.type, ""
    word = next(iter(texts["type"]), "")
    if not word:
        return "", f"mapping.type {_NOTHING}"
    if not mapping.types:
        return (word, "") if word in READABLE else ("", "mapping.type finds a word that is no type of ours")
    if word in mapping.types:
        return mapping.types[word], ""
    fitting = [key for key in mapping.types if key.endswith("*") and word.startswith(key[:-1])]
    if fitting:
        return mapping.types[max(fitting, key=len)], ""
    return "", "mapping.type finds a word that mapping.types does not have"


def _event_of(
    webhook: Webhook, reading: Reading, mapping: FieldMap, recipe: str, event_type: str,
    texts: Mapping[str, tuple[str, ...]], labels: dict[str, str],
) -> Event:  # fmt: skip
    zone = ZoneInfo(mapping.zone)
    happened = moment(_first(texts, "time"), webhook.received_at, zone)
    started = moment(_first(texts, "started"), webhook.received_at, zone)
    entity = ":".join(texts.get("entity", ())) or ":".join(texts["id"])
    tool = recipe.partition(".")[0]
    severity = _severity(mapping, texts, reading) or normalise.severity_of(labels, reading)
    named_as = mapping.id_types.get(event_type, event_type)
    service = _service(texts, labels, reading)
    return Event(
        # The sender's word says what a repeat is, so no time of its own is part of the id: it may be that of sending.
        id=event_id(recipe, webhook.source, None, named_as, *texts["id"]),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=normalise.line(entity),
        service=service,
        environment=_name(texts, "environment") or normalise.environment_of(labels, reading),
        severity=severity.lower() if severity else None,
        title=_headline("\n".join(texts.get("title", ()))) or _headline(_text(texts)) or normalise.line(entity),
        actor=normalise.person(_first(texts, "actor"), tool=tool),
        links=normalise.links(*_under("links.", texts)),
        refs=_refs(event_type, entity, texts),
        labels=labels,
        data=_data(event_type, texts, happened, started, tool, service),
    )


def placed_by_name(event: Event) -> Event:
    """A change in the environment that its pipeline's name tells, where nothing else does: ``Deploy to staging``."""
    if event.environment or not event.type.startswith("change.") or not deploys(event.title):
        return event
    return msgspec.structs.replace(event, environment=environment_named(event.title))


def _first(texts: Mapping[str, tuple[str, ...]], path: str) -> str | None:
    return next((told for value in texts.get(path, ()) if (told := normalise.line(value))), None)


def _service(texts: Mapping[str, tuple[str, ...]], labels: Mapping[str, str], reading: Reading) -> str | None:
    return _name(texts, "service") or normalise.service_of(labels, reading) or _name(texts, "service_else")


def _name(texts: Mapping[str, tuple[str, ...]], path: str) -> str | None:
    """The first value that names something: ``N/A`` and a variable that nobody filled in do not."""
    return next((told for value in texts.get(path, ()) if (told := normalise.agent(value))), None)


def _severity(mapping: FieldMap, texts: Mapping[str, tuple[str, ...]], reading: Reading) -> str | None:
    """How grave the sender says that it is, in a word that teams use; a placeholder says nothing."""
    word = _first(texts, "severity") or ""
    if word in mapping.severities:
        return mapping.severities[word] or None
    return normalise.severity_of({"severity": word}, msgspec.structs.replace(reading, severity_labels=("severity",)))


def _headline(text: str) -> str:
    """The first line of a text that says something."""
    return normalise.line(text.strip().partition("\n")[0])


def _text(texts: Mapping[str, tuple[str, ...]]) -> str:
    return normalise.text("\n".join(texts.get("text", ()))).strip()


def _title(texts: Mapping[str, tuple[str, ...]]) -> str:
    """What stands under a title, whole, where its headline is only the beginning of it; else empty."""
    whole = normalise.text("\n".join(texts.get("title", ()))).strip()
    return "" if whole == _headline(whole) else whole


def _under(group: str, texts: Mapping[str, tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    """Each name of a group with each value that its expression found."""
    return [
        (path.removeprefix(group), value)
        for path, values in texts.items()
        if path.startswith(group)
        for value in values
    ]


def _refs(event_type: str, entity: str, texts: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What the mapping's refs find; a page is what its own entity names."""
    found = [f"{kind}:{told}" for kind, value in _under("refs.", texts) if (told := normalise.line(value))]
    return tuple(dict.fromkeys([f"page:{normalise.line(entity)}", *found] if event_type.startswith("page.") else found))


def _data(
    event_type: str, texts: Mapping[str, tuple[str, ...]], happened: SenderTime, started: SenderTime, tool: str,
    service: str | None,
) -> dict[str, Any]:  # fmt: skip
    family = event_type.partition(".")[0]
    content = {
        path[5:]: normalise.line(values[0]) for path, values in texts.items() if path.startswith("data.") and values
    }
    content["state" if family == "change" else "kind"] = _first(texts, "status") or content.get("kind", "")
    content["summary" if family == "alert" else "text"] = _text(texts) or (_title(texts) if family in WRITTEN else "")
    for key in ("sha", "repository"):
        ref = "commit" if key == "sha" else key
        content.setdefault(key, (_first(texts, f"refs.{ref}") or "") if family == "change" else "")
    content.setdefault("agent", _agent(texts, tool))
    called = texts.get("data.to", ()) if event_type == "page.triggered" else ()
    # One mapping gives events of several families, and not each has every key.
    known = {*EVENT_DATA.get(family, {}), *EVENT_DATA["*"]} - {"further_services"}
    data: dict[str, Any] = {key: value for key, value in content.items() if value and key in known}
    if called:
        data["assignees"] = [normalise.line(each) for each in called]
    data |= normalise.further_services(texts.get("data.further_services", ()), service)
    return data | (_episode(event_type, happened, started) if family == "alert" else {})


def _agent(texts: Mapping[str, tuple[str, ...]], tool: str) -> str:
    """What acted where no person did; empty where one did, or nobody is named."""
    told = _first(texts, "actor")
    return "" if normalise.person(told, tool=tool) else normalise.agent(told)


def _episode(event_type: str, happened: SenderTime, started: SenderTime) -> dict[str, Any]:
    """What an alert's event says of when it fired."""
    ends = event_type == "alert.resolved"
    data: dict[str, Any] = {"status": "resolved" if ends else "firing"}
    if happened.known:
        data["ends_at" if ends else "starts_at"] = happened.at
    if ends and started.known and started.at <= happened.at:
        data["starts_at"] = started.at
    return data


# --- asking ----------------------------------------------------------------------------------------------------------


def _search(expression: str, document: object) -> Any:
    """What an expression finds; None where it does not fit this document."""
    try:
        return compiled(expression).search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Any:
    """The expression, ready to be asked. Raises :class:`ValueError` for what is none."""
    return jmespath.compile(expression)


def fields_asked(expression: str) -> frozenset[str]:
    """The names of all fields that an expression looks at, wherever they stand."""
    nodes = _nodes(compiled(expression).parsed) if expression else ()
    return frozenset(str(node["value"]) for node in nodes if node.get("type") == "field")


def misused(expression: str) -> str:
    """What is wrong with a function that an expression calls, as the end of a sentence; empty where nothing is."""
    for node in _nodes(compiled(expression).parsed):
        if node.get("type") == "function_expression":
            name, count = node["value"], len(node["children"])
            parameters = Functions.FUNCTION_TABLE.get(name, {}).get("signature")
            if parameters is None:
                return f"which calls {name}, a function that JMESPath does not have"
            variadic = bool(parameters) and parameters[-1].get("variadic", False)
            if count < len(parameters) or (count > len(parameters) and not variadic):
                return f"which calls {name} with {count} arguments; it takes {len(parameters)}"
    return ""


def _nodes(node: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _nodes(child)


def _texts(path: str, value: object) -> tuple[str, ...]:
    """A value, or the members of a list, as texts; objects and what is empty are none.

    ``true`` and ``false`` are words of a sender's only where words are looked for; elsewhere a condition of the
    expression did not hold.
    """
    if isinstance(value, bool) and not path.startswith(_WORDS):
        return ()
    members = value if isinstance(value, list) else [value]
    return tuple([told for member in members if (told := _scalar(member))])


def _places(value: object) -> tuple[str, ...]:
    """The members of a list as texts, an absent one as an empty text: two ids never differ by where a part stands."""
    members = value if isinstance(value, list) else [value]
    found = tuple([_scalar(member) for member in members])
    return found if any(found) else ()


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(normalise.tree(value))
    told = normalise.text(value)
    # Blanks name nothing: a thing called so would be one with every other.
    return told if told.strip() else ""


def _labels(value: object) -> dict[str, str]:
    """Labels in any of the forms in which senders have them."""
    if isinstance(value, dict):
        named = {str(key): value_text for key, each in value.items() if (value_text := _scalar(each))}
        # A sender's tags are labels, too, where they have a name and a value.
        return {**_labels(named.get("tags")), **named}
    labels: dict[str, str] = {}
    listed = _APART.split(value) if isinstance(value, str) else value
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict):
            name = _scalar(entry.get("name") or entry.get("key") or entry.get("tag"))
            value_text = _scalar(entry.get("value"))
        else:
            pair = _PAIR.fullmatch(_scalar(entry).strip())
            name, value_text = (pair[1].strip(), pair[2].strip()) if pair else ("", "")
        if name and value_text:
            labels.setdefault(name, value_text)
    return labels
