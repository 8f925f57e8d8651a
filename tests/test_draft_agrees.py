"""A draft agrees with itself: what its sentences say is what machines read, and no absence outlives its refutation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.event import HOUR, MINUTE, SECOND, RecordedEvent
from collector.names import fold_service
from renderers import times
from renderers.document import Claim, Document, Span, Time
from renderers.draft import draft
from renderers.json import to_json
from renderers.plain_text import plain
from renderers.words import duration
from tests.clocks import unproven
from tests.examples import examples
from tests.histories import MADE_UP, Facts, at, example
from tests.random_incidents import SERVICES, incidents


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    """Every part of a sentence, a cell or a row of the JSON."""
    if isinstance(value, dict):
        if value.get("kind") in ("time", "span"):
            yield value
        for child in value.values():
            yield from parts_of(child)
    elif isinstance(value, list):
        for child in value:
            yield from parts_of(child)


def rows_of(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The rows of one table of a draft's JSON."""
    blocks = [block for section in document["sections"] for block in section["blocks"]]
    return [row for block in blocks if block.get("key") == key for row in block["rows"]]


def test_the_tables_that_are_compared_are_in_a_draft() -> None:
    """What is looked for under another key than theirs is not found, and then nothing is compared below."""
    read = json.loads(to_json(draft(example().history())))
    assert [row["cells"][0]["text"] for row in rows_of(read, "measures")] == [
        "Time to detect", "Time to acknowledge", "Time to mitigate", "Time to resolve",
    ]  # fmt: skip
    assert [row["cells"][0]["text"] for row in rows_of(read, "alerts")] == ["HighErrorRate", "SlowCart (12 series)"]


@examples(12)
@given(facts=incidents())
def test_no_time_or_duration_in_the_text_disagrees_with_the_json(facts: Facts) -> None:
    """What a sentence shows is its instant's clock and its length in words; the measures are the durations."""
    made = draft(facts.history())
    read = json.loads(to_json(made))
    for inline in parts_of(read):
        if inline["kind"] == "span":
            assert inline["text"] == duration(round(inline["seconds"] * 1_000_000))
        else:
            assert inline["at"][11:16] in inline["text"]
    measures = {row["cells"][0]["text"]: row["cells"][1] for row in rows_of(read, "measures")}
    assert bool(measures) == any(event.type.startswith(("alert.", "page.")) for event in facts.events)
    for each in read["durations"] if measures else ():
        spans = [part["seconds"] for part in measures[each["term"]]["parts"] if part["kind"] == "span"]
        assert spans == ([] if each["seconds"] is None else [each["seconds"]])


@examples(12)
@given(told=incidents(), detail=st.sampled_from(("normal", "key", "all")))
def test_each_clock_time_stands_in_an_event_that_is_cited_for_it(told: Facts, detail: str) -> None:
    """Whoever looks up what a sentence, a row or a measure cites finds the time there."""
    assert unproven(told.draft(detail=detail)) == []


@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in MADE_UP.items()])
def test_each_clock_time_of_a_made_up_incident_stands_in_an_event_cited_for_it(
    build: Callable[[], Facts],
) -> None:
    """The same of those that have alerts on and off, storms, reports and many changes."""
    assert unproven(build().draft()) == []


def _moved(event: RecordedEvent) -> RecordedEvent:
    """The same within the seconds that are printed: each moment has a fraction of its own."""

    def moved(value: Any) -> Any:
        if not isinstance(value, int) or value < 8_760 * HOUR:
            return value  # no moment of these years
        return value + value // SECOND * 7_919 % 997 * 1000

    data = {key: moved(value) for key, value in event.data.items()}
    return msgspec.structs.replace(
        event, occurred_at=moved(event.occurred_at), received_at=moved(event.received_at), data=data
    )


@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in MADE_UP.items()])
def test_who_reckons_with_the_printed_times_comes_to_the_printed_lengths(build: Callable[[], Facts]) -> None:
    """Senders tell fractions of a second, drafts print none: lengths are of the seconds that are printed."""
    whole = build()
    exact = whole.changed(_moved)
    texts = [re.sub(r"Digest of .*", "", each.markdown(detail="all")) for each in (whole, exact)]
    assert texts[0] == texts[1]


@examples(12)
@given(facts=incidents())
def test_no_count_in_the_table_of_alerts_disagrees_with_what_it_cites(facts: Facts) -> None:
    """So many series and firings as a row tells, so many different alerts and firings prove it."""
    document = json.loads(to_json(draft(facts.history())))
    rows = rows_of(document, "alerts")
    assert bool(rows) == any(event.type == "alert.firing" for event in facts.events)
    for row in rows:
        fired = [document["events"][each] for each in row["cites"]]
        series = re.search(r"(\d+) series", row["cells"][0]["text"])
        times_fired = re.search(r"fired (\d+) times", row["cells"][0]["text"])
        entities = len({each["entity"] for each in fired})
        assert (int(series[1]) if series else 1) == entities
        assert (int(times_fired[1]) if times_fired else entities) == len(fired)


