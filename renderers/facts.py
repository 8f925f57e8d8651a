"""What several sections ask of a History: where it began, when it recovered, what was done in between.

Every answer is a value that keeps its events; nothing here is worded. Sections
that need the same answer get it here, so that a draft never tells one thing
in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from collector import names, severities
from collector.event import HOUR, MINUTE, PEOPLE, RecordedEvent, reading_order
from collector.names import fold_repository, fold_service
from renderers.history import Alert, Change, History, Moment, Nearby, Page
from renderers.moments import last_of_all

ASKEW = 10 * MINUTE
"""How far a page may come before the alert it names; further ahead it was of another one, which is not known."""
AHEAD = 30 * MINUTE
"""How far before the detection a post of a status page is told with it; further ahead it may well be of something
else."""
LATE = 5 * MINUTE
"""From how late on a reader is told that an event was received late."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person or a machine did between detection and recovery."""

    at: int
    event: RecordedEvent
    change: Change | None = None
    """None where it is an observation with an actor."""


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
        return "the first report"
    if any(page.start == start for page in history.pages):
        return "the page"
    return "the first alert" if history.alerts else "the first event"


def first_called(history: History, start: int) -> str:
    """What an opening alert that fired at ``start`` before any other opening one is called: where a low one had fired
    before it, it was not the first alert."""
    return "the first alert above warning" if history.alerts[0].start < start else FIRST_ALERT


def where(history: History, environment: str | None) -> str | None:
    """An environment as far as a reader has to be told it: of an incident that has several."""
    return environment if history.divided else None


def changed_where(history: History, change: Change) -> str | None:
    """The environment of a change as far as a reader has to be told it: in an incident that has several, and where it
    is not production or not the incident's."""
    key = names.environment_key(change.environment or "")
    trial = key.partition("/")[0] in TRIALS
    return change.environment if history.divided or trial or elsewhere(history, change) else None


def apart_from_first(history: History, change: Change) -> Alert | None:
    """The first opening alert, if it says that it fired in another environment than a change went to."""
    first = first_alert(history)
    if first is None or not first.opening:
        return None
    there, here = (names.environment_key(each or "") for each in (first.environment, change.environment))
    return first if names.apart(there, here) else None


def regraded(history: History) -> dict[str, tuple[Alert, str]]:
    """The firings that told another severity than was told of the alert before, by id; each with its alert and that
    severity."""
    found: dict[str, tuple[Alert, str]] = {}
    for alert in history.alerts:
        before = alert.fired.severity
        for each in alert.events if len(alert.events) > 1 else ():
            event = history.by_id.get(each)
            if event is None or event.type != "alert.firing" or not event.severity:
                continue
            # Words of one grade, warn and warning, are no change.
            if before and severities.rank(event.severity)[0] != severities.rank(before)[0]:
                found[event.id] = (alert, before)
            before = event.severity
    return found


def several(alerts: Iterable[Alert]) -> bool:
    """Whether these are of more than one alert; one that fired several times is one."""
    return len({alert.entity for alert in alerts}) > 1


FIRST_ALERT = "the first alert"


def last_called(history: History, last: Alert) -> str:
    """What the measured alert that ended last is called: where a low one ended later, it was not the last alert."""
    return LAST_ALERT if last_of_all(last, history.alerts) else "the last alert above warning"


LAST_ALERT = "the last alert"


def folded(service: str) -> str:
    """The key by which the names of services are compared, as grouping compares them; a name that is none is itself."""
    return fold_service(service) or service.casefold()


def owner_key(change: RecordedEvent) -> str:
    """Whose a change is, by :func:`folded`: its service, else what its repository is called like, as grouping has it;
    empty where it names neither."""
    if change.service:
        return folded(change.service)
    return fold_repository(said) if isinstance(said := change.data.get("repository"), str) else ""


def hit(history: History) -> set[str]:
    """The services that alerts, pages and reports name, by :func:`folded`."""
    return {folded(service) for service in history.services}


def alerting(history: History) -> set[str]:
    """The services for which an alert fired in the incident's window, whatever it joined, by :func:`folded`."""
    near = [each.event for each in history.context.nearby if each.event.type.startswith("alert.")]
    services = [*(alert.service for alert in history.alerts), *(event.service for event in near)]
    return {folded(service) for service in services if service}


