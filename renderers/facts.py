"""What several sections ask of a History: where it began, when it recovered, what was done in between.

Every answer is a value that keeps its events; nothing here is worded. Sections
that need the same answer get it here, so that a draft never tells one thing
in two ways.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import msgspec

from collector.event import (
    HOUR,
    MACHINE,
    MINUTE,
    PEOPLE,
    SECOND,
    SENDER,
    RecordedEvent,
)  # fmt: skip
from collector.names import fold_service
from collector.names.words import words_of
from collector.semantics.closing import peak
from collector.semantics.episodes import micros
from collector.semantics.exclusions import OTHER_ENVIRONMENT, OTHER_INCIDENT, OTHER_SERVICE
from collector.semantics.leading import acknowledges, lead_of
from renderers import page_facts
from renderers.history import Alert, Family, History, Moment, Nearby, Page
from renderers.moments import ahead_of_alerts, last_of_all
from renderers.status_page import affected_by, is_planned, posts_on
from renderers.words import apart

AHEAD = 30 * MINUTE
"""How far before the detection a post of a status page is told with it; further ahead it may well be of something
else."""
LATE = 5 * MINUTE
"""From how late on a reader is told that an event was received late."""


def moment(history: History, name: str) -> Moment | None:
    """The moment, if it is known when it was."""
    found = history.moments.get(name)
    return found if found is not None and found.at is not None else None


def instant(history: History, name: str) -> int | None:
    found = moment(history, name)
    return found.at if found else None


def anchor(history: History) -> int:
    """Where the incident began: its first symptom, else its detection, else its first event."""
    for name in ("first_symptom", "detected"):
        known = instant(history, name)
        if known is not None:
            return known
    return history.events[0].occurred_at if history.events else 0


def reference(history: History) -> int:
    """What earlier changes are measured against: the first opening alert, report or page, else the first symptom.

    A low alert hours before is a symptom, but nobody was called by it; a change between the two is still a candidate.
    """
    starts = [alert.start for alert in islice((each for each in history.alerts if each.opening), 1)]
    starts += [report.occurred_at for report in history.reports[:1]] + [page.start for page in history.pages[:1]]
    return min(starts, default=anchor(history))


def reference_called(history: History) -> str:
    """What :func:`reference` is the time of, in words."""
    start = reference(history)
    if any(alert.opening and alert.start == start for alert in history.alerts):
        return first_called(history, start)
    if any(report.occurred_at == start for report in history.reports):
        return report_called(history)
    opened = [page for page in history.pages if page.start == start]
    if opened:
        return page_facts.page_noun(opened[0])
    return first_called(history, history.alerts[0].start) if history.alerts else "the first event"


def first_called(history: History, start: int) -> str:
    """What an opening alert that fired at ``start`` before any other opening one is called: where a low one had fired
    before it, it was not the first alert, and one alone is neither the first nor the last."""
    if alone(history):
        return THE_ALERT
    return "the first alert above warning" if history.alerts[0].start < start else FIRST_ALERT


def where(history: History, environment: str | None) -> str | None:
    """An environment as far as a reader has to be told it: of an incident that has several."""
    return environment if history.divided else None


def several(alerts: Iterable[Alert]) -> bool:
    """Whether these are of more than one alert; one that fired several times is one, and so is one that several
    senders tell."""
    alerts = list(alerts)
    # Most differ by their second one already; series are counted of all of them.
    return any(_called(alert) != _called(alerts[0]) for alert in alerts) or series_in(alerts) > 1


def _called(alert: Alert) -> tuple[str | None, ...]:
    return alert.name, alert.service, alert.environment


def series_in(alerts: Iterable[Alert | RecordedEvent]) -> int:
    """How many series of one alert these are: as many as one kind of sender tells. Two kinds tell it twice."""
    return max(map(len, _by_kind(alerts).values()), default=0)


def tellers(alerts: Iterable[Alert | RecordedEvent]) -> list[str]:
    """The sources that tell an alert, in the order they did, where those are several."""
    sources = list(dict.fromkeys(each.source for each in alerts))
    return sources if len(sources) > 1 else []


def _by_kind(alerts: Iterable[Alert | RecordedEvent]) -> dict[str, dict[str, Counter[str]]]:
    """Kind of sender → each series that it tells → how often each of its sources told that."""
    by_kind: dict[str, dict[str, Counter[str]]] = {}
    for alert in alerts:
        data = alert.fired.data if isinstance(alert, Alert) else alert.data
        series = by_kind.setdefault(str(data.get(SENDER) or alert.source), {})
        series.setdefault(alert.entity, Counter())[alert.source] += 1
    return by_kind


def alone(history: History) -> bool:
    """Whether one alert fired, once; several senders may have told it."""
    alerts = history.alerts
    return len(alerts) == 1 or (not several(alerts) and len(alerts) == len(tellers(alerts)))


FIRST_ALERT, THE_ALERT = "the first alert", "the alert"


def last_called(history: History, last: Alert) -> str:
    """What the measured alert that ended last is called: where a low one ended later, it was not the last alert."""
    if alone(history):
        return THE_ALERT
    return LAST_ALERT if last_of_all(last, history.alerts) else "the last alert above warning"


LAST_ALERT = "the last alert"


def report_called(history: History) -> str:
    """What the first report is called: one alone is not the first."""
    return "the first report" if len(history.reports) > 1 else "the report"


def undeclared(history: History) -> RecordedEvent | None:
    """The last report of an incident that is open though every alert and page of it ended: only a person's word ends
    what a person reported. None of any other incident."""
    ends = [*(alert.end for alert in history.openers), *(page.end for page in history.pages if page.begun)]
    reports = [each for each in history.reports if each.type == "incident.opened"]
    waits = not history.resolved and reports and None not in ends
    return reports[-1] if waits else None


def folded(service: str) -> str:
    """The key by which the names of services are compared, as grouping compares them; a name that is none is itself."""
    return fold_service(service) or service.casefold()


def hit(history: History) -> set[str]:
    """The services that alerts, pages and reports name, by :func:`folded`."""
    return {folded(service) for service in history.services}


def alerting(history: History) -> set[str]:
    """The services for which an alert fired in the incident's window, whatever it joined, by :func:`folded`."""
    beside = (*history.context.nearby, *history.context.lasting)
    near = [each.event for each in beside if each.event.type.startswith("alert.")]
    # A check without a service is often called like the one that it looks at.
    services = [*(alert.service or alert.name for alert in history.alerts), *(e.service or e.title for e in near)]
    return {folded(service) for service in services if service}


