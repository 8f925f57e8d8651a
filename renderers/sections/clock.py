"""A time of day as the sections of one draft write it."""

from __future__ import annotations

from renderers import facts, phrases
from renderers.document import Options, Time
from renderers.history import History


def time_in(history: History, options: Options, moment: int) -> Time:
    """A time of day in the draft's zone."""
    return phrases.at(moment, options.zone, facts.anchor(history))