def unrelated(history: History, near: Nearby) -> str:
    """What shows that an event beside the incident is of something else; empty where nothing does.

    That is another incident, a person's word, another environment, or a service that is none of the incident's by any
    spelling. A distance in time shows nothing.
    """
    reason, service = near.reason.rstrip(". "), near.event.service
    if reason.startswith(SHOWS_ANOTHER):
        return reason
    return (
        reason if reason == "other service" and service and hit(history) and folded(service) not in hit(history) else ""
    )


SHOWS_ANOTHER = ("it belongs to another incident", "a person", "other environment")
"""How reasons of grouping begin that show that an event is of something else."""


def window(history: History) -> tuple[int, int]:
    """From how far before the incident to its last event the log was looked at, µs."""
    return (reference(history) - history.context.lookback, latest(history))


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
            length += alert.end - max(end, alert.start)
            end = alert.end
    return length


def began(history: History) -> bool:
    """Whether any alert, page or report was recorded: without one there is nothing to measure from."""
    return bool(history.alerts or history.pages or history.reports)


def latest(history: History) -> int:
    """The last time that anything is known of."""
    return history.events[-1].occurred_at if history.events else 0


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


def before(change: Change, start: int) -> bool:
    """Whether the change could have mattered: it began, or was merged, before the first symptom."""
    return change.ran and change.start <= start


def closeness(change: Change, start: int) -> tuple[int, int, str]:
    """The key that puts the change nearest before ``start`` first."""
    near = change.end if change.end is not None and change.end <= start else change.start
    return (start - near, -change.start, change.entity)


def earlier_changes(history: History) -> list[Change]:
    """The changes begun before the incident was noticed that may have reached what runs: the likeliest kind first (see
    :func:`standing`), of one kind the nearest."""
    start = reference(history)
    if not began(history):
        return []
    found = [c for c in history.changes if before(c, start) and c.reach != "none"]
    return sorted(found, key=lambda c: (standing(history, c), *closeness(c, start)))


def posted_before(history: History, detected: int) -> list[RecordedEvent]:
    """What a status page said just before anything that is counted as the detection, oldest first."""
    return [each for each in history.statuses if detected - AHEAD <= each.occurred_at < detected]


def seen_before(history: History, detected: int) -> list[RecordedEvent]:
    """What machines observed before anybody was called, oldest first; what a person did is no symptom."""
    return [each for each in history.observations if not each.actor and each.occurred_at < detected]


def warned(history: History) -> list[Alert]:
    """The first episode of each alert of a name and service that had fired before the incident was detected, and was
    not grave enough to open one."""
    detected = instant(history, "detected")
    found: dict[tuple[str, str | None], Alert] = {}
    for alert in history.alerts:
        if detected is None or alert.start >= detected:
            break
        if not alert.opening:
            found.setdefault((alert.name, alert.service), alert)
    return list(found.values())


def standing(history: History, change: Change) -> int:
    """How near a change was to what failed, the nearest first.

    A deployment of the incident's own service, then one that names no service, one of another service, one to another
    environment; then what was merged or pushed; then what does not say whether it reached anything.
    """
    if change.reach != "deployed":
        return 4 if change.reach == "merged" else 5
    if elsewhere(history, change):
        return 3
    if change.service is None:
        return 1
    own = change.service in history.services or change.service == primary_service(history)
    return 0 if own and apart_from_first(history, change) is None else 2


TRIALS = frozenset(names.ENVIRONMENTS.values()) - {names.PRODUCTION}
"""Environments that are not production."""


def elsewhere(history: History, change: Change) -> bool:
    """Whether a change says that it was in another environment than the incident's. An incident that names none is
    taken to be one of production."""
    environment = names.environment_key(change.environment or "")
    if not environment:
        return False
    if history.environments:
        return names.elsewhere(environment, map(names.environment_key, history.environments))
    return environment.partition("/")[0] in TRIALS


def unreached(history: History, span: tuple[int, int]) -> list[Change]:
    """The changes in a span that did not reach what runs: test runs, previews, other branches, what never began."""
    return [c for c in history.changes if c.reach == "none" and c.start <= span[1] and (c.end or c.start) >= span[0]]


