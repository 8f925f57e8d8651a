"""A time of day as the sections of one draft write it, and how far it is from another."""

from __future__ import annotations

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Options, Time
from renderers.history import History
from renderers.phrases import Phrase, say


def time_in(history: History, options: Options, moment: int) -> Time:
    """A time of day in the draft's zone."""
    return phrases.at(moment, options.zone, facts.anchor(history))


def time_since(earlier: int, later: int, what: str) -> Phrase:
    """``, 1 min 30 s after the page``; nothing where the second came first, by their senders' own clocks."""
    return say(", ", phrases.between(earlier, later), f" after {what}") if earlier <= later else ()


RECEIPT = "time of receipt"
"""What the time is of an event that came without one."""


def time_of(history: History, options: Options, event: RecordedEvent, moment: int | None = None) -> Phrase:
    """``14:10:00``, when the event was or the moment that it tells; ``14:10:00 (time of receipt)`` of one that came
    without a time: it may have been long before."""
    at = time_in(history, options, event.occurred_at if moment is None else moment)
    return say(at, f" ({RECEIPT})" if event.time_quality == "absent" else "")
