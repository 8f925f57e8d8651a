"""Components that are not plain: swept again from what changed on, to the same incidents as all at once."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from collector.correlation import Rules, sweeping
from collector.correlation.components import Components
from collector.correlation.constraints import Constraints
from collector.correlation.grouping import fold_all
from collector.correlation.matches import Match
from collector.correlation.memory import Loader, Memory
from collector.correlation.signals import Signal
from collector.correlation.sweep import Sweep
from collector.event import HOUR, MINUTE, RecordedEvent
from tests.examples import examples
from tests.followed import CATALOG, HASTY, followed_equals_batch, following, submission
from tests.regrouped import batch, kept
from tests.stories import firing, page, resolved, streams

STORMY = Rules(longest=40 * MINUTE, reach=HOUR, gap=3 * MINUTE, quiet=MINUTE, storm=6 * MINUTE)
SHORT = Rules(longest=20 * MINUTE, reach=30 * MINUTE, gap=3 * MINUTE, quiet=MINUTE, storm=2 * MINUTE)
_STATES = ("triggered", "triggered", "triggered", "resolved", "acknowledged", "reopened")
_ABOUT = ("alertgroup:g0", "alertgroup:g1", "alertgroup:g2", *(f"alert:a{number}" for number in range(8)))
_PLACES = (None, "production", "production", "production/eu", "staging")


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Components are swept in parts however small they are, and it is looked early whether a sweep is over."""
    monkeypatch.setattr(sweeping, "SMALL", 0)
    monkeypatch.setattr(sweeping, "_OFTEN", 1_000)
    monkeypatch.setattr(sweeping, "_FIRST_LOOK", 1)


@st.composite
def long_days(draw: st.DrawFn) -> list[RecordedEvent]:
    """Alerts of few services over hours, some of which never end; at times pages, some of which name their alert."""
    events: dict[str, RecordedEvent] = {}
    paged, grouped, span = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([40, 120, 240]))
    environments = draw(st.sampled_from([_PLACES, (None,)]))
    likely = draw(st.integers(3, 8)) if paged else 5
    for number in range(draw(st.integers(8, 40))):
        minute, service = draw(st.integers(0, span)), draw(st.sampled_from(["checkout", "checkout", "cart", None]))
        environment = draw(st.sampled_from(environments))
        group = draw(st.sampled_from(["", "g0", "g1", "g2"])) if grouped else ""
        match draw(st.integers(0, likely)):
            case 0 | 1 | 2:
                event = firing(f"a{number}", minute, service, environment=environment, group=group)
            case 3 | 6 | 7 | 8 if paged:
                event = draw(_some_page(number, minute, service))
            case _:
                event = resolved(f"a{number // 2}", minute, minute + draw(st.integers(1, 30)), service, group=group)
        events[event.id] = event
    return list(events.values())


@st.composite
def _some_page(draw: st.DrawFn, number: int, minute: int, service: str | None) -> RecordedEvent:
    """A page of few; what it is about and whom it called, it says or not."""
    state = draw(st.sampled_from(_STATES))
    refs = draw(st.lists(st.sampled_from(_ABOUT), max_size=2, unique=True))
    people = draw(st.lists(st.sampled_from(["Ana", "Jon", "Mia"]), max_size=2, unique=True))
    data = {"assignees": people} if people else {}
    return page(f"P{number % 5}", state, minute, service, refs=tuple(refs), data=data)


