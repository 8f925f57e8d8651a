"""What was done between detection and recovery, and what ended next; whether it helped is for people to say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from collector.event import RecordedEvent
from collector.semantics.changes import kind_of
from collector.semantics.exclusions import UNNAMED_SERVICE
from renderers import absence, change_facts, facts, phrases, reversals
from renderers.document import Bullets, Claim, LinkedText, Name, Options, Prompt, Quote, Section
from renderers.history import Alert, Change, FlappingRun, History, Nearby
from renderers.phrases import Phrase, SentencePart, cites, claim, if_any, quoted, say, with_name
from renderers.rows.alerts import systems
from renderers.rows.people import headline
from renderers.sections.clock import time_in, time_of
from renderers.sections.earlier import flag_words
from renderers.sections.summary import RECOVERIES, stated_mitigation

IMMEDIATE = "what was done to restore service, when and by whom?"
ALIKE = 3
"""From how many on actions of one kind by one person are told as one."""
REPEATED = 3
"""How many of them are quoted."""
FAR = 1 << 62
"""Later than anything, µs."""
PERMANENT = "which steps make the repair permanent?"


def section(history: History, options: Options) -> Section:
    """The actions in order, each with what ended next; what came after the end; the links."""
    found = change_facts.response_actions(history)
    ends = _Ends.of(history)
    items = [*stated_mitigation(history, options), *_responses(options, ends, found)]
    asks = () if items else (Prompt(IMMEDIATE),)
    acts = frozenset(each for item in items for each in item.cites)
    items = items or _nothing(history, options)
    proofs = frozenset(each for item in items for each in item.cites)
    # That there was none of the services that were hit counts what names no known one, and says nothing else of it.
    unowned = [near for near in history.context.nearby if not near.event.service or near.reason == UNNAMED_SERVICE]
    hit, beside = facts.hit(history), [near.event for near in unowned]
    counted_only = {event.id for event in beside if hit and change_facts.owner_key(event) not in hit} - acts
    items += [*_overtaken(history, options, proofs), *_unplaced(history, options, proofs - counted_only)]
    items += [*_followed(history, options), *_links(history, options)]
    listed = (Bullets(items=tuple(items)),) if items else ()
    return Section(key="resolution", blocks=(*listed, *asks, Prompt(PERMANENT)))


class _Ends(msgspec.Struct, frozen=True):
    """The ends of the alerts, folded once for all actions; one that went on and off counts at its last end only."""

    history: History
    measured: tuple[Sequence[int], Sequence[Alert]]
    every: tuple[Sequence[int], Sequence[Alert]]
    last: Alert | None
    flapping_runs: Mapping[str, Sequence[FlappingRun]]
    """Those of all series of one alert, by each of its series."""

    @classmethod
    def of(cls, history: History) -> _Ends:
        # What flaps fires from its first start on.
        every = [msgspec.structs.replace(spell.last, start=spell.start) for spell in history.flapping_runs]
        measured = [alert for alert in every if alert.opening] or every
        by_series: dict[str, list[FlappingRun]] = {}
        for spell in history.flapping_runs:
            by_series.setdefault(spell.entity, []).append(spell)
        spells: dict[str, Sequence[FlappingRun]] = {}
        for family in history.families:
            series = dict.fromkeys(alert.entity for alert in family.alerts)
            siblings = [spell for each in series for spell in by_series.get(each, ())]
            spells |= dict.fromkeys(series, siblings)
        return cls(history, facts.by_end(measured), facts.by_end(every), history.last_ended, spells)

    def one_of_several(self, ended: Alert) -> bool:
        """Whether another series of this alert went on when this one ended."""
        return any(spell.first.source == ended.source for spell in self._going_on(ended))

    def told_on(self, ended: Alert) -> set[str]:
        """The other senders that tell that this alert went on."""
        return {spell.first.source for spell in self._going_on(ended)} - {ended.source}

    def again(self, ended: Alert) -> Alert | None:
        """The firing that shows that this end was not the end of this alert; of several series its own counts."""
        several, at = self.one_of_several(ended), ended.end or 0
        later = [
            spell
            for spell in self.flapping_runs.get(ended.entity, ())
            if spell.start > at and not (several and spell.entity != ended.entity)
        ]
        return min(later, key=lambda spell: (spell.start, spell.entity)).first if later else None

    def _going_on(self, ended: Alert) -> Iterator[FlappingRun]:
        at = ended.end or 0
        for spell in self.flapping_runs.get(ended.entity, ()):
            if spell.entity != ended.entity and spell.start <= at and (spell.end is None or spell.end > at):
                yield spell


class _NextEnd(msgspec.Struct, frozen=True):
    """What ended next after an action, in words, and what proves it; whether that lasted."""

    words: Phrase
    end: RecordedEvent | None = None
    again: Alert | None = None
    """The same alert's next firing."""


