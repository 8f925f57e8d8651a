"""What a draft costs, counted in function calls: a benchmark's question that any machine answers alike.

``python -m tests.bench.draft`` measures the time; this only sees to it that
nobody makes the work grow faster than the incident.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import msgspec
import pytest

from collector.event import RecordedEvent
from renderers.draft import draft
from renderers.history import Context, Grouped
from renderers.markdown import markdown
from renderers.replay import replay
from tests.bench.draft import incident
from tests.examples import TIMES
from tests.facts import change, firing, page, resolved, stated

SIZE = 1_000 if TIMES == 1 else 4_000
"""Events of an incident: enough to see the square of them in ``make test``, and more of them in ``make properties``."""
STEEPEST = 2.3
"""How many times the calls twice the events may cost; what does not depend on their number pulls it below two."""


def many_kinds(size: int) -> list[RecordedEvent]:
    """No two alerts, pages or changes are of one name, and nothing is close enough to be told together."""
    events: list[RecordedEvent] = []
    for step in range(size // 10):
        moment, service = step * 20.0, f"service-{step}"
        for number in range(3):
            name = f"Alert{step}-{number}"
            events.append(firing(moment + number, name, service=service))
            events.append(resolved(moment + number + 2, name, since=moment + number, service=service))
        events.append(page("triggered", moment + 1, f"P{step}", service=service))
        events.append(page("acknowledged", moment + 2, f"P{step}", service=service, actor=f"Ana {step}"))
        events.append(change("succeeded", moment + 3, f"deployment:{step}", service=service, title=f"v{step}"))
        events.append(
            stated("note.added", moment, stated_at=moment, entity=f"note:{step}", title=f"Pool {step} exhausted.")
        )
    return events


def one_alert(size: int) -> list[RecordedEvent]:
    """One alert that flaps, so that all of it is one row."""
    return [
        event
        for step in range(size // 2)
        for event in (firing(step * 4.0), resolved(step * 4.0 + 1, since=step * 4.0))
    ]  # fmt: skip


def untold_starts(size: int) -> list[RecordedEvent]:
    """One alert whose ends do not say what they end."""
    return [
        event
        for step in range(size // 2)
        for event in (firing(step * 4.0), resolved(step * 4.0 + 1, since=None))
    ]  # fmt: skip


def many_series(size: int) -> list[RecordedEvent]:
    """One alert name of which every series fires once."""
    return [
        msgspec.structs.replace(event, title="HighErrorRate")
        for series in range(size // 2)
        for event in (
            firing(series * 0.01, f"pod-{series}", labels={"pod": f"pod-{series}"}),
            resolved(series * 0.01 + 30, f"pod-{series}", since=series * 0.01),
        )
    ]


def notes(size: int) -> list[RecordedEvent]:
    """One alert on which people write note after note."""
    note_events = [
        stated("note.added", step * 0.05, stated_at=step * 0.05, entity=f"note:{step}", title=f"Pool {step} exhausted.")
        for step in range(size - 1)
    ]
    return [firing(0), *note_events]


def deployments(size: int) -> list[RecordedEvent]:
    """Deployments before and after one alert, each with its start and its end; every fifth puts a version back."""
    events: list[RecordedEvent] = [firing(size / 2 * 0.02), resolved(size * 0.02, since=size / 2 * 0.02)]
    for step in range((size - 2) // 2):
        entity, task = f"deployment:{step}", "deploy" if step % 5 else "rollback"
        events.append(change("started", step * 0.04, entity, title=f"v{step}", data={"task": task}))
        events.append(change("succeeded", step * 0.04 + 1, entity, title=f"v{step}"))
    return events


def calls(work: Callable[[], object]) -> int:
    """How many functions it calls, those written in C included."""
    count = 0

    def seen(frame: object, what: str, argument: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def cost(events: Sequence[RecordedEvent]) -> int:
    """The calls of a draft with all the context that the daemon gives it."""
    grouped = {event.id: Grouped(rule="service", reason=f"same service {event.service}") for event in events}
    context = Context(key=events[0].id, grouped=grouped)
    return calls(lambda: markdown(draft(replay(events, None, context))))


SHAPES = (incident, many_kinds, one_alert, untold_starts, many_series, notes, deployments)


@pytest.mark.slow
@pytest.mark.parametrize("build", SHAPES)
def test_a_draft_of_twice_the_events_costs_about_twice(build: Callable[[int], list[RecordedEvent]]) -> None:
    """Replay, draft and Markdown are linear in the events, whatever kind of incident it is."""
    events = build(SIZE)
    half = build(SIZE // 2)
    assert len(events) == 2 * len(half) == SIZE
    cost(half[:20])  # what is made once for all drafts is made here
    small, large = cost(half), cost(events)
    assert large < STEEPEST * small
    assert large > 1.2 * small, "the calls do not follow the events, so this shows nothing"


def test_the_count_sees_work_that_grows_with_the_square() -> None:
    """The measure itself: comparing everything with everything costs four times as much for twice as many."""

    def quadratic(size: int) -> int:
        return calls(lambda: [max(a, b) for a in range(size) for b in range(size)])

    assert quadratic(80) > STEEPEST * quadratic(40)


@pytest.mark.slow
def test_a_revision_of_every_event_costs_no_more_than_as_many_events() -> None:
    """Corrected events are found by one pass over all revisions."""
    events = incident(SIZE // 2)
    twice = [*events, *(msgspec.structs.replace(event, revision=1, amendment="reparse") for event in events)]
    cost(events[:20])
    assert cost(twice) < 1.3 * cost(events)
