"""Many incidents: alerts that lead to nothing, alerts that come again, actions, what opened incidents, late senders.

Each figure leads to what it counts, and says how it is counted. Lists and
medians, never a mean.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from collector.errors import NotFound
from collector.event import HOUR, RecordedEvent
from collector.projections import EventFilter
from collector.projections.across import Across, Identity
from collector.times import rfc3339
from collector.web.keys import CLOCK, PEOPLE, PROJECTIONS
from collector.web.pages.clocks import Clock
from collector.web.pages.deployed import DeployedService, DeploymentSpan, JudgedDeployment, StatedCause, deployed
from collector.web.pages.disturbed import Disturbed, disturbed
from collector.web.pages.rendering import page
from collector.web.pages.stated import stated_at
from collector.web.requests import MOST, Query

routes = web.RouteTableDef()

PERIOD = 90 * 24 * HOUR
"""What is looked at where no period is asked for, µs."""
SHOWN = 50
"""How many rows a table has; the CSV has all."""
LOOKED_AT = 20_000
"""The most events of changes, and of pages, that are looked at."""
OFTEN = 2
"""From how many times on an alert fires often."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet might take for a formula."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A follow-up action as it was stated last."""

    event: str
    incident: int | None
    text: str
    owner: str
    due: str
    """``2026-04-01``; empty where none is told."""
    overdue: bool


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What opened the incidents of a month."""

    month: str
    alert: Sequence[int]
    page: Sequence[int]
    report: Sequence[int]
    other: Sequence[int]


class AcrossPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says."""

    found: Across
    nothing: Sequence[Identity]
    """Alerts that fired often and led to nothing."""
    again: Sequence[Identity]
    """Alerts that were in several incidents."""
    actions: Sequence[Action]
    """Those open, the overdue ones first."""
    months: Sequence[Month]
    deployed: Sequence[DeployedService]
    disturbed: Sequence[Disturbed]
    whole: bool
    """Whether all changes and pages of the period were looked at."""


@routes.get("/across")
async def across(request: web.Request) -> web.Response:
    """What can be said of many incidents together."""
    query = Query(request, "since", "until", "zone")
    clock = Clock(query.text("zone") or "UTC")
    since, until = _period(request, query, clock)
    told = await _read(request.app, clock, since, until)
    by_incident: Counter[int] = Counter(each.incident for each in told.actions if each.incident is not None)
    overdue: Counter[int] = Counter(each.incident for each in told.actions if each.overdue and each.incident)
    return page(
        request, "across.html", clock, told=told, since=since, until=until, shown=SHOWN, often=OFTEN,
        asked={name: query.text(name) or "" for name in ("since", "until")}, by_incident=by_incident, overdue=overdue,
        tables=list(_TABLES),
    )  # fmt: skip


@routes.get("/across.csv")
async def table(request: web.Request) -> web.Response:
    """One table of the page, whole, as CSV (RFC 4180)."""
    query = Query(request, "table", "since", "until", "zone")
    clock = Clock(query.text("zone") or "UTC")
    name = query.text("table") or ""
    if name not in _TABLES:
        raise NotFound(f"cannot write the table: use one of {', '.join(_TABLES)}", "table")
    told = await _read(request.app, clock, *_period(request, query, clock))
    head, rows = _TABLES[name]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([[_cell(value) for value in row] for row in rows(told)])
    return web.Response(
        body=text.getvalue().encode("utf-8", "replace"), content_type="text/csv", charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="across-{name}.csv"'},
    )  # fmt: skip


def _period(request: web.Request, query: Query, clock: Clock) -> tuple[int, int]:
    until = clock.moment(query.text("until"), "until")
    until = request.app[CLOCK]() if until is None else until
    since = clock.moment(query.text("since"), "since")
    return until - PERIOD if since is None else since, until


async def _read(app: web.Application, clock: Clock, since: int, until: int) -> AcrossPage:
    found = await app[PROJECTIONS].across(since, until)
    actions = await _actions(app, clock)
    changes, all_changes = await _revisions(app, "change.*", since, until)
    pages, all_pages = await _revisions(app, "page.*", since, until)
    marks, _ = await _revisions(app, "mark.*", since, until)
    places = await app[PROJECTIONS].incidents_of(list({event.id for event in (*changes, *pages, *marks)}))
    spans = await _spans(app, {places[event.id] for event in changes if event.id in places})
    return AcrossPage(
        found=found,
        nothing=[one for one in found.identities if one.episodes >= OFTEN and not one.answered],
        again=sorted((one for one in found.identities if len(one.incidents) > 1), key=lambda one: -len(one.incidents)),
        actions=actions,
        months=_months(found, clock),
        deployed=deployed(changes, places, spans, _causes(marks, places)),
        disturbed=disturbed(pages, places, app[PEOPLE], clock.zone),
        whole=all_changes and all_pages,
    )


async def _revisions(
    app: web.Application, family: str, since: int, until: int
) -> tuple[Sequence[RecordedEvent], bool]:  # fmt: skip
    """The newest events of a family in the period, and whether those are all."""
    found: list[RecordedEvent] = []
    wanted = EventFilter(type=family, since=since, until=until, limit=MOST, newest_first=True)
    while told := await app[PROJECTIONS].events(wanted):
        found += told
        if len(found) >= LOOKED_AT:
            return found, False
        wanted = msgspec.structs.replace(wanted, before=told[-1].position)
    return found, True


async def _spans(app: web.Application, numbers: Iterable[int]) -> dict[int, DeploymentSpan]:
    """When incidents began and were over."""
    rows = [await app[PROJECTIONS].incident(number) for number in numbers]
    return {row.number: DeploymentSpan(row.started_at, row.ended_at) for row in rows if row is not None}


def _causes(marks: Iterable[RecordedEvent], places: Mapping[str, int]) -> list[StatedCause]:
    """What people stated as causes, each as it was stated last."""
    latest: dict[str, RecordedEvent] = {}
    for event in marks:
        latest[event.id] = max(event, latest.get(event.id, event), key=lambda one: one.revision)
    return [
        StatedCause(incident=places[event.id], by=event.actor or "somebody", text=event.title)
        for event in latest.values()
        if event.data.get("mark") == "cause_identified" and event.id in places
        and event.amendment not in ("retraction", "erasure")
    ]  # fmt: skip


async def _actions(app: web.Application, clock: Clock) -> list[Action]:
    """Each action that is open, as it was stated last; a later statement of the same words replaces an earlier one."""
    wanted = EventFilter(type="action.added", limit=MOST)
    revisions: dict[str, RecordedEvent] = {}
    while found := await app[PROJECTIONS].events(wanted):
        revisions |= {event.id: event for event in found}
        wanted = msgspec.structs.replace(wanted, after=found[-1].position)
    places = await app[PROJECTIONS].incidents_of(list(revisions))
    newest: dict[tuple[int | None, str], RecordedEvent] = {}
    for event in sorted(revisions.values(), key=lambda one: (stated_at(one), one.id)):
        if event.amendment not in ("retraction", "erasure"):
            newest[places.get(event.id), event.entity] = event
    today = clock.day(app[CLOCK]())
    actions = [_action(event, place, today) for (place, _), event in newest.items() if _state(event) == "open"]
    return sorted(actions, key=lambda one: (not one.due, one.due, one.incident or 0, one.event))


def _state(event: RecordedEvent) -> str:
    return str(event.data.get("state", "open"))


def _action(event: RecordedEvent, place: int | None, today: str) -> Action:
    due = str(event.data.get("due") or "")
    return Action(
        event=event.id, incident=place, text=event.title, owner=str(event.data.get("owner") or ""), due=due,
        overdue=bool(due) and due < today,
    )  # fmt: skip


def _months(found: Across, clock: Clock) -> list[Month]:
    """Months with what opened their incidents, the newest first."""
    months: dict[str, dict[str, list[int]]] = {}
    for one in found.opened:
        kinds = months.setdefault(clock.day(one.started_at)[:7], {"alert": [], "page": [], "report": [], "other": []})
        kinds[{"incident": "report"}.get(one.family, one.family if one.family in kinds else "other")].append(one.number)
    return [Month(month=month, **kinds) for month, kinds in sorted(months.items(), reverse=True)]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _listed(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


def _seconds(length: int | None) -> str:
    return "" if length is None else f"{length / 1_000_000:.6f}".rstrip("0").rstrip(".")


def _of_identity(one: Identity) -> list[Any]:
    return [
        one.title, one.service, one.source, one.episodes, one.alone, _listed(one.incidents), _listed(one.answered),
        _seconds(one.usual), len(one.lengths), one.event,
    ]  # fmt: skip


def _of_deployment(service: DeployedService, one: JudgedDeployment) -> list[Any]:
    return [
        service.service, one.title, rfc3339(one.finished), one.standing, one.why, one.rework, one.incident,
        _seconds(one.recovery), one.event,
    ]  # fmt: skip


_IDENTITY = (
    "alert", "service", "source", "times", "in_no_incident", "incidents", "answered", "median_seconds", "ends_told",
    "newest_event",
)  # fmt: skip
_TABLES: Mapping[str, tuple[Sequence[str], Callable[[AcrossPage], Iterable[Sequence[Any]]]]] = {
    "nothing": (_IDENTITY, lambda told: map(_of_identity, told.nothing)),
    "again": (_IDENTITY, lambda told: map(_of_identity, told.again)),
    "actions": (
        ("action", "owner", "due", "overdue", "incident", "event"),
        lambda told: ([a.text, a.owner, a.due, a.overdue, a.incident, a.event] for a in told.actions),
    ),
    "opened": (
        ("month", "by_alert", "by_page", "by_report", "by_something_else"),
        lambda told: ([m.month, *map(_listed, (m.alert, m.page, m.report, m.other))] for m in told.months),
    ),
    "deployments": (
        ("service", "deployment", "finished", "judged", "why", "rework", "incident", "recovery_seconds",
         "event"),
        lambda told: (_of_deployment(service, one) for service in told.deployed for one in service.judged),
    ),
    "services": (
        ("service", "deployments", "confirmed", "candidates", "unknown", "median_recovery_seconds",
         "deployments_and_rollbacks", "rework", "rework_candidates"),
        lambda told: ([s.service, s.deployments, *map(len, (s.confirmed, s.candidates, s.unknown)), _seconds(s.usual),
                       s.every, len(s.rework), len(s.rework_candidates)] for s in told.deployed),
    ),
    "disturbed": (
        ("person", "zone", "zone_told", "pages", "hours", "of_night", "of_evening_or_weekend", "of_work", "incidents"),
        lambda told: ([p.person, p.zone, p.told, p.pages, p.hours, p.night, p.evening, p.work, _listed(p.incidents)]
                      for p in told.disturbed),
    ),
    "late": (
        ("source", "events", "median_seconds", "99th_percentile_seconds", "most_seconds", "latest_event"),
        lambda told: (
            [s.source, s.events, _seconds(s.median), _seconds(s.ninety_ninth), _seconds(s.most), s.latest]
            for s in told.found.late
        ),
    ),
}  # fmt: skip
"""Name of a table → its columns, and its rows."""
