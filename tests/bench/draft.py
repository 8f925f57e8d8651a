"""A draft of a large incident, measured against reading that incident's events out of the log.

The incident goes through the real log
and the real follower, so that what is drafted is what the daemon drafts: the
events with the reason that put each of them in, and what was near.

Counted as the draft is all that follows the reading: the translation into the
renderers' values, replay, draft and Markdown. The goal: less than one and a
half times what it takes to read the incident's events, each with why it is in,
which is the reading that a draft needs and a person waits for (``case``).
Reading the same number of events by position, which is the fastest way to get
them, is told too. Measured is processor time, turn by turn in one process that
looks for garbage as seldom as the daemon does. Beside it: a draft of an
ordinary incident, HTML with its pictures against Markdown, and an answer with
a text that did not change, which reads and does not render.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import msgspec

from collector import projections
from collector.correlation import Rules
from collector.daemon import tune_gc
from collector.drafting.cache import TextCache
from collector.drafting.rendering import document_of, postmortem
from collector.event import Event, RecordedEvent
from collector.following.follower import Follower
from collector.log import EventLog, Submission, receipt_of
from renderers.html import html
from renderers.markdown import markdown
from tests.bench import entry, results
from tests.bench.entry import Option
from tests.facts import change, firing, page, resolved, stated
from tests.lists import opened

GOAL = 1.5
FEW, SMALL = 100, 10.0
"""Events of an ordinary incident, and ms that its draft may take beyond reading."""
LARGE = 1_000.0
"""ms that a draft of as many events as are asked for may take beyond reading."""
HTML = 3.0
"""How many times as long HTML with its two pictures may take as Markdown."""
AGAIN = 0.5
"""How much of the first answer's time a later one with the same text may take, beyond reading."""
PAGE = 1_000
"""Events of one read, as the log's readers ask for them."""


