"""Five sentences: what fired, how people learnt of it, the closest earlier change, the last action, how long."""

from __future__ import annotations

from collections.abc import Iterator

from collector.event import MINUTE, RecordedEvent, reading_order
from renderers import absence, change_facts, facts, page_facts, phrases
from renderers.document import Bullets, Claim, Name, Options, Prompt, Section
from renderers.history import Alert, Family, History, Page
from renderers.phrases import Phrase, SentencePart, cites, claim, quoted, say, with_name
from renderers.rows.pages import called, went_to
from renderers.sections import handovers, lengths, reopening
from renderers.sections.clock import time_in, time_of, time_since
from renderers.sections.earlier import closest, flag_words
from renderers.sections.graded import alert_graded, lower_before, series_as_grave
from renderers.sections.measures import ALERTS_ENDED, acknowledged_called
from renderers.words import apart, counted

SERIES = 3
"""From how many series of one alert on they are counted."""
CONTEXT = "one sentence for a reader outside the team: what broke, and for whom?"


def section(history: History, options: Options) -> Section:
    """The summary, as far as events show it."""
    items = [*_beginning(history, options)]
    if facts.began(history):
        items += [*_learnt(history, options), *closest(history, options), *_action(history, options)]
        items += [*reopening.declared(history, options), *_length(history, options), *_declared(history, options)]
    return Section(key="summary", blocks=(Bullets(items=tuple(items)), Prompt(CONTEXT)))


# --- (1) what happened ------------------------------------------------------------------------------------------


def _beginning(history: History, options: Options) -> Iterator[Claim]:
    """What came first, a report, an alert or a page, and what followed; without any of them the first event."""
    alert = facts.first_alert(history)
    reports = [each for each in history.reports if alert is None or each.occurred_at < alert.start][:1]
    for report in reports:
        yield claim("At ", time_in(history, options, report.occurred_at), " ", report_told(report), proof=cites(report))
    if alert is not None:
        if _page_first(history):
            yield from _paged_first(history, options)
        yield _fired(history, options, alert)
    elif not reports:
        yield from _paged_first(history, options) if history.pages else _first_event(history, options)


def _page_first(history: History) -> bool:
    """Whether a person opened the incident before an alert fired and a report came, or somebody was paged well before
    that: the summary begins with it."""
    alert, first = facts.first_alert(history), history.pages[0] if history.pages else None
    if first is None or alert is None or first.triggered is None:
        return False
    ahead = 0 if first.declared else MINUTE  # an alert may have led to a page that came a little before it
    return first.start + ahead < min([alert.start, *(report.occurred_at for report in history.reports[:1])])


def report_in_summary(history: History) -> RecordedEvent | None:
    """The first report, where it came before the first alert or nobody was paged: it is how people learnt of it."""
    report, alert = next(iter(history.reports), None), facts.first_alert(history)
    began = report is not None and (alert is None or report.occurred_at < alert.start)
    return report if began or not any(page.triggered is not None for page in history.pages) else None


def report_told(report: RecordedEvent) -> Phrase:
    """``user-k reported for package-index in production: "…"``."""
    by = phrases.text_in(report.data, "by") or report.actor
    return say(Name(by) if by else "a report was received", " reported" if by else "",
               phrases.on_service(report.service, report.environment, " for "),
               quoted(": ", phrases.words_of(report), phrases.NOTE))  # fmt: skip


def _fired(history: History, options: Options, alert: Alert) -> Claim:
    """``At 18:02:10 the alert HighErrorRate fired on checkout in production; SlowCart on cart followed …``."""
    first, *others = history.families
    series, (lower, before) = series_as_grave(first, alert), lower_before(first, alert)
    sentence: list[SentencePart] = [
        "At ",
        time_in(history, options, alert.start),
        " the alert ",
        alert_graded(history, alert),
        f" ({series:,} series)" if series >= SERIES else "",
        " fired",
        phrases.on_service(phrases.beyond(alert.name, alert.service), alert.environment),
    ]
    sentence.append(lower)
    earlier = [each for each in others if each.first.start < alert.start]
    later = [each for each in others if each.first.start >= alert.start]
    if earlier:
        ahead = say(phrases.between(earlier[0].first.start, alert.start), " before it")
        sentence += ["; ", _families(earlier), " had fired", " from " if len(earlier) > 1 else " ", ahead,
                 " on" if len(earlier) > 1 else ""]  # fmt: skip
    if later:
        after = apart(alert.start, later[-1].first.start)
        how = (" within ", "") if len(later) > 1 else (" ", " later")
        sentence += ["; ", _families(later)]
        sentence += [" followed", how[0], phrases.lasted(after), how[1]] if after else [" fired at the same time"]
    return claim(*sentence, proof=cites(before, alert.fired, [each.first.fired for each in (*earlier, *later)]))


