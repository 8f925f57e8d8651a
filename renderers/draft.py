"""A History becomes a draft: title, head, ten sections, the index of what they cite, and the digest.

Pure. Nothing that happened is left out because of a length; folding keeps a
draft short, see :mod:`renderers.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import cast

import msgspec

from collector.event import MINUTE, RecordedEvent
from collector.semantics.closing import TitledSignal, peak, title
from collector.semantics.leading import lead_of, role_of
from renderers import facts, page_facts, phrases, times
from renderers.choices import ROLES
from renderers.cite import citations
from renderers.digests import digest_of
from renderers.document import (
    Block,
    Bullets,
    Claim,
    Document,
    Inline,
    LinkedText,
    Name,
    Options,
    Section,
    Time,
    Words,
)
from renderers.escape import one_line
from renderers.history import History
from renderers.moments import restate
from renderers.phrases import Phrase, cites, claim, say, with_name
from renderers.review import review_of
from renderers.sections import SECTIONS, appendix
from renderers.sections.answers import answered
from renderers.values import came_back
from renderers.words import AS_ROLES

FORM = "timelined draft 15"
"""Which wording this is; another wording is another draft of the same events."""

PLAIN = Options()
"""What a reader gets who asks for nothing."""


def draft(history: History, options: Options = PLAIN) -> Document:
    """The postmortem of one incident, as far as its events show it."""
    by_id = _citable_events(history)
    sections = tuple(_zoned(_section(key, history, options), options) for key in SECTIONS)
    title, lead, incident = _title(history), _lead(history, options), _incident(history, options)
    review = review_of(history, options.zone)
    hashed = digest(history, options)
    heads = [each for each in (title, lead, review.said if review else None, incident) if each]
    return Document(
        title=title,
        lead=lead,
        incident=incident,
        review=review,
        date=facts.anchor(history),
        resolved=history.resolved,
        sections=_indexed(history, sections, heads, by_id, hashed),
        events=by_id,
        digest=hashed,
        options=options,
        as_of=history.as_of,
        external_url=history.context.external_url,
        moments=history.moments,
        durations=restate(history, options.profile),
        history=history,
    )


# --- the head ---------------------------------------------------------------------------------------------------


def _title(history: History) -> Claim:
    """What lists call the incident, too; see :func:`collector.semantics.closing.title`."""
    edit = history.edits.get("title")
    edited = phrases.text_in(edit.data, "value") if edit is not None else ""
    alerts = sorted(history.openers, key=lambda alert: (alert.start, alert.events[0]))
    others = [((page.start, page.steps[0].id), page.title, page.steps[0]) for page in history.pages]
    opened = [report for report in history.reports if report.type == "incident.opened"]
    others += [((report.occurred_at, report.id), report.title, report) for report in opened]
    others.sort(key=itemgetter(0))
    called = title(
        edited,
        [TitledSignal(alert.name, alert.service or "") for alert in alerts],
        [TitledSignal(name) for _, name, _ in others],
    )
    if edit is not None and edited:
        return claim(phrases.prose(called), proof=cites(edit), stop=False)
    first = alerts[0].fired if alerts else next((told for _, _, told in others), None)
    return claim(Name(one_line(called)), proof=cites(first), stop=False)


def _lead(history: History, options: Options) -> Claim | None:
    """The lead a person set, else whom an on-call tool has as the lead at the end, else the first to acknowledge; of
    one who had the role and lost it, until when."""
    edit = history.edits.get("lead")
    if edit is not None:
        return claim(Name(phrases.text_in(edit.data, "value")), proof=cites(edit), stop=False)
    if role := page_facts.led_by(history):
        who = lead_of(role) or ""
        before = [each for each in page_facts.leads(history) if lead_of(each) != who]
        names = phrases.listed([Name(name) for name in dict.fromkeys(lead_of(each) or "" for each in before)], 3)
        return claim(Name(who), " (", Name(role_of(role)), phrases.if_any(names, ", after ", names), ")",
                     proof=cites(before, role), stop=False)  # fmt: skip
    first, lost = facts.first_taken(history), page_facts.lead_left(history)
    if lost is None:
        return None if first is None else claim(*_assumed(first), ")", proof=cites(first), stop=False)
    left, given = lost
    old = lead_of(given) or ""
    until = say(Name(role_of(given)), " until ",
                phrases.at(left.occurred_at, options.zone, facts.anchor(history)))  # fmt: skip
    if first is None:
        return claim("nobody at the end (", Name(old), " was ", until, ")", proof=cites(left), stop=False)
    if first.actor == old:
        return claim(Name(old), " (", until, ")", proof=cites(first, left), stop=False)
    return claim(*_assumed(first), "; ", Name(old), " was ", until, ")", proof=cites(first, left), stop=False)


def _assumed(first: RecordedEvent) -> Phrase:
    return say(Name(first.actor or ""), " (assumed: first to acknowledge")


def _incident(history: History, options: Options) -> Claim | None:
    """``12 · critical · P1 · 2026-03-04 18:02:10–18:24:40 UTC (22 min 30 s) · [PagerDuty 311](…)``."""
    if not history.events:
        return None
    context = history.context
    # The name of a log stays as it is written, also where it begins the line.
    called = say(Name(context.called) if context.number and context.log else context.called)
    severity, priority = _severity(history), _priority(history)
    private = with_name("private to ", context.private)
    pieces = [called, private, with_name("", severity),
              with_name("", priority if priority.casefold() != severity.casefold() else None), _span(history, options),
              *_pages(history), phrases.if_any(options.people == ROLES, AS_ROLES)]  # fmt: skip
    shown = [piece for piece in pieces if piece]
    return claim(shown[0], *(say(" · ", piece) for piece in shown[1:]), label=True, stop=False)


def _severity(history: History) -> str:
    """What lists show of it, too; the urgency of a page is called one. Empty where nobody told any."""
    edited, gravest = "severity" in history.edits, facts.severity(history)
    alerts = [alert.severity for alert in history.openers]
    urgencies = {phrases.text_in(step.data, "urgency") for page in history.pages for step in page.steps}
    urgency = gravest and not edited and gravest in urgencies and gravest not in alerts
    return f"{gravest} urgency" if urgency else gravest


def _priority(history: History) -> str:
    """The gravest priority that a page had."""
    steps = [step for _, steps in page_facts.priorities(history) for step in steps]
    return peak("", map(page_facts.priority_of, steps)) or ""


def _span(history: History, options: Options) -> Phrase:
    """From the first signal to the end, or since when it is open."""
    detected = facts.instant(history, "detected")
    zone, start = options.zone, facts.anchor(history) if detected is None else detected
    end = facts.instant(history, "resolved") if history.resolved else None
    begun = say(times.day(start, zone), " ", phrases.at(start, zone, start))
    # In an hour that comes twice the offset is there already.
    called = "" if times.repeated(start, zone) else f" {times.called(start, zone)}"
    if end is None or end < start:
        return say("since ", begun, called, " (open)" if not history.resolved else "")
    if times.offset(start, zone) != times.offset(end, zone):
        shown = "" if times.repeated(start, zone) else f" {times.offset(start, zone)}"
        return say(begun, shown, "–", phrases.at(end, zone, start), " (", phrases.between(start, end), ")")
    return say(begun, "–", phrases.at(end, zone, start), called, " (", phrases.between(start, end), ")")


def _pages(history: History) -> list[Phrase]:
    """A link to each page at its sender, as far as it gave one."""
    links: list[Phrase] = []
    for page in history.pages:
        for step in page.steps:
            link = phrases.web_links(step, "source", "page", "self")
            if link:
                number = step.data.get("number")
                brand = phrases.system(history, step.source)
                links.append(say(LinkedText(f"{brand} {number}" if number else brand, link[0].url)))
                break
    return links


def _section(key: str, history: History, options: Options) -> Section:
    """A section, with what a person wrote in it; the impact says that itself, since its numbers depend on it."""
    written = SECTIONS[key](history, options)
    return written if key == "impact" else answered(written, history.edits.get(key))


# --- the sections -----------------------------------------------------------------------------------------------


def _zoned(section: Section, options: Options) -> Section:
    """The section with its zone behind the first clock time of its sentences; the timeline names it above the table."""
    if section.key == "timeline":
        return section
    blocks = list(section.blocks)
    for at, block in enumerate(blocks):
        named_in = _zoned_block(block, options.zone)
        if named_in is not None:
            blocks[at] = named_in
            return msgspec.structs.replace(section, blocks=tuple(blocks))
    return section


def _zoned_block(block: Block, zone: str) -> Block | None:
    """The block with its first clock time named; None where it has none."""
    claims: Sequence[Claim] = (
        (block,) if isinstance(block, Claim) else block.items if isinstance(block, Bullets) else ()
    )
    for at, sentence in enumerate(claims):
        index = next((n for n, part in enumerate(sentence.parts) if isinstance(part, Time)), None)
        if index is not None:
            time = cast("Time", sentence.parts[index])
            after = _second(sentence.parts, index) + 1
            last = cast("Time", sentence.parts[after - 1])
            # In an hour that comes twice the offset is there already.
            offset = times.repeated(time.at, zone) or last.text.endswith(times.offset(last.at, zone))
            called = "" if offset else f" {times.called(time.at, zone)}"
            parts = say(*sentence.parts[:after], called, *sentence.parts[after:])
            changed = msgspec.structs.replace(sentence, parts=parts)
            if isinstance(block, Bullets):
                return msgspec.structs.replace(block, items=(*block.items[:at], changed, *block.items[at + 1 :]))
            return changed
    return None


def _second(parts: Sequence[Inline], first: int) -> int:
    """Where the later of two times of one span stands, so that their zone follows both; else the first."""
    joined, second = parts[first + 1 : first + 2], parts[first + 2 : first + 3]
    pair = joined == (Words(" and "),) and bool(second) and isinstance(second[0], Time)
    return first + 2 if pair else first


# --- what it rests on -------------------------------------------------------------------------------------------


def _citable_events(history: History) -> dict[str, RecordedEvent]:
    """Every event that may be cited."""
    context = history.context
    near = [event for each in (*context.nearby, *context.followed, *context.lasting) for event in each.events]
    return {**{event.id: event for event in (*near, *context.collector)}, **history.by_id}


def _indexed(
    history: History, sections: Sequence[Section], heads: Sequence[Claim], by_id: dict[str, RecordedEvent], hashed: str
) -> tuple[Section, ...]:
    """The sections, the last of which ends in the index of what all of them cite, and the digest."""
    cited = [head.cites for head in heads]
    cited += [ids for section in sections for block in section.blocks for ids in citations(block)]
    index = appendix.index(set().union(*cited), by_id)
    ending = appendix.digested(len(history.events) + len(_beside(history)), hashed)
    last = msgspec.structs.replace(sections[-1], blocks=(*sections[-1].blocks, index, ending))
    return (*sections[:-1], last)


def _beside(history: History) -> list[RecordedEvent]:
    """What people said of the draft as a whole: how far its review is, and what they wrote in it."""
    return [each for each in (history.review, history.revised) if each is not None]


def digest(history: History, options: Options) -> str:
    """SHA-256 over everything the draft's bytes depend on, and nothing that follows arrival.

    That is each event's content, whether a person corrected it, and how late it was received where the draft says
    so; the grouping's reasons and what was nearby; the options and the wording. Positions, deliveries, receipt times
    and the numbers of revisions and of the incident depend on the order in which things arrived, so they are left out.
    """
    context = history.context
    near = sorted((*context.nearby, *context.followed), key=lambda near: (near.event.occurred_at, near.event.id))
    beside = sorted(context.collector, key=lambda event: (event.occurred_at, event.id))
    aside = [*beside, *(event for each in (*near, *context.lasting) for event in each.events)]
    statements = _beside(history)
    events = [*history.events, *history.told_after, *statements, *aside]
    form = FORM if options.template == PLAIN.template else f"{FORM}, template {options.template}"
    content = (
        (
            form,
            _hashed(options),
            history.as_of,
            context.key,
            context.external_url,
            context.lookback,
            *((context.log,) if context.log else ()),
        ),
        (len(history.events) + len(statements), len(beside), [each.reason for each in near], context.unlisted),
        [(each.id, facts.lateness(each) // MINUTE) for each in (*history.late, *aside) if facts.lateness(each)],
        [each.id for each in events if each.amendment == "correction"],
        context.grouped,
        sorted(family for family, events in context.reported.items() if events),
        *([sorted(context.reported_before)] if context.reported_before else []),
        *([f"since: {', '.join(sorted(context.reported_after))}"] if context.reported_after else []),
        *([appendix.read_at_first(history)] if history.reread else []),
        *([f"private to {context.private}"] if context.private else []),
        *([again] if context.last_told and (again := came_back(history)) else []),
    )
    return digest_of(events, *content)


def _hashed(options: Options) -> msgspec.Raw:
    """What of the options decides what is said, in the order of old digests; how wide a picture is does not."""
    deciding = _DECIDING if options.people == PLAIN.people else (*_DECIDING, "people")
    return msgspec.Raw(msgspec.json.encode({name: getattr(options, name) for name in deciding}))


_DECIDING = ("zone", "detail", "profile", "citations", "seconds")
