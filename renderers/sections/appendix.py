"""What stands beside the story: what was near and not joined, why the rest is in, what may be missing, the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from collector.event import MINUTE, RecordedEvent
from renderers import facts, phrases
from renderers.document import Bullets, Claim, Code, Index, IndexLine, Name, Options, Section
from renderers.history import History
from renderers.phrases import Phrase, cites, claim, named, quoted, say
from renderers.words import counted

NEARBY = 10
"""How many events that were not joined are named."""
REASONS = 10
"""How many reasons of grouping are told."""
GAPS = 5
"""How many gaps, outages and unread deliveries are told one by one."""
LINES = 60
"""The most lines of the index."""


def section(history: History, options: Options) -> Section:
    """All of it but the index, which is made of what the whole draft cites; see :func:`index`."""
    items = [*_nearby(history), *_grouping(history), *_completeness(history, options)]
    return Section(key="appendix", blocks=(Bullets(items=tuple(items)),))


# --- nearby, not joined -----------------------------------------------------------------------------------------


def _nearby(history: History) -> Iterator[Claim]:
    """Each thing with the reason it was not joined; events that read alike are one line."""
    found: dict[tuple[Phrase, str], list[RecordedEvent]] = {}
    for near in sorted(history.context.nearby, key=lambda near: (near.event.occurred_at, near.event.id)):
        found.setdefault((_called(near.event), near.reason), []).append(near.event)
    shown = list(found.items())
    for (called, reason), events in shown[:NEARBY]:
        times = f" ({len(events)} events)" if len(events) > 1 else ""
        yield claim("Nearby, not joined: ", called, times, named(": ", reason.rstrip(". ")), proof=cites(events))
    rest = [event for _, events in shown[NEARBY:] for event in events]
    if rest:
        yield claim(f"{counted(len(rest), 'more event')} nearby, not joined", proof=cites(rest))


NOUNS = {
    "change": "change",
    "note": "note",
    "chat": "chat message",
    "status": "status post",
    "observation": "observation",
}
"""What an event of each family is called where it stands alone."""


def _called(event: RecordedEvent) -> Phrase:
    """``DiskFilling on search (warning)``, ``change of search "v7"``; the states of one thing read alike."""
    family = event.type.partition(".")[0]
    if family == "alert":
        return say(phrases.alert_named(event.title), named(" on ", event.service), named(" (", event.severity, ")"))
    if family == "page":
        return say(phrases.page_called(event), quoted(" ", event.title))
    where = named(" of " if family == "change" else " on ", event.service)
    return say(NOUNS.get(family, "event"), where, quoted(" ", event.title))


# --- why the rest is in -----------------------------------------------------------------------------------------

RULES = ("opened", "person", "page", "alert", "alert_group", "service", "dependency", "storm", "ref", "repository")
"""The rules of grouping in the order they are told."""


def _grouping(history: History) -> Iterator[Claim]:
    """One line a rule: the reason of the first event it joined, how many it joined, and how many reasons it had."""
    grouped = history.context.grouped
    rules: dict[str, list[str]] = defaultdict(list)
    for each, why in zip(history.by_id, map(grouped.get, history.by_id), strict=True):
        if why is not None:
            rules[why.rule].append(each)
    for rule in sorted(rules, key=_strength)[:REASONS]:
        members = rules[rule]
        reasons = len({grouped[each].reason for each in members})
        first = grouped[members[0]].reason.rstrip(". ")
        more = f" and {counted(reasons - 1, 'similar reason')}" if reasons > 1 else ""
        said = f"{more}, {counted(len(members), 'event')}"
        # The history's events stand in reading order, so the proof does too.
        yield claim("Grouping: ", Name(first or rule), said, proof=tuple(members))


def _strength(rule: str) -> tuple[int, str]:
    return (RULES.index(rule) if rule in RULES else len(RULES), rule)


# --- what may be missing ----------------------------------------------------------------------------------------


def _completeness(history: History, options: Options) -> Iterator[Claim]:
    """What webhooks never tell, and what is known to be missing."""
    yield claim("Completeness: webhooks do not tell of silenced or inhibited alerts.", label=True)
    yield from _gaps(history, options)
    yield from _downtimes(history, options)
    yield from _losses(history, options)
    yield from _unread(history)
    yield from _times(history)


def _events(history: History, kind: str) -> list[RecordedEvent]:
    """The events of a type among the context's and the incident's own, oldest first, each once."""
    found = {e.id: e for e in (*history.context.collector, *history.collector) if e.type == kind}
    return sorted(found.values(), key=lambda event: (event.occurred_at, event.id))


def _gaps(history: History, options: Options) -> Iterator[Claim]:
    gaps = _events(history, "source.gap")
    for gap in gaps[:GAPS]:
        time = phrases.at(gap.occurred_at, options.zone, facts.anchor(history))
        missing = gap.data.get("missing")
        what = counted(missing, "item") if isinstance(missing, int) and missing > 0 else "something"
        yield claim("Completeness: ", Name(gap.source), f" left out {what} at {time}", proof=cites(gap))
    if len(gaps) > GAPS:
        yield claim(f"Completeness: {counted(len(gaps) - GAPS, 'more gap')}", proof=cites(gaps[GAPS:]))


def _downtimes(history: History, options: Options) -> Iterator[Claim]:
    """When nobody was there to take webhooks: from the last stop, or the last delivery, to the next start.

    A daemon that started beside others ends no such time.
    """
    stops = {event.occurred_at: event for event in _events(history, "collector.stopped")}
    since = facts.anchor(history)
    alone = (start for start in _events(history, "collector.started") if start.data.get("previous_stop") != "others")
    for start in islice(alone, GAPS):
        earlier = [at for at in stops if at <= start.occurred_at]
        stopped = stops[max(earlier)] if earlier else None
        last = stopped.occurred_at if stopped else start.data.get("last_received_at")
        first = start.data.get("previous_stop") == "first start"
        until = phrases.at(start.occurred_at, options.zone, since)
        if first:
            yield claim(f"Completeness: the collector started for the first time at {until}", proof=cites(start))
        elif isinstance(last, int) and last > 0:
            begin = phrases.at(last, options.zone, since)
            word = "was down" if stopped else "received nothing and restarted without a recorded stop"
            yield claim(f"Completeness: the collector {word}, {begin} to {until}", proof=cites(stopped, start))
        else:
            yield claim(f"Completeness: the collector started at {until}", proof=cites(start))


def _losses(history: History, options: Options) -> Iterator[Claim]:
    """Where the log itself was found to lack what it had acknowledged."""
    for lost in _events(history, "collector.lost")[:GAPS]:
        acknowledged, found = lost.data.get("acknowledged"), lost.data.get("found")
        missing = acknowledged - found if isinstance(acknowledged, int) and isinstance(found, int) else 0
        what = counted(missing, "acknowledged event") if missing > 0 else "acknowledged events"
        at = phrases.at(lost.occurred_at, options.zone, facts.anchor(history))
        if lost.data.get("known") is False:
            what = "the log was put back from a copy, and what it lacks of acknowledged events is not known"
            yield claim(f"Completeness: {what}, {at}", proof=cites(lost))
            continue
        yield claim(f"Completeness: the log was found to have lost {what} at {at}", proof=cites(lost))


def _unread(history: History) -> Iterator[Claim]:
    """Authentic deliveries that no adapter understood, by source; not those that are about something else."""
    sources: dict[str, list[RecordedEvent]] = {}
    for event in filter(facts.concerning(history), _events(history, "source.unrecognised")):
        sources.setdefault(event.source, []).append(event)
    for source in sorted(sources)[:GAPS]:
        events = sources[source]
        verb = "was" if len(events) == 1 else "were"
        noun = counted(len(events), "delivery", "deliveries")
        yield claim(f"Completeness: {noun} of ", Name(source), f" {verb} not understood", proof=cites(events))


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
            yield claim(f"Completeness: {counted(len(events), 'event')} {words}", proof=cites(events))


# --- the index --------------------------------------------------------------------------------------------------


def index(shown: Collection[str], cited: Collection[str], events: Mapping[str, RecordedEvent]) -> Index:
    """The cited events by time; those of one type, source and minute share a line, and printed ones go first.

    ``shown`` are the ids that the draft prints, ``cited`` all that it rests on. A line names the printed ones.
    """
    runs: dict[tuple[int, str, str], list[RecordedEvent]] = defaultdict(list)
    for each, event in events.items():
        if each in cited:
            runs[event.occurred_at // MINUTE, event.type, event.source].append(event)
    printed = {_run_of(events[each]) for each in shown if each in events}
    kept = [runs[key] for key in [*sorted(printed), *sorted(runs.keys() - printed)][:LINES]]
    lines = [_line(sorted(run, key=lambda event: (event.occurred_at, event.id)), shown) for run in kept]
    lines.sort(key=lambda line: (line.at, line.cites))
    return Index(lines=tuple(lines), left_out=sum(map(len, runs.values())) - sum(map(len, kept)))


def _run_of(event: RecordedEvent) -> tuple[int, str, str]:
    """What events on one line of the index have in common: minute, type and source."""
    return (event.occurred_at // MINUTE, event.type, event.source)


def digested(events: int, digest: str, left_out: int = 0) -> Claim:
    """What the draft was rendered from, and how to list it; the same digest means the same draft."""
    command = say(", listed by ", Code("timelined events --incident N")) if left_out else ()
    return claim(f"Digest of the {counted(events, 'event')} this was rendered from", command, ": ", Code(digest),
                 label=True)  # fmt: skip


def _line(run: Sequence[RecordedEvent], printed: Collection[str]) -> IndexLine:
    named_ids = tuple(event.id for event in run if event.id in printed)[:6] or (run[0].id,)
    first = run[0]
    return IndexLine(
        cites=named_ids, at=first.occurred_at, type=first.type, source=first.source, more=len(run) - len(named_ids)
    )
