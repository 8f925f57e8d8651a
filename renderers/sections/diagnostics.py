"""What people looked at and what they wrote down before it was mitigated, in order; what is to be done afterwards is
among the action items."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent, reading_order
from renderers import facts, page_facts, phrases, rule_texts
from renderers.document import Bullets, Claim, Code, LinkedText, Options, Prompt, Section
from renderers.history import Family, History
from renderers.phrases import Phrase, cites, claim, quoted, say, with_name
from renderers.rows.people import channel_of, noun_of
from renderers.sections.clock import time_in
from renderers.words import counted

CARRIED = 40
"""How many links, annotations and queries of alerts are listed."""
LOOKED = "what was looked at, and what did it show?"


def section(history: History, options: Options) -> Section:
    """Notes and messages, then runbooks, dashboards and queries, each once."""
    items = [*_notes(history, options), *_alerts(history)]
    return Section(key="diagnostics", blocks=(Bullets(items=tuple(items)) if items else Prompt(LOOKED),))


def _notes(history: History, options: Options) -> Iterator[Claim]:
    """What people wrote until it was mitigated, oldest first; all of it where nobody knows when that was."""
    better = facts.recovery(history)
    until = better.at if better is not None and better.at is not None else facts.latest(history)
    ended = () if better is None else better.cites
    words = {step: text for page in history.pages for step, text in page_facts.words_of(page).items()}
    notes = [note for note in history.notes if note not in history.actions]
    words |= {note.id: phrases.words_of(note) for note in notes}
    steps = [step for page in history.pages for step in page.steps if step.type in _WITH_WORDS]
    for event in sorted((*notes, *(step for step in steps if step.id not in ended)), key=reading_order):
        if event.occurred_at <= until and words.get(event.id):
            yield claim(_note(history, event), ", ", time_in(history, options, event.occurred_at),
                        quoted(": ", words[event.id], phrases.NOTE), proof=cites(event))  # fmt: skip


_WITH_WORDS = ("page.status_updated", "page.acknowledged")
"""Steps of a page with which people write what they know."""


def _note(history: History, event: RecordedEvent) -> Phrase:
    """``Note by Ana``, ``Message by Ana in deployments``, ``Update of incident.io incident INC-77 by Ana``."""
    if event.type.startswith("page."):
        done = "Update" if event.type == "page.status_updated" else "Acknowledgement"
        return say(done, " of ", phrases.page_called(history, event), with_name(" by ", event.actor))
    where = with_name(" in ", channel_of(event)) if event.type == "chat.message" else ()
    return say(
        noun_of(event), with_name(" for ", phrases.text_in(event.data, "owner")), with_name(" by ", event.actor), where
    )


def _alerts(history: History) -> Iterator[Claim]:
    """What the alerts carry to look at: each link, annotation and query once, with the alerts that have it."""
    by_target: dict[tuple[str, str, str], dict[str, RecordedEvent]] = {}
    for family in rule_texts.in_order(history):
        for key in _looked_at(family):
            by_target.setdefault(key, {}).setdefault(family.name, family.first.fired)
    shown = [*by_target.items()][:CARRIED]
    for (kind, name, target), alerts in shown:
        yield claim(_carried(kind, name, target, rule_texts.names_of(alerts)), proof=cites(alerts.values()))
    if rest := [*by_target.values()][CARRIED:]:
        more = counted(len(rest), "more link, annotation or query", "more links, annotations and queries")
        yield claim("Alerts carry ", more,
                    proof=cites([next(iter(alerts.values())) for alerts in rest]))  # fmt: skip


def _carried(kind: str, name: str, target: str, alerts: Phrase) -> Phrase:
    """``Query of X: …``, ``Instructions of X: "…"``, ``Annotation "team" of X: "…"``, or a link with its name."""
    if kind == "query":
        return say("Query of ", alerts, ": ", Code(target))
    if kind == "instructions":
        return say("Instructions of ", alerts, quoted(": ", target, phrases.NOTE))
    if kind == "annotation":
        return rule_texts.called(name, target, alerts)
    return say(LinkedText(name.replace("_", " ").capitalize(), target), " of ", alerts)


def _looked_at(family: Family) -> Iterator[tuple[str, str, str]]:
    """The kind, the name and the text or the address of each."""
    event = family.first.fired
    for rel in dict.fromkeys(("runbook", "dashboard", *(link.rel for link in event.links))):
        for link in phrases.web_links(event, rel)[:1] if rel not in _OF_THE_ALERT else ():
            yield "link", rel, link.url
    if instructions := phrases.text_in(event.data, "instructions"):
        yield "instructions", "", instructions
    for name, text in rule_texts.to_look_at(family):
        yield "annotation", name, text
    if query := phrases.text_in(event.data, "query"):
        yield "query", "", query


_OF_THE_ALERT = frozenset({"rule", "source", "panel", "page", "self", "target", "annotation"})
"""What a link of an alert is that leads to the alert itself, or to what it watches."""
