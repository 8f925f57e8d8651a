"""The table of durations: how long, from what to what, and on what it rests.

Where an end is not known, no duration is made up: the value is ``unknown``,
and what it would be if something recorded stood for that end follows, said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.event import RecordedEvent
from renderers import change_facts, facts, moments, page_facts, phrases
from renderers.document import Name, Options, Quote, Table, TableRow
from renderers.history import Alert, Duration, History, Moment
from renderers.phrases import Phrase, cites, say
from renderers.rows.people import headline
from renderers.sections.clock import time_in
from renderers.sections.earlier import VERBS
from renderers.sections.lengths import ended_before_it_fired
from renderers.words import apart

HEAD = ("Measure", "Value", "From", "To", "Basis")

CALLED = {
    "impact_started": "impact began",
    "impact_ended": "impact ended",
    "first_symptom": "first symptom",
    "detected": "detected",
    "page": "paged",
    "acknowledged": "acknowledged",
    "page_acknowledged": "acknowledged",
    "page_resolved": "page resolved",
    "mitigated": "mitigated",
    "resolved": "resolved",
    "declared": "declared",
    "responder": "last responder asked to join",
}
"""What happened at a moment."""

MISSING = {
    "impact_started": "impact start not recorded",
    "impact_ended": "impact end not recorded",
    "first_symptom": "no symptom recorded",
    "detected": "detection not recorded",
    "page": "page not recorded",
    "acknowledged": "acknowledgement not recorded",
    "page_acknowledged": "acknowledgement not recorded",
    "page_resolved": "end of the page not recorded",
    "mitigated": "mitigation not recorded",
    "resolved": "end not recorded",
    "declared": "declaration not recorded",
    "responder": "no further responder recorded",
}

WAS = frozenset(VERBS.values()) | {"cancelled", "rolled back"}
"""What is done to a change, where the change does not do it itself: a flag was set, a deploy finished."""

BASES = {
    "alert ended": "derived: the alert ended",
    "last alert ended": "derived: the last alert ended",
    "last alert above warning ended": "derived: the last alert above warning ended",
    "page resolved": "the page was resolved",
    "stated": "stated by a person",
    "declared mitigated": "it was declared mitigated",
    "declared monitoring": "derived: it was declared to be monitored",
    "status mitigated": "its status was set to mitigated",
    "status dated mitigated": "its mitigation is dated so",
    "status monitoring": "derived: its status was set to monitoring",
    "status page mitigated": "the status page was set to mitigated",
    "status page monitoring": "derived: the status page was set to monitoring",
    "told by an event": "its start is told by an event",
    moments.AUTOMATIC: moments.AUTOMATIC,
}
"""How an end is known, by the basis of its moment."""
ALERTS_ENDED = frozenset(basis for basis, words in BASES.items() if words.endswith(" ended"))
"""The bases of moments that an alert's end shows, and nothing that people did."""


def measures(history: History, options: Options) -> Table:
    """The durations in the profile's terms."""
    ends = moments.ends_of(history, options.profile)
    rows = [_row(history, options, each, ends) for each in moments.restate(history, options.profile)]
    return Table(key="measures", head=HEAD, rows=tuple(rows))


def _row(history: History, options: Options, measure: Duration, ends: dict[str, Moment]) -> TableRow:
    basis, proof = _basis(history, options, measure, ends)
    value = say(phrases.lasted(measure.micros)) if measure.micros is not None else say(_status(measure))
    exact = measure.micros is not None
    cells = (say(measure.term), value, _end(history, options, ends.get(measure.start), measure.start, exact=exact),
             _end(history, options, ends.get(measure.end), measure.end, exact=exact), basis)  # fmt: skip
    return TableRow(cells=cells, cites=proof, label=not proof)


def _status(each: Duration) -> str:
    return {"pending": "not known yet", "invalid": "not counted"}.get(each.status, "unknown")


def missing(moment: Moment | None, name: str) -> str:
    """What stands for an end whose time is not known: that it is not recorded, or why there is none."""
    declared = moment is not None and moment.basis in (moments.BY_HAND, moments.BY_A_TOOL)
    return "nobody paged" if declared else MISSING.get(name, "not recorded")


def _end(history: History, options: Options, moment: Moment | None, name: str, *, exact: bool) -> Phrase:
    """``detected 18:02:10``, or what is missing.

    Beside an unknown value it is ``detected at 18:02``: 00:07:10 would be taken for the length that is not known.
    """
    if moment is None or moment.at is None:
        return say(missing(moment, name))
    called = "opened" if name == "page" and _declared(history, moment) else CALLED.get(name, name)
    if exact:
        return say(f"{called} ", time_in(history, options, moment.at))
    return say(f"{called} at ", phrases.minute(moment.at, options.zone, facts.anchor(history)))


def _declared(history: History, moment: Moment) -> bool:
    """Whether a page's start is that of one which called nobody."""
    return any(page.declared and page.triggered and page.triggered.id in moment.cites for page in history.pages)


