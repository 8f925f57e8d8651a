"""How the incident was discovered: who or what, on which path, how fast, and what stayed silent.

Where a start is not known, no duration is made up: it is called not
applicable, and what it would be if the impact began with the closest earlier
change may follow, said so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from collector.event import MINUTE, RecordedEvent
from renderers import facts, moments, phrases
from renderers.document import Block, Bullets, Claim, Code, Name, Options, Prompt, Section
from renderers.history import Alert, Duration, History, Moment
from renderers.phrases import Said, cites, claim, named, quoted, say, when
from renderers.words import counted, lag

UNPAGED = 3
"""How many alerts without a page are named."""
GRACE = MINUTE
"""An alert that began within this before a page may well have led to it, whatever it shares with it."""


def section(history: History, options: Options) -> Section:
    """(a) who or what; (d) the path; (b) impact start; (e), (f) what stayed silent; (c) the durations."""
    if not facts.began(history):
        nothing = claim("Detection: not observed; no alert, page or report was recorded.", label=True)
        return Section(key="detection", blocks=(Bullets(items=(nothing,)), Prompt("how was it discovered?")))
    items = [
        *_discovered(history, options),
        *_path(history),
        *_impact(history, options),
        *_unpaged(history, options),
        *_silent(history, options),
        *_durations(history, options),
    ]
    blocks: list[Block] = [Bullets(items=tuple(items))] if items else []
    if _unsettled(history):
        blocks.append(Prompt("when was it mitigated?"))
    return Section(key="detection", blocks=(*blocks, Prompt("how would we halve this?")))


def _unsettled(history: History) -> bool:
    """Whether only a person knows when it was mitigated: an alert's end is missing, or came long after all others."""
    mitigated = facts.moment(history, "mitigated")
    return bool(history.alerts) if mitigated is None else _alternative(history, mitigated) is not None


# --- (a) who or what --------------------------------------------------------------------------------------------


def _discovered(history: History, options: Options) -> Iterator[Claim]:
    stated = next((m for m in history.marks if phrases.text_in(m.data, "mark") == "detected"), None)
    if stated is not None:
        by = named("by ", phrases.text_in(stated.data, "by"))
        time = phrases.at(stated.occurred_at, options.zone, facts.anchor(history))
        said = named(", stated by ", stated.actor)
        yield claim(
            "Detected ", by, " " if by else "", f"at {time}", said, quoted(": ", stated.title), proof=cites(stated)
        )
    event = _detecting(history)
    if event is None:
        return
    time = phrases.at(event.occurred_at, options.zone, facts.anchor(history))
    alert = next((a for a in history.alerts if event.id in a.events), None)
    if alert is not None:
        yield _by_alert(alert, phrases.at(alert.start, options.zone, facts.anchor(history)))
    elif event.type.startswith("page."):
        yield claim("Paging: ", phrases.page_called(event), f", {time}", quoted(", ", event.title), proof=cites(event))
    else:
        reporter = phrases.text_in(event.data, "by") or event.actor
        yield claim("Report", named(" by ", reporter), f", {time}", quoted(": ", event.title), proof=cites(event))


def _detecting(history: History) -> RecordedEvent | None:
    """The event that detected it, by the senders' own facts."""
    moment = facts.moment(history, "detected")
    ids = set(moment.cites) if moment else set()
    first = next((event for event in history.events if event.type in SIGNALS), None)
    return next((event for event in history.events if event.id in ids and event.type in SIGNALS), first)


SIGNALS = ("alert.firing", "alert.resolved", "page.triggered", "incident.opened")
"""What can detect an incident without a person stating so."""


def _by_alert(alert: Alert, time: str) -> Claim:
    query = phrases.text_in(alert.fired.data, "query")
    links = [phrases.link_to(alert.fired, "rule", "rule"), phrases.link_to(alert.fired, "dashboard", "dashboard")]
    parts: list[Said] = [Code(query)] if query else []
    parts += [link for link in links if link]
    told = phrases.listed(parts, 3, end=", ")
    return claim(
        "Monitoring: ", phrases.alert_named(alert.name), f", {time}", when(told, ", ", told), proof=cites(alert.fired)
    )


# --- (d) the path -----------------------------------------------------------------------------------------------


def _path(history: History) -> Iterator[Claim]:
    """First symptom → alert → page → acknowledgement, each with its lag after the one before."""
    steps = _steps(history)
    if len(steps) < 2:
        return
    parts: list[Said] = ["Path: ", steps[0][1]]
    for (before, _, _), (after, word, _) in itertools.pairwise(steps):
        parts.append(f" → {word} {lag(after - before)}")
    yield claim(*parts, proof=tuple(dict.fromkeys(each for _, _, ids in steps for each in ids)))


