"""What a page is to a reader: whether it called somebody, and how it ended."""

from __future__ import annotations

from collector.event import MINUTE, Event, RecordedEvent, reading_order
from collector.semantics.episodes import micros
from collector.semantics.leading import lead_changes, lead_of, leading
from renderers.history import History, Moment, Page
from renderers.status_page import affected_by

_OTHERWISE = ("cancelled", "declined", "deleted")


def ended_as(event: RecordedEvent) -> str:
    """``deleted``: how a page ended that nobody called resolved; empty for any other."""
    reason = event.data.get("resolve_reason") if event.type == "page.resolved" else None
    return reason if isinstance(reason, str) and reason in _OTHERWISE else ""


def page_over(history: History, moment: Moment) -> str:
    """``the page was deleted``, ``the page was merged into another one``, ``the incident was resolved``, of several
    ``the last page was resolved``: how what a moment rests on ended; empty for the only page, where that was resolved,
    and for anything else."""
    last = history.by_id.get(moment.cites[-1]) if moment.basis == "page resolved" and moment.cites else None
    if last is None:
        return ""
    by_hand = any(page.declared for page in history.pages if page.entity == last.entity)
    how = "merged into another one" if last.type == "page.merged" else ended_as(last)
    several = not by_hand and not how and len([page for page in history.pages if page.merged is None]) > 1
    if not by_hand and not how and not several:
        return ""
    return f"the {'last ' if several else ''}{'incident' if by_hand else 'page'} was {how or 'resolved'}"


def over_as(history: History, moment: Moment) -> str:
    """:func:`page_over`, and ``it was declared resolved`` where a person called it over; empty for any other moment."""
    declared = moment.name == "resolved" and moment.known == "stated"
    return "it was declared resolved" if declared else page_over(history, moment)


def words_of(page: Page) -> dict[str, str]:
    """What somebody wrote with each step of a page, by the step's id, where no earlier step said the same: some senders
    say with every step what the page is described as."""
    by_step: dict[str, str] = {}
    earlier = {page.title}
    for step in page.steps:
        text, summary = step.data.get("text"), step.data.get("summary")
        earlier |= {step.title} if step.type == "page.updated" else set()
        if isinstance(text, str) and text.strip() not in ("", *earlier):
            by_step[step.id] = text
        earlier.update(words.strip() for words in (text, summary) if isinstance(words, str))
    return by_step


def retitled(page: Page) -> dict[str, str]:
    """What a page is called from an update of it on, by the update's id."""
    by_step: dict[str, str] = {}
    current = ""
    for step in page.steps:
        if step.type == "page.updated" and current and step.title.strip() not in ("", current):
            by_step[step.id] = step.title
        if step.type in ("page.triggered", "page.updated"):
            current = step.title.strip() or current
    return by_step


def restated(page: Page) -> dict[str, tuple[str, str]]:
    """The status that a page had before and has now, by the id of each update that tells another one, where no step of
    its own tells that at the same time."""
    by_step: dict[str, tuple[str, str]] = {}
    current = ""
    own = {step.occurred_at for step in page.steps if step.type != "page.updated"}
    for step in page.steps:
        set_to = step.data.get("to") if step.type == "page.status_updated" else None
        status = set_to or step.data.get("status")
        if not isinstance(status, str) or not status:
            continue
        if step.type == "page.updated" and current and status != current and step.occurred_at not in own:
            by_step[step.id] = (current, status)
        current = status
    return by_step


DATED = {"impact_started_at": "start", "mitigated_at": "mitigation", "resolved_at": "end"}
"""Keys under which a page says when something happened, whenever it was told, and what that was."""


def dated(page: Page) -> dict[str, list[tuple[str, int]]]:
    """What a page dates anew, and when that was, by the id of the step with which it does; the step's own time, give or
    take a minute, is none."""
    by_step: dict[str, list[tuple[str, int]]] = {}
    current: dict[str, int] = {}
    for step in page.steps:
        for key, called in DATED.items():
            at = micros(step.data.get(key))
            if at is not None and abs(at - current.setdefault(key, step.occurred_at)) >= MINUTE:
                by_step.setdefault(step.id, []).append((called, at))
            current |= {key: at} if at is not None else {}
    return by_step


def widened(page: Page) -> dict[str, list[str]]:
    """The services that a page names as affected from an update of it on, beside those before, by the update's id."""
    by_step: dict[str, list[str]] = {}
    services = {page.service}
    for step in page.steps:
        further = [name for name in affected_by(step) if name not in services]
        if further and step.type == "page.updated" and step is not page.steps[0]:
            by_step[step.id] = further
        services |= {step.service, *further}
    return by_step


def said_with(history: History, event: RecordedEvent) -> str:
    """What somebody wrote with a step of a page; empty where nobody did, and for any other event."""
    page = next((page for page in history.pages if event in page.steps), None)
    return words_of(page).get(event.id, "") if page is not None else ""


