"""How the incident was discovered: who or what, how it reached a person, what stayed silent, how fast it all went."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from collector.event import MINUTE, RecordedEvent
from renderers import absence, facts, page_facts, phrases
from renderers.document import Block, Bullets, Claim, Code, Name, Options, Prompt, Section, Table, TableRow
from renderers.history import Alert, Family, History
from renderers.phrases import Phrase, cites, claim, quoted, say, text_in, with_name
from renderers.rows.alerts import told_by
from renderers.rows.pages import assigned, went_to
from renderers.sections import lasting
from renderers.sections.clock import time_in, time_since
from renderers.sections.measures import measures, unsettled
from renderers.values import alert_sizes, values_of
from renderers.words import counted, in_words

UNPAGED = 3
"""How many alerts without a page are named."""
GRACE = MINUTE
"""An alert that began within this before a page may well have led to it, whatever it shares with it."""
KEY_ALERTS = 12
"""How many alerts the table has, the opening ones first."""
HALF = "how could we have noticed this in half the time?"


def section(history: History, options: Options) -> Section:
    """Who or what; the path; what stayed silent; the start of the impact; the alerts; the durations."""
    if not facts.began(history):
        nothing = claim("No alert, page or report was recorded, so how it was discovered is not known.", label=True)
        return Section(key="detection", blocks=(Bullets(items=(nothing,)), Prompt("how was it discovered?")))
    items = [*_discovered(history, options), *_path(history, options), *_unpaged(history, options)]
    items += [
        *_muted(history, options),
        *lasting.claims(history, options),
        *_silent(history, options),
        *_impact(history, options),
    ]
    blocks: list[Block] = [Bullets(items=tuple(items))]
    if history.alerts:
        blocks.append(_alerts(history, options))
    blocks.append(measures(history, options))
    if unsettled(history):
        blocks.append(Prompt("when was it mitigated?", command("mark", history, "mitigated --at …")))
    return Section(key="detection", blocks=(*blocks, Prompt(HALF)))


def command(verb: str, history: History, rest: str) -> str:
    """A command about this incident: ``timelined mark 12 mitigated --at …``."""
    return f"timelined {verb} {history.context.called or 'N'} {rest}"


# --- who or what ------------------------------------------------------------------------------------------------


def _discovered(history: History, options: Options) -> Iterator[Claim]:
    for mark in history.marks:
        if text_in(mark.data, "mark") == "detected":
            who = say(Name(mark.actor), " stated") if mark.actor else say("It was stated")
            yield claim(who, " that it was detected at ", time_in(history, options, mark.occurred_at),
                        with_name(" by ", text_in(mark.data, "by")), quoted(": ", mark.title, phrases.NOTE),
                        proof=cites(mark))  # fmt: skip
    event = detecting(history)
    if event is None:
        return
    posts = facts.posted_before(history, min(event.occurred_at, facts.reference(history)))[:1]
    for post in posts:
        signal = facts.reference_called(history)
        yield claim("The status page said at ", time_in(history, options, post.occurred_at), ", ",
                    phrases.between(post.occurred_at, facts.reference(history)), f" before {signal}",
                    quoted(": ", phrases.words_of(post), phrases.NOTE), proof=cites(post, event))  # fmt: skip
    alert = next((a for a in history.alerts if event.id in a.events), None)
    stated = _stated(history)
    if alert is not None and stated is not None:
        yield _after_stated(history, options, alert, None if posts else stated)
    elif alert is not None:
        yield _by_alert(history, options, alert)
    elif event.type.startswith("page."):
        yield _by_page(history, options, event, earlier=stated is not None)
    else:
        yield _by_report(history, options, event, earlier=stated is not None)


def _stated(history: History) -> int | None:
    """When it was detected by what somebody stated: then no signal discovered it, be it earlier or later."""
    known = facts.moment(history, "detected")
    return known.at if known is not None and known.known == "stated" else None


def detecting(history: History) -> RecordedEvent | None:
    """The event that detected it, by the senders' own facts."""
    moment = facts.moment(history, "detected")
    ids = set(moment.cites) if moment else set()
    first = next((event for event in history.events if event.type in SIGNALS), None)
    return next((event for event in history.events if event.id in ids and event.type in SIGNALS), first)


SIGNALS = ("alert.firing", "alert.resolved", "page.triggered", "incident.opened", "report.received")
"""What can detect an incident without a person stating so."""


