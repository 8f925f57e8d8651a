"""Four sentences: what fired, the closest earlier change, the last action before recovery, how long."""

from __future__ import annotations

from collections.abc import Iterator

from renderers import facts, phrases
from renderers.document import Bullets, Claim, Options, Prompt, Section
from renderers.history import Alert, Change, Family, History
from renderers.phrases import Phrase, cites, claim, named, quoted, say
from renderers.rows.alerts import SERIES


def section(history: History, options: Options) -> Section:
    """The summary, as far as events show it."""
    found = [what(history, options)]
    if facts.began(history):
        found += [*change(history, options), *action(history, options), *length(history, options)]
    return Section(
        key="summary", blocks=(Bullets(items=tuple(each for each in found if each)), Prompt("context in one sentence."))
    )


def what(history: History, options: Options) -> Claim | None:
    """What fired first, and what followed; without alerts the page, the report or the first event."""
    if history.alerts:
        return _fired(history, options)
    for page in history.pages:
        told = phrases.page_event(page)
        if told:
            said = say(phrases.page_called(told), " triggered", phrases.place(page.service, page.environment))
            time = _time(history, options, page.start)
            return claim(said, time, quoted(": ", page.title), proof=cites(told))
    for report in history.reports:
        by = phrases.text_in(report.data, "by") or report.actor
        said = say("A report", named(" by ", by), phrases.place(report.service, report.environment))
        time = _time(history, options, report.occurred_at)
        return claim(said, " came in", time, quoted(": ", report.title), proof=cites(report))
    return _nothing(history, options)


def _time(history: History, options: Options, moment: int) -> str:
    return f" at {phrases.at(moment, options.zone, facts.anchor(history))}"


def _fired(history: History, options: Options) -> Claim:
    first, *others = history.families
    alert = first.first if not first.first.opening else next(a for a in first.alerts if a.opening)
    following = [each for each in others if each.first.start >= alert.start]
    preceding = [each for each in others if each.first.start < alert.start]
    series = len({each.entity for each in first.alerts})
    several = series >= SERIES
    said = say(phrases.alert_named(alert.name), f" ({series:,} series)" if several else "", " fired",
               phrases.place(alert.service, alert.environment), ", first" if several else "",
               _time(history, options, alert.start))  # fmt: skip
    reported = [report for report in history.reports if report.occurred_at < alert.start][:1]
    for report in reported:
        by = named(" by ", phrases.text_in(report.data, "by") or report.actor)
        said = say(said, "; a report", by, f" had come {phrases.lasted(alert.start - report.occurred_at)} before")
    for families, words in ((preceding, " fired earlier"), (following, " followed")):
        if len(families) == 1:
            said = say(said, "; ", phrases.alert_named(families[0].name), words, named(" on ", families[0].service))
        elif families:
            said = say(said, "; ", phrases.worded(families, _family_called, 3, ("more alert", "more alerts")), words)
    counted = {each.entity: each.fired for each in reversed(first.alerts)}.values() if several else ()
    others_first = [each.first.fired for each in (*preceding, *following)]
    return claim(said, proof=cites(reported, alert.fired, counted, others_first))


def _family_called(family: Family) -> Phrase:
    return say(phrases.alert_named(family.name), named(" on ", family.service))


def _nothing(history: History, options: Options) -> Claim | None:
    """An incident without alert, page or report: what is the first that was recorded."""
    for change in history.changes:
        time = _time(history, options, change.start)
        return claim("The first event was a ", phrases.change_called(change), time, proof=cites(change.first))
    for event in history.events:
        family = event.type.partition(".")[0]
        words = {"note": "a note", "chat": "a chat message", "status": "a status post"}.get(family, "a statement")
        time = _time(history, options, event.occurred_at)
        by = named(" by ", event.actor)
        return claim("The first event was ", words, by, time, quoted(": ", event.title), proof=cites(event))
    return None


def change(history: History, options: Options) -> list[Claim]:
    """The closest earlier change, or that none was recorded."""
    earlier = facts.earlier_changes(history)
    if not earlier:
        return [phrases.no_change(history, options, "Closest earlier change")]
    nearest = earlier[0]
    return [
        claim("Closest earlier change: ", phrases.change_called(nearest, title=nearest.kind in TITLED), ", ",
              lag(nearest, facts.reference(history)), proof=cites(nearest.last))
    ]  # fmt: skip


TITLED = ("merge", "flag", "release", "workflow", "push")
"""Kinds of change that nobody would recognise without their title."""


def lag(change: Change, start: int) -> str:
    """``finished 2 min before``; a change under way says when it began and when it finished."""
    verbs = {"merge": "merged", "flag": "set", "push": "made", "tag": "set", "release": "published"}
    verb = verbs.get(change.kind, "finished")
    if change.end is None:
        return f"started {_apart(start, change.start)}, end not recorded"
    if change.end <= start:
        return f"{verb} {_apart(start, change.end)}"
    begun = "started" if change.measured else "requested"
    return f"{begun} {_apart(start, change.start)} and {verb} {phrases.lasted(change.end - start)} after"


