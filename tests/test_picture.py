"""The picture of an incident: true lengths, everything there, nothing over anything else, and text only as text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.document import Document
from renderers.draft import draft
from renderers.formats import POLICIES
from renderers.picture import STYLE, svg
from renderers.picture.charting import chart, level
from renderers.picture.drawing import SHAPES, exact
from renderers.picture.layout import PictureLayout, called, layout
from renderers.picture.placing import FONT, GAP, PlacedUnit
from renderers.picture.text import fit, width, wrap
from renderers.replay import replay
from tests.bench.draft import incident
from tests.histories import MADE_UP, Facts, at

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = (360, 1024, 1920)
HOSTILE = (
    '"><script>alert(1)</script>', "]]>", "</title></svg><img src=x onerror=alert(1)>", "&amp;&#x3c;", "a\nb\x00\u202e",
           "' onload='x", "x" * 5_000, "\U0001f9ff" * 40, "javascript:alert(1)", "日本語の障害報告",
)  # fmt: skip
QUIET_TYPES = ("incident.edited", "alert.updated")
"""What is drawn as a part of something else."""


def sheet(document: Document, wide: int) -> PictureLayout:
    """The places of everything in the picture of a document."""
    return layout(chart(document.history, zone=document.options.zone, profile=document.options.profile, title=""), wide)


def parsed(text: str) -> ElementTree.Element:
    """The picture as XML, which it has to be."""
    return ElementTree.fromstring(text)  # noqa: S314 - our own text


def names(text: str) -> list[str]:
    """The names of all elements with those of their attributes, in order."""
    return [f"{each.tag.removeprefix(SVG)} {sorted(each.attrib)}" for each in parsed(text).iter()]


def boxes(placed: PictureLayout) -> Iterator[tuple[str, float, float]]:
    """The row, and from where to where a thing and its label stand in it, for everything in the picture."""
    rows = [(f"moment {unit.row}", unit) for flag in placed.flags for unit in flag.units]
    rows += [(f"duration {brace.y}", brace.unit) for brace in placed.braces]
    rows += [(f"cut {cut.y}", cut.unit) for cut in placed.cuts]
    for strip in placed.strips:
        rows += [(f"{strip.y} bars {unit.row}", unit) for unit in strip.bars]
        rows += [(f"{strip.y} marks {unit.row}", unit) for unit in strip.marks]
    for row, unit in rows:
        left, right = unit.left, unit.right
        if unit.text:
            wide = width(unit.text, FONT)
            start = unit.x - wide if unit.anchor == "end" else unit.x
            left, right = min(left, start), max(right, start + wide)
        yield row, left, right


@pytest.mark.parametrize("wide", WIDTHS)
@pytest.mark.parametrize("name", MADE_UP)
def test_nothing_runs_over_anything_else(name: str, wide: int) -> None:
    """In each row every thing and its label have their own room, and none of it is outside the picture."""
    placed = sheet(MADE_UP[name]().draft(), wide)
    rows: dict[str, list[tuple[float, float]]] = {}
    for row, left, right in boxes(placed):
        rows.setdefault(row, []).append((left, right))
        assert right <= placed.width
        assert left >= -GAP
    for row, spans in rows.items():
        for before, after in pairwise(sorted(spans)):
            assert before[1] <= after[0] + 0.01, (row, before, after)


def test_no_label_of_a_moment_is_cut() -> None:
    """However narrow the picture is: it takes as many lines as it needs, one below the other."""
    lines = 0
    for name in MADE_UP:
        for wide in (240, *WIDTHS):
            for flag in sheet(MADE_UP[name]().draft(), wide).flags:
                words = ", ".join(called(each) for each in flag.moments)
                assert " ".join(unit.text for unit in flag.units) == f"{words} {exact(flag.at)[11:19]}"
                rows = [unit.row for unit in flag.units]
                assert rows == [*range(rows[0], rows[0] + len(rows))]
                lines = max(lines, len(rows))
    assert lines > 1


@pytest.mark.parametrize("name", MADE_UP)
def test_every_event_is_drawn_and_nothing_else(name: str) -> None:
    """Each alert, page, change, note, post, action and statement is in the picture, and it cites no other event."""
    document = MADE_UP[name]().draft()
    shown = chart(document.history, zone="UTC", profile="timelined", title="")
    drawn = {each for lane in shown.lanes for item in (*lane.bars, *lane.marks) for each in item.cites}
    told = {e.id for e in document.history.events if e.type not in QUIET_TYPES}
    assert told <= drawn
    assert drawn <= {e.id for e in (*document.history.events, *document.history.context.collector)}


@pytest.mark.parametrize("name", MADE_UP)
def test_bars_have_their_true_length(name: str) -> None:
    """Between two cuts of the axis a bar is as long as its time, and one without an end reaches the border."""
    placed = sheet(MADE_UP[name]().draft(), 1024)
    for strip in placed.strips:
        for bar in (bar for unit in strip.bars for bar in unit.bars):
            if bar.item.end is None:
                assert bar.right == placed.room.right
                continue
            piece = next(p for p in placed.scale.pieces if p.start <= bar.item.start <= p.end)
            per = (piece.right - piece.left) / (piece.end - piece.start)
            assert bar.item.end <= piece.end
            assert bar.right - bar.left == pytest.approx(max(2.0, (bar.item.end - bar.item.start) * per), abs=0.01)


def test_an_end_that_nobody_told_is_not_drawn() -> None:
    """An alert that still fires has an open end, and says so."""
    told = Facts()
    told.fires("DiskFull", "10:00", "db")
    text = svg(told.draft())
    assert "no end recorded" in text
    assert 'class="tp-o"' in text
    assert f"{exact(at('10:00'))} – no end recorded" in text


def test_exact_times_and_citations_are_in_every_title() -> None:
    """Whoever points at something, or comes to it with the keyboard, reads its time in UTC and its citation."""
    story = Facts()
    fired = story.fires("HighErrorRate", at("18:02:10") + 250_000, "checkout", tail="a3f9c")
    story.ends(fired, "18:23:35", tail="4c9ba")
    root = parsed(svg(story.draft(zone="Europe/Berlin")))
    titles = {each.findtext(f"{SVG}title") or "" for each in root.iter(f"{SVG}g") if each.get("tabindex") == "0"}
    assert any("2026-03-04 18:02:10.25 UTC – 2026-03-04 18:23:35 UTC · [a3f9c, 4c9ba]" in each for each in titles)
    focusable = [each for each in root.iter() if each.get("tabindex")]
    assert focusable
    assert all(each.findtext(f"{SVG}title") and each.get("role") == "img" for each in focusable)


def test_severity_is_told_by_shape_as_well_as_by_colour() -> None:
    """No two grades have the same sign or the same colour, and what a team set decides between them."""
    story = Facts()
    for minute, severity in enumerate(("critical", "error", "warning", "info", None)):
        story.fires(f"Alert{minute}", f"10:0{minute}", "db", severity=severity)
    grades = [level(alert) for alert in story.history().alerts]
    assert grades == ["critical", "high", "warning", "info", "unrated"]
    assert len({SHAPES[grade] for grade in grades}) == len(grades)
    assert len({colour for grade in grades for colour in re.findall(rf"\.tp-{grade}{{--c:(.+?)}}", STYLE)}) == 5


def test_times_that_nothing_fills_are_cut_out_and_told() -> None:
    """A change five hours before is still there, its lag is written where the axis is cut, and no tick stands in it."""
    story = Facts()
    story.deploys("checkout", "13:00:00", "13:01:00", "v42")
    story.ends(story.fires("HighErrorRate", "18:00:00", "checkout"), "18:20:00")
    placed = sheet(story.draft(), 1024)
    ((before, after),) = placed.scale.cuts
    assert before.end >= at("13:01:00")
    assert after.start <= at("18:00:00")
    assert "without anything are not drawn" in svg(story.draft())
    assert not [x for x, _, _ in placed.ticks if before.right < x < after.left]


def test_a_time_in_which_nothing_could_be_received_is_hatched() -> None:
    """From the collector's stop to its next start, where an event of each is in the window."""
    story = Facts()
    story.ends(story.fires("HighErrorRate", "18:00:00", "checkout"), "18:20:00")
    stop = story.nearby("", "collector.stopped", "18:05:00", source="timelined")
    start = story.nearby("", "collector.started", "18:07:00", source="timelined")
    story.near.clear()
    story.context["collector"] = (stop, start)
    text = svg(story.draft())
    assert "The collector was down · 2026-03-04 18:05:00 UTC – 2026-03-04 18:07:00 UTC · 2 min" in text
    assert "nothing could be received" in text
    story.context["collector"] = ()
    assert "nothing could be received" not in svg(story.draft())


