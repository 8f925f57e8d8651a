"""What stands beside the story: what was near and not joined, why the rest is in, what may be missing, the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from collector.event import RecordedEvent, reading_order
from collector.semantics.exclusions import OTHER_INCIDENT, OTHER_SERVICE
from renderers import change_facts, facts, phrases, reasons
from renderers.document import Bullets, Claim, Code, Index, IndexLine, Name, Options, Quote, Section
from renderers.history import History, Nearby
from renderers.phrases import Phrase, cites, claim, quoted, say, with_name
from renderers.rows.people import channel_of
from renderers.sections import doubt, lasting
from renderers.silences import is_silence, silences
from renderers.status_page import vendor_of
from renderers.words import counted

NEARBY = 20
"""How many things that were not joined are named one by one."""
GAPS = 5
"""How many gaps and outages are told one by one."""
EXAMPLES = 3
"""How many deliveries that were not understood a sentence cites: the rest is a count."""


def section(history: History, options: Options) -> Section:
    """All of it but the index, which is made of what the whole draft cites; see :func:`index`."""
    items = [*lasting.appendix_lines(history), *_nearby(history), *_grouping(history), *_completeness(history, options)]
    return Section(key="appendix", blocks=(Bullets(items=tuple(items)),))


# --- nearby, not joined -----------------------------------------------------------------------------------------


def _nearby(history: History) -> Iterator[Claim]:
    """Each thing with the reason it was not joined; events that read alike are one line.

    What nothing places may belong all the same: it stands with the command that joins it.
    """
    alike: dict[tuple[Phrase, str, bool], list[Nearby]] = {}
    for near in sorted(history.context.nearby, key=lambda near: (near.event.occurred_at, near.event.id)):
        though = doubt.objection(history, near)
        judged = bool(facts.unrelated(history, near)) and not though
        # A service that is the incident's own under another spelling is no reason.
        reason = near.reason if judged or near.reason.rstrip(". ") != OTHER_SERVICE else "nothing ties it to this one"
        key = (_called(history, near.event), f"{reason.rstrip('. ')}{though}", judged)
        alike.setdefault(key, []).append(near)
    # What may belong all the same is not left out for words that are known to be about something else.
    groups = sorted(alike.items(), key=lambda group: group[0][2] and _is_told_alone(group[1][0].event))
    shown = {key for key, _ in groups[:NEARBY]}
    for (called, reason, judged), together in ((key, alike[key]) for key in alike if key in shown):
        events, ended = [near.event for near in together], _ended_before(history, together[-1])
        times = f" ({len(events):,} events)" if len(events) > 1 else ""
        command = f"timelined join {history.context.called or 'N'} {events[0].id}"
        joins = () if judged else say("; if it does: ", Code(command))
        of_it = "judged unrelated" if judged else "not known to belong"
        ends = [near.end for near in together if near.end is not None and near.end.type.startswith("change.")]
        when = _when(history, [*events, *ends]) if ended is None else "Before it began"
        # Of several nobody said that one incident has them all.
        why = reason if len(events) == 1 else reason.replace(OTHER_INCIDENT, "each belongs to another incident")
        yield claim(f"{when}, {of_it}: ", called, times, with_name(": ", why.rstrip(". ")), joins,
                    proof=cites(events, ended))  # fmt: skip
    rest = [near.event for _, together in groups[NEARBY:] for near in together]
    more = len(rest) + history.context.unlisted
    if more:
        yield claim(f"At the same time, not joined: {counted(more, 'more event')}", proof=cites(rest), label=not rest)


def _is_told_alone(event: RecordedEvent) -> bool:
    """Whether it is words or an observation, and neither an alert, a page nor a change."""
    return event.type.partition(".")[0] in NOUNS


def _ended_before(history: History, near: Nearby) -> RecordedEvent | None:
    """The end of what was over when the incident began."""
    return near.end if near.end is not None and near.end.occurred_at < facts.anchor(history) else None


def _when(history: History, events: Sequence[RecordedEvent]) -> str:
    """Whether what these tell of was over before the incident, or came after it; else it may have been there then."""
    last, over = events[-1], history.closing.at
    goes_on = last.type.startswith(("alert.", "page.")) and last.type not in _ENDS
    # What fires again had ended.
    goes_on = goes_on and not any(
        (alert.source, alert.entity) == (last.source, last.entity) for alert in history.alerts
    )
    if last.occurred_at < facts.anchor(history) and not goes_on:
        return "Before it began"
    return "After it ended" if over is not None and events[0].occurred_at > over else "At the same time"


_ENDS = ("alert.resolved", "page.resolved", "page.merged")

NOUNS = {
    "note": "note",
    "chat": "message",
    "status": "status post",
    "observation": "observation",
    "report": "report",
}
"""What an event of each family is called where it stands alone."""


def _called(history: History, event: RecordedEvent) -> Phrase:
    """``DiskFilling on search (warning)``, ``change of search "v7"``; the states of one thing read alike."""
    family = event.type.partition(".")[0]
    if family == "alert":
        return say("the alert ", lasting.alert_name(event))
    if family == "page":
        return say(phrases.page_called(history, event), quoted(" ", event.title))
    if family == "change":
        return say(phrases.change_event(event), with_name(" in ", change_facts.event_where(history, event)))
    where = with_name(" on ", event.service) or with_name(" of ", vendor_of(event))
    if family == "observation" and not phrases.observation_title(event):
        return say("observation", where, " ", Quote(phrases.plain_observation(event)))
    wrote = with_name(" by ", event.actor) if family in ("note", "chat", "report") else ()
    place = with_name(" in ", channel_of(event)) if family == "chat" else ()
    words = phrases.words_of(event) or event.title
    return say(NOUNS.get(family, "event"), where, wrote, place, quoted(" ", words))


# --- why the rest is in -----------------------------------------------------------------------------------------

RULES = (
    "opened", "person", "page", "alert", "alert_again", "alert_reopened", "alert_group", "service", "dependency",
    "storm", "ref", "repository",
)  # fmt: skip
"""The rules of grouping in the order they are told."""


def _grouping(history: History) -> Iterator[Claim]:
    """One line a rule: the reason of the first event it joined, how many it joined, and how many reasons it had."""
    grouped = history.context.grouped
    rules: dict[str, list[str]] = defaultdict(list)
    for event_id, why in zip(history.by_id, map(grouped.get, history.by_id), strict=True):
        if why is not None:
            rules[why.rule].append(event_id)
    for rule in sorted(rules, key=_strength):
        members = rules[rule]
        different = len({grouped[each].reason for each in members})
        first = reasons.spelt(history, grouped[members[0]].reason.rstrip(". "))
        more = f" and {counted(different - 1, 'similar reason')}" if different > 1 else ""
        # The history's events stand in reading order, so the proof does too.
        yield claim("Grouping: ", Name(first or rule), f"{more}, {counted(len(members), 'event')}",
                    _by_time_alone(history, members) if rule == TIME_ALONE else "", proof=tuple(members))  # fmt: skip


TIME_ALONE = "storm"
"""The rule that ties what is of another service by nothing but its time."""


def _by_time_alone(history: History, members: Sequence[str]) -> Phrase:
    """What was joined so, and the command that makes another incident of it; a page that is called like an alert or a
    service, and these, are tied by that as well."""
    names_told = {name for each in history.alerts for name in (each.name, each.service) if name}
    titles = "\n".join(page.title for page in history.pages).casefold()
    firsts = {(event.source, event.entity): event for each in reversed(members) if (event := history.by_id.get(each))}
    unnamed = (each for each in firsts.values() if not _is_named(each, names_told, titles))
    events = sorted(unnamed, key=reading_order)
    if not events:
        return ()
    names = phrases.worded(events, lambda event: say(*_called(history, event)), 3, ("more", "more"))
    command = f"timelined split {history.context.called or 'N'} {' '.join(event.id for event in events[:3])}"
    them = "it" if len(events) == 1 else "them"
    more = f" with the ids of the other {len(events) - 3}, too" if len(events) > 3 else ""
    return say("; only the time ties ", them, " to the rest: ", names, ". If that is another incident: ",
               Code(command), more)  # fmt: skip


def _is_named(event: RecordedEvent, names: set[str], titles: str) -> bool:
    """Whether a page's title has the name of an alert or a service, or an alert one that stands in such a title."""
    if event.type.startswith("page."):
        return any(name.casefold() in event.title.casefold() for name in names)
    return any(name.casefold() in titles for name in (event.title, event.service) if name)


