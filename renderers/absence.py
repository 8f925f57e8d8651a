"""What was looked for and not recorded: a sentence for each kind, made here and nowhere else.

Absence is claimed of a span, of services compared by folding, and only where a
source of that kind could have reported. What the same search does find, in the
incident or beside it, is named instead of denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from collector.event import RecordedEvent, reading_order
from collector.semantics.exclusions import UNNAMED_SERVICE
from renderers import change_facts, facts, phrases
from renderers.document import Claim, Name, Options
from renderers.history import Change, History
from renderers.phrases import Phrase, cites, claim, listed, say
from renderers.words import counted, duration

HIT = 6
"""Up to how many services that were hit are named where no change of them was recorded."""
SHOWN = 3
"""How many of the things that were recorded instead are named."""

Span = tuple[int, int]
"""From and to, µs, both included."""


def query(types: str, services: Sequence[str], span: Span, zone: str) -> str:
    """The query that found nothing: ``change.* service=checkout,cart 12:02:10..14:02:10``."""
    where = f" service={','.join(services)}" if services else ""
    start, end = span
    return f"{types}{where} {phrases.at(start, zone, end).text}..{phrases.at(end, zone, end).text}"


def _of(services: Sequence[str], most: int | None = None, end: str = " or ") -> Phrase:
    """`` of cart or checkout``: all of them, since an absence is claimed of each; where there are more than ``most``
    by what they have in common."""
    if most is not None and len(services) > most:
        return say(f" of any of the {len(services):,} services that were hit")
    return say(" of ", listed([Name(each) for each in services], len(services), end=end)) if services else ()


def _between(history: History, options: Options, span: Span) -> Phrase:
    since = facts.anchor(history)
    low, high = (phrases.at(each, options.zone, since) for each in span)
    return say("between ", low, " and ", high)


# --- changes ----------------------------------------------------------------------------------------------------


class _RecordedChange(msgspec.Struct, frozen=True):
    """A change in the span, and why it is not told as one that may matter."""

    at: int
    words: Phrase
    why: Phrase
    proof: tuple[RecordedEvent, ...]
    """What tells of the time, and of its end."""
    of_hit: bool = True
    """Whether it is of a service that was hit; one of what these depend on is none."""


def no_change(history: History, options: Options) -> Claim:
    """That no change was recorded before the first signal, or that nobody would have told."""
    start = facts.reference(history)
    return no_change_in(history, options, (start - history.context.lookback, start))


def no_change_in(history: History, options: Options, span: Span) -> Claim:
    """That no change of the incident's services was recorded in a span; those that were are named, not denied."""
    sources_of_proof = sorted(
        (*_own(history, span, options.zone), *_beside(history, span)), key=lambda each: (-each.at, each.proof[-1].id)
    )
    of = _of(history.services, HIT)
    if sources_of_proof:
        count = "one change" if len(sources_of_proof) == 1 else f"{len(sources_of_proof):,} changes"
        verb = "was" if len(sources_of_proof) == 1 else "were"
        names = listed([_change_phrase(history, options, each) for each in sources_of_proof], SHOWN, ("more", "more"))
        own = all(each.of_hit for each in sources_of_proof)
        of = _of(history.services, HIT, " and ") if own else ()
        return claim(_between(history, options, span), f" {count}", of, f" {verb} recorded: ", names,
                     proof=cites([proof for each in sources_of_proof for proof in each.proof]))  # fmt: skip
    if not facts.family_reported(history, "change"):
        return unheard(history, options, "change")
    denial = say("No change", of, " was recorded ", _between(history, options, span))
    beside = [each for each in history.context.nearby if _in(each.event, span)]
    nameless = [each.event for each in beside if _unowned(each.event)]
    unnamed = [each.event for each in beside if each.reason == UNNAMED_SERVICE]
    if nameless or unnamed:
        words = (_of_no_service(nameless), _of_no_known_service(unnamed))
        return claim(denial, *words, proof=cites([*nameless, *unnamed]))
    return claim(denial, none=query("change.*", history.services, span, options.zone),
                 searched=say("changes", of))  # fmt: skip


def _of_no_service(nameless: Sequence[RecordedEvent]) -> str:
    if not nameless:
        return ""
    changes = {(event.source, event.entity) for event in nameless if event.type.startswith("change.")}
    others = [event for event in nameless if not event.type.startswith("change.")]
    kinds = [counted(len(changes), "change")] if changes else []
    kinds += [counted(len(others), "other record" if changes else "record")] if others else []
    verb, whose = ("was", "names") if len(changes) + len(others) == 1 else ("were", "name")
    return f"; {' and '.join(kinds)} that {whose} no service {verb} recorded"


