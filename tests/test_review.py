"""How far the review of a postmortem is: told by every format, with what changed since, and kept as versions."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.drafting.rendering import postmortem
from collector.drafting.versions import STANDING, changes
from collector.event import HOUR, RecordedEvent
from collector.times import rfc3339
from renderers.document import Document
from renderers.draft import draft
from renderers.edits import taken_in
from renderers.formats import RENDERERS
from renderers.html import html
from renderers.lint import lint
from renderers.markdown import markdown, marked
from renderers.review import evidence
from renderers.rules import complaints
from renderers.standing import standing
from tests import face as faces
from tests.edited_drafts import with_edits
from tests.face import Connect, Face
from tests.histories import MADE_UP, Facts, example

REVIEW = "/api/v1/incidents/1/review"


def reviewed(story: Facts, status: str, when: str, **more: Any) -> RecordedEvent:
    """What somebody says of the draft as it is."""
    data = {"status": status, "evidence": evidence(story.history())}
    return story.says("incident.reviewed", when, data=data, **more)


@pytest.mark.parametrize(
    ("status", "label"),
    [("draft", "Draft"), ("in_review", "In review"), ("reviewed", "Reviewed"), ("published", "Published")],
)
def test_the_head_says_how_far_the_review_is_and_who_said_so(status: str, label: str) -> None:
    """In words, with the moment and the event; the status of the incident stays beside it."""
    told = example()
    event = reviewed(told, status, "16:30:00", tail="d0d0d")
    document = told.draft()
    sentence = f"{label} (Ana, 2026-03-04 16:30 UTC)"
    assert f"**Status:** Resolved · {sentence} [d0d0d]" in markdown(document)
    assert sentence in re.sub("<[^>]+>", "", html(document))
    assert all(sentence in RENDERERS[form](document) for form in ("confluence", "archive"))
    read = json.loads(RENDERERS["json"](document))["review"]
    assert (read["status"], read["by"], read["event"], read["changed"]) == (status, "Ana", event.id, False)
    assert lint(document) == ()


def test_a_draft_that_changed_since_says_so() -> None:
    """Late evidence, a correction and a person's words all make it another one; the next review is of that."""
    story = example()
    reviewed(story, "reviewed", "16:30:00")
    assert "changed since" not in story.markdown()
    story.fires("LateAlert", "14:05:00", "cart")
    text = story.markdown()
    assert "Reviewed (Ana, 2026-03-04 16:30 UTC), changed since [" in text
    assert [each.rule for each in complaints(text) if each.rule == "stale-review"] == ["stale-review"]
    reviewed(story, "reviewed", "17:00:00")
    assert "changed since" not in story.markdown()
    story.edits("summary", "Nobody could pay.", "17:30")
    assert "17:00 UTC), changed since [" in story.markdown()


def test_the_order_in_which_things_arrived_decides_nothing() -> None:
    """The same events give the same head, and what is said of the review is no evidence itself."""
    story = example()
    reviewed(story, "in_review", "16:30:00")
    reviewed(story, "reviewed", "16:40:00")
    assert draft(story.history(reversed(story.events))) == story.draft()
    assert story.draft().review is not None
    assert "Reviewed (Ana, 2026-03-04 16:40 UTC) [" in story.markdown()


@pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in MADE_UP.items()])
def test_how_an_incident_stands_is_what_its_draft_says(build: Callable[[], Facts]) -> None:
    """Whether it is over, how it is called and who led: the answers for lists and the draft are one."""
    document: Document = build().draft()
    row = json.loads(standing(document))["row"]
    read = json.loads(RENDERERS["json"](document))
    assert (row["title"], row["status"] == "resolved") == (read["title"], read["status"] == "resolved")
    assert row["events"] == len(document.history.by_id)
    assert (row["lead"] or "") in (read["lead"]["text"] if read["lead"] else "")


