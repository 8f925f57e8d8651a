"""What changed before the first signal, in a sentence each: the closest change, and what people did beside changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.event import RecordedEvent
from renderers import absence, change_facts, facts, phrases
from renderers.document import Claim, Name, Options, Quote
from renderers.history import Change, History
from renderers.phrases import Phrase, cites, claim, quoted, say, with_name
from renderers.sections.clock import time_of

VERBS = {
    "merge": "merged", "flag": "changed", "push": "pushed", "tag": "set", "release": "published", "image": "published",
}  # fmt: skip
"""What happened to changes of kinds that do not finish."""


def closest(history: History, options: Options) -> Iterator[Claim]:
    """The closest change before the first signal, or that there was none; and what somebody did since, where no sender
    tells that as a change."""
    earlier = change_facts.earlier_changes(history)
    since = facts.reference(history) - history.context.lookback
    acts = [act for act in change_facts.acts_before(history) if act.occurred_at >= since]
    if earlier:
        yield _closest(history, options, earlier)
        done = earlier[0].end or earlier[0].start
        acts = [act for act in acts if act.occurred_at > done]
    elif facts.family_reported(history, "change"):
        # That no deploy system reports stands among the causes, once.
        yield absence.no_change(history, options)
    if acts:
        lead = "After that change, this was recorded: " if earlier else "This was recorded: "
        yield claim(lead, acted_before(history, options, acts[0]), proof=cites(acts[0]))


def acted_before(history: History, options: Options, act: RecordedEvent) -> Phrase:
    """``"Rules published" (config published, rules, by Ana) at 13:42:10, 2 min 40 s before the first alert``."""
    return say(phrases.observed(history, act), " at ", time_of(history, options, act),
               _apart(history, facts.reference(history), act.occurred_at))  # fmt: skip


def _closest(history: History, options: Options, earlier: Sequence[Change]) -> Claim:
    nearest, start = earlier[0], facts.reference(history)
    in_time = min(earlier, key=lambda change: change_facts.closeness(change, start))
    of = "The" if nearest is in_time else "Of what was hit first, the"
    where = with_name(" in ", change_facts.changed_where(history, nearest))
    title = phrases.change_title(nearest) if nearest.kind == "change" else ""
    called = say(Quote(title), with_name(" of ", phrases.owner_of(nearest))) if title else (
        say("the ", phrases.change_called(nearest)))  # fmt: skip
    return claim(of, " closest earlier change was ", called, where,
                made_by(nearest), ", ", lag(history, options, nearest), flag_words(nearest),
                proof=cites(*change_facts.ends_of(history, nearest)))  # fmt: skip


def made_by(change: Change) -> Phrase:
    """`` by Ana``; of a flag :func:`lag` says who set it to what."""
    return () if _set_to(change) else with_name(" by ", change.actor)


def _set_to(change: Change) -> str:
    """What a flag was set to; empty of any other change, and where its sender does not say."""
    return change_facts.state_of(change) if change.kind == "flag" else ""


def lag(history: History, options: Options, change: Change) -> Phrase:
    """``finished at 18:00:05, 2 min 5 s before the first alert``, or after it; one under way says when it began."""
    start = facts.reference(history)
    verb = change.ending if change.in_vain else VERBS.get(change.kind, "finished")
    state = _set_to(change)
    done = say("set to ", Name(state), with_name(" by ", change.actor)) if state else say(verb)
    which = {"failed": "which ", "cancelled": "which was ", "rolled back": "which was "}.get(verb, "")
    if change.start > start:
        at = change.end or change.start
        return say(say(which, done) if change.end else "begun", " at ", time_of(history, options, change.last, at),
                   ", ", phrases.between(start, at), f" after {facts.reference_called(history)}")  # fmt: skip
    if change.end is not None and change.end <= start:
        ended = time_of(history, options, change.last, change.end)
        return say(which, done, " at ", ended, _apart(history, start, change.end))
    begun = say("begun at " if change.measured else "requested at ",
                time_of(history, options, change.first, change.start),
                _apart(history, start, change.start))  # fmt: skip
    if change.end is None:
        return say(begun, "; its end is not recorded")
    return say(begun, ", and ", done, " ", phrases.between(start, change.end), " after it")


def flag_words(change: Change) -> Phrase:
    """What was done with a flag that was not set to something: ``: "changed rules of the flag: up to 50 %"``."""
    told = change.kind == "flag" and not _set_to(change)
    return quoted(": ", phrases.text_in(change.last.data, "text"), phrases.NOTE) if told else ()


def _apart(history: History, start: int, before: int) -> Phrase:
    signal = facts.reference_called(history)
    return say(", ", phrases.between(before, start), f" before {signal}") if start > before else say(
        f", at the time of {signal}")  # fmt: skip
