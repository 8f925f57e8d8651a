"""What the rows of pages say: the call, the acknowledgement, the requests to join, and the times between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from collector.event import RecordedEvent
from renderers import page_facts, phrases
from renderers.document import Name
from renderers.history import History, Page
from renderers.phrases import Phrase, quoted, say, text_in, with_name
from renderers.rows.plan import RowContext


def _people(names: Sequence[str]) -> Phrase:
    return phrases.listed([Name(name) for name in names], 3)


def assigned(event: RecordedEvent, before: str) -> Phrase:
    """Our words before those whom a page stands with; nothing where it does not say."""
    people = phrases.texts_in(event.data, "assignees")
    return say(before, _people(people)) if people else ()


def called(history: History, event: RecordedEvent) -> Phrase:
    """`` paged Ana``: whom a page called; `` went to Payments``, a policy or a team, where it names nobody; nothing
    where it does not say."""
    return assigned(event, f" {phrases.pages(history, event)} ") or went_to(event)


def went_to(event: RecordedEvent) -> Phrase:
    """`` went to Payments``: the team or the policy whose rules a new page follows; nothing where it does not say."""
    return with_name(" went to ", text_in(event.data, "escalation_policy") if event.type == "page.triggered" else "")


def _page(table: RowContext, event: RecordedEvent) -> Phrase:
    """What a page is called, where a row begins with it."""
    return phrases.capital(phrases.page_called(table.history, event))


def triggered(table: RowContext, event: RecordedEvent) -> Phrase:
    """``PagerDuty incident 311 paged Ana (P1): "title"``."""
    priority = text_in(event.data, "priority")
    people = called(table.history, event)
    page = table.pages.get(event.entity)
    verb = " was opened automatically" if page is not None and page.declared else " was triggered"
    opened = with_name(" was opened by ", event.actor) or say(verb, _by_agent(event) if page and page.declared else "")
    return say(_page(table, event), people or opened, with_name(" (", priority, ")"),
               with_name(", opened by ", event.actor if people else None), quoted(": ", event.title),
               _described(table, event))  # fmt: skip


def _by_agent(event: RecordedEvent) -> Phrase:
    return with_name(" by ", text_in(event.data, "agent"))


def _described(table: RowContext, event: RecordedEvent) -> Phrase:
    """``, and described as "Customers cannot pay"``: what was written of a page as a whole, where it is told first; and
    ``; its priority went from P2 to P1``, where the sender tells that beside something else."""
    before = with_name("; its priority went from ", table.reprioritised.get(event.id))
    after = with_name(" to ", text_in(event.data, "priority")) if before else ()
    leads = with_name("; its lead is ", table.led.get(event.id)) or phrases.if_any(
        event.id in table.led, "; nobody is its lead any more"
    )
    title = quoted(", and renamed to ", table.retitled.get(event.id))
    dates = [say(f"; its {called} is dated ", phrases.minute(at, table.zone, event.occurred_at))
             for called, at in table.dated.get(event.id, ())]  # fmt: skip
    words = quoted(", and described as ", table.described.get(event.id), phrases.NOTE)
    old, new = table.restated.get(event.id, ("", ""))
    status = say("; its status went from ", Name(old), " to ", Name(new)) if new else ()
    services = [Name(name) for name in table.widened.get(event.id, ())]
    wider = say("; it named ", phrases.listed(services, len(services)), " as affected, too") if services else ()
    return say(title, words, status, before, after, leads, *dates, wider)


def _waited(table: RowContext, event: RecordedEvent) -> Phrase:
    """``1 min 30 s after the page``, or after it was opened again or given back; nothing where that is not known."""
    page = table.pages.get(event.entity)
    if page is None or page.triggered is None or event.occurred_at < page.start:
        return ()
    before = [step for step in page.steps if step.occurred_at <= event.occurred_at]
    again = [step for step in before if step.type in page_facts.WAITING_AGAIN]
    if not again:
        return say(phrases.between(page.start, event.occurred_at), f" after {page_facts.page_noun(page)}")
    since = again[-1]
    after = f" after it was {page_facts.WAITING_AGAIN[since.type]}"
    return say(phrases.between(since.occurred_at, event.occurred_at), after)


def acknowledged(table: RowContext, event: RecordedEvent) -> Phrase:
    """One that is not the incident's first: it names its page."""
    waited = _waited(table, event) if _is_first(table, event) else ()
    again = " again" if _took_before(table, event) else ""
    return say(_page(table, event), f" was acknowledged{again}", phrases.by_whom(event),
               say(", ", waited) if waited else "", _message(table, event))  # fmt: skip


def _message(table: RowContext, event: RecordedEvent) -> Phrase:
    """The message that came with it."""
    return quoted(": ", table.words.get(event.id), phrases.NOTE)


def _is_first(table: RowContext, event: RecordedEvent) -> bool:
    """Whether it is the first since the page was opened, or opened again: only that one says how long a page waited."""
    page = table.pages.get(event.entity)
    is_open = False
    for step in page.steps if page else ():
        if step.id == event.id:
            return not is_open
        if step.type == "page.acknowledged":
            is_open = True
        elif step.type in page_facts.WAITING_AGAIN:
            is_open = False
    return False