def _by_alert(history: History, options: Options, alert: Alert) -> Claim:
    # Where a status page had told of it, monitoring discovered nothing.
    lead, verb = "Monitoring discovered it: the alert ", ", at "
    if facts.posted_before(history, alert.start):
        one = facts.alone(history)
        lead, verb = ("the alert ", " fired at ") if one else (f"{facts.first_called(history, alert.start)} was ", verb)
    return claim(lead, *_fired_where(history, alert), verb, time_in(history, options, alert.start),
                 _rules(alert), proof=cites(alert.fired))  # fmt: skip


def _after_stated(history: History, options: Options, alert: Alert, stated: int | None) -> Claim:
    """``The first alert about it came at 14:02:10, 4 min 10 s later: HighErrorRate (critical) on checkout``; how far
    from what was stated only where that is the sentence before."""
    called = facts.first_called(history, alert.start).replace("alert", "alert about it", 1)
    lag: Phrase = ()
    if stated is not None:
        first, last = sorted((stated, alert.start))
        way = " later" if first == stated else " before that"
        lag = say(", ", phrases.between(first, last), way) if first < last else ()
    return claim(f"{called} came at ", time_in(history, options, alert.start), lag, ": ",
                 *_fired_where(history, alert), _rules(alert), proof=cites(alert.fired))  # fmt: skip


def _fired_where(history: History, alert: Alert) -> Phrase:
    """``HighErrorRate (critical) on checkout``."""
    return say(phrases.alert_named(alert.name), with_name(" (", alert.fired.severity, ")"),
               with_name(" on ", phrases.beyond(alert.name, alert.service)),
               with_name(" in ", facts.where(history, alert.environment)))  # fmt: skip


def _rules(alert: Alert) -> Phrase:
    links = [phrases.link_to(alert.fired, "rule", "rule"), phrases.link_to(alert.fired, "dashboard", "dashboard")]
    shown = phrases.listed([link for link in links if link], 2, end=", ")
    return say(" (", shown, ")") if shown else ()


def _by_page(history: History, options: Options, event: RecordedEvent, *, earlier: bool) -> Claim:
    time = time_in(history, options, event.occurred_at)
    if event.actor:
        # Whom an alert had warned before did not discover it, but opened it.
        warned = earlier or any(alert.start < event.occurred_at for alert in history.alerts)
        lead = "" if warned else "A person discovered it: "
        return claim(lead, Name(event.actor), " opened ", phrases.page_called(history, event),
                     " by hand" if warned else "", " at ", time, quoted(", ", event.title),
                     proof=cites(event))  # fmt: skip
    declared = any(page.declared for page in history.pages if page.triggered is event)
    opened = " was opened automatically at " if declared else " was opened at "
    lead = "" if declared or earlier else "It became known by a page: "
    return claim(lead, phrases.page_called(history, event), opened, time, quoted(", ", event.title), proof=cites(event))


def _by_report(history: History, options: Options, event: RecordedEvent, *, earlier: bool) -> Claim:
    by = text_in(event.data, "by") or event.actor
    lead = "" if earlier else "A person discovered it: "
    who = say(lead, Name(by), " reported it") if by else say("It was reported" if earlier else "A report made it known")
    return claim(who, " at ", time_in(history, options, event.occurred_at),
                 quoted(", ", phrases.words_of(event), phrases.NOTE), proof=cites(event))  # fmt: skip


def _all_over(history: History, at: int) -> Alert | None:
    """The alert that ended last, if all that ever fired had ended by then."""
    ended = history.last_measured
    over = ended is not None and ended.end is not None and ended.end <= at
    return ended if over and all(alert.end is not None and alert.end <= at for alert in history.alerts) else None


# --- how it reached a person ------------------------------------------------------------------------------------


