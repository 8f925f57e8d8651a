"""Writing in a section of a postmortem: over what was read, once, and shown by every format."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from collector import people
from collector.drafting.rendering import postmortem
from tests.face import JSON, Answer, Face

SUMMARY = "/api/v1/incidents/1/postmortem/summary"
TEXT = "Shoppers could not pay.\n\nOrders were kept: nothing | was `lost`."


async def put(face: Face, text: str, etag: str | None, path: str = SUMMARY, **headers: str) -> Answer:
    """A write over what was read, a second after the one before."""
    face.now += 1_000_000
    named = JSON | headers | ({"If-Match": etag} if etag is not None else {})
    return await face.ask("PUT", path, data=json.dumps({"text": text, "by": "Ada"}), headers=named)


async def test_a_section_is_written_over_what_was_read(face: Face) -> None:
    """201 and the next ETag; who has not read it is told so and changes nothing."""
    await face.incident(1)
    face.follow()
    before = await face.get(SUMMARY)
    assert (before.json["text"], before.json["event"], before.headers["ETag"]) == ("", None, '"none"')
    first = await put(face, TEXT, before.headers["ETag"])
    assert first.status == 201, first.body
    late = await put(face, "Nobody could pay.", before.headers["ETag"])
    assert "newer text by Ada" in late.problem(412)["detail"]
    (await put(face, "Nobody could pay.", None)).problem(428)
    (await put(face, "Nobody could pay.", f"W/{first.headers['ETag']}")).problem(412)
    read = await face.get(SUMMARY)
    assert (read.json["text"], read.json["by"], read.headers["ETag"]) == (TEXT, "Ada", first.headers["ETag"])
    assert read.json["event"] == first.json["event"]
    assert (await face.get(SUMMARY, headers={"If-None-Match": read.headers["ETag"]})).status == 304
    assert (await put(face, "Better.", first.headers["ETag"])).status == 201
    assert (await face.get(SUMMARY)).json["text"] == "Better."


async def test_of_two_who_write_at_a_time_one_is_told(face: Face) -> None:
    """Both read the same; one text is stored."""
    await face.incident(1)
    face.follow()
    answers = await asyncio.gather(*(put(face, f"text {n}", '"none"') for n in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 412, 412, 412]


async def test_a_write_that_is_sent_again_is_answered_as_the_first(face: Face) -> None:
    """The same Idempotency-Key states it once, though the text it was made from is no longer the newest."""
    await face.incident(1)
    face.follow()
    key: dict[str, Any] = {"Idempotency-Key": "k1"}
    answers = [await put(face, TEXT, '"none"', **key) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].json["event"] == answers[1].json["event"]


@pytest.mark.parametrize("section", ["timeline", "title", "nothing"])
async def test_a_section_that_there_is_not_is_said(face: Face, section: str) -> None:
    """Also one that is made of events alone."""
    await face.incident(1)
    path = f"/api/v1/incidents/1/postmortem/{section}"
    assert (await face.get(path)).problem(404)["errors"][0]["pointer"] == "section"
    (await put(face, "x", "*", path)).problem(404)


async def test_every_section_shows_what_was_written(face: Face) -> None:
    """In Markdown and JSON, as text, with the event that proves it; its first question is not asked any more."""
    await face.incident(1)
    face.follow()
    questions = (await postmortem(face.lists, 1) or "").count("**Fill in:**")
    for section in people.ANSWERED:
        path = f"/api/v1/incidents/1/postmortem/{section}"
        said = f"First of {section.replace('_', ' ')}.\n\nThen\n# more"
        assert (await put(face, said, '"none"', path)).status == 201
    text, draft_json = await postmortem(face.lists, 1) or "", await postmortem(face.lists, 1, format="json") or ""
    for section in people.ANSWERED:
        event = (await face.get(f"/api/v1/incidents/1/postmortem/{section}")).json["event"]
        first = f"First of {section.replace('_', ' ')}."
        assert f"{first} [{event[-5:]}]" in text or section == "impact"
        assert first.removesuffix(".") in text
        assert first.removesuffix(".") in draft_json
    assert "\n# more" not in text
    assert text.count("**Fill in:**") < questions
