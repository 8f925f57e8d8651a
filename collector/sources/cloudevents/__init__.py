"""CloudEvents 1.0 over HTTP: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md

Three ways to send the same: the whole event as JSON, a list of such, or the
attributes in ``ce-`` headers and the data as the body; ``Content-Type`` says
which. A CDEvent that no CloudEvent carries is read as the one that would.
``source`` and ``id`` together name an event for ever. What its type and
its data mean is the user's to say, in the configuration; without a word from
them both are read by the usual words (``types``, ``data``).
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from collector import normalise
from collector.errors import MalformedWebhook
from collector.event import Event, event_id, post_state
from collector.semantics.changes import is_plain_change
from collector.signing import authenticate
from collector.sources import bodies
from collector.sources.cloudevents import data as usual
from collector.sources.cloudevents import types
from collector.times import SenderTime, moment
from collector.webhook import Credentials, Import, Reading, Sample, Source, TypeMapping, Webhook

KIND = "cloudevents"
RECIPE = "cloudevents.1"

_REQUIRED = ("id", "source", "type", "specversion")
_NOT_EXTENSIONS = frozenset(
    {*_REQUIRED, "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"},
)
_TEXT_TYPES = frozenset({"note.added", "chat.message", "status.updated"})
_AUTHORED = ("change.", "chat.", "note.", "status.", "report.")
"""Types whose author did what is told."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BATCH = msgspec.json.Decoder(list[msgspec.Raw])


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook. A token in the query is not looked at: it gets logged."""
    return authenticate(webhook, credentials)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The events of the delivery: one, or as many as its batch holds. One bad event of a batch spoils no other."""
    media = _media_type(webhook)
    if not media.startswith("application/cloudevents"):
        return (_event_of(webhook, _binary(webhook, media), reading),)
    if not media.endswith(("+json", "/cloudevents", "/cloudevents-batch")):
        return (normalise.unrecognised(webhook, "CloudEvents are read in their JSON format only", media),)
    # The batch's name begins with the single event's.
    if not media.startswith("application/cloudevents-batch"):
        return (_event_of(webhook, normalise.decode_any(webhook.body, webhook.source), reading),)
    try:
        items = bodies.decode(_BATCH, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), media),)
    return tuple(_item(webhook, bytes(item), place, reading) for place, item in enumerate(items))


def _media_type(webhook: Webhook) -> str:
    return webhook.headers.get("content-type", "").partition(";")[0].strip().lower()


def _item(webhook: Webhook, raw: bytes, index: int, reading: Reading) -> Event:
    try:
        attributes = normalise.decode_any(raw, webhook.source, f"$[{index}]")
    except (msgspec.ValidationError, MalformedWebhook) as error:
        return normalise.unrecognised(webhook, f"$[{index}]: {error}", KIND, raw)
    return _event_of(webhook, attributes, reading, raw)


def _binary(webhook: Webhook, media: str) -> dict[str, Any]:
    """The event of binary mode, in the form that a structured one has."""
    attributes: dict[str, Any] = {
        name[3:]: _header_value(webhook, name, value)
        for name, value in webhook.headers.items()
        if name.startswith("ce-") and name != "ce-datacontenttype"
    }
    if "specversion" not in attributes and (bare := _bare_cdevent(webhook, media)):
        return bare
    if media:
        attributes["datacontenttype"] = media
    # Only what names itself a CloudEvent is read as one; its body may be anything.
    if webhook.body and "specversion" in attributes:
        attributes.update(_data_of(webhook, media))
    return attributes


def _bare_cdevent(webhook: Webhook, media: str) -> dict[str, Any]:
    """The CloudEvent that the binding of CDEvents makes of a body that is one; empty where it is none."""
    data = _data_of(webhook, media).get("data") if media.endswith(("/json", "+json")) else None
    context = data.get("context") if isinstance(data, dict) else None
    if not isinstance(context, dict) or not str(context.get("type", "")).startswith("dev.cdevents."):
        return {}
    attributes = {name: context.get(name) for name in ("id", "source", "type")}
    subject = data.get("subject") if isinstance(data, dict) else None
    about = subject.get("id") if isinstance(subject, dict) else None
    return {"specversion": "1.0", **attributes, "time": context.get("timestamp"), "subject": about, "data": data}