def _responses(options: Options, ends: _Ends, actions: Sequence[change_facts.ResponseAction]) -> Iterator[Claim]:
    """Each action and what ended next; where more was done before that, it says so. Many of one kind by one person are
    told as one where nothing ended between them."""
    groups = [list(group) for _, group in itertools.groupby(actions, lambda doing: _alike(ends, doing))]
    for group, following in itertools.zip_longest(groups, groups[1:]):
        after = following[0] if following else None
        if len(group) >= ALIKE:
            yield _repeated(options, ends, group, after)
        else:
            yield from (_single(options, ends, *pair) for pair in zip(group, [*group[1:], after], strict=True))


def _alike(ends: _Ends, doing: change_facts.ResponseAction) -> tuple[str, ...]:
    """The key that actions have in common which are told as one; a change is told by itself."""
    if doing.change is not None:
        return (doing.event.id,)
    end = _ended_next(ends, doing.at).end
    kind = phrases.text_in(doing.event.data, "type")
    return (kind or doing.event.id, doing.event.actor or "", end.id if end else "")


def _single(
    options: Options, ends: _Ends, doing: change_facts.ResponseAction, after: change_facts.ResponseAction | None
) -> Claim:
    next_end = _ended_next(ends, doing.at)
    since, further = _since(after, next_end.end)
    refired = None if since else next_end.again
    put_back = reversals.put_back_by(ends.history, doing.change) if doing.change else None
    return claim("At ", time_of(ends.history, options, doing.event, doing.at), " ", _done(ends.history, doing),
                 putting_back(put_back), "; ", next_end.words, further, *_again(ends.history, options, refired),
                 proof=cites(doing.event, next_end.end, since, refired.fired if refired else None,
                             *((put_back.undone.last, put_back.earlier.last) if put_back else ())))  # fmt: skip


def putting_back(put_back: reversals.PutBack | None) -> Phrase:
    """``, which put back what was deployed before "v2"``, where its sender calls it no rollback."""
    title = phrases.change_title(put_back.undone) if put_back else None
    return quoted(", which put back what was deployed before ", title)


def _again(history: History, options: Options, again: Alert | None) -> Phrase:
    """That it did not last: ``, but it fired again at 14:20:00``. It is told with the last action before that end."""
    return say(", but it fired again at ", time_in(history, options, again.start)) if again else ()


def _since(after: change_facts.ResponseAction | None, end: RecordedEvent | None) -> tuple[RecordedEvent | None, str]:
    """The action that was done before what ended next, and the words that say so; None where none was."""
    if after is None or end is None or after.at >= end.occurred_at:
        return None, ""
    return after.event, ", after the next action"