def _strength(rule: str) -> tuple[int, str]:
    return (RULES.index(rule) if rule in RULES else len(RULES), rule)


# --- what may be missing ----------------------------------------------------------------------------------------


_UNSEEN = "Not visible here: alerts that were silenced or inhibited, of which webhooks do not tell."
_SUPPRESSION = ("silence_created", "silence_updated", "silence_ended", "silence_muted_alert", "inhibition_muted_alert")


def _tells_of_silences(event: RecordedEvent) -> bool:
    """Whether its sender tells what it suppresses; then it would have told of more."""
    return event.type == "observation.recorded" and phrases.text_in(event.data, "type").endswith(_SUPPRESSION)


def _completeness(history: History, options: Options) -> Iterator[Claim]:
    """What webhooks never tell, and what is known to be missing."""
    known = (*history.events, *(near.event for near in history.context.nearby))
    if not any(_tells_of_silences(event) for event in known):
        yield claim(_UNSEEN, label=True)
    yield from _gaps(history, options)
    yield from _silences(history, options)
    yield from _downtimes(history, options)
    yield from _losses(history, options)
    yield from _unread(history)
    yield from _reread(history, options)
    yield from _imported(history, options)
    yield from _refused(history)
    yield from _times(history)
    yield from _clocks(history)
    yield from _clocks_ahead(history)


