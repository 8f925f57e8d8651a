"""What the authors of alerting rules wrote beside an alert's summary and description, under names of their own.

What one of these names calls an impact stands with the impact, all else with what there is to look at.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import Claim, Quote
from renderers.history import Family, History
from renderers.phrases import Phrase, cites, claim, quoted, say

_IMPACT = "impact"
_MOST = 10
"""How many sentences are made of what rules say of the impact."""


def on_impact(history: History) -> Iterator[Claim]:
    """``The rule of SlowCart says of the impact: "Customers cannot pay"``, once for all alerts that say the same."""
    by_text: dict[str, dict[str, RecordedEvent]] = {}
    for family in in_order(history):
        for name, text in texts_by_name(family.first.fired).items():
            if _IMPACT in name.casefold():
                by_text.setdefault(text, {}).setdefault(family.name, family.first.fired)
    for text, fired in [*by_text.items()][:_MOST]:
        rule = "The rule of " if len(fired) == 1 else "The rules of "
        says = " says of the impact" if len(fired) == 1 else " say of the impact"
        yield claim(rule, names_of(fired), says, quoted(": ", text, phrases.NOTE), proof=cites(fired.values()))


def to_look_at(family: Family) -> Iterator[tuple[str, str]]:
    """The name and the text of each other annotation of an alert."""
    for name, text in texts_by_name(family.first.fired).items():
        if _IMPACT not in name.casefold():
            yield name, text


def called(name: str, text: str, alerts: Phrase) -> Phrase:
    """``Annotation "action" of SlowCart: "Scale up"``."""
    return say("Annotation ", Quote(name), " of ", alerts, quoted(": ", text, phrases.NOTE))


def texts_by_name(fired: RecordedEvent) -> dict[str, str]:
    """What a firing says under names of its rule's authors."""
    by_name = fired.data.get("annotations")
    if not isinstance(by_name, dict):
        return {}
    return {name: text for name, text in by_name.items() if isinstance(text, str) and text.strip()}


def in_order(history: History) -> list[Family]:
    """The alerts by the time at which they fired first."""
    return sorted(history.families, key=lambda family: (family.first.start, family.name))


def names_of(fired: dict[str, RecordedEvent]) -> Phrase:
    """The names of some alerts, three at most."""
    return phrases.worded(list(fired), phrases.alert_named, 3, ("more alert", "more alerts"))
