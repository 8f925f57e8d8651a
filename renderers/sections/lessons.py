"""Numbers worth a question, without a verdict; what they mean is for people to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.event import MINUTE, RecordedEvent
from renderers import facts, page_facts, phrases, rule_texts
from renderers.document import Bullets, Claim, Name, Options, Prompt, Section, Words
from renderers.history import Alert, Family, History, Page
from renderers.phrases import cites, claim, text_in, with_name
from renderers.words import apart, counted

OBSERVED = 5
"""How many numbers are told."""
SLOW = 5 * MINUTE
"""From how long unacknowledged on a page is told."""
AGAIN = 2
"""From how often on it is told that an alert fired again."""
LABELS = ("What went well:", "What didn’t go well:", "Improvement Opportunities:")
"""The template's three lines."""
ALL_THREE = "what went well, what did not, and what could be better?"


def section(history: History, options: Options) -> Section:
    """At most five numbers, the ones about people's waiting first, then the template's three lines."""
    observed = [*_reported_first(history), *_waiting(history), *_unanswered(history), *_again(history),
                *_runbooks(history), *_late(history)]  # fmt: skip
    labels = [Claim(parts=(Words(label, strong=True),), label=True) for label in LABELS]
    return Section(key="lessons", blocks=(Bullets(items=(*observed[:OBSERVED], *labels)), Prompt(ALL_THREE)))


def _reported_first(history: History) -> Iterator[Claim]:
    """That a person noticed before any alert fired, and how long it took from the first report to the page."""
    reports, alert = history.reports, facts.first_alert(history)
    posts = facts.posted_before(history, alert.start) if alert is not None else []
    if alert is not None and posts:
        called = facts.first_called(history, alert.start)
        yield claim("Observed: the status page had a post ", phrases.between(posts[0].occurred_at, alert.start),
                    f" before {called} fired", proof=cites(posts[0], alert.fired))  # fmt: skip
    if not reports or not facts.family_reported(history, "alert"):
        return
    first = reports[0]
    if alert is not None and first.occurred_at < alert.start:
        called = facts.first_called(history, alert.start)
        yield claim("Observed: a person reported it ", phrases.between(first.occurred_at, alert.start),
                    f" before {called} fired", proof=cites(first, alert.fired))  # fmt: skip
    paged = next((page for page in history.pages if page.triggered and page.start > first.occurred_at), None)
    if paged is not None and facts.instant(history, "detected") == first.occurred_at:
        yield claim("Observed: ", phrases.between(first.occurred_at, paged.start),
                    f" passed between {facts.report_called(history)} and the page",
                    proof=cites(first, paged.triggered))  # fmt: skip


def _waiting(history: History) -> Iterator[Claim]:
    """The page that waited longest; and pages that nobody took."""
    slow = [wait for page in history.pages if (wait := _longest_wait(page)) and wait[0] >= SLOW]
    if slow:
        micros, _, since, until = max(slow, key=lambda wait: wait[:2])
        longest = ", the longest of " + counted(len(slow), "such page") if len(slow) > 1 else ""
        yield claim("Observed: ", phrases.page_called(history, until), " was unacknowledged for ",
                    phrases.lasted(micros), longest, proof=cites(since, until))  # fmt: skip
    # Of a page whose trigger was not received, an acknowledgement may be missing, too.
    known = [page for page in history.pages if page.triggered is not None and not page.declared]
    never = [page for page in known if page.acknowledged is None and page.resolved is not None]
    if never:
        verb = "was" if len(never) == 1 else "were"
        ended = "closed" if any(page.resolved and page_facts.ended_as(page.resolved) for page in never) else "resolved"
        events = [event for page in never if (event := phrases.page_event(page))]
        pages = phrases.worded(
            events, lambda event: phrases.page_called(history, event), 3, ("more page", "more pages")
        )
        yield claim("Observed: ", pages, f" {verb} {ended} without an acknowledgement", proof=cites(events))


def _longest_wait(page: Page) -> tuple[int, str, RecordedEvent, RecordedEvent] | None:
    """The longest time that a page waited for an acknowledgement which came, µs, the page, and the two events."""
    waiting = page_facts.waiting(page)
    taken = [step for step in page.steps if step.type == "page.acknowledged" and step.id in waiting]
    waits = [(apart(waiting[step.id][0], step.occurred_at), page.entity, waiting[step.id][1], step) for step in taken]
    return max(waits, key=lambda wait: wait[:2], default=None)


