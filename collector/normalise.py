"""A stranger's fields, made fit to keep.

What several adapters share: JSON with the place of a mistake, text without
characters that databases refuse, lengths with a visible cut, links that are
links, the service out of labels, and the event for what nobody understood.

Promises: nothing here raises on an authentic body but
:class:`collector.errors.MalformedWebhook`, for broken syntax. Refuses to
interpret: escaping and wording belong to the renderers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from collector import names
from collector.errors import MalformedWebhook
from collector.event import Event, Link, event_id
from collector.semantics import severities
from collector.times import ABSENT, SenderTime
from collector.webhook import DEEPEST, Reading, Webhook

LINE = 1024
"""Most bytes of a field that stands in a column or a heading: title, service, actor, ref."""
TEXT = 16 * 1024
"""Most bytes of a free text or a label's value."""
TREE = 64 * 1024
"""Most bytes of a sender's own data that an event carries; the body is kept whole in any case."""
CUT = "… [cut]"
"""What shows that a text was longer."""

_URL = re.compile(r"https?://[^\s\"'<>\\^`{|}\x00-\x20\x7f-\x9f]{1,4096}", re.IGNORECASE)
_BYTE = re.compile(r"\(byte (\d+)\)")
# One escape at a time, left to right, so that an escaped backslash before a u is not taken for one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_LONE = re.compile("[\ud800-\udfff]")
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
_ANYTHING = msgspec.json.Decoder(Any)

T = TypeVar("T")


def remembered(answer: Callable[[str], T]) -> Callable[[str], T]:
    """Keep the last 1024 answers to texts of ordinary length: senders repeat themselves in every body.

    A stranger's long texts are not kept; they could fill the memory.
    """
    cached = lru_cache(maxsize=1024)(answer)

    @wraps(answer)
    def ask(text: str) -> T:
        return cached(text) if len(text) <= LINE else answer(text)

    return ask


def origin(webhook: Webhook, happened: SenderTime | None = None) -> dict[str, Any]:
    """The fields of an event that say who sent it and when it happened; without a moment, when it was received."""
    if happened is None:
        return {"source": webhook.source, "occurred_at": webhook.received_at, "time_quality": ABSENT}
    return {
        "source": webhook.source,
        "occurred_at": happened.at,
        "time_text": happened.text,
        "time_quality": happened.quality,
    }


# --- syntax -----------------------------------------------------------------------------------------------------------


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, source: str, within: str = "") -> T:
    """Decode JSON; ``within`` names what the bytes are a part of, for the message.

    Raises :class:`MalformedWebhook` for broken syntax and
    :class:`msgspec.ValidationError` for another shape than the decoder's. A lone
    half of a surrogate pair, which senders leave where they cut a text, is read
    as U+FFFD.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        # The shape is judged as soon as it is wrong; the syntax behind it may be broken as well.
        check_syntax(bytes(raw), source, within)
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        mended = _without_lone_surrogates(bytes(raw))
        if mended != bytes(raw):
            return decode(decoder, mended, source, within)
        raise _malformed(error, bytes(raw), source, within) from error


def decode_any(raw: bytes, source: str, within: str = "") -> Any:
    """Decode JSON of any shape; a number that no double holds is kept as its text. Raises as :func:`decode` does."""
    try:
        return decode(_ANYTHING, raw, source, within)
    except msgspec.ValidationError:
        # Its syntax is right, so the only complaint there can be is about a number; texts were not looked at behind it.
        try:
            return json.loads(_without_lone_surrogates(raw), parse_float=_number, parse_int=_number)
        except (UnicodeDecodeError, RecursionError) as error:
            raise _malformed(error, bytes(raw), source, within) from error


def _number(text: str) -> int | float | str:
    """A number as JSON writes it, or its text where it would lose its value."""
    if text.lstrip("-").isdigit():
        return int(text) if len(text) < len(str(2**63)) else text
    return float(text) if abs(float(text)) < float("inf") else text


def check_syntax(raw: bytes, source: str, within: str = "") -> None:
    """Raises MalformedWebhook where the bytes are not JSON, whatever their shape."""
    try:
        _SYNTAX.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error, raw, source, within) from error


def _without_lone_surrogates(raw: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], raw)


def _malformed(error: Exception, raw: bytes, source: str, within: str) -> MalformedWebhook:
    if isinstance(error, UnicodeDecodeError):
        # The decoder counts from the start of a string; the body's own count is what helps.
        fault, position = "is not UTF-8", f"byte {_first_undecodable(raw, error)}"
    elif isinstance(error, RecursionError):
        fault, position = "is nested too deeply", "byte 0"
    else:
        found = _BYTE.search(str(error))
        fault = _BYTE.sub("", str(error)).strip() or "is not JSON"
        position = f"byte {found[1] if found else len(raw)}"
    return malformed(source, fault, f"{within}, {position}" if within else position)


def _first_undecodable(raw: bytes, error: UnicodeDecodeError) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as whole:
        return whole.start
    return error.start


def malformed(source: str, what: str, position: str) -> MalformedWebhook:
    """The error for an authentic body that is not even the source's syntax, naming the place."""
    message = f"cannot read delivery from {source}: {what}, at {position}; it is kept as it came, correct the sender"
    return MalformedWebhook(message, position)