def doings(history: History) -> list[Doing]:
    """Changes that may have reached what runs, and observations with an actor, between detection and recovery, oldest
    first.

    A change that was under way when the incident was detected was no answer to it.
    """
    if not began(history):
        return []
    start, better = instant(history, "detected"), recovery(history)
    low = anchor(history) if start is None else start
    high = latest(history) if better is None or better.at is None else better.at
    found = [
        Doing(at=done, event=c.last, change=c)
        for c in history.changes
        if c.reach != "none" and (done := finished(c)) is not None and c.start >= low
    ]
    found += [Doing(at=o.occurred_at, event=o) for o in history.observations if o.actor]
    return sorted((d for d in found if low < d.at <= high), key=lambda d: (d.at, d.event.id))


def undone_by(history: History, change: Change) -> Change | None:
    """The rollback that took a deployment back, where both say that they are of one service or repository, of one
    environment and of two commits; or the setting of a flag that took an earlier one back.

    A deployment is taken back by a rollback if it is the latest before it, or came after the one whose commit was put
    back; by another deployment if that put back a commit which was deployed before it. What one of them does not say
    shows nothing.
    """
    if change.kind == "flag":
        again = [
            c for c in history.changes if c.kind == "flag" and c.entity == change.entity and c.start > change.start
        ]
        state = state_of(change).casefold()
        return next((c for c in again if state and state_of(c) and state_of(c).casefold() != state), None)
    if change.kind != "deploy" or change.reach != "deployed":
        return None
    backs = [c for c in history.changes if c.kind == "rollback" or (c.kind == "deploy" and c.outcome == "succeeded")]
    for back in sorted(backs, key=lambda c: (c.kind != "rollback", c.start, c.entity)):
        later = back.start > change.start and finished(back) is not None and back.outcome != "failed"
        if later and _takes_back(history, back, change):
            return back
    return None


def _takes_back(history: History, back: Change, change: Change) -> bool:
    put_back = commit(back)
    if not (_same_place(back, change) and put_back and commit(change) and commit(change) != put_back):
        return False
    since = back.kind != "rollback" or [
        c
        for c in history.changes
        if c.kind in ("deploy", "rollback") and c is not back and change.start < c.start < back.start
        and _same_place(back, c) and c.outcome in ("succeeded", "rolled_back")
    ]  # fmt: skip
    if not since:
        return True
    known = [
        c.start for c in history.changes if c.start < back.start and commit(c) == put_back and _same_place(back, c)
        and c.outcome in ("succeeded", "rolled_back")
    ]  # fmt: skip
    return bool(known) and max(known) < change.start


def ends_of(history: History, change: Change) -> tuple[RecordedEvent, ...]:
    """What proves when a change was done, if that was before the first signal; else when it began, and its end."""
    if change.end is not None and change.end <= reference(history):
        return (change.last,)
    return (begun_by(history, change), change.last)


def begun_by(history: History, change: Change) -> RecordedEvent:
    """The event that tells when a change began."""
    events = [history.by_id[each] for each in change.events if each in history.by_id]
    return next((event for event in events if event.occurred_at == change.start), change.first)


def replaced_by(history: History, change: Change) -> Change | None:
    """The first deployment that put another commit in the place of this one before the first signal."""
    if change.kind not in ("deploy", "rollback") or not commit(change):
        return None
    start = reference(history)
    later = (
        c
        for c in history.changes
        if c.kind in ("deploy", "rollback") and c.outcome in ("succeeded", "rolled_back") and c.start > change.start
        and (finished(c) or start) < start and commit(c) not in ("", commit(change)) and _same_place(c, change)
    )  # fmt: skip
    return min(later, key=lambda c: (finished(c) or 0, c.entity), default=None)


def _same_place(one: Change, other: Change) -> bool:
    """Whether two changes say that they are of one service (or repository, if neither names a service) in one
    environment."""
    here, there = (names.environment_key(each.environment or "") for each in (one, other))
    if not here or here != there:
        return False
    if one.service or other.service:
        return one.service == other.service
    return repository(one) is not None and repository(one) == repository(other)


def repository(change: Change) -> str | None:
    """The repository that a change is of, as its sender names it."""
    return _said(change, "repository") or None


