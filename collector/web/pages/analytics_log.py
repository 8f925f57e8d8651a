"""What one log says of many incidents together, for the page over them: read here, and put together there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiohttp import web

from collector.event import RecordedEvent, newest_revisions
from collector.projections import EventFilter
from collector.projections.across import Across
from collector.web.keys import CLOCK, PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.deployed import DeployedService, DeploymentSpan, StatedCause, deployed
from collector.web.pages.disturbed import SentPages
from collector.web.pages.stated import stated_at
from collector.web.requests import MOST

LOOKED_AT = 20_000
"""The most events of changes, and of pages, that are looked at."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A follow-up action as it was stated last."""

    event: str
    incident: int | None
    text: str
    owner: str
    due: str
    """``2026-04-01``; empty where none is told."""
    overdue: bool


class AnalyticsLog(msgspec.Struct, frozen=True, kw_only=True):
    """Many incidents of one log."""

    totals: Across
    actions: Sequence[Action]
    """Those open."""
    deployed: Sequence[DeployedService]
    pages: SentPages
    whole: bool
    """Whether all changes and pages of the period were looked at."""
    private: Mapping[int, str]
    """The groups that alone may read of an incident; of what everybody may read there is no entry."""
    private_events: Mapping[str, str]
    """The same of the events that rows lead to."""


async def read(app: web.Application, name: str, clock: Clock, since: int, until: int) -> AnalyticsLog:
    """What the log called ``name`` says of what began in the period, µs."""
    totals = await app[PROJECTIONS].across(since, until)
    actions = await _actions(app, clock)
    changes, all_changes = await _revisions(app, "change.*", since, until)
    pages, all_pages = await _revisions(app, "page.*", since, until)
    marks, _ = await _revisions(app, "mark.*", since, until)
    incident_of = await app[PROJECTIONS].incidents_of(list({event.id for event in (*changes, *pages, *marks)}))
    spans = await _spans(app, {incident_of[event.id] for event in changes if event.id in incident_of})
    ids = {
        *(one.event for one in totals.identities),
        *(one.event for one in actions),
        *(each.id for each in changes),
    }
    private = await app[PROJECTIONS].private()
    judged = deployed(changes, incident_of, spans, _causes(marks, incident_of), log=name)
    return AnalyticsLog(
        totals=totals, actions=actions, deployed=judged,
        pages=SentPages(log=name, revisions=pages, incident_of=incident_of), whole=all_changes and all_pages,
        private={number: private.groups_text(number) or "" for number in private.groups},
        private_events=await app[PROJECTIONS].private_events(sorted({*ids, *(one.latest for one in totals.late)})),
    )  # fmt: skip


async def _revisions(
    app: web.Application, family: str, since: int, until: int
) -> tuple[Sequence[RecordedEvent], bool]:  # fmt: skip
    """The newest events of a family in the period, and whether those are all."""
    revisions: list[RecordedEvent] = []
    event_filter = EventFilter(type=family, since=since, until=until, limit=MOST, newest_first=True)
    while batch := await app[PROJECTIONS].events(event_filter):
        revisions += batch
        if len(revisions) >= LOOKED_AT:
            return revisions, False
        event_filter = msgspec.structs.replace(event_filter, before=batch[-1].position)
    return revisions, True


async def _spans(app: web.Application, numbers: Iterable[int]) -> dict[int, DeploymentSpan]:
    """When incidents began and were over."""
    rows = [await app[PROJECTIONS].incident(number) for number in numbers]
    return {row.number: DeploymentSpan(row.started_at, row.ended_at) for row in rows if row is not None}


def _causes(marks: Iterable[RecordedEvent], incident_of: Mapping[str, int]) -> list[StatedCause]:
    """What people stated as causes, each as it was stated last."""
    return [
        StatedCause(incident=incident_of[event.id], by=event.actor or "somebody", text=event.title)
        for event in newest_revisions(marks)
        if event.data.get("mark") == "cause_identified" and event.id in incident_of
        and event.amendment not in ("retraction", "erasure")
    ]  # fmt: skip


async def _actions(app: web.Application, clock: Clock) -> list[Action]:
    """Each action that is open, as it was stated last; a later statement of the same words replaces an earlier one."""
    event_filter = EventFilter(type="action.added", limit=MOST)
    revisions: dict[str, RecordedEvent] = {}
    while found := await app[PROJECTIONS].events(event_filter):
        revisions |= {event.id: event for event in found}
        event_filter = msgspec.structs.replace(event_filter, after=found[-1].position)
    incident_of = await app[PROJECTIONS].incidents_of(list(revisions))
    newest: dict[tuple[int | None, str], RecordedEvent] = {}
    for event in sorted(revisions.values(), key=lambda one: (stated_at(one), one.id)):
        if event.amendment not in ("retraction", "erasure"):
            newest[incident_of.get(event.id), event.entity] = event
    today = clock.day(app[CLOCK]())
    return [_action(event, place, today) for (place, _), event in newest.items() if _state(event) == "open"]


def _state(event: RecordedEvent) -> str:
    return str(event.data.get("state", "open"))


def _action(event: RecordedEvent, number: int | None, today: str) -> Action:
    due = str(event.data.get("due") or "")
    return Action(
        event=event.id, incident=number, text=event.title, owner=str(event.data.get("owner") or ""), due=due,
        overdue=bool(due) and due < today,
    )  # fmt: skip
