"""What comes out of correlation, and how attaching sees an incident.

Values only. Every time is µs UTC, every id an event's id.
"""

from __future__ import annotations

import msgspec


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event is in an incident."""

    event: str
    rule: str
    """``opened``, ``person``, ``page``, ``alert``, ``alert_again``, ``alert_reopened``, ``alert_group``, ``service``,
    ``dependency``, ``storm``, ``ref``, ``repository``."""
    reason: str
    """One sentence naming the fields that decided; made of senders' text, so it is escaped where it is shown."""


class Unjoined(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event is in no incident, or why a person's fact was not followed."""

    event: str
    reason: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A group of events people worked on together."""

    key: str
    """The id of the event that opened it: its first opening signal's, by (start, id)."""
    members: tuple[Membership, ...]
    """In reading order of the events."""
    anchors: tuple[str, ...]
    """The ids of the opening signals' first events, by (start, id); numbers hang on them."""
    started_at: int
    ended_at: int | None
    """None while a signal is open."""
    window: tuple[int, int]
    """From ``lookback`` before the first start to ``quiet`` after the last reach, µs."""


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """What correlation found out."""

    incidents: tuple[Incident, ...]
    """By (started_at, key)."""
    unjoined: tuple[Unjoined, ...]
    """In reading order. The daemon's own facts and ``source.*`` are no candidates and stand nowhere here."""
    ignored: tuple[Unjoined, ...] = ()
    """People's facts that contradict newer ones, or name events nobody knows; newest first."""


class IncidentTraits(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as attaching sees it: its opening signals' common traits."""

    key: str
    start: int
    low: int
    high: int
    environments: frozenset[str]
    classes: frozenset[str] = frozenset()