def _header_value(webhook: Webhook, name: str, value: str) -> str:
    """A header's value with quotes and percent-encoding undone, as the binding asks: once, and as strict UTF-8."""
    quoted = _QUOTED.fullmatch(value.strip())
    plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()
    try:
        return unquote_to_bytes(plain.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError as error:
        raise normalise.malformed(
            webhook.source, "is not percent-encoded UTF-8", f"header {normalise.line(name)}"
        ) from error


def _data_of(webhook: Webhook, media: str) -> dict[str, Any]:
    if media.endswith(("/json", "+json")):
        return {"data": normalise.decode_any(webhook.body, webhook.source)}
    try:
        return {"data": webhook.body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(webhook.body).decode("ascii")}


def _event_of(webhook: Webhook, attributes: Any, reading: Reading, raw: bytes | None = None) -> Event:
    mistake = _mistake(attributes)
    if mistake:
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        return normalise.unrecognised(webhook, mistake, normalise.line(kind), raw)
    mapped = _mapping_of(attributes["type"], reading)
    data = attributes.get("data")
    event_type = mapped.type if mapped is not None else _type_of(attributes, reading)
    mapping = mapped or reading.default
    when = attributes.get("time")
    happened = moment(when if isinstance(when, str) else None, webhook.received_at)
    labels = _labels(attributes)
    known_labels = {**usual.texts(data), **labels}
    fields = {key: found[0] for key, path in mapping.fields.items() if (found := _values_at(path, attributes))}
    severity = fields.get("severity") or normalise.severity_of(known_labels, reading)
    flag = usual.flag_of(data) if event_type == "change.flag_toggled" else ""
    title = fields.get("title") or flag or _title(attributes)
    refs = tuple(dict.fromkeys((*_refs(mapping, attributes), *usual.refs(data))))
    event = Event(
        id=event_id(RECIPE, webhook.source, happened.stated, attributes["source"], attributes["id"]),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=fields.get("entity") or _entity(attributes, change=mapped is None and event_type.startswith("change.")),
        service=fields.get("service") or normalise.service_of(known_labels, reading),
        environment=fields.get("environment") or normalise.environment_of(known_labels, reading),
        severity=severity.lower() if severity else None,
        title=title,
        actor=normalise.person(fields.get("actor")) or usual.actor_of(data, authored=event_type.startswith(_AUTHORED)),
        links=normalise.links(("source", attributes["source"]), *usual.links(data)),
        refs=refs,
        labels=labels,
        data=_content(event_type, attributes, title, refs) | _episode(event_type, happened),
    )
    plain = is_plain_change(event, attributes["type"])
    return msgspec.structs.replace(event, data=event.data | {"task": "change"}) if plain else event


def _type_of(attributes: dict[str, Any], reading: Reading) -> str:
    """What the configuration's default says, else what the words of the type say."""
    if reading.default.type != types.OBSERVATION:
        return reading.default.type
    return types.event_type(attributes["type"], usual.states(attributes.get("data")), attributes["source"])


def _mistake(attributes: Any) -> str:
    """Why this is no CloudEvent 1.0; empty when it is one."""
    if not isinstance(attributes, dict):
        return "a CloudEvent is a JSON object"
    if "specversion" not in attributes:
        return (
            "no specversion, neither in ce-specversion nor in the body; "
            "a whole event as JSON needs Content-Type: application/cloudevents+json"
        )
    for name in _REQUIRED:
        if not isinstance(attributes.get(name), str) or not attributes[name].strip():
            return f"the required attribute {name} is absent or not a text"
    return "" if attributes["specversion"] == "1.0" else "specversion is not 1.0"


def _title(attributes: dict[str, Any]) -> str:
    """What the data says in a sentence, else what it is about, else what it is."""
    title = usual.title_of(attributes.get("data"))
    subject, name = normalise.line(attributes.get("subject")), usual.name_of(attributes.get("data"))
    if not title and name and attributes["type"].startswith("dev.cdevents."):
        *kind, happened = types.subject_and_state(attributes["type"])
        return normalise.line(f"{' '.join(kind).capitalize()} {name} {happened}")
    return title or subject or normalise.line(attributes["type"])


def _entity(attributes: dict[str, Any], *, change: bool) -> str:
    """The long-lived thing: a subject within its source, also a CDEvent's own, else the source; of a change that nobody
    mapped, what tells it from the next one of the same thing as well."""
    subject, source = attributes.get("subject"), attributes["source"]
    name = subject if isinstance(subject, str) and subject else usual.about(attributes.get("data"))[1]
    entity = f"{source}#{name}" if name else source
    if change:
        own = usual.identity_of(attributes.get("data")) or ("" if subject else attributes["id"])
        entity = f"{entity}@{own}" if own else entity
    return normalise.line(entity)


def _labels(attributes: dict[str, Any]) -> dict[str, str]:
    """The extension attributes, as texts; null means unset."""
    scalars = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in attributes.items()
        if name not in _NOT_EXTENSIONS and isinstance(value, str | int | float)
    }
    return normalise.labels(scalars)


