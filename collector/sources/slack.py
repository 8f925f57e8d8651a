"""Slack's Events API: https://docs.slack.dev/apis/events-api/

Events name people and channels by their ids alone; ``catalog.people`` and the
source's ``channels`` say who and what they are. What bots write is set aside:
their own systems tell it. An edit is an event of its own; a pin tells its
message, which is the same event whether it was received before or not.
Slack tries an address by asking for its challenge back, gives up after three
seconds, and comes again three times.
"""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.times import moment
from collector.webhook import ChatChannel, Credentials, Reading, Sample, Source, Webhook

KIND = "slack"
RECIPE = "slack.1"

_TIMESTAMP = "X-Slack-Request-Timestamp"


def _signed(webhook: Webhook) -> bytes:
    written = webhook.headers.get(_TIMESTAMP.lower(), "").encode("utf-8", "surrogatepass")
    return b":".join((b"v0", written, webhook.body))


# https://docs.slack.dev/authentication/verifying-requests-from-slack
SIGNATURE = Signature(
    header="X-Slack-Signature",
    prefix="v0=",
    sender="Slack (the app's Signing Secret)",
    signed=_signed,
    timestamp=_TIMESTAMP,
)

_WRITTEN = frozenset({
    "", "thread_broadcast", "file_share", "me_message", "channel_topic", "group_topic", "channel_purpose",
    "group_purpose",
})  # fmt: skip
"""Subtypes of messages that a person wrote."""
_DIRECT = frozenset({"im", "mpim", "app_home"})
"""Kinds of conversations that are no channel: what is said there is nobody's timeline."""
_MARKUP = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")


class Message(msgspec.Struct, frozen=True):
    """A message, as events on it carry it."""

    ts: str | None = None
    user: str | None = None
    text: str | None = None
    bot_id: str | None = None
    thread_ts: str | None = None
    edited: Any = None
    files: Any = None
    attachments: Any = None


class Item(msgspec.Struct, frozen=True):
    """What a reaction or a pin is on."""

    type: str | None = None
    channel: str | None = None
    ts: str | None = None
    message: Message | None = None


class Inner(msgspec.Struct, frozen=True):
    """``event``: every field that we read of any kind of it."""

    type: str
    subtype: str | None = None
    channel: Any = None
    channel_id: str | None = None
    channel_type: str | None = None
    user: Any = None
    text: str | None = None
    ts: str | None = None
    event_ts: str | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    files: Any = None
    attachments: Any = None
    message: Message | None = None
    previous_message: Message | None = None
    reaction: str | None = None
    item: Item | None = None


class Body(msgspec.Struct, frozen=True):
    """One delivery."""

    type: str
    team_id: str | None = None
    challenge: str | None = None
    event: Inner | None = None
    minute_rate_limited: int | None = None


