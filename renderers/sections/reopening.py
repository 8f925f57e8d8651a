"""What was over and was opened again: between the two nobody took it for going on."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Claim, Name, Options
from renderers.history import History
from renderers.phrases import cites, claim, if_any, quoted, say, with_name
from renderers.sections.clock import time_in


def pages(history: History, options: Options) -> Iterator[Claim]:
    """``PagerDuty incident 311 was closed by Ana at 10:20:00 and opened again by Jon at 10:30:00, 10 min later``."""
    for page in history.pages:
        closed = None
        for step in page.steps:
            if step.type == "page.resolved":
                closed = closed or step
            elif step.type == "page.reopened" and closed is not None:
                yield claim(phrases.capital(phrases.page_called(history, closed)), " was closed",
                            with_name(" by ", closed.actor), " at ", time_in(history, options, closed.occurred_at),
                            " and opened again", with_name(" by ", step.actor), " at ",
                            time_in(history, options, step.occurred_at), ", ",
                            phrases.between(closed.occurred_at, step.occurred_at), " later",
                            proof=cites(closed, step))  # fmt: skip
                closed = None


def declared(history: History, options: Options) -> Iterator[Claim]:
    """``Ana declared it resolved at 10:20:00, and Jon declared at 10:30:00 that it was not resolved after all``."""
    over: RecordedEvent | None = None
    for event in history.events:
        if event.type == "incident.resolved":
            over = event
        elif event.type == "incident.reopened":
            first = say(_who(over), " declared it resolved at ", time_in(history, options, over.occurred_at),
                        ", and ") if over is not None else ()  # fmt: skip
            same = over is not None and over.actor == event.actor
            yield claim(first, if_any(not same, _who(event), " "), "declared at ",
                        time_in(history, options, event.occurred_at), " that it was not resolved after all",
                        proof=cites(over, event))  # fmt: skip
            over = None


def _who(event: RecordedEvent) -> Name | str:
    return Name(event.actor) if event.actor else "somebody"


def declared_mitigated(history: History, options: Options) -> Iterator[Claim]:
    """Who declared it mitigated where the team talks, and in which words."""
    moment = facts.moment(history, "mitigated")
    event = history.by_id.get(moment.cites[0]) if moment and moment.basis.startswith("declared ") else None
    if moment and event is not None:
        state = "mitigated" if moment.basis == "declared mitigated" else "to be monitored"
        who = say(Name(event.actor), " declared it") if event.actor else say("It was declared")
        yield claim(who, f" {state} at ", time_in(history, options, event.occurred_at),
                    quoted(": ", phrases.words_of(event), phrases.NOTE), proof=cites(event))  # fmt: skip
