"""What one incident was, once its events are folded: values that sections read.

``replay`` makes a History; sections only read it. Every value keeps the events
that prove it. Times are µs UTC, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from collector.event import HOUR, RecordedEvent
from collector.semantics.closing import OPEN, Closing


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the incident's window that is not part of it."""

    event: RecordedEvent
    reason: str
    end: RecordedEvent | None = None
    """The end of an alert, a page or a change that began before the incident; None where none was told, and for all
    else."""

    @property
    def events(self) -> tuple[RecordedEvent, ...]:
        """The event and, where it is known, the end."""
        return (self.event,) if self.end is None else (self.event, self.end)


class Grouped(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why an event is part of the incident."""

    rule: str
    reason: str


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of sender, as drafts speak of it."""

    called: str
    """As its maker writes it: ``PagerDuty``; empty where only the source's own name says who it is."""
    page: str = ""
    """What a page of it is called: ``PagerDuty incident``; empty where it pages nobody."""
    carries: bool = False
    """Whether another system stands behind it, which an event's ``data`` names as ``source``."""
    families: tuple[str, ...] = ()
    """The families of events that a team connects it for: ``alert``, ``change`` …"""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the incident besides its own events."""

    key: str = ""
    """The id of the event that opened it."""
    number: int = 0
    """The incident's number; 0 where it has none."""
    log: str = ""
    """The log that it is of, where that has a name; by it and the number commands take it."""
    private: str = ""
    """The groups that alone may read of it, in words; empty: everybody may."""
    external_url: str = ""
    """Where readers reach the daemon, without a slash at the end; empty where nobody said."""
    senders: Mapping[str, Sender] = {}
    """Kind of sender → how it is spoken of."""
    grouped: Mapping[str, Grouped] = {}
    """Event id → why it is in."""
    nearby: tuple[Nearby, ...] = ()
    """What was in the window and is not in the incident: the nearest, and all that an absence could be claimed of."""
    unlisted: int = 0
    """How much more there was in the window."""
    followed: tuple[Nearby, ...] = ()
    """Changes after the end that go on with what the incident was about, each with the reason; none is part of it."""
    lasting: tuple[Nearby, ...] = ()
    """Alerts of its services that had fired since before the window, and had not ended when it began; the last that
    began first. None is part of it."""
    lookback: int = 2 * HOUR
    """How far before the first signal correlation looks for changes, µs: only so far is "none recorded" true."""
    reported: Mapping[str, tuple[str, ...]] = {}
    """Family of types (``alert``, ``page``, ``change``, ``status`` …) → some events of that family in the window or
    as long before as ``reported_within`` says, whatever they joined: only then an absence means anything."""
    reported_before: frozenset[str] = frozenset()
    """Families of which nothing was told in that time, and something before it."""
    reported_after: frozenset[str] = frozenset()
    """Families of which nothing was told in that time, and something after it: a source that was set up since."""
    reported_within: int = 7 * 24 * HOUR
    """How far before the incident that is looked for, µs."""
    opening_severities: tuple[str, ...] = ()
    """Words of severities that open an incident beside those of the table, as the team set them."""
    silent_severities: tuple[str, ...] = ()
    spelt: bool = False
    """Whether each service and environment has one spelling already, as by a catalog."""
    last_told: Mapping[str, int] = {}
    """Of alerts that say several texts: id of the firing or update that says one → when it was told last, µs."""
    collector: tuple[RecordedEvent, ...] = ()
    """``collector.*`` and ``source.*`` events in the window."""
    people: Mapping[str, str] = {}
    """Every spelling of a person → the one that stands for them; empty where only the events say who is one."""
    evidence: str = ""
    """Of events without names, the digest of those with them: by that a review knows what it was of."""

    @property
    def called(self) -> str:
        """The incident as people and commands name it: ``12``, or ``eu/12``; empty where it has no number."""
        return f"{self.log}/{self.number}" if self.number and self.log else str(self.number or "")


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One episode of one alert, from firing to resolved."""

    entity: str
    name: str
    service: str | None
    environment: str | None
    severity: str | None
    opening: bool
    """Whether it is above ``warning``, or has no severity."""
    start: int
    end: int | None
    """None while it fires: no sender told its end."""
    fired: RecordedEvent
    """The event that tells the episode: its firing, or its resolve where no firing was received."""
    resolved: RecordedEvent | None
    events: tuple[str, ...]
    """Every event of the episode, oldest first."""
    updates: frozenset[str] = frozenset()
    """Those of them that say something new of it, between its start and its end."""
    anew: tuple[str, ...] = ()
    """Firings of another start, where nobody told an end of the one before it."""
    source: str = ""

    @property
    def firing(self) -> bool:
        """Whether no sender told its end."""
        return self.end is None

    @property
    def dated_back(self) -> int:
        """How far before its start its sender dates its end, µs, as clocks differ: how long it fired is not known."""
        return 0 if self.resolved is None else max(0, self.start - self.resolved.occurred_at)


class FlappingRun(msgspec.Struct, frozen=True, gc=False):
    """One alert from its first firing to its last end, whatever it flapped in between."""

    start: int
    end: int | None
    """The last episode's end; None where it is not known."""
    entity: str
    episodes: tuple[Alert, ...]

    @property
    def first(self) -> Alert:
        return self.episodes[0]

    @property
    def last(self) -> Alert:
        return self.episodes[-1]

    @property
    def flaps(self) -> int:
        return len(self.episodes) - 1


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """All episodes of one alert name on one service, in one environment where the incident has several."""

    name: str
    service: str | None
    environment: str | None = None
    """Only where the incident has several."""
    alerts: tuple[Alert, ...]

    @property
    def first(self) -> Alert:
        return self.alerts[0]


class Page(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One page, from triggered to resolved."""

    entity: str
    title: str
    service: str | None
    environment: str | None
    severity: str | None
    start: int
    end: int | None
    triggered: RecordedEvent | None
    acknowledged: RecordedEvent | None
    """The first acknowledgement by a person; where there is none, the first of an automation."""
    resolved: RecordedEvent | None
    """The last resolve, if it was not reopened since; a merge is none."""
    steps: tuple[RecordedEvent, ...]
    """All its events, oldest first."""
    merged: RecordedEvent | None = None
    """The merge into another page that closed it."""
    begun: bool = True
    """Whether it is known that it was open at some time before its end; one that is not kept nothing open."""

    @property
    def declared(self) -> bool:
        """Whether it says of nobody whom it called, and somebody opened it, or a tool that opens incidents and calls
        nobody by that: nobody is waited for."""
        opened = self.triggered
        if opened is None or opened.data.get("assignees") or opened.data.get("escalation_policy"):
            return False
        return bool(opened.actor) or opened.data.get("declares") is True


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change with all its states together: a deployment, a merge, a release, a flag."""

    entity: str
    kind: str
    """``deploy``, ``rollback``, ``workflow``, ``merge``, ``push``, ``tag``, ``release``, ``image``, ``flag``; see
    :func:`collector.semantics.changes.kind_of`."""
    outcome: str
    """``requested``, ``started``, ``succeeded``, ``failed``, ``cancelled``, ``rolled_back``, ``merged``, ``pushed``,
    ``tagged``, ``released``, ``published``, ``toggled``."""
    service: str | None
    environment: str | None
    title: str
    actor: str | None
    """Who set it off."""
    start: int
    end: int | None
    """When it finished; None while unknown."""
    first: RecordedEvent
    last: RecordedEvent
    """The event of its latest state: the one that speaks."""
    events: tuple[str, ...]
    ran: bool = True
    """Whether it began at all; see :class:`collector.semantics.changes.ChangeSpan`."""
    measured: bool = True
    """Whether ``start`` is when it began, so that a duration may be told."""
    reach: str = "deployed"
    """Whether it reached the running system: ``deployed``, ``merged``, ``none`` or ``unknown``; see
    :func:`collector.semantics.changes.reach_of`."""
    stopped_by: str | None = None
    """Who cancelled it, where that was somebody else than who set it off."""
    broken_off: bool = False
    """Whether it had begun when it was cancelled, or took itself back; see
    :func:`collector.semantics.changes.is_broken_off`."""
    idle: bool = False
    """Whether it is a run of a workflow that changes nothing, whatever comes of it; see
    :func:`collector.semantics.changes.is_idle`."""

    @property
    def took_itself_back(self) -> bool:
        """Whether it was rolled back by what deployed it; see :func:`collector.semantics.changes.took_itself_back`."""
        return self.broken_off and self.outcome == "rolled_back"

    @property
    def in_vain(self) -> bool:
        """Whether it failed, was cancelled or took itself back: it did not do what it was made for."""
        return self.outcome in ("failed", "cancelled") or self.took_itself_back

    @property
    def ending(self) -> str:
        """How one reads that did not do what it was made for: ``failed``, ``cancelled`` or ``rolled back``."""
        return self.outcome.replace("_", " ")


class Moment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the seven moments of ``renderers.moments``."""

    name: str
    """``impact_started``, ``first_symptom``, ``detected``, ``acknowledged``, ``mitigated``, ``resolved`` or
    ``recorded``."""
    at: int | None
    known: str
    """``observed``, ``derived``, ``stated`` or ``unknown``."""
    basis: str = ""
    """One phrase of ours on how it is known; never a sender's text."""
    cites: tuple[str, ...] = ()
    alternative: int | None = None
    """``mitigated`` only, where it is derived: when all other opening alerts had ended, if that was ten minutes or more
    before the last one did, µs."""
    alternative_cites: tuple[str, ...] = ()


class Duration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time between two moments."""

    name: str
    """``detect``, ``acknowledge``, ``mitigate``, ``resolve``; a vendor's profile has names of its own."""
    start: str
    """The moment it counts from."""
    end: str
    status: str
    """``recorded``, ``pending``, ``not applicable`` or ``invalid``."""
    micros: int | None = None
    """Only where the status is ``recorded``."""
    why: str = ""
    """What is missing, where the status is not ``recorded``; one phrase of ours."""
    cites: tuple[str, ...] = ()
    known: str = ""
    """How its weaker end is known: ``observed``, ``derived`` or ``stated``; empty where an end is unknown."""
    term: str = ""
    """What the profile calls it: ``Time to detect``, ``Time to repair`` …"""


class RereadEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event whose delivery was read again with a later parser."""

    event: RecordedEvent
    """As it was read then."""
    before: RecordedEvent | None
    """As it was known until then; None where it was not understood."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, folded."""

    events: tuple[RecordedEvent, ...]
    """The senders' and people's facts at their highest revision, in reading order, without what was said of the review
    of the draft."""
    by_id: Mapping[str, RecordedEvent] = {}
    """The same events, those of ``told_after``, and what was said of the review."""
    told_after: tuple[RecordedEvent, ...] = ()
    """What alerts said anew that were told as a whole after their ends: when they said it is not known."""
    alerts: tuple[Alert, ...] = ()
    """By (start, entity)."""
    unbegun: tuple[RecordedEvent, ...] = ()
    """Resolves of alerts of which neither a firing nor since when they fired is known."""
    families: tuple[Family, ...] = ()
    """The alerts by name and service; the first opening one's family first, then in the order they began."""
    measured: tuple[Alert, ...] = ()
    """The alerts that durations are told of: the opening ones, or all if none is."""
    last_ended: Alert | None = None
    """The alert that ended last, if none still fires; of several at once the one that began first."""
    last_measured: Alert | None = None
    """The same of the measured ones."""
    flapping_runs: tuple[FlappingRun, ...] = ()
    """The alerts' episodes, those of one that flapped taken together; by start."""
    pages: tuple[Page, ...] = ()
    changes: tuple[Change, ...] = ()
    """By (end or start, entity)."""
    notes: tuple[RecordedEvent, ...] = ()
    """``note.added`` and ``chat.message``."""
    statuses: tuple[RecordedEvent, ...] = ()
    observations: tuple[RecordedEvent, ...] = ()
    reports: tuple[RecordedEvent, ...] = ()
    """``incident.opened`` by people and ``report.received``: somebody said that something is wrong."""
    actions: tuple[RecordedEvent, ...] = ()
    """Follow-ups, the latest statement on each."""
    marks: tuple[RecordedEvent, ...] = ()
    """``mark.set``, the newest statement of each mark."""
    late: tuple[RecordedEvent, ...] = ()
    """Those of the events that were received so late that a reader is told, see :func:`renderers.facts.lateness`."""
    reread: tuple[RereadEvent, ...] = ()
    """Those of the events that say something else, or are known at all, since their deliveries were read again."""
    collector: tuple[RecordedEvent, ...] = ()
    """The incident's own ``source.*`` and ``collector.*`` events: what may be missing from it."""
    edits: Mapping[str, RecordedEvent] = {}
    """Field (``title``, ``lead``, ``severity``, ``impact``) → the newest edit of it."""
    review: RecordedEvent | None = None
    """The newest statement on how far the review of the postmortem is."""
    revised: RecordedEvent | None = None
    """What people wrote in the whole of the postmortem, as it was taken in last."""
    moments: Mapping[str, Moment] = {}
    durations: Mapping[str, Duration] = {}
    openers: tuple[Alert, ...] = ()
    """The alerts that keep it open and name it: the opening ones; all, where neither a page nor a person opened it."""
    closing: Closing = OPEN
    """Whether it is over, since when, and what says so."""
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    divided: bool = False
    """Whether its alerts name several environments of which none has another within it: each is then told with its."""
    kinds: Mapping[str, str] = {}
    """Source → its kind of sender, where the events of it say so."""
    context: Context = Context()
    as_of: int | None = None

    @property
    def resolved(self) -> bool:
        """Whether it is over, as far as its events and people say."""
        return self.closing.at is not None