def _repeated(
    options: Options, ends: _Ends, group: Sequence[change_facts.ResponseAction],
    after: change_facts.ResponseAction | None,
) -> Claim:  # fmt: skip
    """``From 14:08:10 to 15:25:10 6 acts of one kind by Dan were recorded: "Node 27 removed", …; the last alert ended
    5 min after the last of them``."""
    first, last = group[0], group[-1]
    next_end = _ended_next(ends, last.at, "the last of them")
    since, further = _since(after, next_end.end)
    refired = None if since else next_end.again
    titles = dict.fromkeys(headline(doing.event) or "" for doing in group)
    quotes = phrases.listed([Quote(title, phrases.NOTE) for title in titles if title], REPEATED)
    span = say("From ", time_in(ends.history, options, first.at), " to ", time_in(ends.history, options, last.at))
    by = with_name(" by ", last.event.actor)
    return claim(span, f", {len(group):,} acts of one kind", by, " were recorded", if_any(quotes, ": ", quotes),
                 "; after the last of them, " if next_end.end else "; ", next_end.words, further,
                 *_again(ends.history, options, refired),
                 proof=cites([doing.event for doing in group], next_end.end, since,
                             refired.fired if refired else None))  # fmt: skip


def _done(history: History, doing: change_facts.ResponseAction) -> Phrase:
    """``Ana rolled checkout back: "v41"``, ``the deploy of cart by ci succeeded``."""
    if doing.change is None:
        return say("this was recorded: ", phrases.observed(history, doing.event))
    change = doing.change
    owner = phrases.owner_of(change)
    where = with_name(" in ", change_facts.changed_where(history, change))
    if change.kind == "rollback" and change.actor and owner and not change.in_vain:
        return say(Name(change.actor), " rolled ", Name(owner), " back", where,
                   quoted(": ", phrases.change_title(change)))  # fmt: skip
    verb = _DONE.get(change.kind) or ("failed" if change.outcome == "failed" else "finished")
    called, by = phrases.change_called(change), with_name(" by ", change.actor)
    if change.broken_off:
        return say("the ", called, where, by, f" was {change.ending}", with_name(" by ", change.stopped_by))
    state = change_facts.state_of(change) if change.kind == "flag" else ""
    done = say("set to ", Name(state)) if state else say(verb)
    return say("the ", called, where, " was ", done, by, flag_words(change)) if change.kind in _DONE else say(
        "the ", called, where, by, " ", verb)  # fmt: skip


_DONE = {"merge": "merged", "flag": "changed", "push": "pushed", "tag": "set", "release": "published",
         "image": "published"}  # fmt: skip


def _ended_next(ends: _Ends, done: int, acts: str = "it") -> _NextEnd:
    """What ended next and when; that nothing did is said without a verdict."""
    ended = facts.next_end(ends.measured, done) or facts.next_end(ends.every, done)
    if ended is None or ended.end is None:
        return _fired_next(ends.history, done) or _page_next(ends.history, done, acts)
    if ends.last is not None and ends.last.end == ended.end:
        last = facts.THE_ALERT if facts.alone(ends.history) else facts.LAST_ALERT
        return _NextEnd(say(f"{last} ended", _later(done, ended.end)), facts.end_event(ends.last))
    called = phrases.alert_on(ends.history, ended, severity=not ended.opening)
    alert = "a series of the alert " if ends.one_of_several(ended) else "the alert "
    others = ends.told_on(ended)
    teller = systems(ends.history, {ended.source, *others})[ended.source]
    by = say(", as ", Name(teller), " tells it") if others else ()
    words = say(alert, called, " ended", _later(done, ended.end), by)
    return _NextEnd(words, facts.end_event(ended), ends.again(ended))


def _fired_next(history: History, done: int) -> _NextEnd | None:
    """That no alert was firing when it was done, and which one fired next; None where one was, or none did."""
    if facts.is_firing(history, done):
        return None
    first = min((alert for alert in history.alerts if alert.start > done), key=lambda alert: alert.start, default=None)
    if first is None:
        return None
    called = phrases.alert_on(history, first, severity=not first.opening)
    words = say("no alert was firing then; the alert ", called, " fired", _later(done, first.start))
    return _NextEnd(words, first.fired)


def _later(earlier: int, later: int) -> Phrase:
    return say(" ", phrases.between(earlier, later), " later") if later != earlier else say(" at the same time")


