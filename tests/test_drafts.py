"""The draft as a whole: how it reads, what decides its bytes, how long it gets, and that it proves every sentence."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from collector.event import MINUTE, Link, RecordedEvent
from renderers.document import (
    Actions,
    Bullets,
    Claim,
    Code,
    Document,
    Index,
    Inline,
    Name,
    Options,
    Prompt,
    Quote,
    Timeline,
    Words,
)
from renderers.draft import draft
from renderers.lint import lint, lint_text
from renderers.markdown import markdown
from renderers.plain_text import plain
from renderers.replay import replay
from tests.histories import (
    MADE_UP,
    Facts,
    bare,
    change_alone,
    example,
    going_on,
    monster,
    note_alone,
    reported_first,
    storm,
    switched_off,
)

EVERY = [pytest.param(build, id=name) for name, build in MADE_UP.items()]
BANNED = re.compile(r"\b(caused|because|due to|fixed by|root cause was|blame|fault|should have)\b", re.IGNORECASE)
"""What a draft never says in its own words."""


def phrases(document: Document) -> Iterator[tuple[tuple[Inline, ...], tuple[str, ...]]]:
    """Every generated piece of text of a draft with its citation."""
    yield document.title.parts, document.title.cites
    for head in (document.lead, document.incident):
        if head:
            yield head.parts, head.cites
    for block in (block for section in document.sections for block in section.blocks):
        match block:
            case Claim():
                yield block.parts, block.cites
            case Bullets():
                yield from ((item.parts, item.cites) for item in block.items)
            case Timeline():
                yield from ((row.parts, row.cites) for row in block.rows)
                if block.left_out:
                    yield block.left_out.parts, block.left_out.cites
            case Actions():
                yield from ((row.action, row.cites) for row in block.rows)
                yield from ((row.owner, row.cites) for row in block.rows)
            case Prompt():
                yield (Words(block.question),), ()


def cited(document: Document) -> set[str]:
    """Every event the draft cites, the index included."""
    event_ids = {each for _, ids in phrases(document) for each in ids}
    for section in document.sections:
        event_ids |= {line.id for block in section.blocks if isinstance(block, Index) for line in block.lines}
    return event_ids


# --- how it reads -----------------------------------------------------------------------------------------------

EXAMPLE = """\
# Postmortem Report: **checkout: HighErrorRate (and 1 more alert)**