def _unanswered(history: History) -> Iterator[Claim]:
    """Who was asked to join, and neither answered nor did anything after that which is recorded."""
    last_acts = {event.actor: event.occurred_at for event in history.events if event.actor}
    requests = [request for page in history.pages for request in _open_requests(page)
                if last_acts.get(text_in(request.data, "to"), -1) < request.occurred_at]  # fmt: skip
    if requests:
        who = phrases.listed([Name(text_in(each.data, "to")) for each in requests], 3, ("more", "more"))
        verb, answer = ("was", "no answer was") if len(requests) == 1 else ("were", "no answers were")
        yield claim("Observed: ", who, f" {verb} asked to join, and {answer} recorded", proof=cites(requests))


def _open_requests(page: Page) -> list[RecordedEvent]:
    """The requests to join, one for each name, that had no answer. Who answers without having been asked by name may
    answer for any of those asked: for a team or a schedule."""
    requests: dict[str, RecordedEvent] = {}
    for step in page.steps:
        name = text_in(step.data, "to")
        if step.type == "page.responder_added" and name:
            requests.setdefault(name, step)
        elif step.type == "page.responder_replied":
            names = {name, step.actor} & requests.keys()
            requests = {each: request for each, request in requests.items() if names and each not in names}
    return list(requests.values())


def _again(history: History) -> Iterator[Claim]:
    """The alert that fired again most often."""
    worst = max(history.families, key=lambda family: (_repeats(family), family.name), default=None)
    if worst is not None and _repeats(worst) >= AGAIN:
        series = "" if len(set(facts.firings(worst))) == 1 else "one series of "
        yield claim(f"Observed: {series}the alert ", phrases.alert_named(worst.name),
                    with_name(" on ", phrases.beyond(worst.name, worst.service)),
                    f" fired again {_repeats(worst):,} times",
                    proof=cites([alert.fired for alert in worst.alerts]))  # fmt: skip


def _repeats(family: Family) -> int:
    """How often the series of an alert that fired most often fired again."""
    return max(facts.firings(family)) - 1


def _runbooks(history: History) -> Iterator[Claim]:
    """Alert names of which no event carries a runbook, nor what stands for one: instructions, or words on it."""
    first: dict[str, Alert] = {}
    with_runbook: set[str] = set()
    for family in sorted(history.families, key=lambda family: family.first.start):
        first.setdefault(family.name, family.first)
        if any(_guides(alert.fired) for alert in family.alerts):
            with_runbook.add(family.name)
    missing = [alert for name, alert in first.items() if name not in with_runbook]
    if missing:
        names = phrases.worded([alert.name for alert in missing], phrases.alert_named, 3, ("more alert", "more alerts"))
        noun = "alert" if len(missing) == 1 else "alerts"
        verb = "links" if len(missing) == 1 else "link"
        yield claim(f"Observed: the {noun} ", names, f" {verb} no runbook",
                    proof=cites([alert.fired for alert in missing]))  # fmt: skip


def _guides(fired: RecordedEvent) -> bool:
    """Whether an alert says what to do: it links a runbook, or its texts name one."""
    if fired.links and phrases.web_links(fired, "runbook"):
        return True
    by_name = rule_texts.texts_by_name(fired)
    if phrases.text_in(fired.data, "instructions") or any(map(_WRITTEN_OUT.search, by_name)):
        return True
    texts = (phrases.text_in(fired.data, "summary"), phrases.text_in(fired.data, "description"), *by_name.values())
    return any(map(_NAMED.search, texts))


_WRITTEN_OUT = re.compile(r"runbook|playbook|\bsop\b", re.IGNORECASE)
"""Names of annotations in which what is to be done is written, and not linked."""


_NAMED = re.compile(r"(?:run|play)[ -]?book\b.*https?://", re.IGNORECASE | re.DOTALL)


def _late(history: History) -> Iterator[Claim]:
    """How many events were received late, and how late at most, where nothing above the timeline says so."""
    late_events = history.late
    if late_events and facts.imported(history) is None:
        worst = phrases.lasted(max(facts.lateness(event) for event in late_events) // MINUTE * MINUTE)
        verb = "was" if len(late_events) == 1 else "were"
        most = "" if len(late_events) == 1 else "up to "
        yield claim(f"Observed: {counted(len(late_events), 'event')} {verb} received {most}", worst, " late",
                    proof=cites(late_events))  # fmt: skip
