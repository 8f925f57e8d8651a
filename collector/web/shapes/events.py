"""Of events and deliveries: one of them whole, and pages of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from collector.web.shapes.base import Link, Shape, Time


class Event(Shape, frozen=True):
    """One revision of one fact, whole."""

    position: int
    id: str
    revision: int
    amendment: str | None
    type: str
    source: str
    entity: str
    occurred_at: Time
    received_at: Time
    time_text: str | None
    time_quality: str
    service: str | None
    environment: str | None
    severity: str | None
    title: str
    actor: str | None
    links: list[Link]
    refs: list[str]
    labels: Mapping[str, str]
    data: Mapping[str, Any]
    delivery: str | None
    item: int | None
    erased: bool
    private: str | None
    """The groups that alone may read it; null: everybody may."""


class Item(Shape, frozen=True):
    """Where one of a delivery's events stands."""

    event: str
    position: int
    known: bool


class Stored(Shape, frozen=True):
    """What is promised to a sender after the commit."""

    delivery: str
    status: str
    reason: str
    items: list[Item]


class Header(Shape, frozen=True):
    """A header of a delivery as it is kept."""

    name: str
    value: str


class Delivery(Shape, frozen=True):
    """A stored delivery, without its body."""

    id: str
    source: str
    received_at: Time
    size: int
    sha256: str | None
    authentication: str
    status: str
    reason: str
    redacted: int
    headers: list[Header]
    items: list[Item]
    private: str | None
    """The groups that alone may read what it told; null: everybody may."""


class Refused(Shape, frozen=True):
    """Deliveries that were refused, as a row beside those that were stored."""

    id: str
    source: str | None
    received_at: Time
    last_at: Time
    status: str
    answered: int
    reason: str
    count: int
    position: int | None


class Repeats(Shape, frozen=True):
    """How often a fact was told again, and when last."""

    count: int
    last_at: Time | None


class Reason(Shape, frozen=True):
    """Why an event is in an incident, or (``null``) in none."""

    incident: int | None
    rule: str
    reason: str


class Why(Shape, frozen=True):
    """The same, with the event."""

    event: Event
    incident: int | None
    rule: str
    reason: str


class Whole(Shape, frozen=True):
    """One event with all its revisions."""

    id: str
    events: list[Event]
    repeats: Repeats
    why: Reason | None


class Events(Shape, frozen=True):
    """A page of events; of an incident's, with its number."""

    events: list[Event]
    next: str | None
    incident: int | msgspec.UnsetType = msgspec.UNSET


class Deliveries(Shape, frozen=True):
    """A page of deliveries, those refused among them."""

    deliveries: list[dict[str, Any]]
    next: str | None
    not_listed: str | msgspec.UnsetType = msgspec.UNSET
