"""The rows of alerts: series of one alert told together, flapping counted, ends that come together as one row.

Linear in the alerts, but for sorting. Nothing is dropped: a row cites every
event that it stands for.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from collector.event import MINUTE, RecordedEvent
from renderers import facts, phrases
from renderers.document import Name
from renderers.history import Alert, Spell
from renderers.phrases import Phrase, cites, named, quoted, say, when
from renderers.rows.plan import Plan, Table
from renderers.spells import over

SERIES = 3
"""From how many series of one alert on they are one row."""
SERIES_GAP = 5 * MINUTE
"""Series that start, or end, within this of the one before are told together."""
ENDS_SPAN = MINUTE
"""Ends of different alerts within this are one row."""


def _series(found: Iterable[tuple[int, Spell]]) -> Iterator[list[Spell]]:
    """Spells of one alert name and severity whose times follow each other closely; fewer than three stand alone.

    They come with the time in question, in its order.
    """
    last: dict[tuple[str, str | None], tuple[int, list[Spell]]] = {}
    runs: list[list[Spell]] = []
    for time, spell in found:
        key = (spell.first.name, spell.first.severity)
        before, run = last.get(key, (0, None))
        if run is None or time - before >= SERIES_GAP:
            run = []
            runs.append(run)
        run.append(spell)
        last[key] = (time, run)
    for run in runs:
        if len(run) >= SERIES and _distinct(run) >= SERIES:
            yield run
        else:
            yield from ([spell] for spell in run)


def plans(table: Table) -> Iterator[Plan]:
    """The rows of firings, then those of ends."""
    found = table.history.spells
    for run in _series((spell.start, spell) for spell in found):
        yield fired_plan(run)
    ended = [(spell.end, spell.start, spell.entity, spell) for spell in found if spell.end is not None]
    ended.sort(key=lambda item: item[:3])
    runs = list(_series((end, spell) for end, _, _, spell in ended))
    runs.sort(key=lambda run: (_end(run[-1]), run[0].start, run[0].entity))
    for joined in _together(runs):
        yield _ends_plan(joined)


def _end(spell: Spell) -> int:
    return spell.end or 0


def _together(runs: Sequence[list[Spell]]) -> Iterator[list[list[Spell]]]:
    """Runs of ends whose last ends lie within a minute of the first of them."""
    held: list[list[Spell]] = []
    for run in runs:
        if held and _end(run[-1]) - _end(held[0][-1]) > ENDS_SPAN:
            yield held
            held = []
        held.append(run)
    if held:
        yield held


def fired_plan(run: Sequence[Spell]) -> Plan:
    """The row of one alert's firing, or of several series of it."""
    return Plan(at=run[0].start, type="alert.firing", cites=_firing_ids(run), told=partial(_fired, run),
                led_by=tuple([spell.first.fired for spell in run]))  # fmt: skip


def _fired(run: Sequence[Spell], table: Table) -> Phrase:
    first = run[0].first
    services = _services([spell.first.service for spell in run])
    return say(alert_fired(first.name), services, named(" (", first.severity, ")"), _count(table, run),
               _flaps(table, run), quoted(": ", _shared(run)))  # fmt: skip


def alert_fired(name: str) -> Phrase:
    """``Alert X fired``."""
    return say("Alert ", Name(name), " fired") if name else say("Unnamed alert fired")


def _firing_ids(run: Sequence[Spell]) -> tuple[str, ...]:
    """The firings and, of alerts that flapped, every event but the last end, which has its own row."""
    begun: dict[int, list[str]] = defaultdict(list)
    finals: set[str] = set()
    for spell in run:
        for alert in spell.episodes:
            begun[alert.start] += alert.events
        if alert.resolved is not None and alert.fired is not alert.resolved:
            finals.add(alert.resolved.id)
    return tuple([each for start in sorted(begun) for each in sorted(begun[start]) if each not in finals])


def _services(services: Sequence[str | None]) -> Phrase:
    names = [Name(name) for name in dict.fromkeys(services) if name]
    return say(" on ", phrases.listed(names, 3, ("more service", "more services"))) if names else ()


def _count(table: Table, run: Sequence[Spell]) -> Phrase:
    """``, 12 series (pod) by 14:05``."""
    if len(run) == 1:
        return ()
    count = len({spell.entity for spell in run})
    until = phrases.minute(run[-1].start, table.zone, run[0].start)
    varying = _varying([spell.first for spell in run])
    return say(f", {count:,} series", when(varying, " (", phrases.listed([Name(v) for v in varying], end=", "), ")"),
               f" by {until}" if run[-1].start - run[0].start >= MINUTE else "")  # fmt: skip