def _families(families: list[Family]) -> Phrase:
    """``InstanceDown on api, auth, cart and 5 more services and SlowCart on cart``: a name stands once."""
    by_name: dict[tuple[str, bool], list[Family]] = {}
    for family in families:
        by_name.setdefault((family.name, family.service is not None and not family.environment), []).append(family)
    if len(by_name) == len(families):
        return phrases.worded(families, _family_called, 3, ("more alert", "more alerts"))
    groups = [group for (_, alike), found in by_name.items() for group in ([found] if alike else [[f] for f in found])]
    return phrases.worded(groups, _group_called, 3, ("more alert", "more alerts"), ", and ")


def _group_called(families: list[Family]) -> Phrase:
    if len(families) == 1:
        return _family_called(families[0])
    services = phrases.listed([Name(each.service or "") for each in families], 3, ("more service", "more services"))
    return say(phrases.alert_named(families[0].name), " on ", services)


def _family_called(family: Family) -> Phrase:
    """``SlowCart on cart in production``; a check that is called like its service is told from that."""
    alike = family.service is not None and not phrases.beyond(family.name, family.service)
    return say(
        "the alert " if alike else "",
        phrases.alert_named(family.name),
        phrases.on_service(phrases.beyond(family.name, family.service), family.environment),
    )


def _paged_first(history: History, options: Options) -> Iterator[Claim]:
    page = history.pages[0]
    event = phrases.page_event(page)
    if event:
        people = called(history, event)
        opened = with_name(", opened by ", event.actor, ",") if people else with_name(" was opened by ", event.actor)
        subject = say(phrases.page_called(history, event), opened, people)
        yield claim("At ", time_in(history, options, page.start), " ", subject,
                    "" if people or opened else " was opened",
                    phrases.on_service(_service_of(history, page, event), page.environment, " for "),
                    quoted(": ", event.title), proof=cites(event))  # fmt: skip


def _service_of(history: History, page: Page, event: RecordedEvent) -> str | None:
    """The service of a page, unless it went to who is called like that."""
    went = called(history, event) == went_to(event) != ()
    policy = phrases.text_in(event.data, "escalation_policy")
    alike = went and page.service is not None and facts.folded(policy) == facts.folded(page.service)
    return None if alike else page.service


def _first_event(history: History, options: Options) -> Iterator[Claim]:
    """An incident without alert, page or report: what is the first that was recorded."""
    for change in history.changes[:1]:
        yield claim("The first event was the ", phrases.change_called(change), ", begun at ",
                    time_in(history, options, change.start), proof=cites(change.first))  # fmt: skip
    for event in () if history.changes else history.events[:1]:
        family = event.type.partition(".")[0]
        if family == "observation":
            yield claim("The first event was recorded at ", time_in(history, options, event.occurred_at), ": ",
                        phrases.observed(history, event), proof=cites(event))  # fmt: skip
            continue
        words = {"note": "a note", "chat": "a message", "status": "a status post"}.get(family, "a statement")
        yield claim("The first event was ", words, with_name(" by ", event.actor), " at ",
                    time_in(history, options, event.occurred_at), quoted(": ", phrases.words_of(event), phrases.NOTE),
                    proof=cites(event))  # fmt: skip


# --- (2) how people learnt of it --------------------------------------------------------------------------------


def _learnt(history: History, options: Options) -> Iterator[Claim]:
    """Whom the first page called, and who took it."""
    page = next((page for page in history.pages if page.triggered is not None), None)
    if page is not None and page.triggered is not None:
        alone = not history.alerts and not history.reports
        first = (alone or _page_first(history)) and page is history.pages[0]
        if not first:
            yield paged(history, options, page)
        elif page.acknowledged is not None or not page.declared:
            yield _acknowledgement(history, options, page)
        others = [each for each in history.pages if each is not page]
        yield from handovers.of_pages(history, options, [page])
        yield from _noted(history, options)
        yield from _further(history, options, page, page if first else answered_beside(history, page))
        yield from handovers.of_pages(history, options, others)
        yield from reopening.pages(history, options)
        return
    yield from _noted(history, options)
    alert = facts.first_alert(history)
    report = report_in_summary(history)
    # One before the first alert is what the summary begins with.
    if report is not None and alert is not None and report.occurred_at >= alert.start:
        yield claim("At ", time_in(history, options, report.occurred_at), " ", report_told(report), proof=cites(report))