def _events(history: History, kind: str) -> list[RecordedEvent]:
    """The events of a type among the context's and the incident's own, oldest first, each once."""
    found = {e.id: e for e in (*history.context.collector, *history.collector) if e.type == kind}
    return sorted(found.values(), key=lambda event: (event.occurred_at, event.id))


def _gaps(history: History, options: Options) -> Iterator[Claim]:
    gaps = [gap for gap in _events(history, "source.gap") if not is_silence(gap)]
    for gap in gaps[:GAPS]:
        time = phrases.at(gap.occurred_at, options.zone, facts.anchor(history))
        missing = gap.data.get("missing")
        what = counted(missing, "item") if isinstance(missing, int) and missing > 0 else "something"
        yield claim("Not visible here: ", Name(phrases.system(history, gap.source)), f" left out {what} at ", time,
                    proof=cites(gap))  # fmt: skip
    if len(gaps) > GAPS:
        yield claim(f"Not visible here: {counted(len(gaps) - GAPS, 'more gap')}", proof=cites(gaps[GAPS:]))


def _silences(history: History, options: Options) -> Iterator[Claim]:
    """When what a source tells without end was missed: then that nothing was told says nothing."""
    spans_missed = silences(history)
    for silence in spans_missed[:GAPS]:
        since = facts.anchor(history)
        begin = phrases.at(silence.start, options.zone, since)
        when = say(" was not heard after ", begin)
        if silence.end is not None:
            end = phrases.at(silence.end, options.zone, since)
            when = say(" was not heard from ", begin, " to ", end, with_name(" (", silence.reason, ")"))
        system = Name(phrases.system(history, silence.of))
        yield claim("Not visible here: ", Name(silence.alert), ", which ", system, " tells without end,", when,
                    "; what ", system, " would have told then may be missing", proof=cites(silence.events))  # fmt: skip
    if len(spans_missed) > GAPS:
        more = [event for each in spans_missed[GAPS:] for event in each.events]
        yield claim(f"Not visible here: {counted(len(spans_missed) - GAPS, 'more silence')}", proof=cites(more))


def _downtimes(history: History, options: Options) -> Iterator[Claim]:
    """When nobody was there to take webhooks: from the last stop, or the last delivery, to the next start.

    A daemon that started beside others ends no such time.
    """
    stops = {event.occurred_at: event for event in _events(history, "collector.stopped")}
    since = facts.anchor(history)
    alone = (start for start in _events(history, "collector.started") if start.data.get("previous_stop") != "others")
    for start in islice(alone, GAPS):
        # A stop on record says nothing of a start whose own stop is not.
        killed = start.data.get("previous_stop") == "missing"
        earlier = [] if killed else [at for at in stops if at <= start.occurred_at]
        stopped = stops[max(earlier)] if earlier else None
        last = stopped.occurred_at if stopped else start.data.get("last_received_at")
        first = start.data.get("previous_stop") == "first start"
        until = phrases.at(start.occurred_at, options.zone, since)
        if first:
            yield claim("Not visible here: what came before the collector started for the first time, at ", until,
                        proof=cites(start))  # fmt: skip
        elif isinstance(last, int) and last > 0:
            begin = phrases.at(last, options.zone, since)
            words = ("the collector was down from ", begin, " to ", until) if stopped else (
                "the collector was down at some time between its last delivery at ", begin, " and its start at ", until,
            )  # fmt: skip
            yield claim("Not visible here: ", *words, proof=cites(stopped, start))
        else:
            yield claim("Not visible here: what came before the collector started at ", until, proof=cites(start))