def _of_no_known_service(unnamed: Sequence[RecordedEvent]) -> str:
    """Without a number: of a crowded window not all of them are at hand."""
    changes = {(event.source, event.entity) for event in unnamed}
    if len(changes) == 1:
        return "; a change that is not known to belong to this incident was recorded"
    return "; changes that are not known to belong to this incident were recorded" if changes else ""


FAMILIES = {
    "change": "No deploy system reports to timelined.",
    "alert": "No monitoring system reports alerts to timelined.",
}
"""Family of types → what is said where no source of it was ever heard."""
HEARD_BEFORE = {
    "change": "No deploy system reported to timelined",
    "alert": "No monitoring system reported alerts to timelined",
}
"""The same where one was, before or after the time that :attr:`Context.reported` has: it may be cut off since, or
set up."""


def unheard(history: History, options: Options, family: str) -> Claim:
    """That nobody reports what was looked for; where a source of it was refused or not understood, that one."""
    events = [each for each in (*history.context.collector, *history.collector) if each.type in _TURNED_AWAY]
    of = {event.id: (phrases.text_in(event.data, "of") or event.source, event) for event in events}
    reporters = [(name, event) for name, event in of.values() if _tells(history, name, family)]
    earlier = family in history.context.reported_before
    if not reporters and (earlier or family in history.context.reported_after):
        start, within = facts.reference(history), history.context.reported_within
        end = max([start, *(event.occurred_at for event in history.events)])
        once = "did earlier" if earlier else "has done so since"
        words = f" in the incident or in the {duration(within)} before it; one {once}"
        looked_for = query(f"{family}.*", (), (start - within, end), options.zone)
        return claim(HEARD_BEFORE[family], words, none=looked_for)
    if not reporters:
        return claim(FAMILIES[family], label=True)
    names = listed([Name(phrases.system(history, name)) for name in sorted({name for name, _ in reporters})])
    noun = "changes" if family == "change" else "alerts"
    return claim("Deliveries from ", names, f" were refused or not understood, so {noun} may be missing",
                 proof=cites([event for _, event in reporters]))  # fmt: skip


def _tells(history: History, source: str, family: str) -> bool:
    sender = phrases.sender_of(history, source)
    return sender is not None and family in sender.families


_TURNED_AWAY = ("source.refused", "source.unrecognised")


def _change_phrase(history: History, options: Options, each: _RecordedChange) -> Phrase:
    return say(each.words, " at ", phrases.at(each.at, options.zone, facts.anchor(history)), " (", each.why, ")")


def _own(history: History, span: Span, zone: str) -> Iterator[_RecordedChange]:
    """The incident's own changes that touch the span."""
    hit = facts.hit(history)
    for change in history.changes:
        end = change.start if change.end is None else change.end
        owner = phrases.owner_of(change)
        of_hit = owner is None or facts.folded(owner) in hit
        called = phrases.change_called(change, on=len(history.services) != 1 or not of_hit)
        asked_at = change.first.occurred_at if change.first.type == "change.requested" else change.start
        if change_facts.known_before(change, span[1]) and change.last.received_at >= span[0]:
            time = phrases.at(change.last.occurred_at, zone, span[1])
            why = say("received then; its sender's clock says ", time)
            yield _RecordedChange(change.last.received_at, called, why, (change.last,), of_hit)
        elif span[0] <= asked_at <= span[1] < change.start:
            began = say("requested then and begun at ", phrases.at(change.start, zone, span[1]))
            both = (change.first, change_facts.begun_by(history, change))
            yield _RecordedChange(asked_at, called, began, both, of_hit)
        if change.start <= span[1] and end >= span[0]:
            begun = span[0] <= change.start
            proof = (change_facts.begun_by(history, change), change.last) if begun else (change.last,)
            why = _clock_says(change, zone, span) or _why(history, change, span)
            yield _RecordedChange(change.start if begun else end, called, why, proof, of_hit)


def _clock_says(change: Change, zone: str, span: Span) -> Phrase:
    """That only its sender's clock puts a change there, where it was received before that."""
    if not change_facts.known_before(change, span[0]):
        return ()
    return say("by its sender's clock; received at ", phrases.at(change.last.received_at, zone, span[0]))


