"""The shape of each answer: what is encoded, and what ``/api/v1/openapi.json`` is made from.

A field is always there; ``None`` is ``null``: nothing is known. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, ending in ``Z``."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing else stands in an answer than its fields."""


class Link(Shape, frozen=True):
    """A web address that belongs to an event."""

    rel: str
    url: str


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


class Nearby(Shape, frozen=True):
    """An event that joined nothing."""

    event: Event
    reason: str


class Unjoined(Shape, frozen=True):
    """What joined nothing: how many events, why, and the newest of them."""

    count: int
    reasons: Mapping[str, int]
    newest: list[Nearby]


class Whole(Shape, frozen=True):
    """One event with all its revisions."""

    id: str
    events: list[Event]
    repeats: Repeats
    why: Reason | None


class Stated(Shape, frozen=True):
    """What a statement became, and the incident that it is about now; ``null`` while that is not known."""

    event: str
    position: int
    known: bool
    incident: int | None


class Redrawn(Shape, frozen=True):
    """The numbers of incidents whose drafts were written again, and of those that hold a person's edits."""

    written: list[Any]
    edited: list[Any]


class Erasure(Shape, frozen=True):
    """What an erasure did, or would do."""

    events: list[str]
    new: list[str]
    deliveries: list[str]
    spared: list[str]
    echoes: int
    drafts: Redrawn
    published: list[str]
    remaining: str | None


class Section(Shape, frozen=True):
    """What a person wrote in a section of a postmortem."""

    incident: int
    section: str
    text: str
    event: str | None
    by: str | None
    at: Time | None


class Version(Shape, frozen=True):
    """What a postmortem was when its review was stated; ``changed``: what it rests on has changed since."""

    version: int
    status: str
    by: str | None
    at: Time
    text: str | None
    event: str
    as_of: Time
    changed: bool


class Versions(Shape, frozen=True):
    """Each of them, oldest first."""

    incident: int
    versions: list[Version]


class Difference(Shape, frozen=True):
    """One statement that is new, gone or another one, and what proves it."""

    section: str
    before: str
    after: str
    by: str
    events: list[str]


class Differences(Shape, frozen=True, rename={"since": "from", "until": "to"}):
    """What changed of a postmortem between two moments; null is now."""

    incident: int
    since: Time | None
    until: Time | None
    differences: list[Difference]


class Publication(Shape, frozen=True):
    """One time that a postmortem was published, or could not be."""

    status: str | None
    target: str | None
    url: str | None
    revision: str | None
    digest: str | None
    cut: int | None
    reason: str | None
    by: str | None
    at: Time
    event: str


class Publications(Shape, frozen=True):
    """Each of them, oldest first."""

    incident: int
    publications: list[Publication]


class Published(Shape, frozen=True):
    """What became of publishing, or of taking in what people edited there."""

    incident: int
    target: str
    outcome: str
    url: str | None
    revision: str | None
    request: str | None
    cut: int
    diff: str | None
    reason: str | None
    event: str | None


class End(Shape, frozen=True):
    """One end of a duration, and the events that prove it."""

    moment: str
    at: Time | None
    known: str
    basis: str
    events: list[str]


class Duration(Shape, frozen=True, rename={"begin": "from", "end": "to"}):
    """One duration of an incident, from one moment to another."""

    name: str
    term: str
    formula: str
    status: str
    known: str
    why: str
    begin: End
    end: End
    seconds: float | None


class Measures(Shape, frozen=True):
    """The durations of an incident in each profile's terms."""

    incident: int
    private: str | None
    """The groups that alone may read of it; null: everybody may."""
    detected_by: str
    profiles: Mapping[str, list[Duration]]


class MeasuredValue(Shape, frozen=True):
    """A duration as one of several incidents has it."""

    log: str
    """The log that the incident is of."""
    incident: int
    private: str | None
    title: str
    seconds: float | None
    status: str
    why: str | None


class Spread(Shape, frozen=True):
    """One duration over several incidents: how many know it, the median and the quartiles."""

    name: str
    term: str
    formula: str
    known: int
    of: int
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    values: list[MeasuredValue]


class Group(Shape, frozen=True):
    """The durations of incidents that are alike."""

    name: str
    incidents: int
    measures: list[Spread]


class MeasuresOver(Shape, frozen=True):
    """The durations over several incidents, and by groups of them where that was asked for."""

    profile: str
    since: Time | None
    until: Time | None
    by: str | None
    incidents: int
    measures: list[Spread]
    groups: list[Group]
    not_counted: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Each log that could not be read, of which nothing is counted, and why."""


class Imported(Shape, frozen=True):
    """What records that were brought in came to."""

    delivery: str | None
    new: list[str]
    known: int
    merged: int
    withdrawn: int
    not_understood: list[str]


class Field(Shape, frozen=True):
    """A field as it was, and as it is read now."""

    before: Any
    after: Any


class Reread(Shape, frozen=True):
    """An event that differs by today's parsers."""

    event: str
    change: str
    delivery: str
    type: str
    source: str
    title: str
    occurred_at: Time
    fields: Mapping[str, Field]


class Replayed(Shape, frozen=True):
    """What reading some deliveries again came to; ``after`` goes on, and is null at the end."""

    looked: int
    changes: list[Reread]
    skipped: Mapping[str, int]
    after: int | None
    last: int


# Pages of lists: their rows are the shapes above, written some at a time.


class Incidents(Shape, frozen=True):
    """A page of incidents; without any, what joined none."""

    incidents: list[Incident]
    next: str | None
    unjoined: Unjoined | msgspec.UnsetType = msgspec.UNSET


class Events(Shape, frozen=True):
    """A page of events; of an incident's, with its number."""

    events: list[Event]
    next: str | None
    incident: int | msgspec.UnsetType = msgspec.UNSET


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


class Signals(Shape, frozen=True):
    """A page of signals."""

    signals: list[Signal]
    next: str | None


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


class Deliveries(Shape, frozen=True):
    """A page of deliveries, those refused among them."""

    deliveries: list[dict[str, Any]]
    next: str | None
    not_listed: str | msgspec.UnsetType = msgspec.UNSET


class Healthy(Shape, frozen=True):
    """The daemon's loop runs."""

    healthy: bool


class Reloaded(Shape, frozen=True):
    """The configuration was taken in."""

    reloaded: bool


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
