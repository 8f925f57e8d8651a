"""What was hit and for how long, as far as events show it; whom it hurt is left to people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any

from collector.event import RecordedEvent
from renderers import change_facts, facts, moments, page_facts, phrases, reversals, rule_texts
from renderers.document import Block, Bullets, Claim, Name, Options, Prompt, Section
from renderers.history import Alert, History, Page
from renderers.moments import without_end
from renderers.phrases import Phrase, cites, claim, if_any, quoted, say, text_in, with_name
from renderers.posts import post_about
from renderers.sections.answers import stated
from renderers.sections.clock import time_in
from renderers.sections.graded import alert_graded
from renderers.sections.lengths import ended_before_it_fired
from renderers.sections.measures import over_if_closed
from renderers.sections.summary import report_in_summary, report_told
from renderers.status_page import posts_on
from renderers.values import Size, Telling, alert_sizes, values_of
from renderers.words import counted

DESCRIPTIONS = 10
"""How many alert names are quoted."""
Prioritised = tuple[Page, list[RecordedEvent]]
"""A page and the events that told its priorities."""
ISSUES = 10
"""Of how many issues it is told how many errors were counted."""
PAGES = 3
"""How many pages of one priority are named."""
WHO = "who could not do what, and how many were they?"
SLA = "which SLA or SLO was missed, and what did it cost?"


def section(history: History, options: Options) -> Section:
    """What was hit, for how long, what alerts and reports said, priority, what was told to customers."""
    edit = history.edits.get("impact")
    items = [*stated(edit, listed=True), *_services(history), *_affected(history), *_duration(history, options)]
    items += [
        *_descriptions(history, options),
        *_without_data(history),
        *_errors_counted(history, options),
        *rule_texts.on_impact(history),
        *_reports(history),
        *_priority(history, options),
        *_posts(history, options),
    ]
    blocks: list[Block] = [Bullets(items=tuple(items))] if items else []
    prompts = [Prompt(SLA)] if edit else [Prompt(WHO), Prompt(SLA)]
    return Section(key="impact", blocks=(*blocks, *prompts))


# --- what was hit -----------------------------------------------------------------------------------------------


def _services(history: History) -> Iterator[Claim]:
    """``Alerts fired on cart and checkout in production``, and what only pages or reports named."""
    named_so_far: set[str] = set()
    by_hand = all(page.declared for page in history.pages)
    opened = ("An incident was opened for ", "Incidents were opened for ")
    kinds: tuple[tuple[tuple[str, str], Sequence[Any], Any], ...] = (
        (("An alert fired on ", "Alerts fired on "), history.alerts, attrgetter("fired")),
        (
            opened if by_hand else ("A page was opened for ", "Pages were opened for "),
            history.pages,
            phrases.page_event,
        ),
        (("A report named ", "Reports named "), history.reports, lambda report: report),
    )
    for words, signals, proof_of in kinds:
        new = [each for each in signals if each.service and each.service not in named_so_far]
        several = facts.several(new) if signals is history.alerts else len({each.entity for each in new}) > 1
        first: dict[str, Any] = {}
        where: dict[str, Any] = {}
        for signal in signals:
            if signal.service and signal.service not in named_so_far:
                first.setdefault(signal.service, signal)
            if environment := phrases.environment_beside(signal.service, signal.environment):
                where.setdefault(environment, signal)
        named_so_far |= first.keys()
        if first:
            services = phrases.listed([Name(s) for s in sorted(first)], 6, ("more service", "more services"))
            environments = phrases.listed([Name(e) for e in sorted(where)], 3)
            said = say(words[several], services, say(" in ", environments) if environments else "")
            evidence = [*first.values(), *where.values(), *(_another(new, [*first.values()]) if several else ())]
            yield claim(said, proof=cites([proof_of(signal) for signal in evidence]))


def _another(signals: Sequence[Any], cited: Sequence[Any]) -> Sequence[Any]:
    """Another signal beside one that alone would not show that there were several."""
    others = (each for each in signals if each.entity != cited[0].entity)
    return [*itertools.islice(others, 1)] if len(cited) == 1 else ()


def _affected(history: History) -> Iterator[Claim]:
    """``incident.io also named search and pay as affected``: what each sender says of services that nothing fired for,
    called for or reported."""
    by_sender: dict[Phrase, dict[str, list[RecordedEvent]]] = {}
    for service, events in facts.affected_services(history).items():
        for event in events:
            by_sender.setdefault(_sender(history, event), {}).setdefault(service, []).append(event)
    also = " also" if history.services else ""
    for sender, by_service in by_sender.items():
        services = phrases.listed([Name(each) for each in sorted(by_service)], 6, ("more service", "more services"))
        yield claim(sender, f"{also} named ", services, " as affected",
                    proof=cites([events[0] for events in by_service.values()]))  # fmt: skip


def _sender(history: History, event: RecordedEvent) -> Phrase:
    """``the status page``, ``incident.io``, or who a source that only carries says that it is from."""
    kind = phrases.sender_of(history, event.source)
    if event.type == "status.updated":
        return say("the status page")
    if kind is not None and kind.called and not kind.carries:
        return say(kind.called)
    return say(Name(text_in(event.data, "source") or event.source))


def _duration(history: History, options: Options) -> Iterator[Claim]:
    """How long the impact lasted: as people stated it, else how long alerts were firing, saying so."""
    marks = {text_in(mark.data, "mark"): mark for mark in history.marks}
    start, end = facts.moment(history, "impact_started"), marks.get("impact_ended")
    if start and start.at is not None and end and end.occurred_at >= start.at:
        began = next((mark for mark in history.marks if mark.id in start.cites), None)
        other = began is None or began.actor != end.actor
        basis = with_name(", as stated by ", began.actor, ",") if began else say(" (as an event tells)")
        yield claim("Duration of the impact: ", phrases.between(start.at, end.occurred_at), ", from ",
                    time_in(history, options, start.at), if_any(other, basis), " to ",
                    time_in(history, options, end.occurred_at), with_name(", as stated by ", end.actor),
                    proof=cites(start, end))  # fmt: skip
        return
    if end and start and start.at is not None:
        yield claim("The impact ended at ", time_in(history, options, end.occurred_at),
                    with_name(", as stated by ", end.actor), ", which is before its recorded start at ",
                    time_in(history, options, start.at),
                    proof=cites(end, start))  # fmt: skip
        return
    if end:
        yield claim("The impact ended at ", time_in(history, options, end.occurred_at),
                    with_name(", as stated by ", end.actor), "; when it began is not recorded",
                    proof=cites(end))  # fmt: skip
        return
    yield from _estimated(history, options)


def _estimated(history: History, options: Options) -> Iterator[Claim]:
    """The duration that the signals suggest; what it rests on is said, and that nobody has stated it."""
    began, last = facts.moment(history, "impact_started"), history.last_measured
    over = facts.moment(history, "mitigated") or facts.moment(history, "resolved")
    if began and began.at is not None and over and over.at is not None and over.at >= began.at:
        yield claim("Duration of the impact: ", phrases.between(began.at, over.at), ", from its recorded start at ",
                    time_in(history, options, began.at), " to when ",
                    page_facts.over_as(history, over) or _ENDED.get(over.basis, "it was over"),
                    "; nobody has stated its end", proof=cites(began, over))  # fmt: skip
    elif last is not None and last.end is not None and _says_nothing(history):
        say_so = "alerts say" if facts.several(history.measured) else "alert says"
        yield claim(f"Duration of the impact: not known, since the {say_so} only that data was missing",
                    proof=cites([alert.fired for alert in history.measured]))  # fmt: skip
    elif last is not None and last.end is not None:
        start, called, sign = _first_sign(history)
        again = history.moments["mitigated"].basis == moments.REOPENED
        least = "at least " if again or called == facts.report_called(history) else ""
        ended = facts.last_called(history, last)
        same = called.replace("first", "last") == ended
        since, to = say(called), "the end of the last one" if same else f"the end of {ended}"
        firing, pauses = phrases.lasted(facts.firing_for(history.measured)), facts.pauses(history.measured)
        paused = say("; alerts were firing for ", firing, " of it") if pauses else ()
        if same and not facts.several(history.measured):
            name = alert_graded(history, history.measured[0]) if facts.several(history.alerts) else ()
            since, to = say("the start of the alert", if_any(name, " "), name), "its end"
            if pauses:
                since, to = say("the first start of the alert", if_any(name, " "), name), "its last end"
                paused = say("; it was firing for ", firing, " of that")
        still = "" if history.resolved else ", and the incident is not resolved"
        reopened = ", after which it was opened again" if again else ""
        length, back = phrases.between(start, last.end), ended_before_it_fired(history, last)
        back = if_any(back, "; ", back)
        closed = page_facts.closed_before_alerts_ended(history) if history.resolved else None
        sooner = say("; ", over_if_closed(history, options, start, closed)) if closed is not None else ()
        ended_as = with_name("; that is when ", text_in(facts.end_event(last).data, "ended_as"))
        yield claim(f"Duration of the impact: {least}", length, ", from ", since, f" to {to}{reopened}", ended_as,
                    paused, sooner, back, f"; nobody has stated it yet{still}",
                    proof=cites(sign, closed, facts.end_event(last)))  # fmt: skip
    elif facts.began(history):
        why = without_end(history.measured) if history.alerts else "nobody has stated its start and end"
        yield claim(f"Duration of the impact: not known, since {why}", *_between(history),
                    proof=cites(*_ends_between(history)), label=not _ends_between(history))  # fmt: skip


def _says_nothing(history: History) -> bool:
    """Whether nobody and nothing says that something was wrong: alerts alone, and all of them for want of data."""
    return not history.reports and all(map(is_without_data, history.measured))


def is_without_data(alert: Alert) -> bool:
    """Whether an alert fired since its sender had no data, or could not read it."""
    return alert.fired.data.get("no_data") is True


def _without_data(history: History) -> Iterator[Claim]:
    """Which alerts fired for want of data: whether what they measure was wrong is not said by that."""
    families = [family for family in history.families if all(map(is_without_data, family.alerts))]
    if families and not (_says_nothing(history) and all(alert.end is not None for alert in history.measured)):
        names = phrases.worded([each.name for each in families], phrases.alert_named, 3, ("more alert", "more alerts"))
        verb = "says" if len(families) == 1 else "say"
        yield claim(say("The alert " if len(families) == 1 else "The alerts "), names,
                    f" {verb} that data was missing or could not be read, and not that a limit was passed",
                    proof=cites([each.first.fired for each in families]))  # fmt: skip


def _errors_counted(history: History, options: Options) -> Iterator[Claim]:
    """How many errors and users of an issue its sender had counted when it told of it last."""
    newest: dict[tuple[str, str], RecordedEvent] = {}
    for event in history.events:
        if _count(event, "seen_events"):
            before = newest.get((event.source, event.entity))
            if before is None or _count(before, "seen_until") <= _count(event, "seen_until"):
                newest[event.source, event.entity] = event
    for event in [*newest.values()][:ISSUES]:
        times, users = _count(event, "seen_events"), _count(event, "seen_users")
        yield claim("Between ", time_in(history, options, _count(event, "seen_since")), " and ",
                    time_in(history, options, _count(event, "seen_until")), " ",
                    phrases.system(history, event.source), " counted", quoted(" ", event.title),
                    f" {counted(times, 'time')}", f", for {counted(users, 'user')}" if users else "",
                    proof=cites(event))  # fmt: skip


def _count(event: RecordedEvent, key: str) -> int:
    value = event.data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _first_sign(history: History) -> tuple[int, str, RecordedEvent]:
    """The first alert, or a report or page that came before it: whoever reports an impact is in it already.

    A page that names the alert is none: their clocks differ.
    """
    alert, askew = history.measured[0], facts.ahead_of_alert(history)
    signs = [(alert.start, facts.first_called(history, alert.start), alert.fired)]
    signs += [(report.occurred_at, facts.report_called(history), report) for report in history.reports[:1]]
    signs += [(page.start, page_facts.page_noun(page), page.steps[0])
              for page in history.pages[:1] if not askew or page != askew[0]]  # fmt: skip
    return min(signs, key=lambda sign: sign[0])


_ENDED = {
    "alert ended": "the alert ended",
    "last alert ended": "the last alert ended",
    "last alert above warning ended": "the last alert above warning ended",
    "page resolved": "the page was resolved",
    "stated": "it was mitigated, as stated",
    "declared mitigated": "it was declared mitigated",
    "declared monitoring": "it was declared to be monitored",
    "status mitigated": "its status was set to mitigated",
    "status dated mitigated": "it is dated as mitigated",
    "status monitoring": "its status was set to monitoring",
    "status page mitigated": "the status page was set to mitigated",
    "status page monitoring": "the status page was set to monitoring",
}


def _ends_between(history: History) -> tuple[RecordedEvent, ...]:
    """The deployment before it and what took that back, where both are recorded."""
    for change in change_facts.earlier_changes(history)[:1]:
        back = reversals.undone_by(history, change)
        if back is not None and change.end is not None and back.end is not None:
            return (change.last, back.last)
    return ()


def _between(history: History) -> Phrase:
    """``; from the deploy to the rollback it would be 12 min 30 s``."""
    ends = _ends_between(history)
    # An alert that fires after the rollback, of an incident that is open, shows that it was no end.
    if not ends or not history.resolved:
        return ()
    change = change_facts.earlier_changes(history)[0]
    noun = phrases.noun_of(change)
    return say(f"; from the {noun} to its rollback it would be ",
               phrases.between(ends[0].occurred_at, ends[1].occurred_at))  # fmt: skip


# --- what was said of it ----------------------------------------------------------------------------------------


def _descriptions(history: History, options: Options) -> Iterator[Claim]:
    """What each alert said of the size of it, the opening alerts first: the first, the largest, the newest."""
    sizes = alert_sizes(history)
    for alert, size in sizes[:DESCRIPTIONS]:
        values = phrases.listed([_value(history, options, each, size) for each in values_of(size)], 3)
        where = phrases.on_service(phrases.beyond(alert.name, alert.service), facts.where(history, alert.environment))
        if size.more:
            values = say(values, f"; it told {counted(size.more, 'more text')}")
        name = phrases.alert_named(alert.name)
        alike = alert.service is not None and not phrases.beyond(alert.name, alert.service)
        yield claim(say("Alert ", name) if alike else name, where, ": ", values,
                    proof=cites([each.event for each in values_of(size)]))  # fmt: skip
    rest = sizes[DESCRIPTIONS:]
    if rest:
        verb = "says" if len(rest) == 1 else "say"
        yield claim(f"{counted(len(rest), 'more alert')} {verb} what they found",
                    proof=cites([told.largest.event for _, told in rest]))  # fmt: skip


def _value(history: History, options: Options, telling: Telling, told: Size) -> Phrase:
    """``"31% of requests fail" at 18:12:00``; the time is left out where it is the only value."""
    if told.newest is None and told.first is None:
        return quoted("", telling.text)
    if telling.until is not None and telling.at > telling.until:
        return say(quoted("", telling.text), " at a time that is not known")
    again = " again" if telling.again else ""
    return say(quoted("", telling.text), f"{again} at ", time_in(history, options, telling.at))


def _reports(history: History) -> Iterator[Claim]:
    """What people reported, beyond the report that the summary tells."""
    told = report_in_summary(history)
    for report in history.reports:
        if report is told:
            continue
        yield claim(report_told(report), proof=cites(report))


def _priority(history: History, options: Options) -> Iterator[Claim]:
    """The severity a person set, else each page's priority and how it changed."""
    edit = history.edits.get("severity")
    if edit is not None:
        before = _set_before(history, edit)
        earlier = phrases.worded(before, _severity_set, len(before))
        yield claim("Severity ", _severity_set(edit), if_any(earlier, "; until then ", earlier),
                    proof=cites([*before, edit]))  # fmt: skip
        return
    pages = page_facts.priorities(history)
    for some in _alike(pages):
        called = [phrases.page_called(history, page_facts.numbered(page)) for page, _ in some]
        names = phrases.listed(called, PAGES, ("more page", "more pages"))
        told = _priorities(history, options, some[0][1])
        yield claim("The priority", if_any(len(some) < len(pages), say(" of ", names)), " was ", told,
                    proof=cites([step for _, steps in some for step in steps]))  # fmt: skip


