"""The rows of alerts: series of one alert told together, going on and off counted, ends that come together as one row.

Linear in the alerts, but for sorting. Nothing is dropped: a row cites every
event that it stands for, and what began or ended in another minute than the
row's own says so.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from collector.event import MINUTE, RecordedEvent
from collector.semantics import severities
from collector.semantics.episodes import told_at
from renderers import facts, phrases
from renderers.document import Name
from renderers.flapping import over
from renderers.history import Alert, FlappingRun, History
from renderers.phrases import Phrase, cites, if_any, quoted, say, text_in, with_name
from renderers.rows.plan import Plan, RowContext, varying
from renderers.words import apart, counted

TOGETHER = MINUTE
"""Series of one alert, different alerts, and ends within this are one row."""
SERIES_SPAN = 5 * MINUTE
"""Series that follow within this of the first count in, where others came with it."""
NAMED = 10
"""How many different alerts a row names; the rest is counted."""
QUOTED = 4
"""Up to how many different alerts a row quotes what they say."""

Thing = TypeVar("Thing")

Run = Sequence[FlappingRun]
"""Series of one alert on one service."""


def plans(table: RowContext) -> Iterator[Plan]:
    """The rows of firings, then those of ends."""
    starts = [(spell.start, spell) for spell in table.history.flapping_runs]
    for joined in _together([(run[0].start, run) for run in _series(starts, divided=table.history.divided)]):
        yield fired_plan(joined, table)
    yield from _regrading(table)
    yield from _told_anew(table)
    ends = sorted(((spell.end, spell) for spell in table.history.flapping_runs if spell.end is not None),
                  key=lambda item: (item[0], item[1].start, item[1].entity))  # fmt: skip
    proof = table.history.closing.last.proof if table.history.closing.last is not None else ""
    for ended in _together(ends, lambda spell: spell.last.resolved is not None and spell.last.resolved.id == proof):
        yield _ends_plan(ended)


def _series(timed: Iterable[tuple[int, FlappingRun]], *, divided: bool) -> list[list[FlappingRun]]:
    """Spells of one alert that fire close together, by their first start. They come by start."""
    kinds: dict[tuple[str, str | None, str | None, str | None, bool], list[FlappingRun]] = defaultdict(list)
    for _, spell in timed:
        first = spell.first
        place = (first.service, first.environment if divided else None)
        kinds[first.name, *place, first.fired.severity, spell.flaps > 0].append(spell)
    runs = [run for spells in kinds.values() for run in _runs(spells)]
    return sorted(runs, key=lambda run: (run[0].start, run[0].entity))


def _runs(spells: Sequence[FlappingRun]) -> Iterator[list[FlappingRun]]:
    """Where another series fires within a minute, those of the next minutes count in; else one alone."""
    at = 0
    while at < len(spells):
        first, end = spells[at].start, at + 1
        if end < len(spells) and spells[end].start - first <= TOGETHER:
            while end < len(spells) and spells[end].start - first <= SERIES_SPAN:
                end += 1
        yield list(spells[at:end])
        at = end


def _together(
    timed: Iterable[tuple[int, Thing]], closes: Callable[[Thing], bool] = lambda _: False
) -> Iterator[list[Thing]]:
    """Things whose times, which come in order, lie within a minute of the first of them; none comes later than one that
    ``closes``: with it the incident was over, and the row is of that minute."""
    first = 0
    over: int | None = None
    batch: list[Thing] = []
    for time, thing in timed:
        if batch and (time - first > TOGETHER or (over is not None and time > over)):
            yield batch
            batch, over = [], None
        if not batch:
            first = time
        batch.append(thing)
        over = time if closes(thing) else over
    if batch:
        yield batch


# --- firings ----------------------------------------------------------------------------------------------------


def fired_plan(runs: Sequence[Run], table: RowContext) -> Plan:
    """The row of one alert's firing, of several series of it, or of several alerts."""
    spells = [spell for run in runs for spell in run]
    own_rows = table.regraded.keys() | table.renamed.keys() | table.back.keys() | table.anew.keys()
    ids = tuple([each for each in _firing_ids(spells) if each not in own_rows])
    return Plan(at=spells[0].start, type="alert.firing", cites=ids, wording=partial(_fired, runs),
                led_by=tuple([spell.first.fired for spell in spells]))  # fmt: skip


