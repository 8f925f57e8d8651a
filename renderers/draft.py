"""A History becomes a draft: title, lead, ten sections, the index of what they cite, and the digest.

Pure. Above the Appendix a draft stays readable at a sitting: where it would
grow beyond :data:`WORDS`, rows and notes are folded further and quotes are cut
shorter, and what is folded away is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import itemgetter

import msgspec
from msgspec.structs import astuple

from collector.closing import Named, title
from collector.event import MINUTE, RecordedEvent
from renderers import facts, phrases
from renderers.cite import SHOWN, citations
from renderers.document import (
    Block,
    Bullets,
    Claim,
    Document,
    Name,
    Options,
    Part,
    Prompt,
    Quote,
    Row,
    Section,
    Timeline,
)
from renderers.history import History
from renderers.moments import restate
from renderers.phrases import Phrase, cites, claim
from renderers.rows import Planned
from renderers.sections import SECTIONS, appendix, diagnostics, resolution, timeline

WORDS = 700
"""The most generated words above the Appendix, timeline included."""
FORM = "timelined draft 3"
"""Which wording this is; another wording is another draft of the same events."""


PLAIN = Options()
"""What a reader gets who asks for nothing."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is told."""

    rows: int
    quote: int
    """Characters of a sender's words."""
    notes: int
    doings: int


STEPS = (
    Limits(rows=40, quote=140, notes=8, doings=8),
    Limits(rows=40, quote=90, notes=5, doings=6),
    Limits(rows=32, quote=70, notes=4, doings=5),
    Limits(rows=24, quote=60, notes=3, doings=4),
    Limits(rows=16, quote=50, notes=2, doings=3),
    Limits(rows=10, quote=40, notes=1, doings=2),
)
"""Tried in this order until the draft is short enough."""


def draft(history: History, options: Options = PLAIN) -> Document:
    """The postmortem of one incident, as far as its events show it."""
    known = _known(history)
    sections = _sections(history, options)
    lead = _lead(history)
    hashed = digest(history, options)
    return Document(
        title=_title(history),
        lead=lead,
        date=facts.anchor(history),
        resolved=history.resolved,
        sections=_indexed(history, sections, lead, known, hashed),
        events=known,
        digest=hashed,
        options=options,
        as_of=history.as_of,
        moments=history.moments,
        durations=restate(history, options.profile),
    )


# --- the head ---------------------------------------------------------------------------------------------------


def _title(history: History) -> Claim:
    """What lists call the incident, too; see :func:`collector.closing.title`."""
    edit = history.edits.get("title")
    edited = phrases.text_in(edit.data, "value") if edit is not None else ""
    alerts = sorted(history.measured, key=lambda alert: (alert.start, alert.events[0]))
    others = [((page.start, page.steps[0].id), page.title, page.steps[0]) for page in history.pages]
    others += [((report.occurred_at, report.id), report.title, report) for report in history.reports]
    others.sort(key=itemgetter(0))
    called = title(
        edited,
        [Named(alert.name, alert.service or "") for alert in alerts],
        [Named(name) for _, name, _ in others],
    )
    if edit is not None and edited:
        return claim(phrases.prose(called), proof=cites(edit), stop=False)
    first = alerts[0].fired if alerts else next((told for _, _, told in others), None)
    return claim(Name(called), proof=cites(first), stop=False)


def _lead(history: History) -> Claim | None:
    """The lead a person set, else the first to acknowledge a page."""
    edit = history.edits.get("lead")
    if edit is not None:
        return claim(Name(phrases.text_in(edit.data, "value")), proof=cites(edit), stop=False)
    acknowledged = [page.acknowledged for page in history.pages if page.acknowledged and page.acknowledged.actor]
    first = min(acknowledged, key=lambda event: (event.occurred_at, event.id), default=None)
    if first is None:
        return None
    return claim(Name(first.actor or ""), ", first to acknowledge", proof=cites(first), stop=False)


# --- the sections, short enough ---------------------------------------------------------------------------------


def _sections(history: History, options: Options) -> tuple[Section, ...]:
    """The sections within the length; only the parts that can grow are written again."""
    planned = Planned(history, options)
    written = {key: section(history, options) for key, section in SECTIONS.items() if key != "timeline"}
    for limits in STEPS:
        written["timeline"] = timeline.section(history, options, limits.rows, planned)
        if limits is not STEPS[0]:
            written |= {
                "diagnostics": diagnostics.section(history, options, limits.notes),
                "resolution": resolution.section(history, options, limits.doings),
            }
        shortened = tuple(_cut(written[key], limits.quote) for key in SECTIONS)
        if options.detail == "all" or generated_words(shortened) <= WORDS:
            return shortened
    return shortened