**Incident Lead:** Ana (assumed: first to acknowledge) [5f33e]
**Date:** 2026-03-04
**Status:** Resolved
**Incident:** critical · 2026-03-04 14:02:10–14:24:00 UTC (21 min 50 s)
- At 14:02:10 UTC the alert HighErrorRate fired on checkout in production; SlowCart on cart followed 1 min 10 s later \
[a3f9c, 77d1b].
- PagerDuty incident 311 paged Ana at 14:02:30, who acknowledged it at 14:04:00 [0c6e4, 5f33e].
> **Fill in:** one sentence for a reader outside the team: what broke, and for whom?
- Alerts fired on cart and checkout in production [a3f9c, 77d1b].
- HighErrorRate on checkout: "12% of requests fail." [a3f9c]
> **Fill in:** which SLA or SLO was missed, and what did it cost?
Times are UTC (+00:00).
| **Time** | **Event** |
|---|---|
| 2026-03-04 14:00 | Deploy of checkout to production succeeded in 40 s, begun at 13:59: "v42" [b7a20, 41fc0] |
| 2026-03-04 14:02 | **Detected.** Alert HighErrorRate fired on checkout (critical): "12% of requests fail." [a3f9c] |
| 2026-03-04 14:02 | **Paged.** PagerDuty incident 311 paged Ana: "Page 311" [0c6e4] |
| 2026-03-04 14:03 | Alert SlowCart fired on cart, 12 series by 14:04 (pod cart-0, cart-1, cart-2 and 9 more) \
[77d1b, 51001, 51002, +9] |
| 2026-03-04 14:04 | **Acknowledged** by Ana, 1 min 30 s after the page [5f33e] |
| 2026-03-04 14:12 | Note by Ana: "Pool exhausted." [3be7f] |
| 2026-03-04 14:20 | Rollback of checkout in production succeeded: "v41" (by Ana) [7f21d] |
| 2026-03-04 14:24 | **Resolved.** PagerDuty incident 311 was resolved by Ana [e6b21] |
- Monitoring discovered it: the alert HighErrorRate (critical) on checkout, at 14:02:10 UTC [a3f9c].
| Alert | Service | First fired | Query | Value told |
| Measure | Value | From | To | Basis |
| Time to resolve | 21 min 50 s | detected 14:02:10 | resolved 14:24:00 | the page was resolved [a3f9c, e6b21] |
- **Primary Cause:**
> **Fill in:** what broke, and why could it?
- **Contributing Factors:**
- Note by Ana, 14:12:00 UTC: "Pool exhausted." [3be7f]
- At 14:20:10 UTC Ana rolled checkout back: "v41"; the last alert ended 3 min later [7f21d, 4c9ba].
- Observed: the alert SlowCart links no runbook [77d1b].
- **Improvement Opportunities:**
- At the same time, judged unrelated: the alert DiskFilling on search (warning): other service [9d70e].
| 9d70e | 14:00:00 | alert.firing | alertmanager |
"""


def test_the_example_reads_as_designed() -> None:
    """The lines of the example stand in the draft, word for word and in their order."""
    lines = iter(line.rstrip() for line in example().markdown().splitlines())
    for expected in EXAMPLE.splitlines():
        assert expected in lines, expected


@pytest.mark.parametrize("detail", ["normal", "key", "all"])
@pytest.mark.parametrize("build", EVERY)
def test_every_generated_sentence_is_proven(build: type[Facts], detail: str) -> None:
    """No sentence, item or row is without evidence, and none cites an event that the draft does not know."""
    told = build()
    document = told.draft(detail=detail)
    assert lint(document) == ()
    if detail == "normal":
        assert lint_text(markdown(document)) == ()


@pytest.mark.parametrize("build", EVERY)
def test_our_words_judge_nothing(build: type[Facts]) -> None:
    """Words that name a cause or a culprit are never ours."""
    for parts, _ in phrases(build().draft()):
        ours = " ".join(part.text for part in parts if isinstance(part, Words))
        assert not BANNED.search(ours), ours


def poisoned(event: RecordedEvent) -> RecordedEvent:
    """The event with a mark in every text a stranger or a person chose."""
    data = {
        key: f"{value} XYZZY"
        if isinstance(value, str) and key not in ("mark", "field", "state", "due", "task")
        else value
        for key, value in event.data.items()
    }
    changes = {name: f"{text} XYZZY" for name in ("title", "service", "environment", "severity", "actor", "source")
               if (text := getattr(event, name))}  # fmt: skip
    links = tuple(Link(rel=link.rel, url=link.url + "XYZZY") for link in event.links)
    labels = {f"{key} XYZZY": f"{value} XYZZY" for key, value in event.labels.items()}
    return msgspec.structs.replace(event, data=data, links=links, labels=labels, **changes)


@pytest.mark.parametrize("detail", ["normal", "all"])
@pytest.mark.parametrize("build", EVERY)
def test_a_stranger_s_text_is_never_among_our_words(build: type[Facts], detail: str) -> None:
    """Whatever a sender or a person chose stands in a quote, a name, a code or a link, nowhere else."""
    told = build().changed(poisoned)
    for parts, _ in phrases(told.draft(detail=detail)):
        assert not any("XYZZY" in part.text for part in parts if isinstance(part, Words)), plain(parts)


BROKEN = re.compile(
    r"  |\s[,.;:)]|\(\)|\( |,,|;;|\.\.|[:,] *$|\bNone\b|\(empty\)"
    r"|\b(?:by|on|for|of|to|in) *$|\b1 \w+s (?:were|have)\b"
)
"""Traces of a phrase whose name is missing, or of a number that does not fit its noun."""
FIELDS = ("service", "environment", "severity", "actor", "title", "links", "labels", "data")


@pytest.mark.parametrize(
    "fields", [(), *((name,) for name in FIELDS), FIELDS], ids=lambda names: "+".join(names) or "none"
)
@pytest.mark.parametrize("build", EVERY)
def test_absent_fields_drop_their_phrase(build: type[Facts], fields: tuple[str, ...]) -> None:
    """Without one of the fields, and without all of them, sentences are whole: no dangling word, no doubled mark."""
    told = build().changed(lambda event: bare(event, *fields))
    for detail in ("normal", "all"):
        for parts, _ in phrases(told.draft(detail=detail)):
            text = plain(tuple(Name("x") if isinstance(p, Quote | Code) else p for p in parts))
            label = text.endswith(("Primary Cause:", "Contributing Factors:", "well:", "Opportunities:", "no causes:"))
            assert label or not BROKEN.search(text), text
            assert not text.startswith((",", ";", ":", ")", ".")), text


def test_ten_thousand_events_stay_short_and_quick() -> None:
    """A monster of thousands of series is folded into a few rows, in time that grows no faster than its events."""
    told = monster()
    history = told.history()
    begun = time.process_time()
    document = draft(history)
    assert time.process_time() - begun < 1.5, "ten times what it takes on a slow machine"
    assert lint(document) == ()
    table = next(block for section in document.sections for block in section.blocks if isinstance(block, Timeline))
    firings = [row for row in table.rows if row.type.startswith("alert.")]
    assert len(firings) < 20
    assert plain(table.rows[0].parts).startswith("Alert PodCrash fired on grid (critical), 3,303 series by 02:02 (pod ")


# --- what decides its bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", EVERY)
def test_arrival_decides_nothing(build: type[Facts]) -> None:
    """Other positions, deliveries, receipt seconds and revision numbers, in any order, give the same bytes."""
    story = build()
    shuffled = random.Random(7).sample(story.events, len(story.events))  # noqa: S311 - an order, not a secret
    moved = [
        msgspec.structs.replace(event, position=place + 1000, delivery=f"other-{place}", item=place,
                                received_at=event.received_at + 1, revision=event.revision + 2)
        for place, event in enumerate(shuffled)
    ]  # fmt: skip
    assert markdown(draft(story.history(moved))) == story.markdown()


def test_a_revision_that_says_the_same_changes_nothing() -> None:
    """A content told anew by an earlier delivery or a fixed parser is no correction."""
    story = example()
    for reason in ("earlier_delivery", "reparse"):
        again = [msgspec.structs.replace(event, revision=1, amendment=reason) for event in story.events]
        assert markdown(draft(story.history([*story.events, *again]))) == story.markdown()


def test_the_digest_follows_content_options_and_context() -> None:
    """One changed title, another zone, another person's correction, another nearby event: another digest each."""
    digests = {
        example().draft().digest,
        example().draft(zone="Europe/Berlin").digest,
        example().draft(detail="all").digest,
    }
    changes: tuple[dict[str, Any], ...] = ({"title": "v43"}, {"amendment": "correction"}, {"received_at": 2**55})
    for place, change in enumerate(changes):
        story = example()
        story.events[place] = msgspec.structs.replace(story.events[place], **change)
        digests.add(story.draft().digest)
    story = example()
    story.nearby("far away", "note.added", "14:00:00", title="other")
    assert len({*digests, story.draft().digest}) == 7


