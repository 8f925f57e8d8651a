"""What a page is to a reader: whether it called somebody, and how it ended."""

from __future__ import annotations

from collector.event import RecordedEvent, reading_order
from collector.semantics.leading import lead_of
from renderers.history import History, Moment, Page

_OTHERWISE = ("cancelled", "deleted")


def ended_as(event: RecordedEvent) -> str:
    """``deleted``: how a page ended that nobody called resolved; empty for any other."""
    reason = event.data.get("resolve_reason") if event.type == "page.resolved" else None
    return reason if isinstance(reason, str) and reason in _OTHERWISE else ""


def page_over(history: History, moment: Moment) -> str:
    """``the page was deleted``, ``the page was merged into another one``, ``the incident was resolved``: how what a
    moment rests on ended, where that was no page that was resolved; empty for one that was, and for anything else."""
    last = history.by_id.get(moment.cites[-1]) if moment.basis == "page resolved" and moment.cites else None
    if last is None:
        return ""
    by_hand = any(page.by_hand for page in history.pages if page.entity == last.entity)
    how = "merged into another one" if last.type == "page.merged" else ended_as(last)
    if not by_hand and not how:
        return ""
    return f"the {'incident' if by_hand else 'page'} was {how or 'resolved'}"


def page_noun(page: Page) -> str:
    """``the page``; what a person opened who called nobody paged nobody: that is ``the declaration``."""
    return "the declaration" if page.by_hand else "the page"


def leads(history: History) -> list[RecordedEvent]:
    """The events that gave somebody the role of the incident's lead, oldest first, each name but once in a row."""
    steps = [step for page in history.pages for step in page.steps if step.type == "page.role_assigned"]
    assignments: list[RecordedEvent] = []
    for step in sorted(steps, key=reading_order):
        to = lead_of(step)
        if to and (not assignments or assignments[-1].data.get("to") != to):
            assignments.append(step)
    return assignments