def affected_services(history: History) -> dict[str, list[RecordedEvent]]:
    """The services that a sender names as affected and that no alert, page or report is of: by their first spelling,
    each with the events that name it."""
    hit_services = hit(history)
    spellings: dict[str, str] = {}
    events_by_name: dict[str, list[RecordedEvent]] = {}
    for event in history.events:
        for name in affected_by(event):
            if (key := folded(name)) not in hit_services:
                events_by_name.setdefault(spellings.setdefault(key, name), []).append(event)
    return events_by_name


def unrelated(history: History, near: Nearby) -> str:
    """What shows that an event beside the incident is of something else; empty where nothing does.

    That is another incident, a person's word, another environment, or a service that is none of the incident's by any
    spelling: neither one that was hit or that something in the incident is of, nor one that is called after it
    (``web-fleet``). A distance in time shows nothing.
    """
    reason, service = near.reason.rstrip(". "), near.event.service
    if reason.startswith(SHOWS_ANOTHER):
        return reason
    if reason != OTHER_SERVICE or not service or not hit(history):
        return ""
    services = {*history.services, *affected_services(history), *(each.service for each in history.events)}
    own_keys = {folded(name) for name in services if name}
    words = set(words_of(service))
    alike = folded(service) in own_keys or any(words >= set(words_of(name)) for name in history.services)
    return "" if alike else reason


