"""What is sent, and times as senders write them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = "2026-03-04"


def moment(text: str) -> datetime:
    """``14:02``, ``14:02:10.5`` or ``2026-03-05 00:10`` (a day of its own), UTC."""
    if len(text) > 15 or text[4:5] == "-":
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{DAY}T{text}").replace(tzinfo=UTC)


def micros(text: str) -> int:
    """The same, in µs since 1970."""
    return (moment(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def rfc3339(text: str) -> str:
    """The same as Go writes it, with milliseconds."""
    return moment(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Sent:
    """One delivery as a sender puts it on the wire."""

    source: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def as_json(source: str, value: Any, **headers: str) -> Sent:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Sent(source, body, {"content-type": "application/json", **named})


def utc(at: str) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
