"""The table: what happened, when, in one zone, which is named above it."""

from __future__ import annotations

from collector.event import HOUR
from renderers import facts, phrases, rows, times
from renderers.document import Claim, Options, Section, Timeline
from renderers.history import History
from renderers.phrases import Phrase, cites, claim, say
from renderers.words import counted

YEAR = 365 * 24 * HOUR
DAY = 24 * HOUR


def section(history: History, options: Options) -> Section:
    """The rows in the detail asked for, under the zone they are told in and how late they came, if most did."""
    table = rows.timeline(history, options)
    return Section(key="timeline", blocks=(_above(history, table, options), table))


def _above(history: History, table: Timeline, options: Options) -> Claim:
    """``Times are UTC (+00:00).``; where the clocks changed meanwhile, each row has its offset."""
    instants = [row.at for row in table.rows] or [event.occurred_at for event in history.events[:1]] or [0]
    offsets = times.offsets(instants, options.zone)
    repeated = any(times.repeated(at, options.zone) for at in instants)
    changed = "; the clocks changed, so each row has its offset" if len(offsets) > 1 or repeated else ""
    zone = f"Times are {options.zone} ({', then '.join(offsets)}){changed}."
    late = _late(history)
    return claim(zone, " " if late else "", late, proof=cites(history.late) if late else (), label=True)


def _late(history: History) -> Phrase:
    """``All 16 events were received more than a year after they happened (an import)``. Of a part of them that came
    days late only those that an import fetched show what brought them: a sender may have been cut off."""
    span = facts.imported(history)
    if span is None:
        return ()
    count, every = len(history.late), len(history.events)
    subject = f"All {every:,} events" if count == every else f"{count:,} of the {counted(every, 'event')}"
    low, high = span
    if low >= YEAR:
        length = say("more than a year")
    elif low >= DAY:
        length = say(
            f"{low // DAY} to {high // DAY + 1} days" if low // DAY != high // DAY else counted(low // DAY, "day")
        )
    else:
        length = say(phrases.lasted(low), " to ", phrases.lasted(high)) if low != high else say(phrases.lasted(low))
    whole = count == every or all(facts.brought_in(each) for each in history.late)
    by = " (an import)" if low >= DAY and whole else ""
    return say(subject, " were received ", length, f" after they happened{by}")
