"""What the rows of pages say, each with its lag after the page."""

from __future__ import annotations

from collections.abc import Sequence

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import Name
from renderers.phrases import Phrase, named, quoted, say
from renderers.rows.plan import Table


def _people(names: Sequence[str]) -> Phrase:
    return phrases.listed([Name(name) for name in names], 3)


def _assigned(event: RecordedEvent, before: str) -> Phrase:
    people = phrases.texts_in(event.data, "assignees")
    return say(before, _people(people)) if people else ()


def triggered(table: Table, event: RecordedEvent) -> Phrase:
    """The page's title is told only where no alert tells it."""
    title = None if table.history.alerts else event.title
    return say(phrases.page_called(event), " triggered", _assigned(event, " for "), quoted(": ", title))


def _waited(table: Table, event: RecordedEvent) -> int | None:
    """How long after the page, µs; None where its start is not known."""
    page = table.pages.get(event.entity)
    return event.occurred_at - page.start if page and page.triggered and event.occurred_at >= page.start else None


def acknowledged(table: Table, event: RecordedEvent) -> Phrase:
    by = named(" by ", event.actor)
    return say(phrases.page_called(event), " acknowledged", by, _after_page(table, event, ", "))


def _after_page(table: Table, event: RecordedEvent, before: str) -> Phrase:
    waited = _waited(table, event)
    return say(f"{before}{phrases.lasted(waited)} after the page") if waited is not None else ()


def acknowledged_on(table: Table, event: RecordedEvent, label: str) -> Phrase:
    """``by Ana, 1 min 30 s after the page``."""
    if label != "Acknowledged":
        return ()
    if event.actor:
        return say("by ", Name(event.actor), _after_page(table, event, ", "))
    return _after_page(table, event, "after waiting, ")


def escalated(table: Table, event: RecordedEvent) -> Phrase:
    page = table.pages.get(event.entity)
    waited = _waited(table, event)
    taken = page is not None and page.acknowledged is not None and page.acknowledged.occurred_at <= event.occurred_at
    after = f" after {phrases.lasted(waited)} unacknowledged" if waited is not None and not taken else ""
    several = len(table.pages) > 1
    subject = say(phrases.page_called(event), " escalated") if several else say("Escalated")
    return say(subject, _assigned(event, " to "), after)


_PAGE_STEPS = {
    "page.resolved": (" resolved", " by "),
    "page.reopened": (" reopened", " by "),
    "page.unacknowledged": (" was no longer acknowledged", ""),
    "page.updated": (" updated", " by "),
    "page.reclassified": (" reclassified", " by "),
    "page.role_assigned": (": a role was assigned", " by "),
}


def page_step(table: Table, event: RecordedEvent) -> Phrase:
    called = phrases.page_called(event)
    if event.type in ("page.reassigned", "page.delegated"):
        return say(called, " ", event.type.removeprefix("page."), _assigned(event, " to "))
    if event.type == "page.priority_updated":
        priority = phrases.text_in(event.data, "priority")
        return say(called, ": priority ", say("set to ", Name(priority)) if priority else "taken away",
                   named(" by ", event.actor))  # fmt: skip
    if event.type == "page.merged":
        return say(called, " merged into ", Name(phrases.text_in(event.data, "to") or "another page"),
                   named(" by ", event.actor))  # fmt: skip
    if event.type == "page.update_sent":
        return say(called, ": update sent to subscribers", named(" by ", event.actor),
                   quoted(": ", phrases.text_in(event.data, "text")))  # fmt: skip
    if event.type in ("page.responder_added", "page.responder_replied"):
        return say(called, ": ", _responder(event))
    words, by = _PAGE_STEPS.get(event.type, (" updated", " by "))
    return say(called, words, named(by, event.actor) if by else ())


ANSWERS = {"accepted": "joined", "joined": "joined", "declined": "declined to join"}
"""What a responder's state says of them."""


def _responder(event: RecordedEvent) -> Phrase:
    """Who was asked to join, by whom and with what words; or who joined or declined."""
    who, text = phrases.text_in(event.data, "to"), quoted(": ", phrases.text_in(event.data, "text"))
    if event.type == "page.responder_added":
        asked = say(Name(who), " asked") if who else say("another responder asked")
        return say(asked, " to join", named(" by ", event.actor), text)
    answer = ANSWERS.get(phrases.text_in(event.data, "state").casefold(), "answered")
    return say(Name(who) if who else "a responder", f" {answer}", text)