def test_clutter_is_folded_and_counted() -> None:
    """Ten thousand events make a picture of bounded size in which each is still counted and cited."""
    document = draft(replay(incident(10_000)))
    text = svg(document)
    assert len(names(text)) < 6_000
    placed = sheet(document, 1024)
    units = [unit for strip in placed.strips for unit in (*strip.bars, *strip.marks)]
    shown = chart(document.history, zone="UTC", profile="timelined", title="")
    assert sum(len(unit.items) for unit in units) == sum(len(lane.bars) + len(lane.marks) for lane in shown.lanes)
    assert any(unit.profile for unit in units)
    assert any(_is_many(unit) for unit in units)


def _is_many(unit: PlacedUnit) -> bool:
    return not unit.profile and not unit.bars and len(unit.items) > 1


@given(st.text(max_size=60) | st.sampled_from(HOSTILE), st.sampled_from(WIDTHS))
@settings(max_examples=40)
def test_a_strangers_text_is_never_structure(text: str, wide: int) -> None:
    """Whatever senders and people write, the picture has no element, attribute or address but its own."""
    drawings = [svg(_said(words), width=wide, anchor="/events/") for words in (text, "x")]
    # A text of unknown width is held in a frame of its own.
    texts = {"text ['x', 'y']", "text ['class', 'x', 'y']", "text ['class', 'text-anchor', 'x', 'y']"}
    assert set(names(drawings[0])) <= set(names(drawings[1])) | texts | {"svg ['height', 'width', 'x', 'y']"}
    root = parsed(drawings[0])
    links = [value for each in root.iter() for name, value in each.attrib.items() if name.endswith("href")]
    assert all(re.fullmatch(r"/events/[0-9a-f]{32}", link) for link in links)
    assert [each.text for each in root.iter(f"{SVG}style")] == [STYLE]