def _noted(history: History, options: Options) -> Iterator[Claim]:
    """That an alert was acknowledged in the monitoring system before anybody took a page, or where nobody was paged."""
    note = facts.acknowledgement_note(history)
    if note is not None:
        yield claim(phrases.capital(acknowledged_called(history, note)), " was acknowledged in ",
                    Name(phrases.system(history, note.source)), phrases.by_whom(note), " at ",
                    time_in(history, options, note.occurred_at), proof=cites(note))  # fmt: skip


def _further(history: History, options: Options, first: Page, acknowledged_page: Page | None) -> Iterator[Claim]:
    """The pages beside the first one, whom they called and who took them; whose acknowledgement is told already is
    ``acknowledged_page``."""
    words: list[Phrase] = []
    proof: list[RecordedEvent] = []
    for page in [each for each in history.pages if each.triggered is not None and each is not first]:
        event = page.triggered or page.steps[0]
        called_by = called(history, event) or with_name(" was opened by ", event.actor) or say(" was opened")
        done = page.acknowledged if page is not acknowledged_page else None
        alone = done is not None and phrases.texts_in(event.data, "assignees") == [done.actor]
        words.append(say(phrases.page_called(history, event), called_by, " at ", time_in(history, options, page.start),
                        _then_taken(history, options, done, alone=alone)))  # fmt: skip
        proof += [event, *([done] if done else ())]
    done = first.acknowledged if first is not acknowledged_page else None
    if done is not None:
        called_first = phrases.page_called(history, first.triggered or done)
        words.append(say(called_first, " was acknowledged", phrases.by_whom(done), " at ",
                        time_in(history, options, done.occurred_at)))  # fmt: skip
        proof.append(done)
    if words:
        more = len(words) - PAGES if len(words) > PAGES + 1 else 0
        shown = [part for each in (words[:PAGES] if more else words) for part in ("; ", each)][1:]
        rest = f"; {counted(more, 'more page')} followed" if more else ""
        yield claim(phrases.capital(say(*shown)), rest, proof=cites(proof))


PAGES = 3
"""How many further pages are told one by one."""


def _then_taken(history: History, options: Options, done: RecordedEvent | None, *, alone: bool) -> Phrase:
    """Who acknowledged a page; ``alone`` where that is the one whom it called."""
    if done is None:
        return ()
    who = say(Name(done.actor), " acknowledged it") if done.actor else say("it was acknowledged", phrases.by_whom(done))
    who = say("who acknowledged it") if alone else say("and ", who)
    return say(", ", who, " at ", time_in(history, options, done.occurred_at))


def _acknowledgement(history: History, options: Options, page: Page) -> Claim:
    """Who acknowledged the page that the summary begins with."""
    done = page.acknowledged
    event = phrases.page_event(page)
    # Behind a sentence on an alert it would be that.
    it = phrases.page_called(history, event) if history.alerts and event is not None else say("it")
    if done is None:
        said = say("No acknowledgement of ", it, " was recorded")
        return absence.no_acknowledgement(history, options, said, page.start, phrases.page_event(page), only=True)
    who = say(Name(done.actor), " acknowledged ", it) if done.actor else say(
        phrases.capital(it), " was acknowledged", phrases.by_whom(done))  # fmt: skip
    after = time_since(page.start, done.occurred_at, page_facts.page_noun(page))
    return claim(who, " at ", time_in(history, options, done.occurred_at), after, proof=cites(page.triggered, done))


def paged(history: History, options: Options, page: Page) -> Claim:
    """``PagerDuty incident 311 paged Ana at 18:02:31, 21 s after that alert, and Ana acknowledged it at …``."""
    event = page.triggered or page.steps[0]
    acknowledged_page = answered_beside(history, page)
    people = called(history, event)
    opened = with_name(" opened by ", event.actor, ",") if people else with_name(" was opened by ", event.actor)
    sentence: list[SentencePart] = [
        phrases.page_called(history, event),
        "," if people and opened else "",
        opened,
        people or ("" if opened else " was opened"),
        " at ",
        time_in(history, options, page.start),
    ]
    if (acknowledged_page is None or acknowledged_page.acknowledged is None) and all(
        page.declared for page in history.pages
    ):
        return claim(*sentence, proof=cites(event))
    if acknowledged_page is None and first_taken(history) is not None:
        return claim(*sentence, proof=cites(event))
    if acknowledged_page is None or acknowledged_page.acknowledged is None:
        # Somebody may have acknowledged the alert itself, where it was raised.
        of_it = " of it" if facts.acknowledgement_note(history) else ""
        unanswered = say(*sentence, f"; no acknowledgement{of_it} was recorded")
        return absence.no_acknowledgement(history, options, unanswered, page.start, event)
    done = acknowledged_page.acknowledged
    page_words = "it" if acknowledged_page is page else phrases.page_called(history, done)
    # Of several whom the page called, and of none, a name says which of them it was.
    alone = bool(people) and phrases.texts_in(event.data, "assignees") == [done.actor]
    subject = say(page_words, " was acknowledged", phrases.by_whom(done))
    who = say(Name(done.actor), " acknowledged ", page_words) if done.actor else subject
    who = say("who acknowledged ", page_words) if alone else say("and ", who)
    return claim(*sentence, ", ", who, " at ",
                 time_in(history, options, done.occurred_at), proof=cites(event, done))  # fmt: skip