def _basis(
    history: History, options: Options, measure: Duration, ends: dict[str, Moment]
) -> tuple[Phrase, tuple[str, ...]]:
    start, end = ends.get(measure.start), ends.get(measure.end)
    ends_known = [moment for moment in (start, end) if moment is not None and moment.at is not None]
    if measure.status == "invalid":
        return say("its end comes before its start"), cites(*ends_known)
    if measure.micros is None or start is None or end is None:
        return _instead(history, options, measure, ends_known)
    known = page_facts.page_over(history, end) or _in_monitoring(history, end) or _certainty(start, end)
    words: list[Phrase] = [say(known)]
    proof: list[Moment | RecordedEvent] = [*ends_known]
    for more, evidence in _besides(history, options, measure, ends):
        words.append(more)
        proof += evidence
    return say(words[0], *(say("; ", word) for word in words[1:])), cites(*proof)


def _in_monitoring(history: History, end: Moment) -> Phrase:
    """That what was acknowledged was no page, where it was an alert."""
    done = history.by_id.get(end.cites[0]) if end.name == "acknowledged" and end.cites else None
    if done is None or done.type != "note.added":
        return ()
    return say(acknowledged_called(history, done), " was acknowledged in ", Name(phrases.system(history, done.source)))


def acknowledged_called(history: History, note: RecordedEvent) -> Phrase:
    """``the alert`` that was acknowledged in its monitoring system; where several fired ``the alert http on web-1``, or
    ``an alert`` where nothing says which."""
    if not facts.several(history.alerts):
        return say(facts.THE_ALERT)
    alert = facts.acknowledged_alert(history, note)
    return say("the alert ", phrases.alert_on(history, alert)) if alert is not None else say("an alert")


def _certainty(start: Moment, end: Moment) -> str:
    """How the weaker of the two ends is known."""
    words = BASES.get(end.basis) or BASES.get(start.basis)
    return words or ("stated by a person" if "stated" in (start.known, end.known) else "recorded")


def over_if_closed(history: History, options: Options, start: int, closed: RecordedEvent) -> Phrase:
    """``22 min if it was over when PagerDuty incident 10 was resolved at 09:22:00``."""
    called = phrases.page_called(history, closed)
    return say(phrases.between(start, closed.occurred_at), " if it was over when ", called, " was resolved at ",
               time_in(history, options, closed.occurred_at))  # fmt: skip


def _besides(
    history: History, options: Options, measure: Duration, ends: dict[str, Moment]
) -> Iterator[tuple[Phrase, Sequence[Moment | RecordedEvent]]]:
    """The same counted from another start that a reader may expect, and the alert that ended long after the others."""
    end, detected, began = ends[measure.end], ends.get("detected"), ends.get("impact_started")
    at = end.at or 0
    paged = measure.name == "acknowledge" and measure.start != "detected"
    if paged and detected and detected.at not in (None, ends[measure.start].at) and at >= (detected.at or 0):
        yield say(phrases.between(detected.at or 0, at), " from detection"), [detected]
    if measure.name in ("mitigate", "resolve") and measure.start == "detected" and began and began.at is not None:
        yield say(phrases.between(began.at, at), " from the start of the impact"), [began]
    closed = page_facts.closed_before_alerts_ended(history) if end.basis in ALERTS_ENDED else None
    last = history.last_measured if end.basis in ALERTS_ENDED else None
    if last is not None and last.dated_back:
        yield ended_before_it_fired(history, last), []
    if measure.name in ("mitigate", "resolve") and closed is not None:
        yield over_if_closed(history, options, ends[measure.start].at or 0, closed), [closed]
    if measure.name == "mitigate" and end.alternative is not None:
        last = alternative(history, end)
        if last is not None:
            later = apart(end.alternative, at)
            one = "one series of " if _has_siblings(last, history) else ""
            proof = Moment(name="mitigated", at=end.alternative, known="derived", cites=end.alternative_cites)
            yield say(phrases.lasted(max(0, (measure.micros or 0) - later)), f" without {one}",
                      phrases.alert_on(history, last), ", which ended ", phrases.lasted(later),
                      f" after {_rest(history, last)}{_above(history, end)}"), [proof]  # fmt: skip


def _rest(history: History, last: Alert) -> str:
    """``all others``, of two ``the other alert``."""
    rest = {(alert.source, alert.entity) for alert in history.measured} - {(last.source, last.entity)}
    return "all others" if len(rest) > 1 else "the other alert"


def _above(history: History, mitigated: Moment) -> str:
    """`` above warning`` where a low alert ended after the others had, too, or fires still."""
    low = (each for each in history.alerts if not each.opening)
    later = any(each.firing or (each.end or 0) > (mitigated.alternative or 0) for each in low)
    return " above warning" if later else ""


