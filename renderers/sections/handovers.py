"""To whom a page went on: escalated, given to another person, handed to another policy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from collector.event import RecordedEvent
from renderers import page_facts, phrases
from renderers.document import Claim, Name, Options
from renderers.history import History, Page
from renderers.phrases import Phrase, cites, claim, say
from renderers.rows.pages import escalated_to, given_as
from renderers.sections.clock import time_in

STEPS = frozenset({"page.escalated", "page.reassigned", "page.delegated"})
"""The types of what has a page go on."""


def of_pages(history: History, options: Options, pages: Sequence[Page]) -> Iterator[Claim]:
    """To whom these pages went, before somebody acknowledged them and after that, and who gave them back."""
    yield from _before(history, options, pages)
    yield from _after(history, options, pages)
    yield from _given_back(history, options, pages)


def _before(history: History, options: Options, pages: Sequence[Page]) -> Iterator[Claim]:
    """To whom pages went before anybody acknowledged them; of several it is said of each."""
    for page in pages:
        steps = [(page, step) for step in _steps(page)
                 if not (page.acknowledged and page.acknowledged.occurred_at <= step.occurred_at)]  # fmt: skip
        if steps:
            lead = say("Before that it was" if page.acknowledged else "It was") if len(history.pages) == 1 else say(
                phrases.capital(phrases.page_called(history, steps[0][1])), " was")  # fmt: skip
            yield claim(lead, " ", _listed(history, options, steps), proof=cites([step for _, step in steps]))


def _after(history: History, options: Options, pages: Sequence[Page]) -> Iterator[Claim]:
    """To whom pages went though somebody had acknowledged them."""
    for page in pages:
        taken = page.acknowledged.occurred_at if page.acknowledged else None
        later = [(page, step) for step in _steps(page) if taken is not None and step.occurred_at > taken]
        if later:
            lead = "After that it was" if len(history.pages) == 1 else say(
                phrases.capital(phrases.page_called(history, later[0][1])), " was later")  # fmt: skip
            yield claim(lead, " ", _listed(history, options, later), proof=cites([step for _, step in later]))


def _given_back(history: History, options: Options, pages: Sequence[Page]) -> Iterator[Claim]:
    """``Ana gave Opsgenie alert 70 back at 18:05:00, and it was acknowledged again ...``: who reads that a page was
    acknowledged takes it for looked after."""
    for page in pages:
        taken = page.acknowledged.occurred_at if page.acknowledged is not None else math.inf
        back = next((step for step in reversed(page.steps) if step.type == "page.unacknowledged"
                     or (step.type == "page.snooze_ended" and taken <= step.occurred_at)), None)  # fmt: skip
        if back is None:
            continue
        called, at = phrases.page_called(history, back), time_in(history, options, back.occurred_at)
        opening = say(Name(back.actor), " gave ", called, " back at ", at) if back.actor else say(
            phrases.capital(called), f" was {page_facts.WAITING_AGAIN[back.type]} at ", at)  # fmt: skip
        later = [step for step in page.steps if step.occurred_at > back.occurred_at]
        acknowledgements = [step for step in later if step.type == "page.acknowledged"]
        again = say(", and it was acknowledged again", phrases.by_whom(acknowledgements[0]), " at ",
                    time_in(history, options, acknowledgements[0].occurred_at)) if acknowledgements else say(
            ", and no acknowledgement was recorded since")  # fmt: skip
        yield claim(opening, again, proof=cites(back, acknowledgements[:1]))


def _steps(page: Page) -> list[RecordedEvent]:
    """The steps that say to whom the page went."""
    return [step for step in page.steps if step.type in STEPS and escalated_to(step)]


def _listed(history: History, options: Options, steps: list[tuple[Page, RecordedEvent]]) -> Phrase:
    """``escalated to Ben at 10:16:00 and to Cy at 10:31:00``: what was done stands once where it was done again."""
    words: list[Phrase] = []
    earlier = ""
    for page, step in steps:
        to = escalated_to(step)
        took = step.type == "page.reassigned" and to == say(Name(step.actor or ""))
        done = "taken by " if took else f"{given_as(page, step)} to "
        shown = "to " if done == earlier != "taken by " else done
        words.append(say(shown, to, " at ", time_in(history, options, step.occurred_at)))
        earlier = done
    return phrases.listed(words, 3, ("more time", "more times"))
