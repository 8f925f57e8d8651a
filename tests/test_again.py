"""The same alert again, after more than its own gap, while a page of its incident is open."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Rules, correlate
from collector.event import MINUTE, RecordedEvent
from tests.examples import examples
from tests.followed import CATALOG, followed_equals_batch
from tests.stories import change, firing, page, resolved, says

BEFORE = (firing("A", 0, "web"), resolved("A", 0, 5, "web"))
"""An alert that a page of another service one minute later makes one incident with it, by storm."""


def incidents(*events: RecordedEvent, rules: Rules | None = None) -> list[set[str]]:
    """The events of each incident."""
    return [{each.event for each in one.members} for one in correlate(events, rules or Rules()).incidents]


def open_page(until: float, *states: tuple[str, float]) -> list[RecordedEvent]:
    """Page P from minute 1, with these states between, until it is resolved."""
    return [page("P", state, at, "billing") for state, at in (("triggered", 1), *states, ("resolved", until))]


def test_it_is_of_the_incident_while_the_page_is_open() -> None:
    """The alert shares neither service nor group with the page, and says why it is in."""
    later = firing("A", 100, "web")
    found = correlate([*BEFORE, *open_page(120), later], Rules()).incidents
    assert len(found) == 1
    why = next(each for each in found[0].members if each.event == later.id)
    assert (why.rule, why.reason) == ("alert_again", "the same alert fired again before page P ended")


@pytest.mark.parametrize("reopened", [99, 100, 101])
def test_it_is_of_the_incident_when_the_page_is_reopened(reopened: int) -> None:
    """Whether the page is reopened before the alert fires or for it."""
    states = (("resolved", 6), ("reopened", reopened))
    assert len(incidents(*BEFORE, *open_page(120, *states), firing("A", 100, "web"))) == 1


def test_every_time_that_it_fires_is_of_the_incident() -> None:
    """However often it pauses."""
    more = [told for at in (50, 100, 150) for told in (firing("A", at, "web"), resolved("A", at, at + 2, "web"))]
    assert len(incidents(*BEFORE, *open_page(200), *more)) == 1


@pytest.mark.parametrize(("until", "again"), [(99, 100), (6, 100)])
def test_it_is_another_incident_after_the_page_is_resolved(until: int, again: int) -> None:
    """A page that is over holds nothing together."""
    assert len(incidents(*BEFORE, *open_page(until), firing("A", again, "web"))) == 2


def test_another_alert_is_another_incident() -> None:
    """Only what was of the incident is of it again."""
    assert len(incidents(*BEFORE, *open_page(120), firing("B", 100, "web"))) == 2


def test_a_page_of_another_incident_ties_nothing() -> None:
    """The page that is open has to be of the incident in which the alert was."""
    other = [page("P", "triggered", 4, "billing", environment="staging"), page("P", "resolved", 120, "billing")]
    alerts = [firing("A", 0, "web", environment="production"), resolved("A", 0, 5, "web", environment="production")]
    assert len(incidents(*alerts, *other, firing("A", 100, "web", environment="production"))) == 3


def test_a_page_that_came_after_the_alert_was_over_ties_nothing() -> None:
    """The page has to last over the whole pause."""
    bridge = [firing("B", 0, "billing"), resolved("B", 0, 60, "billing")]
    late = [page("P", "triggered", 60, "billing"), page("P", "resolved", 120, "billing")]
    person = says("incident.joined", 130, bridge[0], event=BEFORE[0].id)
    assert len(incidents(*BEFORE, *bridge, *late, firing("A", 100, "web"), person)) == 2


def test_people_who_took_it_out_are_heeded() -> None:
    """A person's word stands above it."""
    later = firing("A", 100, "web")
    out = says("incident.left", 110, BEFORE[0], event=later.id)
    assert len(incidents(*BEFORE, *open_page(120), later, out)) == 2


def test_a_page_that_people_ended_is_open_no_more() -> None:
    """Who resolves the incident and leaves the page open has ended it nevertheless."""
    over = says("incident.resolved", 60, BEFORE[0])
    assert len(incidents(*BEFORE, *open_page(120), over, firing("A", 100, "web"))) == 2
    back = says("incident.reopened", 70, BEFORE[0])
    assert len(incidents(*BEFORE, *open_page(120), over, back, firing("A", 100, "web"))) == 1


