"""How far the review of a draft is, as people said, and whether anything came since.

A statement on the review names what the draft was made from when it was made,
by a digest of the events. So a draft that somebody reviewed says by itself
that it is another one now, in whatever order things arrived.
"""

from __future__ import annotations

from collections.abc import Mapping

from renderers import times
from renderers.digests import digest_of
from renderers.document import Review, Time
from renderers.history import History
from renderers.phrases import cites, claim, say, text_in, with_name

STATUSES: Mapping[str, str] = {
    "draft": "Draft",
    "in_review": "In review",
    "reviewed": "Reviewed",
    "published": "Published",
}
"""How each status of a review is written."""


def review_of(history: History, zone: str, *, judged: bool = True) -> Review | None:
    """The last word on the review; None where nobody said anything.

    Without ``judged`` it does not tell whether the draft changed since.
    """
    event = history.review
    status = text_in(event.data, "status") if event is not None else ""
    if event is None or status not in STATUSES:
        return None
    changed = judged and text_in(event.data, "evidence") != evidence(history)
    clock = f"{times.minute(event.occurred_at, zone)} {times.called(event.occurred_at, zone)}"
    sentence = say(
        f"{STATUSES[status]} (", with_name("", event.actor, ", "), Time(clock, event.occurred_at),
        ")", ", changed since" if changed else "",
    )  # fmt: skip
    return Review(
        status=status, by=event.actor or "", at=event.occurred_at, event=event.id, changed=changed,
        said=claim(sentence, proof=cites(event), stop=False),
    )  # fmt: skip


def evidence(history: History) -> str:
    """A digest of the events that the draft is made from, what people wrote among them."""
    if history.context.evidence:
        return history.context.evidence
    people = [history.revised] if history.revised is not None else []
    return digest_of([*history.events, *people])
