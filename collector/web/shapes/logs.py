"""Of the daemon, its logs and its sources."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.web.shapes.base import Shape, Time
from collector.web.shapes.events import Event
from collector.web.shapes.incidents import Incident


class Log(Shape, frozen=True):
    """One of the logs that the daemon serves."""

    name: str
    path: str
    """What its addresses begin with: nothing for the default one."""
    ready: bool
    reason: str
    position: int | None
    """Of its last event; null where the log is away."""


class Logs(Shape, frozen=True):
    """All of them, the default one first."""

    logs: list[Log]


class LogIncident(Incident, frozen=True, kw_only=True):
    """An incident, and the log that it is of."""

    log: str


class LogEvent(Event, frozen=True, kw_only=True):
    """An event, and the log that it is of."""

    log: str


class LogIncidents(Shape, frozen=True):
    """A page of the incidents of all logs."""

    incidents: list[LogIncident]
    next: str | None
    not_listed: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Each log that could not be read, and why."""


class LogEvents(Shape, frozen=True):
    """A page of the events of all logs."""

    events: list[LogEvent]
    next: str | None
    not_listed: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET


class SourceCounts(Shape, frozen=True):
    """What became of the deliveries of one source."""

    source: str
    kind: str | None
    received: int
    stored: int
    repeats: int
    set_aside: int
    unrecognised: int
    malformed: int
    refused: int
    last_received_at: Time | None


class SourceList(Shape, frozen=True):
    """Each source, with what became of the last deliveries; ``since`` is null where all of the log were counted."""

    sources: list[SourceCounts]
    deliveries: int
    since: Time | None
    not_listed: str | msgspec.UnsetType = msgspec.UNSET


class Healthy(Shape, frozen=True):
    """The daemon's loop runs."""

    healthy: bool


class Ready(Shape, frozen=True):
    """Whether deliveries can be stored, and what was looked at; null is what is not known now."""

    ready: bool
    reason: str
    check: str | None = None
    reload: str | None = None
    web_config: str | None = None
    backup: Time | None = None
    position: int | None = None
    lag: int | None = None
    queue: int | None = None
    writer: str | None = None
    schema: str | None = None
    lists: str | None = None
    follows: bool | None = None
    sealed: int | None = None
    sealing: str | None = None
    lost: str | None = None
    log: str | None = None
    server: str | None = None
    timeline: int | None = None
    failing: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Of a daemon of several logs: those that are not ready."""
    logs: Mapping[str, Ready] | msgspec.UnsetType = msgspec.UNSET
    """Of a daemon of several logs: each by its name."""
