"""What was hit, as far as events show it; whom it hurt is left to people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Block, Bullets, Claim, Name, Options, Prompt, Section
from renderers.history import Alert, History
from renderers.phrases import Said, cites, claim, named, quoted, say
from renderers.words import counted

DESCRIPTIONS = 3
"""How many alerts are quoted."""
POSTS = 3
"""How many posts of a status page are quoted."""


def section(history: History, options: Options) -> Section:
    """Services, environments, duration if it was stated, what the alerts said, priority, status posts."""
    stated = history.edits.get("impact")
    items = [*_stated(stated), *_services(history), *_duration(history, options), *_descriptions(history)]
    items += [*_priority(history, options), *_posts(history, options)]
    blocks: list[Block] = [Bullets(items=tuple(items))] if items else []
    return Section(key="impact", blocks=tuple(blocks if stated else [*blocks, Prompt("customers, business, SLA.")]))


def _stated(edit: RecordedEvent | None) -> Iterator[Claim]:
    """A person's own words on the impact; they answer the prompt."""
    if edit is not None:
        yield claim(phrases.prose(phrases.text_in(edit.data, "value")), proof=cites(edit))


def _services(history: History) -> Iterator[Claim]:
    """``Alerts on cart, checkout; production``, with the first event of each service."""
    for noun, signals, told in (
        ("Alerts", history.alerts, lambda alert: alert.fired),
        ("Pages", history.pages, phrases.page_event),
        ("Reports", history.reports, lambda report: report),
    ):
        first: dict[str, Any] = {}
        where: dict[str, Any] = {}
        for signal in signals:
            if signal.service and signal.service not in first:
                first[signal.service] = signal
            if signal.environment and signal.environment not in where:
                where[signal.environment] = signal
        if first or where:
            services = phrases.listed([Name(s) for s in sorted(first)], 6, ("more service", "more services"), end=", ")
            environments = phrases.listed([Name(e) for e in sorted(where)], 3, end=", ")
            said = say(" on " if first else " in ", services, "; " if first and where else "", environments)
            shown = [*first.values(), *(where.values() if len(where) > 1 or not first else ())]
            yield claim(noun, said, proof=cites([told(signal) for signal in shown]))
            return


def _duration(history: History, options: Options) -> Iterator[Claim]:
    """How long the impact lasted, where a person stated its start and its end; Detection tells a start alone."""
    marks = {phrases.text_in(mark.data, "mark"): mark for mark in history.marks}
    start, end = marks.get("impact_started"), marks.get("impact_ended")
    since = facts.anchor(history)
    if start and end and end.occurred_at >= start.occurred_at:
        times = (phrases.at(start.occurred_at, options.zone, since), phrases.at(end.occurred_at, options.zone, since))
        length = phrases.lasted(end.occurred_at - start.occurred_at)
        by = named(", stated by ", start.actor if start.actor == end.actor else None)
        yield claim(f"Impact lasted {length}, from {times[0]} to {times[1]}", by, proof=cites(start, end))
        return
    if end:
        time = phrases.at(end.occurred_at, options.zone, since)
        yield claim(f"Impact ended at {time}", named(", stated by ", end.actor), proof=cites(end))


def _descriptions(history: History) -> Iterator[Claim]:
    """What the alerts said, each name and each text once, the opening alerts first."""
    names: dict[str, list[Alert]] = defaultdict(list)
    for alert in sorted(history.alerts, key=attrgetter("opening"), reverse=True):
        names[alert.name].append(alert)
    said = [first for alerts in names.values() if (first := next(filter(_text, alerts), None))]
    told: dict[str, Alert] = {}
    for alert in sorted(said, key=lambda alert: (not alert.opening, alert.start, alert.entity, alert.fired.id)):
        told.setdefault(_text(alert), alert)
    for text, alert in list(told.items())[:DESCRIPTIONS]:
        called: Said = "the alert" if len(said) == 1 else phrases.alert_named(alert.name)
        differs = any(_text(each) not in ("", text) and each.entity != alert.entity for each in names[alert.name])
        one = "one series of " if differs else ""
        yield claim(one, called, " said", quoted(": ", text), proof=cites(alert.fired))


def _text(alert: Alert) -> str:
    return phrases.text_in(alert.fired.data, "description") or phrases.text_in(alert.fired.data, "summary")


def _priority(history: History, options: Options) -> Iterator[Claim]:
    """The severity a person set, else the page's priorities in the order they were given."""
    edit = history.edits.get("severity")
    if edit is not None:
        value = phrases.text_in(edit.data, "value")
        yield claim("Severity ", Name(value), named(", set by ", edit.actor), proof=cites(edit))
        return
    changes = facts.priorities(history)
    if not changes:
        return
    several = len(history.pages) > 1
    names = [Name(phrases.text_in(changes[0].data, "priority"))]
    told = [
        say("then ", Name(phrases.text_in(each.data, "priority") or "none"), _at(each, history, options))
        for each in changes[1:]
    ]
    yield claim("Priority of the pages: " if several else "Priority of the page: ",
                phrases.listed([*names, *told], len(told) + 1, end=", "), proof=cites(changes))  # fmt: skip


def _at(event: RecordedEvent, history: History, options: Options) -> str:
    return f" at {phrases.at(event.occurred_at, options.zone, facts.anchor(history))}"


def _posts(history: History, options: Options) -> Iterator[Claim]:
    """What the status page said."""
    posts = history.statuses
    for post in posts[:POSTS]:
        time = phrases.at(post.occurred_at, options.zone, facts.anchor(history))
        yield claim(f"Status page, {time}", quoted(": ", post.title), proof=cites(post))
    if len(posts) > POSTS:
        yield claim(f"{counted(len(posts) - POSTS, 'later status post')}", proof=cites(posts[POSTS:]))