class Templated(Protocol):
    """A body that a template of ours makes at a sender that lets its users write what it sends."""

    @property
    def timelined(self) -> str:
        """The template's version."""


Filled = TypeVar("Filled", bound=Templated)


def decode_template(decoder: msgspec.json.Decoder[Filled], webhook: Webhook, kind: str, version: str) -> Filled | Event:
    """The body of our template of this version, or the event that says why the delivery is not read.

    Raises :class:`MalformedWebhook` for broken syntax.
    """
    try:
        body = decode(decoder, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        found = decode_any(webhook.body, webhook.source)
        ours = isinstance(found, dict) and "timelined" in found
        other = f"not the template of config/senders/{kind}.md, which is read alone"
        return unrecognised(webhook, str(error) if ours else other, kind)
    if body.timelined != version:
        return unrecognised(webhook, "a version of the template that this version does not know", kind)
    return body


def unrecognised(
    webhook: Webhook, reason: str, kind: str = "", piece: bytes | None = None, *,
    service: str | None = None, refs: tuple[str, ...] = (),
) -> Event:  # fmt: skip
    """The event for what is authentic but not understood: the whole body, or one ``piece`` of it.

    ``reason`` never quotes the body; ``kind`` is the sender's word for what it
    sent; ``service`` and ``refs`` say what it is about, where that much can be
    read. The same bytes always give the same id.
    """
    digest = hashlib.sha256(webhook.body if piece is None else piece).hexdigest()
    reason_line = line(reason)
    return Event(
        id=event_id("unrecognised.1", webhook.source, None, digest),
        type="source.unrecognised",
        **origin(webhook),
        entity=f"delivery:{digest[:16]}",
        service=service,
        title=line(f"Not understood: {reason_line}"),
        refs=refs,
        data={"reason": reason_line, "kind": line(kind)},
    )


# --- texts ------------------------------------------------------------------------------------------------------------


def line(value: object) -> str:
    """One line of at most 1 KiB; empty where there is no text."""
    if not isinstance(value, str):
        return ""
    if len(value) <= LINE // 4 and value.isprintable():
        return value.strip()
    return _capped(" ".join(_storable(value).split()), LINE)


def name(value: object) -> str | None:
    """A line, or None where it would be empty: for services, actors and other fields that may be absent."""
    return line(value) or None


_is_placeholder = remembered(names.is_placeholder)


def person(*called: object, tool: str = "") -> str | None:
    """The name of who did something; None where an automation did, or where nobody is named. A person only leads,
    answers and is counted on. ``called`` are the names that one account goes by, best first; ``tool`` is the folded
    name of what tells it, which may act itself."""
    found = [told for each in called if (told := agent(each))]
    return None if any(names.is_automation(each, tool) for each in found) else next(iter(found), None)


def agent(value: object) -> str:
    """The name of what acted, where no :func:`person` did; empty where nothing is named."""
    told = line(value)
    return "" if _is_placeholder(told) else told


@remembered
def _label_name(value: str) -> str | None:
    """The name that a label's value is; a few values come again and again."""
    return name(value)


def text(value: object) -> str:
    """A free text of at most 16 KiB, its line breaks kept."""
    if not isinstance(value, str):
        return ""
    if len(value) <= TEXT // 4 and value.isprintable():
        return value
    return _capped(_storable(value), TEXT)


def labels(given_labels: Mapping[str, str] | None) -> dict[str, str]:
    """Labels fit to keep; the very same ones where nothing is wrong with them."""
    if not given_labels:
        return {}
    # One look at all of them together: nearly always nothing is wrong, and there are many.
    together = "".join([*given_labels, *given_labels.values()])
    if len(together) <= TEXT // 4 and together.isprintable() and isinstance(given_labels, dict):
        return given_labels
    return {line(key): text(value) for key, value in given_labels.items()}


def tree(value: object, depth: int = 0) -> Any:
    """A sender's own data fit to keep: its texts clean, its numbers within what every reader of JSON takes."""
    if isinstance(value, str):
        return value if value.isprintable() else _storable(value)
    if isinstance(value, dict):
        return {_storable(str(key)): tree(item, depth + 1) for key, item in value.items()} if depth < DEEPEST else CUT
    if isinstance(value, list):
        return [tree(item, depth + 1) for item in value] if depth < DEEPEST else CUT
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return value if isinstance(value, float) and abs(value) < float("inf") else str(value)


def bounded_tree(value: object) -> Any:
    """Such data of at most 64 KiB; of more, its beginning as text."""
    clean = tree(value)
    encoded = msgspec.json.encode(clean)
    if len(encoded) <= TREE:
        return clean
    return _capped(encoded[: TEXT + 4].decode("utf-8", "ignore"), TEXT)


def _storable(value: str) -> str:
    """Without NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot say."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value if value.isascii() else _LONE.sub("\ufffd", value)


def _capped(value: str, limit: int) -> str:
    """The text within ``limit`` bytes of UTF-8, visibly cut where it was longer."""
    if len(value) * 4 <= limit:
        return value
    encoded = value.encode("utf-8")
    if len(encoded) <= limit:
        return value
    return encoded[: limit - len(CUT.encode())].decode("utf-8", "ignore") + CUT


# --- links and labels -------------------------------------------------------------------------------------------------


def links(*pairs: tuple[str, object]) -> tuple[Link, ...]:
    """The links of (rel, url) pairs, in order and once each; what is no http(s) URL is left out."""
    found = [Link(rel, address) for rel, url in pairs if isinstance(url, str) and (address := _address(url))]
    return tuple(dict.fromkeys(found))


def links_of(rels: tuple[str, ...], urls: tuple[str | None, ...]) -> tuple[Link, ...]:
    """The same of as many rels and urls, remembered where the texts are of ordinary length: a rule's alerts have the
    same links, again and again."""
    size = sum([len(url) for url in urls if url])
    return _known_links(rels, urls) if size <= LINE else links(*zip(rels, urls, strict=True))


@lru_cache(maxsize=1024)
def _known_links(rels: tuple[str, ...], urls: tuple[str | None, ...]) -> tuple[Link, ...]:
    return links(*zip(rels, urls, strict=True))


@remembered
def _address(url: str) -> str:
    """The URL without a password in it; empty where it is none that a reader could follow."""
    trimmed = url.strip()
    if not _URL.fullmatch(trimmed):
        return ""
    try:
        pieces = urlsplit(trimmed)
        host = pieces.hostname
    except ValueError:
        return ""
    if not host:
        return ""
    return trimmed if "@" not in pieces.netloc else pieces._replace(netloc=pieces.netloc.rpartition("@")[2]).geturl()


def service_of(all_labels: Mapping[str, str], reading: Reading) -> str | None:
    """What the first of the service labels that names one says: no exporter, no placeholder.

    Of ``namespace/deployment`` the deployment is the service; the namespace stands before it where the deployment's
    own name is one of those that every team has (``api``, ``worker``), unless it only says an environment.
    """
    for label in reading.service_labels:
        if found := _service_in(all_labels, label, reading.exporters):
            return found
    return None


def _service_in(all_labels: Mapping[str, str], label: str, exporters: tuple[str, ...]) -> str | None:
    above, slash, below = label.partition("/")
    if slash and label not in all_labels:
        return _below(all_labels.get(above), all_labels.get(below))
    value = all_labels.get(label)
    if not value or _is_placeholder(value) or names.is_exporter(value, exporters):
        return None
    if label != "instance":
        return _label_name(value)
    # It measures the whole cluster: its own host is not what the alert is about.
    return None if names.is_of_the_cluster(all_labels.get("job") or "") else _label_name(names.host_of(value))


COMMON = frozenset({
    "api", "app", "application", "backend", "cache", "consumer", "cron", "db", "default", "frontend", "gateway", "main",
    "nginx", "postgres", "postgresql", "mysql", "proxy", "redis", "scheduler", "server", "service", "ui", "web",
    "webapp", "worker", "workers", "all", "rabbitmq", "kafka", "mongodb", "memcached", "celery", "jobs",
})  # fmt: skip
"""Names that deployments of many teams have: alone they do not say whose."""


def _below(namespace: str | None, workload: str | None) -> str | None:
    if not namespace or not workload or _is_placeholder(workload) or _is_placeholder(namespace):
        return None
    if workload.casefold() in COMMON and not names.only_environment(namespace) and namespace.casefold() != "default":
        return _label_name(f"{namespace}/{workload}")
    return _label_name(workload)


def further_services(services: Iterable[object], service: str | None) -> dict[str, list[str]]:
    """The key of an event's ``data`` with the services that a sender names beside the one that the event is of, each
    once; nothing where it names no other."""
    others = [told for each in services if (told := agent(each)) and told != service]
    return {"further_services": list(dict.fromkeys(others))} if others else {}


def environment_of(all_labels: Mapping[str, str], reading: Reading) -> str | None:
    """What the first of the environment labels that names one says; else a namespace that only says an environment."""
    if found := first_label(all_labels, reading.environment_labels):
        return found
    namespace = all_labels.get("namespace")
    return _label_name(namespace) if namespace and names.only_environment(namespace) else None


def severity_of(all_labels: Mapping[str, str], reading: Reading) -> str | None:
    """What the first of the severity labels that says one says, in small letters; ``none`` is one."""
    for label in reading.severity_labels:
        value = all_labels.get(label)
        if value and _is_severity(value, reading.severities) and (found := _label_name(value)):
            return found.lower()
    return None


def _is_severity(value: str, own: tuple[str, ...]) -> bool:
    """Whether a label's value says how grave an alert is: ``unknown`` does where the team set what that means."""
    if severities.is_known(value) or not _is_placeholder(value):
        return True
    return bool(own) and severities.fold_severity(value) in map(severities.fold_severity, own)


def first_label(all_labels: Mapping[str, str], wanted: Iterable[str]) -> str | None:
    """The value of the first present label; an empty value and a placeholder count as absent."""
    for label in wanted:
        value = all_labels.get(label)
        if value and not _is_placeholder(value) and (found := _label_name(value)):
            return found
    return None