def _page_next(history: History, done: int, acts: str) -> _NextEnd:
    """Without an end of an alert, the next end of a page."""
    ends = [page.resolved for page in history.pages if page.resolved and page.resolved.occurred_at >= done]
    first = min(ends, key=lambda event: (event.occurred_at, event.id), default=None)
    word = history.closing.word
    declared = history.by_id.get(word.event) if word is not None and history.resolved and word.at >= done else None
    if declared is not None and (first is None or history.alerts or declared.occurred_at < first.occurred_at):
        none = "no alert ended after it, and " if history.alerts else ""
        return _NextEnd(say(f"{none}it was declared resolved", _later(done, declared.occurred_at)), declared)
    better = facts.moment(history, "mitigated") if not history.alerts else None
    # What a person stated stands among the actions themselves.
    set_to = better is not None and better.basis.startswith(("status ", "declared "))
    if set_to and better and better.at is not None and done <= better.at < (first.occurred_at if first else FAR):
        event = history.by_id.get(better.cites[-1])
        return _NextEnd(say(RECOVERIES[better.basis], _later(done, better.at)), event)
    if first is None or history.alerts:
        return _NextEnd(say("no alert ended" if history.alerts else "no end was recorded", f" after {acts}"))
    return _NextEnd(say(phrases.page_called(history, first), " was resolved", _later(done, first.occurred_at)), first)


def _nothing(history: History, options: Options) -> list[Claim]:
    """That no action was recorded, or that nobody would have told."""
    # That no deploy system reports stands among the causes.
    if not facts.began(history) or not facts.family_reported(history, "change"):
        return []
    start = facts.instant(history, "detected") or facts.anchor(history)
    better = facts.recovery(history)
    end = better.at if better and better.at is not None else facts.latest(history)
    return [absence.no_change_in(history, options, (start, end))] if end > start else []


def _overtaken(history: History, options: Options, overtaken: frozenset[str]) -> Iterator[Claim]:
    """Changes that were under way when it was over, and ended nothing, but for those of which events are "
    "``overtaken``."""
    found = change_facts.overtaken(history) if facts.recovery(history) else ()
    for change in [change for change in found if change.last.id not in overtaken]:
        called, by = phrases.change_called(change), with_name(" by ", change.actor)
        where = with_name(" in ", change_facts.changed_where(history, change))
        begun = "begun" if change.measured else "requested"
        done = "failed" if change.outcome == "failed" else "finished"
        yield claim("The ", called, where, by, f" was {begun} at ", time_in(history, options, change.start),
                    f" and {done} at ", time_in(history, options, change.end or change.start), ", after the end",
                    proof=cites(change_facts.begun_by(history, change), change.last))  # fmt: skip


def _unplaced(history: History, options: Options, told: frozenset[str]) -> Iterator[Claim]:
    """Changes of that time that nothing ties to the incident, without those in ``told``."""
    events = [event for event in change_facts.unplaced(history) if event.id not in told] if facts.began(history) else []
    if events:
        words = [say(_followed_called(history, event), " at ", time_in(history, options, event.occurred_at))
                 for event in events]  # fmt: skip
        listed = phrases.listed(words, SHOWN, ("more change", "more changes"))
        yield claim("In that time, not known to belong to this incident: ", listed, proof=cites(events))


SHOWN = 3
"""How many changes that are not known to belong are named."""


# --- after the end ----------------------------------------------------------------------------------------------


def _followed(history: History, options: Options) -> Iterator[Claim]:
    """Changes after the end that go on with what the incident was about; they are not part of it."""
    changes: dict[tuple[str, str], Nearby] = {}
    for near in sorted(history.context.followed, key=lambda near: (near.event.occurred_at, near.event.id)):
        # The latest state of a change speaks for it.
        changes[near.event.source, near.event.entity] = near
    for near in changes.values():
        event = near.event
        at = time_in(history, options, event.occurred_at)
        yield claim("After the end: ", _followed_called(history, event), " at ", at, _reason(near.reason),
                    proof=cites(event))  # fmt: skip


