"""A sender's body in the shape that its adapter reads, also where redaction put a mark in the place of a value.

The mark is a text. Where a number or an object stood, the body would have another shape than the sender gave it, and
nothing of it would be understood. So such a mark is taken for a value that is absent: the adapter goes on without it,
unless it cannot. A mark in the place of a text stays. Refuses to mend anything else.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from collector import normalise
from collector.webhook import Webhook

MARK = "[redacted]"
"""What stands in the place of a redacted value: that of :data:`collector.redaction.MARK`."""
_MOST = 50
"""Fields that marks are taken out of in one body at most; each has it read once more."""
_PLACE = re.compile(r"at `(?:key in )?\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_ANY = "..."
"""How msgspec names a member of an object whose keys are not known."""

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, source: str, within: str = "") -> T:
    """Decode JSON as :func:`collector.normalise.decode` does, and raise as it does, but for marks of redaction."""
    try:
        return normalise.decode(decoder, raw, source, within)
    except msgspec.ValidationError as error:
        if MARK.encode() not in bytes(raw):
            raise
        return decoder.decode(_without_marks(decoder, normalise.decode_any(bytes(raw), source, within), error))


def unmarked(decoder: msgspec.json.Decoder[T], webhook: Webhook) -> Webhook:
    """The delivery with a body that the decoder takes, where marks alone keep it from that; else itself."""
    if MARK.encode() not in webhook.body:
        return webhook
    try:
        normalise.decode(decoder, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        try:
            body = _without_marks(decoder, normalise.decode_any(webhook.body, webhook.source), error)
        except msgspec.ValidationError:
            return webhook
        return msgspec.structs.replace(webhook, body=body)
    return webhook


def _without_marks(decoder: msgspec.json.Decoder[T], document: Any, first: msgspec.ValidationError) -> bytes:
    """The document without those marks that have another shape than their place; raises the first mistake else."""
    mistake = first
    for _ in range(_MOST):
        if not _taken_out(document, str(mistake)):
            break
        encoded = msgspec.json.encode(document)
        try:
            decoder.decode(encoded)
        except msgspec.ValidationError as error:
            mistake = error
        else:
            return encoded
    raise first


def _taken_out(document: Any, mistake: str) -> bool:
    """Whether marks stood where a mistake is, or in the same field of another item of a list, and are gone."""
    place = _PLACE.search(mistake)
    steps = [key or index for key, index in _STEP.findall(place[1])] if place else []
    *above, last = steps or [""]
    holders = [document]
    for step in above:
        holders = [holder[key] for holder in holders for key in _keys(holder, step)]
    marked = [(holder, key) for holder in holders for key in _keys(holder, last) if holder[key] == MARK]
    for holder, key in marked:
        del holder[key]
    return bool(marked)


def _keys(holder: Any, step: str) -> list[Any]:
    """What a step leads to: a member of an object or every one; of a list every item, the last one first."""
    if isinstance(holder, dict):
        return list(holder) if step == _ANY else [step] if step in holder else []
    return list(reversed(range(len(holder)))) if isinstance(holder, list) else []
