"""From a History to what a picture of it shows: nothing that no event tells, and no event of it left out.

Alerts, changes, observations and reports stand in the lane of their service,
pages and people in lanes of their own. A bar is as long as its events say; of
what nobody ended it has no end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collector.event import RecordedEvent
from collector.semantics import severities
from renderers import escape, facts, moments, phrases
from renderers.cite import short_ids
from renderers.history import Alert, Change, History, Moment, Page
from renderers.phrases import Phrase, text_in
from renderers.picture.values import Chart, HatchedSilence, Item, Lane, Stretch
from renderers.plain_text import plain
from renderers.rows import sentences
from renderers.rows.people import MARKS
from renderers.silences import is_silence, silences
from renderers.status_page import vendor_of
from renderers.words import apart, counted, duration

NOWHERE = "no service named"
"""The lane of what names no service."""
_PLACE = {level: place for place, level in enumerate(("critical", "high", "warning", "info"))}
_POINTS = {
    "page.acknowledged": "acknowledged",
    "note.added": "note",
    "chat.message": "note",
    "status.updated": "status",
    "report.received": "report",
    "incident.opened": "report",
    "observation.recorded": "observation",
    "alert.resolved": "observation",
    "mark.set": "statement",
    "incident.resolved": "statement",
    "incident.reopened": "statement",
}
"""Which mark stands for which type; of other types of pages it is ``page``."""
_ASIDE = ("source.gap", "source.refused", "source.unrecognised", "collector.lost")
"""What sources and the collector say of themselves that is a mark; stops and starts are silences."""


def chart(history: History, *, zone: str, profile: str, title: str) -> Chart:
    """What the picture of an incident shows; the durations in the terms of ``profile``."""
    told = {each: plain(words) for each, words in sentences(history, zone).items()}
    lanes = (*_services(history, told), *_beside(history, told))
    dated = [each for each in history.moments.values() if each.at is not None]
    stretches, unknown = _durations(history, profile)
    hatched = tuple(_silences(history))
    cited = [*(item.cites for lane in lanes for item in (*lane.bars, *lane.marks)), *(each.cites for each in dated),
             *(each.cites for each in hatched), *(each.duration.cites for each in stretches)]  # fmt: skip
    known_ids = {*history.by_id, *(each.id for each in history.context.collector)}
    return Chart(
        title=title,
        zone=zone,
        lanes=lanes,
        moments=tuple(sorted(dated, key=lambda each: (each.at or 0, moments.NAMES.index(each.name)))),
        stretches=stretches,
        unknown=unknown,
        silences=hatched,
        private=_clean(history.context.private),
        short=short_ids(sorted(known_ids), {each for cites in cited for each in cites}),
    )


def level(alert: Alert) -> str:
    """How grave an alert is: the word that its sender used, within what the team lets open an incident."""
    if not alert.severity:
        return "unrated"
    place = severities.rank(alert.severity)[0] // 2
    rated = "critical" if place <= 2 else "high" if place < 5 else "warning" if place == 5 else "info"
    if alert.opening:
        return rated if _PLACE[rated] <= 1 else "high"
    return rated if _PLACE[rated] >= 2 else "warning"


def _clean(text: str) -> str:
    return escape.one_line(text)


# --- the lanes --------------------------------------------------------------------------------------------------


def _services(history: History, sentences_by_id: dict[str, str]) -> Iterator[Lane]:
    """A lane for each service, those first of which something was told first."""
    bars: dict[str, list[Item]] = {}
    marks: dict[str, list[Item]] = {}
    names: dict[str, str] = {}

    def lane(lanes_by_key: dict[str, list[Item]], service: str | None, item: Item) -> None:
        key = facts.folded(service) if service else ""
        names.setdefault(key, _clean(service) if service else NOWHERE)
        lanes_by_key.setdefault(key, []).append(item)

    for alert in history.alerts:
        lane(bars, alert.service, _alert(history, alert))
    for change in history.changes:
        item = _change(history, change, sentences_by_id)
        lane(marks if item.end is None and not _is_running(change) else bars, phrases.owner_of(change), item)
    for event in (*history.observations, *history.reports, *history.unbegun):
        if event.service:
            lane(marks, event.service, _mark(event, sentences_by_id))
    lanes_found = [
        Lane(name=names[key], bars=tuple(bars.get(key, ())), marks=tuple(_ordered(marks.get(key, ())))) for key in names
    ]
    yield from sorted(lanes_found, key=_begins)


def _begins(lane: Lane) -> tuple[bool, int, str]:
    """The key that puts first what something was told of first, and last what names no service."""
    return (lane.name == NOWHERE, min(item.start for item in (*lane.bars, *lane.marks)), lane.name)


def _beside(history: History, sentences_by_id: dict[str, str]) -> Iterator[Lane]:
    """The lanes of the pages, of the people, and of what sources said of themselves."""
    if history.pages:
        yield Lane(name="Pages", kind="pages", bars=tuple(_page(history, page) for page in history.pages), marks=())
    steps = [step for page in history.pages for step in page.steps
             if step.type not in ("page.triggered", "page.resolved")]  # fmt: skip
    said = [each for each in history.events if each.type in ("mark.set", "incident.resolved", "incident.reopened")]
    free = [each for each in (*history.observations, *history.reports, *history.unbegun) if not each.service]
    people = [*(_mark(each, sentences_by_id) for each in (*steps, *history.notes, *history.statuses, *said, *free)),
              *(_action(each) for each in history.actions)]  # fmt: skip
    if people:
        yield Lane(name="People", kind="people", bars=(), marks=tuple(_ordered(people)))
    aside = [_aside(history, each) for each in _own(history) if each.type in _ASIDE and not is_silence(each)]
    if aside:
        yield Lane(name="Sources", kind="sources", bars=(), marks=tuple(_ordered(aside)))


def _ordered(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.start, item.cites))


def _own(history: History) -> list[RecordedEvent]:
    """What sources and the collector said of themselves, each once, oldest first."""
    found = {each.id: each for each in (*history.context.collector, *history.collector)}
    return sorted(found.values(), key=lambda each: (each.occurred_at, each.id))


# --- bars -------------------------------------------------------------------------------------------------------


def _lasted(start: int, end: int | None) -> str:
    return "no end recorded" if end is None else duration(apart(start, end))


def _alert(history: History, alert: Alert) -> Item:
    name, severity = _clean(alert.name) or "alert without a name", _clean(alert.severity or "")
    summary = phrases.text_in(alert.fired.data, "summary") or phrases.text_in(alert.fired.data, "description")
    updates = [history.by_id[each] for each in sorted(alert.updates) if each in history.by_id]
    length = _lasted(alert.start, alert.end)
    return Item(
        kind="alert",
        tone=level(alert),
        start=alert.start,
        end=alert.end,
        label=" · ".join(piece for piece in (name, severity, length) if piece),
        title=" · ".join(piece for piece in (f"Alert {name}", severity or "severity not told",
                                             _series(alert), length, _clean(summary)) if piece),
        cites=alert.events,
        thread=f"alert {alert.source} {alert.entity}",
        family=f"alert {alert.name}",
        folded=name,
        ticks=tuple(sorted(each.occurred_at for each in updates)),
    )  # fmt: skip


def _series(alert: Alert) -> str:
    """The labels that tell the series of an alert apart, as its sender gave them."""
    labels = {key: value for key, value in alert.fired.labels.items() if key not in ("alertname", "severity")}
    return ", ".join(f"{_clean(key)}={_clean(value)}" for key, value in sorted(labels.items()))


def _page(history: History, page: Page) -> Item:
    event = phrases.page_event(page) or page.steps[0]
    called = plain(phrases.capital(phrases.page_called(history, event)))
    end = page.end if page.end is not None and page.end >= page.start else None
    title = _clean(page.title)
    service = _clean(page.service or "")
    return Item(
        kind="page",
        tone="page",
        start=page.start,
        end=end,
        label=" · ".join(piece for piece in (called, title) if piece),
        title=" · ".join(piece for piece in (called, title, service, _lasted(page.start, end)) if piece),
        cites=tuple(step.id for step in page.steps),
        thread=f"page {page.entity}",
        family=f"page {event.source}",
        folded=counted(len(history.pages), "page"),
    )


def _is_running(change: Change) -> bool:
    """Whether a change began and nobody told what came of it."""
    return change.ran and change.end is None and change.outcome == "started"


def _change(history: History, change: Change, sentences_by_id: dict[str, str]) -> Item:
    whole = change.ran and change.measured and change.end is not None and change.end > change.start
    start = change.start if whole or change.end is None else change.end
    back = change.kind == "rollback"
    words = plain(phrases.capital(phrases.change_called(change, on=False)))
    state = "" if change.outcome in ("succeeded", "merged", "pushed", "released", "tagged", "toggled", "published",
                                     "rolled_back") else f" ({change.outcome})"  # fmt: skip
    length = duration(apart(change.start, change.end or 0)) if whole else ""
    return Item(
        kind="change",
        tone="rollback" if back else "failed" if change.outcome in ("failed", "cancelled") else "change",
        start=start,
        end=change.end if whole else None,
        label=f"{words}{state}",
        title=" · ".join(piece for piece in (sentences_by_id.get(change.last.id, words), length) if piece),
        cites=change.events,
        thread=f"change {change.entity} {change.first.id}",
        family=f"change {change.kind} {'idle' if change.idle else ''}",
        folded=phrases.NOUNS.get(change.kind, "change"),
        faint=change.reach == "none",
    )


# --- marks ------------------------------------------------------------------------------------------------------


def _mark(event: RecordedEvent, told: dict[str, str]) -> Item:
    words = told.get(event.id) or _clean(event.title) or event.type
    kind = _POINTS.get(event.type, "page")
    return Item(kind=kind, tone=kind, start=event.occurred_at, label=_label(event, words), title=words,
                cites=(event.id,))  # fmt: skip


def _label(event: RecordedEvent, words: str) -> str:
    """The short form of a mark: who, and what."""
    actor, text = _clean(event.actor or ""), _clean(phrases.words_of(event))
    if event.type == "page.acknowledged":
        agent = _clean(text_in(event.data, "agent"))
        automatic = f"Acknowledged automatically by {agent}" if agent else "Acknowledged"
        return f"{actor} acknowledged" if actor else automatic
    if event.type in ("note.added", "chat.message") and text:
        return f"{actor}: {text}" if actor else text
    if event.type == "status.updated":
        return f"{_clean(vendor_of(event)) or 'Status'}: {text}"
    if event.type == "mark.set":
        return MARKS.get(text_in(event.data, "mark"), words)
    return words


def _action(event: RecordedEvent) -> Item:
    owner, due = (_clean(text_in(event.data, key)) for key in ("owner", "due"))
    beside = ", ".join(piece for piece in (owner, f"due {due}" if due else "") if piece)
    words = f"Action: {_clean(event.title)}"
    return Item(kind="action", tone="action", start=event.occurred_at, label=words,
                title=f"{words} ({beside})" if beside else words, cites=(event.id,))  # fmt: skip


def _aside(history: History, event: RecordedEvent) -> Item:
    source = _clean(phrases.system(history, event.source))
    words = {
        "source.gap": f"{source} left something out",
        "source.refused": f"A delivery to {_clean(text_in(event.data, 'of')) or source} was refused",
        "source.unrecognised": f"A delivery from {source} was not understood",
        "collector.lost": "The log was found to lack acknowledged events",
    }[event.type]
    return Item(kind="source", tone="source", start=event.occurred_at, label=words, title=words, cites=(event.id,))


# --- the top ----------------------------------------------------------------------------------------------------


def _durations(history: History, profile: str) -> tuple[tuple[Stretch, ...], tuple[str, ...]]:
    """The known durations, and a sentence for each that is not and for each moment that no duration asks for."""
    ends = moments.moments_of(history, profile)
    stretches: list[Stretch] = []
    unknown: dict[str, str] = {}
    for measure in moments.restate(history, profile):
        start, end = (_instant(ends.get(name)) for name in (measure.start, measure.end))
        if measure.micros is not None and start is not None and end is not None:
            stretches.append(Stretch(duration=measure, start=start, end=end))
        elif measure.why:
            unknown.setdefault(measure.why, f"{measure.term}: not known, {measure.why}")
    for moment in history.moments.values():
        if moment.at is None:
            basis: Phrase = phrases.capital(phrases.say(moment.basis))
            unknown.setdefault(moment.basis, plain(basis))
    return tuple(stretches), tuple(unknown.values())


def _instant(moment: Moment | None) -> int | None:
    return moment.at if moment is not None else None


def _silences(history: History) -> Iterator[HatchedSilence]:
    """When nobody was there to take webhooks, from a stop on record, or the last delivery, to the next start; and when
    what a source tells without end was missed."""
    own = _own(history)
    stops = [each for each in own if each.type == "collector.stopped"]
    for start in own:
        if start.type != "collector.started" or start.data.get("previous_stop") == "others":
            continue
        killed = start.data.get("previous_stop") == "missing"
        before = [] if killed else [each for each in stops if each.occurred_at <= start.occurred_at]
        last = before[-1].occurred_at if before else start.data.get("last_received_at")
        if isinstance(last, int) and 0 < last < start.occurred_at:
            words = "The collector was down" if before else (
                "The collector was down at some time between its last delivery and its start"
            )  # fmt: skip
            yield HatchedSilence(start=last, end=start.occurred_at, words=words, cites=_ids([*before[-1:], start]))
    for gap in silences(history):
        words = f"{_clean(gap.alert)} of {_clean(phrases.system(history, gap.of))} was not heard"
        yield HatchedSilence(start=gap.start, end=gap.end or facts.latest(history), words=words, cites=_ids(gap.events))


def _ids(events: Sequence[RecordedEvent]) -> tuple[str, ...]:
    return tuple(each.id for each in events)