def _steps(history: History) -> list[tuple[int, str, tuple[str, ...]]]:
    """(when, what, ids), in the order they happened; a first symptom that is the alert itself is not told twice."""
    found: dict[tuple[str, ...], tuple[int, str]] = {}
    first = facts.moment(history, "first_symptom")
    alert = facts.first_alert(history)
    page = next((page for page in history.pages if page.triggered is not None), None)
    if history.reports:
        found[cites(history.reports[0])] = (history.reports[0].occurred_at, "report")
    if alert:
        found[cites(alert.fired)] = (alert.start, "alert")
    if page:
        found[cites(page.triggered)] = (page.start, "page")
    if first and first.at is not None and not any(each in ids for ids in found for each in first.cites):
        found[first.cites[:1]] = (first.at, "first symptom")
    acknowledged = facts.moment(history, "acknowledged")
    if acknowledged and acknowledged.at is not None:
        found.setdefault(acknowledged.cites[:1], (acknowledged.at, "acknowledged"))
    return sorted(((at, word, ids) for ids, (at, word) in found.items()), key=lambda s: (s[0], ORDER.index(s[1]), s[2]))


ORDER = ("first symptom", "report", "alert", "page", "acknowledged")
"""Which step is told first where two are of one moment."""


# --- (b) the start of the impact --------------------------------------------------------------------------------


def _impact(history: History, options: Options) -> Iterator[Claim]:
    """When the impact began and how that is known; what is not known is told with the time to detect."""
    moment = facts.moment(history, "impact_started")
    if moment and moment.at is not None:
        time = phrases.at(moment.at, options.zone, facts.anchor(history))
        mark = next((m for m in history.marks if m.id in moment.cites), None)
        basis = named(", stated by ", mark.actor) if mark else say(f", {moment.basis}" if moment.basis else "")
        yield claim(f"Impact began at {time}", basis, proof=cites(moment))


# --- (e) and (f) what stayed silent -----------------------------------------------------------------------------


def _unpaged(history: History, options: Options) -> Iterator[Claim]:
    """Alerts that fired before the page, or before the detection, and led to no page."""
    told = _without_page(history)
    detected = facts.instant(history, "detected")
    page = min((page.start for page in history.pages), default=None)
    until = page if page is not None else detected
    which = "page" if history.pages else "detection"
    for alert in told[:UNPAGED]:
        ahead = f" {phrases.lasted((until or alert.start) - alert.start)} before the {which}"
        yield claim(
            phrases.alert_on(alert, severity=True), f" fired{ahead} and led to no page", proof=cites(alert.fired)
        )
    if len(told) > UNPAGED:
        rest = told[UNPAGED:]
        yield claim(
            counted(len(rest), "more alert"), " fired earlier and led to no page", proof=cites([a.fired for a in rest])
        )
    if not history.pages and history.alerts:
        yield from _no_page(history, options)


def _without_page(history: History) -> list[Alert]:
    """The first episode of each such alert name."""
    detected = facts.instant(history, "detected")
    page = min((page.start for page in history.pages), default=None)
    until = page - GRACE if page is not None else detected
    if until is None:
        return []
    # A page names its alert, or its alert's group, where the sender passed the deduplication key on.
    paged = {ref for page in history.pages for step in page.steps for ref in step.refs if ref.startswith("alert")}
    alerts = history.alerts if paged else ()
    tied = {a.name for a in alerts if paged.intersection((*a.fired.refs, f"alert:{a.entity}"))}
    first = facts.first_alert(history)
    own = {first.name} if first and not tied else set()
    found: dict[str, Alert] = {}
    for alert in history.alerts:
        if alert.start >= until:
            break
        if alert.name not in tied and alert.name not in own:
            found.setdefault(alert.name, alert)
    return list(found.values())


def _no_page(history: History, options: Options) -> Iterator[Claim]:
    if facts.seen(history, "page"):
        span = (facts.anchor(history), facts.latest(history))
        yield claim("No page was recorded", none=phrases.query("page.*", history.services, span, options.zone))


def _silent(history: History, options: Options) -> Iterator[Claim]:
    """Services that a page or a report named, for which no alert fired."""
    if not facts.seen(history, "alert"):
        return
    fired = {alert.service for alert in history.alerts}
    hit: dict[str, tuple[str, RecordedEvent]] = {}
    tied = {f"alert:{spell.entity}" for spell in history.spells}
    tied.update(itertools.chain.from_iterable([alert.fired.refs for alert in history.alerts]))
    for page in history.pages:
        told = phrases.page_event(page)
        if not tied.isdisjoint([ref for step in page.steps for ref in step.refs]):
            # It names its alert: the service that was paged is the team's, and not one that was hit.
            continue
        if told and page.service and page.service not in fired:
            hit.setdefault(page.service, ("paged", told))
    for report in history.reports:
        if report.service and report.service not in fired:
            hit.setdefault(report.service, ("reported", report))
    span = (facts.anchor(history), facts.latest(history))
    for service, (verb, event) in list(hit.items())[:3]:
        yield claim(Name(service), f" was {verb}, but no alert fired for it", proof=cites(event),
                    none=phrases.query("alert.*", [service], span, options.zone))  # fmt: skip


