"""A row before it is worded, and what all rows look things up in.

A row is planned first (when, of what type, which events prove it) and put into
words only once it is known that the detail asked for shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import msgspec

from collector.event import HOUR, MINUTE, RecordedEvent, is_erased
from collector.semantics.leading import lead_changes, lead_of
from renderers import facts, page_facts, phrases, retold
from renderers.document import Name, Row
from renderers.history import Alert, Change, History, Page
from renderers.phrases import Phrase, capital
from renderers.times import day
from renderers.values import grown, said_anew

Wording = Callable[["RowContext"], Phrase]
"""Puts a row into words."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row that could be shown."""

    at: int
    type: str
    """The type of the event that leads the row."""
    cites: tuple[str, ...]
    wording: Wording
    led_by: tuple[RecordedEvent, ...] = ()
    """The events that the row's suffixes speak of: how late they were received, whether they were corrected."""
    label: str = ""
    idle: bool = False
    """Whether it tells of a run of a workflow that changes nothing."""
    wordy: bool = False
    """Whether it tells what somebody wrote, where rows of its type are left out."""


class RowContext:
    """What the rows of one history are worded with: its zone, and which page, change and alert an event belongs to."""

    def __init__(self, history: History, zone: str) -> None:
        self.history = history
        self.zone = zone

    @cached_property
    def imported(self) -> bool:
        """Whether one sentence above the table says how late the events were received."""
        return facts.imported(self.history) is not None

    @cached_property
    def pages(self) -> dict[str, Page]:
        """By entity."""
        return {page.entity: page for page in self.history.pages}

    @cached_property
    def changes(self) -> dict[str, Change]:
        """By the id of each of their events."""
        return {each: change for change in self.history.changes for each in change.events}

    @cached_property
    def before(self) -> dict[str, Alert]:
        """The episode before, by the id of what tells an episode of the same alert."""
        latest: dict[tuple[str, str], Alert] = {}
        earlier: dict[str, Alert] = {}
        for alert in self.history.alerts:
            # Two senders may call one alert the same, and each tells of its own.
            teller = alert.source, alert.entity
            if teller in latest:
                earlier[alert.fired.id] = latest[teller]
            latest[teller] = alert
        return earlier

    @cached_property
    def told_apart(self) -> dict[tuple[str, str], tuple[str, str]]:
        """By source and entity, of alerts of one name on one service that one label tells apart: the label, and its
        value."""
        apart: dict[tuple[str, str], tuple[str, str]] = {}
        for family in self.history.families:
            firsts = list({alert.entity: alert for alert in reversed(family.alerts)}.values())
            label = varying(firsts) if len(firsts) > 1 and not facts.tellers(family.alerts) else ""
            apart |= {(each.source, each.entity): (label, value) for each in firsts
                      if label and (value := each.fired.labels.get(label, ""))}  # fmt: skip
        return apart

    @cached_property
    def repeats(self) -> dict[str, Alert]:
        """Alerts by the ids of their events that told again what was known: all but the first firing."""
        return {each: alert for alert in self.history.alerts for each in alert.events if each != alert.fired.id}

    @cached_property
    def regraded(self) -> dict[str, tuple[Alert, str]]:
        """By the id of a firing that told another severity than the one before: its alert, and that severity."""
        return retold.regraded(self.history)

    @cached_property
    def renamed(self) -> dict[str, tuple[Alert, str]]:
        """By the id of a firing that called its alert something else than before, unless it told another severity."""
        return {each: told for each, told in retold.renamed(self.history).items() if each not in self.regraded}

    @cached_property
    def back(self) -> dict[str, Alert]:
        """By the id of a firing that came after its alert had no data: the alert, unless another row tells of it."""
        told = self.regraded.keys() | self.renamed.keys()
        return {each: alert for each, alert in retold.back_with_data(self.history).items() if each not in told}

    @cached_property
    def anew(self) -> dict[str, Alert]:
        """By the id of a firing of another start, no end before which was told: its alert, unless another row tells of
        it."""
        told = self.regraded.keys() | self.renamed.keys() | self.back.keys()
        return {each: alert for each, alert in retold.begun_anew(self.history).items() if each not in told}

    @cached_property
    def still(self) -> dict[str, tuple[RecordedEvent, ...]]:
        """The later tellings of each inhibition, by the id of the first; see :func:`inhibitions`."""
        return inhibitions(self.history)

    @cached_property
    def grown(self) -> frozenset[str]:
        """The ids of updates by which alerts told their largest value."""
        return grown(self.history)

    @cached_property
    def said_anew(self) -> dict[str, str]:
        """What each update said of its alert, by its id."""
        return said_anew(self.history)

    @cached_property
    def acknowledged(self) -> frozenset[str]:
        """The ids of the first acknowledgement of each page."""
        return frozenset(page.acknowledged.id for page in self.history.pages if page.acknowledged)

    @cached_property
    def described(self) -> dict[str, str]:
        """What is written of a page as a whole, by the id of each event that says something new of that."""
        by_event: dict[str, str] = {}
        for page in self.history.pages:
            current = page.title
            for step in page.steps:
                words = phrases.text_in(step.data, "summary").strip()
                if not words and step.type == "page.triggered":
                    words = phrases.text_in(step.data, "text").strip()
                if words and words != current:
                    by_event[step.id] = current = words
        return by_event

    @cached_property
    def reprioritised(self) -> dict[str, str]:
        """The priority that a page had before, by the id of each event that tells another beside something else, where
        no event of its own tells it."""
        by_event: dict[str, str] = {}
        for page in self.history.pages:
            current = ""
            own = {step.occurred_at for step in page.steps if step.type == "page.priority_updated"}
            for step in page.steps:
                priority = phrases.text_in(step.data, "priority")
                if current and priority and priority != current and step.occurred_at not in own:
                    by_event[step.id] = current
                current = priority or current
        return by_event

    @cached_property
    def led(self) -> dict[str, str]:
        """Who leads from a step of a page on, by its id, where that is told beside something else; empty where nobody
        does any more."""
        changes = [change for page in self.history.pages for change in lead_changes(page.steps)]
        return {step.id: lead_of(step) or "" for step, _ in changes if step.type != "page.role_assigned"}

    @cached_property
    def retitled(self) -> dict[str, str]:
        """What a page is called from a step of it on, by its id."""
        return {step: title for page in self.history.pages for step, title in page_facts.retitled(page).items()}

    @cached_property
    def restated(self) -> dict[str, tuple[str, str]]:
        """The status that a page had before and has since a step of it that tells that beside something else, by its
        id."""
        return {step: states for page in self.history.pages for step, states in page_facts.restated(page).items()}

    @cached_property
    def dated(self) -> dict[str, list[tuple[str, int]]]:
        """What a page dates anew with a step, by its id."""
        return {step: dates for page in self.history.pages for step, dates in page_facts.dated(page).items()}

    @cached_property
    def widened(self) -> dict[str, list[str]]:
        """The services that a page names as affected from a step of it on, by its id."""
        return {step: names for page in self.history.pages for step, names in page_facts.widened(page).items()}

    @cached_property
    def words(self) -> dict[str, str]:
        """What somebody wrote with a step of a page, by its id."""
        return {step: words for page in self.history.pages for step, words in page_facts.words_of(page).items()}

    @cached_property
    def unbegun(self) -> frozenset[str]:
        """The ids of resolves of alerts of which no firing is known."""
        return frozenset(event.id for event in self.history.unbegun)

    @cached_property
    def resolves(self) -> dict[str, Alert]:
        """Alerts by the id of what resolved them."""
        return {alert.resolved.id: alert for alert in self.history.alerts if alert.resolved is not None}


