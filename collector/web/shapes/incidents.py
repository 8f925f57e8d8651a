"""Of incidents and signals, with what joined none."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.web.shapes.base import Shape, Time
from collector.web.shapes.events import Event


class Incident(Shape, frozen=True):
    """One incident as lists show it."""

    number: int
    key: str
    status: str
    title: str
    started_at: Time
    ended_at: Time | None
    last_at: Time
    services: list[str]
    environments: list[str]
    severity: str | None
    lead: str | None
    events: int
    merged_into: int | None
    private: str | None
    """The groups that alone may read of it; null: everybody may."""


class Signal(Shape, frozen=True):
    """What is firing or unacknowledged now."""

    kind: str
    event: str
    source: str
    entity: str
    title: str
    service: str | None
    environment: str | None
    severity: str | None
    state: str
    since: Time
    incident: int | None
    notifications: int
    last_at: Time
    private: str | None


class Nearby(Shape, frozen=True):
    """An event that joined nothing."""

    event: Event
    reason: str


class Unjoined(Shape, frozen=True):
    """What joined nothing: how many events, why, and the newest of them."""

    count: int
    reasons: Mapping[str, int]
    newest: list[Nearby]


class Incidents(Shape, frozen=True):
    """A page of incidents; without any, what joined none."""

    incidents: list[Incident]
    next: str | None
    unjoined: Unjoined | msgspec.UnsetType = msgspec.UNSET


class Signals(Shape, frozen=True):
    """A page of signals."""

    signals: list[Signal]
    next: str | None
