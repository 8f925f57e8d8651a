"""A draft agrees with itself: what its sentences say is what machines read, and no absence outlives its refutation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.event import MINUTE, RecordedEvent
from renderers import times
from renderers.document import Claim, Document, Span, Time
from renderers.draft import draft
from renderers.json import to_json
from renderers.plain import plain
from renderers.words import duration
from tests.histories import Told, at

SERVICES = ("web", "search-api", "ledger")
SPELLINGS = {"web": "Web (production)", "search-api": "search_api", "ledger": "LEDGER"}


@st.composite
def incidents(draw: st.DrawFn) -> Told:
    """An incident of alerts, a page, changes and notes, any of which may be missing."""
    told = Told()
    told.context["reported"] = {"alert": ("x",), "change": ("y",), "page": ("z",)}
    minute = st.integers(0, 90)
    for name in draw(st.lists(st.sampled_from("ABC"), max_size=5)):
        start = at("10:00:00") + draw(minute) * MINUTE
        fired = told.fires(name, start, draw(st.sampled_from(SERVICES)), severity=draw(st.sampled_from(("critical",
                           "warning"))), series=draw(st.sampled_from(("", "a", "b"))))  # fmt: skip
        if draw(st.booleans()):
            told.ends(fired, start + draw(st.integers(1, 90)) * MINUTE)
    if draw(st.booleans()):
        told.page("triggered", "10:30:00", service=draw(st.sampled_from(SERVICES)))
        if draw(st.booleans()):
            told.page("acknowledged", "10:31:30", actor="Ana")
        if draw(st.booleans()):
            told.page("resolved", "11:59:00")
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(10, 50))
        told.deploys(draw(st.sampled_from(SERVICES)), f"09:{start}:00", f"09:{start + 5}:00",
                     draw(st.sampled_from(("v1", "v2"))))  # fmt: skip
    if draw(st.booleans()):
        told.marks("impact_started", "09:55:00")
    told.says("note.added", "10:40:00", "looked")
    return told


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    """Every part of a sentence, a cell or a row of the JSON."""
    if isinstance(value, dict):
        if value.get("kind") in ("time", "span"):
            yield value
        for each in value.values():
            yield from parts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts_of(each)


@settings(max_examples=60, deadline=None)
@given(told=incidents())
def test_no_time_or_duration_in_the_text_disagrees_with_the_json(told: Told) -> None:
    """What a sentence shows is its instant's clock and its length in words; the measures are the durations."""
    made = draft(told.history())
    read = json.loads(to_json(made))
    for part in parts_of(read):
        if part["kind"] == "span":
            assert part["text"] == duration(round(part["seconds"] * 1_000_000))
        else:
            assert part["at"][11:16] in part["text"]
    rows = [row for section in read["sections"] for block in section["blocks"] if block.get("key") == "measures"
            for row in block["rows"]]  # fmt: skip
    if rows:
        shown = {row["cells"][0]["text"]: row["cells"][1] for row in rows}
        for each in read["durations"]:
            spans = [part["seconds"] for part in shown[each["term"]]["parts"] if part["kind"] == "span"]
            assert spans == ([] if each["seconds"] is None else [each["seconds"]])


@settings(max_examples=60, deadline=None)
@given(told=incidents())
def test_rows_are_in_order_and_every_event_has_one(told: Told) -> None:
    """Folding breaks no order and hides nothing."""
    timeline = next(section for section in json.loads(to_json(draft(told.history())))["sections"]
                    if section["key"] == "timeline")["blocks"][-1]  # fmt: skip
    instants = [row["at"] for row in timeline["rows"]]
    assert instants == sorted(instants)
    assert {event.id for event in told.events} == {each for row in timeline["rows"] for each in row["cites"]}


def absences(document: Document) -> list[str]:
    """The sentences that rest on a search that found nothing."""
    found = []
    for section in document.sections:
        for block in section.blocks:
            items = getattr(block, "items", (block,))
            found += [plain(each.parts) for each in items if isinstance(each, Claim) and each.none]
    return found


def refuting(told: Told, service: str) -> list[RecordedEvent]:
    """An alert and a change of this service in the span that is searched, under another spelling of its name."""
    spelled = SPELLINGS[service]
    fired = told.fires("Refuting", "10:35:00", spelled)
    return [fired, told.deploys(spelled, "09:20:00", "09:25:00", "refuting")]


@settings(max_examples=60, deadline=None)
@given(told=incidents(), service=st.sampled_from(SERVICES))
def test_no_absence_outlives_the_event_that_refutes_it(told: Told, service: str) -> None:
    """Once an alert of the service is told, however it is spelled, no sentence says that none fired for it."""
    refuting(told, service)
    for text in absences(draft(told.history())):
        assert not text.startswith(f"No alert fired for {service}"), text
        assert not text.startswith(f"No change of {service} "), text


def test_parts_show_what_they_stand_for() -> None:
    """A time of day and a length of time carry their values beside their text."""
    moment = at("14:02:10")
    assert Time("14:02:10", moment).text == times.second(moment)
    assert Span(duration(90_000_000), 90_000_000).text == "1 min 30 s"