def row_of(plan: Plan, table: RowContext) -> Row:
    """The row in words."""
    suffixes = _suffixes(plan.led_by, table)
    wording = plan.wording(table)
    # What begins with our own words begins as they do.
    parts = capital(wording) if wording and isinstance(wording[0], Name) else wording
    return Row(at=plan.at, label=plan.label, parts=parts, cites=plan.cites, type=plan.type, suffixes=suffixes)


def _suffixes(events: Sequence[RecordedEvent], table: RowContext) -> tuple[str, ...]:
    """That events were received late, unless one sentence says it of all, or before they happened by their sender's
    clock; that they came without a time; that a person corrected or erased them."""
    late, early, corrected, erased, brought = 0, 0, False, "", False
    untimed = any(event.time_quality == "absent" for event in events)
    for event in events:
        early = max(early, facts.earliness(event))
        brought = brought or facts.brought_in(event)
        late = max(late, 0 if table.imported else facts.lateness(event))
        corrected = corrected or event.amendment == "correction"
        erased = erased or (_erased(event, table.zone) if is_erased(event) else "")
    most = "up to " if len(events) > 1 else ""
    span = f"{most}{phrases.lasted(late // MINUTE * MINUTE).text}"
    words = "" if not late else f"imported {span} later" if brought else f"received {span} late"
    before = f"received {most}{phrases.lasted(early // MINUTE * MINUTE).text} before that" if early else ""
    receipt = "time of receipt" if untimed else ""
    return tuple(word for word in (words, before, receipt, "corrected" if corrected else "", erased) if word)


def _erased(event: RecordedEvent, zone: str) -> str:
    """``erased on 2026-11-28 by root``, as far as the event says it."""
    at, by = event.data.get("amended_at"), event.data.get("amended_by")
    when = f" on {day(at, zone)}" if type(at) is int else ""
    return f"erased{when}{f' by {by}' if isinstance(by, str) and by else ''}"


_INHIBITED = "inhibition_muted_alert"
_DAILY = 25 * HOUR


def inhibitions(history: History) -> dict[str, tuple[RecordedEvent, ...]]:
    """The later tellings of each inhibition of an alert, by the id of the first one: its sender tells it once a day as
    long as it lasts. One that comes after the alert fired or ended is another."""
    by_firing: dict[str, list[RecordedEvent]] = {}
    lasting: dict[tuple[str, str], RecordedEvent] = {}
    for event in history.events:
        of = (event.source, event.entity)
        if event.type.startswith("alert."):
            lasting.pop(of, None)
        elif str(event.data.get("type")).endswith(_INHIBITED):
            first = lasting.get(of)
            known = [] if first is None else [first, *by_firing.get(first.id, ())]
            if first is None or first.labels != event.labels or event.occurred_at - known[-1].occurred_at > _DAILY:
                lasting[of] = event
            else:
                by_firing.setdefault(first.id, []).append(event)
    return {first: tuple(events) for first, events in by_firing.items()}


def varying(alerts: Sequence[Alert]) -> str:
    """The label that tells the series apart; empty where it is not one alone."""
    first = alerts[0].fired.labels
    names: set[str] = set()
    for alert in alerts[1:]:
        labels = alert.fired.labels
        names |= {name for name in first if labels.get(name) != first[name]}
        names |= {name for name in labels if name not in first}
    return next(iter(names)) if len(names) == 1 else ""
