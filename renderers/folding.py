"""The rows of the timeline, and which of them become one.

``normal`` shows what a person can read: thousands of series of one alert are
one row, a flapping alert says how often. ``key`` keeps what a summary needs,
``all`` folds nothing. Everything is linear in the events. What is left out is
counted and its events are cited; nothing disappears silently.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from collector.event import MINUTE, RecordedEvent, rank
from renderers import facts, phrases
from renderers.document import Claim, Code, Name, Options, Row, Timeline
from renderers.history import Alert, Change, History, Page
from renderers.phrases import Phrase, cites, named, quoted, say, when
from renderers.words import counted

ROWS = 40
"""The most rows a timeline has, unless ``all`` was asked for."""
SERIES = 3
"""From how many series of one alert on they are one row."""
SERIES_GAP = 5 * MINUTE
"""Series that start, or end, within this of the one before are told together."""
CHANGE_SPAN = 10 * MINUTE
"""A change that took no longer than this is one row, at its end."""
ENDS_SPAN = MINUTE
"""Ends of different alerts within this are one row."""
FLAP_GAP = 15 * MINUTE
"""An alert that fires again within this of its end has flapped; later it is a new firing."""
STORM_SPAN = 5 * MINUTE
"""Where there are too many rows, unlabelled firings (or ends) this close together become one."""

QUIET = ("page.updated", "page.responder_replied", "page.role_assigned")
"""Types that ``normal`` leaves out of the table: details of the paging, counted below it."""
LABELS = ("First symptom", "Detected", "Paged", "Acknowledged", "Mitigated", "Last alert ended", "Resolved")
"""Every label, in the order in which several are shown on one row."""


class Spell(msgspec.Struct, frozen=True):
    """One alert from its first firing to its last end, whatever it flapped in between."""

    start: int
    end: int | None
    """The last episode's end; None where it is not known."""
    entity: str
    episodes: tuple[Alert, ...]

    @property
    def first(self) -> Alert:
        return self.episodes[0]

    @property
    def last(self) -> Alert:
        return self.episodes[-1]

    @property
    def flaps(self) -> int:
        return len(self.episodes) - 1


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    """What every row needs: the history, the zone, and which page and change an event belongs to."""

    history: History
    zone: str
    pages: dict[str, Page]
    changes: dict[str, Change]
    resolves: dict[str, Alert]
    places: dict[str, int]
    """Event id → its place among the history's events."""

    @classmethod
    def of(cls, history: History, zone: str) -> _Table:
        return cls(
            history=history,
            zone=zone,
            pages={page.entity: page for page in history.pages},
            changes={each: change for change in history.changes for each in change.events},
            resolves={alert.resolved.id: alert for alert in history.alerts if alert.resolved is not None},
            places={event.id: place for place, event in enumerate(history.events)},
        )


# --- the whole table --------------------------------------------------------------------------------------------


def timeline(history: History, options: Options, most: int = ROWS, told: Sequence[Row] | None = None) -> Timeline:
    """The rows in the detail asked for, at most ``most`` unless it is ``all``.

    ``told`` are the :func:`rows`, where the caller has them already.
    """
    every = rows(history, options) if told is None else told
    if options.detail == "all":
        return Timeline(rows=tuple(every))
    wanted = [row for row in every if _wanted(row, options.detail)]
    kept = fit(wanted, most, {event.id: event.title for event in history.events} if len(wanted) > most else {})
    return Timeline(rows=tuple(kept), left_out=_left_out(every, kept))


def rows(history: History, options: Options) -> list[Row]:
    """Every row, folded as the detail asks for, in order."""
    table = _Table.of(history, options.zone)
    found = _unfolded(table) if options.detail == "all" else itertools.chain(_alert_rows(table), _other_rows(table))
    return _ordered(_labelled(table, found))


def _wanted(row: Row, detail: str) -> bool:
    if row.label:
        return True
    if detail == "key":
        return row.type.startswith("change.") or row.type == "note.added"
    return row.type not in QUIET


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.at, rank(row.type), row.cites))


