"""The seven moments of an incident and the durations between them.

Every moment names its evidence and how it is known: ``observed`` in an event,
``derived`` from events, ``stated`` by a person, or ``unknown``. An unknown
moment is never filled in: a duration that needs it is not applicable, and
never zero. Profiles say the same moments in the vendors' own terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from collector.event import MINUTE, RecordedEvent
from collector.semantics.closing import tells_of_incident
from collector.semantics.episodes import acted_alone, micros, status_open
from collector.semantics.leading import acknowledges
from renderers.choices import PROFILES
from renderers.history import Alert, Duration, History, Moment, Page
from renderers.status_page import posts_on
from renderers.words import apart

NAMES = ("impact_started", "first_symptom", "detected", "acknowledged", "mitigated", "resolved", "recorded")
"""The moments in the order they usually happen."""
OUTLIER = 10 * MINUTE
"""How much later than all others the last alert must end for the alternative to be told."""

MISSING = {
    "impact_started": "when the impact began is not recorded",
    "impact_ended": "when the impact ended is not recorded",
    "first_symptom": "no alert or report is recorded",
    "detected": "no alert or report reached anybody",
    "acknowledged": "no acknowledgement is recorded",
    "mitigated": "when it was mitigated is not recorded",
    "resolved": "no end is recorded",
    "page": "no page of this incident is recorded",
    "page_resolved": "no end of the page is recorded",
    "declared": "nothing declared the incident",
    "responder": "at most one responder is recorded",
    "recorded": "nothing was received",
}
"""Why a duration is not known, by the moment it lacks."""

_WEAKER = ("observed", "stated", "derived")


def moments(history: History) -> dict[str, Moment]:
    """All seven moments; one that nothing shows is there too, as unknown."""
    marks = {str(each.data.get("mark")): each for each in history.marks}
    all_moments = (
        _impact_started(history, marks),
        _first(history, "first_symptom", _symptoms(history)),
        _stated(marks, "detected") or _first(history, "detected", _detections(history)),
        _first(history, "acknowledged", sorted(_acknowledgements(history))),
        _stated(marks, "mitigated") or _earlier(_by_status(history), _mitigated(history)),
        _resolved(history),
        _recorded(history),
    )
    return {moment.name: moment for moment in all_moments}


class _EvidencedTime(msgspec.Struct, frozen=True, order=True):
    """A time, what shows it, and how to say so."""

    at: int
    event: str
    basis: str = ""


def _unknown(name: str) -> Moment:
    return Moment(name=name, at=None, known="unknown", basis=MISSING[name])


def _stated(marks: Mapping[str, RecordedEvent], name: str) -> Moment | None:
    event = marks.get(name)
    if event is None:
        return None
    return Moment(name=name, at=event.occurred_at, known="stated", basis="stated", cites=(event.id,))


def _first(history: History, name: str, seen: Iterable[_EvidencedTime]) -> Moment:
    """The earliest of what was seen; of several at one time the one that stands first."""
    first = min(seen, key=attrgetter("at"), default=None)
    if first is None:
        return _unknown(name)
    return Moment(name=name, at=first.at, known="observed", basis=first.basis, cites=(first.event,))


def _impact_started(history: History, marks: Mapping[str, RecordedEvent]) -> Moment:
    """Stated, or told by a status post, a report, an observation or, at last, a page that names the time.

    That somebody reported the impact proves that it had begun, not when: a report's own time is no start.
    """
    stated = _stated(marks, "impact_started")
    if stated:
        return stated
    pages = [step for page in history.pages if (step := _newest(page, "impact_started_at")) is not None]
    sources_of_impact = (
        _EvidencedTime(at, each.id, "told by an event")
        for each in (*posts_on(history), *history.reports, *history.observations, *pages)
        if (at := micros(each.data.get("impact_started_at"))) is not None
    )
    return _first(history, "impact_started", sorted(sources_of_impact))


def _newest(page: Page, key: str) -> RecordedEvent | None:
    """The last step of a page that says when something was."""
    return next((step for step in reversed(page.steps) if micros(step.data.get(key)) is not None), None)


def _symptoms(history: History) -> list[_EvidencedTime]:
    """Alerts of any severity and reports; where there is neither, pages."""
    seen = [_EvidencedTime(each.start, each.fired.id, "first alert") for each in history.alerts[:1]]
    seen += [_EvidencedTime(each.occurred_at, each.id, "first report") for each in history.reports]
    return seen or [_EvidencedTime(each.start, each.steps[0].id, "first page") for each in history.pages]


def _detections(history: History) -> list[_EvidencedTime]:
    """What reached a person or an on-call system: opening alerts, reports, pages; at one time in this order, since an
    alert leads to the page."""
    first = next((each for each in history.alerts if each.opening), None)
    evidence = [_EvidencedTime(first.start, first.fired.id, "first alert")] if first else []
    evidence += [_EvidencedTime(each.occurred_at, each.id, "first report") for each in history.reports]
    askew = {page.entity for _, _, page, _ in ahead_of_alerts(history)}
    pages = [each for each in history.pages if each.entity not in askew or first is None]
    return evidence + [_EvidencedTime(each.start, _paged(each).id, "first page") for each in pages]


ASKEW = 10 * MINUTE
"""How far a page may come before the alert it names; further ahead it was of another one, which is not known."""


def ahead_of_alerts(history: History) -> list[tuple[int, str, Page, Alert]]:
    """The pages that came before the first alert that they name, directly or by its group, as clocks differ; each with
    how far (µs) and its entity before it."""
    earliest: dict[str, Alert] = {}
    # The alerts stand by their start, so the first one of a reference is the earliest.
    for alert in history.alerts:
        for ref in (*alert.fired.refs, f"alert:{alert.entity}"):
            earliest.setdefault(ref, alert)
    pairs: list[tuple[int, str, Page, Alert]] = []
    for page in history.pages:
        named = {ref for step in page.steps for ref in step.refs if ref.startswith("alert")}
        alerts = [earliest[ref] for ref in named if ref in earliest]
        first = min(alerts, key=lambda alert: (alert.start, alert.entity), default=None)
        if first is not None and page.triggered is not None and 0 < first.start - page.start <= ASKEW:
            pairs.append((first.start - page.start, page.entity, page, first))
    return pairs


def _paged(page: Page) -> RecordedEvent:
    return page.triggered or page.steps[0]


def _acknowledgements(history: History) -> list[_EvidencedTime]:
    events = [each.acknowledged for each in history.pages if each.acknowledged]
    events += [each for each in history.notes if acknowledges(each)]
    return [
        _EvidencedTime(each.occurred_at, each.id, AUTOMATIC if acted_alone(each) else "first acknowledgement")
        for each in events
    ]


def _mitigated(history: History) -> Moment:
    """The last opening alert's end, if all of them ended; with the alternative where that one was alone at the end."""
    alerts = [each for each in history.alerts if each.opening]
    last = _last_ended(alerts)
    if any(each.firing for each in alerts):
        return Moment(name="mitigated", at=None, known="unknown", basis=without_end(alerts))
    if last is None:
        return _unknown("mitigated")
    if _reopened_since(history, last.end or 0):
        return Moment(name="mitigated", at=None, known="unknown", basis=REOPENED)
    other = _last_ended([each for each in alerts if each.entity != last.entity])
    earlier = other if other and (last.end or 0) - (other.end or 0) >= OUTLIER else None
    return Moment(
        name="mitigated",
        at=last.end,
        known="derived",
        basis=_ended(history.alerts, last=last_of_all(last, history.alerts)),
        cites=(_end_event(last).id,),
        alternative=earlier.end if earlier else None,
        alternative_cites=(_end_event(earlier).id,) if earlier else (),
    )