def _refs(mapped: TypeMapping, attributes: dict[str, Any]) -> tuple[str, ...]:
    found = [f"{kind}:{value}" for kind, path in mapped.refs.items() for value in _values_at(path, attributes)]
    return tuple(dict.fromkeys(found))


def _content(event_type: str, attributes: dict[str, Any], title: str, refs: tuple[str, ...]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": normalise.line(attributes["type"]),
        "source": normalise.line(attributes["source"]),
    }
    for name in ("subject", "datacontenttype", "dataschema"):
        if told := normalise.line(attributes.get(name)):
            content[name] = told
    for name in ("data", "data_base64"):
        if attributes.get(name) is not None:
            content[name] = normalise.bounded_tree(attributes[name])
    content["called"] = normalise.line(types.called(attributes["type"]))
    text = usual.text_of(attributes.get("data"))
    if channel := usual.first(attributes.get("data"), ("channel", "channelname", "room")):
        content["channel"] = channel
    if event_type in _TEXT_TYPES and (text or title != content["type"]):
        content["text"] = text or title
    elif text and text != title:
        content["text"] = text
    states = usual.states(attributes.get("data")) if event_type == "status.updated" else []
    if state := next(filter(None, map(post_state, states)), ""):
        content["kind"] = state
    if event_type.startswith("change."):
        content |= _change(attributes, refs)
    return content


def _episode(event_type: str, happened: SenderTime) -> dict[str, Any]:
    """What an alert says of when it fired."""
    if event_type not in ("alert.firing", "alert.resolved"):
        return {}
    ends = event_type == "alert.resolved"
    told = {"ends_at" if ends else "starts_at": happened.at} if happened.known else {}
    return {"status": "resolved" if ends else "firing", **told}


def _change(attributes: dict[str, Any], refs: tuple[str, ...]) -> dict[str, Any]:
    """What a change says of its commit, its repository, its version and its state."""
    data, kind = attributes.get("data"), attributes["type"]
    state = usual.first(data, ("state", "enabled", "variation", "value", "to", "on", "status"))
    fields = {
        "sha": next((ref.removeprefix("commit:") for ref in refs if ref.startswith("commit:")), ""),
        "repository": next((ref.removeprefix("repository:") for ref in refs if ref.startswith("repository:")), ""),
        "ref": usual.first(data, ("version", "release", "ref", "branch")),
        "state": {"true": "on", "false": "off"}.get(state, state),
        "task": "rollback" if types.is_rollback(kind) else "change" if types.is_any_change(kind) else "",
    }
    return {key: value for key, value in fields.items() if value}


def _mapping_of(kind: str, reading: Reading) -> TypeMapping | None:
    """How the configuration reads a sender's type: its own entry, else the longest ``prefix*``; None for neither."""
    exact = reading.types.get(kind)
    if exact is not None:
        return exact
    fitting = [key for key in reading.types if key.endswith("*") and kind.startswith(key[:-1])]
    return reading.types[max(fitting, key=len)] if fitting else None


def _values_at(expression: str, document: object) -> tuple[str, ...]:
    """What a JMESPath expression finds, as texts: none, one, or the members of a list.

    An expression that does not fit this document finds nothing; whether it is an
    expression at all is for the settings to check.
    """
    try:
        result = _compiled(expression).search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return ()
    candidates = result if isinstance(result, list) else [result]
    return tuple(told for candidate in candidates if (told := _scalar(candidate)))


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def _scalar(value: object) -> str:
    return "" if isinstance(value, dict) else usual.scalar(value)


IMPORTS = {
    "events": Import(
        called="CloudEvents in JSON, such as a file with one on each line",
        sent=lambda record: [({"content-type": "application/cloudevents+json"}, record)],
    )
}

SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body=(
            '{"specversion": "1.0", "id": "timelined-test", "source": "timelined/test", "type": '
            '"timelined.test", "time": "$NOW", "data": {"title": "A test of timelined"}}'
        ),
        headers={"content-type": "application/cloudevents+json"},
    ),
    called="CloudEvents",
    carries=True,
    families=("alert", "change"),
    paste="send CloudEvents by HTTP POST to {address}",
    headers=("ce-*", "webhook-id", "webhook-timestamp"),
    settings=("types",),
    verify=verify,
    parse=parse,
    imports=IMPORTS,
    # A subject may be the title of a letter, and what data holds is the sender's own: both may be redacted.
    identity=(
        *("/id", "/source", "/time", "/type", "/specversion"),
        *("/*/id", "/*/source", "/*/time", "/0/type", "/0/specversion"),
    ),
)