SHOWS_ANOTHER = (OTHER_INCIDENT, "a person", OTHER_ENVIRONMENT)
"""How reasons of grouping begin that show that an event is of something else."""


def window(history: History) -> tuple[int, int]:
    """From how far before the incident to its last event the log was looked at, µs."""
    return (reference(history) - history.context.lookback, latest(history))


def firings(family: Family) -> list[int]:
    """How often each series of an alert fired, by the kind of sender that tells most of it."""
    counts = [[max(told.values()) for told in series.values()] for series in _by_kind(family.alerts).values()]
    return max(counts, key=lambda count: (len(count), sum(count)))


def pauses(alerts: Iterable[Alert]) -> int:
    """How often none of these alerts fired before one fired again. They come by start."""
    count, end = 0, -1
    for alert in alerts:
        if 0 <= end < alert.start:
            count += 1
        end = max(end, alert.start if alert.end is None else alert.end)
    return count


def firing_for(alerts: Iterable[Alert]) -> int:
    """How long any of these alerts fired, without the pauses, µs; one without an end counts for nothing."""
    length, end = 0, 0
    for alert in sorted(alerts, key=lambda each: each.start):
        if alert.end is not None and alert.end > max(end, alert.start):
            length += apart(max(end, alert.start), alert.end)
            end = alert.end
    return length


def began(history: History) -> bool:
    """Whether any alert, page or report was recorded: without one there is nothing to measure from."""
    return bool(history.alerts or history.pages or history.reports)


def latest(history: History) -> int:
    """The last time that anything is known of."""
    return history.events[-1].occurred_at if history.events else 0


CLOCKS = SECOND
"""From how far apart on two clocks are told to differ, µs."""
_DATED = ("alert.", "page.", "change.", "chat.", "note.", "report.")
"""Families whose events cannot be received before they happen; a status page may tell of what is to come."""


class ClockAhead(msgspec.Struct, frozen=True):
    """A sender whose events were received before they happened by its own clock: it and ours differ at least so."""

    source: str
    ahead: int
    """By how much at least, µs."""
    proof: RecordedEvent
    """The event that shows it."""
    moved: int
    """How many of its events would stand before or after others if they had happened that much earlier."""


def clocks_ahead(history: History) -> list[ClockAhead]:
    """The senders whose clocks are ahead of ours, by name. How far one is behind nobody can tell from a delay."""
    dated: dict[str, list[RecordedEvent]] = {}
    for event in history.events:
        if event.type.startswith(_DATED) and event.time_quality == "exact" and event.source not in (PEOPLE, MACHINE):
            dated.setdefault(event.source, []).append(event)
    clocks = []
    for source, events in sorted(dated.items()):
        proof = max(events, key=lambda event: (event.occurred_at - event.received_at, event.id))
        ahead = proof.occurred_at - proof.received_at
        if ahead >= CLOCKS:
            others = sorted(event.occurred_at for event in history.events if event.source != source)
            moved = sum(_between(others, event.occurred_at - ahead, event.occurred_at) for event in events)
            clocks.append(ClockAhead(source, ahead, proof, moved))
    return clocks


def _between(times: list[int], low: int, high: int) -> bool:
    """Whether one of these times, in order, lies between two others."""
    place = bisect_left(times, low)
    return place < len(times) and times[place] < high


def first_alert(history: History) -> Alert | None:
    """The first opening alert, or the first alert if none is opening."""
    return next((alert for alert in history.alerts if alert.opening), history.alerts[0] if history.alerts else None)


def last_ended(alerts: Iterable[Alert]) -> Alert | None:
    """The alert that ended last, if none still fires; of several at once the one that began first."""
    last: Alert | None = None
    latest: int | None = None
    for alert in alerts:
        if alert.end is None:
            if alert.firing:
                return None
        elif latest is None or alert.end > latest:
            last, latest = alert, alert.end
    return last