def _fired(runs: Sequence[Run], table: RowContext) -> Phrase:
    quotes = len(runs) <= QUOTED
    firings = _named_together([_one_fired(run, table, runs[0][0].start, quotes=quotes) for run in runs[:NAMED]])
    rest = len(runs) - NAMED
    more = say("; ", counted(rest, "more alert"), " fired") if rest > 0 else ()
    return say(phrases.capital(firings[0]), *(say("; ", each) for each in firings[1:]), more)


NamedSentence = tuple[Phrase, Phrase]
"""An alert's name, and what is told of it."""


def _named_together(alerts: Sequence[NamedSentence]) -> list[Phrase]:
    """``alerts A, B and C fired on checkout (critical)``: of many alerts, those of which the same is told are named
    together."""
    groups: dict[Phrase | int, list[NamedSentence]] = {}
    for index, each in enumerate(alerts):
        groups.setdefault(each[1] if len(alerts) > QUOTED else index, []).append(each)
    return [
        say("alert" if len(group) == 1 else "alerts", " ",
            phrases.listed([name for name, _ in group], len(group)), group[0][1])
        for group in groups.values()
    ]  # fmt: skip


def _one_fired(run: Run, table: RowContext, since: int, *, quotes: bool) -> NamedSentence:
    first = run[0].first
    other = first.start // MINUTE != since // MINUTE
    at = say(" at ", phrases.minute(first.start, table.zone, since)) if other else ()
    again = _again(table, first) if len(run) == 1 and not run[0].flaps else ()
    sentence = say(" fired", if_any(again, " again"), _where(first, table),
               with_name(" (", first.fired.severity, ")"), at, again, _which(table, run) or _count(table, run),
               _on_and_off(table, run),
               quoted(": ", _shared(run)) if quotes else ())  # fmt: skip
    return phrases.alert_named(first.name), sentence


def _regrading(table: RowContext) -> Iterator[Plan]:
    """The rows of severities that changed while alerts fired; series of one alert within a minute are one."""
    kinds: dict[tuple[str, ...], list[tuple[int, RecordedEvent]]] = defaultdict(list)
    for each, (alert, before) in table.regraded.items():
        event = table.history.by_id[each]
        key = (alert.name, alert.service or "", alert.environment or "", before, event.severity or "")
        kinds[key].append((told_at(event), event))
    for found in kinds.values():
        for events in _together(sorted(found, key=lambda item: (item[0], item[1].id))):
            yield Plan(at=told_at(events[0]), type="alert.firing", cites=tuple([event.id for event in events]),
                       wording=partial(_regraded, events), led_by=tuple(events))  # fmt: skip


def _regraded(events: Sequence[RecordedEvent], table: RowContext) -> Phrase:
    """``Severity of the alert X on S was raised from warning to critical: "…"``."""
    event = events[0]
    alert, before = table.regraded[event.id]
    after = event.severity or ""
    verb = "raised" if severities.rank(after) < severities.rank(before) else "lowered"
    count = facts.series_in(events)
    series = f" ({count:,} series)" if count > 1 else ""
    return say("Severity of the alert ", phrases.alert_named(alert.name), _where(alert, table), series,
               f" was {verb} from ", Name(before), " to ", Name(after),
               quoted(" as ", event.title if event.title != alert.name else ""),
               quoted(": ", phrases.text_in(event.data, "summary")))  # fmt: skip