REOPENED = "it was opened again after the last alert had ended"
"""Why the end of the last alert does not show that it was mitigated."""


def _reopened_since(history: History, end: int) -> bool:
    """Whether somebody said after that that it was not over."""
    steps = [step for page in history.pages for step in page.steps if step.type == "page.reopened"]
    declared = [event for event in history.events if event.type == "incident.reopened"]
    return any(event.occurred_at > end and event.actor for event in (*steps, *declared))


def without_end(alerts: Iterable[Alert]) -> str:
    """``an alert has no recorded end``, ``2 alerts have no recorded end``: several series of one are one."""
    names = {(each.name, each.service, each.environment) for each in alerts if each.firing}
    return f"{len(names):,} alerts have no recorded end" if len(names) > 1 else "an alert has no recorded end"


_BETTER = frozenset({"mitigated", "monitoring"})
"""Words of senders for a state in which it is over for users, and is still looked after."""
_WORSE = frozenset({"investigating", "identified", "fixing", "in triage", "triage", "active", "reopened"})
"""Words for one in which it is not."""


def _by_status(history: History) -> Moment | None:
    """Since when an on-call tool or a status page had it as mitigated, unless that was taken back; what tools say goes
    before what was told to customers, which comes later, and both before what was declared where the team talks."""
    steps = [step for page in history.pages for step in page.steps if step.type in _STATES or status_open(step)]
    reopened = max((step.occurred_at for step in steps if step.type == "page.reopened"), default=0)
    words = [each for each in history.observations if each.occurred_at > reopened and tells_of_incident(each)]
    better = _since_better(steps) or _since_better(posts_on(history)) or _since_better(words)
    return None if better is None or _fired_since(history, better.at or 0) else _dated(history, better)