def _clocks(history: History) -> Iterator[Claim]:
    """A page that names its alert and came before it: the alert led to it, so their clocks differ."""
    found = facts.ahead_of_alert(history)
    if found is not None:
        page, alert, ahead = found
        page_event = page.triggered or page.steps[0]
        yield claim(phrases.capital(phrases.page_called(history, page_event)), " came ", phrases.lasted(ahead),
                    " before the alert ", phrases.alert_named(alert.name),
                    " that it names: their clocks differ by at least that",
                    proof=cites(page_event, alert.fired))  # fmt: skip


def _clocks_ahead(history: History) -> Iterator[Claim]:
    """Senders whose events were received before they happened by their own clocks, and what that does to the order."""
    for clock in facts.clocks_ahead(history):
        system = phrases.system(history, clock.source)
        order = (
            f"; put right by that, {counted(clock.moved, 'event')} of it would stand elsewhere" if clock.moved else ""
        )
        yield claim("The clock of ", Name(system), " and the collector's differ by at least ",
                    phrases.lasted(clock.ahead), ": an event of it was received that long before it happened by its "
                    "own time", order, proof=cites(clock.proof))  # fmt: skip


def _losses(history: History, options: Options) -> Iterator[Claim]:
    """Where the log itself was found to lack what it had acknowledged."""
    for lost in _events(history, "collector.lost")[:GAPS]:
        acknowledged, found = lost.data.get("acknowledged"), lost.data.get("found")
        missing = acknowledged - found if isinstance(acknowledged, int) and isinstance(found, int) else 0
        lost_events = counted(missing, "acknowledged event") if missing > 0 else "acknowledged events"
        at = phrases.at(lost.occurred_at, options.zone, facts.anchor(history))
        if lost.data.get("known") is False:
            yield claim("Not visible here: the log was put back from a copy, and what it lacks of acknowledged events "
                        "is not known, ", at, proof=cites(lost))  # fmt: skip
            continue
        yield claim(f"Not visible here: the log was found to have lost {lost_events} at ", at, proof=cites(lost))


def _unread(history: History) -> Iterator[Claim]:
    """Authentic deliveries that no adapter understood, by source; not those that are about something else."""
    sources: dict[str, list[RecordedEvent]] = {}
    for event in filter(facts.concerning(history), _events(history, "source.unrecognised")):
        sources.setdefault(event.source, []).append(event)
    for source in sorted(sources):
        events = sources[source]
        verb = "was" if len(events) == 1 else "were"
        noun = counted(len(events), "delivery", "deliveries")
        kinds = [Quote(kind) for kind in dict.fromkeys(map(_unread_kind, events)) if kind]
        example = say(", such as ", phrases.listed(kinds[:EXAMPLES])) if kinds else ()
        sender = Name(phrases.system(history, source))
        yield claim(f"Not visible here: {noun} from ", sender, f" {verb} not understood", example,
                    proof=cites(events[:EXAMPLES]))  # fmt: skip


def _unread_kind(event: RecordedEvent) -> str:
    """What a delivery that was not understood is called by its sender, or why it was not."""
    kind = phrases.text_in(event.data, "kind")
    return kind if kind and kind != event.source else phrases.text_in(event.data, "reason")


READ_AGAIN = ("type", "title", "service", "environment", "severity", "actor", "occurred_at")
"""Fields of which it is told how they were read at first."""


def _imported(history: History, options: Options) -> Iterator[Claim]:
    """What its sender did not tell at the time, and an import fetched, by source."""
    sources: dict[str, list[RecordedEvent]] = {}
    for event in filter(facts.brought_in, history.events):
        sources.setdefault(event.source, []).append(event)
    for source in sorted(sources):
        events = sources[source]
        fetched = [at for event in events if type(at := event.data.get(facts.FETCHED)) is int]
        since = facts.anchor(history)
        first, last = (phrases.minute(at, options.zone, since) for at in (min(fetched), max(fetched)))
        when = (" at ", first) if first == last else (" between ", first, " and ", last)
        verb = "was" if len(events) == 1 else "were"
        yield claim(f"{counted(len(events), 'event')} of ", Name(phrases.system(history, source)),
                    f" {verb} fetched from there", *when, ", and not told when {} happened".format(
                        "it" if len(events) == 1 else "they"), proof=cites(events))  # fmt: skip


def read_at_first(history: History) -> list[tuple[str, list[object] | None]]:
    """How events were read before their deliveries were read again, as far as that is told."""
    return [
        (each.event.id, None if each.before is None else [getattr(each.before, name) for name in READ_AGAIN])
        for each in history.reread
    ]