def _told_anew(table: RowContext) -> Iterator[Plan]:
    """The rows of firings that say more of an alert than that it goes on: what it is called now, for one."""
    worded: dict[str, Callable[[RecordedEvent, RowContext], Phrase]] = {}
    worded |= {each: partial(_renamed, *told) for each, told in table.renamed.items()}
    worded |= {each: partial(_returned, alert) for each, alert in table.back.items()}
    worded |= {each: partial(_begun_anew, alert) for each, alert in table.anew.items()}
    for each, words in worded.items():
        event = table.history.by_id[each]
        yield Plan(at=event.occurred_at, type="alert.firing", cites=(each,), wording=partial(words, event),
                   led_by=(event,))  # fmt: skip


def _renamed(alert: Alert, before: str, event: RecordedEvent, table: RowContext) -> Phrase:
    """``Alert Lag on orders went on as "Lag: no data"``."""
    return say("Alert ", phrases.alert_named(before), _where(alert, table), " went on as", quoted(" ", event.title),
               quoted(": ", phrases.text_in(event.data, "summary")))  # fmt: skip


def _returned(alert: Alert, event: RecordedEvent, table: RowContext) -> Phrase:
    """``Alert Lag on orders had data again and still fired: "…"``."""
    return say("Alert ", phrases.alert_named(alert.name), _where(alert, table), " had data again and still fired",
               quoted(": ", text_in(event.data, "reason") or text_in(event.data, "summary")))  # fmt: skip


def _begun_anew(alert: Alert, event: RecordedEvent, table: RowContext) -> Phrase:
    """``Alert Lag fired again on orders; whether it had ended before is not recorded: "…"``."""
    return say("Alert ", phrases.alert_named(event.title), " fired again", _where(alert, table),
               "; whether it had ended before is not recorded",
               quoted(": ", text_in(event.data, "summary")))  # fmt: skip


def _where(alert: Alert | RecordedEvent, table: RowContext) -> Phrase:
    """`` on checkout in production``."""
    name = alert.name if isinstance(alert, Alert) else alert.title
    on = phrases.beyond(name, alert.service)
    return say(with_name(" on ", on), with_name(" in ", facts.where(table.history, alert.environment)))


def _again(table: RowContext, alert: Alert) -> Phrase:
    """``, 6 min after it had ended``."""
    before = table.before.get(alert.fired.id)
    ended = before.end if before else None
    return say(", ", phrases.between(ended, alert.start), " after it had ended") if ended is not None else ()


def _firing_ids(spells: Run) -> tuple[str, ...]:
    """The firings and, of alerts that went on and off, every event, since it is told until when. Other ends have a row
    of their own."""
    begun: dict[int, list[str]] = defaultdict(list)
    finals: set[str] = set()
    for spell in spells:
        for alert in spell.episodes:
            begun[alert.start] += [each for each in alert.events if each not in alert.updates]
        if spell.last.resolved is not None and spell.last.fired is not spell.last.resolved and not spell.flaps:
            finals.add(spell.last.resolved.id)
    return tuple([each for start in sorted(begun) for each in sorted(begun[start]) if each not in finals])


def _count(table: RowContext, run: Run) -> Phrase:
    """``, 12 series by 18:05 (pod web-1, web-2, web-3 and 9 more)``."""
    if len(run) == 1:
        return ()
    firsts = [spell.first for spell in run]
    count, by_whom = facts.series_in(firsts), told_by(table.history, firsts)
    if count == 1:
        return by_whom
    last = run[-1].start
    by = say(" by ", phrases.minute(last, table.zone, run[0].start)) if last - run[0].start >= MINUTE else ()
    label = "" if by_whom and count < len(run) else varying(firsts)
    values = list(dict.fromkeys(spell.first.fired.labels.get(label, "") for spell in run)) if label else []
    shown = phrases.listed([Name(value) for value in values if value], 3)
    return say(f", {count:,} series", by, if_any(shown, with_name(" (", label, " "), shown, ")"), by_whom)


