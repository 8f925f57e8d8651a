"""What the event recorder of Alertmanager writes, from 0.33 on, behind ``--enable-feature=event-recorder``.

https://github.com/prometheus/alertmanager/blob/main/eventrecorder/eventrecorderpb/eventrecorder.proto

One event is a JSON object; with ``batch`` a list of them comes, and its file
has one a line. A notification was delivered to one integration: each of its
alerts is told as the webhook tells it, under the same id. Silences and
inhibitions suppress an alert in every pass of evaluation: by one silence it is
told once, and of an inhibition, which has no name, once a day (UTC). Members of
a cluster write their own, and events may come twice.

Labels are pairs in 0.33 and 0.34, and an object since. The recorder knows
neither the rule's address nor how an alert was made.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector import normalise
from collector.errors import MalformedWebhook
from collector.event import Event, event_id
from collector.sources.alertmanager.groups import KIND, RECIPE, Alert, Common, alert_event, refs_of
from collector.times import moment
from collector.webhook import Reading, Webhook

_DAY = 86_400_000_000
_HEAD = 64
"""Within so many bytes of its beginning, an event says its time."""
_ALERT_IDENTITY = ("fingerprint", "startsAt", "endsAt")
_SILENCE_IDENTITY = ("id", "updatedAt", "endsAt")
IDENTITY = (
    "/@timestamp",
    "/instance",
    *(f"/data/notification/alerts/*/details/{name}" for name in (*_ALERT_IDENTITY, "resolved")),
    *(f"/data/alertResolved/alert/details/{name}" for name in _ALERT_IDENTITY),
    *(f"/data/{kind}/silence/{name}" for kind in ("silenceCreated", "silenceUpdated") for name in _SILENCE_IDENTITY),
    "/data/silenceMutedAlert/silence/id",
    "/data/silenceMutedAlert/mutedAlert/fingerprint",
    "/data/inhibitionMutedAlert/mutedAlert/fingerprint",
    "/data/inhibitionMutedAlert/mutedAlert/startsAt",
)
"""What the ids of one recorded event are made of, as :attr:`collector.webhook.Source.identity` says it."""
_SILENT = frozenset({"alertCreated", "alertGrouped"})
"""Set aside: an alert that nobody was notified of may be silenced, and of the others a notification tells."""
_REASONS = {
    "NOTIFY_REASON_FIRST_NOTIFICATION": "first notification",
    "NOTIFY_REASON_NEW_ALERTS_IN_GROUP": "new alerts added",
    "NOTIFY_REASON_NEW_RESOLVED_ALERTS": "some alerts resolved",
    "NOTIFY_REASON_ALL_ALERTS_RESOLVED": "all alerts resolved",
    "NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED": "repeat interval elapsed",
}
"""The recorder's words for why it notified → the webhook's."""


def speaks(body: bytes) -> bool:
    """Whether a body is the recorder's: a list, or an object that begins with its time."""
    head = body[:_HEAD].lstrip()
    return head[:1] == b"[" or b'"@timestamp"' in head