def _dated(history: History, better: Moment) -> Moment:
    """The same at the time that the page has of its mitigation, where that is another one than when it was said."""
    for page in history.pages:
        step = _newest(page, "mitigated_at") if any(each.id == better.cites[0] for each in page.steps) else None
        at = micros(step.data.get("mitigated_at")) if step is not None else None
        if step is not None and at is not None and abs(at - (better.at or 0)) >= MINUTE:
            cites = tuple(dict.fromkeys((*better.cites, step.id)))
            return msgspec.structs.replace(better, at=at, basis="status dated mitigated", cites=cites)
    return better


def _fired_since(history: History, at: int) -> bool:
    """Whether an opening alert began after this: then what was thought to be mitigated was not, or not for long."""
    return any(alert.opening and alert.start > at for alert in history.alerts)


_STATES = ("page.status_updated", "page.reopened")


def _since_better(events: Iterable[RecordedEvent]) -> Moment | None:
    """When the last of what was set to a better state was, if none of it went back. ``mitigated`` is a statement; that
    it is monitored shows that it was mitigated by then."""
    since: dict[str, RecordedEvent | None] = {}
    for event in events:
        state, earlier = _state_told(event), since.get(event.entity)
        if state in _WORSE:
            since[event.entity] = None
        elif state in _BETTER and (earlier is None or (state == "mitigated" and _state_told(earlier) != state)):
            since[event.entity] = event
    better = [event for event in since.values() if event is not None]
    if not better or len(better) < len(since):
        return None
    last = max(better, key=lambda event: (event.occurred_at, event.id))
    state = _state_told(last)
    of = {"status.updated": "status page", "observation.recorded": "declared"}.get(last.type, "status")
    known_by = "stated" if state == "mitigated" else "derived"
    return Moment(name="mitigated", at=last.occurred_at, known=known_by, basis=f"{of} {state}", cites=(last.id,))


def _state_told(event: RecordedEvent) -> str:
    if event.type == "page.reopened" or status_open(event):
        return "reopened"
    if event.type == "observation.recorded":
        return str(event.data["called"]).removeprefix("incident ")
    keys = ("kind",) if event.type == "status.updated" else ("to", "state")
    found = next((said for key in keys if isinstance(said := event.data.get(key), str) and said), "")
    return found.strip().replace("_", " ").casefold()


def _earlier(stated: Moment | None, derived: Moment) -> Moment:
    """What was stated; of two that only show that it was mitigated by then, the earlier one."""
    if stated is None or (stated.known != "stated" and derived.at is not None and derived.at <= (stated.at or 0)):
        return derived
    return stated


def _last_ended(alerts: Sequence[Alert]) -> Alert | None:
    """The alert that ended last; of several at once the one that began first, as everywhere in a draft."""
    last = max([each.end for each in alerts if each.end is not None], default=None)
    return None if last is None else next(each for each in alerts if each.end == last)


def last_of_all(last: Alert, alerts: Iterable[Alert]) -> bool:
    """Whether none of the alerts fires still or ended later than this one; where one did, "the last alert" misleads."""
    later = (each for each in alerts if each.end is None or each.end > (last.end or 0))
    return not any(each.firing or each.end is not None for each in later)