# --- (c) the durations ------------------------------------------------------------------------------------------

SHOWN = ("detect", "acknowledge", "mitigate", "fix", "resolve")
"""The durations of our own that are told; the path tells how long a page waited."""

BEGINNINGS = {
    "impact_started": "impact start",
    "first_symptom": "first symptom",
    "detected": "detection",
    "page": "the page",
    "declared": "declaration",
}
"""How the moment that a duration counts from is called."""


def _durations(history: History, options: Options) -> Iterator[Claim]:
    """In the profile's terms; a length that was told already is not told again under another name."""
    told = {"acknowledge"} if any(word == "acknowledged" for _, word, _ in _steps(history)) else set()
    lengths: set[int | None] = set()
    ours = options.profile == "timelined"
    if not history.pages:
        told.add("acknowledge")
    for duration in moments.restate(history, options.profile):
        if ours and (duration.name not in SHOWN or duration.name in told):
            continue
        if ours and duration.name == "fix" and (duration.micros is None or duration.micros in lengths):
            continue
        lengths.add(duration.micros)
        yield _told(history, duration)


def _told(history: History, duration: Duration) -> Claim:
    if duration.name == "detect" and duration.status == "not applicable":
        return _to_detect(history, duration)
    if duration.name == "mitigate" and duration.status == "recorded":
        return _to_mitigate(history, duration)
    return _measured(history, duration)


def _measured(history: History, duration: Duration) -> Claim:
    """``Time to resolve: 21 min 50 s, page resolved``, or its status and what is missing."""
    if duration.status == "recorded" and duration.micros is not None:
        length = phrases.lasted(duration.micros)
        return claim(f"{duration.term}: {length}{_basis(history, duration)}", proof=duration.cites)
    why = f"; {duration.why}" if duration.why else ""
    return claim(f"{duration.term}: {duration.status}{why}", proof=duration.cites, label=not duration.cites)


def _basis(history: History, duration: Duration) -> str:
    """Where it counts from, unless that is the detecting alert itself, and how its end is known."""
    start, end = history.moments.get(duration.start), history.moments.get(duration.end)
    detected = history.moments.get("detected")
    plain = start is not None and duration.start == "first_symptom" and detected is not None and start.at == detected.at
    beginning = BEGINNINGS.get(duration.start)
    known = end.known if end and end.known in ("derived", "stated") else ""
    basis = end.basis if end and end.basis not in (known, "first acknowledgement") else ""
    if beginning and not plain and basis and not known:
        return f", from {beginning} to {basis}"
    words = [f"from {beginning}" if beginning and not plain else "", known, basis]
    return "".join(f", {word}" for word in words if word)


def _to_detect(history: History, duration: Duration) -> Claim:
    """Not applicable where no start is known; then what it would be had the impact begun with the closest change."""
    detected = facts.moment(history, "detected")
    earlier = facts.earlier_changes(history)
    if detected is None or detected.at is None or not earlier:
        return _measured(history, duration)
    nearest = earlier[0]
    began = nearest.end if nearest.end is not None and nearest.end <= detected.at else nearest.start
    noun = {"merge": "merge"}.get(nearest.kind) or phrases.NOUNS.get(nearest.kind, "change")
    length = phrases.lasted(detected.at - began)
    return claim(f"{duration.term}: not applicable; {length} if impact began with the {noun}",
                 proof=cites(nearest.last, detected))  # fmt: skip


def _to_mitigate(history: History, duration: Duration) -> Claim:
    """With the alternative where one alert ended long after all others."""
    measured = _measured(history, duration)
    mitigated = facts.moment(history, "mitigated")
    last = _alternative(history, mitigated) if mitigated else None
    if mitigated is None or mitigated.alternative is None or mitigated.at is None or last is None:
        return measured
    later = mitigated.at - mitigated.alternative
    shorter = max(0, (duration.micros or 0) - later)
    one = "one series of " if _has_siblings(last, history) else ""
    said = say(measured.parts, f"; {phrases.lasted(shorter)} without {one}", phrases.alert_on(last),
               f", which ended {phrases.lasted(later)} after all others")  # fmt: skip
    return claim(said, proof=tuple(dict.fromkeys((*mitigated.alternative_cites, *measured.cites))))


def _has_siblings(alert: Alert, history: History) -> bool:
    """Whether other series of the same alert fired on the same service."""
    kin = (each for each in history.alerts if (each.name, each.service) == (alert.name, alert.service))
    return any(each.entity != alert.entity for each in kin)


def _alternative(history: History, mitigated: Moment) -> Alert | None:
    """The alert that ended long after all others, if it is another one than the one that ended before it."""
    last = history.last_measured
    if mitigated.alternative is None or last is None:
        return None
    others = [alert for alert in history.measured if facts.end_event(alert).id in mitigated.alternative_cites]
    return last if any(alert.entity != last.entity for alert in others) else None
