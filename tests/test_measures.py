"""Metrics with their proof: the numbers of the drafts, both ends with their events, medians and never a mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.drafting.rendering import postmortem
from collector.event import HOUR, MINUTE, SECOND
from collector.times import rfc3339
from collector.web.distribution import FEWEST, distribution
from renderers.choices import PROFILES
from renderers.json import to_json
from renderers.measured import measured
from renderers.plain_text import plain
from renderers.sections.measures import measures
from tests import face as faces
from tests.face import Connect, Face
from tests.histories import MADE_UP, Facts, example


@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in MADE_UP.items()])
def test_the_numbers_are_those_of_the_draft(build: Callable[[], Facts]) -> None:
    """In every profile: the same durations, status and reason, and every event that proves an end is cited there."""
    story = build()
    result = json.loads(measured(story.draft()))
    for profile in PROFILES:
        drawn = json.loads(to_json(story.draft(profile=profile)))
        assert len(result["profiles"][profile]) == len(drawn["durations"])
        for measure, drawn_duration in zip(result["profiles"][profile], drawn["durations"], strict=True):
            seconds = None if measure["micros"] is None else measure["micros"] / SECOND
            assert (measure["term"], measure["status"], measure["why"], seconds) == (
                drawn_duration["term"], drawn_duration["status"], drawn_duration["why"], drawn_duration["seconds"],
            )  # fmt: skip
            assert sorted({*measure["from"]["events"], *measure["to"]["events"]}) == sorted(
                set(drawn_duration["cites"])
            )
            if seconds is not None:
                assert measure["to"]["at"] - measure["from"]["at"] == measure["micros"]


def declared() -> Facts:
    """Somebody opened a page by hand, and nobody was paged."""
    story = Facts()
    story.add("report.received", "09:50:00", title="Invoices fail", service="billing")
    story.page("triggered", "10:00:00", service="billing", actor="Mara")
    return story


@pytest.mark.parametrize("build", [declared, *MADE_UP.values()])
def test_what_is_not_known_is_told_as_in_the_draft(build: Callable[[], Facts]) -> None:
    """An end without a time is explained in the words of the draft's table."""
    document = build().draft()
    rows = measures(document.history, document.options).rows
    result = json.loads(measured(document))["profiles"]["timelined"]
    for row, measure in zip(rows, result, strict=True):
        for cell, side in ((2, "from"), (3, "to")):
            if measure[side]["at"] is None:
                assert plain(row.cells[cell]) == measure[side]["basis"]
    assert build is not declared or result[1]["from"]["basis"] == "nobody paged"


@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in MADE_UP.items()])
def test_what_is_derived_is_called_so_everywhere(build: Callable[[], Facts]) -> None:
    """The page and the picture had called an end observed that followed from the last alert's."""
    document = build().draft()
    bases = [plain(row.cells[4]) for row in measures(document.history, document.options).rows]
    result = json.loads(measured(document))["profiles"]["timelined"]
    for basis, measure in zip(bases, result, strict=True):
        if measure["status"] == "recorded":
            assert (measure["known"] == "derived") == basis.startswith("derived"), (measure["name"], basis)


def test_who_noticed_is_what_the_draft_tells() -> None:
    """Monitoring, where an alert was first; people, where a report was; stated, where somebody said so."""
    story = example()
    assert json.loads(measured(story.draft()))["detected_by"] == "monitoring"
    report = Facts()
    report.says("incident.opened", "14:00:00", "Checkout fails.", data={"by": "support"})
    assert json.loads(measured(report.draft()))["detected_by"] == "people"
    story.marks("detected", "14:01:00", said="support")
    assert json.loads(measured(story.draft()))["detected_by"] == "stated"


@given(st.lists(st.none() | st.integers(0, 10**12), max_size=30))
def test_a_median_is_of_what_is_known(values: list[int | None]) -> None:
    """What is not known counts as not known; of fewer than five known values there is no median."""
    spread, known_values = distribution(values), [value for value in values if value is not None]
    assert (spread.count, spread.of) == (len(known_values), len(values))
    if len(known_values) < FEWEST:
        assert (spread.lower, spread.median, spread.upper) == (None, None, None)
    else:
        assert spread.median == pytest.approx(median(known_values))
        assert (spread.lower or 0) <= (spread.median or 0) <= (spread.upper or 0)


@pytest.fixture
async def counted(tmp_path: Path, aiohttp_client: Connect) -> AsyncIterator[Face]:
    """Six incidents: the first is a minute long, the next two, and so on; the last goes on."""
    box: list[Face] = []

    async def measures(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(box[0].lists, number, format="measures", as_of=as_of, options=asked)

    async with faces.running(tmp_path, connect=aiohttp_client, measures=measures) as face:
        box.append(face)
        for number in range(1, 7):
            await face.incident(number, service="web" if number % 2 else "cart")
            if number < 6:
                at = faces.NOW - (100 - number) * 24 * HOUR + number * MINUTE
                said = {"by": "Ada", "at": answered(at)}
                assert (await face.post(f"/api/v1/incidents/{number}/resolve", said)).status == 201
        yield face


def answered(at: int) -> str:
    """A time as the API takes it."""
    return rfc3339(at)


def resolve_of(counted: Any) -> Any:
    """What is told of the time to resolve."""
    return next(each for each in counted["measures"] if each["name"] == "resolve")


async def test_over_several_incidents_what_is_not_known_is_counted(counted: Face) -> None:
    """Known for five of six, with the median of those; the list says of each what it is; no mean anywhere."""
    answer = (await counted.get("/api/v1/metrics")).json
    resolve = resolve_of(answer)
    assert (answer["incidents"], resolve["known"], resolve["of"]) == (6, 5, 6)
    assert (resolve["lower_quartile"], resolve["median"], resolve["upper_quartile"]) == (120, 180, 240)
    assert [(each["incident"], each["seconds"]) for each in resolve["values"]] == [
        (6, None), (5, 300), (4, 240), (3, 180), (2, 120), (1, 60),
    ]  # fmt: skip
    assert resolve["values"][0]["status"] == "pending"
    assert "mean" not in json.dumps(answer)
    groups = (await counted.get("/api/v1/metrics?by=service")).json["groups"]
    assert [(each["name"], each["incidents"], resolve_of(each)["known"]) for each in groups] == [
        ("cart", 3, 2), ("web", 3, 3),
    ]  # fmt: skip
    assert resolve_of(groups[1])["median"] is None
    since = answered(faces.NOW - 96 * 24 * HOUR - MINUTE)
    assert (await counted.get(f"/api/v1/metrics?since={since}")).json["incidents"] == 3
    (await counted.get("/api/v1/metrics?by=mean")).problem(400)


async def test_one_incident_is_explained(counted: Face) -> None:
    """The formula, both ends with their events, and the status, in the terms of each profile."""
    told = (await counted.get("/api/v1/incidents/2/metrics")).json
    assert list(told["profiles"]) == list(PROFILES)
    resolve = next(each for each in told["profiles"]["timelined"] if each["name"] == "resolve")
    assert (resolve["formula"], resolve["seconds"], resolve["status"]) == ("resolved - detected", 120, "recorded")
    for side in ("from", "to"):
        (event,) = resolve[side]["events"]
        assert (await counted.get(f"/api/v1/events/{event}")).status == 200
        assert resolve[side]["at"].endswith("Z")
    (await counted.get("/api/v1/incidents/9/metrics")).problem(404)