def _ended(alerts: Sequence[Alert], *, last: bool) -> str:
    """What ended: the last alert of all, the last one that is measured, or the only one."""
    of_one = len({(each.name, each.service, each.environment) for each in alerts}) == 1
    if of_one and len(alerts) == len({each.source for each in alerts}):
        return "alert ended"  # each sender that tells it told it once
    return "last alert ended" if last else "last alert above warning ended"


def _end_event(alert: Alert) -> RecordedEvent:
    return alert.resolved or alert.fired


def _resolved(history: History) -> Moment:
    """What a person stated, else the latest end of a signal, pages included; unknown while the incident is open."""
    over = history.closing
    if over.word is not None:
        return Moment(name="resolved", at=over.at, known="stated", basis="stated", cites=(over.word.event,))
    if over.last is None:
        return _unknown("resolved")
    later = any(each.firing or (each.end or 0) > (over.at or 0) for each in history.alerts)
    # Of an alert nobody said that the incident was over: it follows from what ended.
    paged = over.last.kind == "page"
    basis = "page resolved" if paged else _ended(history.alerts, last=not later)
    return Moment(name="resolved", at=over.at, known="observed" if paged else "derived", basis=basis,
                  cites=(over.last.proof,))  # fmt: skip


def _recorded(history: History) -> Moment:
    """When the log first learnt of it."""
    if not history.events:
        return _unknown("recorded")
    # The events stand in reading order, and min keeps the first of several received at once.
    first = min(history.events, key=attrgetter("received_at"))
    basis = "first event received"
    return Moment(name="recorded", at=first.received_at, known="observed", basis=basis, cites=(first.id,))


# --- durations --------------------------------------------------------------------------------------------------


class _DurationRule(msgspec.Struct, frozen=True):
    """One duration of a profile: between which moments, and what it is called."""

    name: str
    term: str
    start: str
    end: str


_OWN = (
    _DurationRule("detect", "Time to detect", "impact_started", "detected"),
    _DurationRule("acknowledge", "Time to acknowledge", "page", "acknowledged"),
    _DurationRule("mitigate", "Time to mitigate", "detected", "mitigated"),
    _DurationRule("resolve", "Time to resolve", "detected", "resolved"),
)

# PagerDuty's Analytics API: mean_seconds_to_first_ack, _to_mobilize (null with one responder or none), _to_resolve.
_PAGERDUTY = (
    _DurationRule("acknowledge", "Time to first ack", "page", "page_acknowledged"),
    _DurationRule("mobilize", "Time to mobilize", "page", "responder"),
    _DurationRule("resolve", "Time to resolve", "page", "page_resolved"),
)

# github.com/DataDog/documentation, content/en/incident_response/incident_management/analytics_and_reporting/_index.md:
# repair runs "from detection time to the last customer impact", resolve from the declaration.
_DATADOG = (
    _DurationRule("detect", "Time to detect", "impact_started", "detected"),
    _DurationRule("repair", "Time to repair", "detected", "impact_ended"),
    _DurationRule("resolve", "Time to resolve", "declared", "resolved"),
)

# Rootly's "Updating incident timestamps": everything counts from "started", and the duration ends at the mitigation.
_ROOTLY = (
    _DurationRule("detect", "Time to detection", "impact_started", "detected"),
    _DurationRule("acknowledge", "Time to acknowledge", "impact_started", "acknowledged"),
    _DurationRule("mitigate", "Time to mitigation", "impact_started", "mitigated"),
    _DurationRule("resolve", "Time to resolution", "impact_started", "resolved"),
    _DurationRule("duration", "Incident duration", "impact_started", "mitigated"),
)

_MEASURES = {"timelined": _OWN, "pagerduty": _PAGERDUTY, "datadog": _DATADOG, "rootly": _ROOTLY}


def durations(history: History) -> dict[str, Duration]:
    """The durations in timelined's own terms, by name: to detect from the start of the impact, to acknowledge from the
    page, to mitigate and to resolve from the detection. Where an end is unknown, none is made up."""
    ends = moments_of(history, "timelined")
    return {measure.name: _duration(measure, ends, history.resolved) for measure in _OWN}


