"""What people looked at and what they wrote down before it was mitigated, in order."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Bullets, Claim, Code, LinkedText, Options, Prompt, Section
from renderers.history import History
from renderers.phrases import Phrase, cites, claim, named, quoted, say
from renderers.rows.people import channel_of
from renderers.sections.summary import time_in

LOOKED = "what was looked at, and what did it show?"


def section(history: History, options: Options) -> Section:
    """Notes and messages, then runbooks, dashboards and queries, each once."""
    items = [*_notes(history, options), *_alerts(history)]
    return Section(key="diagnostics", blocks=(Bullets(items=tuple(items)) if items else Prompt(LOOKED),))


def _notes(history: History, options: Options) -> Iterator[Claim]:
    """What people wrote until it was mitigated, oldest first; all of it where nobody knows when that was."""
    better = facts.recovery(history)
    until = better.at if better is not None and better.at is not None else facts.latest(history)
    for event in history.notes:
        if event.occurred_at <= until and phrases.words_of(event):
            yield claim(_note(event), ", ", time_in(history, options, event.occurred_at),
                        quoted(": ", phrases.words_of(event), phrases.NOTE), proof=cites(event))  # fmt: skip


def _note(event: RecordedEvent) -> Phrase:
    """``Note by Ana``, ``Message by Ana in deployments``."""
    message = event.type == "chat.message"
    where = named(" in ", channel_of(event)) if message else ()
    return say("Message" if message else "Note", named(" by ", event.actor), where)


def _alerts(history: History) -> Iterator[Claim]:
    """What the alerts carry to look at: each runbook, dashboard and query once, with the alerts that have it."""
    by_target: dict[tuple[str, str], dict[str, RecordedEvent]] = {}
    for family in sorted(history.families, key=lambda family: (family.first.start, family.name)):
        event = family.first.fired
        for key in _looked_at(event):
            by_target.setdefault(key, {}).setdefault(family.name, event)
    for (kind, target), alerts in by_target.items():
        names = phrases.worded(list(alerts), phrases.alert_named, 3, ("more alert", "more alerts"))
        said = say("Query of ", names, ": ", Code(target)) if kind == "query" else say(
            LinkedText(kind.capitalize(), target), " of ", names)  # fmt: skip
        yield claim(said, proof=cites(alerts.values()))


def _looked_at(event: RecordedEvent) -> Iterator[tuple[str, str]]:
    for kind in ("runbook", "dashboard"):
        for link in phrases.web_links(event, kind)[:1]:
            yield kind, link.url
    query = phrases.text_in(event.data, "query")
    if query:
        yield "query", query