def _took_before(table: RowContext, event: RecordedEvent) -> bool:
    """Whether the same person had acknowledged the page before."""
    page = table.pages.get(event.entity)
    steps = [step for step in (page.steps if page else ()) if step.type == "page.acknowledged"]
    return any(step.actor == event.actor for step in itertools.takewhile(lambda step: step.id != event.id, steps))


def acknowledged_on(table: RowContext, event: RecordedEvent, label: str) -> Phrase:
    """``by Ana, 1 min 30 s after the page``."""
    if label != "Acknowledged":
        return ()
    waited = _waited(table, event)
    by = say("by ", Name(event.actor)) if event.actor else with_name("automatically by ", text_in(event.data, "agent"))
    if by:
        return say(by, _of(table, event), say(", ", waited) if waited else "", _message(table, event))
    return say(waited, _of(table, event), _message(table, event)) if waited else ()


def escalated(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Escalated to Jon Vega after 10 min without acknowledgement``."""
    page = table.pages.get(event.entity)
    since = page_facts.waiting(page).get(event.id) if page is not None else None
    after = say(" after ", phrases.between(since[0], event.occurred_at), " without acknowledgement") if since else ()
    subject = say(_page(table, event), " was escalated") if len(table.pages) > 1 else say("Escalated")
    to = escalated_to(event)
    return say(subject, say(" to ", to) if to else "", with_name(" by ", event.actor), after)


def escalated_to(event: RecordedEvent) -> Phrase:
    """Whom a page went to next, and not who had it already; empty where it does not say."""
    to = _group_next(event)
    return say(Name(to)) if to else assigned(event, "")


def _group_next(event: RecordedEvent) -> str:
    """What a page went to next, where that is not simply whom it stands with."""
    to = text_in(event.data, "to")
    return to if to != ", ".join(phrases.texts_in(event.data, "assignees")) else ""


def priority_updated(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Priority raised from P2 to P1 by Ana``; of several pages it names which."""
    new = text_in(event.data, "priority") or text_in(event.data, "to")
    old = text_in(event.data, "from") or _priority_before(table, event)
    of = say(" of ", phrases.page_called(table.history, event)) if len(table.pages) > 1 else ()
    verb = _raised(old, new)
    words = say(f" {verb}", with_name(" from ", old if old != new else ""), with_name(" to ", new))
    return say("Priority", of, words if new else " taken away", with_name(" by ", event.actor))


def _raised(old: str, new: str) -> str:
    """``raised`` or ``lowered`` where both priorities end in a number, the smaller being the graver."""
    before, after = _number(old), _number(new)
    if before is None or after is None or before == after:
        return "set" if not old else "changed"
    return "raised" if after < before else "lowered"


def _number(priority: str) -> int | None:
    digits = priority.lstrip("PpSsEeVv-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 3 else None


def _priority_before(table: RowContext, event: RecordedEvent) -> str:
    """What the page's priority was when it was last told."""
    page = table.pages.get(event.entity)
    priority = ""
    for step in page.steps if page else ():
        if step.occurred_at >= event.occurred_at:
            break
        priority = text_in(step.data, "priority") or priority
    return priority


def responder_added(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Ana asked Jon Vega to join: "message"``, ``Network on-call was asked to join``."""
    to = text_in(event.data, "to")
    asked = say(Name(to)) if to else say("another responder")
    who = say(Name(event.actor), " asked ", asked) if event.actor else say(phrases.capital(asked), " was asked")
    return say(who, " to join", _of(table, event), quoted(": ", text_in(event.data, "text"), phrases.NOTE))


REPLIES = {"accepted": " joined", "joined": " joined", "declined": " declined to join"}
"""How a responder's answer reads."""


def responder_replied(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Jon Vega joined``; an answer that is neither yes nor no is told as it is."""
    who, state = text_in(event.data, "to") or event.actor or "", text_in(event.data, "state")
    verb = REPLIES.get(state.casefold())
    subject = say(Name(who)) if who else say("A responder")
    words = say(verb) if verb else say(" answered the request to join", with_name(" (", state, ")"))
    return say(subject, words, _of(table, event), quoted(": ", text_in(event.data, "text"), phrases.NOTE))


def role_assigned(table: RowContext, event: RecordedEvent) -> Phrase:
    """``The role Scribe was given to Jon by Ana; until then Mia had it``, ``Ana took the role``, ``The role Scribe
    was taken from Zoe by Ana``."""
    role, to = with_name(" ", text_in(event.data, "text")), text_in(event.data, "to")
    old = text_in(event.data, "from")
    before = with_name("; until then ", old if old != to else "", " had it")
    if to and to == event.actor:
        return say(Name(to), " took the role", role, before)
    by = with_name(" by ", event.actor)
    if to:
        return say("The role", role, " was given to ", Name(to), by, before)
    if old and old == event.actor:
        return say(Name(old), " gave up the role", role)
    return say("The role", role, " was taken from ", Name(old), by) if old else say("The role", role, " changed", by)


def merged(table: RowContext, event: RecordedEvent) -> Phrase:
    """``PagerDuty incident 312 was merged into 311 by Ana``."""
    page = table.pages.get(text_in(event.data, "merged_into"))
    number = next((str(step.data["number"]) for step in page.steps if step.data.get("number")), "") if page else ""
    to = text_in(event.data, "to")
    into = Name(number or to) if number or to else "another one"
    # What the sender calls it may end in its title.
    comma = "," if to and not number else ""
    return say(_page(table, event), " was merged into ", into, with_name(f"{comma} by ", event.actor))


def status_updated(table: RowContext, event: RecordedEvent) -> Phrase:
    """``Incident INC-12 went from Investigating to Monitoring: "message"``; ``incident 19 was set to mitigated``."""
    old, new = text_in(event.data, "from"), text_in(event.data, "to") or text_in(event.data, "state")
    went = with_name(" was set to ", new) or say(" was updated")
    if new and old and old != new:
        went = say(" was set from " if event.actor else " went from ", Name(old), " to ", Name(new))
    return say(
        _page(table, event), went, with_name(" by ", event.actor), _message(table, event), _described(table, event)
    )


def update_sent(table: RowContext, event: RecordedEvent) -> Phrase:
    return say("Update to subscribers", with_name(" by ", event.actor),
               quoted(": ", phrases.words_of(event), phrases.NOTE))  # fmt: skip


def _of(table: RowContext, event: RecordedEvent) -> Phrase:
    """Which page is meant, where there are several."""
    page = table.pages.get(event.entity)
    numbered = next((step for step in page.steps if step.data.get("number")), event) if page else event
    return say(" (", phrases.page_called(table.history, numbered), ")") if len(table.pages) > 1 else ()


_PAGE_STEPS = {
    "page.resolved": " was resolved",
    "page.reopened": " was reopened",
    "page.unacknowledged": " was no longer acknowledged",
    "page.snoozed": " was snoozed",
    "page.snooze_ended": " was no longer snoozed",
    "page.updated": " was updated",
}


def page_step(table: RowContext, event: RecordedEvent) -> Phrase:
    """What the types of pages that have no words of their own say."""
    page = _page(table, event)
    if event.type in ("page.reassigned", "page.delegated"):
        to, people = escalated_to(event), phrases.texts_in(event.data, "assignees")
        if event.type == "page.reassigned" and to == say(Name(event.actor or "")):
            return say(*to, " took ", phrases.page_called(table.history, event))
        # It went to a policy, and by that to whom the policy calls.
        calls = say(" (", _people(people), ")") if event.type == "page.delegated" and _group_next(event) else ()
        given = say(f" was {given_as(table.pages.get(event.entity), event)}", phrases.if_any(to, " to ", to))
        taken = "" if to else text_in(event.data, "from")
        return say(page, with_name(" was taken from ", taken) or given, phrases.if_any(people, calls),
                   with_name(" by ", event.actor))  # fmt: skip
    ended_as = page_facts.ended_as(event)
    if event.type == "page.reclassified":
        new = text_in(event.data, "to")
        as_what = with_name(" as ", new if new != event.service else "")
        moved = with_name(" was moved to the service ", _moved_to(table, event)) or say(" was reclassified", as_what)
        return say(page, moved, with_name(" by ", event.actor))
    if event.type == "page.unacknowledged" and event.actor:
        # They may take back what somebody else acknowledged.
        taken_back = say("The acknowledgement of ", phrases.page_called(table.history, event), " was taken back by ")
        return say(taken_back, Name(event.actor), _message(table, event), _described(table, event))
    step = f" was {ended_as}" if ended_as else _PAGE_STEPS.get(event.type, " was updated")
    step = " was closed" if _over_before(table, event) and not ended_as else step
    return say(page, step, with_name(" by ", event.actor), _message(table, event), _described(table, event))


def _over_before(table: RowContext, event: RecordedEvent) -> bool:
    """Whether the page had been resolved before it was closed by this."""
    page = table.pages.get(event.entity)
    ended = page.resolved if page is not None and event.type == "page.resolved" else None
    return ended is not None and ended.id != event.id and ended.occurred_at <= event.occurred_at


def given_as(page: Page | None, event: RecordedEvent) -> str:
    """``escalated``, ``reassigned``; ``assigned`` where the page is known from its beginning and stood with nobody
    before."""
    before = itertools.takewhile(lambda step: step.id != event.id, page.steps if page else ())
    someone = any(phrases.texts_in(step.data, "assignees") or text_in(step.data, "to") for step in before)
    known = page is not None and page.triggered is not None and not someone and not text_in(event.data, "from")
    return "assigned" if known and event.type == "page.reassigned" else event.type.removeprefix("page.")


def _moved_to(table: RowContext, event: RecordedEvent) -> str | None:
    """The service that a page is of from this event on, where it was of another one before."""
    page = table.pages.get(event.entity)
    before = None
    for step in page.steps if page else ():
        if step.id == event.id:
            break
        before = step.service or before
    return event.service if event.service != before else None
