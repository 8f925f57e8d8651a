"""Ends of alerts of which neither a firing nor since when they fired is known: no length can count them."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Claim, Options
from renderers.history import History
from renderers.phrases import Phrase, cites, claim, say, text_in, with_name
from renderers.sections.clock import time_in

NAMED = 3
"""How many are named; the rest is a count."""


def ended_later(history: History, options: Options) -> Iterator[Claim]:
    """``An alert of which no firing is recorded ended later: SlowCart on cart at 14:12:00``: after all of which lengths
    are told, since a reader takes the end of the last of these for the end of all."""
    last = history.last_measured
    if last is None:
        return
    # What its sender tells of is an alert only where it fired.
    alerts = [each for each in history.unbegun if not text_in(each.data, "called")]
    later = [each for each in alerts if each.occurred_at > (last.end or 0)]
    if later:
        words = [say(_called(history, each), " at ", time_in(history, options, each.occurred_at)) for each in later]
        count = "An alert" if len(later) == 1 else f"{len(later):,} alerts"
        yield claim(f"{count} of which no firing is recorded ended later: ",
                    phrases.listed(words, NAMED, ("more alert", "more alerts")), proof=cites(later))  # fmt: skip


def _called(history: History, event: RecordedEvent) -> Phrase:
    where = with_name(" in ", facts.where(history, event.environment))
    return say(phrases.alert_named(event.title), with_name(" on ", phrases.beyond(event.title, event.service)), where)