def _path(history: History, options: Options) -> Iterator[Claim]:
    """Who was paged, how long after the first signal, and who took it, how long after the page."""
    for page in [page for page in history.pages if page.triggered is not None][:1]:
        event = page.triggered or page.steps[0]
        # A person may have stated an earlier detection: what is named here is what fired, or was reported.
        since = facts.reference(history)
        reference = facts.reference_called(history)
        signal = "that alert" if reference.startswith((facts.FIRST_ALERT, facts.THE_ALERT)) else (
            "the report" if reference == facts.report_called(history) else "the first signal")  # fmt: skip
        after: Phrase = ()
        if page.start > since:
            after = say(", ", phrases.between(since, page.start), f" after {signal}")
        if event is detecting(history):
            continue
        ended = _all_over(history, page.start)
        if after and ended is not None:
            over = say(" and ", phrases.between(ended.end or since, page.start))
            over = say(over, " after ", "it" if facts.alone(history) else "the last alert", " had ended")
            after = say(after, over)
        yield claim(_called(history, event), " at ", time_in(history, options, page.start), after,
                    proof=cites(event, *((facts.end_event(ended),) if ended else ())))  # fmt: skip
    done = facts.moment(history, "acknowledged")
    taken_page = next((p for p in history.pages if done and p.acknowledged and p.acknowledged.id in done.cites), None)
    if taken_page is not None and taken_page.acknowledged is not None:
        event = taken_page.acknowledged
        called = phrases.page_called(history, event)
        done_by = say(Name(event.actor), " acknowledged ", called) if event.actor else say(
            called, " was acknowledged", phrases.by_whom(event))  # fmt: skip
        first = next((each for each in history.pages if each.triggered is not None), taken_page)
        since_then = page_facts.page_noun(taken_page) if taken_page is first else "it was opened"
        yield claim(done_by, " at ", time_in(history, options, event.occurred_at),
                    time_since(taken_page.start, event.occurred_at, since_then),
                    proof=cites(phrases.page_event(taken_page), event))  # fmt: skip


def _called(history: History, event: RecordedEvent) -> Phrase:
    """``Ana was paged by PagerDuty incident 311``, ``PagerDuty incident 412 was opened by hand by community-m``."""
    people = assigned(event, "")
    page, verb = phrases.page_called(history, event), phrases.pages(history, event)
    several = len(phrases.texts_in(event.data, "assignees")) > 1
    by = with_name(", opened by hand by ", event.actor, ",")
    if people:
        return say(people, " were" if several else " was", f" {verb} by ", page, by)
    if went := went_to(event):
        return say(page, by, went)
    return say(page, with_name(" was opened by hand by ", event.actor) or " was opened")


def _muted(history: History, options: Options) -> Iterator[Claim]:
    """That an alert was silenced or inhibited while it fired: then nobody was notified of it, whenever it had begun."""
    alerts = {(alert.source, alert.entity): alert for alert in history.alerts}
    for event in history.observations:
        how = MUTED.get(text_in(event.data, "type").rpartition(".")[2], "")
        alert = alerts.pop((event.source, event.entity), None) if how else None
        if alert is not None:
            yield claim("The alert ", phrases.alert_on(history, alert), f" was {how} at ",
                        time_in(history, options, event.occurred_at),
                        quoted(": ", text_in(event.data, "text"), phrases.NOTE),
                        proof=cites(event))  # fmt: skip


MUTED = {"silence_muted_alert": "silenced", "inhibition_muted_alert": "inhibited by another alert"}
"""How the recorder of Alertmanager calls what keeps it from notifying, and how that reads."""


# --- what stayed silent -----------------------------------------------------------------------------------------


def _unpaged(history: History, options: Options) -> Iterator[Claim]:
    """Alerts that fired before the detection without opening an incident; alerts that fired before the page, or before
    the detection, and that no page names."""
    warned = facts.warned(history)
    yield from _warnings(history, options, warned)
    known = {(alert.name, alert.service) for alert in warned}
    unpaged_alerts = [alert for alert in _without_page(history) if (alert.name, alert.service) not in known]
    page = min((page.start for page in history.pages), default=None)
    until = page if page is not None else facts.instant(history, "detected")
    first_page = min(history.pages, key=lambda each: each.start, default=None)
    before = page_facts.page_noun(first_page) if first_page is not None else "the detection"
    unnamed = ", and no page names " if any(not page.declared for page in history.pages) else ""
    for alert in unpaged_alerts[:UNPAGED]:
        yield claim("The alert ", phrases.alert_on(history, alert, severity=True), " fired at ",
                    time_in(history, options, alert.start), ", ", phrases.between(alert.start, until or alert.start),
                    f" before {before}", unnamed and f"{unnamed}it", proof=cites(alert.fired))  # fmt: skip
    rest = unpaged_alerts[UNPAGED:]
    if rest:
        them = "it" if len(rest) == 1 else "them"
        yield claim(counted(len(rest), "more alert"), f" fired before {before}", unnamed and f"{unnamed}{them}",
                    proof=cites([a.fired for a in rest]))  # fmt: skip
    if not history.pages and history.alerts and facts.family_reported(history, "page"):
        yield absence.no_page(history, options)