def _severity_set(edit: RecordedEvent) -> Phrase:
    return say(Name(text_in(edit.data, "value")), with_name(", set by ", edit.actor))


def _set_before(history: History, newest: RecordedEvent) -> list[RecordedEvent]:
    """The severities that people set before, each that is another one than the next: two may have judged otherwise."""
    edits = [each for each in history.events if each.type == "incident.edited"]
    told = [each for each in edits if each.data.get("field") == "severity" and each.id != newest.id]
    told = [*sorted(told, key=facts.statement_order), newest]
    return [one for one, following in pairwise(told) if one.data.get("value") != following.data.get("value")]


def _alike(pages: list[Prioritised]) -> list[list[Prioritised]]:
    """The pages that are told as one: those whose priority never changed, where it is the same."""
    groups: dict[str, list[Prioritised]] = {}
    for page, steps in pages:
        key = page.entity if len(steps) > 1 else f"priority {page_facts.priority_of(steps[0])}"
        groups.setdefault(key, []).append((page, steps))
    return list(groups.values())


def _priorities(history: History, options: Options, steps: list[RecordedEvent]) -> Phrase:
    """``P2``; ``P2 from 11:03:00, P1 from 11:45:00 and none from 12:05:00``."""
    if len(steps) == 1:
        return say(Name(page_facts.priority_of(steps[0])))
    told = [say(Name(priority) if (priority := page_facts.priority_of(step)) else "none", " from ",
                time_in(history, options, step.occurred_at)) for step in steps]  # fmt: skip
    return phrases.listed(told, len(told))


def _posts(history: History, options: Options) -> Iterator[Claim]:
    """What customers were told on the status page, and subscribers by an update."""
    updates = [step for page in history.pages for step in page.steps if step.type == "page.update_sent"]
    posts = sorted((*posts_on(history), *updates), key=lambda event: (event.occurred_at, event.id))
    for post in posts:
        where = "Status page" if post.type == "status.updated" else "Update to subscribers"
        state = post_about(post) if post.type == "status.updated" else ()
        yield claim(f"{where}, ", time_in(history, options, post.occurred_at), state,
                    quoted(": ", phrases.words_of(post), phrases.NOTE), proof=cites(post))  # fmt: skip
