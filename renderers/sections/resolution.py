"""What was done between detection and recovery, and what ended next; whether it helped is for people to say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.document import Block, Bullets, Claim, Link, Options, Prompt, Section
from renderers.history import Alert, Change, History
from renderers.phrases import Phrase, Said, cites, claim, named, quoted, say
from renderers.sections.summary import TITLED, stated_mitigation
from renderers.words import counted

DOINGS = 8
"""How many actions are told; the timeline has them all."""
LINKS = 5
"""How many pull requests and changes are linked."""


def section(history: History, options: Options, most: int = DOINGS) -> Section:
    """The actions in order, each with what ended next; then the links."""
    found = facts.doings(history)
    ends = _Ends.of(history)
    items = [*stated_mitigation(history, options), *_doings(ends, found, most), *_rest(found[most:])]
    items = items or [_nothing(history, options)]
    blocks: list[Block] = [Bullets(items=(*items, *_links(history))), Prompt("permanent steps.")]
    return Section(key="resolution", blocks=tuple(blocks))


class _Ends(msgspec.Struct, frozen=True):
    """The ends of the alerts, folded once for all actions; a flapping alert counts at its last end only."""

    history: History
    measured: list[Alert]
    every: list[Alert]
    last: Alert | None

    @classmethod
    def of(cls, history: History) -> _Ends:
        every = [spell.last for spell in history.spells]
        measured = [alert for alert in every if alert.opening] or every
        return cls(history, measured, every, history.last_ended)


def _doings(ends: _Ends, found: Sequence[facts.Doing], most: int) -> Iterator[Claim]:
    """Each action and what ended next; where more was done before that, it says so."""
    for doing, after in list(itertools.zip_longest(found, found[1:]))[:most]:
        said, proof = _ended_next(ends, doing.at)
        done_since = after is not None and proof is not None and after.at < proof.occurred_at
        further = ", after the next action" if done_since else ""
        yield claim(_called(ends.history, doing), "; ", said, further,
                    proof=cites(doing.event, proof, after.event if done_since else None))  # fmt: skip


def _called(history: History, doing: facts.Doing) -> Phrase:
    """``Rollback by Ana``; with its service where that is another than the incident's."""
    if doing.change is None:
        event = doing.event
        title = quoted(": ", phrases.observation_title(event))
        return say(phrases.observation_called(event), named(", by ", event.actor), title)
    change = doing.change
    other = change.service is not None and change.service != facts.primary_service(history)
    titled = change.kind in TITLED or change.kind == "deploy"
    called = phrases.change_called(change, on=other, title=titled)
    where = change.environment if facts.elsewhere(history, change) else None
    return say(phrases.capital(called), named(" in ", where), named(" by ", change.actor),
               " failed" if change.outcome == "failed" else "")  # fmt: skip


def _ended_next(ends: _Ends, done: int) -> tuple[Phrase, RecordedEvent | None]:
    """What ended next and when; that nothing did is said without a verdict."""
    ended = facts.next_end(ends.measured, done) or facts.next_end(ends.every, done)
    if ended is None or ended.end is None:
        return _page_next(ends.history, done)
    later = _later(ended.end - done)
    if ends.last is not None and ends.last.end == ended.end:
        return say("last alert ended", later), facts.end_event(ends.last)
    return say(phrases.alert_on(ended, severity=not ended.opening), " ended", later), facts.end_event(ended)


def _later(micros: int) -> str:
    return f" {phrases.lasted(micros)} later" if micros else " at the same time"


def _page_next(history: History, done: int) -> tuple[Phrase, RecordedEvent | None]:
    """Without an end of an alert, the next end of a page."""
    ends = [page.resolved for page in history.pages if page.resolved and page.resolved.occurred_at >= done]
    first = min(ends, key=lambda event: (event.occurred_at, event.id), default=None)
    if first is None or history.alerts:
        return say("no alert ended after it" if history.alerts else "nothing ended after it"), None
    return say(phrases.page_called(first), " resolved", _later(first.occurred_at - done)), first


def _rest(rest: list[facts.Doing]) -> Iterator[Claim]:
    if rest:
        yield claim(counted(len(rest), "more action"), proof=cites([each.event for each in rest]))


def _nothing(history: History, options: Options) -> Claim:
    """That no action was recorded, or that nobody would have told."""
    if not (facts.began(history) and facts.seen(history, "change")):
        return claim("Actions: not observed.", label=True)
    start = facts.instant(history, "detected") or facts.anchor(history)
    better = facts.recovery(history) if history.resolved else None
    end = better.at if better and better.at is not None else facts.latest(history)
    until = "recovery" if better else "the last event"
    return phrases.no_change_in(history, options, (start, end), f"No action was recorded between detection and {until}")


def _links(history: History) -> Iterator[Claim]:
    """Pull requests of the changes in the incident, and logs of what was done, under the template's own words."""
    found: dict[str, tuple[Link, RecordedEvent]] = {}
    for change in sorted(history.changes, key=lambda c: c.kind != "merge"):
        link = _link(change)
        if link is not None:
            found.setdefault(link.url, (link, change.last))
    shown = list(found.values())[:LINKS]
    if shown:
        links: list[Said] = [link for link, _ in shown]
        said = say("Links to pull requests or relevant changes: ", phrases.listed(links, LINKS, end=", "))
        yield claim(said, proof=cites([event for _, event in shown]))


def _link(change: Change) -> Link | None:
    """The pull request, else the log, else the page of the change."""
    if not change.last.links:
        return None
    event, noun = change.last, phrases.NOUNS.get(change.kind, "change")
    called = f"PR{phrases.pull_request_number(change)}"
    return (
        phrases.link_to(event, "pull_request", called)
        or phrases.link_to(event, "log", f"{noun} log")
        or phrases.link_to(event, "source", called if change.kind == "merge" else noun)
    )
