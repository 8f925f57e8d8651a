"""Records that a sender gave out afterwards, read as the deliveries that tell the same.

Pure. Each record becomes what the sender would have delivered of it, and that is
read by the sender's own adapter: so an event has the same id whichever way it
came. What an import brought says so, with the time at which it was fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collector import normalise
from collector.event import Event
from collector.webhook import IMPORT, Import, Reading, Source, Webhook

FETCHED = "imported_at"
"""The key of an event's data that says when an import fetched it, µs."""

HOW = "import"
"""How the sender of an import's records proved itself: who brings them in may write to the log."""

_RECORDS = msgspec.json.Decoder(list[msgspec.Raw])


def form_of(source: Source, webhook: Webhook) -> Import | None:
    """The form of a delivery's records; None where it was sent, or this version does not know the form."""
    return source.imports.get(webhook.headers.get(IMPORT, ""))


def read(webhook: Webhook, source: Source, reading: Reading) -> tuple[Event, ...]:
    """The events of some records, a list in JSON. One that is not understood spoils no other.

    Raises :class:`collector.errors.MalformedWebhook` for broken syntax.
    """
    form = form_of(source, webhook)
    if form is None:
        return (normalise.unrecognised(webhook, "an import in a form that this version does not read", source.kind),)
    try:
        records = normalise.decode(_RECORDS, webhook.body, webhook.source)
    except msgspec.ValidationError:
        return (normalise.unrecognised(webhook, "an import that is no list of records", source.kind),)
    return tuple(
        [_marked(event, webhook) for raw in records for event in _of_record(webhook, source, form, reading, raw)]
    )


def _of_record(
    webhook: Webhook, source: Source, form: Import, reading: Reading, raw: msgspec.Raw
) -> Iterator[Event]:  # fmt: skip
    record: Any = normalise.decode_any(raw, webhook.source)
    try:
        if not isinstance(record, dict):
            raise TypeError("a record is an object")
        sent = form.sent(record)
    except (LookupError, TypeError, ValueError, AttributeError):
        yield normalise.unrecognised(webhook, f"a record that is none of {form.called}", source.kind, bytes(raw))
        return
    for headers, body in sent:
        delivery = Webhook(
            source=webhook.source, headers=headers, body=msgspec.json.encode(body), received_at=webhook.received_at
        )
        yield from source.parse(delivery, reading)


def _marked(event: Event, webhook: Webhook) -> Event:
    return msgspec.structs.replace(event, data=dict(event.data) | {FETCHED: webhook.received_at})