def _cut(section: Section, most: int) -> Section:
    """The section with its quotes cut to this many characters."""
    if most >= STEPS[0].quote:
        return section
    return msgspec.structs.replace(section, blocks=tuple(_cut_block(block, most) for block in section.blocks))


def _cut_block(block: Block, most: int) -> Block:
    if isinstance(block, Bullets):
        items = tuple(msgspec.structs.replace(item, parts=_cut_parts(item.parts, most)) for item in block.items)
        return Bullets(items=items)
    if isinstance(block, Timeline):
        rows = tuple(msgspec.structs.replace(row, parts=_cut_parts(row.parts, most)) for row in block.rows)
        return Timeline(rows=rows, left_out=block.left_out)
    return block


def _cut_parts(parts: Sequence[Part], most: int) -> Phrase:
    return tuple(Quote(_shortened(p.text, most)) if isinstance(p, Quote) else p for p in parts)


def _shortened(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def generated_words(sections: Iterable[Section]) -> int:
    """How many words stand above the Appendix that nobody wrote by hand: sentences, rows with their times, prompts."""
    return sum(_words(block) for section in sections if section.key != "appendix" for block in section.blocks)


def _words(block: Block) -> int:
    if isinstance(block, Bullets):
        return sum(_spoken(item.parts) for item in block.items)
    if isinstance(block, Timeline):
        left = _spoken(block.left_out.parts) if block.left_out else 0
        return left + sum(_row_words(row) for row in block.rows)
    if isinstance(block, Prompt):
        return len(block.question.split()) + 2
    return _spoken(block.parts) if isinstance(block, Claim) else 0


def _row_words(row: Row) -> int:
    return 2 + len(row.label.split()) + _spoken(row.parts) + sum(len(suffix.split()) for suffix in row.suffixes)


def _spoken(parts: Sequence[Part]) -> int:
    return len("".join(part.text for part in parts).split())


# --- what it rests on -------------------------------------------------------------------------------------------


def _known(history: History) -> dict[str, RecordedEvent]:
    """Every event that may be cited."""
    context = history.context
    beside = [*(each.event for each in context.nearby), *context.collector]
    return {**{event.id: event for event in beside}, **history.by_id}


def _indexed(
    history: History, sections: Sequence[Section], lead: Claim | None, known: dict[str, RecordedEvent], hashed: str
) -> tuple[Section, ...]:
    """The sections, the last of which ends in the index of what all of them cite, and the digest."""
    cited = [lead.cites] if lead else []
    cited += [ids for section in sections for block in section.blocks for ids in citations(block)]
    shown = {each for ids in cited for each in ids[:SHOWN]}
    index = appendix.index(shown, set().union(*cited), known)
    ending = appendix.digested(len(history.events), hashed, index.left_out)
    last = msgspec.structs.replace(sections[-1], blocks=(*sections[-1].blocks, index, ending))
    return (*sections[:-1], last)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_TOGETHER = 256


def digest(history: History, options: Options) -> str:
    """SHA-256 over everything the draft's bytes depend on, and nothing that follows arrival.

    That is each event's content, whether a person corrected it, and how late it was received where the draft says
    so; the grouping's reasons and what was nearby; the options and the wording. Positions, deliveries, receipt times
    and the numbers of revisions depend on the order in which things arrived, so they are left out.
    """
    context = history.context
    near = sorted(context.nearby, key=lambda near: (near.event.occurred_at, near.event.id))
    beside = sorted(context.collector, key=lambda event: (event.occurred_at, event.id))
    aside = [*beside, *(each.event for each in near)]
    events = [*history.events, *aside]
    content = (
        (FORM, options, history.as_of, context.key, context.lookback),
        (len(history.events), len(beside), [each.reason for each in near]),
        [(each.id, facts.lateness(each) // MINUTE) for each in (*history.late, *aside) if facts.lateness(each)],
        [each.id for each in events if each.amendment == "correction"],
        context.grouped,
        sorted(family for family, events in context.reported.items() if events),
    )
    # Some at a time: all of them in one list would need as much memory again.
    hashed = hashlib.sha256(_ENCODER.encode(content))
    for start in range(0, len(events), _TOGETHER):
        hashed.update(_ENCODER.encode(list(map(_said, map(astuple, events[start : start + _TOGETHER])))))
    return hashed.hexdigest()


_SAID = (
    "id", "type", "source", "entity", "occurred_at", "time_text", "time_quality", "service", "environment", "severity",
    "title", "actor", "links", "refs", "labels", "data",
)  # fmt: skip
"""What the sender or the person said, by a fixed list of fields."""
_said = itemgetter(*map(RecordedEvent.__struct_fields__.index, _SAID))
"""Those fields out of all of an event's as a tuple, which is faster than asking for one after the other."""