def end_event(alert: Alert) -> RecordedEvent:
    """What proves the alert's end: its resolve, else the event that tells the episode."""
    return alert.resolved or alert.fired


def primary_service(history: History) -> str | None:
    """The service of the signal that gives the incident its name."""
    alert = first_alert(history)
    if alert:
        return alert.service
    paged = next((page.service for page in history.pages if page.service), None)
    return paged or next((report.service for report in history.reports if report.service), None)


def recovery(history: History) -> Moment | None:
    """When things were better: mitigated, else resolved."""
    return moment(history, "mitigated") or moment(history, "resolved")


def posted_before(history: History, detected: int) -> list[RecordedEvent]:
    """What a status page said of the incident just before anything that is counted as the detection, oldest first."""
    return [each for each in posts_on(history) if detected - AHEAD <= each.occurred_at < detected
            and not is_planned(each)]  # fmt: skip


def seen_before(history: History, detected: int) -> list[RecordedEvent]:
    """What machines observed before anybody was called, oldest first; what a person did is no symptom."""
    return [each for each in history.observations if not each.actor and each.occurred_at < detected]


def warned(history: History) -> list[Alert]:
    """The first episode of each alert of a name and service that had fired before the incident was detected, and was
    not grave enough to open one."""
    detected = instant(history, "detected")
    first_by_name: dict[tuple[str, str | None], Alert] = {}
    for alert in history.alerts:
        if detected is None or alert.start >= detected:
            break
        if not alert.opening:
            first_by_name.setdefault((alert.name, alert.service), alert)
    return list(first_by_name.values())


def by_end(alerts: Iterable[Alert]) -> tuple[Sequence[int], Sequence[Alert]]:
    """The ends of those of these alerts that ended, in order, and their alerts; of several at once the first one
    first."""
    ended = sorted([(alert.end, at, alert) for at, alert in enumerate(alerts) if alert.end is not None])
    return [end for end, _, _ in ended], [alert for _, _, alert in ended]


def next_end(ordered: tuple[Sequence[int], Sequence[Alert]], after: int) -> Alert | None:
    """The first of these alerts (:func:`by_end`) to end after something was done, of those that fired when it was."""
    ends, alerts = ordered
    later = islice(alerts, bisect_left(ends, after), None)
    return next((alert for alert in later if alert.start <= after), None)


def is_firing(history: History, at: int) -> bool:
    """Whether any alert was firing then, or flapped; an alert without an end goes on."""
    return any(run.start <= at and (run.end is None or run.end >= at) for run in history.flapping_runs)


def severity(history: History) -> str:
    """The gravest severity that a signal which keeps it open told, or what a person set instead; empty for none."""
    edit = history.edits.get("severity")
    value = edit.data.get("value") if edit is not None else ""
    told = [*(alert.severity for alert in history.openers), *(page.severity for page in history.pages)]
    return peak(value if isinstance(value, str) else "", told) or ""


def first_taken(history: History) -> RecordedEvent | None:
    """The first acknowledgement of a page or an alert by somebody whose name is known."""
    pages = [page.acknowledged for page in history.pages if page.acknowledged and page.acknowledged.actor]
    alerts = [note for note in history.notes if note.actor and acknowledges(note)]
    return min([*pages, *alerts], key=lambda event: (event.occurred_at, event.id), default=None)


def acknowledgement_note(history: History) -> RecordedEvent | None:
    """The acknowledgement of an alert in its monitoring system, where that was the first of all."""
    first = moment(history, "acknowledged")
    note = history.by_id.get(first.cites[0]) if first is not None and first.cites else None
    return note if note is not None and note.type == "note.added" else None


def acknowledged_alert(history: History, note: RecordedEvent) -> Alert | None:
    """The alert that an acknowledgement in the monitoring system is of, where its sender calls both the same; a note
    need not say it."""
    alike = (each for each in history.alerts if (each.source, each.entity) == (note.source, note.entity))
    return next(alike, None)