# --- after people reopened it -----------------------------------------------------------------------------------------


def test_it_is_of_the_incident_after_a_person_reopened_it() -> None:
    """The incident is open by a person's word; no page is, and the alert's own gap is long over."""
    later = firing("A", 200, "web")
    found = correlate([*BEFORE, says("incident.reopened", 120, BEFORE[0]), later], Rules()).incidents
    assert len(found) == 1
    why = next(each for each in found[0].members if each.event == later.id)
    assert (why.rule, why.reason) == (
        "alert_reopened", "the same alert fired again after a person reopened the incident",
    )  # fmt: skip


@pytest.mark.parametrize(
    "others",
    [
        (says("incident.reopened", 210, BEFORE[0]),),
        (says("incident.reopened", 120, BEFORE[0]), says("incident.resolved", 150, BEFORE[0])),
        (says("incident.reopened", 120, BEFORE[0]), firing("A", 130, "web"), resolved("A", 130, 140, "web")),
        (says("incident.reopened", 200 - 25 * 60, BEFORE[0]),),
    ],
    ids=["reopened later", "resolved again", "over since", "a day before"],
)
def test_it_is_another_incident_where_nobody_says_that_it_is_open(others: tuple[RecordedEvent, ...]) -> None:
    """Reopened only later, resolved again, over since a signal that came after that, or reopened too long ago."""
    assert len(incidents(*BEFORE, *others, firing("A", 200, "web"))) == 2


def test_another_alert_is_not_of_the_incident_that_was_reopened() -> None:
    """Only what was of the incident is of it again."""
    assert len(incidents(*BEFORE, says("incident.reopened", 120, BEFORE[0]), firing("B", 200, "web"))) == 2


# --- incremental equals batch -----------------------------------------------------------------------------------------

BRIEF = Rules(gap=3 * MINUTE, quiet=MINUTE, storm=2 * MINUTE, services=CATALOG.services)
_SERVICES = ("web", "billing", "cart", None)
_WORDS = ("joined", "left", "resolved", "reopened", "merged")


@st.composite
def pauses(draw: st.DrawFn) -> list[RecordedEvent]:
    """A few alerts that fire many times, a few pages that last over their pauses, and what people say."""
    events: dict[str, RecordedEvent] = {}
    for _ in range(draw(st.integers(4, 18))):
        minute, number = draw(st.integers(0, 60)), draw(st.integers(0, 2))
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2 | 3 | 4:
                event = resolved(f"A{number}", minute, minute + draw(st.integers(0, 6)), _SERVICES[number],
                                environment=draw(st.sampled_from([None, None, "production", "staging"])))  # fmt: skip
            case 5 | 6 | 7:
                state = draw(st.sampled_from(["triggered", "resolved", "reopened"]))
                event = page(f"P{number}", state, minute, draw(st.sampled_from(_SERVICES)))
            case 8:
                event = firing(f"A{number}", minute, _SERVICES[number])
            case _:
                event = draw(_said(list(events.values()), minute))
        events[event.id] = event
    return list(events.values())


@st.composite
def _said(draw: st.DrawFn, events: list[RecordedEvent], minute: int) -> RecordedEvent:
    if not events:
        return change("d", minute)
    about, other = draw(st.sampled_from(events)), draw(st.sampled_from(events))
    kind = draw(st.sampled_from(_WORDS))
    more = {"into": about.id, "from": other.id} if kind == "merged" else {"event": other.id}
    return says(f"incident.{kind}", minute, about, **more)


@examples(6)
@given(
    events=pauses(),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([BRIEF, BRIEF, Rules(), CATALOG]),
    size=st.sampled_from([1, 2, 500]),
    crowded=st.sampled_from([0, 5, 10_000]),
)
def test_any_arrival_equals_correlation(
    events: list[RecordedEvent], order: Any, rules: Rules, size: int, crowded: int
) -> None:
    """Pages, their reopenings and alerts may come in any order, and be forgotten and fetched between."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(followed_equals_batch(Path(folder), events, order, rules, batch=size, crowded=crowded))
