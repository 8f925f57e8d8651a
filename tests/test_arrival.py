"""Promise 4: the order of arrival, repeats and the way deliveries are cut do not matter."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from renderers.document import Options
from tests.examples import examples
from tests.scenario import Arrival, Story, drafts, names, played, submission, tell


def split(arrival: Arrival) -> Iterator[Arrival]:
    """The same alerts, one to a delivery, received at the same time."""
    sent = arrival.sent
    if sent is None or sent.source != "alertmanager":
        yield arrival
        return
    body = json.loads(sent.body)
    for alert in body["alerts"]:
        single = json.dumps(body | {"alerts": [alert]}, ensure_ascii=False).encode()
        yield replace(arrival, sent=replace(sent, body=single))


@st.composite
def arrivals(draw: st.DrawFn, story: Story) -> list[Arrival]:
    """The story's deliveries in another order, some of them twice, some of them cut."""
    shuffled: list[Arrival] = []
    for arrival in story.arrivals:
        how = draw(st.sampled_from(("once", "once", "twice", "split", "both")))
        if how in ("once", "twice", "both"):
            shuffled.append(arrival)
        if how == "twice":
            shuffled.append(arrival)
        if how in ("split", "both"):
            shuffled.extend(split(arrival))
    return draw(st.permutations(shuffled))


async def told(story: Story, order: Sequence[Arrival], *, live: bool) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        steps = [submission(arrival) for arrival in order]
        async with played(steps, story.rules, Path(folder) / "events.db", live=live) as lists:
            return await drafts(lists, Options(zone=story.zone))


@pytest.mark.parametrize("name", names())
def test_arrival_order_does_not_matter(name: str) -> None:
    """Shuffled, doubled and cut, the deliveries of a story give the same incidents and the same drafts."""
    story = tell(name)
    expected = run(told(story, story.arrivals, live=False))
    assert expected != []

    @examples(2, allowed=list(HealthCheck))
    @given(order=arrivals(story), live=st.booleans())
    def holds(order: list[Arrival], live: bool) -> None:
        assert run(told(story, order, live=live)) == expected

    holds()


def run(told: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Hypothesis calls plain functions: each example has an event loop of its own."""
    return asyncio.run(told)
