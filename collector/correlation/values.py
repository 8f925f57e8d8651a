"""What goes into correlation and what comes out of it.

Values only. Every time is µs UTC, every id an event's id.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.event import HOUR, MINUTE
from collector.semantics import severities


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog says of one service."""

    name: str
    aliases: tuple[str, ...] = ()
    depends_on: tuple[str, ...] | None = None
    """None where the catalog does not list them, which is not the same as an empty list."""
    labels: Mapping[str, str] = {}
    """An event that carries all of these labels is of this service."""
    repositories: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How events are grouped. Times in µs. ``quiet`` must not exceed ``gap``."""

    reach: int = 24 * HOUR
    gap: int = 15 * MINUTE
    storm: int = 5 * MINUTE
    lookback: int = 2 * HOUR
    quiet: int = 10 * MINUTE
    longest: int = 24 * HOUR
    """Rules 3 and 4 join an incident only if it began at most this long before, or has a page within reach."""
    follow_up: int = 24 * HOUR
    """How long after its end merges, deployments and releases are looked at as what followed an incident."""
    services: tuple[Service, ...] = ()
    people: Mapping[str, tuple[str, ...]] = {}
    """A person → names, logins and addresses of theirs that folding does not find to be one."""
    environment_aliases: Mapping[str, str] = {}
    """A name of an environment, or a pattern with ``*`` → the environment that it is."""
    opening_severities: tuple[str, ...] = ()
    """Words of severities that open an incident, beside those of the table."""
    silent_severities: tuple[str, ...] = ()
    """Those that open none."""

    def opens(self, severity: str | None) -> bool:
        """Whether an alert of this severity opens an incident."""
        return severities.opens(severity, self.opening_severities, self.silent_severities)


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
