"""Posts of a status page in words."""

from __future__ import annotations

from collector.event import RecordedEvent, post_state
from renderers.phrases import Phrase, quoted, say, text_in, words_of


def post_about(event: RecordedEvent) -> Phrase:
    """``, "Checkout is slow" (resolved)``: what a status post is about and the state it gives, unless its words say
    so."""
    words = words_of(event).casefold()
    about, state = text_in(event.data, "subject"), post_state(text_in(event.data, "kind"))
    shown = "" if about.casefold() in words else about
    known = state and not (shown == "" and state in words)
    return say(quoted(", ", shown), f" ({state})" if known else "")