_STATES = {"merged": "was merged", "released": "was published", "succeeded": "finished", "failed": "failed",
           "rolled_back": "finished", "flag_toggled": "was set", "tagged": "was set",
           "published": "was published", "started": "began", "requested": "was requested"}  # fmt: skip


def _followed_called(history: History, event: RecordedEvent) -> Phrase:
    """``pull request #6851 "Fix URLs" was merged by dev-e``; ``the flag "New cart" in staging was set to on``."""
    state = event.type.partition(".")[2]
    if state == "pushed":
        to = with_name(" to ", phrases.text_in(event.data, "branch") or phrases.text_in(event.data, "ref"))
        of = with_name(" of ", event.service or phrases.text_in(event.data, "repository").rpartition("/")[2])
        return say("the commit", quoted(" ", event.title), " was pushed", to, of, with_name(" by ", event.actor))
    request, number = phrases.merge_noun(event), phrases.merge_number(event)
    merged = f"{request}{number}" if number else f"a {request}"
    noun = {"merged": merged, "released": "the release", "flag_toggled": "the flag", "tagged": "the tag",
            "published": "the image"}.get(state) or f"the {phrases.NOUNS[kind_of([event])]}"  # fmt: skip
    owner = event.service or phrases.text_in(event.data, "repository").rpartition("/")[2]
    where = with_name(" in ", change_facts.event_where(history, event))
    if state == "flag_toggled":
        title, state = phrases.flag_title(event, phrases.sender_title(event)), phrases.flag_state(event)
        done = with_name(" was set to ", state) or " was changed"
        return say(noun, quoted(" ", title), with_name(" of ", owner), where, done, with_name(" by ", event.actor))
    verb, by = f" {_STATES.get(state, 'was changed')}", with_name(" by ", event.actor)
    ran = quoted("", change_facts.run_title(kind_of([event]), event))
    change = say(
        noun, quoted(" ", phrases.event_title(event)), if_any(ran, " (", ran, ")"), with_name(" of ", owner), where
    )
    return say(change, verb, by) if verb.startswith(" was ") else say(change, by, verb)


def _reason(reason: str) -> Phrase:
    return with_name(" (", reason.rstrip(". "), ")")


# --- links ------------------------------------------------------------------------------------------------------


def _links(history: History, options: Options) -> Iterator[Claim]:
    """Pull requests and logs of the changes, under the template's own words."""
    by_url: dict[str, tuple[LinkedText, RecordedEvent]] = {}
    for change in sorted(history.changes, key=lambda c: c.kind != "merge"):
        link = _link(change) if change.reach != "none" else None
        if link is not None:
            by_url.setdefault(link.url, (link, change.last))
    if by_url:
        texts = [link.text for link, _ in by_url.values()]
        links: list[SentencePart] = [
            link if texts.count(link.text) == 1 else _dated(history, options, link, event)
            for link, event in by_url.values()
        ]
        yield claim("Links to pull requests or relevant changes: ", phrases.listed(links, len(links), end=", "),
                    proof=cites([event for _, event in by_url.values()]))  # fmt: skip


def _dated(history: History, options: Options, link: LinkedText, event: RecordedEvent) -> LinkedText:
    """The link with its time, where several would read alike."""
    return LinkedText(f"{link.text} of {time_in(history, options, event.occurred_at).text}", link.url)


def _link(change: Change) -> LinkedText | None:
    """The pull request, else the log, else the page of the change itself; a repository's page says least of it."""
    if not change.last.links:
        return None
    event, noun = change.last, phrases.noun_of(change)
    called = f"{'MR' if noun == 'merge request' else 'PR'}{phrases.merge_number(change.last)}"
    return (
        phrases.link_to(event, "pull_request", called)
        or phrases.link_to(event, "log", f"{noun} log")
        or next((link for rel in _OWN_PAGES if (link := phrases.link_to(event, rel, noun))), None)
        or phrases.link_to(event, "source", called if change.kind == "merge" else noun)
    )


_OWN_PAGES = ("release", "run", "compare")
"""Links that senders give to the page of a change beside one to its repository."""