class Conversation(msgspec.Struct, frozen=True):
    """Where something was written."""

    team: str
    channel: str
    settings: ChatChannel


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def challenge(webhook: Webhook) -> str:
    """What Slack asks to have back when an address is entered; empty for everything else."""
    try:
        body = _BODY.decode(webhook.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return normalise.line(body.challenge) if body.type == "url_verification" else ""


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery: a message, an edit, a pinned message, a reaction that was chosen; or none."""
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    if body.type == "url_verification":
        return ()
    if body.type == "app_rate_limited":
        return (_gap(webhook, body),)
    if body.type != "event_callback" or body.event is None:
        return (normalise.unrecognised(webhook, "neither an event nor a challenge", body.type),)
    where = _conversation(body, body.event, reading)
    if where is None:
        return ()
    match body.event.type:
        case "message":
            return _message(webhook, body.event, where)
        case "pin_added":
            return _pin(webhook, body.event, where)
        case "reaction_added":
            return _reaction(webhook, body.event, where, reading)
    return ()


def _conversation(body: Body, event: Inner, reading: Reading) -> Conversation | None:
    """The channel an event is of, where it is one that is read: any, or those that are configured."""
    channel = event.channel_id or event.channel or (event.item.channel if event.item else None)
    if not isinstance(channel, str) or not channel or event.channel_type in _DIRECT or channel.startswith("D"):
        return None
    if reading.channels and channel not in reading.channels:
        return None
    return Conversation(
        normalise.line(body.team_id), normalise.line(channel), reading.channels.get(channel, ChatChannel())
    )


def _message(webhook: Webhook, event: Inner, where: Conversation) -> tuple[Event, ...]:
    if event.subtype == "message_changed":
        return _edit(webhook, event, where)
    if (event.subtype or "") not in _WRITTEN:
        return ()
    message = Message(
        ts=event.ts, user=event.user, text=event.text, bot_id=event.bot_id, thread_ts=event.thread_ts,
        files=event.files, attachments=event.attachments,
    )  # fmt: skip
    return _message_events(webhook, message, where)


def _message_events(webhook: Webhook, message: Message, where: Conversation) -> tuple[Event, ...]:
    """A message; the same event whether it came as itself or with its pin. One without words says nothing."""
    words = _words_of(message)
    if message.bot_id or not words:
        return ()
    if not message.ts:
        return (normalise.unrecognised(webhook, "a message without its ts", KIND, service=where.settings.service),)
    return (_event(webhook, where, "chat.message", message.ts, (message.ts,), message.user, words, message.thread_ts),)


def _words_of(message: Message) -> str:
    """What a message says, and what it shares: other messages, and files by what they are called. What Slack shows of a
    link is no word of anybody's, unless there is no other."""
    own = plain(message.text)
    attached = [each for each in _objects(message.attachments) if each.get("is_share") or not own]
    shared = [each.get("text") or each.get("fallback") for each in attached]
    files = [each.get("title") or each.get("name") for each in _objects(message.files)]
    texts = (own, *[plain(each) for each in (*shared, *files) if isinstance(each, str)])
    return "\n".join(filter(None, texts))


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _edit(webhook: Webhook, event: Inner, where: Conversation) -> tuple[Event, ...]:
    """What a person made of a message. Slack tells its own changes (a preview of a link) in the same way."""
    now, before = event.message or Message(), event.previous_message or Message()
    words = plain(now.text)
    if now.bot_id or not now.edited or not words or words == plain(before.text):
        return ()
    when = event.event_ts or event.ts
    if not now.ts or not when:
        return (normalise.unrecognised(webhook, "an edit without its ts", KIND, service=where.settings.service),)
    identity = (now.ts, "edited", when)
    edit = _event(webhook, where, "chat.message", when, identity, now.user, words, now.thread_ts, of=now.ts)
    return (msgspec.structs.replace(edit, data=edit.data | {"kind": "message_changed"}),)


def _pin(webhook: Webhook, event: Inner, where: Conversation) -> tuple[Event, ...]:
    """The message that was pinned, where it was not received by itself. A pin is no act on what failed."""
    message = event.item.message if event.item else None
    return () if message is None else _message_events(webhook, message, where)


def _reaction(webhook: Webhook, event: Inner, where: Conversation, reading: Reading) -> tuple[Event, ...]:
    """A reaction that the configuration chose, as what it is: one word, said to a message. All others say nothing."""
    item, name = event.item, (event.reaction or "").partition("::")[0]
    if name not in reading.reactions or item is None or not item.ts or not event.event_ts:
        return ()
    identity = (item.ts, "reaction", name, normalise.line(event.user))
    message = _event(
        webhook,
        where,
        "chat.message",
        event.event_ts,
        identity,
        event.user,
        f":{normalise.line(name)}:",
        item.ts,
        of=item.ts,
    )
    return (msgspec.structs.replace(message, data=message.data | {"kind": "reaction_added"}),)


def _event(
    webhook: Webhook, where: Conversation, event_type: str, ts: str, identity: tuple[str, ...], user: Any, words: str,
    thread: str | None = None, *, of: str | None = None,
) -> Event:  # fmt: skip
    """An event of a channel; ``of`` is the ``ts`` of the message it is about, where it is none itself."""
    happened = moment(ts, webhook.received_at)
    data = {"text": words, "channel": where.settings.name or where.channel, "thread": normalise.line(thread)}
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, where.team, where.channel, *identity),
        type=event_type,
        **normalise.origin(webhook, happened),
        entity=normalise.line(f"{where.channel}:{of or ts}"),
        service=where.settings.service,
        title=normalise.line(words.partition("\n")[0]) or normalise.line(words),
        actor=normalise.name(user),
        data={key: text for key, text in data.items() if text},
    )


def _gap(webhook: Webhook, body: Body) -> Event:
    """Slack leaves out what comes beyond 30,000 events an hour, and says in which minute it began to."""
    happened = moment(body.minute_rate_limited, webhook.received_at)
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, "rate_limited", normalise.line(body.team_id)),
        type="source.gap",
        **normalise.origin(webhook, happened),
        entity=f"team:{normalise.line(body.team_id)}",
        title="Slack left events out: the app had too many (app_rate_limited)",
        data={"reason": "app_rate_limited"},
    )


def plain(text: str | None) -> str:
    """A message's text as people read it: names and links without Slack's brackets, and no escapes."""
    return normalise.text(html.unescape(_MARKUP.sub(_unmarked, text or ""))).strip()


def _unmarked(found: re.Match[str]) -> str:
    sign, inner, label = found[1], found[2], found[3]
    if sign:
        called = (label or inner.partition("^")[0]).removeprefix("@").removeprefix("#")
        return f"{'#' if sign == '#' else '@'}{called}"
    address = inner.removeprefix("mailto:")
    return address if not label or label in (address, inner) else f"{label} ({address})"


SOURCE = Source(
    kind=KIND,
    sample=Sample(
        body='{"type": "url_verification", "challenge": "a test of timelined"}',
    ),
    sign=SIGNATURE.sign,
    called="Slack",
    families=("chat",),
    paste="api.slack.com/apps, your app, Event Subscriptions: Request URL {address}, event message.channels",
    proofs=("signature", "bearer", "basic", "path"),
    headers=("x-slack-retry-num", "x-slack-retry-reason"),
    verify=verify,
    parse=parse,
    challenge=challenge,
    settings=("channels", "reactions"),
    identity=(
        "/type", "/event/type", "/event/subtype", "/minute_rate_limited",
        "/team_id", "/event/ts", "/event/event_ts", "/event/channel", "/event/channel_id", "/event/message/ts",
        "/event/item/ts", "/event/item/channel", "/event/item/message/ts", "/event/user", "/event/reaction",
    ),
)  # fmt: skip
