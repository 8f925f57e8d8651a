"""How facts, incidents and receipts become JSON.

Promises: a field is always there, ``null`` where nothing is known, so that a
reader never asks whether a key exists; every time of ours is RFC 3339 in UTC,
ending in ``Z``; text that could not be UTF-8 (a header's stray bytes) is made
so, and never breaks an answer.

Refuses to interpret: ``data`` and ``labels`` stand as recorded, times within
them included (µs UTC, as ``docs/api.md`` says).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from collector.erasure import Erasure
from collector.event import DERIVED, RecordedEvent, is_erased
from collector.log import Delivery, Receipt, ReceiptItem, Repeats
from collector.projections import Explanation, IncidentRow, NearbyEvent, SignalRow
from collector.times import rfc3339
from collector.web import shapes

Json = dict[str, Any]
_NOTHING: Mapping[str, str] = {}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRAYS = re.compile("[\ud800-\udfff]")
"""Halves of characters: what a byte that is not UTF-8 stands as within Python."""


def time(at: int | None) -> str | None:
    """A time as the API writes it; ``null`` where there is none."""
    return None if at is None else rfc3339(at)


def event_in(zone: ZoneInfo, fact: RecordedEvent) -> shapes.Event:
    """The same with its times as clocks of a zone show them, each with its offset."""
    in_utc = event(fact)
    return msgspec.structs.replace(
        in_utc, occurred_at=_local(fact.occurred_at, zone) or in_utc.occurred_at,
        received_at=_local(fact.received_at, zone) or in_utc.received_at,
    )  # fmt: skip


def _local(at: int, zone: ZoneInfo) -> str:
    """A moment with the zone's offset; nothing where a year is none of a calendar's."""
    try:
        return (_EPOCH + timedelta(microseconds=at)).astimezone(zone).isoformat()
    except OverflowError:
        return ""


def event(fact: RecordedEvent, private: str | None = None) -> shapes.Event:
    """One revision of one fact, whole; ``private``: the groups that alone may read it."""
    return shapes.Event(
        position=fact.position,
        id=fact.id,
        revision=fact.revision,
        amendment=fact.amendment or None,
        type=fact.type,
        source=fact.source,
        entity=fact.entity,
        occurred_at=rfc3339(fact.occurred_at),
        received_at=rfc3339(fact.received_at),
        time_text=fact.time_text or None,
        time_quality=fact.time_quality,
        service=fact.service,
        environment=fact.environment,
        severity=fact.severity,
        title=fact.title,
        actor=fact.actor,
        links=[shapes.Link(link.rel, link.url) for link in fact.links],
        refs=list(fact.refs),
        labels=fact.labels,
        data=fact.data,
        delivery=fact.delivery or None,
        item=None if fact.item == DERIVED else fact.item,
        erased=is_erased(fact),
        private=private,
    )


def incident(row: IncidentRow) -> shapes.Incident:
    """One incident as lists show it."""
    fields = msgspec.structs.asdict(row)
    # Where it stands in the log is for those who watch the lists: it is no part of what is known of the incident.
    del fields["last_position"]
    times = {name: time(fields[name]) for name in ("started_at", "ended_at", "last_at")}
    return shapes.Incident(**fields | times)


def signal(row: SignalRow) -> shapes.Signal:
    """What is firing or unacknowledged now."""
    told = msgspec.structs.asdict(row) | {"since": rfc3339(row.since), "last_at": rfc3339(row.last_at)}
    return shapes.Signal(**told)


def item(told: ReceiptItem) -> shapes.Item:
    """Where one of a delivery's events stands."""
    return shapes.Item(told.event_id, told.position, told.stored_before)


def receipt(told: Receipt) -> shapes.Stored:
    """What is promised to a sender after the commit."""
    return shapes.Stored(told.delivery, told.status, told.reason, [item(each) for each in told.items])


def delivery(stored: Delivery, private: Mapping[str, str] = _NOTHING) -> shapes.Delivery:
    """A stored delivery, without its body; ``private`` has the groups of those that not everybody may read."""
    return shapes.Delivery(
        id=stored.id,
        source=stored.source,
        received_at=rfc3339(stored.received_at),
        size=stored.size,
        sha256=stored.digest or None,
        authentication=stored.authentication,
        status=stored.status,
        reason=stored.reason,
        redacted=stored.redacted,
        headers=[shapes.Header(name, value) for name, value in stored.headers],
        items=[item(told) for told in stored.items],
        private=private.get(stored.id),
    )


def repeats(told: Repeats | None) -> shapes.Repeats:
    """How often a fact was told again, and when last."""
    return shapes.Repeats(told.count, rfc3339(told.last_at)) if told else shapes.Repeats(0, None)


def reason(why: Explanation) -> shapes.Reason:
    """Why an event is in an incident, or (``null``) in none."""
    return shapes.Reason(why.incident, why.rule, why.reason)


def explanation(why: Explanation, private: str | None = None) -> shapes.Why:
    """The same, with the event."""
    return shapes.Why(event(why.event, private), why.incident, why.rule, why.reason)


def unjoined(
    count: int, reasons: Mapping[str, int], newest: Sequence[NearbyEvent], private: Mapping[str, str]
) -> shapes.Unjoined:
    """What joined nothing: how many events, why, and the newest of them, with the groups of those that are private."""
    shown = [shapes.Nearby(event(near.event, private.get(near.event.id)), near.reason) for near in newest]
    return shapes.Unjoined(count, dict(reasons), shown)


def erasure(result: Erasure) -> shapes.Erasure:
    """What an erasure did, or would do."""
    return shapes.Erasure(
        events=list(result.events),
        new=list(result.new),
        deliveries=list(result.deliveries),
        spared=list(result.spared),
        echoes=result.echoes,
        drafts=shapes.Redrawn(list(result.drafts.files), list(result.drafts.edited)),
        published=list(result.published),
        remaining=result.remaining or None,
    )


def encode(value: object) -> bytes:
    """JSON as bytes; a character that UTF-8 cannot carry becomes U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(msgspec.to_builtins(value)))


def json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(body=encode(value), status=status, headers=headers, content_type="application/json")


def with_etag(request: web.Request, response: web.Response) -> web.Response:
    """The answer with a strong ETag over its bytes, or 304 where the client holds exactly these."""
    body = response.body
    tag = hashlib.sha256(body if isinstance(body, bytes) else b"").hexdigest()[:32]
    response.etag = tag
    # Kept by nobody else, and asked again each time: that is what the tag is for.
    response.headers["Cache-Control"] = "private, no-cache"
    held = request.if_none_match or ()
    if not any(entry.value in (tag, "*") for entry in held):
        return response
    kept = {name: value for name, value in response.headers.items() if name not in ("Content-Type", "Content-Length")}
    return web.Response(status=304, headers=kept)


def _clean(value: object) -> object:
    """The same value with every text in it able to be UTF-8."""
    if isinstance(value, str):
        return _STRAYS.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(content) for content in value]
    return value