WAITING_AGAIN = {
    "page.reopened": "reopened",
    "page.unacknowledged": "no longer acknowledged",
    "page.snooze_ended": "no longer snoozed",
}
"""Types after which a page waits again, and what had happened to it."""
_NOT_WAITING = ("page.acknowledged", "page.snoozed", "page.resolved", "page.merged")


def waiting(page: Page) -> dict[str, tuple[int, RecordedEvent]]:
    """Since when a page had been open without an acknowledgement, and the event that says so, by the id of each step
    to which it had: since it was opened, opened again or given back. Before that nothing is known of one without a
    trigger."""
    by_step: dict[str, tuple[int, RecordedEvent]] = {}
    since = (page.start, page.triggered) if page.triggered is not None else None
    for step in page.steps:
        if since is not None:
            by_step[step.id] = since
        if step.type in _NOT_WAITING:
            since = None
        elif step.type in WAITING_AGAIN:
            since = (step.occurred_at, step)
    return by_step


LONG_BEFORE = 5 * MINUTE
"""From how long before the last alert ended on a page that a person closed may tell better when it was over."""


def closed_before_alerts_ended(history: History) -> RecordedEvent | None:
    """The resolve by which a person closed the last page, where the alerts that lengths are told of went on for long
    after that: one may have been silenced, or lag. None where a page is open, and where one fired again after it."""
    last, alerts = history.last_measured, history.measured
    if last is None or last.end is None or any(page.end is None for page in history.pages):
        return None
    closed = max((page.resolved for page in history.pages if page.resolved), key=reading_order, default=None)
    if closed is None or not closed.actor or any(alert.start >= closed.occurred_at for alert in alerts):
        return None
    return closed if last.end - closed.occurred_at >= LONG_BEFORE else None


def page_noun(page: Page) -> str:
    """``the page``; what a person opened who called nobody paged nobody: that is ``the declaration``."""
    return "the declaration" if page.declared else "the page"


def reopening(history: History) -> RecordedEvent | None:
    """What took the end of an incident back that has none since: the last time that a page which is open, or that the
    incident itself, was opened again; None where it is over, or was never opened again."""
    if history.resolved:
        return None
    steps = [step for page in history.pages if page.end is None for step in page.steps if step.type == "page.reopened"]
    declared = [event for event in history.events if event.type == "incident.reopened"]
    return max((*steps, *declared), key=reading_order, default=None)


def leads(history: History) -> list[RecordedEvent]:
    """The events by which somebody became the incident's lead, oldest first, each name but once in a row."""
    assignments: list[RecordedEvent] = []
    for step, _ in lead_changes(_steps(history)):
        if (to := lead_of(step)) and (not assignments or lead_of(assignments[-1]) != to):
            assignments.append(step)
    return assignments


def lead_left(history: History) -> tuple[RecordedEvent, RecordedEvent] | None:
    """The event with which nobody leads any more, where nobody does since, and what had made the last one the lead."""
    changes = lead_changes(_steps(history))
    left = [(step, given) for step, given in changes if given is not None and not lead_of(step)]
    return None if not left or leading(_steps(history)) else left[-1]


def led_by(history: History) -> RecordedEvent | None:
    """The event that made who is the lead at the end the lead."""
    return next(reversed(leading(_steps(history))), None)


def _steps(history: History) -> list[RecordedEvent]:
    return sorted([step for page in history.pages for step in page.steps], key=reading_order)


def priority_of(step: RecordedEvent) -> str:
    """The priority that an event of a page tells; empty where it tells none."""
    priority = step.data.get("priority")
    return priority if isinstance(priority, str) else ""


def priorities(history: History) -> list[tuple[Page, list[RecordedEvent]]]:
    """Each page whose priority is told, with the events that told another one than before, oldest first."""
    told = [(page, _priority_steps(page)) for page in history.pages]
    return [(page, steps) for page, steps in told if steps]


def _priority_steps(page: Page) -> list[RecordedEvent]:
    changes: list[RecordedEvent] = []
    for step in page.steps:
        told = priority_of(step) or step.type == "page.priority_updated"
        if told and priority_of(step) != (priority_of(changes[-1]) if changes else ""):
            changes.append(step)
    return changes


def numbered(page: Page) -> RecordedEvent:
    """The step that tells what people call the page by, else its first one."""
    return next((step for step in page.steps if step.data.get("number")), page.steps[0])


def number_of(history: History, event: Event) -> object:
    """What people call the page of an event by: where it does not say, as an escalation of Opsgenie, another step of
    the same page does; None where none says."""
    steps = (step for page in history.pages if page.entity == event.entity for step in page.steps)
    return event.data.get("number") or next((step.data["number"] for step in steps if step.data.get("number")), None)