def _which(table: RowContext, run: Run) -> Phrase:
    """``, pod web-2``: which of several series fired, where it fired alone; its severity is told beside it."""
    label, value = _apart(table, run)
    return with_name(f", {label} ", value) if label and value != run[0].first.fired.severity else ()


def _which_ended(table: RowContext, run: Run) -> Phrase:
    """`` (pod web-2)``, `` (critical)``: which of them ended."""
    label, value = _apart(table, run)
    return with_name(" (" if value == run[0].last.fired.severity else f" ({label} ", value, ")")


def _apart(table: RowContext, run: Run) -> tuple[str, str]:
    alert = run[0].first
    return table.told_apart.get((alert.source, alert.entity), ("", "")) if len(run) == 1 else ("", "")


def told_by(history: History, alerts: Iterable[Alert]) -> Phrase:
    """``, told by Alertmanager and Grafana``: that several senders tell one alert; nothing of one."""
    names = list(map(Name, systems(history, facts.tellers(alerts)).values()))
    return say(", told by ", phrases.listed(names, 3)) if names else ()


def systems(history: History, sources: Iterable[str]) -> dict[str, str]:
    """How each of several sources is written, so that a reader tells them apart: two of one kind as they are
    configured."""
    names = {source: phrases.system(history, source) for source in sources}
    counts = Counter(names.values())
    return {source: name if counts[name] == 1 else source for source, name in names.items()}


def _on_and_off(table: RowContext, run: Run) -> Phrase:
    """``, on and off, 4 times until 14:31``."""
    if not any(spell.flaps for spell in run):
        return ()
    times = sum(len(spell.episodes) for spell in run)
    ended = all(over(spell.last) is not None for spell in run)
    last = max((over(spell.last) if ended else None) or spell.last.start for spell in run)
    until = phrases.minute(last, table.zone, run[0].start)
    return say(f", on and off, {counted(times, 'time')} {'until' if ended else 'by'} ", until)


def _shared(run: Run) -> str | None:
    """What the alert says of itself: what all its series say, else what the first says."""
    return phrases.text_in(run[0].first.fired.data, "summary") or phrases.text_in(
        run[0].first.fired.data, "description"
    )


# --- ends -------------------------------------------------------------------------------------------------------


def _ends_plan(spells: Run) -> Plan:
    """The ends of one alert, or of several within a minute; it stands where the last of them is."""
    leading = tuple([facts.end_event(spell.last) for spell in spells])
    at = max(spell.end or 0 for spell in spells)
    return Plan(at=at, type="alert.resolved", cites=cites(leading), wording=partial(_ended, spells), led_by=leading)


def _ended(spells: Run, table: RowContext) -> Phrase:
    kinds: dict[tuple[str, str | None, str | None], list[FlappingRun]] = {}
    for spell in sorted(spells, key=lambda spell: (spell.start, spell.entity)):
        environment = facts.where(table.history, spell.first.environment)
        kinds.setdefault((spell.first.name, spell.first.service, environment), []).append(spell)
    at = max(spell.end or 0 for spell in spells)
    endings = _named_together([_one_end(run, table, at) for run in itertools.islice(kinds.values(), NAMED)])
    rest = len(kinds) - NAMED
    more = say("; ", counted(rest, "more alert"), " resolved") if rest > 0 else ()
    return say(phrases.capital(endings[0]), *(say("; ", each) for each in endings[1:]), more)


def _one_end(run: Run, table: RowContext, at: int) -> NamedSentence:
    alert = run[0].last
    ends = sorted(spell.end or 0 for spell in run)
    count = facts.series_in([spell.first for spell in run])
    lengths = _lengths(run)
    length = phrases.lasted(max(lengths))
    on_and_off = " on and off" if any(spell.flaps for spell in run) else ""
    most = "up to " if len(set(lengths)) > 1 else ""
    since = f" after {'its' if count == 1 else 'their'} first start" if any(each.last.anew for each in run) else ""
    other = _other_minute(ends, table, at)
    sentence = say(_where(alert, table),
               f" ({count:,} series)" if count > 1 else _which_ended(table, run),
               f" resolved {most}" if since else f" resolved after {most}", length, since, on_and_off,
               "," if since and other else "", other, with_name(", by ", _ended_by(alert) if len(run) == 1 else None),
               _called(alert) if len(run) == 1 else (), _dated_back(run))  # fmt: skip
    return phrases.alert_named(alert.name), sentence


