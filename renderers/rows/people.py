"""What the rows of notes, chat, status posts, observations, reports and people's statements say."""

from __future__ import annotations

from collections.abc import Sequence

from collector.event import RecordedEvent
from renderers import phrases
from renderers.document import Name, Quote
from renderers.phrases import Phrase, quoted, say, with_name
from renderers.posts import post_about
from renderers.rows.plan import RowContext
from renderers.status_page import vendor_of


def note(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Note by Ana (acknowledged, commented): "…"``; where nothing was written, what is called so and what was done
    with it: ``"Shop is slow" (acknowledged, by Ana)``."""
    words, operation = phrases.words_of(event), phrases.text_in(event.data, "operation")
    if operation and not words:
        if operation.partition(" ")[0] in _DONE and "," not in operation:
            return say(Quote(event.title, phrases.NOTE), " was ", Name(operation), with_name(" by ", event.actor),
                       " in ", Name(phrases.system(table.history, event.source)))  # fmt: skip
        return say(Quote(event.title, phrases.NOTE), " (", Name(operation), with_name(", by ", event.actor), ")")
    noun = noun_of(event)
    return say(noun, with_name(" for ", phrases.text_in(event.data, "owner")), with_name(" by ", event.actor),
               with_name(" (", operation, ")"), quoted(": ", words, phrases.NOTE))  # fmt: skip


_DONE = frozenset({"acknowledged", "unacknowledged", "assigned", "unassigned"})
"""What senders say was done with an alert or an issue, where a sentence can be made of it."""

TASKS = {"follow-up": "Follow-up", "action": "Action to take"}
"""How a note reads that says what is to be done."""
_EDITED = frozenset({"comment edited", "message_changed"})
"""Senders' words for what somebody made of a note or a message afterwards."""


def noun_of(event: RecordedEvent) -> str:
    """``Note``, ``Follow-up``, ``Message``, ``Edited message``: what somebody wrote."""
    noun = "Message" if event.type == "chat.message" else TASKS.get(phrases.text_in(event.data, "task"), "Note")
    return f"Edited {noun.lower()}" if phrases.text_in(event.data, "kind") in _EDITED else noun


def chat(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Message by Ana in deployments: "…"``."""
    return say(noun_of(event), with_name(" by ", event.actor), with_name(" in ", channel_of(event)),
               quoted(": ", phrases.words_of(event), phrases.NOTE))  # fmt: skip


def channel_of(event: RecordedEvent) -> str:
    """Where a message was written, if it says."""
    known = (phrases.text_in(event.data, key) for key in ("channel", "room", "subject"))
    return next((name for name in known if name and name != event.title), "")


def status(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Status page, "Checkout is slow" (resolved): "We are back."``; ``Status page of Fastly``: of another company."""
    return say("Status page", with_name(" of ", vendor_of(event)), post_about(event),
               quoted(": ", phrases.words_of(event), phrases.NOTE) or " updated",
               with_name(" (", event.actor, ")"))  # fmt: skip


def observed(table: RowContext, event: RecordedEvent) -> Phrase:
    return say(phrases.observed(table.history, event), _silencing(table, event))


def headline(event: RecordedEvent) -> str | None:
    """An observation's title, for where a line is all there is; one that only begins what was written says so."""
    title = phrases.observation_title(event)
    words, whole = (" ".join(text.split()) for text in (phrases.text_in(event.data, "text"), title or ""))
    return f"{title} …" if whole and words != whole and words.startswith(whole) else title


def _silencing(table: RowContext, event: RecordedEvent) -> Phrase:
    """``; it silences from 20:00 to 21:00``: when a silence suppresses alerts, which may be later than it is made."""
    since, until = event.data.get("silences_from"), event.data.get("silences_until")
    if not isinstance(since, int) or not isinstance(until, int):
        return ()
    begin, end = (phrases.minute(each, table.zone, event.occurred_at) for each in (since, until))
    return say("; it silences from ", begin, " to ", end)


def muted_words(event: RecordedEvent) -> str:
    """What is said of an alert that is kept from being told."""
    return phrases.words_of(event) or event.title


def all_muted(events: Sequence[RecordedEvent], table: RowContext) -> Phrase:
    """``"Alert HighLatency was inhibited by another alert" (4 times: api, auth, cart and mail)``."""
    services = list(dict.fromkeys(event.service for event in events if event.service))
    of = phrases.listed([Name(each) for each in services], 3, ("more service", "more services")) if services else ()
    return say(
        Quote(muted_words(events[0]), phrases.NOTE), f" ({len(events):,} times", say(": ", of) if of else "", ")"
    )


def told_again(table: RowContext, event: RecordedEvent) -> Phrase:
    """``; told again at 00:00:02``: the later tellings of an inhibition that lasts."""
    times = [phrases.at(each.occurred_at, table.zone, event.occurred_at) for each in table.still.get(event.id, ())]
    return say("; told again at ", phrases.listed(times, 3)) if times else ()


def reported(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Report by Support for checkout: "…" (issue)``."""
    link = phrases.link_to(event, "source", "report")
    return say("Report", with_name(" by ", phrases.text_in(event.data, "by") or event.actor),
               with_name(" for ", event.service), quoted(": ", phrases.words_of(event), phrases.NOTE),
               say(" (", link, ")") if link else "")  # fmt: skip


MARKS = {
    "impact_started": "Impact began",
    "impact_ended": "Impact ended",
    "detected": "Detected",
    "mitigated": "Mitigated",
    "cause_identified": "Cause identified",
}
"""How a stated moment reads in the table."""


def marked(table: RowContext, event: RecordedEvent) -> Phrase:
    words = MARKS.get(phrases.text_in(event.data, "mark"))
    if not words:
        return ()
    by = phrases.text_in(event.data, "by")
    later = _restated(table, event)
    # Behind what a later statement says, the words would read as the words of whoever made it.
    return say(words, with_name(" by ", by), with_name(", as stated by ", event.actor) or ", as stated",
               " at first" if later else "", quoted(": ", event.title, phrases.NOTE), later)  # fmt: skip


def _restated(table: RowContext, event: RecordedEvent) -> Phrase:
    """``; Ben later stated 14:12:00``, ``; Ben later stated another one at 14:12:00``: that a later statement of the
    same moment counts instead."""
    mark = event.data.get("mark")
    newest = next((each for each in table.history.marks if each.data.get("mark") == mark), event)
    if newest.id == event.id:
        return ()
    another = "another one at " if mark == "cause_identified" and newest.title != event.title else ""
    time = phrases.at(newest.occurred_at, table.zone, event.occurred_at)
    return say("; ", with_name("", newest.actor, " "), f"later stated {another}", time)


def marked_on(table: RowContext, event: RecordedEvent, label: str) -> Phrase:
    """``as stated by Ana: "Switched over"`` behind **Mitigated**."""
    if MARKS.get(phrases.text_in(event.data, "mark")) != label:
        return ()
    by = with_name("by ", phrases.text_in(event.data, "by"), ", ")
    return say(by, "as stated", with_name(" by ", event.actor), quoted(": ", event.title, phrases.NOTE))


def declared_over(table: RowContext, event: RecordedEvent) -> Phrase:
    return say("Declared resolved", with_name(" by ", event.actor))


def declared_on(table: RowContext, event: RecordedEvent, label: str) -> Phrase:
    return say("as stated", with_name(" by ", event.actor)) if label == "Resolved" else ()


def declared_not_over(table: RowContext, event: RecordedEvent) -> Phrase:
    return say("Declared not resolved after all", with_name(" by ", event.actor))
