"""Storms: thousands of signals at one moment, grouped at the price of each alone, and as correlation groups them."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.correlation import Rules
from collector.correlation.changes import Changes
from collector.correlation.incremental import Regrouping
from collector.event import MINUTE, SECOND, RecordedEvent
from tests.examples import examples
from tests.followed import CATALOG, followed_equals_batch, following
from tests.stories import firing, page, resolved

SHORT = Rules(gap=MINUTE, quiet=MINUTE, services=CATALOG.services)
"""A service ties for less long than a storm."""
FEW, MANY = 300, 1_200
STEEPEST = 1.3
"""How many more calls an event may cost among four times as many: trees are a little deeper."""


# --- work: counted ----------------------------------------------------------------------------------------------------


def of_one_service(count: int) -> list[RecordedEvent]:
    """Alerts of one service."""
    return [firing(f"pod-{number}", 10) for number in range(count)]


def in_one_group(count: int) -> list[RecordedEvent]:
    """Alerts of one group that names a service, and of no service themselves."""
    return [firing(f"pod-{number}", 10, None, group="g1", by=("service",)) for number in range(count)]


def pages(count: int) -> list[RecordedEvent]:
    """Pages of as many services."""
    return [page(f"P{number}", "triggered", 10, f"service-{number}") for number in range(count)]


def pages_about_alerts(count: int) -> list[RecordedEvent]:
    """As many pages as alerts, all about one group that ties no two of its alerts."""
    alerts = [firing(f"pod-{number}", 10, None, group="g1") for number in range(count // 2)]
    about = ("alertgroup:g1",)
    return alerts + [page(f"P{number}", "triggered", 10 + number % 3, refs=about) for number in range(count // 2)]


def a_storm_of_pages(count: int) -> list[RecordedEvent]:
    """Pages and alerts of no service at all."""
    alerts = [firing(f"pod-{number}", 10, None) for number in range(count // 2)]
    return alerts + [page(f"P{number}", "triggered", 10 + number % 3, None) for number in range(count // 2)]


def that_ends(count: int) -> list[RecordedEvent]:
    """Alerts of one service that end at one moment, too."""
    names = [f"pod-{number}" for number in range(count // 2)]
    return [firing(name, 10) for name in names] + [resolved(name, 10, 20) for name in names]


def that_comes_back(count: int) -> list[RecordedEvent]:
    """Alerts that end and fire again while a page of their incident is open, told late by up to a minute."""
    events = [(0.0, page("P", "triggered", 0, "checkout"))]
    for number in range(count // 3):
        name, minute, late = f"pod-{number}", 1 + number / 5, number * 7 % 6 / 6
        events += [
            (minute + late, firing(name, minute)),
            (minute + late + 2, resolved(name, minute, minute + 2)),
            (minute + late + 25, firing(name, minute + 25)),
        ]
    return [event for _, event in sorted(events, key=lambda one: one[0])]


def that_comes_back_often(count: int) -> list[RecordedEvent]:
    """One alert that fires again and again while the page is open."""
    return [page("P", "triggered", 0, "checkout"), *(event for number in range(count // 2) for event in _again(number))]


def _again(number: int) -> tuple[RecordedEvent, RecordedEvent]:
    minute = number * 17 / 60
    return firing("pod", minute), resolved("pod", minute, minute + 1 / 60)


STORMS = (
    of_one_service, in_one_group, pages, pages_about_alerts, a_storm_of_pages, that_ends, that_comes_back,
)  # fmt: skip
QUICK = Rules(gap=SECOND, quiet=SECOND)
"""An alert pauses after a second, so that many pauses fit into one incident."""


async def calls(events: Sequence[RecordedEvent], rules: Rules, folder: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Calls of functions that grouping takes for each of these, told a hundred at a time."""
    profile, take = cProfile.Profile(), Regrouping.take

    def counted(groups: Regrouping, batch: Any, store: Any) -> Changes:
        return profile.runcall(take, groups, list(batch), store)

    with monkeypatch.context() as patch:
        patch.setattr(Regrouping, "take", counted)
        await asyncio.to_thread(folder.mkdir)
        async with following(folder, rules, batch=100) as followed:
            await followed.told(*events)
            assert await followed.base.query(lambda c: c.exec_driver_sql("SELECT count(*) FROM signal").scalar_one())
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total / len(events)


@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: storm.__name__)
async def test_an_event_of_a_storm_costs_the_same_however_large_the_storm(
    storm: Callable[[int], list[RecordedEvent]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signals of one moment are each tied to a few and not to all others: the calls for each do not grow."""
    few = await calls(storm(FEW), Rules(), tmp_path / "few", monkeypatch)
    many = await calls(storm(MANY), Rules(), tmp_path / "many", monkeypatch)
    assert many <= STEEPEST * few, (few, many)


async def test_an_alert_that_fires_for_the_hundredth_time_in_an_incident_costs_what_it_cost_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each episode is tied to the one before it by the page that is open, and no other signal is looked at."""
    few = await calls(that_comes_back_often(FEW), QUICK, tmp_path / "few", monkeypatch)
    many = await calls(that_comes_back_often(MANY), QUICK, tmp_path / "many", monkeypatch)
    assert many <= STEEPEST * few, (few, many)


# --- results: as correlation says -------------------------------------------------------------------------------------

_SERVICES = (None, "checkout", "cart", "search", "billing")
_PLACES = (None, "production", "production/eu", "production/us", "staging")
_MOMENTS = st.sampled_from([0.0, 1.0, 1.5, 4.0, 6.0, 9.0, 20.0, 40.0])
_GROUPS = st.lists(st.sampled_from(["alertgroup:g1", "alertgroup:g2", "page:P1"]), max_size=2, unique=True)


@st.composite
def crowds(draw: st.DrawFn) -> list[RecordedEvent]:
    """Many signals at few moments, in few groups and places."""
    events: dict[str, RecordedEvent] = {}
    for number in range(draw(st.integers(6, 30))):
        more: dict[str, Any] = {
            "environment": draw(st.sampled_from(_PLACES)),
            "refs": tuple(draw(_GROUPS)),
        }
        minute, service = draw(_MOMENTS), draw(st.sampled_from(_SERVICES))
        match draw(st.integers(0, 4)):
            case 0 | 1:
                event = firing(f"a{number}", minute, service, by=draw(st.sampled_from([(), ("service",)])), **more)
            case 2:
                event = page(f"P{number}", "triggered", minute, service, **more)
            case 3:
                refs = (*more.pop("refs"), f"alert:a{number - 2}", "alert:a3")
                event = page(f"P{number}", "triggered", minute, service, refs=refs, **more)
            case _:
                event = resolved(f"a{number // 2}", minute, minute + 1, service, **more)
        events[event.id] = event
    return list(events.values())


@examples(4)
@given(
    events=crowds(),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from([Rules(), CATALOG, SHORT]),
    size=st.sampled_from([1, 3, 500]),
    crowded=st.sampled_from([0, 5, 10_000]),
)
def test_a_crowd_in_any_order_equals_correlation(
    events: list[RecordedEvent], order: Any, rules: Rules, size: int, crowded: int
) -> None:
    """Whatever ties are passed by, since another one says the same, the groups and their reasons are those of all."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(followed_equals_batch(Path(folder), events, order, rules, batch=size, crowded=crowded))