def _varying(alerts: Sequence[Alert]) -> list[str]:
    """The labels in which the series differ; none where they are too many to say anything."""
    first = alerts[0].fired.labels
    found: set[str] = set()
    for alert in alerts[1:]:
        labels = alert.fired.labels
        found |= {name for name in first if labels.get(name) != first[name]}
        found |= {name for name in labels if name not in first}
    return sorted(found) if len(found) <= 2 else []


def _flaps(table: Table, run: Sequence[Spell]) -> Phrase:
    """One flap is told in full, more are counted."""
    flapping = sum(spell.flaps for spell in run)
    if not flapping:
        return ()
    again = [(a, b) for spell in run for a, b in itertools.pairwise(spell.episodes)]
    since = run[0].start
    start = phrases.minute(min(over(a) or 0 for a, _ in again), table.zone, since)
    end = phrases.minute(max(b.start for _, b in again), table.zone, since)
    if flapping > 1:
        return say(f", flapped {flapping:,} times, {start}–{end}")
    return say(f", ended {start}, fired again {end}" if start != end else f", ended and fired again {start}")


def _shared(run: Sequence[Spell]) -> str | None:
    """What the alert says of itself, where all its series say the same."""
    summaries = {phrases.text_in(spell.first.fired.data, "summary") for spell in run}
    return next(iter(summaries)) if len(summaries) == 1 else None


def _ends_plan(runs: Sequence[list[Spell]]) -> Plan:
    """The ends of one alert, or of several within a minute."""
    leading = tuple([facts.end_event(spell.last) for run in runs for spell in run])
    return Plan(at=max(_end(run[-1]) for run in runs), type="alert.resolved", cites=cites(leading),
                told=partial(_ended, runs), led_by=leading)  # fmt: skip


def _ended(runs: Sequence[list[Spell]], table: Table) -> Phrase:
    return _one_end(table, runs[0]) if len(runs) == 1 else _many_ends(runs)


def _one_end(table: Table, run: Sequence[Spell]) -> Phrase:
    alert = run[0].last
    services = _services([spell.last.service for spell in run])
    if len(run) == 1:
        length = phrases.lasted(_end(run[0]) - run[0].start) + (" on and off" if run[0].flaps else "")
        return say(phrases.capital(phrases.alert_named(alert.name)), " resolved", services, f" after {length}")
    first = phrases.minute(_end(run[0]), table.zone, _end(run[-1]))
    spread = _end(run[-1]) - _end(run[0]) >= MINUTE
    return say(
        phrases.capital(phrases.alert_named(alert.name)),
        f" ({_distinct(run):,} series) resolved",
        services,
        f", from {first} on" if spread else "",
    )


def _distinct(run: Sequence[Spell]) -> int:
    return len({spell.entity for spell in run})


def _many_ends(runs: Sequence[list[Spell]]) -> Phrase:
    """``HighErrorRate, SlowCart (12 series) resolved``, in the order the alerts began."""
    began: dict[str, tuple[tuple[int, str], set[str]]] = {}
    for run in runs:
        for spell in run:
            key = (spell.start, spell.entity)
            known = began.get(spell.first.name, (key, set()))
            known[1].add(spell.entity)
            began[spell.first.name] = (min(known[0], key), known[1])
    names = [
        say(phrases.alert_named(name), f" ({len(series):,} series)" if len(series) > 1 else "")
        for name, (_, series) in sorted(began.items(), key=lambda item: item[1][0])
    ]
    return say(phrases.capital(phrases.listed(names, 4, ("more alert", "more alerts"), end=", ")), " resolved")


def fired_alone(table: Table, event: RecordedEvent) -> Phrase:
    """One firing, unfolded."""
    return say(alert_fired(event.title), named(" on ", event.service), named(" (", event.severity, ")"),
               quoted(": ", phrases.text_in(event.data, "summary")))  # fmt: skip


def ended_alone(table: Table, event: RecordedEvent) -> Phrase:
    """One end, unfolded."""
    alert = table.resolves.get(event.id)
    after = f" after {phrases.lasted(event.occurred_at - alert.start)}" if alert else ""
    return say(phrases.capital(phrases.alert_named(event.title)), " resolved", named(" on ", event.service), after)