def read(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The events of an object, of a list, or of an object on each line. One that is not understood spoils no other."""
    try:
        document = normalise.decode_any(webhook.body, webhook.source)
    except MalformedWebhook:
        lines = [line for line in webhook.body.splitlines() if line.strip()]
        if not _is_file(webhook, lines):
            raise
        return tuple([event for line in lines for event in _line(webhook, reading, line)])
    if not isinstance(document, list):
        return _entry(webhook, reading, document, None)
    if not document:
        return (normalise.unrecognised(webhook, "a list of no events", KIND),)
    return tuple([event for each in document for event in _entry(webhook, reading, each, _bytes(each))])


def _is_file(webhook: Webhook, lines: list[bytes]) -> bool:
    """Whether lines are those of the recorder's file: the first of several is an event by itself."""
    if len(lines) < 2:
        return False
    try:
        normalise.check_syntax(lines[0], webhook.source)
    except MalformedWebhook:
        return False
    return True


def _bytes(value: object) -> bytes:
    return msgspec.json.encode(normalise.tree(value))


def _line(webhook: Webhook, reading: Reading, line: bytes) -> tuple[Event, ...]:
    """One line of the recorder's file; the last one may be cut where Alertmanager was killed."""
    try:
        document = normalise.decode_any(line, webhook.source)
    except MalformedWebhook:
        return (normalise.unrecognised(webhook, "a line that is no JSON", KIND, line),)
    return _entry(webhook, reading, document, line)


def _entry(webhook: Webhook, reading: Reading, entry: object, line: bytes | None) -> tuple[Event, ...]:
    data = _inner(entry, "data")
    whole = entry if isinstance(entry, dict) else {}
    kind = next((name for name in data if name in _READERS or name in _SILENT), "")
    if kind in _SILENT:
        return ()
    if not kind:
        word = normalise.line(next(iter(data), KIND))
        return (
            normalise.unrecognised(webhook, "a kind of recorded event that this version does not know", word, line),
        )
    events = _READERS[kind](webhook, reading, _inner(data, kind), whole)
    if events is None:
        return (
            normalise.unrecognised(webhook, f"{kind} without the alert or the silence that it is about", kind, line),
        )
    return events


# --- alerts ----------------------------------------------------------------------------------------------------------


def _notification(
    webhook: Webhook, reading: Reading, body: dict[str, Any], _entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    listed = body.get("alerts")
    alerts = [_inner(each, "details") for each in listed] if isinstance(listed, list) else []
    common = _common(body)
    events = [event for alert in alerts if (event := _alert(webhook, reading, alert, common)) is not None]
    return tuple(events) or None


def _resolved(
    webhook: Webhook, reading: Reading, told: dict[str, Any], _entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    event = _alert(webhook, reading, _inner(told, "alert", "details") | {"resolved": True}, _common(told))
    return None if event is None else (event,)


def _common(body: dict[str, Any]) -> Common:
    group = _inner(body, "groupInfo")
    key = _text(group.get("groupKey"))
    reason = _text(body.get("reason"))
    fields = {"receiver": _text(group.get("receiverName")), "reason": _REASONS.get(reason, reason)}
    return Common(
        group_key=normalise.text(key),
        group_labels=normalise.labels(_labels(group.get("groupLabels"))),
        fields={name: value for name, value in fields.items() if value},
        status="",
        source_url=None,
        refs=refs_of(key),
        starts={},
    )


def _alert(webhook: Webhook, reading: Reading, body: dict[str, Any], common: Common) -> Event | None:
    labels = _labels(body.get("labels"))
    if not labels:
        return None
    alert = Alert(
        labels=labels,
        annotations=_labels(body.get("annotations")),
        starts_at=_text(body.get("startsAt")) or None,
        ends_at=_text(body.get("endsAt")) or None,
        fingerprint=_fingerprint(body.get("fingerprint")) or None,
    )
    return alert_event(webhook, alert, "resolved" if body.get("resolved") is True else "firing", common, reading)


# --- silences and inhibitions ----------------------------------------------------------------------------------------


def _silence(
    verb: str, webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    silence = _inner(told, "silence")
    ident, at = _text(silence.get("id")), _text(silence.get("updatedAt")) or _text(entry.get("@timestamp"))
    if not ident:
        return None
    matchers, labels = _matchers(silence)
    ended = moment(_text(silence.get("endsAt")), webhook.received_at)
    happened = moment(at, webhook.received_at)
    over = ended.known and happened.known and ended.at <= happened.at
    word = "ended" if over else verb
    event = _observation(
        webhook, reading, labels, at, f"silence:{ident}", (ident, happened.identity, word),
        f"Silence {word}: {matchers}" if matchers else f"Silence {word}", f"silence_{word}",
        normalise.text(silence.get("comment")),
    )  # fmt: skip
    begins = moment(_text(silence.get("startsAt")), webhook.received_at)
    span = {"silences_from": begins.at, "silences_until": ended.at} if begins.known and ended.known and not over else {}
    event = msgspec.structs.replace(event, data=dict(event.data) | {"operation": f"silence {word}"} | span)
    # Who ended it is not told; whose it is, is no answer to that.
    return (event if over else msgspec.structs.replace(event, actor=normalise.person(silence.get("createdBy"))),)


def _silence_created(
    webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    return _silence("created", webhook, reading, told, entry)


def _silence_updated(
    webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    return _silence("updated", webhook, reading, told, entry)


def _silenced(
    webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    silence, muted = _inner(told, "silence"), _inner(told, "mutedAlert")
    ident, labels = _text(silence.get("id")), _labels(muted.get("labels"))
    if not (ident and labels):
        return None
    fingerprint = _fingerprint(muted.get("fingerprint"))
    title = f"Alert {_name(labels)} was silenced"
    told_once = ("silenced", ident, fingerprint or repr(sorted(labels.items())))
    at, comment = _text(entry.get("@timestamp")), normalise.text(silence.get("comment"))
    return (
        _observation(
            webhook, reading, labels, at, fingerprint or ident, told_once, title, "silence_muted_alert", comment
        ),
    )


def _inhibited(
    webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...] | None:
    muted = _inner(told, "mutedAlert")
    labels, fingerprint = _labels(muted.get("labels")), _fingerprint(muted.get("fingerprint"))
    if not labels:
        return None
    at = _text(entry.get("@timestamp"))
    stated = moment(_text(muted.get("startsAt")) or at, webhook.received_at).stated
    day = "" if stated is None else str(stated // _DAY)
    # Not by what inhibits it: of several alerts each member of a cluster names those that it found first.
    told_once = ("inhibited", fingerprint or repr(sorted(labels.items())), day)
    title = f"Alert {_name(labels)} was inhibited by another alert"
    return (
        _observation(
            webhook, reading, labels, at, fingerprint or "inhibition", told_once, title, "inhibition_muted_alert", ""
        ),
    )


# --- the process itself ----------------------------------------------------------------------------------------------


def _started(
    webhook: Webhook, reading: Reading, told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...]:  # fmt: skip
    version = _text(told.get("version"))
    return (_process(webhook, reading, entry, "started", f"Alertmanager {version}".strip()),)


def _stopped(
    webhook: Webhook, reading: Reading, _told: dict[str, Any], entry: dict[str, Any]
) -> tuple[Event, ...]:  # fmt: skip
    return (_process(webhook, reading, entry, "stopped", "Alertmanager"),)


def _process(webhook: Webhook, reading: Reading, entry: dict[str, Any], word: str, program: str) -> Event:
    instance, at = _text(entry.get("instance")), _text(entry.get("@timestamp"))
    where = f" on {instance}" if instance else ""
    return _observation(
        webhook, reading, {}, at, f"instance:{instance}", (word, instance, at), f"{program} {word}{where}", word, ""
    )


_READERS = {
    "alertmanagerStartupEvent": _started,
    "alertmanagerShutdownEvent": _stopped,
    "alertResolved": _resolved,
    "notification": _notification,
    "silenceCreated": _silence_created,
    "silenceUpdated": _silence_updated,
    "silenceMutedAlert": _silenced,
    "inhibitionMutedAlert": _inhibited,
}
"""The name of a recorded event's data → what it becomes; None where it lacks what it is about."""


# --- its values ------------------------------------------------------------------------------------------------------


def _observation(
    webhook: Webhook, reading: Reading, labels: dict[str, str], at: str, entity: str, identity: tuple[str, ...],
    title: str, kind: str, text: str,
) -> Event:  # fmt: skip
    happened, kept_labels = moment(at, webhook.received_at), normalise.labels(labels)
    data = {"type": f"alertmanager.{kind}", "text": text}
    return Event(
        id=event_id(RECIPE, webhook.source, None, "recorder", *identity),
        type="observation.recorded",
        **normalise.origin(webhook, happened),
        entity=normalise.line(entity),
        service=normalise.service_of(kept_labels, reading),
        environment=normalise.environment_of(kept_labels, reading),
        title=normalise.line(title),
        labels=kept_labels,
        data={key: value for key, value in data.items() if value},
    )


def _inner(value: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return normalise.line(value)


def _name(labels: dict[str, str]) -> str:
    return normalise.line(labels.get("alertname")) or "without a name"


def _labels(value: object) -> dict[str, str]:
    """Labels as an object, or as pairs of ``key`` and ``value`` under ``labels``."""
    if not isinstance(value, dict):
        return {}
    pairs = value.get("labels")
    if isinstance(pairs, list):
        listed = [each for each in pairs if isinstance(each, dict)]
        return {key: normalise.text(each.get("value")) for each in listed if (key := _text(each.get("key")))}
    return {_text(key): each for key, each in value.items() if isinstance(each, str)}


def _fingerprint(value: object) -> str:
    """A fingerprint as the webhook writes it: 64 bits in hexadecimal; protobuf's JSON has them in decimals, as text."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else -1
    return f"{number:016x}" if 0 <= number < 1 << 64 else ""


def _matchers(silence: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """What a silence matches, as Alertmanager writes it, and the labels that it asks to be equal."""
    listed = silence.get("matchers")
    matchers = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    rendered = [_text(each.get("rendered")) for each in matchers]
    equal = {
        _text(each.get("name")): normalise.text(each.get("pattern"))
        for each in matchers
        if each.get("type") == "TYPE_EQUAL" and _text(each.get("name")) and _text(each.get("pattern"))
    }
    return ", ".join(each for each in rendered if each), equal
