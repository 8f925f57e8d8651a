"""Numbers worth a question, without a verdict; what they mean is for people to say."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import MINUTE
from renderers import facts, phrases
from renderers.document import Block, Bullets, Claim, Options, Prompt, Section
from renderers.history import Alert, History, Spell
from renderers.phrases import cites, claim, say
from renderers.words import counted

OBSERVED = 5
"""How many numbers are told."""
SLOW = 5 * MINUTE
"""From how long unacknowledged on a page is told."""
FLAPS = 2
"""From how often on flapping is told."""


def section(history: History, options: Options) -> Section:
    """At most five numbers, the ones about people's waiting first."""
    found = [*_waiting(history), *_flapping(history), *_runbooks(history), *_late(history)][:OBSERVED]
    blocks: list[Block] = [Bullets(items=tuple(found))] if found else []
    return Section(key="lessons", blocks=(*blocks, Prompt("what went well, what didn’t, improvements.")))


def _waiting(history: History) -> Iterator[Claim]:
    """The page that waited longest; and pages that nobody took."""
    waited = [(facts.unacknowledged(page), page) for page in history.pages if page.acknowledged is not None]
    slow = [(micros, page) for micros, page in waited if micros is not None and micros >= SLOW]
    if slow:
        micros, page = max(slow, key=lambda pair: (pair[0] or 0, pair[1].entity))
        told = phrases.page_event(page)
        called = phrases.page_called(told) if told else say("a page")
        longest = ", the longest of " + counted(len(slow), "such page") if len(slow) > 1 else ""
        yield claim("Observed: ", called, f" was unacknowledged for {phrases.lasted(micros or 0)}{longest}",
                    proof=cites(told, page.acknowledged))  # fmt: skip
    never = [page for page in history.pages if page.acknowledged is None and page.resolved is not None]
    if never:
        verb = "was" if len(never) == 1 else "were"
        events = [event for page in never if (event := phrases.page_event(page))]
        yield claim(
            f"Observed: {counted(len(never), 'page')} {verb} resolved without an acknowledgement", proof=cites(events)
        )


def _flapping(history: History) -> Iterator[Claim]:
    """The alert name that flapped most."""
    names: dict[str, list[Spell]] = {}
    for spell in history.spells:
        if spell.flaps:
            names.setdefault(spell.first.name, []).append(spell)
    counts = {name: sum(spell.flaps for spell in spells) for name, spells in names.items()}
    worst = max(counts, key=lambda name: (counts[name], name), default=None)
    if worst is not None and counts[worst] >= FLAPS:
        proof = [alert.fired for spell in names[worst] for alert in spell.episodes[1:]]
        yield claim("Observed: ", phrases.alert_named(worst), f" flapped {counts[worst]:,} times", proof=cites(proof))


def _runbooks(history: History) -> Iterator[Claim]:
    """Alert names of which no event carries a runbook."""
    first: dict[str, Alert] = {}
    known: set[str] = set()
    for family in sorted(history.families, key=lambda family: family.first.start):
        first.setdefault(family.name, family.first)
        if any(alert.fired.links and phrases.web_links(alert.fired, "runbook") for alert in family.alerts):
            known.add(family.name)
    missing = [alert for name, alert in first.items() if name not in known]
    if missing:
        names = phrases.worded([alert.name for alert in missing], phrases.alert_named, 3, ("more alert", "more alerts"))
        verb = "has" if len(missing) == 1 else "have"
        yield claim("Observed: ", names, f" {verb} no runbook", proof=cites([alert.fired for alert in missing]))


def _late(history: History) -> Iterator[Claim]:
    """How many events were received late, and how late at most."""
    found = history.late
    if found:
        worst = phrases.lasted(max(facts.lateness(event) for event in found) // MINUTE * MINUTE)
        verb = "was" if len(found) == 1 else "were"
        most = worst if len(found) == 1 else f"up to {worst}"
        yield claim(f"Observed: {counted(len(found), 'event')} {verb} received {most} late",
                    proof=cites(found))  # fmt: skip
