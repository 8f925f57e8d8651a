"""Which sections a draft has, and what holds for the words of all of them."""

from __future__ import annotations

import pytest

from collector.event import HOUR, SECOND
from renderers import phrases
from renderers.plain_text import plain
from renderers.sections import SECTIONS
from tests.histories import Facts, at, example
from tests.sections import cells, said, section


def test_the_sections_are_the_template_s_in_its_order() -> None:
    """Ten sections, in the order of the template."""
    assert list(SECTIONS) == ["summary", "impact", "timeline", "detection", "root_causes", "diagnostics", "resolution",
                              "lessons", "actions", "appendix"]  # fmt: skip


def test_profiles_state_the_same_incident_in_a_vendor_s_terms() -> None:
    """The terms change with the profile; what detected it does not."""
    assert cells(example(), "measures", profile="pagerduty")[0].startswith("Time to first ack | 1 min 30 s | paged 14:")
    assert said(example(), "detection", profile="rootly") == said(example(), "detection") != []


def test_a_time_in_an_hour_that_repeats_has_its_offset() -> None:
    """In the hour that comes twice, a time of day alone would name two instants: both carry their offset."""
    before = 1_792_888_200 * SECOND  # 2026-10-25T00:30:00Z, 02:30 in Berlin; an hour later it is 02:30 again
    assert phrases.at(before, "Europe/Berlin", before).text == "02:30:00 +02:00"
    assert phrases.at(before + HOUR, "Europe/Berlin", before).text == "02:30:00 +01:00"
    assert phrases.minute(before + HOUR, "Europe/Berlin", before).text == "02:30 +01:00"
    assert phrases.at(before - 2 * HOUR, "Europe/Berlin", before).text == "00:30:00"


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        (1, "Alert X fired on web (critical)"),
        (3, "Alert X fired on web (critical), 3 series (pod pod-0, pod-1 and pod-2)"),
    ],
)
def test_one_series_is_not_counted(pods: int, expected: str) -> None:
    """One of a thing is told without a number; several with the label that tells them apart."""
    story = Facts()
    for n in range(pods):
        story.fires("X", at("10:00:00"), "web", series=f"pod-{n}")
    table = section(story, "timeline").blocks[1]
    assert [plain(row.parts) for row in table.rows] == [expected]  # type: ignore[union-attr]


def test_one_and_many_in_the_lessons() -> None:
    """One alert links, two link; one event was, two were."""
    story = Facts()
    story.fires("A", "10:00:00", "web", late=6 * 60_000_000)
    assert said(story, "lessons")[:2] == [
        "Observed: the alert A links no runbook", "Observed: 1 event was received 6 min late",
    ]  # fmt: skip
    story.fires("B", "10:01:00", "web", late=9 * 60_000_000)
    assert said(story, "lessons")[:2] == [
        "Observed: the alerts A and B link no runbook", "Observed: 2 events were received up to 9 min late",
    ]  # fmt: skip
