"""The page of one incident: the same values as its draft, each event in place, over a real server."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec
import pytest

from collector.drafting import rendering
from collector.event import HOUR, Event
from collector.log import Submission
from collector.web.pages.rows import PageRow, owners
from collector.web.pages.zooming import steps
from tests.face import NOW, Face
from tests.page_checks import HOSTILE, HTML, SECOND, rings, seen, showing, structure, text
from tests.stories import firing, page

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with showing(tmp_path) as face:
        yield face


def events(tree: Element) -> list[str]:
    """The ids of the events that are shown in place."""
    return [(each.get("id") or "").removeprefix("e-") for each in tree.iter("article")]


async def test_the_page_says_what_the_draft_says(face: Face) -> None:
    """Title, durations and moments are those of the draft for machines, and no value is reckoned anew."""
    await rings(face, 3)
    await face.post("/api/v1/incidents/1/marks", {"mark": "mitigated", "at": "2026-03-04T14:05:00Z", "by": "Ada"})
    draft = json.loads(await rendering.postmortem(face.lists, 1, format="json", options={"detail": "all"}) or "")
    tree = await seen(face, "/incidents/1")
    assert text(tree.find(".//h1")) == draft["title"]
    [pill] = [each for each in tree.iter("span") if (each.get("class") or "").startswith("pill")]
    assert re.fullmatch(r"open for \d+ (s|min)", text(pill))
    shown = [each for kind in tree.iter("dl") if kind.get("class") == "facts" for each in kind.iter("div")]
    facts = {text(each.find("dt")): text(each.find("dd/strong")) for each in shown}
    durations = {each["term"]: each["seconds"] for each in draft["durations"]}
    assert facts["Time to mitigate"] == "2 min 50 s"
    assert durations["Time to mitigate"] == 170.0
    assert facts["Time to detect"] == "unknown"
    assert facts["Mitigated"] == "2026-03-04 14:05:00 UTC"
    headings = [text(each) for part in tree.iter("section") if part.get("class") == "draft" for each in part.iter("h3")]
    assert headings[:3] == ["Summary", "Impact", "Detection: how it was discovered"]


async def test_every_event_stands_in_its_row_with_its_payload_and_its_reason(face: Face) -> None:
    """Each once, with when it happened and arrived, why it is here in the draft's words, all that was recorded, and its
    own address."""
    await rings(face, 3)
    steps_of_page = [
        page("P9", "triggered", 842.3, data={"number": 311}),
        firing("Late", 842.4, "cart", refs=("page:P9",)),
    ]
    for each in steps_of_page:
        fields = {name: getattr(each, name) for name in Event.__struct_fields__}
        await face.log.append([Submission(source="pager", received_at=NOW, body=b"x", events=(Event(**fields),))])
    await face.followed()
    members = await face.lists.members(1)
    assert members[steps_of_page[1].id].reason == "shares page P9"
    tree = await seen(face, "/incidents/1")
    assert sorted(events(tree)) == sorted(members)
    for article in tree.iter("article"):
        name = (article.get("id") or "").removeprefix("e-")
        words = text(article)
        assert members[name].reason.replace("page P9", "the page 311 from pager") in words
        assert json.loads("".join((article.find("pre") or article).itertext()))["id"] == name
        assert "2026-03-04 14:02:" in words
        assert f"/events/{name}" in words


def test_a_row_of_a_storm_shows_some_of_its_events_in_place() -> None:
    """The first of them, and the one that was asked for; each event stands in the first row that cites it."""
    names = [f"{number:032x}" for number in range(50)]
    storm, later = (
        PageRow(at=NOW, label="", family="alert", parts_json=msgspec.Raw(b"[]"), suffixes=[], cites=cites)
        for cites in (names, [names[3], "f" * 32])
    )
    timed = [(NOW, storm), (NOW, later)]
    assert owners(timed, None) == {**dict.fromkeys(names[:20], 0), "f" * 32: 1}
    assert owners(timed, names[40])[names[40]] == 0


async def test_an_address_of_an_event_opens_it_in_its_surroundings(face: Face) -> None:
    """The page of its incident that has its row, with that row open; what is in none is shown by itself."""
    await rings(face, 150)
    last = max(await face.lists.members(1))
    answer = await face.get(f"/events/{last[-8:]}?zone=Europe/Madrid", headers=HTML)
    assert (answer.status, answer.headers["Location"]) == (
        303, f"/incidents/1?row={last}&zone=Europe/Madrid#e-{last}",
    )  # fmt: skip
    tree = await seen(face, answer.headers["Location"].partition("#")[0])
    opened = [each for each in tree.iter("details") if "open" in each.attrib and list(each.iter("article"))]
    assert [events(each) for each in opened] == [[last]]
    assert "page 2 of 2" in text(tree.find(".//main"))
    await face.deliver(b'[{"name": "soft"}]')
    await face.followed()
    [alone] = [near.event for near in (await face.lists.unjoined())[2]]
    words = text((await seen(face, f"/events/{alone.id}")).find(".//main"))
    assert "An event that is in no incident." in words
    assert "severity info opens no incident" in words


async def test_rows_are_sorted_by_when_they_arrived(face: Face) -> None:
    """What was told late stands late, at the time of its arrival."""
    await rings(face, 2)
    face.now = NOW + 3_600 * SECOND
    await face.deliver(
        json.dumps([{"name": "late", "at": NOW + SECOND // 2, "loud": True, "service": "checkout"}]).encode()
    )
    await face.followed()

    async def order(query: str) -> list[str]:
        tree = await seen(face, f"/incidents/1{query}")
        return [text(each) for each in tree.iter("summary") if each.find("time") is not None]

    happened, arrived = await order(""), await order("?order=arrived")
    assert ["late" in each for each in happened] == [False, True, False]
    assert ["late" in each for each in arrived] == [False, False, True]
    assert "15:02:10 UTC" in arrived[-1]


async def test_rows_are_filtered_and_the_count_says_so(face: Face) -> None:
    """By text and by kind; what the filter leaves out is counted."""
    await rings(face, 3)
    await face.post("/api/v1/incidents/1/notes", {"text": "restarted the workers", "by": "Ada"})
    words = text((await seen(face, "/incidents/1?kind=note&text=WORKERS")).find(".//main"))
    assert re.search(r"Timeline 1 of [2-9] rows", words), words
    assert "No row passes the filter." in text((await seen(face, "/incidents/1?text=nothing")).find(".//main"))


async def test_the_picture_and_the_rows_show_the_same(face: Face) -> None:
    """Of a time, of a text, of a kind; what is left out of one is left out of the other, and the count says so."""
    await rings(face, 5)
    await face.post("/api/v1/incidents/1/notes", {"text": "restarted the workers", "by": "Ada"})
    assert len(await drawn(face, "/incidents/1")) == 6
    for query, words in (
        ("kind=note", "Timeline 1 of "), ("text=WORKERS", "Timeline 1 of "),
        ("from=2026-03-04T14:02:11Z&to=2026-03-04T14:02:12Z", "Timeline 1 of "),
    ):  # fmt: skip
        tree = await seen(face, f"/incidents/1?{query}")
        assert words in text(tree.find(".//main"))
        shown = await drawn(face, f"/incidents/1?{query}")
        assert shown <= {f"#e-{name}" for name in events(tree)}
        assert len(shown) == 1
    nothing = await seen(face, "/incidents/1?from=2026-03-05&to=2026-03-06")
    assert "No row passes the filter." in text(nothing)
    await seen(face, "/incidents/1?from=2026-03-05&to=2026-03-04", 400)
    (await face.get("/api/v1/incidents/1/postmortem.svg?view=%7B%7D")).problem(400)


async def drawn(face: Face, path: str) -> set[str]:
    """The rows of the page that the things of its wide picture lead to."""
    [wide, _] = (await seen(face, path)).iter(f"{SVG}svg")
    return {href for link in wide.iter(f"{SVG}a") if (href := link.get("href") or "").startswith("#e-")}


def test_steps_lead_nearer_further_earlier_and_later() -> None:
    """In the middle of what is shown; further than all of it is all of it, and nothing leads beyond the ends."""
    minute = 60 * SECOND
    times = [NOW + number * minute for number in range(61)]
    whole = steps(times, None, None)
    assert list(whole) == ["nearer"]
    since, until = whole["nearer"]
    assert since is not None
    assert until is not None
    assert (since - NOW, until - NOW) == (15 * minute + SECOND // 4, 45 * minute + 3 * SECOND // 4)
    zoom = steps(times, since, until)
    assert list(zoom) == ["nearer", "further", "all", "earlier", "later"]
    assert (zoom["further"], zoom["all"]) == ((None, None), (None, None))
    assert zoom["earlier"] == (since - (until - since) // 2, until - (until - since) // 2)
    assert "earlier" not in steps(times, NOW, until)
    assert "nearer" not in steps(times, NOW, NOW + 10 * SECOND)
    assert steps([], None, None) == {}


async def test_what_the_daemon_recorded_is_hidden_until_asked_for(face: Face) -> None:
    """The daemon's own records are no part of the timeline; the address keeps whether they are shown."""
    await rings(face, 1)
    await face.deliver(b"{}")
    await face.followed()
    assert "source.unrecognised" not in text((await seen(face, "/incidents/1")).find(".//main"))
    tree = await seen(face, "/incidents/1?system=1")
    assert "source.unrecognised" in text(tree.find(".//ul[@class='system']"))


