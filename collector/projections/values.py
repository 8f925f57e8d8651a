"""What lists and pages read, as values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.correlation import Membership, Rules
from collector.event import RecordedEvent


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as lists show it."""

    number: int
    key: str
    """The opening event's id."""
    status: str
    """``open``, ``resolved`` or ``merged``."""
    title: str
    started_at: int
    ended_at: int | None
    last_at: int
    """When its latest member happened, µs."""
    services: tuple[str, ...]
    environments: tuple[str, ...]
    severity: str | None
    lead: str | None
    events: int
    """How many events belong to it."""
    merged_into: int | None = None
    private: str | None = None
    """The groups that alone may read of it; None: everybody may."""
    last_position: int = 0
    """Where the latest revision of any of its events stands in the log: it moves with each of them, whatever a
    correction, a retraction or an erasure leaves of the rest of this row."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of incidents says of one beside its row."""

    acknowledged: tuple[int, str] | None
    """When, µs, and by whom a page of it was first acknowledged."""
    latest: RecordedEvent | None
    """What was told of it last, by arrival."""


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is firing or unacknowledged now."""

    kind: str
    """``alert`` or ``page``."""
    event: str
    source: str
    entity: str
    title: str
    service: str | None
    environment: str | None
    severity: str | None
    state: str
    """``firing``, ``triggered`` or ``acknowledged``."""
    since: int
    incident: int | None
    notifications: int
    """How often the sender told it, the first time included."""
    last_at: int
    """When it was last told, µs."""
    private: str | None = None
    """The groups that alone may read of its incident; None: everybody may."""


class NearbyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event in an incident's window that belongs to no incident or to another one."""

    event: RecordedEvent
    reason: str
    end: RecordedEvent | None = None
    """The end of an alert, a page or a change that began before the incident; None where none was told, and for all
    else."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a draft is rendered from, read in one consistent view."""

    row: IncidentRow
    events: tuple[RecordedEvent, ...]
    """All revisions of all members."""
    memberships: Mapping[str, Membership]
    nearby: tuple[NearbyEvent, ...]
    """The nearest of what is in the window and not in the incident, and all of it that an absence could be claimed of:
    pages, changes of its services or of none, an alert of each of its services."""
    unlisted: int = 0
    """How much more there is in the window."""
    followed: tuple[NearbyEvent, ...] = ()
    """Merges, deployments and releases after the end that go on with what the incident was about; no members."""
    lasting: tuple[NearbyEvent, ...] = ()
    """Alerts of its services that had fired since before the window, and had not ended when it began; no members."""
    reported: Mapping[str, tuple[str, ...]]
    """Family of types (``alert``, ``page``, ``change``, ``status`` …) → ids of events of that family in the
    incident's window, whatever they joined, three at most: the proof that a source of that kind reported then."""
    reported_before: frozenset[str] = frozenset()
    """Families of which nothing was told in that time, and something before it."""
    reported_after: frozenset[str] = frozenset()
    """Families of which nothing was told in that time, and something after it."""
    reported_within: int = 0
    """How far before its first start the window of ``reported`` begins, µs."""
    last_told: Mapping[str, int] = {}
    """Of alerts that say several texts: id of the firing or update that says one → when it was told last, µs."""
    collector: tuple[RecordedEvent, ...]
    """``collector.*`` and ``source.*`` events in the window."""
    people: Mapping[str, str] = {}
    """Every spelling of a person in any of these events, as it was written, and in the catalog → the one that stands
    for them."""
    lookback: int = Rules().lookback
    """How far before its first start the window begins, µs."""
    opening_severities: tuple[str, ...] = ()
    """Words of severities that open an incident beside those of the table, and those that open none."""
    silent_severities: tuple[str, ...] = ()


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    source: str | None = None
    type: str | None = None
    """A type, or a family ending in ``*`` (``alert.*``)."""
    service: str | None = None
    since: int | None = None
    """Occurred at or after, µs."""
    until: int | None = None
    """Occurred before, µs."""
    incident: int | None = None
    known_by: int | None = None
    """Received by then, µs: of an event, the revisions that were."""
    entity: str | None = None
    after: int = 0
    """Only positions after this one: the cursor."""
    before: int | None = None
    """Only positions before this one: the cursor where the newest come first."""
    limit: int = 100
    newest_first: bool = False


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event is in, or not in, an incident."""

    event: RecordedEvent
    incident: int | None
    rule: str
    reason: str