def answered_beside(history: History, page: Page) -> Page | None:
    """The page whose acknowledgement is told with this one: its own, else the first of all, where that page is not told
    by itself."""
    if page.acknowledged and page.acknowledged.actor:
        return page
    taken, opened = first_taken(history), [each for each in history.pages if each.triggered is not None]
    return None if taken in opened and 1 < len(opened) <= PAGES + 1 else taken


def first_taken(history: History) -> Page | None:
    """The page that was acknowledged first."""
    return next((each for each in sorted(history.pages, key=_taken_at) if each.acknowledged), None)


def _taken_at(page: Page) -> tuple[int, str]:
    event = page.acknowledged
    return (event.occurred_at, event.id) if event else (0, "")


# --- (4) the last action ----------------------------------------------------------------------------------------


def _action(history: History, options: Options) -> Iterator[Claim]:
    """The last action between detection and recovery; what a person said mitigated it."""
    yield from stated_mitigation(history, options)
    actions = change_facts.response_actions(history)
    if not actions:
        return
    last = actions[-1]
    better = facts.recovery(history)
    # What was done to make it hold comes later, and ended nothing.
    before = " before the recovery" if change_facts.acted_later(history) else ""
    sentence = say(f"The last recorded action{before} was ", doing_called(history, last), " at ",
                   time_of(history, options, last.event, last.at))  # fmt: skip
    if better is None or better.at is None:
        yield claim(sentence, "; no end has been recorded since", proof=cites(last.event))
        return
    if better.basis in ALERTS_ENDED and not facts.is_firing(history, last.at):
        # What ended later had not begun, and says nothing of it.
        yield claim(sentence, ", when no alert was firing", proof=cites(last.event))
    else:
        ahead = apart(last.at, better.at)
        what = page_facts.over_as(history, better) or RECOVERIES.get(better.basis, "it was over")
        after = say(" ", phrases.lasted(ahead), " after it") if ahead else say(" at the same time")
        yield claim(sentence, f"; {what}", after, proof=cites(last.event, better))
    since = [event for event in change_facts.unplaced(history) if event.occurred_at > last.at]
    if since:
        words = [say(phrases.change_event(each), with_name(" in ", change_facts.event_where(history, each)), " at ",
                     time_in(history, options, each.occurred_at)) for each in since]  # fmt: skip
        yield claim("Recorded after that action, but not known to belong to this incident: ",
                    phrases.listed(words, 3, ("more change", "more changes")), proof=cites(since))  # fmt: skip


RECOVERIES = {
    "alert ended": "the alert ended",
    "last alert ended": "the last alert ended",
    "last alert above warning ended": "the last alert above warning ended",
    "page resolved": "the page was resolved",
    "stated": "the incident was mitigated, as stated,",
    "declared mitigated": "the incident was declared mitigated",
    "declared monitoring": "the incident was declared to be monitored",
    "status mitigated": "the incident was set to mitigated",
    "status dated mitigated": "the incident is dated as mitigated",
    "status monitoring": "the incident was set to monitoring",
    "status page mitigated": "the status page was set to mitigated",
    "status page monitoring": "the status page was set to monitoring",
}
"""What ended, by the basis of the moment."""