async def test_the_page_shows_what_was_known_by_a_moment(face: Face) -> None:
    """What arrived later is not there, and the page says so."""
    await rings(face, 1)
    face.now = NOW + 600 * SECOND
    await face.deliver(
        json.dumps([{"name": "later", "at": NOW + SECOND, "loud": True, "service": "checkout"}]).encode()
    )
    await face.followed()
    words = text((await seen(face, "/incidents/1?as_of=2026-03-04T14:05:00Z")).find(".//main"))
    assert "As it was known at 2026-03-04T14:05:00Z" in words
    assert "later" not in words
    assert "later" in text((await seen(face, "/incidents/1")).find(".//main"))
    await seen(face, "/incidents/1?as_of=2020-01-01", 404)


async def test_the_picture_is_there_for_a_wide_and_a_narrow_screen(face: Face) -> None:
    """Two drawings without a style of their own; each link in them leads to a row of the page."""
    await rings(face, 3)
    tree = await seen(face, "/incidents/1")
    drawn = list(tree.iter(f"{SVG}svg"))
    assert len(drawn) == 2
    # The script that fits them stops what stands behind it: a browser that reads the head asks for it already.
    early = [each.get("href") for each in tree.iter("link") if each.get("rel") == "preload"]
    scripts = [each.get("src") for each in tree.iter("script")]
    assert early == [each for each in scripts if "/picture.js" in (each or "")] != []
    links = {link.get("href") for picture in drawn for link in picture.iter(f"{SVG}a")}
    assert links
    assert links <= {f"#e-{name}" for name in events(tree)}
    rows = events(tree)
    for only, pictures, in_place in (("view", 1, rows), ("view&phone=1", 2, rows), ("picture", 1, [])):
        fragment = await seen(face, f"/incidents/1?only={only}")
        assert (len(list(fragment.iter(f"{SVG}svg"))), events(fragment)) == (pictures, in_place)
        assert [form.get("class") for form in fragment.iter("form") if form.get("method") == "post"] == ["ticked"][
            : len(in_place)
        ]
        assert not [link for link in fragment.iter("a") if "only" in (link.get("href") or "")]
        # The room that a picture has before it is read is that of the picture.
        room = next(each for each in fragment.iter("canvas") if each.get("class") == "room-wide")
        wide = next(fragment.iter(f"{SVG}svg"))
        assert [(wide.get(name) or "").partition(".")[0] for name in ("width", "height")] == [
            room.get("width"),
            room.get("height"),
        ]


