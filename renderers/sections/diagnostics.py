"""What people had to look at and what they wrote down, in order."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Block, Bullets, Claim, Code, Link, Options, Prompt, Section
from renderers.history import Alert, History
from renderers.phrases import cites, claim, named, quoted, say
from renderers.words import counted

NOTES = 8
"""How many notes are quoted; the timeline has them all."""
ALERTS = 4
"""Of how many alerts the runbook, dashboard and query are listed."""


def section(history: History, options: Options, notes: int = NOTES) -> Section:
    """Runbooks, dashboards and queries of the alerts, then the notes."""
    items = [*_alerts(history), *_notes(history, notes)]
    if not items:
        return Section(key="diagnostics", blocks=(Prompt("what was looked at, and what did it show?"),))
    blocks: list[Block] = [Bullets(items=tuple(items))]
    return Section(key="diagnostics", blocks=tuple(blocks))


def _alerts(history: History) -> Iterator[Claim]:
    """One line an alert name that has something to look at."""
    names: dict[str, Alert] = {}
    for family in sorted(history.families, key=lambda family: family.first.start):
        names.setdefault(family.name, family.first)
    first = facts.first_alert(history)
    useful = [alert for alert in names.values() if _places(alert, first=alert.name == (first.name if first else ""))]
    for alert in useful[:ALERTS]:
        places = _places(alert, first=alert.name == (first.name if first else ""))
        yield claim(
            phrases.alert_named(alert.name), ": ", phrases.listed(places, 4, end=", "), proof=cites(alert.fired)
        )
    if len(useful) > ALERTS:
        rest = useful[ALERTS:]
        yield claim(counted(len(rest), "more alert"), f" {'has' if len(rest) == 1 else 'have'} such links",
                    proof=cites([alert.fired for alert in rest]))  # fmt: skip


def _places(alert: Alert, *, first: bool) -> list[Link | Code]:
    """Its runbook, its dashboard and, unless Detection has shown it, its query."""
    query = phrases.text_in(alert.fired.data, "query")
    found = [phrases.link_to(alert.fired, "runbook", "runbook"), phrases.link_to(alert.fired, "dashboard", "dashboard")]
    return [*(link for link in found if link), *([Code(query)] if query and not first else [])]


def _notes(history: History, most: int) -> Iterator[Claim]:
    """People's notes, oldest first; chat messages only where nobody wrote a note."""
    written = [event for event in history.notes if event.type == "note.added"] or list(history.notes)
    for event in written[:most]:
        yield _note(event)
    if len(written) > most:
        rest = written[most:]
        yield claim(counted(len(rest), "later note"), proof=cites(rest))


def _note(event: RecordedEvent) -> Claim:
    noun = "Chat" if event.type == "chat.message" else "Note"
    return claim(say(noun, named(", ", event.actor), quoted(": ", event.title)), proof=cites(event))
