"""Alerts of the services that were hit that had fired long before, and had not ended: a warning that lasts for days."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from collector.semantics import severities
from renderers import facts, phrases
from renderers.document import Claim, Code, Options
from renderers.history import History, Nearby
from renderers.phrases import Phrase, cites, claim, say, with_name
from renderers.sections import doubt
from renderers.sections.clock import time_in
from renderers.words import counted

NAMED = 3
"""How many are named, the last that began first."""


def claims(history: History, options: Options) -> Iterator[Claim]:
    """``The alert DiskFilling on db (warning), which is no part of this incident, had been firing since …``."""
    groups = series_groups(history)
    for group in groups[:NAMED]:
        series = f", {len(group):,} series" if len(group) > 1 else ""
        yield claim("The alert ", alert_name(group[0].event), f"{series}, which is no part of this incident, ",
                    _since(history, options, group), proof=_proof(group))  # fmt: skip
    if rest := groups[NAMED:]:
        are = "is" if len(rest) == 1 else "are"
        yield claim(counted(len(rest), "more alert"), f" of the same services that {are} no part of it had fired "
                    "before", proof=cites([near.event for group in rest for near in group]))  # fmt: skip


def _proof(group: list[Nearby]) -> tuple[str, ...]:
    return cites([event for near in group for event in (near.event, near.end) if event is not None])


def appendix_lines(history: History) -> Iterator[Claim]:
    """Each of them in the appendix, with why it is not in the incident and the command that joins it."""
    for group in series_groups(history)[:NAMED]:
        near = group[0]
        though = doubt.objection(history, near)
        judged = bool(facts.unrelated(history, near)) and not though
        command = f"timelined join {history.context.called or 'N'} {' '.join(each.event.id for each in group)}"
        joins = () if judged else say("; if it does: ", Code(command))
        of_it = "judged unrelated" if judged else "not known to belong"
        yield claim(f"Since before it began, {of_it}: the alert ", alert_name(near.event),
                    with_name(": ", f"{near.reason.rstrip('. ')}{though}"), joins,
                    proof=cites([each.event for each in group]))  # fmt: skip


def series_groups(history: History) -> list[list[Nearby]]:
    """The series of each name and service, the first that began first, without those that fired in the incident again,
    and without what only informs, which may fire for years; of several names the one that began last first."""
    own = {(alert.source, alert.entity) for alert in history.alerts}
    by_name: dict[tuple[str, str | None], list[Nearby]] = {}
    for near in history.context.lasting:
        warns = severities.rank(near.event.severity or "")[0] <= severities.rank("low")[0]
        if warns and (near.event.source, near.event.entity) not in own:
            by_name.setdefault((near.event.title, near.event.service), []).insert(0, near)
    return list(by_name.values())


def alert_name(event: RecordedEvent) -> Phrase:
    """``DiskFilling on db (warning)``."""
    return say(phrases.alert_named(event.title), with_name(" on ", phrases.beyond(event.title, event.service)),
               with_name(" (", event.severity, ")"))  # fmt: skip


def _since(history: History, options: Options, group: list[Nearby]) -> Phrase:
    began = time_in(history, options, group[0].event.occurred_at)
    ends = [near.end.occurred_at for near in group if near.end is not None]
    if not ends:
        return say("had fired at ", began, f"; no end of {'it' if len(group) == 1 else 'them'} is recorded")
    if len(ends) == len(group):
        return say("had been firing since ", began, " and ended at ", time_in(history, options, max(ends)))
    return say("had been firing since ", began, f"; no end of {len(group) - len(ends):,} of them is recorded")