AUTOMATIC = "acknowledged automatically, by no person"
"""How an acknowledgement is known that an automation made by itself."""
BY_HAND = "opened by hand; nobody was paged"
"""What is told of a page that a person opened who called nobody: there is no page from which to count."""
BY_A_TOOL = "opened automatically; nobody was paged"
"""The same of one that a tool opened."""


def ends_of(history: History, profile: str) -> dict[str, Moment]:
    """Every moment that a profile's durations run between, by name."""
    return moments_of(history, profile)


def restate(history: History, profile: str) -> tuple[Duration, ...]:
    """The durations as this profile defines them, in its own order. Raises ValueError for one that is not known."""
    if profile not in PROFILES:
        raise ValueError(f"cannot state durations in the terms of {profile!r}; use one of {', '.join(PROFILES)}")
    if profile == "timelined":
        return tuple(history.durations.values() or durations(history).values())
    ends = moments_of(history, profile)
    return tuple(_duration(measure, ends, history.resolved) for measure in _MEASURES[profile])


def moments_of(history: History, profile: str) -> dict[str, Moment]:
    """The seven moments, and those a profile needs besides."""
    by_name = dict(history.moments or moments(history))
    acknowledged = by_name["acknowledged"].cites
    paged = _page_in_question(history, acknowledged if profile == "timelined" else ())
    if paged is not None:
        by_name["page"] = _page_moment("page", paged.start, _paged(paged))
        if profile == "timelined" and paged.declared and paged.acknowledged is None:
            basis = BY_HAND if paged.triggered is not None and paged.triggered.actor else BY_A_TOOL
            by_name["page"] = Moment(name="page", at=None, known="unknown", basis=basis, cites=by_name["page"].cites)
        by_name["page_acknowledged"] = _page_event("page_acknowledged", paged.acknowledged, "acknowledged")
        by_name["page_resolved"] = _page_event("page_resolved", paged.resolved, "page_resolved")
        added = [each for each in paged.steps if each.type == "page.responder_added"]
        by_name["responder"] = _page_event("responder", added[-1] if added else None, "responder")
    marks = {str(each.data.get("mark")): each for each in history.marks}
    by_name["impact_ended"] = _stated(marks, "impact_ended") or _unknown("impact_ended")
    declared = _first(
        history, "declared", [_EvidencedTime(e.occurred_at, e.id, "first report") for e in history.reports]
    )
    by_name["declared"] = declared if declared.at is not None else by_name["detected"]
    return by_name


def _page_in_question(history: History, acknowledged: tuple[str, ...]) -> Page | None:
    """The page that was acknowledged first, else the first page."""
    for page in history.pages:
        if page.acknowledged and page.acknowledged.id in acknowledged:
            return page
    return history.pages[0] if history.pages else None


def _page_moment(name: str, at: int, event: RecordedEvent) -> Moment:
    return Moment(name=name, at=at, known="observed", basis="first page", cites=(event.id,))


def _page_event(name: str, event: RecordedEvent | None, missing: str) -> Moment:
    if event is None:
        return Moment(name=name, at=None, known="unknown", basis=MISSING[missing])
    basis = AUTOMATIC if name == "page_acknowledged" and acted_alone(event) else ""
    return Moment(name=name, at=event.occurred_at, known="observed", basis=basis, cites=(event.id,))


def _duration(measure: _DurationRule, ends: Mapping[str, Moment], over: bool) -> Duration:
    """The time between two moments, or which of the two is missing and whether it may still come."""
    nothing = Moment(name="page", at=None, known="unknown", basis=MISSING["page"])
    start, end = ends.get(measure.start, nothing), ends.get(measure.end, nothing)
    status, length, why, certainty = "recorded", None, "", ""
    if start.at is None:
        status, why = "not applicable", start.basis
    elif end.at is None:
        status, why = "not applicable" if over else "pending", end.basis
    elif end.at < start.at:
        status, why = "invalid", "it ends before it begins"
    else:
        length = apart(start.at, end.at)
        certainty = max(start.known, end.known, key=_WEAKER.index)
    return Duration(
        name=measure.name,
        start=measure.start,
        end=measure.end,
        status=status,
        micros=length,
        why=why,
        cites=tuple(dict.fromkeys(start.cites + end.cites)),
        known=certainty,
        term=measure.term,
    )