def _said(text: str) -> Document:
    """An incident in which every name and word is this text."""
    story = Facts()
    alert = story.fires(text, "18:02:10", text, severity=text, series=text, said=text)
    story.page("triggered", "18:02:31", service=text, title=text, data={"assignees": [text]})
    story.page("acknowledged", "18:04:01", actor=text)
    story.deploys(text, "18:00:00", "18:00:05", text)
    story.says("note.added", "18:05:00", text, by=text)
    story.says("action.added", "18:06:00", text, data={"owner": text, "due": text, "state": "open"})
    story.add("status.updated", "18:07:00", title=text)
    story.ends(alert, "18:23:35")
    return story.draft()


def test_what_people_wrote_is_in_the_title_whole() -> None:
    """A label is cut where there is no room; what it is cut from stands in the title."""
    note = "The pool was exhausted since the deploy. " * 60
    story = Facts()
    story.fires("HighErrorRate", "18:02:10", "checkout")
    story.says("note.added", "18:05:00", note)
    assert note.strip() in svg(story.draft())


def test_the_same_document_gives_the_same_bytes() -> None:
    document = MADE_UP["example"]().draft()
    assert svg(document, width=360) == svg(document, width=360)
    assert svg(document) != svg(document, width=360)
    assert svg(document, style=False).count("<style>") == 0


def test_its_policy_allows_its_own_style_sheet_alone() -> None:
    """The picture that the daemon serves may have the one style sheet it has, and no script."""
    style = parsed(svg(MADE_UP["example"]().draft())).findtext(f"{SVG}style") or ""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert POLICIES["svg"].startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in POLICIES["svg"]


def test_no_text_is_wider_than_its_room() -> None:
    """A cut text fits, ends in an ellipsis, and lines hold every word that they are not told to cut."""
    assert width(fit("HighErrorRate on checkout", 60, FONT), FONT) <= 60
    assert fit("HighErrorRate on checkout", 60, FONT).endswith("…")
    assert fit("HighErrorRate", 5, FONT) == ""
    assert " ".join(wrap("one two three four", 40, FONT)) == "one two three four"
    assert all(width(line, FONT) <= 40 for line in wrap("one two three four " * 5, 40, FONT, 2))
    assert len(wrap("one two three four " * 5, 40, FONT, 2)) == 2