@pytest.mark.usefixtures("in_parts")
@examples(10, allowed=[HealthCheck.function_scoped_fixture])
@given(
    events=st.one_of(long_days(), long_days(), streams(longest=16)),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([SHORT, SHORT, HASTY, CATALOG]),
    size=st.sampled_from([1, 3, 500]),
    crowded=st.sampled_from([0, 5, 10_000]),
)
def test_swept_in_parts_incidents_equal_correlation(
    events: list[RecordedEvent], order: Any, rules: Rules, size: int, crowded: int
) -> None:
    """Whatever changed and wherever, sweeping again what it concerns comes to what sweeping all would."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(followed_equals_batch(Path(folder), events, order, rules, batch=size, crowded=crowded))


_NO_STORE: Any = None
"""Nothing is asked of it where all there is lies in memory."""


class Rounds:
    """Components alone, without a log or lists: far more rounds can be tried."""

    def __init__(self, rules: Rules) -> None:
        self.memory, self.signals, self._number = Memory(rules), dict[str, Signal](), 0
        self.memory.forget(complete=True)

    def take(self, events: Iterable[RecordedEvent]) -> None:
        """A round, after which there are these events."""
        memory, before = self.memory, self.signals
        folded = fold_all(list(events), memory.rules, memory.catalog)
        self.signals = {signal.id: signal for signal in folded if signal.opening}
        pairs = {
            signal_id: (before.get(signal_id), self.signals.get(signal_id))
            for signal_id in sorted(before.keys() | self.signals.keys())
        }
        components = Components(Loader(memory, _NO_STORE))
        components.apply({signal_id: (old, new) for signal_id, (old, new) in pairs.items() if old != new})
        components.cross_pauses()
        components.sweep()
        for incident in memory.component_of:
            if incident.number == 0:
                self._number += 1
                incident.number = self._number

    def groups(self) -> tuple[set[frozenset[str]], dict[str, Match]]:
        """The signals of each incident, and why each is in its own."""
        incidents = {frozenset(incident.signals) for incident in self.memory.component_of}
        return incidents, {signal_id: self.memory.match[signal_id] for signal_id in self.signals}

    def swept_at_once(self) -> tuple[set[frozenset[str]], dict[str, Match]]:
        """The same of one sweep of everything."""
        sweep = Sweep(self.memory.rules, self.memory.catalog, Constraints((), {}))
        return {
            frozenset(signal.id for signal in group.signals) for group in sweep.run(self.signals.values())
        }, sweep.joined


def crowded_days(order: random.Random) -> list[RecordedEvent]:
    """As :func:`long_days`, of many signals at once: hypothesis seldom draws so many that concern each other."""
    events: dict[str, RecordedEvent] = {}
    environments, span = order.choice([_PLACES, (None,)]), order.choice([40, 120, 240])
    most, people = order.choice([4, 4, 5, 6, 7, 8]), ["Ana", "Jon", "Mia", "Tom", "Eve"][: order.choice([1, 3, 5])]
    for number in range(order.randint(6, 40)):
        minute, service = order.randint(0, span), order.choice(["checkout", "checkout", "cart", "search", None])
        group, environment = order.choice(["", "", "g0", "g1", "g2"]), order.choice(environments)
        name, kind = f"a{order.choice([number, number % 6, number // 2])}", order.randint(0, most)
        if kind <= 2:
            event = firing(name, minute, service, environment=environment, group=group)
        elif kind <= 4:
            event = resolved(name, minute, minute + order.randint(1, 30), service, environment=environment, group=group)
        else:
            refs = order.sample(_ABOUT, order.choice([0, 1, 1, 2]))
            called = order.sample(people, order.randint(0, min(2, len(people))))
            event = page(
                f"P{order.randint(0, 7)}", order.choice(_STATES), minute, service, refs=tuple(refs),
                data={"assignees": called} if called else {},
            )  # fmt: skip
        events[event.id] = event
    return list(events.values())


@pytest.mark.usefixtures("in_parts")
@examples(60, allowed=[HealthCheck.function_scoped_fixture])
@given(
    order=st.randoms(use_true_random=True),
    rules=st.sampled_from([SHORT, SHORT, STORMY, STORMY, HASTY, CATALOG, Rules()]),
)
def test_after_each_round_components_are_what_one_sweep_finds(order: random.Random, rules: Rules) -> None:
    """However events come, change and go."""
    rounds, event_by_id, events = Rounds(rules), dict[str, RecordedEvent](), crowded_days(order)
    most, late = order.choice([1, 1, 2, 4, 12]), order.choice([0.0, 0.0, 0.1])
    if order.random() < 0.6:
        order.shuffle(events)
    while events:
        for event in [events.pop(0) for _ in range(min(len(events), order.randint(1, most)))]:
            event_by_id[event.id] = event
        if order.random() < late:
            del event_by_id[order.choice(list(event_by_id))]
        rounds.take(event_by_id.values())
        assert rounds.groups() == rounds.swept_at_once()


PRODUCTION = {"environment": "production"}


@pytest.mark.usefixtures("in_parts")
async def test_an_incident_that_goes_on_after_the_end_of_a_sweep_stays_whole(tmp_path: Path) -> None:
    """What comes into it is one signal, as is what of it was swept again; the rest of it was not, and was lost."""
    events = [
        resolved("A", 32, 47, **PRODUCTION, group="g1"), firing("A", 0, None, **PRODUCTION, group="g1"),
        resolved("C", 50, 79, **PRODUCTION, group="g3"), resolved("B", 39, 42, **PRODUCTION),
    ]  # fmt: skip
    async with following(tmp_path, SHORT) as followed:
        for one in events:
            await followed.told(one)
        assert await followed.base.query(kept) == batch(events, SHORT)


@pytest.mark.usefixtures("in_parts")
async def test_a_page_that_names_an_earlier_alert_has_it_swept_again(tmp_path: Path) -> None:
    """That other people were called about it keeps it apart from a page that came between the two."""
    events = [
        firing("A", 6, group="g2"), page("7", "triggered", 12, "search"), page("4", "triggered", 14),
        page("7", "reopened", 22, "cart", refs=("alertgroup:g1",), data={"assignees": ["Ana"]}),
        page("3", "triggered", 30, "search", refs=("alertgroup:g2",)),
    ]  # fmt: skip
    async with following(tmp_path, SHORT) as followed:
        for one in events:
            await followed.told(one)
        assert await followed.base.query(kept) == batch(events, SHORT)


async def test_what_made_it_one_incident_before_an_alert_fired_again_says_which_page_lasted(tmp_path: Path) -> None:
    """The page that began first, also where what ties it to the alert came last."""
    events = [
        page("4", "triggered", 39, "cart", refs=("alert:A5",)), firing("A5", 115, "search"),
        page("0", "triggered", 80, "search"), firing("A2", 114, None), resolved("A2", 68, 79, "search"),
        firing("A4", 84, "cart"),
    ]  # fmt: skip
    async with following(tmp_path) as followed:
        for one in events:
            await followed.told(one)
        assert await followed.base.query(kept) == batch(events, Rules())


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The signals that were swept, as often as they were."""
    signal_ids: list[str] = []
    add = Sweep.add

    def adding(sweep: Sweep, signal: Any) -> None:
        signal_ids.append(signal.id)
        add(sweep, signal)

    monkeypatch.setattr(Sweep, "add", adding)
    return signal_ids


async def test_a_round_sweeps_no_more_however_long_a_service_has_had_alerts(tmp_path: Path, swept: list[str]) -> None:
    """Alerts without an end tie the days to each other: a round of the sixth day sweeps what one of the second did."""
    submissions = [submission(firing(f"a{number}", 20 * number, "checkout")) for number in range(480)]
    submissions += [
        submission(resolved(f"a{number}", 20 * number, 20 * number + 5, "checkout")) for number in range(80, 480, 80)
    ]
    async with following(tmp_path) as followed:
        costs = []
        for at in range(0, len(submissions), 5):
            await followed.log.append(submissions[at : at + 5])
            swept.clear()
            await followed.follower.catch_up()
            costs.append(len(swept))
    second, sixth, ends = costs[20:35], costs[80:95], costs[96:]
    assert sum(sixth) <= sum(second), (second, sixth)
    assert max(ends) < 5 * 150, ends