def _apart(start: int, before: int) -> str:
    return f"{phrases.lasted(start - before)} before" if start > before else "at the same time"


def action(history: History, options: Options) -> list[Claim]:
    """The last action between detection and recovery; where none was recorded, what a person said mitigated it."""
    found = facts.doings(history)
    if not found:
        return list(stated_mitigation(history, options))
    last = found[-1]
    better = facts.recovery(history) if history.resolved or facts.moment(history, "mitigated") else None
    done = doing_called(history, last)
    if better is None or better.at is None:
        return [claim("Last action: ", done, _time(history, options, last.at), "; no recovery since",
                      proof=cites(last.event))]  # fmt: skip
    ahead = better.at - last.at
    when = f", {phrases.lasted(ahead)} before recovery" if ahead else ", at recovery"
    return [claim("Last action: ", done, when, proof=cites(last.event, better))]


def stated_mitigation(history: History, options: Options) -> Iterator[Claim]:
    """What a person said about the mitigation."""
    for mark in history.marks:
        if phrases.text_in(mark.data, "mark") == "mitigated":
            by = named(", stated by ", mark.actor) or ", as stated"
            time = _time(history, options, mark.occurred_at)
            yield claim("Mitigated", time, by, quoted(": ", mark.title), proof=cites(mark))


def doing_called(history: History, doing: facts.Doing) -> Phrase:
    """``rollback``; with the service where it is another than the incident's."""
    if doing.change is None:
        return say(phrases.observation_called(doing.event), named(", by ", doing.event.actor))
    where = doing.change.environment if facts.elsewhere(history, doing.change) else None
    known = facts.primary_service(history)
    other = doing.change.service != known or known is None
    failed = " (failed)" if doing.change.outcome == "failed" else ""
    return say(phrases.change_called(doing.change, on=other, title=doing.change.kind in TITLED), failed,
               named(" in ", where))  # fmt: skip


def length(history: History, options: Options) -> list[Claim]:
    """How long alerts fired, or the page was open, or the incident lasted."""
    if history.alerts:
        return [_alerts_lasted(history, options)]
    if history.pages:
        return [_pages_lasted(history, options)]
    start, end = facts.moment(history, "first_symptom"), facts.moment(history, "resolved")
    if not history.resolved or start is None or end is None or (end.at or 0) <= (start.at or 0):
        return []
    lasted = phrases.lasted((end.at or 0) - (start.at or 0))
    return [claim(f"From the first event to the resolution: {lasted}", proof=cites(start, end))]


def _alerts_lasted(history: History, options: Options) -> Claim:
    alerts = history.measured
    last = history.last_measured
    first = alerts[0]
    if last is None:
        waiting = [each for each in alerts if each.firing] or list(alerts)
        names = list(dict.fromkeys(each.name for each in waiting))
        listing = phrases.worded(names, phrases.alert_named, 3, ("more alert", "more alerts"))
        time = _time(history, options, facts.latest(history))
        return claim("No end was recorded for ", listing, "; the last event came", time,
                     proof=cites([each.fired for each in waiting], history.events[-1]))  # fmt: skip
    lasted = phrases.lasted((last.end or 0) - first.start)
    entities = {alert.entity for alert in alerts}
    off = " on and off" if len(entities) == 1 and len(alerts) > 1 else ""
    return claim(
        _subject(history, alerts), f" fired{off} for {lasted}", proof=cites(first.fired, facts.end_event(last))
    )


def _subject(history: History, alerts: tuple[Alert, ...]) -> Phrase:
    """``The alert`` where there is one, its name where others were no opening ones, else ``Alerts``."""
    if len({alert.entity for alert in alerts}) > 1:
        return say("Alerts above warning" if len(alerts) < len(history.alerts) else "Alerts")
    return say("The alert") if len(alerts) == len(history.alerts) else phrases.alert_named(alerts[0].name)


def _pages_lasted(history: History, options: Options) -> Claim:
    told = [event for page in history.pages if (event := phrases.page_event(page))]
    ends = [end for page in history.pages if (end := page.resolved or page.merged) is not None]
    subject = "The page was" if len(history.pages) == 1 else "Pages were"
    if len(ends) < len(history.pages):
        time = _time(history, options, facts.latest(history))
        return claim(subject, " still open at the last event,", time, proof=cites(told))
    last = max(ends, key=lambda event: (event.occurred_at, event.id))
    start = min(page.start for page in history.pages)
    return claim(f"{subject} open for {phrases.lasted(last.occurred_at - start)}", proof=cites(told[:1], last))