def stated_mitigation(history: History, options: Options) -> Iterator[Claim]:
    """What a person said about the mitigation, or what an on-call tool or a status page had it as."""
    moment = facts.moment(history, "mitigated")
    event = history.by_id.get(moment.cites[0]) if moment and moment.basis.startswith("status ") else None
    if moment and event is not None:
        state = moment.basis.rpartition(" ")[2]
        on_page = event.type.startswith("page.")
        of = phrases.page_called(history, event) if on_page else say("the status page")
        words = page_facts.said_with(history, event) if on_page else phrases.words_of(event)
        who = say(Name(event.actor), " set ", of) if event.actor else say(of, " was set")
        dated = say(", as of ", time_in(history, options, moment.at or 0)) if moment.at != event.occurred_at else ()
        yield claim(who, f" to {state} at ", time_in(history, options, event.occurred_at), dated,
                    quoted(": ", words, phrases.NOTE), proof=cites(moment))  # fmt: skip
    yield from reopening.declared_mitigated(history, options)
    for mark in history.marks:
        if phrases.text_in(mark.data, "mark") == "mitigated":
            by = say(Name(mark.actor), " stated that it was") if mark.actor else say("It is stated that it was")
            yield claim(by, " mitigated at ", time_in(history, options, mark.occurred_at),
                        quoted(": ", mark.title, phrases.NOTE), proof=cites(mark))  # fmt: skip


def doing_called(history: History, doing: change_facts.ResponseAction) -> Phrase:
    """``the rollback of checkout by Ana``."""
    if doing.change is None:
        seen = phrases.observed(history, doing.event)
        return seen if phrases.observation_title(doing.event) else say("this: ", seen, ",")
    change = doing.change
    where = change_facts.changed_where(history, change)
    if change.broken_off:
        return say("that the ", phrases.change_called(change), with_name(" in ", where),
                   with_name(" by ", change.actor), f" was {change.ending}", with_name(" by ", change.stopped_by),
                   ",")  # fmt: skip
    failed = ", which failed," if change.outcome == "failed" else ""
    state = change_facts.state_of(change) if change.kind == "flag" else ""
    if state:
        return say("the setting of the ", phrases.change_called(change), with_name(" in ", where), " to ", Name(state),
                   with_name(" by ", change.actor))  # fmt: skip
    of = "change of the " if change.kind == "flag" else ""
    called = phrases.change_called(change)
    return say(
        f"the {of}", called, with_name(" in ", where), with_name(" by ", change.actor), flag_words(change), failed
    )


# --- (5) how long -----------------------------------------------------------------------------------------------


def _length(history: History, options: Options) -> Iterator[Claim]:
    """How long alerts fired, or from what to what it lasted."""
    if history.alerts:
        yield from lengths.alerts_lasted(history, options)
        return
    quiet = absence.silent(history, history.services) if facts.family_reported(history, "alert") else []
    if quiet:
        yield absence.no_alert(history, options, quiet)
    start, end = facts.moment(history, "detected"), facts.moment(history, "resolved")
    if start and end and start.at is not None and end.at is not None and end.at > start.at:
        begun = facts.reference_called(history) if start.at == facts.reference(history) else "the detection"
        yield claim(f"From {begun} to the end it lasted ", phrases.between(start.at, end.at),
                    proof=cites(start, end))  # fmt: skip
    elif not history.resolved:
        again = page_facts.reopening(history)
        since = " since it was reopened" if again is not None else ""
        last = time_in(history, options, facts.latest(history))
        yield claim(f"No end is recorded{since}; the last event came at ", last,
                    proof=cites(again, history.events[-1]))  # fmt: skip


def _declared(history: History, options: Options) -> Iterator[Claim]:
    """That a person declared it resolved, if that ended it, or that it was none; that nobody has, where all but a
    report ended."""
    ends = [page.resolved for page in history.pages if page.resolved is not None]
    if not all(map(page_facts.ended_as, ends)) or any(alert.opening for alert in history.alerts):
        ends = []  # of several the timeline tells which one was called off
    for end in sorted(ends, key=reading_order):
        if how := page_facts.ended_as(end):
            yield claim(phrases.capital(phrases.page_called(history, end)), f" was {how}", with_name(" by ", end.actor),
                        " at ", time_in(history, options, end.occurred_at),
                        quoted(": ", page_facts.said_with(history, end), phrases.NOTE), proof=cites(end))  # fmt: skip
    report = facts.undeclared(history) if history.alerts or history.pages else None
    if report is not None and page_facts.reopening(history) is None:
        yield claim("Nobody has declared it over since it was reported at ",
                    time_in(history, options, report.occurred_at), proof=cites(report))  # fmt: skip
    word = history.closing.word
    event = history.by_id.get(word.event) if word is not None and history.resolved else None
    if event is not None:
        yield claim(Name(event.actor) if event.actor else "somebody", " declared it resolved at ",
                    time_in(history, options, event.occurred_at), proof=cites(event))  # fmt: skip
