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
from collector.web.pages.across_log import AcrossLog, Action
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


class AcrossPage(msgspec.Struct, frozen=True, kw_only=True):
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
    read: ReadLogs[AcrossLog], clock: Clock, people: Mapping[str, tuple[str, str]]
) -> AcrossPage:  # fmt: skip
    """The page out of what each log says; ``people`` is as :func:`disturbed` takes it."""
    answers = read.found
    alerts = [MergedRow(log, one) for log, each in answers for one in each.found.identities]
    actions = sorted((MergedRow(log, one) for log, each in answers for one in each.actions), key=_by_day)
    late = [MergedRow(log, one) for log, each in answers for one in each.found.late]
    return AcrossPage(
        logs={log.name: log for log, _ in answers},
        away=read.away,
        opened=sum(len(each.found.opened) for _, each in answers),
        episodes=sum(each.found.episodes for _, each in answers),
        all_episodes=all(each.found.whole for _, each in answers),
        nothing=sorted((one for one in alerts if one.row.episodes >= OFTEN and not one.row.answered), key=_by_episodes),
        again=sorted((one for one in alerts if len(one.row.incidents) > 1), key=lambda one: -len(one.row.incidents)),
        actions=actions,
        open_actions=_counted(actions),
        overdue=_counted(one for one in actions if one.row.overdue),
        months=_months(answers, clock),
        deployed=together(each.deployed for _, each in answers),
        disturbed=disturbed((each.pages for _, each in answers), people, clock.zone),
        late=sorted(late, key=lambda one: (-one.row.median, one.row.source)),
        whole=all(each.whole for _, each in answers),
        private={(log.name, number): groups for log, each in answers for number, groups in each.private.items()},
        private_events={
            (log.name, event): groups for log, each in answers for event, groups in each.private_events.items()
        },
    )


def _by_episodes(one: MergedRow[Identity]) -> tuple[int, str]:
    """The most frequent first; of those that are alike the logs in their order."""
    return (-one.row.episodes, one.row.title)


def _by_day(one: MergedRow[Action]) -> tuple[bool, str, int, str]:
    return (not one.row.due, one.row.due, one.row.incident or 0, one.row.event)


def _counted(actions: Iterable[MergedRow[Action]]) -> Mapping[Place, int]:
    return Counter((one.log.name, one.row.incident) for one in actions if one.row.incident is not None)


def _months(answers: Sequence[tuple[OneLog, AcrossLog]], clock: Clock) -> list[Month]:
    """Months with what opened their incidents, the newest first."""
    months: dict[str, dict[str, list[Place]]] = {}
    every = [(one.started_at, log.name, one) for log, each in answers for one in each.found.opened]
    for _, name, one in sorted(every, key=lambda each: each[:2]):
        kinds = months.setdefault(clock.day(one.started_at)[:7], {"alert": [], "page": [], "report": [], "other": []})
        kind = {"incident": "report"}.get(one.family, one.family if one.family in kinds else "other")
        kinds[kind].append((name, one.number))
    return [Month(month=month, **kinds) for month, kinds in sorted(months.items(), reverse=True)]