def _why(history: History, change: Change, span: Span) -> Phrase:
    """What keeps one of the incident's own changes from being told as an action or as the closest earlier one."""
    if change.ran and change.reach != "none" and change.start >= span[0] and change.end and change.end > span[1]:
        return say("begun then and finished ", phrases.between(span[1], change.end), " after the end")
    if change.environment and change_facts.elsewhere(history, change):
        return say("it went to ", Name(change.environment))
    return say(_why_not(change, span))


def _why_not(change: Change, span: Span) -> str:
    if not change.ran:
        if change.outcome == "requested":
            return "it had not begun"
        return "it never began" if change.first.type == "change.requested" else "it was given up"
    if change.broken_off:
        return f"it was {change.ending}"
    if change.reach == "none":
        return "it did not reach what runs"
    return "begun before that" if change.start < span[0] else "part of the incident"


def _beside(history: History, span: Span) -> Iterator[_RecordedChange]:
    """Changes of the incident's services that it was not given, however their service is spelled."""
    hit = facts.hit(history)
    last: dict[tuple[str, str], RecordedEvent] = {}
    why: dict[tuple[str, str], str] = {}
    for near in history.context.nearby:
        # One that had begun before the span may have finished in it.
        within = [each for each in near.events if each.type.startswith("change.") and _in(each, span)]
        if not within:
            continue
        event = within[-1]
        of = change_facts.owner_key(event)
        if not hit or of in hit:
            known = last.get((event.source, event.entity), event)
            last[event.source, event.entity] = max(known, event, key=reading_order)
            why.setdefault((event.source, event.entity), facts.unrelated(history, near) or "not known to belong")
    for key, event in last.items():
        begun = _BEGUN.get(event.type, "")
        where = phrases.with_name(" in ", change_facts.event_where(history, event))
        called = say(phrases.change_event(event), where, begun)
        yield _RecordedChange(event.occurred_at, called, say(why[key]), (event,))


_BEGUN = {"change.requested": ", requested", "change.started": ", begun"}
"""What the first event of a change tells of it, where that is not its end."""


def _unowned(event: RecordedEvent) -> bool:
    """Whether a change, or what a sender tells as no change, may be of any service: it names none."""
    return event.type.startswith(("change.", "observation.")) and not event.service


def _in(event: RecordedEvent, span: Span) -> bool:
    return span[0] <= event.occurred_at <= span[1]


# --- alerts and pages -------------------------------------------------------------------------------------------


def silent(history: History, services: Sequence[str]) -> list[str]:
    """Those of the services for which no alert fired in the window, whatever it joined."""
    fired = facts.alerting(history)
    return [service for service in services if facts.folded(service) not in fired]


def no_alert(history: History, options: Options, services: Sequence[str], *proof: RecordedEvent,
             qualifier: Phrase = ()) -> Claim:  # fmt: skip
    """That no alert of these services was recorded in the window; ask :func:`silent` for them first."""
    span = facts.window(history)
    return claim("No alert", _of(services), qualifier, " was recorded ", _between(history, options, span),
                 proof=cites(proof), none=query("alert.firing", services, span, options.zone),
                 searched=say("alerts", _of(services)))  # fmt: skip


def no_page(history: History, options: Options) -> Claim:
    """That the incident has no page; pages from that time that it was not given are named."""
    span = facts.window(history)
    near = _opened(history, span, lambda event: event.type.startswith("page."))
    sentence = say("No page of this incident was recorded ", _between(history, options, span))
    if near:
        are = "is" if len(near) == 1 else "are"
        return claim(sentence, f"; {counted(len(near), 'page')} from that time {are} not part of it", proof=cites(near))
    return claim(sentence, none=query("page.*", history.services, span, options.zone),
                 searched=say("pages of this incident"))  # fmt: skip


def _opened(history: History, span: Span, fits: Callable[[RecordedEvent], bool]) -> list[RecordedEvent]:
    """The first event beside the incident of each thing that fits."""
    first_events: dict[tuple[str, str], RecordedEvent] = {}
    for near in history.context.nearby:
        if fits(near.event) and _in(near.event, span):
            first_events.setdefault((near.event.source, near.event.entity), near.event)
    return list(first_events.values())


def no_acknowledgement(
    history: History, options: Options, sentence: Phrase, since: int, proof: RecordedEvent | None, *, only: bool = False
) -> Claim:
    """That nobody acknowledged a page of the incident (``only``: this one), after what is told of the page."""
    types = f"page.acknowledged entity={proof.entity}" if only and proof else "page.acknowledged"
    return claim(sentence, proof=cites(proof), searched=say("acknowledgements"),
                 none=query(types, [], (since, facts.latest(history)), options.zone))  # fmt: skip