def _reread(history: History, options: Options) -> Iterator[Claim]:
    """What is otherwise since deliveries were read again with a later parser: by field and value, then the rest."""
    changed: dict[tuple[str, object, object], list[RecordedEvent]] = {}
    new, details = [], []
    for reread_event in history.reread:
        if reread_event.before is None:
            new.append(reread_event.event)
            continue
        corrected = reread_event.event.data.get("corrected")
        fields = [
            name for name in READ_AGAIN if getattr(reread_event.before, name) != getattr(reread_event.event, name)
        ]
        fields = [name for name in fields if not isinstance(corrected, list) or name not in corrected]
        for name in fields:
            changed.setdefault(
                (name, getattr(reread_event.before, name), getattr(reread_event.event, name)), []
            ).append(reread_event.event)
        if not fields:
            details.append(reread_event.event)
    groups = list(changed.items())
    for (name, before, after), events in groups[:GAPS]:
        which = f"the {_FIELDS.get(name, name)} of {counted(len(events), 'event')}"
        yield claim(f"Since {_deliveries(events)} read again, {which} is ", *_value(history, options, after),
                    "; it had been ", *_value(history, options, before), proof=cites(events))  # fmt: skip
    details += [event for _, events in groups[GAPS:] for event in events]
    if details:
        more = list({event.id: event for event in details}.values())
        yield claim(f"Since {_deliveries(more)} read again, {counted(len(more), 'more event' if changed else 'event')} "
                    f"say{'s' if len(more) == 1 else ''} more, or something else, than at first",
                    proof=cites(more))  # fmt: skip
    if new:
        verb = "was" if len(new) == 1 else "were"
        yield claim(f"Since {_deliveries(new)} read again, {counted(len(new), 'event')} {verb} found that nobody had "
                    "understood at first", proof=cites(new))  # fmt: skip


_FIELDS = {"occurred_at": "time", "actor": "author"}


def _deliveries(events: list[RecordedEvent]) -> str:
    return "its delivery was" if len(events) == 1 else "their deliveries were"


def _value(history: History, options: Options, value: object) -> Phrase:
    if isinstance(value, int):
        return say(phrases.at(value, options.zone, facts.anchor(history)))
    return say(Quote(value)) if isinstance(value, str) and value else say("unknown")


def _refused(history: History) -> Iterator[Claim]:
    """Deliveries that never got in, by source, answer and reason; nothing of them is kept but their number."""
    kinds: dict[tuple[str, str, str], list[RecordedEvent]] = {}
    for event in _events(history, "source.refused"):
        status = event.data.get("status")
        of, reason = phrases.text_in(event.data, "of") or event.source, phrases.text_in(event.data, "reason")
        kinds.setdefault((of, str(status) if isinstance(status, int) else "", reason), []).append(event)
    for (of, status, reason), events in kinds.items():
        count = sum(number for each in events if isinstance(number := each.data.get("count"), int)) or len(events)
        verb = "was" if count == 1 else "were"
        yield claim(f"Not visible here: {counted(count, 'delivery', 'deliveries')} to ", Name(of),
                    f" {verb} refused", with_name(" with ", status), quoted(": ", reason),
                    proof=cites(events))  # fmt: skip


QUALITIES = {
    "assumed_zone": "came without a zone; UTC was assumed",
    "clamped": "had an impossible time, which was clamped",
    "absent": "came without a time; the time of receipt is shown",
}
"""What each quality of a time means for the reader."""


def _times(history: History) -> Iterator[Claim]:
    inexact = [event for event in history.events if event.time_quality != "exact"]
    for quality, words in QUALITIES.items():
        events = [event for event in inexact if event.time_quality == quality]
        if events:
            yield claim(f"{counted(len(events), 'event')} {words}", proof=cites(events))


# --- the index --------------------------------------------------------------------------------------------------


def index(cited: Collection[str], events: Mapping[str, RecordedEvent]) -> Index:
    """Every event that the draft rests on, one line each, at its own time and in the order they happened."""
    found = sorted((events[each] for each in cited if each in events), key=reading_order)
    return Index(lines=tuple([IndexLine(id=e.id, at=e.occurred_at, type=e.type, source=e.source) for e in found]))


def digested(events: int, digest: str) -> Claim:
    """What the draft was rendered from; the same digest means the same draft."""
    return claim(f"Digest of the {counted(events, 'event')} this was rendered from: ", Code(digest), label=True)