def _instead(
    history: History, options: Options, measure: Duration, ends_known: list[Moment]
) -> tuple[Phrase, tuple[str, ...]]:
    """What it would be if something recorded stood for the end that is missing."""
    detected = facts.moment(history, "detected")
    if measure.name == "detect" and detected and detected.at is not None:
        sentence, proof = _began_with(history, options, detected.at)
        if sentence:
            return sentence, cites(detected, proof)
    acknowledgement = facts.moment(history, "acknowledged")
    if (
        measure.name == "acknowledge"
        and measure.start == "page"
        and acknowledgement
        and detected
        and measure.micros is None
    ):
        waited = apart(detected.at or 0, acknowledgement.at or 0)
        since = say("; ", phrases.lasted(waited), " from detection") if waited >= 0 else ()
        return say(measure.why, since), cites(detected, acknowledgement)
    if measure.name == "mitigate" and detected and detected.at is not None:
        for doing in change_facts.response_actions(history)[-1:]:
            noun = phrases.noun_of(doing.change) if doing.change else "action"
            sentence = say(phrases.between(detected.at, doing.at), f" if the {noun} at ",
                       time_in(history, options, doing.at), " mitigated it")  # fmt: skip
            return sentence, cites(doing.event, detected)
    again = page_facts.reopening(history) if measure.end in ("resolved", "page_resolved") else None
    if again is not None:
        when = time_in(history, options, again.occurred_at)
        return say("it was reopened at ", when, ", and no end is recorded since"), cites(*ends_known, again)
    report = facts.undeclared(history) if measure.end == "resolved" else None
    if report is not None:
        return say("nobody has declared it over since it was reported"), cites(*ends_known, report)
    return say(measure.why or "not recorded"), cites(*ends_known)


def _began_with(history: History, options: Options, detected: int) -> tuple[Phrase, list[RecordedEvent]]:
    """``1 min 50 s if the impact began with "Packet loss 38%" at 15:35:20; 4 min if when the deploy finished at …``:
    the first warning, the first observation and the likeliest change before the detection, the later of them first."""
    warned = facts.warned(history)[:1]
    beginnings = [(each.start, say("with the alert ", phrases.alert_on(history, each)), each.fired) for each in warned]
    for event in facts.seen_before(history, detected)[:1]:
        title = headline(event)
        seen = say(Quote(title)) if title else phrases.observation_called(event)
        beginnings.append((event.occurred_at, say("with ", seen), event))
    symptom = min((at for at, _, _ in beginnings), default=detected)
    since = symptom - history.context.lookback
    for act in [each for each in change_facts.acts_before(history) if since <= each.occurred_at <= symptom][:1]:
        title = headline(act)
        done = say(Quote(title)) if title else phrases.observation_called(act)
        beginnings.append((act.occurred_at, say("when ", done, " was recorded"), act))
    for change in change_facts.earlier_changes(history)[:1]:
        began = change.end if change.end is not None and change.end <= detected else change.start
        if began > symptom:
            continue  # what it hit had shown before
        ended = change.ending if change.in_vain else VERBS.get(change.kind, "finished")
        verb = ended if began == change.end else "began"
        was = "was " if verb in WAS else ""
        noun = phrases.noun_of(change)
        proof = change.last if began == change.end else change_facts.begun_by(history, change)
        beginnings.append((began, say(f"when the {noun} {was}{verb}"), proof))
    beginnings = sorted((each for each in beginnings if each[0] <= detected), key=lambda each: (-each[0], each[2].id))
    said = [say("; " if n else "", phrases.between(at, detected), " if ", "it" if n else "the impact", " began ", how,
                " at ", time_in(history, options, at)) for n, (at, how, _) in enumerate(beginnings)]  # fmt: skip
    return say(*said), [event for _, _, event in beginnings]


def unsettled(history: History) -> bool:
    """Whether only a person knows when it was mitigated: no end shows it, or one came long after all others, or after
    somebody had closed the page."""
    mitigated = facts.moment(history, "mitigated")
    if mitigated is None or alternative(history, mitigated) is not None:
        return True
    return mitigated.basis in ALERTS_ENDED and page_facts.closed_before_alerts_ended(history) is not None


def _has_siblings(alert: Alert, history: History) -> bool:
    """Whether other series of the same alert fired on the same service."""
    place = alert.name, alert.service, facts.where(history, alert.environment)
    kin = (e for e in history.alerts if (e.name, e.service, facts.where(history, e.environment)) == place)
    return any(each.entity != alert.entity and each.source == alert.source for each in kin)


def alternative(history: History, mitigated: Moment) -> Alert | None:
    """The alert that ended long after all others, if it is another one than the one that ended before it."""
    last = history.last_measured
    if mitigated.alternative is None or last is None:
        return None
    others = [alert for alert in history.measured if facts.end_event(alert).id in mitigated.alternative_cites]
    return last if any(alert.entity != last.entity for alert in others) else None
