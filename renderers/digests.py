"""What of an event decides a digest: all that was said, and nothing that follows from how it arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from collector.event import RecordedEvent

_SAID = (
    "id", "type", "source", "entity", "occurred_at", "time_text", "time_quality", "service", "environment", "severity",
    "title", "actor", "links", "refs", "labels", "data",
)  # fmt: skip
"""What the sender or the person said, by a fixed list of fields."""
_said = itemgetter(*map(RecordedEvent.__struct_fields__.index, _SAID))
"""Those fields out of all of an event's as a tuple, which is faster than asking for one after the other."""
_ENCODER = msgspec.json.Encoder(order="deterministic")
_TOGETHER = 256


def digest_of(events: Sequence[RecordedEvent], *first: Any) -> str:
    """SHA-256 over ``first`` and what these events say, in their order."""
    # Some at a time: all of them in one list would need as much memory again.
    hashed = hashlib.sha256(_ENCODER.encode(first))
    for start in range(0, len(events), _TOGETHER):
        hashed.update(_ENCODER.encode(list(map(_said, map(astuple, events[start : start + _TOGETHER])))))
    return hashed.hexdigest()
