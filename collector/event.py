"""What a fact is.

An event is one immutable fact that a sender or a person told us. It is judged
by the teller's own fields alone: nothing in it depends on when it arrived or
on what was known then. This module imports the standard library and msgspec
only, so that everything may import it.

Times are integers: microseconds since 1970-01-01T00:00:00Z. They compare,
subtract and store exactly, and carry no zone that could be mistaken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

SECOND = 1_000_000
"""One second in the unit of every time here, microseconds."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

DERIVED = 1_000_000
"""Stands for the item of an event that the log derived from deliveries: none of them tells it as an item of its own."""
PEOPLE = "people"
"""The source of what persons state through the API or the command line."""
MACHINE = "timelined"
"""The source of what this daemon itself records: groupings, starts and stops."""
REVIEWED = "incident.reviewed"
"""The type of a statement on the review of a postmortem: it is about the draft, which is not made from it."""
PUBLISHED = "incident.published"
"""The type of what records a publication of a postmortem."""
REVISED = "incident.revised"
"""The type of what holds people's words in the whole of a postmortem, as they were edited somewhere."""
RESTRICTED = "incident.restricted"
"""The type of a statement on who may read of an incident."""
SENDER = "sender"
"""The key of an event's data that names the kind of its sender, where its source has another name."""
UNREADABLE = "(content unreadable: run timelined verify)"
"""The title of an event whose stored content was damaged; see :func:`is_unreadable`."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A place to look; ``url`` came from a field that holds URLs, never out of a text."""

    rel: str
    """What it is: ``source``, ``rule``, ``runbook``, ``dashboard``, ``pull_request``, ``log`` …"""
    url: str


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One fact, as ``docs/events.md`` has it."""

    id: str
    """32 hexadecimal digits: 12 of a millisecond prefix, 20 of a hash; see :func:`event_id`."""
    type: str
    """A dotted string, noun then state; the known ones stand in :data:`EVENT_TYPES`."""
    source: str
    """The configured source's name (HA peers share one), or ``people``, or ``timelined``."""
    entity: str
    """The long-lived thing it is about: alert fingerprint, page id, deployment id."""
    occurred_at: int
    """When it happened by the teller's clock, µs UTC; the receipt time if ``time_quality`` is ``absent``."""
    time_text: str = ""
    """The sender's own text of that time, byte for byte."""
    time_quality: str = "exact"
    """``exact``, ``assumed_zone`` (no offset was given), ``clamped`` (was impossible), ``absent``."""
    revision: int = 0
    """0 as first received; each amendment of the same id is the next."""
    amendment: str = ""
    """Why a revision above 0 exists: ``earlier_delivery``, ``reparse``, ``correction``, ``retraction``, ``erasure``."""
    service: str | None = None
    environment: str | None = None
    severity: str | None = None
    title: str = ""
    """The one line a person would say: alert name, page title, deploy description, a note's text."""
    actor: str | None = None
    """Who did it, as the sender names them; absent for automation."""
    links: tuple[Link, ...] = ()
    refs: tuple[str, ...] = ()
    """Pointers elsewhere: ``alertgroup:<sha256 of groupKey>``, ``page:…``, ``deployment:…``, ``commit:<sha>``,
    ``pr:<url>``, ``repository:<owner/name>``, ``incident:<opening event id>``."""
    labels: dict[str, str] = {}
    data: dict[str, Any] = {}
    """What this type says beyond the common fields; :data:`EVENT_DATA` lists the keys that are read."""