def _dated_back(run: Run) -> Phrase:
    """``, by its sender's clock 2 min before it fired``: the length before it is none that anybody measured."""
    ahead = max(spell.last.dated_back for spell in run)
    most = "up to " if len(run) > 1 else ""
    return if_any(ahead, f", by its sender's clock {most}", phrases.lasted(ahead), " before it fired")


def _lengths(run: Run) -> list[int]:
    """How long each series fired, µs; one that each of several senders told once, from its first start to its end."""
    firsts = [spell.first for spell in run]
    if facts.series_in(firsts) == 1 and len(run) == len(facts.tellers(firsts)):
        return [apart(min(spell.start for spell in run), max(spell.end or 0 for spell in run))]
    return [apart(spell.start, spell.end or 0) for spell in run]


def _ended_by(alert: Alert) -> str | None:
    """Who called it over, where a person did."""
    return alert.resolved.actor if alert.resolved is not None else None


def _called(alert: Alert) -> Phrase:
    """`` (issue resolved, CHECKOUT-45)``: what the sender calls the end, where it is that of something else; or
    `` (its rule was deleted)``: why, where its condition was not why."""
    data = alert.resolved.data if alert.resolved is not None else {}
    called = text_in(data, "called")
    if not called:
        return with_name(" (", text_in(data, "ended_as"), ")")
    return say(f" ({called}", with_name(", ", text_in(data, "subject")), ")")


def _other_minute(ends: Sequence[int], table: RowContext, at: int) -> Phrase:
    """When it ended, where that was in another minute than the row's; of several ends from when on."""
    if ends[0] // MINUTE == at // MINUTE:
        return ()
    return say(" at " if ends[-1] // MINUTE == ends[0] // MINUTE else " from ",
               phrases.minute(ends[0], table.zone, at),
               "" if ends[-1] // MINUTE == ends[0] // MINUTE else " on")  # fmt: skip


# --- unfolded ---------------------------------------------------------------------------------------------------


def fired_alone(table: RowContext, event: RecordedEvent) -> Phrase:
    """One firing, unfolded; what was told of an alert that fired already is no new firing."""
    repeated = event.id in table.repeats
    if event.id in table.anew:
        return _begun_anew(table.anew[event.id], event, table)
    return say("Alert ", phrases.alert_named(event.title), " still fired" if repeated else " fired",
               _where(event, table), with_name(" (", event.severity, ")"),
               quoted(": ", phrases.text_in(event.data, "summary")))  # fmt: skip


def updated_alone(table: RowContext, event: RecordedEvent) -> Phrase:
    """What was said anew of an alert that fires, unfolded."""
    return say("Alert ", phrases.alert_named(event.title), _where(event, table), " still fired",
               quoted(": ", table.said_anew.get(event.id)))  # fmt: skip


def ended_alone(table: RowContext, event: RecordedEvent) -> Phrase:
    """One end, unfolded."""
    if event.id in table.unbegun and text_in(event.data, "called"):
        # What its sender tells of is an alert only where it fired.
        return phrases.observed(table.history, event)
    alert = table.resolves.get(event.id)
    unbegun = say("; when it had fired is not recorded") if event.id in table.unbegun else ()
    after = say(" after ", phrases.between(alert.start, event.occurred_at)) if alert else ()
    where = with_name(" in ", facts.where(table.history, event.environment))
    on = phrases.beyond(event.title, event.service)
    return say("Alert ", phrases.alert_named(event.title), with_name(" on ", on), where, " resolved",
               after, unbegun)  # fmt: skip