async def test_a_number_that_was_merged_away_leads_on(face: Face) -> None:
    """An old link works, and keeps what it asked for."""
    await face.incident(1, service="cart")
    await face.incident(2, service="checkout")
    await face.post("/api/v1/incidents/1/merge", {"other": 2, "by": "Ada"})
    answer = await face.get("/incidents/2?order=arrived", headers=HTML)
    assert (answer.status, answer.headers["Location"]) == (303, "/incidents/1?order=arrived")
    await seen(face, "/incidents/9", 404)


async def test_what_a_sender_wrote_changes_no_structure_of_an_incident(face: Face) -> None:
    """The same elements and attributes whatever stands in titles, notes and names of people: those of a name that is
    one word, or of one that is several, which sentences quote."""
    shapes = []
    for number, wording in enumerate(("plain", "plain words", *HOSTILE), start=1):
        clean = wording.replace("\x00", "")
        face.now = day = NOW - (100 - number) * 24 * HOUR
        ring = {"name": clean, "at": day, "loud": True, "service": f"service-{number}"}
        assert (await face.deliver(json.dumps([ring]).encode())).status == 202
        await face.followed()
        face.now = day + HOUR
        one = f"/api/v1/incidents/{number}"
        assert (await face.post(f"{one}/notes", {"text": clean, "by": "Ada"})).status == 201
        assert (await face.post(f"{one}/actions", {"text": clean, "owner": clean, "by": "Ada"})).status == 201
        await face.followed()
        page = await seen(face, f"/incidents/{number}")
        for picture in list(page.iter("figure")):
            # A picture is as large as its texts; those of hostile texts are held by its own tests.
            assert {str(each.tag).removeprefix(SVG) for each in picture.iter()} <= DRAWN
            picture.clear()
        shapes.append(list(structure(page)))
    assert shapes[0] != shapes[1]
    for wording, shape in zip(HOSTILE, shapes[2:], strict=True):
        assert shape in shapes[:2], wording


DRAWN = {
    "figure", "div", "figcaption", "svg", "title", "defs", "pattern", "path", "g", "rect", "text", "tspan", "line", "a",
    "circle", "polygon", "p", "span", "canvas", "noscript",
}  # fmt: skip
"""What a picture is made of, and what stands above it."""
