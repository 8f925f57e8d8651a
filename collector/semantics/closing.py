"""Whether an incident is over and since when, what it is called and how grave it was.

The one answer to these questions, for lists, the API, the command line, jobs
and drafts: out of the spans of its signals and of what people said of it.
Nothing here knows how signals were found to be one incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from collector.event import MACHINE, RecordedEvent
from collector.semantics.severities import rank

RESOLVED, REOPENED, EDITED = "incident.resolved", "incident.reopened", "incident.edited"


_OF_A_RESPONSE = frozenset({"incident", "postmortem", "retrospective", "bridge", "meeting", "handover", "shift"})
"""What an observation may be about that is of those who respond, and not of what runs: the first word of its sender's
type, without the domain."""


def is_of_the_response(event: RecordedEvent) -> bool:
    """Whether it tells of the response to an incident and of nothing that was done to what runs: ``handover done``."""
    called = event.data.get("called")
    return isinstance(called, str) and called.partition(" ")[0] in _OF_A_RESPONSE


def tells_of_incident(event: RecordedEvent) -> bool:
    """Whether it tells how an incident stands, and of nothing that was done: ``incident declared``, as its sender's
    type says."""
    called = event.data.get("called")
    return event.type == "observation.recorded" and isinstance(called, str) and called.startswith("incident ")


class Word(msgspec.Struct, frozen=True):
    """What a person said about an incident as a whole: that it is over or not, or what one of its fields is."""

    type: str
    at: int
    """When they say it was so, µs."""
    stated_at: int
    """When they said it, µs."""
    event: str
    """The event that says it."""
    field: str = ""
    value: str = ""

    @property
    def order(self) -> tuple[int, int, str]:
        """The last word counts: by when they say it was, then by when they said it."""
        return (self.at, self.stated_at, self.event)


class OpenSpan(NamedTuple):
    """A signal that can keep an incident open: an alert's episode, a page or a report."""

    name: str
    """The alert or page it is of: an alert without an end goes on with its next episode."""
    start: int
    end: int | None
    """None while it is open. A report has no end of its own: only people end it."""
    kind: str = "alert"
    """``alert``, ``page`` or ``report``."""
    proof: str = ""
    """The event that tells the end."""


class Closing(NamedTuple):
    """Whether an incident is over, and what says so."""

    at: int | None
    """When it was over, µs; None while it is open."""
    word: Word | None = None
    """The person's word that decided; None where the signals' own ends did."""
    last: OpenSpan | None = None
    """The signal that ended last, where the signals decided."""


OPEN = Closing(None)


def word_of(event: RecordedEvent) -> Word | None:
    """What an event says of an incident as a whole; None where it says nothing, or no person did."""
    if event.type not in (RESOLVED, REOPENED, EDITED) or event.source == MACHINE:
        return None
    data = event.data
    stated_at, field, value = data.get("stated_at"), data.get("field"), data.get("value")
    return Word(
        event.type,
        event.occurred_at,
        stated_at if isinstance(stated_at, int) else event.occurred_at,
        event.id,
        field if isinstance(field, str) else "",
        value if isinstance(value, str) else "",
    )


def last_turn(words: Iterable[Word]) -> Word | None:
    """The last word of people on whether the incident is over."""
    return max((word for word in words if word.type != EDITED), key=lambda word: word.order, default=None)


def closing(spans: Iterable[OpenSpan], words: Iterable[Word]) -> Closing:
    """Whether an incident with these signals is over, and since when.

    It is once every signal ended, unless people say otherwise. Their resolve covers every signal that began by the
    moment they state: while a later one is open the incident is open, and once that ended it is over since then.
    After they reopened it, it is over once every signal ended and one of them ended after that.
    """
    return judged(spans, last_turn(words))


def judged(spans: Iterable[OpenSpan], turn: Word | None) -> Closing:
    """:func:`closing` by the last word on it alone."""
    if turn is not None and turn.type == RESOLVED:
        spans = [span for span in spans if span.start > turn.at]
        if not spans:
            return Closing(turn.at, turn)
    last = _last_end(spans)
    if last is None or (turn is not None and turn.type == REOPENED and (last.end or 0) <= turn.at):
        return OPEN
    return Closing(last.end, None, last)


def _last_end(spans: Iterable[OpenSpan]) -> OpenSpan | None:
    """The span that ended last; None while one is open, or where there is none."""
    latest: dict[str, OpenSpan] = {}
    last: OpenSpan | None = None
    for span in spans:
        known = latest.get(span.name)
        if known is None or (known.start, known.end is None) <= (span.start, span.end is None):
            latest[span.name] = span
        if span.end is not None and (last is None or (span.end, span.proof) > (last.end or 0, last.proof)):
            last = span
    return None if any(span.end is None for span in latest.values()) else last


def goes_on(since: int, until: int, words: Iterable[Word]) -> bool:
    """Whether what began at ``since`` without an end is the same that is told at ``until``: nobody ended it between."""
    turn = last_turn(word for word in words if since <= word.at < until)
    return turn is None or turn.type != RESOLVED


# --- what it is called ------------------------------------------------------------------------------------------------


class TitledSignal(NamedTuple):
    """A signal as a title names it."""

    name: str
    service: str = ""


def title(edited: str, alerts: Sequence[TitledSignal], other_signals: Sequence[TitledSignal]) -> str:
    """What an incident is called: as a person called it, else after its first alert, else its first page or report.

    ``alerts`` are the alerts that open it, ``other_signals`` its pages and reports, each in the order they began.
    """
    if edited:
        return edited
    if alerts:
        return alert_title(alerts[0], len({alert.name for alert in alerts} - {alerts[0].name}))
    return next((other.name for other in other_signals if other.name), UNTITLED)


def alert_title(first: TitledSignal, more: int) -> str:
    """The title of an incident after its first alert, with how many alerts of other names there are."""
    own = first.service and first.service.casefold() != (first.name or "").casefold()
    named = f"{first.service}: {first.name or NAMELESS}" if own else first.name or NAMELESS
    return named if more < 1 else f"{named} (and {more} more alert{'s' if more > 1 else ''})"


UNTITLED = "Incident without a title"
NAMELESS = "Alert without a name"

# --- how grave it was -------------------------------------------------------------------------------------------------


def peak(edited: str, severities: Iterable[str | None]) -> str | None:
    """The gravest of what signals told, or what a person set instead; of several spellings of it always the same."""
    return edited or min(filter(None, severities), key=lambda word: (rank(word), word), default=None)
