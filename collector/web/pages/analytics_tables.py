"""The tables of the page over many incidents, each whole as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from collector.projections.across import Identity, Lateness
from collector.times import rfc3339
from collector.web.keys import OneLog
from collector.web.merged import MergedRow
from collector.web.pages.analytics_log import Action
from collector.web.pages.analytics_page import AnalyticsPage, Month, Place
from collector.web.pages.deployed import DeployedService, JudgedDeployment
from collector.web.pages.disturbed import Disturbed

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet might take for a formula."""


def as_csv(name: str, totals: AnalyticsPage) -> str:
    """A table of this name. Where a log could not be read, its last rows name it."""
    head, rows = TABLES[name]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([*head, "private"])
    marked = [[*row, _private(totals, dict(zip(head, row, strict=True)))] for row in rows(totals)]
    writer.writerows([[_cell(value) for value in row] for row in marked])
    rest = [""] * len(head)
    writer.writerows([[f"not counted: the log {log}: {reason}", *rest] for log, reason in totals.away.items()])
    return text.getvalue()


def _private(totals: AnalyticsPage, row: Mapping[str, Any]) -> str:
    """The groups of the incidents and of the event that a row names, where not everybody may read of them."""
    groups = {totals.called(place): each for place, each in totals.private.items()}
    numbers = " ".join(str(row[name] or "") for name in _INCIDENTS if name in row).split()
    log = row.get("log")
    events = [totals.private_events.get((log, row[name]), "") for name in _EVENTS if log and name in row]
    found = {group for each in (*(groups.get(number, "") for number in numbers), *events) for group in each.split(", ")}
    return ", ".join(sorted(found - {""}))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _listed(told: AnalyticsPage, places: Iterable[Place]) -> str:
    return " ".join(map(told.called, places))


def _seconds(length: int | None) -> str:
    return "" if length is None else f"{length / 1_000_000:.6f}".rstrip("0").rstrip(".")


def _of(log: OneLog, numbers: Iterable[int]) -> list[Place]:
    return [(log.name, number) for number in numbers]


def _alert(totals: AnalyticsPage, merged: MergedRow[Identity]) -> list[Any]:
    alert = merged.row
    return [
        alert.title, alert.service, alert.source, alert.episodes, alert.alone,
        _listed(totals, _of(merged.log, alert.incidents)), _listed(totals, _of(merged.log, alert.answered)),
        _seconds(alert.usual), len(alert.lengths), alert.event, merged.log.name,
    ]  # fmt: skip


def _action(told: AnalyticsPage, merged: MergedRow[Action]) -> list[Any]:
    action = merged.row
    incident = None if action.incident is None else told.called((merged.log.name, action.incident))
    return [action.text, action.owner, action.due, action.overdue, incident, action.event, merged.log.name]


def _month(told: AnalyticsPage, month: Month) -> list[Any]:
    return [month.month, *(_listed(told, each) for each in (month.alert, month.page, month.report, month.other))]


def _deployment(told: AnalyticsPage, service: DeployedService, judged: JudgedDeployment) -> list[Any]:
    incident = None if judged.incident is None else told.called((judged.log, judged.incident))
    return [
        service.service, judged.title, rfc3339(judged.finished), judged.standing, judged.why, judged.rework, incident,
        _seconds(judged.recovery), judged.event, judged.log,
    ]  # fmt: skip


def _service(service: DeployedService) -> list[Any]:
    return [
        service.service, service.deployments, len(service.confirmed), len(service.candidates), len(service.unknown),
        _seconds(service.usual), service.every, len(service.rework), len(service.rework_candidates),
    ]  # fmt: skip


def _person(totals: AnalyticsPage, person: Disturbed) -> list[Any]:
    return [
        person.person, person.zone, person.zone_known, person.pages, person.hours, person.night, person.evening,
        person.work, _listed(totals, person.incidents),
    ]  # fmt: skip


def _late(merged: MergedRow[Lateness]) -> list[Any]:
    lateness = merged.row
    return [
        lateness.source, lateness.events, _seconds(lateness.median), _seconds(lateness.ninety_ninth),
        _seconds(lateness.most), lateness.latest, merged.log.name,
    ]  # fmt: skip


_EVENTS = ("event", "newest_event", "latest_event")
_INCIDENTS = ("incident", "incidents", "answered", "by_alert", "by_page", "by_report", "by_something_else")
"""Columns that name what may be private."""
_ALERT = (
    "alert", "service", "source", "times", "in_no_incident", "incidents", "answered", "median_seconds", "ends_told",
    "newest_event", "log",
)  # fmt: skip
TABLES: Mapping[str, tuple[Sequence[str], Callable[[AnalyticsPage], Iterable[Sequence[Any]]]]] = {
    "nothing": (_ALERT, lambda told: (_alert(told, one) for one in told.nothing)),
    "again": (_ALERT, lambda told: (_alert(told, one) for one in told.again)),
    "actions": (
        ("action", "owner", "due", "overdue", "incident", "event", "log"),
        lambda told: (_action(told, one) for one in told.actions),
    ),
    "opened": (
        ("month", "by_alert", "by_page", "by_report", "by_something_else"),
        lambda told: (_month(told, one) for one in told.months),
    ),
    "deployments": (
        ("service", "deployment", "finished", "judged", "why", "rework", "incident", "recovery_seconds",
         "event", "log"),
        lambda told: (_deployment(told, service, one) for service in told.deployed for one in service.judged),
    ),
    "services": (
        ("service", "deployments", "confirmed", "candidates", "unknown", "median_recovery_seconds",
         "deployments_and_rollbacks", "rework", "rework_candidates"),
        lambda told: map(_service, told.deployed),
    ),
    "disturbed": (
        ("person", "zone", "zone_told", "pages", "hours", "of_night", "of_evening_or_weekend", "of_work", "incidents"),
        lambda told: (_person(told, one) for one in told.disturbed),
    ),
    "late": (
        ("source", "events", "median_seconds", "99th_percentile_seconds", "most_seconds", "latest_event", "log"),
        lambda told: map(_late, told.late),
    ),
}  # fmt: skip
"""Name of a table → its columns, and its rows."""
