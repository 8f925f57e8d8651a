"""The labels in front of rows: which event of the incident was the detection, the page, the recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from collector.event import RecordedEvent
from renderers import facts, phrases
from renderers.history import History
from renderers.phrases import Phrase
from renderers.rows import pages, people
from renderers.rows.plan import Plan, RowContext, Wording

LABELS = (
    "First symptom", "Detected", "Paged", "Acknowledged", "Mitigated", "Alert ended", "Last alert ended", "Resolved",
)  # fmt: skip
"""Every label, in the order in which several are shown on one row."""

_MOMENTS = (
    ("First symptom", "first_symptom"),
    ("Detected", "detected"),
    ("Acknowledged", "acknowledged"),
    ("Mitigated", "mitigated"),
    ("Resolved", "resolved"),
)

_GOING_ON: dict[str, Callable[[RowContext, RecordedEvent, str], Phrase]] = {
    "page.acknowledged": pages.acknowledged_on,
    "mark.set": people.marked_on,
    "incident.resolved": people.declared_on,
}
"""Types whose row goes on from its label in lower case: ``Acknowledged by Ana``."""


def labelled(table: RowContext, plans: Iterable[Plan]) -> Iterator[Plan]:
    """The rows with their labels, each label on the first row that its event leads or is folded into."""
    waiting = _labels(table)
    for plan in plans:
        if waiting.keys().isdisjoint(plan.cites):
            yield plan
            continue
        names: list[str] = []
        for event_id in plan.cites:
            fitting = [name for name in waiting.get(event_id, ()) if _fits(name, plan.type)]
            if fitting:
                names += fitting
                waiting[event_id] = [name for name in waiting[event_id] if name not in fitting]
        if "Detected" in names and "First symptom" in names and _at_once(table.history):
            names.remove("First symptom")
        yield _under(table, plan, sorted(names, key=LABELS.index)) if names else plan


def _at_once(history: History) -> bool:
    """Whether the first symptom is what detected the incident; the label says so once."""
    return facts.instant(history, "first_symptom") == facts.instant(history, "detected")


def _labels(table: RowContext) -> dict[str, list[str]]:
    """Event id → the labels its row carries."""
    history, events = table.history, table.history.by_id
    labels: dict[str, list[str]] = {}
    for label, name in _MOMENTS:
        moment = facts.moment(history, name)
        if moment is None or not moment.cites or (name == "mitigated" and moment.known != "stated"):
            continue
        if name == "resolved" and not history.resolved:
            continue
        if name == "first_symptom" and (moment.at or 0) > (facts.instant(history, "detected") or moment.at or 0):
            continue  # whoever detected it before had seen another one
        exact = [each for each in moment.cites if each in events and events[each].occurred_at == moment.at]
        labels.setdefault((exact or list(moment.cites))[0 if name != "resolved" else -1], []).append(label)
    # Where somebody declared an incident and called nobody else, nobody was paged.
    called = [page for page in history.pages if not page.declared]
    paged = next((event for page in called if (event := phrases.page_event(page))), None)
    if paged:
        labels.setdefault(paged.id, []).append("Paged")
    last = history.last_ended
    if last and last.resolved:
        labels.setdefault(last.resolved.id, []).append("Alert ended" if facts.alone(history) else "Last alert ended")
    return labels


def _fits(label: str, event_type: str) -> bool:
    """Whether a label belongs on a row of this type, where one event gives a row for its start and one for its end."""
    if event_type == "alert.firing":
        return label in ("First symptom", "Detected")
    if event_type == "alert.resolved":
        return label in ("Alert ended", "Last alert ended", "Resolved", "Mitigated")
    return True


def _under(table: RowContext, plan: Plan, names: Sequence[str]) -> Plan:
    """The row under its labels; where the last of them is the row's own verb, the row goes on from it."""
    label = ", ".join(names)
    if plan.type not in _GOING_ON:
        return msgspec.structs.replace(plan, label=label)
    event = table.history.by_id[plan.cites[0]]
    return msgspec.structs.replace(plan, label=label, wording=partial(_going_on, event, names[-1], plan.wording))


def _going_on(event: RecordedEvent, label: str, alone: Wording, table: RowContext) -> Phrase:
    return _GOING_ON[event.type](table, event, label) or alone(table)