def lead(history: History) -> str:
    """Who led: the one a person set, else whom an on-call tool has as the lead, at the end, else the first to
    acknowledge a page or an alert; empty where nobody is known."""
    edit, first = history.edits.get("lead"), first_taken(history)
    value = edit.data.get("value") if edit is not None else None
    if not isinstance(value, str) and (role := page_facts.led_by(history)):
        return lead_of(role) or ""
    return value if isinstance(value, str) else (first.actor or "") if first is not None else ""


def concerning(history: History) -> Callable[[RecordedEvent], bool]:
    """Whether an event may be about the incident: one that names a service, a repository or another thing is only where
    the incident has it too, one that names nothing may be about anything."""
    services = {each.casefold() for event in history.events for each in _names_of(event)}
    refs = {ref for event in history.events for ref in event.refs}

    def may_concern(event: RecordedEvent) -> bool:
        named = {each.casefold() for each in _names_of(event)}
        return not (named or event.refs) or bool(named & services) or not refs.isdisjoint(event.refs)

    return may_concern


def _names_of(event: RecordedEvent) -> list[str]:
    """What an event's service or repository is called, without the repository's owner."""
    repositories = [ref.rpartition("/")[2] for ref in event.refs if ref.startswith("repository:")]
    return [each for each in (event.service, *repositories) if each]


def lateness(event: RecordedEvent) -> int:
    """How long after it happened a sender's event was received, µs; 0 below what a reader is told."""
    late = event.received_at - event.occurred_at
    return late if late >= LATE and event.source != PEOPLE and event.time_quality != "absent" else 0


def earliness(event: RecordedEvent) -> int:
    """How long before it happened, by its sender's clock, an event was received, µs; 0 below a minute."""
    early = event.occurred_at - event.received_at
    dated = event.type.startswith(_DATED) and event.time_quality == "exact" and event.source not in (PEOPLE, MACHINE)
    return early if dated and early >= MINUTE else 0


def brought_in(event: RecordedEvent) -> bool:
    """Whether an import brought the event, and its sender did not tell it at the time."""
    return FETCHED in event.data


FETCHED = "imported_at"
"""The key of an event's data that says when an import fetched it."""


def imported(history: History) -> tuple[int, int] | None:
    """How late the events were received, from and to, in whole minutes as µs, if most were late and by similar spans:
    an import, a replay, an outage of the collector. None where each row has to say it for itself."""
    late = sorted(lateness(event) // MINUTE * MINUTE for event in history.late)
    if len(late) < 3 or 2 * len(late) <= len(history.events):
        return None
    received = [event.occurred_at + lateness(event) // MINUTE * MINUTE for event in history.late]
    at_once = max(received) - min(received) <= HOUR
    return (late[0], late[-1]) if at_once or late[-1] - late[0] <= late[-1] // 5 else None


def family_reported(history: History, family: str) -> bool:
    """Whether a source of this family of types reported then: only then does absence say anything."""
    own = {"alert": history.alerts, "page": history.pages, "change": history.changes}.get(family)
    beside = any(near.event.type.startswith(f"{family}.") for near in history.context.nearby)
    return bool(history.context.reported.get(family)) or bool(own) or beside


def ahead_of_alert(history: History) -> tuple[Page, Alert, int] | None:
    """The page that came furthest before the first alert that it names, directly or by its group; how far, µs."""
    furthest = max(ahead_of_alerts(history), key=lambda each: each[:2], default=None)
    if furthest is None:
        return None
    _, _, page, alert = furthest
    return page, alert, apart(page.start, alert.start)


def statement_order(event: RecordedEvent) -> tuple[int, str]:
    """The key that puts the newest statement last: when it was said, then the id."""
    said = micros(event.data.get("stated_at"))
    return (event.occurred_at if said is None else said, event.id)
