"""A draft of a large incident, measured against reading that incident's events out of the log.

Run as ``python -m tests.bench.draft``. Both are measured in one process, turn
by turn, so that a busy machine slows both; what counts is the ratio of the
medians. The goal: replay, draft and Markdown together take less than one and a
half times what reading and decoding the same events takes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from collector.event import Event, RecordedEvent
from collector.log import EventLog, Submission, open_log
from renderers.draft import draft
from renderers.markdown import markdown
from renderers.replay import replay
from tests.facts import change, firing, page, resolved, stated

GOAL = 1.5
PAGE = 1_000
"""Events of one read, as the log's readers ask for them."""


def incident(size: int) -> list[RecordedEvent]:
    """An incident of so many events: mostly alerts of many series that flap, with pages, deployments and notes."""
    found: list[RecordedEvent] = []
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
            found.append(_renamed(firing(moment, entity, data=data, **fields), name))
            found.append(_renamed(resolved(moment + 3, entity, since=moment, **fields), name))
        found.append(page("triggered", moment, f"P{step}"))
        found.append(page("resolved", moment + 4, f"P{step}"))
        found.append(change("succeeded", moment, f"deployment:{step}", title="v42"))
        found.append(stated("note.added", moment, said=moment, title="Pool exhausted."))
    return found


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
            if isinstance(answer, Exception):
                raise answer


async def everything(log: EventLog) -> list[RecordedEvent]:
    """All events of the log, page by page."""
    found: list[RecordedEvent] = []
    while page_ := await log.read(after=found[-1].position if found else 0, limit=PAGE):
        found += page_
    return found


async def measure(size: int, rounds: int) -> tuple[list[float], list[float], str]:
    """The seconds each round took to read and to draft, and the last draft."""
    read, drafted, text = [], [], ""
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(f"sqlite:///{Path(folder) / 'bench.db'}")
        try:
            await stored(log, incident(size))
            for _ in range(rounds):
                gc.collect()
                begun = perf_counter()
                events = await everything(log)
                middle = perf_counter()
                text = markdown(draft(replay(events)))
                read.append(middle - begun)
                drafted.append(perf_counter() - middle)
        finally:
            await log.close()
    return read, drafted, text


def main() -> int:
    """Print both medians and their ratio; 1 where the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    read, drafted, text = asyncio.run(measure(asked.events, asked.rounds))
    ratio = statistics.median(drafted) / statistics.median(read)
    print(f"events            {asked.events:>8}")  # noqa: T201 - the result is the purpose
    print(f"read, median      {statistics.median(read) * 1_000:>8.1f} ms")  # noqa: T201
    print(f"draft, median     {statistics.median(drafted) * 1_000:>8.1f} ms   ({len(text):,} characters)")  # noqa: T201
    print(f"draft / read      {ratio:>8.2f}      goal: below {GOAL}")  # noqa: T201
    return 0 if ratio < GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