@pytest.mark.parametrize("build", [example, switched_off, reported_first, going_on])
def test_what_is_not_told_is_not_claimed(build: type[Facts]) -> None:
    """Without any one event the draft cites it nowhere, and every sentence left is still proven."""
    told = build()
    for event in told.events:
        document = told.without(event).draft()
        assert event.id not in cited(document), event
        assert lint(document) == (), event


def test_without_the_rollback_nothing_speaks_of_it() -> None:
    """The action, its row and the argument for the candidate go with the event that proved them."""
    story = example()
    rollback = next(event for event in story.events if event.type == "change.rolled_back")
    assert "ollback" in story.markdown()
    without = story.without(rollback).markdown()
    assert "ollback" not in without
    assert "rolled back" not in without
    assert "- No change of cart or checkout was recorded between 14:02:10 and 14:23:10 UTC." in without


def test_without_the_acknowledgement_nobody_leads() -> None:
    """The lead is the first to acknowledge; without an acknowledgement it is left to people."""
    told = example()
    taken = next(event for event in told.events if event.type == "page.acknowledged")
    assert told.without(taken).draft().lead is None


def test_as_of_tells_what_was_known_then() -> None:
    """Replayed as of the note, the draft knows no rollback and no end."""
    told = example()
    note = next(event for event in told.events if event.type == "note.added")
    document = draft(replay(told.events, note.received_at))
    assert document.as_of == note.received_at
    assert not document.resolved
    assert "ollback" not in markdown(document)


# --- the head ---------------------------------------------------------------------------------------------------


def test_a_person_s_title_and_lead_replace_ours() -> None:
    """An edit is shown as written and is its own evidence; the newest one counts."""
    story = example()
    story.edits("title", "Old title", "17:00")
    title = story.edits("title", "Checkout refused payments after v42", "18:00")
    lead = story.edits("lead", "Bo Larsen")
    document = story.draft()
    assert (plain(document.title.parts), document.title.cites) == ("Checkout refused payments after v42", (title.id,))
    assert document.lead is not None
    assert (plain(document.lead.parts), document.lead.cites) == ("Bo Larsen", (lead.id,))