def _warnings(history: History, options: Options, warned: list[Alert]) -> Iterator[Claim]:
    """``The first symptom was the alert DiskFilling on db (warning): it fired at 06:20:00, 40 min before …``."""
    detected, paged = facts.instant(history, "detected") or 0, _paged(history)
    for alert in warned[:UNPAGED]:
        called = any(not page.declared for page in history.pages)
        unnamed = ", and no page names it" if called and alert.name not in paged else ""
        ended = alert.end is not None and alert.end <= detected
        over = say("; it had ended at ", time_in(history, options, alert.end or 0)) if ended else ()
        symptom = alert.start == facts.instant(history, "first_symptom")
        lead, verb = ("The first symptom was the alert ", ": it") if symptom else ("The alert ", "")
        yield claim(lead, phrases.alert_on(history, alert, severity=True), f"{verb} fired at ",
                    time_in(history, options, alert.start), ", ", phrases.between(alert.start, detected),
                    " before the incident was detected", unnamed, over,
                    proof=cites(alert.fired, alert.resolved if ended else None,
                                facts.moment(history, "detected")))  # fmt: skip
    rest = warned[UNPAGED:]
    if rest:
        yield claim(counted(len(rest), "more alert"), " that opened no incident fired before it was detected",
                    proof=cites([alert.fired for alert in rest]))  # fmt: skip


def _paged(history: History) -> set[str]:
    """The names of the alerts that pages name by their titles or by reference, or whose group they name: the sender
    passed the deduplication key on."""
    paged = {ref for page in history.pages for step in page.steps for ref in step.refs if ref.startswith("alert")}
    alerts = history.alerts if paged else ()
    tied = {a.name for a in alerts if paged.intersection((*a.fired.refs, f"alert:{a.entity}"))}
    titles = "\n".join(sorted({page.title for page in history.pages})).casefold()
    untied = {a.name for a in history.alerts if a.name and a.name not in tied} if titles else ()
    return tied.union([name for name in untied if in_words(name.casefold(), titles)])


def _without_page(history: History) -> list[Alert]:
    """The first episode of each alert name that no page names, of those that fired before the page or detection."""
    page = min((page.start for page in history.pages), default=None)
    until = page - GRACE if page is not None else facts.instant(history, "detected")
    if until is None:
        return []
    tied = _paged(history)
    first = facts.first_alert(history)
    own = {first.name} if first and first.opening and not tied else set()
    alerts_by_name: dict[str, Alert] = {}
    for alert in history.alerts:
        if alert.start >= until:
            break
        if alert.name not in tied and alert.name not in own:
            alerts_by_name.setdefault(alert.name, alert)
    return list(alerts_by_name.values())


OPENED_FOR = ("an incident was opened for", "incidents were opened for")
"""How services were named where people opened what they call incidents, and called nobody."""


def _silent(history: History, options: Options) -> Iterator[Claim]:
    """Services that a page or a report named, for which no alert fired though alerts of others were told then."""
    if not facts.family_reported(history, "alert"):
        if not history.alerts:
            yield absence.unheard(history, options, "alert")
        return
    fired = facts.alerting(history)
    hit: dict[str, tuple[str, RecordedEvent]] = {}  # service → how it was named, and by which event
    tied = {f"alert:{spell.entity}" for spell in history.flapping_runs}
    tied.update(itertools.chain.from_iterable([alert.fired.refs for alert in history.alerts]))
    called = {alert.name.casefold() for alert in history.alerts if alert.name}
    for page in history.pages:
        page_event = phrases.page_event(page)
        if page_event is None or not page.service or facts.folded(page.service) in fired:
            continue
        # One that names its alert: the service that was paged is the team's, and not one that was hit.
        named_alert = not tied.isdisjoint([ref for step in page.steps for ref in step.refs]) or any(
            in_words(name, page.title.casefold()) for name in called
        )
        if not named_alert:
            hit.setdefault(page.service, (OPENED_FOR[0] if page.declared else "was paged for", page_event))
    for report in history.reports:
        if report.service and facts.folded(report.service) not in fired:
            hit.setdefault(report.service, ("was named by a report", report))
    paged, reported = ("was paged for", "were paged for"), ("was named by a report", "were named by reports")
    for how, plural in (paged, OPENED_FOR, reported):
        proof = {service: event for service, (verb, event) in hit.items() if verb == how}
        if proof:
            which = say(f", which {plural if len(proof) > 1 else how},")
            yield absence.no_alert(history, options, list(proof), *proof.values(), qualifier=which)