def incident(size: int) -> list[RecordedEvent]:
    """An incident of so many events: mostly alerts of many series that flap, with pages, deployments and notes."""
    events: list[RecordedEvent] = []
    for step in range(size // 20):
        moment = step * 0.1
        for series in range(8):
            name, entity = f"HighErrorRate{step % 7}", f"{step % 40}-{series}"
            fields = {"service": f"checkout-{step % 5}", "labels": {"pod": entity, "namespace": "shop", "job": "api"}}
            data = {
                "summary": "12% of requests fail.",
                "query": "sum(rate(http_errors[5m])) > 0.05",
                "status": "firing",
            }
            events.append(_renamed(firing(moment, entity, data=data, **fields), name))
            events.append(_renamed(resolved(moment + 3, entity, since=moment, **fields), name))
        about: dict[str, Any] = {"service": f"checkout-{step % 5}", "refs": (f"page:P{step}",)}
        events.append(page("triggered", moment, f"P{step}", **about))
        events.append(page("resolved", moment + 4, f"P{step}", **about))
        events.append(change("succeeded", moment, f"deployment:{step}", service=about["service"], title="v42"))
        events.append(
            stated("note.added", moment, stated_at=moment, entity=f"note:{step}", title="Pool exhausted.", **about)
        )
    return events


def _renamed(event: RecordedEvent, name: str) -> RecordedEvent:
    return msgspec.structs.replace(event, title=name)


async def stored(log: EventLog, events: Sequence[RecordedEvent]) -> None:
    """Append the events, each with a body of its own as a sender's delivery has one."""
    fields = Event.__struct_fields__
    submissions = [
        Submission(
            source=event.source,
            received_at=event.received_at,
            body=event.id.encode(),
            events=(Event(**{name: getattr(event, name) for name in fields}),),
        )
        for event in events
    ]
    for start in range(0, len(submissions), PAGE):
        for answer in await log.append(submissions[start : start + PAGE]):
            receipt_of(answer)


async def paged(log: EventLog, size: int) -> list[RecordedEvent]:
    """The first so many events of the log, page by page; what comes after them is the daemon's own."""
    page_of_events: list[RecordedEvent] = []
    while len(page_of_events) < size:
        page_of_events += await log.read(after=len(page_of_events), limit=min(PAGE, size - len(page_of_events)))
    return page_of_events


class Round(NamedTuple):
    """Seconds of processor time of one turn."""

    read: float
    case: float
    drafted: float
    html: float
    """The same as HTML with its pictures."""


async def turns(options: argparse.Namespace, folder: Path) -> tuple[list[Round], str]:
    """What each turn took, and the draft."""
    async with opened(folder / "bench.db") as (log, base):
        await stored(log, incident(options.events))
        await Follower(base, log, Rules()).catch_up()
        lists = projections.Projections(base, Rules())
        turns_taken, text = [], ""
        for _ in range(options.rounds):
            turn, text = await _turn(log, lists, options.events)
            turns_taken.append(turn)
    return turns_taken, text


async def _turn(log: EventLog, lists: projections.Projections, size: int) -> tuple[Round, str]:
    """One of each, every one with nothing left over from the one before."""
    gc.collect()
    begun = process_time()
    await paged(log, size)
    read = process_time() - begun
    gc.collect()
    begun = process_time()
    case = await lists.case(1)
    cased = process_time() - begun
    if case is None or len(case.events) != size:
        raise SystemExit(f"cannot measure: of {size} events {len(case.events) if case else 0} became one incident")
    gc.collect()
    begun = process_time()
    text = markdown(document_of(case))
    drafted = process_time() - begun
    gc.collect()
    begun = process_time()
    html(document_of(case))
    return Round(read, cased, drafted, process_time() - begun), text


async def again(options: argparse.Namespace, folder: Path) -> list[float]:
    """How long it takes to answer with a draft that did not change, of how long it took at first, beyond reading."""
    async with opened(folder / "again.db") as (log, base):
        await stored(log, incident(options.events))
        await Follower(base, log, Rules()).catch_up()
        lists, ratios = projections.Projections(base, Rules()), []
        for _ in range(options.rounds):
            cache, took = TextCache(), []
            for _ in range(2):
                begun = process_time()
                await lists.case(1)
                cased = process_time() - begun
                gc.collect()
                begun = process_time()
                await postmortem(lists, 1, cache=cache)
                took.append(max(1e-6, process_time() - begun - cased))
            # Reading differs by more than a thousandth from one time to the next; less is no figure.
            ratios.append(max(0.001, took[1] / took[0]))
    return ratios


def measure(options: argparse.Namespace, report: results.Report) -> None:
    """One incident, read and drafted in turn."""
    tune_gc()
    with results.workplace() as folder:
        rounds, text = asyncio.run(turns(options, folder))
        (folder / "few").mkdir()
        smaller = argparse.Namespace(events=FEW, rounds=options.rounds if options.short else 3 * options.rounds)
        few, _ = asyncio.run(turns(smaller, folder / "few"))
        unchanged = asyncio.run(again(options, folder))
    report.note(f"An incident of {options.events} events; its draft has {len(text):,} characters.")
    extra = {
        "draft ms": tuple(1e3 * each.drafted for each in rounds),
        "as an incident ms": tuple(1e3 * each.case for each in rounds),
        "by pages ms": tuple(1e3 * each.read for each in rounds),
    }
    ratios = [each.drafted / each.case for each in rounds]
    report.add("drafting, of reading the incident", ratios, below=GOAL, beside=extra)
    report.add("the same, ms", tuple(1e3 * each.drafted for each in rounds), "ms", below=LARGE)
    report.add(f"a draft of {FEW} events, ms", tuple(1e3 * each.drafted for each in few), "ms", below=SMALL)
    report.add("answering with a draft that did not change, of the first answer", unchanged, below=AGAIN)
    report.add("as HTML with its pictures, of Markdown", [each.html / each.drafted for each in rounds], below=HTML)
    report.add("drafting, of reading as many events by pages", [each.drafted / each.read for each in rounds])


OPTIONS = (
    Option("events", 10_000, 100),
    Option("rounds", 9, 1),
)


if __name__ == "__main__":
    sys.exit(entry.main("draft", __doc__, OPTIONS, measure))