def _reported() -> Facts:
    told = Facts()
    told.says("report.received", "14:00:00", "Cannot pay", by=None)
    return told


def _opened() -> Facts:
    told = Facts()
    told.says("incident.opened", "14:00:00", "Cannot pay", data={"severity": ""})
    return told


def _fired() -> Facts:
    told = Facts()
    told.ends(told.fires("X", "14:00:00", "web", severity=None), "14:05:00")
    return told


def _paged(*urgencies: object, severity: str | None = None) -> Facts:
    """A page each event of which tells another urgency; None is none at all."""
    story = Facts()
    for step, urgency in zip(("triggered", "acknowledged", "resolved"), urgencies, strict=False):
        data = {} if urgency is None else {"urgency": urgency}
        story.page(step, "14:00:00", severity=severity, data=data)
    return story


def _opened_and_paged() -> Facts:
    told = _paged(None, "", None)
    told.fires("X", "14:00:00", "web", severity=None)
    return told


@pytest.mark.parametrize(
    ("build", "severity"),
    [
        (_reported, ""),
        (_opened, ""),
        (_fired, ""),
        (_opened_and_paged, ""),
        (lambda: _paged(None), ""),
        (lambda: _paged("", None, ""), ""),
        (lambda: _paged(7, None), ""),
        (lambda: _paged(None, severity="P1"), "P1"),
        (lambda: _paged("high", None, severity="high"), "high urgency"),
        (example, "critical"),
        (change_alone, ""),
        (note_alone, ""),
    ],
)
def test_a_severity_that_nobody_told_is_not_in_the_head(build: Callable[[], Facts], severity: str) -> None:
    """Where no sender and no person told a severity or an urgency the head has no word of either."""
    document = build().draft()
    assert document.incident is not None
    pieces = plain(document.incident.parts).split(" · ")
    beside = [each for each in pieces if not re.match(r"(since )?2026-03-04 \d", each, re.IGNORECASE)]
    assert beside == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("build", "title"),
    [
        (example, "checkout: HighErrorRate (and 1 more alert)"),
        (storm, "service-0: Alert0 (and 59 more alerts)"),
        (going_on, "db: SlowQueries"),
        (MADE_UP["page_alone"], "Ledger is down"),
        (MADE_UP["report_alone"], "Cannot pay"),
        (Facts, "Incident without a title"),
    ],
)
def test_titles(build: type[Facts], title: str) -> None:
    """The first opening alert and how many more; else the page, the report, or what there is."""
    assert plain(build().draft().title.parts) == title


def test_an_incident_of_nothing_is_still_a_draft() -> None:
    """Without any event the template stands, with prompts and no claim."""
    text = Facts().markdown()
    assert "## Lessons Learned" in text
    assert lint(Facts().draft()) == ()


# --- the index --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [example, storm])
def test_the_index_has_every_event_that_the_draft_rests_on(build: type[Facts]) -> None:
    """Each event that anything cites has one line, in the order things happened, however many they are."""
    document = build().draft()
    [index] = [block for section in document.sections for block in section.blocks if isinstance(block, Index)]
    resting = {each for _, ids in phrases(document) for each in ids} | set(document.title.cites)
    assert [line.id for line in index.lines if line.id in resting] == [line.id for line in index.lines]
    assert resting == {line.id for line in index.lines}
    assert [line.at for line in index.lines] == sorted(line.at for line in index.lines)


def test_the_digest_stands_in_the_appendix() -> None:
    """A reader can compare what the draft was rendered from."""
    document = example().draft()
    assert f"`{document.digest}`" in markdown(document).partition("## Appendix")[2]


def test_times_are_told_in_the_chosen_zone() -> None:
    """Table, sentences and date follow the zone, which is named above the table."""
    text = example().markdown(zone="Asia/Tokyo")
    assert "Times are Asia/Tokyo (+09:00)." in text
    assert "| 2026-03-04 23:02 | **Detected.**" in text
    assert "at 23:02:10" in text


def test_a_late_event_is_late_in_table_and_digest_alone() -> None:
    """Eight minutes late changes the draft; eight seconds do not."""
    story = example()
    late = [
        msgspec.structs.replace(e, received_at=e.occurred_at + 8 * MINUTE) if e.title == "v42" else e
        for e in story.events
    ]
    assert "(received 8 min late)" in markdown(draft(story.history(late)))
    assert Options() == draft(story.history(late)).options