class RecordedEvent(Event, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event as the log answers it: the same, and where it stands."""

    # Contents are stored without these, so a decoded one has none of them until its row says where it stands.
    position: int = 0
    """Place in the log: 1, 2, 3 … without gaps, in commit order."""
    received_at: int = 0
    """When its delivery was received, µs UTC by our clock."""
    delivery: str = ""
    """Which delivery told it; empty where a person or the daemon did."""
    item: int = 0
    """Which item of that delivery, from 0; :data:`DERIVED` where the log derived the event from it and from others."""


EVENT_TYPES: dict[str, str] = {
    "alert.firing": "A monitoring system reported that an alert's condition holds.",
    "alert.updated": "A monitoring system said something new of an alert that it had reported before.",
    "alert.resolved": "A monitoring system reported that an alert's condition no longer holds.",
    "page.triggered": "A paging system opened a page.",
    "page.acknowledged": "A person took the page.",
    "page.unacknowledged": "An acknowledgement ran out or was taken back.",
    "page.snoozed": "A person had the page call nobody for a time.",
    "page.snooze_ended": "The time ran out for which a page was snoozed: it calls people as if it were new.",
    "page.escalated": "The page went to the next level.",
    "page.delegated": "The page went to another escalation policy.",
    "page.reassigned": "The page went to another person.",
    "page.priority_updated": "The page's priority was changed.",
    "page.reclassified": "The page's service or incident type was changed.",
    "page.reopened": "A resolved page was opened again.",
    "page.resolved": "The page was closed.",
    "page.merged": "The page was merged into another one, and closed by that.",
    "page.responder_added": "Another responder was asked for.",
    "page.responder_replied": "A responder answered the request: they joined or declined.",
    "page.role_assigned": "A role in the response was assigned.",
    "page.update_sent": "A status update was sent to those who subscribed to the page.",
    "page.status_updated": "The page's own status changed: it is investigated, mitigated, watched.",
    "page.updated": "Another detail of the page changed: bridge, fields, tasks, automation, workflow.",
    "change.requested": "A change was asked for and has not begun: it waits, is queued or needs an approval.",
    "change.started": "A change of a running system began: a deployment, a pipeline, a migration.",
    "change.succeeded": "A change finished as intended.",
    "change.failed": "A change did not finish as intended.",
    "change.cancelled": "A change was cancelled, skipped or grew stale before it was done.",
    "change.rolled_back": "An earlier version was put back.",
    "change.merged": "A pull request was merged.",
    "change.pushed": "Commits were pushed to a branch, or a branch was deleted.",
    "change.tagged": "A tag was set, moved or deleted.",
    "change.released": "A release was published.",
    "change.published": "An image or a package was put into a registry; nothing runs it yet.",
    "change.flag_toggled": "A feature flag or kill switch was set.",
    "report.received": "A user reported a problem, or a support ticket was opened.",
    "status.updated": "A status page or stakeholder message was published.",
    "chat.message": "A message was written in a chat.",
    "note.added": "A person wrote a note about an incident.",
    "action.added": "A person recorded or updated a follow-up action.",
    "mark.set": "A person stated a moment: when the impact started or ended, what detected or mitigated it.",
    "observation.recorded": "An authentic event of a kind that timelined has no word for.",
    "incident.opened": "An incident was opened.",
    "incident.joined": "An event was put into an incident.",
    "incident.left": "An event was taken out of an incident.",
    "incident.merged": "Incidents became one.",
    "incident.split": "Events of one incident became another.",
    "incident.resolved": "An incident was declared over.",
    "incident.reopened": "An incident was declared not over after all.",
    "incident.edited": "A person set an incident's title, lead or severity, or wrote in a section of its postmortem.",
    PUBLISHED: "An incident's postmortem was published somewhere, or could not be.",
    REVISED: "What people had edited in the whole of a postmortem was taken in, from a published copy or a file.",
    REVIEWED: "A person said how far the review of an incident's postmortem is.",
    RESTRICTED: "A person said which group alone may read of an incident, or that everybody may.",
    "source.gap": "A sender said that it left something out, or what it tells without end was missed.",
    "delivery.erased": "A person had the stored bodies of deliveries removed.",
    "delivery.reread": "A stored delivery was read again by a later parser, and tells other events than its row names.",
    "delivery.expired": "Stored bodies of a source's deliveries reached the age set for them and were removed.",
    "source.refused": "Deliveries to a source were refused; nothing of them is kept but how many they were, and why.",
    "source.unrecognised": "A sender said something authentic that no adapter understands; the body is kept.",
    "collector.started": "This daemon began to take webhooks.",
    "collector.stopped": "This daemon stopped taking webhooks.",
    "collector.reloaded": "This daemon took a changed configuration in, or refused it.",
    "collector.lost": "The log was found to lack acknowledged events, and a person started the daemon all the same.",
}
"""Every known type and the sentence the documentation prints for it."""

EVENT_DATA: dict[str, dict[str, str]] = {
    "alert": {
        "starts_at": "when the episode began, µs",
        "ends_at": "when it ended, µs; absent while it fires",
        "told_at": "when its sender told of this state, µs, where the event's own time is that of the beginning",
        "status": "`firing` or `resolved`",
        "ends": "the id of the firing that a resolve ends",
        "again_after": "the id of the resolve after which the same start was told again",
        "cycle": "what firings have in common that tell one alert in other states, until its end",
        "continues": "true where the sender says of a firing that the alert had not ended before",
        "group_key": "the key of the notification's group",
        "group_labels": "the labels the group is made by",
        "receiver": "the receiver's name at the sender",
        "reason": "why the sender notified, in its words",
        "summary": "the annotation of that name",
        "description": "the annotation of that name, or `message`",
        "ended_as": "why an alert ended, where its sender says that its condition was not why",
        "no_data": "true where the sender got no data or could not read it, and does not say that something is wrong",
        "measured": "what the queries of a rule of Grafana came to, by their names",
        "annotations": "what else the rule's authors wrote, by the annotation's name",
        "query": "the expression that fires, out of the rule's address",
        "instructions": "what the rule's authors wrote for who looks at the alert; not what it measured",
    },
    "page": {
        "number": "the incident's number at the sender",
        "kind": "the sender's own word for what happened",
        "status": "`triggered`, `acknowledged` or `resolved`",
        "urgency": "as the sender uses it",
        "priority": "as the sender uses it",
        "assignees": "names of those it stands with",
        "escalation_policy": "its name",
        "created_at": "when the page was opened, µs",
        "impact_started_at": "when it began, as people date it, where that was before it was opened, µs",
        "mitigated_at": "when it was mitigated, as people date it, µs",
        "resolved_at": "when it was over, as people date it, µs",
        "incident_key": "the deduplication key the alert came with",
        "resolve_reason": "why it was closed, if the sender says",
        "merged_into": "of a merge, the page that it was merged into",
        "bridge": "the number that responders call",
        "agent": "what acted, where it was not a person",
        "text": "a message that came with it",
        "summary": "what is written of it as a whole, as that stood then",
        "lead": "who leads by then, as the sender says with every step; empty where nobody does",
        "declares": "true where a tool opened an incident, which by itself calls nobody",
        "state": "how a task, a request or an automation stands",
        "from": "who or what it was before",
        "to": "who or what it is now",
    },
    "change": {
        "repository": "`owner/name`",
        "ref": "branch or tag",
        "sha": "the commit",
        "state": "the sender's own word for the state",
        "event": "what set it off: `push`, `pull_request`, `schedule`, `workflow_dispatch` …",
        "branch": "the branch it is of or goes to",
        "default_branch": "the name of the repository's default branch, or whether this is it",
        "production": "true where the sender says that its environment is production",
        "transient": "true where its environment lives as long as a pull request",
        "prerelease": "true where a release is not meant for production",
        "path": "the workflow's file",
        "run": "the workflow run that deployed",
        "committed_at": "when the pushed commit was made, by its author's clock, µs",
        "task": "`deploy`, `rollback`, `change` of what deploys nothing, or the sender's own",
        "workflow": "the workflow's name",
        "run_number": "which run of the workflow",
        "number": "the pull request's number",
        "commits": "how many were pushed",
        "duration": "how long it took, µs",
        "text": "what was said about this state",
        "time_of": "`commit` where the time is the commit's and not the push's",
    },
    "status": {"vendor": "whose status page it is, where that is another company's"},
    "chat": {
        "channel": "the channel it was written in, by its name where that is configured",
        "thread": "the sender's own time of the message that the thread began with",
        "text": "the full text",
        "kind": "the sender's own word for what happened",
    },
    "note": {
        "stated_at": "when it was said, µs",
        "text": "the full text; absent where somebody did something and wrote nothing",
        "kind": "the sender's own word for what happened",
        "task": "`follow-up` or `action`, where it says what is to be done after the incident or during it",
        "owner": "who will do it, where it says what is to be done",
    },
    "action": {
        "stated_at": "when it was said, µs",
        "owner": "who will do it",
        "due": "`YYYY-MM-DD`",
        "state": "`open`, `done` or `dropped`",
    },
    "mark": {
        "stated_at": "when it was said, µs",
        "mark": "`impact_started`, `impact_ended`, `detected`, `mitigated` or `cause_identified`",
        "by": "who or what detected it",
    },
    "incident": {
        "stated_at": "when it was said, µs",
        "by": "who reported it",
        "event": "the id of the event that joins or leaves, or stays private though it counts no longer",
        "events": "the ids of the events that are an incident of their own, or that joined one together, at most 100",
        "number": "the incident's number when it was said",
        "numbers": "the numbers by which it went when it was made private, or public again",
        "into": "the opening event of the incident that stays",
        "from": "the opening event of the incident that is merged away",
        "field": "`title`, `lead`, `severity`, or a section: `summary`, `impact`, `detection`, `root_causes` …",
        "value": "what it is set to, or what the section says",
        "status": "how far the review is: `draft`, `in_review`, `reviewed` or `published`; of a publication "
        "`published` or `failed`",
        "target": "where it was published, by the name that the configuration has for it",
        "place": "by what it is found there again: a path and a branch, an issue and a comment",
        "issue": "the issue that it was to be a comment on",
        "text": "what people wrote in the whole of a postmortem; of what timelined wrote only marks",
        "copy": "the same of the file or the published copy that was taken in, alone, where that is another text",
        "file": "the file that was taken in, by its name",
        "words": "the end of the id of the record whose words that file was written with",
        "forgotten": "true where digests went with an erasure",
        "lines": "the lines of the front matter as they stood, each by its digest",
        "front": "lines of its front matter that people wrote",
        "revision": "how that place calls what was published: a commit, the time of a comment",
        "url": "where people read it",
        "digest": "SHA-256 of what was published, but for white space at the ends of lines",
        "people": "`roles` where nobody is named in what was published",
        "cut": "how many characters did not fit there, which the text says",
        "reason": "why it could not be published",
        "evidence": "the digest of the events that the postmortem was made from when its review was stated",
    },
    "source": {
        "missing": "how many alerts were left out",
        "group_key": "of which group",
        "group_labels": "the labels that group is made by",
        "reason": "why nothing could be read, or why deliveries were refused",
        "of": "the source whose deliveries were refused, or whose heartbeat was missed",
        "status": "what they were answered",
        "count": "how many they were",
        "until": "when the last of them was refused, or the heartbeat was heard again, µs",
        "kind": "what the sender calls it; of a missed heartbeat the alert's name",
    },
    "delivery": {
        "stated_at": "when it was said, µs",
        "reason": "why, in that person's words",
        "deliveries": "the numbers of the deliveries whose bodies were removed: pairs of first and last",
        "source": "whose deliveries expired",
        "kind": "`repeats` (deliveries that told nothing new) or `deliveries` (all of them)",
        "first": "the number of the first delivery looked at",
        "last": "the number of the last one looked at",
        "until": "bodies received up to this moment were removed, µs",
        "delivery": "the delivery that was read again",
        "of": "the source that delivered it",
        "events": "the ids of all events that it tells by that reading",
        "removed": "how many bodies were removed",
        "bytes": "how much that was",
    },
    "collector": {
        "previous_stop": "`recorded`, `missing`, `first start`, or `others` where other daemons took webhooks",
        "last_received_at": "when the last delivery before was received, µs",
        "acknowledged": "the last position that was acknowledged before events were lost",
        "found": "the last position that was found",
        "configuration": "by what the configuration in force is told from others",
        "failure": "why a changed configuration was refused; absent where it was taken in",
    },
    "*": {
        "seen_events": "how many errors of an issue its sender had counted when it told this",
        "seen_users": "how many users had had them by then",
        "seen_since": "since when they were counted, µs",
        "seen_until": "until when, µs",
        "type": "the sender's own type",
        "operation": "what was done with the alert, and not with what failed: `acknowledged`, `silence created`",
        "silences_from": "of a silence, from when on it suppresses alerts, µs",
        "silences_until": "of a silence, until when it suppresses alerts, µs",
        "source": "the sender's own name for where it comes from",
        "subject": "what it is about",
        "data": "the sender's own content",
        "data_base64": "the same, where it is not text",
        "datacontenttype": "what kind of content that is",
        "dataschema": "where its shape is described",
        "kind": "the sender's own word for what happened",
        "sender": "the kind of sender, where its source has another name: `pagerduty`",
        "tags": "the tags of an annotation",
        "called": "that word as a person would say it: `pipeline run finished`",
        "text": "the full text, where the type tells one",
        "channel": "where a message was written",
        "sha": "the commit, where a ref names one",
        "further_services": "services that its sender names as affected as well, beside its own `service`",
        "redacted": "how many values of its delivery were redacted before it was stored",
        "amended_by": "who corrected, retracted or erased the event",
        "amended_at": "when that was said, µs",
        "amended_because": "why, in that person's words",
        "retracted": "true where the event was retracted before it was erased",
        "everything": "true where grouping's own fields went as well",
        "erased": "true where nothing is left of what was said",
        "unreadable": "true where what is stored of it was damaged; `timelined verify` says more",
        "reread_at": "when the delivery was read again by a later parser, µs",
        "imported_at": "when an import fetched it, µs; its sender did not tell it at the time",
        "same_as": "of what an import brought: the id of the same event, which a delivery told",
        "not_told": "true where that parser does not find the event in its delivery",
        "corrected": "the fields that a person corrected",
        "statement": "the command that said so: the same one again amends once",
    },
}
"""Family of types → the keys of ``data`` that are written, each with what it means. ``*`` is any family: what comes of
senders' own types, CloudEvents above all."""

_CAUSE_FIRST = (
    "change.requested", "change.started", "change.", "observation.", "report.", "alert.firing", "incident.opened",
    "page.triggered", "page.", "chat.", "note.", "status.", "action.", "mark.", "alert.resolved", "page.resolved",
    "incident.",
)  # fmt: skip


@lru_cache(maxsize=1_024)
def rank(event_type: str) -> int:
    """The place of a type among events of one microsecond: causes before their effects."""
    if event_type in _CAUSE_FIRST:
        return _CAUSE_FIRST.index(event_type)
    family = event_type.partition(".")[0] + "."
    return _CAUSE_FIRST.index(family) if family in _CAUSE_FIRST else len(_CAUSE_FIRST)


def reading_order(event: Event) -> tuple[int, int, str]:
    """The key events are read in: when it happened, cause before effect, id."""
    return (event.occurred_at, rank(event.type), event.id)


def event_id(recipe: str, source: str, occurred_at: int | None, *identity: str) -> str:
    """The id of a fact: the same fact always gets the same one.

    ``recipe`` names the adapter's way of choosing ``identity`` and its version
    (``alertmanager.1``); a later fix of a parser keeps it, so that ids never
    move. ``occurred_at`` is the sender's own time in µs, or None where it gives
    none: the prefix is then 0. Parts are length-prefixed before hashing, so no
    two lists of parts can be confused.
    """
    named = _id_prefix(recipe, source) + b"".join([_sized(part) for part in identity])
    milliseconds = 0 if occurred_at is None else max(0, min(occurred_at // 1000, (1 << 48) - 1))
    return f"{milliseconds:012x}{hashlib.sha256(named).hexdigest()[:20]}"


def cloud_subject(event: Event) -> str:
    """What a CloudEvent says that it is about, within its source; empty of every other event.

    Other senders' ``subject`` may be a kind or a title. None of them has a ``source`` of that event beside it.
    """
    subject = event.data.get("subject")
    return subject if isinstance(subject, str) and isinstance(event.data.get("source"), str) else ""


_POST_STATES = frozenset({
    "investigating", "identified", "monitoring", "resolved", "scheduled", "in progress", "verifying", "completed",
})  # fmt: skip
"""Of an incident and of a maintenance: https://support.atlassian.com/statuspage/docs/enable-webhook-notifications/"""


MAINTENANCE_STATES = frozenset({"scheduled", "in progress", "verifying", "completed"})
"""Those of a maintenance alone."""


def post_state(text: str) -> str:
    """The state that a status page calls so, in lower case and with spaces (``In_Progress`` is ``in progress``); empty
    for any other text."""
    state = text.replace("_", " ").casefold()
    return state if state in _POST_STATES else ""


def refs_of(event: RecordedEvent, kind: str) -> list[str]:
    """What an event's refs of one kind name, sorted and each once."""
    if not event.refs:
        return []
    return sorted({ref[len(kind) :] for ref in event.refs if ref.startswith(kind) and len(ref) > len(kind)})


def id_time(identifier: str) -> int:
    """When the event of this id happened, µs cut to the millisecond; 0 where its sender gave no time."""
    return int(identifier[:12], 16) * 1000


_SIZES = [size.to_bytes(4, "big") for size in range(256)]


def _sized(part: str) -> bytes:
    encoded = part.encode() if part.isascii() else part.encode("utf-8", "surrogatepass")
    size = len(encoded)
    return (_SIZES[size] if size < 256 else size.to_bytes(4, "big")) + encoded


@lru_cache(maxsize=256)
def _id_prefix(recipe: str, source: str) -> bytes:
    """What all ids of one source's recipe begin with."""
    return b"".join(map(_sized, ("timelined", recipe, source)))


def is_erased(event: Event) -> bool:
    """Whether this is what an erasure left, whichever revision of the event it stands for."""
    return event.data.get("erased") is True


def is_unreadable(event: Event) -> bool:
    """Whether its stored content was damaged, so that it says no more than its row does."""
    return event.title == UNREADABLE and event.data.get("unreadable") is True


def is_retracted(event: Event) -> bool:
    """Whether a person took the event back, also if it was erased since; only an amendment says so."""
    return event.amendment != "" and (event.amendment == "retraction" or event.data.get("retracted") is True)


def current(events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    """The highest revision of each id, without those retracted or erased to nothing, in reading order."""
    newest = newest_revisions(events)
    events_in_force = [event for event in newest if not event.amendment or not is_retracted(event)]
    ranks = {kind: rank(kind) for kind in {event.type for event in events_in_force}}
    # By reading_order, least significant part first: three keys that need no tuple each sort faster than one of tuples.
    events_in_force.sort(key=attrgetter("id"))
    events_in_force.sort(key=lambda event: ranks[event.type])
    events_in_force.sort(key=attrgetter("occurred_at"))
    return events_in_force


def newest_revisions(events: Iterable[RecordedEvent]) -> Collection[RecordedEvent]:
    """The highest revision of each id; of most incidents nothing was ever amended, and these are all events."""
    revisions = list(events)
    if len({event.id for event in revisions}) == len(revisions):
        return revisions
    highest: dict[str, RecordedEvent] = {}
    for event in revisions:
        known = highest.get(event.id)
        if known is None or event.revision > known.revision:
            highest[event.id] = event
    return highest.values()
