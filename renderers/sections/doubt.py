"""What speaks against the grouping where it found that something beside the incident is no part of it."""

from __future__ import annotations

from collector.semantics.exclusions import OTHER_ENVIRONMENT
from renderers import phrases
from renderers.history import History, Nearby
from renderers.plain_text import plain
from renderers.words import in_words


def objection(history: History, near: Nearby) -> str:
    """What speaks against a judgement: a page whose title names an alert may well be about it, whatever grouping found.

    Of an alert of a name that both sides have, a title does not say which one it means.
    """
    event, reason = near.event, near.reason
    if reason.startswith(("a person", OTHER_ENVIRONMENT)):
        return ""
    if event.type.startswith("alert."):
        own = {alert.name for alert in history.alerts}
        pages = (page for page in history.pages if event.title and in_words(event.title, page.title))
        page = next(pages, None) if event.title not in own else None
        called = phrases.page_event(page) if page is not None else None
        return f", though the title of {plain(phrases.page_called(history, called))} names it" if called else ""
    context = history.context
    beside = {each.event.title for each in (*context.nearby, *context.lasting) if each.event.type.startswith("alert.")}
    names = [alert.name for alert in history.alerts if alert.name and alert.name not in beside]
    name = next((name for name in names if in_words(name, event.title)), "")
    return f", though its title names the alert {name}" if event.type.startswith("page.") and name else ""