@examples(12)
@given(story=incidents())
def test_rows_are_in_order_and_every_event_has_one(story: Facts) -> None:
    """Folding breaks no order and hides nothing."""
    timeline = next(section for section in json.loads(to_json(draft(story.history())))["sections"]
                    if section["key"] == "timeline")["blocks"][-1]  # fmt: skip
    instants = [row["at"] for row in timeline["rows"]]
    assert instants == sorted(instants)
    assert {event.id for event in story.events} == {each for row in timeline["rows"] for each in row["cites"]}


def absences(document: Document) -> Iterator[Claim]:
    """The sentences that rest on a search that found nothing."""
    for section in document.sections:
        for block in section.blocks:
            items = getattr(block, "items", (block,))
            yield from (each for each in items if isinstance(each, Claim) and each.none)


WAYS: tuple[Callable[[str], str], ...] = (
    str, str.upper, str.title, lambda name: name.replace("-", "_"), lambda name: name.replace("-", " "),
    lambda name: f"{name} (production)", lambda name: f"prod/{name}", lambda name: f"{name}-service",
)  # fmt: skip
"""Ways in which teams spell one service."""


@st.composite
def refuters(draw: st.DrawFn, story: Facts) -> RecordedEvent:
    """One more event, of the incident or beside it: an alert, a change, a page, an acknowledgement."""
    service = draw(st.sampled_from(WAYS))(draw(st.sampled_from(SERVICES)))
    start = at("08:00:00") + draw(st.integers(0, 6 * 60)) * MINUTE
    kind = draw(st.sampled_from(("alert.firing", "change.succeeded", "change.merged", "page.triggered",
                                 "page.acknowledged")))  # fmt: skip
    fields: dict[str, Any] = {"service": service, "title": "Refuting"}
    fields["entity"] = f"refuting-{len(story.events) + len(story.near)}"
    fields["environment"] = draw(st.sampled_from((None, "production", "Prod", "staging")))
    if kind == "page.acknowledged":
        return story.add(kind, start, **{**fields, "entity": "P311"})
    if draw(st.booleans()):
        return story.add(kind, start, severity="critical" if kind == "alert.firing" else None,
                        data={"starts_at": start} if kind == "alert.firing" else {}, **fields)  # fmt: skip
    reason = draw(st.sampled_from(("other service", "other environment", "it belongs to another incident",
                                   "started 9 min after the incident", "no service and no reference")))  # fmt: skip
    return story.nearby(reason, kind, start, **fields)


def read(query: str) -> tuple[str, str, str, tuple[int, int]]:
    """What a query looked for: types, services by comma, one entity, from and to; empty where it names none."""
    types, *named, span = query.split(" ")
    wanted = " ".join(named)
    services = wanted.removeprefix("service=") if wanted.startswith("service=") else ""
    entity = wanted.removeprefix("entity=") if wanted.startswith("entity=") else ""
    low, high = (at(each) for each in span.split(".."))
    return types, services, entity, (low, high)


def answers(event: RecordedEvent, query: str) -> bool:
    """Whether an event is what a query looked for: its type, the service by folding, the span."""
    types, services, entity, (low, high) = read(query)
    named = {fold_service(each) for each in services.split(",") if each}
    of = not named or bool(event.service and fold_service(event.service) in named)
    return fnmatch(event.type, types) and of and entity in ("", event.entity) and low <= event.occurred_at <= high


@examples(40)
@given(data=st.data(), story=incidents())
def test_no_absence_outlives_the_event_that_refutes_it(data: st.DataObject, story: Facts) -> None:
    """Whatever is recorded, in the incident or beside it, no sentence says that it was not, however it is spelled."""
    for _ in range(data.draw(st.integers(1, 3))):
        data.draw(refuters(story))
    for claim in absences(draft(story.history())):
        for event in (*story.events, *(near.event for near in story.near)):
            assert not answers(event, claim.none), (plain(claim.parts), claim.none, event)


@examples(20)
@given(data=st.data(), story=incidents(), way=st.sampled_from(WAYS))
def test_what_an_absence_looked_for_takes_it_away(data: st.DataObject, story: Facts, way: Callable[[str], str]) -> None:
    """Each sentence of absence goes once what it looked for is told: its own search, in any spelling, in its span."""
    said = list(absences(draft(story.history())))
    assume(said)
    claim = data.draw(st.sampled_from(said))
    types, services, entity, (low, high) = read(claim.none)
    kind = {"change.*": "change.succeeded", "page.*": "page.triggered"}.get(types, types)
    named = services.split(",")[0]
    page = entity or ("P311" if kind == "page.acknowledged" else "refuting")
    fields: dict[str, Any] = {"service": way(named or "web"), "title": "Refuting", "entity": page}
    when = data.draw(st.integers(low, high))
    if page == "refuting" and data.draw(st.booleans()):
        story.nearby("other service", kind, when, **fields)
    else:
        story.add(kind, when, **fields)
    after = {(each.none, plain(each.parts)) for each in absences(draft(story.history()))}
    assert (claim.none, plain(claim.parts)) not in after


def test_parts_show_what_they_stand_for() -> None:
    """A time of day and a length of time carry their values beside their text."""
    moment = at("14:02:10")
    assert Time("14:02:10", moment).text == times.second(moment)
    assert Span(duration(90_000_000), 90_000_000).text == "1 min 30 s"