def _left_out(every: Sequence[Row], kept: Sequence[Row]) -> Claim | None:
    """How many rows are not shown, of which kinds, and how to see them."""
    known = {row.cites for row in kept}
    told = {each for row in kept if row.cites not in known or row.type in STORMING for each in row.cites}
    missing = [row for row in every if row.cites not in known and not told.issuperset(row.cites)]
    if not missing:
        return None
    counts = Counter(_kind(row.type) for row in missing)
    words = [counted(number, *kind) for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return phrases.claim(
        f"{counted(len(missing), 'row')} left out ({', '.join(words)}); ",
        Code("--detail all"),
        " shows every event",
        proof=tuple(dict.fromkeys(each for row in missing for each in row.cites)),
    )


def _kind(event_type: str) -> tuple[str, str]:
    kinds = {
        "alert.firing": ("alert firing", "alerts firing"),
        "alert.resolved": ("alert end", "alert ends"),
        "chat": ("chat message", "chat messages"),
        "note": ("note", "notes"),
        "change": ("change", "changes"),
        "observation": ("observation", "observations"),
        "page": ("detail of a page", "details of pages"),
        "status": ("status post", "status posts"),
    }
    return kinds.get(event_type) or kinds.get(event_type.partition(".")[0]) or ("statement", "statements")


# --- labels -----------------------------------------------------------------------------------------------------


def _labels(history: History) -> dict[str, list[str]]:
    """Event id → the labels its row carries."""
    found: dict[str, list[str]] = {}
    times = {event.id: event.occurred_at for event in history.events}
    for label, name in (("First symptom", "first_symptom"), ("Detected", "detected"), ("Acknowledged", "acknowledged"),
                        ("Mitigated", "mitigated"), ("Resolved", "resolved")):  # fmt: skip
        moment = facts.moment(history, name)
        if moment is None or not moment.cites or (name == "mitigated" and moment.known != "stated"):
            continue
        if name == "resolved" and not history.resolved:
            continue
        exact = [each for each in moment.cites if times.get(each) == moment.at]
        found.setdefault((exact or list(moment.cites))[0 if name != "resolved" else -1], []).append(label)
    paged = next((event for page in history.pages if (event := phrases.page_event(page))), None)
    if paged:
        found.setdefault(paged.id, []).append("Paged")
    last = facts.last_ended(history.alerts)
    if last and last.resolved:
        found.setdefault(last.resolved.id, []).append("Last alert ended")
    return found


def _labelled(table: _Table, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows with their labels, each label on the first row that its event leads or is folded into."""
    waiting = _labels(table.history)
    for row in rows:
        names: list[str] = []
        for each in row.cites:
            fitting = [name for name in waiting.get(each, ()) if _fits(name, row.type)]
            if fitting:
                names += fitting
                waiting[each] = [name for name in waiting[each] if name not in fitting]
        if "Detected" in names and "First symptom" in names:
            names.remove("First symptom")
        yield _under(table, row, sorted(names, key=LABELS.index)) if names else row


def _under(table: _Table, row: Row, names: Sequence[str]) -> Row:
    """The row under its labels; where the last of them is the row's own verb, the row goes on from it."""
    event = table.history.events[table.places[row.cites[0]]] if row.type in GOING_ON else None
    parts = GOING_ON[row.type](table, event, names[-1]) if event else ()
    return msgspec.structs.replace(row, label=", ".join(names), parts=parts or row.parts)


def _fits(label: str, event_type: str) -> bool:
    """Whether a label belongs on a row of this type, where one event gives a row for its start and one for its end."""
    if event_type == "alert.firing":
        return label in ("First symptom", "Detected")
    if event_type == "alert.resolved":
        return label in ("Last alert ended", "Resolved", "Mitigated")
    return True


# --- alerts, folded ---------------------------------------------------------------------------------------------


def spells(alerts: Iterable[Alert]) -> list[Spell]:
    """The episodes of each alert, those that follow soon after an end taken together; by start, as the alerts are."""
    latest: dict[str, list[Alert]] = {}
    runs: list[list[Alert]] = []
    for alert in alerts:
        run = latest.get(alert.entity)
        before = _over(run[-1]) if run else None
        if run is not None and before is not None and alert.start - before <= FLAP_GAP:
            run.append(alert)
        else:
            latest[alert.entity] = run = [alert]
            runs.append(run)
    return [Spell(run[0].start, run[-1].end, run[0].entity, tuple(run)) for run in runs]


def _over(alert: Alert) -> int | None:
    """When the episode was over at the latest; None while it fires."""
    return alert.end if alert.end is not None else alert.until


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


def _alert_rows(table: _Table) -> Iterator[Row]:
    found = spells(table.history.alerts)
    for run in _series((spell.start, spell) for spell in found):
        yield _firing_row(table, run)
    ended = [(spell.end, spell.start, spell.entity, spell) for spell in found if spell.end is not None]
    ended.sort(key=lambda item: item[:3])
    runs = list(_series((end, spell) for end, _, _, spell in ended))
    runs.sort(key=lambda run: (_end(run[-1]), run[0].start, run[0].entity))
    for joined in _together(runs):
        yield _ends_row(table, joined)


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


def _firing_row(table: _Table, run: Sequence[Spell]) -> Row:
    first = run[0].first
    flapping = sum(spell.flaps for spell in run)
    parts = say(_alert_fired(first.name), _services([spell.first.service for spell in run]),
                named(" (", first.severity, ")"), _count(table, run), _flaps(table, run, flapping),
                quoted(": ", _shared(run)))  # fmt: skip
    late = [spell.first.fired for spell in run]
    ids = _firing_ids(run)
    return Row(
        at=first.start,
        label="",
        parts=parts,
        cites=ids,
        type="alert.firing",
        suffixes=_suffixes(late, many=len(run) > 1),
    )


def _alert_fired(name: str) -> Phrase:
    return say("Alert ", Name(name), " fired") if name else say("Unnamed alert fired")


def _firing_ids(run: Sequence[Spell]) -> tuple[str, ...]:
    """The firings and, of alerts that flapped, every event but the last end, which has its own row."""
    found: list[tuple[int, str]] = []
    for spell in run:
        for alert in spell.episodes:
            own = alert is spell.last and alert.resolved is not None and alert.fired is not alert.resolved
            final = alert.resolved.id if own and alert.resolved else ""
            found += [(alert.start, each) for each in alert.events if each != final]
    found.sort()
    return tuple(dict.fromkeys([each for _, each in found]))


def _services(services: Sequence[str | None]) -> Phrase:
    names = [Name(name) for name in dict.fromkeys(services) if name]
    return say(" on ", phrases.listed(names, 3, ("more service", "more services"))) if names else ()


def _count(table: _Table, run: Sequence[Spell]) -> Phrase:
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


def _flaps(table: _Table, run: Sequence[Spell], flapping: int) -> Phrase:
    """One flap is told in full, more are counted."""
    if not flapping:
        return ()
    again = [(a, b) for spell in run for a, b in itertools.pairwise(spell.episodes)]
    since = run[0].start
    start = phrases.minute(min(_over(a) or 0 for a, _ in again), table.zone, since)
    end = phrases.minute(max(b.start for _, b in again), table.zone, since)
    if flapping > 1:
        return say(f", flapped {flapping:,} times, {start}–{end}")
    return say(f", ended {start}, fired again {end}" if start != end else f", ended and fired again {start}")


def _shared(run: Sequence[Spell]) -> str | None:
    """What the alert says of itself, where all its series say the same."""
    summaries = {phrases.text_in(spell.first.fired.data, "summary") for spell in run}
    return next(iter(summaries)) if len(summaries) == 1 else None


def _ends_row(table: _Table, runs: Sequence[list[Spell]]) -> Row:
    """The ends of one alert, or of several within a minute."""
    ids = cites(spell.last.resolved or spell.last.fired for run in runs for spell in run)
    at = max(_end(run[-1]) for run in runs)
    parts = _one_end(table, runs[0]) if len(runs) == 1 else _many_ends(runs)
    leading = [facts.end_event(spell.last) for run in runs for spell in run]
    return Row(at=at, label="", parts=parts, cites=ids, type="alert.resolved",
               suffixes=_suffixes(leading, many=len(leading) > 1))  # fmt: skip


def _one_end(table: _Table, run: Sequence[Spell]) -> Phrase:
    alert = run[0].last
    services = _services([spell.last.service for spell in run])
    if len(run) == 1:
        length = phrases.lasted(_end(run[0]) - run[0].start)
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


def _suffixes(events: Iterable[RecordedEvent], *, many: bool = False) -> tuple[str, ...]:
    """That events were received late, or corrected by a person."""
    late, corrected = 0, False
    for event in events:
        late = max(late, facts.lateness(event))
        corrected = corrected or event.amendment == "correction"
    words = f"received {'up to ' if many else ''}{phrases.lasted(late // MINUTE * MINUTE)} late" if late else ""
    return tuple(word for word in (words, "corrected" if corrected else "") if word)


# --- everything else, one row an event --------------------------------------------------------------------------


def _other_rows(table: _Table) -> Iterator[Row]:
    for event in table.history.events:
        if event.type.startswith("alert."):
            continue
        change = table.changes.get(event.id)
        if change is not None:
            yield from _change_rows(table, change, event)
        elif (row := _event_row(table, event)) is not None:
            yield row


def _change_rows(table: _Table, change: Change, event: RecordedEvent) -> Iterator[Row]:
    """A short change is one row at its end; a longer one has a row for its start and one for its end."""
    if event.id == change.last.id:
        short = change.first.id != change.last.id and (change.end or 0) - change.start <= CHANGE_SPAN
        ids = change.events if short or change.last.id == change.first.id else (event.id,)
        yield _row(event, _change_told(change, event), ids)
    elif event.id == change.first.id and (change.end is None or change.end - change.start > CHANGE_SPAN):
        yield _row(event, _change_told(change, event), tuple(e for e in change.events if e != change.last.id))


def _unfolded(table: _Table) -> Iterator[Row]:
    """A row for each event; an alert whose firing was not received has one more, for its start."""
    for alert in table.history.alerts:
        if alert.fired.type == "alert.resolved":
            yield _firing_row(table, [Spell(start=alert.start, end=alert.end, entity=alert.entity, episodes=(alert,))])
    for event in table.history.events:
        change = table.changes.get(event.id)
        row = _row(event, _change_told(change, event)) if change else _event_row(table, event)
        if row is not None:
            yield row


def _row(event: RecordedEvent, parts: Phrase, ids: tuple[str, ...] = (), at: int | None = None) -> Row:
    return Row(at=event.occurred_at if at is None else at, label="", parts=parts, cites=ids or (event.id,),
               type=event.type, suffixes=_suffixes([event]))  # fmt: skip


def _event_row(table: _Table, event: RecordedEvent) -> Row | None:
    """The row of one event, or None for what belongs elsewhere in the draft."""
    told = _TOLD.get(event.type)
    if told is None:
        family = event.type.partition(".")[0]
        told = {"page": _page_step, "change": _change_alone}.get(family)
    parts = told(table, event) if told else ()
    return _row(event, parts) if parts else None


def _fired(table: _Table, event: RecordedEvent) -> Phrase:
    return say(_alert_fired(event.title), named(" on ", event.service), named(" (", event.severity, ")"),
               quoted(": ", phrases.text_in(event.data, "summary")))  # fmt: skip


def _ended(table: _Table, event: RecordedEvent) -> Phrase:
    alert = table.resolves.get(event.id)
    after = f" after {phrases.lasted(event.occurred_at - alert.start)}" if alert else ""
    return say(phrases.capital(phrases.alert_named(event.title)), " resolved", named(" on ", event.service), after)


# pages


def _people(names: Sequence[str]) -> Phrase:
    return phrases.listed([Name(name) for name in names], 3)


def _assigned(event: RecordedEvent, before: str) -> Phrase:
    people = phrases.texts_in(event.data, "assignees")
    return say(before, _people(people)) if people else ()


def _triggered(table: _Table, event: RecordedEvent) -> Phrase:
    """The page's title is told only where no alert tells it."""
    title = None if table.history.alerts else event.title
    return say(phrases.page_called(event), " triggered", _assigned(event, " for "), quoted(": ", title))


def _waited(table: _Table, event: RecordedEvent) -> int | None:
    """How long after the page, µs; None where its start is not known."""
    page = table.pages.get(event.entity)
    return event.occurred_at - page.start if page and page.triggered and event.occurred_at >= page.start else None


def _acknowledged(table: _Table, event: RecordedEvent) -> Phrase:
    by = named(" by ", event.actor)
    return say(phrases.page_called(event), " acknowledged", by, _after_page(table, event, ", "))


def _after_page(table: _Table, event: RecordedEvent, before: str) -> Phrase:
    waited = _waited(table, event)
    return say(f"{before}{phrases.lasted(waited)} after the page") if waited is not None else ()


def _acknowledged_on(table: _Table, event: RecordedEvent, label: str) -> Phrase:
    """``by Ana, 1 min 30 s after the page``."""
    if label != "Acknowledged":
        return ()
    if event.actor:
        return say("by ", Name(event.actor), _after_page(table, event, ", "))
    return _after_page(table, event, "after waiting, ")


def _escalated(table: _Table, event: RecordedEvent) -> Phrase:
    page = table.pages.get(event.entity)
    waited = _waited(table, event)
    taken = page is not None and page.acknowledged is not None and page.acknowledged.occurred_at <= event.occurred_at
    after = f" after {phrases.lasted(waited)} unacknowledged" if waited is not None and not taken else ""
    several = len(table.pages) > 1
    subject = say(phrases.page_called(event), " escalated") if several else say("Escalated")
    return say(subject, _assigned(event, " to "), after)


_PAGE_STEPS = {
    "page.resolved": (" resolved", " by "),
    "page.reopened": (" reopened", " by "),
    "page.unacknowledged": (" was no longer acknowledged", ""),
    "page.updated": (" updated", " by "),
    "page.reclassified": (" reclassified", " by "),
    "page.responder_added": (": another responder asked for", " by "),
    "page.responder_replied": (": a responder answered", ""),
    "page.role_assigned": (": a role was assigned", " by "),
}


def _page_step(table: _Table, event: RecordedEvent) -> Phrase:
    called = phrases.page_called(event)
    if event.type in ("page.reassigned", "page.delegated"):
        return say(called, " ", event.type.removeprefix("page."), _assigned(event, " to "))
    if event.type == "page.priority_updated":
        priority = phrases.text_in(event.data, "priority") or event.severity
        return say(called, ": priority ", say("set to ", Name(priority)) if priority else "changed")
    words, by = _PAGE_STEPS.get(event.type, (" updated", " by "))
    return say(called, words, named(by, event.actor) if by else ())


# changes


def _change_told(change: Change, event: RecordedEvent) -> Phrase:
    """A change as its event left it: started, or what came of it."""
    ended = event.id == change.last.id
    outcome = change.outcome if ended else event.type.removeprefix("change.")
    told = _CHANGES.get(change.kind, _deploy_told)
    return told(change, phrases.OUTCOMES.get(outcome, outcome), ended)


def _took(change: Change, ended: bool) -> str:
    given = change.last.data.get("duration")
    if not ended or change.outcome == "started":
        return ""
    if change.end is not None and change.end > change.start:
        return f" in {phrases.lasted(change.end - change.start)}"
    return f" in {phrases.lasted(given)}" if isinstance(given, int) and given > 0 else ""


def _reference(change: Change, *, actor: bool = True) -> Phrase:
    """``(ref, actor)``, without what the title says already."""
    ref = phrases.text_in(change.last.data, "ref") or phrases.text_in(change.last.data, "sha")[:7]
    known = [ref if ref != change.title else "", (change.actor or "") if actor else ""]
    names = [Name(each) for each in known if each]
    return say(" (", phrases.listed(names, end=", "), ")") if names else ()


def _deploy_told(change: Change, outcome: str, ended: bool) -> Phrase:
    noun = {"deploy": "Deploy"}.get(change.kind, "Change")
    if ended and change.outcome == "rolled_back":
        outcome = "was rolled back"
    title = change.title if change.title not in (change.service, change.environment) else None
    return say(noun, named(" of ", change.service or phrases.repository(change)), named(" to ", change.environment),
               f" {outcome}", _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


def _rollback_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Rollback", named(" of ", change.service or phrases.repository(change)),
               named(" in ", change.environment), f" {outcome}", _took(change, ended))  # fmt: skip


def _merge_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("PR", phrases.pull_request_number(change), quoted(" ", change.title), " merged",
               named(" by ", change.actor))  # fmt: skip


def _push_told(change: Change, outcome: str, ended: bool) -> Phrase:
    ref = phrases.text_in(change.last.data, "ref")
    return say("Push", named(" to ", ref), named(" of ", phrases.repository(change)), named(" by ", change.actor),
               quoted(": ", change.title))  # fmt: skip


def _release_told(change: Change, outcome: str, ended: bool) -> Phrase:
    return say("Release", quoted(" ", change.title), named(" of ", change.service or phrases.repository(change)),
               " published", named(" by ", change.actor))  # fmt: skip


def _flag_told(change: Change, outcome: str, ended: bool) -> Phrase:
    state = phrases.text_in(change.last.data, "state")
    return say("Flag", quoted(" ", change.title), named(" of ", change.service), named(" in ", change.environment),
               named(" set to ", state) if state else " changed", named(" by ", change.actor))  # fmt: skip


def _workflow_told(change: Change, outcome: str, ended: bool) -> Phrase:
    name = phrases.text_in(change.last.data, "workflow") or change.title
    title = change.title if change.title != name else None
    owner = named(" of ", change.service or phrases.repository(change))
    return say("Workflow", quoted(" ", name), owner, f" {outcome}",
               _took(change, ended), when(ended, quoted(": ", title), _reference(change)))  # fmt: skip


_CHANGES: dict[str, Callable[[Change, str, bool], Phrase]] = {
    "deploy": _deploy_told,
    "rollback": _rollback_told,
    "merge": _merge_told,
    "push": _push_told,
    "release": _release_told,
    "flag": _flag_told,
    "workflow": _workflow_told,
}


def _change_alone(table: _Table, event: RecordedEvent) -> Phrase:
    """A change's event that belongs to no change that replay knows."""
    state = event.type.removeprefix("change.").replace("_", " ")
    return say("Change", named(" of ", event.service), f" {state}", named(" by ", event.actor),
               quoted(": ", event.title))  # fmt: skip


# people and the rest


def _note(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Note", named(", ", event.actor), quoted(": ", event.title))


def _chat(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Chat", named(", ", event.actor), quoted(": ", event.title))


def _status(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Status page", quoted(": ", event.title) or " updated")


def _observed(table: _Table, event: RecordedEvent) -> Phrase:
    return say(phrases.observation_called(event), named(", by ", event.actor),
               quoted(": ", phrases.observation_title(event)))  # fmt: skip


def _reported(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Reported", named(" by ", phrases.text_in(event.data, "by") or event.actor),
               named(" for ", event.service), quoted(": ", event.title))  # fmt: skip


MARKS = {
    "impact_started": "Impact began",
    "impact_ended": "Impact ended",
    "detected": "Detected",
    "mitigated": "Mitigated",
    "cause_identified": "Cause identified",
}
"""How a stated moment reads in the table."""


def _marked(table: _Table, event: RecordedEvent) -> Phrase:
    words = MARKS.get(phrases.text_in(event.data, "mark"))
    if not words:
        return ()
    by = phrases.text_in(event.data, "by")
    return say(words, named(" by ", by), named(", as stated by ", event.actor) or ", as stated",
               quoted(": ", event.title))  # fmt: skip


def _marked_on(table: _Table, event: RecordedEvent, label: str) -> Phrase:
    """``as stated by Ana: "Switched over"`` behind **Mitigated**."""
    if MARKS.get(phrases.text_in(event.data, "mark")) != label:
        return ()
    by = named("by ", phrases.text_in(event.data, "by"), ", ")
    return say(by, "as stated", named(" by ", event.actor), quoted(": ", event.title))


def _declared_over(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Declared resolved", named(" by ", event.actor))


def _declared_on(table: _Table, event: RecordedEvent, label: str) -> Phrase:
    return say("as stated", named(" by ", event.actor)) if label == "Resolved" else ()


def _declared_not_over(table: _Table, event: RecordedEvent) -> Phrase:
    return say("Declared not resolved after all", named(" by ", event.actor))


GOING_ON: dict[str, Callable[[_Table, RecordedEvent, str], Phrase]] = {
    "page.acknowledged": _acknowledged_on,
    "mark.set": _marked_on,
    "incident.resolved": _declared_on,
}
"""Types whose row goes on from its label in lower case: ``Acknowledged by Ana``."""

_TOLD: dict[str, Callable[[_Table, RecordedEvent], Phrase]] = {
    "alert.firing": _fired,
    "alert.resolved": _ended,
    "page.triggered": _triggered,
    "page.acknowledged": _acknowledged,
    "page.escalated": _escalated,
    "note.added": _note,
    "chat.message": _chat,
    "status.updated": _status,
    "observation.recorded": _observed,
    "incident.opened": _reported,
    "mark.set": _marked,
    "incident.resolved": _declared_over,
    "incident.reopened": _declared_not_over,
}


# --- lengths ----------------------------------------------------------------------------------------------------

STORMING = ("alert.firing", "alert.resolved", "page.triggered", "observation.recorded", "chat.message")
"""Types of which many close together are one row where there are too many rows."""


def fit(told: Sequence[Row], most: int, titles: Mapping[str, str]) -> list[Row]:
    """At most ``most`` rows: first what came close together becomes one row, then the least telling go.

    Of a kind that is too many, those that stay are spread evenly, so that the whole course is seen. ``titles`` are the
    events' titles by id.
    """
    shorter = list(told) if len(told) <= most else list(_stormed(told, titles))
    if len(shorter) <= most:
        return shorter
    kinds: dict[int, list[int]] = {}
    for index, row in enumerate(shorter):
        kinds.setdefault(_importance(row), []).append(index)
    keep: set[int] = set()
    for kind in sorted(kinds):
        keep.update(_spread(kinds[kind], most - len(keep)))
    return [row for index, row in enumerate(shorter) if index in keep]


def _spread(indices: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of them, the first among them and the others at even distances."""
    if len(indices) <= most:
        return list(indices)
    return [indices[place * len(indices) // most] for place in range(most)]


def _importance(row: Row) -> int:
    """0 stays longest."""
    if row.label:
        return 0
    family = row.type.partition(".")[0]
    if family in ("change", "status", "incident", "mark") or row.type == "page.acknowledged":
        return 1
    if row.type in ("alert.firing", "page.triggered", "page.escalated"):
        return 2
    return {"note": 3, "observation": 4, "page": 4}.get(family, 5)


def _stormed(told: Sequence[Row], titles: Mapping[str, str]) -> Iterator[Row]:
    """Unlabelled rows of one type within a few minutes as one row, where the first of them is."""
    held: dict[str, list[Row]] = {}
    runs: list[list[Row]] = []
    for row in told:
        run = held.get(row.type)
        if row.label or row.type not in STORMING:
            runs.append([row])
        elif run and row.at - run[0].at < STORM_SPAN:
            run.append(row)
        else:
            held[row.type] = [row]
            runs.append(held[row.type])
    for run in runs:
        yield run[0] if len(run) < SERIES else _storm_row(run, titles)
        if len(run) == SERIES - 1:
            yield run[1]


STORMS = {
    "alert.firing": ("alert fired", "alerts fired"),
    "alert.resolved": ("alert resolved", "alerts resolved"),
    "page.triggered": ("page triggered", "pages triggered"),
    "observation.recorded": ("observation", "observations"),
    "chat.message": ("chat message", "chat messages"),
}
"""How a row that stands for many is worded."""


def _storm_row(run: Sequence[Row], titles: Mapping[str, str]) -> Row:
    """``7 alerts fired: A, B, C and 4 more``."""
    kind, ids = run[0].type, tuple(dict.fromkeys(each for row in run for each in row.cites))
    names: list[phrases.Said] = []
    if kind.startswith("alert."):
        names = [Name(name) for name in dict.fromkeys(titles.get(each, "") for each in ids) if name]
    if kind == "observation.recorded":
        names = list(dict.fromkeys(row.parts[0] for row in run if isinstance(row.parts[0], Name)))
    words = counted(len(names) if kind.startswith("alert.") and names else len(run), *STORMS[kind])
    listing = say(": ", phrases.listed(names, 4)) if names else ()
    return Row(at=run[0].at, label="", parts=say(words, listing), cites=ids, type=kind)