def neighbours(history: History, change: Change) -> dict[str, RecordedEvent]:
    """The services that were not hit and that changes of the same repository name, each with the first such change;
    none for a change that names its service itself."""
    own = repository(change)
    if change.service or own is None:
        return {}
    found: dict[str, RecordedEvent] = {}
    beside = [near.event for near in history.context.nearby]
    for event in sorted((*history.events, *beside), key=reading_order):
        of = event.service if event.type.startswith("change.") else None
        if of and event.data.get("repository") == own and folded(of) not in hit(history):
            found.setdefault(of, event)
    return found


def commit(change: Change) -> str:
    """The commit that a change is of; empty where it names none."""
    return _said(change, "sha")


def state_of(change: Change) -> str:
    """What a flag was set to; empty where its sender does not say."""
    return _said(change, "state")


def _said(change: Change, key: str) -> str:
    values = (event.data.get(key) for event in (change.last, change.first))
    return next((value for value in values if isinstance(value, str) and value), "")


def finished(change: Change) -> int | None:
    """When the change was done; None while it runs."""
    if change.end is not None:
        return change.end
    return None if change.outcome in ("requested", "started") else change.last.occurred_at


def next_end(alerts: Iterable[Alert], after: int) -> Alert | None:
    """The first of these alerts to end after something was done; of several at once the one that began first."""
    best: Alert | None = None
    for alert in alerts:
        if alert.end is not None and alert.end >= after and (best is None or best.end is None or alert.end < best.end):
            best = alert
    return best


def priority_of(step: RecordedEvent) -> str:
    """The priority that an event of a page tells; empty where it tells none."""
    priority = step.data.get("priority")
    return priority if isinstance(priority, str) else ""


def priorities(history: History) -> list[RecordedEvent]:
    """The events that told another priority of a page than the one before, oldest first; one page after the other's
    start does not count where it has the same."""
    found: list[RecordedEvent] = []
    known: dict[str, str] = {}
    latest = ""
    steps = [step for page in history.pages for step in page.steps]
    for step in sorted(steps, key=reading_order):
        named = priority_of(step)
        taken = step.type == "page.priority_updated" and not named
        if not (named or taken) or known.get(step.entity, "") == named:
            continue
        known[step.entity] = named
        if named != latest:
            found.append(step)
        latest = named
    return found


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


def imported(history: History) -> tuple[int, int] | None:
    """How late the events were received, from and to, in whole minutes as µs, if most were late and by similar spans:
    an import, a replay, an outage of the collector. None where each row has to say it for itself."""
    late = sorted(lateness(event) // MINUTE * MINUTE for event in history.late)
    if len(late) < 3 or 2 * len(late) <= len(history.events):
        return None
    received = [event.occurred_at + lateness(event) // MINUTE * MINUTE for event in history.late]
    at_once = max(received) - min(received) <= HOUR
    return (late[0], late[-1]) if at_once or late[-1] - late[0] <= late[-1] // 5 else None


def unacknowledged(page: Page) -> int | None:
    """How long the page waited for a person, µs; None if it is not known to have ended."""
    end = page.acknowledged.occurred_at if page.acknowledged else page.end
    return None if end is None else max(0, end - page.start)


def seen(history: History, family: str) -> bool:
    """Whether a source of this family of types reported then: only then does absence say anything."""
    own = {"alert": history.alerts, "page": history.pages, "change": history.changes}.get(family)
    beside = any(near.event.type.startswith(f"{family}.") for near in history.context.nearby)
    return bool(history.context.reported.get(family)) or bool(own) or beside


def ahead_of_alert(history: History) -> tuple[Page, Alert, int] | None:
    """The page that came furthest before the first alert that it names, directly or by its group; how far, µs."""
    earliest: dict[str, Alert] = {}
    # The alerts stand by their start, so the first one of a reference is the earliest.
    for alert in history.alerts:
        for ref in (*alert.fired.refs, f"alert:{alert.entity}"):
            earliest.setdefault(ref, alert)
    found: list[tuple[int, str, Page, Alert]] = []
    for page in history.pages:
        named = {ref for step in page.steps for ref in step.refs if ref.startswith("alert")}
        alerts = [earliest[ref] for ref in named if ref in earliest]
        first = min(alerts, key=lambda alert: (alert.start, alert.entity), default=None)
        if first is not None and page.triggered is not None and 0 < first.start - page.start <= ASKEW:
            found.append((first.start - page.start, page.entity, page, first))
    furthest = max(found, key=lambda each: each[:2], default=None)
    return None if furthest is None else (furthest[2], furthest[3], furthest[0])
