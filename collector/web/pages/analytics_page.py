"""What the page over many incidents says: what several logs say of theirs, put together without joining any of it.

An alert, an action, a deployment and an incident are of one log each, and stand with it. What is counted is counted
over the rows of all logs: a person's hours, a service's deployments, what opened the incidents of a month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from collector.projections.across import Identity, Lateness
from collector.web.each_log import ReadLogs
from collector.web.keys import OneLog
from collector.web.merged import MergedRow
from collector.web.pages.analytics_log import Action, AnalyticsLog
from collector.web.pages.clocks import Clock
from collector.web.pages.deployed import DeployedService, together
from collector.web.pages.disturbed import Disturbed, disturbed

OFTEN = 2
"""From how many times on an alert fires often."""
Place = tuple[str, int]
"""A log, and the number of an incident in it."""


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What opened the incidents of a month."""

    month: str
    alert: Sequence[Place]
    page: Sequence[Place]
    report: Sequence[Place]
    other: Sequence[Place]


class AnalyticsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says."""

    logs: Mapping[str, OneLog]
    """Those that it is about, by name."""
    away: Mapping[str, str]
    """Those of which nothing is counted, since they could not be read, and why."""
    opened: int
    """How many incidents began in the period."""
    episodes: int
    """How many times an alert fired."""
    all_episodes: bool
    """Whether those are all of the period."""
    nothing: Sequence[MergedRow[Identity]]
    """Alerts that fired often and led to nothing."""
    again: Sequence[MergedRow[Identity]]
    """Alerts that were in several incidents."""
    actions: Sequence[MergedRow[Action]]
    """Those open, the overdue ones first."""
    open_actions: Mapping[Place, int]
    """How many of those an incident has."""
    overdue: Mapping[Place, int]
    """How many of those are overdue."""
    months: Sequence[Month]
    deployed: Sequence[DeployedService]
    disturbed: Sequence[Disturbed]
    late: Sequence[MergedRow[Lateness]]
    """The slowest first."""
    whole: bool
    """Whether all changes and pages of the period were looked at."""
    private: Mapping[Place, str]
    """The groups that alone may read of an incident; of what everybody may read there is no entry."""
    private_events: Mapping[tuple[str, str], str]
    """The same of the events that rows lead to, by their log and id."""

    @property
    def several(self) -> bool:
        """Whether it is about more than one log, so that an incident is named with its own."""
        return len(self.logs) + len(self.away) > 1

    def called(self, place: Place) -> str:
        """An incident as it is written on the page: ``eu/12``, and ``12`` where the page is about one log."""
        log, number = place
        return self.logs[log].called(number) if self.several else str(number)


def put_together(
    read: ReadLogs[AnalyticsLog], clock: Clock, people: Mapping[str, tuple[str, str]]
) -> AnalyticsPage:  # fmt: skip
    """The page out of what each log says; ``people`` is as :func:`disturbed` takes it."""
    answers = read.answers
    alerts = [MergedRow(log, row) for log, answer in answers for row in answer.totals.identities]
    actions = sorted((MergedRow(log, row) for log, answer in answers for row in answer.actions), key=_by_day)
    late = [MergedRow(log, row) for log, answer in answers for row in answer.totals.late]
    return AnalyticsPage(
        logs={log.name: log for log, _ in answers},
        away=read.away,
        opened=sum(len(answer.totals.opened) for _, answer in answers),
        episodes=sum(answer.totals.episodes for _, answer in answers),
        all_episodes=all(answer.totals.whole for _, answer in answers),
        nothing=sorted(
            (merged for merged in alerts if merged.row.episodes >= OFTEN and not merged.row.answered), key=_by_episodes
        ),
        again=sorted(
            (merged for merged in alerts if len(merged.row.incidents) > 1),
            key=lambda merged: -len(merged.row.incidents),
        ),
        actions=actions,
        open_actions=_counted(actions),
        overdue=_counted(merged for merged in actions if merged.row.overdue),
        months=_months(answers, clock),
        deployed=together(answer.deployed for _, answer in answers),
        disturbed=disturbed((answer.pages for _, answer in answers), people, clock.zone),
        late=sorted(late, key=lambda merged: (-merged.row.median, merged.row.source)),
        whole=all(answer.whole for _, answer in answers),
        private={(log.name, number): groups for log, answer in answers for number, groups in answer.private.items()},
        private_events={
            (log.name, event): groups for log, answer in answers for event, groups in answer.private_events.items()
        },
    )


def _by_episodes(merged: MergedRow[Identity]) -> tuple[int, str]:
    """The most frequent first; of those that are alike the logs in their order."""
    return (-merged.row.episodes, merged.row.title)


def _by_day(merged: MergedRow[Action]) -> tuple[bool, str, int, str]:
    return (not merged.row.due, merged.row.due, merged.row.incident or 0, merged.row.event)


def _counted(actions: Iterable[MergedRow[Action]]) -> Mapping[Place, int]:
    return Counter((merged.log.name, merged.row.incident) for merged in actions if merged.row.incident is not None)


def _months(answers: Sequence[tuple[OneLog, AnalyticsLog]], clock: Clock) -> list[Month]:
    """Months with what opened their incidents, the newest first."""
    months: dict[str, dict[str, list[Place]]] = {}
    every = [(incident.started_at, log.name, incident) for log, each in answers for incident in each.totals.opened]
    for _, name, incident in sorted(every, key=lambda each: each[:2]):
        kinds = months.setdefault(
            clock.day(incident.started_at)[:7], {"alert": [], "page": [], "report": [], "other": []}
        )
        kind = {"incident": "report"}.get(incident.family, incident.family if incident.family in kinds else "other")
        kinds[kind].append((name, incident.number))
    return [Month(month=month, **kinds) for month, kinds in sorted(months.items(), reverse=True)]