@pytest.fixture
async def noted(tmp_path: Path, aiohttp_client: Connect) -> AsyncIterator[Face]:
    """A server that renders its own incidents."""
    box: list[Face] = []

    async def render(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await postmortem(box[0].lists, number, format=form, as_of=as_of, options=asked)

    async def stands(number: int, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return await render(number, STANDING, as_of, asked)

    opened = faces.running(tmp_path, connect=aiohttp_client, standing=stands, changes=partial(changes, render))
    async with opened as face:
        box.append(face)
        await face.incident(1)
        yield face


async def says(face: Face, path: str, **fields: Any) -> None:
    """A statement, a second after the one before."""
    face.now += 1_000_000
    answer = await face.post(path, {"by": "Ada", **fields})
    assert answer.status == 201, answer.body


async def test_versions_are_what_was_known_when_the_review_was_stated(noted: Face) -> None:
    """Each can be rendered again, and says whether the draft is another one now."""
    await says(noted, REVIEW, status="in_review", text="please read")
    await says(noted, REVIEW, status="reviewed")
    read = (await noted.get("/api/v1/incidents/1/versions")).json["versions"]
    assert [(each["version"], each["status"], each["by"], each["changed"]) for each in read] == [
        (1, "in_review", "Ada", False), (2, "reviewed", "Ada", False),
    ]  # fmt: skip
    await says(noted, "/api/v1/incidents/1/edit", field="summary", value="Nobody could pay.")
    read = (await noted.get("/api/v1/incidents/1/versions")).json["versions"]
    assert [each["changed"] for each in read] == [True, True]
    at = noted.now - 1_000_000
    early = await postmortem(noted.lists, 1, as_of=at) or ""
    assert "Reviewed (Ada, " in early
    assert "Nobody could pay." not in early
    assert "changed since" not in early
    await says(noted, f"/api/v1/events/{read[1]['event']}/retract", reason="not yet")
    assert len((await noted.get("/api/v1/incidents/1/versions")).json["versions"]) == 1


async def test_what_people_changed_stands_apart_from_what_evidence_changed(noted: Face) -> None:
    """A section that somebody wrote is theirs; a late alert is evidence; a moment and itself are alike."""
    await says(noted, REVIEW, status="in_review")
    (version,) = (await noted.get("/api/v1/incidents/1/versions")).json["versions"]
    await says(noted, "/api/v1/incidents/1/edit", field="summary", value="Nobody could pay.")
    ring = [{"name": "another", "at": faces.NOW - 99 * 24 * HOUR + 60_000_000, "loud": True}]
    noted.now += 1_000_000
    assert (await noted.deliver(json.dumps(ring).encode())).status == 202
    await noted.followed()
    path = f"/api/v1/incidents/1/diff?from={version['as_of']}"
    differences = (await noted.get(path)).json["differences"]
    by = {who: [each["after"] for each in differences if each["by"] == who] for who in ("people", "evidence")}
    assert any("Nobody could pay." in each for each in by["people"])
    assert not any("another" in each for each in by["people"])
    assert any("another" in each for each in by["evidence"])
    assert all(each["events"] for each in differences if each["by"] == "people")
    assert (await noted.get(f"{path}&to={version['as_of']}")).json["differences"] == []
    (await noted.get("/api/v1/incidents/1/diff?to=2020-01-01T00:00:00Z")).problem(404)


async def test_what_people_edited_in_a_copy_is_told_as_theirs() -> None:
    """Their own lines, a line of ours that they changed, and one that they removed; nothing else is another."""
    story = example()
    base = marked(story.draft())
    theirs = re.sub("(?m)^- Alerts were firing.*\n", "", base.replace("## Impact", "Two shops closed.\n\n## Impact"))
    theirs = theirs.replace("acknowledged it at", "took it at", 1)
    drafts = {1: story.draft(), None: with_edits(story, taken_in(base, base, theirs, base, "archive")[0])}

    async def render(number: int, form: str, as_of: int | None, asked: Mapping[str, str]) -> str | None:
        return standing(drafts[as_of])

    differences = await changes(render, 1, 1, None, {}) or ()
    assert {(each.section, each.by) for each in differences} == {("summary", "people")}
    assert all(each.events for each in differences if each.after)
    texts = [f"{each.before[:18]} > {each.after[-17:]}" for each in differences]
    assert texts == ["Alerts were firing > ", " > 0 [0c6e4, 5f33e].", " > Two shops closed."]
    assert "took it at" in differences[1].after
    assert len(await changes(render, 1, None, 1, {}) or ()) == len(texts)


async def test_a_review_is_stated_once_whatever_came_between(noted: Face) -> None:
    """The same key again is known, though the draft is another one by then; another status is refused."""
    same = {"Idempotency-Key": "k1"}
    assert (await noted.post(REVIEW, {"status": "reviewed", "by": "Ada"}, headers=same)).status == 201
    await says(noted, "/api/v1/incidents/1/notes", text="more")
    assert (await noted.post(REVIEW, {"status": "reviewed", "by": "Ada"}, headers=same)).status == 200
    (await noted.post(REVIEW, {"status": "draft", "by": "Ada"}, headers=same)).problem(422)
    (await noted.post(REVIEW, {"status": "done", "by": "Ada"})).problem(422)


async def test_incidents_are_shown_as_they_stood_at_a_moment(noted: Face) -> None:
    """Lists, one incident and its events: of what had been received by then, and asked of that; nothing before it."""
    begun = rfc3339(noted.now)
    await says(noted, "/api/v1/incidents/1/edit", field="title", value="Shop down")
    edited = rfc3339(noted.now)
    await says(noted, "/api/v1/incidents/1/resolve")
    await noted.followed()
    path = "/api/v1/incidents"
    rows = {at: (await noted.get(f"{path}?as_of={at}")).json["incidents"] for at in (begun, edited)}
    assert [(row["title"], row["status"], row["ended_at"]) for (row,) in rows.values()] == [
        ("incident-1", "open", None), ("Shop down", "open", None),
    ]  # fmt: skip
    for at, (row,) in rows.items():
        assert (await noted.get(f"{path}/1?as_of={at}")).json == row
        events = (await noted.get(f"{path}/1/events?as_of={at}")).json["events"]
        assert len(events) == row["events"]
        assert all(event["received_at"] <= at for event in events)
    now = (await noted.get(f"{path}/1")).json
    assert now["status"] == "resolved"
    assert (await noted.get(f"{path}/1?as_of={rfc3339(noted.now)}")).json == now
    assert (await noted.get(f"{path}?as_of={edited}&status=resolved")).json["incidents"] == []
    assert (await noted.get(f"{path}?as_of={edited}&service=nothing")).json["incidents"] == []
    assert len((await noted.get(f"{path}?as_of={rfc3339(noted.now)}&status=resolved")).json["incidents"]) == 1
    assert (await noted.get(f"{path}?as_of=2020-01-01T00:00:00Z")).json["incidents"] == []
    (await noted.get(f"{path}/1?as_of=2020-01-01T00:00:00Z")).problem(404)


async def test_a_list_of_a_moment_goes_on_page_by_page(noted: Face) -> None:
    """Each incident once, whatever the page."""
    for number in (2, 3):
        await noted.incident(number)
    path, numbers = f"/api/v1/incidents?limit=1&as_of={rfc3339(noted.now)}", []
    while path:
        page = await noted.get(path)
        numbers += [row["number"] for row in page.json["incidents"]]
        path = page.headers["Link"][1:].partition(">")[0] if page.json["next"] else ""
    assert numbers == [3, 2, 1]