# --- the start of the impact ------------------------------------------------------------------------------------


def _impact(history: History, options: Options) -> Iterator[Claim]:
    """When the impact began and how that is known, or how to state it."""
    moment = facts.moment(history, "impact_started")
    if moment is None or moment.at is None:
        yield claim("When the impact began is not recorded; state it with ",
                    Code(command("mark", history, "impact_started --at …")), label=True)  # fmt: skip
        return
    mark = next((m for m in history.marks if m.id in moment.cites), None)
    event = history.by_id.get(moment.cites[0]) if moment.cites else None
    by_page = event if event is not None and event.type.startswith("page.") else None
    told = say(", as dated in ", phrases.page_called(history, by_page)) if by_page else say(", as an event tells")
    basis = with_name(", as stated by ", mark.actor) if mark else told
    yield claim("The impact began at ", time_in(history, options, moment.at), basis,
                quoted(": ", mark.title, phrases.NOTE) if mark else "", proof=cites(moment))  # fmt: skip


# --- the key alerts ---------------------------------------------------------------------------------------------

ALERTS_HEAD = ("Alert", "Service", "First fired", "Query", "Value told")


def _alerts(history: History, options: Options) -> Table:
    """One row for each alert of a name on a service, the opening ones first, in the order they began."""
    families = sorted(history.families, key=lambda f: (not any(a.opening for a in f.alerts), f.first.start, f.name))
    sizes = {
        (alert.name, alert.service, facts.where(history, alert.environment)): found
        for alert, found in alert_sizes(history)
    }
    rows: list[TableRow] = []
    for family in families[:KEY_ALERTS]:
        first, value = family.first, sizes.get((family.name, family.service, family.environment))
        query = text_in(first.fired.data, "query")
        cells = (
            _family_called(history, family), phrases.on_service(family.service, family.environment, ""),
            say(time_in(history, options, first.start)), say(Code(query)) if query else (),
            phrases.listed([quoted("", each.text) for each in values_of(value)], 3, end=", ") if value else (),
        )  # fmt: skip
        proof = cites(
            [each.fired for each in family.alerts], [each.event for each in values_of(value)] if value else ()
        )
        rows.append(TableRow(cells=cells, cites=proof))
    rest = families[KEY_ALERTS:]
    more = claim(counted(len(rest), "more alert"), " fired",
                 proof=cites([family.first.fired for family in rest])) if rest else None  # fmt: skip
    return Table(key="alerts", head=ALERTS_HEAD, rows=tuple(rows), left_out=more)


def _family_called(history: History, family: Family) -> Phrase:
    """``SlowCart (3 series)``, ``SlowCart (warning)``, ``SlowCart (2 series, each fired 3 times)``, ``SlowCart, told by
    Alertmanager and Grafana``, ``DiskFull (warning and critical, 2 series)``."""
    counts = facts.firings(family)
    details = [] if all(alert.opening for alert in family.alerts) else _severities(family)
    if len(counts) > 1:
        details += [f"{len(counts):,} series"]
    if max(counts) > 1:
        times, alike = f"fired {max(counts):,} times", len(set(counts)) == 1
        every = f"each {times}" if alike else f"fired {sum(counts):,} times in all"
        details += [every if len(counts) > 1 else times]
    inside = phrases.listed([Name(each) for each in details], 3, end=", ")
    return say(phrases.alert_named(family.name), say(" (", inside, ")") if inside else "",
               told_by(history, family.alerts))  # fmt: skip


def _severities(family: Family) -> list[str]:
    """The severities that an alert fired with, the first one first, as one word: ``warning and critical``."""
    words = list(dict.fromkeys(alert.severity for alert in family.alerts if alert.severity))
    return [" and ".join(filter(None, (", ".join(words[:-1]), words[-1])))] if words else []
